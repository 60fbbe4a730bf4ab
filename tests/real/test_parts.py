#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Toolchains whose packages keep a part of themselves outside /usr (data/runtimes: part, modules) under `ward run --mode
workspace_write`, without a grant by hand and without a refusal; and what of such places is not shown."""
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box  # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, skip  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from laid import MODE, SYSTEM, as_outside, inside, sh  # noqa: E402  pylint: disable=wrong-import-position

FILES = {
    "tex": {"a.tex": "\\documentclass{article}\\begin{document}$x^2$ \\cite{b}\\bibliographystyle{plain}\\bibliography{b}\\end{document}\n",
            "b.bib": "@book{b, title={T}, author={A}, year=1}\n"},
    "docbook": {"a.xml": '<?xml version="1.0"?><!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://www.oasis-open.org/docbook/xml/4.5/docbookx.dtd">'
                         "<book><title>x</title><chapter><title>y</title><para>z</para></chapter></book>\n"},
    "php": {"a.php": "<?php exit(ctype_alpha('a') && mb_strlen('a') == 1 && json_encode([1]) === '[1]' ? 0 : 1);\n",
            "XTest.php": "<?php class XTest extends PHPUnit\\Framework\\TestCase { function testX(): void { $this->assertSame(1, 1); } }\n",
            "composer.json": '{"name": "a/b", "require": {}}\n'},
    "java": {"A.java": "class A { public static void main(String[] a) { System.out.println(1); } }\n", "x.groovy": "assert 1 + 1 == 2\n"},
    "fonts": {"a.txt": "a\n"},
}
COMMANDS = {
    "tex": [["pdflatex", "-interaction=batchmode", "a.tex"], ["bibtex", "a"], ["sh", "-c", "latexmk -pdf -interaction=batchmode a.tex"],
            ["lualatex", "-interaction=batchmode", "a.tex"], ["dvips", "--version"]],
    "docbook": [["xmllint", "--nonet", "--valid", "--noout", "a.xml"]],
    "php": [["php", "a.php"], ["phpunit", "XTest.php"], ["composer", "validate", "--no-check-publish"]],
    "java": [["java", "A.java"], ["javac", "A.java"], ["mvn", "-v"], ["ant", "-version"], ["groovy", "x.groovy"]],
    "fonts": [["fc-list"], ["fc-match", "sans"]],
}


@both_cases([(kind, kind) for kind in FILES])
def works(p, kind):
    as_outside(p, FILES[kind], COMMANDS[kind], {"PATH": SYSTEM, "HOME": str(p.home)})


@both
def what_packages_laid_outside_usr_is_only_read(p):
    there = [n for n in ("/var/lib/texmf", "/etc/xml", "/etc/fonts", "/var/lib/gems", "/var/cache/fontconfig", "/etc/debian_version") if os.path.exists(n)]
    if not there:
        skip("none of these on this host")
    r = p.run(*MODE, "--", "sh", "-c", f"for f in {' '.join(there)}; do test -r $f && echo $f; test -w $f && echo written; done")
    check_eq(r.out.split(), there, r.err)
    r = p.run(*MODE, "--", "sh", "-c", f"for f in {' '.join(there)}; do touch $f $f/x; done")
    check(r.code != 0 and not any(os.path.exists(n + "/x") for n in there), r.out + r.err)
    r = p.run("--", "ls", "-d", *there)   # not without a mode
    check_eq(r.out.split(), [], r.err)
    # Who asks what a mode says is told, with no command at hand.
    r = p.run(*MODE, "--op", "read", "--path", there[0], kind=("policy", "explain"), log=False)
    check_eq(r.code, 0, r.out + r.err)
    check("data/runtimes" in r.out, r.out)
    rules = p.side / "no.cedar"
    rules.write_text("".join(f'@id("no") forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{n}");\n' for n in there))
    r = p.run(*MODE, "--policy", rules, "--", "sh", "-c", f"for f in {' '.join(there)}; do test -r $f && ls $f/* && cat $f; done")
    check_eq(r.out, "", r.err)


@both
def of_the_settings_of_php_the_names_of_its_modules_are_shown(p):
    """Vendors' keys lie among them: what is there is a list that Ward made of names of files."""
    if not shutil.which("php", path=SYSTEM) or sh("php", "-m", cwd=p.ws).returncode or not os.path.isdir("/etc/php"):
        skip("no php of Debian here")
    r = inside(p, p.ws, "sh", "-c", "cd /etc/php && find . -type f && cat */cli/conf.d/*", env={"PATH": SYSTEM, "HOME": str(p.home)})
    check_eq(r.code, 0, r.err)
    files = [line for line in r.out.splitlines() if line.startswith("./")]
    check(files and all(f.endswith("/cli/conf.d/00-modules.ini") for f in files), r.out)
    lines = [line for line in r.out.splitlines() if not line.startswith("./")]
    check(len(lines) > 2 and all(re.fullmatch(r"(zend_)?extension=[a-z0-9_]+", line) for line in lines), r.out)
    r = inside(p, p.ws, "php", "-m", env={"PATH": SYSTEM, "HOME": str(p.home)})
    check_eq((r.code, sorted(r.out.split())), (0, sorted(sh("php", "-m", cwd=p.ws).stdout.split())), r.err)


if __name__ == "__main__":
    box.main()

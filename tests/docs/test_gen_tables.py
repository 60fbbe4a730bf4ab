#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gen-tables: each mistake in data/minimum, base, environment, runtimes or persist is one line with file and line number, and
nothing is written; what it makes of the shipped data holds every line of it."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

FILES = ("minimum", "base", "environment", "runtimes", "persist")


def run(name=None, extra="", drop=None):
    """-> (exit code, stderr, the C text or None, lines of the data file before extra)"""
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        for f in FILES:
            shutil.copy(ROOT / "data" / f, d / f)
        count = 0
        if name:
            lines = [line for line in (d / name).read_text().splitlines() if not drop or not line.startswith(drop)]
            count = len(lines)
            (d / name).write_text("\n".join([*lines, extra]) + "\n")
        p = subprocess.run([sys.executable, ROOT / "tools/gen-tables", d, d / "out.c"], capture_output=True, text=True,
                           check=False)
        out = d / "out.c"
        return p.returncode, p.stderr, out.read_text() if out.exists() else None, count


@cases([(f"{name}: {line}", name, line, part) for name, line, part in [
    ("minimum", "files enforced", "files is given twice"),
    ("minimum", "fils enforced", 'not "AXIS LEVEL"'),
    ("minimum", "files enforcd", 'not "AXIS LEVEL"'),
    ("persist", "hold .x", "unknown word hold"),
    ("persist", "held .envrc", ".envrc is given twice"),
    ("persist", "held .ENVRC", ".ENVRC is given twice"),
    ("persist", "held ../x", "../x: not a name of one to four components"),
    ("persist", "held //x", "//x: not a name of one to four components"),
    ("persist", "held a/b/c/d/e", "not a name of one to four components"),
    ("persist", "held *a*", "*a*: one * in a component"),
    ("persist", "held a b", "held NAME"),
    ("persist", "held a file b", "held NAME"),
    ("persist", "held a/ file", "a/: a directory is no file"),
    ("persist", "pass a file", "a: one component"),
    ("persist", "pass a/b", "a/b: one component"),
    ("persist", "why", "why TEXT"),
    ("base", "bind relative", "relative: not an absolute, normalised path"),
    ("base", "bind /a/../b", "not an absolute, normalised path"),
    ("base", "bind /a b", "bind PATH [led]"),
    ("base", "bind", ""),
    ("base", "private /x 60 0700", "the shares exceed 64"),
    ("base", "private /x many 0700", ""),
    ("base", "generate /etc/shadow shadow", "generate PATH"),
    ("base", "frob /x", "unknown word frob"),
    ("environment", "set lower x", "lower: not a name"),
    ("environment", "set A", "wrong number of words"),
    ("environment", "hide X", "unknown word hide"),
    ("runtimes", "runtime x relative *", "not an absolute, normalised path"),
    ("runtimes", "runtime x ~/x", "runtime NAME ROOT SHAPE"),
    ("runtimes", "shim nope ~/x ~/y", "RUNTIME from above"),
    ("runtimes", "marker x a/b", "marker NAME FILE"),
    ("runtimes", "hide nope x", "hide RUNTIME PATH, RUNTIME from above, or *"),
    ("runtimes", "hide conda ../x", "../x: not a path below it"),
    ("runtimes", "hide conda /x", "/x: not a path below it"),
    ("runtimes", "hide conda a/*", "a/*: not a path below it"),
    ("runtimes", "hide conda .condarc", "hide conda .condarc is given twice"),
    ("runtimes", "hide conda a/*/b c", "a/*/b: names in a directory, and no * in it"),
    ("runtimes", "hide conda a b/c", "a: names in a directory, and no * in it"),
    ("runtimes", "sign nope x", "sign RUNTIME FILE, RUNTIME from above"),
    ("runtimes", "sign jdk x", "sign RUNTIME FILE, RUNTIME from above"),
    ("runtimes", "sign dotnet ..", "sign RUNTIME FILE, RUNTIME from above"),
    ("runtimes", "home pkgx X", "pkgx: any directory could be said: no sign of it stands above"),
    ("runtimes", "all nope x", "all RUNTIME PROGRAM, RUNTIME from above"),
    ("runtimes", "all dotnet dotnet", "dotnet: the last component alone is a version"),
    ("runtimes", "home nope X", "home RUNTIME VARIABLE, RUNTIME from above"),
    ("runtimes", "home dotnet x", "home RUNTIME VARIABLE, RUNTIME from above"),
    ("runtimes", "script py python3", "script .EXT PROGRAM"),
    ("runtimes", "needs gcc rel", "not an absolute, normalised path"),
    ("runtimes", "part", "part PATH"),
    ("runtimes", "part rel", "not an absolute, normalised path"),
    ("runtimes", "part /var/lib/texmf", "/var/lib/texmf is given twice"),
    ("runtimes", "part /etc/ssh/x", "/etc/ssh/x: may hold what nobody means to show"),
    ("runtimes", "part /root", "/root: may hold what nobody means to show"),
    ("runtimes", "part /etc/php", "/etc/php: may hold what nobody means to show"),
    ("runtimes", "part /etc", "/etc: may hold what nobody means to show"),
    ("runtimes", "modules /a /b", "modules PATH"),
    ("runtimes", "module A", "module NAME [zend]"),
    ("runtimes", "module a b", "module NAME [zend]"),
    ("runtimes", "frob x", "unknown word frob"),
]])
def mistakes(name, line, part):
    code, err, out, count = run(name, line)
    check_eq(code, 1, err)
    check_eq(out, None, "something was written")
    check_eq(len(err.splitlines()), 1, err)
    check_in(f"data/{name}:{count + 1}: ", err)
    check_in(part, err)


@test
def a_missing_axis():
    code, err, out, _ = run("minimum", drop="pids")
    check_eq((code, out), (1, None))
    check_in("no line for pids", err)


@test
def the_shipped_data():
    code, err, out, _ = run()
    check_eq(code, 0, err)
    words = 0
    for name in FILES:
        for line in (ROOT / "data" / name).read_text().splitlines():
            line = line.split("#")[0].split()
            if name == "base" and line:
                check_in(f'"{line[1]}"', out)
            if name == "environment" and line:
                check_in(f'"{"=".join(line[1:])}"', out)
            if name == "persist" and line and line[0] != "why":
                check_in(f'"{line[1].lower().rstrip("/")}"', out)
            if name == "runtimes" and line and line[1] != "*":
                check_in(f'"{line[1]}"', out)
            words += bool(line)
    check(words > 80, f"only {words} lines were compared")
    check_in("[WARD_AXIS_FILES_META] = WARD_LEVEL_NONE", out)


main()

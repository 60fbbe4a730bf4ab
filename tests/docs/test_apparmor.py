#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/apparmor/ward.in by tools/install-apparmor: for the installed path and no other, and in AppArmor's own words where its parser is."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import check, check_eq, main, skip, test  # noqa: E402

TOOL = ROOT / "tools/install-apparmor"


def installed(prefix):
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run([TOOL, d, prefix], capture_output=True, text=True, check=False)
        check_eq((p.returncode, p.stderr), (0, ""))
        path = pathlib.Path(d) / "etc/apparmor.d/ward"
        check_eq(path.stat().st_mode & 0o777, 0o644)
        check_eq([x.name for x in path.parent.iterdir()], ["ward"])
        return path.read_text()


@test
def the_profile_is_for_the_installed_program_alone():
    text = installed("/opt/tools")
    check_eq(re.findall(r"^profile ward (\S+) flags=\(unconfined\) \{$", text, re.M), ["/opt/tools/bin/ward"])
    check(re.search(r"^  userns,$", text, re.M), "no userns rule")
    check("@" not in text.replace("@{", ""), "a word that nobody filled in")
    check("*" not in re.sub(r"#.*", "", text), "a pattern: more than one program")


@test
def it_is_taken_away_with_the_program_that_it_is_about():
    with tempfile.TemporaryDirectory() as d:
        path = pathlib.Path(d) / "etc/apparmor.d/ward"
        subprocess.run([TOOL, d, "/opt/tools"], check=True)
        for prefix, stays in (("/opt", True), ("/opt/tools", False), ("/opt/tools", False)):
            p = subprocess.run([TOOL, "--remove", d, prefix], capture_output=True, text=True, check=False)
            check_eq((p.returncode, p.stderr, path.exists()), (0, "", stays), prefix)


@test
def the_parser_reads_it():
    parser = shutil.which("apparmor_parser") or shutil.which("apparmor_parser", path="/usr/sbin:/sbin")
    if not parser:
        skip("no apparmor_parser")
    text = installed("/usr")
    version = subprocess.run([parser, "--version"], capture_output=True, text=True, check=False).stdout
    major = int((re.search(r"version (\d+)\.", version) or [0, "0"])[1])
    if major < 4:     # without what only 4 knows, the rest has to be read by what is there
        text = text.replace("abi <abi/4.0>,", "abi <abi/3.0>,").replace("  userns,\n", "")
    p = subprocess.run([parser, "-Q", "-K", "--skip-kernel-load"], input=text, capture_output=True, text=True, check=False)
    check_eq(p.returncode, 0, p.stderr)
    broken = subprocess.run([parser, "-Q", "-K", "--skip-kernel-load"], input=text.replace("flags=(unconfined) {", "flags={"),
                            capture_output=True, text=True, check=False)
    check(broken.returncode != 0, "the parser reads everything")


main()

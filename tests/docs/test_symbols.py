#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""include/ward, src/libward.map and the built libward.so name the same functions, and every one is documented.

usage: test_symbols.py LIBWARD_SO
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = sys.argv.pop(1)
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import check, check_eq, main, test  # noqa: E402


def declared():
    """{function: has it a comment above it, or shares the comment of the line before} over the public headers."""
    found = {}
    for header in sorted((ROOT / "include/ward").glob("*.h")):
        text = header.read_text().replace("\\\n", " ")
        for m in re.finditer(r"^[a-z][\w \*]*?\b\*?(ward_\w+)\([^;{]*?\);", text, re.M | re.S):
            before = text[:m.start()].rstrip("\n").split("\n")[-1].strip()
            found[m.group(1)] = before.endswith("*/") or before.endswith(";")
    check(found, "no public function found")
    return found


def exported():
    out = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    return sorted({line.split()[2].split("@")[0] for line in out.splitlines() if line.split()[1] in "TDBRVW"})


@test
def the_map_lists_what_the_headers_declare():
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "src/libward.map").read_text(), flags=re.S)
    check_eq(sorted(re.findall(r"\b(ward_\w+);", text)), sorted(declared()))


@test
def the_library_exports_what_the_headers_declare():
    check_eq(exported(), sorted(declared()))


@test
def every_public_function_is_documented():
    check_eq([name for name, commented in declared().items() if not commented], [])


main()

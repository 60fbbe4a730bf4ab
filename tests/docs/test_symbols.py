#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""include/ward, the maps of src and the built libraries name the same functions, and every one is documented.

usage: test_symbols.py LIBWARD_SO LIBWARD_POLICY_SO
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each with the headers whose functions it exports.
LIBRARIES = [("libward", sys.argv.pop(1), ("approve", "cedar", "error", "live", "policy", "review", "trust", "ward")),
             ("libward-policy", sys.argv.pop(1), ("cedar", "error"))]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, main, test  # noqa: E402


def declared(names):
    """{function: has it a comment above it, or shares the comment of the line before} over public headers."""
    found = {}
    for name in names:
        text = (ROOT / f"include/ward/{name}.h").read_text().replace("\\\n", " ")
        for m in re.finditer(r"^[a-z][\w \*]*?\b\*?(ward_\w+)\([^;{]*?\);", text, re.M | re.S):
            before = text[:m.start()].rstrip("\n").split("\n")[-1].strip()
            found[m.group(1)] = before.endswith("*/") or before.endswith(";")
    check(found, "no public function found")
    return found


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return sorted({line.split()[2].split("@")[0] for line in out.splitlines() if line.split()[1] in "TDBRVW"})


@test
def every_header_is_in_a_library():
    headers = {p.stem for p in (ROOT / "include/ward").glob("*.h")}
    check_eq(headers, {name for _, _, names in LIBRARIES for name in names})


@cases(LIBRARIES)
def the_map_lists_what_the_headers_declare(library, headers):
    name = pathlib.Path(library).name.split(".")[0]
    text = re.sub(r"/\*.*?\*/", "", (ROOT / f"src/{name}.map").read_text(), flags=re.S)
    check_eq(sorted(re.findall(r"\b(ward_\w+);", text)), sorted(declared(headers)))


@cases(LIBRARIES)
def the_library_exports_what_the_headers_declare(library, headers):
    check_eq(exported(library), sorted(declared(headers)))


@test
def the_language_needs_nothing_but_the_c_library():
    out = subprocess.run(["readelf", "-dW", LIBRARIES[1][1]], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[([^]]*)\]", out)
    check(needed, "readelf says nothing")
    # libm and the loader are parts of the C library; a sanitizer brings its own.
    check_eq([n for n in needed if not re.match(r"(libc|libm|ld-linux.*|libasan|libubsan|libgcc_s|libclang_rt.*)\.so", n)], [])


@test
def a_thread_of_the_library_never_loses_its_code():
    """One that only closes a socket may be left behind by a run, and whoever had it may close the library then."""
    out = subprocess.run(["readelf", "-dW", LIBRARIES[0][1]], capture_output=True, text=True, check=True).stdout
    check(re.search(r"\(FLAGS_1\).*NODELETE", out), out)


@test
def every_public_function_is_documented():
    check_eq([name for name, commented in declared(("cedar", "error", "trust", "ward")).items() if not commented], [])


main()

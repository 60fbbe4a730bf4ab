#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone, included twice, under every standard that we promise, warnings as errors.

usage: test_headers.py INCLUDE_DIR CC [ARG...]
"""
import pathlib
import shutil
import subprocess
import sys

INCLUDE = pathlib.Path(sys.argv[1])
CC = sys.argv[2:]
sys.argv = sys.argv[:1]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
from tap import cases, check, check_eq, main, skip, test  # noqa: E402

STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C_ONLY = ["-Wstrict-prototypes", "-Wmissing-prototypes"]
HEADERS = sorted(p.relative_to(INCLUDE).as_posix() for p in INCLUDE.rglob("*.h"))


def compile_alone(command, language, header, more="int ward_unused_;\n"):
    done = subprocess.run([*command, *STRICT, "-I", INCLUDE, "-x", language, "-"], capture_output=True, text=True,
                          input=f"#include <{header}>\n#include <{header}>\n{more}", check=False)
    check_eq(done.returncode, 0, done.stderr)


@test
def there_are_public_headers():
    check(len(HEADERS) > 0)


@cases([(f"{h} as {std}", h, std) for h in HEADERS for std in ("c99", "c11", "c17", "gnu17")])
def c(header, std):
    compile_alone([*CC, f"-std={std}", *C_ONLY], "c", header)


def cxx():
    """The C++ compiler of the same family as CC, or any."""
    family = ["clang++-14", "clang++"] if "clang" in CC[-1] else ["g++", "c++"]
    for name in (*family, "g++", "clang++-14"):
        if shutil.which(name):
            return name
    return skip("no C++ compiler here (apt package g++)")


@cases([(f"{h} as {std}", h, std) for h in HEADERS for std in ("c++17",)])
def cplusplus(header, std):
    compile_alone([cxx(), f"-std={std}"], "c++", header)


# What a caller writes with a macro of ours is warned of no more than the header is.
USED = "int ward_used_(void);\nint ward_used_(void)\n{\n\tstruct ward_error e = WARD_ERROR_INIT;\n\n\treturn e.code;\n}\n"


@test
def an_error_is_initialised():
    for std in ("c99", "c17"):
        compile_alone([*CC, f"-std={std}", *C_ONLY], "c", "ward/error.h", USED)
    for std in ("c++11", "c++17"):
        compile_alone([cxx(), f"-std={std}"], "c++", "ward/error.h", USED)


main()

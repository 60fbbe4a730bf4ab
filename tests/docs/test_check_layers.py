#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check-layers catches each kind of violation: every case is a small tree with one thing wrong in it."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
LAYERS = "base:\nos: base\npolicy: base\ndecide: base policy\nplan: base policy decide\n" \
         "audit: base os\nconfine: base os plan\nrun: base os policy decide plan audit confine\nbin: base\n"
GOOD = {
    "src/LAYERS": LAYERS,
    "include/ward/ward.h": SPDX + "#include <stddef.h>\n#include \"ward/error.h\"\n",
    "include/ward/error.h": SPDX,
    "src/base/base.h": SPDX + '#include "base/limits.h"\n#include "ward/error.h"\n',
    "src/base/limits.h": SPDX,
    "src/base/text.h": SPDX,
    "src/base/buf.c": SPDX + '#include <string.h>\n#include "base/base.h"\n#include "base/text.h"\n#include "text.h"\n',
    "src/os/meson.build": "custom_target('x', output: 'made.h')\n",
    "src/os/made.c": SPDX + '#include "made.h"\n',
    "src/os/deep/made.c": SPDX + '#include "made.h"\n',
    "src/os/os.h": SPDX,
    "src/os/missing.h": SPDX,
    "src/os/loop.h": SPDX,
    "src/os/fd.c": SPDX + '#include <fcntl.h>\n#include "os/os.h"\n#include "os/missing.h"\nint f(void)\n{\n\treturn open("x", 0);\n}\n',
    "src/plan/plan.h": SPDX,
    "src/plan/build.c": SPDX + "int f(void)\n{\n\treturn ward_decide();\n}\n",
    "src/confine/confine.h": SPDX,
    "src/confine/native/native.h": SPDX,
    "src/confine/native/wire.h": SPDX,
    "src/confine/native/cage.c": SPDX + '#include "confine/confine.h"\n#include "confine/native/wire.h"\n',
    "src/confine/gvisor/gvisor.h": SPDX,
    "src/confine/pick.c": SPDX + '#include "confine/native/native.h"\n',
    "src/run/a.c": SPDX + '#include "os/missing.h"\nint f(void)\n{\n\treturn open("/proc/self/maps", 0);\n}\n',
    "src/run/ask.c": SPDX + "int f(void)\n{\n\treturn ward_decide() + x->open(1) + my_access(2);\n}\n",
    "src/bin/ward.c": SPDX + '#include <fcntl.h>\n#include "base/base.h"\n#include "ward/ward.h"\n',
}


def long_function(lines):
    return SPDX + "static int\nlong_one(void)\n{\n" + "\tx();\n" * (lines - 4) + "}\n"


def run_on(changes):
    """Make the good tree with changes {path: text or None}, run the checker, return (exit code, stderr)."""
    with tempfile.TemporaryDirectory(prefix="ward-layers-") as top:
        for name, text in {**GOOD, **changes}.items():
            path = pathlib.Path(top, name)
            if text is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        done = subprocess.run([sys.executable, ROOT / "tools/check-layers", "--root", top], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stderr


def body(call):
    return SPDX + "int f(void)\n{\n\treturn " + call + ";\n}\n"


@test
def a_tree_without_faults_passes():
    code, text = run_on({})
    check_eq((code, text), (0, ""))


@test
def the_tree_that_we_are_in_passes():
    done = subprocess.run([sys.executable, ROOT / "tools/check-layers"], capture_output=True, text=True, check=False)
    check_eq(done.stderr, "")
    check_eq(done.returncode, 0)


@cases([
    ("an upward include", {"src/base/buf.c": SPDX + '#include "os/os.h"\n'}, "src/base/buf.c:2: [include] base may not include os"),
    ("a sibling that LAYERS does not list", {"src/audit/a.c": SPDX + '#include "confine/confine.h"\n'}, "[include] audit may not"),
    ("a private header of another folder", {"src/run/a.c": SPDX + '#include "os/loop.h"\n'}, '[door] "os/loop.h" is private to os'),
    ("a constants header where os is out of reach", {"src/base/buf.c": SPDX + '#include "os/missing.h"\n'}, "base may not include os"),
    ("limits.h past base.h", {"src/os/a.c": SPDX + '#include "base/limits.h"\n'}, '[door] "base/limits.h"'),
    ("a folder that nobody knows", {"src/run/a.c": SPDX + '#include "serve/serve.h"\n'}, "LAYERS knows no serve"),
    ("a dotdot include", {"src/run/a.c": SPDX + '#include "../os/os.h"\n'}, 'no ".."'),
    ("a bare name that is not beside the file", {"src/run/a.c": SPDX + '#include "os.h"\n'}, "is not beside this file"),
    ("a missing public header", {"src/run/a.c": SPDX + '#include "ward/no.h"\n'}, "is not in include/"),
    ("a backend that includes another", {"src/confine/gvisor/a.c": SPDX + '#include "confine/native/native.h"\n'},
     "[backend] confine/gvisor may not include confine/native"),
    ("a private header of a backend", {"src/confine/pick.c": SPDX + '#include "confine/native/wire.h"\n'}, "[door]"),
    ("a program that goes past the library", {"src/bin/ward.c": SPDX + '#include "run/run.h"\n'}, "bin may not include run"),
    ("a public header with an inner one", {"include/ward/ward.h": SPDX + '#include "base/base.h"\n'}, "a public header includes only"),
    ("a public header with POSIX", {"include/ward/ward.h": SPDX + "#include <unistd.h>\n"}, "plain C99 headers: <unistd.h>"),
    ("I/O in the pure column", {"src/policy/p.c": SPDX + "#include <fcntl.h>\n"}, "[pure] src/policy is pure: <fcntl.h>"),
    ("a clock in the pure column", {"src/decide/d.c": body("time(0)")}, "[banned] time()"),
    ("an include that a comment cannot hide", {"src/base/buf.c": SPDX + '/* x */ #include "os/os.h"\n'}, "base may not include os"),
    ("an unlisted folder", {"src/serve/a.c": SPDX}, "folder src/serve has no line here"),
    ("a folder that lists a later one", {"src/LAYERS": LAYERS.replace("base:\n", "base: os\n", 1)}, "does not stand above it"),
])
def includes(changes, want):
    code, text = run_on(changes)
    check_eq(code, 1)
    check_in(want, text)


@cases([(name, name) for name in (
    "strcpy", "strcat", "stpcpy", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "atoll", "atof", "system",
    "popen", "mktemp", "tmpnam", "tempnam", "alloca", "access")])
def banned_everywhere(name):
    code, text = run_on({"src/os/a.c": body(name + " (p)")})
    check_eq(code, 1)
    check_in(f"src/os/a.c:4: [banned] {name}()", text)


@cases([(f"{name} in {folder}", name, folder) for name in ("open", "creat", "fopen")
        for folder in ("confine", "confine/native", "run")])
def plain_open(name, folder):
    code, text = run_on({f"src/{folder}/a.c": body(name + '(path, 0)')})
    check_eq(code, 1)
    check_in(f"[banned] {name}()", text)


@cases([(f"{name} in {folder}", name, folder) for name in ("ward_decide", "ward_cure")
        for folder in ("policy", "audit", "confine/native", "bin", "os")])
def the_judge(name, folder):
    code, text = run_on({f"src/{folder}/a.c": body(name + "(q)")})
    check_eq(code, 1)
    check_in(f"[judge] {name}", text)


@test
def a_name_in_a_comment_or_string_is_no_call():
    text = SPDX + '/* system(x) ward_decide(y) */\nint f(void)\n{\n\treturn g("popen(", \'"\', "\\"system(");\n}\n'
    check_eq(run_on({"src/os/a.c": text}), (0, ""))


@cases([
    ("a function of 101 lines", {"src/os/a.c": long_function(101)}, "src/os/a.c:2: [size] long_one() has 101 lines"),
    ("a file of 801 lines", {"src/os/a.c": SPDX + "\n" * 800}, "801 lines: at most 800"),
    ("a file of 1001 lines, exception or not", {"src/os/a.c": SPDX + "\n" * 1000, "tools/size-exceptions": "src/os/a.c - why\n"},
     "more than 1000"),
    ("a header of 201 lines", {"src/os/a.h": SPDX + "\n" * 200}, "a header has at most 200"),
    ("a folder of 25 files", {f"src/audit/a{i}.c": SPDX for i in range(25)}, "src/audit:1: [size] 25 files"),
    ("a stale exception", {"tools/size-exceptions": "src/os/fd.c f because\n"}, "no longer needed"),
    ("a // comment", {"src/os/a.c": SPDX + "int x; // no\n"}, "[comment]"),
    ("a file without SPDX", {"src/os/a.c": "int x;\n"}, "[spdx]"),
    ("a to-do", {"src/os/a.c": SPDX + "/* TO" + "DO: later */\n"}, "[words]"),
])
def sizes_and_words(changes, want):
    code, text = run_on(changes)
    check_eq(code, 1)
    check_in(want, text)


@cases([
    ("a function of 100 lines", {"src/os/a.c": long_function(100)}),
    ("a longer one with its reason", {"src/os/a.c": long_function(120), "tools/size-exceptions": "src/os/a.c long_one a table\n"}),
    ("a file of 800 lines", {"src/os/a.c": SPDX + "\n" * 799}),
    ("a file of 900 with its reason", {"src/os/a.c": SPDX + "\n" * 899, "tools/size-exceptions": "src/os/a.c - a table\n"}),
    ("a long public header", {"include/ward/ward.h": SPDX + "\n" * 300}),
    ("a long table is no function", {"src/os/a.c": SPDX + "static const int t[] = {\n" + "\t1,\n" * 200 + "};\n"}),
])
def allowed(changes):
    check_eq(run_on(changes), (0, ""))


@test
def an_exception_without_a_reason_is_refused():
    code, text = run_on({"tools/size-exceptions": "src/os/fd.c f\n"})
    check(code != 0)
    check_in("want PATH FUNCTION REASON", text)


main()

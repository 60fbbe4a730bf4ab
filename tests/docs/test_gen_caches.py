#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gen-caches: each mistake in data/caches is one line with file and line number, and nothing is written; what it makes of the shipped
data holds every line of it; and those who list the names (the option, the schema of profiles, the page) list the same."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402


def run(extra=""):
    """-> (exit code, stderr, the C text or None, number of the last line of extra)"""
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        shutil.copy(ROOT / "data/caches", d / "caches")
        count = len((d / "caches").read_text().splitlines())
        with open(d / "caches", "a", encoding="ascii") as f:
            f.write(extra + "\n")
        p = subprocess.run([sys.executable, ROOT / "tools/gen-caches", d, d / "out.c"], capture_output=True, text=True, check=False)
        out = d / "out.c"
        return p.returncode, p.stderr, out.read_text() if out.exists() else None, count + len(extra.split("\n"))


def names():
    return [line.split()[1] for line in (ROOT / "data/caches").read_text().splitlines() if line.startswith("cache ")]


@cases([(line.replace("\n", "; "), line, part) for line, part in [
    ("cach x y A ~/z", "unknown word cach"),
    ("cache npm npm A ~/z", "npm is given twice"),
    ("cache all npm A ~/z", "all: not a name"),
    ("cache X npm A ~/z", "X: not a name"),
    ("cache x npm A", "cache NAME PROGRAM INSIDE ROOT..."),
    ("cache x npm A ${A} ${B} ${C} ~/z", "at most 3 of them"),
    ("cache x a/b A ~/z", "a/b: not a program"),
    ("cache x npm a ~/z", "a: neither a variable nor DIR/NAME"),
    ("cache x npm a/b/c ~/z", "neither a variable nor DIR/NAME"),
    ("cache x npm ../b ~/z", "neither a variable nor DIR/NAME"),
    ("cache x npm A /z", "/z: not ${VARIABLE}/REST"),
    ("cache x npm A ~/z ~/y", "not ~/REST as the last one"),
    ("cache x npm A ${B}", "the last place is below the home"),
    ("cache x npm A ~/../z", "not ~/REST as the last one"),
    ("cache x npm A ${B}/../c ~/z", "not ${VARIABLE}/REST"),
    ("hide nobody x", "nobody: no cache of that name stands above"),
    ("hide npm ../x", "../x: not a path below it"),
    ("hide go cache/vcs", "hide go cache/vcs is given twice"),
    ("hide npm a/*/b/*/c/*/d", "a/*/b/*/c/*/d: not a path below it"),
    ("hide npm a/b*/c", "a/b*/c: not a path below it"),
    ("hide npm *", "*: not a path below it"),
    ("hide npm */../b", "*/../b: not a path below it"),
    ("needed npm", "needed NAME COMMAND..."),
    ("needed npm a b c d", "at most 3 of them"),
    ("needed npm a/b", "a/b: not a program"),
    ("needed nobody a", "nobody: no cache of that name stands above"),
    ("needed npm a\nneeded npm b", "needed npm is given twice"),
    ("hide npm a/*", "a/*: not a path below it"),
    ("hide npm a*/b", "a*/b: not a path below it"),
    ("hide npm a\nhide npm b\nhide npm c\nhide npm d\nhide npm e", "more than 4 of npm"),
    ("implied go", "implied go is given twice"),
    ("hide npm", "hide NAME PATH"),
    ("named npm x", "named NAME"),
]])
def one_line_that_says_where(line, part):
    code, err, out, number = run(line)
    check_eq(code, 1, err)
    check_in(f"data/caches:{number}: ", err)
    check_in(part, err)
    check_eq(len(err.splitlines()), 1)
    check(out is None, "something was written")


@test
def every_line_is_there():
    code, err, out, _ = run()
    check_eq(code, 0, err)
    check_eq(re.findall(r'^\t\{ "([a-z-]+)"', out, re.M), names())


@test
def who_lists_the_names_lists_these():
    schema = json.loads((ROOT / "docs/spec/policy.schema.json").read_text())
    check_in(json.dumps(names()[0]), json.dumps(schema))
    found = re.search(r'"caches": \{.*?"enum": (\[[^\]]*\])', json.dumps(schema))
    check_eq(sorted(json.loads(found.group(1))), sorted([*names(), "all"]))
    table = re.sub(r'\|"\n\t"', "|", (ROOT / "src/run/options_table.h").read_text())
    option = re.search(r'WARD_OPT\(ward_apply_caches.*?"([a-z|-]+)"\)', table, re.S).group(1)
    check_eq(sorted(option.split("|")), sorted([*names(), "all", "none"]))
    page = re.findall(r"^\| `([a-z-]+)` \| `[$~]", (ROOT / "docs/caches.md").read_text(), re.M)
    check_eq(sorted(page), sorted(names()))


if __name__ == "__main__":
    main()

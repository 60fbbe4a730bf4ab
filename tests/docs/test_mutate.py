#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/mutate: what it draws, what it leaves out with a reason, and what it makes of the verdicts. Mutants themselves: make check-mutants."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import check, check_eq, check_in, main, test  # noqa: E402

TOOL = ROOT / "tools/mutate"
sys.dont_write_bytecode = True
_loader = importlib.machinery.SourceFileLoader("mutate", str(TOOL))
_spec = importlib.util.spec_from_loader("mutate", _loader)
mutate = importlib.util.module_from_spec(_spec)
_loader.exec_module(mutate)


def sample(n, seed=1):
    p = subprocess.run([sys.executable, TOOL, "--list", "--sample", str(n), "--seed", str(seed), "decide"],
                       capture_output=True, text=True, check=True)
    return {tuple(p.stdout.splitlines()[i:i + 3]) for i in range(0, p.stdout.count("\n"), 3)}


@test
def a_sample_is_stable_and_a_bigger_one_contains_it():
    check_eq(len(sample(10)), 10)
    check_eq(sample(10), sample(10))
    check(sample(10) <= sample(25))
    check(sample(10) != sample(10, seed=2))


@test
def each_changes_one_line_and_comments_and_texts_are_left():
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write('/* a < b && c */\n\tif (a < b && !c) /* == */\n\t\tsay("x != y");\n\treturn -ENOMEM;\n')
        f.flush()
        found = [(m.line, m.what, m.now) for m in mutate.mutants_of(pathlib.Path(f.name))]
    check_eq(sorted(found), sorted([
        (2, "less or equal", "if (a <= b && !c) /* == */"), (2, "or", "if (a < b || !c) /* == */"),
        (2, "negated", "if (a < b && c) /* == */"), (3, "call left out", ";"), (4, "no error", "return 0;")]))


@test
def what_is_said_to_be_equal_is_a_mutant_with_a_reason():
    for row in mutate.load_equal():
        check((ROOT / row[0]).is_file())
    for line, what in (("src/decide/asks.c\tno such line\tnor this\tbecause\n", "no such mutant"), ("src/decide/asks.c\ta\tb\n", "the reason")):
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(line)
            f.flush()
            try:
                mutate.load_equal(pathlib.Path(f.name))
            except SystemExit as why:
                check_in(what, str(why))
            else:
                raise AssertionError("taken")


@test
def the_interval_is_wilsons():
    check_eq(tuple(round(x, 1) for x in mutate.interval(90, 100)), (82.6, 94.5))
    check_eq(tuple(round(x, 1) for x in mutate.interval(10, 10)), (72.2, 100.0))
    check_eq(mutate.interval(0, 0), (0.0, 0.0))


@test
def the_tests_of_each_part_are_there():
    text = "".join(p.read_text() for p in [*(ROOT / "tests").glob("*/meson.build"), ROOT / "fuzz/meson.build"])
    for path in [p for rows in mutate.PARTS.values() for row in rows for s in row.sources for p in ROOT.glob(s)]:
        for name in mutate.tests_of(path, ()):
            check(f"'{name.split('/')[1].removeprefix('corpus-')}'" in text, name)


@test
def every_source_of_the_three_has_its_tests():
    for part in mutate.PARTS:
        for path in (ROOT / "src" / part).rglob("*.c"):
            check(mutate.tests_of(path, mutate.LAST), str(path))


@test
def a_test_that_is_left_out_is_one_of_those_that_there_are():
    path = ROOT / "src/confine/native/sample.c"
    every = mutate.tests_of(path, ())
    check_eq([t for t in every if t not in ("sandbox/view", *mutate.LAST)], mutate.tests_of(path, ["sandbox/view", *mutate.LAST]))
    check("sandbox/view" in every and mutate.LAST[0] in every)
    p = subprocess.run([sys.executable, TOOL, "--list", "--without", "sandbox/vew", "confine"], capture_output=True, text=True, check=False)
    check_eq((p.returncode, p.stdout), (1, ""))
    check_in("sandbox/vew", p.stderr)


if __name__ == "__main__":
    main()

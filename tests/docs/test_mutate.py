#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/mutate: what it draws, what it leaves out with a reason, and what it makes of the verdicts. Mutants themselves: make check-mutants."""
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import re
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
reach = sys.modules["mutate_reach"]


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


@test
def a_mark_is_reached_where_the_change_would_be():
    """Compiled and run: of each operator one place that is executed and one that is not; what only a constant says has none."""
    text = """#include <stdbool.h>
#include <stdlib.h>

static const int both = 1 | 2;

static int calls;

static void call(int n)
{
	calls += n;
}

static int left_out(int n)
{
	if (n > 5 && n != 7)
		return -ENOENT;
	return 0;
}

static bool odd(int n)
{
	if (n & 1)
		return true;
	return false;
}

int main(void)
{
	int room[4 + 4], r = 1;

	call(both);
	if (!odd(2) || r < 0)
		call(1);
	if (r == 2)
		call(left_out(room[0] - 1));
	return r - 1;
}
"""
    with tempfile.TemporaryDirectory() as d:
        where = pathlib.Path(d)
        source, marks = where / "a.c", where / "marks"
        source.write_text(text)
        marks.write_bytes(bytes(reach.SIZE))
        mutants = dict(enumerate(mutate.mutants_of(source)))
        how = {i: reach.NONE if "both" in m.was and m.what == "common bits" else reach.FUNCTION if m.what in ("or", "and") else reach.PRECISE
               for i, m in mutants.items()}
        source.write_text(reach.marked(text, mutants, how, marks))
        subprocess.run(["cc", "-DENOENT=2", "-w", "-o", where / "a", source], check=True)
        check_eq(subprocess.run([where / "a"], check=False).returncode, 0)
        data = marks.read_bytes()
    seen = {(m.what, m.was): data[i] for i, m in mutants.items()}
    check_eq(seen, {
        ("common bits", "static const int both = 1 | 2;"): 0,
        ("greater or equal", "if (n > 5 && n != 7)"): 0, ("or", "if (n > 5 && n != 7)"): 0, ("equal", "if (n > 5 && n != 7)"): 0,
        ("no error", "return -ENOENT;"): 0,
        ("all bits", "if (n & 1)"): 1, ("other answer", "return true;"): 0, ("other answer", "return false;"): 1,
        ("minus", "int room[4 + 4], r = 1;"): 1, ("call left out", "call(both);"): 1,
        ("negated", "if (!odd(2) || r < 0)"): 1, ("and", "if (!odd(2) || r < 0)"): 1, ("less or equal", "if (!odd(2) || r < 0)"): 0,
        ("call left out", "call(1);"): 1, ("not equal", "if (r == 2)"): 1,
        ("call left out", "call(left_out(room[0] - 1));"): 0, ("plus", "call(left_out(room[0] - 1));"): 0,
        ("plus", "return r - 1;"): 1})


@test
def marks_change_no_line_and_no_value():
    for path in sorted((ROOT / "src/confine/native/broker").glob("*.c")):
        text = path.read_text()
        mutants = dict(enumerate(mutate.mutants_of(path)))
        how = {i: reach.PRECISE for i in mutants}
        lines = reach.marked(text, mutants, how, pathlib.Path("/marks")).split("\n")
        start = next(i for i, line in enumerate(lines) if line.startswith("#line "))
        check_eq(int(lines[start].split()[1]) - 1 + len(lines) - start - 1, len(text.split("\n")), path.name)
        # Without the marks it is the file.
        bare = "\n".join(lines[start + 1:])
        for mark in (r" \(ward_reach\(\d+\), 0\) [-+|]", r" \(ward_reach\(\d+\), ~0\) &", r"\(ward_reach\(\d+\), 0\) \+ ", r" ward_reach\(\d+\);", r"ward_reach\(\d+\), "):
            bare = re.sub(mark, "", bare)
        check(text.endswith(bare), path.name)


class Steps:
    """A test that says what it is told to say, and what it reached by then, as Reach.run() sees it."""
    def __init__(self, where, script):
        self.tree, self.build = where, where
        self.argv, self.env = [sys.executable, "-c", script], {}


@test
def a_case_has_what_was_reached_until_it_ended_and_the_next_may_have():
    with tempfile.TemporaryDirectory() as d:
        where = pathlib.Path(d) / "tree"
        where.mkdir()
        marks = pathlib.Path(d) / "reach.map"
        marks.write_bytes(bytes(reach.SIZE))
        script = f"""
import time
def mark(i):
    with open({str(marks)!r}, "r+b") as f:
        f.seek(i)
        f.write(b"x")
def was_read():
    while any(open({str(marks)!r}, "rb").read()):
        time.sleep(0.01)
print("1..3", flush=True)
mark(0); print("ok 1 - one", flush=True); was_read()
mark(1); print("not ok 2 - two", flush=True); was_read()
mark(2); print("ok 3 - three # SKIP no", flush=True); was_read(); mark(3); raise SystemExit(1)
"""
        bench = Steps(where, script)
        it = reach.Reach.__new__(reach.Reach)
        it.bench, it.file, it.numbers = bench, marks, dict.fromkeys(range(5))
        r = it.run(bench, 20)
    check_eq((r["cases"], r["failed"], r["ended"]), (["one", "two", "three"], ["two"], True))
    check_eq(r["reached"], {0: [0, 1], 1: [1, 2], 2: [2], 3: [2]})


@test
def only_the_cases_that_reach_it_are_run():
    one, two = (mutate.Mutant(ROOT / "x.c", n, 0, 0, "", "", "", "", 1) for n in (1, 2))
    it = reach.Reach.__new__(reach.Reach)
    it.numbers, it.how = {one: 0, two: 1}, {0: reach.PRECISE, 1: reach.NONE}
    it.of = {"sandbox/a": {"cases": ["x", "y", "z"], "seconds": [1, 2, 4], "named": True, "reached": {0: [0, 2]}},
             "sandbox/b": {"cases": ["x", "y"], "seconds": [1, 2], "named": False, "reached": {0: [1]}},
             "sandbox/c": {"cases": ["x"], "seconds": [1], "named": True, "reached": {}}}
    tests = {name: mutate.Test(f"sandbox/{name}", [], {}, [], True, 7, frozenset()) for name in "abc"}
    check_eq([it.cases_of(tests[n], one) for n in "abc"], [(["x", "z"], 5), ((), 7), (None, 0)])
    # What has no mark may be reached by any.
    check_eq([it.cases_of(tests[n], two)[0] for n in "abc"], [(), (), ()])


@test
def what_is_skipped_without_a_mutant_kills_none():
    """Of a test that is run whole, too: nobody asks again what its skips are worth."""
    with tempfile.TemporaryDirectory() as d:
        where = pathlib.Path(d) / "tree"
        where.mkdir()
        (pathlib.Path(d) / "reach.map").write_bytes(bytes(reach.SIZE))
        bench = Steps(where, "")
        whole = mutate.Test("escape/whole", [sys.executable, "-c", "print('ok 1 - one\\nok 2 - two # SKIP not here')"], {}, [], True, 0, frozenset())
        bench.tests, bench.targets = [whole], lambda: []
        it = reach.Reach.__new__(reach.Reach)
        it.bench, it.file, it.numbers, it.of, it.how, it.kept = bench, pathlib.Path(d) / "reach.map", {}, {}, {}, pathlib.Path(d) / "kept"
        it.build = lambda *_: None
        with contextlib.redirect_stdout(io.StringIO()):   # what it says on the way is no line of this test's
            known = it.look(20)["escape/whole"].known
        check_eq(known, frozenset({"two"}))


if __name__ == "__main__":
    main()

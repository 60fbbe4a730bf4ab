#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/run-tests counts right: no failure, crash or forbidden skip can hide behind its last line."""
import contextlib
import errno
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("harness", "sandbox", "cli")]
sys.dont_write_bytecode = True
import box  # noqa: E402  pylint: disable=wrong-import-position
from tap import cases, check, check_eq, check_in, main, skip, test  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("run_tests", str(ROOT / "tools/run-tests"))
SPEC = importlib.util.spec_from_loader("run_tests", LOADER)
run_tests = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(run_tests)

# A program: name, result, exit code, TAP subtests as (name, "ok" | "not ok" | skip reason), or None for a plain test.


def write_logs(directory, programs, printed="x"):
    """The two logs as Meson 1.0 writes them."""
    logs = pathlib.Path(directory, "meson-logs")
    logs.mkdir()
    lines, suites, plain = [], [], []
    for name, result, code, subtests in programs:
        out = ""
        for i, (sub, how) in enumerate(subtests or [], 1):
            out += f"{'not ok' if how == 'not ok' else 'ok'} {i} - {sub}" + \
                (f" # SKIP {how}" if how not in ("ok", "not ok") else "") + "\n"
        lines.append(json.dumps({"name": name, "stdout": out, "result": result, "returncode": code}))
        if subtests is None:
            inner = {"OK": "", "SKIP": "<skipped />"}.get(result, "<failure />")
            plain.append(f'<testcase name="{name}" classname="ward">{inner}</testcase>')
            continue
        body = "".join(
            f'<testcase name="{i} - {sub}" classname="ward.{name}">'
            + ("" if how == "ok" else "<failure />" if how == "not ok" else "<skipped />") + "</testcase>"
            for i, (sub, how) in enumerate(subtests, 1))
        suites.append(f'<testsuite name="ward.{name}">{body}<system-out>{printed}</system-out></testsuite>')
    (logs / "testlog.json").write_text("\n".join(lines) + "\n")
    (logs / "testlog.junit.xml").write_text(
        "<testsuites><testsuite name=\"ward\">" + "".join(plain) + "</testsuite>" + "".join(suites) + "</testsuites>")


def counted(programs, words=(), rules=(), strict=False, printed="x"):
    """(passed, failed, skipped, what was said)"""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as top, contextlib.redirect_stdout(said):
        write_logs(top, programs, printed)
        r = run_tests.judge(run_tests.count(pathlib.Path(top), "root"), set(words), list(rules), strict)
    return r.passed, r.failed, r.skipped, said.getvalue()


GOOD = ("ward:unit / json", "OK", 0, [("a", "ok"), ("b", "ok")])


@cases([
    ("subtests one by one", [GOOD], (2, 0, 0)),
    ("a failed subtest once, though its program failed too",
     [GOOD, ("ward:unit / x", "FAIL", 1, [("a", "ok"), ("b", "not ok")])], (3, 1, 0)),
    ("a program that died after good subtests", [("ward:unit / x", "ERROR", -9, [("a", "ok")])], (1, 1, 0)),
    ("a program that said nothing", [("ward:unit / x", "ERROR", 1, [])], (0, 1, 0)),
    ("a timeout", [("ward:unit / x", "TIMEOUT", -15, [("a", "ok")])], (1, 1, 0)),
    ("an interrupted one", [("ward:unit / x", "INTERRUPT", -2, [])], (0, 1, 0)),
    ("an unexpected pass", [("ward:unit / x", "UNEXPECTEDPASS", 0, [("a", "ok")])], (1, 1, 0)),
    ("a plain test", [("ward:unit / x", "OK", 0, None)], (1, 0, 0)),
    ("a plain failure, once", [("ward:unit / x", "FAIL", 1, None)], (0, 1, 0)),
    ("a plain skip", [("ward:unit / x", "SKIP", 77, None)], (0, 0, 1)),
    ("a skipped subtest", [("ward:unit / x", "OK", 0, [("a", "no moon"), ("b", "ok")])], (1, 0, 1)),
])
def counts(programs, want):
    check_eq(counted(programs)[:3], want)


@test
def skips_are_shown_with_their_reason():
    check_in("skipped 1 of ward:unit / x: no moon", counted([("ward:unit / x", "OK", 0, [("a", "no moon")])])[3])


@cases([("an escape sequence", "\x1b[2J"), ("a NUL", "\0"), ("no character", "\ufffe")])
def what_a_test_printed_hides_no_count(printed):
    check_eq(counted([GOOD, ("ward:escape / x", "FAIL", 1, [("a", "not ok")])], printed=printed)[:3], (2, 1, 0))


@test
def failures_are_named():
    check_in("FAILED ward:unit / x: 1 - a", counted([("ward:unit / x", "FAIL", 1, [("a", "not ok")])])[3])


SKIPPED = [("ward:sandbox / fuse", "OK", 0, [("a", "no fuse"), ("b", "ok")])]


@cases([
    ("a demanded suite", {"root", "fuse"}, [("sandbox", {"root", "fuse"})], (1, 1, 0)),
    ("a demanded test", {"fuse"}, [("sandbox/fuse", {"fuse"})], (1, 1, 0)),
    ("another test of the suite", {"fuse"}, [("sandbox/other", {"fuse"})], (1, 0, 1)),
    ("a machine that lacks it", {"root"}, [("sandbox", {"root", "fuse"})], (1, 0, 1)),
    ("the second line of two", {"user"}, [("sandbox", {"root"}), ("sandbox", {"user"})], (1, 1, 0)),
    ("an exception behind the rule", {"root"}, [("sandbox", set()), ("-sandbox/fuse", {"root"})], (1, 0, 1)),
    ("an exception for one case", {"root"}, [("sandbox", set()), ("-sandbox/fuse/a", set())], (1, 0, 1)),
    ("an exception for another case", {"root"}, [("sandbox", set()), ("-sandbox/fuse/b", set())], (1, 1, 0)),
    ("an exception that is not true here", {"root"}, [("sandbox", set()), ("-sandbox/fuse", {"user"})], (1, 1, 0)),
    ("a rule behind the exception", {"root"}, [("-sandbox/fuse", set()), ("sandbox/fuse", {"root"})], (1, 1, 0)),
    ("another suite", {"root"}, [("unit", set())], (1, 0, 1)),
])
def strict_skips(words, rules, want):
    check_eq(counted(SKIPPED, words, rules, strict=True)[:3], want)


@test
def without_strict_a_skip_stays_a_skip():
    check_eq(counted(SKIPPED, {"fuse"}, [("sandbox", {"fuse"})])[:3], (1, 0, 1))


@test
def the_shipped_rules_are_read():
    rules = run_tests.load_required()
    check(("unit", set()) in rules)
    check(any(suite == "sandbox" for suite, _ in rules))


@cases([
    ("with nf_tables", {"user", "userns", "nftables"}, True),
    ("without, whatever else is there", {"root", "userns", "landlock", "fuse", "cgroup1", "cgroup2"}, False),
    ("without namespaces", {"root", "nftables"}, False),
])
def the_captured_network_may_be_skipped(words, want):
    check_eq(run_tests.required(run_tests.load_required(), words, ["sandbox"], "capture", "tcp_to_anywhere"), want)


@test
def words_are_probed():
    words = run_tests.probe()
    check(("root" in words) != ("user" in words))
    check_eq([w for w in words if w not in run_tests.WORDS], [])


@test
def nf_tables_is_asked_and_not_supposed():
    was = run_tests.ASK_NFTABLES
    try:
        run_tests.ASK_NFTABLES = was.replace("10 << 8 | 16", "10 << 8 | 99")     # a message that nobody knows
        check("nftables" not in run_tests.probe())
    finally:
        run_tests.ASK_NFTABLES = was


@test
def suites_in_names():
    check_eq(run_tests.parse_test_name("ward:unit+slow / tap"), (["unit", "slow"], "tap"))


PATIENT = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
import tap
sleeps = ["sleep", sys.argv[2]]
for wait in (lambda q: q.wait(0.05), lambda q: q.communicate(timeout=0.05), lambda q: subprocess.run(sleeps, timeout=0.05)):
    with subprocess.Popen(sleeps) as q:
        try:
            wait(q)
            print("over")
        except subprocess.TimeoutExpired:
            print("given up")
            q.kill()
"""


@cases([("an idle machine", "1", "60", "given up"), ("a busy one", run_tests.PATIENCE + "000", "0.3", "over")])
def what_a_test_starts_is_waited_for_as_patiently_as_the_machine_is_slow(patience, sleeps, want):
    r = subprocess.run([sys.executable, "-c", PATIENT, str(ROOT / "tests/harness"), sleeps], capture_output=True, text=True, check=False,
                       env={**os.environ, "WARD_TEST_PATIENCE": patience})
    check_eq((r.returncode, r.stdout.split("\n")[:-1]), (0, [want] * 3), r.stderr)


AT_ONCE = """
import os, subprocess, sys
sys.path.insert(0, sys.argv.pop())
import tap
waits, goes = os.pipe()
helper = subprocess.Popen(["true"], stdout=subprocess.PIPE)
def first(): tap.check(os.read(waits, 1) == b"x")
def second():
    helper.stdout.read()
    os.write(goes, b"x")
def wrong(): tap.check(False, "wrong")
def dies(): os._exit(0)
def left_out(): tap.skip("not here")
for fn in (first, second, wrong, dies, left_out):
    tap.test(fn)
tap.main(at_once=2)
"""


@test
def cases_side_by_side_are_told_in_their_order_and_none_is_lost():
    """The first ends when the second has begun, and a process that is no case has ended; the fourth says nothing, and ends well."""
    r = subprocess.run([sys.executable, "-c", AT_ONCE, str(ROOT / "tests/harness")], capture_output=True, text=True, check=False, timeout=30)
    check_eq([line for line in r.stdout.splitlines() if line[:1] != "#"],
             ["TAP version 13", "1..5", "ok 1 - first", "ok 2 - second", "not ok 3 - wrong", "not ok 4 - dies", "ok 5 - left_out # SKIP not here"])
    check_eq((r.returncode, "wrong" in r.stdout.split("not ok 3")[0]), (1, True), r.stderr)


@test
def a_view_is_to_be_had_where_a_run_has_one():
    """Where one step of it is refused, as by the filters of containers, nothing that needs a view is demanded of the machine."""
    def words(*rules):
        r = subprocess.run([ROOT / "tools/run-tests", "--probe"], stdout=subprocess.PIPE, check=True, preexec_fn=box.refuse_calls(*rules) if rules else None)
        return json.loads(r.stdout)
    if "userns" not in words():
        skip("no user namespaces here")
    for call in ("sethostname", "mount", "unshare"):
        check("userns" not in words((call, errno.EPERM)), call)


main()

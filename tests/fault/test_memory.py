#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Every allocation of ward fails once (nth_malloc.c, in a ward of the platform's C library; under ASan and LSan where the build has them): then either
nothing was executed, or the run is what it would have been, or it was ended with a word why. Nothing is left and nothing leaks. A sample,
of WARD_FAULT_CALLS allocations; 0 = all of them (make check-faults).
"""
import json
import os
import pathlib
import pwd
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
import faults    # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq    # noqa: E402  pylint: disable=wrong-import-position

SAMPLE = int(os.environ.get("WARD_FAULT_CALLS", "25"))


def failing(p, n, words):
    """The result with the n-th allocation failing; how many there were, and whether it did."""
    report = p.side / "report"
    env = p.env(WARD_FAIL_MALLOC=str(n), WARD_FAIL_REPORT=str(report))
    q = subprocess.run(words, cwd=p.ws, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=faults.PATIENCE, check=False)
    count, hit = (int(x) for x in report.read_text().split()) if report.exists() else (0, 1)
    report.unlink(missing_ok=True)
    return cli.Result(q.returncode, q.stdout.decode("utf-8", "replace"), q.stderr.decode("utf-8", "replace")), count, hit


def sweep(p, words, each, last=0, before=faults.fresh):
    """A sample, and the last of them always. before: each of them."""
    before(p)
    r, count, _ = failing(p, 0, words)
    check_eq(r.code, 0, r.err)
    check(count > 20, f"{count} allocations: the test sees nothing")
    every = range(1, count + 1)
    bad, n = [], 0
    for nth in every if SAMPLE == 0 else [*random.Random(faults.SEED).sample(every[:-last or count], min(SAMPLE, count - last)), *every[count - last:]]:
        before(p)
        what = f"allocation {nth} of some {count}"
        try:
            r, _, hit = failing(p, nth, words)
            n += hit
            check("Sanitizer" not in r.err and "runtime error" not in r.err, f"{what}: {r.err}")
            each(r, what)
        except (AssertionError, subprocess.TimeoutExpired, ValueError) as why:
            bad.append(f"{what}: {why}"[:1500])
            print("# " + bad[-1].replace("\n", " "), flush=True)
    print(f"# {n} allocations failed once, {len(bad)} badly", flush=True)
    check(n > 0, "none failed: the test sees nothing")
    check_eq(bad, [])


def reading(p, kind, *more, last=0, codes=(0, 1, 2, 125)):
    words = [cli.WARD, *kind, "--mode", "workspace_write", *more]
    (p.home / ".gitconfig").write_text("[user]\n\tname = A name that is longer than the first room of a buffer has bytes\n\temail = a@example.com\n")
    whole, _, _ = failing(p, 0, words)

    def each(r, what):
        check(r.code in codes, f"{what}: {r}")
        if r.code:
            faults.says_why(r, what, None)
        check_eq(box.leftovers(5.0), {}, f"{what}: processes")
        check_eq(os.listdir(p.ws), [], what)
        if r.code == 0 and "--json" in more:    # levels may be lower, and say so; what the command would find is not less
            now, then = json.loads(r.out), json.loads(whole.out)
            for part in ("view", "env", "rules", "exec_paths"):
                check_eq([x for x in now[part] if x not in then[part]], [], f"{what}: {part}")
                check_eq([x for x in then[part] if x not in now[part]], [], f"{what}: {part}")
    sweep(p, words, each, last)


@both
def of_a_run(p):
    faults.settle(p)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()

    def each(r, what):
        faults.judge(p, r, what, None)
        faults.after(p, what, mounts)
    sweep(p, faults.run_words(p), each)


@both
def of_a_plan(p):
    faults.settle(p)
    reading(p, ("plan",), "--json", "touch", "made", last=40)    # what is made for the view is made last


@both
def of_a_policy_check(p):
    faults.settle(p)
    reading(p, ("policy", "check"), codes=(0, 2))    # 1 would be: something is wrong in the policies


@both
def what_a_rule_keeps_from_a_person_is_kept(p):
    """A caller who has no name for want of memory is not nobody."""
    faults.settle(p)
    secret = p.base / "kept"
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = f"uid:{os.geteuid()}"
    secret.write_text("kept\n")
    (p.base / "p.cedar").write_text(f'''permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{p.base}");
forbid (principal in Ward::Person::"{name}", action == Ward::Action::"fs.read", resource == Ward::Path::"{secret}");''')

    def each(r, what):
        check("kept" not in r.out.split(), f"{what}: {r}")
    words = [cli.WARD, "run", "--audit", p.log, "--policy", p.base / "p.cedar", "--", "sh", "-c", f"cat {secret}; true"]
    each(failing(p, 0, words)[0], "none")
    sweep(p, words, each)


ALLOWED = "config/ward/allowed.cedar"
ANSWERS = [
    ("of a connection", ("net", "check", "--cap", "NETWORK_CONNECT:*.example.com:443", "a.example.com:443")),
    ("of all policies", ("policy", "show", "--mode", "workspace_write")),
    ("of a rule that is written", ("allow", "#SEQ", "--always")),
    ("of a diff", ("diff",)),
    ("of a table", ("diff", "--stat")),
]


@both_cases(ANSWERS)
def all_or_nothing_is_said(p, words):
    """What is said last is made of the last of them. Half an answer is none, and what is told as an error is not done."""
    faults.settle(p)
    if words[0] == "diff":
        r = p.run("--review", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do seq $i > a-name-of-some-length.$i; done")
        check_eq(r.code, 0, r.err)
    else:
        (p.base / "secret").write_text("x")
        p.run("--attribution", "notify", "--", "cat", str(p.base / "secret"))    # named for whoever may not have FUSE, too
    seq = [r["seq"] for r in faults.chain(p) if r["kind"] == "sandbox.violation" and r["resource"] == str(p.base / "secret")]
    words = [cli.WARD, *(w.replace("SEQ", str(seq[-1]) if seq else "") for w in words), *(("--audit", p.log) if words[0] == "allow" else ())]
    allowed = p.home / ALLOWED
    whole, _, _ = failing(p, 0, words)

    def each(r, what):
        check_eq(allowed.exists(), r.code == 0 and words[1] == "allow", f"{what}: {r}")
        if r.code == 0:
            check_eq((r.out, r.err), (whole.out, whole.err), what)
        else:
            check(r.code in (1, 2), f"{what}: {r}")
            check_eq(r.out, "", what)
            faults.says_why(r, what, None)
    sweep(p, words, each, 12, lambda p: allowed.unlink(missing_ok=True))


cli.WARD = os.environ.get("WARD_NTH", str(cli.ROOT / "build" / "tests" / "fault" / "ward_nth"))
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=86")
check(shutil.which(cli.WARD), f"{cli.WARD} is not there")
box.main()

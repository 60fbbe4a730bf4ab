#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Every system call that ward and its helpers make fails once (inject.c): the n-th of each kind, with an error that it can have. Then
either nothing of the command was executed, or the run is what it would have been, or it was ended with a word why; nothing is left, the log is a
chain, and a start in it has an end. The same for what only reads (ward plan, ward policy check): an answer, or an error. And each is the place of
a kill -9. A sample, of WARD_FAULT_CALLS calls; 0 = all of them (make check-faults).
"""
import errno
import json
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
import faults    # noqa: E402  pylint: disable=wrong-import-position
from box import both, root_only    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

INJECT = os.environ.get("WARD_INJECT", str(cli.ROOT / "build" / "tests" / "fault" / "inject"))
SAMPLE = int(os.environ.get("WARD_FAULT_CALLS", "25"))
OPENAT2, FSTATAT = 437, 262     # x86_64, as inject.c

# What such a call fails with, by number (x86_64); others with EPERM.
ERRORS = {
    0: "EIO", 1: "ENOSPC", 4: "EACCES", 5: "EIO", 6: "EACCES", 7: "ENOMEM", 8: "EIO", 9: "ENOMEM", 10: "ENOMEM", 16: "ENOTTY", 17: "EIO", 18: "ENOSPC",
    20: "EIO", 33: "EMFILE", 41: "EMFILE", 46: "ENOBUFS", 47: "ENOMEM", 53: "EMFILE", 56: "EAGAIN", 61: "ECHILD", 72: "EINVAL", 74: "EIO", 75: "EIO",
    77: "EIO", 82: "ENOSPC", 83: "ENOSPC", 88: "ENOSPC", 89: "EACCES", 91: "EIO", 137: "EIO", 138: "EIO", 157: "EINVAL", 165: "ENOMEM", 166: "EBUSY",
    217: "EIO", 232: "EINTR", 247: "ECHILD", 257: "EMFILE", 258: "ENOSPC", 262: "EIO", 263: "EIO", 264: "ENOSPC", 271: "ENOMEM", 281: "EINTR",
    289: "EMFILE", 290: "EMFILE", 291: "EMFILE", 293: "EMFILE", 302: "EPERM", 317: "ENOMEM", 318: "ENOSYS", 319: "EMFILE", 424: "EPERM",
    428: "EMFILE", 429: "ENOMEM", 434: "EMFILE", 435: "EAGAIN", 437: "EMFILE", 444: "ENOMEM", 445: "ENOMEM", 446: "E2BIG",
}


def code_of(call):
    return getattr(errno, ERRORS.get(call, "EPERM"))


def inject(p, call, n, error, words, **more):
    """The injector's result, and what it saw: {call: how often}, the call that was hit or None."""
    report = p.side / "report"
    q = subprocess.run([INJECT, report, str(call), str(n), str(error), *words], cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=faults.PATIENCE, check=False, **more)
    seen, hit = {}, None
    for line in report.read_text().splitlines():
        words = line.split()
        if words[0] == "hit":
            hit = (int(words[1]), words[2])
        else:
            seen[int(words[0])] = int(words[1])
    report.unlink()
    return cli.Result(q.returncode, q.stdout.decode("utf-8", "replace"), q.stderr.decode("utf-8", "replace")), seen, hit


def points(p, words):
    """All (call, n) of a run that goes well, or a sample: kinds of calls first, so that the rare ones are among them."""
    r, seen, _ = inject(p, -1, 0, 0, words)
    if r.code == 98:
        skip(f"nothing can be traced here: {r.err[-200:]}")
    check_eq(r.code, 0, f"nothing was injected: {r.err}")
    check(sum(seen.values()) > 50, f"the injector sees too little: {seen}")
    every = [(call, n) for call, count in sorted(seen.items()) for n in range(1, count + 1)]
    if SAMPLE == 0 or SAMPLE >= len(every):
        return every
    rng = random.Random(faults.SEED)
    return [(call, rng.randrange(seen[call]) + 1) for call in (rng.choice(sorted(seen)) for _ in range(SAMPLE))]


def sweep(p, words, each, error_of):
    bad, n = [], 0
    for call, nth in points(p, words):
        faults.fresh(p)
        what = f"seed {faults.SEED}, call {call} ({ERRORS.get(call, 'EPERM')}), the {nth}. time"
        try:
            r, _, hit = inject(p, call, nth, error_of(call), words)
            what += f", by {hit[1]}" if hit else ", not met"
            n += hit is not None
            each(r, what, hit)
        except (AssertionError, subprocess.TimeoutExpired, ValueError) as why:
            bad.append(f"{what}: {why}"[:900])
            print("# " + bad[-1].replace("\n", " "), flush=True)
    print(f"# {n} calls failed once, {len(bad)} badly", flush=True)
    check(n > 0, "no call was met: the test sees nothing")
    check_eq(bad, [])


@both
def of_a_run(p):
    faults.settle(p)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()

    def each(r, what, hit):
        faults.judge(p, r, what, hit)
        faults.after(p, what, mounts)
    sweep(p, faults.run_words(p), each, code_of)


@both
def of_a_plan(p):
    faults.settle(p)
    words = p.words("--mode", "workspace_write", "--json", "touch", "made", kind=("plan",))

    def each(r, what, hit):
        check(r.code in (0, 1, 2, 125), f"{what}: {r}")
        if r.code:
            faults.says_why(r, what, hit)
        if r.code == 0:
            json.loads(r.out)
        check_eq(box.leftovers(5.0), {}, f"{what}: processes")
        check_eq(os.listdir(p.ws), [], what)
    sweep(p, words, each, code_of)


@both
def of_a_policy_check(p):
    faults.settle(p)
    words = [cli.WARD, "policy", "check", "--mode", "workspace_write"]

    def each(r, what, hit):
        check(r.code in (0, 1, 2, 125), f"{what}: {r}")
        if r.code:
            faults.says_why(r, what, hit)
        check_eq(box.leftovers(5.0), {}, f"{what}: processes")
    sweep(p, words, each, code_of)


@both
def killed_at_a_call(p):
    faults.settle(p)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()

    def each(r, what, _):
        check(r.code != faults.HANGS, f"{what}: something does not end")
        faults.after(p, what, mounts)
    sweep(p, faults.run_words(p), each, lambda call: 0)


def looks(p, words):
    """What is opened and asked for where a path leads: each of them, with each error by which the host says that it cannot tell."""
    _, seen, _ = inject(p, -1, 0, 0, words)
    if not seen:
        skip("nothing can be traced here")
    points = [(call, n, e) for call in (OPENAT2, FSTATAT) for n in range(1, seen[call] + 1) for e in ("EMFILE", "ENFILE", "ENOMEM", "EIO")]
    return points if SAMPLE == 0 or SAMPLE >= 100 else [x for x in points if x[2] == "EMFILE"]


@root_only
def no_look_that_fails_lets_a_second_name_be_written(p):
    """A second place of the user's policies is refused by what it is; of what cannot be looked at nobody knows that it is none."""
    faults.settle(p)
    own = p.home / "config/ward"
    other = {"policies": (own, "alias"), "what they lie in": (own.parent, "alias"), "below a grant": (own, ".")}
    alias = p.ws / "alias"
    for d in (own, alias):
        d.mkdir(parents=True)
    bad = []
    for what, (shown, grant) in other.items():
        box.mount(str(shown), str(alias), None, box.MS_BIND)
        words = p.words("--write", grant, "true", kind=("plan",))
        try:
            check_in("second name of where", p.run("--write", grant, "true", kind=("plan",)).err, what)
            for call, n, e in looks(p, words):
                r, _, hit = inject(p, call, n, getattr(errno, e), words)
                if r.code == 0:
                    bad.append(f"{what}: call {call} ({e}), the {n}. time, by {hit}: {r.err}")
        finally:
            box.must(box.libc.umount2(os.fsencode(alias), box.UMOUNT_DETACH), "umount")
    check_eq(bad, [])


@root_only
def no_look_that_fails_shows_what_a_pattern_takes(p):
    """A directory that could not be looked through for want of descriptors is not one without matches."""
    faults.settle(p)
    p.write("in/a.pem", "text\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"in/**/*.pem");\n', 0o644)
    words = p.words("--policy", "x.cedar", "--accept", "files=advisory", "--read", ".", "--json", "true", kind=("plan",))

    def masks(text):
        return [n["dest"] for n in json.loads(text)["view"] if n["kind"] == "mask"]
    bad = []
    for call, n, e in looks(p, words):
        r, _, hit = inject(p, call, n, getattr(errno, e), words)
        if r.code == 0 and f"{p.ws}/in/a.pem" not in masks(r.out):
            bad.append(f"call {call} ({e}), the {n}. time, by {hit}: {r.err}")
    check_eq(bad, [])


box.main()

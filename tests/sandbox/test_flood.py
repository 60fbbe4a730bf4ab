#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the inside can do to Ward by asking: nothing that it can learn from an answer or the time it takes, nothing that keeps it
waiting, nothing that outlives a kill, nothing that fills memory or the log. flood_inside.c is what asks.

WARD_FLOOD_INSIDE names that program. With --whole (make check-flood) the numbers are those of docs/security/testing.md, and each test
prints what it measured; without it they are small enough for every day. Each is as root and as an ordinary user.
"""
import collections
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

import box
import cli
from box import both, both_without_fuse
from tap import check, check_eq, quickest

WHOLE = "--whole" in sys.argv
if WHOLE:
    sys.argv.remove("--whole")
INSIDE = pathlib.Path(os.environ.get("WARD_FLOOD_INSIDE", cli.ROOT / "build/tests/sandbox/flood-inside")).resolve()
NAMES = 1000                          # of each kind, existing and absent
FLOOD = 1_000_000 if WHOLE else 30_000
HELD = 1000
NULL = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def say(text):
    print(f"# {'root' if os.geteuid() == 0 else 'user'}: {text}", flush=True)


def tool(p):
    """The program, where the run may read it: its own grant, beside the workspace."""
    at = p.base / "inside"
    if not at.exists():
        shutil.copy(INSIDE, at)
        at.chmod(0o755)
        p.ws.chmod(0o777)
    return at


def words(p, *more, options=()):
    return [*options, "--write", p.ws, "--read", tool(p), "--", tool(p), *more]


def ready(q):
    """The program inside has said that it is there."""
    check_eq(q.stdout.readline(), b"ready\n", "the program inside did not begin")


# ---- what exists and what does not ----

def differ(e, a):
    """How often a value of e is above one of a (half for the same): 0.5 where nothing tells them apart."""
    order = sorted([(v, 0) for v in e] + [(v, 1) for v in a])
    rank, i = [0.0, 0.0], 0
    while i < len(order):
        j = i
        while j < len(order) and order[j][0] == order[i][0]:
            j += 1
        for _, which in order[i:j]:
            rank[which] += (i + j + 1) / 2
        i = j
    return (rank[0] - len(e) * (len(e) + 1) / 2) / (len(e) * len(a))


def plant(p, n):
    """Names of the host in mixed order: (class, path). e a: in a directory that the view shows; E A: in one that it does not."""
    many = p.base / "many"
    many.mkdir()
    many.chmod(0o755)
    names = []
    for i in range(n // 2):
        for where, there, absent in ((p.base, "e", "a"), (many, "E", "A")):
            # Names of the same length; files, directories and links that lead nowhere.
            path = where / f"x{random.randrange(10**8):08d}y{i:04d}"
            if i % 4 == 0:
                path.mkdir()
            elif i % 4 == 1:
                path.symlink_to("nowhere")
            else:
                path.write_text("x")
                path.chmod(0o755)
            names += [(there, path), (absent, where / f"x{random.randrange(10**8):08d}z{i:04d}")]
    random.shuffle(names)
    return names


def measure(p, names, *options):
    """{(op, class): ([errno], [first ns], [again ns])} as the program inside saw it."""
    p.write("names", "".join(f"{c} {path}\n" for c, path in names), 0o644)
    r = p.run(*words(p, "alike", "names", options=options))
    check_eq(r.code, 0, r.err[:2000])
    got = collections.defaultdict(lambda: ([], [], []))
    for line in r.out.splitlines():
        op, c, *rest = line.split()
        for to, value in zip(got[op, c], rest):
            to.append(int(value))
    return got


# Where nothing differs a share of 500 and 500 is off by 0.018 (one standard deviation), the mean of two by 0.013: this is over five.
FAR = 0.07


def compare_classes(got, what):
    """No errno and no time of any call tells names that exist from names that do not; the largest share seen, and whose it was."""
    worst = (0.0, "")
    for op in sorted({op for op, _ in got}):
        shares = [[], []]
        for there, absent in (("e", "a"), ("E", "A")):
            e, a = got[op, there], got[op, absent]
            check_eq(sorted(set(e[0])), sorted(set(a[0])), f"{what}: errno of {op}, {there} and {absent}")
            check(len(set(e[0])) == 1, f"{what}: {op}: more than one answer: {set(e[0])}")
            for k in (0, 1):
                shares[k].append(differ(e[k + 1], a[k + 1]))
        for k, when in ((0, "first"), (1, "again")):
            share = statistics.mean(shares[k])
            worst = max(worst, (abs(share - 0.5), f"{op} {when}"))
    return worst


def alike(p, how, n):
    """A busy machine may be far off once, and a difference stays: the calls that were far off are measured anew."""
    names = plant(p, n)
    for _ in range(3):
        worst = compare_classes(measure(p, names, "--attribution", how), how)
        if worst[0] < FAR:
            break
        random.shuffle(names)
    say(f"{how}: {n} existing and {n} absent names: farthest from one half: {worst[0]:.3f} ({worst[1]})")
    check(worst[0] < FAR, f"{how}: the time of {worst[1]} tells: {0.5 + worst[0]:.3f} of the pairs")


@both
def existing_and_absent_names_are_alike_with_fuse(p):
    box.need_fuse()
    alike(p, "fuse", NAMES)


@both_without_fuse
def existing_and_absent_names_are_alike_without_fuse(p):
    alike(p, "none", NAMES)


@both_without_fuse
def existing_and_absent_names_are_alike_with_notify(p):
    alike(p, "notify", NAMES)


@both
def the_measure_sees_a_difference(p):
    """The same measure on names of which some are granted: errno and time tell them apart."""
    box.need_fuse()
    names = []
    for i in range(200):
        (p.ws / f"x{i:04d}").write_text("x")
        names += [("e", p.ws / f"x{i:04d}"), ("a", p.base / f"x{i:04d}")]
    got = measure(p, names)
    check_eq((set(got["stat", "e"][0]), set(got["stat", "a"][0])), ({0}, {2}))
    for k in (1, 2):
        share = differ(got["stat", "e"][k], got["stat", "a"][k])
        check(abs(share - 0.5) > 0.4, f"a granted name is as slow as a refused one: {share:.3f}")


# ---- floods ----

def ward_kb(q):
    """Memory of the supervisor alone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{q.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    text = pathlib.Path(f"/proc/{q.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


class Memory:
    """The most that the supervisor of a run had, looked at while it runs."""

    def __init__(self, q):
        self.first = self.most = 0
        self.q = q

    def look(self):
        with contextlib.suppress(OSError, IndexError):
            kb = ward_kb(self.q)
            self.first = self.first or kb
            self.most = max(self.most, kb)

    def wait(self, seconds):
        end = time.monotonic() + seconds * cli.PATIENCE
        while self.q.poll() is None and time.monotonic() < end:
            self.look()
            time.sleep(0.02)
        check(self.q.poll() is not None, "the run did not end")


GROWS_KB = 8 * 1024   # all of it: the list of refusals, those over it at 4 KiB of name each, and the records of one batch


@both
def a_million_names_fill_nothing(p):
    box.need_fuse()
    q = p.start("--outcome", p.outcome_file, *words(p, "names", FLOOD), **NULL)
    m, begin = Memory(q), time.monotonic()
    m.wait(600)
    seconds = time.monotonic() - begin
    check_eq(q.returncode, 0)
    o = json.loads(p.outcome_file.read_text())
    log = p.log.stat().st_size
    say(f"{FLOOD} absent names in {seconds:.1f} s: the supervisor had {m.first} KB and at most {m.most} KB, the log {log} bytes")
    check(m.most < GROWS_KB, f"grew from {m.first} to {m.most} KB")
    check(log < 64 * 1024, f"absent names fill the log: {log} bytes")
    check_eq([v for v in o["violations"] if v["resource"].startswith("/n")], [])
    box.verify(p)


def kinds(p):
    return collections.Counter(x["kind"] for x in box.records(p))


@box.both_cases([("names", "names"), ("huge", "huge"), ("made", "made"), ("calls", "calls"), ("connects", "connects"), ("paths", "paths"), ("lines", "lines")])
def a_flood_ends_in_time_and_leaves_little(p, what):
    """Who floods without end and does not hear TERM: over at the timeout and the grace, the list and the log bounded."""
    box.need_fuse()
    options = ["--timeout", "1s", "--grace", "300ms", "--outcome", p.outcome_file]
    if what == "lines":
        options += ["--json"]          # captured: no bound but the one that is asked for
        options[1] = "20s"
        options += ["--output-limit", "8M" if WHOLE else "2M"]
    m = None

    def once():
        nonlocal m
        p.log.unlink(missing_ok=True)
        q = p.start(*words(p, what, 0, options=options), **NULL)
        m = Memory(q)
        m.wait(30)
        # The run's own clock: on a busy machine the start before it and the records after it take their time.
        return json.loads(p.outcome_file.read_text())["duration_ms"] / 1000 - 1.3

    if what == "lines":
        once()
    else:
        late = quickest(once, SOON_S, TRIES)
        check(late < max(SOON_S, 3.0), f"{what}: ended {late:.1f} s after a timeout of 1 s and a grace of 0.3 s")
    o = json.loads(p.outcome_file.read_text())
    check_eq(o["status"], "limit" if what == "lines" else "timeout", str(o.get("error")))
    check_eq(box.leftovers(5.0), {})
    log = p.log.stat().st_size
    records = kinds(p)
    say(f"{what}: over after {o['duration_ms'] / 1000:.1f} s; the supervisor had at most {m.most} KB, the log {log} bytes, "
        f"{records['sandbox.violation']} refusals recorded of {o['violations_total']}")
    # What is captured is held, base64 and all, until it is written.
    captured = (o["stdout"]["bytes"] or 0) + (o["stderr"]["bytes"] or 0)
    check(m.most < GROWS_KB + captured * 4 // 1024, f"grew from {m.first} to {m.most} KB")
    check(records["sandbox.violation"] <= 256 + 64 + 64, str(records))
    check(log < 256 * 4096 * 6 + 200000, f"the log: {log} bytes")
    if what in ("made", "calls", "connects"):
        check(o["violations_total"] > 256 and records["limit.hit"] >= 1, f"{records} {o['violations_total']}")
    box.verify(p)


@both
def a_flood_slows_another_run_no_more_than_any_busy_program(p):
    """The same other run: alone, beside two loops that have nothing to do with Ward, and beside a run that floods."""
    box.need_fuse()

    def other():
        with cli.place() as here:
            r = here.run("--write", here.ws, "--read", tool(here), "--", tool(here), "pace", 4000 if WHOLE else 1000)
            check_eq(r.code, 0, r.err)
            n, worst, median = (int(x) for x in r.out.split()[-3:])
            begin = time.monotonic()
            check_eq(here.run("true").code, 0)
            return n, worst, median, (time.monotonic() - begin) * 1000

    for _ in range(3):   # a busy machine may be slow for one of the three: a run that is slowed down by Ward is so each time
        text, ok = beside(p, other)
        if ok:
            break
    say(text)
    check(ok, text)
    check_eq(box.leftovers(2.0), {})


def beside(p, other):
    alone = other()
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    beside_busy = other()
    for q in busy:
        q.kill()
        q.wait()
    q = p.start(*words(p, "names", 0), **NULL)
    box.wait_for(lambda: len(box.descendants(q.pid)) > 1)
    beside_flood = other()
    q.kill()
    q.wait()
    text = "; ".join(f"{what}: {v[0]} answers, median {v[2]} us, worst {v[1]} us, ward run true {v[3]:.0f} ms"
                     for what, v in (("alone", alone), ("beside two busy loops", beside_busy), ("beside a flood", beside_flood)))
    return text, beside_flood[2] < 4 * max(beside_busy[2], alone[2]) + 200 and beside_flood[1] < 2_000_000


# ---- nothing waits for the log or for the policy ----

def quick(out, what, longest_ms):
    n, worst, median = (int(x) for x in out.split()[-3:])
    say(f"{what}: {n} answers, median {median} us, worst {worst} us")
    check(n > 50, f"{what}: {n} answers")
    check(worst < longest_ms * 1000, f"{what}: the worst answer took {worst} us")


@both
def answers_do_not_wait_for_the_log(p):
    """Somebody else has the log's lock, so that whoever wants to write a record waits, for ten seconds at most."""
    box.need_fuse()
    q = p.start(*words(p, "pace", 2500), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ready(q)
    with open(p.log, "r+b") as f:
        box.wait_for(lambda: hold_lock(f))
        out = q.stdout.readline()   # it comes while the lock is held: the run itself cannot end yet
        size = p.log.stat().st_size
        time.sleep(0.2)
        check(q.poll() is None, "the log was not waited for: it was not held")
        check_eq(p.log.stat().st_size, size)
    _, err = q.communicate(timeout=30)
    check_eq(q.returncode, 0, err.decode(errors="replace")[:2000])
    quick(out.decode(), "the log's lock held by another", 1500)
    box.verify(p)


def hold_lock(f):
    try:
        fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))    # F_OFD_SETLK
        return True
    except OSError:
        return False


@both
def answers_do_not_wait_for_the_policy(p):
    """Refusals that are slow to judge, one after the other: each looks at some thousand patterns that nearly match."""
    box.need_fuse()
    deny = "".join(f'      - "**/*a*b*c*{i}*/**"\n' for i in range(2000))
    p.write("team.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: team}\nspec:\n  denyRead:\n" + deny, 0o644)
    q = p.start("--policy", "team.yaml", "--accept", "files=advisory", *words(p, "pace", 2000), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = q.communicate(timeout=60)
    check_eq(q.returncode, 0, err.decode(errors="replace")[:2000])
    quick(out.decode(), "2,000 patterns", 1500)


@both
def answers_do_not_wait_for_a_reader(p):
    """Nobody reads the report, nor what the command prints."""
    box.need_fuse()
    r, w = os.pipe()
    fcntl.fcntl(w, 1031, 4096)
    os.set_blocking(w, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(w, b"x" * 4096)
    os.set_blocking(w, True)
    q = p.start("--report", f"fd:{w}", *words(p, "pace", 1500), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=w, pass_fds=[w])
    os.close(w)
    ready(q)
    out = q.stdout.readline()
    quick(out.decode(), "nobody reads", 1500)
    os.close(r)
    check(q.wait(20) is not None)


# ---- many who wait at once ----

def inside_of(q):
    return [pid for pid in box.descendants(q.pid) if "/inside hold" in box.cmdline(pid)]


def waiting(q):
    """How many wait for an answer: where the kernel says, else who sleeps."""
    n = 0
    for pid in inside_of(q):
        try:
            where = pathlib.Path(f"/proc/{pid}/wchan").read_text()
        except OSError:
            where = ""
        n += "request_wait_answer" in where or (where in ("", "0") and box.state(pid) in "SD")
    return n


def all_held(p, n):
    """A run in which n processes wait for an answer that the stopped supervisor does not give."""
    q = p.start(*words(p, "hold", n, options=("--timeout", "60s")), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    ready(q)
    os.kill(q.pid, box.STOP)
    got = box.wait_for(lambda: waiting(q) >= n, 30)
    check(got, f"only {waiting(q)} of {n} wait")
    return q


def gone(pids, seconds):
    """When all of them are gone or zombies, which hold nothing; None: not in time."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if not [pid for pid in pids if box.state(pid) not in ("", "Z", "X")]:
            return time.monotonic() - begin
        time.sleep(0.005)
    return None


def states(pids):
    return collections.Counter(box.state(pid) for pid in pids)


# A process that is held does not go at all; a thousand that go need their share of a busy machine for it, once or twice.
GONE_S = 10.0 * cli.PATIENCE


def short_turns():
    """Whether this kernel knows of turns (Linux 6.12 tells how long ours is), so that the init can have short ones. Without them it is seconds."""
    attr = bytearray(struct.pack("I52x", 56))
    box.must(box.libc.syscall(315, 0, (ctypes.c_char * 56).from_buffer(attr), 56, 0), "sched_getattr")
    return struct.unpack_from("Q", attr, 24)[0] > 0


SOON_S = 1.0 if short_turns() else 10.0
TRIES = 3


def soon(once, bound=SOON_S):
    """A second, of three times once: who ends a run must not wait for a turn beside a thousand that are busy (seconds, each time)."""
    took = []
    while len(took) < TRIES and min([*took, bound]) >= bound:
        took.append(once())
    check(min(took) < bound, f"gone after {', '.join(f'{s:.1f} s' for s in took)}")


def killed(p, how, n):
    q = all_held(p, n)
    everybody = list(box.descendants(q.pid))
    how(q)
    seconds = gone(everybody, GONE_S)
    q.wait(GONE_S)
    q.stdout.close()
    left = states(everybody)
    check(seconds is not None, f"{len(everybody)} processes, of which {GONE_S:.0f} s after the kill: {left}")
    check_eq(left["D"], 0)
    say(f"{n} lookups held, {how.__name__}: all {len(everybody)} processes gone after {seconds * 1000:.0f} ms")
    check_eq(box.leftovers(5.0), {})
    return seconds


def kill_ward(q):
    os.kill(q.pid, box.KILL)


def kill_init_then_ward(q):
    """The init dies first, with all that waits; the one whose question was read goes with the supervisor."""
    for pid in box.descendants(q.pid):
        with contextlib.suppress(OSError, IndexError):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            if status.split("NSpid:")[1].splitlines()[0].split()[-1] == "1":
                os.kill(pid, box.KILL)
    time.sleep(0.2)
    os.kill(q.pid, box.KILL)


def let_ward_end_it(q):
    """TERM is ignored inside, and the supervisor wakes up to end the run: at once, on a second signal."""
    os.kill(q.pid, signal.SIGTERM)
    os.kill(q.pid, box.CONT)
    time.sleep(0.05)
    os.kill(q.pid, box.KILL)


@box.both_cases([(how.__name__, how) for how in (kill_ward, kill_init_then_ward, let_ward_end_it)])
def held_lookups_do_not_outlive_a_kill(p, how):
    box.need_fuse()
    soon(lambda: killed(p, how, HELD))


@box.both_cases([("who ask without end", "hold", HELD, SOON_S), ("who fork without end", "storm", 300, max(SOON_S, 3.0))])
def many_end_with_the_grace(p, what, n, bound):
    """The supervisor itself ends a run of which all wait for it, by its own clock: who looks on is beside a thousand busy ones, too."""
    box.need_fuse()

    def once():
        q = p.start(*words(p, what, n, options=("--timeout", "1500ms", "--grace", "200ms", "--outcome", p.outcome_file)), **NULL)
        check_eq(q.wait(30), 124)
        late = json.loads(p.outcome_file.read_text())["duration_ms"] / 1000 - 1.7
        say(f"{what} {n}, a timeout of 1.5 s and a grace of 200 ms: over {late * 1000:.0f} ms later")
        check_eq(box.leftovers(5.0), {})
        return late

    soon(once, bound)


@contextlib.contextmanager
def by_term(p, argv):
    q = p.start(*argv, **NULL)
    time.sleep(1.5)
    q.send_signal(signal.SIGTERM)
    yield q, 0.2


@contextlib.contextmanager
def by_ctrl_c(p, argv):
    """Typed where ward was started: the terminal of the command is another, and SIGINT comes from there."""
    leader, follower = pty.openpty()
    q = p.start(*argv, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
                before=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(follower)
    time.sleep(1.5)
    os.write(leader, b"\x03")
    yield q, 0.0
    os.close(leader)


@box.both_cases([(how.__name__, how) for how in (by_term, by_ctrl_c)])
def many_end_when_somebody_wants_it(p, how):
    """Where no cgroup holds memory (here: for an ordinary user) all of 300 that fork without end are looked at, for seconds beside them."""

    def once():
        with how(p, words(p, "storm", 300, options=("--grace", "200ms"))) as (q, grace):
            begin = time.monotonic()
            q.wait(60)
            late = time.monotonic() - begin - grace
        say(f"{how.__name__}: over {late * 1000:.0f} ms later")
        check_eq(box.leftovers(5.0), {})
        return late

    soon(once, max(SOON_S, 2.0))


box.main()

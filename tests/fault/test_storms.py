#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What comes in numbers, or at the wrong time: signals by the ten thousand, orphans, clocks that jump, readers that stop. The run is what it would have been, its
limits hold, ward's memory and descriptors stay flat. WARD_FAULT_FORKS: how many double forks (make check-faults: 100,000).
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, skip    # noqa: E402  pylint: disable=wrong-import-position

FORKS = int(os.environ.get("WARD_FAULT_FORKS", "3000"))
PIPE = subprocess.PIPE
STORM_S = float(os.environ.get("WARD_FAULT_STORM_S", "1"))


def built(name, word):
    path = pathlib.Path(os.environ.get(word, cli.ROOT / "build" / "tests" / name)).resolve()
    if not path.exists():
        skip(f"{path} is not built")
    return path


def rss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def kept(pid):
    """The fewest of some looks: one that is open for a moment, while something is looked at, is none that it keeps."""
    found = []
    for _ in range(40):
        found.append(descriptors(pid))
        time.sleep(0.02)
    return min(found)


def storm(pid, signals, seconds):
    """How many were sent: some 10,000 a second of each."""
    end, n = time.monotonic() + seconds, 0
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            for _ in range(20):
                for sig in signals:
                    os.kill(pid, sig)
                    n += 1
            time.sleep(0.001)
    return n


IGNORES = "trap '' USR1 USR2 WINCH; echo up; read x; echo done"


@both_cases([
    ("ignored by default", [signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG, signal.SIGCONT]),
    ("passed on", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH]),
    ("stop and continue", [signal.SIGTSTP, signal.SIGCONT]),
])
def signals_to_ward(p, signals):
    q = p.start("sh", "-c", IGNORES, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    check_eq(q.stdout.readline(), b"up\n")
    before = kept(q.pid), rss_kb(q.pid)
    n = storm(q.pid, signals, STORM_S)
    q.send_signal(signal.SIGCONT)
    check(n > 1000, f"only {n} signals")
    after = kept(q.pid)
    # One more than before may be the kernel's list of mounts, which the first look at what was refused opens, once.
    check(before[0] <= after <= before[0] + 1, f"descriptors: {before[0]} before, {after} after")
    check(rss_kb(q.pid) < before[1] + 2048, f"memory: {before[1]} KiB before, {rss_kb(q.pid)} after")
    out, err = q.communicate(b"x\n", timeout=60)
    check_eq((q.returncode, out), (0, b"done\n"), err)
    check_eq(box.leftovers(2.0), {})
    box.verify(p)


@both
def signals_while_it_starts_and_ends(p):
    for _ in range(10):
        q = p.start("sh", "-c", "echo done", stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
        storm(q.pid, [signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT], 0.05)
        out, err = q.communicate(timeout=60)
        check_eq((q.returncode, out), (0, b"done\n"), err)
    check_eq(box.leftovers(2.0), {})
    box.verify(p)


def signals_to_who_embeds_it():
    """64 runs in one process of the library, which owns no signal of it."""
    q = subprocess.Popen([built("sandbox/test_concurrent", "WARD_CONCURRENT")], stdout=PIPE, stderr=subprocess.STDOUT)
    n = 0
    while q.poll() is None and n < 3000000:
        n += storm(q.pid, [signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG, signal.SIGCONT], 0.2)
    out = q.communicate(timeout=120)[0]
    check_eq(q.returncode, 0, out.decode("utf-8", "replace")[-2000:])
    check(n > 1000, f"only {n} signals")


@both
def orphans(p):
    shutil.copy(built("fault/forks", "WARD_FORKS"), p.ws / "forks")
    q = p.start("--read", ".", "./forks", FORKS, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
    check_eq(q.stdout.readline(), b"begun\n")
    seen = []
    while q.poll() is None:
        with contextlib.suppress(OSError):
            seen.append((descriptors(q.pid), rss_kb(q.pid)))
        time.sleep(0.05)
    out, err = q.communicate(timeout=60)
    check_eq((q.returncode, out), (0, b"failed 0 zombies 0\n"), err)
    seen = [s for s in seen if s[1]] or [(0, 0)]
    fds, rss = {s[0] for s in seen[:-1]} or {0}, [s[1] for s in seen]
    check(max(fds) - min(fds) <= 2 and max(rss) - rss[0] < 2048, f"not flat: descriptors {sorted(fds)}, KiB {rss[0]} to {max(rss)}")
    check_eq(box.leftovers(2.0), {})
    print(f"# {FORKS} double forks: ward's descriptors {sorted(fds)}, KiB {min(rss)} to {max(rss)}", flush=True)


@both_cases([("a minute", 60 * cli.PATIENCE), ("a year", 31536000)])
def clocks_that_jump(p, seconds):
    """The time of day goes to and fro whenever it is asked for; what ends a run is the monotonic clock."""
    cli.WARD = str(shutil.copy(built("fault/ward_nth", "WARD_NTH"), p.base / "ward"))
    os.environ["WARD_CLOCK_JUMP"] = str(seconds)
    begin = time.monotonic()
    r, o = p.outcome("--timeout", "600ms", "--grace", "200ms", "sleep", "1000")
    check_eq((r.code, o["status"]), (124, "timeout"), r.err)
    check(0.55 < time.monotonic() - begin < 20 * cli.PATIENCE, f"{time.monotonic() - begin} s")
    check(500 <= o["duration_ms"] < 20000 * cli.PATIENCE, f"duration {o['duration_ms']} ms")
    for _ in range(3):
        check_eq(p.run("--mode", "workspace_write", "true").code, 0)
    box.verify(p)
    times = [x["ts"] for x in box.records(p)]
    check(times != sorted(times), "the clock did not jump: the test sees nothing")


@both_cases([("inherited", []), ("captured", ["--json"]), ("limited", ["--output-limit", "1G"])])
def a_reader_that_stops(p, more):
    """Nobody reads what the command writes: the time limit ends it all the same, not that of output, and ward holds no more than it may."""
    # Parts of which no number fills a pipe: who writes all that he has to one that has room for some would wait there.
    q = p.start(*more, "--timeout", "1s", "--grace", "200ms", "sh", "-c", "while :; do head -c 20001 /dev/zero; sleep 0.01; done", stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
    top, end = 0, time.monotonic() + 15
    while q.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            top = max(top, rss_kb(q.pid))
        if len(box.descendants(q.pid)) == 0 and top and time.monotonic() > end - 5:
            break
        time.sleep(0.02)
    check_eq(box.descendants(q.pid), {}, "the command outlives its time, as nobody reads")
    q.stderr.close()
    out = q.stdout.read()
    q.wait(30)
    check_eq(q.returncode, 124)
    if more == ["--json"]:
        check_eq(json.loads(out)["status"], "timeout")
    else:
        check(top < 16384, f"ward holds {top} KiB")
    check_eq(box.leftovers(2.0), {})


@both
def an_outcome_that_nobody_reads(p):
    """A pipe as --outcome whose reader is stopped: the run has ended and nothing of it is alive."""
    os.mkfifo(p.side / "fifo")
    fd = os.open(p.side / "fifo", os.O_RDWR)
    q = p.start("--outcome", p.side / "fifo", "true", stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        q.wait(20)
    except subprocess.TimeoutExpired:
        check_eq(box.descendants(q.pid), {}, "the run is alive")
        q.kill()
    os.close(fd)
    check_eq(box.leftovers(2.0), {})


import tap    # noqa: E402  pylint: disable=wrong-import-position
tap.test(signals_to_who_embeds_it)
box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
kill -9 at random points of a run's life: of ward, of its helpers, of the command. After the next start nothing of the run is left, no
process, mount, cgroup or file, and a run that had started has an end in the log: its own, or one that says it was aborted. The log alone is asked
which. WARD_FAULT_POINTS sets how many points there are (make check-faults: 1,000 of each user), WARD_FAULT_SEED which.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
from box import both, user_only    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in    # noqa: E402  pylint: disable=wrong-import-position

POINTS = int(os.environ.get("WARD_FAULT_POINTS", "40"))
SEED = int(os.environ.get("WARD_FAULT_SEED", str(random.randrange(1 << 30))))
VICTIMS = ("ward", "ward", "helper", "all helpers", "any")
MODE = ("--mode", "workspace_write")    # it pins names, which are files of the host that outlive every process
COMMAND = ("sh", "-c", "echo >made; sleep 0.01 & wait; rm made")


def pending(p):
    return pathlib.Path(f"{p.log}.runs")


def live_dir():
    """Where runs of this user listen."""
    return pathlib.Path("/run/ward" if os.geteuid() == 0 else os.environ["XDG_RUNTIME_DIR"] + "/ward")


def settle(p):
    """The environment of a user's session, but for its home."""
    if os.geteuid() == 0:
        box.private_mounts()    # what others mount meanwhile is not looked at
    p.ws.chmod(0o777)
    run = p.base / "run"
    run.mkdir(mode=0o700)
    os.environ.update({"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "XDG_RUNTIME_DIR": str(run)})


def start(p, *words):
    return p.start(*MODE, *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lasts(p):
    """How long a whole run takes here and now."""
    begin = time.monotonic()
    for _ in range(3):
        check_eq(start(p, *COMMAND).wait(30), 0, "a run that nobody kills")
    return (time.monotonic() - begin) / 3


def below(pid):
    found, more = [], [pid]
    while more:
        for task in pathlib.Path(f"/proc/{more.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                more += [int(child) for child in task.read_text().split()]
                found += more[-1:]
    return found


def kill(ward, victim):
    helpers = []
    if victim != "ward":
        with contextlib.suppress(OSError):
            helpers = below(ward.pid)
    who = {"ward": [ward.pid], "helper": helpers[:1], "all helpers": helpers, "any": [random.choice(helpers + [ward.pid])]}[victim]
    for pid in who or [ward.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text()


_read = {}  # what is known of a log, and how much of it: at a thousand points it is long, and only grows


def ends(p):
    """{run: [status of each of its ends]} of the runs that have started."""
    with open(p.log, "rb") as log:
        st = os.fstat(log.fileno())
        at, got = _read.get((st.st_dev, st.st_ino), (0, {}))
        log.seek(at)
        for line in log:
            at += len(line)
            r = json.loads(line)
            if r["kind"] == "run.start":
                got.setdefault(r["run"], [])
            elif r["kind"] == "run.end":
                got.setdefault(r["run"], []).append(r["detail"]["status"])
        _read[st.st_dev, st.st_ino] = at, got
    return {run: list(status) for run, status in got.items()}


def ends_of(p, run):
    """Of one that may have no start."""
    return [r["detail"]["status"] for r in box.records(p) if r["kind"] == "run.end" and r["run"] == run]


def nothing_left(p, before, what):
    check_eq(box.leftovers(10.0), {}, f"{what}: processes")
    check_eq(mounts(), before, f"{what}: mounts")
    check_eq(sorted(os.listdir(pending(p))), [], f"{what}: runs that have begun")
    check_eq([n for n in os.listdir(p.ws) if n != "made"], [], f"{what}: names in the workspace")
    check_eq([n for n in os.listdir(p.side) if ".new." in n or n.endswith(".tmp")], [], f"{what}: half-written files")
    check_eq([n for n in os.listdir(f"{p.log}.snapshots") if n.startswith(".")], [], f"{what}: half-written policies")
    mine = set(ends(p))
    check_eq([n for n in os.listdir(live_dir()) if n.split(".")[0] in mine], [], f"{what}: sockets")
    return mine


def no_cgroup(runs):
    found = [d for _, dirs, _ in os.walk("/sys/fs/cgroup") for d in dirs if d.startswith("ward-") and d[5:] in runs]
    check_eq(found, [], "cgroups")


@both
def at_random_points(p):
    """A run is killed; the next start, which is let live, cleans up."""
    settle(p)
    rng = random.Random(SEED)
    random.seed(SEED)
    span = lasts(p) * 1.2
    before = mounts()
    aborted = 0
    for i in range(POINTS):
        victim = VICTIMS[i % len(VICTIMS)]
        point = rng.random() * span
        q = start(p, *COMMAND)
        time.sleep(point)
        kill(q, victim)
        what = f"seed {SEED}, point {i}: {victim} after {point * 1000:.2f} ms"
        try:
            q.wait(20)
        except subprocess.TimeoutExpired:
            check(False, f"{what}: ward does not end")
        check_eq(box.leftovers(10.0), {}, f"{what}: processes")
        r = p.run(*MODE, *COMMAND)
        check_eq(r.code, 0, f"{what}: the next start: {r.err}")
        nothing_left(p, before, what)
        got = ends(p)
        check_eq({run: v for run, v in got.items() if len(v) != 1}, {}, f"{what}: each start has one end")
        if ["aborted"] in got.values() and len([v for v in got.values() if v == ["aborted"]]) > aborted:
            aborted += 1
            check_in("was aborted", r.err, what)
    no_cgroup(set(ends(p)))
    box.verify(p)
    check(aborted > 0 or POINTS < 20, f"seed {SEED}: never was one aborted: the test sees nothing")
    print(f"# {POINTS} points over {span * 1000:.0f} ms, {aborted} runs recorded as aborted", flush=True)


def killed_run(p):
    """A run whose command is at work and whose ward is killed, and its id."""
    q = start(p, "sh", "-c", "echo >made; sleep 100")
    check(box.wait_for(lambda: (p.ws / "made").exists(), 20), "it never started")
    (run,) = [n for n in os.listdir(pending(p)) if not n.startswith(".")]
    return q, run


@both
def an_end_is_written_once_when_starts_race(p):
    settle(p)
    for _ in range(3):
        q, run = killed_run(p)
        q.kill()
        q.wait(10)
        check_eq(box.leftovers(10.0), {})
        (p.ws / "made").unlink()
        several = [p.start(*MODE, "true", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        said = [s.communicate(timeout=60)[1] for s in several]
        check_eq([s.returncode for s in several], [0] * 6, said)
        check_eq(ends(p)[run], ["aborted"])
    check_eq({run: v for run, v in ends(p).items() if len(v) != 1}, {})
    end = [r for r in box.records(p) if r["kind"] == "run.end" and r["run"] == run][0]
    check_eq((end["workspace"], os.path.basename(end["resource"]) in ("sh", "dash")), (str(p.ws), True))
    box.verify(p)


@both
def who_lives_is_not_aborted(p):
    """Ward stopped, or dead while its init is not yet: nobody takes anything away from what is alive."""
    settle(p)
    q, run = killed_run(p)
    os.kill(q.pid, signal.SIGSTOP)
    check_eq(p.run("true").code, 0)
    check_eq(ends(p)[run], [], "a stopped ward is no dead one")
    helpers = below(q.pid)
    check(helpers, "no helper is seen")
    for pid in helpers:
        os.kill(pid, signal.SIGSTOP)
    q.kill()
    q.wait(10)
    r = p.run("true")
    check_eq((r.code, ends(p)[run]), (0, []), "something of the run is alive")
    check((pending(p) / run).exists())
    for pid in helpers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    check_eq(box.leftovers(10.0), {})
    check_eq((p.run("true").code, ends(p)[run]), (0, ["aborted"]))


@both
def what_a_file_says_is_not_believed(p):
    """It names what may be a pin: only what surely is one goes; and garbage stops no start."""
    settle(p)
    check_eq(p.run("true").code, 0)
    own = p.side / "own"
    own.mkdir(mode=0o755)
    full = p.side / "full"
    (full / "x").mkdir(parents=True)
    full.chmod(0o1755)
    pin = p.side / "pin"
    pin.mkdir()
    pin.chmod(0o1755)
    link = p.side / "link"
    link.symlink_to("pin")
    names = b"".join(b"pin=" + os.fsencode(x) + b"\0" for x in (own, full, link, p.side / "none", p.log))
    for i, text in enumerate((b"", b"\0\0\0", b"x" * 5000, b"1 2\0pin=", b"0 0\0pin=\0workspace=\0exe=\0", b"0 99999999\0" + names, b"7 0\0" + names)):
        (pending(p) / f"01M8BFCZ1X6EEQSZDMNBR5W7{i:02d}").write_bytes(text)
        r = p.run("true")
        check_eq((r.code, os.listdir(pending(p))), (0, []), r.err)
    check(own.exists() and full.exists() and pin.exists() and link.is_symlink() and p.log.exists(), "what is no pin was taken away")
    (pending(p) / "01M8BFCZ1X6EEQSZDMNBR5W7Y1").write_bytes(b"0 0\0pin=" + os.fsencode(pin) + b"\0")
    check_eq((p.run("true").code, pin.exists()), (0, False))
    (pending(p) / "not-a-run").write_text("x")
    (pending(p) / "01M8BFCZ1X6EEQSZDMNBR5W7Y1").symlink_to(p.log)
    check_eq((p.run("true").code, p.log.exists()), (0, True))
    box.verify(p)


@both
def a_place_that_is_not_ones_own_is_refused(p):
    settle(p)
    for make in (lambda d: d.symlink_to(p.side), lambda d: d.write_text(""), lambda d: (d.mkdir(), d.chmod(0o777))):
        make(pending(p))
        r = p.run("touch", "made")
        check_eq((r.code, (p.ws / "made").exists()), (125, False), r.err)
        check_in(f"{p.log}.runs", r.err.splitlines()[0])
        check(re.match("ward: .*; ", r.err.splitlines()[0]), r.err)
        subprocess.run(["rm", "-rf", pending(p)], check=True)


@both
def a_file_that_cannot_be_read_refuses_nobody(p):
    """It is said which, and the next start says it again; a name that is no path makes no record that cannot be written."""
    settle(p)
    check_eq(p.run("true").code, 0)
    big = pending(p) / "01M8BFCZ1X6EEQSZDMNBR5W700"
    big.write_bytes(b"x" * ((1 << 20) + 1))
    (pending(p) / "01M8BFCZ1X6EEQSZDMNBR5W701").write_bytes(b"7 0 1\0workspace=/" + b"x" * 300000 + b"\0")
    r = p.run("true")
    check_eq((r.code, os.listdir(pending(p))), (0, [big.name]), r.err)
    check_in(str(big), r.err)
    check_eq(ends_of(p, "01M8BFCZ1X6EEQSZDMNBR5W701"), ["aborted"])
    box.verify(p)


@user_only
def a_log_in_a_place_that_may_not_be_written(p):
    """It works as before there were such files, and says what is missing."""
    settle(p)
    p.log.touch(0o600)
    stored = pathlib.Path(f"{p.log}.snapshots")
    stored.mkdir(0o700)
    p.side.chmod(0o555)
    try:
        r = p.run("true")
        check_eq(r.code, 0, r.err)
        check_eq(r.err.count("audit.jsonl.runs cannot be made"), 1, r.err)
    finally:
        p.side.chmod(0o755)
    check(not pending(p).exists())
    check_eq(list(ends(p).values()), [["exited"]])


@both
def it_is_out_of_reach(p):
    """Whoever can write there could have pins of others taken away, or be forgotten."""
    settle(p)
    check_eq(p.run("true").code, 0)
    r = p.run("--write", pending(p), "touch", pending(p) / "x")
    check_eq(r.code, 125, r.err)
    check_in("runs that have begun", r.err)


@both
def a_log_that_was_put_away(p):
    """Its run gets its end in the log that is there now."""
    settle(p)
    q, run = killed_run(p)
    p.log.rename(f"{p.log}.1")
    q.kill()
    q.wait(10)
    check_eq(box.leftovers(10.0), {})
    check_eq(p.run("true").code, 0)
    check_eq(ends(p)[run], ["aborted"])
    box.verify(p)


@both
def without_a_log(p):
    """Nothing can be recorded; nothing is alive all the same."""
    settle(p)
    words = [cli.WARD, "run", "--audit", "/dev/null", *MODE, "sh", "-c", "echo >made; sleep 100"]
    q = subprocess.Popen(words, cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL)
    check(box.wait_for(lambda: (p.ws / "made").exists(), 20))
    q.kill()
    q.wait(10)
    check_eq(box.leftovers(10.0), {})
    check(not pending(p).exists())


box.main()

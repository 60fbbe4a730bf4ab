#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward stop: runs that are alive end because somebody says so, each says who, and nobody else can say it or stand in for a run."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time

import box
import cli
import schema
from box import both, root_only, user_only
from tap import check, check_eq, check_in, quickest, skip

SCHEMA = json.loads((cli.ROOT / "docs/spec/stop.schema.json").read_text())


CLONE_NEWNET = 0x40000000


def alone():
    """
    From here on nobody else's runs are to be found: the kernel's list of sockets is that of a network namespace. A user needs a user
    namespace for it, in which it is who it was.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        # Root's place is /run/ward, whatever the environment says.
        box.private_mounts()
        box.mount("none", "/run", "tmpfs", 0, "mode=0755")
        box.must(box.libc.unshare(CLONE_NEWNET), "unshare")
        return
    if box.libc.unshare(box.CLONE_NEWUSER | CLONE_NEWNET) < 0:
        skip("no user namespace to be alone in")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        pathlib.Path(f"/proc/self/{name}").write_text(text)
    check_eq(os.geteuid(), uid)
    # Without what it may do in that namespace: as any process of that user.
    box.must(box.libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)), "capset")


class Runs:
    """Runs of one user in the background, and what stops them; places of their own, so that no run of anybody else is met."""

    def __init__(self, p):
        self.p = p
        self.rt = p.side / "rt"
        self.rt.mkdir(mode=0o700, exist_ok=True)
        self.all = []
        alone()

    def env(self, **more):
        return self.p.env(**{"XDG_RUNTIME_DIR": str(self.rt), "HOME": str(self.p.home), **more})

    def start(self, *words, script="", log=None, env=None, before=None):
        """Its process, its id and its marker; back when it can be asked."""
        n, mark = len(self.all), box.marker()
        out = self.p.side / f"outcome{n}"
        err = open(self.p.side / f"err{n}", "wb")  # pylint: disable=consider-using-with
        q = subprocess.Popen([cli.WARD, "run", "--audit", log or self.p.log, "--outcome", out, *words, "sh", "-c",  # pylint: disable=consider-using-with
                              f"{script} sleep {mark} & sleep {mark} & wait; wait"], cwd=self.p.ws, env=env or self.env(),
                             stdin=subprocess.DEVNULL, stdout=err, stderr=err, preexec_fn=before)
        self.p.started.append(q)
        self.all.append(q)
        box.wait_for(lambda: len(box.with_marker(mark)) >= 3 or q.poll() is not None)
        check(q.poll() is None, f"it did not start: {(self.p.side / f'err{n}').read_text()}")
        started = [json.loads(x) for x in pathlib.Path(log or self.p.log).read_text().splitlines()]
        run = [r["run"] for r in started if r["kind"] == "run.start"][-1]
        return q, run, mark, out

    def stop(self, *words, env=None, **more):
        q = subprocess.run([cli.WARD, "stop", *words], env=env or self.env(), capture_output=True, text=True, timeout=60, check=False, **more)
        return cli.Result(q.returncode, q.stdout, q.stderr)

    def alive(self, mark):
        return len(box.with_marker(mark)) > 0

    def socket_of(self, run):
        if os.geteuid() == 0:
            return f"/run/ward/{run}.live"
        return f"{self.rt}/ward/{run}.live"


def stops(p, run):
    return [r for r in box.records(p) if r["kind"] == "run.stop" and r["run"] == run]


@both
def a_run_ends_and_says_who_ended_it(p):
    r = Runs(p)
    q, run, mark, out = r.start("--read", ".")
    other, other_run, other_mark, _ = r.start("--read", ".")
    got = r.stop(run, "--reason", 'wrong "branch"\nrun.end')
    check_eq((got.code, got.err), (0, ""))
    check_in(f"{run} ended: cancelled", got.out)
    check(not r.alive(mark), "something of it lives when ward stop is back")
    check_eq(q.wait(5), 128 + signal.SIGTERM)
    outcome = json.loads(out.read_text())
    check_eq((outcome["status"], outcome["signal"]), ("cancelled", signal.SIGTERM))
    rec = stops(p, run)
    check_eq(len(rec), 1)
    check_eq(rec[0]["detail"]["reason"], 'wrong "branch"\nrun.end')
    check_eq((rec[0]["detail"]["by"]["uid"], rec[0]["detail"]["now"]), (os.geteuid(), False))
    check(rec[0]["detail"]["by"]["pid"] > 0)
    kinds = [x["kind"] for x in box.records(p) if x["run"] == run]
    check_eq(kinds[-2:], ["run.stop", "run.end"])
    check_in(f"ward: stopped by uid {os.geteuid()} (ward stop, pid ", (p.side / "err0").read_text())
    check(other.poll() is None and r.alive(other_mark), "another run has ended, too")
    check_eq(r.stop(run).code, 1, "it has ended already")
    check_eq(r.stop("--all").code, 0)
    check_eq(other.wait(5), 128 + signal.SIGTERM)
    check_eq(stops(p, other_run)[0]["detail"].get("reason"), None)
    box.verify(p)
    check(not os.path.exists(r.socket_of(run)), "the socket is left")


@both
def grace_is_kept_and_now_is_now(p):
    r = Runs(p)
    q, run, mark, _ = r.start("--read", ".", "--grace", "600s", script="trap '' TERM;")

    def told():
        begun = time.monotonic()
        got = r.stop(run, "--wait", "500ms")
        took = time.monotonic() - begun
        check_eq(got.code, 1)
        check_in("has not yet", got.out)
        return took
    check(quickest(told, 5) < 5, "it waited longer than it was told, as untold: for ten seconds")
    check(q.poll() is None and r.alive(mark), "it is dead before its grace is over")
    begun = time.monotonic()
    got = r.stop(run, "--now")
    check_eq(got.code, 0, got.out)
    check(time.monotonic() - begun < 3 * cli.PATIENCE, "now took long")
    check(not r.alive(mark))
    check_eq(q.wait(5), 128 + signal.SIGTERM)
    now = [x["detail"]["now"] for x in stops(p, run)]
    check_eq(now, [False] * (len(now) - 1) + [True])
    check(len(now) > 1)


@both
def labels_choose_and_a_dry_run_ends_nothing(p):
    r = Runs(p)
    runs = {}
    for name, labels in (("a", ("team=ops", "job=1")), ("b", ("team=ops", "job=2")), ("c", ("team=ops2",)), ("d", ())):
        runs[name] = r.start("--read", ".", *(w for x in labels for w in ("--label", x)))
    got = r.stop("--match", "team=ops", "--dry-run", "--json")
    check_eq(got.code, 0, got.err)
    doc = json.loads(got.out)
    schema.validate(doc, SCHEMA)
    check_eq(sorted(x["run"] for x in doc["runs"]), sorted(runs[n][1] for n in "ab"))
    check_eq(doc["runs"][0]["labels"], ["team=ops", "job=1"])
    check_eq([x["uid"] for x in doc["runs"]], [os.geteuid()] * 2)
    check(all(runs[n][0].poll() is None for n in "abcd"))
    check_eq(r.stop("--match", "team=ops", "--match", "job=2").code, 0)
    check_eq(runs["b"][0].wait(5), 143)
    check_eq([runs[n][0].poll() is None for n in "abcd"], [True, False, True, True])
    for none in ("team=op", "team=", "job=3", "team=*", "team=ops\n", "tem=ops"):
        got = r.stop("--match", none)
        check_eq((none, got.code, got.err), (none, 1, "ward: no such run is alive; ward stop --all --dry-run --json shows those that are, with their labels\n"))
    doc = json.loads(r.stop("--all", "--json").out)
    schema.validate(doc, SCHEMA)
    check_eq(sorted((x["run"], x["ended"], x["status"]) for x in doc["runs"]), sorted((runs[n][1], True, "cancelled") for n in "acd"))
    check_eq([runs[n][0].wait(5) for n in "abcd"], [143] * 4)
    got = r.stop("--all")
    check_eq((got.code, got.out, got.err), (1, "", "ward: no run is alive\n"))


@both
def what_is_not_clear_ends_nothing(p):
    r = Runs(p)
    q, run, _, _ = r.start("--read", ".")
    for words in ((), ("--al",), ("--all", run), ("--match", "team"), ("--match", "=x"), ("--match",), ("--match", "a=b", "--all"), (run[:10],), (run.lower() + "x",), ("--all", "--reason", "x" * 257),
                  ("--all", "--wait", "0"), ("--all", "--wait"), ("--all", "--reason"), ("12345",), ("",)):
        got = r.stop(*words)
        check_eq(got.code, 2, f"{words}: {got}")
        check(got.err.startswith("ward: "), got.err)
    got = r.stop("--all", env=r.env(WARD_RUN=run))
    check_eq(got.code, 1)
    check_in("inside a sandbox", got.err)
    check_eq(r.stop("01JD7Z3NDEKTSV4RRFFQ69G5FA").code, 1)
    check(q.poll() is None)


@root_only
def root_ends_everybodys_and_a_user_only_its_own(p):
    r = Runs(p)
    box.bound_fuse()
    uid, other = box.free_id(), box.free_id() + 7
    mine = r.start("--read", ".")
    os.chmod("/run", 0o755)

    def user(who):
        def become():
            os.setgroups([])
            os.setresgid(who, who, who)
            os.setresuid(who, who, who)
        return become
    dirs = {}
    for who in (uid, other):
        d = p.side / f"u{who}"
        d.mkdir(mode=0o700)
        os.chown(d, who, who)
        dirs[who] = d
    os.chmod(p.side, 0o755)

    def env(who):
        own = str(dirs[who])
        return r.env(XDG_RUNTIME_DIR=own, HOME=own, XDG_STATE_HOME=f"{own}/state", XDG_CONFIG_HOME=f"{own}/config")

    def start(who):
        n, mark = len(r.all), box.marker()
        err = open(p.side / f"err{n}", "wb")  # pylint: disable=consider-using-with
        q = subprocess.Popen([cli.WARD, "run", "--audit", dirs[who] / "log", "--read", ".", "sleep", mark], cwd=p.ws, env=env(who),  # pylint: disable=consider-using-with
                             stdin=subprocess.DEVNULL, stdout=err, stderr=err, preexec_fn=user(who))
        p.started.append(q)
        box.wait_for(lambda: box.with_marker(mark) or q.poll() is not None)
        check(q.poll() is None, (p.side / f"err{n}").read_text())
        run = [json.loads(x)["run"] for x in (dirs[who] / "log").read_text().splitlines()][-1]
        return q, run, mark
    theirs = start(uid)
    again = start(uid)
    # Neither its own environment nor its name leads anybody else there.
    for words in (("--all",), (theirs[1],), (mine[1],)):
        got = r.stop(*words, env=env(other), preexec_fn=user(other))
        check_eq(got.code, 1, f"{words}: {got}")
        got = r.stop(*words, env=env(uid) | {"XDG_RUNTIME_DIR": "/run"}, preexec_fn=user(other))
        check_eq(got.code, 1, f"{words}: {got}")
    check(theirs[0].poll() is None and mine[0].poll() is None)
    # Connected by hand: other may not even enter. The user whose it is not root's:
    check_eq(r.stop(mine[1], env=env(uid), preexec_fn=user(uid)).code, 1)
    check(mine[0].poll() is None)
    got = r.stop("--all", "--dry-run", "--json")
    check_eq(sorted((x["run"], x["uid"]) for x in json.loads(got.out)["runs"]), sorted([(mine[1], 0), (theirs[1], uid), (again[1], uid)]))
    got = r.stop(theirs[1], "--reason", "root says so")
    check_eq(got.code, 0, got.out + got.err)
    check_eq(theirs[0].wait(5), 143)
    rec = [x for x in map(json.loads, (dirs[uid] / "log").read_text().splitlines()) if x["kind"] == "run.stop"]
    check_eq((rec[0]["detail"]["by"]["uid"], rec[0]["detail"]["reason"]), (0, "root says so"))
    # Another session of that user, with another environment, finds it all the same.
    got = r.stop("--all", env=env(uid) | {"XDG_RUNTIME_DIR": "/nonexistent", "XDG_STATE_HOME": "/nonexistent"}, preexec_fn=user(uid))
    check_eq(got.code, 0, got.out + got.err)
    check_eq(again[0].wait(5), 143)
    check(mine[0].poll() is None)
    check_eq(r.stop("--all").code, 0)


JUNK = """
import os, resource, socket, sys, time
at, silent, n = sys.argv[1], sys.argv[2] == "silent", int(sys.argv[3])
keep = []
for i in range(n):
    d = at + "/" + str(0 if silent else i)
    os.makedirs(d, mode=0o700, exist_ok=True)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(d + "/%026d.live" % i)
    if silent:
        s.listen(4)
    keep.append(s)
print("ready", flush=True)
time.sleep(120)
"""


@root_only
def what_one_user_makes_hides_no_other_users_run(p):
    """Anybody can make sockets that look like a run's: many of them, in many directories, and such as never answer."""
    r = Runs(p)
    box.bound_fuse()
    uid, other = box.free_id(), box.free_id() + 7
    dirs = {}
    for who in (uid, other):
        dirs[who] = p.side / f"u{who}"
        dirs[who].mkdir(mode=0o700)
        os.chown(dirs[who], who, who)
    os.chmod(p.side, 0o755)

    def user(who):
        def become():
            resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 4096))
            os.setgroups([])
            os.setresgid(who, who, who)
            os.setresuid(who, who, who)
        return become

    def junk(kind, n):
        at = dirs[other] / kind
        q = subprocess.Popen(["/usr/bin/python3", "-c", JUNK, at, kind, str(n)], stdout=subprocess.PIPE, text=True, preexec_fn=user(other))  # pylint: disable=consider-using-with
        p.started.append(q)
        check_eq(q.stdout.readline(), "ready\n")
        return q

    own = str(dirs[uid])
    env = r.env(XDG_RUNTIME_DIR=own, HOME=own, XDG_STATE_HOME=f"{own}/state", XDG_CONFIG_HOME=f"{own}/config")
    runs = []
    for n in range(3):
        log, mark = dirs[uid] / f"log{n}", box.marker()
        # A place of its own for each, in a list whose order nobody chooses.
        place = dirs[uid] / f"rt{n}"
        place.mkdir(mode=0o700)
        os.chown(place, uid, uid)
        q = subprocess.Popen([cli.WARD, "run", "--audit", log, "--read", ".", "sleep", mark], cwd=p.ws, env=env | {"XDG_RUNTIME_DIR": str(place)},  # pylint: disable=consider-using-with
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=user(uid))
        p.started.append(q)
        box.wait_for(lambda: box.with_marker(mark) or q.poll() is not None)  # pylint: disable=cell-var-from-loop
        runs.append((q, json.loads(log.read_text().splitlines()[-1])["run"]))
    many = junk("many", 1500)
    got = r.stop(*(run for _, run in runs), "--dry-run")
    check_eq((got.code, got.out.count(" lives;")), (0, 3), got.out + got.err)
    many.kill()
    many.wait()
    silent = junk("silent", 30 * cli.PATIENCE)
    begin = time.monotonic()
    got = r.stop("--all")
    check(time.monotonic() - begin < 30 * cli.PATIENCE, f"it took {time.monotonic() - begin} s")
    for q, run in runs:
        check_eq(q.wait(5), 143)
        check_in(f"{run} ended: cancelled", got.out)
    # Nobody is told that all has ended.
    check_eq(got.code, 1)
    check_in("was not asked", got.out)
    silent.kill()
    silent.wait()


ASK = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(5)
try:
    s.connect(sys.argv[1])
    s.send(json.dumps({"v": 1, "op": sys.argv[2], "reason": "forged"}).encode())
    print(s.recv(65536).decode() or "nothing")
except OSError as why:
    print("refused", why.errno)
"""


def in_child(fn, apart):
    """What fn writes to a descriptor, in a child; in a user namespace of its own if apart. None: there is none to be had."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            if apart and box.libc.unshare(box.CLONE_NEWUSER) < 0:
                os.write(into, b"none")
            else:
                fn(into)
        finally:
            os._exit(0)
    os.close(into)
    return pid, os.fdopen(out, "rb")


def asked(at, op, apart):
    def ask(into):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            try:
                s.connect(at)
                s.send(json.dumps({"v": 1, "op": op, "reason": "forged"}).encode())
                os.write(into, s.recv(65536))
            except OSError:
                os.write(into, b"refused")
    pid, out = in_child(ask, apart)
    with out:
        said = out.read().decode()
    os.waitpid(pid, 0)
    return None if said == "none" else said


@user_only
def root_of_a_user_namespace_is_told_what_it_lacks(p):
    """/run is not its own, and it has no other place; its HOME is as it should be."""
    tool = shutil.which("unshare") or skip("there is no unshare")
    if subprocess.run([tool, "-Ur", "true"], check=False, capture_output=True).returncode:
        skip("no user namespace is to be had")
    q = subprocess.run([tool, "-Ur", cli.WARD, "run", "--audit", "/dev/null", "--backend", "direct", "true"], cwd=p.ws, env=p.env(),
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check_eq(q.returncode, 0, q.stderr)
    said = [line for line in q.stderr.splitlines() if "ward stop cannot find this run" in line]
    check_eq(len(said), 1, q.stderr)
    check_in("/run/ward", said[0])
    check_in("run ward as an ordinary user", said[0])
    check("HOME" not in said[0] and "XDG" not in said[0], said[0])


@both
def a_sandbox_ends_nothing(p):
    """Not with its directory granted around it, not with the ward program, and not by whatever way to the socket there might be."""
    r = Runs(p)
    q, run, mark, _ = r.start("--read", ".")
    at = r.socket_of(run)
    above = str(pathlib.Path(at).parent.parent)
    p.write("ask.py", ASK, 0o644)
    tool = pathlib.Path(cli.WARD)
    script = (f"unset WARD_RUN; python3 -I -c 'print(1)'; ls -A {above}/ward | wc -l; python3 -I ask.py {at} stop; "
              f"XDG_RUNTIME_DIR={r.rt} {tool} stop --all --reason forged; echo $?; {tool} stop {run}; echo $?")
    got = p.run("--read", ".", "--write", above, "--read", str(tool.parent), "--i-know", "--env", "PATH", "sh", "-c", script, env=r.env())
    check_eq(got.out.splitlines()[:3], ["1", "0", "refused 2"], got.out + got.err)
    check_eq(got.out.splitlines()[3:], ["1", f"{run}: no run of that name is alive", "1"], got.out + got.err)
    check_eq(q.poll(), None, "it was stopped from inside")
    got = p.run("--read", ".", "--write", f"{above}/ward", "true", env=r.env())
    check_eq(got.code, 125)
    check_in("cannot be granted", got.err)
    # The same user, or root, in a user namespace of its own: as a sandbox would be, if it could come so far.
    for op in ("list", "stop"):
        said = asked(at, op, apart=True)
        if said is not None:
            check(said in ("", "refused"), said)
    check_eq(json.loads(asked(at, "list", apart=False))["run"], run)
    check(q.poll() is None and r.alive(mark))
    check_eq(stops(p, run), [])


@both
def nobody_stands_in_for_a_run(p):
    """A listener of another namespace, one that says another name, one that says nothing: none of them is a run that has ended."""
    r = Runs(p)
    q, run, _, _ = r.start("--read", ".")
    fake = run[:-4] + "0000"
    at = r.socket_of(fake)

    def listener(says, apart):
        def listen(into):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.bind(at)
                s.listen(4)
                os.write(into, b"ready\n")
                while True:
                    c, _ = s.accept()
                    while c.recv(4096):
                        c.send(json.dumps({"v": 1, "ok": True, "ended": True, "status": "cancelled", "run": says, "labels": []}).encode())
        pid, out = in_child(listen, apart)
        return pid, out.readline() == b"ready\n"
    for apart, says, text in ((True, fake, "cannot be asked"), (False, run, "does not answer"), (False, "", "does not answer")):
        pid, ready = listener(says, apart)
        if ready:
            got = r.stop(fake)
            check_eq(got.code, 1, f"{apart}: {got}")
            check_in(text, got.out)
            os.kill(pid, signal.SIGKILL)
            os.unlink(at)
        os.waitpid(pid, 0)
    check(q.poll() is None)


def stand_in(at, fake, replies):
    """A listener of the same user, outside of every sandbox: what it replies to each op, and what it does then. Its pid, when it listens."""
    def listen(into):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(at)
            s.listen(64)
            os.write(into, b"ready\n")
            while True:
                c, _ = s.accept()
                while True:
                    try:
                        asked_for = c.recv(4096)
                    except OSError:
                        break
                    if not asked_for:
                        break
                    said = replies[json.loads(asked_for)["op"]]
                    for one in said:
                        if one is None:
                            break
                        c.send(one if isinstance(one, bytes) else json.dumps({"v": 1, "run": fake, "labels": []} | one).encode())
                    if said[-1:] == [None]:
                        break
                c.close()
    pid, out = in_child(listen, False)
    check_eq(out.readline(), b"ready\n")
    return pid


def end_stand_in(pid, at):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if os.path.exists(at):
        os.unlink(at)


@both
def only_what_says_so_or_is_gone_has_ended(p):
    """A run that has been told keeps its connection, whoever else comes; one that closes it and lives, or says what nobody understands, has not ended."""
    r = Runs(p)
    q, run, mark, _ = r.start("--read", ".", "--grace", "30s", script="trap '' TERM;")
    at = r.socket_of(run)
    waiting = subprocess.Popen([cli.WARD, "stop", run, "--wait", "3s"], env=r.env(), stdout=subprocess.PIPE, text=True)  # pylint: disable=consider-using-with
    box.wait_for(lambda: stops(p, run))
    held = []
    for _ in range(20):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(5)
        s.connect(at)
        s.send(b'{"v":1,"op":"list"}')
        check_eq(json.loads(s.recv(65536))["run"], run)
        held.append(s)
    got = waiting.communicate(timeout=20)[0]
    check_in("has not yet", got)
    check_eq(waiting.returncode, 1)
    check(q.poll() is None and r.alive(mark))
    # Killed while somebody waits for its end: that is an end.
    waiting = subprocess.Popen([cli.WARD, "stop", run, "--wait", "20s"], env=r.env(), stdout=subprocess.PIPE, text=True)  # pylint: disable=consider-using-with
    box.wait_for(lambda: len(stops(p, run)) == 2)
    q.kill()
    got = waiting.communicate(timeout=20)[0]
    check_in(f"{run} ended: killed", got)
    check_eq(waiting.returncode, 0)
    fake = run[:-4] + "0000"
    at = r.socket_of(fake)
    yes = {"ok": True}
    for then, text in (([yes, None], "still answers"), ([yes, b"}{"], "not understood"), ([yes, b"[1]"], "not understood"), ([yes, {"ended": "yes"}], "has not yet")):
        pid = stand_in(at, fake, {"list": [yes], "stop": then})
        got = r.stop(fake, "--wait", "1s")
        end_stand_in(pid, at)
        check_eq(got.code, 1, f"{then}: {got}")
        check_in(text, got.out)
        check("ended:" not in got.out, got.out)


@both
def names_that_are_no_paths_lead_nowhere(p):
    """An abstract or a relative name is no path, whatever it looks like: what lies at a path that is spelled like it is not looked into."""
    r = Runs(p)
    q, run, _, _ = r.start("--read", ".")
    # A directory that nothing but such a name leads to; what listens there is a run as far as ward stop can know.
    apart = p.side / "apart"
    apart.mkdir(mode=0o700)
    at = f"{apart}/{run[:-4]}0000.live"
    pid = stand_in_unlisted(apart, run[:-4] + "0000")
    held = []
    for name in ("\0" + at, "\0x" + at):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(name)
        held.append(s)
    # The kernel lists it as it was bound: "." and the rest.
    os.makedirs(p.side / "rel" / str(apart).lstrip("/"), mode=0o700)
    here = os.getcwd()
    os.chdir(p.side / "rel")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind("." + at)
    held.append(s)
    os.chdir(here)
    got = r.stop("--all", "--dry-run", "--json")
    end_stand_in(pid, at)
    check_eq([x["run"] for x in json.loads(got.out)["runs"]], [run], got.out)
    check(q.poll() is None)


def stand_in_unlisted(where, fake):
    """As stand_in, where the kernel's list has a name that leads nowhere."""
    here = os.getcwd()
    os.chdir(where)
    try:
        return stand_in(f"{fake}.live", fake, {"list": [{"ok": True}], "stop": [{"ok": True}]})
    finally:
        os.chdir(here)


@both
def a_stop_that_comes_later_does_not_rename_the_end(p):
    r = Runs(p)
    q, run, mark, out = r.start("--read", ".", "--timeout", "1s", "--grace", "30s", script="trap '' TERM;")
    time.sleep(2)
    check(q.poll() is None and r.alive(mark), "its grace is over: not a test")
    got = r.stop(run, "--now")
    check_eq(got.code, 0, got.out)
    check_in("ended: timeout", got.out)
    q.wait(5)
    check_eq(json.loads(out.read_text())["status"], "timeout")


@both
def what_was_killed_is_gone_and_what_is_held_is_said(p):
    r = Runs(p)
    q, run, mark, _ = r.start("--read", ".")
    at = r.socket_of(run)
    os.kill(q.pid, signal.SIGSTOP)
    begun = time.monotonic()
    got = r.stop(run, "--wait", "600s")
    check_eq(got.code, 1)
    check_in("does not answer", got.out)
    check(time.monotonic() - begun < 8 * cli.PATIENCE)
    q.kill()
    q.wait()
    box.wait_for(lambda: not r.alive(mark), 5)
    check(os.path.exists(at), "nothing is left of a run that was killed: not a test")
    check_eq(r.stop(run).code, 1)
    check(not os.path.exists(at), "what a killed run left is left")
    check_eq(r.stop("--all").code, 1)


@both
def nobody_who_hangs_on_keeps_others_away(p):
    r = Runs(p)
    q, run, _, _ = r.start("--read", ".")
    held = []
    for n in range(40):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(5)
        s.connect(r.socket_of(run))
        if n % 3:
            s.send(b"{" * (n * 300))
        held.append(s)
        time.sleep(0.01)
    got = r.stop(run)
    check_eq(got.code, 0, got.out + got.err)
    check_eq(q.wait(5), 143)


@box.user_only
def without_a_runtime_directory_it_is_the_state_directory(p):
    r = Runs(p)
    env = {k: v for k, v in r.env().items() if k != "XDG_RUNTIME_DIR"}
    q, run, _, _ = r.start("--read", ".", env=env)
    state = pathlib.Path(env["XDG_STATE_HOME"])
    check((state / "ward" / "live" / f"{run}.live").exists(), "it is nowhere")
    # Its directory is not for a sandbox, either.
    got = p.run("--read", str(state), "sh", "-c", f"ls -A {state}/ward/live | wc -l", env={"XDG_RUNTIME_DIR": "/nonexistent", "HOME": str(p.home)})
    check_eq(got.out, "0\n", got.err)
    check_eq(r.stop(run, env=env).code, 0)
    check_eq(q.wait(5), 143)
    # Nowhere to be found: it runs, and says so.
    (state / "ward" / "live").rmdir()
    (state / "ward" / "live").write_text("")
    got = p.run("--read", ".", "true", env={"XDG_RUNTIME_DIR": "/nonexistent", "HOME": str(p.home)})
    check_eq(got.code, 0, got.err)
    check_in(f"warning: ward stop cannot find this run: {state}/ward/live: there is no place for", got.err)


@both
def a_long_way_to_the_socket_is_none_too_long(p):
    r = Runs(p)
    deep = p.side / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True, mode=0o700)
    env = r.env() | {"XDG_RUNTIME_DIR": str(deep)}
    q, run, _, _ = r.start("--read", ".", env=env)
    check_eq(r.stop(run, env=env).code, 0)
    check_eq(q.wait(5), 143)


if __name__ == "__main__":
    box.main()

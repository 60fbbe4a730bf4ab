#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run that waits, and who answers it from another terminal: docs/approvals.md."""
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

from asking import ONE, approvals, policy, runtime, said, sockets, tool, waiting
from cli import WARD, placed
from tap import PATIENCE, cases, check, check_eq, check_in, main, skip, test


@cases([("once", "--once", "once"), ("run", "--run", "run")])
@placed
def approved_from_elsewhere(p, word, scope):
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    check(not (p.ws / "out/x").exists(), "started before the answer")
    check_eq(os.stat(sockets(p)).st_mode & 0o7777, 0o700)
    check_in(run["asks"][0]["digest"][:12], tool(p, "pending").out)
    r = tool(p, "approve", run["asks"][0]["digest"][:12], word)
    check_eq(r.code, 0, r.err)
    check_eq(q.wait(30), 0, q.stderr.read())
    check((p.ws / "out/x").exists(), "yes, and not written")
    check_eq(said(p), [("approval.granted", scope, "peer")])
    check(approvals(p)[-1]["detail"]["by"]["pid"] > 0 and approvals(p)[-1]["detail"]["by"]["uid"] == os.geteuid(), "by nobody")
    check(not (sockets(p) / run["run"]).exists(), "the socket is left")


@test
@placed
def denied_from_elsewhere(p):
    q, run = waiting(p, *policy(p), "--", "touch", "out/x")
    check_eq(tool(p, "deny", run["run"]).code, 0)
    check(q.wait(30) != 0 and not (p.ws / "out/x").exists(), "no, and written")
    check_eq(said(p), [("approval.denied", None, "peer")] * 2)


@test
@placed
def critical_is_named_by_itself(p):
    q, run = waiting(p, *policy(p), "--", "touch", "out/x", "keys/x")
    r = tool(p, "approve", run["run"])
    check_eq(r.code, 1)
    check_in("is critical", r.err)
    # What was answered all the same is said.
    check_eq(r.out, [k for k in run["asks"] if k["level"] == "risky"][0]["digest"][:12] + " once\n")
    critical = [k for k in run["asks"] if k["level"] == "critical"][0]["digest"]
    check_eq(tool(p, "approve", critical, "--run").code, 1)
    check_eq(tool(p, "approve", critical).code, 0)
    check_eq(q.wait(30), 0, q.stderr.read())


@test
@placed
def two_approvers_at_once(p):
    q, run = waiting(p, *policy(p), "--", "touch", "out/x")
    digest = [k for k in run["asks"] if k["level"] == "risky"][0]["digest"]
    codes = []
    both = [threading.Thread(target=lambda w=w: codes.append((w, tool(p, w, digest).code))) for w in ("approve", "deny") * 4]
    for t in both:
        t.start()
    for t in both:
        t.join()
    winners = [w for w, code in codes if code == 0]
    check_eq(len(winners), 1, str(codes))
    tool(p, "deny", run["run"])
    q.wait(30)
    check_eq((p.ws / "out/x").exists(), winners == ["approve"])
    check_eq(len([e for e in said(p) if e[2] == "peer"]), 2)


@test
@placed
def the_end_of_a_long_command_is_not_kept_back(p):
    q, run = waiting(p, *policy(p, ONE), "--", "touch", *(f"out/{i}" for i in range(30)), "x" * 300)
    check_eq((len(run["argv"]), run["argv_total"]), (16, 32))
    check_in('"out/14" and 16 more,', tool(p, "pending").out)
    tool(p, "deny", run["run"])
    q.wait(30)
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "x" * 300)
    check_in("x" * 200 + '"...,', tool(p, "pending").out)
    tool(p, "deny", run["run"])
    q.wait(30)


@test
@placed
def a_slow_peer_keeps_nobody_away(p):
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    over = threading.Event()

    def drip():
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
            s.connect(str(sockets(p) / run["run"]))
            while not over.wait(0.3):
                s.sendall(b" ")

    slow = threading.Thread(target=drip)
    slow.start()
    try:
        time.sleep(0.5)
        check_eq(tool(p, "approve", run["run"]).code, 0, "a slow peer holds up all others")
    finally:
        over.set()
        slow.join()
    check_eq(q.wait(30), 0, q.stderr.read())


@test
@placed
def a_long_way_to_the_socket_is_none_too_long(p):
    """Longer than the address of a socket may be. Root's is always the same."""
    d = p.side / ("x" * 120)
    d.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(d)
    q = p.start("--ask", "wait", *policy(p, ONE), "--", "touch", "out/x", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def ask(*words):
        return subprocess.run([WARD, *words], env=p.env(), capture_output=True, text=True, timeout=30, check=False)
    run, end = None, time.monotonic() + 20 * PATIENCE
    while not run and time.monotonic() < end and q.poll() is None:
        run = next((r["run"] for r in json.loads(ask("pending", "--json").stdout)["runs"] if r["pid"] == q.pid), None)
    check(run, "does not wait" if q.poll() is None else q.stderr.read())
    if os.geteuid() != 0:
        check((d / "ward" / run).exists(), "it listens elsewhere")
    check_eq(ask("approve", run).returncode, 0)
    check_eq(q.wait(30), 0, q.stderr.read())


@test
@placed
def nobody_comes(p):
    os.environ.update(runtime(p))
    r = p.run("--ask", "wait", "--ask-timeout", "300ms", *policy(p, ONE), "--", "touch", "out/x")
    check(r.code != 0 and not (p.ws / "out/x").exists(), "written without a yes")
    check_eq(said(p), [("approval.denied", None, "timeout")])


@test
@placed
def a_killed_run_leaves_nothing_that_counts(p):
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    q.kill()
    q.wait()
    check((sockets(p) / run["run"]).exists(), "no socket to be swept")
    check_eq(tool(p, "approve", run["run"]).code, 1)
    check(not (sockets(p) / run["run"]).exists(), "a dead run's socket is left")
    check(not (p.ws / "out/x").exists(), "written")


ID = "01JD7Z3NDEKTSV4RRFFQ69G5F"


@test
@placed
def the_next_start_takes_away_what_killed_runs_left(p):
    """Of runs that died a while ago, and nothing else: not of one that listens, begins, or is no run."""
    env = runtime(p)
    d = sockets(p)
    d.mkdir(mode=0o700, exist_ok=True)
    old = time.time() - 3600

    def bound(name, kind, listens=True):
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(str(d / name))
        if listens:
            s.listen()
        os.utime(d / name, (old, old))
        return s
    dead = [(ID + "0", socket.SOCK_STREAM), (ID + "1.live", socket.SOCK_SEQPACKET), ("." + ID + "2", socket.SOCK_STREAM)]
    foreign = ["x.live", ID + "3.livelier", ID + ".live", "x"]
    alive = [(ID + "4", socket.SOCK_STREAM, True), (ID + "5.live", socket.SOCK_SEQPACKET, True), (ID + "6", socket.SOCK_STREAM, False),
             (ID + "7.live", socket.SOCK_SEQPACKET, False)]
    others = [ID + "8.live", ID + "9.live", ID + "A.live"]
    try:
        for name, kind in dead:
            bound(name, kind).close()
        for name in foreign:
            bound(name, socket.SOCK_SEQPACKET).close()
        held = [bound(*a) for a in alive]
        bound(others[0], socket.SOCK_SEQPACKET).close()
        os.utime(d / others[0])                       # young
        (d / others[1]).write_text("no socket")
        (d / others[2]).symlink_to(d / others[1])
        check_eq(p.run("true", env=env, log=False).code, 0)
        left = {e.name for e in d.iterdir()}
        check_eq([name for name, _ in dead if name in left], [])
        check_eq([n for n in (*foreign, *(a[0] for a in alive), *others) if n not in left], [])
        for s, (_, kind, listens) in zip(held, alive):
            s.setblocking(False)
            if not listens:
                continue
            try:
                s.accept()
                raise AssertionError(f"{kind}: the one who listens was disturbed")
            except BlockingIOError:
                pass
            s.close()
    finally:
        for name in (*(n for n, _ in dead), *foreign, *(a[0] for a in alive), *others):
            (d / name).unlink(missing_ok=True)


@test
@placed
def among_very_many_sockets_a_run_is_found_by_its_id(p):
    """Of whatever kind they are: what does not take a stream is asked at no cost, and stays."""
    if os.geteuid() == 0:
        skip("root's directory is that of everything on this machine")
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    names = [f"{ID[:21]}{i:05d}" for i in range(1100)]
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        for name in names:
            held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            held[-1].bind(str(sockets(p) / name))
        check_in("not all were asked", tool(p, "pending").out)
        check_eq(json.loads(tool(p, "pending", "--json").out).get("more"), True)
        r = tool(p, "approve", "0" * 12)
        check_eq(r.code, 1)
        check_in("which are not all", r.err)
        check_eq(tool(p, "approve", run["run"]).code, 0)
        check_eq(q.wait(30), 0, q.stderr.read())
        check((p.ws / "out/x").exists(), "yes, and not written")
    finally:
        for s in held:
            s.close()
        for name in names:
            (sockets(p) / name).unlink(missing_ok=True)


@test
@placed
def a_waiting_run_can_be_ended(p):
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    q.terminate()
    check_eq(q.wait(30), 128 + signal.SIGTERM)
    check(not (sockets(p) / run["run"]).exists(), "the socket is left")


@test
@placed
def others_cannot_have_a_say_in_the_directory(p):
    if os.geteuid() == 0:
        r = tool(p, "pending", WARD_RUN="01JD7Z3NDEKTSV4RRFFQ69G5FA")
        check_eq(r.code, 1)
        check_in("from inside a sandbox", r.err)
        return
    runtime(p)
    d = sockets(p)
    d.mkdir(mode=0o700)
    d.chmod(0o755)
    r = p.run("--ask", "wait", *policy(p, ONE), "--", "touch", "out/x", env=runtime(p))
    check_eq(r.code, 125, r.err)
    check_in("mode 0700", r.err)
    check_eq(tool(p, "pending").code, 1)
    d.rmdir()
    d.symlink_to(p.ws)
    check_eq(p.run("--ask", "wait", *policy(p, ONE), "--", "touch", "out/x", env=runtime(p)).code, 125)


RING = """import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(b'{"v":1,"op":"list"}')
s.shutdown(socket.SHUT_WR)
print(len(s.recv(100)))
"""


@test
@placed
def only_peers_of_the_same_kind_are_answered(p):
    """Even with the directory wide open: another user, and the same one from another user namespace."""
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    path = sockets(p) / run["run"]

    def ring(*before):
        # Not one that lies in somebody's home, where the other user may not look.
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else "python3"
        r = subprocess.run([*before, python, "-c", RING, path], capture_output=True, text=True, timeout=30, check=False)
        return r.stdout.strip() if r.returncode == 0 else r.stderr

    def unanswered(got):
        # Hung up on: at which call that shows is a matter of time.
        check(got == "0" or "ConnectionReset" in got or "BrokenPipe" in got, "answered: " + got)

    try:
        check_eq(ring(), "100")
        if os.geteuid() == 0:
            sockets(p).chmod(0o711)
            path.chmod(0o777)
            unanswered(ring("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        if subprocess.run(["unshare", "--user", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            unanswered(ring("unshare", "--user"))
        for text in (b"", b"x", b"[]", b'{"op":"answer"}', b'{"op":"answer","digest":"' + b"0" * 64 + b'","said":"once"}', b"x" * 5000):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(path))
                with contextlib.suppress(OSError):
                    s.sendall(text)
                    s.shutdown(socket.SHUT_WR)
                    reply = s.recv(1000)
                    check(b'"ok":false' in reply or not reply, str(reply))
    finally:
        sockets(p).chmod(0o700)
    check_eq(q.poll(), None, "ended by a peer")
    tool(p, "deny", run["run"])
    q.wait(30)


@test
@placed
def numbers_that_cannot_be_are_not_shown(p):
    """Who answers under a run's name may be anybody's program of the same user."""
    runtime(p)
    sockets(p).mkdir(mode=0o700, exist_ok=True)
    run = "01JD7Z3NDEKTSV4RRFFQ69G5FB"
    fake = {"v": 1, "ok": True, "run": run, "pid": 1, "workspace": "/", "argv": ["x"], "argv_total": -7, "left_ms": 1000,
            "asks": [{"digest": "0" * 64, "level": "risky", "rule": {"file": "x", "line": 1}, "things": [], "things_total": -5}]}
    path = sockets(p) / run
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        s.settimeout(20)

        def serve():
            c, _ = s.accept()
            with c:
                while c.recv(1000):
                    pass
                c.sendall(json.dumps(fake).encode())
        t = threading.Thread(target=serve)
        t.start()
        try:
            r = tool(p, "pending")
        finally:
            t.join()
            path.unlink(missing_ok=True)
    check_in(run, r.out)
    check("more" not in r.out, r.out)


@test
@placed
def never_in_a_view(p):
    """Whatever is granted around them, the sockets are not there: to list, to make, to move away."""
    os.environ.update(runtime(p))
    q, run = waiting(p, *policy(p, ONE), "--", "touch", "out/x")
    d = sockets(p)
    above = d.parent
    script = f"ls {d}/{run['run']} && echo SEEN; touch {d}/new && echo MADE; rmdir {d} && echo GONE; mv {d} {d}2 && echo MOVED; true"
    r = p.run("--read", above, "--", "sh", "-c", script)
    check_eq((r.code, r.out), (0, ""), r.err)
    r = p.run("--i-know", "--write", above, "--", "sh", "-c", script)
    check_eq((r.code, r.out), (0, ""), r.err)
    r = p.run("--read", d, "--", "true")
    check_eq(r.code, 125)
    check_in("cannot be granted", r.err)
    tool(p, "deny", run["run"])
    q.wait(30)


main()

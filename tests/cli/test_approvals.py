#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person is asked before a start: docs/approvals.md."""
import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import termios
import threading
import time

import schema
from cli import ROOT, WARD, Result, need_fuse, placed
from tap import cases, check, check_eq, check_in, main, skip, test

POLICY = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"proc.exec", resource);
@id("t.out") @approval("risky") @reason("results are written")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./out");
@approval("critical")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./keys");
"""


def policy(p, text=POLICY):
    for name in ("out", "keys"):
        (p.ws / name).mkdir(exist_ok=True)
        (p.ws / name).chmod(0o777)
    path = p.side / "p.cedar"
    path.write_text(text)
    return "--policy", path


def approvals(p):
    """The records about approvals, in order."""
    if not p.log.exists():
        return []
    return [r for r in map(json.loads, p.log.read_text().splitlines()) if r["kind"].startswith("approval.")]


def asks(p, *words):
    r = p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",))
    check_eq(r.code, 0, r.err)
    return json.loads(r.out).get("asks", [])


@test
@placed
def the_plan_lists_what_is_asked(p):
    words = policy(p)
    found = asks(p, *words)
    check_eq([(k["level"], k["rule"].get("id"), k["rule"]["line"]) for k in found], [("risky", "t.out", 3), ("critical", None, 5)])
    check_eq(found[0]["things"], [{"action": "fs.write", "resource": str(p.ws.resolve() / "out"), "below": True}])
    check_eq(found[0]["reason"], "results are written")
    check_eq(asks(p, *words), found, "another look, another list")
    whole = json.loads(p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",)).out)
    schema.validate(whole, json.loads((ROOT / "docs/spec/plan.schema.json").read_text()))
    text = p.run(*words, "--", "touch", "out/x", kind=("plan",)).out
    check_in("a person is asked before the start", text)
    check_in(found[0]["digest"][:12], text)


@test
@placed
def the_digest_is_as_documented(p):
    words = policy(p)
    k = asks(p, *words)[0]
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0, "written without a yes")
    asked = approvals(p)[0]
    argv = hashlib.sha256(b"touch\0out/x\0").hexdigest()
    check_eq(asked["detail"]["argv_sha256"], argv)
    names = hashlib.sha256(b"".join(t["resource"].encode() + b"\0" for t in k["things"])).hexdigest()
    body = {"v": 1, "workspace": str(p.ws.resolve()), "policy_sha256": asked["policy"], "argv_sha256": argv, "level": k["level"],
            "rule": k["rule"], "things": k["things"], "names_sha256": names}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    check_eq(hashlib.sha256(text.encode()).hexdigest(), k["digest"])


@test
@placed
def nobody_there_is_no_at_once_and_recorded(p):
    words = policy(p)
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0 and not (p.ws / "out/x").exists(), "written without a yes")
    check_eq([(e["kind"], e["effect"], e["detail"].get("by", {}).get("how")) for e in approvals(p)],
             [("approval.requested", "ask", None)] * 2 + [("approval.denied", "deny", "nobody")] * 2)
    log = [json.loads(line)["kind"] for line in p.log.read_text().splitlines()]
    check(log.index("approval.denied") < log.index("run.start"), "recorded behind the start")
    for e in approvals(p):
        schema.validate(e, json.loads((ROOT / "docs/spec/audit.schema.json").read_text()))


@test
@placed
def a_run_whose_place_nobody_granted_starts_all_the_same(p):
    """What a list wants a person for is not given; the workspace is an empty directory then."""
    p.write("f", "x")
    p.write("d/f", "x")
    p.write(".ward/a.cedar", '@approval("critical") permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n'
                             'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/usr");\n')
    r = p.run("--read", ".", "sh", "-c", "pwd; ls")
    check_eq((r.code, r.out), (0, f"{p.ws}\n"), r.err)
    r = p.run("--read", ".", "--workspace", p.ws, "sh", "-c", "pwd; ls", cwd=p.ws / "d")
    check_eq((r.code, r.out), (0, f"{p.ws}/d\n"), r.err)
    r = p.run("--read", ".", "--approve", "critical", "ls")
    check_eq((r.code, r.out), (0, "d\nf\n"), r.err)


@test
@placed
def said_beforehand_is_recorded(p):
    words = policy(p)
    r = p.run("--approve", "risky", *words, "--", "sh", "-c", "touch out/x; touch keys/x")
    check(r.code != 0 and (p.ws / "out/x").exists() and not (p.ws / "keys/x").exists(), r.err)
    check_eq([(e["kind"], e["detail"]["level"], e["detail"]["by"]["how"]) for e in approvals(p) if "by" in e["detail"]],
             [("approval.granted", "risky", "--approve"), ("approval.denied", "critical", "nobody")])
    r = p.run("--approve", "critical", *words, "--", "touch", "keys/x")
    check_eq(r.code, 0, r.err)


@test
@placed
def a_mode_that_nobody_lets_be_entered(p):
    r = p.run("--mode", "danger_full_access", "true")
    check_eq(r.code, 125)
    check_in("mode danger_full_access", r.err)
    check_in("--approve critical", r.err)
    check_eq([(e["kind"], e["action"], e["resource"]) for e in approvals(p)],
             [(k, "mode.enter", "danger_full_access") for k in ("approval.requested", "approval.denied")])


# ---- on the terminal ----

class Asked:
    """ward run on a terminal of its own, which a person reads and types on."""

    def __init__(self, p, *words, **more):
        self.p = p
        self.master, self.slave = pty.openpty()
        self.text = ""
        more = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **more}
        self.q = p.start(*words, before=lambda: fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0), start_new_session=True, **more)

    def until(self, part, count=1, seconds=30):
        end = time.monotonic() + seconds
        while self.text.count(part) < count:
            check(time.monotonic() < end, f"{part!r} did not come: {self.text!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, seconds=30):
        code = self.q.wait(seconds)
        while select.select([self.master], [], [], 0.1)[0]:
            self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        os.close(self.master)
        os.close(self.slave)
        return code


def config(p, name="approved.cedar"):
    return p.side / "config/ward" / name


def said(p):
    return [(e["kind"], e["detail"].get("scope"), e["detail"]["by"]["how"]) for e in approvals(p) if "by" in e["detail"]]


ONE = POLICY[:POLICY.index("@approval(\"critical\")")]
YES = [("once", "o", "once"), ("run", "run", "run"), ("a rule", "w", "rule")]


@cases(YES)
@placed
def yes_on_the_terminal(p, word, scope):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    words = policy(p, ONE)
    t = Asked(p, *words, "--", "touch", "out/x")
    t.until("no (n)? ")
    check(not (p.ws / "out/x").exists(), "started before the answer")
    t.type(word + "\n")
    check_eq(t.end(), 0, t.text)
    check((p.ws / "out/x").exists(), "yes, and not written")
    check_eq(said(p), [("approval.granted", scope, "tty")])
    check_in("results are written", t.text)
    check_eq(config(p).exists(), scope == "rule")
    if scope == "rule":
        # What was written counts, without a question, and in this workspace alone.
        check_eq(config(p).stat().st_mode & 0o777, 0o600)
        r = p.run(*words, "--", "touch", "out/y")
        check_eq(r.code, 0, r.err)
        other = p.base / "other"
        (other / "out").mkdir(parents=True)
        check(p.run(*words, "--", "touch", "out/y", cwd=other).code != 0, "the rule counts elsewhere")
        check_eq(p.run(*words, kind=("policy", "check"), log=False).code, 0)
        config(p).write_text(config(p).read_text().replace("// until 20", "// until 19"))
        check(p.run(*words, "--", "touch", "out/z").code != 0, "what has expired counts")


# As git's directories are in a work tree: what lies around may be written.
WITHIN = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./")
unless { resource in Ward::Path::"./out" };
permit (principal, action == Ward::Action::"proc.exec", resource);
@approval("risky")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./out");
"""


@test
@placed
def a_yes_is_followed_by_no_other_question(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    words = policy(p, WITHIN)
    check_eq([k["things"] for k in asks(p, *words)], [k["things"] for k in asks(p, *words, "--approve", "risky")])
    t = Asked(p, *words, "--", "touch", "out/x")
    t.until("no (n)? ")
    t.type("o\n")
    check_eq(t.end(), 0, t.text)
    check_eq(t.text.count("asked before the start"), 1, t.text)
    check_eq(said(p), [("approval.granted", "once", "tty")])


NO = [("no", "n\n", "tty"), ("nonsense thrice", None, "tty"), ("end of file", "\x04", "end")]


@cases(NO)
@placed
def no_on_the_terminal(p, word, how):
    t = Asked(p, *policy(p, ONE), "--", "touch", "out/x")
    for i in range(1, 4 if word is None else 2):
        t.until("no (n)? ", i)
        t.type(word or "yes please\n")
    check(t.end() != 0 and not (p.ws / "out/x").exists(), t.text)
    check_eq(said(p), [("approval.denied", None, how)])


@test
@placed
def time_is_over_on_the_terminal(p):
    t = Asked(p, "--ask-timeout", "300ms", *policy(p, ONE), "--", "touch", "out/x")
    t.until("no (n)? ")
    check(t.end() != 0 and not (p.ws / "out/x").exists(), t.text)
    check_eq(said(p), [("approval.denied", None, "timeout")])


@test
@placed
def interrupt_ends_the_run(p):
    t = Asked(p, "--outcome", p.outcome_file, *policy(p, ONE), "--", "touch", "out/x")
    t.until("no (n)? ")
    t.type("\x03")
    check_eq(t.end(), 128 + signal.SIGINT, t.text)
    check_eq(json.loads(p.outcome_file.read_text())["status"], "cancelled")
    check_eq(said(p), [("approval.denied", None, "cancelled")])


@test
@placed
def critical_is_once_or_no(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")     # where a rule would be written, if one were
    text = POLICY.replace("@id(\"t.out\") @approval(\"risky\") @reason(\"results are written\")\n", "")
    t = Asked(p, *policy(p, text), "--", "touch", "keys/x")
    for i, word in enumerate(("r", "w", "run"), 1):
        t.until("no (n)? ", i)
        t.type(word + "\n")
    check(t.end() != 0 and not (p.ws / "keys/x").exists(), t.text)
    check("(r)" not in t.text and "(w)" not in t.text, t.text)
    t = Asked(p, *policy(p, text), "--", "touch", "keys/x")
    t.until("no (n)? ")
    t.type("once\n")
    check_eq(t.end(), 0, t.text)


@test
@placed
def typed_before_the_question_is_no_answer(p):
    words = policy(p, ONE)
    t = Asked(p, "--ask-timeout", "1s", *words, "--", "touch", "out/x", stdin=subprocess.DEVNULL)
    check(t.end() != 0, "asked without a terminal as input")
    check_eq(said(p), [("approval.denied", None, "nobody")])
    master, slave = pty.openpty()
    os.write(master, b"o\no\no\n")
    q = p.start("--ask-timeout", "1s", *words, "--", "touch", "out/x", start_new_session=True, stdin=slave, stdout=slave, stderr=slave,
                before=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
    check(q.wait(30) != 0 and not (p.ws / "out/x").exists(), "what was typed before counted")
    os.close(master)
    os.close(slave)


@test
@placed
def hostile_names_in_the_question(p):
    name = "out\x1b[2J\nward: yes\r\u202etxt"
    (p.ws / name).mkdir()
    lit = "".join(c if 32 < ord(c) < 127 else f"\\u{{{ord(c):x}}}" for c in name)
    text = ONE.replace("./out", f"./{lit}").replace("results are written", "\\u{1b}]0;owned\\u{7}ok")
    t = Asked(p, *policy(p, text), "--", "touch", name + "/x\x1b[1m")
    t.until("no (n)? ")
    for bad in ("\x1b", "\u202e", "\x07", "\nward: yes\r"):
        check(bad not in t.text, t.text)
    check_in("\\x1b[2J", t.text)
    t.type("n\n")
    t.end()


# ---- from another terminal ----

def runtime(p):
    d = p.side / "run"
    d.mkdir(mode=0o700, exist_ok=True)
    return {"XDG_RUNTIME_DIR": str(d)}


def sockets(p):
    return ROOT.__class__("/run/ward" if os.geteuid() == 0 else p.side / "run/ward")


def tool(p, *words, **env):
    r = subprocess.run([WARD, *words], env=p.env(**runtime(p), **env), capture_output=True, text=True, timeout=30, check=False)
    return Result(r.returncode, r.stdout, r.stderr)


def waiting(p, *words):
    """A run that waits, and its questions."""
    os.environ.update(runtime(p))
    q = p.start("--ask", "wait", *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for run in json.loads(tool(p, "pending", "--json").out)["runs"]:
            if run["pid"] == q.pid:
                return q, run
        time.sleep(0.02)
    raise AssertionError("does not wait: " + str(q.poll()))


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
    run, end = None, time.monotonic() + 20
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


# ---- cures out of the log ----

def refused(p, *words):
    """RUN#SEQ and cure of the refusals of a run."""
    r, o = p.outcome("--attribution", "notify", *words)
    return {v["resource"]: (f"{o['run']}#{v['seq']}", v["cure"]) for v in o["violations"]}, r


def allow(p, *words, **env):
    # Where the rule is to be written must not be what another test has set.
    return tool(p, "allow", "--audit", p.log, *words, **{"XDG_CONFIG_HOME": str(p.side / "config"), **env})


@test
@placed
def a_cure_once_and_always(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    secret = p.write("it's.txt", "words\n")
    (p.ws / "d").mkdir(mode=0o777)
    found, _ = refused(p, "--", "sh", "-c", f"cat \"{secret}\"; touch d/new; true")
    what, cure = found[str(secret)]
    r = allow(p, what)
    check_eq((r.code, r.out), (0, cure + "\n"), r.err)
    check_eq(allow(p, "#" + what.split("#")[1]).out, cure + "\n")
    check(not config(p, "allowed.cedar").exists(), "written, and nobody said always")
    check(p.run("--", "cat", secret).code != 0, "allowed")
    r = allow(p, what, "--always")
    check_eq(r.code, 0, r.err)
    check_in('Ward::Path::"' + str(secret), r.out)
    r = p.run("--", "cat", secret)
    check_eq((r.code, r.out), (0, "words\n"), r.err)
    check_eq(config(p, "allowed.cedar").stat().st_mode & 0o777, 0o600)
    other = p.base / "other"
    other.mkdir()
    check(p.run("--", "cat", secret, cwd=other).code != 0, "the rule counts elsewhere")
    # A second one adds to the first.
    what, cure = found[str(p.ws / "d/new")]
    check_in("FILE_WRITE", cure)
    check_eq(allow(p, what, "--always").code, 0)
    r = p.run("--", "sh", "-c", f"cat \"{secret}\" && touch d/new")
    check_eq(r.code, 0, r.err)
    check((p.ws / "d/new").exists(), "not written")


@test
@placed
def who_writes_a_rule_stops_nobody(p):
    """The rule is made beside the file that it replaces: to a run that begins meanwhile it was a hidden file in the policies."""
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    files = [p.write(f"f{i}", "x") for i in range(8)]
    found, _ = refused(p, "--", "cat", *files)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        others = [pool.submit(p.run, "--", "true") for _ in range(12)]
        said = list(pool.map(lambda f: allow(p, found[str(f)][0], "--always"), files))
        others += [pool.submit(p.run, "--", "true") for _ in range(4)]
    for r in [*said, *(o.result() for o in others)]:
        check_eq(r.code, 0, r.err)
    check_eq(config(p, "allowed.cedar").read_text().count("permit"), len(files))
    check_eq([f.name for f in config(p).parent.iterdir()], ["allowed.cedar"])
    r = p.run("--", "cat", *files)
    check_eq((r.code, r.out), (0, "x" * len(files)), r.err)
    # What somebody else left there is read by nobody, and stops all.
    (config(p).parent / ".allowed.cedar.swp").write_text("")
    r = p.run("--", "true")
    check_eq(r.code, 125)
    check_in("no hidden file is read from there", r.err)


@test
@placed
def a_writer_that_was_killed_stops_nobody(p):
    """What it leaves (docs/approvals.md) is taken away by who reads next; nothing else of a hidden name is."""
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    dir_ = config(p).parent
    dir_.mkdir(parents=True, mode=0o700)
    rule = dir_ / "own.cedar"
    rule.write_text("permit (principal, action == Ward::Action::\"fs.read\", resource == Ward::Path::\"/etc/passwd\");\n")
    left = [dir_ / n for n in (".allowed.cedar.0a9v1c", ".allowed.cedar.aaaaaa", ".approved.cedar.v00000")]
    for f in left:
        f.write_text("half a ru")
    r = p.run("--", "true")
    check_eq(r.code, 0, r.err)
    check_eq(sorted(f.name for f in dir_.iterdir()), ["own.cedar"])
    # While somebody writes it is his.
    left[0].write_text("half a ru")
    fd = os.open(dir_, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    q = p.start("--", "true", stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    check(left[0].exists(), "taken from who writes it")
    os.close(fd)
    check_eq(q.wait(60), 0)
    check(not left[0].exists(), "left")
    for name in (".allowed.cedar.", ".allowed.cedar.abcdez", ".allowed.cedar.abcde", ".allowed.cedar.abcdefg", ".own.cedar.abcdef"):
        (dir_ / name).write_text("")
        r = p.run("--", "true")
        check_eq(r.code, 125, name)
        check_in("no hidden file is read from there", r.err)
        (dir_ / name).unlink()
    left[0].symlink_to(rule)
    check_eq(p.run("--", "true").code, 125)
    check(left[0].is_symlink(), "a link is taken away")
    left[0].unlink()
    if os.geteuid() == 0:
        left[0].write_text("")
        os.chown(left[0], 12345, 12345)
        check_eq(p.run("--", "true").code, 125)
        check(left[0].exists(), "another's file is taken away")
        left[0].unlink()
    check_eq(p.run("--", "true").code, 0)


@test
@placed
def a_directory_that_was_looked_at_is_allowed_alone(p):
    need_fuse()     # readlink is notified of nowhere
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    (p.base / "d").mkdir()
    (p.base / "d/secret").write_text("x")
    _, o = p.outcome("--", "readlink", p.base / "d")
    v = o["violations"][0]
    r = allow(p, f"{o['run']}#{v['seq']}", "--always")
    check_eq((r.code, v["cure"]), (0, f"--cap 'FILE_READ:{p.base}/d/.'"), r.err)
    check_in(f'resource == Ward::Path::"{p.base}/d"', config(p, "allowed.cedar").read_text())
    r = p.run("--", "sh", "-c", f"stat -c %F {p.base}/d; ls {p.base}/d; cat {p.base}/d/secret")
    check_eq((r.code, r.out), (1, "directory\n"), r.err)


@test
@placed
def what_may_not_be_allowed(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    p.write("a.txt", "words")
    p.write(".ward/README", "")
    text = 'forbid (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./a.txt");'
    forbid = p.side / "f.cedar"
    forbid.write_text(text)
    found, _ = refused(p, "--policy", forbid, "--", "cat", "a.txt")
    what, cure = found[str(p.ws / "a.txt")]
    check_eq(cure or "", "")
    r = allow(p, what, "--always")
    check_eq(r.code, 1)
    check_in("f.cedar:1", r.err)
    # Not forbidden then, and now it is.
    found, _ = refused(p, "--", "cat", "a.txt")
    what, _ = found[str(p.ws / "a.txt")]
    config(p).parent.mkdir(parents=True, exist_ok=True)
    (config(p).parent / "own.cedar").write_text(text)
    r = allow(p, what, "--always")
    check_eq(r.code, 1, r.out)
    check_in("own.cedar", r.err)
    # Ward's own.
    found, _ = refused(p, "--", "sh", "-c", f"touch {config(p).parent}/x {p.ws}/.ward/x; true")
    for name in (config(p).parent / "x", p.ws / ".ward/x"):
        r = allow(p, found[str(name)][0], "--always")
        check_eq(r.code, 1, f"{name}: {r.out}")
    check(not config(p, "allowed.cedar").exists(), "written")


@test
@placed
def records_that_are_no_refusals(p):
    p.run("true")
    for what, code, part in (("#1", 1, "no refusal"), ("#9999", 1, "no such record"), ("1", 2, "names no record"), ("x#1", 2, "names no record"),
                             ("#0", 2, "names no record")):
        r = allow(p, what)
        check_eq(r.code, code, what + r.err)
        check_in(part, r.err)
    check_eq(allow(p, "#1", WARD_RUN="01JD7Z3NDEKTSV4RRFFQ69G5FA").code, 1)


@test
@placed
def files_that_are_no_log(p):
    what = "01JD7Z3NDEKTSV4RRFFQ69G5FA#3"
    p.write("text", "hello\n")
    p.write("empty", "")
    p.run("true")
    p.write("torn", p.log.read_bytes().split(b"\n")[0].decode() + "\nhello\n")
    for file, code, part in (("text", 2, f"{p.ws}/text:1: audit log {p.ws}/text is inconsistent at line 1 (seq 1): bad JSON: expected a value, found 'h'; "
                                         f"give the FILE that --audit wrote, or run `ward audit verify '{p.ws}/text'`"),
                             ("torn", 2, f"; run `ward audit verify '{p.ws}/torn'`"), ("empty", 1, "; name it as the report of the run does, RUN#SEQ"),
                             (".", 2, "; give the FILE that --audit wrote"), ("nowhere", 1, "; give the FILE that --audit wrote")):
        r = tool(p, "allow", what, "--audit", p.ws / file)
        check_eq((file, r.code, r.out, len(r.err.splitlines())), (file, code, "", 1), r.err)
        check_in(part, r.err)


@test
@placed
def hostile_names_out_of_the_log(p):
    name = "a\x1b[2J\n$(id)"
    p.write(name, "x")
    found, _ = refused(p, "--", "cat", name)
    what, _ = next(v for k, v in found.items() if "2J" in k)
    r = allow(p, what)
    check_eq(r.code, 0, r.err)
    check("\x1b" not in r.out and len(r.out.splitlines()) == 1, repr(r.out))
    r = allow(p, what, "--always")
    check_eq(r.code, 1)
    check("\x1b" not in r.err, repr(r.err))


@cases([("a date", "2099-01-01"), ("a word", "tomorrow"), ("nothing", ""), ("a zone", "2099-01-01T00:00:00+01:00")])
@placed
def a_time_that_is_none_is_no_end(p, when):
    d = p.side / "config/ward"
    d.mkdir(parents=True, mode=0o700)
    d.chmod(0o700)
    rule = 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./out");\n'
    (d / "approved.cedar").write_text(f"// mine\n// until {when}\n" + rule)
    r = p.run("true", env={"XDG_CONFIG_HOME": str(d.parent)})
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("approved.cedar:2:1: ", r.err)
    (d / "approved.cedar").write_text("// until 2009-01-01T00:00:00Z\n" + rule)
    check_eq(p.run("true", env={"XDG_CONFIG_HOME": str(d.parent)}).code, 0)


main()

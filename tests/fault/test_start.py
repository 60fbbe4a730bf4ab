#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Every step of a start fails once: the kernel refuses one system call (a filter around ward, which its helpers inherit). Then
nothing of the command may be executed, nothing may be left, and one line says which step it was and what to do. And the hosts
that lack a mechanism for good: no user namespaces, no Landlock, no cgroup, no /dev/fuse, no clone3.
"""
import errno
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases, root_only    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

EPERM, ENOENT, ENOSYS, ENOSPC, ENOMEM, EAGAIN, EIO, EMFILE, EINVAL = 1, 2, 38, 28, 12, 11, 5, 24, 22
ACCEPT = [*cli.ACCEPT_ALONE, "--accept", "files.meta=none"]

CLOSE_LATE = (0, 4)             # the init and the command close from 6; ward-init's first call closes from 3
PARK_COMMAND, PARK_INIT = (2, None, 7), (2, None, 8)     # from where fcntl(F_DUPFD_CLOEXEC) looks for a place, of each of the two
RULESET = (1, 24)               # its size; whoever asks for the version gives none
# Of the view's: the plan asks whether the host has the call, with flags that nobody knows.
COPY_NAMED = (2, None, 0x89001)
PUT_DOWN = (4, None, 4)
OF_THE_TREE = (2, None, 0x9000)
RECEIVE, SEND = (1, None, 0xC0502100), (1, None, 0xC0182101)   # of seccomp's listener
CAPBSET_DROP_ALONE = (0, 16)   # argument and mask: of the numbers that prctl is asked here, 24 alone has this bit

# call (or a rule of box.refuse_calls without its errno), errnos, what the line must say. A call that ward does without on this
# road is no row.
STEPS = [
    ("clone", (EPERM, ENOSYS), "axis"),
    ("clone", (EAGAIN,), "making namespaces"),
    ("execveat", (EPERM, ENOSYS), "execveat is refused here"),
    ("memfd_create", (EPERM, ENOSYS), "memfd_create is refused here"),
    ("memfd_create", (ENOSPC,), "cannot make"),
    ("socketpair", (EPERM, ENOSYS), "socketpair is refused here"),
    ("socketpair", (EMFILE,), "socketpair"),
    ("epoll_create1", (EPERM, ENOSYS), "epoll_create1 is refused here"),
    ("epoll_create1", (EMFILE,), "supervisor"),
    ("eventfd2", (EPERM, ENOSYS), "eventfd2 is refused here"),
    ("eventfd2", (EMFILE,), "supervisor"),
    ("ioctl", (EPERM, ENOSYS), "ioctl is refused here"),
    (("ioctl", *RECEIVE), (EPERM, ENOSYS), "can be neither read nor answered"),
    (("ioctl", *SEND), (EPERM,), "can be neither read nor answered"),
    ("mount", (EPERM, ENOSYS), "axis"),
    ("mount", (ENOSPC,), "making the root of the view"),
    ("umount2", (EPERM, ENOSYS), "axis"),
    ("pivot_root", (EPERM, ENOSYS), "axis"),
    ("pivot_root", (ENOMEM,), "changing the root"),
    ("open_tree", (EPERM, ENOSYS, ENOMEM), "axis"),
    (("open_tree", *COPY_NAMED), (EPERM, ENOSYS, ENOMEM), "/"),
    ("move_mount", (ENOSYS,), "axis"),
    (("move_mount", *PUT_DOWN), (EPERM, ENOSYS), "mounting a part of the view"),
    ("mount_setattr", (EPERM, ENOSYS), "axis"),
    (("mount_setattr", *OF_THE_TREE), (EPERM, ENOSYS), "/"),
    ("sethostname", (ENOMEM,), "hostname"),
    ("setresuid", (EPERM, EAGAIN), "axis processes: changing ids"),
    ("setresgid", (EPERM,), "axis processes: changing ids"),
    ("capset", (EPERM,), "axis"),
    ("prctl", (EPERM,), "axis"),
    (("prctl", *CAPBSET_DROP_ALONE), (EPERM,), "dropping capabilities"),
    ("prlimit64", (EPERM,), "prlimit64 is refused here"),
    ("prlimit64", (EINVAL,), "setting limits"),
    ("signalfd4", (EPERM,), "signalfd"),
    ("wait4", (EPERM, ENOSYS), "wait4"),
    ("setsid", (EPERM,), "setsid"),
    ("symlink", (EPERM, ENOSPC), "making the root of the view"),
    ("chdir", (EPERM,), "view"),
    ("close_range", (EPERM, ENOSYS), "close_range"),
    (("close_range", *CLOSE_LATE), (EPERM,), "close_range"),
    (("fcntl", *PARK_COMMAND), (EMFILE,), "descriptors of the command"),
    (("fcntl", *PARK_INIT), (EMFILE,), "descriptors of init"),
    (("dup2", 1, None, 2), (EMFILE, EPERM), "descriptors of"),
    (("dup3", 2, 0o2000000), (EMFILE, EPERM), "descriptors of the command"),
    # By the errnos of a filter (EPERM, ENOSYS) it is a host without Landlock, on which runs start: environments/no-landlock-self.
    (("landlock_create_ruleset", *RULESET), (ENOMEM,), "Landlock: ruleset"),
    ("landlock_add_rule", (ENOMEM,), "Landlock"),
    ("landlock_restrict_self", (ENOMEM,), "Landlock"),
    ("socket", (EPERM,), "loopback"),
    ("fdatasync", (EPERM, ENOSYS), "fdatasync is refused here"),
    ("fdatasync", (EIO, ENOSPC), "audit log"),
    ("seccomp", (EPERM, ENOSYS), "axis"),
    ("readlinkat", (ENOENT, EPERM), "axis processes cannot be tested: /proc/thread-self/ns/user"),
]


def refused(p, r, word):
    check_eq(r.code, 125, r.err)
    check(not (p.ws / "made").exists(), "the command was executed")
    first = r.err.splitlines()[0]
    check_in(word, first)
    check(first.startswith("ward: ") and "; " in first, f"no fix in: {first}")
    o = json.loads(p.outcome_file.read_text())
    check_eq((o["status"], o["code"]), ("refused", None))
    check(o["error"] and o["error"]["message"], "no error in the outcome")
    check_eq(box.leftovers(1.0), {}, "processes are left")


def says(r, e):
    """The line names the errno, in the words of whichever C library ward was built with."""
    words = (os.strerror(e), {EIO: "I/O error", ENOMEM: "Out of memory", EAGAIN: "Resource temporarily", EMFILE: "No file descriptors available"}.get(e, os.strerror(e)))
    check(any(w in r.err.splitlines()[0] for w in words), f"errno {e} is not named: {r.err}")


def run_refused(p, *rules, more=()):
    p.outcome_file.unlink(missing_ok=True)
    return p.run("--outcome", p.outcome_file, "--write", ".", *more, "touch", "made", preexec_fn=box.refuse_calls(*rules))


@both
def a_filter_that_kills(p):
    """A unit of systemd whose SystemCallFilter= has no SystemCallErrorNumber=: who ended is said, by what, and what helps; ward doctor names the call."""
    for call, who in (("mount", "ward-init"), ("keyctl", "the process of the command")):
        r = run_refused(p, (call, box.KILLED))
        refused(p, r, f"{who} was ended by signal 31 (SIGSYS)")
        check_in("SystemCallErrorNumber=EPERM", r.err)
        # That is a filter that refuses, then, and no doubt of what it does.
        check_eq(p.run(*ACCEPT, "true", preexec_fn=box.refuse_calls((call, EPERM))).code, 0)
    r = p.run(kind=("doctor",), preexec_fn=box.refuse_calls(("mount", box.KILLED)), log=False)
    check_in("mounts: a filter around ward kills for it (SIGSYS)", r.out)
    check_in("SystemCallErrorNumber=EPERM", r.out)
    # Those that doctor's own trials are made of, too.
    for call in ("openat2", "waitid", "pidfd_send_signal", "socketpair", "sendmsg", "prctl", "keyctl"):
        r = p.run(kind=("doctor",), preexec_fn=box.refuse_calls((call, box.KILLED)), log=False)
        check_eq((r.code, r.out), (2, ""), call + r.err)
        check_in(f"kills whoever calls {call} ", r.err)


NETFILTER = ("socket", 2, None, 12)    # socket(AF_NETLINK, _, NETLINK_NETFILTER)


@both
def no_nf_tables(p):
    """A host that cannot capture: connects are redirected (sandbox/egress_redirected), which is said, and doctor says it. What passes is no such host."""
    call, *argument = NETFILTER
    connect = ["--cap", "NETWORK_CONNECT:203.0.113.7:443"]
    without = (call, errno.EPROTONOSUPPORT, *argument)
    r = run_refused(p, without, more=connect)
    check_eq(r.code, 0, r.err)
    check_in("this host has no nf_tables", r.err)
    (p.ws / "made").unlink()
    # Where neither way works nothing starts.
    r = run_refused(p, without, ("listen", EPERM), more=connect)
    refused(p, r, "axis network")
    check_in("listening for TCP", r.err)
    r = run_refused(p, (call, ENOMEM, *argument), more=connect)
    refused(p, r, "capturing the run's network: nf_tables")
    says(r, ENOMEM)
    check_eq(run_refused(p, without).code, 0, "without egress it is not needed")
    (p.ws / "made").unlink()
    check_eq(p.run("--write", ".", *connect, "touch", "made").code, 0, "and here it is there")
    r = p.run("--json", kind=("doctor",), log=False, preexec_fn=box.refuse_calls(without))
    row = {c["id"]: c for c in json.loads(r.out)["checks"]}["egress"]
    check_eq((row["status"], row["fix"]), ("warn", "sudo modprobe -a nf_tables nft_tproxy"), row["detail"])
    check_in("nf_tables", row["detail"])
    check_in("which works", row["detail"])
    check_in("programs connect as they are", row["consequence"])
    r = p.run("--json", kind=("doctor",), log=False, preexec_fn=box.refuse_calls(without, ("listen", EPERM)))
    row = {c["id"]: c for c in json.loads(r.out)["checks"]}["egress"]
    check_in("are refused", row["consequence"])


# What units of systemd refuse, and a run does without: ProtectHostname=, RestrictAddressFamilies=, SystemCallFilter=~@resources.
WITHOUT = [
    [("sethostname", EPERM)],
    [("sethostname", ENOSYS)],
    [("socket", errno.EAFNOSUPPORT, 0, None, family) for family in (2, 10, 16)],
    [(call, EPERM) for call in ("sched_setaffinity", "setpriority", "setrlimit")],
]


@both
def what_a_start_does_without(p):
    for rules in WITHOUT:
        r = run_refused(p, *rules)
        check_eq((r.code, (p.ws / "made").exists()), (0, True), f"{rules}: {r.err}")
        (p.ws / "made").unlink()
    r = p.run("--json", kind=("doctor",), log=False, preexec_fn=box.refuse_calls(*WITHOUT[0]))
    rows = {c["id"]: c["status"] for c in json.loads(r.out)["checks"]}
    check_eq([rows[name] for name in ("userns", "namespaces", "run")], ["ok"] * 3, r.out)
    # But not without routes, or sockets of AF_INET, where an endpoint is granted or a port published, which plan and run say alike.
    inet, _, netlink = ([rule] for rule in WITHOUT[2])
    connect, publish = ("--cap", "NETWORK_CONNECT:203.0.113.7:443"), ("--publish", "18099")
    for rules, words, said in (
            (WITHOUT[2], connect, "cannot be granted: no route can be made"),
            (inet, connect, "cannot be granted: no connect can be taken in, since sockets of AF_INET"),
            (netlink, publish, "cannot be published: no route can be made"),
            (inet, publish, "cannot be published: nobody can listen at it, since sockets of AF_INET")):
        lines = [p.run(*kind, *words, "true", kind=(), log=False, preexec_fn=box.refuse_calls(*rules)).err.splitlines()
                 for kind in (["plan"], ["run", "--audit", p.log])]
        check_in(f"{' '.join(words)} {said}", "".join(lines[0]))
        check_in("RestrictAddressFamilies=", lines[0][0])
        check_eq(lines[0], lines[1])
    r = run_refused(p, WITHOUT[2][1], more=("--publish", "[::1]:18099:8080"))
    check_in("--publish [::1]:18099:8080: there is no IPv6", r.err)
    check_in("publish at an address of IPv4", r.err)


@both
def a_plan_under_a_limit_of_file_sizes(p):
    """Its helper's image has no room, and a plan needs none: it was ended by the signal."""
    r = p.run("--write", ".", "true", kind=("plan",), log=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    check_eq(r.code, 0, r.err)


@both_cases([(f"{call} {word}", call, errnos, word) for call, errnos, word in STEPS])
def step(p, call, errnos, word):
    name, *argument = (call,) if isinstance(call, str) else call
    if os.geteuid() == 0:
        box.private_mounts()    # what others mount meanwhile is not looked at
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    for e in errnos:
        r = run_refused(p, (name, e, *argument))
        refused(p, r, word)
        if word not in ("axis", "/"):
            says(r, e)
        if "is refused here" in word or call == "setsid":
            plan = p.run("--write", ".", "true", kind=("plan",), log=False, preexec_fn=box.refuse_calls((name, e, *argument)))
            check_eq(plan.code, 1, plan.err)
            check(call == "setsid" or plan.err.splitlines()[0] == r.err.splitlines()[0], plan.err)
        if call == "ioctl":
            report = json.loads(p.run("--json", kind=("doctor",), log=False, preexec_fn=box.refuse_calls((name, e))).out)
            row = {c["id"]: c for c in report["checks"]}["kernel-calls"]
            check_eq((row["status"], row["detail"].split()[0].rstrip(":")), ("fail", "ioctl"))
    check_eq(pathlib.Path("/proc/self/mountinfo").read_text(), mounts, "mounts")
    # What was recorded is a chain, and what had begun has an end that is no success.
    if p.log.exists() and name != "fdatasync":
        box.verify(p)
        v = box.records(p)
        starts = {x["run"] for x in v if x["kind"] == "run.start"}
        check_eq(starts - {x["run"] for x in v if x["kind"] == "run.end"}, set(), "a start without an end")
        check(all(x["detail"]["status"] == "refused" for x in v if x["kind"] == "run.end"), "an end that says more")
    check_eq(p.run("--write", ".", "touch", "made").code, 0, "the test sees nothing: ward never works here")


@both_cases([("the view", "mount"), ("ids", "setresuid")])
def a_start_that_fails_leaves_no_helper(p, call):
    """The helpers work side by side; whichever is killed first, whatever it was at, none stays."""
    for _ in range(60):
        r = run_refused(p, (call, EPERM))
        check_eq((r.code, box.leftovers(1.0)), (125, {}), r.err)


@root_only
def a_root_that_may_not_change_ids(p):
    """A container that drops all capabilities: the axis, the cause, and what helps."""
    r = run_refused(p, ("setgroups", EPERM))
    refused(p, r, "axis processes: changing ids: setgroups")
    check_in("CAP_SETGID", r.err.splitlines()[0])


@both
def a_dead_filter_is_no_excuse(p):
    """The test of the tests: calls that are not refused change nothing."""
    check_eq(run_refused(p, ("sched_setaffinity", EPERM)).code, 0)
    check((p.ws / "made").exists())


@both_cases([("EPERM", EPERM), ("ENOSYS", ENOSYS)])
def no_signal_by_descriptor(p, e):
    """A filter of a container engine may know no pidfd_send_signal. What is ended by it ends all the same, and nothing waits for ever."""
    refuse = {"preexec_fn": box.refuse_calls(("pidfd_send_signal", e)), "timeout": 30}
    check_eq(p.run("--write", ".", "touch", "made", **refuse).code, 0)
    check((p.ws / "made").exists())
    check_eq(p.run("--timeout", "500ms", "sleep", "25", **refuse).code, 124)
    check_eq(box.leftovers(1.0), {})
    r = run_refused(p, ("pidfd_send_signal", e), ("mount", EIO))
    check_eq((r.code, box.leftovers(1.0)), (125, {}), r.err)
    q = subprocess.run([cli.WARD, "doctor"], env=p.env(), stdin=subprocess.DEVNULL, capture_output=True, check=False, **refuse)
    check(q.returncode in (0, 1) and q.stdout, f"doctor: {q}")


# ---- no user namespaces ----

@both_cases([("clone3", [("clone3", EPERM), ("clone", EPERM, 0, box.CLONE_NEWUSER)]),
             ("unshare", [("unshare", EPERM)])])
def namespaces_refused(p, rules):
    r = run_refused(p, *rules)
    refused(p, r, f"axis {cli.ALONE[0]}")
    check_in(" ".join(cli.ACCEPT_ALONE), r.err)


@both
def no_user_namespaces_names_the_axes(p):
    box.without_user_namespaces()
    r = p.run("--outcome", p.outcome_file, "--write", ".", "touch", "made")
    refused(p, r, f"axis {cli.ALONE[0]} would be advisory")
    check_in("no user namespaces" if len(cli.ALONE) == 1 else "allow user namespaces", r.err)
    check_in(" ".join(cli.ACCEPT_ALONE), r.err)
    v = box.records(p)
    check_eq(v[-1]["kind"] in ("run.end", "policy.block"), True, v[-1]["kind"])


WEAK = """
import json, os, socket, sys
out = {"ids": os.getresuid(), "groups": os.getgroups(), "sockets": [], "read": {}, "write": {}, "status": open("/proc/self/status").read()}
for family in range(46):
    for kind in (1, 2, 3):
        try: socket.socket(family, kind); out["sockets"].append(family)
        except OSError: pass
a, b = socket.socketpair()
a.send(b"x"); out["pair"] = b.recv(1).decode()
for path in sys.argv[1:]:
    try: out["read"][path] = open(path, "rb").read(64).decode("latin1") if not os.path.isdir(path) else str(os.listdir(path))
    except OSError as e: out["read"][path] = e.errno
for d in ("/tmp", "/dev/shm", "/var/tmp", "/home", os.path.expanduser("~"), ".", "/"):
    try: open(d + "/ward-test-made", "w"); out["write"][d] = True
    except OSError as e: out["write"][d] = e.errno
for pid in (1, os.getppid()):
    try: os.kill(pid, 0); out["kill"] = pid
    except OSError: pass
print(json.dumps(out))
"""


def weak(p, *before, ward=()):
    secret = p.side / "secret"
    secret.write_text("planted")
    secret.chmod(0o644)
    p.write("granted.txt", "granted")
    p.write("weak.py", WEAK)
    p.ws.chmod(0o777)
    pathlib.Path("/tmp/ward-test-made").unlink(missing_ok=True)
    ask = [str(secret), "granted.txt", "/etc/passwd", "/etc/shadow", "/proc/1/environ", f"/proc/{os.getpid()}/environ", "/tmp", "/dev/shm",
           str(p.side), "/root", "/dev/pts"]
    r, o = p.outcome("--read", ".", *ACCEPT, *ward, "python3", "weak.py", *ask, **({"preexec_fn": before[0]} if before else {}))
    check_eq((r.code, o["status"]), (0, "exited"), r.err)
    return secret, r, o, json.loads(r.out)


def weak_holds(p, secret, r, o, out):
    check_eq((o["axes"]["files"], o["axes"]["processes"], o["axes"]["files.meta"], o["axes"]["network"]),
             ("advisory" if "files" in cli.ALONE else "enforced", "advisory", "none", "enforced"))
    check_in("ward: accepted: processes is held at advisory only", r.err)
    start = [x for x in box.records(p) if x["kind"] == "run.start"][-1]
    check_in("processes", start["detail"]["accepted"])
    check_eq(out["read"]["granted.txt"], "granted")
    for path, got in out["read"].items():
        check(path == "granted.txt" or isinstance(got, int), f"{path} was read: {got!r}")
    check_eq({d: w for d, w in out["write"].items() if w is True}, {}, "a file was made outside of every grant")
    check_eq(out["sockets"], [], "socket(2) must be refused for every family")
    check_eq(out["pair"], "x")
    # Before ABI 6 those of the same id can be, which is said: ward, or its init.
    check(out.get("kill") != 1 and ("kill" not in out or "ipc" in cli.ALONE), "a process of the host can be signalled")
    status = dict(line.split(":\t", 1) for line in out["status"].splitlines() if ":\t" in line)
    check_eq((status["CapEff"], status["CapPrm"], status["NoNewPrivs"], status["Seccomp"]), ("0" * 16, "0" * 16, "1", "2"))
    if os.geteuid() == 0:
        check(0 not in out["ids"] and 0 not in out["groups"], f"the command is root: {out['ids']} {out['groups']}")
        check_eq(status["CapBnd"], "0" * 16)
    check(secret.exists())
    check(not pathlib.Path("/tmp/ward-test-made").exists())


@both
def without_user_namespaces_by_acceptance(p):
    box.without_user_namespaces()
    weak_holds(p, *weak(p))
    # The first plan's start is given up for the second: no word of it may be lost.
    for _ in range(20):
        r = p.run(*ACCEPT, "true")
        check_eq(r.code, 0, r.err)
    # What nearly each test runner needs, and nobody names: said where it may be why.
    for more, code, told in (((), 0, False), ((), 3, True), (("--write", p.ws, "--env", f"TMPDIR={p.ws}"), 3, False)):
        r = p.run(*ACCEPT, *more, "sh", "-c", f"exit {code}")
        check_eq((r.code, "no /tmp and no home of its own" in r.err), (code, told), r.err)
    # The host's /tmp is there, and nothing of it is hidden.
    with tempfile.NamedTemporaryFile(dir="/tmp") as f:
        check("is not there inside" not in p.run(*ACCEPT, "echo", f.name).err)
    mark = box.marker()
    q = p.start(*ACCEPT, "--timeout", "500ms", "sh", "-c", f"sleep {mark} & sleep {mark}", stdin=-3, stdout=-3, stderr=-3)
    q.wait(20)
    check_eq(q.returncode, 124)
    check_eq(box.with_marker(mark), [])
    check_eq(box.leftovers(1.0), {})


SLOW, SLOW_AFTER = 1200000, 0.5   # microseconds that a call is held; seconds after which a start has surely come to it


def traced(p, inject, *words):
    """ward under strace, which makes a call slow; returns strace and the pid of ward."""
    if not shutil.which("strace"):
        skip("strace is not installed")
    slow = [word for rule in inject.split() for word in ("-e", f"inject={rule}")]
    q = p.traced = subprocess.Popen(["strace", "-f", "-qq", "-o", p.side / "trace", *slow, *p.words(*words)],
                                    cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(SLOW_AFTER)
    if q.poll() is not None:
        skip(f"strace does not work here: {q.stderr.read()[-200:]!r}")
    children = pathlib.Path(f"/proc/{q.pid}/task/{q.pid}/children").read_text().split()
    return q, int(children[0])


def killed_meanwhile(p, inject, *words):
    q, ward = traced(p, inject, *words)
    os.kill(ward, signal.SIGKILL)
    try:
        q.wait(5)   # strace ends with the last of what it traces
    except subprocess.TimeoutExpired:
        alive = box.leftovers(0.0)
        q.kill()
        check(False, f"ward was killed, and something lives on: {alive}")
    check_eq(box.leftovers(1.0), {})


@both
def killed_while_the_view_is_built(p):
    """The command's process is there already, and may hold nothing that keeps the init waiting, such as the FUSE device."""
    killed_meanwhile(p, f"move_mount:delay_enter={SLOW}:when=1", "--write", ".", "touch", "made")
    check(not (p.ws / "made").exists())


@both
def a_working_directory_that_becomes_a_link_to_the_way_out(p):
    """The old root lies on the new one for a moment: whoever looks up a name then, and finds a link of "..", is outside."""
    secret = p.side / "secret"
    secret.write_text("planted")
    secret.chmod(0o640)
    (p.ws / "sub").mkdir()
    p.ws.chmod(0o777)
    inside = str(secret).lstrip("/")
    q, _ = traced(p, f"umount2:delay_enter={SLOW}:when=1 chdir:delay_enter={SLOW // 2}:when=1", "--read", ".", "--cwd", "sub", "sh", "-c", f"cat {inside}; chmod 666 {inside}; touch {p.ws}/ran")
    (p.ws / "sub").rename(p.ws / "x")
    (p.ws / "sub").symlink_to("/..")
    q.wait(20)
    check_eq(oct(secret.stat().st_mode & 0o777), "0o640", "a file of the host was changed")


@root_only
def a_ward_that_its_user_may_not_read(p):
    """Then it may not be looked into, nor may what shares its memory, whose maps are to be written."""
    ward = p.base / "unreadable"
    shutil.copy(cli.WARD, ward)
    ward.chmod(0o711)
    p.base.chmod(0o755)

    def other():
        os.setgroups([])
        os.setresgid(12345, 12345, 12345)
        os.setresuid(12345, 12345, 12345)
    r = subprocess.run([ward, "run", "--audit", "/dev/null", "echo", "done"], cwd="/", preexec_fn=other, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    check_eq((r.returncode, r.stdout), (0, "done\n"), r.stderr)


@both
def a_thousand_grants(p):
    """More than descriptors are allowed to be open: they are handed over some at a time."""
    many = p.ws / "many"
    many.mkdir()
    for i in range(1010):
        (many / f"{i:04d}").write_text(str(i))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
    r = p.run("--cap", "FILE_READ:many/*", "sh", "-c", "cat many/0000 many/1009; ls many | wc -l")
    check_eq((r.code, r.out), (0, "010091010\n"), r.err)


@root_only
def killed_while_the_id_map_has_its_process(p):
    killed_meanwhile(p, f"pidfd_send_signal:delay_enter={SLOW}:when=1", "--write", ".", "touch", "made")
    check(not (p.ws / "made").exists())


@both
def killed_while_a_process_is_held(p):
    """The init waits for its supervisor to place it, but not for ever."""
    killed_meanwhile(p, f"sched_setaffinity:delay_enter={SLOW}:when=1", "--write", ".", "touch", "made")
    check(not (p.ws / "made").exists())


@both_cases([("with", False), ("without", True)])
def a_supervisor_that_is_late(p, without):
    """The child of each clone runs ahead of its parent: an init waits for its maps and its plan, and is known from the start."""
    if not shutil.which("strace"):
        skip("strace is not installed")
    if without:
        box.without_user_namespaces()
    r = subprocess.run(["strace", "-f", "-qq", "-o", p.side / "trace", "-e", "inject=clone:delay_exit=300000",
                        *p.words(*(ACCEPT if without else []), "sh", "-c", "sleep 1; echo done")], cwd=p.ws, env=p.env(),
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    if "DELAYED" not in (p.side / "trace").read_text(errors="replace"):
        skip(f"strace does not work here: {r.stderr[-200:]}")
    check_eq((r.returncode, r.stdout), (0, "done\n"), r.stderr)


@both
def in_a_container_by_acceptance(p):
    """What a container runtime's filter does: clone3 is unknown, clone may not make user namespaces, nor may unshare."""
    weak_holds(p, *weak(p, box.refuse_calls(("clone3", ENOSYS), ("clone", EPERM, 0, box.CLONE_NEWUSER), ("unshare", EPERM), ("mount", EPERM))))


@both
def namespaces_without_rights(p):
    """They can be made and then nothing be done in them (AppArmor): as a host without them, and never with less than was accepted."""
    weak_holds(p, *weak(p, box.refuse_calls(("mount", EPERM))))


@both
def without_clone3(p):
    """clone3 alone is missing: namespaces are made all the same, or the run is refused; never a weaker one unasked."""
    r = run_refused(p, ("clone3", ENOSYS))
    if r.code == 0:
        o = json.loads(p.outcome_file.read_text())
        check_eq((o["axes"]["processes"], o["axes"]["files.meta"]), ("enforced", "enforced"))
        check((p.ws / "made").exists())
    else:
        refused(p, r, "axis")


@both_cases([("EAGAIN", EAGAIN), ("ENOMEM", ENOMEM)])
def a_passing_shortage_is_no_reason_for_less(p, e):
    """No room for another process now: refused with that reason, also where less would have been accepted."""
    for rule in (("clone", e, 0, box.CLONE_NEWUSER), ("unshare", e)):
        r = run_refused(p, rule, more=ACCEPT)
        refused(p, r, "making namespaces")
        says(r, e)


# ---- Landlock ----

@both
def refusals_of_landlock_are_not_the_hosts_log(p):
    """From ABI 7 on the kernel is asked to tell its audit nothing: not of our own self-test, nor of domains that the command makes for itself."""
    if box.libc.syscall(444, None, 0, 1) < 7:
        skip("Landlock before ABI 7 has no log")
    for flag in (1, 4):    # LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF, _LOG_SUBDOMAINS_OFF
        refused(p, run_refused(p, ("landlock_restrict_self", ENOMEM, 1, flag)), "Landlock: restrict")
    check_eq(run_refused(p, ("landlock_restrict_self", ENOMEM, 1, 2 | ~7 & 0xFFFFFFFF)).code, 0, "no other flag")



@both
def without_landlock(p):
    """The view holds files; exec falls to none, and that is said; insisting on it refuses."""
    rules = [("landlock_create_ruleset", ENOSYS)]
    (p.side / "secret").write_text("planted")
    r = p.run("--outcome", p.outcome_file, "cat", p.side / "secret", preexec_fn=box.refuse_calls(*rules))
    o = json.loads(p.outcome_file.read_text())
    check_eq((r.code, o["status"], r.out), (1, "exited", ""), r.err)
    check_eq((o["axes"]["files"], o["axes"]["exec"]), ("enforced", "none"))
    refused(p, run_refused(p, *rules, more=["--require", "exec=advisory"]), "axis exec")


@both
def without_landlock_and_namespaces(p):
    """Nothing is left that could hold files: no acceptance of the contract's list is enough."""
    box.without_user_namespaces()
    refused(p, run_refused(p, ("landlock_create_ruleset", ENOSYS), more=ACCEPT), "axis files")


# ---- no cgroup, no FUSE ----

@root_only
def without_a_cgroup(p):
    """Sampled memory, pids by RLIMIT_NPROC, cpu none: shown, and held."""
    box.private_mounts()
    box.mount("ward-test", "/sys/fs/cgroup", "tmpfs")
    r, o = p.outcome("true")
    check_eq((r.code, o["axes"]["memory"], o["axes"]["pids"]), (0, "sampled", "sampled"), r.err)
    p.write("eat.py", "x = []\nfor i in range(400): x.append(bytearray(b'\\1') * (1 << 20))\n")
    r, o = p.outcome("--read", ".", "--memory", "60M", "python3", "eat.py")
    check_eq((r.code, o["status"]), (137, "oom"), r.err)
    p.write("bomb.py", "import os, time\nn = 0\nfor i in range(200):\n    try:\n        if os.fork() == 0: time.sleep(1); os._exit(0)\n"
            "        n += 1\n    except OSError: pass\nprint(n)\n")
    r, o = p.outcome("--read", ".", "--pids", "40", "python3", "bomb.py")
    check_eq(r.code, 0, r.err)
    check(20 <= int(r.out) <= 40, r.out)
    refused(p, p.run("--outcome", p.outcome_file, "--require", "memory=enforced", "true"), "axis memory")


def enters(e):
    """The init's "0" into each of its cgroups' lists fails: nothing else that ward or it writes is one byte."""
    return "write", e, 2, None, 1


@root_only
def a_cgroup_that_is_gone_when_the_init_enters_it(p):
    """Somebody has removed it, or closed it to us, since it was planned and made: no run is begun outside of it, and none is left."""
    r, o = p.outcome("true")
    if o["axes"]["memory"] != "enforced" or not pathlib.Path("/sys/fs/cgroup/memory").is_dir():
        skip("no cgroup v1 of memory is to be had")
    for e in (errno.ENODEV, EPERM):
        r = run_refused(p, enters(e))
        refused(p, r, "cgroup")
        says(r, e)
        left = [d for _, dirs, _ in os.walk("/sys/fs/cgroup") for d in dirs if d == "ward-" + json.loads(p.outcome_file.read_text())["run"]]
        check_eq(left, [], "cgroups are left")
        # By acceptance neither: what holds a limit was there when it was planned.
        refused(p, run_refused(p, enters(e), more=("--accept", "memory=none", "--accept", "pids=none")), "cgroup")


@both
def nothing_to_look_at_memory_with(p):
    """No cgroup, no namespaces, and a kernel that lists no children: memory can be held by nobody, and that is said before anything starts."""
    if os.geteuid() == 0:
        box.private_mounts()
        box.mount("ward-test", "/sys/fs/cgroup", "tmpfs")
    box.without_user_namespaces()
    p.ws.chmod(0o777)
    at = p.side / "socket"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(at))

        def no_list():
            """A socket cannot be opened, not by root either."""
            box.must(box.libc.unshare(box.CLONE_NEWNS), "unshare")
            box.mount(str(at), f"/proc/self/task/{os.getpid()}/children", None, box.MS_BIND)
        words = ["--outcome", p.outcome_file, *ACCEPT, "--write", ".", "touch", "made"]
        refused(p, p.run(*words, preexec_fn=no_list), "memory cannot be looked at")
    r = p.run(*words)
    check_eq((r.code, (p.ws / "made").exists()), (0, True), r.err)


@both
def without_fuse(p):
    """No /dev/fuse: refused paths are refused all the same, the run says that it cannot name them."""
    if os.path.exists("/dev/fuse") and os.geteuid() == 0:
        box.private_mounts()
        box.mount("/dev/null", "/dev/fuse", None, box.MS_BIND)
        node = True
    else:
        node = False
    (p.side / "secret").write_text("planted")
    words = ["cat", p.side / "secret"]
    r, o = p.outcome(*words) if node else p.outcome("--attribution", "none", *words)
    check_eq((r.code, r.out, o["attribution"]), (1, "", "partial"), r.err)
    check_eq(o["axes"]["attribution"], "none")
    if node:
        check_in("attribution: partial", r.err)
        check_in("/dev/fuse", r.err)
        r = p.run("--attribution", "fuse", "--outcome", p.outcome_file, "--write", ".", "touch", "made")
        check_eq(r.code, 125, r.err)


@both
def a_fuse_mount_that_is_refused(p):
    """The device opens and the mount does not (another LSM, another kernel): planned again without, and said."""
    r = p.run("--outcome", p.outcome_file, "--attribution", "auto", "--read", ".", "true", preexec_fn=box.refuse_calls(("mount", errno.ENODEV)))
    check_eq(r.code, 125, r.err)
    check_eq(box.leftovers(1.0), {})


@both
def another_run_has_as_many_in_flight_as_its_limit(p):
    """Descriptors on their way are counted by user, against the limit of who sends some: what that is, and what helps."""
    refused(p, run_refused(p, ("sendmsg", errno.ETOOMANYREFS)), "Too many references; raise the limit of open files (ulimit -n)")


@both
def the_n_th_descriptor(p):
    """Too few descriptors, at every number: refused in words or held in full; never a run with less."""
    (p.side / "secret").write_text("planted")
    worked = 0
    for n in list(range(3, 65)) + [96, 256]:
        p.outcome_file.unlink(missing_ok=True)
        r = p.run("--write", ".", "sh", "-c", f"cat {p.side}/secret; touch made",
                  preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        check("planted" not in r.out, f"{n} descriptors: an ungranted file was read")
        if r.code == 0:
            worked += 1
            check((p.ws / "made").exists())
            (p.ws / "made").unlink()
        else:
            check(r.code in (125, 127, 1) and (r.code != 125 or r.err.startswith("ward: ")), f"{n}: {r}")
            check(r.code != 125 or not (p.ws / "made").exists(), f"{n}: executed, and 125")
            check(r.code != 125 or "ulimit -n" in r.err, f"{n}: what would help is not said: {r.err}")
        check_eq(box.leftovers(1.0), {}, f"{n} descriptors")
    check(worked > 0, "never worked: the test sees nothing")


@root_only
def a_start_that_hangs_is_given_up(p):
    """ward-init is stopped before it has said what it made: 30 s, and a line that says so. Again where that came too late."""
    for _ in range(3):
        began = time.monotonic()
        q = p.start("--write", ".", "touch", "made", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            os.kill(box.init_of(q.pid), signal.SIGSTOP)
            said = q.communicate(timeout=50)[1].decode()
        except (OSError, AssertionError):
            said = ""       # it is over already
        except subprocess.TimeoutExpired:
            said = "" if (p.ws / "made").exists() else "it hangs"
        if said:
            check_in("did not come up within 30 s", said)
            check_eq((q.returncode, (p.ws / "made").exists()), (125, False))
            check(time.monotonic() - began > 29, "it was given up before")
            check_eq(box.leftovers(10.0), {})
            return
    raise AssertionError("ward-init was never stopped in time")


box.main()

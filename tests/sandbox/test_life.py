#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a run and its end: codes, time, signals, and that nothing outlives it, ward killed or its init killed."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import box
import cli
from box import both, both_cases, root_only
from tap import check, check_eq, check_in, quickest

TRIES = 60
WINDOW_S = 0.045        # longer than a start takes
OUTPUT_BYTES = 10 << 20


@both_cases([
    ("0", "exit 0", 0, "exited"), ("1", "exit 1", 1, "exited"), ("42", "exit 42", 42, "exited"),
    ("TERM", "kill -TERM $$", 143, "signaled"), ("SEGV", "kill -SEGV $$", 139, "signaled"),
    ("KILL", "kill -KILL $$", 137, "signaled"), ("RT", "kill -35 $$", 163, "signaled"),
])
def ends_with(p, script, code, status):
    r, o = p.outcome("sh", "-c", script)
    check_eq((r.code, o["status"]), (code, status), r.err)


@both
def not_found_and_not_executable(p):
    p.write("plain.txt", "text\n", 0o644)
    for words, code in ((["no-such-command-here"], 127), (["--read", ".", "./plain.txt"], 126), (["--read", ".", "./none"], 127)):
        r, o = p.outcome(*words)
        check_eq((r.code, o["status"]), (code, "spawn_failed"), r.err)


@both
def what_the_kernel_does_not_execute_is_never_success(p):
    """Only when all else has been done does the kernel say so: a program of another machine, and a file that is none."""
    for name, text in (("foreign", b"\x7fELF\x02\x01\x01" + bytes(200)), ("none", b"no first line\n"), ("empty", b"")):
        p.write(name, text, 0o755)
        r, o = p.outcome("--read", ".", f"./{name}")
        check_eq((r.code, o["status"], o["code"], o["signal"]), (126, "spawn_failed", None, None), r.err)
        check_in("cannot execute", r.err)


@both
def timeout_honours_term(p):
    r, o = p.outcome("--timeout", "300ms", "--grace", "200s", "sh", "-c", "trap 'echo bye; exit 5' TERM; while :; do sleep 0.02; done")
    check_eq((r.code, o["status"], r.out), (124, "timeout", "bye\n"), r.err)
    check(o["duration_ms"] < 10000 * cli.PATIENCE, f"waited for the grace: {o['duration_ms']} ms")


# Says how long it lives on after TERM: of the duration of a run a part is its start, which takes as long as the machine likes.
DEAF = """
import signal, time
start, asked = time.monotonic(), []
signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
while time.monotonic() < start + 600:
    time.sleep(0.02)
    if asked: print(f"{time.monotonic() - asked[0]:.3f}", flush=True)
"""


@both
def timeout_kills_after_the_grace(p):
    p.write("deaf.py", DEAF)

    def lived():
        r, o = p.outcome("--read", ".", "--timeout", "3s", "--grace", "2s", "python3", "deaf.py")
        check_eq((r.code, o["status"]), (124, "timeout"), r.err)
        said = [float(x) for x in r.out.split()]
        check(said and said[-1] > 1.0, f"it lived {said[-1:]} s after TERM, and the grace is 2 s")
        return said[-1]
    best = quickest(lived, 4.0)
    check(best < 4.0, f"it lived {best} s after TERM, and the grace is 2 s; untold it is 5")


@both
def timeout_ends_a_busy_loop(p):
    r, o = p.outcome("--timeout", "300ms", "--grace", "100ms", "sh", "-c", "while :; do :; done")
    check_eq((r.code, o["status"]), (124, "timeout"), r.err)


DAEMON = """
import os, signal, sys, time
for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        time.sleep(600)
    os._exit(0)
os.wait()
sys.stdin.readline()
"""


@both
def daemons_are_dead_when_ward_returns(p):
    mark = box.marker()
    p.write("daemon.py", DAEMON)
    for words in (["python3", "daemon.py", mark],
                  ["sh", "-c", f"setsid sh -c 'trap \"\" HUP TERM; sleep {mark}' & (sleep {mark} &) ; read _"],
                  ["sh", "-c", f"nohup sleep {mark} >/dev/null 2>&1 & read _; kill -9 $$"]):
        q = p.start("--read", ".", *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        check(box.wait_for(lambda: box.with_marker(mark)), "the daemon was never seen: the test sees nothing")
        q.communicate(b"go on\n", timeout=20)
        check_eq(box.with_marker(mark), [], "alive after ward has returned")
        check_eq(box.descendants(), {}, "processes of the run are left")


@both
def a_timeout_ends_a_run_whose_init_was_stopped(p):
    """By somebody outside: who is told to end goes on as far as that."""
    q = p.start("--timeout", f"{2 * cli.PATIENCE}s", "--grace", "50ms", "sh", "-c", "echo up; exec sleep 60", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_eq(q.stdout.readline(), b"up\n")
    os.kill(box.init_of(q.pid), box.STOP)
    try:
        said = q.communicate(timeout=20)[1].decode()
    finally:
        q.kill()
    check_eq(q.returncode, 124, said)
    check_in("timeout of 2s was reached" if cli.PATIENCE == 1 else "was reached", said)


@both
def a_timeout_ends_more_than_the_command(p):
    """What left its group and its parent, and would not end by itself."""
    mark = box.marker()
    text = f"trap '' TERM; setsid sh -c 'trap \"\" HUP TERM; sleep {mark}' & (sleep {mark} &) ; sleep {mark}"
    q = p.start("--read", ".", "--timeout", "2s", "--grace", "100ms", "sh", "-c", text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    check(box.wait_for(lambda: len(box.with_marker(mark)) >= 3), "the daemons were never seen: the test sees nothing")
    q.communicate(timeout=20)
    check_eq(q.returncode, 124)
    check_eq(box.with_marker(mark), [], "alive after ward has returned")
    check_eq(box.descendants(), {}, "processes of the run are left")


ZOMBIES = """
import os, time
for i in range(1000):
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
end = time.monotonic() + 10
while time.monotonic() < end:
    zombies = 0
    for d in os.listdir("/proc"):
        if d.isdigit():
            try: zombies += ") Z " in open(f"/proc/{d}/stat").read()
            except OSError: pass
    if zombies == 0: break
    time.sleep(0.02)
print("zombies", zombies)
"""


@both
def orphans_are_reaped(p):
    p.write("zombies.py", ZOMBIES)
    r, o = p.outcome("--read", ".", "python3", "zombies.py")
    check_eq((r.code, r.out), (0, "zombies 0\n"), r.err)
    check_eq(o["status"], "exited")


@both
def a_child_that_does_not_read_is_no_error(p):
    for extra in ([], ["--json"]):
        q = p.start(*extra, "sh", "-c", "exec <&-; sleep 0.2; exit 3", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        try:
            q.stdin.write(b"x" * (1 << 20))
            q.stdin.flush()
        except BrokenPipeError:
            pass        # the caller's own write; the run must not care
        try:
            q.communicate(timeout=20)
        except BrokenPipeError:
            q.wait(20)
        check_eq(q.returncode, 3)


CHANGE_INPUT = """
import os
print(os.pread(0, 3, 0).decode())
for change in (lambda: os.fchmod(0, 0o777), lambda: os.utime(0, (1, 1)), lambda: os.utime(0), lambda: os.setxattr(0, b"user.x", b"y"), lambda: os.chmod("/proc/self/fd/0", 0o777),
               lambda: os.open("/proc/self/fd/0", os.O_RDWR), lambda: os.truncate("/proc/self/fd/0", 0)):
    try:
        print("changed", change())
    except OSError:
        pass
"""


@both_cases([("of its own user", 0o600), ("that everybody may write", 0o666)])
def a_file_as_input_is_only_read(p, mode):
    """A descriptor that was opened for reading; as root the command is nobody's user, and may what everybody may."""
    path = p.write("in.txt", "one\ntwo\nthree\n", mode)
    before = os.stat(path)
    with open(path, "rb", buffering=0) as f:
        r = p.run("python3", "-c", CHANGE_INPUT, stdin=f)
    after = os.stat(path)
    check_eq((r.code, r.out), (0, "one\n"), r.err)
    check_eq((after.st_mode, after.st_size, after.st_mtime_ns, after.st_ctime_ns), (before.st_mode, before.st_size, before.st_mtime_ns, before.st_ctime_ns))


@both_cases([
    ("a line", (), "read a", b"three\n"), ("nothing", (), "true", b"two\nthree\n"), ("all", (), "cat", b""), ("back", (), "exec python3 -c 'import os; os.lseek(0, 0, 0)'",
                                                                                                  b"one\ntwo\nthree\n"),
    ("a child", (), "sh -c 'read a; read b'; :", b""), ("until it was killed", ("--timeout", "2s", "--grace", "50ms"), "trap '' TERM; read a; while :; do sleep 0.02; done", b"three\n"),
])
def who_reads_on_does_so_where_the_command_left_off(p, options, script, rest):
    """A shell's { ward run -- head -n1; cat; } < FILE."""
    path = p.write("in.txt", "one\ntwo\nthree\n")
    with open(path, "rb", buffering=0) as f:
        f.seek(4)
        p.run(*options, "sh", "-c", script, stdin=f)
        check_eq(f.read(), rest)


@both
def who_reads_meanwhile_keeps_his_place(p):
    path = p.write("in.txt", "one\ntwo\nthree\n")
    with open(path, "rb", buffering=0) as f:
        q = p.start("sh", "-c", "echo there; sleep 0.5", stdin=f, stdout=subprocess.PIPE)
        q.stdout.readline()
        f.seek(8)
        q.communicate(timeout=20)
        check_eq((q.returncode, f.read()), (0, b"three\n"))


FLOOD = f"head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' a & head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' b >&2; wait"


def holders(pipe):
    """The processes that have it open, of those that can be looked into."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # which end meanwhile, too
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") == f"pipe:[{os.fstat(pipe).st_ino}]" for fd in os.listdir(f"/proc/{pid}/fd")):
                found.add(int(pid))
    return found


@root_only
def a_proc_of_other_processes_is_no_place_to_write_maps(p):
    """In a pid namespace with the /proc of another the number of ward's child is somebody else's there: nothing is asked of him, nor given to him."""
    for make, code in ((["unshare", "--pid", "--fork"], 125), (["unshare", "--mount", "sh", "-c", 'umount -l /proc; exec "$@"', "sh"], 125),
                       (["unshare", "--pid", "--fork", "--mount-proc"], 0)):
        q = subprocess.run([*make, cli.WARD, "run", "--audit", str(p.log), "--", "true"], cwd=p.ws, env=p.env(), capture_output=True, text=True,
                           timeout=60, check=False)
        check_eq(q.returncode, code, f"{make} {q.stderr}")
        check_eq("mount -t proc proc /proc" in q.stderr, code == 125, q.stderr)


@root_only
def a_host_without_nodes_of_dev_is_told_how_to_make_them(p):
    """As in a chroot or a container that came without: each cure, followed as it is written, is one less until it starts."""
    script = ("mount -t tmpfs none /dev; n=0; while ! says=$($WARD run --audit $LOG $MORE -- true 2>&1); do "
              "cure=$(echo \"$says\" | sed -n \"s/.*the host's \\/dev lacks it: \\([^,]*\\), as root$/\\1/p\"); "
              '[ -n "$cure" ] && [ $n -lt 6 ] && $cure || { echo "$says"; exit 1; }; n=$((n + 1)); done; echo $n')
    for more in ("", "--stdin null"):
        q = subprocess.run(["unshare", "--mount", "sh", "-c", script], cwd=p.ws, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=60,
                           env={**p.env(), "WARD": str(cli.WARD), "LOG": str(p.log), "MORE": more}, check=False)
        check_eq((q.returncode, q.stdout), (0, "6\n"), f"{more} {q.stderr}")


@root_only
def stdin_is_kept_by_no_helper(p):
    """With a log and without: once the command has closed it, ward alone has the caller's pipe, which is its own stdin."""
    for log in (p.log, "/dev/null"):
        p.log = log
        r, w = os.pipe()
        q = p.start("sh", "-c", "exec <&-; exec sleep 30", stdin=r, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(r)
        init_of(q)
        box.wait_for(lambda q=q: any(box.cmdline(pid).startswith("sleep") for pid in box.descendants(q.pid)))
        check_eq(holders(w) - {os.getpid()}, {q.pid}, f"log: {log}")
        q.terminate()
        q.wait(20)
        os.close(w)


@both
def huge_output_passes_through(p):
    q = p.start("sh", "-c", FLOOD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = q.communicate(timeout=60)
    check_eq((q.returncode, len(out), out.count(b"a")), (0, OUTPUT_BYTES, OUTPUT_BYTES))
    check_eq(err.count(b"b") >= OUTPUT_BYTES, True, "standard error was cut")


@both
def huge_output_is_captured(p):
    r = p.run("--json", "sh", "-c", FLOOD)
    o = json.loads(r.out)
    check_eq((r.code, o["stdout"]["bytes"], o["stderr"]["bytes"]), (0, OUTPUT_BYTES, OUTPUT_BYTES), r.err)
    check_eq((len(o["stdout"]["data"]), o["stdout"]["truncated"]), (OUTPUT_BYTES, False))


@both
def a_slow_reader_loses_nothing(p):
    q = p.start("--output-limit", "64M", "sh", "-c", f"head -c {OUTPUT_BYTES} /dev/zero", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(0.4)
    check_eq(q.poll(), None, "ended although nobody reads")
    check(rss_kb(q.pid) < 16384, f"ward holds {rss_kb(q.pid)} KiB for a reader that is slow")
    check_eq((len(q.communicate(timeout=30)[0]), q.returncode), (OUTPUT_BYTES, 0))


def rss_kb(pid):
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


@both
def output_limit(p):
    for extra, read in ((["--json"], lambda r: len(json.loads(r.out)["stdout"]["data"])), ([], lambda r: len(r.out))):
        r, o = p.outcome(*extra, "--output-limit", "64K", "sh", "-c", "head -c 200000 /dev/zero | tr '\\0' a; sleep 0.1")
        check_eq(o["stdout"]["truncated"], True, r.err)
        check_eq(read(r), 65536, "bytes that passed")
        check_in("--output-limit", r.err)
        hits = [x for x in box.records(p) if x["kind"] == "limit.hit" and x["run"] == o["run"]]
        check_eq([x["resource"] for x in hits], ["stdout"])


# Parent and child in one group; both say that they got it.
GROUP = """
import os, signal, sys, time
got = []
signal.signal(int(sys.argv[1]), lambda *a: got.append(1))
r, w = os.pipe()
pid = os.fork()
os.write(w, b"x")
if pid: os.read(r, 1), os.read(r, 1), print("ready", flush=True)
while not got: time.sleep(0.01)
if pid: os.waitpid(pid, 0)
print("parent" if pid else "child", flush=True)
os._exit(7 if pid else 0)
"""


@both_cases([("INT", signal.SIGINT, 130), ("TERM", signal.SIGTERM, 143), ("HUP", signal.SIGHUP, 129),
             ("USR1", signal.SIGUSR1, 7), ("QUIT", signal.SIGQUIT, 7)])
def signals_reach_the_whole_group(p, sig, code):
    p.write("group.py", GROUP)
    q = p.start("--outcome", p.outcome_file, "--read", ".", "python3", "group.py", str(int(sig)),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_eq(q.stdout.readline(), b"ready\n")
    os.kill(q.pid, sig)
    out, err = q.communicate(timeout=30)
    check_eq((out.split(), q.returncode), ([b"child", b"parent"], code), err)


@both
def a_signal_at_the_very_end_loses_no_exit(p):
    """A signal that meets the command's end goes nowhere; the end stays what it was."""
    for _ in range(25):
        q = p.start("--outcome", p.outcome_file, "sh", "-c", "trap '' USR1; echo ready; exit 7", stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        q.stdout.readline()
        until = time.monotonic() + 20 * cli.PATIENCE
        while q.poll() is None:
            os.kill(q.pid, signal.SIGUSR1)
            check(time.monotonic() < until, "as long as signals come there is no end")
        o = json.loads(p.outcome_file.read_text())
        check_eq((q.returncode, o["status"], o["error"]), (7, "exited", None), q.stderr.read())
        q.communicate()


@both
def stop_and_continue(p):
    mark = box.marker()
    # Who says "up" is loaded: a look that whoever is stopped has begun to answer is waited for, and not ended by a signal.
    inside = f"sh -c 'echo up; kill -STOP $$' {mark} & read _; echo done; kill -KILL $!"
    q = p.start("sh", "-c", inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_eq(q.stdout.readline(), b"up\n")
    check(box.with_marker(mark), "did not start")
    os.kill(q.pid, box.STOP)
    q.stdin.write(b"\n")
    q.stdin.flush()
    check(box.wait_for(lambda: not box.with_marker(mark)), "who is stopped keeps the command from its end")
    time.sleep(0.3)
    check_eq(q.poll(), None)
    os.kill(q.pid, box.CONT)
    out, err = q.communicate(timeout=20)
    check_eq((q.returncode, out), (0, b"done\n"), err)


def ward_mounts():
    return [line for line in open("/proc/self/mountinfo", encoding="utf-8") if " ward " in line or " fuse " in line]


@both
def ward_killed_at_any_time_leaves_nothing(p):
    mark = box.marker()
    temp = set(os.listdir("/tmp")) if os.geteuid() else set()
    mounts = ward_mounts()
    script = f"setsid sleep {mark} & (trap '' TERM; sleep {mark}) & (sleep {mark} &) ; cat /etc/shadow; sleep {mark}"
    started = 0
    for i in range(TRIES):
        q = p.start("sh", "-c", script, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if i % 6:
            time.sleep(random.random() * WINDOW_S)
        else:
            started += bool(box.wait_for(lambda: box.with_marker(mark)))
        os.kill(q.pid, box.KILL)
        q.wait()
        left = box.leftovers(1.0)
        check_eq(left, {}, f"try {i}: alive 1 s after ward was killed")
        check_eq(box.with_marker(mark), [], f"try {i}: the command is alive")
    check_eq(started, (TRIES + 5) // 6, "runs that came as far as their command")
    # The log: whole records, a chain; a torn line is cut by the next start. A start sweeps what is older than two seconds.
    time.sleep(2.1)
    for _ in range(TRIES):
        check_eq(p.run("true").code, 0)
        runs = {x["run"] for x in box.records(p)}
        left = [c for run in runs for c in box.cgroups_of(run)]
        if not left:
            break
    box.verify(p)
    check(len(runs) > TRIES // 4, f"only {len(runs)} runs in the log")
    check_eq(left, [], "cgroups are left after the next starts")
    check_eq(ward_mounts(), mounts, "mounts of the host")
    # Where there is no runtime directory sockets lie in the state directory.
    check_eq([str(f) for f in p.side.glob("state/**/*") if not f.is_dir()], [])
    check_eq(list((p.side / "audit.jsonl.runs").iterdir()), [])
    shutil.rmtree(p.side / "state", ignore_errors=True)
    check_eq(sorted(f.name for f in p.side.iterdir()), ["audit.jsonl", "audit.jsonl.runs"] + [f.name for f in p.side.iterdir() if f.name.endswith(".torn")])
    if os.geteuid():
        # Other test programs make such directories of their own beside this one.
        new = [f for f in set(os.listdir("/tmp")) - temp
               if not f.startswith(("tmp", "ward-box-", "ward-cli-", "ward-doctor-", "ward-escape-", "ward-trust-")) and is_mine("/tmp/" + f)]
        check_eq(new, [], "files in /tmp")


def is_mine(path):
    """And still there: others come and go."""
    with contextlib.suppress(OSError):
        return os.lstat(path).st_uid == os.geteuid()
    return False


def init_of(q):
    """The init of a run: the child of ward that is called so and is pid 1 inside."""
    def find():
        for pid in box.descendants(q.pid):
            try:
                status = open(f"/proc/{pid}/status", encoding="utf-8").read()
            except OSError:
                continue
            if [line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:") and len(line.split()) == 3] == ["1"]:
                return pid
        return None
    return box.wait_for(find)


@both
def init_killed_is_never_success(p):
    for wait in (0.0, 0.1):
        mark = box.marker()
        q = p.start("--outcome", p.outcome_file, "sh", "-c", f"sleep {mark}", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        check(box.wait_for(lambda m=mark: box.with_marker(m)), "did not start")
        time.sleep(wait)
        init = init_of(q)
        check(init, "no init was found")
        os.kill(init, box.KILL)
        _, err = q.communicate(timeout=20)
        o = json.loads(p.outcome_file.read_text())
        check(q.returncode != 0 and o["status"] == "signaled" and o["error"], f"{q.returncode} {o}")
        check_in(b"killed from outside", err)
        check_eq(box.with_marker(mark), [])
    box.verify(p)


END_THE_INIT = """
import os, resource, sys, time
for what in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NOFILE):
    try:
        resource.prlimit(1, what, (0, 0))
        print("limited", what)
    except PermissionError:
        pass
os.spawnlp(os.P_WAIT, "true", "true")
time.sleep(0.5)
sys.exit(7)
"""


@both
def a_command_cannot_end_the_init(p):
    """It would be told as an end from outside."""
    r, o = p.outcome("python3", "-c", END_THE_INIT)
    check_eq((r.code, o["status"], r.out), (7, "exited", ""), r.err)


def kill_all(q):
    kids = [pid for pid in box.descendants(q.pid) if pid != q.pid]
    for pid in kids:
        try:
            os.kill(pid, box.KILL)
        except ProcessLookupError:
            pass
    return kids


@both
def launcher_or_init_killed_early_is_never_success(p):
    """Whatever helper is there is killed during the start, at changing moments."""
    seen = 0
    for i in range(20):
        marker = p.ws / f"made{i}"
        q = p.start("--write", ".", "--outcome", p.outcome_file, "sh", "-c", f"sleep 0.2; touch made{i}; sleep 500", stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 0.002 * i + 0.002
        while time.monotonic() < end:
            pass
        # All there are, until there is none: a helper that had done its work before it was hit proves nothing.
        kids = killed = kill_all(q)
        while killed:
            killed = kill_all(q)
        seen += bool(kids)
        if not kids:
            q.terminate()
        q.communicate(timeout=20)
        check(q.returncode != 0, f"try {i}: a killed helper ended in success")
        check(not marker.exists(), "the command ran on")
        check_eq(box.leftovers(1.0), {})
    check(seen > 0, "no helper was ever caught")
    box.verify(p)


@both
def usage_is_told(p):
    _, o = p.outcome("sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    check(0 < o["usage"]["cpu_ms"] < 20000 and o["usage"]["max_rss"] > 100000, str(o["usage"]))
    check(o["duration_ms"] >= o["usage"]["cpu_ms"] // 2, str(o))


@root_only
def the_helper_is_not_to_be_traced(p):
    """Nothing inside may look into the init: not its memory, not its descriptors."""
    r = p.run("sh", "-c", "cat /proc/1/environ; ls /proc/1/fd /proc/1/root/; cat /proc/1/maps; cat /proc/self/maps > /dev/null && echo its own")
    check_eq((r.code, r.out), (0, "its own\n"), f"pid 1 could be looked into, or nothing ran: {r.err}")


@both
def a_ward_inside_of_a_ward_says_that_it_cannot(p):
    """It has no namespaces to give away there; and no command to install a kernel is advised."""
    ward = shutil.copy(cli.WARD, p.ws / "ward")
    r = p.run("--read", ".", "--", ward, "run", "true")
    check_eq(r.code, 125)
    check_in("ward: openat2 is refused here, as it is inside a sandbox (Ward's own is one); start ward outside of it", r.err)
    r = p.run("--read", ".", "--", ward, "doctor")
    check_in("openat2 is refused by a filter on this process, as in a sandbox of Ward's own", r.out)


box.main()

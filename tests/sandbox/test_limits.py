#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits, met for real: what happens inside, what the outcome says, and that the host does not notice."""
import json
import os
import pathlib
import re
import resource
import subprocess

import box
from box import both, both_cases, root_only, user_only
from tap import check, check_eq, check_in, skip

# As fast as something useful fills memory, but not faster than who looks every 8 ms can see it, if he is late by ten looks.
EAT = """
import time
x = []
for i in range(400):
    x.append(bytearray(b'\\1') * (1 << 20))
    time.sleep(0.001)
print('ate it all')
"""
EAT_MANY = """
import os, time
pids = []
for i in range(8):
    pid = os.fork()
    if pid == 0:
        x = []
        for k in range(50):
            x.append(bytearray(b'\\1') * (1 << 20))
            time.sleep(0.01)
        os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
print('ate it all')
"""


def hits(p, o):
    return [x for x in box.records(p) if x["kind"] == "limit.hit" and x["run"] == o["run"]]


@both_cases([("one process", EAT), ("eight processes", EAT_MANY)])
def memory(p, script):
    """Without a cgroup somebody looks, and on a busy machine late: of a few runs one is to be stopped in time, and each before it has it all."""
    p.write("eat.py", script)
    most = []
    for _ in range(3):
        r, o = p.outcome("--read", ".", "--memory", "60M", "python3", "eat.py")
        check_eq((r.code, o["status"], r.out), (137, "oom", ""), f"{r.err} {o['usage']}")
        check_in("--memory SIZE", r.err)
        check_eq([x["resource"] for x in hits(p, o)], ["memory"])
        most.append(o["usage"]["max_rss"])
        if most[-1] < 150 << 20:
            break
    check(min(most) < 150 << 20, f"far over its limit: {most}")


@root_only
def memory_in_tmp_counts(p):
    r, o = p.outcome("--memory", "60M", "--disk", "1G", "sh", "-c", "head -c 300000000 /dev/zero > /tmp/big && echo wrote it")
    check_eq((r.code, o["status"], r.out), (137, "oom", ""), r.err)


@both
def what_is_counted_by_user_is_shared(p):
    """No user namespaces inside, and half of the user's inotify instances, 128 at the most."""
    host = int(subprocess.run(["/bin/cat", "/proc/sys/fs/inotify/max_user_instances"], stdout=subprocess.PIPE, check=True).stdout)
    r = p.run("sh", "-c", "cd /proc/sys/user && cat max_user_namespaces max_inotify_instances")
    check_eq(r.out.split(), ["0", str(min((host + 1) // 2, 128))], r.err)


@both
def a_run_starts_whatever_another_has_in_flight(p):
    """Descriptors in flight are counted by user: of all that ward-init and the command hand over at a start, none may be refused by that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8192:
        skip("the host lets nobody have more files than the inside may have")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        first = p.start("--attribution", "notify", "python3", "-c", box.IN_FLIGHT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        check_eq(first.stdout.readline().split()[0], "full")
        r, o = p.outcome("echo", "started")
        check_eq((r.code, r.out), (0, "started\n"), r.err)
        check_eq(first.communicate("\n", timeout=30)[1], "")
        check_eq(first.returncode, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@both
def below_the_limit_nothing_happens(p):
    p.write("eat.py", "x = bytearray(b'\\1') * (40 << 20)\nprint(len(x))\n")
    r, o = p.outcome("--read", ".", "--memory", "120M", "python3", "eat.py")
    check_eq((r.code, o["status"], hits(p, o)), (0, "exited", []), r.err)


@user_only
def forks_that_share_memory_count_once(p):
    """Shares of pages are counted, not sums of sizes: 8 forks of 40 MB are no 320 MB."""
    p.write("share.py", "import os, time\nx = bytearray(b'\\1') * (40 << 20)\n"
            "for i in range(8):\n    if os.fork() == 0: time.sleep(0.5); os._exit(0)\nfor i in range(8): os.wait()\n")
    r, o = p.outcome("--read", ".", "--memory", "150M", "python3", "share.py")
    check_eq((r.code, o["status"]), (0, "exited"), f"{r.err} {o['usage']}")


BOMB = """
import os, time
made = refused = 0
for i in range(300):
    try:
        if os.fork() == 0:
            time.sleep(1.5)
            os._exit(0)
        made += 1
    except BlockingIOError:
        refused += 1
time.sleep(0.3) # without a cgroup somebody has to look, every 8 ms, while they are there
print(made, refused)
"""


@both
def fork_bomb(p):
    p.write("bomb.py", BOMB)
    q = p.start("--read", ".", "--pids", "64", "--outcome", p.outcome_file, "python3", "bomb.py", stdin=-3, stdout=-1, stderr=-1)
    # The host meanwhile: our own forks work.
    for _ in range(50):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    out, err = q.communicate(timeout=60)
    made, refused = map(int, out.split())
    check(40 <= made <= 64 and refused >= 300 - 64, f"made {made}, refused {refused}")
    check_eq(q.returncode, 0, err)
    o = box.json.loads(p.outcome_file.read_text())
    check(o["usage"]["pids_peak"] <= 64, str(o["usage"]))
    check_eq([(x["resource"], x["detail"]["limit"]) for x in hits(p, o)], [("pids", 64)])
    check_in(b"pids limit of 64 was reached", err)
    check_in(b"--pids N", err)
    if o["axes"]["pids"] == "enforced":
        check_in(b"forks were refused", err)


@both
def below_the_number_of_processes_nothing_is_said(p):
    p.write("some.py", BOMB.replace("range(300)", "range(40)"))
    r, o = p.outcome("--read", ".", "--pids", "64", "python3", "some.py")
    check_eq((r.code, r.out, hits(p, o)), (0, "40 0\n", []), r.err)


@both
def who_ends_at_the_first_refusal_is_told_of_the_limit(p):
    """Gone before anybody looks, where nobody but the kernel counts."""
    p.write("made.py", "import os, sys, time\nfor _ in range(int(sys.argv[1])):\n    if os.fork() == 0:\n        time.sleep(5)\n        os._exit(0)\nos._exit(int(sys.argv[2]))\n")
    for words, code, want in ((("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done"), None, True), (("python3", "made.py", 8, 0), 1, True),
                              (("python3", "made.py", 1, 3), 3, False), (("python3", "made.py", 0, 0), 0, False)):
        r, o = p.outcome("--read", ".", "--pids", "5", *words)
        check(r.code == code if code is not None else r.code != 0, f"{words}: {r.code}: {r.err}")
        check_eq((words, [(x["resource"], x["detail"]["limit"]) for x in hits(p, o)]), (words, [("pids", 5)] if want else []), r.err)
        check_eq("pids limit of 5 was reached" in r.err and "--pids N" in r.err, want, r.err)


@user_only
def a_plan_where_no_process_can_be_made(p):
    """What cannot be tried for want of a process is not said to be missing."""
    for n in (0, 1):
        r = p.run("--json", "true", kind=("plan",), log=False, preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NPROC, (n, n)))
        check_eq(r.code, 0, r.err)
        check_eq(json.loads(r.out)["axes"]["processes"]["level"], "enforced")


@user_only
def threads_are_counted_as_well(p):
    """The kernel counts them, and so does whoever looks."""
    p.write("threads.py", "import threading, time\nn = 0\ntry:\n    for i in range(300): threading.Thread(target=time.sleep, args=(1.0,)).start(); n += 1\n"
            "except RuntimeError: pass\nprint(n)\n")
    r, o = p.outcome("--read", ".", "--pids", "64", "python3", "threads.py")
    check(40 <= int(r.out) <= 64, r.out)
    check_eq([x["resource"] for x in hits(p, o)], ["pids"])
    p.write("fewer.py", f"import threading, time\nfor i in range({int(r.out) - 1}): threading.Thread(target=time.sleep, args=(0.5,)).start()\n")
    r, o = p.outcome("--read", ".", "--pids", "64", "python3", "fewer.py")
    check_eq((r.code, hits(p, o)), (0, []), f"one fewer: {r.err}")


@both
def a_real_bomb_is_ended(p):
    """Every process forks for ever; the timeout ends all of them, and at once."""
    mark = box.marker()
    r, o = p.outcome("--pids", "64", "--timeout", "1s", "--grace", "200ms", "--cpus", "1", "sh", "-c",
                     f"b() {{ b | b & sleep {mark}; }}; b")
    check(o["status"] in ("timeout", "exited", "signaled"), str(o))
    check(o["duration_ms"] < 8000, f"{o['duration_ms']} ms")
    check_eq(box.with_marker(mark), [])
    check_eq(box.leftovers(0.2), {}, r.err)


SPIN = """
import multiprocessing, time
def spin(q):
    end = time.monotonic() + 1.0
    while time.monotonic() < end: pass
import os
pids = []
for i in range(2):
    pid = os.fork()
    if pid == 0:
        spin(None); os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
t = os.times()
print(t.children_user + t.children_system)
""".replace("import multiprocessing, time", "import time")


@both_cases([("half of one", "0.5", 0.5), ("one", "1", 1.0)])
def cpus(p, text, share):
    p.write("spin.py", SPIN)
    r, o = p.outcome("--read", ".", "--cpus", text, "python3", "spin.py")
    check_eq(r.code, 0, r.err)
    if share < 1 and o["axes"]["cpu"] != "enforced":
        # Without a cgroup a fraction cannot be held; then it must not be claimed, and insisting on it must refuse.
        check_eq(o["axes"]["cpu"], "none")
        r = p.run("--cpus", text, "--require", "cpu=enforced", "true")
        check_eq(r.code, 125)
        check_in("axis cpu", r.err)
        return
    if len(os.sched_getaffinity(0)) < 2 and share >= 1:
        skip("one processor only")
    # One second of wall clock; a period of the scheduler's accounting more or less.
    check(0.02 < float(r.out) <= share * 1.0 + 0.35, f"{r.out.strip()} s of processor time in about 1 s")


@both
def disk(p):
    r, o = p.outcome("--disk", "16M", "sh", "-c",
                     "head -c 64000000 /dev/zero > /tmp/a; echo $?; wc -c < /tmp/a; head -c 64000000 /dev/zero > $HOME/b; "
                     "head -c 64000000 /dev/zero > /dev/shm/c; cat /tmp/a $HOME/b /dev/shm/c | wc -c")
    lines = r.out.split()
    check_eq((r.code, lines[0]), (0, "1"), r.err)
    check(int(lines[2]) <= 16 << 20, f"all private places together hold {lines[2]} bytes")
    check(int(lines[1]) > 4 << 20, f"only {lines[1]} bytes in /tmp")
    check_in("No space left", r.err)
    check_eq(o["status"], "exited")


@both
def inodes(p):
    p.write("many.py", "import os\nn = 0\ntry:\n    while n < 2000000: os.close(os.open(f'/tmp/{n}', os.O_CREAT | os.O_WRONLY)); n += 1\n"
            "except OSError as e: print(e.errno)\nprint(n)\n")
    r, _ = p.outcome("--read", ".", "--disk", "1M", "python3", "many.py")
    e, n = r.out.split()
    check_eq(int(e), box.ENOSPC)
    check(int(n) < 20000, f"{n} files in one megabyte")


@both
def nofile(p):
    p.write("many.py", "import os, resource\nn = 0\ntry:\n    while n < 5000: os.open('/dev/null', 0); n += 1\n"
            "except OSError as e: print(e.errno)\nprint(n)\n")
    for words, most in (([], 1024), (["--nofile", "64"], 64)):
        r, _ = p.outcome("--read", ".", *words, "python3", "many.py")
        e, n = map(int, r.out.split())
        check(e == 24 and most - 12 < n < most, f"{words}: {r.out}")


@both
def no_core_file(p):
    r = p.run("--write", ".", "sh", "-c", "ulimit -c; ulimit -Hc")
    check_eq(r.out.split(), ["0", "0"])


@both
def no_crash_starts_a_handler_of_the_host(p):
    """With a limit of 0 bytes the kernel starts what kernel.core_pattern names after a "|", as root; with 1 it does not. No call makes it another."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        skip("the hard limit of core files is 0 here already")
    p.write("core.py", "import ctypes, resource as r\nlibc = ctypes.CDLL(None, use_errno=True)\nnone = (ctypes.c_ulong * 2)(0, 0)\n"
            "print(r.getrlimit(r.RLIMIT_CORE))\nr.setrlimit(r.RLIMIT_CORE, (0, 0))\nprint(r.getrlimit(r.RLIMIT_CORE))\n"
            "for call in ((160, 4, none), (302, 0, 4, none, None), (302, 0, (7 << 32) + 4, none, None)):\n"
            "    libc.syscall(*(ctypes.c_long(x) if isinstance(x, int) else x for x in call))\n    print(r.getrlimit(r.RLIMIT_CORE))\n"
            "r.setrlimit(r.RLIMIT_FSIZE, (5, 5))\nprint(r.getrlimit(r.RLIMIT_FSIZE))\n", 0o644)
    run = p.run("--read", ".", "python3", "core.py")
    check_eq(run.out.split("\n"), ["(1, 1)"] * 5 + ["(5, 5)", ""], run.err)


@root_only
def no_crash_of_root_s_starts_one_where_core_files_are_forbidden(p):
    """A hard limit of 0 (limits.conf) is raised to 1 for the run, and for nothing else. From the handler's side: tests/vm/crash.py."""
    if not int(re.search(r"CapEff:\s*(\w+)", pathlib.Path("/proc/self/status").read_text())[1], 16) & 1 << 24:   # CAP_SYS_RESOURCE
        skip("this root may not raise a hard limit")
    for inside, words in (("1 1", []), ("0 0", ["--backend", "direct"])):
        r = p.run(*words, "awk", "/core file/ {print $5, $6}", "/proc/self/limits",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        check_eq(r.out.strip(), inside, f"{words}: {r}")


@both
def the_command_dies_first(p):
    """When the host runs out of memory: the command's score is raised, and the init's is not."""
    r = p.run("sh", "-c", "cat /proc/self/oom_score_adj /proc/1/oom_score_adj")
    mine, init = map(int, r.out.split())
    check(mine >= init + 300, f"{mine} {init}")


TURN = """
import ctypes, os, resource as r
libc = ctypes.CDLL(None)
print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), libc.syscall(252, 1, 0) >> 13, hex(libc.personality(0xffffffff)))
print(r.getrlimit(r.RLIMIT_RTPRIO), r.getrlimit(r.RLIMIT_NICE))
for what in (lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)), lambda: os.setpriority(os.PRIO_PROCESS, 0, -1)):
    try:
        what()
        print("done")
    except PermissionError:
        print("refused")
"""
UNAME26, ADDR_NO_RANDOMIZE = 0x20000, 0x40000


def before_others():
    """Real time, a negative nice value, the class of input and output that goes first; and emulating an older kernel."""
    libc = box.libc
    os.setpriority(os.PRIO_PROCESS, 0, -5)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    box.must(libc.syscall(251, 1, 0, (1 << 13) | 2), "ioprio_set")
    box.must(libc.personality(UNAME26 | ADDR_NO_RANDOMIZE), "personality")


@root_only
def the_callers_turn_is_not_the_commands(p):
    """No share of processors holds what runs in real time; what randomises no addresses may be asked for inside as well."""
    p.write("turn.py", TURN)
    q = p.start("--read", ".", "python3", "turn.py", stdin=-3, stdout=-1, stderr=-1, text=True, before=before_others)
    out, err = q.communicate(timeout=60)
    check_eq(out.split("\n"), ["0 0 0 0x40000", "(0, 0) (0, 0)", "refused", "refused", ""], err)


@both
def what_comes_after_others_does_so_inside(p):
    p.write("turn.py", TURN)
    nice = min(max(os.getpriority(os.PRIO_PROCESS, 0), 0) + 3, 19)

    def after():
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        box.must(box.libc.syscall(251, 1, 0, 3 << 13), "ioprio_set")
        box.must(box.libc.personality(UNAME26), "personality")
    q = p.start("--read", ".", "python3", "turn.py", stdin=-3, stdout=-1, stderr=-1, text=True, before=after)
    out, err = q.communicate(timeout=60)
    check_eq(out.split("\n")[:2], [f"{os.SCHED_BATCH} {nice} 3 0x0", "(0, 0) (0, 0)"], err)


@both
def pending_signals_leave_half_to_the_host(p):
    hard = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
    r = p.run("sh", "-c", "grep SigQ: /proc/self/status")
    check_eq(r.out.split("/")[1].strip(), str(hard // 2), r.err)


HUGE = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
for call in (lambda: libc.mmap(None, ctypes.c_size_t(2 << 20), 3, 0x40022 | 0x4000, -1, ctypes.c_long(0)),  # unreserved: an empty store will do
             lambda: libc.memfd_create(b"x", 4), lambda: libc.shmget(0, ctypes.c_size_t(2 << 20), 0o5600)):
    ret = ctypes.c_long(call() or 0).value
    print(errno.errorcode[ctypes.get_errno()] if ret == -1 else "had")
fd = libc.memfd_create(b"x", 0)
print(fd > 2, libc.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, ctypes.c_long(0)) not in (None, 2 ** 64 - 1))
"""


@both
def no_huge_page_of_the_hosts_store(p):
    """No memory limit counts these, and whoever has them takes them from everybody (a database keeps such a store)."""
    p.write("huge.py", HUGE)
    bare = subprocess.run(["python3", p.ws / "huge.py"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    if bare[:2] != ["had", "had"]:
        skip(f"the host has no huge pages: {bare}")
    r = p.run("--read", ".", "python3", "huge.py")
    check_eq(r.out.split(), ["ENOMEM", "EINVAL", "ENOMEM", "True", "True"], r.err)


SOCKETS = """
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(256)
held, keep, blob = 0, [], b"x" * 65536
for _ in range(100):
    c = socket.socket()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    c.connect(s.getsockname())
    keep += [c, s.accept()[0]]
    c.setblocking(False)
    try:
        while True:
            held += c.send(blob)
    except BlockingIOError:
        pass
print(held >> 20)
"""


@root_only
def buffers_of_sockets_count(p):
    """Version 1 counts those of TCP beside memory, and not at all unless told to: they were the whole host's."""
    p.write("sockets.py", SOCKETS)
    r, o = p.outcome("--read", ".", "--memory", "48M", "python3", "sockets.py")
    if o["status"] != "oom": # version 2 counts all together
        check(r.code == 0 and int(r.out) <= 64, f"{r.out.strip()} MiB in the buffers of a run of 48: {r.err}")


PTYS = """
import errno, os, time
def take(n):
    try:
        for i in range(n): os.openpty()
    except OSError as e:
        return i, errno.errorcode[e.errno]
    return n, "had"
print(*take(400))
if os.fork() == 0:
    os.closerange(3, 1024) # the parent's, which keeps them
    print(*take(400), flush=True)
    os._exit(0)
os.wait()
"""


@both
def terminals_are_not_all_of_the_hosts(p):
    """The kernel has 4096 of them for everybody."""
    p.write("ptys.py", PTYS)
    r = p.run("--read", ".", "python3", "-u", "ptys.py")
    check_eq(r.out.split(), ["400", "had", "112", "ENOSPC"], r.err)


box.main()

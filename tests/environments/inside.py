# SPDX-License-Identifier: Apache-2.0
"""Tries, as the command of a run, one thing or more of each axis; prints as JSON what worked: {axis: [what]}.

Arguments: key=value, of what the host has: secret, target (writable for anybody), out (its directory), port (TCP), udp, abstract, path
(sockets), pid and mark (a process), env (the name of a variable), disk and pids (the limits of this run).
"""
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time

a = dict(word.split("=", 1) for word in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
worked = {}


def attempt(axis, what, fn):
    """fn worked, unless it raised or returned a falsehood."""
    try:
        if fn():
            worked.setdefault(axis, []).append(what)
    except (OSError, AttributeError, UnicodeDecodeError):
        pass


def others():
    """Processes that are neither this one nor its parent, and last long enough to be looked at."""
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) not in (os.getpid(), os.getppid()) and os.path.exists(f"/proc/{pid}/cmdline"):
            yield pid


def sure(path):
    try:
        return read(path)
    except OSError:
        return b""


def call(nr, *args):
    return libc.syscall(nr, *args) >= 0


def read(path):
    with open(path, "rb") as f:
        return f.read(100)


def write(path, flags):
    fd = os.open(path, os.O_WRONLY | flags, 0o666)
    return os.write(fd, b"x") == 1


def done(fn, *args, **more):
    fn(*args, **more)
    return True


def connect(family, where, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(where)
        return True


def unconnected(where):
    """A pair of datagram sockets is a socket too."""
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendto(b"x", where) == 1


attempt("files", "read", lambda: read(a["secret"]))
attempt("files", "read through /proc/self/root", lambda: read("/proc/self/root" + a["secret"]))
attempt("files", "write", lambda: write(a["target"], 0))
attempt("files", "append", lambda: write(a["target"], os.O_APPEND))
attempt("files", "truncate", lambda: done(os.truncate, a["target"], 0))
attempt("files", "create", lambda: write(a["out"] + "/made", os.O_CREAT))
attempt("files", "list", lambda: os.listdir(a["out"]))
attempt("files", "unlink", lambda: done(os.unlink, a["target"]))
attempt("files", "rename", lambda: done(os.rename, a["target"], a["out"] + "/moved"))
attempt("files", "symlink", lambda: done(os.symlink, "x", a["out"] + "/link"))
attempt("files", "link", lambda: done(os.link, a["target"], a["out"] + "/hard"))
attempt("files", "mkdir", lambda: done(os.mkdir, a["out"] + "/dir"))
attempt("files", "environment of a process", lambda: read(f"/proc/{a['pid']}/environ"))
attempt("files", "memory of a process", lambda: os.open(f"/proc/{a['pid']}/mem", os.O_RDONLY) >= 0)
attempt("files", "write into the host's /proc", lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY) >= 0)
attempt("files.meta", "stat", lambda: os.stat(a["secret"]))
attempt("files.meta", "chmod", lambda: done(os.chmod, a["target"], 0o600))
attempt("files.meta", "utime", lambda: done(os.utime, a["target"], (1, 1)))
attempt("files.meta", "xattr", lambda: done(os.setxattr, a["target"], "user.x", b"x"))
for family, where in ((socket.AF_INET, ("127.0.0.1", int(a["port"]))), (socket.AF_INET6, ("::ffff:127.0.0.1", int(a["port"])))):
    attempt("network", f"tcp {family}", lambda family=family, where=where: connect(family, where))
for family in range(46):
    # Route netlink is of the own network namespace; without one no socket is to be had at all.
    if family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
        attempt("network", f"socket of family {family}", lambda family=family: socket.socket(family, socket.SOCK_RAW))
        attempt("network", f"datagram socket of family {family}", lambda family=family: socket.socket(family, socket.SOCK_DGRAM))
attempt("ipc", "abstract socket", lambda: connect(socket.AF_UNIX, "\0" + a["abstract"]))
attempt("ipc", "socket in a granted tree", lambda: connect(socket.AF_UNIX, a["path"]))
attempt("ipc", "datagram to an abstract name", lambda: unconnected("\0" + a["abstract"] + "d"))
attempt("ipc", "datagram to a path", lambda: unconnected(a["path"] + "d"))
attempt("ipc", "shared memory", lambda: call(29, int(a["shm"]), 4096, 0))
attempt("ipc", "signal", lambda: done(os.kill, int(a["pid"]), 0))
attempt("ipc", "queued signal", lambda: call(129, int(a["pid"]), signal.SIGCONT, ctypes.create_string_buffer(b"\0" * 8 + b"\xff" * 4 + b"\0" * 116)))
attempt("ipc", "limits of a process", lambda: call(302, int(a["pid"]), 7, None, ctypes.create_string_buffer(16)))
attempt("ipc", "session keyring", lambda: call(250, 0, -3, 0))
attempt("ipc", "priority of a process", lambda: done(os.setpriority, os.PRIO_PROCESS, int(a["pid"]), 5))
attempt("ipc", "turn of a process", lambda: done(os.sched_setscheduler, int(a["pid"]), os.SCHED_BATCH, os.sched_param(0)))
attempt("ipc", "processors of a process", lambda: done(os.sched_setaffinity, int(a["pid"]), {0}))
attempt("ipc", "turn at the disk of a process", lambda: call(251, 1, int(a["pid"]), 0x6000))
attempt("syscalls", "ptrace", lambda: call(101, 16, int(a["pid"]), 0, 0))
attempt("syscalls", "unshare", lambda: call(272, 0x10000000))
attempt("syscalls", "mount", lambda: call(165, b"x", b"/", b"tmpfs", 0, None))
attempt("syscalls", "io_uring", lambda: call(425, 1, ctypes.create_string_buffer(120)))
attempt("syscalls", "bpf", lambda: call(321, 0, ctypes.create_string_buffer(64), 64))
attempt("syscalls", "perf", lambda: call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0))
attempt("syscalls", "userfaultfd", lambda: call(323, 1))
attempt("processes", "seen", lambda: any(a["mark"].encode() in sure(f"/proc/{pid}/cmdline")
                                         for pid in others()))
attempt("env", "a variable", lambda: os.environ.get(a["env"]))
attempt("env", "a descriptor", lambda: [fd for fd in range(3, 300) if os.path.exists(f"/proc/self/fd/{fd}") and not call(3, fd)])


def slay():
    """The init dies of the signal with which its child by clone ends."""
    pid = libc.syscall(56, 0x8000 | signal.SIGKILL, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0


def watch(path):
    fd = libc.syscall(294, 0)
    return call(254, fd, path.encode(), 0xFFF)


if "weak" in a:   # no namespaces
    attempt("files", "watch a directory", lambda: watch(a["out"]))
    attempt("ipc", "priority of a user's processes", lambda: done(os.setpriority, os.PRIO_USER, 0, 6))
    attempt("ipc", "an abstract name", lambda: done(socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)[0].bind, "\0" + a["abstract"] + "n"))
    attempt("ipc", "signal at a child's end", slay)


def fill(limit):
    """More bytes than the run may have, in all places that are its own."""
    total, piece = 0, b"\1" * (1 << 20)
    for place in ("/tmp", "/dev/shm", os.environ.get("HOME", "/nowhere")):
        try:
            with open(place + "/fill", "wb", buffering=0) as f:
                while total <= 3 * limit:
                    total += f.write(piece)
        except OSError:
            pass
    return total > limit + (1 << 20)


def breed(limit):
    made = []
    try:
        while len(made) < limit + 20:
            pid = os.fork()
            if pid == 0:
                time.sleep(5)
                os._exit(0)
            made.append(pid)
    except OSError as e:
        if e.errno != errno.EAGAIN:
            raise
    for pid in made:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(made) >= limit


attempt("disk", "more than its limit", lambda: fill(int(a["disk"])))
attempt("pids", "more than its limit", lambda: breed(int(a["pids"])))
print(json.dumps(worked))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Standard streams: what passes through, what is cut, what never goes inside."""
import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

import cli
from cli import placed
from tap import cases, check, check_eq, check_in, main, skip, test


@test
@placed
def a_pipe_is_inherited(p):
    r = p.run("cat", data=b"through\n")
    check_eq((r.code, r.out), (0, "through\n"), r.err)


@test
@placed
def a_file_is_inherited(p):
    path = p.write("in.txt", "from a file\n")
    with open(path, "rb") as f:
        r = p.run("cat", stdin=f)
    check_eq((r.code, r.out), (0, "from a file\n"), r.err)


@test
@placed
def stdin_null(p):
    check_eq(p.run("--stdin", "null", "wc", "-c", data=b"not seen").out.strip(), "0")


@test
@placed
def stdin_file(p):
    path = p.side / "given"
    path.write_text("given\n")
    check_eq(p.run("--stdin", f"file:{path}", "cat", data=b"not this").out, "given\n")


@test
@placed
def a_fifo_by_name_is_not_waited_for(p):
    """Nothing would end that: no timeout looks at it, and no signal."""
    os.mkfifo(p.side / "fifo")
    r = p.run("--stdin", f"file:{p.side / 'fifo'}", "--timeout", "1s", "cat", timeout=30)
    check_eq(r.code, 125, r.err)
    check_in("is a fifo, and its other end would be waited for; let the shell open it: < ", r.err)


@test
@placed
def what_became_a_fifo_is_not_waited_for(p):
    """Between the look at the option and the start."""
    path = p.side / "given"
    path.write_text("given\n")
    os.mkfifo(p.side / "fifo")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for name in ("given", "fifo"):
                os.symlink(p.side / name, p.side / "next")
                os.rename(p.side / "next", p.side / "both")

    os.symlink(path, p.side / "both")
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(20):
            r = p.run("--stdin", f"file:{p.side / 'both'}", "cat", timeout=30)
            check((r.code, r.out) in ((0, "given\n"), (125, "")), f"{r.code} {r.out} {r.err}")
    finally:
        stop.set()
        swapper.join()


@test
@placed
def stdin_inherit_by_name(p):
    check_eq(p.run("--stdin", "inherit", "cat", data=b"x").out, "x")


@cases([("the caller's", False), ("another run's", True)])
@placed
def the_end_of_a_run_takes_no_lock_of_somebody_elses(p, by_run):
    """By the open file that is its standard output, which is the caller's and another run's, too: both believe that they have it."""
    p.write("lock.py", "import fcntl, sys\nfcntl.flock(1, fcntl.LOCK_EX)\nopen('locked', 'w').close()\nsys.stdin.read()\n", 0o644)
    p.write("wait.py", "import sys\nopen('up', 'w').close()\nsys.stdin.read()\n", 0o644)

    def begin(script, up, f):
        q = p.start("--write", ".", "python3", script, stdin=subprocess.PIPE, stdout=f, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20 * cli.PATIENCE
        while not (p.ws / up).exists():
            check(time.monotonic() < end and q.poll() is None, "the run is not up")
            time.sleep(0.02)
        return q

    with open(p.ws / "out", "wb") as f, open(p.ws / "out", "r+b") as other:
        q = begin("wait.py", "up", f)
        if by_run:
            holder = begin("lock.py", "locked", f)
        else:
            fcntl.flock(f, fcntl.LOCK_EX)
        q.communicate(timeout=30)
        free = True
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        if by_run:
            holder.communicate(timeout=30)
        check_eq((q.returncode, free), (0, False))


@test
@placed
def a_pipe_that_is_full_and_does_not_wait_hides_no_report(p):
    """Standard error is a pipe that others have as well: the command makes it not wait, fills it, and ends."""
    p.write("fill.py", "import contextlib, os\nwith contextlib.suppress(OSError):\n    open('/etc/shadow')\nos.set_blocking(2, False)\n"
            "for n in (4096, 1):\n    with contextlib.suppress(BlockingIOError):\n        while True:\n            os.write(2, bytes(n))\n", 0o644)
    r, w = os.pipe()
    q = p.start("--outcome", p.outcome_file, "--attribution", "notify", "--read", ".", "python3", "fill.py", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=w)
    end = time.monotonic() + 20 * cli.PATIENCE
    while not p.log.exists() or "run.end" not in p.log.read_text():
        check(time.monotonic() < end, "the run does not end")
        time.sleep(0.05)
    time.sleep(0.5)
    flags = fcntl.fcntl(w, fcntl.F_GETFL)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        said = f.read().strip(b"\0")
    q.wait(30)
    check_in(b'"/etc/shadow" refused', said)
    check_eq(flags & os.O_NONBLOCK, 0, "the pipe was left not to wait")


@test
@placed
def a_pipe_that_nobody_reads_and_does_not_wait_holds_nobody(p):
    """As it was before the run, so it is no doing of the command's: what is said is lost, and the command's code comes all the same."""
    r, w = os.pipe()
    os.set_blocking(w, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(w, bytes(4096))
    q = p.start("sh", "-c", "cat /etc/shadow 2>/dev/null; exit 7", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=w)
    try:
        check_eq(q.wait(40), 7)
    finally:
        q.kill()
        os.close(w)
        os.close(r)


@test
@placed
def closed_descriptors_are_null_inside(p):
    marker = p.side / "out"
    line = " ".join(p.words("sh", "-c", "'cat; echo lost; echo lost >&2; exit 6'"))
    r = subprocess.run(["sh", "-c", f"exec {line} <&- >&- 2>&-"], cwd=p.ws, env=p.env(), check=False)
    check_eq(r.returncode, 6)
    check(not marker.exists())


@test
@placed
def no_directory_goes_inside(p):
    fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        r = p.run("ls", stdin=fd)
        check_eq(r.code, 125)
        check_in("standard input", r.err)
    finally:
        os.close(fd)


@test
@placed
def nothing_of_the_kernels_own_goes_inside(p):
    """What acts for whoever made it: by a userfaultfd as standard input the command wrote into the memory of its caller."""
    libc, poll = ctypes.CDLL(None), select.epoll()
    kinds = [os.eventfd(0), os.open("/proc/self/ns/mnt", os.O_RDONLY), os.dup(poll.fileno()), libc.syscall(425, 1, ctypes.create_string_buffer(120))]
    if os.uname().machine == "x86_64":
        kinds.append(libc.syscall(323, 1))
    # A ring and a userfaultfd where this machine lets their caller have one.
    for fd in (fd for fd in kinds if fd >= 0):
        r = p.run("true", stdin=fd)
        check_eq(r.code, 125, os.readlink(f"/proc/self/fd/{fd}"))
        check_in("standard input is no file, pipe, socket or device", r.err)
        os.close(fd)
    with os.fdopen(os.memfd_create("named"), "w+b") as f:
        f.write(b"a file")
        f.seek(0)
        check_eq(p.run("cat", stdin=f).out, "a file")


@test
@placed
def no_stream_that_a_process_is_told_of_by_signals_goes_inside(p):
    """The command could send these. Who is not there any more gets none, and keeps nobody out."""
    for which, name, fix in (("stdin", "input", "--stdin null"), ("stdout", "output", "| cat"), ("stderr", "error", "| cat")):
        r, w = os.pipe()
        fd = r if which == "stdin" else w
        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        q = p.start("true", **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, which: fd})
        os.close(w)
        said = q.stderr.read() if q.stderr else os.read(r, 4096)
        check_eq(q.wait(30), 125)
        check_in(f"what happens at standard {name} is told to process {os.getpid()} ", said.decode())
        check_in(fix, said.decode())
        os.close(r)
    r, w = os.pipe()
    gone = subprocess.Popen(["sleep", "60"])
    fcntl.fcntl(r, fcntl.F_SETOWN, gone.pid)
    gone.kill()
    gone.wait()
    result = p.run("true", stdin=r)
    check_eq(result.code, 0, result.err)
    os.close(r)
    os.close(w)


@test
@placed
def who_is_told_by_signals_and_not_seen_is_told_no_more(p):
    """
    Of a pid namespace outside of Ward's: there is nobody to name, and he would get the command's signals all the same. A thread there
    looks as if there were none.
    """
    apart = ["unshare", "-pf", "--mount-proc"]
    if subprocess.run([*apart, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        skip("no pid namespace is to be had here")
    for kind in (0, 1):   # F_OWNER_TID, F_OWNER_PID
        r, w = os.pipe()
        fcntl.fcntl(r, 15, struct.pack("ii", kind, os.getpid()))   # F_SETOWN_EX
        result = subprocess.run([*apart, *p.words("true")], cwd=p.ws, env=p.env(), stdin=r, stderr=subprocess.PIPE, check=False)
        check_eq((result.returncode, fcntl.fcntl(r, fcntl.F_GETOWN)), (0, 0), result.stderr)
        os.close(r)
        os.close(w)


@test
@placed
def no_socket_that_chooses_its_peer_goes_inside(p):
    for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_STREAM),
                         (socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)):
        with socket.socket(family, kind) as s:
            r = p.run("true", stdin=s)
        check_eq(r.code, 125)
        check_in("standard input is a socket", r.err)


@test
@placed
def a_connected_stream_goes_inside(p):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"through")
        ours.shutdown(socket.SHUT_WR)
        r = p.run("cat", stdin=theirs)
    check_eq((r.code, r.out), (0, "through"), r.err)


@test
@placed
def other_descriptors_do_not_go_inside(p):
    with open("/etc/passwd", "rb") as f:
        os.set_inheritable(f.fileno(), True)
        r = p.run("sh", "-c", "ls /proc/self/fd", close_fds=False)
    check_eq(r.code, 0, r.err)
    # ls has one of its own open.
    check_eq(r.out.split(), ["0", "1", "2", "3"])


@test
@placed
def streams_stay_apart(p):
    r = p.run("sh", "-c", "echo out; echo err >&2")
    check_eq(r.out, "out\n")
    check_in("err\n", r.err)


@cases([("pipes", []), ("relay", ["--output-limit", "1M"])])
@placed
def names_of_the_streams_can_be_opened(p, extra):
    r = p.run(*extra, "sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/stdin", data=b"in\n")
    check_eq((r.code, r.out), (0, "out\nin\n"), r.err)
    check_in("err\n", r.err)


@test
@placed
def names_of_streams_that_are_files_can_be_opened(p):
    """In the direction that they were handed in: what is only written stays closed to who reads, where it could not be read before."""
    source, target = p.write("given", "in\n", 0o666), p.write("got", "", 0o666)
    for attribution in ("auto", "notify"):
        with open(source, "rb") as into, open(target, "wb") as out:
            r = p.run("--attribution", attribution, "sh", "-c", "cat /dev/stdin >&2; echo out >/dev/stdout; cat /dev/stdout", stdin=into, stdout=out)
        check_eq((r.code, target.read_text(), r.err.splitlines()[0]), (1, "out\n", "in"), r.err)
        check_in("cat: /dev/stdout: Permission denied\n", r.err)
    # Opened for neither way (for ioctl alone), it is given in neither.
    neither = os.open(source, 3)
    try:
        r = p.run("sh", "-c", "cat /dev/stdin; echo evil >>/dev/stdin", stdin=neither)
    finally:
        os.close(neither)
    check_eq((r.out, source.read_text()), ("", "in\n"), r.err)
    # cron, systemd: no input, and perhaps nobody who reads.
    with open("/dev/null", "r+b", buffering=0) as null:
        check_eq(p.run("sh", "-ec", "cat /dev/stdin; echo out >/dev/stdout; exit 7", stdin=null, stdout=null).code, 7)
    os.mkfifo(p.ws / "fifo")
    os.chmod(p.ws / "fifo", 0o666)
    fifo = os.open(p.ws / "fifo", os.O_RDWR)
    try:
        os.write(fifo, b"in\n")
        r = p.run("head", "-n", "1", "/dev/stdin", stdin=fifo)
    finally:
        os.close(fifo)
    check_eq((r.code, r.out), (0, "in\n"), r.err)


@test
@placed
def a_file_that_was_given_to_read_cannot_be_written(p):
    path = p.write("given", "as it was\n", 0o666)
    with open(path, "rb") as f:
        p.run("sh", "-c", "echo other >/proc/self/fd/0; echo other >/dev/stdin", stdin=f)
    check_eq(path.read_text(), "as it was\n")


@test
@placed
def output_limit_cuts_ends_and_says_so(p):
    r, o = p.outcome("--output-limit", "1K", "--grace", "1s", "yes")
    check_eq((r.code, o["status"], len(r.out)), (137, "limit", 1024), r.err)
    check_in("ward: output limit of 1K was reached: standard output was cut; raise it with --output-limit SIZE\n", r.err)
    check_eq((o["stdout"]["truncated"], o["stderr"]["truncated"]), (True, False))
    r = p.run("--json", "--output-limit", "1K", "--grace", "1s", "sh", "-c", "yes >&2")
    o = json.loads(r.out)
    check_eq((r.code, o["status"], len(o["stderr"]["data"]), o["stderr"]["truncated"]), (137, "limit", 1024, True))
    check(o["stderr"]["bytes"] > 1024, "cut bytes are counted")


@test
@placed
def below_the_limit_all_passes(p):
    r = p.run("--output-limit", "1M", "sh", "-c", "head -c 1048576 /dev/zero; head -c 1000 /dev/zero >&2")
    check_eq((r.code, len(r.out)), (0, 1 << 20))
    check("limit" not in r.err)
    check_in("\0" * 1000, r.err)


@test
@placed
def a_relay_loses_nothing(p):
    text = "".join(f"{i}\n" for i in range(200000))
    check_eq(p.run("--output-limit", "1G", "cat", data=text.encode()).out, text)


@test
@placed
def a_reader_that_leaves(p):
    for extra in ([], ["--output-limit", "1G"]):
        with p.start(*extra, "sh", "-c", "yes; echo $? >&2", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE) as q:
            check_eq(q.stdout.read(4), b"y\ny\n")
            q.stdout.close()
            err = q.stderr.read().decode()
            q.wait(timeout=30)
        check_in("141", err)   # the command met SIGPIPE as it would have without Ward


@test
@placed
def stdin_that_nobody_reads(p):
    check_eq(p.run("true", data=b"x" * 3000000).code, 0)
    check_eq(p.run("sh", "-c", "exec <&-; sleep 0.1; exit 4", data=b"x" * 100000).code, 4)


@test
@placed
def report_never_reaches_stdout(p):
    r = p.run("--attribution", "notify", "sh", "-c", "cat /etc/shadow; echo done")
    check_eq(r.out, "done\n")
    check_in("ward: SandboxViolationError", r.err)


@cases([
    ("true", ["true"]),
    ("cat", ["cat", "/dev/null"]),
    ("shell", ["sh", "-c", "echo x >/dev/null; ls /tmp"]),
    ("ls -l", ["ls", "-l", "/etc", "/usr"]),
    ("sort", ["sort", "/dev/null"]),
    ("grep", ["grep", "-r", "x", "/tmp"]),
    ("python", ["python3", "-c", "import json, socket, subprocess, tempfile; tempfile.mkdtemp()"]),
    ("perl", ["perl", "-e", "1"]),
    ("id", ["id"]),
])
@placed
def nothing_is_reported_that_nobody_tried(p, words):
    """What every program looks up by itself is no refusal worth a line."""
    if not shutil.which(words[0], path="/usr/bin:/bin"):
        skip(f"{words[0]} is not installed")
    r = p.run("--attribution", "notify", *words, env={"LC_ALL": "C.UTF-8"})
    check_eq(r.err, "")
    r = p.run("--attribution", "notify", *words, env={"LC_ALL": "en_US.UTF-8", "LANG": "de_DE"})
    check("SandboxViolationError" not in r.err, r.err)


main()

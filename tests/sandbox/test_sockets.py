#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unix sockets and other ways across, seen from both sides: what a run binds itself works for all of its processes; nothing of the host and nothing of another run answers. Other file systems and programs: test_sockets_elsewhere.py; what those try who want to get out: tests/escape (ipc_*)."""
import contextlib
import os
import signal
import socket
import subprocess
import textwrap
import threading

import box
import sockets
from box import both, both_without_fuse, root_only
from tap import check, check_eq, check_in

@both
def own_sockets_work_wherever_they_lie(p):
    for where in (str(p.ws), ".", "/tmp", "/dev/shm", "/home/ward"):
        sockets.own(p, where)


@both_without_fuse
def own_sockets_work_without_fuse(p):
    for where in (str(p.ws), "/tmp"):
        sockets.own(p, where)


@root_only
def own_sockets_work_on_a_tmpfs(p):
    box.private_mounts()
    box.mount("ward-test", p.ws, "tmpfs", 0, "mode=0777")
    sockets.own(p, str(p.ws))


@both
def the_peer_of_an_own_socket_is_the_runs_user(p):
    """As servers ask for it that serve their own user alone: ssh's multiplexer, tmux, agents. Also of one that nobody else may connect
    to, in a write grant of root's: there it is root's outside, and what another user may is not what the run's may."""
    p.write("peer.py", "import os, socket, struct\nfor at in ('/tmp/s.sock', '\\0s.sock', '600', '755', '666'):\n    s = socket.socket(socket.AF_UNIX)\n    s.bind(at)\n"
            "    if at.isdigit():\n        os.chmod(at, int(at, 8))\n    s.listen()\n    c = socket.socket(socket.AF_UNIX)\n    c.connect(at)\n"
            "    print(struct.unpack('3i', s.accept()[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:] == (os.getuid(), os.getgid()))\n"
            "print(os.path.exists('/etc/shadow'))\n", 0o644)
    r = p.run("--write", ".", "python3", "peer.py")
    check_eq(r.out.split(), ["True"] * 5 + ["False"], r.err)


@both
def another_run_is_not_reached(p):
    """Two runs with the same write grant: each has its own network namespace, and so a socket of the other's is a stranger's. The host
    reaches both, as it reaches every file there: what is in a write grant is as untrusted as the command."""
    p.ws.chmod(0o777)
    p.write("serve.py", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('s.sock')\ns.listen(8)\nopen('told', 'w')\n"
            "while True:\n    c = s.accept()[0]\n    c.sendall(b'inside')\n    c.close()\n", 0o644)
    p.write("ask.py", "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n    s.connect('s.sock')\n    print(s.recv(10))\n"
            "except OSError as e:\n    print(e.errno)\n", 0o644)
    q = p.start("--write", ".", "python3", "serve.py", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check(box.wait_for((p.ws / "told").exists), "it did not begin")
    os.chdir(p.ws)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("s.sock")
        check_eq(s.recv(10), b"inside", "the host")
    r, o = p.outcome("--write", ".", "python3", "ask.py")
    check_eq(r.out.strip(), "13", r.err)
    check_eq([(v["axis"], v["resource"]) for v in o["violations"]], [("ipc", str(p.ws / "s.sock"))])
    q.terminate()
    q.wait(20)


@both
def a_host_socket_is_named_and_refused(p):
    """In a read and in a write grant, before and after the start; the listener hears nothing."""
    p.ws.chmod(0o777)
    ro = p.side / "ro"
    ro.mkdir()
    heard = []
    servers = []

    def serve(path):
        s = socket.socket(socket.AF_UNIX)
        with contextlib.chdir(path.parent) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
            s.bind(path.name)
        path.chmod(0o777)
        s.listen(8)
        s.settimeout(0.1)
        servers.append(s)

        def listen():
            with contextlib.suppress(OSError):
                while True:
                    try:
                        s.accept()
                        heard.append(str(path))
                    except TimeoutError:
                        if s.fileno() < 0:
                            return
        t = threading.Thread(target=listen, daemon=True)
        t.start()
    for path in (p.ws / "before.sock", ro / "before.sock"):
        serve(path)
    p.write("ask.py", "import os, socket, sys, time\nopen('told', 'w')\nwhile not os.path.exists('go'): time.sleep(0.01)\nfor path in sys.argv[1:]:\n"
            "    s = socket.socket(socket.AF_UNIX)\n    os.chdir(os.path.dirname(path))\n    try:\n        s.connect(os.path.basename(path))\n        print('got out')\n"
            "    except OSError as e:\n        print(e.errno)\n", 0o644)
    asked = [p.ws / "before.sock", p.ws / "after.sock", ro / "before.sock", ro / "after.sock"]
    q = p.start("--outcome", p.outcome_file, "--write", ".", "--read", ro, "python3", "ask.py", *asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
    check(box.wait_for((p.ws / "told").exists), "it did not begin")
    for path in (p.ws / "after.sock", ro / "after.sock"):
        serve(path)
    (p.ws / "go").write_text("")
    out, err = q.communicate(timeout=30)
    check_eq(out.split(), [b"13"] * 4, err.decode(errors="replace"))
    for s in servers:
        s.close()
    check_eq(heard, [])
    for path in asked:
        check_in(str(path), err.decode(errors="replace"))


def linked_from_a_private_directory(p):
    """The workspace lies below a directory that is private inside; a link made there leads down into the grant."""
    p.ws.chmod(0o777)
    check(str(p.ws).startswith("/tmp/"), "the place of the tests is not below a private directory")
    down = os.path.relpath(p.ws, "/tmp")
    p.write("ask.py", textwrap.dedent("""
        import os, socket, sys
        down = sys.argv[1]
        s = socket.socket(socket.AF_UNIX)
        s.bind("own.sock")
        s.listen(8)
        for to in ("host.sock", "own.sock"):
            for i, link in enumerate((down + "/" + to, "../tmp/" + down + "/" + to)):
                os.symlink(link, f"/tmp/{i}{to}")
                c = socket.socket(socket.AF_UNIX)
                try:
                    c.connect(f"/tmp/{i}{to}")
                    c.send(b"x")
                    print(to, "connected")
                except OSError as e:
                    print(to, e.errno)
        """), 0o644)
    with socket.socket(socket.AF_UNIX) as s:
        os.chdir(p.ws)
        s.bind("host.sock")
        os.chmod("host.sock", 0o777)
        s.listen(8)
        s.settimeout(0.2)
        r = p.run("--write", ".", "python3", "ask.py", down)
        try:
            s.accept()
            heard = True
        except TimeoutError:
            heard = False
    check(not heard, f"the host's socket was reached: {r.out}{r.err}")
    said = r.out.split("\n")
    check_eq([line for line in said if line.startswith("host") and line.endswith("connected")], [], r.err)
    return said


@both
def a_link_in_a_private_directory_leads_to_no_host_socket(p):
    linked_from_a_private_directory(p)


@both_without_fuse
def a_link_in_a_private_directory_leads_to_no_host_socket_without_fuse(p):
    said = linked_from_a_private_directory(p)
    check_in("own.sock connected", said)


# A daemon that hides its memory, as agents' do, its socket in a private directory, and the link to it in the grant; and links that lead to no socket.
LINKED = textwrap.dedent("""
    import ctypes, os, socket, sys
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    s = socket.socket(socket.AF_UNIX)
    os.mkdir("/tmp/daemon", 0o700)
    s.bind("/tmp/daemon/s")
    s.listen(8)
    os.mkdir("d")
    os.symlink("/tmp/daemon", "dir")
    os.symlink("../dir/s", "d/s.sock")
    os.symlink("d/s.sock", "link.sock")
    os.symlink("/tmp/daemon/none", "none.sock")
    os.symlink("/nowhere/s", "out.sock")
    os.symlink(sys.argv[1], "host.sock")
    for to in ("link.sock", "d/s.sock", "dir/s", "none.sock", "out.sock", "host.sock"):
        c = socket.socket(socket.AF_UNIX)
        try:
            c.connect(to)
            print(to, s.accept()[0].send(b"x"))
        except OSError as e:
            print(to, e.strerror)
    """)


def linked_from_a_grant(p):
    p.ws.chmod(0o777)
    p.write("ask.py", LINKED, 0o644)
    host = p.side / "host.sock"
    with socket.socket(socket.AF_UNIX) as s:
        os.chdir(p.side)
        s.bind(host.name)
        host.chmod(0o777)
        s.listen(8)
        r, o = p.outcome("--read", p.side, "--write", ".", "python3", "ask.py", host)
    check_eq(r.out.splitlines(), ["link.sock 1", "d/s.sock 1", "dir/s 1", "none.sock No such file or directory", "out.sock No such file or directory",
                                  "host.sock Permission denied"], r.err)
    check_eq(sorted(v["resource"] for v in o["violations"] if v["axis"] == "ipc"), [str(p.ws / "host.sock"), str(p.ws / "out.sock")])


@both
def a_link_in_a_grant_leads_to_an_own_socket_in_a_private_directory(p):
    linked_from_a_grant(p)


@both_without_fuse
def a_link_in_a_grant_leads_to_an_own_socket_in_a_private_directory_without_fuse(p):
    linked_from_a_grant(p)


# A sendto that waits holds a Unix socket in ward; in its queue lie a TCP socket, which is not to go before its peer has read, and behind it the peer.
LINGERS = textwrap.dedent("""
    import os, signal, socket, struct, threading, time
    def fill(s):
        s.setblocking(False)
        try:
            while True:
                s.send(bytes(1 << 20))
        except BlockingIOError:
            s.setblocking(True)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    door = socket.create_server(("127.0.0.1", 0))
    s = socket.create_connection(door.getsockname())
    peer = door.accept()[0]
    fill(s)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100000))
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [s.fileno(), peer.fileno()])
    s.close()
    peer.close()
    fill(b)
    def send():
        try:
            b.sendto(bytes(1 << 20), "\\0x")
        except OSError as e:
            print(e.errno, flush=True)
    t = threading.Thread(target=send)
    t.start()
    time.sleep(0.3)
    b.close()
    signal.pthread_kill(t.ident, signal.SIGUSR1)
    t.join()
    time.sleep(0.2)
    """)


@both
def a_socket_that_lingers_does_not_hold_up_the_end(p):
    p.write("linger.py", LINGERS, 0o644)
    r, o = p.outcome("--read", ".", "--timeout", "10s", "python3", "linger.py", timeout=30)
    check_eq((o["status"], o["code"], r.out), ("exited", 0, "9\n"), r.err)
    check(o["duration_ms"] < 9000, f"it took {o['duration_ms']} ms")
    check_eq(box.records(p)[-1]["kind"], "run.end")


@both
def the_peer_of_an_inherited_socket_gets_no_signal(p):
    """Standard input is a socket to a process of the host: the kernel hands out a pidfd of it (SO_PEERPIDFD), which does nothing."""
    p.write("ask.py", textwrap.dedent("""
        import ctypes, os, signal, socket
        s = socket.socket(fileno=0)
        try:
            fd = int.from_bytes(s.getsockopt(socket.SOL_SOCKET, 77, 4), "little")
        except OSError as e:
            print("none", e.errno)
            raise SystemExit
        for call in ((424, fd, signal.SIGUSR1, 0, 0), (438, fd, 0, 0), (308, fd, 0x40000000)):
            ctypes.set_errno(0)
            r = ctypes.CDLL(None, use_errno=True).syscall(*call)
            print(call[0], r, ctypes.get_errno())
        """), 0o644)
    got = []
    signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
    a, b = socket.socketpair()
    q = p.start("--read", ".", "python3", "ask.py", stdin=b, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = q.communicate(timeout=30)
    a.close()
    b.close()
    lines = [line.split() for line in out.decode().splitlines()]
    check(lines, err.decode(errors="replace"))
    if lines[0][0] == "none":
        return   # a kernel before 6.5: there is nothing to try
    check_eq([line[:2] for line in lines], [["424", "-1"], ["438", "-1"], ["308", "-1"]], err.decode(errors="replace"))
    check_eq(got, [])


@both
def an_inherited_socket_makes_no_other(p):
    """A connected stream is a pipe; it can be taken off its peer or tied to another as little as one that is not connected goes in."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"\\0ward-test-{box.marker()}".replace("\\0", "\0"))
    server.listen(4)
    server.settimeout(0.3)
    name = server.getsockname()
    p.write("ask.py", textwrap.dedent(f"""
        import socket
        s = socket.socket(fileno=0)
        for what in (lambda: s.connect({name!r}), lambda: s.connect_ex({name!r}) and 1 / 0, lambda: s.sendto(b"x", {name!r}), lambda: s.listen(4)):
            try:
                what()
                print("got out")
            except (OSError, ZeroDivisionError) as e:
                print("refused")
        """), 0o644)
    a, b = socket.socketpair()
    q = p.start("--read", ".", "python3", "ask.py", stdin=b, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = q.communicate(timeout=30)
    check_eq(out.split(), [b"refused"] * 4, err.decode(errors="replace"))
    with contextlib.suppress(TimeoutError):
        server.accept()
        raise AssertionError("the host's abstract socket was reached")
    a.close()
    b.close()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        s = socket.socket(socket.AF_UNIX, kind)
        q = p.start("true", stdin=s, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _, err = q.communicate(timeout=30)
        check_eq(q.returncode, 125)
        check_in(b"is a socket that is not a connected stream", err)
        s.close()


NAMES = """
import errno, os, socket, sys
s = socket.socket(fileno=os.dup(0))
for try_ in (lambda: s.bind("\\0" + sys.argv[1]), lambda: s.listen(1)):
    try:
        try_()
        print("done", end=" ")
    except OSError as e:
        print(errno.errorcode[e.errno], end=" ")
s.sendall(b"inside")
"""


@both
def an_inherited_socket_takes_no_name_of_the_host(p):
    """It stays in the host's network namespace: an abstract name that it could take would be taken, or be told of, there."""
    p.write("names.py", NAMES)
    p.ws.chmod(0o777)
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        name = f"ward-test-{os.getpid()}-{kind.value}"
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        with ours, theirs:
            r = p.start("--read", ".", "python3", "names.py", name, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out, err = r.communicate(timeout=60)
            check_eq((r.returncode, out, ours.recv(100)), (0, "EINVAL EINVAL ", b"inside"), err)
            with open("/proc/net/unix", "rb") as f:
                check(name.encode() not in f.read(), "a name of the host was taken")


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the broker's thread and the relay run while many connect at once, on two processors: each on one of them, and only then. And what many
that do not answer do to one that does."""
import contextlib
import os
import pathlib
import resource
import socket
import subprocess

import box
from box import both
from egress_box import NAME, PYTHON, Dns, Net, Talker, until
from tap import check, check_eq, skip

# Eight that do `one()` over and over until the file "enough" is there; then its own process does it a hundred times, `last()`, and waits.
CROWD = """
import os, socket, sys, time
def one():
    %s
def last():
    %s
kids = []
for _ in range(8):
    kid = os.fork()
    if kid == 0:
        while not os.path.exists("enough"):
            one()
        os._exit(0)
    kids.append(kid)
print("at work", flush=True)
sys.stdin.readline()
last()
print("last", flush=True)
sys.stdin.readline()
open("enough", "w")
for kid in kids:
    os.waitpid(kid, 0)
for _ in range(100):
    one()
print("alone", flush=True)
sys.stdin.readline()
"""


class Crowd:
    """A run of that script, by turns. say() lets it go on, and returns what it has to say. at(): where a part of Ward may run."""

    def __init__(self, p, options, one, last="pass"):
        self.two = sorted(os.sched_getaffinity(0))[:2]
        self.q = p.start("--write", ".", *options, "--", PYTHON, "-c", CROWD % (one, last), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
        self.line = self.q.stdout.readline()

    def say(self):
        self.q.stdin.write("\n")
        self.q.stdin.flush()
        return self.q.stdout.readline()

    def at(self, name):
        for at in pathlib.Path(f"/proc/{self.q.pid}/task").iterdir():
            if at.joinpath("comm").read_text().strip() == name:
                return os.sched_getaffinity(int(at.name))
        for pid, comm in box.descendants(self.q.pid).items():
            if comm == name:
                return os.sched_getaffinity(pid)
        return None

    def end(self):
        self.q.stdin.close()
        self.q.wait()
        self.q.stdout.close()


@contextlib.contextmanager
def crowd(p, *what):
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        skip("one processor")
    os.sched_setaffinity(0, sorted(allowed)[:2])
    try:
        c = Crowd(p, *what)
        check_eq(c.line, "at work\n")
        yield c
        c.end()
    finally:
        os.sched_setaffinity(0, allowed)


@both
def each_has_one_while_many_connect(p):
    """The relay by what it finds at once, which is up to who calls: test_relay.py. Here: it is never where the broker is."""
    n, t = Net(p), Talker(b"x")
    connect = f"s = socket.create_connection(({NAME!r}, {t.port}), 30); s.recv(1); s.close()"
    with crowd(p, n.grants(port=t.port), connect) as c:
        check(until(lambda: c.at("ward-notify") == {c.two[0]}, 30), str(c.at("ward-notify")))
        check(c.at("ward-relay") in ({*c.two}, {c.two[1]}), str(c.at("ward-relay")))
        check_eq(c.say(), "last\n")
        check_eq(c.say(), "alone\n")
        check(until(lambda: c.at("ward-notify") == c.at("ward-relay") == {*c.two}), f"{c.at('ward-notify')} {c.at('ward-relay')}")


@both
def neither_where_the_relay_has_nothing_to_do(p):
    """Many calls at a time that are no connections have nobody to make room for; and the relay is not born where the broker is held."""
    n = Net(p)
    connect = "s = socket.socket(); s.setblocking(False); s.connect_ex(('192.0.2.2', 9)); s.close()"
    with crowd(p, n.grants("192.0.2.2:9"), "socket.socket(socket.AF_UNIX).connect_ex('/run/none')", connect) as c:
        check(not until(lambda: c.at("ward-notify") != {*c.two}, 1.5), str(c.at("ward-notify")))
        check_eq(c.at("ward-relay"), None)
        check_eq(c.say(), "last\n")
        check(until(lambda: c.at("ward-relay")), "no relay")
        check_eq(c.at("ward-relay"), {*c.two})
        check_eq(c.say(), "alone\n")


# Connections to a server that does not answer, given up in three ways; behind each crowd one to a server that does.
DEAD = """
import socket, struct, sys, time
def many():
    return [socket.create_connection((%r, %d), 30) for _ in range(140)]
def good():
    t = time.monotonic()
    with socket.create_connection((%r, %d), 30) as s:
        s.settimeout(40)
        print(s.recv(9).decode(), time.monotonic() - t < 15, flush=True)
for _ in range(3):
    v = many()
    good()
    for s in v:
        s.close()
"""


@both
def servers_that_do_not_answer_keep_nobody_from_one_that_does(p):
    n, t = Net(p), Talker(b"x")
    with socket.socket() as dead, contextlib.ExitStack() as full:
        dead.bind(("127.0.0.1", 0))
        dead.listen(0)
        port = dead.getsockname()[1]
        # Its queue is full: the kernel says nothing to who comes next.
        for _ in range(4):
            s = full.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
        r, _ = n.run(PYTHON, "-c", DEAD % (NAME, port, NAME, t.port), grants=n.grants(f"{NAME}:{t.port}", f"127.0.0.1:{t.port}", port=port), timeout=150)
    check_eq((r.code, r.out), (0, "x True\n" * 3), r.err)


MANY = """
import socket, time
v = [socket.create_connection(("dead.example", %d), 30) for _ in range(300)]
for _ in range(3):
    time.sleep(1)
    t = time.monotonic()
    with socket.create_connection((%r, %d), 30) as s:
        s.settimeout(40)
        print(s.recv(9).decode(), time.monotonic() - t < 15, flush=True)
"""


@both
def servers_that_do_not_answer_leave_descriptors_for_the_rest(p):
    """Of a name with many addresses four are tried at a time, and there are 1024 descriptors."""
    n, t = Net(p), Talker(b"x")
    n.dns.close()
    dead = [f"127.0.0.{i}" for i in range(2, 8)]
    n.dns = Dns({NAME: ["127.0.0.1"], "dead.example": dead})
    with contextlib.ExitStack() as stack:
        port = 0
        for at in dead:
            s = stack.enter_context(socket.socket())
            s.bind((at, port))
            s.listen(0)
            port = s.getsockname()[1]
            for _ in range(4):
                s = stack.enter_context(socket.socket())
                s.setblocking(False)
                s.connect_ex((at, port))
        grants = n.grants(f"{NAME}:{t.port}", f"127.0.0.1:{t.port}", f"dead.example:{port}", f"127.0.0.0/8:{port}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        r, _ = n.run(PYTHON, "-c", MANY % (port, NAME, t.port), grants=grants, timeout=150)
    check_eq((r.code, r.out), (0, "x True\n" * 3), r.err)


class Deaf(Dns):
    """Says nothing of what lies below "dead"."""

    def answer(self, q, cut=False):
        a = super().answer(q, cut)
        return a if b"\4dead" not in q else b""


DEAF = """
import socket, threading, time
def dead(i):
    try:
        with socket.create_connection(("n%%d.dead.example" %% i, 443), 30) as s:
            s.recv(1)
    except OSError:
        pass
for i in range(150):
    threading.Thread(target=dead, args=(i,), daemon=True).start()
time.sleep(1)
t = time.monotonic()
with socket.create_connection((%r, %d), 30) as s:
    s.settimeout(40)
    print(s.recv(9).decode(), time.monotonic() - t < 8, flush=True)
"""


@both
def names_whose_servers_are_gone_keep_nobody_from_another(p):
    n, t = Net(p), Talker(b"x")
    n.dns.close()
    n.dns = Deaf({NAME: ["127.0.0.1"]})
    r, _ = n.run(PYTHON, "-c", DEAF % (NAME, t.port), grants=n.grants("**.dead.example:443", port=t.port), timeout=100)
    check_eq((r.code, r.out), (0, "x True\n"), r.err)


if __name__ == "__main__":
    box.main()

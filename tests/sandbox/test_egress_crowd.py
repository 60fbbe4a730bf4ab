#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the broker's thread and the relay run while many connect at once, on two processors: each on one of them, and only then."""
import contextlib
import os
import pathlib
import subprocess

import box
from box import both
from egress_box import NAME, PYTHON, Net, Talker, until
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


if __name__ == "__main__":
    box.main()

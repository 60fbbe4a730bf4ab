# SPDX-License-Identifier: Apache-2.0
"""ward-relay as a program: its connections over real sockets, and a stand-in for the gate.

WARD_RELAY is the program as it is in ward, WARD_RELAY_TEST the same but for two things: a connection goes where its client's socket says
(no redirect is needed), and a call can be tried that the filter must not let live (src/egress/relay/trial.c).
"""
import os
import pathlib
import signal
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
import relaybox as rb  # noqa: E402  pylint: disable=wrong-import-position
from relaybox import Relay, exactly, was_reset  # noqa: E402  pylint: disable=wrong-import-position
from tap import cases, check, check_eq, main, test  # noqa: E402  pylint: disable=wrong-import-position


def turned_away(r, *where):
    try:
        return was_reset(r.client(*where))
    except ConnectionResetError:
        return True


# ---- what it may ----

@cases([(name, name) for name in (
    "socket socketpair connect bind listen openat execve clone clone3 kill ptrace pidfd_getfd io_uring_setup setns unshare fcntl ioctl "
    "prctl sendto-address sendto-fastopen sendmsg-fastopen sendmmsg setsockopt fastopen-connect getsockopt mmap-exec mprotect-exec read "
    "write splice x32").split()])
def call_that_kills(name):
    r = Relay(args=(name,), ready=False)
    check_eq(r.process.wait(rb.WAIT), -signal.SIGSYS)
    r.gate.close()


@test
def call_that_does_not_kill():
    """The trial itself comes back: what ended the others was the call."""
    r = Relay(args=("none",), ready=False)
    check_eq(r.process.wait(rb.WAIT), 77)
    r.gate.close()


@test
def confined_before_it_says_ready():
    with Relay(program=os.environ["WARD_RELAY"]) as r:
        pid = r.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        check_eq(status["Seccomp"], "2")
        check_eq(status["NoNewPrivs"], "1")
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            check_eq(int(status[which], 16), 0, which)
        uid = str(os.getuid() or rb.RESERVED)
        check_eq(status["Uid"].split(), [uid] * 4)
        check_eq(status["Gid"].split(), [str(os.getgid() or rb.RESERVED)] * 4)
        if os.getuid() == 0:
            check_eq(status["Groups"].split(), [])
            check_eq(int(status["CapBnd"], 16), 0)
            check_eq(sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd")), list(range(6)))
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                limits = f.read()
            for what in ("core file size", "file size", "processes"):
                line = next(x for x in limits.splitlines() if f"Max {what}" in x)
                check_eq(line.split(what)[1].split()[:2], ["0", "0"], what)
        else:
            # Not dumpable: its files under /proc are root's.
            check(os.stat(f"/proc/{pid}/status").st_uid != os.getuid() or not os.access(f"/proc/{pid}/maps", os.R_OK), "it can be looked into")


@cases([("none", ()), ("word", ("x", "46")), ("families", ("1", "6"))])
def bad_arguments(args):
    import subprocess  # pylint: disable=import-outside-toplevel
    check_eq(subprocess.run([os.environ["WARD_RELAY"], *args], stdin=subprocess.DEVNULL, check=False).returncode, 2)


@test
def connection_that_was_not_redirected():
    """The program as it is in ward: here there is no redirect, so nothing is where it wanted to go."""
    with Relay(program=os.environ["WARD_RELAY"]) as r:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            check(turned_away(r, address, family), "it was not reset")
        check_eq(r.hear(0.2), None)


# ---- bytes ----

@test
def both_ways_and_their_ends():
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        check_eq((m.to[0], m.to[1], m.to[2][:4]), (4, r.port, socket.inet_aton("127.1.2.3")))
        check_eq((m.from_[0], m.from_[1], m.from_[2][:4]), (4, c.getsockname()[1], socket.inet_aton(c.getsockname()[0])))
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        dialed.close()
        c.sendall(b"\x01hello")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (m.id, rb.UNKNOWN, ""))
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 6), b"\x01hello")
        ours.sendall(b"world!")
        check_eq(exactly(c, 6), b"world!")
        c.shutdown(socket.SHUT_WR)
        check_eq(ours.recv(1), b"")
        ours.sendall(b"late")
        ours.close()
        check_eq(exactly(c, 9), b"late")
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.id, end.value, end.up, end.down), (m.id, rb.DONE, 6, 10))
        check_eq(r.hear(0.1), None)


@test
def ipv6():
    with Relay() as r:
        c, ours, _ = r.flow(r.client("::1", socket.AF_INET6), first=b"\x01x")
        ours.sendall(b"y")
        check_eq(exactly(c, 1), b"y")


@test
def without_ipv6():
    with Relay(six=False) as r:
        r.flow(first=b"\x01x")


@test
def server_ends_first():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x")
        ours.shutdown(socket.SHUT_WR)
        check_eq(c.recv(1), b"")
        c.sendall(b"more")
        check_eq(exactly(ours, 4), b"more")
        c.close()
        check_eq(ours.recv(1), b"")
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.up, end.down), (rb.DONE, 6, 0))


@test
def server_speaks_first():
    """Nothing is asked about a client that has said nothing."""
    with Relay() as r:
        c, ours, _ = r.flow()
        ours.sendall(b"220 ready\r\n")
        check_eq(exactly(c, 11), b"220 ready\r\n")
        check_eq(r.hear(0.1), None)
        ours.close()
        check_eq(c.recv(1), b"")
        c.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@test
def held_until_passed():
    with Relay() as r:
        c, ours, ident = r.flow(first=b"\x01secret", passed=False)
        ours.settimeout(0.3)
        try:
            check_eq(ours.recv(10), None, "bytes before they were judged")
        except TimeoutError:
            pass
        ours.settimeout(rb.WAIT)
        ours.sendall(b"down")
        check_eq(exactly(c, 4), b"down")
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, 7), b"\x01secret")


@test
def judged_before_it_is_dialled():
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(b"\x01first")
        r.hear(kind=rb.SEEN)
        r.say(rb.PASS, m.id)
        c.sendall(b"second")
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_eq(exactly(ours, 12), b"\x01firstsecond")


@test
def end_without_a_word():
    with Relay() as r:
        c, ours, ident = r.flow()
        c.shutdown(socket.SHUT_WR)
        check_eq(ours.recv(1), b"")
        ours.sendall(b"bye")
        ours.close()
        check_eq(exactly(c, 9), b"bye")
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.id, end.value), (ident, rb.DONE))


@test
def refused():
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        r.say(rb.REFUSED, m.id)
        check(was_reset(c), "it was not reset")
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.id, end.value), (m.id, rb.END_REFUSED))
        c, ours, ident = r.flow(first=b"\x01no", passed=False)
        r.say(rb.REFUSED, ident)
        check(was_reset(c), "the client was not reset")
        check(was_reset(ours), "the server was not reset")
        check_eq(r.hear(kind=rb.CLOSED).value, rb.END_REFUSED)


@test
def reset_by_the_client():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x")
        rb.reset(c)
        check(was_reset(ours), "the server saw no reset")
        check_eq(r.hear(kind=rb.CLOSED).value, rb.CLIENT)


@test
def reset_by_the_client_before_it_is_dialled():
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        rb.reset(c)
        check_eq(r.hear(kind=rb.CLOSED).value, rb.CLIENT)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        dialed.close()
        check_eq(ours.recv(1), b"", "a server of nobody stays open")


@test
def reset_by_the_server_with_its_last_words():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x")
        ours.sendall(b"413 too large")
        rb.reset(ours)
        check_eq(exactly(c, 13), b"413 too large")
        check(was_reset(c), "the client saw no reset")
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.down), (rb.SERVER, 13))


def drain(s, out):
    total = 0
    while True:
        data = s.recv(1 << 20)
        if not data:
            break
        total += len(data)
    out.append(total)


@test
def much_at_once_both_ways():
    """Readers that are slow at first: back-pressure, and every byte arrives."""
    n = 24 << 20
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x")
        got, threads = [], []
        for a, b in ((c, ours), (ours, c)):
            threads.append(threading.Thread(target=lambda a=a: (a.sendall(b"z" * n), a.shutdown(socket.SHUT_WR))))
            threads.append(threading.Thread(target=lambda b=b: (time.sleep(0.3), drain(b, got))))
        for t in threads:
            t.start()
        time.sleep(0.25)
        check(r.rss() < 2048 + 256, f"{r.rss()} KiB while nobody reads")
        for t in threads:
            t.join()
        check_eq(got, [n, n])
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.up, end.down), (rb.DONE, n + 2, n))


@cases([("up", "up_max", rb.BYTES), ("down", "down_max", rb.BYTES)])
def so_many_bytes_and_no_more(which, why):
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x", **{which: 100000})
        a, b = (c, ours) if which == "up_max" else (ours, c)
        already = 2 if which == "up_max" else 0
        a.sendall(b"y" * (100000 - already))
        check_eq(len(exactly(b, 100000 - already)), 100000 - already)
        try:
            a.sendall(b"y")
        except ConnectionError:
            pass
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.up if which == "up_max" else end.down), (why, 100000))
        check(was_reset(a), "no reset")


@test
def held_bytes_count_too():
    with Relay() as r:
        c, ours, ident = r.flow(first=b"\x01" * 100, passed=False, up_max=10)
        r.say(rb.PASS, ident)
        try:
            check(len(exactly(ours, 100)) <= 10, "more than may pass")
        except ConnectionResetError:
            pass
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.up), (rb.BYTES, 10))
        c.close()


@test
def idle_and_total_time():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x", idle_ms=400)
        t = time.monotonic()
        for _ in range(4):
            time.sleep(0.2)
            c.sendall(b"y")
            exactly(ours, 1)
        end = r.hear(kind=rb.CLOSED)
        check_eq(end.value, rb.IDLE)
        check(1.0 < time.monotonic() - t < 3, "not the time of idleness")
        check(was_reset(c), "no reset")
        c, ours, _ = r.flow(first=b"\x01x", total_ms=400, idle_ms=100000)
        t = time.monotonic()
        while r.hear(0.05) is None:
            c.sendall(b"y")
            exactly(ours, 1)
        check(0.3 < time.monotonic() - t < 2, "not the time in all")


# ---- many, and a gate that is not there ----

@test
def many_flows():
    n = 400
    with Relay() as r:
        flows = [r.flow(first=b"\x01x") for _ in range(n)]
        for i, (c, ours, _) in enumerate(flows):
            c.sendall(b"%6d" % i)
            ours.sendall(b"%6d" % (n - i))
        for i, (c, ours, _) in enumerate(flows):
            check_eq(exactly(ours, 6), b"%6d" % i)
            check_eq(exactly(c, 6), b"%6d" % (n - i))
        check_eq(len({ident for _, _, ident in flows}), n)
        for c, ours, _ in flows:
            c.close()
            ours.close()
        check_eq({r.hear(kind=rb.CLOSED).id for _ in range(n)}, {ident for _, _, ident in flows})
        check(r.rss() < 2048, f"{r.rss()} KiB afterwards")


@test
def more_than_there_is_room_for():
    """With few descriptors: what is over is reset, told once, and there is room again afterwards."""
    with Relay(nofile=64) as r:
        room = (64 - 16) // 2
        flows = [r.flow() for _ in range(room)]
        for _ in range(5):
            check(turned_away(r), "it was not reset")
        told = 0
        while told < 5:
            told += r.hear(kind=rb.LIMIT).up
        check_eq(told, 5)
        flows[0][0].close()
        flows[0][1].close()
        r.hear(kind=rb.CLOSED)
        r.flow(first=b"\x01x")


@test
def gate_goes():
    r = Relay()
    c, ours, _ = r.flow(first=b"\x01x")
    waiting = r.client()
    r.gate.close()
    r.process.wait(rb.WAIT)
    for s in (c, ours, waiting):
        check(was_reset(s), "no reset")


@cases([("short", b"x"), ("empty type", bytes(rb.FORM.size)), ("relay's own", rb.Message(rb.OPEN).pack())])
def gate_that_does_not_keep_to_it(data):
    r = Relay()
    r.gate.send(data)
    check(r.process.wait(rb.WAIT) != 0, "it goes on")
    r.gate.close()


@test
def gate_that_does_not_read():
    """It waits, turns nothing away, and goes on where it was: each flow's end is told once."""
    with Relay() as r:
        idents = [r.flow(first=b"\x01x") for _ in range(300)]
        for c, ours, _ in idents:
            c.close()
            ours.close()
        time.sleep(0.3)
        late = r.client()
        check_eq(sorted(r.hear(kind=rb.CLOSED).id for _ in idents), sorted(i for _, _, i in idents))
        r.flow(late, first=b"\x01x")


rb.private_net()
main()

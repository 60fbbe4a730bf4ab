# SPDX-License-Identifier: Apache-2.0
"""ward-relay as a program: its connections over real sockets, and a stand-in for the gate.

WARD_RELAY is the program as it is in ward, WARD_RELAY_TEST the same but for three things: a connection goes where its client's socket says
(nothing has to be captured), a call can be tried that the filter must not let live (src/egress/relay/trial.c), and of all connections
together it keeps an eighth (relay.h).
"""
import os
import pathlib
import resource
import signal
import socket
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
import relaybox as rb  # noqa: E402  pylint: disable=wrong-import-position
from relaybox import Relay, exactly, hears_nothing, was_reset  # noqa: E402  pylint: disable=wrong-import-position
from tap import PATIENCE, cases, check, check_eq, check_in, quickest, skip, test  # noqa: E402  pylint: disable=wrong-import-position


def turned_away(r, *where):
    try:
        return was_reset(r.client(*where))
    except ConnectionResetError:
        return True


# ---- what it may ----

@cases([(name, name) for name in (
    "socket socketpair connect bind listen openat execve clone clone3 kill ptrace pidfd_getfd io_uring_setup setns unshare fcntl ioctl "
    "prctl sendto-address sendto-fastopen sendmsg-fastopen sendmmsg setsockopt fastopen-connect getsockopt mmap-exec mprotect-exec read "
    "write splice affinity-of-another affinity-of-another-seen x32").split()])
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
            check(rb.until(lambda: sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd")) == list(range(7))), "other descriptors")
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                limits = f.read()
            for what in ("core file size", "file size", "processes"):
                line = next(x for x in limits.splitlines() if f"Max {what}" in x)
                check_eq(line.split(what)[1].split()[:2], ["0", "0"], what)
            line = next(x for x in limits.splitlines() if "Max address space" in x)
            check(all(x.isdigit() and int(x) <= (64 << 20) + 8192 * (192 << 10) for x in line.split()[3:5]), line)
        else:
            # Not dumpable: its files under /proc are root's.
            check(os.stat(f"/proc/{pid}/status").st_uid != os.getuid() or not os.access(f"/proc/{pid}/maps", os.R_OK), "it can be looked into")


@cases([("none", ()), ("word", ("x",)), ("below zero", ("-1",))])
def bad_arguments(args):
    import subprocess  # pylint: disable=import-outside-toplevel
    check_eq(subprocess.run([os.environ["WARD_RELAY"], *args], stdin=subprocess.DEVNULL, check=False).returncode, 2)


@cases([("twice", 1, socket.AF_INET), ("the wire", 0, socket.AF_INET), ("none", 5, socket.AF_INET), ("another family", 2, socket.AF_INET)])
def socket_that_is_none(place, family):
    with Relay(six=False) as r:
        with rb.listener(family, "127.0.0.1") as s:
            r.say(rb.SOCKET, value=place, fd=s)
        check_eq(r.process.wait(rb.WAIT), 4)


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
        c.sendall(b"\x01hell\n")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (m.id, rb.UNKNOWN, ""))
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 6), b"\x01hell\n")
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
        c, ours, _ = r.flow(r.client("::1", socket.AF_INET6), first=b"\x01\n")
        ours.sendall(b"y")
        check_eq(exactly(c, 1), b"y")


@test
def without_ipv6():
    with Relay(six=False) as r:
        r.flow(first=b"\x01\n")


@test
def server_ends_first():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01\n")
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
        c, ours, ident = r.flow(first=b"\x01secre\n", passed=False)
        hears_nothing(ours, 0.3)
        ours.sendall(b"down")
        check_eq(exactly(c, 4), b"down")
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, 7), b"\x01secre\n")


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
        c, ours, ident = r.flow(first=b"\x01n\n", passed=False)
        r.say(rb.REFUSED, ident)
        check(was_reset(c), "the client was not reset")
        check(was_reset(ours), "the server was not reset")
        check_eq(r.hear(kind=rb.CLOSED).value, rb.END_REFUSED)


@test
def reset_by_the_client():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01\n")
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
        c, ours, _ = r.flow(first=b"\x01\n")
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
        c, ours, _ = r.flow(first=b"\x01\n")
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


@test
def waiting_costs_nothing():
    """A reader that does not read, and then both ends told while bytes are still under way: nothing is looked at in vain."""
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01\n", small=True)
        rb.fill(r, c)
        check(r.busy() < 0.1, "it turns round and round")
        c.shutdown(socket.SHUT_WR)
        ours.shutdown(socket.SHUT_WR)
        check_eq(c.recv(1), b"")
        check(r.busy() < 0.1, "it turns round and round when both sides have ended")
        while ours.recv(1 << 20):
            pass
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@test
def what_has_ended_is_not_looked_at_though_the_gate_has_not_closed_its_own():
    """Nor where a child of the gate has it: the relay would turn round and round, on the processor that the gate needs to get to it."""
    with Relay() as r:
        (theirs, c), (ours, dialed) = rb.pair(), rb.pair()
        theirs.setblocking(False)
        r.say(rb.GATE_CLIENT, rb.GATE_FLOW | 1, fd=(theirs, dialed), to=AWAY, from_=HOME, value=1)
        c.sendall(b"\xf1hell\n")
        check_eq(exactly(ours, 6), b"\xf1hell\n")
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
        check_eq([r.hear().type for _ in range(2)], [rb.SEEN, rb.CLOSED])
        ours.close()
        check(r.busy() < 0.1, "it turns round and round")


@cases([("up", "up_max", rb.BYTES_UP), ("down", "down_max", rb.BYTES_DOWN)])
def so_many_bytes_and_no_more(which, why):
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01\n", **{which: 100000})
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


@cases([("up", "up_max", rb.BYTES_UP), ("down", "down_max", rb.BYTES_DOWN)])
def so_many_bytes_of_all_flows_together(which, why):
    with Relay() as r:
        r.say(rb.LIMITS, **{which: 1000})
        flows = [r.flow(first=b"\x01\n") for _ in range(3)]
        left = 1000 - (6 if which == "up_max" else 0)
        for c, ours, _ in flows[:2]:
            a, b = (c, ours) if which == "up_max" else (ours, c)
            a.sendall(b"y" * (left // 2))
            check_eq(len(exactly(b, left // 2)), left // 2)
        # It is used up: whoever says one byte more has to go.
        for c, ours, ident in flows:
            try:
                (c if which == "up_max" else ours).sendall(b"y")
            except ConnectionError:
                pass
            end = r.hear(kind=rb.CLOSED)
            check_eq((end.id, end.value), (ident, why))


@test
def held_bytes_count_too():
    with Relay() as r:
        c, ours, ident = r.flow(first=b"\x01" * 99 + b"\n", passed=False, up_max=10)
        r.say(rb.PASS, ident)
        try:
            check(len(exactly(ours, 100)) <= 10, "more than may pass")
        except ConnectionResetError:
            pass
        end = r.hear(kind=rb.CLOSED)
        check_eq((end.value, end.up), (rb.BYTES_UP, 10))
        c.close()


@test
def idle_and_total_time():
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01\n", idle_ms=400 * PATIENCE)
        t = time.monotonic()
        for _ in range(4):
            time.sleep(0.2 * PATIENCE)
            c.sendall(b"y")
            exactly(ours, 1)
        end = r.hear(kind=rb.CLOSED)
        check_eq(end.value, rb.IDLE)
        check(1.0 < (time.monotonic() - t) / PATIENCE < 3, "not the time of idleness")
        check(was_reset(c), "no reset")
        c, ours, _ = r.flow(first=b"\x01\n", total_ms=400, idle_ms=100000)
        t = time.monotonic()
        while r.hear(0.05) is None:
            c.sendall(b"y")
            exactly(ours, 1)
        check(0.3 < time.monotonic() - t < 2 * PATIENCE, "not the time in all")


# ---- many, and a gate that is not there ----

@test
def many_flows():
    n = 400
    with Relay() as r:
        flows = [r.flow(first=b"\x01\n") for _ in range(n)]
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
def many_at_once_have_a_processor_to_themselves():
    """Of two the relay takes the higher one for as long as many flows have something to do in one turn, and then both again."""
    all_of_them = sorted(os.sched_getaffinity(0))
    if len(all_of_them) < 2:
        skip("one processor")
    os.sched_setaffinity(0, all_of_them[:2])
    try:
        with Relay() as r:
            flows = [r.flow(first=b"\x01\n") for _ in range(8)]
            check_eq(os.sched_getaffinity(r.process.pid), set(all_of_them[:2]), "with one after the other")
            for _ in range(4):
                r.process.send_signal(signal.SIGSTOP)
                check(rb.until(lambda: rb.state(r.process.pid) == "T"), "it does not stop")
                for c, _, _ in flows:
                    c.sendall(b"y")
                r.process.send_signal(signal.SIGCONT)
                check_eq([exactly(ours, 1) for _, ours, _ in flows], [b"y"] * 8)
            check_eq(os.sched_getaffinity(r.process.pid), {all_of_them[1]}, "with eight at once")
            c, ours, _ = flows[0]
            for _ in range(40):
                c.sendall(b"y")
                exactly(ours, 1)
            check_eq(os.sched_getaffinity(r.process.pid), set(all_of_them[:2]), "with one again")
    finally:
        os.sched_setaffinity(0, all_of_them)


@test
def more_than_there_is_room_for():
    """With few descriptors: what is over is reset, told once, and there is room again afterwards."""
    with Relay(nofile=64) as r:
        room = (64 - 48) // 2
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
        r.flow(first=b"\x01\n")


@test
def what_waits_to_be_judged_has_a_bound():
    """Of all connections together: whoever has waited the longest makes room, what has been judged goes on, and memory stays where it is."""
    many, size, most = 150, 60 << 10, 4 << 20
    with Relay() as r:
        judged = r.flow(first=b"\x01\n")
        clients, opened, ended = [], [], set()
        while len(opened) < many or len(ended) < many - most // (64 << 10):
            if len(clients) < many:
                clients.append(r.client())
                clients[-1].sendall(b"POST / HTTP/1.1\r\nA: " + b"x" * size)
            m = r.hear()
            check_in(m.type if m else None, (rb.OPEN, rb.CLOSED))
            if m.type == rb.OPEN:
                opened.append(m.id)
                continue
            check_eq((m.value, m.up), (rb.HELD, 0))
            ended.add(m.id)
        check(r.rss() < (most >> 10) * 5 // 4 + 4096, f"{r.rss()} KiB")
        # In the order in which they came: what is read at once may be a few places apart.
        last = max(i for i, ident in enumerate(opened) if ident in ended)
        check(last < len(ended) + 64, f"{last} of {len(ended)}")
        check(was_reset(clients[0]), "no reset")
        judged[0].sendall(b"y")
        check_eq(exactly(judged[1], 1), b"y")


@test
def what_is_judged_and_not_dialled_has_a_bound():
    """What the gate lets pass before there is a server stays in memory as well: beyond both bounds whoever has waited the longest goes."""
    many, size, most = 400, 60 << 10, 4 << 20
    with Relay() as r:
        judged = r.flow(first=b"\x01\n")
        clients, ended = [], []
        while len(clients) < many:
            clients.append(r.client())
            clients[-1].sendall(b"POST / HTTP/1.1\r\nA: " + b"x" * size + b"\r\nHost: a.example\r\n\r\n")
            m = None
            while not m or m.type != rb.SEEN:
                m = r.hear()
                check_in(m.type if m else None, (rb.OPEN, rb.SEEN, rb.CLOSED))
                if m.type == rb.CLOSED:
                    check_eq((m.value, m.up), (rb.HELD, 0))
                    ended.append(m.id)
            r.say(rb.PASS, m.id)
        check(len(ended) >= many - 2 * most // (64 << 10), f"{len(ended)} ended")
        check(r.rss() < (2 * most >> 10) * 5 // 4 + 4096, f"{r.rss()} KiB")
        judged[0].sendall(b"y")
        check_eq(exactly(judged[1], 1), b"y")


@test
def five_thousand_flows_keep_to_their_memory():
    """Most idle, some with much on its way that nobody takes: 2 MiB, and 64 KiB a flow; the rest goes on."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    n, stuck = min(5000, (hard - 100) // 2), min(1500, (hard - 100) // 4)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * n + 100, hard))
    with Relay() as r:
        flows = [r.flow(first=b"\x01\n", small=i < stuck) for i in range(n)]
        check(r.rss() < 2048 + 2 * n, f"{r.rss()} KiB of {n} idle flows")
        # Much comes at once, and next to nothing is taken.
        r.process.send_signal(signal.SIGSTOP)
        for c, ours, _ in flows[:stuck]:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.setblocking(False)
            c.send(b"z" * (64 << 10))
        r.process.send_signal(signal.SIGCONT)
        before = 0
        while before != r.rss():
            before = r.rss()
            time.sleep(0.3)
        check(r.rss() < 2048 + 64 * n, f"{r.rss()} KiB")
        check(r.rss() < 2048 + 2 * n + (8 << 10), f"{r.rss()} KiB, {stuck} of them full")
        for c, ours, _ in flows[-10:]:
            c.sendall(b"y")
            check_eq(exactly(ours, 1), b"y")


@test
def gate_goes():
    r = Relay()
    c, ours, _ = r.flow(first=b"\x01\n")
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
        idents = [r.flow(first=b"\x01\n") for _ in range(300)]
        for c, ours, _ in idents:
            c.close()
            ours.close()
        time.sleep(0.3)
        late = r.client()
        check_eq(sorted(r.hear(kind=rb.CLOSED).id for _ in idents), sorted(i for _, _, i in idents))
        r.flow(late, first=b"\x01\n")


# ---- what the gate accepts ----

HOME, AWAY = (4, 4000, bytes([198, 18, 0, 2]) + bytes(12)), (4, 443, bytes([198, 18, 1, 0]) + bytes(12))


def clients(r, ident, server=None, **more):
    """The client's side of a flow of that number that the gate accepted, with its server or without."""
    theirs, c = rb.pair()
    theirs.setblocking(False)
    r.say(rb.GATE_CLIENT, ident, fd=(theirs, server) if server else theirs, to=AWAY, from_=HOME, **more)
    theirs.close()
    c.settimeout(rb.WAIT)
    return c


@test
def a_client_that_comes_with_its_server_needs_no_word():
    with Relay() as r:
        ours, dialed = rb.pair()
        c = clients(r, rb.GATE_FLOW | 7, dialed, value=1, name="good.example")
        dialed.close()
        c.sendall(b"\xf1hell\n")
        check_eq(exactly(ours, 6), b"\xf1hell\n")
        ours.sendall(b"back")
        check_eq(exactly(c, 4), b"back")
        c.close()
        ours.close()
        m = r.hear(kind=rb.SEEN)
        check_eq((m.id, m.value), (rb.GATE_FLOW | 7, rb.UNKNOWN | rb.PASSED))
        m = r.hear(kind=rb.CLOSED)
        check_eq((m.id, m.up, m.down), (rb.GATE_FLOW | 7, 6, 4))


@test
def a_client_that_comes_alone_waits_for_its_server():
    with Relay() as r:
        c = clients(r, rb.GATE_FLOW | 1)
        c.sendall(b"\xf1hell\n")
        check_eq(r.hear(0.3), None)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, rb.GATE_FLOW | 1, fd=dialed, value=1)
        dialed.close()
        check_eq(exactly(ours, 6), b"\xf1hell\n")
        d = clients(r, rb.GATE_FLOW | 2)
        r.say(rb.REFUSED, rb.GATE_FLOW | 2)
        check(was_reset(d))
        found = [r.hear() for _ in range(2)]
        check_eq([(m.type, m.id) for m in found], [(rb.SEEN, rb.GATE_FLOW | 1), (rb.CLOSED, rb.GATE_FLOW | 2)])
        c.close()


@test
def a_client_without_a_number_is_as_one_that_was_accepted():
    """And of what the gate says of one flow another one hears nothing."""
    with Relay() as r:
        c = clients(r, 0)
        m = r.hear(kind=rb.OPEN)
        check_eq((m.to, m.from_), (AWAY, HOME))
        check(m.id and not m.id & rb.GATE_FLOW, hex(m.id))
        other = clients(r, rb.GATE_FLOW | m.id)
        r.say(rb.REFUSED, m.id)
        check(was_reset(c))
        check_eq(r.hear(kind=rb.CLOSED).id, m.id)
        other.sendall(b"x")
        r.say(rb.REFUSED, rb.GATE_FLOW | m.id)
        check(was_reset(other))
        check_eq(r.hear(kind=rb.CLOSED).id, rb.GATE_FLOW | m.id)


@cases([("a number that is the relay's", [5]), ("twice the same", [rb.GATE_FLOW | 5] * 2)])
def a_client_that_cannot_be(numbers):
    r = Relay()
    held = [clients(r, ident) for ident in numbers]
    check_eq(r.process.wait(rb.WAIT), 4)
    r.gate.close()
    for c in held:
        c.close()


@test
def a_client_for_whom_there_is_no_place():
    """As many as it says that it can have."""
    with Relay(nofile=64) as r:
        held = [clients(r, rb.GATE_FLOW | i) for i in range(1, r.flows + 2)]
        m = r.hear(kind=rb.CLOSED)
        check_eq((m.id, m.value), (rb.GATE_FLOW | len(held), rb.MEMORY))
        check(was_reset(held[-1]))
        held[0].sendall(b"x")
        r.say(rb.REFUSED, rb.GATE_FLOW | 1)
        check(was_reset(held[0]))
        for c in held:
            c.close()


# ---- ends that may wait ----

@test
def ends_that_may_wait_come_together():
    with Relay() as r:
        r.say(rb.LIMITS, 1)

        def once():
            flows = [r.flow(first=b"\x01\n") for _ in range(3)]
            before = time.monotonic()
            for c, ours, _ in flows:
                rb.reset(c)
                check(was_reset(ours))
            r.hear(kind=rb.CLOSED)
            took = time.monotonic() - before
            check_eq(len(r.heard), 2)
            check_eq({r.hear().id, r.hear().id} < {ident for _, _, ident in flows}, True)
            return took
        check(quickest(once, 1) < 1, "it came late")


@cases([("a limit", {"up_max": 3}, rb.BYTES_UP), ("a rule with limits", {"inward": 1}, rb.CLIENT)])
def ends_that_count_are_told_at_once(more, why):
    with Relay() as r:
        r.say(rb.LIMITS, 1)
        c, ours, ident = r.flow(first=b"\x01\n", **more)
        quiet, _, _ = r.flow(first=b"\x01\n")
        rb.reset(quiet)
        time.sleep(0.01)
        if why == rb.BYTES_UP:
            c.sendall(b"abc")
        else:
            rb.reset(c)
        # With it comes what waited: had it waited, too, there would be no packet yet.
        first = r.hear(0.035)
        check(first and len(r.heard) == 1, f"it waited: {first} {r.heard}")
        m = r.hear()
        check_eq((m.id, m.value), (ident, why))
        ours.close()


@test
def it_ends_with_its_supervisor_whoever_has_its_socket():
    """A child that the supervisor forked without an exec has the gate's side of it still."""
    with Relay() as r:
        c, ours, _ = r.flow()
        os.write(r.supervisor, b"x")   # readable, as a pidfd is
        check(r.process.wait(rb.WAIT) != 0, "it ended as if it had been told to")
        check(was_reset(c) or c.recv(1) == b"", "the connection goes on")
        ours.close()


rb.main()

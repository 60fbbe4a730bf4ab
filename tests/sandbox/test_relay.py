# SPDX-License-Identifier: Apache-2.0
"""ward-relay as a program: its connections over real sockets, and a stand-in for the gate.

WARD_RELAY is the program as it is in ward, WARD_RELAY_TEST the same but for three things: a connection goes where its client's socket says
(nothing has to be captured), a call can be tried that the filter must not let live (src/egress/relay/trial.c), and of all connections
together it keeps an eighth (relay.h).
"""
import hashlib
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
from relaybox import Relay, exactly, was_reset  # noqa: E402  pylint: disable=wrong-import-position
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402  pylint: disable=wrong-import-position


NO_HOST = 2   # of enum ward_relay_limit


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
            check(rb.until(lambda: sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd")) == list(range(6))), "other descriptors")
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


def hello(name=b"good.example", ech=False):
    """A ClientHello in one record."""
    ext = b""
    if name is not None:
        ext += struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    if ech:
        ext += struct.pack(">HH", 0xfe0d, 3) + b"\0ab"
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(ext)) + ext
    body = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(body)) + body


def record(kind, data):
    return bytes([kind]) + b"\3\3" + struct.pack(">H", len(data)) + data


# What a server says to a hello: that it wants another (its random says so), or not.
AGAIN = record(22, b"\2" + bytes(2) + b"\x58\3\3" + hashlib.sha256(b"HelloRetryRequest").digest() + bytes(50))
AT_LAST = record(22, b"\2" + bytes(2) + b"\x58\3\3" + bytes(range(32)) + bytes(50))
EARLY = record(23, b"early")   # what passes behind a hello before its server has spoken


@test
def judged_before_it_is_dialled():
    first = hello(b"other.example")
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(first)
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.value, seen.name), (rb.TLS, "other.example"))
        r.say(rb.PASS, m.id)
        c.sendall(EARLY)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_eq(exactly(ours, len(first + EARLY)), first + EARLY)


def hello_that_passed(r, answer, early=b""):
    """-> client, server, id: behind a hello for the name that was meant, and the server's answer to it."""
    c = r.client()
    m = r.hear(kind=rb.OPEN)
    ours, dialed = rb.pair()
    r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
    c.sendall(hello() + early)
    check_eq(r.hear(kind=rb.SEEN).value, rb.TLS | rb.PASSED)
    check_eq(exactly(ours, len(hello())), hello())
    ours.sendall(answer)
    if answer:
        check_eq(exactly(c, len(answer)), answer)
    return c, ours, m.id


@cases([("the name", b"good.example", True), ("no name", None, True), ("another name", b"other.example", False)])
def a_hello_that_a_server_asks_for_again_is_judged_as_the_first(name, alone):
    second = record(20, b"\1") + hello(name)
    with Relay() as r:
        for early in (False, True):
            c, ours, ident = hello_that_passed(r, b"" if early else AGAIN, second if early else b"")
            if early:   # it waits for its server to want it
                check_eq(exactly(ours, 6), second[:6])
                nothing_yet(ours)
                ours.sendall(AGAIN)
            else:
                c.sendall(second)
                check_eq(exactly(ours, 6), second[:6])
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.id, seen.value, seen.name), (ident, rb.TLS | (rb.PASSED if alone else 0), (name or b"").decode()))
            if alone:
                check_eq(exactly(ours, len(hello(name))), hello(name))
                c.sendall(b"\x16 whatever")
                check_eq(exactly(ours, 10), b"\x16 whatever")
            else:
                nothing_yet(ours)
                r.say(rb.REFUSED, ident)
            c.close()
            ours.close()
            check_eq(r.hear(kind=rb.CLOSED).up, len(hello()) + 6 + (len(hello(name)) + 10 if alone else 0))


@test
def behind_a_servers_answer_nothing_is_judged():
    """A hello in what is sealed by then is none, and neither is anything else."""
    with Relay() as r:
        for answer in (AT_LAST, record(21, b"\2\x28"), b"x", AT_LAST[:20]):
            c, ours, _ = hello_that_passed(r, answer)
            for data in (hello(b"other.example"), b"\x01"):
                c.sendall(data)
                check_eq(exactly(ours, len(data)), data)
            c.close()
            ours.close()
            r.hear(kind=rb.CLOSED)
        # In front of it what is no handshake goes, in pieces as well.
        c, ours, _ = hello_that_passed(r, b"")
        for data in (EARLY, EARLY[:1], EARLY[1:7], EARLY[7:] + EARLY):
            c.sendall(data)
        check_eq(exactly(ours, 3 * len(EARLY)), 3 * EARLY)


@cases([("no record", b"\x19\3\3\0\1x"), ("another version's", b"\x17\2\0\0\1x"), ("one that is too long", b"\x17\3\3\xff\xff"),
        ("no hello, where one is wanted", AGAIN)])
def what_is_none_of_tls_does_not_go_behind_a_hello(data):
    with Relay() as r:
        wanted = data is AGAIN
        c, ours, ident = hello_that_passed(r, AGAIN if wanted else b"")
        c.sendall(data)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        nothing_yet(ours)
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, len(hello()))


@test
def a_hello_that_its_server_does_not_want_has_no_time():
    """Nor does an answer in one byte to what came before it count as the server's."""
    ask = b"\0\0\0\x08\x04\xd2\x16\x2f"
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
        c.sendall(ask + hello() + hello(b"other.example"))
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
        check_eq(exactly(ours, 8 + len(hello())), ask + hello())
        ours.sendall(b"S")
        check_eq(c.recv(1), b"S")
        nothing_yet(ours)
        check_eq(r.hear(kind=rb.SEEN).value, rb.TLS | rb.PASSED)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        r.say(rb.REFUSED, m.id)
        r.hear(kind=rb.CLOSED)


@test
def what_passes_whatever_is_said_waits_for_the_server():
    """Nobody is asked before there is somebody to pass it on to; a word that comes nevertheless passes nothing."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(b"\x01first")
        check_eq(r.hear(0.2), None)
        r.say(rb.PASS, m.id)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (m.id, rb.UNKNOWN))
        nothing_yet(ours)
        c.sendall(b"second")
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 12), b"\x01firstsecond")


@test
def what_passes_whatever_is_said_has_no_time_to_be_said_in():
    """Its beginning is known, and it waits for the server: that is no beginning that does not end."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(b"\x01")
        check_eq(r.hear(6), None)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, value=1)
        check_eq(exactly(ours, 1), b"\x01")
        check_eq(r.hear(kind=rb.SEEN).value, rb.UNKNOWN | rb.PASSED)


@test
def the_gate_is_not_woken_for_what_passes_by_itself():
    """It hears of it with what else it is told, or a second later: until then somebody waits for his first answer."""
    def passes(r, c, before):
        heard = [r.hear() for _ in before + [rb.OPEN]]
        check_eq([m.type for m in heard], before + [rb.OPEN])
        ours, dialed = rb.pair()
        r.say(rb.DIALED, heard[-1].id, fd=dialed, value=1)
        c.sendall(b"\x01")
        check_eq(exactly(ours, 1), b"\x01")
        check_eq(r.hear(0.2), None)
        return heard[-1].id, ours
    with Relay() as r:
        kept = [c := r.client()]
        kept += passes(r, c, [])
        kept += [c := r.client()]
        kept += passes(r, c, [rb.SEEN])
        check_eq(r.hear(kind=rb.SEEN).id, kept[4])
        kept += [c := r.client()]
        kept += passes(r, c, [])
        rb.reset(c)
        check_eq([(m.id, m.type) for m in (r.hear(), r.hear())], [(kept[7], rb.SEEN), (kept[7], rb.CLOSED)])


@cases([
    ("nothing that is known", b"\1x", rb.UNKNOWN, "", True),
    ("ssh", b"SSH-2.0-x\r\n", rb.SSH, "", True),
    ("tls, the name", hello, rb.TLS, "good.example", True),
    ("tls, no name", lambda: hello(None), rb.TLS, "", True),
    ("tls, another name", lambda: hello(b"other.example"), rb.TLS, "other.example", False),
    ("ech, the outer name", lambda: hello(ech=True), rb.TLS_ECH, "good.example", True),
    ("ech, another name", lambda: hello(b"other.example", ech=True), rb.TLS_ECH, "other.example", False),
    ("http, the name", b"GET / HTTP/1.1\r\nHost: Good.example\r\n\r\n", rb.HTTP, "good.example", True),
    ("http, another name", b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", rb.HTTP, "other.example", False),
    ("http, two hosts", b"GET / HTTP/1.1\r\nHost: good.example\r\nHost: b.example\r\n\r\n", rb.BROKEN, "", False),
])
def passes_by_itself(first, what, name, alone):
    """Where the gate lets it, before the server is there and after; what does not, waits for a word."""
    first = first() if callable(first) else first
    with Relay() as r:
        for dialed_first in (True, False):
            c = r.client()
            m = r.hear(kind=rb.OPEN)
            ours, dialed = rb.pair()
            seen = None
            if dialed_first:
                r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
            c.sendall(first)
            if not dialed_first:
                seen = r.hear(0.2)
                r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
            asked = seen is not None
            seen = seen or r.hear(kind=rb.SEEN)
            alone_now = alone and not asked
            check_eq((seen.id, seen.value, seen.name), (m.id, what | (rb.PASSED if alone_now else 0), name))
            check_eq(asked, not dialed_first and (name != "" or what == rb.BROKEN), "asked before the server is there")
            if alone_now:
                check_eq(exactly(ours, len(first)), first)
                more = EARLY if what in (rb.TLS, rb.TLS_ECH) else b"more"
                c.sendall(more)
                check_eq(exactly(ours, len(more)), more)
            else:
                nothing_yet(ours)
                r.say(rb.REFUSED, m.id)
            c.close()
            ours.close()
            check_eq(r.hear(kind=rb.CLOSED).up, len(first + more) if alone_now else 0)


@test
def without_a_name_that_was_meant_a_name_is_asked_about():
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, value=1)
        c.sendall(hello())
        check_eq(r.hear(kind=rb.SEEN).value, rb.TLS)
        nothing_yet(ours)
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, len(hello())), hello())


@cases([("in pieces", True), ("at once", False)])
def postgres_passes_by_itself_and_is_looked_at_again(pieces):
    ask = b"\0\0\0\x08\x04\xd2\x16\x2f"
    with Relay() as r:
        for name, alone in ((b"good.example", True), (b"other.example", False)):
            c = r.client()
            m = r.hear(kind=rb.OPEN)
            ours, dialed = rb.pair()
            r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
            c.sendall(ask if pieces else ask + hello(name))
            check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
            check_eq(exactly(ours, 8), ask)
            if pieces:
                c.sendall(hello(name))
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.value, seen.name), (rb.TLS | (rb.PASSED if alone else 0), name.decode()))
            if alone:
                check_eq(exactly(ours, len(hello(name))), hello(name))
            else:
                nothing_yet(ours)
            c.close()
            ours.close()
            if not alone:
                r.say(rb.REFUSED, m.id)
            check_eq(r.hear(kind=rb.CLOSED).up, 8 + (len(hello(name)) if alone else 0))


@test
def what_follows_what_passed_by_itself_has_its_own_time():
    ask = b"\0\0\0\x08\x04\xd2\x16\x2f"
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, value=1, name="good.example")
        c.sendall(ask + hello()[:20])
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
        check_eq(exactly(ours, 8), ask)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        r.say(rb.REFUSED, m.id)
        check_eq(r.hear(kind=rb.CLOSED).up, 8)


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


@test
def waiting_costs_nothing():
    """A reader that does not read, and then both ends told while bytes are still under way: nothing is looked at in vain."""
    with Relay() as r:
        c, ours, _ = r.flow(first=b"\x01x", small=True)
        rb.fill(r, c)
        check(r.busy() < 0.1, "it turns round and round")
        c.shutdown(socket.SHUT_WR)
        ours.shutdown(socket.SHUT_WR)
        check_eq(c.recv(1), b"")
        check(r.busy() < 0.1, "it turns round and round when both sides have ended")
        while ours.recv(1 << 20):
            pass
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@cases([("up", "up_max", rb.BYTES_UP), ("down", "down_max", rb.BYTES_DOWN)])
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


@cases([("up", "up_max", rb.BYTES_UP), ("down", "down_max", rb.BYTES_DOWN)])
def so_many_bytes_of_all_flows_together(which, why):
    with Relay() as r:
        r.say(rb.LIMITS, **{which: 1000})
        flows = [r.flow(first=b"\x01x") for _ in range(3)]
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
        c, ours, ident = r.flow(first=b"\x01" * 100, passed=False, up_max=10)
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


# ---- what a client speaks ----

@cases([
    ("tls", hello(), rb.TLS, "good.example"),
    ("tls without a name", hello(None), rb.TLS, ""),
    ("tls, another inside", hello(ech=True), rb.TLS_ECH, "good.example"),
    ("tls, no hello", b"\x16\3\1\0\5\2\0\0\1\0", rb.BROKEN, ""),
    ("http", b"GET / HTTP/1.1\r\nHost: Good.example:8080\r\n\r\n", rb.HTTP, "good.example"),
    ("http, an address", b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", rb.HTTP, "2001:db8::1"),
    ("http, two hosts", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", rb.BROKEN, ""),
    ("ssh", b"SSH-2.0-x\r\n", rb.SSH, ""),
    ("one byte of nothing", b"\1", rb.UNKNOWN, ""),
])
def spoken(first, what, name):
    """In one piece, and byte by byte."""
    with Relay() as r:
        for step in (len(first), 1):
            c = r.client()
            m = r.hear(kind=rb.OPEN)
            r.say(rb.DIALED, m.id, fd=rb.pair()[1])
            for i in range(0, len(first), step):
                c.sendall(first[i:i + step])
                if step == 1:
                    time.sleep(0.001)
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.id, seen.value, seen.name), (m.id, what, name))
            c.close()
            r.say(rb.REFUSED, m.id)
            r.hear(kind=rb.CLOSED)


def nothing_yet(server):
    server.settimeout(0.2)
    try:
        check_eq(server.recv(1), None, "bytes before they were judged")
    except TimeoutError:
        pass
    server.settimeout(rb.WAIT)


@test
def postgres_is_looked_at_again():
    ask = b"\0\0\0\x08\x04\xd2\x16\x2f"
    with Relay() as r:
        c, ours, ident = r.flow(first=ask, passed=False)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, 8), ask)
        ours.sendall(b"S")
        check_eq(exactly(c, 1), b"S")
        c.sendall(hello(b"other.example"))
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (ident, rb.TLS, "other.example"))
        nothing_yet(ours)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, len(hello(b"other.example"))), hello(b"other.example"))


@test
def postgres_all_at_once():
    """What comes with the request for encryption is judged by itself, dialled or not."""
    ask = b"\0\0\0\x08\x04\xd2\x16\x2f"
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(ask + hello(b"other.example"))
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES)
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 8), ask)
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.value, seen.name), (rb.TLS, "other.example"))
        r.say(rb.REFUSED, m.id)
        check_eq(r.hear(kind=rb.CLOSED).up, 8)


def number(n):
    """The rest of a number of RFC 7541 that its prefix did not hold."""
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


@cases([("in pieces", False), ("at once", True)])
def http2_behind_its_preface(at_once):
    """The preface and its settings are told by themselves: some clients wait for the server's. What is no request passes, the request waits."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    window, ack = frame(8, 0, 0, b"\0\1\0\0"), frame(4, 1, 0, b"")
    request = frame(1, 5, 1, b"\x82\x86\x84\x41\x09a.example")
    with Relay() as r:
        if at_once:
            c, ours, ident = r.flow(first=preface + window + ack + request, passed=False)
            r.say(rb.PASS, ident)
            check_eq(exactly(ours, len(preface + window + ack)), preface + window + ack)
        else:
            c, ours, ident = r.flow(first=preface)
            for part in (window, ack):
                c.sendall(part)
                check_eq(exactly(ours, len(part)), part)
            check_eq(r.hear(0.1), None)
            c.sendall(request)
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (ident, rb.HTTP2, "a.example"))
        nothing_yet(ours)
        r.say(rb.PASS, ident)
        c.sendall(b"more")
        check_eq(exactly(ours, len(request) + 4), request + b"more")


@test
def beginning_that_does_not_end():
    """Five seconds from its first byte, however it trickles; a client that says nothing has all the time."""
    with Relay() as r:
        silent, _, _ = r.flow()
        c, ours, ident = r.flow()
        t = time.monotonic()
        c.sendall(b"GET / HTTP/1.1\r\n")
        m = None
        while m is None and time.monotonic() - t < rb.WAIT:
            try:
                c.sendall(b"X")
            except ConnectionError:
                pass
            m = r.hear(0.2)
        check_eq((m.type, m.id, m.value, m.name), (rb.SEEN, ident, rb.BROKEN, ""))
        check(4.5 < time.monotonic() - t < 8, "not its time")
        check(r.busy() < 0.1, "it turns round and round")
        check_eq(r.hear(0.1), None)
        r.say(rb.REFUSED, ident)
        m = r.hear(kind=rb.CLOSED)
        check_eq((m.id, m.value, m.up), (ident, rb.END_REFUSED, 0))
        check(was_reset(ours), "the server saw no reset")
        silent.sendall(b"\1")
        r.hear(kind=rb.SEEN)


@cases([("empty lines", b"\r\n"), ("a word", b"ruok"), ("half a line", b"hello world")])
def goes_before_it_is_known(first):
    """What its client says no more behind; a request that began there is broken, and in one piece it is one."""
    with Relay() as r:
        c, ours, ident = r.flow()
        c.sendall(first)
        check_eq(exactly(ours, len(first)), first)
        ours.sendall(b"answer")
        check_eq(exactly(c, 6), b"answer")
        check_eq(r.hear(5.5), None)
        c.sendall(b"X / HTTP/1.1\r\nHost: b.example\r\n\r\n")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (ident, rb.BROKEN))
        ours.settimeout(0.2)
        try:
            check_eq(ours.recv(1), None, "bytes before they were judged")
        except TimeoutError:
            pass
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, len(first))
        # Before it is dialled, and its end.
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(first)
        c.shutdown(socket.SHUT_WR)
        ours, dialed = rb.pair()
        time.sleep(0.1)
        r.say(rb.DIALED, m.id, fd=dialed)
        dialed.close()
        check_eq(exactly(ours, 99), first)
        ours.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@cases([("the flow's own", 0, rb.HTTP), ("another", 1, rb.BROKEN)])
def port_that_a_proxy_is_asked_for(more, what):
    with Relay() as r:
        for line in (b"CONNECT a.example:%d HTTP/1.1", b"GET http://a.example:%d/ HTTP/1.1"):
            c, _, ident = r.flow()
            c.sendall(line % (r.port + more) + b"\r\nHost: a.example\r\n\r\n")
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.id, seen.value, seen.name), (ident, what, "a.example" if what == rb.HTTP else ""))
            r.say(rb.REFUSED, ident)
            r.hear(kind=rb.CLOSED)


@cases([("the one that was dialled", 0, rb.HTTP), ("the one at which it came", None, rb.BROKEN), ("another", 1, rb.BROKEN)])
def port_that_only_the_gate_knows(more, what):
    """What was said before there is a server waits for it: which port was meant comes with it."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        port = r.port if more is None else 4711 + more
        c.sendall(b"GET http://a.example:%d/ HTTP/1.1\r\nHost: a.example\r\n\r\n" % port)
        check_eq(r.hear(0.3), None)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, to=(4, 4711, bytes(16)))
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (m.id, what))
        r.say(rb.REFUSED, m.id)
        r.hear(kind=rb.CLOSED)
        ours.close()


@test
def coded_names_cost_little():
    """A block of codes of 30 bits, as many as there may be: the time of one look."""
    with Relay() as r:
        c, _, _ = r.flow(first=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        bits = "111111111111111111111111111100" * 290   # 10: no length has longer codes
        name = int(bits + "1" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
        field = b"\x00" + bytes([0xff]) + number(len(name) - 127) + name + b"\0"
        before = r.cpu()
        c.sendall(frame(1, 5, 1, field * (16384 // len(field))))
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        check(r.cpu() - before < 0.06, f"{r.cpu() - before} s")


@test
def beginning_that_is_too_long():
    with Relay() as r:
        c, _, ident = r.flow()
        threading.Thread(target=lambda: c.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * 65536)).start()
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (ident, rb.BROKEN))
        r.say(rb.REFUSED, ident)
        r.hear(kind=rb.CLOSED)


@test
def beginning_that_is_cut():
    with Relay() as r:
        c, _, _ = r.flow()
        c.sendall(b"GET / HT")
        c.shutdown(socket.SHUT_WR)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)


# ---- names ----

def query(name, kind=1, ident=7, tail=b"", arcount=0):
    wire = b"".join(bytes([len(x)]) + x for x in name.encode().split(b".")) + b"\0"
    return struct.pack(">HHHHHH", ident, 0x100, 1, 0, 0, arcount) + wire + struct.pack(">HH", kind, 1) + tail


def asker(where="127.0.0.53", family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(rb.WAIT)
    s.connect((where, 53))
    return s


@test
def names():
    with Relay(port=53) as r:
        for i, (where, family) in enumerate((("127.0.0.53", socket.AF_INET), ("127.9.8.7", socket.AF_INET), ("::1", socket.AF_INET6))):
            s = asker(where, family)   # connected: an answer from another address would not arrive
            q = query(f"wWw{i}.Example", 1)
            s.send(q)
            m = r.hear(kind=rb.NAME)
            check_eq((m.name, m.value), (f"www{i}.example", 1))
            r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
            a = s.recv(600)
            check_eq(a[:12], struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0))
            check_eq(a[12:12 + len(q) - 12], q[12:], "the question in its own case")
            check_eq(a[-4:], bytes([198, 18, 1, 0]))
            s.send(query(f"six{i}.example", 28))
            m = r.hear(kind=rb.NAME)
            check_eq(m.value, 28)
            r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
            check_eq(s.recv(600)[-16:], bytes([0xfd]) + bytes(15))
            for _ in range(2):   # a refusal is not kept
                s.send(query("no.example"))
                r.say(rb.ANSWER, r.hear(kind=rb.NAME).id, 3)
                check_eq(s.recv(600)[:8], struct.pack(">HHHH", 7, 0x8183, 1, 0))


@test
def a_name_that_is_asked_for_again_soon_is_answered_as_before_and_told_as_a_number():
    with Relay(port=53) as r:
        s = asker()
        s.send(query("www.example"))
        r.say(rb.ANSWER, r.hear(kind=rb.NAME).id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
        check_eq(s.recv(600)[-4:], bytes([198, 18, 1, 0]))
        for kind, end in ((1, bytes([198, 18, 1, 0])), (28, bytes([0xfd]) + bytes(15)), (1, bytes([198, 18, 1, 0]))):
            s.send(query("www.example", kind))
            check_eq(s.recv(600)[-len(end):], end)
        m = r.hear(kind=rb.NAME)
        check_eq((m.id, m.name, m.up), (0, "www.example", 3))
        # Then the gate is asked again.
        s.send(query("www.example"))
        m = r.hear(kind=rb.NAME)
        check(m.id != 0)
        r.say(rb.ANSWER, m.id, 3)
        check_eq(s.recv(600)[3] & 15, 3)


@test
def names_that_nobody_is_asked_about():
    with Relay(port=53) as r:
        s = asker()
        for name, kind in (("_ldap._tcp.example", 33), ("1.0.0.127.in-addr.arpa", 12), ("www.example", 12), ("10.0.0.1", 1), ("a_b.example", 1)):
            s.send(query(name, kind))
            check_eq(s.recv(600)[3] & 15, 3, name)
        s.send(query("app.localhost", 1))
        check_eq(s.recv(600)[-4:], bytes([127, 0, 0, 1]))
        s.send(query("LOCALHOST", 28))
        check_eq(s.recv(600)[-16:], bytes(15) + b"\1")
        # They are counted, and nothing else is said of them.
        told = 0
        while told < 5:
            m = r.hear(kind=rb.LIMIT)
            check_eq(m.value, NO_HOST)
            told += m.up
        check_eq((told, r.hear(0.1)), (5, None))


@test
def names_over_tcp():
    with Relay(port=53) as r:
        c = r.client("127.0.0.53")
        both = b"".join(struct.pack(">H", len(q)) + q for q in (query("localhost"), query("a.example"), query("b.example")))
        for i in range(len(both)):
            c.sendall(both[i:i + 1])
        n = struct.unpack(">H", exactly(c, 2))[0]
        check_eq(exactly(c, n)[-4:], bytes([127, 0, 0, 1]))
        for last in (1, 2):
            r.say(rb.ANSWER, r.hear(kind=rb.NAME).id, 0, v4=bytes([198, 18, 2, last]))
            n = struct.unpack(">H", exactly(c, 2))[0]
            check_eq(exactly(c, n)[-4:], bytes([198, 18, 2, last]))
        c.shutdown(socket.SHUT_WR)
        check_eq(c.recv(1), b"")
        # Gone while its question is with the gate: the answer meets nobody.
        c = r.client("127.0.0.53")
        q = query("c.example")
        c.sendall(struct.pack(">H", len(q)) + q)
        m = r.hear(kind=rb.NAME)
        rb.reset(c)
        time.sleep(0.1)
        r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 2, 3]))
        c = r.client("127.0.0.53")
        c.sendall(b"\xff\xff" + bytes(10))
        check(was_reset(c), "a question that is too long was not refused")
        check_eq(r.hear(0.1), None)


@test
def many_names_in_one_connection():
    """Questions that need no gate, all at once: no depth grows with them."""
    with Relay(port=53) as r:
        c = r.client("127.0.0.53")
        q = query("localhost")
        threading.Thread(target=lambda: c.sendall((struct.pack(">H", len(q)) + q) * 20000)).start()
        for _ in range(20000):
            n = struct.unpack(">H", exactly(c, 2))[0]
            check_eq(len(exactly(c, n)), n)


@test
def names_without_ipv6():
    """No address that nothing takes connections to."""
    with Relay(port=53, six=False) as r:
        s = asker()
        s.send(query("www.example", 28))
        r.say(rb.ANSWER, r.hear(kind=rb.NAME).id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
        check_eq(s.recv(600)[:12], struct.pack(">HHHHHH", 7, 0x8180, 1, 0, 0, 0))
        s.send(query("localhost", 28))
        check_eq(s.recv(600)[:12], struct.pack(">HHHHHH", 7, 0x8180, 1, 0, 0, 0))
        s.send(query("www.example", 1))
        r.say(rb.ANSWER, r.hear(kind=rb.NAME).id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
        check_eq(s.recv(600)[-4:], bytes([198, 18, 1, 0]))


@test
def the_same_name_again():
    """Who asks again costs the gate nothing; two that ask the same wait for one answer."""
    with Relay(port=53) as r:
        a, b = asker(), asker()
        for _ in range(5):
            a.send(query("x.example"))
        b.send(query("x.example", ident=9))
        m = r.hear(kind=rb.NAME)
        check_eq(r.hear(0.2), None)
        r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 3, 1]))
        check_eq(a.recv(600)[-4:], bytes([198, 18, 3, 1]))
        check_eq(b.recv(600)[:2], b"\0\x09")
        a.settimeout(0.2)
        try:
            check_eq(a.recv(600), None, "answered twice")
        except TimeoutError:
            pass


@test
def too_many_names_at_once():
    with Relay(port=53) as r:
        s = asker()
        for i in range(256 + 20):
            s.send(query(f"n{i}.example", ident=i))
            if i < 256:
                check_eq(r.hear(kind=rb.NAME).name, f"n{i}.example")
        for i in range(20):
            check_eq(s.recv(600)[3] & 15, 2)
        told = 0
        while told < 20:
            told += r.hear(kind=rb.LIMIT).up
        check_eq(told, 20)


@test
def gate_that_does_not_answer_for_names():
    with Relay(port=53) as r:
        s = asker()
        s.settimeout(15)
        s.send(query("x.example"))
        m = r.hear(kind=rb.NAME)
        check_eq(s.recv(600)[3] & 15, 2)
        r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 3, 1]))   # too late: of nobody
        s.send(query("x.example"))
        check(r.hear(kind=rb.NAME).id != m.id, "an old question's number")


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
        r.flow(first=b"\x01x")


@test
def what_waits_to_be_judged_has_a_bound():
    """Of all connections together: whoever has waited the longest makes room, what has been judged goes on, and memory stays where it is."""
    many, size, most = 150, 60 << 10, 4 << 20
    with Relay() as r:
        judged = r.flow(first=b"\x01x")
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
        judged = r.flow(first=b"\x01x")
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
        flows = [r.flow(first=b"\x01x", small=i < stuck) for i in range(n)]
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
        c.sendall(b"\xf1hello")
        check_eq(exactly(ours, 6), b"\xf1hello")
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
        c.sendall(b"\xf1hello")
        check_eq(r.hear(0.3), None)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, rb.GATE_FLOW | 1, fd=dialed, value=1)
        dialed.close()
        check_eq(exactly(ours, 6), b"\xf1hello")
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
        flows = [r.flow(first=b"\xf1x") for _ in range(3)]
        before = time.monotonic()
        for c, ours, _ in flows:
            rb.reset(c)
            check(was_reset(ours))
        r.hear(kind=rb.CLOSED)
        check(time.monotonic() - before < 1, "it came late")
        check_eq(len(r.heard), 2)
        check_eq({r.hear().id, r.hear().id} < {ident for _, _, ident in flows}, True)


@cases([("a limit", {"up_max": 3}, rb.BYTES_UP), ("a rule with limits", {"inward": 1}, rb.CLIENT)])
def ends_that_count_are_told_at_once(more, why):
    with Relay() as r:
        r.say(rb.LIMITS, 1)
        c, ours, ident = r.flow(first=b"\xf1x", **more)
        quiet, _, _ = r.flow(first=b"\xf1x")
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


try:
    rb.private_net()
except OSError as why:
    print(f"1..0 # SKIP no network namespace of one's own: {why}")
    sys.exit(0)
main()

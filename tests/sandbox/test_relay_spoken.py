# SPDX-License-Identifier: Apache-2.0
"""ward-relay as a program (test_relay.py): what the first bytes of a client are taken for, and who is asked about them."""
import contextlib
import hashlib
import pathlib
import socket
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
import relaybox as rb  # noqa: E402  pylint: disable=wrong-import-position
from relaybox import Relay, exactly, hears_nothing, was_reset  # noqa: E402  pylint: disable=wrong-import-position
from tap import cases, check, check_eq, quickest, test  # noqa: E402  pylint: disable=wrong-import-position


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
ASK = b"\0\0\0\x08\x04\xd2\x16\x2f"   # PostgreSQL: may it be encrypted?
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
    c, ours, ident = r.flow(value=1, name="good.example")
    c.sendall(hello() + early)
    check_eq(r.hear(kind=rb.SEEN).value, rb.TLS | rb.PASSED)
    check_eq(exactly(ours, len(hello())), hello())
    ours.sendall(answer)
    if answer:
        check_eq(exactly(c, len(answer)), answer)
    return c, ours, ident


@cases([("the name", b"good.example", True), ("no name", None, True), ("another name", b"other.example", False)])
def a_hello_that_a_server_asks_for_again_is_judged_as_the_first(name, alone):
    second = record(20, b"\1") + hello(name)
    with Relay() as r:
        for early in (False, True):
            c, ours, ident = hello_that_passed(r, b"" if early else AGAIN, second if early else b"")
            if early:   # it waits for its server to want it
                check_eq(exactly(ours, 6), second[:6])
                hears_nothing(ours)
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
                hears_nothing(ours)
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
        hears_nothing(ours)
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, len(hello()))


@test
def a_hello_that_its_server_does_not_want_has_no_time():
    """Nor does an answer in one byte to what came before it count as the server's."""
    with Relay() as r:
        c, ours, ident = r.flow(value=1, name="good.example")
        c.sendall(ASK + hello() + hello(b"other.example"))
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
        check_eq(exactly(ours, 8 + len(hello())), ASK + hello())
        ours.sendall(b"S")
        check_eq(c.recv(1), b"S")
        hears_nothing(ours)
        check_eq(r.hear(kind=rb.SEEN).value, rb.TLS | rb.PASSED)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        r.say(rb.REFUSED, ident)
        r.hear(kind=rb.CLOSED)


@test
def what_passes_whatever_is_said_waits_for_the_server():
    """Nobody is asked before there is somebody to pass it on to; a word that comes nevertheless passes nothing."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(b"\x01first\n")
        check_eq(r.hear(0.2), None)
        r.say(rb.PASS, m.id)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (m.id, rb.UNKNOWN))
        hears_nothing(ours)
        c.sendall(b"second")
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 13), b"\x01first\nsecond")


@test
def what_passes_whatever_is_said_has_no_time_to_be_said_in():
    """Its beginning is known, and it waits for the server: that is no beginning that does not end."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(b"\x01\n")
        check_eq(r.hear(6), None)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed, value=1)
        check_eq(exactly(ours, 2), b"\x01\n")
        check_eq(r.hear(kind=rb.SEEN).value, rb.UNKNOWN | rb.PASSED)


@test
def the_gate_is_not_woken_for_what_passes_by_itself():
    """It hears of it with what else it is told, or a second later: until then somebody waits for his first answer."""
    def passes(r, c, before):
        heard = [r.hear() for _ in before + [rb.OPEN]]
        check_eq([m.type for m in heard], before + [rb.OPEN])
        ours, dialed = rb.pair()
        r.say(rb.DIALED, heard[-1].id, fd=dialed, value=1)
        c.sendall(b"\x01\n")
        check_eq(exactly(ours, 2), b"\x01\n")
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
    ("nothing that is known", b"\1\n", rb.UNKNOWN, "", True),
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
                hears_nothing(ours)
                r.say(rb.REFUSED, m.id)
            c.close()
            ours.close()
            check_eq(r.hear(kind=rb.CLOSED).up, len(first + more) if alone_now else 0)


@test
def without_a_name_that_was_meant_a_name_is_asked_about():
    with Relay() as r:
        c, ours, ident = r.flow(value=1)
        c.sendall(hello())
        check_eq(r.hear(kind=rb.SEEN).value, rb.TLS)
        hears_nothing(ours)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, len(hello())), hello())


@cases([("in pieces", True), ("at once", False)])
def postgres_passes_by_itself_and_is_looked_at_again(pieces):
    with Relay() as r:
        for name, alone in ((b"good.example", True), (b"other.example", False)):
            c, ours, ident = r.flow(value=1, name="good.example")
            c.sendall(ASK if pieces else ASK + hello(name))
            check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
            check_eq(exactly(ours, 8), ASK)
            if pieces:
                c.sendall(hello(name))
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.value, seen.name), (rb.TLS | (rb.PASSED if alone else 0), name.decode()))
            if alone:
                check_eq(exactly(ours, len(hello(name))), hello(name))
            else:
                hears_nothing(ours)
            c.close()
            ours.close()
            if not alone:
                r.say(rb.REFUSED, ident)
            check_eq(r.hear(kind=rb.CLOSED).up, 8 + (len(hello(name)) if alone else 0))


@test
def what_follows_what_passed_by_itself_has_its_own_time():
    with Relay() as r:
        c, ours, ident = r.flow(value=1, name="good.example")
        c.sendall(ASK + hello()[:20])
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES | rb.PASSED)
        check_eq(exactly(ours, 8), ASK)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, 8)


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
    ("nothing that is known", b"\1\n", rb.UNKNOWN, ""),
])
def spoken(first, what, name):
    """In one piece, and byte by byte."""
    with Relay() as r:
        for step in (len(first), 1):
            c = r.client()
            m = r.hear(kind=rb.OPEN)
            ours, dialed = rb.pair()
            r.say(rb.DIALED, m.id, fd=dialed)
            for i in range(0, len(first), step):
                c.sendall(first[i:i + step])
                if step == 1:
                    time.sleep(0.001)
            seen = r.hear(kind=rb.SEEN)
            if seen.value & rb.SOME:    # of one byte nobody knows
                r.say(rb.PASS, m.id, 1)
                seen = r.hear(kind=rb.SEEN)
            check_eq((seen.id, seen.value, seen.name), (m.id, what, name))
            c.close()
            r.say(rb.REFUSED, m.id)
            r.hear(kind=rb.CLOSED)
            ours.close()


@test
def postgres_is_looked_at_again():
    with Relay() as r:
        c, ours, ident = r.flow(first=ASK, passed=False)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, 8), ASK)
        ours.sendall(b"S")
        check_eq(exactly(c, 1), b"S")
        c.sendall(hello(b"other.example"))
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (ident, rb.TLS, "other.example"))
        hears_nothing(ours)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, len(hello(b"other.example"))), hello(b"other.example"))


@test
def postgres_all_at_once():
    """What comes with the request for encryption is judged by itself, dialled or not."""
    with Relay() as r:
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(ASK + hello(b"other.example"))
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_eq(r.hear(kind=rb.SEEN).value, rb.POSTGRES)
        r.say(rb.PASS, m.id)
        check_eq(exactly(ours, 8), ASK)
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
        hears_nothing(ours)
        r.say(rb.PASS, ident)
        c.sendall(b"more")
        check_eq(exactly(ours, len(request) + 4), request + b"more")


@test
def beginning_that_does_not_end():
    """Five seconds from its first byte, however it trickles; a client that says nothing has all the time."""
    def once():
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
            took = time.monotonic() - t
            check(took > 4.5, "not its time")
            check(r.busy() < 0.1, "it turns round and round")
            check_eq(r.hear(0.1), None)
            r.say(rb.REFUSED, ident)
            m = r.hear(kind=rb.CLOSED)
            check_eq((m.id, m.value, m.up), (ident, rb.END_REFUSED, 0))
            check(was_reset(ours), "the server saw no reset")
            silent.sendall(b"\1\n")
            r.hear(kind=rb.SEEN)
            return took
    check(quickest(once, 8, 4) < 8, "not its time")


@cases([("empty lines", b"\r\n"), ("a word", b"ruok"), ("half a line", b"hello world")])
def goes_before_it_is_known(first):
    """What its client says no more behind; a request that began there is broken, and in one piece it is one."""
    with Relay() as r:
        c, ours, ident = r.flow(value=1)
        c.sendall(first)
        check_eq(exactly(ours, len(first)), first)
        ours.sendall(b"answer")
        check_eq(exactly(c, 6), b"answer")
        check_eq(r.hear(5.5), None)
        c.sendall(b"X / HTTP/1.1\r\nHost: b.example\r\n\r\n")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (ident, rb.BROKEN))
        hears_nothing(ours)
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, len(first))
        # Before it is dialled, and its end.
        c = r.client()
        m = r.hear(kind=rb.OPEN)
        c.sendall(first)
        c.shutdown(socket.SHUT_WR)
        ours, dialed = rb.pair()
        time.sleep(0.1)
        r.say(rb.DIALED, m.id, fd=dialed, value=1)
        dialed.close()
        check_eq(exactly(ours, 99), first)
        ours.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@cases([("once it is dialled", False), ("before it is dialled", True)])
def the_gate_may_want_to_be_asked_for_what_is_undecided(before):
    """Not a byte of it goes without the word, which is for all of that kind, and not for what it becomes."""
    with Relay() as r:
        if before:
            c = r.client()
            ident = r.hear(kind=rb.OPEN).id
            c.sendall(b"hello world")
            check_eq(r.hear(0.2), None)
            ours, dialed = rb.pair()
            r.say(rb.DIALED, ident, fd=dialed)
            dialed.close()
        else:
            c, ours, ident = r.flow()
            c.sendall(b"hello world")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value, seen.name), (ident, rb.UNKNOWN | rb.SOME, ""))
        r.say(rb.PASS, ident)    # of what was not told
        hears_nothing(ours)
        check_eq(r.busy() < 0.2, True)
        ours.sendall(b"banner")
        check_eq(exactly(c, 6), b"banner")
        r.say(rb.PASS, ident, 1)
        check_eq(exactly(ours, 11), b"hello world")
        c.sendall(b" and more")
        check_eq(exactly(ours, 9), b" and more")
        check_eq(r.hear(0.2), None)
        c.sendall(b" HTTP/1.1\r\n")
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.id, seen.value), (ident, rb.BROKEN))
        r.say(rb.PASS, ident, 1)    # no word of that
        hears_nothing(ours)
        r.say(rb.REFUSED, ident)
        check_eq(r.hear(kind=rb.CLOSED).up, 20)


@test
def what_is_undecided_and_then_not_is_asked_about_twice():
    with Relay() as r:
        c = r.client()
        ident = r.hear(kind=rb.OPEN).id
        c.sendall(b"\r\n")
        time.sleep(0.1)
        c.sendall(b"\0\1\2\n")
        ours, dialed = rb.pair()
        r.say(rb.DIALED, ident, fd=dialed)
        dialed.close()
        check_eq(r.hear(kind=rb.SEEN).value, rb.UNKNOWN | rb.SOME)
        hears_nothing(ours)
        r.say(rb.PASS, ident, 1)
        check_eq(exactly(ours, 2), b"\r\n")
        check_eq(r.hear(kind=rb.SEEN).value, rb.UNKNOWN)
        hears_nothing(ours)
        r.say(rb.PASS, ident)
        check_eq(exactly(ours, 4), b"\0\1\2\n")
        c.sendall(b"x" * 100000)
        check_eq(len(exactly(ours, 100000)), 100000)


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


@cases([("a blank", b"a b "), ("blanks alone", b" "), ("what a version begins with", b"ab HTTP")])
def line_that_does_not_end(word):
    """Whatever is at the end of what can be held: it is no request, and goes on. With a version at last it is one, and its end does not."""
    text, sure = word * (400000 // len(word)), 300000
    for end, what in ((b"\n", rb.UNKNOWN), (b" HTTP/1.1\r\nHost: b.example\r\n\r\n", rb.BROKEN)):
        with Relay() as r:
            c, s, ident = r.flow(value=1)
            threading.Thread(target=c.sendall, args=(text + end,)).start()
            check_eq(exactly(s, sure), text[:sure])
            seen = r.hear(kind=rb.SEEN)
            check_eq((seen.id, seen.value), (ident, what | rb.PASSED if what == rb.UNKNOWN else what))
            if what == rb.UNKNOWN:
                r.say(rb.PASS, ident)
                check_eq(exactly(s, len(text + end) - sure), (text + end)[sure:])
                continue
            r.say(rb.REFUSED, ident)
            check_eq(r.hear(kind=rb.CLOSED).id, ident)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while more := s.recv(65536):
                    got += more
            check(text[sure:].startswith(got), got[-80:])


@test
def beginning_that_is_cut():
    with Relay() as r:
        c, _, _ = r.flow()
        c.sendall(b"GET / HT")
        c.shutdown(socket.SHUT_WR)
        check_eq(r.hear(kind=rb.SEEN).value, rb.BROKEN)


rb.main(at_once=8)    # many wait for what the relay waits for

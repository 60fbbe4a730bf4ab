# SPDX-License-Identifier: Apache-2.0
"""ward-relay as a program (test_relay.py): questions for names, and their answers."""
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
from tap import check, check_eq, test  # noqa: E402  pylint: disable=wrong-import-position


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
        for name, kind in (("-ldap.example", 33), ("1.0.0.127.in-addr.arpa", 12), ("www.example", 12), ("10.0.0.1", 1), ("a b.example", 1)):
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
            check_eq(m.value, rb.NO_HOST)
            told += m.up
        check_eq((told, r.hear(0.1)), (5, None))


@test
def what_is_not_for_addresses_is_asked_about_each_time():
    with Relay(port=53) as r:
        s = asker()
        s.send(query("a_b.example"))
        m = r.hear(kind=rb.NAME)
        check_eq((m.name, m.value), ("a_b.example", 1))
        r.say(rb.ANSWER, m.id, 0, v4=bytes([198, 18, 1, 0]), v6=bytes([0xfd]) + bytes(15))
        check_eq(s.recv(600)[-4:], bytes([198, 18, 1, 0]))
        for name, kind, rcode in (("a_b.example", 16, 0), ("a_b.example", 16, 0), ("_ldap._tcp.example", 33, 3), ("b.example", 15, 0)):
            s.send(query(name, kind))
            m = r.hear(kind=rb.NAME)
            check_eq((m.name, m.value), (name, kind))
            check(m.id != 0)
            r.say(rb.ANSWER, m.id, rcode)
            check_eq((lambda a: (a[3] & 15, a[7]))(s.recv(600)), (rcode, 0), name)
        # An answer that has none is not one for those who ask for addresses.
        s.send(query("b.example"))
        m = r.hear(kind=rb.NAME)
        check_eq((m.name, m.value, m.id != 0), ("b.example", 1, True))


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
        hears_nothing(a)   # it is not answered twice


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


rb.main()

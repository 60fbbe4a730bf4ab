#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Ways out of a run that may reach one name at one port, and ways to be somebody else there: each row is one attempt, by a program that knows what it
does. None passes: the servers, which are the host's own and would answer, see nothing, and no name server is asked for anything else.
(What the escape suite tries, it tries without a network; the parsers alone are in tests/unit, the relay alone in test_relay.py.)
"""
import contextlib
import fcntl
import os
import pathlib
import resource
import selectors
import socket
import ssl
import struct
import threading
import time

import box
from box import both, both_cases, root_only
from egress_box import Dns, until
from tap import check, check_eq, check_in, skip

NAME, OTHER = "good.test.example", "other.test.example"
PYTHON = "/usr/bin/python3"


class Host:
    """Servers at one port of the host, of TCP and UDP, IPv4 and IPv6, which keep all that they get."""

    def __init__(self):
        self.got, self.accepted = [], 0
        self.tcp = [socket.create_server(("127.0.0.1", 0))]
        self.port = self.tcp[0].getsockname()[1]
        self.udp = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
        self.udp[0].bind(("127.0.0.1", self.port))
        with contextlib.suppress(OSError):
            self.tcp.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
            self.udp.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
            self.udp[-1].bind(("::1", self.port))
        for fn, sockets in ((self.listen, self.tcp), (self.receive, self.udp)):
            for s in sockets:
                threading.Thread(target=fn, args=(s,), daemon=True).start()

    def listen(self, s):
        while True:
            c, _ = s.accept()
            self.accepted += 1
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        with c, contextlib.suppress(OSError):
            while data := c.recv(65536):
                self.got.append(data)
                c.sendall(b"reached\n")

    def receive(self, s):
        with contextlib.suppress(OSError):
            while True:
                data, peer = s.recvfrom(65536)
                self.got.append(data)
                s.sendto(b"reached\n", peer)


class Crowd:
    """A server for very many, which says a byte to each."""

    def __init__(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.s = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.s.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        watch = selectors.DefaultSelector()
        watch.register(self.s, selectors.EVENT_READ)
        while True:
            for key, _ in watch.select():
                if key.fileobj is self.s:
                    c, _ = self.s.accept()
                    c.sendall(b"x")
                    watch.register(c, selectors.EVENT_READ)
                elif not self.heard(key.fileobj):
                    watch.unregister(key.fileobj)
                    key.fileobj.close()

    @staticmethod
    def heard(c):
        try:
            return c.recv(4096)
        except OSError:
            return False


class Pourer:
    """A server that sends without end, and sees how much each would take. Once the last of n, each of whom has read some, takes no more its first client is let go."""

    def __init__(self, n, read):
        self.s, self.n, self.read, self.sent, self.window = socket.create_server(("127.0.0.1", 0), backlog=64), n, read, [], 0
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.port = self.s.getsockname()[1]
        for fn in (self.serve, self.look):
            threading.Thread(target=fn, daemon=True).start()

    def serve(self):
        while True:
            self.last, _ = self.s.accept()
            self.first = self.first if self.sent else self.last
            self.sent.append(0)
            threading.Thread(target=self.pour, args=(self.last, len(self.sent) - 1), daemon=True).start()

    def pour(self, c, i):
        with contextlib.suppress(OSError):
            while True:
                self.sent[i] += c.send(bytes(1 << 16))
                if i >= self.n - 2:  # tcpi_snd_wnd, Linux 5.4
                    self.window = max(self.window, *struct.unpack_from("I", c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232), 228))

    def look(self):
        before = 0
        while len(self.sent) < self.n or self.sent[-1] < self.read or self.sent[-1] != before:
            before = self.sent[-1] if self.sent else 0
            time.sleep(0.1)
        self.first.shutdown(socket.SHUT_RDWR)


class World:
    """The name is granted, at the host's port, and leads to the loopback, which is granted at another: so it is reached by that name alone."""

    def __init__(self, p, answers=None):
        self.p, self.host = p, Host()
        self.dns = Dns(answers or {NAME: ["127.0.0.1"], OTHER: ["127.0.0.1"]})

    def run(self, script, *words, loopback=False, more=(), timeout=60):
        grants = ["--resolver", self.dns.at, "--cap", f"NETWORK_CONNECT:{NAME}:{self.host.port}"]
        if loopback:
            grants += ["--cap", f"NETWORK_CONNECT:127.0.0.1:{self.host.port}"]
        return self.p.outcome(*grants, *more, "--", PYTHON, "-c", script, *map(str, words), timeout=timeout)

    def blocks(self):
        return [r for r in box.records(self.p) if r["kind"] in ("net.block", "dns.block")]


def nothing_came(w, r, names=(), but=b""):
    got = b"".join(w.host.got)
    # Whoever got what asks for nobody may have answered it before the rest was refused.
    check("reached" not in r.out or (but and got == but), r.out + r.err)
    check_eq(r.code, 0, r.out + r.err)
    check(got in (b"", but), str(w.host.got))
    check_eq(w.dns.names() - set(names), set())


# ---- addresses, however they are written ----

DIAL = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
except OSError as e:
    found = []
    print("no address", e)
for family, kind, protocol, _, at in found:
    with socket.socket(family, kind, protocol) as s:
        s.settimeout(5)
        try:
            s.connect(at)
            s.sendall(b"\\xf0 hello")
            print(s.recv(100))
        except OSError as e:
            print("refused", at, e)
"""
# A row: what is written; and whether it is captured, so that there is a record of it. What is 127.0.0.0/8 in any form is the sandbox's own.
FORMS = {
    "decimal loopback": ("2130706433", False), "hexadecimal loopback": ("0x7f000001", False), "octal loopback": ("0177.0.0.1", False),
    "short loopback": ("127.1", False), "mixed loopback": ("0x7f.1", False), "another loopback": ("127.255.255.254", False),
    "zero": ("0", False), "zeroes": ("0.0.0.0", False), "mapped loopback": ("::ffff:127.0.0.1", False),
    "mapped loopback in hexadecimal": ("::ffff:7f00:1", False), "unspecified": ("::", False), "loopback of IPv6": ("::1", False),
    "loopback of IPv6 with a zone": ("::1%lo", False), "loopback of IPv6 in full": ("0:0:0:0:0:0:0:1", False),
    "compatible loopback": ("::127.0.0.1", True), "NAT64 loopback": ("64:ff9b::127.0.0.1", True), "6to4 loopback": ("2002:7f00:1::1", True),
    "link-local with a zone": ("fe80::1%lo", True), "metadata": ("169.254.169.254", True), "decimal metadata": ("2852039166", True),
    "hexadecimal metadata": ("0xa9fea9fe", True), "octal metadata": ("0251.0376.0251.0376", True), "short metadata": ("169.254.43518", True),
    "mapped metadata": ("::ffff:169.254.169.254", True), "NAT64 metadata": ("64:ff9b::a9fe:a9fe", True), "6to4 metadata": ("2002:a9fe:a9fe::1", True),
    "metadata of IPv6": ("fd00:ec2::254", True), "private": ("10.0.0.1", True), "decimal private": ("167772161", True), "CGNAT": ("100.64.0.1", True),
    "broadcast": ("255.255.255.255", True), "multicast": ("224.0.0.1", True), "multicast of IPv6": ("ff02::1", True), "public": ("93.184.216.34", True),
    "public of IPv6": ("2606:4700::1", True), "the run's own range": ("198.18.0.9", True),
}
SIX = os.path.exists("/proc/net/if_inet6")


@both_cases([(name, *row) for name, row in FORMS.items()])
def an_address_reaches_nothing(p, form, captured):
    if ":" in form and not SIX:
        skip("no IPv6")
    w = World(p)
    r, doc = w.run(DIAL, form, w.host.port)
    nothing_came(w, r)
    check_eq(w.dns.queries, [])
    check_eq(bool([v for v in doc["violations"] if v["axis"] == "network"]), captured, str(doc["violations"]) + r.out)


@both
def an_address_that_is_written_strangely_is_no_grant(p):
    for form in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1%25lo]", "[fe80::1%lo]", "[::ffff:127.0.0.1%1]", "127.0.0.1.", "1.2.3"):
        r = p.run("--cap", f"NETWORK_CONNECT:{form}:80", "--", "/bin/true")
        check(r.code == 125, f"{form}: {r.code} {r.err}")


REBOUND = {
    "both at once": [["10.0.0.1", "127.0.0.1"]], "mapped": [["::ffff:127.0.0.1"]], "then the loopback": [["10.0.0.1"], ["127.0.0.1"], ["::1"]],
    "metadata beside it": [["169.254.169.254", "127.0.0.1"]], "the host's own name": [["127.0.1.1"]], "inner ones": [["fd00:ec2::254", "::1", "10.0.0.1"]], "NAT64": [["64:ff9b::7f00:1"]],
}


@both_cases(REBOUND.items())
def what_a_name_server_says_opens_nothing(p, answers):
    w = World(p, {NAME: answers})
    r, _ = w.run(DIAL + "\n", NAME, w.host.port, timeout=90)
    nothing_came(w, r, {NAME})
    check_eq(w.host.accepted, 0)


# ---- whom the first bytes ask for ----

def hello(name, size=0):
    """A ClientHello as clients send it."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        c.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    whole = out.read()
    if not size:
        return whole
    # The same in records of that size.
    body = whole[5:]
    return b"".join(whole[:3] + struct.pack(">H", len(body[i:i + size])) + body[i:i + size] for i in range(0, len(body), size))


def raw_hello(*names):
    """One that no library makes: these names, whatever they are."""
    listed = b"".join(b"\0" + struct.pack(">H", len(n)) + n for n in names)
    sni = struct.pack(">HHH", 0, len(listed) + 2, len(listed)) + listed
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(sni)) + sni
    body = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(body)) + body


# Of HTTP/2 this goes on, since it asks for nobody.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def h2(authority, path="/"):
    def text(s):
        return bytes([len(s)]) + s.encode()
    block = b"\x82\x04" + text(path) + b"\x86\x41" + text(authority)
    return PREFACE + struct.pack(">I", len(block))[1:] + b"\1\5\0\0\0\1" + block


SAYS = f"""
import socket, sys, time
data, pause, port = bytes.fromhex(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
s = socket.create_connection(({NAME!r}, port), 10)
try:
    for i in range(0, len(data), 1 if pause else len(data)):
        s.sendall(data[i:i + (1 if pause else len(data))])
        time.sleep(pause)
    print(s.recv(100))
except OSError as e:
    print("refused", e)
"""
FRONTS = {
    "the server name": hello(OTHER), "the server name, byte by byte": (hello(OTHER), 0.0005), "the server name, in small records": hello(OTHER, 40),
    "the server name behind a version that is none": hello(OTHER)[:1] + b"\2" + hello(OTHER)[2:],
    "the server name behind a warning of such a version": b"\x15\4\1\0\2\1\x5a" + hello(OTHER),
    "the server name in capitals": raw_hello(OTHER.upper().encode()), "a server name with a NUL": raw_hello(NAME.encode() + b"\0." + OTHER.encode()),
    "a server name that begins as the other": raw_hello(NAME.encode() + b"." + OTHER.encode()), "two server names": raw_hello(NAME.encode(), OTHER.encode()),
    "a server name that is an address": raw_hello(b"127.0.0.1"), "Host": f"GET / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
    "Host, byte by byte": (f"GET / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", 0.005), "host": f"GET / HTTP/1.1\r\nhost:{OTHER}\r\n\r\n",
    "Host behind other fields": "GET / HTTP/1.1\r\n" + "".join(f"X-{i}: y\r\n" for i in range(50)) + f"Host: {OTHER}\r\n\r\n",
    "a second Host": f"GET / HTTP/1.1\r\nHost: {NAME}\r\nHost: {OTHER}\r\n\r\n", "a folded Host": f"GET / HTTP/1.1\r\nHost:\r\n {OTHER}\r\n\r\n",
    "Host with a blank": f"GET / HTTP/1.1\r\nHost : {OTHER}\r\n\r\n", "Host behind bare line ends": f"GET / HTTP/1.1\nHost: {OTHER}\n\n",
    "Host with a user": f"GET / HTTP/1.1\r\nHost: {NAME}@{OTHER}\r\n\r\n", "Host with a NUL": f"GET / HTTP/1.1\r\nHost: {NAME}\0.{OTHER}\r\n\r\n",
    "the whole URL": f"GET http://{OTHER}/ HTTP/1.1\r\nHost: {NAME}\r\n\r\n", "a URL with a user": f"GET http://{NAME}@{OTHER}/ HTTP/1.1\r\nHost: {NAME}\r\n\r\n",
    "CONNECT": f"CONNECT {OTHER}:443 HTTP/1.1\r\nHost: {NAME}\r\n\r\n", ":authority": h2(OTHER), ":path": h2(NAME, f"http://{OTHER}/"), "another version": f"GET / HTTP/1.0\r\nHost: {OTHER}\r\n\r\n",
    "SSH's word as the method": f"SSH-X / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", "RTSP's version": f"GET / RTSP/1.0\r\nHost: {OTHER}\r\n\r\n",
    "Icecast's version": f"SOURCE / ICE/1.0\r\nHost: {OTHER}\r\n\r\n", "a target that is not printed": f"FRONT /\1 HTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
    "a method of one's own": f"FRONT / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", "a blank before the method": f" GET / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
    "a separator before it": f"\x1cGET / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", "separators for blanks": f"GET\x1f/\x0cHTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
    "no version": f"GET /\r\nHost: {OTHER}\r\n\r\n", "no version behind a separator": f"GET\x1f/\r\nHost: {OTHER}\r\n\r\n",
    "a blank before it, and no version": f" GET /\r\nHost: {OTHER}\r\n\r\n",
}


@both_cases(FRONTS.items())
def another_host_is_not_asked_for_by(p, first):
    data, pause = first if isinstance(first, tuple) else (first, 0)
    data = data.encode() if isinstance(data, str) else data
    w = World(p)
    r, doc = w.run(SAYS, data.hex(), pause, w.host.port, loopback=True)
    nothing_came(w, r, {NAME}, PREFACE if data.startswith(PREFACE) else b"")
    check_in([r["detail"]["reason"] for r in w.blocks()], (["name_mismatch"], ["broken"]), str(w.blocks()))
    check_in(f"{NAME}:{w.host.port}", [v["resource"] for v in doc["violations"]])


@both
def what_asks_for_the_name_itself_is_passed_on(p):
    """Else the rows above would show nothing."""
    for data in (hello(NAME), hello(NAME, 40), raw_hello(NAME.encode()), f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(), h2(NAME), b"\xf0 hello"):
        w = World(p)
        r, doc = w.run(SAYS, data.hex(), 0, w.host.port, loopback=True)
        check_in("reached", r.out, f"{data[:20]} {doc['violations']}")
        check_eq(b"".join(w.host.got), data)


# ---- sockets that are not TCP, and ways to make TCP go elsewhere ----

# A row: it raises OSError, or prints "reached"; T: the host's port, HERE: addresses that it might be at.
SOCKET = """
import ctypes, os, socket, struct, sys
T = int(sys.argv[1])
HERE = ("127.0.0.1", "198.18.1.0", "93.184.216.34")
def send(kind, how, protocol=0, family=socket.AF_INET, to=HERE):
    for a in to:
        try:
            s = socket.socket(family, kind, protocol)
            s.settimeout(1)
            how(s, (a, T))
            # What leaves no answer is bad enough when it can be done.
            print("reached" if kind == socket.SOCK_RAW or family == 40 or protocol in (1, 58, 136) else s.recv(100))
        except OSError as e:
            print("refused", a, e)
def connected(s, a):
    s.connect(a)
    s.sendall(b"datagram")
"""
SOCKETS = {
    "a datagram": 'send(socket.SOCK_DGRAM, lambda s, a: s.sendto(b"datagram", a))',
    "a connected datagram": "send(socket.SOCK_DGRAM, connected)",
    "a datagram by sendmsg": 'send(socket.SOCK_DGRAM, lambda s, a: s.sendmsg([b"datagram"], [], 0, a))',
    "datagrams by sendmmsg": """
def how(s, a):
    to = struct.pack("=H", 2) + struct.pack(">H", a[1]) + socket.inet_aton(a[0]) + bytes(8)
    name, data = ctypes.create_string_buffer(to), ctypes.create_string_buffer(b"datagram")
    vec = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(data), 8))
    m = ctypes.create_string_buffer(struct.pack("=QIIQQQQIIII", ctypes.addressof(name), 16, 0, ctypes.addressof(vec), 1, 0, 0, 0, 0, 0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sendmmsg(s.fileno(), m, 1, 0) != 1:
        raise OSError(ctypes.get_errno(), "sendmmsg")
send(socket.SOCK_DGRAM, how)""",
    "bytes to the port of names": """
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    for a in ("198.18.0.1", "93.184.216.34", "8.8.8.8"):
        try:
            s = socket.socket(socket.AF_INET, kind)
            s.settimeout(1)
            s.connect((a, 53))
            s.sendall(b"\\0\\x20" + b"datagram" * 4)
            got = s.recv(100)
            print("reached" if b"data" in got[4:] else "refused", a)
        except OSError as e:
            print("refused", a, e)""",
    "a datagram of IPv6": 'send(socket.SOCK_DGRAM, lambda s, a: s.sendto(b"datagram", a), 0, socket.AF_INET6, ("::1", "::ffff:127.0.0.1", "2606:4700::1", "fd77:6172:6400::100"))',
    "a datagram to everybody": """
def how(s, a):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(b"datagram", a)
send(socket.SOCK_DGRAM, how, to=("255.255.255.255", "127.255.255.255", "224.0.0.1"))""",
    "UDP-Lite": "send(socket.SOCK_DGRAM, lambda s, a: None, 136)",
    "an echo of ICMP": 'send(socket.SOCK_DGRAM, lambda s, a: s.sendto(b"\\x08\\0" + bytes(6) + b"datagram", (a[0], 0)), 1)',
    "an echo of ICMP for IPv6": 'send(socket.SOCK_DGRAM, lambda s, a: s.sendto(b"\\x80\\0" + bytes(6), (a[0], 0)), 58, socket.AF_INET6, ("::1",))',
    "a raw socket": "send(socket.SOCK_RAW, lambda s, a: None, 255)",
    "a raw socket of TCP": 'send(socket.SOCK_RAW, lambda s, a: s.sendto(b"datagram", a), 6)',
    "a raw socket of IPv6": 'send(socket.SOCK_RAW, lambda s, a: None, 6, socket.AF_INET6, ("::1",))',
    "packets": 'send(socket.SOCK_RAW, lambda s, a: s.bind(("lo", 0)), 0x300, socket.AF_PACKET)',
    "MPTCP": "send(socket.SOCK_STREAM, connected, 262)",
    "MPTCP for IPv6": 'send(socket.SOCK_STREAM, connected, 262, socket.AF_INET6, ("::1", "2606:4700::1"))',
    "SCTP": "send(socket.SOCK_STREAM, connected, 132)", "DCCP": "send(6, connected, 33)",
    "TCP Fast Open": 'send(socket.SOCK_STREAM, lambda s, a: s.sendto(b"datagram", 0x20000000, a))',
    "TCP Fast Open by sendmsg": 'send(socket.SOCK_STREAM, lambda s, a: s.sendmsg([b"datagram"], [], 0x20000000, a))',
    "TCP Fast Open in connect": """
def how(s, a):
    s.setsockopt(6, 30, 1)
    connected(s, a)
send(socket.SOCK_STREAM, how, to=("127.0.0.1", "93.184.216.34"))""",
    "TCP at once for IPv6": 'send(socket.SOCK_STREAM, lambda s, a: s.sendto(b"datagram", 0x20000000, a), 0, socket.AF_INET6, ("::1", "2606:4700::1"))',
    "an address of one's own choice": """
def how(s, a):
    for level, name in ((0, 19), (0, 15), (1, 36), (1, 25)):
        try:
            s.setsockopt(level, name, b"lo\\0" if name == 25 else struct.pack("i", 1))
        except OSError:
            pass
    s.bind(("127.0.0.1", 0))
    connected(s, a)
send(socket.SOCK_STREAM, how, to=("127.0.0.1", "93.184.216.34"))""",
    "a way through other machines": """
def how(s, a):
    try:
        s.setsockopt(0, 4, bytes([131, 7, 4]) + socket.inet_aton("127.0.0.1") + b"\\0")
    except OSError as e:
        print(e)
    connected(s, a)
send(socket.SOCK_STREAM, how, to=("127.0.0.1", "93.184.216.34"))""",
    "a connection that is dissolved and made anew": """
def how(s, a):
    with socket.create_server(("127.0.0.1", 8099)) as own:
        s.connect(own.getsockname())
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.connect(s.fileno(), bytes(16), 16) != 0:
            raise OSError(ctypes.get_errno(), "dissolve")
        connected(s, a)
send(socket.SOCK_STREAM, how)""",
    "a source that is not there": 'send(socket.SOCK_STREAM, lambda s, a: (s.bind(("198.18.0.2", 0)), connected(s, a)), to=("127.0.0.1", "93.184.216.34"))',
    "the port at which all ends": """
T = 1023
send(socket.SOCK_STREAM, connected, to=("127.0.0.1", "198.18.0.2", "127.0.0.2"))
send(socket.SOCK_STREAM, connected, 0, socket.AF_INET6, ("::1",))""",
    "that port, taken over": 'T = 1023\nsend(socket.SOCK_STREAM, lambda s, a: (s.bind(a), print("reached")), to=("127.0.0.1", "0.0.0.0"))',
    "the port of names, taken over": 'T = 53\nsend(socket.SOCK_DGRAM, lambda s, a: (s.bind(a), print("reached")), to=("127.0.0.1", "0.0.0.0", "198.18.0.1"))',
    "vsock": "send(socket.SOCK_STREAM, lambda s, a: None, 0, 40, (0,))",
    "vsock's packets": "send(socket.SOCK_SEQPACKET, lambda s, a: None, 0, 40, (0,))",
    "vsock datagrams": "send(socket.SOCK_DGRAM, lambda s, a: None, 0, 40, (0,))",
    "rules over netlink": """
for protocol in (12, 6, 4, 16, 15, 9):
    try:
        s = socket.socket(16, socket.SOCK_RAW, protocol)
        print("reached", protocol)
    except OSError as e:
        print("refused", e)""",
    "routes over netlink": """
def ask(s, kind, body):
    m = struct.pack("=IHHII", 16 + len(body), kind, 5, 1, 0) + body
    s.sendto(m, (0, 0))
    said = s.recv(4096)
    if struct.unpack("=H", said[4:6])[0] == 2 and struct.unpack("=i", said[16:20])[0] == 0:
        print("reached", kind)
try:
    s = socket.socket(16, socket.SOCK_RAW, 0)
    s.settimeout(2)
    ask(s, 24, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 4, 0, 1, 0) + struct.pack("=HHI", 8, 4, 1))
    ask(s, 20, struct.pack("=BBBBI", 2, 32, 0, 0, 1) + struct.pack("=HH4s", 8, 2, bytes([198, 18, 9, 9])))
    ask(s, 16, struct.pack("=BxHiII", 0, 0, 1, 0, 1))
except OSError as e:
    print("refused", e)""",
    "another network namespace": """
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x40000000, 0x10000000 | 0x40000000):
    print("reached" if libc.unshare(flags) == 0 else "refused")
for pid in ("1", "self"):
    try:
        fd = os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
        print("reached" if libc.setns(fd, 0) == 0 else "refused")
    except OSError as e:
        print("refused", e)""",
    "a ring of io_uring": 'print("reached" if ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0 else "refused")',
    "other families": """
for family in (3, 4, 5, 9, 17, 21, 23, 29, 30, 31, 32, 38, 39, 41, 42, 43, 44):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind, 0)
            print("reached", family, kind)
        except OSError:
            pass""",
}


@both_cases(SOCKETS.items())
def there_is_no_way_by(p, script):
    w = World(p)
    r, _ = w.run(SOCKET + script, w.host.port, loopback=True)
    nothing_came(w, r)
    check_eq((w.host.accepted, w.dns.queries), (0, []))


# ---- data in names ----

TUNNEL = """
import os, socket, struct, sys
name, other = sys.argv[1:3]
def question(n, kind):
    labels = b"".join(bytes([len(l)]) + l for l in n.encode("latin-1").split(b".") if l)
    return b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0" + struct.pack(">HH", kind, 1)
names = [os.urandom(20).hex() + "." + other for _ in range(30)] + [os.urandom(20).hex() + "." + name, "x" * 63 + "." + name, name + ".evil.test", "a b." + name,
         "secret@" + name, other, "_tcp." + name, "1.2.0.192.in-addr.arpa"]
for at in ("198.18.0.1", "8.8.8.8", "198.18.1.0"):
    for kind in (1, 28, 16, 10, 255, 5, 15, 33, 65, 64, 252):
        for n in names if kind in (1, 16) and at == "198.18.0.1" else names[-6:] + [name]:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(5)
            try:
                s.sendto(question(n, kind), (at, 53))
                answer = s.recv(4096)
                found = struct.unpack(">H", answer[6:8])[0]
                if found and (n != name or kind not in (1, 28)):
                    print("reached", n, kind)
            except OSError as e:
                print("refused", e)
q = question(names[0], 1)
for at in (("198.18.0.1", 53), ("8.8.8.8", 53), ("1.1.1.1", 853), ("1.1.1.1", 443)):
    try:
        s = socket.create_connection(at, 5)
        s.sendall(struct.pack(">H", len(q)) + q)
        said = s.recv(4096)
        if struct.unpack(">H", said[8:10])[0]:
            print("reached", at)
    except (OSError, struct.error) as e:
        print("refused", e)
"""


@both
def nothing_is_carried_out_in_names(p):
    """Of 30 names below one that is refused, of all kinds of questions, at all name servers, nothing goes out but the granted name."""
    w = World(p)
    r, doc = w.run(TUNNEL, NAME, OTHER)
    nothing_came(w, r, {NAME})
    check_eq({kind for _, kind in w.dns.queries} - {1, 28}, set())
    # It is told, and counted where it is much.
    check(len([v for v in doc["violations"] if v["resource"].endswith(OTHER)]) >= 1, str(doc["violations"])[:500])
    for at in ("1.1.1.1:853", "1.1.1.1:443"):
        check_in(at, [v["resource"] for v in doc["violations"]])


# ---- who meets himself ----

SELF = """
import socket, sys, threading
port, other = map(int, sys.argv[1:])
at = ("198.18.1.0", port)

def to(source, where, echo):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(5)
    try:
        s.bind(source)
        s.connect(where)
        s.sendall(b"\\xf0 hello")
        data = s.recv(100)
        echo.append("served" if b"reached" in data else "himself" if data else "ended")
    except OSError as e:
        echo.append("refused")
    return s

socket.getaddrinfo("good.test.example", 1)
kept = []
said = []
# With himself, from the very address that he goes to.
kept.append(to(at, at, said))
# With another of the run, from there and back at the same time, as often as it may take.
for i in range(50):
    one, two = ("198.18.1.0", port), ("198.18.7.7", other + i)
    t = threading.Thread(target=to, args=(one, two, said))
    t.start()
    kept.append(to(two, one, said))
    t.join()
print(*sorted(set(said)))
"""


@both
def who_connects_to_himself_has_reached_nobody(p):
    """
    Every address is the run's own, so that a socket may come from the one that it goes to, or two from one another's: the kernel makes that a
    connection without an accept. It has both ends inside. What has an end outside was judged, and is on record.
    """
    w = World(p)
    r, _ = w.run(SELF, w.host.port, 20000, loopback=True)
    check_eq(r.code, 0, r.err)
    check_in("himself", r.out)
    opened = sum(x["detail"]["count"] for x in box.records(p) if x["kind"] == "net.open" and x["resource"] == f"{NAME}:{w.host.port}")
    check(w.host.accepted <= opened and len(w.host.got) <= opened, f"{w.host.accepted} accepted, {opened} opened: {r.out}")


def alone_in_a_network(ports):
    """A network of this process's own: it has a loopback, and of its ports the kernel hands out these alone."""
    box.must(box.libc.unshare(0x40000000), "unshare")
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))  # SIOCSIFFLAGS: IFF_UP
    pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(ports)


@root_only
def a_port_of_the_host_where_nobody_listens_is_not_connected_to_itself(p):
    """Chance can give what is dialled from the very port that it goes to, and the kernel connects the two ends of one socket."""
    alone_in_a_network("50000 50001")
    with socket.socket() as s:
        s.connect(("127.0.0.1", 50000))
        check_eq(s.getsockname(), s.getpeername())
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    script = """
import socket
for _ in range(6):
    try:
        with socket.create_connection(("host.ward.internal", 50000), 5) as s:
            s.sendall(b"\\xf0 hello")
            print(s.recv(100))
    except OSError:
        print("refused")
"""
    r, _ = p.outcome("--cap", "NETWORK_CONNECT:host.ward.internal:50000", "--", PYTHON, "-c", script)
    check_eq(r.out.split(), ["refused"] * 6, r.err)
    check_eq({(x["kind"], x["detail"]["reason"]) for x in box.records(p) if x["kind"] in ("net.open", "net.block")}, {("net.block", "unreachable")})


@root_only
def a_public_address_of_this_host_needs_its_own_rule(p):
    """A name that leads to one is no way to what listens here: neither by the name's grant alone, nor by one of all addresses."""
    alone_in_a_network("32768 60999")
    here = "93.184.216.34"
    with socket.socket() as s:
        at = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(here))
        fcntl.ioctl(s, 0x8916, at)  # SIOCSIFADDR
    w = World(p, {NAME: [here]})
    w.host.tcp.append(socket.create_server((here, w.host.port)))
    threading.Thread(target=w.host.listen, args=(w.host.tcp[-1],), daemon=True).start()
    for more in ((), ("--cap", f"NETWORK_CONNECT:0.0.0.0/0:{w.host.port}")):
        for where in (NAME, here):
            r, doc = w.run(DIAL, where, w.host.port, more=more)
            nothing_came(w, r, {NAME})
            check_in(f"{where}:{w.host.port}", [v["resource"] for v in doc["violations"]])
        check_eq([b["detail"]["reason"] for b in w.blocks() if b["resource"].startswith(NAME)][-1], "address_class")
    r, _ = w.run(DIAL, NAME, w.host.port, more=("--cap", f"NETWORK_CONNECT:{here}:{w.host.port}"))
    check_in("reached", r.out, r.err)


# ---- slow ones, and many ----

SLOW = f"""
import socket, sys, threading, time
port, n = map(int, sys.argv[1:])
ended = []
def one(i):
    began = time.monotonic()
    try:
        s = socket.create_connection(({NAME!r}, port), 10)
        for c in b"GET /" + b"a" * 1000:
            s.sendall(bytes([c]))
            time.sleep(0.4)
    except OSError:
        ended.append(time.monotonic() - began)
threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
[t.start() for t in threads]
time.sleep(1)
# Somebody else is served meanwhile.
s = socket.create_connection(({NAME!r}, port), 10)
s.sendall(b"\\xf0 hello")
print("served", s.recv(100))
[t.join() for t in threads]
print(len(ended), max(ended) < 9)
"""


@both
def who_never_says_what_he_speaks_is_ended(p):
    w = World(p)
    r, _ = w.run(SLOW, w.host.port, 40, loopback=True)
    check_eq(r.out.splitlines(), ["served b'reached\\n'", "40 True"], r.err)
    check_eq(w.host.got, [b"\xf0 hello"])
    check_eq({b["detail"]["reason"] for b in w.blocks()}, {"broken"})


HELD, READ = 60, 32 << 20
UNREAD = f"""
import socket, sys
held = [socket.create_connection(({NAME!r}, int(sys.argv[1])), 20) for _ in range({HELD})]
for _ in range(2):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.connect(({NAME!r}, int(sys.argv[1])))
    n = 0
    while n < {READ}:
        n += len(s.recv({READ} - n))
    held.append(s)
while held[0].recv(1 << 20):
    pass
print("let go")
"""


@both
def what_nobody_reads_does_not_pile_up_in_the_kernel(p):
    """No memory limit of the run counts what waits outside of it: it was some 10 to 20 MiB a connection."""
    w = World(p)
    t = Pourer(HELD + 2, READ)
    w.host.port = t.port
    r, _ = w.run(UNREAD, t.port, loopback=True)
    check_eq((r.code, r.out), (0, "let go\n"), r.err)
    check(0 < t.window < 700 << 10, f"{t.window} bytes would be taken")


MANY = f"""
import socket, sys, time
port, n = map(int, sys.argv[1:])
held = []
for i in range(n):
    try:
        held.append(socket.create_connection(("198.18.1.0", port), 20))
    except OSError as e:
        print("refused", e)
        break
# Those that are over what is possible were reset.
time.sleep(1)
alive = 0
for s in held:
    s.setblocking(False)
    try:
        alive += s.recv(1) != b""
    except BlockingIOError:
        alive += 1
    except OSError:
        pass
print("alive", alive)
for s in held:
    s.close()
# There is room again when their server, too, has ended them: until then this one may be reset.
end = time.monotonic() + 60
while True:
    try:
        s = socket.create_connection(({NAME!r}, port), 20)
        s.sendall(b"\\xf0 hello")
        print("served", s.recv(100))
        break
    except OSError:
        if time.monotonic() > end:
            raise
        time.sleep(0.2)
"""


@root_only
def ten_thousand_idle_connections_are_bounded_and_go_away(p):
    """The kernel accepts what the relay resets: no more are alive than limits.h says, another run is served meanwhile, and afterwards this one is again."""
    w = World(p)
    t = Crowd()
    w.host.port = t.port
    script = f"import socket\nsocket.getaddrinfo({NAME!r}, 1)\n" + MANY
    r, _ = w.run(script, t.port, 10000, loopback=True, more=("--nofile", "12000"), timeout=170)
    lines = dict(line.split(" ", 1) for line in r.out.splitlines())
    check("alive" in lines and 0 <= int(lines["alive"]) <= 8192, r.out + r.err)
    check_eq(lines.get("served"), "b'x'", r.out + r.err)
    check(until(lambda: box.leftovers() == {}), str(box.leftovers()))


if __name__ == "__main__":
    box.main(at_once=3)

# SPDX-License-Identifier: Apache-2.0
"""What the tests of egress share: name servers and servers of their own, on the loopback, that count what reaches them."""
import contextlib
import functools
import http.server
import os
import socket
import socketserver
import struct
import threading
import time

import box
from tap import PATIENCE, check, check_eq, check_in, skip

A, AAAA, SRV = 1, 28, 33
HELLO = b"hello from outside\n"
NAME = "good.test.example"
PYTHON = "/usr/bin/python3"
# NAME=udp or NAME=tcp: what a question for SRV is answered with, and whether more was to be had over TCP.
SERVERS = """
import socket, struct, sys
for word in sys.argv[1:]:
    name, how = word.split("=")
    q = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\\0\\0\\x21\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect(("198.18.0.1", 53))
    s.sendall(struct.pack(">H", len(q)) + q if how == "tcp" else q)
    f = s.makefile("rb")    # MSG_WAITALL does not wait where there is a timeout
    a = f.read(struct.unpack(">H", f.read(2))[0]) if how == "tcp" else s.recv(4096)
    at, found = len(q), []
    for _ in range(a[7]):
        port, at, labels = struct.unpack(">H", a[at + 16:at + 18])[0], at + 18, []
        while a[at]:
            labels.append(a[at + 1:at + 1 + a[at]].decode())
            at += 1 + a[at]
        at += 1
        found.append(".".join(labels) + ":" + str(port))
    assert at == len(a), (at, a)
    print(a[3] & 15, "cut" if a[2] & 2 else "whole", len(found), *found[:2])
"""


def wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


class Dns:
    """
    A name server on 127.0.0.1, UDP and TCP. answers: name -> addresses as text, or a list of such lists, one for each time that the name is
    asked for; what is not in it does not exist. Of a service they are its servers: (priority, weight, port, name). how: "silent", "cut" (everything by TCP alone), "other" (answers to another question first), "late" (IPv4 addresses a quarter of a second late), "half" (never says a thing of IPv6).
    """

    def __init__(self, answers, how=""):
        self.answers, self.how, self.queries, self.times = answers, how, [], {}
        self.udp, self.tcp = self.one_port()
        self.tcp.listen(16)
        self.at = "127.0.0.1:%d" % self.udp.getsockname()[1]
        for fn in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=fn, daemon=True).start()

    @staticmethod
    def one_port():
        """A port of UDP is not always free for TCP."""
        for _ in range(100):
            udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
                return udp, tcp
            except OSError:
                udp.close()
                tcp.close()
        raise OSError("no port that is free for both")

    def close(self):
        self.udp.close()
        self.tcp.close()

    def names(self):
        return {name for name, _ in self.queries}

    def answer(self, q, cut=False):
        at, labels = 12, []
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode())
            at += 1 + q[at]
        kind, name = struct.unpack(">H", q[at + 1:at + 3])[0], ".".join(labels)
        self.queries.append((name, kind))
        found = self.answers.get(name)
        if found and isinstance(found[0], list):
            turn = self.times.setdefault((name, kind), 0)
            self.times[name, kind] += 1
            found = found[min(turn, len(found) - 1)]
        records = []
        for a in found or []:
            if isinstance(a, tuple):
                data = struct.pack(">HHH", *a[:3]) + wire(a[3])
                records += [b"\xc0\x0c" + struct.pack(">HHIH", SRV, 1, 1, len(data)) + data] if kind == SRV else []
                continue
            family = socket.AF_INET6 if ":" in a else socket.AF_INET
            if (kind, family) in ((A, socket.AF_INET), (AAAA, socket.AF_INET6)):
                data = socket.inet_pton(family, a)
                records.append(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(data)) + data)
        if cut:
            records = []
        flags = 0x8180 | (0 if name in self.answers else 3) | (0x200 if cut else 0)
        return q[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + q[12:at + 5] + b"".join(records)

    def serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                q, peer = self.udp.recvfrom(4096)
                if self.how == "silent":
                    self.answer(q)
                    continue
                if self.how == "half" and q[-15 if q[11] else -4:][:2] == b"\0\x1c":
                    self.answer(q)
                    continue
                if self.how == "late" and q[-15 if q[11] else -4:][:2] == b"\0\1":
                    threading.Timer(0.25, self.udp.sendto, (self.answer(q), peer)).start()
                    continue
                if self.how == "other":
                    bad = bytearray(self.answer(q))
                    bad[14] ^= 1
                    self.udp.sendto(bytes(bad), peer)
                    self.udp.sendto(bytes([q[0] ^ 1]) + self.answer(q)[1:], peer)
                self.udp.sendto(self.answer(q, self.how == "cut"), peer)

    def serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.tcp.accept()
                with c:
                    n = struct.unpack(">H", c.recv(2, socket.MSG_WAITALL))[0]
                    a = self.answer(c.recv(n, socket.MSG_WAITALL))
                    c.sendall(struct.pack(">H", len(a)) + a)


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *args):  # pylint: disable=arguments-differ
        self.server.requests.append(self.requestline)


class Http(http.server.ThreadingHTTPServer):
    """Serves directory; at [::1] with six."""

    daemon_threads = True

    def __init__(self, directory, six=False, tls=None):
        self.address_family = socket.AF_INET6 if six else socket.AF_INET
        self.requests = []

        def handler(*args):
            return Handler(*args, directory=str(directory))
        super().__init__(("::1" if six else "127.0.0.1", 0), handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):  # pylint: disable=arguments-differ
        """Clients that hang up are no news."""

    def server_bind(self):
        # Without a look at what the host is called.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "server", self.server_address[1]


class Talker(socketserver.ThreadingTCPServer):
    """Says banner first, and echoes."""

    daemon_threads = True
    request_queue_size = 128    # of 5 the kernel drops who comes beside them, and says its part again seconds later
    allow_reuse_address = True

    def __init__(self, banner=b"", talk=None, at="127.0.0.1"):
        self.accepted = 0

        class Talk(socketserver.BaseRequestHandler):
            def handle(self):
                self.server.accepted += 1
                with contextlib.suppress(OSError):
                    self.request.sendall(banner)
                    if talk:
                        talk(self.request)
                        return
                    while data := self.request.recv(65536):
                        self.request.sendall(data)
        super().__init__((at, 0), Talk)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


def until(what, seconds=5.0):
    end = time.monotonic() + seconds * PATIENCE
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


class Net:
    """A name server, an HTTP server behind NAME, and runs that may reach it."""

    def __init__(self, p, answers=None, how="", six=False):
        self.p = p
        self.www = p.side / "www"
        self.www.mkdir(exist_ok=True)
        (self.www / "hello").write_bytes(HELLO)
        self.http = Http(self.www, six)
        self.host = "[::1]" if six else "127.0.0.1"
        self.dns = Dns(answers or {NAME: ["::1" if six else "127.0.0.1"], "other.test.example": ["127.0.0.1"]}, how)

    def grants(self, *more, port=None, name=NAME):
        port = port or self.http.port
        words = ["--resolver", self.dns.at]
        for where in (f"{name}:{port}", f"{self.host}:{port}", *more):
            words += ["--cap", f"NETWORK_CONNECT:{where}"]
        return words

    def run(self, *words, grants=None, **more):
        return self.p.outcome(*(self.grants() if grants is None else grants), "--", *words, **more)

    def url(self, name=NAME, port=None):
        return f"http://{name}:{port or self.http.port}/hello"

    def told(self, kind=None):
        return [r for r in box.records(self.p) if r["kind"].startswith(("net.", "dns.")) and kind in (None, r["kind"])]


class Unknown(Exception):
    """Whose a connection is was not looked up."""


def known(records, key="comm"):
    got = [r["detail"].get(key) for r in records]
    if None in got:
        raise Unknown(f"{key} of {got}")
    return got


def when_known(test):
    """For the record alone Ward waits a few ms for who it was, and does without on a busy machine: of a few tries one has all of them."""
    @functools.wraps(test)
    def tried(p, *words):
        for _ in range(5):
            with contextlib.suppress(Unknown):
                return test(p, *words)
            p.log.unlink()
        return test(p, *words)
    return tried


def refused(n, doc, resource, reason=None):
    """It is a violation of the outcome, and a record."""
    check_in(resource, [v["resource"] for v in doc["violations"]], str(doc["violations"]))
    found = [r for r in n.told() if r["kind"].endswith(".block") and r["resource"] == resource]
    check(found, f"no record of {resource}: {n.told()}")
    if reason:
        check_eq(found[-1]["detail"]["reason"], reason)
    return found[-1]


def own_address():
    """One of this host's that is no loopback; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(OSError):
        s.connect(("203.0.113.1", 9))   # sends nothing
        return s.getsockname()[0]
    return None


def need(program):
    if not os.path.exists(program):
        skip(f"{program} is not here")
    return program


# How a page is fetched with programs as they are.
FETCH = {
    "curl": lambda url: ["/usr/bin/curl", "-sS", "-m", "20", url],
    "wget": lambda url: ["/usr/bin/wget", "-q", "-t", "1", "-T", "20", "-O", "-", url],
    "python": lambda url: [PYTHON, "-c", f"import urllib.request as u; print(u.urlopen({url!r}, timeout=20).read().decode(), end='')"],
    "node": lambda url: ["/usr/bin/node", "-e", f"fetch({url!r}).then(r => r.text()).then(t => process.stdout.write(t))"],
}

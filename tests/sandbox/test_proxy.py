#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The proxy that a run with egress has on its loopback, for clients that are configured so: HTTP's CONNECT and absolute form, and SOCKS5, at
one port. It asks the gate what a captured connection asks, and answers in the client's own protocol. All servers are the tests' own.
"""
import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import time

import box
import relaybox as rb
from box import both, both_cases
from egress_box import HELLO, Dns, Http, Talker, known, until, when_known
from ports import free_port
from tap import PATIENCE, check, check_eq, check_in, quickest, skip, test

NAME, OTHER, INNER = "good.test.example", "other.test.example", "inner.test.example"
PYTHON = "/usr/bin/python3"
PORT = 1023
PROXY = f"127.0.0.1:{PORT}"


class Net:
    def __init__(self, p, tls=None):
        self.p = p
        www = p.side / "www"
        www.mkdir(exist_ok=True)
        (www / "hello").write_bytes(HELLO)
        self.http = Http(www, tls=tls)
        self.dns = Dns({NAME: ["127.0.0.1"], OTHER: ["127.0.0.1"], INNER: ["10.1.2.3"]})

    def grants(self, *more, port=None):
        words = ["--resolver", self.dns.at]
        for where in (f"{NAME}:{port or self.http.port}", f"127.0.0.1:{port or self.http.port}", *more):
            words += ["--cap", f"NETWORK_CONNECT:{where}"]
        return words

    def run(self, *words, grants=None, **more):
        return self.p.outcome(*(grants or self.grants()), "--", *words, **more)

    def url(self, name=NAME, scheme="http"):
        return f"{scheme}://{name}:{self.http.port}/hello"

    def told(self, kind):
        return [r for r in box.records(self.p) if r["kind"] == kind]


def need(program):
    if not os.path.exists(program):
        skip(f"{program} is not here")
    return program


CLIENTS = {
    "curl, absolute form": ("http", lambda u: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"http://{PROXY}", u]),
    "curl, CONNECT": ("connect", lambda u: ["/usr/bin/curl", "-sS", "-m", "20", "-p", "-x", f"http://{PROXY}", u]),
    "curl, SOCKS5 by name": ("socks5", lambda u: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"socks5h://{PROXY}", u]),
    "curl, SOCKS5 by address": ("socks5", lambda u: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"socks5://{PROXY}", u]),
    "wget": ("http", lambda u: ["/usr/bin/wget", "-q", "-t", "1", "-T", "20", "-O", "-", "-e", f"http_proxy=http://{PROXY}", u]),
    "python": ("http", lambda u: [PYTHON, "-c", f"import urllib.request as u; o = u.build_opener(u.ProxyHandler({{'http': 'http://{PROXY}'}})); "
                                  f"print(o.open({u!r}, timeout=20).read().decode(), end='')"]),
}


@both_cases([(name, *row) for name, row in CLIENTS.items()])
@when_known
def reaches_what_was_granted_and_nothing_else_with(p, via, client):
    n = Net(p)
    need(client("")[0])
    r, doc = n.run(*client(n.url()))
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq([v for v in doc["violations"] if v["axis"] == "network"], [])
    check(until(lambda: n.told("net.connect")), "no net.connect")
    c = n.told("net.connect")[-1]
    check_eq((c["resource"], c["detail"]["via"], c["detail"]["inspected"], c["detail"]["address"]), (f"{NAME}:{n.http.port}", via, "http", "127.0.0.1"))
    check_in(client("")[0].rsplit("/", 1)[1][:6], known([c])[0])
    asked, served = len(n.dns.queries), len(n.http.requests)
    r, doc = n.run(*client(n.url(OTHER)))
    check(HELLO.decode() not in r.out, r.out)
    # Who resolves by himself hears that there is no such name.
    by_name = f"{OTHER}:{n.http.port}" if "address" not in str(client("")) and "socks5:" not in str(client("")) else OTHER
    check_in(by_name, [v["resource"] for v in doc["violations"]])
    check_eq((len(n.dns.queries), len(n.http.requests)), (asked, served), str(n.dns.queries))


def certificate(p):
    key, cert = p.side / "key.pem", p.side / "cert.pem"
    subprocess.run([need("/usr/bin/openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(cert, 0o644)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return tls, cert


@both
def behind_connect_the_hello_must_name_the_host(p):
    tls, cert = certificate(p)
    n = Net(p, tls)
    grants = n.grants() + ["--read", str(cert)]
    curl = ["/usr/bin/curl", "-sS", "-m", "20", "--cacert", str(cert)]
    for scheme in ("http", "socks5h"):
        r, doc = n.run(*curl, "-x", f"{scheme}://{PROXY}", n.url(scheme="https"), grants=grants)
        check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
        check_eq(n.told("net.connect")[-1]["detail"]["inspected"], "tls")
        r, doc = n.run(*curl, "-k", "-x", f"{scheme}://{PROXY}", "--connect-to", f"{OTHER}:{n.http.port}:{NAME}:{n.http.port}",
                       n.url(OTHER, "https"), grants=grants)
        check(r.code != 0, r.out)
        check_eq(n.told("net.block")[-1]["detail"]["reason"], "name_mismatch")
    check_eq(len(n.http.requests), 2)


@both
def git_through_it(p):
    n = Net(p)
    env = dict(os.environ, HOME=str(p.side), GIT_CONFIG_NOSYSTEM="1")
    need("/usr/bin/git")
    git = ["/usr/bin/git", "-c", "user.name=n", "-c", "user.email=e@example.com"]
    work = p.side / "work"
    for words in (["init", "-q", work], ["-C", work, "commit", "--allow-empty", "-qm", "c"], ["clone", "-q", "--bare", work, p.side / "www/r.git"],
                  ["-C", p.side / "www/r.git", "update-server-info"]):
        subprocess.run([*git, *words], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    r, _ = n.run("/usr/bin/git", "-c", f"http.proxy=http://{PROXY}", "clone", "-q", f"http://{NAME}:{n.http.port}/r.git", "got",
                 grants=n.grants() + ["--write", "."])
    check_eq(r.code, 0, r.err)
    check_eq({c["detail"]["via"] for c in n.told("net.connect")}, {"http"})


# What is said, and how the answer begins. {port}: of the server, which is granted. Nothing of it may reach the server, or a name server.
def connect(target, more=""):
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{more}\r\n"


def named(name, port=80, command=1):
    return b"\5\1\0\5" + bytes([command, 0, 3, len(name)]) + name + struct.pack(">H", port)


ATTACKS = {
    "a name that is not granted": (connect(f"{OTHER}:443"), b"HTTP/1.1 403 "),
    "another port": (connect(f"{NAME}:1"), b"HTTP/1.1 403 "),
    "the host's loopback": (connect("127.0.0.1:{port}"), b"HTTP/1.1 403 "),
    "the host's loopback, IPv6": (connect("[::1]:{port}"), b"HTTP/1.1 403 "),
    "localhost": (connect("localhost:{port}"), b"HTTP/1.1 403 "),
    "below localhost": (connect("a.localhost:{port}"), b"HTTP/1.1 403 "),
    "the proxy itself": (connect("127.0.0.1:1023"), b"HTTP/1.1 403 "),
    "decimal": (connect("2130706433:{port}"), b"HTTP/1.1 400 "),
    "octal": (connect("0177.0.0.1:{port}"), b"HTTP/1.1 400 "),
    "hex": (connect("0x7f000001:{port}"), b"HTTP/1.1 400 "),
    "short": (connect("127.1:{port}"), b"HTTP/1.1 400 "),
    "mapped": (connect("[::ffff:127.0.0.1]:{port}"), b"HTTP/1.1 400 "),
    "compatible": (connect("[::7f00:1]:{port}"), b"HTTP/1.1 40"),
    "zone": (connect("[::1%25lo]:{port}"), b"HTTP/1.1 400 "),
    "metadata": (connect("169.254.169.254:80"), b"HTTP/1.1 403 "),
    "metadata, NAT64": (connect("[64:ff9b::a9fe:a9fe]:80"), b"HTTP/1.1 403 "),
    "a private address": (connect("10.1.2.3:80"), b"HTTP/1.1 403 "),
    "a name that leads to one": (connect(f"{INNER}:80"), b"HTTP/1.1 403 "),
    "a synthetic address that stands for nothing": (connect("198.18.77.7:{port}"), b"HTTP/1.1 403 "),
    "NUL in the target": (connect(f"{NAME}\0.x:{{port}}"), b"HTTP/1.1 400 "),
    "user in the target": (connect(f"{NAME}@{OTHER}:443"), b"HTTP/1.1 400 "),
    "lines in the target": (f"CONNECT {NAME}:{{port}}\nX: HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    "Host is another": (f"CONNECT {NAME}:{{port}} HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", b"HTTP/1.1 400 "),
    "two hosts": (connect(f"{NAME}:{{port}}", f"Host: {NAME}:{{port}}\r\n"), b"HTTP/1.1 400 "),
    "a body behind CONNECT": (connect(f"{NAME}:{{port}}", "Content-Length: 3\r\n"), b"HTTP/1.1 400 "),
    "chunks behind CONNECT": (connect(f"{NAME}:{{port}}", "Transfer-Encoding: chunked\r\n"), b"HTTP/1.1 400 "),
    "absolute form, another Host": (f"GET http://{NAME}:{{port}}/hello HTTP/1.1\r\nHost: {OTHER}:{{port}}\r\n\r\n", b"HTTP/1.1 400 "),
    "absolute form, Host at another port": (f"GET http://{NAME}:{{port}}/hello HTTP/1.1\r\nHost: {NAME}\r\n\r\n", b"HTTP/1.1 400 "),
    "absolute form, both lengths": (f"POST http://{NAME}:{{port}}/ HTTP/1.1\r\nHost: {NAME}:{{port}}\r\nContent-Length: 5\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 400 "),
    "absolute form, two lengths": (f"POST http://{NAME}:{{port}}/ HTTP/1.1\r\nHost: {NAME}:{{port}}\r\nContent-Length: 5\r\n"
                                   "Content-Length: 6\r\n\r\n12345", b"HTTP/1.1 400 "),
    "absolute form, chunks": (f"POST http://{NAME}:{{port}}/ HTTP/1.1\r\nHost: {NAME}:{{port}}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                              b"HTTP/1.1 411 "),
    "absolute form, a second request": (f"GET http://{NAME}:{{port}}/hello HTTP/1.1\r\nHost: {NAME}:{{port}}\r\n\r\n"
                                        f"GET http://{OTHER}/ HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", b"HTTP/1.1 400 "),
    "absolute form, not granted": (f"GET http://{OTHER}/ HTTP/1.1\r\nHost: {OTHER}\r\n\r\n", b"HTTP/1.1 403 "),
    "https by absolute form": (f"GET https://{NAME}:{{port}}/ HTTP/1.1\r\nHost: {NAME}:{{port}}\r\n\r\n", b"HTTP/1.1 400 "),
    "a request to a server": (f"GET / HTTP/1.1\r\nHost: {NAME}:{{port}}\r\n\r\n", b"HTTP/1.1 400 "),
    "the preface of h2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 400 "),
    "SOCKS5, not granted": (named(OTHER.encode()), b"\5\0\5\2"),
    "SOCKS5, NUL": (named(NAME.encode() + b"\0." + OTHER.encode()), b"\5\0\5\2"),
    "SOCKS5, hex": (named(b"0x7f000001"), b"\5\0\5\2"),
    "SOCKS5, loopback": (b"\5\1\0\5\1\0\1\x7f\0\0\1\0\x50", b"\5\0\5\2"),
    "SOCKS5, mapped": (b"\5\1\0\5\1\0\4" + bytes(10) + b"\xff\xff\x7f\0\0\1\0\x50", b"\5\0\5\x08"),
    "SOCKS5, metadata": (b"\5\1\0\5\1\0\1\xa9\xfe\xa9\xfe\0\x50", b"\5\0\5\2"),
    "SOCKS5, port 0": (named(NAME.encode(), 0), b"\5\0\5\2"),
    "SOCKS5, BIND": (named(NAME.encode(), command=2), b"\5\0\5\7"),
    "SOCKS5, UDP ASSOCIATE": (named(NAME.encode(), command=3), b"\5\0\5\7"),
    "SOCKS5, a password": (b"\5\1\2", b"\5\xff"),
    "SOCKS4a": (b"\4\1\0\x50\0\0\0\1\0good\0", b"\0\x5b"),
    "TLS to the proxy": (b"\x16\3\1\0\5hello", b""),
}
ASK = f"""
import base64, json, socket, sys, time
for name, data in json.load(open("asks.json")).items():
    said, at = b"", time.monotonic()
    with socket.create_connection(("127.0.0.1", {PORT}), 5) as s:
        s.sendall(base64.b64decode(data))
        try:
            while part := s.recv(4096):
                said += part
        except OSError:
            pass
    print(json.dumps([name, base64.b64encode(said).decode(), time.monotonic() - at]))
"""


@both
def none_of_the_attacks_passes(p):
    n = Net(p)
    said = {}
    for name, (data, _) in ATTACKS.items():
        data = data if isinstance(data, bytes) else data.format(port=n.http.port).encode("latin-1")
        said[name] = base64.b64encode(data).decode()
    p.write("asks.json", json.dumps(said))
    r, doc = n.run(PYTHON, "-c", ASK, grants=n.grants(f"{INNER}:80") + ["--read", "asks.json"])
    check_eq(r.code, 0, r.err)
    answers = {name: (base64.b64decode(a), t) for name, a, t in map(json.loads, r.out.splitlines())}
    for name, (_, begins) in ATTACKS.items():
        answer, t = answers[name]
        check(answer.startswith(begins) and (begins or not answer), f"{name}: {answer}")
        check(t < 2, f"{name}: {t} s")
        if begins.startswith(b"HTTP/1.1 403"):
            check_in(b"ward: ", answer.split(b"\r\n\r\n", 1)[1], name)
    check_eq(n.http.requests, [])
    check(n.dns.names() <= {INNER}, str(n.dns.queries))
    check_in(b"10.1.2.3:80 refused: no_rule: no rule grants it; grant: --cap 'NETWORK_CONNECT:10.1.2.3:80'\n", answers["a private address"][0])
    # Where a name leads to is not told to the inside.
    check(b"10.1.2.3" not in answers["a name that leads to one"][0], str(answers["a name that leads to one"]))
    check_in(b" refused: address: it leads to an address that may not be reached\n", answers["a name that leads to one"][0])
    check(b"grant:" not in answers["a name that leads to one"][0], str(answers["a name that leads to one"]))
    check_in(f"127.0.0.1:{n.http.port} refused: no_name: the run's own loopback: connect to it without the proxy (NO_PROXY=".encode(), answers["localhost"][0])
    check(b"grant:" not in answers["metadata"][0], str(answers["metadata"]))
    for resource in (f"{OTHER}:443", f"{NAME}:1", f"127.0.0.1:{n.http.port}", PROXY, "169.254.169.254:80", f"{INNER}:80"):
        check_in(resource, [v["resource"] for v in doc["violations"]])


@both
@when_known
def whoever_asks_is_known_by_whatever_address(p):
    n = Net(p)
    where = ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"]
    script = f"""
import socket
for i, where in enumerate({where}):
    with socket.create_connection((where, {PORT}), 10) as s:
        s.sendall(b"CONNECT {OTHER}:%d HTTP/1.0\\r\\n\\r\\n" % (i + 1))
        print(s.recv(12))
"""
    r, _ = n.run(PYTHON, "-c", script)
    check_eq(r.out.splitlines(), ["b'HTTP/1.1 403'"] * len(where), r.err)
    blocks = n.told("net.block")
    check_eq({b["resource"] for b, comm in zip(blocks, known(blocks)) if comm}, {f"{OTHER}:{i + 1}" for i in range(len(where))}, str(blocks))


@both
def a_server_that_speaks_first_and_unreachable_ones(p):
    n = Net(p)
    t = Talker(b"220 hello\r\n")
    closed = free_port()
    script = f"""
import socket
def ask(data, n):
    s = socket.create_connection(("127.0.0.1", {PORT}), 10)
    s.sendall(data)
    got = b""
    while len(got) < n and (part := s.recv(n - len(got))):
        got += part
    return s, got
s, got = ask(b"CONNECT {NAME}:{t.port} HTTP/1.0\\r\\n\\r\\n", 50)
print(got)
s.sendall(b"x" * 70000 + b"!")
n = 0
while n < 70001:
    n += len(s.recv(65536))
print(n)
print(ask({named(NAME.encode(), t.port)!r} + b"early", 12 + 11 + 5)[1])
print(ask(b"CONNECT {NAME}:{closed} HTTP/1.0\\r\\n\\r\\n", 1000)[1][:12])
print(ask({named(NAME.encode(), closed)!r}, 4)[1])
print(ask(b"CONNECT missing.test.example:80 HTTP/1.0\\r\\n\\r\\n", 1000)[1][:12])
"""
    r, _ = n.run(PYTHON, "-c", script, grants=n.grants(f"{NAME}:{closed}", f"127.0.0.1:{closed}", "missing.test.example:80", port=t.port))
    check_eq(r.code, 0, r.err)
    check_eq(r.out.splitlines(), [str(b"HTTP/1.1 200 Connection established\r\n\r\n220 hello\r\n"), "70001",
                                  str(b"\5\0\5\0\0\1" + bytes(6) + b"220 hello\r\nearly"), "b'HTTP/1.1 502'", str(b"\5\0\5\5"), "b'HTTP/1.1 502'"])
    c = [x["detail"] for x in n.told("net.connect") if x["detail"]["via"] == "connect"][-1]
    check_eq((c["inspected"], c["up"], c["down"]), ("none", 70001, 70012))


# ---- the relay's side of it, with a stand-in for the gate ----

def relay():
    return rb.Relay(program=os.environ["WARD_RELAY"])


def post(body, more=b""):
    return (b"POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\nContent-Length: %d\r\n\r\n" % body) + more


@test
def what_the_gate_is_asked():
    with relay() as r:
        c = r.client("127.0.0.1")
        c.sendall(b"CONNECT good.exam")
        check_eq(r.hear(0.1), None)
        c.sendall(b"ple:443 HTTP/1.0\r\n\r\n")
        m = r.hear(kind=rb.OPEN)
        check_eq((m.value, m.name, m.to[:2], m.from_[1]), (1, "good.example", (4, 443), c.getsockname()[1]))
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_eq(c.recv(100), b"HTTP/1.1 200 Connection established\r\n\r\n")
        c.sendall(b"\1hell\n")
        check_eq(r.hear(kind=rb.SEEN).id, m.id)
        r.say(rb.PASS, m.id)
        check_eq(rb.exactly(ours, 6), b"\1hell\n")
        c.close()
        ours.close()
        m = r.hear(kind=rb.CLOSED)
        check_eq((m.up, m.down), (6, 0))


@test
def of_a_request_no_byte_more_than_its_length_goes_on():
    with relay() as r:
        c = r.client("127.0.0.1")
        c.sendall(post(6, b"abc"))
        m = r.hear(kind=rb.OPEN)
        check_eq((m.value, m.name, m.to[1]), (2, "good.example", 80))
        seen = r.hear(kind=rb.SEEN)
        check_eq((seen.value, seen.name), (rb.HTTP, "good.example"))
        r.say(rb.PASS, m.id)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        dialed.close()
        head = b"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"
        check_eq(rb.exactly(ours, len(head) + 3), head + b"abc")
        c.sendall(b"defGET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        check_eq(rb.exactly(ours, 3), b"def")
        ours.settimeout(0.3)
        try:
            check(False, f"more came: {ours.recv(100)}")
        except TimeoutError:
            pass   # and it is not told of an end, which some servers take for one of the whole
        ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        check_eq(c.recv(100), b"HTTP/1.1 200 OK\r\n\r\n")
        ours.close()
        m = r.hear(kind=rb.CLOSED)
        check_eq((m.value, m.up), (rb.DONE, len(head) + 6))


def asked(r, request):
    """client, server, id: a request in absolute form that has its server."""
    c = r.client("127.0.0.1")
    c.sendall(request)
    m = r.hear(kind=rb.OPEN)
    r.hear(kind=rb.SEEN)
    r.say(rb.PASS, m.id)
    ours, dialed = rb.pair()
    r.say(rb.DIALED, m.id, fd=dialed)
    dialed.close()
    check(ours.recv(65536).startswith(b"POST / "), "no request")
    return c, ours, m.id


@test
def the_server_hears_that_its_client_ends():
    for body, sent in ((0, b""), (6, b"abcdef"), (6, b"abc")):
        with relay() as r:
            c, ours, _ = asked(r, post(body, sent))
            c.shutdown(socket.SHUT_WR)
            check_eq(ours.recv(100), b"", f"{body} {sent}")
            ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            ours.close()
            check_eq(c.recv(100), b"HTTP/1.1 200 OK\r\n\r\n")
            check_eq(c.recv(100), b"")
            check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)


@test
def what_was_answered_is_not_looked_at_though_the_gate_has_not_closed_its_own():
    """As test_relay.py has it of a connection's end: here the server's socket goes before the client's."""
    with relay() as r:
        c = r.client("127.0.0.1")
        c.sendall(b"GET http://good.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n")
        m = r.hear(kind=rb.OPEN)
        r.hear(kind=rb.SEEN)
        r.say(rb.PASS, m.id)
        ours, dialed = rb.pair()
        r.say(rb.DIALED, m.id, fd=dialed)
        check_in(b"GET / HTTP/1.1\r\n", ours.recv(1000))
        ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        ours.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)
        check(r.busy() < 0.1, "it turns round and round")
        dialed.close()


@test
def what_comes_behind_a_request_does_not_cut_its_answer():
    with relay() as r:
        c, ours, _ = asked(r, post(3, b"abc"))
        c.sendall(b"x" * 3000)
        ours.sendall(b"y" * 100000)
        ours.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.DONE)
        c.sendall(b"x" * 3000)
        time.sleep(0.2)
        check_eq(rb.exactly(c, 200000), b"y" * 100000)
        c.sendall(b"x" * 3000)
        check(r.busy() < 0.2, "it computes")
        c.close()
        # And there is an end of it.
        c, ours, _ = asked(r, post(0))
        try:
            for _ in range(200):
                c.sendall(b"x" * 30000)
        except OSError:
            pass
        check_eq(r.hear(kind=rb.CLOSED).value, rb.CLIENT)


@test
def whoever_is_slow_is_ended():
    def once():
        with relay() as r:
            silent, slow, socks, half = (r.client("127.0.0.1") for _ in range(4))
            at = time.monotonic()
            slow.sendall(b"CONNECT good.example")
            socks.sendall(b"\5\1\0")
            half.sendall(b"\5\2\0")
            check_eq(socks.recv(2), b"\5\0")
            ended = 0
            while ended < 3:
                if time.monotonic() - at < 4:
                    slow.sendall(b"e")
                m = r.hear(0.5)
                if m:
                    check_eq((m.type, m.value & 0x100), (rb.OPEN, 0x100))
                    r.say(rb.REFUSED, m.id)
                    ended += 1
                check(time.monotonic() - at < 8 * PATIENCE, "not ended")
            took = time.monotonic() - at
            check(took > 4.5, f"{took} s")
            check(slow.recv(1000).startswith(b"HTTP/1.1 408 "), "no 408")
            check_eq(socks.recv(100)[:2], b"\5\1")
            check_eq(half.recv(100), b"\5\xff")   # 1 would be a method
            check(rb.was_reset(silent), "a silent one is still there")
            return took
    check(quickest(once, 6.5, 4) < 6.5, "not its time")


@test
def a_head_without_an_end_is_bounded():
    with relay() as r:
        c = r.client("127.0.0.1")
        c.sendall(b"CONNECT good.example:443 HTTP/1.1\r\nX: " + b"x" * 70000)
        m = r.hear(kind=rb.OPEN)
        check_eq(m.value & 0x100, 0x100)
        r.say(rb.REFUSED, m.id)
        check(c.recv(1000).startswith(b"HTTP/1.1 431 "), "no 431")
        c.close()
        check_eq(r.hear(kind=rb.CLOSED).value, rb.END_REFUSED)


@test
def a_head_that_fits_and_does_not_as_its_server_wants_it():
    with relay() as r:
        c = r.client("127.0.0.1")
        head = b"GET http://a.example HTTP/1.0\r\nX: "
        c.sendall(head + b"x" * (65536 - len(head) - 4) + b"\r\n\r\n")
        m = r.hear(kind=rb.OPEN)
        check_eq(m.value & 0x100, 0x100)
        r.say(rb.REFUSED, m.id)
        check(c.recv(1000).startswith(b"HTTP/1.1 431 "), "no 431")


@test
def who_has_to_go_before_it_is_known_for_what_is_counted():
    with relay() as r:
        many = [r.client("127.0.0.1") for _ in range(530)]
        for c in many:   # 64 KiB of each are kept, 32 MiB of all
            with contextlib.suppress(OSError):
                c.sendall(b"CONNECT good.example:443 HTTP/1.1\r\nX: " + b"x" * 60000)
        m = r.hear(kind=rb.LIMIT)
        check_eq((m.value, m.up >= 1), (0, True))
        for c in many:
            c.close()


@test
def an_answer_arrives_before_what_was_sent_behind_is_dropped():
    with relay() as r:
        c = r.client("127.0.0.1")
        c.sendall(post(1 << 20))
        m = r.hear(kind=rb.OPEN)
        r.say(rb.REFUSED, m.id, value=1, name="no_rule: no rule grants it")
        c.sendall(b"x" * 300000)
        said = b""
        while part := c.recv(1000):
            said += part
        check(said.startswith(b"HTTP/1.1 403 ") and said.endswith(
            b"\r\n\r\nward: good.example:80 refused: no_rule: no rule grants it; grant: --cap 'NETWORK_CONNECT:good.example:80'\n"), str(said))
        c.close()
        check(rb.until(lambda: (r.hear(0.1) or m).type == rb.CLOSED), "not closed")


@test
def hundreds_that_say_nothing_cost_nothing():
    with relay() as r:
        many = [r.client("127.0.0.1") for _ in range(300)]
        check(r.busy() < 0.2, "it computes")
        c = r.client("127.0.0.1")
        c.sendall(connect("good.example:443").encode())
        check_eq(r.hear(kind=rb.OPEN).name, "good.example")
        for s in many:
            s.close()


if __name__ == "__main__":
    box.main()

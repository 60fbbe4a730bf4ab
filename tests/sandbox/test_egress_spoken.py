#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about connections that look at what is spoken: context.inspected, known once the client has said something."""
import contextlib
import ssl
import struct
import subprocess

import box
from box import both, both_cases
from egress_box import FETCH, HELLO, Http, NAME, PYTHON, Net, Talker, need, own_address, refused
from tap import check, check_eq, check_in

CONNECT = '(principal, action == Ward::Action::"net.connect", resource'
PERMIT = f'permit {CONNECT} in Ward::Host::"{NAME}");\npermit {CONNECT} in Ward::Cidr::"127.0.0.0/8");\n'
NO_ECH = '@id("no ech") @reason("names stay readable") forbid %s) when { context has inspected && context.inspected == Ward::Protocol::"tls_ech" };\n' % CONNECT
ONLY_TLS = '@id("tls alone") forbid %s) unless { context has inspected && context.inspected == Ward::Protocol::"tls" };\n' % CONNECT


def client_hello(name, ech=False):
    """As no library makes it, with an encrypted one in it."""
    listed = b"\0" + struct.pack(">H", len(name)) + name.encode()
    more = struct.pack(">HHH", 0, len(listed) + 2, len(listed)) + listed
    more += struct.pack(">HH", 0xfe0d, 8) + b"\0\0\1\0\1\x2a\0\0" if ech else b""
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(more)) + more
    body = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(body)) + body


FIRST = {
    "tls": client_hello(NAME),
    "tls_ech": client_hello(NAME, ech=True),
    "http": f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(),
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    "ssh": b"SSH-2.0-test\r\n",
    "none": b"\0\1\2\3 whatever",
}
# What went there and back.
SAYS = """
import socket, sys
data = bytes.fromhex(sys.argv[3])
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    s.settimeout(20)
    try:
        s.sendall(data)
        back = b""
        while len(back) < len(data):
            more = s.recv(65536)
            if not more:
                break
            back += more
    except ConnectionError:
        back = b""
    print("echoed" if back == data else "refused", flush=True)
"""


class Spoken(Net):
    """A server behind NAME that says everything back, and keeps it."""

    def __init__(self, p, policy, at="127.0.0.1"):
        super().__init__(p)
        self.heard = []

        def talk(s):
            with contextlib.suppress(OSError):
                while data := s.recv(65536):
                    self.heard.append(data)
                    s.sendall(data)
        self.talker = Talker(talk=talk, at=at)
        p.write("net.cedar", policy)

    def say(self, word, to=NAME, more=()):
        r, doc = self.run(PYTHON, "-c", SAYS, to, str(self.talker.port), FIRST[word].hex(),
                          grants=["--resolver", self.dns.at, "--policy", "net.cedar", *more])
        return r, doc

    def refuses(self, word, rule, line, to=NAME):
        before = len(self.heard)
        r, doc = self.say(word, to)
        check_eq(r.out, "refused\n", (word, r.err))
        found = refused(self, doc, f"{to}:{self.talker.port}", "protocol_forbidden")
        check_eq((found["rules"], found["detail"]["line"], "cure" in found["detail"]), ([rule], line, False))
        check_in(f"({word}), which a rule forbids", found["detail"]["why"])
        check_eq(len(self.heard), before, word)
        return found

    def passes(self, word, to=NAME):
        r, doc = self.say(word, to)
        check_eq((r.out, doc["violations"]), ("echoed\n", []), (word, r.err))
        check_eq([x["detail"]["inspected"] for x in self.told("net.connect")][-1], word)


@both
def a_hidden_name_is_passed_or_refused_by_policy(p):
    """Without a rule it goes, as long as its outer name is the one that was connected to; with one it does not, and the rest goes."""
    n = Spoken(p, PERMIT)
    n.passes("tls_ech")
    p.write("net.cedar", PERMIT + NO_ECH)
    found = n.refuses("tls_ech", "no ech", 3)
    check_in("names stay readable", found["detail"]["why"])
    for word in ("tls", "http", "none"):
        n.passes(word)


@both
def one_protocol_alone_may_be_spoken(p):
    n = Spoken(p, PERMIT + ONLY_TLS)
    for word in FIRST:
        if word == "tls":
            n.passes(word)
        else:
            n.refuses(word, "tls alone", 3)


@both
def nothing_is_spoken_by_an_address_that_is_not_by_its_name(p):
    """A literal address is judged by itself; of a name, what it leads to as well."""
    n = Spoken(p, PERMIT + ONLY_TLS.replace("resource)", 'resource in Ward::Cidr::"127.0.0.0/8")'))
    n.refuses("http", "tls alone", 3)
    n.passes("tls")
    here = own_address()
    if not here:
        return
    n = Spoken(p, PERMIT + f'permit {CONNECT} in Ward::Host::"{here}");\n' + ONLY_TLS, here)
    for word in ("none", "ssh"):
        n.refuses(word, "tls alone", 4, to=here)
    n.passes("tls", to=here)


@both_cases([("CONNECT", "connect"), ("SOCKS5", "socks5")])
def who_asks_the_proxy_is_held_to_it(p, how):
    need("/usr/bin/curl")
    n = Spoken(p, PERMIT + ONLY_TLS)
    way = ["-p", "-x", "http://127.0.0.1:1023"] if how == "connect" else ["-x", "socks5h://127.0.0.1:1023"]
    url = n.url()
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar"]
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", *way, url, grants=grants)
    check(r.code != 0 and HELLO.decode() not in r.out, r.out)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "protocol_forbidden")
    check_eq((found["rules"], found["detail"]["via"]), (["tls alone"], how))
    check_eq(n.http.requests, [])
    p.write("net.cedar", PERMIT)
    r, _ = n.run("/usr/bin/curl", "-sS", "-m", "20", *way, url, grants=grants)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)


@both
def real_tls_goes_through(p):
    """A whole handshake, each record of it asked about or not."""
    need("/usr/bin/curl")
    n = Spoken(p, PERMIT + ONLY_TLS)
    key = p.side / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
                    "-keyout", key, "-out", key.with_name("cert.pem")], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(key.with_name("cert.pem"), key)
    server = Http(n.www, tls=tls)
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar"]
    r, doc = n.run("/usr/bin/curl", "-sSk", "-m", "20", f"https://{NAME}:{server.port}/hello", grants=grants)
    check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
    r, doc = n.run(*FETCH["python"](n.url()), grants=grants)
    check(HELLO.decode() not in r.out, r.out)
    refused(n, doc, f"{NAME}:{n.http.port}", "protocol_forbidden")


BAD = {
    "a permit": (f'permit {CONNECT}) when {{ context has inspected && context.inspected == Ward::Protocol::"tls" }};\n', 1, "which nobody knows before it is made"),
    "a word that there is not": (NO_ECH.replace("tls_ech", "quic"), 1, "quic"),
    "without has": (f'forbid {CONNECT}) when {{ context.inspected == Ward::Protocol::"tls" }};\n', 1, "inspected"),
    "of files": ('forbid (principal, action == Ward::Action::"fs.read", resource) when { context has inspected && context.inspected == Ward::Protocol::"tls" };\n', 1, ""),
}


@both_cases([(name, *row) for name, row in BAD.items()])
def what_cannot_be_held_is_an_error(p, text, line, words):
    p.write("net.cedar", text)
    r = p.run("--policy", "net.cedar", "true")
    check_eq(r.code, 125, r.err)
    check_in(f"net.cedar:{line}:", r.err)
    check_in(words, r.err)


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The proxy of the host, by which a run's connections leave where that is the only way out (docs/egress.md): what is asked of it, when, what of
what it answers is believed, and what never goes by it. The proxy is the tests' own, and so is every server behind it.
"""
import base64
import contextlib
import errno
import socket
import threading
import time

import box
from box import both, both_cases
from egress_box import HELLO, NAME, PYTHON, Net, Talker
from tap import PATIENCE, check, check_eq, check_in

USER, PASSWORD = "ward-user", "s3cret%41:of\u00e4"
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
URL_LOGIN = "ward-user:s3cret%2541%3Aof%C3%A4"
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """An HTTP proxy that knows CONNECT: to whatever is asked for, at this host. answer(socket, target): what it does in place of that."""

    def __init__(self, answer=None, login=None):
        self.answer, self.login, self.asked, self.heads = answer, login, [], []
        self.s = socket.create_server(("127.0.0.1", 0))
        self.at = "127.0.0.1:%d" % self.s.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.s.accept()
                threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        with c, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                b = c.recv(1)
                if not b:
                    return
                head += b
            self.heads.append(head.decode())
            target = head.split()[1].decode()
            self.asked.append(target)
            if self.login and f"Proxy-Authorization: Basic {self.login}\r\n".encode() not in head:
                c.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 4\r\n\r\nno!\n")
            elif self.answer:
                self.answer(c, target)
            else:
                self.through(c, target, OK)

    @staticmethod
    def through(c, target, *pieces, pause=0.0):
        with socket.socket() as s:
            s.connect(("127.0.0.1", int(target.rsplit(":", 1)[1])))
            for piece in pieces:
                c.sendall(piece)
                time.sleep(pause)
            back = threading.Thread(target=Proxy.pump, args=(s, c), daemon=True)
            back.start()
            Proxy.pump(c, s)
            back.join()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        with contextlib.suppress(OSError):
            b.shutdown(socket.SHUT_WR)


class Up(Net):
    """NAME is known to the proxy alone: the name server has never heard of it."""

    def __init__(self, p, proxy=None):
        super().__init__(p, {"elsewhere.example": ["127.0.0.1"]})
        self.proxy = proxy or Proxy()

    def caps(self, *where):
        words = ["--resolver", self.dns.at]
        for w in where or (f"{NAME}:{self.http.port}",):
            words += ["--cap", f"NETWORK_CONNECT:{w}"]
        return words

    def get(self, *options, where=(), url=None, env=None, more=()):
        """What curl got, and the outcome."""
        return self.p.outcome(*self.caps(*where), *(options or ("--upstream-proxy", f"http://{self.proxy.at}")), *more, "--",
                              "/usr/bin/curl", "-sS", "-m", "45", url or self.url(), env=env)


def blocked(n, doc, reason):
    """It is on record by that word, and no violation."""
    found = [r["detail"] for r in n.told("net.block")]
    check_eq({d["reason"] for d in found}, {reason}, str(found))
    check_eq([v for v in doc["violations"] if v["axis"] == "network"], [])
    return found[0]


def nothing_of_the_login(p, r):
    kept = [f for f in p.base.rglob("*") if f.is_file() and f.name != "proxy"]
    check(p.log in kept, str(kept))
    for secret in (PASSWORD, LOGIN, URL_LOGIN, "s3cret"):
        for what, text in (("output", r.out.encode()), ("errors", r.err.encode()), *((f, f.read_bytes()) for f in kept)):
            check(secret.encode() not in text, f"{secret} in {what}")


@both
def a_granted_name_is_asked_of_it_and_no_name_server(p):
    n = Up(p)
    r, doc = n.get()
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(n.proxy.asked, [f"{NAME}:{n.http.port}"])
    check_eq(n.proxy.heads[0].split("\r\n"), [f"CONNECT {NAME}:{n.http.port} HTTP/1.1", f"Host: {NAME}:{n.http.port}", "", ""])
    check_eq(n.dns.queries, [])
    for kind in ("net.open", "net.connect"):
        d = n.told(kind)[0]["detail"]
        check_eq((d["name"], d["upstream"], d.get("address")), (NAME, n.proxy.at, None))
    check_eq(n.told("net.connect")[0]["detail"]["inspected"], "http")
    check_in(n.proxy.at, r.err)     # that nobody knows where names lead is said
    check_eq(doc["violations"], [])


@both
def what_is_not_granted_it_never_hears_of(p):
    n = Up(p)
    r, doc = n.get(url=f"http://other.test.example:{n.http.port}/hello")
    check(r.code != 0 and doc["violations"], r.err)
    r, doc = n.get(url=f"http://{NAME}:9/hello")
    check(r.code != 0 and doc["violations"], r.err)
    check_eq((n.proxy.asked, n.dns.queries), ([], []))


@both
def the_first_bytes_are_judged_as_ever(p):
    n = Up(p)
    script = (f"import socket\ns = socket.create_connection(('{NAME}', {n.http.port}))\n"
              "s.sendall(b'GET /hello HTTP/1.0\\r\\nHost: other.test.example\\r\\n\\r\\n')\nprint(s.recv(100))\n")
    r, _ = p.outcome(*n.caps(), "--upstream-proxy", f"http://{n.proxy.at}", "--", PYTHON, "-c", script)
    check("hello" not in r.out, r.out)
    check_eq([b["detail"]["reason"] for b in n.told("net.block")], ["name_mismatch"])
    check_eq(n.http.requests, [])


@both
def by_the_runs_own_proxy_too(p):
    n = Up(p)
    for x in ("http://127.0.0.1:1023", "socks5h://127.0.0.1:1023"):
        r, _ = p.outcome(*n.caps(), "--upstream-proxy", f"http://{n.proxy.at}", "--", "/usr/bin/curl", "-sS", "-x", x, n.url())
        check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(n.proxy.asked, 2 * [f"{NAME}:{n.http.port}"])


@both
def where_nothing_captures_too(p):
    n = Up(p)
    no_nft = box.refuse_calls(("socket", errno.EPROTONOSUPPORT, 2, None, 12))    # socket(AF_NETLINK, _, NETLINK_NETFILTER)
    r, _ = p.outcome(*n.caps(), "--upstream-proxy", f"http://{n.proxy.at}", "--", "/usr/bin/curl", "-sS", n.url(), preexec_fn=no_nft)
    check_eq((r.code, r.out, n.proxy.asked), (0, HELLO.decode(), [f"{NAME}:{n.http.port}"]), r.err)
    check_in("no nf_tables", r.err)


@both
def a_server_that_speaks_first_is_heard(p):
    """Also where its first bytes come with the answer's head, or the head comes in pieces, or behind another one."""
    banner = b"220 hello\r\n"
    t = Talker(b"rest\r\n")

    def with_the_head(c, target):
        Proxy.through(c, target, b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n" + banner)

    def in_pieces(c, target):
        Proxy.through(c, target, b"HTT", b"P/1.1 20", b"0 OK\r", b"\n\r", b"\n" + banner[:3], banner[3:], pause=0.05)

    def behind_another(c, target):
        Proxy.through(c, target, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 200\r\nContent-Length: 5\r\n\r\n" + banner)

    script = (f"import socket\ns = socket.create_connection(('{NAME}', {t.port}))\nf = s.makefile('rwb', 0)\n"
              "print(f.readline(), f.readline())\ns.sendall(b'echo\\n')\nprint(f.readline())\n")
    for how in (with_the_head, in_pieces, behind_another):
        n = Up(p, Proxy(how))
        r, _ = p.outcome(*n.caps(f"{NAME}:{t.port}"), "--upstream-proxy", f"http://{n.proxy.at}", "--", PYTHON, "-c", script)
        check_eq((r.code, r.out), (0, "b'220 hello\\r\\n' b'rest\\r\\n'\nb'echo\\n'\n"), f"{how.__name__}: {r.err}")


def says(text):
    def answer(c, _):
        c.sendall(text)
        c.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            c.recv(1)
    return answer


ANSWERS = {
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden", "upstream_refused", "answered 403"),
    "407": (b"HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\n\r\n", "upstream_login", "answered 407: it wants a user and a password"),
    "502 with a body": (b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n" + 100000 * b"<p>", "upstream_failed", "answered 502"),
    "503": (b"HTTP/1.0 503 \x1b[31mred\r\n\r\n", "upstream_failed", "answered 503"),
    "a way elsewhere": (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n", "upstream_refused", "answered 302"),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "upstream_broken", "no answer of HTTP"),
    "garbage": (b"SSH-2.0-OpenSSH_9.2\r\n", "upstream_broken", "no answer of HTTP"),
    "a number that is none": (b"HTTP/1.1 2000 OK\r\n\r\n", "upstream_broken", "no answer of HTTP"),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", "upstream_broken", "no answer of HTTP"),
    "a NUL": (b"HTTP/1.1 200 OK\0\r\n\r\n", "upstream_broken", "no answer of HTTP"),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n" + 2000 * b"X: yyyy\r\n", "upstream_broken", "no answer of HTTP"),
    "heads without an end": (1000 * b"HTTP/1.1 100 Continue\r\n\r\n", "upstream_broken", "no answer of HTTP"),
    "half a head": (b"HTTP/1.1 200 OK\r\nX: y\r\n", "upstream_broken", "ended the connection"),
    "nothing": (b"", "upstream_broken", "ended the connection"),
}


@both_cases([(name, *row) for name, row in ANSWERS.items()])
def what_it_answers_has_a_word(p, text, reason, words):
    n = Up(p, Proxy(says(text)))
    r, doc = n.get()
    check(r.code != 0 and r.out == "", r.out)
    d = blocked(n, doc, reason)
    check_in(words, d["why"])
    check_eq((d["name"], d["upstream"], "address" in d), (NAME, n.proxy.at, False))
    check_in(words, r.err)
    check("\x1b" not in r.err, r.err)
    check_eq(n.told("net.open"), [])


@both
def one_that_is_not_there_is_said(p):
    n = Up(p)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = "127.0.0.1:%d" % s.getsockname()[1]
        _, doc = n.get("--upstream-proxy", f"http://{nobody}")
    check_in("Connection refused", blocked(n, doc, "upstream_unreachable")["why"])
    p.log.unlink()
    _, doc = n.get("--upstream-proxy", "http://nowhere.example:3128")
    check_in("nowhere.example:3128 has no address", blocked(n, doc, "upstream_unreachable")["why"])


@both
def one_that_says_nothing_is_waited_for_so_long(p):
    def drips(c, _):
        for b in b"HTTP/1.1 200 OK\r\n" + 100 * PATIENCE * b"X: y\r\n":
            c.sendall(bytes([b]))
            time.sleep(0.2)

    def silent(c, target):
        if target.endswith(":2"):
            drips(c, target)
        c.recv(1)
    n = Up(p, Proxy(silent))
    begun = time.monotonic()
    _, doc = p.outcome(*n.caps(f"{NAME}:1", f"{NAME}:2"), "--upstream-proxy", f"http://{n.proxy.at}", "--",
                       "/bin/sh", "-c", f"curl -sS -m {45 * PATIENCE} -4 http://{NAME}:1/ & curl -sS -m {45 * PATIENCE} -4 http://{NAME}:2/; wait")
    check(25 < time.monotonic() - begun < 40 * PATIENCE, str(time.monotonic() - begun))
    blocked(n, doc, "upstream_silent")
    check_eq(len(n.told("net.block")), 2)


@both
def it_has_a_name_of_its_own(p):
    n = Up(p)
    port = n.proxy.at.rsplit(":", 1)[1]
    r, _ = n.get("--upstream-proxy", f"http://Elsewhere.example.:{port}/")
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq((n.dns.names(), n.proxy.asked), ({"elsewhere.example"}, [f"{NAME}:{n.http.port}"]))
    check_eq(n.told("net.open")[0]["detail"]["upstream"], f"elsewhere.example:{port}")


# ---- who it is, and what it is told ----

@both
def by_a_file_and_the_password_is_seen_nowhere(p):
    n = Up(p, Proxy(login=LOGIN))
    url = p.side / "proxy"
    url.write_text(f"http://{URL_LOGIN}@{n.proxy.at}\n")
    url.chmod(0o600)
    look = "cat /proc/*/cmdline /proc/*/environ | tr '\\0' '\\n'; curl -sS -m 20 " + n.url()
    r, doc = p.outcome(*n.caps(), "--upstream-proxy", f"file:{url}", "--", "/bin/sh", "-c", look)
    check_in(HELLO.decode(), r.out, r.err)
    check_in(f"Proxy-Authorization: Basic {LOGIN}\r\n", n.proxy.heads[0])
    nothing_of_the_login(p, r)
    check(str(n.proxy.at) not in r.out, r.out)
    plan = p.run(*n.caps(), "--upstream-proxy", f"file:{url}", "--", "/bin/true", kind=("plan", "--json"))
    check_in(n.proxy.at, plan.out)
    nothing_of_the_login(p, plan)
    # Another one is not taken, and that is all that is said of it.
    url.write_text(f"http://{URL_LOGIN}x@{n.proxy.at}")
    p.log.unlink()
    r, doc = n.get("--upstream-proxy", f"file:{url}")
    check_in("does not take the user and the password", blocked(n, doc, "upstream_login")["why"])
    nothing_of_the_login(p, r)


@both
def by_the_environment_where_the_option_says_so(p):
    n = Up(p, Proxy(login=LOGIN))
    env = {"HTTPS_PROXY": f"http://{URL_LOGIN}@{n.proxy.at}", "NO_PROXY": "localhost, .internal.example,10.0.0.0/8"}
    r, _ = n.get("--upstream-proxy", "env", env=env)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    nothing_of_the_login(p, r)
    # Without it nobody looks there.
    r, _ = p.outcome(*n.caps(), "--", "/usr/bin/curl", "-sS", "-m", "20", n.url(), env=env)
    check(r.code != 0, r.out)
    check_eq((len(n.proxy.asked), n.dns.names()), (1, {NAME}))
    r, _ = n.get("--upstream-proxy", "env", env={"HTTPS_PROXY": f"{n.proxy.at}", "no_proxy": NAME.split(".", 1)[1]})
    check(r.code != 0, r.out)
    check_eq(len(n.proxy.asked), 1)


@both
def a_policy_has_no_word_for_it(p):
    """What a repository brings, and what a component says of itself, names no proxy."""
    p.write("net.yaml", """schemaVersion: 2
kind: Policy
metadata: {name: net}
spec:
  fsProfiles:
    a:
      network: {mode: allow, allow: ["x.example:443"], upstream-proxy: "http://127.0.0.1:9"}
""")
    r = p.run("--policy", "net.yaml", "--profile", "a", "--", "/bin/true")
    check_eq(r.code, 125)
    check_in("upstream-proxy", r.err)


# ---- what does not go by it ----

@both
def what_is_spared_is_dialled_from_here(p):
    n = Up(p)
    n.dns.answers[NAME] = ["127.0.0.1"]
    where = (f"{NAME}:{n.http.port}", f"127.0.0.1:{n.http.port}")
    proxy = ("--upstream-proxy", f"http://{n.proxy.at}")
    for spared in (NAME, "test.example", ".test.example", "*.test.example", f"{NAME}:{n.http.port}", "*", "10.0.0.0/8,TEST.example."):
        r, _ = n.get(*proxy, "--upstream-direct", spared, where=where)
        check_eq((r.code, r.out, n.proxy.asked), (0, HELLO.decode(), []), spared + r.err)
        check("upstream" not in n.told("net.open")[-1]["detail"], spared)
    for other in ("est.example", f"{NAME}:9", "127.0.0.0/8", "x." + NAME):
        n.proxy.asked.clear()
        r, _ = n.get(*proxy, "--upstream-direct", other, where=where)
        check_eq((r.code, r.out, n.proxy.asked), (0, HELLO.decode(), [f"{NAME}:{n.http.port}"]), other + r.err)


@both
def the_hosts_own_service_never_goes_by_it(p):
    n = Up(p)
    host = f"host.ward.internal:{n.http.port}"
    r, _ = n.get(where=(host,), url=f"http://{host}/hello")
    check_eq((r.code, r.out, n.proxy.asked), (0, HELLO.decode(), []), r.err)


@both
def an_inner_address_is_not_asked_of_it(p):
    n = Up(p)
    for where, address in (("10.1.2.0/24:443", "10.1.2.3"), ("[fd00::/8]:443", "[fd00::1]"), ("100.64.0.1:443", "100.64.0.1")):
        _, doc = n.get(where=(where,), url=f"https://{address}/")
        check_in("--upstream-direct", blocked(n, doc, "upstream_inner")["why"])
        p.log.unlink()
    check_eq((n.proxy.asked, n.dns.queries), ([], []))
    _, doc = n.get(where=("169.254.169.254:443",), url="https://169.254.169.254/")
    check_eq(n.proxy.asked, [])


@both
def what_is_the_proxys_own_is_not_asked_of_it(p):
    n = Up(p)
    for name in ("localhost.localdomain", "localhost4", "metadata.google.internal"):
        n.get(where=(f"{name}:{n.http.port}",), url=f"http://{name}:{n.http.port}/")
        check_eq((n.proxy.asked, n.told("net.block")[-1]["detail"]["reason"]), ([], "upstream_inner"), name)


@both
def a_public_address_is_asked_of_it_as_it_is(p):
    n = Up(p)
    for where, url in (("203.0.113.0/24", "203.0.113.7"), ("[2001:db8::/32]", "[2001:db8::7]")):
        n.proxy.asked.clear()
        r, _ = n.get(where=(where + f":{n.http.port}",), url=f"http://{url}:{n.http.port}/hello")
        check_eq((r.code, n.proxy.asked), (0, [f"{url}:{n.http.port}"]), r.err)
        check_eq(n.told("net.open")[-1]["detail"]["address"], url.strip("[]"))


@both
def what_forbids_addresses_forbids_names_that_it_would_look_up(p):
    n = Up(p)
    p.write("net.cedar", 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"10.0.0.0/8");\n')
    _, doc = n.get(more=("--policy", "net.cedar"))
    check_eq([(v["resource"], v["cure"], v.get("line")) for v in doc["violations"] if v["axis"] == "network"], [(f"{NAME}:{n.http.port}", None, 1)],
             str(doc["violations"]))
    # At either of its addresses, perhaps: curl tries the second when the first is reset.
    check_eq(({b["detail"]["reason"] for b in n.told("net.block")}, n.proxy.asked), ({"upstream_address"}, []))
    # What the rule spares is spared, of what is never reached, too; and of a range each part is looked at that another one leaves of it.
    cidr = 'resource in Ward::Cidr::"{}"'.format
    for rule, asked in (('resource in Ward::Host::"169.254.169.254"', 0),
                        ('resource in Ward::Cidr::"169.254.0.0/16") unless { resource in Ward::Domain::"test.example" }; //', 1),
                        *((f'{cidr(whole)}) unless {{ {" || ".join(cidr(s) for s in spared)} }}; //', all_of_it) for whole, spared, all_of_it in (
                            ("10.0.0.0/8", ("10.0.0.0/24",), 0), ("10.0.0.0/8", ("10.9.0.0/24",), 0), ("10.0.0.0/8", ("10.255.255.0/24",), 0),
                            ("10.0.0.0/8", ("10.0.0.0/9", "10.128.0.0/10"), 0), ("10.0.0.0/8", ("10.0.0.0/9", "10.128.0.0/9"), 1),
                            ("10.0.0.0/8", ("0.0.0.0/0",), 1), ("fc00::/7", ("fc00::/8",), 0), ("255.0.0.0/8", ("255.0.0.0/9",), 0))),
                        ('resource in Ward::Cidr::"8.0.0.0/8") unless { resource in Ward::Host::"8.0.0.0" }; //', 0),
                        ('resource in Ward::Cidr::"10.0.0.0/8") unless { resource in Ward::Domain::"test.example" }; //', 1),
                        ('resource in Ward::Host::"other.test.example"', 1)):
        n.proxy.asked.clear()
        tail = ");\n" if "//" not in rule else "\n"
        p.write("net.cedar", 'forbid (principal, action == Ward::Action::"net.connect", ' + rule + tail)
        r, _ = n.get(more=("--policy", "net.cedar"))
        check_eq(len(n.proxy.asked), asked, f"{rule} {r.err}")


@both
def more_forbidden_addresses_than_are_looked_at_refuse_each(p):
    rule = 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"20.0.{}.0/24") unless {{ resource in Ward::Domain::"test.example" }};\n'
    for ranges, asked in ((256, 1), (257, 0)):
        n = Up(p)
        p.write("net.cedar", "".join(rule.format(i) if i < 256 else rule.format(0).replace("20.0", "20.1") for i in range(ranges)))
        r, _ = n.get(more=("--policy", "net.cedar"))
        check_eq(len(n.proxy.asked), asked, str(ranges))
    check_in("more addresses than are looked at", n.told("net.block")[-1]["detail"]["why"])


# ---- bad input: one line ----

BAD = {
    "": "an empty value",
    "http://u:p4ss@192.0.2.1:3128": "seen by every process",
    "https://192.0.2.1:3128": "otherwise than by HTTP without TLS",
    "socks5://192.0.2.1:1080": "otherwise than by HTTP without TLS",
    "http://192.0.2.1": "the port of the proxy is missing",
    "http://192.0.2.1:0": "no proxy is named by that",
    "http://192.0.2.1:65536": "no proxy is named by that",
    "http://192.0.2.1:3128/x": "behind the port of the proxy stands more",
    "http://127.1:3128": "no proxy is named by that",
    "http://[::1:3128": "no proxy is named by that",
    "file:": "an empty value",
    "file:/nonexistent/x": "cannot open",
    "file:/dev/null": "it is no regular file",
    "env": "HTTPS_PROXY is not set",
}


@both
def a_proxy_that_is_none_is_one_line(p):
    none = {k: "" for k in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")}
    for value, words in BAD.items():
        r = p.run("--upstream-proxy", value, "--", "/bin/true", env=none)
        lines = r.err.splitlines()
        check_eq((r.code, len(lines)), (125, 2 if len(lines) > 1 else 1), r.err)
        check_in("--upstream-proxy", lines[0])
        check_in(words, lines[0])
        check("p4ss" not in r.err, r.err)
    for key, url, no_proxy, words in (("HTTPS_PROXY", "http://u:p4ss@192.0.2.1", "", "HTTPS_PROXY: the port"),
                                      ("https_proxy", "http://u:p4s%zz@192.0.2.1:1", "", "https_proxy: the user or the password"),
                                      ("ALL_PROXY", "http://u:p4ss%0d%0aX:y@192.0.2.1:1", "", "ALL_PROXY: the user or the password"),
                                      ("HTTPS_PROXY", "http://192.0.2.1:1", "x.example, 192.168.*", "NO_PROXY: its entry number 2 is neither")):
        r = p.run("--upstream-proxy", "env", "--", "/bin/true", env={**none, key: url, "NO_PROXY": no_proxy})
        check_eq(r.code, 125)
        check_in(words, r.err)
        check("p4s" not in r.err, r.err)
    for value in ("a..b", "10.0.0.0/33", "[::1", "<local>", "x:0", "1.2.3"):
        r = p.run("--upstream-proxy", "http://192.0.2.1:1", "--upstream-direct", value, "--", "/bin/true")
        check_eq(r.code, 125)
        check_in("--upstream-direct", r.err)
    r = p.run("--upstream-direct", "x.example", "--", "/bin/true")
    check_eq(r.code, 125)
    check_in("--upstream-direct: there is no proxy that it could spare", r.err)


@both
def a_file_that_others_may_read_or_that_the_command_may_is_refused(p):
    url = p.ws / "proxy"
    for text, mode, grants, words in (("http://u:p4ss@192.0.2.1:1\n", 0o644, (), "everybody may read the file"),
                                      ("http://u:p4ss@192.0.2.1:1\n", 0o602, (), "everybody may read the file"),
                                      ("http://u:p4ss@192.0.2.1:1\nx", 0o600, (), "has not one line"),
                                      ("", 0o600, (), "has not one line"),
                                      ("http://u:p4ss@192.0.2.1:1\0", 0o600, (), "has not one line"),
                                      ("http://u:p4ss@192.0.2.1:1\n", 0o600, ("--read", "."), "where the command could read it"),
                                      ("http://u:p4ss@192.0.2.1:1\n", 0o600, ("--read", "proxy"), "where the command could read it"),
                                      ("http://u:p4ss@192.0.2.1:1\n", 0o600, ("--write", "."), "where the command could read it")):
        url.write_text(text)
        url.chmod(mode)
        r = p.run(*grants, "--upstream-proxy", "file:proxy", "--", "/bin/true")
        check_eq(r.code, 125, words + r.err)
        check_in(words, r.err)
        check("p4ss" not in r.err, r.err)
    url.chmod(0o600)
    url.write_text("http://u:p4ss@192.0.2.1:1\n")
    (p.ws / "d").mkdir()
    (p.ws / "d/other").hardlink_to(url)
    r = p.run("--read", "d", "--upstream-proxy", "file:proxy", "--", "/bin/cat", "d/other")
    check_eq((r.code, "p4ss" in r.out), (125, False), r.err)
    check_in("the file has another name, a hard link", r.err)
    (p.ws / "d/other").unlink()
    r = p.run("--upstream-proxy", "file:proxy", "--", "/bin/true")
    check_eq(r.code, 0, r.err)


if __name__ == "__main__":
    box.main(at_once=4)

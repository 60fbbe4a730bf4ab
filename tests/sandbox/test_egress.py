#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Egress from end to end: real clients, unconfigured, reach what was granted by name and port, and nothing else; what is refused is refused at
once, with the record that says so, and for a refused name nothing reaches a name server. All servers are the tests' own.
"""
import contextlib
import json
import os
import resource
import socket
import subprocess
import time

import box
import cli
from box import both, both_cases, root_only
from ceiling_box import ceiling, own_etc
from egress_box import FETCH, HELLO, NAME, PYTHON, Dns, Http, Net, Talker, need, refused, until
from tap import check, check_eq, check_in, skip

@both_cases([(name, name) for name in FETCH])
def reaches_what_was_granted_and_nothing_else_with(p, client):
    n = Net(p)
    need(FETCH[client]("")[0])
    r, doc = n.run(*FETCH[client](n.url()))
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(doc["violations"], [])
    check(until(lambda: n.told("net.connect")), "no net.connect")
    c = n.told("net.connect")[-1]
    check_eq((c["resource"], c["effect"], c["detail"]["inspected"], c["detail"]["address"]),
             (f"{NAME}:{n.http.port}", "allow", "http", "127.0.0.1"))
    check(c["detail"]["down"] > len(HELLO), str(c))
    asked, served = len(n.dns.queries), len(n.http.requests)
    r, doc = n.run(*FETCH[client](n.url("other.test.example")))
    check(r.code != 0, r.out)
    refused(n, doc, "other.test.example", "no_rule")
    check_eq((len(n.dns.queries), len(n.http.requests)), (asked, served), str(n.dns.queries))
    # The same name at another port. Node 20 now and then ends with 0 and without a word when its connection is reset so soon.
    r, doc = n.run(*FETCH[client](n.url(port=8009)))
    check(r.code != 0 or (client == "node" and not r.out), r.out)
    found = refused(n, doc, f"{NAME}:8009", "no_rule")
    check_eq(found["detail"]["cure"], f"--cap 'NETWORK_CONNECT:{NAME}:8009'")
    check_eq(len(n.http.requests), served)


PROFILES = """\
schemaVersion: 2
kind: Policy
metadata: {name: net}
spec:
  fsProfiles:
    base: {read: ["**"], allowExec: ["*"]}
    fetch:
      extends: base
      network:
        mode: allow
        allow:
          - "*.test.example:PORT"
          - 127.0.0.0/8:PORT
        deny: [bad.test.example:PORT]
    wide: {extends: base, network: {mode: open, deny: ["**.evil.example:*"]}}
    none: {extends: fetch, network: {mode: deny-all}}
"""


@both
def a_profile_says_what_may_be_connected_to(p):
    n = Net(p, {NAME: ["127.0.0.1"], "bad.test.example": ["127.0.0.1"], "x.evil.example": ["127.0.0.1"]})
    p.write("net.yaml", PROFILES.replace("PORT", str(n.http.port)))

    def run(profile, *words, more=()):
        return n.run(*words, grants=["--resolver", n.dns.at, "--policy", "net.yaml", "--profile", profile, *more])

    def denied(doc, resource, line):
        detail = refused(n, doc, resource)["detail"]
        check_eq((detail["why"], detail["file"], detail["line"]), ("a rule forbids it", "net.yaml", line))
        check_eq([(v["file"], v["line"]) for v in doc["violations"]], [("net.yaml", line)])

    r, doc = run("fetch", *FETCH["curl"](n.url()))
    check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
    check_eq(n.told("net.connect")[-1]["rules"], [f"NETWORK_CONNECT *.test.example:{n.http.port}"])
    # What is denied is named by its line, and no question about it leaves; nor of what is not there at all.
    asked, served = len(n.dns.queries), len(n.http.requests)
    r, doc = run("fetch", *FETCH["curl"](n.url("bad.test.example")))
    check(r.code != 0, r.out)
    denied(doc, "bad.test.example", 14)
    check_in("a rule forbids it (net.yaml:14)", r.err)
    r, doc = run("fetch", *FETCH["curl"](n.url("other.example")))
    check(r.code != 0, r.out)
    refused(n, doc, "other.example", "no_rule")
    check_eq(len(n.dns.queries), asked)
    # Open: every name, but no inner address that no rule means.
    r, doc = run("wide", *FETCH["curl"](n.url()))
    check(r.code != 0, r.out)
    refused(n, doc, f"{NAME}:{n.http.port}", "address_class")
    check_eq(len(n.http.requests), served)
    r, doc = run("wide", *FETCH["curl"](n.url()), more=["--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"])
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    r, doc = run("wide", *FETCH["curl"](n.url("x.evil.example")))
    check(r.code != 0, r.out)
    denied(doc, "x.evil.example", 15)
    check("x.evil.example" not in n.dns.names(), str(n.dns.queries))


@both
def a_profile_that_denies_all_is_lifted_by_no_option(p):
    p.write("net.yaml", PROFILES.replace("PORT", "80"))
    words = ["--policy", "net.yaml", "--profile", "none", "--cap"]
    r = p.run(*words, f"NETWORK_CONNECT:{NAME}:80", "--", "/bin/true")
    check(r.code != 0, r.out)
    check_in("net.yaml:16", r.err)
    # What names more than one endpoint is looked at when it is connected to.
    n = Net(p)
    r, doc = n.run(*FETCH["curl"](n.url()), grants=["--resolver", n.dns.at, *words, f"NETWORK_CONNECT:*.test.example:{n.http.port}"])
    check(r.code != 0, r.out)
    detail = refused(n, doc, NAME)["detail"]
    check_eq((detail["file"], detail["line"]), ("net.yaml", 16))
    check_eq((n.dns.queries, n.http.requests), ([], []))


SWIFT = """
import socket, sys, time
def took(host, port):
    best = 9
    for _ in range(8):
        t = time.monotonic()
        try:
            socket.create_connection((host, port), 5).recv(1)
            print("open", host, port)
        except OSError:
            pass
        best = min(best, time.monotonic() - t)
    return best
for where in sys.argv[1:]:
    host, port = where.rsplit(":", 1)
    print(where, int(took(host, int(port)) * 1000))
"""


@both
def refuses_names_ports_and_addresses_within_50_ms(p):
    n = Net(p)
    where = ["other.test.example:80", f"{NAME}:8009", "93.184.216.34:443", "2606:4700::1:443", "169.254.169.254:80", "10.1.2.3:22", "198.18.0.77:80",
             "198.19.255.255:80", "fd77:6172:6400::9:80"]
    r, doc = n.run(PYTHON, "-c", SWIFT, *where)
    check_eq(r.code, 0, r.err)
    for line in r.out.splitlines():
        at, ms = line.rsplit(" ", 1)
        check(int(ms) < 50, line)
        check(not at.startswith("open"), line)
    check_eq(len(r.out.splitlines()), len(where), r.out)
    for resource in ("other.test.example", f"{NAME}:8009", "93.184.216.34:443", "[2606:4700::1]:443", "169.254.169.254:80"):
        refused(n, doc, resource)
    refused(n, doc, "198.18.0.77:80", "no_name")
    check(n.dns.names() <= {NAME}, str(n.dns.queries))
    check_eq(n.http.requests, [])
    # However often it was tried, it is one violation, and few records.
    check_eq(len([v for v in doc["violations"] if v["resource"] == "93.184.216.34:443"]), 1)
    check_eq(next(v["count"] for v in doc["violations"] if v["resource"] == "93.184.216.34:443"), 8)
    check(len([r for r in n.told() if r["resource"] == "93.184.216.34:443"]) <= 5, "too many records")


ADDRESSES = {
    "loopback": ("127.0.0.1", "address_class"),
    "loopback as a mapped address": ("::ffff:127.0.0.1", "address_class"),
    "IPv6 loopback": ("::1", "address_class"),
    "private": ("10.255.255.1", "address_class"),
    "metadata": ("169.254.169.254", "address_never"),
    "metadata in NAT64": ("64:ff9b::a9fe:a9fe", "address_never"),
    "unspecified": ("0.0.0.0", "address_never"),
    "multicast": ("224.0.0.1", "address_never"),
    "the run's own range": ("198.18.0.1", "address_never"),
}


@both_cases([(name, *row) for name, row in ADDRESSES.items()])
def dials_no_address_that_needs_its_own_rule_for_a_name_that_leads_to(p, address, reason):
    n = Net(p, {NAME: [address]})
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(),
                   grants=["--resolver", n.dns.at, "--cap", f"NETWORK_CONNECT:{NAME}:{n.http.port}"])
    check(r.code != 0, r.out)
    refused(n, doc, f"{NAME}:{n.http.port}", reason)
    check_eq(n.http.requests, [])


CONNECT = '(principal, action == Ward::Action::"net.connect", resource'
WIDE = {
    "every address": ("0.0.0.0/0", None),
    "half of them": ("0.0.0.0/1", None),
    "a permit of all": (None, f"permit {CONNECT});"),
    "a permit of a port": (None, f"permit {CONNECT} is Ward::Endpoint) when {{ resource.port == PORT }};"),
    "a permit of every address": (None, f'permit {CONNECT} in Ward::Cidr::"0.0.0.0/0");'),
}


@both_cases([(name, *row) for name, row in WIDE.items()])
def a_rule_that_names_no_inner_address_opens_none(p, grant, policy):
    n = Net(p)
    words = ["--resolver", n.dns.at, "--cap", f"NETWORK_CONNECT:{NAME}:{n.http.port}"]
    if grant:
        words += ["--cap", f"NETWORK_CONNECT:{grant}:{n.http.port}"]
    else:
        p.write("wide.cedar", policy.replace("PORT", str(n.http.port)) + "\n")
        words += ["--policy", "wide.cedar"]
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(), grants=words)
    check(r.code != 0, r.out)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "address_class")
    check_eq(found["detail"]["cure"], f"--cap 'NETWORK_CONNECT:127.0.0.1:{n.http.port}'")
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", "http://10.255.255.1:%d/" % n.http.port, grants=words)
    check(r.code != 0, r.out)
    refused(n, doc, f"10.255.255.1:{n.http.port}", "no_rule")
    if policy and "Cidr" not in policy:
        r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url("host.ward.internal"), grants=words)
        check(r.code != 0, r.out)
        refused(n, doc, f"host.ward.internal:{n.http.port}", "address_class")
    check_eq(n.http.requests, [])


FORBIDDEN = {
    "a public address": (NAME, ["93.184.216.34"], ' in Ward::Cidr::"93.0.0.0/8")'),
    "an IPv6 one that carries it": (NAME, ["64:ff9b::5db8:d822"], ' in Ward::Cidr::"93.0.0.0/8")'),
    "one at one port": (NAME, ["93.184.216.34"], ' == Ward::Endpoint::"93.184.216.34:PORT")'),
    "the loopback": (NAME, ["127.0.0.1"], ' in Ward::Host::"127.0.0.1")'),
    "the host's loopback": ("host.ward.internal", [], ') when { resource in Ward::Cidr::"127.0.0.0/8" || resource in Ward::Host::"::1" }'),
}


@both_cases([(name, *row) for name, row in FORBIDDEN.items()])
def a_forbid_of_an_address_holds_behind_a_name(p, name, answers, forbid):
    n = Net(p, {NAME: answers})
    p.write("deny.cedar", f'@id("not.there") forbid {CONNECT}{forbid.replace("PORT", str(n.http.port))};\n')
    words = ["--resolver", n.dns.at, "--cap", f"NETWORK_CONNECT:{name}:{n.http.port}", "--policy", "deny.cedar"]
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(name), grants=words)
    check(r.code != 0, r.out)
    found = refused(n, doc, f"{name}:{n.http.port}", "address_forbidden")
    check_eq((found["rules"], found["detail"]["line"]), (["not.there"], 1))
    check_eq(n.http.requests, [])


@both
def a_forbid_that_spares_a_name_spares_what_it_leads_to(p):
    n = Net(p)
    p.write("only.cedar", f'forbid {CONNECT}) unless {{ resource in Ward::Host::"{NAME}" || resource in Ward::Host::"127.0.0.1" }};\n')
    r, _ = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(), grants=n.grants() + ["--policy", "only.cedar"])
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)


@both
def an_answer_that_changes_opens_nothing(p):
    """Rebinding: the first answers are harmless, then comes the loopback."""
    n = Net(p, {NAME: [["192.0.2.1"], ["127.0.0.1"]]})
    script = f"""
import socket, time
for i in range(3):
    try:
        s = socket.create_connection(({NAME!r}, {n.http.port}), 1)
        s.sendall(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
        print(s.recv(100))
    except OSError as e:
        print("refused", e)
    time.sleep(1.3)
"""
    r, doc = n.run(PYTHON, "-c", script, grants=["--resolver", n.dns.at, "--cap", f"NETWORK_CONNECT:{NAME}:{n.http.port}"])
    check("HTTP" not in r.out, r.out)
    check(len([q for q in n.dns.queries if q[1] == 1]) >= 2, str(n.dns.queries))
    check_eq(n.http.requests, [])
    refused(n, doc, f"{NAME}:{n.http.port}", "address_class")


@both_cases([("that cuts its answers", "cut"), ("before whose answers come others", "other")])
def works_with_a_name_server(p, how):
    n = Net(p, how=how)
    r, _ = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url())
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)


# What it does, and how that ends, by errno; "reset": of connect, or behind it.
SEEN = f"""
import errno, json, socket, sys, time
PORT = int(sys.argv[1])
def tcp(a, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.settimeout(5)
        try:
            s.connect(a)
            s.sendall(b"\\1hello")
            return s.recv(10).decode() or "end"
        except (ConnectionResetError, BrokenPipeError):
            return "reset"
def udp(a, call):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return s.connect(a) if call == "connect" else s.sendto(b"x", a) if call == "sendto" else s.sendmsg([b"x"], [], 0, a)
name = socket.getaddrinfo({NAME!r}, PORT, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
rows = dict(
    name=lambda: socket.getaddrinfo("other.test.example", PORT), port=lambda: tcp((name, 8009)), literal=lambda: tcp(("93.184.216.34", 443)),
    never=lambda: tcp(("169.254.169.254", 80)), many=lambda: tcp(("224.0.0.1", 80)), broadcast=lambda: tcp(("255.255.255.255", 80)),
    zero=lambda: tcp((name, 0)), own=lambda: tcp(("127.0.0.1", 8009)), connect=lambda: udp(("93.184.216.34", 443), "connect"),
    sendto=lambda: udp(("93.184.216.34", 443), "sendto"), sendmsg=lambda: udp(("93.184.216.34", 443), "sendmsg"), quic=lambda: udp((name, 443), "sendto"))
if sys.argv[2] == "6":
    rows.update(literal6=lambda: tcp(("2606:4700::1", 443), socket.AF_INET6), own6=lambda: tcp(("::1", 8009), socket.AF_INET6))
said = {{}}
for what, fn in rows.items():
    took = []
    for _ in range(20):
        t = time.monotonic()
        try:
            end = fn()
        except socket.gaierror as e:
            end = "no such name" if e.errno == socket.EAI_NONAME else str(e)
        except OSError as e:
            end = errno.errorcode.get(e.errno, str(e))
        took.append((time.monotonic() - t) * 1000)
        if min(took) < 50 and len(took) > 2:
            break
    said[what] = [str(end), min(took)]
print(json.dumps(said))
"""
SEES = {"name": "no such name", "port": "reset", "literal": "reset", "never": "reset", "many": "ENETUNREACH", "broadcast": "ENETUNREACH",
        "zero": "ENETUNREACH", "own": "ECONNREFUSED", "connect": "ENETUNREACH", "sendto": "ENETUNREACH", "sendmsg": "EPERM", "quic": "ENETUNREACH",
        "literal6": "reset", "own6": "ECONNREFUSED"}


@both
def who_is_refused_sees_so_at_once(p):
    """As the table of docs/egress.md says."""
    n = Net(p)
    six = os.path.exists("/proc/net/if_inet6")
    r, doc = n.run(PYTHON, "-c", SEEN, str(n.http.port), "6" if six else "4")
    check_eq(r.code, 0, r.err)
    said = json.loads(r.out)
    check_eq({k: v[0] for k, v in said.items()}, {k: v for k, v in SEES.items() if k in said})
    check_eq([k for k, v in said.items() if v[1] >= 50], [], r.out)
    named = {v["resource"] for v in doc["violations"]}
    for what in ("other.test.example", f"{NAME}:8009", "93.184.216.34:443", "169.254.169.254:80", "224.0.0.1:80", "255.255.255.255:80",
                 *["[2606:4700::1]:443"] * six):
        check_in(what, named)
    check_eq(n.http.requests, [])


@both
def a_name_server_that_nobody_reaches_is_no_way_around(p):
    n = Net(p)
    n.dns.close()
    r, doc = n.run(*FETCH["python"](n.url()))
    check(r.code != 0 and not r.out, r.out)
    check_in(n.told("net.block")[-1]["detail"]["reason"], ("resolver_silent", "not_resolved"))
    check_eq((doc["violations"], n.http.requests), ([], []))


@root_only
def a_silent_name_server_is_waited_for_so_long(p):
    n = Net(p, how="silent")
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "25", n.url())
    check(r.code not in (0, 28), f"{r.code} {r.err}")
    check_eq(n.told("net.block")[-1]["detail"]["reason"], "resolver_silent")
    # No fault of the run's; the report says why all the same.
    check_eq(doc["violations"], [])
    check_in("no name server outside answered", r.err)


@both
def a_name_that_is_not_there_and_a_server_that_is_not_are_told(p):
    n = Net(p, {"other.test.example": []})
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url())
    check(r.code != 0)
    check_eq(n.told("net.block")[-1]["detail"]["reason"], "not_resolved")
    n = Net(p)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(port=port), grants=n.grants(port=port))
    check(r.code != 0)
    check_eq(n.told("net.block")[-1]["detail"]["reason"], "unreachable")
    check_eq(doc["violations"], [])


def own_address():
    """One of this host's that is no loopback; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(OSError):
        s.connect(("203.0.113.1", 9))   # sends nothing
        return s.getsockname()[0]
    return None


@both
def host_must_be_the_name(p):
    n = Net(p)
    r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", "-H", "Host: other.test.example", n.url())
    check(r.code != 0, r.out)
    refused(n, doc, f"{NAME}:{n.http.port}", "name_mismatch")
    check_eq(n.http.requests, [])
    # To a granted address a granted name may be said, and no other: one of the host's, where somebody listens.
    here = own_address()
    if here:
        with socket.create_server((here, 0)) as server:
            port = server.getsockname()[1]
            r, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", "-H", "Host: other.test.example", f"http://{here}:{port}/",
                           grants=["--cap", f"NETWORK_CONNECT:{here}:{port}", "--cap", f"NETWORK_CONNECT:{NAME}:{port}"])
            check(r.code != 0, r.out)
            refused(n, doc, f"{here}:{port}", "name_mismatch")


@both
def ipv6_works_alone(p):
    if not os.path.exists("/proc/net/if_inet6"):
        skip("no IPv6")
    n = Net(p, six=True)
    r, _ = n.run("/usr/bin/curl", "-6", "-sS", "-m", "20", n.url())
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    r, _ = n.run("/usr/bin/curl", "-4", "-sS", "-m", "20", n.url())
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)


@both
def the_own_loopback_works_and_is_not_the_host_s(p):
    n = Net(p)
    script = f"""
import socket, threading
s = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: s.accept()[0].sendall(b"own"), daemon=True).start()
print(socket.create_connection(s.getsockname(), 5).recv(3))
try:
    socket.create_connection(("127.0.0.1", {n.http.port}), 5)
    print("the host's")
except OSError:
    print("not there")
"""
    r, _ = n.run(PYTHON, "-c", script)
    check_eq((r.code, r.out.split()), (0, ["b'own'", "not", "there"]), r.err)
    check_eq(n.http.requests, [])


@both
def the_host_s_loopback_by_its_name(p):
    n = Net(p)
    grants = ["--resolver", n.dns.at, "--cap", f"NETWORK_CONNECT:host.ward.internal:{n.http.port}"]
    r, _ = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url("host.ward.internal"), grants=grants)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(n.dns.queries, [])


@both
def a_server_that_speaks_first_is_heard_first(p):
    n = Net(p)
    t = Talker(b"220 hello\r\n")
    script = f"""
import socket
s = socket.create_connection(({NAME!r}, {t.port}), 10)
print(s.recv(11))
s.sendall(b"x" * 70000 + b"!")
n = 0
while n < 70001:
    n += len(s.recv(65536))
print(n)
"""
    r, _ = n.run(PYTHON, "-c", script, grants=n.grants(port=t.port))
    check_eq((r.code, r.out.split()), (0, ["b'220", "hello\\r\\n'", "70001"]), r.err)
    c = n.told("net.connect")[-1]["detail"]
    check_eq((c["inspected"], c["up"], c["down"]), ("none", 70001, 70012))


@both
def git_over_http_and_its_own_protocol(p):
    n = Net(p)
    repo = n.www / "r.git"
    env = dict(os.environ, HOME=str(p.side), GIT_CONFIG_NOSYSTEM="1")
    work = p.side / "work"

    def git(*words):
        subprocess.run(["/usr/bin/git", "-c", "user.name=n", "-c", "user.email=e@example.com", *words], check=True, env=env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    need("/usr/bin/git")
    git("init", "-q", str(work))
    (work / "f").write_text("text\n")
    git("-C", str(work), "add", "f")
    git("-C", str(work), "commit", "-qm", "c")
    git("clone", "-q", "--bare", str(work), str(repo))
    git("-C", str(repo), "update-server-info")
    r, _ = n.run("/usr/bin/git", "clone", "-q", f"http://{NAME}:{n.http.port}/r.git", "got", grants=n.grants() + ["--write", "."])
    check_eq(r.code, 0, r.err)
    check_eq((p.ws / "got/f").read_text(), "text\n")
    r, doc = n.run("/usr/bin/git", "clone", "-q", f"git://{NAME}/r.git", "got2", grants=n.grants() + ["--write", "."])
    check(r.code != 0)
    refused(n, doc, f"{NAME}:9418", "no_rule")


@both
def ssh_reaches_a_server(p):
    n = Net(p)
    ssh = need("/usr/bin/ssh")
    said = []
    t = Talker(b"SSH-2.0-test\r\n", talk=lambda c: said.append(c.recv(100)))
    grants = n.grants(port=t.port)
    r, _ = n.run(ssh, "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-p", t.port, f"u@{NAME}", "true", grants=grants)
    check(r.code != 0)
    check(until(lambda: said) and said[0].startswith(b"SSH-2.0-"), f"{said} {r.err}")
    check_eq(n.told("net.connect")[-1]["detail"]["inspected"], "ssh")


@both
def tls_must_name_the_name(p):
    n = Net(p)
    openssl = need("/usr/bin/openssl")
    key = p.side / "key.pem"
    # The machine's own configuration may be missing.
    (p.side / "cnf").write_text("[req]\ndistinguished_name=d\n[d]\n")
    subprocess.run([openssl, "req", "-config", str(p.side / "cnf"), "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", f"/CN={NAME}", "-days", "2", "-keyout", str(key), "-out", str(p.side / "cert.pem")], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    import ssl  # pylint: disable=import-outside-toplevel
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(p.side / "cert.pem"), str(key))
    server = Http(n.www, tls=context)
    grants = n.grants(port=server.port)
    r, _ = n.run("/usr/bin/curl", "-sSk", "-m", "20", f"https://{NAME}:{server.port}/hello", grants=grants)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(n.told("net.connect")[-1]["detail"]["inspected"], "tls")
    r, _ = n.run(openssl, "s_client", "-brief", "-connect", f"{NAME}:{server.port}", "-servername", NAME, grants=grants)
    check_in("CONNECTION ESTABLISHED", r.err)
    r, doc = n.run(openssl, "s_client", "-brief", "-connect", f"{NAME}:{server.port}", "-servername", "other.test.example", grants=grants)
    check("CONNECTION ESTABLISHED" not in r.err, r.err)
    refused(n, doc, f"{NAME}:{server.port}", "name_mismatch")


@both
def psql_is_followed_through_its_question_for_tls(p):
    n = Net(p)
    psql = need("/usr/bin/psql")
    said = []

    def talk(c):
        said.append(c.recv(8))
        c.sendall(b"N")
        said.append(c.recv(4096))
        c.sendall(b"E" + (4 + 2 + 12 + 1).to_bytes(4, "big") + b"SERROR\0Mtest\0\0")
    t = Talker(talk=talk)
    r, _ = n.run(psql, f"host={NAME} port={t.port} user=u dbname=d connect_timeout=10", grants=n.grants(port=t.port))
    check(r.code != 0)
    check(until(lambda: len(said) == 2), str(said))
    check_in(b"user\0u\0", said[1])
    check_eq(n.told("net.connect")[-1]["resource"], f"{NAME}:{t.port}")


@both
def net_log_prints_it(p):
    n = Net(p)
    _, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(), n.url("other.test.example"))
    r = cli.ward("net", "log", doc["run"], "--audit", str(p.log))
    check_eq(r.code, 0, r.err)
    check_in(f'net.connect allow NETWORK_CONNECT "{NAME}:{n.http.port}"', r.out)
    check_in('dns.block deny NETWORK_CONNECT "other.test.example"', r.out)
    check_in("inspected=http", r.out)
    # A connection that is over is one line.
    check("net.open" not in r.out, r.out)
    r = cli.ward("net", "log", "--json", doc["run"], "--audit", str(p.log))
    check_eq({json.loads(line)["kind"] for line in r.out.splitlines()}, {"dns.query", "net.open", "net.connect", "dns.block"})
    r = cli.ward("net", "log", "0" * 26, "--audit", str(p.log))
    check_eq(r.code, 2, r.out)
    check_in("has nothing of run", r.err)


ONLY_CURL = """
@advisory("program") @id("curl") permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"%s")
  when { context has program && context.program == "/usr/bin/curl" };
"""
NOT_CURL = """
permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"%s");
@id("no curl") forbid (principal, action == Ward::Action::"net.connect", resource)
  when { context has program && context.program == "/usr/bin/curl" };
"""


@both_cases([("by nf_tables", ()), ("by the proxy", ("-x", "http://127.0.0.1:1023"))])
def a_permit_for_a_program_is_no_other_programs(p, more):
    """Its path counts: not what it calls itself, nor a copy of it. The name is answered to all, since who asks is not known."""
    need("/usr/bin/curl")
    n = Net(p)
    p.write("net.cedar", ONLY_CURL % NAME)
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar", "--write", ".", "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"]
    curl = [FETCH["curl"](n.url())[0], *more, *FETCH["curl"](n.url())[1:]]
    r, doc = n.run(*curl, grants=grants)
    check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
    check_eq([(x["rules"], x["detail"]["program"]) for x in n.told("net.open")], [(["curl"], "/usr/bin/curl")])
    served = len(n.http.requests)
    another = ["/bin/sh", "-c", 'cp /usr/bin/curl curl && exec ./curl "$@"', "sh", *curl[1:]]
    renamed = [PYTHON, "-c", f"open('/proc/self/comm', 'w').write('curl')\nimport urllib.request as u; u.urlopen({n.url()!r})"]
    for words, program in ((another, str(p.ws / "curl")), (renamed, os.path.realpath(PYTHON))):
        r, doc = n.run(*words, grants=grants)
        check(HELLO.decode() not in r.out, r.out)
        found = refused(n, doc, f"{NAME}:{n.http.port}", "no_rule")
        check_eq(found["detail"]["program"], program)
        check_eq(found["detail"]["comm"], "curl")
    check_eq(len(n.http.requests), served)


@both
def a_forbid_of_a_program_is_of_that_one_alone(p):
    need("/usr/bin/curl")
    n = Net(p)
    p.write("net.cedar", NOT_CURL % NAME)
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar", "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"]
    r, doc = n.run(*FETCH["python"](n.url()), grants=grants)
    check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
    r, doc = n.run(*FETCH["curl"](n.url()), grants=grants)
    check(r.code != 0 and not r.out, r.out)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "no_rule")
    check_eq((found["rules"], found["detail"]["line"], "cure" in found["detail"]), (["no curl"], 3, False))


@both
def nor_is_it_gone_around_by_who_is_not_known(p):
    """A path may be longer than is looked at: such a program could be the one, and is refused as that."""
    need("/usr/bin/curl")
    n = Net(p)
    p.write("net.cedar", NOT_CURL % NAME)
    where = "/".join(["d" * 100] * 3)
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar", "--write", ".", "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"]
    words = ["/bin/sh", "-c", f'mkdir -p {where} && cp /usr/bin/curl {where}/c && exec {where}/c "$@"', "sh", *FETCH["curl"](n.url())[1:]]
    r, doc = n.run(*words, grants=grants)
    check(r.code != 0 and not r.out, r.out)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "no_rule")
    check_eq((found["rules"], found["detail"].get("program")), (["no curl"], None))
    # Where no rule looks at programs that is nobody's concern.
    r, _ = n.run(*words, grants=[*n.grants(), "--write", "."])
    check_in(HELLO.decode(), r.out, r.err)


@root_only
def what_a_ceiling_lists_for_a_program_may_be_asked_for(p):
    """An endpoint that nobody may connect to is refused before the start; of this one it depends on who does."""
    need("/usr/bin/curl")
    own_etc()
    n = Net(p)
    connect = '(principal, action == Ward::Action::"net.connect", resource'
    ceiling(1, f"""permit {connect}) when {{ context has program && context.program == "/usr/bin/curl" }};
permit {connect} in Ward::Cidr::"127.0.0.0/8");
forbid {connect} in Ward::Host::"other.test.example");
""")
    r, _ = n.run(*FETCH["curl"](n.url()))
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    r, doc = n.run(*FETCH["python"](n.url()))
    check(HELLO.decode() not in r.out, r.out)
    refused(n, doc, f"{NAME}:{n.http.port}", "no_rule")
    r = n.p.run(*n.grants(), "--cap", "NETWORK_CONNECT:other.test.example:443", "true")
    check(r.code != 0, r.out)
    check_in("other.test.example:443", r.err)
    check_in("a rule forbids it", r.err)


@both
def who_executes_another_program_is_that_one(p):
    """The same process, with the same number."""
    curl = FETCH["curl"]("")[0]
    need(curl)
    n = Net(p)
    script = f"import os, socket; socket.create_connection(({NAME!r}, {n.http.port}), 10).close(); os.execv({curl!r}, {FETCH['curl'](n.url())!r})"
    r, _ = n.run(PYTHON, "-c", script)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    opens = n.told("net.open")
    check_eq([o["detail"]["program"] for o in opens], [os.path.realpath(PYTHON), curl])
    check_eq(opens[0]["pid"], opens[1]["pid"])


@both
def who_connects_is_who_it_is_by_then(p):
    """One thread under two names, and its children, each with its own number."""
    n = Net(p)
    t = Talker(b"x")
    script = f"""
import os, socket
def go(name):
    with open("/proc/self/comm", "w") as f:
        f.write(name)
    with socket.create_connection(({NAME!r}, {t.port}), 10) as s:
        s.recv(1)
go("first")
go("second")
for name in ("third", "fourth"):
    pid = os.fork()
    if not pid:
        go(name)
        os._exit(0)
    os.waitpid(pid, 0)
go("fifth")
"""
    r = p.run("--attribution", "notify", *n.grants(port=t.port), "--", PYTHON, "-c", script)
    check_eq((r.code, r.err), (0, ""))
    opens = n.told("net.open")
    check_eq([o["detail"]["comm"] for o in opens], ["first", "second", "third", "fourth", "fifth"])
    pids = [o["pid"] for o in opens]
    check_eq((pids[0], pids[0]), (pids[1], pids[4]))
    check_eq(len(set(pids)), 3, str(pids))


@both
def many_at_once_are_each_their_own(p):
    """More threads than the broker remembers, to two names at the same time: each reaches its own server, and is on record as itself."""
    one, two, threads = Talker(b"one\n"), Talker(b"two\n"), 24
    n = Net(p)
    script = f"""
import socket, threading
where = [({NAME!r}, {one.port}, b"one"), ("other.test.example", {two.port}, b"two")]
bad = []
def go(i):
    with open(f"/proc/self/task/{{threading.get_native_id()}}/comm", "w") as f:
        f.write(f"t{{i:02}}")
    for k in range(4):
        name, port, word = where[(i + k) % 2]
        with socket.create_connection((name, port), 20) as s, s.makefile("rb") as f:
            s.sendall(b"\\xf1")
            said = f.readline().strip()
            if said != word:
                bad.append((i, k, said))
all_of_them = [threading.Thread(target=go, args=(i,)) for i in range({threads})]
for t in all_of_them:
    t.start()
for t in all_of_them:
    t.join()
print(bad)
"""
    r, doc = n.run(PYTHON, "-c", script, grants=n.grants(f"other.test.example:{two.port}", f"127.0.0.1:{two.port}", port=one.port))
    check_eq((r.code, r.out), (0, "[]\n"), r.err)
    check_eq((doc["violations"], one.accepted, two.accepted), ([], 2 * threads, 2 * threads))
    counts = {}
    for v in n.told("net.connect"):
        key = v["detail"].get("comm"), v["resource"]
        counts[key] = counts.get(key, 0) + v["detail"]["count"]
    check_eq(counts, {(f"t{i:02}", where): 2 for i in range(threads)
                      for where in (f"{NAME}:{one.port}", f"other.test.example:{two.port}")})


@both
def who_was_connected_is_on_record_when_everything_is_killed(p):
    n = Net(p)
    t = Talker(b"x")
    script = f"""
import socket, time
for _ in range(2):
    s = socket.create_connection(({NAME!r}, {t.port}), 10)
    s.recv(1)
    s.sendall(b"q")
    s.recv(1)
print("ready", flush=True)
time.sleep(60)
"""
    q = p.start(*n.grants(port=t.port), "--", PYTHON, "-c", script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    check_eq(q.stdout.readline(), "ready\n")
    # The first one has ended, and has its end; the second is there as long as the run is.
    check(until(lambda: n.told("net.connect")), str(n.told()))
    run = n.told()[0]["run"]

    def shown():
        r = cli.ward("net", "log", run, "--audit", str(p.log))
        check_eq(r.code, 0, r.err)
        return [line for line in r.out.splitlines() if "net.open" in line]
    check_eq(len(shown()), 1, str(shown()))
    everything = [q.pid, *box.descendants(q.pid)]
    check("ward-relay" in box.descendants(q.pid).values(), "no relay")
    for pid in everything:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, box.KILL)
    q.wait()
    box.verify(p)
    opens = n.told("net.open")
    check_eq([(o["resource"], o["effect"], o["detail"]["address"], o["detail"]["comm"], o["detail"]["count"]) for o in opens],
             2 * [(f"{NAME}:{t.port}", "allow", "127.0.0.1", "python3", 1)])
    check_eq([len(o["rules"]) for o in opens], [1, 1])
    check_eq(sum(c["detail"]["count"] for c in n.told("net.connect")), 1)
    for again in (False, True):
        (line,) = shown()
        check_in(f'"{NAME}:{t.port}"', line)
        check_in("comm=python3", line)
        check_in("; 1 without an end on record", line)
        if not again:
            # A later start writes the end of the run, which is none of its connections.
            check_eq(p.run("--", "true").code, 0)
            check_in("aborted", [r["detail"].get("status") for r in box.records(p) if r["kind"] == "run.end" and r["run"] == run])


@both
def what_cannot_be_recorded_reaches_nobody(p):
    """The log has no room any more while the run connects in a loop: no server sees a byte of a connection that is on no record."""
    n, seen, runs = Net(p), [], []

    def talk(s):
        # Not before the run lives: what it needs to begin is a file, too.
        if runs and not seen:
            size = p.log.stat().st_size + 8192
            resource.prlimit(runs[0].pid, resource.RLIMIT_FSIZE, (size, size))
        data = s.recv(64)
        if data:
            seen.append(data[1:].decode())
            s.sendall(b"1")
    t = Talker(talk=talk)
    script = f"""
import socket, sys
sys.stdin.read(1)
for i in range(2000):
    with open("/proc/self/comm", "w") as f:
        f.write(f"t{{i:04}}")
    with socket.create_connection(({NAME!r}, {t.port}), 10) as s:
        s.sendall(b"\\xf1t%04d" % i)
        s.recv(1)
"""
    q = p.start("--outcome", p.outcome_file, *n.grants(port=t.port), "--", PYTHON, "-c", script, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    runs.append(q)
    _, err = q.communicate(b"x", timeout=60)
    check(q.returncode not in (0, 1), err.decode())
    check_in("File too large", err.decode())
    doc = json.loads(p.outcome_file.read_text())
    check(doc["error"] and doc["status"] != "exited", str(doc))
    recorded = {o["detail"]["comm"] for o in n.told("net.open")}
    check(1 < len(seen) < 200 and set(seen) <= recorded, f"{sorted(set(seen) - recorded)} of {len(seen)}, {len(recorded)} on record")


@both
def a_connection_that_is_refused_for_its_first_bytes_has_its_end(p):
    n = Net(p)
    t = Talker(b"x")
    script = f"""
import socket, sys
s = socket.create_connection(({NAME!r}, {t.port}), 10)
s.recv(1)
s.sendall(b"GET / HTTP/1.1\\r\\nHost: other.test.example\\r\\n\\r\\n")
try:
    s.recv(1)
except OSError:
    pass
print("refused", flush=True)
sys.stdin.read(1)
"""
    q = p.start(*n.grants(port=t.port), "--", PYTHON, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    check_eq(q.stdout.readline(), "refused\n")
    check(until(lambda: n.told("net.connect")), str(n.told()))
    (why,) = (b["detail"]["reason"] for b in n.told("net.block"))
    check_eq(why, "name_mismatch")
    check_eq([(c["detail"]["ended"], c["detail"]["up"], c["detail"]["down"]) for c in n.told("net.connect")], [("refused", 0, 1)])
    check_eq(len(n.told("net.open")), 1, str(n.told()))
    r = cli.ward("net", "log", n.told()[0]["run"], "--audit", str(p.log))
    check("net.open" not in r.out, r.out)
    q.communicate("\n", timeout=30)


# What a run can do first, each by itself: the relay is there for it, and was not before.
FIRST = {
    "a question": "socket.getaddrinfo({name!r}, {port})",
    "a question over TCP": r"""s = socket.create_connection(("198.18.0.1", 53), 10)
q = b"\0\7\1\0\0\1\0\0\0\0\0\0\4good\4test\7example\0\0\1\0\1"
s.sendall(len(q).to_bytes(2, "big") + q)
s.settimeout(10)
assert s.recv(512)[5] & 15 == 0""",
    "the proxy": r"""s = socket.create_connection(("127.0.0.1", 1023), 10)
s.sendall(b"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n")
assert s.recv(512).startswith(b"HTTP/1.1 200")""",
}


@both_cases([(name, name) for name in FIRST])
def the_relay_begins_with(p, first):
    n = Net(p)
    t = Talker(b"x")
    script = "import socket, sys\nprint('there', flush=True)\nsys.stdin.read(1)\n" + FIRST[first].format(name=NAME, port=t.port) + "\nprint('served', flush=True)\nsys.stdin.read(1)"
    q = p.start(*n.grants(port=t.port), "--", PYTHON, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "there\n")
    check("ward-relay" not in box.descendants().values(), str(box.descendants()))
    q.stdin.write("x")
    q.stdin.flush()
    served = q.stdout.readline()
    relay = [pid for pid, name in box.descendants().items() if name == "ward-relay"]
    _, err = q.communicate("x", timeout=30)
    check_eq((served, len(relay), q.returncode), ("served\n", 1, 0), err)
    check_eq(box.leftovers(), {})


@both
def a_run_without_a_grant_has_no_relay(p):
    q = p.start("--", PYTHON, "-c", "import time; time.sleep(0.3)")
    check(box.wait_for(lambda: "python3" in box.descendants().values()), "no command")
    check("ward-relay" not in box.descendants().values(), str(box.descendants()))
    q.wait()


@both
def port_0_is_refused_and_the_rest_goes_on(p):
    n = Net(p)
    script = f"""
import socket, urllib.request
for host in ({NAME!r}, "192.0.2.1"):
    try:
        socket.create_connection((host, 0), 5)
        print("open")
    except OSError:
        pass
print(urllib.request.urlopen({n.url()!r}).read().decode())
"""
    r, doc = n.run(PYTHON, "-c", script)
    check_eq((r.code, r.out.strip()), (0, HELLO.decode().strip()), r.err)
    check_in("192.0.2.1:0", [v["resource"] for v in doc["violations"]], str(doc["violations"]))


@both
def a_relay_that_dies_takes_the_network_with_it(p):
    n = Net(p)
    t = Talker(b"x")
    script = f"""
import socket, sys
s = socket.create_connection(({NAME!r}, {t.port}), 10)
print(s.recv(1), flush=True)
sys.stdin.read(1)
try:
    print(s.recv(1))
except OSError as e:
    print("ended")
try:
    socket.create_connection((s.getpeername()[0], {t.port}), 10)
    print("open")
except OSError:
    print("refused")
"""
    q = p.start(*n.grants(port=t.port), "--outcome", str(p.outcome_file), "--", PYTHON, "-c", script, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline().strip(), "b'x'")
    for pid, name in box.descendants().items():
        if name == "ward-relay":
            os.kill(pid, box.KILL)
    # Until then its listeners are there.
    check(box.wait_for(lambda: "ward-relay" not in box.descendants().values()), "the relay is still there")
    out, err = q.communicate("\n", timeout=30)
    check(out.split()[-1] == "refused", out + err)
    check(out.split()[0] in ("b''", "ended"), out)
    check_in("egress.relay", [r.get("resource") for r in box.records(p)])
    check_in("relay_lost", [r["detail"].get("ended") for r in n.told("net.connect")])


@root_only
def a_yes_is_to_what_was_asked_and_to_nothing_more_serious(p):
    """What nobody was asked about at the start, and what was asked about as a lesser thing, is asked about later: and refused."""
    own_etc()
    n = Net(p)
    connect = 'permit (principal, action == Ward::Action::"net.connect", resource '
    for epoch, (before, words) in enumerate((("", ()), ('@approval("risky") ', ("--approve", "risky")))):
        until_ms = int((time.time() + 2) * 1000)
        ceiling(epoch + 1, f"""{connect} in Ward::Cidr::"127.0.0.0/8");
{before}{connect} in Ward::Domain::"test.example") when {{ context.time < datetime("1970-01-01").offset(duration("{until_ms}ms")) }};
@approval("critical") {connect} in Ward::Domain::"test.example");
""")
        get = f"curl -sS -m 20 {n.url()}"
        r, doc = n.run("/bin/sh", "-c", f"{get}; sleep 2.2; {get} || echo refused", grants=[*words, *n.grants()])
        check_eq(r.out, HELLO.decode() + "refused\n", r.err)
        check_in("critical", doc["violations"][0]["cure"])
        # Who was asked as seriously has said it.
        r, doc = n.run("/bin/sh", "-c", get, grants=["--approve", "critical", *n.grants()])
        check_eq((r.out, doc["violations"]), (HELLO.decode(), []), r.err)


@both
def who_would_be_asked_says_how_to_be_asked(p):
    """Of a domain nobody is asked before the start: the endpoint is to be named, and the yes to be said."""
    n = Net(p)
    p.write("net.cedar", """@approval("risky") permit (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"test.example");
permit (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"127.0.0.0/8");
""")
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar"]
    _, doc = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(), grants=grants)
    check_eq([v["cure"] for v in doc["violations"]], [f"--cap 'NETWORK_CONNECT:{NAME}:443' --approve risky"])
    r, _ = n.run("/usr/bin/curl", "-sS", "-m", "20", n.url(),
                 grants=[*grants, "--cap", f"NETWORK_CONNECT:{NAME}:{n.http.port}", "--approve", "risky"])
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)


@both
def what_a_lookup_reads_by_itself_is_no_violation(p):
    n = Net(p)
    p.write("s.py", f"import socket\nprint(socket.getaddrinfo('{NAME}', 80)[0][1].name)\n")
    r, doc = p.outcome(*n.grants(), "s.py", kind=("sandbox", "run"))
    check_eq((r.out, doc["violations"]), ("SOCK_STREAM\n", []), r.err)


@both
def a_resolver_that_is_none_is_refused(p):
    r = p.run("--resolver", "nonsense", "--", "/bin/true")
    check(r.code != 0)
    check_in("--resolver", r.err)


if __name__ == "__main__":
    box.main()

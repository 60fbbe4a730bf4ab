#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Egress on a host without nf_tables (the kernel refuses the socket that speaks to it): nothing captures, and each connect is led to the gate
where it is mediated. Programs are as they are, and what is refused is refused by name and port all the same. All servers are the tests' own.
"""
import errno
import json
import os
import subprocess

import box
from box import both, both_cases
from egress_box import FETCH, HELLO, NAME, PYTHON, SERVERS, Net, Talker, need, refused, until
from tap import check, check_eq, check_in

OTHER = "other.test.example"
PROXY = "127.0.0.1:1023"
NETFILTER = ("socket", errno.EPROTONOSUPPORT, 2, None, 12)    # socket(AF_NETLINK, _, NETLINK_NETFILTER)
WARNING = "this host has no nf_tables"


class Bare(Net):
    """The same, on such a host."""

    def run(self, *words, grants=None, **more):
        r, doc = super().run(*words, grants=grants, preexec_fn=box.refuse_calls(NETFILTER), **more)
        check_in(WARNING, r.err)
        return r, doc

    def python(self, text, *words, **more):
        return self.run(PYTHON, "-c", text, *map(str, words), **more)


# The proxy of a run is there as well, and IPv6.
FETCH = {
    **FETCH,
    "curl over IPv6": lambda url: ["/usr/bin/curl", "-6", "-sS", "-m", "20", url],
    "curl by the proxy": lambda url: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"http://{PROXY}", url],
    "curl by SOCKS5": lambda url: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"socks5h://{PROXY}", url],
    "curl by SOCKS5, by address": lambda url: ["/usr/bin/curl", "-sS", "-m", "20", "-x", f"socks5://{PROXY}", url],
}


@both_cases([(name, name) for name in FETCH])
def reaches_what_was_granted_and_nothing_else_with(p, client):
    n = Bare(p)
    need(FETCH[client]("")[0])
    r, doc = n.run(*FETCH[client](n.url()))
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    check_eq(doc["violations"], [])
    check_eq(doc["axes"]["network"], "enforced")
    check(until(lambda: n.told("net.connect")), "no net.connect")
    c = n.told("net.connect")[-1]
    check_eq((c["resource"], c["effect"], c["detail"]["inspected"], c["detail"]["address"]),
             (f"{NAME}:{n.http.port}", "allow", "http", "127.0.0.1"))
    asked, served = len(n.dns.queries), len(n.http.requests)
    r, doc = n.run(*FETCH[client](n.url(OTHER)))
    check(HELLO.decode() not in r.out, r.out)
    check_in(OTHER, " ".join(v["resource"] for v in doc["violations"]))
    check_eq((len(n.dns.queries), len(n.http.requests)), (asked, served), str(n.dns.queries))
    # The same name at another port: the port that is judged, and named, is the one that was dialled.
    r, doc = n.run(*FETCH[client](n.url(port=8009)))
    check(HELLO.decode() not in r.out, r.out)
    found = refused(n, doc, f"{NAME}:8009", "no_rule")
    check_eq(found["detail"]["cure"], f"--cap 'NETWORK_CONNECT:{NAME}:8009'")
    check_eq(len(n.http.requests), served)


@both
def which_program_connects_is_known_as_well(p):
    need(FETCH["curl"]("")[0])
    n = Bare(p)
    p.write("net.cedar", f'@advisory("program") permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"{NAME}") '
                         'when { context has program && context.program == "/usr/bin/curl" };')
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar", "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"]
    r, doc = n.run(*FETCH["curl"](n.url()), grants=grants)
    check_eq((r.code, r.out, doc["violations"]), (0, HELLO.decode(), []), r.err)
    r, doc = n.run(*FETCH["python"](n.url()), grants=grants)
    check(r.code != 0 and not r.out, r.out)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "no_rule")
    check_eq(found["detail"]["program"], os.path.realpath(PYTHON))


@both
def an_address_is_reached_by_its_number(p):
    n = Bare(p)
    r, doc = n.run(*FETCH["curl"](n.url("::ffff:127.0.0.1".join("[]"))))
    check(r.code != 0, "the loopback of the run is its own")
    r, doc = n.run(*FETCH["curl"]("http://203.0.113.7:81/"))
    check(r.code != 0, r.out)
    refused(n, doc, "203.0.113.7:81", "no_rule")
    r, doc = n.run(*FETCH["curl"]("http://[2001:db8::7]:82/"))
    check(r.code != 0, r.out)
    refused(n, doc, "[2001:db8::7]:82", "no_rule")
    # Mapped: IPv4 by a socket of IPv6.
    r, doc = n.python("import socket; s = socket.socket(socket.AF_INET6); print(s.connect_ex(('::ffff:203.0.113.7', 83)), s.recv(1))")
    refused(n, doc, "203.0.113.7:83", "no_rule")


# GET of the whole URL, with this port in it.
TARGET = """
import socket, sys
name, port, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.create_connection((name, port), 10)
s.settimeout(10)
try:
    s.sendall(f"GET http://{name}:{target}/hello HTTP/1.0\\r\\nHost: {name}\\r\\n\\r\\n".encode())
    print(s.recv(15))
except OSError as e:
    print("refused", e)
"""


@both
def nobody_is_asked_for_another_port(p):
    """A server may be a proxy. The port that a target names is compared with the one that was dialled, not with the one at which all arrive."""
    n = Bare(p)
    for port, reached in ((n.http.port, True), (1023, False), (8080, False)):
        served = len(n.http.requests)
        r, doc = n.python(TARGET, NAME, n.http.port, port)
        check_eq(len(n.http.requests) > served, reached, f"{port}: {r.out} {doc['violations']}")
        check_eq([v["resource"] for v in doc["violations"]], [] if reached else [f"{NAME}:{n.http.port}"])


@both
def git_over_http(p):
    n = Bare(p)
    env = dict(os.environ, HOME=str(p.side), GIT_CONFIG_NOSYSTEM="1")
    git = [need("/usr/bin/git"), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    work = p.side / "work"
    for words in (["init", "-q", work], ["-C", work, "commit", "--allow-empty", "-qm", "c"], ["clone", "-q", "--bare", work, p.side / "www/r.git"],
                  ["-C", p.side / "www/r.git", "update-server-info"]):
        subprocess.run([*git, *words], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    r, _ = n.run("/usr/bin/git", "clone", "-q", f"http://{NAME}:{n.http.port}/r.git", "got", grants=n.grants() + ["--write", "."])
    check_eq(r.code, 0, r.err)
    check_eq({c["resource"] for c in n.told("net.connect")}, {f"{NAME}:{n.http.port}"})


MANY = """
import select, socket, sys
name, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
to = socket.getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
v = []
for i in range(n):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(to)
    v.append(s)
got = 0
for s in v:
    s.setblocking(True)
    s.settimeout(30)
    got += s.recv(1) == b"x"
print(got)
"""


@both
def none_of_many_at_once_is_lost(p):
    n = Bare(p)
    server = Talker(b"x")
    server.socket.listen(1024)
    r, doc = n.python(MANY, NAME, server.port, 500, grants=n.grants(port=server.port), timeout=90)
    check_eq((r.out, doc["violations"]), ("500\n", []), r.err)


AGAIN = """
import socket, sys
to = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET, socket.SOCK_STREAM)[0][4]
s = socket.create_connection(to)
print(s.getpeername() == (to[0], 1023))
for port in (to[1], 9):      # connected already: nothing new is meant
    print(s.connect_ex((to[0], port)) != 0)
s.sendall(b"a")
print(s.recv(1))
"""


@both
def what_is_connected_stays_so(p):
    n = Bare(p)
    server = Talker()
    r, doc = n.python(AGAIN, NAME, server.port, grants=n.grants(port=server.port))
    check_eq((r.out, doc["violations"]), ("True\nTrue\nTrue\nb'a'\n", []), r.err)


# A SYN by a message (TCP Fast Open) would be no connect, and nobody knew its port: to that of the gate's listener, and to the server's.
UNSEEN = """
import socket, sys
for port in map(int, sys.argv[2:]):
    to = socket.getaddrinfo(sys.argv[1], port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    s = socket.socket()
    s.settimeout(5)
    try:
        s.sendmsg([b"GET /hello HTTP/1.0\\r\\n\\r\\n"], [], 0x20000000, to)
        print(s.recv(100))
    except OSError as e:
        print(e.strerror)
"""


@both
def there_is_no_other_way_to_come(p):
    n = Bare(p)
    r, doc = n.python(UNSEEN, NAME, 1023, n.http.port)
    check("hello" not in r.out, r.out)
    check_eq([v["resource"] for v in doc["violations"]], ["sendmsg MSG_FASTOPEN"])
    check_eq(n.http.requests, [])


QUESTIONS = """
import socket
s = socket.socket()
s.settimeout(5)
print(s.connect_ex(("9.9.9.9", 53)))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4good\\4test\\7example\\0\\0\\1\\0\\1", ("9.9.9.9", 53))
print(u.recv(512)[-4:-2] == b"\\xc6\\x12")
print(u.connect_ex(("203.0.113.7", 443)))
"""


@both
def questions_are_answered_over_udp_alone(p):
    n = Bare(p)
    r, doc = n.python(QUESTIONS)
    check_eq(r.out, f"{errno.ECONNREFUSED}\nTrue\n{errno.ENETUNREACH}\n", r.err)
    check_eq([v["resource"] for v in doc["violations"]], ["203.0.113.7:443"])


@both
def servers_of_a_service_are_as_many_as_a_packet_holds(p):
    """Nobody is sent to ask again over TCP, where he would find nobody."""
    many = "x" * 40 + ".test.example"
    n = Bare(p, {NAME: ["127.0.0.1"], f"_all._tcp.{NAME}": [(1, 1, 5000 + i, many) for i in range(20)]})
    r, doc = n.run(PYTHON, "-c", SERVERS, f"_all._tcp.{NAME}=udp", grants=n.grants(f"{many}:5000-6000"))
    check_eq((r.code, r.out, doc["violations"]), (0, f"0 whole 6 {many}:5000 {many}:5001\n", []), r.err)


OWN = """
import socket, threading
for host in ("127.0.0.1", "198.18.0.2"):
    a = socket.create_server(("0.0.0.0", 8123))
    threading.Thread(target=lambda: a.accept()[0].sendall(b"own"), daemon=True).start()
    print(socket.create_connection((host, 8123), 5).recv(3))
    a.close()
"""


@both
def what_is_its_own_is_reached_as_ever(p):
    n = Bare(p)
    r, doc = n.python(OWN)
    check_eq((r.out, doc["violations"]), ("b'own'\n" * 2, []), r.err)


@both
def plan_and_doctor_say_so(p):
    n = Bare(p)
    refuse = {"preexec_fn": box.refuse_calls(NETFILTER)}
    r = p.run("--json", *n.grants(), "--", "/bin/true", kind=("plan",), log=False, **refuse)
    plan = json.loads(r.out)
    check_eq(plan["axes"]["network"]["level"], "enforced")
    check_in("no nf_tables", plan["axes"]["network"]["by"])
    check(any(WARNING in w for w in plan["warnings"]), str(plan["warnings"]))
    r = p.run("--json", "--", "/bin/true", kind=("plan",), log=False, **refuse)
    check(not any(WARNING in w for w in json.loads(r.out)["warnings"]), "without egress it is not needed")
    r, _ = n.run("/bin/true")
    start = [v for v in box.records(p) if v["kind"] == "run.start"][-1]
    check_in(WARNING, json.dumps(start))


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What a run may do on the network in all: bounds on what a hostile inside makes Ward do, with their records. Nothing here is timed but
what is a time limit itself.
"""
import json
import os
import pathlib
import resource
import socket
import subprocess
import threading
import time

import box
from box import both, both_cases
from egress_box import HELLO, NAME, PYTHON, Dns, Net, Talker, refused
from tap import check, check_eq, check_in


@both
def a_request_that_trickles_is_refused_and_others_are_served(p):
    n = Net(p)
    script = f"""
import socket, time, urllib.request
slow = [socket.create_connection(({NAME!r}, {n.http.port})) for _ in range(20)]
for s in slow:
    s.sendall(b"GET /hello HTTP/1.1\\r\\n")
out = set()
end = time.monotonic() + 20
while slow and time.monotonic() < end:
    time.sleep(0.3)
    for s in list(slow):
        try:
            s.sendall(b"x")
        except OSError as e:
            out.add(type(e).__name__)
            slow.remove(s)
print(urllib.request.urlopen({n.url()!r}).read().decode(), end="")
print(len(slow), sorted(out))
"""
    r, doc = n.run(PYTHON, "-c", script)
    check_eq((r.code, r.out.splitlines()[0]), (0, HELLO.decode().strip()), r.err)
    check_eq(r.out.splitlines()[1].split()[0], "0")
    found = refused(n, doc, f"{NAME}:{n.http.port}", "broken")
    check_eq(found["effect"], "deny")
    check_eq(sum(v["count"] for v in doc["violations"]), 20, str(doc["violations"]))
    check_eq(n.http.requests, ["GET /hello HTTP/1.1"])


@both
def questions_for_what_is_no_name_are_counted_in_one_record(p):
    n = Net(p)
    script = """
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(("198.18.0.1", 53))
for i in range(100):
    name = b"".join(bytes([len(x)]) + x for x in (b"%d" % i, b"a b", b"example")) + b"\\0"
    s.send(struct.pack(">HHHHHH", i, 256, 1, 0, 0, 0) + name + struct.pack(">HH", 16, 1))
    assert s.recv(512)[3] & 15 == 3
"""
    r, doc = n.run(PYTHON, "-c", script)
    check_eq(r.code, 0, r.err)
    told = [x for x in n.told("dns.block") if x["detail"]["reason"] == "no_host"]
    check_eq(sum(x["detail"]["count"] for x in told), 100, str(told))
    check(len(told) <= 8, str(told))
    # Many programs ask for such things and nothing leaves: it is no violation.
    check_eq(doc["violations"], [])
    check_eq(n.dns.queries, [])


class Everything(Dns):
    """Knows every name."""

    def answer(self, q, cut=False):
        at, labels = 12, []
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode())
            at += 1 + q[at]
        self.answers.setdefault(".".join(labels), ["127.0.0.1"])
        return super().answer(q, cut)


@both
def names_below_a_domain_that_carry_data_out_have_a_pace(p):
    """Whatever is asked for: only so many leave, and the log says so."""
    n = Net(p)
    n.dns = Everything({})
    script = """
import socket
for i in range(900):
    try:
        socket.getaddrinfo(f"{i:08x}.leak.example", 443, socket.AF_INET)
    except OSError:
        pass
"""
    r, doc = n.run(PYTHON, "-c", script, grants=["--resolver", n.dns.at, "--cap", "NETWORK_CONNECT:*.leak.example:443"])
    check_eq(r.code, 0, r.err)
    left, seconds = len(n.dns.names()), doc["duration_ms"] / 1000
    check(0 < left <= 512 + 64 * (seconds + 1), f"{left} names in {seconds} s")
    if left < 900:
        check_in("egress.lookups", [x["resource"] for x in box.records(p) if x["kind"] == "limit.hit"])


@both
def bytes_that_may_be_sent_have_a_limit_over_all_connections(p):
    n = Net(p)
    t = Talker()
    script = f"""
import socket
sent = 0
for _ in range(5):
    try:
        s = socket.create_connection(({NAME!r}, {t.port}), 10)
        for _ in range(4):
            s.sendall(b"\\1" + b"x" * 49999)
            left = 50000
            while left:
                got = len(s.recv(left))
                if not got:
                    raise OSError("end")
                left -= got
            sent += 50000
    except OSError as e:
        print(type(e).__name__)
print(sent)
"""
    r, doc = n.run(PYTHON, "-c", script, grants=n.grants(f"{NAME}:{t.port}", f"127.0.0.1:{t.port}") + ["--net-limit", "bytes-up=300000"])
    check_eq(r.code, 0, r.err)
    check_eq(r.out.split()[-1], "300000")
    check_eq(r.out.split()[:-1], ["ConnectionResetError"] * 4)
    found = refused(n, doc, f"{NAME}:{t.port}", "budget_bytes_up")
    check_eq(found["detail"]["cure"], "--net-limit bytes-up=600000")
    # A client that is reset while it connects tries the name's other address.
    check(4 <= sum(x["detail"]["count"] for x in n.told("net.block")) <= 8, str(n.told("net.block")))
    check(sum(x["detail"]["up"] for x in n.told("net.connect")) == 300000, str(n.told("net.connect")))
    check_in("--net-limit bytes-up=600000", r.err)


@both_cases([
    ("connections", "connections=2", "budget_connections", 2),
    ("connections in all", "connections-total=3", "budget_connections_total", 3),
    ("rate", "rate=2", "budget_rate", 2),
    ("time", "time=300ms", "budget_time", 6),
    ("idle", "idle=300ms", "budget_idle", 6),
])
def connections_have_limits(p, limit, reason, least):
    n = Net(p)
    t = Talker(b"+")
    script = f"""
import socket, time
ok = 0
held = []
for _ in range(6):
    try:
        s = socket.create_connection(({NAME!r}, {t.port}), 10)
        held.append(s)
        ok += s.recv(1) == b"+"
    except OSError:
        pass
time.sleep(1)
for s in held:
    s.settimeout(5)
    try:
        s.sendall(b"\\1")
        s.recv(1)
    except OSError:
        pass
print(ok)
"""
    r, doc = n.run(PYTHON, "-c", script, grants=n.grants(f"{NAME}:{t.port}", f"127.0.0.1:{t.port}") + ["--net-limit", limit])
    check_eq(r.code, 0, r.err)
    check(int(r.out) >= least and (least == 6 or int(r.out) < 6), r.out)
    told = [x for x in n.told("net.block") if x["detail"]["reason"] == reason]
    check(told, str(n.told()))
    check_in("--net-limit " + limit.split("=")[0], told[0]["detail"]["cure"])
    # Idle is what many servers' clients are; the rest is more than the run may.
    check_eq(bool([v for v in doc["violations"] if v["resource"] == f"{NAME}:{t.port}"]), reason != "budget_idle")


# One after another: each is closed before the next is made, and then there is never more than one.
IN_TURN = """
import socket, sys
name, port, half = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
ok = 0
for _ in range(40):
    try:
        s = socket.create_connection((name, port), 10)
        s.settimeout(10)
        s.sendall(b"1")
        ok += s.recv(1) == b"1"
        if half:
            s.shutdown(socket.SHUT_WR)
            while s.recv(1):
                pass
        s.close()
    except OSError:
        pass
print(ok)
"""


@both_cases([(f"{what}, {how}", what, how) for what in ("the run's", "a rule's") for how in ("close", "shutdown")])
def one_connection_after_another_is_one_at_a_time(p, what, how):
    """Also where the server takes its time to end its side, as those do that are far away."""
    n = Net(p)

    def talk(s):
        while data := s.recv(100):
            s.sendall(data)
        time.sleep(0.03)
    t = Talker(talk=talk)
    p.write("net.cedar", RULE.replace("LIMIT", "connections=1") + PLAIN.replace("WHERE", 'in Ward::Cidr::"127.0.0.0/8"'))
    grants = ["--resolver", n.dns.at, "--policy", "net.cedar"] if what == "a rule's" else n.grants(port=t.port) + ["--net-limit", "connections=1"]
    r, doc = n.run(PYTHON, "-c", IN_TURN, NAME, str(t.port), *["half"] * (how == "shutdown"), grants=grants)
    check_eq((r.code, r.out), (0, "40\n"), r.err)
    check_eq(doc["violations"], [])


@both
def names_have_a_limit(p):
    n = Net(p)
    n.dns = Everything({})
    script = """
import socket
ok = 0
for i in range(8):
    try:
        ok += len(socket.getaddrinfo(f"n{i}.leak.example", 443, socket.AF_INET)) > 0
    except OSError:
        pass
print(ok, len(socket.getaddrinfo("n0.leak.example", 443)) > 0)
"""
    r, _ = n.run(PYTHON, "-c", script, grants=["--resolver", n.dns.at, "--cap", "NETWORK_CONNECT:*.leak.example:443", "--net-limit", "names=3"])
    check_eq((r.code, r.out), (0, "3 True\n"), r.err)
    check_eq(len(n.dns.names()), 3)
    check(any(x["detail"]["reason"] == "budget_names" for x in n.told("dns.block")), str(n.told()))


@both
def a_plan_prints_the_limits(p):
    words = ["--cap", "NETWORK_CONNECT:a.example:443", "--net-limit", "bytes-up=10M,rate=5", "--net-limit", "idle=2m"]
    r = p.run(*words, "--", "/bin/true", kind=("plan",))
    check_in("connections=8192,rate=5,bytes-up=10M,idle=2m,names=4096", r.out, r.err)
    r = p.run("--json", *words, "--", "/bin/true", kind=("plan",))
    check_eq(json.loads(r.out)["limits"]["net"], {"connections": 8192, "rate": 5, "bytes-up": 10 << 20, "idle": 120000, "names": 4096})
    r = p.run("--json", "--", "/bin/true", kind=("plan",))
    check_eq(json.loads(r.out)["limits"]["net"], {})


LIMITED = """\
schemaVersion: 2
kind: Policy
metadata: {name: LAYER}
spec:
  fsProfiles:
    base: {read: ["**"], allowExec: ["*"], network: {mode: open, limits: {rate: 7, names: 9, idle: 90}}}
    a:
      extends: base
      network:
        limits: LIMITS
"""


@both
def a_profile_has_limits_of_its_own(p):
    """Each may be asked for less by a profile, the least of all layers' counts, and an option says how much."""
    def limits(*more, **env):
        r = p.run("--json", "--policy", "net.yaml", "--profile", "a", *more, "--", "/bin/true", kind=("plan",), **env)
        check_eq(r.code, 0, r.err)
        return json.loads(r.out)["limits"]["net"]

    p.write("net.yaml", LIMITED.replace("LAYER", "one").replace("LIMITS", "{bytes-up: 10M, rate: 5, time: 2m}"))
    check_eq(limits(), {"connections": 8192, "rate": 5, "bytes-up": 10 << 20, "idle": 90000, "time": 120000, "names": 9})
    check_eq(limits("--net-limit", "rate=50,bytes-down=1K"),
             {"connections": 8192, "rate": 50, "bytes-up": 10 << 20, "bytes-down": 1024, "idle": 90000, "time": 120000, "names": 9})
    config = p.side / "config"
    (config / "ward").mkdir(parents=True)
    (config / "ward/own.yaml").write_text(LIMITED.replace("LAYER", "own").replace("LIMITS", "{bytes-up: 1M, rate: 6, connections-total: 3}"))
    check_eq(limits(env={"XDG_CONFIG_HOME": str(config)}), {"connections": 8192, "connections-total": 3, "rate": 5, "bytes-up": 1 << 20, "idle": 90000, "time": 120000, "names": 9})


@both
def a_limit_of_a_profile_holds(p):
    n = Net(p)
    p.write("net.yaml", LIMITED.replace("LAYER", "one").replace("LIMITS", "{connections-total: 2}"))
    script = f"""
import socket
ok = 0
for _ in range(4):
    try:
        s = socket.create_connection(({NAME!r}, {n.http.port}), 10)
        s.sendall(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
        ok += b"200" in s.recv(100)
    except OSError:
        pass
print(ok)
"""
    r, doc = n.run(PYTHON, "-c", script, grants=["--resolver", n.dns.at, "--policy", "net.yaml", "--profile", "a",
                                                 "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"])
    check_eq((r.code, r.out), (0, "2\n"), r.err)
    found = refused(n, doc, f"{NAME}:{n.http.port}", "budget_connections_total")
    # Where it is said: the line of this limit, in the profile.
    at = [i for i, line in enumerate((p.ws / "net.yaml").read_text().splitlines(), 1) if "connections-total" in line]
    check_eq((os.path.basename(found["detail"]["file"]), [found["detail"]["line"]]), ("net.yaml", at))
    # An option is said nowhere.
    n.run(PYTHON, "-c", script, grants=["--resolver", n.dns.at, "--policy", "net.yaml", "--profile", "a", "--net-limit", "connections-total=1",
                                        "--cap", f"NETWORK_CONNECT:127.0.0.1:{n.http.port}"])
    check("file" not in n.told("net.block")[-1]["detail"], n.told("net.block")[-1])


RULE = '@net_limit("LIMIT") @id("few") permit (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"test.example");\n'
PLAIN = 'permit (principal, action == Ward::Action::"net.connect", resource WHERE);\n'
SIX = """
import socket, sys, time
for name, port in [sys.argv[i:i + 2] for i in range(1, len(sys.argv), 2)]:
    ok = 0
    held = []
    for _ in range(6):
        try:
            s = socket.create_connection((name, int(port)), 10)
            s.settimeout(5)
            held.append(s)
            ok += s.recv(1) == b"+"
        except OSError:
            pass
    time.sleep(0.8)
    ended = 0
    for s in held:
        try:
            s.sendall(b"1")
            ended += s.recv(1) != b"1"
        except OSError:
            ended += 1
        s.close()
    print(ok, ended)
    time.sleep(0.3)
"""


class Ruled:
    def __init__(self, p, policy):
        self.p, self.n, self.t, self.u = p, Net(p), Talker(b"+"), Talker(b"+")
        p.write("net.cedar", policy + PLAIN.replace("WHERE", 'in Ward::Cidr::"127.0.0.0/8"'))

    def run(self, *words, grants=()):
        r, doc = self.n.run(PYTHON, "-c", SIX, *map(str, words), grants=["--resolver", self.n.dns.at, "--policy", "net.cedar", *grants])
        check_eq(r.code, 0, r.err)
        return r.out.split("\n")[:-1], doc

    def blocked(self, reason):
        return [x for x in self.n.told("net.block") if x["detail"]["reason"] == reason]


@both_cases([
    ("connections", "connections=2", "budget_connections", 2),
    ("connections in all", "connections-total=3", "budget_connections_total", 3),
    ("rate", "rate=2", "budget_rate", 2),
    ("time", "time=300ms", "budget_time", 6),
    ("idle", "idle=300ms", "budget_idle", 6),
])
def what_one_rule_lets_through_has_limits(p, limit, reason, least):
    """And so much of it: the address, which another permit holds without a limit, is reached as often as one likes."""
    w = Ruled(p, RULE.replace("LIMIT", limit))
    (of_rule, free), doc = w.run(NAME, w.t.port, "host.ward.internal", w.u.port,
                                 grants=["--cap", f"NETWORK_CONNECT:host.ward.internal:{w.u.port}"])
    ok, ended = map(int, of_rule.split())
    check(ok >= least and (least == 6 or ok < 6), of_rule)
    check(ended == 6 if least == 6 else ended <= 6 - ok, of_rule)
    check_eq(free, "6 0")
    told = w.blocked(reason)
    check(told, str(w.n.told()))
    check_eq(told[0]["rules"], ["few"])
    check_eq((told[0]["detail"]["file"], told[0]["detail"]["line"]), ("net.cedar", 1))
    check_in(f"its rule lets no more through: {limit} (net.cedar:1)", told[0]["detail"]["why"])
    check("cure" not in told[0]["detail"], "no option of the run helps")
    check(all(x["resource"] == f"{NAME}:{w.t.port}" for x in told))


@both
def one_permit_without_a_limit_is_enough(p):
    w = Ruled(p, RULE.replace("LIMIT", "connections-total=1") + PLAIN.replace("WHERE", 'in Ward::Host::"' + NAME + '"'))
    (got,), _ = w.run(NAME, w.t.port)
    check_eq(got, "6 0")


@both
def permits_with_limits_add_up(p):
    w = Ruled(p, RULE.replace("LIMIT", "connections-total=1") + RULE.replace("LIMIT", "connections-total=2").replace("few", "more"))
    (got,), _ = w.run(NAME, w.t.port)
    check_eq(got.split()[0], "3")
    check_eq([x["rules"] for x in w.blocked("budget_connections_total")][:1] in ([["few"]], [["more"]]), True)


@both
def the_run_has_its_own_beside_them(p):
    w = Ruled(p, RULE.replace("LIMIT", "connections-total=4,idle=1h"))
    (got,), _ = w.run(NAME, w.t.port, grants=["--net-limit", "connections-total=2"])
    check_eq(got.split()[0], "2")
    told = w.blocked("budget_connections_total")
    check_in("--net-limit connections-total=4", told[0]["detail"]["cure"])


SENDS = """
import socket, sys
for port in map(int, sys.argv[2:]):
    sent = 0
    for _ in range(5):
        try:
            s = socket.create_connection((sys.argv[1], port), 10)
            for _ in range(4):
                s.sendall(b"\\1" + b"x" * 49999)
                left = 50000
                while left:
                    got = len(s.recv(left))
                    if not got:
                        raise OSError("end")
                    left -= got
                sent += 50000
        except OSError:
            pass
    print(sent)
"""


@both_cases([("up", "bytes-up=300000", "budget_bytes_up"), ("down", "bytes-down=300000", "budget_bytes_down")])
def bytes_of_one_rule_have_a_limit(p, limit, reason):
    """To the byte, over all connections that the rule lets through; another rule's are not counted with them."""
    w = Ruled(p, "")
    t = [Talker(), Talker()]
    p.write("net.cedar", PLAIN.replace("WHERE", 'in Ward::Cidr::"127.0.0.0/8"') + "".join(
        f'{extra} permit (principal, action == Ward::Action::"net.connect", resource == Ward::Endpoint::"{NAME}:{x.port}");\n'
        for extra, x in zip((f'@net_limit("{limit}") @id("few")', '@net_limit("bytes-up=100M")'), t)))
    r, _ = w.n.run(PYTHON, "-c", SENDS, NAME, *(str(x.port) for x in t), grants=["--resolver", w.n.dns.at, "--policy", "net.cedar"])
    check_eq(r.code, 0, r.err)
    check_eq(r.out.split(), ["300000", "1000000"])
    way = limit[6:].split("=")[0]
    check_eq(sum(x["detail"][way] for x in w.n.told("net.connect") if x["resource"] == f"{NAME}:{t[0].port}"), 300000)
    told = w.blocked(reason)
    check_eq((told[0]["rules"], told[0]["detail"]["line"], "cure" in told[0]["detail"]), (["few"], 2, False))
    check_eq({x["resource"] for x in told}, {f"{NAME}:{t[0].port}"})


BAD = [
    ("a limit that is none", RULE.replace("LIMIT", "conections=1"), "net.cedar:1:1", "did you mean connections?"),
    ("names", RULE.replace("LIMIT", "names=1"), "net.cedar:1:1", "--net-limit"),
    ("of a forbid", RULE.replace("LIMIT", "rate=1").replace("permit", "forbid"), "net.cedar:1:1", "on the permit"),
    ("of files", RULE.replace("LIMIT", "rate=1").replace("net.connect", "fs.read").replace("Domain", "Path").replace("test.example", "./src"),
     "net.cedar:1:", "lets nothing be connected to"),
]


@both_cases([(name, policy, at, word) for name, policy, at, word in BAD])
def a_limit_of_a_rule_that_makes_no_sense(p, policy, at, word):
    p.write("net.cedar", policy)
    r = p.run("--policy", "net.cedar", "--", "/bin/true")
    check_eq(r.code, 125, r.err)
    check_in(at, r.err)
    check_in(word, r.err)


class Brief:
    """A server that ends its own side at once: the connection stays, and costs this process nothing."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            self.socket.accept()[0].close()


@both
def idle_connections_are_bounded_and_others_are_served(p):
    """
    As many as there is room for; the next are reset, that is told, and who comes when some have gone is served. There is room for half of the
    descriptors that the hard limit allows, and 8192; here for few, since ten thousand cost a minute of a processor.
    """
    n = Net(p)
    brief = Brief()
    resource.setrlimit(resource.RLIMIT_NOFILE, (1040, 1040))
    script = f"""
import socket, time, urllib.request
where = socket.getaddrinfo({NAME!r}, {brief.port}, socket.AF_INET)[0][4]
idle, reset = [], 0
for i in range(700):
    s = socket.socket()
    s.settimeout(30)
    try:
        s.connect(where)
        idle.append(s)
    except ConnectionResetError:
        reset += 1
for s in idle:
    try:
        s.recv(1)
    except OSError:
        reset += 1
print(reset)
for s in idle:
    s.close()
end = time.monotonic() + 30
while True:
    try:
        print(urllib.request.urlopen({n.url()!r}).read().decode(), end="")
        break
    except OSError:
        if time.monotonic() > end:
            raise
        time.sleep(0.2)
"""
    r, _ = n.run(PYTHON, "-c", script, grants=n.grants(f"{NAME}:{brief.port}", f"127.0.0.1:{brief.port}"))
    check_eq(r.code, 0, r.err)
    check_eq(r.out.splitlines()[1], HELLO.decode().strip())
    check(int(r.out.splitlines()[0]) >= 700 - 512, r.out)
    hits = [x for x in box.records(p) if x["kind"] == "limit.hit"]
    check_in("egress.flows", [x["resource"] for x in hits])
    check_eq(sum(x["detail"]["count"] for x in hits if x["resource"] == "egress.flows"), int(r.out.splitlines()[0]))


LOADS = {
    "connections that are refused": "s = socket.socket()\n    try:\n        s.connect(('93.184.216.34', 443))\n        s.recv(1)\n"
                                    "    except OSError:\n        pass\n    s.close()",
    "single bytes": "one.sendall(b'a')\n    one.recv(1)",
}


def cpu_ms(*pids):
    fields = [pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) * 1000 // os.sysconf("SC_CLK_TCK")


@both_cases([(name, turn) for name, turn in LOADS.items()])
def ward_and_its_relay_spend_a_bounded_multiple_of_what_the_run_spends_with(p, turn):
    """Neither is in the run's cgroup, so what holds its processor time holds theirs by this alone (docs/egress.md)."""
    n = Net(p)
    t = Talker()
    script = f"""
import os, socket, sys, time
one = socket.create_connection(({NAME!r}, {t.port}))
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
end = time.monotonic() + 1
while time.monotonic() < end:
    {turn}
print("done", flush=True)
sys.stdin.read(1)
"""
    q = p.start(*n.grants(port=t.port), "--outcome", str(p.outcome_file), "--", PYTHON, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True)
    check_eq(q.stdout.readline(), "done\n")
    outside = [q.pid, *(pid for pid, name in box.descendants(q.pid).items() if name == "ward-relay")]
    check_eq(len(outside), 2)
    spent = cpu_ms(*outside)
    time.sleep(1)
    rest = cpu_ms(*outside) - spent
    q.communicate("\n", timeout=30)
    inside = json.loads(p.outcome_file.read_text())["usage"]["cpu_ms"]
    check(spent <= 8 * inside + 200, f"outside {spent} ms, inside {inside} ms")
    check(rest <= 300, f"{rest} ms in a second without anything to do")


if __name__ == "__main__":
    box.main(at_once=4)

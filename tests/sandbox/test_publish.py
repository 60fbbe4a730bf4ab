#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
--publish from end to end: the host reaches the one port inside that was named, at the addresses that were named, and nothing else; what
cannot be listened at, or may not, is refused before anything has started.
"""
import contextlib
import encodings.idna  # noqa: F401  pylint: disable=unused-import  # a user may not read where it lies
import errno
import json
import os
import resource
import socket
import subprocess
import time

import box
import cli
import ports
from box import both, both_cases, root_only
from ceiling_box import ceiling, own_etc
from tap import check, check_eq, check_in, skip

PYTHON = "/usr/bin/python3"
# Says "ready" when it listens; of each connection it echoes what comes until its end, then "end", and closes.
ECHO = """
import socket, sys, threading
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sys.argv[1] != "::"))
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(512)
print("ready", flush=True)
def serve(c, who):
    with c:
        c.sendall(b"you are " + who[0].encode() + b"\\n")
        while True:
            b = c.recv(65536)
            if not b:
                break
            c.sendall(b)
        c.sendall(b"end")
while True:
    threading.Thread(target=serve, args=s.accept(), daemon=True).start()
"""


def has_six():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return True
    return False


def free_port():
    """One of the host's that nobody has at either loopback."""
    return ports.free_port("127.0.0.1", *["::1"] * has_six())


class Server:
    """An echo server inside, at port 8080 of where, published as words say."""

    def __init__(self, p, *words, where="127.0.0.1", inner=8080):
        self.p = p
        self.q = p.start("--outcome", str(p.outcome_file), *words, "--", PYTHON, "-c", ECHO, where, str(inner),
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.q.stdout.readline()
        check_eq(line, "ready\n", "" if line else self.q.stderr.read())

    def end(self):
        self.q.terminate()
        _, err = self.q.communicate(timeout=30)
        return err

    def told(self, kind=None):
        return [r for r in box.records(self.p) if r["kind"].startswith("net.") and kind in (None, r["kind"])]


def talk(port, data=b"hello", host="127.0.0.1", urgent=0):
    """All that comes for what was said; the own side is closed behind it."""
    with socket.create_connection((host, port), 10) as s:
        s.settimeout(20)
        if data:
            s.sendall(data[:len(data) - urgent])
        if urgent:
            s.send(data[-urgent:], socket.MSG_OOB)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            b = s.recv(65536)
            if not b:
                return got
            got += b


def is_refused(port, host="127.0.0.1"):
    """Nobody listens there."""
    try:
        with socket.create_connection((host, port), 5):
            return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it was just now: the listener went while this one came


def is_reset(port, host="127.0.0.1"):
    try:
        return talk(port, b"", host) == b""
    except OSError as e:
        if e.errno not in (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE):
            raise
        return True


@both_cases([("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("::", "::")])
def the_host_reaches_a_server_at(p, where):
    if ":" in where and not has_six():
        skip("this host has no IPv6")
    port = free_port()
    s = Server(p, "--publish", f"{port}:8080", where=where)
    peer = b"::1" if where == "::1" else b"::ffff:127.0.0.1" if where == "::" else b"127.0.0.1"
    for host in ["127.0.0.1"] + ["::1"] * has_six():
        check_eq(talk(port, b"hello", host, urgent=1), b"you are " + peer + b"\nhelloend")
    # At no other address, and at no other port.
    check(is_refused(port, "127.0.0.2"), "127.0.0.2 answers, too")
    check(is_refused(8080) or port == 8080, "the port inside is one of the host's")
    s.end()
    check(is_refused(port), "it is listened at after the end")
    told = s.told("net.accept")
    check_eq([r["resource"] for r in told], [f"127.0.0.1:{port}"] + [f"[::1]:{port}"] * has_six())
    d = told[0]["detail"]
    check_eq((told[0]["action"], told[0]["effect"], d["peer"], d["port"], d["inner"], d["ended"]),
             ("NETWORK_LISTEN", "allow", "127.0.0.1", port, 8080, "done"))
    check_eq((d["up"], d["down"]), (5, len(b"you are " + peer + b"\nhelloend")))
    check_eq(box.leftovers(), {})
    box.verify(p)


@both
def a_program_that_knows_nothing_of_it_is_served(p):
    """As in the manual."""
    p.write("hello", "from inside\n")
    port = free_port()
    q = p.start("--read", ".", "--publish", f"{port}:8000", "--", PYTHON, "-u", "-m", "http.server", "8000",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_in("Serving", q.stdout.readline())
    got = subprocess.run(["/usr/bin/curl", "-sS", "-m", "20", f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True, check=False)
    check_eq((got.returncode, got.stdout), (0, "from inside\n"), got.stderr)
    q.terminate()
    q.communicate(timeout=30)


@both
def without_it_nobody_gets_in(p):
    port = free_port()
    s = Server(p, where="0.0.0.0", inner=port)
    check(is_refused(port), "it is reached")
    s.end()
    check_eq(s.told(), [])
    check_eq([r for r in box.records(p) if r["kind"] == "run.start"][-1]["detail"].get("published"), None)


@both
def only_the_port_that_was_named_is_reached_and_nothing_outside_is(p):
    """What is published leads in, and not out: the inside reaches no port of the host's by it, that one included."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as host:
        there = host.getsockname()[1]
        script = f"""
import socket
for port in ({there}, {port}):
    for at in ("127.0.0.1", "10.0.2.15", "198.18.0.2"):
        try:
            socket.create_connection((at, port), 2)
            print("reached", at, port)
        except OSError as e:
            print("no")
"""
        r = p.run("--publish", f"{port}:8080", "--", PYTHON, "-c", script)
        check_eq((r.code, r.out), (0, "no\n" * 6), r.err)
    # A server at another port of the inside is not what was published.
    s = Server(p, "--publish", f"{port}:8080", inner=8081)
    check(is_reset(port), "it reached another port")
    s.end()


@both
def a_server_that_is_not_there_is_a_reset_at_once_and_a_record(p):
    port = free_port()
    q = p.start("--outcome", str(p.outcome_file), "--publish", f"{port}:8080", "--", "/bin/sh", "-c", "echo up; read x", stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "up\n")
    before = time.monotonic()
    check(is_reset(port), "somebody was there")
    check(time.monotonic() - before < 2 * cli.PATIENCE, "it took long")
    _, err = q.communicate("\n", timeout=30)
    block = [r for r in box.records(p) if r["kind"] == "net.block"]
    check_eq([(r["action"], r["resource"], r["detail"]["reason"], r["detail"]["peer"], r["detail"]["inner"]) for r in block],
             [("NETWORK_LISTEN", f"127.0.0.1:{port}", "no_server", "127.0.0.1", 8080)])
    # Who comes from outside is not the run.
    doc = json.loads(p.outcome_file.read_text())
    check_eq((doc["violations"], doc["violations_total"], doc["code"]), ([], 0, 0))
    check_in("nothing listens at that port inside", err)


@both
def what_is_said_after_an_end_still_comes(p):
    """Half of a connection ends, and the other half goes on; and all of a lot comes."""
    port = free_port()
    s = Server(p, "--publish", f"{port}:8080")
    data = os.urandom(1 << 20) * 8
    with socket.create_connection(("127.0.0.1", port), 10) as c:
        c.settimeout(30)
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                c.sendall(data)
                c.shutdown(socket.SHUT_WR)
            os._exit(0)
        got = b""
        while b := c.recv(1 << 16):
            got += b
        os.wait()
    check(got == b"you are 127.0.0.1\n" + data + b"end", f"{len(got)} bytes came")
    s.end()
    check_eq(s.told("net.accept")[0]["detail"]["up"], len(data))


@both
def two_hundred_at_a_time(p):
    port = free_port()
    s = Server(p, "--nofile", "2048", "--publish", f"{port}:8080")
    open_ = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(200)]
    for i, c in enumerate(open_):
        c.settimeout(20)
        c.sendall(b"%d\n" % i)
    for i, c in enumerate(open_):
        got = b""
        while not got.endswith(b"%d\n" % i):
            b = c.recv(100)
            check(b, f"connection {i} ended after {got}")
            got += b
    # The end of the run is the end of them all.
    s.end()
    for c in open_:
        with contextlib.suppress(ConnectionResetError):
            while c.recv(100):
                pass
        c.close()
    ended = [r["detail"] for r in s.told("net.accept")]
    check_eq(sum(d["count"] for d in ended), 200)
    check_eq(box.leftovers(), {})


@both
def a_relay_that_dies_lets_nobody_in_any_more(p):
    port = free_port()
    s = Server(p, "--publish", f"{port}:8080")
    c = socket.create_connection(("127.0.0.1", port), 10)
    c.settimeout(10)
    check_eq(c.recv(8), b"you are ")
    for pid, name in box.descendants().items():
        if name == "ward-relay":
            os.kill(pid, box.KILL)
    check(box.wait_for(lambda: is_refused(port)), "it is still listened at")
    with contextlib.suppress(ConnectionResetError):
        while c.recv(100):
            pass
    s.end()
    check_in("egress.relay", [r.get("resource") for r in box.records(p)])
    check_in("relay_lost", [r["detail"]["ended"] for r in s.told("net.accept")])


@both
def the_kernel_may_choose_and_it_is_said(p):
    q = p.start("--outcome", str(p.outcome_file), "--publish", "0:8080", "--", PYTHON, "-c", ECHO, "127.0.0.1", "8080",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = q.stderr.readline()
    check(line.startswith("ward: published: 127.0.0.1:") and line.endswith(" -> 8080\n"), line)
    port = int(line.split()[2].split(":")[1])
    check_eq(q.stdout.readline(), "ready\n")
    for host in ["127.0.0.1"] + ["::1"] * has_six():
        check_in(b"helloend", talk(port, host=host))
    q.terminate()
    q.communicate(timeout=30)
    want = [{"host": f"127.0.0.1:{port}", "inner": 8080}] + [{"host": f"[::1]:{port}", "inner": 8080}] * has_six()
    check_eq(json.loads(p.outcome_file.read_text())["published"], want)
    check_eq([r["detail"]["published"] for r in box.records(p) if r["kind"] == "run.start"], [want])


@both
def what_the_inside_serves_is_sent_and_what_comes_is_received(p):
    """The limits of bytes hold for what is published: as many as may leave the run leave it by that way, too, and then nobody is let in."""
    for limit, said, want in (("bytes-up=1000", b"x" * 50, 68 + 3), ("bytes-up=1000", b"x" * 5000, 1000), ("bytes-down=1000", b"x" * 5000, 1018)):
        port = free_port()
        s = Server(p, "--net-limit", limit, "--publish", f"{port}:8080")
        got = b""
        with socket.create_connection(("127.0.0.1", port), 10) as c:
            c.settimeout(20)
            c.sendall(said)
            with contextlib.suppress(ConnectionResetError):
                if len(said) < 1000:
                    c.shutdown(socket.SHUT_WR)
                while b := c.recv(1 << 16):
                    got += b
        if want == 1018:
            check(len(got) <= want, f"{len(got)} bytes came")
        else:
            check_eq(len(got), want)
        if len(said) > 1000:
            check(is_reset(port), "somebody is let in when all is used up")
        s.end()
        if len(said) > 1000:
            word = "budget_" + limit.split("=")[0].replace("-", "_")
            told = [r for r in s.told() if r["run"] == box.records(p)[-1]["run"]]
            check_eq({(r["detail"]["reason"], "error" in r["detail"]) for r in told if r["kind"] == "net.block"}, {(word, False)})
            check_eq([r["detail"]["up" if "down" in limit else "down"] for r in told if r["kind"] == "net.accept"], [1000])
    r = p.run("--publish", f"{port}:8080", "--", "/bin/true", kind=("plan",), log=False)
    check_in("idle=1h", r.out)


# ---- what is refused, before anything has started ----

def refused(p, *words, text, cure="", code=125):
    r = p.run(*words, "--", "/bin/sh", "-c", f"touch {p.ws}/started")
    check_eq((r.code, r.out), (code, ""), r.err)
    lines = [x for x in r.err.splitlines() if text in x]
    check_eq(len(lines), 1, r.err)
    check_in(cure, r.err)
    check(not (p.ws / "started").exists())
    return r


@both
def a_port_in_use_is_an_error_before_the_start(p):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        refused(p, "--publish", f"{port}:8080", text=f"port {port} of 127.0.0.1 is in use", cure="--publish 0:8080")
        refused(p, "--publish", f"0.0.0.0:{port}:8080", text=f"port {port} of 0.0.0.0 is in use", cure="--publish 0.0.0.0:0:8080")
        if has_six():
            with socket.create_server(("::1", port), family=socket.AF_INET6):
                refused(p, "--publish", f"[::]:{port}:8080", text=f"port {port} of :: is in use", cure="--publish [::]:0:8080")
        p.write("caps.json", f'[\n{{"type": "NETWORK_LISTEN",\n"resource": "127.0.0.1:{port}"}}]')
        refused(p, "--capabilities", "caps.json", text=f"port {port} of 127.0.0.1 is in use", cure="caps.json:2")
    # What was listened at before the one that failed is so no more.
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as s:
        refused(p, "--publish", f"{free}:8080", "--publish", f"{s.getsockname()[1]}:8081", text="is in use")
    check(is_refused(free))


@both
def no_address_of_this_host(p):
    refused(p, "--publish", "192.0.2.77:8080:8080", text="192.0.2.77 is no address of this host", cure="ip address")


@both
def a_port_that_takes_a_right(p):
    if os.geteuid() == 0 or int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="utf-8").read()) <= 81:
        return
    refused(p, "--publish", "81:8080", text="port 81 of the host needs a right that you do not have", cure="--publish 8080:8080")


@both
def two_of_one_port(p):
    a, b = free_port(), free_port()
    text = "that port of the host is published already"
    refused(p, "--publish", f"{a}:8080", "--publish", f"{a}:8081", text=text)
    refused(p, "--publish", f"127.0.0.1:{a}:8080", "--publish", f"0.0.0.0:{a}:8081", text=text)
    p.write("caps.json", f'[{{"type": "NETWORK_LISTEN", "resource": "127.0.0.1:{b}"}},\n{{"type": "NETWORK_LISTEN", "resource": "127.0.0.1:{a}"}}]')
    refused(p, "--publish", f"{a}:8080", "--capabilities", "caps.json", text=text, cure="--publish")
    # Two names of one place inside are none.
    s = Server(p, "--publish", f"{a}:8080", "--publish", f"{b}:8080")
    check_in(b"hello", talk(a))
    check_in(b"hello", talk(b))
    s.end()


@both
def a_capability_is_the_same_at_one_number(p):
    port = free_port()
    s = Server(p, "--cap", f"NETWORK_LISTEN:127.0.0.1:{port}", inner=port)
    check_in(b"hello", talk(port))
    if has_six():
        check(is_refused(port, "::1"))
    s.end()
    for what in ("*.example.com:8080", "10.0.0.0/8:8080", "127.0.0.1:8080,8081", "localhost:8080", "127.0.0.1:*"):
        refused(p, "--cap", f"NETWORK_LISTEN:{what}", text="what is published is one address of this host and one port")


# ---- who decides ----

LISTEN = '(principal, action == Ward::Action::"net.listen", resource'


@both
def what_a_policy_forbids_is_not_published(p):
    port = free_port()
    p.write("net.cedar", f"""@id("no-doors") @reason("nobody comes in") forbid {LISTEN});
""")
    r = refused(p, "--policy", "net.cedar", "--publish", f"{port}:8080", text="a rule forbids it")
    check_in("net.cedar:1", r.err)
    check_in("nobody comes in", r.err)
    # Of a port that the kernel chooses it is found when it is chosen.
    refused(p, "--policy", "net.cedar", "--publish", "0:8080", text="which became 127.0.0.1:")
    check(is_refused(port))


@both
def a_permit_alone_publishes_nothing(p):
    port = free_port()
    p.write("net.cedar", f'permit {LISTEN} == Ward::Endpoint::"127.0.0.1:{port}");\n')
    s = Server(p, "--policy", "net.cedar", inner=port)
    check(is_refused(port))
    s.end()


@both
def every_address_is_none_that_a_rule_forbids(p):
    """0.0.0.0 stands for all of the host's; each connection is judged by the one that it came to."""
    port = free_port()
    p.write("net.cedar", f"""@id("not-there") forbid {LISTEN} in Ward::Cidr::"127.9.0.0/16");
""")
    s = Server(p, "--policy", "net.cedar", "--publish", f"0.0.0.0:{port}:8080")
    check_in(b"hello", talk(port))
    check_in(b"hello", talk(port, host="127.0.0.2"))
    check(is_reset(port, "127.9.1.1"), "it is reached at an address that a rule forbids")
    s.end()
    block = s.told("net.block")
    check_eq([(r["resource"], r["detail"]["reason"], r["rules"]) for r in block], [(f"127.9.1.1:{port}", "no_rule", ["not-there"])])


def reached_until(port, start):
    """start(MS) begins a server to which rules let somebody until then: it, once that time is over. How long a start takes, the machine alone knows."""
    for seconds in (3, 15, 60):
        until = time.time() + seconds
        s = start(int(until * 1000))
        said = b""
        with contextlib.suppress(OSError):
            said = talk(port)
        if time.time() < until - 0.2:
            check_in(b"hello", said)
            time.sleep(max(0.0, until - time.time()) + 0.2)
            return s
        s.end()
        s.p.log.unlink()
    raise AssertionError("no server was up within a minute")


@both
def policies_are_asked_at_that_moment(p):
    port = free_port()

    def start(until):
        p.write("net.cedar", f"""forbid {LISTEN}) when {{ context.time >= datetime("1970-01-01").offset(duration("{until}ms")) }};
""")
        return Server(p, "--policy", "net.cedar", "--publish", f"{port}:8080")
    s = reached_until(port, start)
    check(is_reset(port), "it is reached when its time is over")
    s.end()
    check_eq([r["detail"]["reason"] for r in s.told("net.block")], ["no_rule"])


@root_only
def a_lesser_yes_answers_no_graver_question(p):
    """Who said yes before the start to what was risky has not said it to what has become critical; who said it to that has."""
    own_etc()
    epoch = 0

    def start(until):
        nonlocal epoch
        epoch += 1
        over = f'context.time >= datetime("1970-01-01").offset(duration("{until}ms"))'
        ceiling(epoch, f"""permit (principal, action, resource) unless {{ action == Ward::Action::"net.listen" }};
@approval("{first}") permit {LISTEN}) when {{ !({over}) }};
@approval("{then}") permit {LISTEN}) when {{ {over} }};
""")
        return Server(p, "--approve", said, "--publish", f"{port}:8080")

    for first, then, said, want in (("risky", "critical", "risky", False), ("critical", "risky", "critical", True)):
        port = free_port()
        s = reached_until(port, start)
        if want:
            check_in(b"hello", talk(port))
        else:
            check(is_reset(port), "a yes to a lesser question was taken for one")
        s.end()


@both
def what_is_full_inside_closes_the_door_for_a_while_alone(p):
    """Descriptors in flight are counted by user, so the inside can keep ward-init from handing its sockets out; not longer than it lasts."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (1040, 1040))  # with more than the inside may have, ward-init is not in its hands
    port = free_port()
    q = p.start("--outcome", str(p.outcome_file), "--publish", f"{port}:8080", "--", "/bin/sh", "-c",
                f"{PYTHON} -c '{ECHO}' 127.0.0.1 8080 & read x; exec {PYTHON} -c '{box.IN_FLIGHT}'",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "ready\n")
    q.stdin.write("\n")
    q.stdin.flush()
    line = q.stdout.readline()
    print("#", line.strip())
    check_in("full", line)
    waiting = []
    for _ in range(32):
        waiting.append(socket.create_connection(("127.0.0.1", port), 10))
    time.sleep(0.5)
    q.stdin.write("\n")
    q.stdin.flush()
    check_eq(q.stdout.readline(), "free\n")
    for c in waiting:
        c.close()
    check(box.wait_for(lambda: not is_reset(port)), "nobody is let in any more")
    check_in(b"hello", talk(port))
    q.stdin.write("\n")
    q.communicate(timeout=30)


@root_only
def a_new_ceiling_ends_what_it_takes_away(p):
    own_etc()
    port = free_port()
    ceiling(1, "permit (principal, action, resource);")
    s = Server(p, "--publish", f"{port}:8080")
    check_in(b"hello", talk(port))
    ceiling(2, f"permit (principal, action, resource);\nforbid {LISTEN});")
    s.q.communicate(timeout=30)
    check_eq(json.loads(p.outcome_file.read_text())["status"], "policy_kill")
    refused(p, "--publish", f"{port}:8080", text="a rule forbids it")


@root_only
def a_new_ceiling_that_forbids_one_address_of_all_ends_what_it_takes_away(p):
    """0.0.0.0 stands for what it forbids, too; what was forbidden before was not there to be taken."""
    own_etc()
    port = free_port()
    base = f'permit (principal, action, resource);\nforbid {LISTEN} in Ward::Cidr::"127.8.0.0/16");'
    ceiling(1, base)
    s = Server(p, "--publish", f"0.0.0.0:{port}:8080")
    check_in(b"hello", talk(port, host="127.9.1.1"))
    check(is_reset(port, "127.8.1.1"), "it is reached at an address that a rule forbids")
    ceiling(2, base + f'\nforbid {LISTEN} in Ward::Cidr::"192.0.2.0/24") when {{ context.time < datetime("1970-01-02") }};')
    time.sleep(3)
    check_in(b"hello", talk(port, host="127.9.1.1"))
    ceiling(3, base + f'\n@id("nine") forbid {LISTEN} in Ward::Cidr::"127.9.0.0/16");')
    s.q.communicate(timeout=30)
    doc = json.loads(p.outcome_file.read_text())
    check_eq(doc["status"], "policy_kill")
    check_in(f"127.9.0.0:{port}", json.dumps(doc))


@both
def a_mode_without_network_publishes_nothing(p):
    for mode in ("read_only", "workspace_write", "repo_write"):
        refused(p, "--mode", mode, "--publish", f"{free_port()}:8080", text=f"the mode {mode} is not reached from outside; without a mode --publish decides")


@both
def it_is_in_the_plan_and_in_the_network_log(p):
    port = free_port()
    r = p.run("--json", "--publish", f"127.0.0.1:{port}:8080", "--", "/bin/true", kind=("plan",), log=False)
    plan = json.loads(r.out)
    check_eq(plan["published"], [{"address": "127.0.0.1", "port": port, "inner": 8080, "rule": plan["published"][0]["rule"]}])
    check_eq(plan["rules"][plan["published"][0]["rule"]]["text"], f"--publish 127.0.0.1:{port}:8080")
    check_eq(plan["axes"]["network"]["level"], "enforced")
    r = p.run("--publish", f"{port}:8080", "--", "/bin/true", kind=("plan",), log=False)
    check_in(f"127.0.0.1:{port} -> 8080", r.out)
    s = Server(p, "--publish", f"{port}:8080")
    talk(port)
    s.end()
    run = box.records(p)[-1]["run"]
    r = cli.ward("net", "log", run, "--audit", str(p.log))
    check_in(f'net.accept allow NETWORK_LISTEN "127.0.0.1:{port}"', r.out)
    check_in("peer=", r.out)
    check_in("inner=8080", r.out)


@both
def who_was_let_in_is_on_record_when_he_comes(p):
    """So that the log says it whatever is killed then; the end says the rest, and takes the begin out of what is shown as open."""
    port = free_port()
    s = Server(p, "--publish", f"{port}:8080")
    with socket.create_connection(("127.0.0.1", port), 10) as c:
        c.settimeout(10)
        check_eq(c.recv(8), b"you are ")
        check(box.wait_for(lambda: s.told("net.open")), str(s.told()))
        begun = s.told("net.open")[0]
        d = begun["detail"]
        check_eq((begun["resource"], begun["action"], begun["effect"], d["address"], d["peer"], d["port"], d["inner"]),
                 (f"127.0.0.1:{port}", "NETWORK_LISTEN", "allow", "127.0.0.1", "127.0.0.1", port, 8080))
        check_eq(s.told("net.accept"), [])
        r = cli.ward("net", "log", begun["run"], "--audit", str(p.log))
        check_in(f'net.open allow NETWORK_LISTEN "127.0.0.1:{port}"', r.out)
    check(box.wait_for(lambda: s.told("net.accept")), str(s.told()))
    r = cli.ward("net", "log", begun["run"], "--audit", str(p.log))
    check("net.open" not in r.out, r.out)
    check_in("net.accept", r.out)
    s.end()
    check("dialled" not in s.told("net.accept")[0]["detail"])


@both
def beside_egress(p):
    """What goes out is judged as before, and what comes in comes."""
    port = free_port()
    s = Server(p, "--cap", "NETWORK_CONNECT:good.example.com:443", "--publish", f"{port}:8080", where="0.0.0.0")
    check_in(b"helloend", talk(port))
    s.end()


@both
def direct_needs_none_of_it(p):
    refused(p, "--backend", "direct", "--publish", f"{free_port()}:8080", text="cannot be published")


if __name__ == "__main__":
    box.main()

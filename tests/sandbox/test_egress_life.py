#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run's network from its first use to its end: the relay, what is on record when it dies, and what nobody was asked about."""
import contextlib
import json
import os
import resource
import subprocess
import time

import box
import cli
from box import both, both_cases, root_only
from ceiling_box import ceiling, own_etc
from egress_box import HELLO, NAME, PYTHON, Net, Talker, known, until, when_known
from tap import check, check_eq, check_in


@both
@when_known
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
    check_eq([(o["resource"], o["effect"], o["detail"]["address"], o["detail"]["count"]) for o in opens],
             2 * [(f"{NAME}:{t.port}", "allow", "127.0.0.1", 1)])
    check_eq(known(opens), 2 * ["python3"])
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
@when_known
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
    recorded = set(known(n.told("net.open")))
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
    q = p.start("--", PYTHON, "-c", "input()", stdin=subprocess.PIPE)
    check(box.wait_for(lambda: "python3" in box.descendants().values()), "no command")
    check("ward-relay" not in box.descendants().values(), str(box.descendants()))
    q.communicate(b"\n", timeout=30)


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
    check_in("ward: network: the relay is gone, and with it the run's network: it has ended (egress.relay)", err)
    check_in("relay_lost", [r["detail"].get("ended") for r in n.told("net.connect")])


@root_only
def a_yes_is_to_what_was_asked_and_to_nothing_more_serious(p):
    """What nobody was asked about at the start, and what was asked about as a lesser thing, is asked about later: and refused."""
    own_etc()
    n = Net(p)
    connect = 'permit (principal, action == Ward::Action::"net.connect", resource '
    seconds = 2 * cli.PATIENCE
    for epoch, (before, words) in enumerate((("", ()), ('@approval("risky") ', ("--approve", "risky")))):
        until_ms = int((time.time() + seconds) * 1000)
        ceiling(epoch + 1, f"""{connect} in Ward::Cidr::"127.0.0.0/8");
{before}{connect} in Ward::Domain::"test.example") when {{ context.time < datetime("1970-01-01").offset(duration("{until_ms}ms")) }};
@approval("critical") {connect} in Ward::Domain::"test.example");
""")
        get = f"curl -sS -m 20 {n.url()}"
        r, doc = n.run("/bin/sh", "-c", f"{get}; sleep {seconds + 0.2}; {get} || echo refused", grants=[*words, *n.grants()])
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
    for what in ("nonsense", "[::1]:53x", "127.0.0.1:0"):
        r = p.run("--resolver", what, "--", "/bin/true")
        check_eq(r.code, 125)
        check_in(f'--resolver: "{what}" is no address of a name server', r.err)


if __name__ == "__main__":
    box.main(at_once=3)

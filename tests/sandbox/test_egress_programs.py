#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about connections that look at the program: whose it is, whatever became of who asked, and who is taken for whom."""
import os

import box
from box import both, both_cases, root_only
from ceiling_box import ceiling, own_etc
from egress_box import FETCH, HELLO, NAME, PYTHON, SERVERS, Net, Talker, known, need, refused, when_known
from tap import check, check_eq, check_in


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


@both_cases([("a permit", ONLY_CURL), ("a forbid", NOT_CURL)])
def a_server_is_told_of_that_some_program_may_reach(p, rules):
    """Who asks is not known, as with a name; and an answer gives no right."""
    n = Net(p, {NAME: ["127.0.0.1"], f"_db._tcp.{NAME}": [(1, 1, 80, NAME), (1, 1, 80, "other.test.example")]})
    p.write("net.cedar", rules % NAME)
    r, doc = n.run(PYTHON, "-c", SERVERS, f"_db._tcp.{NAME}=udp", grants=["--resolver", n.dns.at, "--policy", "net.cedar", "--cap", "NETWORK_CONNECT:127.0.0.1:80"])
    check_eq((r.code, r.out, doc["violations"]), (0, f"0 whole 1 {NAME}:80\n", []), r.err)
    check_in("1 of its 2 servers may not be connected to; grant them, if they are meant: other.test.example:80", n.told("dns.block")[-1]["detail"]["why"])


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
@when_known
def who_executes_another_program_is_that_one(p):
    """The same process, with the same number."""
    curl = FETCH["curl"]("")[0]
    need(curl)
    n = Net(p)
    script = f"import os, socket; socket.create_connection(({NAME!r}, {n.http.port}), 10).close(); os.execv({curl!r}, {FETCH['curl'](n.url())!r})"
    r, _ = n.run(PYTHON, "-c", script)
    check_eq((r.code, r.out), (0, HELLO.decode()), r.err)
    opens = n.told("net.open")
    check_eq(known(opens, "program"), [os.path.realpath(PYTHON), curl])
    check_eq(opens[0]["pid"], opens[1]["pid"])


@both
@when_known
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
    check_eq(known(opens), ["first", "second", "third", "fourth", "fifth"])
    pids = [o["pid"] for o in opens]
    check_eq((pids[0], pids[0]), (pids[1], pids[4]))
    check_eq(len(set(pids)), 3, str(pids))


@both
@when_known
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
    ends = n.told("net.connect")
    for v, comm in zip(ends, known(ends)):
        key = comm, v["resource"]
        counts[key] = counts.get(key, 0) + v["detail"]["count"]
    check_eq(counts, {(f"t{i:02}", where): 2 for i in range(threads)
                      for where in (f"{NAME}:{one.port}", f"other.test.example:{two.port}")})


if __name__ == "__main__":
    box.main()

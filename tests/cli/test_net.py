#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may be connected to: `ward net check`, and what the plan says of it. Nothing is connected to."""
import json

import cli
import schema
from cli import ward
from tap import cases, check, check_eq, check_in, main, test

NET = """permit (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"example.com")
when { resource.port == 443 };
@id("not.there") forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"bad.example.com");
@approval("risky") permit (principal, action == Ward::Action::"net.connect", resource == Ward::Endpoint::"asked.org:22");
@approval("risky") permit (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"*.later.org");
"""
OWN = """forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"127.0.0.0/8");
forbid (principal, action == Ward::Action::"net.connect", resource == Ward::Endpoint::"[::1]:443");
"""
ASKS = [
    # name, options, endpoint, effect, why, exit, cure
    ("a grant", ["--cap", "NETWORK_CONNECT:a.org:443"], "a.org:443", "allow", "granted", 0, None),
    ("upper case is the same name", ["--cap", "NETWORK_CONNECT:A.org:443"], "a.ORG:443", "allow", "granted", 0, None),
    ("another port", ["--cap", "NETWORK_CONNECT:a.org:443"], "a.org:80", "deny", "no_rule", 1, "--cap 'NETWORK_CONNECT:a.org:80'"),
    ("a mode without a network", ["--mode", "workspace_write"], "a.org:443", "deny", "forbidden", 1, None),
    ("a mode with one", ["--mode", "danger_full_access"], "a.org:443", "allow", "granted", 0, None),
    ("a policy", ["--policy", "net.cedar"], "a.b.example.com:443", "allow", "granted", 0, None),
    ("a policy's condition", ["--policy", "net.cedar"], "a.example.com:80", "deny", "no_rule", 1, "--cap 'NETWORK_CONNECT:a.example.com:80'"),
    ("a deny beats an allow", ["--policy", "net.cedar", "--cap", "NETWORK_CONNECT:**.example.com:*"], "bad.example.com:443", "deny",
     "forbidden", 1, None),
    ("a person", ["--policy", "net.cedar"], "asked.org:22", "ask", "granted", 1, None),
    ("metadata, whatever is granted", ["--cap", "NETWORK_CONNECT:0.0.0.0/0:*"], "169.254.169.254:80", "deny", "never", 1, None),
    ("an inner address, by a mode", ["--mode", "danger_full_access"], "10.0.0.1:443", "deny", "no_rule", 1, "--cap 'NETWORK_CONNECT:10.0.0.1:443'"),
    ("an inner address, by every address", ["--cap", "NETWORK_CONNECT:0.0.0.0/0:443"], "127.0.0.1:443", "deny", "no_rule", 1,
     "--cap 'NETWORK_CONNECT:127.0.0.1:443'"),
    ("an inner address, by a range of its kind", ["--cap", "NETWORK_CONNECT:10.0.0.0/8:443"], "10.0.0.1:443", "allow", "granted", 0, None),
    ("a public address, by every address", ["--cap", "NETWORK_CONNECT:0.0.0.0/0:443"], "8.8.8.8:443", "allow", "granted", 0, None),
    ("the host's loopback, by its name", ["--cap", "NETWORK_CONNECT:host.ward.internal:443"], "host.ward.internal:443", "allow", "granted", 0, None),
    ("the host's loopback, by a wildcard", ["--cap", "NETWORK_CONNECT:**.internal:443"], "host.ward.internal:443", "deny", "no_rule", 1,
     "--cap 'NETWORK_CONNECT:host.ward.internal:443'"),
    ("the host's loopback, by a mode", ["--mode", "danger_full_access"], "host.ward.internal:443", "deny", "no_rule", 1,
     "--cap 'NETWORK_CONNECT:host.ward.internal:443'"),
    ("the host's loopback, by a wildcard and its address", ["--cap", "NETWORK_CONNECT:**.internal:443", "--cap", "NETWORK_CONNECT:[::1]:443"],
     "host.ward.internal:443", "allow", "granted", 0, None),
    ("the host's loopback, which a policy forbids", ["--policy", "own.cedar", "--cap", "NETWORK_CONNECT:host.ward.internal:443"], "host.ward.internal:443",
     "deny", "forbidden", 1, None),
    ("half of the host's loopback", ["--policy", "own.cedar", "--cap", "NETWORK_CONNECT:host.ward.internal:80"], "host.ward.internal:80", "allow", "granted", 0, None),
    ("no endpoint", [], "a..org:443", "deny", "malformed", 1, None),
]


SCHEMA = json.loads((cli.ROOT / "docs/spec/explain.schema.json").read_text())


def asked(p, *words, kind=("net", "check")):
    # The last: what a mode grants all around needs a place for sockets that nothing sees, and not every machine's users have one.
    return ward(*kind, *words, cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config"), XDG_RUNTIME_DIR=str(p.home)))


@cases([(row[0], row[1:]) for row in ASKS])
def answers(row):
    options, endpoint, effect, why, code, cure = row
    with cli.place() as p:
        p.write("net.cedar", NET)
        p.write("own.cedar", OWN)
        r = asked(p, *options, "--json", endpoint)
        check_eq(r.code, code, r.err)
        doc = json.loads(r.out)
        schema.validate(doc, SCHEMA)
        check_eq((doc["effect"], doc["why"], doc.get("cure")), (effect, why, cure), r.out)
        # What is expected beside a policy is answered in the same way.
        p.write("t.json", json.dumps([{"action": "net.connect", "resource": endpoint, "expect": effect, "why": why}]))
        r = asked(p, *options, "t.json", kind=("policy", "test"))
        check_eq((r.code, r.out), (0, "1 passed, 0 failed\n"), r.err)
        people = asked(p, endpoint, *options)
        check_eq(people.code, code)
        check(people.out.startswith(effect), people.out)


UP = ["--upstream-proxy", "http://proxy.corp:3128"]
TEN = 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"10.0.0.0/8"{});\n'
TLS_ALONE = ') unless { context has inspected && context.inspected == Ward::Protocol::"tls" }; //'
BY_UPSTREAM = [
    # name, rule, options, endpoint, effect, why, upstream, line of the rule, what may not be spoken; 0: none
    ("a name", "", UP, "a.org:443", "allow", "granted", True, 0, 0),
    ("a name that nothing grants", "", UP, "b.org:443", "deny", "no_rule", False, 0, 0),
    ("a name that is spared", TEN.format(""), [*UP, "--upstream-direct", "org"], "a.org:443", "allow", "granted", False, 0, 0),
    ("the host's own service", "", UP, "host.ward.internal:443", "allow", "granted", False, 0, 0),
    ("what the proxy itself is", "", UP, "metadata.google.internal:443", "deny", "upstream_inner", True, 0, 0),
    ("a public address", "", UP, "8.8.8.8:443", "allow", "granted", True, 0, 0),
    ("an inner address", "", UP, "192.168.0.1:443", "deny", "upstream_inner", True, 0, 0),
    ("an inner address behind NAT64", "", UP, "[64:ff9b::c0a8:1]:443", "deny", "upstream_inner", True, 0, 0),
    ("an inner address that is spared", "", [*UP, "--upstream-direct", "192.168.0.0/16"], "192.168.0.1:443", "allow", "granted", False, 0, 0),
    ("a name, beside a forbidden range", TEN.format(""), UP, "a.org:443", "deny", "upstream_address", True, 1, 0),
    ("a name that the forbid spares", TEN.format(") unless { resource in Ward::Domain::\"org\" }; //"), UP, "a.org:443", "allow", "granted", True, 0, 0),
    ("a name, beside a range that is forbidden but to TLS", TEN.format(TLS_ALONE), UP, "a.org:443", "allow", "granted", True, 0, 6),
]


@cases([(row[0], row[1:]) for row in BY_UPSTREAM])
def what_a_run_by_the_hosts_proxy_would_meet_is_answered(row):
    rule, options, endpoint, effect, why, upstream, line, silent = row
    with cli.place() as p:
        p.write("net.cedar", rule or "// none\n")
        caps = [f"--cap=NETWORK_CONNECT:{e}:443" for e in ("a.org", "8.8.8.8", "192.168.0.1", "[64:ff9b::c0a8:1]", "host.ward.internal", "*.google.internal")]
        r = asked(p, "--policy", "net.cedar", *caps, *options, "--json", endpoint)
        doc = json.loads(r.out)
        schema.validate(doc, SCHEMA)
        check_eq((r.code, doc["effect"], doc["why"]), (0 if effect == "allow" else 1, effect, why), r.out)
        check_eq(doc.get("upstream"), "proxy.corp:3128" if upstream else None)
        if effect == "deny":
            check_eq([x["line"] for x in doc["rules"]], [line] if line else [])
        check_eq(len(doc.get("not_spoken", [])), silent, r.out)
        people = asked(p, "--policy", "net.cedar", *caps, *options, endpoint)
        check_eq((people.out.split(":")[0], "  by: the host's proxy proxy.corp:3128\n" in people.out), (effect, upstream), people.out)


@cases([(row[0], row[1:]) for row in (
    ("of the loopback", "127.0.0.1", "loopback; what is dialled at it inside is the run's own, and the host's only behind a name: host.ward.internal"),
    ("made up by a VPN", "198.19.3.4", "private; what is dialled at it inside is the run's own, and what is outside only behind a name"),
    ("beside that", "198.20.3.4", "public"))])
def an_address_that_leads_nowhere_from_inside_is_told(row):
    with cli.place() as p:
        r = asked(p, f"--cap=NETWORK_CONNECT:{row[0]}:443", f"{row[0]}:443")
        check_eq((r.code, [x for x in r.out.splitlines() if "address:" in x]), (0, ["  address: " + row[1]]), r.err)


@test
def what_is_spared_without_a_proxy_is_an_error():
    with cli.place() as p:
        r = asked(p, "--upstream-direct", "a.org", "a.org:443")
        check_eq((r.code, r.out), (2, ""))
        check_in("--upstream-direct: there is no proxy that it could spare", r.err)


@cases([(row[0], row[1:]) for row in (
    ("an inner address", '"10.0.0.1"', "10.0.0.1:443"), ("a loopback address", '"::1"', "[::1]:443"),
    ("the host's loopback", '"host.ward.internal"', "host.ward.internal:443"))])
def a_rule_that_means_it_is_a_difference(row):
    host, endpoint = row
    every = 'permit (principal, action == Ward::Action::"net.connect", resource);\n'
    with cli.place() as p:
        p.write("a.cedar", every)
        p.write("b.cedar", every + f'permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::{host});\n')
        r = asked(p, "a.cedar", "b.cedar", kind=("policy", "diff"))
        check_eq(r.code, 1, r.err)
        check_in(f"net.connect {endpoint.removesuffix('443')}", r.out)
        check_in("deny -> allow (b.cedar:", r.out)


PROFILES = """schemaVersion: 2
kind: Policy
metadata: {name: net}
spec:
  fsProfiles:
    fetch:
      network:
        mode: allow
        allow: ["*.b.org:80,8000-8080", "10.0.0.0/8:1", A.org:443]
        deny: [bad.b.org:80]
    more: {extends: fetch, network: {allow: [c.org:1], deny: [a.org:443]}}
    wide: {network: {mode: open, allow: ["10.1.0.0/16:5"], deny: ["**.evil.org:*", 9.9.9.9:53]}}
    none: {extends: fetch, network: {mode: deny-all}}
    unsaid: {network: {}}
    silent: {}
"""
OF_PROFILES = [
    # profile, endpoint, effect, why, line of the rule; 0: none
    ("fetch", "x.b.org:80", "allow", "granted", 9),
    ("fetch", "x.b.org:8080", "allow", "granted", 9),
    ("fetch", "x.b.org:443", "deny", "no_rule", 0),
    ("fetch", "bad.b.org:80", "deny", "forbidden", 10),
    ("fetch", "a.org:443", "allow", "granted", 9),
    ("fetch", "10.1.1.1:1", "allow", "granted", 9),
    ("fetch", "8.8.8.8:1", "deny", "no_rule", 0),
    ("more", "c.org:1", "allow", "granted", 11),
    ("more", "x.b.org:80", "allow", "granted", 9),
    ("more", "a.org:443", "deny", "forbidden", 11),
    ("wide", "any.org:22", "allow", "granted", 12),
    ("wide", "8.8.8.8:53", "allow", "granted", 12),
    ("wide", "9.9.9.9:53", "deny", "forbidden", 12),
    ("wide", "x.evil.org:1", "deny", "forbidden", 12),
    ("wide", "10.1.2.3:5", "allow", "granted", 12),
    ("wide", "10.2.2.3:5", "deny", "no_rule", 0),
    ("wide", "169.254.169.254:80", "deny", "never", 0),
    ("none", "a.org:443", "deny", "forbidden", 13),
    ("none", "x.b.org:80", "deny", "forbidden", 13),
    ("unsaid", "a.org:443", "deny", "forbidden", 14),
    ("silent", "a.org:443", "deny", "no_rule", 0),
    ("unrestricted", "a.org:443", "deny", "no_rule", 0),
]


@cases([(f"{row[0]} {row[1]}", row) for row in OF_PROFILES])
def a_profile_decides(row):
    profile, endpoint, effect, why, line = row
    with cli.place() as p:
        p.write("net.yaml", PROFILES)
        doc = json.loads(asked(p, "--policy", "net.yaml", "--profile", profile, "--json", endpoint).out)
        check_eq((doc["effect"], doc["why"]), (effect, why))
        check_eq([k["line"] for k in doc["rules"] if k["file"] == "net.yaml"][:1], [line] if line else [], str(doc["rules"]))
        if why == "no_rule":
            # It forbids nothing, so that an option may add what is missing.
            doc = json.loads(asked(p, "--policy", "net.yaml", "--profile", profile, "--cap", f"NETWORK_CONNECT:{endpoint}", "--json", endpoint).out)
            check_eq(doc["effect"], "allow")


LAYERED = """schemaVersion: 2
kind: Policy
metadata: {name: net}
spec: {fsProfiles: {fetch: {%s}}}
"""
BELOW = [
    # of the person, of the repository, endpoint, effect, why
    ("network: {mode: allow, allow: ['*.b.org:80']}", "network: {mode: allow, allow: ['x.b.org:80', c.org:1]}", "x.b.org:80", "allow", "granted"),
    ("network: {mode: allow, allow: ['*.b.org:80']}", "network: {mode: allow, allow: ['x.b.org:80', c.org:1]}", "y.b.org:80", "deny", "narrowed"),
    ("network: {mode: allow, allow: ['*.b.org:80']}", "network: {mode: allow, allow: ['x.b.org:80', c.org:1]}", "c.org:1", "deny", "no_rule"),
    ("network: {mode: open}", "network: {mode: open, deny: ['x.b.org:80']}", "x.b.org:80", "deny", "forbidden"),
    ("network: {mode: open}", "network: {mode: open, deny: ['x.b.org:80']}", "y.b.org:80", "allow", "granted"),
    ("network: {mode: open}", "network: {mode: deny-all}", "x.b.org:80", "deny", "forbidden"),
    ("network: {mode: open}", "network: {mode: allow}", "x.b.org:80", "deny", "forbidden"),
    ("network: {mode: open}", "", "x.b.org:80", "deny", "forbidden"),
    ("", "network: {mode: open}", "x.b.org:80", "deny", "no_rule"),
    ("", "network: {mode: deny-all}", "x.b.org:80", "deny", "forbidden"),
    ("network: {mode: allow, allow: ['10.0.0.0/8:1']}", "network: {mode: open}", "10.1.1.1:1", "allow", "granted"),
]


@cases([(f"{row[0]} / {where} {row[1]} {row[2]}", (where, *row)) for row in BELOW for where in ("repository", "run")])
def a_profile_of_a_lower_layer_only_narrows(row):
    where, upper, lower, endpoint, effect, why = row
    with cli.place() as p:
        own = p.home / "config/ward"
        own.mkdir(parents=True)
        (own / "net.yaml").write_text(LAYERED % upper)
        p.write("below.yaml" if where == "run" else ".ward/net.yaml", LAYERED % lower)
        r = asked(p, "--profile", "fetch", *(["--policy", "below.yaml"] if where == "run" else []), "--json", endpoint)
        doc = json.loads(r.out)
        check_eq((doc["effect"], doc["why"]), (effect, why), r.out)


@test
def a_profile_is_shown_as_what_it_compiles_to():
    with cli.place() as p:
        p.write("net.yaml", PROFILES)

        def shown(profile):
            r = asked(p, "--policy", "net.yaml", "--profile", profile, "--as", "cedar", kind=("policy", "show"))
            check_eq(r.code, 0, r.err)
            return [" ".join(k for k in lines.split("\n") if k[:2] != "//") for lines in r.out.split("\n\n") if "net.connect" in lines and "net.yaml" in lines]
        check_eq(shown("none"), ['@source("net.yaml:13:44") @text("network: deny-all") '
                                 'forbid (principal, action == Ward::Action::"net.connect", resource);',
                                 '@source("net.yaml:10:16") @text("NETWORK_CONNECT bad.b.org:80") '
                                 'forbid (principal, action == Ward::Action::"net.connect", resource == Ward::Endpoint::"bad.b.org:80");'])
        wide = shown("wide")
        check_eq(wide[0], '@source("net.yaml:12:28") @text("network: open") '
                          'permit (principal, action == Ward::Action::"net.connect", resource);')
        check_in('permit (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"10.1.0.0/16") when { resource.port == 5 };', wide[1])
        check_in('forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"evil.org");', wide[2])
        check_eq(len(wide), 4)
        check_eq(shown("silent"), [])


@cases([("an error", ("network: {mode: alow}", 1, 'net.yaml:4:45: unknown network.mode "alow"; did you mean "allow"?')),
        ("a contradiction", ("network: {mode: allow, allow: [a.org:1], deny: [a.org:1]}", 1, 'net.yaml:4:60: network.allow "a.org:1" allows what is denied by')),
        ("no mode", ("network: {allow: [a.org:1]}", 1, "net.yaml:4:46: network.allow of profile")),
        ("a warning", ("network: {mode: allow}", 0, "net.yaml:4:45: network.mode of profile"))])
def what_is_wrong_with_a_profile_is_one_line(row):
    text, code, line = row
    with cli.place() as p:
        p.write("net.yaml", LAYERED % text)
        r = asked(p, "net.yaml", kind=("policy", "check"))
        check_eq(r.code, code, r.out + r.err)
        check_in(line, r.out + r.err)


@cases([(name, (name, want)) for name, want in (("8.8.8.8:1", "public"), ("10.0.0.1:1", "private"), ("127.0.0.1:1", "loopback"), ("[fe80::1]:1", "never"),
                                                ("a.org:1", None))])
def a_literal_address_is_told_what_it_is(row):
    endpoint, want = row
    with cli.place() as p:
        check_eq(json.loads(asked(p, "--json", endpoint).out).get("address"), want)


@cases([("nothing", ()), ("two", ("a.org:1", "b.org:1")), ("an option that is none", ("--prot", "a.org:1")),
        *((endpoint, (endpoint,)) for endpoint in ("a.org", "a.org:", "a.org:0", "a.org:65536", "a.org:99999999999999999999", "a.org:*", "a.org:1-2",
                                                   ":443", "::1", "::1:443", "[::1]", "a.org:443 "))])
def usage(words):
    with cli.place() as p:
        r = asked(p, *words)
        check_eq(r.code, 2, r.out)
        check_eq(r.err.count("\n"), 1, r.err)


def plan(p, *words):
    r = asked(p, "--json", *words, "--", "/bin/true", kind=("plan",))
    return r, json.loads(r.out) if r.code == 0 else None


def planned(p, *words):
    """None on a machine that cannot have this network, and says so."""
    r, doc = plan(p, *words)
    if r.code == 1 and "axis network" in r.err:
        return check_in("take it out", r.err)
    check_eq(r.code, 0, r.err)
    return doc


TOLD = """schemaVersion: 2
kind: Policy
metadata: {name: net}
spec:
  fsProfiles:
    fetch:
      read: ["**"]
      network:
        mode: allow
        allow: ["*.example.com:443", "[2001:db8::/32]:8000-8010", api.example.org:443]
        deny: ["tracker.example.com:443", "10.0.0.0/8:22"]
    closed:
      read: ["**"]
      network: {mode: deny-all}
"""


@test
def the_plan_says_what_a_profile_says_of_the_network():
    with cli.place() as p:
        p.write("net.yaml", TOLD)
        doc = planned(p, "--policy", "net.yaml", "--profile", "fetch")
        if doc is None:
            return
        schema.validate(doc, json.loads((cli.ROOT / "docs/spec/plan.schema.json").read_text()))
        granted = {x["pattern"]: x["line"] for x in doc["rules"] if x["type"] == "NETWORK_CONNECT"}
        check_eq(granted, {"*.example.com:443": 10, "[2001:db8::/32]:8000-8010": 10, "api.example.org:443": 10})
        check_eq({x["pattern"]: x["line"] for x in doc["forbidden"]}, {"tracker.example.com:443": 11, "10.0.0.0/8:22": 11})
        r = asked(p, "--policy", "net.yaml", "--profile", "fetch", "--", "/bin/true", kind=("plan",))
        forbidden = r.out.split("\nforbidden, whatever is granted\n")[1].split("\n\n")[0].splitlines()
        check_eq([line.split()[:2] for line in forbidden],
                 [["NETWORK_CONNECT", "tracker.example.com:443"], ["NETWORK_CONNECT", "10.0.0.0/8:22"]])
        r, doc = plan(p, "--policy", "net.yaml", "--profile", "closed")
        check_eq([(x["pattern"], x["line"]) for x in doc["forbidden"]], [("*:*", 14)])
        r, doc = plan(p)
        check("forbidden" not in doc, doc)


@test
def the_plan_says_what_may_be_reached_and_where_it_stands():
    with cli.place() as p:
        p.write("net.cedar", NET)
        doc = planned(p, "--cap", "NETWORK_CONNECT:A.org:443,80", "--policy", "net.cedar")
        if doc is None:
            return
        rules = {x["pattern"]: x for x in doc["rules"] if x["type"] == "NETWORK_CONNECT"}
        check_eq(rules["a.org:80,443"]["file"], "--cap")
        forbidden = {x["pattern"]: (x["file"].rsplit("/", 1)[-1], x["line"]) for x in doc["forbidden"]}
        check_eq(forbidden, {"bad.example.com:*": ("net.cedar", 3)})
        told = rules["**.example.com:*, as its conditions say"]
        check(told["file"].endswith("net.cedar") and told["line"] == 1, told)
        check(not [x for x in rules if "asked" in x or "later" in x], rules)
        check_in("every connection through the gate", doc["axes"]["network"]["by"])
        check_eq(len([w for w in doc["warnings"] if "carry data out" in w]), 1, doc["warnings"])
        # Who is asked is asked before the start, about an endpoint that is named, and not about a domain.
        check_eq([t["resource"] for k in doc["asks"] for t in k["things"]], ["asked.org:22"])
        r, doc = plan(p, "--policy", "net.cedar", "--approve", "risky")
        rules = {x["pattern"]: x for x in doc["rules"] if x["type"] == "NETWORK_CONNECT"}
        check_eq(rules["asked.org:22"]["line"], 4)


@cases([("an address of IPv4", "127.0.0.1:5432"), ("of IPv6", "[::1]:5432")])
def a_loopback_address_alone_is_told_to_be_no_way_to_the_host(own):
    with cli.place() as p:
        for more, n in (((), 1), (("--cap", "NETWORK_CONNECT:10.0.0.0/8:443"), 1), (("--cap", "NETWORK_CONNECT:db.example.com:5432"), 0)):
            doc = planned(p, "--cap", f"NETWORK_CONNECT:{own}", *more)
            if doc is None:
                return
            check_eq(len([w for w in doc["warnings"] if w.endswith("the host's own is host.ward.internal")]), n, doc["warnings"])


@test
def without_a_grant_nothing_is_captured():
    with cli.place() as p:
        _, doc = plan(p)
        check("gate" not in doc["axes"]["network"]["by"], doc["axes"]["network"])


@test
def direct_says_that_it_holds_nothing():
    with cli.place() as p:
        r, doc = plan(p, "--backend", "direct", "--cap", "NETWORK_CONNECT:a.org:443")
        check_eq(r.code, 0, r.err)
        check_eq(doc["axes"]["network"]["level"], "none")


@test
def a_permit_that_a_forbid_takes_away_is_told():
    with cli.place() as p:
        both = CONNECT % '== Ward::Endpoint::"a.org:443"'
        p.write("net.cedar", both + both.replace("permit", "forbid"))
        r, doc = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 0, r.err)
        check_in("forbidden as well (net.cedar:2)", str(doc["warnings"]))
        # That it is permitted at another port is no such thing.
        p.write("net.cedar", both + both.replace("permit", "forbid").replace(":443", ":80"))
        _, doc = plan(p, "--policy", "net.cedar")
        check("forbidden as well" not in str(doc["warnings"]), str(doc["warnings"]))
        # Nor is what some program may; another rule about programs changes nothing about what nobody may.
        unless = both.replace("permit", "forbid").replace(";", ' unless { context has program && context.program == "/usr/bin/curl" };')
        p.write("net.cedar", both + unless)
        _, doc = plan(p, "--policy", "net.cedar")
        check("forbidden as well" not in str(doc["warnings"]), str(doc["warnings"]))
        p.write("net.cedar", both + both.replace("permit", "forbid") + unless.replace("a.org", "b.org"))
        _, doc = plan(p, "--policy", "net.cedar")
        check_in("forbidden as well (net.cedar:2)", str(doc["warnings"]))


@test
def every_endpoint_is_shown_as_what_it_is():
    """All that a mode opens is one line of the plan, with what it does not mean."""
    with cli.place() as p:
        r = asked(p, "--mode", "danger_full_access", "--approve", "critical", "--audit", "/dev/null", "--", "/bin/true", kind=("plan",))
        check_eq(r.code, 0, r.err)
        check_in("NETWORK_CONNECT  *:*  # data/modes/danger_full_access.cedar", r.out)
        check_in("every name and every public address can be connected to", r.out)
        check_in("backend     native (tier 1)\n", r.out)
        r = asked(p, "--mode", "workspace_write", "--audit", "/dev/null", "--", "/bin/true", kind=("plan",))
        check("NETWORK_CONNECT" not in r.out and "public address" not in r.out, r.out)


CONNECT = 'permit (principal, action == Ward::Action::"net.connect", resource %s);\n'


@cases([("an address", ('== Ward::Endpoint::"169.254.169.254:80"', "cloud metadata")), ("a host", ('in Ward::Host::"fd00:ec2::254"', "AWS")),
        ("a range", ('in Ward::Cidr::"169.254.0.0/16"', "link-local"))])
def a_policy_that_grants_what_is_never_reached_is_an_error_at_its_line(row):
    scope, what = row
    with cli.place() as p:
        p.write("net.cedar", "\n" + CONNECT % scope)
        r, _ = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 1, r.out)
        check_in("net.cedar:2:1: ", r.err)
        check_in("never reached", r.err)
        check_in(what, r.err)
        # To forbid it is no error.
        p.write("net.cedar", (CONNECT % scope).replace("permit", "forbid"))
        r, _ = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 0, r.err)


@cases([("an address", '== Ward::Endpoint::"169.254.169.254:80"'), ("a range", 'in Ward::Cidr::"169.254.0.0/16"')])
def nobody_is_asked_for_what_is_never_reached(scope):
    with cli.place() as p:
        p.write("net.cedar", "\n@approval(\"risky\")\n" + CONNECT % scope)
        for r in (plan(p, "--policy", "net.cedar")[0], asked(p, "net.cedar", kind=("policy", "check"))):
            check_eq(r.code, 1, r.out)
            check_in("net.cedar:2:1: ", r.err)
            check_in("never reached", r.err)
        # Of what can be reached somebody can be asked, and no warning is said of what is not granted yet.
        p.write("net.cedar", "@approval(\"risky\")\n" + CONNECT % 'in Ward::Cidr::"10.0.0.0/8"')
        r = asked(p, "net.cedar", kind=("policy", "check"))
        check_eq(r.code, 0, r.err)


PROGRAM = 'permit (principal%s, action == Ward::Action::"net.connect", resource in Ward::Domain::"example.com")%s;\n'


@cases([(name, row) for name, *row in (
    ("as it is", "", '\n  when { context.program == "curl" }', "net.cedar:2:10: "),
    ("of the principal", "", '\n  when { principal.program == "curl" }', "net.cedar:2:10: "),
    ("where there is one", "", '\n  when { context has program && context.program == "curl" }', "@advisory(\"program\")"),
    ("and not that one", "", '\n  unless { context has program && context.program == "/usr/bin/curl" }', "@advisory(\"program\")"),
    ("as the principal's kind", " is Ward::Program", "", None),
    ("above the principal", "", ' when { principal in Ward::Program::"/usr/bin/curl" }', None),
)])
def no_policy_grants_a_connection_for_the_program_that_makes_it(row):
    """A program gives itself its name, so it is for the record, and no reason to allow."""
    principal, when, error = row
    with cli.place() as p:
        p.write("net.cedar", PROGRAM % (principal, when))
        r = asked(p, "--policy", "net.cedar", "a.example.com:443")
        if error:
            check(r.code != 0 and not r.out, r.out)
            check_in(error, r.err)
        else:
            check_eq(r.code, 1, r.err)
            check(r.out.startswith("deny"), r.out)
        # It is what was said of the program that makes the difference.
        p.write("net.cedar", PROGRAM % ("", ""))
        check_eq(asked(p, "--policy", "net.cedar", "a.example.com:443").code, 0)


BY_CURL = ' when { context has program && context.program == "/usr/bin/curl" }'


HIDDEN = PROGRAM.replace("permit", "forbid", 1) % ("", ' when { context has inspected && context.inspected == Ward::Protocol::"tls_ech" }')


@test
def what_may_not_be_spoken_is_said_of_a_connection_that_may_be_made():
    """And a change of that alone is a change."""
    with cli.place() as p:
        p.write("open.cedar", PROGRAM % ("", ""))
        p.write("net.cedar", '@id("no ech") ' + HIDDEN + PROGRAM % ("", ""))
        for words in ("net", "check", "a.example.com:443"), ("policy", "explain", "--action", "net.connect", "--resource", "a.example.com:443"):
            r = ward(*words, "--policy", "net.cedar", cwd=p.ws)
            check_eq(r.code, 0, r.err)
            check_in("  not spoken: tls_ech, by net.cedar:1:1\n", r.out)
            r = ward(*words, "--json", "--policy", "net.cedar", cwd=p.ws)
            doc = json.loads(r.out)
            schema.validate(doc, SCHEMA)
            check_eq([(x["protocol"], x["rule"]["id"]) for x in doc["not_spoken"]], [("tls_ech", "no ech")])
            r = ward(*words, "--policy", "open.cedar", cwd=p.ws)
            check("not spoken" not in r.out, r.out)
        r = ward("net", "check", "a.example.net:443", "--policy", "net.cedar", cwd=p.ws)
        check("not spoken" not in r.out, r.out)
        for one, two, way in (("open.cedar", "net.cedar", "allow -> deny"), ("net.cedar", "open.cedar", "deny -> allow")):
            r = ward("policy", "diff", one, two, cwd=p.ws)
            check_eq(r.code, 1, r.err)
            lines = r.out.splitlines()
            check(len(lines) > 1 and all("(tls_ech): " + way in x for x in lines[:-1]), r.out)
            doc = json.loads(ward("policy", "diff", "--json", one, two, cwd=p.ws).out)
            check_eq({(x["inspected"], x["a"]["effect"] + " -> " + x["b"]["effect"]) for x in doc["changes"]}, {("tls_ech", way)})
        r = ward("policy", "diff", "net.cedar", "net.cedar", cwd=p.ws)
        check_eq(r.code, 0, r.out)


@test
def the_plan_says_what_a_rule_lets_through_at_most():
    with cli.place() as p:
        p.write("net.cedar", '@id("few") @net_limit("connections=4,bytes-up=10M")\n' + PROGRAM % ("", "") + PROGRAM % ("", ""))
        r, doc = plan(p, "--policy", "net.cedar")
        check_eq([x.get("net") for x in doc["rules"] if x["type"] == "NETWORK_CONNECT"], [{"connections": 4, "bytes-up": 10 << 20}, None], r.err)
        r = asked(p, "--policy", "net.cedar", "--", "/bin/true", kind=("plan",))
        check_in("net.cedar:1 few, at most connections=4,bytes-up=10M\n", r.out)


@test
def a_permit_for_a_program_says_that_it_is_advice():
    """And the plan warns. A forbid needs to say nothing, nor does a list that narrows; whom they spare is advice all the same."""
    with cli.place() as p:
        p.write("net.cedar", '@advisory("program")\n' + PROGRAM % ("", BY_CURL))
        r, doc = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 0, r.err)
        check_eq(len([w for w in doc["warnings"] if w.startswith("net.cedar:1: which program connects is advice")]), 1, doc["warnings"])
        check_eq(doc["axes"]["network"]["level"], "enforced")
        p.write("net.cedar", PROGRAM % ("", "") + (PROGRAM % ("", BY_CURL)).replace("permit", "forbid"))
        r, doc = plan(p, "--policy", "net.cedar")
        check_eq((r.code, [w.split(" which program")[0] for w in doc["warnings"] if "advice" in w]), (0, ["net.cedar:2:"]), r.err)


@cases([(name, row) for name, *row in (
    ("nothing about programs", '@advisory("program") ' + PROGRAM % ("", ""), "nothing in this rule asks which program connects"),
    ("a forbid", '@advisory("program") ' + (PROGRAM % ("", BY_CURL)).replace("permit", "forbid"), "a forbid only takes away"),
    ("another word", '@advisory("curl") ' + PROGRAM % ("", BY_CURL), 'what may be advice is "program"'),
    ("no word", '@advisory ' + PROGRAM % ("", BY_CURL), "there is nothing in it"),
    ("another action", '@advisory("program") permit (principal, action == Ward::Action::"fs.read", resource);\n', "nothing in this rule asks"),
    ("too many programs", '@advisory("program") ' + PROGRAM % ("", " when { context has program && ["
     + ", ".join(f'"/bin/{i}"' for i in range(65)) + "].contains(context.program) }"), "more programs than one run may have"),
)])
def advice_that_makes_no_sense_is_an_error_at_its_line(row):
    policy, error = row
    with cli.place() as p:
        p.write("net.cedar", "\n" + policy)
        r, _ = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 2, r.out)
        check_in("net.cedar:2:", r.err)
        check_in(error, r.err)


@test
def one_endpoint_that_a_rule_forbids_is_refused_before_the_start():
    with cli.place() as p:
        p.write("net.cedar", NET)
        r, _ = plan(p, "--policy", "net.cedar", "--cap", "NETWORK_CONNECT:bad.example.com:443")
        check_eq(r.code, 1, r.out)
        check_in("net.cedar:3", r.err)


@cases([("two stars", ("Domain", "**.a.org", 'write "a.org"')), ("upper case", ("Host", "A.org", 'write "a.org"')), ("a dot", ("Host", "a.org.", 'write "a.org"')),
        ("an umlaut", ("Host", "b\u00fccher.de", 'write "xn--bcher-kva.de"')), ("IPv4 in IPv6", ("Host", "::ffff:1.2.3.4", "write 1.2.3.4"))])
def an_entity_in_another_spelling_is_an_error_with_the_right_one(row):
    kind, name, fix = row
    with cli.place() as p:
        p.write("net.cedar", CONNECT % f'in Ward::{kind}::"{name}"')
        r, _ = plan(p, "--policy", "net.cedar")
        check_eq(r.code, 2, r.out)
        check_in(fix, r.err)


def component(*endpoints):
    return json.dumps({"schemaVersion": 1, "kind": "Component",
                       "metadata": {"id": "3f2c1a90-0000-4000-8000-0123456789ab", "name": "fetch", "version": "1.2.0", "lifecycle": "stable"},
                       "spec": {"capabilities": [{"type": "NETWORK_CONNECT", "resource": e} for e in endpoints]}})


@cases([(name, row) for name, *row in (
    ("one endpoint", "a.org:443", ["a.org:443"], None),
    ("as it may be written", "A.org:443", ["**.b.org:*", "a.org:80,443"], None),
    ("nothing", "a.org:443", [], "grant it: --cap 'NETWORK_CONNECT:a.org:443'"),
    ("another port", "a.org:443", ["a.org:80"], "grant it: --cap 'NETWORK_CONNECT:a.org:443'"),
    ("one port of two", "a.org:80,443", ["a.org:80"], "grant it: --cap"),
    ("two grants", "a.org:80,443", ["a.org:80", "a.org:443"], None),
    ("a domain", "**.example.com:443", ["**.example.com:443"], None),
    ("one label of a domain", "**.example.com:443", ["*.example.com:443"], "grant it: --cap"),
    ("one name of a domain", "*.example.com:443", ["a.example.com:443"], "grant it: --cap"),
    ("a range", "10.1.0.0/16:5432", ["10.0.0.0/8:*"], None),
    ("a range with what is never reached", "0.0.0.0/0:443", ["0.0.0.0/0:443"], None),
    ("another range", "10.0.0.0/8:5432", ["10.1.0.0/16:5432"], "grant it: --cap"),
)])
def what_a_component_asks_for_must_be_granted(row):
    asks, grants, says = row
    with cli.place() as p:
        p.write("c.json", component(asks))
        words = [w for g in grants for w in ("--cap", f"NETWORK_CONNECT:{g}")]
        r, _ = plan(p, "--component", "c.json", *words)
        if r.code == 1 and "axis network" in r.err:
            return
        check_eq(r.code, 0 if says is None else 1, r.err)
        check_in(says or "", r.err)


@test
def what_a_component_asks_for_by_name_a_person_is_asked_about():
    with cli.place() as p:
        p.write("net.cedar", NET)
        p.write("c.json", component("x.later.org:22"))
        r, _ = plan(p, "--component", "c.json", "--policy", "net.cedar")
        if "axis network" in r.err:
            return
        check_eq(r.code, 1, r.err)
        check_in("--approve risky", r.err)
        r, doc = plan(p, "--component", "c.json", "--policy", "net.cedar", "--approve", "risky")
        check_eq(r.code, 0, r.err)
        check_eq([x["line"] for x in doc["rules"] if x["pattern"] == "x.later.org:22"], [5])
        p.write("c.json", component("*.later.org:22"))
        r, _ = plan(p, "--component", "c.json", "--policy", "net.cedar", "--approve", "risky")
        check_eq(r.code, 1, r.err)
        check_in("by its name", r.err)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward policy test, diff, fmt, snapshot: what they find, what they change, and what they refuse, at its place."""
import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import stat
import sys

import cli
import schema
from cli import ward
from tap import cases, check, check_eq, check_in, main, test

sys.path.insert(0, str(cli.ROOT / "tools"))
import gen_completion  # noqa: E402  pylint: disable=wrong-import-position

TEAM = """\
schemaVersion: 2
kind: Policy
metadata: {name: team}
spec:
  denyRead: ["secret/**"]
  fsProfiles:
    docs:
      read: ["**"]
      modify: ["docs/**", "!docs/drafts/**"]
"""
NET = """\
@id("mirror")
permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"npm.example.com");
"""
SCHEMA = json.loads((cli.ROOT / "docs/spec/policy-test.schema.json").read_text())


@contextlib.contextmanager
def place(files):
    with cli.place() as p:
        for name, text in files.items():
            p.write(name, text)

        def policy(*words, **more):
            return ward("policy", *words, cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config")), **more)
        policy.place = p
        yield policy


# ---- test ----

GOOD = [
    {"op": "modify", "path": "docs/a", "expect": "allow"},
    {"op": "modify", "path": "docs/drafts/a", "expect": "deny", "why": "forbidden", "rule": "team.yaml:9"},
    {"action": "fs.read", "resource": "secret/k", "expect": "deny", "rule": "pol/team.yaml:5"},
    {"op": "read", "path": "x", "expect": "allow", "description": "all may be read"},
    {"op": "modify", "path": ".ward/README", "expect": "deny", "options": {"mode": "workspace_write", "profile": [], "policy": []}},
    {"action": "net.connect", "resource": "npm.example.com:1", "expect": "allow", "rule": "mirror",
     "options": {"policy": "net.cedar", "profile": []}},
]
OPTIONS = {"policy": "team.yaml", "profile": "docs"}


@test
def expectations_that_hold():
    doc = {"options": OPTIONS, "tests": GOOD}
    schema.validate(doc, SCHEMA)
    with place({"pol/team.yaml": TEAM, "pol/net.cedar": NET, "pol/t.json": json.dumps(doc), "x": "", ".ward/README": "", "docs/drafts/a": "", "docs/a": ""}) as policy:
        r = policy("test", "pol/t.json")
        check_eq((r.code, r.out), (0, "6 passed, 0 failed\n"), r.err)
        r = policy("test", "--json", "pol/t.json", "pol/t.json")
        check_eq((r.code, json.loads(r.out)), (0, {"v": 1, "failures": [], "passed": 12, "failed": 0}), r.err)


SPOKEN = NET + """\
@id("no ech")
forbid (principal, action == Ward::Action::"net.connect", resource)
when { context has inspected && context.inspected == Ward::Protocol::"tls_ech" };
@id("no true")
forbid (principal, action == Ward::Action::"net.connect", resource)
when { context has program && context.program == "%s" };
"""
SPOKEN_TESTS = [({}, "allow", "mirror"), ({"inspected": "tls"}, "allow", "mirror"), ({"inspected": "tls_ech"}, "deny", "no ech"),
                ({"program": "true"}, "deny", "no true"), ({"program": "false", "inspected": "tls"}, "allow", "mirror")]


@test
def what_is_spoken_and_who_speaks_can_be_expected():
    rows = [dict({"action": "net.connect", "resource": "npm.example.com:443", "expect": effect, "rule": rule}, **more) for more, effect, rule in SPOKEN_TESTS]
    schema.validate(rows, SCHEMA)
    true = os.path.realpath(shutil.which("true"))
    with place({"net.cedar": SPOKEN % true, "t.json": json.dumps(rows)}) as policy:
        r = policy("test", "--policy", "net.cedar", "t.json")
        check_eq((r.code, r.out), (0, "5 passed, 0 failed\n"), r.err)
    # Each row says something: with the opposite expectation it fails.
    for row in rows:
        row["expect"] = "allow" if row["expect"] == "deny" else "deny"
    with place({"net.cedar": SPOKEN % true, "t.json": json.dumps(rows)}) as policy:
        r = policy("test", "--policy", "net.cedar", "t.json")
        check_eq((r.code, r.out.splitlines()[-1]), (1, "0 passed, 5 failed"), r.err)
        r = policy("diff", "--requests", "t.json", "net.cedar", "net.cedar")
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in("program and inspected are of tests", r.err)


@test
def a_failure_is_a_line_with_its_place():
    text = ("- {op: read, path: x, expect: allow}\n"
            "- {op: read, path: x, expect: deny}\n"
            "- {op: modify, path: x, expect: deny, why: forbidden}\n"
            "- {op: read, path: x, expect: allow, rule: other}\n")
    with place({"team.yaml": TEAM, "t.yaml": text, "x": ""}) as policy:
        words = ["test", "--policy", "team.yaml", "--profile", "docs", "t.yaml"]
        r = policy(*words)
        check_eq(r.code, 1, r.err)
        check_eq(r.out.splitlines(), [
            "t.yaml:2: fs.read x: expected deny, is allow: a rule grants it (team.yaml:8, data/base)",
            "t.yaml:3: fs.write x: deny as expected, but why is no_rule, not forbidden",
            "t.yaml:4: fs.read x: allow as expected, but not by rule other (team.yaml:8, data/base)",
            "1 passed, 3 failed"])
        r = policy(*words, "--json")
        doc = json.loads(r.out)
        check_eq((r.code, doc["passed"], doc["failed"]), (1, 1, 3))
        check_eq([(f["line"], f["effect"], f["expected"]) for f in doc["failures"]],
                 [(2, "allow", "deny"), (3, "deny", "deny"), (4, "allow", "allow")])


@test
def every_option_of_the_completion_is_one():
    options = gen_completion.POLICY
    check_eq(sorted(options), sorted(SCHEMA["$defs"]["options"]["properties"]))
    for source, name in (("src/bin/policy.c", "shared"), ("src/run/rules/side.c", "names")):
        taken = re.search(r"^static const char \*const " + name + r"\[\] = \{([^}]+)\}", (cli.ROOT / source).read_text(), re.M).group(1)
        check_eq((source, sorted(options)), (source, sorted(set(re.findall(r'"([^"]+)"', taken)) - {"json"})))
    page = (cli.ROOT / "docs/spec/policy-test.md").read_text()
    for name in options:
        check_in(name, page)
        with place({"t.json": json.dumps([{"op": "read", "path": "x", "expect": "deny", "options": {name: []}}]), "x": ""}) as policy:
            r = policy("test", "t.json")
            check_eq((name, r.code), (name, 0), r.err)


@test
def the_completion_offers_each_command_what_it_takes():
    shared = gen_completion.POLICY
    source = (cli.ROOT / "src/bin/policy.c").read_text() + (cli.ROOT / "src/bin/policy_tools.c").read_text()
    for function, own in re.findall(r"int cmd_policy_(\w+)\(struct words w\)\n\{\n\tstatic const struct own_option options\[\] = \{(.*?)\};", source, re.S):
        want = {"--" + o for o in re.findall(r'\{ "(\w+)"', own)} | {"--help"}
        want |= {"explain": {"--json", "--accept", "--upstream-proxy", "--upstream-direct"}, "show": set()}.get(function, {"--json"})
        check_eq((function, {"--" + name for name, _ in gen_completion.small(f"policy {function}")} | {"--help"}), (function, want))
        with place({"x": ""}) as policy:
            for o in sorted(want | {"--" + o for o in shared}):
                r = policy(function, o)
                check("is no option of ward policy" not in r.err, f"{function} {o}: {r.err}")
    with place({"x": ""}) as policy:
        r = policy("show", "--mode", "read_only", "--json")
        check_eq((r.code, r.out, r.err), (2, "", "ward: --json: is no form of ward policy show; --as snapshot is JSON; ward policy check --json has the warnings\n"))


BAD = [
    ("no list", "x", "t.yaml:1:1: this is no list of questions"),
    ("nothing", "[]", "t.yaml:1:1: the list is empty"),
    ("no object", "- x", "t.yaml:1:3: each is an object"),
    ("unknown field", "- {op: read, pth: x, expect: deny}", 't.yaml:1:14: unknown field "pth"; did you mean "path"?'),
    ("unknown member", "{test: [], tests: [{op: read, path: x, expect: deny}]}", 't.yaml:1:2: unknown field "test"; did you mean "tests"?'),
    ("no tests", "{options: {}}", "t.yaml:1:1: tests are missing"),
    ("no expectation", "- {op: read, path: x}", "t.yaml:1:3: expect is missing"),
    ("nothing asked", "- {op: read, expect: deny}", "t.yaml:1:3: what is asked is missing"),
    ("twice", "- {op: read, action: fs.read, path: x, expect: deny}", "t.yaml:1:14: the same is said twice"),
    ("unknown action", "- {action: fs.raed, resource: x, expect: deny}", "t.yaml:1:12: unknown action \"fs.raed\"; did you mean fs.read?"),
    ("unknown op", "- {op: exec, path: x, expect: deny}", "t.yaml:1:8: op is read or modify"),
    ("unknown answer", "- {op: read, path: x, expect: no}", "t.yaml:1:31: expect is allow, deny or ask"),
    ("unknown reason", "- {op: read, path: x, expect: deny, why: because}", "t.yaml:1:42: there is no such reason"),
    ("a number", "- {op: read, path: 7, expect: deny}", "t.yaml:1:20: path is a text, and here is an integer"),
    ("unknown option", "- {op: read, path: x, expect: deny, options: {moed: read_only}}",
     't.yaml:1:47: "moed" is no option that policies depend on; did you mean "mode"?'),
    ("an option of runs", "- {op: read, path: x, expect: deny, options: {memory: 1G}}", 't.yaml:1:47: "memory" is no option'),
    ("an option without a value", "- {op: read, path: x, expect: deny, options: {mode: false}}", "t.yaml:1:53: the value of an option is a text"),
    ("an unknown mode", "- {op: read, path: x, expect: deny, options: {mode: raed_only}}", "t.yaml:1:53: "),
    ("no such profile", "- {op: read, path: x, expect: deny, options: {profile: doc}}", "profile"),
    ("two dots", "- {op: read, path: x/../y, expect: deny}", "t.yaml:1:3: "),
    ("no such program", "- {action: proc.exec, resource: no-such-program, expect: deny}", "t.yaml:1:3: there is no program"),
    ("no such protocol", '- {action: net.connect, resource: "a.example:1", expect: deny, inspected: tls_ehc}',
     't.yaml:1:75: unknown protocol "tls_ehc"; did you mean "tls_ech"?'),
    ("what a file speaks", "- {op: read, path: x, expect: deny, inspected: tls}", "t.yaml:1:3: program and inspected are of connections"),
    ("who reads", "- {op: read, path: x, expect: deny, program: cat}", "t.yaml:1:3: program and inspected are of connections"),
    ("no such client", '- {action: net.connect, resource: "a.example:1", expect: deny, program: no-such-program}', "t.yaml:1:3: there is no program"),
    ("no YAML", "- {", "t.yaml:"),
]


@cases([(row[0], row[1:]) for row in BAD])
def refused_tests(row):
    text, message = row
    with place({"t.yaml": text}) as policy:
        r = policy("test", "t.yaml")
        check_eq((r.code, r.out), (2, ""), r.err)
        check_eq(r.err.count("\n"), 1, r.err)
        check_in(message, r.err)


@test
def other_words_are_refused():
    with place({"t.yaml": "[]", "a.cedar": NET}) as policy:
        for words, message in [(["test"], "what is expected is missing"), (["test", "none.yaml"], "none.yaml"),
                               (["check", "none.cedar"], "none.cedar"),
                               (["diff", "a.cedar"], "compares two"), (["diff", "a.cedar", "a.cedar", "a.cedar"], "compares two"),
                               (["diff", "raed_only", "read_only"], '"raed_only" is no file, no directory and no mode'),
                               (["diff", "none.cedar", "a.cedar"], "none.cedar"),
                               (["diff", "--requests", "t.yaml", "a.cedar", "a.cedar"], "t.yaml:1:1: the list is empty"),
                               (["fmt"], "what is to be laid out is missing"), (["fmt", "t.yaml"], "is no Cedar text"),
                               (["fmt", "--chek", "a.cedar"], "--chek"), (["fmt", "none.cedar"], "none.cedar"),
                               (["snapshot", "x"], "is a word too many"), (["snapshot", ""], '"": is a word too many'), (["snapshot", "--store", "none/none"], "none/"),
                               (["test", "--memory", "1G", "t.yaml"], "memory")]:
            r = policy(*words)
            check_eq((words, r.code, r.out), (words, 2, ""), r.err)
            check_in(message, r.err)


CONNECT = 'permit (principal, action == Ward::Action::"net.connect", resource %s);\n'


@cases([(name, name, *row) for name, row in {
    "metadata": ('== Ward::Endpoint::"169.254.169.254:80"', "never reached, whatever is permitted: cloud metadata"),
    "metadata by IPv6": ('== Ward::Endpoint::"[fd00:ec2::254]:80"', "never reached"),
    "a range that never is": ('in Ward::Cidr::"169.254.0.0/16"', "never reached, whatever is permitted: link-local"),
    "port 0": ('== Ward::Endpoint::"a.example:0"', '"0" is no port'),
    "a star": ('== Ward::Endpoint::"*:443"', '"*" is no host'),
}.items()])
def check_refuses_what_a_run_refuses(_, resource, says):
    with place({"a.cedar": CONNECT % resource}) as policy:
        r = policy("check", "a.cedar")
        check_eq((r.code, r.out, r.err.count("\n")), (1, "", 1), r.err)
        check_in("ward: a.cedar:1:", r.err)
        check_in(says, r.err)
        run = policy.place.run("--policy", "a.cedar", "true")
        check_eq((run.code, run.err), (125, r.err))


@cases([
    ("everything", CONNECT % "", "every name and every public address can be connected to"),
    ("a domain", CONNECT % 'in Ward::Domain::"example.com"', "names below a domain carry data out"),
    ("a contradiction", CONNECT % '== Ward::Endpoint::"a.example:443"' +
     (CONNECT % '== Ward::Endpoint::"a.example:443"').replace("permit", "forbid"), "it is forbidden as well (a.cedar:2), and a forbid wins"),
])
def check_warns_as_a_plan_does(text, says):
    with place({"a.cedar": text}) as policy:
        r = policy("check", "a.cedar")
        check_eq(r.code, 0, r.err)
        check_in("1 warning; sha256", r.out)
        check_in(says, r.out)
        check_in(says, policy.place.run("--policy", "a.cedar", "true", kind=("plan",)).out)


SOME = 'permit (principal, action == Ward::Action::"net.connect", resource) when { %s };\n'
PORT = "resource is Ward::Endpoint && resource.port == 443"
ALL, WILD = "every name and every public address", "names below a domain carry data out"
RANGE, NEVER = "what is never reached lies in it", "is never reached, whatever is permitted"
EVERY = 'Ward::Cidr::"0.0.0.0/0"'


@cases([
    ("a list of hosts", 'resource in [Ward::Host::"a.example", Ward::Host::"b.example"]', []),
    ("one or the other", 'resource in Ward::Host::"a.example" || resource == Ward::Endpoint::"b.example:443"', []),
    ("and a port", f'{PORT} && resource in [Ward::Host::"a.example"]', []),
    ("of one kind", 'resource is Ward::Endpoint in Ward::Host::"a.example"', []),
    ("a second condition", f'{PORT} }} when {{ resource in Ward::Cidr::"203.0.113.0/24"', []),
    ("domains", 'resource in [Ward::Domain::"a.example", Ward::Domain::"b.example"]', [WILD]),
    ("or a port", f'resource in Ward::Host::"a.example" || ({PORT})', [ALL]),
    ("all but these", '!(resource in [Ward::Host::"a.example"])', [ALL]),
    ("unless", 'true } unless { resource in [Ward::Host::"a.example"]', [ALL]),
    ("a port alone", PORT, [ALL]),
    ("every address", f"resource in {EVERY}", [RANGE]),
    ("every address of both families", f'resource in [{EVERY}, Ward::Cidr::"::/0"]', [RANGE]),
    ("every address behind a port", f"{PORT} && (resource in {EVERY} || resource in Ward::Host::\"a.example\")", [RANGE]),
    ("every address of one kind", f"resource is Ward::Endpoint in {EVERY}", [RANGE]),
    ("all but every address", f"!(resource in {EVERY})", [ALL]),
    ("hosts that are not in a range", f'resource in Ward::Host::"a.example" && !(resource in {EVERY})', []),
    ("a private network", 'resource in Ward::Cidr::"10.0.0.0/8"', []),
    ("what is never reached, and a domain", 'resource in Ward::Host::"169.254.169.254" || resource in Ward::Domain::"a.example"', [WILD, NEVER]),
    ("its port", '"x" == "y" || Ward::Endpoint::"169.254.169.254:80" == resource', [ALL]),
    ("its port alone", 'Ward::Endpoint::"169.254.169.254:80" == resource', [NEVER]),
    ("its network", 'resource in Ward::Cidr::"169.254.0.0/16"', [NEVER]),
])
def a_permit_of_hosts_in_its_condition_is_none_of_all(when, says):
    """As the parser itself has several of them written."""
    with place({"a.cedar": SOME % when}) as policy:
        r = policy("check", "a.cedar")
        check_eq((r.code, [s for s in (ALL, WILD, RANGE, NEVER) if s in r.out]), (0, says), r.out + r.err)


@test
def a_permit_of_thousands_of_hosts_fits_the_log():
    """Each record has the rule, and an end."""
    hosts = ", ".join(f'Ward::Host::"h{i}.many.test.example"' for i in range(9000))
    with place({"a.cedar": SOME % f"resource in [{hosts}]"}) as policy:
        r = policy.place.run("--policy", "a.cedar", "true")
        check_eq(r.code, 0, r.err)
        told = [json.loads(line) for line in policy.place.log.read_text().splitlines()]
        texts = [t for r in told if r["kind"] == "policy.check" for t in r["rules"] if "a.cedar:1" in t]
        check_eq(len(texts), 1, told)
        check_in('Ward::Host::"h0.many.test.example", ', texts[0])
        check_in(" ... ", texts[0])
        check(texts[0].endswith('Ward::Host::"h8999.many.test.example"] };'), texts[0])
        check(4000 < len(texts[0]) < 4200, len(texts[0]))


@cases([("of a rule", "x" * 900, "a"), ("of a rule, in letters of several bytes", "\u00e4" * 900, "a"), ("of a file", "short", "f" * 240)])
def a_long_name_leaves_what_a_warning_says(name, file):
    with place({f"{file}.cedar": f'@id("{name}")\n' + CONNECT % 'in Ward::Domain::"example.com"'}) as policy:
        r = policy("check", f"{file}.cedar")
        check_eq((r.code, r.out.count("warning: ")), (0, 1), r.err)
        check_in("...", r.out)
        check_in(name[-20:] + ": names below a domain carry data out: its name servers see each one that is asked for\n", r.out)


@test
def places_of_many_warnings_are_those_of_their_lines():
    """They are counted on from the one before, forwards and back."""
    line = 'permit (principal, action == Ward::Action::"fs.read", resource)\n  when { resource in Ward::Path::"/u\u00e4/*%d" };\n'
    with place({"a.cedar": "// \u00e4\n" + "".join(line % i for i in range(40))}) as policy:
        r = policy("check", "a.cedar")
        check_eq(r.code, 0, r.err)
        check_eq([w.split(": ")[1] for w in r.out.splitlines()[:-1]], [f"a.cedar:{2 * i + 3}:22" for i in range(40)], r.out)


@test
def a_rule_in_vain_is_told():
    """A forbid that can hold nothing is refused wherever it is read, a permit is warned of."""
    never = '%s (principal, action == Ward::Action::"fs.read", resource == Ward::Endpoint::"a.example:1");\n'
    with place({"f.cedar": never % "forbid", "p.cedar": never % "permit", "config/ward/own.cedar": "", ".ward/r.cedar": never % "forbid"}) as policy:
        p = policy.place
        for words in (["--policy", "f.cedar"], []):
            r = policy("check", *words, "--workspace", str(p.ws))
            check_eq((r.code, r.out, r.err.count("\n")), (1, "", 1), r.err)
            check_in(".cedar:1:1: this forbid holds nothing: it is false of every request that there can be", r.err)
        (p.ws / ".ward/r.cedar").unlink()
        r = policy("check", "p.cedar")
        check_eq((r.code, r.out.count("warning:")), (0, 1), r.out)
        check_in("warning: p.cedar:1:1: this permit grants nothing: it is false of every request that there can be", r.out)
        check_in("p.cedar:1:1: this permit grants nothing", p.run("--policy", "p.cedar", "true", kind=("plan",)).out)


@test
def a_rule_that_no_run_is_asked_about_is_told():
    """What a person takes for held, and is not, is a warning with what holds instead: at a start, too, of what is given for that one."""
    rule = 'forbid (principal, action %s, resource);\n'
    rows = [("http.request", "net.connect"), ("git.push", "net.connect"), ("git.commit", "fs.write of git"), ("git.read", "fs.read of git"),
            ("shell.exec", "proc.exec"), ("tool.call", "ward run")]
    both = rule % 'in [Ward::Action::"net.connect", Ward::Action::"http.request"]' + rule % '== Ward::Action::"secret.read"'
    agent = 'forbid (principal in Ward::Agent::"a", action == Ward::Action::"fs.write", resource) when { context.tier == 1 };\n'
    files = {"all.cedar": "".join(rule % f'== Ward::Action::"{a}"' for a, _ in rows), "group.cedar": rule % 'in Ward::Action::"git_write"',
             "held.cedar": both, "agent.cedar": agent}
    with place(files) as policy:
        told = policy("check", "all.cedar").out.splitlines()
        check_eq(len(told), len(rows) + 1, told)
        for i, ((a, cure), line) in enumerate(zip(rows, told)):
            check_in(f"warning: all.cedar:{i + 1}:1: no run is asked about {a}, so that this forbid holds of none; ", line)
            check_in(cure, line)
        check_in("no run is asked about git.push", policy("check", "group.cedar").out)
        check_in(", 0 warnings", policy("check", "held.cedar").out)
        check_in(", 0 warnings", policy("check", "--mode", "repo_write").out)
        check_in("warning: agent.cedar:1:1: no run has an agent, so that nothing lies in this one; whose run it is", policy("check", "agent.cedar").out)
        own = policy.place.home / "config/ward"
        own.mkdir(parents=True)

        def run(*words, kind=("run",)):
            return policy.place.run(*words, kind=kind, env={"HOME": str(policy.place.home), "XDG_CONFIG_HOME": str(own.parent)})
        check_in("all.cedar:2:1: no run is asked about git.push", run("--policy", "all.cedar", "true", kind=("plan",)).out)
        check_in("all.cedar:2:1: no run is asked about git.push", run("--policy", "all.cedar", "true").err)
        # What is a person's own is so at each start, and who writes it hears of it where it is checked.
        for name in ("all.cedar", "agent.cedar"):
            (own / name).write_text(files[name])
        started = run("true")
        check_eq(started.code, 0, started.err)
        for doubt in ("no run is asked about git.push", "no run has an agent"):
            check(doubt not in started.err, started.err)
            check_in(doubt, policy("check").out)
            check_in(doubt, run("true", kind=("plan",)).out)


@test
def two_of_one_id_are_told():
    """Reports, the log and tests of policies name a rule by its id: of two, nobody knows which one is meant. It changes no decision."""
    one = '@id("a") %s (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./%s");\n'
    with place({"x.cedar": one % ("permit", "x") + one % ("forbid", "x/y"), "z.cedar": one % ("permit", "z"), "b.cedar": one.replace('"a"', '"b"') % ("permit", "z"),
                "config/ward/own.cedar": ""}) as policy:
        p = policy.place
        said = "give each a name of its own: reports, the log and tests of policies tell rules by it"
        r = policy("check", "x.cedar")
        check_eq((r.code, r.out.splitlines()[:-1]), (0, [f'warning: x.cedar:2:1: @id("a") is also that of x.cedar:1:1; {said}']), r.err)
        check_in(f'warning: z.cedar:1:1: @id("a") is also that of x.cedar:2:1; {said}', policy("check", "x.cedar", "z.cedar").out)
        check("also that of" not in policy("check", "z.cedar", "b.cedar").out)
        check_in('x.cedar:2:1: @id("a") is also that of', p.run("--policy", "x.cedar", "true", kind=("plan",)).out)
        for path, code in (("x/q", 0), ("x/y", 1), ("z/q", 1)):
            check_eq(policy("explain", "--policy", "x.cedar", "--op", "read", "--path", path).code, code)


# ---- explain ----

@cases([(row[0], row) for row in [
    ("example.com", "has no port; an endpoint is host:port, for example example.com:443"),
    ("192.0.2.1", "has no port; an endpoint is host:port, for example 192.0.2.1:443"),
    ("2001:db8::1", "has no port; an endpoint is host:port, for example [2001:db8::1]:443"),
    ("EXAMPLE.com", "has no port; an endpoint is host:port, for example EXAMPLE.com:443"),
    ("example.com:80-90", "a question is about one host and one port: example.com:443"),
    ("*.example.com:443", "a question is about one host and one port: example.com:443"),
    ("example.com:0", "port"),
    ("", None),
]])
def what_is_no_endpoint_is_told_how_one_is_written(row):
    given, says = row
    with place({}) as policy:
        r = policy("explain", "--action", "net.connect", "--resource", given)
        if says is None:
            check_eq(r.code, 2, r.out)
            return
        check_eq((r.code, r.err), (1, ""), r.out)
        line = next(x for x in r.out.splitlines() if x.startswith("  form: "))
        check_in(says, line)
        doc = json.loads(policy("explain", "--json", "--action", "net.connect", "--resource", given).out)
        schema.validate(doc, json.loads((cli.ROOT / "docs/spec/explain.schema.json").read_text()))
        check_eq(doc["form"], line.removeprefix("  form: "))
        check("form" not in json.loads(policy("explain", "--json", "--action", "net.connect", "--resource", "a.example:1").out))


@cases([(row[0], row) for row in [
    ("a forbid of what it carries", "64:ff9b::808:808", ["8.8.8.8", None], "deny", "forbidden"),
    ("a forbid of a range of that", "64:ff9b::808:808", ["8.0.0.0/8", None], "deny", "forbidden"),
    ("nothing against it", "64:ff9b::808:808", [None, None], "allow", "granted"),
    ("an inner one that no rule means", "64:ff9b::a01:203", [None, None], "deny", "no_rule"),
    ("the loopback, to which no way leads", "64:ff9b::7f00:1", [None, None], "deny", "no_rule"),
    ("an inner one that a rule means", "64:ff9b::a01:203", [None, "10.1.2.3:80"], "allow", "granted"),
]])
def an_address_is_also_what_it_carries(row):
    """The gate refuses what a rule says of the IPv4 address behind the prefix of NAT64: so do those who say it beforehand."""
    _, address, (forbidden, more), effect, why = row
    kind = "Cidr" if forbidden and "/" in forbidden else "Host"
    text = f'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::{kind}::"{forbidden}");\n' if forbidden else ""
    question = {"action": "net.connect", "resource": f"[{address}]:80", "expect": effect, "why": why}
    with place({"f.cedar": text, "t.json": json.dumps([question])}) as policy:
        words = ["--policy", "f.cedar", "--cap", f"NETWORK_CONNECT:[{address}]:80"] + (["--cap", f"NETWORK_CONNECT:{more}"] if more else [])
        doc = json.loads(policy("explain", "--json", *words, "--action", "net.connect", "--resource", f"[{address}]:80").out)
        check_eq((doc["effect"], doc["why"]), (effect, why))
        check_eq(policy("test", *words, "t.json").code, 0)
        check_eq("cure" in doc, why == "no_rule" and not address.endswith("7f00:1"))
        if "cure" in doc:     # it works, and what is wanting is named
            check_in("10.1.2.3:80", doc["text"])
            doc = json.loads(policy("explain", "--json", *shlex.split(doc["cure"]), "--action", "net.connect", "--resource", f"[{address}]:80").out)
            check_eq((doc["effect"], doc["why"]), ("allow", "granted"))


@test
def explain_takes_what_a_plan_needs():
    late = 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"**/*.key");\n'
    with place({"late.cedar": late, ".envrc": "", "x": ""}) as policy:
        words = ["--mode", "workspace_write", "--policy", "late.cedar", "--op", "modify", "--path", ".envrc"]
        r = policy("explain", *words)
        check_eq(r.code, 0, r.out + r.err)
        check_in("is not known; no run can be planned: ", r.out)
        r = policy("explain", "--accept", "files=advisory", *words)
        check_eq(r.code, 0, r.out + r.err)
        check("no run can be planned" not in r.out, r.out)
        check_in("  held: a run only reads ", r.out)
        r = policy("explain", "--accept", "fils=advisory", *words)
        check_eq((r.code, r.out), (2, ""))
        check_in('did you mean files', r.err)
        r = policy("check", "--accept", "files=advisory", "late.cedar")
        check_eq((r.code, r.out), (2, ""))
        check_in("--accept: is no option of ward policy", r.err)


# ---- diff ----

@test
def a_policy_does_not_differ_from_itself():
    with place({"team.yaml": TEAM, "net.cedar": NET}) as policy:
        for side in ("team.yaml", "net.cedar", "workspace_write"):
            r = policy("diff", side, side)
            check_eq(r.code, 0, r.err)
            check(r.out.startswith("0 of ") and int(r.out.split()[2]) > 40, r.out)


@test
def what_changes_is_named():
    with place({"old.yaml": TEAM, "new.yaml": TEAM.replace("!docs/drafts/**", "!docs/final/**"), "d/net.cedar": NET, "d/README": "",
                "e/net.cedar": NET.replace("npm.", "pip.")}) as policy:
        r = policy("diff", "old.yaml", "new.yaml", "--profile", "docs")
        check_eq(r.code, 1, r.err)
        ws = str(policy.place.ws)
        check_in(f"fs.write {ws}/docs/drafts/ward-probe: deny -> allow (new.yaml:9)\n", r.out)
        check_in(f"fs.write {ws}/docs/final: allow -> deny (new.yaml:9)\n", r.out)
        check("fs.read" not in r.out, r.out)
        r = policy("diff", "d", "e", "--json")
        doc = json.loads(r.out)
        check_eq({(c["resource"].rsplit(":")[0], c["a"]["effect"], c["b"]["effect"]) for c in doc["changes"]},
                 {("npm.example.com", "allow", "deny"), ("pip.example.com", "deny", "allow")})
        check_eq({c["action"] for c in doc["changes"]}, {"net.connect"})
        check(r.code == 1 and doc["a_sha256"] != doc["b_sha256"] and doc["asked"] > 40, r.out)


@test
def patterns_and_approvals_and_requests():
    rule = 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"%s");\n'
    like = 'permit (principal, action == Ward::Action::"env.read", resource) when { resource.name like "%s" };\n'
    with place({"a.cedar": rule % "src/**/[!a-y]?{x,y}/*.c", "b.cedar": "", "c.cedar": '@approval("risky")\n' + NET,
                "d.cedar": NET, "e.cedar": like % "API_*", "f.cedar": like % "APP_*",
                "r.yaml": "- {action: env.read, resource: API_KEY}\n- {action: env.read, resource: HOME}\n"}) as policy:
        r = policy("diff", "a.cedar", "b.cedar")
        check_eq(r.code, 1, r.out)
        check(re.search(r"^fs.read \S*/src/\S+\.c: allow -> deny \(a.cedar:1\)$", r.out, re.M), r.out)
        r = policy("diff", "c.cedar", "d.cedar")
        check_in("net.connect npm.example.com:443: ask(risky) -> allow (d.cedar:1)\n", r.out)
        check_eq(policy("diff", "e.cedar", "f.cedar").code, 0)
        r = policy("diff", "e.cedar", "f.cedar", "--requests", "r.yaml")
        check_eq((r.code, r.out.splitlines()[0]), (1, "env.read API_KEY: allow -> deny (e.cedar:1)"), r.err)


@test
def a_pattern_is_met_in_what_a_rule_is_about():
    """It takes away below a directory alone, and where no other rule grants anything nothing tells it apart."""
    rule = ('permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./src")\n'
            'when { !(resource in Ward::Glob::"**/*.%s") };\n')
    with place({"a.cedar": rule % "pem", "b.cedar": rule % "key"}) as policy:
        r = policy("diff", "a.cedar", "b.cedar")
        check_eq(r.code, 1, r.out)
        check(re.search(r"^fs.read \S*/src/\S+\.pem: deny -> allow", r.out, re.M), r.out)
        check(re.search(r"^fs.read \S*/src/\S+\.key: allow -> deny", r.out, re.M), r.out)


# ---- fmt ----

@test
def cedar_is_laid_out_and_stays_its_owners():
    ugly = '// why\n@id("x")permit(principal,action,resource)when{resource is Ward::Path};'
    with place({"a.cedar": ugly, "team.yaml": TEAM, "bad.cedar": "permit (principal"}) as policy:
        file = policy.place.ws / "a.cedar"
        os.chmod(file, 0o640)
        r = policy("fmt", "--check", "a.cedar")
        check_eq((r.code, r.out, file.read_text()), (1, "a.cedar\n", ugly), r.err)
        r = policy("fmt", "a.cedar")
        check_eq((r.code, r.out), (0, ""), r.err)
        check_eq(stat.S_IMODE(file.stat().st_mode), 0o640)
        check(file.read_text().startswith("// why\n@id(\"x\")\npermit (principal, action, resource)\n"), file.read_text())
        check_eq(policy("fmt", "--check", "a.cedar").code, 0)
        r = policy("fmt", "team.yaml", "a.cedar")
        check_eq((r.code, (policy.place.ws / "team.yaml").read_text()), (2, TEAM))
        check_in("team.yaml", r.err)
        r = policy("fmt", "bad.cedar")
        check_eq((r.code, (policy.place.ws / "bad.cedar").read_text()), (2, "permit (principal"), r.err)
        # With what was meant, as ward policy check says it, and whatever else is wrong here.
        for text, hint in (("# mine\n", "a comment begins with //, and ends with its line"), ("permit (principal, action, resource) when { true and true };\n", "write `&&`"),
                           ('permit (principal, action == "fs.read", resource);\n', 'write `Ward::Action::"fs.read"`')):
            policy.place.write("meant.cedar", text)
            for words in (("check", "meant.cedar"), ("fmt", "meant.cedar"), ("fmt", "--check", "meant.cedar")):
                r = policy(*words)
                check(r.code in (1, 2) and r.err.count("\n") == 1 and r.err.endswith(f"; {hint}\n") and r.err.startswith("ward: meant.cedar:1:"), f"{words}: {r.err}")
        # A line as any other of a policy, and the next file is looked at all the same.
        policy.place.write("worse.cedar", "permit (principal, action, resource)\nwhen { resource.x == };\n")
        r = policy("fmt", "--check", "worse.cedar", "d.cedar", "a.cedar")
        check_eq((r.code, r.err), (2, "ward: worse.cedar:2:22: unexpected token `}`; expected an expression\n"
                                      "ward: d.cedar: failed to open policy set file: No such file or directory\n"))


# ---- snapshot ----

@test
def a_snapshot_is_kept_under_its_hash():
    with place({"team.yaml": TEAM, "keep/x": ""}) as policy:
        words = ["--policy", "team.yaml", "--profile", "docs"]
        r = policy("snapshot", *words, "--store", "keep")
        check_eq(r.code, 0, r.err)
        file = policy.place.ws / r.out.strip()
        check_eq(file.name, hashlib.sha256(file.read_bytes()).hexdigest() + ".json")
        check_eq(stat.S_IMODE(file.stat().st_mode), 0o600)
        check_eq(policy("snapshot", *words).out, file.read_text() + "\n")
        check_eq(json.loads(policy("explain", "--json", *words, "--op", "read", "--path", "x").out)["policy_sha256"] + ".json", file.name)
        before = file.stat().st_ino
        check_eq(policy("snapshot", *words, "--store", "keep").out, r.out)
        check_eq(file.stat().st_ino, before)


@test
def many_rules_are_compared_whole():
    """5,000 rules a side: what both sides name is one question."""
    def rules(leave_out):
        return "".join(f'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./d{i}");\n' for i in range(5000) if i != leave_out)

    with place({"a.cedar": rules(None), "b.cedar": rules(4711)}) as policy:
        r = policy("diff", "a.cedar", "b.cedar", "--json")
        check_eq(r.code, 1, r.err)
        doc = json.loads(r.out)
        below = [str(policy.place.ws / "d4711") + s for s in ("", "/ward-probe", "/ward-probe/ward-probe")]
        check_eq([(c["action"], c["resource"]) for c in doc["changes"]], [("fs.read", b) for b in below])
        check(120000 < doc["asked"] < 130000, doc["asked"])


@test
def profiles_that_nobody_asked_for_are_not_compared_in_silence():
    with place({"old.yaml": TEAM, "new.yaml": TEAM.replace("docs/**", "**", 1)}) as policy:
        r = policy("diff", "old.yaml", "new.yaml")
        check_in("no profile of new.yaml is asked for, so only what it denies counts; --profile docs\n", r.out)
        check("no profile" not in policy("diff", "old.yaml", "new.yaml", "--profile", "docs").out)


# ---- what explain says ----

@test
def explain_shows_the_policy_and_how_to_change_it():
    with place({"net.cedar": NET}) as policy:
        r = policy("explain", "--policy", "net.cedar", "--action", "net.connect", "--resource", "npm.example.com:443", "--json")
        check_eq(json.loads(r.out)["rules"][0]["text"], NET.split("\n", 1)[1].strip())
        r = policy("explain", "--mode", "workspace_write", "--op", "modify", "--path", "/etc/hosts")
        check_in("change: another --mode; or a copy of data/modes/workspace_write.cedar with --policy\n", r.out)
        # No mode lets it be written, nor does a copy of one.
        r = policy("explain", "--mode", "workspace_write", "--op", "modify", "--path", ".ward/x")
        check_eq((r.code, "change:" in r.out), (1, False), r.out)
    # Each rule that forbids is in the way by itself.
    with place({"x.cedar": 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./x");\n'}) as policy:
        r = policy("explain", "--mode", "read_only", "--policy", "x.cedar", "--op", "modify", "--path", "x")
        check_in("  change: another --mode; or a copy of data/modes/read_only.cedar with --policy\n  and: deny less in x.cedar:1:1\n", r.out)
        r = policy("explain", "--mode", "workspace_write", "--policy", "x.cedar", "--op", "modify", "--path", "x")
        check_in("\n  change: deny less in x.cedar:1:1\n", r.out)
        (policy.place.ws / "x.cedar").unlink()
        check_eq(policy("explain", "--mode", "workspace_write", "--op", "modify", "--path", "x").code, 0)
    # A cure that every list takes: there are no exceptions from denyRead.
    with place({"t.yaml": "schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n  denyRead: [\"x/**\"]\n"}) as policy:
        r = policy("explain", "--policy", "t.yaml", "--read", ".", "--op", "read", "--path", "x/y")
        check_eq(r.code, 1, r.err)
        check_in("change: deny less in t.yaml:5:", r.out)


main()

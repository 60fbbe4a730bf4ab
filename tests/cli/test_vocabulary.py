#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/ward.cedarschema: it is read, it says what it promises, and it refuses what is misspelt."""
import json
import re
import subprocess

from cli import ROOT, WARD
from tap import cases, check, check_eq, main, test

SCHEMA = ROOT / "data/ward.cedarschema"
ACTIONS = """fs.read fs.write fs.exec net.connect net.listen http.request proc.exec env.read secret.read artifact.read
	artifact.write db.read db.write registry.read registry.write git.read git.commit git.push shell.exec tool.call sandbox.run
	grant.request mode.enter""".split()
FAMILIES = "repo_read repo_write_files run_programs git_write network_access data_read data_write control".split()
PRINCIPALS = ["Person", "Agent", "Component", "Run"]


def cedar(*words, text=None):
    return subprocess.run([WARD, "cedar", *words], input=text, capture_output=True, text=True, timeout=60, check=False)


def validate(policy, *words):
    return cedar("validate", "-s", str(SCHEMA), "--deny-warnings", *words, text=policy)


def names(found):
    """Ward::Person, Person -> Person"""
    return [n.rsplit("::", 1)[-1] for n in found]


def in_json():
    return json.loads(cedar("translate-schema", "--direction", "cedar-to-json", "-s", str(SCHEMA)).stdout)["Ward"]


@test
def the_schema_is_read():
    r = cedar("check-parse", "-s", str(SCHEMA))
    check(r.returncode == 0, r.stderr)


@test
def to_json_and_back_it_is_the_same():
    ward = in_json()
    back = cedar("translate-schema", "--direction", "json-to-cedar", "-s", "/dev/stdin", text=json.dumps({"Ward": ward}))
    check_eq(back.returncode, 0, back.stderr)
    again = cedar("translate-schema", "--direction", "cedar-to-json", "-s", "/dev/stdin", text=back.stdout)
    for action in ward["actions"].values():
        for parent in action.get("memberOf", []):
            parent.setdefault("type", "Action")     # the way back spells it out
    check(json.loads(again.stdout)["Ward"] == ward, again.stdout)


@test
def the_actions_and_families_and_no_others():
    check_eq(sorted(in_json()["actions"]), sorted(ACTIONS + FAMILIES))


@cases([(a, a) for a in ACTIONS])
def has_principals_and_resources(action):
    to = in_json()["actions"][action].get("appliesTo", {})
    check_eq(names(to.get("principalTypes", [])), PRINCIPALS)
    check(to.get("resourceTypes"), "no resources")


@test
def the_code_has_the_same_actions_on_the_same_things():
    text = (ROOT / "src/policy/action.h").read_text()
    things = dict(re.findall(r'X\((\w+), "([A-Z]\w+)"\)', text))
    table = {name: things[thing] for name, thing in re.findall(r'X\(\w+, "([a-z.]+)", (\w+)\)', text)}
    actions = in_json()["actions"]
    check_eq(table, {a: names(actions[a]["appliesTo"]["resourceTypes"])[0] for a in ACTIONS})


@cases([(f, f) for f in FAMILIES])
def has_members_and_is_not_asked_about_itself(family):
    actions = in_json()["actions"]
    check([a for a in ACTIONS if family in [p["id"] for p in actions[a].get("memberOf", [])]], "no members")
    check(not actions[family].get("appliesTo", {}).get("resourceTypes"), "may be asked about")


@test
def every_context_has_all_of_base_alike():
    types = in_json()["commonTypes"]
    base = types["Base"]["attributes"]
    for name, record in types.items():
        check_eq({k: v for k, v in record["attributes"].items() if k in base}, base, name)


@test
def no_type_is_there_that_nothing_uses():
    ward, text = in_json(), re.sub(r"//.*", "", SCHEMA.read_text())
    for name in ward["entityTypes"]:
        check(len(re.findall(rf"\b{name}\b", text)) > 1, name)


@test
def every_attribute_says_why_it_is_there():
    base = in_json()["commonTypes"]["Base"]["attributes"]
    own = set(base) - {"phase", "environment", "trust", "mode"}   # said where the type is
    seen, bare = set(), []
    for number, line in enumerate(SCHEMA.read_text().splitlines(), 1):
        m = re.match(r"\t(?!principal)(\w+)\??: ", line)
        if m and "//" in line:
            seen.add(m.group(1))
        elif m and m.group(1) not in base and m.group(1) not in seen:
            bare.append(f"{number}: {line.strip()}")
    check_eq(bare, [])
    check_eq(sorted(own - seen), [])


GOOD = {
    "a subtree": 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./src");',
    "a pattern": 'forbid (principal, action in Ward::Action::"repo_write_files", resource in Ward::Glob::"**/.env");',
    "the repository": 'permit (principal is Ward::Run, action in Ward::Action::"repo_read", resource)'
                      ' when { resource is Ward::Path && resource in principal.repo_root };',
    "its directories": 'forbid (principal is Ward::Run, action == Ward::Action::"fs.write", resource)'
                       ' when { resource in principal.git_dirs };',
    "a domain and a port": 'permit (principal, action == Ward::Action::"net.connect", resource in'
                           ' Ward::Domain::"github.com") when { resource.port == 443 };',
    "a range": 'forbid (principal, action in Ward::Action::"network_access", resource in Ward::Cidr::"10.0.0.0/8");',
    "programs below a directory": 'permit (principal, action in Ward::Action::"run_programs", resource in'
                                  ' Ward::Path::"/usr/bin");',
    "a phase": 'forbid (principal in Ward::Component::"9a8f", action, resource) when { context.phase =='
               ' Ward::Phase::"experimental" && context.environment == Ward::Environment::"ci" };',
    "a mode, asked for": 'permit (principal, action == Ward::Action::"git.push", resource) when { context has mode &&'
                         ' context.mode == Ward::Mode::"repo_write" && context.remote like "https://github.com/*" };',
    "a time": 'forbid (principal, action == Ward::Action::"secret.read", resource) when { context.time >'
              ' datetime("2027-01-01") || !context.labels.contains("team=ops") };',
    "names": 'permit (principal, action == Ward::Action::"env.read", resource) when { resource.name like "API_*" };',
}


@cases(GOOD.items())
def valid(policy):
    r = validate(policy)
    check_eq(r.returncode, 0, r.stdout + r.stderr)


BAD = {
    "an action's name": 'permit (principal, action == Ward::Action::"fs.raed", resource);',
    "a type's name": 'permit (principal, action, resource in Ward::Pth::"./src");',
    "a mode's name": 'permit (principal, action, resource) when { context has mode && context.mode =='
                     ' Ward::Mode::"read-only" };',
    "a mode that may be absent": 'permit (principal, action, resource) when { context.mode =='
                                 ' Ward::Mode::"read_only" };',
    "an attribute's name": 'permit (principal, action == Ward::Action::"env.read", resource) when {'
                           ' resource.nmae == "A" };',
    "a resource that the action never has": 'permit (principal, action == Ward::Action::"fs.read", resource in'
                                            ' Ward::Host::"example.com");',
    "a word of another kind": 'permit (principal, action, resource) when { context.tier == "native" };',
    "what only some contexts have": 'permit (principal, action, resource) when { context.method == "GET" };',
    "no namespace": 'permit (principal, action == Action::"fs.read", resource);',
}


@cases(BAD.items())
def refused(policy):
    r = validate(policy)
    check_eq(r.returncode, 3, r.stdout + r.stderr)


main()

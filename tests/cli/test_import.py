#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents of components and what they are allowed: each becomes Cedar that says the same, and names its place; mistakes are one line."""
import contextlib
import json
import re

import cli
from cli import ward
from tap import cases, check, check_eq, check_in, main, test

ME, OTHER = "3f2c1a90-0000-4000-8000-0123456789ab", "00000000-0000-4000-8000-000000000000"
COMPONENT = json.dumps({"schemaVersion": 1, "kind": "Component",
                        "metadata": {"id": ME, "name": "fetch", "version": "1.2.0", "lifecycle": "stable"}})


def allow(*resources, **more):
    return {"action": "allow", "resource": list(resources) if len(resources) != 1 else resources[0], **more}


def deny(*resources):
    return {**allow(*resources), "action": "deny"}


@contextlib.contextmanager
def place():
    """With files: of what is not there in /tmp the answer is about the run's own /tmp."""
    with cli.place() as p:
        for name in ("src/a", "src/x.c", "src/x.[ch]", "src/secret/a", "src/vendor/a", "other/a", "kept/a", "b"):
            p.write(name, "")
        yield p


def policy(p, *words):
    return ward("policy", *words, cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config")))


def effect(p, action, resource, *words, who=True, name="x.cedar.json"):
    r = policy(p, "explain", "--json", "--policy", name, *(["--component", "c.json"] if who else []), *words, "--action", action,
               "--resource", resource)
    check(r.out, r.err)
    return json.loads(r.out)["effect"]


# What is written, and what it says to the questions below.
ROWS = [
    # name, policies, {(action, resource): effect}
    ("read a tree", [allow("FILE_READ:src/**")], {("fs.read", "src/a"): "allow", ("fs.write", "src/a"): "deny", ("fs.read", "b"): "deny"}),
    ("write a tree", [allow("FILE_WRITE:src/**")], {("fs.read", "src/a"): "allow", ("fs.write", "src/a"): "allow", ("fs.write", "b"): "deny"}),
    ("a pattern", [allow("FILE_READ:src/*.[ch]")], {("fs.read", "src/x.[ch]"): "allow", ("fs.read", "src/x.c"): "deny"}),
    ("dotted words", [allow("file.read:src/**", "env.access:LANG")], {("fs.read", "src/a"): "allow", ("env.read", "LANG"): "allow"}),
    ("a program", [allow("EXTERNAL_COMMAND:/usr/bin/env")], {("proc.exec", "/usr/bin/env"): "allow", ("proc.exec", "/usr/bin/id"): "deny"}),
    ("a variable", [allow("ENV:LANG")], {("env.read", "LANG"): "allow", ("env.read", "LANGUAGE"): "deny"}),
    ("an endpoint", [allow("NETWORK_CONNECT:h.example.com:443")],
     {("net.connect", "h.example.com:443"): "allow", ("net.connect", "h.example.com:80"): "deny", ("net.listen", "h.example.com:443"): "deny"}),
    ("names of one label, any port", [allow("NETWORK_CONNECT:*.example.com:*")],
     {("net.connect", "h.example.com:1"): "allow", ("net.connect", "a.h.example.com:1"): "deny"}),
    ("what is never reached, denied", [allow("NETWORK_CONNECT:**.example.com:443"),
                                       deny("NETWORK_CONNECT:169.254.169.254:*", "NETWORK_CONNECT:169.254.0.0/16:80", "NETWORK_CONNECT:localhost:*",
                                            "NETWORK_CONNECT:[fe80::/10]:1-99", "NETWORK_CONNECT:h.example.com:443")],
     {("net.connect", "a.example.com:443"): "allow", ("net.connect", "h.example.com:443"): "deny", ("net.connect", "localhost:1"): "deny"}),
    ("secrets by a pattern", [allow("SECRET_ACCESS:API_*")], {("secret.read", "API_X"): "allow", ("secret.read", "X_API"): "deny"}),
    ("stores", [allow("DATABASE_READ:orders", "ARTIFACT_WRITE:report", "REGISTRY_READ:main")],
     {("db.read", "orders"): "allow", ("db.write", "orders"): "deny", ("artifact.write", "report"): "allow", ("registry.read", "main"): "allow"}),
    ("a deny wins, whatever the order", [deny("FILE_READ:src/secret/**"), allow("FILE_WRITE:src/**")],
     {("fs.read", "src/a"): "allow", ("fs.read", "src/secret/a"): "deny", ("fs.write", "src/secret/a"): "deny"}),
    ("who may not write may read", [allow("FILE_WRITE:src/**"), deny("FILE_WRITE:src/vendor/**")],
     {("fs.read", "src/vendor/a"): "allow", ("fs.write", "src/vendor/a"): "deny", ("fs.write", "src/a"): "allow"}),
    ("a program that may not be started may be read", [allow("EXTERNAL_COMMAND:*"), deny("EXTERNAL_COMMAND:/usr/bin/id")],
     {("proc.exec", "/usr/bin/env"): "allow", ("proc.exec", "/usr/bin/id"): "deny", ("fs.read", "/usr/bin/id"): "allow"}),
    ("nothing", [], {("fs.read", "src/a"): "deny"}),
]


@cases([(row[0], row[1:]) for row in ROWS])
def becomes_cedar(row):
    policies, questions = row
    with place() as p:
        p.write("c.json", COMPONENT)
        for form in ({"component": ME, "policies": policies}, [{**x, "principal": ME} for x in policies]):
            p.write("x.cedar.json", json.dumps(form))
            for (action, resource), want in questions.items():
                # Every program that the view shows is a run's own right where nothing speaks of programs.
                words = ["--cap", "EXTERNAL_COMMAND:/usr/bin/true"]
                check_eq((action, resource, effect(p, action, resource, *words)), (action, resource, want))
                if want == "allow" and not resource.startswith("/usr"):
                    check_eq((resource, effect(p, action, resource, *words, who=False)), (resource, "deny"))


@test
def what_it_became_is_shown_with_its_place():
    with place() as p:
        p.write("x.cedar.json", json.dumps({"component": ME, "policies": [allow("FILE_READ:src/**"), deny("ENV:TOKEN")]}, indent=1))
        r = policy(p, "show", "--policy", "x.cedar.json")
        check_eq(r.code, 0, r.err)
        check_in(f'permit (principal in Ward::Component::"{ME}", action == Ward::Action::"fs.read", resource in Ward::Path::"./src");', r.out)
        check_in(f'forbid (principal in Ward::Component::"{ME}", action == Ward::Action::"env.read", resource == Ward::Variable::"TOKEN");', r.out)
        check(re.search(r'@source\("x\.cedar\.json:6:\d+"\)', r.out), r.out)
        (p.side / "all.cedar").write_text(r.out)
        back = ward("cedar", "validate", "-s", str(cli.ROOT / "data/ward.cedarschema"), "-p", str(p.side / "all.cedar"))
        check_eq(back.code, 0, back.out + back.err)


@test
def the_name_of_the_file_says_whose_it_is():
    with place() as p:
        p.write("c.json", COMPONENT)
        p.write(f"{ME}.cedar.json", json.dumps({"policies": [allow("FILE_READ:src/**")]}))
        p.write(f"{OTHER}.cedar.json", json.dumps([allow("FILE_READ:other/**")]))
        words = ("--policy", f"{OTHER}.cedar.json")
        check_eq(effect(p, "fs.read", "src/a", *words, name=f"{ME}.cedar.json"), "allow")
        check_eq(effect(p, "fs.read", "other/a", *words, name=f"{ME}.cedar.json"), "deny")
        p.write(f"{ME}.cedar.json", json.dumps({"component": OTHER, "policies": []}))
        r = policy(p, "show", "--policy", f"{ME}.cedar.json")
        check_eq(r.code, 2)
        check_in("the document is about " + ME, r.err)


@test
def it_has_the_powers_of_its_layer():
    with place() as p:
        p.write("c.json", COMPONENT)
        doc = json.dumps({"component": ME, "policies": [allow("FILE_READ:src/**"), deny("FILE_READ:kept/**")]})
        words = ("explain", "--json", "--component", "c.json", "--op", "read", "--path")
        own = p.home / "config/ward"
        own.mkdir(parents=True)
        (own / f"{ME}.cedar.json").write_text(doc)
        check_eq(json.loads(policy(p, *words, "src/a").out)["rules"][0]["layer"], "user")
        (own / f"{ME}.cedar.json").unlink()
        # A repository that nobody trusts narrows: it forbids, and what it allows is a list.
        p.write(f".ward/{ME}.cedar.json", doc)
        check_eq(json.loads(policy(p, *words, "src/a").out)["effect"], "deny")
        check_eq(json.loads(policy(p, *words, "src/a", "--read", ".").out)["effect"], "allow")
        kept = json.loads(policy(p, *words, "kept/a", "--read", ".").out)
        check_eq((kept["why"], kept["rules"][0]["layer"]), ("forbidden", "repository"))
        p.write("own.cedar.json", doc)
        check_eq(json.loads(policy(p, *words, "src/a", "--policy", "own.cedar.json").out)["rules"][0]["layer"], "run")
        check_eq(json.loads(policy(p, *words, "b", "--read", ".").out)["why"], "narrowed")


@cases([(name, doc, says) for name, doc, says in [
    ("nobody", [allow("ENV:A")], "a policy about nobody"),
    ("no UUID", [allow("ENV:A", principal="fetch")], "is no UUID"),
    ("a UUID in capitals", [allow("ENV:A", principal=ME.upper())], "in small letters"),
    ("somebody else", {"component": ME, "policies": [allow("ENV:A", principal=OTHER)]}, "keep a document for each"),
    ("no policies", {"component": ME}, "without \"policies\""),
    ("one policy", {"component": ME, "policies": allow("ENV:A")}, "policies must be a list"),
    ("no object", {"component": ME, "policies": ["ENV:A"]}, "a policy must be an object"),
    ("an unknown field", {"component": ME, "policies": [allow("ENV:A", efect="x")]}, "unknown field"),
    ("a misspelt field", {"component": ME, "policies": [{"acton": "allow", "resource": "ENV:A"}]}, "did you mean \"action\"?"),
    ("an unknown action", {"component": ME, "policies": [{"action": "permit", "resource": "ENV:A"}]}, "write \"allow\" or \"deny\""),
    ("no action", {"component": ME, "policies": [{"resource": "ENV:A"}]}, "without \"action\""),
    ("no resource", {"component": ME, "policies": [{"action": "allow"}]}, "without \"resource\""),
    ("an empty list of resources", {"component": ME, "policies": [{"action": "allow", "resource": []}]}, "about no resource"),
    ("a resource without a type", {"component": ME, "policies": [allow("src/**")]}, "TYPE:RESOURCE"),
    ("a misspelt type", {"component": ME, "policies": [allow("FILE_RAED:src/**")]}, "did you mean FILE_READ?"),
    ("a word that no type means", {"component": ME, "policies": [allow("git_commit:.")]}, "is what a policy permits"),
    ("a way out", {"component": ME, "policies": [allow("FILE_READ:../x")]}, "\"..\" is not allowed"),
    ("a port that is none", {"component": ME, "policies": [allow("NETWORK_CONNECT:h:99999")]}, "99999"),
    ("an address that is never reached", {"component": ME, "policies": [allow("NETWORK_CONNECT:169.254.169.254:80")]}, "never reached"),
    ("a port that is none, denied", {"component": ME, "policies": [deny("NETWORK_CONNECT:h:99999")]}, "99999"),
    ("a variable with a value", {"component": ME, "policies": [allow("ENV:A=b")]}, "name the variable alone"),
    ("Cedar's own JSON", {"staticPolicies": {}, "templates": {}, "templateLinks": []}, "translate-policy"),
    ("one policy of Cedar's", {"effect": "permit", "principal": {"op": "All"}}, "translate-policy"),
    ("Cedar's word for the action", {"component": ME, "policies": [{"effect": "allow", "resource": "ENV:A"}]}, 'unknown field "effect"; did you mean "action"?'),
    ("and its effect", {"component": ME, "policies": [{"effect": "permit", "resource": ["ENV:A"]}]}, 'unknown field "effect"; did you mean "action"?'),
    ("a policy of Cedar's with a resource", {"effect": "permit", "resource": {"op": "All"}}, "translate-policy"),
    ("a field like none", {"component": ME, "policies": [dict(allow("ENV:A"), when="x")]},
     'unknown field "when"; the fields are "principal", "action", "resource" and "description"'),
    ("a field like none at the top", {"component": ME, "grants": []}, 'unknown field "grants"; the fields are "component" and "policies"'),
    ("a number", 7, "neither a list of policies nor an object"),
]])
def is_one_line_that_says_how(doc, says):
    with place() as p:
        p.write("x.cedar.json", json.dumps(doc))
        r = policy(p, "show", "--policy", "x.cedar.json")
        check_eq((r.code, r.out), (2, ""), r.err)
        check_eq(len(r.err.splitlines()), 1, r.err)
        check(re.match(r"ward: x\.cedar\.json:1:\d+: ", r.err) and "; " in r.err, r.err)
        check_in(says, r.err)


@test
def the_example_of_the_page():
    page = (cli.ROOT / "docs/spec/import.md").read_text()
    with place() as p:
        p.write("x.cedar.json", re.search(r"```json\n(.*?)```", page, flags=re.S).group(1))
        r = policy(p, "check", "--policy", "x.cedar.json")
        check_eq(r.code, 0, r.err)


main()

# SPDX-License-Identifier: Apache-2.0
"""ward cedar run in a place, for its tests: a set of policies, schema, entities and a context, and each answer held to its JSON Schema."""
import json
import subprocess

import cli
import schema
from cli import WARD, Result, placed
from tap import check_eq

SPEC = json.loads((cli.ROOT / "docs/spec/cedar.schema.json").read_text())
POLICIES = """\
@id("view")
permit(principal in Group::"staff", action == Action::"view", resource is Doc) when { context.hour < 18 };
@id("never")
forbid(principal, action, resource) when { resource.secret };
@id("share")
permit(principal == ?principal, action == Action::"edit", resource in ?resource);
"""
SCHEMA = """\
entity Group;
entity User in [Group];
entity Doc in [Doc] { secret: Bool };
action view, edit appliesTo { principal: User, resource: Doc, context: { hour: Long } };
"""
ENTITIES = [
    {"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
    {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Doc", "id": "1"}, "attrs": {"secret": False}, "parents": []},
    {"uid": {"type": "Doc", "id": "2"}, "attrs": {"secret": True}, "parents": []},
]
VIEW = ("-l", 'User::"a"', "-a", 'Action::"view"', "-r")
PLAIN = ("-p", "p.cedar", "--entities", "e.json", "-c", "c.json")
WHOLE = (*PLAIN, "-s", "s.cedarschema")


def cedar(p, *words, data=b"", timeout=60, env=None):
    q = subprocess.run([WARD, "cedar", *words], cwd=p.ws, input=data, env=p.env(**(env or {})), capture_output=True,
                       timeout=timeout, check=False)
    if "--json" in words or "--requests" in words:
        for line in q.stdout.splitlines():
            schema.validate(json.loads(line), SPEC)
    if "--json" in words and words[0] != "conformance":
        check_eq(q.stdout.count(b"\n"), 1, words)
    return Result(q.returncode, q.stdout.decode("utf-8", "surrogateescape"), q.stderr.decode("utf-8", "surrogateescape"))


def filled(fn):
    """Decorator: the test gets a Place with a set of policies, schema, entities and a context in it."""
    def one(p, *args):
        p.write("p.cedar", POLICIES)
        p.write("s.cedarschema", SCHEMA)
        p.write("e.json", json.dumps(ENTITIES))
        p.write("c.json", '{"hour": 9}')
        fn(p, *args)
    one.__name__ = fn.__name__
    return placed(one)


def request(doc="1", **more):
    return {"principal": {"type": "User", "id": "a"}, "action": 'Action::"view"', "resource": {"type": "Doc", "id": doc},
            "context": {"hour": 9}, **more}

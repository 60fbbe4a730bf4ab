#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward cedar: every command, its formats and its exit codes; many requests; whatever a file can hold. test_cedar_conformance.py has that one."""
import json
import os
import re
import subprocess
import threading

import cli
import schema
from cedar_place import ENTITIES, PLAIN, POLICIES, SPEC, VIEW, WHOLE, cedar, filled, request
from cli import WARD, Result, placed
from tap import cases, check, check_eq, check_in, main, skip, test

# ---- authorize ----

@cases([
    ("allow", '"1"', 0, "ALLOW\n\nnote: this decision was due to the following policies:\n  view\n\n"),
    ("deny by forbid", '"2"', 2, "DENY\n\nnote: this decision was due to the following policies:\n  never\n\n"),
])
@filled
def authorize_says_which_policies_decided(p, doc, code, out):
    r = cedar(p, "authorize", *WHOLE, "-v", *VIEW, "Doc::" + doc)
    check_eq((r.code, r.out, r.err), (code, out, ""))


@test
@filled
def authorize_denies_by_default(p):
    r = cedar(p, "authorize", *WHOLE, "-v", "-l", 'User::"b"', "-a", 'Action::"edit"', "-r", 'Doc::"1"')
    check_eq((r.code, r.out), (2, "DENY\n\nnote: no policies applied to this request\n"))


@test
@filled
def an_error_of_a_policy_is_said_and_decides_nothing(p):
    r = cedar(p, "authorize", *PLAIN, *VIEW, 'Doc::"9"')
    check_eq(r.code, 0)
    check_in("error while evaluating policy `never`: entity `Doc::\"9\"` does not exist", r.out)
    r = cedar(p, "authorize", *PLAIN, *VIEW, 'Doc::"9"', "--json")
    check_eq(json.loads(r.out), {"decision": "allow", "reason": ["view"], "errors": ["never"],
                                 "messages": ['entity `Doc::"9"` does not exist']})


@test
@filled
def timing_is_printed(p):
    r = cedar(p, "authorize", *WHOLE, "-t", *VIEW, 'Doc::"1"')
    check(re.match(r"Authorization Time \(micro seconds\) : \d+\nALLOW\n$", r.out), r.out)


@test
@filled
def request_from_a_file(p):
    p.write("r.json", json.dumps({"principal": 'User::"a"', "action": {"type": "Action", "id": "view"},
                                  "resource": 'Doc::"1"', "context": {"hour": 9}}))
    words = ("-p", "p.cedar", "-s", "s.cedarschema", "--entities", "e.json", "--request-json", "r.json")
    check_eq(cedar(p, "authorize", *words).code, 0)
    r = cedar(p, "authorize", *words, *VIEW, 'Doc::"1"')
    check_eq(r.code, 1)
    check_in("takes the place of", r.err)
    p.write("r.json", '{"principal": "User::\\"a\\"",\n "action": "Action::\\"view\\"", "resource": "Doc::\\"1\\""}')
    check_eq(cedar(p, "authorize", *words).code, 1)
    p.write("r.json", '{"principal": "User::\\"a\\"",\n "action": "Action::\\"view\\"", "resource": "Doc::\\"1\\"",\n'
            ' "context": {"hour": null}}')
    r = cedar(p, "authorize", *words)
    check_eq(r.code, 1)
    check_in("r.json:3:", r.err)


@cases([
    ("wrong type", ('Dog::"1"',), "Dog"),
    ("unknown action", ('Doc::"1"', "--bad-action"), "nope"),
])
@filled
def request_is_checked_against_the_schema(p, words, says):
    who = ("-l", 'User::"a"', "-a", 'Action::"nope"' if len(words) > 1 else 'Action::"view"', "-r", words[0])
    r = cedar(p, "authorize", *WHOLE, *who)
    check_eq(r.code, 1)
    check_in(says, r.err)
    if len(words) == 1:
        check_eq(cedar(p, "authorize", *WHOLE, *who, "--request-validation", "false").code, 2)


@cases([("principal", VIEW[:4] + ("-r", 'Doc::"1"'), 0), ("missing resource", VIEW[:4], 1), ("nothing", (), 1)])
@filled
def all_of_a_request_must_be_given(p, words, code):
    r = cedar(p, "authorize", *WHOLE, *words)
    check_eq(r.code, code, r.err)
    check_eq(r.out == "", code == 1)


@test
@filled
def policies_from_standard_input(p):
    words = ("--entities", "e.json", "-c", "c.json", *VIEW, 'Doc::"1"')
    for given in ((), ("-p", "-")):
        check_eq(cedar(p, "authorize", *words, *given, data=POLICIES.encode()).code, 0)
    r = cedar(p, "authorize", *words, data=b"permit(")
    check_eq(r.code, 1)
    check_in("<stdin>:1:8: error: ", r.err)


@test
@filled
def links_are_read(p):
    link = {"template_id": "share", "link_id": "l1", "args": {"?principal": 'User::"b"', "?resource": 'Doc::"1"'}}
    p.write("l.json", json.dumps([link]))
    words = ("authorize", *WHOLE, "-l", 'User::"b"', "-a", 'Action::"edit"', "-r", 'Doc::"1"', "-k", "l.json", "-v")
    r = cedar(p, *words)
    check_eq(r.code, 0)
    check_in("\n  l1\n", r.out)
    for bad in ("{}", "[1]", json.dumps([dict(link, template_id="nope")]), json.dumps([dict(link, args={"?x": "y"})]),
                json.dumps([dict(link, args={"?principal": 'User::"b"'})]), json.dumps([link, link]), "[",
                json.dumps([dict(link, link_id="view")])):
        p.write("l.json", bad)
        r = cedar(p, *words)
        check_eq((r.code, r.out), (1, ""), bad)
        check(r.err, bad)
    (p.ws / "l.json").unlink()
    check_eq(cedar(p, *words).code, 1)


# ---- many requests ----

@test
@filled
def many_requests(p):
    lines = [json.dumps(request()), json.dumps(request("2")), "", json.dumps(request("9")), "nonsense",
             json.dumps(request(context={"hour": "x"})), json.dumps(request(resource='Dog::"1"')),
             json.dumps(request(resource='Dog::"1"', validateRequest=False)), json.dumps({"principal": 'User::"a"'}),
             json.dumps(request(resource='Doc::"1')), "[]", json.dumps(request("1"))[:-1], json.dumps(request())]
    p.write("r.jsonl", "\n".join(lines))
    for source in ("r.jsonl", "-"):
        r = cedar(p, "authorize", "-p", "p.cedar", "-s", "s.cedarschema", "--entities", "e.json", "--requests", source,
                  data="\n".join(lines).encode())
        out = [json.loads(line) for line in r.out.splitlines()]
        check_eq([o["decision"] for o in out], ["allow", "deny", "allow", None, None, None, "deny", None, None, None, None,
                                                "allow"])
        check_eq(out[0], {"decision": "allow", "reason": ["view"], "errors": []})
        check_eq(out[2], {"decision": "allow", "reason": ["view"], "errors": ["never"]})
        check_eq((out[3]["line"], out[3]["reason"], out[3]["errors"]), (5, [], []))
        check(all(o["failure"] for o in out if o["decision"] is None))
        check_eq(r.code, 1)
    r = cedar(p, "authorize", "-p", "p.cedar", "-s", "s.cedarschema", "--entities", "e.json", "--requests", "-",
              data=lines[0].encode() + b"\r\n\r\n" + lines[1].encode())
    check_eq((r.code, len(r.out.splitlines())), (0, 2))


@cases([
    ("no action", {"action": None}, "the action is not known", None),
    ("no principal", {"principal": None}, "must be given", None),
    ("no context", {"context": None}, "the context is an object", None),
    ("validateRequest is a word", {"validateRequest": "no"}, "validateRequest is true or false", None),
    ("validateRequest is null", {"validateRequest": None}, "validateRequest is true or false", None),
    ("a list of requests", [request()], "a request is an object", None),
    ("cut", json.dumps(request())[:40], "found the end of the text", 41),
    ("not UTF-8", b"\xff", "expected a value", 1),
    ("twice", json.dumps(request())[:-1] + ', "context": {}}', "appears twice", 138),
])
@filled
def lines_that_are_no_requests(p, line, says, column):
    if isinstance(line, dict):
        line = request(**line)
    if not isinstance(line, (bytes, str)):
        line = json.dumps(line)
    good = json.dumps(request()).encode()
    r = cedar(p, "authorize", "-p", "p.cedar", "--entities", "e.json", "-s", "s.cedarschema", "--requests", "-",
              data=good + b"\n" + (line.encode() if isinstance(line, str) else line) + b"\n" + good + b"\n")
    out = [json.loads(text) for text in r.out.splitlines()]
    check_eq((r.code, [o["decision"] for o in out]), (1, ["allow", None, "allow"]))
    check_eq((out[1]["line"], out[1].get("column")), (2, column))
    check_in(says, out[1]["failure"])


@test
@filled
def answers_come_before_more_is_waited_for(p):
    q = subprocess.Popen([WARD, "cedar", "authorize", "-p", "p.cedar", "--entities", "e.json", "--requests", "-"], cwd=p.ws,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.started.append(q)
    for doc, want in (("1", "allow"), ("2", "deny"), ("1", "allow")):
        q.stdin.write(json.dumps(request(doc)).encode() + b"\n")
        q.stdin.flush()
        got = []
        t = threading.Thread(target=lambda: got.append(q.stdout.readline()))
        t.start()
        t.join(30)
        check(got, "no answer while the input is open")
        check_eq(json.loads(got[0])["decision"], want)
    q.stdin.close()
    check_eq(q.wait(30), 0)


@test
@filled
def many_many_requests_in_little_memory(p):
    line = json.dumps(request()).encode() + b"\n"
    with open(p.ws / "r.jsonl", "wb") as f:
        for _ in range(50):
            f.write(line * 1000)
    limited = ["sh", "-c", 'ulimit -v 200000; exec "$@"', "sh", WARD, "cedar", "authorize", "-p", "p.cedar", "--entities",
               "e.json", "--requests", "r.jsonl"]
    if os.environ.get("ASAN_OPTIONS") or b"__asan_init" in open(WARD, "rb").read():
        limited = limited[4:]
    q = subprocess.run(limited, cwd=p.ws, capture_output=True, timeout=120, check=False)
    check_eq((q.returncode, q.stderr), (0, b""))
    out = q.stdout.splitlines()
    check_eq((len(out), set(out)), (50000, {b'{"decision":"allow","reason":["view"],"errors":[]}'}))


@test
@filled
def a_line_without_end_is_refused(p):
    q = subprocess.Popen([WARD, "cedar", "authorize", "-p", "p.cedar", "--requests", "/dev/zero"], cwd=p.ws,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.started.append(q)
    out, err = q.communicate(timeout=60)
    check_eq((q.returncode, out), (1, b""))
    check_in(b"/dev/zero:1", err)


@test
@filled
def one_request_and_many_do_not_go_together(p):
    r = cedar(p, "authorize", *WHOLE, "--requests", "-")
    check_eq((r.code, r.out), (1, ""))


# ---- evaluate ----

@cases([
    ("bool", "1 < 2", "true", True),
    ("long", "(-3) * 2", "-6", -6),
    ("text", r'"a\tb"', r'"a\tb"', "a\tb"),
    ("entity", 'User::"a"', 'User::"a"', {"__entity": {"type": "User", "id": "a"}}),
    ("set", "[3, 1, 2, 1]", "[1, 2, 3]", None),
    ("record", "{b: 1, a: true}", '{"a": true, "b": 1}', {"a": True, "b": 1}),
    ("decimal", 'decimal("1.5")', 'decimal("1.5")', {"__extn": {"fn": "decimal", "arg": "1.5"}}),
])
@placed
def evaluate(p, text, shown, value):
    r = cedar(p, "evaluate", text)
    check_eq((r.code, r.out, r.err), (0, shown + "\n", ""))
    r = cedar(p, "evaluate", text, "--json")
    doc = json.loads(r.out)
    check_eq((r.code, doc["ok"]), (0, True))
    if value is not None:
        check_eq(doc["value"], value)


@test
@filled
def evaluate_for_a_request(p):
    words = ("evaluate", *VIEW, 'Doc::"1"', "-c", "c.json", "--entities", "e.json", "-s", "s.cedarschema")
    r = cedar(p, *words, 'principal in Group::"staff" && context.hour == 9 && !resource.secret')
    check_eq((r.code, r.out), (0, "true\n"))
    for text, says in (("principal.x", "x"), ("1 +", "<expression>:1:"), ("1 + true", "type error"), ("", "unexpected")):
        r = cedar(p, *words, text)
        check_eq((r.code, r.out), (1, ""), text)
        check_in(says, r.err)
        r = cedar(p, *words, text, "--json")
        check_eq((r.code, json.loads(r.out)["ok"], r.err), (1, False, ""))
    check_eq(cedar(p, "evaluate").code, 2)
    check_eq(cedar(p, "evaluate", "1", "2").code, 2)


# ---- validate, check ----

@test
@filled
def validate(p):
    words = ("validate", "-p", "p.cedar", "-s", "s.cedarschema")
    r = cedar(p, *words)
    check_eq((r.code, r.out, r.err), (0, "policy set validation passed\n", ""))
    check_eq(json.loads(cedar(p, *words, "--json").out), {"ok": True, "diagnostics": []})
    p.write("p.cedar", "permit(principal, action, resource)\nwhen { resource.nothing == 1 };\n")
    r = cedar(p, *words)
    check_eq((r.code, r.out), (3, "policy set validation failed\n"))
    check_in("p.cedar:2:8: error: for policy `policy0`, attribute `nothing` on entity type `Doc` not found", r.err)
    check_in("\n     2 | when { resource.nothing == 1 };\n       |        ^^^^^^^^^^^^^^^^\n", r.err)
    found = json.loads(cedar(p, *words, "--json").out)["diagnostics"]
    check_eq([(g["kind"], g["policyId"], g["line"], g["column"]) for g in found],
             [("UnsafeAttributeAccess", "policy0", 2, 8)])


@test
@filled
def warnings_fail_where_they_are_denied(p):
    p.write("p.cedar", 'permit(principal, action, resource) when { 1 == 2 };')
    words = ("validate", "-p", "p.cedar", "-s", "s.cedarschema")
    r = cedar(p, *words)
    check_eq(r.code, 0)
    check_in("warning: ", r.err)
    check_eq(cedar(p, *words, "--deny-warnings").code, 3)


@test
@filled
def validation_modes_levels_and_versions(p):
    words = ("validate", "-p", "p.cedar", "-s", "s.cedarschema")
    p.write("p.cedar", "permit(principal, action, resource) when { [] == [] };")
    check_eq(cedar(p, *words).code, 3)
    check_eq(cedar(p, *words, "--validation-mode", "permissive").code, 0)
    p.write("p.cedar", "permit(principal, action, resource) when { resource.secret };")
    check_eq(cedar(p, *words, "--level", "1").code, 0)
    check_eq(cedar(p, *words, "--level", "0").code, 3)
    p.write("p.cedar", 'permit(principal is Doc, action == Action::"view", resource);')
    check_eq([cedar(p, *words, "--compat", v).code for v in ("4.9", "4.10", "4.13")], [3, 3, 0])
    check_eq(cedar(p, *words).code, 0)
    for bad in (("--level", "x"), ("--level", "-1"), ("--validation-mode", "partial"), ("--compat", "5")):
        check_eq(cedar(p, *words, *bad).code, 2, bad)


@test
@filled
def check_parse(p):
    for words in (("-p", "p.cedar"), ("-s", "s.cedarschema"), ("--entities", "e.json"), ("--expression", "1 + 1"),
                  ("-p", "p.cedar", "-s", "s.cedarschema", "--entities", "e.json", "--expression", "true")):
        check_eq(cedar(p, "check-parse", *words), Result(0, "", ""), words)
    check_eq(cedar(p, "check-parse", data=POLICIES.encode()), Result(0, "", ""))
    check_eq(json.loads(cedar(p, "check-parse", "-p", "p.cedar", "--json").out), {"ok": True, "diagnostics": []})
    p.write("bad.cedar", "permit(principal, action, resource);\npermit(principal, action resource);\npermit();")
    p.write("bad.schema", "entity A;\nentity A;")
    p.write("bad.json", '[{"uid": {"type": "A", "id": "x"}, "attrs": {"n": null}, "parents": []}]')
    r = cedar(p, "check-parse", "-p", "bad.cedar", "-s", "bad.schema", "--entities", "bad.json", "--expression", "1 +")
    check_eq((r.code, r.out), (1, ""))
    for place in ("bad.cedar:2:26: error: ", "bad.cedar:3:", "bad.schema:", "bad.json:1:", "--expression:1:4: error: "):
        check_in(place, r.err)
    check_eq(cedar(p, "check-parse", "-k", "none.json", data=POLICIES.encode()).code, 1)


@test
@filled
def check_entities(p):
    check_eq(cedar(p, "check-entities", "--entities", "e.json").out, "4 entities\n")
    r = cedar(p, "check-entities", "--entities", "e.json", "-s", "s.cedarschema", "--json")
    check_eq(json.loads(r.out), {"ok": True, "entities": 6, "diagnostics": []})
    p.write("e.json", json.dumps([*ENTITIES, {"uid": {"type": "Doc", "id": "3"}, "attrs": {}, "parents": []}]))
    check_eq(cedar(p, "check-entities", "--entities", "e.json").code, 0)
    r = cedar(p, "check-entities", "--entities", "e.json", "-s", "s.cedarschema")
    check_eq((r.code, r.out), (1, ""))
    check_in("secret", r.err)
    p.write("e.json", json.dumps([{"uid": {"type": "A", "id": "x"}, "attrs": {}, "parents": [{"type": "A", "id": "x"}]}]))
    check_eq(cedar(p, "check-entities", "--entities", "e.json").code, 1)
    check_eq(cedar(p, "check-entities").code, 2)


# ---- format, translate, link ----

@test
@placed
def format_(p):
    text = "permit(principal,action,resource)when{principal.a==1&&resource.b}; // end\n"
    p.write("p.cedar", text)
    once = cedar(p, "format", "-p", "p.cedar")
    check_eq(once.code, 0)
    check_in("// end", once.out)
    again = cedar(p, "format", data=once.out.encode())
    check_eq(again.out, once.out)
    check_eq(cedar(p, "format", "-p", "p.cedar", "--check").code, 1)
    check_eq(cedar(p, "format", "--check", data=once.out.encode()).code, 0)
    narrow = cedar(p, "format", "-p", "p.cedar", "-l", "20", "-i", "4")
    check(len(narrow.out.splitlines()) > len(once.out.splitlines()), narrow.out)
    check_eq(json.loads(cedar(p, "format", "-p", "p.cedar", "--json").out), {"ok": True, "text": once.out})
    (p.ws / "p.cedar").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(p.ws / "p.cedar", 1234, 4321)
    owner = (p.ws / "p.cedar").stat()
    (p.ws / "link.cedar").symlink_to("p.cedar")
    check_eq(cedar(p, "format", "-p", "link.cedar", "-w"), Result(0, "", ""))
    check_eq((p.ws / "p.cedar").read_text(), once.out)
    check_eq((p.ws / "p.cedar").stat().st_mode & 0o777, 0o640)
    check((p.ws / "link.cedar").is_symlink(), "the link was replaced")
    check_eq((p.ws / "p.cedar").stat()[4:6], owner[4:6])
    check_eq(sorted(f.name for f in p.ws.iterdir()), ["link.cedar", "p.cedar"])
    for bad in (("-w",), ("-w", "-c", "-p", "p.cedar"), ("-l", "0"), ("-l", "x"), ("-i", "-1")):
        check_eq(cedar(p, "format", *bad, data=b"").code, 2, bad)
    p.write("p.cedar", "permit(")
    check_eq(cedar(p, "format", "-p", "p.cedar", "-w").code, 1)
    check_eq((p.ws / "p.cedar").read_text(), "permit(")


@test
@filled
def translate_policy(p):
    there = cedar(p, "translate-policy", "--direction", "cedar-to-json", "-p", "p.cedar")
    check_eq((there.code, there.err), (0, ""))
    doc = json.loads(there.out)
    check_eq((sorted(doc["staticPolicies"]), sorted(doc["templates"])), (["never", "view"], ["share"]))
    back = cedar(p, "translate-policy", "--direction", "json-to-cedar", data=there.out.encode())
    check_eq(back.code, 0)
    again = cedar(p, "translate-policy", "--direction", "cedar-to-json", data=back.out.encode())
    check_eq(json.loads(again.out), doc)
    p.write("p.json", there.out)
    check_eq(cedar(p, "authorize", "-p", "p.json", "--policy-format", "json", *WHOLE[2:], *VIEW, 'Doc::"2"').code, 2)
    p.write("one.json", json.dumps(doc["staticPolicies"]["view"]))
    r = cedar(p, "authorize", "-p", "one.json", "--policy-format", "json", *WHOLE[2:], *VIEW, 'Doc::"1"', "-v")
    check_eq(r.code, 0)
    check_in("  JSON policy\n", r.out)
    doc["templateLinks"] = [{"templateId": "share", "newId": "l", "values": {
        "?principal": {"__entity": {"type": "User", "id": "a"}}, "?resource": {"__entity": {"type": "Doc", "id": "1"}}}}]
    r = cedar(p, "translate-policy", "--direction", "json-to-cedar", data=json.dumps(doc).encode())
    check_eq((r.code, r.out), (1, ""))
    check_in("template-linked", r.err)
    for bad in (b"{}", b"[]", b"{", b'{"effect":"permit","staticPolicies":{}}', b"", b"null", b'{"effect":"permit"}'):
        r = cedar(p, "translate-policy", "--direction", "json-to-cedar", data=bad)
        check_eq((r.code, r.out), (1, ""), bad)
        check_in("<stdin>", r.err)
    check_eq(cedar(p, "translate-policy", data=b"").code, 2)
    check_eq(cedar(p, "translate-policy", "--direction", "up", data=b"").code, 2)


@test
@filled
def translate_schema(p):
    there = cedar(p, "translate-schema", "--direction", "cedar-to-json", "-s", "s.cedarschema")
    check_eq((there.code, there.err), (0, ""))
    check_eq(sorted(json.loads(there.out)[""]["entityTypes"]), ["Doc", "Group", "User"])
    back = cedar(p, "translate-schema", "--direction", "json-to-cedar", data=there.out.encode())
    check_eq(back.code, 0)
    again = cedar(p, "translate-schema", "--direction", "cedar-to-json", data=back.out.encode())
    check_eq(json.loads(again.out), json.loads(there.out))
    p.write("s.json", there.out)
    check_eq(cedar(p, "validate", "-p", "p.cedar", "-s", "s.json", "--schema-format", "json").code, 0)
    resolved = cedar(p, "translate-schema", "--direction", "cedar-to-json-with-resolved-types", "-s", "s.cedarschema")
    check("EntityOrCommon" not in resolved.out, resolved.out)
    r = cedar(p, "translate-schema", "--direction", "cedar-to-json-with-resolved-types", data=b"entity A in [B];")
    check_eq((r.code, r.out), (1, ""))
    check_eq(cedar(p, "translate-schema", "--direction", "cedar-to-json", data=b"entity A in [B];").code, 0)


@test
@filled
def link(p):
    words = ("link", "-p", "p.cedar", "-k", "l.json", "--template-id", "share", "-n")
    slots = json.dumps({"?principal": 'User::"a"', "?resource": 'Doc::"1"'})
    r = cedar(p, *words, "l1", "-a", slots)
    check_eq((r.code, r.err), (0, ""))
    check_in('Template-linked policy added: @id("share")\npermit(principal == User::"a", ', r.out)
    r = cedar(p, *words, "l2", "-a", slots, "--json")
    check_eq(json.loads(r.out)["policy"]["principal"]["entity"], {"type": "User", "id": "a"})
    check_eq([e["link_id"] for e in json.loads((p.ws / "l.json").read_text())], ["l1", "l2"])
    before = (p.ws / "l.json").read_text()
    for new, given in (("l1", slots), ("view", slots), ("l3", "{}"), ("l3", "["), ("l3", '{"?principal": 1}'),
                       ("l3", json.dumps({"?principal": "x", "?resource": 'Doc::"1"'}))):
        r = cedar(p, *words, new, "-a", given)
        check_eq((r.code, r.out), (1, ""), (new, given))
        check_eq((p.ws / "l.json").read_text(), before)
    check_eq(cedar(p, "link", "-p", "p.cedar", "--template-id", "share").code, 2)
    check_eq(cedar(p, "link", "-p", "p.cedar", "-k", "-", "--template-id", "share", "-n", "x", "-a", slots).code, 2)
    check(not (p.ws / "-").exists(), "a file - was made")
    r = cedar(p, "link", "-p", "p.cedar", "--template-id", "share", "-n", b"\xff", "-a", slots)
    check_eq((r.code, r.err), (1, "ward: --arguments:1:1: the id is no valid UTF-8\n"))
    p.write("l.json", "")
    check_eq(cedar(p, *words, "l1", "-a", slots).code, 0)
    p.write("l.json", json.dumps([{"template_id": "share", "link_id": "l", "args": {"?principal": 'User::"a"'}},
                                  {"template_id": "share", "link_id": "l", "args": {}}], indent=0))
    r = cedar(p, "authorize", "-p", "p.cedar", "-k", "l.json", *VIEW, 'Doc::"1"')
    check_eq((r.code, r.out, len(r.err.splitlines())), (1, "", 1), r.err)
    check_in("l.json:2:1: ", r.err)


@test
@placed
def what_is_no_regular_file_stays_what_it_is(p):
    os.mkfifo(p.ws / "pipe")
    t = threading.Thread(target=lambda: (p.ws / "pipe").write_text("permit(principal,action,resource);"))
    t.start()
    r = cedar(p, "format", "-p", "pipe", "-w")
    t.join(30)
    check_eq((r.code, r.out, r.err), (1, "", "ward: pipe: it is no regular file, and stays as it is\n"))
    check((p.ws / "pipe").is_fifo(), "the pipe was replaced")
    check_eq([f.name for f in p.ws.iterdir()], ["pipe"])


# ---- partially ----

@test
@filled
def partially_authorize(p):
    words = ("partially-authorize", "-p", "p.cedar", "--entities", "e.json", "-s", "s.cedarschema")
    r = cedar(p, *words, "-l", 'User::"a"', "-a", 'Action::"view"', "-c", "c.json")
    check_eq(r.code, 4, r.err)
    check_in("UNKNOWN\nAll policy residuals:\n", r.out)
    check_in("resource", r.out)
    r = cedar(p, *words, *VIEW, 'Doc::"1"', "-c", "c.json")
    check_eq((r.code, r.out), (0, "ALLOW\n"))
    r = cedar(p, *words, *VIEW, 'Doc::"2"', "-c", "c.json")
    check_eq((r.code, r.out), (2, "DENY\n"))
    r = cedar(p, *words, "-a", 'Action::"view"', "--json")
    check_eq(r.code, 4)
    check_in("residuals", json.loads(r.out))
    p.write("r.json", '{"principal": "User::\\"a\\""}')
    check_eq(cedar(p, *words, "--request-json", "r.json").code, 4)
    for wrong in (("-l", 'Doc::"1"', "-a", 'Action::"view"'), ("-a", 'Action::"nope"'), ("-r", 'Nope::"x"')):
        r = cedar(p, *words, *wrong)
        check_eq((r.code, r.out), (1, ""), wrong)


# ---- words ----

@cases([
    ("no such option", ("validate", "-s", "x", "--frob"), "--frob: unknown option"),
    ("not of this command", ("format", "-s", "x"), "-s: unknown option"),
    ("a value is missing", ("validate", "-s"), "-s: an argument is missing: FILE"),
    ("no value is taken", ("format", "--check=1"), "--check: takes no value"),
    ("twice", ("validate", "-s", "x", "--schema", "y"), "--schema: is given twice"),
    ("required", ("validate",), "--schema: is missing: FILE"),
    ("one of", ("validate", "-s", "x", "--policy-format", "yaml"), "--policy-format: is one of cedar|json"),
    ("too much", ("validate", "-s", "x", "more"), "more: is not understood"),
    ("two of standard input", ("authorize", "--requests", "-"), "--requests: is standard input, and so is --policies"),
    ("two that are named", ("check-parse", "-s", "-", "--entities", "-"), "--entities: is standard input, and so is --schema"),
    ("no such command", ("frob",), 'unknown command "cedar frob"; see ward help cedar'),
    ("nearly a command", ("authorise",), "did you mean ward cedar authorize?"),
    ("no command", (), 'the word behind "ward cedar" is missing'),
])
@placed
def wrong_words(p, words, says):
    r = cedar(p, *words)
    check_eq((r.code, r.out, len(r.err.splitlines())), (2, "", 1), r.err)
    cli.only_ward_lines(r.err)
    check_in(says, r.err)


@test
@filled
def ways_to_write_an_option(p):
    for words in (("-pp.cedar", "-ss.cedarschema"), ("-p=p.cedar", "-s=s.cedarschema"), ("--policies=p.cedar",
                  "--schema", "s.cedarschema"), ("--policies", "p.cedar", "--schema=s.cedarschema")):
        check_eq(cedar(p, "validate", *words).code, 0, words)
    r = cedar(p, "authorize", *WHOLE, "-vt", *VIEW, 'Doc::"1"')
    check_in("Authorization Time", r.out)
    check_in("view", r.out)
    check_eq(cedar(p, "evaluate", "--", "-1").out, "-1\n")


@test
@placed
def error_formats(p):
    p.write("p.cedar", "permit(principal, action, resource) when { ? };")
    human = cedar(p, "check-parse", "-p", "p.cedar").err
    check_in("\n     1 | permit(principal, action, resource) when { ? };\n", human)
    plain = cedar(p, "check-parse", "-p", "p.cedar", "-f", "plain").err
    check_eq(plain.splitlines()[0], human.splitlines()[0])
    check("^" not in plain, plain)
    found = json.loads(cedar(p, "check-parse", "-p", "p.cedar", "--error-format", "json").err)
    check_eq((found[0]["file"], found[0]["line"], found[0]["column"]), ("p.cedar", 1, 44))
    check_eq(cedar(p, "check-parse", "-p", "p.cedar", env={"CEDAR_ERROR_FORMAT": "plain"}).err, plain)
    check_eq(cedar(p, "check-parse", "-p", "p.cedar", env={"CEDAR_ERROR_FORMAT": "x"}).code, 2)
    for words, where in ((("-p", "none"), ("none", None, None)), (("-p", "p.cedar", "-k", "p.cedar"), ("p.cedar", 1, 1))):
        p.write("p.cedar", "permit(principal, action, resource);")
        found = json.loads(cedar(p, "check-parse", *words, "-f", "json").err)
        check_eq((found[0]["file"], found[0]["line"], found[0]["column"]), where)
        check_eq(json.loads(cedar(p, "check-parse", *words, "--json").out)["diagnostics"], found)
        schema.validate({"ok": False, "message": "x", "diagnostics": found}, SPEC)


# ---- bad input ----

def deep(n):
    return ("(" * n + "true" + ")" * n).encode()


HEAD = b"permit(principal, action, resource) when { "
BAD = [
    ("NUL", b'permit(principal, action, resource\0);'),
    ("overlong UTF-8", HEAD + b'"\xc0\xaf" == "" };'),
    ("surrogate in UTF-8", HEAD + b'"\xed\xa0\x80" == "" };'),
    ("surrogate escape", HEAD + rb'"\u{d800}" == "" };'),
    ("cut UTF-8", HEAD + b'"\xf0\x9f'),
    ("byte order mark", b"\xef\xbb\xbfpermit(principal, action, resource);"),
    ("10,000 parentheses", HEAD + deep(10000) + b" };"),
    ("100,000 nots in sets", HEAD + b"[" * 100000 + b" };"),
    ("integer over the edge", HEAD + b"9223372036854775808 == 1 };"),
    ("an escape sequence", b"\x1b[31mpermit"),
    ("no end", b'permit(principal, action, resource) when { "'),
]


@cases(BAD)
@placed
def bad_policies(p, text):
    p.write("p.cedar", text)
    for words in (("check-parse", "-p", "p.cedar"), ("format", "-p", "p.cedar"),
                  ("authorize", "-p", "p.cedar", *VIEW, 'Doc::"1"'),
                  ("translate-policy", "--direction", "cedar-to-json", "-p", "p.cedar")):
        r = cedar(p, *words)
        check_eq((r.code, r.out), (1, ""), words)
        check(re.match(r"p\.cedar:\d+:\d+: error: ", r.err), r.err)
        check("\x1b" not in r.err, "the terminal is steered")


@cases([
    ("nothing", b""),
    ("lone surrogate", rb'[{"uid":{"type":"A","id":"\ud800"},"attrs":{},"parents":[]}]'),
    ("overlong UTF-8", b'[{"uid":{"type":"A","id":"\xc0\x80"},"attrs":{},"parents":[]}]'),
    ("raw NUL", b'[{"uid":{"type":"A","id":"\0"},"attrs":{},"parents":[]}]'),
    ("twice the same name", b'[{"uid":{"type":"A","id":"x"},"attrs":{"a":1,"a":1},"parents":[]}]'),
    ("100,000 brackets", b"[" * 100000),
    ("10,000 in an attribute", b'[{"uid":{"type":"A","id":"x"},"attrs":{"a":' + b"[" * 10000 + b"]" * 10000 + b'},"parents":[]}]'),
    ("2^63", b'[{"uid":{"type":"A","id":"x"},"attrs":{"a":9223372036854775808},"parents":[]}]'),
    ("a real", b'[{"uid":{"type":"A","id":"x"},"attrs":{"a":1.5},"parents":[]}]'),
    ("two that differ", b'[{"uid":{"type":"A","id":"x"},"attrs":{"a":1},"parents":[]},{"uid":{"type":"A","id":"x"},"attrs":{},"parents":[]}]'),
    ("trailing text", b"[] []"),
])
@placed
def bad_entities(p, text):
    p.write("p.cedar", "permit(principal, action, resource);")
    p.write("e.json", text)
    r = cedar(p, "check-entities", "--entities", "e.json")
    check_eq((r.code, r.out), (1, ""))
    check(re.match(r"e\.json:\d+:\d+: error: ", r.err), r.err)
    r = cedar(p, "authorize", "-p", "p.cedar", "--entities", "e.json", *VIEW, 'Doc::"1"')
    check_eq((r.code, r.out), (1, ""))


@test
@placed
def nul_in_texts_is_a_character_like_others(p):
    p.write("e.json", r'[{"uid":{"type":"A","id":"\u0000"},"attrs":{"a":"\u0000"},"parents":[]}]')
    check_eq(cedar(p, "check-entities", "--entities", "e.json").code, 0)
    r = cedar(p, "evaluate", "--entities", "e.json", r'A::"\0".a == "\u{0}"')
    check_eq(r.out, "true\n")


@cases([
    ("missing", "none", "No such file"), ("directory", ".", "directory"), ("a line break in the name", "a\nb", "No such file"),
])
@placed
def files_that_cannot_be_read(p, name, says):
    check_not_read(p, name, says)


@test
@placed
def a_file_that_may_not_be_read(p):
    p.write("secret", "", mode=0)
    if os.geteuid() == 0:
        skip("root reads everything")
    check_not_read(p, "secret", "denied")


def check_not_read(p, name, says):
    for words in (("check-parse", "-p", name), ("check-parse", "-s", name), ("check-parse", "--entities", name),
                  ("format", "-p", name), ("translate-schema", "--direction", "cedar-to-json", "-s", name),
                  ("authorize", "--requests", name)):
        r = cedar(p, *words)
        check_eq((r.code, r.out, len(r.err.splitlines())), (1, "", 1), (words, r.err))
        check(re.search(says, r.err, re.I), r.err)


@test
@placed
def a_large_file_is_refused_without_being_read(p):
    with open(p.ws / "p.cedar", "wb") as f:
        f.truncate(100 << 20)
    r = cedar(p, "check-parse", "-p", "p.cedar")
    check_eq((r.code, r.out), (1, ""))
    check_in("p.cedar: the text is longer than 64M", r.err)
    with open("/dev/zero", "rb") as zero:
        q = subprocess.run([WARD, "cedar", "check-parse"], stdin=zero, capture_output=True, timeout=60, check=False)
    check_eq((q.returncode, q.stdout), (1, b""))
    check_in(b"<stdin>: the text is longer than 64M", q.stderr)


@test
@placed
def findings_are_bounded(p):
    p.write("p.cedar", "permit(principal, action, resource) when { ! };\n" * 1000)
    r = cedar(p, "check-parse", "-p", "p.cedar", "-f", "plain")
    check_eq(r.code, 1)
    check(len(r.err.splitlines()) < 400, len(r.err.splitlines()))
    check_in("and 900 more", r.err)


@test
@filled
def output_that_cannot_be_written_is_a_failure(p):
    if not os.path.exists("/dev/full"):
        skip("no /dev/full")
    p.write("r.jsonl", json.dumps(request()) + "\n")
    for words in (("authorize", *WHOLE, *VIEW, 'Doc::"1"'), ("translate-policy", "--direction", "cedar-to-json", "-p", "p.cedar"),
                  ("evaluate", "1"), ("authorize", "-p", "p.cedar", "--entities", "e.json", "--requests", "r.jsonl")):
        with open("/dev/full", "wb") as full:
            q = subprocess.run([WARD, "cedar", *words], cwd=p.ws, stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, timeout=60, check=False)
        check_eq(q.returncode, 1, words)
        check_in(b"cannot write", q.stderr)


@test
def the_schema_bites():
    good = {"decision": "allow", "reason": ["a"], "errors": []}
    schema.validate(good, SPEC)
    for bad in ({"decision": None}, {"decision": "ALLOW"}, {"reason": "a"}, {"more": 1}, {"errors": [1]}):
        try:
            schema.validate(dict(good, **bad), SPEC)
        except schema.Invalid:
            continue
        check(False, f"{bad} is valid")


# ---- the documents ----

def section(name):
    """Lines of a section of docs/spec/cedar.md."""
    text = (cli.ROOT / "docs/spec/cedar.md").read_text()
    return text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0].splitlines()


def keys_of(name):
    cells = [line.split("|")[1] for line in section(name) if line.startswith("| `")]
    return sorted(k for c in cells for k in re.findall(r"`(\w+)`", c))


@test
def the_spec_has_the_fields_of_the_schema():
    fields = {name: set(d["properties"]) for name, d in SPEC["$defs"].items() if "properties" in d}
    check_eq(keys_of("Failure"), sorted(fields["failure"]))
    check_eq(keys_of("Finding"), sorted(fields["finding"]))
    check_eq(keys_of("Answer"), sorted(fields["answer"] | fields["unanswered"]))
    check_eq(keys_of("A line of `--requests`"), sorted([*request(), "validateRequest"]))
    check_eq(sorted(set(re.findall(r"`(\w+)`", "\n".join(section("Counts of `conformance`"))))),
             sorted(SPEC["$defs"]["counts"]["required"]))
    success = "\n".join(section("Success"))
    for key in fields["success"] | fields["partial"] | fields["disagreement"]:
        check(re.search(rf'["`]{key}["`]', success), f"{key} is not said")


@test
def the_spec_has_every_command_and_exit_code():
    rows = [line.split("|") for line in section("Success") if line.startswith("| `")]
    check_eq({re.match(r" `([\w-]+)", row[1])[1] for row in rows}, {c["name"].split()[1] for c in commands()[0]})
    said = {int(n) for row in rows for n in re.findall(r"(?<![\w.])(\d)(?![\w.])", row[3])} | {1, 2}
    for c in commands()[0]:
        exits = cli.ward("help", *c["name"].split()).out
        check_eq({int(n) for n in re.findall(r"^  (\d)  ", exits, re.M)}, said, c["name"])


# ---- help ----

def commands():
    doc = json.loads(cli.ward("options", "--json").out)
    return [c for c in doc["commands"] if c["cedar"]], doc["cedar_options"]


@test
def help_of_every_command():
    for c, options in [(c, commands()[1]) for c in commands()[0]]:
        r = cli.ward("help", *c["name"].split())
        check_eq(r.code, 0)
        check_eq(cli.ward(*c["name"].split(), "--help"), r)
        for line in r.out.splitlines():
            check(len(line) <= 80, f"longer than 80 columns: {line!r}")
        shown = re.findall(r"^  (?:-(\w), |    )--([\w-]+)", r.out, re.M)
        check_eq(sorted(shown), sorted((o["letter"] or "", o["name"]) for o in options if o["commands"] & c["cedar"]))


@test
def letters_and_names_are_unique_in_each_command():
    for c in commands()[0]:
        mine = [o for o in commands()[1] if o["commands"] & c["cedar"]]
        names, letters = [o["name"] for o in mine], [o["letter"] for o in mine if o["letter"]]
        check_eq(len(set(names)), len(names), c["name"])
        check_eq(len(set(letters)), len(letters), c["name"])
        check(all(o["required"] & ~o["commands"] == 0 for o in mine))


main()

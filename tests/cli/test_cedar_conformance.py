#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward cedar conformance: what agrees, what differs and how that is said, trees that are none, and the data of others where it lies beside."""
import json
import os
import re

import cli
from cedar_place import ENTITIES, POLICIES, SCHEMA, cedar, request
from cli import placed
from tap import cases, check, check_eq, check_in, main, skip, test

CASE = {
    "policies": "cases/one.cedar", "entities": "cases/one.entities.json", "schema": "cases/one.cedarschema", "shouldValidate": True,
    "requests": [
        {"description": "r0", **request(action={"type": "Action", "id": "view"}), "decision": "allow", "reason": ["policy0"], "errors": []},
        {"description": "r1", **request("2", action={"type": "Action", "id": "view"}), "decision": "deny", "reason": ["policy1"],
         "errors": []},
        {"description": "r2", **request("9", action={"type": "Action", "id": "view"}), "decision": "allow", "reason": ["policy0"],
         "errors": ["policy1"]},
    ],
}


def case_tree(p, **more):
    p.write("t/cases/one.json", json.dumps(dict(CASE, **more)))
    p.write("t/cases/one.cedar", "".join(x for x in re.split(r'(?<=;\n)', POLICIES) if "?" not in x))
    p.write("t/cases/one.cedarschema", SCHEMA)
    p.write("t/cases/one.entities.json", json.dumps(ENTITIES))


@test
@placed
def conformance_agrees(p):
    case_tree(p)
    for what in ("t", "t/", "t/cases/one.json", "./t/cases"):
        r = cedar(p, "conformance", what)
        check_eq((r.code, r.out.splitlines()[-1], r.err), (0, "1 passed, 0 failed", ""))
    doc = json.loads(cedar(p, "conformance", "t", "--json").out)
    check_eq((doc["passed"], doc["failed"], doc["requests"]), (1, 0, 3))


@cases([
    ("decision", {"decision": "deny"}, "request 0: decision allow, expected deny"),
    ("reason", {"reason": ["policy1"]}, "request 0: reason [policy0]"),
    ("no reason", {"reason": []}, "request 0: reason [policy0]"),
    ("errors", {"errors": ["policy1"]}, "request 0: errors []"),
    ("a reason that is no id", {"reason": [1]}, "request 0: reason [policy0]"),
    ("reasons that are no list", {"reason": "policy0"}, "request 0: reason [policy0]"),
    ("request", {"resource": {"type": "Dog", "id": "1"}}, "request 0: "),
])
@placed
def conformance_says_what_differs(p, change, says):
    wrong = [dict(CASE["requests"][0], **change), *CASE["requests"][1:]]
    case_tree(p, requests=wrong)
    r = cedar(p, "conformance", "t")
    check_eq((r.code, r.out.splitlines()[-1]), (1, "0 passed, 1 failed"))
    check_in("t/cases/one.json: " + says, r.out)
    first = json.loads(cedar(p, "conformance", "t", "--json").out.splitlines()[0])
    check_eq(first["case"], "t/cases/one.json")


@cases([
    ("the case", "t/cases/one.json", b"[1,]", "t/cases/one.json: 1:4: "),
    ("policies", "t/cases/one.cedar", b"permit(\nprincipal;", "t/cases/one.json: policies: 2:10: "),
    ("schema", "t/cases/one.cedarschema", b"entity\n", "t/cases/one.json: schema: "),
    ("entities", "t/cases/one.entities.json", b"", "t/cases/one.json: entities: 1:1: "),
])
@placed
def conformance_says_where(p, name, text, says):
    case_tree(p)
    p.write(name, text)
    r = cedar(p, "conformance", "t/cases/one.json")
    check_eq((r.code, r.out.splitlines()[-1]), (1, "0 passed, 1 failed"))
    check(r.out.startswith(says), r.out)


@test
@placed
def conformance_of_reasons_that_are_one_twice(p):
    both = 'permit(principal, action, resource);\n' * 2
    answer = {"reason": ["policy0", "policy1"], "decision": "allow", "errors": []}
    for reasons, code in ((["policy1", "policy0"], 0), (["policy0", "policy0"], 1)):
        case_tree(p, requests=[dict(CASE["requests"][0], **{**answer, "reason": reasons})])
        p.write("t/cases/one.cedar", both)
        check_eq(cedar(p, "conformance", "t").code, code, reasons)


@test
@placed
def conformance_of_verdicts(p):
    case_tree(p, shouldValidate=False)
    r = cedar(p, "conformance", "t")
    check_eq(r.code, 1)
    check_in("strict validation: passed, expected refused", r.out)
    case_tree(p, shouldValidate=False, requests=[])
    p.write("t/cases/one.cedar", 'permit(principal is Doc, action == Action::"view", resource);')
    check_eq([cedar(p, "conformance", "t", *w).code for w in ((), ("--compat", "4.9"), ("--compat", "4.13"))], [0, 0, 1])
    case_tree(p, shouldValidate=True, requests=[])
    p.write("t/cases/one.cedar", 'permit(principal is Doc, action == Action::"view", resource);')
    check_eq([cedar(p, "conformance", "t", *w).code for w in ((), ("--compat", "4.9"), ("--compat", "4.13"))], [0, 1, 0])


@test
@placed
def conformance_of_records(p):
    case_tree(p)
    record = {"policyValidation": {"strict": True, "permissive": True}, "entityValidation": {"perEntity": {"User::a": {}}},
              "requestValidation": [{"strict": True}] * 3}
    p.write("t/corpus-tests-validation/one.validation.json", json.dumps(record))
    as_json = cedar(p, "translate-schema", "--direction", "cedar-to-json", "-s", "t/cases/one.cedarschema").out
    p.write("t/corpus-tests-json-schemas/one.cedarschema.json", as_json)
    check_eq(cedar(p, "conformance", "t").code, 0)
    for part, wrong in (("policyValidation", {"strict": False, "permissive": True}),
                        ("policyValidation", {"strict": True, "permissive": False}),
                        ("entityValidation", {"perEntity": {"User::a": {"errors": ["x"]}}}),
                        ("entityValidation", {"perEntity": {"User::b": {}}}),
                        ("requestValidation", [{"strict": False}] * 3)):
        p.write("t/corpus-tests-validation/one.validation.json", json.dumps(dict(record, **{part: wrong})))
        check_eq(cedar(p, "conformance", "t").code, 1, wrong)
    p.write("t/corpus-tests-validation/one.validation.json", json.dumps(
        dict(record, policyValidation={"strict": True, "permissive": True, "strictErrors": ["x"]})))
    check_eq(cedar(p, "conformance", "t").code, 0)
    check_eq(cedar(p, "conformance", "t", "--messages").code, 1)
    p.write("t/corpus-tests-validation/one.validation.json", json.dumps(record))
    p.write("t/corpus-tests-json-schemas/one.cedarschema.json", as_json.replace("secret", "open"))
    check_eq(cedar(p, "conformance", "t").code, 1)


@test
@placed
def conformance_of_vectors(p):
    vectors = {
        "parse-expr": [{"input": "1 + 1", "ok": True}, {"input": "1 +", "ok": False}],
        "parse-policy": [{"input": "permit(principal == ?principal, action, resource);", "ok": True, "template": True}],
        "eval": [{"input": "1 < 2", "result": True}, {"input": "1 < true", "result": "error"}],
        "entities": [{"input": "[]", "withSchema": False, "ok": True}, {"input": "{}", "withSchema": True, "ok": False}],
        "context": [{"input": '{"hour": 1}', "action": {"type": "Action", "id": "view"}, "ok": True}],
        "schema": [{"input": "entity A;", "ok": True}, {"input": {}, "ok": True}, {"input": "entity", "ok": False}],
        "validate": [{"input": "permit(principal, action, resource) when { resource.x };", "ok": False,
                      "errors": ["attribute `x` on entity type `Doc` not found"], "warnings": []}],
    }
    for name, v in vectors.items():
        p.write(f"t/probes/{name}.json", json.dumps({"schema": SCHEMA, "entities": ENTITIES, "vectors": v}))
    r = cedar(p, "conformance", "t", "--messages")
    check_eq((r.code, r.out.splitlines()[-1]), (0, "12 passed, 0 failed"), r.out)
    for name, v in vectors.items():
        wrong = dict(v[0])
        if "ok" in wrong:
            wrong["ok"] = not wrong["ok"]
        else:
            wrong["result"] = not wrong["result"]
        p.write(f"t/probes/{name}.json", json.dumps({"schema": SCHEMA, "entities": ENTITIES, "vectors": [wrong]}))
    r = cedar(p, "conformance", "t")
    check_eq((r.code, r.out.splitlines()[-1]), (1, "0 passed, 7 failed"), r.out)
    odd = (None, 1, "x", [], {}, [None], {"a": 1})
    for name, v in vectors.items():
        keys = ["input", *v[0]]
        broken = [{k: x for k, x in v[0].items() if k != key} for key in keys] + [dict(v[0], **{k: x}) for k in keys for x in odd]
        p.write(f"t/probes/{name}.json", json.dumps({"schema": SCHEMA, "entities": ENTITIES, "vectors": [*broken, *odd]}))
        check(cedar(p, "conformance", f"t/probes/{name}.json").code in (0, 1), name)


@test
@placed
def conformance_of_nothing(p):
    (p.ws / "t").mkdir()
    for what in ("t", "none"):
        r = cedar(p, "conformance", what)
        check_eq(r.code, 1)
    check_eq(cedar(p, "conformance").code, 2)


@test
@placed
def conformance_data_of_others(p):
    data = os.environ.get("WARD_CEDAR_DATA") or str(cli.ROOT.parent / "shared" / "cedar-conformance")
    if not os.path.isdir(data):
        skip(f"no conformance data in {data}")
    r = cedar(p, "conformance", data, timeout=300)
    check_eq((r.code, r.out.splitlines()[-1].split(", ")[1]), (0, "0 failed"), r.out[-2000:])


main()

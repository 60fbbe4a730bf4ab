#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person is asked before a start: docs/approvals.md."""
import hashlib
import json

import schema
from cli import ROOT, placed
from tap import check, check_eq, check_in, main, test

POLICY = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"proc.exec", resource);
@id("t.out") @approval("risky") @reason("results are written")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./out");
@approval("critical")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./keys");
"""


def policy(p, text=POLICY):
    for name in ("out", "keys"):
        (p.ws / name).mkdir(exist_ok=True)
        (p.ws / name).chmod(0o777)
    path = p.side / "p.cedar"
    path.write_text(text)
    return "--policy", path


def approvals(p):
    """The records about approvals, in order."""
    if not p.log.exists():
        return []
    return [r for r in map(json.loads, p.log.read_text().splitlines()) if r["kind"].startswith("approval.")]


def asks(p, *words):
    r = p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",))
    check_eq(r.code, 0, r.err)
    return json.loads(r.out).get("asks", [])


@test
@placed
def the_plan_lists_what_is_asked(p):
    words = policy(p)
    found = asks(p, *words)
    check_eq([(k["level"], k["rule"].get("id"), k["rule"]["line"]) for k in found], [("risky", "t.out", 3), ("critical", None, 5)])
    check_eq(found[0]["things"], [{"action": "fs.write", "resource": str(p.ws.resolve() / "out"), "below": True}])
    check_eq(found[0]["reason"], "results are written")
    check_eq(asks(p, *words), found, "another look, another list")
    whole = json.loads(p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",)).out)
    schema.validate(whole, json.loads((ROOT / "docs/spec/plan.schema.json").read_text()))
    text = p.run(*words, "--", "touch", "out/x", kind=("plan",)).out
    check_in("a person is asked before the start", text)
    check_in(found[0]["digest"][:12], text)


@test
@placed
def the_digest_is_as_documented(p):
    words = policy(p)
    k = asks(p, *words)[0]
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0, "written without a yes")
    asked = approvals(p)[0]
    argv = hashlib.sha256(b"touch\0out/x\0").hexdigest()
    check_eq(asked["detail"]["argv_sha256"], argv)
    names = hashlib.sha256(b"".join(t["resource"].encode() + b"\0" for t in k["things"])).hexdigest()
    body = {"v": 1, "workspace": str(p.ws.resolve()), "policy_sha256": asked["policy"], "argv_sha256": argv, "level": k["level"],
            "rule": k["rule"], "things": k["things"], "names_sha256": names}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    check_eq(hashlib.sha256(text.encode()).hexdigest(), k["digest"])


@test
@placed
def nobody_there_is_no_at_once_and_recorded(p):
    words = policy(p)
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0 and not (p.ws / "out/x").exists(), "written without a yes")
    check_eq([(e["kind"], e["effect"], e["detail"].get("by", {}).get("how")) for e in approvals(p)],
             [("approval.requested", "ask", None), ("approval.denied", "deny", "nobody")] * 2)
    log = [json.loads(line)["kind"] for line in p.log.read_text().splitlines()]
    check(log.index("approval.denied") < log.index("run.start"), "recorded behind the start")
    for e in approvals(p):
        schema.validate(e, json.loads((ROOT / "docs/spec/audit.schema.json").read_text()))


@test
@placed
def said_beforehand_is_recorded(p):
    words = policy(p)
    r = p.run("--approve", "risky", *words, "--", "sh", "-c", "touch out/x; touch keys/x")
    check(r.code != 0 and (p.ws / "out/x").exists() and not (p.ws / "keys/x").exists(), r.err)
    check_eq([(e["kind"], e["detail"]["level"], e["detail"]["by"]["how"]) for e in approvals(p) if "by" in e["detail"]],
             [("approval.granted", "risky", "--approve"), ("approval.denied", "critical", "nobody")])
    r = p.run("--approve", "critical", *words, "--", "touch", "keys/x")
    check_eq(r.code, 0, r.err)


@test
@placed
def a_mode_that_nobody_lets_be_entered(p):
    r = p.run("--mode", "danger_full_access", "true")
    check_eq(r.code, 125)
    check_in("mode danger_full_access", r.err)
    check_in("--approve critical", r.err)
    check_eq([(e["kind"], e["action"], e["resource"]) for e in approvals(p)],
             [(k, "mode.enter", "danger_full_access") for k in ("approval.requested", "approval.denied")])


main()

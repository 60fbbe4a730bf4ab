#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Differential testing against the official engine: generated cases, both asked the same, every difference shrunk.

usage: compare.py --oracle COMMAND --ward PROGRAM [--seed N] [--cases N] [--seconds N] [--what WORD,...] [--save DIR] [--stop N]

COMMAND speaks JSON lines as the project's oracle does (`node cedar-oracle.mjs serve`, or the native one of
bench/cedar-rust); PROGRAM is build/tests/cedar/drt/cedar-serve. A case is named by its seed: case i of --seed S is
random.Random(f"{S}/{i}"). What is compared, all of it unless --what says otherwise:

  authorize   decision, reason, errors with their messages, with and without the schema; and the index against no index
  validate    errors and warnings, as sets of (policy, message), strict
  extended    the same permissive, and with levels 0 to 3 (needs an oracle that knows the op validate-ext)
  json        policies as JSON and back as text; schemas as JSON, as text, resolved
  format      the formatter's text
  partial     residuals, with some of principal, action, resource and context unknown
  parse       policies with characters taken out, doubled or swapped: both take them or both refuse them

The last line is "seed S: N cases, N requests, N policies, N comparisons, N disagreements"; exit 1 if there is one.
"""
import argparse
import copy
import json
import pathlib
import random
import shlex
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import generate    # noqa: E402  pylint: disable=wrong-import-position

WHAT = ["authorize", "validate", "extended", "json", "format", "partial", "parse"]
ORACLE_MAX_DEPTH = 60


class Engine:
    """One side: a process that is asked in JSON lines."""

    def __init__(self, argv):
        self.argv = argv
        self.start()

    def start(self):
        self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, q):
        self.p.stdin.write(json.dumps(q).encode() + b"\n")
        self.p.stdin.flush()

    def receive(self):
        line = self.p.stdout.readline()
        if not line:
            code = self.p.wait()
            self.start()
            return {"type": "died", "message": f"status {code}"}
        return json.loads(line)


class Pair:
    def __init__(self, oracle, ward):
        self.oracle, self.ward, self.knows_many = Engine(shlex.split(oracle)), Engine([ward]), True

    def ask(self, q):
        self.oracle.send(q)
        self.ward.send(q)
        return self.oracle.receive(), self.ward.receive()

    def authorize(self, q):
        if self.knows_many:
            a, b = self.ask(q)
            if a.get("type") != "exception" or "unknown op" not in a.get("message", ""):
                return a, b
            self.knows_many = False
        self.ward.send(q)
        answers, base = [], {k: v for k, v in q.items() if k not in ("op", "requests", "unindexed")}
        for r in q["requests"]:
            self.oracle.send({"op": "authorize", **base, **r})
            answers.append(one_answer(self.oracle.receive()))
        return {"type": "success", "answers": answers}, self.ward.receive()


def one_answer(a):
    if a.get("type") != "success":
        return {"failure": "; ".join(e["message"] for e in a.get("errors", []))}
    d = a["response"]["diagnostics"]
    return {"decision": a["response"]["decision"], "reason": sorted(d["reason"]),
            "errors": sorted(([e["policyId"], e["error"]["message"]] for e in d["errors"]), key=json.dumps)}


def policies_of(case):
    return {"staticPolicies": case["policies"], "templates": case["templates"], "templateLinks": case["links"]}


def findings(a):
    """Errors and warnings as sets; whichever of the two layouts."""
    if a.get("type") != "success":
        return a.get("type")
    out = []
    for kind in ("validationErrors", "validationWarnings"):
        found = set()
        for e in a[kind]:
            text = e["message"] if "message" in e else e["error"]["message"]
            head = f"for policy `{e['policyId']}`, "
            found.add((e["policyId"], text[len(head):] if text.startswith(head) else text))
        out.append(sorted(found))
    return out


def answers(a):
    if a.get("type") != "success":
        return a.get("type")
    if all("failure" in x for x in a["answers"]):    # one side says of each request what the other says of all
        return "failure"
    return [{"failure": True} if "failure" in x else
            {**x, "reason": sorted(x["reason"]), "errors": sorted(x["errors"], key=json.dumps)} for x in a["answers"]]


def kind_only(a):
    return a.get("type")


def member(*names):
    def f(a):
        for n in names:
            if n in a:
                return a[n]
        return a.get("type")
    return f


def filled(x, values):
    """A residual with a link's values for slots. The engine leaves slots where a condition fails behind something open."""
    if isinstance(x, dict):
        if list(x) == ["Slot"] and x["Slot"] in values:
            return {"Value": {"__entity": values[x["Slot"]]}}
        return {k: filled(v, values) for k, v in x.items()}
    return [filled(v, values) for v in x] if isinstance(x, list) else x


def residuals(links):
    values = {link["newId"]: link["values"] for link in links}

    def f(a):
        if a.get("type") != "residuals":
            return a.get("type")
        r = dict(a["response"])
        for k in ("satisfied", "errored", "mayBeDetermining", "mustBeDetermining", "nontrivialResiduals"):
            r[k] = sorted(r[k])
        r["residuals"] = {k: filled(v, values.get(k, {})) for k, v in r["residuals"].items()}
        return r
    return f


# ---- what is asked about a case: (name, question, how the answers are read) ----

def about_authorize(case, _rng):
    base = {"op": "authorize-many", "policies": policies_of(case), "entities": case["entities"], "requests": case["requests"]}
    yield "authorize", {**base, "schema": case["schema"]}, answers
    yield "authorize without schema", base, answers


def about_validate(case, _rng):
    yield "validate", {"op": "validate", "schema": case["schema"], "policies": policies_of(case)}, findings


def about_extended(case, rng):
    base = {"op": "validate-ext", "schema": case["schema"], "policies": policies_of(case)}
    yield "permissive", {**base, "mode": "permissive"}, findings
    yield "level", {**base, "mode": "strict", "level": rng.randint(0, 3)}, findings


def about_json(case, _rng):
    for t in case["policies"].values():
        yield "policy-to-json", {"op": "policy-to-json", "policy": t}, member("json")
        yield "policy-to-text", {"op": "policy-to-text", "policy": t, "via": "policy-to-json"}, member("text")
    for t in case["templates"].values():
        yield "template-to-json", {"op": "template-to-json", "policy": t}, member("json")
        yield "template-to-text", {"op": "template-to-text", "policy": t, "via": "template-to-json"}, member("text")
    for op in ("schema-to-json", "schema-to-text", "schema-resolved"):
        if op != "schema-to-text":
            yield op, {"op": op, "schema": case["schema"]}, member("json")
        else:
            yield op, {"op": op, "schema": case["schema"]}, member("text")


def about_format(case, rng):
    text = "\n".join(case["policies"].values())
    yield "format", {"op": "format", "policyText": text, "lineWidth": rng.choice([40, 80, 120]), "indentWidth": rng.choice([2, 4])}, \
        member("formatted_policy")


def about_partial(case, rng):
    for r in case["requests"][:4]:
        q = {"op": "partial", "policies": policies_of(case), "entities": case["entities"]}
        for k in ("principal", "action", "resource", "context"):
            if rng.random() < 0.6:
                q[k] = r[k]
            elif k != "context":
                q[k] = None
        yield "partial", q, residuals(case["links"])


def mangled(text, rng):
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(text))
        k = rng.randint(0, 4)
        if k == 0:
            text = text[:i] + text[i + 1:]
        elif k == 1:
            text = text[:i] + text[i] + text[i:]
        elif k == 2:
            j = rng.randrange(len(text))
            text = text[:i] + text[j] + text[i + 1:]
        elif k == 3:
            text = text[:i] + rng.choice("(){}[].,;:\"\\@?!-+*/=<>& |\r\n\t0a_\u00a0") + text[i:]
        else:
            text = text[:i] + rng.choice([" has ", " in ", " is ", " like ", "if ", "::", "//", "&&", "principal", "?resource"]) + text[i:]
    return text


def about_parse(case, rng):
    for t in case["policies"].values():
        for _ in range(4):
            yield "parse", {"op": "parse-policies", "policies": {"staticPolicies": mangled(t, rng)}}, kind_only
    for _ in range(4):
        yield "parse-schema", {"op": "parse-schema", "schema": mangled(case["schema"], rng)}, kind_only


ABOUT = {"authorize": about_authorize, "validate": about_validate, "extended": about_extended, "json": about_json,
         "format": about_format, "partial": about_partial, "parse": about_parse}


def compare(pair, q, read):
    """None, or what both say. Text is compared for what was read as JSON: the engine says of a text what was written."""
    if "via" in q:
        a, _ = pair.ask({"op": q["via"], "policy": q["policy"]})
        if "json" not in a:
            return None
        q = {"op": q["op"], "policy": a["json"]}
    a, b = pair.authorize(q) if q["op"] == "authorize-many" else pair.ask(q)
    x, y = read(a), read(b)
    if x == "exception":
        return None
    return None if x == y and b.get("type") != "died" else (x, y)


def check_index(pair, case):
    """Ward alone: all policies looked at say the same as the index."""
    q = {"op": "authorize-many", "policies": policies_of(case), "entities": case["entities"], "requests": case["requests"]}
    pair.ward.send(q)
    a = pair.ward.receive()
    pair.ward.send({**q, "unindexed": True})
    b = pair.ward.receive()
    return None if a == b else (a, b)


# ---- shrinking ----

def smaller(v):
    """JSON values that are v with one thing taken away."""
    if isinstance(v, dict):
        for k in v:
            yield {n: x for n, x in v.items() if n != k}
            for x in smaller(v[k]):
                yield {**v, k: x}
    elif isinstance(v, list):
        for i, one in enumerate(v):
            yield v[:i] + v[i + 1:]
            for x in smaller(one):
                yield v[:i] + [x] + v[i + 1:]


def smaller_expr(x):
    """Expressions in JSON: a part of it, true, false, or it with a part made smaller."""
    if not isinstance(x, dict) or len(x) != 1:
        return
    (op, body), = x.items()
    if op in ("Value", "Var"):
        return
    yield {"Value": True}
    yield {"Value": False}
    parts = [(k, b) for k, b in body.items() if isinstance(b, dict)] if isinstance(body, dict) else \
        [(i, b) for i, b in enumerate(body) if isinstance(b, dict)] if isinstance(body, list) else []
    for _, b in parts:
        yield b
    if op in ("Set", "Record") or isinstance(body, list):
        for k, _ in parts:
            yield {op: {n: b for n, b in body.items() if n != k} if isinstance(body, dict) else body[:k] + body[k + 1:]}
    for k, b in parts:
        for s in smaller_expr(b):
            copied = copy.copy(body)
            copied[k] = s
            yield {op: copied}


def smaller_policy(p):
    if not isinstance(p, dict):
        return
    for i, c in enumerate(p["conditions"]):
        yield {**p, "conditions": p["conditions"][:i] + p["conditions"][i + 1:]}
        for s in smaller_expr(c["body"]):
            yield {**p, "conditions": p["conditions"][:i] + [{**c, "body": s}] + p["conditions"][i + 1:]}
    for v in ("principal", "action", "resource"):
        if p[v] != {"op": "All"}:
            yield {**p, v: {"op": "All"}}


def smaller_case(case):
    for k in ("policies", "templates"):
        for i in case[k]:
            yield {**case, k: {n: v for n, v in case[k].items() if n != i},
                   "links": [x for x in case["links"] if x["templateId"] != i]}
    for k in ("requests", "entities"):
        half = len(case[k]) // 2
        if half:
            yield {**case, k: case[k][half:]}
            yield {**case, k: case[k][:half]}
        for i in range(len(case[k])):
            yield {**case, k: case[k][:i] + case[k][i + 1:]}
    for i, p in case["policies"].items():
        for s in smaller_policy(p):
            yield {**case, "policies": {**case["policies"], i: s}}
    for k in ("entities", "requests"):
        for i, e in enumerate(case[k]):
            for m in ("attrs", "tags", "parents", "context"):
                for s in smaller(e[m]) if m in e else ():
                    yield {**case, k: case[k][:i] + [{**e, m: s}] + case[k][i + 1:]}


def shrink(case, fails, seconds=20):
    """Greedy: the first smaller case that still fails, again and again."""
    end = time.monotonic() + seconds
    again = True
    while again and time.monotonic() < end:
        again = False
        for s in smaller_case(case):
            if time.monotonic() > end:
                break
            if fails(s):
                case, again = s, True
                break
    return case


def with_json_policies(pair, case):
    """The same case with its policies as trees, which can be shrunk; where that goes wrong, as it was."""
    out = {}
    for i, t in case["policies"].items():
        pair.oracle.send({"op": "policy-to-json", "policy": t})
        a = pair.oracle.receive()
        out[i] = a["json"] if "json" in a else t
    return {**case, "policies": out}


def report(pair, args, seed, i, name, case, difference):
    rng_of = lambda: random.Random(f"{seed}/{i}/questions")    # noqa: E731
    group = next((w for w in WHAT if any(n == name for n, *_ in ABOUT[w](case, rng_of()))), None)

    def fails(c):
        try:
            return any(n == name and compare(pair, q, read) is not None for n, q, read in ABOUT[group](c, rng_of()))
        except (KeyError, ValueError, TypeError, IndexError):
            return False

    small = case
    if group in ("authorize", "validate", "extended", "partial") and args.shrink:
        trees = with_json_policies(pair, case)
        small = shrink(trees if fails(trees) else case, fails)
        for n, q, read in ABOUT[group](small, rng_of()):
            d = compare(pair, q, read) if n == name else None
            if d:
                difference = d
                break
    print(f"DISAGREE {name} seed {seed} case {i}")
    print("  oracle: " + json.dumps(difference[0], ensure_ascii=False)[:1500])
    print("  ward:   " + json.dumps(difference[1], ensure_ascii=False)[:1500])
    if args.save:
        folder = pathlib.Path(args.save)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{name.replace(' ', '-')}-{seed}-{i}.json"
        target.write_text(json.dumps({"name": name, "case": small, "oracle": difference[0], "ward": difference[1]}, indent=1, ensure_ascii=False))
        print(f"  saved: {target}")
    sys.stdout.flush()


def run(pair, args):
    counts = {"cases": 0, "requests": 0, "policies": 0, "comparisons": 0, "disagreements": 0}
    end = time.monotonic() + args.seconds if args.seconds else None
    i = args.first
    while counts["cases"] < args.cases and (end is None or time.monotonic() < end):
        case = generate.make_case(random.Random(f"{args.seed}/{i}"), n_requests=args.requests)
        for w in args.what:
            rng = random.Random(f"{args.seed}/{i}/questions")
            for name, q, read in ABOUT[w](case, rng):
                d = compare(pair, q, read)
                counts["comparisons"] += 1
                if q["op"] == "authorize-many":
                    counts["requests"] += len(q["requests"])
                if d:
                    counts["disagreements"] += 1
                    report(pair, args, args.seed, i, name, case, d)
            if w == "authorize":
                d = check_index(pair, case)
                if d:
                    counts["disagreements"] += 1
                    print(f"DISAGREE index seed {args.seed} case {i}")
        counts["cases"] += 1
        counts["policies"] += len(case["policies"]) + len(case["templates"])
        i += 1
        if args.stop and counts["disagreements"] >= args.stop:
            break
    print(f"seed {args.seed}: {counts['cases']} cases, {counts['requests']} requests, {counts['policies']} policies, "
          f"{counts['comparisons']} comparisons, {counts['disagreements']} disagreements")
    return 1 if counts["disagreements"] else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--oracle", required=True)
    p.add_argument("--ward", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--first", type=int, default=0, help="number of the first case")
    p.add_argument("--cases", type=int, default=10**9)
    p.add_argument("--seconds", type=float)
    p.add_argument("--requests", type=int, default=20, help="requests a case")
    p.add_argument("--what", default=",".join(WHAT))
    p.add_argument("--save")
    p.add_argument("--stop", type=int, default=20, help="end after so many disagreements; 0: never")
    p.add_argument("--no-shrink", dest="shrink", action="store_false")
    args = p.parse_args()
    if args.cases == 10**9 and not args.seconds:
        args.cases = 1000
    args.what = args.what.split(",")
    unknown = set(args.what) - set(WHAT)
    if unknown:
        p.error(f"--what: unknown: {', '.join(sorted(unknown))}")
    sys.exit(run(Pair(args.oracle, args.ward), args))


if __name__ == "__main__":
    main()

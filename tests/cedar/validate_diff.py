#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The validator against the official engine: generated policies over fixed schemas that use everything, each validated by
both, strictly, permissively and with levels; findings are compared as sets.

usage: validate_diff.py --oracle COMMAND --ward COMMAND [--seed S] [--policies N] [--stop N] [--odd]

Both commands speak JSON lines: {"op": "validate", "schema": TEXT, "policies": {..}} and {"op": "validate-ext", "schema": TEXT,
"policyText": TEXT, "mode": .., "level": ..}; the oracle also {"op": "schema-resolved", "schema": TEXT}. Policy i of a seed is
drawn from random.Random(f"{S}/{i}"): half of them of any types, to be wrong in many ways, half of the right types along
paths of the schema with few mistakes, to be right in many ways. The last line says how many were compared; exit 1 when
one differs. With --odd, policies are those of validate_odd.py over these schemas and over those that drt/generate.py makes, and
what ward calls valid is asked about worlds of the schema: it must not fail but by overflow, for an entity that is not there, or
for a result that its extension type does not hold. Suggestions among names that are equally near depend on the engine's hashing and are not compared.
"""
import argparse
import collections
import json
import os
import random
import shlex
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "drt"))

SCHEMAS = ["""
type Rec = {x: Long, y?: Long, z: {w?: U, v: String}};
entity G in [G2]; entity G2 in [G];
entity U in [G, X] {a: Long, b?: Long, o: String, r: Rec, s: Set<Long>, u?: U, g: G, e: V, d: decimal, i: ipaddr, t: datetime,
    n?: duration, ss: Set<String>, su: Set<U>, sr: Set<{x: Long}>, t2?: T2, or?: {p?: Long, q: {k?: String}}, "a b"?: Bool,
    f: Bool} tags Long;
entity V enum ["x", "y"];
entity X {a: Long, g: G, o: String, r: {x: Long}, f: Bool, u: U};
entity W in [G] {a: String, o: String, b: Long, r: Rec, s: Set<String>, u?: U, f?: Bool} tags Set<String>;
entity NT;
entity T2 in [T2] {t2: T2, u: U, r: {t2: T2, u?: U}, k: String} tags {a: Long};
action grp;
action sub in grp appliesTo {principal: U, resource: G};
action view, edit in [grp] appliesTo {principal: [U, W], resource: [G, NT, X],
    context: {c?: Long, d: Bool, u: U, r?: Rec, k: String, s: Set<String>}};
action del in [sub] appliesTo {principal: [X, T2], resource: [T2], context: {d: Bool, k?: String, r: Rec, t2: T2}};
""", """
namespace N {
    type R = {x: Long, y?: Long};
    entity U in [G] {a: Long, b?: Long, r: R, f?: Bool, o: String, u: U, rr?: {r?: R, w: W}} tags U;
    entity G in [H]; entity H;
    entity W {a: Long, b: Long, r: {x: Long, y: Long}, o?: String, f: Bool, u?: U} tags W;
    entity E enum ["one", "two", "x\\"y"];
    action "act one" appliesTo {principal: [U, W], resource: [U, G, E], context: R};
    action two in ["act one", M::Action::"base"] appliesTo {principal: [M::U], resource: [W, E],
        context: {e: E, u?: U, k: String, m: M::U}};
}
namespace M {
    entity U in [N::G] {a: Long, u: N::U, o: String, e: N::E, i: __cedar::ipaddr};
    action base; action three in base appliesTo {principal: U, resource: [N::U, U]};
}
action top appliesTo {principal: N::W, resource: N::W};
""", """
entity U in [E, U, G] {a: Action, sa: Set<Action>, e: E, na: NS::Action, o?: String, s: Set<{p: Long, q?: Set<U>}>, "": Long,
    "if"?: Bool, r: {"a.b": Long, r?: {r?: {r?: U}}}, f: Bool} tags Action;
entity E enum ["x", ""];
entity G in [E] {a: Long, sa: Set<Long>, f?: Bool, o: String, r: {r: {r: {r: G}}}} tags {x: Set<Long>, y?: String};
entity Z;
type address = ipaddr;
type C = {a: Action, u?: U, d: {d?: {d?: decimal}}, k: String};
action base;
action v in [base, NS::Action::"top"] appliesTo {principal: [U, E, G], resource: [E, G, Z], context: C};
action w in v appliesTo {principal: [Z, U], resource: U, context: {k?: String, i: address}};
namespace NS {
    entity N1 in [U2] {u: N1, a: Action, x: __cedar::Long}; entity U2 tags datetime;
    action top; action lo in top appliesTo {principal: [N1, U2], resource: U2};
}
"""]
IDS = ["x", "y", "one", "two", "1", 'a"b']
TEXTS = ["k", "t", "x", "", 'a"b', "é"]
EXT = {"decimal": ("decimal", ["1.0", "-0.5", "1", "1.23456", "99999999999999999.0", "x"]),
       "ipaddr": ("ip", ["1.1.1.1", "::1/64", "1.1.1.1/33", "x"]),
       "datetime": ("datetime", ["2024-01-01", "2024-01-01T00:00:00Z", "2024-13-01", "2024-01-01T00:00:00+2500", "2024"]),
       "duration": ("duration", ["1d", "1h2m", "1h1d", "-", "99999999999999999999d"])}
LONG, STRING, BOOL = {"k": "Long"}, {"k": "String"}, {"k": "Bool"}
WORDS = {"true", "false", "if", "then", "else", "in", "like", "has", "is"}


def quoted(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_ident(s):
    return s.isidentifier() and s.isascii() and s not in WORDS


def wrap(e):
    return f"({e})"


def entity(name):
    return {"k": "entity", "n": name}


class Schema:
    """A resolved schema: types as small dicts, entities, actions, environments."""

    def __init__(self, text, resolved):
        self.text, self.common = text, {}
        for ns, d in resolved.items():
            for name, t in d.get("commonTypes", {}).items():
                self.common[(ns + "::" if ns else "") + name] = t
        self.entities, self.actions, self.names = {}, [], set()
        for ns, d in resolved.items():
            prefix = ns + "::" if ns else ""
            for name, e in d["entityTypes"].items():
                self.entities[prefix + name] = {
                    "attrs": self.type(e.get("shape", {"type": "Record"}))["a"], "parents": e.get("memberOfTypes", []),
                    "tags": self.type(e["tags"]) if "tags" in e else None, "ids": e.get("enum")}
            for name, a in d["actions"].items():
                applies = a.get("appliesTo") or {}
                self.actions.append({"type": prefix + "Action", "id": name, "p": applies.get("principalTypes", []),
                                     "r": applies.get("resourceTypes", []),
                                     "context": self.type(applies.get("context") or {"type": "Record"})})
        self.envs = [(a, p, r) for a in self.actions for p in a["p"] for r in a["r"]]
        self.types = list(self.entities) + ["Nobody", "Action", self.actions[-1]["type"]]
        self.uids = [a["type"] + "::" + quoted(a["id"]) for a in self.actions] + ['Action::"nope"']
        for e in self.entities.values():
            self.collect(e["attrs"])
        for a in self.actions:
            self.collect(a["context"]["a"])
        self.names = sorted(self.names) + ["zz"]

    def type(self, t):
        k = t["type"]
        if k in self.common:
            return self.type(self.common[k])
        base = k.replace("__cedar::", "")
        if base in ("Long", "String", "Bool"):
            return {"k": base}
        if base in EXT:
            return {"k": "ext", "n": base}
        if k == "Entity":
            return entity(t["name"])
        if k == "Set":
            return {"k": "set", "e": self.type(t["element"])}
        return {"k": "record", "a": [(n, self.type(v), v.get("required", True)) for n, v in sorted(t.get("attributes", {}).items())]}

    def collect(self, attrs):
        for name, t, _ in attrs:
            self.names.add(name)
            if t["k"] == "record":
                self.collect(t["a"])

    def attrs(self, t):
        if t["k"] == "record":
            return t["a"]
        return self.entities[t["n"]]["attrs"] if t["k"] == "entity" and t["n"] in self.entities else []

    def above(self, name):
        seen, todo = [], [name]
        while todo:
            n = todo.pop()
            if n not in seen:
                seen.append(n)
                todo += self.entities[n]["parents"]
        return seen


class Policies:
    """One policy. Expressions are for a type; miss is how often they are not."""

    def __init__(self, rng, schema):
        self.r, self.s = rng, schema
        self.env = rng.choice(schema.envs)
        self.miss = rng.choice([0, 0, 0.03, 0.08, 0.2, 0.5])
        self.guards, self.nested = [], 0

    def p(self, x):
        return self.r.random() < x

    def one(self, *makers):
        m = self.r.choice(makers)
        return m() if callable(m) else m

    def dot(self, e, name):
        return f"{e}.{name}" if is_ident(name) and not self.p(0.05) else f"{e}[{quoted(name)}]"

    def roots(self):
        a, p, r = self.env
        return [("principal", entity(p)), ("resource", entity(r)), ("context", a["context"]), ("action", entity(a["type"]))]

    def walk(self, steps):
        """A path, its type, and what must be asked before."""
        (e, t), guards = self.r.choice(self.roots()), []
        if self.nested < 1 and self.p(0.1):
            self.nested += 1
            t = entity(self.r.choice(list(self.s.entities)))
            e = wrap(self.expr(t, 1))
            self.nested -= 1
        for _ in range(steps):
            attrs = self.s.attrs(t)
            tags = self.s.entities[t["n"]]["tags"] if t["k"] == "entity" and t["n"] in self.s.entities else None
            if tags and self.p(0.15):
                key = self.one('"k"', '"t"', "principal.o")
                guards = guards + [f"{e}.hasTag({key})"]
                e, t = f"{e}.getTag({key})", tags
                continue
            if self.p(self.miss / 4):
                e = self.dot(e, self.r.choice(self.s.names))
                continue
            if not attrs:
                break
            name, u, required = self.r.choice(attrs)
            if not required:
                guards = guards + [f"{e} has {name if is_ident(name) else quoted(name)}"]
            e, t = self.dot(e, name), u
        return e, t, guards

    def use(self, e, guards):
        self.guards += [g for g in guards if not self.p(2 * self.miss)]
        return e

    def path_to(self, t):
        for _ in range(25):
            e, u, guards = self.walk(self.r.choice([0, 1, 1, 2, 2, 3]))
            if u == t:
                return self.use(e, guards)
        return None

    def any_type(self):
        return self.walk(self.r.choice([0, 1, 1, 2, 2]))[1]

    def expr(self, t, d):
        if self.p(self.miss / 2):
            t = self.one(LONG, STRING, BOOL, {"k": "set", "e": LONG}, {"k": "ext", "n": "decimal"}, {"k": "record", "a": []},
                         entity(self.r.choice(list(self.s.entities))))
        path = self.path_to(t) if self.p(0.45) else None
        if path:
            return path
        if d > 0 and self.p(0.1):
            return f"(if {self.bool(d - 1)} then {self.expr(t, d - 1)} else {self.expr(t, d - 1)})"
        if d > 0 and self.p(0.05):
            return self.dot("{x: %s, zz: %s}" % (self.expr(t, d - 1), self.expr(LONG, 0)), "x")
        return getattr(self, "make_" + t["k"].lower())(t, d)

    def make_long(self, _, d):
        if d <= 0 or self.p(0.5):
            return self.one("0", "1", "-1", "42")
        return self.one(lambda: f"({self.expr(LONG, d - 1)} {self.one(*'+-*')} {self.expr(LONG, d - 1)})",
                        lambda: f"(-{wrap(self.expr(LONG, d - 1))})",
                        lambda: f"{wrap(self.expr({'k': 'ext', 'n': 'duration'}, d - 1))}.{self.one('toDays', 'toHours')}()")

    def make_string(self, _, _d):
        return quoted(self.r.choice(TEXTS))

    def make_bool(self, _, d):
        return wrap(self.bool(d - 1)) if d > 0 else self.one("true", "false")

    def make_ext(self, t, d):
        f, literals = EXT[t["n"]]
        if d > 0 and t["n"] == "datetime" and self.p(0.4):
            return wrap(self.expr(t, d - 1)) + self.one(".toDate()", '.offset(duration("1h"))', ".offset()")
        if d > 0 and t["n"] == "duration" and self.p(0.4):
            return wrap(self.expr({"k": "ext", "n": "datetime"}, d - 1)) + self.one(".toTime()", '.durationSince(datetime("2024-01-01"))')
        if self.p(self.miss / 2):
            return f"{f}({self.one(lambda: self.expr(STRING, d - 1), '', '1, 2')})"
        return f"{f}({quoted(self.r.choice(literals) if self.p(self.miss) else literals[0])})"

    def make_set(self, t, d):
        n = 0 if self.p(self.miss / 4) else self.r.choice([1, 2, 2, 3])
        return "[" + ", ".join(self.expr(t["e"], d - 1) for _ in range(n)) + "]"

    def make_record(self, t, d):
        fields = [(n, u) for n, u, _ in t["a"] if not self.p(self.miss / 2)]
        return "{" + ", ".join(f"{n if is_ident(n) else quoted(n)}: {self.expr(u, d - 1)}" for n, u in fields) + "}"

    def make_entity(self, t, _d):
        if t["n"].endswith("Action"):
            return "action" if self.p(0.5) else self.r.choice(self.s.uids)
        ids = self.s.entities.get(t["n"], {}).get("ids")
        return t["n"] + "::" + quoted(self.r.choice(ids if ids and not self.p(self.miss) else IDS))

    def bool(self, d):
        """With what it needs to know asked before it, in one of several ways."""
        mark = len(self.guards)
        b = wrap(self.plain(max(d, 0)))
        guards = list(dict.fromkeys(self.guards[mark:]))
        del self.guards[mark:]
        if not guards:
            return b
        g = " && ".join(guards)
        root, _, rest = guards[-1].replace(" has ", ".").partition(".")
        if self.p(0.2) and root in ("principal", "resource", "context") and all(is_ident(x) for x in rest.split(".")):
            g = f"{root} has {rest}"
        if self.p(self.miss):
            return self.one(f"({g} || {self.bool(0)}) && {b}", f"!({g}) || {b}", f"{b} && {g}")
        other = self.bool(0)
        return self.one(f"{g} && {b}", f"{g} && {b}", f"({g}) && {b}", f"if {g} then {b} else {other}", f"(true && {g}) && {b}",
                        f"({g} && true) && {b}", f"({g} && {other}) && {b}", f"(false || {g}) && {b}", f"({g} || {g}) && {b}",
                        f"(if {other} then {g} else {g}) && {b}", f"{g} && ({g} && {b})")

    def related(self, kind, d):
        e, t, guards = self.walk(self.r.choice([0, 0, 1, 1, 2]))
        if t["k"] != "entity" or t["n"] not in self.s.entities:
            return f"action in [{self.r.choice(self.s.uids)}, {self.r.choice(self.s.uids)}]"
        self.use(e, guards)
        up = entity(self.r.choice(self.s.above(t["n"]) if self.p(0.85) else list(self.s.entities)))
        what = self.one(lambda: wrap(self.expr(up, d - 1)), lambda: self.expr({"k": "set", "e": up}, d - 1))
        name = t["n"] if self.p(0.7) else self.r.choice(self.s.types)
        return f"{wrap(e)} in {what}" if kind == "in" else f"{wrap(e)} is {name}" + (f" in {what}" if self.p(0.4) else "")

    def about_set(self, d):
        t = self.any_type()
        t = t if t["k"] == "set" else {"k": "set", "e": t}
        e = wrap(self.expr(t, d - 1))
        return self.one(lambda: f"{e}.contains({self.expr(t['e'], d - 1)})", lambda: f"{e}.isEmpty()",
                        lambda: f"{e}.{self.one('containsAll', 'containsAny')}({self.expr(t, d - 1)})")

    def asked(self, d):
        e, t, guards = self.walk(self.r.choice([0, 1, 1, 2]))
        self.use(e, guards)
        if t["k"] == "entity" and self.p(0.3):
            return f"{wrap(e)}.hasTag({self.expr(STRING, d - 1)})"
        name = self.r.choice([n for n, _, _ in self.s.attrs(t)] or ["zz"]) if self.p(0.9) else "zz"
        return f"{wrap(e)} has {name if is_ident(name) else quoted(name)}"

    def plain(self, d):
        def equal():
            t = self.any_type()
            u = self.any_type() if self.p(self.miss) else t
            return f"{wrap(self.expr(t, d - 1))} {self.one('==', '!=')} {wrap(self.expr(u, d - 1))}"

        def compared():
            t = self.one(LONG, LONG, {"k": "ext", "n": "datetime"}, {"k": "ext", "n": "duration"})
            return f"{wrap(self.expr(t, d - 1))} {self.one('<', '<=', '>', '>=')} {wrap(self.expr(t, d - 1))}"

        def ip():
            e = wrap(self.expr({"k": "ext", "n": "ipaddr"}, d - 1))
            return e + self.one(".isIpv4()", ".isLoopback()", lambda: f".isInRange({self.expr({'k': 'ext', 'n': 'ipaddr'}, d - 1)})")

        few = [equal, compared, lambda: self.path_to(BOOL) or "false", lambda: self.asked(d), lambda: self.related("in", d), "true"]
        if d == 0:
            return self.one(*few)
        b = [wrap(self.bool(d - 1)) for _ in range(3)]
        decimal = {"k": "ext", "n": "decimal"}
        return self.one(*few, ip, lambda: self.related("is", d), lambda: self.about_set(d),
                        lambda: f'{wrap(self.expr(STRING, d - 1))} like "a*b"',
                        lambda: f"{wrap(self.expr(decimal, d - 1))}.lessThan({self.expr(decimal, d - 1)})",
                        f"{b[0]} && {b[1]}", f"{b[0]} && {b[1]} && {b[2]}", f"{b[0]} || {b[1]}", f"{b[0]} || {b[1]} || {b[2]}",
                        f"!{b[0]}", f"if {b[0]} then {b[1]} else {b[2]}")

    def scope(self, var, t, template):
        other = self.r.choice(self.s.types) if self.p(self.miss) else t
        up = self.r.choice(self.s.above(other) if other in self.s.entities else [other])
        if template:
            return self.one(f"{var} == ?{var}", f"{var} in ?{var}", f"{var} is {other} in ?{var}", f"{var} is {other}")
        return self.one(*[f"{var} is {other}"] * 5, var, f'{var} == {other}::"x"', f'{var} in {up}::"x"', f'{var} is {other} in {up}::"x"')

    def policy(self):
        a, p, r = self.env
        template = self.p(0.1)
        uid = a["type"] + "::" + quoted(a["id"]) if not self.p(self.miss / 2) else self.r.choice(self.s.uids)
        more = ", ".join(self.r.choice(self.s.uids) for _ in range(self.r.choice([0, 1, 2])))
        action = self.one(*[f"action == {uid}"] * 4, "action", f"action in {uid}", f"action in [{uid}]", f"action in [{more}]")
        conditions = "".join(f" {self.one('when', 'when', 'unless')} {{ {self.bool(self.r.choice([1, 2, 2, 3, 3]))} }}"
                             for _ in range(self.r.choice([0, 1, 1, 1, 2])))
        return f"{self.one('permit', 'forbid')}({self.scope('principal', p, template)}, {action}, " \
               f"{self.scope('resource', r, template)}){conditions};"


class Engine:
    """One side: a process that is asked in JSON lines."""

    def __init__(self, command):
        self.p = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, questions):
        answers = []
        for i in range(0, len(questions), 8):
            for q in questions[i:i + 8]:
                self.p.stdin.write(json.dumps(q).encode() + b"\n")
            self.p.stdin.flush()
            answers += [json.loads(self.p.stdout.readline()) for _ in questions[i:i + 8]]
        return answers


def questions(schema, policy, i):
    sets = {"templates": {"policy0": policy}, "staticPolicies": {}} if "?" in policy else {"staticPolicies": policy}
    ext = {"op": "validate-ext", "schema": schema, "policyText": policy}
    return [{"op": "validate", "schema": schema, "policies": sets}, {**ext, "mode": "permissive"},
            {**ext, "mode": ("strict", "permissive")[i // 4 % 2], "level": i % 4}]


def findings(answer):
    """What can be compared: errors and warnings by their messages, and by kind where both say it."""
    if answer.get("type") != "success":
        return "refused"
    out = set()
    for key in ("validationErrors", "validationWarnings"):
        for f in answer[key]:
            out.add((key, f["error"]["message"] if "error" in f else f["message"]))
    return out


def resolved(oracle, text):
    return Schema(text, oracle.ask([{"op": "schema-resolved", "schema": text}])[0]["json"])


def draw(_oracle, rng, schemas):
    schema = rng.choice(schemas)
    return schema, Policies(rng, schema).policy()


def draw_odd(oracle, rng, schemas):
    import generate
    import validate_odd
    schema = rng.choice(schemas) if rng.random() < 0.4 else resolved(oracle, generate.Schema(rng).text())
    return schema, validate_odd.Odd(rng, schema).policy()


def compare(n, args, case, q, x, y):
    n["compared"] += 1
    n["refused"] += x == "refused"
    n["clean"] += x == set()
    if x == y:
        return
    n["bad"] += 1
    print(f"{args.seed}/{case[0]} {q['op']} {q.get('mode', 'strict')} {q.get('level', '')}: {case[2]}" + (f"\n  {case[1].text}" if args.odd else ""))
    print(f"  oracle alone: {x if isinstance(x, str) else x - y if isinstance(y, set) else x}")
    print(f"  ward alone: {y if isinstance(y, str) else y - x if isinstance(x, set) else y}")


def ask_world(n, args, ward, i, schema, policy):
    import validate_odd
    q = validate_odd.World(random.Random(f"{args.seed}/{i}/world"), schema).question([policy])
    bad, requests, held = validate_odd.broken_promises(ward.ask([q])[0])
    n["valid"] += 1
    n["requests"] += requests
    n["held"] += held
    n["bad"] += len(bad)
    for _, message in bad[:1]:
        print(f"{args.seed}/{i}: valid, but {message}: {policy}\n  {schema.text}")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--oracle", required=True)
    a.add_argument("--ward", required=True)
    a.add_argument("--seed", default="1")
    a.add_argument("--policies", type=int, default=1000)
    a.add_argument("--stop", type=int, default=5)
    a.add_argument("--odd", action="store_true")
    args = a.parse_args()
    oracle, ward = Engine(args.oracle), Engine(args.ward)
    schemas = [resolved(oracle, t) for t in SCHEMAS]
    n = collections.Counter()
    for start in range(0, args.policies, 100):
        todo, cases = [], []
        for i in range(start, min(start + 100, args.policies)):
            rng = random.Random(f"{args.seed}/{i}")
            schema, policy = (draw_odd if args.odd else draw)(oracle, rng, schemas)
            for q in questions(schema.text, policy, i):
                todo.append(q)
                cases.append((i, schema, policy))
        for case, q, x, y in zip(cases, todo, map(findings, oracle.ask(todo)), map(findings, ward.ask(todo))):
            compare(n, args, case, q, x, y)
            if args.odd and q["op"] == "validate" and "?" not in case[2] and y != "refused" and not any(k == "validationErrors" for k, _ in y):
                ask_world(n, args, ward, *case)
        if n["bad"] >= args.stop:
            break
    print(f"seed {args.seed}: {args.policies} policies, {n['compared']} comparisons, {n['refused']} refused by both, {n['clean']} without findings, "
          f"{n['bad']} disagreements" + (f"; {n['valid']} valid ones in {n['requests']} requests, {n['held']} held" if args.odd else ""))
    return 1 if n["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())

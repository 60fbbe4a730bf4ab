# SPDX-License-Identifier: Apache-2.0
"""For validate_diff.py --odd: policies that use what its own seldom do, and worlds of a schema to ask valid ones about.

Chains of `has`, tags, `in` with sets, `is .. in`, actions as entities, constructors and methods with any arguments, texts
and identifiers of other scripts, literals of every type side by side, and what was asked combined in every way that
may teach something or forget it."""
from validate_diff import EXT, IDS, Policies, STRING, TEXTS, entity, is_ident, quoted, wrap

STRANGE = ["a\u0430", "\u202e", "\u2066x", "п", "é", "ﬁ", "\u200b", "日本", "日Ж", "a\u0301", "\ufeff", "𝒳", "ß", "١", "0١", "\u2028",
           "ａ", "ʹ", "·", "'", "µ", "Ω", "ー", "々a", "ـ", "\u180e", "\0", "\n", "\t"]
LITERALS = ["1", "true", "false", '""', '"x"', 'U::"x"', "[]", "{}", "[1]", "{x: 1}", 'decimal("1.0")', 'ip("1.1.1.1")', "principal",
            "action", "resource", "context", "-9223372036854775808", "[[]]", "[{}]", '{"a b": []}']
ARGUMENTS = ['"1.1.1.1"', '"1.0"', '"2024-01-01"', '"1d"', '""', '"1.1.1.1/32"', '"::"', '"0.00001"', '"-0.1"', '"1d2h"', "1", "context",
             '"2024-01-01T00:00:00.000+0100"', 'if true then "1" else "2"', '("1.0")']
METHODS = ["isIpv4", "isLoopback", "isInRange", "lessThan", "greaterThanOrEqual", "offset", "durationSince", "toDate", "toTime", "toDays"]
# E: a path, N: a name of the schema, T: a type, A: an action or entity that is named, X: an entity, B: a condition, L: a literal
RELATED = ["E in [X, X]", "principal in [principal, X, L]", "action in [A, A]", "A in [A, action]", "E in [E]", "resource in []", "X in [X, E]",
           "E is T in X", "E is T in [X, X]", "!(E is T) || B", "E is T in E", "(if B then principal else resource) is T", "E is T in A",
           "[principal, resource].contains(E) && E is T in L", "X is T in [action]", "E is T && E in E"]
ACTIONS = ["action == A", "action in A", "A in action", "A == A", "A in A", "[A, action].contains(A)", "[action].containsAny([A])", "action is T",
           "A is Action in A", "action has x", "action.x == 1", 'action.hasTag("x")', 'action.getTag("x") == 1', "{a: action}.a in A",
           "(if B then action else A) in A", "(if B then action else A) == A", "[[action]].contains([A])", "E == action"]
MIXED = ["L == L", "[L, L].contains(L)", "[L].containsAll([L])", "(L).containsAny(L)", "(L).isEmpty()", "(L) < L", "(if B then L else L) == L",
         "{a: L, b: L} == {b: L, a: L}", "{a: L}.a == L", "(L) in L", "(L) has a.b", "(L).a", '(L) like "*"', "(L) != E", "(-(L)) == 1",
         "((L) + (L)) == L", "!(L)", "(L) && (L) || (L)", "if (L) then (L) else (L)", "(L) is U", "{} == {x: L}", "[{x: 1}, {x: L}].isEmpty()",
         "[if B then principal else resource, L].contains(E)", "(if B then {x: 1, y: L} else {x: 2}).x == 1", "(L).getTag(L) == 1",
         "(if B then {x: 1, y: L} else {x: 2}) has y && true", "(L).hasTag(L)", "{a: 1, b: B}.b"]
# H: E has an attribute, U: its use, V: it itself, Q: its name
LEARNT = ["(H && true) && U", "(true && H) && U", "(H || false) && U", "(false || H) && U", "(H || true) && U", "(if H then B else false) && U",
          "(if H then true else B) && U", "(if B then H else false) && U", "(if B then H && B else H) && U", "(if true then H else B) && U",
          "(if false then B else H) && U", "!(!(H)) && U", "H == true && U", "(H && B) || (H && U)", "(H || B) && (H || B) && U",
          "(H && B || H && B) && U", "U && H", "H && (V == V && (U))", "[H].contains(true) && U", "(H && (false && U)) || U", "(false && U) || B",
          "B || (true || U)", "if H then U else U", "{x: E}.x has Q && {x: E}.x[Q] == V", "(H && H) && (H || H) && U", "!(H) || U", "U",
          "(if B then E else E) has Q && (if B then E else E)[Q] == V", "(principal == resource && H) || (principal != resource && H && U)",
          "(B && (H && (B && H))) && U", "(principal == action || H) && U", "(principal == action && H) || U", "if !(H) then B else U",
          "(if principal == action then H else H) && U", "(principal is T && H) && U", "(principal is T || H) && U", "H && U && U"]


def text(s):
    return quoted(s).replace("\n", "\\n").replace("\0", "\\0").replace("\t", "\\t")


class Odd(Policies):
    def __init__(self, rng, schema):
        super().__init__(rng, schema)
        self.rate = rng.choice([0.2, 0.5, 0.8])

    def plain(self, d):
        if not self.p(self.rate):
            return super().plain(d)
        e, t, guards = self.walk(self.r.choice([0, 1, 1, 2, 2, 3]))
        e = wrap(self.use(e, guards))
        return self.one(*[lambda: self.chain(e, t, d), lambda: self.tags(e, t, d), lambda: self.learnt(e, t, d)] * 2, lambda: self.calls(e),
                        lambda: self.strange(e, d), *[lambda m=m: self.fill(self.r.choice(m), e, d) for m in (RELATED, ACTIONS, MIXED)])

    def fill(self, pattern, e, d, **more):
        """A pattern with its capital letters replaced, each time anew."""
        makers = {"E": lambda: e, "T": lambda: self.r.choice(self.s.types), "A": lambda: self.r.choice(self.s.uids),
                  "X": lambda: wrap(self.expr(entity(self.r.choice(list(self.s.entities))), 0)), "L": lambda: self.r.choice(LITERALS + self.s.uids),
                  "B": lambda: wrap(self.bool(d - 1) if d > 0 else super(Odd, self).plain(0)), **{k: lambda v=v: v for k, v in more.items()}}
        out, letters = "", " " + pattern + " "
        for before, c, after in zip(letters, letters[1:], letters[2:]):
            alone = not (before.isalnum() or after.isalnum() or after == ":" and pattern.find(c + "::") >= 0)
            out += makers[c]() if c in makers and alone else c
        return out

    def used(self, e, t):
        return {"Bool": e, "Long": f"{e} > 1", "String": f'{e} like "*"'}.get(t.get("k"), f"{e} == {e}")

    def chain(self, e, t, d):
        """e has a.b.c along the types, mostly, and what it teaches."""
        names, path = [n for n in self.s.names if is_ident(n)], []
        for _ in range(self.r.choice([2, 2, 3, 4])):
            attrs = [(n, u) for n, u, _ in self.s.attrs(t) if is_ident(n)]
            name, t = self.r.choice(attrs) if attrs and not self.p(self.miss / 2) else (self.r.choice(names), {"k": "?"})
            path.append(name)
        whole = ".".join([e] + path)
        first = self.one(f"{e} has {'.'.join(path)}", f"{e} has {'.'.join(path)}", f"{'.'.join([e] + path[:-1])} has {path[-1]}",
                         f"{e} has {path[0]} && {e}.{path[0]} has {'.'.join(path[1:])}")
        return self.fill(self.r.choice(LEARNT), e, d, H=wrap(first), U=wrap(self.used(whole, t)), V=whole, Q=quoted(path[0]))

    def learnt(self, e, t, d):
        name, u, _ = self.r.choice(self.s.attrs(t) or [("zz", {"k": "Long"}, False)])
        v = f"{e}[{quoted(name)}]"
        return self.fill(self.r.choice(LEARNT), e, d, H=f"{e} has {quoted(name)}", U=wrap(self.used(v, u)), V=v, Q=quoted(name))

    def some_text(self):
        return wrap(self.expr(STRING, 0)) if self.p(0.5) else text(self.r.choice(STRANGE + TEXTS))

    def tags(self, e, t, d):
        e = e if t["k"] == "entity" else self.one("principal", "resource")
        key = self.one('"k"', '"t"', self.some_text, "context.k", "principal.o", 'if principal == resource then "k" else "t"')
        got = f"{e}.getTag({key if self.p(0.9) else self.some_text()})"
        use = self.fill(self.one(*["G == G", "G == L", "G > 1", "G.contains(L)", "G has x", "G.a == 1", "G in X", "G has x.y", "(G has a && G.a > 1)",
                                   "(G.hasTag(K) && G.getTag(K) == G.getTag(K))"]), e, d, G=got, K=key)
        return self.fill(self.r.choice([p for p in LEARNT if "Q" not in p]), e, d, H=f"{e}.hasTag({key})", U=wrap(use), V=got)

    def calls(self, e):
        def argument():
            return self.some_text() if self.p(0.1) else self.r.choice(ARGUMENTS)

        def call():
            arguments = self.one(*[argument] * 4, "", lambda: f"{argument()}, {argument()}")
            return f"{self.r.choice(list(EXT.values()))[0]}({arguments})"
        method = f"{self.r.choice(METHODS)}({self.one('', call, call, lambda: f'{call()}, {call()}', e)})"
        return self.one(lambda: f"{call()}.{method}", lambda: f"{call()}.{method} == {call()}", lambda: f"{call()} < {call()}",
                        lambda: f"{call()} == {call()}", f"{e}.{method}", lambda: f"{e}.{method} < {call()}", lambda: f"[{call()}].contains({call()})")

    def strange(self, e, d):
        s = text(self.r.choice(STRANGE) + self.one("", "a", ""))
        return self.one(f"{self.some_text()} == {s}", f"{e} has {s}", f"{e}[{s}] == 1", f"{{{s}: 1}} has {s}", f"{{{s}: {s}}} == {{{s}: {s}}}",
                        f"principal == U::{s}", f"principal in G::{s}", f'{self.some_text()} like {s[:-1]}*"', f'"a" like "\\*{s[1:]}',
                        f"[{s}, {s}].contains({s})", f"ip({s}) == ip({s})", f"principal.hasTag({s})", f"{e} is U in U::{s}",
                        f'{s} like "*\\u{{202e}}"', f'{s} like "\\n{s[1:]}', self.fill(f"(if B then {s} else {s}) == {s}", e, d))

    def policy(self):
        out = super().policy()
        if self.p(0.08):
            out = out.replace('::"x"', "::" + text(self.r.choice(STRANGE)), 1)
        return f'@a("{self.r.choice(STRANGE[:4])}")\n{out}' if self.p(0.05) else out


class World:
    """Entities and requests that a schema allows."""

    def __init__(self, rng, schema):
        self.r, self.s = rng, schema
        self.actions = {a["type"]: [b["id"] for b in schema.actions if b["type"] == a["type"]] for a in schema.actions}

    def uid(self, name):
        return {"type": name, "id": self.r.choice(self.actions[name] if name in self.actions else self.s.entities[name]["ids"] or IDS)}

    def value(self, t):
        k = t["k"]
        if k == "record":
            return {n: self.value(u) for n, u, required in t["a"] if required or self.r.random() < 0.5}
        if k == "set":
            return [self.value(t["e"]) for _ in range(self.r.randint(0, 3))]
        if k == "entity":
            return {"__entity": self.uid(t["n"])}
        if k == "ext":
            return {"__extn": {"fn": EXT[t["n"]][0], "arg": EXT[t["n"]][1][0]}}
        return self.r.choice({"Long": [0, 1, -1, 42, 2 ** 62], "String": TEXTS, "Bool": [True, False]}[k])

    def entities(self):
        out = []
        for name, e in self.s.entities.items():
            for i in e["ids"] or self.r.sample(IDS, self.r.randint(2, len(IDS))):
                above = [x["uid"] for x in out if x["uid"]["type"] in e["parents"]] if not e["ids"] else []
                out.append({"uid": {"type": name, "id": i}, "attrs": {n: self.value(u) for n, u, required in e["attrs"]
                                                                      if required or self.r.random() < 0.5},
                            "parents": self.r.sample(above, min(len(above), self.r.randint(0, 2)))})
                if e["tags"]:
                    out[-1]["tags"] = {k: self.value(e["tags"]) for k in self.r.sample(TEXTS, self.r.randint(0, 4))}
        return out

    def request(self):
        a, p, r = self.r.choice(self.s.envs)
        return {"principal": self.uid(p), "action": {"type": a["type"], "id": a["id"]}, "resource": self.uid(r), "context": self.value(a["context"])}

    def question(self, policies, requests=30):
        return {"op": "authorize-many", "schema": self.s.text, "entities": self.entities(), "requests": [self.request() for _ in range(requests)],
                "policies": {"staticPolicies": {f"policy{i}": p for i, p in enumerate(policies)}, "templates": {}, "templateLinks": []}}


def broken_promises(answer):
    """Of valid policies: (policy, message) of what must not go wrong; how many requests; how many conditions held."""
    if answer.get("type") != "success":
        return [(None, str(answer))], 0, 0
    bad = [(None, a["failure"]) for a in answer["answers"] if "failure" in a]
    good = [a for a in answer["answers"] if "failure" not in a]
    for a in good:
        bad += [(int(i[6:]), m) for i, m in a["errors"] if "overflow" not in m and "extension function" not in m and
                not ("does not exist" in m and "attribute" not in m and "tag" not in m)]
    return bad, len(good), sum(len(a["reason"]) for a in good)

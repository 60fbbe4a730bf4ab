# SPDX-License-Identifier: Apache-2.0
"""Cases for differential testing: a schema, entities, policies and requests that fit each other, mostly.

Everything comes from one random.Random, so that a seed names a case for good. A case is a plain dict of lists and texts
(see Case), small enough to be shrunk by taking pieces away. Expressions are made for a type, so that most of them mean
something; now and then one is made for another type, an attribute is dropped, a name is foreign.
"""
import json

KEYWORDS = {"true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"}
IDENTS = ["a", "b", "c", "level", "owner", "permit", "principal", "action", "when", "x1", "_u", "type", "Set", "Long"]
ODD_NAMES = ["a b", "", "if", "é", "1x", "__cedarish", "q\"q", "n\nl", "*"]
TEXTS = ["", "a", "b", "ab", "a*b", "*", "é", "\u0000", "\n", "\"", "\\", "'", "\u200b", "\U0001f600", "aaa", "admin", "\u0301", "\u202e",
         "A\u0430", "\ufeff", "\x7f", "\u00ad"]
IDS = ["a", "b", "c", "", "x y", "\"", "é", "*", "0"]
LONGS = [0, 1, -1, 2, 7, 42, 2**31, -2**31, 2**63 - 1, -2**63, 2**62]
DECIMALS = ["0.0", "1.0", "1.00", "-0.5", "0.0001", "922337203685477.5807", "-922337203685477.5808", "12.34", "-1.2345"]
BAD_DECIMALS = ["1", "1.", ".1", "1.00000", "+1.0", "922337203685477.5808", "", "a", "--1.0", "1.2.3"]
IPS = ["1.1.1.1", "127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "10.1.2.3", "::1", "::", "ff00::/8", "2001:db8::1", "0.0.0.0/0", "::/0",
       "224.0.0.1/4", "1.1.1.1/24", "::ffff:1.1.1.1"[:0] + "::ffff:101:101", "fe80::1/64", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
BAD_IPS = ["1.1.1", "1.1.1.1/33", "01.1.1.1", "::1/129", "::ffff:1.1.1.1", "", "[::1]", "1.1.1.1/", "1.1.1.1/01", "fe80::1%eth0"]
DATETIMES = ["1970-01-01", "2024-02-29", "2024-01-01T00:00:00Z", "2024-01-01T12:34:56.789Z", "2024-01-01T12:34:56+0530",
             "0000-01-01", "9999-12-31T23:59:59.999-2359", "1969-12-31T23:59:59.999Z", "2023-07-15T23:00:00.001-0100"]
BAD_DATETIMES = ["2023-02-29", "2024-1-1", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01t00:00:00z", "2024-01-01T00:00:00",
                 "2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00+2400", "", "2024-01-01T00:00:00+05:30", "10000-01-01"]
DURATIONS = ["0ms", "1d", "24h", "1d2h3m4s5ms", "-1h", "1s", "-9223372036854775808ms", "9223372036854775807ms", "100d", "59m", "-1d1ms"]
BAD_DURATIONS = ["", "1", "1h1d", "1d1d", "-", "1x", "9223372036854775808ms", "1.5h", "18446744073709551616ms", " 1h"]
EXT = {"decimal": ("decimal", DECIMALS, BAD_DECIMALS), "ipaddr": ("ip", IPS, BAD_IPS),
       "datetime": ("datetime", DATETIMES, BAD_DATETIMES), "duration": ("duration", DURATIONS, BAD_DURATIONS)}


def quoted(s, pattern=False):
    """A text of the language. Anything unusual is escaped, sometimes what need not be is not."""
    out = []
    for c in s:
        if c == '"' or c == "\\":
            out.append("\\" + c)
        elif c == "\n":
            out.append("\\n")
        elif c == "\0":
            out.append("\\0")
        elif c == "\r":
            out.append("\\r")
        elif ord(c) < 32 or ord(c) in (0x7f, 0xfeff):
            out.append("\\u{%x}" % ord(c))
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def is_ident(s):
    return s.isascii() and s.isidentifier() and s not in KEYWORDS


class Types:
    """The types of a case: JSON-like tuples ("Long",), ("Set", t), ("Record", {name: (t, required)}), ("Entity", name), ("Ext", name)."""

    def __init__(self, rng, names):
        self.r, self.names = rng, names

    def any(self, depth=2):
        r = self.r
        kinds = ["Bool", "Long", "String", "Entity", "Ext"] + (["Set", "Record"] * 2 if depth > 0 else [])
        k = r.choice(kinds)
        if k == "Set":
            return ("Set", self.any(depth - 1))
        if k == "Record":
            return self.record(depth - 1)
        if k == "Entity":
            return ("Entity", r.choice(self.names))
        if k == "Ext":
            return ("Ext", r.choice(list(EXT)))
        return (k,)

    def record(self, depth, most=4):
        r = self.r
        names = r.sample(IDENTS, r.randint(0, most))
        if r.random() < 0.1:
            names.append(r.choice(ODD_NAMES))
        return ("Record", {n: (self.any(depth), r.random() < 0.6) for n in names})


def type_text(t):
    k = t[0]
    if k == "Set":
        return f"Set<{type_text(t[1])}>"
    if k == "Record":
        return "{" + ", ".join(f"{n if is_ident(n) else quoted(n)}{'' if req else '?'}: {type_text(x)}" for n, (x, req) in t[1].items()) + "}"
    if k in ("Entity", "Ext"):
        return t[1]
    return "__cedar::" + k if k in ("Long", "Set") else k


class Schema:
    """entities: {name: dict(attrs, parents, tags, enum)}, actions: {id: dict(parents, principals, resources, context)}"""

    def __init__(self, rng):
        self.r = rng
        names = ["U", "G", "R", "T", "V"][:rng.randint(2, 5)]
        self.ns = rng.choice(["", "", "", "N", "N::M"])
        self.prefix = self.ns + "::" if self.ns else ""
        self.short = names
        self.enum = {names[-1]: rng.sample(["x", "y", "z w"], rng.randint(1, 3))} if len(names) > 3 and rng.random() < 0.6 else {}
        types = Types(rng, names)
        self.entities, self.actions = {}, {}
        for n in names:
            if n in self.enum:
                self.entities[n] = {"attrs": ("Record", {}), "parents": [], "tags": None, "enum": self.enum[n]}
                continue
            self.entities[n] = {
                "attrs": types.record(2, 5), "enum": None,
                "parents": [p for p in names if p not in self.enum and rng.random() < 0.3],
                "tags": types.any(1) if rng.random() < 0.4 else None}
        ids = ["view", "edit", "do it", "all"][:rng.randint(1, 4)]
        for i, a in enumerate(ids):
            applies = i == 0 or rng.random() < 0.85
            self.actions[a] = {
                "parents": [p for p in ids[i + 1:] if rng.random() < 0.35],
                "principals": rng.sample(names, rng.randint(1, len(names))) if applies else None,
                "resources": rng.sample(names, rng.randint(1, len(names))) if applies else None,
                "context": types.record(2, 4) if applies and rng.random() < 0.7 else ("Record", {})}

    def text(self):
        out = []
        for n, e in self.entities.items():
            if e["enum"]:
                out.append(f"entity {n} enum [{', '.join(quoted(i) for i in e['enum'])}];")
                continue
            line = f"entity {n}"
            if e["parents"]:
                line += f" in [{', '.join(e['parents'])}]"
            line += f" {type_text(e['attrs'])}"
            if e["tags"]:
                line += f" tags {type_text(e['tags'])}"
            out.append(line + ";")
        for a, d in self.actions.items():
            line = f"action {quoted(a)}"
            if d["parents"]:
                line += f" in [{', '.join(quoted(p) for p in d['parents'])}]"
            if d["principals"]:
                line += (f" appliesTo {{principal: [{', '.join(d['principals'])}], resource: [{', '.join(d['resources'])}], "
                         f"context: {type_text(d['context'])}}}")
            out.append(line + ";")
        body = "\n".join(out)
        return f"namespace {self.ns} {{\n{body}\n}}" if self.ns else body


class Expressions:
    """Expressions of a type, as text."""

    def __init__(self, rng, schema, env):
        self.r, self.s, self.env = rng, schema, env     # env: (principal type, action id, resource type)

    def uid(self, name=None):
        r, s = self.r, self.s
        name = name or r.choice(s.short)
        if s.entities[name]["enum"] and r.random() < 0.9:
            i = r.choice(s.entities[name]["enum"])
        else:
            i = r.choice(IDS)
        return f"{s.prefix}{name}::{quoted(i)}"

    def action(self):
        r = self.r
        a = r.choice(list(self.s.actions)) if r.random() < 0.95 else "none"
        return f"{self.s.prefix}Action::{quoted(a)}"

    def roots(self):
        p, a, q = self.env
        return [("principal", ("Entity", p)), ("resource", ("Entity", q)), ("context", self.s.actions[a]["context"])]

    def access(self, name):
        return "." + name if is_ident(name) and self.r.random() < 0.85 else f"[{quoted(name)}]"

    def paths(self, t, text, depth, out, guard=()):
        """All (text, type, guards) that can be had from a value by attributes, to a depth."""
        out.append((text, t, guard))
        if depth == 0:
            return
        attrs = self.s.entities[t[1]]["attrs"] if t[0] == "Entity" else t if t[0] == "Record" else None
        for n, (x, required) in (attrs[1] if attrs else {}).items():
            g = guard if required else guard + (f"{text} has {n if is_ident(n) else quoted(n)}",)
            self.paths(x, text + self.access(n), depth - 1, out, g)

    def of_path(self, want):
        """A path of that type; with its guards in front where it is a Bool, or unguarded."""
        found = []
        for text, t in self.roots():
            self.paths(t, text, 3, found)
        found = [f for f in found if f[1] == want or (want[0] == f[1][0] and want[0] in ("Set", "Record"))]
        if not found:
            return None
        text, _, guards = self.r.choice(found)
        if guards and want == ("Bool",) and self.r.random() < 0.8:
            return "(" + " && ".join(guards) + " && " + text + ")"
        if guards:
            self.guards.extend(guards)
        return text

    def make(self, t, depth):
        r = self.r
        self.guards = getattr(self, "guards", [])
        if r.random() < 0.02:
            t = r.choice([("Bool",), ("Long",), ("String",), ("Set", ("Long",)), ("Entity", r.choice(self.s.short))])
        if r.random() < 0.35:
            p = self.of_path(t)
            if p:
                return p
        if depth > 0 and r.random() < 0.1:
            return f"(if {self.bool(depth - 1)} then {self.make(t, depth - 1)} else {self.make(t, depth - 1)})"
        k = t[0]
        if k == "Bool":
            return self.bool(depth)
        if k == "Long":
            return self.long(depth)
        if k == "String":
            return quoted(r.choice(TEXTS))
        if k == "Entity":
            return self.entity(t, depth)
        if k == "Set":
            n = r.choice([0, 1, 1, 2, 2, 3]) if depth > 0 else r.choice([0, 1])
            return "[" + ", ".join(self.make(t[1], depth - 1 if depth > 0 else 0) for _ in range(n)) + "]"
        if k == "Record":
            d = max(depth - 1, 0)
            return "{" + ", ".join(f"{n if is_ident(n) and r.random() < 0.8 else quoted(n)}: {self.make(x, d)}"
                                   for n, (x, req) in t[1].items() if req or r.random() < 0.5) + "}"
        return self.ext(t[1], depth)

    def entity(self, t, depth):
        r = self.r
        if depth > 0 and r.random() < 0.1 and self.s.entities[t[1]]["tags"]:
            return f"{self.uid(t[1])}.getTag({self.make(('String',), depth - 1)})"
        return self.uid(t[1])

    def long(self, depth):
        r = self.r
        if depth <= 0 or r.random() < 0.4:
            return str(r.choice(LONGS)) if r.random() < 0.7 else str(r.randint(-9, 9))
        k = r.randint(0, 4)
        a, b = self.make(("Long",), depth - 1), self.make(("Long",), depth - 1)
        if k < 3:
            return f"({a} {'+-*'[k]} {b})"
        if k == 3:
            return f"-({a})" if r.random() < 0.7 else f"-{a}"
        return f"{self.make(('Ext', 'duration'), depth - 1)}.{r.choice(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()"

    def ext(self, name, depth):
        r = self.r
        fn, good, bad = EXT[name]
        if depth > 0 and name == "datetime" and r.random() < 0.4:
            a = self.make(("Ext", "datetime"), depth - 1)
            return r.choice([f"{a}.offset({self.make(('Ext', 'duration'), depth - 1)})", f"{a}.toDate()"])
        if depth > 0 and name == "duration" and r.random() < 0.4:
            a = self.make(("Ext", "datetime"), depth - 1)
            return r.choice([f"{a}.durationSince({self.make(('Ext', 'datetime'), depth - 1)})", f"{a}.toTime()"])
        if r.random() < 0.03:
            return f"{fn}({self.make(('String',), 0)})"
        return f"{fn}({quoted(r.choice(good if r.random() < 0.93 else bad))})"

    def bool(self, depth):
        r = self.r
        if depth <= 0:
            return r.choice(["true", "false", "true"])
        d = depth - 1
        k = r.randint(0, 17)
        s = self.s
        if k <= 2:
            op = r.choice(["&&", "||"])
            return "(" + f" {op} ".join(self.make(("Bool",), d) for _ in range(r.randint(2, 3))) + ")"
        if k == 3:
            return "!" + self.paren(self.make(("Bool",), d))
        if k == 4:
            t = r.choice([("Long",), ("Ext", "datetime"), ("Ext", "duration")])
            return f"({self.make(t, d)} {r.choice(['<', '<=', '>', '>='])} {self.make(t, d)})"
        if k in (5, 6):
            t = Types(r, s.short).any(1)
            u = t if r.random() < 0.8 else Types(r, s.short).any(1)
            return f"({self.make(t, d)} {r.choice(['==', '!='])} {self.make(u, d)})"
        if k == 7:
            a, b = self.anentity(d), self.anentity(d)
            return f"({a} in {b})" if r.random() < 0.5 else f"({a} in [{', '.join(self.anentity(d) for _ in range(r.randint(0, 3)))}])"
        if k == 8:
            return f"({self.anentity(d)} is {s.prefix}{r.choice(s.short)}" + (f" in {self.anentity(d)})" if r.random() < 0.4 else ")")
        if k == 9:
            return f"(action {r.choice(['==', 'in'])} {self.action()})"
        if k in (10, 11):
            return self.has(d)
        if k == 12:
            return f"({self.make(('String',), d)} like {self.pattern()})"
        if k == 13:
            t = Types(r, s.short).any(0)
            return f"{self.make(('Set', t), d)}.contains({self.make(t, d)})"
        if k == 14:
            t = Types(r, s.short).any(0)
            return f"{self.make(('Set', t), d)}.{r.choice(['containsAll', 'containsAny'])}({self.make(('Set', t), d)})"
        if k == 15:
            return f"{self.make(('Set', Types(r, s.short).any(0)), d)}.isEmpty()"
        if k == 16:
            a = self.anentity(d)
            key = self.make(("String",), 0)
            t = r.choice([("Bool",), ("Long",)])
            if r.random() < 0.5:
                return f"{a}.hasTag({key})"
            get = f"{a}.getTag({key})"
            return f"({a}.hasTag({key}) && {get if t == ('Bool',) and r.random() < 0.3 else get + ' == ' + self.make(t, d)})"
        name, fns = r.choice([("decimal", ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]),
                              ("ipaddr", ["isInRange"]), ("ipaddr", ["isIpv4", "isIpv6", "isLoopback", "isMulticast"])])
        fn = r.choice(fns)
        arg = "" if fn in ("isIpv4", "isIpv6", "isLoopback", "isMulticast") else self.make(("Ext", name), d)
        return f"{self.make(('Ext', name), d)}.{fn}({arg})"

    def anentity(self, d):
        r = self.r
        if r.random() < 0.6:
            return r.choice(["principal", "resource"])
        if r.random() < 0.1:
            return r.choice(["action", self.action()])
        return self.make(("Entity", r.choice(self.s.short)), d)

    def has(self, d):
        r = self.r
        found = []
        for text, t in self.roots():
            self.paths(t, text, 2, found)
        found = [f for f in found if f[1][0] in ("Entity", "Record")]
        text, t, _ = r.choice(found)
        attrs = self.s.entities[t[1]]["attrs"][1] if t[0] == "Entity" else t[1]
        names = list(attrs) or ["a"]
        name = r.choice(names) if r.random() < 0.8 else r.choice(IDENTS + ODD_NAMES)
        if not is_ident(name) or r.random() < 0.15:
            return f"({text} has {quoted(name)})"
        chain = name
        while r.random() < 0.3:
            chain += "." + r.choice([i for i in IDENTS if is_ident(i)])
        out = f"{text} has {chain}"
        if chain == name and name in attrs and r.random() < 0.5:
            x = attrs[name][0]
            use = f"{text}.{name}"
            out += " && " + (use if x == ("Bool",) else f"{use} == {self.make(x, d)}")
        return f"({out})"

    def pattern(self):
        r = self.r
        return quoted(r.choice(TEXTS))[:-1] + r.choice(["", "*", "\\*", "*a*", "**b"]) + '"'

    @staticmethod
    def paren(x):
        return x if x.startswith("(") or x in ("true", "false") else f"({x})"


class Values:
    """Entity-JSON of a type."""

    def __init__(self, rng, schema, dirty=0.0):
        self.r, self.s, self.dirty = rng, schema, dirty

    def uid(self, name=None):
        r, s = self.r, self.s
        name = name or r.choice(s.short)
        ids = s.entities[name]["enum"] or IDS
        return {"type": s.prefix + name, "id": r.choice(ids)}

    def make(self, t, depth=3):
        r = self.r
        if depth < 3 and r.random() < self.dirty:
            t = r.choice([("Long",), ("String",), ("Bool",)])
        k = t[0]
        if k == "Bool":
            return r.random() < 0.5
        if k == "Long":
            return r.choice(LONGS)
        if k == "String":
            return r.choice(TEXTS)
        if k == "Entity":
            return {"__entity": self.uid(t[1])}
        if k == "Set":
            return [self.make(t[1], depth - 1) for _ in range(r.randint(0, 3))]
        if k == "Record":
            return {n: self.make(x, depth - 1) for n, (x, req) in t[1].items()
                    if (req and r.random() >= self.dirty) or (not req and r.random() < 0.5)}
        fn, good, _ = EXT[t[1]]
        return {"__extn": {"fn": fn, "arg": r.choice(good)}}


def make_entities(rng, schema):
    v, out, seen = Values(rng, schema, 0.02 if rng.random() < 0.1 else 0.0), [], []
    for n in schema.short:
        e = schema.entities[n]
        ids = e["enum"] or rng.sample(IDS, rng.randint(0, 4))
        for i in ids:
            if rng.random() < 0.2:
                continue
            uid = {"type": schema.prefix + n, "id": i}
            # Parents only of those that came before, so that there are no cycles; sometimes one that is not there.
            parents = [p for p in seen if p["type"][len(schema.prefix):] in e["parents"] and rng.random() < 0.4]
            if e["parents"] and rng.random() < 0.2:
                p = v.uid(rng.choice(e["parents"]))
                if schema.short.index(p["type"][len(schema.prefix):]) < schema.short.index(n):
                    parents.append(p)
            one = {"uid": uid, "attrs": v.make(e["attrs"]), "parents": parents}
            if e["tags"] and rng.random() < 0.8:
                one["tags"] = {k: v.make(e["tags"]) for k in rng.sample(TEXTS, rng.randint(0, 3))}
            out.append(one)
            seen.append(uid)
    return out


def make_scope(rng, schema, x, var, slot_ok):
    k = rng.random()
    name = rng.choice(schema.short)
    slot = slot_ok and rng.random() < 0.5
    e = "?" + var if slot else x.uid()
    if k < 0.5:
        return var
    if k < 0.6:
        return f"{var} == {e}"
    if k < 0.7:
        return f"{var} in {e}"
    if k < 0.88:
        return f"{var} is {schema.prefix}{name}"
    return f"{var} is {schema.prefix}{name} in {e}"


def make_policy(rng, schema, template=False):
    usable = [a for a, d in schema.actions.items() if d["principals"]]
    a = rng.choice(usable)
    d = schema.actions[a]
    x = Expressions(rng, schema, (rng.choice(d["principals"]), a, rng.choice(d["resources"])))
    k = rng.random()
    action = ("action" if k < 0.3 else f"action == {schema.prefix}Action::{quoted(a)}" if k < 0.6 else f"action == {x.action()}" if k < 0.7
              else f"action in {x.action()}" if k < 0.8 else "action in [" + ", ".join(x.action() for _ in range(rng.randint(0, 3))) + "]")
    principal = make_scope(rng, schema, x, "principal", template)
    if rng.random() < 0.3:
        principal = f"principal is {schema.prefix}{x.env[0]}"
    resource = make_scope(rng, schema, x, "resource", template)
    if rng.random() < 0.3:
        resource = f"resource is {schema.prefix}{x.env[2]}"
    if template and "?" not in principal + resource:
        principal = "principal == ?principal"
    out = "".join(f"@{rng.choice(['a', 'b', 'id', 'if'])}({quoted(rng.choice(TEXTS))})\n" for _ in range(rng.random() < 0.1))
    out += f"{rng.choice(['permit', 'permit', 'forbid'])} ({principal}, {action}, {resource})"
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        x.guards = []
        body = x.make(("Bool",), rng.randint(1, 4))
        if x.guards and rng.random() < 0.8:
            body = " && ".join(dict.fromkeys(x.guards)) + " && " + body
        out += f" {rng.choice(['when', 'when', 'unless'])} {{ {body} }}"
    return out + ";"


def make_request(rng, schema):
    v = Values(rng, schema, 0.02 if rng.random() < 0.1 else 0.0)
    usable = [a for a, d in schema.actions.items() if d["principals"]]
    a = rng.choice(usable) if rng.random() < 0.95 else rng.choice(list(schema.actions) + ["none"])
    d = schema.actions.get(a) or schema.actions[usable[0]]
    if rng.random() < 0.95 and d["principals"]:
        p, q = v.uid(rng.choice(d["principals"])), v.uid(rng.choice(d["resources"]))
    else:
        p, q = v.uid(), v.uid()
    context = v.make(d["context"])
    if not isinstance(context, dict) or "__entity" in context or "__extn" in context:
        context = {}
    return {"principal": p, "action": {"type": schema.prefix + "Action", "id": a}, "resource": q, "context": context}


def make_case(rng, n_policies=4, n_requests=20):
    """A Case: {schema: text, entities: [..], policies: {id: text}, templates: {id: text}, links: [..], requests: [..]}"""
    s = Schema(rng)
    templates = {f"t{i}": make_policy(rng, s, template=True) for i in range(rng.choice([0, 0, 0, 1]))}
    links = []
    for i, (t, text) in enumerate(templates.items()):
        v = Values(rng, s)
        values = {slot: v.uid() for slot in ("?principal", "?resource") if slot in text.split("{")[0]}
        links.append({"templateId": t, "newId": f"l{i}", "values": values})
    return {"schema": s.text(), "entities": make_entities(rng, s),
            "policies": {f"policy{i}": make_policy(rng, s) for i in range(rng.randint(1, n_policies))},
            "templates": templates, "links": links, "requests": [make_request(rng, s) for _ in range(n_requests)]}


if __name__ == "__main__":
    import random
    import sys
    print(json.dumps(make_case(random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)), indent=1, ensure_ascii=False))

# SPDX-License-Identifier: Apache-2.0
"""Trees, policies over them, and operations on their names, all out of one seeded generator. Nothing here knows what is allowed."""
import os
import re

NAMES = ["a", "b", "src", "docs", "secret", ".env", "f.txt", "g.py", "key.pem", "new", "[x]", "run"]
GLOBS = ["**/.env", "*.txt", "**/*.pem", "src/*", "src/**", "docs/**", "**/secret/**", "a/**", "*/b", "?", "**", "*/*.py", "{a,b}/**",
         "[ab]/*", "**/secret", "b/*/**", "run", "**/run", ".git/**",
         # What some names match and others beside them do not.
         "[!as]*/**", "????*/**", "??/**", "src/[!a]*", "*[!e]*/**", "?/[!a-f]*/**"]
OF_FILE = ["read", "write", "readwrite", "truncate", "chmod", "utimes", "unlink"]


def matches(pattern, name):
    """The patterns that are made here, by docs/spec/patterns.md; what is written without Ward's own matcher."""
    text, i = "", 0
    while i < len(pattern):
        rest = pattern[i:]
        step = next(((p, t) for p, t in (("**/", "(?:.*/)?"), ("/**", "(?:/.*)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]")) if rest.startswith(p)), None)
        if step is None and rest[0] == "[":
            step = (rest[:rest.index("]") + 1], rest[:rest.index("]") + 1].replace("[!", "[^", 1))
        if step is None and rest[0] == "{":
            step = (rest[:rest.index("}") + 1], "(?:" + rest[1:rest.index("}")].replace(",", "|") + ")")
        if step is None and rest[0] == "\\":
            step = (rest[:2], re.escape(rest[1]))
        step = step or (rest[0], re.escape(rest[0]))
        text, i = text + step[1], i + len(step[0])
    return re.fullmatch(text, name) is not None


class Tree:
    """What stands in a workspace: {path relative to it: "f", "x" (a script), "d", "l"}."""

    def __init__(self, rng, ws):
        self.ws, self.at, self.texts, self.links, self.twice = str(ws), {}, {}, {}, set()
        self._fill(rng, "", 0)
        if rng.random() < 0.3 and ".git" not in self.at:
            self._git()
        files = [p for p, k in self.at.items() if k == "f"]
        for _ in range(rng.randrange(3) if files else 0):
            one, two = rng.choice(files), self.free(rng, rng.choice(self.dirs()))
            os.link(self.host(one), self.host(two))
            self.at[two] = "f"
            self.twice |= {one, two}
        for _ in range(rng.randrange(4)):
            name, to = self.free(rng, rng.choice(self.dirs())), rng.choice(list(self.at) or ["a"])
            os.symlink(self.host(to), self.host(name))
            self.at[name], self.links[name] = "l", to

    def host(self, path):
        return f"{self.ws}/{path}" if path else self.ws

    def way(self, name, follow):
        """The links on the way to name, and what it is in the end."""
        way = []
        while True:
            above = [name[:i] for i in range(len(name)) if name[i] == "/"] + [name] * follow
            link = next((n for n in above if n in self.links), None)
            if link is None:
                return way, name
            way.append(link)
            name = self.links[link] + name[len(link):]

    def dirs(self):
        return [""] + [p for p, k in self.at.items() if k == "d"]

    def _file(self, path, script):
        text = f"#{len(self.texts)}"
        self.texts[path] = f"#!/usr/bin/true {text}" if script else text
        with open(self.host(path), "w", encoding="utf-8") as f:
            f.write(self.texts[path] + "\n")
        os.chmod(self.host(path), 0o755 if script else 0o644)
        self.at[path] = "x" if script else "f"

    def _dir(self, path):
        os.mkdir(self.host(path))
        self.at[path] = "d"

    def _fill(self, rng, top, depth):
        for name in rng.sample(NAMES, rng.randrange(3, 8) if depth == 0 else rng.randrange(5)):
            path = f"{top}/{name}".lstrip("/")
            if depth < 3 and "." not in name and name != "run" and rng.random() < 0.8:
                self._dir(path)
                self._fill(rng, path, depth + 1)
            else:
                self._file(path, name == "run" or rng.random() < 0.1)

    def _git(self):
        self._dir(".git")
        for d in ("objects", "refs", "hooks"):
            self._dir(".git/" + d)
        for f, text in (("HEAD", "ref: refs/heads/main"), ("config", "[core]")):
            with open(self.host(".git/" + f), "w", encoding="utf-8") as out:
                out.write(text + "\n")
            self.at[".git/" + f] = "f"

    def free(self, rng, top):
        for name in rng.sample(NAMES, len(NAMES)) + [f"new{i}" for i in range(9)]:
            path = f"{top}/{name}".lstrip("/")
            if path not in self.at:
                return path
        raise RuntimeError("no name is free")

    def below(self, path):
        return [p for p in self.at if p.startswith(path + "/")]


def literal(rule):
    """The one name that a rule is about, or all below it; or None."""
    path = rule.lstrip("!").removesuffix("/**")
    return None if any(c in path.replace("\\[", "").replace("\\]", "") for c in "*?[{") else path.replace("\\", "")


# Of any run here: always true, never true; what only a condition looks at.
TRUE = ['context.tier >= 0', 'principal in Ward::Person::"nobody" || context.tier < 9', '!context.labels.contains("no=such")', 'principal is Ward::Run',
        'principal has workspace && principal.workspace == Ward::Path::"./"', '[1, 2].contains(2) && !("a.b" like "a\\*b")', '"a*b" like "a\\**"']
FALSE = ['context.tier > 3', 'principal in Ward::Agent::"nobody"', 'context.labels.containsAny(["no=such"])', 'context.environment == Ward::Environment::"prod"',
         'context has mode && context.mode == Ward::Mode::"danger_full_access"']


def _member(rng, tree, out):
    """A condition about where the resource lies."""
    def place(pattern):
        if not pattern:
            path = rng.choice(list(tree.at) + [rng.choice(NAMES)])
            out["mentions"].add(path)
            return f'Ward::Path::"./{path}"'
        glob = rng.choice(GLOBS)
        out["patterns"].add(glob)
        out["mentions"] |= {literal(glob)} - {None}
        return f'Ward::Glob::"{glob}"'
    pattern = rng.random() < 0.4     # the types of a set are one
    places = [place(pattern) for _ in range(rng.choice([1, 1, 2, 3]))]
    if len(places) > 1:
        return f'resource in [{", ".join(places)}]'
    if "Path" in places[0] and rng.random() < 0.2:
        return f"resource == {places[0]}"
    return rng.choice([f"resource in {places[0]}", f"resource is Ward::Path in {places[0]}", f"(if {rng.choice(TRUE)} then resource in {places[0]} else false)"])


def _condition(rng, tree, out, depth=0):
    """Logic over places and over what does not change while a run lives."""
    kind = rng.randrange(8)
    if depth > 2 or kind < 3:
        return _member(rng, tree, out)
    if kind == 3:
        return "(" + rng.choice(TRUE if rng.random() < 0.6 else FALSE) + ")"
    if kind == 4:
        return f"!({_condition(rng, tree, out, depth + 1)})"
    if kind == 5:
        one, two, three = (_condition(rng, tree, out, depth + 1) for _ in range(3))
        return f"(if {one} then {two} else {three})"
    return f'({_condition(rng, tree, out, depth + 1)} {rng.choice(["&&", "||"])} {_condition(rng, tree, out, depth + 1)})'


def _when(rng, tree, out):
    return "".join(f' {rng.choice(["when", "unless"])} {{ resource is Ward::Program || {_condition(rng, tree, out)} }}' if rng.random() < 0.1 else
                   f' {rng.choice(["when", "unless"])} {{ {_condition(rng, tree, out)} }}' for _ in range(rng.choice([0, 0, 0, 1, 1, 2])))


def _cedar(rng, tree, out):
    for _ in range(rng.randrange(2, 8)):
        effect = "forbid" if rng.random() < 0.4 else "permit"
        actions = rng.choice([["fs.read"], ["fs.read", "fs.write"], ["fs.read", "fs.write"], ["fs.write"], ["fs.read", "fs.exec", "proc.exec"]])
        if effect == "permit" and actions == ["fs.write"]:
            actions = ["fs.read", "fs.write"]
        if rng.random() < 0.6:
            path = rng.choice(list(tree.at) + [tree.free(rng, rng.choice(tree.dirs())), rng.choice(NAMES), rng.choice(NAMES) + "/deep/er"])
            out["mentions"].add(path)
            what = f'{"==" if rng.random() < 0.15 else "in"} Ward::Path::"./{path}"'
        elif rng.random() < 0.2:
            what = 'in Ward::Path::"./"'
        else:
            glob = rng.choice(GLOBS)
            out["patterns"].add(glob)
            out["mentions"] |= {literal(glob)} - {None}
            what = f'in Ward::Glob::"{glob}"'
        out["cedar"] += "%s (principal, action in [%s], resource %s)%s;\n" % (
            effect, ", ".join(f'Ward::Action::"{a}"' for a in actions), what, _when(rng, tree, out))


def _rules(rng, tree, exceptions, literal=False):
    """literal: an exception names one path or directory."""
    rules = []
    for i in range(rng.randrange(1, 5)):
        but = exceptions and i and rng.random() < 0.4
        escaped = rng.choice(list(tree.at)).replace("[", "\\[").replace("]", "\\]") + rng.choice(["", "/**"])
        rule = rng.choice(GLOBS[:-4]) if rng.random() < 0.6 and not (but and literal) else escaped
        rules.append(("!" if but else "") + rule)
    return rules


def _profile(rng, tree, out):
    doc = {"schemaVersion": 2, "kind": "Policy", "metadata": {"name": "p"}, "spec": {"grammar": 2, "fsProfiles": {"p": {
        "read": (["**"] if rng.random() < 0.6 else []) + _rules(rng, tree, True), "modify": _rules(rng, tree, True),
        "allowExec": ["*"]}}}}
    if rng.random() < 0.4:
        doc["spec"]["denyRead"] = _rules(rng, tree, False)
    if rng.random() < 0.5:
        doc["spec"]["denyModify"] = _rules(rng, tree, True, True)
    out["doc"] = doc
    lists = [doc["spec"].get("denyRead", []), doc["spec"].get("denyModify", []), *(doc["spec"]["fsProfiles"]["p"][k] for k in ("read", "modify"))]
    out["mentions"] |= {literal(rule) for rules in lists for rule in rules} - {None}
    out["patterns"] |= {rule.lstrip("!") for rules in lists for rule in rules}
    out["options"] += [("profile", "p")]


def _grants(rng, tree, out):
    for _ in range(rng.randrange(1, 5)):
        kind = rng.choice(["read", "write"])
        if rng.random() < 0.6:
            path = rng.choice(list(tree.links) if tree.links and rng.random() < 0.3 else list(tree.at) or [""])
            out["options"].append((kind, tree.host(path)))
        else:
            pattern = rng.choice(["src/**", "a/**", "docs/**", "*.txt", "**/*.py", "*", "**/.env"])
            out["options"].append(("cap", f"FILE_{kind.upper()}:{pattern}"))
            out["patterns"].add(pattern)


def policy(rng, tree):
    """Options, and what goes into files: {"options", "cedar", "doc", "narrow", "mentions", "patterns"}."""
    out = {"options": [], "cedar": "", "doc": None, "narrow": "", "mentions": set(), "patterns": set()}
    kind = rng.choice(["cedar", "cedar", "cedar", "profile", "profile", "mode", "mode", "grants"])
    if kind == "cedar":
        if rng.random() < 0.5:
            out["cedar"] += 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./");\n'
        _cedar(rng, tree, out)
    elif kind == "profile":
        _profile(rng, tree, out)
    elif kind == "mode":
        out["options"].append(("mode", rng.choice(["read_only", "workspace_write", "workspace_write", "repo_write"])))
        if rng.random() < 0.6:
            _cedar(rng, tree, out)
    if kind == "grants" or rng.random() < 0.2:
        _grants(rng, tree, out)
    if rng.random() < 0.2:
        narrow = {"cedar": "", "mentions": out["mentions"], "patterns": out["patterns"]}
        _cedar(rng, tree, narrow)
        out["narrow"] = narrow["cedar"]
    return out


def operations(rng, tree, most):
    """(call, name, other name or None) of names relative to the workspace."""
    ops = []
    dirs = tree.dirs()
    for path, kind in tree.at.items():
        top = os.path.dirname(path)
        if kind in "fx":
            ops += [(c, path, None) for c in OF_FILE] + [("exec", path, None)] * (kind == "x")
            ops += [("link", path, tree.free(rng, rng.choice([top] + dirs))), ("rename", path, tree.free(rng, rng.choice([top] + dirs)))]
        elif kind == "d":
            ops += [("list", path, None), ("rename", path, tree.free(rng, top)), ("chmod", path, None)]
            if not tree.below(path):
                ops.append(("rmdir", path, None))
        else:
            to = tree.way(path, True)[1]
            ops += [("unlink", path, None), ("rename", path, tree.free(rng, top))]
            ops += [(c, path, None) for c in (("list", "chmod") if tree.at.get(to) == "d" else ("read", "write", "readwrite", "truncate", "utimes"))]
            ops += [(c, path + n[len(to):], None) for n in tree.below(to)[:3] if tree.at[n] in "fx" for c in ("read", "write")]
    for path in dirs:
        ops += [(c, tree.free(rng, path), None) for c in ("create", "mkdir", "symlink", "mkfifo") for _ in range(2)]
    rng.shuffle(ops)
    return ops[:most]

# SPDX-License-Identifier: Apache-2.0
"""One world: a tree, a policy and operations; what the judge says of them by src/policy/ops.def, and what the kernel does."""
import errno
import json
import os
import random
import subprocess

import generate
from excuses import MAKES, Excuses

REFUSED = {getattr(errno, n) for n in "EROFS ENOENT EACCES EPERM EBUSY EXDEV".split()}
PINNED = (errno.EEXIST, errno.EISDIR)   # where an empty directory stands
FLIPS = 8
LOADER = "/usr/bin/true"
# Operation: actions on the first name, actions on the second. SUBTREE, ABOVE and CHAIN are seen to below.
NEEDS = {
    "read": (["fs.read"], []), "list": (["fs.read"], []), "write": (["fs.write"], []), "readwrite": (["fs.read", "fs.write"], []),
    "truncate": (["fs.write"], []), "chmod": (["fs.write"], []), "utimes": (["fs.write"], []), "unlink": (["fs.write"], []),
    "rmdir": (["fs.write"], []), "create": (["fs.write"], []), "mkdir": (["fs.write"], []), "symlink": (["fs.write"], []),
    "mkfifo": (["fs.write"], []), "link": (["fs.read", "fs.write"], ["fs.write"]), "rename": (["fs.write"], ["fs.write"]),
    "exec": (["fs.exec", "proc.exec"], []),
}
FOLLOWS = ("read", "write", "readwrite", "truncate", "chmod", "utimes", "list")


REFUSALS = ("axis files", "cannot be in the view", "it leads to", "matches no", "take it out", "a rule forbids it", "lists what may be granted",
            "does not exist")


def add(counts, name, n=1):
    counts[name] = counts.get(name, 0) + n


def answers(out):
    """What the prober says: {operation: (errno, text)}, {operation: errno of what could not be undone}, host paths that the other one lost."""
    got, lost, away = {}, {}, []
    for line in out.splitlines():
        kind, *rest = line.split(" ", 3)
        if kind == "=":
            got[int(rest[0])] = (int(rest[1]), rest[2])
        elif kind == "!":
            lost[int(rest[0])] = int(rest[1])
        elif kind == "-":
            away.append(line[2:])
    return got, lost, away

GIT_READ = (".git/config", ".git/hooks")   # names that run code later, in each tree that has a repository


class World:
    def __init__(self, place, seed, tools, concurrent, most):
        self.rng, self.p, self.seed, self.concurrent = random.Random(seed), place, seed, concurrent
        self.judge, self.prober = tools
        self.tree = generate.Tree(self.rng, place.ws)
        self.policy = generate.policy(self.rng, self.tree)
        self.ops = generate.operations(self.rng, self.tree, most)
        self.options = list(self.policy["options"])
        for name, text in (("p.cedar", self.policy["cedar"]), ("p.json", self.policy["doc"] and json.dumps(self.policy["doc"], indent=1))):
            if text:
                (place.side / name).write_text(text)
                self.options.append(("policy", str(place.side / name)))
        if self.policy["narrow"]:
            place.write(".ward/n.cedar", self.policy["narrow"])
        self.said, self.loader, self.granted, self.away = {}, LOADER, self.named(), []
        self.text = {n: self.first_line(n) for n, kind in self.tree.at.items() if kind in "fx"}

    def named(self):
        """What options grant by its name."""
        t = self.tree
        found = set()
        for kind, value in self.options:
            if kind in ("read", "write"):
                found |= {n for n in t.at if t.host(n) == value}
            elif kind == "cap":
                pattern = value.split(":", 1)[1]
                found |= {n for n in t.at if n == generate.literal(pattern) or (not pattern.endswith("/**") and generate.matches(pattern, n))}
        return found | {t.way(n, True)[1] for n in found}

    def first_line(self, name):
        with open(self.tree.host(name), encoding="utf-8") as f:
            return f.readline().rstrip("\n")

    # ---- the judge ----

    def words(self):
        return [w for name, value in self.options for w in ("--" + name, value)]

    def ask(self):
        """Everything that will be asked, in one go."""
        t = self.tree
        names = {n for _, a, b in self.ops for n in (a, b) if n is not None} | set(t.at) | {""}
        names |= {n for name in list(names) for n in t.way(name, True)[0] + [t.way(name, True)[1]]}
        names |= {(os.path.dirname(n) + "/*").lstrip("/") for n in names if n} | {(n + "/*") for n in t.at if t.at[n] == "d"}
        names |= self.policy["mentions"] | {(m + "/*") for m in self.policy["mentions"]}
        asked = [(a, n) for n in sorted(names) for a in ("fs.read", "fs.write", "fs.exec", "proc.exec")]
        lines = [f"{a} 1 {self.tree.host(n)}" for a, n in asked] + [f"{a} 1 {LOADER}" for a in ("fs.read", "fs.exec", "proc.exec")]
        r = subprocess.run([self.judge] + [w for o in self.options for w in o], input="\n".join(lines) + "\n", text=True, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.p.ws, env=self.p.env(), check=False)
        answers = r.stdout.split()
        if r.returncode or len(answers) != len(lines):
            return r.stderr or f"judge: {r.returncode}"
        self.said = dict(zip(asked + [("fs.read", LOADER), ("fs.exec", LOADER), ("proc.exec", LOADER)], (a == "allow" for a in answers)))
        return None

    def may(self, action, name):
        return self.said[action, name]

    def in_dir(self, action, name):
        return self.may(action, (os.path.dirname(name) + "/*").lstrip("/"))

    def missing(self, op):
        """What the judge does not allow of it: [(action, name)], empty if all of it is allowed."""
        call, a, b = op
        first, second = NEEDS[call]
        way, on = self.tree.way(a, call in FOLLOWS)
        needed = [("fs.read", n) for n in way] + [(n, on) for n in first] + [(n, b) for n in second]
        if call == "rename":
            needed += [("fs.write", n) for n in self.tree.below(a)]
        if call == "exec":
            needed += [("fs.exec", LOADER), ("proc.exec", LOADER)]
        return [n for n in needed if not self.may(*n)]

    # ---- what is wrong on purpose ----

    def planted(self, plant):
        """Make the judge's answers, or the view, another; is there an operation that has to tell? After ask()."""
        plain = [op for op in self.ops if op[0] in ("read", "write") and self.tree.at.get(op[1]) in ("f", "x")
                 and not (op[0] == "write" and op[1] in GIT_READ)]   # which is only read whatever the judge says
        if plant == "judge":
            op = self.rng.choice(plain) if plain else None
            key = op and ("fs." + op[0], op[1])
            if key:
                self.said[key] = not self.said[key]
            return op is not None
        (self.p.ws / ".ward/n.cedar").unlink(missing_ok=True)
        self.options = [("write" if plant == "wide" else "read", str(self.p.ws))]
        if plant == "wide":
            return any(self.missing(op) for op in plain)
        return any(not self.missing(op) for op in plain if op[0] == "write")

    # ---- the kernel ----

    def run(self):
        lines = "".join(f"{c} {self.tree.host(a)}{' ' + self.tree.host(b) if b is not None else ''}\n" for c, a, b in self.ops)
        more = ["-c", str(self.seed)] if self.concurrent else []
        return self.p.outcome("--quiet", "--accept", "files=advisory", *self.words(), "--", self.prober, *more, data=lines.encode(), timeout=600)

    def held(self):
        """Names that run code later, which a plan holds whatever its policies say (docs/persistence.md)."""
        r = self.p.run("--accept", "files=advisory", *self.words(), "--json", "--", self.prober, kind=("plan",), log=False)
        if r.code:
            return []
        top = self.tree.ws + "/"
        view = json.loads(r.out)["view"]
        # Of git's own, what lies in something that is only read needs no mount, and is not among those that the plan lists.
        unlisted = [n for n in GIT_READ if n in self.tree.at and n not in self.granted and not self.written(view, top + n)]
        return [n["dest"][len(top):] for n in view if n.get("later") and n["dest"].startswith(top)] + unlisted

    @staticmethod
    def written(view, path):
        """As the narrowest mount that it lies in has it."""
        over = [n for n in view if n["kind"] == "bind" and (path + "/").startswith(n["dest"].rstrip("/") + "/")]
        return bool(over) and max(over, key=lambda n: len(n["dest"])).get("write", False)

    # ---- the difference ----

    def leaks(self, out):
        """Texts of files that were read or written by another name, though every name of them forbids it."""
        t = self.tree
        found = []
        for line in out.splitlines():
            if line[:2] not in ("r ", "w "):
                continue
            owners = [p for p, text in t.texts.items() if text == line[2:]]
            action = {"r": "fs.read", "w": "fs.write"}[line[0]]
            if owners and not owners[0] in t.twice and not self.may(action, owners[0]):
                found.append(f"{action} of {owners[0]} by another name")
        return found

    def compare(self, counts, plant=None):
        """Differences, as texts. counts: {"pairs": n, "refused": n, inequality: n}. With a plant that nothing can tell: None."""
        why = self.ask()
        if plant and (why or not self.planted(plant)):
            return None
        held = self.held()
        r, outcome = self.run()
        if why:
            add(counts, "wrong policies")
            told = why.partition(": ")[2].strip()   # a condition of the generator's may be true of no run: both say so
            return [] if r.code == 125 and (".json:" in why or told and told in r.err) else [f"{why} for the judge; the run ended with {r.code}: {r.err}"]
        if r.code == 125 and any(text in r.err for text in REFUSALS):
            add(counts, "refused")
            return None if plant else []
        got, lost, away = answers(r.out)
        self.away = [name[len(self.tree.ws) + 1:] for name in away]
        if r.code or len(got) != len(self.ops):
            return [f"the run ended with {r.code}, {len(got)} answers: {r.err}"]
        known = Excuses(self, outcome["axes"]["files"] == "advisory", held)
        wrong = [f"{self.ops[i]}: done, and undone: {errno.errorcode.get(e, e)}" for i, e in lost.items() if e != errno.EXDEV]
        wrong += self.leaks(r.out) + self.differences(known, got, lost, counts)
        if not wrong:
            self.flip(known, got, lost, counts)
        return wrong

    def flip(self, known, got, lost, counts):
        """Would it be seen if one answer of the judge were another? How often it is, says how wide the excuses are."""
        kinds = {"f": "file", "x": "file", "d": "directory", None: "name to come"}
        keys = [k for k in self.said if k[0] in ("fs.read", "fs.write") and self.tree.at.get(k[1]) in kinds and k[1] and k[1][-1] != "*"
                and not k[1].startswith("/")]
        for action, name in self.rng.sample(keys, min(FLIPS, len(keys))):
            kind = self.tree.at.get(name)
            changed = [(action, n) for n in ([name, name + "/*"] if kind == "d" else [name])]
            said = dict(self.said)
            before = [bool(self.missing(op)) for op in self.ops]
            self.said.update({k: not said[action, name] for k in changed})
            if before != [bool(self.missing(op)) for op in self.ops]:
                add(counts, f"{kinds[kind]}: flipped")
                add(counts, f"{kinds[kind]}: seen", bool(self.differences(known, got, lost, {})))
            self.said = said

    def moved(self, op, i, lost):
        """Is one of its names another than it was, because an operation before it could not be undone?"""
        gone = self.away + [n for k in lost if k < i for n in self.ops[k][1:] if n is not None]
        names = [n for n in op[1:] if n is not None] + ([self.tree.way(op[1], True)[1]])
        return any(n == g or n.startswith(g + "/") or g.startswith(n + "/") for n in names for g in gone)

    def differences(self, known, got, lost, counts):
        wrong = []
        for i, op in enumerate(self.ops):
            if self.moved(op, i, lost):
                add(counts, "moved for good")
                continue
            add(counts, "pairs")
            add(counts, "concurrent", self.concurrent)
            why = self.difference(known, op, *got[i])
            add(counts, "allowed", not self.missing(op))
            if why and why.startswith("("):
                wrong.append(why)
            elif why:
                add(counts, why)
        return wrong

    def difference(self, known, op, e, text):
        """None; the name of a known difference; or a difference, which begins with the operation."""
        missing = self.missing(op)
        if e == errno.ENOEXEC and op[0] == "exec" and self.concurrent:
            e = 0   # the kernel let it be executed: what had the name just then was no script
        if e and e not in REFUSED and not (e in PINNED and known.pins(op[1] if op[0] in MAKES else op[2])):
            return f"{op}: {errno.errorcode.get(e, e)}"
        if e == 0 and known.changes_held(op, self.granted):
            return f"{op}: done, and the plan says that it is held"
        if (e == 0) == (not missing):
            there = self.text.get(self.tree.way(op[1], True)[1])
            if e == 0 and op[0] == "read" and not self.concurrent and there is not None and text != there:
                return f"{op}: read {text!r}, not {there!r}"
            return None
        why = known.done(op, missing, text) if e == 0 else known.refused(op, e)
        return why or f"{op}: judged {'allowed' if not missing else 'refused'}, {errno.errorcode.get(e, 'done')} {text!r}"

    def repro(self):
        return f"seed {self.seed}: ward run {' '.join(self.words())}\n{self.policy['cedar']}{json.dumps(self.policy['doc']) if self.policy['doc'] else ''}" \
               f"{'.ward/n.cedar: ' + self.policy['narrow'] if self.policy['narrow'] else ''}\n{ {p: k for p, k in sorted(self.tree.at.items())} }"

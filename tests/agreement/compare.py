# SPDX-License-Identifier: Apache-2.0
"""One world: a tree, a policy and operations; what the judge says of them by src/policy/ops.def, and what the kernel does."""
import errno
import json
import os
import random
import subprocess

import generate
from cli import WARD

REFUSED = {getattr(errno, n) for n in "EROFS ENOENT EACCES EPERM EBUSY EXDEV".split()}
LOADER = "/usr/bin/true"
# Operation: actions on the first name, actions on the second. SUBTREE, ABOVE and CHAIN are seen to below.
NEEDS = {
    "read": (["fs.read"], []), "list": (["fs.read"], []), "write": (["fs.write"], []), "readwrite": (["fs.read", "fs.write"], []),
    "truncate": (["fs.write"], []), "chmod": (["fs.write"], []), "utimes": (["fs.write"], []), "unlink": (["fs.write"], []),
    "rmdir": (["fs.write"], []), "create": (["fs.write"], []), "mkdir": (["fs.write"], []), "symlink": (["fs.write"], []),
    "mkfifo": (["fs.write"], []), "link": (["fs.read", "fs.write"], ["fs.write"]), "rename": (["fs.write"], ["fs.write"]),
    "exec": (["fs.exec", "proc.exec"], []),
}
MAKES = ("create", "mkdir", "symlink", "mkfifo")
MOVES = ("unlink", "rmdir", "rename")


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
        self.said = {}

    # ---- the judge ----

    def words(self):
        return [w for name, value in self.options for w in ("--" + name, value)]

    def ask(self):
        """Everything that will be asked, in one go."""
        t = self.tree
        names = {n for _, a, b in self.ops for n in (a, b) if n is not None} | set(t.at) | {""}
        names |= {t.links[n] for n in list(names) if n in t.links}
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

    def expected(self, op):
        call, a, b = op
        first, second = NEEDS[call]
        on = self.tree.links.get(a, a) if call == "read" else a
        if on.startswith(".."):
            return False
        yes = all(self.may(n, on) for n in first) and all(self.may(n, b) for n in second)
        if on != a:
            yes = yes and self.may("fs.read", a)
        if call == "rename":
            yes = yes and all(self.may("fs.write", n) for n in self.tree.below(a))
        if call == "exec":
            yes = yes and self.may("fs.exec", LOADER) and self.may("proc.exec", LOADER)
        return yes

    # ---- the kernel ----

    def run(self):
        lines = "".join(f"{c} {self.tree.host(a)}{' ' + self.tree.host(b) if b is not None else ''}\n" for c, a, b in self.ops)
        more = ["-c", str(self.seed)] if self.concurrent else []
        return self.p.run("--quiet", "--accept", "files=advisory", *self.words(), "--", self.prober, *more, data=lines.encode(), timeout=120)

    # ---- the difference ----

    def pinned(self, name):
        """Is name, or what it lies in, the first missing part of something that a policy names?"""
        return [m for m in self.policy["mentions"] if (m == name or m.startswith(name + "/")) and m not in self.tree.at]

    def excused(self, op, want, e, text):
        """The name of the listed inequality that explains it (docs/agreement.md), or None."""
        call, a, b = op
        made = a if call in MAKES else b
        t = self.tree
        if want:
            if call == "exec" and not (self.may("fs.read", a) and self.may("fs.read", LOADER)):
                return "programs are read"
            if e == errno.EXDEV and b is not None:
                return "two grants"
            if call in MOVES + ("link",) and (not self.in_dir("fs.write", a) or e == errno.EBUSY):
                return "a grant is its inode"
            if made is not None and not (self.in_dir("fs.write", made) and self.may("fs.write", os.path.dirname(made))):
                return "names at the start"
            if made is not None and self.pinned(made):
                return "pinned above"
            if t.at.get(a) == "d" and not self.may({"list": "fs.read"}.get(call, "fs.write"), a + "/*"):
                return "a directory is what lies in it"
            if t.at.get(a) == "l" and not self.in_dir("fs.read" if call == "read" else "fs.write", a):
                return "links are of their directory"
        else:
            top = made is not None and os.path.dirname(made)
            if made is not None and not self.may("fs.write", made) and not self.pinned(made) and (
                    self.in_dir("fs.write", made) or self.may("fs.write", top)):
                if call in MAKES or self.expected_but(op):
                    return "names at the start"
            if call == "list" and e == 0:
                below = t.below(a)
                shown = [f"{a}/{n}" for n in text.split("/") if n]
                seen = {p for p in below if self.may("fs.read", p)}
                if seen and all(any(s == q or q.startswith(s + "/") for q in seen) for s in shown):
                    return "directories above"
                if self.may("fs.read", a + "/*"):
                    return "a directory is what lies in it"
            if t.at.get(a) == "d" and call in MOVES + ("chmod",) and self.may("fs.write", a + "/*") and not self.may("fs.write", a):
                return "a directory is what lies in it"
            does = "fs.read" if call == "read" else "fs.write"
            if t.at.get(a) == "l" and (self.in_dir(does, a) or self.may(does, os.path.dirname(a))):
                return "links are of their directory"
            below = [n for n in t.below(a) if not self.may("fs.write", n)] if call == "rename" else []
            if below and self.may("fs.write", a) and all(
                    t.at[n] == "l" or (t.at[n] == "d" and self.may("fs.write", n + "/*")) for n in below):
                return "links are of their directory" if any(t.at[n] == "l" for n in below) else "a directory is what lies in it"
        return None

    def expected_but(self, op):
        """Would it be allowed but for the name that is made?"""
        call, a, _ = op
        first, _ = NEEDS[call]
        return all(self.may(n, a) for n in first) and (call != "rename" or all(self.may("fs.write", n) for n in self.tree.below(a)))

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

    def compare(self, counts):
        """Differences, as texts. counts: {"pairs": n, "refused": n, inequality: n}."""
        why = self.ask()
        r = self.run()
        if why:
            counts["wrong policies"] = counts.get("wrong policies", 0) + 1
            return [] if r.code == 125 and ".json:" in why else [f"{why} for the judge; the run ended with {r.code}: {r.err}"]
        if r.code == 125 and ("axis files" in r.err or "cannot be in the view" in r.err or "it leads to" in r.err or "matches no" in r.err
                              or "take it out" in r.err or "a rule forbids it" in r.err or "lists what may be granted" in r.err or "does not exist" in r.err):
            counts["refused"] = counts.get("refused", 0) + 1
            return []
        got = {}
        for line in r.out.splitlines():
            if line.startswith("= "):
                _, i, e, text = line.split(" ", 3)
                got[int(i)] = (int(e), text)
        if r.code or len(got) != len(self.ops):
            return [f"the run ended with {r.code}, {len(got)} answers: {r.err}"]
        wrong = self.leaks(r.out)
        for i, op in enumerate(self.ops):
            e, text = got[i]
            want = self.expected(op)
            if want and e == errno.ENOENT and self.concurrent and not os.path.lexists(self.tree.host(op[1])) and op[0] not in MAKES:
                counts["moved for good"] = counts.get("moved for good", 0) + 1   # by the other one, before it was undone
                continue
            counts["pairs"] = counts.get("pairs", 0) + 1
            counts["concurrent"] = counts.get("concurrent", 0) + self.concurrent
            counts["allowed"] = counts.get("allowed", 0) + want
            made = op[1] if op[0] in MAKES else op[2]
            if e and e not in REFUSED and not (made is not None and self.pinned(made)):
                wrong.append(f"{op}: {errno.errorcode.get(e, e)}")
            elif (e == 0) != want:
                why = self.excused(op, want, e, text)
                if why:
                    counts[why] = counts.get(why, 0) + 1
                else:
                    wrong.append(f"{op}: judged {'allowed' if want else 'refused'}, {errno.errorcode.get(e, 'done')} {text!r}")
            elif e == 0 and op[0] == "read" and self.tree.at[op[1]] != "l" and not self.concurrent and text != self.text(op[1]):
                wrong.append(f"{op}: read {text!r}")
        return wrong

    def text(self, name):
        """What the file's first line is now; what cannot be read is no line of any file."""
        try:
            with open(self.tree.host(name), encoding="utf-8") as f:
                return f.readline().rstrip("\n")
        except (OSError, UnicodeDecodeError) as why:
            return why

    def repro(self):
        return f"seed {self.seed}: ward run {' '.join(self.words())}\n{self.policy['cedar']}{json.dumps(self.policy['doc']) if self.policy['doc'] else ''}" \
               f"{'.ward/n.cedar: ' + self.policy['narrow'] if self.policy['narrow'] else ''}\n{ {p: k for p, k in sorted(self.tree.at.items())} }"

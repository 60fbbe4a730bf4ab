# SPDX-License-Identifier: Apache-2.0
"""What is known to differ between the judge and the kernel (docs/agreement.md): each under its own condition, and only there."""
import errno
import os

import generate

MAKES = ("create", "mkdir", "symlink", "mkfifo")
MOVES = ("unlink", "rmdir", "rename")


class Excuses:
    """w: the world, which says what may be done with a name. held: names that run code later, as the plan has them."""

    def __init__(self, world, advisory, held=()):
        self.w, self.t, self.advisory, self.held = world, world.tree, advisory, set(held)

    # ---- what runs code later, and is only read whatever a policy says ----

    def is_held(self, name, but=()):
        def above(names):
            return max((len(n) for n in names if name == n or name.startswith(n + "/")), default=-1)
        return name is not None and above(self.held) > above(but)

    def changes_held(self, op, but=()):
        """Would it change one of them, or take one away? What a call follows is what counts. but: what an option granted by its name."""
        call, a, b = op
        on = self.t.way(a, call not in MAKES + MOVES + ("link",))[1]
        if call in ("read", "list", "exec"):
            return False
        return self.is_held(on, but) or self.is_held(b, but) or (call in MOVES and any(h.startswith(on + "/") for h in self.held))

    # ---- where mounts stand ----

    def pins(self, name):
        """Names that are denied, or what lies in them is, are not there, and whose first missing part is name: pinned as an empty directory."""
        return [m for m in self.w.policy["mentions"] if (m == name or m.startswith(name + "/")) and m not in self.t.at
                and name not in self.t.at and not all(self.w.may(a, n) for a in ("fs.read", "fs.write") for n in (m, m + "/*"))]

    def own(self, name):
        """Its rights are not those of its directory, or it was granted by its name."""
        w, kind = self.w, self.t.at.get(name, "l")
        below = name + "/*" if kind == "d" else name
        return kind != "l" and (name in w.granted or any(
            {w.may(a, below)} != {w.in_dir(a, name), self.unnamed(a, name)} for a in ("fs.read", "fs.write", "fs.exec", "proc.exec")))

    def mount(self, name):
        """Has it a mount of its own: for itself, or because it, or something below it, may not be written and so must not be moved?"""
        def kept(n):
            own = self.w.may("fs.write", n)
            below = self.w.may("fs.write", n + "/*") if self.t.at[n] == "d" else own
            return (self.own(n) and not below) or (below and not own)
        if name in self.held or any(h.startswith(name + "/") for h in self.held):
            return True
        return self.own(name) or kept(name) or any(kept(n) for n in self.t.below(name)) or any(
            self.pins(m) for m in self.w.policy["mentions"] if m.startswith(name + "/"))

    def apart(self, a, b):
        """Does a mount lie between both names?"""
        def dirs(name):
            while name:
                yield name
                name = os.path.dirname(name)
        one, two = set(dirs(a)), set(dirs(os.path.dirname(b)))
        return any(self.mount(n) for n in one ^ two)

    def spoken_of(self, name):
        """Is it what a rule is about, and not only its directory? A mode's texts speak of git's names, which are there, and of .ward."""
        return name in self.w.policy["mentions"] or any(generate.matches(p, name) for p in self.w.policy["patterns"])

    def unnamed(self, action, name):
        """What unnamed things beside name may: the judge is asked at directories that rules speak of; others are as what they lie in."""
        d = os.path.dirname(name)
        while d and not (self.spoken_of(d) or d in self.w.granted or d.split("/")[0] == ".git"):
            d = os.path.dirname(d)
        return self.w.may(action, (d + "/*").lstrip("/"))

    # ---- judged allowed, and refused ----

    def refused(self, op, e):
        call, a, b = op
        w, t = self.w, self.t
        made = a if call in MAKES else b
        way, on = t.way(a, call not in MAKES + MOVES + ("link", "exec"))
        if call == "exec" and not (w.may("fs.read", a) and w.may("fs.read", w.loader)):
            return "programs are read"
        if self.changes_held(op):
            return "what runs later is read"
        if e == errno.EXDEV and b is not None and self.apart(a, b):
            return "two grants"
        if call in MOVES and self.mount(a):
            return "a grant is its inode"
        if made is not None and not (w.in_dir("fs.write", made) and self.unnamed("fs.write", made)) and self.spoken_of(made):
            return "names at the start"
        if made is not None and self.pins(made):
            return "pinned above"
        if t.at.get(on) == "d" and not w.may({"list": "fs.read"}.get(call, "fs.write"), on + "/*"):
            return "a directory is what lies in it"
        if any(not (w.in_dir("fs.read", n) and self.unnamed("fs.read", n)) for n in way) or (
                t.at.get(on) == "l" and not (w.in_dir("fs.write", on) and self.unnamed("fs.write", on))):
            return "links are of their directory"
        return None

    # ---- judged refused, and done ----

    def done(self, op, missing, text):
        """Every reason of the judge has to be one that the kernel is known not to have."""
        why = [self.lax(op, action, name, text) for action, name in missing]
        return None if None in why else why[0]

    def lax(self, op, action, name, text):
        call = op[0]
        w, t = self.w, self.t
        kind = t.at.get(name)
        if kind is None and name in op and not self.pins(name) and self.unnamed("fs.write", name) and self.advisory and self.spoken_of(name):
            return "names at the start"
        if kind == "d" and call in ("list", "chmod") and w.may(action, name + "/*"):
            return "a directory is what lies in it"
        if kind == "d" and call == "list":
            shown = [f"{name}/{n}" for n in text.split("/") if n]
            seen = {p for p in t.below(name) if w.may("fs.read", p) or (t.at[p] == "d" and w.may("fs.read", p + "/*"))}
            if seen and all(any(s == q or q.startswith(s + "/") for q in seen) for s in shown):
                return "directories above"
        if kind == "l" and self.unnamed(action, name):
            return "links are of their directory"
        # A pattern of all names in a directory means the unnamed ones, too; what the link leads to has its own answer.
        if kind == "l" and action == "fs.read" and self.advisory and self.spoken_of(name) and w.may(action, t.way(name, True)[1]):
            return "links are of their directory"
        return None

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a layer says was changed, against a look at everything: trees changed through a real overlay of a user namespace.

The program under test is layer-diff (layer_diff.c). The truth is the merged view, which a process in the namespace wrote down.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import tempfile

import box  # pylint: disable=import-error
import schema  # pylint: disable=import-error
from tap import check, check_eq, check_in, main, skip  # pylint: disable=import-error

LAYER_DIFF = os.environ["WARD_LAYER_DIFF"]
SNAPSHOT = r"""
import os, stat, sys, json
def look(top):
    seen = {}
    def walk(d, rel):
        for e in sorted(os.listdir(d)):
            p, r = d + b"/" + e, (rel + b"/" if rel else b"") + e
            st = os.lstat(p)
            kind = stat.S_IFMT(st.st_mode)
            what, attrs = "", []
            if kind == stat.S_IFREG:
                mode = stat.S_IMODE(st.st_mode)
                os.chmod(p, 0o600) if not mode & 0o400 else None
                what = open(p, "rb").read().hex()
                attrs = sorted([n, os.getxattr(p, n).hex()] for n in os.listxattr(p))
                os.chmod(p, mode) if not mode & 0o400 else None
            elif kind == stat.S_IFLNK:
                what = os.fsencode(os.readlink(p)).hex()
            elif kind == stat.S_IFDIR:
                attrs = sorted([n, os.getxattr(p, n).hex()] for n in os.listxattr(p))
            seen[r.hex()] = [kind, 0 if kind == stat.S_IFLNK else stat.S_IMODE(st.st_mode), what, attrs]
            if kind == stat.S_IFDIR:
                mode = stat.S_IMODE(st.st_mode)
                os.chmod(p, 0o700) if mode & 0o500 != 0o500 else None
                walk(p, r)
                os.chmod(p, mode) if mode & 0o500 != 0o500 else None
    walk(os.fsencode(top), b"")
    return seen
"""


def in_overlay(base, script):
    """Run the Python text in a namespace, its directory the merged view; then write the view down."""
    text = SNAPSHOT + "import random, shutil\nos.umask(0o22)\nos.chdir('m')\n" + script + "\njson.dump(look('.'), open('../view.json', 'w'))\n"
    (base / "script.py").write_text(text)
    mount = "mount -t overlay -o userxattr,lowerdir=low,upperdir=up,workdir=work ov m"
    q = subprocess.run(["unshare", "-Urm", "sh", "-c", f"{mount} && exec /usr/bin/python3 script.py"], cwd=base, capture_output=True, text=True,
                       check=False)
    if "Operation not permitted" in q.stderr and "unshare" in q.stderr:
        skip("no user namespace")
    check_eq(q.returncode, 0, q.stderr)
    return json.loads((base / "view.json").read_text())


class Trees:
    """low, up, work and m in a directory of their own; the layer has the mode that the project's directory has."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="ward-changes-"))
        for name in ("low", "up", "work", "m"):
            (self.base / name).mkdir()
        self.low = self.base / "low"

    def change(self, script):
        scope = {}
        exec(SNAPSHOT, scope)  # pylint: disable=exec-used
        before = scope["look"](self.low)
        return before, in_overlay(self.base, script)

    def ask(self, form, *more):
        q = subprocess.run([LAYER_DIFF, self.base / "up", self.low, form, *more], capture_output=True, check=False)
        check_eq(q.returncode, 0, q.stderr.decode())
        return q.stdout

    def changes(self):
        rows = [line.split("\t") for line in self.ask("list").decode().splitlines()]
        return [dict(kind=r[0], path=bytes.fromhex(r[1]), old=None if r[2] == "-" else bytes.fromhex(r[2]), was_mode=int(r[3], 8),
                     mode=int(r[4], 8), was_size=int(r[5]), size=int(r[6]), what=r[7].rstrip("."), link=None if r[8] == "-" else bytes.fromhex(r[8]))
                for r in rows]

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwX", self.base], check=False)
        shutil.rmtree(self.base, ignore_errors=True)


@contextlib.contextmanager
def trees():
    t = Trees()
    try:
        yield t
    finally:
        t.close()


def expected(before, after):
    """Path -> kind, what differs. Without renames."""
    want = {}
    for path in set(before) | set(after):
        a, b = before.get(path), after.get(path)
        if a == b:
            continue
        if a is None:
            want[path] = ("added", "")
        elif b is None:
            want[path] = ("deleted", "")
        elif a[0] != b[0]:
            want[path] = ("type", "")
        else:
            want[path] = ("modified", ("c" if a[2] != b[2] else "") + ("b" if a[1] != b[1] else "") + ("x" if a[3] != b[3] else ""))
    return want


def told(changes, before, after):
    got = {}
    for c in changes:
        path = c["path"].hex()
        if c["kind"] == "renamed":
            old = c["old"].hex()
            check_eq(before[old][2], after[path][2], "a rename keeps the content")
            got[old] = ("deleted", "")
            got[path] = ("added", "")
        else:
            what = "".join(w for w in c["what"] if w in "cbx") if c["kind"] == "modified" else ""
            got[path] = (c["kind"], what)
    return got


def agrees(t, before, after):
    changes = t.changes()
    want, got = expected(before, after), told(changes, before, after)
    for path in sorted(set(want) | set(got)):
        check_eq(got.get(path), want.get(path), f"of {bytes.fromhex(path)!r}")
    paths = [c["path"] for c in changes]
    check_eq(paths, sorted(paths), "by path")
    return {c["path"]: c for c in changes}


def plant(trees_, **files):
    for name, text in files.items():
        path = trees_.low / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@box.both
def each_kind_of_change_is_told(_p):
    with trees() as t:
        plant(t, a="one\n", b="two\n", c="three\n", d__e__f="four\n", d__g="five\n", q__w="six\n", q__r="seven\n", same="s\n", t="t\n", u__v="u\n", m="mm\n")
        os.symlink("a", t.low / "l")
        before, after = t.change("""
open('a', 'a').write('more')
os.unlink('b')
os.chmod('c', 0o711)
shutil.rmtree('d')
shutil.rmtree('q'); os.mkdir('q'); open('q/n', 'w').write('n'); open('q/w', 'w').write('six\\n')
open('same', 'w').write('s\\n')
os.unlink('t'); os.mkdir('t'); open('t/x', 'w').write('x')
shutil.rmtree('u'); os.symlink('/etc/passwd', 'u')
os.mkfifo('fifo')
os.rename('m', 'moved')
os.setxattr('c', 'user.k', b'v')
os.symlink('b', 'l2'); os.rename('l2', 'l')
open(b'new\\nline\\xff', 'w').write('z')
""")
        got = agrees(t, before, after)
        check_eq(got[b"moved"]["kind"], "renamed")
        check_eq(got[b"moved"]["old"], b"m")
        check_eq(got[b"a"]["what"], "co")
        check_eq(got[b"c"]["what"], "bxo")
        check(b"same" not in got, "what was only copied up is no change")
        check(b"q/w" not in got and got[b"q/r"]["kind"] == "deleted", "an opaque directory")


@box.both
def what_the_layer_made_unreadable_is_read(_p):
    with trees() as t:
        plant(t, a="one\n", d__e="two\n")
        before, after = t.change("""
open('a', 'w').write('two\\n'); os.chmod('a', 0)
os.makedirs('x/y'); open('x/y/z', 'w').write('z'); os.chmod('x/y/z', 0); os.chmod('x/y', 0); os.chmod('x', 0)
open('d/e', 'a').write('k'); os.chmod('d', 0)
open('i', 'w').write('i'); os.setxattr('i', 'user.k', b'v'); os.chmod('i', 0)
""")
        agrees(t, before, after)
        check_eq(stat.S_IMODE(os.lstat(t.base / "up/x").st_mode), 0, "the mode was given back")
        check_eq(stat.S_IMODE(os.lstat(t.base / "up/a").st_mode), 0, "the mode was given back")


@box.both
def names_of_one_file_are_told(_p):
    with trees() as t:
        plant(t, a="one\n")
        t.change("os.link('a', 'b'); os.mkdir('d'); os.link('a', 'd/c')")
        got = {c["path"]: c for c in t.changes()}
        check_eq(sorted(got), [b"b", b"d", b"d/c"])
        check_eq((got[b"b"]["link"], got[b"d/c"]["link"]), (b"a", b"a"))


@box.both
def what_the_overlay_keeps_is_no_attribute_but_what_a_program_named_so_is(_p):
    with trees() as t:
        plant(t, a="one\n", b="two\n")
        t.change("open('a', 'a').write('x')\ntry: os.setxattr('b', 'user.overlay.opaque', b'y')\nexcept OSError: pass")
        got = {c["path"]: c["what"] for c in t.changes()}
        check_eq(got.pop(b"a"), "co")
        check(got in ({}, {b"b": "xo"}), got)


@box.both
def many_attributes_are_compared_to_the_last(_p):
    with trees() as t:
        plant(t, a="one\n", b="two\n", c="three\n")
        names = [f"user.{i:02}.{'n' * 40}" for i in range(40)]
        for f in "abc":
            for n in names:
                os.setxattr(t.low / f, n, b"1")
        before, after = t.change(f"os.chmod('c', 0o600); os.chmod('c', 0o644)\nos.setxattr('a', {names[-1]!r}, b'2')\nos.removexattr('b', {names[-1]!r})")
        check_eq({p: c["what"].strip("o") for p, c in agrees(t, before, after).items()}, {b"a": "x", b"b": "x"})


@box.both
def a_link_in_the_project_is_not_followed(_p):
    with trees() as t:
        plant(t, d__f="one\n")
        (t.base / "out").mkdir()
        (t.base / "out/f").write_text("out\n")
        t.change("open('d/f', 'w').write('two\\n'); shutil.rmtree('d'); os.mkdir('d')")
        shutil.rmtree(t.low / "d")
        os.symlink("../out", t.low / "d")
        got = [(c["kind"], c["path"]) for c in t.changes()]
        check_eq(got, [("type", b"d")])


@box.both
def directories_past_the_bound_are_passed_over_and_told(_p):
    with trees() as t:
        t.change("for i in range(600): os.mkdir('d'); os.chdir('d')\nos.chdir('../' * 600)\nlook = lambda top: {}")
        q = subprocess.run([LAYER_DIFF, t.base / "up", t.low, "patch"], capture_output=True, check=False, text=True)
        check_eq((q.returncode, len(t.changes())), (0, 513), q.stderr)
        check_in("d/d: something in it lies more directories deep than are looked at\n", q.stdout)


# ---- random trees ----

# What it opens, it opens through links too: none may lead to anything that is there outside of the test's own directory.
RANDOM = r"""
rng = random.Random(SEED)
def some(kind=None):
    all = []
    for d, ds, fs in os.walk(b'.'):
        all += [os.path.join(d, n) for n in ds + fs]
    return rng.choice(all) if all else b'./none'
def fresh():
    ds = [b'.'] + [d for d, _, _ in os.walk(b'.')]
    return os.path.join(rng.choice(ds), rng.choice([b'a', b'b', b'c', b'd', b'e\xff', b'f g', b'h\n', b'"i\\', b't\tt', b'.j', b'k-l', b'k']))
def text():
    return b''.join(rng.choice([b'alpha\n', b'beta\n', b'gamma\n', b'}\n', b'\n', b'delta']) for _ in range(rng.randrange(0, 40)))
def op():
    k = rng.randrange(16)
    if k == 0: open(fresh(), 'wb').write(text())
    elif k == 1:
        with open(some(), 'ab') as f: f.write(text())
    elif k == 2: open(some(), 'wb').write(text())
    elif k == 3: os.unlink(some())
    elif k == 4: shutil.rmtree(some())
    elif k == 5: os.mkdir(fresh())
    elif k == 6: os.rename(some(), fresh())
    elif k == 7: p = some(); os.chmod(p, rng.choice([0o644, 0o755, 0o600, 0o700]) | (0o700 if os.path.isdir(p) else 0))
    elif k == 8: os.symlink(rng.choice([b'a', b'../x', b'/nowhere/at/all']), fresh())
    elif k == 9: os.setxattr(some(), 'user.' + rng.choice('xy'), rng.choice([b'1', b'2']), follow_symlinks=False)
    elif k == 10: p = some(); os.truncate(p, rng.randrange(0, os.path.getsize(p) + 1))
    elif k == 11: p = some(); shutil.rmtree(p); os.mkdir(p)
    elif k == 12: p = some(); d = open(p, 'rb').read(); lines = d.split(b'\n'); lines.insert(rng.randrange(len(lines) + 1), b'inserted'); open(p, 'wb').write(b'\n'.join(lines))
    elif k == 13: p = some(); d = open(p, 'rb').read().split(b'\n'); d.pop(rng.randrange(len(d))); open(p, 'wb').write(b'\n'.join(d))
    elif k == 14: shutil.move(os.fsdecode(some()), os.fsdecode(fresh()))
    elif k == 15: os.utime(some())
for _ in range(OPS):
    try: op()
    except (OSError, shutil.Error): pass
"""


def random_change(t, seed, size=120, ops=120):
    scope = {"os": os, "shutil": shutil, "random": random}
    here = os.getcwd()
    os.chdir(t.low)
    os.umask(0o22)
    try:
        exec(RANDOM.replace("SEED", str(seed)).replace("OPS", str(size)), scope)  # pylint: disable=exec-used
    finally:
        os.chdir(here)
    return t.change(RANDOM.replace("SEED", str(seed + 1000)).replace("OPS", str(ops)))


@box.both
def random_trees_are_told_as_a_look_at_everything_tells_them(_p):
    for seed in range(25):
        with trees() as t:
            before, after = random_change(t, seed)
            try:
                agrees(t, before, after)
            except AssertionError as why:
                raise AssertionError(f"seed {seed}: {why}") from why


# ---- patches ----

def gits(view):
    """What git can say of a view: files and links, whether they may be executed."""
    return {p: (k, m & 0o100 if k == stat.S_IFREG else 0, text) for p, (k, m, text, _) in view.items() if k in (stat.S_IFREG, stat.S_IFLNK)}


def applied(t):
    """The tree that the patch makes of the project's."""
    copy = t.base / "copy"
    shutil.copytree(t.low, copy, symlinks=True)
    for d, _, _ in os.walk(os.fsencode(copy), topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(d)  # git knows none that is empty, and would find them in its way
    copy.mkdir(exist_ok=True)
    patch = t.ask("patch")
    q = subprocess.run(["git", "apply", "--unsafe-paths", "--allow-empty", "-p1", "-"], cwd=copy, input=patch, capture_output=True, check=False,
                       env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(t.base)})
    check_eq(q.returncode, 0, q.stderr.decode() + patch.decode(errors="replace"))
    scope = {}
    exec(SNAPSHOT, scope)  # pylint: disable=exec-used
    return scope["look"](copy)


@box.both
def a_patch_makes_of_the_project_what_the_run_left(_p):
    for seed in range(100, 125):
        with trees() as t:
            _, after = random_change(t, seed)
            try:
                check_eq(gits(applied(t)), gits(after))
            except AssertionError as why:
                raise AssertionError(f"seed {seed}: {why}") from why


@box.both
def what_both_begin_or_end_with_is_no_change(_p):
    """Files that are nearly the same, of three different bytes: every way in which lines, and a last one without an end, can meet."""
    rng = random.Random(3)
    with trees() as t:
        for i in range(600):
            (t.low / f"f{i:03}").write_text("".join(rng.choice("ab\n\n") for _ in range(rng.randrange(24))))
        _, after = t.change("""
rng = random.Random(4)
for name in sorted(os.listdir()):
    s = open(name).read()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(s) + 1)
        s = s[:at] + rng.choice(['', 'a', 'b\\n', '\\n', 'a\\nb', s[:at], s[at:]]) + s[at + rng.randrange(4):]
    open(name, 'w').write(s)
""")
        check_eq(gits(applied(t)), gits(after))
        # git apply takes a line without an end anywhere; it can only be the last of its side.
        lines = [*(x for x in t.ask("patch").decode().split("\n")[:-1] if not x.startswith("# ward: ")), "diff"]
        for before, line, then in zip(lines, lines[1:], lines[2:]):
            check(line[0] != "\\" or then.startswith("diff") or (before[0], then[0]) == ("-", "+"), f"{before!r}, {line!r}, {then!r}")


@box.both
def the_same_is_written_as_git_writes_it(_p):
    """Byte by byte what git diff says of the two trees, where nothing is in play that git has no word for."""
    with trees() as t:
        text = "".join(f"line {i}\n" for i in range(60))
        plant(t, a=text, b="int main(void)\n{\n" + text + "}\n", c="x\n", d__e="gone\n", n="no end")
        (t.low / "bin").write_bytes(b"\0" * 20)
        before, after = t.change("""
s = open('a').read(); open('a', 'w').write(s.replace('line 7\\n', '').replace('line 40\\n', 'line forty\\n'))
s = open('b').read(); open('b', 'w').write(s.replace('line 30\\n', 'line 30\\nnew\\n'))
os.chmod('c', 0o755); os.unlink('d/e'); open('n', 'w').write('no end, longer'); open('f g', 'w').write('new\\n'); open('"q', 'w').write('q\\n')
open('bin', 'wb').write(b'\\0' * 30); os.symlink('a', 'l'); open('empty', 'w')
""")
        agrees(t, before, after)
        for name in ("a", "b"):
            (t.base / name).mkdir()
        shutil.copytree(t.low, t.base / "a", symlinks=True, dirs_exist_ok=True)
        shutil.copytree(t.low, t.base / "b", symlinks=True, dirs_exist_ok=True)
        subprocess.run(["git", "apply", "--exclude=bin", "-"], cwd=t.base / "b", input=t.ask("patch"), check=True)
        (t.base / "b/bin").write_bytes(b"\0" * 30)
        repository = t.base / "a"
        git = ["git", "-c", "core.quotePath=true", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.abbrev=7"]
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run([*git, "init", "-q"], cwd=repository, check=True, env=env)
        for tree in ("a", "b"):
            for args in (["add", "-A"], ["commit", "-qm", tree]):
                subprocess.run([*git, "--git-dir", repository / ".git", "--work-tree", t.base / tree, *args], check=True, env=env, cwd=t.base / tree)
        for form, words in (("patch", []), ("stat", ["--stat=80"]), ("names", ["--name-only"]), ("status", ["--name-status"])):
            q = subprocess.run([*git, "diff", *words, "HEAD~", "HEAD"], cwd=repository, capture_output=True, check=True, env=env)
            check_eq(t.ask(form).decode(), q.stdout.decode(), form)


@box.both
def what_git_has_no_word_for_is_said(_p):
    with trees() as t:
        plant(t, a="one\n", x="x\n")
        (t.low / "e").mkdir()
        t.change("os.mkfifo('f'); os.mkdir('d'); os.rmdir('e'); os.chmod('a', 0o600); os.setxattr('x', 'user.k', b'v'); open('s', 'w'); os.chmod('s', 0o4755); os.setxattr('s', 'user.k', b'v'); open('h', 'w'); os.link('h', 'i')")
        patch = t.ask("patch").decode()
        for line in ("d: a directory, new", "e: a directory, gone", "f: a fifo, new", "a: mode 0644 is 0600 now", "x: extended attributes differ",
                     "s: of mode 4755", "s: with extended attributes", "i: another name of h"):
            check_in(f"# ward: {line}\n", patch)
        check_eq(t.ask("names").decode().split(), ["a", "d/", "e/", "f", "h", "i", "s", "x"])
        check_eq(t.ask("status").decode().split("\n")[:3], ["M\ta", "A\td/", "D\te/"])
        doc = json.loads(t.ask("json"))
        schema.validate(doc, json.loads((box.cli.ROOT / "docs/spec/diff.schema.json").read_text()))
        check_eq([c["path"] for c in doc["changes"]], ["a", "d", "e", "f", "h", "i", "s", "x"])
        check_eq(doc["changes"][3]["is"]["type"], "fifo")


@box.both
def files_made_to_be_slow_take_bounded_time(_p):
    with trees() as t:
        rng = random.Random(1)
        lines = [f"{rng.randrange(5000)}\n" for _ in range(1000000)]
        (t.low / "a").write_text("".join(lines))
        t.change("import random\nrng = random.Random(2)\nopen('a', 'w').write(''.join(f'{rng.randrange(5000)}\\n' for _ in range(1000000)))\n"
                 "open('large', 'w').truncate(1 << 40)\nlook = lambda top: {}")
        q = subprocess.run([LAYER_DIFF, t.base / "up", t.low, "patch"], capture_output=True, check=False, timeout=60)
        check_eq(q.returncode, 0, q.stderr)
        check_in(b"# ward: too large to be shown\nBinary files /dev/null and b/large differ\n", q.stdout)


if __name__ == "__main__":
    main()

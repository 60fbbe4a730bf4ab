#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward diff: words, forms, paths and a terminal, over a store whose entry is written by hand. What layers say: tests/sandbox/test_changes.py."""
import json
import os
import pty
import subprocess

import cli
import schema
from cli import WARD
from tap import cases, check, check_eq, check_in, main

A, B = "01M8BFCZ1X6EEQSZDMNBR5W7AA", "01M8BFCZ1X6EEQSZDMNBR5W7AB"

TEXT = "old\n"


class Store:
    def __init__(self, p):
        self.p = p
        self.runs = p.side / "state/ward/runs"
        self.runs.mkdir(parents=True)
        for d in (self.runs, self.runs.parent):
            d.chmod(0o700)

    def entry(self, run):
        """As a run that ended left it."""
        root = os.fsencode(self.p.ws)
        st = os.stat(root)
        d = self.runs / run
        (d / "layer/upper").mkdir(parents=True)
        (d / "layer/work").mkdir()
        d.chmod(0o700)
        (d / "lock").touch(0o600)
        text = {"version": 3, "run": run, "root": {"hex": root.hex()}, "root_dev": str(st.st_dev), "root_ino": str(st.st_ino),
                "root_born_ns": 0, "root_handle": "0", "boot": "", "since_ns": 1, "since_boot_ns": 0, "backend": "dir", "bound": 1 << 30, "log": str(self.p.log), "command": "make all", "started_ns": 1, "ended_ns": 2,
                "code": 0, "incomplete": False}
        schema.validate(text, json.loads((cli.ROOT / "docs/spec/workspace.schema.json").read_text()))
        (d / "workspace.json").write_text(json.dumps(text))
        return d / "layer/upper"

    def ward(self, *words, cwd=None):
        return cli.ward(*words, env=self.p.env(), cwd=cwd or self.p.ws)


def waiting(fn):
    """With a run that changed src/a, added src/b and evil."""
    def one(p, *args):
        s = Store(p)
        (p.ws / "src").mkdir()
        (p.ws / "src/a").write_text(TEXT)
        up = s.entry(A)
        (up / "src").mkdir()
        (up / "src/a").write_text("new\n")
        (up / "src/b").write_text("b\n")
        (up / "evil").write_bytes(b"\x1b[2Jx\rhidden\xff\tkept\n")
        fn(s, *args)
    one.__name__ = fn.__name__
    return cli.placed(one)


@cases([("patch by itself", ("src",), ["diff --git a/src/a b/src/a", "-old", "+new", "diff --git a/src/b b/src/b"]),
        ("patch", ("--patch", "src"), ["--- a/src/a", "+++ b/src/a", "@@ -1 +1 @@"]),
        ("stat", ("--stat",), [" src/a | 2 +-", " 3 files changed, 3 insertions(+), 1 deletion(-)"]),
        ("status", ("--name-status",), ["A\tevil", "M\tsrc/a", "A\tsrc/b"]),
        ("names below a path", ("--name-only", "src"), ["src/a", "src/b"]),
        ("of a run", ("--name-only", A, "evil"), ["evil"])])
@waiting
def each_form(s, words, lines):
    r = s.ward("diff", *words)
    check_eq(r.code, 0, r.err)
    got = r.out.splitlines()
    for line in lines:
        check(line in got, f"{line!r} in {got!r}")
    if "--name-only" in words:
        check_eq(got, lines)


@cases([("a path is of the directory one is in", )])
@waiting
def from_below(s):
    r = s.ward("diff", "--name-only", "a", cwd=s.p.ws / "src")
    check_eq((r.code, r.out), (0, "src/a\n"), r.err)


@cases([("what is there and as it was is no mistake", )])
@waiting
def as_it_was(s):
    (s.p.ws / "src/same").write_text("same\n")
    r = s.ward("diff", "src/same")
    check_eq((r.code, r.out, r.err), (0, "", ""))


@cases([("json", )])
@waiting
def document(s):
    r = s.ward("diff", "--json")
    check_eq(r.code, 0, r.err)
    doc = json.loads(r.out)
    schema.validate(doc, json.loads((cli.ROOT / "docs/spec/diff.schema.json").read_text()))
    check_eq([(c["kind"], c["path"], c["lines"]) for c in doc["changes"]],
             [("added", "evil", {"new": 1, "gone": 0}), ("modified", "src/a", {"new": 1, "gone": 1}), ("added", "src/b", {"new": 1, "gone": 0})])


@cases([("json that is handed on in pieces", )])
@waiting
def long_document(s):
    """Each piece ends behind a change, and the comma between two belongs to neither."""
    up = s.runs / A / "layer/upper"
    for i in range(3000):
        (up / f"one-of-many-{i:04}").write_text("x\n")
    r = s.ward("diff", "--json")
    check_eq(r.code, 0, r.err)
    check(len(r.out) > 2 * (256 << 10), "too short to come in pieces")
    check_eq(len(json.loads(r.out)["changes"]), 3003)


@cases([("two forms", ("--stat", "--json"), 2, "one of them"), ("an unknown option", ("--colour",), 2, "is not understood"),
        ("a path outside", ("/etc",), 2, "does not lie in what was under review"),
        ("a name that nobody has", ("--stat", "src", "scr"), 2, "'scr' is not in the project, and the run changed nothing there"), ("no such run", (B,), 1, ""), ("an empty word", ("",), 2, "not understood")])
@waiting
def refused(s, words, code, text):
    r = s.ward("diff", *words)
    check_eq((r.code, r.out), (code, ""), r.err)
    check_in(text, r.err)


@cases([("nothing waits", )])
@cli.placed
def nothing(p):
    Store(p)
    r = cli.ward("diff", env=p.env(), cwd=p.ws)
    check_eq((r.code, r.out), (1, ""), r.err)


def on_a_terminal(s, **env):
    here, there = pty.openpty()
    with subprocess.Popen([WARD, "diff", "evil"], stdout=there, cwd=s.p.ws, env=s.p.env(TERM="xterm", **env)) as q:
        os.close(there)
        got = b""
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:
                break
            if not part:
                break
            got += part
    os.close(here)
    check_eq(q.returncode, 0)
    return got


@cases([("a terminal is given no byte that it acts on", )])
@waiting
def terminal(s):
    check_in(b"+\\x1b[2Jx\\rhidden\\xff\tkept\r\n", on_a_terminal(s, NO_COLOR="1"))
    check(b"\x1b" not in on_a_terminal(s, NO_COLOR="1"), "no colour, no escape")
    got = on_a_terminal(s)
    check_in(b"\x1b[32m+\\x1b[2Jx\\rhidden\\xff\tkept\x1b[m", got)
    r = subprocess.run([WARD, "diff", "evil"], stdout=subprocess.PIPE, cwd=s.p.ws, env=s.p.env(), check=True)
    check_in(b"+\x1b[2Jx\rhidden\xff\tkept\n", r.stdout, "a pipe is given the bytes, as by git")


if __name__ == "__main__":
    main()

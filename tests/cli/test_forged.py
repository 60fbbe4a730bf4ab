#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A store that somebody else has written in: no run can, but a program of the same user outside of one may, and a newer version of Ward, and a disk. What is
made of an entry is applied to somebody's files: so each command refuses what is not right, with one line, and changes nothing.
"""
import json
import os
import shutil

import cli
from store import A, B, stored
from tap import check, check_eq, check_in, main, test

LONG = "/" + "x" * 5000


def change(**more):
    return lambda doc: json.dumps({**doc, **more})


def without(name):
    return lambda doc: json.dumps({k: v for k, v in doc.items() if k != name})


def text(fn):
    return lambda doc: fn(json.dumps(doc))


# name, the record, part of what is said
RECORDS = [
    ("of a newer version", change(version=4, new=1), "is of version 4, and this ward knows versions up to 3"),
    ("of no version", without("version"), '"version"'),
    ("of version 0", change(version=0), "version"),
    ("of a version that is a text", change(version="1"), "version"),
    ("empty", lambda doc: "", "workspace.json"),
    ("cut in half", text(lambda t: t[:len(t) // 2]), "workspace.json"),
    ("cut by one", text(lambda t: t[:-1]), "workspace.json"),
    ("with a tail", text(lambda t: t + "{}"), "workspace.json"),
    ("huge", text(lambda t: t[:-1] + ',"x":"' + "y" * (1 << 20) + '"}'), "workspace.json"),
    ("of blanks, huge", text(lambda t: t + " " * (1 << 20)), "workspace.json"),
    ("deep", lambda doc: "[" * 50000, "workspace.json"),
    ("a list", lambda doc: "[]", "workspace.json"),
    ("zeros", lambda doc: "\0" * 500, "workspace.json"),
    ("not UTF-8", lambda doc: json.dumps(doc).encode().replace(b"make all", b"make \xff"), "workspace.json"),
    ("whose root has a NUL", change(root="/a\0b"), "a NUL character"),
    ("whose time is no time", change(since_ns=10**30), "does not fit into 64 bits"),
    ("with a member that nobody knows", change(extra=1), "extra"),
    ("with a member twice", text(lambda t: t[:-1] + ',"bound":1}'), "bound"),
    *((f"without {n}", without(n), n) for n in ("run", "root", "root_dev", "root_ino", "root_born_ns", "root_handle", "boot", "since_ns", "since_boot_ns", "backend",
                                               "bound", "log", "command", "started_ns", "ended_ns", "code", "incomplete")),
    *((f"whose {n} is {v!r}", change(**{n: v}), n) for n, v in (
        ("run", A), ("run", 1), ("run", "../" + A), ("root", 1), ("root", None), ("root", "."), ("root", "x/y"), ("root", "/tmp/../etc"), ("root", ""), ("root", LONG),
        ("root", {"hex": "2f0061"}), ("root", {"hex": "2f6"}), ("root", {"hex": "2fzz"}), ("root", {"hex": ""}), ("root", {"hex": "2f", "x": 1}),
        ("root", {"hex": "61"}), ("root", {"hex": "2f2e2e"}), ("root_dev", 1), ("root_dev", "x"), ("root_dev", "-1"), ("root_dev", "9" * 40), ("root_ino", "1 "),
        ("root_born_ns", -1), ("root_born_ns", "1"), ("root_handle", 1), ("root_handle", "x"),
        ("boot", 1), ("boot", "x" * 500), ("since_ns", "1"), ("since_ns", 1.5), ("since_boot_ns", -1), ("since_boot_ns", "1"), ("backend", "nfs"), ("backend", 1), ("bound", -1), ("bound", "1"),
        ("log", "log.jsonl"), ("log", None), ("log", "/a/../b"), ("command", 1), ("started_ns", None), ("ended_ns", "0"), ("code", "0"), ("code", 256), ("code", -1),
        ("incomplete", 0), ("incomplete", "no"))),
]


def refused(s, words, part, what):
    r = s.ward(*words, cwd=s.p.side)
    check(r.code in (1, 2), f"{what}, {words}: {r}")
    check_eq(r.out, "", f"{what}, {words}")
    check_eq(len(r.err.splitlines()), 1, f"{what}, {words}: {r.err[:500]}")
    cli.only_ward_lines(r.err)
    check(len(r.err) < 6000, f"{what}: {len(r.err)} bytes are said")
    check_in(part, r.err)


def project(s):
    return sorted(os.listdir(s.p.ws))


def of(run):
    return (("commit", run), ("commit", run, "--dry-run"), ("commit", run, "--continue"), ("commit", run, "--abort"), ("diff", run), ("runs", "show", run))


for name, make, part in RECORDS:
    def one(s, make=make, part=part, name=name):
        s.entry(A)
        record = s.entry(B) / "workspace.json"
        made = make(json.loads(record.read_text()))
        record.write_bytes(made if isinstance(made, bytes) else made.encode())
        for words in of(B):
            refused(s, words, part, name)
        r = s.ward("runs", "--json")
        check_eq((r.code, [(x["run"], x["state"]) for x in json.loads(r.out)["runs"]]), (0, [(A, "pending"), (B, "broken")]), r.err)
        check_eq(len(s.ward("runs").out.splitlines()), 3)
        check_eq(s.ward("runs", "gc", "--older-than", "1ms").err, "")
        check(B in s.left(), "what nobody understands was taken away")
        check_eq(project(s), [])
    one.__name__ = f"a record {name[:60]}"
    test(stored(one))


def link(record):
    record.rename(record.with_name("away"))
    record.symlink_to("away")


def fifo(record):
    record.unlink()
    os.mkfifo(record)


def directory(record):
    record.unlink()
    record.mkdir()


for name, how, file in (("a link", link, "workspace.json"), ("a pipe", fifo, "workspace.json"), ("a directory", directory, "workspace.json"),
                        ("missing", os.unlink, "workspace.json"), ("a link, the lock", link, "lock"), ("missing, the lock", os.unlink, "lock")):
    def two(s, how=how, file=file, name=name):
        d = s.entry(B)
        how(d / file)
        for words in of(B):
            refused(s, words, B, name)
        check_eq(project(s), [])
    two.__name__ = f"what is {name}"
    test(stored(two))


@test
@stored
def what_did_not_happen_is_not_said_to_be_finished(s):
    s.entry(B)
    s.log.touch()
    for step in ("--continue", "--abort"):
        refused(s, ("commit", B, step), "no commit", step)
    check_eq(s.left(), [B])


@test
@stored
def an_entry_that_is_a_link_is_none(s):
    d = s.entry(B)
    d.rename(s.p.side / "elsewhere")
    d.symlink_to(s.p.side / "elsewhere")
    for words in of(B):
        refused(s, words, "there is no run", "a link")
    check_eq(project(s), [])


def by_link(s):
    s.p.ws.rename(s.p.ws.with_name("was"))
    s.p.ws.symlink_to("was")


def by_another(s):
    s.p.ws.rename(s.p.ws.with_name("was"))
    s.p.ws.mkdir()


def by_nothing(s):
    s.p.ws.rename(s.p.ws.with_name("was"))


for name, how, part in (("a link", by_link, "cannot be opened"), ("another directory", by_another, "is not the directory any more"),
                        ("nothing", by_nothing, "cannot be opened")):
    def three(s, how=how, part=part, name=name):
        s.entry(B)
        s.log.touch()
        how(s)
        try:
            # What only looks begins with the policies of the run, of which this log has none.
            for words in (w for w in of(B)[:5] if "--dry-run" not in w):
                refused(s, words, part, name)
            check_eq(s.ward("runs", "show", B, cwd=s.p.side).code, 0)
            where = s.p.ws if s.p.ws.exists() else s.p.ws.with_name("was")
            check_eq(os.listdir(where), [])
        finally:
            if s.p.ws.is_symlink():
                s.p.ws.unlink()
            elif s.p.ws.exists():
                shutil.rmtree(s.p.ws)
            s.p.ws.with_name("was").rename(s.p.ws)
    three.__name__ = f"a project in whose place is {name}"
    test(stored(three))


@test
@stored
def a_layer_that_is_a_link_is_not_followed(s):
    out = s.p.side / "out"
    out.mkdir()
    (out / "f").write_text("x")
    for part in ("layer", "layer/upper"):
        d = s.entry(B)
        s.log.touch()
        shutil.rmtree(d / part)
        (d / part).symlink_to(out)
        for words in of(B)[:2] + of(B)[4:5]:
            refused(s, words, "cannot be opened" if words[0] == "diff" else "", part)
        check_eq(project(s), [])
        shutil.rmtree(d)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""ward runs, ward discard: words, names and states, over a store whose entries are written by hand. Whole runs: tests/sandbox/test_review.py."""
import hashlib
import json
import os
import struct

import cli
import schema
from cli import ward
from store import A, B, C, stored
from tap import cases, check, check_eq, check_in, main, test


def listed(s):
    r = s.ward("runs", "ls", "--json")
    check_eq(r.code, 0)
    out = json.loads(r.out)
    schema.validate(out, json.loads((cli.ROOT / "docs/spec/runs.schema.json").read_text()))
    return out["runs"]


@test
@cli.placed
def without_a_store_there_is_nothing(p):
    for words in (("runs",), ("runs", "ls")):
        r = ward(*words, env=p.env(), cwd=p.ws)
        check_eq((r.code, r.out, r.err), (0, "", ""))
    check_eq(json.loads(ward("runs", "--json", env=p.env()).out), {"v": 1, "runs": []})
    r = ward("discard", env=p.env(), cwd=p.ws)
    check_eq((r.code, r.out), (1, ""))
    check_in("no run has left changes here", r.err)
    r = ward("discard", A, env=p.env(), cwd=p.ws)
    check_eq(r.code, 1)
    check_in(f'there is no run "{A}" under review', r.err)
    check(not (p.side / "state/ward").exists(), "looking has made a store")


@test
@stored
def runs_are_listed_with_what_is_known_of_them(s):
    s.entry(A, age=3 * 86400 + 5)
    s.entry(B, age=7300, ended=False, files=("one", "two"))
    s.entry(C, ended=False, backend="tmpfs")
    s.log.touch()
    live = s.lock(B, 0)
    lines = s.ward("runs").out.splitlines()
    check_eq(lines[0].split(), ["RUN", "AGE", "STATE", "CHANGES", "SIZE", "DIRECTORY", "COMMAND"])
    check_eq([x.split()[:4] for x in lines[1:]], [[A, "3d", "pending", "1"], [B, "2h", "live", "2"], [C, "0s", "lost", "-"]])
    check_in(f"{s.p.ws}  make all", lines[1])
    check_eq([(r["run"], r["state"], r["changes"]) for r in listed(s)], [(A, "pending", 1), (B, "live", 2), (C, "lost", None)])
    live.close()
    check_eq(listed(s)[1]["state"], "pending")
    (s.runs / A / "journal").touch()
    check_eq(listed(s)[0]["state"], "committing")


@test
@stored
def a_record_that_is_not_right_hides_no_other(s):
    s.entry(A)
    (s.entry(B) / "workspace.json").write_text('{"version": 4, "new": true}')
    check_eq([(r["run"], r["state"]) for r in listed(s)], [(A, "pending"), (B, "broken")])
    check_in("is of version 4", listed(s)[1]["error"])
    check_in("broken", s.ward("runs").out.splitlines()[2])
    for words in (("runs", "show", B),):
        r = s.ward(*words)
        check_eq((r.code, r.out), (1, ""))
        check_in("is of version 4, and this ward knows versions up to 3", r.err)
        check_in("workspace.json:1:", r.err)
        check_in("use the ward that made it, or a newer one", r.err)
    for words in (("discard", B), ("runs", "rm", B)):
        r = s.ward(*words)
        check(r.code != 0 and s.left() == [A, B], f"what a newer ward may be at is not taken away: {r}")
        check_in("use the ward that made it, or a newer one", r.err)
    (s.runs / B / "workspace.json").write_text("{}")
    check_eq(s.ward("discard", B).code, 0)
    check_eq(s.left(), [A])


@test
@stored
def names_of_any_bytes_reach_no_terminal(s):
    odd = os.fsencode(s.p.ws) + b"/a\nb\x1b[2J\xff"
    os.mkdir(odd)
    s.entry(A, root=odd, command="echo '\\x1b'")
    for words in (("runs",), ("runs", "show", A)):
        r = s.ward(*words)
        check_eq(r.code, 0)
        check_in("/a\\nb\\x1b[2J\\xff", r.out)
        check("\x1b" not in r.out, "an escape byte was printed")
    check_eq(len(s.ward("runs").out.splitlines()), 2)
    r = s.ward("discard", cwd=odd)
    check_eq((r.code, s.left()), (0, []))


@test
@stored
def a_run_is_shown_by_what_it_alone_begins_with(s):
    s.entry(A)
    s.entry(B)
    s.entry(C, code=3)
    r = s.ward("runs", "show", "01m9")
    check_eq(r.code, 0)
    for text in (f"run         {C}", "state       pending", "exit code   3", "changes     1", "layer       dir, at most 1G", "ward commit"):
        check_in(text, r.out)
    check_eq(json.loads(s.ward("runs", "show", "--json", C).out)["code"], 3)
    r = s.ward("runs", "show", "01M8")
    check_eq((r.code, r.out), (2, ""))
    check_in(f'"01M8" begins more than one run: {A}, {B}; give more of it', r.err)
    for name in ("", ".", "..", "/", "01M8BFCZ1X6EEQSZDMNBR5W7A?", A + "0", "zz"):
        check_eq(s.ward("runs", "show", name).code, 1)


@test
@stored
def what_is_discarded_is_gone_and_on_record(s):
    s.entry(A)
    (s.p.ws / "sub").mkdir()
    r = s.ward("discard", cwd=s.p.ws / "sub")
    check_eq((r.code, r.out, r.err), (0, f"forgotten: {A}\n", ""))
    check_eq((s.left(), s.discards()), ([], [A]))
    check(not (s.p.ws / "new").exists(), "something was made real")
    check_eq(s.ward("discard").code, 1)


@test
@stored
def of_several_none_is_taken(s):
    s.entry(A)
    s.entry(B)
    r = s.ward("discard")
    check_eq(r.code, 2)
    check_in(f"more than one run has left changes here: {A}, {B}; name the one that you mean", r.err)
    check_eq(s.left(), [A, B])
    r = s.ward("runs", "rm", A, B, C)
    check_eq((r.code, r.out), (1, f"forgotten: {A}\nforgotten: {B}\n"))
    check_in(C, r.err)
    check_eq((s.left(), s.discards()), ([], [A, B]))


@test
@stored
def what_somebody_is_at_is_left_alone(s):
    s.entry(A)
    for byte, says in ((0, f"run {A} is still running; wait for its end, or end it: ward stop {A}"), (1, "is being changed by another ward")):
        lock = s.lock(A, byte)
        for words in (("discard", A), ("runs", "rm", A)):
            r = s.ward(*words)
            check_eq((r.code, r.out), (1, ""))
            check_in(says, r.err)
        check_eq(s.ward("runs", "gc", "--older-than", "1ms").out, "")
        lock.close()
    # One that began, and of which what it kept is there: docs/spec/commit-journal.md
    stage = s.runs / A / "stage"
    stage.mkdir(mode=0o700)
    text = b"WARDCJNL" + struct.pack("<IIQQ32sQQQQ", 1, 1, 0, 0, A.encode(), s.p.ws.stat().st_ino, stage.stat().st_ino, 0, 0)
    (s.runs / A / "journal").write_bytes(text + hashlib.sha256(text).digest())
    r = s.ward("discard", A)
    check_eq(r.code, 1)
    check_in(f"a commit of run {A} has begun and not ended; ward commit --continue {A}, or ward commit --abort {A}", r.err)
    check_eq(s.ward("runs", "gc", "--older-than", "1ms").out, "")
    check_eq((s.left(), s.discards()), ([A], []))


@test
@stored
def without_a_record_nothing_is_forgotten(s):
    s.entry(A)
    s.log.mkdir()
    r = s.ward("discard")
    check_eq(r.code, 1)
    check_in("is a directory", r.err)
    check_eq(s.left(), [A])


@test
@stored
def gc_takes_what_nobody_needs(s):
    s.entry(A, age=7200)
    s.entry(B, age=10)
    s.entry(C, ended=False, backend="tmpfs")
    (s.runs / (".gone-" + A[:-1] + "X") / "layer").mkdir(parents=True)
    check_eq(s.ward("runs", "gc", "--dry-run").out, f"would be forgotten: {C}\n")
    check_eq(len(s.left()), 4)
    check_eq(s.ward("runs", "gc").out, f"forgotten: {C}\ntaken away: what 1 that died had left\n")
    check_eq(s.left(), [A, B])
    check_eq(json.loads(s.ward("runs", "gc", "--older-than=1h", "--dry-run", "--json").out),
             {"v": 1, "dry_run": True, "runs": [A], "swept": 0})
    check_eq(s.ward("runs", "gc", "--older-than", "1h").out, f"forgotten: {A}\n")
    check_eq((s.left(), s.discards()), ([B], [C, A]))


@test
@stored
def a_store_of_others_is_refused(s):
    s.entry(A)
    s.runs.chmod(0o770)
    for words in (("runs",), ("discard",), ("runs", "gc")):
        r = s.ward(*words)
        check_eq((r.code, r.out), (1, ""))
        check_in("is not yours alone", r.err)
        check_in("chmod 700", r.err)


@cases([
    ("ls of something", ("runs", "ls", "x"), "is not understood"),
    ("unknown word", ("runs", "x"), "is not understood"),
    ("show nothing", ("runs", "show"), "no RUN is given"),
    ("show two", ("runs", "show", A, B), "is not understood"),
    ("rm nothing", ("runs", "rm"), "no RUN is given"),
    ("rm an option", ("runs", "rm", "--all"), "is not understood"),
    ("gc of a run", ("runs", "gc", A), "is not understood"),
    ("gc without a time", ("runs", "gc", "--older-than"), "its time is missing"),
    ("gc of no time", ("runs", "gc", "--older-than", "old"), "--older-than"),
    ("discard two", ("discard", A, B), "is not understood"),
    ("discard an option", ("discard", "--all"), "is not understood"),
])
def misused(words, says):
    r = ward(*words)
    check_eq((r.code, r.out), (2, ""))
    check_in(says, r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check("; see ward help" in r.err or "; write a number with ms, s, m or h" in r.err, f"no fix in {r.err}")


main()

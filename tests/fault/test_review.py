#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A run under review, and the commit of it, of which one call fails or is the place of a kill -9 (inject.c): nothing is lost, nothing is half real,
and what was said is so. Modes that let nobody in are the hardest case of an ordinary user, so they are what is committed here.
WARD_FAULT_CALLS sets how many points there are (make check-faults), WARD_FAULT_SEED which.
"""
import errno
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
import faults    # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases, root_only    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

INJECT = os.environ.get("WARD_INJECT", str(cli.ROOT / "build" / "tests" / "fault" / "inject"))
SAMPLE = int(os.environ.get("WARD_FAULT_CALLS", "25"))
MODES = ("000", "111", "333", "444")
# x86_64, as inject.c
WRITE, PWRITE, FSYNC, RENAME, CHMOD, FCHMOD, FSETXATTR, OPENAT, MKDIRAT, MKNODAT, UNLINKAT, SYNCFS, RENAMEAT2, LISTXATTRAT, MOUNT = (
    1, 18, 74, 82, 90, 91, 190, 257, 258, 259, 263, 306, 316, 465, 165)
FSTAT, NEWFSTATAT, STATX, OPENAT2 = 5, 262, 332, 437


def inject(p, where, call, n, error, *words):
    """The result, how often each call was made, and whether one was hit."""
    report = p.side / "report"
    q = subprocess.run([INJECT, report, str(call), str(n), str(error), *map(str, words)], cwd=where, env=p.env(), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=faults.PATIENCE, check=False)
    if q.returncode == 98:
        skip(f"nothing can be traced here: {q.stderr[-200:]}")
    seen, hit = {}, False
    for line in report.read_text().splitlines():
        w = line.split()
        if w[0] == "hit":
            hit = True
        else:
            seen[int(w[0])] = int(w[1])
    report.unlink()
    return cli.Result(q.returncode, q.stdout.decode("utf-8", "replace"), q.stderr.decode("utf-8", "replace")), seen, hit


def ward(p, where, *words):
    return cli.ward(*words, env=p.env(), cwd=where)


def waiting(p):
    return [x["state"] for x in json.loads(ward(p, p.ws, "runs", "--json").out)["runs"]]


def look(top):
    """All of it, whatever lets nobody in; modes are put back."""
    found = {}

    def one(path, rel):
        st = os.lstat(path)
        mode = stat.S_IMODE(st.st_mode)
        if stat.S_ISDIR(st.st_mode):
            found[rel] = ("dir", mode)
            os.chmod(path, 0o700)
            for n in sorted(os.listdir(path)):
                one(f"{path}/{n}", f"{rel}/{n}")
        elif stat.S_ISREG(st.st_mode):
            os.chmod(path, 0o600)
            with open(path, encoding="utf-8") as f:
                found[rel] = (f.read(), mode)
        else:
            # A commit that is killed while it tries whether a rename leads here leaves this link; the next one takes it away.
            if not rel.startswith(".ward-commit-"):
                found[rel] = ("other", mode)
            return
        os.chmod(path, mode)
    for n in sorted(os.listdir(top)):
        one(f"{top}/{n}", n)
    return found


def project(p, n):
    """One more, with what will be changed."""
    top = p.ws / f"p{n}"
    for m in MODES:
        (top / f"dir{m}/deep").mkdir(parents=True)
        (top / f"dir{m}/deep/f").write_text("old\n")
        (top / f"dir{m}/gone").write_text("old\n")
        (top / f"dir{m}/kept").write_text("old\n")
        (top / f"file{m}").write_text("old\n")
    return top


SCRIPT = "umask 22; " + "; ".join(
    f"mkdir -p new{m}/deep; echo new > new{m}/f; echo new > new{m}/deep/f; chmod {m} new{m}/deep/f; chmod {m} new{m}/deep; chmod {m} new{m}; "
    f"echo new >> dir{m}/deep/f; rm dir{m}/gone; echo new > dir{m}/added; chmod {m} dir{m}/deep; chmod {m} dir{m}; "
    f"echo new >> file{m}; chmod {m} file{m}; echo new > only{m}; chmod {m} only{m}" for m in MODES)


def expected():
    want = {}
    for m in MODES:
        mode = int(m, 8)
        want |= {f"new{m}": ("dir", mode), f"new{m}/f": ("new\n", 0o644), f"new{m}/deep": ("dir", mode), f"new{m}/deep/f": ("new\n", mode),
                 f"dir{m}": ("dir", mode), f"dir{m}/kept": ("old\n", 0o644), f"dir{m}/deep": ("dir", mode), f"dir{m}/deep/f": ("old\nnew\n", 0o644),
                 f"dir{m}/added": ("new\n", 0o644), f"file{m}": ("old\nnew\n", mode), f"only{m}": ("new\n", mode)}
    return want


def review(p, top, script=SCRIPT, *words):
    r = p.run("--review", *words, "--", "sh", "-c", script, cwd=top)
    check_eq(r.code, 0, r.err)


@both
def modes_that_let_nobody_in_are_committed(p):
    os.umask(0o22)
    top = project(p, 0)
    review(p, top)
    r = ward(p, top, "commit")
    check_eq((r.code, r.err), (0, ""), r.out)
    check_eq(waiting(p), [])
    check_eq(look(top), expected())


@both
def one_after_the_other(p):
    """Each part by itself: what comes later finds no conflict with what came before."""
    os.umask(0o22)
    top = project(p, 0)
    review(p, top)
    for m in MODES:
        for kind in ("new", "dir", "file", "only"):
            r = ward(p, top, "commit", f"{kind}{m}")
            check_eq((r.code, r.err), (0, ""), f"{kind}{m}: {r.out}")
    check_eq(waiting(p), [])
    check_eq(look(top), expected())


@both
def each_file_that_is_replaced_costs_few_calls(p):
    """Of the same size, so that each is read, and might be what another was. Of more files by less: only what each takes is left."""
    took = []
    for n in (8, 40):
        top = p.ws / f"n{n}"
        top.mkdir()
        for i in range(n):
            (top / f"f{i}").write_text(f"old {i:04}\n")
        review(p, top, "for f in f*; do printf 'new %04d\\n' ${f#f} > $f; done")
        r, seen, _ = inject(p, top, -1, 0, 0, cli.WARD, "commit")
        check_eq((r.code, (top / "f7").read_text()), (0, "new 0007\n"), r.err)
        took.append(sum(seen.values()))
    check((took[1] - took[0]) / 32 <= 39, f"system calls of commits of 8 and of 40 files: {took}")


@both
def what_waits_in_there_can_be_looked_at(p):
    """So such a mode comes last: of an ordinary user nobody could look into it any more."""
    os.umask(0o22)
    for m in MODES:
        top = p.ws / f"w{m}"
        (top / "old").mkdir(parents=True)
        review(p, top, f"for d in old new; do mkdir -p $d; echo x > $d/.envrc; echo y > $d/y; chmod {m} $d; done")
        r = ward(p, top, "commit")
        check_eq((r.code, r.err), (1, ""), r.out)
        check_eq(waiting(p), ["pending"])
        r = ward(p, top, "diff", "--name-only")
        check_eq(r.err, "")
        check_in("old/.envrc\n", r.out)
        # The directory that was there has changed by the first part.
        r = ward(p, top, "commit", "--approve", "risky", "--ours", "old")
        check_eq((r.code, r.err), (0, ""), r.out)
        check_eq(waiting(p), [])
        check_eq(look(top), {d + f: w for d in ("new", "old") for f, w in (("", ("dir", int(m, 8))), ("/.envrc", ("x\n", 0o644)), ("/y", ("y\n", 0o644)))})


def points(p, calls=None):
    """(call, n) of a commit that goes well, of these calls or of all that change something."""
    top = project(p, "count")
    review(p, top)
    r, seen, _ = inject(p, top, -1, 0, 0, cli.WARD, "commit")
    check_eq(r.code, 0, r.err)
    calls = calls or (WRITE, FSYNC, CHMOD, FCHMOD, MKDIRAT, UNLINKAT, SYNCFS, RENAMEAT2, RENAME, FSETXATTR)
    every = [(call, n) for call in calls for n in range(1, seen.get(call, 0) + 1)]
    check(len(every) > 20, f"the injector sees too little: {seen}")
    return every if SAMPLE == 0 or SAMPLE >= len(every) else random.Random(faults.SEED).sample(every, SAMPLE)


def finish(p, top, what, undo):
    """From whatever state to the end. Twice at most: what was put back is then committed."""
    for _ in range(4):
        state = waiting(p)
        if not state:
            return
        if state == ["committing"] and undo:
            r = ward(p, top, "commit", "--abort")
            check(r.code in (0, 1) or "made real already" in r.err, f"{what}: --abort: {r.err}")
            if r.code == 0:
                check_eq(look(top), look_of_old(), f"{what}: aborted")
        if waiting(p) == ["committing"]:
            r = ward(p, top, "commit", "--continue")
            check_eq(r.code, 0, f"{what}: --continue: {r.out}{r.err}")
        elif waiting(p):
            # What was put back has a new ctime: somebody says whose is meant.
            some = ward(p, top, "diff", "--name-only").out != ""
            r = ward(p, top, "commit", *(("--ours", ".") if some else ()))
            check_eq(r.code, 0, f"{what}: again: {r.out}{r.err}")
    check_eq(waiting(p), [], what)


def owners(found, lent):
    return {n: (text, mode | 0o700 if lent else mode) for n, (text, mode) in found.items()}


def look_of_old():
    want = {}
    for m in MODES:
        want |= {f"dir{m}": ("dir", 0o755), f"dir{m}/kept": ("old\n", 0o644), f"dir{m}/gone": ("old\n", 0o644), f"dir{m}/deep": ("dir", 0o755),
                 f"dir{m}/deep/f": ("old\n", 0o644), f"file{m}": ("old\n", 0o644)}
    return want


def sweep(p, error, undo, calls=None):
    os.umask(0o22)
    hits, bad = 0, []
    for i, (call, n) in enumerate(points(p, calls)):
        what = f"seed {faults.SEED}, call {call}, the {n}. time"
        top = project(p, i)
        review(p, top)
        try:
            r, _, hit = inject(p, top, call, n, error, cli.WARD, "commit")
            hits += hit
            if error and r.code:
                check_eq(r.code in (1, 2), True, f"{what}: {r}")
                check_eq(len(r.err.splitlines()) <= 1, True, f"{what}: {r.err}")
            if waiting(p) == ["committing"] and "commit " in r.out:
                check(": not finished" in r.out, f"{what}: it says how many are real: {r.out}")
            # After the last step the entry is there for a moment, and nothing of it waits.
            before = waiting(p) == ["pending"] and ward(p, top, "diff", "--name-only").out != ""
            if before:
                check_eq(look(top), look_of_old(), f"{what}: it waits, and something is real")
            finish(p, top, what, undo)
            # What was lent in the layer at that moment stays lent (docs/review.md).
            check_eq(owners(look(top), before), owners(expected(), before), what)
            check_eq([n for n in os.listdir(top) if n.startswith(".ward-")], [], what)
        except AssertionError as why:
            bad.append(f"{what}: {why}"[:900])
            print("# " + bad[-1].replace("\n", " "), flush=True)
            for run in os.listdir(p.side / "state/ward/runs"):
                subprocess.run(["chmod", "-R", "u+rwX", p.side / "state/ward/runs" / run], check=False)
                subprocess.run(["rm", "-rf", p.side / "state/ward/runs" / run], check=False)
    check(hits > 0, "no call was met")
    check_eq(bad, [])


@both
def killed_and_continued(p):
    sweep(p, 0, False)


@both
def killed_and_taken_back(p):
    sweep(p, 0, True)


@both_cases([("no space", errno.ENOSPC), ("over quota", errno.EDQUOT), ("a broken disk", errno.EIO)])
def a_call_of_the_commit_fails(p, error):
    sweep(p, error, error == errno.EDQUOT, (WRITE, MKDIRAT, RENAMEAT2, FSYNC, SYNCFS, FSETXATTR))


GIT = "git() { command git -c user.name=a -c user.email=a@b -c safe.directory=* -c init.defaultBranch=main -c gc.auto=0 \"$@\"; }; "


@root_only
def who_reads_a_repository_meanwhile_finds_what_is_named(p):
    """A repack with all that went into the pack gone, references that were packed, and a commit on top; killed behind each rename."""
    if not shutil.which("git"):
        skip("there is no git")
    for n in range(1, 200, 3):
        top = p.ws / f"p{n}"
        top.mkdir()
        host = lambda script, top=top: subprocess.run(["sh", "-ec", GIT + script], cwd=top, capture_output=True, text=True, check=False)    # noqa: E731
        r = host("git init -q .; echo 1 > x; git add .; git commit -qm one; git branch topic; git repack -adnq; echo 2 > x; git add .; git commit -qm two")
        check_eq(r.returncode, 0, r.stderr)
        review(p, top, GIT + "echo 3 > x; git add .; git commit -qm three; git checkout -q --detach; git repack -adnq; git prune-packed; git pack-refs --all")
        _, _, hit = inject(p, top, RENAMEAT2, n, 0, cli.WARD, "commit")
        r = host("git rev-parse HEAD topic; git rev-list --objects --all; git log --format=%s main")
        check(r.returncode == 0 and "topic" not in r.stderr, f"behind rename {n}: {r.stderr}{sorted(x.name for x in top.glob('.git/objects/*/*'))}")
        if not hit:
            break
        r = "".join(f"{x.out}{x.err}" for x in [ward(p, top, "commit", *words) for words in ((("--continue", "--abort")[n % 2],), ())])
        check_eq(waiting(p), [], f"behind rename {n}: {r}")
        check_eq(host("git fsck --no-progress 2>&1; git log --format=%s; git status --porcelain").stdout.count("three"), 1)
    check(n > 12, f"only {n} renames")


@both_cases([("killed", 0), ("a broken disk", errno.EIO)])
def one_that_ended_before_anything_was_real_is_no_conflict(p, error):
    """Of what was moved and changed its directory alone says whether somebody removed it, and that is changed by a commit that only began."""
    for i, call in enumerate((FSYNC, SYNCFS, OPENAT)):
        top = p.ws / f"moved{i}"
        p.write(f"moved{i}/a", "what a had\n")
        time.sleep(0.05) # the run is younger
        review(p, top, "mv a n; echo more >> n; echo y > x")
        n = 1 if call != OPENAT else inject(p, top, -1, 0, 0, cli.WARD, "commit", "--dry-run")[1].get(OPENAT, 0) + 2
        r, _, hit = inject(p, top, call, n, error, cli.WARD, "commit")
        if hit and waiting(p) == ["pending"]:
            check(r.code != 0, f"{call}: {r}")
            check_eq(os.listdir(top), ["a"], str(call)) # look() would change it
            r = ward(p, top, "commit")
            check_eq((r.code, r.err), (0, ""), f"{call}: {r.out}")
            check_eq(look(top), {"n": ("what a had\nmore\n", 0o644), "x": ("y\n", 0o644)}, str(call))
            print(f"# {call}, the {n}. time", flush=True)
        else:
            finish(p, top, str(call), False)


def looked_at(p, i):
    """What waits of it: a hook of a bare repository, what somebody else changed, and what was moved away from what he removed."""
    top = p.ws / f"look{i}"
    for name in ("bare/objects", "bare/refs", "bare/hooks", "d"):
        (top / name).mkdir(parents=True)
    for name in ("bare/HEAD", "both", "d/x"):
        (top / name).write_text("old\n")
    time.sleep(0.02)    # the run is younger
    review(p, top, "echo x > bare/hooks/update; echo run > both; mv d/x d/y; echo more >> d/y; echo plain > plain")
    (top / "both").write_text("mine\n")
    (top / "d/x").unlink()
    return top


@both_cases([("a broken disk", errno.EIO), ("no memory", errno.ENOMEM)])
def a_look_of_the_commit_that_fails_is_no_yes(p, error):
    """What could not be seen waits with the rest; all calls, one after the other, with WARD_FAULT_CALLS=0."""
    os.umask(0o22)
    top = looked_at(p, "count")
    r, seen, _ = inject(p, top, -1, 0, 0, cli.WARD, "commit")
    check_eq((r.code, (top / "plain").exists(), r.out.count("conflict:"), r.out.count("waits (risky):")), (1, True, 2, 1), r.out)
    every = [(call, n) for call in (FSTAT, NEWFSTATAT, STATX, OPENAT2) for n in range(1, seen.get(call, 0) + 1)]
    check(len(every) > 20, f"the injector sees too little: {seen}")
    hits = 0
    for i, (call, n) in enumerate(every if SAMPLE == 0 else random.Random(faults.SEED).sample(every, min(len(every), SAMPLE // 3))):
        top = looked_at(p, i)
        r, _, hit = inject(p, top, call, n, error, cli.WARD, "commit")
        hits += hit
        check_eq(((top / "bare/hooks/update").exists(), (top / "both").read_text(), (top / "d/y").exists()), (False, "mine\n", False),
                 f"seed {faults.SEED}, call {call}, the {n}. time: {r}")
    check(hits > 0, "no call was met")


@both
def notes_that_nobody_will_read_are_not_made_durable(p):
    """Where all becomes real, and nothing is judged by the time of the project's own directory."""
    calls = []
    for i, script in enumerate(("echo y > x", "mv a n; echo more >> n")):
        top = p.ws / f"all{i}"
        p.write(f"all{i}/a", "what a had\n")
        time.sleep(0.05)
        review(p, top, script)
        r, seen, _ = inject(p, top, -1, 0, 0, cli.WARD, "commit")
        check_eq(r.code, 0, str(r))
        calls.append(seen.get(FSYNC, 0))
    check(calls[0] < calls[1], str(calls))


@root_only
def what_roots_commit_makes_in_the_project_no_other_run_reaches(p):
    """Where the store is of another file system. Who opened it there could write what has a place by then that no run writes."""
    (p.side / "state").mkdir(exist_ok=True)
    box.private_mounts()
    box.mount("ward-test", p.side / "state", "tmpfs", 0, "size=4m,mode=0700")
    top = p.ws / "r"
    (top / ".git/hooks").mkdir(parents=True)
    for d in ("objects", "refs"):
        (top / ".git" / d).mkdir()
    (top / ".git/HEAD").write_text("ref: refs/heads/x\n")
    review(p, top, "echo fine > .git/hooks/pre-commit")
    # Killed when all is made and nothing has its place.
    inject(p, top, SYNCFS, 1, 0, cli.WARD, "commit", "--approve", "risky")
    stage, = (d for d in os.listdir(top) if d.startswith(".ward-commit-"))
    check_eq(os.listdir(top / stage), ["n0"])
    r = p.run("--write", ".", "--", "sh", "-c", f"echo bad > {stage}/n0; cat {stage}/n0; ls {stage}; chmod 777 {stage}; true", cwd=top)
    check_eq((r.code, r.out), (0, ""), r.err)
    r = ward(p, top, "commit", "--approve", "risky")
    check_eq((r.code, (top / ".git/hooks/pre-commit").read_text()), (0, "fine\n"), r.out + r.err)
    check_eq([d for d in os.listdir(top) if d.startswith(".ward-")], [])


@both
def killed_before_objects_go_that_somebody_names_then(p):
    """The commit was to take them, since nobody did."""
    top = p.ws / "r"
    for d in ("refs/heads", "objects/aa"):
        (top / ".git" / d).mkdir(parents=True)
    (top / ".git/HEAD").write_text("ref: refs/heads/x\n")
    for name in "xy":
        (top / ".git/objects/aa" / name).write_text(name)
    review(p, top, "rm .git/objects/aa/?")
    n = 1
    while waiting(p) != ["committing"]:
        _, _, hit = inject(p, top, RENAMEAT2, n, 0, cli.WARD, "commit")
        check(hit, f"{n}")
        n += 1
    time.sleep(0.2) # what comes at once may be its own
    (top / ".git/refs/heads/saved").write_text("0" * 40 + "\n")
    r = ward(p, top, "commit", "--continue")
    check_eq(r.code, 2, r.out)
    check_in("what names objects was changed", r.err)
    r = ward(p, top, "commit", "--abort")
    check_eq((r.code, sorted(os.listdir(top / ".git/objects/aa"))), (0, ["x", "y"]), r.out + r.err)
    r = ward(p, top, "commit")
    check_eq((r.code, sorted(os.listdir(top / ".git/objects/aa"))), (0, ["x", "y"]), r.out + r.err)


@both
def killed_while_a_part_of_a_deletion_is_forgotten(p):
    """The rest of it waits as before: a directory that is gone is never for a moment one that is as it was."""
    os.umask(0o22)
    met = 0
    for call in (MKDIRAT, UNLINKAT, RENAMEAT2, FSETXATTR, FCHMOD, MKNODAT):
        for n in range(1, 6):
            top = p.ws / f"t{call}-{n}"
            for name in ("d/a", "d/b", "d/deep/x"):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text("old\n")
            review(p, top, "rm -rf d")
            r, _, hit = inject(p, top, call, n, 0, cli.WARD, "commit", "--theirs", "d/a", "--", "d/a")
            met += hit
            if waiting(p) == ["committing"]:
                r = ward(p, top, "commit", "--continue")
                check_eq(r.code, 0, r.out + r.err)
            found = [x for x in ward(p, top, "diff", "--name-only").out.split() if x != "d/a"]
            check_eq(found, ["d/b", "d/deep/x"], f"call {call}, the {n}. time")
            check_eq(ward(p, top, "discard").code, 0)
    check(met > 8, f"only {met} calls were met")


# ---- the run itself ----

def incomplete(p, r):
    """It was said to be, and becomes real for nobody who does not know."""
    check_eq((r.code, json.loads(p.outcome_file.read_text())["review"]["state"]), (125, "incomplete"), r.err)
    r = ward(p, p.ws, "commit")
    check_eq((r.code, os.listdir(p.ws)), (2, []), r.err)
    check_in("--incomplete", r.err)
    check_eq(ward(p, p.ws, "discard").code, 0)


@both
def what_is_not_on_the_disk_is_not_said_to_be(p):
    """At the end the layer is made durable before the record says that it ended."""
    p.ws.chmod(0o777)
    r, _, hit = inject(p, p.ws, SYNCFS, 1, errno.EIO, *p.words("--review", "--outcome", p.outcome_file, "--", "sh", "-c", "echo x > x"))
    check(hit, "nothing is made durable at the end")
    incomplete(p, r)


@both
def an_entry_that_is_not_on_the_disk_is_told_of(p):
    """It is synced while the command lives; what fails then is said at the end."""
    p.ws.chmod(0o777)
    told = 0
    for n in range(1, 7):
        r, _, hit = inject(p, p.ws, FSYNC, n, errno.EIO, *p.words("--review", "--outcome", p.outcome_file, "--", "sh", "-c", "echo x > x; sleep 1"))
        if hit and "not all that the run wrote is kept" in r.err:
            told += 1
            incomplete(p, r)
        elif waiting(p):
            check_eq(ward(p, p.ws, "discard").code, 0)
    check(told > 0, "no failure of it was told of")


@both
def a_kernel_without_the_newer_call_tells_the_same(p):
    """listxattrat(2) is of 6.13; a filter around Ward may answer EPERM."""
    top = project(p, 0)
    (top / "f").write_text("x")
    (top / "o").mkdir()
    (top / "o/x").write_text("x")
    os.setxattr(top / "f", "user.k", b"v")
    review(p, top, SCRIPT + "; echo y >> f; rm -r o; mkdir o")
    want = ward(p, top, "diff")
    check_eq(want.err, "")
    os.setxattr(top / "f", "user.k", b"w")
    check(ward(p, top, "diff").out != want.out, "attributes are not looked at")
    os.setxattr(top / "f", "user.k", b"v")
    for error in (errno.ENOSYS, errno.EPERM):
        r, _, hit = inject(p, top, LISTXATTRAT, 1, error, cli.WARD, "diff")
        check(hit, "the call is not made")
        check_eq(r, want)


@both
def without_an_overlay_it_is_refused(p):
    """A kernel that has no such file system: the run never goes on without, and nothing of it is left."""
    p.ws.chmod(0o777)
    words = p.words("--review", "--write", ".", "--disk-backend", "tmpfs", "--", "sh", "-c", "echo ran; echo x > x")
    r, seen, _ = inject(p, p.ws, MOUNT, 0, 0, *words)
    check_eq((r.code, r.out), (0, "ran\n"), r.err)
    check_eq(ward(p, p.ws, "discard").code, 0)
    told = 0
    for n in range(1, seen[MOUNT] + 1):
        r, _, hit = inject(p, p.ws, MOUNT, n, errno.ENODEV, *words)
        if hit and "overlay" in r.err:
            told += 1
            check_eq((r.code, r.out), (125, ""), r.err)
            check_in("modprobe overlay", r.err)
        check_eq(os.listdir(p.ws), [], "the run went on without")
        if r.out:
            check_eq(ward(p, p.ws, "discard").code, 0)
        check_eq(waiting(p), [], r.err)
    check_eq(told, 1, "one mount is the overlay's")


@both
def nothing_that_comes_later_looks_older(p):
    """Inodes are stamped by a clock that is a tick behind: what the command, and whoever sees it, does first is not before since_ns."""
    p.ws.chmod(0o777)
    for _ in range(30):
        r = p.run("--review", "--", "/bin/mkdir", "x")
        check_eq(r.code, 0, r.err)
        entry, = [d for d in (p.side / "state/ward/runs").iterdir() if len(d.name) == 26]
        since = json.loads((entry / "workspace.json").read_text())["since_ns"]
        check(os.stat(entry / "layer/upper/x").st_ctime_ns >= since, "the run's first directory is older than the run")
        check_eq(ward(p, p.ws, "discard").code, 0)


if __name__ == "__main__":
    box.main()

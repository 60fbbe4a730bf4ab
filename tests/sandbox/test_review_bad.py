#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reviews of which something is bad: a full disk during the run, in a commit and while it lands; names that are no text; a run that is alive, unknown, or
of another version. A clear error, nothing lost, nothing half real."""
import errno
import json
import os
import shutil
import signal
import subprocess
import time

import box
from box import both, both_cases, root_only, user_only
from tap import PATIENCE, check, check_eq, check_in, skip

SOON = 20 * PATIENCE
ODD = [b"new\nline", b"not \xff utf-8", b"-dash", b"quote\"'\\", b"\x1b[31mred"]


def waiting(p):
    store = p.side / "state/ward/runs"
    return sorted(x.name for x in store.iterdir() if len(x.name) == 26) if store.is_dir() else []


def until(fn, what):
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if fn():
            return
        time.sleep(0.02)
    check(False, f"not within {SOON} s: {what}")


def no_trace(p):
    check_eq([n for n in os.listdir(p.ws) if n.startswith(".ward")], [])


# ---- full disks ----

@both
def a_layer_that_is_full_during_the_run_loses_nothing_of_what_fitted(p):
    box.needs_a_layer_on_tmpfs()
    p.write("f", "1\n")
    r, o = p.outcome("--review", "--write", ".", "--disk-backend", "tmpfs", "--disk", "1M", "--", "sh", "-c",
                     "echo small > small; echo 2 > f; head -c 3000000 /dev/zero > big || echo full; rm -f big; echo late > late")
    check_eq(r.code, 0, r.err)
    check_in("full\n", r.out)
    check_eq((o["review"]["state"], o["review"]["changes"]), ("pending", 3))
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    check_eq([(p.ws / n).read_text() for n in ("f", "small", "late")], ["2\n", "small\n", "late\n"])


def small_project(p):
    """The project lies on a file system of its own, of one megabyte. Private to this test."""
    box.private_mounts()
    box.mount("ward-test", p.ws, "tmpfs", 0, "size=1m,mode=0777")
    p.write("f", "1\n")
    p.write("ballast", "x" * 600000)


BIG = "echo 2 > f; for i in 1 2 3; do head -c 200000 /dev/zero | tr '\\0' b > big$i; done; echo n > n"


@root_only
def a_project_that_is_full_in_a_commit_is_as_it_was(p):
    small_project(p)
    r = p.run("--review", "--write", ".", "--", "sh", "-c", BIG)
    check_eq(r.code, 0, r.err)
    for _ in range(2):
        r = p.run(kind=("commit",), log=False)
        check_eq(r.code, 2, r.out + r.err)
        check_in("No space left on device", r.err)
        check_in("make room", r.err)
        check_in(": 0 changes, 5 left", r.out)
        check_eq((sorted(os.listdir(p.ws)), (p.ws / "f").read_text()), (["ballast", "f"], "1\n"))
        check_eq(json.loads(p.run("--json", kind=("runs",), log=False).out)["runs"][0]["state"], "pending")
    (p.ws / "ballast").unlink()
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    check_eq(sorted((n, (p.ws / n).stat().st_size) for n in os.listdir(p.ws)), [("big1", 200000), ("big2", 200000), ("big3", 200000), ("f", 2), ("n", 2)])


@root_only
def what_the_host_does_not_execute_no_review_does(p):
    """A project whose mount is noexec: without a layer nothing of it is executed, and what worked in one only would fail once it is real."""
    box.private_mounts()
    for flags, code in ((0, 0), (8, 126)):    # MS_NOEXEC
        box.mount("ward-test", p.ws, "tmpfs", flags, "mode=0777")
        p.write("there", "#!/bin/sh\nexit 0\n", 0o755)
        for words in (["--write", "."], ["--review"], ["--review=live"]):
            check_eq(p.run("--timeout", "30s", *words, "--", "./there").code, code, words)
        r = p.run("--review", "--", "sh", "-c", "cp there new; ./new")
        check_eq(r.code, code, r.err)


@root_only
def a_project_that_is_full_while_it_lands_is_as_it_was(p):
    small_project(p)
    r = p.run("--review=live", "--write", ".", "--", "sh", "-c", BIG + "; sleep 3; exit 3")
    check_eq(r.code, 3, r.err)
    check_in("No space left on device", r.err)
    check_eq(len(waiting(p)), 1, r.err)
    failed = [x["detail"] for x in map(json.loads, p.log.read_text().splitlines()) if x["kind"] == "workspace.commit" and x["effect"] == "deny"]
    check_eq({x["applied"] for x in failed}, {0}, "what became real of one that failed before its journal was whole")
    no_trace(p)
    for n in os.listdir(p.ws):
        check((p.ws / n).stat().st_size in (600000, 200000, 2), f"{n} is half there")
    (p.ws / "ballast").unlink()
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    check_eq(((p.ws / "f").read_text(), (p.ws / "big3").stat().st_size), ("2\n", 200000))


@root_only
def forgetting_needs_no_room_in_a_store_that_is_full(p):
    p.write("f", "1\n")
    p.write("old", "it moved\n")
    full = p.side / "full"
    full.mkdir()
    box.private_mounts()
    box.mount("ward-test", full, "tmpfs", 0, "size=1m,mode=0700")
    env = {"XDG_STATE_HOME": str(full)}
    r = p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f; head -c 200000 /dev/zero > big; mv old moved", env=env)
    check_eq(r.code, 0, r.err)
    with open(full / "ballast", "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096) > 0:
                pass
        except OSError as e:
            check_eq(e.errno, errno.ENOSPC)
    # A rename is two names, and needs the journal.
    r = p.run("--theirs", "moved", "moved", kind=("commit",), log=False, env=env)
    check_eq(r.code, 2, r.out + r.err)
    check_in("nothing is forgotten: make room", r.err)
    r = p.run("--theirs", "big", "--theirs", "f", "big", "f", kind=("commit",), log=False, env=env)
    check_eq(r.code, 0, r.out + r.err)
    check_eq(p.run("--name-only", kind=("diff",), log=False, env=env).out, "moved\n")
    check_eq((sorted(os.listdir(p.ws)), (p.ws / "f").read_text()), (["f", "old"], "1\n"))
    check(os.statvfs(full).f_bavail * os.statvfs(full).f_bsize >= 190000, "it made no room")


# ---- names ----

@both_cases([("at once", "--review"), ("while it lives", "--review=live")])
def a_name_that_is_no_text_is_shown_and_becomes_real(p, how):
    r = p.run(how, "--write", ".", "--", "python3", "-c", f"""
import os
for n in {ODD!r}:
    os.mkdir(n)
    open(n + b"/" + n, "wb").write(n)
os.symlink({ODD[1]!r}, b"l\\xfe")
""")
    check_eq(r.code, 0, r.err)
    if how == "--review":
        for form in ((), ("--stat",), ("--json",), ("--name-only",)):
            r = p.run(*form, kind=("diff",), log=False)
            check_eq((r.code, r.err), (0, ""), form)
            check("\x1b" not in r.out or not form, f"{form}: an escape is shown raw")
        r = p.run("--json", kind=("commit",), log=False)
        check_eq(r.code, 0, r.out + r.err)
        json.loads(r.out)
    check_eq(waiting(p), [])
    top = os.fsencode(p.ws)
    check_eq(sorted(os.listdir(top)), sorted([*ODD, b"l\xfe"]))
    for n in ODD:
        with open(os.path.join(top, n, n), "rb") as f:
            check_eq(f.read(), n)
    check_eq(os.readlink(os.path.join(top, b"l\xfe")), ODD[1])
    no_trace(p)
    for line in p.log.read_bytes().splitlines():
        json.loads(line.decode("utf-8"))


# ---- which run ----

@both
def a_run_that_is_alive_is_committed_by_nobody(p):
    q = p.start("--review", "--write", ".", "--", "sh", "-c", "echo 1 > f; echo up; sleep 60", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    q.stdout.readline()
    run, = waiting(p)
    for kind, words in ((("commit",), ()), (("commit",), ("--continue",)), (("commit",), ("--abort",)), (("commit",), ("--dry-run",)), (("discard",), ())):
        r = p.run(run, *words, kind=kind, log=False)
        check(r.code != 0 and r.out == "", f"{kind} {words}: {r}")
        check_in(f"run {run} is still running", r.err)
        check_in("ward stop", r.err)
    check_eq((os.listdir(p.ws), waiting(p)), ([], [run]))
    q.send_signal(signal.SIGTERM)
    q.wait()


@both
def a_run_that_nobody_knows_is_told(p):
    for kind, words in ((("commit",), ()), (("commit",), ("--continue",)), (("commit",), ("--abort",)), (("diff",), ()), (("discard",), ())):
        r = p.run("01K00000000000000000000000", *words, kind=kind, log=False)
        check(r.code == 1 and r.out == "" and len(r.err.splitlines()) == 1, f"{kind} {words}: {r}")
        check_in('there is no run "01K00000000000000000000000" under review', r.err)


NEWER = [("its record", "workspace.json", lambda b: b.replace(b'"version":3', b'"version":4')),
         ("its journal", "journal", lambda b: b"WARDCJNL\x07\0\0\0" + bytes(200)),
         ("its notes", "landed", lambda b: b"WARDLAND\x02\0\0\0" + bytes(4))]


@both_cases([(name, i) for i, (name, _, _) in enumerate(NEWER)])
def what_a_newer_ward_wrote_is_not_guessed_at(p, i):
    _, file, change = NEWER[i]
    p.write("f", "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f").code, 0)
    run, = waiting(p)
    entry = p.side / "state/ward/runs" / run
    path = entry / file
    path.write_bytes(change(path.read_bytes() if path.exists() else b""))
    was = {x.name: x.read_bytes() for x in entry.iterdir() if x.is_file()}
    for kind, words in ((("commit",), ()), (("commit",), ("--continue",)), (("commit",), ("--abort",))):
        r = p.run(run, *words, kind=kind, log=False)
        check(r.code == 2 and len(r.err.splitlines()) == 1, f"{kind} {words}: {r}")
        if words and file == "landed":
            check_in("no commit", r.err)
        else:
            check_in("began and did not end" if file == "journal" and not words else "version", r.err)
        check_eq((p.ws / "f").read_text(), "1\n")
    check_eq({x.name: x.read_bytes() for x in entry.iterdir() if x.is_file()}, was, "it is as it was")
    check_eq((entry / "layer/upper/f").read_text(), "2\n", "and so is what waits")
    r = p.run(run, kind=("discard",), log=False)
    # A commit that a newer one began has what is nowhere else; and of what it has recorded nobody knows whether it is in use. Its notes are of this run.
    check_eq((r.code != 0, waiting(p) != []), (file != "landed",) * 2, r.err)
    if file == "workspace.json":
        check_in("use the ward that made it, or a newer one", r.err)
        check_eq((entry / "layer/upper/f").read_text(), "2\n")


# ---- another project in the place of the one that was reviewed ----

def made_anew(p):
    """The workspace again, empty, with the inode that it had: as ext4 gives it by itself; elsewhere the record is made to say so."""
    run, = waiting(p)
    record = p.side / "state/ward/runs" / run / "workspace.json"
    was = os.stat(p.ws).st_ino
    for _ in range(100):
        for n in os.listdir(p.ws):
            (p.ws / n).unlink()
        os.rmdir(p.ws)
        os.mkdir(p.ws)
        if os.stat(p.ws).st_ino == was:
            return run
    record.write_text(record.read_text().replace(f'"root_ino":"{was}"', f'"root_ino":"{os.stat(p.ws).st_ino}"'))
    return run


@both
def a_directory_that_got_the_inode_of_the_one_that_is_gone_gets_none_of_its_files(p):
    p.write("f", "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo n > new; echo 2 > f").code, 0)
    run = made_anew(p)
    record = json.loads((p.side / "state/ward/runs" / run / "workspace.json").read_text())
    check(record["root_born_ns"] or record["root_handle"] != "0", f"the file system tells nothing of a birth: {record}")
    for kind, words in ((("commit",), ()), (("commit",), ("--dry-run",)), (("diff",), ())):
        r = p.run(run, *words, kind=kind, log=False)
        check(r.code != 0 and len(r.err.splitlines()) == 1, f"{kind} {words}: {r}")
        check_in("is not the directory any more", r.err)
        check_in("ward discard", r.err)
        check_eq(os.listdir(p.ws), [])
    check_eq(p.run(run, kind=("discard",), log=False).code, 0)
    check_eq(waiting(p), [])


@both_cases([("the first", 1), ("the second", 2)])
def what_a_ward_of_an_earlier_version_kept_is_committed(p, version):
    p.write("f", "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo n > new; echo 2 > f").code, 0)
    run, = waiting(p)
    path = p.side / "state/ward/runs" / run / "workspace.json"
    record = json.loads(path.read_text())
    check_eq(record["version"], 3)
    for n in ("since_boot_ns", *(("root_born_ns", "root_handle") if version == 1 else ())):
        del record[n]
    path.write_text(json.dumps({**record, "version": version}))
    check_eq(p.run(run, kind=("diff",), log=False).code, 0)
    r = p.run(run, kind=("commit",), log=False)
    check_eq((r.code, waiting(p), (p.ws / "new").read_text(), (p.ws / "f").read_text()), (0, [], "n\n", "2\n"), r.err)


# ---- a clock that is set back ----

def record_of(p, **change):
    run, = waiting(p)
    path = p.side / "state/ward/runs" / run / "workspace.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **{n: fn(record[n]) for n, fn in change.items()}}))


@both
def what_came_behind_a_clock_that_was_set_back_is_a_conflict(p):
    """As if the clock of the machine had been set back by so much that what was written a moment ago may be younger than the run."""
    p.write("old", "1\n")
    time.sleep(2)
    p.write("near", "1\n")
    time.sleep(0.1)
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > old; echo 2 > near").code, 0)
    back = time.time_ns() - (p.ws / "near").stat().st_ctime_ns + 500_000_000
    record_of(p, since_boot_ns=lambda ns: ns - back)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "old").read_text(), (p.ws / "near").read_text()), (1, "2\n", "1\n"), r.out)
    check_in('conflict: modified "near": may have been changed in the project since the run began: the clock of the machine was set back', r.out)
    r = p.run("--ours", "near", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "near").read_text(), waiting(p)), (0, "2\n", []), r.out + r.err)


@both
def what_was_changed_as_soon_as_the_run_had_begun_is_a_conflict_by_a_clock_set_back_too(p):
    """Both clocks name one moment, which is not after the command's first."""
    p.write("f", "1\n")
    time.sleep(0.1)
    before = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f").code, 0)
    after = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    run, = waiting(p)
    record = json.loads((p.side / "state/ward/runs" / run / "workspace.json").read_text())
    between = record["since_ns"] - record["since_boot_ns"]
    check(min(before, after) - 500_000 < between < max(before, after) + 500_000, f"{between - before} ns")


# Another start: its clock began anew, by which nothing can be told, whatever it says by now.
@both_cases([("the same start of the machine", {}), ("not known", {"since_boot_ns": lambda _: 0}), ("another start", {"boot": lambda _: "another"}),
             ("a start that is not known", {"boot": lambda _: ""})])
def with_a_clock_that_is_behind_the_run_nothing_is_overwritten_unasked(p, change):
    p.write("f", "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f; echo n > new").code, 0)
    p.write("f", "host\n")
    time.sleep(0.2)
    # By a clock of another start the run would have begun a moment ago, after that.
    again = {"since_boot_ns": lambda _: time.clock_gettime_ns(time.CLOCK_BOOTTIME)} if "boot" in change else {}
    record_of(p, since_ns=lambda ns: ns + 10**9 * 10**6, **{**again, **change})
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "new").read_text()), (1, "host\n", "n\n"), r.out)


# ---- what the file system refuses ----

def flag(p, flags, *names):
    r = subprocess.run(["chattr", flags, *names], cwd=p.ws, check=False, capture_output=True, text=True)
    if r.returncode != 0:
        skip(f"no attribute flags here: {r.stderr.strip()}")


@root_only
def what_must_not_be_changed_stays_and_holds_up_nothing_else(p):
    """An append-only file is copied and written inside as any; the project's own is never replaced. Nor is anything in a directory that must not be changed."""
    for n in ("app", "closed/x", "kept/y", "gone/z", "other", "later/w"):
        p.write(n, "1\n")
    flag(p, "+a", "app", "kept")
    flag(p, "+i", "closed")
    try:
        check_eq(p.run("--review", "--write", ".", "--", "sh", "-c",
                       "echo 2 >> app; echo 2 > closed/x; echo 2 > kept/y; echo n > kept/new; chmod 700 later; rm -r gone; mkdir d; echo 2 > d/f; echo 2 > other").code, 0)
        flag(p, "+i", "later")
        r = p.run("--ours", "later", kind=("commit",), log=False)
        check_eq(r.code, 1, r.out + r.err)
        check_eq([(p.ws / n).read_text() for n in ("app", "closed/x", "kept/y", "kept/new", "d/f", "other")], ["1\n", "1\n", "1\n", "n\n", "2\n", "2\n"], r.out)
        check(not (p.ws / "gone").exists(), r.out)
        check_in('"closed/x": lies in a directory that cannot be written', r.out)
        check_in('"app": cannot be put in place: an immutable or append-only attribute', r.out)
        check_in('"later": cannot be put in place', r.out)
        check_eq((len(waiting(p)), (p.ws / "later").stat().st_mode & 0o777), (1, 0o755))
        no_trace(p)
    finally:
        subprocess.run(["chattr", "-R", "-i", "-a", p.ws], check=False)
    # To take such an attribute away is a change of the object.
    r = p.run("--ours", ".", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "app").read_text(), (p.ws / "closed/x").read_text(), (p.ws / "kept/y").read_text(), waiting(p)), (0, "1\n2\n", "2\n", "2\n", []), r.out + r.err)
    check_eq((p.ws / "later").stat().st_mode & 0o777, 0o700)


@root_only
def attributes_of_a_directory_that_must_not_be_changed_wait(p):
    for n in ("d/x", "e/x", "f"):
        p.write(n, "1\n")
    set_attribute = "python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"user.k\", b\"v\")' "
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-ec", f"{set_attribute} d; {set_attribute} e; chmod 700 e; echo 2 > f").code, 0)
    flag(p, "+i", "d")
    flag(p, "+a", "e")
    try:
        r = p.run("--ours", ".", kind=("commit",), log=False)
        check_eq((r.code, (p.ws / "f").read_text(), os.listxattr(p.ws / "d"), os.listxattr(p.ws / "e"), (p.ws / "e").stat().st_mode & 0o777), (1, "2\n", [], [], 0o755), r.out + r.err)
        for n in ("d", "e"):
            check_eq(r.out.count(f'"{n}": cannot be put in place'), 1, r.out)
        check_eq(json.loads(p.run("--json", kind=("runs",), log=False).out)["runs"][0]["state"], "pending")
    finally:
        subprocess.run(["chattr", "-i", "-a", p.ws / "d", p.ws / "e"], check=False)
    r = p.run("--ours", ".", kind=("commit",), log=False)
    check_eq((r.code, os.getxattr(p.ws / "d", "user.k"), os.getxattr(p.ws / "e", "user.k"), waiting(p)), (0, b"v", b"v", []), r.out + r.err)


def owned(p):
    """-> how what follows is an ordinary user's, who owns all of the test's"""
    uid = box.free_id()
    for path in (p.base, *p.base.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    return {"env": {"HOME": str(p.home)}, "preexec_fn": box.become(uid)}


@root_only
def a_closed_directory_of_ones_own_that_must_not_be_changed_holds_up_nothing_else(p):
    """A commit opens it for a while; where that is refused what lies in it waits, and what the commit has nothing to do with."""
    for n in ("ro/x", "append/x", "f"):
        p.write(n, "1\n")
    modes = {"ro": 0o555, "append": 0o555}
    for n, mode in modes.items():
        (p.ws / n).chmod(mode)
    who = owned(p)
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-ec", "for d in ro append; do chmod u+rwx $d; echo n > $d/new; echo 2 > $d/x; done; "
                   "chmod 555 ro append; echo 2 > f; mkdir late; echo n > late/x; chmod 500 late", **who).code, 0)
    flag(p, "+i", "ro")
    flag(p, "+a", "append")
    try:
        r = p.run("--ours", ".", kind=("commit",), log=False, **who)
        check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "late/x").exists()), (1, "2\n", True), r.out + r.err)
        for n in modes:
            check_eq(sorted(os.listdir(p.ws / n)), ["x"])
            for name in ("new", "x"):
                check_in(f'"{n}/{name}": lies in a directory that cannot be written', r.out)
        check_eq(json.loads(p.run("--json", kind=("runs",), log=False, **who).out)["runs"][0]["state"], "pending")
        no_trace(p)
    finally:
        subprocess.run(["chattr", "-i", "-a", *(p.ws / n for n in modes)], check=False)
    r = p.run("--ours", ".", kind=("commit",), log=False, **who)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    for n, mode in modes.items():
        check_eq(((p.ws / n / "x").read_text(), (p.ws / n / "new").read_text(), (p.ws / n).stat().st_mode & 0o777), ("2\n", "n\n", mode))


@root_only
def what_only_others_can_open_or_change_holds_up_nothing_else(p):
    """A closed directory whose set-group-ID bit would be lost, the mode of another user's, and a name in a sticky one."""
    for n in ("group/x", "others/x", "tmp/theirs", "f"):
        p.write(n, "1\n")
    who = owned(p)
    r = p.run("--review", "--write", ".", "--", "sh", "-ec", "for f in group/x others/x tmp/theirs f; do echo 2 > $f; done; chmod 700 others", **who)
    check_eq(r.code, 0, r.err)
    for n, owner, mode in (("group", -1, 0o2555), ("others", 0, 0o777), ("tmp", 0, 0o1777), ("tmp/theirs", 0, 0o666)):
        os.chown(p.ws / n, owner, 0)
        (p.ws / n).chmod(mode)
    r = p.run("--ours", "group/x", "--ours", "others", "--ours", "tmp/theirs", kind=("commit",), log=False, **who)
    check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "group/x").read_text(), (p.ws / "tmp/theirs").read_text()), (1, "2\n", "1\n", "1\n"), r.out + r.err)
    check_in('"group/x": needs a directory that is closed to you, and opening it would take its set-group-ID bit away', r.out)
    check_in('"tmp/theirs": cannot be put in place', r.out)
    check_in('"others": belongs to another user, who alone can change its mode', r.out)
    check_eq((p.ws / "others/x").read_text(), "2\n", r.out)
    check_eq([(p.ws / n).stat().st_mode & 0o7777 for n in ("group", "others", "tmp")], [0o2555, 0o777, 0o1777])


BEYOND = [("a path that is too long", "n" * 250, 17, "has a path of more than 4095 bytes"), ("too many directories", "d", 600, "lies more directories deep than are looked at")]


@both_cases(BEYOND)
def what_nobody_can_look_at_waits_and_holds_up_nothing_else(p, name, n, why):
    """But what is gone, which may be there. In the project it stays where it is, and so does what it lies in."""
    for f in ("f", "gone", "over", "kept/x"):
        p.write(f, "1\n")
    down = f"w = os.getcwd(); [(os.mkdir('{name}'), os.chdir('{name}')) for i in range({n})]; "
    r = p.run("--review", "--write", ".", "--", "python3", "-c", f"import os; {down}os.rename(w + '/gone', 'x'); os.chdir(w); open('f', 'w').write('2\\n'); "
              "os.makedirs('new/dir'); open('new/dir/x', 'w').write('n\\n'); open('t', 'w').write('t\\n'); os.rename('t', 'over')", timeout=60)
    check_eq(r.code, 0, r.err)
    check("could not be counted" not in r.err, r.err)
    told = json.loads(p.run("--json", kind=("diff",), log=False).out)["changes"]
    check_eq([c["beyond"] for c in told if c["beyond"]], ["something in it " + why])
    check_in("something in it " + why, p.run(kind=("diff",), log=False).out)
    dry = p.run("--dry-run", "--json", kind=("commit",), log=False)
    for _ in range(2):
        r = p.run(kind=("commit",), log=False, timeout=60)
        check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "new/dir/x").read_text()), (1, "2\n", "n\n"), r.out + r.err)
        check_eq(((p.ws / "gone").read_text(), (p.ws / "over").read_text()), ("1\n", "1\n"), r.out)
        check_in("refused: added \"" + name, r.out)
        check_in("something in it " + why, r.out)
        check_in("waits: deleted \"gone\": what it had may be in what nobody could look at", r.out)
    check_eq(json.loads(dry.out)["left"], 3, dry.out)
    r = p.run("--ours", "gone", kind=("commit",), log=False, timeout=60)
    check_eq(((p.ws / "gone").exists(), (p.ws / "over").exists()), (False, True), r.out + r.err)
    check_eq((p.run(kind=("discard",), log=False).code, waiting(p)), (0, []))
    # The project has it, and the run takes all of it away.
    subprocess.run(["rm", "-rf", *p.ws.iterdir()], check=True)
    subprocess.run(["python3", "-c", f"import os; {down}open('x', 'w')"], cwd=p.ws, check=True)
    r = p.run("--review", "--write", ".", "--", "sh", "-c", f"mkdir -p {name}/b; rm -rf {name}; echo n > n", timeout=60)
    check_eq(r.code, 0, r.err)
    r = p.run(kind=("commit",), log=False, timeout=60)
    check_eq((r.code, (p.ws / "n").read_text(), (p.ws / name / name).is_dir()), (1, "n\n", True), r.out + r.err)
    check("something in it " + why in r.out or "cannot be looked into" in r.out, r.out)
    subprocess.run(["rm", "-rf", *p.ws.iterdir()], check=True)
    check_eq(p.run(kind=("discard",), log=False).code, 0)


@root_only
def what_would_be_is_what_is(p):
    """A look beforehand sees what the file system will refuse, and leaves no trace in the log."""
    for n in ("ro/x", "f"):
        p.write(n, "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-ec", "echo 2 > ro/x; echo n > ro/new; echo 2 > f").code, 0)
    flag(p, "+i", "ro")
    try:
        before = p.log.read_text()
        dry = p.run("--dry-run", kind=("commit",), log=False)
        check_eq(p.log.read_text(), before)
        real = p.run(kind=("commit",), log=False)
    finally:
        subprocess.run(["chattr", "-i", p.ws / "ro"], check=False)
    check_eq((dry.code, real.code), (1, 1), dry.out + real.out)
    left = [x for x in real.out.splitlines() if x.startswith("conflict: ")]
    check_eq(([x for x in dry.out.splitlines() if x.startswith("conflict: ")], len(left)), (left, 2), dry.out)
    check_in(": 1 change, 2 left", dry.out)


@root_only
def what_must_not_be_replaced_is_not_made_by_each_landing(p):
    """Such a copy may be gigabytes, and a landing comes with each thing that the run does."""
    large = 4 << 20
    p.write("app", "1" * large)
    flag(p, "+a", "app")
    q = p.start("--review=live", "--write", ".", "--", "sh", "-c", "echo 2 >> app; echo up; while read x; do echo $x > $x; done", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        q.stdout.readline()
        run, = waiting(p)
        for name in ("a", "b", "c"):
            q.stdin.write(name.encode() + b"\n")
            q.stdin.flush()
            until((p.ws / name).exists, f"{name} is real")
        written = dict(line.split(": ") for line in open(f"/proc/{q.pid}/io", encoding="utf-8").read().splitlines())["wchar"]
        check(int(written) < large, f"{written} bytes were written")
        _, err = q.communicate(timeout=60)
    finally:
        subprocess.run(["chattr", "-a", p.ws / "app"], check=False)
    check_in("app", err.decode())
    check_eq(len(waiting(p)), 1)


@root_only
def what_lies_in_a_subvolume_waits_and_holds_up_nothing_else(p):
    if not shutil.which("mkfs.btrfs"):
        skip("mkfs.btrfs is not installed")
    box.private_mounts()
    image = p.side / "image"
    with open(image, "wb") as f:
        f.truncate(300 << 20)
    for words in (["mkfs.btrfs", "-q", image], ["mount", "-o", "loop", image, p.ws]):
        r = subprocess.run(words, check=False, capture_output=True, text=True)
        if r.returncode != 0:
            skip(f"{words[0]}: {r.stderr.strip()}")
    box.must(subprocess.run(["btrfs", "-q", "subvolume", "create", p.ws / "sub"], check=False).returncode, "a subvolume")
    for n in ("a", "sub/s", "sub/d/t"):
        p.write(n, "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > a; echo 2 > sub/s; rm sub/d/t; mkdir sub/new; echo n > sub/new/x; mv sub/s sub/moved").code, 0)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "a").read_text(), (p.ws / "sub/s").read_text(), (p.ws / "sub/d/t").read_text(), sorted(os.listdir(p.ws / "sub"))),
             (1, "2\n", "1\n", "1\n", ["d", "s"]), r.out + r.err)
    check_in("lies on another file system than the project's root", r.out)
    check_in('"sub/new/x": the directory that it lies in is not made real', r.out)
    check_eq(p.run(kind=("commit",), log=False).code, 1)
    check_eq(len(waiting(p)), 1)


@root_only
def a_project_on_an_overlay_of_two_file_systems_is_committed(p):
    """As in a machine whose image is only read: there each file says another file system than the directory that it lies in. By an ordinary user; root's own
    run is refused, since no overlay can be ID-mapped."""
    box.private_mounts()
    uid = box.free_id()
    over = p.base / "parts"
    over.mkdir()
    box.mount("ward-test", over, "tmpfs")
    for name in ("u", "w"):
        (p.side / name).mkdir()
    (over / "d").mkdir()
    for name in ("a", "b", "d/x", "d/y"):
        (over / name).write_text("1\n")
    try:
        box.mount("ward-test", p.ws, "overlay", 0, f"lowerdir={over},upperdir={p.side}/u,workdir={p.side}/w")
    except OSError as why:
        skip(f"overlay: {why}")
    p.write("c", "1\n")
    for path in (p.base, p.home, p.ws, p.side, *p.base.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    if (p.ws / "a").stat().st_dev == p.ws.stat().st_dev:
        skip("this kernel gives an overlay's files the number of the overlay")
    for backend in ("dir", "tmpfs"):
        r = p.run("--review", "--write", ".", "--disk-backend", backend, "--", "sh", "-c", f"echo {backend} > a; rm b; chmod 600 d/y; mv d/x e; echo {backend} > c; echo n > d/new",
                  env={"HOME": str(p.home)}, preexec_fn=box.become(uid))
        check_eq(r.code, 0, r.err)
        r = p.run(kind=("commit",), log=False, env={"HOME": str(p.home)}, preexec_fn=box.become(uid))
        check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
        check_eq([(p.ws / n).read_text() for n in ("a", "c", "d/new", "e")], [f"{backend}\n", f"{backend}\n", "n\n", "1\n"])
        check_eq((sorted(os.listdir(p.ws)), sorted(os.listdir(p.ws / "d")), (p.ws / "d/y").stat().st_mode & 0o777), (["a", "c", "d", "e"], ["new", "y"], 0o600))
        for name in ("b", "d/x"):
            p.write(name, "1\n")
            os.chown(p.ws / name, uid, uid)


@root_only
def of_an_overlay_two_files_of_one_number_are_two(p):
    """Of two file systems, whose numbers begin alike: who changed one name of each has not changed all names of one."""
    box.private_mounts()
    uid = box.free_id()
    parts = [p.base / "part1", p.base / "part2"]
    for at, names in zip(parts, ("ab", "cd")):
        at.mkdir()
        box.mount("ward-test", at, "tmpfs")
        (at / names[0]).write_text("old\n")
        os.link(at / names[0], at / names[1])
    for name in ("u", "w"):
        (p.side / name).mkdir()
    for path in (p.base, p.home, p.ws, p.side, *p.base.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    try:
        box.mount("ward-test", p.ws, "overlay", 0, f"lowerdir={parts[0]}:{parts[1]},upperdir={p.side}/u,workdir={p.side}/w,xino=off")
    except OSError as why:
        skip(f"overlay: {why}")
    a, c = (p.ws / "a").stat(), (p.ws / "c").stat()
    if a.st_ino != c.st_ino or a.st_dev == c.st_dev or a.st_nlink != 2:
        skip("this kernel numbers the files of an overlay in another way")
    r = p.run("--review", "--write", ".", "--", "sh", "-c", "for n in a c; do echo new > x; mv x $n; done", env={"HOME": str(p.home)}, preexec_fn=box.become(uid))
    check_eq(r.code, 0, r.err)
    r = p.run(kind=("commit",), log=False, env={"HOME": str(p.home)}, preexec_fn=box.become(uid))
    check_eq((r.code, r.out.count("has other names (hard links)")), (1, 2), r.out + r.err)
    check_eq([(p.ws / n).read_text() for n in "abcd"], ["old\n"] * 4)


@user_only
def a_store_that_cannot_be_made_says_why(p):
    closed = p.side / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    r = p.run("--review", "--", "true", env={"XDG_STATE_HOME": str(closed)})
    check_eq(r.code, 125, r.err)
    check_in("closed/ward/runs", r.err)
    check_in("Permission denied; set XDG_STATE_HOME", r.err)


@root_only
def a_store_with_no_room_for_an_overlay_lays_none(p):
    """The kernel lays one that is only read: the command would begin, and fail at its first write."""
    p.write("f", "1\n")
    full = p.side / "full"
    full.mkdir()
    box.private_mounts()
    said = set()
    for inodes in range(3, 24):
        box.mount("ward-test", full, "tmpfs", 0, f"size=1m,mode=0700,nr_inodes={inodes}")
        r = p.run("--review", "--", "sh", "-c", "echo ran; echo 2 > f", env={"XDG_STATE_HOME": str(full)})
        box.must(box.libc.umount2(str(full).encode(), box.UMOUNT_DETACH), "umount")
        check("Read-only" not in r.err, f"{inodes}: {r.err}")
        check(r.code != 125 or (r.out == "" and "No space left on device" in r.err), f"{inodes}: {r}")
        said.add((r.code, "preparing the layer" in r.err))
    check_in((125, True), said)
    check_in((0, False), said)


def own_disk(p, name):
    at = p.side / name
    at.mkdir()
    box.private_mounts()
    box.mount("ward-test", at, "tmpfs", 0, "size=1m,mode=0700")
    return at


MS_RDONLY, MS_REMOUNT = 1, 32


@root_only
def a_store_that_may_not_be_written_is_not_one_without_a_lock(p):
    p.write("f", "1\n")
    at = own_disk(p, "readonly")
    env = {"XDG_STATE_HOME": str(at)}
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f", env=env).code, 0)
    box.mount("ward-test", at, "tmpfs", MS_REMOUNT | MS_RDONLY)
    for kind, code in (("commit", 2), ("discard", 1)):
        r = p.run(kind=(kind,), log=False, env=env)
        check_eq(r.code, code, r.out + r.err)
        check_in("cannot be locked: Read-only file system; let the file system of", r.err)
    check_eq(p.run("--name-only", kind=("diff",), log=False, env=env).out, "f\n")
    box.mount("ward-test", at, "tmpfs", MS_REMOUNT)
    r = p.run(kind=("commit",), log=False, env=env)
    check_eq((r.code, (p.ws / "f").read_text()), (0, "2\n"), r.err)


@root_only
def a_lock_that_cannot_be_opened_is_nobodys_leave_to_forget(p):
    """Who cannot ask whether a run lives takes it for one that does."""
    p.write("f", "1\n")
    q = p.start("--review", "--write", ".", "--", "sh", "-c", "echo 2 > f; echo up; read x", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    q.stdout.readline()
    run, = waiting(p)
    lock = p.side / "state/ward/runs" / run / "lock"
    box.private_mounts()
    box.mount(str(lock), str(lock), None, box.MS_BIND)
    box.mount("none", str(lock), None, MS_REMOUNT | box.MS_BIND | MS_RDONLY)
    r = p.run(run, kind=("discard",), log=False)
    check_eq(r.code, 1, r.out + r.err)
    check_in("cannot be locked", r.err)
    check(lock.exists(), "a run that lives was forgotten")
    box.must(box.libc.umount2(os.fsencode(lock), box.UMOUNT_DETACH), "umount")
    q.communicate(b"\n", timeout=30)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text()), (0, "2\n"), r.err)


@root_only
def a_log_that_is_full_has_no_other_in_its_place(p):
    at = own_disk(p, "logs")
    r = p.run("--review", "--write", ".", "--audit", str(at / "audit.jsonl"), "--", "sh", "-c", "for i in $(seq 60); do echo 2 > f$i; done", log=False)
    check_eq(r.code, 0, r.err)
    with open(at / "ballast", "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096) > 0:
                pass
        except OSError as e:
            check_eq(e.errno, errno.ENOSPC)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, os.listdir(p.ws)), (2, []), r.err)
    check_in(": 0 changes, 60 left", r.out)
    check("No space left on device; make room there" in r.err and "--audit" not in r.err, r.err)
    (at / "ballast").unlink()
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, len(os.listdir(p.ws))), (0, 60), r.err)


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run leaves is hostile to its commit, and commits that began and that nothing finishes: from each state a way leads out, and what may be all
that there is of a file is thrown away by nobody."""
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess

import box
from box import both, both_cases, root_only
from tap import check, check_eq, check_in, skip

BEGUN, APPLIED, ABORTED = 1, 2, 3
TAKE, PUT, SWAP, DIR = 1, 2, 3, 4


def entry(p):
    store = p.side / "state/ward/runs"
    return next((x for x in store.iterdir() if len(x.name) == 26), None) if store.is_dir() else None


def review(p, script):
    r = p.run("--review", "--write", ".", "--", "sh", "-c", script)
    check_eq(r.code, 0, r.err)
    return entry(p)


def seen(path):
    """inode, size, mtime; mode"""
    if not path:
        return struct.pack("<QQQ", 0, 0, 0), 0
    st = path.lstat()
    return struct.pack("<QQQ", st.st_ino, st.st_size, st.st_mtime_ns), st.st_mode


def step(kind, path, old=None, new=None, result=0, layer=None, at=0, ctime=0):
    a, was = seen(old)
    b, will = seen(new)
    name = path.encode()
    return struct.pack("<BBBBI", kind, result, 0, 0, len(name)) + a + b + struct.pack(
        "<QQQII", ctime, at, layer.lstat().st_ino if layer else 0, was, will) + name + b"\0"


def journal(p, of, state, stage, *steps, born=None):
    """As docs/spec/commit-journal.md has it: what a ward that was killed has left. born: of version 2; else of version 1, which knew of none."""
    body = b"".join(steps)
    text = b"WARDCJNL" + struct.pack("<IIQQ", 2 if born else 1, state, len(steps), len(body)) + of.name.encode().ljust(32, b"\0")
    text += struct.pack("<QQQ", p.ws.stat().st_ino, stage.stat().st_ino if stage else 4711, 0)
    text += (struct.pack("<QQ", *born) if born else bytes(8)) + body
    at = of / "journal"
    at.write_bytes(text + hashlib.sha256(text).digest())
    at.chmod(0o600)
    shutil.chown(at, os.geteuid(), os.getegid())


def stage_in(directory, *names):
    directory.mkdir(mode=0o700)
    for n in names:
        (directory / n).write_text("precious\n")
    return directory


def discarded(p):
    """-> the record"""
    r = p.run(kind=("discard",), log=False) if (p.ws).is_dir() else p.run(entry(p).name, kind=("discard",), log=False, cwd="/")
    check_eq((r.code, entry(p)), (0, None), r.out + r.err)
    found = [x for x in map(json.loads, p.log.read_text().splitlines()) if x["kind"] == "workspace.discard"]
    check_eq([x["detail"]["state"] for x in found], ["committing"])
    return r.out


def refused(p, of, *words):
    r = p.run(of.name, kind=("discard",), log=False, cwd="/")
    check_eq((r.code != 0, of.exists(), (of / "journal").exists()), (True, True, True), r.out + r.err)
    for w in words:
        check_in(w, r.err)
    check("workspace.discard" not in p.log.read_text(), "what was not done is not recorded")


# ---- layers that make it hard ----

FULL = """
import os
n = 0
for size in (4000, 64, 16, 1):
    try:
        while n < 100000:
            os.setxattr("src/lib", "user.%d" % n, b"x" * size)
            n += 1
    except OSError:
        pass
if n >= 100000:
    raise SystemExit(7)
"""


@both
def a_directory_with_no_room_for_a_mark_is_committed(p):
    """What it hides is said name by name, at any depth, and what waits is what it was."""
    for name in ("src/a", "src/lib/old", "src/lib/deep/er/x", "README"):
        p.write(name, "1\n")
    p.write("fill.py", FULL)
    r = p.run("--review", "--write", ".", "--", "sh", "-c",
              "rm -rf src; mkdir -p src/lib/deep; echo n > src/lib/new; echo n > src/lib/deep/new; echo 2 > README; python3 fill.py")
    if r.code == 7:
        skip("attributes have no bound here")
    check_eq(r.code, 0, r.err)
    before = set(p.run("--name-status", kind=("diff",), log=False).out.splitlines())
    check("D\tsrc/lib/deep/er/x" in before, before)
    r = p.run("README", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "README").read_text(), (entry(p) / "journal").exists()), (0, "2\n", False), r.out + r.err)
    check_eq((p.ws / "src/lib/old").read_text(), "1\n")
    after = set(p.run("--name-status", kind=("diff",), log=False).out.splitlines())
    check_eq(after, before - {"M\tREADME"})
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, entry(p)), (0, None), r.out + r.err)
    check_eq(sorted(str(x.relative_to(p.ws)) for x in p.ws.rglob("*") if x.is_file()), ["README", "fill.py", "src/lib/deep/new", "src/lib/new"])


@both
def a_directory_whose_change_has_no_room_to_be_forgotten_is_as_it_was(p):
    """The project's has attributes; the run took them away, and filled the layer's with what only it may remove. Half of them would look like a change of its."""
    p.write("src/old", "1\n")
    for name, size in (("a", 100), ("b", 1500), ("c", 100)):
        os.setxattr(p.ws / "src", f"user.{name}", b"x" * size)
    p.write("fill.py", FULL.replace("src/lib", "src").replace("user.%d", "user.overlay.%d").replace("import os", "import os\nfor n in 'abc':\n"
            "    os.removexattr('src', 'user.' + n)\nos.setxattr('src', 'user.mine', b'y' * 50)"))
    r = p.run("--review", "--write", ".", "--", "sh", "-c", "echo n > src/new; python3 fill.py")
    if r.code == 7:
        skip("attributes have no bound here")
    check_eq(r.code, 0, r.err)
    upper = entry(p) / "layer/upper/src"
    was = {n: os.getxattr(upper, n) for n in os.listxattr(upper)}
    check("user.mine" in was and "user.a" not in was, sorted(was))
    before = p.run("--name-status", kind=("diff",), log=False).out
    r = p.run("--theirs", "src", "--ours", "src/new", "src", kind=("commit",), log=False)
    after = {n: os.getxattr(upper, n) for n in os.listxattr(upper)} if upper.exists() else None
    check(after in (None, was), f"{r}: {sorted(after or {})}")
    check(not (entry(p) and (entry(p) / "journal").exists()), f"it goes on, or is over: {r}")
    check_eq(sorted(os.listxattr(p.ws / "src")), ["user.a", "user.b", "user.c"], before)


@both
def as_many_directories_in_one_another_as_may_be_need_no_more_descriptors(p):
    p.write("f", "1\n")
    review(p, "echo 2 > f; python3 -c 'import os\nfor i in range(505):\n os.mkdir(\"d\")\n os.chdir(\"d\")\nopen(\"x\", \"w\")'")
    q = subprocess.run([*p.words(kind=("commit",), log=False)], cwd=p.ws, env=p.env(), capture_output=True, text=True, timeout=500, check=False,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
    check_eq((q.returncode, entry(p)), (0, None), q.stdout + q.stderr)
    shutil.rmtree(p.ws / "d")


CLOSED = """
import os
for i in range(400):
    os.mkdir("d")
    os.mkdir("e")
    open("e/f", "w").write(str(i))
    os.chmod("e", 0)
    os.chdir("d")
open("x", "w").write("deepest")
for i in range(400):
    os.chdir("..")
    os.chmod("d", 0)
"""


@box.user_only
def closed_directories_in_one_another_take_no_longer_than_there_are_of_them(p):
    """Not as long as there are pairs of them: what reads, shows or commits such a layer begins where it was, and not at the top."""
    p.write("f", "1\n")
    review(p, f"echo 2 > f; python3 -c '{CLOSED}'")

    def limits():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    def spent():
        of = resource.getrusage(resource.RUSAGE_CHILDREN)
        return of.ru_utime + of.ru_stime
    before = spent()
    r = p.run("--name-only", kind=("diff",), log=False, preexec_fn=limits)
    names = spent() - before
    check_eq((r.code, r.out.count("\n")), (0, 402), r.err)
    for form, each in (("--patch", "\n+++ b/d"), ("--json", '"lines":{"new":1,'), ("--stat", " | ")):
        since = spent()
        r = p.run(form, kind=("diff",), log=False, preexec_fn=limits, timeout=300)
        check(r.code == 0 and r.out.count(each) >= 400, (form, r.out[:300] + r.err))
        check(spent() - since < 5 * names + 0.1, f"{form}: {spent() - since} s of a processor, {names} s for names alone")
    r = p.run(kind=("commit",), log=False, preexec_fn=limits, timeout=300)
    check_eq((r.code, entry(p)), (0, None), r.out + r.err)
    check(spent() - before < 4, f"{spent() - before} s of a processor")
    at = p.ws
    for i in range(400):
        for name in ("d", "e"):
            check_eq((at / name).stat().st_mode & 0o7777, 0, i)
            (at / name).chmod(0o700)
        check_eq((at / "e/f").read_text(), str(i))
        at = at / "d"
    check_eq((at / "x").read_text(), "deepest")


@root_only
def what_is_mounted_while_it_is_tidied_holds_nothing_up(p):
    """What lies under the mount is said by the layer as before, and is no change when that has gone."""
    p.write("a/src/old", "1\n")
    of = review(p, "rm -rf a/src; mkdir a/src; echo n > a/src/new")
    (p.ws / "a/src/old").unlink()
    p.write("a/src/new", "n\n")
    upper = of / "layer/upper/a/src/new"
    journal(p, of, APPLIED, None, step(PUT, "a/src/new", new=p.ws / "a/src/new", result=1, layer=upper, at=(p.ws / "a/src").stat().st_ino))
    box.private_mounts()
    box.mount("ward-test", p.ws / "a", "tmpfs", 0, "size=1m,mode=0777")
    r = p.run(of.name, "--continue", kind=("commit",), log=False)
    check(not (of / "journal").exists(), r.out + r.err)
    subprocess.run(["umount", p.ws / "a"], check=True)
    check_eq(p.run(of.name, "--name-status", kind=("diff",), log=False).out, "")


@both
def a_layer_that_a_living_run_closed_is_left_closed(p):
    """It would see that. Of a dead one the right to read is borrowed."""
    p.write("f", "1\n")
    q = p.start("--review", "--write", ".", "--", "python3", "-c",
                "import os, sys\nopen('f', 'w').write('2')\nos.chmod('.', 0)\nprint('up', flush=True)\nsys.stdin.read()",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "up\n")
    upper = entry(p) / "layer/upper"
    check_eq(upper.stat().st_mode & 0o777, 0)
    r = p.run(entry(p).name, "--name-only", kind=("diff",), log=False)
    check_eq(upper.stat().st_mode & 0o777, 0)
    if os.geteuid() != 0:
        check_in("has closed the directory of its changes; wait for its end", r.err)
    q.communicate("", timeout=60)
    upper.chmod(0)  # as one whose ward was killed leaves it
    check_eq(p.run(entry(p).name, "--name-only", kind=("diff",), log=False).out, "f\n")
    check_eq(upper.stat().st_mode & 0o777, 0)
    r = p.run("--dry-run", kind=("commit",), log=False)
    check_eq(r.code, 0, r.out + r.err)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text(), entry(p)), (0, "2", None), r.out + r.err)


def looking(p, run):
    return subprocess.Popen([*p.words(run, kind=("diff",), log=False)], cwd=p.ws, env=p.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@both
def many_that_look_at_once_leave_a_closed_layer_as_it_was(p):
    """Each is lent what is closed and gives back what it found, which is not what another had lent it."""
    of = review(p, "for i in $(seq 60); do mkdir d$i; echo $i > d$i/f; chmod 0 d$i/f d$i; done")
    upper = of / "layer/upper"

    def modes():
        return {x.name: x.stat().st_mode & 0o7777 for x in upper.iterdir()}
    was = modes()
    check_eq(set(was.values()), {0})
    whole = p.run(of.name, kind=("diff",), log=False).out
    check_eq(whole.count("new file mode"), 60)
    for _ in range(5):
        for q in [looking(p, of.name) for _ in range(4)]:
            out, err = q.communicate(timeout=60)
            check_eq((q.returncode, out == whole, err), (0, True, ""), out)
    check_eq(modes(), was)


@both
def what_is_shown_to_who_does_not_read_on_keeps_no_commit_waiting(p):
    p.write("f", "1\n")
    of = review(p, "seq 200000 > f; mkdir d; echo 1 > d/x; chmod 0 d/x")
    q = looking(p, of.name)
    check_in("diff --git", q.stdout.readline())
    r = p.run("f", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text()[-7:]), (0, "200000\n"), r.out + r.err)
    q.stdout.close()
    q.kill()
    q.communicate()


# ---- commits that began, and did not end ----

@both_cases([("real", APPLIED, "real"), ("taken back", ABORTED, "taken back")])
def what_needs_nothing_of_the_project_any_more_may_be_forgotten(p, state, text):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    journal(p, of, state, stage_in(of / "stage", "o0"))
    r = p.run("--older-than", "1000h", kind=("runs", "gc"), log=False)
    check_eq((r.code, entry(p)), (0, of), r.out + r.err)
    check_in(text, discarded(p))
    check_eq((p.ws / "f").read_text(), "1\n")


@both
def a_journal_of_a_directory_that_was_born_at_another_time_does_nothing(p):
    """It had the inode that the project has by now."""
    p.write("g", "1\n")
    of = review(p, "echo 2 > g")
    record = json.loads((of / "workspace.json").read_text())
    born = record["root_born_ns"], int(record["root_handle"])
    take = step(TAKE, "g", old=p.ws / "g", at=p.ws.stat().st_ino)
    journal(p, of, BEGUN, stage_in(of / "stage"), take, born=(born[0] + 1, born[1] ^ 1))
    for word in ("--continue", "--abort"):
        r = p.run(of.name, word, kind=("commit",), log=False)
        check_eq((r.code, (p.ws / "g").read_text(), (of / "journal").exists()), (2, "1\n", True), r.out + r.err)
        check_in("to another directory than the project's", r.err)
    journal(p, of, BEGUN, of / "stage", take, born=born)
    r = p.run(of.name, "--continue", kind=("commit",), log=False)
    check_eq(((p.ws / "g").exists(), (of / "journal").exists()), (False, False), r.out + r.err)


@both
def what_could_be_given_back_to_no_name_is_kept_then_too(p):
    p.write("f", "1\n")
    p.write("g", "1\n")
    of = review(p, "echo 2 > f; rm g")
    stage = stage_in(of / "stage", "o0")
    journal(p, of, APPLIED, stage, step(TAKE, "g", old=p.ws / "g", result=2))
    out = discarded(p)
    kept = next(p.ws.glob(".ward-kept-*"))
    check_eq((kept / "o0").read_text(), "precious\n")
    check_in(kept.name, out)


@both
def what_waited_long_goes_where_only_its_layer_was_to_be_tidied(p):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    journal(p, of, BEGUN, stage_in(of / "stage"))
    r = p.run("--older-than", "1ms", kind=("runs", "gc"), log=False)
    check_eq((r.code, entry(p)), (0, of), r.out + r.err)
    journal(p, of, APPLIED, of / "stage")
    r = p.run("--older-than", "1ms", "--dry-run", kind=("runs", "gc"), log=False)
    check_in(of.name, r.out)
    r = p.run("--older-than", "1ms", kind=("runs", "gc"), log=False)
    check_eq((r.code, entry(p)), (0, None), r.out + r.err)


@both
def what_can_still_be_ended_is(p):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    journal(p, of, BEGUN, stage_in(of / "stage"))
    refused(p, of, "--continue", "--abort")


@both_cases([("gone", False), ("another", True)])
def without_the_project_it_may_be_forgotten(p, another):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f; rm -f g")
    stage = stage_in(of / "stage", "o0")
    journal(p, of, BEGUN, stage, step(TAKE, "g", old=stage / "o0", at=1))
    p.ws.rename(p.side / "away")
    if another:
        p.ws.mkdir()
    for verb in ("--continue", "--abort"):
        r = p.run(of.name, verb, kind=("commit",), log=False, cwd="/")
        check_eq(r.code, 2 if another else 1, r.out + r.err)
        check_in("ward discard", r.err)
    refused(p, of, str(stage), "move it away")
    stage.rename(p.side / "kept")
    check_in("stays so", discarded(p))


def neither_way(p, of, why):
    for verb in ("--continue", "--abort"):
        r = p.run(of.name, verb, kind=("commit",), log=False)
        check_eq(r.code, 2, r.out + r.err)
        check_in(why, r.err)


@both
def without_what_it_kept_it_may_be_forgotten(p):
    """git clean -ffdx, where that lay in the project."""
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    journal(p, of, BEGUN, None)
    neither_way(p, of, "ward discard")
    check_in("is gone", discarded(p))


@both
def what_another_directory_holds_is_named(p):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    journal(p, of, BEGUN, None)
    stage = stage_in(of / "stage", "o0")
    refused(p, of, str(stage), "move it away")


@both_cases([("in the store", True), ("in the project", False)])
def with_a_damaged_journal_it_may_be_forgotten(p, in_store):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    (of / "journal").write_bytes(b"WARDCJNL and nothing else")
    stage = stage_in(of / "stage" if in_store else p.ws / f".ward-commit-{of.name}", "o0")
    neither_way(p, of, "ward discard")
    refused(p, of, str(stage), "move it away")
    stage.rename(p.side / "kept")
    check_in("damaged", discarded(p))


@root_only
def what_has_the_name_of_the_stage_is_named(p):
    """Where the store is of another file system, a commit makes its directory in the project: whoever may write there can be first."""
    (p.side / "state").mkdir()
    box.private_mounts()
    box.mount("ward-test", p.side / "state", "tmpfs", 0, "size=1m,mode=0700")
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    there = p.ws / f".ward-commit-{of.name}"
    for make, take in ((lambda: there.symlink_to(p.side), there.unlink), (lambda: there.write_text("x"), there.unlink), (lambda: there.mkdir(0o755), there.rmdir)):
        make()
        r = p.run(of.name, kind=("commit",), log=False)
        check_eq((r.code, (p.ws / "f").read_text()), (2, "1\n"), r.out + r.err)
        check_in(f"the project has {there.name}, which no commit made: move it away", r.err)
        take()
    check_eq((p.run(of.name, kind=("commit",), log=False).code, (p.ws / "f").read_text()), (0, "2\n"))


@root_only
def on_a_full_disk_it_stops_and_goes_on_when_there_is_room(p):
    """The journal says it is begun still, so that both ways are open, whatever is done by then."""
    state = p.side / "state"
    state.mkdir()
    box.private_mounts()
    box.mount("ward-test", state, "tmpfs", 0, "size=1m,mode=0700")
    p.write("g", "1\n")
    of_run = review(p, "rm g")
    stage = stage_in(p.ws / f".ward-commit-{of_run.name}")
    journal(p, of_run, BEGUN, stage, step(TAKE, "g", old=p.ws / "g", at=p.ws.stat().st_ino))
    with open(state / "fill", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    for verb, there in (("--continue", False), ("--abort", True)):
        r = p.run(of_run.name, verb, kind=("commit",), log=False)
        check_eq((r.code, (p.ws / "g").exists(), (of_run / "journal").exists()), (2, there, True), r.out + r.err)
        check_in("No space left on device; nothing is lost; make room", r.err)
        check_in("--continue goes on, --abort puts everything back", r.err)
    (state / "fill").unlink()
    r = p.run(of_run.name, "--continue", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "g").exists(), entry(p), stage.exists()), (0, False, None, False), r.out + r.err)


def fill(place):
    with open(place / "fill", "ab", buffering=0) as f:
        for size in (4096, 1):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                pass


def discarded_on_a_full_disk(p, marked):
    """-> the runs, of which the first is left"""
    state = p.side / "state"
    state.mkdir()
    box.private_mounts()
    box.mount("ward-test", state, "tmpfs", 0, "size=1m,mode=0700")
    log = state / "audit.jsonl"
    of_run = []
    for _ in range(12):  # records of all but the last are more than what is left of the log's last page
        r = p.run("--audit", log, "--review", "--", "sh", "-c", "head -c 8192 /dev/zero > f", log=False)
        check_eq(r.code, 0, r.err)
        of_run.append(next(x for x in (state / "ward/runs").iterdir() if x not in of_run))
    for of in of_run[1:]:
        if marked:
            (of / "layer").chmod(0o1700)
        fill(state)
        r = p.run(of.name, kind=("discard",), log=False)
        check_eq((r.code, of.exists()), (0, False), r.out + r.err)
        last = json.loads(log.read_text().splitlines()[-1])
        check_eq((last["kind"], last["run"], last["detail"]), ("workspace.discard", of.name, {"by": "ward discard", "state": "lost" if marked else "pending"}))
    check_eq(p.run(log, kind=("audit", "verify"), log=False).code, 0)
    return of_run


@root_only
def to_discard_goes_on_where_a_kill_came_before_anything_had_gone(p):
    """The layer has its mark, and all of it is there still: it is what room is made of."""
    discarded_on_a_full_disk(p, True)


@root_only
def to_discard_makes_room_for_its_own_record(p):
    """Where the log lies on the same disk: what is forgotten goes first, and the run when that is on record."""
    of_run = discarded_on_a_full_disk(p, False)
    # A kill in between: it is no run of fewer changes, and the same again goes on.
    (of_run[0] / "layer").chmod(0o1700)
    shutil.rmtree(of_run[0] / "layer/upper")
    check_in("lost", p.run("ls", kind=("runs",), log=False).out)
    for kind in ("diff", "commit"):
        r = p.run(of_run[0].name, kind=(kind,), log=False)
        check(r.code != 0 and "is forgotten already: only the record of that could not be written" in r.err, r.out + r.err)
    check_in("is forgotten already", p.run("show", of_run[0].name, kind=("runs",), log=False).out)
    r = p.run(of_run[0].name, kind=("discard",), log=False)
    check_eq((r.code, of_run[0].exists()), (0, False), r.out + r.err)


@both
def with_a_journal_larger_than_any_it_may_be_forgotten(p):
    p.write("f", "1\n")
    of = review(p, "echo 2 > f")
    (of / "journal").write_bytes(b"WARDCJNL")
    os.truncate(of / "journal", 2 << 30)
    neither_way(p, of, "larger than any that Ward writes")
    check_in("damaged", discarded(p))


@both
def what_was_replaced_and_taken_away_is_not_said_to_be_back(p):
    """Somebody has emptied the directory of what was old: what is there stays, and that it is not as it was is said."""
    p.write("f", "1\n")
    p.write("g", "1\n")
    p.write("h", "1\n")
    of_run = review(p, "echo 2 > f; rm g; echo 3 > h")
    for name in ("f", "g"):
        (p.ws / name).rename(p.side / name)
    p.write("f", "2\n")
    upper = of_run / "layer/upper"
    at = p.ws.stat().st_ino
    shutil.copy(upper / "h", p.side / "h")
    journal(p, of_run, BEGUN, stage_in(of_run / "stage"),
            step(TAKE, "g", old=p.side / "g", at=at),
            step(SWAP, "f", old=p.side / "f", new=p.ws / "f", layer=upper / "f", at=at),
            step(SWAP, "h", old=p.ws / "h", new=p.side / "h", layer=upper / "h", at=at))
    r = p.run(of_run.name, "--abort", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "g").exists(), (p.ws / "h").read_text()), (1, "2\n", False, "1\n"), r.out + r.err)
    for name in ("f", "g"):
        check_in(f'"{name}": is not as it was, and what was there before is not where the commit keeps it', r.out)
    check('"h"' not in r.out, r.out)
    check(not (of_run / "journal").exists(), "it is over")


@root_only
def a_commit_that_the_file_system_refuses_by_now_ends_both_ways(p):
    """What it had made real before, or was to, became immutable or append-only. What an abort cannot give back it keeps, and says so."""
    for name in ("new/x", "g/g", "f"):
        p.write(name, "1\n")
    for verb in ("--continue", "--abort"):
        of_run = review(p, "echo n > new/n; rm g/g; echo 2 > f; chmod 700 g")
        upper, stage, at = of_run / "layer/upper", stage_in(of_run / "stage"), [(p.ws / n).stat().st_ino for n in ("new", "g")]
        shutil.copy(upper / "new/n", p.ws / "new/n")
        (p.ws / "g/g").rename(stage / "o0")
        (p.ws / "f").rename(stage / "n2")
        shutil.copy(upper / "f", p.ws / "f")
        journal(p, of_run, BEGUN, stage,
                step(TAKE, "g/g", old=stage / "o0", at=at[1]),
                step(PUT, "new/n", new=p.ws / "new/n", layer=upper / "new/n", at=at[0]),
                step(SWAP, "f", old=stage / "n2", new=p.ws / "f", layer=upper / "f", at=p.ws.stat().st_ino),
                step(DIR, "g", old=p.ws / "g", new=p.ws / "g"))
        fixed = (("+a", "new"), ("+i", "g"), ("+i", "f"))
        try:
            for flags, name in fixed:
                if subprocess.run(["chattr", flags, p.ws / name], check=False, capture_output=True).returncode != 0:
                    skip("no attribute flags here")
            r = p.run(of_run.name, verb, kind=("commit",), log=False)
            check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "new/n").read_text(), (of_run / "journal").exists()), (0 if verb == "--continue" else 1, "2\n", "n\n", False), r.out + r.err)
        finally:
            subprocess.run(["chattr", "-i", "-a", *(p.ws / n for _, n in fixed)], check=False)
        kept = p.ws / f".ward-kept-{of_run.name}"
        check_eq(kept.exists(), verb == "--abort")
        if kept.exists():
            check_eq(sorted((kept / n).read_text() for n in os.listdir(kept) if n[0] in "on"), ["1\n", "1\n"], r.out)
            check_in('"new/n": cannot be taken away again', r.out)
        else:
            (p.ws / "new/n").unlink()
            p.write("g/g", "1\n")
            p.write("f", "1\n")
            if entry(p):
                p.run(kind=("discard",), log=False)


@root_only
def a_directory_that_is_closed_and_immutable_by_now_ends_both_ways(p):
    """It was to be opened to its owner for the commit."""
    p.write("ro/x", "1\n")
    p.write("f", "1\n")
    uid = box.free_id()
    for path in (p.base, *p.base.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    who = {"env": {"HOME": str(p.home)}, "preexec_fn": box.become(uid), "log": False}
    for mode, verb in ((0o555, "--abort"), (0o444, "--abort"), (0o444, "--continue"), (0o555, "--continue")):
        (p.ws / "ro").chmod(mode)
        os.truncate(p.ws / "f", 0)
        r = p.run("--review", "--write", ".", "--", "sh", "-ec", f"chmod u+wx ro; echo n > ro/new; rm ro/x; chmod {mode:o} ro; echo 2 > f", **{**who, "log": True})
        check_eq(r.code, 0, r.err)
        of_run = entry(p)
        upper, stage = of_run / "layer/upper", stage_in(of_run / "stage")
        shutil.copy(upper / "f", stage / "n2")
        (stage / "n1").write_text("n\n")
        journal(p, of_run, BEGUN, stage,
                step(TAKE, "ro/x", old=p.ws / "ro/x", at=(p.ws / "ro").stat().st_ino),
                step(PUT, "ro/new", new=stage / "n1", at=(p.ws / "ro").stat().st_ino),
                step(SWAP, "f", old=p.ws / "f", new=stage / "n2", layer=upper / "f", at=p.ws.stat().st_ino),
                step(DIR, "ro", old=p.ws / "ro", new=p.ws / "ro"))
        for path in (stage, *stage.iterdir(), of_run / "journal"):
            os.chown(path, uid, uid)
        if subprocess.run(["chattr", "+i", p.ws / "ro"], check=False, capture_output=True).returncode != 0:
            skip("no attribute flags here")
        try:
            r = p.run(of_run.name, verb, kind=("commit",), **who)
            # What lies in one that cannot be read is not looked at afterwards.
            check_eq((r.code if mode == 0o555 else -1, (p.ws / "f").read_text(), os.listdir(p.ws / "ro"), (of_run / "journal").exists()),
                     ((1 if verb == "--continue" else 0) if mode == 0o555 else -1, "2\n" if verb == "--continue" else "", ["x"], False), r.out + r.err)
            check(verb == "--abort" or all(f'"ro/{n}": cannot be put in place' in r.out for n in ("x", "new")), r.out)
        finally:
            subprocess.run(["chattr", "-i", p.ws / "ro"], check=False)
        check_eq(p.run(kind=("discard",), **who).code, 0)


@both_cases([("as it was", None), ("changed before the commit", "before"), ("written while it was away", "away")])
def what_an_abort_gives_back_is_no_conflict(p, who):
    """A rename is a ctime. Whoever takes a commit back that died half way can make it again, without a word that overrules what others changed."""
    for name in ("f", "g"):
        p.write(name, "1\n")
    (p.ws / "d").mkdir()
    of_run = review(p, "echo 2 > f; rm g; rmdir d")
    upper, stage, at = of_run / "layer/upper", stage_in(of_run / "stage"), p.ws.stat().st_ino
    if who == "before":
        p.write("f", "3\n")
        p.write("g", "3\n")
    born = [(p.ws / n).stat().st_ctime_ns for n in ("g", "d", "f")]
    for name, kept in (("g", "o0"), ("d", "o1"), ("f", "n2")):
        (p.ws / name).rename(stage / kept)
    shutil.copy(upper / "f", p.ws / "f")
    journal(p, of_run, BEGUN, stage,
            step(TAKE, "g", old=stage / "o0", at=at, ctime=born[0]),
            step(TAKE, "d", old=stage / "o1", at=at, ctime=born[1]),
            step(SWAP, "f", old=stage / "n2", new=p.ws / "f", layer=upper / "f", at=at, ctime=born[2]))
    if who == "away":
        for kept in ("o0", "n2"):
            (stage / kept).write_text("333\n")
    r = p.run(of_run.name, "--abort", kind=("commit",), log=False)
    was = {None: "1\n", "before": "3\n", "away": "333\n"}[who]
    check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "g").read_text(), (p.ws / "d").is_dir()), (0, was, was, True), r.out + r.err)
    r = p.run(of_run.name, kind=("commit",), log=False)
    if who:
        check_eq((r.code, (p.ws / "f").read_text(), (p.ws / "g").read_text(), (p.ws / "d").exists()), (1, was, was, False), r.out + r.err)
        for name in ("f", "g"):
            check_in(f'"{name}": was changed in the project since the run began', r.out)
    else:
        check_eq((r.code, os.listdir(p.ws), (p.ws / "f").read_text(), entry(p)), (0, ["f"], "2\n", None), r.out + r.err)


@both_cases([("a directory", lambda at: stage_in(at, "x")), ("a fifo", os.mkfifo)])
def an_entry_whose_lock_is_none_is_broken_and_may_be_forgotten(p, make):
    p.write("f", "1\n")
    of_run = review(p, "echo 2 > f")
    (of_run / "lock").unlink()
    make(of_run / "lock")
    r = p.run("--json", kind=("runs", "ls"), log=False)
    check_in('"state":"broken"', r.out.replace(" ", ""))
    r = p.run(of_run.name, kind=("discard",), log=False)
    check_eq((r.code, os.listdir(of_run.parent)), (0, []), r.out + r.err)


# ---- a part of a directory that is gone is forgotten ----

def gone(p, script="rm -rf d"):
    os.umask(0o22)
    for name in ("d/a", "d/b", "d/deep/x", "d/deep/er/q", "d/deep/er/r"):
        p.write(name, "1\n")
    (p.ws / "d/deep").chmod(0o750)
    os.setxattr(p.ws / "d", "user.k", b"v")
    return review(p, script)


def of(p):
    return p.run("--name-status", kind=("diff",), log=False).out.splitlines()


@both
def a_name_deep_in_a_directory_that_is_gone_is_forgotten(p):
    """What was said to be forgotten does not wait on, to be deleted by the next commit; and the directories are no change that nobody made."""
    gone(p)
    r = p.run("--theirs", "d/deep/er/q", "--", "d/deep/er/q", kind=("commit",), log=False)
    check_eq(r.code, 0, r.out + r.err)
    check_eq(of(p), ["D\td/a", "D\td/b", "D\td/deep/er/r", "D\td/deep/x"])
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, entry(p)), (0, None), r.out + r.err)
    check_eq([str(x.relative_to(p.ws)) for x in p.ws.rglob("*") if x.is_file()], ["d/deep/er/q"])
    check_eq([oct((p.ws / d).stat().st_mode & 0o7777) for d in ("d", "d/deep", "d/deep/er")], ["0o755", "0o750", "0o755"])
    check_eq(os.getxattr(p.ws / "d", "user.k"), b"v")


@both
def what_cannot_be_forgotten_by_itself_is_said(p):
    """A file in the place of the directory: the layer has no way to say that one name of it stays."""
    gone(p, "rm -rf d; echo new > d")
    before = of(p)
    r = p.run("--theirs", "d/deep/x", "--", "d/deep/x", kind=("commit",), log=False)
    check_eq((r.code, of(p)), (1, before), r.out + r.err)
    check_in("is not forgotten: the run has something else in the place of a directory", r.out)


@both
def what_was_made_and_taken_away_is_not_said_to_be_real(p):
    """Somebody has emptied the directory of what was to come, after a crash: it is in the layer alone, and stays there."""
    of_run = review(p, "echo new > f")
    stage = of_run / "stage"
    made = p.side / "made"
    made.write_text("new\n")
    stage.mkdir(mode=0o700)
    shutil.chown(stage, os.geteuid(), os.getegid())
    journal(p, of_run, BEGUN, stage, step(PUT, "f", new=made, layer=of_run / "layer/upper/f", at=p.ws.stat().st_ino))
    r = p.run(of_run.name, "--continue", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").exists()), (1, False), r.out + r.err)
    check_in("it waits still", r.out)
    r = p.run(kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "f").read_text(), entry(p)), (0, "new\n", None), r.out + r.err)


box.main()

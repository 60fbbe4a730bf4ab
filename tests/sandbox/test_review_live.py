#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--review=live: what a run under review changes is real soon after it is left alone, while the run lives; what is asked about, forbidden or in
conflict waits; nothing is ever half there; and a crash leaves what a commit's leaves."""
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time

import box
from box import both, both_cases
from tap import PATIENCE, check, check_eq, check_in, skip

SOON = 20 * PATIENCE  # seconds: what is measured is bench/hotreload.py's; here it has to happen at all, on a loaded machine
POLICY = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./");
@reason("deployments are made by the server")
forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./deploy");
"""


class Alive:
    """A run under --review=live: a shell that does what it is told, line by line."""

    def __init__(self, p, *words):
        self.p = p
        self.q = p.start("--review=live", *(words or ("--write", ".")), "--", "sh", "-c",
                         "while IFS= read -r line; do eval \"$line\"; echo done; done; exit ${code:-0}",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def do(self, script):
        self.q.stdin.write(script + "\n")
        self.q.stdin.flush()
        check_eq(self.q.stdout.readline(), "done\n", script)

    def end(self, code=0):
        """-> what Ward said"""
        _, err = self.q.communicate(f"code={code}\n", timeout=60)
        check_eq(self.q.returncode, code, err)
        return err


def until(fn, what, seconds=SOON):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if fn():
                return
        time.sleep(0.02)
    check(False, f"not within {seconds} s: {what}")


def text_is(path, text):
    until(lambda: path.read_text() == text, f"{path.name} has {text!r}")


def gone(path):
    until(lambda: not os.path.lexists(path), f"{path.name} is gone")


def records(p, kind):
    return [r for r in map(json.loads, p.log.read_text().splitlines()) if r["kind"] == kind]


def decisions(p, path):
    return [r["detail"]["decision"] for r in records(p, "workspace.change") if r["resource"] == str(p.ws / path)]


def waiting(p):
    store = p.side / "state/ward/runs"
    return sorted(x.name for x in store.iterdir() if len(x.name) == 26) if store.is_dir() else []


def diff(p):
    return p.run("--name-only", *waiting(p), kind=("diff",), log=False).out.split()


# ---- what nobody minds ----

@both
def what_is_left_alone_is_real_while_the_run_lives(p):
    p.write("old", "1\n")
    p.write("gone", "g\n")
    p.write("d/x", "x\n")
    p.write("t/a/b", "b\n")
    a = Alive(p)
    a.do("echo 2 > old; rm gone; mkdir -p new/dir; echo n > new/dir/f; ln -s dir/f new/l; ln new/dir/f new/h; mv d/x d/y; chmod 755 d/y; rm -r t")
    text_is(p.ws / "old", "2\n")
    text_is(p.ws / "new/dir/f", "n\n")
    gone(p.ws / "gone")
    gone(p.ws / "d/x")
    gone(p.ws / "t")
    until(lambda: (p.ws / "new/h").stat().st_ino == (p.ws / "new/dir/f").stat().st_ino, "one file with two names")
    until(lambda: (p.ws / "d/y").stat().st_mode & 0o777 == 0o755, "its mode")
    check_eq(a.q.poll(), None, "all of it while it lives")
    until(lambda: not diff(p), "nothing waits")
    check_eq((p.ws / "new/l").readlink(), pathlib.Path("dir/f"))
    # Again, of what is real already: by writing, in the place of a directory that is gone, by a new file of the name.
    a.do("echo 3 > old; rm new/dir/f; mkdir t; echo t > t/a; echo 4 > d/tmp; mv d/tmp d/y; mv new/dir newer")
    text_is(p.ws / "old", "3\n")
    gone(p.ws / "new/dir")
    text_is(p.ws / "t/a", "t\n")
    text_is(p.ws / "d/y", "4\n")
    until(lambda: (p.ws / "newer").is_dir(), "a directory of its own that was renamed")
    a.do("rm -r newer new t; rm old")
    for n in ("new", "newer", "t", "old"):
        gone(p.ws / n)
    a.do("echo last > last; ln -s last l")
    err = a.end()
    check_eq((p.ws / "l").readlink(), pathlib.Path("last"))
    check_eq((p.ws / "last").read_text(), "last\n", "and what was not quiet yet, at its end")
    check_eq(waiting(p), [], err)
    check_in("made real while it ran", err)
    check({"live"} <= {x["detail"]["step"] for x in records(p, "workspace.commit")} <= {"live", "auto"}, "which step")
    check(all(x["effect"] == "allow" for x in records(p, "workspace.change")), "each has its record")


@both
def what_is_still_written_is_not_real_yet(p):
    a = Alive(p)
    p.write("busy.py", """
import time
last, gap = time.monotonic(), 0
for i in range(20):
    with open("busy", "a") as f:
        f.write(f"{i}\\n")
    now = time.monotonic()
    gap, last = max(gap, now - last), now
    time.sleep(0.15)
open("busy", "a").write(f"over {gap:.3f}\\n")
""")
    a.do("python3 busy.py & echo q > quiet")
    seen = []
    text_is(p.ws / "quiet", "q\n")

    def is_over():
        text = (p.ws / "busy").read_text()
        seen.append(text)
        return "over" in text
    until(is_over, "it is real when it is quiet")
    if float(seen[-1].split()[-1]) < 0.28:     # else the machine made the pause
        check("over" in seen[0], f"it was made real while it was written to: {seen[0]!r}")
    a.end()


@both_cases([("by write", "write", 4), ("by a mapping", "map", 1)])
def what_is_copied_while_it_is_written_is_never_torn(p, how, n):
    """Files that say themselves what they have, written again and again, slowly, by write and by a mapping, with pauses about as long as is
    waited: many a copy begins just before somebody writes on."""
    p.write("writer.py", """
import hashlib, mmap, os, random, sys, time
how, name, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
rnd, size = random.Random(seed), 1 << 18
fd = os.open(name, os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 32 + size)
m = mmap.mmap(fd, 32 + size)
while not os.path.exists('/tmp/over'):
    body = rnd.randbytes(64) * (size // 64)
    text = hashlib.sha256(body).digest() + body
    for at in range(0, len(text), 16384):
        if how == "map":
            m[at:at + 16384] = text[at:at + 16384]
        else:
            os.pwrite(fd, text[at:at + 16384], at)
        time.sleep(0.015)
    time.sleep(rnd.uniform(0.28, 0.5))
""")
    q = p.start("--review=live", "--write", ".", "--", "sh", "-c",
                f"for i in $(seq {n}); do python3 writer.py {how} w$i $i & done; read x; : > /tmp/over; wait", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    seen, begun = set(), time.monotonic()
    while q.poll() is None:
        if time.monotonic() > begun + 12 and (len(seen) > 2 * n or time.monotonic() > begun + 12 * PATIENCE):
            q.stdin.close()
        for path in p.ws.glob("w?"):
            data = path.read_bytes()
            check(hashlib.sha256(data[32:]).digest() == data[:32] or not any(data), f"{path.name} is torn")
            seen.add((path.name, data[:32]))
        time.sleep(0.01)
    err = q.stderr.read().decode()
    check_eq(q.returncode, 0, err)
    check(len(seen) > 2 * n, f"hardly anything was made real: {len(seen)}")


@both
def what_swaps_its_links_is_made_real_as_it_was_judged(p):
    """One that leads out is asked about; the run puts it in the place of the other, again and again."""
    a = Alive(p)
    p.write("swap.py", """
import os, time
end = time.monotonic() + 6
while time.monotonic() < end:
    for to in ("in", "/etc"):
        for i in range(20):
            os.symlink(to, "t")
            os.rename("t", f"l{i}")
        time.sleep(0.31)
""")
    a.do("echo i > in; python3 swap.py; rm -f l?; rm -f l??; ln -s in last")
    until(lambda: (p.ws / "last").readlink() == pathlib.Path("in"), "the last one is real")
    a.end()
    check_eq([n.name for n in p.ws.iterdir() if n.is_symlink() and os.readlink(n) != "in"], [])


@both
def more_than_a_few_that_are_written_to_are_all_made_real(p):
    p.write("busy.py", """
import time
end = time.monotonic() + 5
i = 0
while time.monotonic() < end:
    for n in range(150):
        with open(f"b{n}", "w") as f:
            f.write(f"{i}\\n" * 1000)
    i += 1
    time.sleep(0.32)
""")
    a = Alive(p)
    a.do("(python3 busy.py; for n in $(seq 0 149); do echo over > b$n; done) & echo q > quiet; wait")
    text_is(p.ws / "quiet", "q\n")
    for n in range(150):
        text_is(p.ws / f"b{n}", "over\n")
    a.end()


# ---- what waits ----


@both
def what_its_owner_may_not_read_is_not_touched_while_it_lives(p):
    """Of an ordinary user its mode would have to be lent: the run would see it, and the directory would never be left alone."""
    p.write("old/x", "x\n")
    a = Alive(p)
    a.do("for m in 0 100 300 400; do mkdir d$m; echo f > d$m/f; chmod $m d$m; done; echo f > f0; chmod 0 f0; echo 1 > old/x; chmod 300 old; echo ok > ok")
    a.q.stdin.write("stat -c '%n %a %z' d0 d100 d300 d400 f0 old; echo done\n")
    a.q.stdin.flush()

    def seen():
        lines = []
        while (line := a.q.stdout.readline()) != "done\n":
            lines.append(line)
        check_eq(a.q.stdout.readline(), "done\n")
        return lines
    first = seen()
    check_eq([x.split()[1] for x in first], ["0", "100", "300", "400", "0", "300"])
    text_is(p.ws / "ok", "ok\n")
    diff(p)
    for i in range(3):
        time.sleep(0.5)
        a.do(f"echo {i} > ok")
    text_is(p.ws / "ok", "2\n")
    diff(p)
    a.q.stdin.write("stat -c '%n %a %z' d0 d100 d300 d400 f0 old; echo done\n")
    a.q.stdin.flush()
    check_eq(seen(), first, "nothing of it was touched")
    err = a.end()
    check_eq(waiting(p), [], err)
    check_eq([x.name for x in p.ws.iterdir()].count("d0"), 1, "and at the end it is there")
    check_eq(((p.ws / "d300").stat().st_mode & 0o777, (p.ws / "f0").stat().st_mode & 0o777), (0o300, 0))

@both
def what_runs_later_waits_and_is_told(p):
    a = Alive(p)
    a.do("echo bad > .envrc; mkdir .vscode; echo bad > .vscode/tasks.json; ln -s /etc/passwd out; echo ok > ok")
    text_is(p.ws / "ok", "ok\n")
    a.do("echo worse > .envrc")
    a.do("echo ok2 > ok")
    text_is(p.ws / "ok", "ok2\n")
    until(lambda: decisions(p, ".envrc") == ["ask", "ask"], "each is told once", 5)
    check_eq(sorted(x.name for x in p.ws.iterdir()), ["ok"])
    r = p.run(*waiting(p), kind=("commit",), log=False)
    check_eq(r.code, 2, "a run that is alive is not committed")
    check_eq(p.run(*waiting(p), kind=("discard",), log=False).code, 1, "nor discarded")
    err = a.end()
    check_in("4 changes wait", err)
    check_eq(sorted(x.name for x in p.ws.iterdir()), ["ok"])
    r = p.run("--approve", "critical", kind=("commit",), log=False)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    check_eq((p.ws / ".envrc").read_text(), "worse\n")


@both
def what_a_policy_forbids_is_never_real(p):
    policy = p.side / "p.cedar"
    policy.write_text(POLICY)
    a = Alive(p, "--policy", policy)
    a.do("mkdir deploy; echo no > deploy/x; echo yes > yes")
    text_is(p.ws / "yes", "yes\n")
    until(lambda: "refuse" in decisions(p, "deploy/x"), "it is told")
    a.end()
    check(not (p.ws / "deploy/x").exists(), "it is not real")
    check_eq(p.run("--approve", "critical", kind=("commit",), log=False).code, 1)
    check(not (p.ws / "deploy/x").exists(), "nor afterwards")


@both
def what_only_the_option_lets_be_waits(p):
    p.write("a", "1\n")
    a = Alive(p, "--read", ".")
    a.do("echo 2 > a")
    until(lambda: decisions(p, "a") == ["ask"], "as with --review=auto, no policy grants it")
    check_eq((p.ws / "a").read_text(), "1\n")
    check_in("1 change waits", a.end())


# ---- others ----

@both
def what_somebody_else_changed_waits(p):
    p.write("a", "1\n")
    p.write("b", "1\n")
    a = Alive(p)
    a.do("echo run > a")
    text_is(p.ws / "a", "run\n")
    (p.ws / "a").write_text("host\n")          # after it was made real
    (p.ws / "b").write_text("host\n")          # before
    a.do("echo more >> b; echo c > c")
    text_is(p.ws / "c", "c\n")
    until(lambda: decisions(p, "b") == ["conflict"], "a conflict is told")
    check_eq((p.ws / "b").read_text(), "host\n")
    # What the run made of a is what was made real of it: the host's is no change of the run's, and none of it waits.
    check_eq(diff(p), ["b"])
    a.do("echo run2 > a; echo d > d")
    text_is(p.ws / "d", "d\n")
    until(lambda: "conflict" in decisions(p, "a"), "now it is one")
    check_eq((p.ws / "a").read_text(), "host\n")
    a.end()
    check_eq([(p.ws / n).read_text() for n in ("a", "b", "c", "d")], ["host\n", "host\n", "c\n", "d\n"])
    r = p.run("--ours", "a", "--theirs", "b", kind=("commit",), log=False)
    check_eq((r.code, waiting(p)), (0, []), r.out + r.err)
    check_eq([(p.ws / n).read_text() for n in ("a", "b")], ["run2\n", "host\n"])


@box.root_only
def what_the_file_system_keeps_of_a_repository_keeps_the_rest(p):
    """A branch that cannot be written: index and log do not land without it, and are told once, however often the branch is tried."""
    git = "git -c user.name=a -c user.email=a@example.com -c safe.directory=*"
    made = f"git init -qb main . && echo 1 > f && {git} add f && {git} commit -qm one"
    if subprocess.run(["sh", "-c", made], cwd=p.ws, check=False, capture_output=True).returncode != 0:
        skip("there is no git")
    before = [(p.ws / n).read_bytes() for n in (".git/index", ".git/logs/HEAD")]
    try:
        a = Alive(p)
        a.do(f"echo 2 > f; {git} commit -qam two; (while [ ! -e /tmp/go ]; do touch .git/refs/heads/main; sleep 0.05; done) &")
        # Not before the run has written: an overlay copies the attribute.
        if subprocess.run(["chattr", "+i", ".git/refs/heads"], cwd=p.ws, check=False, capture_output=True).returncode != 0:
            skip("no immutable directories here")
        a.do("touch /tmp/go; sleep 0.2; echo s > sign")
        text_is(p.ws / "sign", "s\n")
        time.sleep(7)
        check_eq([(p.ws / n).read_bytes() for n in (".git/index", ".git/logs/HEAD")], before)
        check_eq(decisions(p, ".git/index"), ["behind"])
        a.end()
    finally:
        subprocess.run(["chattr", "-i", ".git/refs/heads"], cwd=p.ws, check=False)
    check_eq([(p.ws / n).read_bytes() for n in (".git/index", ".git/logs/HEAD")], before)


@both
def what_the_host_adds_to_a_new_directory_stays(p):
    a = Alive(p)
    a.do("mkdir -p new/sub; echo 1 > new/sub/f; echo 1 > new/g")
    text_is(p.ws / "new/sub/f", "1\n")
    text_is(p.ws / "new/g", "1\n")
    (p.ws / "new/host").write_text("h\n")
    (p.ws / "new/g").unlink()                  # and what the host removes is not made again
    a.do("rm new/sub/f; echo 2 > two")
    gone(p.ws / "new/sub/f")
    text_is(p.ws / "two", "2\n")
    until(lambda: not diff(p), "nothing waits")
    a.end()
    check_eq(sorted(str(x.relative_to(p.ws)) for x in p.ws.rglob("*")), ["new", "new/host", "new/sub", "two"])
    check_eq(waiting(p), [])


# ---- how it ends ----

@both
def a_run_that_fails_leaves_what_is_real(p):
    p.write("a", "1\n")
    a = Alive(p)
    a.do("echo 2 > a")
    text_is(p.ws / "a", "2\n")
    a.do("echo late > late")
    err = a.end(code=3)
    check_eq((p.ws / "a").read_text(), "2\n")
    if not (p.ws / "late").exists():           # it was not quiet yet
        check_in("1 change waits", err)
        check_eq(diff(p), ["late"])


@both
def killed_at_any_moment_it_leaves_each_file_whole(p):
    for i in range(8):
        for n in range(12):
            p.write(f"f{n}", f"{i} old {n}\n" * 2000)
        q = p.start("--review=live", "--write", ".", "--", "sh", "-c",
                    f"for n in $(seq 0 11); do yes '{i} new '$n | head -n 2000 > f$n; done; echo up; sleep 60", stdout=subprocess.PIPE)
        q.stdout.readline()
        # From before the first look to after all of it.
        time.sleep(0.25 + 0.04 * i)
        q.send_signal(signal.SIGKILL)
        q.wait()
        for n in range(12):
            text = (p.ws / f"f{n}").read_text()
            check(text in (f"{i} old {n}\n" * 2000, f"{i} new {n}\n" * 2000), f"f{n} is neither old nor new: {text[:40]!r}")
        runs = waiting(p)
        until(lambda r=runs: all("live" not in p.run(x, kind=("runs", "show"), log=False).out for x in r), "it is seen to be dead")
        for run in runs:
            journal = (p.side / "state/ward/runs" / run / "journal").exists()
            if journal:
                r = p.run(run, "--abort" if i % 2 else "--continue", kind=("commit",), log=False)
                if "made real already" in r.err:
                    r = p.run(run, "--continue", kind=("commit",), log=False)
                check(r.code in (0, 1), r.out + r.err)
            if run in waiting(p):
                r = p.run(run, "--ours", ".", kind=("commit",), log=False)
                check(r.code == 0 or "changed nothing" in r.err, r.out + r.err)
        for n in range(12):
            check_eq((p.ws / f"f{n}").read_text(), f"{i} new {n}\n" * 2000, f"f{n}, killed at {i}")
        for run in waiting(p):
            p.run(run, kind=("discard",), log=False)
        check_eq([x.name for x in p.ws.iterdir() if x.name.startswith(".ward")], [])


@both
def what_a_crash_left_is_no_conflict(p):
    p.write("a", "1\n")
    a = Alive(p)
    a.do("echo 2 > a")
    text_is(p.ws / "a", "2\n")
    until(lambda: not diff(p), "nothing waits")
    a.do("echo 3 > a")
    a.q.send_signal(signal.SIGKILL)
    a.q.wait()
    if (p.ws / "a").read_text() == "2\n":
        until(lambda: "live" not in p.run(*waiting(p), kind=("runs", "show"), log=False).out, "it is seen to be dead")
        if (p.side / "state/ward/runs" / waiting(p)[0] / "journal").exists():
            p.run(*waiting(p), "--continue", kind=("commit",), log=False)
        r = p.run(*waiting(p), kind=("commit",), log=False)
        check_eq((r.code, (p.ws / "a").read_text()), (0, "3\n"), r.out + r.err)


# ---- what it refuses ----

@both
def what_is_noted_is_cut_by_nobody_who_only_looks(p):
    a = Alive(p)
    a.do("echo 1 > f")
    text_is(p.ws / "f", "1\n")
    until(lambda: not diff(p), "nothing waits")
    noted = p.side / "state/ward/runs" / waiting(p)[0] / "landed"
    whole = b""
    while whole != noted.read_bytes():  # the directory's own record comes by a later look
        whole = noted.read_bytes()
        time.sleep(2)
    with open(noted, "ab") as f:
        f.write(b"half a record")
    diff(p)
    p.run("ls", kind=("runs",), log=False)
    check_eq(noted.read_bytes(), whole + b"half a record")
    os.truncate(noted, len(whole))
    a.end()
    check_eq((waiting(p), (p.ws / "f").read_text()), ([], "1\n"))


@both
def a_note_that_never_began_takes_nothing_away(p):
    a = Alive(p)
    a.do("echo 1 > f; mkdir .vscode; echo x > .vscode/tasks.json")
    text_is(p.ws / "f", "1\n")
    until(lambda: diff(p) and "f" not in diff(p) and not (p.side / "state/ward/runs" / waiting(p)[0] / "journal").exists(), "f is noted")
    a.q.kill()
    a.q.wait()
    noted = p.side / "state/ward/runs" / waiting(p)[0] / "landed"
    os.truncate(noted, 7)
    check_in(".vscode/tasks.json", diff(p))
    commit = [waiting(p)[0], "--approve", "risky"]
    until(lambda: "still running" not in p.run(*commit, "--dry-run", kind=("commit",), log=False).err, "what ward left has gone")
    r = p.run(*commit, kind=("commit",), log=False)
    check_eq(((p.ws / ".vscode/tasks.json").exists(), r.code in (0, 1)), (True, True), r.out + r.err)


@both_cases([("taken back", "--abort"), ("finished", "--continue")])
def damaged_notes_keep_no_commit_from_its_end(p, verb):
    """And then it can be forgotten, as is said."""
    p.write("f", "1\n")
    for _ in range(20):
        q = p.start("--review=live", "--write", ".", "--", "sh", "-c", "for n in $(seq 300); do echo 2 > n$n; done; echo 2 > f; echo up; sleep 60",
                    stdout=subprocess.PIPE)
        q.stdout.readline()
        run, = waiting(p)
        entry = p.side / "state/ward/runs" / run
        end = time.monotonic() + SOON
        while not (entry / "journal").exists() and time.monotonic() < end:
            pass
        q.send_signal(signal.SIGKILL)
        q.wait()
        until(lambda r=run: "live" not in p.run(r, kind=("runs", "show"), log=False).out, "it is seen to be dead")
        if (entry / "journal").exists():
            break
        p.run(run, kind=("discard",), log=False)
        for n in p.ws.iterdir():
            n.unlink()
        p.write("f", "1\n")
    (entry / "landed").write_bytes(b"nothing of the kind")
    r = p.run(run, verb, kind=("commit",), log=False)
    if "made real already" in r.err:
        r = p.run(run, "--continue", kind=("commit",), log=False)
    check_in("ward discard", r.err)
    check_in(run, r.out)
    check(not (entry / "journal").exists(), r.out + r.err)
    check((p.ws / "f").read_text() in ("1\n", "2\n"), "it is whole")
    check_eq(p.run(run, kind=("commit",), log=False).code, 2)
    check_eq(p.run(run, kind=("discard",), log=False).code, 0)
    check_eq(waiting(p), [])


MOUNTS = [("another file system", "tmpfs", "echo new > m/new"), ("a part of the same", "bind", "echo new > m/new"),
          ("one that the run removes", "tmpfs", "rm -rf m"), ("a file", "file", "echo new > g"), ("a file that the run removes", "file", "rm g"),
          ("a file in a directory that the run removes", "deep", "rm -rf d"), ("its mode", "tmpfs", "chmod 700 m")]


def mounted(p, kind, at):
    if kind == "tmpfs":
        box.mount("ward-test", at, "tmpfs", 0, "mode=755")
    else:
        box.mount(p.side / ("other-file" if at.is_file() else "other"), at, None, box.MS_BIND)


def beyond(p):
    """What the mounts hold, and how."""
    return sorted((str(x.relative_to(p.ws)), x.lstat().st_mode, x.lstat().st_ctime_ns, x.read_text() if x.is_file() else "")
                  for x in [*(p.ws / "m").rglob("*"), p.ws / "m", p.ws / "g", *(p.ws / "d").rglob("*")])


@box.root_only
def a_mount_in_the_project_is_named_and_never_written(p):
    box.private_mounts()
    (p.side / "other").mkdir()
    (p.side / "other/x").write_text("other\n")
    (p.side / "other-file").write_text("other\n")
    for name, kind, script in MOUNTS:
        for how in ("--review", "--review=live"):
            case = f"{name}, {how}"
            p.write("m/under", "under\n")
            p.write("g", "under\n")
            p.write("d/e/g", "under\n")
            p.write("f", "1\n")
            at = p.ws / {"tmpfs": "m", "bind": "m", "file": "g", "deep": "d/e/g"}[kind]
            mounted(p, kind, at)
            was = beyond(p)
            wait = "sleep 2" if how == "--review=live" else ":"
            r = p.run(how, "--write", ".", "--", "sh", "-c", f"{script}; echo 2 > f; {wait}")
            check_in("is a mount", r.err, case)
            check("more than is looked at" not in r.err, r.err)
            run, = waiting(p)
            for kind_of in (("diff",), ("commit",)):
                r = p.run(run, kind=kind_of, log=False)
                check(r.code != 0 and f"'{at.relative_to(p.ws)}' of the project is a mount" in r.err, f"{case}: {r}")
                check_in("unmount it", r.err)
            check_eq((beyond(p), (p.ws / "f").read_text()), (was, "1\n"), case)
            box.must(box.libc.umount2(os.fsencode(at), box.UMOUNT_DETACH), "umount")
            r = p.run(run, kind=("commit",), log=False)
            check_eq((r.code, (p.ws / "f").read_text(), waiting(p)), (0, "2\n", []), f"{case}: {r}")
            check_eq(((p.side / "other-file").read_text(), os.listdir(p.side / "other")), ("other\n", ["x"]), case)
            subprocess.run(["rm", "-rf", *p.ws.iterdir()], check=True)


BEYOND = [("a path that is too long", "n" * 250, 17, True), ("too deep to be looked through", "d", 600, True), ("deeper than a commit looks", "d", 150, False)]


@both_cases(BEYOND)
def what_is_beyond_every_look_keeps_nothing_else_waiting(p, name, n, kept):
    """But what is gone: that may be there. What landed does not keep the rest from being committed at the end."""
    p.write("gone", "the only copy\n")
    p.write("f", "1\n")
    a = Alive(p)
    a.do(f"python3 -c 'import os; w = os.getcwd(); [(os.mkdir(\"{name}\"), os.chdir(\"{name}\")) for i in range({n})]; "
         "os.rename(w + \"/gone\", \"x\")'")
    a.do("echo 2 > f; echo new > new")
    text_is(p.ws / "f", "2\n")
    text_is(p.ws / "new", "new\n")
    a.do("echo 3 > f")
    text_is(p.ws / "f", "3\n")
    check_eq((p.ws / "gone").read_text(), "the only copy\n")
    err = a.end()
    check_eq("not committed: something in it" in err, kept, err)
    if not kept:
        check_eq(((p.ws / "gone").exists(), (p.ws / "/".join([name] * n + ["x"])).read_text()), (False, "the only copy\n"), err)
    for how in ((), ("--theirs", "f")) if kept else ():
        check_eq((p.ws / "gone").read_text(), "the only copy\n", err)
        p.run(*how, kind=("commit",), log=False)
        check_eq((p.ws / "gone").read_text(), "the only copy\n")
    subprocess.run(["rm", "-rf", *p.ws.iterdir()], check=True)


@both
def a_layer_of_its_own_disk_is_refused(p):
    r = p.run("--review=live", "--write", ".", "--disk-backend", "tmpfs", "--", "true")
    check_eq(r.code, 125, r.err)
    check_in("--disk-backend dir", r.err)


if __name__ == "__main__":
    box.main(at_once=3)

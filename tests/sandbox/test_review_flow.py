#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real work under review, committed and discarded: what git, npm, Python and make do in a project is there afterwards as if it had been done
there, or as if it had never been. The tools are those of the host; the second time everything is done without Ward, and both are compared."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import threading
import time

import box
from box import both, both_cases, root_only
from tap import PATIENCE, check, check_eq, skip

GIT = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]
DATES = {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}


def needs(*programs):
    for name in programs:
        if not shutil.which(name):
            skip(f"there is no {name}")


def host(where, script, **env):
    r = subprocess.run(["sh", "-ec", script], cwd=where, capture_output=True, text=True, check=False,
                       env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **DATES, **env})
    check_eq(r.returncode, 0, f"{script}\n{r.stdout}{r.stderr}")
    return r.stdout


def git(script):
    """git as it is in these tests, whoever runs it."""
    return f"git() {{ command git {' '.join(GIT)} \"$@\"; }}\n" + script


def look(top, passed=()):
    """Every name below top: what it is, its mode and content; what cannot be the same twice is passed over."""
    seen = {}
    for d, dirs, names in os.walk(top):
        for name in dirs + names:
            path = pathlib.Path(d) / name
            rel = str(path.relative_to(top))
            if any(part in passed for part in rel.split("/")) or rel in passed:
                continue
            st = path.lstat()
            kind = stat.S_IFMT(st.st_mode)
            seen[rel] = (kind, "" if kind == stat.S_IFLNK else stat.S_IMODE(st.st_mode),
                         os.readlink(path) if kind == stat.S_IFLNK else path.read_bytes() if kind == stat.S_IFREG else b"")
    return seen


def differences(a, b):
    return {n: (a.get(n, "none"), b.get(n, "none")) for n in sorted(set(a) | set(b)) if a.get(n) != b.get(n)}


def commit(p, *words, code=0):
    r = p.run(*words, kind=("commit",), log=False, timeout=120)
    check(code is None or r.code == code, f"{r.code}: {r.out}{r.err}")
    return r


def work(p, prepare, script, passed=(), critical=False, words=(), run=None):
    """script in a project as prepare makes it: discarded, then committed, then compared with the same done without Ward."""
    host(p.ws, prepare)
    before = look(p.ws)
    env = [w for n, v in DATES.items() for w in ("--env", f"{n}={v}")]
    for end in ("discard", "commit"):
        r = p.run("--review", *env, *words, "--", "sh", "-ec", run or script, timeout=240)
        check_eq(r.code, 0, r.err)
        check_eq(differences(before, look(p.ws)), {}, "the project changed before it was said")
        if end == "discard":
            r = p.run(kind=("discard",), log=False)
            check_eq(r.code, 0, r.err)
            check_eq(differences(before, look(p.ws)), {}, "the project changed although nobody wanted it")
    r = commit(p, "--approve", "critical" if critical else "risky")
    got = look(p.ws, passed)
    plain = p.side / "plain"
    plain.mkdir()
    host(plain, prepare)
    host(plain, script)
    check_eq(differences(look(plain, passed), got), {}, r.out)
    return r


REPOSITORY = git("git init -q .; echo one > a; echo two > b; mkdir -p src; echo x > src/x; git add .; git commit -qm one; "
                 "git checkout -qb topic; echo t > t; git add t; git commit -qm topic; git checkout -q main; echo more >> a; git commit -qam more")


@both
def git_commit(p):
    needs("git")
    work(p, REPOSITORY, git("echo new > new; echo x >> a; rm b; git add -A; git commit -qm work"), passed=("index", "logs"))
    check_eq(host(p.ws, git("git status --porcelain; git fsck --no-progress 2>&1; git log --format=%s")), "work\nmore\none\n")


@both
def a_git_commit_needs_no_yes(p):
    needs("git")
    host(p.ws, REPOSITORY)
    r = p.run("--review", "--", "sh", "-ec", git("echo new > new; git add -A; git commit -qm work"))
    check_eq(r.code, 0, r.err)
    commit(p)
    check_eq(host(p.ws, git("git status --porcelain; git log --format=%s")), "work\nmore\none\n")


@both
def a_gc_of_the_hosts_before_the_commit_leaves_no_reference_without_its_object(p):
    """It removes directories of objects, into which the run has put new ones."""
    needs("git")
    host(p.ws, git("git init -q .; for i in $(seq 600); do echo $i > f$i; done; git add .; git commit -qm one; sleep 1.1; git status --porcelain"))  # git has whole seconds: what is as young as the index is hashed again
    check_eq(len([d for d in (p.ws / ".git/objects").iterdir() if len(d.name) == 2]) > 200, True)
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo new > new; echo x >> f1; git add -A; git commit -qm work")).code, 0)
    host(p.ws, git("git gc -q --prune=now"))  # it writes each log anew, too
    r = commit(p)
    check_eq(host(p.ws, git("git fsck --no-progress 2>&1; git status --porcelain; git log --format=%s; git reflog --format=%gs; git log -g --format=%gs main")),
             "work\none\n" + "commit: work\ncommit (initial): one\n" * 2, r.out)


@both
def a_log_of_which_the_hosts_gc_ended_a_line_otherwise_is_none_that_changed(p):
    """It puts a tab where nobody said why."""
    needs("git")
    host(p.ws, REPOSITORY + "; git update-ref --create-reflog refs/heads/plain main~1")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git update-ref refs/heads/plain main")).code, 0)
    host(p.ws, git("git reflog expire --expire=never --expire-unreachable=never --all"))
    check_eq((p.ws / ".git/logs/refs/heads/plain").read_bytes()[-2:], b"\t\n")
    commit(p)
    check_eq(host(p.ws, git("git reflog plain | wc -l")), "2\n")


@both
def an_object_that_the_run_touched_is_there_whatever_the_hosts_gc_did_with_it(p):
    """git touches what it would write anew. The host has it in a pack by then; or nowhere, where only the run names it."""
    needs("git")
    host(p.ws, git("git init -q .; echo one > a; git add .; git commit -qm one; echo lost | git hash-object -w --stdin; touch -d '3 days ago' $(find .git/objects -type f)"))
    script = git("cp a new; echo lost > found; git add -A; git commit -qm two; git rm -q new; git commit -qm three")
    check_eq(p.run("--review", "--", "sh", "-ec", script).code, 0)
    host(p.ws, git("git gc -q --prune=now"))
    check_eq(sorted(d.name for d in (p.ws / ".git/objects").iterdir()), ["info", "pack"])
    r = p.run(kind=("commit",), log=False)
    check_eq(host(p.ws, git("git fsck --no-progress 2>&1; git status --porcelain; git log --format=%s")), "three\ntwo\none\n", r.out)
    check("objects" not in r.out, r.out)
    # Of what only looks so nothing is taken: nobody has it any more.
    host(p.ws, "mkdir -p objects/ab .git/objects/zz; echo 1 | tee objects/ab/%s > .git/objects/zz/%s" % (("c" * 38,) * 2))
    check_eq(p.run("--review", "--", "sh", "-ec", "touch objects/ab/* .git/objects/zz/*").code, 0)
    host(p.ws, "rm -r objects .git/objects/zz")
    check_eq(p.run(kind=("commit",), log=False).code, 1)
    check(not (p.ws / "objects").exists() and not (p.ws / ".git/objects/zz").exists(), "it is there again")


CHECKED_OUT = git("git checkout -qb work; echo new > new; echo x >> a; git add -A; git commit -qm work; git stash list")


def written_anew(where, index, *names, hours=1):
    """The host looks, and git notes in the index what it has seen."""
    before = (where / index).read_bytes()
    host(where, git(f"touch -d '{hours} hours ago' {' '.join(names)}; git status --porcelain"))
    check(before != (where / index).read_bytes(), "git status did not write the index")


def check_work(p, r):
    check_eq(host(p.ws, git("git status --porcelain; git fsck --no-progress 2>&1; git log --format=%s; git branch --show-current")), "work\nmore\none\nwork\n",
             r.out)


@both
def an_index_that_the_host_only_wrote_anew_is_no_conflict(p):
    """Behind the end of a run that was over in a moment, beside one that lives, and both."""
    needs("git")
    for objects, during, after in (("sha1", False, True), ("sha1", True, False), ("sha256", True, True)):
        ws = p.ws
        host(ws, "find . -mindepth 1 -delete")
        host(ws, REPOSITORY.replace("git init", f"git init --object-format={objects}"))
        if objects == "sha1" and during:
            host(ws, git("git update-index --index-version 4"))
        words = ("--", "sh", "-ec", CHECKED_OUT)
        if during:
            words = ("--", "sh", "-ec", "echo there; read line; " + CHECKED_OUT)
            q = p.start("--review", *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            check_eq(q.stdout.readline(), "there\n")
            remembered(p)
            written_anew(ws, ".git/index", "b", "src/x")
            _, err = q.communicate("go\n", timeout=60)
            check_eq(q.returncode, 0, err)
        else:
            check_eq(p.run("--review", *words).code, 0)
        if after:
            written_anew(ws, ".git/index", "b", "src/x", hours=2)
        commit(p, "--dry-run")
        check_work(p, commit(p))


def remembered(p, since=0):
    """What the index says is read beside the run, a moment after its start, and after it landed."""
    runs = p.side / "state/ward/runs"
    end = time.monotonic() + 20 * PATIENCE
    while not any(path.stat().st_mtime_ns >= since for path in runs.glob("*/indexes")):
        check(time.monotonic() < end, "the project's indexes are not remembered")
        time.sleep(0.02)


@both
def an_index_that_is_only_written_anew_in_a_worktree_or_a_submodule_is_no_conflict(p):
    needs("git")
    host(p.ws, REPOSITORY + "; git worktree add -q wt topic; git init -q ../other; cd ../other; echo s > s; git add s; git commit -qm s; cd -; "
         "git -c protocol.file.allow=always submodule --quiet add ../other deep/sub; git commit -qm sub; git clone -q ../other 3/4/5/6/7")
    q = p.start("--review", "--", "sh", "-ec", "echo there; read line; " + git("for d in wt deep/sub 3/4/5/6/7; do (cd $d; echo w > w; git add w; git commit -qm in-$d); done"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "there\n")
    remembered(p)
    for d, name, index in (("wt", "a", ".git/worktrees/wt"), ("deep/sub", "s", ".git/modules/deep/sub"), ("3/4/5/6/7", "s", "3/4/5/6/7/.git")):
        written_anew(p.ws / d, p.ws / f"{index}/index", name)
    _, err = q.communicate("go\n", timeout=60)
    check_eq(q.returncode, 0, err)
    r = commit(p, "--approve", "risky")
    for d in ("wt", "deep/sub", "3/4/5/6/7"):
        check_eq(host(p.ws / d, git("git status --porcelain; git log --format=%s -1")), f"in-{d}\n", r.out)


def is_soon(where, script, wanted):
    end = time.monotonic() + 20 * PATIENCE
    while host(where, script) != wanted:
        check(time.monotonic() < end, f"not soon: {script}: {host(where, script)} instead of {wanted}")
        time.sleep(0.1)


@both
def an_index_that_the_host_only_writes_anew_lands_while_the_run_lives(p):
    """Before the first landing, and again between one and the next: what landed is what counts then."""
    needs("git")
    host(p.ws, REPOSITORY)
    q = p.start("--review=live", "--write", ".", "--", "sh", "-c", "while IFS= read -r line; do eval \"$line\"; echo done; done",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def do(script):
        q.stdin.write(git(script).replace("\n", "; ") + "\n")
        q.stdin.flush()
        check_eq(q.stdout.readline(), "done\n", script)

    do(":")
    remembered(p)
    for i in range(1, 4):
        written_anew(p.ws, ".git/index", "b", "src/x", hours=i)
        do(f"echo {i} > new{i}; git add -A; git commit -qm work{i}")
        is_soon(p.ws, "git --no-optional-locks -c safe.directory=* log --format=%s -1; git --no-optional-locks -c safe.directory=* status --porcelain", f"work{i}\n")
        remembered(p, since=(p.ws / ".git/index").stat().st_ctime_ns)
    # What it said at the start is not what the run has seen last.
    host(p.ws, git("git read-tree HEAD~3"))
    do("echo 4 > new4; git add -A; git commit -qm work4")
    is_soon(p.ws, "cat new4 2>&1 || :", "4\n")
    _, err = q.communicate(timeout=60)
    check_eq((q.returncode, host(p.ws, git("git log --format=%s -1; git diff --cached --name-only"))), (0, "work3\nnew1\nnew2\nnew3\n"), err)
    check("conflict" in err or "wait" in err, err)


class WritesAnew(threading.Thread):
    """Whoever watches the index and writes it anew at once, while it is on its way to be noted that it landed."""

    def __init__(self, index):
        super().__init__()
        self.index, self.over, self.times = index, False, 0
        self.start()

    def run(self):
        last = os.stat(self.index)
        while not self.over:
            now = os.stat(self.index)
            if now.st_ino == last.st_ino:
                continue
            shutil.copy(self.index, f"{self.index}.lock")
            os.rename(f"{self.index}.lock", self.index)
            self.times, last = self.times + 1, os.stat(self.index)


@both
def an_index_that_is_written_anew_as_soon_as_it_landed_is_no_conflict(p):
    needs("git")
    host(p.ws, REPOSITORY)
    script = git("for i in 1 2; do echo $i > new$i; git add -A; git commit -qm work$i; echo made; read line; done")
    q = p.start("--review=live", "--write", ".", "--", "sh", "-ec", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    host_writes = None
    try:
        for i in (1, 2):
            check_eq(q.stdout.readline(), "made\n")
            if i == 1:
                host_writes = WritesAnew(p.ws / ".git/index")
            is_soon(p.ws, git("git --no-optional-locks log --format=%s -1; git --no-optional-locks diff --cached --name-only"), f"work{i}\n")
            q.stdin.write("go\n")
            q.stdin.flush()
    finally:
        if host_writes:
            host_writes.over = True
            host_writes.join()
        _, err = q.communicate(timeout=60)
    check_eq(q.returncode, 0, err)
    check(host_writes.times > 0, "nobody wrote it anew")


@both
def an_index_that_says_something_else_is_a_conflict(p):
    """What the host staged, noted, or hides from its git, and what nobody here can read, is never written over."""
    needs("git")
    for what, script in (
            ("another file", "echo h > h; git add h"), ("removed", "git rm -q --cached b"), ("a flag", "git update-index --assume-unchanged b"),
            ("to be added", "echo h > h; git add -N h"), ("split", "git update-index --split-index"), ("mode", "git update-index --chmod=+x b")):
        host(p.ws, "find . -mindepth 1 -delete")
        host(p.ws, REPOSITORY)
        check_eq(p.run("--review", "--", "sh", "-ec", CHECKED_OUT).code, 0)
        host(p.ws, git(script))
        r = commit(p, code=1)
        check("conflict: modified \".git/index\"" in r.out, f"{what}: {r.out}")
        check_eq(host(p.ws, "cat .git/HEAD"), "ref: refs/heads/main\n", what)
        check_eq(p.run(kind=("discard",), log=False).code, 0)


@both
def an_index_that_the_host_wrote_leaves_no_commit_that_the_next_one_undoes(p):
    """A HEAD without its index shows what the run committed as staged the other way round."""
    needs("git")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", CHECKED_OUT).code, 0)
    host(p.ws, git("git update-index --chmod=+x src/x"))
    for more in (("--dry-run",), ()):
        r = commit(p, *more, code=1)
        check("conflict: modified \".git/index\"" in r.out, r.out)
        check("waits: modified \".git/HEAD\": it belongs to \".git/index\" in its repository" in r.out, r.out)
    check_eq(host(p.ws, git("git diff --cached --name-only; git log --format=%s; git status --porcelain; git branch --format='%(refname:short)'")),
             "src/x\nmore\none\n M a\nMM src/x\n?? new\nmain\ntopic\nwork\n")
    check_work(p, commit(p, "--ours", ".git/index"))


@both
def commits_of_both_are_merged_as_documented(p):
    """docs/review.md: objects, merge, the rest; a file that lies there already is in git's way. What the run's gc took, the host's branch has still."""
    needs("git")
    host(p.ws, REPOSITORY)
    gone = "git commit -q --amend -m again; git branch -qD topic; git reflog expire --expire=now --all; git gc -q --prune=now"
    check_eq(p.run("--review", "--", "sh", "-ec", git(gone + "; echo new > new; git add -A; git commit -qm work; echo later > later")).code, 0)
    host(p.ws, git(STAGED + "; git commit -qm host"))
    run = json.loads(p.run("--json", kind=("runs",), log=False).out)["runs"][0]["run"]
    r = commit(p, run, ".git/objects")
    check(re.match("forgotten: [0-9]+ changes among git's objects: what names objects was changed in the project", r.out), r.out)
    logs = p.run(run, ".git/logs", kind=("diff",), log=False).out
    ident = re.search(r"(?m)^\+\w+ (\w+) .*\tcommit: work$", logs)
    host(p.ws, git(f"git merge -qm both {ident[1]}"))
    commit(p, run, "--theirs", ".git")
    check_eq(host(p.ws, git("git fsck --no-progress --no-dangling 2>&1; git status --porcelain; git log --format=%s --topo-order; git log --format=%s -1 topic; cat a new later")),
             "?? later\nboth\nwork\nagain\nhost\nmore\none\ntopic\none\nmore\nnew\nlater\n")


@both
def references_that_the_run_packed_are_not_gone_where_the_pack_waits(p):
    needs("git")
    host(p.ws, REPOSITORY + "; git tag old; git pack-refs --all; git commit -q --allow-empty -m loose; git tag v1")
    names = "git for-each-ref --format='%(refname) %(objectname)'; git rev-parse HEAD"
    check_eq(p.run("--review", "--", "sh", "-ec", git("git pack-refs --all; echo done > done")).code, 0)
    host(p.ws, git("git tag -d old"))
    before = host(p.ws, git(names))
    r = commit(p, code=1)
    check_eq(((p.ws / "done").exists(), host(p.ws, git(names))), (True, before), r.out)


WHOLE = "git fsck --no-progress --no-dangling 2>&1; git log --format=%s; git status --porcelain"


@both_cases([("loose", ":"), ("packed", "git repack -adq; git prune-packed")])
def objects_are_not_forgotten_without_what_names_them(p, pack):
    """Neither now, nor by a commit after that, which would know of them no more."""
    needs("git")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", git(f"echo 3 >> b; git commit -qam three; {pack}")).code, 0)
    for words in (("--theirs", ".git/objects"), ("--approve", "risky")):
        forgets = words[0] == "--theirs"
        r = commit(p, *words, code=1 if forgets else 0)
        check_eq("--theirs \".git\" forgets all of " in r.out, forgets, r.out)
        check_eq(host(p.ws, git(WHOLE)), "more\none\n M b\n" if forgets else "three\nmore\none\n", r.out)


PRUNED = "git reflog expire --expire=now --all; git gc -q --prune=now"


MOVED = "what names objects was changed in the project since the run began, maybe by an earlier commit of the run's"
MERGED = "git merge -q -s ours --no-commit $D 2>&1"


@both_cases([
    ("a name that came", (), "git branch saved $D", MOVED), ("of which the run's is taken", ("--ours", ".git"), "git branch saved $D", MOVED),
    ("a merge under way", (), MERGED, MOVED), ("of a worktree", (), "cd ../wt && " + MERGED, MOVED), ("a head", (), "git update-ref --no-deref MY_HEAD $D", MOVED),
    ("a rebase under way", (), "mkdir .git/rebase-merge; echo $D > .git/rebase-merge/autostash", MOVED),
    ("too deep", (), "mkdir -p .git/refs/" + "a/" * 70, "not all that may name objects in the project could be looked at")])
def objects_that_the_project_may_name_since_do_not_go(p, words, script, why):
    """The run's gc saw nothing that names them."""
    needs("git")
    host(p.ws, REPOSITORY + "; git worktree add -q --detach ../wt 2>&1; git gc -q; git rev-parse topic > ../topic; git branch -qD topic")
    check_eq(p.run("--review", "--", "sh", "-ec", git(PRUNED)).code, 0)
    host(p.ws, git("D=$(cat ../topic); " + script))
    r = commit(p, "--approve", "risky", *words)
    check(f"forgotten: 2 changes among git's objects: {why}\n" in r.out, r.out)
    check_eq(host(p.ws, git("git fsck --no-progress --no-dangling 2>&1; git log --format=%s $(cat ../topic)")), "topic\none\n", r.out)


@both_cases([("at once", ("--ours", ".git/packed-refs")), ("by its very name", (".git/refs/tags/keep2",))])
def a_tag_whose_removal_was_forgotten_keeps_its_objects(p, words):
    """A later commit would know nothing of it."""
    needs("git")
    host(p.ws, REPOSITORY + "; git tag keep topic; git branch -qD topic; git gc -q; git tag keep2 keep")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git tag -d keep keep2; git pack-refs --all;" + PRUNED)).code, 0)
    run = json.loads(p.run("--json", kind=("runs",), log=False).out)["runs"][0]["run"]
    r = commit(p, run, "--approve", "risky", "--theirs", ".git/refs/tags/keep2", *words, code=None)
    check("forgotten: 2 changes among git's objects: what was forgotten of its repository may need it\n" in r.out, r.out)
    check("nothing of the run waits" in r.out or commit(p, run, "--approve", "risky"), r.out)
    check_eq(host(p.ws, git("git fsck --no-progress 2>&1; git tag; git log --format=%s keep2")), "keep2\ntopic\none\n", r.out)


@both
def a_list_of_packs_that_the_host_replaced_does_not_come(p):
    """git would look for a pack that is gone."""
    needs("git")
    host(p.ws, REPOSITORY + "; git gc -q")
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo n > n; git add n; git commit -qm n; git repack -qd --write-midx")).code, 0)
    host(p.ws, git("echo h | git hash-object -w --stdin > ../h; git tag h $(cat ../h); git gc -q"))
    r = commit(p, "--approve", "risky")
    check_eq(host(p.ws, git("git fsck --full --no-progress --no-dangling 2>&1")), "", r.out)
    check("forgotten: 3 changes among git's objects: the project has others by now, or other packs\n" in r.out, r.out)


@both
def a_list_of_packs_that_stays_keeps_its_packs(p):
    """In whatever commit they would go."""
    needs("git")
    host(p.ws, REPOSITORY + "; git repack -adq --write-midx; for i in 1 2 3; do git commit -q --allow-empty -m $i; done")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git repack -adq --write-midx")).code, 0)
    host(p.ws, git("git maintenance run --task=loose-objects; git maintenance run --task=loose-objects"))
    said = ""
    for _ in range(3):
        r = commit(p, "--approve", "risky", code=None)
        said += r.out + r.err
        if "nothing of the run waits" in r.out:
            break
    check_eq(host(p.ws, git("git fsck --full --no-progress --no-dangling 2>&1; git multi-pack-index verify 2>&1")), "", said)


@both
def a_tag_of_which_the_new_name_is_in_conflict_keeps_the_old_one(p):
    """It may be all that names the object."""
    needs("git")
    host(p.ws, REPOSITORY + "; git tag v1 topic; git branch -qD topic; git reflog expire --expire=now --all")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git tag v2 v1; git tag -d v1")).code, 0)
    host(p.ws, git("git tag v2 main"))
    r = commit(p, code=1)
    check("waits: deleted \".git/refs/tags/v1\": " in r.out, r.out)
    check_eq(host(p.ws, git("git log --format=%s v1")), "topic\none\n", r.out)


@both
def a_worktree_comes_whole_where_references_went_into_a_file_that_waits(p):
    """Its HEAD has what a reference had that is gone, and is none the less no other name of it."""
    needs("git")
    host(p.ws, REPOSITORY + "; git branch old main~1")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git worktree add -q w main~1 2>/dev/null; git pack-refs --all")).code, 0)
    host(p.ws, git("git commit -q --allow-empty -m host"))
    r = commit(p, "--approve", "risky", code=1)
    check_eq(host(p.ws, git("git fsck --no-progress --no-dangling 2>&1; git -C w log --format=%s; git -C w status --porcelain")), "one\n", r.out)


@both
def what_names_an_object_waits_for_it(p):
    """Of which no policy lets one be made."""
    needs("git")
    host(p.ws, REPOSITORY)
    (p.side / "p.cedar").write_text('forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::".git/objects/*/*");\n')
    check_eq(p.run("--policy", p.side / "p.cedar", "--accept", "files=advisory", "--review", "--", "sh", "-ec",
                   git("echo 3 >> b; git commit -qam three; git branch new; git tag v1")).code, 0)
    r = commit(p, code=1)
    check("waits: modified \".git/refs/heads/main\"" in r.out, r.out)
    check_eq(host(p.ws, git(WHOLE + "; git for-each-ref --format='%(refname)'")), "more\none\n M b\nrefs/heads/main\nrefs/heads/topic\n", r.out)


@both
def an_object_that_the_host_has_by_now_keeps_nobody_waiting(p):
    needs("git")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo 3 >> b; git commit -qam three; git stash list")).code, 0)
    host(p.ws, git("echo two > h; echo 3 >> h; git -c core.looseCompression=0 hash-object -w h; rm h"))
    r = commit(p, code=1)
    check_eq((r.out.count("conflict:"), "waits:" in r.out), (1, False), r.out)
    check_eq(host(p.ws, git(WHOLE)), "three\nmore\none\n", r.out)


@both
def what_the_host_committed_keeps_the_branch_of_the_run_waiting(p):
    """The branch is in conflict, and HEAD, which names another by now, and the index, which nobody else wrote, are not."""
    needs("git")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", git("git checkout -q topic; echo r > r; git add r; git commit -qm run")).code, 0)
    host(p.ws, git("git worktree add -q ../other topic; cd ../other; git commit -q --allow-empty -m host"))
    r = commit(p, code=1)
    check_eq(host(p.ws, git("git branch --show-current; git diff --cached --name-only; git log --format=%s -1 topic")), "main\nhost\n", r.out)


NAMES = "git for-each-ref --format='%(refname) %(objectname)'; git rev-parse HEAD; git fsck --no-progress --no-dangling 2>&1"
STAGED = "echo h > h; git add h"  # the host's index has what the run's has not


@both
def what_a_gc_of_the_runs_removed_stays_where_what_names_it_waits(p):
    """The branch went back, and gc took the objects of the commit that it had; the host's waits, and names it still."""
    needs("git")
    host(p.ws, REPOSITORY)
    before = host(p.ws, git(NAMES))
    gone = "git reset -q --hard HEAD~1; git reflog expire --expire=now --all; git gc -q --prune=now"
    check_eq(p.run("--review", "--", "sh", "-ec", git(gone)).code, 0)
    host(p.ws, git(STAGED))
    r = commit(p, code=1)
    check_eq(host(p.ws, git(NAMES + "; git log --format=%s")), before + "more\none\n", r.out)
    r = commit(p, "--ours", ".git", "--approve", "risky")
    check_eq(host(p.ws, git("git fsck --no-progress --no-dangling 2>&1; git status --porcelain; git log --format=%s")), "?? h\none\n", r.out)


@both
def what_a_new_pack_replaces_stays_where_that_is_forgotten(p):
    needs("git")
    host(p.ws, REPOSITORY)
    before = host(p.ws, git(NAMES))
    check_eq(p.run("--review", "--", "sh", "-ec", git("git repack -adq; git prune-packed")).code, 0)
    r = commit(p, "--theirs", ".git/objects/pack", code=1)
    check("--theirs \".git\" forgets all of it" in r.out, r.out)
    check_eq(host(p.ws, git(NAMES)), before, r.out)


@both
def a_branch_is_not_gone_that_has_the_line_of_a_new_tag(p):
    """The run packed it, which waits; the tag does not wait with it."""
    needs("git")
    host(p.ws, REPOSITORY)
    before = host(p.ws, git(NAMES))
    check_eq(p.run("--review", "--", "sh", "-ec", git("git pack-refs --all; git tag v1; echo n > n; git add n")).code, 0)
    host(p.ws, git(STAGED))
    r = commit(p, code=1)
    check("waits: deleted \".git/refs/heads/main\"" in r.out, r.out)
    check_eq([n for n in host(p.ws, git(NAMES)).splitlines() if "refs/tags/v1" not in n], before.splitlines(), r.out)
    check_eq(host(p.ws, git("git rev-parse v1")), host(p.ws, git("git rev-parse main")))


@both
def the_index_is_not_forgotten_alone(p):
    """Neither now, nor by a commit after that, which would know of it no more."""
    needs("git")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo 3 >> b; git commit -qam three; git stash list")).code, 0)
    host(p.ws, git(STAGED))
    for words in (("--theirs", ".git/index"), ()):
        r = commit(p, *words, code=1)
        check("--theirs \".git\" forgets all of " in r.out, r.out)
        check_eq(host(p.ws, git("git log --format=%s; git status --porcelain")), "more\none\n M b\nA  h\n", r.out)
    commit(p, "--theirs", ".git")
    check_eq(host(p.ws, git("git log --format=%s; git fsck --no-progress --no-dangling 2>&1; git status --porcelain")), "more\none\n M b\nA  h\n")


@root_only
def what_the_file_system_keeps_of_a_repository_keeps_the_rest(p):
    """That a branch cannot be written only the plan of the commit knows."""
    needs("git", "chattr")
    host(p.ws, REPOSITORY)
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo 3 >> b; git commit -qam three")).code, 0)
    if subprocess.run(["chattr", "+i", ".git/refs/heads"], cwd=p.ws, check=False, capture_output=True).returncode != 0:
        skip("no immutable directories here")
    try:
        for words in (("--dry-run",), ()):
            r = commit(p, *words, code=1)
            check("waits: modified \".git/index\": it belongs to \".git/refs/heads/main\" in its repository" in r.out, r.out)
    finally:
        subprocess.run(["chattr", "-i", ".git/refs/heads"], cwd=p.ws, check=False)
    check_eq(host(p.ws, git("git log --format=%s; git diff --cached --name-only")), "more\none\n", r.out)
    r = commit(p, "--ours", ".git/index")
    check_eq(host(p.ws, git("git log --format=%s; git status --porcelain")), "three\nmore\none\n", r.out)


@both
def a_branch_that_the_host_moved_and_packed_is_a_conflict(p):
    """It has no file any more, and is not gone: neither where its commit says that it is old, nor where the run says that it has seen it."""
    needs("git")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    for date, seen in ((DATES["GIT_COMMITTER_DATE"], False), (now, True)):
        host(p.ws, "find . -mindepth 1 -delete")
        host(p.ws, REPOSITORY)
        work = git("echo r > r; git add r; git commit -qm run; git branch -qf topic; git tag new; echo there; read line; echo $line >> .git/logs/refs/heads/main")
        q = p.start("--review", "--", "sh", "-ec", work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        check_eq(q.stdout.readline(), "there\n")
        theirs = host(p.ws, git("echo h > h; git add h; git commit -qm host; git rev-parse HEAD; git branch -qf topic"), GIT_COMMITTER_DATE=date).strip()
        _, err = q.communicate((theirs if seen else "nothing") + "\n", timeout=60)
        check_eq(q.returncode, 0, err)
        host(p.ws, git("git pack-refs --all; rm .git/index; git reset -q --hard"))
        r = commit(p, code=1)
        check("conflict: added \".git/refs/heads/main\": was changed in the project since the run began, and is in packed-refs there" in r.out, r.out)
        check_eq(host(p.ws, git("git log --format=%s main; git log --format=%s -1 topic; git status --porcelain; git log --format=%s -1 new")),
                 "host\nmore\none\nhost\n?? r\nrun\n", r.out)
        check_eq(p.run(kind=("discard",), log=False).code, 0)


@both
def a_branch_that_the_host_moved_back_is_a_conflict(p):
    """Its value is one that the run has seen: where nothing says any more that it was moved, and where that says that it is old."""
    needs("git")
    old = f"GIT_COMMITTER_DATE={DATES['GIT_COMMITTER_DATE']}"
    back = "git branch -qf topic topic~1; "
    for moved in (back + "git reflog expire --expire=now --all; git gc -q --prune=now", old + " " + back.replace("git", "command git", 1) + "git pack-refs --all"):
        host(p.ws, "find . -mindepth 1 -delete")
        host(p.ws, REPOSITORY + "; git checkout -q topic; for i in 1 2; do git commit -q --allow-empty -m t$i; done; git checkout -q main; git pack-refs --all")
        check_eq(p.run("--review", "--", "sh", "-ec", git("git checkout -q topic; git commit -q --allow-empty -m t3; git checkout -q main")).code, 0)
        host(p.ws, git(moved))
        r = commit(p, code=1)
        check("conflict: added \".git/refs/heads/topic\": was changed in the project since the run began, and is in packed-refs there" in r.out, r.out)
        check_eq(host(p.ws, git("git log --format=%s -1 topic; git fsck --no-progress --no-dangling 2>&1")), "t1\n", r.out)
        check_eq(p.run(kind=("discard",), log=False).code, 0)


@both
def a_branch_that_the_run_packed_itself_lands_again(p):
    needs("git")
    host(p.ws, REPOSITORY)
    script = git("export GIT_COMMITTER_DATE=$(($(date +%s) + 60)); for i in 1 2; do echo $i > new$i; git add -A; git commit -qm work$i; echo made; read line || :; git gc -q; echo packed; read line || :; done")
    q = p.start("--review=live", "--write", ".", "--", "sh", "-ec", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    quiet = "git --no-optional-locks log --format=%s -1; git --no-optional-locks diff --cached --name-only; "
    for i in (1, 2):
        for line, there in (("made", "ls .git/refs/heads/main || :"), ("packed", "grep -o refs/heads/main .git/packed-refs || :; ls .git/refs/heads")):
            check_eq(q.stdout.readline(), line + "\n")
            is_soon(p.ws, git(quiet + there), f"work{i}\n" + {"made": ".git/refs/heads/main\n", "packed": "refs/heads/main\n"}[line])
            remembered(p, since=(p.ws / ".git/index").stat().st_ctime_ns)
            q.stdin.write("go\n")
            q.stdin.flush()
    _, err = q.communicate(timeout=60)
    check_eq((q.returncode, "conflict" in err), (0, False), err)


@both
def a_branch_that_was_packed_waits_with_its_repository(p):
    needs("git")
    host(p.ws, REPOSITORY + "; git pack-refs --all")
    check_eq(p.run("--review", "--", "sh", "-ec", git("echo 3 >> b; git commit -qam three; git branch new")).code, 0)
    host(p.ws, git(STAGED))
    r = commit(p, code=1)
    check("waits: added \".git/refs/heads/main\": it belongs to \".git/index\" in its repository" in r.out, r.out)
    check_eq(host(p.ws, git("git log --format=%s; git diff --cached --name-only; git log --format=%s -1 new")), "more\none\nh\nthree\n", r.out)


@both
def a_branch_that_landed_and_that_the_host_packed_lands_again(p):
    needs("git")
    host(p.ws, REPOSITORY)
    script = git("for i in 1 2 3; do echo $i > new$i; git add -A; git commit -qm work$i; echo made; read line || :; done")
    q = p.start("--review=live", "--write", ".", "--", "sh", "-ec", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    last = git("git --no-optional-locks log --format=%s -1; git --no-optional-locks diff --cached --name-only")
    for i in (1, 2):
        check_eq(q.stdout.readline(), "made\n")
        is_soon(p.ws, last, f"work{i}\n")
        remembered(p, since=(p.ws / ".git/index").stat().st_ctime_ns)
        host(p.ws, git("git pack-refs --all"))
        if i == 2:
            host(p.ws, git("git update-ref refs/heads/main topic; git pack-refs --all"))
        q.stdin.write("go\n")
        q.stdin.flush()
    _, err = q.communicate(timeout=60)
    check_eq((q.returncode, host(p.ws, git("git log --format=%s -1"))), (0, "topic\n"), err)
    check("conflict" in err or "wait" in err, err)


@both
def a_stash_that_stays_keeps_its_log(p):
    needs("git")
    host(p.ws, REPOSITORY + "; echo s >> b; git stash -q")
    check_eq(p.run("--review", "--", "sh", "-ec", git("git stash pop -q; git add b")).code, 0)
    host(p.ws, git(STAGED))
    r = commit(p, code=1)
    check_eq(host(p.ws, git("git stash list --format=%gd")), "stash@{0}\n", r.out)


@both
def mercurial_and_jj_keep_theirs_together_too(p):
    prepare = "mkdir -p .hg/store .jj/working_copy; for f in .hg/store/00changelog.i .hg/dirstate .hg/cache .jj/working_copy/type .jj/working_copy/checkout; do echo 1 > $f; done"
    host(p.ws, prepare)
    check_eq(p.run("--review", "--", "sh", "-ec", prepare.replace("echo 1", "echo 22")).code, 0)
    host(p.ws, "echo host > .hg/dirstate; echo host > .jj/working_copy/type")
    r = commit(p, code=1)
    check_eq(host(p.ws, "cat .hg/store/00changelog.i .hg/cache .jj/working_copy/checkout"), "1\n22\n1\n", r.out)
    check("it belongs to \".hg/dirstate\" in its repository" in r.out and "--ours \".hg\" takes all of it" in r.out, r.out)


@both
def git_rebase(p):
    needs("git")
    work(p, REPOSITORY, git("git checkout -q topic; git rebase -q main"), passed=("index", "logs", "ORIG_HEAD"))
    check_eq(host(p.ws, git("git status --porcelain; git fsck --no-progress 2>&1; git log --format=%s")), "topic\nmore\none\n")


@both
def git_worktree(p):
    needs("git")
    host(p.ws, REPOSITORY)
    before = look(p.ws)
    add = git("git worktree add -q wt topic; cd wt; echo w > w; git add w; git commit -qm in-worktree")
    check_eq(p.run("--review", "--", "sh", "-ec", add).code, 0)
    r = commit(p, code=1)
    check(not (p.ws / "wt/.git").exists() and not (p.ws / ".git/worktrees/wt/gitdir").exists(), r.out)
    commit(p, "--approve", "risky")
    check_eq(host(p.ws, git("cd wt; git status --porcelain; git log --format=%s -2")), "in-worktree\ntopic\n")
    host(p.ws, git("git worktree remove wt"))
    check_eq({n for n in differences(before, look(p.ws)) if not n.startswith(".git")}, set())


@both
def git_clone_of_the_project(p):
    """Two names of one file have two numbers in an overlay, which git compares (or, an older one, does not)."""
    needs("git")
    work(p, REPOSITORY, git("git clone -q --no-hardlinks . copy; git clone -q file://$PWD other; rm -rf other"), passed=("index", "logs", "config", "packed-refs"), critical=True)
    check_eq(host(p.ws, git("cd copy; git fsck --no-progress 2>&1; git log --format=%s")), "more\none\n")
    r = p.run("--review", "--", "sh", "-c", git("git clone -q . linked"))
    check(r.code == 0 or "hardlink different from source" in r.err, r.err)


PACKAGE = "mkdir -p dep; echo '{\"name\":\"dep\",\"version\":\"1.0.0\",\"bin\":{\"dep\":\"cli.js\"}}' > dep/package.json; echo 'console.log(1)' > dep/cli.js; " \
          "echo '{\"name\":\"w\",\"version\":\"1.0.0\",\"private\":true}' > package.json; "


@both
def npm_install(p):
    needs("npm", "node")
    install = "npm_config_cache=/tmp/npm-cache npm_config_update_notifier=false npm install --offline --no-audit --no-fund --silent --install-links ./dep"
    if subprocess.run(["npm", "--version"], capture_output=True, check=False).returncode:
        skip("npm does not run for this user")
    work(p, PACKAGE, f"cd . && export npm_config_cache=$(mktemp -d); {install.split(' ', 1)[1]}", passed=(".package-lock.json",),
         run=install)
    check((p.ws / "node_modules/dep/cli.js").exists() and (p.ws / "node_modules/.bin/dep").is_symlink(), "it is not installed")


@both
def python_venv(p):
    needs("python3")
    r = p.run("--review", "--", "python3", "-m", "venv", "--without-pip", "venv", timeout=120)
    check_eq(r.code, 0, r.err)
    commit(p, code=1)
    check(not os.path.lexists(p.ws / "venv/bin/python3"), "a link out of the project became real unasked")
    commit(p, "--approve", "critical")
    check_eq(host(p.ws, "venv/bin/python3 -c 'import sys; print(sys.prefix != sys.base_prefix)'"), "True\n")


SOURCES = "mkdir -p src; for i in 1 2 3 4 5 6; do echo \"int f$i(void) { return $i; }\" > src/f$i.c; done; echo 'int main(void) { return 0; }' > src/main.c; " \
          "printf 'prog: $(patsubst src/%%.c,obj/%%.o,$(wildcard src/*.c))\\n\\tcc -o $@ $(sort $^)\\nobj/%%.o: src/%%.c\\n\\t@mkdir -p obj\\n\\tcc -c -o $@ $<\\n' > Makefile"


@both
def a_build_by_make(p):
    needs("make", "cc")
    r = work(p, SOURCES, "make -s -j2", passed=("prog",))
    host(p.ws, "./prog && make -q")
    check("waits (" not in r.out, r.out)


CRATE = "mkdir src; printf '[package]\\nname = \"w\"\\nversion = \"0.1.0\"\\nedition = \"2021\"\\n' > Cargo.toml; echo 'fn main() { println!(\"hi\"); }' > src/main.rs"


@root_only
def a_build_by_cargo(p):
    needs("cargo")
    home = {n: os.environ[n] for n in ("HOME", "CARGO_HOME", "RUSTUP_HOME") if n in os.environ}
    build = "cargo build --offline -q 2>&1"
    if subprocess.run(["sh", "-ec", CRATE + "; " + build], cwd=p.side, capture_output=True, check=False).returncode:
        skip("cargo does not build here")
    host(p.ws, CRATE)
    before = look(p.ws)
    words = ["--mode", "workspace_write"]
    for end in ("discard", "commit"):
        r = p.run("--review", *words, "--", "sh", "-ec", build, timeout=240, env=home)
        check_eq(r.code, 0, r.out + r.err)
        check_eq(differences(before, look(p.ws)), {}, "the project changed before it was said")
        r = p.run(kind=(end,), log=False)
        check_eq(r.code, 0, r.out + r.err)
    check_eq(host(p.ws, "target/debug/w"), "hi\n")
    # Nothing is built again: times came along.
    newest = (p.ws / "target/debug/w").stat().st_mtime_ns
    host(p.ws, "cargo build --offline -q", **home)
    check_eq((p.ws / "target/debug/w").stat().st_mtime_ns, newest)


@both
def a_formatter_over_a_large_tree(p):
    prepare = "for d in $(seq 1 40); do mkdir d$d; for f in $(seq 1 25); do printf 'a  b \\n\\n\\nc\\n' > d$d/f$f; done; done"
    work(p, prepare, "find . -type f -exec sed -i 's/  */ /g; s/ $//' {} +; find . -name f7 -delete; rm -r d9; mkdir d9; echo x > d9/y")


if __name__ == "__main__":
    box.main()

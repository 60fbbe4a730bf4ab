#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that a policy keeps from coming to be (.ward, .git, hooks that are not there) stay away while any run lives that has to be kept
from them: whoever ends first, whoever is killed, whatever else starts and ends meanwhile. Afterwards nothing is left."""
import fcntl
import json
import os
import signal
import stat
import subprocess
import time

import box
from box import both
from tap import PATIENCE, check, check_eq

# Tries to make what is pinned until ../side/stop is there; says what it made.
TRY = ("echo up; while [ ! -e stop ]; do "
       "for d in .ward .git; do mkdir $d 2>/dev/null && echo MADE $d; (: > $d/x) 2>/dev/null && echo WROTE $d; rmdir $d 2>/dev/null && echo REMOVED $d; "
       "mv $d away 2>/dev/null && echo MOVED $d; done; done; echo down")
MODE = ("--mode", "workspace_write")


def env(p):
    return {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}


def start(p, *words):
    os.environ.update(env(p))
    q = p.start(*words, stdout=subprocess.PIPE, text=True)
    check_eq(q.stdout.readline(), "up\n")
    return q


def finish(p, q):
    """It is told to end; what it said since it was up."""
    (p.ws / "stop").write_text("")
    out = q.stdout.read()
    q.wait(timeout=20)
    (p.ws / "stop").unlink()
    return out


def short(p, *more):
    r = p.run(*MODE, "sh", "-c", "mkdir .ward 2>/dev/null && echo MADE; true", env=env(p))
    check_eq((r.code, r.out), (0, ""), r.err)


def pinned(p, name=".ward"):
    try:
        return bool(os.lstat(p.ws / name).st_mode & stat.S_ISVTX)
    except FileNotFoundError:
        return False


def nothing_left(p):
    check_eq(sorted(n for n in os.listdir(p.ws) if n.startswith(".") or n == "away"), [])


@both
def who_made_it_ends_first(p):
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", "echo up; while [ ! -e first ]; do :; done")
    second = start(p, *MODE, "sh", "-c", TRY)
    (p.ws / "first").write_text("")
    first.wait(timeout=20)
    time.sleep(0.5)
    check(pinned(p) and pinned(p, ".git"), "it went with the run that made it")
    check_eq(finish(p, second), "down\n")
    nothing_left(p)


@both
def who_made_it_ends_last(p):
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", TRY)
    short(p)
    short(p)
    time.sleep(0.3)
    check(pinned(p) and pinned(p, ".git"), "it went with a run that shared it")
    check_eq(finish(p, first), "down\n")
    nothing_left(p)


@both
def one_that_is_killed_takes_nothing_with_it(p):
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", "echo up; sleep 100")
    second = start(p, *MODE, "sh", "-c", TRY)
    first.send_signal(signal.SIGKILL)
    first.wait()
    short(p)
    time.sleep(0.3)
    check_eq(finish(p, second), "down\n")
    nothing_left(p)


@both
def what_is_left_when_all_are_killed_goes_with_the_next(p):
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", "echo up; sleep 100")
    second = start(p, *MODE, "sh", "-c", "echo up; sleep 100")
    for q in (first, second):
        q.send_signal(signal.SIGKILL)
        q.wait()
    check(pinned(p) and not os.listdir(p.ws / ".ward"))
    time.sleep(0.3)
    short(p)
    nothing_left(p)


@both
def a_stranger_who_holds_it_keeps_nothing_from_starting(p):
    """Whoever may read the workspace may lock what a run left or shares, alone or not."""
    for how in (fcntl.LOCK_EX, fcntl.LOCK_SH):
        p.ws.chmod(0o777)
        (p.ws / ".ward").mkdir()
        (p.ws / ".ward").chmod(0o1755)
        fd = os.open(p.ws / ".ward", os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(fd, how)
        short(p)
        os.close(fd)
        short(p)
        nothing_left(p)


@both
def the_lock_outlives_a_supervisor_as_long_as_its_command_does(p):
    """The supervisor is killed, and its init is stopped, so that the command lives on: nobody else may take the name away."""
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", "echo up; exec sleep 100")
    inits = [pid for pid, name in box.descendants(first.pid).items() if "ward-init" in name]
    check_eq(len(inits), 1, box.descendants(first.pid))
    os.kill(inits[0], signal.SIGSTOP)
    first.send_signal(signal.SIGKILL)
    first.wait()
    try:
        short(p)
        check(pinned(p), "it went while a command was alive")
    finally:
        os.kill(inits[0], signal.SIGCONT)
    deadline = time.monotonic() + 10 * PATIENCE
    while box.state(inits[0]) not in ("", "X", "Z") and time.monotonic() < deadline:
        time.sleep(0.05)
    short(p)
    nothing_left(p)


@both
def a_users_own_empty_directory_stays(p):
    p.ws.chmod(0o777)
    (p.ws / ".ward").mkdir()
    first = start(p, *MODE, "sh", "-c", TRY)
    short(p)
    check_eq(finish(p, first), "down\n")
    check_eq(sorted(n for n in os.listdir(p.ws) if n.startswith(".")), [".ward"])
    check_eq(stat.S_IMODE(os.lstat(p.ws / ".ward").st_mode), 0o755)


@both
def what_somebody_puts_into_it_stays(p):
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", TRY)
    (p.ws / ".ward/note").write_text("mine\n")
    check_eq(finish(p, first), "down\n")
    check_eq((p.ws / ".ward/note").read_text(), "mine\n")
    check_eq(stat.S_IMODE(os.lstat(p.ws / ".ward").st_mode), 0o755)


@both
def files_and_directories_of_git_are_shared_as_well(p):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*"]
    subprocess.run([*git, "init", "-q", "--template=", "."], cwd=p.ws, check=True)
    p.ws.chmod(0o777)
    before = sorted(os.listdir(p.ws / ".git"))
    check("hooks" not in before and "commondir" not in before)
    words = ("--mode", "repo_write", "--approve", "critical", "sh", "-c")
    first = start(p, *words, "echo up; while [ ! -e first ]; do :; done")
    second = start(p, *words, "echo up; while [ ! -e stop ]; do for d in hooks info modules; do mkdir .git/$d 2>/dev/null && echo MADE $d; done;"
                   "(echo / > .git/commondir) 2>/dev/null && echo WROTE; rm -f .git/commondir 2>/dev/null && echo REMOVED; done; echo down")
    check(pinned(p, ".git/hooks") and pinned(p, ".git/commondir"))
    (p.ws / "first").write_text("")
    first.wait(timeout=20)
    time.sleep(0.5)
    check_eq(finish(p, second), "down\n")
    check_eq(sorted(os.listdir(p.ws / ".git")), before)


@both
def it_is_nothing_that_other_kinds_of_runs_could_show(p):
    """Their plans name nothing that goes with the run that made it: a start that meets its end would be refused."""
    p.ws.chmod(0o777)
    first = start(p, *MODE, "sh", "-c", TRY)
    check(pinned(p) and pinned(p, ".git"))
    for words in (("--write", "."), ("--read", "."), ("--review",), MODE, ("--mode", "read_only"), ("--mode", "repo_write", "--approve", "critical")):
        r = p.run("--json", *words, "true", kind=("plan",), log=False, env=env(p))
        check_eq(r.code, 0, r.err)
        plan = json.loads(r.out)
        binds = [n["dest"] for n in plan["view"] if n["kind"] == "bind" and n["dest"].endswith(("/.ward", "/.git"))]
        check_eq(binds, [], words)
        if words[0] == "--mode":
            check_eq([w for w in plan["warnings"] if ".git" in w or ".ward" in w], [], words)
    check_eq(finish(p, first), "down\n")
    nothing_left(p)


@both
def runs_of_every_kind_start_while_others_end(p):
    p.ws.chmod(0o777)
    kinds = (MODE, ("--write", "."), MODE, ("--review",))
    for _ in range(3):
        runs = [subprocess.Popen(["sh", "-c", 'i=0; while [ $i -lt 12 ]; do "$@" || exit 1; i=$((i+1)); done', "sh",  # pylint: disable=consider-using-with
                                  *p.words(*kind, "true")],
                                 cwd=p.ws, env=p.env(**env(p)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for kind in kinds]
        for q in runs:
            out, err = q.communicate(timeout=120)
            check_eq((q.returncode, out), (0, ""), err)
    nothing_left(p)


@both
def many_short_runs_beside_one_that_tries(p):
    p.ws.chmod(0o777)
    for _ in range(3):
        runs = [subprocess.Popen(["sh", "-c", 'i=0; while [ $i -lt 12 ]; do "$@" || exit 1; i=$((i+1)); done', "sh",  # pylint: disable=consider-using-with
                                  *p.words(*MODE, "sh", "-c", "mkdir .ward .git 2>/dev/null && echo MADE; true")],
                                 cwd=p.ws, env=p.env(**env(p)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        trying = start(p, *MODE, "sh", "-c", TRY)
        for q in runs:
            out, err = q.communicate(timeout=120)
            check_eq((q.returncode, out), (0, ""), err)
        check_eq(finish(p, trying), "down\n")
        nothing_left(p)


box.main()

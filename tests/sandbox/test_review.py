#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A run under review, from its start to what is left of it: the project stays as it is, what was written waits in the store, whatever becomes
of ward; no run sees the store. What the changes are, and how they become real: test_review_*.py and tests/unit.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import box
import cli
import schema
from box import both, root_only, user_only
from tap import check, check_eq, check_in, main, quickest

OUTCOME = json.loads((cli.ROOT / "docs/spec/outcome.schema.json").read_text())
WRITE = "echo new > new; echo more >> kept; rm gone; mkdir -p dir/sub; echo x > dir/sub/file"


def project(p):
    """Of whoever runs ward."""
    p.write("kept", "kept\n")
    p.write("gone", "gone\n")
    p.write("sub/file", "file\n")


def as_it_was(p):
    check_eq(sorted(os.path.relpath(os.path.join(d, n), p.ws) for d, ds, fs in os.walk(p.ws) for n in [*ds, *fs] if n != ".ward"),
             ["gone", "kept", "sub", "sub/file"])
    check_eq((p.ws / "kept").read_text(), "kept\n")


def store(p):
    return p.side / "state/ward/runs"


def left(p):
    return sorted(os.listdir(store(p))) if store(p).exists() else []


def ward(p, *words, cwd=None):
    return cli.ward(*words, env=p.env(), cwd=cwd or p.ws)


def runs(p):
    r = ward(p, "runs", "--json")
    check_eq((r.code, r.err), (0, ""))
    return json.loads(r.out)["runs"]


def review(p, script, *words):
    """The outcome, and what was said."""
    r, o = p.outcome("--review", *words, "--", "/bin/sh", "-c", script)
    schema.validate(o, OUTCOME)
    return r, o


def kinds(p, run):
    return [r["kind"] for r in box.records(p) if r.get("run") == run and r["kind"].startswith(("workspace.", "run."))]


def until(what, seconds=20):
    end = time.monotonic() + seconds * cli.PATIENCE
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def started(p, script, *words):
    """A run that has written everything, and waits."""
    q = p.start("--review", *words, "--", "/bin/sh", "-c", f"{script}; echo done; exec sleep 300", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out = [q.stdout.readline()]
    while out[-1] not in ("done\n", ""):
        out.append(q.stdout.readline())
    check_eq(out[-1], "done\n")
    return q


@both
def what_is_written_waits_and_is_forgotten(p):
    project(p)
    for backend in box.REVIEW_BACKENDS:
        r, o = review(p, WRITE + "; cat new; ls; exit 3", "--disk-backend", backend)
        check_eq((r.code, o["status"]), (3, "exited"))
        check_eq(r.out.split(), ["new", "dir", "kept", "new", "sub"])
        run = o["run"]
        check_eq(o["review"], {"run": run, "changes": 6, "state": "pending"})
        check_in(f"ward: 6 changes wait: ward diff {run}, ward commit {run}, ward discard {run}\n", r.err)
        as_it_was(p)
        listed = runs(p)
        check_eq([(x["run"], x["state"], x["changes"], x["code"], x["backend"]) for x in listed], [(run, "pending", 6, 3, backend)])
        check_eq((os.stat(store(p)).st_mode & 0o7777, os.stat(store(p) / run).st_mode & 0o7777), (0o700, 0o700))
        r = ward(p, "discard", cwd=p.ws / "sub")
        check_eq((r.code, r.out, r.err), (0, f"forgotten: {run}\n", ""))
        check_eq((left(p), runs(p)), ([], []))
        check_eq(kinds(p, run), ["workspace.open", "run.start", "workspace.close", "run.end", "workspace.discard"])
        as_it_was(p)


@both
def who_changes_nothing_leaves_nothing(p):
    project(p)
    for backend in box.REVIEW_BACKENDS:
        r, o = review(p, "cat kept; ls -l sub; : >> kept; touch -r sub/file sub/file", "--disk-backend", backend, "--read", "kept")
        check_eq((r.code, o["review"]["state"], o["review"]["changes"]), (0, "none", 0))
        check("wait" not in r.err and "takes nothing away" not in r.err, r.err)
        check_eq(left(p), [])


@both
def who_never_starts_leaves_nothing(p):
    project(p)
    r, o = review(p, "true", "--require", "disk=enforced", "--accept", "files=none", "--stdin", "file:/no/such/file")
    check_eq((r.code, left(p)), (125, []))
    r = p.run("--review", "--", "/no/such/program")
    check(r.code != 0 and left(p) == [], f"{r} {left(p)}")
    p.write("script", "no program\n", 0o644)
    r = p.run("--review", "--", "./script")
    check_eq((r.code in (126, 127), left(p)), (True, []))


@both
def a_plan_leaves_nothing(p):
    project(p)
    r = p.run("--review", "--disk", "64M", "--", "/bin/true", kind=("plan",))
    check_eq((r.code, left(p)), (0, []))
    check_in("(dir, 64M)", r.out)
    check(not store(p).exists(), "a plan has made a store")


@both
def the_end_of_ward_loses_nothing_on_a_disk(p):
    project(p)
    q = started(p, WRITE)
    run = runs(p)[0]["run"]
    check_eq((runs(p)[0]["state"], runs(p)[0]["changes"]), ("live", 6))
    r = ward(p, "discard", run)
    check_eq(r.code, 1)
    check_in(f"run {run} is still running", r.err)
    check_eq(ward(p, "runs", "gc", "--older-than", "1ms").out, "")
    q.kill()
    q.wait()
    until(lambda: runs(p)[0]["state"] == "pending")
    check_eq((runs(p)[0]["changes"], runs(p)[0]["ended"], runs(p)[0]["code"]), (6, None, None))
    as_it_was(p)
    # Whoever comes next with the same log writes its end, and says what is left.
    r = p.run("--", "/bin/true")
    check_in(f"run {run} was aborted", r.err)
    check_in(f"what it changed waits: ward diff {run}", r.err)
    check_eq(kinds(p, run), ["workspace.open", "run.start", "run.end"])
    check_eq(ward(p, "discard").out, f"forgotten: {run}\n")
    check_eq(left(p), [])


@both
def what_was_decided_before_anybody_saw_that_ward_had_died_waits_no_more(p):
    project(p)
    q = started(p, WRITE)
    run = runs(p)[0]["run"]
    q.kill()
    q.wait()
    until(lambda: runs(p)[0]["state"] == "pending")
    check_eq(ward(p, "discard").out, f"forgotten: {run}\n")
    r = p.run("--", "/bin/true")
    check_in(f"run {run} was aborted: its ward was killed, or could not write its end; the log says so now", r.err)
    check("what it changed" not in r.err, r.err)


@both
def on_a_tmpfs_it_goes_with_ward(p):
    box.needs_a_layer_on_tmpfs()
    project(p)
    q = started(p, WRITE, "--disk-backend", "tmpfs")
    run = runs(p)[0]["run"]
    q.kill()
    q.wait()
    until(lambda: runs(p)[0]["state"] == "lost")
    r = ward(p, "discard")
    check_eq(r.code, 1)
    check_in("no run has left changes here", r.err)
    r = p.run("--", "/bin/true")
    check_in(f"what it changed lay on a tmpfs and is lost: ward discard {run}", r.err)
    check_eq(ward(p, "runs", "gc").out, f"forgotten: {run}\n")
    check_eq(left(p), [])


@both
def a_run_that_is_ended_leaves_what_it_wrote(p):
    project(p)
    for backend in box.REVIEW_BACKENDS:
        q = started(p, WRITE, "--disk-backend", backend)
        q.send_signal(signal.SIGTERM)
        q.wait(timeout=30)
        check_eq([(x["state"], x["changes"], x["code"]) for x in runs(p)], [("pending", 6, None)])
        check_eq(ward(p, "discard").code, 0)


@both
def two_runs_in_one_project_know_nothing_of_each_other(p):
    project(p)
    a = started(p, "echo a > one; rm gone")
    b = started(p, "test -e gone && ! test -e one && echo b > two")
    check_eq([x["state"] for x in runs(p)], ["live", "live"])
    for q in (a, b):
        q.send_signal(signal.SIGTERM)
        q.wait(timeout=30)
    check_eq([(x["state"], x["changes"]) for x in runs(p)], [("pending", 2), ("pending", 1)])
    r = ward(p, "discard")
    check_eq(r.code, 2)
    check_in("more than one run has left changes here", r.err)
    names = [x["run"] for x in runs(p)]
    check_eq(ward(p, "runs", "rm", *names).code, 0)
    as_it_was(p)


@both
def no_run_sees_the_store(p):
    project(p)
    r, o = review(p, WRITE)
    inside = f"ls {store(p)} {store(p)}/*; cat {store(p)}/*/workspace.json; echo x > {store(p)}/x; mkdir {store(p)}/{o['run']}/y; rm -r {store(p)}/*"
    before = subprocess.run(["find", store(p)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    # The log lies beside it, and is not to be written: another one.
    r = p.run("--write", p.side, "--audit", "/dev/null", "--", "/bin/sh", "-c", inside, log=False)
    check(o["run"] not in r.out, r.out)
    check_eq(subprocess.run(["find", store(p)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout, before)
    for place in (store(p), store(p) / o["run"], store(p) / o["run"] / "layer/upper"):
        r = p.run("--read", place, "--", "/bin/true")
        check_eq(r.code, 125)
        check_in("what runs under review wrote is kept there", r.err)


@root_only
def a_second_name_of_what_the_store_lies_in(p):
    """A host may have a directory mounted twice: over the second name lies no mask of the store's path."""
    project(p)
    review(p, WRITE)
    box.private_mounts()
    (p.side / "other").mkdir()
    for i, (place, code) in enumerate(((store(p), 125), (store(p).parent, 125), (p.side / "state", 125), (p.side / "other", 0))):
        again = p.ws / f"again{i}"
        again.mkdir()
        box.mount(str(place), str(again), None, box.MS_BIND)
        for how in ("--read", "--write"):
            r = p.run(how, again, "--audit", "/dev/null", "--", "/bin/true", log=False)
            check_eq(r.code, code, f"{how} {place}: {r.err}")
            if code:
                check_in("it has a second name of where what runs under review wrote is kept", r.err)


@both
def who_may_write_where_a_store_would_be_makes_none(p):
    """Ward would believe what it says."""
    state = p.side / "state"
    state.mkdir()
    r = p.run("--write", state, "--audit", "/dev/null", "--", "/bin/sh", "-c", f"mkdir -p {store(p)}/x; ls {store(p)}; touch {state}/other", log=False)
    check_eq((left(p), (state / "other").exists()), ([], True))
    check_eq(os.stat(store(p)).st_mode & 0o7777, 0o700)
    check(r.code == 0, r)


@user_only
def the_store_of_another_environment_is_nobodys_either(p):
    """Whoever calls ward without XDG_STATE_HOME later believes what is in the other. (Of root that is /var/lib/ward, which no test may touch.)"""
    script = 'cd "$1"; mkdir -p .local/state/ward/runs/forged && echo MADE; ls .local/state/ward/runs && echo READ'
    env = {"HOME": str(p.ws), "XDG_STATE_HOME": str(p.side / "state")}
    other = p.ws / ".local/state/ward/runs"
    r = p.run("--i-know", "--write", ".", "/bin/sh", "-c", script, "sh", str(p.ws), env=env)
    check("MADE" not in r.out, r.out + r.err)
    check("READ" not in r.out, r.out + r.err)
    check_eq(list(other.iterdir()), [])


@both
def the_policies_of_another_environment_are_nobodys_either(p):
    """Whoever calls ward without XDG_CONFIG_HOME and XDG_STATE_HOME later obeys those."""
    (p.ws / ".config/ward").mkdir(parents=True)
    for d in (".local/state/ward", "else"):
        (p.ws / d).mkdir(parents=True)
    env = {"HOME": str(p.ws), "XDG_CONFIG_HOME": str(p.side / "config"), "XDG_STATE_HOME": str(p.side / "state")}
    script = "for f in .config/ward/x.cedar .local/state/ward/trust else/x; do echo x > $f && echo MADE $f; done; true"
    r = p.run("--i-know", "--write", ".", "/bin/sh", "-c", script, env=env)
    check_eq((r.code, r.out), (0, "MADE else/x\n"), r.err)
    (p.ws / ".config/ward").rmdir()
    (p.ws / ".config/ward").symlink_to(p.side)
    r = p.run("--write", ".config", "/bin/true", env=env)
    check_eq(r.code, 125, r.err)
    check_in("is found by the link", r.err)


@root_only
def the_policies_of_the_accounts_own_home_are_nobodys_either(p):
    """Whoever sets HOME for one program starts the next run without."""
    box.private_mounts()
    home = p.ws / "account"
    (home / ".config").mkdir(parents=True)
    p.write("passwd", f"root:x:0:0:root:{home}:/bin/sh\n")
    box.mount(str(p.ws / "passwd"), "/etc/passwd", None, box.MS_BIND)
    script = "for f in .config/ward/x.cedar .local/state/ward/trust else/x; do mkdir -p ${f%/*}; echo x > $f && echo MADE $f; done; true"
    xdg = {"XDG_CONFIG_HOME": str(p.side / "config"), "XDG_STATE_HOME": str(p.side / "state")}
    for env in ({"HOME": str(p.side)}, {"HOME": "", **xdg}):
        r = p.run("--write", home, "--cwd", home, "--i-know", "/bin/sh", "-c", script, env=env)
        check_eq((r.code, r.out), (0, "MADE else/x\n"), r.err)
        check_in("it says what runs may do", r.err)
    (home / ".config").rmdir()
    (home / ".config").symlink_to(p.side)
    r = p.run("--write", home / ".config", "/bin/true", env={"HOME": str(p.side)})
    check_eq(r.code, 125, r.err)
    box.mount("/proc/self/mem", "/etc/passwd", None, box.MS_BIND)  # which has nothing at its beginning that can be read
    r = p.run("/bin/true", env={"HOME": str(p.side)})
    check_eq(r.code, 125, r.err)


@root_only
def a_second_name_of_the_store_is_not_granted(p):
    """A host may have it mounted elsewhere, too."""
    project(p)
    review(p, WRITE)
    alias = p.side / "alias"
    alias.mkdir()
    for shown in (store(p), store(p).parent, p.side / "state"):
        box.mount(shown, alias, None, box.MS_BIND)
        try:
            for grant in ("--write", "--read"):
                r = p.run(grant, str(alias), "/bin/sh", "-c", "echo STARTED")
                check_eq(r.code, 125, r.out + r.err)
                check_in("second name", r.err)
        finally:
            box.libc.umount2(os.fsencode(alias), box.UMOUNT_DETACH)


@root_only
def a_second_name_of_what_says_what_runs_may_do_is_not_written(p):
    """Over it lies nothing of what covers the user's policies, the log and files of options: the next run would obey what this one wrote."""
    box.private_mounts()
    alias, own, logs = p.ws / "alias", p.side / "config", p.side / "logs"
    for d in (alias, own / "ward", logs, p.side / "other"):
        d.mkdir(parents=True)
    (own / "x.cedar").write_text("")
    env = {"HOME": str(p.side), "XDG_CONFIG_HOME": str(own)}
    for shown, words, what in ((own, (), "the user's policy"), (own / "ward", (), "the user's policy"),
                               (own, ("--policy", str(own / "x.cedar")), "the "), (logs, ("--audit", str(logs / "a.jsonl")), "the log"),
                               (p.side / "other", (), None)):
        box.mount(str(shown), str(alias), None, box.MS_BIND)
        try:
            for how in (("--write", "alias"), ("--review", "--workspace", alias), ("--read", "alias")):
                r = p.run(*how, *words, "--", "/bin/sh", "-c", "mkdir -p alias/ward; echo x > alias/ward/x.cedar; true", env=env,
                          log="--audit" not in words)
                bad = what and how[0] != "--read"
                check_eq(r.code, 125 if bad else 0, f"{how} {shown}: {r.err}")
                if bad:
                    check_in("second name of where", r.err)
                    check_in(what, r.err)
            # What is mounted below a grant comes along.
            r = p.run("--write", ".", *words, "--", "/bin/sh", "-c", "echo x > alias/ward/x.cedar; true", env=env, log="--audit" not in words)
            check_eq(r.code, 125 if what else 0, f"above {shown}: {r.err}")
            check(not what or "second name of where" in r.err, r.err)
        finally:
            box.libc.umount2(os.fsencode(alias), box.UMOUNT_DETACH)
    p.write("x.cedar", "")
    box.mount(str(own / "x.cedar"), str(p.ws / "x.cedar"), None, box.MS_BIND)
    for grant, code in (("x.cedar", 125), (".", 125), ("alias", 0)):
        r = p.run("--write", grant, "--policy", own / "x.cedar", "--", "/bin/sh", "-c", "echo x >> x.cedar; true", env=env)
        check_eq(r.code, code, f"{grant}: {r.err}")
    check_eq((own / "x.cedar").read_text(), "")


@root_only
def the_program_that_starts_runs_is_written_by_no_second_name(p):
    box.private_mounts()
    (p.ws / "own").mkdir()
    cli.WARD = shutil.copy(cli.WARD, p.ws / "own/ward")
    for d in ("alias", "grant/alias"):
        (p.ws / d).mkdir(parents=True)
    for at, grant in (("alias", "alias"), ("grant/alias", "grant")):
        box.mount(str(p.ws / "own"), str(p.ws / at), None, box.MS_BIND)
        try:
            r = p.run("--write", grant, "true")
            check_eq(r.code, 125, r.err)
            check_in("it has a second name of where", r.err)
            check_in("the program that starts runs", r.err)
        finally:
            box.must(box.libc.umount2(os.fsencode(p.ws / at), box.UMOUNT_DETACH), "umount")


@both
def where_it_cannot_be(p):
    project(p)
    for env, words, says in (
            ({"XDG_STATE_HOME": str(p.ws / "state")}, (), "the store of such layers lies in the workspace"),
            ({"HOME": str(p.ws)}, (), "the workspace is your home, or above it"),
            ({"HOME": str(p.ws / "sub")}, (), "the workspace is your home, or above it"),
            ({}, ("--workspace", "/"), "--i-know"),
            ({}, ("--workspace", "/", "--i-know"), "the workspace is the root of the host; cd to the project's directory")):
        r = p.run("--review", *words, "--", "/bin/true", env=env)
        check_eq(r.code, 125)
        check_in(says, r.err)
    state = p.ws / "sub/ward/runs"
    state.mkdir(parents=True)
    for d in (state, state.parent):
        d.chmod(0o700)
    (state / "x").mkdir()
    r = p.run("--review", "--workspace", state / "x", "--", "/bin/true", env={"XDG_STATE_HOME": str(p.ws / "sub")})
    check_eq(r.code, 125)
    check_in("the workspace lies in the store of such layers", r.err)
    r = p.run("--review", "--audit", "/dev/null", "--", "/bin/true", log=False)
    check_eq(r.code, 125)
    check_in("there is no log", r.err)
    check_eq(left(p), [])


@root_only
def a_store_on_an_overlay_is_refused_before_the_start(p):
    """A container's own tree: the kernel lays no layer there, and nobody makes a whiteout there."""
    project(p)
    for d in ("on", "low"):
        (p.side / d).mkdir()
    box.mount("none", p.side / "on", "tmpfs", 0, "mode=0700")
    for d in ("up", "work", "both"):
        (p.side / "on" / d).mkdir()
    box.mount("none", p.side / "on/both", "overlay", 0, f"lowerdir={p.side}/low,upperdir={p.side}/on/up,workdir={p.side}/on/work")
    env = {"XDG_STATE_HOME": str(p.side / "on/both")}
    for kind in ("plan", "run"):
        r = p.run("--review", "--", "/bin/true", env=env, kind=(kind,))
        check_eq(r.code, 125 if kind == "run" else 1, r.err)
        check_in("lies on an overlay (a container's), which can carry none; set XDG_STATE_HOME to", r.err)
    r = p.run("--review", "--disk-backend", "tmpfs", "--", "/bin/true", env=env, kind=("plan",))
    check_eq(r.code, 0, r.err)
    check_in("what the run removes cannot be kept as removed", r.out + r.err)
    report = json.loads(cli.ward("doctor", "--json", env=p.env(**env), cwd=p.ws).out)
    check_eq([c["status"] for c in report["checks"] if c["id"] == "review"], ["warn"])


@both
def a_store_of_somebody_else_is_refused(p):
    project(p)
    store(p).mkdir(parents=True)
    store(p).parent.chmod(0o700)
    store(p).chmod(0o755)
    r = p.run("--review", "--", "/bin/true")
    check_eq(r.code, 125)
    check_in("the store of workspaces under review is not yours alone", r.err)


@both
def names_of_any_bytes(p):
    project(p)
    odd = os.path.join(os.fsencode(p.ws), b"a\nb\xff")
    os.mkdir(odd)
    for backend in box.REVIEW_BACKENDS:
        r = p.run("--review", "--disk-backend", backend, "--", "/bin/sh", "-c", "printf x > \"$(printf 'n\\n\\376')\"; ln -s /etc ..x", cwd=odd)
        check_eq(r.code, 0)
        check_in("ward: 2 changes wait", r.err)
        check_eq(os.listdir(odd), [])
        check_in("/a\\nb\\xff", ward(p, "runs").out)
        check_eq(ward(p, "discard", cwd=odd).code, 0)


@both
def what_runs_code_later_is_written_into_the_layer_alone(p):
    """In the workspace: it is asked about at the commit. Elsewhere it is held as ever."""
    project(p)
    p.write(".git/HEAD", "ref: refs/heads/x\n")
    p.write(".git/config", "[core]\n")
    p.write(".envrc", "true\n")
    for d in ("objects", "refs"):
        (p.ws / ".git" / d).mkdir()
    other = p.side / "other"
    other.mkdir()
    (other / ".envrc").write_text("true\n")
    script = f"for f in .envrc .git/config .git/hooks/pre-commit {other}/.envrc; do mkdir -p $(dirname $f); echo evil >> $f && echo wrote $f; done"
    r, o = review(p, script, "--write", other)
    check_eq(r.out, "wrote .envrc\nwrote .git/config\nwrote .git/hooks/pre-commit\n")
    check_eq(o["review"]["changes"], 4)  # and the directory of hooks
    check_eq(((p.ws / ".envrc").read_text(), (p.ws / ".git/config").read_text(), (p.ws / ".git/hooks").exists()), ("true\n", "[core]\n", False))
    check_eq((other / ".envrc").read_text(), "true\n")
    check_eq(o["late_names"]["names"] if o["late_names"] else [], [])


@both
def what_a_policy_forbids_is_not_written_into_the_layer_either(p):
    project(p)
    p.write("no.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./sub");\n')
    r, o = review(p, "echo x > sub/file; echo x > sub/new; echo x > new; ls", "--policy", "no.cedar")
    check_eq((r.code, o["review"]["changes"]), (0, 1))
    check_eq((p.ws / "sub/file").read_text(), "file\n")


@both
def what_may_not_be_read_is_covered(p):
    """A rule about reading alone is enough: what nobody may read nobody reviews."""
    project(p)
    p.write("secret", "secret\n")
    p.write("r.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./secret");\n')
    r, o = review(p, "cat secret; echo x > secret; rm -f secret; echo new > new", "--policy", "r.cedar")
    check_eq((r.out, o["review"]["changes"]), ("", 1), r.err)
    check_eq((p.ws / "secret").read_text(), "secret\n")


@both
def what_was_there_before_is_no_conflict_of_later(p):
    """since_ns: later than what the project had, not later than what somebody does to it once the command runs."""
    project(p)
    for _ in range(5):
        p.write("kept", "before\n")
        before = os.stat(p.ws / "kept").st_ctime_ns
        q = started(p, "cat kept")
        (p.ws / "gone").write_text("during\n")
        during = os.stat(p.ws / "gone").st_ctime_ns
        q.send_signal(signal.SIGTERM)
        q.wait(timeout=30)
        run = left(p)
        check_eq(run, [])  # it changed nothing
        since = [r["detail"]["since_ns"] for r in box.records(p) if r["kind"] == "workspace.open"][-1]
        check(before < since <= during, f"{before} {since} {during}")


@both
def what_a_tmpfs_had_is_kept_as_it_was(p):
    """As the layer of a directory has it, whatever modes and links there were."""
    project(p)
    p.write("sub/deep/a", "a\n")
    script = """
        rm -r sub/deep; mkdir sub/deep; echo b > sub/deep/b
        echo 1 > one; ln one two; ln one sub/three; ln -s nowhere link; mkfifo pipe
        truncate -s 1M holes; printf x >> holes
        mkdir shut; echo x > shut/in; chmod 0 shut/in shut
        chmod 600 kept; touch -d 2001-01-01 one
    """
    layers = []
    for backend in box.REVIEW_BACKENDS:
        r, o = review(p, script, "--disk-backend", backend)
        check_eq(r.code, 0, r.err)
        upper = store(p) / o["run"] / "layer/upper"
        shut = upper / "shut"
        check_eq(os.lstat(shut).st_mode & 0o7777, 0)
        shut.chmod(0o700)
        layers.append((layer(upper), o["review"]["changes"]))
        check_eq(ward(p, "discard").code, 0)
    check_eq(layers[0], layers[-1])
    check_eq(left(p), [])


def layer(upper):
    out = {}
    for d, ds, fs in os.walk(upper):
        for n in [*ds, *fs]:
            path = os.path.join(d, n)
            st = os.lstat(path)
            attrs = {}
            if os.path.isdir(path) and not os.path.islink(path) or (os.path.isfile(path) and not os.path.islink(path)):
                attrs = {a: os.getxattr(path, a) for a in os.listxattr(path) if a.startswith("user.") and a != "user.overlay.impure"}
            out[os.path.relpath(path, upper)] = (st.st_mode, st.st_size if not os.path.isdir(path) else 0, st.st_nlink if not os.path.isdir(path) else 0,
                                                 st.st_rdev, sorted(attrs), int(st.st_mtime) if n == "one" else 0,
                                                 st.st_blocks < 200 if n == "holes" else None)
    return out


@root_only
def a_file_system_of_its_own_is_kept_and_goes(p):
    project(p)
    words = ("--disk-backend", "loop", "--disk", "64M")
    r, o = review(p, WRITE, *words)
    check_eq((r.code, o["review"]["changes"], runs(p)[0]["state"]), (0, 6, "pending"))
    q = started(p, WRITE, *words)
    q.kill()
    q.wait()
    until(lambda: [x["state"] for x in runs(p)] == ["pending", "pending"])
    check_eq([x["changes"] for x in runs(p)], [6, 6])
    as_it_was(p)
    check_eq(ward(p, "runs", "rm", *(x["run"] for x in runs(p))).code, 0)
    check_eq(left(p), [])
    check(str(p.side) not in pathlib.Path("/proc/self/mountinfo").read_text(), "something is mounted still")
    until(lambda: not any(str(p.side) in f.read_text() for f in pathlib.Path("/sys/block").glob("loop*/loop/backing_file")))


@user_only
def many_files_of_two_names_are_kept_in_time(p):
    """What it takes does not grow with the square of them: of ward itself, and not in the kernel."""
    box.needs_a_layer_on_tmpfs()
    project(p)

    def once(n):
        script = f"import os\nfor i in range({n}):\n    open(f'f{{i}}', 'w').close()\n    os.link(f'f{{i}}', f'g{{i}}')\n"
        q = p.start("--outcome", p.outcome_file, "--review", "--disk-backend", "tmpfs", "--", "python3", "-c", script, stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
        os.waitid(os.P_PID, q.pid, os.WEXITED | os.WNOWAIT)
        ticks = int(pathlib.Path(f"/proc/{q.pid}/stat").read_text().rpartition(")")[2].split()[11])
        o = json.loads(p.outcome_file.read_text())
        check_eq((q.wait(), o["review"]["changes"]), (0, 2 * n))
        upper = store(p) / o["run"] / "layer/upper"
        check_eq([os.stat(upper / f"g{i}").st_ino for i in range(0, n, 999)], [os.stat(upper / f"f{i}").st_ino for i in range(0, n, 999)])
        check_eq(ward(p, "discard").code, 0)
        return ticks
    few = once(5000)
    bound = 6 * max(few, 4)     # four times as much, where sixteen times would be the square
    many = quickest(lambda: once(20000), bound, 2)
    check(many < bound, f"{few} and {many} hundredths of a second")


@both
def more_are_gone_than_a_file_may_have_names(p):
    """The whiteouts of a layer are names of one object, and the store's file system may let one have fewer: ext4 65,000."""
    box.needs_a_layer_on_tmpfs()
    project(p)
    many = p.ws / "many"
    many.mkdir()
    for i in range(66000):
        os.mknod(many / f"f{i}")
    r, o = p.outcome("--review", "--disk-backend", "tmpfs", "--", "/usr/bin/python3", "-c", "import os\nfor e in list(os.scandir('many')): os.unlink(e)", timeout=120)
    check_eq((r.code, o["review"]["state"], o["review"]["changes"]), (0, "pending", 66000), r.err)
    check_eq(ward(p, "discard").code, 0)


@root_only
def what_cannot_be_kept_is_said(p):
    """The store is full: what fits is kept, and the end is no success."""
    box.needs_a_layer_on_tmpfs()
    project(p)
    full = p.side / "full"
    full.mkdir()
    box.mount("none", full, "tmpfs", 0, "size=300k,mode=0700")
    try:
        r, o = p.outcome("--review", "--disk-backend", "tmpfs", "--", "/bin/sh", "-c", "echo small > a; head -c 2000000 /dev/zero > large; echo small > z",
                         env={"XDG_STATE_HOME": str(full)})
        check_eq((r.code, o["status"], o["review"]["state"]), (125, "exited", "incomplete"))
        check_in("could not be kept", r.err)
        check_in("No space left on device", r.err)
        r = cli.ward("runs", "show", o["run"], env=p.env(XDG_STATE_HOME=str(full)))
        check_in("and others that could not be kept", r.out)
        check_in("--incomplete", r.out)
        kept = sorted(os.listdir(full / "ward/runs" / o["run"] / "layer/upper"))
        check_eq([n for n in kept if n != "large"], ["a", "z"])
        check("large" not in kept, "half of a file is kept")
        # What was not kept looks deleted: nothing of it becomes real, and none of it is forgotten, but by somebody who says so.
        env = p.env(XDG_STATE_HOME=str(full))
        check_in("may look deleted", cli.ward("diff", o["run"], "--name-only", env=env, cwd=p.ws).err)
        for words in (("commit",), ("commit", "--dry-run"), ("commit", o["run"], "--approve", "critical")):
            r = cli.ward(*words, env=env, cwd=p.ws)
            check_eq(r.code, 2, r.out)
            check_in("--incomplete", r.err)
        check("z" not in os.listdir(p.ws), "it is real")
        check_eq(cli.ward("commit", "--incomplete", env=env, cwd=p.ws).code, 0)
        check_eq((p.ws / "z").read_text(), "small\n")
    finally:
        box.libc.umount2(os.fsencode(full), box.UMOUNT_DETACH)


@both
def who_discards_and_who_looks_do_not_meet(p):
    project(p)
    for _ in range(3):
        review(p, "for i in $(seq 400); do echo $i > f$i; done")
        looks = [subprocess.Popen([cli.WARD, "runs", "--json"], env=p.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
        drops = [subprocess.Popen([cli.WARD, "discard"], env=p.env(), cwd=p.ws, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
        codes = sorted(q.wait(timeout=60) for q in drops)
        check_eq(codes[0], 0)
        check(all(c == 1 for c in codes[1:]), codes)
        for q in looks:
            check_eq((q.wait(timeout=60), q.stderr.read()), (0, b""))
            json.loads(q.stdout.read())
        for q in (*looks, *drops):
            q.stdout.close()
            q.stderr.close()
        check_eq(left(p), [])


main()

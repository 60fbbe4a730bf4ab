#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that run code later (test_persist.py) by the thousand, deep, behind links, on a busy machine: what has a bound is said, git is held all the
same, and no number of others hides what matters."""
import json
import os
import re
import shutil
import pathlib
import signal
import subprocess
import time

import box
from box import both, root_only, user_only
from persist_box import bad_hook, config, late, nothing_runs, open_up, plant, put, repository, run
from tap import check, check_eq, check_in, skip


@both
def what_lies_too_deep_is_said_not_to_be_looked_for(p):
    deep = "/".join(["d"] * 70)
    put(p, f"{deep}/.envrc")
    put(p, "d/.envrc")
    open_up(p)
    r, o = run(p, f"echo bad > d/.envrc; echo x > {deep}/.envrc")
    check_in("not held", r.err)
    check_eq((p.ws / "d/.envrc").read_text(), "mine\n", r.err)
    check_eq(o["late_names"]["complete"], False)


@both
def a_thousand_of_them_do_not_stop_a_start(p):
    for i in range(1100):
        put(p, f"n{i}/.npmrc")
    open_up(p)
    r, o = run(p, "echo x > x")
    check_eq((r.code, (p.ws / "x").exists()), (0, True), r.err)
    check_in("names that run code later are not held: there are too many of them", r.err)
    check_eq(o["status"], "exited")


@both
def no_number_of_names_leaves_git_unheld(p):
    """What a former run left at the top uses up what there is for its kind, not what there is for git and for what is known by name."""
    repository(p.ws)
    inner = repository(p.ws / "deep/er")
    mark, make = bad_hook(p)
    for i in range(1400):
        put(p, f"a{i}.code-workspace")
    put(p, ".vscode/tasks.json")
    open_up(p)
    r, _ = run(p, make + "".join(plant(g) + config(g, mark) for g in (".git", "deep/er/.git")) + "echo bad > .vscode/tasks.json")
    nothing_runs(p, mark, p.ws, inner)
    check_eq((p.ws / ".vscode/tasks.json").read_text(), "mine\n", r.err)
    check_in("there are too many of them", r.err)


@both
def what_a_second_name_has_changed_is_listed_and_recorded(p):
    """It is the same file as before, and only its time says so."""
    held = put(p, ".husky/deep/script")
    os.link(held, p.ws / "beside")
    open_up(p)
    r, o = run(p, "echo bad >> beside")
    check_eq((r.code, late(o).get("script")), (0, "changed"), r.err)
    (told,) = [x for x in box.records(p) if x["kind"] == "fs.late" and x["resource"] == str(held)]
    check_eq((sorted(told["detail"]), told["detail"]["what"]), (["held", "what", "why"], "changed"))
    check_eq([n["held"] for n in o["late_names"]["names"] if n["path"] == str(held)], [told["detail"]["held"]])


@both
def a_directory_is_four_calls(p):
    """Opened, read to its end and closed, before the run and behind it. Each call more is one for each directory of every project, twice a run."""
    if not shutil.which("strace"):
        skip("strace is not installed")
    most = 0
    for n in (0, 200):
        for i in range(n):
            os.makedirs(p.ws / f"d{i}")
        open_up(p)
        trace = p.side / f"trace{n}"
        r = subprocess.run(["strace", "-f", "-qq", "-o", trace, *p.words("--mode", "workspace_write", "true")], cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        if r.returncode:
            skip(f"strace does not work here: {r.stderr[-200:]}")
        most, before = len(re.findall(r'newfstatat\(\d+, "\.",|CLOCK_THREAD_CPUTIME_ID', trace.read_text(errors="replace"))), most
    check(most - before < 200, f"{before} calls beside these of an empty project, {most} with 200 directories")


def looks_through(pid, top):
    """Is a directory below top open in that process, which is stopped?"""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(f"{top}/"):
                return True
        except OSError:
            pass
    return False


@both
def a_busy_machine_leaves_nothing_unseen(p):
    """What bounds the look is the processor's time: who takes that away from ward, as another run can, has no name left unheld."""
    for i in range(500):
        os.makedirs(p.ws / f"a/{i}")
        for k in range(20):
            os.close(os.open(p.ws / f"a/{i}/{k}", os.O_CREAT | os.O_WRONLY, 0o666))
    inner = repository(p.ws / "z/y/x/w")
    mark, make = bad_hook(p)
    open_up(p)
    script = make + plant("z/y/x/w/.git") + config("z/y/x/w/.git", mark)
    caught = False
    # Where this process is kept waiting as well, a look may be over before it is seen.
    for _ in range(8):
        q = p.start("--write", ".", "sh", "-c", script, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while q.poll() is None and not caught:
            q.send_signal(signal.SIGSTOP)
            caught = looks_through(q.pid, p.ws / "a")
            time.sleep(1.2 if caught else 0)
            q.send_signal(signal.SIGCONT)
            time.sleep(0.0003)
        err = q.communicate(timeout=60)[1].decode()
        if caught:
            break
    check(caught, "it was never seen to look")
    nothing_runs(p, mark, inner)
    check("not all names" not in err, err)


@user_only
def no_number_of_files_hides_what_lies_at_the_top_or_in_another_grant(p):
    repository(p.ws)
    mark, make = bad_hook(p)
    put(p, "z/.vscode/tasks.json")
    put(p, ".envrc")
    put(p, ".hg/hgrc")
    other = p.side / "other"
    (other / "sub").mkdir(parents=True)
    (other / "sub/.envrc").write_text("mine\n")
    many = os.open(p.ws, os.O_RDONLY)
    for i in range(132000):
        os.close(os.open(f"{i:x}", os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=many))
    os.close(many)
    r, o = run(p, make + plant(".git") + config(".git", mark) + f"echo bad > .envrc; echo bad > .hg/hgrc; echo bad > {other}/sub/.envrc", "--write", str(other))
    nothing_runs(p, mark, p.ws)
    check_eq([f.read_text() for f in (p.ws / ".envrc", p.ws / ".hg/hgrc", other / "sub/.envrc")], ["mine\n"] * 3, r.err)
    check_in("not all names in", r.err)
    check_eq(o["late_names"]["complete"], False)


@both
def a_directory_of_many_files_hides_no_repository_beside_it(p):
    """Far fewer files than may be looked at, but the bytes of their names have a bound as well, and there they count with their way."""
    way = "/".join(c * 250 for c in "abcdefghijklm")
    inner = [repository(p.ws / way / f"repository{i}") for i in range(2)]
    mark, make = bad_hook(p)
    (p.ws / way / "many").mkdir()
    many = os.open(p.ws / way / "many", os.O_RDONLY)
    for i in range(6000):
        os.close(os.open(f"{i:x}".rjust(250, "-"), os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=many))
    os.close(os.open(".envrc", os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=many))
    os.close(many)
    open_up(p)
    r, o = run(p, make + "".join(plant(f"{way}/{g.name}/.git") for g in inner))
    nothing_runs(p, mark, *inner)
    check_in("not all names in", r.err)
    check_eq(o["late_names"]["complete"], False)


@both
def what_lies_in_a_directory_of_many_files_is_looked_for_with_its_neighbours(p):
    """By name, before its rest, for which others may leave nothing."""
    way = "/".join(c * 250 for c in "abcdefghijklm")
    big = repository(p.ws / way / "big")
    mark, make = bad_hook(p)
    put(p, f"{way}/big/.hg/hgrc")
    (p.ws / way / "other/deep/er").mkdir(parents=True)
    for where, count in (("big", 4400), ("other/deep/er", 900)):
        many = os.open(p.ws / way / where, os.O_RDONLY)
        for i in range(count):
            os.close(os.open(f"{i:x}".rjust(250, "-"), os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=many))
        os.close(many)
    open_up(p)
    r, o = run(p, make + f"echo bad > {way}/big/.hg/hgrc; " + plant(f"{way}/big/.git"))
    nothing_runs(p, mark, big)
    check_eq((big / ".hg/hgrc").read_text(), "mine\n", r.err)
    check_in("not all names in", r.err)
    check_eq(o["late_names"]["complete"], False)


@both
def names_that_lie_deep_do_not_stop_a_start(p):
    """Each directory above one is a mount as well."""
    put(p, ".npmrc")
    for i in range(700):
        put(p, f"n{i}/a/b/c/d/e/f/.npmrc")
    open_up(p)
    r, _ = run(p, "echo x > x; echo bad > .npmrc")
    check_eq((r.code, (p.ws / "x").exists(), (p.ws / ".npmrc").read_text()), (2, True, "mine\n"), r.err)
    check_in("there are too many of them", r.err)


@both
def links_by_the_thousand_are_counted(p):
    put(p, "a")
    for i in range(60):
        (p.ws / f"n{i}").mkdir()
        (p.ws / f"n{i}/.npmrc").symlink_to("../a")
    open_up(p)
    r, _ = run(p, "true")
    check_eq(r.err.count("it is a link, which could be replaced"), 16, r.err)
    check_in("44 more names that run code later are not held", r.err)


@both
def only_two_hundred_and_fifty_six_are_listed(p):
    open_up(p)
    r, o = run(p, "for i in $(seq 300); do mkdir n$i; : > n$i/.npmrc; done")
    check_eq((len(o["late_names"]["names"]), o["late_names"]["total"], o["late_names"]["complete"]), (256, 300, False), r.err)
    check_in("and 284 more such names; the outcome and the log list the first of them", r.err)


@both
def links_by_the_hundred_displace_no_name(p):
    open_up(p)
    r, o = run(p, "for i in $(seq 400); do ln -s /etc/x l$i; done; mkdir -p n/n/n/.vscode n/n/objects n/n/refs; : > n/n/HEAD")
    check_eq((len(o["late_names"]["names"]), o["late_names"]["total"], o["late_names"]["complete"]), (256, 402, False), r.err)
    check_eq([os.path.relpath(n["path"], p.ws) for n in o["late_names"]["names"][:2]], ["n/n", "n/n/n/.vscode"], r.err)

MANY = 132000   # more names than a walk looks at


def place(p, name, at):
    """A directory of the test's own where the host has one that only root writes."""
    d = p.base / name
    d.mkdir(parents=True)
    box.mount(str(d), at, None, box.MS_BIND)
    return d


@root_only
def no_number_of_files_hides_a_place_of_the_host(p):
    """What is written there first is listed last, and so lies behind all that a walk looks at."""
    box.private_mounts()
    box.mount("tmpfs", "/usr/local/lib", "tmpfs", 0)
    os.makedirs("/usr/local/lib/systemd/system")
    for i in range(MANY):
        os.mknod(f"/usr/local/lib/{i}", 0o100600)
    names = os.listdir("/usr/local/lib")
    check(names.index("systemd") > 131072, names.index("systemd"))
    r, _ = run(p, "cd /usr/local/lib; echo x > fresh && echo fresh; echo x > systemd/system/evil.service || mv systemd other", write="/usr/local/lib")
    check_eq((r.out, sorted(os.listdir("/usr/local/lib/systemd/system"))), ("fresh\n", []), r.err)
    check_in('FILE_WRITE "/usr/local/lib/systemd/system/evil.service" refused: what it lies in was there, and this host runs it', r.err)


@root_only
def what_the_places_of_the_host_lead_to_is_held(p):
    """cron looks into /var/spool/cron, wherever that is; and a name is asked for as the host spells it."""
    box.private_mounts()
    put(p, "tabs/root")
    put(p, "units/a.service")
    d = place(p, "spool", "/var/spool")
    (d / "cron").symlink_to(p.ws / "tabs")
    e = place(p, "etc", "/etc")
    (e / "NetworkManager").symlink_to(p.ws / "units")
    (e / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    open_up(p)
    r, _ = run(p, "for f in tabs/root tabs/you units/a.service beside; do echo x >> $f && echo $f; done")
    check_eq(r.out, "beside\n", r.err)


@root_only
def links_to_what_is_installed_are_held_and_lead_nowhere(p):
    """They choose which program a name is; what they lead to takes no part of the bounds, and one to nothing is nobody's business at the end."""
    box.private_mounts()
    e = place(p, "etc", "/etc")
    (e / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (e / "alternatives").mkdir()
    (e / "ld.so.cache").write_text("mine\n")
    put(p, "bin/editor")
    open_up(p)
    (e / "alternatives/editor").symlink_to(p.ws / "bin/editor")
    (e / "systemd").mkdir()
    (e / "systemd/gone").symlink_to(p.base / "elsewhere")
    (e / "systemd/to-come").symlink_to(p.ws / "to-come")
    (p.base / "elsewhere.new").write_text("")
    with p.start("--outcome", str(p.base / "o"), "--write", ".", "--write", "/etc", "sh", "-c",
                 "rm /etc/alternatives/editor; echo x > /etc/ld.so.cache; echo x >> bin/editor && echo written; echo > to-come; echo; read x",
                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as q:
        check_eq(q.stdout.readline(), b"written\n")
        (p.base / "elsewhere.new").rename(p.base / "elsewhere")
        err = q.communicate(b"\n", timeout=60)[1].decode()
    check_eq(os.readlink(e / "alternatives/editor"), str(p.ws / "bin/editor"), err)
    # The view's base shows these as well, which the grant around them takes the place of.
    check_eq((e / "ld.so.cache").read_text(), "mine\n", err)
    check_in('FILE_WRITE "/etc/alternatives/editor" refused: what it lies in was there, and this host runs it', err)
    check_eq(late(json.loads((p.base / "o").read_text())), {"to-come": "appeared"})


CLOSED = """schemaVersion: 2
kind: Policy
metadata: {name: closed}
spec:
  denyRead: ["theirs/secret"]
  fsProfiles: {all: {read: ["**"], modify: ["**"]}}
"""


@root_only
def a_repository_where_root_s_run_may_not_go_refuses_no_start(p):
    """Of another user, whom the run is not: the directory is held, and stays so when its owner opens it. Of root, and closed: what lies in it."""
    theirs = repository(p.ws / "theirs")
    mark, make = bad_hook(p)
    open_up(p)
    os.chown(theirs, 12345, 12345)
    theirs.chmod(0o700)
    for words in (["--write", "."], ["--mode", "workspace_write"]):
        script = make + f"echo begun; read go; {plant('theirs/.git')}echo x > theirs/.git/new"
        q = p.start(*words, "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check_eq(q.stdout.readline() or q.stderr.read(), b"begun\n")
        theirs.chmod(0o777)
        q.communicate(b"go\n")
        check(not (theirs / ".git/new").exists(), words)
        theirs.chmod(0o700)
    # To grant it would refuse the start: that is no cure.
    r = p.run("--mode", "workspace_write", "sh", "-c", "echo x > theirs/.git/config; mv theirs t2")
    check_in("lies where only its owner may enter: chmod o+x it", r.err)
    check("grant:" not in r.err, r.err)
    os.chown(theirs, 0, 0)
    theirs.chmod(0)
    r, _ = run(p, f"chmod 755 theirs; echo x > theirs/new; {plant('theirs/.git')}")
    check_eq((theirs / "new").read_text(), "x\n", r.err)
    nothing_runs(p, mark, theirs)
    # What a policy takes away is not taken for gone.
    put(p, "closed.yaml", CLOSED)
    put(p, "theirs/secret")
    os.chown(theirs, 12345, 12345)
    theirs.chmod(0o700)
    r = p.run("--policy", "closed.yaml", "--profile", "all", "true")
    check_eq(r.code, 125, r.err)
    check_in("theirs/secret: Permission denied; a directory above it belongs to another user", r.err)


def mounted(what):
    """In /mnt/ws, below a directory that becomes a mount of the plan's own."""
    def make():
        box.private_mounts()
        box.mount("ward-test", "/mnt", "tmpfs", 0, "mode=0777")
        top = pathlib.Path("/mnt/ws")
        (top / what).mkdir(parents=True)
        box.mount("ward-test", str(top / what), "tmpfs", 0, "mode=0777")
        for name in (".envrc", "f"):
            (top / what / name).write_text("mine\n")
            (top / what / name).chmod(0o666)
        for d in (top, *(top / what).parents):
            if top in (d, d.parent, *d.parents):
                d.chmod(0o777)
    return make


def what_is_mounted_where_names_are_held_is_there_once(p):
    """The grant brings it, and so does the mount of the plan's own above it: one of the two can be reached by nobody."""
    p.ws = pathlib.Path("/mnt/ws")
    r, _ = run(p, "for f in sub/mnt/.envrc sub/mnt/f .vscode/m/f .vscode/m/.envrc; do [ -e $f ] && { echo x >> $f && echo $f; }; done; true")
    check_eq((r.code, r.out), (0, "sub/mnt/f\n" if (p.ws / "sub").exists() else ""), r.err)


if os.geteuid() == 0:   # who mounts it
    for make in (mounted("sub/mnt"), mounted(".vscode/m")):
        box._register(what_is_mounted_where_names_are_held_is_there_once, "user",  # pylint: disable=protected-access
                      lambda m=make: box.become_user(m))
        box._register(what_is_mounted_where_names_are_held_is_there_once, "root", make)  # pylint: disable=protected-access


box.main()

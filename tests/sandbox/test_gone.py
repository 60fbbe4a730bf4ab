#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Below what a run may write something is mounted whose server is gone: it is left out, and that is said. The run starts, and waits for nobody."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from fuse_box import ENDED, HANGS, LIVES, Dead    # noqa: E402  pylint: disable=wrong-import-position
from tap import PATIENCE, check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

HOW = {"io": "EIO", "down": "EHOSTDOWN", "slow": "ETIMEDOUT", "stale": "ESTALE", "lost": "ENOTCONN", "ended": ENDED, "hangs": HANGS}
WS = pathlib.Path("/mnt/ws")
dead = {}


def gone_from(names):
    """/mnt/ws has these. Their mounts end with the namespace."""
    box.private_mounts()
    box.mount("ward-test", "/mnt", "tmpfs", 0, "mode=0777")
    box.bound_fuse()
    WS.mkdir()
    (WS / "sub").mkdir()
    for name in names:
        (WS / "sub" / name).mkdir()
        (WS / "sub" / name / "below").write_text("what is mounted hides it\n")
        dead[name] = Dead(WS / "sub" / name, HOW[name])
    (WS / ".envrc").write_text("mine\n")
    for x in (WS, WS / "sub", WS / ".envrc"):
        x.chmod(0o777)


def gone():
    gone_from(HOW)


def run(p, *words):
    """In the workspace, bounded: what hangs is ended by the servers' end."""
    p.ws = WS
    with p.start("--outcome", str(p.base / "o"), *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as q:
        try:
            out, err = q.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            q.kill()
            raise
    return q.returncode, out.decode(), err.decode()


def what_does_not_answer_is_left_out_of_a_write_grant(p):
    if not dead:
        skip("root mounts it, and is its user then")
    began = time.monotonic()
    code, out, err = run(p, "--write", ".", "sh", "-c",
                         "echo x > fresh && echo written; echo x >> .envrc; for d in sub/*; do ls -A $d && echo open; echo x > $d/evil && echo evil; done; true")
    check_eq((code, out), (0, "written\n"), err)
    check(time.monotonic() - began < 20 * PATIENCE, "it waited")
    for name in HOW:
        check_in(f'ward: warning: "{WS}/sub/{name}" is left out: what is mounted there {"does not answer" if name in ("hangs", "slow") else "answers by an error"}', err)
    check_eq((WS / ".envrc").read_text(), "mine\n", err)   # what lies beside it is looked through as ever
    late = json.loads((p.base / "o").read_text())["late_names"]
    check_eq((late["names"], late["complete"]), ([], True))
    for d in dead.values():
        d.end()


box._register(what_does_not_answer_is_left_out_of_a_write_grant, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(gone)) if os.geteuid() == 0 else None)


def refused_at(p, at):
    """A log in which that was refused, of a time when it answered."""
    rec = {"v": 1, "seq": 1, "id": "01J00000000000000000000001", "ts": 1, "mono": 1, "boot": "b", "host": "h", "run": "01M8ETPRYS8H93YJ0JJGE9X1MS", "workspace": str(p.ws),
           "kind": "sandbox.violation", "effect": "deny", "action": "FILE_READ", "resource": at, "detail": {"cure": f"--read '{at}'"}, "prev": "0" * 64}
    text = json.dumps(rec, separators=(",", ":"))[:-1].encode()
    return text + b',"hash":"' + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


def what_an_option_names_is_waited_for_by_nobody(p):
    """All at once, since each waits for some seconds."""
    if not dead:
        skip("root mounts it, and is its user then")
    at, runs = f"{WS}/sub/hangs/x", {}
    (p.base / "refused").write_bytes(refused_at(p, at))
    (p.base / "refused").chmod(0o600)
    runs["allow"] = subprocess.Popen([os.environ["WARD"], "allow", "--always", "--audit", p.base / "refused", "#1"], cwd=p.ws, env=p.env(),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for option in ("--outcome", "--report", "--head-to", "--audit", "--policy"):
        words = [option, at] if option == "--audit" else ["--audit", p.log, option, at]
        runs[option] = subprocess.Popen([os.environ["WARD"], "run", *words, "--", "true"], cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # A variable that is passed on may name a socket: that it does is not known, and no reason to wait.
    runs["env"] = subprocess.Popen([os.environ["WARD"], "run", "--audit", p.log, "--env", "SSH_AUTH_SOCK", "--", "true"], cwd=p.ws,
                                   env={**p.env(), "SSH_AUTH_SOCK": at}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for option, q in runs.items():
            err = q.communicate(timeout=25 * PATIENCE)[1].decode()
            if option == "env":
                check_eq((q.returncode, "names a socket" in err), (0, False), err)
                continue
            if option == "allow":
                check_eq(q.returncode, 1, err)
                check_in("no rule can be written for it: what is mounted there does not answer", err)
                continue
            check_eq(q.returncode, 125, err)
            check_in(f'ward: {option}: "{at}" cannot be looked at: what is mounted there does not answer', err)
    finally:
        for q in runs.values():
            q.kill()
        dead["hangs"].end()


box._register(what_an_option_names_is_waited_for_by_nobody, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(lambda: gone_from(["hangs"]))) if os.geteuid() == 0 else None)


def lives():
    """/mnt/ws has one that answers until somebody says otherwise."""
    gone_from([])
    (WS / "sub/lives").mkdir()
    dead["lives"] = Dead(WS / "sub/lives", LIVES)


def what_answers_no_more_when_the_run_ends_is_not_waited_for(p):
    if not dead:
        skip("root mounts it, and is its user then")
    server = dead["lives"]

    def stop():
        while not (WS / "stop").exists():
            time.sleep(0.02)
        server.how = HANGS
    threading.Thread(target=stop, daemon=True).start()
    began = time.monotonic()
    code, out, err = run(p, "--write", ".", "sh", "-c", "ls -A sub/lives && touch stop && sleep 1 && echo x > .npmrc && echo written")
    check_eq((code, out), (0, "written\n"), err)
    check(time.monotonic() - began < 20 * PATIENCE, "it waited")
    check_in(f"{WS}/sub/lives was not looked through at the end: what is mounted there does not answer", err)
    late = json.loads((p.base / "o").read_text())["late_names"]
    check_eq(([x["path"] for x in late["names"]], late["complete"]), ([str(WS / ".npmrc")], False))
    server.end()


box._register(what_answers_no_more_when_the_run_ends_is_not_waited_for, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(lives)) if os.geteuid() == 0 else None)


def far():
    """/mnt/far answers nobody, and no run is shown it."""
    gone_from([])
    pathlib.Path("/mnt/far").mkdir()
    dead["far"] = Dead("/mnt/far", HANGS)


def a_link_on_the_path_to_what_does_not_answer_keeps_no_start_waiting(p):
    """By itself, behind another, to what would be a runtime, if anybody knew, or on the way to a directory of it."""
    if not dead:
        skip("root mounts it, and is its user then")
    real, bin_dir = p.home / ".local/share/uv/python/x/bin/tool", p.home / ".local/bin"
    for d in (real.parent, bin_dir):
        d.mkdir(parents=True)
    real.write_text("#!/bin/sh\necho here\n")
    real.chmod(0o755)
    for name, to in (("a", "/mnt/far/bin/a"), ("b", "a"), ("c", "../../../../../../../mnt/far/venv/bin/c"), ("d", "/mnt"), ("tool-1", real), ("tool", "tool-1")):
        (bin_dir / name).symlink_to(to)
    (p.home / "away").symlink_to("/mnt/far")
    began = time.monotonic()
    os.environ.update(HOME=str(p.home), PATH=f"{p.home}/away/bin:{bin_dir}:/usr/bin:/bin")
    code, out, err = run(p, "--mode", "workspace_write", "--", "sh", "-c", "tool; a")
    check_eq((code, out), (127, "here\n"), err)
    check(time.monotonic() - began < 20 * PATIENCE, "it waited")
    dead["far"].end()


box._register(a_link_on_the_path_to_what_does_not_answer_keeps_no_start_waiting, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(far)) if os.geteuid() == 0 else None)


def a_name_in_what_does_not_answer_keeps_no_run(p):
    """Whether the host has what was refused is looked at by who keeps the time, too, which a command could hold up for ever by a name."""
    if not dead:
        skip("root mounts it, and is its user then")
    began = time.monotonic()
    code, out, err = run(p, "--timeout", "4s", "--write", ".", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do cat /mnt/far/$i; done; cat /etc/shadow; echo on; sleep 60")
    check_eq((code, out), (124, "on\n"), err)
    check(time.monotonic() - began < 20 * PATIENCE, "it waited")
    for name in ("/mnt/far/1", "/mnt/far/8", "/etc/shadow"):
        check_in(f'FILE_READ "{name}" refused', err)
    dead["far"].end()


box._register(a_name_in_what_does_not_answer_keeps_no_run, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(far)) if os.geteuid() == 0 else None)


def a_name_in_what_does_not_answer_says_nothing_of_others(p):
    """Once the time for such names was used up, each absent name of the run was taken for one that is there. Links are found out step by step."""
    if not dead:
        skip("root mounts it, and is its user then")
    host = pathlib.Path("/mnt/host")
    (host / "sub").mkdir(parents=True)
    (host / "there").write_text("")
    for name, to in (("up", "../host/sub/.."), ("to", "/mnt/host/up"), ("loop", "loop"), ("far", "../far")):
        (host / name).symlink_to(to)
    absent = ("/mnt/host/a", "/mnt/host/a/b", "/mnt/host/there/b", "/mnt/host/up/b", "/mnt/host/to/up/b", "/mnt/host/to/sub/../b", "/mnt/host/to/there/")
    there = ("/mnt/host/there", "/mnt/host/to/there", "/mnt/host/to/up/loop", "/mnt/host/loop/a", "/mnt/host/to/far/a")
    code, out, err = run(p, "--write", ".", "sh", "-c",
                         "for i in 1 2 3 4 5 6; do cat /mnt/far/$i; done; sleep 5; for x in " + " ".join(absent + there) + "; do cat $x; done; echo on")
    check_eq((code, out), (0, "on\n"), err)
    of_run = {v["resource"] for v in json.loads((p.base / "o").read_text())["violations"]}
    check_eq(of_run & set(absent), set(), err)
    check_eq(of_run & set(there), set(there), err)
    dead["far"].end()


box._register(a_name_in_what_does_not_answer_says_nothing_of_others, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(far)) if os.geteuid() == 0 else None)


def what_leads_to_what_does_not_answer_when_the_run_ends_is_not_waited_for(p):
    """A link that the run made, where a link led to nothing; and a directory of the PATH behind one in which a program is new."""
    if not dead:
        skip("root mounts it, and is its user then")
    (WS / ".vscode").mkdir()
    (WS / ".vscode/tasks.json").symlink_to("../made")
    (WS / "bin").mkdir()
    began = time.monotonic()
    code, out, err = run(p, "--env", f"PATH={WS}/bin:/mnt/far/bin:/usr/bin:/bin", "--write", ".", "sh", "-c",
                         "ln -s /mnt/far/x made; cp /bin/true bin/ls; cp /bin/true bin/new; echo x >.npmrc; echo written")
    check_eq((code, out), (0, "written\n"), err)
    check(time.monotonic() - began < 25 * PATIENCE, "it waited")
    late = json.loads((p.base / "o").read_text())["late_names"]
    check_in(str(WS / ".npmrc"), [x["path"] for x in late["names"]])
    check_eq(late["complete"], False)
    dead["far"].end()


box._register(what_leads_to_what_does_not_answer_when_the_run_ends_is_not_waited_for, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(far)) if os.geteuid() == 0 else None)


def slow():
    gone_from([])
    (WS / "sub/slow").mkdir()
    dead["slow"] = Dead(WS / "sub/slow", LIVES, delay=1.0)


def what_is_slow_is_not_taken_for_gone(p):
    if not dead:
        skip("root mounts it, and is its user then")
    code, out, err = run(p, "--write", ".", "sh", "-c", "ls -A sub/slow && echo open")
    check_eq((code, out), (0, "open\n"), err)
    dead["slow"].end()


box._register(what_is_slow_is_not_taken_for_gone, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(slow)) if os.geteuid() == 0 else None)


# ---- what leads there, or is it, when a start looks: each of these waited for ever ----

def hang(at):
    at.mkdir(parents=True, exist_ok=True)
    dead[str(at)] = Dead(at, HANGS)


def leads_there():
    gone_from([])
    hang(WS / "dead")
    dead["in it"] = Dead(WS / "sub", HANGS)   # what is mounted in one that is gone, and hidden by it, is below
    (WS / ".envrc").unlink()
    (WS / ".envrc").symlink_to("dead/x")
    (WS / ".vscode").symlink_to("dead")
    (WS / ".idea").mkdir()
    (WS / ".idea/workspace.xml").symlink_to("../dead/x")
    (WS / ".git").write_text("gitdir: dead/g\n")


def one_in_another():
    gone_from([])
    box.mount("ward-test", str(WS / "sub"), "tmpfs", 0, "mode=0777")
    (WS / "sub/below").mkdir()
    dead["below"] = Dead(WS / "sub/below", HANGS)
    dead["above"] = Dead(WS / "sub", HANGS)


def is_git():
    gone_from([])
    hang(WS / ".git")


def is_held():
    gone_from([])
    hang(WS / ".vscode")
    hang(WS / ".idea/sub")


def of_a_mode():
    gone_from([])
    hang(WS / "dead")
    (WS / "dead.link").symlink_to("dead/x")


def starts_without_it(where, *words):
    def test(p):
        if not dead:
            skip("root mounts it, and is its user then")
        (p.base / "p.cedar").write_text('forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"**/.env");\n')
        began = time.monotonic()
        try:
            code, out, err = run(p, *(w.replace("BASE", str(p.base)) for w in words), "sh", "-c", "echo x > fresh && echo written; ls -A " + where + " && echo open; true")
            check_eq((code, out), (0, "written\n"), err)
            check(time.monotonic() - began < 20 * PATIENCE, "it waited")
            check_in(f'ward: warning: "{WS}/{where}" is left out: what is mounted there does not answer', err)
            check_eq(err.count(f'"{WS}/{where}" is'), 1, err)
        finally:
            for d in dead.values():
                d.end()
    return test


for name, before, where, words in (
        ("links_and_a_file_of_gits_that_lead_to_one", leads_there, "dead", ("--write", ".")),
        ("one_in_another", one_in_another, "sub", ("--write", ".")),
        ("one_that_is_gits_directory", is_git, ".git", ("--write", ".")),
        ("one_that_is_held", is_held, ".vscode", ("--write", ".")),
        ("one_in_a_directory_that_is_held", is_held, ".idea/sub", ("--write", ".")),
        ("a_rule_by_pattern", of_a_mode, "dead", ("--policy", "BASE/p.cedar", "--accept", "files=advisory", "--write", ".")),
        ("a_mode", of_a_mode, "dead", ("--mode", "workspace_write")),
        ("a_mode_and_gits_directory", is_git, ".git", ("--mode", "workspace_write")),
        ("an_entry_of_PATH", of_a_mode, "dead", ("--env", f"PATH={WS}/dead/bin:/usr/bin:/bin", "--write", "."))):
    test = starts_without_it(where, *words)
    test.__name__ = f"a_start_does_not_wait_for_{name}"
    box._register(test, "user",  # pylint: disable=protected-access
                  (lambda before=before: box.become_user(before)) if os.geteuid() == 0 else None)


def on_files():
    gone_from([])
    for name in ("hangs", "io", "ended"):
        (WS / name).write_text("what is mounted hides it\n")
        dead[name] = Dead(WS / name, HOW[name], file=True)
    (WS / "lower").mkdir()
    dead["lower"] = Dead(WS / "lower", HANGS)
    box.mount("ward-test", str(WS / "lower"), "tmpfs", 0, "mode=0777")
    (WS / "upper/sub").mkdir(parents=True)
    dead["upper"] = Dead(WS / "upper/sub", HANGS)
    box.mount("ward-test", str(WS / "upper"), "tmpfs", 0, "mode=0777")


def one_that_is_a_file_or_is_hidden_refuses_no_start(p):
    """What is mounted over one is in its place, and the name that is no more is not looked for."""
    if not dead:
        skip("root mounts it, and is its user then")
    (p.base / "p.cedar").write_text("".join(f'forbid (principal, action, resource == Ward::Path::"/mnt/ws/{x}");\n' for x in ("io", "hangs/x")))
    try:
        for words in ((), ("--policy", str(p.base / "p.cedar"))):
            code, out, err = run(p, *words, "--write", ".", "sh", "-c", "for f in hangs io ended; do cat $f && echo open; echo x >$f && echo evil; done; echo x >lower/new && echo x >upper/new && echo written")
            check_eq((code, out), (0, "written\n"), err)
            for name in ("hangs", "io", "ended"):
                check_in(f'ward: warning: "{WS}/{name}" is left out: what is mounted there', err)
    finally:
        for d in dead.values():
            d.end()


box._register(one_that_is_a_file_or_is_hidden_refuses_no_start, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(on_files)) if os.geteuid() == 0 else None)


def of_a_read_grant():
    gone_from([])
    for name in ("hangs", "io", "lost"):
        at = pathlib.Path("/mnt/d") / name
        at.mkdir(parents=True)
        # With it the kernel asks for the mode before each step into it, as NFS does.
        dead[name] = Dead(at, HOW[name], more=",default_permissions")


def a_pattern_is_not_silent_about_what_is_gone_in_a_read_grant(p):
    """A name that it takes away may lie there, and its server may be back while the run lives."""
    if not dead:
        skip("root mounts it, and is its user then")
    (p.base / "p.cedar").write_text('forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"/mnt/**/.env");\n')

    def back():
        while not (WS / "back").exists():
            time.sleep(0.02)
        dead["lost"].how = LIVES
    threading.Thread(target=back, daemon=True).start()
    code, out, err = run(p, "--policy", str(p.base / "p.cedar"), "--accept", "files=advisory", "--read", "/mnt/d", "--write", ".", "sh", "-c",
                         "touch back; sleep 1; for d in /mnt/d/*/; do ls -A $d && echo open; done; true")
    check_eq((code, out), (0, ""), err)
    for name in ("hangs", "io", "lost"):
        check_in(f'ward: warning: "/mnt/d/{name}" is left out: what is mounted there {"does not answer" if name == "hangs" else "answers by an error"}, and a policy is about what lies in it', err)
    for d in dead.values():
        d.end()


box._register(a_pattern_is_not_silent_about_what_is_gone_in_a_read_grant, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(of_a_read_grant)) if os.geteuid() == 0 else None)


NAMED = ("io", "down", "stale", "lost", "ended")


def beside():
    """And /mnt/d, beside the workspace, has some, which policies name."""
    gone_from([])
    for name in NAMED:
        at = pathlib.Path("/mnt/d") / name
        at.mkdir(parents=True)
        dead[name] = Dead(at, HOW[name])
    (WS / "link").symlink_to("/mnt/d/lost/secret")
    (WS.parent / "d/mine").write_text("text\n")


def rules(p, *actions):
    about = [f'Ward::Path::"/mnt/d/{x}/secret"' for x in NAMED] + ['Ward::Path::"/mnt/ws/link"'] + [f'Ward::Glob::"/mnt/d/{x}/**/*.pem"' for x in NAMED]
    (p.base / "x.cedar").write_text("".join(f'forbid (principal, action == Ward::Action::"{a}", resource {"in" if "Glob" in x else "=="} {x});\n' for a in actions for x in about))
    return "--policy", str(p.base / "x.cedar"), "--accept", "files=advisory"


def a_rule_about_what_is_gone_refuses_no_start(p):
    """Nothing there is granted; and where it is, all of the mount is left out, whose server may be back while the run lives."""
    if not dead:
        skip("root mounts it, and is its user then")
    for actions in (("fs.read",), ("fs.write",), ("fs.read", "fs.write")):
        code, out, err = run(p, *rules(p, *actions), "--write", ".", "sh", "-c", "echo x >fresh && echo written")
        check_eq((code, out, "left out" in err), (0, "written\n", False), err)
    server = dead["lost"]

    def back():
        while not (WS / "back").exists():
            time.sleep(0.02)
        server.how = LIVES
    threading.Thread(target=back, daemon=True).start()
    code, out, err = run(p, *rules(p, "fs.read"), "--read", "/mnt/d", "--write", ".", "sh", "-c",
                         "cat /mnt/d/mine; touch back; sleep 1; for d in /mnt/d/*/; do ls -A $d && echo open; done; true")
    check_eq((code, out), (0, "text\n"), err)
    for name in NAMED:
        check_in(f'ward: warning: "/mnt/d/{name}" is left out: what is mounted there answers by an error, and a policy is about what lies in it', err)
    for name in NAMED[:-1]:
        dead[name].end()


@box.root_only
def a_rule_about_what_is_gone_refuses_no_start_of_root(p):
    beside()
    code, out, err = run(p, *rules(p, "fs.read", "fs.write"), "--write", ".", "sh", "-c", "echo x >fresh && echo written")
    check_eq((code, out, "left out" in err), (0, "written\n", False), err)
    for name in NAMED[:-1]:
        dead[name].end()


box._register(a_rule_about_what_is_gone_refuses_no_start, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(beside)) if os.geteuid() == 0 else None)


@box.root_only
def a_dead_mount_below_a_grant_is_none_of_wards_own_files(p):
    """Whether it is one more name of them is answered without its server."""
    gone()
    code, out, err = run(p, "--review", "sh", "-c", "echo x > fresh && echo written")
    check_eq((code, out), (0, "written\n"), err)
    for d in dead.values():
        d.end()


box.main(at_once=6)    # each waits for what does not answer

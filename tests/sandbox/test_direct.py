#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The backend direct: no isolation, and said so; limits, environment, descriptors, supervision, log and the judge all the same."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import box
from box import both, root_only, user_only
from tap import PATIENCE, check, check_eq, check_in, quickest, skip

SUID = f"/tmp/ward-test-suid-{os.getpid()}"
DIRECT = ["--backend", "direct"]
DENY = 'forbid (principal, action == Ward::Action::"{}", resource);\n'
NOTHING = ["files", "files.meta", "exec", "network", "ipc", "syscalls", "processes", "disk", "attribution"]


def has_cgroup(p):
    return "cgroup v" in p.run(*DIRECT, "true", kind=("plan",), log=False).out


@both
def every_axis_says_what_holds_it(p):
    r = p.run(*DIRECT, "--cpus", "0.5", "true", kind=("plan",), log=False)
    check_eq(r.code, 0, r.err)
    axes = {m[1]: (m[2], m[3]) for m in re.finditer(r"^  (\S+) +(none|advisory|sampled|enforced) +(\S.*)$", r.out, re.M)}
    check_eq([a for a in NOTHING if axes[a][0] != "none"], [])
    # What a command that means to could get around is nowhere more than advisory.
    check_eq({a: v for a, v in axes.items() if v[0] not in ("none", "advisory")}, {})
    check(re.search("cgroup v[12]|RLIMIT_DATA", axes["memory"][1]), axes["memory"])
    check(axes["pids"][0] == "none" or "cgroup v" in axes["pids"][1], axes["pids"])
    check_eq(axes["env"][0], "advisory")
    check_in("seccomp     none", r.out)
    check_in("view: none", r.out)
    check_in(f"{os.geteuid()}:{os.getegid()} on the host", r.out)
    _, o = p.outcome(*DIRECT, "true")
    check_eq([a for a in NOTHING if o["axes"][a] != "none"], [])
    check_eq(o["attribution"], "none")


@both
def is_the_caller_on_the_host(p):
    secret = p.side / "secret"
    secret.write_text("seen")
    r = p.run(*DIRECT, "sh", "-c", f"id -u; cat {secret}; echo $HOME; readlink /proc/self/ns/pid", env={"HOME": str(p.home)})
    check_eq(r.out.splitlines(), [str(os.geteuid()), "seen" + str(p.home), os.readlink("/proc/self/ns/pid")], r.err)


@both
def composes_the_environment_and_closes_what_is_open(p):
    fd = os.open("/", os.O_PATH)
    os.set_inheritable(fd, True)
    r = p.run(*DIRECT, "sh", "-c", "env; echo --; ls /proc/$$/fd; :", env={"SECRET_TOKEN": "x"}, pass_fds=[fd])
    env, fds = r.out.split("--")
    check("SECRET_TOKEN" not in env and "PATH=" in env and "WARD_RUN=" in env, env)
    check_eq(fds.split(), ["0", "1", "2"], r.out)


@both
def sets_the_limits_of_a_process(p):
    r = p.run(*DIRECT, "--nofile", "77", "sh", "-c", "ulimit -n; ulimit -c")
    check_eq(r.out.split(), ["77", "0"], r.err)


@both
def holds_memory(p):
    r, o = p.outcome(*DIRECT, "--memory", "96M", "python3", "-S", "-c", "x = bytearray(400 << 20); print('had it')")
    check("had it" not in r.out and r.code != 0, f"{r} {o}")
    if has_cgroup(p):
        check_eq((o["status"], r.code), ("oom", 137), r.err)


@both
def holds_processes_in_a_cgroup(p):
    if not has_cgroup(p):
        skip("no cgroup can be had here")
    r = p.run(*DIRECT, "--pids", "16", "sh", "-c", "for i in $(seq 40); do sleep 5 & done; echo all", timeout=30)
    check("all" not in r.out or "fork" in r.err.lower(), f"{r}")
    check_eq(box.leftovers(1.0), {}, "processes are left")


@root_only
def one_controller_alone_is_used(p):
    """Where memory has no hierarchy that can be seen, processes are still held by theirs."""
    if not os.path.ismount("/sys/fs/cgroup/memory") or not os.path.ismount("/sys/fs/cgroup/pids"):
        skip("no cgroup v1 with a hierarchy each")
    box.private_mounts()
    box.must(box.libc.umount2(b"/sys/fs/cgroup/memory", box.UMOUNT_DETACH), "umount")
    if not has_cgroup(p):
        skip("no cgroup can be had here")
    holds_processes_in_a_cgroup(p)
    _, o = p.outcome(*DIRECT, "true")
    check_eq([a for a in ("memory", "pids") if o["axes"][a] == "none"], [])


@both
def ends_what_it_leaves(p):
    mark = box.marker()
    r = p.run(*DIRECT, "sh", "-c", f"(setsid sleep {mark} &); setsid sleep {mark} & nohup sleep {mark} >/dev/null & echo left")
    check_eq((r.code, r.out), (0, "left\n"), r.err)
    check_eq(box.with_marker(mark), [], "processes are left")
    check_eq(box.leftovers(1.0), {})


@both
def a_timeout_is_term_grace_and_kill(p):
    def once():
        mark = box.marker()
        r, o = p.outcome(*DIRECT, "--timeout", "300ms", "--grace", "200ms", "sh", "-c", f"trap '' TERM; setsid sleep {mark} & sleep {mark} & wait; wait; sleep {mark}")
        check_eq((r.code, o["status"]), (124, "timeout"), r.err)
        check_eq(box.with_marker(mark), [], "processes are left")
        return o["duration_ms"] / 1000
    check(0.5 <= quickest(once, 5) < 5, "another grace than what was asked for (5 s untold)")


@both
def a_killed_ward_leaves_nothing(p):
    mark = box.marker()
    q = p.start(*DIRECT, "sh", "-c", f"(setsid sleep {mark} &); sleep {mark}", stdin=subprocess.DEVNULL)
    check(box.wait_for(lambda: len(box.with_marker(mark)) >= 2), "did not start")
    q.send_signal(signal.SIGKILL)
    q.wait()
    box.wait_for(lambda: not box.with_marker(mark))
    check_eq(box.with_marker(mark), [], "processes are left")


@both
def is_judged_before_it_starts(p):
    for action, says in (("proc.exec", "axis exec: the command needs "), ("fs.read", "axis files: the command needs "), ("sandbox.run", "this may not be started: a rule forbids it")):
        policy = p.side / "deny.cedar"
        policy.write_text(DENY.format(action))
        r = p.run(*DIRECT, "--policy", policy, "touch", "made")
        check_eq(r.code, 125, f"{action}: {r.err}")
        check_in("deny.cedar:1", r.err)
        check_in(says, r.err)
        check(not (p.ws / "made").exists(), f"{action} is forbidden, and it ran")


@both
def a_tier_that_is_asked_for_refuses_it_by_name(p):
    policy = p.side / "tier.cedar"
    policy.write_text('forbid (principal, action == Ward::Action::"sandbox.run", resource) when { context.tier < 1 };\n')
    r = p.run(*DIRECT, "--policy", policy, "touch", "made")
    check_eq(r.code, 125, r.err)
    check_in("--backend direct is tier 0", r.err)
    r = p.run(*DIRECT, "--require", "files=enforced", "touch", "made")
    check_eq(r.code, 125, r.err)
    check_in("axis files would be none, and enforced is required", r.err)
    check(not (p.ws / "made").exists(), "it ran")


@both
def is_in_the_log(p):
    r = p.run(*DIRECT, "sh", "-c", "exit 7")
    check_eq(r.code, 7, r.err)
    check_in("--backend direct", r.err)
    box.verify(p)
    v = box.records(p)
    check_eq([x["kind"] for x in v if x["kind"].startswith("run.")], ["run.start", "run.end"])
    start = [x for x in v if x["kind"] == "run.start"][0]
    check_eq((start["detail"]["tier"], start["axes"]["files"]), (0, "none"))


def _with_set_user_id():
    """In a directory that only the test's user may enter; taken away by main()."""
    uid = box.free_id()
    os.mkdir(SUID, 0o700)
    os.chown(SUID, uid, uid)
    os.chmod(shutil.copy(shutil.which("setpriv"), SUID), 0o4755)
    box.become_user(uid=uid)


def who_became_another_user_is_not_waited_for(p):
    """Nobody but root can kill it: that is said to be left (docs/spec/plan.md), and ward ends all the same."""
    if has_cgroup(p):
        skip("its cgroup ends it")
    began = time.monotonic()
    r = p.run(*DIRECT, "sh", "-c", f"{SUID}/setpriv --reuid 0 --regid 0 --clear-groups sleep {8 * PATIENCE} >/dev/null 2>&1 & sleep 0.3; echo done")
    took = time.monotonic() - began
    check_eq((r.code, r.out), (0, "done\n"), r.err)
    check(box.descendants(), "the test sees nothing: no other user's process is left")
    check(took < 6 * PATIENCE, f"waited {took:.1f} s")


if os.geteuid() == 0:
    box._register(who_became_another_user_is_not_waited_for, "user", _with_set_user_id)    # pylint: disable=protected-access


@user_only
def nothing_else_leads_there(p):
    """A host that can isolate nothing: refused, and not run without."""
    box.without_user_namespaces()
    r = p.run("touch", "made", preexec_fn=box.refuse_calls(("landlock_create_ruleset", box.ENOSYS)))
    check_eq(r.code, 125, r.err)
    check(not (p.ws / "made").exists() and "direct" not in pathlib.Path(p.log).read_text() if p.log.exists() else True, "it ran")
    check_eq(p.run(*DIRECT, "touch", "made").code, 0)
    check((p.ws / "made").exists())


if __name__ == "__main__":
    try:
        box.main()
    finally:
        shutil.rmtree(SUID, ignore_errors=True)

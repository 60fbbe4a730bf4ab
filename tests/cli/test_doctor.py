#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward doctor: its report against schema, table and guide; as root and as an ordinary user; and with mechanisms taken
away one at a time, which it has to notice. Nothing of the host is changed for that: each is taken away in a namespace or
for one process.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import cli
from cli import ROOT, WARD, tap, tree
from schema import validate
from tap import check, check_eq, check_in, main, skip, test

UID = 64124                  # owns nothing, has no account
GUIDE = (ROOT / "docs/guide/doctor.md").read_text()
SCHEMA = json.loads((ROOT / "docs/spec/doctor.schema.json").read_text())
SOURCE = (ROOT / "src/run/doctor/doctor.c").read_text()


@contextlib.contextmanager
def place():
    """A directory that UID may use, with the program in it."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="ward-doctor-test-", dir="/tmp"))
    try:
        os.chmod(base, 0o755)
        shutil.copy(WARD, base / "ward")
        (base / "state").mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(base / "state", UID, UID)
        yield base
    finally:
        tree.remove_tree(base)


def doctor(base, before="", user=True, words=("--json",), front=()):
    """Run it, as the ordinary user where this is root; before: shell lines that take something away first, as the caller, below front."""
    drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if user and os.geteuid() == 0 else []
    script = f"set -e; {before or ':'}; cd {base}; exec \"$@\""
    p = subprocess.run([*front, "sh", "-c", script, "sh", *drop, "env", f"HOME={base}", f"XDG_STATE_HOME={base}/state", f"{base}/ward",
                        "doctor", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=60, check=False)
    check_eq(p.stderr, "", "stderr")
    return p


def report(base, **more):
    p = doctor(base, **more)
    doc = json.loads(p.stdout)
    validate(doc, SCHEMA)
    found = {c["id"]: c for c in doc["checks"]}
    check_eq(doc["ok"], all(c["status"] != "fail" for c in doc["checks"]), "ok")
    check_eq(p.returncode, 0 if doc["ok"] else 1, "exit code")
    for c in doc["checks"]:
        check(c["status"] != "ok" or c["fix"] is None, f"{c['id']} is ok and has a fix")
        check("\n" not in (c["fix"] or ""), f"{c['id']}: more than one command")
    return doc, found


def expect(found, name, status, detail, fix):
    check_eq(found[name]["status"], status, f"{name}: {found[name]['detail']}")
    check_in(detail, found[name]["detail"])
    check_in(fix, found[name]["fix"] or "")


def only_as_root():
    if os.geteuid() != 0:
        skip("needs root to take it away")


def needs_userns(found):
    if found["userns"]["status"] != "ok":
        skip(f"userns: {found['userns']['detail']}")


def table():
    """(id, axis) of the rows in the source."""
    body = SOURCE[SOURCE.index("doctor_checks[] = {"):SOURCE.index("doctor_checks_n")]
    rows = re.findall(r'\{ *"([a-z-]+)",\s*"[^"]*",\s*(NULL|"[a-z.]+")', body)
    check(len(rows) > 10, f"only {len(rows)} rows were read from the source")
    return [(name, "-" if axis == "NULL" else axis.strip('"')) for name, axis in rows]


@test
def guide_has_every_check_in_order():
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z.]+|-) \|", GUIDE, flags=re.M)
    check_eq(rows, table())


@test
def report_has_every_check_in_order():
    with place() as base:
        doc, _ = report(base)
        check_eq([(c["id"], c["axis"] or "-") for c in doc["checks"]], table())


@test
def as_root_nothing_fails_here():
    only_as_root()
    with place() as base:
        doc, found = report(base, user=False)
        needs_userns(found)
        check_eq([c for c in doc["checks"] if c["status"] == "fail"], [])
        for name in ("files", "network", "ipc", "syscalls", "processes", "env"):
            check_eq(doc["axes"][name], "enforced", name)
        check_in("chain whole", found["run"]["detail"])
        check("refused" in found["refusal"]["detail"], found["refusal"]["detail"])


@test
def as_user_nothing_fails_here():
    with place() as base:
        doc, found = report(base)
        needs_userns(found)
        check_eq([c for c in doc["checks"] if c["status"] == "fail"], [])
        check_eq(doc["axes"]["files"], "enforced")
        check_in("not root" if os.geteuid() == 0 else "", found["idmap"]["detail"])
        check("refused" in found["refusal"]["detail"], found["refusal"]["detail"])
        check_eq(list((base / "state").iterdir()), [], "doctor wrote a log")


@test
def text_says_the_same():
    with place() as base:
        doc, _ = report(base)
        lines = doctor(base, words=()).stdout.splitlines()
        for c in doc["checks"]:
            check(any(line.startswith(f"{c['status']:<4}  {c['id']:<14}  ") for line in lines), f"no line for {c['id']}")
            if c["fix"]:
                check(any(line.strip() == f"fix: {c['fix']}" for line in lines), f"no fix of {c['id']}")
        count = {s: sum(c["status"] == s for c in doc["checks"]) for s in ("ok", "warn", "fail")}
        check_eq(lines[-1], f"{count['ok']} ok, {count['warn']} warn, {count['fail']} fail")


@test
def unknown_argument():
    p = subprocess.run([WARD, "doctor", "--jsn"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, check=False)
    check_eq((p.returncode, p.stdout), (2, ""))
    check_in("--jsn", p.stderr)


@test
def inside_a_run_nothing_of_the_host_is_to_be_mended():
    """What is missing there is what Ward took away: no cure of the host's helps."""
    with place() as base:
        _, outside = report(base)
        needs_userns(outside)
        inside = [f"{base}/ward", "run", "--quiet", "--read", f"{base}/ward", "--", f"{base}/ward", "doctor"]
        drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if os.geteuid() == 0 else []
        drop += ["env", f"HOME={base}", f"XDG_STATE_HOME={base}/state"]
        p = subprocess.run([*drop, *inside, "--json"], cwd=base, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        doc = json.loads(p.stdout)
        validate(doc, SCHEMA)
        check_eq((p.returncode, doc["ok"]), (1, False))
        check_eq({c["fix"] for c in doc["checks"] if c["status"] != "ok"}, {"ward doctor # outside of it"})
        p = subprocess.run([*drop, *inside], cwd=base, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        check_in("inside a sandbox of Ward's own", p.stdout.splitlines()[0])
        check("sudo" not in p.stdout, p.stdout)


# ---- something is taken away ----

FUSE = "mkdir -p {0}/dev; mount -t tmpfs -o mode=755 none {0}/dev; mknod -m {1} {0}/dev/fuse c 10 229; mount --bind {0}/dev/fuse /dev/fuse"


def in_mounts(lines):
    """Shell lines in a mount namespace of their own: the rest of the script goes on there."""
    return "[ -n \"$IN_MOUNTS\" ] || IN_MOUNTS=1 exec unshare -m sh -c 'set -e; " + lines + "; exec \"$@\"' sh \"$@\""


@test
def no_user_namespaces():
    """The limit belongs to a user namespace: in one of our own it can be taken to 0."""
    with place() as base:
        lines = ("exec unshare -U --map-user=1000 --map-group=1000 --keep-caps sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec \"$@\"' sh "
                 f"env HOME={base} XDG_STATE_HOME={base}/state {base}/ward doctor --json")
        if subprocess.run(["unshare", "-U", "--map-user=1000", "--map-group=1000", "--keep-caps", "true"], check=False).returncode:
            skip("no user namespaces here at all")
        _, found = report(base, before=lines, user=False)
        expect(found, "userns", "fail", "max_user_namespaces is 0", "sudo sysctl -w user.max_user_namespaces=15000")
        for name in ("namespaces", "proc", "fuse"):
            check_in("not tried", found[name]["detail"])
            check_eq(found[name]["fix"], found["userns"]["fix"], name)
        expect(found, "run", "fail", f"axis {cli.ALONE[0]}", "")


@test
def root_of_one_id():
    """It can become nobody else, so that nothing that is accepted helps; and the cgroups are not its own."""
    with place() as base:
        if subprocess.run(["unshare", "-Ur", "true"], check=False).returncode:
            skip("no user namespaces here at all")
        drop = f"setpriv --reuid={UID} --regid={UID} --clear-groups" if os.geteuid() == 0 else ""
        lines = f"exec {drop} unshare -Ur env HOME={base} XDG_STATE_HOME={base}/state {base}/ward doctor --json"
        _, found = report(base, before=lines, user=False)
        expect(found, "userns", "fail", "root may not become another user", "outside of `unshare -r`")
        expect(found, "run", "fail", "axis processes cannot be held", "run ward as an ordinary user")
        expect(found, "cgroup-pids", "warn", "no right over the host's cgroups", "docker run --memory ")


@test
def no_room_for_user_namespaces():
    """A limit above, where no setting of one's own reaches."""
    with place() as base:
        lines = (f"exec unshare -U --map-user=1000 --map-group=1000 --keep-caps sh -c 'echo 1 >/proc/sys/user/max_user_namespaces; exec unshare -U --map-user=1000 --map-group=1000 env HOME={base} "
                 f"XDG_STATE_HOME={base}/state {base}/ward doctor --json'")
        if subprocess.run(["unshare", "-U", "--map-user=1000", "--map-group=1000", "unshare", "-U", "true"], check=False).returncode:
            skip("no user namespaces in each other here")
        _, found = report(base, before=lines, user=False)
        expect(found, "userns", "fail", "the limit of namespaces is reached", "without --disable-userns")


@test
def root_of_a_container():
    """Root without CAP_SYS_ADMIN makes user namespaces, and may not clone a tree outside of them."""
    only_as_root()
    with place() as base:
        _, found = report(base, before="[ -n \"$LESS\" ] || LESS=1 exec setpriv --bounding-set=-sys_admin sh -c 'exec \"$@\"' sh \"$@\"", user=False)
        expect(found, "userns", "fail", "root here has no CAP_SYS_ADMIN", "docker run --user 1000:1000 ")
        expect(found, "run", "fail", f"axis {cli.ALONE[0]}", "--accept ")


@test
def fuse_device_by_mode():
    only_as_root()
    with place() as base:
        _, found = report(base, before=in_mounts(FUSE.format(base, "0600")))
        needs_userns(found)
        expect(found, "fuse", "warn", "Permission denied", "sudo chmod 0666 /dev/fuse")
        check_in("not named", found["refusal"]["detail"])
        doc, found = report(base, before=in_mounts(FUSE.format(base, "0666")))
        check_eq((found["fuse"]["status"], doc["axes"]["attribution"]), ("ok", "enforced"))
        check_in("came with its cure", found["refusal"]["detail"])


@test
def proc_with_covered_parts():
    only_as_root()
    with place() as base:
        _, found = report(base, before=in_mounts("mount -t tmpfs none /proc/tty"))
        needs_userns(found)
        expect(found, "proc", "fail", "parts of this /proc are covered", "systempaths=unconfined")


@test
def proc_that_is_read_only():
    only_as_root()
    with place() as base:
        needs_userns(report(base)[1])
        lines = in_mounts("mount --bind /proc /proc; mount -o remount,bind,ro /proc")
        for user, fix in ((True, "bwrap --proc /proc"), (False, "mount -o remount,rw /proc")):
            _, found = report(base, before=lines, user=user)
            expect(found, "userns", "fail", "/proc is read-only", fix)
            expect(found, "run", "fail", f"axis {cli.ALONE[0]}", "--accept ")


@test
def no_cgroup_is_mounted():
    only_as_root()
    with place() as base:
        for user in (True, False):
            _, found = report(base, before=in_mounts("mount -t tmpfs none /sys/fs/cgroup"), user=user)
            for name in ("memory", "pids", "cpu"):
                expect(found, f"cgroup-{name}", "warn", "none is mounted", "mount -t cgroup2 none /sys/fs/cgroup")


@test
def few_descriptors():
    with place() as base:
        _, found = report(base, before="ulimit -n 256")
        expect(found, "rlimits", "warn", "256", "--nofile=")


@test
def short_files():
    with place() as base:
        _, found = report(base, before="ulimit -f 100000")
        expect(found, "rlimits", "warn", "files end at", "--fsize=unlimited")


def log_of(base):
    """A log with real records, as the ordinary user."""
    log = base / "state" / "ward" / "audit.jsonl"
    drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if os.geteuid() == 0 else []
    p = subprocess.run([*drop, "env", f"HOME={base}", f"XDG_STATE_HOME={base}/state", f"{base}/ward", "run", "--", "/bin/true"],
                       cwd="/usr", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    check_eq(p.returncode, 0, p.stderr)
    check(log.exists(), "no log was made")
    return log


@test
def log_is_looked_at():
    with place() as base:
        needs_userns(report(base)[1])
        log = log_of(base)
        whole = log.read_bytes()
        _, found = report(base)
        expect(found, "audit", "ok", "last record has its hash", "")
        check_eq(log.read_bytes(), whole, "doctor changed the log")

        log.write_bytes(whole.replace(b"run.end", b"run.eNd"))
        _, found = report(base)
        expect(found, "audit", "fail", "does not have its hash", "ward audit verify")

        log.write_bytes(whole + b'{"v":1,"se')
        _, found = report(base)
        expect(found, "audit", "warn", "torn", "ward audit verify")
        check_eq(log.read_bytes(), whole + b'{"v":1,"se', "doctor changed the log")

        log.write_bytes(whole + b"no record\n")
        _, found = report(base)
        expect(found, "audit", "fail", "no record", "ward audit verify")

        log.write_bytes(whole)
        os.chmod(log, 0o622)
        _, found = report(base)
        expect(found, "audit", "fail", "written by group or others", "chmod 600")


@test
def no_room_for_the_log():
    """Neither bytes nor files: a run would be refused."""
    only_as_root()
    with place() as base:
        for size, word, fix in (("size=1M", "less than 16M free", "df -h"), ("size=32M,nr_inodes=9", "fewer than 64 files", "df -i")):
            _, found = report(base, front=("unshare", "-m"), before=f"mount -t tmpfs -o uid={UID},mode=700,{size} t {base}/state")
            expect(found, "audit", "warn", word, fix)


@test
def log_cannot_be_made():
    with place() as base:
        os.chmod(base / "state", 0o500)
        _, found = report(base)
        expect(found, "audit", "fail", "Permission denied", "--audit FILE")


assert tap       # cli.py put the harness on the path
main()

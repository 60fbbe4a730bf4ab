#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What a run under review has on the disk, and when: nothing that nobody needs, all of it at its end, and while it lives what it wrote some seconds
ago. That a disk has it is seen in the disk: the store lies on a file system in a file, and a copy of the file is what a power cut leaves.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import box
import cli
from box import both, root_only
from tap import check, check_eq, check_in, main, skip

HELD = "echo precious > f; echo more >> kept; rm gone"


def project(p):
    p.write("kept", "kept\n")
    p.write("gone", "gone\n")


def runs(p, state):
    r = cli.ward("runs", "--json", env={**p.env(), "XDG_STATE_HOME": str(state)}, cwd=p.ws)
    check_eq((r.code, r.err), (0, ""))
    return json.loads(r.out)["runs"]


def entry(state):
    return next((state / "ward/runs").glob("0*"))


# ---- what is synced, by the calls ----

CALLS = "fsync,fdatasync,syncfs,sync,rename,renameat,renameat2,execve"


def traced(p, *words):
    """Its calls, each of a line: time, and what strace says; descriptors with their paths."""
    if not shutil.which("strace"):
        skip("strace is not installed")
    trace = p.side / "trace"
    r = subprocess.run(["strace", "-f", "-y", "-ttt", "-o", trace, "-e", f"trace={CALLS}", *p.words("--review", *words)], cwd=p.ws, env=p.env(),
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90, check=False)
    text = trace.read_text(errors="replace") if trace.exists() else ""
    if "execve" not in text:
        skip(f"strace does not work here: {r.stderr[-200:]}")
    check_eq(r.returncode, 0)
    return [(float(line.split()[1]), line.split(None, 2)[2]) for line in text.splitlines()]


def of_store(calls):
    return [(t, c) for t, c in calls if re.match(r"(fsync|fdatasync|syncfs)\(", c) and "/ward/runs" in c]


@both
def who_writes_nothing_waits_for_no_disk(p):
    project(p)
    for backend in ("dir", "tmpfs"):
        calls = traced(p, "--disk-backend", backend, "--", "/bin/cat", "kept")
        begun = max(t for t, c in calls if c.startswith("execve(\"/bin/cat\""))
        # A machine that is as slow as that lets it live long enough for an entry.
        check(all(c.startswith("fsync(") and t > begun + 0.05 for t, c in of_store(calls)), calls)


@both
def what_was_written_is_on_the_disk_before_the_end_is_told(p):
    project(p)
    for backend in ("dir", "tmpfs"):
        calls = traced(p, "--disk-backend", backend, "--", "/bin/sh", "-c", HELD)
        begun = max(t for t, c in calls if c.startswith("execve(\"/bin/sh\""))
        synced = [t for t, c in of_store(calls) if c.startswith("syncfs(") and t > begun]
        told = [t for t, c in calls if c.startswith("rename") and "workspace.json.new" in c]
        after = [t for t, c in of_store(calls) if c.startswith("fsync(") and t > told[-1]]
        check(len(told) == 1 and synced and synced[0] < told[0] and after, calls)
        shutil.rmtree(p.side / "state")


@both
def while_it_lives_the_entry_is_first_and_the_layer_follows(p):
    project(p)
    calls = traced(p, "--", "/bin/sh", "-c", HELD + "; sleep 8")
    begun = max(t for t, c in calls if c.startswith("execve(\"/bin/sh\""))
    told = next(t for t, c in calls if c.startswith("rename") and "workspace.json.new" in c)
    before = [(t - begun, c) for t, c in of_store(calls) if t < told - 1.0]
    check_eq([c.split("(")[0] for _, c in before], ["fsync", "fsync", "fsync", "syncfs"])
    check_in("workspace.json", before[0][1])
    check(0.05 < before[0][0] < 3 and before[3][0] > before[2][0], before)
    # Who has written nothing since is left alone: 8 seconds have room for one.


# ---- the kernel's part ----

@both
def the_overlay_waits_for_the_disk_where_nobody_else_does(p):
    project(p)
    for backend, relaxed in (("dir", True), ("tmpfs", False)):
        r = p.run("--review", "--disk-backend", backend, "--", "/bin/cat", "/proc/self/mountinfo")
        here = [line for line in r.out.splitlines() if " - overlay " in line]
        check_eq((len(here), any("volatile" in line.split(" - ")[1] for line in here)), (1, relaxed))


@both
def what_is_kept_can_be_laid_again(p):
    """The kernel refuses a layer whose mark says that nobody has synced it."""
    project(p)
    r, o = p.outcome("--review", "--", "/bin/sh", "-c", HELD)
    check_eq((r.code, o["review"]["changes"]), (0, 3))
    kept = entry(p.side / "state")
    check_eq(sorted(os.listdir(kept)), ["layer", "lock", "workspace.json"])
    check_eq(sorted(os.listdir(kept / "layer")), ["upper"])


# ---- what a power cut leaves ----

@contextlib.contextmanager
def disk(p, image=None):
    """A file system in a file, where the store is; image: another one, which is there already."""
    at = pathlib.Path(f"{image}.at") if image else p.side / "state"
    box.private_mounts()
    at.mkdir()
    if not image:
        image = p.side / "disk"
        with open(image, "wb") as f:
            f.truncate(64 << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", image], check=False, stderr=subprocess.PIPE) if shutil.which("mkfs.ext4") else None
        if not made or made.returncode:
            skip("mkfs.ext4 is not there")
    if subprocess.run(["mount", "-o", "loop", image, at], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("a file system in a file cannot be mounted")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


@contextlib.contextmanager
def cut(p, name):
    """The disk as a power cut would leave it now: what its driver was given. The kernel mends it when it is mounted."""
    copy = p.side / name
    shutil.copyfile(p.side / "disk", copy)
    with disk(p, copy) as at:
        yield at


def precious(state):
    f = entry(state) / "layer/upper/f"
    return f.exists() and f.read_text() == "precious\n"


@root_only
def a_power_cut_while_it_lives_takes_seconds(p):
    project(p)
    with disk(p):
        q = p.start("--review", "--", "/bin/sh", "-c", HELD + "; echo done; exec sleep 300", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
        check_eq(q.stdout.readline(), "done\n")
        begun = time.monotonic()
        # Its first moment: no entry, one of which nothing is there, or a whole one. The tool copes with each, and takes the second away.
        with cut(p, "first") as at:
            if (at / "ward/runs").exists():
                for x in runs(p, at):
                    check(x["state"] in ("broken", "pending", "live"), x)
        time.sleep(8)
        with cut(p, "later") as at:
            check(time.monotonic() - begun < 20, "the kernel's own time has come")
            check(precious(at), "what was written eight seconds ago is not on the disk")
            q.kill()
            q.wait()
            end = time.monotonic() + 20
            while runs(p, at)[0]["state"] == "live" and time.monotonic() < end:
                time.sleep(0.05)
            # It is another boot by then.
            record = entry(at) / "workspace.json"
            record.write_text(re.sub('"boot":"[^"]*"', '"boot":"0-0"', record.read_text()))
            env = {**p.env(), "XDG_STATE_HOME": str(at)}
            check_eq([(x["state"], x["incomplete"], x["changes"]) for x in runs(p, at)], [("pending", True, 3)])
            check_in("--incomplete", cli.ward("runs", "show", runs(p, at)[0]["run"], env=env, cwd=p.ws).out)
            check_in("machine went down", cli.ward("diff", env=env, cwd=p.ws).err)
            r = cli.ward("commit", env=env, cwd=p.ws)
            check_eq((r.code, (p.ws / "gone").exists()), (2, True))
            check_in("--incomplete", r.err)
            check_eq(cli.ward("commit", "--incomplete", env=env, cwd=p.ws).code, 0)
            check_eq(((p.ws / "f").read_text(), (p.ws / "gone").exists()), ("precious\n", False))
        q.stdout.close()
        q.stderr.close()


@root_only
def a_power_cut_after_the_end_takes_nothing(p):
    project(p)
    with disk(p):
        r = p.run("--review", "--", "/bin/sh", "-c", HELD + "; seq 100000 > g")
        check_eq(r.code, 0)
        with cut(p, "after") as at:
            check(precious(at), "what was written is not on the disk")
            check_eq((entry(at) / "layer/upper/g").read_text().split()[-1], "100000")
            check_eq([(x["state"], x["incomplete"], x["changes"]) for x in runs(p, at)], [("pending", False, 4)])


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the host has mounted below a grant: of whatever kind it is, the grant works, what a policy takes away stays taken, and nothing of the host's comes in by it."""
import contextlib
import ctypes
import os
import pathlib
import select
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from fuse_box import ENDED, HANGS, LIVES, Dead    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

WS = pathlib.Path("/mnt/ws")


def place(p=None):
    """/mnt/ws, whose mounts end with the namespace."""
    box.private_mounts()
    box.mount("ward-test", "/mnt", "tmpfs", 0, "mode=0777")
    box.bound_fuse()
    WS.mkdir()
    WS.chmod(0o777)


def run(p, *words):
    p.ws = WS
    with p.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as q:
        try:
            out, err = q.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            q.kill()
            raise
    return q.returncode, out.decode(), err.decode()


def as_both(before):
    """before() makes the mounts, as root; the test is root's, or a user's then."""
    def register(fn):
        if os.geteuid() != 0:
            def not_here(p):
                skip("root mounts it, and is its user then")
            not_here.__name__ = fn.__name__
            box._register(not_here, "user", None)  # pylint: disable=protected-access
            return fn
        box._register(fn, "root", before)  # pylint: disable=protected-access
        box._register(fn, "user", lambda: box.become_user(before))  # pylint: disable=protected-access
        return fn
    return register


# ---- the kernel's own, as in a root that somebody made ----

KERNELS = {"proc": "proc", "sys": "sysfs", "dev": "devtmpfs", "dev/pts": "devpts", "dev/mqueue": "mqueue"}


def chroot_in_it():
    place()
    (WS / "root").mkdir()
    for name, kind in KERNELS.items():
        (WS / "root" / name).mkdir(exist_ok=True)
        box.mount(kind, str(WS / "root" / name), kind)
    (WS / "root/one").write_text("")
    box.mount(str(WS / "root/proc/sys/kernel/hostname"), str(WS / "root/one"), None, box.MS_BIND)
    (WS / "root/file").write_text("text\n")
    os.chmod(WS / "root", 0o777)


LOOK = "cat root/file; cd root; for d in proc sys dev; do ls -A $d 2>/dev/null; done; cat one proc/1/cmdline 2>/dev/null; echo 1 2>/dev/null >proc/$PPID/oom_score_adj && echo written; cd ..; find . -name environ 2>/dev/null; true"


@as_both(chroot_in_it)
def of_the_kernels_own_below_a_grant_nothing_is_shown(p):
    """By it the command saw the processes of the host, and could write to those of its user."""
    for how in ("--read", "--write"):
        code, out, err = run(p, how, ".", "sh", "-c", LOOK)
        check_eq((code, out), (0, "text\n"), err)
        for name in ("proc", "sys", "dev", "one"):
            check_in(f'ward: warning: "{WS}/root/{name}" is left out: the host\'s {KERNELS.get(name, "proc")} is mounted there, of which no run is shown anything', err)


@as_both(chroot_in_it)
def what_is_granted_in_the_kernels_own_refuses_the_run(p):
    for what, kind, at in (("root/proc", "proc", "root/proc"), ("root/proc/sys", "proc", "root/proc"), ("root/one", "proc", "root/one"), ("root/sys/kernel", "sysfs", "root/sys")):
        code, out, err = run(p, "--read", what, "sh", "-c", "echo started")
        check_eq((code, out), (125, ""), err)
        check_in(f'"{WS}/{what}" cannot be granted: the host\'s {kind} is mounted at "{WS}/{at}", of which no sandbox has anything', err)


@as_both(chroot_in_it)
def a_pattern_does_not_look_for_names_in_the_kernels_own(p):
    """They would be too many, and new ones every moment."""
    (p.base / "p.cedar").write_text('forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Glob::"**/environ");\n')
    code, out, err = run(p, "--policy", str(p.base / "p.cedar"), "--accept", "files=advisory", "--write", ".", "sh", "-c", LOOK)
    check_eq((code, out), (0, "text\n"), err)


def covered():
    """What is hidden by another mount is not there to be masked; and one that is mounted on it is looked at for what it is."""
    place()
    (WS / "a/proc").mkdir(parents=True)
    box.mount("proc", str(WS / "a/proc"), "proc")
    box.mount("ward-test", str(WS / "a"), "tmpfs", 0, "mode=0777")
    (WS / "a/file").write_text("text\n")
    (WS / "b").mkdir()
    box.mount("proc", str(WS / "b"), "proc")
    box.mount("ward-test", str(WS / "b"), "tmpfs", 0, "mode=0777")
    (WS / "b/file").write_text("text\n")


def what_is_hidden_by_another_mount_is_nothing_to_a_start(p):
    if not (WS / "b/file").exists():
        skip("root mounts it, and is its user then")
    for how in ("--read", "--write"):
        code, out, err = run(p, how, ".", "sh", "-c", "cat a/file b/file; ls a b")
        check_eq((code, out, "left out" in err), (0, "text\ntext\na:\nfile\n\nb:\nfile\n", False), err)
    code, out, err = run(p, "--read", "b", "cat", "b/file")
    check_eq((code, out), (0, "text\n"), err)


box._register(what_is_hidden_by_another_mount_is_nothing_to_a_start, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(covered)) if os.geteuid() == 0 else None)

# ---- what is mounted once somebody looks ----

def automount(kind, source="ward-test"):
    """Nobody does it: as where the server of a unit of systemd's is not there, whose mount is waited for. What may be mounted by its name
    only is shown before it is (autofs' browse), but for what somebody has mounted there."""
    def before():
        place()
        (WS / "file").write_text("text\n")
        (WS.parent / "p.cedar").write_text('forbid (principal, action, resource in Ward::Glob::"**/*.pem");\n')
        (WS / "auto").mkdir()
        asked, asks = os.pipe()
        me = os.getpid()
        if os.fork() == 0:
            os.setpgid(0, 0)    # whoever is in it is not waited for
            for fd in range(3, 256):
                if fd not in (asked, asks):
                    with contextlib.suppress(OSError):
                        os.close(fd)
            try:
                box.mount(source, str(WS / "auto"), "autofs", 0, f"fd={asks},pgrp={os.getpgrp()},minproto=5,maxproto=5,{kind}")
            except OSError:
                (WS / "refused").write_text("")
            if kind == "indirect":
                for name in ("ghost", "there", "tree/there"):
                    (WS / "auto" / name).mkdir(parents=True)
                for name in ("there", "tree/there"):
                    box.mount("ward-test", str(WS / "auto" / name), "tmpfs", 0, "mode=0777")
                    (WS / "auto" / name / ".vscode").mkdir()
                    (WS / "auto" / name / ".vscode").chmod(0o777)
            (WS / "made").write_text("")
            while os.getppid() == me:
                if select.select([asked], [], [], 0.1)[0]:
                    os.read(asked, 4096)
                    (WS / "asked").write_text("")
            os._exit(0)
        box.wait_for((WS / "made").exists)
        if (WS / "refused").exists():
            skip("no autofs can be mounted")
    return before


PATTERN = ("--mode", "workspace_write", "--policy", str(WS.parent / "p.cedar"), "--accept", "files=advisory")


def where_nobody_mounts_what_is_waited_for(p):
    for how in (("--read", "."), ("--write", "."), ("--mode", "workspace_write"), PATTERN):
        code, out, err = run(p, *how, "cat", "file")
        check_eq((code, out, (WS / "asked").exists()), (0, "text\n", False), err)
        if os.geteuid() == 0 or how[0] != "--read":
            check_in(f'ward: warning: "{WS}/auto" is left out: what is mounted there', err)
            check_in("waits for somebody outside to use it", err)


def what_names_only_wait_for_is_not_left_out_of_a_users(p):
    """Below such a mount (/net) others may be mounted already: what code outside obeys is held there. What is only shown nobody steps into."""
    for how in (("--write", "."), ("--mode", "workspace_write"), PATTERN):
        code, out, err = run(p, *how, "cat", "file")
        check_eq((code, out, (WS / "asked").exists(), f'"{WS}/auto" is left out' in err), (0, "text\n", False, os.geteuid() == 0), err)
    if os.geteuid() != 0:
        at = ("auto/there", "auto/tree/there")
        code, out, err = run(p, "--write", ".", "sh", "-c", "for i in " + " ".join(at) + "; do echo > $i/own; echo > $i/.vscode/tasks.json; done; true")
        check_eq([((WS / i / "own").exists(), (WS / i / ".vscode/tasks.json").exists()) for i in at], [(True, False)] * 2, err)


if os.geteuid() == 0:
    for fn, before in ((where_nobody_mounts_what_is_waited_for, automount("direct", "auto.indirect")), (what_names_only_wait_for_is_not_left_out_of_a_users, automount("indirect"))):
        box._register(fn, "root", before)  # pylint: disable=protected-access
        box._register(fn, "user", lambda before=before: box.become_user(before))  # pylint: disable=protected-access

# ---- as root: what cannot be ID-mapped with the grant that it is mounted in ----

dead = {}


def overlay(at, text):
    """With a file that everybody may read, one that root alone may, and what a policy speaks of."""
    for x in ("low", "up", "work"):
        (WS.parent / f"{at.name}.{x}").mkdir()
    low = WS.parent / f"{at.name}.low"
    (low / "sub").mkdir()
    for name in ("file", ".env", "sub/.env", "sub/file"):
        (low / name).write_text(text)
    (low / "mine").write_text("root's\n")
    (low / "mine").chmod(0o600)
    at.mkdir(parents=True)
    box.mount("overlay", str(at), "overlay", 0, f"lowerdir={low},upperdir={WS.parent}/{at.name}.up,workdir={WS.parent}/{at.name}.work")


def unmappable():
    place()
    (WS / "sub").mkdir()
    overlay(WS / "sub/over", "below\n")
    (WS / "sub/over/../tmp").mkdir()
    box.mount("ward-test", str(WS / "sub/tmp"), "tmpfs", 0, "mode=0777")
    (WS / "sub/tmp/file").write_text("mapped\n")
    for name, how in (("hangs", HANGS), ("lost", ENDED), ("lives", LIVES)):
        (WS / name).mkdir()
        (WS / name / "below").write_text("what is mounted hides it\n")
        dead[name] = Dead(WS / name, how)


def end_all():
    for d in dead.values():
        d.end()


INSIDE = ("cat sub/over/file sub/tmp/file; cat sub/over/mine; echo x >sub/over/file && echo evil; echo x >sub/over/new && echo evil; ls -A lives && echo lives; "
          "for d in hangs lost; do ls -A $d && echo open; done; mv sub/over sub/o && echo evil; mv sub s && echo evil; "
          "echo x >new && echo written; echo x >sub/tmp/new && echo written; echo x >sub/new && echo written; true")


def one_that_cannot_be_mapped_refuses_no_grant_of_root(p):
    """It is shown as to anybody, what does not answer is left out, and all else is as granted."""
    code, out, err = run(p, "--write", ".", "sh", "-c", INSIDE)
    check_eq((code, out), (0, "below\nmapped\nlives\nwritten\nwritten\nwritten\n"), err)
    for name, why in (("hangs", "does not answer"), ("lost", "answers by an error")):
        check_in(f'ward: warning: "{WS}/{name}" is left out: what is mounted there {why}', err)
    for name, kind in (("sub/over", "overlay"), ("lives", "fuse")):
        check_in(f'ward: warning: "{WS}/{name}" may only be read, and as by anybody: what is mounted there ({kind}) cannot be ID-mapped', err)
    check_eq([x.stat().st_uid for x in (WS / "new", WS / "sub/tmp/new", WS / "sub/new")], [0, 0, 0])
    check_eq((WS / "sub/over/file").read_text(), "below\n")
    code, out, err = run(p, "--read", ".", "sh", "-c", INSIDE)
    check_eq((code, out), (0, "below\nmapped\nlives\n"), err)
    check_in(f'ward: warning: "{WS}/sub/over" is shown as to anybody: what is mounted there (overlay) cannot be ID-mapped', err)
    check_in(f'ward: warning: "{WS}/hangs" is left out: what is mounted there (fuse) does not answer', err)
    end_all()


def what_policies_say_of_it_holds(p):
    (p.base / "p.cedar").write_text("".join(
        f'forbid (principal, action in [{a}], resource in Ward::Glob::"{g}");\n'
        for a, g in (('Ward::Action::"fs.read", Ward::Action::"fs.write"', "**/.env"), ('Ward::Action::"fs.write"', "**/sub/**"))))
    code, out, err = run(p, "--policy", str(p.base / "p.cedar"), "--accept", "files=advisory", "--write", ".", "sh", "-c",
                         "cat sub/over/.env sub/over/sub/.env; cat sub/over/sub/file; echo x >sub/new && echo evil; echo x >new && echo written")
    check_eq((code, out), (0, "below\nwritten\n"), err)
    end_all()


def what_is_written_there_by_name_is_refused(p):
    for words, why in ((("--write", "sub/over"), "ID-mapping a granted tree (this file system cannot)"),
                       (("--read", ".", "--write", "sub/over/sub"), f'"{WS}/sub/over/sub" cannot be written by a run of root\'s: what is mounted at "{WS}/sub/over" (overlay)')):
        code, out, err = run(p, *words, "echo", "started")
        check_eq((code, out), (125, ""), err)
        check_in(why, err)
    end_all()


def two_at_one_place():
    """As what is mounted on an automount: the lower one comes with the tree as well, though nobody sees it. And one is covered by what is mounted above."""
    place()
    overlay(WS / "a", "lower\n")
    box.mount("ward-test", str(WS / "a"), "tmpfs", 0, "mode=0777")
    (WS / "a/file").write_text("upper\n")
    overlay(WS / "b/over", "lower\n")
    (WS / "b/new").write_text("what is mounted hides it\n")
    box.mount("ward-test", str(WS / "b"), "tmpfs", 0, "mode=0777")
    (WS / "b/file").write_text("upper\n")


def what_it_is_hidden_by_is_written_as_granted(p):
    code, out, err = run(p, "--write", ".", "sh", "-c", "cat a/file b/file; ls b; for d in . a b; do echo x >$d/new && echo written; done")
    check_eq((code, out), (0, "upper\nupper\nfile\nwritten\nwritten\nwritten\n"), err)
    check_eq([(WS / d / "new").stat().st_uid for d in (".", "a", "b")], [0, 0, 0])


def what_the_host_sees_stays_as_it_is(p):
    """What the tree comes without is taken from it in a namespace that nobody else sees, however much the host shares its mounts."""
    box.mount("none", "/", None, box.MS_REC | box.MS_SHARED)
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    code, out, err = run(p, "--write", ".", "cat", "sub/over/file")
    check_eq((code, out), (0, "below\n"), err)
    check_eq(pathlib.Path("/proc/self/mountinfo").read_text(), before)
    end_all()


def unbindable():
    """And below one something that a grant is not shown with by itself."""
    place()
    (WS / "file").write_text("text\n")
    (WS / "not").mkdir()
    box.mount("ward-test", str(WS / "not"), "tmpfs", 0, "mode=0777")
    (WS / "not/file").write_text("text\n")
    (WS / "not/proc").mkdir()
    box.mount("proc", str(WS / "not/proc"), "proc")
    overlay(WS / "not/over", "below\n")
    box.mount("none", str(WS / "not"), None, 1 << 17)   # MS_UNBINDABLE


@as_both(unbindable)
def what_no_copy_of_a_tree_has_refuses_no_grant_of_it(p):
    """As root the kernel passes over it, and what is mounted in it; whatever else is taken out of the tree. In a namespace of a user's it is as any other."""
    look = "cat file; ls -A not; ls not/proc; true"
    for how in ("--read", "--write"):
        code, out, err = run(p, how, ".", "sh", "-c", look)
        if os.geteuid() != 0:
            check_eq((code, out), (0, "text\nfile\nover\nproc\n"), err)
            check_in(f'"{WS}/not/proc" is left out: the host\'s proc is mounted there', err)
            continue
        check_eq((code, out, "warning" in err), (0, "text\n", False), err)
    if os.geteuid() == 0:
        overlay(WS / "over2", "below\n")
        code, out, err = run(p, "--write", ".", "sh", "-c", look)
        check_eq((code, out, err.count("warning")), (0, "text\n", 1), err)


def many_overlays():
    place()
    for i in range(11):
        overlay(WS / f"over{i}", "below\n")


def of_many_only_some_are_told(p):
    code, out, err = run(p, "--read", ".", "sh", "-c", "cat over*/file | wc -l")
    check_eq((code, out.strip(), err.count("is shown as to anybody")), (0, "11", 8), err)
    check_in("ward: warning: and 3 more of what is mounted below what is granted are left out, or shown as to anybody and only for reading", err)


# ---- what is mounted elsewhere ----

MANY = 6000


def many_elsewhere():
    place()
    (WS / "file").write_text("text\n")
    os.chmod(WS, 0o777)
    os.mkdir("/mnt/ns")
    libc = ctypes.CDLL(None)
    for i in range(MANY):
        at = f"/mnt/ns/{i}"
        os.close(os.open(at, os.O_CREAT | os.O_WRONLY, 0o600))
        libc.mount(b"/proc/self/ns/uts", at.encode(), None, box.MS_BIND, None)


@as_both(many_elsewhere)
def thousands_mounted_elsewhere_keep_no_start_waiting(p):
    """As a host of containers has them (nsfs). Looked for one by one in all of them, they took a second and more of the processor."""
    best = None
    for _ in range(3):
        before = os.times()
        code, out, err = run(p, "--read", ".", "cat", "file")
        now = os.times()
        check_eq((code, out), (0, "text\n"), err)
        took = now.children_user - before.children_user
        best = took if best is None else min(best, took)
    check(best < 0.4, f"{best} s of the processor")


if os.geteuid() == 0:
    for fn, before in ((of_many_only_some_are_told, many_overlays), (one_that_cannot_be_mapped_refuses_no_grant_of_root, unmappable), (what_policies_say_of_it_holds, unmappable),
                       (what_is_written_there_by_name_is_refused, unmappable), (what_it_is_hidden_by_is_written_as_granted, two_at_one_place),
                       (what_the_host_sees_stays_as_it_is, unmappable)):
        box._register(fn, "root", before)  # pylint: disable=protected-access

box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests take away of their own places: never through a mount (tests/harness/tree.py)."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
import tree  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, main, skip, test  # noqa: E402  pylint: disable=wrong-import-position

CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND = 0x20000, 0x4000, 1 << 18, 4096


def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


@test
def what_is_mounted_below_is_left_alone():
    if not may_mount():
        skip("only root mounts, and not in most containers")
    with tempfile.TemporaryDirectory() as other:
        (pathlib.Path(other) / "kept").write_text("kept")
        top = tempfile.mkdtemp()
        os.mkdir(f"{top}/a b")
        child = os.fork()
        if child == 0:
            ok = tree.libc.unshare(CLONE_NEWNS) == 0
            ok = ok and tree.libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
            ok = ok and tree.libc.mount(os.fsencode(other), os.fsencode(f"{top}/a b"), None, MS_BIND, None) == 0
            if ok:
                tree.remove_tree(top)
            os._exit(0 if ok else 1)
        check_eq(os.waitpid(child, 0)[1], 0)
        check_eq(sorted(os.listdir(other)), ["kept"])
        check(not os.path.exists(top), "it was left")


@test
def what_may_not_be_unmounted_is_gone_around():
    if not may_mount():
        skip("only root mounts, and not in most containers")
    with tempfile.TemporaryDirectory() as other:
        (pathlib.Path(other) / "kept").write_text("kept")
        os.chmod(other, 0o777)
        top = tempfile.mkdtemp()
        for name in ("a/b", "c/d"):
            os.makedirs(f"{top}/{name}")
        (pathlib.Path(top) / "a/file").write_text("gone")
        child = os.fork()
        if child == 0:
            ok = tree.libc.unshare(CLONE_NEWNS) == 0
            ok = ok and tree.libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
            ok = ok and tree.libc.mount(os.fsencode(other), os.fsencode(f"{top}/a/b"), None, MS_BIND, None) == 0
            tree.libc.umount2 = lambda *_: -1
            if ok:
                tree.remove_tree(top)
            os._exit(0 if ok else 1)
        check_eq(os.waitpid(child, 0)[1], 0)
        check_eq(sorted(os.listdir(other)), ["kept"])
        check_eq(sorted(str(p.relative_to(top)) for p in pathlib.Path(top).rglob("*")), ["a", "a/b"])
        tree.remove_tree(top)


@test
def what_is_executed_comes_from_a_directory_of_ones_own():
    with tempfile.TemporaryDirectory() as top:
        tree.own_dir(f"{top}/a/b")
        tree.own_dir(f"{top}/a/b")
        os.mkdir(f"{top}/open")
        os.symlink("a", f"{top}/link")
        pathlib.Path(f"{top}/file").write_text("")
        bad = ["open", "link", "file"]
        os.chmod(f"{top}/open", 0o777)
        if os.geteuid() == 0:
            os.mkdir(f"{top}/other", 0o755)
            os.chown(f"{top}/other", 1, 1)
            bad.append("other")
        for name in bad:
            try:
                tree.own_dir(f"{top}/{name}")
            except (PermissionError, FileExistsError):
                continue
            check(False, f"{name} was taken")


main()

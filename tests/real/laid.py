# SPDX-License-Identifier: Apache-2.0
"""Repositories that the tests of tools lay out, and commands that have to work in them under a mode as they do outside."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
from tap import check_eq, skip  # noqa: E402  pylint: disable=wrong-import-position

SYSTEM = "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin"
MODE = ("--mode", "workspace_write")
# Homes are laid out by the tests: no variable of the caller's moves a part of them.
for _name in ("CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT", "PYENV_VERSION", "NVM_DIR", "GOMODCACHE", "GOPATH", "GOFLAGS", "VIRTUAL_ENV"):
    os.environ.pop(_name, None)


def sh(*argv, cwd, env=None):
    return subprocess.run([str(a) for a in argv], cwd=cwd, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True, timeout=170)


def git(d, *words):
    env = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    r = sh("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", *words, cwd=d, env=env)
    check_eq(r.returncode, 0, f"git {words}: {r.stdout}")
    return r.stdout


def lay(p, files):
    """(clone, worktree) of a repository that holds files."""
    for name, text in files.items():
        p.write(name, text)
    git(p.ws, "init", "-q")
    git(p.ws, "add", "-A")
    git(p.ws, "commit", "-q", "-m", "all")
    git(p.ws, "worktree", "add", "-q", "-b", "work", str(p.base / "tree"))
    return [("clone", p.ws), ("worktree", p.base / "tree")]


def inside(p, d, *argv, env=None, words=()):
    return p.run(*MODE, *words, "--fail-on-violation", "--", *argv, cwd=d, env=env, timeout=170)


def as_outside(p, files, commands, env):
    """Each command that works in a clone and in a worktree outside works there inside, with no refusal."""
    ran = 0
    for where, d in lay(p, files):
        for argv in commands:
            if not shutil.which(argv[0], path=env["PATH"]) or sh(*argv, cwd=d, env=env).returncode:
                continue    # the toolchain is not there, or has no such part
            sh("git", "-c", "safe.directory=*", "clean", "-fdxq", "-e", "vendor", cwd=d) if argv == commands[0] else None
            r = inside(p, d, *argv, env=env)
            check_eq(r.code, 0, f"{where}: {argv}: {r.out}{r.err}")
            ran += 1
    if not ran:
        skip(f"no {commands[0][0]} that works here")


def tool(path, text="#!/bin/sh\necho ${0}\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path

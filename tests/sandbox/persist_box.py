# SPDX-License-Identifier: Apache-2.0
"""What the tests of names that run code later, and of git in a run, share: repositories, files that no mode keeps the command from, a run under
a plain write grant."""
import json
import os
import pathlib
import shutil
import subprocess

from tap import check, check_eq, skip

WHO = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*", "-c", "protocol.file.allow=always"]


def git(where, *words, ok=True):
    r = subprocess.run(["git", *WHO, *words], cwd=where, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, capture_output=True,
                       text=True, check=False)
    if ok:
        check_eq(r.returncode, 0, f"git {words}: {r.stderr}")
    return r.stdout


def repository(where):
    if not shutil.which("git"):
        skip("there is no git")
    where.mkdir(parents=True, exist_ok=True)
    git(where, "init", "-q", ".")
    (where / "a").write_text("one\n")
    git(where, "add", "a")
    git(where, "commit", "-q", "-m", "one")
    return where


def put(p, name, text="mine\n"):
    path = p.ws / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def open_up(p):
    """No mode of a file is what keeps the command out."""
    for top, dirs, files in os.walk(p.ws):
        for n in ["", *dirs, *files]:
            if not os.path.islink(os.path.join(top, n)):
                os.chmod(os.path.join(top, n), 0o777)


def snapshot(top):
    """Every name below top, with what it is."""
    return {str(f.relative_to(top)): (f.lstat().st_mode, os.readlink(f) if f.is_symlink() else f.read_bytes() if f.is_file() else b"")
            for f in sorted(pathlib.Path(top).rglob("*"))}


def run(p, script, *words, write="."):
    """-> what ward said, and the outcome"""
    out = p.ws.parent / "outcome.json"
    r = p.run("--outcome", str(out), "--write", write, *words, "sh", "-c", script)
    return r, json.loads(out.read_text())


def late(o):
    return {os.path.basename(n["path"]): n["what"] for n in o["late_names"]["names"]}


def bad_hook(p):
    """-> what a hook that was planted would make, and the shell line that plants one in D/hooks."""
    mark = p.base / "marks/ran"
    mark.parent.mkdir()
    mark.parent.chmod(0o777)
    return mark, f"printf '#!/bin/sh\\ntouch {mark}\\n' > hook; chmod 755 hook; "


def plant(where):
    return f"mkdir -p {where}/hooks 2>/dev/null; cp hook {where}/hooks/post-commit; cp hook {where}/hooks/pre-commit; cp hook {where}/hooks/post-checkout; "


def config(where, mark):
    return f"printf '[core]\\n\\tfsmonitor = \"touch {mark}; false\"\\n\\thooksPath = {mark.parent}/none\\n' >> {where}/config; "


def nothing_runs(p, mark, *places):
    for one in places:
        git(one, "status", ok=False)
        git(one, "commit", "-q", "--allow-empty", "-m", "two", ok=False)
        git(one, "checkout", "-q", "-b", "other", ok=False)
    check(not mark.exists(), "git ran what the run had planted")

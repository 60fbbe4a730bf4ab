#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A workspace on a file system that takes no heed of case, and of which the kernel does not know it: NTFS by lowntfs-3g, as what
Windows or a Mac shares with its guests. A mount on one spelling of a file is on none of the others, so that nothing that
takes a file away is held there, and the plan has to say so. As an ordinary user: root's trees cannot be ID-mapped there.
"""
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from tap import PATIENCE, check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

DIR = pathlib.Path("/mnt")


def serve(image, said):
    """As root, until the test has ended, whatever it has become: its end of a pipe is closed then."""
    alive, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(alive)
        return pid, held
    os.close(held)
    with subprocess.Popen(["lowntfs-3g", image, DIR, "-o", "ignore_case,allow_other,umask=0,no_detach"], stdin=subprocess.DEVNULL,
                          stdout=said, stderr=said) as server:
        while server.poll() is None and not select.select([alive], [], [], 0.1)[0]:
            pass
        server.kill()
    os._exit(0)


def caseless():
    """/mnt is one, of the user whom the test becomes. Its mount ends with the namespace."""
    box.private_mounts()
    box.bound_fuse()
    if not shutil.which("lowntfs-3g") or not shutil.which("mkntfs"):
        skip("lowntfs-3g is not installed")
    fd, image = tempfile.mkstemp(prefix="ward-caseless-")
    os.truncate(fd, 16 << 20)
    os.close(fd)
    subprocess.run(["mkntfs", "-qF", image], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    before = os.stat(DIR).st_dev
    with tempfile.TemporaryFile() as said:
        pid, caseless.held = serve(image, said)
        until = time.monotonic() + 60 * PATIENCE
        while os.stat(DIR).st_dev == before:
            if os.waitpid(pid, os.WNOHANG)[0]:
                said.seek(0)
                skip(f"lowntfs-3g: {said.read().decode(errors='replace').strip()}")
            check(time.monotonic() < until, "no mount came")
            time.sleep(0.02)
    os.unlink(image)


caseless.held = None


def there(fn):
    def test(p):
        if not caseless.held:
            skip("root makes the file system, and is its user then")
        fn(p)
    test.__name__ = fn.__name__
    box._register(test, "user", (lambda: box.become_user(caseless)) if os.geteuid() == 0 else None)  # pylint: disable=protected-access
    return test


def put(name, text):
    path = DIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


FORBID = 'forbid(principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"%s");\n'
SECOND_NAME = "takes no heed of case"


@there
def what_is_forbidden_is_said_not_to_be_held(p):
    put("secret", "PLANTED\n")
    check_eq((DIR / "SECRET").read_text(), "PLANTED\n", "it is no such file system")
    for mode in ("--read", "--write"):
        (p.side / "p.cedar").write_text(FORBID % (DIR / "secret"))
        words = ["--outcome", p.outcome_file, "--policy", p.side / "p.cedar", mode, DIR, "cat", DIR / "SECRET"]
        r = p.run(*words)
        check_eq((r.code, r.out), (125, ""), r.err)
        for part in ("axis files would be advisory", f'"{DIR}/secret" is held by its name', SECOND_NAME, "--accept files=advisory"):
            check_in(part, r.err)
        r = p.run("--accept", "files=advisory", *words)
        check_eq(json.loads(p.outcome_file.read_text())["axes"]["files"], "advisory", r.err)


@there
def a_name_of_other_letters_is_said_not_to_be_held(p):
    """Seen by a directory above it, where that has letters that everybody knows; where none has, it is not known, and said all the same."""
    for name, other in (("d/\u043a\u043b\u044e\u0447", "d/\u041a\u041b\u042e\u0427"), ("\u043a\u043b\u044e\u0447", "\u041a\u041b\u042e\u0427")):
        put(name, "PLANTED\n")
        (p.side / "p.cedar").write_text(FORBID % (DIR / name))
        r = p.run("--policy", p.side / "p.cedar", "--read", DIR, "cat", DIR / other)
        check_eq((r.code, r.out), (125, ""), r.err)
        check_in(SECOND_NAME, r.err)
    # Digits have no case.
    put("17", "PLANTED\n")
    (p.side / "p.cedar").write_text(FORBID % (DIR / "17"))
    r = p.run("--policy", p.side / "p.cedar", "--read", DIR, "true")
    check_eq(r.code, 0, r.err)


@there
def what_may_only_be_read_is_said_not_to_be_held(p):
    put("note", "as it was\n")
    (p.side / "p.cedar").write_text('forbid(principal, action == Ward::Action::"fs.write", resource == Ward::Path::"%s");\n' % (DIR / "note"))
    r = p.run("--policy", p.side / "p.cedar", "--write", DIR, "sh", "-c", f"echo other >{DIR}/NOTE")
    check_eq((r.code, (DIR / "note").read_text()), (125, "as it was\n"), r.err)
    check_in(SECOND_NAME, r.err)


@there
def a_directory_is_held_by_every_spelling(p):
    put("secret/x", "PLANTED\n")
    (p.side / "p.cedar").write_text(FORBID % (DIR / "secret"))
    r, o = p.outcome("--policy", p.side / "p.cedar", "--write", DIR, "sh", "-c",
                     f"cat {DIR}/secret/x {DIR}/SECRET/X {DIR}/Secret/x; mv {DIR}/SECRET {DIR}/away; rm -rf {DIR}/Secret; true")
    check_eq((r.out, o["axes"]["files"], (DIR / "secret/x").read_text()), ("", "enforced", "PLANTED\n"), r.err)


@there
def a_name_that_runs_code_later_is_warned_of_and_listed(p):
    put(".envrc", "as it was\n")
    put(".vscode/tasks.json", "as it was\n")
    r, o = p.outcome("--write", DIR, "sh", "-c", f"echo evil >{DIR}/.ENVRC; echo evil >{DIR}/.VSCODE/TASKS.JSON; true")
    check_eq((DIR / ".vscode/tasks.json").read_text(), "as it was\n", "what lies in a held directory is held by every spelling")
    check_in(f'"{DIR}/.envrc" is not held', r.err)
    check_in(SECOND_NAME, r.err)
    check_in(str(DIR / ".envrc"), json.dumps(o["late_names"]))


@there
def where_case_counts_nothing_of_it_is_said(p):
    p.write("secret", "PLANTED\n", 0o644)
    p.write(".envrc", "as it was\n", 0o644)
    (p.side / "p.cedar").write_text(FORBID % (p.ws / "secret"))
    r, o = p.outcome("--policy", p.side / "p.cedar", "--write", ".", "sh", "-c", "cat secret SECRET; true")
    check_eq((r.out, o["axes"]["files"]), ("", "enforced"), r.err)
    check(SECOND_NAME not in r.err, r.err)


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cure of each refusal, followed to the letter: the next start takes it, what was refused is done then, and never is the same said twice."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from asking import tool    # noqa: E402  pylint: disable=wrong-import-position
from box import both    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in    # noqa: E402  pylint: disable=wrong-import-position

LREMOVEXATTR = """import errno, os, sys
try:
    os.removexattr(sys.argv[1], "user.none", follow_symlinks=False)
except OSError as e:
    sys.exit(e.errno == errno.EROFS)
"""
# What is done, and how many starts with a cure more it may take: what was asked for next is known when the first is granted.
DONE = {
    "cat f": 1,
    "cat \"it's*\"": 1,
    "cat sub[1]/x": 1,
    "cat l": 1,
    "ls d": 1,
    "stat f": 1,
    "readlink l": 1,
    "echo x >f": 2,
    "echo x >>l": 2,
    "echo x >n": 1,
    "mkdir -p n/m && echo x >n/m/o": 1,
    "rm f": 2,
    "rm l": 2,
    "rmdir e": 2,
    "rm -r d": 3,
    "mv f f2": 2,
    "mv l l2": 2,
    "mv d d2": 2,
    "mv f d/f": 3,
    "ln -s f n": 1,
    "ln f n": 2,
    "chmod 600 f": 2,
    "touch -d @0 f": 2,
    "touch -d @0 l": 2,
    "touch -h -d @0 l": 2,
    "chown -h $(id -u) l": 2,
    "chown -h $(id -u) f": 2,
    f"python3 -c {shlex.quote(LREMOVEXATTR)} f": 2,
}
PROFILE = """schemaVersion: 2
kind: Policy
metadata: {name: p}
spec:
  fsProfiles:
    small: {read: [e, "sub[1]/**"], modify: [e], allowExec: ["*"]}
"""


def tree(at):
    shutil.rmtree(at, ignore_errors=True)
    for d in ("d", "e", "sub[1]"):
        (at / d).mkdir(parents=True)
    for f in ("f", "it's*", "sub[1]/x", "d/x"):
        (at / f).write_text("x\n")
    for name, to in (("l", "f"), ("far", "/etc/passwd"), ("none", "nothing")):
        (at / name).symlink_to(to)
    return at


def steps(p, base, at, what):
    """The cures that were followed until it was done, and the violations that were said then."""
    said, more = [], []
    while True:
        tree(at)
        r, o = p.outcome(*base, *more, "--", "sh", "-c", f"cd {shlex.quote(str(at))} 2>/dev/null; {what}")
        check(o["status"] == "exited", f"{base} {more} {what}: {r.err}")
        if r.code == 0:
            return said, o["violations"]
        new = [v for v in o["violations"] if v["cure"] and shlex.split(v["cure"])[-1] not in more]
        check(new, f"{base} {more} {what}: no cure, or the same again: {o['violations']} {r.err}")
        for v in new:
            a = tool(p, "allow", "--audit", p.log, f"{o['run']}#{v['seq']}")
            check_eq((a.code, a.out), (0, v["cure"] + "\n"), a.err)
            more += shlex.split(v["cure"])
        said.append(new)


def followed(p, *base):
    at = p.ws / "here"
    for what, most in DONE.items():
        said, _ = steps(p, base, at, what)
        check(len(said) <= most, f"{base} {what}: {json.dumps(said, indent=1)}")


@both
def with_nothing_granted(p):
    # The directory that it is in is to be entered first.
    at = p.ws / "here"
    for what, most in DONE.items():
        said, _ = steps(p, ["--cap", f"FILE_READ:{at}/."], at, what)
        check(len(said) <= most + 1, f"{what}: {json.dumps(said, indent=1)}")


@both
def what_may_be_read(p):
    followed(p, "--read", ".")


@both
def under_a_mode_and_under_review(p):
    """What the mode itself says no to (a hook) has no cure; all else is outside of it, or done."""
    at = tree(p.base / "out")
    at.chmod(0o755)
    for base in (["--mode", "workspace_write"], ["--mode", "repo_write", "--review"]):
        for what in ("cat f", "echo x >n", "rm l", "rmdir e", "mv d d2"):
            said, _ = steps(p, base, at, what)
            check(len(said) <= 3, f"{base} {what}: {json.dumps(said, indent=1)}")


@both
def beside_a_mount(p):
    """A directory on the way to a grant is Ward's own, and belongs to what it lies in: what is refused there is named as well."""
    at = p.ws / "here"
    for what in ("echo x >n", "echo x >f", "rm f", "mkdir m", "mv l l2", "rmdir e"):
        said, _ = steps(p, ["--read", ".", "--write", at / "sub[1]"], at, what)
        check(1 <= len(said) <= 2, f"{what}: {json.dumps(said, indent=1)}")


@both
def under_a_profile(p):
    followed(p, "--profile", "reviewer")


@both
def under_a_profile_of_a_document(p):
    (p.side / "p.yaml").write_text(PROFILE)
    at = p.ws / "here"
    for what in ("cat here/f", "ls here/d", "cat 'here/sub[1]/x'", "cat here/l"):
        said, _ = steps(p, ["--policy", p.side / "p.yaml", "--profile", "small"], at, f"cd {p.ws}; {what}")
        check(len(said) <= 3, f"{what}: {json.dumps(said, indent=1)}")


@both
def a_name_is_its_directory_s(p):
    """What a link leads to, or what a directory holds, is not its name: the first cure is the one that is needed."""
    at = tree(p.ws / "here")
    for what in ("rm l", "mv l l2", "rm f", "mv f f2", "rmdir e", "mv d d2"):
        said, _ = steps(p, ["--read", "."], at, what)
        check_eq([[v["cure"] for v in new] for new in said], [[f"--cap 'FILE_WRITE:{at}/**'"]], what)
    # A link itself is changed by its directory's grant, and what is none, by whatever call, by its own.
    for what, cure in (("touch -h -d @0 l", "**"), ("touch -h -d @0 far", "**"), ("touch -h -d @0 none", "**"), ("chown -h $(id -u) l", "**"),
                       ("touch -h -d @0 f", "f"), ("chown -h $(id -u) f", "f"), ("chown $(id -u) l", "f"),
                       (f"python3 -c {shlex.quote(LREMOVEXATTR)} f", "f"), (f"python3 -c {shlex.quote(LREMOVEXATTR)} l", "**")):
        said, _ = steps(p, ["--read", "."], at, what)
        check_eq([[v["cure"] for v in new] for new in said], [[f"--cap 'FILE_WRITE:{at}/{cure}'"]], what)
    # What it leads to may be written: the link itself may not.
    said, _ = steps(p, ["--read", ".", "--write", at / "f"], at, "touch -h -d @0 l")
    check_eq([[v["cure"] for v in new] for new in said], [[f"--cap 'FILE_WRITE:{at}/**'"]])
    for grant, what in (("e", "rmdir e"), ("d", "mv d d2"), ("d", "rm -r d")):
        tree(at)
        _, o = p.outcome("--read", ".", "--write", at / grant, "--", "sh", "-c", f"cd here; {what}")
        said = [v for v in o["violations"] if v["resource"] == f"{at}/{grant}"]
        check_eq([v["cure"] for v in said], [f"--cap 'FILE_WRITE:{at}/**'"], f"{what}: {o['violations']}")
    tree(at)
    r, o = p.outcome("--read", ".", "--write", at / "d", "--", "mv", "here/d", "here/d2")
    check_in("granted by itself: a grant of a directory gives what is in it, and not its name", r.err)
    check((at / "d").is_dir(), "moved")


@both
def what_is_held_is_given_by_its_own_name(p):
    """Its directory is granted already; git config replaces the file."""
    at = p.ws / "here"
    for what, cure in (("git -C g config a.b c", "g/.git/config"), ("echo y >e2; mv -f e2 .envrc", ".envrc"), ("rm .envrc", ".envrc"), ("echo y >.envrc", ".envrc"),
                       ("mv .vscode v", ".vscode/**"), ("rm -r .vscode", ".vscode/**"), ("rm .vscode/tasks.json", ".vscode/**")):
        more = []
        for wanted in (False, True):
            tree(at)
            (at / ".vscode").mkdir()
            for n in (".envrc", ".vscode/tasks.json"):
                (at / n).write_text("x\n")
            subprocess.run(["git", "init", "-q", at / "g"], check=True)
            r, o = p.outcome("--write", ".", *more, "--", "sh", "-c", f"cd here; {what}")
            check_eq(r.code == 0, wanted, f"{what} {more}: {r.err}")
            if not wanted:
                check_eq({v["cure"] for v in o["violations"]}, {f"--cap 'FILE_WRITE:{at}/{cure}'"}, f"{what}: {r.err}")
                more = shlex.split(o["violations"][0]["cure"])


@both
def a_name_in_a_home_has_no_cure(p):
    """Its directory is no grant; what is there is not to be made, and what is not is."""
    os.environ["HOME"] = str(p.home)
    (p.home / "zz").write_text("x\n")
    (p.home / "w").mkdir(mode=0o755)
    taken, made = "; that takes a grant of its directory, and all of your home is no grant", "; make it outside, and grant it then: all of your home is no grant"
    for what, grant, why in ((f"rm -f {p.home}/zz", p.home / "zz", taken), (f"rmdir {p.home}/w", p.home / "w/**", taken),
                             (f"mkdir {p.home}/n", p.home / "**", made)):
        r, o = p.outcome("--cap", f"FILE_READ:{grant}", "--", "sh", "-c", what)
        check(r.code != 0, what)
        check_eq([v["cure"] for v in o["violations"]], [None], f"{what}: {r.err}")
        check_in(why, r.err)


@both
def a_link_that_is_not_shown(p):
    """FUSE answers for it: the name is a link of the view."""
    at = tree(p.ws / "here")
    for what in ("rm", "unlink"):
        r, o = p.outcome("--cap", f"FILE_WRITE:{at}/l", "--", what, at / "l")
        check(r.code != 0 and (at / "l").is_symlink(), "removed")
        check_eq([v["cure"] for v in o["violations"]], [f"--cap 'FILE_WRITE:{at}/**'"], r.err)


box.main(at_once=3)

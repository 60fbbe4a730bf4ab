#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Each layer of a start is left out in turn (ward-mutated, see src/confine/native/mutations.h): the start has to fail, say which
promise it is, and execute nothing. With a view and without one, as root and as an ordinary user, where the layer is there.
"""
import os
import pathlib
import platform
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
import cli    # noqa: E402  pylint: disable=wrong-import-position
import table    # noqa: E402  pylint: disable=wrong-import-position
from box import both    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip, test    # noqa: E402  pylint: disable=wrong-import-position

ACCEPT = [*cli.ACCEPT_ALONE, "--accept", "files.meta=none", "--accept", "memory=sampled", "--accept", "pids=sampled"]
ROOT_ONLY = {"uid", "host-root", "groups"}    # what only root's runs give up
SHARED = {"propagation"}
MS_RDONLY = 1
MASKED = '@id("no") forbid(principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource) when { resource in Ward::Path::"{ws}/secret" };\n'
REAL = cli.WARD


def mutated(p, name, *words, **more):
    shutil.rmtree(p.ws / "made", ignore_errors=True)
    p.outcome_file.unlink(missing_ok=True)
    env = {"WARD_MUTATION": name, "HOME": str(more.pop("home", os.environ.get("HOME", "/nonexistent")))}
    return p.run("--outcome", p.outcome_file, "--write", ".", *words, "mkdir", "made", env=env, **more)


def says(r, by):
    first = r.err.splitlines()[0] if r.err else ""
    if by.startswith("STAGE_"):
        return table.stages()[by] in first or (by in ("STAGE_CLONE", "STAGE_RIGHTS", "STAGE_PROC", "STAGE_EGRESS") and "axis" in first)
    axis, text = table.probes()[by]
    return f"self-test: axis {axis} is not held: {text}" in first


def layer(p, row, by, words):
    """Left out, the start fails by that; and the very same start goes through with nothing left out."""
    more = {}
    if row.id == "DESCRIPTOR":
        fd = os.open("/", os.O_PATH)
        os.set_inheritable(fd, True)
        more["pass_fds"] = [fd]
    p.ws.chmod(0o777)    # without a view root's run is somebody else
    if row.id == "GROUPS":
        more["preexec_fn"] = lambda: os.setgroups([54321])
    if row.id == "MASK":
        (p.ws / "secret").mkdir()
        words = [*words, "--profile", "implementer", "--policy", str(p.write("../side/mask.cedar", MASKED.replace("{ws}", str(p.ws))))]
    if row.id == "REVIEW":
        words = [*words, "--review"]
    if row.id == "CACHES":
        (p.home / ".npm/_cacache").mkdir(parents=True)
        more["home"] = p.home
        words = [*words, "--caches=npm"]
    if row.id == "CAPTURE":
        words = [*words, "--cap", "NETWORK_CONNECT:203.0.113.1:443"]
    r = mutated(p, "", *words, **more)
    check_eq(r.code, 0, f"nothing was left out: {r.err}")
    made = [p.ws / "made"] if row.id != "REVIEW" else list((p.side / "state/ward/runs").glob("*/layer/upper/made"))
    check(made and made[0].is_dir(), "the test sees nothing")
    if row.id == "CGROUP" and "cgroup v" not in p.run(*words, "true", kind=("plan",), log=False).out:
        skip("no cgroup can be had here")
    r = mutated(p, row.name, *words, **more)
    check_eq(r.code, 125, f"{row.text}, and nothing was noticed: {r.err}")
    check(not (p.ws / "made").exists(), f"{row.text}, and the command was executed")
    check(says(r, by), f"{row.text}: not by {by}: {r.err}")
    check_eq(box.leftovers(1.0), {}, "processes are left")


def register(row):
    who = box.root_only if row.name in ROOT_ONLY else box.both_with_shared_mounts if row.name in SHARED else both
    if row.id == "FILTER_X32" and platform.machine() != "x86_64":
        return

    def view(p):
        layer(p, row, row.view, [])

    def plain(p):
        box.without_user_namespaces()
        layer(p, row, row.plain, ACCEPT)
    view.__name__ = f"{row.name}, with a view"
    plain.__name__ = f"{row.name}, without a view"
    if row.view != "NONE":
        who(view)
    if row.plain != "NONE":
        who(plain)


for one in table.rows():
    register(one)


@box.root_only
def what_the_host_has_mounted_there_is_not_taken_for_it(p):
    """Below a grant, where the plan mounts as well: with a layer left out the host's mount is what is there, and for reading it may be."""
    box.private_mounts()
    rows = {r.id: r for r in table.rows()}
    for name in ("secret", ".git", ".ward", "sub"):
        (p.ws / name).mkdir()
        box.mount("ward-test", str(p.ws / name), "tmpfs", 0 if name == "sub" else MS_RDONLY, "mode=0755")
    p.ws.chmod(0o777)
    masked = ["--profile", "implementer", "--policy", str(p.write("../side/mask.cedar", MASKED.replace("{ws}", str(p.ws))))]
    for row, words in ((rows["MASK"], masked), (rows["SEAL"], masked), (rows["READ_ONLY"], ["--read", p.ws / "sub"]), (rows["PROPAGATION"], ["--write", p.ws / "sub"])):
        if row.id == "PROPAGATION":
            box.mount("none", "/", None, box.MS_REC | box.MS_SHARED)
        r = mutated(p, "", *words)
        check_eq(r.code, 0, f"{row.text}: nothing was left out: {r.err}")
        r = mutated(p, row.name, *words)
        check_eq(r.code, 125, f"{row.text}, and nothing was noticed: {r.err}")
        check(says(r, "PROBE_MOUNTS"), r.err)


@test
def nothing_of_it_is_in_ward():
    text, with_it = pathlib.Path(REAL).read_bytes(), pathlib.Path(os.environ["WARD_MUTATED"]).read_bytes()
    names = [r.name for r in table.rows() if "-" in r.name] + ["WARD_MUTATION"]
    check_eq([n for n in names if n.encode() + b"\0" in text], [], "in ward")
    check_eq([n for n in names if n.encode() + b"\0" not in with_it], [], "the test looks for what is nowhere")


@test
def every_probe_is_tried():
    used = {by for r in table.rows() for by in (r.view, r.plain)}
    # What these try is left out by no single layer: seccomp refuses it, and the namespace has none of it (an interface beside lo, too).
    spare = {"PROBE_KEYCTL", "PROBE_VSOCK", "PROBE_CONNECT", "PROBE_ROOT_WRITE", "PROBE_SYSCTL", "PROBE_INTERFACES"}
    check_eq({p for p in table.probes() if p not in used}, spare)


@test
def the_page_says_what_the_code_does():
    check_in(table.BEGIN, table.PAGE.read_text())
    check_eq(table.documented(), table.table(), "run tests/selftest/table.py --fix")


if __name__ == "__main__":
    cli.WARD = os.environ["WARD_MUTATED"]
    box.main()

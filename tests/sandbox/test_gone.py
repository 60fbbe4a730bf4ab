#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Below what a run may write something is mounted whose server is gone: it is left out, and that is said. The run starts, and waits for nobody."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from fuse_box import ENDED, HANGS, Dead    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

HOW = {"io": "EIO", "down": "EHOSTDOWN", "slow": "ETIMEDOUT", "stale": "ESTALE", "lost": "ENOTCONN", "ended": ENDED, "hangs": HANGS}
WS = pathlib.Path("/mnt/ws")
dead = {}


def gone():
    """/mnt/ws has one of each. Their mounts end with the namespace."""
    box.private_mounts()
    box.mount("ward-test", "/mnt", "tmpfs", 0, "mode=0777")
    box.bound_fuse()
    WS.mkdir()
    (WS / "sub").mkdir()
    for name, how in HOW.items():
        (WS / "sub" / name).mkdir()
        (WS / "sub" / name / "below").write_text("what is mounted hides it\n")
        dead[name] = Dead(WS / "sub" / name, how)
    (WS / ".envrc").write_text("mine\n")
    for x in (WS, WS / "sub", WS / ".envrc"):
        x.chmod(0o777)


def run(p, *words):
    """In the workspace, bounded: what hangs is ended by the servers' end."""
    p.ws = WS
    with p.start("--outcome", str(p.base / "o"), *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as q:
        try:
            out, err = q.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            q.kill()
            raise
    return q.returncode, out.decode(), err.decode()


def what_does_not_answer_is_left_out_of_a_write_grant(p):
    if not dead:
        skip("root mounts it, and is its user then")
    began = time.monotonic()
    code, out, err = run(p, "--write", ".", "sh", "-c",
                         "echo x > fresh && echo written; echo x >> .envrc; for d in sub/*; do ls -A $d && echo open; echo x > $d/evil && echo evil; done; true")
    check_eq((code, out), (0, "written\n"), err)
    check(time.monotonic() - began < 20, "it waited")
    for name in HOW:
        check_in(f'ward: warning: "{WS}/sub/{name}" is left out: what is mounted there {"does not answer" if name in ("hangs", "slow") else "answers by an error"}', err)
    check_eq((WS / ".envrc").read_text(), "mine\n", err)   # what lies beside it is looked through as ever
    late = json.loads((p.base / "o").read_text())["late_names"]
    check_eq((late["names"], late["complete"]), ([], True))
    for d in dead.values():
        d.end()


box._register(what_does_not_answer_is_left_out_of_a_write_grant, "user",  # pylint: disable=protected-access
              (lambda: box.become_user(gone)) if os.geteuid() == 0 else None)


@box.root_only
def a_dead_mount_below_a_grant_is_none_of_wards_own_files(p):
    """Whether it is one more name of them is answered without its server."""
    gone()
    code, out, err = run(p, "--review", "sh", "-c", "echo x > fresh && echo written")
    check_eq((code, out), (0, "written\n"), err)
    for d in dead.values():
        d.end()


box.main()

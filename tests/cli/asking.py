# SPDX-License-Identifier: Apache-2.0
"""Runs that ask somebody before they start, and ward's tools that answer: for the tests of docs/approvals.md."""
import json
import os
import subprocess
import time

from cli import PATIENCE, ROOT, WARD, Result

POLICY = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"proc.exec", resource);
@id("t.out") @approval("risky") @reason("results are written")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./out");
@approval("critical")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./keys");
"""
ONE = POLICY[:POLICY.index("@approval(\"critical\")")]


def policy(p, text=POLICY):
    for name in ("out", "keys"):
        (p.ws / name).mkdir(exist_ok=True)
        (p.ws / name).chmod(0o777)
    path = p.side / "p.cedar"
    path.write_text(text)
    return "--policy", path


def approvals(p):
    """The records about approvals, in order."""
    if not p.log.exists():
        return []
    return [r for r in map(json.loads, p.log.read_text().splitlines()) if r["kind"].startswith("approval.")]


def config(p, name="approved.cedar"):
    return p.side / "config/ward" / name


def said(p):
    return [(e["kind"], e["detail"].get("scope"), e["detail"]["by"]["how"]) for e in approvals(p) if "by" in e["detail"]]


def runtime(p):
    d = p.side / "run"
    d.mkdir(mode=0o700, exist_ok=True)
    return {"XDG_RUNTIME_DIR": str(d)}


def sockets(p):
    return ROOT.__class__("/run/ward" if os.geteuid() == 0 else p.side / "run/ward")


def tool(p, *words, **env):
    r = subprocess.run([WARD, *words], env=p.env(**runtime(p), **env), capture_output=True, text=True, timeout=30, check=False)
    return Result(r.returncode, r.stdout, r.stderr)


def waiting(p, *words):
    """A run that waits, and its questions."""
    os.environ.update(runtime(p))
    q = p.start("--ask", "wait", *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 20 * PATIENCE
    while time.monotonic() < end:
        for run in json.loads(tool(p, "pending", "--json").out)["runs"]:
            if run["pid"] == q.pid:
                return q, run
        time.sleep(0.02)
    raise AssertionError("does not wait: " + str(q.poll()))

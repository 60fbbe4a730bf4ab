# SPDX-License-Identifier: Apache-2.0
"""What must hold of a run, and of the host after it, whatever failed in between. Shared by the tests that make one thing fail."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box    # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq    # noqa: E402  pylint: disable=wrong-import-position

SEED = int(os.environ.get("WARD_FAULT_SEED", str(random.randrange(1 << 30))))
PATIENCE = 90
HANGS = 99      # of inject.c: something did not end


def chain(p):
    """The records, each of them chained; what a log on a failing disk is as well. A torn last line is the next start's."""
    if not p.log.exists():
        return []
    found, prev, data = [], "0" * 64, p.log.read_bytes()
    for line in data[:data.rfind(b"\n") + 1].splitlines():
        rec = json.loads(line)
        check_eq((rec["prev"], rec["hash"]), (prev, hashlib.sha256(line.rpartition(b',"hash":')[0]).hexdigest()), "the chain")
        prev = rec["hash"]
        found.append(rec)
    return found


def fresh(p):
    for f in list(p.side.iterdir()):
        if f.is_dir():
            shutil.rmtree(f)
        else:
            f.unlink()
    for f in p.ws.iterdir():
        shutil.rmtree(f) if f.is_dir() else f.unlink()


def one_end(p, what):
    """Each start has one end, or gets it from the next start."""
    records = chain(p)
    starts = {r["run"] for r in records if r["kind"] == "run.start"}
    ends = [r["run"] for r in records if r["kind"] == "run.end"]
    check_eq(sorted(ends), sorted(starts & set(ends)), f"{what}: more ends than starts")
    return starts - set(ends)


def after(p, what, mounts):
    """What is left, before and after a start that nothing happens to."""
    check_eq(box.leftovers(5.0), {}, f"{what}: processes")
    check_eq(pathlib.Path("/proc/self/mountinfo").read_text(), mounts, f"{what}: mounts")
    runs = pathlib.Path(f"{p.log}.runs")
    if one_end(p, what) or (runs.is_dir() and os.listdir(runs)) or os.listdir(p.ws) not in ([], ["made"]):
        r = p.run("true")
        check_eq(r.code, 0, f"{what}: the next start: {r.err}")
    check_eq(one_end(p, what), set(), f"{what}: a start without an end")
    check_eq(os.listdir(runs) if runs.is_dir() else [], [], f"{what}: runs that have begun")
    check(set(os.listdir(p.ws)) <= {"made"}, f"{what}: names in the workspace: {os.listdir(p.ws)}")


def says_why(r, what, hit):
    if hit and hit[0] in (1, 20) and not r.err:
        return      # it was the saying itself that failed
    first = r.err.splitlines()[0] if r.err else ""
    check(first.startswith("ward: ") and len(first) > 12, f"{what}: result {r.code}, and no word why: {r.err!r}")


def settle(p):
    if os.geteuid() == 0:
        box.private_mounts()    # what others mount meanwhile is not looked at
    p.ws.chmod(0o777)
    run = p.base / "run"
    run.mkdir(mode=0o700)
    os.environ.update({"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "XDG_RUNTIME_DIR": str(run)})


def judge(p, r, what, hit):
    made = (p.ws / "made").exists()
    check(r.code != HANGS, f"{what}: something does not end")
    said = json.loads(p.outcome_file.read_text()) if p.outcome_file.exists() and p.outcome_file.stat().st_size else {"status": None}
    if r.code >= 128 and said["status"] == "signaled":
        return      # the command, whose view had nobody any more who serves it
    check(r.code < 128 or r.code == 137, f"{what}: ward was ended by signal {r.code - 128}: {r.err}")
    check(r.code != 0 or made, f"{what}: success, and nothing was done: {r.err}")
    # What was asked for beside the run, and could not be written afterwards, is 125 too.
    beside = any(line.startswith("ward: --outcome: cannot ") for line in r.err.splitlines())
    check(r.code not in (125, 126, 127) or not made or beside, f"{what}: {r.code}, and the command was executed: {r.err}")
    if r.code and said["status"] == "exited" and r.err:
        return      # the command says why: it was refused something that it would have got
    if r.code:
        says_why(r, what, hit)
    elif said["status"]:
        check_eq(said["status"], "exited", what)


def run_words(p):
    # Pins, policies, a log, an outcome: all that a run makes outside.
    return p.words("--mode", "workspace_write", "--outcome", p.outcome_file, "touch", "made")

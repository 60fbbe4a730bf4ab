#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
One situation, from inside of it (a container, a machine of tests/vm): Ward's own report, its plan, one run, and tests.

usage: inside.py JOB NAME OUT [SECONDS]    JOB: JSON of tests/vm/run or tests/containers/run; what came of it goes to OUT/result.json

With SECONDS it ends by then: a program that has not ended is ended, with its group, and what was not begun is listed as not_run.
"""
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time


def say(text):
    print(f"vm: {text}", flush=True)


def load_run_tests(root):
    loader = importlib.machinery.SourceFileLoader("run_tests", str(root / "tools/run-tests"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    loader.exec_module(module)
    return module


ACCEPT = "--accept processes=advisory"
LATE = "was not over after"


# ---- as whoever we are: one situation ----

def axes_of(text):
    try:
        return {a: v if isinstance(v, str) else v.get("level") for a, v in json.loads(text).get("axes", {}).items()}
    except ValueError:
        return {}


def accept_it(result, ward, out):
    """It does not start, and says what would have to be accepted: then with that."""
    words = ACCEPT.split()
    result["axes"] = axes_of(capture([ward, "plan", "--json", *words, "--", "true"], "plan-accepted.json", out)[1])
    result["accepted"] = capture([ward, "run", *words, "--outcome", str(out / "outcome.json"), "--", "true"], "run-accepted.txt", out)[0]
    os.environ["WARD_ESCAPE_OPTIONS"] = ACCEPT


def capture(argv, name, out, **more):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    (out / name).write_bytes(p.stdout)
    return p.returncode, p.stdout.decode(errors="replace")


def tap_lines(text):
    """[(passed, skipped, name)] of a program's own lines."""
    found = []
    for line in text.splitlines():
        m = re.match(r"(ok|not ok) \d+(?: - )?(.*)$", line)
        if m:
            name, _, tail = m.group(2).partition("#")
            found.append((m.group(1) == "ok", tail.strip().upper().startswith("SKIP"), name.strip(), tail.strip()))
    return found


def drawn(job, test, env):
    """Some of its cases, others for another seed; none named, if the program does not list them: it is run as a whole."""
    if not job.get("cases") or test["suite"][0].rpartition(":")[2] in ("escape", "unit"):
        return []
    listed = subprocess.run([*test["cmd"], "-l"], cwd=job["build"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            check=False).stdout.splitlines()
    if any(line.startswith(("TAP ", "1..")) for line in listed):
        return []
    return sorted(listed, key=lambda name: hashlib.sha256(f"{job['seed']}/{test['name']}/{name}".encode()).hexdigest())[:job["cases"]]


def run_test(job, test, out, seconds):
    """One program: (suite, passed, failed, skipped names). It and what it started and did not end are over afterwards."""
    env = dict(os.environ, **test["env"])
    suite = test["suite"][0].rpartition(":")[2]
    log = out / f"{suite}-{test['name']}.log"
    with log.open("wb") as to:
        p = subprocess.Popen([*test["cmd"], *drawn(job, test, env)], cwd=job["build"], env=env, stdin=subprocess.DEVNULL, stdout=to,
                             stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = p.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except OSError:
            pass
        p.wait()
    text = log.read_text(errors="replace")
    lines = tap_lines(text)
    bad = [name for ok, _, name, _ in lines if not ok]
    if code is None:
        bad.append(f"{LATE} {seconds:.0f} s")
    elif code and not bad and "1..0" not in text.splitlines():   # a program may have no test for this user
        bad.append(f"exit {code}: {(text.strip().splitlines() or ['no word'])[-1][:200]}")
    return suite, sum(ok and not skip for ok, skip, _, _ in lines), bad, [(n, why) for ok, skip, n, why in lines if ok and skip]


def run_tests(job, name, out, result, tools, until):
    """All of them, or as many as there is time for; who is next, the seed says, so that another one has others."""
    words, rules = result["words"], tools.load_required()
    ended_by_us, share = False, max((until - time.monotonic()) / 6, 60)   # no program has all of a short time
    for number, test in enumerate(job["tests"]):
        began = time.monotonic()
        if began >= until:
            result["not_run"] = [f"{t['suite'][0].rpartition(':')[2]}/{t['name']}" for t in job["tests"][number:]]
            say(f"{name}: no time for {len(result['not_run'])} programs")
            break
        suite, passed, bad, skipped = run_test(job, test, out, min(test["timeout"] * job["patience"], until - began, share))
        ended_by_us = ended_by_us or any(b.startswith(LATE) for b in bad)
        total = result["suites"].setdefault(suite, {"passed": 0, "failed": 0, "skipped": 0})
        total["passed"] += passed
        total["failed"] += len(bad)
        total["skipped"] += len(skipped)
        result["failed"] += [f"{suite}/{test['name']}: {b}" for b in bad]
        result["skipped"] += [f"{suite}/{test['name']}/{n}: {why}" for n, why in skipped]
        result["must_not_skip"] += [f"{suite}/{test['name']}/{n}: {why}" for n, why in skipped
                                    if tools.required(rules, words, [suite], test["name"], n)]
        say(f"{name}: {suite}/{test['name']}: {passed} passed, {len(bad)} failed, {len(skipped)} skipped"
            f" ({time.monotonic() - began:.0f} s){''.join(chr(10) + 'vm:    FAILED ' + b for b in bad)}")
        if bad:
            log = (out / f"{suite}-{test['name']}.log").read_text(errors="replace")
            print("\n".join([line[:300] for line in log.splitlines() if line.startswith("#")][:40]), flush=True)
    if ended_by_us:
        # What a ward that was killed has left, the next start takes away.
        capture([job["ward"], "run", "--", "true"], "swept.txt", out)


def situation(job, name, out, until):
    """As whoever we are, in the cgroup that we are in."""
    ward = job["ward"]
    tools = load_run_tests(pathlib.Path(job["source"]))
    words = tools.probe()
    result = {"situation": name, "uid": os.geteuid(), "cgroup": pathlib.Path("/proc/self/cgroup").read_text().strip(),
              "words": words, "suites": {}, "failed": [], "skipped": [], "must_not_skip": [], "not_run": []}
    capture([ward, "doctor"], "doctor.txt", out)
    result["doctor"] = capture([ward, "doctor", "--json"], "doctor.json", out)[0]
    result["plan"], text = capture([ward, "plan", "--json", "--", "true"], "plan.json", out)
    result["axes"] = axes_of(text)
    result["run"], said = capture([ward, "run", "--outcome", str(out / "outcome.json"), "--", "true"], "run.txt", out)
    result["refusal"] = said.strip() if result["run"] else ""
    if result["run"] == 125 and ACCEPT in said:
        accept_it(result, ward, out)
    if (out / "outcome.json").exists():
        outcome = json.loads((out / "outcome.json").read_text())
        result["attribution"] = outcome["attribution"]
        # What the start found out counts, not what the plan took for granted.
        if outcome["status"] == "exited":
            result["axes"] = outcome["axes"]
    say(f"{name}: {result['cgroup']}: {' '.join(words)}; doctor {result['doctor']}, plan {result['plan']}, run {result['run']}"
        + (f", accepted {result['accepted']}" if "accepted" in result else ""))
    run_tests(job, name, out, result, tools, until)
    (out / "result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    situation(json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2], pathlib.Path(sys.argv[3]),
              time.monotonic() + float(sys.argv[4]) if len(sys.argv) > 4 else float("inf"))

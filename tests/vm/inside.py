#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
One situation, from inside of it (a container, a machine of tests/vm): Ward's own report, its plan, one run, and tests.

usage: inside.py JOB NAME OUT    JOB: JSON of tests/vm/run or tests/containers/run; what came of it goes to OUT/result.json
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
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


def run_test(job, test, out):
    """One program: (passed, failed, skipped names)."""
    env = dict(os.environ, **test["env"])
    try:
        p = subprocess.run(test["cmd"], cwd=job["build"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=test["timeout"] * job["patience"], check=False)
        text, code = p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as late:
        text, code = (late.stdout or b"").decode(errors="replace") + "\nBail out! timeout", -1
    suite = test["suite"][0].rpartition(":")[2]
    (out / f"{suite}-{test['name']}.log").write_text(text)
    lines = tap_lines(text)
    bad = [name for ok, _, name, _ in lines if not ok]
    if code and not bad:
        bad.append(f"exit {code}")
    return suite, sum(ok and not skip for ok, skip, _, _ in lines), bad, [(n, why) for ok, skip, n, why in lines if ok and skip]


def situation(job, name, out):
    """As whoever we are, in the cgroup that we are in."""
    ward = job["ward"]
    tools = load_run_tests(pathlib.Path(job["source"]))
    words, rules = tools.probe(), tools.load_required()
    result = {"situation": name, "uid": os.geteuid(), "cgroup": pathlib.Path("/proc/self/cgroup").read_text().strip(),
              "words": words, "suites": {}, "failed": [], "skipped": [], "must_not_skip": []}
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
    for test in job["tests"]:
        began = time.monotonic()
        suite, passed, bad, skipped = run_test(job, test, out)
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
            log = (out / f"{suite}-{test['name']}.log").read_text()
            print("\n".join([line[:300] for line in log.splitlines() if line.startswith("#")][:40]), flush=True)
    (out / "result.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    situation(json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2], pathlib.Path(sys.argv[3]))

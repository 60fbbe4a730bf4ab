#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The differential test's own parts: a seed names a case for good, cases mean something, and a difference is seen.

usage: test_generate.py CEDAR-SERVE   (the official engine is not needed: Ward is asked twice, once by a liar)
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "harness")]
import generate                                               # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, main, test          # noqa: E402  pylint: disable=wrong-import-position

SERVE = sys.argv.pop(1)

LIAR = """#!/usr/bin/env python3
import subprocess, sys
p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for line in sys.stdin:
    p.stdin.write(line)
    p.stdin.flush()
    print(p.stdout.readline().rstrip().replace('"decision":"allow"', '"decision":"deny"'), flush=True)
"""


def compare(oracle, *args):
    return subprocess.run([sys.executable, "-B", str(HERE / "compare.py"), "--oracle", oracle, "--ward", SERVE, *args],
                          capture_output=True, text=True, check=False)


def ask(questions):
    text = "".join(json.dumps(q) + "\n" for q in questions)
    r = subprocess.run([SERVE], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in r.stdout.splitlines()]


@test
def a_seed_is_a_case():
    a, b, c = (generate.make_case(random.Random(s)) for s in ("1/7", "1/7", "1/8"))
    check_eq(a, b)
    check(a != c, "two seeds, one case")


@test
def cases_mean_something():
    found = {"allow": 0, "deny": 0, "errors": 0, "valid": 0, "invalid": 0}
    for i in range(60):
        case = generate.make_case(random.Random(f"9/{i}"))
        policies = {"staticPolicies": case["policies"], "templates": case["templates"], "templateLinks": case["links"]}
        v, a = ask([{"op": "validate", "schema": case["schema"], "policies": policies},
                    {"op": "authorize-many", "policies": policies, "entities": case["entities"], "requests": case["requests"]}])
        found["valid" if not v.get("validationErrors") else "invalid"] += 1
        for x in a.get("answers", []):
            if "decision" in x:
                found[x["decision"]] += 1
                found["errors"] += len(x["errors"])
    check(all(n >= 5 for n in found.values()), f"{found}")


@test
def ward_agrees_with_itself():
    r = compare(SERVE, "--cases", "12", "--what", "authorize,validate,json,format,partial,parse")
    check_eq(r.returncode, 0, r.stdout + r.stderr)
    check_in("12 cases, 480 requests", r.stdout)
    check_in(" 0 disagreements", r.stdout)


@test
def a_lie_is_seen_and_shrunk():
    with tempfile.TemporaryDirectory() as folder:
        liar = pathlib.Path(folder) / "liar"
        liar.write_text(LIAR)
        r = compare(f"{sys.executable} {liar} {SERVE}", "--cases", "30", "--what", "authorize", "--stop", "1", "--save", folder)
        check_eq(r.returncode, 1, r.stdout + r.stderr)
        saved = [json.loads(p.read_text()) for p in pathlib.Path(folder).glob("*.json")]
        check(saved, "nothing was saved")
        for s in saved:
            check_eq(len(s["case"]["requests"]), 1, "not shrunk")
            check_eq((s["oracle"][0]["decision"], s["ward"][0]["decision"]), ("deny", "allow"))


main()

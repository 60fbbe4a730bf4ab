#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the kernel do what the judge says? agree.py [--pairs N] [--seed S] [--only SEED] asks it of generated worlds, as root and as an
ordinary user, over a quarter of them against a process that renames and links meanwhile. docs/agreement.md says what is compared and what is known to differ.
--planted: the judge or the view is wrong on purpose, and each such world has to be reported.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sandbox"))
import box  # noqa: E402
import cli  # noqa: E402
import tap  # noqa: E402

A_RUN = 240
PLANTED = 4     # worlds of each kind
SEEN = {"file": 0.95, "directory": 0.5, "name to come": 0.5}   # what has to be seen of answers that are turned around


def tools(own):
    found = []
    for name in ("JUDGE", "PROBER"):
        copy = shutil.copy(os.environ[name], f"{own}/{name.lower()}")
        os.chmod(copy, 0o755)
        found.append(copy)
    return found


def concurrent(seed):
    """Over a quarter of the pairs."""
    return seed % 10 < 3


def worlds(seeds, pairs, share, report):
    import compare  # after box.main() has moved the program
    counts, wrong = {}, []
    for seed in seeds:
        if counts.get("pairs", 0) >= pairs or len(wrong) > 20:
            break
        with cli.place() as p:
            world = compare.World(p, seed, share, concurrent(seed), A_RUN)
            found = world.compare(counts)
            if found:
                wrong.append("\n    ".join(found[:8]) + "\n  " + world.repro())
        counts["runs"] = counts.get("runs", 0) + 1
    report(counts)
    return wrong


def wide(counts):
    """Excuses that leave out what they should not: answers that were turned around, and nothing was seen of it."""
    return [f"{kind}: {counts.get(kind + ': seen', 0)} of {n} turned answers were seen" for kind, least in SEEN.items()
            if (n := counts.get(kind + ": flipped", 0)) >= 20 and counts.get(kind + ": seen", 0) < least * n]


def planted(seeds, share):
    """Each kind of wrong answer in worlds that can tell; those that were not reported."""
    import compare
    missed = []
    for plant in ("judge", "wide", "narrow"):
        told = 0
        for seed in seeds:
            with cli.place() as p:
                found = compare.World(p, seed, share, concurrent(seed), A_RUN).compare({}, plant)
            told += bool(found)
            if found == []:
                missed.append(f"{plant}: seed {seed}")
            if told + len(missed) >= PLANTED:
                break
        print(f"# {plant}: {told} reported", flush=True)
    return missed


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pairs", type=int, default=int(os.environ.get("WARD_AGREEMENT_PAIRS", "2000")))
    args.add_argument("--seed", type=int, default=int(os.environ.get("WARD_AGREEMENT_SEED", "1")))
    args.add_argument("--only", type=int)
    args.add_argument("--planted", action="store_true")
    args.add_argument("--who", choices=("root", "user"), help="as one of them alone")
    a = args.parse_args()
    sys.argv = sys.argv[:1]
    own = tempfile.mkdtemp(prefix="ward-agreement-")
    os.chmod(own, 0o755)
    share = tools(own)

    def one(who, first):
        seeds = [a.only] if a.only is not None else range(first, first + 10**6)

        def agrees(_):
            total = {}

            def report(counts):
                total.update(counts)
                print(f"# {who}: seed {a.seed}: {json.dumps(counts)}", flush=True)
            wrong = worlds(seeds, a.pairs // 2, share, report)
            tap.check(not wrong, f"{len(wrong)} worlds differ\n  " + "\n  ".join(wrong[:5]))
            tap.check(not wide(total), wide(total))

        def reports_what_is_wrong_on_purpose(_):
            tap.check_eq(planted(seeds, share), [])
        return reports_what_is_wrong_on_purpose if a.planted else agrees
    if os.geteuid() == 0 and a.who != "user":
        box.root_only(one("root", a.seed * 1000000))
    if a.who != "root":
        box.user_only(one("user", a.seed * 1000000 + 500000))
    try:
        box.main()
    finally:
        cli.tree.remove_tree(own)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the kernel do what the judge says? agree.py [--pairs N] [--seed S] [--only SEED] asks it of generated worlds, as root and as an
ordinary user, every fourth against a process that renames and links meanwhile. docs/agreement.md says what is compared and what is known to differ.
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


def tools(own):
    found = []
    for name in ("JUDGE", "PROBER"):
        copy = shutil.copy(os.environ[name], f"{own}/{name.lower()}")
        os.chmod(copy, 0o755)
        found.append(copy)
    return found


def worlds(seeds, pairs, share, report):
    import compare  # after box.main() has moved the program
    counts, wrong = {}, []
    for seed in seeds:
        if counts.get("pairs", 0) >= pairs or len(wrong) > 20:
            break
        with cli.place() as p:
            world = compare.World(p, seed, share, seed % 4 == 0, A_RUN)
            found = world.compare(counts)
            if found:
                wrong.append("\n    ".join(found[:8]) + "\n  " + world.repro())
        counts["runs"] = counts.get("runs", 0) + 1
    report(counts)
    return wrong


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pairs", type=int, default=int(os.environ.get("WARD_AGREEMENT_PAIRS", "2000")))
    args.add_argument("--seed", type=int, default=int(os.environ.get("WARD_AGREEMENT_SEED", "1")))
    args.add_argument("--only", type=int)
    a = args.parse_args()
    sys.argv = sys.argv[:1]
    own = tempfile.mkdtemp(prefix="ward-agreement-")
    os.chmod(own, 0o755)
    share = tools(own)

    def one(who, first):
        def agrees(_):
            seeds = [a.only] if a.only is not None else range(first, first + 10**6)
            wrong = worlds(seeds, a.pairs // 2, share, lambda c: print(f"# {who}: seed {a.seed}: {json.dumps(c)}", flush=True))
            tap.check(not wrong, f"{len(wrong)} worlds differ\n  " + "\n  ".join(wrong[:5]))
        return agrees
    if os.geteuid() == 0:
        box.root_only(one("root", a.seed * 1000000))
    box.user_only(one("user", a.seed * 1000000 + 500000))
    try:
        box.main()
    finally:
        shutil.rmtree(own, ignore_errors=True)


main()

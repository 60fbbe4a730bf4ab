#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward commit: what is not understood, and what is not there. What it does is tests/sandbox/test_review_commit.py."""
import cli
from cli import placed
from tap import check, check_eq, check_in, main, test

NOT_UNDERSTOOD = [
    ("unknown option", ["--frob"], '"--frob" is not understood'),
    ("an empty word", [""], "is not understood"),
    ("approve nothing", ["--approve"], "--approve wants a value"),
    ("approve all", ["--approve", "all"], "risky or critical"),
    ("approve twice", ["--approve", "risky", "--approve=critical"], "given twice"),
    ("theirs of nothing", ["--theirs"], "--theirs wants a path"),
    ("ours of nothing", ["--ours="], "--ours wants a path"),
    ("both ends", ["--continue", "--abort"], "one of them"),
    ("continue twice", ["--continue", "--continue"], "one of them"),
    ("continue a path", ["--continue", "./a"], "take nothing else"),
    ("abort with a yes", ["--abort", "--approve", "risky"], "take nothing else"),
    ("continue in theory", ["--continue", "--dry-run"], "take nothing else"),
]


def commit(p, *words):
    return p.run(*words, kind=("commit",), log=False)


for name, words, part in NOT_UNDERSTOOD:
    def one(p, words=words, part=part):
        r = commit(p, *words)
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in(part, r.err)
        check_eq(len(r.err.splitlines()), 1, r.err)
        check("ward help commit" in r.err, r.err)
    one.__name__ = f"not understood: {name}"
    test(placed(one))


@test
@placed
def nothing_waits_here(p):
    for words in ([], ["--dry-run"], ["--json"], ["--continue"], ["--abort"], ["01JD7Z3NDEKTSV4RRFFQ69G5FA"], ["a"]):
        r = commit(p, *words)
        check_eq((r.code, r.out), (1, ""), f"{words}: {r.err}")
        cli.only_ward_lines(r.err)


if __name__ == "__main__":
    main()

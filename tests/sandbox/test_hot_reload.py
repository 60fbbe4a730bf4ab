#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What workspace_write promises for interactive work: an edit inside is seen by who watches outside, and the other way round, at once and by the
kernel's own events. It is why its default is the project itself, and no layer above it: docs/review.md."""
import shutil

import box
import hot_reload
from box import both_cases
from tap import check, skip

CASES = [(f"edit {where}, {how}, {edit}", inside, how, edit)
         for where, inside in (("inside", "edit"), ("outside", "watch"))
         for how in ("inotify", "stat", "node")
         for edit in hot_reload.EDITS]


@both_cases(CASES)
def workspace_write_reloads(p, inside, how, edit):
    if how == "node" and not shutil.which("node"):
        skip("there is no node")
    times = hot_reload.cell(p, ["--mode", "workspace_write"], inside, how, edit, rounds=3, seconds=20)
    check(None not in times, f"not seen: {times}")


if __name__ == "__main__":
    box.main()

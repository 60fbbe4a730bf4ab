#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: enter.py NAME PROGRAM [WORDS...]

Executes PROGRAM as on the host NAME of environments.py: what is to be done late, the filter, and the words in front. Its mounts
are the caller's to make, who has to be root for them.
"""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), *(str(HERE.parent / d) for d in ("sandbox", "cli", "harness"))]
import environments  # noqa: E402  pylint: disable=wrong-import-position

env = environments.BY_NAME[sys.argv[1]]
if env.late:
    env.late()
before = env.before_ward()
if before:
    before()
words = [*env.prefix(), *sys.argv[2:]]
os.execv(words[0], words)

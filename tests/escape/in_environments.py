#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The escape suite on each made host (tests/environments) whose row holds every axis that keeps a run in: a table.

usage: in_environments.py --build DIR [--concerned] [NAME...]

With NAME: on these, whatever their rows say. --concerned: of each only the classes whose mechanism is another one there (CONCERNED), a third
of the time. As root, each is done as an ordinary user as well. "open" is what got out of an axis that the row does not call enforced: programs,
without Landlock; memory that is sampled. The result is 1 if anything else got out, or was no verdict.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / d) for d in ("environments", "sandbox", "cli", "harness")]
import environments  # noqa: E402  pylint: disable=wrong-import-position

KEEPS_IN = ("files", "files.meta", "network", "ipc", "syscalls", "processes", "disk", "env")

FILES = ("read", "write", "races", "arguments")
# What is another mechanism there than on `plain`; a name that is missing: everything but persistence, which is the same mounts everywhere.
CONCERNED = {
    **{f"kernel-{v}": FILES for v in ("5.15", "6.1", "6.2", "6.8", "6.10", "6.12")},
    "another-listener": ("network", "ipc", "log", "kernel"),
    "hidden-pids": ("processes", "procfs", "limits"),
    "no-cgroup": ("limits", "processes"),
    "read-only": ("write", "arguments", "configuration", "log"),
}


def is_enforced(name):
    rows = json.loads((HERE.parent / "environments/results" / f"{name}.json").read_text())["who"].values()
    return all(row["starts"] and not row["accept"] and all(row["axes"][axis] == "enforced" for axis in KEEPS_IN) for row in rows)


def one(args, name):
    """{who: Counter of held, refused, skipped, open, failed}, and the lines of what was not held."""
    build = args.build.resolve()
    env = dict(os.environ, WARD=str(build / "ward"), WARD_ESCAPE_ATTEMPTS=str(build / "tests/escape/escape-attempts"),
               WARD_ESCAPE_VICTIM=str(build / "tests/escape/escape-victim"), WARD_LANDLOCK_ABI=str(build / "tests/environments/landlock-abi"))
    classes = [] if not args.concerned else [f"--only={c}" for c in CONCERNED[name]] if name in CONCERNED else ["--without=persistence"]
    rows = json.loads((HERE.parent / "environments/results" / f"{name}.json").read_text())["who"]
    p = subprocess.run([sys.executable, str(HERE / "escape.py"), "--environment", name, *classes], env=env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, text=True, check=False)
    count, said = collections.defaultdict(collections.Counter), []
    for line in p.stdout.splitlines():
        m = re.match(r"^(ok|not ok) \d+ - (root|user): (.*?)(# SKIP.*)?$", line)
        if m:
            axes = rows[m.group(2)]["axes"]
            is_open = re.search(r": (race_)?exec_", line) and axes["exec"] == "none" or ": limit_memory_" in line and axes["memory"] != "enforced"
            word = ("open" if is_open else "failed") if m.group(1) != "ok" else "held" if not m.group(4) else \
                "refused" if "SKIP refused here" in line else "skipped"
            count[m.group(2)][word] += 1
        if line.startswith(("#", "not ok")):
            said.append(line)
    return count, said


def main():
    p = argparse.ArgumentParser(description="The escape suite on each made host whose row says enforced.")
    p.add_argument("--build", type=pathlib.Path, default="build")
    p.add_argument("--concerned", action="store_true")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    names = args.names or [e.name for e in environments.ENVIRONMENTS if is_enforced(e.name)]
    bad = 0
    print("| environment | who | held | refused to start | not even bare | open | got out |\n|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        count, said = one(args, name)
        bad |= set(count) != set(environments.BY_NAME[name].who if os.geteuid() == 0 else ("user",)) or any(n["failed"] for n in count.values())
        for line in said:
            print(f"{name}: {line}", file=sys.stderr, flush=True)
        for who, n in sorted(count.items()):
            print(f"| {environments.BY_NAME[name].what} | {who} | {n['held']} | {n['refused']} | {n['skipped']} | {n['open']} | {n['failed']} |", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())

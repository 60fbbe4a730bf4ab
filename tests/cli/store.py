# SPDX-License-Identifier: Apache-2.0
"""A store of runs under review whose entries are written by hand."""
import fcntl
import json
import os
import struct
import time

import cli
import schema
from cli import ward

A, B, C = "01M8BFCZ1X6EEQSZDMNBR5W7AA", "01M8BFCZ1X6EEQSZDMNBR5W7AB", "01M9BFCZ1X6EEQSZDMNBR5W7AC"
F_OFD_SETLK = 37


class Store:
    def __init__(self, p):
        self.p = p
        self.state = p.side / "state"
        self.runs = self.state / "ward/runs"
        self.runs.mkdir(parents=True)
        for d in (self.runs, self.runs.parent):
            d.chmod(0o700)
        self.log = self.state / "log.jsonl"

    def entry(self, run, root=None, age=0, ended=True, files=("new",), **more):
        """As a run that ended age seconds ago would have left it, with these names added."""
        root = os.fsencode(root or self.p.ws)
        st = os.stat(root)
        then = time.time_ns() - age * 10**9
        d = self.runs / run
        (d / "layer/upper").mkdir(parents=True)
        (d / "layer/work").mkdir()
        d.chmod(0o700)
        (d / "lock").touch(0o600)
        for name in files:
            (d / "layer/upper" / name).write_text("x")
        text = {"version": 3, "run": run, "root": {"hex": root.hex()}, "root_dev": str(st.st_dev), "root_ino": str(st.st_ino),
                "root_born_ns": 0, "root_handle": "0", "boot": "", "since_ns": then, "since_boot_ns": 0, "backend": "dir", "bound": 1 << 30, "log": str(self.log), "command": "make all", "started_ns": then,
                "ended_ns": then if ended else 0, "code": 0 if ended else None, "incomplete": False, **more}
        schema.validate(text, json.loads((cli.ROOT / "docs/spec/workspace.schema.json").read_text()))
        (d / "workspace.json").write_text(json.dumps(text))
        return d

    def ward(self, *words, cwd=None):
        return ward(*words, env=self.p.env(), cwd=cwd or self.p.ws)

    def lock(self, run, byte):
        f = open(self.runs / run / "lock", "r+b")  # pylint: disable=consider-using-with
        fcntl.fcntl(f, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, byte, 1, 0))
        return f

    def left(self):
        return sorted(os.listdir(self.runs))

    def discards(self):
        records = [json.loads(x) for x in self.log.read_text().splitlines()] if self.log.exists() else []
        return [r["run"] for r in records if r["kind"] == "workspace.discard"]


def stored(fn):
    def one(p, *args):
        fn(Store(p), *args)
    one.__name__ = fn.__name__
    return cli.placed(one)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that an agent starts and speaks to over its standard streams (MCP), started through `ward run` as docs/guide/agents.md says:
each line is answered when it comes, nothing of Ward's is among the answers, and the server ends when its client does."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sandbox"))
import box  # noqa: E402  pylint: disable=wrong-import-position
import cli  # noqa: E402  pylint: disable=wrong-import-position
from box import both  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq  # noqa: E402  pylint: disable=wrong-import-position

GUIDE = HERE.parent.parent / "docs/guide/agents.md"
# One line, one answer: {"read": FILE}, {"write": FILE}. It ends with its input.
SERVER = """#!/usr/bin/python3
import json, sys
print("a server begins", file=sys.stderr)
for line in sys.stdin:
    q = json.loads(line)
    try:
        if "write" in q:
            open(q["write"], "w").write("x")
        a = {"text": open(q.get("read") or q["write"]).read()}
    except OSError as e:
        a = {"error": type(e).__name__}
    print(json.dumps(dict(a, id=q["id"])), flush=True)
"""


class Client:
    def __init__(self, p):
        [block] = re.findall(r"```json\n(\{\n.*?\"mcpServers\".*?)```", GUIDE.read_text(), flags=re.S)
        [one] = json.loads(block.replace("/home/me", str(p.side)))["mcpServers"].values()
        check_eq(one["command"], "ward")
        self.project = p.side / "project"
        program = p.side / "mcp/node_modules/.bin/mcp-server-filesystem"
        check(str(program) in one["args"] and str(self.project) in one["args"], one["args"])
        program.parent.mkdir(parents=True)
        program.write_text(SERVER)
        program.chmod(0o755)
        self.project.mkdir()
        (self.project / "a.txt").write_text("hello")
        (p.side / "secret").write_text("secret")
        self.process = subprocess.Popen([cli.WARD, *one["args"]], cwd=p.side, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=dict(os.environ, XDG_STATE_HOME=str(p.side / "state")))
        self.n = 0

    def ask(self, **q):
        self.n += 1
        self.process.stdin.write(json.dumps(dict(q, id=self.n)) + "\n")
        self.process.stdin.flush()
        a = json.loads(self.process.stdout.readline())
        check_eq(a.pop("id"), self.n)
        return a


@both
def each_line_is_answered_when_it_comes(p):
    c = Client(p)
    for _ in range(500):
        check_eq(c.ask(read=str(c.project / "a.txt")), {"text": "hello"})
    check_eq(c.ask(write=str(c.project / "b.txt")), {"text": "x"})
    check_eq((c.project / "b.txt").read_text(), "x")
    check_eq(c.ask(read=str(p.side / "secret")), {"error": "FileNotFoundError"})
    c.process.stdin.close()
    check_eq((c.process.wait(30), c.process.stdout.read()), (0, ""))
    said = c.process.stderr.read()
    check(said.startswith("a server begins\n") and f'FILE_READ "{p.side}/secret" refused' in said, said)


@both
def the_server_ends_when_it_is_told_to(p):
    c = Client(p)
    check_eq(c.ask(read=str(c.project / "a.txt")), {"text": "hello"})
    c.process.send_signal(signal.SIGTERM)
    check_eq((c.process.wait(30), c.process.stdout.read()), (128 + signal.SIGTERM, ""))


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Outcomes and exit codes: one for every end, valid against the schema, in the file that was named."""
import base64
import json
import os
import re
import subprocess

import cli
import schema
from cli import placed
from tap import cases, check, check_eq, check_in, main, test

SCHEMA = json.loads((cli.ROOT / "docs/spec/outcome.schema.json").read_text())


def valid(o):
    schema.validate(o, SCHEMA)
    check_eq(list(o), SCHEMA["required"], "order of the keys")
    return o


@cases([
    ("returns 0", ["true"], 0, "exited", 0, None),
    ("returns 7", ["sh", "-c", "exit 7"], 7, "exited", 7, None),
    ("returns 255", ["sh", "-c", "exit 255"], 255, "exited", 255, None),
    ("a code like ours", ["sh", "-c", "exit 125"], 125, "exited", 125, None),
    ("killed by SEGV", ["sh", "-c", "kill -SEGV $$"], 139, "signaled", None, 11),
    ("killed by KILL", ["sh", "-c", "kill -KILL $$"], 137, "signaled", None, 9),
    ("not found", ["no-such-command-at-all"], 127, "spawn_failed", None, None),
    ("not found by path", ["/usr/bin/no-such-command"], 127, "spawn_failed", None, None),
    ("timeout", ["--timeout", "300ms", "sleep", "30"], 124, "timeout", None, None),
    ("bad option", ["--memory", "0", "true"], 125, "refused", None, None),
    ("bad capability", ["--cap", "FILE_READ:/no/such/file", "true"], 125, "refused", None, None),
    ("axis not held", ["--require", "exec=enforced", "true"], 125, "refused", None, None),
])
@placed
def ends(p, words, exit_code, status, code, signal):
    r, o = p.outcome(*words)
    valid(o)
    check_eq((r.code, o["status"], o["code"]), (exit_code, status, code), r.err)
    if signal:
        check_eq(o["signal"], signal)
    if exit_code in (125, 126, 127) and status != "exited":
        check(o["error"], "no error in the outcome")
        check_in("ward: ", r.err)
    else:
        check_eq(o["error"], None)
    cli.only_ward_lines(r.err)


@test
def not_executable():
    with cli.place() as p:
        p.write("data.txt", "not a program", 0o644)
        r, o = p.outcome("--read", ".", "./data.txt")
        check_eq((r.code, valid(o)["status"]), (126, "spawn_failed"), r.err)


@test
def out_of_memory():
    with cli.place() as p:
        script = p.write("eat.py", "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))\n")
        r, o = p.outcome("--read", script.name, "--memory", "50M", "python3", script.name, timeout=120)
        valid(o)
        check_eq((r.code, o["status"]), (137, "oom"), r.err)
        check_in("ward: memory limit of 50M was reached (oom); raise it with --memory SIZE", r.err)


@test
def refusals_are_listed_with_their_cure():
    with cli.place() as p:
        r, o = p.outcome("--attribution", "notify", "cat", "/etc/passwd.d/x", "/etc/shadow", "/etc/passwd-")
        valid(o)
        check_eq(r.code, 1, r.err)
        named = {v["resource"]: v for v in o["violations"]}
        check_in("/etc/shadow", named)
        v = named["/etc/shadow"]
        check_eq((v["error"], v["axis"], v["action"]), ("SandboxViolationError", "files", "FILE_READ"))
        check_eq(v["rule"], None)
        check(v["count"] >= 1 and v["seq"], "count and seq")
        check_in('ward: SandboxViolationError: FILE_READ "/etc/shadow" refused: no rule grants it\n', r.err)
        check_in(f"ward:   grant: {v['cure']}\n", r.err)
        check_eq(v["cure"], "--cap FILE_READ:/etc/shadow" if "'" not in v["cure"] else "--cap 'FILE_READ:/etc/shadow'")
        check("/etc/passwd.d/x" not in named, "an absent name is no violation")
        check(o["violations_total"] >= len(o["violations"]), "total")
        records = [json.loads(line) for line in p.log.read_text().splitlines()]
        hit = [x for x in records if x["seq"] == v["seq"]]
        check_eq((hit[0]["kind"], hit[0]["resource"]), ("sandbox.violation", "/etc/shadow"))
        check_eq(hit[0]["run"], o["run"])


@test
def the_cure_cures():
    with cli.place() as p:
        secret = p.write("a name with 'quotes'.txt", "open\n")
        r, o = p.outcome("--attribution", "notify", "cat", secret)
        check_eq(r.code, 1)
        cure = next(v["cure"] for v in o["violations"] if v["resource"] == str(secret))
        line = " ".join([*(f"'{w}'" for w in p.words()), cure, f"cat \"{secret}\""])
        done = subprocess.run(["sh", "-c", line], cwd=p.ws, env=p.env(), stdout=subprocess.PIPE, check=False)
        check_eq((done.returncode, done.stdout), (0, b"open\n"))


@test
def fail_on_violation():
    with cli.place() as p:
        words = ["--attribution", "notify", "sh", "-c", "cat /etc/shadow; exit ${CODE:-0}"]
        check_eq(p.run(*words).code, 0)
        check_eq(p.run("--fail-on-violation", *words).code, 123)
        check_eq(p.run("--fail-on-violation", "--env", "CODE=4", *words).code, 4)
        check_eq(p.run("--fail-on-violation", "true").code, 0)


@test
def json_is_one_document_with_streams():
    with cli.place() as p:
        r = p.run("--json", "sh", "-c", "printf 'h\\303\\244'; printf '\\377\\000x' >&2; exit 3")
        check_eq(r.code, 3)
        check_eq(r.out.count("\n"), 1)
        o = valid(json.loads(r.out))
        check_eq(o["stdout"], {"bytes": 3, "truncated": False, "encoding": "utf8", "data": "hä"})
        check_eq(base64.b64decode(o["stderr"]["data"]), b"\xff\0x")
        check_eq(o["stderr"]["encoding"], "base64")


@test
def json_of_a_refusal():
    with cli.place() as p:
        r = p.run("--memory", "0", "--json", "true")
        check_eq(r.code, 125)
        o = valid(json.loads(r.out))
        check_eq((o["status"], o["error"]["file"]), ("refused", "--memory"))


@test
def json_of_much_output():
    with cli.place() as p:
        r = p.run("--json", "head", "-c", "20000000", "/dev/zero")
        o = valid(json.loads(r.out))
        check_eq((o["stdout"]["bytes"], o["stdout"]["truncated"]), (20000000, False))
        check_eq(len(o["stdout"]["data"]), 20000000)


@test
def outcome_to_a_descriptor():
    with cli.place() as p:
        a, b = os.pipe()
        os.set_inheritable(b, True)
        subprocess.run(p.words("--outcome", f"fd:{b}", "true"), cwd=p.ws, env=p.env(), close_fds=False, check=True,
                       stdin=subprocess.DEVNULL)
        os.close(b)
        with os.fdopen(a) as f:
            check_eq(valid(json.load(f))["status"], "exited")


@test
def outcome_survives_every_order_of_options():
    with cli.place() as p:
        for words in (["--memory", "0", "--outcome", "X", "true"], ["--outcome", "X", "--memory", "0", "true"],
                      ["--nope", "--outcome=X", "true"], ["--outcome", "X"], ["--outcome", "X", "--read"]):
            target = p.ws / "X"
            target.unlink(missing_ok=True)
            r = p.run(*words)
            check_eq(r.code, 125, r.err)
            check(target.exists(), f"no outcome for {words}")
            check_eq(valid(json.loads(target.read_text()))["status"], "refused")
            check_eq(target.stat().st_mode & 0o777, 0o600)


@test
def an_old_outcome_is_replaced():
    with cli.place() as p:
        p.outcome_file.write_text("old")
        p.outcome_file.chmod(0o644)
        inode = p.outcome_file.stat().st_ino
        p.run("--outcome", p.outcome_file, "true")
        check(p.outcome_file.stat().st_ino != inode, "written over instead of renamed")
        check_eq(valid(json.loads(p.outcome_file.read_text()))["code"], 0)
        check_eq([f.name for f in p.side.iterdir() if f.name.startswith(".") or "tmp" in f.name], [])


@test
def the_run_cannot_lead_the_outcome_elsewhere():
    """A directory that the command may write becomes a link to one that it may not: the outcome stays where it was."""
    with cli.place() as p:
        (p.ws / "sub").mkdir()
        other = p.base / "other"
        other.mkdir()
        r = p.run("--write", ".", "--outcome", "sub/outcome.json", "sh", "-c", f"mv sub gone && ln -s {other} sub")
        check_eq(r.code, 0, r.err)
        check((p.ws / "sub").is_symlink(), "the command did not do its part")
        check_eq(list(other.iterdir()), [])
        check_eq(valid(json.loads((p.ws / "gone/outcome.json").read_text()))["status"], "exited")


@test
def no_link_leads_ward_out():
    """What one run leaves in the workspace, Ward does not follow for the next; a name that was meant it does."""
    with cli.place() as p:
        (p.base / "other").mkdir()
        (p.base / "other/secret").write_text("secret\n")
        (p.ws / "inner").mkdir()
        for name, to in (("in", "../other/secret"), ("up", "../other"), ("here", "inner")):
            (p.ws / name).symlink_to(to)
        for words in (["--stdin", "file:in"], ["--stdin", "file:up/secret"], ["--outcome", "up/o"], ["--report", "./up/r"], ["--head-to", "up/h"]):
            r = p.run(*words, "cat")
            check_eq((r.code, r.out), (125, ""), r.err)
            check_in("leads out of the current directory", r.err)
        check_eq(os.listdir(p.base / "other"), ["secret"])
        r = p.run("--stdin", f"file:{p.ws}/in", "--outcome", f"{p.base}/other/o", "--report", "here/r", "--head-to", "../other/h", "cat")
        check_eq((r.code, r.out), (0, "secret\n"), r.err)
        check_eq(sorted(os.listdir(p.base / "other")), ["h", "o", "secret"])


@test
def head_to_is_the_last_hash():
    with cli.place() as p:
        head = p.side / "head"
        _, o = p.outcome("--head-to", head, "true")
        last = json.loads(p.log.read_text().splitlines()[-1])
        check_eq(head.read_text(), last["hash"] + "\n")
        check_eq(o["audit"]["head"], last["hash"])
        check_eq(o["audit"]["last_seq"], last["seq"])
        check_eq(o["audit"]["file"], str(p.log))
        r = cli.ward("audit", "verify", str(p.log), "--head", last["hash"])
        check_eq(r.code, 0, r.err)


@test
def report_elsewhere_and_quiet():
    with cli.place() as p:
        words = ["--attribution", "notify", "cat", "/etc/shadow"]
        report = p.side / "report"
        r = p.run("--report", report, *words)
        check_in("SandboxViolationError", report.read_text())
        check("SandboxViolationError" not in r.err, "reported twice")
        r = p.run("--quiet", *words)
        check("ward:" not in r.err, r.err)
        r = p.run("--quiet", "--memory", "0", "true")
        check_in("ward: --memory", r.err)


@test
def accepted_axes_are_shown():
    with cli.place() as p:
        r, o = p.outcome("--accept", "network=none", "true")
        check_eq(r.code, 0, r.err)
        check(re.search(r"^ward: accepted: network", r.err, re.M), r.err)
        valid(o)


@test
def outcome_of_direct():
    with cli.place() as p:
        r, o = p.outcome("--backend", "direct", "sh", "-c", "exit 5")
        valid(o)
        check_eq((r.code, o["code"], o["attribution"], o["axes"]["files"]), (5, 5, "none", "none"), r.err)


@test
def the_example_of_the_spec_is_valid():
    text = (cli.ROOT / "docs/spec/outcome.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", text, re.S)
    check(blocks, "no example")
    for block in blocks:
        valid(json.loads(block))


@test
def the_schema_bites():
    text = (cli.ROOT / "docs/spec/outcome.md").read_text()
    good = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[0])
    for key, bad in (("v", 2), ("status", "fine"), ("run", "x"), ("axes", {"fils": "none"}), ("code", 300),
                     ("stdout", {"bytes": -1, "truncated": False}), ("plan_sha256", "ABC")):
        try:
            schema.validate(dict(good, **{key: bad}), SCHEMA)
        except schema.Invalid:
            continue
        check(False, f"{key} = {bad!r} was accepted")
    check_in("run", good)


main()

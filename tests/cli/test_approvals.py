#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person is asked before a start, and on the terminal: docs/approvals.md."""
import fcntl
import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import schema
from asking import ONE, POLICY, approvals, config, policy, said
from cli import PATIENCE, ROOT, placed
from tap import cases, check, check_eq, check_in, main, test


def asks(p, *words):
    r = p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",))
    check_eq(r.code, 0, r.err)
    return json.loads(r.out).get("asks", [])


@test
@placed
def the_plan_lists_what_is_asked(p):
    words = policy(p)
    found = asks(p, *words)
    check_eq([(k["level"], k["rule"].get("id"), k["rule"]["line"]) for k in found], [("risky", "t.out", 3), ("critical", None, 5)])
    check_eq(found[0]["things"], [{"action": "fs.write", "resource": str(p.ws.resolve() / "out"), "below": True}])
    check_eq(found[0]["reason"], "results are written")
    check_eq(asks(p, *words), found, "another look, another list")
    whole = json.loads(p.run(*words, "--json", "--", "touch", "out/x", kind=("plan",)).out)
    schema.validate(whole, json.loads((ROOT / "docs/spec/plan.schema.json").read_text()))
    text = p.run(*words, "--", "touch", "out/x", kind=("plan",)).out
    check_in("a person is asked before the start", text)
    check_in(found[0]["digest"][:12], text)


@test
@placed
def the_digest_is_as_documented(p):
    words = policy(p)
    k = asks(p, *words)[0]
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0, "written without a yes")
    asked = approvals(p)[0]
    argv = hashlib.sha256(b"touch\0out/x\0").hexdigest()
    check_eq(asked["detail"]["argv_sha256"], argv)
    names = hashlib.sha256(b"".join(t["resource"].encode() + b"\0" for t in k["things"])).hexdigest()
    body = {"v": 1, "workspace": str(p.ws.resolve()), "policy_sha256": asked["policy"], "argv_sha256": argv, "level": k["level"],
            "rule": k["rule"], "things": k["things"], "names_sha256": names}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    check_eq(hashlib.sha256(text.encode()).hexdigest(), k["digest"])


@test
@placed
def nobody_there_is_no_at_once_and_recorded(p):
    words = policy(p)
    r = p.run(*words, "--", "touch", "out/x")
    check(r.code != 0 and not (p.ws / "out/x").exists(), "written without a yes")
    check_eq([(e["kind"], e["effect"], e["detail"].get("by", {}).get("how")) for e in approvals(p)],
             [("approval.requested", "ask", None)] * 2 + [("approval.denied", "deny", "nobody")] * 2)
    log = [json.loads(line)["kind"] for line in p.log.read_text().splitlines()]
    check(log.index("approval.denied") < log.index("run.start"), "recorded behind the start")
    for e in approvals(p):
        schema.validate(e, json.loads((ROOT / "docs/spec/audit.schema.json").read_text()))


@test
@placed
def a_run_whose_place_nobody_granted_starts_all_the_same(p):
    """What a list wants a person for is not given; the workspace is an empty directory then."""
    p.write("f", "x")
    p.write("d/f", "x")
    p.write(".ward/a.cedar", '@approval("critical") permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n'
                             'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/usr");\n')
    r = p.run("--read", ".", "sh", "-c", "pwd; ls")
    check_eq((r.code, r.out), (0, f"{p.ws}\n"), r.err)
    r = p.run("--read", ".", "--workspace", p.ws, "sh", "-c", "pwd; ls", cwd=p.ws / "d")
    check_eq((r.code, r.out), (0, f"{p.ws}/d\n"), r.err)
    r = p.run("--read", ".", "--approve", "critical", "ls")
    check_eq((r.code, r.out), (0, "d\nf\n"), r.err)


@test
@placed
def said_beforehand_is_recorded(p):
    words = policy(p)
    r = p.run("--approve", "risky", *words, "--", "sh", "-c", "touch out/x; touch keys/x")
    check(r.code != 0 and (p.ws / "out/x").exists() and not (p.ws / "keys/x").exists(), r.err)
    check_eq([(e["kind"], e["detail"]["level"], e["detail"]["by"]["how"]) for e in approvals(p) if "by" in e["detail"]],
             [("approval.granted", "risky", "--approve"), ("approval.denied", "critical", "nobody")])
    r = p.run("--approve", "critical", *words, "--", "touch", "keys/x")
    check_eq(r.code, 0, r.err)


@test
@placed
def a_mode_that_nobody_lets_be_entered(p):
    r = p.run("--mode", "danger_full_access", "true")
    check_eq(r.code, 125)
    check_in("mode danger_full_access", r.err)
    check_in("--approve critical", r.err)
    check_eq([(e["kind"], e["action"], e["resource"]) for e in approvals(p)],
             [(k, "mode.enter", "danger_full_access") for k in ("approval.requested", "approval.denied")])


# ---- on the terminal ----

class Asked:
    """ward run on a terminal of its own, which a person reads and types on."""

    def __init__(self, p, *words, **more):
        self.p = p
        self.master, self.slave = pty.openpty()
        self.text = ""
        more = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **more}
        self.q = p.start(*words, before=lambda: fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0), start_new_session=True, **more)

    def until(self, part, count=1, seconds=30):
        end = time.monotonic() + seconds * PATIENCE
        while self.text.count(part) < count:
            check(time.monotonic() < end, f"{part!r} did not come: {self.text!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, seconds=30):
        code = self.q.wait(seconds)
        while select.select([self.master], [], [], 0.1)[0]:
            self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        os.close(self.master)
        os.close(self.slave)
        return code


YES = [("once", "o", "once"), ("run", "run", "run"), ("a rule", "w", "rule")]


@cases(YES)
@placed
def yes_on_the_terminal(p, word, scope):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    words = policy(p, ONE)
    t = Asked(p, *words, "--", "touch", "out/x")
    t.until("no (n)? ")
    check(not (p.ws / "out/x").exists(), "started before the answer")
    t.type(word + "\n")
    check_eq(t.end(), 0, t.text)
    check((p.ws / "out/x").exists(), "yes, and not written")
    check_eq(said(p), [("approval.granted", scope, "tty")])
    check_in("results are written", t.text)
    check_eq(config(p).exists(), scope == "rule")
    if scope == "rule":
        # What was written counts, without a question, and in this workspace alone.
        check_eq(config(p).stat().st_mode & 0o777, 0o600)
        r = p.run(*words, "--", "touch", "out/y")
        check_eq(r.code, 0, r.err)
        other = p.base / "other"
        (other / "out").mkdir(parents=True)
        check(p.run(*words, "--", "touch", "out/y", cwd=other).code != 0, "the rule counts elsewhere")
        check_eq(p.run(*words, kind=("policy", "check"), log=False).code, 0)
        config(p).write_text(config(p).read_text().replace("// until 20", "// until 19"))
        check(p.run(*words, "--", "touch", "out/z").code != 0, "what has expired counts")


# As git's directories are in a work tree: what lies around may be written.
WITHIN = """permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./")
unless { resource in Ward::Path::"./out" };
permit (principal, action == Ward::Action::"proc.exec", resource);
@approval("risky")
permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./out");
"""


@test
@placed
def a_yes_is_followed_by_no_other_question(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    words = policy(p, WITHIN)
    check_eq([k["things"] for k in asks(p, *words)], [k["things"] for k in asks(p, *words, "--approve", "risky")])
    t = Asked(p, *words, "--", "touch", "out/x")
    t.until("no (n)? ")
    t.type("o\n")
    check_eq(t.end(), 0, t.text)
    check_eq(t.text.count("asked before the start"), 1, t.text)
    check_eq(said(p), [("approval.granted", "once", "tty")])


NO = [("no", "n\n", "tty"), ("nonsense thrice", None, "tty"), ("end of file", "\x04", "end")]


@cases(NO)
@placed
def no_on_the_terminal(p, word, how):
    t = Asked(p, *policy(p, ONE), "--", "touch", "out/x")
    for i in range(1, 4 if word is None else 2):
        t.until("no (n)? ", i)
        t.type(word or "yes please\n")
    check(t.end() != 0 and not (p.ws / "out/x").exists(), t.text)
    check_eq(said(p), [("approval.denied", None, how)])


@test
@placed
def time_is_over_on_the_terminal(p):
    t = Asked(p, "--ask-timeout", "300ms", *policy(p, ONE), "--", "touch", "out/x")
    t.until("no (n)? ")
    check(t.end() != 0 and not (p.ws / "out/x").exists(), t.text)
    check_eq(said(p), [("approval.denied", None, "timeout")])


@test
@placed
def interrupt_ends_the_run(p):
    t = Asked(p, "--outcome", p.outcome_file, *policy(p, ONE), "--", "touch", "out/x")
    t.until("no (n)? ")
    t.type("\x03")
    check_eq(t.end(), 128 + signal.SIGINT, t.text)
    check_eq(json.loads(p.outcome_file.read_text())["status"], "cancelled")
    check_eq(said(p), [("approval.denied", None, "cancelled")])


@test
@placed
def critical_is_once_or_no(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")     # where a rule would be written, if one were
    text = POLICY.replace("@id(\"t.out\") @approval(\"risky\") @reason(\"results are written\")\n", "")
    t = Asked(p, *policy(p, text), "--", "touch", "keys/x")
    for i, word in enumerate(("r", "w", "run"), 1):
        t.until("no (n)? ", i)
        t.type(word + "\n")
    check(t.end() != 0 and not (p.ws / "keys/x").exists(), t.text)
    check("(r)" not in t.text and "(w)" not in t.text, t.text)
    t = Asked(p, *policy(p, text), "--", "touch", "keys/x")
    t.until("no (n)? ")
    t.type("once\n")
    check_eq(t.end(), 0, t.text)


@test
@placed
def typed_before_the_question_is_no_answer(p):
    words = policy(p, ONE)
    t = Asked(p, "--ask-timeout", "1s", *words, "--", "touch", "out/x", stdin=subprocess.DEVNULL)
    check(t.end() != 0, "asked without a terminal as input")
    check_eq(said(p), [("approval.denied", None, "nobody")])
    master, slave = pty.openpty()
    os.write(master, b"o\no\no\n")
    q = p.start("--ask-timeout", "1s", *words, "--", "touch", "out/x", start_new_session=True, stdin=slave, stdout=slave, stderr=slave,
                before=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
    check(q.wait(30) != 0 and not (p.ws / "out/x").exists(), "what was typed before counted")
    os.close(master)
    os.close(slave)


@test
@placed
def hostile_names_in_the_question(p):
    name = "out\x1b[2J\nward: yes\r\u202etxt"
    (p.ws / name).mkdir()
    lit = "".join(c if 32 < ord(c) < 127 else f"\\u{{{ord(c):x}}}" for c in name)
    text = ONE.replace("./out", f"./{lit}").replace("results are written", "\\u{1b}]0;owned\\u{7}ok")
    t = Asked(p, *policy(p, text), "--", "touch", name + "/x\x1b[1m")
    t.until("no (n)? ")
    for bad in ("\x1b", "\u202e", "\x07", "\nward: yes\r"):
        check(bad not in t.text, t.text)
    check_in("\\x1b[2J", t.text)
    t.type("n\n")
    t.end()


main()

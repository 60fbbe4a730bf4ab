#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logs that somebody else wrote: ward audit and ward allow believe no more of them than they have to. And who it was, of a log of Ward's own."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unicodedata

from cli import WARD, Result, placed
from tap import cases, check, check_eq, check_in, main, skip, test

ZEROS = "0" * 64
RUN = "01M8ETPRYS8H93YJ0JJGE9X1MS"
OTHER_UID = 52001


def chain(*bodies):
    """A log with these members in its records; its hashes are right."""
    out, prev = [], ZEROS
    for seq, body in enumerate(bodies, 1):
        rec = {"v": 1, "seq": seq, "id": f"01J0000000000000000000{seq:04}", "ts": 1, "mono": 1, "boot": "b", "host": "h", **body, "prev": prev}
        text = json.dumps(rec, separators=(",", ":"), ensure_ascii=False)[:-1].encode()
        prev = hashlib.sha256(text).hexdigest()
        out.append(text + b',"hash":"' + prev.encode() + b'"}\n')
    return b"".join(out)


def refusal(p, cure, resource="/srv/x/y", **more):
    return {"run": RUN, "workspace": str(p.ws), "kind": "sandbox.violation", "effect": "deny", "action": "FILE_READ", "resource": resource,
            "detail": {"cure": cure}, **more}


def tool(p, *words):
    r = subprocess.run([WARD, *map(str, words)], env=p.env(XDG_CONFIG_HOME=str(p.side / "config")), capture_output=True, timeout=30, check=False)
    return Result(r.returncode, r.stdout.decode(), r.stderr.decode())


def forged(p, data, mode=0o600):
    log = p.side / "forged.jsonl"
    log.write_bytes(data)
    log.chmod(mode)
    return log


def steers(text):
    return [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]


HOSTILE = "\x9b31m\x9d0;title\x07\x7f\u202e\u2066\u200b\u2028\x85\ufeff\U000e0041"


def person():
    """By the password file alone: what it does not hold has a number."""
    for line in pathlib.Path("/etc/passwd").read_text().splitlines():
        name, _, uid = line.split(":")[:3]
        if uid == str(os.geteuid()):
            return f'Ward::Person::"{name}"'
    return f'Ward::Person::"uid:{os.geteuid()}"'


TRACE = "0af7651916cd43dd8448eb211c80319c"


@cases([("none", None, None), ("a_trace", f"00-{TRACE}-b7ad6b7169203331-01", TRACE), ("no_hex", f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        ("only_zeros", f"00-{'0' * 32}-b7ad6b7169203331-01", None), ("too_short", f"00-{TRACE}", None),
        ("no_version", f"zz-{TRACE}-b7ad6b7169203331-01", None), ("a_version_that_is_none", f"ff-{TRACE}-b7ad6b7169203331-01", None),
        ("a_later_version", f"01-{TRACE}-b7ad6b7169203331-01-more", TRACE), ("no_hex_behind", f"00-{TRACE}-b7ad6b716920333x-01", None)])
@placed
def a_record_says_who_it_was(p, context, trace):
    """Person and trace in each; of a refused call the process too, by a number and a time that nothing else has."""
    r = p.run("sh", "-c", "cat /etc/shadow; echo $$; cat /proc/$$/stat; exec unshare --user true", env={"TRACEPARENT": context or ""})
    pid, stat = r.out.splitlines()
    records = [json.loads(line) for line in p.log.read_text().splitlines()]
    check_eq({(x.get("principal"), x.get("trace")) for x in records}, {(person(), trace)})
    refused = [x for x in records if x["kind"] == "sandbox.violation" and not x["detail"].get("selftest")]
    check_eq([x for x in refused if x["pid_start"] <= 0], [])
    one = next(x for x in refused if x["action"] == "syscall")
    check_eq((one["pid"], one["pid_start"]), (int(pid), int(stat.rpartition(")")[2].split()[19])))


@test
@placed
def no_record_reaches_the_terminal_as_it_is(p):
    body = {"kind": "net.block", "run": RUN, "resource": HOSTILE, "detail": {"why": HOSTILE, "name": HOSTILE, "cure": HOSTILE}, }
    data = chain({"run": RUN, "kind": "net.block", "resource": HOSTILE, "detail": body["detail"]}, {"kind": "run.end", HOSTILE: 1})
    log = forged(p, data)
    check_eq(tool(p, "audit", "verify", log).code, 0)
    check(steers(data.decode()), "no test")
    for words in (("audit", "show", log), ("audit", "show", "--json", log), ("net", "log", RUN, "--audit", log), ("net", "log", RUN, "--json", "--audit", log)):
        r = tool(p, *words)
        check_eq((r.code, steers(r.out + r.err)), (0, []), " ".join(map(str, words)))
    shown = tool(p, "audit", "show", "--json", log).out
    check_eq([json.loads(line) for line in shown.splitlines()], [json.loads(line) for line in data.splitlines()], "another record")
    # Blanks between tokens are no part of a text, and move the cursor all the same.
    r = tool(p, "audit", "show", "--json", forged(p, b'{"kind":\r"x",\t"seq":1}\n'))
    check_eq((r.code, r.out), (0, '{"kind": "x", "seq":1}\n'), r.err)


@test
@placed
def what_ward_wrote_is_shown_byte_by_byte(p):
    name = "a\x1b[2J\u202e\u009bm \u00e9\"\\"
    p.run("--", "cat", name)
    check_eq(p.log.read_text().splitlines(), tool(p, "audit", "show", "--json", p.log).out.splitlines())


@test
@placed
def one_head_at_a_time(p):
    data = chain(*[{"kind": "run.end"}] * 3)
    heads = [json.loads(line)["hash"] for line in data.splitlines()]
    log = forged(p, data)
    check_eq(tool(p, "audit", "verify", "--head", heads[0], log).code, 0)
    for words in (("--head", ZEROS, "--head", heads[0]), (f"--head={ZEROS}", f"--head={heads[0]}")):
        r = tool(p, "audit", "verify", *words, log)
        check_eq(r.code, 2, r.out)
        check_in("--head", r.err)


@cases([(ascii(c), c) for c in (
    "--read '/srv/x/y'; rm -rf ~", "$(id)", "--read '/srv/x/y' `id`", "--read $(id)", "--read '/srv/x/y'\\''", "--read \"/srv/x/y\"", "--read '/srv/x/y' x",
    "--backend direct", "--accept files=none", "--read", "--read '/srv/x/y' --i-know", "", " ", "--read '/srv/x/y'\n--read '/'", "--cap $'a\\' ; id'", "--cap $'a\\' --read '; id '", "--cap $'a\\'",
    "--read '/'", "--read '/etc/shadow'", "--cap 'FILE_READ:/**'", "--cap 'FILE_READ:/etc/**'", "--cap 'FILE_WRITE:/srv/x/y/z'",
    "--read '/srv/x/y/../../../etc'", "--cap 'EXTERNAL_COMMAND:/bin/sh'")])
@placed
def a_cure_that_is_none(p, cure):
    """To be pasted into a shell, and to become a rule: options that Ward offers, of what was refused."""
    log = forged(p, chain(refusal(p, cure)))
    for how in ("--once", "--always"):
        r = tool(p, "allow", "#1", how, "--audit", log)
        check_eq((r.code, r.out), (1, ""), how)
    check(not (p.side / "config/ward/allowed.cedar").exists(), "written")


@cases([(c, c) for c in ("--read '/srv/x/y'", "--cap 'FILE_READ:/srv/x/**'", "--write '/srv/x'", "--cap 'FILE_READ:/srv/x/y' --approve risky", "--env LANG",
                         "--approve critical")])
@placed
def a_cure_that_is_one(p, cure):
    log = forged(p, chain(refusal(p, cure)))
    r = tool(p, "allow", "#1", "--audit", log)
    check_eq((r.code, r.out), (0, cure + "\n"), r.err)


@cases([(f"{shell} {what}", shell, name)
        for shell in ("dash", "bash", "sh", *filter(shutil.which, ("zsh", "fish")))
        for what, name in (("control", "a\x1b'; touch trapped; '"), ("backslash", "a\\'; touch trapped; #"), ("end", "trapped\\"))])
@placed
def a_cure_is_no_trap_in_any_shell(p, shell, name):
    """Not every shell knows $'...', one takes a backslash in '...' for more than itself, and a name may have been made for those."""
    if not shutil.which(shell):
        return skip("no " + shell)
    p.write(name, "x")
    _, o = p.outcome("--attribution", "notify", "--", "cat", name)
    cure = next(v["cure"] for v in o["violations"] if "trapped" in v["resource"])
    for text in (cure, tool(p, "allow", f"#{o['violations'][0]['seq']}", "--audit", p.log).out):
        r = subprocess.run([shell, "-c", "printf '%s\\n' " + text], cwd=p.side, env=p.env(), capture_output=True, timeout=30, check=False)
        check(not (p.side / "trapped").exists(), "a name became a command")
        if "$'" in text and shell == "fish":
            check_eq(r.stdout, b"", "fish knows no $'...', and does nothing at all")
            continue
        check_eq(r.returncode, 0, text + r.stderr.decode())
        said = r.stdout.decode().splitlines()
        check_eq(len(said), 2, str(said))
        if "$'" not in text:
            check(said[1].endswith("/" + name), f"it says {said[1]!r}")
    return None


@cases([("net.block", "--cap 'NETWORK_CONNECT:a.example:443'"), ("net.block", "--net-limit flows=20"), ("dns.block", "--cap 'NETWORK_CONNECT:a.example:443'")])
@placed
def a_refusal_of_the_network_has_a_cure_too(p, cure):
    log = forged(p, chain(refusal(p, cure, "a.example:443", kind="net.block", action="NETWORK_CONNECT")))
    r = tool(p, "allow", "#1", "--audit", log)
    check_eq((r.code, r.out), (0, cure + "\n"), r.err)
    r = tool(p, "allow", "#1", "--always", "--audit", log)
    check_eq((r.code, r.out), (1, ""), r.err)


@test
@placed
def no_log_is_no_damaged_log(p):
    """1 is said of a log that was looked at, and of no other: whoever asks from a script would believe it."""
    if os.geteuid() != 0:       # root's has a place of its own
        r = subprocess.run([WARD, "audit", "verify"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=30, check=False)
        check_eq((r.returncode, r.stdout), (2, b""), r.stderr)
        check_in(b"no place for the audit log", r.stderr)
    log = forged(p, chain({"kind": "run.start"}, {"kind": "run.end"}))
    check_eq(tool(p, "audit", "verify", log).code, 0)
    log.write_bytes(log.read_bytes().replace(b"run.end", b"run.eNd"))
    r = tool(p, "audit", "verify", log)
    check_eq(r.code, 1, r.err)
    check_eq(tool(p, "audit", "verify", p.side / "none").code, 2)


@test
@placed
def a_log_that_others_may_write_allows_nothing(p):
    good = chain(refusal(p, "--read '/srv/x/y'"), {"kind": "run.end"})
    check_eq(tool(p, "allow", "#1", "--audit", forged(p, good)).code, 0)
    for mode in (0o620, 0o602):
        r = tool(p, "allow", "#1", "--audit", forged(p, good, mode))
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in("may be written by group or others", r.err)
    second = p.side / "second"
    os.link(forged(p, good), second)
    r = tool(p, "allow", "#1", "--audit", second)
    check_eq((r.code, r.out), (2, ""), r.err)


@test
@placed
def a_log_of_another_user_allows_nothing(p):
    if os.geteuid() != 0:
        return skip("needs root to make another user's file")
    log = forged(p, chain(refusal(p, "--read '/srv/x/y'")))
    os.chown(log, OTHER_UID, OTHER_UID)
    for how in ("--once", "--always"):
        r = tool(p, "allow", "#1", how, "--audit", log)
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in("belongs to another user", r.err)
    check_eq(tool(p, "audit", "show", log).code, 0, "it may be read")
    return None


@cases([("changed", lambda a, b: a.replace(b"/srv/x/y'", b"/srv/z/y'") + b), ("before it", lambda a, b: a.replace(b'"host":"h"', b'"host":"i"') + b),
        ("moved", lambda a, b: b + a), ("two chains", lambda a, b: a + a + b)])
@placed
def a_record_that_the_chain_does_not_hold_allows_nothing(p, how):
    lines = chain(refusal(p, "--read '/srv/x/y'"), refusal(p, "--read '/srv/x/y'")).splitlines(True)
    r = tool(p, "allow", "#2", "--audit", forged(p, how(*lines)))
    check_eq((r.code, r.out), (2, ""), r.err)
    check_in("inconsistent", r.err)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The log of real runs: durable before the first effect, whole after every end, and no run without it."""
import errno
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time

import box
import cli
from box import both, both_cases, root_only
from tap import check, check_eq, check_in, skip


def refused(p, r, *words):
    """125, nothing executed, one line that says what and how to mend it."""
    check_eq(r.code, 125, r.err)
    check(not (p.ws / "made").exists(), "the command was executed")
    first = r.err.splitlines()[0]
    for word in words:
        check_in(word, first)


@root_only
def full_disk(p):
    """A disk of 64 KiB with 0 and with a few bytes left: no run; what was acknowledged stays; it recovers by itself."""
    box.private_mounts()
    small = p.side / "small"
    small.mkdir()
    box.mount("ward-test", small, "tmpfs", 0, "size=64k")
    log = small / "audit.jsonl"
    words = ["--audit", log, "--write", ".", "touch", "made"]
    check_eq(p.run(*words, log=False).code, 0)
    (p.ws / "made").unlink()
    before = log.read_bytes()
    for room in (0, 1, 100):
        fill = os.open(small / "fill", os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(fill, b"x" * 4096)
        except OSError:
            os.close(fill)
        if room:
            # tmpfs gives whole pages: the log's last page is what is left of room for it.
            pad = 4096 - log.stat().st_size % 4096 - room
            if pad > 0:
                with open(log, "ab") as f:
                    f.write(b"{\"torn" + b"x" * (pad - 6))
        r = p.run(*words, log=False)
        refused(p, r, "audit.jsonl", "No space left")
        check(log.read_bytes().startswith(before), "acknowledged records are gone")
        os.unlink(small / "fill")
        check_eq(p.run("--audit", log, "true", log=False).code, 0, "does not recover")
        r = cli.ward("audit", "verify", str(log))
        check_eq(r.code, 0, r.out + r.err)
        before = log.read_bytes()
        for torn in small.glob("*.torn"):
            torn.unlink()


@both_cases([("fdatasync", [("fdatasync", box.ENOSPC), ("fsync", box.ENOSPC)]), ("EIO", [("fdatasync", 5), ("fsync", 5)]),
             ("EDQUOT", [("fdatasync", 122), ("fsync", 122)])])
def failing_sync(p, rules):
    # Once when the log is made, once when it is there.
    for _ in range(2):
        r = p.run("--write", ".", "touch", "made", preexec_fn=box.refuse_calls(*rules))
        refused(p, r, "audit")
        check_eq(p.run("true").code, 0, "does not recover")
    check_eq(box.leftovers(1.0), {})
    box.verify(p)


@both
def arguments_that_are_secrets_are_not_in_it(p):
    """Nor in a plan that is printed; the command has them."""
    words = ["sh", "-c", 'printf "%s\\n" "$@" > seen', "sh", "--password", "hunter-one", "--token=hunter-two",
             "https://me:hunter-three@h.example/", "plain"]
    check_eq(p.run("--write", ".", "--env", "API_KEY=hunter-four", *words).code, 0)
    check_eq((p.ws / "seen").read_text().split(), words[4:])
    text = p.log.read_text()
    check("hunter" not in text, text)
    start, = [r for r in box.records(p) if r["kind"] == "run.start"]
    check_eq(start["detail"]["argv"][4:], ["--password", "[redacted]", "--token=[redacted]", "https://me:[redacted]@h.example/", "plain"])
    for how in ([], ["--json"]):
        r = p.run(*how, "--write", ".", "--env", "API_KEY=hunter-four", *words, kind=("plan",))
        check_eq(r.code, 0, r.err)
        check("hunter" not in r.out and "[redacted]" in r.out, r.out)


@both
def a_device_that_is_full(p):
    r = p.run("--audit", "/dev/full", "--write", ".", "touch", "made", log=False)
    refused(p, r, "/dev/full")


@both
def a_limit_on_file_sizes(p):
    """RLIMIT_FSIZE of the caller's: an error, not a death without a word."""
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    r = p.run("--write", ".", "touch", "made", preexec_fn=small)
    check(not (p.ws / "made").exists(), "the command was executed")
    refused(p, r, "File too large")


@root_only
def the_log_fails_during_the_run(p):
    """Room for the start, none for the hundred refusals that follow: the run is ended and says why."""
    box.need_fuse()
    box.private_mounts()
    small = p.side / "small"
    small.mkdir()
    box.mount("ward-test", small, "tmpfs", 0, "size=32k")
    log = small / "audit.jsonl"
    mark = box.marker()
    etc = sorted("/etc/" + f for f in os.listdir("/etc"))[:100]
    r = p.run("--audit", log, "--outcome", p.outcome_file, "sh", "-c", f"cat {' '.join(etc)} >/dev/null 2>&1; sleep {mark}", log=False)
    o = json.loads(p.outcome_file.read_text())
    check(r.code not in (0, 1), r.err)
    check(o["error"] and o["status"] != "exited", str(o["error"]))
    check_in("audit", r.err.splitlines()[0])
    check_eq(box.with_marker(mark), [])
    check(o["duration_ms"] < 30000, "waited for the command")
    for f in small.glob("*.torn"):
        f.unlink()
    # What is there is a chain; a torn end is what the next start cuts.
    whole = b"".join(line for line in log.read_bytes().splitlines(True) if line.endswith(b"\n"))
    log.write_bytes(whole)
    v = cli.ward("audit", "verify", str(log))
    check_eq(v.code, 0, v.out + v.err)


@both
def dev_null_is_no_log_and_shown(p):
    r = p.run("--audit", "/dev/null", "--outcome", p.outcome_file, "true", log=False)
    o = json.loads(p.outcome_file.read_text())
    check_eq(r.code, 0, r.err)
    check(o["audit"]["file"] in (None, "/dev/null") and o["audit"]["head"] is None, str(o["audit"]))
    check_in("no log: --audit /dev/null", r.err)


@both
def records_of_a_run(p):
    p.write("granted.txt", "x")
    r, o = p.outcome("--read", "granted.txt", "--cap", "ENV:HOME", "sh", "-c", "cat granted.txt /etc/shadow")
    v = box.records(p)
    box.verify(p)
    check_eq([x["seq"] for x in v], list(range(1, len(v) + 1)))
    kinds = [x["kind"] for x in v]
    start = kinds.index("run.start")
    check_eq(kinds[-1], "run.end")
    checks = [x for x in v if x["kind"] == "policy.check"]
    check_in(("FILE_READ", str(p.ws / "granted.txt")), [(x["action"], x["resource"]) for x in checks])
    check(all(x["seq"] <= v[start]["seq"] and x["effect"] == "allow" for x in checks), "a grant after the start")
    check_eq(v[start]["axes"]["files"], "enforced")
    check_eq((o["audit"]["first_seq"], o["audit"]["last_seq"], o["audit"]["head"]), (1, len(v), v[-1]["hash"]))
    check(all(x["run"] == o["run"] for x in v), "run ids")
    check_eq(p.log.stat().st_mode & 0o777, 0o600)
    selftests = [x for x in v if x.get("detail", {}).get("selftest")]
    check(selftests and all(x["kind"] in ("selftest", "sandbox.violation") for x in selftests), f"no record of the self-test: {kinds}")
    # They are no violations of the run.
    seqs = {x["seq"] for x in selftests}
    check(not [x for x in o["violations"] if x["seq"] in seqs], "the self-test counts against the command")
    check(any("unshare" in x["resource"] for x in selftests), str([x["resource"] for x in selftests]))


ONE_SHAPE = list(json.loads((cli.ROOT / "docs/spec/audit.schema.json").read_text())["properties"])
# What a command does, what holds it, and what is on record of it: action, end of the resource, and whether it is for want of a rule.
REFUSED = [
    ("cat /etc/shadow", "fuse", "FILE_READ", "/etc/shadow", True),
    ("echo > read.txt", "view", "FILE_WRITE", "/read.txt", True),
    ("env", "landlock", "EXTERNAL_COMMAND", "/env", True),
    ("python3 -c 'import socket; socket.socket().connect((\"192.0.2.7\", 80))'", "seccomp", "NETWORK_CONNECT", "192.0.2.7:80", True),
    ("unshare -U true", "seccomp", "syscall", "unshare CLONE_NEWUSER", False),
    ("cat forbidden.txt", "fuse", "FILE_READ", "/forbidden.txt", False),
]


@both
def every_refusal_is_of_one_shape(p):
    """Whatever refused it, and whether before the start or after it: the same members in the same order, in the same log."""
    box.need_fuse()
    p.write("read.txt", "x")
    p.write("forbidden.txt", "x")
    p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"{p.ws}/forbidden.txt");')
    programs = [w for x in ("sh", "cat", "python3", "unshare", "true") for w in ("--cap", f"EXTERNAL_COMMAND:{x}")]
    p.run("--read", "read.txt", "--policy", "x.cedar", *programs, "sh", "-c", "; ".join(x[0] for x in REFUSED) + "; true")
    before = p.run("--cap", "FILE_READ:/nowhere/at/all", "true")
    check_eq(before.code, 125, before.err)
    check_eq(p.run("--require", "exec=enforced", "true").code, 125)
    denied = [x for x in box.records(p) if x.get("effect") == "deny"]
    for x in denied:
        check_eq(list(x), [m for m in ONE_SHAPE if m in x])
        missing = {"run", "kind", "action", "resource", "detail"} - set(x)
        check(not missing, f"{missing}: {x}")
        check_in(x["kind"], ("sandbox.violation", "capability.denied", "policy.block"))
        check(x["action"] and x["resource"], str(x))
        check(x["detail"]["error"].endswith("Error") and x["detail"]["why"], str(x))
        if x["kind"] == "sandbox.violation":
            check(x["layer"] and x["detail"]["count"] > 0, str(x))
            check_eq(x["detail"]["error"], "SandboxViolationError")
    own = [x for x in denied if not x["detail"].get("selftest")]
    for _, layer, action, resource, negated in REFUSED:
        found = [x for x in own if (x.get("layer"), x["action"]) == (layer, action) and x["resource"].endswith(resource)]
        check_eq(len(found), 1, f"{action} {resource}: {[(x.get('layer'), x['action'], x['resource']) for x in own]}")
        check_eq((found[0].get("negated"), bool(found[0].get("rules"))), (True if negated else None, resource == "/forbidden.txt"), str(found))
    check_eq([x["kind"] for x in own if x["kind"] != "sandbox.violation"], ["capability.denied", "policy.block"])
    box.verify(p)


@both
def the_selftest_alone_fails_no_run(p):
    r, o = p.outcome("--fail-on-violation", "/bin/true")
    check_eq((r.code, o["violations_total"]), (0, 0), r.err)


@both_cases([
    ("an axis", ["--require", "exec=enforced", "true"], "policy.block"),
    ("a capability", ["--cap", "FILE_READ:/nowhere/at/all", "true"], "capability.denied"),
])
def a_refusal_before_the_start_is_recorded(p, words, kind):
    r = p.run(*words)
    check_eq(r.code, 125, r.err)
    v = box.records(p) if p.log.exists() else []
    check_eq([x["kind"] for x in v if x["kind"] != "run.end"], [kind], r.err)
    check(v[0]["effect"] == "deny" and v[0]["detail"]["why"], str(v[0]))
    box.verify(p)


@both
def head_to_file_and_descriptor(p):
    head = p.side / "head"
    a, b = os.pipe()
    os.set_inheritable(b, True)
    check_eq(p.run("--head-to", head, "true").code, 0)
    first = head.read_text().strip()
    check_eq(p.run("--head-to", f"fd:{b}", "true", close_fds=False).code, 0)
    os.close(b)
    with os.fdopen(a) as f:
        second = f.read().strip()
    v = box.records(p)
    check_eq(second, v[-1]["hash"])
    check(first in [x["hash"] for x in v] and first != second)
    check_eq(cli.ward("audit", "verify", str(p.log), "--head", second).code, 0)
    # Cut one whole record off: without the head nobody would notice, with it somebody does.
    lines = p.log.read_bytes().splitlines(True)
    p.log.write_bytes(b"".join(lines[:-1]))
    check_eq(cli.ward("audit", "verify", str(p.log)).code, 0)
    check(cli.ward("audit", "verify", str(p.log), "--head", second).code != 0, "a cut log agrees with its head")


@both
def many_wards_share_one_chain(p):
    runs = [p.start("cat", f"/etc/shadow{'' if i % 2 else '-'}", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL) for i in range(12)]
    for q in runs:
        q.wait(60)
    v = box.records(p)
    box.verify(p)
    check_eq([x["seq"] for x in v], list(range(1, len(v) + 1)))
    check_eq(len({x["run"] for x in v}), 12)
    check_eq(sum(x["kind"] == "run.end" for x in v), 12)


@both
def one_flipped_byte_is_found(p):
    for _ in range(3):
        p.run("cat", "/etc/shadow")
    good = p.log.read_bytes()
    for at in range(7, len(good), max(1, len(good) // 40)):
        bad = bytearray(good)
        bad[at] ^= 1
        p.log.write_bytes(bad)
        check(cli.ward("audit", "verify", str(p.log)).code != 0, f"byte {at} of {len(good)} was changed and verify passes")
    p.log.write_bytes(good)
    box.verify(p)


@both
def a_torn_line_is_cut_and_said(p):
    p.run("true")
    good = p.log.read_bytes()
    with open(p.log, "ab") as f:
        f.write(b'{"v":1,"seq":99,"id":"to')
    r = p.run("true")
    check_eq(r.code, 0, r.err)
    check_in("torn", r.err)
    check(p.log.read_bytes().startswith(good), "more than the torn line is gone")
    check_eq((p.side / "audit.jsonl.torn").read_bytes().strip(), b'{"v":1,"seq":99,"id":"to')
    box.verify(p)


@both_cases([("NFS without its service", errno.ENOLCK), ("none at all", errno.EOPNOTSUPP)])
def a_file_system_without_locks(p, e):
    """Nobody may write there: another one could write at the same place. It can still be looked at."""
    check_eq(p.run("true").code, 0)
    before = p.log.read_bytes()
    refuse = box.refuse_calls(("fcntl", e, 1, None, 37))    # F_OFD_SETLK
    r = p.run("--write", ".", "touch", "made", preexec_fn=refuse)
    refused(p, r, "cannot be locked", "file system that has locks")
    check_eq(p.log.read_bytes(), before)
    box.verify(p)
    for words in (("audit", "verify", p.log), ("audit", "show", p.log)):
        q = subprocess.run([cli.WARD, *map(str, words)], preexec_fn=refuse, capture_output=True, check=False)
        check_eq(q.returncode, 0, q.stderr.decode())


@both
def a_line_that_is_torn_meanwhile_is_said_too(p):
    """Another writer of the same log dies in the middle of a line, while a run goes on."""
    q = p.start("--write", ".", "sh", "-c", "touch made; while ! test -e go; do sleep 0.02; done", stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    box.wait_for(lambda: (p.ws / "made").exists(), 20)
    with open(p.log, "ab") as f:
        f.write(b'{"v":1,"seq":9')
    (p.ws / "go").write_text("")
    err = q.communicate(timeout=60)[1].decode()
    check_eq(q.returncode, 0, err)
    check_in("torn", err)
    check_in("14 bytes", err)
    box.verify(p)


@both
def a_held_lock_is_waited_for_or_refused(p):
    """Another program that holds the log's lock may delay a run, never make it start without a record."""
    check_eq(p.run("true").code, 0)
    q = p.start("--write", ".", "touch", "made", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                before=None)
    q.wait(30)
    check((p.ws / "made").exists())
    (p.ws / "made").unlink()
    with open(p.log, "r+b") as f:
        fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))    # F_OFD_SETLK
        q = p.start("--write", ".", "touch", "made", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.5)
        check(not (p.ws / "made").exists(), "started without its record")
    q.communicate(timeout=60)
    check((q.returncode == 0) == (p.ws / "made").exists(), f"{q.returncode}")
    box.verify(p)


LOCKS = """
import fcntl, os, struct, sys
for name in sys.argv[1:]:
    try:
        fd = os.open(name, os.O_RDONLY)
        fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))
        print("locked", name)
    except OSError as e:
        print(e.strerror)
"""


@both
def the_log_is_not_read_and_not_locked_by_a_run(p):
    """Whoever reads a file can lock it: then nobody writes the log, and whoever waits for that looks at no limit meanwhile."""
    lock = p.write("lock.py", LOCKS)
    for _ in range(2):     # made by the first, and there at the second
        r = p.run("--read", p.side, "--read", lock, "python3", lock, p.log, f"{p.log}.runs")
        check_eq(r.code, 0, r.err)
        check_eq(r.out, 2 * "Permission denied\n", r.err)
    for words in ([p.log], [f"{p.log}.runs"]):
        r = p.run("--read", *words, "true")
        check_eq(r.code, 125, r.err)
        check_in("cannot be granted: it is the run's log, and whoever reads it can lock it; give it through a pipe: cat FILE |", r.err)
    with open(p.log, encoding="utf-8") as log:
        r = p.run("true", stdin=log)
    check_eq(r.code, 125, r.err)
    check_in("which the command could lock; give it through a pipe: cat FILE |", r.err)
    box.verify(p)


@both
def the_start_is_durable_before_the_command(p):
    if not shutil.which("strace"):
        skip("strace is not installed")
    trace = p.side / "trace"
    r = subprocess.run(["strace", "-f", "-ttt", "-o", trace, "-e", "trace=fdatasync,fsync,execve,write,pwrite64,sendto,sendmsg", "-s", "4000",
                        *p.words("/bin/true")], cwd=p.ws, env=p.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, check=False)
    text = trace.read_text(errors="replace") if trace.exists() else ""
    if "execve" not in text:
        skip(f"strace does not work here: {r.stderr[-200:]}")
    lines = text.splitlines()
    written = [i for i, line in enumerate(lines) if "run.start" in line and "write" in line]
    synced = [i for i, line in enumerate(lines) if re.search(r"(fdatasync|fsync)(\(| resumed).*= 0$", line)]
    begun = [i for i, line in enumerate(lines) if re.search(r'execve\("/(usr/)?bin/true"', line)]
    check(written and begun, text[-3000:])
    begun = [i for i in begun if i > written[0]]
    check(begun, "the command was executed before its record was written")
    check([i for i in synced if written[0] < i < begun[-1]], "no sync between the record and the command")


@both
def the_log_of_the_workspace_is_refused(p):
    for words in (["--audit", p.ws / "a.jsonl", "touch", "made"], ["--write", p.side, "--audit", p.side / "b.jsonl", "touch", "made"]):
        refused(p, p.run(*words, log=False), "audit")


@both
def hup_while_recording_loses_nothing(p):
    q = p.start("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do cat /etc/shadow$i /etc/shadow; sleep 0.05; done", stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.25)
    q.send_signal(signal.SIGHUP)
    q.wait(20)
    box.verify(p)
    check_eq(box.records(p)[-1]["kind"], "run.end")


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input: one line with place, rule and fix; exit 125; nothing executed, which a marker file shows."""
import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

import cli
from cli import placed
from tap import cases, check, check_eq, check_in, main, skip, test

MIB = 1 << 20


def refused(p, r, place, says):
    """One refusal as it must look."""
    check_eq(r.code, 125, r.err)
    check_eq(r.out, "")
    lines = r.err.splitlines()
    check_eq(len(lines), 1, f"not one line: {r.err}")
    check(lines[0].startswith("ward: "), lines[0])
    check(place in lines[0], f"no place {place!r} in {lines[0]!r}")
    for part in ([says] if isinstance(says, str) else says):
        check(re.search(part, lines[0]), f"{part!r} not found in {lines[0]!r}")
    check("; " in lines[0], f"no fix in {lines[0]!r}")
    check(not (p.ws / "marker").exists(), "something was executed")


def bad(p, *options, place, says, kind=("run",), command=("touch", "marker"), **more):
    """Run with a bad option in front of a command that would leave a marker; also as a plan, and with an outcome."""
    r, o = p.outcome("--write", ".", *options, *command, kind=kind, **more)
    refused(p, r, place, says)
    check_eq((o["status"], o["code"]), ("refused", None))
    check(o["error"]["file"] or not place.startswith("-"), f"an option is wrong, and error.file is null: {o['error']}")
    check(o["error"]["message"] and o["error"]["fix"], f"error without message or fix: {o['error']}")
    r = p.run("--write", ".", *options, *command, kind=("plan", *kind), **more)
    check(r.code in (1, 2), f"plan says {r.code}: {r.err}")
    check_in(o["error"]["message"], r.err)
    check(not (p.ws / "marker").exists(), "a plan executed something")


@test
@placed
def the_marker_works(p):
    check_eq(p.run("--write", ".", "touch", "marker").code, 0)
    check((p.ws / "marker").exists(), "the control run left no marker: this test shows nothing")


@cases([
    ("a profile of too many bytes", ["--profile", "a" * 5000], "--profile", "a value of more than 4095 bytes; give a shorter one"),
    ("no profile", ["--profile", ""], "--profile", "an empty value; give one, or leave the option out"),
    ("unknown type", ["--cap", "FILE_RAED:x"], "--cap", "FILE_READ"),
    ("no type", ["--cap", ":x"], "--cap", ""),
    ("no resource", ["--cap", "FILE_READ"], "--cap", ""),
    ("empty resource", ["--cap", "FILE_READ:"], "--cap", "empty"),
    ("parent", ["--cap", "FILE_READ:../x"], "--cap", r"\.\."),
    ("parent inside", ["--cap", "FILE_READ:a/../../x"], "--cap", r"\.\."),
    ("home", ["--cap", "FILE_READ:~/x"], "--cap", "~"),
    ("not held yet", ["--cap", "SECRET_ACCESS:token"], "--cap", "SECRET_ACCESS: not held by this backend"),
    ("published port 0", ["--publish", "8080:0"], "--publish", "no server listens at port 0"),
    ("published below 1024", ["--publish", "8080:80"], "--publish", "those below 1024 need a right that no run has"),
    ("published twice", ["--publish", "8080", "--publish", "8080:9000"], "--publish", "published already: --publish 8080"),
    ("published name", ["--publish", "example.com:80:8080"], "--publish", "no address in front of the ports"),
    ("published by UDP", ["--publish", "8080/udp"], "--publish", "only TCP is published"),
    ("published multicast", ["--publish", "224.0.0.1:80:8080"], "--publish", "multicast"),
    ("published domain", ["--cap", "NETWORK_LISTEN:*.example.com:8080"], "--cap", "one address of this host and one port"),
    ("port 99999", ["--cap", "NETWORK_CONNECT:api.example.org:99999"], "--cap", "99999"),
    ("unknown option", ["--wirte", "x"], "--wirte", "--write"),
    ("bwrap's word", ["--ro-bind", "/x", "/x"], "--ro-bind", "here it is --read PATH"),
    ("docker's word", ["--network", "host"], "--network", "here it is --cap NETWORK_CONNECT:HOST:PORT"),
    ("short option", ["-r"], "-r", "--read PATH"),
    ("no argument before the command", ["--read", "--", "true"], "--read", "an argument is missing; give --read PATH"),
    ("no argument before an option", ["--read", "--write", ".", "--", "true"], "--read", "an argument is missing; give --read PATH"),
    ("no argument before an option with =", ["--env", "--memory=1G", "--", "true"], "--env", "an argument is missing; give --env NAME"),
    ("option twice", ["--memory", "1G", "--memory", "2G"], "--memory", "twice"),
    ("variable twice", ["--env", "B=1", "--env", "C=1", "--env", "A=1", "--env", "B=2"], "--env", "B is set twice; keep one --env B=VALUE"),
    ("too many files", [*["--read", "."] * 4097], "--read", r"more than 4096 capabilities; grant directories"),
    ("too many endpoints", [*["--cap", "NETWORK_CONNECT:h.example.com:443"] * 4097], "--cap", "more than 4096 capabilities; grant ranges of addresses"),
    ("too many variables", [*["--env", "PATH"] * 4097], "--env", "more than 4096 capabilities; pass fewer by name; --env NAME=VALUE is none of them"),
    ("unknown axis", ["--require", "fils=enforced"], "--require", "files"),
    ("unknown level", ["--accept", "files=enforcd"], "--accept", "enforced"),
    ("axis without level", ["--require", "files"], "--require", "="),
    ("absolute with dots", ["--read", "/tmp/../etc/passwd"], "--read", r'write the same path without "\.\."'),
    ("absent in /dev", ["--read", "/dev/nonexistent"], "--read", "the sandbox has a /dev of its own; take it out"),
    ("one file for two", ["--report", "F", "--head-to", "./F"], "--head-to", "is the file of --report already"),
    ("memory 0", ["--memory", "0"], "--memory", ""),
    ("memory with a letter", ["--memory", "5x"], "--memory", ""),
    ("memory too large", ["--memory", "99999999999999999999"], "--memory", ""),
    ("timeout -1", ["--timeout", "-1"], "--timeout", ""),
    ("timeout 1e999", ["--timeout", "1e999"], "--timeout", "an exponent is not accepted"),
    ("timeout nan", ["--timeout=nan"], "--timeout", ""),
    ("cpus 0", ["--cpus", "0"], "--cpus", ""),
    ("pids 0", ["--pids", "0"], "--pids", "2 to 4194304"),
    ("pids 1", ["--pids", "1"], "--pids", "2 to 4194304"),
    ("disk 0", ["--disk", "0"], "--disk", ""),
    ("output limit 0", ["--output-limit", "0"], "--output-limit", ""),
    ("nofile 2", ["--nofile", "2"], "--nofile", ""),
    ("limit of the network without a value", ["--net-limit", "rate"], "--net-limit", "NAME=VALUE"),
    ("limit of the network that is too long", ["--net-limit", "rate=" + "1" * 60], "--net-limit", "write bytes-up=10M"),
    ("pattern that is too long once it is escaped", ["--mode", "workspace_write", "--cap", "FILE_READ:src/*" + "[" * 3000], "--cap",
     "write a shorter one"),
    ("unknown limit of the network", ["--net-limit", "byte-up=1M"], "--net-limit", "bytes-up"),
    ("limit of the network of 0", ["--net-limit", "rate=0"], "--net-limit", "nothing through"),
    ("limit of the network that is nonsense", ["--net-limit", "bytes-up=-1"], "--net-limit", ""),
    ("limit of the network that no run may have", ["--net-limit", "names=5000"], "--net-limit", "4096"),
    ("limit of the network twice", ["--net-limit", "rate=5", "--net-limit", "idle=1m,rate=6"], "--net-limit", "twice"),
    ("grace of days", ["--grace", "48h"], "--grace", "1h"),
    ("unknown backend", ["--backend", "dirct"], "--backend", "direct"),
    ("unknown attribution", ["--attribution", "fues"], "--attribution", "fuse"),
    ("unknown errno", ["--deny-errno", "EPERM"], "--deny-errno", "EACCES"),
    ("unknown stdin", ["--stdin", "nul"], "--stdin", "null"),
    ("policy of no file", ["--policy", "none.cedar"], "none.cedar", "name a file that is there"),
    ("component of no file", ["--component", "none.json"], "none.json", "name a file that is there"),
    ("policy of a directory", ["--policy", "/etc"], "/etc", "name a regular file"),
    ("labels without end", [w for i in range(65) for w in ("--label", f"k{i}=v")], "--label", "more than 64 labels; leave some out"),
    ("a label that is none", ["--label", "team"], "--label", "KEY=VALUE"),
    ("stdin of no file", ["--stdin", "file:/no/such"], "--stdin", "/no/such"),
    ("stdin of a directory", ["--stdin", "file:/"], "--stdin", "directory"),
    ("bad name", ["--env", "A-B=1"], "--env", "letters"),
    ("name not set", ["--env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE", ""),
    ("read of nothing", ["--read", ""], "--read", ""),
    ("read of no file", ["--read", "/no/such/file"], "/no/such/file", ""),
    ("write of no file", ["--write", "no-such-file"], "no-such-file", "touch|directory"),
    ("workspace is /", ["--workspace", "/"], "--workspace", "--i-know"),
    ("a root that nothing asks for", ["--repo-root", "."], "--repo-root", "there is no mode, no profile and no policy"),
    ("all of the host to be written", ["--i-know", "--write", "/"], "--write", "cannot be granted"),
    ("workspace is missing", ["--workspace", "no-such-dir"], "--workspace", ""),
    ("workspace is a file", ["--workspace", "/etc/passwd"], "--workspace", "directory"),
    ("cwd is missing", ["--cwd", "no-such-dir"], "--cwd", ""),
    ("report nowhere", ["--report", "/no/such/dir/x"], "--report", "/no/such/dir"),
    ("head to a closed descriptor", ["--head-to", "fd:99"], "--head-to", "99"),
    ("json takes nothing", ["--json=1"], "--json", "no argument"),
    ("review of nothing", ["--review="], "--review", "argument is missing"),
    ("review unknown", ["--review=later"], "--review", "did you mean|use one of"),
    ("review live of memory", ["--review=live", "--disk-backend", "tmpfs"], "--review", "--disk-backend dir"),
    ("review twice", ["--review", "--review=auto"], "--review", "given twice"),
    ("review direct", ["--review", "--backend", "direct"], "--review", "writes to the host itself"),
    ("disk backend unknown", ["--review", "--disk-backend", "ram"], "--disk-backend", "no disk backend"),
    ("disk backend alone", ["--disk-backend", "dir"], "--disk-backend", "without --review"),
])
@placed
def option(p, words, place, says):
    bad(p, *words, place=place, says=says)


@cases([
    ("what nothing holds", ["--cap", "SECRET_ACCESS:token"], 1),
    ("what is well formed and refused", ["--workspace", "/"], 1),
    ("a type that there is not", ["--cap", "SECRET:token"], 2),
    ("a pattern that is none", ["--cap", "FILE_READ:src/"], 2),
    ("an option that there is not", ["--secret", "token"], 2),
])
@placed
def plan_tells_a_refusal_from_misuse(p, words, code):
    check_eq(p.run(*words, "true", kind=("plan",)).code, code)
    check_eq(p.run("--dry-run", *words, "true").code, code)
    caps = p.side / "caps.json"
    if words[0] == "--cap":
        kind, resource = words[1].split(":")
        caps.write_text(json.dumps([{"type": kind, "resource": resource}]))
        check_eq(p.run("--capabilities", caps, "true", kind=("plan",)).code, code)


@test
@placed
def workspace_is_home(p):
    bad(p, "--workspace", p.home, place="--workspace", says="--i-know", env={"HOME": str(p.home)})


@test
@placed
def home_is_no_directory(p):
    """Accounts of services have /dev/null: nobody is told to take that away."""
    r = p.run("true", env={"HOME": "/dev/null", "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": str(p.side)})
    refused(p, r, "/dev/null", ["this is a character device", "XDG_CONFIG_HOME or HOME says: set it to a directory$"])


@test
@placed
def write_grant_of_home(p):
    bad(p, "--write", p.home, place="--write", says="--i-know", env={"HOME": str(p.home)})


@test
@placed
def write_grant_of_an_ancestor_of_home(p):
    bad(p, "--write", p.base, place="--write", says="--i-know", env={"HOME": str(p.home)})


@test
@placed
def outcome_nowhere(p):
    r = p.run("--write", ".", "--outcome", "/dev/null", "touch", "marker")
    refused(p, r, "--outcome", "fd:N")
    r = p.run("--write", ".", "--outcome", "/no/such/dir/x", "touch", "marker")
    refused(p, r, "--outcome", "/no/such/dir")


@test
@placed
def nothing_to_run(p):
    r = p.run("--write", ".")
    refused(p, r, "command", "CMD")
    r = p.run("--write", ".", "--")
    refused(p, r, "command", "CMD")
    r = p.run(kind=("sandbox", "run"))
    refused(p, r, "script", "SCRIPT")
    r = p.run("--write")
    refused(p, r, "--write", "PATH")
    r = p.run("--", "")
    refused(p, r, "command", "")


@cases([
    ("unknown type", '[{"type": "FILE_RAED", "resource": "x"}]', ":1:", "FILE_READ"),
    ("unknown field", '[\n {"type": "FILE_READ", "resource": "x", "resuorce": "y"}]', ":2:", "resuorce"),
    ("duplicate key", '[\n {"type": "FILE_READ",\n "type": "FILE_WRITE", "resource": "x"}]', ":3:", "type"),
    ("missing resource", '[{"type": "FILE_READ"}]', ":1:", "resource"),
    ("empty resource", '[{"type": "FILE_READ", "resource": ""}]', ":1:", "empty"),
    ("NUL in the resource", '[{"type": "FILE_READ", "resource": "a\\u0000b"}]', ":1:", "NUL"),
    ("resource is a number", '[{"type": "FILE_READ", "resource": 7}]', ":1:", ""),
    ("parent", '{"capabilities": [\n{"type": "FILE_READ", "resource": "../x"}]}', ":2:", r"\.\."),
    ("YAML", '- type: FILE_READ', ":1:", r'a capability file is JSON: \[{"type": "FILE_READ", "resource": "src/\*\*"}\]'),
    ("YAML of another form", 'capabilities: []', ":1:", r"a capability file is JSON"),
    ("unknown member", '{"capabilites": []}', ":1:", "capabilities"),
    ("no list", '"FILE_READ:x"', ":1:", ""),
    ("port", '[{"type": "NETWORK_CONNECT", "resource": "h.example:99999"}]', ":1:", "99999"),
    ("not held", '[{"type": "SECRET_ACCESS", "resource": "token"}]', ":1:", "SECRET_ACCESS: not held"),
    ("cut off", '[{"type": "FILE_READ", ', ":1:", ""),
    ("more behind", "[] []", ":1:", ""),
    ("empty", "", "caps.json", ""),
    ("too deep", "[" * 100 + "]" * 100, ":1:", ""),
    ("lone surrogate", '[{"type": "FILE_READ", "resource": "\\ud800"}]', ":1:", ""),
    ("not UTF-8", b'[{"type": "FILE_READ", "resource": "\xff"}]', ":1:", "UTF-8"),
    ("huge", "[" + " " * MIB + "]", "caps.json", "1048576|1M"),
])
@placed
def capability_file(p, text, where, says):
    path = p.side / "caps.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    place = f"{path}{where}" if where.startswith(":") else where
    bad(p, "--capabilities", path, place=place, says=says)


@test
@placed
def capability_file_that_is_none(p):
    bad(p, "--capabilities", p.side / "missing", place="missing", says="No such file|not found|does not exist")
    bad(p, "--capabilities", p.side, place=str(p.side), says="director")
    bad(p, "--capabilities", "/dev/zero", place="/dev/zero", says="regular")
    bad(p, "--capabilities", "", place="--capabilities", says="empty")


@test
@placed
def capability_file_that_may_not_be_read(p):
    if os.getuid() == 0:
        skip("root reads every file")
    path = p.side / "caps.json"
    path.write_text("[]")
    path.chmod(0)
    bad(p, "--capabilities", path, place=str(path), says="ermission")


@test
@placed
def a_fifo_does_not_hang(p):
    path = p.side / "fifo"
    os.mkfifo(path)
    bad(p, "--capabilities", path, place=str(path), says="regular")


@test
@placed
def interpreter_in_a_private_directory(p):
    """#! of the workspace chooses among what is granted and never adds."""
    ssh = p.home / ".ssh"
    ssh.mkdir()
    marker = p.ws / "marker"
    evil = ssh / "interp"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\n")
    evil.chmod(0o755)
    for name, kind in (("tool", ("sandbox", "run")), ("./tool", ("run",))):
        p.write("tool", f"#!{evil}\n", 0o755)
        r, o = p.outcome(name, *(["--write", "."] if kind != ("run",) else []), kind=kind,
                         env={"HOME": str(p.home)}) if kind != ("run",) else \
            p.outcome("--write", ".", name, env={"HOME": str(p.home)})
        refused(p, r, "tool", re.escape(str(evil)))
        check_eq(o["status"], "refused")


@cases([
    ("a tilde in quotes", ("--read", "~/x"), r"the shell leaves ~ .*--read '?[^ ']*/x'?$"),
    ("a pattern", ("--read", "a*"), r"a pattern is --cap 'FILE_READ:a\*'$"),
    ("a name", ("--write", "new"), "; touch it first, or "),
    ("a directory", ("--cap", "FILE_WRITE:new/**"), "; mkdir it first, or "),
    ("a name below one that is not there", ("--write", "new/out"), "; make it first, with its directory, or "),
])
@placed
def what_is_not_there_is_cured_by_what_was_meant(p, words, says):
    bad(p, *words, place=words[0], says=says, env={"HOME": str(p.home)})


@cases([
    ("with an interpreter alone", b"#!/bin/sh\r\ntouch marker\r\n", 127, "ends as on Windows; .*line ends of Unix"),
    ("behind env", b"#!/usr/bin/env sh\r\ntouch marker\r\n", 127, "ends as on Windows"),
    ("behind an argument, which is the interpreter's matter", b"#!/bin/true x\r\n", 0, ""),
    ("no first line", b"touch marker\n", 126, "Exec format error; give it a first line such as #!/bin/sh, or: ward run INTERPRETER "),
])
@placed
def a_script_that_cannot_be_executed_says_why(p, text, code, says):
    (p.ws / "job").write_bytes(text)
    (p.ws / "job").chmod(0o755)
    r = p.run("--write", ".", "./job")
    check_eq((r.code, r.out), (code, ""), r.err)
    check(re.search(says, r.err), f"{says!r} not found in {r.err!r}")
    check_eq(len(r.err.splitlines()), 1 if says else 0, r.err)
    check(not (p.ws / "marker").exists(), "something was executed")


@test
@placed
def a_command_in_quotes_is_one_word(p):
    r = p.run("--write", ".", "touch marker")
    check_eq(r.code, 127, r.err)
    check_in("words of its own, not one in quotes", r.err)


def venv(p, home):
    """A virtual environment in the workspace whose base claims to be home."""
    bin_dir = p.ws / "venv" / "bin"
    bin_dir.mkdir(parents=True)
    (p.ws / "venv" / "pyvenv.cfg").write_text(f"home = {home}\n")
    return bin_dir


@test
@placed
def the_cure_of_a_pyvenv_home_is_the_whole_python(p):
    """bin alone would be a program without its library."""
    for name in ("bin", "lib"):
        (p.side / "python" / name).mkdir(parents=True)
    shutil.copy("/usr/bin/true", p.side / "python/bin/python3")
    (venv(p, p.side / "python/bin") / "python3").symlink_to(p.side / "python/bin/python3")
    r = p.run("--write", ".", "venv/bin/python3")
    refused(p, r, "pyvenv.cfg:1", f"--read '?{re.escape(str(p.side))}/python'?$")


@test
@placed
def pyvenv_home_is_home(p):
    """home=$HOME in a pyvenv.cfg of the workspace must not make $HOME readable."""
    secret = p.home / "secret"
    secret.write_text("s3cret")
    bin_dir = venv(p, p.home)
    python = p.home / "python3"
    python.symlink_to(os.path.realpath(sys.executable))
    (bin_dir / "python3").symlink_to(python)
    r, o = p.outcome("--write", ".", "venv/bin/python3", "-c",
                     f"open('marker','w').write(open({str(secret)!r}).read())", env={"HOME": str(p.home)})
    refused(p, r, "", re.escape(str(p.home)))
    check_eq(o["status"], "refused")


@test
@placed
def a_runtime_prefix_that_is_a_link(p):
    """A version of ~/.pyenv that is a link to a directory of somebody's choice: the shape of a runtime, not its place."""
    elsewhere = p.base / "elsewhere"
    (elsewhere / "bin").mkdir(parents=True)
    (elsewhere / "secret").write_text("s3cret")
    tool = elsewhere / "bin" / "python3"
    tool.write_text(f"#!/bin/sh\ntouch {p.ws}/marker\n")
    tool.chmod(0o755)
    versions = p.home / ".pyenv" / "versions"
    versions.mkdir(parents=True)
    (versions / "3.11.2").symlink_to(elsewhere)
    bin_dir = venv(p, versions / "3.11.2" / "bin")
    (bin_dir / "python3").symlink_to(versions / "3.11.2" / "bin" / "python3")
    r, o = p.outcome("--write", ".", "venv/bin/python3", env={"HOME": str(p.home)})
    refused(p, r, "pyvenv.cfg:1", "3.11.2")
    check_eq(o["status"], "refused")


@test
@placed
def a_program_of_a_runtime_prefix_that_is_a_link(p):
    """As CMD, on the PATH and by #!, wherever PYENV_ROOT says that the runtimes are."""
    tool = p.base / "elsewhere" / "bin" / "python3.99"
    tool.parent.mkdir(parents=True)
    tool.write_text(f"#!/bin/sh\ntouch {p.ws}/marker\n")
    tool.chmod(0o755)
    versions = p.home / ".pyenv" / "versions"
    versions.mkdir(parents=True)
    (versions / "3.99").symlink_to(p.base / "elsewhere")
    linked = versions / "3.99" / "bin"
    script = p.home / "script"
    script.write_text(f"#!{linked}/python3.99\n")
    script.chmod(0o755)
    for env in ({"PYENV_ROOT": ""}, {"PYENV_ROOT": str(p.side)}):
        for cmd, place, more in ((linked / "python3.99", "", {}), ("python3.99", "", {"PATH": str(linked)}), (script, "script:1", {})):
            r, o = p.outcome("--write", ".", cmd, env={"HOME": str(p.home), **env, **more})
            refused(p, r, place, "3.99.*is a link to")
            check_eq(o["status"], "refused")


@test
@placed
def log_inside_a_write_grant(p):
    log = p.ws / "audit.jsonl"
    r = p.run("--audit", log, "--write", ".", "touch", "marker", log=False)
    refused(p, r, "--audit", "write grant|workspace")
    out = p.base / "out"
    out.mkdir()
    r = p.run("--audit", out / "log", "--write", out, "touch", out / "marker", log=False)
    refused(p, r, "--audit", "write grant")
    check(not (out / "marker").exists() and not (out / "log").exists(), "something was written")


@test
@placed
def log_inside_the_workspace(p):
    r = p.run("--audit", "audit.jsonl", "true", log=False)
    refused(p, r, "--audit", "workspace")
    # Where a service begins no place is elsewhere.
    r = p.run("--audit", p.base / "log", "true", log=False, cwd="/")
    refused(p, r, "--audit", 'workspace "/".*name a directory of its own as the workspace: --workspace DIR')
    check_eq(p.run("--audit", p.base / "log", "--workspace", p.ws, "true", log=False, cwd="/").code, 0)


@test
@placed
def log_that_cannot_be_written(p):
    r = p.run("--audit", p.side / "no" / "such" / "\n" / "x", "true", log=False)
    check(r.code in (0, 125), r.err)   # directories may be made; a newline in a name must not break a line
    cli.only_ward_lines(r.err)
    r = p.run("--audit", "/proc/x", "true", log=False)
    refused(p, r, "/proc/x", "")


@test
@placed
def refusals_are_in_the_log(p):
    r, o = p.outcome("--read", "/no/such/file", "true")
    check_eq(r.code, 125)
    records = [json.loads(line) for line in p.log.read_text().splitlines()]
    mine = [x for x in records if x.get("run") == o["run"]]
    check(mine, "the refusal is not in the log")
    check(mine[-1]["kind"] in ("capability.denied", "policy.block"), mine[-1]["kind"])


@test
@placed
def hostile_names_do_not_reach_the_terminal(p):
    name = "x\x1b[2J\nward: all is well"
    r = p.run("--read", name, "true")
    check_eq(r.code, 125)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check("\x1b" not in r.err, "an escape sequence was printed")
    r = p.run(f"--{name}", "true")
    check_eq(r.code, 125)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check("\x1b" not in r.err, "an escape sequence was printed")


@test
@placed
def ten_thousand_capabilities(p):
    path = p.side / "caps.json"
    path.write_text(json.dumps([{"type": "FILE_READ", "resource": f"f{i}"} for i in range(10000)]))
    bad(p, "--capabilities", path, place="caps.json", says="4096")


@test
@placed
def interpreter_unknown(p):
    p.write("tool.xyz", "hello\n")
    r = p.run("tool.xyz", kind=("sandbox", "run"))
    check_eq(r.code, 125, r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check_in("tool.xyz", r.err)


@cases([(f"{kind.lower()} {n}", getattr(resource, f"RLIMIT_{kind}"), n, option) for kind, n, option in
        (("NOFILE", 8, "-n"), ("NOFILE", 16, "-n"), ("NOFILE", 24, "-n"), ("NOFILE", 32, "-n"), ("FSIZE", 0, "-f"), ("FSIZE", 4096, "-f"))])
@placed
def a_limit_of_the_callers_is_named(p, which, n, option):
    """It is no mechanism of the host that refuses, and no directory."""
    r = subprocess.run([cli.WARD, "run", "--write", ".", "touch", "marker"], cwd=p.ws, env=p.env(), capture_output=True, text=True, timeout=60, check=False,
                       preexec_fn=lambda: resource.setrlimit(which, (n, n)))
    if n == 32 and os.geteuid() != 0 and r.returncode == 0:
        return   # without mounts with shifted ids these are enough
    check_eq((r.returncode, r.stdout), (125, ""), r.stderr)
    check_in(f"(ulimit {option})", r.stderr.splitlines()[0])
    check(not (p.ws / "marker").exists(), "something was executed")


@cases([(str(n), n) for n in (5, 6, 7)])
@placed
def where_the_outcome_has_no_descriptor_no_other_file_helps(p, n):
    r = subprocess.run([cli.WARD, "run", "--outcome", str(p.ws / "out"), "true"], cwd=p.ws, env=p.env(), capture_output=True, text=True, timeout=60, check=False,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
    check_eq(r.returncode, 125, r.stderr)
    for line in r.stderr.splitlines():
        check_in("(ulimit -n)", line)


def with_bits(path):
    os.chmod(path, 0o6755)


def with_capabilities(path):
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 1, 0, 0, 0))   # CAP_DAC_OVERRIDE, effective


@cases([("set-ID bits", with_bits), ("capabilities", with_capabilities)])
@placed
def rights_of_its_own_are_not_lent(p, give):
    """A run of whoever calls it could be granted what root alone may read."""
    if os.geteuid() != 0:
        skip("root gives rights to a file")
    with tempfile.TemporaryDirectory(prefix="ward-bits-", dir="/var/tmp") as name:
        d = pathlib.Path(name)
        d.chmod(0o755)
        if os.statvfs(d).f_flag & os.ST_NOSUID:
            skip("nothing below /var/tmp has rights of its own")
        (d / "home").mkdir()
        os.chown(d / "home", 54321, 54321)
        (d / "secret").write_text("a secret")
        (d / "secret").chmod(0o600)
        shutil.copy(cli.WARD, d / "ward")
        who = {"cwd": d / "home", "env": {"HOME": str(d / "home"), "PATH": "/usr/bin:/bin"}, "user": 54321, "group": 54321, "extra_groups": [],
               "capture_output": True, "text": True, "timeout": 60, "check": False}
        check_eq(subprocess.run([d / "ward", "--version"], **who).returncode, 0)
        give(d / "ward")
        for words in (["run", "--read", str(d / "secret"), "--", "cat", str(d / "secret")], ["doctor"], ["--version"]):
            r = subprocess.run([d / "ward", *words], **who)
            check_eq((r.returncode, r.stdout), (125, ""), r.stderr)
            check(re.fullmatch("ward: .* rights of its own .*; take them away: .*\n", r.stderr), r.stderr)


@cases([("none to speak of", 16), ("half of it", 128)])
@placed
def too_small_a_stack_is_said(p, kib):
    if b"__asan_init" in pathlib.Path(cli.WARD).read_bytes():
        skip("a sanitizer needs more of a stack before it comes to main")
    r = subprocess.run([cli.WARD, "run", "true"], cwd=p.ws, env=p.env(), capture_output=True, text=True, timeout=60, check=False,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (kib << 10, resource.getrlimit(resource.RLIMIT_STACK)[1])))
    check_eq((r.returncode, r.stdout, r.stderr), (125, "", "ward: the limit of the stack is below 256 KiB; ulimit -s 8192\n"))


AT_SECURE, PTRACE_TRACEME, PTRACE_DETACH = 23, 0, 17


def says_secure(pid):
    """What a security module that changes domains has the kernel say to who was just started, said here by a debugger."""
    size = struct.calcsize("P")
    at = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[25])   # where its stack begins
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        def word(where):
            memory.seek(where)
            return int.from_bytes(memory.read(size), sys.byteorder)
        at += size * (word(at) + 2)
        while word(at):
            at += size
        at += size
        while word(at) != AT_SECURE:
            at += 2 * size
        memory.seek(at + size)
        memory.write((1).to_bytes(size, sys.byteorder))


def become(libc, uid, ambient):
    if uid:
        libc.prctl(8, 1, 0, 0, 0)   # PR_SET_KEEPCAPS
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header, given = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", 0, 1 << 1, 1 << 1, 0, 0, 0)   # CAP_DAC_OVERRIDE
    if ambient and (libc.capset(header, given) or libc.prctl(47, 2, 1, 0, 0)):
        os._exit(98)


@cases([("root", 0, False), ("an ordinary user", 54321, False), ("a user with an ambient capability", 54321, True)])
def what_the_caller_has_is_not_lent(uid, ambient):
    """A service that a security module changes the domain of (SELinux, for all that systemd starts) is cleaned of its environment alone."""
    if os.geteuid() != 0:
        skip("root becomes somebody")
    libc = ctypes.CDLL(None)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        os.dup2(write, 2)
        become(libc, uid, ambient)
        if libc.ptrace(PTRACE_TRACEME, 0, None, None):
            os._exit(97)
        os.execv(cli.WARD, ["ward", "--version"])
    os.close(write)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        skip(f"nothing may be traced here ({status})")
    check_eq(os.WSTOPSIG(status), signal.SIGTRAP)
    says_secure(pid)
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    _, status = os.waitpid(pid, 0)
    with open(read, encoding="utf-8") as f:
        check_eq((os.waitstatus_to_exitcode(status), f.read()[:5]), (0, "ward "))


check(pathlib.Path(cli.WARD).exists(), f"{cli.WARD} is not there")
main()

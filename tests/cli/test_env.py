#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The environment and the place of a command."""
import os
import pathlib
import resource
import socket
import tempfile

import cli
from cli import placed
from tap import cases, check, check_eq, check_in, main, test


def env_of(r):
    return dict(line.split("=", 1) for line in r.out.splitlines() if "=" in line)


@test
@placed
def composed_not_inherited(p):
    got = env_of(p.run("env", env={"SECRET_TOKEN": "x", "LD_PRELOAD": "", "TZ": "UTC", "LC_TIME": "C"}))
    check("SECRET_TOKEN" not in got, "a variable of the caller went inside")
    check("LD_PRELOAD" not in got)
    check_eq(got["TZ"], "UTC")
    check_eq(got["LC_TIME"], "C")
    check_eq((got["HOME"], got["USER"], got["LOGNAME"], got["TMPDIR"]), ("/home/ward", "ward", "ward", "/tmp"))
    check_in("PATH", got)
    check_eq(len(got["WARD_RUN"]), 26)


PROFILE = """schemaVersion: 2
kind: Policy
metadata: {name: env}
spec:
  fsProfiles:
    x: {read: ["**"], allowExec: ["*"], env: [TOKEN, MODE=profile]}
"""


@cases([(row[0], row[1:]) for row in (
    ("a profile's", {"TOKEN": "host"}, [], {"TOKEN": "host", "MODE": "profile"}),
    ("a value", {"TOKEN": "host"}, ["--env", "TOKEN=mine", "--env", "MODE=mine"], {"TOKEN": "mine", "MODE": "mine"}),
    ("a value of what the host has not", {}, ["--env", "TOKEN=mine"], {"TOKEN": "mine", "MODE": "profile"}),
    ("the host's value", {"TOKEN": "host", "MODE": "host"}, ["--env", "MODE"], {"TOKEN": "host", "MODE": "host"}),
    ("a capability", {"TOKEN": "host", "MODE": "host"}, ["--cap", "ENV:MODE"], {"TOKEN": "host", "MODE": "host"}),
    ("a capability's value of what the host has not", {}, ["--cap", "ENV:TOKEN=mine"], {"TOKEN": "mine", "MODE": "profile"}),
    ("a capability's value behind one of a name that begins so", {}, ["--cap", "ENV:TOKENS=x", "--cap", "ENV:TOKEN=mine"], {"TOKEN": "mine", "TOKENS": "x"}),
    ("a capability with a value", {"TOKEN": "host"}, ["--cap", "ENV:MODE=mine"], {"TOKEN": "host", "MODE": "mine"}))])
@placed
def an_option_says_what_a_profile_sets(p, row):
    env, words, want = row
    p.write("p.yaml", PROFILE)
    r = p.run("--policy", p.ws / "p.yaml", "--profile", "x", *words, "env", env=env)
    check_eq(r.code, 0, r.err)
    got = env_of(r)
    check_eq({name: got.get(name) for name in want}, want)


@test
@placed
def the_cure_of_a_variable_that_is_not_set_is_one(p):
    p.write("p.yaml", PROFILE)
    r = p.run("--policy", p.ws / "p.yaml", "--profile", "x", "env")
    check_eq(r.code, 125, r.out)
    check_in("is not set here; set it before, or --env TOKEN=VALUE", r.err)
    # The last one counts: the value came before.
    r = p.run("--cap", "ENV:TOKEN=mine", "--cap", "ENV:TOKEN", "env")
    check_eq(r.code, 125, r.out)


@test
@placed
def passed_by_name(p):
    got = env_of(p.run("--env", "TOKEN", "env", env={"TOKEN": "a=b c"}))
    check_eq(got["TOKEN"], "a=b c")
    # As well where there are rules about connections, which are found in another way.
    got = env_of(p.run("--cap", "NETWORK_CONNECT:api.example.com:443", "--cap", "ENV:TOKEN", "--env", "MODE=y", "env", env={"TOKEN": "x"}))
    check_eq(got["MODE"], "y")
    check_eq(got["TOKEN"], "x")


@cases([
    ("of a URL", "BASE", "http://localhost:4000/v1", "localhost:4000", ":4000"),
    ("with a password, which nobody is shown", "DB", "postgres://me:secret@127.0.0.1:5432/x", "127.0.0.1:5432", ":5432"),
    ("of IPv6", "BASE", "http://[::1]:4000", "[::1]:4000", ":4000"),
    ("without a port", "BASE", "http://localhost/", "localhost", ":PORT"),
    ("no URL", "REDIS", "LOCALHOST:6379", "LOCALHOST:6379", ":6379"),
    ("another host", "BASE", "http://localhost.example.com:4000", None, None),
    ("behind a host", "BASE", "http://example.com/?to=http://localhost:1", None, None),
    ("a user of that name", "BASE", "http://localhost@example.com:4000", None, None),
    ("a list", "NO_PROXY", "localhost:1", None, None),
    ("a word", "HOSTNAME", "localhost", None, None)])
@placed
def a_server_of_the_host_that_is_passed_on_is_told_to_be_none_inside(p, name, value, server, port):
    r = p.run("--env", name, "env", env={name: value})
    check_eq(env_of(r)[name], value)
    says = f"ward: warning: --env {name}: {server} is the run's own inside; the host's is host.ward.internal: --env {name}=VALUE with that name, " \
           f"and --cap NETWORK_CONNECT:host.ward.internal{port}\n"
    check_eq([line + "\n" for line in r.err.splitlines() if "own inside" in line], [says] if server else [], r.err)
    check("secret" not in r.err, r.err)
    # Set for the inside it means the inside.
    check("own inside" not in p.run("--env", f"{name}={value}", "true").err)


@test
@placed
def a_proxy_of_the_host_that_is_passed_on_is_told_to_be_needless(p):
    r = p.run("--env", "https_proxy", "true", env={"https_proxy": "http://127.0.0.1:3128"})
    check_in("--env https_proxy: 127.0.0.1:3128 is the run's own inside; leave it out: what is granted is reached without a proxy\n", r.err)
    r = p.run("--env", "HTTPS_PROXY", "--env", "NO_PROXY", "true", env={"HTTPS_PROXY": "http://me:secret@proxy.example:3128", "NO_PROXY": "x.example"})
    check_eq([line for line in r.err.splitlines(True) if "--env " in line],
             ["ward: warning: --env HTTPS_PROXY: a proxy is asked for other names than its own, which is refused inside; leave it out: "
             "--upstream-proxy goes by it, and programs need no variable\n"])
    for url in ("socks5h://me:secret@proxy.example:1080", "SOCKS://proxy.example", "https://proxy.example:3128"):
        r = p.run("--env", "ALL_PROXY", "true", env={"ALL_PROXY": url})
        check_in("ward: warning: --env ALL_PROXY: what is asked of a proxy by SOCKS or TLS nobody here judges", r.err)
        check("which is refused" not in r.err and "secret" not in r.err, r.err)


@test
@placed
def a_socket_of_the_host_that_is_passed_on_is_told_to_be_none_inside(p):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(p.ws / "agent"))
        r = p.run("--env", "SSH_AUTH_SOCK", "true", env={"SSH_AUTH_SOCK": str(p.ws / "agent")})
    check_eq(r.code, 0, r.err)
    check_in("--env SSH_AUTH_SOCK names a socket of the host, which cannot be reached from inside; ssh-agent COMMAND starts an agent there\n", r.err)
    (p.ws / "link").symlink_to("agent")
    for name, value in (("DOCKER_HOST", f"unix://{p.ws}/agent"), ("A", f"unix:{p.ws}/agent"), ("B", f"{p.ws}/link"),
                        ("DBUS_SESSION_BUS_ADDRESS", f"unix:path={p.ws}/agent,guid=0;unix:path=/x")):
        check_in(f"--env {name} names a socket of the host, which cannot be reached from inside\n", p.run("--env", name, "true", env={name: value}).err)
    p.write("file", "x")
    check("socket" not in p.run("--env", "FILE", "true", env={"FILE": str(p.ws / "file")}).err)


@cases([("as it is", "{}"), ("behind an option", "--file={}"), ("of a variable", "X={}"), ("not normalised", "/tmp/./..{}"), ("not there", "{}.no"),
        ("a word with a colon", "host:{}"), ("another one's value", "s/a=b/{}")])
@placed
def a_word_that_names_what_a_private_directory_hides_is_warned_about(p, how):
    """What is granted, or lies on the way to it, is told otherwise: it is there, or it is refused."""
    with tempfile.TemporaryDirectory(dir="/tmp") as d:
        path = pathlib.Path(d) / "it's.py"
        path.write_text("x")
        word = how.format(path)
        warned = f"\"{path}\" is not there inside: /tmp is the run's own, and empty; the host's has to be granted: --read '{d}/it'\\''s.py' (or --write)\n"
        seen = "not there" if how in ("host:{}", "s/a=b/{}", "{}.no") else "warned"
        for kind in (("run",), ("plan",)):
            r = p.run("echo", "/tmp", word, kind=kind)
            check_eq(warned in r.out + r.err, seen == "warned", r.out + r.err)
        for words in (["--read", str(path)], ["--write", d], ["--backend", "direct"]):
            check("is not there inside" not in p.run(*words, "echo", word).err, str(words))


@test
@placed
def set_by_value(p):
    got = env_of(p.run("--env", "MODE=a=b", "--env", "EMPTY=", "--env", "PATH=/usr/bin:/bin", "env"))
    check_eq((got["MODE"], got["EMPTY"], got["PATH"]), ("a=b", "", "/usr/bin:/bin"))


@test
@placed
def thousands_are_set_in_a_time_that_grows_with_them(p):
    def cpu(n):
        used = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            r = p.run("--quiet", *(word for i in range(n) for word in ("--env", f"V{i * 7919 % n}={i}")), "sh", "-c", "env | grep -c ^V; echo $V0")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            check_eq((r.code, r.out.split()), (0, [str(n), "0"]), r.err)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(used)
    few, many = cpu(2000), cpu(8000)
    check(many < 12 * few, f"{few} {many}")


@test
@placed
def passing_what_is_not_set_is_an_error(p):
    r = p.run("--env", "NOT_SET_ANYWHERE", "env")
    check_eq(r.code, 125)
    check_in("NOT_SET_ANYWHERE", r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)


@test
@placed
def cwd_is_the_callers(p):
    p.write("sub/file", "x")
    check_eq(p.run("--read", ".", "pwd").out.strip(), str(p.ws))
    check_eq(p.run("--read", ".", "--cwd", "sub", "sh", "-c", "pwd; ls").out.split(), [str(p.ws / "sub"), "file"])


@test
@placed
def workspace_grants_nothing(p):
    p.write("file", "x")
    r = p.run("--workspace", ".", "cat", "file")
    check_eq((r.code, r.out), (1, ""), r.err)


@test
@placed
def relative_capabilities_start_at_the_workspace(p):
    p.write("inner/data.txt", "inner\n")
    r = p.run("--workspace", "inner", "--cap", "FILE_READ:data.txt", "cat", p.ws / "inner/data.txt")
    check_eq((r.code, r.out), (0, "inner\n"), r.err)


@test
@placed
def run_ids_differ(p):
    ids = {p.run("sh", "-c", "echo $WARD_RUN").out for _ in range(3)}
    check_eq(len(ids), 3)


@test
@placed
def arguments_arrive_as_they_are(p):
    words = ["a b", "", "--read", "-x", "*", "'\"", "ä", "\n"]
    r = p.run("--", "printf", "<%s>", *words)
    check_eq(r.out, "".join(f"<{w}>" for w in words))


@test
@placed
def script_gets_its_arguments(p):
    script = p.write("show.py", "import sys\nprint(sys.argv[1:])\n")
    r = p.run(script, "--timeout", "30s", "--", "--flag", "x y", kind=("sandbox", "run"))
    check_eq((r.code, r.out), (0, "['--flag', 'x y']\n"), r.err)
    r = p.run(script, "plain", "--flag", kind=("sandbox", "run"))
    check_eq((r.code, r.out), (0, "['plain', '--flag']\n"), r.err)


@test
@placed
def dry_run_and_plan_run_nothing(p):
    for words, kind in ((["--dry-run", "--write", ".", "touch", "made"], ("run",)),
                        (["--write", ".", "touch", "made"], ("plan",)),
                        (["--write", ".", "touch", "made"], ("plan", "run"))):
        r = p.run(*words, kind=kind)
        check_eq(r.code, 0, r.err)
        check(r.out, "no plan was printed")
        check(not (p.ws / "made").exists(), "it ran")
    check_eq(p.run("--write", ".", "touch", "made").code, 0)
    check((p.ws / "made").exists(), "the same words without --dry-run do not run")


@test
@placed
def plan_of_a_script(p):
    p.write("tool.py", "print(1)\n")
    r = p.run("tool.py", kind=("plan", "sandbox", "run"))
    check_eq(r.code, 0, r.err)
    check_in("256M", r.out)


@test
@placed
def plan_exit_codes(p):
    check_eq(p.run("true", kind=("plan",)).code, 0)
    check_eq(p.run("--require", "exec=enforced", "true", kind=("plan",)).code, 1)
    check_eq(p.run("--memory", "0", "true", kind=("plan",)).code, 2)
    check_eq(p.run(kind=("plan",)).code, 2)
    check_eq(p.run("--dry-run", "--memory", "0", "true").code, 2)


@test
@placed
def umask_of_the_caller(p):
    """It takes nothing of what is the owner's: a ~/.local that was made with mode 0 would be everybody's trouble, for good."""
    log = p.side / "a" / "b" / "audit.jsonl"
    for _ in range(2):
        r = p.run("--audit", log, "--outcome", p.outcome_file, "sh", "-c", "umask", log=False, preexec_fn=lambda: os.umask(0o777))
        check_eq((r.code, r.out), (0, "0077\n"), r.err)
    for made in (log.parent.parent, log.parent):
        check_eq(made.stat().st_mode & 0o7777, 0o700, made)
    for made in (log, p.outcome_file):
        check_eq(made.stat().st_mode & 0o7777, 0o600, made)


@cases([("of a closed one", 0o077, "0077"), ("of an open one", 0, "0022"), ("of a group's", 0o002, "0022"), ("of a group's alone", 0o007, "0027")])
@placed
def what_is_made_is_as_closed_as_the_callers_own(p, mask, inside):
    for more in ((), ("--backend", "direct")):
        r = p.run("--write", ".", *more, "sh", "-c", "umask; echo x > made", preexec_fn=lambda: os.umask(mask))
        check_eq((r.code, r.out), (0, inside + "\n"), r.err)
        check_eq(p.ws.joinpath("made").stat().st_mode & 0o7777, 0o666 & ~int(inside, 8))
        p.ws.joinpath("made").unlink()


@test
@placed
def a_working_directory_that_may_not_be_entered(p):
    """The cure names it, and no .ward in it, which is not even there."""
    if os.geteuid() == 0:
        return
    shut = p.ws / "shut"
    shut.mkdir()
    try:
        r = p.run("true", cwd=shut, preexec_fn=lambda: shut.chmod(0))
    finally:
        shut.chmod(0o700)
    check_eq(r.code, 125, r.err)
    check_in(f"chmod u+rX '{shut}'", r.err)


@test
@placed
def a_long_working_directory(p):
    """As long as a path may be: it is not counted twice."""
    at, fds = p.ws, [os.open(p.ws, os.O_RDONLY)]
    while len(str(at)) < 3700:
        at = at / ("d" * 200)
        os.mkdir(at.name, dir_fd=fds[-1])
        fds.append(os.open(at.name, os.O_RDONLY, dir_fd=fds[-1]))
    try:
        with open(os.open("f", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fds[-1]), "w", encoding="utf-8") as f:
            f.write("deep\n")
        r = p.run("--read", ".", "cat", "f", cwd=at)
        check_eq((r.code, r.out), (0, "deep\n"), r.err[-300:])
        for _ in range(2):
            os.mkdir("e" * 200, dir_fd=fds[-1])
            fds.append(os.open("e" * 200, os.O_RDONLY, dir_fd=fds[-1]))
        r = p.run("true", cwd="/", preexec_fn=lambda: os.fchdir(fds[-1]))
        check_eq(r.code, 125)
        check_in("shorter", r.err)
    finally:
        for fd in fds:
            os.close(fd)


@test
@placed
def links_that_lead_in_a_circle(p):
    (p.ws / "loop").symlink_to("loop")
    r = p.run("./loop")
    check_eq(r.code, 126, r.err)
    check_in("circle", r.err)
    r = p.run("--cwd", "loop", "true")
    check_eq(r.code, 125)
    check_in("circle of links", r.err)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about a program's name: what can be found by that name when the run starts is not executed, wherever it lies; what else of it nobody
holds is asserted here, and said by the axis exec. And what programs look for: where it is told, and what would allow it."""
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import box
from box import both, both_cases, root_only, user_only
from tap import check, check_eq, check_in, skip

EXEC = 'action == Ward::Action::"proc.exec", resource'
HEAD = f'forbid (principal, {EXEC}) when {{ resource.name == "head" }};\n'


def env(p, **more):
    return {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), **more}


def run(p, text, *words, more=None):
    p.ws.chmod(0o777)
    p.write("x.cedar", text)
    return p.run("--policy", "x.cedar", *words, env=env(p, **(more or {})))


def tool(p, name, says="ran"):
    return p.write(name, f"#!/bin/sh\necho {says}\n", 0o755)


WAYS = [
    ("by name", "head -c1 /etc/passwd"),
    ("by path", "/usr/bin/head -c1 /etc/passwd"),
    ("by a shell that becomes it", "exec head -c1 /etc/passwd"),
    ("by the loader", "$(ls /lib64/ld-linux-x86-64.so.2) /usr/bin/head -c1 /etc/passwd"),
    ("by a link to it", "ln -s /usr/bin/head other; ./other -c1 /etc/passwd"),
    ("by another program", "find /etc/passwd -exec head -c1 {} \\;"),
]


@both_cases(WAYS)
def is_not_executed(p, command):
    r = run(p, HEAD, "--write", ".", "sh", "-c", f"({command}) 2>/dev/null; echo; echo hi | tail -n1")
    check_eq(r.out, "\nhi\n", r.err)
    r = run(p, HEAD.replace('"head"', '"nothing"'), "--write", ".", "sh", "-c", f"({command}) 2>/dev/null")
    check_eq(r.out, "w", r.err)


@both
def a_permit_of_a_script_is_none_of_its_interpreter(p):
    tool(p, "tool.sh")
    may = (f'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.exec"], resource == Ward::Path::"{p.ws}/tool.sh");\n'
           f'permit (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"{p.ws}/tool.sh");\n')
    sh = 'permit (principal, action in [Ward::Action::"fs.exec", Ward::Action::"proc.exec"], resource == Ward::Program::"/usr/bin/dash");\n'
    script = ("import subprocess\nfor words in (['./tool.sh'], ['/bin/sh', '-c', 'echo direct']):\n"
              "  try: subprocess.run(words)\n  except OSError as e: print(e.errno, flush=True)")
    r = run(p, may, "--mode", "read_only", "/usr/bin/python3.11", "-c", script)
    check_eq(r.out, "13\n13\n", r.err)
    check_in(f'"{p.ws}/tool.sh" may be started, and "/usr/bin/dash", which its #! line names, may not', r.err)
    # Where no rule forbids it, with what to paste.
    cure = r.err.split("permit that too: ")[1].splitlines()[0]
    r = run(p, may, "--mode", "read_only", *shlex.split(cure), "/usr/bin/python3.11", "-c", script)
    check_eq(r.out, "ran\ndirect\n", f"{cure}: {r.err}")
    r = run(p, may + 'forbid (principal, action, resource == Ward::Program::"/usr/bin/dash");', "--mode", "read_only", "/usr/bin/python3.11", "-c", script)
    check("may not: permit that too\n" in r.err, r.err)
    r = run(p, may + sh, "--mode", "read_only", "/usr/bin/python3.11", "-c", script)
    check_eq(r.out, "ran\ndirect\n", r.err)


RULES = [
    ("like", f'forbid (principal, {EXEC}) when {{ resource.name like "he*d" }};'),
    ("unless", f'forbid (principal, {EXEC}) unless {{ resource.name != "head" }};'),
    ("a set", f'forbid (principal, {EXEC}) when {{ ["curl", "head"].contains(resource.name) }};'),
    ("of all actions on programs", 'forbid (principal, action, resource is Ward::Program) when { resource.name == "head" };'),
    # Beside another permit: who says nothing of programs but a permit has all of them.
    ("a permit that spares", f'permit (principal, {EXEC}) unless {{ resource.name == "head" }};', "--cap", "EXTERNAL_COMMAND:/usr/bin/tail"),
]


@both_cases(RULES)
def however_it_is_written(p, text, *words):
    r = run(p, text + "\n", *words, "--read", ".", "sh", "-c", "head -c1 /etc/passwd 2>/dev/null; echo hi | tail -n1")
    check_eq(r.out, "hi\n", r.err)
    check_in('EXTERNAL_COMMAND "/usr/bin/head" refused: ', r.err)


@both
def in_what_is_granted_too(p):
    for name in ("bin/mine", "bin/deep/er/mine", "bin/deep/yours"):
        tool(p, name, name)
    text = f'forbid (principal, {EXEC}) when {{ resource.name == "mine" }};\n'
    r = run(p, text, "--read", ".", "sh", "-c", "for f in bin/mine bin/deep/er/mine bin/deep/yours; do ./$f; done 2>/dev/null")
    check_eq(r.out, "bin/deep/yours\n", r.err)


@both
def the_command_itself_too(p):
    r = run(p, HEAD, "--read", ".", "head", "-c1", "/etc/passwd")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("x.cedar:1", r.err)
    check_in("axis exec", r.err)


@both
def the_answer_is_the_same(p):
    p.write("x.cedar", HEAD)
    for name, code in (("head", 1), ("/usr/bin/head", 1), ("tail", 0)):
        r = p.run("--policy", "x.cedar", "--action", "proc.exec", "--resource", name, kind=("policy", "explain"), log=False, env=env(p))
        check_eq(r.code, code, r.out + r.err)


@both
def a_permit_by_name_is_a_list(p):
    text = f'permit (principal, {EXEC}) when {{ ["head", "dash", "bash", "sh"].contains(resource.name) }};\n'
    r = run(p, text, "--cap", "EXTERNAL_COMMAND:/usr/bin/sort", "--read", ".", "sh", "-c",
            "echo one | head -n1; echo two | sort; echo three | tail -n1")
    check_eq(r.out, "one\ntwo\n", r.err)


@both
def a_link_of_that_name_is_told(p):
    tool(p, "real")
    (p.ws / "bin").mkdir()
    (p.ws / "bin/alias").symlink_to("../real")
    text = f'forbid (principal, {EXEC}) when {{ resource.name == "alias" }};\n'
    r = run(p, text, "--read", ".", "bin/alias", more={"PATH": f"{p.ws}/bin:/usr/bin:/bin"})
    check_eq((r.code, r.out), (0, "ran\n"), r.err)
    check_in("is a link: a rule about a program of that name says nothing of", r.err)


@both
def what_is_not_held_the_axis_says(p):
    """A copy under another name is another program; so is one that comes to be. Who insists on the axis is refused."""
    p.ws.chmod(0o777)
    p.write("x.cedar", HEAD)
    r, o = p.outcome("--policy", "x.cedar", "--write", ".", "sh", "-c", "cp /usr/bin/head mine && ./mine -c1 /etc/passwd", env=env(p))
    check_eq(r.out, "w", r.err)
    check_eq(o["axes"]["exec"]["level"] if isinstance(o["axes"]["exec"], dict) else o["axes"]["exec"], "advisory", json.dumps(o["axes"]))
    r = run(p, HEAD, "--require", "exec=enforced", "--write", ".", "true")
    check_eq(r.code, 125)
    check_in("axis exec", r.err)


@both
def without_such_a_rule_nothing_is_looked_at(p):
    r = run(p, 'forbid (principal, action == Ward::Action::"env.read", resource) when { resource.name == "head" };\n', "--read", ".",
            "head", "-c1", "/etc/passwd")
    check_eq((r.code, r.out), (0, "w"), r.err)


PROFILE = """\
schemaVersion: 2
kind: Policy
metadata: {name: t}
spec:
  fsProfiles:
    x:
      read: ["**"]
      allowExec: ["*"]
      denyExec: [%s]
"""


@both
def a_denied_name_is_each_of_that_name_on_the_path(p):
    """Also in the workspace, as in a venv that is activated: there it was passed over, as it rightly is where a name grants."""
    for name in ("one/tool", "two/tool"):
        tool(p, name, name)
    p.ws.chmod(0o777)
    p.write("t.yaml", PROFILE % 'tool, nosuchtool, "No Such Tool"')
    words = ("--policy", "t.yaml", "--profile", "x", "sh", "-c", "tool; one/tool; two/tool; echo end")
    path = {"PATH": f"{p.ws}/one:{p.ws}/two:/usr/bin:/bin"}
    r = p.run("--fail-on-violation", *words, env=env(p, **path))
    check_eq((r.code, r.out), (123, "end\n"), r.err)
    for name in ("one/tool", "two/tool"):
        check_in(f'EXTERNAL_COMMAND "{p.ws}/{name}" refused: a rule forbids it (t.yaml:9)', r.err)
    # A document that many hosts share names what some of them lack: who checks or plans is told, a start is not.
    check("takes nothing away" not in r.err, r.err)
    for kind, more in ((("policy", "check"), words[:4]), (("plan",), words)):
        said = p.run(*more, kind=kind, log=False, env=env(p, **path))
        told = said.out + said.err
        check_in('t.yaml:9:24: denyExec "nosuchtool" takes nothing away: there is no program of that name on the PATH', told)
        check_in('denyExec "No Such Tool" takes nothing away', told)
        check_eq(told.count("takes nothing away"), 2, told)
    p.write("t.yaml", PROFILE % "nothing")
    r = p.run(*words, env=env(p, **path))
    check_eq(r.out, "one/tool\none/tool\ntwo/tool\nend\n", r.err)


DOCUMENT = ("--policy", "t.yaml", "--profile", "x")
STOOD_FOR = [
    ("denied", PROFILE % "head", DOCUMENT, "end\n"),
    ("allowed", (PROFILE % "tail").replace('"*"', "sh, head"), DOCUMENT, "version\nend\n"),
    # Without mode and profile the run's PATH is its own.
    ("granted", "", ("--policy", "x.cedar", "--cap", "EXTERNAL_COMMAND:sh", "--cap", "EXTERNAL_COMMAND:head"), "wend\n"),
]


@both_cases([("nowhere", ()), ("nowhere, and another one inside", ("--env", "PATH=/nowhere"))])
def a_denied_name_does_not_hang_on_the_caller_s_path(p, options):
    """A service, or whoever sets PATH, would start what the profile denies."""
    p.write("t.yaml", PROFILE % "head")
    r = p.run(*DOCUMENT, *options, "/bin/sh", "-c", "/usr/bin/head -c1 /etc/passwd; echo end", env=env(p, PATH="/nowhere"))
    check_eq(r.out, "end\n", r.err)


@both_cases([(c[0], c[1:]) for c in STOOD_FOR])
def a_name_means_what_a_stand_in_stands_for(p, case):
    """A version manager's own program is nowhere in a run: of a rule about that one nothing was denied, and nothing allowed."""
    text, options, out = case
    pyenv = p.home / ".pyenv"
    for where, says in (("shims", "stand-in"), ("versions/3.9.1/bin", "version")):
        (pyenv / where).mkdir(parents=True)
        (pyenv / where / "head").write_text(f"#!/bin/sh\necho {says}\n")
        (pyenv / where / "head").chmod(0o755)
    (pyenv / "version").write_text("3.9.1\n")
    p.write("t.yaml", text)
    p.write("x.cedar", "")
    r = p.run(*options, "sh", "-c", "head -c1 /etc/passwd; echo end", env=env(p, PYENV_ROOT=str(pyenv), PATH=f"{pyenv}/shims:/usr/bin:/bin"))
    check_eq(r.out, out, r.err)


WHATEVER_PATH = [("another one", "PATH=/usr/bin:/bin"), ("the caller's by name", "PATH"), ("the caller's by value", "PATH={path}")]


@both_cases([(f"{name}, {what}", (option, words)) for name, option in WHATEVER_PATH for what, words in (
    ("allowed", DOCUMENT), ("granted", ("--policy", "x.cedar", "--cap", "EXTERNAL_COMMAND:sh", "--cap", "EXTERNAL_COMMAND:tool", "--read", ".")))])
def a_name_that_grants_is_none_of_the_workspace_s(p, case):
    """First on the caller's PATH, as in a venv that is activated: with --env PATH it stood in for the host's program."""
    option, words = case
    tool(p, "bin/tool", "workspace")
    p.ws.chmod(0o777)
    host = p.base / "opt"
    host.mkdir(mode=0o755)
    (host / "tool").write_text("#!/bin/sh\necho host\n")
    (host / "tool").chmod(0o755)
    path = f"{p.ws}/bin:{host}:/usr/bin:/bin"
    p.write("t.yaml", (PROFILE % "nothing").replace('"*"', "sh, tool"))
    p.write("x.cedar", "")
    r = p.run(*words, "--env", option.format(path=path), "--read", str(host), "--", "/bin/sh", "-c", f"./bin/tool; {host}/tool", env=env(p, PATH=path))
    check_eq(r.out, "host\n", r.err)
    check_in("bin/tool: Permission denied", r.err)


# What strace, a debugger's child and LeakSanitizer begin with; of one's own child, which a kernel without Ward allows.
TRACE = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = os.fork()
if pid == 0:
    signal.pause()
request = {"PTRACE_TRACEME": 0, "PTRACE_ATTACH": 16, "PTRACE_SEIZE": 0x4206}[sys.argv[1]]
print(libc.ptrace(request, 0 if request == 0 else pid, 0, 0), ctypes.get_errno())
os.kill(pid, signal.SIGKILL)
"""


@both_cases([(name, name) for name in ("PTRACE_TRACEME", "PTRACE_ATTACH", "PTRACE_SEIZE")])
def a_debugger_is_refused_and_named(p, request):
    p.write("trace.py", TRACE)
    r, o = p.outcome("--read", ".", "python3", "trace.py", request)
    check_eq((r.code, r.out), (0, "-1 1\n"), r.err)
    check_eq([(v["axis"], v["action"], v["resource"], v["cure"]) for v in o["violations"]], [("syscalls", "syscall", f"ptrace {request}", None)])
    check_in(f'syscall "ptrace {request}" refused: no process is traced inside; ', r.err)


@both
def a_directory_s_set_id_bit_is_named_with_what_works(p):
    """cp -a, copytree and git in a tree that a group shares: which bit it is that stands in the way is not in what they say."""
    (p.ws / "d").mkdir()
    r, o = p.outcome("--write", ".", "sh", "-c", "chmod 02755 d || chmod 00755 d")
    check_eq((r.code, [(v["resource"], v["cure"]) for v in o["violations"]]), (0, [("fchmodat set-ID mode", None)]), r.err)
    check_in("no set-ID bit is given inside", r.err)
    check_in("without the bit it works (chmod 00755 DIR)", r.err)


@both
def a_program_with_a_sanitizer_runs_as_the_refusal_says(p):
    """Its search for leaks traces itself, and ends the program otherwise."""
    compiler = shutil.which("gcc") or skip("there is no gcc")
    p.write("s.c", "int main(void) { return 7; }\n")
    if subprocess.run([compiler, "-fsanitize=address", "s.c", "-o", "s"], cwd=p.ws, capture_output=True, check=False).returncode:
        skip("gcc has no AddressSanitizer here")
    # Where memory is sampled there is no room for its shadow: docs/security/non-promises.md.
    room = ["--memory", "16T"] if p.outcome("true")[1]["axes"]["memory"] == "sampled" else []
    check_eq("failed to allocate 0x" in p.run("--read", ".", "./s").err, bool(room))
    r = p.run(*room, "--read", ".", "./s")
    option = re.search(r"has to be off \((--env LSAN_OPTIONS=detect_leaks=0)\)", r.err)
    check(option, r.err)
    r = p.run(*room, *option[1].split(), "--read", ".", "./s")
    check_eq((r.code, r.err), (7, ""))


@both
def what_is_looked_for_everywhere_is_told_where_it_was_meant(p):
    """`ward run -- npm test` without a grant named nothing: package.json is looked for in each directory above a project."""
    box.need_fuse()
    p.write("package.json", "{}")
    p.write("sub/.git/HEAD", "x")
    p.write("hidden/package.json", "{}")
    (p.ws.parent / "package.json").write_text("{}", encoding="utf-8")
    ask = f"for f in {p.ws.parent}/package.json package.json node_modules sub/.git hidden/package.json; do test -e $f; done; exit $END"
    r, o = p.outcome("--env", "END=3", "sh", "-c", ask)
    check_eq(o["violations_total"], 3, r.err)
    check_eq({(v["resource"], v["cure"]) for v in o["violations"]},
             {(f"{p.ws}/package.json", f"--cap 'FILE_READ:{p.ws}/package.json'"), (f"{p.ws}/sub/.git", f"--cap 'FILE_READ:{p.ws}/sub/.git/**'"),
              (f"{p.ws}/hidden/package.json", f"--cap 'FILE_READ:{p.ws}/hidden/package.json'")}, r.err)
    # The log cannot know how it ends, and shows the cure all the same.
    shown = [line for line in p.run(p.log, kind=("audit", "show"), log=False).out.splitlines() if "package.json" in line and " deny " in line]
    check_eq([line.partition("FILE_READ ")[2].partition(" pid=")[0] + line[line.index(" ("):] for line in shown],
             [f'"{p.ws.parent}/package.json" (quiet)', *(f'"{p.ws}/{name}" (where the command fails); grant: --cap \'FILE_READ:{p.ws}/{name}\'' for name in ("package.json", "hidden/package.json"))])
    # Who did without it is told of nothing, and has no violation; but of what he was refused else.
    for more, code, names in (("", 0, []), (" cat /etc/shadow;", 123, ["/etc/shadow"])):
        r, o = p.outcome("--fail-on-violation", "--env", "END=0", "sh", "-c", ask.replace(" exit", more + " exit"))
        check_eq((r.code, [v["resource"] for v in o["violations"]], o["violations_total"] > 0), (code, names, code > 0), r.err)
    # Who forbade it by a rule knows; what lies above is looked for by habit.
    p.write("x.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::".");\n'
                       'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"hidden");\n')
    r, o = p.outcome("--policy", "x.cedar", "--env", "END=3", "sh", "-c", ask)
    check_eq([v["resource"] for v in o["violations"]], [], r.err)


@both
def what_is_quiet_for_another_reason_stays_so_in_its_own_directory(p):
    """Who is in /etc asks for no /etc/profile."""
    box.need_fuse()
    r, o = p.outcome("--fail-on-violation", "--read", p.ws, "sh", "-c", "test -e /etc/profile; test -e /etc/locale.alias; test -e /etc/gai.conf; exit 3", cwd="/etc")
    check_eq((r.code, [v["resource"] for v in o["violations"]]), (3, []), r.err)


@both_cases([("unshare", "unshare -U true"), ("clone", "python3 -c 'import ctypes; ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0)'")])
def a_sandbox_of_its_own_is_told_to_be_off(p, command):
    """Chromium says "please install the chromium-sandbox package", bwrap that the host has no namespaces."""
    r, o = p.outcome("sh", "-c", command)
    check([v["cure"] for v in o["violations"] if "CLONE_NEWUSER" in v["resource"]] == [None], r.err)
    check_in('CLONE_NEWUSER" refused: no user namespace can be made inside; a sandbox of the program\'s own has to be off (a browser\'s: --no-sandbox)', r.err)


@both_cases([("socket", "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"), ("pair", "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)")])
def of_datagrams_it_is_said_what_works(p, call):
    """socat with fork says "bit out of range", Claude Code's sandbox that a bridge cannot be made."""
    r = p.run("python3", "-c", f"import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); {call}")
    check_eq(r.code, 1, r.err)
    check_in('SOCK_DGRAM" refused: a message of such a socket may name any other; streams and SOCK_SEQPACKET work', r.err)


@user_only
def a_link_to_where_nobody_else_may_go_is_named_as_such(p):
    """An environment of root's Python: "Permission denied; chmod +x"."""
    inner = p.ws / "closed"
    inner.mkdir()
    shutil.copy("/bin/true", inner / "python")
    (p.ws / "python").symlink_to(inner / "python")
    inner.chmod(0)
    r = p.run("--read", p.ws, p.ws / "python")
    inner.chmod(0o755)
    check_eq(r.code, 126)
    check_in(f"may not be entered by you: namei -l '{p.ws}/python'", r.err.replace(f"-l {p.ws}/python", f"-l '{p.ws}/python'"))


@root_only
def without_home_no_cure_is_the_whole_home(p):
    """A service has no $HOME: its home is that of /etc/passwd, all of which is granted to nobody."""
    box.need_fuse()
    home = pathlib.Path(pwd.getpwuid(0).pw_dir)
    r, o = p.outcome("mkdir", home / "ward-test-new", env={"HOME": ""})
    check_eq([v["cure"] for v in o["violations"]], [None], r.err)
    check_in("all of your home is no grant", r.err)
    check(not (home / "ward-test-new").exists())


ABOUT = ('permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./"); permit (principal, action == Ward::Action::"proc.exec", resource);\n'
         'forbid (principal in Ward::Person::"%s", action == Ward::Action::"fs.read", resource == Ward::Path::"./secret");\n')


def services_of_names(uid, name):
    """An nscd that knows one person (GETPWBYUID), for whoever runs in this mount namespace."""
    box.mount("ward-test", "/run", "tmpfs", 0, "mode=0755")
    os.mkdir("/run/nscd")
    s = socket.socket(socket.AF_UNIX)
    s.bind("/run/nscd/socket")
    s.listen(8)

    def serve():
        while True:
            c, _ = s.accept()
            with c:
                c.recv(struct.unpack("<8xi", c.recv(12, socket.MSG_WAITALL))[0], socket.MSG_WAITALL)
                f = [x.encode() + b"\0" for x in (name, "x", "A Name", "/nonexistent", "/bin/sh")]
                n = [len(x) for x in f]
                c.sendall(struct.pack("<9i", 2, 1, n[0], n[1], uid, uid, *n[2:]) + b"".join(f))
    threading.Thread(target=serve, daemon=True).start()


@root_only
def a_rule_about_a_person_finds_whose_run_it_is(p):
    """In a long list, at the end of one, with a line before it that is none; by a service of names. Where it cannot be told nothing starts."""
    p.write("secret", "secret\n", 0o644)
    mine, names = p.base / "passwd", "".join(f"user{i}:x:{200000 + i}:{200000 + i}:A User of the House:/home/user{i}:/bin/sh\n" for i in range(20000))
    rows = [("of a long list", "ann", names + "ann:x:0:0::/root:/bin/sh\n", 1), ("the last line", "ann", "bob:x:zero:0::/:/bin/sh\nann:x:0:0::/root:/bin/sh", 1),
            ("another", "bob", "ann:x:0:0::/root:/bin/sh\n", 0), ("a domain's", "DOM\\\\ann", "DOM\\ann:x:0:0::/root:/bin/sh\n", 1),
            ("by its number", "uid:0", "bob:x:1:1::/:/bin/sh\n", 1), ("of a service", "eve", "bob:x:1:1::/:/bin/sh\n", 1), ("unknown", "ann", None, 125)]
    box.private_mounts()
    for what, name, text, code in rows:
        mine.write_text(text or "")
        mine.chmod(0o644)
        p.write("p.cedar", ABOUT % name)
        box.mount(str(mine) if text else "/proc/self/mem", "/etc/passwd", None, box.MS_BIND)
        if name == "eve":
            services_of_names(0, name)
        r = p.run("--policy", "p.cedar", "cat", "secret")
        box.must(box.libc.umount2(b"/etc/passwd", box.UMOUNT_DETACH), "umount")
        check_eq((r.code, "secret" in r.out.split()), (code, code == 0), f"{what}: {r.err}")
        if code == 125:
            check_in("a policy is about a person, and the login name of user 0 cannot be found", r.err)


@root_only
def the_closed_directory_of_root_where_nothing_can_be_mapped(p):
    box.without_user_namespaces()
    p.ws.chmod(0o700)
    r = p.run(*box.cli.ACCEPT_ALONE, "--read", ".", "true")
    check_eq(r.code, 125, r.err)
    check_in("chmod o+x", r.err)


@root_only
def what_is_closed_to_roots_command_where_nothing_can_be_mapped_is_said_before(p):
    """It is another user by the host's own ids, whom the kernel refuses root's files without a word of ours."""
    box.without_user_namespaces()
    p.ws.chmod(0o755)
    p.write("open", "read\n", 0o644)
    p.write("own", "read\n", 0o600)
    p.write("closed/file", "read\n", 0o644)
    (p.ws / "closed").chmod(0o700)
    p.write("closed/other", "read\n", 0o644)
    p.write("theirs/file", "read\n", 0o644)
    (p.ws / "theirs").chmod(0o700)
    os.chown(p.ws / "theirs", 64646, 64646)
    for words, said in ((("--read", "."), None), (("--read", "open"), None), (("--write", "theirs"), None),
                        (("--write", "."), ("ws", "write", "chown -R 64646")), (("--write", "open"), ("open", "write", "chown -R 64646")),
                        (("--read", "own"), ("own", "read", "chown -R 64646")), (("--read", "closed"), ("closed", "read", "chown -R 64646")),
                        # Landlock's rule cannot even be made of it.
                        (("--read", "closed/file"), ("closed", "enter", "chmod o+x")),
                        (("--read", "closed/file", "--read", "closed/other"), ("closed", "enter", "chmod o+x"))):
        r = p.run(*box.cli.ACCEPT_ALONE, *words, "true")
        check_eq(r.code, 0, f"{words}: {r.err}")
        lines = [line for line in r.err.splitlines() if "is closed to the command" in line]
        check_eq(len(lines), 1 if said else 0, f"{words}: {r.err}")
        check("which is not that user" not in r.err, f"{words}: whose the cure makes it would be told to take it back: {r.err}")
        for word in said or ():
            check_in(word, lines[0])
    # Nobody named a runtime in root's home, and all of that is opened to nobody.
    home = p.base / "closed-home"
    home.mkdir(0o700)
    for words, n in ((("--mode", "read_only"), 0), (("--read", home / "go/pkg/mod/a"), 1)):
        (home / "go/pkg/mod").mkdir(parents=True, exist_ok=True)
        (home / "go/pkg/mod/a").write_text("a")
        r = p.run(*box.cli.ACCEPT_ALONE, *words, "true", env={"HOME": str(home)})
        check_eq((r.code, r.err.count("is closed to the command"), "chmod o+x" in r.err), (0, n, False), f"{words}: {r.err}")


@both
def the_cure_of_a_name_in_the_hosts_tmp_is_not_all_of_it(p):
    box.without_user_namespaces()
    r, o = p.outcome(*box.cli.ACCEPT_ALONE, "--attribution", "notify", "sh", "-c", "echo x > /tmp/ward-none-$$; true")
    [v] = [v for v in o["violations"] if v.get("resource", "").startswith("/tmp/ward-none-")]
    check(v["cure"] is None and "--write DIR --env TMPDIR=DIR" in r.err, f"{v}: {r.err}")
    # What lies deeper in it, or is where one works, is somebody's own.
    with tempfile.TemporaryDirectory(prefix="ward-near-", dir="/tmp") as deep:
        os.chmod(deep, 0o755)
        for words, to in ((("--read", "."), deep), (("--workspace", deep), deep), (("--read", "/tmp"), "/tmp"))[:3 if os.geteuid() == 0 else 2]:
            r, o = p.outcome(*box.cli.ACCEPT_ALONE, "--attribution", "notify", *words, "sh", "-c", f"echo x > {to}/ward-none-$$; true")
            check_eq([v["cure"] for v in o["violations"] if "/ward-none-" in v.get("resource", "")], [f"--cap 'FILE_WRITE:{to}/**'"], f"{words}: {r.err}")


if __name__ == "__main__":
    box.main()

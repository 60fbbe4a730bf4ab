#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that may not run are named, by whatever name they are started; one that may runs by all its names; and each cure cures."""
import pathlib

import box
from attribution_box import EXECS, LS, SANDBOX, by_path, named
from box import both, both_cases
from tap import check, check_eq, check_in


@both_cases([("fuse", "fuse"), ("notify", "notify")])
def programs_that_may_not_run_are_named(p, how):
    if how == "fuse":
        box.need_fuse()
    p.write("s.py", EXECS)
    r, o = p.outcome("--attribution", how, "s.py", "/bin/ls", kind=SANDBOX)
    said = dict(line.split(" ", 1) for line in r.out.splitlines())
    for what in ("absolute", "relative", "PATH", "fd", "thread", "private"):
        check_eq(said[what], "13", f"{what}: {r.out} {r.err}")
    check_eq((said["self"], said["memfd"], said["absent"]), ("DONE 0", "DONE 0", "2"))
    v = by_path(o, LS)
    check_eq(len(v), 1, str(o["violations"]))
    v = v[0]
    check_eq((v["action"], v["axis"], v["cure"]), ("EXTERNAL_COMMAND", "exec", f"--cap 'EXTERNAL_COMMAND:{LS}'"))
    check_eq(by_path(o, "/tmp/mine")[0]["cure"], "--cap 'EXTERNAL_COMMAND:*'")
    check_eq(len(o["violations"]), 2, str(o["violations"]))
    x = [x for x in box.records(p) if x["seq"] == v["seq"]][0]
    check_eq((x["kind"], x["effect"], x["layer"], x["action"], x["resource"]), ("sandbox.violation", "deny", "landlock", "EXTERNAL_COMMAND", LS))
    check(x["pid"] > 1 and x["detail"]["syscall"] in ("execve", "execveat") and x["detail"]["exists"], str(x))
    check_in(f'ward: SandboxViolationError: EXTERNAL_COMMAND "{LS}" refused: no rule grants it', r.err)
    check_eq(p.run("--attribution", how, "--fail-on-violation", "s.py", "/bin/ls", kind=SANDBOX).code, 123)


@both_cases([("fuse", "fuse"), ("notify", "notify")])
def the_cure_of_a_program_cures(p, how):
    if how == "fuse":
        box.need_fuse()
    p.write("s.py", EXECS)
    for name, cap in (("/bin/ls", LS), (LS, LS), ("/bin/ls", "*")):
        r, o = p.outcome("--attribution", how, "--cap", f"EXTERNAL_COMMAND:{cap}", "s.py", name, kind=SANDBOX)
        said = dict(line.split(" ", 1) for line in r.out.splitlines())
        for what in ("absolute", "relative", "PATH", "thread", "self", "memfd"):
            check_eq(said[what], "DONE 0", f"{what}: {r.out} {r.err}")
        check_eq((said["fd"], said["private"]), ("0", "DONE 0" if cap == "*" else "13"), r.err)
        check_eq([v["resource"] for v in o["violations"]], [] if cap == "*" else ["/tmp/mine"], r.err)


@both
def a_granted_program_runs_by_its_other_names(p):
    """Landlock's rules lie on files and directories, and so does what is named: not on what they are called now."""
    box.need_fuse()
    p.write("bin/tool", pathlib.Path("/usr/bin/true").read_bytes(), 0o755)
    p.write("other/tool", pathlib.Path("/usr/bin/true").read_bytes(), 0o755)
    p.write("s.py", """
import os, subprocess
def op(what, name):
    try: print(what, subprocess.run([name], check=False).returncode)
    except OSError as e: print(what, e.errno)
op("name", "bin/tool")
os.symlink("../bin/tool", "other/link")
op("link", "other/link")
os.link("bin/tool", "other/hard")
os.rename("bin", "moved")
op("moved", "moved/tool")
op("dotdot", "other/../moved/tool")
op("other", "other/tool")
""")
    r, o = p.outcome("--write", ".", "--cap", f"EXTERNAL_COMMAND:{p.ws}/bin/**", "s.py", kind=SANDBOX)
    check_eq(r.out.split("\n")[:5], ["name 0", "link 0", "moved 0", "dotdot 0", "other 13"], r.err)
    check_eq(named(o), {("EXTERNAL_COMMAND", str(p.ws / "other/tool"))})


@both
def a_raced_name_runs_nothing_more(p):
    """Going on is attribution: whatever the name was when it was looked at, Landlock judges what the kernel finds."""
    box.need_fuse()
    p.write("good/tool", pathlib.Path("/bin/echo").read_bytes(), 0o755)
    # The other one, if it ran, would run the first with a word of its own.
    bad = p.write("bad/tool", f"#!{p.ws}/good/tool BAD\n", 0o755)
    p.write("s.py", """
import os, threading
over = False
def swap():
    while not over:
        for to in ("bad", "good"):
            os.symlink(to, "next")
            os.replace("next", "now")
os.symlink("good", "now")
t = threading.Thread(target=swap)
t.start()
for i in range(300):
    pid = os.fork()
    if pid == 0:
        try: os.execv("now/tool", ["x", "ran"])
        except OSError: os._exit(1)
    os.waitpid(pid, 0)
over = True
t.join()
os.remove("now")
os.symlink("bad", "now")
try: os.execv("now/tool", ["x", "ran bad"])
except OSError as e: print(e.errno)
""")
    r, o = p.outcome("--write", ".", "--cap", f"EXTERNAL_COMMAND:{p.ws}/good/tool", "s.py", kind=SANDBOX)
    lines = r.out.split("\n")
    check("ran" in lines and lines[-2] == "13", r.out + r.err)
    check("BAD" not in r.out, r.out)
    check_eq([v["resource"] for v in o["violations"]], [str(bad)], r.err)


@both
def a_program_that_the_view_does_not_show_is_told_with_the_grant_that_does(p):
    """Every program of the view may be executed, and it is none of them: the cure is to show it, and works when it is followed."""
    box.need_fuse()
    tool = sorted(pathlib.Path("/var/lib/dpkg/info").glob("base-*.postinst"))[0]
    for words in ((), ("--cap", "EXTERNAL_COMMAND:*"), ("--mode", "workspace_write")):
        r, o = p.outcome(*words, "sh", "-c", f"{tool} nothing")
        v = by_path(o, str(tool))[0]
        check_eq((r.code, v["action"], v["rule"], v["cure"]), (127, "EXTERNAL_COMMAND", None, f"--cap 'FILE_READ:{tool}'"), r.err)
        check_in("refused: what is run has to be readable, and no rule grants that", r.err)
        r = p.run(*words, "--cap", f"FILE_READ:{tool}", "sh", "-c", f"{tool} nothing")
        check(r.code < 126, r.err)
    r, o = p.outcome("--cap", "EXTERNAL_COMMAND:ls", "/usr/bin/env", tool)
    check_eq(by_path(o, str(tool))[0]["cure"], f"--cap 'EXTERNAL_COMMAND:{tool}'", r.err)


box.main()

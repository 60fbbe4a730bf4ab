#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What exists inside, exactly, and what a grant means for files: looked at from inside and, for effects, from the host."""
import ctypes
import fcntl
import json
import os
import pathlib
import pty
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import termios

import box
import ceiling_box
import cli
from box import both, both_cases, root_only
from tap import check, check_eq, check_in, skip


@both
def proc_holds_only_the_run(p):
    r = p.run("sh", "-c", "cd /proc; echo [0-9]*; cat [0-9]*/comm; cat /proc/1/environ; wc -c < /proc/1/environ; readlink /proc/1/exe /proc/1/root /proc/1/cwd; "
              "cat /proc/keys | wc -c; cat /proc/1/cmdline | wc -c")
    pids = [int(x) for x in r.out.splitlines()[0].split()]
    check(1 in pids and len(pids) <= 5 and max(pids) < 100, r.out)
    check("python" not in r.out and "systemd" not in r.out, r.out)
    check(os.uname().nodename == "ward" or os.uname().nodename not in r.out, r.out)
    r = p.run("sh", "-c", "cat /proc/1/environ || echo refused")
    check(r.out in ("", "refused\n"), f"environment of the init: {r.out!r}")
    r = p.run("sh", "-c", f"ls -d /proc/{os.getpid()} && echo seen")
    check("seen" not in r.out or os.getpid() < 100, "a process of the host is visible")


def said_of(pid):
    """What a process is, as the host sees it: its lines of /proc/PID/status."""
    return {k: v.split() for k, v in (line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)}


@both
def the_processes_are_those_of_the_picture(p):
    """SECURITY.md: ward, the init below it, the command below that, and nobody else; what each may, and what it holds."""
    q = p.start("sh", "-c", "echo there; exec sleep 60", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    check_eq(q.stdout.readline(), b"there\n")
    check(box.wait_for(lambda: len(box.descendants(q.pid)) == 2, 5), str(box.descendants(q.pid)))
    init, command = sorted(box.descendants(q.pid), key=lambda pid: int(said_of(pid)["NSpid"][-1]))
    check_eq(said_of(init)["PPid"] + said_of(command)["PPid"], [str(q.pid), str(init)])
    check_eq((said_of(init)["NSpid"][-1], said_of(q.pid)["Uid"]), ("1", [str(os.geteuid())] * 4))
    ids = said_of(command)["Uid"]
    check(ids == said_of(init)["Uid"] and len(set(ids)) == 1 and (ids[0] == str(os.geteuid()) if os.geteuid() else ids[0] != "0"), str(ids))
    for pid in (init, command):
        check_eq({v[0] for k, v in said_of(pid).items() if k.startswith("Cap")}, {"0" * 16}, "a capability")
        check_eq(said_of(pid)["NoNewPrivs"], ["1"])
    check_eq(said_of(command)["Seccomp"], ["2"])
    if os.geteuid() == 0:   # nobody else may look at what they hold
        check_eq(sorted(os.listdir(f"/proc/{command}/fd")), ["0", "1", "2"])
        held = [os.readlink(f"/proc/{init}/fd/{fd}") for fd in sorted(os.listdir(f"/proc/{init}/fd"))]
        check_eq([h.split(":")[0] for h in held[:2]], ["socket", "anon_inode"])
        check(held[1] == "anon_inode:[signalfd]" and len(held) == 3 and ".jsonl.runs/" in held[2], str(held))
    q.terminate()
    check_eq(q.wait(20), 143)


@box.both_with_shared_mounts
def no_mount_crosses(p):
    """Neither what the host mounts below a grant while the run lives, nor what is mounted over protected names inside."""
    subprocess.run(["git", "init", "-q", str(p.ws)], check=True, env=p.env(HOME=str(p.home)))
    (p.ws / "later").mkdir()
    fifo = p.ws / "go"
    os.mkfifo(fifo, 0o666)
    host = pathlib.Path("/proc/self/mountinfo")
    before = host.read_text()
    check_in(" shared:", before)
    q = p.start("--profile", "implementer", "--write", ".", "--quiet", "sh", "-c",
                "cat /proc/self/mountinfo; echo there >&2; read x < go; ls later; cat later/secret; grep later /proc/self/mountinfo; true",
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_in(b"there", q.stderr.readline())
    check_eq(host.read_text(), before, "mounts of the run on the host")
    if os.geteuid() == 0:
        box.mount("tmpfs", str(p.ws / "later"), "tmpfs", 0, "mode=0755")
        (p.ws / "later" / "secret").write_text("x")
    fifo.write_text("go\n")
    out = q.communicate(timeout=20)[0].decode()
    if os.geteuid() == 0:
        box.must(box.libc.umount2(os.fsencode(p.ws / "later"), box.UMOUNT_DETACH), "umount")
    check_in(" - ", out)
    check("shared:" not in out and "master:" not in out and "secret" not in out and "later" not in out, out)


@box.both_with_twice_named_root
def a_grant_that_is_the_root_by_another_name(p):
    """Landlock knows a directory by what it is: what the self-test may not open must be none that a grant can mean."""
    check_eq(os.stat("/")[1:3], os.stat("/again")[1:3])
    for how in ("--read", "--write"):
        r, doc = p.outcome(how, "/again", "ls", "/again")
        check_eq((r.code, doc["violations"]), (0, []), f"{how}: {r.err}")
        check_in("again", r.out.split())
        r = p.run(how, "/again", "ls", "/root", "/etc/shadow")
        check("shadow" not in r.out and r.code == 2, f"{how}: {r}")


@root_only
def mounts_of_the_host_below_a_grant(p):
    """A name that is held, and a grant of its own, where the host has mounted something: the plan's mount covers it, with all that is in it."""
    box.private_mounts()
    (p.ws / ".npmrc").write_text("below\n")
    (p.side / "npmrc").write_text("token\n")
    for d in (p.ws / "sub", p.ws / ".husky", p.side / "deep"):
        d.mkdir()
        box.mount("ward-test", str(d), "tmpfs", 0, "mode=0755")
        (d / "in").mkdir()
        box.mount("ward-test", str(d / "in"), "tmpfs", 0, "mode=0755")
        (d / "in" / "file").write_text("seen\n")
    # Twice: a stack of the host's own is covered as one mount is.
    for _ in range(2):
        box.mount(str(p.side / "npmrc"), str(p.ws / ".npmrc"), None, box.MS_BIND)
    ask = ["cat .npmrc sub/in/file .husky/in/file; echo x >> .npmrc; echo x > .husky/in/made; touch sub/made sub/in/made; touch made; true"]

    def look(*words):
        r = p.run(*words, "--quiet", "sh", "-c", *ask)
        check_eq((r.code, r.out), (0, "token\nseen\nseen\n"), r.err)
        check_eq((p.side / "npmrc").read_text(), "token\n")
        check(not (p.ws / ".husky" / "in" / "made").exists(), "what is held was written to")

    def made(d):
        there = (d / "made").exists()
        (d / "made").unlink(missing_ok=True)
        return there
    look("--profile", "implementer", "--write", ".", "--write", "sub")
    check_eq([made(p.ws / d) for d in (".", "sub", "sub/in")], [True, True, True])
    look("--read", ".", "--write", "sub")
    check_eq([made(p.ws / d) for d in (".", "sub", "sub/in")], [False, True, True])

    uid = box.free_id()
    (p.side / "user").mkdir()
    os.chown(p.side / "user", uid, uid)

    def user():
        box.become_user(uid=uid)
        r = p.run("--audit", p.side / "user/log", "--read", ".", "--read", "sub", "cat", ".npmrc", "sub/in/file", log=False)
        check_eq((r.code, r.out), (0, "token\nseen\n"), r.err)
    box.apart(user)
    # Its own two grants, no workspace around them.
    r = p.run("--read", p.side / "deep", "--read", p.side / "deep/in", "cat", p.side / "deep/in/file")
    check_eq((r.code, r.out), (0, "seen\n"), r.err)


def overlay_of(base, n):
    """An overlay of n long names, one option each; the list of mounts names them all."""
    nr = {"fsopen": 430, "fsconfig": 431, "fsmount": 432, "move_mount": 429}

    def call(name, *args):
        return box.must(box.libc.syscall(nr[name], *(ctypes.c_char_p(os.fsencode(a)) if isinstance(a, str) else ctypes.c_long(a or 0) for a in args)), name)
    fs = call("fsopen", "overlay", 0)
    for i in range(n):
        layer = base / f"{i:03d}".ljust(254 - len(str(base)), "x")    # 255 bytes are the most of an option
        layer.mkdir()
        call("fsconfig", fs, 1, "lowerdir+", str(layer), 0)
    call("fsconfig", fs, 6, None, None, 0)
    target = base / "merged"
    target.mkdir()
    call("move_mount", call("fsmount", fs, 0, 0), "", -100, str(target), 4)
    return target


@root_only
def a_long_line_in_the_list_of_mounts(p):
    """The kernel lists every layer of an overlay: a line of any length."""
    box.private_mounts()
    (p.side / "layers").mkdir()
    try:
        target = overlay_of(p.side / "layers", 300)
    except OSError as why:
        skip(f"no such overlay here: {why}")
    check(max(len(line) for line in open("/proc/self/mountinfo", encoding="utf-8")) > 60000, "the line is short")
    uid = box.free_id()
    (p.side / "user").mkdir()
    os.chown(p.side / "user", uid, uid)

    # Root's grants are ID-mapped, which an overlay cannot be.
    def user():
        box.become_user(uid=uid)
        for words in (["--read", target], ["--read", p.side / "layers"], ["--read", p.side / "layers", "--read", target]):
            r = p.run("--audit", p.side / "user/log", *words, "true", log=False)
            check_eq(r.code, 0, r.err)
    box.apart(user)


@both
def proc_sys_is_read_only(p):
    r = p.run("sh", "-c", "for f in kernel/core_pattern kernel/hostname vm/drop_caches net/ipv4/ip_forward kernel/domainname; do (echo x > /proc/sys/$f) && echo WROTE $f; done; "
              "(echo b > /proc/sysrq-trigger) && echo WROTE; true")
    check("WROTE" not in r.out, r.out)
    check_eq(r.code, 0)


@both
def dev_is_as_promised(p):
    r = p.run("sh", "-c", "ls /dev; stat -c '%n %F %t:%T' /dev/*; echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; (echo x > /dev/full) || echo full; "
              "touch /dev/new || echo ro; rm /dev/null || echo kept; ls /dev/pts")
    lines = r.out.splitlines()
    want = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split()
    check_eq(lines[:len(want)], want)
    nodes = {line.split()[0]: line.split()[-1] for line in lines if "character special" in line}
    check_eq(nodes, {"/dev/full": "1:7", "/dev/null": "1:3", "/dev/random": "1:8", "/dev/tty": "5:0", "/dev/urandom": "1:9", "/dev/zero": "1:5"})
    check_eq([line for line in lines if line in ("4", "full", "ro", "kept")][-5:], ["4", "4", "full", "ro", "kept"])


@both_cases([("fuse", "fuse"), ("none", "none")])
def every_mount_is_as_narrow_as_it_can_be(p, attribution):
    """Nothing is set-user-ID or a device but the nodes of /dev, and written is what is granted or the run's own."""
    if attribution == "fuse":
        box.need_fuse()
    (p.ws / "w").mkdir()
    r = p.run("--attribution", attribution, "--read", ".", "--write", "w", "cat", "/proc/self/mountinfo")
    check_eq(r.code, 0, r.err)
    mounts = {}
    for line in r.out.splitlines():
        left, right = line.split(" - ")
        mounts[left.split()[4]] = (set(left.split()[5].split(",")), right.split()[0])
    if "/dev" not in mounts:
        skip("there is no view here")
    nodes = {f"/dev/{n}" for n in ("null", "zero", "full", "random", "urandom", "tty")} | {"/proc/keys", "/proc/timer_list"}
    for at, (how, kind) in mounts.items():
        if at in nodes:
            continue
        check("nosuid" in how, f"{at} {how}")
        check("nodev" in how or at == "/dev/pts", f"{at} {how}")
        mine = at in ("/dev/pts", "/dev/shm", "/proc", "/tmp", "/var/tmp", "/home/ward", "/run/user/1000", str(p.ws / "w")) or kind == "fuse"
        check("ro" in how or mine, f"{at} {how}")
    check("noexec" in mounts["/dev"][0] and "noexec" in mounts["/proc"][0] and "noexec" in mounts["/dev/pts"][0], r.out)
    check_eq(mounts["/"][1], "fuse" if attribution == "fuse" else "tmpfs")
    check("ro" in mounts["/proc/sys"][0], r.out)


@both
def tmp_is_private(p):
    secret = pathlib.Path(f"/tmp/ward-test-secret-{os.getpid()}")
    secret.write_text("planted")
    secret.chmod(0o644)
    try:
        r = p.run("sh", "-c", f"cat {secret}; ls -A /tmp; echo mine > /tmp/mine-{os.getpid()}; echo x > /dev/shm/m; echo x > /var/tmp/v; echo x > ~/h; stat -c '%a' /tmp /dev/shm ~; pwd")
        check("planted" not in r.out, r.out)
        check_eq(r.out.splitlines()[-4:-1], ["1777", "1777", "700"], r.err)
        check(not os.path.exists(f"/tmp/mine-{os.getpid()}") and not os.path.exists("/dev/shm/m") and not os.path.exists("/var/tmp/v"))
        check("mine" not in p.run("ls", "-A", "/tmp", "/dev/shm").out, "a second run sees the first one's")
    finally:
        secret.unlink()


@both
def who_and_where(p):
    r = p.run("sh", "-c", "hostname; id -un; cat /etc/passwd; cat /etc/hosts; pwd; umask; cat /etc/hostname /etc/shadow /etc/machine-id; ls /root /home /var/log; uname -n",
              preexec_fn=lambda: os.umask(0o022))
    lines = r.out.splitlines()
    check_eq(lines[:2], ["ward", "ward"])
    check_in(str(p.ws), lines)
    passwd = [line.split(":")[0] for line in lines if line.count(":") == 6]
    check_eq(passwd, ["ward", "nobody"])
    check_in("0022", lines)
    check("root:" not in r.out and os.uname().nodename not in r.out.replace(str(p.ws), "").replace("ward", ""), r.out)


@both
def the_own_name_has_an_address(p):
    """As servers, Java and others look it up, with a network and without; nobody is asked for it."""
    for grants in ((), ("--cap", "NETWORK_CONNECT:good.test.example:443")):
        r, doc = p.outcome(*grants, "--", "/usr/bin/python3", "-c", "import socket as s; print(s.gethostbyname(s.gethostname()))")
        check_eq((r.code, r.out), (0, "127.0.0.1\n"), r.err)
        check_eq(doc["violations"], [])


@both
def the_number_of_processors_is_where_it_is_looked_for(p):
    """lscpu and others ask /sys and nothing else. Copies of three lists, and nothing of what changes there on the host."""
    there = "/sys/devices/system/cpu"
    lists = ["online", "possible", "present"]
    r = p.run("sh", "-c", f"cd {there} && ls -A . && cat {' '.join(lists)}; ls -A /sys /sys/devices /sys/devices/system; echo x > online; mkdir /sys/x; lscpu -p=CPU | grep -v '#'")
    inside = r.out.split("\n")
    check_eq(inside[:6], lists + [(pathlib.Path(there) / name).read_text().strip() for name in lists], r.err)
    check_eq([x for x in inside[6:] if x and not x.startswith("/") and not x.isdigit()], ["devices", "system", "cpu"], r.out)
    check_eq(len([x for x in inside[6:] if x.isdigit()]), os.cpu_count(), r.out)


@both
def script_runs_have_no_generated_files(p):
    p.write("s.sh", "#!/bin/sh\nfor f in /etc/passwd /etc/group /etc/hosts /etc/nsswitch.conf /sys; do if [ -e $f ]; then echo $f; fi; done\necho end\n", 0o755)
    r = p.run(p.ws / "s.sh", kind=("sandbox", "run"))
    check_eq((r.code, r.out), (0, "end\n"), r.err)


@both
def no_descriptor_goes_inside(p):
    fds = []
    for n in range(3, 21):
        try:
            os.fstat(n)
        except OSError:
            fd = os.open("/etc/passwd", os.O_RDONLY)
            os.dup2(fd, n)
            if fd != n:
                os.close(fd)
            fds.append(n)
        os.set_inheritable(n, True)
    r = p.run("sh", "-c", "ls -l /proc/self/fd; for i in 3 4 5 6 7 8 9; do (cat <&$i) 2>/dev/null | head -c 20; done", close_fds=False)
    links = [line for line in r.out.splitlines() if "->" in line]
    check_eq(len(links), 4, r.out)
    check("root:" not in r.out)
    check(fds, "no descriptor was planted")


@both
def the_environment_is_exactly_this(p):
    env = dict(cli.Place.env(p), SECRET_TOKEN="planted", LD_PRELOAD="/nowhere.so", AWS_KEY="planted", TERM="dumb", LANG="C.UTF-8", TZ="UTC", LC_TIME="C",
               BASH_ENV="/x", PYTHONSTARTUP="/x", HOME="/nowhere")
    q = subprocess.run(p.words("--env", "MINE=1", "env"), cwd=p.ws, env={k: v for k, v in env.items() if not k.startswith("LC_") or k == "LC_TIME"},
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    got = dict(line.split("=", 1) for line in q.stdout.splitlines())
    run = got.pop("WARD_RUN", None)
    check_eq(got, {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", "HOME": "/home/ward", "USER": "ward", "LOGNAME": "ward",
                   "TMPDIR": "/tmp", "GIT_OPTIONAL_LOCKS": "0", "NPM_CONFIG_UPDATE_NOTIFIER": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LANG": "C.UTF-8", "LC_TIME": "C", "TERM": "dumb", "TZ": "UTC", "MINE": "1"}, q.stderr)
    check_eq(run, box.records(p)[-1]["run"])


@both
def cwd(p):
    (p.ws / "sub").mkdir()
    check_eq(p.run("--read", "sub", "--cwd", "sub", "pwd").out, f"{p.ws}/sub\n")
    check_eq(p.run("--read", ".", "pwd", cwd=p.ws / "sub").out, f"{p.ws}/sub\n")


FILE = """
import errno, os, sys
f = sys.argv[1]
def op(name, fn):
    try: fn(); print(name, "ok")
    except OSError as e: print(name, errno.errorcode[e.errno])
op("append", lambda: open(f, "a").write("more"))
op("truncate", lambda: os.truncate(f, 2))
op("write", lambda: open(f, "w").write("written"))
op("unlink", lambda: os.unlink(f))
op("rename", lambda: os.rename(f, f + ".x"))
open("/tmp/new", "w").write("replaced")
op("replace", lambda: os.replace(os.path.dirname(f) + "/other", f))
op("chmod", lambda: os.chmod(f, 0o600))
"""


@both
def a_file_grant_is_that_inode(p):
    f = p.write("one.txt", "before")
    p.write("other", "x")
    p.write("ops.py", FILE)
    inode = f.stat().st_ino
    r = p.run("--read", "ops.py", "--write", "one.txt", "python3", "ops.py", f)
    got = dict(line.split() for line in r.out.splitlines())
    check_eq((got["append"], got["truncate"], got["write"]), ("ok", "ok", "ok"), r.err)
    check_eq((got["unlink"], got["rename"]), ("EBUSY", "EBUSY"), r.out)
    check(got["replace"] in ("EBUSY", "ENOENT", "EXDEV", "EROFS"), r.out)
    check_eq((f.read_text(), f.stat().st_ino), ("written", inode))
    check((p.ws / "other").exists())


@both
def a_read_grant_is_no_write_grant(p):
    f = p.write("d/one.txt", "before")
    r = p.run("--read", "d", "sh", "-c", "cat d/one.txt; echo x > d/one.txt; echo x > d/new; rm d/one.txt; mv d/one.txt d/two; chmod 777 d/one.txt; ln d/one.txt d/l; touch d/one.txt; echo end")
    check_eq(r.out, "beforeend\n", r.err)
    check_eq((f.read_text(), sorted(os.listdir(p.ws / "d"))), ("before", ["one.txt"]))


@both
def globs_bind_what_exists(p):
    for n in ("a.py", "b.py", "c.txt", "sub/d.py"):
        p.write(n, n)
    r = p.run("--cap", "FILE_READ:*.py", "sh", "-c", "cat a.py b.py; cat c.txt; cat sub/d.py; true")
    check_eq(r.out, "a.pyb.py", r.err)
    r = p.run("--cap", "FILE_READ:**/*.py", "sh", "-c", "cat a.py sub/d.py; cat c.txt; true")
    check_eq(r.out, "a.pysub/d.py", r.err)
    r = p.run("--cap", "FILE_READ:*.none", "sh", "-c", "echo ran")
    check_eq((r.code, r.out), (0, "ran\n"))
    check_in("*.none", r.err + json.dumps(box.records(p)))


@both
def links(p):
    target = p.side / "target.txt"
    target.write_text("target")
    target.chmod(0o644)
    p.side.chmod(0o755)
    (p.ws / "out").symlink_to(target)
    (p.ws / "d").mkdir()
    (p.ws / "d" / "inner").symlink_to(target)
    r = p.run("--read", p.side / "target.txt", "cat", p.side / "target.txt")
    check_eq(r.out, "target", r.err)
    # Relative, and its real path leaves the workspace: refused by name.
    r = p.run("--read", "out", "cat", "out")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in(str(target), r.err)
    # Absolute: link and target both appear.
    r = p.run("--read", p.ws / "out", "sh", "-c", f"readlink out; cat out {target}")
    check_eq(r.out, f"{target}\ntargettarget", r.err)
    # Met below a directory grant: a plain link, its target needs a grant of its own.
    r = p.run("--read", "d", "cat", "d/inner")
    check_eq((r.code, r.out), (1, ""), r.err)


@root_only
def what_the_host_keeps_from_others_is_no_part_of_the_base(p):
    """A file of the base is read by Ward, who is root here and could read any: modes of files, and of the directories above them, count."""
    box.need_fuse()
    ceiling_box.own_etc()
    shutil.rmtree("/etc/R", ignore_errors=True)
    shutil.rmtree("/etc/maven", ignore_errors=True)
    for name, mode in (("R/Renviron", 0o640), ("R/ldpaths", 0o604), ("maven/m2.conf", 0o644), ("debian_version", 0o600), ("protocols", 0o600), ("xml/closed", 0o600)):
        path = pathlib.Path("/etc", name)
        path.parent.mkdir(0o755, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"{name}\n")
        path.chmod(mode)
    os.chmod("/etc/maven", 0o750)
    r = p.run("--mode", "workspace_write", "--", "sh", "-c", "cd /etc; cat R/Renviron R/ldpaths maven/m2.conf debian_version protocols xml/closed; ls R")
    check_eq(r.out, "R/ldpaths\nldpaths\n", r.err)


STAT = "stat -c '%F %a' {0} && ls -A {0} && cat {0}/secret"


def a_directory(p):
    (p.side / "dir/sub").mkdir(parents=True)
    (p.side / "dir/secret").write_text("words\n")
    (p.side / "dir/sub/more").write_text("more\n")
    for d in (p.side / "dir", p.side / "dir/sub"):
        d.chmod(0o755)
    return p.side / "dir"


@both
def a_directory_that_was_looked_at_is_granted_alone(p):
    """The cure of a readlink shows the directory, and nothing that lies in it but what else is granted; a stat may come before a list."""
    box.need_fuse()
    d = a_directory(p)
    r, o = p.outcome("stat", d)
    check_eq([(v["action"], v["resource"], v["cure"]) for v in o["violations"]], [("FILE_READ", str(d), f"--cap 'FILE_READ:{d}/**'")], r.err)
    check_in("if it is only to be looked at, /. instead of /** is enough", r.err)
    check_eq(p.run("--cap", f"FILE_READ:{d}/**", "ls", d).out, "secret\nsub\n")
    r, o = p.outcome("readlink", d)
    check_eq([(v["action"], v["resource"], v["cure"]) for v in o["violations"]], [("FILE_READ", str(d), f"--cap 'FILE_READ:{d}/.'")], r.err)
    r, o = p.outcome("--cap", f"FILE_READ:{d}/.", "sh", "-c", STAT.format(d) + f" || mkdir {d}/made")
    check_eq(r.out, "directory 755\n", r.err)
    check_eq({(v["action"], v["resource"]) for v in o["violations"]}, {("FILE_READ", f"{d}/secret"), ("FILE_WRITE", f"{d}/made")}, r.err)
    check_eq([v["cure"] for v in o["violations"] if v["action"] == "FILE_READ"], [f"--cap 'FILE_READ:{d}/secret'"])
    r = p.run("--cap", f"FILE_READ:{d}/.", "--cap", f"FILE_READ:{d}/sub/**", "sh", "-c", f"ls -A {d} {d}/sub")
    check_eq(r.out, f"{d}:\nsub\n\n{d}/sub:\nmore\n", r.err)
    # What is opened is wanted with what lies in it.
    r, o = p.outcome("--read", ".", "python3", "-S", "-c", f"import os; os.open({str(d)!r}, os.O_DIRECTORY)")
    check_eq([v["cure"] for v in o["violations"]], [f"--cap 'FILE_READ:{d}/**'"], r.err)
    for word, says in ((f"{d}/secret/.", "is no directory; write the file's name alone"), (f"{d}/no/.", "does not exist"), ("/proc/.", "cannot be granted"),
                       (f"{d}/*/.", f"write '{d}/*/**'")):
        r = p.run("--cap", f"FILE_READ:{word}", "true")
        check_eq((word, r.code), (word, 125), r.err)
        check_in(says, r.err)
    (p.ws / "out").symlink_to(d)
    r = p.run("--cap", "FILE_READ:out/.", "true")
    check_eq(r.code, 125)
    check_in(f"leads out of the workspace, to \"{d}\"; if that is meant, name it: --cap 'FILE_READ:{d}/.'", r.err)


@both
def a_rule_about_a_directory_alone_shows_it(p):
    """As the judge says; a forbid, of the ceiling too, takes it away, also where an option granted it."""
    d = a_directory(p)
    permit = f'permit (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"{d}");\n'
    forbid = f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{p.side}");\n'
    env = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}
    for text, words, seen in ((permit, (), True), (permit + forbid, (), False), ("", ("--cap", f"FILE_READ:{d}/."), True),
                              (forbid, ("--cap", f"FILE_READ:{d}/."), False)):
        p.write("p.cedar", text)
        r = p.run("--policy", "p.cedar", *words, "sh", "-c", STAT.format(d), env=env)
        check_eq((words, text, r.out), (words, text, "directory 755\n" if seen else ""), r.err)
        r = cli.ward("policy", "explain", "--policy", p.ws / "p.cedar", *words, "--op", "read", "--path", d, env=env)
        check_eq((words, text, r.code), (words, text, 0 if seen else 1), r.out + r.err)


@both
def grants_within_grants(p):
    p.write("rw/ro/x", "x")
    p.write("top/in/y", "y")
    r = p.run("--read", "top", "--write", "top/in", "sh", "-c", "echo n > top/in/y && echo w1; echo n > top/new && echo BAD; cat top/in/y")
    check_eq(r.out, "w1\nn\n", r.err)
    check_eq(((p.ws / "top/in/y").read_text(), (p.ws / "top/new").exists()), ("n\n", False))
    # Grants add up: a read grant inside a write grant takes nothing away.
    r = p.run("--write", "rw", "--read", "rw/ro", "sh", "-c", "cat rw/ro/x; echo n > rw/new && echo w1")
    check_eq(r.out, "xw1\n", r.err)


@both
def a_grant_below_tmp(p):
    """The workspace of these tests is below /tmp: the private /tmp covers all of it but what is granted."""
    check(str(p.base).startswith("/tmp/"), "the test's own place")
    p.write("seen", "s")
    (p.side / "unseen").write_text("u")
    r = p.run("--write", ".", "sh", "-c", f"cat seen; echo x > made; ls {p.side}; ls {p.base}; echo t > /tmp/t; cat /tmp/t")
    check_eq((r.out, (p.ws / "made").read_text()), ("sws\nt\n", "x\n"), r.err)


@both_cases([("fuse", "fuse"), ("notify", "notify"), ("none", "none")])
def nobody_writes_to_the_way_to_a_grant(p, attribution):
    """Directories that Ward makes are read-only, also in the private /tmp, whoever serves them."""
    if attribution == "fuse":
        box.need_fuse()
    p.write("a.txt", "granted")
    (p.ws / "d").mkdir()
    script = (f"for f in {p.ws}/lost {p.base}/lost d/../lost; do echo x >$f && echo WROTE $f; done; mkdir more && echo MADE; "
              f"mv {p.base} /tmp/gone && echo MOVED; rmdir {p.side} && echo REMOVED; touch /tmp/ok && echo private; cat a.txt")
    r = p.run("--attribution", attribution, "--read", "a.txt", "--read", "d", "sh", "-c", script)
    check_eq(r.out, "private\ngranted", r.err)
    check_eq(sorted(x.name for x in p.ws.iterdir()), ["a.txt", "d"])


@both
def what_the_command_makes_belongs_to_the_caller(p):
    p.ws.chmod(0o755)
    r = p.run("--write", ".", "sh", "-c", "echo x > made; mkdir dir; ln -s made link; id -u; stat -c %u:%g made; cat /proc/self/uid_map")
    check_eq(r.code, 0, r.err)
    for n in ("made", "dir", "link"):
        st = os.lstat(p.ws / n)
        check_eq((st.st_uid, st.st_gid), (os.geteuid(), os.getegid()), n)
    lines = r.out.splitlines()
    if os.geteuid() == 0:
        check(lines[0] != "0" and lines[2].split()[1] != "0" and lines[2].split()[2] == "1", r.out)
    check_eq(lines[1].split(":")[0], lines[0])


@root_only
def files_of_another_user(p):
    other = p.write("d/other.txt", "theirs", 0o600)
    os.chown(other, box.free_id(), box.free_id())
    mine = p.write("d/mine.txt", "mine", 0o600)
    r = p.run("--write", "d", "sh", "-c", "cat d/mine.txt; cat d/other.txt; echo x > d/other.txt; true")
    check_eq(r.out, "mine", "a file of another user: root's command must not be root for it")
    check_eq((other.read_text(), mine.read_text()), ("theirs", "mine"))


@root_only
def a_file_system_that_cannot_be_mapped(p):
    """A write grant on a file system without ID-mapped mounts is refused by name: never mounted with the wrong ids."""
    box.private_mounts()
    target = p.ws / "odd"
    target.mkdir()
    for kind, data in (("ramfs", None), ("hugetlbfs", "size=2M"), ("binfmt_misc", None), ("devpts", "newinstance"), ("mqueue", None)):
        try:
            box.mount("ward-test", target, kind, 0, data)
        except OSError:
            continue
        r = p.run("--write", "odd", "sh", "-c", "echo x > odd/made; stat -c %u odd")
        if r.code == 125:
            check_in("odd", r.err)
            check("; " in r.err.splitlines()[0], r.err)
            check_eq(os.listdir(target) if kind == "ramfs" else [], [])
            return
        for f in os.listdir(target):
            check_eq(os.stat(target / f).st_uid, 0, f"{kind}: ids are neither mapped nor refused")
        box.must(box.libc.umount2(os.fsencode(target), 2), "umount")
    skip("no file system that can be mounted here lacks ID-mapped mounts")


@both
def nothing_but_the_view_is_listed(p):
    r = p.run("sh", "-c", "ls -A / | tr '\\n' ' '; ls -A /etc /run /home /var")
    top = set(r.out.splitlines()[0].split()) - {"/etc:"}
    check(not top & {"root", "boot", "mnt", "media", "opt", "srv", "work", "lost+found"}, r.out)
    check(not set(r.out.split()) & {"shadow", "sudoers", "ssh", "machine-id", "hostname", "log", "spool", "docker.sock"}, r.out)


@both
def a_private_terminal(p):
    """--tty: the command has a terminal that is not the caller's, with its size, and ^C reaches it."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    q = p.start("--tty", "sh", "-c", "test -t 0 && test -t 1 && echo terminal; stty size; stat -Lc %t:%T.%i /dev/fd/0; trap 'echo got; exit 3' INT; "
                "echo ready; while :; do sleep 0.05; done", stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True,
                before=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0))
    mine = f"{os.fstat(slave).st_rdev >> 8 & 0xfff:x}:{os.minor(os.fstat(slave).st_rdev):x}.{os.fstat(slave).st_ino}"
    os.close(slave)
    text = b""
    sent = False
    end = box.time.monotonic() + 20 * cli.PATIENCE
    while box.time.monotonic() < end and q.poll() is None:
        if select.select([master], [], [], 0.1)[0]:
            try:
                text += os.read(master, 4096)
            except OSError:
                break
        if b"ready" in text and not sent:
            os.write(master, b"\x03")
            sent = True
    # The terminal's end comes a moment before that of ward.
    check(box.wait_for(lambda: q.poll() is not None, 20), f"still runs: {text!r}")
    try:
        text += os.read(master, 4096)
    except OSError:
        pass
    os.close(master)
    check_eq(q.returncode, 3, text.decode(errors="replace") + q.stderr.read().decode())
    for part in (b"terminal", b"33 77", b"got"):
        check_in(part, text)
    check(mine.encode() not in text, f"the host's own terminal: {mine} {text!r}")


@both_cases([("null", ["--stdin", "null"]), ("file", ["--stdin", "file:in.txt"])])
def standard_input(p, words):
    p.write("in.txt", "from the file")
    r = p.run(*words, "cat", data=b"from the pipe")
    check_eq(r.out, "from the file" if "file" in words[1] else "", r.err)


@both
def unix_sockets_of_the_host(p):
    """A socket of the host in a granted tree: visible, and no way to connect to it."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(p.ws / "host.sock"))
    os.chmod(p.ws / "host.sock", 0o777)
    s.listen()
    s.settimeout(0.5)
    p.write("c.py", "import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('host.sock'); print('CONNECTED')\nexcept OSError as e: print(e.errno)\n"
            "t = socket.socket(socket.AF_UNIX); t.bind('/tmp/own'); t.listen(); c = socket.socket(socket.AF_UNIX); c.connect('/tmp/own'); print('own ok')\n")
    r, o = p.outcome("--read", ".", "python3", "c.py")
    check("CONNECTED" not in r.out, r.out)
    check_in("own ok", r.out, r.err)
    try:
        s.accept()
        check(False, "the host's server was reached")
    except TimeoutError:
        pass
    check([v for v in o["violations"] if "host.sock" in v["resource"]], str(o["violations"]))


@both
def a_socket_of_the_host_that_a_private_directory_hides_is_told_if_the_command_fails(p):
    """Before a server of the run's own is there its clients fail, too: so it is no violation of a command that succeeds."""
    with tempfile.TemporaryDirectory(dir="/tmp") as d, socket.socket(socket.AF_UNIX) as s:
        path = f"{d}/host.sock"
        s.bind(path)
        pathlib.Path(f"{d}/file").touch()
        os.chmod(d, 0o755)
        p.write("c.py", "import os, socket, sys\nfor path in sys.argv[2:]:\n"
                "    try: socket.socket(socket.AF_UNIX).connect(path)\n    except OSError as e: print(e.errno)\nsys.exit(int(sys.argv[1]))\n")
        names = [path, f"{d}/file", f"{d}/none"]
        for code in (1, 0):
            r, o = p.outcome("--read", ".", "--fail-on-violation", "python3", "c.py", str(code), *names)
            check_eq((r.code, r.out), (code, "2\n2\n2\n"), r.err)
            check_eq([v["resource"] for v in o["violations"]], [path] if code else [], r.err)


@root_only
def another_users_tree_is_warned_about(p):
    """Root's files are the command's, another user's are not: the plan says so, before somebody wonders."""
    user = box.free_id()
    mine, other = p.write("mine/f", "x", 0o600), p.write("other/f", "x", 0o600)
    public, closed = p.write("public", "x"), p.write("closed", "x", 0o600)
    for path in (other.parent, other, public, closed):
        os.chown(path, user, user)
    for words, path in ((("--read", "other"), other), (("--write", "other"), other), (("--read", "closed"), closed)):
        r = p.run(*words, "cat", path)
        check_eq((r.code, r.out), (1, ""), r.err)
        check_in(f"owned by uid {user}: ", r.err)
        check_in("run ward as that user, or chown", r.err)
        check_in(f"owned by uid {user}: ", p.run(*words, "true", kind=("plan",)).out)
    r = p.run("--cap", "FILE_READ:other/*", "--cap", "FILE_READ:clo*", "true")
    check_eq(r.err.count("owned by uid"), 2, "once a grant")
    for words, path in ((("--read", "mine"), mine), (("--read", "public"), public)):
        r = p.run(*words, "cat", path)
        check_eq((r.code, r.out), (0, "x"), r.err)
        check("owned by" not in r.err, r.err)


box.main()

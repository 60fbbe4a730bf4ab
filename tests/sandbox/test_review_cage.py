#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The cage of a run under review: what is written stays out of the project, what is read is the project's; policies hold on top of it; the layer
is nobody's inside; its bound is held; and where none of that can be had, nothing starts. docs/review.md
"""
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

import box
from box import both, root_only
from tap import check, check_eq, check_in, skip

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = (HERE / "review_inside.py").read_text()
# A file system in a file is root's alone, and has a test of its own.
BACKENDS = [(name, name) for name in box.REVIEW_BACKENDS]
PYTHON = "/usr/bin/python3"


def review(p, *words, backend="dir", **more):
    return p.run("--review", "--disk-backend", backend, *words, **more)


def python(p, text, *words, **more):
    return review(p, *words, "--", PYTHON, "-c", text, **more)


def snapshot(top):
    """All that a change of the project would show in."""
    out = {}
    for at, dirs, files in os.walk(top):
        for name in [".", *dirs, *files]:
            path = os.path.join(at, name)
            st = os.lstat(path)
            out[path] = (st.st_mode, st.st_ino, st.st_nlink, st.st_size, st.st_mtime_ns, st.st_ctime_ns,
                         {} if stat.S_ISLNK(st.st_mode) else {k: os.getxattr(path, k) for k in os.listxattr(path)})
    return out


def project(top):
    top = pathlib.Path(top)
    for name in ("append", "truncate", "overwrite", "replace", "remove", "rename", "link", "mode", "script", "xattr", "times",
                 "dir/file", "gone/a/b", "gone/c", "over/lower", "deep/a/b/c/d/e/old"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"old {name}\n")
    for name in ("dir/inner", "empty"):
        (top / name).mkdir()
    (top / "dir/inner/x").write_text("x\n")
    (top / "sym-old").symlink_to("append")
    os.setxattr(top / "xattr", "user.old", b"old")
    os.setxattr(top / "xattr", "user.kept", b"kept")


def layers(p):
    return [pathlib.Path(at) for at in sorted((p.side / "state/ward/runs").glob("*/layer/upper"))]


@box.both_cases(BACKENDS)
def the_project_is_what_it_was_and_inside_all_is_done(p, backend):
    """Against the same steps in a plain copy: all but what docs/review.md names of overlays."""
    project(p.ws)
    plain = p.side / "plain"
    plain.mkdir()
    project(plain)
    before = snapshot(p.ws)
    want = json.loads(subprocess.run([PYTHON, "-c", INSIDE], cwd=plain, stdout=subprocess.PIPE, check=True).stdout)
    r = python(p, INSIDE, backend=backend)
    check_eq(r.code, 0, r.err)
    got = json.loads(r.out)
    check_eq(snapshot(p.ws), before, "the project was changed")
    # The one named difference of these: a directory of the project itself cannot be renamed.
    moved = [i for i, line in enumerate(want["said"]) if line.startswith("rename 'dir/inner'")]
    for i in moved:
        check_eq(got["said"][i], f"rename 'dir/inner': OSError {os.strerror(errno.EXDEV)}")
        got["said"][i] = want["said"][i]
    for top, at in (("moved-out", want), ("dir/inner", got)):
        for name in [n for n in at["state"] if n[2:] == top or n[2:].startswith(top + "/")]:
            del at["state"][name]
    check_eq(got["said"], want["said"])
    for name in sorted(set(got["state"]) | set(want["state"])):
        check_eq(got["state"].get(name), want["state"].get(name), name)


@box.both_cases(BACKENDS)
def the_second_look_sees_the_project_again(p, backend):
    p.write("file", "one\n")
    check_eq(review(p, "sh", "-c", "echo two >file; cat file", backend=backend).out, "two\n")
    check_eq(review(p, "cat", "file", backend=backend).out, "one\n")
    check_eq((p.ws / "file").read_text(), "one\n")


@both
def what_is_changed_lies_in_the_layer_and_is_the_callers(p):
    p.write("file", "one\n")
    p.write("gone", "x\n")
    p.write("sub/name", "x\n")
    r = review(p, "sh", "-c", "echo two >>file; rm gone; mkdir new; rm -r sub; mkdir sub")
    check_eq(r.code, 0, r.err)
    (upper,) = layers(p)
    check_eq((upper / "file").read_text(), "one\ntwo\n")
    st = os.lstat(upper / "gone")
    check(stat.S_ISCHR(st.st_mode) and st.st_rdev == 0, "what is removed is a whiteout")
    check_eq(os.getxattr(upper / "sub", "user.overlay.opaque"), b"y")
    for at in (upper, upper / "file", upper / "gone", upper / "new", upper / "sub"):
        st = os.lstat(at)
        check_eq((st.st_uid, st.st_gid), (os.geteuid(), os.getegid()), f"{at} belongs to somebody else")
    check_eq(stat.S_IMODE(upper.stat().st_mode), stat.S_IMODE(p.ws.stat().st_mode))


# ---- what a policy decides lies on top ----

@both
def forbids_hold(p):
    p.write("src/a.c", "a\n")
    p.write("secret/key", "key\n")
    p.write("keep/file", "kept\n")
    p.write("keep/open/file", "open\n")
    p.write("../side/x.cedar", f"""
        @id("hidden") forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"{p.ws}/secret");
        @id("kept") forbid (principal, action in [Ward::Action::"fs.write"], resource in Ward::Path::"{p.ws}/keep") unless {{ resource in Ward::Path::"{p.ws}/keep/open" }};
    """)
    before = snapshot(p.ws)
    script = r"""
import os
def attempt(fn, *words):
    try: fn(*words); return "done"
    except OSError as e: return e.strerror
def write(name): open(name, "w").write("x")
for fn, *words in ((write, "src/a.c"), (write, "src/new"), (os.listdir, "secret"), (open, "secret/key"), (write, "secret/new"), (os.rename, "secret", "s2"),
    (write, "keep/file"), (write, "keep/new"), (os.unlink, "keep/file"), (os.chmod, "keep/file", 0o777), (os.rename, "keep", "k2"), (os.setxattr, "keep/file", "user.x", b""),
    (os.link, "keep/file", "linked"), (write, "keep/open/file"), (write, "keep/open/new")):
    print(fn.__name__, *words[:1], attempt(fn, *words))
print(open("keep/file").read(), end="")
"""
    r = python(p, script, "--policy", p.side / "x.cedar")
    check_eq(r.code, 0, r.err)
    lines = r.out.splitlines()
    check_eq([at for at in lines if at.endswith("done")], ["write src/a.c done", "write src/new done", "write keep/open/file done", "write keep/open/new done"], r.out)
    check_eq(lines[-1], "kept")
    check_eq(snapshot(p.ws), before)
    (upper,) = layers(p)
    found = sorted(str(at.relative_to(upper)) for at in upper.rglob("*") if at.is_file() and not stat.S_ISCHR(at.lstat().st_mode))
    check_eq(found, ["keep/open/file", "keep/open/new", "src/a.c", "src/new"])


@both
def what_is_granted_elsewhere_is_real_and_below_it_is_not(p):
    other = p.side / "other"
    other.mkdir(mode=0o777)
    p.write("build/x", "x\n")
    p.side.chmod(0o755)
    r = review(p, "--write", other, "--write", p.ws / "build", "sh", "-c", f"echo new >build/x; echo real >{other}/y; cat build/x")
    check_eq((r.code, r.out), (0, "new\n"), r.err)
    check_eq((p.ws / "build/x").read_text(), "x\n")
    check_eq((other / "y").read_text(), "real\n")


@both
def a_wider_grant_does_not_lead_around_it(p):
    """The directory above may be written: its name there is the overlay's as well, and can be neither moved nor linked past."""
    p.write("file", "one\n")
    p.base.chmod(0o755)
    inner = p.ws / "inner"
    inner.mkdir()
    (inner / "file").write_text("one\n")
    p.ws.chmod(0o777)
    r = p.run("--review", "--workspace", inner, "--write", p.ws, "--", "sh", "-c",
              "echo two >inner/file; mv inner moved; ln inner/file out; ln -s inner/file sym; echo three >sym; echo real >beside; cat inner/file", cwd=p.ws)
    check_eq(r.out, "three\n", r.err)
    check_eq((inner / "file").read_text(), "one\n")
    check_eq(sorted(os.listdir(p.ws)), ["beside", "file", "inner", "sym"])


@both
def a_link_that_takes_the_place_of_a_part_is_not_followed(p):
    """ward-init is stopped before it has its plan, and meanwhile what has rights of its own in the project becomes a link: the start says so."""
    p.write("keep/file", "kept\n")
    p.write("other/file", "other\n")
    p.write("../side/x.cedar", f"""
        @id("kept") forbid (principal, action in [Ward::Action::"fs.write"], resource in Ward::Path::"{p.ws}/keep");
    """)
    for _ in range(3):
        q = p.start("--review", "--disk-backend", "dir", "--policy", p.side / "x.cedar", "touch", "made", stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            init = box.init_of(q.pid)
            os.kill(init, signal.SIGSTOP)
            time.sleep(1.5)     # for the supervisor to come as far as it can
            (p.ws / "keep").rename(p.ws / "was")
            (p.ws / "keep").symlink_to("other")
            os.kill(init, signal.SIGCONT)
        except (OSError, AssertionError):
            pass
        said = q.communicate(timeout=60)[1].decode()
        if (p.ws / "was").exists():
            (p.ws / "keep").unlink()
            (p.ws / "was").rename(p.ws / "keep")
        if q.returncode == 125:
            break
    check_eq(q.returncode, 125, "ward-init was never stopped in time")
    check_in("something replaces that path meanwhile", said)
    check_in(f"{p.ws}/keep"[1:], said)


# ---- the layer ----

@box.both_cases(BACKENDS)
def nobody_inside_names_the_layer(p, backend):
    p.write("sub-of-its-own/file", "x\n")
    script = """
import os
open("sub-of-its-own/a-name-of-its-own", "w").write("x")
seen = []
for top in [d for d in os.scandir("/") if d.name not in ("proc", "dev")]:
    for at, dirs, files in os.walk(top.path):
        seen += [os.path.join(at, n) for n in files if n == "a-name-of-its-own"]
        seen += [os.path.join(at, n) for n in dirs if n == "sub-of-its-own"]
print(seen)
for pid in [d for d in os.listdir("/proc") if d.isdigit()]:
    for way in ("root", "cwd"):
        try:
            at = os.path.join("/proc", pid, way, "..")
            for name in ("layer", "lower", "upper", "work"):
                if os.path.lexists(os.path.join(at, name)): print("found", at, name)
        except OSError:
            pass
print([line for line in open("/proc/self/mountinfo") if " overlay " in line][0])
"""
    r = python(p, script, backend=backend)
    check_eq(r.code, 0, r.err)
    out = r.out.splitlines()
    check_eq(sorted(json.loads(out[0].replace("'", '"'))), [str(p.ws / "sub-of-its-own"), str(p.ws / "sub-of-its-own/a-name-of-its-own")])
    check("found" not in r.out, r.out)
    check(str(p.side) not in r.out, f"the place of the store is told: {r.out}")


@both
def what_the_overlay_keeps_for_itself_cannot_be_made_up(p):
    """Attributes and whiteouts that would make the layer say what nobody did."""
    p.write("dir/file", "x\n")
    script = """
import os
def attempt(fn, *words):
    try: fn(*words); return "done"
    except OSError as e: return e.strerror
open("mine", "w").write("x")
os.mkdir("made")
for at in ("dir", "made", "mine", "."):
    for name in ("user.overlay.opaque", "user.overlay.redirect", "user.overlay.metacopy", "user.overlay.origin", "trusted.overlay.opaque"):
        print(at, name, attempt(os.setxattr, at, name, b"y"))
print("mknod", attempt(os.mknod, "white", 0o020000, 0))
print("device", attempt(os.mknod, "device", 0o020666, os.makedev(1, 3)))
print(sorted(os.listdir("dir")), sorted(os.listdir("made")))
"""
    r = python(p, script)
    check_eq(r.code, 0, r.err)
    check("mknod done" not in r.out and "device done" not in r.out, r.out)
    check_in("['file'] []", r.out)
    (upper,) = layers(p)
    for at, names in {"dir": (), "made": (), "mine": ()}.items():
        if (upper / at).exists():
            has = {n for n in os.listxattr(upper / at) if n.startswith("user.overlay.") and not n.startswith("user.overlay.overlay.")}
            check(has <= {"user.overlay.origin", "user.overlay.impure", "user.overlay.uuid"} | set(names), f"{at}: {has}")
            check(at == "dir" or "user.overlay.origin" not in has, "made up")
    check("white" not in os.listdir(upper) and "device" not in os.listdir(upper))


@both
def set_id_bits_cannot_be_made_and_give_nothing(p):
    p.write("there", pathlib.Path("/usr/bin/id").read_bytes(), 0o755)
    (p.ws / "there").chmod(0o4755)
    r = review(p, "sh", "-c", "cp /usr/bin/id mine && chmod 4755 mine; stat -c %a mine; ./there -u; id -u")
    check_eq(r.code, 0, r.err)
    mode, one, two = r.out.split()
    check_eq((one, mode), (two, "755"))


@both
def a_socket_of_the_host_is_out_of_reach_and_its_own_are_not(p):
    at = str(p.ws / "host.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(at)
        os.chmod(at, 0o777)
        s.listen(1)
        r = python(p, """
import socket
def go(name):
    with socket.socket(socket.AF_UNIX) as c:
        try: c.connect(name); return "connected"
        except OSError as e: return e.strerror
print(go("host.sock"))
s = socket.socket(socket.AF_UNIX); s.bind("own.sock"); s.listen(2)
print(go("own.sock"))
""")
        check_eq(r.code, 0, r.err)
        check("connected" != r.out.splitlines()[0], r.out)
        check_eq(r.out.splitlines()[1], "connected", r.err)
        s.setblocking(False)
        try:
            s.accept()
            check(False, "somebody came")
        except BlockingIOError:
            pass


# ---- its bound ----

@both
def a_tmpfs_is_full_where_it_ends(p):
    box.needs_a_layer_on_tmpfs()
    r = python(p, """
import errno, os
n = 0
try:
    with open("big", "wb", buffering=0) as f:
        while n < 1 << 27: n += f.write(b"x" * 65536)
except OSError as e:
    print(e.errno == errno.ENOSPC, n < 33 << 20)
""", "--disk", "32M", backend="tmpfs")
    check_eq((r.code, r.out), (0, "True True\n"), r.err)
    check_in('"disk":{"level":"enforced"', p.run("--review", "--disk-backend", "tmpfs", "--json", "true", kind=("plan",), log=False).out)


@box.both_cases([("in a file", ""), ("in a directory that nobody may enter", "os.chmod('d', 0)")])
def a_directory_over_its_bound_ends_the_run(p, then):
    script = f"""
import os, time
os.mkdir("d")
for i in range(12): open(f"d/{{i}}", "wb").write(os.urandom(1 << 20))
{then}
time.sleep(20)
print("went on")
"""
    r, o = p.outcome("--review", "--disk-backend", "dir", "--disk", "8M", "--", PYTHON, "-c", script)
    check_eq((r.code, o["status"]), (137, "limit"), r.err)
    check_in("disk limit of 8M was reached", r.err)
    check("went on" not in r.out)
    check_in('"disk":{"level":"sampled"', p.run("--review", "--disk-backend", "dir", "--json", "true", kind=("plan",), log=False).out)
    check_eq(box.leftovers(1.0), {})


DEEP = """
import os, time
for i in range({n}): os.mkdir("d" * 250); os.chdir("d" * 250)
time.sleep({wait})
for i in range({n}): os.chdir(".."); os.rmdir("d" * 250)
"""


@box.both
def a_path_longer_than_the_kernel_takes_ends_no_run(p):
    """Configure scripts make such, and take them away again (gnulib looks how getcwd does there)."""
    r, o = p.outcome("--review", "--disk-backend", "dir", "--", PYTHON, "-c", DEEP.format(n=50, wait=1))
    check_eq((r.code, o["status"]), (0, "exited"), r.err)
    check_eq(r.err, "")


@box.both
def what_cannot_be_counted_is_told_so(p):
    """No larger number helps, so none is asked for."""
    r, o = p.outcome("--review", "--disk-backend", "dir", "--", PYTHON, "-c", DEEP.format(n=270, wait=20))
    check_eq((r.code, o["status"]), (137, "limit"), r.err)
    why = "a path of a directory has more than 65535 bytes"
    check_in(f"disk limit of 10G: what the run wrote cannot be counted: {why}; use --disk-backend tmpfs", r.err)
    check("raise it" not in r.err, r.err)
    hits = [x for x in box.records(p) if x["kind"] == "limit.hit" and x["run"] == o["run"]]
    check_eq([(x["resource"], x["detail"]) for x in hits], [("disk", {"limit": 10 << 30, "why": why})])


@box.both_cases([("in a file", "head -c 20000000 /dev/zero >big"),
                 ("in a directory that nobody may enter", "mkdir d; head -c 20000000 /dev/zero >d/big; chmod 0 d")])
def what_is_written_before_anybody_looks_is_told_of(p, script):
    """The run ended by itself, and so it says, unless this machine was so slow that somebody looked; over its bound it was either way."""
    r, o = p.outcome("--review", "--disk-backend", "dir", "--disk", "2M", "--", "sh", "-c", script)
    check((r.code, o["status"]) in ((0, "exited"), (137, "limit")), r.err)
    check_in("disk limit of 2M was reached", r.err)
    check_in("--disk SIZE", r.err)
    hits = [x for x in box.records(p) if x["kind"] == "limit.hit" and x["run"] == o["run"]]
    check_eq([(x["resource"], x["detail"]["limit"]) for x in hits], [("disk", 2 << 20)])
    check_eq(box.leftovers(1.0), {})


@both
def below_its_bound_it_goes_on(p):
    r = review(p, "--disk", "8M", "sh", "-c", "head -c 6000000 /dev/zero >a; for i in 1 2 3 4; do ln a b$i; done; sleep 1.5; echo there")
    check_eq((r.code, r.out), (0, "there\n"), r.err)
    check_eq([x for x in box.records(p) if x["kind"] == "limit.hit"], [])


LOOP_GET_STATUS64 = 0x4c05


def loops_of(st):
    """The loop devices whose file that is, by its number, for it may be gone: others have theirs on this machine, too."""
    found = []
    for at in pathlib.Path("/dev").glob("loop[0-9]*"):
        info = bytearray(232)   # struct loop_info64: lo_device, lo_inode, ...
        with contextlib.suppress(OSError), open(at, "rb", buffering=0) as f:
            fcntl.ioctl(f, LOOP_GET_STATUS64, info)
            if struct.unpack_from("=2Q", info) == (st.st_dev, st.st_ino):
                found.append(at.name)
    return found


@root_only
def a_file_system_in_a_file_is_full_where_it_ends_and_is_there_afterwards(p):
    p.write("file", "one\n")
    p.write("gone", "x\n")
    r = python(p, """
import errno, os
open("file", "a").write("two\\n"); os.unlink("gone"); os.mkdir("d"); os.chmod("d", 0)
n = 0
try:
    with open("big", "wb", buffering=0) as f:
        while n < 1 << 27: n += f.write(b"x" * 65536)
except OSError as e:
    print(e.errno == errno.ENOSPC, n < 33 << 20)
os.unlink("big")
""", "--disk", "32M", backend="loop")
    check_eq((r.code, r.out), (0, "True True\n"), r.err)
    check_eq((p.ws / "file").read_text(), "one\n")
    check_in("3 changes wait", r.err)
    (image,) = (p.side / "state/ward/runs").glob("*/layer/image")
    st = image.stat()
    check(st.st_size == 32 << 20)
    r = p.run("--approve", "critical", kind=("commit",), log=False)
    check_eq((r.code, (p.ws / "file").read_text(), (p.ws / "gone").exists(), (p.ws / "d").is_dir()), (0, "one\ntwo\n", False, True), r.err)
    # Whatever is mounted of it, wherever, would keep it.
    check(box.wait_for(lambda: not loops_of(st)), f"{loops_of(st)} has the file still")


# ---- refusals ----

@root_only
def what_is_mounted_below_cannot_be_uncovered_by_a_user(p):
    (p.ws / "inner").mkdir()
    (p.ws / "inner/below").write_text("x")
    p.ws.chmod(0o777)
    box.private_mounts()
    box.mount("ward-test", str(p.ws / "inner"), "tmpfs", 0, "mode=0777")
    r = review(p, "ls", "inner")
    check_eq((r.code, r.out), (0, "below\n"), f"root sees what lies below: {r.err}")
    own = p.base / "own"
    own.mkdir()
    user = box.free_id()
    os.chown(own, user, user)
    box.become_user(uid=user)
    p.log, p.side = own / "audit.jsonl", own
    r = review(p, "sh", "-c", "echo ran; touch ran")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("what is mounted in it", r.err)
    check_in("without mounts", r.err)
    check(not (p.ws / "ran").exists())


@root_only
def a_layer_that_cannot_lie_there_is_refused(p):
    """On an overlay no other can have its upper directory. On a tmpfs it can, and what is removed is not kept: that is said."""
    box.needs_a_layer_on_tmpfs()
    box.private_mounts()
    for name in ("l", "u/u", "u/w", "state"):
        (p.side / name).mkdir(parents=True)
    box.mount("ward-test", str(p.side / "state"), "overlay", 0, f"lowerdir={p.side}/l,upperdir={p.side}/u/u,workdir={p.side}/u/w")
    r = review(p, "sh", "-c", "echo ran; touch ran")
    if r.code == 0:
        skip("this kernel lays overlays upon overlays")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("set XDG_STATE_HOME to a directory on another file system", r.err)
    check(not (p.ws / "ran").exists())
    r = review(p, "true", backend="tmpfs")
    check_eq(r.code, 0, r.err)
    check_in("overlay", r.err)


if __name__ == "__main__":
    sys.exit(box.main())

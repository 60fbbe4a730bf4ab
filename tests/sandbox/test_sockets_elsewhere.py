#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sockets of the run on other file systems than the machine's, where a socket is not known by 32 bits of an inode and a device, and in
programs that are built on them. May be skipped: not every machine has the file systems, loop devices and programs."""
import contextlib
import os
import shutil
import socket
import subprocess
import textwrap

import box
import sockets
from box import both, root_only
from tap import check_eq, check_in, skip


def given_to_a_user(p):
    """Root's trees have to be ID-mapped, which not every file system can be: from here on as an ordinary user."""
    uid = box.free_id()
    for path in (p.base, p.ws, p.side, p.home):
        os.chown(path, uid, uid)
    box.become_user(uid=uid)


@root_only
def own_sockets_work_on_an_overlay(p):
    """As containers have it."""
    overlay(p, p.side)


@root_only
def own_sockets_work_on_an_overlay_of_two_file_systems(p):
    """Here the number of the device is not the one that stat tells."""
    (p.side / "other").mkdir()
    box.private_mounts()
    box.mount("ward-test", p.side / "other", "tmpfs", 0, "mode=0755")
    overlay(p, p.side / "other")


def overlay(p, upper):
    box.private_mounts()
    (p.side / "lower").mkdir()
    for name in ("upper", "work"):
        (upper / name).mkdir()
    try:
        box.mount("ward-test", p.ws, "overlay", 0, f"lowerdir={p.side}/lower,upperdir={upper}/upper,workdir={upper}/work")
    except OSError as why:
        skip(f"overlay: {why}")
    given_to_a_user(p)
    sockets.own(p, str(p.ws))


def btrfs(p, subvolumes):
    """The workspace is a btrfs with these subvolumes, each of which numbers its files anew."""
    box.private_mounts()
    image = p.side / "image"
    if not shutil.which("mkfs.btrfs"):
        skip("mkfs.btrfs is not installed")
    with image.open("wb") as f:
        f.truncate(256 << 20)
    for words in (["mkfs.btrfs", "-q", image], ["mount", "-o", "loop", image, p.ws]):
        r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if r.returncode:
            skip(f"{words[0]}: {r.stderr.decode(errors='replace').strip()}")
    p.ws.chmod(0o777)
    for name in subvolumes:
        subprocess.run(["btrfs", "-q", "subvolume", "create", p.ws / name], stdout=subprocess.DEVNULL, check=True)
        (p.ws / name).chmod(0o777)


def xfs(p):
    """The workspace is an xfs so large that the number of an inode has more than 32 bits."""
    box.private_mounts()
    image = p.side / "image"
    if not shutil.which("mkfs.xfs"):
        skip("mkfs.xfs is not installed")
    try:
        with image.open("wb") as f:
            f.truncate(8 << 40)
    except OSError as why:
        skip(f"a file of 8 TiB: {why.strerror}")
    for words in (["mkfs.xfs", "-q", "-f", "-d", "agsize=1023g", "-l", "size=64m", image], ["mount", "-o", "loop", image, p.ws]):
        r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if r.returncode:
            skip(f"{words[0]}: {r.stderr.decode(errors='replace').strip()}")
    p.ws.chmod(0o777)
    (p.ws / "host").mkdir()
    (p.ws / "host").chmod(0o777)


SAME_HALF = """
    import os, socket
    want = os.lstat("host/s.sock").st_ino
    mine = None
    for d in range(40):   # new directories go to other groups, whose inodes differ in the upper bits
        os.mkdir(f"d{d}")
        for n in range(300 if os.lstat(f"d{d}").st_ino >> 32 != want >> 32 else 0):
            s = socket.socket(socket.AF_UNIX)
            s.bind(f"d{d}/{n}")
            ino = os.lstat(f"d{d}/{n}").st_ino
            if ino != want and ino & 0xffffffff == want & 0xffffffff:
                mine = s, f"d{d}/{n}"
                break
            s.close()
        if mine:
            break
    if not mine:
        raise SystemExit("none of that number")
    mine[0].listen(8)
    for path in (mine[1], "host/s.sock"):
        c = socket.socket(socket.AF_UNIX)
        try:
            c.connect(path)
            print("connected")
        except OSError as e:
            print(e.errno)
"""


SAME_NUMBER = """
    import os, socket, sys, threading
    want, n = os.lstat("host/s.sock").st_ino, 0
    while os.lstat(".").st_ino >= 0:
        s = socket.socket(socket.AF_UNIX)
        s.bind(f"own/{n}.sock")
        ino = os.lstat(f"own/{n}.sock").st_ino
        if ino >= want:
            break
        n += 1
    print(ino == want, os.lstat(f"own/{n}.sock").st_dev == os.lstat("host/s.sock").st_dev)
    s.listen(8)
    for path in (f"own/{n}.sock", "host/s.sock"):
        c = socket.socket(socket.AF_UNIX)
        try:
            c.connect(path)
            print("connected")
        except OSError as e:
            print(e.errno)
"""


def same_number(p, text, want):
    """A socket of the run with the inode number of the host's, as far as sock_diag tells it."""
    with socket.socket(socket.AF_UNIX) as s:
        for i in range(40):
            (p.ws / f"host/f{i}").write_text("")
        os.chdir(p.ws / "host")
        s.bind("s.sock")
        os.chmod("s.sock", 0o777)
        os.chdir("/")
        s.listen(8)
        s.setblocking(False)
        p.write("ask.py", textwrap.dedent(text), 0o644)
        r = p.run("--write", ".", "python3", "ask.py")
        check_eq(r.out.split(), want, r.err)
        with contextlib.suppress(BlockingIOError):
            s.accept()
            raise AssertionError("the host's socket was reached")


ON_BTRFS = SAME_NUMBER, ["True", "False", "connected", "13"]
ON_XFS = SAME_HALF, ["connected", "13"]


@root_only
def sockets_of_one_number_on_two_subvolumes(p):
    btrfs(p, ("host", "own"))
    same_number(p, *ON_BTRFS)


@root_only
def sockets_of_one_number_on_two_subvolumes_of_a_user(p):
    btrfs(p, ("host", "own"))
    given_to_a_user(p)
    same_number(p, *ON_BTRFS)
    sockets.own(p, str(p.ws))


@root_only
def sockets_with_one_half_of_a_number(p):
    xfs(p)
    same_number(p, *ON_XFS)


@root_only
def sockets_with_one_half_of_a_number_of_a_user(p):
    xfs(p)
    given_to_a_user(p)
    same_number(p, *ON_XFS)
    sockets.own(p, str(p.ws))


SNAPSHOT = """
    import errno, fcntl, os, struct
    top = os.open(".", os.O_RDONLY)
    for request, name in (0x50009401, b"all"), (0x5000940e, b"new"):   # BTRFS_IOC_SNAP_CREATE, BTRFS_IOC_SUBVOL_CREATE
        try:
            fcntl.ioctl(os.open("work", os.O_RDONLY), request, bytearray(struct.pack("=q4088s", top, name)))
            print("made")
        except OSError as e:
            print(errno.errorcode[e.errno])
    with open("work/from", "w+") as a, open("work/to", "w+") as b:
        a.write("copied"), a.flush()
        fcntl.ioctl(b, 0x40049409, a.fileno())   # FICLONE
        print(b.read())
"""


def snapshot(p):
    """The workspace is a subvolume of its user's, of which one directory is hidden."""
    p.write("secret/key", "SECRET", 0o644)
    p.write("work/own", "", 0o644)
    p.write("ask.py", textwrap.dedent(SNAPSHOT), 0o644)
    (p.side / "hide.cedar").write_text('forbid (principal, action, resource in Ward::Path::"./secret");')
    r = p.run("--policy", p.side / "hide.cedar", "--read", ".", "--write", "work", "python3", "ask.py")
    check_eq(r.out.split(), ["EPERM", "EPERM", "copied"], r.err)
    check_in('"ioctl of btrfs" refused', r.err)
    check_eq([str(f) for f in (p.ws / "work").rglob("key")], [])


@root_only
def no_snapshot_shows_what_is_hidden(p):
    btrfs(p, ())
    snapshot(p)


@root_only
def no_snapshot_shows_what_is_hidden_from_a_user(p):
    btrfs(p, ())
    given_to_a_user(p)
    snapshot(p)


PROGRAMS = {
    "multiprocessing": ("python3", """
        import multiprocessing.managers, os
        class M(multiprocessing.managers.BaseManager): pass
        M.register("up", callable=lambda x: x.upper())
        if __name__ == "__main__":
            m = M(address=os.path.abspath("m.sock"), authkey=b"k")
            m.start()
            with multiprocessing.Pool(2) as pool:
                print(str(m.up("works")._getvalue()), sum(pool.map(len, ["a", "bc"])))
        """, "WORKS 3"),
    "node": ("node", """
        const net = require("net");
        const s = net.createServer(c => c.end("works"));
        s.listen("n.sock", () => net.connect("n.sock").on("data", d => { console.log(String(d)); s.close(); }));
        """, "works"),
}


@box.both_cases([(name, name) for name in PROGRAMS])
def programs_talk_to_themselves(p, name):
    program, text, want = PROGRAMS[name]
    if not shutil.which(program, path="/usr/bin:/bin"):
        skip(f"{program} is not installed")
    p.write("talk", textwrap.dedent(text), 0o644)
    p.ws.chmod(0o777)
    r = p.run("--write", ".", f"/usr/bin/{program}", "talk")
    check_eq((r.code, r.out.strip()), (0, want), r.err)


@both
def tmux_keeps_its_server(p):
    """Server, clients and the terminals between them, over a socket in the granted directory."""
    if not shutil.which("tmux", path="/usr/bin:/bin"):
        skip("tmux is not installed")
    p.ws.chmod(0o777)
    script = "tmux -S t.sock -f /dev/null new-session -d 'echo works > made; sleep 5'; tmux -S t.sock ls && sleep 0.5; cat made; tmux -S t.sock kill-server"
    r = p.run("--write", ".", "sh", "-c", script)
    check_in("works", r.out, r.err)


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""src/policy/ops.def against the kernel: each call that works on a path or a descriptor, made by its number in a real sandbox on a
read grant, a write grant, a directory above them and a name that nothing grants. It has to succeed exactly where every operation that
the table names for it is granted. Programs and connections have tests of their own.
"""
import errno
import importlib.machinery
import importlib.util
import json
import platform
import re
import stat
import sys

import box
from box import both
from cli import ROOT
from tap import check, check_eq, check_in, main, skip, test

sys.dont_write_bytecode = True
_loader = importlib.machinery.SourceFileLoader("gen_operations", str(ROOT / "tools/gen-operations"))
_spec = importlib.util.spec_from_loader("gen_operations", _loader)
gen = importlib.util.module_from_spec(_spec)
_loader.exec_module(gen)
ROWS = [r for r in gen.rows((ROOT / "src/policy/ops.def").read_text())[0]
        if r["object"] in ("PATH", "FD") and not r["call"].startswith("exec")]

AT, FIFO = -100, stat.S_IFIFO | 0o600
RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC = 0, 1, 2, 0o100, 0o200, 0o1000
DIRECTORY = 0o40000 if platform.machine() == "aarch64" else 0o200000
TMPFILE, PATH = 0o20000000 | DIRECTORY, 0o10000000

# A call: its arguments, and which lines of the table count. F is a file of its own, N a name that is not there yet, D the place's
# directory, E an empty one in it, L a link to F; "r:F" the same in the read grant, whatever the place; d a descriptor of F, i one of inotify; "=text" is a text, 0 NULL.
CASES = []


def case(call, *args, when=("ALWAYS",)):
    CASES.append({"call": call, "args": list(args), "when": list(when)})


for _call, _before in (("open", []), ("openat", [AT])):
    case(_call, *_before, "F", RDONLY, 0, when=["READS"])
    case(_call, *_before, "D", RDONLY | DIRECTORY, 0, when=["READS"])
    case(_call, *_before, "F", WRONLY, 0, when=["WRITES"])
    case(_call, *_before, "F", RDWR, 0, when=["READS", "WRITES"])
    case(_call, *_before, "F", RDONLY | TRUNC, 0, when=["READS", "WRITES"])
    case(_call, *_before, "F", RDONLY | CREAT, 0o600, when=["READS", "CREATES"])
    case(_call, *_before, "N", RDONLY | CREAT, 0o600, when=["READS", "CREATES"])
    case(_call, *_before, "N", WRONLY | CREAT | EXCL, 0o600, when=["WRITES", "CREATES"])
    case(_call, *_before, "L", WRONLY, 0, when=["WRITES"])
    case(_call, *_before, "D", RDWR | TMPFILE, 0o600, when=["NAMELESS"])
    case(_call, *_before, "F", PATH, 0, when=["LOOKS"])
    case(_call, *_before, "D", PATH, 0, when=["LOOKS"])
case("creat", "F", 0o600)
case("creat", "N", 0o600)
case("truncate", "F", 0)
case("mkdir", "N", 0o700)
case("mkdirat", AT, "N", 0o700)
case("mknod", "N", FIFO, 0)
case("mknodat", AT, "N", FIFO, 0)
case("symlink", "=to", "N")
case("symlinkat", "=to", AT, "N")
case("link", "F", "N")
case("linkat", AT, "F", AT, "N", 0)
case("rename", "F", "N")
case("rename", "E", "N")
case("renameat", AT, "F", AT, "N")
case("renameat2", AT, "F", AT, "N", 0)
for _from, _to in (("r:F", "w:N"), ("w:F", "r:N")):
    case("rename", _from, _to)
    case("renameat", AT, _from, AT, _to)
    case("renameat2", AT, _from, AT, _to, 0)
    case("link", _from, _to)
    case("linkat", AT, _from, AT, _to, 0)
case("unlink", "F")
case("unlink", "L")
case("unlinkat", AT, "F", 0)
case("unlinkat", AT, "E", 0x200)
case("rmdir", "E")
case("inotify_add_watch", "i", "D", 0x100)
case("inotify_add_watch", "i", "F", 0x2)
for _name in ("F", "D"):
    case("stat", _name, "b")
    case("lstat", _name, "b")
    case("newfstatat", AT, _name, "b", 0)
    case("statx", AT, _name, 0, 0x7ff, "b")
    case("statfs", _name, "b")
    case("access", _name, 0)
    case("faccessat", AT, _name, 0)
    case("faccessat2", AT, _name, 0, 0)
case("readlink", "L", "b", 64)
case("readlinkat", AT, "L", "b", 64)
case("chdir", "D")
case("getxattr", "F", "=user.w", "b", 64)
case("lgetxattr", "F", "=user.w", "b", 64)
case("getxattrat", AT, "F", 0, "=user.w", "x", 16)
case("listxattr", "F", "b", 64)
case("llistxattr", "F", "b", 64)
case("listxattrat", AT, "F", 0, "b", 64)
case("file_getattr", AT, "F", "b", 24, 0)
case("chmod", "F", 0o640)
case("fchmod", "d", 0o640)
case("fchmodat", AT, "F", 0o640)
case("fchmodat2", AT, "F", 0o640, 0)
case("chown", "F", -1, -1)
case("fchown", "d", -1, -1)
case("lchown", "L", -1, -1)
case("fchownat", AT, "F", -1, -1, 0)
case("utime", "F", 0)
case("utimes", "F", 0)
case("futimesat", AT, "F", 0, when=["GIVEN"])
case("futimesat", "d", 0, 0, when=["MISSING"])
case("utimensat", AT, "F", 0, 0, when=["GIVEN"])
case("utimensat", "d", 0, 0, 0, when=["MISSING"])
case("setxattr", "F", "=user.w", "=1", 1, 0)
case("lsetxattr", "F", "=user.w", "=1", 1, 0)
case("fsetxattr", "d", "=user.w", "=1", 1, 0)
case("setxattrat", AT, "F", 0, "=user.w", "x", 16)
case("removexattr", "F", "=user.w")
case("lremovexattr", "F", "=user.w")
case("fremovexattr", "d", "=user.w")
case("removexattrat", AT, "F", 0, "=user.w")
case("file_setattr", AT, "F", "a", 24, 0)
case("ioctl", "d", 0x40086602, "b", when=["SETS_ATTRIBUTES"])

# Runs inside: FILE holds the cases with numbers for names. Prints an errno for each case and place; null: no such descriptor.
INSIDE = r"""
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
cases, places = json.load(open(sys.argv[1]))
buffer, zero = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(64)
watch = libc.inotify_init()
keep = []

def value(word, place, i):
    if isinstance(word, int):
        return ctypes.c_long(word)
    if word[0] == "=":
        return ctypes.c_char_p(word[1:].encode())
    if word == "i":
        return watch
    if word == "b":
        return buffer
    if word == "a":
        return zero
    if word == "x":     # struct xattr_args: where the value is, its size, flags
        keep.append(ctypes.create_string_buffer(64))
        return ctypes.c_char_p(ctypes.addressof(keep[-1]).to_bytes(8, sys.byteorder) + (1).to_bytes(4, sys.byteorder) + bytes(4))
    if word == "d":
        return os.open(f"{place}/f{i}", os.O_RDONLY)
    if word[1:2] == ":":
        place, word = places["rw".index(word[0])], word[2:]
    return ctypes.c_char_p((place if word == "D" else f"{place}/{word.lower()}{i}").encode())

out = []
for i, (number, args) in enumerate(cases):
    out.append([])
    for place in places:
        try:
            words = [value(w, place, i) for w in args]
        except OSError:
            out[-1].append(None)
            continue
        ctypes.set_errno(0)
        r = libc.syscall(ctypes.c_long(number), *words)
        out[-1].append(ctypes.get_errno() if r == -1 else 0)
print(json.dumps(out))
"""
REFUSED = {getattr(errno, n) for n in "EROFS ENOENT EACCES EPERM EBUSY EXDEV".split()}
UNABLE = {getattr(errno, n) for n in "ENOTSUP EOPNOTSUPP ENODATA ENOTTY".split()}     # let through, and then not supported


def numbers():
    column = {"x86_64": 1, "aarch64": 2}[platform.machine()]
    rows = [line.split("#")[0].split() for line in (ROOT / "data/seccomp/numbers").read_text().splitlines()]
    return {r[0]: int(r[column]) for r in rows if len(r) > column and re.fullmatch(r"\d+", r[column])}


def rows_of(c):
    return [r for r in ROWS if r["call"] == c["call"] and r["when"] in c["when"]]


def expected(c, place):
    """Whether every operation that counts is granted at the place."""
    for row in rows_of(c):
        word, where = str(c["args"][int(row["arg"])]), place
        if word[1:2] == ":":
            word, where = word[2:], {"r": "read", "w": "write"}[word[0]]
        flags = re.findall(r"F\((\w+)\)", row["flags"])
        if "ABSENT" in flags and word != "N":
            continue
        above = where == "above" and word == "D" and "ABOVE" in flags
        granted = where == "write" or (where == "read" and row["action"] == "FS_READ")
        if not above and not granted:
            return False
    return True


@test
def every_line_of_the_table_has_a_case():
    seen = [id(r) for c in CASES for r in rows_of(c)]
    check_eq([f"{r['call']} {r['when']}" for r in ROWS if id(r) not in seen], [])
    for c in CASES:
        check(rows_of(c), f"{c}: no line of the table")


@both
def the_kernel_does_what_the_table_says(p):
    known = numbers()
    cases = [c for c in CASES if c["call"] in known]
    base = p.ws / "tree"
    places = {"read": base / "r", "write": base / "w", "above": base, "nothing": base / "n"}
    for d in places.values():
        d.mkdir(parents=True, exist_ok=True)
        for i in range(len(cases)):
            (d / f"f{i}").write_text("text")
            (d / f"e{i}").mkdir()
            (d / f"l{i}").symlink_to(d / f"f{i}")
    p.write("inside.py", INSIDE)
    p.write("cases.json", json.dumps([[[known[c["call"]], c["args"]] for c in cases], [str(d) for d in places.values()]]))
    r = p.run("--quiet", "--read", str(base / "r"), "--write", str(base / "w"), "--read", "inside.py", "--read", "cases.json",
              "python3", "inside.py", "cases.json")
    check_eq(r.code, 0, r.err)
    got, wrong, done = json.loads(r.out), [], 0
    check_eq(len(got), len(cases))
    for c, answers in zip(cases, got):
        for place, e in zip(places, answers):
            if e is None or e == errno.ENOSYS:
                continue
            done += 1
            check(e == 0 or e in REFUSED | UNABLE, f"{c} on {place}: {errno.errorcode.get(e, e)}")
            if (e not in REFUSED) != expected(c, place):
                wrong.append(f"{c['call']}{c['args']} on {place}: {errno.errorcode.get(e, 'done')}, the table says "
                             f"{'granted' if expected(c, place) else 'refused'}")
    check(not wrong, "\n  ".join(wrong))
    if done < 2 * len(CASES):
        skip(f"this kernel knows few of the calls: {done} questions")


YOUNG = {"fchmodat2": (0o600, 0), "setxattrat": (0, "user.a", "XATTR", 16), "removexattrat": (0, "user.a"), "file_setattr": ("ATTR", 24, 0)}
YOUNG_INSIDE = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
calls, numbers = json.loads(sys.argv[1])
value = ctypes.create_string_buffer(b"1", 1)
special = {"ATTR": ctypes.create_string_buffer(24),
           "XATTR": ctypes.create_string_buffer(ctypes.addressof(value).to_bytes(8, "little") + bytes([1, 0, 0, 0]) + bytes(4), 16)}
def one(a): return special[a] if a in special else a.encode() if isinstance(a, str) else ctypes.c_long(a)
said = {}
for call, (of, *args) in calls:
    said[call + " " + of] = 0 if libc.syscall(numbers[call], -100, of.encode(), *map(one, args)) == 0 else ctypes.get_errno()
said["mq_open"] = 0 if libc.syscall(numbers["mq_open"], b"ward-test", 0o102, 0o600, None) >= 0 else ctypes.get_errno()
print(json.dumps(said))
"""


@both
def calls_that_the_headers_do_not_know_are_named(p):
    """What would change something that may only be read, or that no rule grants: a change, with the name, by whichever call. And mq_open,
    which Landlock alone refused: nobody heard of it."""
    box.need_fuse()
    calls, only, off = [], p.ws / "only", p.ws.parent / "off"
    for call, args in YOUNG.items():
        p.write(f"only-{call}", "text", 0o666)
        p.write(f"../off-{call}", "text", 0o666)
        calls += [(call, (f"{at}-{call}", *args)) for at in (only, off)]
    p.write("inside.py", YOUNG_INSIDE)
    r, o = p.outcome("--read", ".", "python3", "inside.py", json.dumps([calls, numbers()]))
    check_eq(r.code, 0, r.err)
    said = json.loads(r.out)
    got = {(v["action"], v["resource"]) for v in o["violations"]}
    known = 0
    for call in YOUNG:
        if said[f"{call} {off}-{call}"] == errno.ENOSYS:
            continue
        known += 1
        check_eq((said[f"{call} {only}-{call}"], said[f"{call} {off}-{call}"]), (errno.EROFS, errno.ENOENT), call)
        for name in (f"{only}-{call}", f"{off}-{call}"):
            check(("FILE_WRITE", name) in got, f"{call}: {name} is not named as a change: {got}")
    check_eq(said["mq_open"], errno.EACCES)
    check_in('syscall "mq_open" refused', r.err)
    if known == 0:
        skip("this kernel has none of the calls")


main()

# SPDX-License-Identifier: Apache-2.0
"""Hosts that lack something, made on this one: by a filter around ward that answers as such a host would, by mounts, by namespaces.

Each row of ENVIRONMENTS has a name, what it is in words, for whom it can be made, and three functions: mounts() as root, before
the test becomes an ordinary user; late() as whoever runs ward; and words in front of the command. Nothing here reaches the
host: mounts are changed in a namespace of the test's own. What cannot be made on this machine says so by a skip.
"""
import ctypes
import os
import pathlib
import shutil
import struct
import tempfile

import box
import tap

EPERM, ENOSYS, EINVAL, EACCES = 1, 38, 22, 13
MS_RDONLY, MS_REMOUNT = 1, 32
AT_RECURSIVE, RDONLY_ATTR = 0x8000, 1
ABI_TOOL = os.environ.get("WARD_LANDLOCK_ABI", str(box.HERE.parent.parent / "build/tests/environments/landlock-abi"))
tools = {"abi": ABI_TOOL}
NO_NAMESPACES = [("clone3", ENOSYS), ("clone", EPERM, 0, 0x7E020000), ("unshare", EPERM), ("setns", EPERM)]
# With no capability in any user namespace (a container's filter; AppArmor's answer to the same).
NO_MOUNTS = [("mount", EPERM), ("umount2", EPERM), ("pivot_root", EPERM), ("open_tree", EPERM, 2, 1), ("move_mount", EPERM),
             ("mount_setattr", EPERM), ("sethostname", EPERM)]


class Environment:
    def __init__(self, name, what, mounts=None, late=None, rules=(), abi=None, who=("root", "user"), expect=None):
        self.name, self.what, self.who = name, what, who
        self.mounts, self.late, self.rules, self.abi = mounts, late, rules, abi
        self.expect = expect      # a word of the line that refuses it whatever is accepted; None: it can be started

    def prefix(self):
        return [tools["abi"], str(self.abi)] if self.abi else []

    def enter(self, who):
        """From here on this process is who, on such a host; but for the filter, which is for ward alone."""
        if self.mounts and os.geteuid() != 0:
            tap.skip("only root can make it")
        if who == "user" and os.geteuid() == 0:
            box.become_user(lambda: (box.bound_fuse(), self.mounts and self.mounts()))
        elif self.mounts:
            self.mounts()
        if self.abi and not os.access(tools["abi"], os.X_OK):
            tap.skip("landlock-abi is not built")
        if self.abi and self.abi > landlock_abi():
            tap.skip(f"Landlock ABI {self.abi} is not here")
        if self.late:
            self.late()

    def before_ward(self):
        """For Popen(preexec_fn=...)."""
        return box.refuse_calls(*self.rules) if self.rules else None


def take_tools(where):
    """To where an ordinary user may execute them."""
    if os.path.exists(ABI_TOOL):
        tools["abi"] = shutil.copy(ABI_TOOL, where)
        os.chmod(tools["abi"], 0o755)


def landlock_abi():
    return max(box.libc.syscall(444, None, 0, 1), 0)


# ---- mounts ----

def covered_proc():
    """As container engines do: files under /dev/null, directories under an empty tmpfs, /proc/sys read-only."""
    box.private_mounts()
    for name in ("kcore", "keys", "timer_list"):
        if os.path.exists(f"/proc/{name}"):
            box.mount("/dev/null", f"/proc/{name}", None, box.MS_BIND)
    for name in ("acpi", "scsi", "fs"):
        if os.path.isdir(f"/proc/{name}"):
            box.mount("ward-test", f"/proc/{name}", "tmpfs", MS_RDONLY)
            break
    box.mount("/proc/sys", "/proc/sys", None, box.MS_BIND)
    box.mount("none", "/proc/sys", None, box.MS_BIND | MS_REMOUNT | MS_RDONLY)


def no_cgroup():
    box.private_mounts()
    box.mount("ward-test", "/sys/fs/cgroup", "tmpfs")


def container_mounts():
    covered_proc()
    box.closed_fuse()
    box.mount("ward-test", "/sys/fs/cgroup", "tmpfs", MS_RDONLY)


def read_only_host():
    """Everything but /tmp."""
    box.private_mounts()
    box.mount("/tmp", "/tmp", None, box.MS_BIND | box.MS_REC)
    attr = ctypes.create_string_buffer(struct.pack("QQQQ", RDONLY_ATTR, 0, 0, 0))
    box.must(box.libc.syscall(442, -100, b"/", AT_RECURSIVE, attr, 32), "mount_setattr")
    attr = ctypes.create_string_buffer(struct.pack("QQQQ", 0, RDONLY_ATTR, 0, 0))
    for path in (b"/tmp", b"/dev", b"/proc"):
        box.must(box.libc.syscall(442, -100, path, 0, attr, 32), "mount_setattr")


def read_only_proc():
    """/proc that is there and cannot be written to, as in bwrap --ro-bind / /."""
    box.private_mounts()
    box.mount("/proc", "/proc", None, box.MS_BIND | box.MS_REC)
    box.mount("none", "/proc", None, box.MS_BIND | MS_REMOUNT | MS_RDONLY)


def processes_alone():
    """As systemd's ProcSubset=pid."""
    box.private_mounts()
    box.mount("proc", "/proc", "proc", 0, "subset=pid")


def no_proc():
    box.private_mounts()
    box.mount("ward-test", "/proc", "tmpfs")


def hidden_pids():
    """/proc shows each user its own processes."""
    box.private_mounts()
    box.mount("proc", "/proc", "proc", 0, "hidepid=2")


def nobody_traces():
    """kernel.yama.ptrace_scope is 3: what it refuses is a filter's here. A /proc that is covered is none that a run may mount: there is another."""
    box.private_mounts()
    whole, names = tempfile.mkdtemp(prefix="ward-env-proc-"), ("cap_last_cap", "overflowuid", "overflowgid", "pid_max", "random/boot_id", "random/uuid")
    box.mount("proc", whole, "proc")
    box.mount("ward-test", "/proc/sys/kernel", "tmpfs", 0, "mode=0755")
    for name, text in [("yama/ptrace_scope", "3\n"), *[(n, pathlib.Path(f"{whole}/sys/kernel/{n}").read_text()) for n in names]]:
        path = pathlib.Path("/proc/sys/kernel") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def in_chroot():
    box.private_mounts()
    top = tempfile.mkdtemp(prefix="ward-env-root-")
    box.mount("/", top, None, box.MS_BIND | box.MS_REC)
    cwd = os.getcwd()
    os.chroot(top)
    os.chdir(cwd)


def closed_fuse():
    box.private_mounts()
    box.closed_fuse()


def fuse_of_another():
    box.private_mounts()
    box.bound_fuse(0o20600, 1234)


# ---- namespaces, filters ----

def some_ids():
    """Root of a user namespace with 65536 ids, as in a container without the host's root."""
    box.private_mounts()
    made_r, made_w = os.pipe()
    mapped_r, mapped_w = os.pipe()
    me = os.getpid()
    if os.fork() == 0:
        os.read(made_r, 1)
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{me}/{name}").write_text("0 0 65536")
        os.write(mapped_w, b"x")
        os._exit(0)
    box.must(box.libc.unshare(box.CLONE_NEWUSER | box.CLONE_NEWNS), "unshare")
    os.write(made_w, b"x")
    os.read(mapped_r, 1)
    os.wait()
    for fd in (made_r, made_w, mapped_r, mapped_w):
        os.close(fd)


def known_as(inside):
    """A user namespace with one id: that of whoever is here, by another number (unshare -r; bwrap --uid)."""
    def late():
        uid, gid = os.geteuid(), os.getegid()
        box.must(box.libc.unshare(box.CLONE_NEWUSER), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {uid} 1"), ("gid_map", f"{inside} {gid} 1")):
            pathlib.Path(f"/proc/self/{name}").write_text(text)
    return late


def without_set_ids():
    """Root that may become nobody else: no CAP_SETGID (6), no CAP_SETUID (7)."""
    head, data = struct.pack("II", 0x20080522, 0), ctypes.create_string_buffer(24)
    box.must(box.libc.syscall(125, head, data), "capget")
    low = [n & ~0xC0 for n in struct.unpack("6I", data.raw)[:3]]
    for capability in (6, 7):
        box.must(box.libc.prctl(24, capability, 0, 0, 0), "prctl")
    box.must(box.libc.syscall(126, head, struct.pack("6I", *low, *struct.unpack("6I", data.raw)[3:])), "capset")


def another_listener():
    """A filter of somebody else that is told of calls: a thread has one such at most."""
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))

    class Prog(ctypes.Structure):
        _fields_ = [("n", ctypes.c_ushort), ("code", ctypes.c_void_p)]
    prog = Prog(1, ctypes.cast(code, ctypes.c_void_p))
    box.must(box.libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    fd = box.must(box.libc.syscall(317, 1, 8, ctypes.byref(prog)), "seccomp")
    # It is another's only as long as somebody holds it.
    os.set_inheritable(fd, True)
    another_listener.held = fd


def a_kernel(first_missing, abi, *more):
    """
    What came after it: calls by number, the rights of Landlock, flags of memfd_create (6.3) and of the listener (5.19). The file
    systems that can be ID-mapped, and attributes of open files, are those of the kernel at hand.
    """
    return {"rules": [(f"from {first_missing}", ENOSYS), *more], "abi": abi}


MEMFD_EXEC = ("memfd_create", EINVAL, 1, 0x18)        # MFD_NOEXEC_SEAL, MFD_EXEC: 6.3
WAIT_KILLABLE = ("seccomp", EINVAL, 1, 0x20)          # 5.19
KERNELS = [
    ("5.13", a_kernel(447, 1, MEMFD_EXEC, WAIT_KILLABLE)),
    ("5.15", a_kernel(449, 1, MEMFD_EXEC, WAIT_KILLABLE)),
    ("6.1", a_kernel(451, 2, MEMFD_EXEC)),
    ("6.2", a_kernel(451, 3, MEMFD_EXEC)),
    ("6.8", a_kernel(462, 4)),
    ("6.10", a_kernel(463, 5)),
    ("6.12", a_kernel(463, 6)),
]

ENVIRONMENTS = [
    Environment("plain", "nothing is missing; cgroup v1"),
    *[Environment(f"kernel-{v}", f"kernel {v}", **how) for v, how in KERNELS],
    Environment("no-landlock", "no Landlock", rules=[("landlock_create_ruleset", ENOSYS)]),
    Environment("no-fuse", "no /dev/fuse", mounts=closed_fuse),
    Environment("fuse-of-another", "/dev/fuse is another user's, mode 0600", mounts=fuse_of_another, who=("root",)),
    Environment("no-cgroup", "no cgroup can be made", mounts=no_cgroup),
    Environment("another-listener", "another filter has the listener", late=another_listener),
    Environment("hidden-pids", "/proc mounted with hidepid=2", mounts=hidden_pids),
    Environment("read-only", "everything but /tmp is read-only", mounts=read_only_host),
    Environment("no-namespaces", "user.max_user_namespaces is 0", late=box.without_user_namespaces),
    *[Environment(f"no-namespaces-{v}", f"user.max_user_namespaces is 0, kernel {v}", late=box.without_user_namespaces, **how)
      for v, how in KERNELS if v in ("5.13", "6.1", "6.2", "6.10", "6.12")],
    Environment("no-rights", "AppArmor gives namespaces without capabilities (Ubuntu 23.10 and later)", rules=NO_MOUNTS, who=("user",)),
    Environment("no-mount-calls", "open_tree, move_mount and mount_setattr are refused, mount is not (a filter that is older than they are)",
                rules=[("open_tree", ENOSYS), ("move_mount", ENOSYS), ("mount_setattr", ENOSYS)]),
    Environment("no-pivot-root", "pivot_root is refused, mounts are not (a filter)", rules=[("pivot_root", EPERM)]),
    Environment("no-taking", "no descriptor can be taken out of a process (a filter that refuses pidfd_getfd without CAP_SYS_PTRACE)",
                rules=[("pidfd_getfd", EPERM)]),
    Environment("no-tracing", "kernel.yama.ptrace_scope is 3", mounts=nobody_traces, rules=[("pidfd_getfd", EPERM, 2, None, 0), ("process_vm_readv", EPERM)]),
    Environment("no-waitid", "a filter refuses waitid (what becomes of the children that try things is not told)", rules=[("waitid", EPERM)]),
    Environment("no-landlock-self", "Landlock is there, and a filter lets nobody restrict itself", rules=[("landlock_restrict_self", EPERM)]),
    Environment("covered-proc", "parts of /proc are covered", mounts=covered_proc),
    Environment("read-only-proc", "/proc is read-only", mounts=read_only_proc),
    Environment("chroot", "in a chroot", mounts=in_chroot),
    Environment("container", "a container with the usual filter and mounts", mounts=container_mounts, rules=NO_NAMESPACES + NO_MOUNTS),
    Environment("container-listener", "a container with the usual filter and mounts, and another listener", mounts=container_mounts, late=another_listener,
                rules=NO_NAMESPACES + NO_MOUNTS),
    Environment("some-ids", "root of a user namespace with 65536 ids", late=some_ids, who=("root",)),
    Environment("root-by-another-id", "the host's root as user 1000 of a user namespace", late=known_as(1000), who=("root",),
                expect="axis processes cannot be held"),
    Environment("one-id", "root of a user namespace with one id (unshare -r)", late=known_as(0), expect="axis processes cannot be held"),
    Environment("no-set-ids", "root without CAP_SETUID and CAP_SETGID", late=without_set_ids, who=("root",), expect="axis processes cannot be held"),
    Environment("no-memfd", "programs in memory may not be executed", rules=[("memfd_create", EACCES)], expect="memfd_create is refused here"),
    Environment("no-close-range", "a filter that is older than close_range", rules=[("close_range", EPERM)], expect="close_range is refused here"),
    Environment("no-execveat", "a filter that is older than execveat", rules=[("execveat", ENOSYS)], expect="execveat is refused here"),
    Environment("no-seccomp", "no filter can be installed", rules=[("seccomp", EINVAL)], expect="axis syscalls"),
    Environment("no-proc", "no /proc", mounts=no_proc, expect="/proc"),
    Environment("processes-alone", "/proc has processes alone (subset=pid)", mounts=processes_alone, expect="subset=pid"),
    Environment("nothing", "neither namespaces nor Landlock", late=box.without_user_namespaces,
                rules=[("landlock_create_ruleset", ENOSYS)], expect="axis files"),
]
BY_NAME = {e.name: e for e in ENVIRONMENTS}

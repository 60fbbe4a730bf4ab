# SPDX-License-Identifier: Apache-2.0
"""How it is seen, from outside, that an attempt got out. One function an effect, named by the attempts' `escaped:` line.

Each gets the World, what became of the run (Run), and the words behind its name. None asks the attempt what it believes.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading
import time
import unicodedata

libc = ctypes.CDLL(None, use_errno=True)


def processes(binary):
    """Pids of live processes that run binary, whoever started them."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/exe") == str(binary):
                    yield int(name)
            except OSError:
                pass


def domain_of(pid, fd):
    """The family of a socket that another process holds."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    got = libc.syscall(438, pidfd, fd, 0)
    os.close(pidfd)
    if got < 0:
        return None
    value, size, found = ctypes.c_int(), ctypes.c_uint(4), []
    for option in (39, 38):   # SO_DOMAIN, SO_PROTOCOL
        ok = libc.getsockopt(got, socket.SOL_SOCKET, option, ctypes.byref(value), ctypes.byref(size)) == 0
        found.append(value.value if ok else None)
    os.close(got)
    return tuple(found)


def waits_to_be_seen(pid):
    """It has got all that it wanted, and catches SIGUSR1, by which it is told that somebody looked: hold() of attempt.h."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return any(line.startswith("SigCgt:") and int(line.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1 for line in f)


class Watch(threading.Thread):
    """What the processes of an attempt hold while it runs."""

    def __init__(self, binary):
        super().__init__(daemon=True)
        self.binary, self.over = binary, threading.Event()
        self.links, self.sockets, self.userns = set(), set(), set()

    def run(self):
        waiting = []
        while not self.over.wait(0.02):
            before, waiting = waiting, []
            for pid in list(processes(self.binary))[:8]:
                with contextlib.suppress(OSError):
                    done = waits_to_be_seen(pid)
                    self.look(pid)
                    waiting += [pid] * done
            for pid in {*waiting} & {*before}:   # when all were seen, those that it made just now, too: its end may be theirs
                with contextlib.suppress(OSError):
                    self.tell(pid)

    def tell(self, pid):
        """By a descriptor: the number may have gone to another meanwhile, who would die of the signal."""
        pidfd = os.pidfd_open(pid)
        try:
            if pid in processes(self.binary) and waits_to_be_seen(pid):
                signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
        finally:
            os.close(pidfd)

    def look(self, pid):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
            self.links.add(link)
            if link.startswith("socket:"):
                self.sockets.add(domain_of(pid, int(fd)))
        self.userns.add(os.readlink(f"/proc/{pid}/ns/user"))


def leak(world, run, name):
    """A secret was printed."""
    return name in world.leaked(run.out + run.err)


def told(world, run, key):
    """Something that only the host knows was printed (a size, a hardware address)."""
    return b"found: " + world[key].encode() in run.out


def changed(world, _run, key):
    return pathlib.Path(world[key]).read_text(errors="replace") != "untouched\n"


def changed_bytes(world, _run, key):
    return pathlib.Path(world[key]).read_bytes() != getattr(world, key)


def comes(seconds, look):
    """What may come to be only after the end of what was tried."""
    end = time.monotonic() + seconds
    while not look() and time.monotonic() < end:
        time.sleep(0.02)
    return look()


def approved(world, run):
    """The other run's question was answered with yes: its log says so, a while after who answered was told that it is."""
    return comes(10 if run.code == 0 else 0.3, lambda: '"approval.granted"' in world.other_log())


def ended(world, run):
    """The other run is over."""
    return comes(10 if run.code == 0 else 0.3, lambda: world.other.poll() is not None)


def gone(world, _run, key):
    return not os.path.lexists(world[key])


def created(world, _run, name):
    return os.path.lexists(world.path(name))


def mode(world, _run, key):
    return stat.S_IMODE(os.stat(world[key]).st_mode) != 0o666


def times(world, _run, key):
    return os.stat(world[key]).st_mtime < 1000


def xattr(world, _run, key):
    return bool([n for n in os.listxattr(world[key]) if n.startswith("user.")])


def flags(world, _run, key):
    """The attribute flags that chattr sets."""
    import fcntl
    import struct
    with open(world[key], "rb") as f:
        return struct.unpack("L", fcntl.ioctl(f, 0x80086601, struct.pack("L", 0)))[0] & 0x40 != 0


def device(world, _run, name):
    """A device node was left behind."""
    path = world.path(name)
    return os.path.lexists(path) and (stat.S_ISCHR(path.lstat().st_mode) or stat.S_ISBLK(path.lstat().st_mode))


def setid(world, _run, name):
    """A set-user-ID or set-group-ID program was left behind."""
    path = world.path(name)
    return path.exists() and path.stat().st_mode & 0o6000 != 0


def logged(world, _run, key):
    """A line that is none of Ward's."""
    return world["token"] in pathlib.Path(world[key]).read_text(errors="replace").splitlines()


def heard(world, _run):
    """
    The token arrived at something of the host. On a busy machine who listens comes late: what has arrived is heard once each of them has
    looked since, and found nothing more.
    """
    begun = time.monotonic()
    while time.monotonic() < begun + 20:
        over = time.monotonic() > begun + 0.2 and all(at > begun for at in list(world.quiet.values()))
        with world.lock:
            if any(world["token"].encode() in data for data in world.heard):
                return True
        if over:
            return False
        time.sleep(0.02)
    raise RuntimeError("who listens did not come to look")


def died(world, _run):
    """The victim got a signal: one that it has still to die of stands in its state."""
    time.sleep(0.05)
    try:
        text = pathlib.Path(f"/proc/{world['pid']}/status").read_text()
    except OSError:
        text = ""
    waits = any(int(line.split()[1], 16) for line in text.splitlines() if line.startswith(("SigPnd:", "ShdPnd:")))
    return waits or world.victim.poll() is not None


def stopped(world, _run):
    line = pathlib.Path(f"/proc/{world['pid']}/stat").read_text()
    return line.rsplit(")", 1)[1].split()[0] in "Tt"


def victim_limit(world, _run):
    return " 77 " in [line for line in pathlib.Path(f"/proc/{world['pid']}/limits").read_text().splitlines()
                      if line.startswith("Max open files")][0]


def victim_affinity(world, _run):
    return len(os.sched_getaffinity(world.victim.pid)) != os.cpu_count()


def victim_nice(world, _run):
    return os.getpriority(os.PRIO_PROCESS, world.victim.pid) != world.nice


def victim_policy(world, _run):
    return os.sched_getscheduler(world.victim.pid) != os.SCHED_OTHER


def victim_oom(world, _run):
    return pathlib.Path(f"/proc/{world['pid']}/oom_score_adj").read_text().strip() == "999"


def holds(_world, run, what):
    """A descriptor of that kind was seen in one of its processes."""
    return any(what in link for link in run.watch.links)


def holds_socket(_world, run, domain, protocol=None):
    return any(s and s[0] == int(domain) and protocol in (None, str(s[1])) for s in run.watch.sockets)


def nested(_world, run):
    """Its processes were seen in more than one user namespace."""
    return len(run.watch.userns) > 1


def more(world, _run, limit):
    """It did something more often than that."""
    path = pathlib.Path(world["count"])
    return path.exists() and path.stat().st_size > int(limit)


def alive(world, run):
    """Something of it still writes after the end of the run."""
    path = pathlib.Path(world["count"])
    if not path.exists():
        return False
    time.sleep(0.1)
    before = path.stat().st_size
    time.sleep(0.4)
    return path.stat().st_size > before or bool(list(processes(run.binary)))


def flood(_world, run, limit):
    return len(run.out) > int(limit)


def typed(world, run):
    """Characters arrived at the host's terminal, as typed or as shown."""
    return world["token"].encode() in run.terminal


def fed(world, run):
    """Whoever reads the run's input next reads something of the run's."""
    return world["token"].encode() in run.fed


def is_plain(text):
    """No control, format or private character, no separator of lines but the newline."""
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") for c in text)


def json_spoiled(data):
    """Not UTF-8, not JSON, or with a member that none of Ward's texts has."""
    try:
        value = json.loads(data.decode())
    except ValueError:
        return True
    return not isinstance(value, dict) or has_member(value, "forged") or any(c < 0x20 for c in data)


def has_member(value, name):
    if isinstance(value, dict):
        return name in value or any(has_member(v, name) for v in value.values())
    return isinstance(value, list) and any(has_member(v, name) for v in value)


def record_spoiled(world, run):
    """Log, outcome, report or what stands on standard error say something that Ward did not mean."""
    log = pathlib.Path(world["log"]).read_bytes()
    report = pathlib.Path(world["report"]).read_bytes() if os.path.exists(world["report"]) else b""
    outcome = pathlib.Path(world["outcome"]).read_bytes() if os.path.exists(world["outcome"]) else b"{}"
    forged = b"forged " + world["token"].encode()
    try:
        said = (report + b"\n" + run.err).decode()
    except UnicodeDecodeError:
        return True
    return (not is_plain(said) or any(line.startswith((b"ward: " + forged, b"ward:   grant: " + forged)) for line in report.splitlines())
            or any(json_spoiled(line) for line in log.splitlines()) or json_spoiled(outcome.rstrip()))


def answered(_world, run):
    """The kernel looked at what was asked, and said what it thinks of it. Only the caller hears that."""
    return b"answered: " in run.out


def took_all(_world, run):
    """It held what all programs of the user have together."""
    return b"took all" in run.notes


def blocked(_world, run):
    """A program of the host would have had to wait."""
    return b"blocked" in run.notes


def terminal_reset(_world, run):
    """The host's terminal has other modes or another size than before."""
    return b"reset" in run.notes


def root_program(_world, run):
    """A program that it started was seen with effective uid 0."""
    return b"root" in run.notes


def signalled(_world, run):
    """A process of the host that only connected was ended by a signal."""
    return b"signalled" in run.notes


def served(_world, run):
    """A process of the host could connect to it."""
    return b"served" in run.notes


def ran(world, _run):
    """What the attempt left is run by a git of the host in its user's repositories, or by a shell that obeys .envrc."""
    for where in [r for r in world.repositories if r.is_dir()]:
        for words in (["status"], ["add", "-A", "--", "file", "file.x"], ["commit", "-q", "--allow-empty", "-m", "two"], ["checkout", "-q", "-b", "other"]):
            world.git(where, *words)
        if os.path.exists(world["ran"]):
            break
    subprocess.run(["/bin/sh", "-c", "[ -e .envrc ] && . ./.envrc"], cwd=world["ws"], stdin=subprocess.DEVNULL, timeout=20, check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return os.path.exists(world["ran"])


def unlisted(world, _run, name):
    """It came to be, and the outcome does not say so."""
    if not os.path.lexists(world.path(name)):
        return False
    try:
        said = json.loads(pathlib.Path(world["outcome"]).read_text())["late_names"]["names"]
    except (OSError, TypeError):
        return True
    return str(world.path(name)) not in [n["path"] for n in said]


EFFECTS = {f.__name__.replace("_", "-"): f for f in (
    leak, told, changed, changed_bytes, approved, ended, gone, created, mode, times, xattr, flags, device, setid, logged, heard, died, stopped,
    victim_limit, victim_affinity, victim_nice, victim_policy, victim_oom, holds, holds_socket, nested, more, alive, flood,
    typed, fed, answered, record_spoiled, took_all, blocked, terminal_reset, root_program, signalled, served, ran, unlisted)}

WATCHED = {"holds", "holds-socket", "nested"}   # what can only be seen while it runs

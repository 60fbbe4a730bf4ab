# SPDX-License-Identifier: Apache-2.0
"""ward-relay by itself, with a stand-in for the gate: what the tests of the relay and its measurements share.

    private_net()                this process gets a network namespace of its own, with loopback up
    with Relay() as r:           the program, on sockets of this process; r.hear() is the next message that it sent, r.say() one to it
"""
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
READY, NAME, OPEN, SEEN, CLOSED, LIMIT, ANSWER, DIALED, PASS, REFUSED, SOCKET, LIMITS, INWARD, GATE_CLIENT = range(1, 15)
GATE_FLOW = 0x80000000   # WARD_GATE_FLOW
UNKNOWN, BROKEN, TLS, TLS_ECH, HTTP, HTTP2, SSH, POSTGRES = range(8)
DONE, CLIENT, SERVER, END_REFUSED, IDLE, TIME, BYTES_UP, MEMORY, BYTES_DOWN, HELD = range(10)
FORM = struct.Struct("=IIII BBH16s BBH16s 4s16s 4x QQ QQQQ 256s")
NO_HOST = 2   # of enum ward_relay_limit
PASSED = 0x100   # WARD_SEEN_PASSED
SOME = 0x200   # WARD_SEEN_SOME
RESERVED = 64645   # WARD_RESERVED_ID - 1
WAIT = 10 * int(os.environ.get("WARD_TEST_PATIENCE", "1"))   # as tests/harness/tap.py has it
VERSION = 9   # WARD_RELAY_VERSION

libc = ctypes.CDLL(None, use_errno=True)


def private_net():
    """Loopback that nobody else uses; ports below 1024 are ours."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="utf-8") as f:
                f.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))   # SIOCSIFFLAGS: up, running


class Message:
    """One message of the wire."""

    def __init__(self, kind, ident=0, value=0, **more):
        self.type, self.id, self.value = kind, ident, value
        self.to = self.from_ = (0, 0, bytes(16))
        self.v4, self.v6 = bytes(4), bytes(16)
        self.up = self.down = self.idle_ms = self.total_ms = self.up_max = self.down_max = 0
        self.name, self.inward = "", 0
        self.__dict__.update(more)

    def pack(self):
        return FORM.pack(self.type, self.id, self.value, self.inward, self.to[0], 0, self.to[1], self.to[2], self.from_[0], 0, self.from_[1],
                         self.from_[2], self.v4, self.v6, self.up, self.down, self.idle_ms, self.total_ms, self.up_max, self.down_max,
                         self.name.encode())

    @classmethod
    def unpack(cls, data):
        t, i, v, _, f, _, port, a, ff, _, fport, fa, v4, v6, up, down, idle, total, up_max, down_max, name = FORM.unpack(data)
        end = name.index(0)
        assert not name[end:].strip(b"\0"), "bytes behind the name"
        return cls(t, i, v, to=(f, port, a), from_=(ff, fport, fa), v4=v4, v6=v6, up=up, down=down, idle_ms=idle, total_ms=total,
                   up_max=up_max, down_max=down_max, name=name[:end].decode("ascii"))

    def __repr__(self):
        return f"type {self.type} id {self.id:#x} value {self.value} up {self.up} down {self.down} name {self.name!r}"


def listener(family, address, port=0, backlog=4096):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, port))
    s.listen(backlog)
    s.setblocking(False)
    return s


def udp(family, port=0):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.IPPROTO_IPV6, 49, 1)   # IPV6_RECVPKTINFO
    else:
        s.setsockopt(socket.IPPROTO_IP, 8, 1)      # IP_PKTINFO
    s.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    s.setblocking(False)
    return s


class Relay:
    """The program and its gate. program: WARD_RELAY_TEST by default."""

    def __init__(self, port=0, six=True, program=None, args=(), nofile=None, ready=True):
        self.program = program or os.environ["WARD_RELAY_TEST"]
        self.heard = []   # of one packet, not asked for yet
        self.gate, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sockets = [theirs, listener(socket.AF_INET, "0.0.0.0", port), listener(socket.AF_INET6, "::", port) if six else None,
                        udp(socket.AF_INET, port), udp(socket.AF_INET6, port) if six else None]
        self.port = self.sockets[1].getsockname()[1]
        self.port6 = self.sockets[2].getsockname()[1] if six else 0
        self.udp_port = self.sockets[3].getsockname()[1]
        high = fcntl.fcntl(theirs, fcntl.F_DUPFD, 100)
        # What tells of the supervisor's end: it becomes readable.
        end, self.supervisor = os.pipe()
        high_end = fcntl.fcntl(end, fcntl.F_DUPFD, 100)

        def place():
            os.dup2(high, 0)
            os.dup2(high_end, 1)
            os.close(self.supervisor)
            if nofile:
                import resource  # pylint: disable=import-outside-toplevel
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
        self.process = subprocess.Popen([self.program, str(RESERVED), *args], preexec_fn=place,  # pylint: disable=consider-using-with
                                        close_fds=False)
        for fd in (high, high_end, end):
            os.close(fd)
        theirs.close()
        if ready:
            m = self.hear()
            assert (m.type, m.value) == (READY, VERSION), m
            self.flows = m.up
            for i, s in enumerate(self.sockets):
                if i and s:
                    self.say(SOCKET, value=i, fd=s.fileno())
        for s in self.sockets[1:]:
            if s:
                s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.close()
        os.close(self.supervisor)
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise

    def hear(self, timeout=WAIT, kind=None):
        """The next message; None when none comes in time."""
        if not self.heard and not select.select([self.gate], [], [], timeout)[0]:
            assert kind is None, f"no message of type {kind}"
            return None
        if not self.heard:
            data = self.gate.recv(1 << 16)
            assert data, "the relay ended"
            self.heard = [data[i:i + FORM.size] for i in range(0, len(data), FORM.size)]
        m = Message.unpack(self.heard.pop(0))
        assert kind is None or m.type == kind, f"wanted {kind}: {m}"
        return m

    def say(self, kind, ident=0, value=0, fd=None, **more):
        data = Message(kind, ident, value, **more).pack()
        if fd is None:
            self.gate.send(data)
        else:
            fds = fd if isinstance(fd, tuple) else (fd,)
            socket.send_fds(self.gate, [data], [f.fileno() if hasattr(f, "fileno") else f for f in fds])

    def client(self, address="127.1.2.3", family=socket.AF_INET):
        c = socket.socket(family, socket.SOCK_STREAM)
        c.settimeout(WAIT)
        c.connect((address, self.port if family == socket.AF_INET else self.port6))
        return c

    def flow(self, client=None, first=None, passed=True, small=False, **limits):
        """client socket, server socket, id: a flow that is dialled and, with first bytes, judged."""
        c = client or self.client()
        m = self.hear(kind=OPEN)
        ours, dialed = pair()
        if small:   # else its buffer grows to megabytes before anything waits
            dialed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.say(DIALED, m.id, fd=dialed, **limits)
        dialed.close()
        if first is not None:
            c.sendall(first)
            seen = self.hear(kind=SEEN)
            assert seen.id == m.id, seen
            if passed:
                self.say(PASS, m.id)
                assert exactly(ours, len(first)) == first
        return c, ours, m.id

    def rss(self):
        """KiB that are the program's own."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def busy(self, seconds=0.5):
        """The share of the time that it computes, while nothing is to be done."""
        before = self.cpu()
        time.sleep(seconds)
        return (self.cpu() - before) / seconds

    def cpu(self):
        """Seconds that it computed."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            return sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")


def unread(local, remote):
    """Bytes that the socket with these ports has received, and nobody took yet."""
    with open("/proc/self/net/tcp", encoding="ascii") as f:
        for line in f.readlines()[1:]:
            part = line.split()
            if part[1].endswith(f":{local:04X}") and part[2].endswith(f":{remote:04X}"):
                return int(part[4].split(":")[1], 16)
    return 0


def fill(r, c):
    """Until the relay reads no more of what the client sends: little lies in between, and the way behind it is full."""
    port = c.getsockname()[1]
    while not (unread(r.port, port) and not time.sleep(0.1) and unread(r.port, port)):
        c.sendall(b"z" * 32768)
        time.sleep(0.002)


def pair():
    """A server's accepted socket, and the gate's connected one."""
    with listener(socket.AF_INET, "127.0.0.1") as li:
        dialed = socket.create_connection(li.getsockname())
        li.setblocking(True)
        ours, _ = li.accept()
    dialed.setblocking(False)
    ours.settimeout(WAIT)
    return ours, dialed


def exactly(s, n):
    """n bytes, or what came before the end."""
    data = b""
    while len(data) < n:
        part = s.recv(min(n - len(data), 1 << 20))
        if not part:
            break
        data += part
    return data


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def was_reset(s):
    """Reading what is left ends with a reset, and not with an end."""
    try:
        while s.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def hears_nothing(s, seconds=0.2):
    """What is held for it has not been passed on."""
    s.settimeout(seconds)
    try:
        data = s.recv(1)
    except TimeoutError:
        return
    finally:
        s.settimeout(WAIT)
    assert False, f"{data!r} came"


def state(pid):
    """As in its status: R, S, T and so on."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def until(true, seconds=WAIT):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def main(at_once=1):
    from tap import main as tap_main   # pylint: disable=import-outside-toplevel
    try:
        private_net()
    except OSError as why:
        print(f"1..0 # SKIP no network namespace of one's own: {why}")
        sys.exit(0)
    tap_main(at_once)

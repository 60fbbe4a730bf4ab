# SPDX-License-Identifier: Apache-2.0
"""The host around an attempt: directories, secrets, sockets and processes, made anew for every run.

Everything that an attempt may be after lies outside of what the run is granted, with modes that let anybody in: what
keeps the attempt out must be Ward, not the owner of a file. Secrets are random and known by their digest; World.leaked()
says which of them a text holds. Sockets are the host's: what arrives at them is kept in World.heard.
"""
import array
import contextlib
import ctypes
import hashlib
import os
import pathlib
import re
import secrets
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / name) for name in ("harness", "sandbox", "cli")]
from tree import remove_tree  # noqa: E402  pylint: disable=wrong-import-position

INHERITED_FILE, INHERITED_DIR = 207, 208
TOKEN = re.compile(rb"WS-[0-9a-f]{32}")
libc = ctypes.CDLL(None, use_errno=True)


# Names that say more than a name should, to whoever records them as they are. T is the token.
EVIL = {
    "newline": b"x\nward: forged T\n", "newline_short": b"x\nward: y", "carriage": b"x\rward: forged T",
    "escape": b"\x1b]0;T\x07\x1b[2J", "c1": "x\u009b2J".encode(), "direction": "x\u202etxt.sh".encode(),
    "invisible": "a\u200b\u2060b".encode(), "tags": "x\U000e0041\U000e0042".encode(), "separator": "x\u2028ward: forged T".encode(),
    "bad_utf8": b"x\xff\xfe", "overlong": b"x\xc0\x80\xed\xa0\x80", "json": b'x","forged":"T","y":"',
    "backslash": b'x\\","forged":"T","y":"', "grant": b"x\nward:   grant: forged T",
}


def own_address():
    """An address of this host that is not the loopback's. Packets to it stay on the host."""
    table = pathlib.Path("/proc/net/fib_trie").read_text().splitlines()
    for line, following in zip(table, table[1:]):
        address = line.split()[-1]
        if "/32 host LOCAL" in following and not address.startswith("127."):
            return address
    return None


class World:
    def __init__(self, binary, victim, ward):
        self.binary, self.victim_binary, self.ward = binary, victim, ward
        self.environment = {}   # of the run, besides the caller's
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="ward-escape-"))
        self.base.chmod(0o755)
        self.digests, self.heard, self.closing, self.names = {}, [], [], {}
        self.quiet = {}         # who listens: when a look began that found nothing
        for name in ("ws", "out", "ro", "side"):
            path = self.base / name
            path.mkdir()
            path.chmod(0o755 if name == "side" else 0o777)   # Ward takes no log from where anybody may write
            self.names[name] = str(path)
        self.path("home").mkdir(0o755)
        for name in ("home", "outcome", "report"):
            self.names[name] = str(self.path(name))
        self.names.update(bin=str(binary.parent), base=str(self.base), token=self.secret("token"),
                          count=str(self.base / "ws/count"), looks=str(self.base / "ws/looks"), marker=secrets.token_hex(8))
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.plant_files()

    def __getitem__(self, name):
        return self.names[name]

    def path(self, name):
        return self.base / name

    # ---- secrets ----

    def secret(self, name):
        value = "WS-" + secrets.token_hex(16)
        self.digests[hashlib.sha256(value.encode()).hexdigest()] = name
        return value

    def leaked(self, data):
        """Names of the secrets in data; what the run is told itself (token) is none."""
        found = {self.digests.get(hashlib.sha256(t).hexdigest()) for t in TOKEN.findall(data)}
        return found - {None, "token"}

    # ---- files ----

    def put(self, path, text, mode=0o666):
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def plant_files(self):
        n = self.names
        n["secret"] = self.put(self.path("out/secret"), self.secret("file") + "\n")
        n["target"] = self.put(self.path("out/target"), "untouched\n")
        n["fixed"] = self.put(self.path("ro/target"), "untouched\n")
        self.path("out/deep").mkdir()
        self.put(self.path("out/deep/secret"), self.secret("deep"))
        n["listed"] = self.put(self.path("out") / self.secret("name"), "")
        n["own"] = self.put(self.path("ws/own"), "own\n")
        n["temp"] = self.put(pathlib.Path("/tmp") / f"ward-escape-{n['marker']}", self.secret("temp"))
        n["shm"] = self.put(pathlib.Path("/dev/shm") / f"ward-escape-{n['marker']}", self.secret("shm"))
        n["neighbour"] = self.put(self.path("side/neighbour"), self.secret("neighbour"))
        n["granted"] = self.put(self.path("side/granted"), "granted\n")
        n["log"] = self.put(self.path("side/audit.jsonl"), "", 0o600)
        n["size"] = str(self.size_file())

    def size_file(self):
        size = 100000 + secrets.randbelow(900000)
        path = self.path("out/sized")
        with path.open("wb") as f:
            f.truncate(size)
        self.names["sized"] = str(path)
        return size

    def inherited(self):
        """Descriptors that a careless caller leaves open."""
        fds = {INHERITED_FILE: os.open(self.put(self.path("out/left-open"), self.secret("inherited")), os.O_RDWR),
               INHERITED_DIR: os.open(self.path("out"), os.O_RDONLY | os.O_DIRECTORY)}
        for to, fd in fds.items():
            os.dup2(fd, to, inheritable=True)
            os.close(fd)
        self.closing += [lambda: os.close(INHERITED_FILE), lambda: os.close(INHERITED_DIR)]
        return list(fds)

    def plant_evil(self, kind):
        """A file that may be read, by a name out of EVIL; and a socket of the host by the same."""
        name = self.names["ro"].encode() + b"/" + EVIL[kind].replace(b"T", self["token"].encode())
        with open(name, "wb"):
            os.chmod(name, 0o666)
        self.names["evil"] = name.hex()

    def handle(self):
        """The handle of the secret file, as name_to_handle_at gives it."""
        buf, mount = ctypes.create_string_buffer(8 + 128), ctypes.c_int()
        struct.pack_into("I", buf, 0, 128)
        if libc.syscall(303, -100, self["secret"].encode(), buf, ctypes.byref(mount), 0) < 0:
            raise OSError(ctypes.get_errno(), "name_to_handle_at")
        size = struct.unpack_from("I", buf)[0]
        self.names["handle"] = buf.raw[:8 + size].hex()

    # ---- what hears ----

    def hear(self, data):
        with self.lock:
            self.heard.append(bytes(data))

    def serve(self, sock, stream):
        """Keep what arrives; a stream gets a greeting, and over a Unix socket an open secret."""
        if stream:
            sock.listen(16)
        sock.setblocking(False)
        t = threading.Thread(target=self.listen_to, args=(sock, stream), daemon=True)
        self.quiet[t] = 0.0
        t.start()
        self.closing.append(t.join)

    def listen_to(self, sock, stream):
        peers = []
        while not self.stop.is_set():
            begun = time.monotonic()
            ready = select.select([sock, *peers], [], [], 0.05)[0]
            if not ready:
                self.quiet[threading.current_thread()] = begun
            for s in ready:
                try:
                    if s is sock and stream:
                        peer = sock.accept()[0]
                        peers.append(peer)
                        self.greet(peer)
                        continue
                    try:
                        data = s.recv(4096)
                    except ConnectionResetError:
                        # It ended with our greeting unread: that is told once, ahead of what it had said.
                        data = s.recv(4096)
                    self.hear(data)
                    if s is not sock and not data:
                        peers.remove(s)
                        s.close()
                except OSError:
                    if s in peers:
                        peers.remove(s)
                        s.close()
        for s in [sock, *peers]:
            s.close()

    def greet(self, peer):
        if peer.family != socket.AF_UNIX:
            return
        with open(self["secret"], encoding="ascii") as f:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno()]))]
            peer.sendmsg([b"hello"], rights)

    def plant_tcp(self):
        s = socket.socket(socket.AF_INET6)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", 0))
        self.names["port"] = str(s.getsockname()[1])
        self.names["address"] = own_address() or ""
        self.serve(s, True)

    def plant_named(self):
        """
        A name server that knows every name, all here, and a proxy that is careless with them: it compares how a name ends, and dials what a C
        library reads of it.
        """
        from egress_box import Dns   # pylint: disable=import-outside-toplevel
        dns = Dns({name: ["127.0.0.1"] for name in ("evil.test.example", "evil-allowed.test.example", "x.allowed.test.example")})
        s = socket.create_server(("127.0.0.1", 0))
        self.names.update(resolver=dns.at, proxy=str(s.getsockname()[1]))
        threading.Thread(target=self.careless_proxy, args=(s, set(dns.answers)), daemon=True).start()
        self.closing += [s.close, dns.close]

    def careless_proxy(self, s, known):
        with contextlib.suppress(OSError):
            while True:
                client = s.accept()[0]
                with client, contextlib.suppress(OSError, IndexError):
                    client.recv(3, socket.MSG_WAITALL)
                    client.sendall(b"\5\0")
                    name = client.recv(client.recv(5, socket.MSG_WAITALL)[4], socket.MSG_WAITALL)
                    port = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
                    if not name.endswith(b"allowed.test.example") or name.split(b"\0")[0].decode() not in known:
                        client.sendall(b"\5\2\0\1" + bytes(6))
                        continue
                    with socket.create_connection(("127.0.0.1", port)) as server:
                        client.sendall(b"\5\0\0\1" + bytes(6))
                        server.sendall(client.recv(4096))

    def plant_udp(self):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", 0))
        self.names["port"] = str(s.getsockname()[1])
        self.names["address"] = own_address() or ""
        self.serve(s, False)

    def plant_icmp(self):
        self.serve(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), False)

    def unix_at(self, key, where, kind):
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(where)
        if isinstance(where, str) and where[0] != "\0":
            os.chmod(where, 0o777)
        self.names[key] = where.lstrip("\0")
        self.serve(s, kind != socket.SOCK_DGRAM)

    def plant_sockets(self):
        """Sockets of the host: in the write grant, in the read grant, outside, and with abstract names."""
        for where in ("ws", "ro", "out"):
            for name, kind in (("stream", socket.SOCK_STREAM), ("dgram", socket.SOCK_DGRAM),
                               ("seqpacket", socket.SOCK_SEQPACKET)):
                self.unix_at(f"{where}_{name}", str(self.path(f"{where}/{name}.sock")), kind)
        marker = self["marker"]
        self.unix_at("abstract", f"\0ward-escape-{marker}", socket.SOCK_STREAM)
        self.unix_at("abstract_dgram", f"\0ward-escape-d{marker}", socket.SOCK_DGRAM)

    # ---- processes, keys, shared memory ----

    def plant_victim(self):
        env = {"VICTIM": self.secret("victim-environ")}
        arg = self.secret("victim-cmdline")
        p = subprocess.Popen([self.victim_binary, arg], env=env, cwd=self.path("out"), process_group=0,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write((self.secret("victim-memory")).encode())
        p.stdin.close()
        self.names.update(pid=str(p.pid), addr=p.stdout.readline().decode().strip())
        p.stdout.close()
        self.victim, self.nice = p, os.getpriority(os.PRIO_PROCESS, p.pid)
        self.closing.append(lambda: (p.kill(), p.wait()))

    def plant_launcher(self):
        """A process of the host whose program anybody may write, once it has ended."""
        path = self.path("out/launcher")
        shutil.copy(self.victim_binary, path)
        path.chmod(0o777)
        self.names["launcher"] = str(path)
        self.launcher = path.read_bytes()
        p = subprocess.Popen([path, "x"], env={"VICTIM": "x"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write(b"x")
        p.stdin.close()
        p.stdout.readline()
        p.stdout.close()
        self.names["pid"] = str(p.pid)
        self.closing.append(lambda: (p.kill(), p.wait()))

    def other_run(self, listens, *options):
        """Another run of the same user, with its sockets where the attempt can be told of them: there is one by the time this returns."""
        self.path("asked").mkdir(0o700)
        self.path("other").mkdir(0o755)
        self.path("other-log").mkdir(0o755)
        self.names["asked"] = str(self.path("asked"))
        self.environment.update(XDG_RUNTIME_DIR=self["asked"])
        env = {"PATH": os.environ["PATH"], "HOME": self["home"], "XDG_RUNTIME_DIR": self["asked"]}
        self.other = subprocess.Popen([self.ward, "run", "--audit", str(self.path("other-log/audit.jsonl")),
                                       *os.environ.get("WARD_ESCAPE_OPTIONS", "").split(), *options], cwd=self.path("other"), env=env, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.closing.append(lambda: (self.other.terminate(), self.other.wait()))
        # It is on record before it listens, and on a busy machine long before.
        sockets = pathlib.Path("/run/ward" if os.geteuid() == 0 else self["asked"] + "/ward")
        end = time.monotonic() + 30 * int(os.environ.get("WARD_TEST_PATIENCE", "1"))
        while self.other.poll() is None and time.monotonic() < end:
            told = re.search(r'"run":"(\w+)".*"kind":"(?:approval.requested|run.start)"', self.other_log())
            if told and (sockets / (told.group(1) + listens)).is_socket():
                self.names["run"] = told.group(1)
                return
            time.sleep(0.02)
        raise LookupError("another run, which did not start here")

    def other_log(self):
        log = self.path("other-log/audit.jsonl")
        return log.read_text() if log.exists() else ""

    def plant_waiting(self):
        """... that waits for an answer."""
        policy = self.path("side/asks.cedar")
        self.put(policy, '@approval("risky")\npermit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"'
                         + str(self.path("ro")) + '");\n', 0o644)
        self.other_run("", "--policy", str(policy), "--ask", "wait", "--ask-timeout", "5m", "--", "/bin/sleep", "300")

    def plant_living(self):
        """... that is alive."""
        self.other_run(".live", "--", "/bin/sleep", "300")

    def plant_key(self):
        """A key in the session and the user keyring of whoever runs this."""
        value = self.secret("key").encode()
        for ring in (-3, -4):
            key = libc.syscall(248, b"user", f"ward-{self['marker']}".encode(), value, len(value), ring)
            if key < 0:
                raise OSError(ctypes.get_errno(), "add_key")
            self.closing.append(lambda key=key: libc.syscall(250, 3, key, 0, 0, 0))   # revoke
        self.names["key"] = f"ward-{self['marker']}"

    def plant_sysv(self):
        key = 0x57000000 | secrets.randbelow(1 << 24)
        libc.shmat.restype = ctypes.c_void_p
        shm = libc.shmget(key, 4096, 0o1666)
        at = libc.shmat(shm, None, 0)
        value = self.secret("sysv").encode()
        ctypes.memmove(at, value, len(value))
        libc.shmdt(ctypes.c_void_p(at))
        self.names["key"] = str(key)
        self.closing.append(lambda: libc.shmctl(shm, 0, None))

    def plant_sysv_msg(self):
        """A System V message queue with a secret in it, and a semaphore with a value that only the host knows."""
        key, value = 0x57000000 | secrets.randbelow(1 << 24), self.secret("sysv-message").encode()
        queue, sem = libc.msgget(key, 0o1666), libc.semget(key, 1, 0o1666)
        buf = struct.pack("l", 1) + value
        number = 100 + secrets.randbelow(30000)
        if queue < 0 or sem < 0 or libc.msgsnd(queue, buf, len(value), 0) < 0 or libc.semctl(sem, 0, 16, number) < 0:
            raise OSError(ctypes.get_errno(), "System V IPC")
        self.names.update(key=str(key), number=str(number))
        self.closing += [lambda: libc.msgctl(queue, 0, None), lambda: libc.semctl(sem, 0, 0, 0)]

    def plant_mqueue(self):
        """A POSIX message queue of the host with a secret in it."""
        name = f"ward-{self['marker']}".encode()
        fd = libc.syscall(240, name, os.O_CREAT | os.O_RDWR, 0o666, None)
        value = self.secret("mqueue").encode()
        if fd < 0 or libc.syscall(242, fd, value, len(value), 0, None) < 0:
            raise OSError(ctypes.get_errno(), "mq_open")
        self.names["queue"] = name.decode()
        self.closing += [lambda: os.close(fd), lambda: libc.syscall(241, name)]

    def plant_kmsg(self):
        """A line in the kernel's log."""
        with open("/dev/kmsg", "w", encoding="ascii") as f:
            f.write("ward-escape: " + self.secret("kmsg") + "\n")

    def plant_sniff(self):
        """A secret that goes over the loopback interface again and again."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        value = self.secret("traffic").encode()

        def talk():
            while not self.stop.wait(0.02):
                s.sendto(value, ("127.0.0.1", 9))
        t = threading.Thread(target=talk, daemon=True)
        t.start()
        self.closing += [t.join, s.close]

    def plant_link(self):
        """A name of a network interface of the host other than lo: its hardware address."""
        for name in sorted(os.listdir("/sys/class/net")):
            mac = pathlib.Path(f"/sys/class/net/{name}/address").read_text().strip().replace(":", "")
            if mac.strip("0"):
                self.names["mac"] = mac
                return
        raise LookupError("no interface with a hardware address")

    def plant_handle(self):
        self.handle()
        self.names["handle_type"] = f"handle {struct.unpack_from('i', bytes.fromhex(self['handle']), 4)[0]}"

    def plant_owner(self):
        """The directories of whoever starts Ward are below the home."""
        self.environment.update(XDG_CONFIG_HOME=str(self.path("home/.config")), XDG_STATE_HOME=str(self.path("home/.local/state")))

    def plant_granting(self):
        """Files in the workspace that the run's rights come from, as the caller wrote them."""
        self.put(self.path("ws/caps.json"), "[]\n")
        self.put(self.path("ws/grants.cedar"), "// nothing\n")

    def plant_leaky(self):
        """A program of the host that prints what it should not."""
        self.put(self.path("out/leaky"), f"#!/bin/sh\ncat {self['secret']}\n", 0o755)

    def plant_linked_workspace(self):
        self.names["linked"] = str(self.path("linked"))
        os.symlink("ws", self["linked"])

    def plant_config(self):
        """Ward's own directory in the workspace, as an owner would have made it."""
        os.mkdir(self.path("ws/.ward"), 0o755)

    def git(self, where, *words):
        """The host's own git, as its user runs it in a directory."""
        if not shutil.which("git"):
            raise LookupError("there is no git")
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*", "-c", "protocol.file.allow=always",
                               *words], cwd=where, env={"PATH": os.environ["PATH"], "HOME": self["home"]}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)

    def repository(self, name):
        path = self.path("ws") / name
        path.mkdir(parents=True, exist_ok=True)
        self.git(path, "init", "-q", ".")
        (path / "file").write_text("one\n")
        self.git(path, "add", "file")
        self.git(path, "commit", "-q", "-m", "one")
        self.repositories.append(path)
        return path

    def plant_repositories(self):
        """Repositories as people have them, and other names that are obeyed; what is run of them leaves a file "ran"."""
        self.repositories = []
        self.names["ran"] = str(self.path("side/ran"))
        top = self.repository("")
        self.repository("sub")
        self.repository("a/b/c")
        self.git(top, "worktree", "add", "-q", str(top / "tree"), "-b", "tree")
        self.repositories.append(top / "tree")
        lib = self.repository("lib")
        super_ = self.repository("super")
        self.git(super_, "submodule", "--quiet", "add", str(lib), "sub")
        self.git(super_, "commit", "-q", "-m", "sub")
        self.repositories.append(super_ / "sub")
        named = self.repository("named")
        (named / "tools").mkdir()
        self.put(named / "tools/clean", "#!/bin/sh\ncat\n", 0o777)
        self.put(named / ".gitattributes", "*.x filter=x\n")
        self.put(named / "file.x", "x\n")
        self.put(self.path("ws/more.conf"), "[alias]\n")
        self.put(self.path("ws/when.conf"), "[alias]\n")
        for key, value in (("core.hooksPath", "tools"), ("include.path", "../../more.conf"), ("includeIf.gitdir:**.path", "../../when.conf"),
                           ("filter.x.clean", "tools/clean")):
            self.git(named, "config", key, value)
        linked = self.repository("linked")
        shutil.rmtree(linked / ".git/hooks")
        (linked / "scripts").mkdir()
        (linked / ".git/hooks").symlink_to("../scripts")
        self.git(top, "clone", "-q", "--bare", str(lib), "some/where")
        self.repositories.append(top / "some/where")
        self.put(self.path("ws/.envrc"), ":\n")
        self.path("ws/sub/.vscode").mkdir()
        self.names["tasks"] = self.put(self.path("ws/sub/.vscode/tasks.json"), "untouched\n")

    def plant_other_case(self):
        """Settings of an agent, by a name that only some file systems take for theirs."""
        self.names["ran"] = str(self.path("side/ran"))
        self.path("ws/.Cursor").mkdir()
        self.names["other_case"] = self.put(self.path("ws/.Cursor/MCP.json"), "untouched\n")

    def plant_inner_log(self):
        self.names["inner"] = self.put(self.path("ws/audit.jsonl"), "")

    # ---- the end ----

    def close(self):
        self.stop.set()
        for fn in reversed(self.closing):
            fn()
        for key in ("temp", "shm"):
            pathlib.Path(self[key]).unlink(missing_ok=True)
        for place in ("/tmp", "/dev/shm"):
            for path in pathlib.Path(place).glob(f"*{self['marker']}*"):
                if path.is_dir():
                    remove_tree(path)
                else:
                    path.unlink()
        remove_tree(self.base)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attempts to get out of `ward run`, one at a time: TAP.

Every file of attempts/ tries one thing, and every row of doors.h is one call. The head of a file says what (first line of comment) and, as `word: value` lines:

    class     what it is about, for the listing
    plants    what the host holds besides files: methods plant_* of world.py
    args      names of the World that the attempt is told (key=value)
    grants    options of ward run; default: --write {ws}
    escaped   the effect that shows, from outside, that it got out: effects.py, with its words
    for       root or user: who this is an attempt for; default: both
    stdio     what it is started with: null (default), dir, file, append, pipe, owned-pipe (the victim is told of it by signals),
              shared-pipe (the output, in which somebody else's lies already),
              stdin-terminal, stderr-terminal, terminal
    during    what the host does meanwhile: functions during_* below
    runs      how often it is run, with phase=1.. as an argument; default: 1
    command   what is run instead of the attempt itself (which lies in {bin}, if it is needed)
    alone     yes: nothing else runs meanwhile; so all of class limits
    proof     bare (default); naive: see below
    host      what Ward is started on: a host of tests/environments that lacks something, as far as no mounts are needed for it
    expect    start (default), refused: Ward must not start it at all, any: both are right

Each is run bare first, where it has to get out, or it is no attempt; then in a new World under Ward, where it must not.
What an attempt on Ward's own records does bare is nothing, since nobody records: with `proof: naive` its names (printed as
`tries: HEX`) are written into log, report and outcome as they are, as a recorder would that escapes nothing and follows links.
Several are tried at a time, each by a process of its own with its own copy of the programs.
An attempt that this machine cannot even do bare (it says so by exit 77, or what it needs cannot be planted) is SKIP, with
the reason. As root the whole is repeated as an ordinary user that is made for it. `escape.py NAME...` runs only those;
-l lists; --bare shows what they do bare. `--environment NAME` does all of it on a host of tests/environments: its mounts are for
everybody, what else it lacks for ward alone. What is refused there even bare is a SKIP.
"""
import argparse
import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import pathlib
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))
import effects  # noqa: E402  pylint: disable=wrong-import-position
from world import World, libc  # noqa: E402  pylint: disable=wrong-import-position

PR_SET_CHILD_SUBREAPER = 36
FIELDS = {"class", "plants", "args", "grants", "escaped", "for", "stdio", "during", "runs", "expect",
          "command", "alone", "proof", "host"}
UNSEEN = 76   # of attempt.h
SECONDS = 10
PATIENCE = int(os.environ.get("WARD_TEST_PATIENCE", "1"))   # as tests/harness/tap.py has it
BARE_TRIES = 12
PROCESSES = max(2, min(6, 2 * (os.cpu_count() or 1)))
CONFINED = "WARD_ESCAPE_CONFINED" in os.environ
AROUND = []    # what ward is started by: --environment
TRACED = []    # anything: it is started by a tracer (landlock-abi)
INTERPRETERS = {".py": "/usr/bin/python3", ".sh": "/bin/sh"}


class Attempt:
    """The head of a file of attempts/."""

    def __init__(self, path, name=None):
        self.path, self.name, self.kind = path, name or path.stem, path and path.suffix
        self.field = {"plants": "", "args": "", "grants": "--write {ws}", "for": "", "stdio": "null", "during": "",
                      "runs": "1", "expect": "start", "command": "", "alone": "", "proof": "bare", "host": ""}
        if path:
            self.read_head(path)

    def read_head(self, path):
        about = []
        for line in path.read_text().splitlines():
            m = re.match(r"^(?:/\*|#| \*(?!/)) ?(.*?)(?: ?\*/)?$", line)
            if not m:
                break
            word = re.match(r"^([a-z]+): *(.*)$", m.group(1))
            if word and word.group(1) in FIELDS:
                self.field[word.group(1)] = word.group(2)
            elif m.group(1) and "SPDX" not in line and "bin/" not in line:
                about.append(m.group(1))
        self.about = " ".join(about)
        for word in ("class", "escaped"):
            if word not in self.field:
                sys.exit(f"{path}: no line {word}:")
        if self.field["escaped"].split()[0] not in effects.EFFECTS:
            sys.exit(f"{path}: no such effect: {self.field['escaped']}")

    def alone(self):
        return bool(self.field["alone"]) or self.field["class"] == "limits"

    def is_race(self):
        return self.field["class"] == "races" or "swap" in self.field["during"] or self.name.endswith("_race")

    def around(self, tools):
        """What ward is started by."""
        return [INTERPRETERS[".py"], str(tools / "environments/enter.py"), self.field["host"]] if self.field["host"] else AROUND

    def command(self, world, phase):
        if self.field["command"]:
            commands = self.field["command"].split("|")
            words = commands[min(phase, len(commands)) - 1].format(**world.names).split()
            if words[0] != "attempt":
                return words
        if self.kind in (".c", ".h"):
            words = [str(world.binary), self.name]
        else:
            words = [INTERPRETERS[self.kind], str(world.binary.parent / self.path.name)]
        return words + [f"{key}={world[key]}" for key in self.field["args"].split()] + [f"phase={phase}"]


class Door(Attempt):
    """A row of doors.h."""
    CLASSES = {"net": "network", "proc": "processes", "procfs": "procfs", "device": "devices"}

    def __init__(self, kind, name, who, about, rest):
        super().__init__(None, name)
        self.kind, self.about = ".h", about
        family = rest.split(",")[0].strip()
        what = rest.split('"')[1] if kind == "FILE_OPEN" else ""
        first = name.split("_")[0]
        self.field.update({"class": self.CLASSES.get(first, first.rstrip("32")), "for": "" if who == "both" else who,
                           "escaped": {"CALL": "answered", "CALL32": "answered", "SOCKET": "holds-socket " + family,
                                       "FILE_OPEN": "holds /" + what.rsplit("/", 1)[-1], "DEVICE": "holds /device",
                                       "RECORDED": "record-spoiled"}[kind]})
        if kind == "RECORDED":
            self.field.update(plants="evil:" + family, args="evil", proof="naive",
                              grants="--write {ws} --read {ro} --report {report} --outcome {outcome}")


def read_doors():
    row = re.compile(r'^(CALL|CALL32|SOCKET|FILE_OPEN|DEVICE|RECORDED)\((\w+), (root|user|both), "([^"]*)", (.*)\)$', re.M)
    return [Door(*m.groups()) for m in row.finditer((HERE / "doors.h").read_text())]


class Run:
    """What became of one run."""

    def __init__(self, binary):
        self.binary, self.watch = binary, effects.Watch(binary)
        self.code, self.out, self.err, self.terminal, self.fed, self.notes = None, b"", b"", b"", b"", b""
        self.stdin = None


# ---- what the host does meanwhile ----

def during_kill(_world, run, process):
    """The one that was started is killed, so that only what it left can go on."""
    time.sleep(0.6)
    process.kill()
    run.notes += b"killed"


def during_connect(world, run, process):
    """A process of the host connects to what the attempt serves."""
    port = int.from_bytes(bytes.fromhex(world["marker"])[:2], "big") % 20000 + 20000
    while process.poll() is None and b"served" not in run.notes:
        for family, where in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, f"\0ward-esc-{world['marker']}")):
            with contextlib.suppress(OSError), socket.socket(family) as s:
                s.settimeout(0.2)
                s.connect(where)
                if s.recv(100) == world["token"].encode():
                    run.notes += b"served"
        time.sleep(0.03)


def during_look(_world, run, process):
    """Is there a child of the attempt that runs with effective uid 0?"""
    while process.poll() is None:
        for pid in list(effects.processes(run.binary)):
            with contextlib.suppress(OSError):
                for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                    uids = re.search(r"^Uid:\s+\d+\s+(\d+)", pathlib.Path(f"/proc/{child}/status").read_text(), re.M)
                    if uids.group(1) == "0":
                        run.notes += b"root"
        time.sleep(0.02)


def during_swap_policies(world, run, process):
    """The same with Ward's own name in the workspace."""
    during_swap(world, run, process, "ws/.ward")


def during_swap(world, _run, process, name="ws/race"):
    """A directory of the workspace and a link that leads out of it change places all the time."""
    a, b = str(world.path(name)).encode(), str(world.path("ws/.race")).encode()
    with contextlib.suppress(FileExistsError):
        os.mkdir(a)
        os.symlink("../out", b)
    while process.poll() is None:
        libc.renameat2(-100, a, -100, b, 2)


def during_socket(world, run, process):
    """A socket of the host comes to be in the write grant only now; it is told in a file when it is there."""
    time.sleep(0.2)
    world.unix_at("later", str(world.path("ws/later.sock")), socket.SOCK_STREAM)
    world.path("ws/told").write_text("")
    process.wait()


def during_write(world, run, process):
    """A program of the host opens a file of the grants for writing; one that somebody has a lease on says so."""
    while process.poll() is None and b"blocked" not in run.notes:
        for key in ("own", "fixed"):
            try:
                os.close(os.open(world[key], os.O_WRONLY | os.O_NONBLOCK))
            except BlockingIOError:
                run.notes += b"blocked"
            except OSError:
                pass
        time.sleep(0.02)


PEER = """
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
for _ in range(2000):
    try:
        s.connect(sys.argv[1])
        break
    except OSError:
        time.sleep(0.01)
time.sleep(20)
"""


def during_peer(world, run, process):
    """A process of the host connects to the socket that the attempt made in the write grant. Does a signal end it?"""
    with subprocess.Popen([sys.executable, "-c", PEER, str(world.path("ws/peer.sock"))]) as peer:
        process.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            if peer.wait(0.5) == -signal.SIGTERM:
                run.notes += b"signalled"
        peer.kill()


def during_own(world, run, process):
    """Once the attempt is there, the victim has itself told by signals of what happens at its standard input."""
    while process.poll() is None and not world.path("ws/there").exists():
        time.sleep(0.01)
    fcntl.fcntl(run.stdin, fcntl.F_SETOWN, int(world["pid"]))
    process.wait()


def during_move(world, _run, process):
    """A directory of the workspace, once it is there, is moved out of it."""
    while process.poll() is None:
        with contextlib.suppress(OSError):
            os.rename(world.path("ws/moving"), world.path("out/moving"))
        time.sleep(0.05)


def during_inotify(_world, run, process):
    """Does it hold more than half, and some, of what a user of the host may have?"""
    most = int(pathlib.Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    while process.poll() is None:
        held = 0
        for pid in list(effects.processes(run.binary)):
            with contextlib.suppress(OSError):
                held += sum("inotify" in os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())
        if held > min(most // 2, 128) + 4:
            run.notes += b"took all"
        time.sleep(0.05)


def during_looks(world, run, process):
    """
    What a supervisor does that samples, as often, with at least its work, and as much or as little of the machine. Each look is a byte in a
    file, and the attempt keeps pace with it: what makes the one late makes the other wait.
    """
    with open(world["looks"], "ab", buffering=0) as told:
        while process.poll() is None:
            for pid in list(effects.processes(run.binary)):
                with contextlib.suppress(OSError):
                    pathlib.Path(f"/proc/{pid}/statm").read_bytes()
                    pathlib.Path(f"/proc/{pid}/smaps_rollup").read_bytes()
            told.write(b".")
            time.sleep(0.01)


DURING = {name[len("during_"):].replace("_", "-"): function for name, function in list(globals().items()) if name.startswith("during_")}


# ---- one run ----

class Streams:
    """The descriptors that a run starts with."""

    def __init__(self, kind, world):
        self.master = self.slave = None
        self.stdin, self.stdout = subprocess.DEVNULL, subprocess.PIPE
        self.opened = []
        self.stderr = subprocess.PIPE
        if kind in ("terminal", "stdin-terminal", "stderr-terminal"):
            self.master, self.slave = pty.openpty()
            os.set_blocking(self.master, False)
            self.settings = self.look()
            if kind == "stderr-terminal":
                self.stderr = self.slave
                os.write(self.master, world.secret("typed").encode() + b"\n")
            else:
                self.stdin = self.slave
            self.stdout = self.slave if kind == "terminal" else subprocess.PIPE
        elif kind == "dir":
            self.stdin = self.open(world["out"], os.O_RDONLY | os.O_DIRECTORY)
        elif kind == "file":
            self.stdin = self.open(world["target"], os.O_RDONLY)
        elif kind == "append":
            self.stdout = self.open(world["secret"], os.O_WRONLY | os.O_APPEND)
        elif kind in ("pipe", "owned-pipe"):
            self.opened += os.pipe()
            self.stdin = self.opened[0]
            if kind == "owned-pipe":
                fcntl.fcntl(self.stdin, fcntl.F_SETOWN, int(world["pid"]))
        elif kind == "shared-pipe":
            self.opened += os.pipe()
            self.stdout = self.opened[1]
            os.write(self.stdout, world.secret("earlier").encode() + b"\n")

    def open(self, path, how):
        self.opened.append(os.open(path, how))
        return self.opened[-1]

    def look(self):
        """How the terminal is set: modes, size."""
        return termios.tcgetattr(self.slave), fcntl.ioctl(self.slave, termios.TIOCGWINSZ, b"........")

    def prepare(self):
        """In the child: the terminal is the controlling one."""
        if self.slave is not None:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def drain(self):
        got = b""
        with contextlib.suppress(OSError, BlockingIOError):
            while self.master is not None and len(got) < 1 << 20:
                part = os.read(self.master, 65536)
                if not part:
                    break
                got += part
        return got

    def unread(self):
        """What lies in the pipe that was the input."""
        with contextlib.suppress(OSError):
            if len(self.opened) == 2 and self.stdin == self.opened[0]:
                os.set_blocking(self.stdin, False)
                return os.read(self.stdin, 4096)
        return b""

    def close(self):
        for fd in self.opened + [fd for fd in (self.master, self.slave) if fd is not None]:
            os.close(fd)


def end_strays(binary):
    """What a bare attempt left running is ours: by pid."""
    for pid in list(effects.processes(binary)):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run_once(attempt, world, words, run, inherited):
    streams = Streams(attempt.field["stdio"], world)
    run.stdin = streams.stdin
    env = dict(os.environ, WARD_ESCAPE=world.names["env"], HOME=world["home"], XDG_STATE_HOME=str(world.path("side/state")))
    env.update(world.environment)
    group = int(world["pid"]) if "group" in attempt.field["during"] else None
    p = subprocess.Popen(words, cwd=world["ws"], env=env, stdin=streams.stdin, stdout=streams.stdout,
                         stderr=streams.stderr, pass_fds=inherited, process_group=group,
                         preexec_fn=streams.prepare if streams.slave is not None else None)
    meanwhile = [threading.Thread(target=DURING[name], args=(world, run, p), daemon=True)
                 for name in attempt.field["during"].split() if name in DURING]
    for t in meanwhile:
        t.start()
    reader = threading.Thread(target=read_both, args=(p, streams, run), daemon=True)
    reader.start()
    try:
        run.code = p.wait((SECONDS + 5) * PATIENCE)
    except subprocess.TimeoutExpired:
        p.kill()
        run.code = p.wait()
        run.err += b"driver: it did not end in time\n"
    for t in meanwhile:
        t.join()
    reader.join(1.5)   # what outlives the run may keep the pipes open
    # On a busy machine there is something in them that nobody has come to read.
    late = time.monotonic() + SECONDS * PATIENCE
    while reader.is_alive() and unread(p) and time.monotonic() < late:
        reader.join(0.05)
    run.terminal += streams.drain()
    run.fed += streams.unread()
    if streams.master is not None and streams.look() != streams.settings:
        run.notes += b"reset"
    streams.close()


def unread(p):
    return bool(select.select([f for f in (p.stdout, p.stderr) if f], [], [], 0)[0])


def read_both(p, streams, run):
    """Drain what the run writes; a stray may hold the pipes open, so nobody waits for this for long."""
    def drain(f, name):
        with contextlib.suppress(OSError, ValueError):
            while True:
                part = os.read(f.fileno(), 65536)
                if not part:
                    break
                setattr(run, name, getattr(run, name) + part)
    side = [threading.Thread(target=drain, args=(f, name), daemon=True)
            for f, name in ((p.stdout, "out"), (p.stderr, "err")) if f]
    for t in side:
        t.start()
    while any(t.is_alive() for t in side):
        run.terminal += streams.drain()
        side[-1].join(0.02)


@contextlib.contextmanager
def new_world(attempt, tools, ward):
    world = World(tools / "escape-attempts", tools / "escape-victim", ward)
    try:
        world.names["env"] = world.secret("env")
        for plant in attempt.field["plants"].split():
            name, _, word = plant.partition(":")
            getattr(world, "plant_" + name)(*filter(None, [word]))
        yield world
    finally:
        end_strays(tools / "escape-attempts")
        world.close()


def record_naively(world, run):
    """What a recorder does that escapes nothing, and opens its files by name when all is over."""
    for names in re.findall(rb"^tries: ([0-9a-f]+)$", run.out, re.M):
        name = bytes.fromhex(names.decode())
        with open(world["log"], "ab") as log, open(world["report"], "ab") as report:
            log.write(b'{"v":1,"kind":"sandbox.violation","resource":"' + name + b'"}\n')
            report.write(b'ward: SandboxViolationError: FILE_READ "' + name + b'" refused: no rule grants it\n')
        pathlib.Path(world["outcome"]).write_bytes(b'{"v":1,"violations":[{"resource":"' + name + b'"}]}\n')


def try_it(attempt, tools, ward, under):
    """Run the attempt in a new World, bare or under Ward: (escaped, Run)."""
    with new_world(attempt, tools, ward) as world:
        run = Run(world.binary)
        inherited = world.inherited()
        name, *rest = attempt.field["escaped"].split()
        if name in effects.WATCHED:
            run.watch.start()
        for phase in range(1, int(attempt.field["runs"]) + 1):
            words = attempt.command(world, phase)
            if under:
                grants = attempt.field["grants"].split("|")
                options = grants[min(phase, len(grants)) - 1].format(**world.names).split()
                words = [*attempt.around(ward.parent), str(ward), "run", *([] if "--audit" in options else ["--audit", world["log"]]),
                         *([] if "--timeout" in options else ["--timeout", f"{SECONDS}s", "--grace", "1s"]), *os.environ.get("WARD_ESCAPE_OPTIONS", "").split(), *options, "--read", world["bin"], "--", *words]
            run_once(attempt, world, words, run, inherited)
        if attempt.field["proof"] == "naive" and not under:
            record_naively(world, run)
        run.watch.over.set()
        if name in effects.WATCHED:
            run.watch.join()
        escaped = bool(effects.EFFECTS[name](world, run, *rest))
        if under and not escaped:
            # Whatever else the attempt was after: nothing secret may have come out.
            out = run.out + run.err + b"".join(p.read_bytes()[:1 << 20] for p in world.path("ws").rglob("*")
                                               if p.is_file() and not p.is_symlink())
            others = world.leaked(out)
            if others:
                escaped = True
                run.err += f"driver: secrets came out: {sorted(others)}\n".encode()
        return escaped, run


# ---- the verdict ----

def comment(text):
    for line in text.rstrip().splitlines()[:40]:
        print("# " + line)


def told(run):
    return f"exit {run.code}\n{run.out[:2000].decode(errors='replace')}\n{run.err[:3000].decode(errors='replace')}"


def judge(attempt, tools, ward):
    """(TAP word, directive, what to say about a failure)"""
    if AROUND and attempt.field["host"]:
        return True, "SKIP it has a host of its own", ""
    if CONFINED and attempt.field["host"] and attempt.field["expect"] == "refused":
        return True, "SKIP a start that nobody accepted is what is tried, and here all are accepted", ""
    if TRACED and "kill" in attempt.field["during"].split():
        return True, "SKIP what would be killed is the tracer that makes this kernel", ""
    try:
        escaped, run = try_it(attempt, tools, ward, False)
        # A race may be lost on a busy machine. That it can be won has to be seen once; under Ward it must never be won.
        for _ in range(BARE_TRIES - 1):
            if escaped or not attempt.is_race():
                break
            escaped, run = try_it(attempt, tools, ward, False)
    except (OSError, LookupError) as why:
        return True, f"SKIP nothing to find on this machine: {why}", ""
    if not escaped and run.code == 77:
        return True, f"SKIP not even bare: {(run.err.decode(errors='replace').splitlines() or ['?'])[-1]}", ""
    if not escaped and (AROUND or CONFINED):
        # tests/containers, --environment: what is around the suite refuses it already.
        return True, "SKIP not even bare in here", ""
    if not escaped:
        return False, "", "bare, it did not get out: no attempt\n" + told(run)
    escaped, run = try_it(attempt, tools, ward, True)
    expect = attempt.field["expect"]
    if escaped:
        return False, "", "IT GOT OUT\n" + told(run)
    if run.code == UNSEEN:
        return False, "", "nobody saw in time what it held\n" + told(run)
    if attempt.field["host"] and run.code == 77:
        return True, "SKIP such a host cannot be made here", ""
    if (AROUND or CONFINED) and run.code == 125 and expect == "start":
        return True, f"SKIP refused here: {(run.err.decode(errors='replace').splitlines() or ['?'])[0]}", ""
    # "any": the run may be refused, but what starts must hold.
    if run.code == 125 and expect == "start" or run.code != 125 and expect == "refused":
        return False, "", f"ward: expected {expect}\n" + told(run)
    return True, "", ""


def number_tap(lines, start, prefix):
    """Lines of another run of this program, numbered on: (next number, failed)."""
    failed = 0
    for line in lines:
        m = re.match(r"^(ok|not ok) \d+ - (.*)$", line)
        if m:
            print(f"{m.group(1)} {start} - {prefix}{m.group(2)}", flush=True)
            start += 1
            failed += m.group(1) != "ok"
        elif line.startswith("#"):
            print(line.rstrip(), flush=True)
    return start, failed


class Work:
    """Attempts for a number of processes, each with a directory of programs that are its own."""

    def __init__(self, attempts, tools, ward):
        self.attempts, self.tools, self.ward = attempts, tools, ward
        self.next = multiprocessing.get_context("fork").Value("i", 0)
        self.mine = None

    def begin(self):
        """In a new process. Orphans come to it; nothing of the caller's keyring can come out."""
        with self.next.get_lock():
            self.mine = self.tools / f"bin-{self.next.value}"
            self.next.value += 1
        libc.prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)
        libc.syscall(250, 1, None, 0, 0, 0)

    def judge(self, i):
        return judge(self.attempts[i], self.mine, self.ward)


WORK = None


def begin_work():
    WORK.begin()


def work(i):
    try:
        return WORK.judge(i)
    except RuntimeError as why:
        return False, "", f"driver: {why}"


def judge_all(attempts, tools, ward):
    """(attempt, what judge() says), in order; those that want to be alone come last."""
    global WORK   # what the processes inherit  pylint: disable=global-statement
    for some, processes in (([a for a in attempts if not a.alone()], PROCESSES), ([a for a in attempts if a.alone()], 1)):
        if not some:
            continue
        WORK = Work(some, tools, ward)
        with multiprocessing.get_context("fork").Pool(min(processes, len(some)), begin_work) as pool:
            said = pool.imap(work, range(len(some)))
            for a in some:
                try:
                    yield a, said.next(timeout=200)
                except multiprocessing.TimeoutError:
                    yield a, (False, "", "driver: no verdict came; was the process that judges killed?")


def for_me(attempts):
    return [a for a in attempts if a.field["for"] in ("", "root" if os.geteuid() == 0 else "user")]


def run_all(attempts, tools, ward, start):
    failed = 0
    who = "root" if os.geteuid() == 0 else "user"
    for a, (ok, directive, text) in judge_all(for_me(attempts), tools, ward):
        if not ok:
            comment(f"{a.about}\n{text}")
        print(f"{'ok' if ok else 'not ok'} {start} - {who}: {a.field['class']}: {a.name}"
              + (f" # {directive}" if directive else ""), flush=True)
        start += 1
        failed += not ok
    return start, failed


def collect_tools(args):
    """A directory that anybody can read, with all that the runs need."""
    tools = pathlib.Path(tempfile.mkdtemp(prefix="ward-escape-bin-"))
    tools.chmod(0o755)
    bin_dir = tools / "bin"
    bin_dir.mkdir(mode=0o755)
    for path in (args.attempts, args.victim):
        shutil.copy(path, bin_dir)
    for path in (HERE / "attempts").iterdir():
        if path.suffix in INTERPRETERS:
            shutil.copy(path, bin_dir)
    shutil.copy(args.ward, tools / "ward")
    shutil.copy(args.ward, bin_dir / "ward")
    for i in range(PROCESSES):
        shutil.copytree(bin_dir, tools / f"bin-{i}", copy_function=os.link)
    shutil.copytree(HERE, tools / "escape", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("harness", "environments", "sandbox", "cli"):
        shutil.copytree(HERE.parent / name, tools / name, ignore=shutil.ignore_patterns("__pycache__"))
    if os.path.exists(args.landlock_abi):
        shutil.copy(args.landlock_abi, tools)
    for path in tools.rglob("*"):
        path.chmod(0o755)
    return tools


def enter(args, tools):
    """From here on everybody is on the host that args.environment names, as far as mounts make it; the rest is for ward."""
    sys.path[:0] = [str(tools / name) for name in ("environments", "sandbox", "cli", "harness")]
    import box, environments  # noqa: E401  pylint: disable=import-outside-toplevel,multiple-imports
    env = environments.BY_NAME[args.environment]
    AROUND[:] = [INTERPRETERS[".py"], str(tools / "environments/enter.py"), env.name]
    TRACED[:] = env.prefix()
    if os.geteuid() == 0 and not args.as_user:
        box.private_mounts()
        box.bound_fuse()
        if env.mounts:
            env.mounts()
    elif env.mounts and not args.as_user:
        sys.exit(f"escape: only root can make the environment {env.name}")
    if not os.access("/dev/shm", os.W_OK):
        # For what the host plants there; and for this program's own.
        box.mount("ward-test", "/dev/shm", "tmpfs", 0, "mode=1777")
    return env


def as_user_of_it(args, tools, start):
    """As as_user() for an environment: where nobody can be added a free id will do."""
    import box  # pylint: disable=import-outside-toplevel
    uid = box.free_id()
    p = subprocess.Popen([INTERPRETERS[".py"], tools / "escape/escape.py", "--tools", tools, "--environment", args.environment, "--as-user",
                          *(f"--without={c}" for c in args.without), *(f"--only={c}" for c in args.only), *args.names],
                         user=uid, group=uid, extra_groups=[], cwd="/",
                         env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                              "WARD_ESCAPE_OPTIONS": os.environ.get("WARD_ESCAPE_OPTIONS", "")},
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    with p.stdout:
        last, failed = number_tap(p.stdout, start, "")
    if p.wait() not in (0, 1):
        print(f"not ok {last} - user: the run ended with {p.returncode}")
        return last + 1, failed + 1
    return last, failed


def as_user(tools, names, start):
    """The same attempts once more, as an ordinary user made for it."""
    user = f"ward-esc-{os.getpid()}"
    subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", user], check=True,
                   stdin=subprocess.DEVNULL)
    try:
        ids = pwd.getpwnam(user)
        p = subprocess.Popen([INTERPRETERS[".py"], tools / "escape/escape.py", "--tools", tools, *names],
                             user=ids.pw_uid, group=ids.pw_gid, extra_groups=[], cwd="/",
                             env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with p.stdout:
            last, failed = number_tap(p.stdout, start, "")
        if p.wait() not in (0, 1):
            print(f"not ok {last} - user: the run as {user} ended with {p.returncode}")
            return last + 1, failed + 1
        return last, failed
    finally:
        subprocess.run(["userdel", user], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def arguments():
    p = argparse.ArgumentParser(description="Attempts to get out of ward run.")
    p.add_argument("names", nargs="*")
    p.add_argument("--without", metavar="CLASS", action="append", default=[], help="not the attempts of that class")
    p.add_argument("--only", metavar="CLASS", action="append", default=[], help="the attempts of that class alone")
    p.add_argument("-l", action="store_true", help="list the attempts")
    p.add_argument("--bare", action="store_true", help="only bare, and show what they did")
    p.add_argument("--environment", metavar="NAME", help="on that host of tests/environments")
    p.add_argument("--as-user", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--landlock-abi", default=os.environ.get("WARD_LANDLOCK_ABI", "build/tests/environments/landlock-abi"))
    p.add_argument("--no-user", action="store_true", help="as root: not as an ordinary user as well")
    p.add_argument("--tools", type=pathlib.Path, help=argparse.SUPPRESS)
    p.add_argument("--ward", default=os.environ.get("WARD", "build/ward"))
    p.add_argument("--attempts", default=os.environ.get("WARD_ESCAPE_ATTEMPTS", "build/tests/escape/escape-attempts"))
    p.add_argument("--victim", default=os.environ.get("WARD_ESCAPE_VICTIM", "build/tests/escape/escape-victim"))
    return p.parse_args()


def main():
    args = arguments()
    attempts = sorted([*(Attempt(p) for p in (HERE / "attempts").iterdir() if p.suffix in (".c", *INTERPRETERS)), *read_doors()],
                      key=lambda a: (a.field["class"], a.name))
    listed = re.findall(r"^\t'(\w+)\.c',$", (HERE / "meson.build").read_text(), re.M)
    odd = set(listed) ^ {a.name for a in attempts if a.kind == ".c"}
    if odd:
        sys.exit(f"escape: tests/escape/meson.build and attempts/ differ: {sorted(odd)}")
    if args.names:
        attempts = [a for a in attempts if a.name in args.names]
    attempts = [a for a in attempts if a.field["class"] not in args.without and (not args.only or a.field["class"] in args.only)]
    if args.l:
        for a in attempts:
            print(f"{a.field['class']:12} {a.name:28} {a.about}")
        return 0
    tools = args.tools or collect_tools(args)
    os.environ["WARD_LANDLOCK_ABI"] = str(tools / "landlock-abi")
    try:
        if args.bare:
            # What is for an ordinary user alone would, bare and as root, be done to the whole machine.
            for a in for_me(attempts):
                escaped, run = try_it(a, tools / "bin", tools / "ward", False)
                print(a.name, "got out" if escaped else "did not get out", told(run))
            return 0
        print("TAP version 13", flush=True)
        env = enter(args, tools) if args.environment else None
        last, failed = 1, 0
        if env is None or args.as_user or "root" in env.who or os.geteuid() != 0:
            last, failed = run_all(attempts, tools, tools / "ward", 1)
        if os.geteuid() == 0 and not args.no_user:
            if env and "user" in env.who:
                last, more = as_user_of_it(args, tools, last)
            else:
                last, more = as_user(tools, args.names, last) if env is None else (last, 0)
            failed += more
        print(f"1..{last - 1}", flush=True)
        return 1 if failed or last == 1 else 0
    finally:
        if not args.tools:
            shutil.rmtree(tools, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

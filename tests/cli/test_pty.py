#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward run on a terminal: a private one inside, the real one raw meanwhile and as before afterwards."""
import errno
import fcntl
import json
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import termios
import time

import cli
from cli import placed
from tap import cases, check, check_eq, check_in, main, test


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(n) for n in f.read().split()]


class Terminal:
    """A pty with ward as the foreground of its session."""

    def __init__(self, p, *words, rows=30, cols=90, utf8=False, own=True, **more):
        self.p = p
        self.master, self.slave = pty.openpty()
        self.size(rows, cols)
        if utf8:
            modes = termios.tcgetattr(self.slave)
            modes[0] |= 0o40000  # IUTF8
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self.before = termios.tcgetattr(self.slave)
        fds = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        fds.update(more)
        self.text = b""
        self.q = p.start("--outcome", p.outcome_file, *words, before=self.own if own else None, start_new_session=True, **fds)

    def own(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def size(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, data):
        os.write(self.master, data)

    def until(self, part, seconds=30):
        end = time.monotonic() + seconds * cli.PATIENCE
        while part not in self.text:
            left = end - time.monotonic()
            check(left > 0, f"{part!r} did not come: {self.text!r}")
            if select.select([self.master], [], [], min(left, 0.2))[0]:
                self.read()

    def read(self):
        try:
            self.text += os.read(self.master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise

    def end(self, seconds=30):
        end = time.monotonic() + seconds * cli.PATIENCE
        while self.q.poll() is None:
            check(time.monotonic() < end, f"does not end: {self.text!r}")
            if select.select([self.master], [], [], 0.05)[0]:
                self.read()
        while select.select([self.master], [], [], 0.05)[0]:
            n = len(self.text)
            self.read()
            if len(self.text) == n:
                break
        after = termios.tcgetattr(self.slave)
        check_eq(after, self.before, "the terminal is not as it was")
        os.close(self.master)
        os.close(self.slave)
        return self.q.returncode


class Shell(Terminal):
    """A person's shell, in which jobs are started, stopped and fetched back."""

    def __init__(self, p):
        self.start = p.start
        p.start = self.shell
        super().__init__(p)
        p.start = self.start
        self.until(b"$ ")

    def shell(self, *_words, before, **fds):
        bash = ["bash", "--norc", "--noprofile", "-i"]
        self.p.started.append(subprocess.Popen(bash, cwd=self.p.ws, env=self.p.env(PS1="$ "), preexec_fn=before, **fds))  # pylint: disable=consider-using-with
        return self.p.started[-1]

    def does(self, line, *parts):
        """A line, and what comes after it, in that order."""
        self.text = b""
        self.type(line.encode() + b"\r")
        for part in parts:
            self.until(part)
            self.text = self.text[self.text.index(part) + len(part):]

    def taken(self):
        """Until ward has the terminal: what is typed before is echoed by it."""
        end = time.monotonic() + 10 * cli.PATIENCE
        while os.tcgetpgrp(self.master) == self.q.pid or termios.tcgetattr(self.slave)[3] & termios.ECHO:
            check(time.monotonic() < end, "the terminal is not raw")
            time.sleep(0.01)

    def ward(self, *words):
        return shlex.join(self.p.words(*words))


@test
@placed
def inside_is_another_terminal(p):
    t = Terminal(p, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size; echo end")
    t.until(b"end")
    check_eq(t.end(), 0)
    check_in(b"30 90", t.text)


@test
@placed
def the_terminal_has_a_name(p):
    """Programs ask for it and open it, as root's command too, which is somebody else; no other terminal of the host's has one."""
    for attribution in ("auto", "notify", "none"):
        t = Terminal(p, "--attribution", attribution, "sh", "-c", "tty; readlink /proc/self/fd/*; for to in $(tty) /dev/stderr /dev/stdout /dev/tty; do echo $to >$to; done; "
                     "stat -c %t /dev/console; ls -C -w 200 /dev /dev/pts; echo end")
        t.until(b"end")
        check_eq(t.end(), 0)
        got = t.text.decode().split()
        check_eq(got[:4], ["/dev/console"] * 4)
        got = got[got.index("/dev/console", 4):]  # readlink's own descriptor
        check_eq(got[:5], ["/dev/console", "/dev/stderr", "/dev/stdout", "/dev/tty", "88"])  # 136: a pseudo-terminal
        check_eq(got[5:20], "/dev: console fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split())
        check_eq(got[20:23], "/dev/pts: ptmx end".split())
    check("console" not in p.run("ls", "/dev").out)


@test
@placed
def no_name_where_only_the_output_is_a_terminal(p):
    t = Terminal(p, "sh", "-c", "tty; ls /dev; echo end", stdin=subprocess.DEVNULL)
    t.until(b"end")
    check_eq(t.end(), 0)
    check(b"not a tty" in t.text and b"console" not in t.text, t.text)


@test
@placed
def what_steers_the_terminal_hides_no_report(p):
    """Letters that are not shown, margins of one line, the palette and a string without an end: all of it is over before the report."""
    for steer, undone in ((r"\033[8m\033[1;1r\033]0;x", (b"\x1b\\", b"\x1b[r", b"\x1b[!p", b"\x1b[0m", b"\x1b]104")), (r"\016", (b"\x0f",)),
                          (r"\033[?1003h\033[?2004h", (b"\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004;2026l",)),
                          (r"\302\2338m", (b"\x1b[0m",)), (r"text\303\244", ()), (r"\2338m", (b"\x1b[0m",)), (r"\033[?1049h", (b"\x1b7\x1b[?1049l",)),
                          (r"\033]8;;http://a\033\\", (b"\x1b]8;;\x1b\\", b"\x1b]104")),
                          (r"\033[?2l", (b"\x1b<",)), (r"\033%%@\23510;#000000\234", (b"\x1b]110",)), (r"\033\r]8;;http://a\033\\", (b"\x1b]8;;\x1b\\",))):
        t = Terminal(p, "--attribution", "notify", "sh", "-c", f"cat /etc/shadow 2>/dev/null; printf 'begin{steer}'")
        check_eq(t.end(), 0)
        check_in(b'"/etc/shadow" refused', t.text)
        between = t.text[t.text.index(b"begin") + 5:t.text.index(b"ward: ")]
        check_eq([u for u in undone if u not in between], [], repr(between))
        check(undone or b"\x1b" not in between, repr(between))


@test
@placed
def nothing_is_undone_where_nothing_is_said(p):
    t = Terminal(p, "--attribution", "notify", "printf", r"begin\033[1mbold")
    check_eq(t.end(), 0)
    check_eq(t.text, b"begin\x1b[1mbold")


@test
@placed
def a_letter_of_a_terminal_of_utf_8_is_no_control_character(p):
    """Its bytes are, for a terminal that takes one byte as a character."""
    for utf8 in (True, False):
        t = Terminal(p, "--attribution", "notify", "sh", "-c", r"cat /etc/shadow 2>/dev/null; printf 'begin\342\200\235'", utf8=utf8)
        check_eq(t.end(), 0)
        between = t.text[t.text.index(b"begin") + 5:t.text.index(b"ward: ")]
        check_eq(b"\x1b[!p" in between, not utf8, repr(between))


@test
@placed
def nothing_is_undone_where_the_report_goes_elsewhere(p):
    for words in (("--quiet",), ("--report", p.side / "report")):
        t = Terminal(p, *words, "sh", "-c", r"cat /etc/shadow 2>/dev/null; printf 'begin\033[1mbold'")
        check_eq(t.end(), 0)
        check_eq(t.text, b"begin\x1b[1mbold")


@test
@placed
def window_size_follows(p):
    t = Terminal(p, "sh", "-c", "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done")
    t.until(b"ready")
    t.size(41, 123)
    os.kill(t.q.pid, signal.SIGWINCH)
    t.until(b"41 123")
    check_eq(t.end(), 0)


@test
@placed
def interrupt_is_a_byte(p):
    t = Terminal(p, "sh", "-c", "trap 'echo caught; exit 8' INT; echo ready; while :; do sleep 0.05; done")
    t.until(b"ready")
    t.type(b"\x03")
    t.until(b"caught")
    check_eq(t.end(), 8)
    o = json.loads(p.outcome_file.read_text())
    check_eq(o["status"], "exited")


SUSPENDED = """
import os, signal, sys, termios, tty

tty.setraw(0, termios.TCSANOW)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])
print("ready", flush=True)
while (key := os.read(0, 64)) not in (b"q", b""):
    print("suspended", flush=True)
    os.kill(0, signal.SIGTSTP)
    signal.sigwait([signal.SIGCONT])
    print("back", flush=True)
"""


@cases([("a byte", b"\x1a"), ("kitty's", b"\x1b[122;5u"), ("with Caps Lock", b"\x1b[122;69u"), ("with Num Lock", b"\x1b[122;133u"),
        ("with both, behind another key", b"\x1b[97;1:3u\x1b[122;197u"), ("with its event", b"\x1b[122;5:1u"), ("with other names of the key", b"\x1b[122:90;5u"),
        ("of a keyboard of other letters", b"\x1b[1103::122;5:1u"), ("xterm's", b"\x1b[27;5;122~"), ("xterm's with Caps Lock", b"\x1b[27;5;90~")])
@placed
def a_command_that_suspends_itself_goes_on(p, key):
    """As Claude Code, Codex and others do; nobody inside could fetch it back."""
    t = Terminal(p, "/usr/bin/python3", "-c", SUSPENDED)
    t.until(b"ready")
    t.type(key)
    t.until(b"suspended")
    t.until(b"back")
    t.type(b"q")
    check_eq(t.end(), 0)


@test
@placed
def typing_is_echoed_once_and_read(p):
    t = Terminal(p, "sh", "-c", "echo ready; read line; echo \"got <$line>\"")
    t.until(b"ready")
    t.type(b"words\r")
    t.until(b"got <words>")
    check_eq(t.end(), 0)
    check_eq(t.text.count(b"words"), 2)


@test
@placed
def end_of_file_key(p):
    t = Terminal(p, "sh", "-c", "echo ready; cat; echo over")
    t.until(b"ready")
    t.type(b"\x04")
    t.until(b"over")
    check_eq(t.end(), 0)


@test
@placed
def restored_after_a_signal(p):
    t = Terminal(p, "sh", "-c", "echo ready; sleep 60")
    t.until(b"ready")
    os.kill(t.q.pid, signal.SIGTERM)
    check_eq(t.end(), 143)


@test
@placed
def output_only_terminal_is_relayed(p):
    """stdin is no terminal: no pty, and none of the host's goes inside."""
    t = Terminal(p, "sh", "-c", "test -t 1 || test -t 2 || echo no terminal", stdin=subprocess.DEVNULL)
    t.until(b"no terminal")
    check_eq(t.end(), 0)


@test
@placed
def a_terminal_of_another_session_is_typed_to(p):
    """As `su -c` and `setsid` leave it: no job control outside, and a run that hears what is typed all the same."""
    t = Terminal(p, "sh", "-c", "trap 'exit 9' INT; stty size; read a && echo got $a; while :; do sleep 0.05; done", own=False)
    t.until(b"30 90")
    t.type(b"typed\r")
    t.until(b"got typed")
    t.type(b"\x03")
    check_eq(t.end(), 9)


@test
@placed
def a_shell_keeps_its_terminal_from_what_it_let_go(p):
    """setsid in the background: no run takes what is typed at the prompt; one that is waited for is typed to."""
    t = Shell(p)
    t.does("setsid " + t.ward("sh", "-c", "echo be''gun; sleep 3") + " &", b"begun")
    for i in range(3):
        t.does(f"echo here $(({i} + 7))", f"here {i + 7}".encode(), b"$ ")
        check(termios.tcgetattr(t.slave)[3] & termios.ISIG, "the shell's terminal is raw")
        time.sleep(0.2)
    t.does("setsid --wait " + t.ward("sh", "-c", "echo be''gun; read a && echo got $a"), b"begun")
    end = time.monotonic() + 10 * cli.PATIENCE
    while termios.tcgetattr(t.slave)[3] & termios.ECHO:
        check(time.monotonic() < end, "the terminal is not raw")
        time.sleep(0.01)
    t.does("typed", b"got typed", b"$ ")
    t.type(b"exit\r")
    check_eq(t.end(), 0)


@test
@placed
def a_job_of_a_shell_that_is_fetched_is_typed_to(p):
    """It was begun while the shell edited its line, without echo and lines: the terminal inside begins as any."""
    t = Shell(p)
    t.does(t.ward("sh", "-c", "echo be''gun; read a && stty size && echo got $a") + " &", b"begun")
    t.does("", b"$ ")
    t.size(11, 22)
    t.does("fg", b"sh -c", b"\n")
    t.taken()
    t.does("typed", b"typed", b"11 22", b"got typed", b"$ ")
    t.type(b"exit\r")
    check_eq(t.end(), 0)


@test
@placed
def a_job_that_was_stopped_from_outside_has_its_terminal_again(p):
    t = Shell(p)
    t.does(t.ward("sh", "-c", "stty -echo; echo re''ady; while read a; do stty size; echo got $a; done"), b"ready")
    job = children(t.q.pid)[0]
    os.kill(job, signal.SIGSTOP)
    t.until(b"Stopped")
    t.does("echo sh''ell", b"shell", b"$ ")
    t.size(12, 23)
    t.does("bg", b"$ ")                  # who is in the background leaves what is typed to the shell
    t.does("echo sh''ell", b"shell", b"$ ")
    t.does("fg", b"sh -c", b"\n")
    t.taken()
    t.text = b""
    t.type(b"typed\r")
    t.until(b"got typed")
    check(b"typed" not in t.text[:t.text.index(b"got typed")], f"the terminal is not raw: {t.text!r}")
    check_in(b"12 23", t.text)
    t.does("\x04", b"$ ")
    t.type(b"exit\r")
    check_eq(t.end(), 0)


@test
@placed
def input_only_terminal_is_empty(p):
    t = Terminal(p, "sh", "-c", "test -t 0 || wc -c", stdout=subprocess.PIPE)
    check_eq(t.q.stdout.read().strip(), b"0")
    check_eq(t.end(), 0)


@test
@placed
def tty_by_name_without_a_terminal(p):
    r = p.run("--tty", "sh", "-c", "test -t 0 && test -t 1 && stty size && cat", data=b"fed\n")
    check_eq(r.code, 0, r.err)
    check_in("24 80", r.out)
    check_in("fed", r.out)


@test
@placed
def the_real_terminal_is_out_of_reach(p):
    """No descriptor inside is the caller's terminal, and /dev/tty is the private one or nothing."""
    t = Terminal(p, "python3", "-c", "import os\nfor i in range(3): print('rdev', os.fstat(i).st_rdev)\nprint('end')")
    t.until(b"end")
    real = os.fstat(t.slave).st_rdev
    check_eq(t.end(), 0)
    check(f"rdev {real}\r".encode() not in t.text, "the caller's terminal went inside")
    check_eq(t.text.count(b"rdev"), 3)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
No crash inside starts the host's handler of core dumps (kernel.core_pattern with a "|"): seen from that handler.

The host's own pattern is changed for it, so that this runs in the machine of tests/vm/run alone: tests/vm/guest made HANDLER
the handler, which writes a line into CORES. Every way to die is seen bare first: there the handler is started.
"""
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from tap import cases, check, check_eq, main, skip, test   # noqa: E402  pylint: disable=wrong-import-position

HANDLER, CORES = "/ward-vm/handler", pathlib.Path("/ward-vm/cores")
WARD = os.environ["WARD"]
HEAD = "import ctypes, os, resource, signal, sys, threading, time\nlibc = ctypes.CDLL(None, use_errno=True)\n"
FORK = "def child(how):\n    if os.fork() == 0: how()\n    os.wait()\n"
DIE = "os.kill(os.getpid(), signal.SIGSEGV)"
# name, program, how often the handler is started bare
WAYS = [
    ("segv", DIE, 1),
    ("abort", "os.abort()", 1),
    ("quit", "os.kill(os.getpid(), signal.SIGQUIT)", 1),
    ("bus", "os.kill(os.getpid(), signal.SIGBUS)", 1),
    ("a null pointer", "ctypes.string_at(0)", 1),
    ("a child", FORK + f"child(lambda: {DIE})", 1),
    ("ten children", FORK + f"for _ in range(10): child(lambda: {DIE})", 10),
    ("a session of its own", FORK + f"child(lambda: (os.setsid(), {DIE}))", 1),
    ("an orphan", f"if os.fork() == 0:\n    if os.fork() == 0:\n        time.sleep(0.2); {DIE}\n    os._exit(0)\nos.wait()\ntime.sleep(1)", 1),
    ("a thread", "t = threading.Thread(target=ctypes.string_at, args=(0,)); t.start(); t.join()", 1),
    ("another program", "os.execvp('sh', ['sh', '-c', 'kill -SEGV $$'])", 1),
    ("a limit of none", f"resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); {DIE}", 1),
    ("a soft limit of none", f"resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])); {DIE}", 1),
    ("as much as there is", "try: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))\nexcept (OSError, ValueError): "
     f"resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n{DIE}", 1),
    ("prlimit64 for a child", "none = (ctypes.c_ulong * 2)(0, 0)\npid = os.fork()\nif pid == 0:\n    time.sleep(1); " + DIE +
     "\nlibc.syscall(302, pid, 4, none, None)\nos.wait()", 1),
    ("dumpable again", f"libc.prctl(4, 1, 0, 0, 0); {DIE}", 1),
    ("a limit of processor time", "resource.setrlimit(resource.RLIMIT_CPU, (1, 5))\nwhile True: pass", 1),
    ("a limit of file size", "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nresource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\n"
     "f = os.memfd_create('x'); os.write(f, b'12345'); os.write(f, b'6')", 1),
    # Whom the run's filter kills dies of SIGSYS; bare these calls only fail.
    ("x32", "libc.syscall(0x40000000 | 39)", 0),
]


def started():
    return len(CORES.read_text().splitlines())


def settled(least):
    """How often the handler was started, when nothing comes any more: it runs beside who crashed."""
    end = time.monotonic() + 10
    while started() < least and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    return started()


def all_of_it(*words, **more):
    before = started()
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **more)
    return before


def with_soft_limit(soft):
    def change():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard if soft < 0 else soft, hard))
    return change


def needed():
    if not pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith(f"|{HANDLER}"):
        skip("this host's handler of core dumps is not the test's")


@cases(WAYS)
def crash(program, bare):
    needed()
    python = [sys.executable, "-c", HEAD + program]
    before = all_of_it(*python, preexec_fn=with_soft_limit(-1))
    check(settled(before + bare) - before >= bare, "bare, the handler was not started: no attempt")
    for soft in (0, -1):
        for words in ([], ["--mode", "read_only"], ["--attribution", "none"]):
            before = all_of_it(WARD, "run", "--timeout", "60s", *words, "--", *python, preexec_fn=with_soft_limit(soft))
            check_eq(settled(before) - before, 0, f"soft limit {soft}, {words}: started for a crash inside")


@test
def it_ends_as_what_it_is():
    """The command's own end is told, without a core."""
    needed()
    p = subprocess.run([WARD, "run", "--", sys.executable, "-c", HEAD + DIE], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    check_eq(p.returncode, 128 + signal.SIGSEGV, p.stderr)


@test
def root_with_a_hard_limit_of_none():
    """A host that forbids core files (limits.conf) has its handler started all the same, which for root's runs Ward prevents."""
    needed()
    if os.geteuid() != 0:
        skip("who is not root cannot raise a hard limit: docs/security/non-promises.md")
    none = lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))   # noqa: E731
    before = all_of_it(sys.executable, "-c", HEAD + DIE, preexec_fn=none)
    check(settled(before + 1) - before == 1, "bare, the handler was not started: no attempt")
    before = all_of_it(WARD, "run", "--", sys.executable, "-c", HEAD + DIE, preexec_fn=none)
    check_eq(settled(before) - before, 0, "started for a crash inside")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals to ward: passed on, and those that end a run end all of it."""
import json
import os
import signal
import subprocess
import time

import cli
from cli import placed
from tap import PATIENCE, cases, check, check_eq, main, quickest, test

DEFAULT_GRACE = 5


class Running:
    """ward run sh -c SCRIPT, in the background; ready when the script has said so."""

    def __init__(self, p, script, *options, **more):
        self.p = p
        self.q = p.start(*options, "--outcome", p.outcome_file, "sh", "-c", script, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        line = self.q.stdout.readline()
        check_eq(line, b"ready\n")

    def send(self, sig):
        os.kill(self.q.pid, sig)

    def end(self, seconds=30):
        self.out, self.err = self.q.communicate(timeout=seconds)
        return self.q.returncode, json.loads(self.p.outcome_file.read_text())


@cases([("HUP", signal.SIGHUP), ("INT", signal.SIGINT), ("TERM", signal.SIGTERM), ("ALRM", signal.SIGALRM)])
@placed
def ends_the_run(p, sig):
    r = Running(p, "echo ready; sleep 60")
    r.send(sig)
    code, o = r.end()
    check_eq((code, o["status"], o["signal"]), (128 + sig, "cancelled", int(sig)), r.err)


@cases([("USR1", "USR1", signal.SIGUSR1), ("USR2", "USR2", signal.SIGUSR2), ("QUIT", "QUIT", signal.SIGQUIT)])
@placed
def is_passed_on(p, name, sig):
    r = Running(p, f"trap 'echo got; exit 9' {name}; echo ready; while :; do sleep 0.05; done")
    r.send(sig)
    code, o = r.end()
    check_eq((code, o["status"], r.out), (9, "exited", b"got\n"), r.err)


@test
@placed
def the_command_may_clean_up(p):
    r = Running(p, "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    r.send(signal.SIGTERM)
    code, o = r.end()
    check_eq(r.out, b"bye\n")
    check_eq((code, o["status"]), (143, "cancelled"))


@test
@placed
def kill_follows_after_the_grace(p):
    def once():
        r = Running(p, "trap '' TERM; echo ready; while :; do sleep 0.05; done", "--grace", "300ms")
        begin = time.monotonic()
        r.send(signal.SIGTERM)
        code, o = r.end()
        took = time.monotonic() - begin
        check_eq((code, o["status"]), (143, "cancelled"))
        check(took > 0.25, f"took {took}")
        return took
    check(quickest(once, DEFAULT_GRACE) < DEFAULT_GRACE, "it waited for another grace")


@test
@placed
def twice_means_now(p):
    r = Running(p, "trap '' TERM INT; echo ready; while :; do sleep 0.05; done", "--grace", "600s")
    r.send(signal.SIGINT)
    time.sleep(0.2)
    check_eq(r.q.poll(), None)
    begin = time.monotonic()
    r.send(signal.SIGINT)
    code, o = r.end()
    check(time.monotonic() - begin < 20 * PATIENCE, "the second one waited for the grace")
    check_eq((code, o["status"]), (130, "cancelled"))


@test
@placed
def what_the_caller_ignores_stays_ignored(p):
    r = Running(p, "echo ready; sleep 1; exit 5",
                before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    r.send(signal.SIGHUP)
    code, o = r.end()
    check_eq((code, o["status"]), (5, "exited"))


@test
@placed
def blocked_signals_are_unblocked(p):
    r = Running(p, "echo ready; sleep 60",
                before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}))
    r.send(signal.SIGTERM)
    check_eq(r.end()[0], 143)


@test
@placed
def the_command_gets_default_signals(p):
    r = p.run("sh", "-c", "grep -E '^Sig(Ign|Blk)' /proc/self/status")
    for line in r.out.splitlines():
        check_eq(int(line.split()[1], 16), 0, line)
    check_eq(len(r.out.splitlines()), 2, r.err)


@test
@placed
def a_timeout_ends_everything(p):
    def once():
        r, o = p.outcome("--timeout", "400ms", "--grace", "200ms", "sh", "-c",
                         "trap '' TERM; (trap '' TERM; sleep 500) & sleep 500")
        check_eq((r.code, o["status"]), (124, "timeout"))
        check("ward: timeout of 400ms was reached; raise it with --timeout TIME" in r.err, r.err)
        check(o["duration_ms"] >= 600, o["duration_ms"])
        return o["duration_ms"] / 1000
    check(quickest(once, DEFAULT_GRACE) < DEFAULT_GRACE, "it waited for another grace")


main()

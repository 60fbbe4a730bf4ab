#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Hosts that lack something: ward says what it holds there, starts with exactly that or refuses in one line, and what it says is
so. For each environment, as root and as an ordinary user: plan, run and doctor agree; the line of a refusal names what to
accept, and with that it starts; inside.py, as the command, gets nothing of what an axis that is `enforced` holds. What was found is
compared with the committed results (results/*.json), of which docs/security/guarantees.md is made.

`--write` prints what is found, for tools/gen-guarantees, instead of comparing.
"""
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "sandbox"), str(HERE.parent / "cli"), str(HERE.parent / "harness")]
import box  # noqa: E402  pylint: disable=wrong-import-position
import cli  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
import environments  # noqa: E402  pylint: disable=wrong-import-position
from environments import ENVIRONMENTS  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in  # noqa: E402  pylint: disable=wrong-import-position

RESULTS = HERE / "results"
WRITE = "--write" in sys.argv
LEVELS = ("none", "advisory", "sampled", "enforced")
MINIMUM = dict(line.split() for line in (cli.ROOT / "data/minimum").read_text().splitlines() if line and line[0] != "#")
DISK, PIDS = 8 << 20, 40


def in_it(env, p, *words, kind=("run",)):
    """ward in that environment, with a variable and whatever descriptors this process has for its children."""
    argv = [*env.prefix(), *p.words(*words, kind=kind, log=kind == ("run",))]
    r = subprocess.run(argv, cwd=p.ws, env=p.env(WARD_TEST_VARIABLE="planted"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, check=False, preexec_fn=env.before_ward(), close_fds=False)
    return cli.Result(r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace"))


def outcome(env, p, *words):
    p.outcome_file.unlink(missing_ok=True)
    r = in_it(env, p, "--outcome", p.outcome_file, *words)
    check(p.outcome_file.exists(), f"no outcome: {r}")
    return r, json.loads(p.outcome_file.read_text())


@contextlib.contextmanager
def host(p):
    """What there is to get at, with whatever the caller may do: the arguments of inside.py."""
    out, mark, key = p.base / "out", secrets.token_hex(8), 0x57000000 | secrets.randbelow(1 << 24)
    out.mkdir()
    out.chmod(0o777)
    for name in ("secret", "target"):
        (out / name).write_text("planted")
        (out / name).chmod(0o666)
    with contextlib.ExitStack() as closing:
        tcp = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        for name, kind in (("", socket.SOCK_STREAM), ("d", socket.SOCK_DGRAM)):
            for where in (f"\0ward-env-{mark}{name}", f"{p.ws}/sock{name}"):
                s = closing.enter_context(socket.socket(socket.AF_UNIX, kind))
                s.bind(where)
                if kind == socket.SOCK_STREAM:
                    s.listen(8)
        victim = subprocess.Popen([mark, "60"], executable="/bin/sleep", env={"VICTIM": "planted"}, stdin=subprocess.DEVNULL)
        box.wait_for(lambda: mark in box.cmdline(victim.pid))
        closing.callback(victim.wait)
        closing.callback(victim.kill)
        shm = box.must(box.libc.shmget(key, 4096, 0o1666), "shmget")
        closing.callback(box.libc.shmctl, shm, 0, None)
        yield {"secret": out / "secret", "target": out / "target", "out": out, "port": tcp.getsockname()[1], "abstract": f"ward-env-{mark}",
               "path": p.ws / "sock", "pid": victim.pid, "mark": mark, "env": "WARD_TEST_VARIABLE", "shm": key, "disk": DISK, "pids": PIDS}


# ---- what is asked of each ----

def planned(env, p):
    """The axes of a run that may do nothing, whatever is accepted."""
    r = in_it(env, p, "--json", *[w for axis in MINIMUM for w in ("--accept", f"{axis}=none")], "true", kind=("plan",))
    check_eq(r.code, 0, r.err)
    return {axis: state["level"] for axis, state in json.loads(r.out)["axes"].items()}


def accepts(line):
    return re.findall(r"--accept ([a-z.]+=[a-z]+)", line)


def starts(env, p, axes):
    """ward run, as it is and with what its line says: the words that were needed."""
    short = [axis for axis, level in axes.items() if LEVELS.index(level) < LEVELS.index(MINIMUM.get(axis, "none"))]
    r, o = outcome(env, p, "true")
    first = (r.err.splitlines() or [""])[0]
    if not short:
        check_eq((r.code, o["status"]), (0, "exited"), r.err)
        check_eq(o["axes"], axes, "the run holds something else than the plan said")
        return []
    check_eq((r.code, o["status"]), (125, "refused"), r.err)
    check(re.match(rf"ward: axis {short[0]} would be {axes[short[0]]}, and [a-z]+ is required: .+; .+", first), first)
    words = [w for a in accepts(first) for w in ("--accept", a)]
    check_eq(sorted(accepts(first)), sorted(f"{axis}={axes[axis]}" for axis in short), first)
    r, o = outcome(env, p, *words, "true")
    check_eq((r.code, o["status"]), (0, "exited"), f"with {words}: {r.err}")
    check_eq(o["axes"], axes, "the run holds something else than the plan said")
    return words


def refused(env, p):
    """Nothing that is accepted helps: one line says what is missing. Without /proc no outcome can be written either."""
    every = [w for axis in MINIMUM if axis != "files" for w in ("--accept", f"{axis}=none")]
    for words in ([], every):
        if env.name == "no-proc":
            r = in_it(env, p, *words, "touch", "made")
        else:
            r, o = outcome(env, p, *words, "touch", "made")
            check_eq(o["status"], "refused")
        check_eq(r.code, 125, r.err)
        line = next(x for x in r.err.splitlines() if not x.startswith("ward: accepted: "))
        check_in(env.expect, line)
        check_in("; ", line)
        check(not (p.ws / "made").exists(), "the command was executed")
        # What no start can mend is no plan either.
        if "cannot be held" in env.expect or "refused here" in env.expect or "proc" in env.name:
            plan = in_it(env, p, *words, "true", kind=("plan",))
            check(plan.code in (1, 2), f"{plan}")
            check_eq(plan.err.splitlines()[0], line)


def holds(env, p, axes, words):
    """Nothing that an enforced axis holds can be done from inside, and a limit that is held at all holds."""
    shutil.copy(HERE / "inside.py", p.ws / "inside.py")
    (p.ws / "inside.py").chmod(0o644)
    with host(p) as has:
        given = [f"{key}={value}" for key, value in has.items()]
        bare = subprocess.run(["/usr/bin/python3", p.ws / "inside.py", *given, "disk=0", "pids=0"], env=p.env(WARD_TEST_VARIABLE="planted"), cwd=p.ws,
                              stdout=subprocess.PIPE, check=False)
        able = json.loads(bare.stdout)
        for axis in ("files", "files.meta", "network", "ipc", "processes", "env"):
            check(able.get(axis) or (env.name, axis) == ("hidden-pids", "processes"), f"bare, nothing of {axis} works: the test sees nothing")
        for name in ("secret", "target"):
            (has["out"] / name).write_text("planted")
            (has["out"] / name).chmod(0o666)
        given += ["weak=1"] if axes["processes"] != "enforced" else []
        r, o = outcome(env, p, *words, "--read", ".", "--disk", DISK, "--pids", PIDS, "--memory", "100M", "--timeout", "30s",
                       "/usr/bin/python3", "inside.py", *given)
        check_eq((r.code, o["status"]), (0, "exited"), r.err)
        got = json.loads(r.out)
        for axis, what in got.items():
            check(axes[axis] != "enforced" and (axis != "pids" or axes[axis] == "none"), f"{axis} is said to be {axes[axis]}: {what} worked")
        if axes["files"] == "enforced":
            check_eq((has["out"] / "target").read_text(), "planted")
    check_eq(box.leftovers(2.0) if axes["processes"] == "enforced" else {}, {}, "processes are left")
    eat = "x = []\nfor i in range(300): x.append(bytearray(b'\\1') * (1 << 20))\n"
    r, o = outcome(env, p, *words, "--memory", "60M", "/usr/bin/python3", "-c", eat)
    check_eq((r.code, o["status"]), (137, "oom"), f"memory is said to be {axes['memory']}: {r.err}")


def doctor(env, p, axes, words):
    """It says the same, and how to mend what is missing."""
    r = in_it(env, p, "--json", kind=("doctor",))
    check(r.code in (0, 1, 2), f"{r}")
    report = json.loads(r.out)
    for c in report["checks"]:
        check(c["status"] == "ok" or c["fix"] or c["id"] in ("kernel-calls", "proc", "cgroup-memory", "cgroup-pids", "cgroup-cpu", "seccomp-notify"),
              f"no fix: {c}")
    # It fails where a run with the shipped minimum does, and only there; the log of these runs is not the default one.
    failed = [c for c in report["checks"] if c["status"] == "fail" and c["id"] != "audit"]
    check_eq(bool(failed), bool(words) or not axes, f"doctor, of a run that {'starts as it is' if axes and not words else 'is refused'}: {failed}")
    if axes:
        check_eq({a: v for a, v in report["axes"].items() if a != "disk"}, {a: v for a, v in axes.items() if a != "disk"}, "doctor says something else")


def result(env, axes, words):
    return {"axes": axes, "accept": words[1::2], "starts": not env.expect}


def said_of(name, who):
    path = RESULTS / f"{name}.json"
    check(path.exists(), f"{path.name} is missing: tools/gen-guarantees --probe")
    return json.loads(path.read_text())["who"].get(who)


def compare(env, who, axes, words):
    path = RESULTS / f"{env.name}.json"
    said = said_of(env.name, who)
    # A host whose /dev/fuse is closed to this user names no refused path that is not there, in every environment made on it.
    if said and said["starts"] and os.geteuid() != 0 and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        said["axes"]["attribution"] = min((said["axes"]["attribution"], said_of("no-fuse", who)["axes"]["attribution"]), key=LEVELS.index)
    check_eq(result(env, axes, words), said,
             f"{path.name} says something else: tools/gen-guarantees --probe")


def one(env, who):
    def test(p):
        axes = {} if env.expect else planned(env, p)
        words = []
        if env.expect:
            refused(env, p)
        else:
            words = starts(env, p, axes)
            holds(env, p, axes, words)
        doctor(env, p, {} if env.expect else axes, words)
        if WRITE:
            print("RESULT " + json.dumps([env.name, env.what, who, result(env, axes, words)]), flush=True)
        else:
            compare(env, who, axes, words)
    test.__name__ = env.name
    return test


only = [w for w in sys.argv[1:] if w != "--write"]
del sys.argv[1:]
for e in ENVIRONMENTS:
    for w in e.who:
        if (not only or e.name in only) and (w == "user" or os.geteuid() == 0):
            box._register(one(e, w), w, lambda e=e, w=w: e.enter(w))  # pylint: disable=protected-access
with tempfile.TemporaryDirectory(prefix="ward-env-") as tools:
    os.chmod(tools, 0o755)
    environments.take_tools(tools)
    box.main()

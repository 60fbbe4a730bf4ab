#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gen-seccomp: each mistake in data/seccomp is one line with file and line number; and what it makes of the shipped
data, and of random rules, for both machines, does in a simulator what the rules say when read one by one.

`test_gen_seccomp.py --for SECONDS SEED` makes random rules for so long instead (tools/fuzz-hours)."""
import errno
import importlib.machinery
import importlib.util
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

TOOL = ROOT / "tools/gen-seccomp"
CALLS, NUMBERS = ROOT / "data/seccomp/calls", ROOT / "data/seccomp/numbers"
sys.dont_write_bytecode = True
_loader = importlib.machinery.SourceFileLoader("gen_seccomp", str(TOOL))
_spec = importlib.util.spec_from_loader("gen_seccomp", _loader)
gen = importlib.util.module_from_spec(_spec)
_loader.exec_module(gen)

BASE = "default notify EPERM\nunknown notify ENOSYS\n"


def run(calls, numbers=None):
    """-> (exit code, stderr, whether a file was written)"""
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "calls").write_text(calls)
        (d / "numbers").write_text(numbers if numbers is not None else NUMBERS.read_text())
        p = subprocess.run([sys.executable, TOOL, d / "calls", d / "numbers", d / "out.c"],
                           capture_output=True, text=True, check=False)
        return p.returncode, p.stderr.replace(str(d) + "/", ""), (d / "out.c").exists()


@cases([
    ("unknown verb", BASE + "permit read\n", "calls:3: unknown verb 'permit'; use one of allow"),
    ("unknown call", BASE + "allow raed\n", "calls:3: 'raed' is no system call of data/seccomp/numbers"),
    ("a name twice", BASE + "allow read\nerrno EPERM read\n", "calls:4: 'read' was given a verdict before"),
    ("a name in a check too", BASE + "allow prctl\ncheck prctl\n", "calls:4: 'prctl' was given a verdict before"),
    ("no names", BASE + "allow\n", "calls:3: no call is named"),
    ("unknown errno", BASE + "errno EFOO read\n", "calls:3: 'errno' needs an error name such as EPERM, not 'EFOO'"),
    ("no errno", BASE + "notify\n", "calls:3: 'notify' needs an error name"),
    ("no default", "unknown notify ENOSYS\n", "calls: no 'default' line"),
    ("no unknown", "default notify EPERM\n", "calls: no 'unknown' line"),
    ("default allow", "default allow\n", "calls:1: write: default notify EPERM"),
    ("default with more", "default notify EPERM read\n", "calls:1: write: default notify EPERM"),
    ("define", BASE + "define X\n", "calls:3: write: define NAME VALUE"),
    ("define no number", BASE + "define X Y\n", "calls:3: 'Y' is neither a number nor defined above"),
    ("define too big", BASE + "define X 0x10000000000000000\n", "does not fit into 64 bits"),
    ("check of two", BASE + "check read write\n", "calls:3: write: check NAME"),
    ("check without else", BASE + "check prctl\n\twhen arg0 = 1: allow\nallow read\n", "calls:3: 'check prctl' has no else line"),
    ("check without else at the end", BASE + "check prctl\n", "calls:3: 'check prctl' has no else line"),
    ("rule without check", BASE + "\telse: allow\n", "calls:3: an indented line belongs under 'check NAME'"),
    ("rule after else", BASE + "check prctl\n\telse: allow\n\telse: allow\n", "calls:5: nothing can follow the else line"),
    ("malformed rule", BASE + "check prctl\n\tif arg0: allow\n", "calls:4: write: when COND and COND"),
    ("private in a check", BASE + "check prctl\n\telse: private\n", "calls:4: 'private' cannot stand in a check"),
    ("words after a verdict", BASE + "check prctl\n\telse: allow EPERM\n", "calls:4: 'allow EPERM' cannot stand in a check"),
    ("seventh argument", BASE + "check prctl\n\twhen arg6 = 1: allow\n\telse: allow\n", "calls:4: condition 'arg6 = 1'"),
    ("unknown switch", BASE + "check prctl\n\twhen no-sockets: allow\n\telse: allow\n", "calls:4: condition 'no-sockets'"),
    ("impossible mask", BASE + "check prctl\n\twhen arg0 & 3 = 4: allow\n\telse: allow\n", "can never hold"),
    ("unknown constant", BASE + "check prctl\n\twhen arg0 = PR_X: allow\n\telse: allow\n", "'PR_X' is neither a number nor defined"),
    ("five conditions", BASE + "check prctl\n\twhen arg0 = 1 and arg1 = 1 and arg2 = 1 and arg3 = 1 and arg4 = 1: allow\n\telse: allow\n",
     "calls:4: at most 4 conditions"),
])
def refused(calls, message):
    code, err, written = run(calls)
    check_eq(code, 1)
    check_in(message, err)
    check_eq(err.count("\n"), 1, "one line")
    check(not written, "nothing is written")


@cases([
    ("missing column", "read 0\n", "numbers:1: write: NAME"),
    ("no number", "read zero 63\n", "numbers:1: write: NAME"),
    ("a name twice", "read 0 63\nread 1 64\n", "numbers:2: write: NAME"),
    ("a number twice", "read 0 63\nwrite 0 64\n", "one number has two names in column 2"),
])
def numbers_refused(numbers, message):
    code, err, written = run(BASE, numbers)
    check_eq(code, 1)
    check_in(message, err)
    check(not written, "nothing is written")


@test
def usage_and_missing_file():
    p = subprocess.run([sys.executable, TOOL], capture_output=True, text=True, check=False)
    check_eq(p.returncode, 2)
    check_in("usage:", p.stderr)
    p = subprocess.run([sys.executable, TOOL, "/nonexistent", NUMBERS, "/nonexistent/out"],
                       capture_output=True, text=True, check=False)
    check_eq(p.returncode, 1)


@test
def too_long_a_program_is_refused():
    rules = "".join(f"\twhen arg0 = {i * 7}: errno EPERM\n" for i in range(400))
    code, err, _ = run(BASE + "check prctl\n" + rules + "\telse: allow\n")
    check_eq(code, 1)
    check_in("instructions, over 300", err)


# ---- a simulator, and the rules read one by one ----

def simulate(program, arch, nr, args):
    words = {0: nr & gen.LOW, 4: arch}
    for i, a in enumerate(args):
        words[16 + 8 * i], words[20 + 8 * i] = a & gen.LOW, a >> 32
    a, pc = 0, 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        if code == gen.LD_ABS:
            a = words[k]
        elif code == gen.ALU_AND:
            a &= k
        elif code == gen.RET_K:
            return k
        elif code == gen.JA:
            pc += k
        else:
            yes = a == k if code == gen.JEQ else a >= k if code == gen.JGE else bool(a & k)
            pc += jt if yes else jf


def holds(cond, switches, args):
    if cond[0] == "switch":
        return bool(switches & cond[1])
    value = args[cond[1]] & cond[2]
    return value == cond[3] if cond[0] == "eq" else value != 0


def judge(calls, by_nr, machine, switches, nr, args):
    listener = not switches & gen.SWITCHES["no-listener"]
    if machine[3] and not listener and gen.X32_BIT <= nr < gen.X32_END:
        return gen.RET_KILL
    if nr not in by_nr:
        return gen.RET_NOTIFY if listener else gen.RET_ERRNO | getattr(errno, calls.unknown.err)
    for rule in calls.rules.get(by_nr[nr], [gen.Rule([], calls.default)]):
        if all(holds(c, switches, args) for c in rule.conds):
            return gen.ret_value(rule.verdict, switches)
    raise AssertionError("no rule")


INTERESTING = (0, 1, 2, 5, 6, 8, 10, 16, 17, 35, 40, 0x5412, 0x10000000, 0x20000000, 0x40000, 0xFFFFFFFF,
               1 << 32, 0xFFFFFFFF << 32, (1 << 64) - 1)


def compare(calls, numbers, machine, rng, numbers_to_try, rounds, variants=range(gen.VARIANTS)):
    by_nr = {row[machine[2]]: name for name, row in numbers.items() if row[machine[2]] is not None}
    for switches in variants:
        program = gen.build_program(calls, numbers, machine, switches)
        gen.validate(program, "test")
        for nr in numbers_to_try:
            for _ in range(rounds):
                args = [rng.choice(INTERESTING) ^ (rng.getrandbits(32) << 32 if rng.random() < 0.2 else 0)
                        for _ in range(6)]
                got = simulate(program, machine[1], nr, args)
                want = judge(calls, by_nr, machine, switches, nr, args)
                if got != want:
                    raise AssertionError(f"{machine[0]} switches {switches} nr {nr} args {args}: {got:#x}, not {want:#x}")
        foreign = simulate(program, 0x40000003, 1, [0] * 6)
        check_eq(foreign, gen.RET_KILL if switches & gen.SWITCHES["no-listener"] else gen.RET_NOTIFY)


@cases([(m[0], m) for m in gen.MACHINES])
def shipped_rules(machine):
    numbers = gen.read_numbers(str(NUMBERS))
    calls = gen.Calls(str(CALLS), numbers)
    rng = random.Random(1)
    checked = [numbers[n][machine[2]] for n, r in calls.rules.items() if len(r) > 1 and numbers[n][machine[2]] is not None]
    compare(calls, numbers, machine, rng, checked, 50)
    compare(calls, numbers, machine, rng, list(range(600)) + [gen.X32_BIT, gen.X32_BIT + 5, gen.X32_END, gen.LOW], 1,
            rng.sample(range(gen.VARIANTS), 16))


def random_calls(rng, numbers):
    """A small random file: a third of the names, some with checks."""
    lines = [BASE]
    verbs = ("allow", "errno EPERM", "errno ENOSYS", "notify EACCES", "mediate")
    for name in numbers:
        how = rng.random()
        if how < 0.3:
            lines.append(f"{rng.choice(verbs + ('open', 'exec', 'replace', 'write', 'change', 'private'))} {name}\n")
        elif how < 0.33:
            lines.append(f"check {name}\n")
            for _ in range(rng.randrange(4)):
                conds = []
                for _ in range(rng.randrange(1, 4)):
                    arg, value = rng.randrange(3), rng.choice(INTERESTING)
                    conds.append(rng.choice((f"arg{arg} = {value}", f"arg{arg} & {value | 1} = {value & 1}",
                                             f"arg{arg} & {value | 4}", f"arg{arg}", "no-socket")))
                lines.append(f"\twhen {' and '.join(conds)}: {rng.choice(verbs)}\n")
            lines.append(f"\telse: {rng.choice(verbs)}\n")
    return "".join(lines)


@test
def what_the_plan_limits_is_looked_at():
    """Notified under their own switches alone, never where nobody listens or no view is."""
    on, bits = gen.RET_NOTIFY, gen.SWITCHES
    for verb, own, opens_too in (("exec", ("notify-exec",), True), ("replace", ("notify-replace", "notify-write"), False),
                                 ("write", ("notify-write",), True), ("change", ("notify-write",), False)):
        v = gen.Verdict(verb, "EACCES")
        for switches in range(gen.VARIANTS):
            looks = any(switches & bits[b] for b in own) and not switches & (bits["no-socket"] | bits["no-listener"])
            opens = opens_too and switches & bits["notify-open"]
            got = gen.ret_value(v, switches)
            if looks:
                check_eq(got, on)
            elif not opens:
                check_eq(got, gen.RET_ALLOW)


def try_random_rules(numbers, rng, machine, every):
    with tempfile.NamedTemporaryFile("w", suffix=".calls") as f:
        f.write(random_calls(rng, numbers))
        f.flush()
        calls = gen.Calls(f.name, numbers)
    limit, gen.MAX_INSNS = gen.MAX_INSNS, 4096
    try:
        compare(calls, numbers, machine, rng, range(0, 480, every), 3, rng.sample(range(gen.VARIANTS), 12))
    finally:
        gen.MAX_INSNS = limit


def few_numbers():
    numbers = gen.read_numbers(str(NUMBERS))
    return {n: r for n, r in numbers.items() if (r[1] or 0) < 120}


@test
def random_rules():
    numbers, rng = few_numbers(), random.Random(2)
    for n in range(12):
        try_random_rules(numbers, rng, gen.MACHINES[n % 2], 1 if n < 2 else 3)


def run_for(seconds, seed):
    """Rules of one seed after the other; says how many, and of which seed the first is that fails."""
    numbers, until, n = few_numbers(), time.process_time() + seconds, 0
    while time.process_time() < until:
        try:
            try_random_rules(numbers, random.Random(seed + n), gen.MACHINES[n % 2], 1)
        except AssertionError as why:
            sys.exit(f"seed {seed + n}: {why}")
        n += 1
    print(f"{n} rule files from seed {seed}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--for"]:
        run_for(float(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

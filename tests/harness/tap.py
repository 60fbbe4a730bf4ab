# SPDX-License-Identifier: Apache-2.0
"""TAP 13 for tests in Python: the twin of tap.h. No dependencies.

    from tap import test, check, check_eq, skip, main

    @test
    def adds():
        check_eq(1 + 1, 2)

    main()

A failed check raises and ends its test; an exception is a failure; skip(reason) is for what this machine lacks.
`test_x.py NAME...` runs only the named tests, `-l` lists them.
"""
import os
import subprocess
import sys
import tempfile
import traceback

# How many times as long as on an idle machine a test waits itself before it gives up: tools/run-tests says so to all tests, as to Meson.
PATIENCE = int(os.environ.get("WARD_TEST_PATIENCE", "1"))
_tests = []


class _Patient(subprocess.Popen):
    """What a test starts: the seconds after which nobody waits for it any more are an idle machine's."""

    def wait(self, timeout=None):
        return super().wait(timeout and timeout * PATIENCE)

    def communicate(self, input=None, timeout=None):  # pylint: disable=redefined-builtin
        return super().communicate(input, timeout and timeout * PATIENCE)


subprocess.Popen = _Patient


def quickest(fn, enough, tries=8):
    """The shortest of the seconds that fn says, which is called until they are fewer than that: a busy machine is late for many, and not for all.
    For a bound that, multiplied by PATIENCE, what it tells apart would keep as well."""
    best = fn()
    for _ in range(tries - 1):
        if best < enough:
            break
        best = min(best, fn())
    return best


class Skip(Exception):
    """Raised by skip()."""


def test(fn):
    """Register a test function; tests run in the order of the file."""
    _tests.append(fn)
    return fn


def cases(rows):
    """Register one test for each row (name, args...): @cases([("zero", 0, 0), ...]) def squares(x, y): ..."""
    def register(fn):
        for name, *args in rows:
            def one(args=args):
                fn(*args)
            one.__name__ = f"{fn.__name__}: {name}"
            _tests.append(one)
        return fn
    return register


def skip(reason):
    raise Skip(reason)


def check(ok, message="check failed"):
    if not ok:
        raise AssertionError(message)


def check_eq(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what or 'values differ'}\n  got:  {got!r}\n  want: {want!r}")


def check_in(part, whole, what=""):
    if part not in whole:
        raise AssertionError(f"{what or 'not found'}\n  looked for: {part!r}\n  in: {whole!r}")


def _comment(text):
    for line in text.rstrip().splitlines():
        print("# " + line)


def _run(number, fn):
    name = fn.__name__.replace("#", "")
    try:
        fn()
    except Skip as why:
        print(f"ok {number} - {name} # SKIP {why}", flush=True)
        return True
    except AssertionError as why:
        where = traceback.extract_tb(why.__traceback__)
        lines = [f for f in where if not f.filename.endswith("tap.py")]
        at = f"{lines[-1].filename}:{lines[-1].lineno}: " if lines else ""
        _comment(at + str(why))
        print(f"not ok {number} - {name}", flush=True)
        return False
    except Exception:  # pylint: disable=broad-except
        _comment(traceback.format_exc())
        print(f"not ok {number} - {name}", flush=True)
        return False
    print(f"ok {number} - {name}", flush=True)
    return True


def _side_by_side(numbered, at_once):
    """Each in a child of its own. What they print comes in their order, and a child that died is a failure."""
    failed, running, done = 0, {}, {}
    waiting = list(numbered)
    shown = list(waiting)
    while shown:
        while waiting and len(running) < at_once:
            number, fn = waiting.pop(0)
            out = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
            pid = os.fork()
            if pid == 0:
                os.dup2(out.fileno(), 1)
                os._exit(not _run(number, fn))
            running[pid] = number, out
        pid, status = os.wait()
        if pid not in running:  # what the program started before its cases
            continue
        number, out = running.pop(pid)
        done[number] = status, out
        while shown and shown[0][0] in done:
            number, fn = shown.pop(0)
            status, out = done.pop(number)
            out.seek(0)
            text = out.read().decode("utf-8", "replace")
            if f"ok {number} - " not in text:
                text += f"# it died: {status}\nnot ok {number} - {fn.__name__}\n"
                status = 1
            print(text, end="", flush=True)
            failed += status != 0
    return failed


def main(at_once=1):
    """at_once: for cases that wait most of their time, and of which none looks at what the others do."""
    wanted = sys.argv[1:]
    if wanted == ["-l"]:
        for fn in _tests:
            print(fn.__name__)
        sys.exit(0)
    chosen = [fn for fn in _tests if not wanted or fn.__name__ in wanted]
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    if at_once > 1:
        failed = _side_by_side(enumerate(chosen, 1), at_once)
    else:
        failed = sum(not _run(i, fn) for i, fn in enumerate(chosen, 1))
    sys.exit(1 if failed or not chosen else 0)

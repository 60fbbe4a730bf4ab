#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/escape-suite.md and the suite: attempts that are named exist, every class has its row, and the number is right. And what the suite calls held."""
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/harness"), str(ROOT / "tests/escape")]
import effects  # noqa: E402
from tap import check_eq, main, test  # noqa: E402

PAGE = (ROOT / "docs/escape-suite.md").read_text()


def listed():
    r = subprocess.run([sys.executable, ROOT / "tests/escape/escape.py", "-l"], stdout=subprocess.PIPE, text=True, check=True)
    return [line.split()[:2] for line in r.stdout.splitlines()]


@test
def named_attempts_exist():
    section = PAGE.split("## Published escapes")[1].split("## ")[0]
    names = {name for row in section.splitlines() if row.startswith("| ") for name in re.findall(r"`([a-z]\w+_\w+)`", row.split("|")[2])}
    check_eq(sorted(names - {name for _, name in listed()}), [])


@test
def tests_that_are_named_exist():
    check_eq([path for path in re.findall(r"`(tests/[\w/]+\.py)`", PAGE) if not (ROOT / path).is_file()], [])


@test
def every_class_has_its_row():
    section = PAGE.split("## What it tries")[1].split("## ")[0]
    rows = {word for row in section.splitlines() if row.startswith("| `") for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    check_eq(rows, {kind for kind, _ in listed()})


@test
def each_published_escape_has_an_attempt():
    section = PAGE.split("## Published escapes")[1].split("## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| ")][1:]
    check_eq([row[1].strip() for row in rows if not re.search(r"`[a-z]\w+_\w+`", row[2])], [])
    # What threats to sandboxes of the kind are known by: who takes a row out takes this number down as well.
    check_eq(len(set(re.findall(r"CVE-\d{4}-\d+|GHSA-[\w-]+|\b5\d{4}\b", section))) >= 20, True, section)


@test
def there_are_as_many_as_were_promised():
    check_eq(len(listed()) >= 200, True, "attempts")


@test
def the_number_is_right():
    check_eq(int(re.search(r"^(\d+) attempts", PAGE, re.M).group(1)), len(listed()))


class Host(dict):
    """As much of a World as an effect looks at."""

    def __init__(self, **names):
        super().__init__(names)
        self.lock, self.heard, self.quiet = threading.Lock(), [], {"listener": 0.0}


@test
def what_arrived_is_no_less_an_escape_where_nobody_comes_to_hear_it():
    """On a busy machine: who listens gets no turn for half a second, and has heard it then."""
    host = Host(token="word")

    def hears():
        time.sleep(0.6)
        with host.lock:
            host.heard.append(b"a word")
        host.quiet["listener"] = time.monotonic()
    t = threading.Thread(target=hears)
    t.start()
    check_eq(effects.heard(host, None), True)
    t.join()
    host.heard.clear()
    host.quiet["listener"] = time.monotonic() + 1
    check_eq(effects.heard(host, None), False, "and nothing is")


@test
def a_signal_that_nobody_has_died_of_yet_is_one():
    with subprocess.Popen(["sleep", "60"]) as q:
        host = Host(pid=str(q.pid))
        host.victim = q
        check_eq(effects.died(host, None), False)
        q.send_signal(signal.SIGSTOP)
        q.send_signal(signal.SIGTERM)   # it waits, as for whoever gets no turn
        check_eq(effects.died(host, None), True)
        q.kill()


@test
def what_a_busy_machine_has_not_read_yet_is_read():
    import escape  # pylint: disable=import-outside-toplevel
    with subprocess.Popen(["echo", "word"], stdout=subprocess.PIPE) as q:
        q.wait()
        held = types.SimpleNamespace(stdout=q.stdout, stderr=None)
        check_eq(escape.unread(held), True)


main()

# SPDX-License-Identifier: Apache-2.0
"""Which cases of which tests execute the place that a mutant changes: what tools/mutate need not run, and what it runs first.

A copy of the tree gets a mark at each place that can be changed (AFTER, BEFORE; where the compiler takes none there, at the start of the function), and
each test runs there once. A mark is one byte of a file that every program of ours maps when it starts: it stays mapped through forks, namespaces,
another root and Landlock, and is not lost to SIGKILL. What was reached is read whenever a case has ended, and counts for that case and the next.

A mutant that a case does not execute cannot change what the case sees, so that leaving it out changes no verdict; what could not be marked at all
(a constant) is tried with all tests. A program that cannot open the file leaves no mark: what only such a one executes is not run, and survives.

What was seen is kept in DIR/reach as long as the mutants and the test's own file are the same; what else a test executes may have changed: remove it.
"""
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time

SIZE = 65536    # marks that the file has room for
# Where a mark stands, by what the operator does to the text: "{}" is the mark, which has a value that changes nothing.
AFTER = {"less or equal": " ({}, 0) +", "less": " ({}, 0) +", "greater or equal": " ({}, 0) +", "greater": " ({}, 0) +",
         "not equal": " ({}, 0) +", "equal": " ({}, 0) +", "minus": " ({}, 0) +", "plus": " ({}, 0) -",
         "common bits": " ({}, 0) |", "all bits": " ({}, ~0) &"}
BEFORE = {"negated": "({}, 0) + ", "no error": "({}, 0) + ", "no result": "({}, 0) + ", "other answer": "({}, 0) + ", "call left out": "{}, "}
CASE = re.compile(r"(?m)^(not )?ok \d+ - ([^#\n]*)(?:# (TODO|SKIP))?[^\n]*\n")
# && and || decide before their right side is reached: the start of the function stands for them.
PRECISE, FUNCTION, NONE = range(3)
MAPPED = """#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
__attribute__((weak)) unsigned char *ward_reach_map;
__attribute__((weak)) unsigned char ward_reach_none[%(size)d];
__attribute__((weak, constructor)) void ward_reach_open(void);
void ward_reach_open(void)
{
	if (ward_reach_map)
		return;
	int fd = open("%(path)s", O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(0, %(size)d, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ward_reach_map = p == MAP_FAILED ? ward_reach_none : (unsigned char *)p;
	if (fd >= 0)
		close(fd);
}
static inline void ward_reach(unsigned n)
{
	(ward_reach_map ? ward_reach_map : ward_reach_none)[n] = 1;
}
"""


def marked(text, mutants, how, path):
    """The source with its marks. mutants: {number: mutant}; how: {number: PRECISE, FUNCTION or NONE}."""
    lines, edits = text.split("\n"), []
    for number, m in mutants.items():
        mark, level, at = f"ward_reach({number})", how[number], m.line - 1
        if level == PRECISE and m.what in AFTER:
            edits.append((at, m.end, AFTER[m.what].format(mark)))
        elif level == PRECISE and m.what in BEFORE:
            edits.append((at, m.start, BEFORE[m.what].format(mark)))
        elif level != NONE:
            while at > 0 and lines[at] not in ("{", "}"):
                at -= 1
            if lines[at] == "{":
                edits.append((at, 1, f" {mark};"))
            else:
                how[number] = NONE
    for at, column, new in sorted(edits, reverse=True):
        line = lines[at]
        lines[at] = line[:column] + new + line[column:]
    # After the includes, the first of which may ask something of the C library.
    first = max((i + 1 for i, line in enumerate(lines) if line.startswith("#include")), default=0)
    return "\n".join([*lines[:first], *(MAPPED % {"size": SIZE, "path": path}).splitlines(), f"#line {first + 1}", *lines[first:]])


class Reach:
    """The marks of one list of mutants in a copy of the tree, `bench`, and what each test reaches of them; kept in the directory `where`."""

    def __init__(self, where, bench, mutants, name_of, root):
        self.bench, self.root, self.lock = bench, root, threading.Lock()
        self.file = bench.tree.parent / "reach.map"
        self.numbers = {m: i for i, m in enumerate(mutants)}
        if len(mutants) > SIZE:
            raise SystemExit("mutate: more mutants than marks")
        names = [name_of(m) for m in mutants]
        self.kept = where / (hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] + ".json")
        where.mkdir(exist_ok=True)
        kept = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        self.of = {name: {**r, "reached": {int(i): at for i, at in r["reached"].items()}} for name, r in kept.get("of", {}).items()}
        self.alone = set()
        self.how = {i: kept.get("how", {}).get(str(i), FUNCTION if m.what in ("or", "and") else PRECISE) for m, i in self.numbers.items()}

    def keep(self):
        self.kept.write_text(json.dumps({"how": self.how, "of": self.of}))

    def key(self, test):
        """What a test is made of, as far as it is its own. (The names of the mutants are those of the code.)"""
        suite, name = test.name.split("/", 1)
        files = sorted((self.bench.tree / "tests" / suite).glob(f"test_{name}.*"))
        return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()

    def look(self, limit):
        """Each test, once -> {name: test with its time and the cases that fail without a mutant}; without those that do not end, or say nothing."""
        self.build(*self.bench.targets())
        found = {}
        for test in self.bench.tests:
            if self.of.get(test.name, {}).get("key") != self.key(test):
                r = self.of[test.name] = {**self.run(test, limit), "key": self.key(test), "named": self.takes_names(test)}
                if not r["named"]:                  # it is run whole, so that excused() has no say
                    r["failed"] = sorted({*r["failed"], *r["skipped"]})
                elif r["failed"]:                   # a busy machine makes a test late
                    r["failed"] = sorted((self.bench.failed(test, limit, frozenset(r["failed"]), r["failed"]) or frozenset()) - {""})
                self.keep()
                print(f"mutate: {test.name}: {len(r['cases'])} cases, {len(r['reached'])} of {len(self.numbers)} mutants reached, {sum(r['seconds']):.0f} s",
                      flush=True)
                if not r["ended"]:
                    print(f"mutate: {test.name} fails without a mutant, and is left out", flush=True)
                elif r["failed"]:
                    print(f"mutate: {test.name} without {', '.join(r['failed'])}: so without a mutant", flush=True)
            r = self.of[test.name]
            if r["ended"]:
                found[test.name] = test._replace(seconds=sum(r["seconds"]), known=frozenset(r["failed"]))
        return found

    def takes_names(self, test):
        """Whether the test can be told which cases to run, and calls them as it lists them."""
        if not os.path.basename(test.argv[-1]).startswith("test_"):
            return False
        try:
            done = subprocess.run([*test.argv, "-l"], env={**os.environ, **test.env}, cwd=self.bench.build, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, check=False, timeout=30)
        except subprocess.TimeoutExpired:
            return False
        return [n.strip() for n in done.stdout.splitlines()] == self.of_last

    def cases_of(self, test, mutant):
        """-> (names, seconds): None: it executes none of the mutant; (): all cases, or it cannot be told which."""
        r, i = self.of[test.name], self.numbers[mutant]
        if self.how[i] == NONE:
            return (), test.seconds
        at = r["reached"].get(i)
        if not at:
            return None, 0
        if not r["named"] or len(at) == len(r["cases"]):
            return (), test.seconds
        return [r["cases"][c] for c in at], sum(r["seconds"][c] for c in at)

    def known(self, test):
        return frozenset(self.of[test.name].get("excused", ()))

    def excused(self, test, names):
        """Those of these cases that fail or are skipped by themselves on the code as it is, too."""
        r = self.of[test.name]
        with self.lock:
            new = [n for n in names if n and (test.name, n) not in self.alone]
            if new and r["named"]:
                mine = next(t for t in self.bench.tests if t.name == test.name)     # of that tree
                failed = self.bench.failed(mine, 60 + 6 * test.seconds, frozenset(new), new)
                r["excused"] = sorted({*r.get("excused", ()), *(new if failed is None else failed.intersection(new))})
                self.alone |= {(test.name, n) for n in new}
                self.keep()
            return frozenset(r.get("excused", ())).intersection(names) - test.known

    def build(self, *targets):
        """With every mark that the compiler takes."""
        self.file.write_bytes(bytes(SIZE))
        self.file.chmod(0o666)
        of = {}
        for m, i in self.numbers.items():
            of.setdefault(str(m.path.relative_to(self.root)), {})[i] = m
        texts = {p: (self.bench.tree / p).read_text() for p in of}
        todo = set(of)
        for _ in range(30):
            for p in todo:
                self.bench.put(p, marked(texts[p], of[p], self.how, self.file))
            done = subprocess.run(["ninja", "-k", "0", "-C", str(self.bench.build), *targets], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, check=False)
            if done.returncode == 0:
                self.keep()
                return
            todo = self.weaken(of, done.stdout + done.stderr)
            if not todo:
                break
        raise SystemExit(f"mutate: the marks do not compile:\n{(done.stdout + done.stderr)[-3000:]}")

    def weaken(self, of, said):
        """What the compiler complained of gets a mark in another place, or none. -> the files changed."""
        changed = set()
        for kinds in ("error", "error|note|warning", None):
            for p, mine in of.items():
                lines = {int(n) for n in re.findall(r"(?m)(?:^|/)" + re.escape(p.split("/", 1)[1]) + r":(\d+):\d+: (?:fatal )?(?:" + (kinds or "error") + "):", said)}
                if not lines:
                    continue
                for i, m in mine.items():
                    if self.how[i] != NONE and (m.line in lines or kinds is None):
                        self.how[i] += 1
                        changed.add(p)
            if changed:
                return changed
        return changed

    def take(self):
        """The numbers reached since the last time."""
        with open(self.file, "r+b") as f:
            data = f.read(SIZE)
            f.seek(0)
            f.write(bytes(SIZE))
        return {i for i, byte in enumerate(data[:len(self.numbers)]) if byte}

    def run(self, test, limit):
        """One test, once -> {"cases", "seconds" of each, "failed", "skipped", "reached": {number: [cases]}, "ended"}."""
        cases, seconds, failed, skipped, reached = [], [], [], [], {}
        log, ended, at = self.bench.tree / "reach.log", False, time.monotonic()
        until = at + limit
        self.take()
        with open(log, "w", encoding="utf-8") as out, \
                subprocess.Popen(test.argv, env={**os.environ, **test.env}, cwd=self.bench.build, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, start_new_session=True) as p:
            while not ended and time.monotonic() < until:
                ended = p.poll() is not None
                said = CASE.findall(log.read_text(errors="replace"))[len(cases):]
                if said or ended:
                    # Some of the next one may have been run by now, and some of these was read with those before.
                    for i in self.take():
                        reached.setdefault(i, set()).update(range(len(cases), len(cases) + len(said) + 1))
                    seconds += [round((time.monotonic() - at) / max(1, len(said)), 2)] * len(said)
                    at = time.monotonic()
                    cases += [name.strip() for _, name, _ in said]
                    failed += [name.strip() for no, name, rest in said if no and rest != "TODO"]
                    skipped += [name.strip() for _, name, rest in said if rest == "SKIP"]
                else:
                    time.sleep(0.02)
            if not ended:
                os.killpg(p.pid, signal.SIGKILL)
        last = max(len(cases) - 1, 0)
        self.of_last = cases
        return {"cases": cases, "seconds": seconds, "failed": failed, "skipped": skipped,
                "ended": ended and (p.returncode == 0 or (p.returncode > 0 and bool(failed))),
                "reached": {i: sorted({min(c, last) for c in at}) for i, at in reached.items()}}

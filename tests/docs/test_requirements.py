#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/requirements.md: every identifier is there once, and what it names is there: the test file, the test in it, a line in a
meson.build that runs it, the page and its heading. What is held has a test; what is not says what is missing."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

PAGE = ROOT / "docs/requirements.md"
NAMES = "id what status tests page missing".split()
STATUSES = "held refused partly later".split()
WAITS = re.findall(r"^\| (\w+) \| .* \|$", PAGE.read_text().partition("| waits for |")[2].partition("\n\n")[0], flags=re.M)


def identifiers():
    def span(prefix, first, last):
        return [f"{prefix}{n}" for n in range(first, last + 1)]
    return [*span("S0-", 3, 34), "S0-46", "S1-12", *span("S2-", 1, 18), "S3-1", *span("S3-", 7, 12), *span("S4-", 2, 11), *span("U", 1, 21),
            *span("S0-D", 1, 21), *(f"S0-D{c}" for c in "abcde"), *span("S1-D", 1, 8), *span("S2-D", 1, 10)]


def cells(line):
    """Of a table's line. A bar within backquotes is text."""
    return [c.strip() for c in re.findall(r"((?:`[^`]*`|[^`|])*)\|", line[1:])]


def read(text):
    rows = []
    for line in text.splitlines():
        if re.match(r"\| (S\d-|U\d)", line):
            check_eq(len(cells(line)), len(NAMES), line)
            rows.append(dict(zip(NAMES, cells(line))))
    check(rows, "no rows")
    return rows


def slug(heading):
    """The anchor of a heading, as the usual renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def fault_of_test(name):
    """What is wrong with FILE or FILE:NAME, else ''. NAME is a test in C or Python, or a text in the file."""
    file, _, what = name.partition(":")
    path = ROOT / file
    if not file.startswith("tests/") or not path.is_file():
        return f"{file} is no test"
    text = path.read_text()
    if what and path.suffix == ".c" and not re.search(rf"\bTEST\({re.escape(what)}\)", text):
        return f"{file} has no TEST({what})"
    if what and path.suffix == ".py" and not re.search(rf'^def {re.escape(what)}\(|\(f?"{re.escape(what)}"', text, flags=re.M):
        return f"{file} has no {what}()"
    if what and path.suffix not in (".c", ".py") and what not in text:
        return f"{file} has no {what}"
    stem = re.sub("^test_", "", path.stem)
    runs = [p for p in (path.parent / "meson.build", path.parent.parent / "meson.build") if p.exists()]
    tables = path.suffix == ".tests" and f'"{path.name}"' in (ROOT / "tests/table/tables.c").read_text()
    if not tables and not any(re.search(rf"\b{re.escape(stem)}\b", p.read_text()) for p in runs):
        return f"no meson.build runs {file}"
    return ""


def fault_of_page(link):
    m = re.fullmatch(r"\[[^]]+\]\(([^)#]+)(?:#([^)]+))?\)", link)
    if not m:
        return f"{link} is no link"
    path = (PAGE.parent / m.group(1)).resolve()
    if not path.is_file() or ROOT not in path.parents:
        return f"{m.group(1)} is no page"
    heads = [slug(h) for h in re.findall(r"^#+ (.*)$", path.read_text(), flags=re.M)]
    return f"{m.group(1)} has no heading {m.group(2)}" if m.group(2) and m.group(2) not in heads else ""


def waits(missing):
    """What it waits for stands first, by its name: "egress: a relay", "egress, review: ..."."""
    names, colon, what = missing.partition(": ")
    return colon and what and all(name in WAITS for name in names.split(", "))


def faults(rows):
    found = []
    for row in rows:
        tests = re.findall(r"`([^`]+)`", row["tests"])
        wrong = [fault_of_test(t) for t in tests]
        wrong += [fault_of_page(row["page"])] if row["page"] else []
        wrong += [] if row["status"] in STATUSES else [f"status {row['status']}"]
        wrong += [] if row["what"] else ["says nothing"]
        if row["status"] in ("held", "refused", "partly") and not (tests and row["page"]):
            wrong.append("neither held nor refused nor partly without a test and a page")
        if row["status"] != "held" and row["missing"] and not waits(row["missing"]):
            wrong.append(f"waits for {row['missing'].partition(':')[0]}")
        if (row["status"] == "held") == bool(row["missing"]):
            wrong.append("held with something missing" if row["missing"] else "what is missing?")
        found += [f"{row['id']}: {w}" for w in wrong if w]
    return found


ROWS = read(PAGE.read_text())


@test
def every_identifier_is_there_once():
    check_eq([r["id"] for r in ROWS], identifiers())


@test
def what_the_page_names_is_there():
    check_eq(faults(ROWS), [])


@test
def the_counts_are_right():
    shown = dict(re.findall(r"^\| (held|refused|partly|later) \|.*\| (\d+) \|$", PAGE.read_text(), flags=re.M))
    check_eq(shown, {s: str(sum(r["status"] == s for r in ROWS)) for s in STATUSES})


GOOD = {"id": "U1", "what": "x", "status": "held", "tests": "`tests/unit/test_tap.c`", "page": "[a](spec/errors.md#classes)",
        "missing": ""}


@cases([
    ("nothing", {}, ""),
    ("a test file that is gone", {"tests": "`tests/unit/test_gone.c`"}, "is no test"),
    ("a test that is gone", {"tests": "`tests/unit/test_decide.c:gone`"}, "has no TEST(gone)"),
    ("a test in Python that is gone", {"tests": "`tests/cli/test_env.py:gone`"}, "has no gone()"),
    ("a row of a table that is gone", {"tests": "`tests/table/glob.tests:gone/gone`"}, "has no gone/gone"),
    ("a file that nothing runs", {"tests": "`tests/unit/alloc_fail.h`"}, "no meson.build runs"),
    ("source code as a test", {"tests": "`src/policy/caps.c`"}, "is no test"),
    ("a page that is gone", {"page": "[a](spec/gone.md)"}, "is no page"),
    ("a heading that is gone", {"page": "[a](spec/errors.md#gone)"}, "has no heading"),
    ("a page outside the tree", {"page": "[a](../../../../etc/passwd)"}, "is no page"),
    ("held without a test", {"tests": ""}, "without a test"),
    ("held, but something is missing", {"missing": "half of it"}, "held with something missing"),
    ("partly without saying what is missing", {"status": "partly"}, "what is missing?"),
    ("refused without a test", {"status": "refused", "tests": "", "missing": "egress: x"}, "without a test"),
    ("waiting for something", {"status": "later", "missing": "egress, review: x"}, ""),
    ("waiting for nobody knows what", {"status": "later", "missing": "someday: x"}, "waits for someday"),
    ("waiting for nothing", {"status": "later", "missing": "a relay"}, "waits for a relay"),
    ("another status", {"status": "done", "missing": "x"}, "status done"),
])
def is_seen(change, message):
    found = faults([{**GOOD, **change}])
    check(bool(found) == bool(message), found)
    for f in found[:1]:
        check_in(message, f)


main()

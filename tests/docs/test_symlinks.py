#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/symlinks.md says nothing without a test, and tests/sandbox/test_symlinks.py tests nothing that the page does not say."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, main, test  # noqa: E402

OWN = "tests/sandbox/test_symlinks.py"
PAGE = (ROOT / "docs/symlinks.md").read_text()


def statements(text):
    """[(what, [test])] of all tables; what stands outside of them but for headings and the first paragraph is none that is allowed."""
    rows, prose = [], []
    for line in text.split("\n\n", 2)[2].splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("| ") and cells != ["statement", "test"]:
            rows.append((cells[0], re.findall(r"`([^`]+)`", cells[1]) if len(cells) == 2 else []))
        elif line and not line.startswith(("## ", "|---", "| statement")):
            prose.append(line)
    return rows, prose


def names(path):
    pattern = r"^TEST\((\w+)\)" if path.suffix == ".c" else r"^@(?:both|each|test)\ndef (\w+)\("
    return re.findall(pattern, path.read_text(), flags=re.M)


def faults(text):
    rows, found = statements(text)
    named = []
    for what, tests in rows:
        if not tests:
            found.append(f"no test: {what}")
        for t in tests:
            file, colon, name = t.rpartition(":")
            file = file if colon else OWN
            named += [name] if file == OWN else []
            if not (ROOT / file).is_file() or name not in names(ROOT / file):
                found.append(f"no such test: {t}")
    found += [f"not on the page: {n}" for n in names(ROOT / OWN) if n not in named]
    return found + [f"on the page twice: {n}" for n in sorted(set(named)) if named.count(n) > 1]


@test
def each_statement_has_its_test_and_each_test_its_statement():
    check_eq(faults(PAGE), [])
    check(len(statements(PAGE)[0]) > 20, "the tables are not read")


@cases([("a statement without a test", PAGE + "| Links are nice | |\n", "no test: Links are nice"),
        ("a sentence beside the tables", PAGE + "\nAnd more.\n", "And more."),
        ("a test that is not there", PAGE.replace("`a_link_is_of_its_directory`", "`a_link_is_of`"), "no such test: a_link_is_of"),
        ("a test that is not named", PAGE.replace("`a_link_is_of_its_directory`", "`forty_links_and_no_more`"), "not on the page: a_link_is_of_its_directory")])
def a_fault_is_found(text, says):
    check(says in faults(text), str(faults(text)))


main()

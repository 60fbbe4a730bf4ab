#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""src/policy/ops.def has every call that data/seccomp/calls lets through and no other; docs/spec/operations.md shows it as it is;
actions and words in C are those of the schema and the documents."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

LETS_THROUGH = {"allow", "private", "open", "exec", "replace", "write", "change", "mediate"}
ANSWERS = LETS_THROUGH | {"errno", "notify"}


def allowed(text):
    """The calls that some line of data/seccomp/calls lets through. Every line is understood, or the test fails."""
    names, open_check = set(), None
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"#.*", "", line).rstrip()
        words = line.split()
        if not words:
            continue
        if line[0] in " \t":
            verb = re.search(r":\s*(\w+)", line).group(1)
            check(open_check and verb in ANSWERS, f"line {number}: {line}")
            names |= {open_check} if verb in LETS_THROUGH else set()
            continue
        open_check = words[1] if words[0] == "check" else None
        check(words[0] in ANSWERS | {"check", "define", "default", "unknown"}, f"line {number}: {line}")
        names |= set(words[1:]) if words[0] in LETS_THROUGH else set()
    return names


def calls_of(text):
    return set(re.findall(r"\b(?:DO|FREE)\((\w+)", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))


CALLS, OPS = (ROOT / "data/seccomp/calls").read_text(), (ROOT / "src/policy/ops.def").read_text()


@test
def every_call_of_the_allowlist_has_an_operation_or_a_reason():
    check(len(allowed(CALLS)) > 250, "too few calls were read")
    check_eq(sorted(allowed(CALLS) - calls_of(OPS)), [])


@test
def no_other_call_has():
    check_eq(sorted(calls_of(OPS) - allowed(CALLS)), [])


@cases([
    ("a new call", CALLS + "\nallow ptrace2\n", OPS, {"ptrace2"}, set()),
    ("one that is decided by arguments", CALLS + "\ncheck ptrace2\n\twhen arg0: allow\n\telse: notify EPERM\n", OPS,
     {"ptrace2"}, set()),
    ("one that is refused whatever they are", CALLS + "\ncheck ptrace2\n\twhen arg0: errno EPERM\n\telse: notify EPERM\n", OPS,
     set(), set()),
    ("one taken off the list", CALLS.replace("allow pipe eventfd eventfd2", "allow pipe eventfd"), OPS, set(), {"eventfd2"}),
    ("one that the table forgot", CALLS, OPS.replace("FREE(fsync, DESCRIPTOR)", ""), {"fsync"}, set()),
])
def would_be_seen(calls, ops, missing, extra):
    check_eq(allowed(calls) - calls_of(ops), missing)
    check_eq(calls_of(ops) - allowed(calls), extra)


@test
def the_page_shows_the_table():
    made = subprocess.run([sys.executable, ROOT / "tools/gen-operations"], capture_output=True, text=True, check=False)
    check_eq(made.returncode, 0, made.stderr)
    page = (ROOT / "docs/spec/operations.md").read_text()
    check(made.stdout.count("\n| `") > 80, "too few rows")
    check(made.stdout in page, "docs/spec/operations.md is old: run tools/gen-operations --write")
    for call in allowed(CALLS):
        check_in(f"`{call}`", page, "a call is missing from the page")


def sets(text):
    """{first name of a row: the names in its second cell}, of the table rows of a text."""
    rows = re.findall(r"^\| `([^`]+)` \| ((?:`[^`]+` ?)+)\|$", text, flags=re.M)
    return {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows}


@test
def other_names_are_those_of_data_aliases():
    page = (ROOT / "docs/spec/vocabulary.md").read_text()
    words = [line.split("#")[0].split() for line in (ROOT / "data/aliases").read_text().splitlines()]
    check_eq(sets(page.split("## Other names")[1]), {w[1]: w[2:] for w in words if w and w[0] == "alias"})


@test
def families_are_those_of_the_schema():
    page = (ROOT / "docs/spec/vocabulary.md").read_text()
    schema = re.sub(r"//.*", "", (ROOT / "data/ward.cedarschema").read_text())
    families = {}
    for name, family in re.findall(r'action "([\w.]+)" in \[(\w+)\]', schema):
        families.setdefault(family, set()).add(name)
    check_eq({f: set(m) for f, m in sets(page.split("## Families")[1].split("##")[0]).items()}, families)


@test
def every_type_has_its_identifier_on_the_page():
    page = (ROOT / "docs/spec/vocabulary.md").read_text().split("## Identifiers")[1].split("What lies")[0]
    types = set(re.findall(r"^entity (\w+)", (ROOT / "data/ward.cedarschema").read_text(), flags=re.M))
    check_eq(set(n for row in re.findall(r"^\| (`.*?) \|", page, flags=re.M) for n in re.findall(r"`(\w+)`", row)), types)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/spec says what the code says: error codes, classes, violations, limits, kinds of audit records, statuses.

Both sides are read as text: X-macro lists and #defines on one, Markdown tables on the other. A list that comes out
empty is a failure, so that a change of form cannot make this test pass by reading nothing.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import check, check_eq, check_in, main, test  # noqa: E402


def read(name):
    path = ROOT / name
    check(path.exists(), f"{name} is missing")
    return path.read_text()


def x_list(name, macro):
    """Rows of the X-macro list `macro` in a header, as lists of their fields without quotes and brackets."""
    text = re.sub(r"/\*.*?\*/", "", read(name), flags=re.S).replace("\\\n", " ")
    m = re.search(rf"#define {macro}\(X\)([^\n]*)", text)
    check(m, f"{name} has no {macro}")
    rows = re.findall(r"\bX\(((?:[^()\"]|\"(?:[^\"\\]|\\.)*\"|\([^()]*\))*)\)", m.group(1))
    fields = [[f.strip().strip('"') for f in re.findall(r'"(?:[^"\\]|\\.)*"|[^,]+', row)] for row in rows]
    check(fields, f"{macro} in {name} came out empty")
    return fields


def table(name, heading):
    """Cells of the Markdown table whose head row starts with `heading`; backquotes around a whole cell taken off."""
    rows, inside, lines = [], False, read(name).splitlines()
    for i, line in enumerate(lines):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif i + 1 < len(lines) and set(lines[i + 1]) <= set("|-: ") and lines[i + 1].startswith("|-"):
            inside = cells[:len(heading)] == heading
        elif inside and not set(line) <= set("|-: "):
            rows.append([c.strip("`") if c.count("`") == 2 else c for c in cells])
    check(rows, f"{name} has no table {' | '.join(heading)}")
    return rows


def first_names(name, heading):
    """The names in the first column of a table; a cell may hold several, in backquotes."""
    return [n for row in table(name, heading) for n in (re.findall(r"`([^`]+)`", row[0]) or [row[0]])]


@test
def error_codes():
    code = [row[:3] for row in x_list("include/ward/error.h", "WARD_CODES")]
    check_eq([row[:3] for row in table("docs/spec/errors.md", ["code", "value", "text"])], code)


@test
def error_classes():
    rows = x_list("include/ward/error.h", "WARD_ERROR_CLASSES")
    names = {row[0]: row[1] for row in rows}
    want = [[name, code, "none" if parent == ident else names[parent]] for ident, name, code, parent in rows]
    check_eq([row[:3] for row in table("docs/spec/errors.md", ["class", "code", "parent"])], want)


@test
def violations():
    want = [row[1:3] for row in x_list("include/ward/error.h", "WARD_VIOLATIONS")]
    check_eq([row[:2] for row in table("docs/spec/errors.md", ["violation", "code"])], want)


@test
def security_codes_are_unique():
    classes = [row[2] for row in x_list("include/ward/error.h", "WARD_ERROR_CLASSES")]
    kinds = [row[2] for row in x_list("include/ward/error.h", "WARD_VIOLATIONS") if row[1] != "none"]
    check_eq(len(set(classes + kinds)), len(classes + kinds))


@test
def error_members():
    text = read("include/ward/error.h")
    body = re.search(r"struct ward_error \{(.*?)\n\};", re.sub(r"/\*.*?\*/", "", text, flags=re.S), re.S).group(1)
    members = re.findall(r"(\w+)(?:\[\w+\])?\s*[,;]", body)
    check_eq(first_names("docs/spec/errors.md", ["member"]), members)


def bytes_of(text):
    """'64 MiB' -> 67108864, '(64u << 20)' -> 67108864."""
    m = re.fullmatch(r"(\d+)(?: ([KMG])iB)?", text)
    if m:
        return int(m.group(1)) << {None: 0, "K": 10, "M": 20, "G": 30}[m.group(2)]
    m = re.fullmatch(r"\(?(\d+)u?l{0,2}(?: << (\d+))?\)?", text)
    check(m, f"what is {text!r}?")
    return int(m.group(1)) << int(m.group(2) or 0)


@test
def limits():
    text = read("src/base/limits.h")
    code = [[n, bytes_of(v.strip())] for n, v in re.findall(r"^#define (WARD_\w+)\s+(.+?)\s*/\*", text, re.M)]
    check_eq(len(code), len(re.findall(r"^#define ", text, re.M)), "a limit without its comment")
    rows = table("docs/spec/limits.md", ["name", "value"])
    check_eq([[row[0], bytes_of(row[1])] for row in rows], code)


def audit_kinds():
    """(name, alias or '') of the table in src/audit/kinds.c."""
    body = re.search(r"kinds\[\] = \{(.*?)\n\};", read("src/audit/kinds.c"), re.S)
    check(body, "src/audit/kinds.c has no kinds[]")
    rows = re.findall(r'\{ "([^"]+)", (?:"([^"]+)"|NULL) \}', body.group(1))
    check(rows, "kinds[] came out empty")
    return rows


@test
def audit_kinds_are_documented():
    section = re.search(r"^### Kinds\n(.*?)(?:Later versions|\n#)", read("docs/spec/audit.md"), re.M | re.S)
    check(section, "docs/spec/audit.md has no section Kinds")
    named = set(re.findall(r"`([^`]+)`", section.group(1)))
    aliases = {alias for _, alias in audit_kinds() if alias}
    check_eq(sorted(named - aliases), sorted(name for name, _ in audit_kinds()))
    check_eq(sorted(aliases - named), [], "aliases that are not documented")


@test
def every_kind_in_the_code_is_in_the_table():
    known = {name for name, _ in audit_kinds()}
    used = set()
    for path in (ROOT / "src").rglob("*.c"):
        used |= set(re.findall(r"\.kind = \"([^\"]+)\"", path.read_text()))
    check_eq(sorted(used - known), [])


@test
def statuses():
    names = [row[1] for row in x_list("include/ward/ward.h", "WARD_STATUSES")]
    documented = set(first_names("docs/spec/outcome.md", ["status"]))
    check_eq(sorted(set(names) - documented), [], "statuses that docs/spec/outcome.md lacks")
    check_eq(sorted(documented - set(names)), [], "statuses that no code has")


@test
def axes():
    names = [row[1] for row in x_list("src/plan/plan.h", "WARD_AXES")]
    documented = first_names("docs/spec/plan.md", ["axis"])
    check_eq(documented, names)


@test
def capability_types():
    rows = [row for row in x_list("src/policy/policy.h", "WARD_CAP_TYPES") if row[1]]
    documented = set(first_names("docs/spec/capabilities.md", ["type"]))
    check_eq(documented, {row[1] for row in rows})


@test
def fuzz_targets():
    """Each has been run, and is in the account."""
    targets = re.findall(r"^\t'(\w+)':", (ROOT / "fuzz/meson.build").read_text(), re.M)
    rows = [line.split()[0] for line in (ROOT / "fuzz/results").read_text().splitlines() if not line.startswith("#")]
    check_eq(sorted({*targets, "seccomp_rules"}), sorted(rows), "fuzz/results (tools/fuzz-hours)")


main()

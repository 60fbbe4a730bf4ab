#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What src/confine/native says about the layers of a start, and docs/security/testing.md as a table.

    table.py          print the table
    table.py --fix    write it into the document

As a module: rows(), probes(), stages(), table(), documented().
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "src" / "confine" / "native"
PAGE = ROOT / "docs" / "security" / "testing.md"
BEGIN, END = "<!-- begin: tests/selftest/table.py -->\n", "<!-- end -->\n"
Row = collections.namedtuple("Row", "id name text view plain")
STRING = r'"((?:[^"\\]|\\.)*)"'


def text_of(header, macro):
    """The lines of a macro as one."""
    text = (NATIVE / header).read_text()
    body = re.search(rf"#define {macro}\(X\) \\\n((?:.*\\\n)*.*\n)", text)[1]
    return re.sub(r"\\\n\s*", " ", body)


def rows():
    found = re.findall(rf"X\((\w+),\s*{STRING},\s*{STRING},\s*(\w+),\s*(\w+)\)", text_of("mutations.h", "WARD_MUTATIONS_TABLE"))
    return [Row(*r) for r in found]


def probes():
    """{id without WARD_: (axis, text)}"""
    found = re.findall(rf"X\(WARD_(\w+),\s*{STRING},\s*{STRING}\)", text_of("probes.h", "WARD_PROBES"))
    return {name: (axis, text) for name, axis, text in found}


def stages():
    return dict(re.findall(rf"X\(WARD_(\w+),\s*{STRING}\)", text_of("launch.h", "WARD_STAGES")))


def caught(by):
    if by == "NONE":
        return "-"
    if by.startswith("STAGE_"):
        return f"the kernel: {stages()[by]}"
    axis, text = probes()[by]
    return f"{axis}: {text}"


def table():
    lines = ["| left out | name | caught with a view | caught without one |", "|---|---|---|---|"]
    lines += [f"| {r.text} | `{r.name}` | {caught(r.view)} | {caught(r.plain)} |" for r in rows()]
    return "\n".join(lines) + "\n"


def documented():
    return PAGE.read_text().split(BEGIN, 1)[1].split(END, 1)[0]


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        before, rest = PAGE.read_text().split(BEGIN, 1)
        PAGE.write_text(before + BEGIN + table() + END + rest.split(END, 1)[1])
    else:
        print(table(), end="")

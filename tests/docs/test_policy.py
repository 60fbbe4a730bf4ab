#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/spec/policy.md, policy.schema.json and the reader of policy documents have the same fields; the schema takes the examples in
JSON and refuses what the reader refuses. (The examples in YAML are read by tests/unit/test_policy_doc.c.)"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/harness"), str(ROOT / "tests/cli")]
from tap import cases, check, check_eq, main, test  # noqa: E402
import schema  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/spec/policy.schema.json").read_text())
PAGE = (ROOT / "docs/spec/policy.md").read_text()
READER = (ROOT / "src/policy/doc/read.c").read_text()
NETWORK = (ROOT / "src/policy/doc/network.c").read_text()
HEADER = "".join((ROOT / f"src/policy/doc/{name}.h").read_text() for name in ("doc", "setting"))


def reader_names(marker):
    """The strings of the names[] that holds `marker`."""
    for m in re.finditer(r"\bnames\[[^]]*\] = \{([^}]*)\}", READER):
        if f'"{marker}"' in m.group(1):
            return set(re.findall(r'"(\w+)"', m.group(1)))
    check(False, f"read.c has no names with {marker}")
    return set()


def page_fields(prefix):
    """First cells of the tables of the page: `spec.x` for the prefix spec, `x` for none."""
    names = set()
    for cell in re.findall(r"^\| ([^|]+) \|", PAGE, re.M):
        names |= set(re.findall(rf"`{re.escape(prefix)}(\w+)`", cell))
    return names


@test
def the_same_fields_everywhere():
    spec, profile = SCHEMA["$defs"]["spec"], SCHEMA["$defs"]["profile"]
    check_eq(set(SCHEMA["properties"]), reader_names("schemaVersion"))
    check_eq(set(spec["properties"]), reader_names("fsProfiles"))
    check_eq(set(profile["properties"]), reader_names("allowExec"))
    check_eq(page_fields("spec."), reader_names("fsProfiles"))
    check_eq(reader_names("allowExec") - page_fields(""), set())
    network = SCHEMA["$defs"]["network"]["properties"]
    fields = re.search(r"names\[FIELDS\] = \{([^}]*)\}", NETWORK).group(1)
    check_eq(set(network), set(re.findall(r'"(\w+)"', fields)))
    row = next(line for line in PAGE.splitlines() if line.startswith("| `network` |"))
    check_eq(set(re.findall(r"`(\w+)`", row)) - {"network"}, set(network))
    modes = re.findall(r'\[WARD_DOC_NET_\w+\] = "([\w-]+)"', NETWORK)
    check_eq(network["mode"]["enum"], modes)
    check_eq(re.findall(r"^\| `([\w-]+)` \| ", PAGE.split("| `mode` |")[1].split("\n\n")[0], re.M), modes)
    limits = set(re.findall(r'X\(WARD_DOC_\w+, "(\w+)"\)', HEADER.split("#define WARD_DOC_LIMITS")[1].split("enum")[0]))
    check(len(limits) == 8, f"limits came out as {limits}")
    check_eq(set(SCHEMA["$defs"]["limits"]["properties"]), limits)
    row = next(line for line in PAGE.splitlines() if line.startswith("| `limits`"))
    check_eq(set(re.findall(r"`(\w+)`", row)) - {"limits"}, limits)


@test
def layers_and_warnings_are_on_the_page():
    layers = re.findall(r'X\(\w+, "(\w+)"\)', (ROOT / "src/policy/layer.h").read_text())
    check(layers, "no layers found")
    for name in layers:
        check(f"| `{name}` |" in PAGE, f"{name} is not on the page")
    kinds = re.findall(r"WARD_DOC_WARN_(\w+)", HEADER)
    check(kinds, "no kinds of warnings found")
    for kind in kinds:
        check(f"| {kind.lower()} |" in PAGE, f"{kind} is not on the page")


@cases(sorted((p.name, p) for p in (ROOT / "examples/policy").glob("*.json")))
def the_schema_takes(path):
    schema.validate(json.loads(path.read_text()), SCHEMA)


def minimal(**spec):
    return {"schemaVersion": 2, "kind": "Policy", "metadata": {"name": "a"}, "spec": spec}


@cases([
    ("version 1", {**minimal(), "schemaVersion": 1}),
    ("another kind", {**minimal(), "kind": "policy"}),
    ("a field more", {**minimal(), "extra": 1}),
    ("a name with a dot", {**minimal(), "metadata": {"name": "a.b"}}),
    ("no name", {**minimal(), "metadata": {}}),
    ("grammar 3", minimal(grammar=3)),
    ("no list", minimal(denyRead="a")),
    ("an exception from denyRead", minimal(denyRead=["!a"])),
    ("an absolute path", minimal(denyModify=["/etc"])),
    ("no name of a profile", minimal(fsProfiles={"": {}})),
    ("a misspelt list", minimal(fsProfiles={"a": {"raed": []}})),
    ("no variable", minimal(fsProfiles={"a": {"env": ["9"]}})),
    ("no count", minimal(fsProfiles={"a": {"limits": {"pids": 0}}})),
    ("no mode", minimal(fsProfiles={"a": {"network": {"mode": "closed"}}})),
    ("no map", minimal(fsProfiles={"a": {"network": "open"}})),
    ("no port", minimal(fsProfiles={"a": {"network": {"mode": "allow", "allow": ["a.org"]}}})),
    ("an exception from allow", minimal(fsProfiles={"a": {"network": {"mode": "allow", "allow": ["!a.org:1"]}}})),
    ("no program", minimal(fsProfiles={"a": {"allowExec": ["!x"]}})),
])
def the_schema_refuses(document):
    schema.validate(minimal(), SCHEMA)
    try:
        schema.validate(document, SCHEMA)
    except schema.Invalid:
        return
    check(False, f"taken: {document}")


main()

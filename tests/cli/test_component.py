#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents about components: each mistake is one line with its place and how to mend it, and nothing runs; reader, page, JSON schema
and the schema of policies know the same fields and words."""
import copy
import json
import re

import cli
import schema
from cli import ward
from tap import cases, check, check_eq, check_in, main, test

PAGE = (cli.ROOT / "docs/spec/component.md").read_text()
SCHEMA = json.loads((cli.ROOT / "docs/spec/component.schema.json").read_text())
GOOD = {"schemaVersion": 1, "kind": "Component",
        "metadata": {"id": "3f2c1a90-0000-4000-8000-0123456789ab", "name": "fetch", "version": "1.2.0", "lifecycle": "stable"},
        "spec": {"trust": "semi_trusted", "tier": 1, "capabilities": [{"type": "FILE_READ", "resource": "src/**"}]}}


def put(path, value):
    def change(doc):
        *up, last = path.split(".")
        for key in up:
            doc = doc[int(key) if key.isdigit() else key]
        if value is None:
            del doc[last]
        else:
            doc[last] = value
    return change


def show(text, name="c.json"):
    with cli.place() as p:
        p.write(name, text)
        return ward("policy", "show", "--component", name, cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config")))


def changed(change):
    doc = copy.deepcopy(GOOD)
    change(doc)
    return doc


@test
def a_good_one():
    schema.validate(GOOD, SCHEMA)
    for doc in (GOOD, changed(put("spec", None)), changed(put("metadata.version", "0.0.1-rc.1+b7")), changed(put("metadata.description", "x"))):
        schema.validate(doc, SCHEMA)
        r = show(json.dumps(doc))
        check_eq(r.code, 0, r.err)
    example = re.search(r"```yaml\n(.*?)```", PAGE, flags=re.S).group(1)
    r = show(example, "c.yaml")
    check_eq(r.code, 0, r.err)


@cases([(name, put(path, value), says) for name, path, value, says in [
    ("another kind", "kind", "Policy", "write kind \"Component\""),
    ("no id", "metadata.id", None, "without \"id\""),
    ("no lifecycle", "metadata.lifecycle", None, "without \"lifecycle\""),
    ("no metadata", "metadata", None, "without \"metadata\""),
    ("an id in capitals", "metadata.id", GOOD["metadata"]["id"].upper(), "is no UUID"),
    ("a short id", "metadata.id", "3f2c1a90", "is no UUID"),
    ("an id that is a number", "metadata.id", 7, "id must be a string, not an integer"),
    ("no name", "metadata.name", "", "is no name"),
    ("a name of two lines", "metadata.name", "a\nb", "is no name"),
    ("two numbers", "metadata.version", "1.2", "is no version"),
    ("a version with a rest", "metadata.version", "1.2.3 beta", "is no version"),
    ("a misspelt lifecycle", "metadata.lifecycle", "experimantal", "did you mean \"experimental\"?"),
    ("unregistered is what others are", "metadata.lifecycle", "unregistered", "unknown lifecycle"),
    ("an unknown field", "metadata.lifecylce", "x", "did you mean \"lifecycle\"?"),
    ("an unknown field of spec", "spec.trsut", "x", "did you mean \"trust\"?"),
    ("an unknown field at the top", "specs", {}, "did you mean \"spec\"?"),
    ("an unknown trust", "spec.trust", "trustedd", "did you mean \"trusted\"?"),
    ("tier 4", "spec.tier", 4, "there is no such tier"),
    ("tier -1", "spec.tier", -1, "there is no such tier"),
    ("a tier by its name", "spec.tier", "gvisor", "tier must be a number, not a string; 0 direct, 1 native, 2 gvisor, 3 microvm"),
    ("a version of policies", "schemaVersion", 2, "schemaVersion is not 1, the one of components that is read; write schemaVersion: 1"),
    ("one capability", "spec.capabilities", {"type": "FILE_READ"}, "must be a list"),
    ("a misspelt type", "spec.capabilities", [{"type": "FILE_RAED", "resource": "x"}], "did you mean FILE_READ?"),
    ("an empty resource", "spec.capabilities", [{"type": "FILE_READ", "resource": ""}], "the resource is empty"),
    ("what nothing holds", "spec.capabilities", [{"type": "SECRET_ACCESS", "resource": "token"}],
     "SECRET_ACCESS: not held by this backend"),
    ("an option of a capability", "spec.capabilities", [{"type": "FILE_READ", "resource": "x", "optional": True}], "unknown field"),
]])
def is_one_line_that_says_how(change, says):
    doc = changed(change)
    r = show(json.dumps(doc))
    check_eq((r.code, r.out), (2, ""), r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check(re.match(r"ward: c\.json:1:\d+: ", r.err) and "; " in r.err, r.err)
    check_in(says, r.err)


@test
def the_same_words_everywhere():
    reader = (cli.ROOT / "src/policy/doc/component.c").read_text()
    meta, spec = SCHEMA["properties"]["metadata"], SCHEMA["properties"]["spec"]
    words = (cli.ROOT / "data/ward.cedarschema").read_text()

    def of_schema(name):
        return set(re.findall(r'"(\w+)"', re.search(rf"entity {name} enum \[(.*?)\]", words).group(1)))

    def of_reader(name):
        return set(re.findall(r'"(\w+)"', re.search(rf"{name}\[\w*\] = \{{(.*?)\}}", reader, flags=re.S).group(1)))
    check_eq(set(meta["properties"]["lifecycle"]["enum"]), of_schema("Phase") - {"unregistered"})
    check_eq(of_reader("phases"), of_schema("Phase") - {"unregistered"})
    check_eq(set(spec["properties"]["trust"]["enum"]), of_schema("Trust"))
    check_eq(of_reader("trusts"), of_schema("Trust"))
    names = [set(re.findall(r'"(\w+)"', m)) for m in re.findall(r"names\[\w*\] = \{(.*?)\}", reader, flags=re.S)]
    for part in (meta["properties"], spec["properties"], SCHEMA["properties"]):
        check_in(set(part), names)
    for field in [f"metadata.{f}" for f in meta["properties"]] + [f"spec.{f}" for f in spec["properties"]]:
        check_in(f"`{field}`", PAGE)


@test
def missing_files():
    with cli.place() as p:
        r = p.run("--component", "none.json", "true")
        check_eq(r.code, 125)
        check_in("none.json", r.err)


main()

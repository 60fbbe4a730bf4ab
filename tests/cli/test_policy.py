#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward policy: which rule decides, where it stands, what would change it; what is wrong is one line, and nothing is decided."""
import contextlib
import hashlib
import json
import pathlib
import resource
import shutil

import cli
import schema
from cli import ward
from tap import cases, check, check_eq, check_in, main, test

TEAM = """\
schemaVersion: 2
kind: Policy
metadata:
  name: team
spec:
  denyRead: ["secret/**"]
  denyModify: ["locked/**", "!locked/open/**"]
  fsProfiles:
    docs:
      read: ["**"]
      modify: ["docs/**", "!docs/drafts/**", "docs/drafts/mine.md"]
      allowExec: ["/usr/bin/env"]
      env: [LANG]
"""
NET = """\
@id("mirror") @reason("our own mirror")
permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"npm.example.com")
when { resource.port == 443 };
@approval("risky")
permit (principal, action == Ward::Action::"net.connect", resource in Ward::Domain::"example.org");
"""


SCHEMA = json.loads((cli.ROOT / "docs/spec/explain.schema.json").read_text())


@contextlib.contextmanager
def place(files):
    """A workspace that holds files; (words -> Result) in it."""
    with cli.place() as p:
        for name, text in files.items():
            p.write(name, text)

        def policy(*words):
            return ward("policy", *words, cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config")))
        policy.place = p
        yield policy


def explain(policy, *words):
    r = policy("explain", "--json", *words)
    doc = json.loads(r.out)
    schema.validate(doc, SCHEMA)
    return r, doc


@test
def a_document_may_extend_what_is_shipped_whatever_is_asked_for():
    text = TEAM + "    mine:\n      extends: reviewer\n      modify: [out/**]\n"
    with place({"team.yaml": text, "bad.yaml": text.replace("extends: reviewer", "extends: reviewre")}) as policy:
        for words in (("check", "team.yaml"), ("check", "--mode", "read_only", "team.yaml"), ("show", "--policy", "team.yaml")):
            r = policy(*words)
            check_eq((words, r.code), (words, 0), r.err)
        r, doc = explain(policy, "--policy", "team.yaml", "--profile", "mine", "--op", "read", "--path", "docs/x")
        check_eq((r.code, doc["effect"]), (0, "allow"), r.err)
        r = policy("check", "bad.yaml")
        check_eq(r.code, 1, r.err)
        check_in('takes over from "reviewre", which is no profile here; did you mean "reviewer"?', r.err)


@test
def a_mode_that_is_none_is_not_just_denied():
    with place({}) as policy:
        r = policy("explain", "--mode", "read_only", "--action", "mode.enter", "--resource", "read_onl")
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in('unknown mode "read_onl"; did you mean read_only?', r.err)
        for word in ("read_only", "read-only"):
            r, doc = explain(policy, "--mode", "read_only", "--action", "mode.enter", "--resource", word)
            check_eq((r.code, doc["effect"]), (0, "allow"), r.err)


ASKS = [
    # name, words, effect, why, exit, line of the first rule
    ("a mode allows", ["--mode", "workspace_write", "--op", "modify", "--path", "src/a"], "allow", "granted", 0, None),
    ("a mode forbids", ["--mode", "workspace_write", "--op", "modify", "--path", ".ward/x"], "deny", "forbidden", 1, None),
    ("nothing grants", ["--op", "read", "--path", "/etc/shadow"], "deny", "no_rule", 1, None),
    ("the base", ["--op", "read", "--path", "/usr/bin/env"], "allow", "granted", 0, None),
    ("a profile allows", ["--policy", "team.yaml", "--profile", "docs", "--op", "modify", "--path", "docs/a"], "allow", "granted", 0, 11),
    ("an exclamation mark", ["--policy", "team.yaml", "--profile", "docs", "--op", "modify", "--path", "docs/drafts/a"], "deny", "forbidden",
     1, 11),
    ("given back", ["--policy", "team.yaml", "--profile", "docs", "--op", "modify", "--path", "docs/drafts/mine.md"], "allow", "granted", 0,
     11),
    ("denied to all", ["--policy", "team.yaml", "--profile", "docs", "--op", "read", "--path", "secret/k"], "deny", "forbidden", 1, 6),
    ("denied without a profile", ["--policy", "team.yaml", "--read", ".", "--op", "read", "--path", "secret/k"], "deny", "forbidden", 1, 6),
    ("unreadable is not modifiable", ["--policy", "team.yaml", "--write", ".", "--op", "modify", "--path", "secret/k"], "deny", "forbidden",
     1, 6),
    ("an exception of a deny", ["--policy", "team.yaml", "--write", ".", "--op", "modify", "--path", "locked/open/a"], "allow", "granted", 0,
     None),
    ("a program of the profile", ["--policy", "team.yaml", "--profile", "docs", "--action", "proc.exec", "--resource", "/usr/bin/env"],
     "allow", "granted", 0, 12),
    ("another program", ["--policy", "team.yaml", "--profile", "docs", "--action", "proc.exec", "--resource", "/bin/sh"], "deny", "no_rule", 1,
     None),
    ("a variable of the profile", ["--policy", "team.yaml", "--profile", "docs", "--action", "env.read", "--resource", "LANG"], "allow",
     "granted", 0, 13),
    ("a host", ["--policy", "net.cedar", "--action", "net.connect", "--resource", "npm.example.com:443"], "allow", "granted", 0, 1),
    ("another port", ["--policy", "net.cedar", "--action", "net.connect", "--resource", "npm.example.com:80"], "deny", "no_rule", 1, None),
    ("a person is asked", ["--policy", "net.cedar", "--action", "net.connect", "--resource", "a.example.org:1"], "ask", "granted", 1, 4),
    ("no such name", ["--policy", "net.cedar", "--action", "net.connect", "--resource", "npm.example.com"], "deny", "malformed", 1, None),
    ("no variable's name", ["--policy", "env.cedar", "--action", "env.read", "--resource", "A=B"], "deny", "malformed", 1, None),
    ("nor this", ["--policy", "env.cedar", "--action", "env.read", "--resource", "1A"], "deny", "malformed", 1, None),
    ("a variable's name", ["--policy", "env.cedar", "--action", "env.read", "--resource", "_A1"], "allow", "granted", 0, 1),
    ("the profile that nobody wrote", ["--profile", "unrestricted", "--op", "modify", "--path", "src/a"], "allow", "granted", 0, None),
    ("and what it does not say", ["--profile", "unrestricted", "--op", "modify", "--path", "/etc/x"], "deny", "no_rule", 1, None),
    ("an option", ["--read", "src", "--op", "read", "--path", "src/a"], "allow", "granted", 0, None),
]


@cases([(row[0], row[1:]) for row in ASKS])
def answers(row):
    words, effect, why, code, line = row
    env = 'permit (principal, action == Ward::Action::"env.read", resource);\n'
    with place({"team.yaml": TEAM, "net.cedar": NET, "env.cedar": env, "src/a": "", "docs/a": ""}) as policy:
        r, doc = explain(policy, *words)
        check_eq(r.code, code, r.err)
        check_eq((doc["effect"], doc["why"]), (effect, why), doc["text"])
        if line is not None:
            check_eq(doc["rules"][0]["line"], line)
        people = policy("explain", *words)
        check_eq(people.code, code)
        check(people.out.startswith(effect), people.out)


@test
def a_refusal_says_the_least_grant_and_it_works():
    with place({"src/a": "x"}) as policy:
        _, doc = explain(policy, "--op", "read", "--path", "src/a")
        check_in("--cap 'FILE_READ:", doc["cure"])
        cap = doc["cure"].split("'")[1]
        _, doc = explain(policy, "--cap", cap, "--op", "read", "--path", "src/a")
        check_eq(doc["effect"], "allow")


@test
def a_forbid_has_no_cure_on_the_command_line():
    with place({"team.yaml": TEAM}) as policy:
        _, doc = explain(policy, "--policy", "team.yaml", "--read", ".", "--op", "read", "--path", "secret/k")
        check("cure" not in doc, doc)
        check_eq(pathlib.Path(doc["rules"][0]["file"]).name, "team.yaml")
        check_eq(doc["rules"][0]["text"], "secret/**")


@test
def what_is_shown_is_cedar_that_the_language_reads():
    with place({"team.yaml": TEAM, "net.cedar": NET}) as policy:
        r = policy("show", "--mode", "repo_write", "--policy", "team.yaml", "--policy", "net.cedar", "--profile", "docs", "--read",
                   ".")
        check_eq(r.code, 0, r.err)
        (policy.place.side / "all.cedar").write_text(r.out)
        back = ward("cedar", "validate", "-s", str(cli.ROOT / "data/ward.cedarschema"), "-p", str(policy.place.side / "all.cedar"))
        check_eq(back.code, 0, back.out + back.err)
        check_in('@source("team.yaml:11:', r.out)


@test
def the_snapshot_is_named_by_its_hash():
    with place({"team.yaml": TEAM}) as policy:
        words = ["--policy", "team.yaml", "--profile", "docs"]
        r = policy("show", *words, "--as", "snapshot")
        check_eq(policy("show", *words, "--as", "snapshot").out, r.out)
        _, doc = explain(policy, *words, "--op", "read", "--path", "x")
        check_eq(hashlib.sha256(r.out.rstrip("\n").encode()).hexdigest(), doc["policy_sha256"])
        (policy.place.ws / "team.yaml").write_text(TEAM.replace("docs/**", "doc/**"))
        _, other = explain(policy, *words, "--op", "read", "--path", "x")
        check(other["policy_sha256"] != doc["policy_sha256"], "the hash does not change with the policy")


@test
def the_page_for_newcomers_works_as_it_is_written():
    page = (cli.ROOT / "docs/policies.md").read_text().split("## Where they come from")[0]
    blocks = page.split("```")[1::2]
    team, = (b.removeprefix("yaml\n") for b in blocks if b.startswith("yaml\n"))
    lines = [line for b in blocks for line in b.splitlines() if line.startswith("ward ")]
    denied = [line for line in lines if "--op modify" in line]
    check_eq((len(lines), len(denied)), (6, 2), lines)
    with place({"team.yaml": team, "secrets/k": "x", "README.md": "", "Makefile": "all:\n\techo made >out\n\tcat out\n",
                "package.json": '{"name": "x", "version": "1.0.0", "scripts": {"test": "echo tested"}}'}) as policy:
        for line in lines:
            words = line.split()[1:]
            program = words[words.index("--") + 1] if "--" in words else None
            if program and not shutil.which(program):
                continue
            r = ward(*words, cwd=policy.place.ws, env=policy.place.env(HOME=str(policy.place.home)))
            check_eq(r.code, 1 if line in denied else 0, line + "\n" + r.out + r.err)
            if program:
                check_in({"make": "made\n", "npm": "tested\n"}[program], r.out, r.err)


@test
def a_rule_of_many_lines_is_shown_as_one():
    with place({"a.cedar": "// a\r@id(\"a\")\nforbid (\n  principal,\n\taction,\n\n  resource\n)\nwhen { resource in Ward::Path::\"./x\" };",
                "b.cedar": "forbid (principal, action, resource) when { " + " || ".join(
                    f'resource in Ward::Path::"./{i}"' for i in range(30)) + " };"}) as policy:
        r = policy("explain", "--policy", "a.cedar", "--op", "read", "--path", "x")
        check_in('    forbid ( principal, action, resource ) when { resource in Ward::Path::"./x" };\n', r.out)
        r = policy("explain", "--policy", "b.cedar", "--op", "read", "--path", "7")
        line, = (x for x in r.out.splitlines() if x.startswith("    forbid ("))
        check(line.endswith("...") and len(line) < 260, line)


@test
def a_snapshot_makes_its_directory():
    with place({}) as policy:
        store = policy.place.side / "store"
        r = policy("snapshot", "--store", str(store))
        check_eq((r.code, r.err), (0, ""))
        check_eq((pathlib.Path(r.out.strip()).parent, store.stat().st_mode & 0o7777), (store, 0o700))
        r = policy("snapshot", "--store", str(store / "a/b"))
        check_eq(r.code, 2)
        check_in("make what lies above it", r.err)


BAD = [
    ("a misspelt action", ["explain", "--action", "fs.raed", "--resource", "x"], {}, 'unknown action "fs.raed"; did you mean fs.read?'),
    ("a misspelt mode", ["explain", "--mode", "read_onyl", "--op", "read", "--path", "x"], {}, "read_only"),
    ("a misspelt profile", ["explain", "--policy", "team.yaml", "--profile", "dcos", "--op", "read", "--path", "x"], {}, 'did you mean "docs"'),
    ("no question", ["explain", "--mode", "read_only"], {}, "what is asked is missing"),
    ("no name", ["explain", "--action", "env.read", "--resource", ""], {}, '"" names nothing; give the name of what env.read is asked about'),
    ("another operation", ["explain", "--op", "delete", "--path", "x"], {}, "is read or modify"),
    ("an option of run alone", ["explain", "--timeout", "5s", "--op", "read", "--path", "x"], {}, "is no option of ward policy"),
    ("a misspelt option", ["explain", "--jsn", "--op", "read", "--path", "x"], {}, "--jsn: is no option of ward policy; did you mean --json?"),
    ("a misspelt option of its own", ["explain", "--op", "read", "--pth", "x"], {}, "did you mean --path?"),
    ("a command without its word", [], {}, 'the word behind "ward policy" is missing; ward policy explain, check, show, test, diff, fmt or snapshot'),
    ("a misspelt word", ["shwo"], {}, 'unknown command "policy shwo"; did you mean ward policy show?'),
    ("another word", ["frobnicate"], {}, 'unknown command "policy frobnicate"; ward policy explain, check'),
    ("twice", ["explain", "--op", "read", "--op", "read", "--path", "x"], {}, "is given twice"),
    ("a file of no kind", ["check", "x.txt"], {"x.txt": ""}, "the name does not say what it holds"),
    ("a file that is not there", ["check", "nope.yaml"], {}, "nope.yaml"),
    ("a directory", ["check", "dir.yaml"], {"dir.yaml/x": ""}, "dir.yaml"),
    ("no Cedar", ["check", "x.cedar"], {"x.cedar": "permit (principal, action"}, "x.cedar:1:26"),
    ("a type that is not there", ["check", "x.cedar"], {"x.cedar": "\nforbid (principal, action, resource in Ward::Pth::\"/a\");"},
     "x.cedar:2:"),
    ("a path of two spellings", ["check", "x.cedar"], {"x.cedar": 'forbid (principal, action, resource in Ward::Path::"./secret/");'},
     'x.cedar:1:40: a path has one spelling: no "//", no "/./", no "/" at its end; write "./secret"'),
    ("hosts of a pattern", ["check", "x.cedar"], {"x.cedar": 'permit (principal, action, resource in Ward::Host::"*.example.com");'},
     'x.cedar:1:40: these are several hosts, and this is the type of one; write `resource in Ward::Domain::"*.example.com"`'),
    ("hosts at any depth", ["check", "x.cedar"], {"x.cedar": 'permit (principal, action, resource in Ward::Host::"**.example.com");'},
     'write `resource in Ward::Domain::"example.com"`'),
    ("a range of addresses", ["check", "x.cedar"], {"x.cedar": 'permit (principal, action, resource in Ward::Host::"192.0.2.0/24");'},
     'write `resource in Ward::Cidr::"192.0.2.0/24"`'),
    ("a pattern that is none", ["check", "x.cedar"], {"x.cedar": 'forbid (principal, action, resource in Ward::Glob::"a[");'}, "x.cedar:1:40"),
    ("an annotation that is not there", ["check", "x.cedar"], {"x.cedar": '@aproval("risky") permit (principal, action, resource);'},
     "did you mean @approval?"),
    ("a circle", ["check", "x.yaml"], {"x.yaml": "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  fsProfiles:\n"
                                                 "    a: {extends: b}\n    b: {extends: a}\n"}, "in a circle"),
    ("a bomb", ["check", "x.yaml"], {"x.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12))}, "x.yaml:"),
    ("a field that is not there", ["check", "x.yaml"], {"x.yaml": TEAM.replace("denyRead", "denyRaed")}, "denyRead"),
    ("a version of before", ["check", "x.yaml"], {"x.yaml": TEAM.replace("schemaVersion: 2", "schemaVersion: 1")}, "schemaVersion"),
    ("a repository's root elsewhere", ["explain", "--repo-root", "/usr", "--mode", "read_only", "--op", "read", "--path", "x"], {},
     "--repo-root: "),
]


@cases([(row[0], row[1:]) for row in BAD])
def is_one_line_that_says_how(row):
    words, files, says = row
    with place({"team.yaml": TEAM, **files}) as policy:
        r = policy(*words)
        check(r.code in (1, 2), r.out)
        check_eq(r.out, "")
        check_eq(len(r.err.splitlines()), 1, r.err)
        check_in(says, r.err)


@cases([(who, (who, code)) for who, code in (("Ward::Person", 1), ("Ward::Run", 0))])
def who_enters_a_mode_is_the_person(row):
    who, code = row
    with place({"m.cedar": f'forbid (principal is {who}, action == Ward::Action::"mode.enter", resource);\n',
                "t.json": json.dumps([{"action": "mode.enter", "resource": "workspace_write", "expect": "deny" if code else "allow"}])}) as policy:
        words = ["--policy", "m.cedar", "--mode", "workspace_write"]
        # The plan of a run is refused, or not; who asks beforehand is told so.
        r = policy("explain", *words, "--json", "--action", "mode.enter", "--resource", "workspace_write")
        check_eq(json.loads(r.out)["effect"], "deny" if code else "allow", r.err)
        check_eq(policy("test", *words, "t.json").out, "1 passed, 0 failed\n")
        p = policy.place
        r = ward("plan", *words, "--", "true", cwd=p.ws, env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "config")))
        check_eq("mode workspace_write: a rule forbids it" in r.err, code != 0, r.err)


PROFILE = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  fsProfiles:\n    a: %s\n"


@cases([(name, row) for name, *row in (
    ("a file that is not there", ["none.yaml"], 2, "none.yaml"),
    ("one of an option", ["--policy", "none.cedar"], 2, "none.cedar"),
    ("a profile to extend that is not there", ["extends.yaml"], 1, "extends.yaml:6:18: "),
    ("wrong capabilities of an option", ["--capabilities", "caps.json"], 1, 'caps.json:1:'),
    ("capabilities that are not there", ["--capabilities", "none.json"], 2, "none.json"),
    ("a wrong option", ["--mode", "reed", "program.yaml"], 2, "reed"),
    ("a profile of an option that is not there", ["program.yaml", "--profile", "b"], 1, 'there is no profile "b"'),
    ("a program that is not there", ["program.yaml", "--profile", "a"], 1, "program.yaml:6:34: there is no program"),
    ("a program with its arguments", ["words.yaml", "--profile", "a"], 1,
     'words.yaml:6:34: there is no program "sh -c" on PATH; a program is granted with whatever arguments: write "sh"'),
    ("a program that is not there, of two words", ["blank.yaml", "--profile", "a"], 1,
     'blank.yaml:6:34: there is no program "Visual Studio Code" on PATH; write its whole path'),
    ("a program that is denied with its arguments", ["denied.yaml", "--profile", "a"], 1,
     'denied.yaml:6:33: denyExec "sh -c" takes nothing away: there is no program of that name on the PATH; a program is denied with whatever '
     'arguments: write "sh"'),
    ("a deny in a profile", ["inside.yaml"], 1, 'inside.yaml:6:9: unknown field "denyRead" in profile "a"; it belongs below spec, beside fsProfiles'),
    ("a grant beside the profiles", ["beside.yaml"], 1, 'beside.yaml:5:3: unknown field "network" in spec; it belongs into a profile'))])
def check_tells_a_wrong_policy_from_none(row):
    words, code, says = row
    with place({"caps.json": '[{"type": "FILE_READ", "resource": "src/"}]', "extends.yaml": PROFILE % "{extends: b}",
                "program.yaml": PROFILE % '{read: [src], allowExec: [no-such-program]}',
                "denied.yaml": PROFILE % '{read: [src], denyExec: ["sh -c"]}', "inside.yaml": PROFILE % '{denyRead: [a]}',
                "beside.yaml": PROFILE.replace("fsProfiles", "network: {mode: open}\n  fsProfiles") % "{read: [src]}",
                "blank.yaml": PROFILE % '{read: [src], allowExec: ["Visual Studio Code"]}',
                "words.yaml": PROFILE % '{read: [src], allowExec: ["sh -c"]}'}) as policy:
        r = policy("check", *words)
        check_eq((r.code, r.out), (code, ""), r.err)
        check_in(says, r.err)


@cases([(name, row) for name, *row in (
    ("a key alone", 'contains("team")', 1),
    ("a value alone", 'contains("=ops")', 1),
    ("one of a set", 'containsAny(["team=ops", "team"])', 1),
    ("all of a set", 'containsAll(["", "x"])', 2),
    ("longer than one can be", f'contains("k={"v" * 255}")', 1),
    ("one", 'contains("team=ops")', 0),
    ("some", 'containsAny(["team=", "a=b=c"])', 0))])
def a_label_that_no_run_has_is_said(row):
    asked, n = row
    for effect in ("permit", "forbid"):
        with place({"x.cedar": f'{effect} (principal, action == Ward::Action::"fs.read", resource) when {{ context.labels.{asked} }};\n'}) as policy:
            r = policy("check", "x.cedar")
            said = r.out + r.err
            check_eq((r.code, said.count("no run has a label of this text: one is KEY=VALUE"), said.count("x.cedar:1:")), (0, n, n), said)


@cases([(name, row) for name, *row in (
    ("of other types", 'context.labels == "team=ops"', "both operands to a `==` expression must have compatible types"),
    ("of another element", "context.labels.contains(1)", "elements of the first operand and the second operand to a `contains` expression"))])
def what_is_said_of_types_names_no_number(row):
    asked, says = row
    with place({"x.cedar": f'@id("mine") permit (principal, action == Ward::Action::"fs.read", resource) when {{ {asked} }};\n'}) as policy:
        r = policy("check", "x.cedar")
        check_eq((r.code, "for policy" in r.err), (1, False), r.err)
        check_in("are not compatible; " + says, r.err)


FORBID = 'forbid (principal, action == Ward::Action::"fs.read", resource in %s);\n'


FS_READ = 'Ward::Action::"fs.read"'
CONNECT = 'forbid (principal, action == Ward::Action::"net.connect", resource'

# What the language would suggest is the nearest word, whatever it means; Ward's own words are known. Each cure is what stands in the place of the
# mistake: (what is wrong, what is said, the same text mended, which is right).
MEANT = [
    ("the word of an option for an action", 'permit (principal, action == Ward::Action::"file.read", resource in Ward::Path::"./x");', f"write `{FS_READ}`",
     'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./x");'),
    ("one that means two", 'permit (principal, action == Ward::Action::"FILE_WRITE", resource in Ward::Path::"./x");',
     f'write `action in [{FS_READ}, Ward::Action::"fs.write"]`',
     f'permit (principal, action in [{FS_READ}, Ward::Action::"fs.write"], resource in Ward::Path::"./x");'),
    ("a misspelt action", 'permit (principal, action == Ward::Action::"net.conect", resource);', 'did you mean `Ward::Action::"net.connect"`?', None),
    ("an action like none", 'permit (principal, action == Ward::Action::"frobnicate", resource);', "data/ward.cedarschema", None),
    ("a file", FORBID.strip() % 'Ward::File::"./x"', "did you mean `Ward::Path`?", FORBID.strip() % 'Ward::Path::"./x"'),
    ("a directory", FORBID.strip() % 'Ward::Directory::"./x"', "did you mean `Ward::Path`?", FORBID.strip() % 'Ward::Path::"./x"'),
    ("a user", f'forbid (principal in User::"ada", action == {FS_READ}, resource);', "did you mean `Ward::Person`?",
     f'forbid (principal in Ward::Person::"ada", action == {FS_READ}, resource);'),
    ("a misspelt type", FORBID.strip() % 'Ward::Cdir::"10.0.0.0/8"', "did you mean `Ward::Cidr`?", None),
    ("a type like none", FORBID.strip() % 'Ward::Frobnicator::"x"', "data/ward.cedarschema", None),
    ("a port of what may be no endpoint", CONNECT + ") when { resource.port == 443 };",
     "Ward::Endpoint alone has it: write `resource is Ward::Endpoint && resource.port ...`",
     CONNECT + ") when { resource is Ward::Endpoint && resource.port == 443 };"),
    ("a name of a path", f'forbid (principal, action == {FS_READ}, resource) when {{ resource.name like "*.c" }};', 'resource in Ward::Glob::"**/*.c"',
     f'forbid (principal, action == {FS_READ}, resource) when {{ resource in Ward::Glob::"**/*.c" }};'),
    ("a text for an entity", f'forbid (principal, action == {FS_READ}, resource) when {{ context.environment == "dev" }};',
     'write `Ward::Environment::"dev"`',
     f'forbid (principal, action == {FS_READ}, resource) when {{ context.environment == Ward::Environment::"dev" }};'),
    ("a function like none", f'forbid (principal, action == {FS_READ}, resource) when {{ context.time < date("2027-01-01") }};', "datetime", None),
    ("a comment of a shell", "# mine\n" + FORBID.strip() % 'Ward::Path::"./x"', "a comment begins with //", "// mine\n" + FORBID.strip() % 'Ward::Path::"./x"'),
    ("a comment of C", "/* mine */\n" + FORBID.strip() % 'Ward::Path::"./x"', "a comment begins with //", None),
    ("and", f'forbid (principal, action == {FS_READ}, resource) when {{ true and true }};', "write `&&`", None),
    ("not", f'forbid (principal, action == {FS_READ}, resource) when {{ not (resource in Ward::Path::"./x") }};', "write `!`",
     f'forbid (principal, action == {FS_READ}, resource) when {{ !(resource in Ward::Path::"./x") }};'),
    ("several resources", FORBID.strip() % '[Ward::Path::"./x", Ward::Path::"./y"]', "`when { resource in [...] }`",
     f'forbid (principal, action == {FS_READ}, resource) when {{ resource in [Ward::Path::"./x", Ward::Path::"./y"] }};'),
    ("no semicolon", FORBID.strip()[:-1] % 'Ward::Path::"./x"' + "\n" + FORBID.strip() % 'Ward::Path::"./y"', "a `;` ends the policy before this one", None),
    ("a home by its variable", FORBID.strip() % 'Ward::Path::"$HOME/.ssh"', "write the whole path as this host has it", FORBID.strip() % 'Ward::Path::"/root/.ssh"'),
    ("a drive", FORBID.strip() % 'Ward::Path::"C:/Users"', "write the whole path as this host has it", None),
    ("an endpoint without a port", CONNECT + ' == Ward::Endpoint::"example.com");', 'every port: `resource in Ward::Host::"example.com"`',
     CONNECT + ' in Ward::Host::"example.com");'),
    ("an endpoint of all ports", CONNECT + ' == Ward::Endpoint::"example.com:*");', 'every port: `resource in Ward::Host::"example.com"`',
     CONNECT + ' in Ward::Host::"example.com") when { resource.port == 443 };'),
    ("endpoints of a domain", CONNECT + ' == Ward::Endpoint::"**.example.com:443");', 'every port: `resource in Ward::Domain::"example.com"`',
     CONNECT + ' in Ward::Domain::"example.com");'),
    ("a service for a port", CONNECT + ' == Ward::Endpoint::"example.com:https");', "one port is HOST:443", CONNECT + ' == Ward::Endpoint::"example.com:443");'),
    ("a URL", CONNECT + ' == Ward::Endpoint::"https://example.com");', "write host:port alone", CONNECT + ' == Ward::Endpoint::"example.com:443");'),
    ("a component by its name", f'forbid (principal in Ward::Component::"fetch", action == {FS_READ}, resource);', "write the metadata.id of its description",
     f'forbid (principal in Ward::Component::"3f2c1a90-0000-4000-8000-0123456789ab", action == {FS_READ}, resource);'),
]


@cases([(row[0], row[1:]) for row in MEANT])
def what_was_meant_is_said_and_is_right(row):
    text, says, mended = row
    with place({"x.cedar": text + "\n", "y.cedar": mended or ""}) as policy:
        r = policy("check", "x.cedar")
        check_eq((r.code, r.out, len(r.err.splitlines())), (1, "", 1), r.err)
        check_in(says, r.err)
        if mended:
            r = policy("check", "y.cedar")
            check_eq((r.code, r.err), (0, ""), r.out)


@cases([(name, row) for name, *row in (
    ("everything", "permit (principal, action, resource);", True), ("reading", f"permit (principal, action == {FS_READ}, resource);", True),
    ("by a family", 'permit (principal, action in Ward::Action::"repo_write_files", resource);', True),
    ("of nobody", 'permit (principal == Ward::Person::"ada", action, resource);', False),
    ("of one person", 'permit (principal in Ward::Person::"ada", action, resource);', True),
    ("the workspace", FORBID.replace("forbid", "permit").strip() % 'Ward::Path::"./"', False),
    ("variables", 'permit (principal, action == Ward::Action::"env.read", resource);', False),
    ("what a condition tells", f'permit (principal, action == {FS_READ}, resource) when {{ resource in Ward::Glob::"**" }};', False),
    ("forbidding", "forbid (principal, action, resource);", False))])
def a_permit_without_a_scope_is_said(row):
    text, said = row
    with place({"x.cedar": text}) as policy:
        r = policy("check", "x.cedar")
        check_eq((r.code, "x.cedar:1:1: this permit is of every file of this host; name what is meant" in r.out + r.err), (0, said), r.out + r.err)


DOCUMENT = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n"

MEANT_YAML = [
    ("an entry that is indented further", "  denyRead:\n  - x\n   - y\n", 'x.yaml:7:4: this "- " goes on with the text of line 6',
     "  denyRead:\n  - x\n  - y\n"),
    ("an entry without a blank", "  denyRead:\n    -x\n", 'write a blank behind the "-" of each entry: "- x"', "  denyRead:\n    - x\n"),
    ("a pattern without quotes", "  denyRead: [**/.env]\n", 'x.yaml:5:15: not YAML: did not find expected alphabetic or numeric character; '
     'a text that begins with "*" is written in quotes: "**/.env"', '  denyRead: ["**/.env"]\n'),
    ("an exception without quotes", "  denyModify: [a/**, !a/b]\n", 'is written in quotes: "!a/b"', '  denyModify: [a/**, "!a/b"]\n'),
    ("a field of spec beside it", "  description: x\ndenyRead: [x]\n", "it belongs below spec, and is indented there",
     "  description: x\n  denyRead: [x]\n"),
    ("an empty spec", "denyRead: [x]\n", 'what belongs to "spec" is indented below it', "  denyRead: [x]\n"),
    ("profiles beside their field", "  fsProfiles:\n  a:\n    read: [x]\n", 'what belongs to "fsProfiles" is indented below it',
     "  fsProfiles:\n    a:\n      read: [x]\n"),
    ("a profile without content", "  fsProfiles:\n    a:\n    read: [x]\n", "what belongs to it is indented below it",
     "  fsProfiles:\n    a:\n      read: [x]\n"),
    ("another word for a field", '  fsProfiles: {a: {read: [x], write: [x]}}\n', 'did you mean "modify"?', '  fsProfiles: {a: {read: [x], modify: [x]}}\n'),
    ("a home by its variable", '  denyRead: ["$HOME/.ssh/**"]\n', "no variable is expanded; write a path relative to the workspace", '  denyRead: ["./$HOME/.ssh/**"]\n'),
    ("a variable in braces", '  denyRead: ["${HOME}/.ssh/**"]\n', "no variable is expanded", None),
    ("a variable of Windows", '  denyRead: ["%APPDATA%/x"]\n', "no variable is expanded", None),
    ("a drive", "  denyRead: ['C:\\Users\\me']\n", "there are no drives here", "  denyRead: ['./C:/Users/me']\n"),
    ("a URL", '  denyRead: ["file:///etc/passwd"]\n', "a URL is no path", None),
    ("memory without a unit", "  fsProfiles: {a: {read: [x], limits: {memory: 512}}}\n", "too little to start anything; write 1M or more",
     "  fsProfiles: {a: {read: [x], limits: {memory: 512M}}}\n"),
    ("a disk without a unit", "  fsProfiles: {a: {read: [x], limits: {disk: 512}}}\n", "too little to start anything; write 64K or more", None),
    ("too few descriptors", "  fsProfiles: {a: {read: [x], limits: {nofile: 10}}}\n", "write a whole number, 16 to", None),
    ("nothing", None, "x.yaml:1:1: the document is empty; write what it is to say", None),
]


@cases([(row[0], row[1:]) for row in MEANT_YAML])
def what_was_meant_in_yaml_is_said_and_is_right(row):
    text, says, mended = row
    with place({"x.yaml": DOCUMENT + text if text else "", "y.yaml": DOCUMENT + (mended or "")}) as policy:
        r = policy("check", "x.yaml")
        check_eq((r.code, r.out, len(r.err.splitlines())), (1, "", 1), r.err)
        check_in(says, r.err)
        if mended:
            r = policy("check", "y.yaml")
            check_eq((r.code, r.err), (0, ""), r.out)


@cases([(name, row) for name, *row in (("of no system", "$slug/**", 0), ("a file of no variable", "$RECYCLE.BIN/**", 0), ("as written", "./$HOME/**", 0), ("in the middle", "a/$HOME/**", 0))])
def a_name_with_a_dollar_is_a_name(row):
    rule, code = row
    with place({"x.yaml": DOCUMENT + f'  denyRead: ["{rule}"]\n'}) as policy:
        r = policy("check", "x.yaml")
        check_eq((r.code, r.err), (code, ""), r.out)


@cases([(name, row) for name, *row in (
    ("a pattern as a path", 'Ward::Path::"./secrets/**"', 1, 'this forbid holds nothing but a file of that very name: in a path "*" is a character'),
    ("a program's pattern as a path", 'Ward::Path::"/opt/*"', 1, "Ward::Glob"),
    ("a path of somebody's home", 'Ward::Path::"~/x"', 1, 'write the whole path'),
    ("a path above", 'Ward::Path::"../x"', 1, 'write the whole path: ".." is in none'),
    ("a directory with a slash", 'Ward::Glob::"secrets/"', 0, "this pattern is the directory alone"),
    ("an exception", 'Ward::Glob::"!secrets/**"', 0, 'in a pattern "!" takes nothing away'),
    ("a pattern of somebody's home", 'Ward::Glob::"~/x/**"', 0, 'in a pattern "~" is not expanded'))])
def an_id_that_means_another_thing_is_said(row):
    resource, code, says = row
    with place({"x.cedar": FORBID % resource}) as policy:
        r = policy("check", "x.cedar")
        check_eq(r.code, code, r.out + r.err)
        check_in("x.cedar:1:", r.out + r.err)
        check_in(says, r.out + r.err)


@test
def a_character_that_a_pattern_escapes_is_meant():
    # What the error says to write instead is taken, and a permit of such a file is a warning alone; so is what an option names.
    with place({"x.cedar": FORBID % 'Ward::Glob::"a\\\\*"', "y.cedar": FORBID.replace("forbid", "permit") % 'Ward::Path::"./a*"', "a*": "x"}) as policy:
        r = policy("check", "x.cedar")
        check_eq((r.code, "warning:" in r.out), (0, False), r.out + r.err)
        r = policy("explain", "--read", ".", "--policy", "x.cedar", "--op", "read", "--path", "a*")
        check_in("x.cedar:1:1", r.out)
        r = policy("check", "y.cedar")
        check_eq(r.code, 0, r.err)
        check_in('warning: y.cedar:1:1: in a path "*" is a character like any other', r.out)
        r = policy("check", "--read", "a*")
        check_eq((r.code, "warning:" in r.out), (0, False), r.out + r.err)


@test
def a_set_of_names_in_grammar_1_takes_nothing_away_unsaid():
    deny = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  %sdenyRead: ['secrets/%s']\n"
    with place({"a.yaml": deny % ("", "{a,b}"), "b.yaml": deny % ("", "[ab].key"), "c.yaml": deny % ("grammar: 2\n  ", "{a,b}"),
                "d.yaml": deny % ("", "a{b")}) as policy:
        for name, said in (("a.yaml", True), ("b.yaml", True), ("c.yaml", False), ("d.yaml", False)):
            r = policy("check", name)
            check_eq((r.code, "is one name, brackets and all, since the grammar is 1; write grammar: 2" in r.out), (0, said), r.out + r.err)


@test
def check_counts_and_warns():
    with place({"team.yaml": TEAM + "    nothing:\n      read: []\n"}) as policy:
        r = policy("check", "team.yaml")
        check_eq(r.code, 0, r.err)
        check_in("read is an empty list", r.out)
        doc = json.loads(policy("check", "team.yaml", "--json").out)
        check_eq(len(doc["warnings"]), 1)


@test
def a_line_is_as_long_as_it_likes():
    """A repository's policies are read by whoever starts a run there: what is one long line is walked once, as many lines are."""
    hosts = [f'Ward::Host::"h{i}.example"' for i in range(20000)]
    took = []
    for between in (",\n", ","):
        text = 'forbid (principal, action == Ward::Action::"net.connect", resource) when { resource in [' + between.join(hosts) + "] };\n"
        with place({"p.cedar": text}) as policy:
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            r = policy("check", "p.cedar")
            took.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
            check_eq(r.code, 0, r.err)
    check(took[1] < 10 * took[0] + 0.2, f"{took} s of the processor")


@test
def the_place_in_a_long_line():
    with place({"p.cedar": 'permit (principal, action == Ward::Action::"fs.read", resource) when {\n  resource in [Ward::Path::"./é", '
                           'Ward::Path::"./a*"] ||\n\n resource in [Ward::Path::"./b*", Ward::Path::"./c*"] };\n'}) as policy:
        r = policy("check", "p.cedar")
        check_eq([line.split(" ")[1] for line in (r.out + r.err).splitlines() if 'a path "*"' in line],
                 ["p.cedar:2:35:", "p.cedar:4:15:", "p.cedar:4:35:"], r.err)


main()

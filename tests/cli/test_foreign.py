#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Policies that somebody else wrote: what a repository that nobody trusts cannot bring about, and what its names cannot do to a terminal."""
import json
import re
import shutil
import subprocess

import cli
from cli import placed, ward
from tap import cases, check, check_eq, check_in, main, skip, test

DOCUMENT = """\
schemaVersion: 2
kind: Policy
metadata: {name: x}
spec:
  fsProfiles:
    p:
      read: ["**"]
      allowExec: ["*"]
"""
FORBID = 'forbid (principal, action == Ward::Action::"env.read", resource == Ward::Variable::"COLOUR");\n'
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
HOSTILE = ('// a comment\x1b[31m\n@id("i\x1b]0;x\x07\u202e") @reason("r\\u{1b}[31m\\u{202e} \\\\\\" \x1b")\n'
           'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./s");\n'
           "// over\r// there\n")
BEHIND = HOSTILE.replace("// there", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./t");')


def foreign(p):
    """As cli.Place.run(), and ward KIND, with a home of its own: no policies of whoever runs the tests."""
    env = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "COLOUR": "of the host"}

    def run(*words, kind=("run",)):
        if kind == ("run",):
            return p.run(*words, env=env)
        return ward(*kind, *words, cwd=p.ws, env=p.env(**env))
    return run


# ---- variables ----

@cases([("a value", "COLOUR=evil"), ("the host's", "COLOUR"), ("the way to programs", "PATH=/nowhere")])
@placed
def an_untrusted_profile_sets_no_variable(p, entry):
    p.write(".ward/a.yaml", DOCUMENT + f'      env: ["{entry}"]\n')
    run = foreign(p)
    r = run("--mode", "workspace_write", "--profile", "p", "/usr/bin/env")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("a.yaml:9:13: ENV", r.err)
    check_in("is not trusted", r.err)
    check("evil" not in r.err, "a value is shown: " + r.err)
    check_eq(run(kind=("trust",)).code, 0)
    r = run("--profile", "p", "--env", "X=1", "/usr/bin/env")
    check_in(entry if "=" in entry else "COLOUR=of the host", r.out, r.err)


@cases([("by an option", ["--env", "COLOUR=secret"]), ("by a capability", ["--cap", "ENV:COLOUR=secret"]),
        ("passed", ["--env", "COLOUR"])])
@placed
def a_forbidden_variable_is_not_set_either(p, words):
    p.write("f.cedar", FORBID)
    r = foreign(p)("--policy", "f.cedar", *words, "/usr/bin/env")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in('ENV "COLOUR": a rule forbids it; f.cedar:1', r.err)
    check("secret" not in r.err, "a value is shown: " + r.err)
    r = foreign(p)("--policy", "f.cedar", *(w.replace("COLOUR", "OTHER") for w in words), "--env", "X=1", "/usr/bin/true")
    check_eq(r.code, 0 if "=" in words[1] else 125, r.err)


@test
@placed
def a_value_needs_no_permit(p):
    p.write("f.cedar", 'permit (principal, action == Ward::Action::"env.read", resource == Ward::Variable::"LANG");\n')
    r = foreign(p)("--policy", "f.cedar", "--env", "COLOUR=red", "/usr/bin/env")
    check_in("COLOUR=red\n", r.out, r.err)


# ---- what says what runs may do ----

ATTACK = """
mkdir -p config/ward state/ward; echo 'permit (principal, action, resource);' >config/ward/x.cedar && echo WRITTEN
echo '{}' >state/ward/trust && echo TRUSTED
mv config/ward config/w && echo MOVED; mv config c && echo MOVED; mv state s && echo MOVED; rm -rf config state && echo GONE
mkdir -p config/ward && echo 'permit (principal, action, resource);' >config/ward/x.cedar && echo REPLACED
echo more >>own.cedar && echo MORE; echo other >o; mv o own.cedar && echo OTHER; rm own.cedar && echo GONE; true
"""


def left(p):
    """What lies in the state directory but the place where ward itself listens for ward stop, and that of layers, which is kept empty."""
    state = p.ws / "state/ward"
    return [f.name for f in state.iterdir() if f.name != "live" and (f.name != "runs" or list(f.iterdir()))] if state.exists() else []


@cases([(f"{name}, {where}", words, made) for name, words in (("a mode", ["--mode", "workspace_write"]), ("an option", ["--write", "."]),
                                                              ("a policy", ["--policy", "own.cedar", "--write", "."]))
        for where, made in (("there", True), ("absent", False))])
@placed
def no_run_writes_what_runs_may_do(p, words, made):
    """Of somebody whose configuration lies in the workspace: a repository of dotfiles, ~/.config itself."""
    own = 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n'
    p.write("own.cedar", own)
    if made:
        p.write("config/ward/a.cedar", "// mine\n")
        (p.ws / "state/ward").mkdir(parents=True)
    env = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.ws / "config"), "XDG_STATE_HOME": str(p.ws / "state")}
    r = p.run(*words, "/bin/sh", "-c", ATTACK, env=env)
    check_eq(r.code, 0, r.err)
    said = r.out.split()
    check(not {"WRITTEN", "TRUSTED", "MOVED", "REPLACED"} & set(said), r.out + r.err)
    if made:
        check_eq([f.name for f in (p.ws / "config/ward").iterdir()], ["a.cedar"])
        check_eq(left(p), [])
    else:
        check(not (p.ws / "config/ward").exists() and not left(p), "made")
    if "--policy" in words:
        check_eq((p.ws / "own.cedar").read_text(), own)
    else:
        check("MORE" in said, r.out + r.err)
    r = ward("policy", "explain", *words, "--op", "modify", "--path", "config/ward/x", cwd=p.ws, env=p.env(**env))
    check_eq(r.code, 1, r.err)
    check_in("it says what runs may do; no run writes it", r.out)


@test
@placed
def no_run_writes_its_capabilities(p):
    caps = '[{"type": "FILE_READ", "resource": "d/**"}, {"type": "FILE_WRITE", "resource": "d/**"}]'
    p.write("d/caps.json", caps)
    p.write("d/f", "x")
    script = "cd d; echo >>caps.json && echo ADDED; rm caps.json && echo GONE; echo >n; mv n caps.json && echo OTHER; mv ../d ../e && echo MOVED; echo y >f"
    r = foreign(p)("--capabilities", "d/caps.json", "/bin/sh", "-c", script)
    check_eq((r.code, r.out), (0, ""), r.err)
    check_eq(((p.ws / "d/caps.json").read_text(), (p.ws / "d/f").read_text()), (caps, "y\n"))
    # One that lists nothing yet is one all the same.
    p.write("d/none.json", "[]")
    r = foreign(p)("--capabilities", "d/none.json", "--write", "d", "/bin/sh", "-c", f"echo '{caps}' >d/none.json; mv d/f d/none.json")
    check_eq((p.ws / "d/none.json").read_text(), "[]", r.err)
    # Outside of what is written nothing changes, and no policy is read for it.
    p.write("caps.json", caps)
    r = foreign(p)("--capabilities", "caps.json", "/bin/sh", "-c", "echo z >d/f; echo >d/caps.json")
    check_eq((r.code, (p.ws / "d/f").read_text(), (p.ws / "d/caps.json").read_text()), (0, "z\n", "\n"), r.err)


@test
@placed
def to_grant_it_by_name_is_refused(p):
    d = p.home / "config/ward"
    d.mkdir(parents=True)
    (d / "a.cedar").write_text("// mine\n")
    for words in (["--write", d], ["--write", d / "a.cedar"], ["--cap", f"FILE_WRITE:{d}/**"]):
        r = foreign(p)(*words, "/usr/bin/true")
        check_eq(r.code, 125, r.err)
        check_in("a rule forbids it", r.err)
    r = foreign(p)("--cap", f"FILE_WRITE:{d}/*.cedar", "/bin/sh", "-c", f"echo x >>{d}/a.cedar && echo WRITTEN")
    check("WRITTEN" not in r.out and (d / "a.cedar").read_text() == "// mine\n", r.out + r.err)
    check_eq(foreign(p)("--read", d, "/bin/cat", d / "a.cedar").out, "// mine\n")


# ---- limits ----

@test
@placed
def no_profile_asks_for_more_memory_than_there_is_a_share_of(p):
    def memory(*words):
        r = run("--json", *words, "/usr/bin/true", kind=("plan",))
        check_eq(r.code, 0, r.err)
        return json.loads(r.out)["limits"]["memory"]

    p.write(".ward/a.yaml", DOCUMENT + "      limits: {memory: 900000G}\n")
    p.write("less.yaml", DOCUMENT.replace("p:", "less:") + "      limits: {memory: 64M}\n")
    run = foreign(p)
    check(memory("--profile", "p") < 900000 << 30, "a repository raised a limit")
    check_eq(run(kind=("trust",)).code, 0)
    check(memory("--profile", "p") < 900000 << 30, "a profile raised a limit")
    check_eq(memory("--policy", "less.yaml", "--profile", "less"), 64 << 20)
    check_eq(memory("--profile", "p", "--memory", "96M"), 96 << 20)


# ---- what is shown ----

WORDS = [
    ("a run", ("run",), ["--read", "t", "/usr/bin/true"]),
    ("a run that cannot be planned", ("run",), ["--mode", "workspace_write", "/bin/sh", "-c", "true"]),
    ("a run that is refused names", ("run",), ["--mode", "read_only", "/bin/sh", "-c", "for f in s*/f*; do : > $f; done 2>/dev/null; true"]),
    ("a refusal", ("run",), ["--read", "s", "/usr/bin/true"]),
    ("a plan", ("plan",), ["--mode", "workspace_write", "/usr/bin/true"]),
    ("check", ("policy", "check"), ["--mode", "workspace_write"]),
    ("show", ("policy", "show"), ["--mode", "workspace_write"]),
    ("explain", ("policy", "explain"), ["--op", "read", "--path", "s/f"]),
    ("explain another", ("policy", "explain"), ["--mode", "read_only", "--op", "modify", "--path", "s\u202e/f\x1b"]),
    ("trust", ("trust",), ["--show"]),
]


@cases([(row[0], row[1:]) for row in WORDS])
@placed
def nothing_foreign_reaches_the_terminal_as_it_is(p, row):
    kind, words = row
    # The directory's own name is in most of what is said.
    p.ws = p.ws / "a\x1b[31m\u202e"
    p.write(".ward/a.cedar", HOSTILE)
    p.write("s/f", "x")
    p.write("t/f", "x")
    p.write("s\u202e/f\x1b", "x")
    r = foreign(p)(*words, kind=kind)
    check(r.out + r.err, "nothing was said")
    check("for f in" not in words[-1] or r'/s\xe2\x80\xae/f\x1b" refused' in r.err, r.err)
    for text in (r.out if kind != ("run",) else "", r.err):
        check(not RAW.search(text), f"{text!r}")


@test
@placed
def a_policy_above_the_workspace_is_not_passed_over_unsaid(p):
    if not shutil.which("git"):
        skip("git is not installed")
    subprocess.run(["git", "init", "-q", p.ws], check=True)
    p.write(".ward/a.cedar", "// nothing\n")
    p.write("sub/f", "x")
    run = foreign(p)
    says = f"the policy in {p.ws}/.ward is not used, as the workspace is {p.ws}/sub: it is with --workspace"
    check_in(f"ward: warning: {says}\n", run("--mode", "read_only", "--workspace", "sub", "/usr/bin/env").err)
    check("not used" not in run("--mode", "read_only", "/usr/bin/env").err, "warned where it is used")
    p.write("sub/.ward/b.cedar", "// nothing\n")
    shutil.rmtree(p.ws / ".ward")
    check("not used" not in run("--mode", "read_only", "--workspace", "sub", "/usr/bin/env").err, "warned of what is not there")


@test
@placed
def a_warning_is_shown_whole(p):
    p.ws = p.ws / ("d" * 90)
    p.write(".ward/a.cedar", "// nothing\n")
    says = f"warning: the policy in {p.ws}/.ward only narrows: it is not trusted; look at it with ward trust --show '{p.ws}'"
    check_eq(foreign(p)(kind=("policy", "check")).out.splitlines()[0], says)
    check_in(f"ward: {says}\n", foreign(p)("/usr/bin/true").err)


@test
@placed
def what_is_shown_is_the_same_policy(p):
    p.write(".ward/a.cedar", BEHIND)
    r = foreign(p)(kind=("policy", "show"))
    check_in("// a comment\\u{1b}[31m\n", r.out)
    check_in('@reason("r\\u{1b}[31m\\u{202e} \\\\\\" \\u{1b}")', r.out)
    # To the language a carriage return ends a comment: what stands behind it is a rule, and is shown as one.
    check_in("// over\npermit (", r.out)
    own, = (part.split("\n", 1)[1] for part in r.out.split("// ----") if "/.ward/a.cedar (" in part.split("\n", 1)[0])
    p.write("again.cedar", own)
    p.write(".ward/a.cedar", "// nothing\n")
    for path, code in (("s/f", 1), ("t/f", 0)):
        r = foreign(p)("--policy", "again.cedar", "--op", "read", "--path", path, kind=("policy", "explain"))
        check_eq(r.code, code, r.out + r.err)


@test
@placed
def what_other_tools_say_holds_as_it_is_said_here(p):
    """The documents of the page, and what the last of them promises in place of another tool's file."""
    run = foreign(p)
    texts = re.findall(r"```yaml\n(schemaVersion.*?)```", (cli.ROOT / "docs/spec/policy.md").read_text(), flags=re.S)
    check_eq(len(texts), 2)
    for text in texts:
        p.write("d.yaml", text)
        r = run("check", "d.yaml", kind=("policy",))
        check_eq((r.code, "warning:" in r.out + r.err), (0, False), r.out + r.err)
    for name, text in ((".env", "secret\n"), ("docs/a", "as it was\n"), ("src/a", "as it was\n")):
        p.write(name, text)
    r = run("--policy", "d.yaml", "--profile", "agent", "sh", "-c", "cat .env; echo x >docs/a; echo x >src/a")
    check_eq(["secret" in r.out, *((p.ws / n).read_text() for n in ("docs/a", "src/a"))], [False, "as it was\n", "x\n"], r.err)
    for host, code in (("github.com:443", 0), ("a.npmjs.org:443", 0), ("github.com:80", 1), ("example.org:443", 1)):
        r = run("--profile", "agent", "--policy", "d.yaml", "--action", "net.connect", "--resource", host, kind=("policy", "explain"))
        check_eq(r.code, code, host + r.out + r.err)


@test
@placed
def who_leaves_a_list_out_is_named_for_it(p):
    """A profile of two layers: what the lower one does not say stands in its file, and not in the one that says it."""
    run = foreign(p)
    own = p.home / "config/ward/user.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(DOCUMENT + "      network: {mode: open}\n")
    p.write(".ward/repo.yaml", DOCUMENT.replace('      allowExec: ["*"]\n', ""))
    p.write("a", "x")
    for words in (("--action", "proc.exec", "--resource", "/usr/bin/env"), ("--action", "net.connect", "--resource", "example.com:443")):
        r = run("--profile", "p", *words, kind=("policy", "explain"))
        check_eq(r.code, 1, r.out + r.err)
        check_in(".ward/repo.yaml:6", r.out)
        check(str(own) not in r.out, r.out)


@test
@placed
def what_the_recipes_say_is_so(p):
    """The example of docs/guide/recipes.md, whole: it is valid, and answers as it says. (Whether it starts depends on the hour.)"""
    text = (cli.ROOT / "docs/guide/recipes.md").read_text()
    files = dict(re.findall(r"^`(team[^`]*)`, \[.*\n(?:.+\n)*\n```\w+\n((?:.*\n)*?)```$", text, flags=re.M))
    check_eq(sorted(files), ["team-tests.yaml", "team.cedar", "team.yaml"])
    for name, content in files.items():
        p.write(name, content)
    run = foreign(p)
    r = run("team.yaml", "team.cedar", kind=("policy", "check"))
    check_in(", 0 warnings", r.out, r.err)
    r = run("team-tests.yaml", kind=("policy", "test"))
    check_eq((r.code, r.out), (0, f"{text.count('expect: ')} passed, 0 failed\n"), r.err)


if __name__ == "__main__":
    main()

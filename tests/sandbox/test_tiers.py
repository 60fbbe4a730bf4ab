#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a run may start at all: the highest tier that anybody asks for counts, a tier without a backend is refused by name, and a
component is granted nothing by asking."""
import box
from box import both, both_cases
from tap import check, check_eq, check_in

COMPONENT = """\
schemaVersion: 1
kind: Component
metadata: {id: 3f2c1a90-0000-4000-8000-0123456789ab, name: fetch, version: 1.2.0, lifecycle: %s}
spec:
%s
  capabilities:
    - {type: FILE_READ, resource: "src/**"}
    - {type: ENV, resource: MARK}
"""
# What others say beside the user's own rules; what is refused, and by whom.
USER = """\
@id("mine.test") @reason("what is tested here is not isolated enough by this kernel")
forbid (principal, action == Ward::Action::"sandbox.run", resource)
when { context.environment == Ward::Environment::"test" && context.tier < 3 };

@id("mine.component")
forbid (principal in Ward::Component::"00000000-0000-4000-8000-000000000000", action == Ward::Action::"sandbox.run", resource)
when { context.tier < 2 };
"""


def run(p, *words, user="", command=("sh", "-c", 'cat src/a; echo "$MARK"'), **env):
    p.write("src/a", "text\n", 0o644)
    (p.ws / "src").chmod(0o755)
    own = p.home / "config/ward"
    if user:
        own.mkdir(parents=True, exist_ok=True)
        (own / "mine.cedar").write_text(user)
        for d in (own, own.parent, p.home):
            d.chmod(0o755)
    return p.run(*words, *command, env={"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "MARK": "mark", **env})


def component(p, lifecycle="stable", spec=""):
    p.write("c.yaml", COMPONENT % (lifecycle, spec))
    return ["--component", "c.yaml"]


ASKED = ("--cap", "FILE_READ:src/**", "--cap", "ENV:MARK")
SHARED = ("ci", "staging", "prod")
STARTS = [
    # name, words, lifecycle, spec, user's rules, what is said when it is refused
    ("nothing is said", [], None, "", "", None),
    ("tier 1 is there", ["--tier", "1"], None, "", "", None),
    ("tier 2 is not", ["--tier", "2"], None, "", "", ["--tier: tier 2 (gvisor) is required", "no backend"]),
    ("tier 3 is not", ["--tier", "3"], None, "", "", ["--tier: tier 3 (microvm) is required", "no backend"]),
    ("the component asks for tier 2", [], "stable", "  tier: 2", "", ["c.yaml:5:9: tier 2 (gvisor) is required"]),
    ("the option asks for more", ["--tier", "3"], "stable", "  tier: 2", "", ["--tier: tier 3"]),
    ("the component asks for less", ["--tier", "1"], "stable", "  tier: 0", "", None),
    ("an environment, by a rule", ["--environment", "test"], None, "", USER, ["tier 3 (microvm) is required", "mine.cedar:", "mine.test"]),
    ("another environment", ["--environment", "dev"], None, "", USER, None),
    ("of two rules the higher", ["--environment", "test"], None, "", USER + USER.replace("mine.test", "also").replace("tier < 3", "tier < 2"),
     ["tier 3 (microvm) is required"]),
    ("direct is vouched for", ["--backend", "direct"], None, "", "", None),
    ("direct and not trusted", ["--backend", "direct", "--trust", "untrusted"], None, "", "",
     ["tier 1 (native) is required", "start.isolate_what_nobody_vouches_for", "leave --backend out"]),
    ("direct and half trusted", ["--backend", "direct", "--trust", "semi_trusted"], None, "", "", ["tier 1 (native) is required"]),
    *((f"direct in {where}", ["--backend", "direct", "--environment", where], None, "", "",
       ["tier 1 (native) is required", "start.isolate_in_shared_places"]) for where in SHARED),
    ("direct in dev", ["--backend", "direct", "--environment", "dev"], None, "", "", None),
    ("direct, and a component that trusts itself less", ["--backend", "direct"], "stable", "  trust: semi_trusted", "",
     ["tier 1 (native) is required"]),
    ("a component cannot vouch for itself", ["--backend", "direct", "--trust", "untrusted"], "stable", "  trust: trusted", "",
     ["tier 1 (native) is required"]),
    ("trusted", ["--trust", "trusted"], None, "", "", None),
    ("experimental in dev", [], "experimental", "", "", None),
    *((f"{phase} in {where}", ["--environment", where], phase, "", "", ["may not be started", "start.no_experiments_in_shared_places"])
      for phase in ("experimental", "draft") for where in SHARED),
    ("stable in ci", ["--environment", "ci"], "stable", "", "", None),
    ("archived", [], "archived", "", "", ["start.nothing_archived"]),
    ("a person is asked", [], None, "", '@approval("risky") permit (principal, action == Ward::Action::"sandbox.run", resource);\n', None),
]


@both_cases([(row[0], *row[1:]) for row in STARTS])
def starts(p, words, lifecycle, spec, user, says):
    words = [*(component(p, lifecycle, spec) if lifecycle else []), *words, *ASKED]
    r = run(p, *words, user=user)
    if says is None:
        check_eq((r.code, r.out), (0, "text\nmark\n"), r.err)
        return
    check_eq((r.code, r.out), (125, ""), r.err)
    for s in says:
        check_in(s, r.err)
    check_eq([x["kind"] for x in box.records(p)], ["policy.block"])


@both
def what_a_component_asks_for_is_not_granted_by_that(p):
    r = run(p, *component(p))
    check_eq(r.code, 125)
    check_in("c.yaml:7:7: FILE_READ \"src/**\": fetch asks for it; no rule grants it; grant it: --cap 'FILE_READ:src/**'", r.err)
    r = run(p, *component(p), "--read", "src")
    check_in("c.yaml:8:7: ENV \"MARK\"", r.err)
    # By an option, by a mode, by a rule about the component: all the same.
    check_eq(run(p, *component(p), *ASKED).out, "text\nmark\n")
    check_eq(run(p, *component(p), "--cap", "FILE_WRITE:**", "--cap", "ENV:MARK").out, "text\nmark\n")
    rule = ('permit (principal in Ward::Component::"%s", action == Ward::Action::"%s", resource%s);\n')
    me, other = "3f2c1a90-0000-4000-8000-0123456789ab", "00000000-0000-4000-8000-000000000000"
    mine = rule % (me, "env.read", ' == Ward::Variable::"MARK"') + rule % (me, "fs.read", ' in Ward::Path::"./src"')
    r = run(p, *component(p), user=mine)
    check_eq(r.out, "text\nmark\n", r.err)
    r = run(p, *component(p), user=mine.replace(me, other))
    check_eq(r.code, 125, r.out)
    # What it does not ask for is none of its business: the variable of a rule goes inside for who asks for it.
    r = run(p, user=mine.replace("principal in", "principal is Ward::Run in"), command=("sh", "-c", 'echo "[$MARK]"'))
    check_eq(r.out, "[]\n", r.err)


@both
def asking_itself_can_be_forbidden(p):
    user = '@reason("ask the team") forbid (principal, action == Ward::Action::"grant.request", resource) when { resource.action == "env.read" };\n'
    r = run(p, *component(p), *ASKED, user=user)
    check_eq(r.code, 125)
    check_in("may not even ask for it", r.err)
    check_in("ask the team", r.err)


@both
def the_log_says_what_it_was(p):
    r = run(p, *component(p, "canary", "  trust: trusted"), *ASKED, "--trust", "semi_trusted", "--environment", "ci")
    check_eq(r.code, 0, r.err)
    start, = [x for x in box.records(p) if x["kind"] == "run.start"]
    check_eq({x["principal"] for x in box.records(p)}, {'Ward::Component::"3f2c1a90-0000-4000-8000-0123456789ab"'})
    check_eq({k: start["detail"].get(k) for k in ("tier", "trust", "environment", "phase", "component", "version")},
             {"tier": 1, "trust": "semi_trusted", "environment": "ci", "phase": "canary",
              "component": "3f2c1a90-0000-4000-8000-0123456789ab", "version": "1.2.0"})


@both
def rules_see_trust_phase_and_component(p):
    user = ('permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./src") when { context.trust == Ward::Trust::"trusted" };\n'
            'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./src") when { context.phase == Ward::Phase::"canary" };\n')
    for words, lifecycle, want in (([], None, False), (["--trust", "trusted"], None, True), ([], "canary", True), ([], "stable", False)):
        words += component(p, lifecycle) if lifecycle else []
        r = run(p, *words, "--cap", "ENV:MARK", user=user, command=("cat", "src/a"))
        check(("text" in r.out) == want, f"{words}: {r.out}{r.err}")


@both
def a_run_does_not_become_another_component(p):
    """It grants nothing, but who one is stands in it: with the id of another the next run had that one's grants."""
    other = "99999999-0000-4000-8000-000000000000"
    user = f'permit (principal in Ward::Component::"{other}", action == Ward::Action::"fs.read", resource in Ward::Path::"./other");\n'
    (p.ws / "sub").mkdir()
    p.write("other", "others\n")
    words = [*component(p, "stable"), "--cap", "FILE_READ:src/**", "--cap", "ENV:MARK", "--write", "sub"]
    (p.ws / "c.yaml").rename(p.ws / "sub/c.yaml")
    (p.ws / "link").symlink_to("sub/c.yaml")
    text = (p.ws / "sub/c.yaml").read_text()
    for d in (p.ws, p.ws / "sub", p.ws / "sub/c.yaml"):
        d.chmod(0o777)
    change = (f"for f in sub/c.yaml; do sed s/3f2c1a90[-0-9a-f]*/{other}/ $f > sub/new; cat sub/new > $f; mv sub/new $f; rm -f $f; done 2>/dev/null; "
              "cat other; echo x > sub/else && echo MADE")
    for name in ("sub/c.yaml", "link"):
        words[words.index("--component") + 1] = name
        for _ in range(2):
            r = run(p, *words, user=user, command=("sh", "-c", change))
            check_eq((r.code, r.out), (0, "MADE\n"), r.err)
            check_in(f'FILE_WRITE "{p.ws}/sub/c.yaml" refused: a rule forbids it: it says what runs may do; no run writes it', r.err)
            check_eq((p.ws / "sub/c.yaml").read_text(), text)
    (p.ws / "sub/c.yaml").write_text(text.replace("3f2c1a90-0000-4000-8000-0123456789ab", other))
    check_in("others", run(p, *words, user=user, command=("cat", "other")).out)


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that are not there at the start, and that a policy says less of than of their neighbours: the run cannot make them, or the plan says
that nothing keeps it from doing so. However the rule is written."""
import os

import box
from box import both, both_cases
from tap import check, check_eq, check_in

FILES = '[Ward::Action::"fs.read", Ward::Action::"fs.write"]'


def run(p, text, *words):
    p.write("p.cedar", text + "\n")
    p.ws.chmod(0o777)
    return p.run("--policy", "p.cedar", *words, env={"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")})


def forbid(what, more=""):
    return f"forbid (principal, action in {FILES}, resource{what}){more};"


ONE_DIRECTORY = [(w, f' in Ward::Glob::"{w}"') for w in ("new/**", "n[e]w/**", "n\\\\ew/**", "new/**/**", "new", "new/")] + \
    [("path", ' in Ward::Path::"./new"'), ("path below", ' in Ward::Path::"./new/x/y"')]


@both_cases(ONE_DIRECTORY)
def a_directory_that_is_not_there_is_not_made(p, what):
    r = run(p, forbid(what), "--write", ".", "sh", "-c", "(mkdir -p new/x && echo x > new/x/y) 2>/dev/null && echo MADE; echo x > other && cat other")
    check_eq((r.code, r.out), (0, "x\n"), r.err)
    check(not (p.ws / "new").exists(), "the pin is still there")


GIVE = f'permit (principal, action in {FILES}, resource in Ward::Path::"./") '
ALL = GIVE + ";\n"
ENV = 'resource in Ward::Glob::"**/.env"'
TAKEN = [
    ("a permit that is not", GIVE + f"when {{ !({ENV}) }};"),
    ("a permit that chooses", GIVE + f"when {{ if {ENV} then false else true }};"),
    ("a permit that compares", GIVE + f"when {{ ({ENV}) == false }};"),
    ("a permit unless", GIVE + f"unless {{ {ENV} }};"),
    ("a forbid unless not", ALL + f"forbid (principal, action in {FILES}, resource) unless {{ !({ENV}) }};"),
    ("a forbid when", ALL + f"forbid (principal, action in {FILES}, resource) when {{ true && ({ENV}) }};"),
]


@both_cases(TAKEN)
def what_a_pattern_takes_is_not_promised(p, text):
    r = run(p, text, "sh", "-c", "echo x > .env && echo MADE")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("axis files", r.err)
    check_in("p.cedar:2" if "\n" in text else "p.cedar:1", r.err)


GIVEN = [
    ("a permit", f"permit (principal, action in {FILES}, {ENV});"),
    ("a permit when", ALL + f"permit (principal, action in {FILES}, resource) when {{ !(!({ENV})) }};"),
    ("a forbid unless", ALL + f'forbid (principal, action in {FILES}, resource in Ward::Path::"./no") unless {{ {ENV} }};'),
]


@both_cases(GIVEN)
def what_a_pattern_gives_is_held(p, text):
    r = run(p, text, "true")
    check_eq(r.code, 0, r.err)


@both
def a_file_is_not_replaced_by_a_directory(p):
    """A rule is about d/e/f/x, and d/e/f is a file."""
    p.write("d/e/f", "text\n", 0o666)
    for d in ("d", "d/e"):
        (p.ws / d).chmod(0o777)
    r = run(p, forbid(' in Ward::Path::"./d/e/f/x"'), "--write", ".", "sh", "-c",
            "(rm -f d/e/f; mkdir d/e/f; echo x > d/e/f/x) 2>/dev/null && echo MADE; mv d g 2>/dev/null && echo MOVED; mv d/e d/g 2>/dev/null && echo MOVED;"
            "echo y > d/e/f; cat d/e/f")
    check_eq((r.code, r.out), (0, "y\n"), r.err)
    check_eq((p.ws / "d/e/f").read_text(), "y\n")


HIDE = forbid(' in Ward::Glob::"**/.env"')


@both
def what_is_not_held_is_said_with_rule_place_and_cure(p):
    r = run(p, HIDE, "--write", ".", "true")
    check_eq((r.code, len(r.err.splitlines())), (125, 1), r.err)
    for part in ("axis files", "p.cedar:1 is about names that are not there yet", "one that the run makes in", str(p.ws), "DIRECTORY/**", "--read",
                 "--accept files=advisory"):
        check_in(part, r.err)
    check("more rule" not in r.err, r.err)
    for more, said in ((1, "; so with 1 more rule;"), (3, "; so with 3 more rules;")):
        r = run(p, HIDE + "".join(forbid(f' in Ward::Glob::"**/*.{i}"') for i in range(more)) + forbid(' in Ward::Path::"./a"'), "--write", ".", "true")
        check_in(f"has the rights of its directory{said}", r.err)
    r = run(p, HIDE, "--read", ".", "true")
    check_eq(r.code, 125)
    check_in("one that somebody outside makes during the run in", r.err)
    r = run(p, HIDE, "--attribution", "notify", "true")
    check_eq((r.code, r.err), (0, ""))


@both
def accepted_what_is_there_is_held_and_nothing_else(p):
    for name in (".env", "a/b/.env"):
        p.write(name, "secret\n", 0o666)
    for d in ("a", "a/b"):
        (p.ws / d).chmod(0o777)
    r = run(p, HIDE, "--write", ".", "--accept", "files=advisory", "sh", "-c",
            "exec 2>/dev/null; cat .env a/b/.env; mv .env x && cat x; mv a/b/.env y && cat y; mv a c && cat c/b/.env; mv a/b a/d && cat a/d/.env;"
            "ln .env z && cat z; rm -f .env a/b/.env; cp a/b/.env q && cat q; echo mine > new.txt; mkdir n; echo made > n/.env; cat n/.env")
    # The last one is the gap that was accepted.
    check_eq(r.out, "made\n", r.err)
    check_eq([(p.ws / n).read_text() for n in (".env", "a/b/.env")], ["secret\n"] * 2)


@both
def a_rule_that_nothing_holds_is_named(p):
    r = run(p, 'forbid (principal, action == Ward::Action::"proc.exec", resource) '
            'when { context has argv_sha256 && context.argv_sha256 == "00" };', "true")
    check_eq(r.code, 0, r.err)
    check_in("p.cedar:1 is about the arguments", r.err)
    r = run(p, 'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"/usr/bin/ls");', "true")
    check("the arguments" not in r.err, r.err)


@both
def more_names_than_a_view_holds_are_refused_when_it_is_full(p):
    r = run(p, "\n".join(forbid(f' in Ward::Path::"./new{i}"') for i in range(5000)), "--write", ".", "true")
    check_eq(r.code, 125)
    check_in("more than 4096 entries", r.err)


@both
def a_small_file_is_no_pin(p):
    """It has the mode of one, and is hidden as any other."""
    p.write("key", "secret\n", 0o644)
    os.chmod(p.ws / "key", 0o1644)
    for how in ("--read", "--write"):
        r = run(p, forbid(' in Ward::Path::"./key"'), how, ".", "sh", "-c", "cat key || echo no")
        check_eq((r.code, r.out), (0, "no\n"), r.err)


if __name__ == "__main__":
    box.main()

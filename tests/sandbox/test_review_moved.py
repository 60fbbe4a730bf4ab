#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run moved over something that was there, or to where somebody else has something by now: no order of words throws its only copy away."""
import json

import box
from box import both, both_cases
from tap import check, check_eq, check_in

WORDS = {"a": "what a had\n", "b": "what b had\n", "c": "what c had\n"}


def review(p, script):
    r = p.run("--review", "--", "sh", "-c", script)
    check_eq(r.code, 0, r.err)


def ward(p, kind, *words):
    return p.run(*words, kind=(kind,), log=False)


def begin(p, script, names="ab"):
    for n in names:
        p.write(n, WORDS[n])
    review(p, script)


def has(p, text):
    """The project's names of that content."""
    return sorted(str(f.relative_to(p.ws)) for f in p.ws.rglob("*") if f.is_file() and f.read_text() == text)



# ---- over what somebody changed meanwhile ----

@both
def over_a_file_that_somebody_changed(p):
    begin(p, "mv a b")
    p.write("b", "somebody\n")
    r = ward(p, "commit")
    check_eq(r.code, 1, r.err)
    check_eq((has(p, WORDS["a"]), has(p, "somebody\n")), (["a"], ["b"]), r.out)
    check_in("what it had is in another change, which does not become real: \"b\"", r.out)


ORDERS = [
    ("at once", [("--theirs", "b")]),
    ("after a commit", [(), ("--theirs", "b")]),
    ("and another after it", [(), ("--theirs", "b"), ()]),
    ("with the other name", [("a",), ("--theirs", "b"), ()]),
    ("all theirs", [("--theirs", ".")]),
    ("theirs of the name that is gone", [("--theirs", "a"), ("--theirs", "b"), ()]),
    ("ours of all but", [("--theirs", "b", "--ours", "."), ()]),
    ("a part", [("--theirs", "b", "b"), ("a",), ()]),
]


@both_cases(ORDERS)
def no_order_loses_what_was_moved_over(p, orders):
    begin(p, "mv a b")
    p.write("b", "somebody\n")
    for words in orders:
        r = ward(p, "commit", *words)
        check_eq((has(p, WORDS["a"]), has(p, "somebody\n")), (["a"], ["b"]), f"{words} {r.out}{r.err}")


@both
def ours_of_it_makes_both_real(p):
    begin(p, "mv a b")
    p.write("b", "somebody\n")
    r = ward(p, "commit", "--ours", "b")
    check_eq((r.code, has(p, WORDS["a"]), (p.ws / "a").exists()), (0, ["b"], False), r.out + r.err)


@both
def by_both_names_it_is_thrown_away(p):
    """Whoever says of the one that the run's is to be, and of the other that the project's is, has asked for it."""
    begin(p, "mv a b")
    p.write("b", "somebody\n")
    r = ward(p, "commit", "--theirs", "b", "--ours", "a")
    check_eq((r.code, (p.ws / "a").exists(), has(p, "somebody\n")), (0, False, ["b"]), r.out + r.err)


# ---- the other ways to move ----

@both
def a_name_that_came_meanwhile(p):
    begin(p, "mv a n")
    p.write("n", "somebody\n")
    for words in ((), ("--theirs", "n"), ()):
        r = ward(p, "commit", *words)
        check_eq((has(p, WORDS["a"]), has(p, "somebody\n")), (["a"], ["n"]), r.out + r.err)


@both
def what_was_there_and_was_moved_on(p):
    """b went to c, and a to b: while c is in conflict, b stays, and so does a."""
    begin(p, "mv b c; mv a b", "ab")
    p.write("c", "somebody\n")
    r = ward(p, "commit")
    check_eq((has(p, WORDS["a"]), has(p, WORDS["b"]), has(p, "somebody\n")), (["a"], ["b"], ["c"]), r.out)
    r = ward(p, "commit", "--theirs", "c")
    check_eq(r.code, 1, r.out)
    check_in("to forget it alone could lose that: \"b\"", r.out)
    check_eq((has(p, WORDS["a"]), has(p, WORDS["b"])), (["a"], ["b"]), r.out)
    r = ward(p, "commit", "--theirs", "c", "--theirs", "b")
    check_eq((r.code, has(p, WORDS["a"]), has(p, WORDS["b"]), has(p, "somebody\n")), (0, ["a"], ["b"], ["c"]), r.out + r.err)


@both
def two_that_changed_places(p):
    begin(p, "mv a t; mv b a; mv t b")
    p.write("a", "somebody\n")
    r = ward(p, "commit")
    check_eq((r.code, has(p, WORDS["b"]), has(p, "somebody\n")), (1, ["b"], ["a"]), r.out)
    r = ward(p, "commit", "--theirs", "a")
    check_eq((r.code, has(p, WORDS["b"]), has(p, "somebody\n")), (1, ["b"], ["a"]), r.out)
    r = ward(p, "commit", "--ours", "a")
    check_eq((r.code, has(p, WORDS["a"]), has(p, WORDS["b"])), (0, ["b"], ["a"]), r.out + r.err)


@both
def what_is_too_large_to_be_compared(p):
    """Over what is read for a rename the size alone has to do."""
    with open(p.ws / "a", "wb") as f:
        f.truncate(300 << 20)
    review(p, "mv a x")
    p.write("x", "somebody\n")
    check_in("what it had may be in x", ward(p, "diff").out)
    for words in ((), ("--theirs", "x"), ()):
        r = ward(p, "commit", *words)
        check_eq(((p.ws / "a").exists(), (p.ws / "x").read_text()), (True, "somebody\n"), f"{words} {r.out}{r.err}")


@both
def nobody_in_the_way(p):
    begin(p, "mv b c; mv a b", "ab")
    r = ward(p, "commit")
    check_eq((r.code, has(p, WORDS["a"]), has(p, WORDS["b"]), (p.ws / "a").exists()), (0, ["b"], ["c"], False), r.out)


# ---- moved, and changed as well ----

TEXT = "".join(f"line {i} of what a had\n" for i in range(40))
CHANGED = [
    ("a line more", "mv a b; echo more >> b"),
    ("a line less", "sed 3d a > b; rm a"),
    ("further in", "mv a b; sed -i 's/^/\\t/; 1,9d' b"),
    ("to another directory", "mkdir d; mv a d/b; { echo first; cat d/b; } > t; rm d/b; mv t b; rmdir d"),
]


def changed(p, script, there=True):
    p.write("a", TEXT)
    if there:
        p.write("b", WORDS["b"])
    review(p, script)
    p.write("b", "somebody\n")


@both_cases(CHANGED)
def what_was_changed_as_well_is_not_lost(p, script):
    """With the new name forgotten, in conflict, or not named, the old one stays."""
    changed(p, script)
    check_in("# ward: a: much of what it had may be in b\n", ward(p, "diff").out)
    for words in ((), ("a",), ("--theirs", "b")):
        r = ward(p, "commit", *words)
        check_eq((r.code, has(p, TEXT), has(p, "somebody\n")), (1, ["a"], ["b"]), f"{words} {r.out}{r.err}")
        check_in("much of what it had may be in another change, which ", r.out)
    check_in("which is forgotten: \"b\"; the next commit removes it", r.out)
    r = ward(p, "commit", "--theirs", "a")
    check_eq((r.code, has(p, TEXT), has(p, "somebody\n")), (0, ["a"], ["b"]), r.out + r.err)


@both
def what_is_gone_and_its_holder_forgotten_waits_for_a_word(p):
    """It is a guess, so nobody decides on it for the person: the removal is still there to be made real."""
    changed(p, CHANGED[0][1], there=False)
    r = ward(p, "commit", "--theirs", "b")
    check_eq((r.code, has(p, TEXT)), (1, ["a"]), r.out + r.err)
    check_in("waits: deleted \"a\": much of what it had may be in another change, which is forgotten: \"b\"", r.out)
    r = ward(p, "commit", "a")
    check_eq((r.code, (p.ws / "a").exists(), has(p, "somebody\n")), (0, False, ["b"]), r.out + r.err)


@both
def what_is_gone_goes_by_its_own_name_alone(p):
    """While that which may have its content waits."""
    changed(p, CHANGED[0][1], there=False)
    r = ward(p, "commit", "a")
    check_eq((r.code, has(p, TEXT)), (1, ["a"]), r.out + r.err)
    check_in("--ours of it by its own name", r.out)
    r = ward(p, "commit", "--ours", "a")
    check_eq((r.code, (p.ws / "a").exists(), has(p, "somebody\n")), (1, False, ["b"]), r.out + r.err)  # b still waits
    check_in("1 change, 1 left", r.out)


@both
def a_few_lines_that_many_have_are_no_guess(p):
    """A name that is held is refused, and what is gone beside it is gone."""
    p.write("clean.sh", "#!/bin/sh\nset -eu\n")
    review(p, "rm clean.sh; printf '#!/bin/sh\nset -eu\nrun: it\n' > .envrc")
    check("much of what" not in ward(p, "diff").out)
    r = ward(p, "commit", "clean.sh")
    check_eq((r.code, (p.ws / "clean.sh").exists()), (0, False), r.out + r.err)
    r = ward(p, "commit", "--theirs", ".envrc")
    check_eq((r.code, (p.ws / ".envrc").exists()), (0, False), r.out + r.err)


@both
def near_the_half_the_same_is_said_each_time(p):
    for k in range(8):
        p.write(f"a{k}", "".join(f"line {i} of what a{k} had\n" for i in range(60)))
    review(p, "for k in 0 1 2 3 4 5 6 7; do { head -n $((27 + k)) a$k; seq 1000 1040; } > b$k; rm a$k; done")
    said = {ward(p, "diff").out.count("much of what it had may be in") for _ in range(8)}
    check_eq(said, {4})  # with 31 of 60 and more


LONG = [f"{i} of what a had, and it is a line of some sixty characters, hardly more: {i}\n" for i in range(9)]
SHORT = [f"x = {i}\n" for i in range(9)]
OTHER = [f"{i} of nobody else, and it is a line of some sixty characters, hardly more: {i}\n" for i in range(9)]


@both_cases([
    ("half of it", LONG[:8], LONG[:4] + OTHER, False),
    ("more than half", LONG[:9], LONG[:5] + OTHER, True),
    ("most of it, and few lines", LONG[:5], LONG[:4] + OTHER, False),
    ("most of its lines, and few bytes", SHORT[:9] + LONG[:4], SHORT[:9] + OTHER, False),
    ("most of its lines, among them longer ones", SHORT + LONG, SHORT + LONG[:5] + OTHER, True),
    ("the same line again and again", LONG[:9], LONG[:1] * 9 + OTHER, False),
])
def how_much_of_it_is_a_guess(p, before, after, said):
    p.write("a", "".join(before))
    p.write("new", "".join(after))
    review(p, "rm a; cat new > b")
    check_eq("# ward: a: much of what it had may be in b\n" in ward(p, "diff").out, said)


@both
def of_two_that_have_as_much_it_is_the_one_of_its_name(p):
    p.write("x", "".join(LONG))
    review(p, "mkdir d; { cat x; echo more; } > c; { cat x; echo other; } > d/x; rm x")
    check_in("# ward: x: much of what it had may be in d/x\n", ward(p, "diff").out)


@both_cases(CHANGED)
def what_was_changed_as_well_and_nobody_in_the_way(p, script):
    p.write("a", TEXT)
    review(p, script)
    r = ward(p, "commit")
    check_eq((r.code, (p.ws / "a").exists(), (p.ws / "b").exists()), (0, False, True), r.out + r.err)


@both
def what_was_changed_as_well_is_thrown_away_by_both_names(p):
    changed(p, CHANGED[0][1], there=False)
    r = ward(p, "commit", "--theirs", "b", "--ours", "a")
    check_eq((r.code, (p.ws / "a").exists(), has(p, "somebody\n")), (0, False, ["b"]), r.out + r.err)


@both
def what_was_changed_as_well_and_something_else_put_in_its_place(p):
    """Not what an editor writes anew at the same name, however it saves."""
    changed(p, "mv a b; echo more >> b; seq 100 140 > a", there=False)
    check_in("# ward: a: much of what it had may be in b\n", ward(p, "diff").out)
    r = ward(p, "commit", "--theirs", "b")
    check_eq((r.code, has(p, TEXT), has(p, "somebody\n")), (1, ["a"], ["b"]), r.out + r.err)
    r = ward(p, "commit", "--theirs", "b", "--theirs", "a")
    check_eq((r.code, has(p, TEXT)), (0, ["a"]), r.out + r.err)


@both
def a_copy_that_was_changed_keeps_no_edit_waiting(p):
    changed(p, "cp a b; echo more >> b; sed 1d a > t; mv t a", there=False)
    check("much of what" not in ward(p, "diff").out)
    r = ward(p, "commit")
    check_eq((r.code, (p.ws / "a").read_text(), has(p, "somebody\n")), (1, TEXT.split("\n", 1)[1], ["b"]), r.out + r.err)


@both
def what_was_removed_and_has_lines_of_everybody_waits_for_nobody(p):
    for i in range(40):
        p.write(f"f{i}", "of everybody, one\nof everybody, two\n" + f"own {i}\n")
    review(p, "rm f*; printf 'of everybody, one\\nof everybody, two\\n' > n")
    check("much of what" not in ward(p, "diff").out)


@box.root_only
def a_part_of_it_from_a_store_elsewhere_is_no_conflict_for_the_rest(p):
    """The commit makes its directory in the project's own then, and takes it away."""
    box.needs_a_layer_on_tmpfs()
    box.private_mounts()
    elsewhere = p.side / "elsewhere"
    elsewhere.mkdir()
    box.mount("none", elsewhere, "tmpfs", 0, "mode=0700")
    env = {"XDG_STATE_HOME": str(elsewhere)}
    p.write("d/x", "1\n")
    p.write("a", TEXT)
    p.write("e", TEXT)
    r = p.run("--review", "--", "sh", "-c", "echo 2 > d/x; mv a b; echo more >> b; mv e d/e; echo more >> d/e", env=env)
    check_eq(r.code, 0, r.err)
    for words in (("d/x",), ("b", "a"), ()):
        r = p.run(*words, kind=("commit",), log=False, env=env)
        check_eq(r.code, 0, f"{words}: {r.out}{r.err}")
    check_eq(sorted(str(f.relative_to(p.ws)) for f in p.ws.rglob("*")), ["b", "d", "d/e", "d/x"])


# ---- how it is said ----

@both
def the_diff_says_where_it_is(p):
    begin(p, "mv a b")
    check_in("# ward: a: what it had is in b\n", ward(p, "diff").out)
    by = {c["path"]: c for c in json.loads(ward(p, "diff", "--json").out)["changes"]}
    check_eq((by["a"]["moved_to"], by["b"]["moved_to"]), ("b", None))
    check_eq((by["a"]["moved_part"], by["a"]["moved_unsure"]), (False, False))


@both
def a_guess_is_told_from_what_is_the_same(p):
    changed(p, CHANGED[0][1])
    by = {c["path"]: c for c in json.loads(ward(p, "diff", "--json").out)["changes"]}
    check_eq([by[n][k] for n in "ab" for k in ("moved_to", "moved_part", "moved_unsure")], ["b", True, False, None, False, False])


@both
def a_part_says_which_to_name(p):
    begin(p, "mv a b")
    r = ward(p, "commit", "a")
    check_eq((r.code, has(p, WORDS["a"]), has(p, WORDS["b"])), (1, ["a"], ["b"]), r.out)
    check_in("name both", r.out)
    r = ward(p, "commit", "a", "b")
    check_eq((r.code, has(p, WORDS["a"])), (0, ["b"]), r.out + r.err)


@both
def a_content_that_another_happens_to_have(p):
    """Whoever names a file that has another content by now gets it: that a copy of the old one is not named is no matter."""
    begin(p, "mkdir d; cp a d/x; echo new > a; echo more > d/y", "a")
    r = ward(p, "commit", "a")
    check_eq((r.code, (p.ws / "a").read_text()), (0, "new\n"), r.out + r.err)


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/symlinks.md, a test a statement: where a link is followed, by whom, and what it gives. tests/docs/test_symlinks.py ties them."""
import os
import shutil

import box
import cli
from box import both
from tap import check, check_eq, check_in

FILES = '[Ward::Action::"fs.read", Ward::Action::"fs.write"]'


def env(p):
    return {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}


def run(p, *words, **more):
    p.ws.chmod(0o777)
    return p.run(*words, env=env(p), **more)


def forbid(p, name, *paths, actions=FILES):
    p.write(name, "".join(f"forbid (principal, action in {actions}, resource in {x});\n" for x in paths))
    return ("--policy", name)


def explain(p, path, *words, op="read"):
    r = p.run(*words, "--op", op, "--path", path, kind=("policy", "explain"), log=False, env=env(p))
    return r


def judged(p, path, *words, **more):
    """What the question was about, as it was judged: (answer, path)."""
    r = explain(p, path, *words, **more)
    check(r.out, r.err)
    return r.out.split(":")[0], r.out.split('"')[1]


def link(p, name, to):
    (p.ws / name).parent.mkdir(parents=True, exist_ok=True)
    (p.ws / name).symlink_to(to)


def outside(p, name="far", text="far\n"):
    p.side.chmod(0o755)
    f = p.side / name
    f.parent.mkdir(exist_ok=True)
    f.write_text(text)
    f.chmod(0o666)
    return f


# ---- what a path is ----

@both
def a_path_is_what_it_leads_to(p):
    p.write("secret/key", "key\n")
    link(p, "to", "secret")
    link(p, "deep/er", "../to/key")
    rule = forbid(p, "x.cedar", 'Ward::Path::"./secret"')
    for name in ("secret/key", "to/key", "deep/er"):
        check_eq(judged(p, name, "--read", ".", *rule), ("deny", str(p.ws / "secret/key")))


@both
def what_is_not_there_is_its_nearest_directory_and_the_rest(p):
    (p.ws / "real").mkdir()
    link(p, "to", "real")
    rule = forbid(p, "x.cedar", 'Ward::Path::"./real/new"')
    check_eq(judged(p, "to/new/file", "--write", ".", *rule, op="modify"), ("deny", str(p.ws / "real/new/file")))
    r = explain(p, "to/new/../x", "--write", ".")
    check_eq(r.code, 2, r.out)
    check_in("..", r.err)


@both
def a_link_to_nothing_is_what_it_leads_to(p):
    p.write("secret/key", "key\n")
    (p.ws / "secret").chmod(0o777)
    link(p, "broken", "secret/new")
    link(p, "first", "broken")
    link(p, "out", "/opt/none/of/it")
    rule = forbid(p, "x.cedar", 'Ward::Path::"./secret"', actions='[Ward::Action::"fs.write"]')
    check_eq(judged(p, "broken", "--write", ".", *rule, op="modify"), ("deny", str(p.ws / "secret/new")))
    check_eq(judged(p, "first/x", "--write", ".", *rule, op="modify"), ("deny", str(p.ws / "secret/new/x")))
    check_eq(judged(p, "out", "--write", ".", *rule, op="modify"), ("deny", "/opt/none/of/it"))
    r = run(p, "--write", ".", *rule, "sh", "-c", "for f in broken first out; do (echo x > $f) 2>/dev/null && echo MADE $f; done; true")
    check_eq((r.code, r.out), (0, ""), r.err)
    check_eq((os.listdir(p.ws / "secret"), os.path.exists("/opt/none")), (["key"], False))


@both
def forty_links_and_no_more(p):
    (p.ws / "l0").mkdir()
    for i in range(41):
        link(p, f"l{i + 1}", f"l{i}")
    link(p, "a", "b")
    link(p, "b", "a")
    check_eq(judged(p, "l40/x", "--read", "."), ("allow", str(p.ws / "l0/x")))
    for name in ("l41/x", "a", "a/x"):
        r = explain(p, name, "--read", ".")
        check_eq((r.code, r.out), (2, ""), name)
        check_in("at most 40 links", r.err)
    check_eq(run(p, "--read", "l40", "ls", "l40").code, 0)
    for name in ("l41", "a"):
        r = run(p, "--read", name, "true")
        check_eq(r.code, 125)
        check_in("a circle of links", r.err)


@both
def outside_is_a_place_like_any_other(p):
    far = outside(p)
    link(p, "out", far)
    check_eq(judged(p, "out", "--read", "."), ("deny", str(far)))
    check_in("no rule grants it", explain(p, "out", "--read", ".").out)
    check_eq(judged(p, "out", "--read", ".", "--read", far), ("allow", str(far)))
    check_eq(run(p, "--read", ".", "cat", "out").code, 1)
    r = run(p, "--read", ".", "--read", far, "cat", "out")
    check_eq(r.out, "far\n", r.err)


# ---- rules ----

@both
def a_rule_about_a_link_says_nothing_and_is_told_so(p):
    p.write("real", "real\n")
    link(p, "link", "real")
    r = run(p, *forbid(p, "x.cedar", 'Ward::Path::"./link"'), "--read", ".", "cat", "link", "real")
    check_eq((r.code, r.out), (0, "real\nreal\n"), r.err)
    check_in("rules about it are about nothing", r.err)
    check_in("link", r.err)


@both
def a_rule_behind_a_link_says_nothing_and_is_told_so(p):
    p.write("dir/key", "key\n")
    link(p, "to", "dir")
    r = run(p, *forbid(p, "x.cedar", 'Ward::Path::"./to/key"'), "--read", ".", "cat", "to/key")
    check_eq((r.code, r.out), (0, "key\n"), r.err)
    check_in("rules about it are about nothing", r.err)


@both
def patterns_match_real_names(p):
    p.write("a/secret/key", "key\n")
    p.write("open/file", "open\n")
    link(p, "other", "a/secret")
    link(p, "b/secret", "../open")
    rule = forbid(p, "x.cedar", 'Ward::Glob::"**/secret/**"')
    check_eq(judged(p, "other/key", "--read", ".", *rule)[0], "deny")
    check_eq(judged(p, "b/secret/file", "--read", ".", *rule), ("allow", str(p.ws / "open/file")))
    r = run(p, *rule, "--accept", "files=advisory", "--read", ".", "sh", "-c", "cat other/key a/secret/key; cat b/secret/file")
    check_eq(r.out, "open\n", r.err)


# ---- grants ----

@both
def a_relative_name_within_grants_link_and_target(p):
    p.write("dir/f", "f\n", 0o666)
    p.write("dir/other", "other\n")
    link(p, "in", "dir/f")
    r = run(p, "--write", "in", "sh", "-c", "readlink in; cat in dir/f; echo new > in; cat dir/other 2>/dev/null")
    check_eq((r.out, (p.ws / "dir/f").read_text()), ("dir/f\nf\nf\n", "new\n"), r.err)


@both
def a_relative_name_that_leads_out_is_refused(p):
    far = outside(p)
    link(p, "out", far)
    link(p, "dir", p.side)
    for words in (("--read", "out"), ("--write", "out"), ("--read", "dir/far"), ("--cap", "FILE_READ:out"), ("--cap", "FILE_READ:o*")):
        r = run(p, *words, "true")
        check_eq(r.code, 125, words)
        check_in("leads out of the workspace", r.err)
        check_in(str(far), r.err)


@both
def an_absolute_name_was_meant(p):
    far = outside(p)
    link(p, "out", far)
    link(p, "first", p.ws / "out")
    r = run(p, "--read", p.ws / "first", "sh", "-c", f"readlink first out; cat first out {far}; ls")
    check_eq(r.out, f"{p.ws}/out\n{far}\nfar\nfar\nfar\nfirst\nout\n", r.err)


@both
def a_link_in_a_granted_directory_gives_nothing(p):
    far = outside(p)
    link(p, "dir/inner", far)
    r = run(p, "--write", "dir", "sh", "-c", f"readlink dir/inner; cat dir/inner {far} 2>/dev/null; (echo x > dir/inner) 2>/dev/null; true")
    check_eq((r.out, far.read_text()), (f"{far}\n", "far\n"), r.err)


@both
def a_match_that_is_a_link_is_granted_with_its_target(p):
    p.write("dir/a.txt", "a\n")
    link(p, "l.py", "dir/a.txt")
    link(p, "gone.py", "nothing")
    r = run(p, "--cap", "FILE_READ:*.py", "sh", "-c", "cat l.py dir/a.txt; ls")
    check_eq(r.out, "a\na\ndir\nl.py\n", r.err)


@both
def what_is_forbidden_is_not_granted_by_a_link(p):
    p.write("secret/key", "key\n")
    link(p, "link", "secret/key")
    link(p, "to", "secret")
    rule = forbid(p, "x.cedar", 'Ward::Path::"./secret"')
    for words in (("--read", "link"), ("--read", p.ws / "to"), ("--cap", "FILE_READ:*"), ("--read", ".")):
        r = run(p, *rule, *words, "sh", "-c", "cat secret/key link to/key")
        check("key\n" not in r.out, f"{words} {r.out} {r.err}")


@both
def a_workspace_is_its_real_path(p):
    p.write("f", "f\n")
    (p.base / "alias").symlink_to(p.ws)
    r = run(p, "--workspace", p.base / "alias", "--read", ".", "sh", "-c", "pwd; cat f")
    check_eq(r.out, f"{p.ws}\nf\n", r.err)


# ---- while it runs ----

@both
def a_link_that_the_run_makes_leads_within_its_view(p):
    far = outside(p)
    p.write("secret/key", "key\n")
    rule = forbid(p, "x.cedar", 'Ward::Path::"./secret"')
    r = run(p, *rule, "--write", ".", "sh", "-c",
            f"ln -s {far} one; ln -s secret two; ln -s {p.side} three; ln -s /proc/1/root{far} four; ln -s /proc/self/cwd/secret five;"
            "cat one two/key three/far four five/key; (echo x > one; echo x > two/new; echo x > three/new); true")
    check_eq(r.out, "", r.err)
    check_eq((far.read_text(), os.listdir(p.ws / "secret"), sorted(os.listdir(p.side))), ("far\n", ["key"], sorted(os.listdir(p.side))))
    check(not (p.side / "new").exists(), "it wrote outside")


@both
def a_link_is_of_its_directory(p):
    p.write("real", "real\n", 0o666)
    link(p, "link", "real")
    link(p, "gone", "real")
    r = run(p, "--write", ".", "sh", "-c", "mv link moved && rm gone && ln -sf other moved && ls")
    check_eq((r.code, (p.ws / "real").read_text(), os.readlink(p.ws / "moved"), (p.ws / "gone").is_symlink()), (0, "real\n", "other", False), r.err)
    link(p, "kept", "real")
    r = run(p, "--read", ".", "sh", "-c", "rm -f kept; mv kept x; ln -sf other kept; true")
    check_eq(os.readlink(p.ws / "kept"), "real", r.err)


@both
def no_link_takes_a_protected_name(p):
    (p.ws / "mine").mkdir()
    (p.ws / "mine").chmod(0o777)
    r = run(p, "--mode", "workspace_write", "sh", "-c", "ln -s mine .ward && echo LINKED; ln -sfn mine .ward; ln -s x .ward/y; true")
    check("LINKED" not in r.out, r.out)
    check(not (p.ws / ".ward").is_symlink() and os.listdir(p.ws / "mine") in ([], [".ward"]), "it is a link")
    check_eq(os.listdir(p.ws / "mine"), [])


@both
def a_link_that_changes_outside_changes_nothing_inside(p):
    one, two = outside(p, "one", "one\n"), outside(p, "two", "two\n")
    link(p, "link", one)
    (p.ws / "go").mkdir()
    (p.ws / "go").chmod(0o777)
    p.ws.chmod(0o777)
    words = ("--write", "go", "--read", p.ws / "link", "sh", "-c",
             f"echo > go/ready; until [ -e go/on ]; do sleep 0.02; done; readlink link; cat link; cat {two}; true")
    with open(p.base / "said", "wb") as out:
        q = p.start(*words, stdout=out, stderr=out)
        check(box.wait_for((p.ws / "go/ready").exists), "it did not start")
        (p.ws / "link").unlink()
        (p.ws / "link").symlink_to(two)
        (p.ws / "go/on").write_text("")
        check_eq(q.wait(20), 0)
    lines = (p.base / "said").read_text().splitlines()
    check_eq(lines[:2], [str(one), "one"])
    check("two" not in lines, "the other file is there")


@both
def a_link_planted_for_the_next_run_is_refused(p):
    outside(p)
    r = run(p, "--write", ".", "ln", "-s", p.side, "planted")
    check_eq((r.code, (p.ws / "planted").is_symlink()), (0, True), r.err)
    r = run(p, "--read", "planted", "cat", "planted/far")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("leads out of the workspace", r.err)


@both
def a_second_name_is_no_link(p):
    p.write("secret/key", "key\n", 0o666)
    os.link(p.ws / "secret/key", p.ws / "second")
    far = outside(p)
    rule = forbid(p, "x.cedar", 'Ward::Path::"./secret"')
    r = run(p, *rule, "--write", ".", "sh", "-c", f"cat second; cat secret/key; ln secret/key third; ln {far} fourth; true")
    check_eq(r.out, "key\n", r.err)
    check_eq(((p.ws / "third").exists(), (p.ws / "fourth").exists()), (False, False))


@both
def no_link_on_the_way_to_wards_own_files_is_written(p):
    """Who replaced such a link would write the next run's policy, its list of trusted repositories, its log."""
    real = p.home / "real"
    for d in (real / "ward", p.ws / "open"):
        d.mkdir(parents=True)
    (real / "x.cedar").write_text("")
    link(p, "open/link", real)
    link(p, "first", p.ws / "open/link")
    own = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "XDG_STATE_HOME": str(p.home / "state")}
    replace = ("sh", "-c", "rm open/link && mkdir -p open/link/ward && echo REPLACED; true")
    far = str(p.ws / "first")
    for what, more, words in (("user's policy", {"XDG_CONFIG_HOME": far}, ()),
                              ("trusted", {"XDG_STATE_HOME": far}, ()),
                              ("trusted", {"XDG_STATE_HOME": far + "/none"}, ()),
                              ("the policy", {}, ("--policy", "first/x.cedar"))):
        for grant in (("--write", "open"), ("--review",)):
            r = p.run(*grant, *words, *replace, env=own | more)
            check_eq((r.code, r.out), (125, ""), f"{what} {grant}: {r.err}")
            check_in(f"{what}", r.err)
            check_in(f'is found by the link "{p.ws}/', r.err)
    r = p.run("--write", "open", "--audit", far + "/log", "true", log=False, env=own)
    check_eq(r.code, 125, r.err)
    check_in("the log, is found by the link", r.err)
    (p.ws / "else").mkdir()
    for words in (("--write", "else"), ("--read", ".")):
        r = p.run(*words, "true", env=own | {"XDG_CONFIG_HOME": far})
        check_eq(r.code, 0, r.err)
    # Nobody gets to a link below what a rule takes out.
    p.write("hide.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  denyRead:\n    - open/**\n")
    for words, code in (((), 125), (("--policy", "hide.yaml"), 0)):
        r = p.run("--write", ".", *words, "true", env=own | {"XDG_CONFIG_HOME": str(p.ws / "open/link")})
        check_eq(r.code, code, r.err)


def start_with(p, name):
    """From here on ward is a copy at this place of the workspace."""
    (p.ws / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(cli.WARD, p.ws / name)
    (p.ws / name).chmod(0o777)
    cli.WARD = str(p.ws / name)


@both
def the_program_that_starts_runs_is_written_by_none(p):
    """What took its place would start the next run, with no cage at all."""
    start_with(p, "own/bin/ward")
    was = (p.ws / "own/bin/ward").read_bytes()
    p.write("x.cedar", 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./own");\n'
                       'permit (principal, action in Ward::Action::"run_programs", resource);\n')
    script = ("for f in own/bin/ward; do echo evil > $f; rm -f $f; echo evil > own/bin/new; mv own/bin/new $f; ln -f own/bin/new $f; chmod 0 $f; "
              "truncate -s 0 $f; done 2>/dev/null; mv own/bin own/b; mv own o; echo x > own/bin/else && echo MADE")
    for how in (("--write", "own"), ("--write", "own/bin"), ("--cap", "FILE_WRITE:own/**"), ("--write", "."), ("--review",), ("--mode", "workspace_write"),
                ("--policy", "x.cedar")):
        r = p.run(*how, "--", "/bin/sh", "-c", script)
        check_eq((r.code, r.out), (0, "MADE\n"), f"{how} {r.err}")
        check_in(f'FILE_WRITE "{p.ws}/own/bin/ward" refused: a rule forbids it: it starts runs; no run writes it', r.err)
        check_eq((p.ws / "own/bin/ward").read_bytes(), was, how)
        check_eq((p.ws / "own/bin/ward").stat().st_mode & 0o777, 0o777, how)
    r = p.run("--write", "own/bin/ward", "true")
    check_eq(r.code, 125, r.err)
    check_in("a rule forbids it", r.err)
    check_eq(p.run("--read", ".", "true").code, 0)


@both
def no_link_on_the_way_to_the_program_that_starts_runs_is_written(p):
    start_with(p, "own/ward")
    (p.ws / "bin").mkdir()
    (p.ws / "to").mkdir()
    link(p, "bin/ward", p.ws / "own/ward")
    link(p, "to/own", p.ws / "own")
    script = ("sh", "-c", "for l in bin/ward to/own; do rm -f $l; cp /bin/true $l; done; true")
    for called, grant in ((p.ws / "bin/ward", "bin"), (p.ws / "to/own/ward", "to"), ("bin/ward", "bin"), ("to/../bin/ward", "bin")):
        cli.WARD = str(called)
        for how in (("--write", grant), ("--review",)):
            r = p.run(*how, "--", *script)
            check_eq(r.code, 125, f"{called} {how} {r.err}")
            check_in("the program that starts runs, is found by the link", r.err)
        r = p.run("--write", "own", "--", *script)
        check_eq(r.code, 0, f"{called} {r.err}")


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What git obeys outside is not written inside: each case is a repository as people have them, or as somebody hostile makes one, and a
run that would plant what the next git of its owner executes, or read what another repository holds."""
import os
import pathlib
import shutil

import box
from box import both, both_cases, root_only
from persist_box import WHO, git, repository
from tap import check, check_eq, check_in

WRITE = ["--mode", "workspace_write"]
COMMIT = ["--mode", "repo_write", "--approve", "risky"]


VARIABLES = {}    # of the caller's environment, besides


def opened(where):
    """Nothing but the view keeps a run from writing."""
    for d, dirs, names in os.walk(where):
        os.chmod(d, 0o777)
        for name in names:
            if not os.path.islink(f"{d}/{name}"):
                os.chmod(f"{d}/{name}", 0o777 if os.access(f"{d}/{name}", os.X_OK) else 0o666)
        del dirs


def run(p, *words, home=None):
    home = home or p.home
    return p.run(*words, env={"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **VARIABLES})


def write(p, name, text=""):
    path = p.ws / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(p, to, name):
    (p.ws / name).parent.mkdir(parents=True, exist_ok=True)
    (p.ws / name).symlink_to(to)


def hooks_are_a_link(p):
    shutil.rmtree(p.ws / ".git/hooks")
    write(p, "gh/x")
    link(p, "../gh", ".git/hooks")


def hooks_lead_to_nothing(p):
    shutil.rmtree(p.ws / ".git/hooks")
    link(p, "../gh", ".git/hooks")


def a_hook_is_a_link(p):
    write(p, "gh/pc", "#!/bin/sh\n")
    link(p, "../../gh/pc", ".git/hooks/pre-commit")


def includes_include(p):
    git(p.ws, "config", "include.path", "../one.inc")
    write(p, "one.inc", "[include]\n\tpath = two.inc\n")
    write(p, "two.inc")


def an_include_is_not_there(p):
    git(p.ws, "config", "include.path", "../one.inc")


def a_mark_of_the_byte_order(p):
    write(p, ".git/config", "\ufeff[core]\n\thooksPath = gh\n")
    write(p, "gh/x")


def a_filter(p):
    git(p.ws, "config", "filter.x.clean", "sh 'tools/clean' %f")
    write(p, "tools/clean", "cat\n")


def the_users_hooks(p):
    (p.home / ".gitconfig").write_text("[core]\n\thooksPath = .githooks\n")
    write(p, ".githooks/x")


def the_users_hooks_are_not_there(p):
    (p.home / ".gitconfig").write_text("[core]\n\thooksPath = .githooks\n")


def the_hooks_of_a_variable(p):
    VARIABLES["GIT_CONFIG_GLOBAL"] = str(p.side / "gitconfig")
    (p.side / "gitconfig").write_text("[core]\n\thooksPath = tools/gh\n")
    write(p, "tools/gh/x")


def a_configuration_of_a_variable(p):
    VARIABLES["GIT_CONFIG_SYSTEM"] = str(p.ws / "dotfiles/gitconfig")
    write(p, "dotfiles/gitconfig", "[user]\n\tname = x\n")


def a_variable_of_no_configuration(p):
    VARIABLES["GIT_CONFIG_GLOBAL"] = "/dev/null"


def apart_in_the_workspace(p):
    shutil.rmtree(p.ws / ".git")
    git(p.ws, "init", "-q", "--separate-git-dir", "gd", ".")


def bare(p):
    shutil.rmtree(p.ws / ".git")
    git(p.ws, "init", "-q", "--bare", ".")


PLANTS = [
    ("hooks are a link", hooks_are_a_link, "echo x > gh/pre-commit"),
    ("hooks lead to nothing", hooks_lead_to_nothing, "mkdir gh"),
    ("a hook is a link", a_hook_is_a_link, "echo x > gh/pc"),
    ("includes include", includes_include, "echo x > two.inc"),
    ("an include is not there", an_include_is_not_there, "echo x > one.inc"),
    ("a mark of the byte order", a_mark_of_the_byte_order, "echo x > gh/pre-commit"),
    ("a filter", a_filter, "echo x > tools/clean"),
    ("the user's hooks", the_users_hooks, "echo x > .githooks/pre-commit"),
    ("the user's hooks are not there", the_users_hooks_are_not_there, "mkdir .githooks"),
    ("the hooks of a variable", the_hooks_of_a_variable, "echo x > tools/gh/pre-commit"),
    ("a configuration of a variable", a_configuration_of_a_variable, "echo x >> dotfiles/gitconfig"),
    ("a variable of no configuration", a_variable_of_no_configuration, "echo x > .git/hooks/pre-commit"),
    ("git's directory apart, in the workspace", apart_in_the_workspace, "echo x > gd/hooks/pre-commit"),
    ("bare", bare, "echo x > hooks/post-update"),
]


@both_cases(PLANTS)
def not_planted(p, make, attack):
    VARIABLES.clear()
    repository(p.ws)
    make(p)
    opened(p.ws)
    r = run(p, *WRITE, "sh", "-c", f"echo x > fine; ({attack}) 2>/dev/null && echo PLANTED; cat fine")
    check_eq((r.code, r.out), (0, "x\n"), r.err)


LINKS = [
    (".git", lambda p: (p.ws / ".git").rename(p.ws / "real"), "real", ".git", WRITE),
    ("hooks", lambda p: (p.ws / ".git/hooks").rename(p.ws / "gh"), "../gh", ".git/hooks", COMMIT),
]


@both_cases(LINKS)
def a_link_that_could_be_replaced_stops_the_run(p, make, to, name, mode):
    repository(p.ws)
    make(p)
    link(p, to, name)
    opened(p.ws)
    r = run(p, *mode, "true")
    check_eq(r.code, 125)
    check_in("axis files", r.err)
    check_in(f"{name}\" is a link", r.err)
    r = run(p, "--mode", "read_only", "cat", "a")
    check_eq((r.code, r.out), (0, "one\n"), r.err)


@both
def what_is_as_in_the_index_does_not_look_changed(p):
    """An index keeps the owner of each file, who is another one inside of a root's run."""
    repository(p.ws)
    for f in (p.ws / "a",):
        os.utime(f, (1700000000, 1700000000))
    git(p.ws, "status", "--short")
    opened(p.ws)
    for words in (["--read", "."], ["--review"], WRITE):
        r = run(p, *words, "git", "diff-files", "--name-only")
        check_eq((words, r.code, r.out), (words, 0, ""), r.err)
    (p.ws / "a").write_text("two\n")
    r = run(p, "--read", ".", "git", "status", "--short")
    check_eq((r.code, r.out), (0, " M a\n"), r.err)


@both
def a_second_name_stops_the_run(p):
    repository(p.ws)
    os.link(p.ws / ".git/config", p.ws / "cfg")
    opened(p.ws)
    r = run(p, *WRITE, "sh", "-c", "echo x >> cfg && echo PLANTED")
    check_eq(r.code, 125, r.out)
    check_in("has a second name", r.err)


@both
def a_commondir_shows_no_other_repository(p):
    """A file in the repository names another one's directory as the common one."""
    other = repository(p.side / "other")
    opened(other)
    repository(p.ws)
    write(p, ".git/commondir", f"{other}/.git\n")
    opened(p.ws)
    for mode in (WRITE, COMMIT):
        r = run(p, *mode, "sh", "-c", f"cat {other}/.git/HEAD && echo READ; (echo x > {other}/.git/owned) && echo WROTE; true")
        check_eq((r.code, r.out), (0, ""), r.err)
        check_in("does not have it among its work trees", r.err)
    check(not (other / ".git/owned").exists())


def made_by_another(p):
    git(p.ws, "init", "-q", ".")
    for d, dirs, names in os.walk(p.ws / ".git"):
        for name in [d] + [f"{d}/{n}" for n in names]:
            os.chown(name, 54321, 54321)
        del dirs


def reads_below(p, make):
    """The workspace is ws/project, and somebody has made ws/.git."""
    write(p, "private/key", "planted\n")
    write(p, "project/a", "one\n")
    make(p)
    opened(p.ws)
    r = p.run("--mode", "workspace_write", "sh", "-c", "cat a; cat ../private/key && echo READ; true", cwd=p.ws / "project",
              env={"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")})
    check_eq((r.code, r.out), (0, "one\n"), r.err)
    check_in("/.git\" is not used", r.err)


@both_cases([("empty", lambda p: (p.ws / ".git").mkdir()), ("a file", lambda p: write(p, ".git", "gitdir: x\n"))])
def what_is_no_repository_widens_nothing(p, make):
    reads_below(p, make)


@root_only
def another_users_repository_widens_nothing(p):
    reads_below(p, made_by_another)


@both
def other_work_trees_stay_as_they_are(p):
    top = repository(p.side / "top")
    git(top, "worktree", "add", "-q", str(p.side / "two"))
    p.ws.rmdir()
    git(top, "worktree", "add", "-q", str(p.ws))
    for where in (top, p.side / "two", p.ws):
        opened(where)
    two = f"{top}/.git/worktrees/two"
    own = f"{top}/.git/worktrees/{p.ws.name}"
    commit = "git " + " ".join(WHO[:6]) + " commit -qam two"
    r = run(p, *COMMIT, "sh", "-c", f"echo two > a; {commit} && echo committed; (echo x > {two}/commondir) && echo OTHER; mv {two} {two}2 && echo MOVED;"
                                    f"(echo x > {own}/commondir) && echo OWN; (echo x > {own}/gitdir) && echo BACK; true")
    check_eq((r.code, r.out), (0, "committed\n"), r.err)
    check_eq(len(git(p.ws, "log", "--oneline").splitlines()), 2)
    check_eq(git(p.side / "two", "status", "--short"), "")


@root_only
def whose_git_lies_elsewhere_is_told_which_mode_commits(p):
    """The index of a work tree is no file of the workspace, and of history all the same: what helps is the mode. Not below /tmp, which is private."""
    box.private_mounts()
    box.mount("ward-test", "/srv", "tmpfs", 0, "mode=0777")
    top, p.ws = repository(pathlib.Path("/srv/top")), pathlib.Path("/srv/two")
    git(top, "worktree", "add", "-q", str(p.ws))
    for where in (top, p.ws):
        opened(where)
    r = run(p, *WRITE, "sh", "-c", "git " + " ".join(WHO[:6]) + " commit -qm two --allow-empty")
    check(r.code != 0, r.out)
    check_in("writes no history; use repo_write", r.err)


@both
def submodules_are_where_they_were(p):
    source = repository(p.side / "source")
    repository(p.ws)
    for name in ("sub", "un/init"):
        git(p.ws, "submodule", "add", "-q", str(source), name)
    git(p.ws, "commit", "-q", "-m", "s")
    git(p.ws, "submodule", "deinit", "-q", "-f", "un/init")
    opened(p.ws)
    attack = ("(echo gitdir: evil > sub/.git) && echo FILE; mv sub s2 && echo MOVED; mkdir un/init/.git && echo MADE; mv un un2 && echo ABOVE;"
              "echo x > sub/new && cat sub/new")
    for mode in (WRITE, COMMIT):
        r = run(p, *mode, "sh", "-c", attack)
        check_eq((r.code, r.out), (0, "x\n"), r.err)


if __name__ == "__main__":
    box.main()

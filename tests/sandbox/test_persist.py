#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that run code later for their user, below a plain write grant: what is there at the start is only read, wherever it lies and however
it is written, nothing of that makes a name on the host, and what comes to be or changes is listed at the end. What counts is what the host
has afterwards, and what its own git runs."""
import json
import os
import shutil
import time

import box
from box import both, both_cases, root_only
from persist_box import bad_hook, config, git, late, nothing_runs, open_up, plant, put, repository, run, snapshot
from tap import check, check_eq, check_in, skip

# ---- what is there ----

HELD = [(n, n) for n in (
    ".envrc", ".ENVRC", ".npmrc", "sub/.npmrc", "a/b/c/d/e/.yarnrc.yml", ".vscode/tasks.json", "sub/.vscode/settings.json",
    ".idea/workspace.xml", ".devcontainer/devcontainer.json", ".cargo/config.toml", ".mvn/extensions.xml", ".bashrc", ".claude/settings.json",
    "sub/.Claude/settings.json", ".mcp.json", ".cursor/mcp.json", ".exrc", "mise.toml", ".github/workflows/ci.yml", ".gitlab-ci.yml",
    ".pre-commit-config.yaml", ".husky/pre-commit", "x.code-workspace", ".ssh/config", ".config/fish/config.fish", ".git/hooks/pre-commit",
    "gradle/wrapper/gradle-wrapper.properties", "sub/.ward/x.cedar", "node_modules/x/.git/config", ".vscode/.envrc",
    "sub/.claude/x/.npmrc", ".prototools", "sub/.go-version", ".swift-version", ".perl-version", ".Terraform-Version", "mise.production.toml", ".pdm-python",
    "sub/.iex.exs", ".ocamlinit", "lean-toolchain", "ansible.cfg", ".github/hooks/x.json", ".openhands/setup.sh", ".hg/sharedpath",
    ".sl/config", "sub/.jj/repo/config.toml", "a/.jj/repo", ".pijul/config", ".direnv/python-3.11/bin/ls", ".envrc.private", "_darcs/prefs/defaults", "sub/CVS/Root",
    ".lsp/config.edn", ".ropeproject/config.py", "latexmkrc", ".agent/rules/x.md", "sub/.venv", "bin/hermit.hcl", ".erlang", "grumphp.yml")]


@both_cases(HELD)
def what_is_there_is_only_read(p, name):
    put(p, name)
    put(p, "beside")
    open_up(p)
    before = snapshot(p.ws)
    parts = name.split("/")
    ways = [f"echo bad >> {name}", f"echo bad > new; mv -f new {name}", f"ln -f beside {name}", f"ln -sf beside {name}", f"rm -f {name}",
            f"mv {name} away", f"chmod 0777 {name}", f"touch -d 2001-01-01 {name}", f"truncate -s 0 {name}"]
    for n in range(1, len(parts)):
        above = "/".join(parts[:n])
        ways += [f"mv {above} moved && mkdir -p {os.path.dirname(name)} && echo bad > {name}", f"rm -rf {above}",
                 f"mv -T --exchange {above} other"]
    r, o = run(p, "\n".join(f"( {w} ) 2>/dev/null" for w in ways) + "\nrm -rf new moved away 2>/dev/null; cat " + name)
    check_eq(r.out, "mine\n", r.err)
    check_eq(snapshot(p.ws), before, r.err)
    check(any(v["resource"].startswith(str(p.ws / parts[0])) for v in o["violations"]), o["violations"])
    check_eq(o["late_names"], {"names": [], "total": 0, "complete": True})


# What others made and nobody of the user's opens, what is no such name, and what counts beside a .git alone.
FREE = [(n, n) for n in ("node_modules/x/.vscode/settings.json", "vendor/y/.npmrc", "sub/.github/workflows/ci.yml", "sub/Jenkinsfile", ".editorconfig",
                         "package.json", "Makefile", "AGENTS.md", "conftest.py", "envrc", "x.envrc", ".vscodes/x", ".cargo/registry/x", ".git/info/exclude", ".claude-plugin/plugin.json",
                         "gemini-extension.json", "pixi.toml", "hie.yaml", "project/plugins.sbt", "project/build.properties", ".pnp.cjs", ".yarn/sdks/typescript/x",
                         "rust-analyzer.toml", ".bsp/sbt.json", ".venv/lib/x.py", ".venv/bin/activate", ".venv/pyvenv.cfg", ".jj/repo/op_heads/x", ".fslckout", ".devbox/gen/x",
                         ".gitmodules", "sub/grumphp.yml", ".env.local", ".terraform/providers/x")]


@both_cases(FREE)
def what_builds_and_agents_write_for_a_living_is_written(p, name):
    put(p, name)
    open_up(p)
    r, _ = run(p, f"echo more >> {name} && rm {name} && echo new > {name} && mv {name} away && mv away {name} && cat {name}")
    check_eq((r.code, r.out), (0, "new\n"), r.err)


NAMED = [("--write", ["--write", ".envrc"]), ("a literal", ["--cap", "FILE_WRITE:.envrc"])]


@both_cases(NAMED)
def a_grant_by_name_lets_it_be_written(p, words):
    put(p, ".envrc")
    put(p, ".npmrc")
    open_up(p)
    r, o = run(p, "echo more >> .envrc && rm .envrc && echo new > .envrc; echo bad >> .npmrc", *words)
    check_eq((p.ws / ".envrc").read_text(), "new\n", r.err)
    check_eq((p.ws / ".npmrc").read_text(), "mine\n", r.err)
    check_eq(late(o), {".envrc": "changed"})


@both
def a_grant_of_a_name_inside_lets_that_be_written(p):
    put(p, ".vscode/tasks.json")
    put(p, ".vscode/settings.json")
    open_up(p)
    r, _ = run(p, "echo new > .vscode/settings.json; echo bad > .vscode/tasks.json; echo bad > .vscode/x", "--write", ".vscode/settings.json")
    check_eq(sorted((f.name, f.read_text()) for f in (p.ws / ".vscode").iterdir()), [("settings.json", "new\n"), ("tasks.json", "mine\n")], r.err)


@both
def a_pattern_is_no_name(p):
    put(p, ".vscode/tasks.json")
    put(p, "a.json")
    open_up(p)
    r = p.run("--cap", "FILE_WRITE:**/*.json", "--read", ".", "sh", "-c", "echo new > a.json; echo bad > .vscode/tasks.json")
    check_eq(((p.ws / "a.json").read_text(), (p.ws / ".vscode/tasks.json").read_text()), ("new\n", "mine\n"), r.err)
    # The node that shows it is its own: nothing of the path is left behind it (read past the end; the sanitizers see it).
    put(p, ".envrc")
    r = p.run("--cap", "FILE_WRITE:.env*", "--read", ".", "sh", "-c", "echo bad > .envrc")
    check_eq((p.ws / ".envrc").read_text(), "mine\n", r.err)


@both
def the_cure_of_a_refusal_cures_it(p):
    put(p, ".envrc")
    open_up(p)
    _, o = run(p, "echo more >> .envrc")
    one = [v for v in o["violations"] if v["resource"].endswith(".envrc")][0]
    check_eq(one["action"], "FILE_WRITE")
    cure = one["cure"].split(" ", 1)[1].strip("'")
    r, _ = run(p, "echo more >> .envrc", "--cap", cure)
    check_eq((p.ws / ".envrc").read_text(), "mine\nmore\n", r.err)


@both
def what_no_grant_lifts_has_no_cure(p):
    put(p, ".ward/x.cedar", 'forbid(principal, action, resource == Ward::Path::"./none");\n')
    put(p, ".envrc")
    open_up(p)
    _, o = run(p, "echo bad >> .ward/x.cedar; echo bad >> .envrc")
    cures = {os.path.relpath(v["resource"], p.ws): v["cure"] for v in o["violations"]}
    check_eq(cures[".ward/x.cedar"], None, cures)
    check_in("FILE_WRITE:", cures[".envrc"], cures)
    repository(p.ws)
    open_up(p)
    _, o = run(p, "echo bad >> .git/config", "--mode", "workspace_write")
    check_eq([v["cure"] for v in o["violations"] if v["resource"].endswith(".git/config")], [None], o["violations"])


@both
def a_name_that_is_granted_by_a_directory_in_it_is_held(p):
    """The grant is the directory of hooks' parent, or the workspace's only such directory: what matters is the whole path."""
    put(p, ".github/workflows/ci.yml")
    open_up(p)
    r, _ = run(p, "echo bad > .github/workflows/ci.yml; echo free > .github/x", write=".github")
    check_eq((p.ws / ".github/workflows/ci.yml").read_text(), "mine\n", r.err)
    check((p.ws / ".github/x").exists(), r.err)


@both
def what_is_granted_inside_a_held_directory_is_looked_through(p):
    put(p, ".vscode/x/.envrc")
    put(p, ".vscode/x/a")
    open_up(p)
    time.sleep(0.1)  # what changed a tick before the start counts as changed
    r, o = run(p, "echo new > .vscode/x/a; echo bad > .vscode/x/.envrc", "--write", ".vscode/x")
    check_eq(((p.ws / ".vscode/x/a").read_text(), (p.ws / ".vscode/x/.envrc").read_text()), ("new\n", "mine\n"), r.err)
    check_eq(late(o), {"a": "changed"})


@both
def what_a_held_directory_links_to_is_held_too(p):
    put(p, "tasks")
    put(p, "dir/a")
    put(p, ".vscode/settings.json")
    (p.ws / ".vscode/tasks.json").symlink_to("../tasks")
    (p.ws / ".vscode/d").symlink_to("../dir")
    (p.ws / ".vscode/nothing").symlink_to("../made")
    open_up(p)
    os.link(p.ws / ".vscode/settings.json", p.ws / "second")
    r, o = run(p, "echo bad > tasks; echo new > dir/b; echo new > made; echo new > second")
    check_eq((p.ws / "tasks").read_text(), "mine\n", r.err)
    check_in("it is a link to what may be written", r.err)
    check_in("it has a second name, and is written by that, too", r.err)
    check_eq(late(o), {"d": "changed", "nothing": "appeared", "settings.json": "changed"})


@both
def a_link_to_nothing_is_said_not_to_be_held(p):
    (p.ws / ".npmrc").symlink_to("nothing")
    os.chmod(p.ws, 0o777)
    r, o = run(p, "true")
    check_in("it is a link to nothing, and what it leads to could be made", r.err)
    check_eq(late(o), {})
    _, o = run(p, "rm .npmrc; echo x > .npmrc")
    check_eq(late(o), {".npmrc": "changed"})


@both
def a_link_does_not_make_all_of_a_grant_read_only(p):
    put(p, "sub/x/a")
    (p.ws / "sub/x/.vscode").symlink_to("..")
    open_up(p)
    r, _ = run(p, "echo new > sub/x/a")
    check_eq((r.code, (p.ws / "sub/x/a").read_text()), (0, "new\n"), r.err)


# ---- modes and policies ----

@both
def a_mode_that_writes_holds_them_too(p):
    repository(p.ws)
    put(p, ".envrc")
    put(p, "sub/.vscode/tasks.json")
    open_up(p)
    before = snapshot(p.ws)
    r = p.run("--mode", "workspace_write", "sh", "-c", "echo bad >> .envrc; echo bad > sub/.vscode/tasks.json; mv sub s; echo x > a; rm -rf s", env={"HOME": str(p.home)})
    after = snapshot(p.ws)
    check_eq(after.pop("a")[1], b"x\n", r.err)
    before.pop("a")
    check_eq(after, before, r.err)


@both
def what_ward_holds_itself_has_not_appeared(p):
    """A mode keeps .ward from coming to be: an empty directory while the run lives. And a file that looks like one is listed."""
    repository(p.ws)
    open_up(p)
    out = p.ws.parent / "outcome.json"
    r = p.run("--outcome", str(out), "--mode", "workspace_write", "sh", "-c", "echo x > new; : > .envrc; chmod 01644 .envrc")
    o = json.loads(out.read_text())
    check_eq((r.code, late(o)), (0, {".envrc": "appeared"}), r.err)
    check(not (p.ws / ".ward").exists(), "it was left")


@both
def the_policy_of_the_workspace_has_not_appeared(p):
    put(p, ".ward/README")
    open_up(p)
    r, o = run(p, "echo x > new; echo bad > .ward/x")
    check_eq(late(o), {}, r.err)
    check_eq(sorted(os.listdir(p.ws / ".ward")), ["README"])


@both
def a_policy_that_names_one_lets_it_be_written(p):
    put(p, ".envrc")
    put(p, ".npmrc")
    p.write("p.cedar", 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./");\n'
            'permit (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./.envrc");\n')
    open_up(p)
    r = p.run("--policy", "p.cedar", "sh", "-c", "echo new > .envrc; echo bad > .npmrc", env={"HOME": str(p.home)})
    check_eq(((p.ws / ".envrc").read_text(), (p.ws / ".npmrc").read_text()), ("new\n", "mine\n"), r.err)


@both_cases([
    ("lists", 'permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./src");\n'
              'permit (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./.envrc");\n'),
    ("forbids", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./")\n'
                'unless { resource == Ward::Path::"./.envrc" || resource in Ward::Path::"./src" };\n')])
def who_may_only_narrow_names_nothing(p, text):
    """A repository's own policy: that it denies what lies beside a name does not make a grant of the name."""
    put(p, ".envrc")
    put(p, "src/a")
    p.write(".ward/more.cedar", text)
    open_up(p)
    os.chmod(p.ws / ".ward", 0o755)
    os.chmod(p.ws / ".ward/more.cedar", 0o644)
    p.write("../p.cedar", 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./");\n')
    r = p.run("--policy", "../p.cedar", "sh", "-c", "echo new > src/a; echo bad > .envrc", env={"HOME": str(p.home)})
    check_eq(((p.ws / "src/a").read_text(), (p.ws / ".envrc").read_text()), ("new\n", "mine\n"), r.err)


# ---- git: what the host's own runs afterwards ----

@both_cases([(n, n) for n in ("", "sub", "a/b/c", "node_modules/x", ".hidden/y")])
def no_hook_is_planted_in_a_repository_wherever_it_lies(p, where):
    top = repository(p.ws / where)
    mark, make = bad_hook(p)
    open_up(p)
    g = f"{where or '.'}/.git"
    r, _ = run(p, make + plant(g) + config(g, mark) + f"mv {g} old && cp -r old {g}; mv {g}/hooks {g}/h2; mv {g}/config {g}/c2; rm -rf {g}/hooks {g}/config; " +
               plant(g) + config(g, mark))
    nothing_runs(p, mark, top)
    check_in("git runs hooks", r.err)


@both
def git_itself_works_in_a_plain_write_grant(p):
    if os.geteuid() == 0:
        os.environ["HOME"] = str(p.home)
    repository(p.ws)
    for top, dirs, _ in os.walk(p.ws):
        for d in [".", *dirs]:
            os.chmod(os.path.join(top, d), 0o777)
    who = "git -c user.name=a -c user.email=b@example.com "
    r, o = run(p, "set -e; echo two > b; git status >/dev/null; git diff; git add b; " + who + "commit -qm two; git checkout -q -b new; echo 3 > a; " + who +
               "commit -qam three; git checkout -q -; " + who + "merge -q new; git stash list; git gc -q; git log --oneline | wc -l")
    check_eq((r.code, r.out), (0, "3\n"), r.err)
    check_eq(o["violations"], [])
    check_eq(o["late_names"]["names"], [])


@both
def a_gitfile_is_not_turned(p):
    main = repository(p.ws / "main")
    git(main, "worktree", "add", "-q", "../tree", "-b", "tree")
    mark, make = bad_hook(p)
    open_up(p)
    r, _ = run(p, make + "cp -r main/.git evil; " + plant("evil") + config("evil", mark) +
               "echo 'gitdir: ../evil' > tree/.git; rm tree/.git; mv tree t2; echo ../../../evil > main/.git/worktrees/tree/commondir; " + plant("main/.git") +
               plant("main/.git/worktrees/tree") + config("main/.git", mark) + config("main/.git/worktrees/tree", mark))
    nothing_runs(p, mark, main, p.ws / "tree")
    check_in("evil", r.err)


@both
def the_repository_of_a_submodule_is_one(p):
    lib = repository(p.ws / "lib")
    top = repository(p.ws / "top")
    git(top, "submodule", "--quiet", "add", str(lib), "sub")
    git(top, "commit", "-q", "-m", "sub")
    mark, make = bad_hook(p)
    open_up(p)
    r, _ = run(p, make + plant("top/.git/modules/sub") + config("top/.git/modules/sub", mark) + "echo 'gitdir: ../../lib/.git' > top/sub/.git; " + plant("lib/.git"))
    nothing_runs(p, mark, top, top / "sub", lib)
    check_in("refused", r.err)


@both_cases([("hooksPath", "core.hooksPath", ".hooks-here"), ("include", "include.path", "../more"), ("includeIf", "includeIf.gitdir:**.path", "../more")])
def what_the_configuration_names_is_held(p, key, value):
    top = repository(p.ws / "sub")
    git(top, "config", key, value)
    mark, make = bad_hook(p)
    if "hooks" in value:
        (top / value).mkdir()
    else:
        (top / "more").write_text("[alias]\n")
    open_up(p)
    run(p, make + f"cp hook sub/{value}/post-commit; mv sub/{value} sub/x; mkdir sub/{value}; cp hook sub/{value}/post-commit; " +
        f"printf '[core]\\n\\tfsmonitor = \"touch {mark}; false\"\\n' >> sub/more; mv sub/more sub/m; cp sub/m sub/more")
    nothing_runs(p, mark, top)


@both
def a_bare_repository_by_any_name_is_held(p):
    repository(p.ws / "from")
    git(p.ws, "clone", "-q", "--bare", "from", "some/where")
    mark, _ = bad_hook(p)
    open_up(p)
    r, _ = run(p, config("some/where", mark) + "mv some/where some/w; mv some s")
    git(p.ws / "some/where", "status", ok=False)
    check(not mark.exists(), r.err)


@both
def hooks_that_are_a_link_are_said_not_to_be_held_and_what_it_leads_to_is(p):
    top = repository(p.ws)
    shutil.rmtree(top / ".git/hooks")
    (top / "scripts").mkdir()
    (top / ".git/hooks").symlink_to("../scripts")
    open_up(p)
    r, o = run(p, "echo bad > scripts/pre-commit; rm .git/hooks; mkdir .git/hooks; echo bad > .git/hooks/pre-commit")
    check(not (top / "scripts/pre-commit").exists(), r.err)
    check_in("it is a link, which could be replaced", r.err)
    check_eq(late(o).get("hooks"), "changed", o["late_names"])


@both
def a_git_that_is_a_link_is_guarded_as_a_repository(p):
    top = repository(p.ws / "tree")
    (top / ".git").rename(p.ws / "store")
    (top / ".git").symlink_to("../store")
    mark, make = bad_hook(p)
    open_up(p)
    who = "git -c user.name=a -c user.email=b@example.com -c safe.directory=* "
    r, _ = run(p, f"set -e; export HOME=/nonexistent; cd tree; echo two > a; {who} commit -qam two; cd ..; set +e; " + make + plant("store") + config("store", mark) + plant("tree/.git"))
    check_eq(git(top, "log", "--format=%s").split(), ["two", "one"], r.err)
    nothing_runs(p, mark, top)
    check_in("it is a link, which could be replaced", r.err)


ABSENT = [("core.hooksPath", "tools/hooks", "mkdir -p tools/hooks; : > tools/hooks/pre-commit", "hooks"),
          ("include.path", "../more", ": > more", "more"),
          ("filter.x.clean", "tools/clean --all", "mkdir tools; : > tools/clean", "clean")]


@both_cases([(k, k, v, s, n) for k, v, s, n in ABSENT])
def what_the_configuration_names_is_listed_when_it_comes_to_be(p, key, value, script, name):
    repository(p.ws)
    git(p.ws, "config", key, value)
    open_up(p)
    r, o = run(p, "true")
    check_eq(late(o), {}, r.err)
    r, o = run(p, script)
    check_eq(late(o), {name: "appeared"}, r.err)


# ---- what comes to be ----

LATE = [
    ("a file", "echo x > .envrc", {".envrc": "appeared"}),
    ("of another case", "mkdir s; echo x > s/.EnvRC", {".EnvRC": "appeared"}),
    ("a directory", "mkdir -p a/b/.vscode; echo x > a/b/.vscode/tasks.json", {".vscode": "appeared"}),
    ("a link", "ln -s nothing .npmrc", {".npmrc": "appeared"}),
    ("one that is moved there", "mkdir x; echo x > x/tasks.json; mv x .vscode", {".vscode": "appeared"}),
    ("a parent that is moved", "mkdir -p x/.idea; mv x y", {".idea": "appeared"}),
    ("a gitfile", "mkdir s; echo 'gitdir: ../x' > s/.git", {".git": "appeared"}),
    ("a repository by any name", "mkdir -p s/objects s/refs; echo ref: refs/heads/x > s/HEAD; echo x > s/config", {"s": "appeared"}),
    ("a repository in a repository's objects", "mkdir -p s/objects/.vscode s/refs; echo x > s/HEAD", {"s": "appeared", ".vscode": "appeared"}),
    ("what hides below a workspace that becomes one", "mkdir -p objects refs sub/.vscode; echo x > HEAD; echo x > .envrc; echo x > sub/.npmrc",
     {"ws": "appeared", ".vscode": "appeared", ".envrc": "appeared", ".npmrc": "appeared"}),
    ("the workspace as one", "mkdir -p objects refs; echo ref: refs/heads/x > HEAD", {"ws": "appeared"}),
    ("instructions", "echo x >> AGENTS.md; echo y > CLAUDE.md", {"AGENTS.md": "changed", "CLAUDE.md": "appeared"}),
    ("a link that leads out", "ln -s /etc/passwd out; ln -s ../../x up; ln -s b in; ln -s . here", {"out": "appeared", "up": "appeared"}),
    ("what Python loads at each start", "mkdir -p v/site-packages/y; cd v/site-packages; echo x > a.pth; echo x > sitecustomize.py; echo x > y/conftest.py; echo x > y/.envrc",
     {"a.pth": "appeared", "sitecustomize.py": "appeared"}),
    ("nothing of the kind", "mkdir src; echo x > src/a.c; mkdir -p node_modules/y/.vscode; mkdir s; mkdir s/.git; cat AGENTS.md", {}),
]


@both_cases(LATE)
def what_comes_to_be_is_listed(p, script, want):
    put(p, "AGENTS.md")
    open_up(p)
    r, o = run(p, script)
    check_eq(late(o), want, r.err)
    check_eq((o["late_names"]["total"], o["late_names"]["complete"]), (len(want), True))
    for name, what in want.items():
        check(any(line.startswith(f"ward: {what}: ") and f"{name}\"" in line for line in r.err.splitlines()), r.err)
    check_eq(sorted(os.path.basename(e["resource"]) for e in box.records(p) if e["kind"] == "fs.late"), sorted(want))
    box.verify(p)


# What git obeys of its own directory and is not there as a rule; of the main one, and of one by another name.
GIT_LATE = [(f"{n} in {d}", n, d) for n in ("commondir", "rebase-merge", "rebase-apply", "config.worktree", "hooks", "gitdir") for d in (".git", "bare/x", ".git/modules/x")]


@both_cases(GIT_LATE)
def what_git_obeys_and_was_not_there_is_listed(p, name, where):
    repository(p.ws)
    for bare in ("bare/x", ".git/modules/x"):
        git(p.ws, "init", "-q", "--bare", bare)
    shutil.rmtree(p.ws / where / "hooks")
    open_up(p)
    r, o = run(p, f"mkdir {where}/new; mv {where}/new {where}/{name}")
    check_eq([(n["path"], n["what"]) for n in o["late_names"]["names"]], [(str(p.ws / where / name), "appeared")], r.err)


@both
def a_rebase_that_is_done_is_not_listed(p):
    repository(p.ws)
    for top, dirs, files in os.walk(p.ws):
        for d in [".", *dirs]:
            os.chmod(os.path.join(top, d), 0o777)
    who = "git -c user.name=a -c user.email=b@example.com -c safe.directory='*' "
    r, o = run(p, f"export HOME=/tmp; set -e; {who} checkout -q -b n; echo 2 > b; git add b; {who} commit -qm 2; {who} checkout -q -; echo 3 > c; git add c; {who} commit -qm 3; "
               f"{who} rebase -q n; git log --oneline | wc -l")
    check_eq((r.code, r.out.strip(), o["late_names"]["names"]), (0, "3", []), r.err)


@root_only
def what_others_leave_of_set_id_bits_and_devices_is_listed_too(p):
    """The command cannot: the calls are refused. Somebody outside can, or a hole."""
    open_up(p)
    q = p.start("--outcome", p.outcome_file, "--write", ".", "sh", "-c", "echo up > up; while [ ! -e go ]; do sleep 0.02; done")
    box.wait_for(lambda: (p.ws / "up").exists())
    shutil.copy("/bin/true", p.ws / "suid")
    (p.ws / "suid").chmod(0o4755)
    os.mknod(p.ws / "null", 0o20666, os.makedev(1, 3))
    (p.ws / "go").write_text("")
    q.wait(20)
    check_eq(late(json.loads(p.outcome_file.read_text())), {"suid": "appeared", "null": "appeared"})


@both
def no_rename_leaves_a_device(p):
    """A whiteout, to every overlay that lies there later: it takes no privilege, and no rule of Landlock's is asked."""
    open_up(p)
    p.write("ask.py", "import ctypes, errno\nc = ctypes.CDLL(None, use_errno=True)\nopen('a', 'w')\n"
                      "print(c.renameat2(-100, b'a', -100, b'b', 4), errno.errorcode[ctypes.get_errno()])\n", 0o644)
    r, o = run(p, "python3 ask.py; ls")
    check_eq(r.out.split(), ["-1", "EINVAL", "a", "ask.py"], r.err)
    check_eq(late(o), {})


@both
def nobody_looks_who_does_not_want_to(p):
    open_up(p)
    r, o = run(p, "echo x > .envrc", "--no-late-names")
    check_eq((r.code, o["late_names"]), (0, None), r.err)
    check("envrc" not in r.err, r.err)
    r = p.run("--read", ".", "--outcome", p.outcome_file, "true")
    check_eq(json.loads(p.outcome_file.read_text())["late_names"], None)


@both
def a_plan_says_what_is_held_and_what_is_not(p):
    put(p, "sub/.envrc")
    text = p.run("--write", ".", "true", kind=("plan",), log=False).out
    check_in("sub/.envrc  ", text)
    check_in("on entering the directory", text)
    check_in("the end of the run lists them", text)
    check_in("nobody will list them", p.run("--write", ".", "--no-late-names", "true", kind=("plan",), log=False).out)
    plan = json.loads(p.run("--write", ".", "--json", "true", kind=("plan",), log=False).out)
    one = [n for n in plan["view"] if n["dest"].endswith("/.envrc")][0]
    check_eq((one["write"], one["fixed"], plan["late_names"]), (False, True, "told"))
    check("later" in one, one)
    check_eq(json.loads(p.run("--read", ".", "--json", "true", kind=("plan",), log=False).out)["late_names"], "none")


@both
def what_somebody_outside_replaces_is_listed_though_it_was_held(p):
    """Its mount goes with it, and what stands there then is written."""
    repository(p.ws)
    put(p, ".envrc")
    put(p, ".npmrc")
    open_up(p)
    q = p.start("--outcome", p.outcome_file, "--write", ".", "sh", "-c", "echo up > up; while [ ! -e go ]; do sleep 0.02; done; echo bad >> .git/config")
    box.wait_for(lambda: (p.ws / "up").exists())
    git(p.ws, "config", "x.y", "z")
    os.chmod(p.ws / ".git/config", 0o666)
    (p.ws / "go").write_text("")
    _, err = q.communicate(timeout=20)
    o = json.loads(p.outcome_file.read_text())
    check_eq([(os.path.relpath(n["path"], p.ws), n["what"], n["held"]) for n in o["late_names"]["names"]], [(".git/config", "changed", True)], err)
    check_eq((p.ws / ".git/config").read_text().endswith("bad\n"), True)


@both
def what_changes_in_a_directory_of_such_a_name_is_listed(p):
    """The directory itself is what it was."""
    for n in (".vscode/tasks.json", ".vscode/other.json", ".idea/a", ".idea/b"):
        put(p, n)
    open_up(p)
    time.sleep(0.1)  # what changed a tick before the start counts as changed
    r, o = run(p, "echo x >> .vscode/tasks.json; echo x >> .idea/b", "--write", ".vscode", "--write", ".idea/b")
    check_eq(late(o), {"tasks.json": "changed", "b": "changed"}, r.err)
    check_in("an editor runs", o["late_names"]["names"][0]["why"])


# ---- what cannot be looked into ----

CLOSED = [("entered and not read", "0311"), ("read and not entered", "0444"), ("neither", "0000"), ("below one", "0311 d/e; chmod 0444")]


@both_cases(CLOSED)
def a_directory_that_is_closed_behind_is_listed(p, mode):
    if os.geteuid() == 0:
        skip("root reads it")
    open_up(p)
    r, o = run(p, f"mkdir -p d/e; echo x > d/e/.envrc; echo x > d/.envrc; chmod {mode} d")
    os.chmod(p.ws / "d", 0o700)
    check_eq((late(o).get("d"), o["late_names"]["complete"]), ("appeared", False), r.err)


@both
def what_is_entered_by_name_alone_is_held_and_looked_for_by_name(p):
    put(p, "d/.envrc")
    put(p, "d/.github/workflows/ci.yml")
    put(p, "d/.git/config")
    open_up(p)
    for d in ("d/.git", "d"):
        os.chmod(p.ws / d, 0o333)
    r, o = run(p, "echo bad >> d/.envrc; echo bad >> d/.github/workflows/ci.yml; echo bad >> d/.git/config; echo x > d/.npmrc")
    os.chmod(p.ws / "d", 0o777)
    check_eq([(p.ws / "d" / n).read_text() for n in (".envrc", ".github/workflows/ci.yml", ".git/config")], ["mine\n"] * 3, r.err)
    check_eq(late(o).get(".npmrc"), "appeared", o["late_names"])


# ---- the host ----

@both
def no_name_is_made_on_the_host(p):
    """Whatever ends the run, and while it lives."""
    repository(p.ws)
    shutil.rmtree(p.ws / ".git/hooks")
    put(p, "sub/.envrc")
    open_up(p)
    before = snapshot(p.ws)
    q = p.start("--write", ".", "--quiet", "sleep", "1000")
    box.wait_for(lambda: any("sleep 1000" in box.cmdline(k) for k in box.descendants()))
    check_eq(snapshot(p.ws), before, "while it lives")
    q.kill()
    q.wait()
    box.leftovers()
    check_eq(snapshot(p.ws), before, "after a kill")


@both
def a_directory_that_moves_while_it_is_looked_at_leads_nowhere(p):
    """Somebody outside makes one a link to what was not granted, again and again: nothing out there is held or listed, and starts go on."""
    out = p.side / "secret"
    (out / "in").mkdir(parents=True)
    (out / "in/.envrc").write_text("theirs\n")
    put(p, "real/in/x")
    open_up(p)
    pid = os.fork()
    if pid == 0:
        while True:
            os.rename(p.ws / "real", p.ws / "away")
            os.symlink(out, p.ws / "real")
            os.unlink(p.ws / "real")
            os.rename(p.ws / "away", p.ws / "real")
    try:
        end, n = time.monotonic() + 2, 0
        while time.monotonic() < end:
            r, o = run(p, "true")
            check_eq(r.code, 0, r.err)
            check(not [x for x in (o["late_names"] or {"names": []})["names"] if ".envrc" in x["path"]], o["late_names"])
            n += 1
        check(n > 2, n)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@both
def explain_names_what_a_run_holds(p):
    """What it says a run holds is what a run refuses, and the grant that it names takes it out."""
    hook = repository(p.ws) / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\n")
    put(p, ".envrc")
    open_up(p)

    def explain(path, *words):
        r = p.run("--json", "--write", ".", *words, "--op", "modify", "--path", path, kind=("policy", "explain"), log=False)
        check_eq(r.code, 0, r.err)
        return json.loads(r.out)

    for path, held, words in ((hook, hook.parent, ".git/hooks/**"), (hook.parent / "new", hook.parent, ".git/hooks/**"), (p.ws / ".envrc", p.ws / ".envrc", ".envrc")):
        got = explain(path)
        check_eq((got["effect"], got["held"]["path"], got["held"]["cure"].count(words)), ("allow", str(held), 1), str(got))
        text = p.run("--write", ".", "--op", "modify", "--path", path, kind=("policy", "explain"), log=False).out
        check_in(f"  held: a run only reads {held} all the same: it is there, and {got['held']['why']}\n  grant: {got['held']['cure']}\n", text)
        check(p.run("--write", ".", "sh", "-c", f"echo x >>{path}").code != 0)
        given = ("--cap", f"FILE_WRITE:{words}")
        check("held" not in explain(path, *given))
        check_eq(p.run("--write", ".", *given, "sh", "-c", f"echo x >>{path}").code, 0)
    check("held" not in explain("other"))
    check("held" not in explain(hook, "--mode", "danger_full_access"))
    r = p.run("--json", "--write", ".", "--op", "read", "--path", hook, kind=("policy", "explain"), log=False)
    check("held" not in json.loads(r.out), r.out)


# ---- what was granted of it is said ----

def warned(p, *words, path=None, cwd=None):
    """-> the warnings of a plan; the run has the same."""
    env = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"], "HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}
    plan = p.run("--json", *words, "--", "true", kind=("plan",), log=False, env=env, cwd=cwd or p.ws)
    r = p.run(*words, "--", "true", env=env, cwd=cwd or p.ws)
    check_eq(r.code, 0, r.err)
    found = [w for w in json.loads(plan.out)["warnings"] if "may be written" in w]
    check_eq([line.removeprefix("ward: warning: ") for line in r.err.splitlines() if "may be written" in line], found)
    return found


LATER = "what the command puts there is run later, outside, whenever a program of that name is called"


@both
def a_directory_of_path_that_may_be_written_is_said(p):
    for d in ("bin", "venv/bin", "real/bin", "else"):
        (p.ws / d).mkdir(parents=True)
    (p.ws / "link").symlink_to(p.ws / "real")
    (p.home / "out").symlink_to(p.ws / "real")
    (p.home / ".local/bin").mkdir(parents=True)
    one = f"{p.ws}/venv/bin"
    # By its name, outside of the workspace, or where the end would not tell; else the end lists what matters.
    untold = ("--write", ".", "--no-late-names")
    for words in (untold, ("--write", "venv/bin"), ("--write", p.ws / "venv", "--workspace", "else"), ("--mode", "workspace_write", "--no-late-names")):
        check_eq(warned(p, *words, path=one), [f'"{one}" is on PATH and may be written: {LATER}'], words)
    for words in (("--write", "."), ("--write", "venv"), ("--cap", "FILE_WRITE:venv/**"), ("--mode", "workspace_write")):
        check_eq(warned(p, *words, path=one), [], words)
    check_eq(warned(p, *untold, path=f"{p.ws}/bin:{one}:{p.ws}/bin/"), [f'"{p.ws}/bin" and 1 more are on PATH and may be written: {LATER}'])
    # By what it leads to, and the link itself, which could be replaced; what could be made; and where one is.
    for path, cwd, words, want in ((p.home / "out/bin", None, ("--write", "real/bin"), "real/bin"), (p.ws / "link/bin", None, untold, "link"),
                                   (p.ws / "none/bin", None, untold, "none/bin"), ("bin", None, untold, "bin"),
                                   ("", p.ws / "bin", ("--write", p.ws / "bin", "--workspace", p.ws), "bin")):
        check(any(w.startswith(f'"{p.ws}/{want}"') for w in warned(p, *words, path=path or ":", cwd=cwd)), f"{path} {words}")
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./bin");\n'
                       'forbid (principal, action, resource in Ward::Path::"./venv");\n')
    for words in (("--write", "else"), ("--read", "."), ("--write", ".", "--policy", "x.cedar"), ("--review",)):
        check_eq(warned(p, *words, path=f"{p.ws}/bin:{one}"), [], words)
    # Of a home nothing may be made there, and so nothing is said, until it is granted by name.
    home = ("--write", p.home / ".local")
    check_eq(warned(p, *home, path=p.home / ".local/bin"), [])
    check_eq(warned(p, "--write", p.home / ".local/bin", path=p.home / ".local/bin"), [f'"{p.home}/.local/bin" is on PATH and may be written: {LATER}'])


def listed(p, path, *script, words=("--write", ".")):
    """-> what the end lists of a run that did this, with path before PATH, and its outcome."""
    env = {"PATH": f"{path}:{os.environ['PATH']}", "HOME": str(p.home)}
    r, o = p.outcome(*words, "sh", "-c", "\n".join(script), env=env)
    check_eq(r.code, 0, r.err)
    return [(n["what"], os.path.relpath(n["path"], p.ws)) for n in o.get("late_names", {}).get("names", [])], o, r


@both
def a_program_that_comes_to_stand_before_another_is_listed(p):
    """And nothing else that is installed there: a line at each run would teach to pass lines over."""
    for d in (".venv/bin", "old", "real/bin"):
        (p.ws / d).mkdir(parents=True)
    for name in (".venv/bin/python3", "old/ls", "real/bin/cat"):
        p.write(name, "#!/bin/sh\n", 0o755)
    (p.ws / "link").symlink_to("real")
    open_up(p)
    on = p.ws / ".venv/bin"
    found, o, r = listed(p, on, "cd .venv/bin", "cp /bin/true mine", "echo '#!/bin/sh' >python3", "echo >cat", "mkdir ls", "ln -s true git-none")
    check_eq((found, "on PATH" in r.err), ([], False), r.err)
    found, o, r = listed(p, on, "cd .venv/bin", "rm -r ls", "chmod +x cat", "ln -s mine ls")
    check_eq(sorted(found), [("appeared", ".venv/bin/cat"), ("appeared", ".venv/bin/ls")], r.err)
    check_in('appeared: "' + str(on / "cat") + '", which nothing held: it is called, outside, in place of the program of its name', r.err)
    # It is there now, and was said.
    check_eq(listed(p, on, "echo x >>.venv/bin/cat; touch .venv/bin/more")[0], [])
    # By another directory in its place, old names and all; by one that was not there; by a link.
    check_eq(listed(p, on, "rm -r .venv/bin; mv old .venv/bin")[0], [])
    check_eq(listed(p, p.ws / "new/bin", "mkdir new; mv .venv/bin new/bin")[0], [("appeared", "new/bin/ls")])
    check_eq(listed(p, p.ws / "link/bin", "rm link; ln -s new link")[0], [("changed", "link")])
    check_eq(listed(p, p.ws / "real/bin", "mv real/bin real/was; ln -s ../new/bin real/bin")[0], [("changed", "real/bin")])
    # What is found before it is called as ever.
    check_eq(listed(p, f"/usr/bin:{p.ws}/new/bin", "cp /bin/true new/bin/id")[0], [])
    check_eq(listed(p, p.ws / "new/bin", "cp /bin/true new/bin/env")[0], [("appeared", "new/bin/env")])


@both
def a_directory_of_path_of_somebody_else_is_not_said(p):
    """What an ordinary user may not write no grant gives him."""
    (p.ws / "bin").mkdir()
    (p.ws / "bin").chmod(0o755)
    check_eq(len(warned(p, "--write", "/usr/local/bin", path="/usr/local/bin")), int(os.geteuid() == 0))


@both
def a_name_that_is_granted_by_name_is_said(p):
    for d in (".config/systemd/user", ".config/autostart", ".vscode", ".claude/worktrees/x", "sub"):
        (p.ws / d).mkdir(parents=True)
    put(p, ".envrc")
    put(p, ".vscode/tasks.json")
    put(p, ".claude/worktrees/x/.git")
    put(p, "sub/.npmrc")
    open_up(p)
    p.write("x.cedar", 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./");\n'
                       'permit (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./.envrc");\n'
                       'permit (principal, action in Ward::Action::"run_programs", resource);\n')
    session = "a shell or a session runs it when it starts"
    for words, name, why in (
            (("--write", ".config/systemd/user"), ".config/systemd/user", session), (("--write", ".config/autostart"), ".config/autostart", session),
            (("--write", ".", "--cap", "FILE_WRITE:.config/systemd/**"), ".config/systemd", session),
            (("--write", ".envrc"), ".envrc", "it is run, or chooses what is run, on entering the directory"),
            (("--policy", "x.cedar"), ".envrc", "it is run, or chooses what is run, on entering the directory"),
            (("--write", ".vscode/tasks.json"), ".vscode/tasks.json", "")):
        found = warned(p, *words)
        check_eq(len(found), 1, f"{words} {found}")
        check(found[0].startswith(f'"{p.ws}/{name}" may be written, since a grant names it: outside, {why}'), f"{words} {found}")
    check_eq([w.partition(": ")[0] for w in warned(p, "--write", ".envrc", "--write", ".config/autostart", "--write", "sub/.npmrc")],
             [f'"{p.ws}/.envrc" and 2 more that run code later may be written, since grants name them'])
    # Held, or no such name; a project that lies in such a directory.
    for words in (("--write", "."), ("--write", ".config"), ("--write", "sub"), ("--write", ".claude/worktrees/x"), ("--read", "."), ("--review",)):
        check_eq(warned(p, *words), [], words)


@root_only
def places_of_the_host_that_run_later_are_only_read(p):
    """Whoever grants /etc gives no cron away; the same names elsewhere are a package's, or an image's, and are written."""
    box.private_mounts()
    shutil.copytree("/etc", p.base / "etc", symlinks=True, ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns("cron.*", "ward"))
    for d in ("cron.d", "pam.d", "systemd/system"):
        (p.base / "etc" / d).mkdir(parents=True, exist_ok=True)
    box.mount(str(p.base / "etc"), "/etc", None, box.MS_BIND)
    put(p, "image/etc/cron.d/x")
    names = "/etc/cron.d/evil /etc/passwd /etc/pam.d/evil /etc/systemd/system/evil.service"
    r, o = run(p, f"for f in {names} /etc/fresh image/etc/cron.d/x; do echo x >> $f && echo $f; done; echo > /etc/ld.so.preload; mkdir /etc/ward", "--write", "/etc")
    check_eq(r.out, "/etc/fresh\nimage/etc/cron.d/x\n", r.err)
    check_in('FILE_WRITE "/etc/cron.d/evil" refused: what it lies in was there, and this host runs it', r.err)
    check_eq(late(o), {"ld.so.preload": "appeared", "ward": "appeared"})
    os.unlink("/etc/ld.so.preload")
    os.rmdir("/etc/ward")   # it narrows, whatever it says
    check_eq(warned(p, "--write", "/etc"), [])
    for name in ("/etc/cron.d", "/etc/systemd/system", "/etc/passwd"):
        check_eq([w.partition(": outside")[0] for w in warned(p, "--write", name)], [f'"{name}" may be written, since a grant names it'])


box.main()

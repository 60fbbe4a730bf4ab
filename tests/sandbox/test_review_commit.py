#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run under review left becomes real by ward commit: what is asked about, refused, in conflict; who says yes; what the log has of it."""
import json
import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import time

import box
from box import both, both_cases
from tap import PATIENCE, check, check_eq, check_in, skip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import schema  # noqa: E402  pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "docs/spec/commit.schema.json").read_text())


def review(p, script, *words, code=0):
    r = p.run("--review", *words, "--", "sh", "-c", script)
    check_eq(r.code, code, r.err)
    return r


def commit(p, *words, code=0, **more):
    r = p.run(*words, kind=("commit",), log=False, **more)
    check_eq(r.code, code, f"{r.out}{r.err}")
    return r


def decided(p, *words, code=0):
    """-> the document; each decision by its path"""
    d = json.loads(commit(p, "--json", *words, code=code).out)
    schema.validate(d, DOCUMENT)
    return d, {x["path"]: x["detail"] for x in d["decisions"]}


def waiting(p):
    store = p.side / "state/ward/runs"
    return sorted(x.name for x in store.iterdir() if len(x.name) == 26) if store.is_dir() else []


def records(p, kind):
    return [r for r in map(json.loads, p.log.read_text().splitlines()) if r["kind"] == kind]


def tree(p):
    return sorted(str(x.relative_to(p.ws)) for x in p.ws.rglob("*"))


# ---- the plain way ----

@both
def what_nobody_minds_becomes_real(p):
    p.write("old", "1\n")
    p.write("gone", "")
    p.write("d/x", "x\n")
    review(p, "echo 2 > old; rm gone; mkdir -p new/dir; echo n > new/dir/f; ln -s dir/f new/l; chmod 755 d/x; mv d/x d/y")
    check_eq((p.ws / "old").read_text(), "1\n")
    check_eq(len(waiting(p)), 1)
    r = commit(p)
    check_eq(tree(p), ["d", "d/y", "new", "new/dir", "new/dir/f", "new/l", "old"], r.out)
    check_eq((p.ws / "old").read_text(), "2\n")
    check_eq((p.ws / "d/y").stat().st_mode & 0o777, 0o755)
    check_eq((p.ws / "new/l").readlink(), pathlib.Path("dir/f"))
    check_eq(waiting(p), [])
    check_in("nothing of the run waits any more", r.out)
    changes = records(p, "workspace.change")
    check(changes and all(x["effect"] == "allow" and x["action"] == "fs.write" for x in changes), changes)
    ends = records(p, "workspace.commit")
    check_eq([(x["effect"], x["detail"]["step"], x["detail"]["left"], x["detail"]["removed"]) for x in ends], [("allow", "commit", 0, True)])
    check(max(x["seq"] for x in changes) < ends[0]["seq"], "the end comes last")
    r = p.run(kind=("commit",), log=False)
    check_eq(r.code, 1, "there is nothing left to commit")


@both
def a_dry_run_says_and_changes_nothing(p):
    p.write("a", "1\n")
    review(p, "echo 2 > a; echo x > .envrc")
    before = p.log.read_bytes()
    d, by = decided(p, "--dry-run", code=1)
    check_eq((d["dry_run"], d["applied"], d["left"], d["removed"]), (True, 1, 1, False))
    check_eq((by["a"]["decision"], by[".envrc"]["decision"], by[".envrc"]["level"]), ("apply", "ask", "risky"))
    check_eq((p.ws / "a").read_text(), "1\n")
    check_eq(len(waiting(p)), 1)
    check_eq(p.log.read_bytes(), before, "nothing is recorded of what was not done")


@both
def paths_are_below_where_one_stands(p):
    p.write("sub/a", "1\n")
    review(p, "echo 2 > sub/a; echo n > b; mkdir -p sub/n/m; echo f > sub/n/m/f; echo g > sub/n/g")
    r = commit(p, "n/m", "a", cwd=p.ws / "sub")
    check_eq(tree(p), ["sub", "sub/a", "sub/n", "sub/n/m", "sub/n/m/f"], r.out)
    check_eq((p.ws / "sub/a").read_text(), "2\n")
    r = commit(p, "../..", code=2, cwd=p.ws / "sub")
    check_in("does not lie in what was under review", r.err)
    r = commit(p, "nothing", code=2)
    check_in("changed nothing there", r.err)
    run = waiting(p)[0]
    commit(p, run.lower()[:12], cwd=p.ws)
    check_eq(tree(p), ["b", "sub", "sub/a", "sub/n", "sub/n/g", "sub/n/m", "sub/n/m/f"])
    check_eq(waiting(p), [])

@both
def a_workspace_that_is_no_utf_8(p):
    """Its name comes back out of the snapshot as it was, and so does what git would obey in it: what was forbidden there is forbidden still."""
    odd = os.path.join(os.fsencode(p.ws), b"odd\xff")
    os.mkdir(odd)
    r = p.run("--review", "--mode", "repo_write", "--", "sh", "-c", "echo y > h; git init -q .; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit", cwd=odd)
    check_eq(r.code, 0, r.err)
    r = commit(p, "--approve", "critical", code=1, cwd=odd)
    check_in("never_write_git_rules", r.out)
    check_eq((os.path.exists(os.path.join(odd, b"h")), os.path.exists(os.path.join(odd, b".git/hooks/pre-commit"))), (True, False), r.out)


# ---- what would run later ----

VECTORS = [
    ("plain names", [".envrc", "a/b/c/.envrc", "A/.ENVRC", ".bashrc", "home/.zshenv", ".profile", ".config/autostart/x.desktop", ".local/bin/ls",
                     ".ssh/authorized_keys", "mise.toml", ".tool-versions"], ""),
    ("editors", [".vscode/tasks.json", "p/.VSCode/settings.json", ".idea/workspace.xml", "x.code-workspace", ".devcontainer/devcontainer.json", ".vimrc",
                 ".exrc", ".dir-locals.el", ".gdbinit"], ""),
    ("build servers", [".github/workflows/ci.yml", ".gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml", ".pre-commit-config.yaml", ".husky/pre-push"], ""),
    ("packages", [".npmrc", "a/.yarnrc.yml", "pip.conf", ".pypirc", ".cargo/config.toml", "build.rs", "package.json", "setup.py", "pyproject.toml",
                  "requirements.txt", "binding.gyp", "Cargo.toml", ".bazelrc", ".mvn/extensions.xml"], ""),
    ("configuration that is code", ["eslint.config.js", "a/vite.config.ts", ".prettierrc.js", "jest.config.cjs", ".eslintrc.json", "tox.ini", ".pylintrc", ".env",
                                    "build.gradle", "pom.xml", "CMakePresets.json"], ""),
    ("what chooses an interpreter", [".python-version", ".nvmrc", "rust-toolchain.toml", "a/.ruby-version", "tools/bazel", ".bazelversion",
                                      ".prototools", ".go-version", ".swift-version", ".perl-version", ".terraform-version", ".pdm-python", "mise.prod.toml"], ""),
    ("interpreters and their projects", [".iex.exs", ".ocamlinit", "hie.yaml", "project/plugins.sbt", "project/build.properties", "rust-analyzer.toml", ".pnp.cjs",
                                         ".pnp.loader.mjs", ".yarn/sdks/x", "pixi.toml", "lakefile.lean", ".RData", "renv/activate.R", ".bsp/sbt.json"], ""),
    ("plugins and hooks of agents", [".claude-plugin/plugin.json", "gemini-extension.json", ".github/hooks/x.json", ".github/lsp.json", "a/.openhands/setup.sh"], ""),
    ("agents", [".claude/settings.json", ".codex/config.toml", ".cursor/mcp.json", ".mcp.json", "AGENTS.md", "CLAUDE.md"], ""),
    ("python", ["conftest.py", "v/site-packages/x.pth", "v/site-packages/sitecustomize.py"], ""),
    ("a bare repository", ["bare/HEAD", "bare/objects", "bare/refs", "bare/config", "bare/hooks/update"],
     "mkdir -p bare/objects bare/refs bare/hooks; echo x > bare/HEAD; echo x > bare/config; echo x > bare/hooks/update"),
    ("a git file", ["sub/.git"], "mkdir sub; echo gitdir: ../x > sub/.git"),
    ("links", [".envrc", ".vscode", ".git"], "ln -s x .envrc; mkdir v; ln -s v .vscode; ln -s v .git"),
    ("renamed", [".envrc", ".vscode/tasks.json"], "echo x > y; mv y .envrc; mkdir z; echo x > z/tasks.json; mv z .vscode"),
    ("second names", [".envrc", "innocent"], "echo x > innocent; ln innocent .envrc"),
]


@both_cases(VECTORS)
def nothing_that_runs_later_lands_unasked(p, names, script):
    make = script or "".join(f"mkdir -p {os.path.dirname(n) or '.'}; echo bad > {n}; " for n in names)
    review(p, f"{make}\necho fine > fine")
    r = commit(p, code=1)
    landed = [n for n in names if os.path.lexists(p.ws / n)]
    check_eq(landed, [], r.out)
    check_eq((p.ws / "fine").read_text(), "fine\n", r.out)
    check_eq(len(waiting(p)), 1)
    for n in names:
        check(any(x["resource"] == str(p.ws / n) and x["effect"] in ("ask", "deny") for x in records(p, "workspace.change")), n)
    commit(p, "--approve", "risky")
    check_eq([n for n in names if not os.path.lexists(p.ws / n)], [])
    check_eq(waiting(p), [])
    check(all(x["detail"]["by"] == "--approve" for x in records(p, "workspace.change") if x["effect"] == "allow" and x["detail"].get("level")), "who said yes")


@both
def what_git_obeys_does_not_land_in_a_repository(p):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    subprocess.run(["git", "init", "-q", "."], cwd=p.ws, env=env, check=True)
    p.write("tools/hooks/x", "")
    subprocess.run(["git", "config", "core.hooksPath", "tools/hooks"], cwd=p.ws, env=env, check=True)
    review(p, "echo bad > .git/hooks/pre-commit; echo bad >> .git/config; echo bad > tools/hooks/pre-push; mkdir -p .git/info; echo b > .git/info/attributes;"
              "chmod 755 .git/hooks/*.sample; echo plain > f")
    before = (p.ws / ".git/config").read_bytes()
    commit(p, code=1)
    check_eq((p.ws / ".git/config").read_bytes(), before)
    check(not (p.ws / ".git/hooks/pre-commit").exists() and not (p.ws / "tools/hooks/pre-push").exists() and not (p.ws / ".git/info/attributes").exists(),
          "what git obeys is there")
    check_eq([x.name for x in (p.ws / ".git/hooks").iterdir() if not x.name.endswith(".sample")], [])
    check((p.ws / "f").exists(), "and the rest is not")


@both
def links_that_lead_out_and_set_id_bits_are_critical(p):
    review(p, "ln -s /etc/passwd out; ln -s ../../x up; ln -s f in; echo f > f; cp /bin/true tool")
    # No run can do that: somebody has got at the layer, or there is a hole.
    os.chmod(p.side / "state/ward/runs" / waiting(p)[0] / "layer/upper/tool", 0o4755)
    r = commit(p, "--approve", "risky", code=1)
    check_eq(tree(p), ["f", "in"], r.out)
    _, by = decided(p, "--dry-run", code=1)
    check_eq({n: x["level"] for n, x in by.items()}, {"out": "critical", "up": "critical", "tool": "critical"})
    commit(p, "--approve", "critical")
    check_eq(tree(p), ["f", "in", "out", "tool", "up"])
    check_eq((p.ws / "tool").stat().st_mode & 0o7777, 0o4755)


@both
def no_yes_makes_policies_of_the_repository_real(p):
    review(p, "mkdir .ward; echo x > .ward/p.cedar; echo f > f")
    r = commit(p, "--approve", "critical", code=1)
    check_in("no run writes it", r.out)
    check_eq(tree(p), ["f"])


@both
def pipes_are_refused_whatever_is_said(p):
    review(p, "mkfifo pipe; echo f > f")
    r = commit(p, "--approve", "critical", code=1)
    check_in('refused: added "pipe"', r.out)
    check_eq(tree(p), ["f"])
    commit(p, "--theirs", "pipe")
    check_eq(tree(p), ["f"])
    check_eq(waiting(p), [])


# ---- policies ----

FORBID = ('permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n'
          '@approval("risky") permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./deploy");\n'
          'permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./src");\n')


@both
def a_rule_that_wants_a_person_wants_one(p):
    policy = p.side / "p.cedar"
    policy.write_text(FORBID)
    review(p, "mkdir deploy src; echo d > deploy/d; echo s > src/s", "--policy", policy, "--approve", "risky")
    r = commit(p, code=1)
    check_in(f"{policy}:2", r.out)
    check(not (p.ws / "deploy").exists() and (p.ws / "src/s").exists(), tree(p))
    commit(p, "--approve", "risky")
    check((p.ws / "deploy/d").exists(), tree(p))


@both
def automatic_commits_what_a_policy_permits_and_that_alone(p):
    policy = p.side / "p.cedar"
    policy.write_text(FORBID)
    r = p.run("--review=auto", "--policy", policy, "--approve", "risky", "--", "sh", "-c",
              "mkdir src deploy; echo s > src/s; echo e > src/.envrc; echo d > deploy/d; echo o > other")
    check_eq(r.code, 0, r.err)
    check_eq(tree(p), ["src", "src/s"], r.err)
    check_eq(len(waiting(p)), 1)
    check_eq([x["detail"]["step"] for x in records(p, "workspace.commit")], ["auto"])
    p.run("--review=auto", "--policy", policy, "--approve", "risky", "--", "sh", "-c", "echo 2 > src/s; exit 3")
    check_eq((p.ws / "src/s").read_text(), "s\n", "a run that failed commits nothing")


@both_cases([("at its end", "--review=auto"), ("while it lives", "--review=live")])
def who_lets_nothing_be_written_is_told_why_nothing_is_committed(p, how):
    option = "no policy grants it: only --review let the run write it; --write PATH beside --review grants it"
    for words, script, why in (((), "echo a > a", option), (("--write", "."), "ln -s /etc/passwd l; echo b > l2", "a link that leads out of the tree"),
                               (("--write", "."), "echo c > c", None)):
        r = p.run(how, *words, "--", "sh", "-c", script)
        check_eq(r.code, 0, r.err)
        check_eq([line for line in r.err.splitlines() if line.startswith("ward: not committed: ") and (why or "") in line] != [], why is not None, r.err)
    check_eq(tree(p), ["c", "l2"])


# ---- others ----

@both
def what_somebody_else_changed_is_never_overwritten(p):
    p.write("a", "1\n")
    p.write("b", "1\n")
    p.write("c", "1\n")
    review(p, "echo run > a; echo run > b; echo run > c; echo run > new; rm -f x")
    for n in ("a", "b", "new"):
        p.write(n, "host\n")
    r = commit(p, code=1)
    check_eq([(p.ws / n).read_text() for n in ("a", "b", "c", "new")], ["host\n", "host\n", "run\n", "host\n"], r.out)
    check_in('conflict: modified "a"', r.out)
    commit(p, "--theirs", "a", "--ours", "b", "--ours", "new")
    check_eq([(p.ws / n).read_text() for n in ("a", "b", "new")], ["host\n", "run\n", "run\n"])
    check_eq(waiting(p), [])


@both
def what_is_said_of_a_part_counts_for_the_part(p):
    p.write("d/a", "1\n")
    p.write("d/b", "1\n")
    p.write("e/gone", "1\n")
    review(p, "echo run > d/a; echo run > d/b; echo run > c; rm -r e; mkdir e; echo run > e/a; echo run > e/b")
    shutil.rmtree(p.ws / "e")
    for n in ("d/a", "d/b", "c", "e"):
        p.write(n, "host\n")
    commit(p, "--theirs", "d", "--ours", "d/b", "--theirs", "e", "--ours", "e/b", code=1)
    check_eq([(p.ws / n).read_text() for n in ("d/a", "d/b", "e")], ["host\n", "run\n", "host\n"])
    # What lies below what was forgotten has no place; it waits, and is the only one that there is.
    left = p.run("--name-only", kind=("diff",), log=False).out
    check("e/b" in left and "e/a" not in left, left)
    r = commit(p, "--theirs", "c", "--ours", "c", "--theirs", ".", code=1)
    check_in('conflict: modified "c": --theirs and --ours were both said of it; say one of them', r.out)
    check_eq(p.run("--name-only", kind=("diff",), log=False).out, "c\n")


@both
def ours_is_no_way_around_a_question(p):
    p.write(".envrc", "1\n")
    review(p, "echo bad > .envrc")
    p.write(".envrc", "host\n")
    commit(p, "--ours", ".envrc", code=1)
    check_eq((p.ws / ".envrc").read_text(), "host\n")
    commit(p, "--ours", ".envrc", "--approve", "risky")
    check_eq((p.ws / ".envrc").read_text(), "bad\n")


@both
def a_run_that_is_alive_is_left_alone(p):
    p.write("a", "1\n")
    q = p.start("--review", "--", "sh", "-c", "echo 2 > a; echo up; sleep 20", stdout=subprocess.PIPE)
    q.stdout.readline()
    r = p.run(waiting(p)[0], kind=("commit",), log=False)
    check_eq(r.code, 2, r.out)
    check_in("is still running", r.err)
    r = p.run(waiting(p)[0], "--dry-run", kind=("commit",), log=False)
    check_eq(r.code, 2, r.out)
    check_in("is still running", r.err)
    check_eq((p.ws / "a").read_text(), "1\n")


@both
def without_its_policies_nothing_is_real(p):
    review(p, "echo f > f")
    for x in (p.side / "audit.jsonl.snapshots").iterdir():
        x.unlink()
    r = commit(p, "--approve", "critical", code=2)
    check_eq(tree(p), [], r.err)
    check_eq(len(waiting(p)), 1)


@both
def nothing_is_committed_from_inside(p):
    review(p, "echo f > f")
    r = p.run(kind=("commit",), log=False, env={"WARD_RUN": "x"})
    check_eq((r.code, tree(p)), (2, []), r.err)
    check_in("inside a sandbox", r.err)


# ---- on a terminal ----

def on_a_terminal(p, keys, before=None):
    """ward commit with a terminal of its own; keys: what is typed at each question, before: what is done at the first. -> code, what was shown"""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(p.ws)
        os.execvpe(box.cli.WARD, [box.cli.WARD, "commit"], p.env())
    text, typed, until = b"", 0, time.monotonic() + 30 * PATIENCE
    while time.monotonic() < until:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
        if text.count(b"[n]: ") > typed and typed < len(keys):
            if before and typed == 0:
                before()
            os.write(fd, keys[typed])
            typed += 1
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), text.decode("utf-8", "replace")


@both
def a_person_is_asked_once_for_one_reason(p):
    review(p, "echo a > .envrc; mkdir s; echo b > s/.envrc; mkdir .vscode; printf 'x\\033[2Jy\\n' > .vscode/t; echo f > f")
    code, text = on_a_terminal(p, [b"d\n", b"n\n", b"yes\n"])
    check_eq(code, 1, text)
    check_eq(text.count("make them real?"), 3, text)
    check("\033[2J" not in text, "the run moved the cursor")
    check("diff --git" in text and text.count("\n+a") + text.count("\n+x") == 1, text)
    got = tree(p)
    one, other = {".envrc", "s/.envrc"}, {".vscode", ".vscode/t"}
    check(set(got) in ({"f", "s"} | one, {"f", "s"} | other), f"{got} {text}")
    check_eq(sorted({x["detail"].get("by") for x in records(p, "workspace.change") if x["detail"].get("level")}), ["tty"])


def repository_of_which_a_run_removes(p, script):
    """What it removes, and nothing names, but somebody does later."""
    if not shutil.which("git"):
        skip("there is no git")
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}

    def git(words):
        r = subprocess.run(["sh", "-ec", f"git() {{ command git -c init.defaultBranch=main -c gc.auto=0 -c safe.directory='*' \"$@\"; }}; {words}"],
                           cwd=p.ws, env=env, capture_output=True, text=True, check=False)
        check_eq(r.returncode, 0, r.stdout + r.stderr)
        return r.stdout
    git("git init -q .; git commit -q --allow-empty -m one; git checkout -qb t; git commit -q --allow-empty -m two; git checkout -q main")
    lost = git("git rev-parse t; git branch -qD t; git reflog expire --expire=now --all; git gc -q").split()[0]
    review(p, f"git config --global --add safe.directory '*' || true; git gc -q --prune=now; {script}", "--env", "HOME=/tmp")
    return git, lost


@both
def objects_that_are_named_while_a_person_is_asked_stay(p):
    git, lost = repository_of_which_a_run_removes(p, "echo '{}' > .envrc")
    code, text = on_a_terminal(p, [b"yes\n"], lambda: git(f"git branch saved {lost}"))
    check_eq((code, git("git fsck --no-progress 2>&1; git log --format=%s saved")), (0, "two\none\n"), text)
    check_in("among git's objects: what names objects was changed", text)


@both
def whoever_says_nothing_has_said_no(p):
    review(p, "echo a > .envrc; echo f > f")
    code, text = on_a_terminal(p, [b"\n", b"maybe\n", b"yep\n"])
    check_eq((code, tree(p)), (1, ["f"]), text)


# ---- what is taken for such a name, or stands in for it ----

LOOK_ALIKE = (".g\u200cit/hooks/pre-commit", ".env\ufeffrc", "sub/.vs\u00adcode/tasks.json", ".ba\u017fhrc", ".npmrc\U000e0041", "Ma\u212aefile/.g\u2060it",
              "node_modules/.bin\u200d/.g\u200bit/config")
PLAIN = ("Ma\u212aefile.txt", "d\u200c/x.c", "stra\u00dfe.txt", "b\udcff\udcfe", "\udce2\udc80/y")


@both
def a_name_that_some_take_for_one_that_is_obeyed_waits(p):
    os.makedirs(p.ws / ".git/refs")
    os.makedirs(p.ws / ".git/objects")
    p.write(".git/HEAD", "ref: refs/heads/main\n")
    p.write("s.py", f"import os\nfor n in {LOOK_ALIKE + PLAIN!a}:\n    os.makedirs(os.path.dirname(n) or '.', exist_ok=True)\n    open(n, 'w').write('x')\n")
    review(p, "PYTHONIOENCODING=utf-8 python3 -X utf8 s.py")
    commit(p, code=1)
    files = {os.fsencode(os.path.relpath(os.path.join(d, n), p.ws)) for d, _, names in os.walk(p.ws) for n in names}
    check_eq(sorted(files), sorted({os.fsencode(n) for n in PLAIN} | {b"s.py", b".git/HEAD"}))


@both
def a_lock_file_that_says_from_where_a_package_comes_waits(p):
    """npm ci runs the scripts of what it names, whatever package.json says."""
    names = ("package-lock.json", "sub/yarn.lock", "pnpm-lock.yaml", "poetry.lock", "composer.lock", "Gemfile.lock", "pylock.dev.toml")
    review(p, "mkdir sub node_modules; for f in " + " ".join(names) + " Cargo.lock go.sum node_modules/.package-lock.json; do echo x > $f; done")
    commit(p, code=1)
    check_eq(tree(p), ["Cargo.lock", "go.sum", "node_modules", "node_modules/.package-lock.json", "sub"])
    commit(p, "--approve", "risky")
    check(all((p.ws / n).exists() for n in names), tree(p))


@both
def two_names_of_one_file_are_not_parted_unasked(p):
    """The one that is written becomes a file of its own in the layer, and the other would keep what it had."""
    p.write("a", "old\n")
    os.link(p.ws / "a", p.ws / "b")
    review(p, "echo new >> b; echo x > c; ln c d")
    _, d = decided(p, "--dry-run", code=1)
    check_eq((d["b"]["decision"], d["c"]["decision"]), ("conflict", "apply"))
    check_in("has other names", d["b"]["why"])
    commit(p, code=1)
    check_eq(((p.ws / "a").read_text(), (p.ws / "b").read_text(), (p.ws / "c").stat().st_nlink), ("old\n", "old\n", 2))
    commit(p, "--ours", "b")
    check_eq(((p.ws / "a").read_text(), (p.ws / "b").read_text()), ("old\n", "old\nnew\n"))


@both
def names_that_the_run_gives_it_elsewhere_are_not_those_of_the_project(p):
    """As many as the project's file has, and the one that would keep the old content is none of them."""
    p.write("a", "old\n")
    os.link(p.ws / "a", p.ws / "b")
    review(p, "echo new >> b; ln b c; ln b d")
    _, d = decided(p, "--dry-run", code=1)
    check_eq(d["b"]["decision"], "conflict")
    check_in("has other names", d["b"]["why"])


@both
def a_file_of_two_names_is_replaced_at_both(p):
    p.write("a", "old\n")
    os.link(p.ws / "a", p.ws / "b")
    review(p, "echo new > c; ln -f c a; ln -f c b; rm c")
    commit(p)
    check_eq(((p.ws / "a").read_text(), (p.ws / "a").stat().st_ino), ("new\n", (p.ws / "b").stat().st_ino))


@both
def a_commit_of_a_part_says_that_the_rest_waits(p):
    """"0 left" alone was taken for all of the run."""
    review(p, "mkdir d; touch a b c d/e")
    check_in("1 change, 0 left; 4 not asked for wait still\n", commit(p, "a", "--dry-run").out.replace("would commit", "commit"))
    check_in("3 changes, 0 left; 2 not asked for wait still\n", commit(p, "a", "d").out)
    check_in("1 change, 0 left; 1 not asked for waits still\n", commit(p, "--theirs", "b", "b").out)
    check_in("1 change, 0 left; nothing of the run waits any more\n", commit(p).out)


@both_cases([
    ("each by another", "echo 1 > x; mv x a; echo 2 > y; mv y b; echo 3 > c", 0), ("written, moved and removed", "echo 1 >> a; rm b; mv c d/c", 0),
    ("all but one", "echo 1 > a; rm b; mkdir d/n", 1)])
def names_of_one_file_that_all_changed_are_no_conflict(p, script, code):
    """As Mercurial's .hg/undo.dirstate and its like: none of them keeps the old content without being told."""
    p.write("a", "old\n")
    os.makedirs(p.ws / "d")
    for n in "bc":
        os.link(p.ws / "a", p.ws / n)
    review(p, script)
    commit(p, code=code)
    names = {n: (p.ws / n).read_text() for n in ("a", "b", "c", "d/c") if (p.ws / n).exists()}
    check_eq(names, [{"a": "1\n", "b": "2\n", "c": "3\n"}, {"a": "old\n1\n", "d/c": "old\n"}, {"a": "old\n", "c": "old\n"}][0 if "mv y" in script else 1 + code])


@both_cases([
    ("written in", 0o000, "echo 2 > z/b; chmod 0 z", ["new", "z", "z/a", "z/b"]), ("read alone", 0o444, "rm z/a", ["new", "z"]),
    ("removed", 0o311, "rm -r z", ["new"]), ("of a new mode", 0o000, "mkdir z/d; echo 3 > z/d/e", ["new", "z", "z/a", "z/d", "z/d/e"]),
    ("let go", 0o000, "echo 2 > z/b; rm z/a", ["new", "z", "z/a"])])
def a_directory_of_the_project_that_is_closed_keeps_itself_waiting(p, mode, script, want):
    """Nobody can say what differs in there, of a user; and when it is open all goes on, by the very words of the cure."""
    p.write("z/a", "1\n")
    (p.ws / "z").chmod(mode)
    review(p, f"chmod 755 z; {script}; echo new > new")
    if os.geteuid() != 0:
        run = p.run(kind=("diff",), log=False)
        check_in("z: the directory that the project has there may not be looked into", run.out)
        r = commit(p, code=1)
        check_eq((p.ws / "new").read_text(), "new\n")
        check_in("may not be looked into; " + (
            "chmod u+rwx 'z', then commit with --ours 'z'; with --theirs 'z' what the run did in it is let go"
            if mode == 0o311 or "chmod 0" in script else "chmod 0755 'z', then commit again; then --theirs 'z' lets what the run did in it go"), r.out)
        check_in("the project has a directory that cannot be looked into: ", r.out)
        check_in("/ws/z", r.out.splitlines()[0])
        for kind, words in (("commit", ("--ours", "z/b")), ("diff", ("z/b",))):
            run = p.run(*words, kind=(kind,), log=False)
            check_eq(run.code, 2, run.err)
            check_in("cannot be looked into; ward commit --dry-run says how", run.err)
        cure = r.out.split("may not be looked into; ")[1]
        check_eq(p.run("new", "--dry-run", kind=("commit",), log=False).code, 2)
        subprocess.run(cure.split(",")[0], shell=True, cwd=p.ws, check=True)
        commit(p, *(("--theirs", "z") if "z/b" not in want and "z/b" in script else ("--ours", "z") if "--ours 'z';" in cure else ()))
    else:
        commit(p, "--theirs" if "z/b" not in want and "z/b" in script else "--ours", "z")
    if (p.ws / "z").exists():
        (p.ws / "z").chmod(0o755)
    check_eq(tree(p), want)


@both_cases([("beside", True), ("through a part that is not normal", False)])
def a_log_that_was_named_from_somewhere(p, given):
    """The record of the run says where its log lies: whoever comes later stands elsewhere."""
    log = f"{p.side}/../{p.side.name}/rel.log"
    if given:
        log = os.path.relpath(p.side / "rel.log", p.ws)
    r = p.run("--review", "--audit", log, "--", "sh", "-c", "echo new > f", log=False)
    check_eq(r.code, 0, r.err)
    r = commit(p)
    check_eq((p.ws / "f").read_text(), "new\n", r.out)


@both
def a_directory_that_the_host_removed_is_made_again_for_what_is_new_in_it(p):
    """And for nothing else: what the run changed of what is gone is a conflict, and a directory in which nothing is new does not come back."""
    for n in ("with/old", "with/deep/old", "edited/f", "touched/f", "moved/f"):
        p.write(n, "1\n")
    check_eq(p.run("--review", "--write", ".", "--", "sh", "-ec",
                   "echo n > with/new; echo n > with/deep/new; echo 2 > with/deep/old; echo 2 > edited/f; chmod 700 touched; mv with/old moved/here").code, 0)
    for n in ("with", "edited", "touched", "moved"):
        shutil.rmtree(p.ws / n)
    r = p.run(kind=("commit",), log=False)
    check_eq(r.code, 1, r.out)
    check_eq(sorted(str(x.relative_to(p.ws)) for x in p.ws.rglob("*")), ["with", "with/deep", "with/deep/new", "with/new"], r.out)
    for n in ("with/deep/old", "edited", "touched", "moved"):
        check_in(f'conflict: added "{n}": was removed from the project since the run began', r.out)


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs under policies: modes, profiles and layers; what a view cannot hold stops the run, and what a policy protects stays as it was on
the host. What each name in the view is: test_policy_view.py."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import box
import cli
from box import both, root_only
from policy_box import TEAM, ordinary, repository, says, tree
from tap import check, check_eq, check_in


@both
def workspace_write_builds_and_keeps_git(p):
    repository(p)
    r = ordinary(p, "--mode", "workspace_write", "sh", "-c",
                 "echo two > a && cat a && git -c safe.directory='*' status --short && git -c safe.directory='*' log --oneline | wc -l;"
                 "(echo x >> .git/config) 2>/dev/null && echo CONFIG; (echo x > .git/hooks/pre-commit) 2>/dev/null && echo HOOK;"
                 "mv .git g 2>/dev/null && echo MOVED; rm -rf .git 2>/dev/null; mkdir .ward 2>/dev/null && echo WARD; (: > .ward/x) 2>/dev/null && echo RULES;"
                 "git -c safe.directory='*' commit -qam two 2>/dev/null && echo COMMIT; true")
    check_eq(r.out, "two\n M a\n1\n", r.err)
    check_eq((p.ws / "a").read_text(), "two\n")
    check((p.ws / ".git/HEAD").exists(), "git's directory is gone")
    check(not (p.ws / ".ward").exists(), "what was pinned is still there")


@both
def read_only_changes_nothing(p):
    repository(p)
    r = ordinary(p, "--mode", "read_only", "cat", "a")
    check_eq((r.code, r.out), (0, "one\n"), r.err)
    r = ordinary(p, "--mode", "read_only", "dd", "if=/dev/zero", "of=a", "count=1")
    check(r.code != 0, "it wrote")
    check_eq((p.ws / "a").read_text(), "one\n")


@both
def a_refusal_names_the_rule_whose_advice_helps(p):
    """Several forbids match, and the first is told: to go to another mode helps with history, and with no hook."""
    repository(p)
    git, hooks = "use repo_write", "git obeys its hooks and configuration outside"
    for mode, name, says, not_says in (("workspace_write", "hooks/pre-commit", hooks, git), ("workspace_write", "config", hooks, git),
                                       ("workspace_write", "index.lock", git, hooks), ("read_only", "index.lock", git, "use workspace_write")):
        r = ordinary(p, "--mode", mode, "sh", "-c", f"echo x >> .git/{name}")
        check(r.code != 0, r.out)
        check_in(says, r.err)
        check(not_says not in r.err, r.err)


@both
def repo_write_commits_once_a_person_agreed(p):
    repository(p)
    commit = "git -c safe.directory='*' -c user.name=a -c user.email=a@b commit -qam two"
    p.write("a", "two\n", 0o666)
    r = ordinary(p, "--mode", "repo_write", "sh", "-c", commit)
    check(r.code != 0, "it committed without being asked about")
    # Without /dev/fuse, too: the grant of the workspace, which the directory lies in, is not what was missing.
    check_in('.git/index.lock" refused: a person is asked about it, and nobody said yes: history is written', r.err)
    check_in("grant: --approve risky", r.err)
    r = ordinary(p, "--mode", "repo_write", "--approve", "risky", "sh", "-c", f"{commit}; (echo x > .git/hooks/post-commit) && echo HOOK; true")
    check("HOOK" not in r.out, r.out)
    log = subprocess.run(["git", "-c", "safe.directory=*", "log", "--oneline"], cwd=p.ws, capture_output=True, text=True, check=True).stdout
    check_eq(len(log.splitlines()), 2, r.err)


@both
def danger_is_asked_about(p):
    r = ordinary(p, "--mode", "danger_full_access", "true")
    check_eq(r.code, 125)
    check_in("--approve critical", r.err)
    r = ordinary(p, "--mode", "danger_full_access", "--approve", "risky", "true")
    check_eq(r.code, 125)


@both
def what_nobody_agreed_to_is_refused_in_words_that_say_so(p):
    # Not below /tmp, of which each run has one of its own.
    box.need_fuse()
    p.write("ask.cedar", '@approval("risky")\n@reason("it is told why")\n'
                         'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/srv");\n')
    r, o = p.outcome("--policy", "ask.cedar", "ls", "/srv")
    check(r.code != 0, "it was read")
    check_in('FILE_READ "/srv" refused: a person is asked about it, and nobody said yes: it is told why', r.err)
    check_eq([v["cure"] for v in o["violations"]], ["--approve risky"])
    check_eq(ordinary(p, "--policy", "ask.cedar", "--approve", "risky", "ls", "/srv").code, 0)


@both
def a_profile_is_held(p):
    tree(p)
    r = ordinary(p, "--policy", "team.yaml", "--profile", "all", "sh", "-c",
                 "cat src/a deep/secret/key; (cat secret/key) 2>/dev/null && echo READ; ls secret 2>/dev/null && echo LISTED;"
                 "for f in src/new locked/new kept/new kept/open/new; do (echo x > $f) 2>/dev/null && echo wrote $f; done;"
                 "mv secret s 2>/dev/null && echo MOVED; (echo x > secret/new) 2>/dev/null && echo IN; chmod 755 secret 2>/dev/null && echo MODE; echo $MARK",
                 env={"MARK": "passed"})
    check_eq(r.out.splitlines(), ["text of src/a", "text of deep/secret/key", "wrote src/new", "wrote kept/open/new", "passed"], r.err)
    check((p.ws / "secret/key").exists() and not (p.ws / "secret/new").exists(), "secret was changed")
    check(not (p.ws / "kept/new").exists(), "kept was changed")


@both
def what_a_profile_hides_is_hidden_whatever_an_option_grants(p):
    tree(p)
    r = ordinary(p, "--policy", "team.yaml", "--write", ".", "sh", "-c", "cat secret/key || echo no; cat locked/a; (echo x > locked/a) || echo kept")
    check_eq(r.out, "no\ntext of locked/a\nkept\n", r.err)
    r = ordinary(p, "--policy", "team.yaml", "--read", "secret", "cat", "secret/key")
    check_eq(r.code, 125)
    check_in("team.yaml:5", r.err)


@both
def a_denied_directory_that_is_not_there_is_not_made_inside(p):
    p.write("team.yaml", TEAM)
    p.ws.chmod(0o777)
    r = ordinary(p, "--policy", "team.yaml", "--profile", "all", "sh", "-c",
                 "mkdir secret 2>/dev/null && echo MADE; (mkdir -p secret/a && echo x > secret/a/key) 2>/dev/null && echo IN; ls -d secret;"
                 "ls secret >/dev/null 2>&1 && echo READ; mv secret s2 2>/dev/null && echo MOVED; rmdir secret 2>/dev/null && echo GONE; mkdir other && ls -d other",
                 env={"MARK": "mark"})
    check_eq((r.code, r.out), (0, "secret\nother\n"), r.err)
    check(not (p.ws / "secret").exists(), "the pin is still there")


@both
def names_to_come_are_not_promised(p):
    p.write("late.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"**/.env");\n')
    p.write(".env", "planted\n", 0o644)
    p.write("sub/.env", "planted\n", 0o644)
    p.write("x.env.local", "public\n", 0o644)
    r = ordinary(p, "--policy", "late.cedar", "--read", ".", "true")
    check_eq(r.code, 125)
    check_in("late.cedar:1", r.err)
    r = ordinary(p, "--policy", "late.cedar", "--read", ".", "--accept", "files=advisory", "sh", "-c", "cat .env || echo no; cat sub/.env || echo no; cat x.env.local")
    check_eq(r.out, "no\nno\npublic\n", r.err)


@both
def what_a_pattern_matches_says_nothing_of_what_it_does_not(p):
    """A pattern that some names match and others do not is about those, and not about the directory, as which all other names are asked about."""
    for name in ("src/a.c", "src/Zed", "src/sub/a.c", "src/Zed.d/x", "letter/x", "plain"):
        p.write(name, "old\n", 0o666)
    for d in (".", "src", "src/sub", "src/Zed.d", "letter"):
        (p.ws / d).chmod(0o777)
    tries = "for f in src/a.c src/Zed src/sub/a.c src/Zed.d/x; do (echo new > $f) 2>/dev/null && echo $f; done; true"
    # name: what the pattern gives.
    for pattern, written in (("src/[!a-z]*/**", "src/Zed\nsrc/Zed.d/x\n"), ("src/????*/**", "src/Zed.d/x\n"), ("src/??/**", ""), ("src/*[r\u0001]*/**", ""),
                             ("src/[!a]*/**", "src/Zed\nsrc/sub/a.c\nsrc/Zed.d/x\n"), ("src/?*/**", "src/a.c\nsrc/Zed\nsrc/sub/a.c\nsrc/Zed.d/x\n")):
        p.write("x.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./src");\n'
                f'permit (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"{pattern}");\n')
        r = ordinary(p, "--policy", "x.cedar", "sh", "-c", tries)
        check_eq(r.out, written, f"{pattern}: {r.err}")
    # Nor does what it takes away.
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"src/[!a-z]*");\n')
    r = ordinary(p, "--policy", "x.cedar", "--write", "src", "--accept", "files=advisory", "sh", "-c", tries)
    check_eq(r.out, "src/a.c\nsrc/sub/a.c\nsrc/Zed.d/x\n", r.err)
    # In grammar 1 as well: the directory of the workspace is not one of six letters.
    p.write("six.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: six}\nspec:\n  fsProfiles:\n    six:\n"
            '      read: ["??????/**", "src/a.c", "??/**"]\n      modify: ["??????/**", "??/**"]\n      allowExec: ["*"]\n')
    r = ordinary(p, "--policy", "six.yaml", "--profile", "six", "sh", "-c",
                 "cat plain src/Zed 2>/dev/null; (echo new > src/a.c) 2>/dev/null && echo WROTE; (echo new > other) 2>/dev/null && echo MADE; cat letter/x && echo new > letter/x && cat letter/x")
    check_eq(r.out, "old\nnew\n", r.err)


@both
def no_name_of_a_file_is_spared_by_what_a_pattern_takes_away(p):
    """What stands for all other names is no name that a file can have: those of control characters, or of no character, are names as any other."""
    names = [b"\001\001", b"\001\377", b"\001ward\001", b"bb"]
    for name in names:
        (p.ws / os.fsdecode(name)).write_text("secret\n")
        (p.ws / "d" / os.fsdecode(name)).mkdir(parents=True)
        (p.ws / "d" / os.fsdecode(name) / "x").write_text("secret\n")
    p.write("a", "public\n")
    p.write("none.yaml", 'schemaVersion: 2\nkind: Policy\nmetadata: {name: none}\nspec: {grammar: 2, denyRead: ["[!ad]*", "d/[!a]*/**"], denyModify: ["[!ad]*", "d/??"]}\n')
    for name in names:
        for path in (os.fsdecode(name), f"d/{os.fsdecode(name)}/x"):
            check_eq(says(p, p.ws / path, "--policy", "none.yaml", "--read", "."), "deny", repr(path))
            r = ordinary(p, "--accept", "files=advisory", "--policy", "none.yaml", "--read", ".", "cat", "a", path)
            check_eq((r.code != 0, r.out), (True, "public\n"), f"{path!r}: {r.err}")


@root_only
def a_link_of_the_base_in_what_is_written_is_not_promised(p):
    """It could be replaced, wherever it leads, and no mount stands on it: a rule about its name holds nothing."""
    box.private_mounts()
    etc = p.side / "etc"
    etc.mkdir()
    for name in ("passwd", "group", "nsswitch.conf"):
        shutil.copy(f"/etc/{name}", etc)
    box.mount(etc, "/etc", None, box.MS_BIND)
    for leads in ("/nowhere/at/all", "/usr/share/zoneinfo/UTC"):
        os.symlink(leads, etc / "new")
        os.rename(etc / "new", etc / "localtime")
        for action in ("fs.write", "fs.read"):
            p.write("link.cedar", f'forbid (principal, action == Ward::Action::"{action}", resource in Ward::Path::"/etc/localtime");\n')
            r = ordinary(p, "--policy", "link.cedar", "--write", "/etc", "--", "ln", "-sfn", "/other", "/etc/localtime")
            check_eq(r.code, 125, f"{leads} {action}: {r.err}")
            check_in('"/etc/localtime" is a link that a rule takes out of what may be written', r.err)
            check_eq(os.readlink(etc / "localtime"), leads)
            # Where its directory is not written, it stays what it is; and without such a rule nothing is to be said.
            check_eq(ordinary(p, "--policy", "link.cedar", "--read", "/etc", "--", "true").code, 0)
        check_eq(ordinary(p, "--write", "/etc", "--", "true").code, 0)


@both
def a_rule_about_the_time_is_not_promised(p):
    p.write("t.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource) when { context.time > datetime("2020-01-01") };\n')
    r = ordinary(p, "--policy", "t.cedar", "--read", ".", "true")
    check_eq(r.code, 125)
    check_in("t.cedar:1", r.err)


@both
def a_denial_of_something_else_does_not_stop_a_reader(p):
    tree(p)
    r = ordinary(p, "--policy", "team.yaml", "--profile", "reader", "sh", "-c", "cat src/a; cat private/a || echo no; (echo x > src/a) || echo kept")
    check_eq(r.out, "text of src/a\nno\nkept\n", r.err)
    # A pattern that takes writing away is about names to come: held in part for who writes, and nothing to who does not.
    p.write("team.yaml", TEAM.replace('"locked/**"', '"locked/**", "**/*.lock"'))
    r = ordinary(p, "--policy", "team.yaml", "--profile", "reader", "sh", "-c", "cat src/a; (echo x > src/a.lock) || echo kept")
    check_eq(r.out, "text of src/a\nkept\n", r.err)
    r = ordinary(p, "--policy", "team.yaml", "--profile", "all", "cat", "src/a", env={"MARK": "x"})
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("team.yaml:6", r.err)


@both
def the_log_names_the_rule_and_the_outcome_the_policy(p):
    tree(p)
    r, doc = p.outcome("--policy", "team.yaml", "--profile", "all", "cat", "secret/key", env={"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "c"), "MARK": ""})
    shown = cli.ward("policy", "show", "--policy", "team.yaml", "--profile", "all", "--as", "snapshot", cwd=p.ws,
                     env=p.env(HOME=str(p.home), XDG_CONFIG_HOME=str(p.home / "c")))
    check_eq(len(doc["policy_sha256"]), 64)
    check_eq(r.code, 1)
    check_in('"sources"', shown.out)
    records = [json.loads(line) for line in p.log.read_text().splitlines()]
    check([x for x in records if x["kind"] == "policy.check" and "team.yaml" in str(x.get("rules"))], "no grant names its rule")


@both
def the_shipped_profiles_work_in_any_repository(p):
    """Without a document: each grants what it says, and none lets be written what git obeys outside."""
    repository(p)
    for name in ("src/a", "docs/a", "docs/drafts/a"):
        p.write(name, "old\n", 0o666)
    for d in ("src", "docs", "docs/drafts"):
        (p.ws / d).chmod(0o777)
    names = ["src/a", "docs/a", "docs/drafts/a", "new", ".git/config", ".git/hooks/pre-commit"]
    writable = {"implementer": ["src/a", "docs/a", "docs/drafts/a", "new"], "reviewer": [], "docs_writer": ["docs/a"]}
    config = (p.ws / ".git/config").read_text()
    for profile, want in writable.items():
        r = ordinary(p, "--profile", profile, "sh", "-c", 'cat src/a; for n; do (echo new > "$n") 2>/dev/null && echo "$n"; done; true', "sh", *names)
        check_eq(r.out.split()[1:], want, f"{profile}: {r.err}")
        check_eq((p.ws / ".git/config").read_text(), config)
        check(not (p.ws / ".git/hooks/pre-commit").exists(), "a hook was planted")
    r = ordinary(p, "--profile", "pure_compute", "sh", "-c", 'read x < src/a || echo blind; echo x 2>/dev/null > new2 || echo bound')
    check_eq(r.out, "blind\nbound\n", r.err)
    r = ordinary(p, "--profile", "implmenter", "true")
    check_eq(r.code, 125)
    check_in("did you mean \"implementer\"?", r.err)
    # A document's own profile of that name is the one that counts; what names git means it.
    p.write("own.yaml", TEAM.replace("    all:\n", "    implementer:\n").replace('"kept/open/**"]', '"kept/open/**", ".git/config"]'))
    r = ordinary(p, "--profile", "implementer", "--policy", "own.yaml", "sh", "-c", "echo >> .git/config && echo yes; (echo x > src/a) && echo yes", env={"MARK": "x"})
    check_eq(r.out, "yes\nyes\n", r.err)


@both
def limits_of_a_profile_are_held(p):
    """A grace, a timeout, memory, processes: a profile asks for less, and an option says how much."""
    p.write("team.yaml", TEAM.replace("{pids: 40, grace: 1s}", "{pids: 40, grace: 300ms, timeout: 1s, memory: 64M}"))
    words = ["--policy", "team.yaml", "--profile", "all"]
    env = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), "MARK": "x"}
    r, o = p.outcome(*words, "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", env=env)
    check_eq((r.code, o["status"]), (124, "timeout"))
    check(1200 <= o["duration_ms"] < 4000, f"1 s and a grace of 0.3 s took {o['duration_ms']} ms; the default would be 5 s")
    r, o = p.outcome(*words, "--timeout", "30s", "sh", "-c", "head -c 200000000 /dev/zero | tail -c 190000000 | wc -c", env=env)
    check_eq((r.code, o["status"]), (137, "oom"), r.err)
    plan = json.loads(ordinary(p, "--json", *words, "true", kind=("plan",), env=env).out)
    check_eq({k: plan["limits"][k] for k in ("pids", "grace_ms", "timeout_ms", "memory")}, {"pids": 40, "grace_ms": 300, "timeout_ms": 1000, "memory": 64 << 20})
    plan = json.loads(ordinary(p, "--json", *words, "--pids", "50", "--memory", "128M", "true", kind=("plan",), env=env).out)
    check_eq((plan["limits"]["pids"], plan["limits"]["memory"]), (50, 128 << 20))


@both
def the_repository_s_top_bounds_reads_and_the_workspace_writes(p):
    """git's top is found; --repo-root names another, and only one that the workspace lies in."""
    repository(p)
    for name in ("sub/a", "other/a"):
        p.write(name, "text\n", 0o666)
    for d in ("sub", "other"):
        (p.ws / d).chmod(0o777)
    p.write("../beside", "beside\n", 0o644)
    ask = 'cat ../other/a ../../beside 2>/dev/null; (echo x > a) && echo wrote; (echo x > ../other/b) 2>/dev/null && echo OTHER; true'
    words = ("--mode", "workspace_write", "--workspace", str(p.ws / "sub"), "--cwd", str(p.ws / "sub"))
    check_eq(ordinary(p, *words, "sh", "-c", ask).out, "text\nwrote\n")
    start = [x for x in box.records(p) if x["kind"] == "run.start"][-1]
    check_eq(start["detail"]["repo_root"], str(p.ws))
    shown = ordinary(p, *words, "true", kind=("plan",)).out
    check_in(f"repository {p.ws}", " ".join(shown.split()))
    check_eq(ordinary(p, *words, "--repo-root", str(p.ws / "sub"), "sh", "-c", ask).out, "wrote\n")
    r = ordinary(p, *words, "--repo-root", str(p.ws.parent), "sh", "-c", ask)
    check_eq(r.out, "text\nbeside\nwrote\n", r.err)
    r = ordinary(p, *words, "--repo-root", str(p.ws / "other"), "true")
    check_eq(r.code, 125)
    check_in("is no directory that the workspace lies in", r.err)


@both
def a_user_s_own_policies_count_in_every_run(p):
    tree(p)
    config = p.home / "config/ward"
    config.mkdir(parents=True)
    (config / "mine.cedar").write_text(f'forbid (principal, action, resource in Ward::Path::"{p.ws}/private");\n')
    os.chmod(p.home / "config", 0o755)
    r = ordinary(p, "--read", ".", "sh", "-c", "cat src/a; cat private/a || echo no")
    check_eq(r.out, "text of src/a\nno\n", r.err)
    (config / "mine.cedar").chmod(0o666)
    r = ordinary(p, "--read", ".", "true")
    check_eq(r.code, 125)
    check_in("mine.cedar", r.err)


@both
def a_repository_narrows_and_does_not_grant(p):
    tree(p)
    p.write(".ward/more.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource);\n'
                                'forbid (principal, action, resource in Ward::Path::"./private");\n')
    r = ordinary(p, "--read", ".", "sh", "-c", "cat src/a; cat private/a || echo no; cat /etc/shadow 2>/dev/null && echo SHADOW; true")
    check_eq(r.out, "text of src/a\nno\n", r.err)
    # Nor does a profile of its own, for whoever names it: its lists narrow, and there is nothing that they could narrow.
    p.write(".ward/more.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: more}\nspec:\n  fsProfiles:\n"
                               "    wide: {read: ['**'], modify: ['**'], allowExec: ['*']}\n"
                               "    fewer: {read: [private/**], allowExec: ['*']}\n")
    r = ordinary(p, "--profile", "wide", "sh", "-c", "cat src/a; echo x > src/new; true")
    check_eq((r.code, r.out), (0, ""), r.err)
    check(not (p.ws / "src/new").exists(), "written")
    r = ordinary(p, "--profile", "wide", "--read", "src", "cat", "src/a")
    check_eq(r.out, "text of src/a\n", r.err)
    (p.ws / ".ward/more.cedar").unlink()     # of one layer permits add up: they are one list
    r = ordinary(p, "--profile", "fewer", "--read", "src", "cat", "src/a")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("the repository lists what may be granted, and this is not among it", r.err)


@both
def a_refusal_names_the_rule_that_is_to_be_mended(p):
    """Not the one of the mode, which nobody can mend: who forbids reading alone, and who lists more than was meant."""
    tree(p)
    p.write("mine.cedar", '// mine\nforbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./private");\n')
    r = ordinary(p, "--mode", "workspace_write", "--policy", "mine.cedar", "true")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in('mine.cedar:2:1: axis files: ', r.err)
    check_in("may be written and not read, which no mount can hold; let this rule forbid fs.write as well as fs.read", r.err)
    p.write("mine.cedar", 'forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./private");\n')
    r = ordinary(p, "--mode", "workspace_write", "--policy", "mine.cedar", "sh", "-c", "cat src/a; cat private/a 2>/dev/null || echo no")
    check_eq(r.out, "text of src/a\nno\n", r.err)
    p.write(".ward/list.cedar", 'permit (principal, action, resource in Ward::Path::"./src");\n')
    r = ordinary(p, "--mode", "workspace_write", "true")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("/.ward/list.cedar:1 lists modes, too: name in each permit there the actions that it is about", r.err)
    p.write(".ward/list.cedar", 'permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./src");\n')
    r = ordinary(p, "--mode", "workspace_write", "sh", "-c", "echo x > src/new; echo x 2>/dev/null > new || echo no")
    check_eq(r.out, "no\n", r.err)


@root_only
def a_ceiling_bounds_every_run(p):
    tree(p)
    box.private_mounts()
    layers = tempfile.mkdtemp(prefix="ward-etc-")
    box.mount("none", layers, "tmpfs", 0, "mode=0755")
    for d in ("up", "work"):
        os.mkdir(f"{layers}/{d}")
    box.mount("none", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={layers}/up,workdir={layers}/work")
    os.makedirs("/etc/ward", exist_ok=True)
    for name, text in ((None, None), ("README", "nothing yet"), ("epoch", "1\n")):
        if name:
            (pathlib.Path("/etc/ward") / name).write_text(text)
        r = ordinary(p, "--read", ".", "cat", "src/a")
        check_eq((r.code, r.out), (125, ""), r.err)
        check_in("/etc/ward: the ceiling holds no policy, and an empty one allows nothing", r.err)
    ceiling = pathlib.Path("/etc/ward/host.cedar")
    pathlib.Path("/etc/ward/more.cedar").write_text('permit (principal, action, resource);\n')
    for text in ("", "\n", "// all of it is gone\n \t\r\n//"):
        ceiling.write_text(text)
        r = ordinary(p, "--read", ".", "cat", "src/a")
        check_eq((r.code, r.out), (125, ""), r.err)
        check_in("/etc/ward/host.cedar: this file of the ceiling holds no policy; write what it is to say, or take it away", r.err)
    ceiling.unlink()
    # Cut in the middle of a line: another rule than it was, or as it seems the whole of it, which is warned of. Policies have an end of their own.
    listed = "schemaVersion: 2\nkind: Policy\nmetadata: {name: host}\nspec:\n  denyRead:\n    - src/**\n    - private/**\n"
    host = pathlib.Path("/etc/ward/host.yaml")
    for text in (listed[:-1], listed[:-3], listed[:listed.index("src") + 4]):
        host.write_text(text)
        check_in('"/etc/ward/host.yaml": the last line has no newline: it may have been cut short', ordinary(p, "--read", ".", "true").err)
    host.write_text(listed)
    check("no newline" not in ordinary(p, "--read", ".", "true").err, "a whole one is warned of")
    host.unlink()
    ceiling.write_text('permit (principal, action, resource);')
    r = ordinary(p, "--read", ".", "true")
    check_eq(r.code, 0, r.err)
    check("no newline" not in r.err, r.err)
    pathlib.Path("/etc/ward/more.cedar").unlink()
    ceiling.write_text('forbid (principal, action, resource in Ward::Path::"./private");\n'
                       'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n'
                       'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/usr");\n'
                       'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/etc");\n')
    r = ordinary(p, "--read", ".", "sh", "-c", "cat src/a; cat private/a || echo no")
    check_eq(r.out, "text of src/a\nno\n", r.err)
    r = ordinary(p, "--read", "/var/lib", "true")
    check_eq(r.code, 125)
    check_in("ceiling", r.err)
    ceiling.chmod(0o666)
    r = ordinary(p, "--read", ".", "true")
    check_eq(r.code, 125)
    check_in("/etc/ward/host.cedar", r.err)


box.main()

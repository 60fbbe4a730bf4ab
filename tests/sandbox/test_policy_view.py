#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The view under policies, name by name: programs, links, patterns and lists, what is held where it is, and the differences between judge and kernel
that docs/agreement.md lists."""
import hashlib
import json
import os
import pathlib
import resource
import shutil
import stat
import subprocess
import tempfile

import box
import cli
from box import both, both_cases
from policy_box import ordinary, repository, says, tree
from tap import check, check_eq, check_in


@both
def a_program_taken_out_of_a_directory_does_not_run(p):
    p.write("tools/good", "#!/bin/sh\necho good\n", 0o755)
    p.write("tools/bad", "#!/bin/sh\necho bad\n", 0o755)
    p.write("tools/worse", "#!/bin/sh\necho worse\n", 0o755)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.exec", resource == Ward::Path::"./tools/bad");\n'
                       'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"./tools/worse");\n')
    r = ordinary(p, "--policy", "x.cedar", "--read", ".", "sh", "-c", "tools/good; tools/bad || echo no; tools/worse || echo no; cat tools/bad | tail -1")
    check_eq(r.out, "good\nno\nno\necho bad\n", r.err)


@both
def what_a_name_takes_stays_taken_below_what_a_pattern_matches(p):
    """A pattern of every name takes the workspace away, so that its directories are shown each by itself: after the names were asked about."""
    p.write("a/f", "secret\n", 0o666)
    p.write("a/g", "open\n", 0o666)
    p.write("a/b/f", "secret\n", 0o666)
    (p.ws / "a").chmod(0o777)
    document = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n%s  fsProfiles:\n    x: {read: %s, modify: %s, allowExec: [\"*\"]}\n"
    everything = '["**"]'
    rows = (("  denyRead: [a/f, a/b/f, \"*\"]\n", everything, everything, "", "open\n"),
            ("  denyRead: [a/f, a/b/f, \"?*\"]\n", everything, everything, "", "open\n"),
            ("", '["**", "!a/f", "!a/b/**", "!*"]', everything, "", "open\n"),
            ("", everything, '["**", "!a/f", "!a/b/f", "!*"]', "secret\n", "open\n"))
    for denies, read, modify, sees, beside in rows:
        p.write("x.yaml", document % (denies, read, modify))
        for name, text in (("a/f", sees), ("a/b/f", sees), ("a/g", beside)):
            r = ordinary(p, "--policy", p.ws / "x.yaml", "--profile", "x", "--accept", "files=advisory", "cat", name)
            check_eq(r.out, text, f"{denies} {read} {modify} {name}: {r.err}")
        r = ordinary(p, "--policy", p.ws / "x.yaml", "--profile", "x", "--accept", "files=advisory", "sh", "-c", "for f in a/f a/b/f a/g; do echo >>$f; done 2>/dev/null; true")
        check_eq([(p.ws / f).read_text() for f in ("a/f", "a/b/f", "a/g")], ["secret\n", "secret\n", "open\n\n"], r.err)
        p.write("a/g", "open\n", 0o666)


@both
def what_a_pattern_leaves_of_the_first_names_is_there(p):
    """It takes away from the second or third name on, so that no directory as a whole is granted: but what lies above is, each by itself, and
    what is shown by then is looked at again for what policies and patterns take away in it."""
    files = ("top", "a/f", "a/b/f", "a/b/c/f", "a/b/c/d/f")
    for name in files:
        p.write(name, "as it was\n", 0o666)
    for d in (".", "a", "a/b", "a/b/c"):
        (p.ws / d).chmod(0o777)
    document = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  %s\n  fsProfiles:\n    x: {read: [\"**\"], modify: [\"**\"], allowExec: [\"*\"]}\n"
    rows = (('denyRead: ["*/*/**"]', "0", "0"), ('denyRead: ["*/*/*/**"]', "01", "01"), ('denyModify: ["*/*/*/**"]', "01234", "01"),
            ('denyModify: ["*/*/**"]', "01234", "0"), ('denyRead: ["*/*/*"]', "0134", "0134"), ('denyModify: ["*/*/*", a/b/c/f]', "01234", "014"),
            ('denyRead: ["*/*/*", a/f, a/b/c/f]', "04", "04"), ('denyRead: ["*/*/*", "**/d/**"]', "013", "013"))
    for rule, seen, changed in rows:
        p.write("x.yaml", document % rule)
        for how, want in (("<", seen), (">>", changed)):
            r = ordinary(p, "--policy", p.ws / "x.yaml", "--profile", "x", "--accept", "files=advisory", "sh", "-c",
                         f"for f in {' '.join(files)}; do cat {how}$f /dev/null >/dev/null && echo $f; done; ls a >/dev/null")
            check_eq(r.out.split(), [files[int(n)] for n in want], f"{rule} {how} {r.err}")
            check("not there when" not in r.err, f"{rule} {r.err}")


@both
def more_of_such_names_than_the_view_has_room_for_are_not_there(p):
    """Counted over all directories, since the view has so many entries in all: what is left out has the rights of its directory, and the run starts.
    A directory that is too large takes no room of others."""
    for name, n in (*((f"d{i}", 600) for i in range(7)), ("large", 1100), ("small", 1)):
        p.write(f"{name}/sub/f", "as it was\n", 0o666)
        (p.ws / name / "f0").touch()
        (p.ws / name / "f0").chmod(0o666)
        for k in range(1, n):
            os.link(p.ws / name / "f0", p.ws / name / f"f{k}")
    document = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  %s: [\"*/*/*/**\"]\n  fsProfiles:\n    x: {read: [\"**\"], modify: [\"**\"], allowExec: [\"*\"]}\n"
    files = ["d0/f0", "d0/f599", "d1/f0", "d2/f0", "large/f0", "small/f0", "d0/sub/f", "d2/sub/f"]
    there = ["d0/f0", "d0/f599", "small/f0"]
    look = f"for f in {' '.join(files)}; do test -r $f && echo $f; done; echo; for f in {' '.join(files)}; do true >>$f && echo $f; done; true"
    for rule, seen, more in (("denyRead", there, ["d2/f0"]), ("denyModify", files, [])):
        p.write("x.yaml", document % rule)
        grants = [w for name in more for w in ("--cap", f"FILE_WRITE:{name}")]
        r = ordinary(p, "--policy", p.ws / "x.yaml", "--profile", "x", "--accept", "files=advisory", *grants, "sh", "-c", look)
        check_eq(r.code, 0, r.err)
        check_eq([sorted(half.split()) for half in r.out.split("\n\n")], [sorted({*seen, *more}), sorted({*there, *more})], f"{rule} {r.err}")
        check_in(f'rules let more be of the names in "{p.ws}/d1" (and 6 more) than of what lies below them, and of such names the view takes 1024 in all', r.err)


MASKED = {  # what is tried, as Python in the workspace; the records that come of it: (action, name)
    "os.open('.env', os.O_RDONLY)": [("FILE_READ", ".env")],
    "os.open('sub/../.env', os.O_RDONLY | os.O_NOFOLLOW)": [("FILE_READ", ".env")],
    "os.open('.env', os.O_RDONLY, dir_fd=os.open('.', os.O_RDONLY))": [("FILE_READ", ".env")],
    "os.open('link', os.O_RDONLY)": [("FILE_READ", ".env")],
    "os.stat('.env'), os.open('.env', os.O_RDONLY)": [("FILE_READ", ".env")],
    "os.open('.env', os.O_WRONLY)": [("FILE_WRITE", ".env")],
    "os.open('.env', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)": [("FILE_WRITE", ".env")],
    "os.execv('./.env', ['x'])": [("FILE_READ", ".env")],
    "os.listdir('keys')": [("FILE_READ", "keys")],
    "os.chdir('keys')": [("FILE_READ", "keys")],
    "os.open('keys/a b', os.O_RDONLY)": [("FILE_READ", "keys/a b")],
    "os.stat('keys/a b')": [("FILE_READ", "keys/a b")],
    "os.stat('keys/none')": [],  # as everywhere
    "os.unlink('keys/none')": [],
    "os.open('keys/new', os.O_WRONLY | os.O_CREAT)": [("FILE_WRITE", "keys/new")],
    "os.stat('.env'), os.stat('keys'), os.lstat('.env'), os.listdir('.'), os.open('.env', os.O_PATH)": [],
}


def masked_tree(p):
    p.write(".env", "SECRET=1\n", 0o777)
    p.write("keys/a b", "SECRET=2\n", 0o666)
    (p.ws / "keys").chmod(0o777)
    (p.ws / "sub").mkdir()
    (p.ws / "link").symlink_to(".env")
    p.write("x.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  denyRead:\n    - .env\n    - keys/**\n")


def masked(p, *words):
    masked_tree(p)
    try_all = "".join(f"try:\n  {what}\n  print('done')\nexcept OSError as e: print(e.errno)\n" for what in MASKED)
    r = p.run("--json", "--policy", "x.yaml", "--write", ".", *words, "--", "/usr/bin/python3", "-c", f"import os\n{try_all}")
    check_eq(r.code, 0, r.err)
    out = json.loads(r.out)
    # Where FUSE serves none, what empties it is refused by the mount before it is by its mode (EROFS).
    check_eq(out["stdout"]["data"].replace("30" if words else "13", "13").split(), ["13"] * (len(MASKED) - 1) + ["done"], r.err)
    return out


@both
def whoever_is_refused_by_what_a_rule_takes_out_is_on_record(p):
    """Its name is there, so no look-up is refused: it is the opening that is. Which rule it was is said, and there is no grant that helps."""
    box.need_fuse()
    out = masked(p)
    told = {(v["action"], os.path.relpath(v["resource"], p.ws)): (v["file"], v["line"], v["cure"]) for v in out["violations"]}
    check_eq(told, {v: ("x.yaml", 6 if v[1] == ".env" else 7, None) for found in MASKED.values() for v in found})
    check_eq(out["attribution"], "full")
    r = p.run("--policy", "x.yaml", "--read", ".", "--fail-on-violation", "--", "sh", "-c", "cat 'keys/a b' || true")
    check_eq(r.code, 123, r.err)
    check_in(f'FILE_READ "{p.ws}/keys/a b" refused: a rule forbids it (x.yaml:7)', r.err)


ASKED = {  # as MASKED; what opens nothing is a refusal all the same
    "os.access('.env', os.R_OK) or refused()": [("FILE_READ", ".env")],
    "os.access('.env', os.X_OK, effective_ids=True) or refused()": [("FILE_READ", ".env")],
    "os.access('keys', os.W_OK) or refused()": [("FILE_READ", "keys")],
    "os.getxattr('.env', 'user.x')": [("FILE_READ", ".env")],
    "os.getxattr('link', 'user.x')": [("FILE_READ", ".env")],
    "os.fchdir(os.open('keys', os.O_PATH))": [("FILE_READ", "keys")],
    "os.chdir('keys/.')": [("FILE_READ", "keys")],
    "os.access('.env', os.F_OK) and refused()": [],
    "os.access('keys', os.F_OK) and refused()": [],
    "os.getxattr('.env', 'security.selinux')": [],   # so does ls -l
}


@both_cases([(what, what, found) for what, found in ASKED.items()])
def whoever_asks_for_what_a_rule_takes_out_is_on_record(p, what, found):
    box.need_fuse()
    masked_tree(p)
    script = f"import os\ndef refused(): raise OSError(13, 'x')\ntry: {what}\nexcept OSError as e: print(e.errno in (1, 13, 61, 95))\n"
    r = p.run("--json", "--policy", "x.yaml", "--write", ".", "--", "/usr/bin/python3", "-c", script)
    out = json.loads(r.out)
    check_eq((r.code, out["stdout"]["data"]), (0, "True\n"), r.err + str(out["stderr"]))
    check_eq([(v["action"], os.path.relpath(v["resource"], p.ws)) for v in out["violations"]], found)


MOVED = {  # where changes of what may only be read are looked at, which the policy's own file is here
    "os.rename('.env', 'x')": [".env"],
    "os.replace('beside', '.env')": [".env"],
    "os.unlink('sub/../.env')": [".env"],
    "os.rename('keys', 'x')": ["keys"],
    "os.rmdir('keys')": ["keys"],
    "os.unlink('none')": [],
    "os.rename('none', '.env')": [],
    "os.rename('keys/a b', 'x')": ["keys/a b"],
    "os.rename('link', 'away'), os.rename('away', 'link'), refused()": [],
}


@both_cases([(what, what, found) for what, found in MOVED.items()])
def whoever_moves_what_a_rule_takes_out_is_on_record(p, what, found):
    box.need_fuse()
    masked_tree(p)
    p.write("beside", "x")
    script = f"import os\ndef refused(): raise OSError(16, 'x')\ntry: {what}\nexcept OSError as e: print(e.errno in (2, 13, 16))\n"
    r = p.run("--json", "--policy", "x.yaml", "--write", ".", "--", "/usr/bin/python3", "-c", script)
    out = json.loads(r.out)
    check_eq((r.code, out["stdout"]["data"]), (0, "True\n"), r.err + str(out["stderr"]))
    check_eq(sorted({os.path.relpath(v["resource"], p.ws) for v in out["violations"]}), found)


@both
def what_a_rule_takes_out_is_refused_where_nobody_sees_it(p):
    check_eq(masked(p, "--attribution", "none")["violations"], [])


@both
def a_run_does_not_begin_in_what_a_rule_takes_out(p):
    """The plan says so, and which rule it is can be asked: it is no matter of the host's modes. Where nothing wider shows it, it is an empty directory."""
    masked_tree(p)
    (p.ws / "keys/in").mkdir()
    words = ("--policy", p.ws / "x.yaml", "--workspace", p.ws)
    for cwd, more in ((p.ws / "keys", ()), (p.ws / "keys/in", ()), (p.ws, ("--cwd", "keys"))):
        for kind in (("run",), ("plan",)):
            r = p.run(*words, *more, "--write", p.ws, "pwd", cwd=cwd, kind=kind)
            check_eq((r.code != 0, r.out), (True, ""), r.err)
            check_in("is taken out of what is granted by a policy; --cwd DIR", r.err)
    r = p.run(*words, "--read", p.ws / "sub", "sh", "-c", "pwd; ls", cwd=p.ws / "keys")
    check_eq((r.code, r.out), (0, f"{p.ws}/keys\n"), r.err)


@both
def the_mode_of_what_a_rule_takes_out_stays(p):
    box.need_fuse()
    p.write(".env", "SECRET", 0o666)
    p.write("x.cedar", 'forbid (principal, action, resource == Ward::Path::"./.env");\n')
    r = p.run("--policy", "x.cedar", "--write", ".", "--", "sh", "-c", "chmod 777 .env; cat .env; truncate -s 0 .env; touch .env; stat -c %a .env")
    check_eq((r.code, r.out, (p.ws / ".env").read_text(), (p.ws / ".env").stat().st_mode & 0o777), (0, "0\n", "SECRET", 0o666), r.err)
    check_in(f'FILE_WRITE "{p.ws}/.env" refused', r.err)


@both
def more_is_taken_out_than_there_are_descriptors_for(p):
    names = [f"s{i}" for i in range(300)]
    for name in names:
        p.write(name, "SECRET", 0o666)
    p.write("x.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  denyRead:\n" + "".join(f"    - {n}\n" for n in names))
    r = p.run("--policy", "x.yaml", "--write", ".", "--", "sh", "-c", "cat s0 s150 s299; true",
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    check_eq((r.code, r.out), (0, ""), r.err)


@both
def a_rule_that_takes_a_directory_alone_is_warned_of(p):
    """What lies in it is held by no such rule, which whoever wrote it may not know: said once, at its place, and what is said to help does."""
    p.write("secrets/k", "text", 0o666)
    (p.ws / "secrets").chmod(0o777)
    cat, ask = ("cat", "secrets/k"), ("--profile", "a", "--policy")
    doc = "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  %s: [%s]\n  fsProfiles:\n    a: {read: ['**'], modify: ['**'], allowExec: ['*']}\n"
    for field, done in (("denyRead", "read"), ("denyModify", "written")):
        p.write("x.yaml", doc % (field, "secrets"))
        r = p.run(*ask, "x.yaml", "--", *cat)
        check_eq((r.code, r.out), (0, "text"), r.err)
        check_eq(r.err.count(f'x.yaml:5 names the directory "{p.ws}/secrets" alone: what lies in it can be {done} all the same; a rule about that ends in /**'), 1, r.err)
        p.write("x.yaml", doc % (field, "secrets/**"))
        r = p.run(*ask, "x.yaml", "--", "sh", "-c", "cat secrets/k; echo x >> secrets/k")
        check_eq((r.code != 0, r.out, (p.ws / "secrets/k").read_text()), (True, "" if field == "denyRead" else "text", "text"), r.err)
        check("alone" not in r.err, r.err)
    # A directory that is named with == may not be moved, which is what such a rule is for; however long the rule is.
    for much in ("", "//" + 5000 * "x" + "\n"):
        p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.write", {much} resource == Ward::Path::"./secrets") when {{ true {much} }};\n')
        r = p.run("--policy", "x.cedar", "--write", ".", "--", *cat)
        check_eq((r.code, "alone" in r.err), (0, False), r.err)
    # A document's profiles count where one is asked for.
    r = p.run("--policy", "x.yaml", "--", *cat)
    check_eq(r.code, 1, r.out)
    check_in("no profile of x.yaml is asked for, so only what it denies counts; --profile a", r.err)


@both
def a_grant_that_a_list_would_not_let_be_given_is_no_cure(p):
    """And a name of the workspace is the host's, in /tmp as well, be it there or not."""
    box.need_fuse()
    ws = pathlib.Path(tempfile.mkdtemp(dir="/tmp", prefix="ward-list."))
    try:
        for path in (ws / "src", ws / "out", ws / "docs"):
            path.mkdir()
            path.chmod(0o777)
        ws.chmod(0o777)
        (ws / "x.yaml").write_text("schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  grammar: 2\n  fsProfiles:\n    a:\n"
                                   "      allowExec: ['*']\n      modify: ['out/**']\n      read: ['src/**', 'out/**']\n")
        (ws / "x.yaml").chmod(0o644)
        ask = ("--workspace", ws, "--policy", ws / "x.yaml", "--profile", "a")
        r = p.run(*ask, "--", "sh", "-c", f"cd {ws}; echo x > docs/made; echo x > src/made; echo x > out/made")
        listed = "the run lists what may be granted, and this is not among it"
        check_in(f'FILE_WRITE "{ws}/docs/made" refused: {listed} ({ws}/x.yaml:10)', r.err)
        check(f"FILE_WRITE:{ws}/docs" not in r.err, r.err)
        check_in(f"grant: --cap 'FILE_WRITE:{ws}/src/**'", r.err)
        check_eq(sorted(x.name for x in (ws / "out").iterdir()), ["made"], r.err)
        for path, why, cured in (("docs/made", "narrowed", False), ("src/made", "no_rule", True), ("src/other", "no_rule", True)):
            r = cli.ward("policy", "explain", "--json", *ask, "--op", "modify", "--path", ws / path)
            doc = json.loads(r.out)
            check_eq((doc["effect"], doc["why"], "cure" in doc), ("deny", why, cured), path)
        r = cli.ward("policy", "explain", *ask, "--op", "modify", "--path", ws / "docs/made")
        check_in(f"list: {ws}/x.yaml:10", r.out)
        # What it says is so.
        r = p.run(*ask, "--cap", f"FILE_WRITE:{ws}/docs/**", "--", "true")
        check_eq((r.code, listed in r.err), (125, True), r.err)
        r = p.run(*ask, "--cap", f"FILE_WRITE:{ws}/src/**", "--", "sh", "-c", f"echo x > {ws}/src/made")
        check_eq((r.code, (ws / "src/made").exists()), (0, True), r.err)
    finally:
        shutil.rmtree(ws)


@both
def what_a_pattern_matches_and_does_not_show_has_its_own_words(p):
    """A directory, and a name that was not there: a rule matches both, and neither is a matter of permissions."""
    box.need_fuse()
    p.write("d/a", "as it was", 0o666)
    p.write("d/sub/f", "in it", 0o666)
    for name in ("d", "d/sub"):
        (p.ws / name).chmod(0o777)
    p.write("x.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: x}\nspec:\n  fsProfiles:\n"
                      "    p: {read: ['d/*'], modify: ['d/*'], allowExec: ['*']}\n")
    # The run's own /tmp, in which this lies, is another one: no rule grants the host's.
    (p.base / "beside").write_text("x\n")
    r = p.run("--policy", "x.yaml", "--profile", "p", "cat", p.base / "beside")
    check_in(f'FILE_READ "{p.base}/beside" refused: no rule grants it', r.err)
    script = "ls d/sub; echo x > d/new"
    for grants, place in ((("--cap", "FILE_READ:d/*", "--cap", "FILE_WRITE:d/*"), ""), (("--policy", "x.yaml", "--profile", "p"), "x.yaml:6")):
        r, o = p.outcome(*grants, "sh", "-c", script)
        check(r.code != 0 and "in it" not in r.out and not (p.ws / "d/new").exists(), r.out)
        check_in(f'FILE_READ "{p.ws}/d/sub" refused: a rule matches it, but only as a file: what a directory holds is granted with /**', r.err)
        check_in(f'FILE_WRITE "{p.ws}/d/new" refused: a rule matches it, but it was not there when the run began', r.err)
        check("permissions" not in r.err, r.err)
        check_in(place, r.err)
        if place:
            # What may be read can be added to. What may be written is listed, and that is not all of a directory: a grant of it is refused.
            check_in("when the run began; for all of its directory the run lists what may be granted, and this is not among it", r.err)
            check_eq({v["action"]: bool(v["cure"]) for v in o["violations"]}, {"FILE_READ": True, "FILE_WRITE": False})
            r = p.run(*grants, "--cap", "FILE_READ:d/sub/**", "ls", "d/sub")
            check_eq((r.code, r.out), (0, "f\n"), r.err)
            r = p.run(*grants, "--cap", "FILE_WRITE:d/**", "true")
            check_eq((r.code, "lists what may be granted" in r.err, "x.yaml:6; add it to that list, or take it out" in r.err), (125, True, True), r.err)
            continue
        # What is said to help does.
        cures = [w for v in o["violations"] if v["cure"] for w in ("--cap", v["cure"].split("'")[1])]
        check_eq(sorted(cures[1::2]), [f"FILE_READ:{p.ws}/d/sub/**", f"FILE_WRITE:{p.ws}/d/**"])
        r = p.run(*grants, *cures, "sh", "-c", script)
        check_eq((r.code, r.out), (0, "f\n"), r.err)
        (p.ws / "d/new").unlink()


@both
def the_command_itself_brings_in_nothing_that_is_forbidden(p):
    tool = p.side / "tool"
    tool.write_text("#!/bin/sh\necho ran\n")
    tool.chmod(0o755)
    os.chmod(p.side, 0o755)
    p.write("x.cedar", f'forbid (principal, action, resource in Ward::Path::"{p.side}");\n')
    p.write("y.cedar", 'forbid (principal, action, resource in Ward::Path::"/nowhere");\n')
    r = ordinary(p, "--policy", "x.cedar", tool)
    check_eq(r.code, 125, r.out)
    check_in("x.cedar:1", r.err)
    r = ordinary(p, "--policy", "y.cedar", tool)
    check_eq((r.code, r.out), (0, "ran\n"), r.err)


@both
def what_is_forbidden_below_a_runtime_stays_out_of_it(p):
    """The command brings its runtime into the view whole; nobody granted it, and forbids below it hold all the same."""
    rt = p.side / "rt"
    for name in ("bin/tool", "bin/other", "conda-meta/x", "share/open", "share/secret/key", "share/a.pem", "share/deep/b.pem", "lib/more"):
        (rt / name).parent.mkdir(parents=True, exist_ok=True)
        (rt / name).write_text("#!/bin/sh\n" + ('cd "${0%/bin/*}"; sh -c "$1"' if name == "bin/tool" else "echo ran") + "\n")
        (rt / name).chmod(0o755)
    os.chmod(p.side, 0o755)
    p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{rt}/share/secret");\n'
                       f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"{rt}/share/**/*.pem");\n'
                       f'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"{rt}/bin/other");\n')
    look = "tail -1 share/open; tail -1 share/secret/key || echo no; tail -1 share/a.pem || echo no; tail -1 share/deep/b.pem || echo no; bin/other || echo no; lib/more"
    for more in ([], ["--mode", "workspace_write"]):
        r = ordinary(p, "--policy", "x.cedar", *more, "--accept", "files=advisory", rt / "bin/tool", look)
        check_eq((r.code, r.out), (0, "echo ran\nno\nno\nno\nno\nran\n"), r.err)


@both
def nothing_is_given_back_below_what_a_runtime_may_not_show(p):
    rt = p.side / "rt"
    for name in ("bin/tool", "conda-meta/x", "share/open/x"):
        (rt / name).parent.mkdir(parents=True, exist_ok=True)
        (rt / name).write_text("#!/bin/sh\ncat ${0%/bin/*}/share/open/x\n")
        (rt / name).chmod(0o755)
    os.chmod(p.side, 0o755)
    p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{rt}/share")\n'
                       f'  unless {{ resource in Ward::Path::"{rt}/share/open" }};\n'
                       f'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{rt}/share/open");\n')
    r = ordinary(p, "--policy", "x.cedar", rt / "bin/tool")
    check_eq(r.code, 125, r.out)
    check_in("x.cedar:1", r.err)
    check_in("axis files", r.err)


@both
def two_runs_share_what_is_pinned(p):
    repository(p)
    first = p.start("--mode", "workspace_write", "sh", "-c", "echo up; sleep 3", stdout=subprocess.PIPE)
    first.stdout.readline()
    r = ordinary(p, "--mode", "workspace_write", "sh", "-c", "mkdir .ward || echo no")
    check_eq(r.out, "no\n", r.err)
    first.kill()
    first.wait()
    left = p.ws / ".ward"
    if left.exists():
        check(stat.S_ISDIR(left.stat().st_mode) and not list(left.iterdir()), "more than an empty directory was left")
    r = ordinary(p, "--mode", "workspace_write", "sh", "-c", "(: > .ward/x) 2>/dev/null && echo RULES; true")
    check_eq(r.out, "", r.err)


@both
def nothing_above_what_is_protected_is_moved_away(p):
    """A mount goes where its directory goes: a/ moved away would leave its name to an a/kept/x that nothing protects."""
    for name in ("a/b/kept/x", "a/b/open/x", "c/x"):
        p.write(name, "text\n", 0o666)
    for d in ("a", "a/b", "a/b/kept", "a/b/open", "c", "."):
        (p.ws / d).chmod(0o777)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./a/b/kept");\n'
                       'forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./a/b/key");\n')
    p.write("move.py", "import os, sys\nfor a, b in zip(sys.argv[1::2], sys.argv[2::2]):\n    try:\n        os.rename(a, b)\n"
                       "        print(a, flush=True)\n    except OSError as e:\n        print(e.strerror, flush=True)\n")
    r = ordinary(p, "--policy", "x.cedar", "--write", ".", "--write", "a", "sh", "-c",
                 "python3 move.py a away a/b a/away a/b/kept a/b/away c d; echo y > a/b/new; echo z > a/b/open/z")
    busy = "Device or resource busy\n"
    check_eq(r.out, 3 * busy + "c\n", r.err)
    check((p.ws / "a/b/open/z").exists())
    check_eq((p.ws / "a/b/kept/x").read_text(), "text\n")
    check_eq((p.ws / "a/b/new").read_text(), "y\n")


@both_cases([("write first", ("--write", "a", "--read", "a")), ("read first", ("--read", "a", "--write", "a"))])
def a_grant_to_read_the_same_keeps_it_where_it_is(p, words):
    for name in ("a/b/kept", "a/c/x"):
        p.write(name, "text\n", 0o666)
    for d in ("a", "a/b", "a/c", "."):
        (p.ws / d).chmod(0o777)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./a/b/kept");\n')
    r = ordinary(p, "--policy", "x.cedar", *words, "sh", "-c", "mv a/b a/away; mv a/c a/d; mkdir -p a/b; echo bad > a/b/kept; ls a")
    check_eq(r.out, "b\nd\n", r.err)
    check_eq((p.ws / "a/b/kept").read_text(), "text\n")


@both
def a_program_is_not_shown_where_reading_is_forbidden(p):
    p.write("secret/tools/run", "#!/bin/sh\necho ran\n", 0o755)
    p.write("secret/tools/key", "key\n")
    p.write("x.cedar", 'permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.exec", Ward::Action::"proc.exec"],\n'
                       '  resource in Ward::Path::"./secret/tools");\n'
                       'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./secret");\n')
    r = ordinary(p, "--policy", "x.cedar", "--read", ".", "sh", "-c", "cat secret/tools/key || echo no; secret/tools/run || echo no")
    check_eq(r.out, "no\nno\n", r.err)


@both
def a_pattern_grants_beside_other_grants(p):
    p.write("docs/x", "x\n")
    p.write("far/away/page.md", "page\n")
    p.write("far/away/other", "other\n")
    p.write("x.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"**/*.md");\n')
    r = ordinary(p, "--policy", "x.cedar", "--read", "docs", "sh", "-c", "cat docs/x far/away/page.md; cat far/away/other || echo no")
    check_eq(r.out, "x\npage\nno\n", r.err)


LIST = 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"%s");\n'


@both
def a_list_without_the_base_is_refused_with_its_cure(p):
    """Before the start, with the axis, the list's place and what to add to it; what is added as it is printed is enough."""
    rules = p.write(".ward/list.cedar", "// what may be read\n" + LIST % "./")
    tool = p.write("tool", "#!/bin/sh\necho ran\n", 0o755)
    for words in (["true"], ["sh", "-c", "echo ran"], [tool]):
        r = ordinary(p, "--read", ".", *words)
        check_eq((r.code, r.out), (125, ""), r.err)
        check_in("axis files", r.err)
        check_in(".ward/list.cedar:2", r.err)
        check_in("it is not trusted, so its permits are a list: ward trust --show", r.err)
    rules.write_text(rules.read_text() + r.err.split("add to that list: ")[1].splitlines()[0] + "\n")
    r = ordinary(p, "--read", ".", tool)
    check_eq((r.code, r.out), (0, "ran\n"), r.err)


@both
def a_list_may_name_parts_of_the_base(p):
    p.write(".ward/list.cedar", "".join(LIST % f"/usr/{d}" for d in ("bin", "lib", "lib64")) + LIST % "./")
    r = ordinary(p, "--read", ".", "sh", "-c", "echo ran; ls /usr")
    check_eq(r.out.split(), ["ran", "bin", "lib", "lib64"][:3 + os.path.isdir("/usr/lib64")], r.err)
    p.write(".ward/list.cedar", LIST % "/usr/bin" + LIST % "./")
    r = ordinary(p, "--read", ".", "true")
    check_eq(r.code, 125)
    check_in('resource in Ward::Path::"/usr")', r.err)


@both
def a_command_that_may_not_be_is_refused_with_the_rule(p):
    """Its file, what its first line names, env(1), the loader: not started to fail inside."""
    tool = p.write("tool", "#!/usr/bin/env sh\necho ran\n", 0o755)
    shell, env = os.path.realpath("/bin/sh"), os.path.realpath("/usr/bin/env")
    loader = next(os.path.realpath(f) for f in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(f))
    for action, kind, what, axis in (("fs.read", "Path", shell, "files"), ("fs.read", "Path", env, "files"), ("fs.read", "Path", loader, "files"),
                                     ("fs.exec", "Path", shell, "exec"), ("proc.exec", "Program", shell, "exec"),
                                     ("proc.exec", "Program", env, "exec"), ("proc.exec", "Program", str(tool), "exec")):
        p.write("x.cedar", f'\nforbid (principal, action == Ward::Action::"{action}", resource == Ward::{kind}::"{what}");\n')
        r = ordinary(p, "--policy", "x.cedar", "--read", ".", tool)
        check_eq((r.code, r.out), (125, ""), f"{action} {what}: {r.err}")
        check_in("x.cedar:2", r.err)
        check_in(f"axis {axis}", r.err)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"/usr/bin/nothing");\n')
    r = ordinary(p, "--policy", "x.cedar", "--read", ".", tool)
    check_eq((r.code, r.out), (0, "ran\n"), r.err)


@both
def a_pattern_of_a_directory_is_about_a_file_of_that_name(p):
    p.write("src", "text\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"src/**");\n')
    r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", "--read", ".", "sh", "-c", "cat src || echo no")
    check_eq(r.out, "no\n", r.err)


@both
def a_pattern_of_a_directory_that_is_not_there_keeps_it_from_coming_to_be(p):
    p.ws.chmod(0o777)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"src/**");\n'
                       f'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"{p.ws}/far/off/**");\n')
    r = ordinary(p, "--policy", "x.cedar", "--write", ".", "sh", "-c", "mkdir src && echo MADE; echo x > src/a && echo WROTE; mkdir -p far/off && echo FAR; mkdir ok")
    check_eq((r.code, r.out), (0, ""), r.err)
    check_eq((os.listdir(p.ws / "ok"), (p.ws / "src").exists(), (p.ws / "far").exists()), ([], False, False))


@both
def a_rule_about_a_directory_alone_keeps_it_where_it_is(p):
    p.write("top/src/a", "text\n", 0o666)
    for d in (".", "top", "top/src", "empty", "by"):
        (p.ws / d).mkdir(exist_ok=True)
        (p.ws / d).chmod(0o777)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./top/src");\n'
                       'forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./empty");\n'
                       'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"b?");\n')
    r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", "--write", ".", "sh", "-c",
                 "mv top/src top/gone; mv top gone; rmdir empty; rmdir by; mv by to; echo new > top/src/a && echo x > top/src/b && mkdir other && rmdir other && echo ok")
    check_eq(r.out, "ok\n", r.err)
    check_eq(sorted(x.name for x in p.ws.iterdir() if x.is_dir()), ["by", "empty", "top"])
    check_eq(sorted(x.name for x in (p.ws / "top/src").iterdir()), ["a", "b"])


@both
def a_match_that_is_a_link_gives_nothing_that_a_list_leaves_out(p):
    p.write("deep/key", "key\n")
    p.write("open", "open\n")
    (p.ws / "link").symlink_to("deep/key")
    p.write(".ward/list.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/usr");\n'
                                'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/etc");\n'
                                'permit (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./open");\n')
    r = ordinary(p, "--cap", "FILE_READ:*", "sh", "-c", "cat open; cat deep/key || cat link || echo no")
    check_eq(r.out, "open\nno\n", r.err)


@both
def a_capability_by_the_name_of_a_link_is_judged_as_it_is_granted(p):
    target, far = p.side / "target", p.side / "d/far"
    p.write("in", "in\n")
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./none");\n')
    for f in (target, far):
        f.parent.mkdir(exist_ok=True)
        f.write_text(f"{f.name}\n")
    for name, to in (("one", target), ("dir", far.parent), ("two.l", p.ws / "in"), ("out", target)):
        (p.ws / name).symlink_to(to)
    (p.ws / "sub").mkdir()
    (p.ws / "sub/link").symlink_to(target)
    for words, path, name in ((("--read", p.ws / "one"), target, "one"), (("--read", p.ws / "dir"), far, "dir/far"),
                              (("--cap", f"FILE_READ:{p.ws}/dir/**"), far, "dir/far"), (("--cap", "FILE_READ:*.l"), p.ws / "in", "two.l")):
        check_eq(says(p, path, *words), "allow", words)
        for policy in ((), ("--policy", "x.cedar")):
            r = ordinary(p, "--attribution", "notify", *policy, *words, "cat", name)
            check_eq((r.code, r.out, r.err), (0, path.read_text(), ""), words)
    # So is a link on the way, and reading its text alone.
    (p.ws / "first").symlink_to(p.ws / "one")
    check_eq(says(p, p.ws / "one", "--write", p.ws / "first"), "allow")
    r = ordinary(p, "--policy", "x.cedar", "--write", p.ws / "first", "sh", "-c", "readlink one; cat one; echo new > first")
    check_eq((r.code, r.out, target.read_text()), (0, f"{target}\ntarget\n", "new\n"), r.err)
    # A link that is met in a directory is none that somebody named; neither is what leads out by a name within granted.
    for words in (("--read", p.ws / "sub"), ("--read", "out"), ("--cap", "FILE_READ:out")):
        check_eq(says(p, target, *words), "deny", words)
        check(ordinary(p, *words, "cat", target).code != 0, words)


@both
def what_is_forbidden_is_not_granted_by_the_name_of_a_link(p):
    p.write("secret/key", "key\n")
    (p.ws / "link").symlink_to(p.ws / "secret/key")
    (p.ws / "to").symlink_to(p.ws / "secret")
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./secret");\n')
    for words in (("--read", p.ws / "link"), ("--read", p.ws / "to"), ("--cap", "FILE_READ:link"), ("--cap", "FILE_READ:*")):
        check_eq(says(p, p.ws / "secret/key", "--policy", "x.cedar", *words), "deny", words)
        r = ordinary(p, "--policy", "x.cedar", *words, "sh", "-c", "cat secret/key link to/key")
        check("key\n" not in r.out, f"{words} {r.out} {r.err}")
    # Neither is the link itself shown from where nothing may be read.
    p.write("open", "open\n")
    (p.ws / "secret/out").symlink_to(p.ws / "open")
    for words in (("--read", p.ws / "secret/out"), ("--cap", "FILE_READ:secret/*")):
        r = ordinary(p, "--policy", "x.cedar", *words, "sh", "-c", "ls secret; readlink secret/out; cat secret/out; true")
        check_eq(r.out, "", f"{words} {r.err}")
    p.write("y.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./link");\n')
    r = ordinary(p, "--policy", "y.cedar", "--read", p.ws / "link", "true")
    check_in("rules about it are about nothing", r.err)


@both
def what_somebody_outside_replaces_is_what_he_put_there_and_the_end_says_so(p):
    """Known: a cover lies on a file, not on a name. Who moves another file there, outside, shows that one. docs/agreement.md"""
    for name in ("key", "anew", "place", "fixed", "same"):
        p.write(name, "old\n", 0o666)
    p.ws.chmod(0o777)
    for name in ("x.cedar", "y.cedar"):
        p.write(name, "".join(f'forbid (principal, action == Ward::Action::"fs.{a}", resource == Ward::Path::"./{n}");\n'
                               for n in ("key", "anew", "place", "fixed", "same") for a in ("read", "write") if a == "write" or n[0] in "kap"))

    def start(*words):
        # x.cedar is the run's own policy: who replaces that is told as well.
        q = p.start("--outcome", p.outcome_file, "--fail-on-violation", "--policy", "x.cedar", *words, "sh", "-c", "echo up; read _; cat key anew; echo more >> fixed",
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE)
        check_eq(q.stdout.readline(), b"up\n")
        return q

    def end(q):
        out, err = q.communicate(b"\n", timeout=20)
        late = json.loads(p.outcome_file.read_text())["late_names"] or {"complete": True, "names": ()}
        return out, q.returncode, late["complete"], {os.path.relpath(n["path"], p.ws): (n["what"], n["held"], n["why"].split(",")[0]) for n in late["names"]}, err

    q = start("--write", ".", "--no-late-names")
    # An inode that was given back is given again, where a file is made at once in place of another.
    (p.ws / "anew").unlink()
    for name in ("new", "anew", "more"):
        p.write(name, "new\n", 0o666)
    for name, other in (("new", "key"), ("more", "fixed"), ("y.cedar", "x.cedar")):
        (p.ws / name).rename(p.ws / other)
    (p.ws / "place").write_text("new\n")
    out, code, complete, names, err = end(q)
    # Nobody wanted to know more, and nobody looked.
    check_eq((out, code, complete, (p.ws / "fixed").read_text()), (b"new\nnew\n", 123, False, "new\nmore\n"), err)
    check(b"not all that could be written was looked through" not in err, err)
    check_eq(names, {"key": ("changed", True, "a rule keeps the run from reading it"), "anew": ("changed", True, "a rule keeps the run from reading it"),
                     **dict.fromkeys(("fixed", "x.cedar"), ("changed", True, "a rule keeps the run from changing it"))}, err)
    records = [json.loads(line) for line in p.log.read_text().splitlines()]
    check_eq(sorted((os.path.relpath(r["resource"], p.ws), r["action"]) for r in records if r["kind"] == "fs.late"),
             [("anew", "FILE_READ"), ("fixed", "FILE_WRITE"), ("key", "FILE_READ"), ("x.cedar", "FILE_WRITE")], err)
    # In a run that may only read nothing else looks at the end, and what it was not to change it could not. One under review has what was there.
    for words, told in ((("--read", "."), ["key"]), (("--review",), [])):
        q = start(*words)
        for name in ("key", "fixed"):
            p.write("new", "newer\n", 0o666)
            (p.ws / "new").rename(p.ws / name)
        out, _, complete, names, err = end(q)
        check_eq((out, list(names), complete), (b"newer\n" if told else b"", told, True), err)
    # What cannot be looked at by then may have been; one in a directory of the grant.
    p.write("d/key", "old\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./d/key");\n')
    q = p.start("--outcome", p.outcome_file, "--fail-on-violation", "--policy", "x.cedar", "--read", ".", "sh", "-c", "echo up; read _", stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    check_eq(q.stdout.readline(), b"up\n")
    (p.ws / "d").rename(p.ws / "e")
    (p.ws / "d").symlink_to("d")
    _, code, _, names, err = end(q)
    check_eq((code, names, json.loads(p.outcome_file.read_text())["late_names"]), (123, {}, {"names": [], "total": 0, "complete": False}), err)


@both
def a_second_name_has_its_own_rights(p):
    """Known: names are judged, and a file may have two. docs/agreement.md"""
    p.write("secret/key", "key\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./secret");\n')
    os.link(p.ws / "secret/key", p.ws / "other")
    r = ordinary(p, "--policy", "x.cedar", "--read", ".", "sh", "-c", "cat secret/key || cat other")
    check_eq(r.out, "key\n", r.err)


@both
def an_interpreter_runs_what_it_may_read(p):
    """Known: exec is advisory. docs/agreement.md"""
    p.write("tool", "echo ran\n", 0o755)
    p.write("x.cedar", 'forbid (principal, action in Ward::Action::"run_programs", resource == Ward::Program::"./tool");\n')
    r = ordinary(p, "--policy", "x.cedar", "--read", ".", "sh", "-c", "./tool || sh ./tool")
    check_eq(r.out, "ran\n", r.err)


@both
def an_open_descriptor_is_not_asked_about_again(p):
    """Known: what the caller hands in is read and written, whatever rules say of the file. docs/agreement.md"""
    key, log = p.write("secret/key", "key\n", 0o666), p.write("secret/log", "", 0o666)
    p.write("x.cedar", 'forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./secret");\n')
    with open(key, "r+b") as taken, open(log, "r+b") as to:
        r = ordinary(p, "--policy", "x.cedar", "--write", ".", "sh", "-c", "cat; cat secret/key <&-; cat <&7 || echo none",
                     stdin=taken, stdout=to, pass_fds=(7,) if os.dup2(taken.fileno(), 7) else ())
    os.close(7)
    check_eq((r.code, log.read_text()), (0, "key\nnone\n"), r.err)   # 0, 1 and 2 alone are handed in


@both
def a_descriptor_does_not_give_more_than_it_was_opened_for(p):
    """/proc/self/fd/0 is the host's file, past every cover: who may only read it must not open it anew to write."""
    key, log = p.write("secret/key", "key\n", 0o666), p.write("secret/log", "old\n", 0o666)
    conf = p.write("kept/conf", "conf\n", 0o666)
    p.write("open", "open\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./secret");\n'
                       'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./kept");\n')
    anew = {"stdin": "echo evil >> /proc/self/fd/0; true", "stdout": "cat /proc/self/fd/1 >&2; true"}
    for name, mode in ((key, "rb"), (conf, "rb"), (log, "ab")):
        stream = "stdin" if mode == "rb" else "stdout"
        with open(name, mode) as f:
            r = ordinary(p, "--policy", "x.cedar", "--write", ".", "sh", "-c", anew[stream], **{stream: f})
        check_eq((r.code, "old" in r.err.splitlines()), (125, False), f"{name} {r.err}")
        check_in(str(name), r.err)
    r = ordinary(p, "--policy", "x.cedar", "--write", ".", "--stdin", "file:secret/key", "cat")
    check_eq((r.code, r.out), (125, ""), r.err)
    check_eq((key.read_text(), conf.read_text(), log.read_text()), ("key\n", "conf\n", "old\n"))
    # What the run may do anyway, and what lies in nothing that is granted, is handed in, only to be read.
    (p.side / "far").write_text("far\n")
    (p.side / "far").chmod(0o666)
    for name, words in ((p.ws / "open", ("--write", ".")), (p.side / "far", ("--write", ".")), (key, ("--read", "."))):
        with open(name, "rb") as f:
            r = ordinary(p, "--policy", "x.cedar", *words, "sh", "-c", "cat; echo evil >> /proc/self/fd/0", stdin=f)
        check(r.out.startswith(name.read_text().split()[0]), f"{name} {r.err}")
        check("evil" not in name.read_text(), name)


@both
def many_rules_are_snapshot_and_warned_of_as_few(p):
    """Of many rules a run makes the snapshot and the warnings beside its own work: they are those that it would have made by itself."""
    tree(p)
    lines = ["schemaVersion: 2", "kind: Policy", "metadata: {name: many}", "spec:", "  fsProfiles:", "    many:", "      allowExec: ['*']",
             "      read:", "        - '**'"]
    lines += [f"        - '!private/directory{i}/of/many/**'" for i in range(120)]
    lines += ["        - '!private/alone/'", "        - '!private/directory7/of/many/**'"]
    p.write("many.yaml", "\n".join(lines) + "\n")
    words = ("--policy", "many.yaml", "--profile", "many")
    here = {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}
    shown = ordinary(p, *words, "true", kind=("plan",), log=False)
    want = [line.strip().removeprefix("# ") for line in shown.out.split("warnings\n")[1].split("\n\n")[0].splitlines()]
    check_eq(len([line for line in want if "many.yaml:" in line]), 2, shown.out)
    r = ordinary(p, "--outcome", "o.json", *words, "true")
    check_eq([line.removeprefix("ward: warning: ") for line in r.err.splitlines() if line.startswith("ward: warning: ")], want)
    snapshot = cli.ward("policy", "show", *words, "--as", "snapshot", cwd=p.ws, env=p.env(**here)).out.rstrip("\n")
    check_eq(json.loads((p.ws / "o.json").read_text())["policy_sha256"], hashlib.sha256(snapshot.encode()).hexdigest())


@both
def private_places_are_the_runs_own(p):
    """Known: whatever the host has of these names, and whatever rules say of it. docs/agreement.md"""
    own, home = pathlib.Path(tempfile.mkdtemp(dir="/tmp")), p.side / "home"
    try:
        own.chmod(0o777)
        home.mkdir()
        home.chmod(0o777)
        for f in (own / "there", home / ".profile"):
            f.write_text("host\n")
            f.chmod(0o666)
        rules = "".join(f'forbid (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"{d}");\n'
                        for d in (own, home))
        p.write("x.cedar", rules)
        script = (f"cat {own}/there {home}/.profile; mkdir -p {own} && echo x > {own}/made && cat {own}/made; echo $HOME; ls -A $HOME; "
                  "echo y > $HOME/.profile && cat $HOME/.profile; echo z > /dev/shm/z && cat /dev/shm/z")
        for words in ((), ("--policy", "x.cedar")):
            r = p.run(*words, "sh", "-c", script, env={"HOME": str(home), "XDG_CONFIG_HOME": str(p.home / "config")})
            check_eq(r.out, "x\n/home/ward\ny\nz\n", f"{words} {r.err}")
            check_eq((sorted(x.name for x in own.iterdir()), (home / ".profile").read_text()), (["there"], "host\n"))
        # What a rule or an option shows of it lies in the private place, as the rest does not.
        p.write("y.cedar", f'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{own}/there");\n')
        for words in (("--policy", "y.cedar"), ("--read", own / "there")):
            r = ordinary(p, *words, "sh", "-c", f"cat {own}/there; echo x > {own}/there; echo y > /tmp/new && cat /tmp/new")
            check_eq((r.out, (own / "there").read_text(), os.path.exists("/tmp/new")), ("host\ny\n", "host\n", False), r.err)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def supervisor_kb(q):
    text = pathlib.Path(f"/proc/{q.pid}/smaps_rollup").read_text()
    fields = dict(line.split(":") for line in text.splitlines()[1:])
    return {k: int(fields[k].split()[0]) for k in ("Pss", "Pss_Anon", "AnonHugePages")}


@both
def what_a_large_policy_took_is_given_back(p):
    """Its rules are read into a huge page, of which a run keeps no more than is used: 2.2 MiB, if it kept all."""
    deny = "".join(f'    - "some/where/number-{i:04d}/of/**"\n' for i in range(200))
    p.write("large.yaml", "schemaVersion: 2\nkind: Policy\nmetadata: {name: large}\nspec:\n  denyRead:\n" + deny, 0o644)
    q = p.start("--policy", "large.yaml", "--accept", "files=advisory", "--read", ".", "--", "sh", "-c", "echo ready; exec sleep 60",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        check_eq(q.stdout.readline(), b"ready\n")
        box.wait_for(lambda: supervisor_kb(q)["Pss_Anon"] < 1536, 5)
        kb = supervisor_kb(q)
        check_eq(kb["AnonHugePages"], 0)
        check(kb["Pss_Anon"] < 1536, str(kb))
    finally:
        q.terminate()
        q.wait(20)


box.main()

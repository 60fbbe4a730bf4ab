#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policies that are stored with each run: what is asked about a run that was is answered from them, and never from anything that
is not what the log names."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import stat

import box
from box import both, both_cases, user_only
from tap import check, check_eq, check_in

TREE = pathlib.Path(__file__).resolve().parents[2]
RUN = ("--policy", "team.cedar", "true")
WAS = """\
@id("team.all")
permit (principal, action in [Ward::Action::"fs.read", Ward::Action::"fs.write"], resource in Ward::Path::"./");
@id("team.secret")
forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./secret");
"""
WIDE = """\
schemaVersion: 2
kind: Policy
metadata: {name: wide}
spec:
  fsProfiles:
    wide:
      read: ["**"]
      allowExec: ["*"]
      modify:
"""
IS = WAS.split('@id("team.secret")', maxsplit=1)[0]


def env(p, **more):
    return {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), **more}


def start(p, *words, **more):
    """One run; its name."""
    p.ws.chmod(0o777)
    r = p.run(*words, env=env(p), **more)
    check_eq(r.code, 0, r.err)
    return box.records(p)[-1]["run"] if more.get("log", True) else None


def prepared(p):
    p.write("team.cedar", WAS)
    p.write("secret/key", "k\n", 0o666)
    p.write("src/a", "a\n", 0o666)
    return start(p, *RUN)


def store(p):
    return p.side / "audit.jsonl.snapshots"


def snapshot(p, run):
    sha = next(r for r in box.records(p) if r["run"] == run and r["kind"] == "run.start")["policy"]
    return store(p) / f"{sha}.json"


def ask(p, *words, kind="explain", log=True, **more):
    return p.run(*words, *(["--audit", p.log] if log else []), kind=("policy", kind), log=False, env=env(p), **more)


def about_key(p, run, **more):
    return ask(p, "--run", run, "--op", "modify", "--path", "secret/key", "--json", **more)


@both
def what_was_answers_whatever_is(p):
    run = prepared(p)
    p.write("team.cedar", IS)
    now = ask(p, "--policy", "team.cedar", "--op", "modify", "--path", "secret/key", log=False)
    check_eq(now.code, 0, now.err)
    r = about_key(p, run)
    check_eq(r.code, 1, r.err)
    said = json.loads(r.out)
    check_eq((said["effect"], said["why"], said["rules"][0]["id"]), ("deny", "forbidden", "team.secret"))
    check_eq((said["rules"][0]["file"].endswith("team.cedar"), said["rules"][0]["line"]), (True, 3))
    check_eq(said["policy_sha256"], snapshot(p, run).stem)
    # From elsewhere, and when neither policy nor workspace is there any more.
    (p.ws / "team.cedar").unlink()
    r = about_key(p, run, cwd=p.home)
    check_eq((r.code, json.loads(r.out)["resource"]), (1, said["resource"]), r.err)
    p.ws.rename(p.base / "gone")
    r = about_key(p, run, cwd=p.home)
    check_eq((r.code, json.loads(r.out)["rules"][0]["id"]), (1, "team.secret"), r.err)


@both_cases([("mode", ("--mode", "workspace_write")), ("profile", ("--profile", "implementer")), ("document", ("--policy", "own.yaml", "--profile", "wide"))])
def one_policy_is_one_snapshot(p, words):
    """Whatever else a run is (its command, its limits, what memory there is): the rules are the same, and so are their name and their text."""
    p.write("own.yaml", WIDE + "".join(f"        - 'src/d{i}/**'\n" for i in range(60)))
    kept = set()
    for more, command in (((), ["true"]), (("--memory", "200M", "--cwd", "."), ["true", "z" * 4000]), (("--pids", "77"), ["sh", "-c", "exit 0"])):
        run = start(p, *words, *more, "--", *command)
        kept.add(snapshot(p, run).name)
    check_eq(len(kept), 1, "the same rules have other names")
    sources = json.loads((store(p) / kept.pop()).read_text())["sources"]
    # What a rule of Ward's own names is what a file of Ward's own names.
    parts = {line.split()[1] for line in (TREE / "data/runtimes").read_text().splitlines() if line.startswith("part ")}
    named = [m for s in sources if s["name"] == "data/runtimes" for m in re.findall(r'@text\("part ([^"]*)"\)[^;]*Ward::Path::"([^"]*)"', s["text"])]
    check([m for m in named if m[0] == "/etc/debian_version"] or not os.path.exists("/etc/debian_version"), sources)
    check_eq([m for m in named if m[0] != m[1] or m[0] not in parts], [])


@both
def show_and_snapshot_print_what_was(p):
    run = prepared(p)
    want = ask(p, "--policy", "team.cedar", kind="show", log=False)
    p.write("team.cedar", IS)
    r = ask(p, "--run", run, kind="show")
    check_eq((r.code, r.out), (0, want.out), r.err)
    check_in('@id("team.secret")', r.out)
    text = snapshot(p, run).read_bytes()
    check_eq(hashlib.sha256(text).hexdigest(), snapshot(p, run).stem)
    for kind, words in (("snapshot", ()), ("show", ("--as", "snapshot"))):
        r = ask(p, "--run", run, *words, kind=kind)
        check_eq((r.code, r.out.rstrip("\n")), (0, text.decode()), r.err)


@both
def diff_says_what_is_another_answer_now(p):
    run = prepared(p)
    r = ask(p, "--run", run, "--policy", "team.cedar", kind="diff")
    check_eq((r.code, r.out.split()[0]), (0, "0"), r.out + r.err)
    p.write("team.cedar", IS)
    r = ask(p, "--run", run, "--policy", "team.cedar", kind="diff")
    check_eq(r.code, 1, r.err)
    check_in(f"fs.write {p.ws}/secret: deny -> allow (", r.out)
    r = ask(p, "--run", run, "a", "b", kind="diff")
    check_eq(r.code, 2)


@both
def one_file_for_all_runs_under_the_same_policies(p):
    first = prepared(p)
    old = snapshot(p, first).stat()
    second = start(p, *RUN)
    check(first != second, "one name for two runs")
    check_eq(snapshot(p, first), snapshot(p, second))
    check_eq((snapshot(p, second).stat().st_ino, snapshot(p, second).stat().st_mtime_ns), (old.st_ino, old.st_mtime_ns))
    check_eq(sorted(f.suffix for f in store(p).iterdir()), [".cedarschema", ".json"])
    check_eq(stat.S_IMODE(store(p).stat().st_mode), 0o700)
    for f in store(p).iterdir():
        check_eq((stat.S_IMODE(f.stat().st_mode), f.stat().st_uid), (0o600, os.geteuid()), f.name)
        check_eq(hashlib.sha256(f.read_bytes()).hexdigest(), f.stem)
    detail = next(r for r in box.records(p) if r["kind"] == "run.start")["detail"]
    check_eq(detail["snapshot"], True)
    os.utime(snapshot(p, first), (1, 1))
    start(p, *RUN)
    check(snapshot(p, first).stat().st_mtime > 1, "what is used again looks as if it were not")


@both
def the_time_of_a_rule_is_that_of_the_run(p):
    p.write("team.cedar", WAS + '@id("late") forbid (principal, action == Ward::Action::"net.connect", resource) '
            'when { context.time > datetime("2020-01-01") };\n'
            '@id("net") permit (principal, action == Ward::Action::"net.connect", resource);\n')
    run = start(p, *RUN)
    lines = [json.loads(x) for x in p.log.read_text().splitlines()]
    for x in lines:
        x["ts"] = 1_500_000_000_000_000_000
    p.log.write_text("".join(json.dumps(x) + "\n" for x in lines))
    r = ask(p, "--run", run, "--action", "net.connect", "--resource", "example.com:443", "--json")
    check_eq((r.code, json.loads(r.out or "{}").get("effect")), (0, "allow"), r.err)


@both
def what_is_missing_is_said(p):
    run = prepared(p)
    where = snapshot(p, run)
    for change, words in (
            (lambda: None, ["--run", "01JD7Z3NDEKTSV4RRFFQ69G5FA", "no run of that name", "--audit"]),
            (lambda: None, ["--run", "yesterday", "names no run"]),
            (where.unlink, ["--run", run, "is not stored in", where.name]),
            (lambda: shutil.rmtree(store(p)), ["--run", run, "is not stored in", where.name])):
        change()
        r = ask(p, *words[:2], "--op", "read", "--path", "x")
        check_eq((r.code, r.out), (2, ""), r.err)
        check_eq(len(r.err.splitlines()), 1, r.err)
        for part in words[2:]:
            check_in(part, r.err)
    none = start(p, "--read", ".", "true")
    r = ask(p, "--run", none, "--op", "read", "--path", "x")
    check_eq(r.code, 2)
    check_in("had no policies", r.err)
    check(not store(p).exists(), "a run without policies stored some")
    r = ask(p, "--run", none, "--mode", "read_only", kind="show")
    check_eq(r.code, 2)
    check_in("--run", r.err)
    r = ask(p, "--mode", "read_only", kind="show")
    check_eq(r.code, 2)
    check_in("--audit", r.err)


def changed(p, run, how):
    where = snapshot(p, run)
    text = where.read_bytes()
    where.chmod(0o600)
    how(where, text)
    for kind, words in (("explain", ("--op", "modify", "--path", "secret/key")), ("show", ()), ("snapshot", ()), ("diff", ())):
        r = ask(p, "--run", run, *words, kind=kind)
        check_eq((r.code, r.out), (2, ""), kind + r.err)
        check_in("is not what its name says: it was changed", r.err)
    where.unlink()
    where.write_bytes(text)


@both
def what_was_changed_answers_nothing(p):
    run = prepared(p)
    forbid = b"forbid (principal"
    for how in (lambda f, t: f.write_bytes(t.replace(forbid, b"permit (principal")),
                lambda f, t: f.write_bytes(t[:-1]), lambda f, t: f.write_bytes(b""),
                lambda f, t: f.write_bytes(t + b" ")):
        changed(p, run, how)
    check_eq(about_key(p, run).code, 1)
    # A link is no stored file, wherever it leads.
    where = snapshot(p, run)
    where.rename(where.with_suffix(".away"))
    where.symlink_to(where.with_suffix(".away"))
    r = about_key(p, run)
    check_eq((r.code, r.out), (2, ""), r.err)


@both
def a_snapshot_of_another_form_is_refused(p):
    """One with the right hash that this version would write otherwise: a member that it does not know would change answers."""
    run = prepared(p)
    where = snapshot(p, run)
    doc = json.loads(where.read_text())
    for change in ({"v": 2}, {"v": 1, "moon": "full"}):
        text = json.dumps({**doc, **change}, separators=(",", ":"))
        sha = hashlib.sha256(text.encode()).hexdigest()
        (store(p) / f"{sha}.json").write_text(text)
        lines = [dict(json.loads(x)) for x in p.log.read_text().splitlines()]
        for x in lines:
            if "policy" in x:
                x["policy"] = sha
        p.log.write_text("".join(json.dumps(x) + "\n" for x in lines))
        r = about_key(p, run)
        check_eq((r.code, r.out), (2, ""), r.err)
        check_in("is not one that this version of Ward understands", r.err)


@both
def where_it_cannot_be_kept_nothing_starts(p):
    p.write("team.cedar", WAS)
    mark = p.ws / "mark"
    p.ws.chmod(0o777)

    def refused(what):
        r = p.run("--policy", "team.cedar", "touch", "mark", env=env(p))
        check_eq(r.code, 125, r.err)
        check_in(what, r.err)
        check(not mark.exists(), "it ran")
    p.side.chmod(0o755)
    store(p).mkdir(mode=0o700)
    store(p).chmod(0o777)
    refused("may be written by somebody else")
    store(p).rmdir()
    (p.side / "else").mkdir()
    store(p).symlink_to(p.side / "else")
    refused("cannot be opened")
    check_eq(list((p.side / "else").iterdir()), [])
    store(p).unlink()
    store(p).write_text("")
    refused("cannot be opened")
    store(p).unlink()
    r = p.run("--policy", "team.cedar", "touch", "mark", env=env(p))
    check_eq((r.code, mark.exists()), (0, True), r.err)


@both
def a_run_cannot_reach_them(p):
    prepared(p)
    for grant in (store(p), store(p) / "x", p.side):
        if grant.name == "x":
            grant.mkdir()
        r = p.run("--policy", "team.cedar", "--write", grant, "true", env=env(p))
        check_eq(r.code, 125, f"{grant}: {r.err}")


@both
def without_a_log_nothing_is_kept(p):
    p.write("team.cedar", WAS)
    p.ws.chmod(0o777)
    r = p.run("--audit", "/dev/null", *RUN, log=False, env=env(p))
    check_eq(r.code, 0, r.err)
    check(not os.path.exists("/dev/null.snapshots"), "kept beside /dev/null")
    check_eq([f.name for f in p.side.rglob("*.snapshots")], [])


@user_only
def the_default_log_has_its_own(p):
    p.write("team.cedar", WAS)
    p.ws.chmod(0o777)
    r = p.run(*RUN, log=False, env=env(p))
    check_eq(r.code, 0, r.err)
    log, = p.side.rglob("*.jsonl")
    run = json.loads(log.read_text().splitlines()[-1])["run"]
    r = about_key(p, run, log=False)
    check_eq(r.code, 1, r.err)


@both
def there_is_a_bound(p):
    """What no run used for the longest time goes; what a run has just stored, and files that are none of it, do not."""
    run = prepared(p)
    first = snapshot(p, run)
    os.utime(first, (2_000_000_000, 2_000_000_000))
    names = [hashlib.sha256(str(i).encode()).hexdigest() + ".json" for i in range(4096)]
    for i, name in enumerate(names):
        (store(p) / name).touch(0o600)
        os.utime(store(p) / name, (1000 + i, 1000 + i))
    for name in ("note", ".new.0123456789abcdef"):
        (store(p) / name).touch()
        os.utime(store(p) / name, (1, 1))
    p.write("team.cedar", WAS + "// another\n")
    second = snapshot(p, start(p, *RUN))
    left = {f.name for f in store(p).iterdir()}
    check_eq(len(left - {"note"}), 4096 - 512)
    check({"note", first.name, second.name} <= left, "what should stay went")
    gone = [n not in left for n in names]
    check_eq(gone, sorted(gone, reverse=True), "others than the oldest went")
    check(".new.0123456789abcdef" not in left, "a temporary file stays for ever")
    check_eq(about_key(p, run).code, 1)


@both
def many_at_once_keep_one_whole_file(p):
    p.write("team.cedar", WAS)
    p.ws.chmod(0o777)
    for q in [p.start(*RUN) for _ in range(6)]:
        check_eq(q.wait(60), 0)
    check_eq(sorted(f.suffix for f in store(p).iterdir()), [".cedarschema", ".json"])
    for f in store(p).iterdir():
        check_eq(hashlib.sha256(f.read_bytes()).hexdigest(), f.stem)


if __name__ == "__main__":
    box.main()

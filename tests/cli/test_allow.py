#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward allow: the cure of a refusal out of the log becomes a rule, once or always: docs/approvals.md."""
import concurrent.futures
import fcntl
import os
import subprocess
import time

from asking import config, tool
from cli import need_fuse, placed
from tap import cases, check, check_eq, check_in, main, test


def refused(p, *words):
    """RUN#SEQ and cure of the refusals of a run."""
    r, o = p.outcome("--attribution", "notify", *words)
    return {v["resource"]: (f"{o['run']}#{v['seq']}", v["cure"]) for v in o["violations"]}, r


def allow(p, *words, **env):
    # Where the rule is to be written must not be what another test has set.
    return tool(p, "allow", "--audit", p.log, *words, **{"XDG_CONFIG_HOME": str(p.side / "config"), **env})


@test
@placed
def a_cure_once_and_always(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    secret = p.write("it's.txt", "words\n")
    (p.ws / "d").mkdir(mode=0o777)
    found, _ = refused(p, "--", "sh", "-c", f"cat \"{secret}\"; touch d/new; true")
    what, cure = found[str(secret)]
    r = allow(p, what)
    check_eq((r.code, r.out), (0, cure + "\n"), r.err)
    check_eq(allow(p, "#" + what.split("#")[1]).out, cure + "\n")
    check(not config(p, "allowed.cedar").exists(), "written, and nobody said always")
    check(p.run("--", "cat", secret).code != 0, "allowed")
    r = allow(p, what, "--always")
    check_eq(r.code, 0, r.err)
    check_in('Ward::Path::"' + str(secret), r.out)
    text = config(p, "allowed.cedar").read_text()
    check_eq((allow(p, what, "--always").code, config(p, "allowed.cedar").read_text()), (0, text), "a second time: a second rule of one name")
    config(p, "allowed.cedar").write_text("// until 2199-01-01T00:00:00Z\n" + text)
    check_eq((allow(p, what, "--always").code, config(p, "allowed.cedar").read_text().count("// for good\n@id(")), (0, 1), "always, until a time")
    config(p, "allowed.cedar").write_text(text)
    r = p.run("--", "cat", secret)
    check_eq((r.code, r.out), (0, "words\n"), r.err)
    check_eq(config(p, "allowed.cedar").stat().st_mode & 0o777, 0o600)
    other = p.base / "other"
    other.mkdir()
    check(p.run("--", "cat", secret, cwd=other).code != 0, "the rule counts elsewhere")
    # A second one adds to the first.
    what, cure = found[str(p.ws / "d/new")]
    check_in("FILE_WRITE", cure)
    check_eq(allow(p, what, "--always").code, 0)
    r = p.run("--", "sh", "-c", f"cat \"{secret}\" && touch d/new")
    check_eq(r.code, 0, r.err)
    check((p.ws / "d/new").exists(), "not written")


@test
@placed
def a_program_always_and_a_link_never(p):
    """A program is read as well; and a rule about a link would be about nothing, at each start."""
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    prog = p.side / "prog"
    prog.write_text("#!/bin/sh\necho ran\n")
    prog.chmod(0o755)
    mode = ("--mode", "read_only", "--cap", "EXTERNAL_COMMAND:/bin/sh", "--", "sh", "-c", f"{prog}; {prog}")
    found, _ = refused(p, *mode)
    r = allow(p, found[str(prog)][0], "--always")
    check_eq(r.code, 0, r.err)
    check_eq([f'action == Ward::Action::"{a}"' in r.out for a in ("fs.read", "proc.exec")], [True, True], r.out)
    r = p.run(*mode)
    check_eq((r.code, r.out), (0, "ran\nran\n"), r.err)
    (p.ws / "l").symlink_to(p.write("f", "x\n"))
    found, _ = refused(p, "--", "cat", p.ws / "l")
    before = config(p, "allowed.cedar").read_text()
    r = allow(p, found[str(p.ws / "l")][0], "--always")
    check_eq((r.code, config(p, "allowed.cedar").read_text()), (1, before), r.out + r.err)
    check_in(f"it leads through a link, and a rule about one is about nothing; give it to a run: --cap 'FILE_READ:{p.ws}/l'", r.err)


@test
@placed
def who_writes_a_rule_stops_nobody(p):
    """The rule is made beside the file that it replaces: to a run that begins meanwhile it was a hidden file in the policies."""
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    files = [p.write(f"f{i}", "x") for i in range(8)]
    found, _ = refused(p, "--", "cat", *files)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        others = [pool.submit(p.run, "--", "true") for _ in range(12)]
        said = list(pool.map(lambda f: allow(p, found[str(f)][0], "--always"), files))
        others += [pool.submit(p.run, "--", "true") for _ in range(4)]
    for r in [*said, *(o.result() for o in others)]:
        check_eq(r.code, 0, r.err)
    check_eq(config(p, "allowed.cedar").read_text().count("permit"), len(files))
    check_eq([f.name for f in config(p).parent.iterdir()], ["allowed.cedar"])
    r = p.run("--", "cat", *files)
    check_eq((r.code, r.out), (0, "x" * len(files)), r.err)
    # What somebody else left there is read by nobody, and stops all.
    (config(p).parent / ".allowed.cedar.swp").write_text("")
    r = p.run("--", "true")
    check_eq(r.code, 125)
    check_in("no hidden file is read from there", r.err)


@test
@placed
def a_writer_that_was_killed_stops_nobody(p):
    """What it leaves (docs/approvals.md) is taken away by who reads next; nothing else of a hidden name is."""
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    dir_ = config(p).parent
    dir_.mkdir(parents=True, mode=0o700)
    rule = dir_ / "own.cedar"
    rule.write_text("permit (principal, action == Ward::Action::\"fs.read\", resource == Ward::Path::\"/etc/passwd\");\n")
    left = [dir_ / n for n in (".allowed.cedar.0a9v1c", ".allowed.cedar.aaaaaa", ".approved.cedar.v00000")]
    for f in left:
        f.write_text("half a ru")
    r = p.run("--", "true")
    check_eq(r.code, 0, r.err)
    check_eq(sorted(f.name for f in dir_.iterdir()), ["own.cedar"])
    # While somebody writes it is his.
    left[0].write_text("half a ru")
    fd = os.open(dir_, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    q = p.start("--", "true", stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    check(left[0].exists(), "taken from who writes it")
    os.close(fd)
    check_eq(q.wait(60), 0)
    check(not left[0].exists(), "left")
    for name in (".allowed.cedar.", ".allowed.cedar.abcdez", ".allowed.cedar.abcde", ".allowed.cedar.abcdefg", ".own.cedar.abcdef"):
        (dir_ / name).write_text("")
        r = p.run("--", "true")
        check_eq(r.code, 125, name)
        check_in("no hidden file is read from there", r.err)
        (dir_ / name).unlink()
    left[0].symlink_to(rule)
    check_eq(p.run("--", "true").code, 125)
    check(left[0].is_symlink(), "a link is taken away")
    left[0].unlink()
    if os.geteuid() == 0:
        left[0].write_text("")
        os.chown(left[0], 12345, 12345)
        check_eq(p.run("--", "true").code, 125)
        check(left[0].exists(), "another's file is taken away")
        left[0].unlink()
    check_eq(p.run("--", "true").code, 0)


@test
@placed
def a_directory_that_was_looked_at_is_allowed_alone(p):
    need_fuse()     # readlink is notified of nowhere
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    (p.base / "d").mkdir()
    (p.base / "d/secret").write_text("x")
    _, o = p.outcome("--", "readlink", p.base / "d")
    v = o["violations"][0]
    r = allow(p, f"{o['run']}#{v['seq']}", "--always")
    check_eq((r.code, v["cure"]), (0, f"--cap 'FILE_READ:{p.base}/d/.'"), r.err)
    check_in(f'resource == Ward::Path::"{p.base}/d"', config(p, "allowed.cedar").read_text())
    r = p.run("--", "sh", "-c", f"stat -c %F {p.base}/d; ls {p.base}/d; cat {p.base}/d/secret")
    check_eq((r.code, r.out), (1, "directory\n"), r.err)


@test
@placed
def what_may_not_be_allowed(p):
    os.environ["XDG_CONFIG_HOME"] = str(p.side / "config")
    p.write("a.txt", "words")
    p.write(".ward/README", "")
    text = 'forbid (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./a.txt");'
    forbid = p.side / "f.cedar"
    forbid.write_text(text)
    found, _ = refused(p, "--policy", forbid, "--", "cat", "a.txt")
    what, cure = found[str(p.ws / "a.txt")]
    check_eq(cure or "", "")
    r = allow(p, what, "--always")
    check_eq(r.code, 1)
    check_in("f.cedar:1", r.err)
    # Not forbidden then, and now it is.
    found, _ = refused(p, "--", "cat", "a.txt")
    what, _ = found[str(p.ws / "a.txt")]
    config(p).parent.mkdir(parents=True, exist_ok=True)
    (config(p).parent / "own.cedar").write_text(text)
    r = allow(p, what, "--always")
    check_eq(r.code, 1, r.out)
    check_in("own.cedar", r.err)
    # Ward's own.
    found, _ = refused(p, "--", "sh", "-c", f"touch {config(p).parent}/x {p.ws}/.ward/x; true")
    for name in (config(p).parent / "x", p.ws / ".ward/x"):
        r = allow(p, found[str(name)][0], "--always")
        check_eq(r.code, 1, f"{name}: {r.out}")
    check(not config(p, "allowed.cedar").exists(), "written")


@test
@placed
def records_that_are_no_refusals(p):
    p.run("true")
    for what, code, part in (("#1", 1, "no refusal"), ("#9999", 1, "no such record"), ("1", 2, "names no record"), ("x#1", 2, "names no record"),
                             ("#0", 2, "names no record")):
        r = allow(p, what)
        check_eq(r.code, code, what + r.err)
        check_in(part, r.err)
    check_eq(allow(p, "#1", WARD_RUN="01JD7Z3NDEKTSV4RRFFQ69G5FA").code, 1)


@test
@placed
def files_that_are_no_log(p):
    what = "01JD7Z3NDEKTSV4RRFFQ69G5FA#3"
    p.write("text", "hello\n")
    p.write("empty", "")
    p.run("true")
    p.write("torn", p.log.read_bytes().split(b"\n")[0].decode() + "\nhello\n")
    for file, code, part in (("text", 2, f"{p.ws}/text:1: audit log {p.ws}/text is inconsistent at line 1 (seq 1): bad JSON: expected a value, found 'h'; "
                                         f"give the FILE that --audit wrote, or run `ward audit verify '{p.ws}/text'`"),
                             ("torn", 2, f"; run `ward audit verify '{p.ws}/torn'`"), ("empty", 1, "; name it as the report of the run does, RUN#SEQ"),
                             (".", 2, "; give the FILE that --audit wrote"), ("nowhere", 1, "; give the FILE that --audit wrote")):
        r = tool(p, "allow", what, "--audit", p.ws / file)
        check_eq((file, r.code, r.out, len(r.err.splitlines())), (file, code, "", 1), r.err)
        check_in(part, r.err)


@test
@placed
def hostile_names_out_of_the_log(p):
    name = "a\x1b[2J\n$(id)"
    p.write(name, "x")
    found, _ = refused(p, "--", "cat", name)
    what, _ = next(v for k, v in found.items() if "2J" in k)
    r = allow(p, what)
    check_eq(r.code, 0, r.err)
    check("\x1b" not in r.out and len(r.out.splitlines()) == 1, repr(r.out))
    r = allow(p, what, "--always")
    check_eq(r.code, 1)
    check("\x1b" not in r.err, repr(r.err))


@cases([("a date", "// until 2099-01-01"), ("a word", "// until tomorrow"), ("nothing", "// until "), ("a zone", "// until 2099-01-01T00:00:00+01:00"),
        ("no blank", "//until 2009-01-01T00:00:00Z"), ("not at the beginning", "  // until 2009-01-01T00:00:00Z"), ("a capital", "// Until 2009-01-01T00:00:00Z"),
        ("two blanks", "//  until 2009-01-01T00:00:00Z"), ("nothing, and no blank", "// until"), ("a colon", "// until: 2009-01-01T00:00:00Z")])
@placed
def a_time_that_is_none_is_no_end(p, line):
    d = p.side / "config/ward"
    d.mkdir(parents=True, mode=0o700)
    d.chmod(0o700)
    rule = 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./out");\n'
    (d / "approved.cedar").write_text(f"// mine\n{line}\n" + rule)
    r = p.run("true", env={"XDG_CONFIG_HOME": str(d.parent)})
    check_eq((r.code, r.out), (125, ""), r.err)
    check_in("approved.cedar:2:1: ", r.err)
    (d / "approved.cedar").write_text("// until 2009-01-01T00:00:00Z\n" + rule)
    check_eq(p.run("true", env={"XDG_CONFIG_HOME": str(d.parent)}).code, 0)


@cases([("an hour and more", (5400, "")), ("of a server of files", (1800, "x\n"))])
@placed
def a_clock_that_was_set_back_revives_nothing(p, row):
    """The file is younger than the time is: who knows what is over?"""
    ahead, out = row
    d = p.side / "config/ward"
    d.mkdir(parents=True, mode=0o700)
    d.chmod(0o700)
    p.write("out/x", "x\n")
    own = d / "approved.cedar"
    own.write_text('// until 2199-01-01T00:00:00Z\npermit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./out");\n'
                   '// for good\npermit (principal, action == Ward::Action::"fs.read", resource == Ward::Path::"./out/y");\n')
    p.write("out/y", "y\n")
    os.utime(own, (time.time() + ahead,) * 2)
    r = p.run("/bin/sh", "-c", "cat out/x; cat out/y", env={"XDG_CONFIG_HOME": str(d.parent)})
    check_eq((r.code, r.out), (0, out + "y\n"), r.err)
    check_eq("approved.cedar was written later than this host's clock says it is" in r.err, not out, r.err)


@test
@placed
def a_clock_that_was_set_back_takes_no_forbid_away(p):
    """A forbid until a time may be over or not: nothing starts. One for good stays, beside a permit of a time."""
    d = p.side / "config/ward"
    d.mkdir(parents=True, mode=0o700)
    d.chmod(0o700)
    p.write("out/x", "x\n")
    own, rule = d / "approved.cedar", '(principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./out");\n'
    for text, code in ((f"// until 2199-01-01T00:00:00Z\nforbid {rule}", 125), (f"forbid {rule}// until 2199-01-01T00:00:00Z\npermit {rule}", 1),
                       (f"// until 2009-01-01T00:00:00Z\nforbid {rule}", 0)):
        own.write_text(text)
        os.utime(own, (time.time() + 5400,) * 2)
        r = p.run("--read", ".", "--accept", "files=none", "cat", "out/x", env={"XDG_CONFIG_HOME": str(d.parent)})
        check_eq((r.code, r.out), (code, "x\n" if code == 0 else ""), text + r.err)
        check_eq("touch the file" in r.err, code == 125, r.err)


@test
@placed
def what_a_clock_set_back_leaves_out_no_yes_brings_back(p):
    """A rule that is added would give the file the clock's own time."""
    secret = p.write("secret", "words\n")
    found, _ = refused(p, "--", "cat", secret)
    own = config(p, "allowed.cedar")
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = '// until 2199-01-01T00:00:00Z\npermit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./out");\n'
    for was, code in ((text, 1), (text.replace("2199", "2009"), 0), ("// mine\n", 0)):
        own.write_text(was)
        os.utime(own, (time.time() + 5400,) * 2)
        r = allow(p, found[str(secret)][0], "--always")
        check_eq((r.code, own.read_text() == was), (code, code == 1), r.err)
        check_eq("later than this host's clock says it is" in r.err, code == 1, r.err)


main()

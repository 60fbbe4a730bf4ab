#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every refusal is named: path and action, quoted, bounded in number; absent names are none; and what each mode can and cannot say."""
import json
import os
import re
import subprocess

import box
from attribution_box import EXECS, LS, SANDBOX, by_path, named
from box import both, both_cases, both_without_fuse, root_only
from tap import check, check_eq, check_in

ASKS = "import socket; socket.getaddrinfo('example.com', 443)"


@both
def a_name_that_is_asked_for_without_a_network_is_told(p):
    """Resolvers ask the run's own loopback, and say themselves only that there is no such name."""
    r = p.run("/usr/bin/python3", "-c", ASKS)
    check(r.code != 0, r.out)
    check_in('NETWORK_CONNECT "127.0.0.1:53" refused: a name was asked for, and the run has no network', r.err)
    cure = "--cap NETWORK_CONNECT:NAME:PORT"
    check_in(f"ward:   grant: {cure}", r.err)
    _, o = p.outcome("--", "/usr/bin/python3", "-c", ASKS)
    check_eq([v["cure"] for v in o["violations"] if v["resource"] == "127.0.0.1:53"], [cure])
    check_eq({x["detail"].get("cure") for x in box.records(p) if x["kind"] == "sandbox.violation" and x["resource"] == "127.0.0.1:53"}, {cure})
    # Which name is not known, so nothing can be made of it as it is.
    r = p.run("--cap", "NETWORK_CONNECT:NAME:PORT", "--", "/bin/true")
    check_eq(r.code, 125)
    check_in("PORT", r.err)
    # The own name is nobody's to answer.
    check_eq(named(p.outcome("--", "/usr/bin/python3", "-c", "import socket; socket.gethostbyname(socket.gethostname())")[1]), set())


@both
def what_goes_by_udp_has_no_cure(p):
    script = """
import socket
for how in ("connect", "sendto"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("203.0.113.7", 443)) if how == "connect" else s.sendto(b"x", ("203.0.113.7", 443))
        except OSError as e:
            print(e.errno)
"""
    for grants in ((), ("--cap", "NETWORK_CONNECT:203.0.113.7:443")):
        r = p.run(*grants, "--", "/usr/bin/python3", "-c", script)
        check_eq(r.out.split(), ["101"] * 2)
        check_in('NETWORK_CONNECT "203.0.113.7:443" refused: by UDP', r.err)
        check("grant: " not in r.err and "permissions" not in r.err, r.err)
    # Where a rule forbids the address, it is that which has decided, and is named.
    p.write("x.cedar", '@id("closed") @reason("never there") forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"203.0.113.7");\n'
                       'permit (principal, action == Ward::Action::"net.connect", resource);\n')
    r, o = p.outcome("--policy", "x.cedar", "--", "/usr/bin/python3", "-c", script)
    check_eq([(v["resource"], v.get("rule"), v.get("line"), v.get("cure")) for v in o["violations"]], [("203.0.113.7:443", "closed", 1, None)], r.err)
    check_in("never there", p.run("--policy", "x.cedar", "--", "/usr/bin/python3", "-c", script).err)
    # A list that leaves it out is not what stands against it: to be on that would help nobody.
    p.write(".ward/p.cedar", 'permit (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"203.0.113.8");\n')
    p.write("y.cedar", 'permit (principal, action == Ward::Action::"net.connect", resource);\n')
    r = p.run("--policy", "y.cedar", "--", "/usr/bin/python3", "-c", script)
    check_in('NETWORK_CONNECT "203.0.113.7:443" refused: by UDP', r.err)
    check("lists what" not in r.err, r.err)


@both
def each_operation(p):
    box.need_fuse()
    p.side.chmod(0o755)
    secret = p.side / "secret"
    secret.write_text("planted")
    (p.side / "dir").mkdir()
    p.write("ops.py", """
import os, sys
side = sys.argv[1]
def op(name, fn):
    try: fn(); print("DONE", name)
    except OSError as e: print(name, e.errno)
op("open", lambda: open(side + "/secret").read())
op("stat", lambda: os.stat(side + "/dir"))
op("create", lambda: open(side + "/new", "w"))
op("mkdir", lambda: os.mkdir(side + "/newdir"))
op("symlink", lambda: os.symlink("x", side + "/newlink"))
op("unlink", lambda: os.unlink("/newname"))
op("create in root", lambda: open("/newroot", "w"))
op("mkdir in etc", lambda: os.mkdir("/etc/newetc"))
op("chdir", lambda: os.chdir("/var/cache"))
op("link", lambda: os.link("granted.txt", "/etc/linked"))
op("exec", lambda: os.execv("/opt/none", ["x"]))
op("listdir", lambda: os.listdir("/root"))
""")
    p.write("granted.txt", "x")
    r, o = p.outcome("--read", ".", "python3", "ops.py", p.side)
    check_eq(r.code, 0, r.err)
    check("DONE" not in r.out and "planted" not in r.out, r.out)
    got = named(o)
    check_in(("FILE_READ", str(secret)), got)
    check_in(("FILE_READ", str(p.side / "dir")), got)
    check_in(("FILE_READ", "/var/cache"), got)
    for name in ("/newroot", "/etc/newetc", "/etc/linked"):
        check_in(("FILE_WRITE", name), got)
    check(not [x for x in got if "/opt/none" in x[1]], "an absent name counts")
    check(not (p.side / "new").exists() and not (p.side / "newdir").exists())
    by_seq = {x["seq"]: x for x in box.records(p)}
    for v in o["violations"]:
        x = by_seq[v["seq"]]
        check_eq((x["kind"], x["resource"], x["action"]), ("sandbox.violation", v["resource"], v["action"]))
    check_in(f'ward: SandboxViolationError: FILE_READ "{secret}" refused: no rule grants it', r.err)


@both
def an_absent_name_is_no_violation(p):
    box.need_fuse()
    r, o = p.outcome("--fail-on-violation", "/usr/bin/test", "-e", "/etc/no-such-name-at-all")
    check_eq((r.code, o["violations"]), (1, []), r.err)
    r, o = p.outcome("--fail-on-violation", "/usr/bin/test", "!", "-e", "/etc/no-such-name-at-all")
    check_eq((r.code, o["violations"]), (0, []), r.err)
    r, o = p.outcome("--fail-on-violation", "/usr/bin/test", "!", "-e", "/etc/shadow")
    check_eq(r.code, 123, r.err)


@both
def making_a_name_counts_where_it_could_be_made(p):
    """Where the directory is absent nothing was refused that would have worked outside; else the cure can be pasted."""
    box.need_fuse()
    r, o = p.outcome("--fail-on-violation", "sh", "-c", "touch nodir/x nodir/deep/x /etc/passwd/x; mkdir p1/p2; exit 0")
    check_eq((r.code, o["violations"], o["violations_total"]), (0, [], 0), r.err)
    r, o = p.outcome("--fail-on-violation", "sh", "-c", "mkdir -p p1/p2; touch new; exit 0")
    check_eq(r.code, 123, r.err)
    cure = f"--cap 'FILE_WRITE:{p.ws}/**'"
    check_eq({(v["resource"], v["cure"]) for v in o["violations"]}, {(f"{p.ws}/p1", cure), (f"{p.ws}/new", cure)}, r.err)
    r, o = p.outcome("--fail-on-violation", "--cap", f"FILE_WRITE:{p.ws}/**", "sh", "-c", "mkdir -p p1/p2 && touch new")
    check_eq((r.code, o["violations"]), (0, []), r.err)
    check((p.ws / "p1" / "p2").is_dir())


@both
def a_cure_is_never_what_would_be_refused(p):
    """To make a name in the home, a grant to write all of it was offered, which Ward itself refuses."""
    box.need_fuse()
    home = {"HOME": str(p.home)}
    tool = p.home / ".tool"
    made = ["--cap", f"FILE_WRITE:{tool}/**", "sh", "-c", f"mkdir {tool} || touch {tool}/x"]
    r, o = p.outcome("mkdir", tool, env=home)
    check_eq([(v["resource"], v["cure"]) for v in o["violations"]], [(str(tool), None)], r.err)
    check_in("; make it outside, and grant it then: all of your home is no grant", r.err)
    r = p.run("--cap", f"FILE_WRITE:{p.home}/**", "true", env=home)
    check_eq(r.code, 125, r.err)
    tool.mkdir()
    r = p.run(*made, env=home)
    check_eq((r.code, (tool / "x").exists()), (0, True), r.err)
    # Somebody else's directory is offered, as ever.
    r, o = p.outcome("mkdir", p.side / "new", env=home)
    check_eq([v["cure"] for v in o["violations"]], [f"--cap 'FILE_WRITE:{p.side}/**'"], r.err)
    # There is no /sys to grant.
    r, o = p.outcome("mkdir", "/sys/x", env=home)
    check_eq([(v["resource"], v["cure"]) for v in o["violations"]], [("/sys/x", None)], r.err)


@both
def what_git_asks_for_is_quiet(p):
    """A script's view has no gitconfig, which every git looks for."""
    box.need_fuse()
    p.write("ask.sh", "#!/bin/sh\ntest -e /etc/gitconfig && echo there\ntest -e /etc/shadow\nexit 0\n")
    r, o = p.outcome("ask.sh", kind=("sandbox", "run"))
    check_eq((r.code, r.out), (0, ""), r.err)
    check_eq([v["resource"] for v in o["violations"]], ["/etc/shadow"])


@both
def what_a_go_server_tries_is_quiet(p):
    """Whether there is MPTCP, before it listens by TCP. Over IPv6, and other protocols, nobody asks by habit."""
    script = """
import socket
for family, kind, protocol in ((2, 1, 262), (10, 1, 262), (2, 2, 136)):
    try:
        socket.socket(family, kind, protocol)
        print("made")
    except OSError as e:
        print(e.errno)
"""
    r, o = p.outcome("--", "/usr/bin/python3", "-c", script)
    check_eq(r.out.split(), ["93"] * 3)
    check_eq([v["resource"] for v in o["violations"]], ["socket AF_INET6 SOCK_STREAM IPPROTO_MPTCP", "socket AF_INET SOCK_DGRAM IPPROTO_UDPLITE"])


@root_only
def what_keeps_a_cache_of_fonts_is_quiet_and_its_neighbour_is_not(p):
    """fontconfig locks the file that is there by opening it to write, and sets the directory's mode before it makes one."""
    box.private_mounts()
    box.mount("ward-test", "/var/cache", "tmpfs", 0, "mode=0755")
    for name in ("fontconfig", "fonts"):
        os.makedirs(f"/var/cache/{name}")
        with open(f"/var/cache/{name}/x.cache-8", "w", encoding="ascii") as f:
            f.write("x")
    script = "cd /var/cache; for d in fontconfig fonts; do (: <> $d/x.cache-8); (: > $d/x.cache-8); chmod 700 $d; rm -f $d/x.cache-8; (: > $d/new); done; true"
    _, o = p.outcome("--read", "/var/cache", "sh", "-c", script)
    check_eq({v["resource"] for v in o["violations"]}, {f"/var/cache/fonts{x}" for x in ("", "/x.cache-8", "/new")})


@both
def what_a_compiler_of_typescript_tries_is_quiet(p):
    """How it could be told of changes, at each start; it marks nothing."""
    script = "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nfor n in (300, 301):\n    print(c.syscall(n, 0, 0, 0, 0, 0), ctypes.get_errno())\n"
    r, o = p.outcome("--", "/usr/bin/python3", "-c", script)
    check_eq([line.split()[0] for line in r.out.splitlines()], ["-1", "-1"])
    check_eq([v["resource"] for v in o["violations"]], ["fanotify_mark"])


@both_cases([("npm", "node_modules/a/node_modules/b/x.js", "node_modules"), ("PyPI", "lib/python3.11/site-packages/a/x.py", "lib/python3.11/site-packages")])
def of_a_package_all_that_lie_there_are_named_beside_the_least(p, name, top):
    """A program asks for the next file when it has the one: whoever pastes the cures would paste one for each."""
    box.need_fuse()
    at, odd = p.home / "tools", p.home / "od'd"
    for path in (at / name, odd / name):
        path.parent.mkdir(parents=True)
        path.write_text("x")
        path.with_name("y").write_text("y")
    r = p.run("cat", at / name, odd / name)
    check_in(f"refused: no rule grants it; for all packages that lie there: --read '{at / top}'\nward:   grant: --cap 'FILE_READ:{at / name}'", r.err)
    check_eq(r.err.count("for all packages"), 1, r.err)
    r = p.run("--read", at / top, "cat", at / name, (at / name).with_name("y"))
    check_eq((r.code, r.out), (0, "xy"), r.err)


@both
def a_habitual_write_is_quiet_and_its_neighbour_is_not(p):
    """Bun opens the tracer's marks at each start, where there is no /sys at all."""
    box.need_fuse()
    _, o = p.outcome("sh", "-c", "cd /; (echo x > sys/kernel/debug/tracing/trace_marker); (echo x > sys/kernel/debug/tracing/trace_on); exit 0")
    check_eq(list(named(o)), [("FILE_WRITE", "/sys/kernel/debug/tracing/trace_on")])
    # pnpm tries each directory above the project by a name of its own.
    _, o = p.outcome("sh", "-c", f"cd /; (echo x > _tmp_2_{'5e' * 16}); (echo x > _tmp_2_{'5e' * 4}); (echo x > _tmp_2_{'5e' * 15}); (echo x > etc/cron.d/_tmp_2_{'5e' * 16}); exit 0")
    check_eq(set(named(o)), {("FILE_WRITE", f"/_tmp_2_{'5e' * 15}"), ("FILE_WRITE", f"/etc/cron.d/_tmp_2_{'5e' * 16}")})


@both
def existing_and_absent_answer_alike(p):
    box.need_fuse()
    p.write("ask.py", "import os, sys\nfor f in sys.argv[1:]:\n    try: os.stat(f); print('there')\n    except OSError as e: print(e.errno)\n")
    ask = ["/etc/shadow", "/etc/no-such-name", "/root", "/no-such-dir/x", str(p.side), "/var/lib/dpkg"]
    for words, want in (([], 2), (["--deny-errno", "EACCES"], 13)):
        r = p.run(*words, "--read", ".", "python3", "ask.py", *ask)
        got = [int(x) for x in r.out.split()]
        if want == 2:
            check_eq(got, [2] * len(ask), r.err)
        else:
            check_eq(got, [13] * len(ask), r.err)


@both_without_fuse
def an_answer_that_nobody_gives_stops_the_run(p):
    for more in ((), ("--attribution", "notify"), ("--attribution", "none")):
        r = p.run(*more, "--deny-errno", "EACCES", "--write", ".", "touch", "made")
        check_eq((r.code, len(r.err.splitlines())), (125, 1), r.err)
        check_in("--deny-errno EACCES cannot be held", r.err)
        check_in("chmod 0666 /dev/fuse; or drop --deny-errno", r.err)
        check(not (p.ws / "made").exists())
        r = p.run(*more, "--deny-errno", "EACCES", "true", kind=("plan",))
        check_eq((r.code, r.out), (1, ""), r.err)
        check_in("--deny-errno EACCES cannot be held", r.err)
    check_eq(p.run("--deny-errno", "ENOENT", "true").code, 0)


NAMES = 300


@both
def many_names_end_in_one_count(p):
    box.need_fuse()
    many = p.side / "many"
    many.mkdir()
    many.chmod(0o755)
    for i in range(NAMES):
        (many / f"n{i:03d}").write_text("x")
    p.write("ask.py", "import sys\nfor i in range(%d):\n    try: open(sys.argv[1] + '/n%%03d' %% i)\n    except OSError: pass\n" % NAMES)
    r, o = p.outcome("--read", ".", "python3", "ask.py", many)
    check_eq(r.code, 0, r.err)
    check_eq(len(o["violations"]), 256)
    hits = [x for x in box.records(p) if x["kind"] == "limit.hit"]
    check_eq([x["resource"] for x in hits], ["violations"])
    # A few names of the program's own start may be among the 256.
    check(NAMES - 256 <= hits[0]["detail"]["count"] <= NAMES - 256 + 40, str(hits))
    check_in("only the first 256 distinct refusals are listed", r.err)
    check_in(f"{hits[0]['detail']['count']} more were counted", r.err)
    check_eq(o["violations_total"], sum(v["count"] for v in o["violations"]) + hits[0]["detail"]["count"])
    check(o["violations_total"] >= NAMES, str(o["violations_total"]))
    end = [x for x in box.records(p) if x["kind"] == "run.end"]
    check_eq([x["detail"]["violations"] for x in end], [o["violations_total"]])


@both
def many_absent_names_are_no_violation(p):
    box.need_fuse()
    p.write("ask.py", "import os\nfor i in range(700):\n    os.path.exists('/var/no-such-name-%d' % i)\n    os.path.exists('/no-such-%d' % i)\n")
    r, o = p.outcome("--fail-on-violation", "--read", ".", "python3", "-S", "ask.py")
    check_eq((o["violations_total"], r.code), (sum(v["count"] for v in o["violations"]), 123 if o["violations"] else 0), r.err)
    check(not [v for v in o["violations"] if "no-such" in v["resource"]], r.err)


@both
def absent_names_take_no_room_among_what_is_listed(p):
    """Some hundred names that are nowhere, as a Java program looks for them, and then names that are."""
    box.need_fuse()
    (p.side / "secret").write_text("x")
    (p.side / "other").write_text("x")
    p.write("ask.py", "import os, sys, time\nfor i in range(400):\n    os.path.exists('/no-such-%d' % i)\n"
            "for i in range(3):\n    for name in ('secret', 'other'):\n        os.path.exists(sys.argv[1] + '/' + name)\n"
            "    time.sleep(0.3)\n")
    r, o = p.outcome("--read", ".", "python3", "-S", "ask.py", p.side)
    listed = [v for v in o["violations"] if v["resource"].startswith(str(p.side))]
    check_eq(sorted(v["resource"] for v in listed), [f"{p.side}/other", f"{p.side}/secret"], r.err)
    check(all(v["cure"] == f"--cap 'FILE_READ:{v['resource']}'" for v in listed), str(listed))
    check(all(v["seq"] for v in listed), str(listed))
    check("refusals are listed" not in r.err, r.err)
    check_eq(o["violations_total"], sum(v["count"] for v in o["violations"]))
    said = [x["resource"] for x in box.records(p) if x["kind"] == "sandbox.violation"]
    check_eq([said.count(v["resource"]) for v in listed], [1, 1])
    box.verify(p)


@both
def a_flood_of_absent_names_is_not_called_refused(p):
    """More than are looked up at a time: what is not looked up is counted, and not among the refusals."""
    box.need_fuse()
    p.write("ask.py", "import os\nfor i in range(12000):\n    os.path.exists('/no-such-%d' % i)\n")
    r, o = p.outcome("--read", ".", "python3", "-S", "ask.py")
    check_eq(r.code, 0, r.err)
    check("refusals are listed" not in r.err, r.err)
    check_eq(o["violations_total"], sum(v["count"] for v in o["violations"]))
    hits = [(x["resource"], x["detail"]["count"]) for x in box.records(p) if x["kind"] == "limit.hit"]
    # Ward may keep up with them.
    check(hits == [] or (len(hits) == 1 and hits[0][0] == "names" and 0 < hits[0][1] < 12000), str(hits))
    check_eq("not looked up" in r.err, hits != [], r.err)
    if hits:
        check_in(f"more than 1024 further names that were not granted were asked for at a time: {hits[0][1]} w", r.err)


HOSTILE = [b"new\nward: SandboxViolationError: forged", b"esc\x1b[2J\x1b]0;owned\x07", b"bell\x07tab\tcr\rdel\x7f", b"invalid\xff\xfeutf8", b"quote\"back\\slash",
           "ü\u202e\u2028".encode()]


@both_cases([("fuse", "fuse"), ("notify", "notify")])
def hostile_names_are_escaped(p, how):
    if how == "fuse":
        box.need_fuse()
    bad = p.side / "bad"
    bad.mkdir()
    bad.chmod(0o755)
    for name in HOSTILE:
        with open(os.path.join(os.fsencode(bad), name), "wb") as f:
            f.write(b"planted")
    p.write("ask.py", "import os, sys\nfor n in %r:\n    try: print(open(os.fsencode(sys.argv[1]) + b'/' + n).read())\n    except OSError: pass\n" % HOSTILE)
    q = subprocess.run(p.words("--attribution", how, "--outcome", p.outcome_file, "--read", ".", "python3", "ask.py", bad), cwd=p.ws, env=p.env(),
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    check_eq((q.returncode, q.stdout), (0, b""), q.stderr)
    for line in q.stderr.decode("utf-8").splitlines():
        check(line.startswith("ward: "), f"a line of its own: {line!r}")
    check(not [c for c in q.stderr if (c < 32 and c != 10) or c == 127], f"control bytes: {q.stderr!r}")
    check(b"\nward: SandboxViolationError: forged" not in q.stderr, "a forged line")
    o = json.loads(p.outcome_file.read_text(encoding="utf-8"))
    text = [v["resource"] for v in o["violations"] if v["resource"].startswith(str(bad) + "/")]
    check_eq(len(text), len(HOSTILE), str(text))
    check(not any(ord(c) < 32 for t in p.outcome_file.read_text(encoding="utf-8").rstrip("\n") for c in t), "control bytes in the outcome")
    box.verify(p)
    raw = p.log.read_bytes()
    check(not [c for c in raw.replace(b"\n", b"") if c < 32], "control bytes in the log")
    check_eq(raw.count(b"\n"), len(box.records(p)))


@both
def report_to_a_descriptor(p):
    a, b = os.pipe()
    os.set_inheritable(b, True)
    r = p.run("--attribution", "notify", "--report", f"fd:{b}", "cat", "/etc/shadow", close_fds=False)
    os.close(b)
    with os.fdopen(a) as f:
        text = f.read()
    check_in('FILE_READ "/etc/shadow" refused', text)
    check_in("grant: --cap 'FILE_READ:/etc/shadow'", text)
    check("SandboxViolationError" not in r.err, r.err)


@both
def notify_names_what_landlock_alone_refuses(p):
    """Without namespaces the host's names are there, and refused: by their being outside of the plan, or only read."""
    box.without_user_namespaces()
    p.write("note.txt", "read\n", 0o644)
    accept = (*box.cli.ACCEPT_ALONE, "--attribution", "notify", "--read", ".")
    r, o = p.outcome(*accept, "sh", "-c", "cat note.txt; cat /etc/shadow /etc/hostname /etc/ward-none; (echo x >>note.txt); (echo x >new.txt); true")
    check_eq((r.out, o["axes"]["attribution"]), ("read\n", "sampled"), r.err)
    check_eq(set(named(o)), {("FILE_READ", "/etc/shadow"), ("FILE_READ", "/etc/hostname"),
                             ("FILE_WRITE", str(p.ws / "note.txt")), ("FILE_WRITE", str(p.ws / "new.txt"))}, r.err)
    r, o = p.outcome(*box.cli.ACCEPT_ALONE, "--read", ".", "true")
    check_eq(o["attribution"], "partial")
    check("/dev/fuse" not in r.err and "--attribution notify" in r.err, f"no mode of /dev/fuse would help here: {r.err}")


@both
def git_works_where_there_is_landlock_alone(p):
    """The host's own configuration of it is there, and refused, which git takes for its end."""
    box.without_user_namespaces()
    os.chmod(p.ws, 0o777)
    r = p.run(*box.cli.ACCEPT_ALONE, "--write", ".", "sh", "-c", "git init -q . && echo a > a && git add a && git -c user.name=a -c user.email=b commit -qm one && git log --format=%s")
    check_eq((r.code, r.out), (0, "one\n"), r.err)
    check_eq(p.run(*box.cli.ACCEPT_ALONE, "--env", "GIT_CONFIG_GLOBAL=/x", "sh", "-c", "echo $GIT_CONFIG_GLOBAL").out, "/x\n")


@both
def git_has_the_configuration_of_a_home_that_is_granted(p):
    """As docs/security/guarantees.md says of a run where there is Landlock alone; one that is refused would be git's end."""
    box.without_user_namespaces()
    os.chmod(p.ws, 0o777)
    home, host = p.ws / "home", p.home
    (home / ".config/git").mkdir(parents=True)
    (home / ".gitconfig").write_text("")
    (home / ".config/git/config").write_text("")
    (host / ".gitconfig").write_text("[user]\nname = host\n")
    for path in (home, home / ".config/git", home / ".gitconfig", home / ".config/git/config"):
        os.chmod(path, 0o777)
    os.chmod(host, 0o755)
    for env, read, out in (
        ([f"HOME={home}"], (), "0\nme\n"),
        ([f"HOME={home}", "GIT_CONFIG_GLOBAL=/dev/null"], (), "255\n\n"),
        ([f"HOME={host}"], (), "255\n\n"),
        ([f"HOME={host}"], ("--read", str(host / ".gitconfig")), "255\nhost\n"),
        ([f"HOME={host}", f"XDG_CONFIG_HOME={home}/.config"], (), "255\n\n"),
    ):
        words = [w for e in env for w in ("--env", e)]
        r = p.run(*box.cli.ACCEPT_ALONE, "--write", ".", *read, *words, "sh", "-c",
                  "git init -q . && git config --global user.name me 2>&-; echo $?; echo $(git config user.name)")
        check_eq(r.out, out, f"{env}, {read}: {r.err}")


@root_only
def root_that_may_not_look_names_nothing_and_says_so(p):
    """As in a container: the run's processes are another user's."""
    without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", box.cli.WARD]
    r = subprocess.run([*without, "run", "--audit", p.log, "--attribution", "notify", "--", "true"], cwd=p.ws, env=p.env(),
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check_eq(r.returncode, 125, r.stderr)
    check_in("CAP_SYS_PTRACE", r.stderr)


@both
def notify_names_open_and_exec(p):
    p.write("tool", "#!/bin/sh\necho hi\n", 0o755)
    r, o = p.outcome("--attribution", "notify", "sh", "-c", f"cat /etc/shadow; {p.ws}/tool; true")
    check_eq((r.code, o["attribution"], o["axes"]["attribution"], r.out), (0, "partial", "sampled", ""), r.err)
    check("attribution: partial" not in r.err, "it was asked for by name")
    check_in(("FILE_READ", "/etc/shadow"), named(o))
    check([x for x in named(o) if x[1] == str(p.ws / "tool")], str(named(o)))


ALONE = """
import os, sys
def op(what, fn):
    try: fn(); print(what, "DONE")
    except OSError as e: print(what, e.errno)
op("write", lambda: open("out.txt", "w").write("new"))
op("unlink", lambda: os.unlink("out.txt"))
op("unlinkat", lambda: os.unlink("out.txt", dir_fd=os.open(".", os.O_PATH)))
op("rename", lambda: os.rename("out.txt", "b.txt"))
op("replace", lambda: os.replace("second.txt", os.getcwd() + "/out.txt"))
open("/dev/shm/n", "w").close()
op("other file system", lambda: os.replace("/dev/shm/n", "out.txt"))
op("tmp", lambda: os.unlink("/dev/shm/n"))
op("append", lambda: open("out.txt", "a").write("er"))
"""


@both_cases([("in a view", "fuse", ()), ("in a read grant", "fuse", ("--read", ".")), ("notify", "notify", ())])
def a_file_granted_alone_cannot_be_replaced(p, how, more):
    if how == "fuse":
        box.need_fuse()
    p.write("s.py", ALONE)
    out = p.write("out.txt", "old")
    second = p.write("second.txt", "old")
    r, o = p.outcome("--attribution", how, *more, "--write", "out.txt", "--write", "second.txt", "s.py", kind=SANDBOX)
    said = dict(line.rsplit(" ", 1) for line in r.out.splitlines())
    for what in ("unlink", "unlinkat", "rename", "replace"):
        check_eq(said[what], "16", f"{what}: {r.out} {r.err}")
    check_eq((said["write"], said["other file system"], said["tmp"], said["append"]), ("DONE", "18", "DONE", "DONE"), r.out)
    check_eq((out.read_text(), second.read_text()), ("newer", "old"))
    v = by_path(o, str(out))
    check_eq(len(v), 1, str(o["violations"]))
    v = v[0]
    check_eq((v["action"], v["axis"], v["cure"]), ("FILE_WRITE", "files", f"--cap 'FILE_WRITE:{p.ws}/**'"))
    check_eq(len(by_path(o, str(second))), 1)
    x = [x for x in box.records(p) if x["seq"] == v["seq"]][0]
    check_eq((x["kind"], x["layer"], x["action"]), ("sandbox.violation", "view", "FILE_WRITE"))
    check_in(f'FILE_WRITE "{out}" refused: granted as a single file, which cannot be replaced, renamed or removed', r.err)
    r, o = p.outcome("--attribution", how, "--cap", f"FILE_WRITE:{p.ws}/**", "s.py", kind=SANDBOX)
    check_eq(o["violations"], [], r.err)
    check(not second.exists() and "DONE" in r.out, "with the directory granted nothing is held")


READ_ALONE = """
import os, sys
def op(what, fn):
    try: fn(); print(what, "DONE")
    except OSError as e: print(what, e.errno)
op("read", lambda: open("in.txt").read())
op("unlink", lambda: os.unlink("in.txt"))
op("rename", lambda: os.rename("in.txt", "b.txt"))
op("replace", lambda: os.replace("out.txt", "in.txt"))
op("own", lambda: os.unlink("s.py"))
"""


@both_cases([("auto", "auto"), ("notify", "notify"), ("none", "none")])
def a_file_granted_alone_for_reading_cannot_be_removed(p, how):
    """The kernel says EBUSY, or EROFS of a directory that is nobody's to write, where nobody looks first; who looks names it."""
    p.write("s.py", READ_ALONE)
    read, own = p.write("in.txt", "old"), p.ws / "s.py"
    p.write("out.txt", "")
    r, o = p.outcome("--attribution", how, "--read", "in.txt", "--write", "out.txt", "s.py", kind=SANDBOX)
    said = r.out.replace(" 30", " 16") if how == "none" else r.out
    check_eq(said.splitlines(), ["read DONE", "unlink 16", "rename 16", "replace 16", "own 16"], r.err)
    check_eq(read.read_text(), "old")
    if how == "none":
        check_eq(o["violations"], [])
        return
    check_eq(named(o), {("FILE_WRITE", str(p.ws / n)) for n in ("in.txt", "out.txt", "s.py")}, r.err)
    check_eq([v["cure"] for v in by_path(o, str(read)) + by_path(o, str(own))], [f"--cap 'FILE_WRITE:{p.ws}/**'"] * 2)
    check_in(f'FILE_WRITE "{read}" refused: granted as a single file, which cannot be replaced, renamed or removed', r.err)


@both_without_fuse
def without_fuse_programs_and_single_files_are_named(p):
    """Looking first needs no FUSE: only the paths that are not in the view stay without a name."""
    p.write("s.py", EXECS)
    r, o = p.outcome("s.py", "/bin/ls", kind=SANDBOX)
    said = dict(line.split(" ", 1) for line in r.out.splitlines())
    for what in ("absolute", "relative", "PATH", "fd", "thread", "private"):
        check_eq(said[what], "13", f"{what}: {r.out} {r.err}")
    check_eq((said["self"], said["memfd"], said["absent"]), ("DONE 0", "DONE 0", "2"))
    check_eq(named(o), {("EXTERNAL_COMMAND", LS), ("EXTERNAL_COMMAND", "/tmp/mine")})
    check_eq(o["attribution"], "partial", "other refused paths have no name")
    check_in("ward: attribution: partial", r.err)
    p.write("s.py", ALONE)
    out = p.write("out.txt", "old")
    second = p.write("second.txt", "old")
    for more in ((), ("--read", ".")):
        out.write_text("old")
        r, o = p.outcome(*more, "--write", "out.txt", "--write", "second.txt", "s.py", kind=SANDBOX)
        said = dict(line.rsplit(" ", 1) for line in r.out.splitlines())
        for what in ("unlink", "unlinkat", "rename", "replace"):
            check_eq(said[what], "16", f"{what}: {r.out} {r.err}")
        check_eq((said["write"], said["other file system"], said["tmp"], said["append"]), ("DONE", "18", "DONE", "DONE"), r.out)
        check_eq((named(o), o["attribution"]), ({("FILE_WRITE", str(out)), ("FILE_WRITE", str(second))}, "partial"))
    check_eq(p.run("--attribution", "none", "--fail-on-violation", "s.py", kind=SANDBOX).code, 0, "no names are wanted")


ONLY_READ = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def op(what, fn):
    try: fn(); print(what, "DONE")
    except OSError as e: print(what, e.errno)
def make(name, flags=os.O_WRONLY | os.O_CREAT): os.close(os.open(name, flags, 0o644))
here, at = os.getcwd(), os.open(".", os.O_RDONLY)
NOFOLLOW = dict(follow_symlinks=False)
REFUSED = [
    ("open", "f1", lambda n: make(n, os.O_WRONLY)), ("open both", "f2", lambda n: make(n, os.O_RDWR)),
    ("truncating open", "f3", lambda n: make(n, os.O_RDONLY | os.O_TRUNC)), ("new", "n1", make),
    ("new by whole path", "n2", lambda n: make(here + "/" + n)), ("new by descriptor", "n3", lambda n: os.mkfifo(n, dir_fd=at)),
    ("new below", "d/n4", make), ("mkdir", "n5", os.mkdir), ("mkdir/", "n6", lambda n: os.mkdir(n + "/")),
    ("symlink", "n7", lambda n: os.symlink("x", n)), ("link", "n8", lambda n: os.link("f4", n)),
    ("unlink", "f4", os.unlink), ("rmdir", "d", os.rmdir), ("rename", "f5", lambda n: os.rename(n, "n9")),
    ("rename onto", "f6", lambda n: os.replace(n, "f5")), ("truncate", "f7", lambda n: os.truncate(n, 0)),
    ("chmod", "f8", lambda n: os.chmod(n, 0o600)), ("utime", "f9", lambda n: os.utime(n)),
    ("xattr", "f10", lambda n: os.setxattr(n, "user.a", b"1")), ("chown", "f11", lambda n: os.chown(n, os.getuid(), os.getgid())),
    ("through a link", "f12", lambda n: make("to-f12", os.O_WRONLY)), ("the link itself", "to-f13", os.unlink),
    ("up and down", "f14", lambda n: make("d/../" + n, os.O_WRONLY)),
]
ELSE = [  # fails in another way, or not at all
    ("read", lambda: make("f1", os.O_RDONLY)), ("there already", lambda: os.mkdir("d")), ("absent", lambda: make("no", os.O_WRONLY)),
    ("absent unlink", lambda: os.chmod("no", 0o600)), ("absent below", lambda: make("no/n")),
    ("exclusive", lambda: make("f1", os.O_WRONLY | os.O_CREAT | os.O_EXCL)), ("directory", lambda: make("d", os.O_WRONLY)),
    ("path only", lambda: make("f1", os.O_PATH | os.O_RDWR)), ("other file system", lambda: os.rename("/tmp/other", "f1")),
    ("away", lambda: os.rename("f1", "/tmp/away")), ("modules", lambda: os.mkdir("__pycache__")),
    ("module", lambda: make("d/__pycache__/a.pyc")), ("private", lambda: make("/tmp/other")), ("write grant", lambda: make("w/new")),
    ("fifo", lambda: make("fifo", os.O_RDWR)), ("no name", lambda: libc.mkdir(None, 0o755)),
]
for what, name, fn in REFUSED: op(what, lambda: fn(name))
for what, fn in ELSE: op(what, fn)
"""


@both_cases([("auto", "auto"), ("notify", "notify"), ("none", "none")])
def what_may_only_be_read_is_named_when_it_is_to_be_changed(p, how):
    """The kernel says EROFS, and tells nobody: every call that would change something there is looked at first."""
    p.write("s.py", ONLY_READ)
    refused = dict(re.findall(r'\("([a-z /]+)", "([\w/-]+)", ', ONLY_READ))
    for name in refused.values():
        if "f" in name:
            p.write(name.replace("to-", ""), "text", 0o666)
    (p.ws / "to-f12").symlink_to("f12")
    (p.ws / "to-f13").symlink_to("f13")
    for name in ("d", "w"):
        (p.ws / name).mkdir()
        (p.ws / name).chmod(0o777)
    os.mkfifo(p.ws / "fifo")
    before = sorted(os.listdir(p.ws))
    r, o = p.outcome("--attribution", how, "--read", ".", "--write", "w", "python3", "s.py")
    said = dict(line.rsplit(" ", 1) for line in r.out.splitlines())
    check_eq({said[what] for what in refused}, {"30"}, r.out)
    check_eq((said["read"], said["private"], said["write grant"], said["there already"], said["exclusive"]), ("DONE", "DONE", "DONE", "17", "17"))
    check_eq((sorted(os.listdir(p.ws)), (p.ws / "f3").read_text()), (before, "text"))
    want = set() if how == "none" else {("FILE_WRITE", str(p.ws / name)) for name in refused.values()}
    check_eq({v for v in named(o) if v[1].startswith(str(p.ws))}, want, r.out + r.err)
    if how == "none":
        return
    check_eq(by_path(o, str(p.ws / "f1"))[0]["cure"], f"--cap 'FILE_WRITE:{p.ws}/f1'")
    check_in(f'FILE_WRITE "{p.ws}/f1" refused: granted for reading only', r.err)
    v = by_path(o, str(p.ws / "n1"))[0]
    x = [x for x in box.records(p) if x["seq"] == v["seq"]][0]
    check_eq((x["kind"], x["layer"], x["action"], x["detail"]["exists"]), ("sandbox.violation", "view", "FILE_WRITE", False))


@both
def what_a_policy_keeps_from_changes_is_named_with_its_rule(p):
    """A forbid in a tree that may be written: the rule, where it stands and what it says for people."""
    (p.ws / ".ward").mkdir()
    p.write(".ward/README", "")
    r, o = p.outcome("--mode", "workspace_write", "sh", "-c", "echo x > new; echo x > .ward/README; rm .ward/README; true")
    check_eq((r.code, named(o)), (0, {("FILE_WRITE", str(p.ws / ".ward/README"))}), r.err)
    v = o["violations"][0]
    check_eq((v["rule"], v["file"], v["cure"]), ("workspace_write.never_write_rules", "data/modes/workspace_write.cedar", None))
    check_in(f"refused: a rule forbids it: .ward/ says what runs may do; no run writes it ({v['file']}:{v['line']})", r.err)
    x = [x for x in box.records(p) if x["seq"] == v["seq"]][0]
    check_eq(x["rules"], ["workspace_write.never_write_rules"])
    r = p.run("--mode", "workspace_write", "--fail-on-violation", "sh", "-c", "echo x > .ward/README; true")
    check_eq(r.code, 123, r.err)
    p.write("own.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n', 0o666)
    p.write("n", "", 0o666)
    p.ws.chmod(0o777)
    for command, what in (("mv .ward old", ".ward"), ("rmdir .ward", ".ward"), ("mv n own.cedar", "own.cedar"), ("rm -f own.cedar", "own.cedar")):
        r, o = p.outcome("--mode", "workspace_write", "--policy", p.ws / "own.cedar", "sh", "-c", command + "; true")
        check_in(("FILE_WRITE", str(p.ws / what)), named(o), f"{command}: {r.err}")
    check((p.ws / "n").exists() and (p.ws / ".ward/README").exists())


@both
def a_name_that_is_kept_from_coming_to_be_is_named_with_its_rule(p):
    """Nothing is there at the start, and an empty directory stands in for it: whoever would make, fill, move or replace it."""
    rules = {".ward": "workspace_write.never_write_rules", ".git": "workspace_write.never_write_git_rules"}
    p.ws.chmod(0o777)
    for command, what in (("mkdir .ward", ".ward"), ("ln -sT n .ward", ".ward"), ("echo > .ward", ".ward"), ("echo > .ward/x", ".ward/x"),
                          ("mkdir n; mv -T n .ward", ".ward"), ("rmdir .ward", ".ward"), ("mv .ward n", ".ward"), ("touch .ward", ".ward"),
                          ("cd .ward && mkdir x", ".ward/x"), ("git init -q .", ".git")):
        r, o = p.outcome("--mode", "workspace_write", "--fail-on-violation", "sh", "-c", command + "; true")
        check_in(("FILE_WRITE", str(p.ws / what)), named(o), f"{command}: {r.err}")
        check_eq((r.code, by_path(o, str(p.ws / what))[0]["rule"]), (123, rules[what.split("/")[0]]), f"{command}: {r.err}")
        check(not (p.ws / ".ward").exists() and not (p.ws / ".git").exists(), command)
    r, o = p.outcome("--mode", "workspace_write", "--fail-on-violation", "sh", "-c", "ls -a .ward; test ! -s .ward/x; mkdir -p d/.ward; echo x > d/.ward/x")
    check_eq((r.code, named(o)), (0, set()), r.err)


@both
def words_of_a_policy_end_no_line_and_reach_no_terminal(p):
    (p.ws / ".ward").mkdir()
    p.write("a.txt", "", 0o666)
    p.write(".ward/x.cedar", '@reason("\\u{1b}]0;x\\u{7}y\\nward: forged") forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./a.txt");\n')
    r = p.run("--mode", "workspace_write", "sh", "-c", "echo > a.txt; true")
    check_in("a.txt", r.err)
    check("\x1b" not in r.err and "\nward: forged" not in r.err, repr(r.err))


@both
def what_git_refreshes_on_the_way_is_quiet_and_what_it_commits_is_not(p):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*"]
    p.write("a.txt", "a\n", 0o666)
    for words in (["init", "-q"], ["add", "a.txt"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=p.ws, check=True)
    os.utime(p.ws / "a.txt", (1, 1))    # same text, another time: the index is to be refreshed
    lock = str(p.ws / ".git/index.lock")
    for words, quiet in ((["diff"], True), (["status", "--short"], True), (["add", "a.txt"], False), (["commit", "-qam", "two"], False)):
        r, o = p.outcome("--read", ".", *git, *words)
        check_eq((words, ("FILE_WRITE", lock) in named(o)), (words, not quiet), r.err)
        check(not quiet or not o["violations"], r.err)
    for words in (["sh", "-c", ": > .git/index.lock", "git", "diff"], ["sh", "-c", "git -c safe.directory='*' diff; : > .git/index.lock"],
                  [*git, "commit", "-qam", "diff"]):
        r, o = p.outcome("--read", ".", *words)
        check_in(("FILE_WRITE", lock), named(o), str(words))


@both
def who_limits_nothing_is_asked_nothing(p):
    """The switches follow the plan: no exec is looked at where all may run, no unlink where no file stands alone."""
    box.need_fuse()
    p.write("s.py", "")
    p.write("out.txt", "")
    for kind, words, want in ((("plan",), ("true",), []), (("plan",), ("--write", ".", "true"), []),
                              (("plan",), ("--read", ".", "true"), ["notify-write"]),
                              (("plan",), ("--attribution", "none", "--read", ".", "true"), []),
                              (("plan",), ("--write", "out.txt", "true"), ["notify-replace"]),
                              (("plan",), ("--read", "out.txt", "true"), ["notify-replace", "notify-write"]),
                              (("plan",), ("--cap", "EXTERNAL_COMMAND:ls", "true"), ["notify-exec"]),
                              (("plan",), ("--attribution", "none", "--cap", "EXTERNAL_COMMAND:ls", "--write", "out.txt", "true"), [])):
        r = p.run("--json", *words, kind=kind, log=False)
        check_eq([s for s in json.loads(r.out)["seccomp"] if s != "netlink-route"], want, f"{words} {r.err}")


@both
def none_refuses_all_the_same(p):
    r, o = p.outcome("--attribution", "none", "cat", "/etc/shadow")
    check_eq((r.code, r.out, o["attribution"], o["violations"]), (1, "", "partial", []), r.err)
    check_eq(p.run("--attribution", "none", "--require", "attribution=sampled", "true").code, 125)


@both
def refused_calls_are_named(p):
    p.write("calls.py", """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), ctypes.get_errno())
for family in (17, 38, 40):
    try: socket.socket(family, socket.SOCK_SEQPACKET); print("MADE", family)
    except OSError: pass
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
try: s.connect(("192.0.2.7", 443)); print("CONNECTED")
except OSError as e: print("connect", e.errno)
try: s.connect(("2001:db8::7", 443, 0, 0)); print("CONNECTED")
except (OSError, TypeError) as e: pass
""")
    r, o = p.outcome("--read", ".", "python3", "calls.py")
    check_eq(r.code, 0, r.err)
    check("MADE" not in r.out and "CONNECTED" not in r.out, r.out)
    got = named(o)
    check_in(("NETWORK_CONNECT", "192.0.2.7:443"), got)
    check([x for x in got if x[0] == "syscall" and x[1].startswith("unshare")], str(got))
    check([x for x in got if "AF_PACKET" in x[1]] and [x for x in got if "AF_ALG" in x[1]] and [x for x in got if "AF_VSOCK" in x[1]], str(got))
    check_in("SandboxViolationError", r.err)


@both
def a_rule_that_matched_is_named_with_its_line(p):
    """Granted for reading, written to: the refusal is attributed, and the host's file is as it was."""
    box.need_fuse()
    p.write("granted.txt", "as it was")
    caps = p.write("caps.json", '[\n  {"type": "FILE_READ",\n   "resource": "granted.txt"}\n]\n')
    r, _ = p.outcome("--capabilities", caps, "sh", "-c", "cat granted.txt; echo x > granted.txt; echo x > neighbour; cat caps.json; true")
    check_eq((r.code, r.out), (0, "as it was"), r.err)
    check_eq((p.ws / "granted.txt").read_text(), "as it was")
    check(not (p.ws / "neighbour").exists())
    check_in("caps.json", r.err)
    check_in("neighbour", r.err)


@root_only
def the_count_is_a_count(p):
    box.need_fuse()
    _, o = p.outcome("sh", "-c", "for i in 1 2 3; do cat /etc/shadow; sleep 1.1; done")
    v = [x for x in o["violations"] if x["resource"] == "/etc/shadow"]
    check(len(v) == 1 and v[0]["count"] >= 1 and o["violations_total"] >= v[0]["count"], str(v))


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward plan: runs nothing, says the same twice, and its JSON is what docs/spec/plan.schema.json says."""
import hashlib
import json
import os
import re
import tempfile

import cli
import schema
from cli import placed
from tap import cases, check, check_eq, check_in, main, test

# It is FUSE that answers so: refused without (tests/sandbox/test_attribution.py).
ANSWER = ["--deny-errno", "EACCES"] if os.access("/dev/fuse", os.R_OK | os.W_OK) else []
SCHEMA = json.loads((cli.ROOT / "docs/spec/plan.schema.json").read_text())


@test
@placed
def says_that_there_is_no_log(p):
    check_in("no log (--audit /dev/null)", p.run("--audit", "/dev/null", "true", kind=("plan",), log=False).out)
    check("no log" not in p.run("true", kind=("plan",)).out)


@cases([
    ("nothing granted", ("plan",), ["true"]),
    ("grants", ("plan",), ["--read", "in.txt", "--write", "out", "--cap", "FILE_READ:src/**", "--env", "A=b", "sh", "-c", ":"]),
    ("pattern, warning", ("plan",), ["--cap", "FILE_READ:*.nothing", "--cap", "EXTERNAL_COMMAND:cat", "sh"]),
    ("link", ("plan",), ["--read", "link", "true"]),
    ("limits", ("plan",), ["--memory", "64M", "--cpus", "1", "--timeout", "1s", *ANSWER, "true"]),
    ("dry run of a script", ("sandbox", "run", "--dry-run"), ["--read", "in.txt", "s.py"]),
    ("network", ("plan",), ["--cap", "NETWORK_CONNECT:a.example:443", "--cap", "NETWORK_CONNECT:10.1.0.0/16:22", "true"]),
    ("reached by the host", ("plan",), ["--publish", "0:8080", "--net-limit", "idle=10s", "true"]),
    ("direct", ("plan",), ["--backend", "direct", "true"]),
])
@placed
def is_valid_and_repeats(p, kind, words):
    p.write("in.txt", "x")
    p.write("out/x", "x")
    p.write("src/y", "y")
    p.write("s.py", "#!/usr/bin/env python3\n")
    os.symlink("in.txt", p.ws / "link")
    # What is available moves from one moment to the next: said here, unless the case says it.
    words = [*([] if "--memory" in words else ["--memory", "128M"]), *words]
    first = p.run("--json", *words, kind=kind)
    check_eq(first.code, 0, first.err)
    check_eq(p.run("--json", *words, kind=kind).out, first.out, "the same request, the same bytes")
    plan = json.loads(first.out)
    schema.validate(plan, SCHEMA)
    check_eq([k for k in plan if k in SCHEMA["required"]], SCHEMA["required"], "order of the keys")
    bare = first.out.rstrip("\n").replace(f",\"sha256\":\"{plan['sha256']}\"", "")
    check_eq(hashlib.sha256(bare.encode()).hexdigest(), plan["sha256"])
    dests = [n["dest"] for n in plan["view"]]
    check_eq(dests, sorted(set(dests), key=os.fsencode))
    for n in plan["view"]:
        check("rule" in n or n["base"] or n["kind"] in ("dir", "link"), str(n))
    text = p.run(*words, kind=kind)
    check_eq(text.code, 0, text.err)
    check_in(plan["sha256"], text.out)
    for axis in plan["axes"]:
        check_in(f"\n  {axis} ", text.out)


@placed
def runs_nothing(p):
    p.write("s.sh", "#!/bin/sh\ntouch marker\n", 0o755)
    for kind, words in ((("plan",), ["--write", ".", "./s.sh"]), (("run", "--dry-run"), ["--write", ".", "./s.sh"]),
                        (("sandbox", "run", "--dry-run"), ["--write", ".", "s.sh"])):
        r = p.run(*words, kind=kind)
        check_eq(r.code, 0, r.err)
        check(not (p.ws / "marker").exists(), f"{kind} executed something")


test(runs_nothing)


@cases([
    ("refused", ["--require", "exec=enforced", "true"], 1, "axis exec would be"),
    ("a grant that cannot be", ["--read", "/proc", "true"], 1, "cannot be granted"),
    ("usage", ["--no-such-option", "true"], 2, "no-such-option"),
])
@placed
def exit_codes(p, words, code, part):
    r = p.run(*words, kind=("plan",))
    check_eq(r.code, code, r.err)
    check_in(part, r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)
    cli.only_ward_lines(r.err)


@test
@placed
def a_rule_is_shown_as_it_was_written(p):
    """Where a name below a grant is shown on its own as well, its rule is that of the grant."""
    top = tempfile.gettempdir()
    r = p.run("--audit", "/dev/null", "--i-know", "--write", top, "true", kind=("plan",), log=False, env={"HOME": str(p.home)})
    check_eq(r.code, 0, r.err)
    rules = re.findall(rf"^  FILE_WRITE +{re.escape(top)}.*  # (.*)$", r.out, re.M)
    check(rules, r.out)
    check_eq(set(rules), {f"--write {top}"})


@test
def secrets_are_not_printed():
    with cli.place() as p:
        for form in ([], ["--json"]):
            r = p.run(*form, "--env", "TOKEN=hush-hush", "--cap", "ENV:OTHER=hush-hush", "true", kind=("plan",))
            check_eq(r.code, 0, r.err)
            check_in("TOKEN", r.out)
            check("hush-hush" not in r.out, "a value of the environment is in the plan")


main()

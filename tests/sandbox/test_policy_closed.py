#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about names where names cannot be listed: directories that their owner closed, and what leads into them."""
import os

import box
from box import both, user_only
from policy_box import ordinary
from tap import check_eq, check_in


@both
def where_names_cannot_be_listed_a_pattern_takes_all(p):
    """Whoever knows a name opens it where nobody can list it. Root lists it; of others' view nothing is there that a rule may be about."""
    for name in ("open/a.pem", "shut/in/a.pem", "shut/in/a.txt", "shut/a.txt"):
        p.write(name, "text\n", 0o666)
    p.ws.chmod(0o777)
    (p.ws / "shut/in").chmod(0o311)
    look = ("sh", "-c", "for f in open/a.pem shut/in/a.pem shut/in/a.txt shut/a.txt; do cat <$f >/dev/null && echo $f; done; echo x >shut/in/a.txt && echo W; true")
    listed = os.geteuid() == 0
    try:
        for action, lost in (("read", "is shown"), ("write", "may be written")):
            p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.{action}", resource in Ward::Glob::"**/*.pem");\n', 0o644)
            r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", f"--{action}", ".", *look)
            seen = {"shut/a.txt"} | ({"shut/in/a.txt"} if listed or action == "write" else set())
            seen |= {"open/a.pem", "shut/in/a.pem"} if action == "write" else set()
            seen |= {"W"} if listed and action == "write" else set()
            check_eq(set(r.out.split()), seen, r.err)
            check_eq(f'"{p.ws}/shut/in" cannot be looked into, so nothing in it {lost}: a rule about names (x.cedar:1 is one) may be about it' in r.err, not listed, r.err)
    finally:
        (p.ws / "shut/in").chmod(0o755)


@user_only
def a_pattern_that_cannot_mean_what_lies_there_takes_nothing_there(p):
    """Of several rules about names, the one that leads there is asked, and named."""
    for name in ("other/a.pem", "docs/a.txt", "src/closed/a.pem", "src/closed/a.lock"):
        p.write(name, "text\n", 0o666)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"other/*.pem");\n'
                       'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"src/**/*.lock");\n', 0o644)
    look = ("sh", "-c", "for f in other/a.pem docs/a.txt src/closed/a.pem; do cat <$f >/dev/null && echo $f; done; for f in docs/a.txt src/closed/a.lock; "
                        "do echo x >$f && echo W; done; true")
    (p.ws / "src/closed").chmod(0o311)
    try:
        for words, held in ((("--read", ".", "--write", "docs"), False), (("--read", ".", "--write", "docs", "--write", "src"), True)):
            r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", *words, *look)
            check_eq(r.out.split(), ["docs/a.txt", "src/closed/a.pem", "W"], r.err)
            check_eq("cannot be looked into" in r.err, held, r.err)
            check_eq(f'"{p.ws}/src/closed" cannot be looked into, so nothing in it may be written: a rule about names (x.cedar:2 is one) may be about it'
                     in r.err, held, r.err)
    finally:
        (p.ws / "src/closed").chmod(0o755)


@user_only
def a_rule_holds_behind_a_directory_that_its_owner_closed(p):
    """Closed to Ward, which has its user's rights; and not to the run, which may open what is its user's."""
    p.write("shut/in/key", "text\n", 0o600)
    p.write("shut/other", "text\n", 0o600)
    rules = {"path": f'== Ward::Path::"{p.ws}/shut/in/key"', "pattern": 'in Ward::Glob::"**/k*y"'}
    for what, resource in rules.items():
        p.write("x.cedar", "".join(f'forbid (principal, action == Ward::Action::"fs.{a}", resource {resource});\n' for a in ("read", "write")), 0o644)
        # As a whole, or listed and not to be entered: what is in it is known by name alone, and what is below is not seen.
        for shut, mode in (("shut/in", 0), ("shut", 0), ("shut/in", 0o444), ("shut", 0o444)):
            (p.ws / shut).chmod(mode)
            try:
                r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", "--write", ".", "sh", "-c",
                             "chmod 700 shut; chmod 700 shut/in; cat shut/in/key; echo x >shut/in/key; mv shut/in out; cat out/key; true")
                check_eq((r.code, r.out), (0, ""), f"{what}, {shut} {mode:o}: {r.err}")
                check_in(f'"{p.ws}/{shut}" cannot be looked into', r.err)
            finally:
                (p.ws / shut).chmod(0o700)
            check_eq((p.ws / "shut/in/key").read_text(), "text\n")


@user_only
def nothing_runs_in_a_closed_directory_where_a_rule_is_about_names_of_programs(p):
    for name in ("shut/tool", "shut/other", "open/tool", "open/other"):
        p.write(name, "#!/usr/bin/true\n", 0o755)
    p.write("x.cedar", 'forbid (principal, action == Ward::Action::"proc.exec", resource) when { resource.name == "tool" };\n', 0o644)
    look = "for f in open/tool open/other shut/tool shut/other; do $f && echo $f; done; echo x >shut/new && echo W; true"
    for mode, seen in ((0o311, "W"), (0, None)):
        (p.ws / "shut").chmod(mode)
        try:
            r = ordinary(p, "--policy", "x.cedar", "--mode", "workspace_write", "sh", "-c", look if seen else f"chmod 700 shut; {look}")
            check_eq(r.out.split(), ["open/other", "W"], r.err)
            check_in(f'"{p.ws}/shut" cannot be looked into, so nothing in it is executed: x.cedar:1 is about programs by their names', r.err)
        finally:
            (p.ws / "shut").chmod(0o755)


@user_only
def what_is_forbidden_behind_a_closed_directory_of_a_runtime_stays_out_of_it(p):
    """Who may search a directory has what he can name in it, whoever may list it."""
    rt = p.side / "rt"
    for name in ("bin/tool", "conda-meta/x", "share/open", "share/in/a.pem"):
        (rt / name).parent.mkdir(parents=True, exist_ok=True)
        (rt / name).write_text("#!/bin/sh\n" + ('cd "${0%/bin/*}"; sh -c "$1"' if name == "bin/tool" else "text") + "\n")
        (rt / name).chmod(0o755)
    p.write("x.cedar", f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"{rt}/share/**/*.pem");\n', 0o644)
    (rt / "share/in").chmod(0o311)
    try:
        r = ordinary(p, "--policy", "x.cedar", "--accept", "files=advisory", rt / "bin/tool", "tail -1 share/open; tail -1 share/in/a.pem || echo no")
        check_eq((r.code, r.out), (0, "text\nno\n"), r.err)
        check_in(f'"{rt}/share/in" cannot be looked into, so nothing in it is shown: a rule about names (x.cedar:1 is one) may be about it', r.err)
    finally:
        (rt / "share/in").chmod(0o755)


@user_only
def a_link_into_what_is_closed_hides_nothing_beside_it(p):
    """The rule is about what lies behind the link: what keeps from that is closed, and not the directory of the link."""
    p.write("a", "text\n", 0o644)
    p.write("x.cedar", "".join(f'forbid (principal, action == Ward::Action::"fs.{a}", resource == Ward::Path::"{p.ws}/secret");\n' for a in ("read", "write")), 0o644)
    another = "/proc/1/root"   # of root's, whom no ordinary user looks over the shoulder
    for to in (f"{another}/etc/passwd", "shut/in/key"):
        p.write("shut/in/key", "text\n", 0o600)
        (p.ws / "secret").unlink(missing_ok=True)
        (p.ws / "secret").symlink_to(to)
        (p.ws / "shut").chmod(0)
        try:
            for mode in ("--read", "--write"):
                r = ordinary(p, "--policy", "x.cedar", mode, ".", "sh", "-c", "cat a; chmod 700 shut; cat secret shut/in/key; echo x >shut/in/key; mv shut out; true")
                held = to[0] != "/"
                check_eq((r.code, r.out.split("\n")[0]), (0, "text"), f"{to} {mode}: {r.err}")
                check_eq(f'"{p.ws}/shut" cannot be looked into, so nothing in it is shown: x.cedar:1 is about what may lie in it' in r.err, held, r.err)
                check_eq(f'"{p.ws}" cannot be looked into' in r.err, False, r.err)
                if held:
                    check_eq(r.out, "text\n", r.err)
                    check_eq((p.ws / "out").exists(), False)
                elif mode == "--write":
                    (p.ws / "out").rename(p.ws / "shut")
        finally:
            (p.ws / "shut").chmod(0o700)
        if to[0] != "/":
            check_eq((p.ws / "shut/in/key").read_text(), "text\n")


box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Help, version and the option table: what is printed, what is documented and what is accepted are the same."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import cli
from cli import ward
from tap import cases, check, check_eq, check_in, main, skip, test

sys.path.insert(0, str(cli.ROOT / "tools"))
import gen_completion  # noqa: E402  pylint: disable=wrong-import-position

OPTIONS = """cap capabilities read write workspace cwd env timeout grace cpus memory pids disk output-limit nofile stdin
tty audit head-to outcome report json dry-run fail-on-violation backend require accept attribution deny-errno i-know
quiet mode profile policy approve ask ask-timeout repo-root environment label component trust tier no-late-names resolver net-limit publish review disk-backend caches upstream-proxy upstream-direct""".split()
COMMANDS = ["run", "sandbox run", "plan", "doctor", "policy explain", "policy check", "policy show", "policy test", "policy diff", "policy fmt", "policy snapshot", "net check", "audit verify", "audit show", "net log", "pending", "approve", "deny", "allow", "stop", "runs ls", "runs show", "runs rm", "runs gc", "diff", "discard", "commit", "trust", "version", "help"]
# One line in the overview, a page of their own: test_cedar.py has the rest.
CEDAR = [f"cedar {name}" for name in """authorize evaluate validate check-parse check-entities format translate-policy
translate-schema link partially-authorize conformance""".split()]


def table():
    return json.loads(ward("options", "--json").out)


@test
def table_is_that_of_the_contract():
    check_eq(sorted(o["name"] for o in table()["options"]), sorted(OPTIONS))
    names = [c["name"] for c in table()["commands"] if not c["hidden"]]
    check_eq(names, [*COMMANDS[:-2], *CEDAR, *COMMANDS[-2:]])


@test
def overview_lists_every_command():
    r = ward("help")
    check_eq(r.code, 0)
    for name in COMMANDS:
        check(re.search(rf"^  {name}  +\S", r.out, re.M), f"{name} is not in the overview")
    check("options" not in re.findall(r"^  (\S+)", r.out, re.M), "a hidden command is shown")
    check_eq(len(re.findall(r"^  cedar \.\.\.  +\S", r.out, re.M)), 1)
    check_eq(ward("--help").out, r.out)
    check_eq(ward("-h").out, r.out)


@test
def alone_it_is_a_usage_error():
    check_eq(ward().code, 2)


@cases([("trust", "ward-trust", r"trust"), ("runs", "ward-runs", r"runs \w+|discard"), ("approvals", "ward-approve", r"pending|approve|deny|allow"),
        ("policies", "ward-policy", r"policy \w+|net check")])
def a_page_has_the_options_of_its_commands_and_no_others(page, which):
    """Those of the option table are put there by the build."""
    text = (cli.ROOT / "man" / f"{page}.1.scd").read_text()
    listed = text.split("# OPTIONS")[1].split("\n# ")[0]
    shared = {"--" + o["name"] for o in table()["options"]}
    told = set(re.findall(r"\*(--[a-z-]+)\*", "\n".join(x for x in listed.splitlines() if x.startswith("*"))))
    taken = set()
    for name in COMMANDS:
        if re.fullmatch(which, name):
            taken |= set(re.findall(r"--[a-z-]+", ward("help", *name.split()).out.split("\n\n")[0]))
            check_in(name.split()[-1], text.split("# DESCRIPTION")[0])
    check_eq(told - shared, taken - shared)
    if page != "ward-policy":
        check_eq(told, taken)


@cases([(name, name) for name in COMMANDS])
def help_of_a_command(name):
    words = name.split()
    r = ward("help", *words)
    check_eq(r.code, 0, r.err)
    check_in(f"ward {name}", r.out)
    for line in r.out.splitlines():
        check(len(line) <= 80, f"longer than 80 columns: {line!r}")
    check_eq(ward(*words, "--help"), r)
    if next(c for c in table()["commands"] if c["name"] == name)["options"]:
        for o in table()["options"]:
            shown = f"  --{o['name']}" + ("" if not o["arg"] else o["arg"] if o["arg"].startswith("[=") else f" {o['arg']}")
            check(re.search(rf"^{re.escape(shown)}(  |$)", r.out, re.M), f"{shown} is not in the help of {name}")
        check_eq(len(re.findall(r"^  --", r.out, re.M)), len(OPTIONS))
    # A heading that comes twice parts what belongs together.
    headings = re.findall(r"^(\S.*):$", r.out, re.M)
    check_eq(headings, list(dict.fromkeys(headings)))


@test
def help_between_options():
    r = ward("run", "--quiet", "--help")
    check_eq(r.code, 0)
    check_in("ward run [options]", r.out)


@test
def help_after_the_command_is_its_own():
    r = ward("help", "run", "more")
    check_eq(r.code, 2)


@test
def version():
    header = (cli.ROOT / "include/ward/ward.h").read_text()
    want = re.search(r'#define WARD_VERSION "([^"]+)"', header).group(1)
    check_eq(ward("version").out, f"ward {want}\n")
    check_eq(ward("--version").out, f"ward {want}\n")
    doc = json.loads(ward("version", "--json").out)
    check_eq(doc["version"], want)
    check_eq(doc["formats"]["outcome"], 1)


@cases([
    ("typing error", ["rnu"], "ward run"),
    ("typing error in the first of two words", ["polciy"], "did you mean ward policy?"),
    ("the version, as others ask for it", ["-V"], "did you mean ward version?"),
    ("help of a typing error", ["help", "policy", "explian"], "no help for \"policy explian\"; did you mean ward help policy explain?"),
    ("help of an option", ["help", "run", "--read"], "\"--read\" is no command; ward help run"),
    ("half a command", ["sandbox"], "sandbox run"),
    ("half of audit", ["audit"], "audit verify"),
    ("wrong half", ["audit", "verfy"], "audit verify"),
    ("nothing like it", ["ls", "/etc"], "ward run [options] [--] CMD"),
    ("an option as a command", ["--frobnicate"], "help"),
    ("argument of version", ["version", "--jsn"], "\"--jsn\" is not understood; did you mean --json?"),
    ("argument of doctor like nothing", ["doctor", "--frobnicate"], "help doctor"),
    ("argument of doctor", ["doctor", "x"], "help doctor"),
    ("two files to show", ["audit", "show", "a", "b"], "help audit show"),
    ("head without hash", ["audit", "verify", "--head"], "--head: an argument is missing; give --head HASH"),
    ("option of trust", ["trust", "--shwo"], "\"--shwo\" is not understood; did you mean --show?"),
    ("option of allow", ["allow", "--alway", "#1"], "\"--alway\" is not understood; did you mean --always?"),
    ("option of allow without its value", ["allow", "#1", "--audit"], "\"--audit\" cannot stand here"),
    ("option of approve", ["approve", "--onec", "x"], "did you mean --once?"),
    ("two of approve that exclude one another", ["approve", "--once", "--run", "x"], "\"--run\" cannot stand here"),
    ("option of deny", ["deny", "--now", "x"], "\"--now\" is not understood; see ward help deny"),
    ("option of pending", ["pending", "--jso"], "did you mean --json?"),
    ("option of stop with a value", ["stop", "--mach=a=b"], "\"--mach=a=b\" is not understood; did you mean --match?"),
    ("option of stop that its text names", ["stop", "--wiat", "1s", "x"], "did you mean --wait?"),
    ("option of a run, at stop", ["stop", "--lable", "x"], "\"--lable\" is not understood; see ward help stop"),
    ("option of runs ls", ["runs", "ls", "--jsno"], "did you mean --json?"),
    ("option of runs gc", ["runs", "gc", "--older-then", "1h"], "did you mean --older-than?"),
    ("option of diff", ["diff", "--stats"], "did you mean --stat?"),
    ("option of commit", ["commit", "--contine"], "did you mean --continue?"),
    ("option of net log", ["net", "log", "--audti", "x"], "did you mean --audit?"),
    ("option of audit verify", ["audit", "verify", "--haed", "x"], "did you mean --head?"),
    ("hash of trust", ["trust", "--hash"], "--hash: an argument is missing"),
    ("two directories", ["trust", "a", "b"], "\"b\" is not understood"),
    ("show and revoke", ["trust", "--show", "--revoke"], "see ward help trust"),
    ("hash and show", ["trust", "--show", "--hash", "x"], "see ward help trust"),
    ("no directory", ["trust", ""], "\"\" is not understood"),
    ("audit alone", ["audit"], "is missing; ward audit verify or show"),
    ("audit with another word", ["audit", "verfy"], "unknown command \"audit verfy\"; did you mean ward audit verify?"),
    ("a word without its group", ["explain", "--op", "read"], "unknown command \"explain\"; did you mean ward policy explain?"),
    ("another one", ["verify"], "unknown command \"verify\"; did you mean ward audit verify?"),
    ("a word of other tools, for which there is nothing to do", ["init"], "unknown command \"init\"; to run a command: ward run [options] [--] CMD; see ward help"),
    ("one that begins what a run is", ["shell"], "did you mean ward run?"),
    ("what others call it", ["log"], "unknown command \"log\"; did you mean ward audit show?"),
    ("a directory to verify", ["audit", "verify", "/etc"], "/etc is a directory; give the FILE"),
    ("plan alone", ["plan"], "no command given; ward plan [run] [options]"),
    ("plan of no script", ["plan", "sandbox", "run"], "no script given; ward plan sandbox run SCRIPT"),
    ("option of plan", ["plan", "--frob"], "--frob: unknown option; see ward help plan"),
    ("help of nothing", ["help", "nope"], "ward help"),
    ("option of discard", ["discard", "--json"], "\"--json\" is not understood; see ward help discard"),
    ("runs rm of none", ["runs", "rm"], "no RUN is given; see ward help runs rm"),
    ("runs gc without its time", ["runs", "gc", "--older-than"], "--older-than: its time is missing, as in 48h; see ward help runs gc"),
    ("runs gc with a bad time", ["runs", "gc", "--older-than", "x"], "--older-than: 'x' is not a time span"),
    ("level of cedar", ["cedar", "validate", "--schema", "x", "--level", "x"], "--level: "),
])
def unknown_words(words, says):
    r = ward(*words)
    check_eq(r.code, 2, r.err)
    check_eq(r.out, "")
    cli.only_ward_lines(r.err)
    check_eq(len(r.err.splitlines()), 1, r.err)
    check_in(says, r.err)


@cases([("help audit", ["help", "audit"]), ("audit --help", ["audit", "--help"])])
def help_of_a_group(words):
    r = ward(*words)
    check_eq((r.code, r.err), (0, ""))
    check_in("ward audit verify [FILE]", r.out)
    check_in("ward audit show [FILE]", r.out)


@test
def help_of_cedar():
    for words in (["help", "cedar"], ["cedar", "--help"]):
        r = ward(*words)
        check_eq((r.code, r.err), (0, ""))
        for name in CEDAR:
            check_in(f"  ward {name} ", r.out)


@test
def exit_codes_are_in_the_help():
    text = ward("help", "run").out
    for code in ("123", "124", "125", "126", "127", "137", "128+N"):
        check(re.search(rf"^  {re.escape(code)}  \S", text, re.M), f"{code} is not in the help")


def generated(what):
    p = subprocess.run([sys.executable, str(cli.ROOT / "tools/gen-options"), what, cli.WARD],
                       stdout=subprocess.PIPE, check=True, text=True)
    return p.stdout


@test
def man_page_has_every_option():
    text = generated("scd")
    for o in table()["options"]:
        check(re.search(rf"^\*--{re.escape(o['name'])}\*", text, re.M), f"--{o['name']} is not in the man page")
        first = o["text"].split(".")[0].split("_")[0][:30].replace("\\", "").split("*")[0]
        check_in(first, text, f"text of --{o['name']}")
    for o in table()["cedar_options"]:
        check(re.search(rf"^(\*-\w\*.*, )?\*--{re.escape(o['name'])}\*", text, re.M), f"--{o['name']} is not in the man page")


@cases([(shell, shell) for shell in ("bash", "zsh", "fish")])
def completion_has_every_option_and_command(shell):
    text = generated(shell)
    dashes = "-l " if shell == "fish" else "--"
    for name in OPTIONS + [o["name"] for o in table()["cedar_options"]]:
        check(re.search(rf"{dashes}{re.escape(name)}(?![\w-])", text), f"--{name}")
    for c in COMMANDS + CEDAR:
        for word in c.split():
            check(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text), word)


@test
def completion_knows_what_the_help_of_a_command_says():
    """Each option that its usage names; and what it offers is one."""
    for c in table()["commands"]:
        if c["options"] or c["cedar"] or c["name"] == "options":
            continue
        offered = {name for name, *_ in gen_completion.rows(table(), c["name"])}
        named = set(re.findall(r"--([a-z][a-z-]*)", c["usage"]))
        check(named <= offered, f"{c['name']}: {named - offered}")
        own = {name for name, _ in gen_completion.small(c["name"])} - named - {"json"}
        said = set(re.findall(r"--([a-z][a-z-]*)", c["text"]))
        check(own <= said | {"older-than", "dry-run"}, f"{c['name']}: {own - said} are not in its help")


PAGES = ["README.md", "docs/guide/quickstart.md", "ARCHITECTURE.md", "docs/spec/outcome.md", "man/ward.1.scd",
         "man/ward-run.1.scd"]


@cases([(name, name) for name in ("README.md", "docs/cedar.md", "docs/spec/cedar.md", "man/ward-cedar.1.scd", "NEWS.md")])
def documents_name_options_of_cedar_that_exist(name):
    bits = {c["name"]: c["cedar"] for c in table()["commands"]}
    for words in set(re.findall(r"ward (cedar [a-z-]+[^\n`]*)", (cli.ROOT / name).read_text().replace("*", ""))):
        command = " ".join(words.split()[:2])
        if command not in bits:
            check(command in ("cedar _COMMAND_", "cedar works", "cedar COMMAND"), f"there is no {command} ({name})")
            continue
        for option in re.findall(r"(?<![\w-])--([a-z][a-z-]*)", words):
            check(any(o["name"] == option and o["commands"] & bits[command] for o in table()["cedar_options"]),
                  f"--{option} in {words!r}")


@cases([(name, name) for name in PAGES])
def documents_name_options_that_exist(name):
    text = (cli.ROOT / name).read_text()
    used = set(re.findall(r"ward [a-z ]*?(?:run|plan)[^\n`]*", text))
    for words in used:
        # Behind " -- " stands the command's own.
        for option in re.findall(r"(?<![\w-])--([a-z][a-z-]*)", words.split(" -- ")[0]):
            check(option in OPTIONS or option == "help", f"--{option} in {words!r}")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            check(((cli.ROOT / name).parent / target).exists(), f"{name} links to {target}, which is not there")


@test
def every_json_example_of_the_quick_start_is_a_capability_file():
    text = (cli.ROOT / "docs/guide/quickstart.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", text, re.S)
    check(blocks, "no example")
    with cli.place() as p:
        (p.ws / "data").mkdir()
        (p.ws / "data/a.csv").write_text("a")
        (p.ws / "out").mkdir()
        for block in blocks:
            p.write("caps.json", block)
            r = p.run("--capabilities", "caps.json", "true", kind=("plan",))
            check_eq(r.code, 0, r.err)


BASH = r"""
source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
_ward; printf '%s\n' "${COMPREPLY[@]}"
"""


@cases([
    ("commands", ["ward", ""], {"run", "sandbox", "plan", "doctor", "policy", "audit", "net", "pending", "approve", "deny", "allow", "stop", "runs", "diff", "discard", "commit", "trust", "cedar", "version", "help"}, True),
    ("cedar", ["ward", "cedar", "trans"], {"translate-policy", "translate-schema"}, True),
    ("options of cedar", ["ward", "cedar", "format", "--"], {"--policies", "--line-width", "--indent-width", "--write", "--check",
                                                           "--json", "--error-format", "--help"}, True),
    ("choices of cedar", ["ward", "cedar", "validate", "--policy-format", ""], {"cedar", "json"}, True),
    ("audit", ["ward", "audit", ""], {"verify", "show"}, True),
    ("options of trust", ["ward", "trust", "--"], {"--show", "--revoke", "--hash", "--json", "--help"}, True),
    ("options of approve", ["ward", "approve", "--"], {"--once", "--run", "--help"}, True),
    ("options of allow", ["ward", "allow", "--"], {"--once", "--always", "--audit", "--help"}, True),
    ("options", ["ward", "run", "--out"], {"--outcome", "--output-limit"}, True),
    ("options of sandbox run", ["ward", "sandbox", "run", "--deny"], {"--deny-errno"}, True),
    ("choices", ["ward", "run", "--attribution", ""], {"auto", "fuse", "notify", "none"}, True),
    ("choices begun", ["ward", "run", "--backend", "d"], {"direct"}, True),
    ("behind --", ["ward", "run", "--", "--read"], {"--read"}, False),
    # As readline divides them.
    ("choices behind =", ["ward", "run", "--backend", "=", "d"], {"direct"}, True),
    ("all choices behind =", ["ward", "run", "--attribution", "="], {"auto", "fuse", "notify", "none"}, True),
    ("what has no word of its own", ["ward", "run", "--review", "=", "l"], {"live"}, True),
    ("an axis", ["ward", "run", "--require", "cpu", "=", "e"], {"enforced"}, True),
    ("a path of a capability", ["ward", "run", "--cap", "FILE_READ", ":", "/etc/hostn"], {"/etc/hostname"}, True),
    ("a host of a capability", ["ward", "run", "--cap", "NETWORK_CONNECT", ":", "ca"], set(), True),
    ("options of doctor", ["ward", "doctor", "--"], {"--json", "--help"}, True),
])
def completion_works(words, want, exact):
    with cli.place() as p:
        script = p.side / "ward.bash"
        script.write_text(generated("bash"))
        r = subprocess.run(["bash", "-c", BASH, "bash", str(script), *words], stdout=subprocess.PIPE, check=True,
                           text=True)
        got = {w.strip() for w in r.stdout.split("\n") if w.strip()}
        if exact:
            check_eq(got, want)
        else:
            check(not got & want, f"{got} offered")


def typed(directory, script, keys):
    """What a bash on a terminal says when somebody types keys there, ward being a function that prints its words."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "$ ", "HOME": str(directory), "HISTFILE": ""})
    said = b""

    def until(what):
        nonlocal said
        end = time.monotonic() + 30 * cli.PATIENCE
        while what not in said and time.monotonic() < end:
            if select.select([fd], [], [], 0.2)[0]:
                said += os.read(fd, 65536)

    try:
        os.write(fd, b"source '" + os.fsencode(script) + b"'; ward() { printf '<%s>' \"$@\"; printf 'do''ne\\n'; }; printf 'rea''dy\\n'\n")
        until(b"ready")
        os.write(fd, keys)
        time.sleep(0.5)  # what is typed behind a tab waits for it; who reads it does not
        os.write(fd, b"\n")
        until(b"done")
    finally:
        os.close(fd)
        os.waitpid(pid, 0)
    return said


@cases([(ascii(name), name) for name in ("x;touch made ", "x;touch made", "x$(touch made)\n", "x;touch${IFS}made;a=", "x;touch${IFS}made;a:", "x y", "x'", "x\\")])
def completion_makes_one_word_of_a_name(name):
    """It is typed as one that a shell reads as that name, whatever it is called."""
    if not shutil.which("bash"):
        return skip("no bash")
    with cli.place() as p:
        script = p.side / "ward.bash"
        script.write_text(generated("bash"))
        for words in ("diff ", "run -- cat ", "run --audit "):
            (p.ws / name).write_text("")
            said = typed(p.ws, script, b"ward " + words.encode() + b"x\t")
            check(not (p.ws / "made").exists(), "a name became a command")
            if "\n" not in name:
                check_in(b"<" + name.encode() + b">", said)
    return None


@test
def installed_man_pages_are_the_generated_ones():
    built = os.environ.get("WARD_MAN")
    if not built:
        skip("man pages were not built (scdoc is missing)")
    with open(os.path.join(built, "ward-run.1"), encoding="utf-8") as f:
        text = f.read().replace("\\-", "-").replace("\\&", "")
    for name in OPTIONS:
        check_in(f"--{name}", text)
    with open(os.path.join(built, "ward.1"), encoding="utf-8") as f:
        text = f.read()
    for c in COMMANDS:
        check_in(c.split()[-1], text)
    with open(os.path.join(built, "ward-cedar.1"), encoding="utf-8") as f:
        text = f.read().replace("\\-", "-").replace("\\&", "")
    for c in CEDAR:
        check_in(c, text)
    for o in table()["cedar_options"]:
        check_in(f"--{o['name']}", text)


@cases([(" ".join(words), words) for words in (["help"], ["help", "run"], ["--version"], ["options", "--json"], ["doctor", "--json"], ["policy", "--help"], ["runs", "--json"])])
def what_does_not_arrive_is_no_success(words):
    with open("/dev/full", "wb") as full:
        p = subprocess.run([cli.WARD, *words], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    check_eq((p.returncode, p.stderr), (2, "ward: cannot write to standard output\n"))
    # Who reads no more knows it.
    there, here = os.pipe()
    os.close(there)
    with open(here, "wb") as gone:
        p = subprocess.run([cli.WARD, *words], stdin=subprocess.DEVNULL, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    check_eq((p.returncode, p.stderr), (2, ""))


main()

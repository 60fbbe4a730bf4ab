#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The modes: valid in strict mode, formatted, and each cell of the table in docs/spec/modes.md is what the language answers.

The world of the questions is a worktree: its git directories lie outside the workspace, the repository's top above it.
"""
import json
import re
import subprocess
import tempfile

from cli import ROOT, WARD
from tap import cases, check, check_eq, check_in, main, test

SCHEMA, DATA = ROOT / "data/ward.cedarschema", ROOT / "data/modes"
MODES = ["read_only", "workspace_write", "repo_write", "danger_full_access"]
PAGE = (ROOT / "docs/spec/modes.md").read_text()
PRIVATE = ["/tmp/x", "/home/ward/.cache/x", "/dev/null", "/dev/shm/x", "/proc/self/oom_score_adj"]

# What each row of the table asks: (action, type, id) of each question that belongs to it.
ROWS = {
    "read the repository": [("fs.read", "Path", p) for p in
                            ("/r", "/r/README", "/r/ws/src/a.c", "/r/ws/.git", "/r/.env", "/main/.git/HEAD",
                             "/main/.git/worktrees/ws/index")],
    "read its history": [("git.read", "Repository", "/r")],
    "write the workspace": [("fs.write", "Path", p) for p in ("/r/ws/new", "/r/ws/src/a.c", "/r/ws/.env", "/r/ws/.wardrobe")],
    "write elsewhere": [("fs.write", "Path", p) for p in ("/r/other", "/etc/passwd", "/main/src/a.c", "/home/ann/.bashrc",
                                                          "/r/ws2/a", "/tmpfile")],
    "start programs": [("proc.exec", "Program", "/usr/bin/make"), ("proc.exec", "Program", "/r/ws/run.sh"),
                       ("fs.exec", "Path", "/usr/bin/make")],
    "commit": [("git.commit", "Repository", "/r"), ("fs.write", "Path", "/main/.git/objects/ab"),
               ("fs.write", "Path", "/main/.git/worktrees/ws/index")],
    "push": [("git.push", "Repository", "/r")],
    "reach a host": [("net.connect", "Endpoint", "api.example.com:443"), ("net.connect", "Path", "/run/docker.sock"),
                     ("http.request", "Endpoint", "api.example.com:443")],
    "be reached": [("net.listen", "Endpoint", "0.0.0.0:80")],
    "hand text to a shell": [("shell.exec", "Program", "/bin/sh")],
    "write `.ward/`": [("fs.write", "Path", "/r/ws/.ward"), ("fs.write", "Path", "/r/ws/.ward/policy.cedar")],
    "write git's hooks and configuration": [("fs.write", "Path", p) for p in
                                            ("/main/.git/hooks/pre-commit", "/main/.git/config", "/r/ws/.git")],
}


def cedar(*words, text=None):
    return subprocess.run([WARD, "cedar", *words], input=text, capture_output=True, text=True, timeout=60, check=False)


def uid(kind, name):
    return {"type": f"Ward::{kind}", "id": name}


def above(path):
    """The directories of a path."""
    return [path[:m.start()] or "/" for m in re.finditer("/", path)] if path != "/" else []


def entities():
    paths = {q[2] for row in ROWS.values() for q in row if q[1] in ("Path", "Program", "Repository")} | set(PRIVATE)
    paths |= {"/r/ws", "/r", "/main/.git", "/main/.git/hooks", "/main/.git/config", "/r/ws/.git"}
    paths |= {d for p in list(paths) for d in above(p)}
    made = [{"uid": uid("Path", p), "attrs": {}, "parents": [uid("Path", d) for d in above(p)]} for p in sorted(paths)]
    made += [{"uid": uid("Program", p), "attrs": {"name": p.rsplit("/", 1)[1]}, "parents": [uid("Path", p)]}
             for p in ("/usr/bin/make", "/r/ws/run.sh", "/bin/sh")]
    made += [{"uid": uid("Repository", "/r"), "attrs": {}, "parents": [uid("Path", "/r")]}]
    made += [{"uid": uid("Endpoint", e), "attrs": {"port": 443}, "parents": []} for e in ("api.example.com:443", "0.0.0.0:80")]
    git = ["/main/.git", "/r/ws/.git"]
    made += [{"uid": uid("Person", "ann"), "attrs": {"uid": 1000}, "parents": []},
             {"uid": uid("Run", "1"), "parents": [uid("Person", "ann")],
              "attrs": {"workspace": uid("Path", "/r/ws"), "repo_root": uid("Path", "/r"),
                        "git_dirs": [uid("Path", p) for p in git],
                        "git_protected": [uid("Path", p) for p in ("/main/.git/hooks", "/main/.git/config", "/r/ws/.git")]}}]
    return made


def context(mode, action):
    more = {"http.request": {"method": "GET", "path": "/"}, "git.push": {"remote": "https://example.com/r"},
            "shell.exec": {"argv_sha256": "00"}}.get(action, {})
    return {"phase": uid("Phase", "unregistered"), "environment": uid("Environment", "dev"), "tier": 1,
            "trust": uid("Trust", "untrusted"), "mode": uid("Mode", mode), "labels": [],
            "time": {"fn": "datetime", "arg": "2026-11-26"}, **more}


def text_of(mode):
    """As it is bound to the workspace /r/ws: "./" is that."""
    text = (DATA / f"{mode}.cedar").read_text()
    return text.replace('Path::"./"', 'Path::"/r/ws"').replace('Path::"./', 'Path::"/r/ws/')


class Asked:
    """A mode's policies, and what they say to some questions at once."""

    def __init__(self, mode):
        self.mode, self.text = mode, text_of(mode)
        shown = json.loads(cedar("translate-policy", "--direction", "cedar-to-json", text=self.text).stdout)
        self.policies = shown["staticPolicies"]

    def ask(self, questions, who=("Run", "1")):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as e, tempfile.NamedTemporaryFile("w", suffix=".jsonl") as r, \
                tempfile.NamedTemporaryFile("w", suffix=".cedar") as p:
            json.dump(entities(), e)
            p.write(self.text)
            for action, kind, name in questions:
                json.dump({"principal": uid(*who), "action": uid("Action", action), "resource": uid(kind, name),
                           "context": context(self.mode, action)}, r)
                r.write("\n")
            for f in (e, r, p):
                f.flush()
            out = cedar("authorize", "--requests", r.name, "--entities", e.name, "-p", p.name, "-s", str(SCHEMA))
        check_eq(out.returncode, 0, out.stdout + out.stderr)
        return [self.say(json.loads(line)) for line in out.stdout.splitlines()]

    def say(self, answer):
        check(answer["decision"] and not answer["errors"], json.dumps(answer))
        found = [self.policies[i] for i in answer["reason"]]
        if any(p["effect"] == "forbid" for p in found):
            return "never"
        if not found:
            return "no"
        levels = {p.get("annotations", {}).get("approval", "yes") for p in found}
        return levels.pop() if len(levels) == 1 else f"mixed: {sorted(levels)}"


def table():
    lines = PAGE.split("| capability |", 1)[1].splitlines()
    check_eq([c.strip().strip("`") for c in lines[0].strip("|").split("|")], MODES)
    rows = {}
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        cells = [c.strip() for c in line.strip("|").split("|")]
        rows[cells[0]] = dict(zip(MODES, cells[1:]))
    return rows


TABLE = table()


@cases([(m, m) for m in MODES + ["dotenv", "../start"]])
def valid_and_formatted(mode):
    path = str(DATA / f"{mode}.cedar")
    r = cedar("validate", "-s", str(SCHEMA), "-p", path, "--deny-warnings", "--validation-mode", "strict")
    check_eq(r.returncode, 0, r.stdout + r.stderr)
    r = cedar("format", "-p", path, "--check")
    check_eq(r.returncode, 0, "run ward cedar format --write on it")
    shown = json.loads(cedar("translate-policy", "--direction", "cedar-to-json", "-p", path).stdout)
    ids = [p.get("annotations", {}).get("id") for p in shown["staticPolicies"].values()]
    check(all(i and i.startswith(mode.split("/")[-1] + ".") for i in ids), f"each policy has an id that begins with {mode}.: {ids}")
    check_eq(len(set(ids)), len(ids), "an id is given twice")
    for p in shown["staticPolicies"].values():
        notes = p["annotations"]
        check("reason" in notes or (p["effect"] == "permit" and "approval" not in notes), f"{notes}: no reason")
        check(notes.get("approval", "risky") in ("risky", "critical"), notes)


@test
def the_table_and_the_questions_have_the_same_rows():
    check_eq(sorted(TABLE), sorted([*ROWS, "enter the mode"]))


@cases([(m, m) for m in MODES])
def answers_as_the_table_says(mode):
    asked, wrong = Asked(mode), []
    for row, questions in ROWS.items():
        for question, got in zip(questions, asked.ask(questions)):
            if got != TABLE[row][mode]:
                wrong.append(f"{row} {question}: {got}, the table says {TABLE[row][mode]}")
    check(not wrong, "\n  ".join(wrong))


@cases([(m, m) for m in MODES])
def is_entered_by_a_person_and_never_widened_by_a_run(mode):
    asked = Asked(mode)
    enter = [("mode.enter", "Mode", m) for m in MODES]
    check_eq(asked.ask(enter, who=("Person", "ann")), [TABLE["enter the mode"][mode] if m == mode else "no" for m in MODES])
    got = asked.ask(enter)
    for other, answer in zip(MODES, got):
        if MODES.index(other) > MODES.index(mode):
            check_eq(answer, "never", f"a run in {mode} asks for {other}")


@cases([(m, m) for m in MODES])
def leaves_private_places_alone(mode):
    got = Asked(mode).ask([("fs.write", "Path", p) for p in PRIVATE])
    check_eq(got, ["yes" if mode == "danger_full_access" else "no"] * len(PRIVATE))


@cases([(m, m) for m in MODES])
def opens_nothing_that_has_rules_of_its_own(mode):
    text = (DATA / f"{mode}.cedar").read_text()
    for word in ("secret.read", "env.read", "db.", "artifact.", "registry.", "tool.call", "data_read", "data_write", "control"):
        check(f'Action::"{word}' not in text, f"{word} stands in {mode}")
    for permit in re.findall(r"permit \((.*?)\)", text, flags=re.S):
        check_in("action ", permit)
        check(re.search(r"action (==|in) ", permit), f"a permit for every action: {permit}")


@test
def limits_are_those_of_the_page():
    given = {}
    for line in (DATA / "limits").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            given[words[0], words[1]] = words[2]
    heads = [c.strip() for c in PAGE.split("| mode |", 1)[1].splitlines()[0].strip("|").split("|")]
    shown = {}
    for line in PAGE.split("| mode |", 1)[1].splitlines()[2:]:
        cells = [c.strip().strip("`") for c in line.strip("|").split("|")]
        if cells[0] in MODES:
            shown |= {(cells[0], head): value for head, value in zip(heads, cells[1:])}
    check_eq(shown, given)


main()

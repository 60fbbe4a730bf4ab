#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gen-vocabulary: each mistake in the schema's actions, in data/modes, data/aliases and data/sensitive is one line with its place."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

TOOL, DATA = ROOT / "tools/gen-vocabulary", ROOT / "data"


def run(name=None, old="", new=""):
    """-> (exit code, stderr, what was written) with one text of data/ changed."""
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "modes").mkdir()
        for f in ("ward.cedarschema", "aliases", "sensitive", "start.cedar", "profiles.yaml", "modes/limits", *(p.relative_to(DATA) for p in DATA.glob("modes/*.cedar"))):
            shutil.copyfile(DATA / f, d / f)
        if name:
            text = (d / name).read_text()
            check_in(old, text, "the text to change is gone")
            (d / name).write_text(text.replace(old, new, 1))
        p = subprocess.run([sys.executable, TOOL, d, d / "out.c"], capture_output=True, text=True, check=False)
        return p.returncode, p.stderr, (d / "out.c").read_text() if (d / "out.c").exists() else None


@test
def the_shipped_data():
    code, err, out = run()
    check_eq((code, err), (0, ""))
    check(out.count("\n") > 1000, "too little was written")


@test
def the_only_list_of_sensitive_names():
    """Two lists would differ some day."""
    words = [line.split()[1] for line in (DATA / "sensitive").read_text().splitlines() if line.startswith("part ")]
    check(len(words) > 8, words)
    listed = re.compile("|".join(rf'"-*{w}_?"' for w in words), flags=re.I)
    files = [p for top in ("src", "include", "data", "tools") for p in (ROOT / top).rglob("*") if p.is_file()]
    check(len(files) > 300, "too few files")
    check_eq([str(p.relative_to(ROOT)) for p in files
              if p != DATA / "sensitive" and len(listed.findall(p.read_text(errors="replace"))) > 1], [])


@cases([
    ("an unknown mode", "modes/limits", "read_only memory", "readonly memory", ": readonly: no mode"),
    ("an unknown limit", "modes/limits", "read_only memory", "read_only memroy", ": memroy: no limit"),
    ("a limit twice", "modes/limits", "read_only cpus all", "read_only pids 5", "pids is given twice"),
    ("a limit that is missing", "modes/limits", "read_only cpus all\n", "", "no line for read_only cpus"),
    ("too many words", "modes/limits", "read_only cpus all", "read_only cpus all 5", "MODE LIMIT VALUE"),
    ("a size of nothing", "modes/limits", "disk 256M", "disk 0M", "0M: not a size"),
    ("no limit where there must be one", "modes/limits", "disk 256M", "disk none", "none: not a size"),
    ("a time without a unit", "modes/limits", "grace 5s", "grace 5", "5: not a time"),
    ("grace without end", "modes/limits", "grace 5s", "grace never", "never: not a time"),
    ("more than all", "modes/limits", "memory 25%", "memory 125%", "more than there is"),
    ("no number", "modes/limits", "pids 512", "pids -1", "-1: not a number"),
    ("a word twice", "aliases", "alias file.read ", "alias FILE_READ ", "FILE_READ has a meaning already"),
    ("an action's name", "aliases", "alias file.read ", "alias fs.read ", "fs.read has a meaning already"),
    ("a family's name", "aliases", "alias file.read ", "alias repo_read ", "repo_read has a meaning already"),
    ("an unknown action", "aliases", "fs.read fs.write", "fs.read fs.wirte", "fs.wirte: the schema has no such action"),
    ("a family as a meaning", "aliases", "fs.read fs.write", "repo_read", "repo_read: the schema has no such action"),
    ("an unknown mode as a meaning", "aliases", "read-only            read_only", "read-only readonly", "no such mode"),
    ("a mode that is its own alias", "aliases", "mode read-only ", "mode read_only ", "has a meaning already"),
    ("a word without a meaning", "aliases", "alias ENV                 env.read", "alias ENV", "not \"alias WORD"),
    ("another verb", "aliases", "alias ENV ", "name ENV ", "not \"alias WORD"),
    ("a family without members", "ward.cedarschema", 'action "net.connect" in [network_access]', 'action "net.connect" in [nowhere]',
     "net.connect is in nowhere"),
    ("a family in a family", "ward.cedarschema", "action run_programs;", "action run_programs in [repo_read];", "a family in a family"),
    ("an unknown kind of secret", "sensitive", "part SECRET", "parts SECRET", 'not "KIND TEXT"'),
    ("a secret twice", "sensitive", "part TOKEN", "part SECRET", "is there twice"),
    ("a name that no name can hold", "sensitive", "part TOKEN", "part TO_KEN", "TO_KEN: a name is written in capitals"),
    ("a kind without a line", "sensitive", "block -----BEGIN", "", "no line for block"),
    ("bytes that are no ASCII", "modes/read_only.cedar", "look at", "l\u00f6\u00f6k at", "read_only.cedar:1: not ASCII"),
])
def refused(name, old, new, message):
    code, err, out = run(name, old, new)
    check_eq(code, 1, err)
    check(out is None, "a file was written")
    check_in(message, err)
    check_eq(err.count("\n"), 1, "one line")
    check(err.startswith(("data/" + name, name)) , err)


main()

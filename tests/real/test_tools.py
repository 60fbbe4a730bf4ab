#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person's tools under `ward run --mode workspace_write`, in a clone and in a worktree, without a grant by hand and without a refusal.

The small, offline half of projects.py: projects that the test makes, run with the toolchains that this machine has; and homes that the
test lays out as pyenv, nvm, rustup and cargo do, to see what is brought along and what is not.
"""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box  # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in, skip  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from laid import MODE, SYSTEM, as_outside, git, inside, lay, sh, tool  # noqa: E402  pylint: disable=wrong-import-position

FILES = {
    "python": {"test_sum.py": "import pathlib, tempfile\n\ndef test_sum():\n    assert sum([1, 2]) == 3\n"
                              "    with tempfile.TemporaryDirectory() as d:\n        pathlib.Path(d, 'x').write_text('y')\n"},
    "c": {"Makefile": "all: a b\na: a.o c.o\n\t$(CC) -o $@ $^\nb: b.o c.o\n\t$(CC) -o $@ $^\ncheck: all\n\t./a && ./b\n",
          "a.c": "int c(void); int main(void) { return c(); }\n", "b.c": "int c(void); int main(void) { return c(); }\n",
          "c.c": "#include <stdio.h>\nint c(void) { return puts(\"c\") < 0; }\n"},
    "node": {"package.json": '{ "name": "x", "version": "1.0.0", "scripts": { "test": "node --test" } }\n',
             "x.test.js": "require('node:test')('adds', () => require('node:assert').equal(1 + 1, 2));\n"},
    "go": {"go.mod": "module example.com/x\n\ngo 1.19\n\nrequire example.com/y v1.0.0\n", "x.go": "package main\n\nimport \"example.com/y\"\n\nfunc main() { y.Y() }\n",
           "vendor/modules.txt": "# example.com/y v1.0.0\n## explicit\nexample.com/y\n", "vendor/example.com/y/y.go": "package y\n\nfunc Y() {}\n"},
    "rust": {"Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2018"\n', "Cargo.lock": 'version = 3\n\n[[package]]\nname = "x"\nversion = "0.1.0"\n',
             "src/lib.rs": "pub fn one() -> u32 { 1 }\n#[test]\nfn is_one() { assert_eq!(one(), 1) }\n"},
    "perl": {"lib/X.pm": "package X; sub one {1} 1;\n", "Makefile.PL": "use ExtUtils::MakeMaker; WriteMakefile(NAME => 'X', VERSION => '1');\n",
             "t/a.t": "use Test::More; use X; use File::Temp 'tempfile'; my ($f) = tempfile(); is(X::one(), 1); is(`echo 1`, \"1\\n\"); done_testing;\n"},
    "cmake": {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.13)\nproject(x C)\ninclude(GNUInstallDirs)\n"
                                "enable_testing()\nadd_executable(x x.c)\nadd_test(NAME x COMMAND x)\n", "x.c": "int main(void) { return 0; }\n"},
    "ruby": {"Rakefile": 'require "rake/testtask"\nRake::TestTask.new { |t| t.pattern = "*_test.rb" }\n',
             "x_test.rb": 'require "minitest/autorun"\nrequire "socket"\nclass XTest < Minitest::Test\n  def test_x\n    s = TCPServer.new("127.0.0.1", 0)\n'
                          '    assert TCPSocket.new("127.0.0.1", s.addr[1])\n  end\nend\n'},
    "manual": {"x.1": ".TH X 1\n.SH NAME\nx \\- nothing\n"},
    "editor": {"a.txt": "a\n"},
}
COMMANDS = {
    "python": [["python3", "-m", "unittest", "-q"], ["python3", "-m", "pytest", "-q"]],
    "c": [["make", "-j4"], ["make", "check"]],
    "node": [["node", "--test"], ["npm", "test"], ["npm", "run"], ["npx", "--no-install", "node", "--version"]],
    "go": [["go", "build", "-mod=vendor", "./..."], ["go", "vet", "./..."]],
    "rust": [["cargo", "build", "--offline"], ["cargo", "test", "--offline", "-q"]],
    "perl": [["prove", "-l", "t"], ["perl", "Makefile.PL"], ["make", "test"]],
    "cmake": [["cmake", "-B", "b"], ["cmake", "--build", "b"], ["ctest", "--test-dir", "b"]],
    "ruby": [["ruby", "-e", "require 'json'; exit JSON.parse('[1]') == [1]"], ["rake", "test"], ["gem", "list"]],
    "manual": [["man", "-P", "cat", "-l", "x.1"], ["man", "-w", "ls"], ["man", "-P", "cat", "ls"]],
    "editor": [["vim", "-es", "-c", "r a.txt", "-c", "wq! b.txt"], ["gdb", "-batch", "-ex", "print 1"], ["file", "a.txt"],
               ["less", "a.txt"], ["nano", "--version"], ["tmux", "-V"]],
}


@both_cases([(kind, kind) for kind in FILES])
def works(p, kind):
    env = {"PATH": SYSTEM, "HOME": str(p.home)}
    if kind == "rust" and os.geteuid() == 0 and pathlib.Path("/root/.cargo/bin/cargo").exists():
        env = {"PATH": "/root/.cargo/bin:" + SYSTEM, "HOME": "/root"}
    if kind == "python" and os.geteuid() == 0 and pathlib.Path("/root/.pyenv/shims/python3").exists():
        env = {"PATH": "/root/.pyenv/shims:" + SYSTEM, "HOME": "/root", "PYENV_ROOT": "/root/.pyenv"}
    as_outside(p, FILES[kind], COMMANDS[kind], env)


@both
def of_etc_no_more_is_shown_than_programs_need(p):
    """What may hold a login is not there, beside what is."""
    names = [n for n in ("/etc/maven/settings.xml", "/etc/php/8.2/cli/php.ini", "/etc/php/8.2/mods-available", "/var/lib/dpkg", "/etc/pip.conf") if os.path.exists(n)]
    if not names:
        skip("none of these on this host")
    r = p.run(*MODE, "--", "sh", "-c", f"ls -d {' '.join(names)}; ls /var/lib")
    check(not any(n in r.out for n in names) and "dpkg" not in r.out, r.out + r.err)


@both_cases([("clone", 0), ("worktree", 1)])
def files_that_git_lfs_keeps_are_compared(p, which):
    if not shutil.which("git-lfs", path=SYSTEM):
        skip("no git-lfs")
    if subprocess.run(["git", "init", "-q", p.ws], check=False).returncode or sh("git", "lfs", "install", "--local", cwd=p.ws).returncode:
        skip("git-lfs does not install itself here")
    (p.ws / "a.bin").write_bytes(bytes(range(256)) * 100)
    _, d = lay(p, {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "t.txt": "t\n"})[which]
    (d / "a.bin").write_bytes(b"other")
    for argv in (["git", "diff", "--stat"], ["git", "diff"], ["git", "status", "--short"], ["git", "lfs", "ls-files"], ["git", "archive", "-o", "/dev/null", "HEAD"]):
        out, r = sh(*argv, cwd=d, env={"PATH": SYSTEM, "GIT_OPTIONAL_LOCKS": "0"}), inside(p, d, *argv, env={"PATH": SYSTEM, "HOME": str(p.home)})
        check_eq((r.code, len(r.out)), (out.returncode, len(out.stdout)), f"{argv}: {r.out[:300]}{r.err}")
        check(argv[1] in ("lfs", "archive") or "a.bin" in r.out, r.out[:300])
    check_eq(list(p.ws.glob(".git/lfs/tmp/*")), [])


@both
def git_is_looked_at_and_not_written(p):
    for where, d in lay(p, {"a.txt": "a\n", "b/c.txt": "c\n"}):
        (d / "a.txt").write_text("b\n")
        (d / "new").write_text("n\n")
        for argv in (["status", "--short"], ["log", "--oneline"], ["diff"], ["diff", "--stat", "HEAD"], ["show", "--stat"], ["ls-files"], ["branch", "-a"],
                     ["blame", "b/c.txt"], ["grep", "-n", "c"], ["rev-parse", "--show-toplevel"], ["stash", "list"]):
            want = sh("git", *argv, cwd=d, env={"HOME": str(p.home)})
            r = inside(p, d, "git", *argv, env={"HOME": str(p.home)})
            check_eq((r.code, r.out), (want.returncode, want.stdout), f"{where}: git {argv}: {r.err}")
        head = git(d, "rev-parse", "HEAD")
        for argv in (["commit", "-q", "-a", "-m", "x"], ["add", "new"], ["stash"], ["tag", "x"], ["config", "core.hooksPath", "h"], ["update-ref", "-d", "HEAD"]):
            r = p.run(*MODE, "--", "git", "-c", "user.name=A", "-c", "user.email=a@b", *argv, cwd=d)
            check(r.code != 0, f"{where}: git {argv} wrote: {r.out}{r.err}")
        check_eq(git(d, "rev-parse", "HEAD"), head)
        check_eq(git(d, "tag"), "")
        check("hooksPath" not in pathlib.Path(p.ws / ".git/config").read_text(), "the configuration was written")


@both
def what_stands_in_for_a_python_is_that_python(p):
    home = p.home
    tool(home / ".pyenv/shims/python3", "#!/bin/sh\nexit 9\n")
    tool(home / ".pyenv/versions/3.9.9/bin/python3")
    tool(home / ".pyenv/versions/3.9.9/bin/pytest")
    tool(home / ".pyenv/versions/3.8.8/bin/python3")
    (home / ".pyenv/version").write_text("3.9.9\n")
    env = {"HOME": str(home), "PATH": f"{home}/.pyenv/shims:{SYSTEM}"}
    for argv in (["python3"], ["sh", "-c", "python3"]):
        r = inside(p, p.ws, *argv, env=env)
        check_eq((r.code, r.out), (0, f"{home}/.pyenv/versions/3.9.9/bin/python3\n"), r.err)
    r = inside(p, p.ws, "ls", f"{home}/.pyenv/versions", env=env)
    check_eq(r.out, "3.9.9\n", "versions that nobody chose")
    # Not behind an option alone: there the PATH is Ward's.
    r = p.run("--read", ".", "--", "python3", "-c", "print(1)", env=env)
    check_eq(r.out, "1\n", r.err)


@both
def the_first_on_the_persons_path_is_the_first(p):
    home = p.home
    tool(home / ".nvm/versions/node/v99.0.0/bin/node")
    tool(home / "bin/node", "#!/bin/sh\necho mine\n")
    env = {"HOME": str(home), "PATH": f"{home}/bin:{home}/.nvm/versions/node/v99.0.0/bin:{SYSTEM}"}
    r = inside(p, p.ws, "sh", "-c", "node; command -v sh", env=env)
    check_eq((r.code, r.out.splitlines()[0]), (0, f"{home}/.nvm/versions/node/v99.0.0/bin/node"), r.err)
    env["PATH"] = f"{SYSTEM}:{home}/.nvm/versions/node/v99.0.0/bin"
    tool(home / ".nvm/versions/node/v99.0.0/bin/sh", "#!/bin/cat\n")
    r = inside(p, p.ws, "sh", "-c", "echo $PATH", env=env)
    check(r.out.startswith(SYSTEM.split(":", maxsplit=1)[0]) or r.out.startswith("/usr/local/bin"), r.out)
    check_in("/.nvm/versions/node/v99.0.0/bin", r.out)
    # --env PATH=... is the last word.
    r = inside(p, p.ws, "sh", "-c", "echo $PATH", env=env, words=("--env", "PATH=/usr/bin:/bin"))
    check_eq(r.out, "/usr/bin:/bin\n")


MANAGED = [   # what a person has on the PATH, the file that chooses, its text, where the real one lies
    (".asdf/shims", ".tool-versions", "# mine\nnodejs  system\nruby 3.3.0\nnodejs 20.1.0 18.0.0\n", ".asdf/installs/nodejs/20.1.0"),
    (".local/share/mise/shims", ".config/mise/config.toml", '[env]\nA = "b"\n[tools]\nnode = ["20.1.0", "18.0.0"]\n', ".local/share/mise/installs/node/20.1.0"),
    (".volta/bin", ".volta/tools/user/platform.json", '{\n  "node": {\n    "runtime": "20.1.0",\n    "npm": null\n  }\n}\n', ".volta/tools/image/node/20.1.0"),
    (".nodenv/shims", ".nodenv/version", "20.1.0\n", ".nodenv/versions/20.1.0"),
    (".plenv/shims", ".plenv/version", "5.36.0\n", ".plenv/versions/5.36.0"),
    (".goenv/shims", ".goenv/version", "1.22.0\n", ".goenv/versions/1.22.0"),
]


@both_cases([(row[0].split("/")[-2].strip("."), row) for row in MANAGED])
def what_stands_in_for_a_tool_is_the_version_that_was_chosen(p, row):
    shims, file, text, real = row
    tool(p.home / shims / "the-tool", "#!/bin/sh\nexit 9\n")
    tool(p.home / real / "bin/the-tool")
    other = (p.home / real).parent / "1.0.0"
    tool(other / "bin/the-tool")
    (p.home / file).parent.mkdir(parents=True, exist_ok=True)
    (p.home / file).write_text(text)
    env = {"HOME": str(p.home), "PATH": f"{p.home}/{shims}:{SYSTEM}"}
    for argv in (["the-tool"], ["sh", "-c", "the-tool"]):
        r = inside(p, p.ws, *argv, env=env)
        check_eq((r.code, r.out), (0, f"{p.home}/{real}/bin/the-tool\n"), r.err)
    check(p.run(*MODE, "--", "ls", other, env=env).code != 0, "a version that nobody chose")


@both_cases([("fnm", (".local/share/fnm/node-versions/v20.1.0/installation", ".local/state/fnm_multishells/1_2")),
             ("rvm", (".rvm/rubies/ruby-3.3.0", ".rvm/rubies/default")),
             ("sdkman", (".sdkman/candidates/java/21", ".sdkman/candidates/java/current")),
             ("mise", (".local/share/mise/installs/node/20.1.0", ".local/share/mise/installs/node/20"))])
def a_link_on_the_path_to_a_runtime_is_that_runtime(p, row):
    real, link = (p.home / d for d in row)
    tool(real / "bin/true")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(real)
    env = {"HOME": str(p.home), "PATH": f"{link}/bin:{SYSTEM}"}
    r = inside(p, p.ws, "sh", "-c", "true x; env true", env=env)
    check_eq((r.code, r.out), (0, f"{real}/bin/true\n"), r.err)
    # To a directory that is no runtime it leads nowhere.
    (p.side / "other/bin").mkdir(parents=True)
    link.unlink()
    link.symlink_to(p.side / "other")
    r = p.run(*MODE, "--", "sh", "-c", f"echo $PATH; ls {p.side}/other", env=env)
    check(r.code != 0 and str(p.side) not in r.out and str(link) not in r.out, r.out)


@both_cases([(d.split("/")[0].strip("."), d) for d in (
    ".opam/default", ".rvm/rubies/ruby-3.3.0", "perl5/perlbrew/perls/perl-5.36.0", ".plenv/versions/5.36.0", ".jdks/temurin-21", ".zvm/0.13.0")])
def what_a_manager_of_versions_laid_is_there_by_the_path(p, real):
    tool(p.home / real / "bin/the-tool")
    tool(p.home / pathlib.Path(real).parent / "other/bin/the-tool")
    env = {"HOME": str(p.home), "PATH": f"{p.home}/{real}/bin:{SYSTEM}"}
    r = inside(p, p.ws, "sh", "-c", "the-tool", env=env)
    check_eq((r.code, r.out), (0, f"{p.home}/{real}/bin/the-tool\n"), r.err)
    r = p.run(*MODE, "--", "ls", p.home / pathlib.Path(real).parent / "other", env=env)
    check(r.code != 0, "what is not on the PATH")


@both
def who_does_not_find_a_command_is_told_of_the_path(p):
    """No refusal names what was looked for in directories that are there: the report names those of the PATH that are not."""
    tool(p.home / "my bin/the-tool")
    (p.home / "other").mkdir()
    (p.home / "link").symlink_to("/usr/bin")
    mine = f"{p.home}/my bin"
    env = {"HOME": str(p.home), "PATH": f"{mine}:{mine}:{p.home}/link:{p.home}/none:{SYSTEM}:{p.home}/other"}
    r = p.run(*MODE, "--", "sh", "-c", "the-tool", env=env)
    check_eq(r.code, 127)
    check_in(f"ward: not found (127): of your PATH the run does not have '{mine}', '{p.home}/other'; --read DIR shows one", r.err)
    r = inside(p, p.ws, "sh", "-c", "the-tool", env=env, words=("--read", mine))
    check_eq((r.code, r.out), (0, f"{mine}/the-tool\n"), r.err)
    for words, argv in ((MODE, ["sh", "-c", "exit 1"]), (("--read", "."), ["sh", "-c", "the-tool"])):
        r = p.run(*words, "--", *argv, env=env)
        check("not found (127)" not in r.err, r.err)


@both_cases([(name, name) for name in (".npm-global", ".nvm/versions/node/v20.1.0")])
def a_runtime_shows_no_login_of_npm(p, name):
    prefix = p.home / name
    tool(prefix / "bin/the-tool")
    (prefix / "etc").mkdir()
    (prefix / "etc/npmrc").write_text("//registry.npmjs.org/:_authToken=hidden\n")
    (prefix / "etc/other").write_text("shown\n")
    r = inside(p, p.ws, "sh", "-c", f"the-tool; cat {prefix}/etc/*", env={"HOME": str(p.home), "PATH": f"{prefix}/bin:{SYSTEM}"})
    check_in(f"{prefix}/bin/the-tool\n", r.out, r.err)
    check_in("shown", r.out, r.err)
    check("hidden" not in r.out, r.out)


@both
def nor_where_the_command_itself_lies_in_it(p):
    prefix = p.home / ".npm-global"
    tool(prefix / "bin/the-tool", "#!/bin/sh\ncat ${0%/bin/*}/etc/*\n")
    (prefix / "etc").mkdir()
    (prefix / "etc/npmrc").write_text("//registry.npmjs.org/:_authToken=hidden\n")
    (prefix / "etc/other").write_text("shown\n")
    env = {"HOME": str(p.home), "PATH": SYSTEM}
    for words in (MODE, ("--read", ".")):
        r = p.run(*words, "--", prefix / "bin/the-tool", env=env)
        check_in("shown", r.out, r.err)
        check("hidden" not in r.out, f"{words}: {r.out}")
    # Who grants it by itself means it.
    r = p.run("--read", prefix / "etc/npmrc", "--", prefix / "bin/the-tool", env=env)
    check_in("hidden", r.out, r.err)


@both
def what_is_nowhere_is_not_written(p):
    """bun opens the package.json of each directory above for writing, to see whether it is there; a lookup, as any other."""
    ask = "import os, sys\ntry: os.open(sys.argv[1], os.O_RDWR | int(sys.argv[2]))\nexcept OSError: sys.exit(0)\nsys.exit(9)\n"
    (p.base / "there").write_text("x")
    none, create = "0", str(os.O_CREAT)
    for name, flags, code in (("nowhere", none, 0), ("nowhere", create, 123), ("there", none, 123)):
        r = inside(p, p.ws, "python3", "-c", ask, p.base / name, flags, env={"PATH": SYSTEM, "HOME": str(p.home)})
        check_eq(r.code, code, f"{name} {flags}: {r.out}{r.err}")
    # The one does not hide the other.
    r = inside(p, p.ws, "python3", "-c", ask.replace("sys.exit(0)", "pass").replace("sys.exit(9)\n", "") + "os.mkdir(sys.argv[1])\n", p.base / "nowhere", none,
               env={"PATH": SYSTEM, "HOME": str(p.home)})
    check_in("FILE_WRITE", r.err)


@both
def an_activated_venv_is_used_and_adds_nothing(p):
    tool(p.ws / ".venv/bin/hello", "#!/bin/sh\necho venv\n")
    tool(p.side / "outside/bin/hello", "#!/bin/sh\necho outside\n")
    (p.ws / "leads").symlink_to(p.side / "outside/bin")
    env = {"HOME": str(p.home), "PATH": f"{p.ws}/.venv/bin:{SYSTEM}"}
    r = inside(p, p.ws, "hello", env=env)
    check_eq((r.code, r.out), (0, "venv\n"), r.err)
    env["PATH"] = f"{p.ws}/leads:{p.side}/outside/bin:{SYSTEM}"
    r = p.run(*MODE, "--", "sh", "-c", "echo $PATH; ls " + str(p.side), env=env)
    check(str(p.side) not in r.out.split("\n", maxsplit=1)[0] and "leads" not in r.out.split("\n", maxsplit=1)[0], r.out)


@both
def an_environment_of_uv_has_the_python_that_it_leads_to(p):
    real = p.home / ".local/share/uv/python/cpython-9.9.9/bin/python3"
    tool(real)
    tool(p.home / ".local/bin/uv")
    (p.ws / ".venv/bin").mkdir(parents=True)
    (p.ws / ".venv/bin/python").symlink_to(real)
    (p.ws / ".venv/pyvenv.cfg").write_text(f"home = {real.parent}\nuv = 0.5.0\n")
    env = {"HOME": str(p.home), "PATH": f"{p.home}/.local/bin:{SYSTEM}"}
    for argv in ([".venv/bin/python"], ["sh", "-c", ".venv/bin/python"]):
        r = inside(p, p.ws, *argv, env=env)
        check_eq((r.code, r.out.replace(f"{p.ws}/", "")), (0, ".venv/bin/python\n"), r.err)
    r = p.run(*MODE, "--", "sh", "-c", f"echo x > {real}", env=env)
    check(r.code != 0, "it was written")
    check_eq(real.read_text(), "#!/bin/sh\necho ${0}\n")
    # Nobody works with uv: what lies in the project adds nothing.
    r = p.run(*MODE, "--", ".venv/bin/python", env={"HOME": str(p.home), "PATH": SYSTEM})
    if not shutil.which("uv", path=SYSTEM):
        check_eq((r.code, r.out), (125, ""), r.err)


@both
def what_cargo_fetched_is_read_and_not_written(p):
    home = p.home
    tool(home / ".cargo/bin/cargo")
    (home / ".cargo/registry/src").mkdir(parents=True)
    (home / ".cargo/registry/src/lib.rs").write_text("x")
    (home / ".cargo/credentials.toml").write_text("secret")
    env = {"HOME": str(home), "PATH": f"{home}/.cargo/bin:{SYSTEM}"}
    r = inside(p, p.ws, "sh", "-c", "cat ~/.cargo/registry/src/lib.rs; touch ~/.cargo/own && echo own", env=env)
    check_eq((r.code, r.out), (0, "xown\n"), r.err)
    r = p.run(*MODE, "--", "sh", "-c", f"echo y > ~/.cargo/registry/src/lib.rs; cat {home}/.cargo/credentials.toml ~/.cargo/credentials.toml", env=env)
    check(r.code != 0 and "secret" not in r.out, r.out)
    check_eq((home / ".cargo/registry/src/lib.rs").read_text(), "x")
    # Nobody works with cargo: nothing of it is shown.
    r = p.run(*MODE, "--", "sh", "-c", f"ls ~/.cargo {home}/.cargo", env={"HOME": str(home), "PATH": SYSTEM})
    if not shutil.which("cargo", path=SYSTEM):
        check(r.code != 0 and "registry" not in r.out, r.out)


@both
def clones_in_a_module_cache_are_left_out(p):
    home = p.home
    tool(home / "sdk/go9/bin/go")
    for name in ("cache/download/x", "cache/vcs/config", "y@v1/y.go"):
        (home / "go/pkg/mod" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "go/pkg/mod" / name).write_text("text of " + name)
    env = {"HOME": str(home), "PATH": f"{home}/sdk/go9/bin:/usr/bin:/bin"}
    r = inside(p, p.ws, "sh", "-c", "cat $GOMODCACHE/y@v1/y.go $GOMODCACHE/cache/download/x", env=env)
    check_eq((r.code, r.out), (0, "text of y@v1/y.gotext of cache/download/x"), r.err)
    r = p.run(*MODE, "--", "sh", "-c", "cat $GOMODCACHE/cache/vcs/config", env=env)
    check(r.code != 0 and "text of" not in r.out, r.out)


@both
def a_forbid_is_stronger_than_what_a_person_works_with(p):
    home = p.home
    tool(home / ".nvm/versions/node/v99.0.0/bin/node")
    (home / ".nvm/versions/node/v99.0.0/secret").write_text("secret")
    rules = p.side / "no.cedar"
    path = f"{home}/.nvm/versions/node/v99.0.0"
    rules.write_text(f'@id("no") forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{path}/secret");\n')
    env = {"HOME": str(home), "PATH": f"{home}/.nvm/versions/node/v99.0.0/bin:{SYSTEM}"}
    r = p.run(*MODE, "--policy", rules, "--", "sh", "-c", f"node && cat {path}/secret", env=env)
    check(r.code != 0 and "secret\n" not in r.out and r.out.startswith(path), r.out + r.err)
    rules.write_text(f'@id("no") forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{home}/.nvm");\n')
    r = p.run(*MODE, "--policy", rules, "--", "sh", "-c", f"echo $PATH; ls {path}", env=env)
    check(".nvm" not in r.out and r.code != 0, r.out)


@both
def a_runtime_of_somebody_else_or_in_the_workspace_is_not_brought(p):
    tool(p.ws / ".nvm/versions/node/v1.0.0/bin/node")
    (p.home / ".nvm/versions/node").mkdir(parents=True)
    (p.home / ".nvm/versions/node/v1.0.0").symlink_to(p.side)
    tool(p.side / "bin/node")
    env = {"HOME": str(p.home), "PATH": f"{p.home}/.nvm/versions/node/v1.0.0/bin:{SYSTEM}"}
    r = p.run(*MODE, "--", "sh", "-c", f"ls {p.side} {p.home}/.nvm", env=env)
    check(r.code != 0 and "audit" not in r.out and "bin" not in r.out, r.out)


if __name__ == "__main__":
    box.main()

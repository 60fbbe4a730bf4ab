#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Package caches of the host under `ward run --caches`: read, written in a layer of the run's own, and not a byte of the host's changed;
what lies beside them not there; and what cannot be shown without a doubt refused. test_caches_tools.py does it with the tools themselves.
"""
import json
import os
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box  # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases, root_only, user_only  # noqa: E402  pylint: disable=wrong-import-position
from caches_box import CACHES, snapshot  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in  # noqa: E402  pylint: disable=wrong-import-position

INSIDE = """
set -u
cd "$1" || exit 1
[ "$(cat dir/a)" = good ] || exit 2
echo poison > dir/a || exit 3
[ "$(cat dir/a)" = poison ] || exit 4
echo more >> dir/b && : > dir/c && chmod 777 dir/d && touch -d @1 dir/e && rm dir/f && mv dir/g dir/h && mkdir new && echo n > new/n || exit 5
ln dir/b dir/second && echo second >> dir/second || exit 6
rm -r sub && mkdir sub && echo other > sub/other || exit 7
ln dir/i /tmp/i 2>/dev/null && exit 8
mv dir/i /tmp/i && echo out >> /tmp/i || exit 9
exec 3<>dir/j && echo through >&3 || exit 10
exit 0
"""


def lay(top):
    for name in "abcdefghij":
        path = top / "dir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("good\n")
    (top / "sub/deep").mkdir(parents=True)
    (top / "sub/deep/x").write_text("good\n")
    return top


def home(p, name="npm"):
    return lay(p.home / CACHES[name][1])


def run(p, *words, env=None, **more):
    return p.run(*words, env={"HOME": str(p.home), **(env or {})}, **more)


def plan(p, *words, env=None):
    r = run(p, "--json", *words, "--", "true", kind=("plan",), log=False, env=env)
    check_eq(r.code, 0, r.err)
    return json.loads(r.out)


def refused(p, want, *words, env=None, code=125, **more):
    """Before anything runs, in one line with what, why and how to mend it."""
    r = run(p, *words, "--", "touch", p.ws / "ran", env=env, **more)
    check_eq(r.code, code, f"{words}: {r.err}")
    check(not (p.ws / "ran").exists(), "it was executed")
    check_eq(len(r.err.splitlines()), 1, r.err)
    for part in [want] if isinstance(want, str) else want:
        check_in(part, r.err)
    check("; " in r.err, f"no fix: {r.err}")


# ---- what it does ----

@both_cases([(f"{name} {how}", name, words) for name in CACHES for how, words in (
    ("by itself", ()), ("under a mode", ("--mode", "workspace_write")))])
def what_is_written_to_a_cache_is_gone_with_the_run(p, name, words):
    top, inside = home(p, name), CACHES[name][0]
    before = snapshot(top)
    for _ in range(2):    # the second one sees what the host has
        r = run(p, *words, f"--caches={name}", "--", "sh", "-c", INSIDE, "sh",
                "/home/ward/" + inside if "/" in inside else top)
        check_eq((r.code, r.err), (0, "") if os.geteuid() == 0 else (0, r.err), r.out)
        check_eq(snapshot(top), before, "the host's cache was changed")
        check_eq(os.listdir(p.ws), [])


@both
def a_tool_finds_it_by_its_variable(p):
    for name, (inside, _) in CACHES.items():
        top = home(p, name)
        if "/" in inside:
            continue
        r = run(p, f"--caches={name}", "--", "sh", "-c", f'cat "${inside}/dir/a"')
        check_eq(r.out, "good\n", r.err)
        r = run(p, f"--caches={name}", "--env", f"{inside}=/tmp/x", "--", "sh", "-c", f'echo "${inside}"')
        check_eq(r.out, "/tmp/x\n", f"{top}: what the caller sets stays")


@both_cases([(variable, variable, name, rest) for variable, name, rest in [
    ("npm_config_cache", "npm", "_cacache"), ("PIP_CACHE_DIR", "pip", "."), ("XDG_CACHE_HOME", "pip", "pip"), ("CARGO_HOME", "cargo", "registry"),
    ("GOMODCACHE", "go", "."), ("GOPATH", "go", "pkg/mod"), ("GOCACHE", "go-build", "."), ("XDG_CACHE_HOME", "go-build", "go-build"),
    ("GRADLE_USER_HOME", "gradle", "caches"), ("XDG_DATA_HOME", "pnpm", "pnpm/store"), ("XDG_DATA_HOME", "gem", "gem/ruby"), ("PNPM_HOME", "pnpm", "store"), ("XDG_CACHE_HOME", "corepack", "node/corepack"),
    ("YARN_GLOBAL_FOLDER", "yarn-berry", "."), ("BUN_INSTALL", "bun", "install/cache"), ("UV_PYTHON_INSTALL_DIR", "uv-python", ".")]])
def the_host_has_it_where_a_variable_says(p, variable, name, rest):
    other = p.base / "elsewhere"
    top = lay(other / rest)
    wrong = home(p, name)
    inside = CACHES[name][0]
    r = run(p, f"--caches={name}", "--", "sh", "-c", INSIDE, "sh", "/home/ward/" + inside if "/" in inside else top, env={variable: str(other)})
    check_eq(r.code, 0, r.err)
    r = run(p, f"--caches={name}", "--", "ls", wrong, env={variable: str(other)})
    check(r.code != 0, "the place that does not count is shown")


@both
def what_lies_beside_is_not_there(p):
    secrets = [".npmrc", ".npm/_logs/x", ".npm/token", ".cargo/credentials.toml", ".cargo/config.toml", ".m2/settings.xml", ".m2/settings-security.xml",
               ".config/pip/pip.conf", ".pip/pip.conf", ".config/go/env", ".netrc", ".ssh/id", "go/pkg/mod/cache/vcs/x/config", ".cache/other/x", "go/pkg/sumdb/x"]
    for name in CACHES:
        home(p, name)
    for name in secrets:
        path = p.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret\n")
    script = 'for f in "$@"; do cat "$f" && echo "seen: $f"; done; grep -r secret /home/ward; cat "$GOMODCACHE/dir/a"; exit 0'
    for words in ((), ("--mode", "workspace_write")):
        r = run(p, *words, f"--caches={','.join(CACHES)}", "--", "sh", "-c", script, "sh", *[p.home / s for s in secrets], *["/home/ward/" + s for s in secrets])
        check_eq((r.code, r.out), (0, "good\n"), r.err)


@both
def without_a_name_all_that_need_not_be_named(p):
    for name in CACHES:
        home(p, name)
    for words in (("--caches",), ("--caches=all",)):
        shown = {n["dest"] for n in plan(p, *words)["view"] if n["kind"] == "cache"}
        check_eq(shown, {str(p.home / place) for name, (_, place) in CACHES.items() if name not in ("cargo-git", "pipenv", "pre-commit", "yarn")})
    check_eq([n for n in plan(p)["view"] if n["kind"] == "cache" or str(p.home) in n["dest"]], [], "without the option nothing is shown")


@both
def a_cache_that_the_host_does_not_have_is_the_runs_own(p):
    before = snapshot(p.home)
    r = run(p, "--caches", "--", "sh", "-c", "mkdir -p ~/.npm/_cacache && echo x > ~/.npm/_cacache/x && cat ~/.npm/_cacache/x")
    check_eq((r.code, r.out), (0, "x\n"), r.err)
    check_eq(snapshot(p.home), before, "something was made on the host")


@both
def what_is_written_there_is_bounded(p):
    home(p)
    r = run(p, "--caches=npm", "--disk", "8M", "--", "sh", "-c", "dd if=/dev/zero of=$HOME/.npm/_cacache/big bs=1M count=32")
    check(r.code != 0, r.out)
    check_in("No space left", r.err)
    node = [n for n in plan(p, "--caches=npm", "--disk", "8M")["view"] if n["kind"] == "cache"]
    check_eq([n["size"] for n in node], [8 << 20])
    text = run(p, "--caches=npm", "--", "true", kind=("plan",), log=False).out
    check_in("(writes: private, of 1G)", text)
    check_in("the layers of package caches included", text)


@both
def the_log_says_it(p):
    top = home(p)
    for words in ((), ("--mode", "workspace_write")):
        p.log.unlink(missing_ok=True)
        check_eq(run(p, *words, "--caches=npm", "--", "true").code, 0)
        checks = [r for r in box.records(p) if r["kind"] == "policy.check" and str(top) in r["resource"]]
        check(checks and checks[0]["effect"] == "allow" and checks[0]["action"] == "FILE_READ", str(checks))
        check_eq(checks[0]["rules"], ["--caches npm (what is written there is thrown away)"])


# ---- no way to the host's own ----

HOSTILE = """
import ctypes, errno, os, sys
top, dev, ino = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)
lines = [l.split() for l in open("/proc/self/mountinfo")]
mine = [l for l in lines if l[4] == top]
assert len(mine) == 1 and mine[0][mine[0].index("-") + 1] == "overlay", mine
assert not any(top in l[3] for l in lines), "a mount shows the host's directory"
st = os.stat(top + "/dir/a")
assert st.st_dev != dev or st.st_ino != ino, "it is the host's own file"
for i in range(64):
    for up in ("", "../", "../../", "/proc/1/root/../", "/proc/self/cwd/../../../../"):
        assert not os.path.lexists(up + "c%d/lower" % i), "a stage can be named"
for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
    for fd in os.listdir("/proc/%s/fd" % pid) if os.access("/proc/%s/fd" % pid, os.R_OK) else []:
        try:
            assert os.stat("/proc/%s/fd/%s" % (pid, fd)).st_ino != ino, "a descriptor of the host's"
        except OSError:
            pass
for name in (b"trusted.overlay.opaque", b"user.overlay.opaque", b"user.overlay.redirect"):
    try:
        os.setxattr(top + "/dir", name, b"/")
    except OSError:
        pass
assert libc.umount2(top.encode(), 2) != 0
assert libc.mount(None, top.encode(), None, 0x1000 | 0x20, None) != 0
try:
    os.link(top + "/dir/b", "/tmp/b")
    raise SystemExit("linked out")
except OSError as e:
    assert e.errno == errno.EXDEV, e
try:
    os.rename(top, top + ".away")
    raise SystemExit("moved away")
except OSError as e:
    pass
fd = os.open(top + "/dir", os.O_RDONLY)
h = os.open("a", os.O_RDWR, dir_fd=fd)
os.write(h, b"poison")
w = os.open("/proc/self/fd/%d" % h, os.O_RDWR)
os.write(w, b"POISON")
os.ftruncate(w, 1)
"""


@both_cases([("by itself", ()), ("under a mode", ("--mode", "workspace_write")), ("with more around it", ("--read", "."))])
def no_way_leads_to_the_hosts(p, words):
    top = home(p)
    before = snapshot(top)
    st = os.stat(top / "dir/a")
    words = [str(p.home) if w == "." else w for w in words]
    r = run(p, *words, "--caches=npm", "--", "python3", "-c", HOSTILE, top, st.st_dev, st.st_ino)
    check_eq(r.code, 0, r.err)
    check_eq(snapshot(top), before, "the host's cache was changed")


@both
def a_socket_of_the_hosts_is_not_reached(p):
    top = home(p)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(top / "sock"))
        s.listen(1)
        r = run(p, "--caches=npm", "--", "python3", "-c",
                f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(top / 'sock')!r})")
        check(r.code != 0, "it was reached")


@both_cases([("a link to it", "link"), ("a link above it", "above")])
def a_link_is_followed_and_what_it_leads_to_is_as_safe(p, how):
    real = lay(p.base / "data/npm/_cacache")
    if how == "link":
        (p.home / ".npm").mkdir()
        (p.home / ".npm/_cacache").symlink_to(real)
    else:
        (p.home / ".npm").symlink_to(real.parent)
    before = snapshot(real)
    r = run(p, "--caches=npm", "--", "sh", "-c", INSIDE, "sh", "/home/ward/.npm/_cacache")
    check_eq(r.code, 0, r.err)
    check_eq(snapshot(real), before)


# ---- policies ----

POLICY = '@id("no") forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"%s");\n'


@both
def a_forbid_is_stronger(p):
    top = home(p)
    before = snapshot(top)
    p.side.joinpath("no.cedar").write_text(POLICY % (top / "sub"))
    words = ("--mode", "workspace_write", "--policy", p.side / "no.cedar", "--caches=npm")
    r = run(p, *words, "--", "sh", "-c", f"cat {top}/dir/a; cat {top}/sub/deep/x; echo x > {top}/sub/y; rm -r {top}/sub; mv {top}/sub {top}/z; ls {top}/sub")
    check_eq(r.out, "good\n", r.err)
    check_eq(snapshot(top), before)
    p.side.joinpath("no.cedar").write_text(POLICY % top)
    r = run(p, *words, "--", "sh", "-c", "mkdir -p ~/.npm/_cacache && ls ~/.npm/_cacache; cat " + str(top / "dir/a"))
    check_eq(r.out, "", "what is forbidden is shown")
    check_in("the policies do not let", run(p, *words, "--", "true", kind=("plan",), log=False).out)
    p.side.joinpath("no.cedar").write_text(POLICY.replace("fs.read", "proc.exec") % (top / "sub"))
    refused(p, "takes programs in it out", *words)


PROFILE = """schemaVersion: 2
kind: Policy
metadata: {name: t}
spec:
  fsProfiles:
    base:
      read: ["**"]
      modify: ["**"]
      allowExec: ["*"]
      caches: [npm]
    more:
      extends: base
      caches:
        - pip
    every:
      caches: [all]
"""


@both
def a_profile_says_it_once(p):
    for name in CACHES:
        home(p, name)
    doc = p.side / "t.yaml"
    doc.write_text(PROFILE)

    def shown(*words):
        got = plan(p, "--policy", doc, *words)
        return {n["dest"] for n in got["view"] if n["kind"] == "cache"}, got

    def places(*names):
        return {str(p.home / CACHES[n][1]) for n in names}
    check_eq(shown("--profile", "base")[0], places("npm"))
    check_eq(shown("--profile", "more")[0], places("npm", "pip"))
    check_eq(shown("--profile", "more", "--caches=go")[0], places("npm", "pip", "go"))
    check_eq(shown("--profile", "every")[0], places(*(set(CACHES) - {"cargo-git", "pipenv", "pre-commit", "yarn"})))
    check_eq(shown("--profile", "more", "--caches=none")[0], set())
    check_eq(shown()[0], set(), "a document without its profile grants")
    rules = shown("--profile", "more")[1]["rules"]
    check_eq({(r["file"], r["line"]) for r in rules if "/.npm/" in r["pattern"]}, {(str(doc), 10)})
    text = run(p, "--policy", doc, "--profile", "more", kind=("policy", "show"), log=False)
    check_eq(text.code, 0, text.err)
    part = [s for s in text.out.split(";\n") if "_cacache" in s]
    check_eq(len(part), 1, text.out)
    check_in(f"{doc}:10:", part[0])
    check_in('Ward::Action::"fs.read"', part[0])
    check("fs.write" not in part[0], part[0])
    before = snapshot(p.home / CACHES["npm"][1])
    r = run(p, "--policy", doc, "--profile", "more", "--", "sh", "-c", INSIDE, "sh", "/home/ward/.npm/_cacache")
    check_eq(r.code, 0, r.err)
    check_eq(snapshot(p.home / CACHES["npm"][1]), before)
    doc.write_text(PROFILE.replace("- pip", "- pipp"))
    refused(p, ["t.yaml:14:", 'no package cache "pipp"', "did you mean pip?"], "--policy", doc, "--profile", "base")


@both
def a_repository_that_nobody_trusts_grants_none(p):
    home(p)
    p.write(".ward/t.yaml", PROFILE)
    check_eq([n for n in plan(p, "--profile", "base")["view"] if n["kind"] == "cache"], [])


# ---- what is refused ----

@both_cases([(word, word, meant) for word, meant in [("nppm", "'npm'"), ("go-build", "'go-build'"), ("npm,pip", "'npm,pip'")]])
def a_name_that_was_taken_for_the_command_is_said(p, word, meant):
    r = run(p, "--caches", word, "--", "touch", p.ws / "ran")
    check_eq(r.code, 127)
    check_in(f"it was taken for the command; did you mean --caches={meant}?", r.err)
    r = run(p, "--caches", "--", "no-such-thing")
    check_in("names of caches are written --caches=NAME", r.err)
    for words in (("--caches", "--", "./none"), ("--caches=npm", "--", word)):
        check("--caches=" not in run(p, *words).err, f"{words}: nobody meant a cache")


@both
def refusals(p):
    top = home(p)
    npm = "--caches=npm"
    refused(p, ["the package cache npm cannot be shown", "is granted for writing by --write"], npm, "--write", p.home / ".npm")
    refused(p, "is granted for writing", npm, "--write", top / "dir")
    refused(p, "is granted for writing", npm, "--mode", "workspace_write", "--write", p.home / ".npm")
    refused(p, "is granted for writing", npm, "--i-know", "--write", p.home)
    refused(p, "the workspace lies in it", npm, cwd=top / "dir")
    refused(p, "it lies in the workspace", npm, env={"npm_config_cache": str(lay(p.ws / "c/_cacache").parent)})
    (p.ws / "link").symlink_to(p.home / ".npm")
    refused(p, "a link in the workspace leads there", npm, env={"npm_config_cache": str(p.ws / "link")})
    refused(p, "npm_config_cache is no absolute path", npm, env={"npm_config_cache": "x"})
    refused(p, "it is your home", "--caches=pip", env={"PIP_CACHE_DIR": str(p.home)})
    refused(p, "above it", "--caches=pip", env={"PIP_CACHE_DIR": str(p.base)})
    refused(p, "of its own", "--caches=pip", env={"PIP_CACHE_DIR": "/"})
    refused(p, "of its own", "--caches=pip", env={"PIP_CACHE_DIR": "/proc/self"})
    refused(p, "lie in one another", "--caches=npm,pip", env={"PIP_CACHE_DIR": str(top / "dir")})
    refused(p, "what Ward keeps of runs lies there", npm, env={"XDG_STATE_HOME": str(top)})
    (p.home / "file").write_text("")
    refused(p, "it is no directory", "--caches=pip", env={"PIP_CACHE_DIR": str(p.home / "file")})
    refused(p, "--backend direct", npm, "--backend", "direct")
    refused(p, ['no package cache "nmp"', "did you mean npm?"], "--caches=nmp")
    refused(p, "npm is named twice", "--caches=npm,npm")
    refused(p, 'no package cache ""', "--caches=npm,")
    refused(p, "an argument is missing", "--caches=")
    refused(p, "given twice", npm, "--caches=pip")


@root_only
def what_is_another_users_is_refused(p):
    os.chown(home(p), 52001, 52001)
    refused(p, "it belongs to another user", "--caches=npm")


@both
def without_user_namespaces_it_is_refused(p):
    home(p)

    def none():
        box.refuse_calls(("unshare", box.EPERM, 0, box.CLONE_NEWUSER), ("clone", box.EPERM, 0, box.CLONE_NEWUSER), ("clone3", box.ENOSYS))()
    accept = [w for a in ("processes=advisory", "files.meta=none", "memory=sampled", "pids=sampled") for w in ("--accept", a)]
    refused(p, ["axis files", "needs user namespaces", "run without --caches"], "--caches=npm", *accept, preexec_fn=none)


# ---- not asked for, and missed ----

def told(p, command, *words, code=1):
    """What the report says of caches, of a command of that name that ends so."""
    path = p.side / "tool/bin" / command
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n" if code else "#!/bin/sh\nexec python3 -c \"import socket, sys\ntry: socket.create_connection(('192.0.2.1', 80))\n"
                    "except OSError: sys.exit(1)\"\n")
    path.chmod(0o755)
    return [line for line in run(p, "--read", path, *words, "--", path).err.splitlines() if "--caches" in line]


@both_cases([(f"{tool} {' '.join(words)}", tool, names, words) for tool, names in (("mvn", "maven"), ("mvnw", "maven"), ("gradlew", "gradle,gradle-wrapper"), ("hatch", "hatch"))
             for words in ((), ("--mode", "workspace_write"))])
def a_tool_that_fails_without_its_cache_is_told_the_word(p, tool, names, words):
    check_eq(told(p, tool, *words), [], "the host has none")
    tops = [home(p, name) for name in names.split(",")]
    line = f"ward: {tool} had nothing of what it fetched or made on this host before: --caches={names} lets that be read, and what is written there is thrown away"
    check_eq(told(p, tool, *words), [line])
    check_eq(told(p, tool, *words, f"--caches={names}"), [], "it had it")
    check_eq(told(p, tool, *words, "--caches=none"), [], "it is not wanted")
    check_eq(told(p, tool, *words, *(w for top in tops for w in ("--read", top))), [], "it was granted by itself")
    check_eq(told(p, tool, *words, "--read", os.path.commonpath(tops + [tops[0].parent])), [], "it lies in what was granted")
    check_eq(told(p, "other", *words), [], "another command")
    path = p.side / "tool/bin" / tool
    path.write_text("#!/bin/sh\n")
    check("--caches" not in run(p, *words, "--read", path, "--", path).err, "it did not fail")


@both
def others_are_told_that_were_refused_the_network(p):
    home(p, "npm")
    mode = ("--mode", "workspace_write")
    check_eq(told(p, "npm", *mode), [], "it failed for a reason of its own")
    check_eq(len(told(p, "npm", *mode, code=0)), 1)
    check_in("--caches=npm ", told(p, "npm", *mode, code=0)[0])
    check_eq(told(p, "npm", *mode, "--caches=npm", code=0), [])


def lines(p, tools, *words):
    """What the report says of caches, of a command that fails in a run where tools are on the PATH; what it fails at is the tools' own."""
    path = on_path(p, *tools)
    for tool in tools:
        (p.side / "bin" / tool).write_text("#!/bin/sh\nexit 1\n")
    r = run(p, "--mode", "workspace_write", "--read", p.side / "bin", "--", *words, env={"PATH": path})
    check(r.code != 0, r.err)
    return [line.split(" had nothing")[0].removeprefix("ward: ") + line.partition("--caches=")[2].partition(" ")[0].join("()")
            for line in r.err.splitlines() if "--caches=" in line]


@both
def those_that_were_told_not_to_fetch_are_told(p):
    for name in ("npm", "yarn", "cargo", "cargo-git"):
        home(p, name)
    tools = ("npm", "yarn", "cargo")
    for words, want in ((["npm", "ci"], []), (["npm", "ci", "--offline"], ["npm(npm)"]), (["yarn", "--offline", "install"], ["yarn(yarn)"]),
                        (["cargo", "test", "--offline"], []), (["ls", "--offline", "npm"], []),
                        (["env", "A=b", "timeout", "9s", "npm", "ci", "--offline"], ["npm(npm)"])):
        check_eq(lines(p, tools, *words), want, " ".join(words))


@both
def what_a_shell_starts_counts_as_well(p):
    home(p, "maven")
    home(p, "npm")
    tools = ("mvn", "npm", "make")
    for text, want in (("mvn -o test", ["mvn(maven)"]), ("cd . && A=b mvn -o", ["mvn(maven)"]), ("if ! mvn; then exit 3; fi", ["mvn(maven)"]),
                       ("x=$(mvn -o) || exit 1", ["mvn(maven)"]), ("exec '%s/mvn' -o" % (p.side / "bin"), ["mvn(maven)"]), ("npm ci --offline", ["npm(npm)"]),
                       ("npm ci", []), ("echo mvn; exit 1", []), ("false; # ;", []), ("make", [])):
        check_eq(lines(p, tools, "sh", "-c", text), want, text)
    check_eq(lines(p, tools, "bash", "--norc", "-ec", "mvn"), ["mvn(maven)"])
    check_eq(lines(p, tools, "sh", "-x", "mvn"), [], "that is a script")
    check_eq(lines(p, tools, "cat", "-c", "mvn"), [], "no shell")


@both
def what_a_makefile_starts_counts_as_well(p):
    home(p, "maven")
    home(p, "npm")
    tools = ("mvn", "npm", "make")
    makefile = p.ws / "Makefile"
    for text, want in (("all:\n\tmvn -q package\n", ["mvn(maven)"]), ("all:\n\t@cd sub && A=b ./mvn -q\n", ["mvn(maven)"]), ("all: mvn\n\techo mvn\n", []),
                       ("all:\n\t@mvn -q\n", ["mvn(maven)"]), ("all:\n\tnpm ci\n", []), ("all:\n\tmake mvn\n", []), ("", []),
                       ("x" * (64 << 10) + "\n\tmvn\n", [])):
        makefile.write_text(text)
        check_eq(lines(p, tools, "make"), want, text[:40])
        check_eq(lines(p, tools, "sh", "-c", "true && make"), want, text[:40])
    makefile.rename(p.ws / "build.mk")
    (p.ws / "build.mk").write_text("all:\n\tmvn\n")
    check_eq(lines(p, tools, "make"), [], "there is none")
    check_eq(lines(p, tools, "make", "-f", "build.mk"), ["mvn(maven)"])
    check_eq(lines(p, tools, "make", "-C", "sub"), [], "another directory's")
    # It is the run's to write, and nothing beside it is looked at: no link, no pipe.
    makefile.symlink_to("build.mk")
    check_eq(lines(p, tools, "make"), [])
    makefile.unlink()
    os.mkfifo(makefile)
    check_eq(lines(p, tools, "make"), [])


@box.both_cases([(name, name, name == "java") for name in ("pip", "pip3", "pip3.11", "java")])
def by_the_names_that_it_has(p, command, other):
    home(p, "pip")
    home(p, "gradle-wrapper")
    check_eq(len(told(p, command, "--mode", "workspace_write", code=0)), 0 if other else 1)


@both
def as_a_module_of_python(p):
    home(p, "pip")
    (p.ws / "pip.py").write_text("import socket, sys\ntry: socket.create_connection(('192.0.2.1', 80))\nexcept OSError: sys.exit(1)\n")
    said = run(p, "--mode", "workspace_write", "--", "python3", "-m", "pip").err
    check_in("ward: pip had nothing of what it fetched", said)


# ---- read unasked ----

def on_path(p, *programs):
    """A PATH that has them, without the tools themselves."""
    bin_ = p.side / "bin"
    bin_.mkdir(exist_ok=True)
    for name in programs:
        (bin_ / name).write_text("#!/bin/sh\n")
        (bin_ / name).chmod(0o755)
    return f"{bin_}:/usr/bin:/bin"


UNASKED = [("cargo", "CARGO_HOME", "registry"), ("go", "GOMODCACHE", ""), ("yarn-berry", "YARN_GLOBAL_FOLDER", ""), ("uv-python", "UV_PYTHON_INSTALL_DIR", ""),
           ("corepack", "COREPACK_HOME", ""), ("gem", "XDG_DATA_HOME", "gem/ruby")]
PROGRAMS = {"gem": "ruby", "yarn-berry": "yarn", "uv-python": "uv"}    # of another name than the cache


def unasked(p, name, place, env=None):
    """What a run under a mode reads of place without a word about caches."""
    path = on_path(p, PROGRAMS.get(name, name))
    r = run(p, "--mode", "workspace_write", "--", "cat", pathlib.Path(place) / "dir/a", env={"PATH": path, **(env or {})})
    check_eq(r.code != 0, r.out == "", r.err)
    return r.out


@both_cases([(name, name, variable, rest) for name, variable, rest in UNASKED])
def what_is_read_unasked_is_no_less_looked_at(p, name, variable, rest):
    """Nobody asked for it by name, so what is not fit is passed over."""
    good = home(p, name)
    check_eq(unasked(p, name, good), "good\n", "the test would see nothing in any case")
    private = lay(p.base / "private")
    cases = {}
    inside = p.ws / "in" / rest
    inside.parent.mkdir(parents=True, exist_ok=True)
    if rest:
        inside.symlink_to(private)
    else:
        (p.ws / "in").symlink_to(private)
    cases["a link in the workspace leads there"] = (p.ws / "in", private)
    (p.base / "way").symlink_to(p.ws / "in")
    cases["a link to that"] = (p.base / "way", private)
    (p.ws / "plain" / rest).mkdir(parents=True)
    lay(p.ws / "plain" / rest)
    state = lay(p.base / "around" / rest)
    cases["what Ward keeps lies there"] = (p.base / "around", state)
    for what, (value, place) in cases.items():
        check_eq(unasked(p, name, place, {variable: str(value), "XDG_STATE_HOME": str(state / "ward")}), "", what)


@both
def who_fetches_what_the_cache_has_not_is_told_of_the_option(p):
    """The tool is told EROFS alone. Only where it failed, could have fetched something, and did not have the cache for writing."""
    note = "ward: the host's package caches are only read in this run; if what is fetched is to have a place above them: --caches=go\n"
    place, env = home(p, "go"), {"PATH": on_path(p, "go")}
    net = ("--mode", "repo_write", "--cap", "NETWORK_CONNECT:a.example.com:443")
    for words, command, told in [(net, "mkdir", True), (net, "true", False), (("--mode", "workspace_write"), "mkdir", False),
                                 ((*net, "--caches=go"), "false", False), (net[2:], "mkdir", False),
                                 (net, "false", False), ((*net, "--attribution", "none"), "false", True)]:
        r = run(p, *words, "--", *([command, place / "new"] if command == "mkdir" else [command]), env=env)
        check_eq((words, command, r.code == 0), (words, command, command == "true"), r.err)
        check_eq((words, command, note in r.err), (words, command, told), r.err)
    check(not (place / "new").exists(), "the host's cache was written")
    r = run(p, *net, "--caches=go", "--", "mkdir", place / "new", env=env)
    check_eq(r.code, 0, r.err)


SECRETS = {"cargo": ["index/one/.git/logs/refs/HEAD", "index/two/.git/logs/HEAD"], "go": ["cache/vcs/dir/a"],
           "uv": ["git-v0/db/a/config"], "composer": ["vcs/a/config"], "deno": ["location_data/a/local_storage", "deno_history.txt"],
           "pre-commit": ["repo1/.git/config", "repo2/.git/logs/HEAD"], "bun": ["0a1b.git/config"],
           "poetry": ["virtualenvs/w-py3.12/src/one/.git/config"], "pipenv": ["w-abc/src/one/.git/config", "w-abc/src/two/.git/HEAD"],
           "gem": ["3.1.0/cache/bundler/git/a/config", "3.2.0/cache/bundler/git/b/FETCH_HEAD", "3.2.0/bundler/gems/own-1/lib/own.rb"]}
OPEN = {"cargo": ["index/one/.git/config", "index/one/.git/FETCH_HEAD", "index/one/.cache/d/logs", "index/sparse/config.json", "cache/one/logs"], "go": ["cache/download/a"],
        "uv": ["wheels-v1/a"], "composer": ["files/a"], "deno": ["npm/a"], "pre-commit": ["db.db", "repo1/.pre-commit-hooks.yaml", "repo2/env/bin/a"],
        "bun": ["a@1.0.0/config/git", "a.gitx/config"], "poetry": ["virtualenvs/w-py3.12/src/one/git.py", "virtualenvs/CACHEDIR.TAG"], "pipenv": ["w-abc/src/one/git.py", "x"],
        "gem": ["3.1.0/gems/a/lib/a.rb", "3.1.0/cache/a.gem"]}


def with_secrets(p, name):
    top = home(p, name)
    for rest in SECRETS[name] + OPEN[name]:
        (top / rest).parent.mkdir(parents=True, exist_ok=True)
        (top / rest).write_text("secret\n" if rest in SECRETS[name] else "good\n")
    return top


def all_of(p, top, *words, name):
    r = run(p, *words, "--", "grep", "-rhE", "good|secret", top, env={"PATH": on_path(p, PROGRAMS.get(name, name))})
    return set(r.out.split())


@both_cases([(f"{name} {how}", name, words) for name in SECRETS for how, words in (
    ("by itself", ("--caches={}",)), ("under a mode", ("--mode", "workspace_write", "--caches={}")), ("unasked", ("--mode", "workspace_write")))
    if how != "unasked" or name in [row[0] for row in UNASKED]])
def what_is_hidden_in_a_cache_is_hidden(p, name, words):
    top = with_secrets(p, name)
    words = [w.format(name) for w in words]
    check_eq(all_of(p, top, *words, name=name), {"good"})
    for rest in OPEN[name]:
        check_eq(run(p, *words, "--", "cat", top / rest, env={"PATH": on_path(p, name)}).out, "good\n", rest)
    for rest in SECRETS[name]:
        check_eq(run(p, *words, "--", "cat", top / rest, env={"PATH": on_path(p, name)}).out, "", rest)


@both
def what_cannot_be_hidden_at_the_top_hides_all(p):
    top = with_secrets(p, "pre-commit")
    for i in range(260):
        (top / f"more{i}/.git").mkdir(parents=True)
    for words in (("--caches=pre-commit",), ("--mode", "workspace_write", "--caches=pre-commit")):
        check_eq(all_of(p, top, *words, name="pre-commit"), set(), "more than are counted")
        r = run(p, *words, "--", "true")
        check(f'"{top}" is not shown: more than 256 names in it have what no run is shown' in r.err and "do not let" not in r.err, r.err)


@both
def what_has_nothing_to_hide_is_not_counted(p):
    """Hundreds of environments, one by a name that no policy can say, and in one a clone of such a name."""
    top = with_secrets(p, "pipenv")
    for i in range(300):
        (top / f"more{i}/src").mkdir(parents=True)
    for rest in ('o"dd/src/one', "w-odd/lib"):
        (top / rest).mkdir(parents=True)
        (top / rest / "a").write_text("good\n")
    (top / 'w-odd/src/o"dd/.git').mkdir(parents=True)
    (top / 'w-odd/src/o"dd/.git/config').write_text("secret\n")
    for words in (("--caches=pipenv",), ("--mode", "workspace_write", "--caches=pipenv")):
        r = run(p, *words, "--", "sh", "-c", f"cd {top} && cat w-abc/src/one/git.py x o*/src/one/a w-odd/lib/a; grep -r secret .; ls w-odd/src")
        check_eq(r.out.split(), ["good"] * 4, r.err)
        check(f'"{top}/w-odd/src" is not shown: what no run is shown lies in it by a name that no policy can say' in r.err, r.err)


@both
def what_cannot_be_hidden_by_name_is_hidden_whole(p):
    """A name that no policy can say, more of them than are looked at, and a link instead of a directory."""
    top = with_secrets(p, "cargo")
    for words in (("--caches=cargo",), ("--mode", "workspace_write"), ("--mode", "workspace_write", "--caches=cargo")):
        odd = top / 'index/o"dd/.git/logs'
        odd.mkdir(parents=True)
        (odd / "x").write_text("secret\n")
        check_eq(all_of(p, top / "index", *words, name="cargo"), set(), "a name that cannot be said")
        check_eq(run(p, *words, "--", "cat", top / "dir/a", env={"PATH": on_path(p, "cargo")}).out, "good\n")
        (odd / "x").unlink()
        odd.rmdir()
        odd.parent.rmdir()
        odd.parent.parent.rmdir()
        for i in range(260):
            (top / f"index/more{i}/.git/logs").mkdir(parents=True)
        check_eq(all_of(p, top / "index", *words, name="cargo"), set(), "more than are counted")
        for i in range(260):
            os.removedirs(top / f"index/more{i}/.git/logs")
        os.rename(top / "index", top / "elsewhere")
        (top / "index").symlink_to("elsewhere")
        check_eq(all_of(p, top / "elsewhere", *words, name="cargo"), {"good"}, "a link")
        (top / "index").unlink()
        os.rename(top / "elsewhere", top / "index")
        check_eq(all_of(p, top / "index", *words, name="cargo"), {"good"})

# ---- what lies below ----

def become(uid):
    def go():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        box.libc.prctl(box.PR_SET_DUMPABLE, 1, 0, 0, 0)
    return go


@root_only
def other_file_systems_lie_below_it(p):
    """A tmpfs for everybody. An overlay, as in a container, for an ordinary user: of root it would have to be ID-mapped, which it cannot be, and that is said."""
    box.private_mounts()
    box.bound_fuse()
    uid = box.free_id()
    top = p.home / ".npm/_cacache"
    top.mkdir(parents=True)
    for kind in ("tmpfs", "overlay"):
        over = p.base / f"parts-{kind}"
        over.mkdir()
        box.mount("ward-test", over, "tmpfs")
        for name in ("l", "u", "w"):
            (over / name).mkdir()
        box.mount("ward-test", top, kind, 0, None if kind == "tmpfs" else f"lowerdir={over}/l,upperdir={over}/u,workdir={over}/w")
        lay(top)
        for who in (0, uid):
            for path in (p.home, p.ws, p.side, *p.base.rglob("*")):
                os.chown(path, who, who, follow_symlinks=False)
            before = snapshot(top)
            r = run(p, "--caches=npm", "--", "sh", "-c", INSIDE, "sh", "/home/ward/.npm/_cacache", preexec_fn=become(who) if who else None)
            if kind == "overlay" and who == 0:
                check_eq(r.code, 125, r.err)
                check_in("ID-mapping a granted tree (this file system cannot)", r.err)
            else:
                check_eq(r.code, 0, f"{kind}, {who}: {r.err}")
            check_eq(snapshot(top), before)
        for path in (top, over):
            box.must(box.libc.umount2(os.fsencode(path), box.UMOUNT_DETACH), "umount")


@root_only
def another_name_of_it_is_not_written(p):
    """What is mounted a second time is the same: the cache itself, what it lies in, a part of it, in a grant or above one, with a blank in its name."""
    box.private_mounts()
    box.bound_fuse()
    uid = box.free_id()
    top = home(p)
    before = snapshot(top)
    other = p.base / "other name"
    for who in (0, uid):
        for path in (p.home, p.ws, p.side, *p.base.rglob("*")):
            os.chown(path, who, who, follow_symlinks=False)
        before = snapshot(top)
        for source, place, grant in (
                (top, other, other), (top.parent, other, other), (p.home, other, other / ".npm/_cacache/dir"), (top / "dir", other, other),
                (top / "dir", other / "deep", other), (top.parent, other / "deep", other), (top, other, other / "sub")):
            (other / "deep").mkdir(parents=True)
            box.mount(source, place, None, box.MS_BIND)
            if who == 0:
                refused(p, ["the package cache npm cannot be shown", "by another name", f"by --write {grant}", "take that grant out"], "--caches=npm", "--write", grant)
            more = {"preexec_fn": become(who)} if who else {}
            script = 'echo poison | tee -a "$1/a" "$1/dir/a" "$1/_cacache/dir/a" "$1/deep/a" "$1/deep/_cacache/dir/a" "$1/deep/x"'
            r = run(p, "--caches=npm", "--write", grant, "--", "sh", "-c", script, "sh", grant, **more)
            check_eq(r.code, 125, f"{source} at {place}, granted {grant}: {r.err}")
            box.must(box.libc.umount2(os.fsencode(place), box.UMOUNT_DETACH), "umount")
            check_eq(snapshot(top), before, f"{source} at {place}, granted {grant}: the host's cache was written")
            # The same grants, where nothing is mounted.
            (other / "sub").mkdir()
            grant = grant if grant.exists() else other
            r = run(p, "--caches=npm", "--write", grant, "--", "sh", "-c", INSIDE, "sh", "/home/ward/.npm/_cacache", **({"preexec_fn": become(who)} if who else {}))
            check_eq(r.code, 0, r.err)
            for d in ("deep", "sub", ""):
                (other / d).rmdir()


@root_only
def where_the_list_of_mounts_says_nothing_there_is_no_cache(p):
    home(p)
    nothing = p.write("nothing", "")

    def covered():
        box.private_mounts()
        box.mount(nothing, "/proc/self/mountinfo", None, box.MS_BIND)
    refused(p, ["which names", "cannot be told"], "--caches=npm", "--write", p.ws, preexec_fn=covered)


@root_only
def what_is_mounted_below_is_not_there(p):
    top = home(p)
    box.private_mounts()
    (top / "mounted").mkdir()
    box.mount("ward-test", top / "mounted", "tmpfs")
    (top / "mounted/x").write_text("x")
    r = run(p, "--caches=npm", "--", "ls", top / "mounted")
    box.must(box.libc.umount2(os.fsencode(top / "mounted"), box.UMOUNT_DETACH), "umount")
    check_eq((r.code, r.out), (0, ""), r.err)


@user_only
def a_cache_that_is_all_one_directory_of_nobody_is_read(p):
    top = home(p)
    (top / "dir/a").chmod(0)
    r = run(p, "--caches=npm", "--", "cat", top / "dir/a")
    check(r.code != 0, "what the caller may not read, the run may not")
    (top / "dir/a").chmod(0o644)


if __name__ == "__main__":
    box.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What others got wrong, tried on real runs. docs/requirements.md names the defect that each test stands for."""
import ctypes
import json
import os
import subprocess

import box
import cli
from box import both
from tap import check, check_eq, check_in

libc = ctypes.CDLL(None, use_errno=True)

HIDDEN = [".env", ".env.local", "sub/.env", "sub/.env.production", "prod.env", "a/b/c/dev.env.bak", ".ssh/config", "sub/.ssh/id_ed25519",
          "deep/secrets/key"]
SHOWN = ["environment", "env", "a.envelope", "credentials_test.go", "ssh/config", "secretsfile", "deep/secret/key", "sub/x.env2"]
RULES = """\
schemaVersion: 2
kind: Policy
metadata: {name: team}
spec:
  denyRead: ["**/.env", "**/.env.*", "**/*.env", "**/*.env.*", "**/.ssh/**", "**/secrets/**"]
  fsProfiles:
    all: {read: ["**"], modify: ["**"], allowExec: ["*"]}
"""


def alone(p):
    return {"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config")}


def kernel_says(p, names, *words):
    """Which of names can be read inside."""
    r = p.run(*words, "sh", "-c", 'for n; do cat "$n" 2>/dev/null; done; true', "sh", *names, env=alone(p))
    check_eq(r.code, 0, r.err)
    return r.out.split()


def engine_says(p, names, *words):
    found = []
    for name in names:
        r = subprocess.run([cli.WARD, "policy", "explain", "--json", *words, "--op", "read", "--path", name], cwd=p.ws,
                           env=p.env(**alone(p)), stdout=subprocess.PIPE, check=False, text=True)
        if json.loads(r.stdout)["effect"] == "allow":
            found.append(name)
    return found


def plant(p, names):
    for name in names:
        p.write(name, name + "\n", 0o644)
    for top, _, _ in os.walk(p.ws):
        os.chmod(top, 0o755)


@both
def variants_of_a_secret_file_s_name_are_secret(p):
    """The base name alone is not what counts, nor one spelling of it; what only sounds alike is readable."""
    plant(p, HIDDEN + SHOWN)
    p.write("team.yaml", RULES)
    words = ["--policy", "team.yaml", "--profile", "all"]
    check_eq(engine_says(p, HIDDEN + SHOWN, *words), SHOWN)
    check_eq(kernel_says(p, HIDDEN + SHOWN, *words, "--accept", "files=advisory"), SHOWN)


@both
def another_spelling_is_the_same_file(p):
    """Whatever leads to the file: what is denied is the file's place, not the text by which it is asked for."""
    plant(p, ["secret/key", "open/key"])
    os.symlink("secret", p.ws / "link")
    os.symlink("../secret/key", p.ws / "open/link")
    p.write("team.yaml", RULES.replace('"**/secrets/**"', '"secret/**"').replace('"**/.env", "**/.env.*", "**/*.env", "**/*.env.*", ', "")
            .replace('"**/.ssh/**", ', ""))
    names = ["secret/key", "./secret/key", "secret/./key", "secret//key", "open/../secret/key", "link/key", "open/link",
             str(p.ws / "secret/key"), "/proc/self/cwd/secret/key"]
    words = ["--policy", "team.yaml", "--profile", "all"]
    check_eq(engine_says(p, names[:-1], *words), [])
    check_eq(kernel_says(p, names, *words), [])
    check_eq(kernel_says(p, ["open/key"], *words), ["open/key"])


@both
def another_case_is_another_file(p):
    """On a file system that tells them apart, engine and kernel do; neither guesses."""
    names = ["secrets/key", "Secrets/key", "SECRETS/key", "secrets/KEY"]
    plant(p, names)
    p.write("team.yaml", RULES.replace('"**/.env", "**/.env.*", "**/*.env", "**/*.env.*", "**/.ssh/**", "**/secrets/**"', '"secrets/key"'))
    words = ["--policy", "team.yaml", "--profile", "all"]
    check_eq(engine_says(p, names, *words), names[1:])
    check_eq(kernel_says(p, names, *words), names[1:])


@both
def nothing_of_ward_s_own_is_looked_up_on_path(p):
    """Programs of every name that a sandbox might start, first on PATH: none of them runs, inside or outside."""
    plant(p, ["seen/x"])
    (p.ws / "seen").chmod(0o777)
    impostors = p.ws / "bin"
    impostors.mkdir()
    for name in ("ward", "ward-init", "wardd", "bwrap", "unshare", "nsenter", "mount", "umount", "fusermount", "fusermount3", "newuidmap",
                 "newgidmap", "setpriv", "capsh", "systemd-run", "sudo", "sh", "bash", "env", "git", "gpg", "id", "getent", "stat", "uname", "modprobe", "ip",
                 "nft", "iptables", "ld", "ldd", "ldconfig", "less", "pager", "vi"):
        p.write(f"bin/{name}", f"#!/bin/sh\n: > {p.ws}/seen/{name}\nexec /usr/bin/{name} \"$@\"\n", 0o755)
    impostors.chmod(0o755)
    env = {**alone(p), "PATH": f"{impostors}:{os.environ['PATH']}", "PAGER": "pager", "EDITOR": "vi", "SHELL": str(impostors / "sh")}
    for words in (["--write", ".", "/bin/true"], ["--mode", "workspace_write", "/bin/true"], ["--json", "--read", ".", "/bin/true"]):
        r = p.run(*words, env=env)
        check_eq(r.code, 0, r.err)
    for words in (["plan"], ["doctor"], ["policy", "check"], ["pending"], ["trust", "--show"]):
        subprocess.run([cli.WARD, *words], cwd=p.ws, env=p.env(**env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False, timeout=60)
    check_eq(sorted(os.listdir(p.ws / "seen")), ["x"])
    # The impostors do work: named as the command, one of them runs.
    r = p.run("--write", ".", "--cap", "EXTERNAL_COMMAND:*", str(impostors / "env"), "true", env=env)
    check_in("env", os.listdir(p.ws / "seen"))


@both
def nothing_is_started_twice(p):
    """However it ends: a failure, a signal, a timeout, a refusal of what it tried. Whoever wants to try again does so himself."""
    p.ws.chmod(0o777)
    for i, (end, code) in enumerate((("exit 75", 75), ("kill -9 $$", 137), ("sleep 30", 124), ("cat /etc/shadow; exit 1", 1))):
        r = p.run("--write", ".", "--timeout", "1s", "--grace", "100ms", "sh", "-c", f"echo x >> count{i}; {end}")
        check_eq(r.code, code, r.err)
        check_eq((p.ws / f"count{i}").read_text(), "x\n")
        starts = [x for x in box.records(p) if x["kind"] == "run.start"]
        check_eq(len(starts), i + 1)


@both
def what_holds_ward_itself_is_said(p):
    """A run without a cage of its own, inside another's, is still sandboxed: the log and the line about it say by what."""
    def held():
        check_eq(libc.prctl(38, 1, 0, 0, 0), 0)     # PR_SET_NO_NEW_PRIVS
        box.refuse_calls(("setrlimit", 1))()

    for words in (["--backend", "direct"], []):
        r = p.run(*words, "true", preexec_fn=held)
        check_eq(r.code, 0, r.err)
        start = [x for x in box.records(p) if x["kind"] == "run.start"][-1]
        check_eq(start["detail"]["inherited"][:2], ["no_new_privs", "seccomp"])
        if words:
            check_in("confines nothing; what holds ward itself holds it too: no_new_privs seccomp", r.err)
    def mapped():
        uid = os.getuid()
        check_eq(libc.unshare(0x10000000), 0)       # CLONE_NEWUSER
        os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"%d %d 1\n" % (uid, uid))

    r = p.run("--backend", "direct", "true", preexec_fn=mapped)
    start = [x for x in box.records(p) if x["kind"] == "run.start"][-1]
    check_eq((r.code, start["detail"]["inherited"][-1:]), (0, ["user_namespace"]), r.err)
    r = p.run("--backend", "direct", "true")
    start = [x for x in box.records(p) if x["kind"] == "run.start"][-1]

    check_eq("what holds ward itself" in r.err, start["detail"]["inherited"] != [])


box.main()

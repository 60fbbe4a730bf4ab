# SPDX-License-Identifier: Apache-2.0
"""What the tests of runs under policies share: a run with no policies but its own, and a workspace to run in."""
import subprocess

TEAM = """\
schemaVersion: 2
kind: Policy
metadata: {name: team}
spec:
  denyRead: ["secret/**"]
  denyModify: ["locked/**"]
  fsProfiles:
    all:
      read: ["**"]
      modify: ["**", "!kept/**", "kept/open/**"]
      allowExec: ["*"]
      env: [MARK]
      limits: {pids: 40, grace: 1s}
    reader:
      read: ["**", "!private/**"]
      modify: []
      allowExec: ["*"]
"""


def ordinary(p, *words, **more):
    """A run whose only policies are those that it names."""
    return p.run(*words, env={"HOME": str(p.home), "XDG_CONFIG_HOME": str(p.home / "config"), **more.pop("env", {})}, **more)


def tree(p):
    for name in ("src/a", "secret/key", "locked/a", "kept/a", "kept/open/a", "private/a", "deep/secret/key"):
        p.write(name, f"text of {name}\n", 0o666)
    for d in ("src", "secret", "locked", "kept", "kept/open", "private", "."):
        (p.ws / d).chmod(0o777)
    p.write("team.yaml", TEAM)


def repository(p):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "safe.directory=*"]
    p.write("a", "one\n", 0o666)
    subprocess.run([*git, "init", "-q", "."], cwd=p.ws, check=True)
    subprocess.run([*git, "add", "a"], cwd=p.ws, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], cwd=p.ws, check=True)
    p.ws.chmod(0o777)


def says(p, resource, *words):
    r = ordinary(p, *words, "--action", "fs.read", "--resource", resource, kind=("policy", "explain"), log=False)
    return r.out.split(":")[0] if r.out else r.err

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What zsh and fish offer for a line, by their own engines; bash is in test_help.py, which also holds all three to the option table."""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import cli
from tap import cases, check, main, skip


def generated(shell):
    return subprocess.run([sys.executable, str(cli.ROOT / "tools/gen-options"), shell, cli.WARD], stdout=subprocess.PIPE, check=True, text=True).stdout


ZSH_READY = (b"unsetopt zle_bracketed_paste beep list_packed; fpath=($PWD $fpath); autoload -U compinit; compinit -D -u; LISTMAX=99999; bindkey '^X' list-choices; "
             b"zstyle ':completion:*' verbose no; printf 'rea''dy\\n'\n")


def zsh_offers(p, line, want):
    """What zsh lists for a line on a terminal, by its own engine: until all that is wanted was seen, and a moment longer."""
    (p.side / "_ward").write_text(generated("zsh"))
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(p.side)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": "100", "LINES": "1000", "PS1": "", "HOME": str(p.side)})
    said = b""

    def until(seen, seconds):
        nonlocal said
        end = time.monotonic() + seconds
        while not seen() and time.monotonic() < end:
            if select.select([fd], [], [], 0.2)[0]:
                said += os.read(fd, 65536)

    try:
        os.write(fd, ZSH_READY)
        until(lambda: b"ready\r\n" in said, 60 * cli.PATIENCE)
        said = b""
        os.write(fd, line.encode() + b"\x18")
        until(lambda: want and all(w.encode() in said for w in want), 30 * cli.PATIENCE if want else 3)
        until(lambda: False, 1)
    finally:
        os.close(fd)
        os.waitpid(pid, 0)
    return said.decode(errors="replace").replace(line, "")


def fish_offers(p, line, _want):
    (p.side / "ward.fish").write_text(generated("fish"))
    (p.side / "ward").symlink_to(cli.WARD)
    env = {"PATH": f"{p.side}:{os.environ['PATH']}", "HOME": str(p.side), "LANG": "C.UTF-8"}
    r = subprocess.run(["fish", "--no-config", "-c", f"source ward.fish; complete -C {line!r}"], cwd=p.side, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=60, check=False)
    return "\n".join(row.split("\t")[0] for row in r.stdout.split("\n"))


TYPED = [
    ("commands", "ward ", {"run", "sandbox", "plan", "doctor", "policy", "audit", "net", "pending", "approve", "deny", "allow", "stop", "runs", "diff", "discard", "commit", "trust", "cedar",
                           "version", "help"}, {"--read"}),
    ("a group", "ward audit ", {"verify", "show"}, {"log"}),
    ("options", "ward run --out", {"--outcome", "--output-limit"}, set()),
    ("options of sandbox run", "ward sandbox run --deny", {"--deny-errno"}, set()),
    ("options of a plan of sandbox run", "ward plan sandbox run --deny", {"--deny-errno"}, set()),
    ("options of cedar", "ward cedar format --", {"--policies", "--line-width", "--write", "--help"}, {"--read", "--entities"}),
    ("options of stop", "ward stop --", {"--all", "--match", "--now", "--reason", "--wait", "--dry-run"}, {"--read"}),
    ("options of policy explain", "ward policy explain --", {"--op", "--mode", "--run"}, {"--timeout", "--as"}),
    ("choices", "ward run --attribution ", {"auto", "fuse", "notify", "none"}, {"--read"}),
    ("choices behind =", "ward run --backend=", {"native", "direct"}, set()),
    ("what has no word of its own", "ward run --review=", {"auto", "live"}, set()),
    ("a level", "ward run --require cpu=e", {"enforced"}, {"advisory"}),
    ("a capability", "ward run --cap NETWORK_", {"NETWORK_CONNECT:", "NETWORK_LISTEN:"}, {"ENV:"}),
    ("a path of a capability", "ward run --cap FILE_READ:/etc/hostn", {"hostname"}, set()),
    ("the command of a run", "ward run --read . --mode read_only ba", {"bash"}, {"--read"}),
    ("what follows it", "ward run --read . cat /etc/hostn", {"hostname"}, set()),
    ("behind --", "ward run -- --rea", set(), {"--read"}),
]


@cases([(f"{shell} {name}", shell, line, want, never) for shell in ("zsh", "fish") for name, line, want, never in TYPED])
def completion_works_in(shell, line, want, never):
    if not shutil.which(shell):
        return skip(f"no {shell}")
    with cli.place() as p:
        said = (zsh_offers if shell == "zsh" else fish_offers)(p, line, want)
        got = set(said.split()) | {re.split("[:=/]", w)[-1].rstrip("*") for w in said.split() if not w.endswith(":")}
        check(want <= got, f"{want - got} of {line!r} not offered: {said}")
        check(not got & never, f"{got & never} offered for {line!r}: {said}")
    return None


main()

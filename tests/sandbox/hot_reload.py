# SPDX-License-Identifier: Apache-2.0
"""Hot reload: somebody edits a file, and somebody else who watches it has to see what it says now. One of them is inside a run, the other on the
host. What watches is as dev servers do it: inotify, a look at the file's times again and again, and node's fs.watch.

    python3 hot_reload.py watch HOW FILE      what runs as the watcher: a line for each content that it sees
    cells(p, words)                           what tests and bench/hot-reload share
"""
import ctypes
import os
import select
import statistics
import subprocess
import sys
import time

EDITS = {
    "in place": "printf %s {text} > {name}",
    "by rename": "printf %s {text} > {name}.tmp && mv {name}.tmp {name}",
}
NODE = """
const fs = require("fs"), path = require("path"), [file] = process.argv.slice(2);
let last = null;
const say = () => { let t; try { t = fs.readFileSync(file, "utf8") } catch { return } if (t && t !== last) { last = t; console.log(t) } };
say();
fs.watch(path.dirname(file), (_, name) => { if (name === path.basename(file)) say() });
"""
IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE = 0x2, 0x4, 0x8, 0x80, 0x100


# ---- the watcher ----

def watch(how, path):
    last = None

    def say():
        nonlocal last
        try:
            with open(path, encoding="utf-8") as f:
                text = f.read()
        except FileNotFoundError:
            return
        if text and text != last:
            last = text
            print(text, flush=True)

    if how == "stat":
        seen = None
        while True:
            try:
                st = os.stat(path)
                now = (st.st_ino, st.st_mtime_ns, st.st_size)
            except FileNotFoundError:
                now = None
            if now != seen:
                seen = now
                say()
            time.sleep(0.02)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(0)
    mask = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE
    # The directory, as most do, and the file, as the others do.
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(os.path.dirname(path)), mask) < 0:
        sys.exit("no inotify")
    libc.inotify_add_watch(fd, os.fsencode(path), mask)
    say()
    while True:
        os.read(fd, 65536)
        say()


# ---- one cell ----

class Lines:
    """What a program says, line by line, with a time limit."""

    def __init__(self, q):
        self.fd, self.rest = q.stdout.fileno(), b""

    def until(self, text, seconds):
        """-> did it say so?"""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                if line.decode() == text:
                    return True
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            more = os.read(self.fd, 65536)
            if not more:
                return False
            self.rest += more


def watcher_of(p, how):
    script = p.ws / "node_watch.js" if how == "node" else p.ws / "hot_reload.py"
    with open(__file__, encoding="utf-8") as f:
        script.write_text(NODE if how == "node" else f.read())
    path = str(p.ws / "app.txt")
    return ["node", str(script), path] if how == "node" else ["python3", str(script), "watch", how, path]


def shell(p, words):
    """Somebody who does what he is told: on the host (words None), or in a run."""
    script = 'while IFS= read -r line; do eval "$line"; echo done; done'
    more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    if words is None:
        return subprocess.Popen(["sh", "-c", script], cwd=p.ws, **more)
    return p.start(*words, "--", "sh", "-c", script, **more)


def cell(p, words, inside, how, edit, rounds=5, seconds=4.0):
    """inside: what is in the run of these words, "edit" or "watch". -> milliseconds until it was seen, a round each; None: it was not"""
    p.write("app.txt", "first")
    command = watcher_of(p, how)
    editor = shell(p, words if inside == "edit" else None)
    said = Lines(editor)
    editor.stdin.write(b":\n")
    if not said.until("done", 60):
        raise RuntimeError("the run did not start")
    if inside == "watch":
        watcher = p.start(*words, "--", *command, stdout=subprocess.PIPE)
    else:
        watcher = subprocess.Popen(command, cwd=p.ws, stdout=subprocess.PIPE)
    times = []
    try:
        lines = Lines(watcher)
        if not lines.until("first", 60):
            raise RuntimeError("the watcher did not start")
        time.sleep(0.3)
        for i in range(rounds):
            text = f"round-{i}-{time.monotonic_ns()}"
            begin = time.monotonic()
            editor.stdin.write((EDITS[edit].format(text=text, name="app.txt") + "\n").encode())
            if not said.until("done", 60):
                raise RuntimeError("the edit failed")
            times.append((time.monotonic() - begin) * 1000 if lines.until(text, seconds) else None)
            if times[-1] is None:
                break
            time.sleep(0.4)
    finally:
        for q in (watcher, editor):
            q.kill()
            q.wait()
            for f in (q.stdin, q.stdout):
                if f:
                    f.close()
    return times


def say_times(times):
    if None in times:
        return "never"
    return f"{statistics.median(times):.0f} ms (at most {max(times):.0f})"


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "watch":
        watch(sys.argv[2], sys.argv[3])
    sys.exit("usage: hot_reload.py watch HOW FILE")

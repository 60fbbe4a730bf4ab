# SPDX-License-Identifier: Apache-2.0
"""What the tests of refusals that are named have in common: how they are read, and a script that starts a program in every way."""
import os

EXECS = """
import os, subprocess, sys, threading
name, private = sys.argv[1], "/tmp/mine"
def op(what, fn):
    try: print(what, "DONE", fn())
    except OSError as e: print(what, e.errno)
def run(*words, **more):
    return subprocess.run(words, stdout=subprocess.DEVNULL, check=False, **more).returncode
def by_fd():
    pid = os.fork()
    if pid == 0:
        fd = os.open(name, os.O_PATH)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        try: os.execve(fd, ["x"], {})
        except OSError as e: os._exit(e.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
op("absolute", lambda: run(name))
op("relative", lambda: run("./" + os.path.basename(name), cwd=os.path.dirname(name)))
op("PATH", lambda: run(os.path.basename(name)))
print("fd", by_fd())
t = threading.Thread(target=lambda: op("thread", lambda: run(name)))
t.start()
t.join()
op("self", lambda: run(sys.executable, "-c", ""))
fd = os.memfd_create("x")
os.write(fd, open("/usr/bin/true", "rb").read())
op("memfd", lambda: run(f"/proc/self/fd/{fd}", pass_fds=[fd]))
op("absent", lambda: run("/usr/bin/no-such-program"))
with open(private, "wb") as f: f.write(open("/usr/bin/true", "rb").read())
os.chmod(private, 0o755)
op("private", lambda: run(private))
"""
LS = os.path.realpath("/bin/ls")
SANDBOX = ("sandbox", "run")


def named(o):
    return {(v["action"], v["resource"]) for v in o["violations"]}


def by_path(o, path):
    return [v for v in o["violations"] if v["resource"] == path]

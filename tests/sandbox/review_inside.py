# SPDX-License-Identifier: Apache-2.0
"""
Things that programs do to files, done in the working directory, and what is there afterwards, printed. tests/sandbox/test_review_cage.py
executes it in a directory under review and in a plain copy of it: both have to say the same.
"""
import json
import os
import shutil
import socket
import stat


def attempt(fn, *words, **more):
    try:
        fn(*words, **more)
        return "done"
    except OSError as e:
        return type(e).__name__ + " " + os.strerror(e.errno)


def append(name):
    with open(name, "a", encoding="utf-8") as f:
        f.write("more\n")


def write(name, text="new\n"):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def replace(name):
    write(name + ".tmp", "replaced\n")
    os.replace(name + ".tmp", name)


def sparse(name):
    with open(name, "wb") as f:
        f.truncate(1 << 20)
        f.seek(1 << 19)
        f.write(b"middle")


def unix(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(name)
        s.listen(1)
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(name)


def over(name):
    """A directory that was there is replaced by another one: nothing of what was below may show through."""
    shutil.rmtree(name)
    os.mkdir(name)
    write(name + "/only")


STEPS = [
    (append, "append"), (os.truncate, "truncate", 3), (write, "overwrite"), (replace, "replace"), (os.unlink, "remove"),
    (os.rename, "rename", "renamed"), (os.rename, "dir/inner", "moved-out"), (os.link, "link", "link-2"), (os.symlink, "dir/inner", "sym-new"),
    (os.unlink, "sym-old"), (os.chmod, "mode", 0o640), (os.chmod, "script", 0o755), (os.mkdir, "new-dir"), (write, "new-dir/file"),
    (os.rename, "new-dir", "new-dir-2"), (shutil.rmtree, "gone"), (over, "over"), (os.chmod, "dir", 0o711), (os.setxattr, "xattr", "user.mine", b"new"),
    (os.removexattr, "xattr", "user.old"), (os.setxattr, "dir", "user.of-dir", b"d"), (os.mkfifo, "fifo"), (unix, "socket"), (sparse, "sparse"),
    (os.utime, "times", (1000000000, 1000000001)), (write, "deep/a/b/c/d/e/new"), (os.rmdir, "empty"), (os.unlink, "nothing"),
    (os.rmdir, "dir"), (os.mkdir, "append"), (write, "dir/\xe4 \n*"),
]


def state(top="."):
    out = {}
    for at, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(at, name)
            st = os.lstat(path)
            one = [stat.filemode(st.st_mode), st.st_nlink if stat.S_ISREG(st.st_mode) else 0]
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    one += [st.st_size, f.read(100).decode("latin1"), int(st.st_mtime) if name == "times" else 0]
            if stat.S_ISLNK(st.st_mode):
                one.append(os.readlink(path))
            else:
                one.append({k: os.getxattr(path, k).decode("latin1") for k in sorted(os.listxattr(path))})
            out[path] = one
    return out


if __name__ == "__main__":
    said = [f"{step[0].__name__} {step[1]!r}: {attempt(*step)}" for step in STEPS]
    print(json.dumps({"said": said, "state": state()}, indent=1, sort_keys=True))

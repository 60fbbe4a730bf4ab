# SPDX-License-Identifier: Apache-2.0
"""Taking away what a test has made, and nothing else: a directory on which something is mounted, such as the host's root, is never
gone through."""
import contextlib
import ctypes
import os
import re
import shutil
import stat

MNT_DETACH = 2
libc = ctypes.CDLL(None, use_errno=True)


def own_dir(path):
    """Makes a directory where there is none. What is executed from it comes from nobody else: one that others own, or may write, is an error."""
    os.makedirs(path, mode=0o755, exist_ok=True)
    st = os.lstat(path)
    if not stat.S_ISDIR(st.st_mode) or st.st_uid != os.geteuid() or st.st_mode & 0o022:
        raise PermissionError(f"{path}: not a directory that is yours, and that nobody else may write: take it away, or name another")


def mounts_below(top):
    """Deepest first. None: nobody says."""
    try:
        f = open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    with f:
        points = [re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in f]
    return sorted((p for p in points if p == top or p.startswith(top + "/")), key=len, reverse=True)


def _around(path, points):
    """All of it but what is mounted."""
    for entry in os.scandir(path):
        if entry.path in points:
            continue
        if not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
        elif any(p.startswith(entry.path + "/") for p in points):
            _around(entry.path, points)
        else:
            shutil.rmtree(entry.path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(path)


def remove_tree(top):
    """Like rmtree, for the place of a test. What is mounted there is unmounted; where that may not be done (a user in somebody's mount
    namespace) it is left as it is."""
    top = os.path.realpath(top)
    points = mounts_below(top)
    if points is None:
        return
    for point in points:
        libc.umount2(os.fsencode(point), MNT_DETACH)
    left = mounts_below(top)
    if not left:
        shutil.rmtree(top, ignore_errors=True)
    elif top not in left:
        _around(top, set(left))

# SPDX-License-Identifier: Apache-2.0
"""What the tests of package caches share: the list of data/caches, and all of a tree that a run could have changed."""
import hashlib
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Homes are laid out by the tests: no variable of the caller's moves a part of them.
for _name in ("npm_config_cache", "PIP_CACHE_DIR", "CARGO_HOME", "GOPATH", "GOMODCACHE", "GOCACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "GRADLE_USER_HOME",
              "UV_CACHE_DIR", "UV_PYTHON_INSTALL_DIR", "POETRY_CACHE_DIR", "HATCH_DATA_DIR", "PNPM_HOME", "YARN_CACHE_FOLDER", "YARN_GLOBAL_FOLDER",
              "COREPACK_HOME", "BUN_INSTALL", "BUN_INSTALL_CACHE_DIR", "DENO_DIR", "WORKON_HOME", "PRE_COMMIT_HOME", "COMPOSER_CACHE_DIR"):
    os.environ.pop(_name, None)


def caches():
    """{name: (inside, place below home)} of data/caches."""
    found = {}
    for line in (ROOT / "data/caches").read_text().splitlines():
        words = line.split("#")[0].split()
        if words and words[0] == "cache":
            found[words[1]] = (words[3], words[-1][2:])
    return found


CACHES = caches()


def snapshot(top):
    """Everything of a tree that could have been changed."""
    found = {}
    for d, dirs, files in os.walk(top):
        for name in [".", *dirs, *files]:
            path = os.path.join(d, name)
            st = os.lstat(path)
            data = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if os.path.isfile(path) else ""
            found[os.path.relpath(path, top)] = (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns, st.st_ctime_ns, data)
    return found

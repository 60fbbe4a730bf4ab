# SPDX-License-Identifier: Apache-2.0
"""What the tests that change a ceiling share: an /etc of their own, and the ceiling in it."""
import os
import pathlib
import shutil
import tempfile

import box

CEILING = pathlib.Path("/etc/ward")


def own_etc():
    """From here on /etc can be written to, and is nobody else's."""
    box.private_mounts()
    layers = tempfile.mkdtemp(prefix="ward-etc-")
    box.mount("none", layers, "tmpfs", 0, "mode=0755")
    for d in ("up", "work"):
        os.mkdir(f"{layers}/{d}")
    box.mount("none", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={layers}/up,workdir={layers}/work")


def ceiling(epoch, text, at=CEILING, **more):
    """All of it anew: a directory beside it, renamed into its place."""
    new = at.with_name("ward.new")
    new.mkdir(mode=0o755)
    files = {"host.cedar": text, **more}
    if epoch is not None:
        files["epoch"] = f"{epoch}\n"
    for name, what in files.items():
        (new / name.replace("_", ".")).write_text(what)
        (new / name.replace("_", ".")).chmod(0o644)
    if at.exists():
        at.rename(at.with_name("ward.old"))
    new.rename(at)
    shutil.rmtree(at.with_name("ward.old"), ignore_errors=True)

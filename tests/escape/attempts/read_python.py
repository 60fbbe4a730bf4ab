# SPDX-License-Identifier: Apache-2.0
# The same file, by an interpreter that walks the whole tree up from the workspace.
# class: read
# escaped: leak file
import os
import pathlib

for up in pathlib.Path(os.getcwd()).parents:
    for top, _, files in os.walk(up.name and str(up) or "/tmp"):
        for name in files:
            if name == "secret":
                print("found:", (pathlib.Path(top) / name).read_text())
    if "ward-escape" in up.name:
        break

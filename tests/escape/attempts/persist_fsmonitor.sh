# SPDX-License-Identifier: Apache-2.0
# The configuration of a repository names a program that git status starts.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
fsmonitor .git/config; fsmonitor sub/.git/config; fsmonitor a/b/c/.git/config

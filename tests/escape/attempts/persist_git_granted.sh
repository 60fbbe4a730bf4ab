# SPDX-License-Identifier: Apache-2.0
# The directory of a repository is granted, and its hooks with it.
# class: persistence
# plants: repositories
# args: ran
# grants: --read {ws} --write {ws}/sub/.git
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
for h in pre-commit post-commit; do hook sub/.git/hooks/$h; done; fsmonitor sub/.git/config

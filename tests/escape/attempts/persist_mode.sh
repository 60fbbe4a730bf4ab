# SPDX-License-Identifier: Apache-2.0
# A hook in a repository below the workspace, under the mode that builds.
# class: persistence
# plants: repositories
# args: ran
# grants: --mode workspace_write
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
for h in pre-commit post-commit; do hook a/b/c/.git/hooks/$h; hook .git/hooks/$h; done; fsmonitor sub/.git/config

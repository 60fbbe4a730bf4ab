# SPDX-License-Identifier: Apache-2.0
# A hook in the repository that is the workspace.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
for h in pre-commit post-commit post-checkout; do hook .git/hooks/$h; done

# SPDX-License-Identifier: Apache-2.0
# Hooks and configuration of a submodule, which lie in the repository above it.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
for h in pre-commit post-commit; do hook super/.git/modules/sub/hooks/$h; done
fsmonitor super/.git/modules/sub/config
mv super/.git/modules super/.git/m && cp -r super/.git/m super/.git/modules && fsmonitor super/.git/modules/sub/config

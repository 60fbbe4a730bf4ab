# SPDX-License-Identifier: Apache-2.0
# A hard link, or a link, takes the place of the configuration.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
cp .git/config new; fsmonitor new
ln -f new .git/config; ln -sf ../new .git/config

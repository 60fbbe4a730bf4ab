# SPDX-License-Identifier: Apache-2.0
# A file that the configuration of a repository includes on a condition.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
fsmonitor when.conf; cp when.conf new; fsmonitor new; mv -f new when.conf

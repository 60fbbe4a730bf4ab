# SPDX-License-Identifier: Apache-2.0
# A file that the configuration of a repository includes.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
fsmonitor more.conf; cp more.conf new; fsmonitor new; mv -f new more.conf

# SPDX-License-Identifier: Apache-2.0
# A program of the tree that the configuration names as a filter.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
printf '#!/bin/sh\n: > %s\ncat\n' "$RAN" > named/tools/clean
printf '#!/bin/sh\n: > %s\ncat\n' "$RAN" > new; chmod 755 new; mv -f new named/tools/clean; echo more >> named/file.x

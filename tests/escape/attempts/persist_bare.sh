# SPDX-License-Identifier: Apache-2.0
# The configuration of a repository without a work tree, in a directory of any name.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
for d in some/where; do
	git config --file $d/config core.bare false; git config --file $d/config core.worktree "$PWD/$d"; fsmonitor $d/config
	cp $d/config new; git config --file new core.bare false; git config --file new core.worktree "$PWD/$d"; fsmonitor new; mv -f new $d/config
done

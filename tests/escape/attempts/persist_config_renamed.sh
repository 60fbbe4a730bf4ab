# SPDX-License-Identifier: Apache-2.0
# A new configuration is renamed over the old one, as git itself does it.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
for d in . sub a/b/c; do
	cp $d/.git/config new; fsmonitor new; mv -f new $d/.git/config
	(cd $d && git -c safe.directory='*' config core.fsmonitor ": > $RAN; false")
done

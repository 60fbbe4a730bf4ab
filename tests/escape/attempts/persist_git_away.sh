# SPDX-License-Identifier: Apache-2.0
# The directory of a repository is moved away, and another is made in its place.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
for d in . sub a/b/c; do
	mv $d/.git $d/old && cp -r $d/old $d/.git || continue
	for h in pre-commit post-commit; do hook $d/.git/hooks/$h; done
done

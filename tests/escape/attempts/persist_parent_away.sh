# SPDX-License-Identifier: Apache-2.0
# A directory above a repository is moved away, and another is made in its place.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
for d in a a/b a/b/c; do
	mv $d away && cp -r away $d && rm -rf away || continue
	for h in pre-commit post-commit; do hook a/b/c/.git/hooks/$h; done
done

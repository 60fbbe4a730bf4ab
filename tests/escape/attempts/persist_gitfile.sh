# SPDX-License-Identifier: Apache-2.0
# The file by which another work tree finds its repository leads to one of the attempt's own.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
cp -r .git evil; for h in pre-commit post-commit; do hook evil/hooks/$h; done
echo "gitdir: $PWD/evil" > tree/.git
rm -f tree/.git; echo "gitdir: $PWD/evil" > tree/.git
mv tree t && mkdir tree && cp t/file tree/ && echo "gitdir: $PWD/evil" > tree/.git

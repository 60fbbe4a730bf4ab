# SPDX-License-Identifier: Apache-2.0
# The directory of another work tree names another common one.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
cp -r .git evil; for h in pre-commit post-commit; do hook evil/hooks/$h; done
echo "$PWD/evil" > .git/worktrees/tree/commondir
echo "$PWD/evil" > new; mv -f new .git/worktrees/tree/commondir

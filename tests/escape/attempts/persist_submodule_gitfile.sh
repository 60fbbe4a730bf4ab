# SPDX-License-Identifier: Apache-2.0
# The file by which a submodule finds its repository leads to another.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
cp -r super/.git/modules/sub evil; git config --file evil/config --unset core.worktree; for h in pre-commit post-commit; do hook evil/hooks/$h; done
echo "gitdir: $PWD/evil" > super/sub/.git
mv -f super/sub/.git away; echo "gitdir: $PWD/evil" > super/sub/.git

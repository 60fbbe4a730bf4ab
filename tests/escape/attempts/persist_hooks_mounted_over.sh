# SPDX-License-Identifier: Apache-2.0
# A link takes the place of the directory of hooks.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
mkdir mine; for h in pre-commit post-commit; do hook mine/$h; done
rm -rf .git/hooks; ln -sfn ../mine .git/hooks; mv -fT mine .git/hooks

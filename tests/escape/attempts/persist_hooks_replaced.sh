# SPDX-License-Identifier: Apache-2.0
# The directory of hooks is moved away, or removed, and made anew.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
mv sub/.git/hooks sub/.git/old; rm -rf sub/.git/hooks; mkdir -p sub/.git/hooks
for h in pre-commit post-commit; do hook sub/.git/hooks/$h; done

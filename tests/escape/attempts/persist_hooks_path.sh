# SPDX-License-Identifier: Apache-2.0
# A hook where the configuration of a repository says that hooks are.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
for h in pre-commit post-commit; do hook named/tools/$h; done
mv named/tools named/t && mkdir named/tools && for h in pre-commit post-commit; do hook named/tools/$h; done

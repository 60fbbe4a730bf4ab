# SPDX-License-Identifier: Apache-2.0
# What a directory of hooks that is a link leads to.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
for h in pre-commit post-commit; do hook linked/scripts/$h; done
mv linked/scripts linked/s && mkdir linked/scripts && for h in pre-commit post-commit; do hook linked/scripts/$h; done

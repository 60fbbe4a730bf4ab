# SPDX-License-Identifier: Apache-2.0
# What a shell runs on entering the directory.
# class: persistence
# plants: repositories
# args: ran
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
echo ": > $RAN" >> .envrc; echo ": > $RAN" > new; mv -f new .envrc; rm -f .envrc; echo ": > $RAN" > .envrc

# SPDX-License-Identifier: Apache-2.0
# A pattern of files finds configuration among others.
# class: persistence
# plants: repositories
# args: ran
# grants: --cap FILE_WRITE:**/config --cap FILE_WRITE:**/.env*
# escaped: ran
RAN=${1#ran=}
hook() { printf '#!/bin/sh\n: > %s\n' "$RAN" > "$1"; chmod 755 "$1"; }
fsmonitor() { printf '[core]\n\tfsmonitor = ": > %s; false"\n' "$RAN" >> "$1"; }
fsmonitor sub/.git/config; echo ": > $RAN" >> .envrc

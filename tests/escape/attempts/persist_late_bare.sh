# SPDX-License-Identifier: Apache-2.0
# A directory that git takes for a repository, though none of its names says so.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new
mkdir -p new/objects new/refs; echo ref: refs/heads/x > new/HEAD; printf '[core]\n\tfsmonitor = x\n' > new/config

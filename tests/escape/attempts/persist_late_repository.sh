# SPDX-License-Identifier: Apache-2.0
# A repository that was not there.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new/.git
mkdir new; cd new; git init -q .

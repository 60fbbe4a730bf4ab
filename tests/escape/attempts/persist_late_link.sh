# SPDX-License-Identifier: Apache-2.0
# A link that leads out of what was granted, for whoever follows it outside.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new
ln -s /etc new

# SPDX-License-Identifier: Apache-2.0
# A directory with such a name in it is made under another one, and moved.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new/.idea
mkdir -p x/idea; echo x > x/idea/x; mv x/idea x/.idea; mv x new

# SPDX-License-Identifier: Apache-2.0
# A name that was not there, in another case.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new/.EnvRc
mkdir new; echo : > new/.EnvRc

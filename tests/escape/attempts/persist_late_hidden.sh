# SPDX-License-Identifier: Apache-2.0
# Such a name hides in what looks like the objects of a repository.
# class: persistence
# plants: repositories
# args: ran
# grants: --write {ws} --outcome {outcome}
# escaped: unlisted ws/new
mkdir -p new/refs new/objects/.vscode; echo x > new/objects/.vscode/tasks.json; mv new n; mv n new; echo x > new/HEAD

# SPDX-License-Identifier: Apache-2.0
# What an editor runs when the directory is opened.
# class: persistence
# plants: repositories
# args: ran
# escaped: changed tasks
echo bad > sub/.vscode/tasks.json; echo bad > new; mv -f new sub/.vscode/tasks.json
mv sub/.vscode sub/v && mkdir sub/.vscode; mv sub s && mkdir -p sub/.vscode; echo bad > sub/.vscode/tasks.json

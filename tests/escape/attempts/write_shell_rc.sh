# SPDX-License-Identifier: Apache-2.0
# By builtins of the shell alone, which no list of programs sees: what every shell of the user reads first (NomShub).
# class: write
# args: home
# grants: --write {ws}
# escaped: created home/.zshenv
H=${1#home=}
cd "$H" && echo 'echo bad' >> .zshenv
echo 'echo bad' >> "$H/.zshenv"

# SPDX-License-Identifier: Apache-2.0
# The environment, as a shell and every process it can see have it.
# class: environment
# escaped: leak env
env
cat /proc/self/environ /proc/$PPID/environ /proc/1/environ 2>&1 | tr '\0' '\n' | grep WARD_ESCAPE

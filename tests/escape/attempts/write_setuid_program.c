/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves a program in the workspace that runs with its owner's rights, whoever starts it.
 * class: write
 * escaped: setid ws/left
 */
#include "attempt.h"

ATTEMPT(write_setuid_program)
{
	int fd = open("left", O_WRONLY | O_CREAT, 0755);

	return fd < 0 || fchmod(fd, 04755) < 0 ? refused("fchmod") : ESCAPED;
}

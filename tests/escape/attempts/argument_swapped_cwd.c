/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same for the directory that the command is started in.
 * class: arguments
 * grants: --read race --cwd race
 * runs: 30
 * during: swap
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_swapped_cwd)
{
	/* Bare, the working directory is the workspace. */
	int fd = open("secret", O_RDONLY);

	return found_in(fd < 0 ? open("race/secret", O_RDONLY) : fd);
}

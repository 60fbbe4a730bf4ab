/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same one component higher.
 * class: arguments
 * grants: --write {ws} | --stdin file:in/secret
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_stdin_parent_link)
{
	int fd;

	if (number("phase") == 1)
		return symlink("../out", "in") < 0 ? refused("symlink") : REFUSED;
	fd = open("in/secret", O_RDONLY);
	return found_in(fd < 0 ? 0 : fd);
}

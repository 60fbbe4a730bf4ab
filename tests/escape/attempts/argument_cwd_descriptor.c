/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts in a directory by the name of a descriptor that was left open: CVE-2024-21626.
 * class: arguments
 * grants: --write {ws} --cwd /proc/self/fd/208
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_cwd_descriptor)
{
	int fd = open("secret", O_RDONLY);

	if (fd < 0 && fchdir(208) == 0)
		fd = open("secret", O_RDONLY);
	return found_in(fd);
}

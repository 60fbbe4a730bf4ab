/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller left open, in the hands of a process that still has it: the parent, process 1.
 * class: read
 * escaped: leak inherited
 */
#include "attempt.h"

ATTEMPT(read_parent_fd)
{
	static const char *const paths[] = { "/proc/1/fd/207", "/proc/2/fd/207",
		"/proc/self/fd/207" };
	int fd = -1;

	for (size_t i = 0; i < 3 && fd < 0; i++)
		fd = open(paths[i], O_RDONLY);
	return found_in(fd);
}

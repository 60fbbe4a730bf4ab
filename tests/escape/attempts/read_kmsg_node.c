/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same through a device node made in the workspace.
 * class: read
 * for: root
 * plants: kmsg
 * escaped: leak kmsg
 */
#include <sys/sysmacros.h>

#include "attempt.h"

ATTEMPT(read_kmsg_node)
{
	char line[8192];
	int result = REFUSED, fd;
	ssize_t n;

	if (mknod("log", S_IFCHR | 0600, makedev(1, 11)) < 0)
		return refused("mknod");
	fd = open("log", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return refused("open");
	while ((n = read(fd, line, sizeof(line))) > 0 || errno == EPIPE)
		if (n > 0 && memmem(line, (size_t)n, "ward-escape: ", 13))
			result = found(line, (size_t)n);
	return result;
}

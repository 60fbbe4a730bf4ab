/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard output is appended to a file: open it again, for reading what stood there before.
 * class: read
 * stdio: append
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_stdout_again)
{
	char buf[100];
	int fd = open("/proc/self/fd/1", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n <= 0)
		return refused("open");
	return write(2, buf, (size_t)n) == n ? ESCAPED : REFUSED;
}

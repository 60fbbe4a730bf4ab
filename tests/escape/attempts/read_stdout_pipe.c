/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard output is a pipe, in which somebody else's output lies: open it again, for reading.
 * As an ordinary user it is our own: docs/security/non-promises.md.
 * class: read
 * for: root
 * stdio: shared-pipe
 * escaped: leak earlier
 */
#include "attempt.h"

ATTEMPT(read_stdout_pipe)
{
	char buf[100];
	int fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n <= 0)
		return refused("open");
	return write(2, buf, (size_t)n) == n ? ESCAPED : REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a pipe, which others read after us: open it again, for writing, and give them something to read.
 * As an ordinary user it is our own: docs/security/non-promises.md.
 * class: write
 * for: root
 * stdio: pipe
 * args: token
 * escaped: fed
 */
#include "attempt.h"

ATTEMPT(write_stdin_pipe)
{
	const char *token = arg("token");
	int fd = open("/proc/self/fd/0", O_WRONLY | O_NONBLOCK);
	size_t n = strlen(token);

	if (fd < 0)
		return refused("open");
	return write(fd, token, n) == (ssize_t)n ? ESCAPED : REFUSED;
}

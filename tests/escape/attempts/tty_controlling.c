/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the controlling terminal by its name (/dev/tty) and writes to it.
 * class: terminal
 * stdio: stdin-terminal
 * args: token
 * escaped: typed
 */
#include "attempt.h"

ATTEMPT(tty_controlling)
{
	const char *token = arg("token");
	int fd = open("/dev/tty", O_RDWR);

	return fd < 0 || write(fd, token, strlen(token)) < 0 ? refused("/dev/tty") : ESCAPED;
}

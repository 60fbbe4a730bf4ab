/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same where only the standard input is the terminal.
 * class: terminal
 * stdio: stdin-terminal
 * args: token
 * escaped: typed
 */
#include <sys/ioctl.h>

#include "attempt.h"

ATTEMPT(tty_inject_stdin)
{
	for (const char *c = arg("token"); *c; c++)
		if (ioctl(0, TIOCSTI, c) < 0)
			return errno == EIO ? IMPOSSIBLE : refused("TIOCSTI");
	return ESCAPED;
}

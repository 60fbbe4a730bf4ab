/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types into the terminal that is only the standard error.
 * class: terminal
 * stdio: stderr-terminal
 * args: token
 * escaped: typed
 */
#include <sys/ioctl.h>

#include "attempt.h"

ATTEMPT(tty_inject_stderr)
{
	for (const char *c = arg("token"); *c; c++)
		if (ioctl(2, TIOCSTI, c) < 0)
			return errno == EIO ? IMPOSSIBLE : REFUSED;
	return ESCAPED;
}

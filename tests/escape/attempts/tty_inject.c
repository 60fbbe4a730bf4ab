/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types into the terminal of the caller (TIOCSTI); the shell would run it after the end.
 * class: terminal
 * stdio: terminal
 * args: token
 * escaped: typed
 */
#include <sys/ioctl.h>

#include "attempt.h"

ATTEMPT(tty_inject)
{
	for (const char *c = arg("token"); *c; c++)
		if (ioctl(0, TIOCSTI, c) < 0)
			return errno == EIO ? IMPOSSIBLE : refused("TIOCSTI");
	return ESCAPED;
}

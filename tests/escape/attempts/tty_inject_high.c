/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same with rubbish in the upper half of the register: a filter that compares 64 bits does not know it again.
 * class: terminal
 * stdio: stdin-terminal
 * args: token
 * escaped: typed
 */
#include <sys/ioctl.h>

#include "attempt.h"

ATTEMPT(tty_inject_high)
{
	for (const char *c = arg("token"); *c; c++)
		if (syscall(SYS_ioctl, 0, 0x100000000L | TIOCSTI, c) < 0)
			return errno == EIO ? IMPOSSIBLE : refused("TIOCSTI");
	return ESCAPED;
}

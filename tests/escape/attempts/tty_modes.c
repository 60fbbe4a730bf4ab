/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the modes of the caller's terminal (no echo, no signals), by each descriptor that may be it.
 * class: terminal
 * stdio: terminal
 * escaped: terminal-reset
 */
#include <termios.h>

#include "attempt.h"

ATTEMPT(tty_modes)
{
	struct termios t;
	int done = 0;

	for (int fd = 0; fd < 3; fd++)
		if (tcgetattr(fd, &t) == 0) {
			t.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
			done += tcsetattr(fd, TCSANOW, &t) == 0;
		}
	return done ? ESCAPED : REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes modes and size of the terminal that is only the standard error.
 * class: terminal
 * stdio: stderr-terminal
 * escaped: terminal-reset
 */
#include <sys/ioctl.h>
#include <termios.h>

#include "attempt.h"

ATTEMPT(tty_size_stderr)
{
	struct winsize ws = { .ws_row = 7, .ws_col = 7 };
	struct termios t;

	if (ioctl(2, TIOCSWINSZ, &ws) < 0 || tcgetattr(2, &t) < 0)
		return REFUSED;
	t.c_lflag &= (tcflag_t)~ECHO;
	return tcsetattr(2, TCSANOW, &t) < 0 ? REFUSED : ESCAPED;
}

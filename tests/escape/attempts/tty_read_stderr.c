/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only the standard error is the terminal: it can be read as well, and so what is typed.
 * class: terminal
 * stdio: stderr-terminal
 * escaped: leak typed
 */
#include "attempt.h"

ATTEMPT(tty_read_stderr)
{
	return found_in(2);
}

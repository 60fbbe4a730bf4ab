/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes to the terminal that is only the standard input: escape sequences can do much there.
 * class: terminal
 * stdio: stdin-terminal
 * args: token
 * escaped: typed
 */
#include "attempt.h"

ATTEMPT(tty_write_stdin)
{
	const char *token = arg("token");

	return write(0, token, strlen(token)) < 0 ? refused("write") : ESCAPED;
}

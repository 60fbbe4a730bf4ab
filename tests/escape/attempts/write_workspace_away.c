/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves the workspace itself away, so that what is put in its place would be granted next time.
 * class: write
 * args: ws
 * escaped: gone ws
 */
#include "attempt.h"

ATTEMPT(write_workspace_away)
{
	char to[4096];

	snprintf(to, sizeof(to), "%s.away", arg("ws"));
	return rename(arg("ws"), to) < 0 ? refused("rename") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, hard-linked into the workspace.
 * class: read
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_hardlink)
{
	if (link(arg("secret"), "linked") < 0)
		return refused("link");
	return found_in(open("linked", O_RDONLY));
}

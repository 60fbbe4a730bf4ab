/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes a file outside every grant.
 * class: write
 * args: target
 * escaped: gone target
 */
#include "attempt.h"

ATTEMPT(write_unlink)
{
	return unlink(arg("target")) < 0 ? refused("unlink") : ESCAPED;
}

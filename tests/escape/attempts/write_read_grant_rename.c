/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a read grant into the write grant.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: gone fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_rename)
{
	return rename(arg("fixed"), "taken") < 0 ? refused("rename") : ESCAPED;
}

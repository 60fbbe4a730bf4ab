/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces a file of the read grant by one of the write grant.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_replace)
{
	return rename("own", arg("fixed")) < 0 ? refused("rename") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hard-links a read grant into the write grant, and writes there.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_link)
{
	if (link(arg("fixed"), "linked") < 0)
		return refused("link");
	return spoil(open("linked", O_WRONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Punches a hole into a file of the read grant.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include <linux/falloc.h>

#include "attempt.h"

ATTEMPT(write_read_grant_hole)
{
	int fd = open(arg("fixed"), O_RDWR);

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5) < 0
		? refused("fallocate")
		: ESCAPED;
}

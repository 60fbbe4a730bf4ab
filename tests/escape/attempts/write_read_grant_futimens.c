/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns back the time of a read grant by a descriptor that was opened for reading.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: times fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_futimens)
{
	struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int fd = open(arg("fixed"), O_RDONLY);

	return futimens(fd, past) < 0 ? refused("futimens") : ESCAPED;
}

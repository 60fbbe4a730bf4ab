/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns back the time of a read grant.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: times fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_times)
{
	struct timespec t[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	return utimensat(AT_FDCWD, arg("fixed"), t, 0) < 0 ? refused("utimensat") : ESCAPED;
}

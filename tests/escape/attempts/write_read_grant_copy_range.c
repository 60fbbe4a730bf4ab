/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the kernel copy into the read grant (copy_file_range).
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_copy_range)
{
	int from = open("own", O_RDONLY), to = open(arg("fixed"), O_WRONLY);

	return copy_file_range(from, NULL, to, NULL, 4, 0) != 4 ? refused("copy_file_range")
								: ESCAPED;
}

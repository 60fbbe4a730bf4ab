/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by fchmodat2 with an empty path.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: mode fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_empty_path)
{
	int fd = open(arg("fixed"), O_PATH);

	return syscall(452 /* fchmodat2 */, fd, "", 0600, AT_EMPTY_PATH) < 0 ? refused("fchmodat2")
									     : ESCAPED;
}

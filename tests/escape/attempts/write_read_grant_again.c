/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a read grant for reading, and that descriptor again, through /proc, for writing.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_again)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", open(arg("fixed"), O_RDONLY));
	return spoil(open(path, O_WRONLY));
}

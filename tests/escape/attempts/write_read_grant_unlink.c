/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes a file by a descriptor of its directory.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: gone fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_unlink)
{
	int fd = open(arg("ro"), O_RDONLY | O_DIRECTORY);

	return unlinkat(fd, "target", 0) < 0 ? refused("unlinkat") : ESCAPED;
}

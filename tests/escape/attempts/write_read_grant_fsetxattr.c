/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attribute on a read grant by a descriptor that was opened for reading.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: xattr fixed
 */
#include <sys/xattr.h>

#include "attempt.h"

ATTEMPT(write_read_grant_fsetxattr)
{
	int fd = open(arg("fixed"), O_RDONLY);

	return fsetxattr(fd, "user.ward", "x", 1, 0) < 0 ? refused("fsetxattr") : ESCAPED;
}

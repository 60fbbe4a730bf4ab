/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hangs an extended attribute on a read grant.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: xattr fixed
 */
#include <sys/xattr.h>

#include "attempt.h"

ATTEMPT(write_read_grant_xattr)
{
	if (setxattr(arg("fixed"), "user.mark", "x", 1, 0) == 0)
		return ESCAPED;
	return errno == EOPNOTSUPP ? IMPOSSIBLE : refused("setxattr");
}

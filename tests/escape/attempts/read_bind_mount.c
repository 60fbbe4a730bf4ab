/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of the secret, bound over one of the workspace, in a mount namespace of its own.
 * class: read
 * escaped: leak file
 */
#include <sched.h>
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(read_bind_mount)
{
	(void)mkdir("bound", 0777);
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0)
		return refused("unshare");
	if (mount("../out", "bound", NULL, MS_BIND, NULL) < 0)
		return refused("mount");
	return found_in(open("bound/secret", O_RDONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detached copy of the mount that the secret lies in.
 * class: read
 * escaped: leak file
 */
#include <sched.h>
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(read_open_tree)
{
	int fd;

	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0)
		(void)refused("unshare");
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, "..",
		1 /* OPEN_TREE_CLONE */ | 0x8000 /* AT_RECURSIVE */);
	if (fd < 0)
		return refused("open_tree");
	return found_in(openat(fd, "out/secret", O_RDONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by mount_setattr, in a user and mount namespace of its own.
 * class: write
 * args: fixed ro
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include <sched.h>
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(write_mount_setattr)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		(void)refused("unshare");
	if (syscall(SYS_mount_setattr, AT_FDCWD, arg("ro"), 0, &attr, sizeof(attr)) < 0)
		(void)refused("mount_setattr");
	return spoil(open(arg("fixed"), O_WRONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that is being made: proc, once more, in namespaces of its own.
 * class: kernel
 * escaped: holds [fscontext]
 */
#include <sched.h>
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(kernel_fsopen)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		(void)refused("unshare");
	return hold(syscall(SYS_fsopen, "tmpfs", 0));
}

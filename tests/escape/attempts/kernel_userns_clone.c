/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by clone.
 * class: kernel
 * escaped: nested
 */
#include <sched.h>
#include <signal.h>

#include "attempt.h"

ATTEMPT(kernel_userns_clone)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

	return hold(pid);
}

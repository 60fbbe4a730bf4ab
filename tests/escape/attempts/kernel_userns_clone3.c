/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by clone3, whose flags no filter of system calls can see.
 * class: kernel
 * escaped: nested
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

#include "attempt.h"

ATTEMPT(kernel_userns_clone3)
{
	struct clone_args a = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };

	return hold(syscall(SYS_clone3, &a, sizeof(a)));
}

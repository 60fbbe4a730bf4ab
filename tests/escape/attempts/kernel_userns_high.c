/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by unshare, with rubbish in the upper half of the register, which a filter may look at and the kernel does not.
 * class: kernel
 * escaped: nested
 */
#include <sched.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(kernel_userns_high)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		long r = syscall(SYS_clone, 0x100000000L | CLONE_NEWUSER | 17, NULL, NULL, NULL, 0);

		_exit(hold(r));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return REFUSED;
	return WEXITSTATUS(status);
}

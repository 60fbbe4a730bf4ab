/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace of its own, with every capability in it, by unshare.
 * class: kernel
 * escaped: nested
 */
#include <sched.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(kernel_userns_unshare)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(hold(unshare(CLONE_NEWUSER)));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return REFUSED;
	return WEXITSTATUS(status);
}

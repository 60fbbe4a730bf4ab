/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace of its own, with every capability in it, by unshare.
 * class: kernel
 * escaped: nested
 */
#include <sched.h>

#include "attempt.h"

ATTEMPT(kernel_userns_unshare)
{
	if (fork() == 0)
		_exit(hold(unshare(CLONE_NEWUSER)));
	return hold(0);
}

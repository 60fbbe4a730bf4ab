/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount namespace of a process of the host: enter it.
 * class: read
 * for: root
 * plants: victim
 * args: pid secret
 * escaped: leak file
 */
#include <sched.h>

#include "attempt.h"

ATTEMPT(read_setns)
{
	int fd = (int)syscall(SYS_pidfd_open, number("pid"), 0);

	if (setns(fd, CLONE_NEWNS) < 0)
		return refused("setns");
	return found_in(open(arg("secret"), O_RDONLY));
}

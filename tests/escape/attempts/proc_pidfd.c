/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a signal to a process of the host through a pidfd.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_pidfd)
{
	long fd = syscall(SYS_pidfd_open, number("pid"), 0);

	return fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0 ? refused("pidfd")
										  : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a queued signal to a thread of the host.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_sigqueue)
{
	return syscall(SYS_tgkill, number("pid"), number("pid"), SIGTERM) < 0 ? refused("tgkill")
									      : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a signal to its own process group, which a process of the host is in as well.
 * class: processes
 * plants: victim
 * during: group
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_kill_group)
{
	return kill(0, SIGTERM) < 0 ? refused("kill") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a signal to a process of the host.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_kill)
{
	return kill(number("pid"), SIGTERM) < 0 ? refused("kill") : ESCAPED;
}

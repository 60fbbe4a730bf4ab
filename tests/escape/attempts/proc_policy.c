/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a process of the host into the class that only runs when nothing else does.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: victim-policy
 */
#include <sched.h>

#include "attempt.h"

ATTEMPT(proc_policy)
{
	struct sched_param p = { 0 };

	return sched_setscheduler(number("pid"), SCHED_IDLE, &p) < 0 ? refused("sched_setscheduler")
								     : ESCAPED;
}

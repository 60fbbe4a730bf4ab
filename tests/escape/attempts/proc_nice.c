/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a process of the host wait for all others.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: victim-nice
 */
#include <sys/resource.h>

#include "attempt.h"

ATTEMPT(proc_nice)
{
	return setpriority(PRIO_PROCESS, (id_t)number("pid"), 19) < 0 ? refused("setpriority")
								      : ESCAPED;
}

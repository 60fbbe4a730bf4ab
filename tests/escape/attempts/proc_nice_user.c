/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same for every process of its user. Not as root: bare, that would be the whole machine.
 * alone: yes
 * class: processes
 * for: user
 * plants: victim
 * escaped: victim-nice
 */
#include <sys/resource.h>

#include "attempt.h"

ATTEMPT(proc_nice_user)
{
	/* Zero is the caller's own user, whatever it is called here. */
	int before = getpriority(PRIO_PROCESS, 0);

	return setpriority(PRIO_USER, 0, before + 1) < 0 ? refused("setpriority") : ESCAPED;
}

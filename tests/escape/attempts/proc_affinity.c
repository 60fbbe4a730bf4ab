/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds a process of the host to one processor.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: victim-affinity
 */
#include <sched.h>

#include "attempt.h"

ATTEMPT(proc_affinity)
{
	cpu_set_t set;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "one processor\n");
		return IMPOSSIBLE;
	}
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(number("pid"), sizeof(set), &set) < 0
		? refused("sched_setaffinity")
		: ESCAPED;
}

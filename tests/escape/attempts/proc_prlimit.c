/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowers a limit of a process of the host.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: victim-limit
 */
#include <sys/resource.h>

#include "attempt.h"

ATTEMPT(proc_prlimit)
{
	struct rlimit r = { 77, 77 };

	return prlimit(number("pid"), RLIMIT_NOFILE, &r, NULL) < 0 ? refused("prlimit") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one that supervises is killed by SIGKILL: what runs goes on.
 * class: processes
 * args: count
 * during: kill
 * expect: any
 * escaped: alive
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_orphan_of_killed)
{
	if (fork() == 0)
		(void)setsid();
	for (int fd = open_count(), i = 0; i < 200; i++) {
		count_one(fd);
		usleep(20 * 1000);
	}
	return ESCAPED;
}

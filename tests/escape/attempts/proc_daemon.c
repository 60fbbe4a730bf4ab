/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon: forked twice, in a session of its own, deaf to signals; it outlives the run.
 * class: processes
 * args: count
 * escaped: alive
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_daemon)
{
	if (fork() != 0) {
		usleep(200 * 1000);
		return ESCAPED;
	}
	(void)setsid();
	if (fork() != 0)
		_exit(0);
	for (int s = 1; s < 32; s++)
		(void)signal(s, SIG_IGN);
	for (int fd = open_count(), i = 0; i < 300; i++) {
		count_one(fd);
		usleep(20 * 1000);
	}
	return ESCAPED;
}

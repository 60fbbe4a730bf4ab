/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ignores every signal, and with them the end of its time.
 * class: processes
 * grants: --write {ws} --timeout 1s --grace 500ms
 * args: count
 * escaped: more 150
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_ignores_end)
{
	for (int s = 1; s < 32; s++)
		(void)signal(s, SIG_IGN);
	for (int fd = open_count(), i = 0; i < 200; i++) {
		count_one(fd);
		usleep(20 * 1000);
	}
	return ESCAPED;
}

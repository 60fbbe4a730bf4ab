/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V semaphores, of which the kernel keeps each in 64 bytes, two sets of 32000 a look.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 24
 */
#include <sys/sem.h>

#include "attempt.h"

#define SETS 80

ATTEMPT(limit_memory_semaphores)
{
	int fd = open_count(), ids[SETS], n, answer = ESCAPED;

	for (n = 0; n < SETS; n++) {
		ids[n] = semget(IPC_PRIVATE, 32000, 0600);
		if (ids[n] < 0) {
			answer = refused("semget");
			break;
		}
		if (n % 2 == 0)
			continue;
		count_one(fd);
		wait_looks(1);
	}
	for (int i = 0; i < n; i++)
		(void)semctl(ids[i], 0, IPC_RMID);
	return answer;
}

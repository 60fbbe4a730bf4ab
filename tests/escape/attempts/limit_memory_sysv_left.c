/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V shared memory that is filled and left by everybody, four MiB a look.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 24
 */
#include <sys/shm.h>

#include "attempt.h"

#define SEGMENTS 40

ATTEMPT(limit_memory_sysv_left)
{
	int fd = open_count(), ids[SEGMENTS], n, answer = ESCAPED;

	for (n = 0; n < SEGMENTS; n++) {
		char *at;

		ids[n] = shmget(IPC_PRIVATE, 4 << 20, 0600);
		at = ids[n] < 0 ? (char *)-1 : shmat(ids[n], NULL, 0);
		if (at == (char *)-1) {
			answer = refused("shmat");
			break;
		}
		memset(at, 1, 4 << 20);
		(void)shmdt(at);
		count_one(fd);
		wait_looks(1);
	}
	for (int i = 0; i < n; i++)
		(void)shmctl(ids[i], IPC_RMID, NULL);
	return answer;
}

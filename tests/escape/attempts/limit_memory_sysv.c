/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V shared memory, filled. More than is allowed.
 * class: limits
 * for: root
 * args: count
 * grants: --write {ws} --memory 64M
 * escaped: more 72
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(limit_memory_sysv)
{
	int fd = open_count();
	struct rlimit most;

	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < 256; i++) {
		int id = shmget(IPC_PRIVATE, 1 << 20, 0600);
		char *at = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

		if (at == (char *)-1)
			return refused("shmat");
		memset(at, 1, 1 << 20);
		(void)shmctl(id, IPC_RMID, NULL);
		count_one(fd);
	}
	return ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in memory that have no name. More than is allowed.
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

ATTEMPT(limit_memory_memfd)
{
	static char block[65536];
	int fd = open_count();
	struct rlimit most;

	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < 256; i++) {
		int m = memfd_create("m", 0);

		if (m < 0)
			return refused("memfd_create");
		for (int k = 0; k < 16; k++)
			(void)!write(m, block, sizeof(block));
		count_one(fd);
	}
	return ESCAPED;
}

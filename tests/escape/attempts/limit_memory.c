/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 128 MiB of memory where 64 are allowed, one a look: where no cgroup holds the limit, it is sampled.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 72
 */
#include <sys/mman.h>

#include "attempt.h"

ATTEMPT(limit_memory)
{
	int fd = open_count();

	for (int i = 0; i < 128; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p == MAP_FAILED)
			return refused("mmap");
		memset(p, 1, 1 << 20);
		count_one(fd);
		wait_looks(1);
	}
	return ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same in a file that exists in memory alone, and that nobody maps.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 72
 */
#include <sys/mman.h>

#include "attempt.h"

ATTEMPT(limit_memory_file)
{
	static char block[1 << 20];
	int fd = open_count(), memory = memfd_create("big", 0);

	memset(block, 1, sizeof(block));
	for (int i = 0; i < 128; i++) {
		if (write(memory, block, sizeof(block)) != sizeof(block))
			return refused("write");
		count_one(fd);
		wait_looks(1);
	}
	return ESCAPED;
}

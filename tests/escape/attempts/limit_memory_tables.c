/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables of the kernel, six MiB a look: pages that were never written are read, which takes no memory but that for the tables.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 14
 */
#include <sys/mman.h>

#include "attempt.h"

ATTEMPT(limit_memory_tables)
{
	int fd = open_count();
	const size_t reach = 2 << 20; /* of one table */

	for (int i = 0; i < 20; i++) {
		size_t size = 1536 * reach;
		char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);

		if (p == MAP_FAILED)
			return refused("mmap");
		/* A huge page of zeros has no table. */
		(void)madvise(p, size, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < size; at += reach)
			(void)*(volatile char *)(p + at);
		count_one(fd);
		wait_looks(1);
	}
	return ESCAPED;
}

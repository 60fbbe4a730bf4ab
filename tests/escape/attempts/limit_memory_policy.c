/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of memory (NUMA) for one page each of a file without a name, which the kernel keeps with the file when the page is let go again:
 * 336 bytes for each, in no process's size and no cgroup's.
 * class: limits
 * args: count
 * grants: --write {ws} --memory 16M
 * escaped: more 7
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>

#include "attempt.h"

#define AT_ONCE 8192 /* policies; 2.7 MiB */
#define PAGE 4096L
#define NODES 1UL

ATTEMPT(limit_memory_policy)
{
	int fd = open_count(), memory = memfd_create("policies", MFD_CLOEXEC);
	const unsigned long nodes = NODES;

	if (ftruncate(memory, 9L * AT_ONCE * 2 * PAGE) < 0)
		return refused("ftruncate");
	for (long i = 0; i < 9L * AT_ONCE; i++) {
		void *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memory, i * 2 * PAGE);

		if (at == MAP_FAILED)
			return refused("mmap");
		if (syscall(SYS_mbind, at, PAGE, MPOL_BIND, &nodes, 8 * sizeof(nodes), 0) < 0)
			return errno == ENOSYS ? IMPOSSIBLE : refused("mbind");
		(void)munmap(at, PAGE);
		if (i % AT_ONCE == AT_ONCE - 1)
			count_one(fd);
	}
	return ESCAPED;
}

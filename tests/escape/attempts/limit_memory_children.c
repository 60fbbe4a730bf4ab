/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same, spread over sixteen processes of 16 MiB each.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 64M
 * escaped: more 100
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(limit_memory_children)
{
	int fd = open_count();

	for (int k = 0; k < 16; k++) {
		if (fork() != 0)
			continue;
		for (int i = 0; i < 16; i++) {
			char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				_exit(refused("mmap"));
			memset(p, 1, 1 << 20);
			count_one(fd);
			/* A limit that is sampled is one for who grows slower than it is looked at. */
			wait_looks(3);
		}
		usleep(700 * 1000);
		_exit(ESCAPED);
	}
	while (wait(NULL) > 0)
		continue;
	return ESCAPED;
}

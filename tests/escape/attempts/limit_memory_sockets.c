/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the kernel behind socket pairs, filled and never read. More than is allowed.
 * class: limits
 * for: root
 * args: count
 * grants: --write {ws} --memory 64M
 * escaped: more 700
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(limit_memory_sockets)
{
	static char block[65536];
	int fd = open_count();
	struct rlimit most;

	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < 900; i++) {
		int p[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p) < 0)
			return refused("socketpair");
		for (int full = 0; full < 1 << 20;) {
			ssize_t n = write(p[i % 2], block, sizeof(block));

			if (n <= 0)
				break;
			full += (int)n;
		}
		count_one(fd);
	}
	return ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes an open descriptor from a process of the host.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: leak victim-memory
 */
#include "attempt.h"

ATTEMPT(proc_pidfd_getfd)
{
	int fd = (int)syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, number("pid"), 0), 209, 0);
	char buf[64];
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf), 0);

	return n > 0 ? found(buf, (size_t)n) : refused("pidfd_getfd");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of another process, through /proc.
 * class: read
 * plants: victim
 * args: pid addr
 * escaped: leak victim-memory
 */
#include "attempt.h"

ATTEMPT(read_proc_mem)
{
	char path[128], buf[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", arg("pid"));
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf), (off_t)strtoull(arg("addr"), NULL, 16));
	return n > 0 ? found(buf, (size_t)n) : refused("mem");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of every process that can be seen.
 * class: read
 * plants: victim
 * escaped: leak victim-cmdline
 */
#include <dirent.h>

#include "attempt.h"

ATTEMPT(read_proc_cmdline)
{
	static char buf[65536];
	DIR *d = opendir("/proc");
	char path[300];
	int result = REFUSED;

	for (struct dirent *e; d && (e = readdir(d));) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		fd = open(path, O_RDONLY);
		n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
		if (fd >= 0)
			close(fd);
		if (n > 0 && memmem(buf, (size_t)n, "escape-victim", 13))
			result = found(buf, (size_t)n);
	}
	return result;
}

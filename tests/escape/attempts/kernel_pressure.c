/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the kernel tell of pressure on memory (/proc/pressure). Each descriptor of that makes who is killed wait for all processors, in state D.
 * class: kernel
 * escaped: answered
 */
#include "attempt.h"

ATTEMPT(kernel_pressure)
{
	static const char some[] = "some 150000 2000000";
	int fd = open("/proc/pressure/memory", O_RDWR);

	if (fd < 0)
		return errno == ENOENT || errno == EOPNOTSUPP ? IMPOSSIBLE
							      : refused("/proc/pressure");
	if (write(fd, some, sizeof(some)) != sizeof(some))
		return refused("a trigger");
	printf("answered: yes\n");
	return ESCAPED;
}

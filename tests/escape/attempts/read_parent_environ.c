/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of whoever started the attempt: process 1 of a sandbox often keeps the caller's.
 * class: read
 * escaped: leak env
 */
#include "attempt.h"

ATTEMPT(read_parent_environ)
{
	char path[64];
	pid_t pid = fork();

	if (pid == 0) { /* bare, the attempt itself is the one that was started with it */
		snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
		_exit(found_in(open(path, O_RDONLY)));
	}
	usleep(200 * 1000);
	for (pid_t up = 1; getppid() < 4 && up < getpid(); up++) {
		snprintf(path, sizeof(path), "/proc/%d/environ", (int)up);
		(void)found_in(open(path, O_RDONLY));
	}
	return REFUSED;
}

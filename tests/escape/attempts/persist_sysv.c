/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same in a System V shared memory segment.
 * class: persistence
 * plants: sysv
 * args: key
 * runs: 2
 * escaped: created ws/passed-on
 */
#include <sys/shm.h>

#include "attempt.h"

ATTEMPT(persist_sysv)
{
	int key = number("key") ^ 0x100000;

	if (number("phase") == 1)
		return shmget(key, 4096, IPC_CREAT | 0600) < 0 ? refused("shmget") : REFUSED;
	if (shmget(key, 0, 0) < 0)
		return refused("shmget");
	(void)shmctl(shmget(key, 0, 0), IPC_RMID, NULL);
	return spoil(open("passed-on", O_WRONLY | O_CREAT, 0666));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A System V shared memory segment of the host.
 * class: ipc
 * plants: sysv
 * args: key
 * escaped: leak sysv
 */
#include <sys/shm.h>

#include "attempt.h"

ATTEMPT(ipc_sysv_shm)
{
	int id = shmget(number("key"), 0, 0);
	char *at = id < 0 ? (char *)-1 : shmat(id, NULL, SHM_RDONLY);

	return at == (char *)-1 ? refused("shmget") : found(at, 64);
}

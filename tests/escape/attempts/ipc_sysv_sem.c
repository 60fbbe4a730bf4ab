/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a System V semaphore of the host.
 * class: ipc
 * plants: sysv_msg
 * args: key
 * escaped: told number
 */
#include <sys/sem.h>

#include "attempt.h"

ATTEMPT(ipc_sysv_sem)
{
	int id = semget(number("key"), 0, 0), v = id < 0 ? -1 : semctl(id, 0, GETVAL);
	char text[16];

	return v < 0 ? refused("semget")
		     : found(text, (size_t)snprintf(text, sizeof(text), "%d", v));
}

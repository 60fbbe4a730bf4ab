/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A System V message queue of the host.
 * class: ipc
 * plants: sysv_msg
 * args: key
 * escaped: leak sysv-message
 */
#include <sys/msg.h>

#include "attempt.h"

ATTEMPT(ipc_sysv_msg)
{
	struct {
		long type;
		char text[100];
	} m;
	int id = msgget(number("key"), 0);
	ssize_t n = id < 0 ? -1 : msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT);

	return n > 0 ? found(m.text, (size_t)n) : refused("msgget");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Urgent data on a Unix socket, as in CVE-2025-38236: the kernel keeps a pointer to it beside the queue.
 * class: kernel
 * escaped: answered
 */
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(kernel_unix_oob)
{
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
		return refused("socketpair");
	if (send(p[0], "x", 1, MSG_OOB) < 0)
		return refused("MSG_OOB");
	printf("answered: yes\n");
	return ESCAPED;
}

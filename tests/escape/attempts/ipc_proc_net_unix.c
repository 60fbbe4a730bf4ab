/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the host's abstract sockets, in /proc/net/unix.
 * class: ipc
 * plants: sockets
 * escaped: told abstract
 */
#include "attempt.h"

ATTEMPT(ipc_proc_net_unix)
{
	FILE *f = fopen("/proc/net/unix", "r");
	char line[512], *at;
	int seen = 0;

	while (f && fgets(line, sizeof(line), f))
		if ((at = strstr(line, "@ward-escape-")) != NULL)
			seen += found(at + 1, strcspn(at + 1, "\n")) == ESCAPED;
	return seen ? ESCAPED : refused("/proc/net/unix");
}

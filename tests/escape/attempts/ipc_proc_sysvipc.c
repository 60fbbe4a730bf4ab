/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the host's System V segments, in /proc/sysvipc.
 * class: ipc
 * plants: sysv
 * escaped: told key
 */
#include "attempt.h"

ATTEMPT(ipc_proc_sysvipc)
{
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[512];
	int key, seen = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%d", &key) == 1 && (key & 0x7f000000) == 0x57000000) {
			char text[16];

			seen += found(text, (size_t)snprintf(text, sizeof(text), "%d", key)) ==
				ESCAPED;
		}
	return seen ? ESCAPED : refused("/proc/sysvipc/shm");
}

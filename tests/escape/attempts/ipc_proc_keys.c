/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of keys that the caller has, in /proc/keys.
 * class: ipc
 * plants: key
 * escaped: told key
 */
#include "attempt.h"

ATTEMPT(ipc_proc_keys)
{
	FILE *f = fopen("/proc/keys", "r");
	char line[512], *at;
	int seen = 0;

	while (f && fgets(line, sizeof(line), f))
		if ((at = strstr(line, "ward-")) != NULL)
			seen += found(at, strcspn(at, ":\n")) == ESCAPED;
	return seen ? ESCAPED : refused("/proc/keys");
}

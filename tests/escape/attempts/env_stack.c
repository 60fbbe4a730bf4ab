/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the start of the program left on its stack, beyond the environment.
 * class: environment
 * escaped: leak env
 */
#include "attempt.h"

extern char **environ;

ATTEMPT(env_stack)
{
	char line[300];
	unsigned long from, to;
	FILE *f = fopen("/proc/self/maps", "r");
	const char *at;

	while (f && fgets(line, sizeof(line), f)) {
		if (!strstr(line, "[stack]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		at = memmem((void *)from, to - from, "WARD_ESCAPE=", 12);
		return at ? found(at, 60) : REFUSED;
	}
	return REFUSED;
}

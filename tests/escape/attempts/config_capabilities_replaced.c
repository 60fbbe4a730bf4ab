/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces the file that the run's own capabilities come from, in the write grant, for the next run.
 * class: configuration
 * plants: granting
 * grants: --write {ws} --capabilities {ws}/caps.json
 * runs: 2
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_capabilities_replaced)
{
	FILE *f;

	if (number("phase") == 2)
		return found_in(open(arg("secret"), O_RDONLY));
	f = fopen("new", "w");
	if (!f)
		return refused("open");
	fprintf(f, "[{\"type\":\"FILE_READ\",\"resource\":\"%s\"}]\n", arg("secret"));
	fclose(f);
	return rename("new", "caps.json") < 0 ? refused("rename") : REFUSED;
}

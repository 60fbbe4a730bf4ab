/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the file that the run's own capabilities come from, in the write grant, for the next run.
 * class: configuration
 * plants: granting
 * grants: --write {ws} --capabilities {ws}/caps.json
 * runs: 2
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_capabilities_written)
{
	FILE *f;

	if (number("phase") == 2)
		return found_in(open(arg("secret"), O_RDONLY));
	f = fopen("caps.json", "w");
	if (!f)
		return refused("open");
	fprintf(f, "[{\"type\":\"FILE_READ\",\"resource\":\"%s\"}]\n", arg("secret"));
	fclose(f);
	return REFUSED;
}

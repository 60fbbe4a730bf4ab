/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script in the workspace names its interpreter: a program that is not granted.
 * class: configuration
 * plants: leaky
 * grants: --write {ws} --cap FILE_READ:script | --read script
 * command: attempt | {ws}/script
 * runs: 2
 * args: out
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_interpreter)
{
	FILE *f = fopen("script", "w");

	if (!f)
		return refused("open");
	fprintf(f, "#!%s/leaky\n", arg("out"));
	fclose(f);
	return chmod("script", 0755) < 0 ? refused("chmod") : REFUSED;
}

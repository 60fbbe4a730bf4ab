/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the file that the run's own policy comes from, in the write grant, for the next run.
 * class: configuration
 * plants: granting
 * grants: --write {ws} --policy {ws}/grants.cedar
 * runs: 2
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_policy_written)
{
	FILE *f;

	if (number("phase") == 2)
		return found_in(open(arg("secret"), O_RDONLY));
	f = fopen("grants.cedar", "w");
	if (!f)
		return refused("open");
	fprintf(f, "permit(principal, action, resource);\n");
	fclose(f);
	return REFUSED;
}

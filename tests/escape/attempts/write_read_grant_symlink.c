/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a link in a read grant, for whoever reads there next.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: created ro/new
 */
#include "attempt.h"

ATTEMPT(write_read_grant_symlink)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/new", arg("ro"));
	return symlink("/", path) < 0 ? refused("symlink") : ESCAPED;
}

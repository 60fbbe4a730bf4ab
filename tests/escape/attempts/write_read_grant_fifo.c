/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a pipe with a name in a read grant.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: created ro/new
 */
#include "attempt.h"

ATTEMPT(write_read_grant_fifo)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/new", arg("ro"));
	return mkfifo(path, 0666) < 0 ? refused("mkfifo") : ESCAPED;
}

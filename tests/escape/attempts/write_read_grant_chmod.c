/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the mode of a read grant.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: mode fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_chmod)
{
	return chmod(arg("fixed"), 0777) < 0 ? refused("chmod") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the mode of a read grant through a descriptor that was opened for reading.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: mode fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_fchmod)
{
	return fchmod(open(arg("fixed"), O_RDONLY), 0777) < 0 ? refused("fchmod") : ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Empties a file that is granted for reading only, without opening it for writing.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_truncate)
{
	return truncate(arg("fixed"), 0) < 0 ? refused("truncate") : ESCAPED;
}

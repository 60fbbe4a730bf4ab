/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a file that is granted for reading only.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant)
{
	return spoil(open(arg("fixed"), O_WRONLY));
}

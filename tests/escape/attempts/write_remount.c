/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the mount of a read grant writable, and writes.
 * class: write
 * args: fixed ro
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(write_remount)
{
	if (mount(NULL, arg("ro"), NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		(void)refused("mount");
	return spoil(open(arg("fixed"), O_WRONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the mode of a read grant by the name in /proc of a descriptor that can open nothing.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: mode fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_opath_chmod)
{
	char path[64];
	int fd = open(arg("fixed"), O_PATH);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, 0600) < 0 ? refused("chmod") : ESCAPED;
}

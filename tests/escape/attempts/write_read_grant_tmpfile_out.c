/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file without a name, made in the write grant, gets one in the read grant.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: created ro/new
 */
#include "attempt.h"

ATTEMPT(write_read_grant_tmpfile_out)
{
	char path[4096], from[64];
	int fd = open(".", O_TMPFILE | O_WRONLY, 0666);

	if (fd < 0)
		return refused("O_TMPFILE");
	snprintf(path, sizeof(path), "%s/new", arg("ro"));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? refused("linkat")
									     : ESCAPED;
}

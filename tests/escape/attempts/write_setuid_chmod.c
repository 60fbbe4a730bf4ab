/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by chmod, with the set-group-ID bit.
 * class: write
 * escaped: setid ws/own
 */
#include "attempt.h"

ATTEMPT(write_setuid_chmod)
{
	int fd = open("copy", O_WRONLY | O_CREAT, 0755);

	close(fd);
	return rename("copy", "own") < 0 || chmod("own", 02755) < 0 ? refused("chmod") : ESCAPED;
}

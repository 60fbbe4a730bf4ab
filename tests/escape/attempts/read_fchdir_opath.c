/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes by a descriptor that can open nothing: to the directory above, and down again.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_fchdir_opath)
{
	int fd = open(".", O_PATH | O_DIRECTORY);

	if (fchdir(fd) < 0 || chdir("..") < 0)
		return refused("chdir");
	return found_in(open("out/secret", O_RDONLY));
}

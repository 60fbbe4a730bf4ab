/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many times .. from the deepest directory.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_openat_dots)
{
	int fd;

	(void)mkdir("a", 0777);
	(void)mkdir("a/b", 0777);
	fd = open("a/b", O_RDONLY | O_DIRECTORY);
	return found_in(openat(fd, "../../../out/secret", O_RDONLY));
}

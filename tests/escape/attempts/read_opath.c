/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of the directory that can open nothing (O_PATH), opened again through /proc/self/fd.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_opath)
{
	char path[64];
	int fd = open("..", O_PATH | O_DIRECTORY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d/out/secret", fd);
	return found_in(open(path, O_RDONLY));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The working directory is moved out of the workspace by the host while the run lives: go up from there.
 * class: races
 * during: move
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_moved_out)
{
	if (mkdir("moving", 0777) < 0 || chdir("moving") < 0)
		return refused("mkdir");
	for (int i = 0; i < 150; i++) {
		int fd = open("../secret", O_RDONLY);

		if (fd >= 0)
			return found_in(fd);
		usleep(10 * 1000);
	}
	return refused("open");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host moves a directory of the workspace into another one, while files below are opened by .. again and again.
 * class: races
 * during: move
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_moved_in)
{
	int up;

	/* The host moves it as soon as it has its name. */
	if (mkdir("made", 0777) < 0 || mkdir("made/deep", 0777) < 0)
		return refused("mkdir");
	up = open("made/deep", O_PATH | O_DIRECTORY);
	if (rename("made", "moving") < 0)
		return refused("rename");
	for (int i = 0; i < 150; i++) {
		int fd = openat(up, "../secret", O_RDONLY);

		fd = fd < 0 ? openat(up, "../../secret", O_RDONLY) : fd;
		if (fd >= 0)
			return found_in(fd);
		usleep(10 * 1000);
	}
	return refused("open");
}

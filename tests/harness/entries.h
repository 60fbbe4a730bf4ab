/* SPDX-License-Identifier: Apache-2.0 */
/* How many names a directory has, "." and ".." among them: of /proc/self/fd and task, to see that nothing is left behind. */
#pragma once

#include <dirent.h>

#include "tap.h"

static TAP_UNUSED unsigned entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	REQUIRE(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

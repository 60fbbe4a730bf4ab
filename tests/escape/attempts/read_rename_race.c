/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of the workspace and a link out of it change places, while a file below is opened again and again.
 * alone: yes
 * class: read
 * escaped: leak file
 */
#include <pthread.h>

#include "attempt.h"

static volatile int over;

static void *swap(void *p)
{
	while (!over)
		(void)renameat2(AT_FDCWD, "dir", AT_FDCWD, "link", RENAME_EXCHANGE);
	return p;
}

ATTEMPT(read_rename_race)
{
	pthread_t t;
	int fd = -1;

	(void)mkdir("dir", 0777);
	(void)symlink("../out", "link");
	(void)pthread_create(&t, NULL, swap, NULL);
	for (int i = 0; i < 30000 && fd < 0; i++)
		fd = open("dir/secret", O_RDONLY);
	over = 1;
	(void)pthread_join(t, NULL);
	return found_in(fd);
}

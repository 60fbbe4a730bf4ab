/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of the workspace and a link out of it change places, while a file is made below again and again.
 * alone: yes
 * class: write
 * escaped: created out/raced
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

ATTEMPT(write_rename_race)
{
	pthread_t t;

	(void)mkdir("dir", 0777);
	(void)symlink("../out", "link");
	(void)pthread_create(&t, NULL, swap, NULL);
	for (int i = 0; i < 20000; i++) {
		int fd = open("dir/raced", O_WRONLY | O_CREAT, 0666);

		if (fd >= 0)
			close(fd);
	}
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}

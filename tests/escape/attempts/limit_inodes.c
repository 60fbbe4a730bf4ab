/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand empty files in /tmp where 16 MiB are allowed: they cost memory of the kernel.
 * class: limits
 * args: count marker
 * grants: --write {ws} --disk 16M
 * escaped: more 5000
 */
#include "attempt.h"

ATTEMPT(limit_inodes)
{
	char path[100];
	int fd = open_count();

	snprintf(path, sizeof(path), "/tmp/many-%s", arg("marker"));
	if (mkdir(path, 0700) < 0 || chdir(path) < 0)
		return refused("mkdir");
	for (int i = 0; i < 10000; i++) {
		int file;

		snprintf(path, sizeof(path), "%d", i);
		file = open(path, O_WRONLY | O_CREAT, 0600);
		if (file < 0)
			return refused("open");
		close(file);
		count_one(fd);
	}
	return ESCAPED;
}

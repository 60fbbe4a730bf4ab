/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 MiB in /dev/shm, /tmp and the home directory together where 16 are allowed.
 * class: limits
 * args: count marker
 * grants: --write {ws} --disk 16M
 * escaped: more 16
 */
#include "attempt.h"

ATTEMPT(limit_disk_shm)
{
	static const char *const places[] = { "/tmp", "/dev/shm", "/home/ward" };
	static char block[1 << 20];
	char path[100];
	int fd = open_count();

	for (int k = 0; k < 3; k++) {
		int file;

		snprintf(path, sizeof(path), "%s/ward-escape-big-%s", places[k], arg("marker"));
		file = open(path, O_WRONLY | O_CREAT, 0600);
		(void)(k == 1 && getpid() > 100 ? unlink(path)
						: 0); /* nothing is left on the host when bare */
		for (int i = 0; i < 22 && write(file, block, sizeof(block)) == sizeof(block); i++)
			count_one(fd);
	}
	return REFUSED;
}

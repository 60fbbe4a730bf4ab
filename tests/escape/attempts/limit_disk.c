/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 MiB in /tmp where 16 are allowed.
 * class: limits
 * args: count marker
 * grants: --write {ws} --disk 16M
 * escaped: more 16
 */
#include "attempt.h"

ATTEMPT(limit_disk)
{
	static char block[1 << 20];
	char path[100];
	int fd = open_count(), file;

	snprintf(path, sizeof(path), "/tmp/big-%s", arg("marker"));
	file = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 64; i++) {
		if (write(file, block, sizeof(block)) != sizeof(block))
			return refused("write");
		count_one(fd);
	}
	return ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same through /dev/stdout, opened again and again.
 * class: limits
 * grants: --write {ws} --output-limit 1M
 * escaped: flood 1100000
 */
#include "attempt.h"

ATTEMPT(limit_output_again)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 256; i++) {
		int fd = open("/dev/stdout", O_WRONLY);

		if (fd < 0 || write(fd, block, sizeof(block)) < 0)
			return refused("write");
		close(fd);
	}
	return ESCAPED;
}

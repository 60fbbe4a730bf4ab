/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 MiB of output where 1 is allowed.
 * class: limits
 * grants: --write {ws} --output-limit 1M
 * escaped: flood 1100000
 */
#include "attempt.h"

ATTEMPT(limit_output)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 256; i++)
		if (write(1, block, sizeof(block)) < 0)
			return refused("write");
	return ESCAPED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges a file of the write grant with one of the read grant (RENAME_EXCHANGE).
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_exchange)
{
	return renameat2(AT_FDCWD, "own", AT_FDCWD, arg("fixed"), RENAME_EXCHANGE) < 0
		? refused("renameat2")
		: ESCAPED;
}

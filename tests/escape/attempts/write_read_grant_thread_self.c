/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file of the read grant through /proc/thread-self/root, for writing.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include "attempt.h"

ATTEMPT(write_read_grant_thread_self)
{
	char path[4096];

	snprintf(path, sizeof(path), "/proc/thread-self/root%s", arg("fixed"));
	return spoil(open(path, O_WRONLY));
}

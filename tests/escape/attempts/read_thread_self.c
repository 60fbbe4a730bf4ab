/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file through the root of the thread.
 * class: procfs
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_thread_self)
{
	char path[4096];

	snprintf(path, sizeof(path), "/proc/thread-self/root%s", arg("secret"));
	return found_in(open(path, O_RDONLY));
}

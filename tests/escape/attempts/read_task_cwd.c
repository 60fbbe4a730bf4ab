/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file through the working directory of a thread.
 * class: procfs
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_task_cwd)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/self/task/%d/cwd/../out/secret", (int)getpid());
	return found_in(open(path, O_RDONLY));
}

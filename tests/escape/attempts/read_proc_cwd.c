/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret in the working directory of another process.
 * class: read
 * plants: victim
 * args: pid
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_proc_cwd)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%s/cwd/secret", arg("pid"));
	return found_in(open(path, O_RDONLY));
}

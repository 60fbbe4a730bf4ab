/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, through the root directory of another process.
 * class: read
 * plants: victim
 * args: pid secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_proc_root)
{
	char path[4096];

	snprintf(path, sizeof(path), "/proc/%s/root%s", arg("pid"), arg("secret"));
	return found_in(open(path, O_RDONLY));
}

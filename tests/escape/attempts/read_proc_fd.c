/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of another process, opened again through /proc.
 * class: read
 * plants: victim
 * args: pid
 * escaped: leak victim-memory
 */
#include "attempt.h"

ATTEMPT(read_proc_fd)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%s/fd/209", arg("pid"));
	return found_in(open(path, O_RDONLY));
}

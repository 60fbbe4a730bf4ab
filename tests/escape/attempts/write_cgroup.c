/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the list of processes of the topmost cgroup: to leave the own one, and its limits.
 * class: write
 * for: root
 * escaped: holds cgroup.procs
 */
#include <glob.h>

#include "attempt.h"

ATTEMPT(write_cgroup)
{
	glob_t g;

	if (glob("/sys/fs/cgroup/cgroup.procs", 0, NULL, &g) &&
		glob("/sys/fs/cgroup/*/cgroup.procs", 0, NULL, &g))
		return refused("glob");
	return hold(open(g.gl_pathv[0], O_WRONLY));
}

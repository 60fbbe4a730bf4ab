/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names a process of the host as the first to be killed when memory runs out.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: victim-oom
 */
#include "attempt.h"

ATTEMPT(proc_oom_score)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/oom_score_adj", arg("pid"));
	fd = open(path, O_WRONLY);
	return fd < 0 || write(fd, "999", 3) != 3 ? refused("oom_score_adj") : ESCAPED;
}

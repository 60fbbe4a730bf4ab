/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes all inotify instances that the kernel gives to one user: the user's own programs, as root those of the system, get
 * none any more. No cgroup counts them.
 * class: limits
 * during: inotify
 * escaped: took-all
 */
#include <sys/inotify.h>
#include <sys/resource.h>

#include "attempt.h"

ATTEMPT(limit_inotify)
{
	struct rlimit most;

	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	while (inotify_init1(0) >= 0)
		;
	usleep(400 * 1000);
	return ESCAPED;
}

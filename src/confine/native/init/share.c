/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counts by user and no cgroup bounds: who uses all of it up takes it from every other program of the user
 * who started us, which may be root. A user namespace may have bounds of its own, below those of its parent:
 *
 * - inotify: half of what the user may have, of instances 128 at the most: who is killed waits some 10 ms for each that he has open, in
 *   state D, and hosts that give thousands exist. It stands in the host's /proc, which is still ours to see here.
 * - user namespaces inside of this one: none. A second lock behind the filter of system calls.
 *
 * Done before there is a plan, so that no start waits for it. A host whose /proc/sys cannot be written (a container) goes
 * without: no axis is said to hold by it.
 */
#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_INSTANCES 128

static void set_bound(const char *path, long value)
{
	char text[24];
	int fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%ld", value);
	(void)!write(fd, text, (size_t)n);
	close(fd);
}

static long host_bound(const char *path)
{
	char text[24];
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

void share_out(void)
{
	long instances = host_bound("/proc/sys/fs/inotify/max_user_instances");
	long watches = host_bound("/proc/sys/fs/inotify/max_user_watches");

	if (instances > 0)
		set_bound("/proc/sys/user/max_inotify_instances",
			instances / 2 < MOST_INSTANCES ? (instances + 1) / 2 : MOST_INSTANCES);
	if (watches > 0)
		set_bound("/proc/sys/user/max_inotify_watches", (watches + 1) / 2);
	set_bound("/proc/sys/user/max_user_namespaces", 0);
}

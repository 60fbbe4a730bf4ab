/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, in use: did memory run out, what was used, and the end of everything in it. Reads counters of the kernel
 * only; a counter that this kernel lacks is reported as unknown, never as zero.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/os.h"

#define KILL_ROUNDS 64
#define KILL_BATCH 256
#define KILL_PAUSE_NS 1000000L

int ward_cgroup_oom_fd(const struct ward_cgroup *cg, short *ret_events)
{
	*ret_events = cg->version == 2 ? POLLPRI : POLLIN;
	return cg->oom_fd;
}

static uint64_t oom_kills(const struct ward_cgroup *cg, bool *ret_stopped)
{
	char text[WARD_CGROUP_TEXT_MAX];
	uint64_t kills = 0, under = 0;
	int fd = cg->version == 2 ? cg->oom_fd : cg->oom_source;

	*ret_stopped = false;
	if (fd < 0 || ward_cgroup_pread(fd, text, sizeof(text)) < 0)
		return 0;
	(void)ward_cgroup_value(text, "oom_kill", &kills);
	if (cg->version == 1 && ward_cgroup_value(text, "under_oom", &under))
		*ret_stopped = under != 0;
	return kills;
}

bool ward_cgroup_was_oom(struct ward_cgroup *cg)
{
	uint64_t count;
	bool stopped;

	if (cg->version == 1 && cg->oom_fd >= 0)
		(void)!read(cg->oom_fd, &count, sizeof(count));
	return oom_kills(cg, &stopped) > 0 || stopped;
}

static bool get(const struct ward_cgroup *cg, enum ward_cgroup_controller c, const char *file,
	const char *key, uint64_t *ret)
{
	char text[WARD_CGROUP_TEXT_MAX];
	int dir = ward_cgroup_dirfd(cg, c);

	return dir >= 0 && ward_cgroup_read(dir, file, text, sizeof(text)) >= 0 &&
		ward_cgroup_value(text, key, ret);
}

void ward_cgroup_usage(const struct ward_cgroup *cg, struct ward_cgroup_usage *ret)
{
	bool v2 = cg->version == 2, stopped;
	uint64_t v;

	*ret = (struct ward_cgroup_usage){ 0 };
	/* v1: only where cpu and cpuacct are one hierarchy, in nanoseconds; v2: every cgroup has it. */
	if (v2) {
		ret->has_cpu = ward_cgroup_dirfd(cg, WARD_CGROUP_MEMORY) >= 0 &&
			get(cg, WARD_CGROUP_MEMORY, "cpu.stat", "usage_usec", &v);
		ret->cpu_ms = ret->has_cpu ? v / 1000 : 0;
	} else {
		ret->has_cpu = get(cg, WARD_CGROUP_CPU, "cpuacct.usage", NULL, &v);
		ret->cpu_ms = ret->has_cpu ? v / 1000000 : 0;
	}
	ret->has_memory = get(cg, WARD_CGROUP_MEMORY,
		v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL, &ret->memory_peak);
	ret->has_pids_peak = get(cg, WARD_CGROUP_PIDS, "pids.peak", NULL, &v);
	ret->pids_peak = ret->has_pids_peak ? (uint32_t)v : 0;
	ret->has_pids_refused = get(cg, WARD_CGROUP_PIDS, "pids.events", "max", &ret->pids_refused);
	ret->oom_kills = oom_kills(cg, &stopped);
}

/* Up to KILL_BATCH pids of cgroup.procs. */
static size_t parse_pids(char *text, pid_t *pids)
{
	size_t n = 0;

	for (char *p = text, *end; n < KILL_BATCH; p = end + 1) {
		long v = strtol(p, &end, 10);

		/* A number that the buffer's end may have cut is left for the next round; 0 is of another pid namespace. */
		if (end == p || *end != '\n')
			break;
		if (v > 0)
			pids[n++] = (pid_t)v;
	}
	return n;
}

static size_t read_pids(int dirfd, pid_t *pids)
{
	char text[KILL_BATCH * 12];

	return ward_cgroup_read(dirfd, "cgroup.procs", text, sizeof(text)) <= 0
		? 0
		: parse_pids(text, pids);
}

static bool among(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* By the lists of the cgroup itself. */
static int is_listed(const struct ward_cgroup *cg, pid_t pid)
{
	pid_t pids[KILL_BATCH];

	for (unsigned c = 0; c < (cg->version == 2 ? 1u : WARD_CGROUP_CONTROLLERS); c++) {
		char text[KILL_BATCH * 12];
		int r;

		if (cg->dir[c].fd < 0)
			continue;
		r = ward_cgroup_read(cg->dir[c].fd, "cgroup.procs", text, sizeof(text));
		if (r < 0)
			return r;
		if (!among(pids, parse_pids(text, pids), pid))
			return 0;
	}
	return 1;
}

int ward_cgroup_holds(const struct ward_cgroup *cg, pid_t pid)
{
	static const char *const names[] = { [WARD_CGROUP_MEMORY] = "memory",
		[WARD_CGROUP_PIDS] = "pids",
		[WARD_CGROUP_CPU] = "cpu" };
	char text[WARD_CGROUP_TEXT_MAX], path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", (long)pid);
	r = ward_cgroup_read(AT_FDCWD, path, text, sizeof(text));
	if (r <= 0)
		return is_listed(cg, pid);
	for (unsigned c = 0; c < (cg->version == 2 ? 1u : WARD_CGROUP_CONTROLLERS); c++) {
		const char *own = strrchr(cg->dir[c].path, '/'), *is;
		size_t n = 0, len = own ? strlen(own) : 0;

		if (cg->dir[c].fd < 0)
			continue;
		is = ward_cgroup_line(text, cg->version == 2 ? "" : names[c], &n);
		if (!is || !own || n < len || memcmp(is + n - len, own, len) != 0)
			return 0;
	}
	return 1;
}

/* By pidfd, and only what is still listed once it is held: a pid may have become somebody else's in between. */
static size_t kill_batch(int dirfd)
{
	pid_t pids[KILL_BATCH], again[KILL_BATCH];
	int fds[KILL_BATCH];
	size_t n = read_pids(dirfd, pids), m;

	for (size_t i = 0; i < n; i++)
		fds[i] = ward_pidfd_open(pids[i]);
	m = n ? read_pids(dirfd, again) : 0;
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0 && among(again, m, pids[i]))
			(void)ward_pidfd_signal(fds[i], SIGKILL);
		ward_close(fds[i]);
	}
	return n;
}

bool ward_cgroup_kill_dir(int dirfd)
{
	struct timespec pause = { .tv_nsec = KILL_PAUSE_NS };

	if (ward_cgroup_write(dirfd, "cgroup.kill", "1") == 0)
		return true;
	for (int i = 0; i < KILL_ROUNDS; i++) {
		if (kill_batch(dirfd) == 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

bool ward_cgroup_kill_at_once(struct ward_cgroup *cg)
{
	return cg->version == 2 && ward_cgroup_write(cg->dir[0].fd, "cgroup.kill", "1") == 0;
}

void ward_cgroup_kill(struct ward_cgroup *cg)
{
	/* v1: the pids hierarchy counts every process of the run; another will do where it is missing. */
	static const enum ward_cgroup_controller order[] = { WARD_CGROUP_PIDS, WARD_CGROUP_MEMORY,
		WARD_CGROUP_CPU };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(order); i++) {
		int dir = ward_cgroup_dirfd(cg, order[i]);

		if (dir >= 0) {
			(void)ward_cgroup_kill_dir(dir);
			return;
		}
	}
}

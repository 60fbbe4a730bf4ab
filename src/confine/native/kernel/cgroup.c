/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, life of one: made with all its limits before anything runs in it, removed when everything in it is gone.
 * What cannot be written fails the creation, and what was made is removed again. Limits are texts of one table for
 * each version.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/os.h"

#define PERIOD_US 100000u /* of cpu time slices; the kernel's default */
#define SWEEP_AT_CREATE 4u /* leftovers tried on the way */
#define DESTROY_TRIES 40
#define DESTROY_PAUSE_NS 5000000L

enum value { V_MEMORY, V_PIDS, V_QUOTA, V_CPU_MAX, V_ZERO, V_ONE };

struct setting {
	enum ward_cgroup_controller controller;
	const char *file;
	enum value value;
	bool optional; /* a kernel may lack the file; a failing write is an error all the same */
};

/* memsw = memory and swap together: equal to the memory limit it leaves no swap. */
static const struct setting settings_v1[] = {
	{ WARD_CGROUP_MEMORY, "memory.limit_in_bytes", V_MEMORY, false },
	{ WARD_CGROUP_MEMORY, "memory.memsw.limit_in_bytes", V_MEMORY, true },
	{ WARD_CGROUP_PIDS, "pids.max", V_PIDS, false },
	{ WARD_CGROUP_CPU, "cpu.cfs_quota_us", V_QUOTA, false },
};
static const struct setting settings_v2[] = {
	{ WARD_CGROUP_MEMORY, "memory.max", V_MEMORY, false },
	{ WARD_CGROUP_MEMORY, "memory.swap.max", V_ZERO, true },
	{ WARD_CGROUP_MEMORY, "memory.oom.group", V_ONE, true },
	{ WARD_CGROUP_PIDS, "pids.max", V_PIDS, false },
	{ WARD_CGROUP_CPU, "cpu.max", V_CPU_MAX, false },
};

static void format(enum value v, const struct ward_limits *l, char *out, size_t size)
{
	uint64_t quota = (uint64_t)l->millicpus * PERIOD_US / 1000;

	switch (v) {
	case V_MEMORY: snprintf(out, size, "%" PRIu64, l->memory); return;
	case V_PIDS: snprintf(out, size, "%" PRIu32, l->pids); return;
	case V_QUOTA: snprintf(out, size, "%" PRIu64, quota); return;
	case V_CPU_MAX: snprintf(out, size, "%" PRIu64 " %u", quota, PERIOD_US); return;
	case V_ZERO:
	case V_ONE: snprintf(out, size, "%d", v == V_ONE); return;
	}
}

int ward_cgroup_dirfd(const struct ward_cgroup *cg, enum ward_cgroup_controller c)
{
	return cg->has[c] ? cg->dir[cg->version == 2 ? 0 : c].fd : -1;
}

static int make_dir(struct ward_cgroup *cg, const char *base, const char *run_id,
	struct ward_cgroup_dir *d, struct ward_error *err)
{
	char path[sizeof(d->path)];
	int n = snprintf(path, sizeof(path), "%s/" WARD_CGROUP_PREFIX "%s", base, run_id);

	if (n < 0 || (size_t)n >= sizeof(path))
		return ward_fail(err, WARD_E_LIMIT, "cgroup below %s: the path is too long", base);
	/* Nobody else's to open: who could would hold its lock, by which a sweep knows that its run is alive. */
	if (mkdir(path, 0700) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "making the cgroup %s", path);
	memcpy(d->path, path, sizeof(path));
	d->fd = ward_cgroup_open(path, O_RDONLY);
	if (d->fd < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -d->fd, "opening the cgroup %s", path);
	if (flock(d->fd, LOCK_EX | LOCK_NB) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "holding the cgroup %s", path);
	if (cg->version == 1)
		d->entry = openat(d->fd, "tasks", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	else
		d->entry = ward_cgroup_open(path, O_PATH);
	if (d->entry < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "opening the cgroup %s", path);
	return WARD_OK;
}

static int write_limits(const struct ward_cgroup *cg, const struct ward_limits *limits,
	struct ward_error *err)
{
	const struct setting *s = cg->version == 2 ? settings_v2 : settings_v1;
	size_t n = cg->version == 2 ? WARD_ARRAY_SIZE(settings_v2) : WARD_ARRAY_SIZE(settings_v1);

	for (size_t i = 0; i < n; i++) {
		int dir = ward_cgroup_dirfd(cg, s[i].controller), r;
		char text[64];

		if (dir < 0)
			continue;
		format(s[i].value, limits, text, sizeof(text));
		r = ward_cgroup_write(dir, s[i].file, text);
		if (r < 0 && !(s[i].optional && r == -ENOENT))
			return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cgroup limit %s = %s",
				s[i].file, text);
	}
	return WARD_OK;
}

/*
 * A counter of its own in v1, and none that says so charges nothing: buffers of TCP would be the whole host's, past every limit of a run. The
 * first such limit on a machine has the kernel rewrite its own code, which takes 0.1 ms.
 */
int ward_cgroup_bound_sockets(const struct ward_cgroup *cg, const struct ward_limits *limits,
	struct ward_error *err)
{
	static const char file[] = "memory.kmem.tcp.limit_in_bytes";
	int dir = ward_cgroup_dirfd(cg, WARD_CGROUP_MEMORY), r;
	char text[64];

	if (cg->version == 2 || dir < 0)
		return WARD_OK;
	format(V_MEMORY, limits, text, sizeof(text));
	r = ward_cgroup_write(dir, file, text);
	/* A kernel without it, or one that was told not to count. */
	if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cgroup limit %s = %s", file, text);
	return WARD_OK;
}

/* v1: an eventfd that the kernel is told of; v2: the file itself can be polled once it was read. */
static int watch_memory(struct ward_cgroup *cg, struct ward_error *err)
{
	int dir = ward_cgroup_dirfd(cg, WARD_CGROUP_MEMORY), r;
	char text[WARD_CGROUP_TEXT_MAX];

	if (dir < 0)
		return WARD_OK;
	if (cg->version == 2) {
		cg->oom_fd = openat(dir, "memory.events", O_RDONLY | O_CLOEXEC);
		r = cg->oom_fd < 0 ? -errno : ward_cgroup_pread(cg->oom_fd, text, sizeof(text));
	} else {
		cg->oom_source = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
		cg->oom_fd = cg->oom_source < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		snprintf(text, sizeof(text), "%d %d", cg->oom_fd, cg->oom_source);
		r = cg->oom_fd < 0 ? -errno : ward_cgroup_write(dir, "cgroup.event_control", text);
	}
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "watching the cgroup's memory");
	return WARD_OK;
}

static int fill(struct ward_cgroup *cg, const struct ward_cgroup_place *place, const char *run_id,
	const struct ward_limits *limits, struct ward_error *err)
{
	int r;

	for (unsigned c = 0; c < (cg->version == 2 ? 1 : WARD_CGROUP_CONTROLLERS); c++) {
		if (cg->version == 1 && !cg->has[c])
			continue;
		(void)ward_cgroup_sweep_dir(place->path[c], SWEEP_AT_CREATE,
			(int64_t)(ward_now_wall_ns() / 1000000));
		r = make_dir(cg, place->path[c], run_id, &cg->dir[c], err);
		if (r < 0)
			return r;
	}
	r = write_limits(cg, limits, err);
	if (r < 0)
		return r;
	return watch_memory(cg, err);
}

int ward_cgroup_create_at(const struct ward_cgroup_place *place, const char *run_id,
	const struct ward_limits *limits, struct ward_cgroup **ret, struct ward_error *err)
{
	struct ward_cgroup *cg;
	int r;

	*ret = NULL;
	if (!place->version)
		return ward_fail(err, WARD_E_UNSUPPORTED, "no cgroup can be made here");
	if (!ward_ulid_valid(run_id))
		return ward_fail(err, WARD_E_INVALID, "cgroup: '%s' is no run id", run_id);
	cg = calloc(1, sizeof(*cg));
	if (!cg)
		return ward_fail(err, WARD_E_NOMEM, "out of memory for a cgroup");
	cg->version = place->version;
	cg->oom_fd = cg->oom_source = -1;
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		cg->dir[c].fd = cg->dir[c].entry = -1;
		cg->has[c] = place->usable[c] && (c != WARD_CGROUP_CPU || limits->millicpus);
	}
	r = fill(cg, place, run_id, limits, err);
	if (r < 0) {
		ward_cgroup_destroy(cg);
		return r;
	}
	*ret = cg;
	return WARD_OK;
}

int ward_cgroup_create(const struct ward_host *host, const char *run_id,
	const struct ward_limits *limits, struct ward_cgroup **ret, struct ward_error *err)
{
	const bool wanted[WARD_CGROUP_CONTROLLERS] = { host->cgroup_memory, host->cgroup_pids,
		host->cgroup_cpu };
	struct ward_cgroup_place place;
	bool any = false;

	*ret = NULL;
	ward_cgroup_guess(host, &place);
	if (place.version && memcmp(place.usable, wanted, sizeof(wanted)) == 0 &&
		(wanted[0] || wanted[1] || wanted[2]) &&
		ward_cgroup_create_at(&place, run_id, limits, ret, NULL) == WARD_OK)
		return WARD_OK;
	ward_cgroup_find(&place);
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		place.usable[c] &= wanted[c];
		/* What the plan counts on must not have vanished since. */
		if (wanted[c] && !place.usable[c])
			return ward_fail(err, WARD_E_UNSUPPORTED,
				"a cgroup controller that was there is gone");
		any |= place.usable[c];
	}
	if (!any)
		return ward_fail(err, WARD_E_UNSUPPORTED, "no cgroup can be made here");
	return ward_cgroup_create_at(&place, run_id, limits, ret, err);
}

void ward_cgroup_wanted(const struct ward_host *host, const struct ward_limits *limits,
	bool ret[WARD_CGROUP_CONTROLLERS])
{
	ret[WARD_CGROUP_MEMORY] = host->cgroup_memory;
	ret[WARD_CGROUP_PIDS] = host->cgroup_pids;
	ret[WARD_CGROUP_CPU] = host->cgroup_cpu && limits->millicpus;
}

int ward_cgroup_version(const struct ward_cgroup *cg)
{
	return cg->version;
}

bool ward_cgroup_has(const struct ward_cgroup *cg, enum ward_cgroup_controller c)
{
	return cg->has[c];
}

size_t ward_cgroup_entry_fds(const struct ward_cgroup *cg, int fds[WARD_CGROUP_CONTROLLERS])
{
	size_t n = 0;

	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		if (cg->dir[c].entry >= 0)
			fds[n++] = cg->dir[c].entry;
	return n;
}

void ward_cgroup_entered(struct ward_cgroup *cg)
{
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		ward_closep(&cg->dir[c].entry);
}

/* EBUSY while a killed process is still on its way out. */
static bool remove_dir(const char *path)
{
	struct timespec pause = { .tv_nsec = DESTROY_PAUSE_NS };

	for (int i = 0; i < DESTROY_TRIES; i++) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return true;
		if (errno != EBUSY)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

bool ward_cgroup_destroy(struct ward_cgroup *cg)
{
	bool gone = true;

	if (!cg)
		return true;
	ward_cgroup_entered(cg);
	ward_closep(&cg->oom_fd);
	ward_closep(&cg->oom_source);
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		if (cg->dir[c].path[0])
			gone &= remove_dir(cg->dir[c].path);
		ward_closep(&cg->dir[c].fd);
	}
	free(cg);
	return gone;
}

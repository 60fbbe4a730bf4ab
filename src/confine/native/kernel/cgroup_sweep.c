/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, leftovers: a supervisor that was killed could not remove its directories. One whose flock can be had
 * belongs to nobody alive. Only names that Ward gives are touched, and only below the places where this caller's
 * runs go; a directory of the last two seconds may be one that is just being made and is left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/os.h"

#define SWEEP_MAX 64u /* directories tried in one place by ward_cgroup_sweep() */
#define SWEEP_AGE_MS 2000
#define SWEEP_TRIES 20

/* The moment in a ULID: its first ten digits, in Crockford's base 32. The name was checked before. */
static int64_t ulid_ms(const char *ulid)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t ms = 0;

	for (int i = 0; i < 10; i++)
		ms = ms << 5 | (strchr(digits, ulid[i]) - digits);
	return ms;
}

static int64_t wall_ms(void)
{
	return (int64_t)(ward_now_wall_ns() / 1000000);
}

/* A time far ahead of now is one of a clock that was set back: not young. */
static bool is_young(int64_t then_ms, int64_t now_ms)
{
	int64_t age = now_ms - then_ms;

	return age > -SWEEP_AGE_MS && age < SWEEP_AGE_MS;
}

/* Ours, and worth a try: the age in the name costs no system call, so that a burst of runs does not try each other. */
static bool is_candidate(const char *name, int64_t now_ms)
{
	const char *id = name + strlen(WARD_CGROUP_PREFIX);

	return ward_has_prefix(name, WARD_CGROUP_PREFIX) && ward_ulid_valid(id) &&
		!is_young(ulid_ms(id), now_ms);
}

/*
 * Its age is by a clock that is read once it is there, never by one that was read before: the sweep may have waited
 * meanwhile, and a directory that is just being made is held by nobody yet.
 */
static bool sweep_one(int base, const char *name, bool however_young)
{
	WARD_FD fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct timespec pause = { .tv_nsec = 1000000 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 ||
		(!however_young && is_young((int64_t)st.st_ctime * 1000, wall_ms())) ||
		flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	(void)ward_cgroup_kill_dir(fd);
	for (int i = 0; i < SWEEP_TRIES; i++) {
		if (unlinkat(base, name, AT_REMOVEDIR) == 0)
			return true;
		if (errno != EBUSY)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

unsigned ward_cgroup_sweep_dir(const char *path, unsigned max, int64_t now_ms)
{
	struct stat st;
	struct dirent *e;
	unsigned removed = 0, tried = 0, n = 0, skip;
	DIR *d;

	/* Nothing below it but what the kernel put there. */
	if (stat(path, &st) < 0 || st.st_nlink <= 2)
		return 0;
	d = opendir(path);
	if (!d)
		return 0;
	/* Where there are many, not always the same first ones. */
	skip = st.st_nlink > max + 2 ? (unsigned)(now_ms % (int64_t)st.st_nlink) : 0;
	while (tried < max && (e = readdir(d))) {
		if (e->d_type != DT_DIR || n++ < skip || !is_candidate(e->d_name, now_ms))
			continue;
		tried++;
		removed += sweep_one(dirfd(d), e->d_name, false);
	}
	closedir(d);
	return removed;
}

unsigned ward_cgroup_sweep(void)
{
	struct ward_cgroup_place place;
	unsigned removed = 0;

	ward_cgroup_find(&place);
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		if (place.path[c][0] && (place.version == 2 || place.usable[c]))
			removed += ward_cgroup_sweep_dir(place.path[c], SWEEP_MAX, wall_ms());
	}
	return removed;
}

void ward_cgroup_forget(const char *run_id)
{
	struct ward_cgroup_place place;
	char name[sizeof(WARD_CGROUP_PREFIX) + WARD_ULID_SIZE];

	(void)snprintf(name, sizeof(name), WARD_CGROUP_PREFIX "%s", run_id);
	ward_cgroup_find(&place);
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		WARD_FD base = place.path[c][0] ? ward_cgroup_open(place.path[c], O_RDONLY) : -1;

		if (base >= 0)
			(void)sweep_one(base, name, true);
	}
}

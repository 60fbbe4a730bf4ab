/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, leftovers: a supervisor that was killed could not remove its directories. One whose flock can be had
 * belongs to nobody alive. Only names that Ward gives are touched, and only below the places where this caller's
 * runs go; a directory of the last two seconds may be one that is just being made and is left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/cgroup_private.h"
#include "os/os.h"

#define SWEEP_MAX 32u /* directories looked at in one place and call */
#define SWEEP_AGE_S 2
#define SWEEP_TRIES 20

static bool is_ours(const char *name)
{
	return ward_has_prefix(name, WARD_CGROUP_PREFIX) &&
		ward_ulid_valid(name + strlen(WARD_CGROUP_PREFIX));
}

static bool sweep_one(int base, const char *name, time_t now)
{
	WARD_FD fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct timespec pause = { .tv_nsec = 1000000 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ctime + SWEEP_AGE_S > now ||
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

static unsigned sweep_place(const char *path)
{
	DIR *d = opendir(path);
	struct stat st;
	struct dirent *e;
	struct timespec now;
	unsigned removed = 0, looked = 0, skip, n = 0;

	if (!d)
		return 0;
	/* No directory below it but the two of its own: nothing to read. */
	if (fstat(dirfd(d), &st) == 0 && st.st_nlink == 2) {
		closedir(d);
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	/* With many live runs, not always the same first ones. */
	skip = st.st_nlink > SWEEP_MAX + 2 ? (unsigned)now.tv_nsec / 1000 % (unsigned)st.st_nlink
					   : 0;
	while (looked < SWEEP_MAX && (e = readdir(d))) {
		if (e->d_type != DT_DIR || !is_ours(e->d_name) || n++ < skip)
			continue;
		looked++;
		removed += sweep_one(dirfd(d), e->d_name, now.tv_sec);
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
			removed += sweep_place(place.path[c]);
	}
	return removed;
}

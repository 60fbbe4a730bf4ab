/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree that hostile code made is taken away: any modes, any depth, any number of names, links to anywhere. Only names of directories
 * that are open are unlinked, none is followed. What lies deep is hoisted: renamed to the top of what is removed, where its turn comes,
 * so that the depth of the tree costs neither stack nor descriptors. It can end anywhere and be begun again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/store.h"

#define LEVELS 32
#define TRIES 3 /* of a directory that has names again when all were taken away */

struct removal {
	int top;
	uint64_t hoisted;
	int sys; /* of the first thing that could not be removed */
};

static void failed(struct removal *m, int sys)
{
	if (m->sys == 0 && sys != ENOENT)
		m->sys = sys;
}

/* A directory that its owner cannot read is opened all the same; the modes are of no use to anybody any more. */
static int open_dir(int parent, const char *name)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char proc[32];
	struct stat st;
	WARD_FD fd = openat(parent, name, O_RDONLY | flags);

	if (fd < 0 && errno == EACCES) {
		WARD_FD path = openat(parent, name, O_PATH | flags);

		(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", path);
		if (path < 0 || chmod(proc, 0700) < 0)
			return -errno;
		fd = openat(parent, name, O_RDONLY | flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & 0700) != 0700 && fchmod(fd, 0700) < 0)
		return -errno;
	return ward_take_fd(&fd);
}

static void empty(struct removal *m, int dir, unsigned depth);

static void hoist(struct removal *m, int dir, const char *name)
{
	char up[32];

	do {
		(void)snprintf(up, sizeof(up), "%" PRIu64, m->hoisted++);
		if (renameat(dir, name, m->top, up) == 0)
			return;
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	failed(m, errno);
}

static void remove_dir(struct removal *m, int dir, const char *name, unsigned depth)
{
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return;
	for (unsigned i = 0; i < TRIES; i++) {
		int fd = open_dir(dir, name);

		if (fd < 0) {
			failed(m, -fd);
			return;
		}
		if (depth >= LEVELS) {
			ward_close(
				fd); /* a directory that is moved must be one that we may write */
			hoist(m, dir, name);
			return;
		}
		empty(m, fd, depth + 1);
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
		if (m->sys)
			return; /* what is left in it was told of */
	}
	failed(m, errno);
}

/* Takes dir over. The lock of what is removed goes last, with it the sign that somebody is at it. */
static void empty(struct removal *m, int dir, unsigned depth)
{
	DIR *d = fdopendir(dir);
	const struct dirent *e;

	if (!d) {
		failed(m, errno);
		ward_close(dir);
		return;
	}
	while ((e = readdir(d))) {
		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..") ||
			(depth == 0 && ward_streq(e->d_name, STORE_LOCK)))
			continue;
		if (e->d_type != DT_DIR) {
			if (unlinkat(dirfd(d), e->d_name, 0) == 0)
				continue;
			if (errno != EISDIR && errno != EPERM) {
				failed(m, errno);
				continue;
			}
			if (e->d_type != DT_UNKNOWN) {
				failed(m, errno);
				continue;
			}
		}
		remove_dir(m, dirfd(d), e->d_name, depth);
	}
	(void)closedir(d);
}

void ward_store_erase_unwritten(int dir)
{
	static const char *const closed[] = { STORE_WORK "/work", STORE_WORK "/work/incompat",
		STORE_WORK "/work/incompat/volatile" };
	static const struct {
		const char *name;
		int flags;
	} names[] = {
		{ STORE_UPPER, AT_REMOVEDIR },
		{ STORE_WORK "/work/incompat/volatile/dirty", 0 },
		{ STORE_WORK "/work/incompat/volatile", AT_REMOVEDIR },
		{ STORE_WORK "/work/incompat", AT_REMOVEDIR },
		{ STORE_WORK "/work", AT_REMOVEDIR },
		{ STORE_WORK, AT_REMOVEDIR },
		{ STORE_LAYER, AT_REMOVEDIR },
		{ STORE_RECORD, 0 },
	};

	/* The overlay takes all bits from what is its own; root does without them. */
	for (size_t i = 0; i < WARD_ARRAY_SIZE(closed) && geteuid() != 0; i++)
		if (fchmodat(dir, closed[i], 0700, 0) < 0)
			break;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		(void)unlinkat(dir, names[i].name, names[i].flags);
}

int ward_store_erase(int home, const char *name)
{
	int opened = open_dir(home, name);
	WARD_FD top = opened;
	struct removal m = { .top = top };
	uint64_t before;

	if (opened < 0)
		return opened == -ENOENT ? 0 : opened;
	do {
		int again = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (again < 0)
			return -errno;
		before = m.hoisted;
		empty(&m, again, 0);
	} while (m.hoisted != before);
	if (m.sys)
		return -m.sys;
	/* A hand may have put a directory there. */
	if (unlinkat(top, STORE_LOCK, 0) < 0 && (errno == EISDIR || errno == EPERM))
		remove_dir(&m, top, STORE_LOCK, 1);
	if (m.sys)
		return -m.sys;
	return unlinkat(home, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

/* A mark that needs no room: where a quota is full not even a name can change. */
bool ward_store_forgotten(const struct ward_workspace *w)
{
	struct stat st;

	return fstatat(w->dir, STORE_LAYER, &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno == ENOENT
									  : st.st_mode & S_ISVTX;
}

int ward_workspace_empty(struct ward_workspace *w, struct ward_error *err)
{
	WARD_FD layer =
		openat(w->dir, STORE_LAYER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = layer < 0 ? -errno : 0;

	bool begun = w->state == WARD_WORKSPACE_LOST && ward_store_forgotten(w);

	if (w->alive || (w->state != WARD_WORKSPACE_PENDING && !begun))
		return ward_fail(err, WARD_E_INTERNAL, "a layer that is in use is not forgotten");
	/* For good, before any of it is missing. Who was killed after that left the rest to the next. */
	if (begun && r == -ENOENT)
		r = 0;
	else if (r == 0 && !begun && (fchmod(layer, 01700) < 0 || fsync(layer) < 0)) {
		r = -errno;
		(void)fchmod(layer, 0700);
	}
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"the layer of run %s cannot be removed", w->facts.run);
	/* What cannot be removed makes no room; the entry's own removal tells of it. */
	(void)ward_store_erase(w->dir, STORE_LAYER);
	ward_store_judge(w);
	return WARD_OK;
}

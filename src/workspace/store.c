/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: one directory a run under review, with its record, its lock and its layer. It is the caller's alone; an entry appears and
 * goes by one rename, so that whatever dies in the middle leaves an entry or none. Who is alive is said by a lock, which the kernel takes
 * away with its holder, and by no number of a process. docs/spec/workspace.md
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workspace/change.h"
#include "workspace/index/index.h"
#include "workspace/landed.h"
#include "workspace/store.h"

#define TEMPORARY ".new"

struct ward_workspace *ward_store_new(void)
{
	struct ward_workspace *w = calloc(1, sizeof(*w));

	if (w)
		w->home = w->dir = w->lock = w->layer = w->root = -1;
	return w;
}

void ward_store_wait(struct ward_workspace *w)
{
	if (w->sync_begun)
		(void)pthread_join(w->syncing, NULL);
	w->sync_begun = false;
}

void ward_workspace_close(struct ward_workspace *w)
{
	if (!w)
		return;
	ward_store_wait(w);
	ward_store_indexes_over(w);
	ward_commit_looked_over(w);
	ward_indexes_free(w->indexes);
	ward_landed_free(w->landed);
	ward_close(w->layer);
	ward_close(w->root);
	ward_close(w->lock);
	ward_close(w->dir);
	ward_close(w->home);
	ward_arena_free(w->arena);
	free(w);
}

const struct ward_workspace_facts *ward_workspace_facts(const struct ward_workspace *w)
{
	return &w->facts;
}

const char *ward_workspace_path(const struct ward_workspace *w)
{
	return w->path;
}

int ward_workspace_dir(const struct ward_workspace *w)
{
	return w->dir;
}

enum ward_workspace_state ward_workspace_state(const struct ward_workspace *w)
{
	bool alive;

	/* Not as a copy of all: what makes it durable writes some of it meanwhile. */
	if (w->ours)
		return WARD_WORKSPACE_LIVE;
	return w->lock >= 0 && w->state != WARD_WORKSPACE_BROKEN ? ward_store_state(w, &alive)
								 : w->state;
}

/* ---- locks: of an open file, so they are between threads as between processes ---- */

int ward_store_lock(int fd, enum store_lock what)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = what, .l_len = 1 };

	if (fcntl(fd, F_OFD_SETLK, &l) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

bool ward_store_held(int fd, enum store_lock what)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = what, .l_len = 1 };

	/* Nobody knows: then somebody is alive. */
	return fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type != F_UNLCK;
}

/* ---- a run that begins ---- */

static int fail(const struct ward_workspace *w, int sys, const char *what, struct ward_error *err)
{
	int r = ward_fail_errno(err, sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, sys,
		"the workspace under review cannot be kept: %s", what);

	ward_fail_at(err, w->path, 0, 0);
	if (sys == ENOSPC || sys == EDQUOT)
		ward_fail_fix(err,
			"free space there (ward runs ls), or set XDG_STATE_HOME to a directory on another file system");
	else if (sys == EACCES || sys == EPERM || sys == EROFS)
		ward_fail_fix(err, "set XDG_STATE_HOME to a directory that you may write");
	return r;
}

static int make_layer(int dir)
{
	static const char *const names[] = { STORE_LAYER, STORE_UPPER, STORE_WORK };

	/* What the directory under review looks like, the init makes the upper one look like. */
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		if (mkdirat(dir, names[i], 0700) < 0)
			return -errno;
	return 0;
}

/* A file that was not there. */
static int put_record(const struct ward_workspace *w, const char *name, bool durable)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD fd = -1;
	int r;

	b.max = WARD_WORKSPACE_RECORD_MAX;
	ward_record_write(&w->facts, w->boot, &b);
	if (b.failed)
		return -EFBIG;
	fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = ward_write_all(fd, b.s, b.n);
	return r == 0 && durable && fsync(fd) < 0 ? -errno : r;
}

/* In the place of the one that is there; durable. */
static int write_record(const struct ward_workspace *w)
{
	int r;

	/* Only who holds the lock writes, so that one name is enough. */
	if (unlinkat(w->dir, STORE_RECORD TEMPORARY, 0) < 0 && errno != ENOENT)
		return -errno;
	r = put_record(w, STORE_RECORD TEMPORARY, true);
	if (r == 0 && renameat(w->dir, STORE_RECORD TEMPORARY, w->dir, STORE_RECORD) < 0)
		r = -errno;
	if (r == 0 && fsync(w->dir) < 0 && errno != EINVAL)
		r = -errno;
	if (r == 0 && !w->durable && fsync(w->home) < 0 && errno != EINVAL)
		r = -errno;
	if (r < 0)
		(void)unlinkat(w->dir, STORE_RECORD TEMPORARY, 0);
	return r;
}

/* Whole, under a name that is no run's; then it takes its place. */
static int make_entry(struct ward_workspace *w, const char *temporary)
{
	int r;

	if (mkdirat(w->home, temporary, 0700) < 0)
		return -errno;
	w->dir = openat(w->home, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w->dir < 0)
		return -errno;
	w->lock = openat(w->dir, STORE_LOCK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (w->lock < 0)
		return -errno;
	r = ward_store_lock(w->lock, STORE_ALIVE);
	if (r == 0)
		r = ward_store_lock(w->lock, STORE_CHANGED);
	if (r == 0)
		r = make_layer(w->dir);
	if (r == 0)
		r = put_record(w, STORE_RECORD,
			false); /* nobody looks before the entry has its name */
	if (r == 0 && renameat(w->home, temporary, w->home, w->facts.run) < 0)
		r = -errno;
	return r;
}

int ward_workspace_make(const struct ward_workspace_facts *f, struct ward_workspace **ret,
	struct ward_error *err)
{
	char temporary[sizeof(STORE_NEW) + WARD_ULID_SIZE], home[WARD_PATH_MAX];
	struct ward_workspace *w = ward_store_new();
	int r = w ? ward_record_keep(w, f, err) : ward_fail(err, WARD_E_NOMEM, "out of memory");

	if (r == WARD_OK && !ward_ulid_valid(f->run))
		r = ward_fail(err, WARD_E_INVALID, "\"%s\" is no run's identifier", f->run);
	if (r == WARD_OK) {
		r = ward_store_home(true, home, err);
		w->home = r < 0 ? -1 : r;
		r = r < 0 ? r : WARD_OK;
	}
	if (r == WARD_OK &&
		snprintf(w->path, sizeof(w->path), "%s/%s", home, f->run) >= (int)sizeof(w->path))
		r = ward_fail(err, WARD_E_LIMIT, "the path of the store is too long");
	if (r < 0) {
		ward_workspace_close(w);
		return r;
	}
	ward_record_boot(w->boot);
	(void)snprintf(temporary, sizeof(temporary), STORE_NEW "%s", f->run);
	r = make_entry(w, temporary);
	if (r < 0) {
		r = fail(w, -r, "it cannot be made", err);
		(void)ward_store_erase(w->home, temporary);
		ward_workspace_close(w);
		return r;
	}
	/* Without memory for them nothing is remembered. */
	w->indexes = ward_indexes_new();
	w->ours = w->made = w->locked = true;
	w->state = WARD_WORKSPACE_LIVE;
	*ret = w;
	return WARD_OK;
}

int ward_workspace_record(struct ward_workspace *w, const struct ward_workspace_facts *f,
	struct ward_error *err)
{
	int r;

	ward_store_wait(w);
	ward_store_indexes_over(w);
	if (w->lock < 0)
		return ward_fail(err, WARD_E_INTERNAL,
			"a workspace that is only looked at is not changed");
	r = ward_record_keep(w, f, err);
	if (r < 0)
		return r;
	r = write_record(w);
	/* From now on it waits. The other lock stays ours. */
	if (r == 0 && f->ended_ns && w->ours) {
		struct flock l = {
			.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = STORE_ALIVE, .l_len = 1
		};

		(void)fcntl(w->lock, F_OFD_SETLK, &l);
		w->ours = false;
		ward_store_judge(w);
	}
	return r < 0 ? fail(w, -r, "its record cannot be written", err) : WARD_OK;
}

/* ---- what it has ---- */

/* As root, who alone has such: it is mounted for as long as the descriptor is open. */
static int loop_layer(struct ward_workspace *w, uint64_t flags)
{
	const char *step;
	WARD_FD top = ward_loop_mount(w->dir, STORE_LAYER "/" WARD_REVIEW_IMAGE, &step);

	return top < 0
		? top
		: ward_openat2(top, "upper", flags, 0, WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
}

static int closed(struct ward_workspace *w, struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_REFUSED,
		"run %s is alive, and has closed the directory of its changes", w->facts.run);

	w->layer = -1;
	ward_fail_fix(err, "wait for its end");
	return r;
}

/* By one at a time, under a lock of the directory that it lies in, since itself it cannot be opened. */
static int closed_layer(const struct ward_workspace *w, uint64_t flags, uint64_t how)
{
	WARD_FD path = ward_openat2(w->dir, STORE_UPPER, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, how);
	WARD_FD above = ward_openat2(w->dir, STORE_LAYER, flags, 0, how);
	struct stat st;
	char proc[32];
	int r = above < 0 ? -EACCES : ward_layer_lock(above, false, NULL);

	if (r < 0 || path < 0)
		return r == WARD_E_REFUSED ? -EBUSY : -EACCES;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", path);
	if (fstat(path, &st) < 0 || chmod(proc, 0700) < 0)
		return -EACCES;
	r = ward_openat2(w->dir, STORE_UPPER, flags, 0, how);
	/* Who commits needs it until he is done; who only looks leaves it as it was. */
	if (!w->locked)
		(void)chmod(proc, st.st_mode & 07777);
	return r;
}

int ward_workspace_layer(struct ward_workspace *w, struct ward_error *err)
{
	const uint64_t flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	const uint64_t how = WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS;

	if (w->layer >= 0)
		return w->layer;
	if (ward_workspace_state(w) == WARD_WORKSPACE_LIVE && !w->ours &&
		w->facts.backend != WARD_DISK_DIR) {
		int r = ward_fail(err, WARD_E_REFUSED,
			"run %s is alive, and its changes lie on a disk of its own", w->facts.run);

		ward_fail_fix(err, "wait for its end");
		return r;
	}
	/* What is there of it is not all: nobody may take the rest for what the run did. */
	if (ward_workspace_state(w) == WARD_WORKSPACE_LOST && ward_store_forgotten(w))
		return ward_store_lost(w, err);
	if (w->facts.backend == WARD_DISK_LOOP)
		w->layer = loop_layer(w, flags);
	else
		w->layer = ward_openat2(w->dir, STORE_UPPER, flags, 0, how);
	if (w->layer == -EACCES && w->facts.backend != WARD_DISK_LOOP) {
		/* The run took its own right to read the directory. Who owns it borrows it; one that lives would see that. */
		if (ward_workspace_state(w) == WARD_WORKSPACE_LIVE && !w->ours)
			return closed(w, err);
		w->layer = closed_layer(w, flags, how);
		if (w->layer == -EBUSY) {
			w->layer = -1;
			return ward_layer_busy(err);
		}
	}
	if (w->layer < 0) {
		int sys = -w->layer;

		w->layer = -1;
		return fail(w, sys, "its layer cannot be opened", err);
	}
	return w->layer;
}

bool ward_workspace_unwritten(struct ward_workspace *w)
{
	int layer = ward_workspace_layer(w, NULL);

	return layer >= 0 && ward_is_empty(layer);
}

int ward_workspace_root(struct ward_workspace *w, struct ward_error *err)
{
	char boot[STORE_BOOT_SIZE], word[WARD_PASTE_MAX];
	struct ward_born born;
	struct stat st;
	WARD_FD fd = -1;

	if (w->root >= 0)
		return w->root;
	fd = ward_openat2(AT_FDCWD, w->facts.root, O_RDONLY | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int sys = fd < 0 ? -fd : errno;
		int r = ward_fail_errno(err, sys == ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM, sys,
			"the directory that run %s was to change cannot be opened", w->facts.run);

		ward_fail_at(err, w->facts.root, 0, 0);
		ward_fail_fix(err,
			"put it back there, or forget what the run changed: ward discard %s",
			w->facts.run);
		return r;
	}
	ward_record_boot(boot);
	ward_born_of(fd, &born);
	/* Numbers of devices hold until the next boot only; those of inodes, as long as what has it is there. */
	if ((uint64_t)st.st_ino != w->facts.root_ino ||
		((uint64_t)st.st_dev != w->facts.root_dev && ward_streq(boot, w->boot)) ||
		!ward_born_is(&w->facts.root_born, &born)) {
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s is not the directory any more that run %s was to change",
			ward_paste(word, w->facts.root, "the workspace"), w->facts.run);
		ward_fail_fix(err,
			"put that one back there, or forget what the run changed: ward discard %s",
			w->facts.run);
		return WARD_E_REFUSED;
	}
	w->root = ward_take_fd(&fd);
	return w->root;
}

int64_t ward_store_since(const struct ward_workspace *w)
{
	const struct ward_workspace_facts *f = &w->facts;
	char boot[STORE_BOOT_SIZE];
	int64_t before, now, after;

	ward_record_boot(boot);
	/* In this order: what lies between makes no clock one that was set back, and the time of one that was no later. */
	before = (int64_t)ward_now_boot_ns() - f->since_boot_ns;
	now = (int64_t)ward_now_wall_ns();
	after = (int64_t)ward_now_boot_ns() - f->since_boot_ns;
	/* That clock begins anew with each start of the machine. */
	if (f->since_boot_ns == 0 || !ward_streq(boot, w->boot) || before < 0)
		return now < f->since_ns ? 0 : f->since_ns;
	return now - before < f->since_ns ? now - after : f->since_ns;
}

/* ---- what a crash of the machine leaves ---- */

static int sync_entry(const struct ward_workspace *w)
{
	WARD_FD record = openat(w->dir, STORE_RECORD, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	const int fds[] = { record, w->dir, w->home };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(fds); i++)
		if (fds[i] < 0 || (fsync(fds[i]) < 0 && errno != EINVAL))
			return -errno;
	return 0;
}

/*
 * The entry first: what a layer has is nothing without it. Through the entry's own directory, which lies where a layer in a directory does: the
 * run may have closed the layer's, and an error of the disk is told once to each descriptor that was open before.
 */
static void *sync_thread(void *arg)
{
	struct ward_workspace *w = arg;
	int r = w->durable ? 0 : sync_entry(w);

	w->durable = r == 0;
	if (r == 0 && w->sync_layer && syncfs(w->dir) < 0)
		r = -errno;
	w->synced = w->synced < 0 ? w->synced : r;
	atomic_store(&w->sync_over, true);
	return NULL;
}

void ward_workspace_sync(struct ward_workspace *w, bool layer)
{
	/* What the kernel keeps in memory is nobody's, and a loop's layer is told by its own overlay. */
	if (w->facts.backend == WARD_DISK_DIR)
		w->sync_wanted = w->sync_wanted || layer;
	if (w->sync_begun && !atomic_load(&w->sync_over))
		return;
	ward_store_wait(w);
	if (w->synced < 0 || (w->durable && !w->sync_wanted))
		return;
	w->sync_layer = w->sync_wanted;
	w->sync_wanted = false;
	atomic_store(&w->sync_over, false);
	w->sync_begun = ward_thread_start(&w->syncing, sync_thread, w) == 0;
	if (!w->sync_begun)
		(void)sync_thread(w);
}

/* The overlay's mark that nobody has synced what it wrote, and whatever else it left for itself. */
static void forget_work(const struct ward_workspace *w)
{
	WARD_FD layer = openat(w->dir, STORE_LAYER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (layer >= 0)
		(void)ward_store_erase(layer, "work");
}

int ward_workspace_settle(struct ward_workspace *w, struct ward_error *err)
{
	int layer = ward_workspace_layer(w, err), r;
	struct stat in = { 0 }, of = { 0 };

	ward_store_wait(w);
	if (layer < 0)
		return layer;
	/* What failed before is not told of again. */
	r = w->synced;
	if (r == 0 && (fstat(layer, &in) < 0 || fstat(w->dir, &of) < 0))
		r = -errno;
	if (r == 0 && in.st_dev != of.st_dev && syncfs(layer) < 0)
		r = -errno;
	if (r == 0 && syncfs(w->dir) < 0)
		r = -errno;
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"not all that the run wrote is kept");
	w->durable = true;
	forget_work(w);
	return WARD_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything new is made here first: in the store entry, which no run sees, where a rename leads from there into the project; else in a
 * directory of the project that only its owner may enter, under names that nobody waits for: a run of that user that is alive and may write
 * all of the project can reach it there. Contents are copied and never linked: whoever held a file of the layer open could write it still. Of the layer nothing is
 * followed, and of an object's owner nothing is taken over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

#define COPY_STEP (256u << 10)

struct twin {
	uint64_t dev, ino;
	size_t step;
};

struct staging {
	struct ward_commit *c;
	struct twin *twins; /* of files of the layer with more than one name, by what they are */
	size_t n_twins;
	char *copy;
	bool no_clone;
};

static void staging_done(struct staging *s)
{
	free(s->twins);
	free(s->copy);
}

static int failed(struct ward_error *err, int r, const char *path)
{
	int code = ward_fail_errno(err, r == -ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, -r,
		"cannot make what is to become '%s'", path);

	if (r == -ENOSPC || r == -EDQUOT)
		ward_fail_fix(err,
			"make room on the project's file system, and commit again; nothing of the project has changed");
	return code;
}

/* ---- the directory ---- */

static void root_name(const struct ward_commit *c, const char *prefix,
	char out[WARD_COMMIT_NAME_MAX])
{
	(void)snprintf(out, WARD_COMMIT_NAME_MAX, "%s%s", prefix, c->run);
}

static void stage_name(const struct ward_commit *c, int home, char out[WARD_COMMIT_NAME_MAX])
{
	if (home == c->store)
		(void)snprintf(out, WARD_COMMIT_NAME_MAX, "%s", WARD_COMMIT_STAGE_STORE);
	else
		root_name(c, WARD_COMMIT_STAGE, out);
}

static int remove_name(void *arg, int dir, const char *name)
{
	(void)arg;
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

/* Open, and surely ours. */
static int open_stage(struct ward_commit *c, int home)
{
	char name[WARD_COMMIT_NAME_MAX];
	struct stat st;

	stage_name(c, home, name);
	WARD_FD fd = ward_commit_open(home, name, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != c->euid || (st.st_mode & 077) != 0 || st.st_dev != c->root_st.st_dev)
		return -EPERM;
	return ward_take_fd(&fd);
}

int ward_commit_stage_open(struct ward_commit *c, struct ward_error *err)
{
	const int homes[] = { c->store, c->root };
	int why = -ENOENT;

	ward_close(c->stage);
	c->stage = -1;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(homes); i++) {
		WARD_FD fd = open_stage(c, homes[i]);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == c->j.stage_ino) {
			c->stage = ward_take_fd(&fd);
			c->stage_home = homes[i];
			return WARD_OK;
		}
		why = fd >= 0 ? -ESTALE : fd != -ENOENT ? fd : why;
	}
	return why == -ESTALE
		? ward_fail(err, WARD_E_REFUSED,
			  "what lies where the commit keeps what is old and new is not the directory that it made")
		: ward_fail_errno(err, WARD_E_SYSTEM, -why,
			  "cannot open the directory where the commit keeps what is old and new");
}

/* The link that leads() renames there, and that a kill then leaves. */
static bool is_probe(int home, const char *name)
{
	char text[4];

	return readlinkat(home, name, text, sizeof(text)) == 1 && text[0] == 'x';
}

/* What is left of a commit that died before its journal was whole: nothing of the project is in it. 0, -ENOENT: there is none. */
static int remove_left(struct ward_commit *c, int home)
{
	WARD_FD fd = open_stage(c, home);
	char name[WARD_COMMIT_NAME_MAX];
	int r;

	stage_name(c, home, name);
	if (fd == -ELOOP && is_probe(home, name))
		return unlinkat(home, name, 0) < 0 ? -errno : 0;
	if (fd < 0)
		return fd;
	r = ward_commit_names(fd, ".", remove_name, NULL);
	if (r == 0 && unlinkat(home, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static int make_in(struct ward_commit *c, int home)
{
	char name[WARD_COMMIT_NAME_MAX];
	int r = 0;

	stage_name(c, home, name);
	if (mkdirat(home, name, 0700) < 0) {
		r = errno == EEXIST ? remove_left(c, home) : -errno;
		if (r == 0 && mkdirat(home, name, 0700) < 0)
			r = -errno;
	}
	if (r == 0) {
		c->stage = open_stage(c, home);
		c->stage_home = home;
		r = c->stage < 0 ? c->stage : 0;
	}
	return r;
}

/* Does a rename lead from there into the project? By doing: one mount and one quota's project are not seen otherwise. */
static int leads(struct ward_commit *c)
{
	char name[WARD_COMMIT_NAME_MAX];
	int r = symlinkat("x", c->stage, "x") < 0 ? -errno : 0;

	root_name(c, WARD_COMMIT_STAGE, name);
	if (r == 0)
		r = ward_commit_rename(c->stage, "x", c->root, name, RENAME_NOREPLACE);
	/* A link of that name is what a look that was killed has left: a rename is possible. */
	if (r == -EEXIST && fstatat(c->root, name, &(struct stat){ 0 }, AT_SYMLINK_NOFOLLOW) == 0)
		r = 0;
	if (r == 0)
		(void)unlinkat(c->root, name, 0);
	(void)unlinkat(c->stage, "x", 0);
	return r;
}

static int make_somewhere(struct ward_commit *c)
{
	struct stat st;
	int r = fstat(c->store, &st) < 0 ? -errno : 0;

	if (r == 0 && st.st_dev == c->root_st.st_dev) {
		r = make_in(c, c->store);
		if (r == 0)
			r = leads(c);
		if (r == 0)
			return 0;
		ward_close(c->stage);
		c->stage = -1;
		(void)remove_left(c, c->store);
	}
	return r == 0 || r == -EXDEV ? make_in(c, c->root) : r;
}

int ward_commit_stage_make(struct ward_commit *c, struct ward_error *err)
{
	struct stat st = { 0 };
	int r = make_somewhere(c);

	if (r == 0)
		r = fstat(c->stage, &st) < 0 ? -errno : 0;
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"cannot make the directory for what is to be committed");
	c->j.stage_ino = st.st_ino;
	return WARD_OK;
}

int ward_commit_stage_remove(struct ward_commit *c, struct ward_error *err)
{
	char name[WARD_COMMIT_NAME_MAX], kept[WARD_COMMIT_NAME_MAX];
	int r = -ENOENT;

	root_name(c, WARD_COMMIT_KEPT, kept);
	/* Where nobody knows which it was, nothing is in either. */
	if (!c->kept && c->stage < 0) {
		int s = remove_left(c, c->store);

		r = remove_left(c, c->root);
		r = r == -ENOENT ? s : r;
	} else if (!c->kept) {
		r = remove_left(c, c->stage_home);
	}
	if (!c->kept && (r == 0 || r == -ENOENT))
		return WARD_OK;
	/* Somebody wrote into what was replaced, or what was replaced has nowhere to go: it is not ours to throw away. */
	if (c->stage >= 0 && (c->kept || r == -ENOTEMPTY)) {
		stage_name(c, c->stage_home, name);
		r = ward_commit_rename(c->stage_home, name, c->root, kept, RENAME_NOREPLACE);
		ward_commit_leave(c, kept,
			"is a directory of the project that holds what could be given back to no name");
	}
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
			       "cannot remove the directory of what was committed")
		     : WARD_OK;
}

/* Names that change places at once are what everything rests on. */
static int can_exchange(struct ward_commit *c, struct ward_error *err)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++)
		r = symlinkat("x", c->stage, i ? "y" : "x") < 0 ? -errno : 0;
	if (r == 0)
		r = ward_commit_rename(c->stage, "x", c->stage, "y", RENAME_EXCHANGE);
	(void)unlinkat(c->stage, "x", 0);
	(void)unlinkat(c->stage, "y", 0);
	return r < 0 ? ward_fail_errno(err, WARD_E_UNSUPPORTED, -r,
			       "the project's file system cannot let two names change places")
		     : WARD_OK;
}

/* ---- one object ---- */

/* Whose the object that comes to the step's name shall be. */
static int owner_of(struct ward_commit *c, const struct ward_step *s, uid_t *ret_uid,
	gid_t *ret_gid)
{
	const char *slash = strrchr(s->path, '/'), *name;
	WARD_FD parent = ward_commit_parent(c->root, s->path, &name);
	struct stat st;

	*ret_uid = (uid_t)-1;
	*ret_gid = (gid_t)-1;
	if (s->old.ino != 0 && parent >= 0 &&
		fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		*ret_uid = st.st_uid;
		*ret_gid = st.st_gid;
		return 0;
	}
	if (parent >= 0 && fstat(parent, &st) == 0 && st.st_ino == s->dir_ino) {
		*ret_uid = st.st_uid;
		if (c->euid == 0 || (st.st_mode & S_ISGID))
			*ret_gid = st.st_gid;
		return 0;
	}
	for (size_t low = c->put_begin, high = c->put_end; slash && low < high;) {
		size_t mid = low + (high - low) / 2, n = (size_t)(slash - s->path);
		const char *other = c->j.v[mid].path;
		int r = strncmp(s->path, other, n);
		char staged[WARD_COMMIT_NAME_MAX];

		r = r != 0 ? r : other[n] ? -1 : 0;
		if (r < 0)
			high = mid;
		else if (r > 0)
			low = mid + 1;
		else {
			ward_commit_staged(staged, WARD_STAGED_NEW, mid);
			if (fstatat(c->stage, staged, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return -errno;
			*ret_uid = st.st_uid;
			*ret_gid = st.st_gid;
			return 0;
		}
	}
	return 0;
}

/* A user's group may be one that he is not in: then it stays his own. */
static int give(struct ward_commit *c, const struct ward_step *s, const char *staged)
{
	uid_t uid;
	gid_t gid;
	int r = owner_of(c, s, &uid, &gid);

	if (r < 0)
		return r;
	if (c->euid != 0)
		uid = (uid_t)-1;
	if (fchownat(c->stage, staged, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && c->euid == 0)
		return -errno;
	return 0;
}

static int copy_range(struct staging *g, int from, int to, off_t begin, off_t end)
{
	if (!g->copy)
		g->copy = malloc(COPY_STEP);
	if (!g->copy)
		return -ENOMEM;
	while (begin < end) {
		size_t want = end - begin < (off_t)COPY_STEP ? (size_t)(end - begin) : COPY_STEP;
		ssize_t n = pread(from, g->copy, want, begin);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* shorter than it was */
		if (lseek(to, begin, SEEK_SET) < 0)
			return -errno;
		r = ward_write_all(to, g->copy, (size_t)n);
		if (r < 0)
			return r;
		begin += n;
	}
	return 0;
}

/* Holes stay holes; where the file system can share the blocks, it does. */
static int copy_content(struct staging *g, int from, int to, off_t size)
{
	off_t at = 0;

	if (size == 0)
		return 0;
	if (!g->no_clone) {
		if (ioctl(to, FICLONE, from) == 0)
			return 0;
		g->no_clone = true;
	}
	if (size <= (off_t)COPY_STEP)
		return copy_range(g, from, to, 0, size);
	if (ftruncate(to, size) < 0)
		return -errno;
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			return 0;
		hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
		data = data < 0 ? at : data;
		hole = hole < 0 || hole > size ? size : hole;
		r = copy_range(g, from, to, data, hole);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

/* A file of the layer, to be read. What its owner may not read is lent meanwhile: attributes are read by the mode, too. */
struct source {
	int at, fd;
	bool lent;
	mode_t mode;
};

static void source_done(struct source *f)
{
	if (f->lent)
		(void)ward_commit_chmod(f->at, f->mode); /* it was ours to change a moment ago */
	ward_close(f->fd);
	ward_close(f->at);
}

static int open_source(const struct ward_lent *l, const struct ward_change *change,
	struct source *f, struct stat *st)
{
	char link[48];
	int r;

	f->at = ward_commit_open(l->fd, l->name, O_PATH | O_NOFOLLOW);
	if (f->at < 0)
		return f->at;
	if (fstat(f->at, st) < 0)
		return -errno;
	if (st->st_ino != change->ino || !S_ISREG(st->st_mode))
		return -ESTALE;
	f->mode = st->st_mode & 07777;
	if (geteuid() != 0 && !(f->mode & S_IRUSR)) {
		r = ward_commit_chmod(f->at, f->mode | S_IRUSR);
		if (r < 0)
			return r;
		f->lent = true;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", f->at);
	f->fd = openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return f->fd < 0 ? -errno : 0;
}

static int make_file(struct staging *g, struct ward_step *s, const char *staged,
	const struct ward_lent *l, const struct ward_change *change, struct ward_error *err)
{
	WARD_CLEANUP(source_done) struct source from = { -1, -1, false, 0 };
	WARD_FD to = -1;
	struct stat st;
	int r = open_source(l, change, &from, &st);

	if (r == 0) {
		to = openat(g->c->stage, staged,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		r = to < 0 ? -errno : copy_content(g, from.fd, to, st.st_size);
	}
	if (r < 0)
		return failed(err, r, s->path);
	r = ward_commit_attrs_copy(from.fd, to, false, err, s->path);
	if (r < 0)
		return r;
	r = give(g->c, s, staged);
	if (r == 0 &&
		(fchmod(to, change->mode & 07777) < 0 ||
			futimens(to, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim }) <
				0 ||
			fstat(to, &st) < 0))
		r = -errno;
	if (r < 0)
		return failed(err, r, s->path);
	ward_commit_seen(&st, &s->new);
	return WARD_OK;
}

static int make_link(struct staging *g, struct ward_step *s, const char *staged,
	const struct ward_lent *l, const struct ward_change *change)
{
	char target[WARD_PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	if (fstatat(l->fd, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_ino != change->ino || !S_ISLNK(st.st_mode))
		return -ESTALE;
	n = readlinkat(l->fd, l->name, target, sizeof(target));
	if (n < 0 || n == sizeof(target))
		return n < 0 ? -errno : -ENAMETOOLONG;
	target[n] = '\0';
	if (symlinkat(target, g->c->stage, staged) < 0)
		return -errno;
	r = give(g->c, s, staged);
	if (r < 0)
		return r;
	if (utimensat(g->c->stage, staged,
		    (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim },
		    AT_SYMLINK_NOFOLLOW) < 0 ||
		fstatat(g->c->stage, staged, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	ward_commit_seen(&st, &s->new);
	return 0;
}

/* Of a directory of the layer, to read: whatever its mode. */
static int borrow_directory(struct staging *g, const char *path, struct ward_lent *l)
{
	char inside[WARD_PATH_MAX + 2];
	int r;

	(void)snprintf(inside, sizeof(inside), "%s/.", path);
	r = ward_commit_borrow(g->c->layer, inside, l);
	return r;
}

static int copy_directory_attrs(struct staging *g, const char *path, int to, struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	WARD_FD from = -1;
	int r = borrow_directory(g, path, &l);

	if (r < 0)
		return failed(err, r, path);
	from = openat(l.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return failed(err, -errno, path);
	return ward_commit_attrs_copy(from, to, false, err, path);
}

static int make_directory(struct staging *g, struct ward_step *s, const char *staged,
	const struct ward_change *change, struct ward_error *err)
{
	mode_t mode = change->mode & 07777;
	WARD_FD to = -1;
	struct stat st;
	int r;

	if (mkdirat(g->c->stage, staged, 0700) < 0)
		return failed(err, -errno, s->path);
	to = openat(g->c->stage, staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return failed(err, -errno, s->path);
	r = copy_directory_attrs(g, s->path, to, err);
	if (r < 0)
		return r;
	r = give(g->c, s, staged);
	if (r == 0 &&
		(fchmod(to, g->c->euid == 0 ? mode : mode | S_IRWXU) < 0 || fstat(to, &st) < 0))
		r = -errno;
	if (r < 0)
		return failed(err, r, s->path);
	ward_commit_seen(&st, &s->new);
	return WARD_OK;
}

/* ---- names of one file ---- */

static int by_what(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
}

static bool has_names(const struct ward_change *change)
{
	return change->n_links > 1 && !S_ISDIR(change->mode);
}

static int find_twins(struct staging *g, struct ward_error *err)
{
	struct ward_commit *c = g->c;

	g->twins = calloc(c->put_end - c->put_begin + 1, sizeof(*g->twins));
	if (!g->twins)
		return failed(err, -ENOMEM, "the files that have several names");
	for (size_t i = c->put_begin; i < c->put_end; i++)
		if (has_names(c->change[i]))
			g->twins[g->n_twins++] =
				(struct twin){ c->change[i]->dev, c->change[i]->ino, i };
	qsort(g->twins, g->n_twins, sizeof(*g->twins), by_what);
	return WARD_OK;
}

/* The first step of the same file of the layer. */
static size_t first_of(const struct staging *g, size_t step)
{
	const struct ward_change *change = g->c->change[step];
	size_t low = 0, high = g->n_twins;

	if (!has_names(change))
		return step;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct twin *t = &g->twins[mid];

		if (t->dev < change->dev || (t->dev == change->dev && t->ino < change->ino))
			low = mid + 1;
		else
			high = mid;
	}
	return g->twins[low].step;
}

/* Same content and attributes. Of equal size; g->copy is two halves. */
static bool same_file(struct staging *g, int a, int b, off_t size)
{
	const size_t half = COPY_STEP / 2;

	if (!g->copy)
		g->copy = malloc(COPY_STEP);
	if (!g->copy || !ward_commit_attrs_equal(a, b))
		return false;
	for (off_t at = 0; at < size;) {
		ssize_t n = pread(a, g->copy, half, at);

		if (n <= 0 || pread(b, g->copy + half, (size_t)n, at) != n ||
			memcmp(g->copy, g->copy + half, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

/* at (O_PATH) of the project is what the layer has: nobody changed it since the run began, or it is compared. */
static bool is_as_was(struct staging *g, int at, const struct stat *st,
	const struct ward_change *change)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	WARD_CLEANUP(source_done) struct source from = { -1, -1, false, 0 };
	WARD_FD fd = -1;
	struct stat layer;
	char proc[48];

	if (st->st_mode != change->mode || (uint64_t)st->st_size != change->size ||
		st->st_dev != g->c->root_st.st_dev)
		return false;
	if (ward_commit_ns(&st->st_ctim) < g->c->since_ns)
		return true;
	/* A commit that died before it began has linked it too, and each link is a new ctime. */
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", at);
	fd = open(proc, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 && ward_commit_borrow(g->c->layer, change->path, &l) == 0 &&
		open_source(&l, change, &from, &layer) == 0 &&
		same_file(g, fd, from.fd, st->st_size);
}

/*
 * A new name of a file that the project has, as it was when the run began: another name of that one, not a file of its own. 1: made; 0: it
 * is to be copied, since the project's is another by now, or gets no names (it is not ours to link, or has too many); -errno.
 */
static int name_as_was(struct staging *g, struct ward_step *s, const char *staged,
	const struct ward_change *change)
{
	struct ward_commit *c = g->c;
	WARD_FD at = -1;
	struct stat st;
	char proc[48];

	if (!change->as_was)
		return 0;
	at = ward_commit_open(c->root, change->as_was, O_PATH | O_NOFOLLOW);
	if (at < 0 || fstat(at, &st) < 0 || !is_as_was(g, at, &st, change))
		return 0;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", at);
	if (linkat(AT_FDCWD, proc, c->stage, staged, AT_SYMLINK_FOLLOW) < 0)
		return errno == EPERM || errno == EMLINK || errno == EXDEV ? 0 : -errno;
	ward_commit_seen(&st, &s->new);
	return 1;
}

/* ---- all ---- */

static int make_one(struct staging *g, size_t i, struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	struct ward_step *s = &g->c->j.v[i];
	const struct ward_change *change = g->c->change[i];
	char staged[WARD_COMMIT_NAME_MAX], other[WARD_COMMIT_NAME_MAX];
	size_t first = first_of(g, i);
	int r;

	ward_commit_staged(staged, WARD_STAGED_NEW, i);
	if (first != i) {
		ward_commit_staged(other, WARD_STAGED_NEW, first);
		s->new = g->c->j.v[first].new;
		return linkat(g->c->stage, other, g->c->stage, staged, 0) < 0
			? failed(err, -errno, s->path)
			: WARD_OK;
	}
	if (S_ISDIR(change->mode))
		return make_directory(g, s, staged, change, err);
	r = name_as_was(g, s, staged, change);
	if (r != 0)
		return r < 0 ? failed(err, r, s->path) : WARD_OK;
	r = ward_commit_borrow(g->c->layer, s->path, &l);
	if (r < 0)
		return failed(err, r, s->path);
	if (S_ISREG(change->mode))
		return make_file(g, s, staged, &l, change, err);
	r = make_link(g, s, staged, &l, change);
	return r < 0 ? failed(err, r, s->path) : WARD_OK;
}

/* The new object of a path's first n bytes. */
static const struct ward_step *put_of(const struct ward_commit *c, const char *path, size_t n)
{
	size_t low = c->put_begin, high = c->put_end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strncmp(path, c->j.v[mid].path, n);

		r = r != 0 ? r : c->j.v[mid].path[n] ? -1 : 0;
		if (r == 0)
			return &c->j.v[mid];
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* A DIR step's attributes, those to come and those before, each on a directory that has nothing else. */
static int make_attributes(struct staging *g, size_t i, struct ward_error *err)
{
	const struct ward_step *s = &g->c->j.v[i];

	for (int old = 0; old < 2; old++) {
		char staged[WARD_COMMIT_NAME_MAX];
		WARD_FD to = -1;
		WARD_FD from = -1;
		int r;

		ward_commit_staged(staged,
			old ? WARD_STAGED_OLD_ATTRIBUTES : WARD_STAGED_NEW_ATTRIBUTES, i);
		if (mkdirat(g->c->stage, staged, 0700) < 0)
			return failed(err, -errno, s->path);
		to = openat(g->c->stage, staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (to < 0)
			return failed(err, -errno, s->path);
		if (old) {
			from = ward_commit_open(g->c->root, s->path, O_RDONLY | O_DIRECTORY);
			r = from < 0 ? failed(err, from, s->path)
				     : ward_commit_attrs_copy(from, to, false, err, s->path);
		} else {
			r = copy_directory_attrs(g, s->path, to, err);
		}
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

int ward_commit_stage(struct ward_commit *c, struct ward_error *err)
{
	WARD_CLEANUP(staging_done) struct staging g = { .c = c };
	int r = can_exchange(c, err);

	if (r == WARD_OK)
		r = find_twins(&g, err);
	for (size_t i = c->put_begin; i < c->put_end && r == WARD_OK; i++) {
		struct ward_step *s = &c->j.v[i];
		const char *slash = strrchr(s->path, '/');
		const struct ward_step *dir = slash && s->dir_ino == WARD_DIR_UNKNOWN
			? put_of(c, s->path, (size_t)(slash - s->path))
			: NULL;

		r = make_one(&g, i, err);
		if (dir && S_ISDIR(dir->new.mode))
			s->dir_ino = dir->new.ino;
	}
	for (size_t i = c->put_end; i < c->j.n && r == WARD_OK; i++) {
		struct ward_step *s = &c->j.v[i];
		const struct ward_step *dir = s->kind == WARD_STEP_DIR && s->new.ino == 0
			? put_of(c, s->path, strlen(s->path))
			: NULL;

		if (dir)
			s->new = (struct ward_seen){ .ino = dir->new.ino, .mode = s->new.mode };
		if (s->attributes)
			r = make_attributes(&g, i, err);
	}
	if (r == WARD_OK && syncfs(c->stage) < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot make durable what is to be committed");
	return r;
}

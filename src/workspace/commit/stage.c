/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything new is made here first. Contents are copied and never linked: whoever held a file of the layer open could write it still. Of the
 * layer nothing is followed, and of an object's owner nothing is taken over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "workspace/commit/inside.h"

#define COPY_STEP (256u << 10)

struct twin {
	uint64_t dev, ino;
	size_t step;
};

/* Whose an object shall be; -1: whoever makes it. */
struct owner {
	uid_t uid;
	gid_t gid;
};

struct staging {
	struct ward_commit *c;
	struct twin *twins; /* of files of the layer with more than one name, by what they are */
	size_t n_twins;
	char *copy;
	bool no_clone;
	struct owner parent; /* of the directory that was asked about last, for what lies in it */
	size_t parent_step;
	struct ward_held in_root, in_layer, in_stage;
	const size_t *files; /* steps that need no order, shared by all threads */
};

#define STAGING_INIT(commit, steps) \
	{ \
		.c = (commit), .parent_step = SIZE_MAX, .in_root = WARD_HELD_INIT, \
		.in_layer = WARD_HELD_INIT, .in_stage = WARD_HELD_INIT, .files = (steps) \
	}

static void staging_done(struct staging *s)
{
	free(s->twins);
	free(s->copy);
	ward_commit_let_go(&s->in_root);
	ward_commit_let_go(&s->in_layer);
	ward_commit_let_go(&s->in_stage);
}

static int failed(struct ward_error *err, int r, const char *path)
{
	if (r == -ECANCELED)
		return ward_fail(err, WARD_E_REFUSED, "the run ended while '%s' was copied", path);

	int code = ward_fail_errno(err, r == -ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, -r,
		"cannot make what is to become '%s'", path);

	if (r == -ENOSPC || r == -EDQUOT)
		ward_fail_fix(err,
			"make room on the project's file system, and commit again; nothing of the project has changed");
	return code;
}

/* Names that change places at once are what everything rests on. */
static int can_exchange(struct ward_commit *c, struct ward_error *err)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++)
		r = symlinkat("x", c->stage, i ? "y" : "x") < 0 ? -errno : 0;
	if (r == -ENOSPC || r == -EDQUOT) {
		(void)unlinkat(c->stage, "x", 0);
		return failed(err, r, ".");
	}
	if (r == 0)
		r = ward_commit_rename(c->stage, "x", c->stage, "y", RENAME_EXCHANGE);
	(void)unlinkat(c->stage, "x", 0);
	(void)unlinkat(c->stage, "y", 0);
	return r < 0 ? ward_fail_errno(err, WARD_E_UNSUPPORTED, -r,
			       "the project's file system cannot let two names change places")
		     : WARD_OK;
}

/* ---- one object ---- */

/* Where step i's object is made: the directory, borrowed until the next is asked for, and the name in it. -errno. */
static int place_of(struct staging *g, size_t i, char made[WARD_COMMIT_MADE_MAX], const char **ret)
{
	ward_commit_made(g->c, i, made);
	*ret = made;
	return g->c->j.v[i].inside ? ward_commit_hold(&g->in_stage, g->c->stage, made, ret)
				   : g->c->stage;
}

/* A directory that was made: it is asked once for all that lies in it. */
static int owner_of_made(struct staging *g, const char *path, struct owner *ret)
{
	const char *slash = strrchr(path, '/');
	size_t at = slash ? ward_commit_step_of(g->c, path, (size_t)(slash - path)) : g->c->put_end;
	char made[WARD_COMMIT_MADE_MAX];
	struct stat st;

	if (at == g->c->put_end)
		return 0;
	if (at != g->parent_step) {
		WARD_FD fd = -1;

		ward_commit_made(g->c, at, made);
		fd = ward_commit_open(g->c->stage, made, O_PATH | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st) < 0)
			return fd < 0 ? fd : -errno;
		g->parent = (struct owner){ st.st_uid, st.st_gid };
		g->parent_step = at;
	}
	*ret = g->parent;
	return 0;
}

/* Whose the object that comes to the step's name shall be. */
static int owner_of(struct staging *g, const struct ward_step *s, struct owner *ret)
{
	struct ward_commit *c = g->c;
	const char *name;
	int parent = ward_commit_hold(&g->in_root, c->root, s->path, &name), r = 0;
	const struct stat *held = &g->in_root.st;

	*ret = (struct owner){ (uid_t)-1, (gid_t)-1 };
	/* Of what it was planned to replace: its step replaces nothing that belongs to anybody else, and so nobody looks again. */
	if (s->old.ino != 0 && s->old.owned) {
		*ret = (struct owner){ s->old.uid, s->old.gid };
	} else if (parent >= 0 && held->st_ino == s->dir_ino) {
		ret->uid = held->st_uid;
		if (c->euid == 0 || (held->st_mode & S_ISGID))
			ret->gid = held->st_gid;
	} else {
		r = owner_of_made(g, s->path, ret);
	}
	if (c->euid != 0)
		ret->uid = (uid_t)-1;
	return r;
}

static bool is_of(const struct stat *st, const struct owner *o)
{
	return (o->uid == (uid_t)-1 || st->st_uid == o->uid) &&
		(o->gid == (gid_t)-1 || st->st_gid == o->gid);
}

/* A user's group may be one that he is not in: then it stays his own. */
static int give(struct staging *g, const struct ward_step *s, int dir, const char *name)
{
	struct owner o;
	int r = owner_of(g, s, &o);

	if (r < 0)
		return r;
	if (fchownat(dir, name, o.uid, o.gid, AT_SYMLINK_NOFOLLOW) < 0 && g->c->euid == 0)
		return -errno;
	return 0;
}

static int copy_range(struct staging *g, int from, int to, off_t begin, off_t end)
{
	if (!g->copy)
		g->copy = malloc(COPY_STEP);
	if (!g->copy)
		return -ENOMEM;
	if (begin > 0 && lseek(to, begin, SEEK_SET) < 0)
		return -errno;
	while (begin < end) {
		size_t want = end - begin < (off_t)COPY_STEP ? (size_t)(end - begin) : COPY_STEP;
		ssize_t n = pread(from, g->copy, want, begin);
		int r;

		if (ward_commit_stops(g->c))
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* shorter than it was */
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

static int open_source(const struct staging *g, const struct ward_lent *l,
	const struct ward_change *change, struct source *f, struct stat *st)
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
		/* A loan is a ctime of its own: of such a file nobody can tell, while the run lives. */
		if (g->c->j.stays)
			return -ESTALE;
		r = ward_commit_chmod(f->at, f->mode | S_IRUSR);
		if (r < 0)
			return r;
		f->lent = true;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", f->at);
	f->fd = openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return f->fd < 0 ? -errno : 0;
}

/* The short way, where nothing has to be lent. -EACCES: something has. */
static int open_held(struct staging *g, const struct ward_change *change, struct source *f,
	struct stat *st)
{
	const char *name;
	int dir = ward_commit_hold(&g->in_layer, g->c->layer, change->path, &name);

	if (dir < 0)
		return dir;
	f->fd = ward_commit_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, st) < 0)
		return -errno;
	return st->st_ino == change->ino && S_ISREG(st->st_mode) ? 0 : -ESTALE;
}

/*
 * The owner and the mode that the object shall have; in the staging directory nobody else sees what it has before. Mostly it was made with
 * them already, and one look says so.
 */
static int settle_file(struct staging *g, const struct ward_step *s, int to, mode_t mode,
	struct stat *ret)
{
	struct owner o;
	int r = owner_of(g, s, &o);

	if (r < 0)
		return r;
	if (fstat(to, ret) < 0)
		return -errno;
	if (is_of(ret, &o) && (ret->st_mode & 07777) == mode)
		return 0;
	/* A change of owner may take bits of the mode away. */
	if (!is_of(ret, &o) && fchown(to, o.uid, o.gid) < 0 && g->c->euid == 0)
		return -errno;
	return fchmod(to, mode) < 0 || fstat(to, ret) < 0 ? -errno : 0;
}

static int make_file(struct staging *g, size_t i, int from, struct stat *st, struct ward_error *err)
{
	struct ward_step *s = &g->c->j.v[i];
	mode_t mode = s->new.mode & 07777;
	char made[WARD_COMMIT_MADE_MAX];
	const char *name;
	int dir = place_of(g, i, made, &name);
	/* We may always write it, until it is whole. */
	WARD_FD to = dir < 0
		? -1
		: openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  0600 | (mode & 0777));
	int r = dir < 0 ? dir : to < 0 ? -errno : ward_commit_settle(g->c, from);

	if (r == 0)
		r = copy_content(g, from, to, st->st_size);
	if (r == 0 && !ward_commit_is_still(g->c, from, s))
		r = -ESTALE;

	if (r < 0)
		return failed(err, r, s->path);
	r = ward_commit_attrs_copy(from, to, false, err, s->path);
	if (r < 0)
		return r;
	r = futimens(to, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, st->st_mtim }) < 0
		? -errno
		: settle_file(g, s, to, mode, st);
	if (r < 0)
		return failed(err, r, s->path);
	ward_commit_seen(st, &s->new);
	return WARD_OK;
}

/* One for which a mode has to be lent waits until there are no threads. */
static int make_file_freely(void *arg, size_t k, struct ward_error *err)
{
	WARD_CLEANUP(source_done) struct source from = { -1, -1, false, 0 };
	struct staging *g = arg;
	size_t i = g->files[k];

	if (ward_commit_stops(g->c))
		return failed(err, -ECANCELED, g->c->j.v[i].path);

	struct ward_step *s = &g->c->j.v[i];
	struct stat st;
	int r = open_held(g, g->c->change[i], &from, &st);

	if (r == -EACCES)
		return WARD_OK;
	if (r < 0)
		return ward_commit_not_now(g->c, failed(err, r, s->path), s, err);
	return ward_commit_not_now(g->c, make_file(g, i, from.fd, &st, err), s, err);
}

static int make_file_lent(struct staging *g, size_t i, const struct ward_lent *l,
	struct ward_error *err)
{
	WARD_CLEANUP(source_done) struct source from = { -1, -1, false, 0 };
	struct stat st;
	int r = open_source(g, l, g->c->change[i], &from, &st);

	if (r < 0)
		return failed(err, r, g->c->j.v[i].path);
	return make_file(g, i, from.fd, &st, err);
}

static int make_link(struct staging *g, struct ward_step *s, int dir, const char *name,
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
	/* What was judged is what is made. */
	if (!change->target || !ward_streq(target, change->target))
		return -ESTALE;
	if (symlinkat(target, dir, name) < 0)
		return -errno;
	r = give(g, s, dir, name);
	if (r < 0)
		return r;
	if (utimensat(dir, name, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim },
		    AT_SYMLINK_NOFOLLOW) < 0 ||
		fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	ward_commit_seen(&st, &s->new);
	s->layer_ctime_ns = change->ctime_ns;
	return 0;
}

/* Of a directory of the layer, to read: whatever its mode. */
static int borrow_directory(struct staging *g, const char *path, struct ward_lent *l)
{
	char inside[WARD_PATH_MAX + 2];
	int r;

	(void)snprintf(inside, sizeof(inside), "%s/.", path);
	r = ward_commit_borrow(&g->c->way, g->c->layer, inside, g->c->j.stays, l);
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

static int make_directory(struct staging *g, struct ward_step *s, int dir, const char *name,
	const struct ward_change *change, struct ward_error *err)
{
	mode_t mode = change->mode & 07777;
	WARD_FD to = -1;
	struct stat st;
	int r;

	if (mkdirat(dir, name, 0700) < 0)
		return failed(err, -errno, s->path);
	to = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return failed(err, -errno, s->path);
	r = copy_directory_attrs(g, s->path, to, err);
	if (r < 0)
		return r;
	s->inherited = fgetxattr(to, "system.posix_acl_default", NULL, 0) >= 0 ||
		(errno != ENODATA && errno != ENOTSUP);
	r = give(g, s, dir, name);
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

/* Same content and attributes. Of equal size; g->copy is two halves. holes: both have some. */
static bool same_file(struct staging *g, int a, int b, off_t size, bool holes)
{
	const size_t half = COPY_STEP / 2;

	if (!g->copy)
		g->copy = malloc(COPY_STEP);
	if (!g->copy || !ward_commit_attrs_equal(a, b))
		return false;
	for (off_t at = 0; at < size;) {
		ssize_t n;

		if (holes)
			at = ward_change_skip(a, b, at, size);
		if (at == size)
			break;
		n = pread(a, g->copy, half, at);
		if (ward_commit_stops(g->c) || n <= 0 ||
			pread(b, g->copy + half, (size_t)n, at) != n ||
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
	return fd >= 0 &&
		ward_commit_borrow(&g->c->way, g->c->layer, change->path, g->c->j.stays, &l) == 0 &&
		open_source(g, &l, change, &from, &layer) == 0 &&
		same_file(g, fd, from.fd, st->st_size,
			ward_change_has_holes(st) && ward_change_has_holes(&layer));
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
	s->layer_ctime_ns = change->ctime_ns;
	return 1;
}

/* ---- all ---- */

static int make_one_directory(struct staging *g, size_t i, struct ward_error *err)
{
	struct ward_step *s = &g->c->j.v[i];
	char made[WARD_COMMIT_MADE_MAX];
	const char *name;
	int dir;

	ward_commit_choose(g->c, i);
	dir = place_of(g, i, made, &name);
	return dir < 0 ? failed(err, dir, s->path)
		       : make_directory(g, s, dir, name, g->c->change[i], err);
}

static int make_one(struct staging *g, size_t i, struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	struct ward_step *s = &g->c->j.v[i];
	const struct ward_change *change = g->c->change[i];
	char staged[WARD_COMMIT_NAME_MAX], other[WARD_COMMIT_NAME_MAX], made[WARD_COMMIT_MADE_MAX];
	size_t first = first_of(g, i);
	const char *name;
	int dir, r;

	ward_commit_staged(staged, WARD_STAGED_NEW, i);
	if (first != i) {
		ward_commit_staged(other, WARD_STAGED_NEW, first);
		s->new = g->c->j.v[first].new;
		s->layer_ctime_ns = change->ctime_ns;
		return linkat(g->c->stage, other, g->c->stage, staged, 0) < 0
			? failed(err, -errno, s->path)
			: WARD_OK;
	}
	r = name_as_was(g, s, staged, change);
	if (r != 0)
		return r < 0 ? failed(err, r, s->path) : WARD_OK;
	r = ward_commit_borrow(&g->c->way, g->c->layer, s->path, g->c->j.stays, &l);
	if (r < 0)
		return failed(err, r, s->path);
	if (S_ISREG(change->mode))
		return make_file_lent(g, i, &l, err);
	dir = place_of(g, i, made, &name);
	r = dir < 0 ? dir : make_link(g, s, dir, name, &l, change);
	return r < 0 ? failed(err, r, s->path) : WARD_OK;
}

/*
 * Somebody changed the directory since it was planned. What it gets stays out, and is a change yet; what comes into it goes on, for which its
 * owner may have to be lent it.
 */
static int leave_directory(struct ward_commit *c, size_t i, int fd)
{
	struct ward_step *s = &c->j.v[i];
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == s->old.ino)
		ward_commit_seen(&st, &s->old);
	s->new = s->old;
	s->attributes = s->dir_old = false;
	s->layer_ino = 0;
	c->change[i] = NULL;
	c->given.on = true;
	ward_commit_leave(c, s->path, "was changed in the project while the commit began");
	return WARD_OK;
}

/* The attributes of a DIR step, those to come or those before, on a directory that has nothing else. */
static int make_attributes(struct staging *g, size_t i, bool old, struct ward_error *err)
{
	const struct ward_step *s = &g->c->j.v[i];
	char staged[WARD_COMMIT_NAME_MAX];
	WARD_FD from = -1;
	WARD_FD to = -1;
	struct stat st;
	int r;

	ward_commit_staged(staged, old ? WARD_STAGED_OLD_ATTRIBUTES : WARD_STAGED_NEW_ATTRIBUTES,
		i);
	if (mkdirat(g->c->stage, staged, 0700) < 0)
		return failed(err, -errno, s->path);
	to = openat(g->c->stage, staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return failed(err, -errno, s->path);
	if (!old)
		return copy_directory_attrs(g, s->path, to, err);
	from = ward_commit_open(g->c->root, s->path, O_RDONLY | O_DIRECTORY);
	if (from == -ENOENT || from == -ENOTDIR || from == -ELOOP || from == -EXDEV)
		return leave_directory(g->c, i, -1);
	r = from < 0 ? failed(err, from, s->path)
		     : ward_commit_attrs_copy(from, to, false, err, s->path);
	/* What was read is as the run saw it. */
	if (r == WARD_OK && s->dir_old && (fstat(from, &st) < 0 || !ward_commit_is_old(g->c, &st)))
		r = leave_directory(g->c, i, from);
	return r;
}

/* Files that are nothing but themselves, by several threads. */
static int make_files(struct staging *g, size_t *files, struct ward_error *err)
{
	struct staging *v[WARD_CREW_MAX] = { g };
	size_t n = 0, size;
	int r = WARD_OK;

	for (size_t i = g->c->put_begin; i < g->c->put_end; i++)
		if (S_ISREG(g->c->change[i]->mode) && !has_names(g->c->change[i]) &&
			!g->c->change[i]->as_was)
			files[n++] = i;
	size = ward_crew_size(n);
	for (size_t i = 1; i < size && r == WARD_OK; i++) {
		v[i] = malloc(sizeof(*v[i]));
		if (v[i])
			*v[i] = (struct staging)STAGING_INIT(g->c, files);
		else
			r = failed(err, -ENOMEM, "the files");
	}
	if (r == WARD_OK)
		r = ward_crew_run(n, make_file_freely, (void *const *)v, size, err);
	for (size_t i = 1; i < size; i++) {
		if (v[i])
			staging_done(v[i]);
		free(v[i]);
	}
	return r;
}

/* Directories first, since what lies in one belongs to whom it belongs to; then what needs no order; then the rest. */
static int make_all(struct staging *g, struct ward_error *err)
{
	struct ward_commit *c = g->c;
	size_t *files = calloc(c->put_end - c->put_begin + 1, sizeof(*files));
	int r = files ? WARD_OK : failed(err, -ENOMEM, "the files");

	for (size_t i = c->put_begin; i < c->put_end && r == WARD_OK; i++)
		if (S_ISDIR(c->change[i]->mode))
			r = ward_commit_not_now(c, make_one_directory(g, i, err), &c->j.v[i], err);
	for (size_t i = c->put_begin; i < c->put_end && r == WARD_OK; i++)
		if (!S_ISDIR(c->change[i]->mode))
			ward_commit_choose(c, i);
	g->files = files;
	if (r == WARD_OK)
		r = make_files(g, files, err);
	for (size_t i = c->put_begin; i < c->put_end && r == WARD_OK; i++)
		if (ward_commit_stops(c))
			r = failed(err, -ECANCELED, c->j.v[i].path);
		else if (c->j.v[i].new.ino == 0)
			r = ward_commit_not_now(c, make_one(g, i, err), &c->j.v[i], err);
	g->files = NULL;
	free(files);
	return r;
}

/* The directories that were planned with names alone are known now. */
static void know_directories(struct ward_commit *c)
{
	for (size_t i = c->put_begin; i < c->put_end; i++) {
		struct ward_step *s = &c->j.v[i];
		const char *slash = strrchr(s->path, '/');
		const struct ward_step *dir = slash && s->dir_ino == WARD_DIR_UNKNOWN
			? ward_commit_put_of(c, s->path, (size_t)(slash - s->path))
			: NULL;

		if (dir && S_ISDIR(dir->new.mode))
			s->dir_ino = dir->new.ino;
	}
}

int ward_commit_stage(struct ward_commit *c, struct ward_error *err)
{
	WARD_CLEANUP(staging_done) struct staging g = STAGING_INIT(c, NULL);
	int r = can_exchange(c, err);

	if (r == WARD_OK)
		r = find_twins(&g, err);
	if (r == WARD_OK)
		r = make_all(&g, err);
	if (r < 0)
		ward_commit_leave_moved(c);
	if (r == WARD_OK)
		know_directories(c);
	for (size_t i = c->put_end; i < c->j.n && r == WARD_OK; i++) {
		struct ward_step *s = &c->j.v[i];
		const struct ward_step *dir = s->kind == WARD_STEP_DIR && s->new.ino == 0
			? ward_commit_put_of(c, s->path, strlen(s->path))
			: NULL;

		if (dir)
			s->new = (struct ward_seen){ .ino = dir->new.ino, .mode = s->new.mode };
		for (int old = 0; old < 2 && s->attributes && r == WARD_OK; old++)
			r = make_attributes(&g, i, old, err);
	}
	if (r == WARD_OK && ward_commit_stops(c))
		r = failed(err, -ECANCELED, c->j.n > 0 ? c->j.v[0].path : ".");
	if (r == WARD_OK && syncfs(c->stage) < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot make durable what is to be committed");
	return r;
}

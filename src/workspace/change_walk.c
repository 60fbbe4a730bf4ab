/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through a layer. Directories wait in a list with their paths, so that depth costs neither stack nor descriptors; each is opened
 * from the top. Of the project no directory is listed but one that is gone, or that one of the layer hides: there each name that the layer
 * does not have is gone; and, as far as two calls go, one in whose place the layer has many names (change_names.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/missing.h"
#include "workspace/change.h"
#include "workspace/landed.h"

/* Bytes of a directory of the layer, some 16 names: from there on the project's is listed too. */
#define LIST_FROM 512

struct task {
	char *path;
	unsigned depth;
	bool layer, root; /* where it is to be walked */
	bool hidden; /* of the project's nothing shows through */
};

struct walk {
	struct reader *r;
	struct task *v;
	size_t n, cap;
	dev_t layer_dev;
	uid_t euid;
	char *dents; /* CHANGE_STEP bytes; of the one directory that is listed */
	struct ward_names *names; /* of the project's directory, if listed */
	bool listed;
	bool no_path; /* something in the directory that is walked has none */
	bool closed; /* the project's may not be entered, or not be read where it has to be */
};

static const char too_deep_text[] = "something in it lies more directories deep than are looked at";
static const char no_path_text[] = "something in it has a path of more than 4095 bytes";
const char ward_change_closed[] = "the directory that the project has there may not be looked into";

static void walk_done(struct walk *w)
{
	while (w->n > 0)
		free(w->v[--w->n].path);
	free(w->v);
	free(w->dents);
	free(w->names);
}

static int cannot(struct walk *w, const char *path, int sys, const char *where)
{
	int code;

	if (sys == EXDEV) {
		code = ward_fail(w->r->err, WARD_E_UNSUPPORTED,
			"'%s' of %s is a mount: the run saw what lies under it", path, where);
		ward_fail_fix(w->r->err, "unmount it, then look again");
		return code;
	}
	if (sys == ECANCELED)
		return ward_fail(w->r->err, WARD_E_REFUSED, "the run ended while it was looked at");
	if (sys == EUCLEAN)
		return ward_fail(w->r->err, WARD_E_UNSUPPORTED,
			"'%s' of the layer is a redirect or a copy of attributes alone: no run of ward makes these",
			path);
	code = ward_fail_errno(w->r->err, WARD_E_SYSTEM, sys, "cannot read '%s' of %s", path,
		where);
	if (sys == EACCES)
		ward_fail_fix(w->r->err, "make it readable for its owner, then look again");
	return code;
}

/* Not all of it was looked at. It waits, and all that may be in it: nothing else does. */
static int beyond(struct walk *w, const char *path, const char *why, mode_t was_mode, mode_t mode)
{
	struct reader *r = w->r;

	r->beyond = true;
	if (r->n_beyond == r->cap_beyond) {
		size_t cap = r->cap_beyond ? r->cap_beyond * 2 : 16;
		struct beyond *v = realloc(r->beyond_in, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
		r->beyond_in = v;
		r->cap_beyond = cap;
	}
	if (r->n_beyond >= WARD_CHANGES_MAX)
		return ward_fail(r->err, WARD_E_LIMIT, "the run made more than %u changes",
			WARD_CHANGES_MAX);
	path = ward_arena_strdup(r->out->arena, path);
	if (path == NULL)
		return ward_fail(r->err, WARD_E_LIMIT, "the names of the changes take too much");
	r->beyond_in[r->n_beyond++] = (struct beyond){ path, why, was_mode, mode };
	return WARD_OK;
}

static int later(struct walk *w, const char *path, unsigned depth, bool layer, bool root,
	bool hidden)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct task *v = realloc(w->v, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(w->r->err, WARD_E_NOMEM, "no memory for the changes");
		w->v = v;
		w->cap = cap;
	}
	w->v[w->n] = (struct task){ strdup(path), depth, layer, root, hidden };
	if (w->v[w->n].path == NULL)
		return ward_fail(w->r->err, WARD_E_NOMEM, "no memory for the changes");
	w->n++;
	return WARD_OK;
}

/* ---- one name ---- */

static int look(struct side *s)
{
	s->there = false;
	if (s->dir < 0)
		return 0;
	if (fstatat(s->dir, s->name, &s->st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	s->there = true;
	return 0;
}

static int record(struct walk *w, enum ward_change_kind kind, const char *path,
	const struct side *layer, const struct side *root, const struct differs *d)
{
	int code = WARD_OK;
	struct ward_change *c = ward_change_add(w->r, path, &code);

	if (c == NULL)
		return code;
	c->kind = kind;
	if (root && root->there) {
		c->was_mode = root->st.st_mode;
		c->was_size = S_ISDIR(root->st.st_mode) ? 0 : (uint64_t)root->st.st_size;
	}
	if (layer && layer->there) {
		c->mode = layer->st.st_mode;
		c->size = S_ISDIR(layer->st.st_mode) ? 0 : (uint64_t)layer->st.st_size;
		c->dev = layer->st.st_dev;
		c->ino = layer->st.st_ino;
		c->n_links = layer->st.st_nlink;
		c->ctime_ns =
			(int64_t)layer->st.st_ctim.tv_sec * 1000000000 + layer->st.st_ctim.tv_nsec;
	}
	if (layer && layer->there && S_ISLNK(layer->st.st_mode)) {
		ssize_t n = readlinkat(layer->dir, layer->name, w->r->a, WARD_PATH_MAX);

		/* Gone meanwhile, or too long for any: nobody makes it real. */
		if (n > 0 && n < WARD_PATH_MAX)
			c->target = ward_arena_dup(w->r->out->arena, w->r->a, (size_t)n);
	}
	if (d) {
		c->content = d->content;
		c->bits = d->bits;
		c->xattrs = d->xattrs;
		c->origin = d->origin;
		c->opaque = d->opaque;
		c->summed = d->summed;
	}
	return root && root->there && S_ISREG(root->st.st_mode) && root->st.st_nlink > 1
		? ward_change_was(w->r, c->path, &root->st)
		: WARD_OK;
}

static bool is_whiteout(const struct side *layer)
{
	return S_ISCHR(layer->st.st_mode) && layer->st.st_rdev == makedev(0, 0);
}

/* The project's name is gone, and all below it. */
static int gone(struct walk *w, const struct task *t, const char *path, const struct side *root)
{
	int code = record(w, WARD_CHANGE_DELETED, path, NULL, root, NULL);

	if (code < 0 || !S_ISDIR(root->st.st_mode))
		return code;
	if (t->depth >= WARD_CHANGE_DEPTH_MAX)
		return beyond(w, path, too_deep_text, root->st.st_mode, 0);
	return later(w, path, t->depth + 1, false, true, true);
}

/* There is a directory in the layer: what lies below. */
static int below(struct walk *w, const struct task *t, const char *path, const struct side *layer,
	const struct side *root, bool opaque)
{
	bool was_dir = root->there && S_ISDIR(root->st.st_mode);

	if (t->depth >= WARD_CHANGE_DEPTH_MAX)
		return beyond(w, path, too_deep_text, root->there ? root->st.st_mode : 0,
			layer->st.st_mode);
	return later(w, path, t->depth + 1, true, was_dir, t->hidden || opaque);
}

static bool may_enter(const struct walk *w, const struct stat *st)
{
	return w->euid == 0 || (st->st_mode & 0500) == 0500;
}

/* Or gone meanwhile, or another thing. */
static bool is_closed(int r)
{
	return r == -EACCES || r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EINVAL;
}

/* Something of the layer that is no whiteout. */
static int shown(struct walk *w, const struct task *t, const char *path, const struct side *layer,
	const struct side *root)
{
	struct differs d = { .content = false };
	bool is_dir = S_ISDIR(layer->st.st_mode);
	bool same_type = root->there && ((layer->st.st_mode ^ root->st.st_mode) & S_IFMT) == 0;
	/* Whoever commits looks through the project, and refuses all where that is deeper: so nothing deeper lands before the end. */
	bool too_deep = is_dir && w->r->quick && t->depth >= WARD_PERSIST_DEPTH_MAX;
	bool as_landed = same_type && w->r->quick && S_ISREG(layer->st.st_mode) &&
		ward_landed_is(w->r->landed, path, &layer->st, &root->st);
	int code = as_landed || too_deep ? 0
		: same_type              ? ward_change_differs(w->r, path, layer, root, &d)
					 : ward_change_marks(w->r, path, layer, &d);

	w->r->beyond = w->r->beyond || too_deep;
	if (too_deep || (w->r->lives && is_closed(code)))
		return WARD_OK;
	if (code < 0)
		return cannot(w, path, -code, "the layer");
	if (!same_type || d.content || d.bits || d.xattrs)
		code = record(w,
			!root->there        ? WARD_CHANGE_ADDED
				: same_type ? WARD_CHANGE_MODIFIED
					    : WARD_CHANGE_TYPE,
			path, layer, root, &d);
	if (code == WARD_OK && S_ISREG(layer->st.st_mode) && layer->st.st_nlink > 1)
		code = ward_change_linked(w->r, path, layer->st.st_ino, root);
	if (code == WARD_OK && is_dir)
		code = below(w, t, path, layer, root, d.opaque);
	/* A directory of the project under something that is none: its names are gone. */
	if (code == WARD_OK && !is_dir && root->there && S_ISDIR(root->st.st_mode) &&
		t->depth >= WARD_CHANGE_DEPTH_MAX)
		code = beyond(w, path, too_deep_text, root->st.st_mode, layer->st.st_mode);
	else if (code == WARD_OK && !is_dir && root->there && S_ISDIR(root->st.st_mode))
		code = later(w, path, t->depth + 1, false, true, true);
	return code;
}

static struct timespec time_of(int64_t sec, uint32_t nsec)
{
	return (struct timespec){ .tv_sec = sec, .tv_nsec = nsec };
}

static void stat_of(const struct ward_statx *x, struct stat *ret)
{
	*ret = (struct stat){ .st_dev = makedev(x->dev_major, x->dev_minor),
		.st_ino = x->ino,
		.st_mode = x->mode,
		.st_nlink = x->nlink,
		.st_uid = x->uid,
		.st_gid = x->gid,
		.st_rdev = makedev(x->rdev_major, x->rdev_minor),
		.st_size = (off_t)x->size,
		.st_blksize = (blksize_t)x->blksize,
		.st_blocks = (blkcnt_t)x->blocks,
		.st_atim = time_of(x->atime.sec, x->atime.nsec),
		.st_mtim = time_of(x->mtime.sec, x->mtime.nsec),
		.st_ctim = time_of(x->ctime.sec, x->ctime.nsec) };
}

/*
 * Of the project. -EXDEV: something is mounted there, a part of the same file system too: the run saw what lies under it, and nobody compares that
 * with the mount, or can put anything in its place. One call says both.
 */
static int look_root(struct side *root)
{
	struct ward_statx x = { 0 };
	int fd, code;
	long r;

	root->there = false;
	if (root->dir < 0)
		return 0;
	r = syscall(SYS_statx, root->dir, root->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		WARD_STATX_BASIC, &x);
	if (r == 0 && (x.mask & WARD_STATX_BASIC) == WARD_STATX_BASIC &&
		(x.attributes_mask & WARD_STATX_ATTR_MOUNT_ROOT)) {
		root->there = true;
		stat_of(&x, &root->st);
		return x.attributes & WARD_STATX_ATTR_MOUNT_ROOT ? -EXDEV : 0;
	}
	/* Nothing is there; or the kernel does not say all of it, or the call is not let through. */
	code = r < 0 && errno == ENOENT ? 0 : look(root);
	if (code < 0 || !root->there)
		return code;
	fd = ward_beneath(root->dir, root->name, 0);
	ward_close(fd);
	return fd == -EXDEV ? -EXDEV : 0;
}

/* The project's directory, by its owner's mode: what is in it waits, and not all of the run. */
static bool is_shut(struct walk *w, const struct task *t, int r)
{
	bool shut = r == -EACCES && t->path[0];

	w->closed = w->closed || shut;
	return shut;
}

static int layer_name(struct walk *w, const struct task *t, const char *path, int layer_dir,
	int root_dir, const char *name)
{
	struct side layer = { .dir = layer_dir, .name = name };
	struct side root = { .dir = root_dir, .name = name };
	int code = look(&layer);

	if (code < 0)
		return cannot(w, path, -code, "the layer");
	/* On an overlay of two file systems each file has the number of its own. */
	if (layer.there && layer.st.st_dev != w->layer_dev &&
		(S_ISDIR(layer.st.st_mode) || look_root(&layer) == -EXDEV))
		return cannot(w, path, EXDEV, "the layer");
	if (!layer.there)
		return WARD_OK; /* gone meanwhile: somebody tidies it */
	/* A whiteout says that the project had the name when the run began. */
	if (!w->listed || is_whiteout(&layer) || ward_names_have(w->names, name))
		code = look_root(&root);
	if (is_shut(w, t, code))
		return WARD_OK;
	if (code < 0)
		return cannot(w, path, -code, "the project");
	if (!is_whiteout(&layer))
		return shown(w, t, path, &layer, &root);
	return root.there ? gone(w, t, path, &root) : WARD_OK;
}

/* A name of a directory of the project that does not show through. */
static int root_name(struct walk *w, const struct task *t, const char *path, int layer_dir,
	int root_dir, const char *name)
{
	struct side layer = { .dir = layer_dir, .name = name };
	struct side root = { .dir = root_dir, .name = name };
	int code = look(&layer);

	if (code < 0)
		return cannot(w, path, -code, "the layer");
	if (layer.there)
		return WARD_OK; /* was told of */
	code = look_root(&root);
	if (is_shut(w, t, code))
		return WARD_OK;
	if (code < 0)
		return cannot(w, path, -code, "the project");
	return root.there ? gone(w, t, path, &root) : WARD_OK;
}

/* ---- one directory ---- */

typedef int name_fn(struct walk *w, const struct task *t, const char *path, int layer_dir,
	int root_dir, const char *name);

static bool has_path(const struct task *t, const char *name)
{
	return strlen(t->path) + 1 + strlen(name) < WARD_PATH_MAX;
}

static void path_of(const struct task *t, const char *name, char out[WARD_PATH_MAX])
{
	size_t n = strlen(t->path);

	memcpy(out, t->path, n);
	if (n > 0)
		out[n++] = '/';
	memcpy(out + n, name, strlen(name) + 1);
}

/* fn with each name of dir, which is layer_dir or root_dir, and which nobody has read yet. */
static int each(struct walk *w, const struct task *t, int dir, int layer_dir, int root_dir,
	name_fn *fn)
{
	char path[WARD_PATH_MAX];
	bool first = dir == layer_dir && root_dir >= 0;
	int code = WARD_OK;
	long n;

	w->listed = false;
	while ((n = syscall(SYS_getdents64, dir, w->dents, CHANGE_STEP)) > 0) {
		if (first && n >= LIST_FROM)
			w->listed = ward_names_read(&w->names, root_dir);
		first = false;
		for (long at = 0; at < n;) {
			const struct ward_dirent64 *e =
				(const struct ward_dirent64 *)(const void *)(w->dents + at);

			at += e->reclen;
			if (ward_streq(e->name, ".") || ward_streq(e->name, ".."))
				continue;
			if (!has_path(t, e->name)) {
				w->no_path = true;
				continue;
			}
			path_of(t, e->name, path);
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): tasks are freed by their cleanup */
			code = fn(w, t, path, layer_dir, root_dir, e->name);
			if (code < 0)
				return code;
		}
	}
	return n < 0 ? cannot(w, t->path, errno, dir == layer_dir ? "the layer" : "the project")
		     : WARD_OK;
}

/*
 * A directory of the layer stays open to its owner while it is walked: its names are looked at one by one. ward_changed_get() has given its
 * mode back by then, so what it lacks is lent once more.
 */
static int lend_walk(const struct walk *w, int fd, const struct stat *st, mode_t *ret_mode)
{
	*ret_mode = st->st_mode & 07777;
	if (w->euid == 0 || (st->st_mode & 0500) == 0500)
		return 0;
	return fchmod(fd, *ret_mode | 0500) < 0 ? -errno : 1;
}

static int walk_one(struct walk *w, const struct task *t)
{
	WARD_FD layer = -1;
	WARD_FD root = -1;
	struct stat st = { 0 }, was = { 0 };
	mode_t mode = 0;
	bool shut;
	int lent = 0, code = WARD_OK;

	w->no_path = w->closed = false;

	if (t->layer) {
		layer = ward_changed_get(&w->r->way, w->r->layer, t->path, w->r->lives, &st);
		/* It is what its run makes of it: what is in there is looked at when that is dead. */
		if (w->r->lives && (is_closed(layer) || (layer >= 0 && !may_enter(w, &st))))
			return WARD_OK;
		if (layer < 0)
			return cannot(w, t->path, -layer, "the layer");
		lent = lend_walk(w, layer, &st, &mode);
		if (lent < 0)
			return cannot(w, t->path, -lent, "the layer");
	}
	if (t->root) {
		root = ward_beneath(w->r->root, t->path,
			t->hidden ? O_RDONLY | O_DIRECTORY | O_NONBLOCK : O_PATH | O_DIRECTORY);
		if (!is_shut(w, t, root) && root < 0 && root != -ENOENT && root != -ENOTDIR)
			code = cannot(w, t->path, -root, "the project");
	}
	shut = w->closed;
	if (code == WARD_OK && layer >= 0 && !shut)
		code = each(w, t, layer, layer, root, layer_name);
	if (code == WARD_OK && root >= 0 && t->hidden)
		code = each(w, t, root, layer, root, root_name);
	if (root >= 0)
		(void)fstat(root, &was);
	w->r->beyond = w->r->beyond || w->no_path || w->closed;
	if (code == WARD_OK && (w->no_path || w->closed) && !w->r->quick)
		code = beyond(w, t->path, w->closed ? ward_change_closed : no_path_text,
			was.st_mode, st.st_mode);
	if (lent)
		(void)fchmod(layer, mode);
	return code;
}

int ward_changes_walk(struct reader *r)
{
	WARD_CLEANUP(walk_done) struct walk w = { .r = r };
	struct stat st;
	int code;

	if (fstat(r->layer, &st) < 0)
		return cannot(&w, "", errno, "the layer");
	w.layer_dev = st.st_dev;
	w.euid = geteuid();
	w.dents = malloc(CHANGE_STEP);
	if (w.dents == NULL)
		return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
	code = later(&w, "", 0, true, true, false);
	while (code == WARD_OK && w.n > 0) {
		struct task t = w.v[--w.n];

		code = ward_change_stops(r) ? cannot(&w, t.path, ECANCELED, "the layer")
					    : walk_one(&w, &t);
		free(t.path);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return code;
}

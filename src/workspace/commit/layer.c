/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was made real leaves the layer, so that what is read from it afterwards is the rest. The layer says what is gone in three ways: by
 * a whiteout at a name, by one at a directory above, and by a directory that is opaque. Where only a part was made real, the
 * latter two become whiteouts of single names first. Done again after a crash, it does what is left to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/landed.h"

#define OPAQUE "user.overlay.opaque"

static const char in_place_of_it[] =
	"is not forgotten: the run has something else in the place of a directory that it lies in, and that waits";

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV || r == -ESTALE;
}

/* Something is mounted there by now. What it covers cannot be said name by name: then what says it in the layer stays, and is no change. */
static bool is_covered(int r)
{
	return r == -EXDEV;
}

/* Of a directory of the layer, borrowed: open to be read. */
static int open_borrowed(const struct ward_lent *l)
{
	int fd = openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int borrow_inside(struct ward_commit *c, const char *path, struct ward_lent *l)
{
	char inside[WARD_PATH_MAX + 2];

	(void)snprintf(inside, sizeof(inside), "%s/.", path);
	return ward_commit_borrow(&c->way, c->layer, inside, false, l);
}

static int chmod_name(int parent, const char *name, mode_t mode)
{
	WARD_FD at = ward_commit_open(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);

	return at < 0 ? at : ward_commit_chmod(at, mode);
}

/* ---- one directory that hides what the project has below it, said name by name instead ---- */

/* A directory with no room for the mark: what the project has below it is said by name too. */
struct hidden {
	struct hidden *next;
	char path[];
};

struct names {
	int layer; /* the layer's directory */
	const char *path;
	struct hidden *later;
};

static int mark_opaque(int dir, const char *name)
{
	WARD_FD at = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char link[48];
	struct stat st;
	int r = 0;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	if (setxattr(link, OPAQUE, "y", 1, 0) == 0)
		return 0;
	if (errno != EACCES)
		return -errno;
	r = ward_commit_chmod(at, (st.st_mode & 07777) | S_IRWXU);
	if (r == 0 && setxattr(link, OPAQUE, "y", 1, 0) < 0)
		r = -errno;
	(void)ward_commit_chmod(at, st.st_mode & 07777);
	return r;
}

static bool has_no_room(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -E2BIG || r == -ERANGE;
}

static int hide_later(struct names *n, const char *name)
{
	size_t size = strlen(n->path) + 1 + strlen(name) + 1;
	struct hidden *h = malloc(sizeof(*h) + size);

	if (!h)
		return -ENOMEM;
	(void)snprintf(h->path, size, "%s/%s", n->path, name);
	h->next = n->later;
	n->later = h;
	return 0;
}

static int hide_name(void *arg, int dir, const char *name)
{
	struct names *n = arg;
	struct stat project, layer;
	int r;

	if (fstatat(dir, name, &project, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstatat(n->layer, name, &layer, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return -errno;
		return mknodat(n->layer, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
	}
	if (!S_ISDIR(project.st_mode) || !S_ISDIR(layer.st_mode))
		return 0;
	r = mark_opaque(n->layer, name);
	return has_no_room(r) ? hide_later(n, name) : r;
}

/* What the project has in the directory path. Where it is no directory there, there is nothing to hide. */
static int hide_in(struct ward_commit *c, struct names *n)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	WARD_FD project = ward_commit_open(c->root, n->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int r;

	if (project < 0)
		return is_missing(project) && !is_covered(project) ? 0 : project;
	r = borrow_inside(c, n->path, &l);
	if (r < 0)
		return r;
	n->layer = l.fd;
	return ward_commit_names(project, ".", hide_name, n);
}

/* The mark goes when all is said that it said: who is killed before that says it again. */
static int hide_names(struct ward_commit *c, const char *path, const struct ward_lent *l)
{
	struct names names = { .path = path };
	int r = hide_in(c, &names);
	struct hidden *h;
	WARD_FD fd = -1;

	while ((h = names.later)) {
		names.later = h->next;
		names.path = h->path;
		if (r == 0)
			r = hide_in(c, &names);
		free(h);
	}
	if (r < 0)
		return r;
	fd = open_borrowed(l);
	if (fd < 0)
		return fd;
	return fremovexattr(fd, OPAQUE) < 0 && errno != ENODATA ? -errno : 0;
}

static int clear_opaque(struct ward_commit *c, const char *path)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	WARD_FD fd = -1;
	struct stat st;
	int r = borrow_inside(c, path, &l);

	if (r < 0)
		return r;
	fd = open_borrowed(&l);
	if (fd < 0)
		return fd;
	if (fgetxattr(fd, OPAQUE, NULL, 0) < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
	r = ward_commit_look(&c->in_root, c->root, path, &st);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r < 0 && (!is_missing(r) || is_covered(r)) ? r : 0;
	return hide_names(c, path, &l);
}

/* ---- a directory that is gone in the layer, and of which something stays ---- */

/* Beside the layer, where a run that is over had what is the overlay's own: no name of it is a change. */
#define COMING ".ward-coming"

/* The directory to come is, as far as the layer has room for that, the project's own, so that of itself it is no change; and it hides all. */
static int make_coming(const struct ward_commit *c, int beside, const char *path, mode_t *ret_mode)
{
	WARD_FD from = ward_commit_open(c->root, path, O_RDONLY | O_DIRECTORY);
	WARD_FD to = -1;
	struct ward_error why = WARD_ERROR_INIT;
	struct stat st;
	bool same;
	int r = from < 0 ? from : ward_commit_unlink(beside, COMING);

	if (r < 0)
		return r;
	if (fstat(from, &st) < 0 || mkdirat(beside, COMING, 0700) < 0)
		return -errno;
	to = openat(beside, COMING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 || fsetxattr(to, OPAQUE, "y", 1, 0) < 0)
		return -errno;
	if (ward_commit_attrs_replace(from, to, &same, &why, path) < 0 &&
		!(same && has_no_room(-why.sys_errno)))
		return why.sys_errno ? -why.sys_errno : -EIO;
	*ret_mode = st.st_mode & 07777;
	/* Who is no root moves no directory that he may not write. */
	return fchmod(to, c->euid == 0 ? *ret_mode : *ret_mode | S_IRWXU) < 0 ? -errno : 0;
}

/* Whiteout and directory change places: who is killed leaves one that says that all is gone. */
static int exchange(int beside, const struct ward_lent *l)
{
	int r = ward_commit_rename(beside, COMING, l->fd, l->name, RENAME_EXCHANGE);

	if (r == 0)
		return ward_commit_unlink(beside, COMING);
	if (r != -EINVAL && r != -ENOSYS)
		return r;
	/* A file system that cannot, as the project's own always can. */
	if (unlinkat(l->fd, l->name, 0) < 0)
		return -errno;
	return ward_commit_rename(beside, COMING, l->fd, l->name, 0);
}

/* It is there again, as the project has it, and each of its names is gone. */
static int expand_whiteout(struct ward_commit *c, const char *path)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	WARD_FD beside = -1;
	mode_t mode = 0;
	struct stat st;
	int r = ward_commit_look(&c->in_root, c->root, path, &st);

	if (r < 0 || !S_ISDIR(st.st_mode))
		return r < 0 && (!is_missing(r) || is_covered(r)) ? r : 0;
	beside = openat(c->layer, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beside < 0)
		return -errno;
	r = make_coming(c, beside, path, &mode);
	if (r == 0)
		r = ward_commit_borrow(&c->way, c->layer, path, false, &l);
	if (r == 0)
		r = exchange(beside, &l);
	if (r == 0 && c->euid != 0 && (mode & S_IRWXU) != S_IRWXU)
		r = chmod_name(l.fd, l.name, mode);
	ward_commit_give_back(&l);
	return r < 0 ? r : clear_opaque(c, path);
}

/*
 * The mode and attributes of a directory of the layer become the project's; or, where the layer has no room for these (the run has filled the
 * directory, or the disk is), stay as they were: then the change waits.
 */
static int as_project(struct ward_commit *c, struct ward_step *s)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	const char *path = s->path;
	WARD_FD from = ward_commit_open(c->root, path, O_RDONLY | O_DIRECTORY);
	WARD_FD to = -1;
	struct ward_error why = WARD_ERROR_INIT;
	struct stat st;
	bool same;
	int r;

	if (from < 0)
		return is_missing(from) ? 0 : from;
	r = borrow_inside(c, path, &l);
	if (r < 0)
		return is_missing(r) ? 0 : r;
	to = open_borrowed(&l);
	if (to < 0 || fstat(from, &st) < 0)
		return to < 0 ? to : -errno;
	if (ward_commit_attrs_replace(from, to, &same, &why, path) < 0) {
		s->no_room = same && has_no_room(-why.sys_errno);
		return s->no_room ? 0 : why.sys_errno ? -why.sys_errno : -EIO;
	}
	r = fcntl(to, F_DUPFD_CLOEXEC, 3);
	if (r < 0)
		return -errno;
	ward_close(to);
	to = r;
	ward_commit_give_back(&l);
	return fchmod(to, st.st_mode & 07777) < 0 ? -errno : 0;
}

/* ---- one change ---- */

/* Bytes of path that name a directory of which, and of those that it lies in, all was said for the path before. */
static size_t is_spoken(const struct ward_commit *c, const char *path)
{
	size_t n = 0;

	for (size_t i = 1; i <= c->n_spoken && path[i - 1] == c->spoken[i - 1]; i++)
		if ((i == c->n_spoken || c->spoken[i] == '/') &&
			(path[i] == '/' || path[i] == '\0'))
			n = i;
	return n;
}

/*
 * What the layer says about the directories that path lies in (and about path, if it is one), so that path can be said alone. Paths come in order:
 * what was said for the one before is not said again, so that a deep layer takes one look for each of its directories.
 */
static int speak_of(struct ward_commit *c, const char *path, bool drop)
{
	char part[WARD_PATH_MAX];
	size_t n = strlen(path);

	c->n_spoken = is_spoken(c, path);
	for (size_t i = c->n_spoken + 1; i <= n; i++) {
		struct stat st;
		int r;

		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		r = ward_commit_look(&c->in_layer, c->layer, part, &st);
		if (is_missing(r))
			return 0;
		if (r == -EACCES) { /* behind a directory that only a loan opens */
			WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };

			r = ward_commit_borrow(&c->way, c->layer, part, false, &l);
			if (r == 0 && fstatat(l.fd, l.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				r = -errno;
			if (is_missing(r))
				return 0;
		}
		if (r < 0)
			return r;
		if (!S_ISDIR(st.st_mode) && (!drop || i == n))
			return 0;
		if (!S_ISDIR(st.st_mode) && !is_whiteout(&st)) {
			ward_commit_leave(c, path, in_place_of_it);
			return 0;
		}
		/* One that was expanded has whiteouts of the directories in it, and path may lie in one of these. */
		r = is_whiteout(&st) ? expand_whiteout(c, part) : clear_opaque(c, part);
		if (r < 0)
			return r;
		memcpy(c->spoken, part, i + 1);
		c->n_spoken = i;
	}
	return 0;
}

static int remove_at(int dir, const char *name, const struct ward_step *s)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return is_missing(-errno) ? 0 : -errno;
	if (S_ISDIR(st.st_mode) || (s->layer_ino ? st.st_ino != s->layer_ino : !is_whiteout(&st)))
		return 0;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_held(struct ward_held *h, int layer, const struct ward_step *s)
{
	const char *name;
	int dir = ward_commit_hold(h, layer, s->path, &name);

	return dir < 0 ? dir : remove_at(dir, name, s);
}

static int remove_object(struct ward_commit *c, const struct ward_step *s)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	int r = remove_held(&c->in_layer, c->layer, s);

	if (r == -EACCES) { /* only a loan opens it */
		r = ward_commit_borrow(&c->way, c->layer, s->path, false, &l);
		if (r == 0)
			r = remove_at(l.fd, l.name, s);
	}
	return is_missing(r) ? 0 : r;
}

/* ---- what takes the time: files that have content ---- */

struct removing {
	const struct ward_commit *c;
	struct ward_held in_layer;
	const size_t *files; /* steps */
	bool old; /* what they replaced goes with them */
	bool lend; /* for some of them a mode has to be lent, by one thread alone */
};

static int cannot(struct ward_error *err, int r)
{
	return ward_fail_errno(err, WARD_E_SYSTEM, -r,
		"cannot take what was made real out of the layer");
}

/*
 * What was replaced is given back to nobody any more, once all is real and nothing of it is kept. What is not taken away here goes with the
 * staging directory; so does what has other names, of which it is noted first that it loses this one.
 */
static void remove_replaced(const struct ward_commit *c, size_t i)
{
	const struct ward_step *s = &c->j.v[i];
	char staged[WARD_COMMIT_NAME_MAX];

	if (s->kind != WARD_STEP_SWAP || !S_ISREG(s->old.mode) || s->old_ctime_ns == 0)
		return;
	ward_commit_staged(staged, WARD_STAGED_NEW, i);
	(void)unlinkat(c->stage, staged, 0);
}

static int remove_freely(void *arg, size_t k, struct ward_error *err)
{
	struct removing *g = arg;
	int r = remove_held(&g->in_layer, g->c->layer, &g->c->j.v[g->files[k]]);

	if (g->old)
		remove_replaced(g->c, g->files[k]);
	if (r == -EACCES)
		g->lend = true;
	return r < 0 && r != -EACCES && !is_missing(r) ? cannot(err, r) : WARD_OK;
}

static int remove_files(struct ward_commit *c, const size_t *files, size_t n,
	struct ward_error *err)
{
	struct removing *v = calloc(WARD_CREW_MAX, sizeof(*v));
	void *states[WARD_CREW_MAX];
	size_t size = ward_crew_size(n);
	bool lend = false, old = c->stage >= 0 && !ward_commit_keeps(c);
	int r;

	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "no memory to tidy the layer");
	for (size_t i = 0; i < size; i++) {
		v[i] = (struct removing){
			.c = c, .in_layer = WARD_HELD_INIT, .files = files, .old = old
		};
		states[i] = &v[i];
	}
	r = ward_crew_run(n, remove_freely, states, size, err);
	for (size_t i = 0; i < size; i++) {
		ward_commit_let_go(&v[i].in_layer);
		lend = lend || v[i].lend;
	}
	free(v);
	for (size_t k = 0; k < n && r == WARD_OK && lend; k++) {
		int one = remove_object(c, &c->j.v[files[k]]);

		r = one < 0 ? cannot(err, one) : WARD_OK;
	}
	return r;
}

/* ---- directories that say nothing any more ---- */

struct sweep {
	struct ward_commit *c;
	const struct ward_step *dirs; /* the steps of directories, the deepest first */
	size_t n_dirs;
	char path[WARD_PATH_MAX];
	size_t n;
	unsigned depth;
};

static int deeper(const void *key, const void *step)
{
	return strcmp(((const struct ward_step *)step)->path, key);
}

/*
 * The mode of the project's directory, which will be its own again if it is lent, is that of the layer's. Of one whose mode was made real
 * the owner's bits say nothing: a commit that was killed has left them lent in the layer.
 */
static bool same_mode(const struct sweep *s, const struct stat *st, mode_t layer)
{
	const struct ward_step *d =
		s->n_dirs > 0 ? bsearch(s->path, s->dirs, s->n_dirs, sizeof(*d), deeper) : NULL;
	mode_t differs;

	if (!d || d->result != WARD_RESULT_DONE || d->new.ino != st->st_ino)
		return ((st->st_mode ^ layer) & 07777) == 0;
	differs = (d->new.mode ^ layer) & 07777;
	if (s->c->euid != 0 && (d->old.ino == 0 || d->old.mode != d->new.mode))
		differs &= ~(mode_t)S_IRWXU;
	return differs == 0;
}

/* dir is empty: is it one of the project's, with the same mode and attributes? What it hid is said name by name already. */
static bool says_nothing(const struct sweep *s, int dir, mode_t mode)
{
	WARD_FD project = ward_commit_open(s->c->root, s->path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	return project >= 0 && fstat(project, &st) == 0 && same_mode(s, &st, mode) &&
		ward_commit_attrs_equal(project, dir) && fgetxattr(dir, OPAQUE, NULL, 0) < 0;
}

static int sweep_name(void *arg, int dir, const char *name);

/* Nothing is held while the names are gone through but what they are read from: a layer is as deep as the run likes. */
static int sweep_directory(struct sweep *s, int parent, const char *name, const struct stat *st)
{
	bool lent = s->c->euid != 0 && (st->st_mode & S_IRWXU) != S_IRWXU, gone = false;
	WARD_FD dir = -1;
	int r = lent ? chmod_name(parent, name, (st->st_mode & 07777) | S_IRWXU) : 0;

	/* First: below a directory that hides the project's, one that is taken away would seem to be deleted. */
	if (r == 0)
		r = clear_opaque(s->c, s->path);
	if (r == 0)
		r = ward_commit_names(parent, name, sweep_name, s);
	if (r == 0) {
		dir = ward_commit_open(parent, name, O_RDONLY | O_DIRECTORY);
		r = dir < 0 ? dir : 0;
	}
	if (r == 0 && ward_commit_empty(dir, ".") && says_nothing(s, dir, st->st_mode)) {
		gone = unlinkat(parent, name, AT_REMOVEDIR) == 0;
		r = gone ? 0 : -errno;
	}
	if (lent && !gone)
		(void)chmod_name(parent, name,
			st->st_mode & 07777); /* the first error is the one to be told of */
	return is_covered(r) ? 0 : r;
}

static int sweep_name(void *arg, int dir, const char *name)
{
	struct sweep *s = arg;
	size_t n = s->n, more = strlen(name) + (n > 0);
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return 0;
	/* What has no path, or is deeper than anybody looks, waits, and with it what it lies in. */
	if (n + more >= sizeof(s->path) || s->depth >= WARD_CHANGE_DEPTH_MAX)
		return 0;
	(void)snprintf(s->path + n, sizeof(s->path) - n, "%s%s", n > 0 ? "/" : "", name);
	s->n = n + more;
	s->depth++;
	r = sweep_directory(s, dir, name, &st);
	s->depth--;
	s->n = n;
	s->path[n] = '\0';
	return r;
}

/* A directory that was new and is forgotten is the project's no more than it was. */
static int remove_dropped(struct ward_commit *c, const struct ward_step *s)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	int r = ward_commit_borrow(&c->way, c->layer, s->path, false, &l);

	if (r < 0)
		return is_missing(r) ? 0 : r;
	if (unlinkat(l.fd, l.name, AT_REMOVEDIR) == 0 || is_missing(-errno))
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EINVAL)
		return -errno;
	if (s->no_room)
		ward_commit_leave(c, s->path,
			"is not forgotten: the layer has no room for the attributes that the project's has");
	return 0;
}

static int sweep_all(struct ward_commit *c)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent l = { .fd = -1 };
	struct sweep s = { .c = c };
	int r = ward_commit_borrow(&c->way, c->layer, ".", false, &l);

	for (size_t i = 0; i < c->j.n; i++) {
		if (c->j.v[i].kind != WARD_STEP_DIR)
			continue;
		s.dirs = s.n_dirs++ == 0 ? &c->j.v[i] : s.dirs;
	}
	return r < 0 ? r : ward_commit_names(l.fd, ".", sweep_name, &s);
}

/* ---- all ---- */

static bool is_out(const struct ward_step *s)
{
	return s->result == WARD_RESULT_DONE;
}

/* It says nothing about its directory, and may go after all else was said. */
static bool is_file(const struct ward_step *s)
{
	return (s->kind == WARD_STEP_PUT || s->kind == WARD_STEP_SWAP) && S_ISREG(s->new.mode);
}

/* One that is no file; or what has to be said before a file goes. */
static int tidy_step(struct ward_commit *c, struct ward_step *s, const struct ward_step *last)
{
	int r = 0;

	if (!last || s->kind == WARD_STEP_DROP || S_ISDIR(s->new.mode) ||
		!ward_commit_same_parent(last->path, s->path)) {
		ward_commit_let_go(&c->in_layer);
		ward_commit_let_go(&c->in_root);
		r = speak_of(c, s->path, s->kind == WARD_STEP_DROP);
		ward_commit_let_go(&c->in_layer);
	}
	/* One that was only lent, of which something stays, may be gone in the layer: that is said still. */
	if (r == 0 && s->kind != WARD_STEP_DIR && !is_file(s))
		r = remove_object(c, s);
	if (r == 0 && s->kind == WARD_STEP_DROP)
		r = as_project(c, s);
	return r;
}

static int tidy(struct ward_commit *c, size_t *files, struct ward_error *err)
{
	const struct ward_step *last = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < c->j.n && r == 0; i++) {
		struct ward_step *s = &c->j.v[i];

		if (!is_out(s))
			continue;
		r = tidy_step(c, s, last);
		if (is_covered(r)) {
			last = NULL;
			r = 0;
			continue;
		}
		last = s;
		if (files && is_file(s))
			files[n++] = i;
	}
	if (r < 0)
		return cannot(err, r);
	r = remove_files(c, files, n, err);
	if (r < 0)
		return r;
	ward_commit_let_go(&c->in_layer);
	ward_commit_let_go(&c->in_root);
	for (size_t i = c->j.n; i-- > 0 && r == 0;)
		if (is_out(&c->j.v[i]) && c->j.v[i].kind == WARD_STEP_DROP)
			r = remove_dropped(c, &c->j.v[i]);
	if (r == 0)
		r = sweep_all(c);
	return r < 0 ? cannot(err, r) : WARD_OK;
}

/* ---- without a journal ---- */

/* It has, or gets, what the project's has by one call: its mode. Or the project has none. */
static bool has_projects_attributes(const struct ward_commit *c, const char *path)
{
	WARD_FD project = ward_commit_open(c->root, path, O_RDONLY | O_DIRECTORY);
	WARD_FD layer = -1;

	if (project < 0)
		return project == -ENOENT || project == -ENOTDIR;
	layer = ward_commit_open(c->layer, path, O_RDONLY | O_DIRECTORY);
	return layer >= 0 && ward_commit_attrs_equal(project, layer);
}

/*
 * Not so: a rename, or what moved over something, of which the new name could go and the whiteout at the old one stay, a deletion that the
 * run never meant; a part of a directory that is gone, whose whiteout becomes many; attributes, one by one; and what has to be noted as not
 * landed any more.
 */
bool ward_commit_needs_no_journal(struct ward_commit *c)
{
	/* No directory, and forgotten: what would lie in it is the project's again with it. */
	const char *over = NULL;
	bool ok = true;

	for (size_t i = 0; i < c->j.n && ok; i++) {
		const char *path = c->j.v[i].path;
		struct stat st = { 0 };
		int r = ward_commit_look(&c->in_layer, c->layer, path, &st);

		if (r == 0 && S_ISDIR(st.st_mode))
			ok = has_projects_attributes(c, path);
		else if (r == 0)
			over = path;
		else
			ok = r == -ENOENT ||
				(r == -ENOTDIR && over && ward_change_within(c->change[i], over));
		ok = ok && c->change[i]->kind != WARD_CHANGE_RENAMED && !c->change[i]->moved_to &&
			!(c->landed && ward_landed_get(c->landed, path));
	}
	ward_commit_let_go(&c->in_layer);
	return ok;
}

/* What the project hides from us by now must be looked at: a directory whose new mode lets nobody in. It is lent, and settled once more. */
int ward_commit_tidy(struct ward_commit *c, struct ward_error *err)
{
	size_t *files = calloc(c->j.n + 1, sizeof(*files));
	int r = files ? ward_commit_lend(c, err)
		      : ward_fail(err, WARD_E_NOMEM, "no memory to tidy the layer"),
	    settled;

	if (r == WARD_OK) {
		r = tidy(c, files, err);
		settled = ward_commit_settle_modes(c);
		r = r < 0 || settled == 0 ? r : cannot(err, settled);
	}
	free(files);
	return r;
}

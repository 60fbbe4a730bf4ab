/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes become steps. What goes comes first, the deepest before what holds it; then what comes, a directory before what lies in it; then the
 * modes and attributes of directories, the deepest first. Since everything new is made beside its place, and everything old is kept, no name
 * has to wait for another one: that two names change places is two replacements. What depends on a change that is not among those to be made
 * real is left, and said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/commit/refused.h"
#include "workspace/index/index.h"

static const char above_text[] = "the directory that it lies in is not made real";
static const char elsewhere_text[] = "lies on another file system than the project's root";
static const char others_text[] =
	"belongs to another user, who alone can change its mode and attributes";

enum { PICKED = 1, THEIRS = 2, OURS = 4, SET_ID = 8, LEFT = 16, ABSENT = 32 };

struct gone {
	const char *path;
	uint32_t change;
};

struct plan {
	struct ward_commit *c;
	const struct ward_change *v;
	size_t n;
	uint8_t *mark;
	uint32_t *order; /* by path */
	uint32_t *above; /* of each of these, in order: the nearest change that it lies in */
	struct gone *gone;
	size_t n_gone;
	uint32_t *goes; /* of each change: what it takes away, of those, and one; 0: nothing */
	uint32_t *first, *next; /* who takes away what each brings, and one */
	uint32_t *todo;
	const char **dirs; /* existing ones that must be written and cannot be */
	size_t n_dirs;
	const char *written; /* whose directory was last seen to be writable, or lent */
	const char *looked; /* whose was last asked whether it is fixed */
	bool fixed;
};

static void plan_done(struct plan *p)
{
	free(p->mark);
	free(p->order);
	free(p->above);
	free(p->gone);
	free(p->goes);
	free(p->first);
	free(p->next);
	free(p->todo);
	free(p->dirs);
}

static int no_memory(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory to plan the commit");
}

static int cannot_look(struct ward_error *err, int r, const char *path)
{
	return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot look at '%s' in the project", path);
}

static bool live(const struct plan *p, size_t i)
{
	return (p->mark[i] & (PICKED | THEIRS | LEFT)) == PICKED;
}

static void leave(struct plan *p, size_t i, const char *why)
{
	p->mark[i] |= LEFT;
	p->c->given.on = true;
	ward_commit_leave(p->c, p->v[i].path, why);
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* ---- looking up by path ---- */

static int by_path(const void *a, const void *b, void *arg)
{
	const struct ward_change *v = arg;

	return strcmp(v[*(const uint32_t *)a].path, v[*(const uint32_t *)b].path);
}

static int gone_by_path(const void *a, const void *b)
{
	return strcmp(((const struct gone *)a)->path, ((const struct gone *)b)->path);
}

static int text_by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* path's first n bytes against the whole of other. */
static int compare(const char *path, size_t n, const char *other)
{
	int r = strncmp(path, other, n);

	return r != 0 ? r : other[n] ? -1 : 0;
}

static bool find(const struct plan *p, const char *path, size_t n, size_t *ret)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = compare(path, n, p->v[p->order[mid]].path);

		if (r == 0) {
			*ret = p->order[mid];
			return true;
		}
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

static struct gone *find_gone(const struct plan *p, const char *path, size_t n)
{
	size_t low = 0, high = p->n_gone;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = compare(path, n, p->gone[mid].path);

		if (r == 0)
			return &p->gone[mid];
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* ---- which changes ---- */

static int mark_items(struct plan *p, const struct ward_commit_item *v, size_t n,
	struct ward_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct ward_change *change = v[i].change;
		size_t at = (size_t)(change - p->v);

		if (change < p->v || at >= p->n || change->kind == WARD_CHANGE_NONE)
			return ward_fail(err, WARD_E_INVALID,
				"what is to be committed is none of the changes of the run");
		p->mark[at] |= PICKED | (v[i].side == WARD_COMMIT_THEIRS ? THEIRS : 0) |
			(v[i].side == WARD_COMMIT_OURS ? OURS : 0) | (v[i].set_id ? SET_ID : 0);
	}
	return WARD_OK;
}

static int refuse(const struct ward_change *change, bool set_id, struct ward_error *err)
{
	mode_t new_bits = change->mode & (S_ISUID | S_ISGID);

	if (change->beyond)
		return ward_fail(err, WARD_E_REFUSED, "'%s' is not made real: %s", change->path,
			change->beyond);
	if (change->mode == 0)
		return WARD_OK;
	if (!S_ISREG(change->mode) && !S_ISDIR(change->mode) && !S_ISLNK(change->mode))
		return ward_fail(err, WARD_E_REFUSED,
			"'%s' is a device, a fifo or a socket, which no commit makes",
			change->path);
	if (S_ISREG(change->mode) && new_bits && !set_id)
		return ward_fail(err, WARD_E_REFUSED,
			"'%s' has a set-user-ID or set-group-ID bit, which was not accepted",
			change->path);
	return WARD_OK;
}

/*
 * The project had nothing there when the changes were read, and what has the name by now its step finds: it comes to a free name alone. A directory is
 * looked for, since what lies in it would be made in vain; and of a run that lives what landed before.
 */
static bool needs_no_look(const struct plan *p, size_t i)
{
	const struct ward_change *change = &p->v[i];

	return change->kind == WARD_CHANGE_ADDED && !change->origin && !S_ISDIR(change->mode) &&
		!p->c->j.stays && !ward_ref_is_name(change->path);
}

static int check_one(struct plan *p, size_t i, struct ward_error *err)
{
	const char *why;
	int r = refuse(&p->v[i], p->mark[i] & SET_ID, err);

	if (r < 0)
		return r;
	if (p->mark[i] & OURS)
		return WARD_OK;
	if (needs_no_look(p, i)) {
		p->mark[i] |= ABSENT;
		return WARD_OK;
	}
	r = ward_commit_in_way(p->c, &p->v[i], false, &why);
	if (r < 0)
		return cannot_look(err, r, p->v[i].path);
	if (why)
		leave(p, i, why);
	else if (p->c->absent && !S_ISDIR(p->v[i].mode))
		p->mark[i] |= ABSENT;
	return WARD_OK;
}

/* A directory that path lies in, and that is new: it comes with it. *ret_stays: it does not become real. */
static int check_parent(struct plan *p, size_t at, bool *ret_stays, struct ward_error *err)
{
	const struct ward_change *dir = &p->v[at];

	if (dir->kind != WARD_CHANGE_ADDED && dir->kind != WARD_CHANGE_TYPE &&
		dir->kind != WARD_CHANGE_RENAMED)
		return WARD_OK;
	if (!p->mark[at] && dir->kind == WARD_CHANGE_ADDED && S_ISDIR(dir->mode)) {
		int r;

		p->mark[at] = PICKED;
		r = check_one(p, at, err);
		if (r < 0)
			return r;
	}
	*ret_stays = !live(p, at);
	return WARD_OK;
}

/* The directories that the k-th lies in, the outermost first. In the order of paths, so that what becomes of them is known. */
static int check_parents(struct plan *p, size_t k, struct ward_error *err)
{
	uint32_t up[WARD_CHANGE_DEPTH_MAX + 1];
	size_t n = 0;
	bool stays = false;
	int r = WARD_OK;

	for (uint32_t at = p->above[k]; at != WARD_PATHS_NONE; at = p->above[at]) {
		if (n == WARD_ARRAY_SIZE(up))
			return ward_fail(err, WARD_E_LIMIT,
				"the run made directories more than %u deep",
				WARD_CHANGE_DEPTH_MAX);
		up[n++] = p->order[at];
	}
	while (n > 0 && r == WARD_OK && !stays)
		r = check_parent(p, up[--n], &stays, err);
	if (r == WARD_OK && stays)
		leave(p, p->order[k], above_text);
	return r;
}

/* In the order of paths, what lies in what. */
static int find_above(struct plan *p, struct ward_error *err)
{
	const char **paths = calloc(p->n + 1, sizeof(const char *));

	p->above = calloc(p->n + 1, sizeof(*p->above));
	if (!paths || !p->above) {
		free(paths);
		return no_memory(err);
	}
	for (size_t k = 0; k < p->n; k++)
		paths[k] = p->v[p->order[k]].path;
	ward_paths_above(paths, p->n, p->above);
	free(paths);
	return WARD_OK;
}

static int check_all(struct plan *p, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t k = 0; k < p->n && r == WARD_OK; k++)
		if (live(p, p->order[k]))
			r = check_one(p, p->order[k], err);
	for (size_t k = 0; k < p->n && r == WARD_OK; k++)
		if (live(p, p->order[k]) && p->v[p->order[k]].mode != 0)
			r = check_parents(p, k, err);
	return r;
}

/* ---- what goes ---- */

static void find_all_gone(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ward_change *change = &p->v[i];

		if (change->kind == WARD_CHANGE_DELETED ||
			(change->kind == WARD_CHANGE_TYPE && S_ISDIR(change->was_mode)))
			p->gone[p->n_gone++] = (struct gone){ change->path, (uint32_t)i };
		else if (change->kind == WARD_CHANGE_RENAMED && change->from)
			p->gone[p->n_gone++] = (struct gone){ change->from, (uint32_t)i };
	}
	qsort(p->gone, p->n_gone, sizeof(*p->gone), gone_by_path);
}

/* Which changes wait for which; where nothing goes, nothing does. */
static int note_waits(struct plan *p, struct ward_error *err)
{
	p->goes = calloc(p->n + 1, sizeof(*p->goes));
	p->first = calloc(p->n + 1, sizeof(*p->first));
	p->next = calloc(p->n + 1, sizeof(*p->next));
	p->todo = calloc(p->n + 1, sizeof(*p->todo));
	if (!p->goes || !p->first || !p->next || !p->todo)
		return no_memory(err);
	for (size_t k = 0; k < p->n_gone; k++)
		p->goes[p->gone[k].change] = (uint32_t)k + 1;
	for (size_t i = 0; i < p->n; i++) {
		size_t to = p->v[i].moved_to ? (size_t)(p->v[i].moved_to - p->v) : p->n;

		if (to >= p->n)
			continue;
		p->next[i] = p->first[to];
		p->first[to] = (uint32_t)i + 1;
	}
	return WARD_OK;
}

static size_t leave_next(struct plan *p, size_t i, const char *why, size_t n)
{
	leave(p, i, why);
	p->todo[n] = (uint32_t)i;
	return n + 1;
}

/* A directory in which something stays, stays; and what takes away what another brings is left where that is. */
static size_t leave_what_waits(struct plan *p, size_t i, size_t n)
{
	const char *path = p->goes[i] != 0 ? p->gone[p->goes[i] - 1].path : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;
	const struct gone *in = slash ? find_gone(p, path, (size_t)(slash - path)) : NULL;

	if (in && live(p, in->change))
		n = leave_next(p, in->change, "something in it stays", n);
	if (!(p->mark[i] & LEFT))
		return n;
	for (uint32_t k = p->first[i]; k != 0; k = p->next[k - 1])
		if (live(p, k - 1))
			n = leave_next(p, k - 1,
				p->v[k - 1].moved_part || p->v[k - 1].moved_unsure
					? "what it had may be in another change, which is not made real"
					: "what it had is in another change, which is not made real",
				n);
	return n;
}

/* Whatever waits for what is not made real is left, and what waits for that: each once. */
static void keep_all_that_stays(struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!live(p, i) && (p->goes[i] != 0 || p->first[i] != 0))
			n = leave_what_waits(p, i, n);
		while (n > 0) {
			n--;
			n = leave_what_waits(p, p->todo[n], n);
		}
	}
}

/* ---- steps ---- */

static struct ward_step *add(struct ward_commit *c, enum ward_step_kind kind, const char *path,
	const struct ward_change *change)
{
	if (c->j.n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		struct ward_step *v = realloc(c->j.v, cap * sizeof(*v));
		const struct ward_change **changes;

		if (!v)
			return NULL;
		c->j.v = v;
		changes = realloc(c->change,
			cap * sizeof(*changes)); /* NOLINT(bugprone-sizeof-expression): pointers */
		if (!changes)
			return NULL;
		c->change = changes;
		c->cap = cap;
	}
	c->change[c->j.n] = change;
	c->j.v[c->j.n] = (struct ward_step){ .kind = kind,
		.path = path,
		.layer_ino = change && path == change->path ? change->ino : 0 };
	return &c->j.v[c->j.n++];
}

static void note_old(const struct ward_commit *c, struct ward_step *s, const struct stat *st)
{
	ward_commit_seen(st, &s->old);
	s->was_old = ward_commit_is_old(c, st);
	/* The names of a file are taken one after the other, and each changes its ctime. */
	s->old_ctime_ns =
		!S_ISDIR(st->st_mode) && st->st_nlink > 1 ? 0 : ward_commit_ns(&st->st_ctim);
}

/* path (name in dir) is open to us until the commit is tidied; or the i-th change waits. */
static void lend_later(struct plan *p, size_t i, const char *path, int dir, const char *name,
	const struct stat *st)
{
	const char *why = ward_commit_refuses_lending(dir, name, st);

	if (why)
		leave(p, i, why);
	else
		p->dirs[p->n_dirs++] = path;
}

static bool is_closed(const struct plan *p, const struct stat *st)
{
	return p->c->euid != 0 && st->st_uid == p->c->euid && (st->st_mode & S_IRWXU) != S_IRWXU;
}

/* Its directory can be written; else that is lent, or (not ours, or one that nobody may change) the change waits, and no other does. */
static int writable_directory(struct plan *p, size_t i, const char *path, int dir,
	struct ward_error *err)
{
	const char *slash = strrchr(path, '/');
	const struct stat *st = &p->c->in_root.st;

	if (p->written && ward_commit_same_parent(p->written, path))
		return WARD_OK;
	if (is_closed(p, st)) {
		const char *at =
			slash ? ward_arena_dup(p->c->arena, path, (size_t)(slash - path)) : ".";

		if (!at)
			return no_memory(err);
		lend_later(p, i, at, dir, "", st);
	} else if (faccessat(dir, ".", W_OK | X_OK, 0) < 0) {
		if (!ward_commit_is_refused(-errno))
			return ward_fail_errno(err, WARD_E_SYSTEM, errno,
				"cannot write in the directory of '%s'", path);
		leave(p, i, ward_commit_closed_text);
	}
	if (live(p, i))
		p->written = path;
	return WARD_OK;
}

/* Its directory is asked once for all that lies in it: a step finds what comes a moment later. */
static const char *refuses_name(struct plan *p, int dir, const char *path, const char *name,
	const struct stat *old)
{
	if (!p->looked || !ward_commit_same_parent(p->looked, path))
		p->fixed = ward_commit_is_fixed(dir, "");
	p->looked = path;
	return p->fixed ? ward_commit_refused_text
			: ward_commit_refuses_name(dir, &p->c->in_root.st, name, old, p->c->euid);
}

/* Of the i-th change. The same file system: another one (a subvolume of btrfs, say) cannot be renamed to, and what lies there waits.
 * Directories say which: on an overlay of two file systems each file has the number of its own.
 */
static int note_place(struct plan *p, size_t i, struct ward_step *s, const struct stat *old,
	struct ward_error *err)
{
	const char *name, *why;
	int dir = ward_commit_hold(&p->c->in_root, p->c->root, s->path, &name), r;

	s->dir_ino = WARD_DIR_UNKNOWN;
	if (is_missing(dir))
		return WARD_OK; /* made by an earlier step, which knows it; or it is left */
	if (dir < 0)
		return cannot_look(err, dir, s->path);
	if (p->c->in_root.st.st_dev != p->c->root_st.st_dev ||
		(old && S_ISDIR(old->st_mode) && old->st_dev != p->c->root_st.st_dev)) {
		leave(p, i, elsewhere_text);
		return WARD_OK;
	}
	s->dir_ino = p->c->in_root.st.st_ino;
	s->dir_old = ward_commit_is_old(p->c, &p->c->in_root.st);
	r = writable_directory(p, i, s->path, dir, err);
	if (r < 0 || !live(p, i))
		return r;
	why = old ? refuses_name(p, dir, s->path, name, old) : NULL;
	if (why)
		leave(p, i, why);
	else if (old && S_ISDIR(old->st_mode) && is_closed(p, old))
		lend_later(p, i, s->path, dir, name, old);
	return WARD_OK;
}

/* What is looked at here is what is replaced: the look for conflicts was an earlier one, and somebody may have written since. */
static bool came_since(struct plan *p, size_t i, const struct stat *st)
{
	const struct ward_change *change = &p->v[i];
	/* Of a directory names come and go; what it has of its own is replaced where the run changed that. */
	bool goes_on = S_ISDIR(st->st_mode) &&
		!(S_ISDIR(change->mode) && (change->bits || change->xattrs));

	if ((p->mark[i] & OURS) || goes_on || ward_commit_is_old(p->c, st))
		return false;
	leave(p, i, "was changed in the project since the run began");
	return true;
}

static int add_take(struct plan *p, const struct gone *g, struct ward_error *err)
{
	const struct ward_change *change = &p->v[g->change];
	struct ward_step *s;
	struct stat st;
	size_t at;
	int r;

	if (change->kind == WARD_CHANGE_TYPE || !live(p, g->change))
		return WARD_OK;
	if (find(p, g->path, strlen(g->path), &at) && p->v[at].mode != 0)
		return WARD_OK; /* something else has the name already */
	r = ward_commit_look(&p->c->in_root, p->c->root, g->path, &st);
	if (r < 0 && !is_missing(r))
		return cannot_look(err, r, g->path);
	if (r == 0 && came_since(p, g->change, &st))
		return WARD_OK;
	s = add(p->c, r < 0 ? WARD_STEP_DROP : WARD_STEP_TAKE, g->path, change);
	if (!s)
		return no_memory(err);
	if (r < 0)
		return WARD_OK;
	note_old(p->c, s, &st);
	return note_place(p, g->change, s, &st, err);
}

static int add_put(struct plan *p, size_t i, struct ward_error *err)
{
	const struct ward_change *change = &p->v[i];
	struct ward_step *s;
	struct stat st;
	/* What was not there a moment ago is not looked for again: its step comes to a free name alone, and is left where there is none. */
	int r = p->mark[i] & ABSENT
		? -ENOENT
		: ward_commit_look(&p->c->in_root, p->c->root, change->path, &st);

	if (r < 0 && !is_missing(r))
		return cannot_look(err, r, change->path);
	if (r == 0 && S_ISDIR(st.st_mode) && S_ISDIR(change->mode))
		return WARD_OK; /* its mode and attributes, later */
	if (r == 0 && came_since(p, i, &st))
		return WARD_OK;
	s = add(p->c, r < 0 ? WARD_STEP_PUT : WARD_STEP_SWAP, change->path, change);
	if (!s)
		return no_memory(err);
	if (r == 0)
		note_old(p->c, s, &st);
	s->new.mode = change->mode;
	return note_place(p, i, s, r == 0 ? &st : NULL, err);
}

/* A directory that the project has, and the run's mode and attributes of it. */
static int add_directory(struct plan *p, size_t i, struct ward_error *err)
{
	const struct ward_change *change = &p->v[i];
	struct ward_step *s;
	struct stat st;
	int r = ward_commit_look(&p->c->in_root, p->c->root, change->path, &st);

	if (r < 0 && !is_missing(r))
		return cannot_look(err, r, change->path);
	if (r < 0 || !S_ISDIR(st.st_mode)) {
		/* New. It is made with the mode, but for what its owner needs to fill it. */
		if (p->c->euid == 0 || (change->mode & S_IRWXU) == S_IRWXU)
			return WARD_OK;
		s = add(p->c, WARD_STEP_DIR, change->path, change);
		if (!s)
			return no_memory(err);
		s->new.mode = change->mode;
		return WARD_OK;
	}
	if (came_since(p, i, &st))
		return WARD_OK;
	if (p->c->euid != 0 && st.st_uid != p->c->euid && (change->bits || change->xattrs)) {
		leave(p, i, others_text);
		return WARD_OK;
	}
	s = add(p->c, WARD_STEP_DIR, change->path, change);
	if (!s)
		return no_memory(err);
	ward_commit_seen(&st, &s->old);
	s->new = s->old;
	s->dir_old = ward_commit_is_old(p->c, &st);
	s->new.mode = S_IFDIR | (change->mode & 07777);
	s->attributes = change->xattrs;
	return WARD_OK;
}

static bool is_directory_change(const struct plan *p, const char *path)
{
	size_t at;

	return find(p, path, strlen(path), &at) && live(p, at) && S_ISDIR(p->v[at].mode);
}

/* One that only is to be written for a while. */
static int add_lent(struct plan *p, const char *path, struct ward_error *err)
{
	struct ward_step *s;
	struct stat st;
	int r;

	if (is_directory_change(p, path))
		return WARD_OK;
	r = ward_commit_look(&p->c->in_root, p->c->root, path, &st);
	if (r < 0)
		return cannot_look(err, r, path);
	s = add(p->c, WARD_STEP_DIR, path, NULL);
	if (!s)
		return no_memory(err);
	ward_commit_seen(&st, &s->old);
	s->new = s->old;
	s->dir_old = ward_commit_is_old(p->c, &st);
	return WARD_OK;
}

static int deepest_first(const void *a, const void *b)
{
	return strcmp(((const struct ward_step *)b)->path, ((const struct ward_step *)a)->path);
}

/* The changes of DIR steps are not looked at again but for attributes, which are found by path; so they may be sorted alone. */
static void sort_directories(struct plan *p, size_t begin)
{
	size_t at;

	qsort(&p->c->j.v[begin], p->c->j.n - begin, sizeof(*p->c->j.v), deepest_first);
	for (size_t i = begin; i < p->c->j.n; i++) {
		const char *path = p->c->j.v[i].path;

		p->c->change[i] = find(p, path, strlen(path), &at) ? &p->v[at] : NULL;
	}
}

static int add_directories(struct plan *p, struct ward_error *err)
{
	size_t begin = p->c->j.n;
	int r = WARD_OK;

	for (size_t k = 0; k < p->n && r == WARD_OK; k++)
		if (live(p, p->order[k]) && S_ISDIR(p->v[p->order[k]].mode))
			r = add_directory(p, p->order[k], err);
	if (p->n_dirs > 0)
		qsort(p->dirs, p->n_dirs, sizeof(*p->dirs),
			text_by_path); /* NOLINT(bugprone-sizeof-expression): pointers */
	for (size_t k = 0; k < p->n_dirs && r == WARD_OK; k++)
		if (k == 0 || strcmp(p->dirs[k], p->dirs[k - 1]) != 0)
			r = add_lent(p, p->dirs[k], err);
	if (r == WARD_OK && p->c->j.n > begin)
		sort_directories(p, begin);
	return r;
}

static int add_drops(struct plan *p, struct ward_error *err)
{
	for (size_t k = 0; k < p->n; k++) {
		const struct ward_change *change = &p->v[p->order[k]];

		if ((p->mark[p->order[k]] & (PICKED | THEIRS | LEFT)) != (PICKED | THEIRS))
			continue;
		if (!add(p->c, WARD_STEP_DROP, change->path, change))
			return no_memory(err);
		if (change->kind == WARD_CHANGE_RENAMED && change->from &&
			!add(p->c, WARD_STEP_DROP, change->from, change))
			return no_memory(err);
	}
	return WARD_OK;
}

/* What was left when the last steps were made has none. */
static void drop_left(struct plan *p)
{
	struct ward_commit *c = p->c;
	size_t n = 0, begin = 0;

	keep_all_that_stays(p);
	for (size_t i = 0; i < c->j.n; i++) {
		if (c->change[i] && (p->mark[c->change[i] - p->v] & LEFT))
			continue;
		begin += i < c->put_begin;
		c->change[n] = c->change[i];
		c->j.v[n++] = c->j.v[i];
	}
	c->j.n = c->put_end = n;
	c->put_begin = begin;
}

/* Which step brings what another takes away. */
static void go_together(struct ward_commit *c)
{
	for (size_t i = 0; i < c->put_end; i++) {
		struct ward_step *s = &c->j.v[i];
		const struct ward_change *change = c->change[i];
		const char *to = change->moved_to ? change->moved_to->path
			: change->kind == WARD_CHANGE_RENAMED && s->kind == WARD_STEP_TAKE
			? change->path
			: NULL;
		size_t at = to && (s->kind == WARD_STEP_TAKE || s->kind == WARD_STEP_SWAP)
			? ward_commit_step_of(c, to, strlen(to))
			: c->put_end;

		if (at < c->put_end && at != i && c->j.v[at].kind != WARD_STEP_DROP)
			s->with = at + 1;
	}
}

/* In a new directory that was left while steps were made of those above it. */
static bool lies_in_left(const struct plan *p, size_t k)
{
	size_t dir = p->above[k] != WARD_PATHS_NONE ? p->order[p->above[k]] : p->n;

	return dir < p->n && (p->mark[dir] & LEFT) && p->v[dir].kind != WARD_CHANGE_MODIFIED &&
		p->v[dir].kind != WARD_CHANGE_DELETED;
}

static int add_steps(struct plan *p, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t k = p->n_gone; k-- > 0 && r == WARD_OK;)
		r = add_take(p, &p->gone[k], err);
	p->c->put_begin = p->c->j.n;
	for (size_t k = 0; k < p->n && r == WARD_OK; k++) {
		if (!live(p, p->order[k]) || p->v[p->order[k]].mode == 0)
			continue;
		if (lies_in_left(p, k))
			leave(p, p->order[k], above_text);
		else
			r = add_put(p, p->order[k], err);
	}
	p->c->put_end = p->c->j.n;
	if (r == WARD_OK) {
		drop_left(p);
		go_together(p->c);
	}
	if (r == WARD_OK)
		r = add_directories(p, err);
	if (r == WARD_OK)
		r = add_drops(p, err);
	return r;
}

int ward_commit_plan(struct ward_commit *c, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, struct ward_error *err)
{
	WARD_CLEANUP(plan_done) struct plan p = { .c = c, .v = all->v, .n = all->n };
	int r;

	p.mark = calloc(p.n + 1, 1);
	p.order = calloc(p.n + 1, sizeof(*p.order));
	p.gone = calloc(p.n + 1, sizeof(*p.gone));
	p.dirs = calloc(4 * p.n + 1,
		sizeof(*p.dirs)); /* NOLINT(bugprone-sizeof-expression): pointers */
	if (!p.mark || !p.order || !p.gone || !p.dirs)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return no_memory(err);
	for (size_t i = 0; i < p.n; i++)
		p.order[i] = (uint32_t)i;
	qsort_r(p.order, p.n, sizeof(*p.order), by_path, (void *)(uintptr_t)all->v);
	r = find_above(&p, err);
	if (r == WARD_OK)
		r = mark_items(&p, v, n, err);
	if (r == WARD_OK)
		r = check_all(&p, err);
	if (r < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return r;
	find_all_gone(&p);
	r = note_waits(&p, err);
	if (r < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return r;
	keep_all_that_stays(&p);
	/* What a step replaces is what is looked at from here on, in the directory that has the name now. */
	ward_commit_let_go(&c->in_root);
	r = add_steps(&p, err);
	ward_commit_let_go(&c->in_root);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return r;
}

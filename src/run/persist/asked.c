/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counts most is asked for by its name, before anything is walked, so that no number of other files uses up what there is for it: the rows
 * of data/persist at the top of what was granted, of the workspace and of the repository that this lies in, and what its git obeys.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/persist/holding.h"
#include "run/review/place.h"

mode_t ward_holding_type_at(struct holding *x, const char *dir, const char *name, const char **ret)
{
	struct stat st;

	*ret = ward_rs_absolute(x->rs, dir, name);
	if (!*ret || ward_rs_lstat(x->rs, *ret, &st) < 0)
		return 0;
	if (ward_pin_marked(st.st_mode) && ward_was_pin(AT_FDCWD, *ret))
		return 0;
	return st.st_mode & S_IFMT;
}

static int git_at(struct holding *x, const char *dir)
{
	const char *path, *in;
	mode_t type;

	if (ward_holding_type_at(x, dir, "HEAD", &in) &&
		ward_holding_type_at(x, dir, "objects", &in) &&
		ward_holding_type_at(x, dir, "refs", &in)) {
		int r = ward_holding_repository(x, dir);

		if (r < 0)
			return r;
	}
	type = ward_holding_type_at(x, dir, ".git", &path);
	if (type == S_IFDIR)
		return ward_holding_type_at(x, path, "HEAD", &in) ? ward_holding_repository(x, path)
								  : WARD_OK;
	return type
		? ward_holding_lead(x, path, "git runs what the directory says that it leads to")
		: WARD_OK;
}

#define DIR_BYTES_MAX (256u << 10) /* on its disk; one that takes more is not read for its names */
#define FIRSTS_MAX 64

/* Of a directory whose names are not known: what it was found to lack, of the directories that rows speak of names in. */
struct firsts {
	struct {
		const char *name; /* a row's, not ended */
		size_t n;
		bool lacks;
	} v[FIRSTS_MAX];
	size_t n;
};

/* A dozen rows that begin alike are asked for by one question, where they are none. */
static bool lacks_first(struct holding *x, struct firsts *f, const char *dir, const char *name)
{
	size_t n = strcspn(name, "/");
	const char *first, *path;
	struct stat st;
	bool lacks;

	if (!name[n])
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].n == n && memcmp(f->v[i].name, name, n) == 0)
			return f->v[i].lacks;
	}
	first = ward_arena_dup(x->rs->arena, name, n);
	path = first ? ward_rs_absolute(x->rs, dir, first) : NULL;
	lacks = path && ward_rs_lstat(x->rs, path, &st) == -ENOENT;
	if (f->n < FIRSTS_MAX) {
		f->v[f->n].name = name;
		f->v[f->n].n = n;
		f->v[f->n++].lacks = lacks;
	}
	return lacks;
}

bool ward_holding_is_of(const struct ward_persist_name *row, mode_t type)
{
	return type && (type == S_IFLNK || (type == S_IFDIR ? !row->file : !row->dir));
}

/* of_git: in git's directory, or all but those. */
static int rows_at(struct holding *x, const char *dir, bool of_git)
{
	WARD_UNSET _Alignas(8) char buf[WARD_DIR_NAMES_ROOM_MANY];
	struct ward_dir_names names = { .buf = buf, .room = sizeof(buf) };
	WARD_UNSET struct firsts firsts;
	int r = WARD_OK;

	firsts.n = 0;
	if (ward_rs_far(x->rs, dir) < 0)
		return WARD_OK;
	ward_dir_names_read(&names, dir, DIR_BYTES_MAX);
	for (size_t i = 0; r == WARD_OK && i < ward_persist_n; i++) {
		const struct ward_persist_name *row = &ward_persist[i];
		const char *path;
		mode_t type;

		if (row->kind >= WARD_PERSIST_TOLD || row->name[0] == '/' ||
			ward_dir_names_lack(&names, row->name) || strchr(row->name, '*') ||
			ward_has_prefix(row->name, ".git/") != of_git ||
			(!names.all && lacks_first(x, &firsts, dir, row->name)))
			continue;
		type = ward_holding_type_at(x, dir, row->spelt, &path);
		if (ward_holding_is_of(row, type))
			r = ward_holding_hold(x, path, row->why);
	}
	return r;
}

static int probe_also(struct holding *x, struct ward_texts *to, const char *dir)
{
	const struct ward_node *shown = dir ? ward_rs_shown_by(x->rs, dir) : NULL;

	if (!dir)
		return ward_rs_nomem(x->err);
	return shown && shown->write && !ward_rs_reviewed(x->rs, dir) &&
			to->n < WARD_PERSIST_PROBED_MAX
		? ward_rs_text(x->rs, to, dir, x->err)
		: WARD_OK;
}

/*
 * Before anything is walked: what counts most lies at the top of what was granted, of the workspace and of the repository that this lies
 * in. Those names are asked for one by one, so that no number of others beside them or in another grant uses up what there is for them.
 */
int ward_holding_ask(struct holding *x)
{
	struct ward_texts dirs = { 0 };
	char dir[WARD_PATH_MAX], *slash;
	int r = WARD_OK;

	(void)snprintf(dir, sizeof(dir), "%s", x->rs->workspace);
	do {
		r = probe_also(x, &dirs, ward_arena_strdup(x->rs->arena, dir));
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
	} while (r == WARD_OK && slash && slash > dir);
	for (size_t i = 0; r == WARD_OK && i < x->roots.n; i++)
		r = probe_also(x, &dirs, x->roots.v[i]);
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = rows_at(x, dirs.v[i], true);
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = git_at(x, dirs.v[i]);
	if (r == WARD_OK)
		r = ward_holding_of_git(x);
	x->walking = true; /* what git needs is left to it */
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = rows_at(x, dirs.v[i], false);
	if (r == WARD_OK)
		r = ward_holding_places(x);
	x->walking = false;
	return r;
}

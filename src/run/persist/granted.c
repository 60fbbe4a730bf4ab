/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a grant gives that runs later, said in a line before the start: directories of the caller's PATH, where whoever calls a program by
 * its name runs what the command put there (ward itself among them, where that stands behind it), and names of data/persist that were granted by
 * name, which nothing holds then. It takes nothing away: whoever grants may mean it, and the line of the grant alone does not show what it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/review/place.h"

struct granted {
	struct ward_resolver *rs;
	struct ward_texts path; /* real directories of PATH, and links on the way to one */
	struct ward_texts names;
	const char *why; /* of the first of names */
	struct ward_error *err;
};

/* By what lies there and who owns it: an ordinary user's run cannot write /usr/local/bin, whatever it is granted. */
static bool may_write(const struct granted *x, const struct stat *st)
{
	return st->st_uid == x->rs->host->uid || (st->st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_masked(const struct ward_resolver *rs, const char *path, const struct ward_node *by)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_MASK && n->fixed && !n->pin &&
			ward_path_within(path, n->dest) && ward_path_within(n->dest, by->dest))
			return true;
	}
	return false;
}

/* By the command, and for good: what is under review is asked about before it is real. */
static bool is_written(const struct ward_resolver *rs, const char *path)
{
	const struct ward_node *shown = ward_rs_shown_by(rs, path);

	return shown && shown->write && !shown->base && !shown->protect &&
		!is_masked(rs, path, shown) && !ward_rs_reviewed(rs, path);
}

/* ---- PATH ---- */

/*
 * In the workspace, and no grant names it: the end lists what came to stand before another program, which is what matters of it
 * (onpath.c). link: place is one on the way to such a directory. behind: where in PATH begins what follows it.
 */
static bool told_later(const struct granted *x, const char *place, bool link, size_t behind)
{
	struct ward_resolver *rs = x->rs;
	const struct ward_node *shown = ward_rs_shown_by(rs, place);

	if (rs->late_names != WARD_LATE_TOLD || !shown || !ward_path_within(place, rs->workspace) ||
		(!shown->hold && ward_streq(shown->dest, place)))
		return false;
	if (!rs->r->before)
		return true; /* a plan */
	return link ? ward_on_path_know_link(rs->r->before, place)
		    : ward_on_path_know(rs->r->before, place, getenv("PATH"), behind);
}

static int put_on_path(struct granted *x, const char *place, bool link, size_t behind)
{
	return told_later(x, place, link, behind) ? WARD_OK
						  : ward_rs_text(x->rs, &x->path, place, x->err);
}

/* What is not there yet may be made, where it is in what may be written. */
static int entry(struct granted *x, const char *dir, size_t behind)
{
	struct ward_resolver *rs = x->rs;
	struct ward_target t;
	bool there = ward_rs_target(rs, dir, &t) == 0;
	const char *real = there ? t.path : ward_rs_would_be(rs, dir);
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < t.n_links; i++) {
		if (is_written(rs, t.links[i].at))
			r = put_on_path(x, t.links[i].at, true, behind);
	}
	if (r < 0 || !real || (there && (!S_ISDIR(t.st.st_mode) || !may_write(x, &t.st))))
		return r;
	return is_written(rs, real) ? put_on_path(x, real, false, behind) : WARD_OK;
}

/* An empty entry is the directory that one is in. */
static int each_entry(struct granted *x)
{
	const char *all = getenv("PATH"), *s = all, *end;
	int r = WARD_OK;

	for (; r == WARD_OK && s; s = *end ? end + 1 : NULL) {
		const char *word, *dir;

		end = strchrnul(s, ':');
		word = ward_arena_dup(x->rs->arena, s, (size_t)(end - s));
		if (!word)
			return ward_rs_nomem(x->err);
		dir = ward_rs_absolute(x->rs, x->rs->cwd, *word ? word : ".");
		r = dir ? entry(x, dir, (size_t)(end - all) + (*end != '\0')) : WARD_OK;
	}
	return r;
}

/* ---- names that were granted by name ---- */

static bool top_enough(void *arg, unsigned above)
{
	(void)arg;
	(void)above;
	return true;
}

/* What the path, or a directory that it lies in, is called by in data/persist. */
static const struct ward_persist_name *row_of(const char *granted, bool is_dir)
{
	char path[WARD_PATH_MAX], *slash;
	const struct ward_persist_name *row = NULL;
	unsigned as = is_dir ? WARD_AS_DIR : WARD_AS_FILE;

	(void)snprintf(path, sizeof(path), "%s", granted);
	for (; !row && (slash = strrchr(path, '/')) && slash[1]; as = WARD_AS_DIR) {
		row = ward_persist_match(path, slash + 1, as, top_enough, NULL);
		row = row && row->kind < WARD_PERSIST_TOLD ? row : NULL;
		*slash = '\0';
	}
	return row;
}

static int add(struct granted *x, const char *path, const char *why)
{
	for (size_t i = 0; i < x->path.n; i++) {
		if (ward_path_within(path, x->path.v[i]))
			return WARD_OK; /* said */
	}
	for (size_t i = 0; i < x->names.n; i++) {
		if (ward_path_within(path, x->names.v[i]))
			return WARD_OK;
	}
	if (x->names.n == 0)
		x->why = why;
	return ward_rs_text(x->rs, &x->names, path, x->err);
}

/* A project may lie in such a directory (.claude/worktrees/NAME): it has a .git of its own. */
static bool is_project(struct ward_resolver *rs, const struct ward_node *n)
{
	struct ward_target t;

	return n->is_dir && ward_rs_find(rs, n->dest, ".git", &t);
}

static int by_grants(struct granted *x)
{
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];
		const struct ward_persist_name *row;
		struct ward_target t;

		if (n->kind != WARD_NODE_BIND || !n->write || n->base || n->protect || n->hold ||
			!is_written(rs, n->dest))
			continue;
		row = row_of(n->dest, n->is_dir);
		if (row && ward_rs_target(rs, n->dest, &t) == 0 && may_write(x, &t.st) &&
			!is_project(rs, n))
			r = add(x, n->dest, row->why);
	}
	return r;
}

static int by_policies(struct granted *x)
{
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->meant.n; i++) {
		const char *path = rs->meant.v[i];
		const struct ward_persist_name *row;
		struct ward_target t;

		if (!is_written(rs, path) || ward_rs_target(rs, path, &t) < 0)
			continue;
		row = row_of(path, S_ISDIR(t.st.st_mode));
		r = may_write(x, &t.st) ? add(x, path, row ? row->why : WARD_GIT_WHY) : WARD_OK;
	}
	return r;
}

/* ---- said ---- */

static int say(struct granted *x)
{
	static const char later[] =
		"may be written: what the command puts there is run later, outside, whenever a program of that name is called";
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	if (x->path.n == 1)
		r = ward_rs_warn(rs, x->err, "%s is on PATH and %s", ward_rs_show(rs, x->path.v[0]),
			later);
	else if (x->path.n > 1)
		r = ward_rs_warn(rs, x->err, "%s and %zu more are on PATH and %s",
			ward_rs_show(rs, x->path.v[0]), x->path.n - 1, later);
	if (r < 0 || x->names.n == 0)
		return r;
	return x->names.n == 1
		? ward_rs_warn(rs, x->err, "%s may be written, since a grant names it: outside, %s",
			  ward_rs_show(rs, x->names.v[0]), x->why)
		: ward_rs_warn(rs, x->err,
			  "%s and %zu more that run code later may be written, since grants name them: of the first, outside, %s",
			  ward_rs_show(rs, x->names.v[0]), x->names.n - 1, x->why);
}

int ward_rs_persist_granted(struct ward_resolver *rs, struct ward_error *err)
{
	struct granted x = { .rs = rs, .err = err };
	bool any = false;
	int r = WARD_OK;

	/* That mode writes what its user may, and says so. */
	if (rs->r->backend != WARD_BACKEND_NATIVE || rs->r->mode == WARD_MODE_DANGER_FULL_ACCESS)
		return WARD_OK;
	for (size_t i = 0; i < rs->n_nodes && !any; i++)
		any = rs->nodes[i].kind == WARD_NODE_BIND && rs->nodes[i].write &&
			!rs->nodes[i].base;
	if (any)
		r = each_entry(&x);
	if (any && r == WARD_OK)
		r = by_grants(&x);
	if (any && r == WARD_OK)
		r = by_policies(&x);
	return r == WARD_OK ? say(&x) : r;
}

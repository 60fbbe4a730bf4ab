/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of data/persist that are one place of the host (/etc/cron.d): there are some hundred, and a grant of /usr or /var lays more before
 * them than a walk looks at. They are asked for where the host looks for them, through the links that lie on the way: what it runs there is
 * what they lead to, and that may be in what was granted although the place is not. Names with a * are left to the walk.
 */
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/persist/holding.h"

#define WHERES_MAX 32
#define LOOKS_MAX 256

/* Where a directory of rows is, once for all of them. */
struct where {
	const char *dir; /* a row's, not ended */
	size_t n;
	const char *real; /* NULL: there is none */
};

struct wheres {
	struct where v[WHERES_MAX];
	size_t n;
};

/* A link on the way can be put elsewhere, with all that lies behind it; no mount stands on one. */
static int by_links(struct holding *x, const struct ward_target *t, const char *why)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < t->n_links; i++) {
		if (ward_holding_is_written(x, t->links[i].at))
			r = ward_holding_cannot(x, t->links[i].at, why,
				"it is a link on the way to it, which could be replaced");
	}
	return r;
}

static int find(struct holding *x, struct wheres *w, const struct ward_persist_name *row,
	struct where *ret)
{
	struct ward_target t;
	const char *dir;
	int r = WARD_OK;

	*ret = (struct where){ .dir = row->spelt, .n = row->last > 1 ? row->last - 1u : 1 };
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].n == ret->n && memcmp(w->v[i].dir, ret->dir, ret->n) == 0) {
			*ret = w->v[i];
			return WARD_OK;
		}
	}
	dir = ward_arena_dup(x->rs->arena, ret->dir, ret->n);
	if (!dir)
		return ward_rs_nomem(x->err);
	if (ward_rs_target(x->rs, dir, &t) == 0 && S_ISDIR(t.st.st_mode)) {
		ret->real = t.path;
		r = by_links(x, &t, row->why);
	}
	if (w->n < WHERES_MAX)
		w->v[w->n++] = *ret;
	return r;
}

static int place(struct holding *x, struct wheres *w, const struct ward_persist_name *row)
{
	struct ward_target t;
	struct where at;
	const char *path;
	mode_t type;
	int r = find(x, w, row, &at);

	if (r < 0 || !at.real)
		return r;
	type = ward_holding_type_at(x, at.real, row->spelt + row->last, &path);
	if (!ward_holding_is_of(row, type))
		return WARD_OK;
	if (ward_holding_is_written(x, path))
		return ward_holding_hold(x, path, row->why);
	if (type != S_IFLNK || ward_rs_target(x->rs, path, &t) < 0)
		return WARD_OK;
	r = by_links(x, &t, row->why);
	return r == WARD_OK && ward_holding_is_written(x, t.path)
		? ward_holding_hold(x, t.path, row->why)
		: r;
}

static bool lies_in_any(const struct holding *x, const char *path)
{
	for (size_t i = 0; i < x->roots.n; i++) {
		if (ward_path_within(path, x->roots.v[i]))
			return true;
	}
	return false;
}

int ward_holding_places(struct holding *x)
{
	struct ward_holding_look looks[LOOKS_MAX] = { 0 };
	struct wheres w = { .n = 0 };
	int r = WARD_OK;

	x->looks = looks;
	x->looks_max = LOOKS_MAX;
	for (size_t i = 0; r == WARD_OK && x->roots.n > 0 && i < ward_persist_n; i++) {
		const struct ward_persist_name *row = &ward_persist[i];

		/* What only root's links lead to an ordinary user could hardly write; to look costs a hundred calls. */
		if (row->name[0] == '/' && row->kind < WARD_PERSIST_TOLD &&
			!strchr(row->name, '*') &&
			(x->rs->host->uid == 0 || lies_in_any(x, row->spelt)))
			r = place(x, &w, row);
	}
	x->looks_max = x->n_looks;
	for (size_t i = 0; r == WARD_OK && i < x->n_looks; i++)
		r = ward_holding_look_in(x, looks[i].path, looks[i].why);
	x->looks = NULL;
	x->n_looks = x->looks_max = 0;
	return r;
}

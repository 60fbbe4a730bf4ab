/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path against data/persist. Case counts for nothing, since on some file systems it does not, and nobody is served by ".Envrc" that is no
 * ".envrc"; only ASCII has case here. Most names of a tree begin like no row, and are done with at once.
 */
#include <string.h>
#include <strings.h>

#include "run/persist/persist.h"

static unsigned char folded(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool same(const char *name, const char *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (folded(name[i]) != (unsigned char)row[i])
			return false;
	}
	return true;
}

/* One component, in which the row may have one *. */
static bool component(const char *name, size_t n, const char *row, size_t n_row)
{
	const char *star;
	size_t before, after;

	/* Most end here: half of all rows begin with a dot. */
	if (n + 1 < n_row)
		return false;
	star = memchr(row, '*', n_row);
	if (!star)
		return n == n_row && same(name, row, n);
	before = (size_t)(star - row);
	after = n_row - before - 1;
	return n >= before + after && same(name, row, before) &&
		same(name + n - after, star + 1, after);
}

/* From the end on; *ret_above: how many components the row, of n bytes, has in front of its last one. */
static bool path_ends(const char *path, const char *row, size_t n, unsigned *ret_above)
{
	const char *p = path + strlen(path), *r = row + n;

	*ret_above = 0;
	for (;;) {
		const char *p_end = p, *r_end = r;

		while (p > path && p[-1] != '/')
			p--;
		while (r > row && r[-1] != '/')
			r--;
		if (!component(p, (size_t)(p_end - p), r, (size_t)(r_end - r)))
			return false;
		if (r == row)
			return true;
		if (p == path)
			return false;
		p--;
		r--;
		++*ret_above;
	}
}

static bool path_is(const char *path, const char *row, unsigned *ret_above)
{
	return path_ends(path, row, strlen(row), ret_above);
}

bool ward_persist_leads(const char *path)
{
	unsigned above;

	for (size_t i = 0; i < ward_persist_n; i++) {
		const char *row = ward_persist[i].name;

		for (const char *s = strchr(row, '/'); s; s = strchr(s + 1, '/')) {
			if (path_ends(path, row, (size_t)(s - row), &above))
				return true;
		}
	}
	return false;
}

const struct ward_persist_name *ward_persist_match(const char *path, const char *name, unsigned as,
	bool (*is_top)(void *arg, unsigned above), void *arg)
{
	unsigned first = folded(name[0]), above;
	size_t len = strlen(name);

	if (first == 0 || first >= 128)
		first = 1; /* of which there is no row */
	for (unsigned part = 0; part < 2; part++) {
		unsigned from = ward_persist_at[part ? first : 0];
		unsigned to = ward_persist_at[part ? first + 1 : 1];

		for (unsigned i = from; i < to; i++) {
			const struct ward_persist_name *row = &ward_persist[i];

			if ((row->dir && !(as & WARD_AS_DIR)) ||
				(row->file && !(as & WARD_AS_FILE)) ||
				!component(name, len, row->name + row->last, row->n_last))
				continue;
			if (path_is(path, row->name, &above) &&
				(row->kind != WARD_PERSIST_TOP || is_top(arg, above)))
				return row;
		}
	}
	return NULL;
}

/* The last component of some row; most names of a tree are none. */
bool ward_persist_may(const char *name)
{
	unsigned first = folded(name[0]);
	size_t n = strlen(name);

	if (n == 0)
		return false;
	if (first == 0 || first >= 128)
		first = 1;
	for (unsigned part = 0; part < 2; part++) {
		unsigned from = ward_persist_at[part ? first : 0];
		unsigned to = ward_persist_at[part ? first + 1 : 1];

		for (unsigned i = from; i < to; i++) {
			const struct ward_persist_name *row = &ward_persist[i];
			const char *last = row->name + row->last;

			/* The cheap half first: this is asked of every name. */
			if ((part || folded(name[n - 1]) == (unsigned char)last[row->n_last - 1] ||
				    last[row->n_last - 1] == '*') &&
				component(name, n, last, row->n_last))
				return true;
		}
	}
	return false;
}

bool ward_persist_passed(const char *name)
{
	for (const char *const *p = ward_persist_pass; *p; p++) {
		if (strcasecmp(name, *p) == 0)
			return true;
	}
	return false;
}

/* Git's own names, and what is loaded from there, count below such a directory all the same. */
bool ward_persist_passes(const struct ward_persist_name *row)
{
	return row->kind != WARD_PERSIST_DEEP && !ward_has_prefix(row->name, ".git/");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns that are neither one name nor one directory: what they match now is bound, name by name. The walk stays
 * below the literal part of the pattern, follows no link, goes only where a match can lie, and is bounded in entries
 * and in matches. A directory that a pattern matches without "/ **" is not bound: that would grant what lies below it,
 * which the pattern does not match.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "run/resolve/look.h"

struct walk {
	struct ward_resolver *rs;
	const struct ward_cap *cap;
	const char *pattern; /* absolute */
	const char *below; /* for X/ ** with wildcards in X: X, else NULL */
	struct ward_texts found;
	size_t directories;
	bool links; /* nothing but links is looked for */
	struct ward_error *err;
};

static int fail_much(struct walk *w, const char *what, size_t most)
{
	char dir[WARD_PATH_MAX], text[WARD_PATH_MAX + 64], word[WARD_PASTE_MAX];

	(void)ward_rs_cap_fail(w->rs, w->cap, WARD_E_LIMIT, w->err, "%s more than %zu", what, most);
	if (ward_glob_prefix(w->cap->resource, dir, sizeof(dir)) < 0 || !dir[0] ||
		ward_streq(dir, "."))
		(void)snprintf(text, sizeof(text), "%s:**", ward_cap_type_name(w->cap->type));
	else
		(void)snprintf(text, sizeof(text), "%s:%s/**", ward_cap_type_name(w->cap->type),
			ward_streq(dir, "/") ? "" : dir);
	ward_fail_fix(w->err, "grant the directory: --cap %s",
		ward_paste(word, text, "TYPE:DIRECTORY/**"));
	return WARD_E_LIMIT;
}

static int entry(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct walk *w = arg;
	bool is_dir = type == WARD_ENTRY_DIR;
	int r = WARD_OK;

	if (w->below ? ward_glob_match(w->below, path) : ward_glob_match(w->pattern, path)) {
		if (is_dir && !w->below)
			w->directories++;
		else if (!w->links || type == WARD_ENTRY_LINK)
			r = ward_rs_push(w->rs, &w->found, path, w->err);
		if (w->found.n > WARD_GLOB_MATCHES_MAX)
			return fail_much(w, "matches", WARD_GLOB_MATCHES_MAX);
		/* All below it is granted with it. */
		if (w->below)
			return r;
	}
	*ret_enter =
		is_dir && !ward_rs_reserved(path) && ward_glob_may_match_below(w->pattern, path);
	return r;
}

static int bind_found(struct walk *w, const char *within, int rule)
{
	for (size_t i = 0; i < w->found.n; i++) {
		struct ward_target t;
		int r = ward_rs_target(w->rs, w->found.v[i], &t);

		/* Gone since, or a link that leads nowhere. */
		if (r < 0)
			continue;
		if (S_ISDIR(t.st.st_mode) && !w->below) {
			w->directories++;
			continue;
		}
		r = ward_rs_show_target(w->rs, w->cap, &t, within, rule, w->err);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static int report(struct walk *w)
{
	const char *type = ward_cap_type_name(w->cap->type),
		   *shown = ward_rs_show(w->rs, w->cap->resource);

	if (w->directories > 0)
		return ward_rs_warn(w->rs, w->err,
			"%s %s also matches %zu director%s, which it does not grant: write %s/**",
			type, shown, w->directories, w->directories == 1 ? "y" : "ies",
			w->cap->resource);
	if (w->found.n == 0)
		return ward_rs_warn(w->rs, w->err, "%s %s matches nothing", type, shown);
	return WARD_OK;
}

/* Where the walk begins, and what it is about. */
static int begin(struct walk *w, char prefix[WARD_PATH_MAX], struct ward_error *err)
{
	if (!w->pattern || ward_glob_prefix(w->pattern, prefix, WARD_PATH_MAX) < 0) {
		(void)ward_rs_cap_fail(w->rs, w->cap, WARD_E_CAPABILITY, err, "is too long");
		ward_fail_fix(err, "grant a directory above it");
		return WARD_E_CAPABILITY;
	}
	if (!ward_has_suffix(w->pattern, "/**"))
		return WARD_OK;
	w->below = ward_arena_dup(w->rs->arena, w->pattern, strlen(w->pattern) - 3);
	return w->below ? WARD_OK : ward_rs_nomem(err);
}

static int look(struct walk *w, const char *prefix)
{
	struct ward_walk walk = { .rs = w->rs, .entry = entry, .arg = w, .err = w->err };
	int r = ward_rs_walk(&walk, prefix);

	/* A match too many has said so itself. */
	return r == WARD_E_LIMIT && walk.looked > WARD_GLOB_WALK_MAX
		? fail_much(w, "would look at", WARD_GLOB_WALK_MAX)
		: r;
}

int ward_rs_glob_links(struct ward_resolver *rs, const struct ward_cap *cap, const char *base,
	const char *pattern, int (*each)(void *arg, const struct ward_target *t), void *arg,
	struct ward_error *err)
{
	struct walk w = { .rs = rs, .cap = cap, .pattern = pattern, .err = err, .links = true };
	struct ward_target t;
	char prefix[WARD_PATH_MAX];
	int r = begin(&w, prefix, err);

	if (r < 0 || ward_rs_target(rs, prefix, &t) < 0 || t.n_links > 0 || !S_ISDIR(t.st.st_mode))
		return r;
	r = look(&w, prefix);
	for (size_t i = 0; r == WARD_OK && i < w.found.n; i++) {
		if (ward_rs_target(rs, w.found.v[i], &t) == 0 &&
			(!S_ISDIR(t.st.st_mode) || w.below) &&
			ward_path_within(t.path, base ? base : prefix))
			r = each(arg, &t);
	}
	return r;
}

int ward_rs_glob(struct ward_resolver *rs, const struct ward_cap *cap, const char *base,
	const char *pattern, int rule, struct ward_error *err)
{
	struct walk w = { .rs = rs, .cap = cap, .pattern = pattern, .err = err };
	struct ward_target t;
	char prefix[WARD_PATH_MAX], word[WARD_PASTE_MAX];
	int r = begin(&w, prefix, err);

	if (r < 0)
		return r;
	r = ward_rs_target(rs, prefix, &t);
	/* The literal part leads through a link: what the names mean is not what they say. */
	if (r == 0 && t.n_links > 0) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"leads through a link, %s -> %s", ward_rs_show(rs, t.links[0].at),
			ward_rs_show(rs, t.links[0].to));
		ward_fail_fix(err, "write the real path, below %s",
			ward_paste(word, t.path, "its target"));
		return WARD_E_CAPABILITY;
	}
	if (r < 0 || !S_ISDIR(t.st.st_mode))
		return report(&w);
	r = look(&w, prefix);
	if (r < 0)
		return r;
	ward_rs_sort(&w.found);
	r = bind_found(&w, base ? base : prefix, rule);
	return r < 0 ? r : report(&w);
}

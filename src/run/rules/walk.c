/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names on disk the patterns of policies match: the names at which an answer may change. The walk stays below the literal part
 * of each pattern, follows no link, goes only where a match can lie, and is bounded in entries and in matches.
 */
#include <stdio.h>
#include <string.h>

#include "run/rules/rules.h"

struct walk {
	struct ward_resolver *rs;
	const struct ward_pattern *pattern;
	size_t skip; /* bytes of a path that are not the pattern's: the workspace */
	struct ward_texts *found;
	bool everywhere; /* the pattern's own place, in which nothing is granted yet */
	struct ward_error *err;
};

static int fail_much(struct walk *w, const char *what, unsigned most)
{
	char text[WARD_PATH_MAX];
	struct ward_str s = ward_pattern_text(w->pattern);

	(void)snprintf(text, sizeof(text), "%.*s", (int)s.n, s.s);
	(void)ward_fail(w->err, WARD_E_LIMIT, "the pattern %s of a policy %s more than %u names",
		ward_rs_show(w->rs, text), what, most);
	ward_fail_fix(w->err, "name the directory that is meant");
	return WARD_E_LIMIT;
}

static struct ward_str own_part(const struct walk *w, const char *path)
{
	const char *s = path + w->skip;

	s += w->skip > 0 && *s == '/';
	return w->skip > 0 && *s == '\0' ? WARD_STR(".") : ward_str(s);
}

/* Is there anything to be seen at, below or above dir, that a grant shows? The base is not searched for names. */
static bool concerns(const struct walk *w, const char *dir)
{
	if (w->everywhere)
		return true;
	for (size_t i = 0; i < w->rs->n_nodes; i++) {
		const struct ward_node *n = &w->rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && !n->base &&
			(ward_path_within(dir, n->dest) || ward_path_within(n->dest, dir)))
			return true;
	}
	return false;
}

static int entry(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct walk *w = arg;
	struct ward_str own = own_part(w, path);
	int r = WARD_OK;

	if (type != WARD_ENTRY_LINK && ward_pattern_match(w->pattern, own)) {
		r = ward_rs_push(w->rs, w->found, path, w->err);
		if (w->found->n > WARD_GLOB_MATCHES_MAX)
			return fail_much(w, "matches", WARD_GLOB_MATCHES_MAX);
	}
	*ret_enter = type == WARD_ENTRY_DIR && !ward_rs_reserved(path) &&
		ward_pattern_may_match_below(w->pattern, own) && concerns(w, path);
	return r;
}

int ward_rules_matches(struct ward_resolver *rs, const struct ward_patterns *patterns,
	bool relative, struct ward_texts *found, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_patterns_count(patterns); i++) {
		struct walk w = { .rs = rs,
			.pattern = ward_patterns_get(patterns, i),
			.found = found,
			.err = err };
		struct ward_walk walk = { .rs = rs, .entry = entry, .arg = &w, .err = err };
		char prefix[WARD_PATH_MAX], start[WARD_PATH_MAX];
		bool enter;
		struct ward_target t;

		if (relative)
			w.skip = strlen(rs->workspace) > 1 ? strlen(rs->workspace) : 0;
		if (ward_pattern_prefix(w.pattern, prefix, sizeof(prefix)) < 0 ||
			ward_path_join(relative ? rs->workspace : "/", prefix, start,
				sizeof(start)) < 0)
			continue; /* longer than any path */
		if (ward_rs_target(rs, start, &t) < 0 || t.n_links > 0 ||
			(ward_rs_reserved(start) && start[1]))
			continue;
		/* A pattern of the workspace may be what grants, wherever it matches. */
		w.everywhere = start[1] && (relative || !concerns(&w, start));
		r = entry(&w, start, WARD_ENTRY_OTHER, &enter);
		/* A pattern of all below src is about a file of that name, too. */
		if (r == WARD_OK && S_ISDIR(t.st.st_mode))
			r = ward_rs_walk(&walk, start);
		if (r == WARD_E_LIMIT && walk.looked > WARD_GLOB_WALK_MAX)
			return fail_much(&w, "would look at", WARD_GLOB_WALK_MAX);
	}
	return r;
}

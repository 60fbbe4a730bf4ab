/* SPDX-License-Identifier: Apache-2.0 */
/* Who names one of those names in a write grant, or in a policy that grants, meant it. */
#include <string.h>

#include "decide/decide.h"
#include "os/os.h"
#include "run/persist/persist.h"
#include "run/rules/rules.h"

static int name_of(struct ward_resolver *rs, const char *base, const char *text,
	struct ward_texts *to, struct ward_error *err)
{
	const char *path = ward_rs_absolute(rs, base, text);
	struct ward_target t;

	if (!path || ward_rs_target(rs, path, &t) < 0)
		return WARD_OK;
	return ward_rs_text(rs, to, t.path, err);
}

int ward_meant_names(struct ward_resolver *rs, struct ward_texts *to, struct ward_error *err)
{
	const struct ward_caps *caps = &rs->caps;
	char dir[WARD_PATH_MAX];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < caps->n; i++) {
		const struct ward_cap *cap = &caps->v[i];

		if (cap->type != WARD_CAP_FILE_WRITE)
			continue;
		if (cap->literal)
			r = name_of(rs, rs->cwd, cap->resource, to, err);
		else if (!ward_glob_is_pattern(cap->resource))
			r = name_of(rs, rs->workspace, cap->resource, to, err);
		else if (ward_glob_is_subtree(cap->resource, dir, sizeof(dir)) && dir[0])
			r = name_of(rs, rs->workspace, dir, to, err);
	}
	return r;
}

static bool has(const struct ward_verdict *v, const struct ward_book_rule *rule)
{
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		if (v->rules[i] == rule)
			return true;
	}
	return false;
}

/*
 * A permit of a layer that grants names it, and is none for just any name beside it. What others name or forbid, those above all who
 * may only narrow, says nothing: the protection is not lifted because something was denied.
 */
static int by_policy(struct ward_resolver *rs, const char *path, bool *ret, struct ward_error *err)
{
	const struct ward_book *book = rs->book ? rs->book->book : NULL;
	size_t dir = strlen(path) - strlen(ward_path_basename(path));
	struct ward_verdict own, other;
	const char *beside;
	bool named = false;
	int r;

	*ret = false;
	if (!book)
		return WARD_OK;
	r = ward_rules_ask(rs, WARD_ACT_FS_WRITE, path, &own, err);
	if (r < 0 || own.effect == WARD_DENY)
		return r;
	for (size_t i = 0; i < own.n_rules && i < WARD_VERDICT_RULES_MAX && !named; i++)
		named = ward_book_permit_names(book, own.rules[i], path);
	if (!named)
		return WARD_OK;
	beside = ward_arena_printf(rs->arena, "%.*s" WARD_ANY_NAME, (int)dir, path);
	if (!beside)
		return ward_rs_nomem(err);
	r = ward_rules_ask(rs, WARD_ACT_FS_WRITE, beside, &other, err);
	for (size_t i = 0; r == WARD_OK && i < own.n_rules && i < WARD_VERDICT_RULES_MAX; i++)
		*ret = *ret ||
			(ward_book_permit_names(book, own.rules[i], path) &&
				(other.effect == WARD_DENY || !has(&other, own.rules[i])));
	return r;
}

int ward_meant(struct ward_resolver *rs, const struct ward_texts *names, const char *path,
	bool *ret, struct ward_error *err)
{
	int r;

	*ret = false;
	for (size_t i = 0; i < names->n && !*ret; i++)
		*ret = ward_streq(names->v[i], path);
	r = *ret ? WARD_OK : by_policy(rs, path, ret, err);
	return r == WARD_OK && *ret ? ward_rs_text(rs, &rs->meant, path, err) : r;
}

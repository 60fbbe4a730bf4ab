/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can change during a run: of a request about files everything is fixed but the time. Who takes context as a value could
 * compare it whole, the time in it.
 */
#include <stdlib.h>

#include "policy/book/own.h"

struct looking {
	const struct ward_book *b;
	bool found;
};

static int look(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;
	bool of_context =
		x->kind == CEDAR_X_ATTR && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT;

	if (x->kind == CEDAR_X_VAR && x->aux == CEDAR_CONTEXT)
		l->found = true;
	else if (of_context)
		l->found = l->found || ward_cedar_str_eq(x->name, l->b->words[WARD_WORD_TIME]);
	else if (x->kind == CEDAR_X_HAS && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT)
		return 0; /* whether it is there does not change */
	else
		return ward_cedar_expr_children(x, look,
			arg); /* as deep as the parser lets it be */
	return 0;
}

/* ---- patterns ---- */

/* Of names that may come to be: of a directory or a name alone the view knows all that there is to know (run/rules/view.c). */
static bool is_of_names(const struct ward_pattern *p)
{
	WARD_UNSET char at[WARD_PATH_MAX];

	return !ward_pattern_is_subtree(p, at, sizeof(at)) &&
		!ward_pattern_is_literal(p, at, sizeof(at));
}

/* leading: NULL, or those that count. */
static bool is_pattern(const struct ward_book *b, const struct cedar_uid *const *leading,
	const struct cedar_uid *uid)
{
	if (uid == NULL || !ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_GLOB]))
		return false;
	for (size_t i = 0; leading != NULL && leading[i] != NULL; i++) {
		if (ward_cedar_uid_eq(leading[i], uid))
			return true;
	}
	for (size_t k = 0; leading == NULL && k < WARD_ARRAY_SIZE(b->globs); k++) {
		for (size_t i = 0; i < b->globs[k].n; i++) {
			if (ward_cedar_uid_eq(b->globs[k].uids[i], uid))
				return is_of_names(ward_patterns_get(b->globs[k].patterns, i));
		}
	}
	return leading == NULL;
}

/* Absolute, or as what is relative to the workspace has it; n 0: it lies in none. */
static struct ward_str own_part(const struct ward_book *b, const char *dir, bool relative)
{
	if (!relative)
		return ward_str(dir);
	if (!ward_path_within(dir, b->workspace))
		return WARD_STR("");
	dir += b->workspace_n;
	dir += *dir == '/';
	return *dir != '\0' ? ward_str(dir) : WARD_STR(".");
}

const struct cedar_uid **ward_book_leading(const struct ward_book *b, const char *dir)
{
	const struct cedar_uid **v =
		malloc((b->globs[0].n + b->globs[1].n + 1) * sizeof(const struct cedar_uid *));
	size_t n = 0;

	for (size_t k = 0; v != NULL && k < WARD_ARRAY_SIZE(b->globs); k++) {
		struct ward_str own = own_part(b, dir, k == 1);

		for (size_t i = 0; own.n > 0 && i < b->globs[k].n; i++) {
			const struct ward_pattern *p = ward_patterns_get(b->globs[k].patterns, i);

			if (is_of_names(p) && ward_pattern_may_match_below(p, own))
				v[n++] = b->globs[k].uids[i];
		}
	}
	if (v != NULL)
		v[n] = NULL;
	return v;
}

/* Of a match: what is true with it, what is true without it. */
#define WITH 1u
#define WITHOUT 2u

struct matching {
	const struct ward_book *b;
	const struct cedar_uid *const *leading;
	unsigned seen; /* which of them a pattern makes */
	bool turned; /* under a "!", or under an odd number of them */
	bool both; /* under something that may turn it or not */
};

static int look_for_pattern(const struct cedar_expr *x, void *arg)
{
	/* These are true of more the more their parts are true of; an "in" of a set too. Nothing is known of any other. */
	static const bool keeps[CEDAR_X_KIND_MAX] = {
		[CEDAR_X_AND] = true,
		[CEDAR_X_OR] = true,
		[CEDAR_X_NOT] = true,
		[CEDAR_X_IF] = true,
		[CEDAR_X_IN] = true,
		[CEDAR_X_IS] = true,
		[CEDAR_X_SET] = true,
	};
	struct matching *m = arg, below = *m;
	int r = 0;

	if (x->kind == CEDAR_X_ENTITY) {
		if (is_pattern(m->b, m->leading, x->uid))
			m->seen |= m->both ? WITH | WITHOUT : m->turned ? WITHOUT : WITH;
		return 0;
	}
	below.turned = m->turned != (x->kind == CEDAR_X_NOT);
	below.both = m->both || !keeps[x->kind];
	if (x->kind != CEDAR_X_IF) {
		r = ward_cedar_expr_children(x, look_for_pattern, &below);
	} else {
		for (uint32_t i = 1; i < x->n; i++)
			(void)look_for_pattern(x->v[i], &below);
		below.both = true;
		(void)look_for_pattern(x->v[0], &below);
	}
	m->seen |= below.seen;
	return r;
}

/* A permit that a match makes true gives what is there; one that a match makes false takes, and so does a forbid that it makes true. */
bool ward_book_is_late(const struct ward_book *b, const struct cedar_policy *p,
	const struct cedar_uid *const *leading)
{
	struct matching m = { .b = b, .leading = leading };
	bool forbid = p->effect == CEDAR_FORBID;

	if (is_pattern(b, leading, p->resource.uid))
		m.seen = WITH;
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		m.turned = p->conditions[i].unless;
		(void)look_for_pattern(p->conditions[i].body, &m);
	}
	return m.seen & (forbid ? WITH : WITHOUT);
}

bool ward_book_is_timely(const struct ward_book *b, const struct cedar_policy *p)
{
	struct looking l = { .b = b };

	for (uint32_t i = 0; !l.found && i < p->n_conditions; i++)
		(void)look(p->conditions[i].body, &l);
	return l.found;
}

/* ---- programs ---- */

static int look_for_name(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;

	if (x->kind == CEDAR_X_ATTR && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_RESOURCE &&
		ward_cedar_str_eq(x->name, l->b->words[WARD_WORD_NAME]))
		l->found = true;
	return ward_cedar_expr_children(x, look_for_name, arg);
}

bool ward_book_is_named(const struct ward_book *b, const struct cedar_policy *p)
{
	struct looking l = { .b = b };

	for (uint32_t i = 0; !l.found && i < p->n_conditions; i++)
		(void)look_for_name(p->conditions[i].body, &l);
	return l.found;
}

static int look_for_arguments(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;

	if (x->kind == CEDAR_X_ATTR && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT &&
		ward_cedar_str_eq(x->name, l->b->words[WARD_WORD_ARGV]))
		l->found = true;
	return ward_cedar_expr_children(x, look_for_arguments, arg);
}

/* What an "unless" spares so is less than what is forbidden: the judge takes no path for it. */
bool ward_book_is_unheld(const struct ward_book *b, const struct cedar_policy *p)
{
	struct looking l = { .b = b };

	for (uint32_t i = 0; p->effect == CEDAR_FORBID && !l.found && i < p->n_conditions; i++) {
		if (!p->conditions[i].unless)
			(void)look_for_arguments(p->conditions[i].body, &l);
	}
	return l.found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can change during a run: of a request about files everything is fixed but the time. Who takes context as a value could
 * compare it whole, the time in it.
 */
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

static bool is_pattern(const struct ward_book *b, const struct cedar_uid *uid)
{
	char dir[WARD_PATH_MAX];

	if (uid == NULL || !ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_GLOB]))
		return false;
	for (size_t k = 0; k < WARD_ARRAY_SIZE(b->globs); k++) {
		for (size_t i = 0; i < b->globs[k].n; i++) {
			if (ward_cedar_uid_eq(b->globs[k].uids[i], uid))
				return !ward_pattern_is_subtree(ward_patterns_get(b->globs[k]
											  .patterns,
									i),
					dir, sizeof(dir));
		}
	}
	return true;
}

static int look_for_pattern(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;

	if (x->kind == CEDAR_X_ENTITY)
		l->found = l->found || is_pattern(l->b, x->uid);
	return ward_cedar_expr_children(x, look_for_pattern, arg);
}

/* A permit by a pattern gives what is there; one that spares by a pattern takes. So does a forbid, in its scope too. */
bool ward_book_is_late(const struct ward_book *b, const struct cedar_policy *p)
{
	struct looking l = { .b = b };

	if (p->effect == CEDAR_FORBID)
		l.found = is_pattern(b, p->resource.uid);
	for (uint32_t i = 0; !l.found && i < p->n_conditions; i++) {
		if (p->effect == CEDAR_FORBID ? !p->conditions[i].unless : p->conditions[i].unless)
			(void)look_for_pattern(p->conditions[i].body, &l);
	}
	return l.found;
}

bool ward_book_is_timely(const struct ward_book *b, const struct cedar_policy *p)
{
	struct looking l = { .b = b };

	for (uint32_t i = 0; !l.found && i < p->n_conditions; i++)
		(void)look(p->conditions[i].body, &l);
	return l.found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees: made, walked, measured, compared. Two are equal that print the same JSON: how a chain of && was put into
 * parentheses on its left does not count, nor do the order of a record's fields and the quotes around names.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/value/value.h"

/* What the union of a node holds. */
enum shape { LEAF = 0, LIST, ONE, TWO, FIELDS };

static enum shape shape(const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR:
	case CEDAR_X_IF:
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return LIST;
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY:
	case CEDAR_X_ATTR:
	case CEDAR_X_HAS:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS: return ONE;
	case CEDAR_X_EQ:
	case CEDAR_X_NE:
	case CEDAR_X_LT:
	case CEDAR_X_LE:
	case CEDAR_X_GT:
	case CEDAR_X_GE:
	case CEDAR_X_IN:
	case CEDAR_X_ADD:
	case CEDAR_X_SUB:
	case CEDAR_X_MUL:
	case CEDAR_X_CONTAINS:
	case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY:
	case CEDAR_X_GET_TAG:
	case CEDAR_X_HAS_TAG: return TWO;
	case CEDAR_X_RECORD: return FIELDS;
	default: return LEAF;
	}
}

struct cedar_expr *ward_cedar_expr_new(struct cedar_pool *p, enum cedar_expr_kind kind,
	const struct cedar_expr *at)
{
	struct cedar_expr *x = ward_arena_alloc(ward_cedar_pool_arena(p), sizeof(*x));

	if (x == NULL)
		return NULL;
	x->kind = (uint8_t)kind;
	x->start = at != NULL ? at->start : 0;
	x->end = at != NULL ? at->end : 0;
	return x;
}

int ward_cedar_expr_children(const struct cedar_expr *x,
	int (*f)(const struct cedar_expr *child, void *arg), void *arg)
{
	int r = 0;

	switch (shape(x)) {
	case LEAF: break;
	case LIST:
		for (uint32_t i = 0; r >= 0 && i < x->n; i++)
			r = f(x->v[i], arg);
		break;
	case FIELDS:
		for (uint32_t i = 0; r >= 0 && i < x->n; i++)
			r = f(x->fields[i].x, arg);
		break;
	case ONE:
		r = f(x->a, arg);
		if (r >= 0 && x->kind == CEDAR_X_IS && x->is->in != NULL)
			r = f(x->is->in, arg);
		break;
	case TWO:
		r = f(x->a, arg);
		if (r >= 0)
			r = f(x->b, arg);
		break;
	}
	return r < 0 ? r : 0;
}

static int deepest(const struct cedar_expr *child, void *arg)
{
	unsigned *max = arg, depth = ward_cedar_expr_depth(child);

	*max = depth > *max ? depth : *max;
	return 0;
}

unsigned ward_cedar_expr_depth(const struct cedar_expr *x)
{
	unsigned max = 0;

	(void)ward_cedar_expr_children(x, deepest, &max);
	return max + 1;
}

/* ---- equality ---- */

/* An operand of a chain of && or ||, whose first may be a chain itself. */
struct link {
	const struct cedar_expr *chain;
	uint32_t i;
};

static struct link enter(const struct cedar_expr *x, unsigned kind)
{
	while (x->n > 0 && x->n == 1 && x->v[0]->kind == kind)
		x = x->v[0];
	return (struct link){ x, x->n };
}

/* The operand before; NULL at the beginning. */
static const struct cedar_expr *back(struct link *l, unsigned kind)
{
	while (l->i == 1 && l->chain->v[0]->kind == kind)
		*l = enter(l->chain->v[0], kind);
	return l->i > 0 ? l->chain->v[--l->i] : NULL;
}

static bool chain_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	struct link l = enter(a, a->kind), m = enter(b, a->kind);

	for (;;) {
		const struct cedar_expr *x = back(&l, a->kind), *y = back(&m, a->kind);

		if (x == NULL || y == NULL)
			return x == y;
		if (!ward_cedar_expr_eq(x, y))
			return false;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct cedar_field *const *x = a, *const *y = b;

	return ward_cedar_str_cmp((*x)->name, (*y)->name);
}

const struct cedar_field **ward_cedar_fields_sorted(const struct cedar_expr *x)
{
	const struct cedar_field **v = calloc(x->n + 1u, sizeof(*v));

	if (v == NULL)
		return NULL;
	for (uint32_t i = 0; i < x->n; i++)
		v[i] = &x->fields[i];
	qsort(v, x->n, sizeof(*v), by_name);
	return v;
}

static const struct cedar_field *find(const struct cedar_expr *x, const struct cedar_str *name)
{
	for (uint32_t i = 0; i < x->n; i++) {
		if (ward_cedar_str_eq(x->fields[i].name, name))
			return &x->fields[i];
	}
	return NULL;
}

static bool record_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	const struct cedar_field **v, **w;
	bool same = a->n == b->n;

	if (!same || a->n <= 16) { /* also when there is no memory for more */
		for (uint32_t i = 0; same && i < a->n; i++) {
			const struct cedar_field *f = find(b, a->fields[i].name);

			same = f != NULL && ward_cedar_expr_eq(a->fields[i].x, f->x);
		}
		return same;
	}
	v = ward_cedar_fields_sorted(a);
	w = ward_cedar_fields_sorted(b);
	for (uint32_t i = 0; same && i < a->n; i++) {
		const struct cedar_field *f = v != NULL ? v[i] : &a->fields[i];
		const struct cedar_field *g = v != NULL && w != NULL ? w[i] : find(b, f->name);

		same = g != NULL && ward_cedar_str_eq(f->name, g->name) &&
			ward_cedar_expr_eq(f->x, g->x);
	}
	free(v);
	free(w);
	return same;
}

static bool leaf_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	switch ((enum cedar_expr_kind)a->kind) {
	case CEDAR_X_BOOL: return a->truth == b->truth;
	case CEDAR_X_LONG: return a->number == b->number;
	case CEDAR_X_STRING: return ward_cedar_str_eq(a->str, b->str);
	case CEDAR_X_UNKNOWN: return a->aux == b->aux && ward_cedar_str_eq(a->str, b->str);
	case CEDAR_X_ENTITY: return ward_cedar_uid_eq(a->uid, b->uid);
	case CEDAR_X_VAR:
	case CEDAR_X_SLOT: return a->aux == b->aux;
	case CEDAR_X_VALUE: return ward_cedar_value_eq(a->value, b->value);
	default: return true;
	}
}

/* Both are of the same kind, which has one operand and something besides. */
static bool one_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	if (!ward_cedar_expr_eq(a->a, b->a))
		return false;
	switch ((enum cedar_expr_kind)a->kind) {
	case CEDAR_X_ATTR: return ward_cedar_str_eq(a->name, b->name);
	case CEDAR_X_LIKE: return ward_cedar_str_eq(a->pattern, b->pattern);
	case CEDAR_X_HAS:
		for (uint32_t i = 0; i < a->n && i < b->n; i++) {
			if (!ward_cedar_str_eq(a->names[i], b->names[i]))
				return false;
		}
		return a->n == b->n;
	case CEDAR_X_IS:
		return ward_cedar_str_eq(a->is->type, b->is->type) &&
			(a->is->in == NULL) == (b->is->in == NULL) &&
			(a->is->in == NULL || ward_cedar_expr_eq(a->is->in, b->is->in));
	default: return true;
	}
}

bool ward_cedar_expr_eq(const struct cedar_expr *a, const struct cedar_expr *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind)
		return false;
	if (a->kind == CEDAR_X_AND || a->kind == CEDAR_X_OR)
		return chain_eq(a, b);
	switch (shape(a)) {
	case LEAF: return leaf_eq(a, b);
	case ONE: return one_eq(a, b);
	case TWO: return ward_cedar_expr_eq(a->a, b->a) && ward_cedar_expr_eq(a->b, b->b);
	case FIELDS: return record_eq(a, b);
	case LIST: break;
	}
	if (a->n != b->n || a->aux != b->aux)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!ward_cedar_expr_eq(a->v[i], b->v[i]))
			return false;
	}
	return true;
}

static bool scope_eq(const struct cedar_scope *a, const struct cedar_scope *b)
{
	if (a->op != b->op || a->slot != b->slot || (a->uid == NULL) != (b->uid == NULL) ||
		(a->type == NULL) != (b->type == NULL))
		return false;
	return (a->uid == NULL || ward_cedar_uid_eq(a->uid, b->uid)) &&
		(a->type == NULL || ward_cedar_str_eq(a->type, b->type));
}

/* in [one] is the same as in one. */
static bool action_eq(const struct cedar_action_scope *a, const struct cedar_action_scope *b)
{
	if (a->op != b->op || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!ward_cedar_uid_eq(a->uids[i], b->uids[i]))
			return false;
	}
	return true;
}

bool ward_cedar_policy_eq(const struct cedar_policy *a, const struct cedar_policy *b)
{
	if (a->effect != b->effect || a->n_annotations != b->n_annotations ||
		a->n_conditions != b->n_conditions || !scope_eq(&a->principal, &b->principal) ||
		!action_eq(&a->action, &b->action) || !scope_eq(&a->resource, &b->resource))
		return false;
	for (uint32_t i = 0; i < a->n_annotations; i++) {
		const struct cedar_annotation *x = &a->annotations[i], *y = &b->annotations[i];

		if (!ward_cedar_str_eq(x->key, y->key) ||
			(x->value == NULL) != (y->value == NULL) ||
			(x->value != NULL && !ward_cedar_str_eq(x->value, y->value)))
			return false;
	}
	for (uint32_t i = 0; i < a->n_conditions; i++) {
		const struct cedar_condition *x = &a->conditions[i], *y = &b->conditions[i];

		if (x->unless != y->unless || !ward_cedar_expr_eq(x->body, y->body))
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node as text: what type-checking left of it in this environment, since that is what the language's tools show.
 */
#include "cedar/validate/check.h"

static const struct cedar_expr *expr_of(struct checker *c, const struct node *n);

static const struct cedar_expr **list_of(struct checker *c, const struct node *n)
{
	const struct cedar_expr **v = ward_cedar_check_alloc(c, c->per_env, n->n, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < n->n; i++) {
		v[i] = expr_of(c, n->v[i]);
		if (v[i] == NULL)
			return NULL;
	}
	return v;
}

/* a && b && c as (a && b) && c. */
APART static const struct cedar_expr *chain(struct checker *c, const struct node *n)
{
	uint32_t alive = n->alive > 0 ? n->alive : n->n;
	const struct cedar_expr *left = expr_of(c, n->v[0]);

	for (uint32_t i = 1; i < alive && left != NULL; i++) {
		struct cedar_expr *x = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*x));
		const struct cedar_expr **v = ward_cedar_check_alloc(c, c->per_env, 2, sizeof(*v));

		if (x == NULL || v == NULL)
			return NULL;
		v[0] = left;
		v[1] = expr_of(c, n->v[i]);
		if (v[1] == NULL)
			return NULL;
		*x = (struct cedar_expr){ .kind = n->kind, .n = 2, .v = v };
		left = x;
	}
	return left;
}

APART static bool fill_record(struct checker *c, struct cedar_expr *x, const struct node *n)
{
	struct cedar_field *f = ward_cedar_check_alloc(c, c->per_env, n->n, sizeof(*f));

	for (uint32_t i = 0; f != NULL && i < n->n; i++) {
		f[i] = (struct cedar_field){ .name = n->names[i], .x = expr_of(c, n->v[i]) };
		if (f[i].x == NULL)
			return false;
	}
	x->n = n->n;
	x->fields = f;
	return f != NULL;
}

APART static bool fill_operands(struct checker *c, struct cedar_expr *x, const struct node *n)
{
	if (n->kind == CEDAR_X_SET || n->kind == CEDAR_X_CALL || n->kind == CEDAR_X_IF) {
		const struct cedar_expr **v = list_of(c, n);

		/* The branch that is never taken is shown as the other. */
		if (v != NULL && n->kind == CEDAR_X_IF && n->alive != ALIVE_BOTH)
			v[n->alive == ALIVE_THEN ? 2 : 1] = v[n->alive == ALIVE_THEN ? 1 : 2];
		x->n = n->n;
		x->v = v;
		return v != NULL;
	}
	x->a = expr_of(c, n->v[0]);
	if (n->kind != CEDAR_X_HAS && n->n > 1)
		x->b = expr_of(c, n->v[1]);
	return x->a != NULL && (n->kind == CEDAR_X_HAS || n->n < 2 || x->b != NULL);
}

APART static bool fill_is(struct checker *c, struct cedar_expr *x, const struct node *n)
{
	struct cedar_is *is = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*is));

	if (is != NULL)
		is->type = n->str;
	x->is = is;
	return is != NULL;
}

static const struct cedar_expr *expr_of(struct checker *c, const struct node *n)
{
	struct cedar_expr *x;
	bool ok = true;

	if (n->kind == CEDAR_X_AND || n->kind == CEDAR_X_OR)
		return chain(c, n);
	x = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->kind = n->kind;
	x->aux = n->aux;
	if (n->kind == CEDAR_X_RECORD)
		return fill_record(c, x, n) ? x : NULL;
	if (n->n > 0 || n->kind == CEDAR_X_SET || n->kind == CEDAR_X_CALL)
		ok = fill_operands(c, x, n);
	switch (n->kind) {
	case CEDAR_X_BOOL: x->truth = n->truth; break;
	case CEDAR_X_LONG: x->number = n->number; break;
	case CEDAR_X_STRING:
	case CEDAR_X_UNKNOWN: x->str = n->str; break;
	case CEDAR_X_ENTITY: x->uid = n->uid; break;
	case CEDAR_X_ATTR: x->name = n->str; break;
	case CEDAR_X_LIKE: x->pattern = n->str; break;
	case CEDAR_X_IS: ok = ok && fill_is(c, x, n); break;
	case CEDAR_X_HAS:
		x->n = n->n_names;
		x->names = n->names;
		break;
	default: break;
	}
	return ok ? x : NULL;
}

/* What n and those below it take at least; false: more than *left, of which it is taken. */
static bool is_short(const struct node *n, size_t *left)
{
	size_t own = 1, count = n->kind == CEDAR_X_HAS ? 1 : n->n;

	switch (n->kind) {
	case CEDAR_X_STRING:
	case CEDAR_X_UNKNOWN:
	case CEDAR_X_ATTR:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS: own += n->str->n; break;
	case CEDAR_X_ENTITY: own += n->uid->type->n + n->uid->id->n; break;
	default: break;
	}
	for (size_t i = 0; i < (n->kind == CEDAR_X_HAS                     ? n->n_names
					       : n->kind == CEDAR_X_RECORD ? n->n
									   : 0);
		i++)
		own += n->names[i]->n;
	if (own > *left)
		return false;
	*left -= own;
	for (size_t i = 0; i < count; i++)
		if (!is_short(n->v[i], left))
			return false;
	return true;
}

void ward_cedar_print_node(struct checker *c, struct ward_buf *out, const struct node *n)
{
	size_t left = PRINTED_MAX;
	const struct cedar_expr *x = is_short(n, &left) ? expr_of(c, n) : NULL;

	if (x != NULL)
		ward_cedar_print_expr(out, x);
	else
		ward_buf_adds(out, "..");
}

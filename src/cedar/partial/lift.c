/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A residual as a policy of the language: variables again, simplified, and what can stand in the scope stands there. A
 * scope is looked at before the condition and never fails; so only what the condition begins with may go there.
 */
#include <stdlib.h>

#include "cedar/partial/residual.h"

/* VAR == E, VAR in E, VAR is T: of which variable? Else CEDAR_CONTEXT. */
static unsigned variable_of(const struct cedar_expr *x)
{
	if (x->kind != CEDAR_X_EQ && x->kind != CEDAR_X_IN && x->kind != CEDAR_X_IS)
		return CEDAR_CONTEXT;
	return x->a->kind == CEDAR_X_VAR ? x->a->aux : CEDAR_CONTEXT;
}

static bool lift_entity(struct cedar_scope *s, const struct cedar_expr *x)
{
	bool is = x->kind == CEDAR_X_IS;

	if (is ? x->is->in != NULL : x->b->kind != CEDAR_X_ENTITY)
		return false;
	if (s->op == CEDAR_SCOPE_ANY) {
		s->op = is                      ? CEDAR_SCOPE_IS
			: x->kind == CEDAR_X_EQ ? CEDAR_SCOPE_EQ
						: CEDAR_SCOPE_IN;
		s->type = is ? x->is->type : NULL;
		s->uid = is ? NULL : x->b->uid;
		return true;
	}
	if (s->op != (is ? CEDAR_SCOPE_IN : CEDAR_SCOPE_IS) || x->kind == CEDAR_X_EQ)
		return false;
	s->op = CEDAR_SCOPE_IS_IN;
	if (is)
		s->type = x->is->type;
	else
		s->uid = x->b->uid;
	return true;
}

static int by_uid(const void *a, const void *b)
{
	const struct cedar_uid *const *x = a, *const *y = b;

	return ward_cedar_uid_cmp(*x, *y);
}

static bool is_action(const struct cedar_uid *uid)
{
	return ward_str_eq(ward_cedar_basename(ward_cedar_text(uid->type)), WARD_STR("Action"));
}

/* action == E, action in [E, ...]. False in *ok: no memory. */
static bool lift_action(struct cedar_pool *pool, struct cedar_action_scope *a,
	const struct cedar_expr *x, bool *ok)
{
	const struct cedar_set *set = NULL;
	const struct cedar_uid **v;

	if (a->op != CEDAR_SCOPE_ANY || x->kind == CEDAR_X_IS)
		return false;
	if (x->b->kind == CEDAR_X_VALUE && x->b->value->tag == CEDAR_V_SET && x->kind == CEDAR_X_IN)
		set = x->b->value->set;
	else if (x->b->kind != CEDAR_X_ENTITY || !is_action(x->b->uid))
		return false;
	for (uint32_t i = 0; set != NULL && i < set->n; i++) {
		if (set->v[i].tag != CEDAR_V_ENTITY || !is_action(set->v[i].uid))
			return false;
	}
	v = ward_arena_alloc(ward_cedar_pool_arena(pool), (set != NULL ? set->n : 1) * sizeof(*v));
	*ok = v != NULL;
	if (v == NULL)
		return false;
	a->op = x->kind == CEDAR_X_EQ ? CEDAR_SCOPE_EQ : CEDAR_SCOPE_IN;
	a->list = set != NULL;
	a->n = set != NULL ? set->n : 1;
	a->uids = v;
	for (uint32_t i = 0; i < a->n; i++)
		v[i] = set != NULL ? set->v[i].uid : x->b->uid;
	qsort(v, a->n, sizeof(*v), by_uid);
	return true;
}

static bool lift_one(struct cedar_pool *pool, struct cedar_policy *p, const struct cedar_expr *x,
	bool *ok)
{
	switch (variable_of(x)) {
	case CEDAR_PRINCIPAL: return lift_entity(&p->principal, x);
	case CEDAR_ACTION: return lift_action(pool, &p->action, x, ok);
	case CEDAR_RESOURCE: return lift_entity(&p->resource, x);
	default: return false;
	}
}

/* What is left of the condition; NULL: nothing. False: no memory. */
static bool lift(struct cedar_pool *pool, struct cedar_policy *p, const struct cedar_expr **x)
{
	bool ok = true;
	struct cedar_expr *rest;
	uint32_t i = 0;

	if ((*x)->kind != CEDAR_X_AND) {
		if (lift_one(pool, p, *x, &ok))
			*x = NULL;
		return ok;
	}
	while (i < (*x)->n && lift_one(pool, p, (*x)->v[i], &ok))
		i++;
	if (i == 0 || !ok)
		return ok;
	if (i + 1 >= (*x)->n) {
		*x = i < (*x)->n ? (*x)->v[i] : NULL;
		return true;
	}
	rest = ward_cedar_expr_new(pool, CEDAR_X_AND, *x);
	if (rest == NULL)
		return false;
	rest->n = (*x)->n - i;
	rest->v = (*x)->v + i;
	*x = rest;
	return true;
}

const struct cedar_policy *ward_cedar_residual_policy(struct cedar_pool *pool,
	const struct cedar_residual *v)
{
	struct cedar_policy *p = ward_arena_alloc(ward_cedar_pool_arena(pool), sizeof(*p));
	struct cedar_condition *c = ward_arena_alloc(ward_cedar_pool_arena(pool), sizeof(*c));
	struct cedar_expr *literal = ward_cedar_expr_new(pool, CEDAR_X_BOOL, NULL);
	const struct cedar_expr *x = literal;

	if (p == NULL || c == NULL || literal == NULL)
		return NULL;
	p->id = v->id;
	p->effect = v->effect;
	p->n_annotations = v->origin->n_annotations;
	p->annotations = v->origin->annotations;
	literal->truth = v->state == CEDAR_RESIDUAL_TRUE;
	if (v->state == CEDAR_RESIDUAL_OPEN) {
		x = ward_cedar_simplify_condition(pool, v->condition);
		if (x == NULL || !lift(pool, p, &x))
			return NULL;
	}
	if (x == NULL || (ward_cedar_is_bool(x) && x->truth))
		return p;
	c->body = x;
	p->n_conditions = 1;
	p->conditions = c;
	return p;
}

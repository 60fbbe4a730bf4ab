/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: principal && (action && (resource && (condition && ...))), `unless` being !, and true where there is nothing to
 * say. Evaluated from the left: what comes behind something open is tried, and left as it stands where it fails.
 */
#include "cedar/partial/residual.h"

#define SCOPES 3
#define NESTED_MAX \
	300 /* conditions nested to the right; more stand side by side in the last, which means the same */

static uint32_t count(const struct cedar_policy *p)
{
	uint32_t n = p->n_conditions;

	return SCOPES + (n == 0 ? 1 : n < NESTED_MAX ? n : NESTED_MAX);
}

/* ---- the scope as expressions ---- */

static const struct cedar_expr *leaf(struct cedar_pe *r, enum cedar_expr_kind kind, unsigned aux)
{
	struct cedar_expr *x = ward_cedar_pe_node(r, kind, NULL);

	if (x != NULL)
		x->aux = (uint8_t)aux;
	return x;
}

static const struct cedar_expr *entity(struct cedar_pe *r, const struct cedar_uid *uid)
{
	struct cedar_expr *x = ward_cedar_pe_node(r, CEDAR_X_ENTITY, NULL);

	if (x != NULL)
		x->uid = uid;
	return x;
}

static const struct cedar_expr *scope(struct cedar_pe *r, const struct cedar_scope *s, unsigned var,
	unsigned slot)
{
	const struct cedar_expr *v, *e = NULL;

	if (s->op == CEDAR_SCOPE_ANY)
		return ward_cedar_pe_truth(r, true);
	v = leaf(r, CEDAR_X_VAR, var);
	if (s->op != CEDAR_SCOPE_IS)
		e = s->slot ? leaf(r, CEDAR_X_SLOT, slot) : entity(r, s->uid);
	switch ((enum cedar_scope_op)s->op) {
	case CEDAR_SCOPE_EQ: return ward_cedar_pe_two(r, CEDAR_X_EQ, v, e);
	case CEDAR_SCOPE_IN: return ward_cedar_pe_two(r, CEDAR_X_IN, v, e);
	case CEDAR_SCOPE_IS: return ward_cedar_pe_is(r, v, s->type);
	default: break;
	}
	return ward_cedar_pe_and(r, ward_cedar_pe_is(r, v, s->type),
		ward_cedar_pe_two(r, CEDAR_X_IN, v, e));
}

/* In the core, one action that another is to be in is a set of one. */
static const struct cedar_expr *action(struct cedar_pe *r, const struct cedar_action_scope *a)
{
	const struct cedar_expr **v;
	struct cedar_expr *set;

	if (a->op == CEDAR_SCOPE_ANY)
		return ward_cedar_pe_truth(r, true);
	if (a->op == CEDAR_SCOPE_EQ)
		return ward_cedar_pe_two(r, CEDAR_X_EQ, leaf(r, CEDAR_X_VAR, CEDAR_ACTION),
			entity(r, a->uids[0]));
	set = ward_cedar_pe_node(r, CEDAR_X_SET, NULL);
	v = ward_arena_alloc(ward_cedar_pool_arena(r->pool), a->n * sizeof(*v));
	if (set == NULL || v == NULL) {
		(void)ward_cedar_no_value(r->fault, CEDAR_FAULT_MEMORY);
		return NULL;
	}
	for (uint32_t i = 0; i < a->n; i++) {
		v[i] = entity(r, a->uids[i]);
		if (v[i] == NULL)
			return NULL;
	}
	set->n = a->n;
	set->v = v;
	return ward_cedar_pe_two(r, CEDAR_X_IN, leaf(r, CEDAR_X_VAR, CEDAR_ACTION), set);
}

/* ---- the conjuncts ---- */

static const struct cedar_expr *condition(struct cedar_pe *r, const struct cedar_condition *c)
{
	return c->unless ? ward_cedar_pe_one(r, CEDAR_X_NOT, c->body) : c->body;
}

/* All conditions from the i-th on. */
static const struct cedar_expr *rest(struct cedar_pe *r, const struct cedar_policy *p, uint32_t i)
{
	uint32_t n = p->n_conditions - i;
	const struct cedar_expr **v;
	struct cedar_expr *x;

	if (n == 1)
		return condition(r, &p->conditions[i]);
	x = ward_cedar_pe_node(r, CEDAR_X_AND, NULL);
	v = ward_arena_alloc(ward_cedar_pool_arena(r->pool), n * sizeof(*v));
	if (x == NULL || v == NULL) {
		(void)ward_cedar_no_value(r->fault, CEDAR_FAULT_MEMORY);
		return NULL;
	}
	for (uint32_t k = 0; k < n; k++) {
		v[k] = condition(r, &p->conditions[i + k]);
		if (v[k] == NULL)
			return NULL;
	}
	x->n = n;
	x->v = v;
	return x;
}

static const struct cedar_expr *conjunct(struct cedar_pe *r, const struct cedar_policy *p,
	uint32_t i)
{
	switch (i) {
	case 0: return scope(r, &p->principal, CEDAR_PRINCIPAL, CEDAR_SLOT_PRINCIPAL);
	case 1: return action(r, &p->action);
	case 2: return scope(r, &p->resource, CEDAR_RESOURCE, CEDAR_SLOT_RESOURCE);
	default: break;
	}
	if (p->n_conditions == 0)
		return ward_cedar_pe_truth(r, true);
	return i + 1 == count(p) ? rest(r, p, i - SCOPES)
				 : condition(r, &p->conditions[i - SCOPES]);
}

/* Those from the i-th on, as they stand. */
static const struct cedar_expr *as_written(struct cedar_pe *r, const struct cedar_policy *p,
	uint32_t i)
{
	const struct cedar_expr *x = NULL;

	for (uint32_t k = count(p); k > i; k--) {
		const struct cedar_expr *c = conjunct(r, p, k - 1);

		c = c != NULL ? ward_cedar_pe_plain(r, c) : NULL;
		x = k == count(p) ? c : ward_cedar_pe_and(r, c, x);
		if (x == NULL)
			return NULL;
	}
	return x;
}

const struct cedar_expr *ward_cedar_pe_condition(struct cedar_pe *r, const struct cedar_policy *p)
{
	return as_written(r, p, 0);
}

/* ---- evaluation ---- */

static bool from(struct cedar_pe *r, const struct cedar_policy *p, uint32_t i,
	struct cedar_part *ret)
{
	const struct cedar_expr *x = conjunct(r, p, i), *right;
	struct cedar_part a;
	bool b;

	if (x == NULL || !ward_cedar_pe(r, x, &a))
		return false;
	if (i + 1 == count(p)) {
		*ret = a;
		return true;
	}
	if (a.x == NULL) {
		if (!ward_cedar_as_bool(&a.v, &b, r->fault))
			return false;
		*ret = (struct cedar_part){ .v = ward_cedar_truth(false) };
		if (!b)
			return true;
		if (!from(r, p, i + 1, ret))
			return false;
		if (ret->x == NULL)
			return ward_cedar_as_bool(&ret->v, &b, r->fault);
		ret->x = ward_cedar_pe_and(r, ward_cedar_pe_truth(r, true), ret->x);
		return ret->x != NULL;
	}
	if (from(r, p, i + 1, ret))
		right = ward_cedar_pe_expr(r, ret);
	else if (r->fault->kind == CEDAR_FAULT_MEMORY)
		return false;
	else
		right = as_written(r, p, i + 1);
	*ret = (struct cedar_part){ .x = ward_cedar_pe_and(r, a.x, right) };
	return ret->x != NULL;
}

bool ward_cedar_pe_policy(struct cedar_pe *r, const struct cedar_policy *p, struct cedar_part *ret)
{
	bool b;

	if (!from(r, p, 0, ret))
		return false;
	return ret->x != NULL || ward_cedar_as_bool(&ret->v, &b, r->fault);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees made small. Given a whole request, neither value nor error may change, not even which error it is: an operand is
 * dropped only where it is a Bool that cannot fail, where what comes before it has decided, or where it has been evaluated
 * before. What stands where only a Bool may (under && || !, as the test of an if, as the condition of a policy) needs no
 * other operator to see to that.
 */
#include "cedar/partial/residual.h"

#define SAME_MAX 64 /* operands of one chain that are compared with each other */

struct small {
	struct cedar_pool *pool;
	bool variables; /* what is left of variables is one again */
};

/* ---- what is known of an expression ---- */

/* If it has a value, that is a Bool. */
static bool is_truth(const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
	case CEDAR_X_NOT:
	case CEDAR_X_AND:
	case CEDAR_X_OR:
	case CEDAR_X_IS_EMPTY:
	case CEDAR_X_EQ:
	case CEDAR_X_NE:
	case CEDAR_X_LT:
	case CEDAR_X_LE:
	case CEDAR_X_GT:
	case CEDAR_X_GE:
	case CEDAR_X_IN:
	case CEDAR_X_CONTAINS:
	case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY:
	case CEDAR_X_HAS_TAG:
	case CEDAR_X_HAS:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS: return true;
	case CEDAR_X_VALUE: return x->value->tag == CEDAR_V_BOOL;
	case CEDAR_X_CALL: return ward_cedar_functions[x->aux].result == CEDAR_T_BOOL;
	case CEDAR_X_IF: return is_truth(x->v[1]) && is_truth(x->v[2]);
	default: return false;
	}
}

static bool is_entity_variable(const struct cedar_expr *x)
{
	return (x->kind == CEDAR_X_VAR && x->aux != CEDAR_CONTEXT) ||
		(x->kind == CEDAR_X_UNKNOWN && x->aux > 0 && x->aux != 1 + CEDAR_CONTEXT);
}

static bool is_variable(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_VAR || (x->kind == CEDAR_X_UNKNOWN && x->aux > 0);
}

static bool is_entity(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_ENTITY || is_entity_variable(x);
}

static bool is_entity_or_set(const struct cedar_expr *x)
{
	if (x->kind == CEDAR_X_VALUE && x->value->tag == CEDAR_V_SET) {
		for (uint32_t i = 0; i < x->value->set->n; i++) {
			if (x->value->set->v[i].tag != CEDAR_V_ENTITY)
				return false;
		}
		return true;
	}
	for (uint32_t i = 0; x->kind == CEDAR_X_SET && i < x->n; i++) {
		if (!is_entity(x->v[i]))
			return false;
	}
	return x->kind == CEDAR_X_SET || is_entity(x);
}

static bool never_fails(const struct cedar_expr *x);

static int may_fail(const struct cedar_expr *x, void *arg)
{
	(void)arg;
	return never_fails(x) ? 0 : -1;
}

/* It has a value, whatever the request and the entities are. */
static bool never_fails(const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
	case CEDAR_X_LONG:
	case CEDAR_X_STRING:
	case CEDAR_X_ENTITY:
	case CEDAR_X_VALUE:
	case CEDAR_X_VAR: return true;
	case CEDAR_X_UNKNOWN: return x->aux > 0;
	case CEDAR_X_NOT: return is_truth(x->a) && never_fails(x->a);
	case CEDAR_X_AND:
	case CEDAR_X_OR:
		for (uint32_t i = 0; i < x->n; i++) {
			if (!is_truth(x->v[i]) || !never_fails(x->v[i]))
				return false;
		}
		return true;
	case CEDAR_X_IS: return is_entity(x->a) && x->is->in == NULL;
	case CEDAR_X_IN: return is_entity(x->a) && is_entity_or_set(x->b);
	case CEDAR_X_HAS: return x->n == 1 && (is_entity(x->a) || is_variable(x->a));
	case CEDAR_X_HAS_TAG: return is_entity(x->a) && x->b->kind == CEDAR_X_STRING;
	case CEDAR_X_EQ:
	case CEDAR_X_NE:
	case CEDAR_X_SET:
	case CEDAR_X_RECORD: return ward_cedar_expr_children(x, may_fail, NULL) == 0;
	default: return false;
	}
}

/* ---- nodes ---- */

static struct cedar_expr *node(struct small *s, enum cedar_expr_kind kind,
	const struct cedar_expr *at)
{
	return ward_cedar_expr_new(s->pool, kind, at);
}

static const struct cedar_expr *literal(struct small *s, bool truth, const struct cedar_expr *at)
{
	struct cedar_expr *x = node(s, CEDAR_X_BOOL, at);

	if (x != NULL)
		x->truth = truth;
	return x;
}

static const struct cedar_expr *small(struct small *s, const struct cedar_expr *x, bool condition);

/* ---- && and || ---- */

/* Of a chain, those of chains of the same kind within it as well. */
struct operands {
	struct small *s;
	const struct cedar_expr **v;
	uint32_t n, cap;
	unsigned kind;
	bool stop; /* the truth that ends the chain */
	bool stopped; /* it has ended */
};

static bool push(struct operands *o, const struct cedar_expr *x)
{
	const struct cedar_expr **v = o->v;

	if (o->n == o->cap) {
		uint32_t cap = o->cap > 0 ? o->cap * 2 : 4;

		v = ward_arena_alloc(ward_cedar_pool_arena(o->s->pool), cap * sizeof(*v));
		if (v == NULL)
			return false;
		for (uint32_t i = 0; i < o->n; i++)
			v[i] = o->v[i];
		o->v = v;
		o->cap = cap;
	}
	v[o->n++] = x;
	return x != NULL;
}

/* An operand that is small already. */
static bool add(struct operands *o, const struct cedar_expr *x)
{
	if (o->stopped)
		return true;
	if (ward_cedar_is_bool(x)) {
		o->stopped = x->truth == o->stop;
		return true;
	}
	for (uint32_t i = 0; o->n <= SAME_MAX && i < o->n; i++) {
		if (ward_cedar_expr_eq(o->v[i], x))
			return true;
	}
	return push(o, x);
}

static bool gather(struct operands *o, const struct cedar_expr *x)
{
	for (uint32_t i = 0; i < x->n && !o->stopped; i++) {
		const struct cedar_expr *y = small(o->s, x->v[i], true);

		if (y == NULL)
			return false;
		if (y->kind != o->kind) {
			if (!add(o, y))
				return false;
			continue;
		}
		for (uint32_t k = 0; k < y->n; k++) {
			if (!add(o, y->v[k]))
				return false;
		}
	}
	return true;
}

static const struct cedar_expr *chain(struct small *s, const struct cedar_expr *x, bool condition)
{
	struct operands o = { .s = s, .kind = x->kind, .stop = x->kind == CEDAR_X_OR };
	const struct cedar_expr *only;
	struct cedar_expr *new;

	if (!gather(&o, x))
		return NULL;
	/* Before the end of it all, what cannot fail decides nothing. */
	while (o.stopped && o.n > 0 && is_truth(o.v[o.n - 1]) && never_fails(o.v[o.n - 1]))
		o.n--;
	if (o.n == 0)
		return literal(s, o.stopped ? o.stop : !o.stop, x);
	if (o.stopped && !push(&o, literal(s, o.stop, x)))
		return NULL;
	only = o.v[0];
	if (o.n == 1 && (condition || is_truth(only)))
		return only;
	if (o.n == 1) { /* true && x: x must be a Bool */
		o.v[0] = literal(s, !o.stop, x);
		if (o.v[0] == NULL || !push(&o, only))
			return NULL;
	}
	new = node(s, (enum cedar_expr_kind)x->kind, x);
	if (new == NULL)
		return NULL;
	new->n = o.n;
	new->v = o.v;
	return new;
}

/* ---- ! and if ---- */

static enum cedar_expr_kind opposite(unsigned kind)
{
	switch ((enum cedar_expr_kind)kind) {
	case CEDAR_X_EQ: return CEDAR_X_NE;
	case CEDAR_X_NE: return CEDAR_X_EQ;
	case CEDAR_X_LT: return CEDAR_X_GE;
	case CEDAR_X_GE: return CEDAR_X_LT;
	case CEDAR_X_LE: return CEDAR_X_GT;
	case CEDAR_X_GT: return CEDAR_X_LE;
	default: return CEDAR_X_NONE;
	}
}

static const struct cedar_expr *negation(struct small *s, const struct cedar_expr *x,
	const struct cedar_expr *a, bool condition)
{
	struct cedar_expr *new;

	if (a == NULL)
		return NULL;
	if (ward_cedar_is_bool(a))
		return literal(s, !a->truth, x);
	if (a->kind == CEDAR_X_NOT && (condition || is_truth(a->a)))
		return a->a;
	new = node(s, opposite(a->kind) != CEDAR_X_NONE ? opposite(a->kind) : CEDAR_X_NOT, x);
	if (new == NULL)
		return NULL;
	new->a = a;
	if (new->kind != CEDAR_X_NOT) {
		new->a = a->a;
		new->b = a->b;
	}
	return new;
}

static const struct cedar_expr *two_operands(struct small *s, enum cedar_expr_kind kind,
	const struct cedar_expr *a, const struct cedar_expr *b, const struct cedar_expr *at,
	bool condition)
{
	const struct cedar_expr *v[2] = { a, b };
	struct cedar_expr x = { .kind = (uint8_t)kind, .n = 2, .v = v };

	x.start = at->start;
	x.end = at->end;
	return chain(s, &x, condition);
}

static const struct cedar_expr *choice(struct small *s, const struct cedar_expr *x, bool condition)
{
	const struct cedar_expr *test = small(s, x->v[0], true), **v, *yes, *no;
	struct cedar_expr *new;

	if (test == NULL)
		return NULL;
	if (ward_cedar_is_bool(test))
		return small(s, x->v[test->truth ? 1 : 2], condition);
	yes = small(s, x->v[1], condition);
	no = yes != NULL ? small(s, x->v[2], condition) : NULL;
	if (no == NULL)
		return NULL;
	if (is_truth(test) && never_fails(test) && ward_cedar_expr_eq(yes, no))
		return yes;
	if (ward_cedar_is_bool(yes) && ward_cedar_is_bool(no) && yes->truth != no->truth)
		return yes->truth ? two_operands(s, CEDAR_X_AND, test, yes, x, condition)
				  : negation(s, x, test, condition);
	if ((condition || is_truth(yes)) && ward_cedar_is_bool(no) && !no->truth)
		return two_operands(s, CEDAR_X_AND, test, yes, x, condition);
	if ((condition || is_truth(no)) && ward_cedar_is_bool(yes) && yes->truth)
		return two_operands(s, CEDAR_X_OR, test, no, x, condition);
	new = node(s, CEDAR_X_IF, x);
	v = ward_arena_alloc(ward_cedar_pool_arena(s->pool), 3 * sizeof(*v));
	if (new == NULL || v == NULL)
		return NULL;
	v[0] = test;
	v[1] = yes;
	v[2] = no;
	new->n = 3;
	new->v = v;
	return new;
}

/* ---- the rest: only what is within ---- */

static const struct cedar_expr *list(struct small *s, const struct cedar_expr *x)
{
	const struct cedar_expr **v =
		ward_arena_alloc(ward_cedar_pool_arena(s->pool), x->n * sizeof(*v));
	struct cedar_expr *new = node(s, (enum cedar_expr_kind)x->kind, x);

	if (new == NULL || v == NULL)
		return NULL;
	*new = *x;
	new->v = v;
	for (uint32_t i = 0; i < x->n; i++) {
		v[i] = small(s, x->v[i], false);
		if (v[i] == NULL)
			return NULL;
	}
	return new;
}

static const struct cedar_expr *record(struct small *s, const struct cedar_expr *x)
{
	struct cedar_field *v = ward_arena_alloc(ward_cedar_pool_arena(s->pool), x->n * sizeof(*v));
	struct cedar_expr *new = node(s, CEDAR_X_RECORD, x);

	if (new == NULL || v == NULL)
		return NULL;
	*new = *x;
	new->fields = v;
	for (uint32_t i = 0; i < x->n; i++) {
		v[i] = x->fields[i];
		v[i].x = small(s, x->fields[i].x, false);
		if (v[i].x == NULL)
			return NULL;
	}
	return new;
}

static const struct cedar_expr *one(struct small *s, const struct cedar_expr *x)
{
	struct cedar_expr *new = node(s, (enum cedar_expr_kind)x->kind, x);
	struct cedar_is *is;

	if (new == NULL)
		return NULL;
	*new = *x;
	new->a = small(s, x->a, false);
	if (new->a == NULL || x->kind != CEDAR_X_IS || x->is->in == NULL)
		return new->a != NULL ? new : NULL;
	is = ward_arena_alloc(ward_cedar_pool_arena(s->pool), sizeof(*is));
	if (is == NULL)
		return NULL;
	*is = *x->is;
	is->in = small(s, x->is->in, false);
	new->is = is;
	return is->in != NULL ? new : NULL;
}

static const struct cedar_expr *variable(struct small *s, const struct cedar_expr *x)
{
	struct cedar_expr *new = node(s, CEDAR_X_VAR, x);

	if (new != NULL)
		new->aux = (uint8_t)(x->aux - 1);
	return new;
}

static const struct cedar_expr *two(struct small *s, const struct cedar_expr *x)
{
	struct cedar_expr *new = node(s, (enum cedar_expr_kind)x->kind, x);

	if (new == NULL)
		return NULL;
	new->a = small(s, x->a, false);
	new->b = new->a != NULL ? small(s, x->b, false) : NULL;
	return new->b != NULL ? new : NULL;
}

static const struct cedar_expr *small(struct small *s, const struct cedar_expr *x, bool condition)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR: return chain(s, x, condition);
	case CEDAR_X_NOT: return negation(s, x, small(s, x->a, true), condition);
	case CEDAR_X_IF: return choice(s, x, condition);
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return list(s, x);
	case CEDAR_X_RECORD: return record(s, x);
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY:
	case CEDAR_X_ATTR:
	case CEDAR_X_HAS:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS: return one(s, x);
	case CEDAR_X_UNKNOWN: return s->variables && x->aux > 0 ? variable(s, x) : x;
	default: break;
	}
	return x->kind >= CEDAR_X_EQ && x->kind <= CEDAR_X_HAS_TAG ? two(s, x) : x;
}

const struct cedar_expr *ward_cedar_simplify(struct cedar_pool *pool, const struct cedar_expr *x)
{
	struct small s = { .pool = pool };

	return small(&s, x, false);
}

const struct cedar_expr *ward_cedar_simplify_condition(struct cedar_pool *pool,
	const struct cedar_expr *x)
{
	struct small s = { .pool = pool, .variables = true };

	return small(&s, x, true);
}

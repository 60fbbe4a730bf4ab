/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of what is left, in the core forms of the language: made from parts, or from the policy as it stands. */
#include <string.h>

#include "cedar/partial/residual.h"

#define TWICE_MAX 100 /* nodes of what may stand twice in what is left */

static void *no_memory(struct cedar_pe *r)
{
	(void)ward_cedar_no_value(r->fault, CEDAR_FAULT_MEMORY);
	return NULL;
}

/* ---- nodes ---- */

struct cedar_expr *ward_cedar_pe_node(struct cedar_pe *r, enum cedar_expr_kind kind,
	const struct cedar_expr *at)
{
	struct cedar_expr *x = ward_cedar_expr_new(r->pool, kind, at);

	return x != NULL ? x : no_memory(r);
}

static void *array(struct cedar_pe *r, size_t n, size_t size)
{
	void *v = ward_arena_alloc(ward_cedar_pool_arena(r->pool), n * size);

	return v != NULL ? v : no_memory(r);
}

const struct cedar_expr *ward_cedar_pe_one(struct cedar_pe *r, enum cedar_expr_kind kind,
	const struct cedar_expr *a)
{
	struct cedar_expr *x = a != NULL ? ward_cedar_pe_node(r, kind, NULL) : NULL;

	if (x != NULL)
		x->a = a;
	return x;
}

const struct cedar_expr *ward_cedar_pe_two(struct cedar_pe *r, enum cedar_expr_kind kind,
	const struct cedar_expr *a, const struct cedar_expr *b)
{
	enum cedar_expr_kind core = kind == CEDAR_X_NE ? CEDAR_X_EQ
		: kind == CEDAR_X_GT                   ? CEDAR_X_LE
		: kind == CEDAR_X_GE                   ? CEDAR_X_LT
						       : kind;
	struct cedar_expr *x = a != NULL && b != NULL ? ward_cedar_pe_node(r, core, NULL) : NULL;

	if (x == NULL)
		return NULL;
	x->a = a;
	x->b = b;
	return core != kind ? ward_cedar_pe_one(r, CEDAR_X_NOT, x) : x;
}

const struct cedar_expr *ward_cedar_pe_truth(struct cedar_pe *r, bool truth)
{
	struct cedar_expr *x = ward_cedar_pe_node(r, CEDAR_X_BOOL, NULL);

	if (x != NULL)
		x->truth = truth;
	return x;
}

static const struct cedar_expr *is(struct cedar_pe *r, const struct cedar_expr *a,
	const struct cedar_str *type, const struct cedar_expr *in)
{
	struct cedar_expr *x = a != NULL ? ward_cedar_pe_node(r, CEDAR_X_IS, NULL) : NULL;
	struct cedar_is *is = x != NULL ? array(r, 1, sizeof(*is)) : NULL;

	if (is == NULL)
		return NULL;
	is->type = type;
	is->in = in;
	x->a = a;
	x->is = is;
	return x;
}

const struct cedar_expr *ward_cedar_pe_is(struct cedar_pe *r, const struct cedar_expr *a,
	const struct cedar_str *type)
{
	return is(r, a, type, NULL);
}

static int count_node(const struct cedar_expr *x, void *arg)
{
	unsigned *left = arg;

	if (*left == 0)
		return -1;
	*left -= 1;
	return ward_cedar_expr_children(x, count_node, arg);
}

const struct cedar_expr *ward_cedar_pe_is_in(struct cedar_pe *r, const struct cedar_expr *a,
	const struct cedar_str *type, const struct cedar_expr *again, const struct cedar_expr *b)
{
	unsigned left = 2 * TWICE_MAX;

	if (a == NULL || again == NULL || b == NULL)
		return NULL;
	if (count_node(a, &left) == 0 && count_node(again, &left) == 0)
		return ward_cedar_pe_and(r, ward_cedar_pe_is(r, a, type),
			ward_cedar_pe_two(r, CEDAR_X_IN, again, b));
	return is(r, a, type, b);
}

/* Two literals are folded, as everywhere in the core. */
const struct cedar_expr *ward_cedar_pe_and(struct cedar_pe *r, const struct cedar_expr *a,
	const struct cedar_expr *b)
{
	const struct cedar_expr **v;
	struct cedar_expr *x;

	if (a == NULL || b == NULL)
		return NULL;
	if (ward_cedar_is_bool(a) && ward_cedar_is_bool(b))
		return ward_cedar_pe_truth(r, a->truth && b->truth);
	x = ward_cedar_pe_node(r, CEDAR_X_AND, NULL);
	v = x != NULL ? array(r, 2, sizeof(*v)) : NULL;
	if (v == NULL)
		return NULL;
	v[0] = a;
	v[1] = b;
	x->n = 2;
	x->v = v;
	return x;
}

/* ---- values ---- */

/* Sets, records and extension values stay values; they are printed as the nodes that they stand for. */
static const struct cedar_expr *made(struct cedar_pe *r, const struct cedar_value *v)
{
	struct cedar_expr *x = ward_cedar_pe_node(r, CEDAR_X_VALUE, NULL);
	struct cedar_value *own = x != NULL ? array(r, 1, sizeof(*own)) : NULL;

	if (own == NULL)
		return NULL;
	if (ward_cedar_value_adopt(r->pool, v, own) < 0)
		return no_memory(r);
	x->value = own;
	return x;
}

const struct cedar_expr *ward_cedar_pe_expr(struct cedar_pe *r, const struct cedar_part *p)
{
	struct cedar_expr *x;

	if (p->x != NULL)
		return p->x;
	switch ((enum cedar_tag)p->v.tag) {
	case CEDAR_V_BOOL: return ward_cedar_pe_truth(r, p->v.truth);
	case CEDAR_V_LONG:
		x = ward_cedar_pe_node(r, CEDAR_X_LONG, NULL);
		if (x != NULL)
			x->number = p->v.number;
		return x;
	case CEDAR_V_STRING:
		x = ward_cedar_pe_node(r, CEDAR_X_STRING, NULL);
		if (x == NULL)
			return NULL;
		x->str = ward_cedar_intern(r->pool, p->v.str->s, p->v.str->n);
		return x->str != NULL ? x : no_memory(r);
	case CEDAR_V_ENTITY:
		x = ward_cedar_pe_node(r, CEDAR_X_ENTITY, NULL);
		if (x == NULL)
			return NULL;
		x->uid = ward_cedar_adopt_uid(r->pool, p->v.uid);
		return x->uid != NULL ? x : no_memory(r);
	default: return made(r, &p->v);
	}
}

/* ---- a tree as it stands ---- */

/* Literals at the beginning of a chain are folded into one. */
static const struct cedar_expr *plain_chain(struct cedar_pe *r, const struct cedar_expr *x)
{
	const struct cedar_expr **v = array(r, x->n, sizeof(*v));
	struct cedar_expr *new;
	bool same = true;
	uint32_t n = 0;

	for (uint32_t i = 0; v != NULL && i < x->n; i++) {
		const struct cedar_expr *y = ward_cedar_pe_plain(r, x->v[i]);

		if (y == NULL)
			return NULL;
		if (n == 1 && ward_cedar_is_bool(v[0]) && ward_cedar_is_bool(y))
			y = ward_cedar_pe_truth(r,
				x->kind == CEDAR_X_AND ? v[0]->truth && y->truth
						       : v[0]->truth || y->truth),
			n = 0;
		if (y == NULL)
			return NULL;
		same = same && n == i && y == x->v[i];
		v[n++] = y;
	}
	if (v == NULL || same || n == 1)
		return v == NULL ? NULL : same ? x : v[0];
	new = ward_cedar_pe_node(r, (enum cedar_expr_kind)x->kind, x);
	if (new == NULL)
		return NULL;
	new->n = n;
	new->v = v;
	return new;
}

static const struct cedar_expr *plain_list(struct cedar_pe *r, const struct cedar_expr *x)
{
	const struct cedar_expr **v;
	bool same = (x->flags & CEDAR_AS_VALUE) == 0;
	struct cedar_expr *new;

	if (x->n == 0 && same)
		return x;
	v = array(r, x->n, sizeof(*v));
	for (uint32_t i = 0; v != NULL && i < x->n; i++) {
		v[i] = ward_cedar_pe_plain(r, x->v[i]);
		if (v[i] == NULL)
			return NULL;
		same = same && v[i] == x->v[i];
	}
	if (v == NULL || same)
		return v != NULL ? x : NULL;
	new = ward_cedar_pe_node(r, (enum cedar_expr_kind)x->kind, x);
	if (new == NULL)
		return NULL;
	new->aux = x->aux;
	new->n = x->n;
	new->v = v;
	return new;
}

static const struct cedar_expr *plain_record(struct cedar_pe *r, const struct cedar_expr *x)
{
	struct cedar_expr *new = ward_cedar_pe_node(r, CEDAR_X_RECORD, x);
	struct cedar_field *v = new != NULL ? array(r, x->n, sizeof(*v)) : NULL;

	if (v == NULL)
		return NULL;
	for (uint32_t i = 0; i < x->n; i++) {
		v[i] = x->fields[i];
		v[i].x = ward_cedar_pe_plain(r, x->fields[i].x);
		if (v[i].x == NULL)
			return NULL;
	}
	new->n = x->n;
	new->fields = v;
	return new;
}

static const struct cedar_expr *plain_slot(struct cedar_pe *r, const struct cedar_expr *x)
{
	struct cedar_part p = { .v.tag = CEDAR_V_ENTITY };

	if (x->aux >= CEDAR_SLOT_MAX || r->slots == NULL || r->slots[x->aux] == NULL)
		return x;
	p.v.uid = r->slots[x->aux];
	return ward_cedar_pe_expr(r, &p);
}

/* One operand, and what else the node has. */
static const struct cedar_expr *plain_one(struct cedar_pe *r, const struct cedar_expr *x)
{
	const struct cedar_expr *a = ward_cedar_pe_plain(r, x->a), *in;
	struct cedar_expr *new;

	if (a == NULL)
		return NULL;
	if (x->kind == CEDAR_X_IS && x->is->in != NULL) {
		in = ward_cedar_pe_plain(r, x->is->in);
		return ward_cedar_pe_is_in(r, a, x->is->type, a, in);
	}
	if (a == x->a)
		return x;
	new = ward_cedar_pe_node(r, (enum cedar_expr_kind)x->kind, x);
	if (new == NULL)
		return NULL;
	*new = *x;
	new->a = a;
	return new;
}

static const struct cedar_expr *plain_two(struct cedar_pe *r, const struct cedar_expr *x)
{
	const struct cedar_expr *a = ward_cedar_pe_plain(r, x->a);
	const struct cedar_expr *b = a != NULL ? ward_cedar_pe_plain(r, x->b) : NULL;
	bool core = x->kind != CEDAR_X_NE && x->kind != CEDAR_X_GT && x->kind != CEDAR_X_GE;

	if (b != NULL && core && a == x->a && b == x->b)
		return x;
	return ward_cedar_pe_two(r, (enum cedar_expr_kind)x->kind, a, b);
}

const struct cedar_expr *ward_cedar_pe_plain(struct cedar_pe *r, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_SLOT: return plain_slot(r, x);
	case CEDAR_X_AND:
	case CEDAR_X_OR: return plain_chain(r, x);
	case CEDAR_X_IF:
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return plain_list(r, x);
	case CEDAR_X_RECORD: return plain_record(r, x);
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY:
	case CEDAR_X_ATTR:
	case CEDAR_X_HAS:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS: return plain_one(r, x);
	default: break;
	}
	return x->kind >= CEDAR_X_EQ && x->kind <= CEDAR_X_HAS_TAG ? plain_two(r, x) : x;
}

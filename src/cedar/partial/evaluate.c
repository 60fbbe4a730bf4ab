/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions with something unknown in them. What does not depend on it becomes a value, as always; what does is left,
 * with the values in their places. Nothing is decided that an error could still change: `unknown && false` is left as it
 * is, and where the right side of && || or a branch of an open `if` fails, it stays as it was written, since it may never
 * be evaluated.
 */
#include <string.h>

#include "cedar/partial/residual.h"

static bool no_memory(struct cedar_pe *r)
{
	return ward_cedar_no_value(r->fault, CEDAR_FAULT_MEMORY);
}

static bool value(struct cedar_part *ret, struct cedar_value v)
{
	*ret = (struct cedar_part){ .v = v };
	return true;
}

static bool truth(struct cedar_part *ret, bool b)
{
	return value(ret, ward_cedar_truth(b));
}

/* x NULL: no memory, which has been said. */
static bool left(struct cedar_part *ret, const struct cedar_expr *x)
{
	*ret = (struct cedar_part){ .x = x };
	return x != NULL;
}

static void *array(struct cedar_pe *r, size_t n, size_t size)
{
	void *v = ward_arena_alloc(r->arena, n * size);

	if (v == NULL)
		(void)no_memory(r);
	return v;
}

static void *pool_array(struct cedar_pe *r, size_t n, size_t size)
{
	void *v = ward_arena_alloc(ward_cedar_pool_arena(r->pool), n * size);

	if (v == NULL)
		(void)no_memory(r);
	return v;
}

const struct cedar_expr *ward_cedar_pe_attempt(struct cedar_pe *r, const struct cedar_expr *x)
{
	struct cedar_part p;

	if (ward_cedar_pe(r, x, &p))
		return ward_cedar_pe_expr(r, &p);
	return r->fault->kind == CEDAR_FAULT_MEMORY ? NULL : ward_cedar_pe_plain(r, x);
}

/* ---- leaves ---- */

/* aux: 1 + which variable, 0 for unknown("name"). */
static bool unknown(struct cedar_pe *r, const struct cedar_str *name, unsigned aux,
	struct cedar_part *ret)
{
	struct cedar_expr *x;

	if (r->pool == NULL)
		return ward_cedar_unknown(r->fault, name);
	x = ward_cedar_pe_node(r, CEDAR_X_UNKNOWN, NULL);
	if (x == NULL)
		return false;
	x->aux = (uint8_t)aux;
	x->str = ward_cedar_intern(r->pool, name->s, name->n);
	return x->str != NULL ? left(ret, x) : no_memory(r);
}

static bool variable(struct cedar_pe *r, unsigned var, struct cedar_part *ret)
{
	static const char *const names[] = { "principal", "action", "resource", "context" };
	const struct cedar_request *q = r->request;
	const struct cedar_uid *uid = var == CEDAR_PRINCIPAL ? q->principal
		: var == CEDAR_ACTION                        ? q->action
		: var == CEDAR_RESOURCE                      ? q->resource
							     : NULL;
	struct cedar_expr *x;

	if (uid != NULL)
		return value(ret, (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = uid });
	if (var == CEDAR_CONTEXT && q->context != NULL)
		return value(ret,
			(struct cedar_value){ .tag = CEDAR_V_RECORD, .record = q->context });
	if (r->pool == NULL)
		return ward_cedar_no_value(r->fault, CEDAR_FAULT_UNKNOWN);
	x = ward_cedar_pe_node(r, CEDAR_X_UNKNOWN, NULL);
	if (x == NULL)
		return false;
	x->aux = (uint8_t)(1 + var);
	x->str = ward_cedar_intern(r->pool, names[var], strlen(names[var]));
	return x->str != NULL ? left(ret, x) : no_memory(r);
}

static bool leaf(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: return truth(ret, x->truth);
	case CEDAR_X_LONG:
		return value(ret, (struct cedar_value){ .tag = CEDAR_V_LONG, .number = x->number });
	case CEDAR_X_STRING:
		return value(ret, (struct cedar_value){ .tag = CEDAR_V_STRING, .str = x->str });
	case CEDAR_X_ENTITY:
		return value(ret, (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = x->uid });
	case CEDAR_X_VALUE: return value(ret, *x->value);
	case CEDAR_X_VAR: return variable(r, x->aux, ret);
	case CEDAR_X_SLOT:
		if (x->aux >= CEDAR_SLOT_MAX || r->slots == NULL || r->slots[x->aux] == NULL)
			return ward_cedar_no_slot(r->fault, x->aux);
		return value(ret,
			(struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = r->slots[x->aux] });
	default: break;
	}
	/* What was left of a variable is one again. */
	return x->aux > 0 ? variable(r, x->aux - 1u, ret) : unknown(r, x->str, 0, ret);
}

/* ---- && || if ---- */

static bool chain_left(struct cedar_pe *r, const struct cedar_expr *x, uint32_t i,
	const struct cedar_expr *first, struct cedar_part *ret)
{
	const struct cedar_expr **v = pool_array(r, x->n - i + 1u, sizeof(*v));
	struct cedar_expr *new =
		v != NULL ? ward_cedar_pe_node(r, (enum cedar_expr_kind)x->kind, x) : NULL;
	uint32_t n = 0;

	if (new == NULL)
		return false;
	if (i > 0)
		v[n++] = ward_cedar_pe_truth(r, x->kind == CEDAR_X_AND);
	v[n++] = first;
	for (i++; v[0] != NULL && i < x->n; i++) {
		v[n] = ward_cedar_pe_attempt(r, x->v[i]);
		if (v[n++] == NULL)
			return false;
	}
	if (v[0] == NULL)
		return false;
	new->n = n;
	new->v = v;
	return left(ret, new);
}

static bool chain(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	bool stop = x->kind == CEDAR_X_OR, b = !stop;

	for (uint32_t i = 0; b != stop && i < x->n; i++) {
		struct cedar_part p;

		if (!ward_cedar_pe(r, x->v[i], &p))
			return false;
		if (p.x != NULL)
			return chain_left(r, x, i, p.x, ret);
		if (!ward_cedar_as_bool(&p.v, &b, r->fault))
			return false;
	}
	return truth(ret, b);
}

static bool choice(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	const struct cedar_expr **v;
	struct cedar_expr *new;
	struct cedar_part p;
	bool b;

	if (!ward_cedar_pe(r, x->v[0], &p))
		return false;
	if (p.x == NULL)
		return ward_cedar_as_bool(&p.v, &b, r->fault) &&
			ward_cedar_pe(r, x->v[b ? 1 : 2], ret);
	v = pool_array(r, 3, sizeof(*v));
	new = v != NULL ? ward_cedar_pe_node(r, CEDAR_X_IF, x) : NULL;
	if (new == NULL)
		return false;
	v[0] = p.x;
	v[1] = ward_cedar_pe_attempt(r, x->v[1]);
	v[2] = v[1] != NULL ? ward_cedar_pe_attempt(r, x->v[2]) : NULL;
	new->n = 3;
	new->v = v;
	return v[2] != NULL && left(ret, new);
}

/* ---- operators ---- */

static bool unary(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_part a;

	if (!ward_cedar_pe(r, x->a, &a))
		return false;
	if (a.x != NULL)
		return left(ret, ward_cedar_pe_one(r, (enum cedar_expr_kind)x->kind, a.x));
	ret->x = NULL;
	return ward_cedar_apply_unary((enum cedar_expr_kind)x->kind, &a.v, &ret->v, r->fault);
}

static bool binary_parts(struct cedar_pe *r, enum cedar_expr_kind kind, const struct cedar_part *a,
	const struct cedar_part *b, struct cedar_part *ret)
{
	if (a->x != NULL || b->x != NULL)
		return left(ret,
			ward_cedar_pe_two(r, kind, ward_cedar_pe_expr(r, a),
				ward_cedar_pe_expr(r, b)));
	ret->x = NULL;
	return ward_cedar_apply_binary(&r->world, kind, &a->v, &b->v, &ret->v, r->fault);
}

static bool binary(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_part a, b;

	return ward_cedar_pe(r, x->a, &a) && ward_cedar_pe(r, x->b, &b) &&
		binary_parts(r, (enum cedar_expr_kind)x->kind, &a, &b, ret);
}

static bool like(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_expr *new;
	struct cedar_part a;
	bool b;

	if (!ward_cedar_pe(r, x->a, &a))
		return false;
	if (a.x == NULL)
		return ward_cedar_is_like(&a.v, x->pattern, &b, r->fault) && truth(ret, b);
	new = ward_cedar_pe_node(r, CEDAR_X_LIKE, x);
	if (new == NULL)
		return false;
	new->a = a.x;
	new->pattern = x->pattern;
	return left(ret, new);
}

/* x is T in y, with x as a: x is T && x in y */
static bool is_in(struct cedar_pe *r, const struct cedar_expr *x, const struct cedar_part *a,
	struct cedar_part *ret)
{
	struct cedar_part y;
	bool b;

	if (a->x == NULL) {
		if (!ward_cedar_is(&a->v, x->is->type, &b, r->fault))
			return false;
		if (!b)
			return truth(ret, false);
		if (!ward_cedar_pe(r, x->is->in, &y) || !binary_parts(r, CEDAR_X_IN, a, &y, ret))
			return false;
		return ret->x == NULL ||
			left(ret, ward_cedar_pe_and(r, ward_cedar_pe_truth(r, true), ret->x));
	}
	if (ward_cedar_pe(r, x->is->in, &y))
		return left(ret,
			ward_cedar_pe_is_in(r, a->x, x->is->type, a->x, ward_cedar_pe_expr(r, &y)));
	if (r->fault->kind == CEDAR_FAULT_MEMORY)
		return false;
	return left(ret,
		ward_cedar_pe_is_in(r, a->x, x->is->type, ward_cedar_pe_plain(r, x->a),
			ward_cedar_pe_plain(r, x->is->in)));
}

static bool is(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_part a;
	bool b;

	if (!ward_cedar_pe(r, x->a, &a))
		return false;
	if (x->is->in != NULL)
		return is_in(r, x, &a, ret);
	if (a.x != NULL)
		return left(ret, ward_cedar_pe_is(r, a.x, x->is->type));
	return ward_cedar_is(&a.v, x->is->type, &b, r->fault) && truth(ret, b);
}

/* ---- attributes ---- */

static bool never_fails_value(const struct cedar_value *v)
{
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_SET:
		for (uint32_t i = 0; i < v->set->n; i++) {
			if (!never_fails_value(&v->set->v[i]))
				return false;
		}
		return true;
	case CEDAR_V_RECORD:
		for (uint32_t i = 0; i < v->record->n; i++) {
			if (!never_fails_value(&v->record->v[i].value))
				return false;
		}
		return true;
	default: return v->tag < CEDAR_V_SET;
	}
}

static int fails(const struct cedar_expr *x, void *arg)
{
	(void)arg;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
	case CEDAR_X_LONG:
	case CEDAR_X_STRING:
	case CEDAR_X_ENTITY:
	case CEDAR_X_VAR:
	case CEDAR_X_UNKNOWN: return 0;
	/* A constructor's call, in the core: it would not fail, but the core does not know. */
	case CEDAR_X_VALUE: return never_fails_value(x->value) ? 0 : -1;
	case CEDAR_X_SET:
	case CEDAR_X_RECORD: return ward_cedar_expr_children(x, fails, NULL);
	default: return -1;
	}
}

/* Can one of the fields of a record be had without the others? Only if these cannot fail. */
static bool is_open(const struct cedar_expr *record)
{
	return fails(record, NULL) == 0;
}

static const struct cedar_field *find(const struct cedar_expr *record, const struct cedar_str *name)
{
	for (uint32_t i = 0; i < record->n; i++) {
		if (ward_cedar_str_eq(record->fields[i].name, name))
			return &record->fields[i];
	}
	return NULL;
}

/* Of the record, the names are told. */
static bool no_attribute(struct cedar_pe *r, const struct cedar_expr *x,
	const struct cedar_str *name)
{
	struct cedar_record *names = array(r, 1, sizeof(*names) + x->n * sizeof(names->v[0]));

	if (names == NULL)
		return false;
	names->n = x->n;
	for (uint32_t i = 0; i < x->n; i++)
		names->v[i].name = x->fields[i].name;
	*r->fault = (struct cedar_fault){ .kind = CEDAR_FAULT_ATTR,
		.name = name,
		.value = { .tag = CEDAR_V_RECORD, .record = names } };
	return false;
}

static bool attribute(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	const struct cedar_field *f;
	struct cedar_expr *new;
	struct cedar_part a;

	if (!ward_cedar_pe(r, x->a, &a))
		return false;
	ret->x = NULL;
	if (a.x == NULL)
		return ward_cedar_attr(&r->world, &a.v, x->name, &ret->v, r->fault);
	if (a.x->kind == CEDAR_X_RECORD) {
		f = find(a.x, x->name);
		if (f == NULL)
			return no_attribute(r, a.x, x->name);
		if (is_open(a.x))
			return ward_cedar_pe(r, f->x, ret);
	}
	new = ward_cedar_pe_node(r, CEDAR_X_ATTR, x);
	if (new == NULL)
		return false;
	new->flags = x->flags;
	new->a = a.x;
	new->name = x->name;
	return left(ret, new);
}

static bool has_value(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_value at,
	struct cedar_part *ret)
{
	const struct cedar_value *v;

	for (uint32_t i = 0; i < x->n; i++) {
		if (!ward_cedar_has(&r->world, &at, x->names[i], &v, r->fault))
			return false;
		if (v == NULL)
			return truth(ret, false);
		at = *v;
	}
	return truth(ret, true);
}

static bool has(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_expr *new;
	struct cedar_part a;

	if (!ward_cedar_pe(r, x->a, &a))
		return false;
	if (a.x == NULL)
		return has_value(r, x, a.v, ret);
	if (x->n == 1 && a.x->kind == CEDAR_X_RECORD && is_open(a.x))
		return truth(ret, find(a.x, x->names[0]) != NULL);
	new = ward_cedar_pe_node(r, CEDAR_X_HAS, x);
	if (new == NULL)
		return false;
	new->flags = x->flags;
	new->n = x->n;
	new->a = a.x;
	new->names = x->names;
	return left(ret, new);
}

/* ---- sets, records, calls ---- */

static bool list_left(struct cedar_pe *r, const struct cedar_expr *x, const struct cedar_part *p,
	struct cedar_part *ret)
{
	const struct cedar_expr **v = pool_array(r, x->n, sizeof(*v));
	struct cedar_expr *new =
		v != NULL ? ward_cedar_pe_node(r, (enum cedar_expr_kind)x->kind, x) : NULL;

	if (new == NULL)
		return false;
	for (uint32_t i = 0; i < x->n; i++) {
		v[i] = ward_cedar_pe_expr(r, &p[i]);
		if (v[i] == NULL)
			return false;
	}
	new->aux = x->aux;
	new->n = x->n;
	new->v = v;
	return left(ret, new);
}

/* unknown(...) of values; those behind the first say nothing. */
static bool call_unknown(struct cedar_pe *r, const struct cedar_value *v, uint32_t n,
	struct cedar_part *ret)
{
	if (n == 0) {
		*r->fault = (struct cedar_fault){
			.kind = CEDAR_FAULT_ARITY, .fn = CEDAR_FN_UNKNOWN, .want = 1
		};
		return false;
	}
	if (v->tag != CEDAR_V_STRING)
		return ward_cedar_wrong_type(r->fault, BIT(STRING), v);
	return unknown(r, v->str, 0, ret);
}

static bool list(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_part *p = array(r, x->n, sizeof(*p));
	struct cedar_value *v = array(r, x->n, sizeof(*v));
	bool open = false;

	if (p == NULL || v == NULL)
		return false;
	for (uint32_t i = 0; i < x->n; i++) {
		if (!ward_cedar_pe(r, x->v[i], &p[i]))
			return false;
		open = open || p[i].x != NULL;
		v[i] = p[i].v;
	}
	if (open)
		return list_left(r, x, p, ret);
	if (x->kind == CEDAR_X_CALL && x->aux == CEDAR_FN_UNKNOWN)
		return call_unknown(r, v, x->n, ret);
	ret->x = NULL;
	return x->kind == CEDAR_X_SET
		? ward_cedar_make_set(r->arena, v, x->n, &ret->v, r->fault)
		: ward_cedar_call(r->arena, (enum cedar_fn)x->aux, v, x->n, &ret->v, r->fault);
}

static bool record_left(struct cedar_pe *r, const struct cedar_expr *x, const uint32_t *order,
	const struct cedar_part *p, struct cedar_part *ret)
{
	struct cedar_field *v = pool_array(r, x->n, sizeof(*v));
	struct cedar_expr *new = v != NULL ? ward_cedar_pe_node(r, CEDAR_X_RECORD, x) : NULL;

	if (new == NULL)
		return false;
	for (uint32_t i = 0; i < x->n; i++) {
		v[i] = x->fields[order[i]];
		v[i].x = ward_cedar_pe_expr(r, &p[i]);
		if (v[i].x == NULL)
			return false;
	}
	new->n = x->n;
	new->fields = v;
	return left(ret, new);
}

static bool record(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	struct cedar_part *p = array(r, x->n, sizeof(*p));
	struct cedar_member *v = array(r, x->n, sizeof(*v));
	uint32_t *order = array(r, x->n, sizeof(*order));
	bool open = false;

	if (p == NULL || v == NULL || order == NULL)
		return false;
	ward_cedar_field_order(x, order);
	for (uint32_t i = 0; i < x->n; i++) {
		if (!ward_cedar_pe(r, x->fields[order[i]].x, &p[i]))
			return false;
		open = open || p[i].x != NULL;
		v[i] = (struct cedar_member){ x->fields[order[i]].name, p[i].v };
	}
	if (open)
		return record_left(r, x, order, p, ret);
	ret->x = NULL;
	return ward_cedar_make_record(r->arena, v, x->n, &ret->v, r->fault);
}

bool ward_cedar_pe(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR: return chain(r, x, ret);
	case CEDAR_X_IF: return choice(r, x, ret);
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY: return unary(r, x, ret);
	case CEDAR_X_ATTR: return attribute(r, x, ret);
	case CEDAR_X_LIKE: return like(r, x, ret);
	case CEDAR_X_HAS: return has(r, x, ret);
	case CEDAR_X_IS: return is(r, x, ret);
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return list(r, x, ret);
	case CEDAR_X_RECORD: return record(r, x, ret);
	default: break;
	}
	return x->kind >= CEDAR_X_EQ && x->kind <= CEDAR_X_HAS_TAG ? binary(r, x, ret)
								   : leaf(r, x, ret);
}

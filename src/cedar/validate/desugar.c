/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as the tree that is type-checked: a > b is !(a <= b), `x is T in y` is x is T && x in y, a chain of && is one
 * node, two literals side by side in it are one. Equal expressions get the same number, so that what was learnt of
 * an expression is found again in constant time.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/validate/check.h"

struct shape_slot {
	uint64_t hash;
	const struct node *n; /* NULL: free */
};
struct cap_slot {
	uint32_t shape, tag; /* of what; of the tag's name, 0: an attribute */
	const struct cedar_str *name; /* of the attribute */
	uint32_t number; /* 0: free */
};
struct builder {
	struct checker *c;
	struct shape_slot *shapes;
	struct cap_slot *caps;
	uint32_t n_shapes, shapes_room, n_caps, caps_room; /* room: powers of 2 */
};

static struct node *build(struct builder *b, const struct cedar_expr *x);

static void *take(struct builder *b, size_t n, size_t size)
{
	return ward_cedar_check_alloc(b->c, b->c->per_policy, n, size);
}

/* ---- equal expressions ---- */

static uint64_t scalar_hash(const struct node *n)
{
	switch (n->kind) {
	case CEDAR_X_BOOL: return n->truth;
	case CEDAR_X_LONG: return (uint64_t)n->number;
	case CEDAR_X_STRING:
	case CEDAR_X_UNKNOWN:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS:
	case CEDAR_X_ATTR: return n->str->hash;
	case CEDAR_X_ENTITY: return n->uid->hash;
	default: return 0;
	}
}

static bool scalar_eq(const struct node *a, const struct node *b)
{
	switch (a->kind) {
	case CEDAR_X_BOOL: return a->truth == b->truth;
	case CEDAR_X_LONG: return a->number == b->number;
	case CEDAR_X_STRING:
	case CEDAR_X_UNKNOWN:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS:
	case CEDAR_X_ATTR: return ward_cedar_str_eq(a->str, b->str);
	case CEDAR_X_ENTITY: return ward_cedar_uid_eq(a->uid, b->uid);
	default: return true;
	}
}

/* How many of v belong to the expression: the others of a HAS are made from it. */
static uint32_t own(const struct node *n)
{
	return n->kind == CEDAR_X_HAS ? 1 : n->n;
}

static uint32_t name_count(const struct node *n)
{
	return n->kind == CEDAR_X_HAS ? n->n_names : n->kind == CEDAR_X_RECORD ? n->n : 0;
}

static bool shape_eq(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind || a->aux != b->aux || own(a) != own(b) ||
		name_count(a) != name_count(b) || !scalar_eq(a, b))
		return false;
	for (uint32_t i = 0; i < own(a); i++)
		if (a->v[i]->shape != b->v[i]->shape)
			return false;
	for (uint32_t i = 0; i < name_count(a); i++)
		if (!ward_cedar_str_eq(a->names[i], b->names[i]))
			return false;
	return true;
}

static bool shapes_grow(struct builder *b)
{
	uint32_t room = b->shapes_room > 0 ? b->shapes_room * 2 : 64;
	struct shape_slot *v;

	if (b->n_shapes * 2 < b->shapes_room)
		return true;
	v = room > b->shapes_room ? take(b, room, sizeof(*v)) : NULL;
	if (v == NULL)
		return false;
	for (uint32_t i = 0; i < b->shapes_room; i++) {
		uint32_t at = (uint32_t)b->shapes[i].hash & (room - 1);

		if (b->shapes[i].n == NULL)
			continue;
		while (v[at].n != NULL)
			at = (at + 1) & (room - 1);
		v[at] = b->shapes[i];
	}
	b->shapes = v;
	b->shapes_room = room;
	return true;
}

/* Gives n its number. NULL: no memory. */
APART static struct node *number(struct builder *b, struct node *n)
{
	uint64_t h = ward_cedar_hash_mix(((uint64_t)n->kind << 8) | n->aux, scalar_hash(n));
	uint32_t at;

	for (uint32_t i = 0; i < own(n); i++)
		h = ward_cedar_hash_mix(h, n->v[i]->shape);
	for (uint32_t i = 0; i < name_count(n); i++)
		h = ward_cedar_hash_mix(h, n->names[i]->hash);
	if (!shapes_grow(b))
		return NULL;
	at = (uint32_t)h & (b->shapes_room - 1);
	for (; b->shapes[at].n != NULL; at = (at + 1) & (b->shapes_room - 1)) {
		if (b->shapes[at].hash == h && shape_eq(b->shapes[at].n, n)) {
			n->shape = b->shapes[at].n->shape;
			return n;
		}
	}
	b->shapes[at] = (struct shape_slot){ h, n };
	n->shape = ++b->n_shapes;
	return n;
}

static uint64_t cap_hash(const struct cap_slot *s)
{
	return ward_cedar_hash_mix(((uint64_t)s->shape << 32) | s->tag,
		s->name ? s->name->hash : 0);
}

static bool cap_eq(const struct cap_slot *a, const struct cap_slot *b)
{
	return a->shape == b->shape && a->tag == b->tag &&
		(a->name == NULL || ward_cedar_str_eq(a->name, b->name));
}

static bool caps_grow(struct builder *b)
{
	uint32_t room = b->caps_room > 0 ? b->caps_room * 2 : 32;
	struct cap_slot *v;

	if (b->n_caps * 2 < b->caps_room)
		return true;
	v = room > b->caps_room ? take(b, room, sizeof(*v)) : NULL;
	if (v == NULL)
		return false;
	for (uint32_t i = 0; i < b->caps_room; i++) {
		uint32_t at;

		if (b->caps[i].number == 0)
			continue;
		at = (uint32_t)cap_hash(&b->caps[i]) & (room - 1);
		while (v[at].number != 0)
			at = (at + 1) & (room - 1);
		v[at] = b->caps[i];
	}
	b->caps = v;
	b->caps_room = room;
	return true;
}

/* The number, from 0, of knowing that what has the attribute name or, if name is NULL, the tag of that shape. */
static bool capability(struct builder *b, uint32_t what, uint32_t tag, const struct cedar_str *name,
	uint32_t *ret)
{
	struct cap_slot s = { what, tag, name, 0 };
	uint32_t at;

	if (!caps_grow(b))
		return false;
	at = (uint32_t)cap_hash(&s) & (b->caps_room - 1);
	for (; b->caps[at].number != 0; at = (at + 1) & (b->caps_room - 1)) {
		if (cap_eq(&b->caps[at], &s)) {
			*ret = b->caps[at].number - 1;
			return true;
		}
	}
	*ret = b->n_caps;
	s.number = ++b->n_caps;
	b->caps[at] = s;
	return true;
}

/* ---- nodes ---- */

static struct node *make(struct builder *b, unsigned kind, const struct cedar_expr *at, uint32_t n)
{
	struct node *r = take(b, 1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->kind = (uint8_t)kind;
	r->n = n;
	if (at != NULL) {
		r->start = at->start;
		r->end = at->end;
	}
	r->place = r;
	if (n > 0)
		r->v = take(b, n, sizeof(struct node *));
	return n > 0 && r->v == NULL ? NULL : r;
}

static struct node *unary(struct builder *b, unsigned kind, const struct cedar_expr *at,
	struct node *a)
{
	struct node *r = a != NULL ? make(b, kind, at, 1) : NULL;

	if (r == NULL)
		return NULL;
	r->v[0] = a;
	return number(b, r);
}

static struct node *binary(struct builder *b, unsigned kind, const struct cedar_expr *at,
	struct node *x, struct node *y)
{
	struct node *r = x != NULL && y != NULL ? make(b, kind, at, 2) : NULL;

	if (r == NULL)
		return NULL;
	r->v[0] = x;
	r->v[1] = y;
	if ((kind == CEDAR_X_GET_TAG || kind == CEDAR_X_HAS_TAG) &&
		!capability(b, x->shape, y->shape, NULL, &r->cap))
		return NULL;
	return number(b, r);
}

static struct node *literal(struct builder *b, bool truth, const struct cedar_expr *at)
{
	struct node *r = make(b, CEDAR_X_BOOL, at, 0);

	if (r == NULL)
		return NULL;
	r->truth = truth;
	return number(b, r);
}

static struct node *var(struct builder *b, enum cedar_var v)
{
	struct node *r = make(b, CEDAR_X_VAR, NULL, 0);

	if (r == NULL)
		return NULL;
	r->aux = (uint8_t)v;
	return number(b, r);
}

static struct node *slot(struct builder *b, enum cedar_slot s)
{
	struct node *r = make(b, CEDAR_X_SLOT, NULL, 0);

	if (r == NULL)
		return NULL;
	r->aux = (uint8_t)s;
	return number(b, r);
}

APART static struct node *entity(struct builder *b, const struct cedar_uid *uid,
	const struct cedar_expr *at)
{
	struct node *r = make(b, CEDAR_X_ENTITY, at, 0);
	const struct cedar_schema *s = b->c->schema;
	bool known = ward_vt_is_action(uid->type) ? ward_cedar_schema_action(s, uid) != NULL
						  : ward_cedar_schema_entity(s, uid->type) != NULL;

	if (r == NULL)
		return NULL;
	r->uid = uid;
	r->action = ward_cedar_schema_action(s, uid);
	if (known) {
		struct cedar_type *t = take(b, 1, sizeof(*t));

		if (t == NULL)
			return NULL;
		*t = (struct cedar_type){ .kind = CEDAR_TYPE_ENTITY, .name = uid->type };
		r->given = t;
	}
	return number(b, r);
}

APART static struct node *attr(struct builder *b, const struct cedar_expr *at, struct node *a,
	const struct cedar_str *name)
{
	struct node *r = a != NULL ? make(b, CEDAR_X_ATTR, at, 1) : NULL;

	if (r == NULL)
		return NULL;
	r->v[0] = a;
	r->str = name;
	return capability(b, a->shape, 0, name, &r->cap) ? number(b, r) : NULL;
}

/* a has x.y.z: with the nodes a.x and a.x.y, which are asked in turn. */
APART static struct node *has(struct builder *b, const struct cedar_expr *x)
{
	struct node *r = make(b, CEDAR_X_HAS, x, x->n);

	if (r == NULL)
		return NULL;
	r->names = x->names;
	r->n_names = x->n;
	r->caps = take(b, x->n, sizeof(*r->caps));
	r->v[0] = build(b, x->a);
	if (r->caps == NULL || r->v[0] == NULL)
		return NULL;
	for (uint32_t i = 0; i < x->n; i++) {
		if (i > 0)
			r->v[i] = attr(b, x, r->v[i - 1], x->names[i - 1]);
		if (r->v[i] == NULL || !capability(b, r->v[i]->shape, 0, x->names[i], &r->caps[i]))
			return NULL;
	}
	r->cap = r->caps[0];
	return number(b, r);
}

APART static struct node *is(struct builder *b, const struct cedar_expr *at, struct node *a,
	const struct cedar_str *type, struct cedar_span type_at)
{
	struct node *r = a != NULL ? make(b, CEDAR_X_IS, at, 1) : NULL;

	if (r == NULL)
		return NULL;
	r->v[0] = a;
	r->str = type;
	r->type_at = type_at;
	return number(b, r);
}

/* a is the same node on both sides: looked at once, as it has nothing to say the second time. */
APART static struct node *is_in(struct builder *b, const struct cedar_expr *at, struct node *a,
	const struct cedar_str *type, struct cedar_span type_at, struct node *what)
{
	struct node *left = is(b, at, a, type, type_at);
	struct node *right = binary(b, CEDAR_X_IN, at, a, what);

	if (right != NULL)
		right->again = true;
	return binary(b, CEDAR_X_AND, at, left, right);
}

/*
 * a && b && c associates to the left, and so does (a && b) && c: one node. Literals that meet there are one, as the
 * language's parser makes them.
 */
APART static struct node *chain(struct builder *b, const struct cedar_expr *x)
{
	struct node *first = build(b, x->v[0]), *r;
	bool splice = first != NULL && first->kind == x->kind;
	uint32_t n = splice ? first->n : 1;

	r = first != NULL ? make(b, x->kind, x, n + x->n - 1) : NULL;
	if (r == NULL)
		return NULL;
	if (splice)
		memcpy(r->v, first->v, n * sizeof(*r->v));
	else
		r->v[0] = first;
	for (uint32_t i = 1; i < x->n; i++) {
		struct node *next = build(b, x->v[i]);

		if (next == NULL)
			return NULL;
		if (n == 1 && r->v[0]->kind == CEDAR_X_BOOL && next->kind == CEDAR_X_BOOL) {
			bool p = r->v[0]->truth, q = next->truth;

			r->v[0] = literal(b, x->kind == CEDAR_X_AND ? p && q : p || q, x);
			if (r->v[0] == NULL)
				return NULL;
		} else {
			r->v[n++] = next;
		}
	}
	if (n == 1)
		return r->v[0];
	r->n = n;
	return number(b, r);
}

static bool is_literal(const struct node *n)
{
	return n->kind == CEDAR_X_BOOL || n->kind == CEDAR_X_LONG || n->kind == CEDAR_X_STRING ||
		n->kind == CEDAR_X_ENTITY;
}

APART static struct node *list(struct builder *b, const struct cedar_expr *x)
{
	struct node *r = make(b, x->kind, x, x->n);

	if (r == NULL)
		return NULL;
	if (x->kind == CEDAR_X_CALL)
		r->aux = x->aux;
	r->fixed = x->kind == CEDAR_X_SET;
	for (uint32_t i = 0; i < x->n; i++) {
		r->v[i] = build(b, x->v[i]);
		if (r->v[i] == NULL)
			return NULL;
		r->fixed = r->fixed && is_literal(r->v[i]);
	}
	return number(b, r);
}

static int field_cmp(const void *a, const void *b)
{
	const struct cedar_field *x = a, *y = b;

	return ward_cedar_str_cmp(x->name, y->name);
}

APART static struct node *record(struct builder *b, const struct cedar_expr *x)
{
	struct node *r = make(b, CEDAR_X_RECORD, x, x->n);
	struct cedar_field *f = take(b, x->n, sizeof(*f));
	const struct cedar_str **names = take(b, x->n, sizeof(*names));

	if (r == NULL || f == NULL || names == NULL)
		return NULL;
	if (x->n > 0) {
		memcpy(f, x->fields, x->n * sizeof(*f));
		qsort(f, x->n, sizeof(*f), field_cmp);
	}
	for (uint32_t i = 0; i < x->n; i++) {
		names[i] = f[i].name;
		r->v[i] = build(b, f[i].x);
		if (r->v[i] == NULL)
			return NULL;
	}
	r->names = names;
	return number(b, r);
}

APART static struct node *value(struct builder *b, const struct cedar_expr *x)
{
	struct checker *c = b->c;
	const struct cedar_expr *e;

	if (c->pool == NULL)
		c->pool = ward_cedar_pool_new(0);
	e = c->pool != NULL ? ward_cedar_value_expr(c->pool, x->value) : NULL;
	if (e == NULL)
		c->failed = true;
	return e != NULL && e->kind != CEDAR_X_VALUE ? build(b, e) : NULL;
}

APART static struct node *leaf(struct builder *b, const struct cedar_expr *x)
{
	struct node *r;

	if (x->kind == CEDAR_X_ENTITY)
		return entity(b, x->uid, x);
	if (x->kind == CEDAR_X_VALUE)
		return value(b, x);
	r = make(b, x->kind, x, 0);
	if (r == NULL)
		return NULL;
	switch (x->kind) {
	case CEDAR_X_BOOL: r->truth = x->truth; break;
	case CEDAR_X_LONG: r->number = x->number; break;
	case CEDAR_X_STRING:
	case CEDAR_X_UNKNOWN: r->str = x->str; break;
	default: r->aux = x->aux;
	}
	return number(b, r);
}

APART static struct node *like(struct builder *b, const struct cedar_expr *x)
{
	struct node *a = build(b, x->a);
	struct node *r = a != NULL ? make(b, CEDAR_X_LIKE, x, 1) : NULL;

	if (r == NULL)
		return NULL;
	r->v[0] = a;
	r->str = x->pattern;
	return number(b, r);
}

/* Those of two operands; NE, GT and GE are the negation of another. */
APART static struct node *operation(struct builder *b, const struct cedar_expr *x)
{
	struct node *l = build(b, x->a);
	struct node *r = l != NULL ? build(b, x->b) : NULL;

	switch (x->kind) {
	case CEDAR_X_NE: return unary(b, CEDAR_X_NOT, x, binary(b, CEDAR_X_EQ, x, l, r));
	case CEDAR_X_GT: return unary(b, CEDAR_X_NOT, x, binary(b, CEDAR_X_LE, x, l, r));
	case CEDAR_X_GE: return unary(b, CEDAR_X_NOT, x, binary(b, CEDAR_X_LT, x, l, r));
	default: return binary(b, x->kind, x, l, r);
	}
}

static struct node *build(struct builder *b, const struct cedar_expr *x)
{
	struct node *a;

	switch (x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR: return chain(b, x);
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return list(b, x);
	case CEDAR_X_IF: {
		struct cedar_expr three = *x;

		three.n = 3;
		return list(b, &three);
	}
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY: return unary(b, x->kind, x, build(b, x->a));
	case CEDAR_X_ATTR: return attr(b, x, build(b, x->a), x->name);
	case CEDAR_X_HAS: return has(b, x);
	case CEDAR_X_LIKE: return like(b, x);
	case CEDAR_X_IS:
		a = build(b, x->a);
		if (x->is->in == NULL)
			return is(b, x, a, x->is->type, x->is->type_at);
		return is_in(b, x, a, x->is->type, x->is->type_at,
			a != NULL ? build(b, x->is->in) : NULL);
	case CEDAR_X_RECORD: return record(b, x);
	case CEDAR_X_BOOL:
	case CEDAR_X_LONG:
	case CEDAR_X_STRING:
	case CEDAR_X_ENTITY:
	case CEDAR_X_VAR:
	case CEDAR_X_SLOT:
	case CEDAR_X_UNKNOWN:
	case CEDAR_X_VALUE: return leaf(b, x);
	default: return operation(b, x);
	}
}

/* ---- scope ---- */

static struct node *scope(struct builder *b, const struct cedar_scope *s, enum cedar_var v,
	enum cedar_slot which)
{
	struct node *what = NULL;

	if (s->op == CEDAR_SCOPE_ANY)
		return literal(b, true, NULL);
	if (s->op == CEDAR_SCOPE_IS)
		return is(b, NULL, var(b, v), s->type, s->type_at);
	what = s->slot ? slot(b, which) : entity(b, s->uid, NULL);
	if (s->op == CEDAR_SCOPE_IS_IN)
		return is_in(b, NULL, var(b, v), s->type, s->type_at, what);
	return binary(b, s->op == CEDAR_SCOPE_EQ ? CEDAR_X_EQ : CEDAR_X_IN, NULL, var(b, v), what);
}

static struct node *action_scope(struct builder *b, const struct cedar_action_scope *s)
{
	struct node *set;

	if (s->op == CEDAR_SCOPE_ANY)
		return literal(b, true, NULL);
	if (s->op == CEDAR_SCOPE_EQ)
		return binary(b, CEDAR_X_EQ, NULL, var(b, CEDAR_ACTION),
			entity(b, s->uids[0], NULL));
	set = make(b, CEDAR_X_SET, NULL, s->n);
	for (uint32_t i = 0; set != NULL && i < s->n; i++) {
		set->v[i] = entity(b, s->uids[i], NULL);
		if (set->v[i] == NULL)
			return NULL;
		set->fixed = true;
	}
	return binary(b, CEDAR_X_IN, NULL, var(b, CEDAR_ACTION),
		set != NULL ? number(b, set) : NULL);
}

static struct node *whole(struct builder *b, const struct cedar_policy *p)
{
	struct node *r = make(b, X_ALL, NULL, p->n_conditions + 3);

	if (r == NULL)
		return NULL;
	r->start = p->start;
	r->end = p->end;
	r->v[0] = scope(b, &p->principal, CEDAR_PRINCIPAL, CEDAR_SLOT_PRINCIPAL);
	r->v[1] = action_scope(b, &p->action);
	r->v[2] = scope(b, &p->resource, CEDAR_RESOURCE, CEDAR_SLOT_RESOURCE);
	if (r->v[0] == NULL || r->v[1] == NULL || r->v[2] == NULL)
		return NULL;
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		const struct cedar_condition *k = &p->conditions[i];
		struct node *x = build(b, k->body);

		if (k->unless) {
			struct cedar_expr at = { .start = k->start, .end = k->end };

			x = unary(b, CEDAR_X_NOT, &at, x);
		}
		if (x == NULL)
			return NULL;
		r->v[i + 3] = x;
	}
	return r;
}

struct node *ward_cedar_desugar(struct checker *c)
{
	struct builder b = { .c = c };
	struct node *r = whole(&b, c->policy);

	c->n_caps = b.n_caps;
	c->stamp = 0;
	if (r != NULL) {
		c->prior = take(&b, b.n_caps, sizeof(*c->prior));
		c->mark = take(&b, b.n_caps, sizeof(*c->mark));
	}
	if (r == NULL || c->prior == NULL || c->mark == NULL) {
		c->failed = true;
		return NULL;
	}
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index over scopes: policies ordered by what they want of action, principal and resource, and tables from there. A
 * policy stands under each element of its action's list; the request that meets two of them finds it twice and counts it
 * once. Tables are at most two thirds full and hold numbers, not pointers.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"

struct entry {
	uint32_t action, principal, resource, number;
};
struct maker {
	struct cedar_compiled *c;
	struct cedar_index *x;
	struct entry *v;
	size_t n, cap_names;
};

void ward_cedar_index_done(struct cedar_index *x)
{
	free(x->slots);
	free(x->names);
	free(x->branches);
	free(x->leaves);
	free(x->numbers);
	free(x->by_scope.v);
	free(x->by_resource.v);
	*x = (struct cedar_index){ 0 };
}

static size_t table_size(size_t n)
{
	size_t cap = 16;

	while (cap / 16 * 11 < n)
		cap *= 2;
	return cap;
}

/* ---- names ---- */

static bool same(const struct cedar_scope_name *n, const struct cedar_uid *uid,
	const struct cedar_str *type)
{
	if (n->is_type || uid == NULL)
		return n->is_type && uid == NULL && ward_cedar_str_eq(n->type, type);
	return ward_cedar_uid_eq(n->uid, uid);
}

/* Names are as many as there is room for: see ward_cedar_index_build(). */
static uint32_t name(struct cedar_index *x, const struct cedar_uid *uid,
	const struct cedar_str *type)
{
	assert(uid != NULL || type != NULL);
	uint64_t hash = uid != NULL ? uid->hash : type->hash;
	uint32_t at = (uint32_t)hash & x->slot_mask, tag = (uint32_t)(hash >> 32);

	for (; x->slots[at].name != 0; at = (at + 1) & x->slot_mask) {
		if (x->slots[at].tag == tag && same(&x->names[x->slots[at].name - 1], uid, type))
			return x->slots[at].name - 1;
	}
	x->names[x->n_names] = (struct cedar_scope_name){ .is_type = uid == NULL };
	if (uid != NULL)
		x->names[x->n_names].uid = uid;
	else
		x->names[x->n_names].type = type;
	x->slots[at] = (struct cedar_slot_of){ tag, ++x->n_names };
	return x->n_names - 1;
}

static uint32_t equal_to(struct cedar_index *x, enum cedar_dim dim, const struct cedar_uid *uid)
{
	uint32_t at = name(x, uid, NULL);

	x->names[at].eq |= (uint8_t)(1u << dim);
	return 1 + 2 * at;
}

static uint32_t within(struct cedar_index *x, enum cedar_dim dim, const struct cedar_uid *uid)
{
	uint32_t at = name(x, uid, NULL);

	x->names[at].in |= (uint8_t)(1u << dim);
	x->groups |= (uint8_t)(1u << dim);
	return 2 + 2 * at;
}

static uint32_t scope(struct cedar_index *x, enum cedar_dim dim, struct cedar_unit *u,
	const struct cedar_scope *s, const struct cedar_uid *slot)
{
	const struct cedar_uid *uid = s->slot ? slot : s->uid;
	uint32_t at;

	switch ((enum cedar_scope_op)s->op) {
	case CEDAR_SCOPE_ANY: x->any |= (uint8_t)(1u << dim); return 0;
	case CEDAR_SCOPE_EQ: return equal_to(x, dim, uid);
	case CEDAR_SCOPE_IN: return within(x, dim, uid);
	case CEDAR_SCOPE_IS_IN: u->typed |= (uint8_t)(1u << dim); return within(x, dim, uid);
	case CEDAR_SCOPE_IS: break;
	}
	at = name(x, NULL, s->type);
	x->names[at].eq |= (uint8_t)(1u << dim);
	x->types |= (uint8_t)(1u << dim);
	return 1 + 2 * at;
}

/* ---- entries ---- */

static void add(struct maker *m, uint32_t number)
{
	struct cedar_unit *u = &m->c->units[number];
	const struct cedar_action_scope *a = &u->tree->action;
	struct entry e = { .number = number };

	e.principal =
		scope(m->x, DIM_PRINCIPAL, u, &u->tree->principal, u->slots[CEDAR_SLOT_PRINCIPAL]);
	e.resource =
		scope(m->x, DIM_RESOURCE, u, &u->tree->resource, u->slots[CEDAR_SLOT_RESOURCE]);
	if (a->op == CEDAR_SCOPE_ANY) {
		m->x->any |= 1u << DIM_ACTION;
		m->v[m->n++] = e;
		return;
	}
	for (uint32_t i = 0; i < a->n; i++) {
		e.action = a->op == CEDAR_SCOPE_EQ ? equal_to(m->x, DIM_ACTION, a->uids[i])
						   : within(m->x, DIM_ACTION, a->uids[i]);
		m->v[m->n++] = e;
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->action != y->action)
		return x->action < y->action ? -1 : 1;
	if (x->principal != y->principal)
		return x->principal < y->principal ? -1 : 1;
	if (x->resource != y->resource)
		return x->resource < y->resource ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* ---- branches, leaves, numbers ---- */

static uint32_t place(const struct cedar_map *m, uint32_t a, uint32_t b)
{
	uint64_t h = (((uint64_t)a << 32) | b) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32) & m->mask;
}

uint32_t ward_cedar_map_get(const struct cedar_map *m, uint32_t a, uint32_t b)
{
	uint32_t at = place(m, a, b);

	while (m->v[at].value != 0 && (m->v[at].a != a || m->v[at].b != b))
		at = (at + 1) & m->mask;
	return m->v[at].value;
}

static void put(struct cedar_map *m, uint32_t a, uint32_t b, uint32_t value)
{
	uint32_t at = place(m, a, b);

	while (m->v[at].value != 0)
		at = (at + 1) & m->mask;
	m->v[at] = (struct cedar_pair){ a, b, value + 1 };
}

static bool make_map(struct cedar_index *x, struct cedar_map *m, size_t n)
{
	size_t cap = table_size(n);

	m->v = calloc(cap, sizeof(*m->v));
	m->mask = (uint32_t)cap - 1;
	x->bytes += cap * sizeof(*m->v);
	return m->v != NULL;
}

static bool same_branch(const struct entry *a, const struct entry *b)
{
	return a->action == b->action && a->principal == b->principal;
}

/* The entries are ordered: count, then fill. */
static void count(const struct maker *m, struct cedar_index *x)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct entry *e = &m->v[i], *last = i > 0 ? e - 1 : NULL;
		bool branch = last == NULL || !same_branch(last, e);
		bool leaf = branch || last->resource != e->resource;

		x->n_branches += branch;
		x->n_leaves += leaf;
		x->n_numbers += leaf || last->number != e->number;
	}
}

static void fill(const struct maker *m, struct cedar_index *x)
{
	struct cedar_branch *b = x->branches; /* the one behind the newest, as l is */
	struct cedar_leaf *l = x->leaves;
	uint32_t *number = x->numbers;

	for (size_t i = 0; i < m->n; i++) {
		const struct entry *e = &m->v[i], *last = i > 0 ? e - 1 : NULL;
		bool branch = last == NULL || !same_branch(last, e);
		bool leaf = branch || last->resource != e->resource;

		if (leaf)
			*l++ = (struct cedar_leaf){ e->resource, (uint32_t)(number - x->numbers) };
		if (branch)
			*b++ = (struct cedar_branch){ e->action, e->principal,
				(uint32_t)(l - x->leaves) - 1, 0 };
		b[-1].n += leaf;
		if (leaf || last->number != e->number)
			*number++ = e->number;
	}
	*l = (struct cedar_leaf){ 0, x->n_numbers };
}

static bool make_tables(struct cedar_index *x)
{
	size_t far = 0;

	for (uint32_t i = 0; i < x->n_branches; i++)
		far += x->branches[i].n > INDEX_SHORT ? x->branches[i].n : 0;
	if (!make_map(x, &x->by_scope, x->n_branches) || !make_map(x, &x->by_resource, far))
		return false;
	for (uint32_t i = 0; i < x->n_branches; i++) {
		const struct cedar_branch *b = &x->branches[i];

		put(&x->by_scope, b->action, b->principal, i);
		for (uint32_t k = 0; b->n > INDEX_SHORT && k < b->n; k++)
			put(&x->by_resource, i, x->leaves[b->first + k].resource, b->first + k);
	}
	return true;
}

static int make(struct maker *m)
{
	struct cedar_index *x = m->x;

	for (uint32_t i = 0; i < m->c->n; i++)
		add(m, i);
	if (m->n > 1)
		qsort(m->v, m->n, sizeof(*m->v), compare);
	count(m, x);
	/* one more than needed: none of them is empty */
	x->branches = calloc(x->n_branches + 1u, sizeof(*x->branches));
	x->leaves = calloc(x->n_leaves + 1u, sizeof(*x->leaves));
	x->numbers = calloc(x->n_numbers + 1u, sizeof(*x->numbers));
	if (x->branches == NULL || x->leaves == NULL || x->numbers == NULL)
		return WARD_E_NOMEM;
	x->bytes += x->n_branches * sizeof(*x->branches) + x->n_leaves * sizeof(*x->leaves) +
		x->n_numbers * sizeof(*x->numbers);
	fill(m, x);
	return make_tables(x) ? WARD_OK : WARD_E_NOMEM;
}

/* As many slots as the names need, now that they are known. */
static int shrink(struct cedar_index *x)
{
	size_t cap = table_size(x->n_names);
	struct cedar_slot_of *slots = calloc(cap, sizeof(*slots));
	struct cedar_scope_name *names = realloc(x->names, (x->n_names + 1u) * sizeof(*x->names));

	x->names = names != NULL ? names : x->names;
	if (slots == NULL || names == NULL) {
		free(slots);
		return WARD_E_NOMEM;
	}
	for (uint32_t i = 0; i < x->n_names; i++) {
		const struct cedar_scope_name *n = &x->names[i];
		uint64_t hash = n->is_type ? n->type->hash : n->uid->hash;
		size_t at = hash & (cap - 1);

		while (slots[at].name != 0)
			at = (at + 1) & (cap - 1);
		slots[at] = (struct cedar_slot_of){ (uint32_t)(hash >> 32), i + 1 };
	}
	free(x->slots);
	x->slots = slots;
	x->slot_mask = (uint32_t)cap - 1;
	x->bytes += cap * sizeof(*slots) + x->n_names * sizeof(*x->names);
	return WARD_OK;
}

int ward_cedar_index_build(struct cedar_compiled *c)
{
	struct maker m = { .c = c, .x = &c->index };
	size_t entries = 0, cap;
	int r;

	for (uint32_t i = 0; i < c->n; i++)
		entries += c->units[i].tree->action.op == CEDAR_SCOPE_ANY
			? 1
			: c->units[i].tree->action.n;
	m.cap_names = 2 * (size_t)c->n + entries;
	if (m.cap_names >= UINT32_MAX / 8)
		return WARD_E_LIMIT;
	cap = table_size(m.cap_names);
	m.v = calloc(entries + 1, sizeof(*m.v));
	m.x->names = calloc(m.cap_names + 1, sizeof(*m.x->names));
	m.x->slots = calloc(cap, sizeof(*m.x->slots));
	m.x->slot_mask = (uint32_t)cap - 1;
	r = m.v != NULL && m.x->names != NULL && m.x->slots != NULL ? make(&m) : WARD_E_NOMEM;
	free(m.v);
	return r < 0 ? r : shrink(&c->index);
}

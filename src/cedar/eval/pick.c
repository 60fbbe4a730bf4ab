/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies can match a request: its constraints are collected (equal to the entity, in it or in one of its
 * ancestors, of its type, none), and the index is asked for each action with each principal, and there for each resource.
 * Work is bounded: where that would be more than looking at every policy, every policy is looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"

#define FEW 32 /* so many are sorted by insertion */

bool ward_cedar_list_add(struct cedar_list *l, uint32_t v)
{
	if (l->n == l->cap) {
		size_t cap = l->cap > 0 ? l->cap * 2 : 64;
		uint32_t *p = realloc(l->v, cap * sizeof(*p));

		if (p == NULL)
			return false;
		l->v = p;
		l->cap = cap;
	}
	l->v[l->n++] = v;
	return true;
}

static const struct cedar_scope_name *find(const struct cedar_index *x, const struct cedar_uid *uid,
	const struct cedar_str *type, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & x->slot_mask, tag = (uint32_t)(hash >> 32);

	for (; x->slots[at].name != 0; at = (at + 1) & x->slot_mask) {
		const struct cedar_scope_name *n;

		if (x->slots[at].tag != tag)
			continue;
		n = &x->names[x->slots[at].name - 1];
		if (n->is_type ? uid == NULL && ward_cedar_str_eq(n->type, type)
			       : uid != NULL && ward_cedar_uid_eq(n->uid, uid))
			return n;
	}
	return NULL;
}

/* The constraints of one dimension that the request meets. False: no memory. */
static bool collect(struct cedar_run *r, enum cedar_dim dim, const struct cedar_uid *uid,
	struct cedar_list *l)
{
	const struct cedar_index *x = &r->compiled->index;
	const struct cedar_scope_name *n;
	const struct cedar_entity *e;
	unsigned bit = 1u << dim;
	bool ok = true;

	l->n = 0;
	if (x->any & bit)
		ok = ward_cedar_list_add(l, 0);
	n = find(x, uid, NULL, uid->hash);
	if (n != NULL && n->eq & bit)
		ok = ok && ward_cedar_list_add(l, 1 + 2 * (uint32_t)(n - x->names));
	if (n != NULL && n->in & bit)
		ok = ok && ward_cedar_list_add(l, 2 + 2 * (uint32_t)(n - x->names));
	n = x->types & bit ? find(x, NULL, uid->type, uid->type->hash) : NULL;
	if (n != NULL && n->eq & bit)
		ok = ok && ward_cedar_list_add(l, 1 + 2 * (uint32_t)(n - x->names));
	e = x->groups & bit ? ward_cedar_world_get(&r->world, uid) : NULL;
	for (uint32_t i = 0; ok && e != NULL && i < e->n_ancestors; i++) {
		n = find(x, e->ancestors[i], NULL, e->ancestors[i]->hash);
		if (n != NULL && n->in & bit)
			ok = ward_cedar_list_add(l, 2 + 2 * (uint32_t)(n - x->names));
	}
	return ok;
}

/* ---- policies ---- */

static bool typed(const struct cedar_run *r, const struct cedar_unit *u)
{
	return (!(u->typed & 1u << DIM_PRINCIPAL) ||
		       ward_cedar_str_eq(u->tree->principal.type, r->request->principal->type)) &&
		(!(u->typed & 1u << DIM_RESOURCE) ||
			ward_cedar_str_eq(u->tree->resource.type, r->request->resource->type));
}

static bool take(struct cedar_run *r, struct cedar_list *picked, uint32_t leaf)
{
	const struct cedar_index *x = &r->compiled->index;

	for (uint32_t i = x->leaves[leaf].first; i < x->leaves[leaf + 1].first; i++) {
		const struct cedar_unit *u = &r->compiled->units[x->numbers[i]];

		if ((u->typed == 0 || typed(r, u)) && !ward_cedar_list_add(picked, x->numbers[i]))
			return false;
	}
	return true;
}

static bool take_branch(struct cedar_run *r, struct cedar_scratch *s, uint32_t branch, size_t *work)
{
	const struct cedar_index *x = &r->compiled->index;
	const struct cedar_branch *b = &x->branches[branch];
	const struct cedar_list *keys = &s->keys[DIM_RESOURCE];

	*work += keys->n;
	for (size_t i = 0; i < keys->n; i++) {
		uint32_t leaf = 0;

		if (b->n > INDEX_SHORT)
			leaf = ward_cedar_map_get(&x->by_resource, branch, keys->v[i]);
		for (uint32_t k = 0; b->n <= INDEX_SHORT && k < b->n; k++) {
			if (x->leaves[b->first + k].resource == keys->v[i])
				leaf = b->first + k + 1;
		}
		if (leaf != 0 && !take(r, &s->picked, leaf - 1))
			return false;
	}
	return true;
}

/* ---- in order, each once ---- */

static void insertion(struct cedar_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		uint32_t v = l->v[i];
		size_t at = n;

		while (at > 0 && l->v[at - 1] > v)
			at--;
		if (at > 0 && l->v[at - 1] == v)
			continue;
		memmove(&l->v[at + 1], &l->v[at], (n - at) * sizeof(v));
		l->v[at] = v;
		n++;
	}
	l->n = n;
}

/* By a bit for each policy; the bits are clear before and afterwards. */
static bool by_marks(struct cedar_scratch *s, uint32_t n)
{
	struct cedar_list *l = &s->picked;
	size_t words = (size_t)n / 64 + 1;

	if (words > s->cap_marks) {
		uint64_t *marks = calloc(words, sizeof(*marks));

		if (marks == NULL)
			return false;
		free(s->marks);
		s->marks = marks;
		s->cap_marks = words;
	}
	for (size_t i = 0; i < l->n; i++)
		s->marks[l->v[i] / 64] |= UINT64_C(1) << l->v[i] % 64;
	l->n = 0;
	for (size_t i = 0; i < words; i++) {
		for (; s->marks[i] != 0; s->marks[i] &= s->marks[i] - 1)
			l->v[l->n++] = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(s->marks[i]);
	}
	return true;
}

int ward_cedar_pick(struct cedar_run *r, struct cedar_scratch *s)
{
	const struct cedar_index *x = &r->compiled->index;
	const struct cedar_list *a = &s->keys[DIM_ACTION], *p = &s->keys[DIM_PRINCIPAL];
	size_t max = 2 * (size_t)r->compiled->n + 64, work;

	s->picked.n = 0;
	if (!collect(r, DIM_ACTION, r->request->action, &s->keys[DIM_ACTION]) ||
		!collect(r, DIM_PRINCIPAL, r->request->principal, &s->keys[DIM_PRINCIPAL]) ||
		!collect(r, DIM_RESOURCE, r->request->resource, &s->keys[DIM_RESOURCE]))
		return WARD_E_NOMEM;
	work = a->n * p->n;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < p->n; k++) {
			uint32_t branch;

			if (work > max)
				return 0;
			branch = ward_cedar_map_get(&x->by_scope, a->v[i], p->v[k]);
			if (branch != 0 && !take_branch(r, s, branch - 1, &work))
				return WARD_E_NOMEM;
		}
	}
	if (s->picked.n <= FEW)
		insertion(&s->picked);
	else if (!by_marks(s, r->compiled->n))
		return WARD_E_NOMEM;
	return 1;
}

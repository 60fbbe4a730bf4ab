/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: equality, hash, order, sets and records. Everything here is bounded by the size of what it is given; the depth
 * of a value is that of the text or expression it was made from. Hashes of sets and records are kept, so that the hash of
 * any value is had at once. Hashes never decide alone: equal ones are compared in full.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/value/value.h"

#define LINEAR_MAX 8 /* so many are looked through one by one */

/*
 * What hashes begin with that cover no text. Seeded like those of texts: else somebody could look in peace for nested sets
 * of nothing but truths whose hashes collide, and make a set of them slow.
 */
static uint64_t begin(enum cedar_tag tag)
{
	uint64_t v = tag;

	return ward_cedar_hash(&v, sizeof(v));
}

uint64_t ward_cedar_value_hash(const struct cedar_value *v)
{
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_BOOL: return begin(CEDAR_V_BOOL) + v->truth;
	case CEDAR_V_STRING: return v->str->hash;
	case CEDAR_V_ENTITY: return v->uid->hash;
	case CEDAR_V_SET: return v->set->hash;
	case CEDAR_V_RECORD: return v->record->hash;
	case CEDAR_V_IP: return ward_cedar_hash(v->ip, sizeof(*v->ip));
	default: return ward_cedar_hash(&v->number, sizeof(v->number)) + v->tag;
	}
}

/* The same elements: those of equal hash may stand in another order. */
static bool set_eq(const struct cedar_set *a, const struct cedar_set *b)
{
	if (a == b)
		return true;
	if (a->hash != b->hash || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!ward_cedar_value_eq(&a->v[i], &b->v[i]) && !ward_cedar_set_has(b, &a->v[i]))
			return false;
	}
	return true;
}

static bool record_eq(const struct cedar_record *a, const struct cedar_record *b)
{
	if (a == b)
		return true;
	if (a->hash != b->hash || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!ward_cedar_str_eq(a->v[i].name, b->v[i].name) ||
			!ward_cedar_value_eq(&a->v[i].value, &b->v[i].value))
			return false;
	}
	return true;
}

bool ward_cedar_value_eq(const struct cedar_value *a, const struct cedar_value *b)
{
	if (a->tag != b->tag)
		return false;
	switch ((enum cedar_tag)a->tag) {
	case CEDAR_V_BOOL: return a->truth == b->truth;
	case CEDAR_V_STRING: return ward_cedar_str_eq(a->str, b->str);
	case CEDAR_V_ENTITY: return ward_cedar_uid_eq(a->uid, b->uid);
	case CEDAR_V_SET: return set_eq(a->set, b->set);
	case CEDAR_V_RECORD: return record_eq(a->record, b->record);
	case CEDAR_V_IP: return memcmp(a->ip, b->ip, sizeof(*a->ip)) == 0;
	default: return a->number == b->number;
	}
}

/* ---- sets ---- */

/*
 * Stable merge sort of v by hash, with spare as the room for it; runs of eight are sorted by insertion. Returns where the
 * result is: v or spare.
 */
static struct cedar_value *sort_values(struct cedar_value *v, struct cedar_value *spare, size_t n)
{
	for (size_t lo = 0; lo < n; lo += LINEAR_MAX) {
		for (size_t i = lo + 1; i < n && i < lo + LINEAR_MAX; i++) {
			struct cedar_value x = v[i];
			uint64_t h = ward_cedar_value_hash(&x);
			size_t at = i;

			for (; at > lo && ward_cedar_value_hash(&v[at - 1]) > h; at--)
				v[at] = v[at - 1];
			v[at] = x;
		}
	}
	for (size_t width = LINEAR_MAX; width < n; width *= 2) {
		struct cedar_value *swap = v;

		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = mid + width < n ? mid + width : n;
			size_t i = lo, k = mid;

			for (size_t out = lo; out < hi; out++)
				spare[out] = k >= hi ||
						(i < mid &&
							ward_cedar_value_hash(&v[i]) <=
								ward_cedar_value_hash(&v[k]))
					? v[i++]
					: v[k++];
		}
		v = spare;
		spare = swap;
	}
	return v;
}

const struct cedar_set *ward_cedar_set_new(struct ward_arena *a, struct cedar_value *v, size_t n)
{
	struct cedar_set *s;
	struct cedar_value *from;
	uint32_t run = 0; /* where the elements of the present hash begin */
	uint64_t hash = begin(CEDAR_V_SET), last = 0;

	if (n >= UINT32_MAX)
		return NULL;
	s = ward_arena_alloc(a, sizeof(*s) + n * sizeof(*v));
	if (s == NULL)
		return NULL;
	from = sort_values(v, s->v, n);
	s->entities = true;
	for (size_t i = 0; i < n; i++) {
		uint64_t h = ward_cedar_value_hash(&from[i]);
		uint32_t at;

		s->entities = s->entities && from[i].tag == CEDAR_V_ENTITY;
		if (i == 0 || h != last)
			run = s->n;
		for (at = run; at < s->n && !ward_cedar_value_eq(&s->v[at], &from[i]);)
			at++;
		s->v[at] = from[i];
		if (at < s->n)
			continue;
		s->n++;
		last = h;
		hash = ward_cedar_hash_mix(hash, h);
	}
	s->hash = hash;
	return s;
}

bool ward_cedar_set_has(const struct cedar_set *s, const struct cedar_value *v)
{
	uint32_t lo = 0, hi = s->n;
	uint64_t h;

	if (hi <= LINEAR_MAX) {
		for (uint32_t i = 0; i < hi; i++) {
			if (ward_cedar_value_eq(&s->v[i], v))
				return true;
		}
		return false;
	}
	h = ward_cedar_value_hash(v);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ward_cedar_value_hash(&s->v[mid]) < h)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->n && ward_cedar_value_hash(&s->v[lo]) == h; lo++) {
		if (ward_cedar_value_eq(&s->v[lo], v))
			return true;
	}
	return false;
}

/* ---- records ---- */

static int member_cmp(const void *a, const void *b)
{
	return ward_cedar_str_cmp(((const struct cedar_member *)a)->name,
		((const struct cedar_member *)b)->name);
}

/* Those of compiled literals come in order: then nothing is allocated, as qsort() may. */
static void sort_members(struct cedar_member *v, size_t n)
{
	size_t ordered = 1;

	while (n > LINEAR_MAX && ordered < n && member_cmp(&v[ordered - 1], &v[ordered]) <= 0)
		ordered++;
	if (n > LINEAR_MAX) {
		if (ordered < n)
			qsort(v, n, sizeof(*v), member_cmp);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct cedar_member x = v[i];
		size_t at = i;

		for (; at > 0 && ward_cedar_str_cmp(v[at - 1].name, x.name) > 0; at--)
			v[at] = v[at - 1];
		v[at] = x;
	}
}

const struct cedar_record *ward_cedar_record_new(struct ward_arena *a, struct cedar_member *v,
	size_t n, const struct cedar_str **ret_twice)
{
	struct cedar_record *r;
	uint64_t hash = begin(CEDAR_V_RECORD);

	if (ret_twice != NULL)
		*ret_twice = NULL;
	if (n >= UINT32_MAX)
		return NULL;
	sort_members(v, n);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && ward_cedar_str_eq(v[i - 1].name, v[i].name)) {
			if (ret_twice != NULL)
				*ret_twice = v[i].name;
			return NULL;
		}
		hash = ward_cedar_hash_mix(ward_cedar_hash_mix(hash, v[i].name->hash),
			ward_cedar_value_hash(&v[i].value));
	}
	r = ward_arena_alloc(a, sizeof(*r) + n * sizeof(*v));
	if (r == NULL)
		return NULL;
	r->hash = hash;
	r->n = (uint32_t)n;
	if (n > 0)
		memcpy(r->v, v, n * sizeof(*v));
	return r;
}

const struct cedar_value *ward_cedar_record_get(const struct cedar_record *r,
	const struct cedar_str *name)
{
	uint32_t lo = 0, hi = r->n;

	if (hi <= LINEAR_MAX) {
		for (uint32_t i = 0; i < hi; i++) {
			if (ward_cedar_str_eq(r->v[i].name, name))
				return &r->v[i].value;
		}
		return NULL;
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = ward_cedar_str_cmp(r->v[mid].name, name);

		if (c == 0)
			return &r->v[mid].value;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- copies ---- */

static int adopt_set(struct cedar_pool *p, const struct cedar_set *s, struct cedar_value *ret)
{
	size_t size = sizeof(*s) + s->n * sizeof(s->v[0]);
	struct cedar_set *copy = ward_arena_alloc(ward_cedar_pool_arena(p), size);

	if (copy == NULL)
		return WARD_E_NOMEM;
	copy->hash = s->hash;
	copy->n = s->n;
	copy->entities = s->entities;
	for (uint32_t i = 0; i < s->n; i++) {
		if (ward_cedar_value_adopt(p, &s->v[i], &copy->v[i]) < 0)
			return WARD_E_NOMEM;
	}
	ret->set = copy;
	return WARD_OK;
}

static int adopt_record(struct cedar_pool *p, const struct cedar_record *r, struct cedar_value *ret)
{
	size_t size = sizeof(*r) + r->n * sizeof(r->v[0]);
	struct cedar_record *copy = ward_arena_alloc(ward_cedar_pool_arena(p), size);

	if (copy == NULL)
		return WARD_E_NOMEM;
	copy->hash = r->hash;
	copy->n = r->n;
	for (uint32_t i = 0; i < r->n; i++) {
		copy->v[i].name = ward_cedar_intern(p, r->v[i].name->s, r->v[i].name->n);
		if (copy->v[i].name == NULL ||
			ward_cedar_value_adopt(p, &r->v[i].value, &copy->v[i].value) < 0)
			return WARD_E_NOMEM;
	}
	ret->record = copy;
	return WARD_OK;
}

int ward_cedar_value_adopt(struct cedar_pool *p, const struct cedar_value *v,
	struct cedar_value *ret)
{
	struct cedar_value out = { .tag = v->tag };
	struct cedar_ip *ip;
	bool is_ext = v->tag >= CEDAR_V_DECIMAL;

	if (is_ext && v->text != NULL) {
		out.text = ward_cedar_intern(p, v->text->s, v->text->n);
		if (out.text == NULL)
			return WARD_E_NOMEM;
	}
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_BOOL: out.truth = v->truth; break;
	case CEDAR_V_STRING:
		out.str = ward_cedar_intern(p, v->str->s, v->str->n);
		if (out.str == NULL)
			return WARD_E_NOMEM;
		break;
	case CEDAR_V_ENTITY:
		out.uid = ward_cedar_adopt_uid(p, v->uid);
		if (out.uid == NULL)
			return WARD_E_NOMEM;
		break;
	case CEDAR_V_SET:
		if (adopt_set(p, v->set, &out) < 0)
			return WARD_E_NOMEM;
		break;
	case CEDAR_V_RECORD:
		if (adopt_record(p, v->record, &out) < 0)
			return WARD_E_NOMEM;
		break;
	case CEDAR_V_IP:
		ip = ward_arena_alloc(ward_cedar_pool_arena(p), sizeof(*ip));
		if (ip == NULL)
			return WARD_E_NOMEM;
		*ip = *v->ip;
		out.ip = ip;
		break;
	default: out.number = v->number; break;
	}
	*ret = out;
	return WARD_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: entities in an array, found through an open-addressed table of their numbers. Texts, identifiers and values are
 * the pool's, where equal identifiers are one object. Once finished it is read by any thread and changed by none; the one
 * thing made later, the order of output, is made whole and then put in place.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/entity/store.h"

struct cedar_entities *ward_cedar_entities_new(void)
{
	struct cedar_entities *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->pool = ward_cedar_pool_new(0);
	if (s->pool != NULL)
		s->empty = ward_cedar_record_new(ward_cedar_pool_arena(s->pool), NULL, 0, NULL);
	s->cap_ups = 16;
	s->ups = calloc(s->cap_ups, sizeof(*s->ups));
	if (s->empty == NULL || s->ups == NULL) {
		ward_cedar_entities_unref(s);
		return NULL;
	}
	s->n_ups = 1;
	return s;
}

struct cedar_pool *ward_cedar_entities_pool(struct cedar_entities *s)
{
	return s->pool;
}

struct cedar_entities *ward_cedar_entities_ref(struct cedar_entities *s)
{
	(void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

static void drop_scaffold(struct cedar_entities *s)
{
	free(s->up_of);
	free(s->places);
	free(s->ups);
	free(s->up_slots);
	free(s->parents);
	s->up_of = NULL;
	s->places = NULL;
	s->ups = NULL;
	s->up_slots = NULL;
	s->parents = NULL;
	s->n_ups = s->cap_ups = s->n_up_slots = s->cap_parents = 0;
}

void ward_cedar_entities_unref(struct cedar_entities *s)
{
	if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	drop_scaffold(s);
	free(s->order);
	free(s->slots);
	free(s->v);
	ward_cedar_pool_free(s->pool);
	free(s);
}

void ward_cedar_entities_unrefp(struct cedar_entities **s)
{
	ward_cedar_entities_unref(*s);
	*s = NULL;
}

/* ---- tables ---- */

static void put(struct slot *slots, size_t n, uint64_t hash, uint32_t number)
{
	size_t at = hash & (n - 1);

	while (slots[at].at != 0)
		at = (at + 1) & (n - 1);
	slots[at] = (struct slot){ .hash = (uint32_t)hash, .at = number + 1 };
}

/* Room for one more entity. */
static bool grow(struct cedar_entities *s)
{
	size_t cap = s->cap > 0 ? s->cap * 2 : 64;
	struct cedar_entity *v;
	struct slot *slots;
	struct place *places;
	uint32_t *up_of;

	if (s->n < s->cap)
		return true;
	if (cap >= NO_ENTITY / 2)
		return false;
	v = realloc(s->v, cap * sizeof(*v));
	if (v == NULL)
		return false;
	s->v = v;
	up_of = realloc(s->up_of, cap * sizeof(*up_of));
	if (up_of == NULL)
		return false;
	s->up_of = up_of;
	places = realloc(s->places, cap * sizeof(*places));
	if (places == NULL)
		return false;
	s->places = places;
	slots = calloc(cap * 2, sizeof(*slots));
	if (slots == NULL)
		return false;
	for (size_t i = 0; i < s->n; i++)
		put(slots, cap * 2, s->v[i].uid->hash, (uint32_t)i);
	free(s->slots);
	s->slots = slots;
	s->n_slots = cap * 2;
	s->cap = cap;
	return true;
}

static bool grow_ups(struct cedar_entities *s)
{
	size_t cap = s->n_up_slots > 0 ? s->cap_ups * 2 : s->cap_ups;
	struct up *ups;
	struct slot *slots;

	if (s->n_up_slots > 0 && s->n_ups < s->cap_ups)
		return true;
	ups = realloc(s->ups, cap * sizeof(*ups));
	if (ups == NULL)
		return false;
	s->ups = ups;
	slots = calloc(cap * 2, sizeof(*slots));
	if (slots == NULL)
		return false;
	for (size_t i = 1; i < s->n_ups; i++)
		put(slots, cap * 2, ups[i].hash, (uint32_t)i);
	free(s->up_slots);
	s->up_slots = slots;
	s->n_up_slots = cap * 2;
	s->cap_ups = cap;
	return true;
}

uint32_t ward_entities_find(const struct cedar_entities *s, const struct cedar_uid *uid)
{
	size_t mask = s->n_slots - 1;

	if (s->n_slots == 0)
		return NO_ENTITY;
	for (size_t at = uid->hash & mask; s->slots[at].at != 0; at = (at + 1) & mask) {
		if (s->slots[at].hash == (uint32_t)uid->hash &&
			ward_cedar_uid_eq(s->v[s->slots[at].at - 1].uid, uid))
			return s->slots[at].at - 1;
	}
	return NO_ENTITY;
}

/* ---- parents ---- */

static int cmp_uids(const void *a, const void *b)
{
	return ward_cedar_uid_cmp(*(const struct cedar_uid *const *)a,
		*(const struct cedar_uid *const *)b);
}

/* Ordered and without repetition, in s->parents: *n of them are left. */
static bool sort_parents(struct cedar_entities *s, const struct cedar_uid *const *v, size_t *n)
{
	size_t out = 0;

	if (*n > s->cap_parents) {
		const struct cedar_uid **p = realloc(s->parents, *n * sizeof(*p));

		if (p == NULL)
			return false;
		s->parents = p;
		s->cap_parents = *n;
	}
	memcpy(s->parents, v, *n * sizeof(*v));
	if (*n > 1)
		qsort(s->parents, *n, sizeof(*s->parents), cmp_uids);
	for (size_t i = 0; i < *n; i++) {
		if (out == 0 || !ward_cedar_uid_eq(s->parents[out - 1], s->parents[i]))
			s->parents[out++] = s->parents[i];
	}
	*n = out;
	return true;
}

/* Which up has just these parents; a new one, if there is none. */
static bool up_of(struct cedar_entities *s, const struct cedar_uid *const *v, size_t n,
	uint32_t *ret)
{
	const struct cedar_uid **copy;
	uint64_t hash = 1;
	size_t size;

	*ret = 0;
	if (n == 0)
		return true;
	if (n >= UINT32_MAX || !sort_parents(s, v, &n) || !grow_ups(s))
		return false;
	size = n * sizeof(*v);
	for (size_t i = 0; i < n; i++)
		hash = ward_cedar_hash_mix(hash, s->parents[i]->hash);
	for (size_t at = hash & (s->n_up_slots - 1); s->up_slots[at].at != 0;
		at = (at + 1) & (s->n_up_slots - 1)) {
		const struct up *u = &s->ups[s->up_slots[at].at - 1];

		if (u->hash != hash || u->n_parents != n ||
			memcmp(u->parents, s->parents, size) != 0)
			continue;
		*ret = s->up_slots[at].at - 1;
		return true;
	}
	copy = ward_arena_alloc(ward_cedar_pool_arena(s->pool), size);
	if (copy == NULL)
		return false;
	memcpy(copy, s->parents, size);
	*ret = (uint32_t)s->n_ups++;
	s->ups[*ret] = (struct up){ .parents = copy, .n_parents = (uint32_t)n, .hash = hash };
	put(s->up_slots, s->n_up_slots, hash, *ret);
	return true;
}

/* ---- growing ---- */

static bool same_record(const struct cedar_record *a, const struct cedar_record *b)
{
	struct cedar_value x = { .tag = CEDAR_V_RECORD, .record = a };
	struct cedar_value y = { .tag = CEDAR_V_RECORD, .record = b };

	return ward_cedar_value_eq(&x, &y);
}

void ward_entities_place(struct cedar_diags *d, size_t from, struct place place)
{
	for (size_t i = from; d != NULL && i < d->n; i++) {
		if (d->v[i].start != 0 || d->v[i].end != 0)
			continue;
		d->v[i].start = place.start;
		d->v[i].end = place.end;
	}
}

static int twice(const struct cedar_uid *uid, struct place place, struct cedar_diags *d)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_cedar_print_uid(&b, uid);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, place.start, place.end,
		"duplicate entity entry `%s`", ward_buf_cstr(&b));
	ward_cedar_diag_help(d, "leave one of the two; only equal ones may be repeated");
	ward_buf_done(&b);
	return code;
}

int ward_cedar_entities_add(struct cedar_entities *s, const struct cedar_entity_input *e,
	struct cedar_diags *d)
{
	const struct cedar_record *attrs = e->attrs != NULL ? e->attrs : s->empty;
	const struct cedar_record *tags = e->tags != NULL ? e->tags : s->empty;
	uint32_t up, at;

	if (s->finished)
		return WARD_E_INTERNAL;
	if (!grow(s) || !up_of(s, e->parents, e->n_parents, &up))
		return WARD_E_NOMEM;
	at = ward_entities_find(s, e->uid);
	if (at != NO_ENTITY)
		return s->up_of[at] == up && same_record(s->v[at].attrs, attrs) &&
				same_record(s->v[at].tags, tags)
			? WARD_OK
			: twice(e->uid, s->now, d);
	s->v[s->n] = (struct cedar_entity){ .uid = e->uid,
		.attrs = attrs,
		.tags = tags,
		.parents = s->ups[up].parents,
		.n_parents = s->ups[up].n_parents };
	s->up_of[s->n] = up;
	s->places[s->n] = s->now;
	put(s->slots, s->n_slots, e->uid->hash, (uint32_t)s->n);
	s->n++;
	return WARD_OK;
}

static int add_action(struct cedar_entities *s, const struct cedar_action_type *a,
	struct cedar_diags *d)
{
	struct cedar_entity_input e = { .uid = ward_cedar_adopt_uid(s->pool, a->uid) };
	const struct cedar_uid **parents;
	int code = WARD_E_NOMEM;

	if (e.uid == NULL)
		return WARD_E_NOMEM;
	if (ward_entities_find(s, e.uid) != NO_ENTITY)
		return WARD_OK;
	parents = malloc((a->n_parents + 1u) * sizeof(*parents));
	if (parents == NULL)
		return WARD_E_NOMEM;
	for (e.n_parents = 0; e.n_parents < a->n_parents; e.n_parents++) {
		parents[e.n_parents] = ward_cedar_adopt_uid(s->pool, a->parents[e.n_parents]->uid);
		if (parents[e.n_parents] == NULL)
			break;
	}
	e.parents = parents;
	if (e.n_parents == a->n_parents)
		code = ward_cedar_entities_add(s, &e, d);
	free(parents);
	return code;
}

int ward_cedar_entities_add_actions(struct cedar_entities *s, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	for (uint32_t i = 0; i < schema->n_actions; i++) {
		int code = add_action(s, schema->actions[i], d);

		if (code < 0)
			return code;
	}
	return WARD_OK;
}

int ward_cedar_entities_finish(struct cedar_entities *s, struct cedar_diags *d)
{
	int code = s->finished ? WARD_OK : ward_entities_close(s, d);

	if (code < 0)
		return code;
	drop_scaffold(s);
	s->finished = true;
	return WARD_OK;
}

/* ---- reading ---- */

const struct cedar_entity *ward_cedar_entities_get(const struct cedar_entities *s,
	const struct cedar_uid *uid)
{
	uint32_t at = ward_entities_find(s, uid);

	return at != NO_ENTITY ? &s->v[at] : NULL;
}

#define LINEAR_MAX 12 /* so many are looked through one by one */

bool ward_cedar_entity_in(const struct cedar_entity *e, const struct cedar_uid *ancestor)
{
	uint32_t want = (uint32_t)(ancestor->hash >> 32);
	uint32_t lo = 0, hi = e->n_ancestors;
	const uint32_t *hashes;

	if (hi == 0)
		return false;
	hashes = (const uint32_t *)(const void *)(e->ancestors + hi);
	while (hi - lo > LINEAR_MAX) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (hashes[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* From the first that may be it; what is equal may go on behind the stretch that was found. */
	for (; lo < e->n_ancestors && hashes[lo] <= want; lo++) {
		if (hashes[lo] == want && ward_cedar_uid_eq(e->ancestors[lo], ancestor))
			return true;
	}
	return false;
}

static int cmp_hashes(const void *a, const void *b)
{
	const struct cedar_uid *const *x = a, *const *y = b;

	return ((*x)->hash > (*y)->hash) - ((*x)->hash < (*y)->hash);
}

#define INSERTION_MAX 64

void ward_cedar_entity_ancestors(struct cedar_entity *e, const struct cedar_uid **v, uint32_t n)
{
	uint32_t *hashes = (uint32_t *)(void *)(v + n);

	if (n > INSERTION_MAX)
		qsort(v, n, sizeof(*v), cmp_hashes);
	for (uint32_t i = 1; n <= INSERTION_MAX && i < n; i++) {
		const struct cedar_uid *uid = v[i];
		uint32_t at = i;

		for (; at > 0 && v[at - 1]->hash > uid->hash; at--)
			v[at] = v[at - 1];
		v[at] = uid;
	}
	for (uint32_t i = 0; i < n; i++)
		hashes[i] = (uint32_t)(v[i]->hash >> 32);
	e->ancestors = v;
	e->n_ancestors = n;
}

size_t ward_cedar_entities_count(const struct cedar_entities *s)
{
	return s->n;
}

struct sorting {
	const struct cedar_uid *uid;
	uint32_t at;
};

static int cmp_sorting(const void *a, const void *b)
{
	return ward_cedar_uid_cmp(((const struct sorting *)a)->uid,
		((const struct sorting *)b)->uid);
}

static uint32_t *make_order(const struct cedar_entities *s)
{
	struct sorting *v = malloc(s->n * sizeof(*v));
	uint32_t *order = malloc(s->n * sizeof(*order));

	if (v == NULL || order == NULL) {
		free(v);
		free(order);
		return NULL;
	}
	for (size_t i = 0; i < s->n; i++)
		v[i] = (struct sorting){ s->v[i].uid, (uint32_t)i };
	qsort(v, s->n, sizeof(*v), cmp_sorting);
	for (size_t i = 0; i < s->n; i++)
		order[i] = v[i].at;
	free(v);
	return order;
}

const struct cedar_entity *ward_cedar_entities_at(const struct cedar_entities *s, size_t i)
{
	uint32_t **place = (uint32_t **)(uintptr_t)&s->order;
	uint32_t *order = __atomic_load_n(place, __ATOMIC_ACQUIRE);
	uint32_t *there = NULL;

	if (i >= s->n)
		return NULL;
	if (order == NULL) {
		order = make_order(s);
		if (order == NULL)
			return NULL;
		if (!__atomic_compare_exchange_n(place, &there, order, false, __ATOMIC_ACQ_REL,
			    __ATOMIC_ACQUIRE)) {
			free(order);
			order = there;
		}
	}
	return &s->v[order[i]];
}

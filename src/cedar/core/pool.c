/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One copy of each text and identifier of an object. Tables are open-addressed and at most half full; what is in them is
 * never moved nor dropped before the pool is. The hash is seeded by the place at which the program was loaded: who writes
 * a file cannot know it, so that no file makes a table slow. Nothing that is shown may depend on it.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/core/core.h"

struct table {
	const void **v;
	size_t n, cap; /* cap: 0 or a power of two */
};

struct cedar_pool {
	unsigned refs;
	struct ward_arena *arena;
	struct table strs, uids;
	size_t bytes, max;
};

static const char seed_anchor;

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define K0 0xa0761d6478bd642full
#define K1 0xe7037ed1a0b428dbull

uint64_t ward_cedar_hash_mix(uint64_t a, uint64_t b)
{
	return mix(a ^ K0, b ^ K1);
}

static uint64_t load(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* By 16 bytes, folded by a 128-bit product: wyhash's way (github.com/wangyi-fudan/wyhash, public domain). */
uint64_t ward_cedar_hash(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = (uint64_t)(uintptr_t)&seed_anchor ^ K0;
	uint64_t a, b;
	size_t left = n;

	for (; left > 16; left -= 16, p += 16)
		h = mix(load(p, 8) ^ K1, load(p + 8, 8) ^ h);
	if (left >= 8) {
		a = load(p, 8);
		b = load(p + left - 8, 8);
	} else if (left >= 4) {
		a = load(p, 4);
		b = load(p + left - 4, 4);
	} else {
		a = load(p, left);
		b = 0;
	}
	return mix(K1 ^ n, mix(a ^ K1, b ^ h));
}

int ward_cedar_str_cmp(const struct cedar_str *a, const struct cedar_str *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int r = a == b ? 0 : memcmp(a->s, b->s, n);

	if (r != 0)
		return r;
	return a->n < b->n ? -1 : a->n > b->n;
}

int ward_cedar_uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b)
{
	int r = ward_cedar_str_cmp(a->type, b->type);

	return r != 0 ? r : ward_cedar_str_cmp(a->id, b->id);
}

bool ward_cedar_str_is(const struct cedar_str *s, const char *lit)
{
	return strlen(lit) == s->n && memcmp(s->s, lit, s->n) == 0;
}

struct cedar_pool *ward_cedar_pool_new(size_t max_bytes)
{
	struct cedar_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->max = max_bytes > 0 ? max_bytes : WARD_CEDAR_BYTES_MAX;
	p->arena = ward_arena_new(p->max);
	if (p->arena == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

struct cedar_pool *ward_cedar_pool_ref(struct cedar_pool *p)
{
	(void)__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void ward_cedar_pool_free(struct cedar_pool *p)
{
	if (p == NULL || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(p->strs.v);
	free(p->uids.v);
	ward_arena_free(p->arena);
	free(p);
}

static void forget(struct table *t)
{
	if (t->cap > 4096) { /* one large text shall not slow all small ones that follow */
		free(t->v);
		*t = (struct table){ 0 };
	} else if (t->n > 0) {
		memset(t->v, 0, t->cap * sizeof(*t->v));
		t->n = 0;
	}
}

void ward_cedar_pool_reset(struct cedar_pool *p)
{
	forget(&p->strs);
	forget(&p->uids);
	ward_arena_reset(p->arena);
}

void ward_cedar_pool_freep(struct cedar_pool **p)
{
	ward_cedar_pool_free(*p);
	*p = NULL;
}

struct ward_arena *ward_cedar_pool_arena(struct cedar_pool *p)
{
	return p->arena;
}

size_t ward_cedar_pool_bytes(const struct cedar_pool *p)
{
	return sizeof(*p) + ward_arena_bytes(p->arena) +
		(p->strs.cap + p->uids.cap) * sizeof(void *);
}

static uint64_t hash_of(const struct cedar_pool *p, const struct table *t, const void *entry)
{
	return t == &p->strs ? ((const struct cedar_str *)entry)->hash
			     : ((const struct cedar_uid *)entry)->hash;
}

static bool grow(const struct cedar_pool *p, struct table *t)
{
	/* While it is small the tables left behind would be most of the work. */
	size_t cap = t->cap == 0 ? 32 : t->cap * (t->cap < 1024 ? 4 : 2);
	const void **v;

	if (cap > p->max / sizeof(*v))
		return false;
	v = calloc(cap, sizeof(*v));
	if (v == NULL)
		return false;
	for (size_t i = 0; i < t->cap; i++) {
		size_t at;

		if (t->v[i] == NULL)
			continue;
		at = hash_of(p, t, t->v[i]) & (cap - 1);
		while (v[at] != NULL)
			at = (at + 1) & (cap - 1);
		v[at] = t->v[i];
	}
	free(t->v);
	t->v = v;
	t->cap = cap;
	return true;
}

const struct cedar_str *ward_cedar_intern(struct cedar_pool *p, const char *s, size_t n)
{
	uint64_t hash;
	struct cedar_str *new;
	size_t at;

	if (n == 0)
		s = ""; /* NULL is an empty text too */
	hash = ward_cedar_hash(s, n);
	if (n >= UINT32_MAX || (p->strs.n >= p->strs.cap / 2 && !grow(p, &p->strs)))
		return NULL;
	at = hash & (p->strs.cap - 1);
	for (const struct cedar_str *e; (e = p->strs.v[at]) != NULL;
		at = (at + 1) & (p->strs.cap - 1)) {
		if (e->hash == hash && e->n == n && memcmp(e->s, s, n) == 0)
			return e;
	}
	new = ward_arena_alloc(p->arena, sizeof(*new) + n + 1);
	if (new == NULL)
		return NULL;
	new->hash = hash;
	new->n = (uint32_t)n;
	memcpy(new->s, s, n);
	p->strs.v[at] = new;
	p->strs.n++;
	return new;
}

const struct cedar_uid *ward_cedar_intern_uid(struct cedar_pool *p, const struct cedar_str *type,
	const struct cedar_str *id)
{
	uint64_t hash;
	struct cedar_uid *new;
	size_t at;

	if (type == NULL || id == NULL || (p->uids.n >= p->uids.cap / 2 && !grow(p, &p->uids)))
		return NULL;
	hash = ward_cedar_hash_mix(type->hash, id->hash);
	at = hash & (p->uids.cap - 1);
	for (const struct cedar_uid *e; (e = p->uids.v[at]) != NULL;
		at = (at + 1) & (p->uids.cap - 1)) {
		if (e->hash == hash && ward_cedar_str_eq(e->id, id) &&
			ward_cedar_str_eq(e->type, type))
			return e;
	}
	new = ward_arena_alloc(p->arena, sizeof(*new));
	if (new == NULL)
		return NULL;
	*new = (struct cedar_uid){ .hash = hash, .type = type, .id = id };
	p->uids.v[at] = new;
	p->uids.n++;
	return new;
}

const struct cedar_uid *ward_cedar_adopt_uid(struct cedar_pool *p, const struct cedar_uid *uid)
{
	return ward_cedar_intern_uid(p, ward_cedar_intern(p, uid->type->s, uid->type->n),
		ward_cedar_intern(p, uid->id->s, uid->id->n));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All ancestors of all entities. What is closed are the distinct lists of parents, each once, depth first and without
 * recursion: a million members of a group cost as much as one. Lists of ancestors are ordered by hash (equal hashes by
 * address) and merged pairwise, small ones after they have been collected. Both their sum and the work are bounded: a
 * hierarchy can be as large as the square of its text.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/entity/store.h"

enum { WHITE = 0, GREY, BLACK };

struct frame {
	uint32_t up, next; /* the parent that is looked at next */
};

struct closing {
	struct cedar_entities *s;
	struct cedar_diags *d;
	struct frame *stack;
	size_t n, cap;
	const struct cedar_uid **now,
		**then; /* the list that grows, and the one it is merged into */
	size_t n_now, cap_lists;
	const struct cedar_uid **late; /* what is to be merged, in no order */
	size_t n_late, cap_late;
	uint64_t total, steps;
};

/* The order of ancestors. */
static bool before(const struct cedar_uid *a, const struct cedar_uid *b)
{
	return a->hash != b->hash ? a->hash < b->hash : (uintptr_t)a < (uintptr_t)b;
}

static int too_many(struct closing *c)
{
	(void)ward_cedar_diag(c->d, CEDAR_ERROR, 0, 0, 0,
		"the hierarchy of the entities is too large: they have more than %u ancestors together",
		WARD_CEDAR_ANCESTORS_MAX);
	ward_cedar_diag_help(c->d,
		"flatten it: long chains of parents cost the square of their length");
	return WARD_E_LIMIT;
}

static int cycle(struct closing *c, uint32_t at)
{
	const struct place *place = &c->s->places[at];
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_cedar_print_uid(&b, c->s->v[at].uid);
	code = ward_cedar_diag(c->d, CEDAR_ERROR, 0, place->start, place->end,
		"transitive closure computation/enforcement error: input graph has a cycle containing"
		" vertex `%s`",
		ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

static bool room(struct closing *c, size_t n)
{
	size_t cap = c->cap_lists > 0 ? c->cap_lists : 64;
	const struct cedar_uid **p;

	if (n <= c->cap_lists)
		return true;
	while (cap < n)
		cap *= 2;
	p = realloc(c->now, cap * sizeof(*p));
	if (p == NULL)
		return false;
	c->now = p;
	p = realloc(c->then, cap * sizeof(*p));
	if (p == NULL)
		return false;
	c->then = p;
	c->cap_lists = cap;
	return true;
}

/* Where uid stands in the list that grows, or would. */
static size_t place(const struct closing *c, const struct cedar_uid *uid)
{
	size_t lo = 0, hi = c->n_now;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (before(c->now[mid], uid))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The list, with v[n] in it, and room for one more. */
static bool merge(struct closing *c, const struct cedar_uid *const *v, size_t n)
{
	const struct cedar_uid **out;
	size_t i = 0, k = 0;

	if (!room(c, c->n_now + n + 1))
		return false;
	assert(c->now != NULL && c->then != NULL);
	out = c->then;
	while (i < c->n_now && k < n) {
		const struct cedar_uid *a = c->now[i], *b = v[k];

		i += a == b || before(a, b);
		k += a == b || !before(a, b);
		*out++ = a == b || before(a, b) ? a : b;
	}
	for (; i < c->n_now; i++)
		*out++ = c->now[i];
	for (; k < n; k++)
		*out++ = v[k];
	c->n_now = (size_t)(out - c->then);
	out = c->then;
	c->then = c->now;
	c->now = out;
	return true;
}

static void insert(struct closing *c, const struct cedar_uid *uid)
{
	size_t at = place(c, uid);

	if (at < c->n_now && c->now[at] == uid)
		return;
	memmove(c->now + at + 1, c->now + at, (c->n_now - at) * sizeof(*c->now));
	c->now[at] = uid;
	c->n_now++;
}

static int by_order(const void *a, const void *b)
{
	const struct cedar_uid *x = *(const struct cedar_uid *const *)a;
	const struct cedar_uid *y = *(const struct cedar_uid *const *)b;

	return before(x, y) ? -1 : before(y, x);
}

/* v[n] and uid are to be merged. */
static bool collect(struct closing *c, const struct cedar_uid *const *v, size_t n,
	const struct cedar_uid *uid)
{
	if (c->cap_late - c->n_late < n + 1) {
		size_t cap = (c->n_late + n + 1) * 2;
		const struct cedar_uid **p = realloc(c->late, cap * sizeof(*p));

		if (p == NULL)
			return false;
		c->late = p;
		c->cap_late = cap;
	}
	assert(c->late != NULL); /* there is room for one at least */
	if (n > 0)
		memcpy(c->late + c->n_late, v, n * sizeof(*v));
	c->n_late += n;
	c->late[c->n_late++] = uid;
	return true;
}

static bool merge_late(struct closing *c)
{
	size_t n = 0;

	if (c->n_late == 0)
		return true;
	c->steps += c->n_now + c->n_late;
	qsort(c->late, c->n_late, sizeof(*c->late), by_order);
	for (size_t i = 0; i < c->n_late; i++) {
		if (n == 0 || c->late[n - 1] != c->late[i])
			c->late[n++] = c->late[i];
	}
	c->n_late = 0;
	return merge(c, c->late, n);
}

#define SMALL 16 /* a list that is so many times shorter than the one that grows waits for others */

/* The list, with uid and the ancestors of p, which is its up, in it; now or later. */
static bool add(struct closing *c, const struct up *p, const struct cedar_uid *uid)
{
	if (((size_t)p->n_ancestors + 1) * SMALL < c->n_now)
		return collect(c, p->ancestors, p->n_ancestors, uid) &&
			(c->n_late * SMALL < c->n_now || merge_late(c));
	c->steps += c->n_now + p->n_ancestors;
	if (!merge(c, p->ancestors, p->n_ancestors))
		return false;
	insert(c, uid);
	return true;
}

static const struct up *up_of_uid(const struct closing *c, const struct cedar_uid *uid)
{
	uint32_t at = ward_entities_find(c->s, uid);

	return at != NO_ENTITY ? &c->s->ups[c->s->up_of[at]] : &c->s->ups[0];
}

static int keep(struct closing *c, struct up *u)
{
	size_t n = c->n_now;
	const struct cedar_uid **v;
	uint32_t *hashes;

	c->total += n;
	if (c->total > WARD_CEDAR_ANCESTORS_MAX)
		return too_many(c);
	v = ward_arena_alloc(ward_cedar_pool_arena(c->s->pool), n * (sizeof(*v) + sizeof(*hashes)));
	if (v == NULL)
		return WARD_E_NOMEM;
	if (n > 0)
		memcpy(v, c->now, n * sizeof(*v));
	hashes = (uint32_t *)(void *)(v + n);
	for (size_t i = 0; i < n; i++)
		hashes[i] = (uint32_t)(v[i]->hash >> 32);
	u->ancestors = v;
	u->n_ancestors = (uint32_t)n;
	return WARD_OK;
}

/* All parents of u are closed. The one with the most ancestors first: others may be among them, and are done then. */
static int join(struct closing *c, struct up *u)
{
	uint32_t most = 0, first = 0;

	for (uint32_t i = 0; i < u->n_parents; i++) {
		const struct up *p = up_of_uid(c, u->parents[i]);

		if (p->n_ancestors > most) {
			most = p->n_ancestors;
			first = i;
		}
	}
	c->n_now = 0;
	for (uint32_t i = 0; i < u->n_parents; i++) {
		const struct cedar_uid *uid = u->parents[i == 0 ? first : i <= first ? i - 1 : i];
		const struct up *p = up_of_uid(c, uid);
		size_t at = place(c, uid);

		if (at < c->n_now && c->now[at] == uid)
			continue;
		if (!add(c, p, uid))
			return WARD_E_NOMEM;
		if (c->steps / 16 > WARD_CEDAR_ANCESTORS_MAX)
			return too_many(c);
	}
	if (!merge_late(c))
		return WARD_E_NOMEM;
	u->state = BLACK;
	return keep(c, u);
}

static bool push(struct closing *c, uint32_t up)
{
	if (c->n == c->cap) {
		size_t cap = c->cap > 0 ? c->cap * 2 : 64;
		struct frame *p = realloc(c->stack, cap * sizeof(*p));

		if (p == NULL)
			return false;
		c->stack = p;
		c->cap = cap;
	}
	c->s->ups[up].state = GREY;
	c->stack[c->n++] = (struct frame){ .up = up };
	return true;
}

static int close_up(struct closing *c, uint32_t up)
{
	struct cedar_entities *s = c->s;
	int code;

	if (!push(c, up))
		return WARD_E_NOMEM;
	while (c->n > 0) {
		struct frame *f = &c->stack[c->n - 1];
		struct up *u = &s->ups[f->up];
		uint32_t at;

		if (f->next == u->n_parents) {
			code = join(c, u);
			if (code < 0)
				return code;
			c->n--;
			continue;
		}
		at = ward_entities_find(s, u->parents[f->next++]);
		if (at == NO_ENTITY || s->ups[s->up_of[at]].state == BLACK)
			continue;
		if (s->ups[s->up_of[at]].state == GREY)
			return cycle(c, at);
		if (!push(c, s->up_of[at]))
			return WARD_E_NOMEM;
	}
	return WARD_OK;
}

int ward_entities_close(struct cedar_entities *s, struct cedar_diags *d)
{
	struct closing c = { .s = s, .d = d };
	int code = WARD_OK;

	s->ups[0].state = BLACK;
	for (size_t i = 1; code == WARD_OK && i < s->n_ups; i++) {
		if (s->ups[i].state == WHITE)
			code = close_up(&c, (uint32_t)i);
	}
	for (size_t i = 0; code == WARD_OK && i < s->n; i++) {
		s->v[i].ancestors = s->ups[s->up_of[i]].ancestors;
		s->v[i].n_ancestors = s->ups[s->up_of[i]].n_ancestors;
	}
	free(c.stack);
	free(c.now);
	free(c.then);
	free(c.late);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lines are gone and which are new: Myers' algorithm in linear space (An O(ND) Difference Algorithm, 1986), divided where the paths
 * from both ends meet. Both files may be made to be slow. So a box that costs too much is divided at the best point found so far, and there
 * is a sum of steps for all files; when it is spent, what is left of a box is gone and new as a whole. Any of that gives a right patch.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/diff/diff.h"

#define COST_MIN 256 /* steps on each side before a box is divided anyhow */
#define DEPTH_MAX 4096

/* ---- lines, and their numbers ---- */

static size_t count_lines(const char *s, size_t size)
{
	size_t n = 0;

	for (const char *end = s + size; s < end; n++) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		s = nl ? nl + 1 : end;
	}
	return n;
}

/* Where the lines of [from, to) begin: the first one's place in at is its number so far, ret is that behind the last. */
static size_t cut(const char *s, size_t from, size_t to, uint32_t *at, size_t n)
{
	for (const char *p = s + from, *end = s + to; p < end; n++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		at[n] = (uint32_t)(p - s);
		p = nl ? nl + 1 : end;
	}
	return n;
}

/*
 * What both begin and end with, in whole lines: nearly all of most files, and known without a number for any of it. Bytes, and lines.
 */
struct ends {
	size_t head, tail, n_head, n_tail;
};

static uint64_t load8(const char *s)
{
	uint64_t x;

	memcpy(&x, s, sizeof(x));
	return x;
}

static size_t same_forth(const char *a, const char *b, size_t most)
{
	size_t n = 0;

	while (most - n >= 8 && load8(a + n) == load8(b + n))
		n += 8;
	while (n < most && a[n] == b[n])
		n++;
	return n;
}

/* Of what lies before a and b. */
static size_t same_back(const char *a, const char *b, size_t most)
{
	size_t n = 0;

	while (most - n >= 8 && load8(a - n - 8) == load8(b - n - 8))
		n += 8;
	while (n < most && a[-1 - (ptrdiff_t)n] == b[-1 - (ptrdiff_t)n])
		n++;
	return n;
}

static bool begins(const struct content *c, size_t at)
{
	return at == 0 || c->s[at - 1] == '\n';
}

static struct ends ends_of(const struct content *a, const struct content *b)
{
	size_t most = a->n < b->n ? a->n : b->n;
	struct ends e = { .head = same_forth(a->s, b->s, most) };

	while (!begins(a, e.head))
		e.head--;
	e.tail = same_back(a->s + a->n, b->s + b->n, most - e.head);
	if (e.tail > 0 && !(begins(a, a->n - e.tail) && begins(b, b->n - e.tail))) {
		const char *end = a->s + a->n, *nl = memchr(end - e.tail, '\n', e.tail);

		e.tail = nl ? (size_t)(end - nl) - 1 : 0;
	}
	e.n_head = count_lines(a->s, e.head);
	e.n_tail = count_lines(a->s + a->n - e.tail, e.tail);
	return e;
}

/* Both, once their numbers of lines are known; what they share is searched once. */
static void cut_both(const struct content *a, const struct content *b, const struct ends *e,
	struct compared *c)
{
	size_t n;

	c->a.s = a->s;
	c->b.s = b->s;
	c->a.at[cut(a->s, 0, a->n, c->a.at, 0)] = (uint32_t)a->n;
	memcpy(c->b.at, c->a.at, e->n_head * sizeof(*c->b.at));
	n = cut(b->s, e->head, b->n - e->tail, c->b.at, e->n_head);
	for (size_t i = c->a.n - e->n_tail; i < c->a.n; i++)
		c->b.at[n++] = (uint32_t)(c->a.at[i] - a->n + b->n);
	c->b.at[n] = (uint32_t)b->n;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint32_t hash(uint64_t seed, const char *s, size_t n)
{
	uint64_t h = mix(seed, n), x;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&x, s, 8);
		h = mix(h, x);
	}
	x = 0;
	memcpy(&x, s, n);
	h = mix(mix(h, x), seed);
	return (uint32_t)(h ^ h >> 32);
}

/* A line that stands for all that are like it. */
struct line {
	const char *s; /* NULL: the place is free */
	uint32_t n, hash;
};

static void number(struct lines *l, const struct ends *e, struct line *table, uint32_t mask,
	uint64_t seed)
{
	for (size_t i = e->n_head; i < l->n - e->n_tail; i++) {
		const char *s = l->s + l->at[i];
		uint32_t n = l->at[i + 1] - l->at[i], h = hash(seed, s, n), at = h & mask;

		while (table[at].s &&
			(table[at].hash != h || table[at].n != n || memcmp(table[at].s, s, n) != 0))
			at = (at + 1) & mask;
		if (!table[at].s)
			table[at] = (struct line){ s, n, h };
		l->id[i] = at;
	}
}

/* ---- the search ---- */

struct search {
	const uint32_t *a, *b; /* the numbers of the lines that both have */
	const uint32_t *ia, *ib; /* where each is in its file */
	bool *gone, *new; /* of the files */
	int32_t *forth, *back; /* by diagonal */
	int32_t cost_max;
	uint64_t *steps;
};

struct box {
	int32_t a0, a1, b0, b1;
};

static void all_of(struct search *s, const struct box *x)
{
	for (int32_t i = x->a0; i < x->a1; i++)
		s->gone[s->ia[i]] = true;
	for (int32_t i = x->b0; i < x->b1; i++)
		s->new[s->ib[i]] = true;
}

/* The diagonals that are reached from one end. */
struct reach {
	int32_t low, high;
};

static void widen(struct reach *r, int32_t low, int32_t high, int32_t *v, int32_t none)
{
	if (r->low > low)
		v[--r->low - 1] = none;
	else
		r->low++;
	if (r->high < high)
		v[++r->high + 1] = none;
	else
		r->high--;
}

static bool go_forth(struct search *s, const struct box *x, const struct reach *f,
	const struct reach *b, bool odd, int32_t *ret_a, int32_t *ret_b)
{
	for (int32_t k = f->high; k >= f->low; k -= 2) {
		int32_t i =
			s->forth[k - 1] >= s->forth[k + 1] ? s->forth[k - 1] + 1 : s->forth[k + 1];
		int32_t j = i - k;

		for (; i < x->a1 && j < x->b1 && s->a[i] == s->b[j]; i++)
			j++;
		s->forth[k] = i;
		if (odd && b->low <= k && k <= b->high && s->back[k] <= i && i <= x->a1 &&
			j <= x->b1) {
			*ret_a = i;
			*ret_b = j;
			return true;
		}
	}
	return false;
}

static bool go_back(struct search *s, const struct box *x, const struct reach *f,
	const struct reach *b, bool odd, int32_t *ret_a, int32_t *ret_b)
{
	for (int32_t k = b->high; k >= b->low; k -= 2) {
		int32_t i = s->back[k - 1] < s->back[k + 1] ? s->back[k - 1] : s->back[k + 1] - 1;
		int32_t j = i - k;

		for (; i > x->a0 && j > x->b0 && s->a[i - 1] == s->b[j - 1]; i--)
			j--;
		s->back[k] = i;
		if (!odd && f->low <= k && k <= f->high && i <= s->forth[k] && i >= x->a0 &&
			j >= x->b0) {
			*ret_a = i;
			*ret_b = j;
			return true;
		}
	}
	return false;
}

/* The furthest point that either end has come to. */
static void furthest(struct search *s, const struct box *x, const struct reach *f,
	const struct reach *b, int32_t *ret_a, int32_t *ret_b)
{
	int64_t best = -1, best_back = INT64_MAX;
	int32_t fa = x->a0, fb = x->b0, ba = x->a1, bb = x->b1;

	for (int32_t k = f->high; k >= f->low; k -= 2) {
		int32_t i = s->forth[k] < x->a1 ? s->forth[k] : x->a1, j = i - k;

		if (j > x->b1) {
			j = x->b1;
			i = j + k;
		}
		if ((int64_t)i + j > best && i >= x->a0 && j >= x->b0) {
			best = (int64_t)i + j;
			fa = i;
			fb = j;
		}
	}
	for (int32_t k = b->high; k >= b->low; k -= 2) {
		int32_t i = s->back[k] > x->a0 ? s->back[k] : x->a0, j = i - k;

		if (j < x->b0) {
			j = x->b0;
			i = j + k;
		}
		if ((int64_t)i + j < best_back && i <= x->a1 && j <= x->b1) {
			best_back = (int64_t)i + j;
			ba = i;
			bb = j;
		}
	}
	if (best - x->a0 - x->b0 > (int64_t)x->a1 + x->b1 - best_back) {
		*ret_a = fa;
		*ret_b = fb;
	} else {
		*ret_a = ba;
		*ret_b = bb;
	}
}

/* Where to divide; false: the steps are spent. */
static bool divide(struct search *s, const struct box *x, int32_t *ret_a, int32_t *ret_b)
{
	int32_t low = x->a0 - x->b1, high = x->a1 - x->b0;
	struct reach f = { x->a0 - x->b0, x->a0 - x->b0 }, b = { x->a1 - x->b1, x->a1 - x->b1 };
	bool odd = ((f.low - b.low) & 1) != 0;

	s->forth[f.low] = x->a0;
	s->back[b.low] = x->a1;
	for (int32_t cost = 1;; cost++) {
		uint64_t spent = (uint64_t)(f.high - f.low) + (uint64_t)(b.high - b.low) + 4;

		if (*s->steps < spent)
			return false;
		*s->steps -= spent;
		widen(&f, low, high, s->forth, -1);
		if (go_forth(s, x, &f, &b, odd, ret_a, ret_b))
			return true;
		widen(&b, low, high, s->back, INT32_MAX / 2);
		if (go_back(s, x, &f, &b, odd, ret_a, ret_b))
			return true;
		if (cost >= s->cost_max) {
			furthest(s, x, &f, &b, ret_a, ret_b);
			return true;
		}
	}
}

static void search(struct search *s, struct box x, unsigned depth)
{
	for (;;) {
		struct box first;
		int32_t a = 0, b = 0;

		for (; x.a0 < x.a1 && x.b0 < x.b1 && s->a[x.a0] == s->b[x.b0]; x.a0++)
			x.b0++;
		for (; x.a0 < x.a1 && x.b0 < x.b1 && s->a[x.a1 - 1] == s->b[x.b1 - 1]; x.a1--)
			x.b1--;
		if (x.a0 == x.a1 || x.b0 == x.b1 || depth >= DEPTH_MAX || !divide(s, &x, &a, &b) ||
			(a == x.a0 && b == x.b0) || (a == x.a1 && b == x.b1)) {
			all_of(s, &x);
			return;
		}
		first = (struct box){ x.a0, a, x.b0, b };
		search(s, first, depth + 1);
		x.a0 = a;
		x.b0 = b;
	}
}

/* Those lines of l between the ends that the other file has there too; the others have changed for certain. */
static uint32_t keep(struct lines *l, const struct ends *e, const uint8_t *seen, uint8_t other,
	uint32_t *id, uint32_t *index)
{
	uint32_t n = 0;

	for (size_t i = e->n_head; i < l->n - e->n_tail; i++) {
		if (seen[l->id[i]] & other) {
			id[n] = l->id[i];
			index[n++] = (uint32_t)i;
		} else {
			l->changed[i] = true;
		}
	}
	return n;
}

static int32_t cost_of(uint64_t n)
{
	int32_t c = COST_MIN;

	while ((uint64_t)c * (uint64_t)c < n)
		c *= 2;
	return c;
}

static int find(struct compared *c, const struct ends *e, uint8_t *seen, uint64_t *io_steps)
{
	size_t skip = e->n_head + e->n_tail, a_n = c->a.n - skip, b_n = c->b.n - skip,
	       n = a_n + b_n;
	uint32_t *kept = malloc((2 * n + 1) * sizeof(*kept));
	int32_t *diagonals = malloc(2 * (n + 8) * sizeof(*diagonals));
	struct search s = { .gone = c->a.changed, .new = c->b.changed, .steps = io_steps };
	uint32_t na, nb;

	if (kept == NULL || diagonals == NULL) {
		free(kept);
		free(diagonals);
		return WARD_E_NOMEM;
	}
	for (size_t i = 0; i < a_n; i++)
		seen[c->a.id[e->n_head + i]] |= 1;
	for (size_t i = 0; i < b_n; i++)
		seen[c->b.id[e->n_head + i]] |= 2;
	na = keep(&c->a, e, seen, 2, kept, kept + a_n);
	nb = keep(&c->b, e, seen, 1, kept + 2 * a_n, kept + 2 * a_n + b_n);
	s.a = kept;
	s.ia = kept + a_n;
	s.b = kept + 2 * a_n;
	s.ib = kept + 2 * a_n + b_n;
	s.forth = diagonals + nb + 3;
	s.back = s.forth + n + 8;
	s.cost_max = cost_of((uint64_t)na + nb);
	search(&s, (struct box){ 0, (int32_t)na, 0, (int32_t)nb }, 0);
	free(kept);
	free(diagonals);
	return WARD_OK;
}

int ward_diff_comparing(struct comparing *ret)
{
	*ret = (struct comparing){ .steps = WARD_DIFF_STEPS_MAX };
	return ward_random(&ret->seed, sizeof(ret->seed)) < 0 ? WARD_E_SYSTEM : WARD_OK;
}

static int number_and_find(struct compared *c, const struct ends *e, struct comparing *io)
{
	uint32_t size = 16;
	struct line *table;
	uint8_t *seen;
	int code = WARD_E_NOMEM;

	while (size < 2 * (c->a.n + c->b.n - 2 * (e->n_head + e->n_tail)))
		size *= 2;
	table = calloc(size, sizeof(*table));
	seen = calloc(size, 1);
	if (table && seen) {
		number(&c->a, e, table, size - 1, io->seed);
		number(&c->b, e, table, size - 1, io->seed);
		code = find(c, e, seen, &io->steps);
	}
	free(table);
	free(seen);
	return code;
}

int ward_diff_compare(const struct content *a, const struct content *b, struct comparing *io,
	struct compared *ret)
{
	struct ends e = ends_of(a, b);
	size_t n, skip = e.n_head + e.n_tail;

	*ret = (struct compared){ .a.n = skip + count_lines(a->s + e.head, a->n - e.head - e.tail),
		.b.n = skip + count_lines(b->s + e.head, b->n - e.head - e.tail) };
	if (ret->a.n > WARD_DIFF_LINES_MAX || ret->b.n > WARD_DIFF_LINES_MAX)
		return WARD_E_LIMIT;
	n = ret->a.n + ret->b.n;
	ret->memory = malloc((2 * n + 2) * sizeof(*ret->memory));
	ret->flags = calloc(n + 2, 1);
	if (ret->memory == NULL || ret->flags == NULL)
		return WARD_E_NOMEM;
	ret->a.at = ret->memory;
	ret->b.at = ret->a.at + ret->a.n + 1;
	ret->a.id = ret->b.at + ret->b.n + 1;
	ret->b.id = ret->a.id + ret->a.n;
	ret->a.changed = ret->flags;
	ret->b.changed = ret->flags + ret->a.n + 1;
	cut_both(a, b, &e, ret);
	if (ret->a.n > skip && ret->b.n > skip)
		return number_and_find(ret, &e, io);
	memset(ret->a.changed + e.n_head, 1, ret->a.n - skip);
	memset(ret->b.changed + e.n_head, 1, ret->b.n - skip);
	return WARD_OK;
}

void ward_diff_compare_done(struct compared *c)
{
	free(c->memory);
	free(c->flags);
}

void ward_diff_count(const struct compared *c, size_t *ret_new, size_t *ret_gone)
{
	*ret_new = *ret_gone = 0;
	for (size_t i = 0; i < c->a.n; i++)
		*ret_gone += c->a.changed[i];
	for (size_t i = 0; i < c->b.n; i++)
		*ret_new += c->b.changed[i];
}

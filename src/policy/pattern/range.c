/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters and sets of them. A character of a path is a code point, or a byte that is part of none: those bytes are one
 * character here, WARD_CHAR_BYTE, which a set holds exactly if it was written as "all but".
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pattern/own.h"

/* What no name holds: NUL, "/", and surrogates, which have no UTF-8. */
static const struct ward_range holes[] = { { 0, 0 }, { '/', '/' }, { 0xd800, 0xdfff } };

uint32_t ward_char_at(struct ward_str s, size_t at, size_t *width)
{
	const uint8_t *p = (const uint8_t *)s.s + at;
	uint32_t lead = p[0], c;
	size_t want;

	*width = 1;
	if (lead < 0x80)
		return lead;
	want = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
	if (want == 1 || want > s.n - at || !ward_utf8_valid(s.s + at, want))
		return WARD_CHAR_BYTE;
	*width = want;
	c = lead & (0x7fu >> want);
	for (size_t i = 1; i < want; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

size_t ward_char_put(uint32_t c, char out[4])
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		out[0] = (char)c;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	out[0] = (char)((0xf00u >> n & 0xff) | c);
	return n;
}

bool ward_ranges_hold(const struct ward_ranges *r, uint32_t c)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c > r->v[mid].last)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].first <= c;
}

static int by_first(const void *a, const void *b)
{
	const struct ward_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sort v and join what touches; returns how many are left. */
static size_t join(struct ward_range *v, size_t n)
{
	size_t k = 0;

	qsort(v, n, sizeof(*v), by_first);
	for (size_t i = 0; i < n; i++) {
		if (k > 0 && v[i].first <= v[k - 1].last + 1) {
			if (v[i].last > v[k - 1].last)
				v[k - 1].last = v[i].last;
		} else {
			v[k++] = v[i];
		}
	}
	return k;
}

/* Add first..last without the holes to r. */
static void add(struct ward_ranges *r, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(holes) && first <= last; i++) {
		if (holes[i].last < first || holes[i].first > last)
			continue;
		if (holes[i].first > first)
			r->v[r->n++] = (struct ward_range){ first, holes[i].first - 1 };
		first = holes[i].last + 1;
	}
	if (first <= last)
		r->v[r->n++] = (struct ward_range){ first, last };
}

const struct ward_ranges *ward_ranges_make(struct ward_arena *a, struct ward_range *v, size_t n,
	bool negated)
{
	size_t room = join(v, n) + 1 + WARD_ARRAY_SIZE(holes);
	struct ward_ranges *r = ward_arena_alloc(a, sizeof(*r) + room * sizeof(r->v[0]));
	uint32_t from = 0;

	if (r == NULL)
		return NULL;
	n = room - 1 - WARD_ARRAY_SIZE(holes);
	for (size_t i = 0; i < n; i++) {
		if (!negated)
			add(r, v[i].first, v[i].last);
		else if (v[i].first > from)
			add(r, from, v[i].first - 1);
		from = v[i].last + 1;
	}
	if (negated)
		add(r, from, WARD_CHAR_LAST);
	return r;
}

bool ward_token_holds(const struct ward_token *t, uint32_t c)
{
	if (t->kind == WARD_TOKEN_CHAR)
		return t->c == c;
	return t->kind != WARD_TOKEN_CLASS || ward_ranges_hold(t->ranges, c);
}

static void note(uint32_t first, uint32_t last, bool *dot, bool *other)
{
	if (first <= '.' && last >= '.')
		*dot = true;
	if (first != '.' || last != '.')
		*other = true;
}

/* Both are classes. */
static void meet(const struct ward_ranges *a, const struct ward_ranges *b, bool *dot, bool *other,
	size_t *steps)
{
	uint32_t i = 0, j = 0;

	while (i < a->n && j < b->n && !(*dot && *other)) {
		uint32_t first = a->v[i].first > b->v[j].first ? a->v[i].first : b->v[j].first;
		uint32_t last = a->v[i].last < b->v[j].last ? a->v[i].last : b->v[j].last;

		if (first <= last)
			note(first, last, dot, other);
		if (a->v[i].last < b->v[j].last)
			i++;
		else
			j++;
		++*steps;
	}
}

void ward_token_meet(const struct ward_token *a, const struct ward_token *b, bool *dot, bool *other,
	size_t *steps)
{
	*dot = *other = false;
	if (a->kind > b->kind) {
		const struct ward_token *t = a;

		a = b;
		b = t;
	}
	++*steps;
	if (a->kind == WARD_TOKEN_CHAR) {
		if (ward_token_holds(b, a->c))
			note(a->c, a->c, dot, other);
	} else if (a->kind == WARD_TOKEN_CLASS && b->kind == WARD_TOKEN_CLASS) {
		meet(a->ranges, b->ranges, dot, other, steps);
	} else if (a->kind == WARD_TOKEN_CLASS) {
		for (uint32_t i = 0; i < a->ranges->n; i++)
			note(a->ranges->v[i].first, a->ranges->v[i].last, dot, other);
		*steps += a->ranges->n;
	} else {
		*dot = *other = true;
	}
}

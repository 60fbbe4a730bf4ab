/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Could one path match both of two patterns? The states of a component are its tokens, those of an alternative its components;
 * a pair of states is reached or not. Every move goes on in one of the two or in both, so two rows of the table of pairs are
 * enough, and nothing is allocated.
 *
 * A name that two components share must be one: neither empty nor "." nor "..". What has been read so far is one of four
 * things, and a cell of the inner table is the set of those with which its pair can be reached.
 */
#include <string.h>

#include "policy/pattern/own.h"

#define SHORT 64 /* states of what is compared without much stack */

enum { EMPTY = 1, DOT = 2, DOTDOT = 4, NAME = 8 };

static const struct ward_token star = { .kind = WARD_TOKEN_STAR };
const struct ward_component ward_component_star = {
	.kind = WARD_COMPONENT_WILD, .simple = true, .v = &star, .n = 1, .n_middle = 1
};

/* What cell becomes when one more character is read: a dot, another one, or either. */
static uint8_t read_on(uint8_t cell, bool dot, bool other)
{
	uint8_t after = 0;

	if (cell != 0 && other)
		after |= NAME;
	if (dot)
		after |= (uint8_t)((cell & EMPTY ? DOT : 0) | (cell & DOT ? DOTDOT : 0) |
			(cell & (DOTDOT | NAME) ? NAME : 0));
	return after;
}

/* Do the bytes before the first star, or behind the last, already differ? */
static bool ends_differ(const struct ward_component *a, const struct ward_component *b)
{
	size_t n = a->prefix.n < b->prefix.n ? a->prefix.n : b->prefix.n;

	if (n > 0 && memcmp(a->prefix.s, b->prefix.s, n) != 0)
		return true;
	n = a->suffix.n < b->suffix.n ? a->suffix.n : b->suffix.n;
	return n > 0 &&
		memcmp(a->suffix.s + a->suffix.n - n, b->suffix.s + b->suffix.n - n, n) != 0;
}

/* One row of the table: from here to the cells right of it, below it, and both. x NULL: a is at its end. */
static void row(const struct ward_token *x, const struct ward_component *b, uint8_t *here,
	uint8_t *below, size_t *steps)
{
	bool x_star = x != NULL && x->kind == WARD_TOKEN_STAR;

	for (uint32_t j = 0; j <= b->n; j++) {
		const struct ward_token *y = j < b->n ? &b->v[j] : NULL;
		bool y_star = y != NULL && y->kind == WARD_TOKEN_STAR;
		bool dot, other;
		uint8_t after;

		if (here[j] == 0)
			continue;
		++*steps;
		if (x_star && y_star)
			here[j] |= NAME; /* both read on as they like */
		if (x_star)
			below[j] |= here[j];
		if (y_star)
			here[j + 1] |= here[j];
		if (x == NULL || y == NULL || (x_star && y_star))
			continue;
		ward_token_meet(x, y, &dot, &other, steps);
		after = read_on(here[j], dot, other);
		if (x_star)
			here[j + 1] |= after;
		else if (y_star)
			below[j] |= after;
		else
			below[j + 1] |= after;
	}
}

/* rows: two, of b->n + 1 cells. */
static bool table(const struct ward_component *a, const struct ward_component *b, uint8_t *rows,
	size_t *steps)
{
	uint8_t *here = rows, *below = rows + b->n + 1;

	memset(here, 0, b->n + 1);
	here[0] = EMPTY;
	for (uint32_t i = 0; i < a->n; i++) {
		uint8_t *done = here;

		memset(below, 0, b->n + 1);
		row(&a->v[i], b, here, below, steps);
		if (*steps > WARD_PATTERN_STEPS_MAX)
			return true;
		here = below;
		below = done;
	}
	row(NULL, b, here, below, steps);
	return (here[b->n] & NAME) != 0;
}

/* Apart, so that the usual case does not clear so much of the stack. */
__attribute__((noinline)) static bool long_table(const struct ward_component *a,
	const struct ward_component *b, size_t *steps)
{
	uint8_t rows[2 * (WARD_PATTERN_BYTES_MAX + 1)];

	return table(a, b, rows, steps);
}

bool ward_component_overlap(const struct ward_component *a, const struct ward_component *b,
	size_t *steps)
{
	WARD_UNSET uint8_t rows[2 * SHORT];

	if (b->kind == WARD_COMPONENT_LITERAL || a->kind == WARD_COMPONENT_LITERAL) {
		const struct ward_component *c = b->kind == WARD_COMPONENT_LITERAL ? b : a;

		/* The matcher may take the product of both; it rarely does. */
		*steps += (size_t)(a == c ? b : a)->n * c->prefix.n / 16;
		return ward_component_match(a == c ? b : a, c->prefix);
	}
	if (ends_differ(a, b))
		return false;
	if (a->simple && b->simple)
		return true;
	return b->n < SHORT ? table(a, b, rows, steps) : long_table(a, b, steps);
}

/* The same, on components. */
static void component_row(const struct ward_component *x, const struct ward_alternative *b,
	bool *here, bool *below, size_t *steps)
{
	bool x_deep = x != NULL && x->kind == WARD_COMPONENT_DEEP;

	for (uint32_t j = 0; j <= b->n; j++) {
		const struct ward_component *y = j < b->n ? &b->v[j] : NULL;
		bool y_deep = y != NULL && y->kind == WARD_COMPONENT_DEEP;

		if (!here[j])
			continue;
		++*steps;
		if (x_deep)
			below[j] = true;
		if (y_deep)
			here[j + 1] = true;
		if (x == NULL || y == NULL || (x_deep && y_deep))
			continue;
		/* "**" takes any name, and each component of b or a has one: never is set where not. */
		if (x_deep)
			here[j + 1] = true;
		else if (y_deep)
			below[j] = true;
		else if (ward_component_overlap(x, y, steps))
			below[j + 1] = true;
	}
}

static bool is_literal(const struct ward_component *c)
{
	return c->kind == WARD_COMPONENT_LITERAL;
}

/* Take off the literals that both begin and end with; false: they differ there. The quick no of most pairs. */
static bool strip(struct ward_alternative *a, struct ward_alternative *b)
{
	while (a->n > 0 && b->n > 0 && is_literal(a->v) && is_literal(b->v)) {
		if (!ward_component_equal(a->v, b->v))
			return false;
		a->v++;
		b->v++;
		a->n--;
		b->n--;
	}
	while (a->n > 0 && b->n > 0 && is_literal(&a->v[a->n - 1]) && is_literal(&b->v[b->n - 1])) {
		if (!ward_component_equal(&a->v[a->n - 1], &b->v[b->n - 1]))
			return false;
		a->n--;
		b->n--;
	}
	return true;
}

static bool both_named(const struct ward_component *a, const struct ward_component *b)
{
	return a->kind != WARD_COMPONENT_DEEP && b->kind != WARD_COMPONENT_DEEP;
}

/* Where neither begins, or ends, with "**", the two components there have to meet: a quick no as well. */
static bool ends_meet(const struct ward_alternative *a, const struct ward_alternative *b,
	size_t *steps)
{
	const struct ward_component *x = a->v, *y = b->v;

	if (a->n == 0 || b->n == 0)
		return true;
	if (both_named(x, y) && !ward_component_overlap(x, y, steps))
		return false;
	x += a->n - 1;
	y += b->n - 1;
	return !both_named(x, y) || ward_component_overlap(x, y, steps);
}

static bool is_anything(const struct ward_alternative *a)
{
	return a->n == 1 && a->v[0].kind == WARD_COMPONENT_DEEP;
}

static bool is_deep(const struct ward_component *c)
{
	return c->kind == WARD_COMPONENT_DEEP;
}

/* Where one begins with "**" and the other ends with it: what the other's beginning matches, and behind it what the one's end does. */
static bool chained(const struct ward_alternative *a, const struct ward_alternative *b)
{
	return a->n > 0 && b->n > 0 &&
		((is_deep(a->v) && is_deep(&b->v[b->n - 1])) ||
			(is_deep(b->v) && is_deep(&a->v[a->n - 1])));
}

static bool component_table(const struct ward_alternative *a, const struct ward_alternative *b,
	bool *rows, size_t *steps)
{
	bool *here = rows, *below = rows + b->n + 1;

	memset(here, 0, b->n + 1);
	here[0] = true;
	for (uint32_t i = 0; i < a->n; i++) {
		bool *done = here;

		memset(below, 0, b->n + 1);
		component_row(&a->v[i], b, here, below, steps);
		*steps += 1 + b->n / 64;
		if (*steps > WARD_PATTERN_STEPS_MAX)
			return true;
		here = below;
		below = done;
	}
	component_row(NULL, b, here, below, steps);
	return here[b->n];
}

__attribute__((noinline)) static bool long_component_table(const struct ward_alternative *a,
	const struct ward_alternative *b, size_t *steps)
{
	bool rows[2 * (WARD_PATTERN_BYTES_MAX + 1)];

	return component_table(a, b, rows, steps);
}

bool ward_alternative_overlap(const struct ward_alternative *a, const struct ward_alternative *b,
	size_t *steps)
{
	struct ward_alternative x = *a, y = *b;
	WARD_UNSET bool rows[2 * SHORT];

	if (a->never || b->never || !strip(&x, &y))
		return false;
	if (is_anything(&x) || is_anything(&y) || chained(&x, &y))
		return true;
	if (!ends_meet(&x, &y, steps))
		return false;
	return y.n < SHORT ? component_table(&x, &y, rows, steps)
			   : long_component_table(&x, &y, steps);
}

bool ward_pattern_overlap(const struct ward_pattern *a, const struct ward_pattern *b)
{
	size_t steps = 0;

	if (a->absolute != b->absolute)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		for (uint32_t j = 0; j < b->n; j++) {
			if (ward_alternative_overlap(&a->v[i], &b->v[j], &steps))
				return true;
		}
	}
	return false;
}

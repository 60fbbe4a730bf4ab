/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does one pattern match whatever another one does? b is walked state by state, and beside it goes the set of all states in
 * which a might be after the same text: where b ends and none of them is an end of a, there is a path that only b matches.
 *
 * For names that is exact, since characters that neither side tells apart are one: a few of them stand for all. For paths, a
 * component of a takes a component of b wholly or not at all, so several that cover one only together are missed. Every
 * bound makes the answer false, the safe one for "may this grant be left out".
 */
#include <string.h>

#include "policy/pattern/own.h"

#define TOKENS_MAX 63 /* of a: a set of its states is one word */
#define SAMPLES_MAX 256
#define SEEN_MAX 256 /* pairs of a state of b and a set of a's */
#define STATES_MAX 512 /* of a's alternatives that meet one of b */

/* ---- names ---- */

enum { EMPTY = 0, DOT, DOTDOT, NAME };

struct spot {
	uint64_t states;
	uint32_t at; /* of b */
	uint32_t read;
};

struct names {
	const struct ward_token *a;
	uint32_t n_a;
	const struct ward_component *b;
	uint32_t samples[SAMPLES_MAX]; /* for each kind of character that a and b tell apart, one */
	size_t n_samples;
	struct spot seen[SEEN_MAX];
	size_t n_seen;
	bool over;
	size_t *steps;
};

static void sample(struct names *s, uint32_t c)
{
	if (c == 0 || c == '/')
		c++;
	else if (c >= 0xd800 && c <= 0xdfff)
		c = 0xe000;
	for (size_t i = 0; i < s->n_samples; i++) {
		if (s->samples[i] == c)
			return;
	}
	*s->steps += 1 + s->n_samples / 16;
	if (s->n_samples == SAMPLES_MAX)
		s->over = true;
	else if (c <= WARD_CHAR_LAST)
		s->samples[s->n_samples++] = c;
}

static void sample_tokens(struct names *s, const struct ward_token *v, uint32_t n)
{
	for (uint32_t i = 0; i < n && !s->over; i++) {
		if (v[i].kind == WARD_TOKEN_CHAR) {
			sample(s, v[i].c);
			sample(s, v[i].c + 1);
		}
		for (uint32_t k = 0;
			v[i].kind == WARD_TOKEN_CLASS && k < v[i].ranges->n && !s->over; k++) {
			sample(s, v[i].ranges->v[k].first);
			sample(s, v[i].ranges->v[k].last + 1);
		}
	}
}

/* A star may also be nothing. */
static uint64_t settle(const struct names *s, uint64_t states)
{
	for (uint32_t i = 0; i < s->n_a; i++) {
		if ((states >> i & 1) != 0 && s->a[i].kind == WARD_TOKEN_STAR)
			states |= (uint64_t)1 << (i + 1);
	}
	return states;
}

static uint64_t read_char(const struct names *s, uint64_t states, uint32_t c)
{
	uint64_t after = 0;

	for (uint32_t i = 0; i < s->n_a; i++) {
		if ((states >> i & 1) == 0 || !ward_token_holds(&s->a[i], c))
			continue;
		after |= (uint64_t)1 << (s->a[i].kind == WARD_TOKEN_STAR ? i : i + 1);
	}
	return settle(s, after);
}

static void visit(struct names *s, struct spot spot)
{
	for (size_t i = 0; i < s->n_seen; i++) {
		if (s->seen[i].states == spot.states && s->seen[i].at == spot.at &&
			s->seen[i].read == spot.read)
			return;
	}
	*s->steps += 1 + s->n_seen / 16;
	if (s->n_seen == SEEN_MAX || *s->steps > WARD_PATTERN_STEPS_MAX)
		s->over = true;
	else
		s->seen[s->n_seen++] = spot;
}

static uint32_t read_on(uint32_t read, uint32_t c)
{
	return c != '.' || read >= DOTDOT ? NAME : read + 1;
}

/* False: here ends a name that a does not match. */
static bool follow(struct names *s, struct spot spot)
{
	const struct ward_token *t = &s->b->v[spot.at];
	bool star = spot.at < s->b->n && t->kind == WARD_TOKEN_STAR;

	if (spot.at == s->b->n)
		return spot.read != NAME || (spot.states >> s->n_a & 1) != 0;
	if (star)
		visit(s, (struct spot){ spot.states, spot.at + 1, spot.read });
	for (size_t i = 0; i < s->n_samples && !s->over; i++) {
		uint32_t c = s->samples[i];

		++*s->steps;
		if (ward_token_holds(t, c))
			visit(s,
				(struct spot){ read_char(s, spot.states, c),
					star ? spot.at : spot.at + 1, read_on(spot.read, c) });
	}
	return true;
}

__attribute__((noinline)) static bool names_covered(const struct ward_token *a, uint32_t n_a,
	const struct ward_component *b, size_t *steps)
{
	struct names s = { .a = a, .n_a = n_a, .b = b, .steps = steps };

	sample(&s, 1);
	sample(&s, '.');
	sample(&s, '.' + 1);
	sample(&s, WARD_CHAR_BYTE);
	sample_tokens(&s, a, n_a);
	sample_tokens(&s, b->v, b->n);
	visit(&s, (struct spot){ settle(&s, 1), 0, EMPTY });
	for (size_t i = 0; i < s.n_seen && !s.over; i++) {
		if (!follow(&s, s.seen[i]))
			return false;
	}
	return !s.over;
}

static bool begins(const struct ward_str s, const struct ward_str with)
{
	return with.n <= s.n && (with.n == 0 || memcmp(s.s, with.s, with.n) == 0);
}

static bool finishes(const struct ward_str s, const struct ward_str with)
{
	return with.n <= s.n && (with.n == 0 || memcmp(s.s + s.n - with.n, with.s, with.n) == 0);
}

/* Where b has a star, any character may stand; a has one there that it insists on, or ends. */
static bool star_stands_out(const struct ward_component *a, const struct ward_component *b)
{
	const struct ward_token *first = &b->v[b->middle], *last = first + b->n_middle - 1;

	return (first->kind == WARD_TOKEN_STAR && a->prefix.n > b->prefix.n) ||
		(last->kind == WARD_TOKEN_STAR && a->suffix.n > b->suffix.n) ||
		(first->kind == WARD_TOKEN_STAR && a->kind == WARD_COMPONENT_LITERAL);
}

/*
 * Most pairs are decided by what their names begin and end with. b is wild and matches some name, so where the two differ there, that
 * name is not a's; and a star alone between a's two ends takes whatever stands between b's.
 */
static bool decided_by_ends(const struct ward_component *a, const struct ward_component *b,
	bool *ret)
{
	if ((!begins(a->prefix, b->prefix) && !begins(b->prefix, a->prefix)) ||
		(a->kind == WARD_COMPONENT_WILD && !finishes(a->suffix, b->suffix) &&
			!finishes(b->suffix, a->suffix)) ||
		star_stands_out(a, b)) {
		*ret = false;
		return true;
	}
	*ret = true;
	return a->simple && begins(b->prefix, a->prefix) && finishes(b->suffix, a->suffix);
}

bool ward_component_covers(const struct ward_component *a, const struct ward_component *b,
	size_t *steps)
{
	WARD_UNSET struct ward_token v[TOKENS_MAX];
	uint32_t n = 0;
	bool ret;

	++*steps;
	if (b->kind == WARD_COMPONENT_LITERAL) {
		*steps += (size_t)a->n * b->prefix.n / 16;
		return ward_component_match(a, b->prefix);
	}
	if (ward_component_equal(a, b) || (a->simple && a->least == 0))
		return true;
	if (decided_by_ends(a, b, &ret))
		return ret;
	if (a->kind == WARD_COMPONENT_WILD)
		return a->n <= TOKENS_MAX && names_covered(a->v, a->n, b, steps);
	for (size_t at = 0, width; at < a->prefix.n; at += width) {
		if (n == TOKENS_MAX)
			return false;
		v[n++] = (struct ward_token){ .c = ward_char_at(a->prefix, at, &width) };
	}
	return names_covered(v, n, b, steps);
}

/* ---- paths ---- */

struct set {
	uint64_t w[STATES_MAX / 64];
};

struct place {
	struct set states;
	uint32_t at; /* of b */
};

struct paths {
	const struct ward_component *a[STATES_MAX]; /* what a state waits for; NULL: an end */
	uint32_t n_a;
	const struct ward_alternative *b;
	struct place seen[SEEN_MAX];
	size_t n_seen;
	bool over;
	size_t *steps;
};

static bool in(const struct set *s, uint32_t i)
{
	return (s->w[i / 64] >> (i % 64) & 1) != 0;
}

static void put(struct set *s, uint32_t i)
{
	s->w[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Add state i; "**" may also be nothing. */
static void enter(const struct paths *s, struct set *to, uint32_t i)
{
	put(to, i);
	if (s->a[i] != NULL && s->a[i]->kind == WARD_COMPONENT_DEEP)
		put(to, i + 1);
}

static void go(struct paths *s, const struct set *states, uint32_t at)
{
	for (size_t i = 0; i < s->n_seen; i++) {
		if (s->seen[i].at == at && memcmp(&s->seen[i].states, states, sizeof(*states)) == 0)
			return;
	}
	*s->steps += 1 + s->n_seen / 8;
	if (s->n_seen == SEEN_MAX || *s->steps > WARD_PATTERN_STEPS_MAX)
		s->over = true;
	else
		s->seen[s->n_seen++] = (struct place){ *states, at };
}

/* Where a may be when b has taken any name that c matches. */
static struct set take(struct paths *s, const struct set *states, const struct ward_component *c)
{
	struct set after = { 0 };

	for (uint32_t i = 0; i < s->n_a; i++) {
		if (!in(states, i) || s->a[i] == NULL)
			continue;
		if (s->a[i]->kind == WARD_COMPONENT_DEEP)
			enter(s, &after, i);
		else if (ward_component_covers(s->a[i], c, s->steps))
			enter(s, &after, i + 1);
	}
	return after;
}

static bool ends(const struct paths *s, const struct set *states)
{
	for (uint32_t i = 0; i < s->n_a; i++) {
		if (in(states, i) && s->a[i] == NULL)
			return true;
	}
	return false;
}

static bool walk(struct paths *s)
{
	for (size_t i = 0; i < s->n_seen && !s->over; i++) {
		struct place p = s->seen[i];
		bool deep = p.at < s->b->n && s->b->v[p.at].kind == WARD_COMPONENT_DEEP;
		struct set after;

		if (p.at == s->b->n) {
			if (!ends(s, &p.states))
				return false;
			continue;
		}
		after = take(s, &p.states, deep ? &ward_component_star : &s->b->v[p.at]);
		if (deep)
			go(s, &p.states, p.at + 1);
		go(s, &after, deep ? p.at : p.at + 1);
	}
	return !s->over;
}

static bool equal(const struct ward_alternative *a, const struct ward_alternative *b)
{
	uint32_t i = 0;

	while (i < a->n && i < b->n && ward_component_equal(&a->v[i], &b->v[i]))
		i++;
	return i == a->n && i == b->n;
}

/* By all alternatives of a that meet b, together. */
__attribute__((noinline)) static bool together(const struct ward_pattern *a,
	const struct ward_alternative *b, size_t *steps)
{
	struct paths s = { .b = b, .steps = steps };
	struct set first = { 0 };

	for (uint32_t k = 0; k < a->n; k++) {
		const struct ward_alternative *v = &a->v[k];
		uint32_t base = s.n_a;

		if (!ward_alternative_overlap(v, b, steps))
			continue;
		if (v->n >= STATES_MAX - s.n_a)
			return false;
		for (uint32_t i = 0; i < v->n; i++)
			s.a[s.n_a++] = &v->v[i];
		s.a[s.n_a++] = NULL;
		enter(&s, &first, base);
	}
	go(&s, &first, 0);
	return walk(&s);
}

static bool has_deep(const struct ward_alternative *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->v[i].kind == WARD_COMPONENT_DEEP)
			return true;
	}
	return false;
}

/* May b have a name here that a has not? "**" of b may be any, and of a none needs to be known. */
static bool named_apart(const struct ward_component *x, const struct ward_component *y,
	size_t *steps)
{
	if (x->kind == WARD_COMPONENT_DEEP)
		return false;
	if (y->kind == WARD_COMPONENT_DEEP)
		y = &ward_component_star;
	return !ward_component_covers(x, y, steps);
}

/*
 * A quick no of one alternative of a. Up to the first "**" of either the components stand side by side, and so do the last ones. Where
 * that of a does not take all that b can be there, no state of a gets behind it on the paths on which each "**" of b is some names; nor
 * are they as long as an a that has no "**". Where it is no for all alternatives, none of these paths is covered.
 */
static bool stands_out(const struct ward_alternative *a, const struct ward_alternative *b,
	size_t *steps)
{
	bool deep = false;

	if ((a->n != b->n || has_deep(b)) && !has_deep(a))
		return true;
	for (uint32_t n = 0; n < a->n && n < b->n && !deep; n++) {
		if (named_apart(&a->v[n], &b->v[n], steps))
			return true;
		deep = a->v[n].kind == WARD_COMPONENT_DEEP || b->v[n].kind == WARD_COMPONENT_DEEP;
	}
	return a->n > 0 && b->n > 0 && named_apart(&a->v[a->n - 1], &b->v[b->n - 1], steps);
}

/* The usual answers need no states, which are much stack to clear. */
static bool alternative_covered(const struct ward_pattern *a, const struct ward_alternative *b,
	size_t *steps)
{
	bool meet = false;

	for (uint32_t k = 0; k < a->n; k++) {
		if (equal(&a->v[k], b))
			return true;
		meet = meet ||
			(ward_alternative_overlap(&a->v[k], b, steps) &&
				!stands_out(&a->v[k], b, steps));
	}
	return meet && together(a, b, steps);
}

bool ward_pattern_covers(const struct ward_pattern *a, const struct ward_pattern *b)
{
	size_t steps = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		if (b->v[i].never)
			continue;
		if (a->absolute != b->absolute || !alternative_covered(a, &b->v[i], &steps))
			return false;
	}
	return true;
}

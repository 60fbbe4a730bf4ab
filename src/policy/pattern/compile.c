/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From items to a pattern: each choice of alternatives that the braces allow becomes a list of components. Without recursion:
 * the choices are the digits of a counter, the last brace that was met being the lowest, and a brace inside an alternative
 * that is not taken is not met.
 *
 * Refuses, on what comes out: "..", "**" beside something, two stars that come to stand side by side ("*{*,a}" would read as
 * one thing and be another), an alternative that alone makes the pattern absolute, or empty.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pattern/own.h"

#define NONE UINT32_MAX

struct compiler {
	struct ward_arena *arena;
	struct ward_pattern *p;
	struct ward_item *items;
	size_t n_items;
	uint32_t *flat; /* items of the expansion at hand */
	size_t n_flat;
	size_t parts;
	struct ward_pattern_error *bad;
};

static int no_memory(const struct compiler *c)
{
	return ward_pattern_bad(c->bad, WARD_E_NOMEM, 0, "out of memory", "try again");
}

static const struct ward_item *flat(const struct compiler *c, size_t i)
{
	return &c->items[c->flat[i]];
}

/* Lay out the expansion that the choices say. Returns the brace whose choice is to be raised for the next, or NONE. */
static uint32_t expand(struct compiler *c)
{
	uint32_t raise = NONE;

	c->n_flat = 0;
	for (uint32_t i = 0; i < c->n_items;) {
		const struct ward_item *item = &c->items[i];
		uint32_t at = i;

		if (item->kind == WARD_ITEM_OPEN) {
			for (uint32_t k = item->choice; k > 0; k--)
				at = c->items[at].next;
			if (c->items[c->items[at].next].kind == WARD_ITEM_COMMA)
				raise = i;
			i = at + 1;
		} else if (item->kind == WARD_ITEM_COMMA || item->kind == WARD_ITEM_CLOSE) {
			i = item->close + 1;
		} else {
			c->flat[c->n_flat++] = i++;
		}
	}
	return raise;
}

static void next_choice(struct compiler *c, uint32_t raise)
{
	c->items[raise].choice++;
	for (uint32_t i = raise + 1; i < c->n_items; i++)
		c->items[i].choice = 0;
}

/* The next component that counts: items *from to *at. */
static bool slice(const struct compiler *c, size_t *at, size_t *from)
{
	for (;;) {
		while (*at < c->n_flat && flat(c, *at)->kind == WARD_ITEM_SLASH)
			++*at;
		if (*at == c->n_flat)
			return false;
		*from = *at;
		while (*at < c->n_flat && flat(c, *at)->kind != WARD_ITEM_SLASH)
			++*at;
		if (*at != *from + 1 || flat(c, *from)->kind != WARD_ITEM_TOKEN ||
			flat(c, *from)->token.kind != WARD_TOKEN_CHAR ||
			flat(c, *from)->token.c != '.')
			return true;
	}
}

static bool is_char(const struct compiler *c, size_t i)
{
	return flat(c, i)->kind == WARD_ITEM_TOKEN && flat(c, i)->token.kind == WARD_TOKEN_CHAR;
}

/* The characters from..to as bytes: of the text itself, where they stand there side by side. */
static int bytes(struct compiler *c, size_t from, size_t to, struct ward_str *ret)
{
	size_t start = from < to ? flat(c, from)->offset : 0;
	bool in_text = true;
	char one[4], *copy;

	ret->n = 0;
	for (size_t i = from; i < to; i++) {
		size_t width = ward_char_put(flat(c, i)->token.c, one);

		in_text = in_text && flat(c, i)->offset == start + ret->n &&
			memcmp(c->p->text.s + start + ret->n, one, width) == 0;
		ret->n += width;
	}
	ret->s = c->p->text.s + start;
	if (in_text)
		return WARD_OK;
	copy = ward_arena_alloc(c->arena, ret->n);
	if (copy == NULL)
		return no_memory(c);
	ret->s = copy;
	for (size_t i = from; i < to; i++)
		copy += ward_char_put(flat(c, i)->token.c, copy);
	return WARD_OK;
}

static int literal(struct compiler *c, size_t from, size_t to, struct ward_component *ret)
{
	int r = bytes(c, from, to, &ret->prefix);

	if (r < 0)
		return r;
	if (ret->prefix.n == 2 && memcmp(ret->prefix.s, "..", 2) == 0)
		return ward_pattern_bad(c->bad, WARD_E_PARSE, flat(c, from)->offset,
			"\"..\" is not allowed in a pattern",
			"write the same pattern without \"..\"");
	ret->kind = WARD_COMPONENT_LITERAL;
	ret->least = ret->prefix.n;
	ret->hash = ward_name_hash(ret->prefix.s, ret->prefix.n);
	return WARD_OK;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint64_t token_hash(uint64_t h, const struct ward_token *t)
{
	h = mix(h, (uint64_t)t->kind << 32 | t->c);
	for (uint32_t i = 0; t->kind == WARD_TOKEN_CLASS && i < t->ranges->n; i++)
		h = mix(h, (uint64_t)t->ranges->v[i].first << 32 | t->ranges->v[i].last);
	return h;
}

static int check_stars(const struct compiler *c, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct ward_item *item = flat(c, i);

		if (item->kind == WARD_ITEM_DEEP)
			return ward_pattern_bad(c->bad, WARD_E_PARSE, item->offset,
				"\"**\" must stand alone between slashes",
				"write \"*\" for a part of one name, or \"/**/\" for any depth");
		if (i > from && item->token.kind == WARD_TOKEN_STAR &&
			flat(c, i - 1)->token.kind == WARD_TOKEN_STAR)
			return ward_pattern_bad(c->bad, WARD_E_PARSE, item->offset,
				"the braces put one \"*\" beside another",
				"write one of them; \"**\" is not made out of parts");
	}
	return WARD_OK;
}

static bool has_star(const struct ward_component *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->v[i].kind == WARD_TOKEN_STAR)
			return true;
	}
	return false;
}

/* Each name has a character at least. */
static bool matches_all(const struct ward_component *w)
{
	uint32_t others = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		if (w->v[i].kind != WARD_TOKEN_STAR && w->v[i].kind != WARD_TOKEN_ANY)
			return false;
		others += w->v[i].kind == WARD_TOKEN_ANY;
	}
	return others < 2 && has_star(w);
}

static int wild(struct compiler *c, size_t from, size_t to, struct ward_component *ret)
{
	struct ward_token *v = ward_arena_alloc(c->arena, (to - from) * sizeof(*v));
	size_t left = from, right = to;
	int r = v != NULL ? check_stars(c, from, to) : no_memory(c);

	if (r < 0 || v == NULL)
		return r;
	while (is_char(c, left))
		left++;
	while (is_char(c, right - 1))
		right--;
	r = bytes(c, from, left, &ret->prefix);
	if (r == WARD_OK)
		r = bytes(c, right, to, &ret->suffix);
	if (r < 0)
		return r;
	ret->kind = WARD_COMPONENT_WILD;
	ret->v = v;
	ret->n = (uint32_t)(to - from);
	ret->middle = (uint32_t)(left - from);
	ret->n_middle = (uint32_t)(right - left);
	ret->least = ret->prefix.n + ret->suffix.n;
	for (size_t i = from; i < to; i++) {
		v[i - from] = flat(c, i)->token;
		ret->hash = token_hash(ret->hash, &v[i - from]);
		if (i >= left && i < right && flat(c, i)->token.kind != WARD_TOKEN_STAR)
			ret->least++;
	}
	ret->simple = ret->n_middle == 1 && v[ret->middle].kind == WARD_TOKEN_STAR;
	ret->all = matches_all(ret);
	return WARD_OK;
}

static int component(struct compiler *c, size_t from, size_t to, struct ward_component *ret)
{
	size_t i = from;

	if (to == from + 1 && flat(c, from)->kind == WARD_ITEM_DEEP) {
		ret->kind = WARD_COMPONENT_DEEP;
		return WARD_OK;
	}
	while (i < to && is_char(c, i))
		i++;
	return i == to ? literal(c, from, to, ret) : wild(c, from, to, ret);
}

/* A name of one or two characters may be none: "[.]" is only ever ".", which does not count in a path. */
static bool matches_nothing(const struct ward_component *w)
{
	size_t steps = 0;

	return w->kind == WARD_COMPONENT_WILD && w->n <= 2 && !has_star(w) &&
		!ward_component_overlap(w, &ward_component_star, &steps);
}

static int check_start(const struct compiler *c)
{
	size_t offset = c->n_flat > 0 ? flat(c, 0)->offset : 0;

	if (c->p->absolute)
		return WARD_OK;
	if (c->n_flat == 0)
		return ward_pattern_bad(c->bad, WARD_E_PARSE, offset,
			"with an empty alternative nothing is left of the pattern",
			"write \".\" for the directory that patterns are relative to");
	if (flat(c, 0)->kind == WARD_ITEM_SLASH)
		return ward_pattern_bad(c->bad, WARD_E_PARSE, offset,
			"the braces make a relative pattern absolute",
			"write \"/\" before the \"{\", or two patterns");
	return WARD_OK;
}

/* The expansion at hand. */
static int alternative(struct compiler *c, struct ward_alternative *ret)
{
	size_t at = 0, from = 0, n = 0;
	struct ward_component *v;
	int r = check_start(c);

	if (r < 0)
		return r;
	c->parts += c->n_flat;
	if (c->parts > WARD_PATTERN_PARTS_MAX)
		return ward_pattern_bad(c->bad, WARD_E_LIMIT, 0,
			"what the braces stand for is too long in all", "write several patterns");
	while (slice(c, &at, &from))
		n++;
	v = ward_arena_alloc(c->arena, n * sizeof(*v));
	if (v == NULL)
		return no_memory(c);
	ret->v = v;
	for (at = 0; slice(c, &at, &from);) {
		struct ward_component *w = &v[ret->n];

		r = component(c, from, at, w);
		if (r < 0)
			return r;
		/* Any depth twice is any depth. */
		if (w->kind == WARD_COMPONENT_DEEP && ret->n > 0 &&
			w[-1].kind == WARD_COMPONENT_DEEP)
			continue;
		ret->never = ret->never || matches_nothing(w);
		ret->n++;
	}
	return WARD_OK;
}

static int expansions(struct compiler *c, size_t n)
{
	struct ward_alternative *v = ward_arena_alloc(c->arena, n * sizeof(*v));
	uint32_t raise;

	if (v == NULL)
		return no_memory(c);
	c->p->v = v;
	do {
		int r;

		raise = expand(c);
		r = alternative(c, &v[c->p->n]);
		if (r < 0)
			return r;
		c->p->n++;
		if (raise != NONE)
			next_choice(c, raise);
	} while (raise != NONE);
	return WARD_OK;
}

static int compile(struct compiler *c, struct ward_str text, enum ward_grammar g)
{
	size_t n = 0;
	const char *copy = ward_arena_dup(c->arena, text.s, text.n);
	int r;

	c->p = ward_arena_alloc(c->arena, sizeof(*c->p));
	/* One piece for both: as many items as bytes at most. */
	c->items = malloc(text.n * (sizeof(*c->items) + sizeof(*c->flat)));
	if (copy == NULL || c->p == NULL || c->items == NULL)
		return no_memory(c);
	c->flat = (uint32_t *)(c->items + text.n);
	c->p->text = (struct ward_str){ copy, text.n };
	c->p->absolute = text.s[0] == '/';
	r = ward_pattern_lex(c->arena, c->p->text, g, c->items, &c->n_items, &n, c->bad);
	return r == WARD_OK ? expansions(c, n) : r;
}

static void set_column(struct ward_pattern_error *bad, struct ward_str text)
{
	bad->column = 1;
	for (size_t at = 0, width; at < bad->offset; at += width) {
		(void)ward_char_at(text, at, &width);
		bad->column++;
	}
}

int ward_pattern_compile(struct ward_arena *a, struct ward_str text, enum ward_grammar g,
	const struct ward_pattern **ret, struct ward_pattern_error *bad)
{
	struct ward_pattern_error unseen;
	struct compiler c = { .arena = a, .bad = bad != NULL ? bad : &unseen };
	int r;

	if (g != WARD_GRAMMAR_1 && g != WARD_GRAMMAR_2)
		r = ward_pattern_bad(c.bad, WARD_E_INVALID, 0,
			"there is no such grammar of patterns", "use 1 or 2");
	else if (text.n == 0)
		r = ward_pattern_bad(c.bad, WARD_E_PARSE, 0, "an empty pattern",
			"write one, such as src/**; \".\" is the directory itself");
	else if (text.n > WARD_PATTERN_BYTES_MAX)
		r = ward_pattern_bad(c.bad, WARD_E_LIMIT, 0, "the pattern is too long",
			"name a directory above what is meant: DIRECTORY/**");
	else
		r = compile(&c, text, g);
	free(c.items);
	if (r < 0) {
		set_column(c.bad, text);
		return r;
	}
	*ret = c.p;
	return WARD_OK;
}

int ward_pattern_check(struct ward_str text, enum ward_grammar g, struct ward_pattern_error *bad)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_pattern_error unseen;
	const struct ward_pattern *p;

	if (bad == NULL)
		bad = &unseen;
	if (a != NULL)
		return ward_pattern_compile(a, text, g, &p, bad);
	(void)ward_pattern_bad(bad, WARD_E_NOMEM, 0, "out of memory", "try again");
	bad->column = 1;
	return bad->code;
}

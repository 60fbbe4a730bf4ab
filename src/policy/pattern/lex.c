/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a pattern as items: characters, classes, stars, slashes, braces. What is wrong in itself is found here; what is
 * wrong only once the braces are expanded ("..", "**" beside something) is compile.c's.
 *
 * Refuses whatever two readers could read in two ways: a "]" or "}" that closes nothing, a brace with one alternative, "/" or a
 * named class in brackets, a "-" that might be a range or itself, an escaped "/".
 */
#include <string.h>

#include "policy/pattern/own.h"

#define NAMED_FIX "list the characters, such as [a-zA-Z], or write \\[ for a literal \"[\""
#define SLASH_FIX "write \"/\" outside the brackets, and without \"\\\""

struct lexer {
	struct ward_arena *arena;
	struct ward_str text;
	size_t at;
	struct ward_item *items;
	uint32_t n;
	struct ward_pattern_error *bad;
	unsigned depth;
	struct {
		uint32_t open, last; /* items: the brace, and its last comma or itself */
		unsigned sum,
			product; /* expansions of the alternatives before, and of this one so far */
	} group[WARD_PATTERN_NEST_MAX + 1]; /* [0] is the whole text */
};

static int fail(const struct lexer *l, size_t offset, const char *what, const char *fix)
{
	return ward_pattern_bad(l->bad, WARD_E_PARSE, offset, what, fix);
}

static struct ward_item *put(struct lexer *l, enum ward_item_kind kind, size_t offset)
{
	struct ward_item *item = &l->items[l->n++];

	*item = (struct ward_item){ .kind = kind, .offset = (uint32_t)offset };
	return item;
}

static bool next_is(const struct lexer *l, size_t at, char c)
{
	return at < l->text.n && l->text.s[at] == c;
}

/* The character at l->at, which may be escaped. */
static int character(struct lexer *l, uint32_t *ret)
{
	size_t width, start = l->at;

	if (next_is(l, l->at, '\\')) {
		l->at++;
		if (l->at == l->text.n)
			return fail(l, start, "\"\\\" at the end escapes nothing",
				"write \\\\ for a literal \"\\\", or take it out");
		if (l->text.s[l->at] == '/')
			return fail(l, start, "\"/\" cannot be escaped: no name holds one",
				"write \"/\" alone");
	}
	*ret = ward_char_at(l->text, l->at, &width);
	l->at += width;
	return WARD_OK;
}

/* One character of a class. */
static int member(struct lexer *l, size_t open, uint32_t *ret)
{
	if (l->at == l->text.n)
		return fail(l, open, "\"[\" is not closed",
			"add \"]\", or write \\[ for a literal \"[\"");
	if (next_is(l, l->at, '/'))
		return fail(l, l->at, "\"/\" in brackets: no name holds one", SLASH_FIX);
	if (next_is(l, l->at, '[') && l->at + 1 < l->text.n &&
		strchr(":.=", l->text.s[l->at + 1]) != NULL)
		return fail(l, l->at, "classes with a name, such as [:alpha:], are not known",
			NAMED_FIX);
	return character(l, ret);
}

/* Could the "-" at l->at be a range's? Then it is not the last of its class. */
static bool is_range(const struct lexer *l)
{
	return next_is(l, l->at, '-') && l->at + 1 < l->text.n && l->text.s[l->at + 1] != ']';
}

/* From behind "[", "[!" to behind "]". v may be NULL, to count. */
static int members(struct lexer *l, size_t open, struct ward_range *v, size_t *ret_n)
{
	size_t n = 0;

	while (n == 0 || !next_is(l, l->at, ']')) {
		size_t start = l->at;
		struct ward_range range = { 0 };
		int r = member(l, open, &range.first);

		if (r < 0)
			return r;
		range.last = range.first;
		if (is_range(l)) {
			l->at++;
			r = member(l, open, &range.last);
			if (r < 0)
				return r;
			if (range.last < range.first)
				return fail(l, start, "a range in brackets is reversed",
					"write the lower character first, such as a-z");
			if (is_range(l))
				return fail(l, l->at, "a \"-\" behind a range means nothing clear",
					"write \\- for a literal \"-\"");
		}
		if (v != NULL)
			v[n] = range;
		n++;
	}
	l->at++;
	*ret_n = n;
	return WARD_OK;
}

static int class(struct lexer *l)
{
	size_t open = l->at++, start, n = 0;
	bool negated = next_is(l, l->at, '!') || next_is(l, l->at, '^');
	struct ward_range *v;
	struct ward_token *t;
	int r;

	l->at += negated ? 1 : 0;
	start = l->at;
	if (next_is(l, start, ']') &&
		memchr(l->text.s + start + 1, ']', l->text.n - start - 1) == NULL)
		return fail(l, open, "empty brackets match no character",
			"name one, as in [a]; a \"]\" that stands first is one itself");
	r = members(l, open, NULL, &n);
	if (r < 0)
		return r;
	t = &put(l, WARD_ITEM_TOKEN, open)->token;
	v = ward_arena_alloc(l->arena, n * sizeof(*v));
	if (v == NULL)
		return ward_pattern_bad(l->bad, WARD_E_NOMEM, open, "out of memory", "try again");
	l->at = start;
	(void)members(l, open, v, &n); /* it went well before */
	/* "[.]" stays a class: as a character it could be the component ".", which does not count. */
	if (n == 1 && !negated && v[0].first == v[0].last && v[0].first != '.') {
		t->c = v[0].first;
		return WARD_OK;
	}
	t->kind = WARD_TOKEN_CLASS;
	t->ranges = ward_ranges_make(l->arena, v, n, negated);
	if (t->ranges == NULL)
		return ward_pattern_bad(l->bad, WARD_E_NOMEM, open, "out of memory", "try again");
	return WARD_OK;
}

static unsigned at_most(size_t n)
{
	return n > WARD_PATTERN_ALTERNATIVES_MAX ? WARD_PATTERN_ALTERNATIVES_MAX + 1 : (unsigned)n;
}

static int open_group(struct lexer *l)
{
	if (l->depth == WARD_PATTERN_NEST_MAX)
		return ward_pattern_bad(l->bad, WARD_E_LIMIT, l->at, "braces in braces, too deep",
			"write some of the alternatives as patterns of their own");
	l->depth++;
	l->group[l->depth].open = l->group[l->depth].last = l->n;
	l->group[l->depth].sum = 0;
	l->group[l->depth].product = 1;
	put(l, WARD_ITEM_OPEN, l->at++);
	return WARD_OK;
}

/* A comma, or the brace that closes: an alternative ends. */
static void end_alternative(struct lexer *l, enum ward_item_kind kind)
{
	l->items[l->group[l->depth].last].next = l->n;
	l->group[l->depth].last = l->n;
	l->group[l->depth].sum =
		at_most((size_t)l->group[l->depth].sum + l->group[l->depth].product);
	l->group[l->depth].product = 1;
	put(l, kind, l->at++);
}

static int close_group(struct lexer *l)
{
	uint32_t open, close = l->n;
	unsigned sum;

	if (l->depth == 0)
		return fail(l, l->at, "\"}\" without \"{\"", "write \\} for a literal \"}\"");
	open = l->group[l->depth].open;
	if (l->group[l->depth].last == open)
		return fail(l, l->items[open].offset, "braces with one alternative",
			"take them out, add another one behind a comma, or write \\{ and \\}");
	end_alternative(l, WARD_ITEM_CLOSE);
	for (uint32_t i = open; i != close; i = l->items[i].next)
		l->items[i].close = close;
	l->items[close].close = close;
	sum = l->group[l->depth].sum;
	l->depth--;
	l->group[l->depth].product = at_most((size_t)l->group[l->depth].product * sum);
	if (l->group[l->depth].product > WARD_PATTERN_ALTERNATIVES_MAX)
		return ward_pattern_bad(l->bad, WARD_E_LIMIT, l->items[open].offset,
			"the braces stand for too many patterns",
			"write several patterns, or \"*\" where it will do");
	return WARD_OK;
}

static int star(struct lexer *l)
{
	if (next_is(l, l->at + 1, '*')) {
		put(l, WARD_ITEM_DEEP, l->at);
		l->at += 2;
	} else {
		put(l, WARD_ITEM_TOKEN, l->at++)->token.kind = WARD_TOKEN_STAR;
	}
	return WARD_OK;
}

static int plain(struct lexer *l)
{
	size_t start = l->at, width;
	struct ward_token t = { .kind = WARD_TOKEN_CHAR };

	t.c = ward_char_at(l->text, l->at, &width);
	l->at += width;
	put(l, WARD_ITEM_TOKEN, start)->token = t;
	return WARD_OK;
}

static int escaped(struct lexer *l)
{
	size_t start = l->at;
	struct ward_token t = { .kind = WARD_TOKEN_CHAR };
	int r = character(l, &t.c);

	if (r == WARD_OK)
		put(l, WARD_ITEM_TOKEN, start)->token = t;
	return r;
}

/* What both grammars know, and what only the second does. */
static int item(struct lexer *l, enum ward_grammar g)
{
	char c = l->text.s[l->at];

	if (c == '/') {
		put(l, WARD_ITEM_SLASH, l->at++);
		return WARD_OK;
	}
	if (c == '*')
		return star(l);
	if (c == '?') {
		put(l, WARD_ITEM_TOKEN, l->at++)->token.kind = WARD_TOKEN_ANY;
		return WARD_OK;
	}
	if (g == WARD_GRAMMAR_1)
		return plain(l);
	switch (c) {
	case '[': return class(l);
	case ']': return fail(l, l->at, "\"]\" without \"[\"", "write \\] for a literal \"]\"");
	case '{': return open_group(l);
	case '}': return close_group(l);
	case '\\': return escaped(l);
	case ',':
		if (l->depth == 0)
			return plain(l);
		end_alternative(l, WARD_ITEM_COMMA);
		return WARD_OK;
	default: return plain(l);
	}
}

static int check_bytes(const struct lexer *l)
{
	const char *nul = memchr(l->text.s, '\0', l->text.n);

	if (nul != NULL)
		return fail(l, (size_t)(nul - l->text.s), "a NUL character", "take it out");
	for (size_t at = 0, width; at < l->text.n; at += width) {
		if (ward_char_at(l->text, at, &width) == WARD_CHAR_BYTE)
			return fail(l, at, "not UTF-8",
				"a name that is not UTF-8 is matched by \"?\" and \"*\"");
	}
	return WARD_OK;
}

int ward_pattern_lex(struct ward_arena *a, struct ward_str text, enum ward_grammar g,
	struct ward_item *items, size_t *ret_n, size_t *ret_alternatives,
	struct ward_pattern_error *bad)
{
	struct lexer l = { .arena = a, .text = text, .items = items, .bad = bad };
	int r = check_bytes(&l);

	l.group[0].product = 1;
	while (r == WARD_OK && l.at < text.n)
		r = item(&l, g);
	if (r < 0)
		return r;
	if (l.depth > 0)
		return fail(&l, items[l.group[l.depth].open].offset, "\"{\" is not closed",
			"add \"}\", or write \\{ for a literal \"{\"");
	*ret_n = l.n;
	*ret_alternatives = l.group[0].product;
	return WARD_OK;
}

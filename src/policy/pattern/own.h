/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What patterns are made of; private to policy/pattern.
 *
 * A pattern is a list of alternatives, which its braces stand for; an alternative is a list of components; a component is
 * literal bytes, "**", or a list of tokens. What is in here was checked once by lex.c and compile.c and is never looked at with
 * doubt again: a literal is neither empty nor "." nor "..", two "**" are never neighbours, two "*" neither.
 */
#pragma once

#include "policy/pattern/pattern.h"

/* ---- range.c: characters and sets of them ---- */

/* A byte of a path that is part of no code point; it stands for all of them, as no set holds some and not others. */
#define WARD_CHAR_BYTE 0x110000u
#define WARD_CHAR_LAST WARD_CHAR_BYTE

struct ward_range {
	uint32_t first, last;
};
/* Sorted, apart from each other; without "/", NUL and surrogates, which no path holds. */
struct ward_ranges {
	uint32_t n;
	struct ward_range v[];
};

/* The character at s.s[at], at < s.n; *width is its length. */
uint32_t ward_char_at(struct ward_str s, size_t at, size_t *width);
size_t ward_char_put(uint32_t c, char out[4]);
bool ward_ranges_hold(const struct ward_ranges *r, uint32_t c);
/* v (n of them, any order, changed) or all that is not in it; NULL: no memory. */
const struct ward_ranges *ward_ranges_make(struct ward_arena *a, struct ward_range *v, size_t n, bool negated);

enum ward_token_kind { WARD_TOKEN_CHAR = 0, WARD_TOKEN_CLASS, WARD_TOKEN_ANY, WARD_TOKEN_STAR };

struct ward_token {
	enum ward_token_kind kind;
	uint32_t c;                        /* CHAR */
	const struct ward_ranges *ranges;  /* CLASS; ANY and STAR have none: every character */
};

bool ward_token_holds(const struct ward_token *t, uint32_t c);
/* What both hold: a "."? something else? Steps taken are added to *steps. */
void ward_token_meet(const struct ward_token *a, const struct ward_token *b, bool *dot, bool *other, size_t *steps);

/* ---- lex.c: a text as items, each good by itself, braces paired and counted ---- */

enum ward_item_kind {
	WARD_ITEM_TOKEN = 0,
	WARD_ITEM_SLASH,
	WARD_ITEM_DEEP,                    /* "**" */
	WARD_ITEM_OPEN,
	WARD_ITEM_COMMA,
	WARD_ITEM_CLOSE
};

struct ward_item {
	enum ward_item_kind kind;
	uint32_t offset;                   /* in the text */
	struct ward_token token;
	uint32_t next;                     /* OPEN, COMMA: the COMMA or CLOSE that ends the alternative that begins here */
	uint32_t close;                    /* OPEN, COMMA, CLOSE: the CLOSE of the group */
	uint32_t choice;                   /* OPEN: which alternative is taken now; compile.c's */
};

/* items has room for text.n; classes live in a. *ret_alternatives: what the braces stand for, at least 1. */
int ward_pattern_lex(struct ward_arena *a, struct ward_str text, enum ward_grammar g, struct ward_item *items, size_t *ret_n,
	size_t *ret_alternatives, struct ward_pattern_error *bad);
/* Fill bad (may be NULL) but for the column; returns code. */
int ward_pattern_bad(struct ward_pattern_error *bad, int code, size_t offset, const char *what, const char *fix);

/* ---- compile.c ---- */

enum ward_component_kind { WARD_COMPONENT_LITERAL = 0, WARD_COMPONENT_WILD, WARD_COMPONENT_DEEP };

struct ward_component {
	enum ward_component_kind kind;
	bool simple;                       /* WILD: prefix, one star, suffix, and nothing else */
	bool all;                          /* WILD: it matches each name: "*", "?*"; what stands for any is matched by no other */
	uint64_t hash;                     /* equal ones have equal hashes */
	struct ward_str prefix, suffix;    /* LITERAL: all of it is prefix. WILD: the characters before and behind all others */
	size_t least;                      /* bytes that a match has at least */
	const struct ward_token *v;        /* WILD */
	uint32_t n;
	uint32_t middle, n_middle;         /* WILD: the tokens between prefix and suffix */
};

struct ward_alternative {
	const struct ward_component *v;
	uint32_t n;
	bool never;                        /* a component of it matches no name */
};

struct ward_pattern {
	struct ward_str text;
	bool absolute;
	uint32_t n;
	const struct ward_alternative *v;
};

bool ward_component_equal(const struct ward_component *a, const struct ward_component *b);

/* ---- match.c ---- */

/* Does name, which ward_path_next() found in path, stand for any? */
bool ward_path_is_any(struct ward_str path, struct ward_str name);
/* Of a name that is neither empty nor "." nor ".." and holds no "/". DEEP matches each. */
bool ward_component_match(const struct ward_component *c, struct ward_str name);
/* The next component at *at, which then stands behind it; false: there is none. "." and empty ones do not count. */
bool ward_path_next(struct ward_str path, size_t *at, struct ward_str *ret);
/* Is this a path that patterns can match: not empty, no NUL, no ".."? */
bool ward_path_is_plain(struct ward_str path);
uint64_t ward_name_hash(const char *s, size_t n);

/* ---- overlap.c, cover.c ---- */

/* Could one name match both? Neither is DEEP. Over the bound: true. */
bool ward_component_overlap(const struct ward_component *a, const struct ward_component *b, size_t *steps);
/* Could one path match both, were both absolute? Over the bound: true. */
bool ward_alternative_overlap(const struct ward_alternative *a, const struct ward_alternative *b, size_t *steps);
/* Does a match each name that b does? Neither is DEEP. Over a bound: false. */
bool ward_component_covers(const struct ward_component *a, const struct ward_component *b, size_t *steps);
extern const struct ward_component ward_component_star; /* "*" */

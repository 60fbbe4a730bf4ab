/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/pattern: file patterns of both grammars (docs/spec/patterns.md), single ones and sets. Pure; nothing looks at a file
 * system, nothing recurses, and every bound is in base/limits.h.
 *
 * What matches what. A pattern and a path are both absolute or both relative; empty components, "." and a "/" at the end do not count
 * on either side (but see WARD_ANY_NAME); a path that holds ".." or NUL is matched by nothing. A character is a code point; a byte of
 * a path that is part of none is a character too, which "?", "*" and "[!...]" match and no list of characters does. Case differs.
 *
 * Patterns are immutable once made and may be shared by threads; so may sets once built.
 */
#pragma once

#include "base/base.h"

/* 0 is no grammar, and an error. */
enum ward_grammar { WARD_GRAMMAR_NONE = 0, WARD_GRAMMAR_1 = 1, WARD_GRAMMAR_2 = 2 };

/*
 * In the place of the last names of a path it stands for all names in a directory that no pattern tells apart ("/dir/" WARD_ANY_NAME,
 * and behind it "/" WARD_ANY_NAME). So it is matched by what matches each name ("*", "?*", "**"), and not by what some names match and
 * others do not, however many ("[!a]*", "????*"). No name is safe from being a file's, so it is one with an empty component behind it,
 * which no normalised path has; and no UTF-8, which what a policy writes is. A file of that name is a name as any other.
 */
#define WARD_ANY_NAME "\001\377/"
/* The bytes of path before the first "/" WARD_ANY_NAME; without one all of it. */
size_t ward_path_known(struct ward_str path);

struct ward_pattern;

/* Why a text is no pattern. what and fix are constant texts of one line, fix never NULL; at the offset, in bytes from 0. */
struct ward_pattern_error {
	int code;                    /* WARD_E_PARSE, WARD_E_LIMIT, WARD_E_NOMEM, WARD_E_INVALID: no such grammar */
	const char *what, *fix;
	size_t offset;
	uint32_t column;             /* the same in characters, from 1 */
};

/*
 * One text. The pattern lives in a, with a copy of the text; *ret is set only on success. bad may be NULL. At most
 * WARD_PATTERN_BYTES_MAX bytes; UTF-8; no NUL, no component "..". "~" and control characters are the caller's to refuse.
 */
int ward_pattern_compile(struct ward_arena *a, struct ward_str text, enum ward_grammar g, const struct ward_pattern **ret,
	struct ward_pattern_error *bad);
/* The same, for the error alone. */
int ward_pattern_check(struct ward_str text, enum ward_grammar g, struct ward_pattern_error *bad);
/* Fill err (may be NULL): `pattern "TEXT", column 3: WHAT; FIX`. Returns bad->code. The place is the caller's to add. */
int ward_pattern_fail(const struct ward_pattern_error *bad, struct ward_str text, struct ward_error *err);

struct ward_str ward_pattern_text(const struct ward_pattern *p); /* as it was given */
bool ward_pattern_is_absolute(const struct ward_pattern *p);

/* text of grammar 1 as grammar 2 writes it: [ ] { } \ are escaped. What is no pattern stays none. */
void ward_pattern_escape1(struct ward_buf *out, struct ward_str text);
/* A path as a pattern of grammar 2 that matches it alone: * and ? are escaped as well. For workspaces before patterns. */
void ward_pattern_escape(struct ward_buf *out, struct ward_str path);

/* ---- one pattern ---- */

/* At most alternatives x length of the pattern x length of the path steps. */
bool ward_pattern_match(const struct ward_pattern *p, struct ward_str path);
/* Could anything strictly below dir match? Exact: for pruning a walk. */
bool ward_pattern_may_match_below(const struct ward_pattern *p, struct ward_str dir);
/* True: no path at all matches it, as for "[.]". Exact. */
bool ward_pattern_never(const struct ward_pattern *p);
/*
 * The directory that every match is or lies in, as text of a path and not of a pattern: "/a/b" for "/a/b/ *.c" and for
 * "/a/b/" and two stars, "/a" for the plain "/a/b", what all alternatives share for "/a/{b,c}/d". "." for a relative pattern
 * without one, "/" for an absolute one. Size WARD_PATH_MAX: WARD_OK, or WARD_E_LIMIT.
 */
int ward_pattern_prefix(const struct ward_pattern *p, char *out, size_t size);
/* True for a pattern that is P and all below, for a path P: the grant of a directory. out gets P ("." and "/" too). */
bool ward_pattern_is_subtree(const struct ward_pattern *p, char *out, size_t size);
/* True for a pattern that matches one path and nothing else by its form: no star, no class, one alternative. out gets it. */
bool ward_pattern_is_literal(const struct ward_pattern *p, char *out, size_t size);

/* The last byte of every path that matches, if all have the same there; else NUL. */
char ward_pattern_ending(const struct ward_pattern *p);

/* The patterns without braces that p stands for, at least one; each as normalised text of grammar 2. */
size_t ward_pattern_alternatives(const struct ward_pattern *p);
void ward_pattern_alternative(const struct ward_pattern *p, size_t i, struct ward_buf *out);

/* ---- two patterns ---- */

/*
 * Could one path match both? Exact, and without memory; over WARD_PATTERN_STEPS_MAX steps the answer is true, which is the
 * safe one for "does this exception matter". Paths of any length count.
 */
bool ward_pattern_overlap(const struct ward_pattern *a, const struct ward_pattern *b);
/*
 * Does every path that b matches match a? True is always right. False may be wrong: where only several components of a
 * together ("[a-m]*", "[!a-m]*") cover one of b, and over the bounds that docs/spec/patterns.md lists.
 */
bool ward_pattern_covers(const struct ward_pattern *a, const struct ward_pattern *b);

/* ---- many patterns ---- */

struct ward_patterns;

struct ward_patterns *ward_patterns_new(void);        /* NULL: no memory */
void ward_patterns_free(struct ward_patterns *s);     /* NULL ok */
/* Its number is how many were added before. err is filled as by ward_pattern_fail(). At most WARD_PATTERNS_MAX. */
int ward_patterns_add(struct ward_patterns *s, struct ward_str text, enum ward_grammar g, struct ward_error *err);
/* The same of one that is compiled, which outlives the set. */
int ward_patterns_take(struct ward_patterns *s, const struct ward_pattern *p, struct ward_error *err);
/* After the last one, once. WARD_E_NOMEM, WARD_E_LIMIT; then the set is only good for being freed. */
int ward_patterns_build(struct ward_patterns *s, struct ward_error *err);
size_t ward_patterns_count(const struct ward_patterns *s);
const struct ward_pattern *ward_patterns_get(const struct ward_patterns *s, size_t i); /* lives as long as s */

/*
 * The numbers of all patterns that match path, ascending, in out, which has room for ward_patterns_count(); returns how many.
 * scratch is ward_patterns_scratch_size() bytes, aligned as malloc() does, of the caller's and one thread's at a time; what
 * is in it does not matter, before or after. No allocation. A set that was not built matches nothing.
 */
size_t ward_patterns_scratch_size(const struct ward_patterns *s);
size_t ward_patterns_match(const struct ward_patterns *s, struct ward_str path, void *scratch, uint32_t *out);

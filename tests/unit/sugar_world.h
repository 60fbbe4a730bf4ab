/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random documents and capabilities, for what they mean to be compared with what is written of it (test_sugar.c): few names, which
 * often meet, patterns of each grammar, lists that begin with all.
 */
#pragma once

#include <stdio.h>

#include "judge_util.h"
#include "tap.h"

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* ---- random texts ---- */

#define TEXT 96
#define RULES 7
#define DOCS 3
#define PROGRAMS 3
#define CAPS 4

static const char *const names1[] = { "a", "b", "c", "ab", ".a", "*", "*", "?", "a*", "*b", "?b",
	"[ab]", "{a,b}", "a.c", "*.c", "\xc3\xa9", "a*b*", "[!a]" };
static const char *const names2[] = { "[ab]", "[!a]", "{a,b}", "a[b-c]", "{a,b*}", "\\*", "\\[ab]",
	"[^b]*", "{,a}b", "[]a]", "{a,{b,c}}", "*.{c,h}", "[*?]" };
static const char *const path_names[] = { "a", "b", "c", "ab", "ac", ".a", "[ab]", "{a,b}", "a.c",
	"x.c", "x.h", "\xc3\xa9", "aab", "*", "\xff", "]", "xb", "b" };

static const char *a_name(unsigned grammar)
{
	return grammar == 2 && rnd(2) ? names2[rnd(WARD_ARRAY_SIZE(names2))]
				      : names1[rnd(WARD_ARRAY_SIZE(names1))];
}

static void a_pattern(char out[TEXT], unsigned grammar)
{
	struct ward_buf b = WARD_BUF_INIT;
	unsigned n = 1 + rnd(4);

	if (rnd(12) == 0)
		ward_buf_adds(&b, "./");
	for (unsigned i = 0; i < n; i++) {
		ward_buf_adds(&b, i > 0 ? "/" : "");
		if (grammar == 2 && rnd(12) == 0)
			ward_buf_adds(&b, rnd(2) ? "{a/b,c}" : "{a,b/**}");
		else if (rnd(n > 1 ? 3 : 6) == 0)
			ward_buf_adds(&b, "**");
		else
			ward_buf_adds(&b, a_name(grammar));
	}
	if (rnd(3) == 0)
		ward_buf_adds(&b, "/**");
	snprintf(out, TEXT, "%s", rnd(16) == 0 ? "." : ward_buf_cstr(&b));
	ward_buf_done(&b);
}

/* Relative to the workspace, normalised. */
static void a_path(char out[TEXT])
{
	unsigned n = rnd(5);
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, TEXT - at, "%s%s", i > 0 ? "/" : "",
			path_names[rnd(WARD_ARRAY_SIZE(path_names))]);
	if (n == 0)
		snprintf(out, TEXT, ".");
}

/* ---- what was generated ---- */

struct list {
	char p[2 * RULES][TEXT];
	bool negated[2 * RULES];
	unsigned n, grammar;
};
struct doc {
	enum ward_layer layer;
	unsigned grammar;
	bool defines; /* the profile that is asked for */
	struct list own[WARD_DOC_OP_MAX], base[WARD_DOC_OP_MAX], deny[WARD_DOC_OP_MAX];
	const char *allow[PROGRAMS], *deny_exec[PROGRAMS];
	bool env[3]; /* A B C */
};
struct world {
	struct doc docs[DOCS];
	unsigned n_docs;
	bool profile; /* one is asked for */
	bool trusted;
	struct ward_cap caps[CAPS];
	char cap_text[CAPS][TEXT];
	unsigned n_caps;
};

static const char *const programs[] = { "/usr/bin/git", "/usr/bin/gcc", "/usr/bin/**", "/opt/x/**",
	"*", "git", "/opt/run" };
static const char *const program_paths[] = { "/usr/bin/git", "/usr/bin/gcc", "/opt/x/y/z",
	"/bin/sh", "/opt/run", "/usr/bingit" };

static const char *find_program(const char *name, struct ward_arena *a, void *arg)
{
	(void)a, (void)arg;
	return ward_streq(name, "git") ? "/usr/bin/git" : NULL;
}

static void a_list(struct list *l, unsigned grammar, unsigned most, bool negations)
{
	l->n = rnd(most + 1);
	l->grammar = grammar;
	for (unsigned i = 0; i < l->n; i++) {
		a_pattern(l->p[i], grammar);
		l->negated[i] = negations && rnd(3) == 0;
	}
}

/* All first, so that what follows is covered. */
static void begin_with_all(struct list *l, unsigned grammar)
{
	l->n += l->n == 0;
	l->grammar = grammar;
	snprintf(l->p[0], TEXT, "**");
	l->negated[0] = false;
}

static void a_doc(struct doc *d, enum ward_layer layer)
{
	*d = (struct doc){ .layer = layer, .grammar = 1 + rnd(2), .defines = rnd(4) > 0 };
	a_list(&d->own[WARD_DOC_READ], d->grammar, RULES, true);
	if (rnd(4) > 0)
		begin_with_all(&d->own[WARD_DOC_READ], d->grammar);
	a_list(&d->own[WARD_DOC_MODIFY], d->grammar, RULES, true);
	if (rnd(3) == 0) {
		a_list(&d->base[WARD_DOC_READ], d->grammar, 3, true);
		begin_with_all(&d->base[WARD_DOC_READ], d->grammar);
		a_list(&d->base[WARD_DOC_MODIFY], d->grammar, 3, true);
	}
	a_list(&d->deny[WARD_DOC_READ], d->grammar, rnd(2) * 2, false);
	a_list(&d->deny[WARD_DOC_MODIFY], d->grammar, rnd(2) * 4, true);
	for (unsigned i = 0; i < PROGRAMS; i++) {
		d->allow[i] = rnd(2) ? programs[rnd(WARD_ARRAY_SIZE(programs))] : NULL;
		d->deny_exec[i] = rnd(4) == 0 ? programs[rnd(WARD_ARRAY_SIZE(programs))] : NULL;
		d->env[i] = rnd(2);
	}
}

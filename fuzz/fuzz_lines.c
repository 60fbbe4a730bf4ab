/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Sold\0new" through the search for lines that are gone and new (src/workspace/diff/lines.c); S bounds its steps. Whatever it finds: what is
 * not gone of the old is what is not new of the new, line by line, so that either can be made of the other; and where the steps suffice
 * for it, no longer common part exists (small inputs, against the textbook's table).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/diff/diff.h"

#define SMALL 48 /* lines: below COST_MIN, so that no box is divided before its middle is found */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_lines.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	size_t n = a->at[i + 1] - a->at[i];

	return n == b->at[j + 1] - b->at[j] && memcmp(a->s + a->at[i], b->s + b->at[j], n) == 0;
}

/* The lines are all of the text, and each but the last ends where it says so. */
static void check_cut(const struct lines *l, const char *s, size_t n)
{
	MUST(l->at[0] == 0 && l->at[l->n] == n);
	for (size_t i = 0; i < l->n; i++) {
		const char *nl = memchr(s + l->at[i], '\n', n - l->at[i]);

		MUST(l->at[i] < l->at[i + 1]);
		MUST(l->at[i + 1] == (nl ? (size_t)(nl - s) + 1 : n));
	}
}

/* What both have, in its order: then the one is made of the other by what is gone and what is new. */
static size_t check_common(const struct compared *c)
{
	size_t i = 0, j = 0, common = 0;

	for (;; i++, j++, common++) {
		while (i < c->a.n && c->a.changed[i])
			i++;
		while (j < c->b.n && c->b.changed[j])
			j++;
		if (i == c->a.n || j == c->b.n)
			break;
		MUST(same_line(&c->a, i, &c->b, j));
	}
	MUST(i == c->a.n && j == c->b.n);
	return common;
}

static size_t longest(const struct compared *c)
{
	static size_t t[SMALL + 1][SMALL + 1];

	for (size_t i = 0; i <= c->a.n; i++)
		for (size_t j = 0; j <= c->b.n; j++)
			if (i == 0 || j == 0)
				t[i][j] = 0;
			else if (same_line(&c->a, i - 1, &c->b, j - 1))
				t[i][j] = t[i - 1][j - 1] + 1;
			else
				t[i][j] = t[i - 1][j] > t[i][j - 1] ? t[i - 1][j] : t[i][j - 1];
	return t[c->a.n][c->b.n];
}

static void check(const struct content *a, const struct content *b, uint64_t steps)
{
	struct comparing how;
	struct compared c;
	size_t n_new, n_gone, common;

	MUST(ward_diff_comparing(&how) == WARD_OK);
	how.steps = steps;
	MUST(ward_diff_compare(a, b, &how, &c) == WARD_OK);
	check_cut(&c.a, a->s, a->n);
	check_cut(&c.b, b->s, b->n);
	common = check_common(&c);
	ward_diff_count(&c, &n_new, &n_gone);
	MUST(n_new == c.b.n - common && n_gone == c.a.n - common);
	MUST(how.steps <= steps);
	if (steps > UINT32_MAX && c.a.n <= SMALL && c.b.n <= SMALL)
		MUST(common == longest(&c));
	ward_diff_compare_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data + 1, *nul = size > 0 ? memchr(s, '\0', size - 1) : NULL;
	struct content a = { .what = LOADED_TEXT }, b = { .what = LOADED_TEXT };

	if (!nul)
		return 0;
	a.s = s;
	a.n = (size_t)(nul - s);
	b.s = nul + 1;
	b.n = size - 2 - a.n;
	check(&a, &b, UINT64_MAX);
	check(&b, &a, data[0]);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nearest of some words by edit distance over characters, whatever it is: the language's own tools always suggest
 * one. Bounded: long words take no part, and after some million steps for one policy the best so far is it.
 */
#include <string.h>

#include "cedar/validate/check.h"

/* The characters of valid UTF-8. false: more than fit. */
static bool decode(struct ward_str s, uint32_t out[NEAREST_MAX], uint32_t *ret_n)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.s[i];

		if ((c & 0xc0) == 0x80 && n > 0) {
			out[n - 1] = out[n - 1] << 6 | (c & 0x3f);
			continue;
		}
		if (n == NEAREST_MAX)
			return false;
		out[n++] = c;
	}
	*ret_n = n;
	return true;
}

bool ward_cedar_nearest_begin(struct checker *c, struct nearest *s, struct ward_str word)
{
	s->distance = UINT32_MAX;
	s->c = c;
	return word.n > 0 && decode(word, s->word, &s->n);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

bool ward_cedar_nearest_try(struct nearest *s, struct ward_str candidate)
{
	uint32_t other[NEAREST_MAX], row[NEAREST_MAX + 1], n;

	if (!decode(candidate, other, &n) || s->c->suggesting < (uint64_t)n * s->n)
		return false;
	s->c->suggesting -= (uint64_t)n * s->n;
	for (uint32_t i = 0; i <= s->n; i++)
		row[i] = i;
	for (uint32_t j = 1; j <= n; j++) {
		uint32_t diagonal = row[0];

		row[0] = j;
		for (uint32_t i = 1; i <= s->n; i++) {
			uint32_t above = row[i];

			row[i] = s->word[i - 1] == other[j - 1]
				? diagonal
				: 1 + least(least(above, row[i - 1]), diagonal);
			diagonal = above;
		}
	}
	if (row[s->n] >= s->distance)
		return false;
	s->distance = row[s->n];
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * like: what stands before the first wildcard and behind the last is compared in place; what stands between two is searched
 * for from left to right, the earliest place being as good as any. Searching is linear (memmem), so all of it is, whatever
 * text and pattern are. No recursion, no allocation. Bytes are compared, not characters: in valid UTF-8 a match of whole
 * characters is one of their bytes, and the other way round.
 */
#include <string.h>

#include "cedar/value/value.h"

/* Up to the next wildcard, or to the end. */
static size_t piece(const char *p, const char *end)
{
	const char *star = p < end ? memchr(p, CEDAR_WILDCARD, (size_t)(end - p)) : NULL;

	return (size_t)((star != NULL ? star : end) - p);
}

bool ward_cedar_like(struct ward_str s, const struct cedar_str *pattern)
{
	const char *p = pattern->s, *p_end = p + pattern->n;
	const char *t = s.s, *t_end = t + s.n;
	size_t n = piece(p, p_end);

	if (n > s.n || (n > 0 && memcmp(p, t, n) != 0))
		return false;
	if (n == pattern->n)
		return n == s.n;
	for (;;) {
		t += n;
		p += n + 1; /* behind a wildcard */
		n = piece(p, p_end);
		if (n > (size_t)(t_end - t))
			return false;
		if (p + n == p_end)
			return n == 0 || memcmp(p, t_end - n, n) == 0;
		if (n == 0)
			continue;
		t = memmem(t, (size_t)(t_end - t), p, n);
		if (t == NULL)
			return false;
	}
}

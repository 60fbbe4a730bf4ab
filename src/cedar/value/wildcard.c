/* SPDX-License-Identifier: Apache-2.0 */
/*
 * like: two pointers and the place to go back to, the latest wildcard. No recursion, no allocation. Bytes are compared, not
 * characters: in valid UTF-8 a match of whole characters is one of their bytes, and the other way round.
 */
#include <string.h>

#include "cedar/value/value.h"

bool ward_cedar_like(struct ward_str s, const struct cedar_str *pattern)
{
	const char *p = pattern->s, *p_end = p + pattern->n;
	const char *t = s.s, *t_end = t + s.n;
	const char *p_back = NULL, *t_back = NULL;

	while (t < t_end) {
		if (p < p_end && *p == CEDAR_WILDCARD) {
			p_back = ++p;
			t_back = t;
			if (p == p_end)
				return true;
		} else if (p < p_end && *p == *t) {
			p++;
			t++;
		} else if (p_back != NULL) {
			p = p_back;
			/* What follows the wildcard can begin only where its first byte is. */
			t_back = memchr(t_back + 1, *p, (size_t)(t_end - t_back - 1));
			if (t_back == NULL)
				return false;
			t = t_back;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == CEDAR_WILDCARD)
		p++;
	return p == p_end;
}

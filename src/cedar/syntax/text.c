/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts between quotes: what their escapes mean. Those of Rust's string literals without the line continuation, which the
 * lexer does not let through; in patterns, \* is a star and a star is the wildcard, however the star was written. Every
 * wrong escape of a text is noted, not only the first.
 */
#include <string.h>

#include "cedar/syntax/parser.h"

static void wrong(struct parser *p, uint32_t start, uint32_t end)
{
	char part[SNIPPET_MAX];

	NOTE(p, start, end, "the input `%s` is not a valid escape",
		ward_cedar_verbatim(p, start, end, part));
	if (p->text.s[start] == '\r')
		HELP(p, "write it as \\r");
	else
		HELP(p,
			"escapes are \\n \\r \\t \\0 \\\\ \\\" \\' \\x41 \\u{1F600}; "
			"\\* is one in patterns of `like` only");
}

/* Nothing gets longer by being read, so there is room for all of it. Returns how long it is; SIZE_MAX: noted. */
static size_t decode(struct parser *p, uint32_t start, uint32_t end, bool pattern, char *out)
{
	const char *s = p->text.s;
	size_t n = 0, before = p->errors;
	uint32_t c;

	for (uint32_t i = start; i < end;) {
		size_t length = 1;

		if (s[i] == '\\') {
			length = ward_cedar_unescape(s + i, end - i, &c);
			if (pattern && s[i + 1] == '*')
				out[n++] = '*';
			else if (pattern && c == '*')
				out[n++] = CEDAR_WILDCARD;
			else if (c != CEDAR_NO_CHARACTER)
				n += ward_cedar_utf8_put(c, out + n);
			else
				wrong(p, i, (uint32_t)(i + length));
		} else if (s[i] == '\r') {
			wrong(p, i, i + 1);
		} else {
			out[n++] = pattern && s[i] == '*' ? CEDAR_WILDCARD : s[i];
		}
		i += (uint32_t)length;
	}
	return p->errors > before ? SIZE_MAX : n;
}

static bool text(struct parser *p, uint32_t start, uint32_t end, bool pattern,
	const struct cedar_str **ret)
{
	size_t from = p->top, n = end - start;

	*ret = NULL;
	if (!ward_cedar_push(p, NULL, n))
		return false;
	n = decode(p, start, end, pattern, p->stack + from);
	if (n != SIZE_MAX)
		*ret = ward_cedar_intern(p->pool, p->stack + from, n);
	p->top = from;
	return *ret != NULL || n == SIZE_MAX || ward_cedar_no_memory(p);
}

bool ward_cedar_string(struct parser *p, uint32_t start, uint32_t end, bool escaped,
	const struct cedar_str **ret)
{
	if (escaped)
		return text(p, start + 1, end - 1, false, ret);
	*ret = ward_cedar_intern(p->pool, p->text.s + start + 1, end - start - 2);
	return *ret != NULL || ward_cedar_no_memory(p);
}

bool ward_cedar_pattern(struct parser *p, uint32_t start, uint32_t end, bool escaped,
	const struct cedar_str **ret)
{
	if (!escaped && memchr(p->text.s + start, '*', end - start) == NULL)
		return ward_cedar_string(p, start, end, false, ret);
	return text(p, start + 1, end - 1, true, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts between quotes: what their escapes mean. Those of Rust's string literals without the line continuation, which the
 * lexer does not let through; in patterns, \* is a star and a star is the wildcard, however the star was written. Every
 * wrong escape of a text is noted, not only the first.
 */
#include <string.h>

#include "cedar/syntax/parser.h"

#define NONE UINT32_MAX

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

static size_t width(char first)
{
	unsigned char c = (unsigned char)first;

	return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* \xHH: what is read of it, up to the first character that is no digit. */
static size_t hex(const char *s, size_t n, uint32_t *ret)
{
	unsigned value = 0;

	for (size_t i = 2; i < 4; i++) {
		if (i >= n)
			return n;
		if (digit(s[i]) > 15)
			return i + width(s[i]);
		value = value * 16 + digit(s[i]);
	}
	if (value <= 0x7f)
		*ret = value;
	return 4;
}

/* \u{H...}: one to six digits, underscores between them. */
static size_t unicode(const char *s, size_t n, uint32_t *ret)
{
	uint32_t value = 0;
	size_t digits = 0, i = 2;

	if (i >= n || s[i] != '{')
		return i < n ? i + width(s[i]) : n;
	for (i = 3; i < n; i++) {
		if (s[i] == '_' && digits > 0)
			continue;
		if (s[i] == '}')
			break;
		if (digit(s[i]) > 15)
			return i + width(s[i]);
		if (++digits <= 6)
			value = value * 16 + digit(s[i]);
	}
	if (i >= n)
		return n;
	if (digits > 0 && digits <= 6 && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff))
		*ret = value;
	return i + 1;
}

/* Length of the escape at s, of which there are n > 1 bytes, and its character, or NONE. */
static size_t escape(const char *s, size_t n, uint32_t *ret)
{
	static const char from[] = "\"nrt\\0'", to[] = "\"\n\r\t\\\0'";
	const char *at = s[1] != '\0' ? strchr(from, s[1]) : NULL;

	*ret = NONE;
	if (at != NULL) {
		*ret = (unsigned char)to[at - from];
		return 2;
	}
	if (s[1] == 'x')
		return hex(s, n, ret);
	if (s[1] == 'u')
		return unicode(s, n, ret);
	return 1 + width(s[1]);
}

static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

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
			length = escape(s + i, end - i, &c);
			if (pattern && s[i + 1] == '*')
				out[n++] = '*';
			else if (pattern && c == '*')
				out[n++] = CEDAR_WILDCARD;
			else if (c != NONE)
				n += encode(c, out + n);
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

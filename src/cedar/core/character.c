/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters of both languages, of policies and of schemas: what UTF-8 is, which blanks there are beyond ASCII, what the
 * escapes of texts mean: those of Rust's string literals without the line continuation, which the lexers do not let through.
 */
#include <string.h>

#include "cedar/core/core.h"

/* Length of the character, 0 where it is none. Least and greatest second byte: Table 3-7 of Unicode. */
static size_t character(const unsigned char *s, size_t n)
{
	unsigned char a = s[0];
	size_t length = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
	unsigned char low = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
	unsigned char high = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;

	if (a < 0xc2 || a > 0xf4 || n < length || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

size_t ward_cedar_utf8_end(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0;

	while (i < n) {
		uint64_t eight;
		size_t length;

		while (n - i >= sizeof(eight)) {
			memcpy(&eight, u + i, sizeof(eight));
			if ((eight & 0x8080808080808080u) != 0)
				break;
			i += sizeof(eight);
		}
		while (i < n && u[i] < 0x80)
			i++;
		if (i == n)
			break;
		length = character(u + i, n - i);
		if (length == 0)
			return i;
		i += length;
	}
	return n;
}

static unsigned char at_byte(struct ward_str text, size_t i)
{
	return i < text.n ? (unsigned char)text.s[i] : 0;
}

uint32_t ward_cedar_blank(struct ward_str text, size_t i)
{
	unsigned char a = at_byte(text, i), b = at_byte(text, i + 1), c = at_byte(text, i + 2);

	if (a == 0xc2)
		return b == 0x85 || b == 0xa0 ? 2 : 0;
	if (a == 0xe1)
		return b == 0x9a && c == 0x80 ? 3 : 0;
	if (a == 0xe2 && b == 0x80)
		return (c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf ? 3 : 0;
	if (a == 0xe2 && b == 0x81)
		return c == 0x9f ? 3 : 0;
	return a == 0xe3 && b == 0x80 && c == 0x80 ? 3 : 0;
}

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

size_t ward_cedar_unescape(const char *s, size_t n, uint32_t *ret)
{
	static const char from[] = "\"nrt\\0'", to[] = "\"\n\r\t\\\0'";
	const char *at = s[1] != '\0' ? strchr(from, s[1]) : NULL;

	*ret = CEDAR_NO_CHARACTER;
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

size_t ward_cedar_utf8_put(uint32_t c, char *out)
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

size_t ward_cedar_string_end(struct ward_str text, size_t start, bool *ret_escaped)
{
	const char *s = text.s;
	size_t i = start + 1;

	for (; i < text.n && s[i] != '"'; i++) {
		if (s[i] == '\r') {
			*ret_escaped = true;
		} else if (s[i] == '\\') {
			*ret_escaped = true;
			if (++i >= text.n || s[i] == '\n')
				return 0;
		}
	}
	return i < text.n ? i + 1 : 0;
}

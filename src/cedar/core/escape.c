/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the language prints a text: the escapes of Rust's escape_debug. What a person would not see, or would see in another
 * place than where it is, is written as \u{...}; which characters those are stands in data/unicode/escape. A mark that
 * extends the character before it is escaped only where there is none before it: at the start of the text.
 */
#include <string.h>

#include "cedar/core/unicode.h"

enum escape_class { NEVER = 0, ALWAYS, AT_START };

/* The last entry whose character is not above c. The first entry is of character 0. */
uint32_t ward_cedar_table_find(const uint32_t *table, size_t n, uint32_t c)
{
	size_t low = 0;

	while (n > 1) {
		size_t half = n / 2;

		if (CEDAR_TABLE_FIRST(table[low + half]) <= c)
			low += half;
		n -= half;
	}
	return CEDAR_TABLE_VALUE(table[low]);
}

/* Texts are valid UTF-8 by contract; what is not is read as the replacement character and never over the end. */
size_t ward_cedar_decode(const char *s, size_t n, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t length = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t c = length == 1 ? u[0] : u[0] & (0x7fu >> length);

	if (length > n) {
		*ret = 0xfffd;
		return n;
	}
	for (size_t i = 1; i < length; i++)
		c = c << 6 | (u[i] & 0x3fu);
	*ret = c;
	return length;
}

static char letter(unsigned char c)
{
	switch (c) {
	case '\0': return '0';
	case '\t': return 't';
	case '\n': return 'n';
	case '\r': return 'r';
	case '"':
	case '\'':
	case '\\': return (char)c;
	default: return '\0';
	}
}

static bool plain(unsigned char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\'' && c != '\\';
}

static size_t escape_one(struct ward_buf *out, const char *s, size_t n, bool start)
{
	uint32_t c = 0, class;
	char escape = letter((unsigned char)*s);
	size_t length;

	if (escape != '\0') {
		ward_buf_add(out, (const char[]){ '\\', escape }, 2);
		return 1;
	}
	length = ward_cedar_decode(s, n, &c);
	class = ward_cedar_table_find(ward_cedar_escape_table, ward_cedar_escape_table_n, c);
	if (class == ALWAYS || (class == AT_START && start))
		ward_buf_addf(out, "\\u{%x}", (unsigned)c);
	else
		ward_buf_add(out, s, length);
	return length;
}

void ward_cedar_escape(struct ward_buf *out, struct ward_str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t from = i;

		while (i < s.n && plain((unsigned char)s.s[i]))
			i++;
		ward_buf_add(out, s.s + from, i - from);
		if (i < s.n)
			i += escape_one(out, s.s + i, s.n - i, i == 0);
	}
}

void ward_cedar_quote(struct ward_buf *out, struct ward_str s)
{
	ward_buf_addc(out, '"');
	ward_cedar_escape(out, s);
	ward_buf_addc(out, '"');
}

void ward_cedar_print_uid(struct ward_buf *out, const struct cedar_uid *uid)
{
	ward_buf_add(out, uid->type->s, uid->type->n);
	ward_buf_adds(out, "::");
	ward_cedar_quote(out, ward_cedar_text(uid->id));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person may be shown. Names, arguments and file contents come from the hostile side: a
 * control byte could drive the terminal, a bidi control could make a line read as another, an
 * invisible character could make two names look the same. All of them are shown as escapes, byte by
 * byte, so that the bytes can be told. Nothing is dropped and nothing is replaced.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

/* Ranges that are never shown as they are, in ascending order. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x0000, 0x001f }, /* C0 controls */
	{ 0x007f, 0x009f }, /* DEL, C1 controls */
	{ 0x00ad, 0x00ad }, /* soft hyphen */
	{ 0x034f, 0x034f }, /* combining grapheme joiner */
	{ 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x115f, 0x1160 }, /* Hangul fillers */
	{ 0x17b4, 0x17b5 }, /* Khmer inherent vowels */
	{ 0x180b, 0x180f }, /* Mongolian selectors and separator */
	{ 0x200b, 0x200f }, /* zero width, left-to-right and right-to-left marks */
	{ 0x2028, 0x202e }, /* line and paragraph separator, bidi embeddings and overrides */
	{ 0x2060, 0x206f }, /* word joiner, invisible operators, bidi isolates */
	{ 0x3164, 0x3164 }, /* Hangul filler */
	{ 0xd800, 0xf8ff }, /* surrogates, private use */
	{ 0xfdd0, 0xfdef }, /* noncharacters */
	{ 0xfe00, 0xfe0f }, /* variation selectors */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xffa0, 0xffa0 }, /* half-width Hangul filler */
	{ 0xfff0, 0xfffb }, /* unassigned, interlinear annotation */
	{ 0xfffe, 0xffff }, /* noncharacters */
	{ 0x13430, 0x13440 }, /* Egyptian format controls */
	{ 0x16fe4, 0x16fe4 }, /* Khitan filler */
	{ 0x1bca0, 0x1bca3 }, /* shorthand format controls */
	{ 0x1d159, 0x1d159 }, /* the null note */
	{ 0x1d173, 0x1d17a }, /* musical format controls */
	{ 0xe0000, 0x10ffff }, /* tags, selectors, private use */
};

static const char ELLIPSIS[] = "\xe2\x80\xa6";

bool ward_cp_printable(uint32_t cp)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(hidden) && cp >= hidden[i].first; i++) {
		if (cp <= hidden[i].last)
			return false;
	}
	return true;
}

/* The letter of the short escapes, or 0. */
static char short_escape(char c)
{
	switch (c) {
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	default: return '\0';
	}
}

size_t ward_escape_char(const char *s, size_t n, const char *special, char out[WARD_ESCAPE_MAX])
{
	uint32_t cp = 0;
	size_t length = ward_utf8_decode(s, n, &cp);
	char letter = short_escape(s[0]);

	if (length == 0) {
		(void)snprintf(out, WARD_ESCAPE_MAX, "\\x%02x", (unsigned)(uint8_t)s[0]);
		return 1;
	}
	if (letter != '\0' || (s[0] != '\0' && strchr(special, s[0]) != NULL)) {
		out[0] = '\\';
		out[1] = letter != '\0' ? letter : s[0];
		out[2] = '\0';
	} else if (ward_cp_printable(cp)) {
		memcpy(out, s, length);
		out[length] = '\0';
	} else {
		for (size_t i = 0; i < length; i++)
			(void)snprintf(out + 4 * i, 5, "\\x%02x", (unsigned)(uint8_t)s[i]);
	}
	return length;
}

size_t ward_escape_fixed(char *out, size_t size, const char *s, size_t n, const char *special)
{
	char piece[WARD_ESCAPE_MAX];
	size_t len = 0, cut = 0;

	for (size_t i = 0; i < n;) {
		size_t add;

		i += ward_escape_char(s + i, n - i, special, piece);
		add = strlen(piece);
		if (len + add >= size) {
			memcpy(out + cut, ELLIPSIS, sizeof(ELLIPSIS));
			return cut + sizeof(ELLIPSIS) - 1;
		}
		memcpy(out + len, piece, add);
		len += add;
		/* The last place from which an ellipsis would still fit. */
		if (len + sizeof(ELLIPSIS) <= size)
			cut = len;
	}
	out[len] = '\0';
	return len;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that read as other ones. More than what escape.c does not show as it is: a blank may be shown, and is none that is typed. And less:
 * a joiner is seen by what it does to the letters beside it.
 */
#include <string.h>

#include "base/base.h"
#include "base/text.h"

struct range {
	uint32_t first, last;
};

static bool is_in(const struct range *v, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++) {
		if (cp >= v[i].first && cp <= v[i].last)
			return true;
	}
	return false;
}

/* They look like a space, or like nothing. */
static bool is_blank(uint32_t cp)
{
	static const struct range blanks[] = { { 0xa0, 0xa0 }, { 0x1680, 0x1680 },
		{ 0x2000, 0x200a }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x2800, 0x2800 },
		{ 0x3000, 0x3000 } };

	return is_in(blanks, WARD_ARRAY_SIZE(blanks), cp);
}

/* Letters that look otherwise where a joiner stands between them: from Arabic to Myanmar, Khmer and Mongolian, and Arabic's later blocks. */
static bool is_joined(uint32_t cp)
{
	static const struct range letters[] = { { 0x0620, 0x0dff }, { 0x1000, 0x109f },
		{ 0x1780, 0x17b3 }, { 0x17b6, 0x180a }, { 0x1820, 0x18aa }, { 0xfb50, 0xfdcf },
		{ 0xfe70, 0xfefc } };

	return is_in(letters, WARD_ARRAY_SIZE(letters), cp);
}

static bool is_emoji(uint32_t cp)
{
	static const struct range emoji[] = { { 0xa9, 0xa9 }, { 0xae, 0xae }, { 0x203c, 0x203c },
		{ 0x2049, 0x2049 }, { 0x2122, 0x2122 }, { 0x2139, 0x2139 }, { 0x2190, 0x27ff },
		{ 0x2900, 0x2bff }, { 0x3030, 0x3030 }, { 0x303d, 0x303d }, { 0x3297, 0x3297 },
		{ 0x3299, 0x3299 }, { 0x1f000, 0x1faff } };

	return is_in(emoji, WARD_ARRAY_SIZE(emoji), cp);
}

#define ZWNJ 0x200cu
#define ZWJ 0x200du
#define AS_EMOJI 0xfe0fu /* variation selector 16 */
#define KEYCAP 0x20e3u

/* What honest names have: it is seen by what stands beside it. */
static bool is_seen(uint32_t before, uint32_t cp, uint32_t next)
{
	if (cp == AS_EMOJI)
		return is_emoji(before) ||
			(next == KEYCAP && before < 0x80 && before != '\0' &&
				strchr("0123456789#*", (int)before) != NULL);
	if (cp == ZWJ && (is_emoji(before) || before == AS_EMOJI) && is_emoji(next))
		return true;
	return (cp == ZWJ || cp == ZWNJ) && is_joined(before) && is_joined(next);
}

uint32_t ward_misread(const char *s)
{
	size_t n = strlen(s);
	uint32_t before = 0;

	for (size_t i = 0, length; i < n; i += length) {
		uint32_t cp = 0, next = 0;
		char c[4];

		length = ward_utf8_decode(s + i, n - i, &cp);
		if (length == 0)
			return (uint8_t)s[i];
		(void)ward_utf8_decode(s + i + length, n - i - length, &next);
		memcpy(c, s + i, length);
		if (is_blank(cp) || (!ward_shown_plain(c, length) && !is_seen(before, cp, next)))
			return cp;
		before = cp;
	}
	return 0;
}

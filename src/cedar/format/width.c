/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many columns a text takes: the sum of its characters' but for those that are shown as one. The text is read from its
 * end, since what follows a character may change it. Known are emoji with selectors, modifiers and joiners, Arabic lam-alef
 * and Khmer signs below; not the ligatures of rare scripts (Buginese, Tifinagh, Old Turkic, Kirat Rai, Lisu) nor flags of
 * tags. Nothing depends on it but where a line breaks.
 */
#include "cedar/core/unicode.h"
#include "cedar/format/layout.h"

/* What follows the character that is looked at. */
enum follower {
	PLAIN = 0,
	LINE_FEED,
	SELECTOR_16,
	SELECTOR_15,
	SELECTOR_2,
	EMOJI,
	JOINED,
	JOINED_16,
	MODIFIER,
	ALEF,
	COENG
};

#define ZWJ 0x200d

static bool is_modifier(uint32_t c)
{
	return c >= 0x1f3fb && c <= 0x1f3ff;
}

static bool is_lam(uint32_t c)
{
	return c == 0x644 || (c >= 0x6b5 && c <= 0x6b8) || c == 0x76a || c == 0x8a6 || c == 0x8c7;
}

/* By itself. */
static int alone(uint32_t c, uint32_t entry, enum follower *state)
{
	if (c == '\n')
		*state = LINE_FEED;
	else if (c == 0xfe0f)
		*state = SELECTOR_16;
	else if (c == 0xfe0e)
		*state = SELECTOR_15;
	else if (c == 0xfe01)
		*state = SELECTOR_2;
	else if (is_modifier(c))
		*state = MODIFIER;
	else if ((entry & CEDAR_WIDTH_EMOJI) != 0)
		*state = EMOJI;
	else if ((entry & CEDAR_WIDTH_ALEF) != 0)
		*state = ALEF;
	else if ((entry & CEDAR_WIDTH_COENG) != 0)
		*state = COENG;
	else
		*state = PLAIN;
	return c < 0xa0 ? 1 : (int)(entry & 3);
}

/* Columns that c adds before what *state says, which then says it of c. */
static int step(uint32_t c, uint32_t entry, enum follower *state)
{
	enum follower next = *state;

	if ((next == SELECTOR_16 || next == JOINED_16) && (entry & CEDAR_WIDTH_VS16) != 0) {
		*state = EMOJI;
		return next == JOINED_16 ? 0 : 2;
	}
	if (c == '\r' && next == LINE_FEED) {
		*state = PLAIN;
		return 0;
	}
	if (c == 0xfe0f && next == JOINED) {
		*state = JOINED_16;
		return 0;
	}
	if (next == SELECTOR_15 && (entry & CEDAR_WIDTH_VS15) != 0) {
		*state = PLAIN;
		return 1;
	}
	if (next == SELECTOR_2 && (c == 0x2018 || c == 0x2019 || c == 0x201c || c == 0x201d)) {
		*state = PLAIN;
		return 2;
	}
	if (next == MODIFIER && (entry & CEDAR_WIDTH_BASE) != 0) {
		*state = EMOJI;
		return 0;
	}
	if ((next == EMOJI || next == MODIFIER) && c == ZWJ) {
		*state = JOINED;
		return 0;
	}
	if (next == JOINED && (is_modifier(c) || (entry & CEDAR_WIDTH_EMOJI) != 0)) {
		*state = is_modifier(c) ? MODIFIER : EMOJI;
		return 0;
	}
	if (next == ALEF && is_lam(c)) {
		*state = PLAIN;
		return 0;
	}
	if (c == 0xfe0f || c == 0xfe0e || c == 0xfe01)
		return alone(c, entry, state);
	if ((next == ALEF && (entry & CEDAR_WIDTH_TRANSPARENT) != 0) ||
		(next == COENG && (entry & CEDAR_WIDTH_LIGATURE) != 0))
		return 0;
	if (next == COENG && c == 0x17d2) {
		*state = PLAIN;
		return -1;
	}
	return alone(c, entry, state);
}

size_t ward_cedar_width(struct ward_str s)
{
	enum follower state = PLAIN;
	int64_t columns = 0;
	size_t n = 0;

	while (n < s.n && (unsigned char)s.s[n] < 0x80)
		n++;
	if (n == s.n)
		return n;
	for (size_t i = s.n; i > 0;) {
		uint32_t c;

		for (i--; i > 0 && ((unsigned char)s.s[i] & 0xc0) == 0x80;)
			i--;
		(void)ward_cedar_decode(s.s + i, s.n - i, &c);
		columns += step(c,
			ward_cedar_table_find(ward_cedar_width_table, ward_cedar_width_table_n, c),
			&state);
	}
	return columns > 0 ? (size_t)columns : 0;
}

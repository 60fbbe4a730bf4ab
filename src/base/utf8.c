/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, strictly (RFC 3629): overlong forms, surrogates and values above U+10FFFF are no
 * characters. Nothing is repaired here and nothing is guessed: the answer to a bad byte is "not
 * UTF-8".
 */
#include "base/base.h"
#include "base/text.h"

/*
 * By lead byte: X(first lead, last lead, length, least second byte, greatest second byte). Table
 * 3-7 of Unicode.
 */
static const struct {
	uint8_t first, last, length, low, high;
} forms[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t ward_utf8_decode(const char *s, size_t n, uint32_t *ret_cp)
{
	const uint8_t *p = (const uint8_t *)s;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(forms); i++) {
		size_t length = forms[i].length;
		uint32_t cp;

		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (n < length || p[1] < forms[i].low || p[1] > forms[i].high)
			return 0;
		cp = p[0] & (0x7fu >> length);
		for (size_t k = 1; k < length; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
			cp = cp << 6 | (p[k] & 0x3fu);
		}
		*ret_cp = cp;
		return length;
	}
	return 0;
}

bool ward_utf8_valid(const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0; i < n;) {
		size_t length = ward_utf8_decode(s + i, n - i, &cp);

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

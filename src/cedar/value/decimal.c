/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal: a 64-bit number of ten-thousandths. What is written has digits on both sides of its point, at most four behind
 * it. "Digit" is any decimal digit of Unicode when it comes to the form, and ASCII when it comes to the value: no text is
 * taken or refused because of it, but the reason that is given for a refusal differs.
 */
#include "cedar/value/ext.h"

#define FRACTION 4
#define SCALE 10000

/* Zeros of the runs of ten decimal digits (general category Nd) of Unicode 16. */
static const uint32_t zeros[] = { 0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66,
	0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810,
	0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900,
	0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0,
	0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730,
	0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50,
	0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1,
	0x1e950, 0x1fbf0 };

enum why { FINE = 0, FORM, RANGE, DIGITS };

/* The character at s, which is valid UTF-8, and its length. */
static uint32_t character(struct ward_str s, size_t at, size_t *ret_n)
{
	unsigned char c = (unsigned char)s.s[at];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t cp = n == 1 ? c : c & (0x7fu >> n);

	if (n > s.n - at)
		n = s.n - at;
	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | ((unsigned char)s.s[at + i] & 0x3f);
	*ret_n = n;
	return cp;
}

static bool is_digit(uint32_t cp)
{
	if (cp < 0x80)
		return cp >= '0' && cp <= '9';
	for (size_t i = 0; i < WARD_ARRAY_SIZE(zeros); i++) {
		if (cp >= zeros[i] && cp < zeros[i] + 10)
			return true;
	}
	return false;
}

static size_t skip_digits(struct ward_str s, size_t at)
{
	while (at < s.n) {
		size_t n;

		if (!is_digit(character(s, at, &n)))
			break;
		at += n;
	}
	return at;
}

/* from..to, in ASCII; downwards if negative, as there is one number more on that side. */
static bool number(struct ward_str s, size_t from, size_t to, bool negative, int64_t *ret)
{
	int64_t v = 0;

	for (size_t i = from; i < to; i++) {
		int64_t digit = s.s[i] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, (int64_t)10, &v) ||
			__builtin_add_overflow(v, negative ? -digit : digit, &v))
			return false;
	}
	*ret = v;
	return true;
}

static enum why read_decimal(struct ward_str s, int64_t *ret)
{
	bool negative = s.n > 0 && s.s[0] == '-';
	size_t point = skip_digits(s, negative);
	size_t end;
	int64_t whole, part;

	if (point == negative || point >= s.n || s.s[point] != '.')
		return FORM;
	end = skip_digits(s, point + 1);
	if (end == point + 1 || end != s.n)
		return FORM;
	if (!number(s, negative, point, negative, &whole) ||
		__builtin_mul_overflow(whole, (int64_t)SCALE, &whole))
		return RANGE;
	if (end - point - 1 > FRACTION)
		return DIGITS;
	if (!number(s, point + 1, end, negative, &part))
		return RANGE;
	for (size_t n = end - point - 1; n < FRACTION; n++)
		part *= 10;
	return __builtin_add_overflow(whole, part, ret) ? RANGE : FINE;
}

bool ward_cedar_decimal_parse(struct ward_str s, int64_t *ret)
{
	int64_t v;

	if (read_decimal(s, &v) != FINE)
		return false;
	*ret = v;
	return true;
}

void ward_cedar_decimal_complain(struct ward_buf *out, struct ward_str s)
{
	int64_t v;
	enum why why = read_decimal(s, &v);

	if (why == RANGE) {
		ward_buf_adds(out, "overflow when converting to decimal");
		return;
	}
	if (why == DIGITS)
		ward_buf_adds(out, "too many digits after the decimal in ");
	ward_buf_addc(out, '`');
	ward_buf_add(out, s.s, s.n);
	ward_buf_addc(out, '`');
	if (why == FORM)
		ward_buf_adds(out, " is not a well-formed decimal value");
}

#define DECIMAL_RANGE "the value must be in range -922337203685477.5808 to 922337203685477.5807"

void ward_cedar_decimal_advise(struct ward_buf *out, struct ward_str s)
{
	int64_t v;

	switch (read_decimal(s, &v)) {
	case FORM:
		ward_buf_adds(out,
			"valid decimal strings look like `12.34`: digits are required on both sides of"
			" `.`, up to 4 fractional digits are allowed, and " DECIMAL_RANGE);
		break;
	case DIGITS: ward_buf_adds(out, "at most 4 digits are supported"); break;
	case RANGE: ward_buf_adds(out, DECIMAL_RANGE); break;
	case FINE: break;
	}
}

void ward_cedar_decimal_print(struct ward_buf *out, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	ward_buf_addf(out, "%s%llu.%04u", v < 0 ? "-" : "", (unsigned long long)(u / SCALE),
		(unsigned)(u % SCALE));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and numbers of the JSON reader. A string is decoded to valid UTF-8 without NUL, so that
 * it can become an argument of a system call without meaning something else there; a number is an
 * int64 exactly or a finite double, and never one silently turned into the other.
 */
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/json_reader.h"
#include "base/text.h"

/* ---- strings ---- */

/* The offset of the closing quote, or an error for a control byte or a missing quote. */
static int find_end(struct json_reader *r, size_t *ret)
{
	char found[JSON_FOUND_MAX];
	int code;

	for (size_t i = r->pos + 1; i < r->n; i++) {
		if (r->text[i] == '"') {
			*ret = i;
			return WARD_OK;
		}
		if ((uint8_t)r->text[i] < 0x20) {
			code = ward_json_fail(r, i, "control byte %s inside a string",
				ward_json_found(r, i, found));
			ward_fail_fix(r->err,
				"close the string before it, or write it as an escape such as \\n");
			return code;
		}
		/*
		 * What is escaped is looked at again when the string is decoded; here it only must
		 * not end it.
		 */
		if (r->text[i] == '\\' && i + 1 < r->n && (uint8_t)r->text[i + 1] >= 0x20)
			i++;
	}
	code = ward_json_fail(r, r->pos, "the string that starts here has no end");
	ward_fail_fix(r->err, "add the closing '\"'");
	return code;
}

/* Four hexadecimal digits at offset at, or -1. end is the closing quote. */
static int32_t hex4(const struct json_reader *r, size_t at, size_t end)
{
	int32_t v = 0;

	if (end - at < 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = r->text[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (c - 'A' + 10);
		else
			return -1;
	}
	return v;
}

static size_t encode(uint32_t cp, char *out)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/*
 * \uXXXX at offset at, a pair of them for what lies above U+FFFF. Returns bytes taken, 0 after an
 * error.
 */
static size_t decode_u(struct json_reader *r, size_t at, size_t end, uint32_t *ret_cp)
{
	int32_t high = hex4(r, at + 2, end);
	int32_t low;

	if (high < 0) {
		(void)ward_json_fail(r, at, "\\u without four hexadecimal digits");
		ward_fail_fix(r->err, "write \\u00e9, or \\\\u for a backslash and a u");
		return 0;
	}
	if (high == 0 && !r->nul_ok) {
		(void)ward_json_fail(r, at, "a NUL character (\\u0000) in a string");
		ward_fail_fix(r->err, "remove it: no name or text in Ward holds one");
		return 0;
	}
	*ret_cp = (uint32_t)high;
	if (high < 0xd800 || high > 0xdfff)
		return 6;
	low = high < 0xdc00 && end - at >= 12 && r->text[at + 6] == '\\' && r->text[at + 7] == 'u'
		? hex4(r, at + 8, end)
		: -1;
	if (low < 0xdc00 || low > 0xdfff) {
		(void)ward_json_fail(r, at,
			"half of a surrogate pair: \\u%04x alone is no character", (unsigned)high);
		ward_fail_fix(r->err, "write both halves, or the character itself");
		return 0;
	}
	*ret_cp = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	return 12;
}

/* The escape at offset at. Returns bytes taken, 0 after an error. */
static size_t decode_escape(struct json_reader *r, size_t at, size_t end, uint32_t *ret_cp)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char found[JSON_FOUND_MAX];
	const char *p;

	if (r->text[at + 1] == 'u')
		return decode_u(r, at, end, ret_cp);
	p = strchr(from, r->text[at + 1]);
	if (p != NULL && *p != '\0') {
		*ret_cp = (uint32_t)to[p - from];
		return 2;
	}
	(void)ward_json_fail(r, at, "unknown escape: a backslash and %s",
		ward_json_found(r, at + 1, found));
	ward_fail_fix(r->err,
		"write \\\\ for a backslash; escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
	return 0;
}

int ward_json_string(struct json_reader *r, struct ward_str *ret)
{
	size_t end = 0, len = 0;
	char *out;
	int code = find_end(r, &end);

	if (code < 0)
		return code;
	/* No escape is shorter than what it stands for. */
	out = ward_arena_alloc(r->arena, end - r->pos);
	if (out == NULL)
		return ward_json_nomem(r);
	for (size_t i = r->pos + 1; i < end;) {
		uint32_t cp = 0;
		size_t took;

		if (r->text[i] == '\\') {
			took = decode_escape(r, i, end, &cp);
			if (took == 0)
				return WARD_E_PARSE;
		} else {
			took = ward_utf8_decode(r->text + i, end - i, &cp);
		}
		if (took == 0) {
			code = ward_json_fail(r, i, "byte 0x%02x is not UTF-8",
				(unsigned)(uint8_t)r->text[i]);
			ward_fail_fix(r->err, "save the document as UTF-8");
			return code;
		}
		len += encode(cp, out + len);
		i += took;
	}
	out[len] = '\0';
	*ret = (struct ward_str){ out, len };
	r->pos = end + 1;
	return WARD_OK;
}

/* ---- numbers ---- */

struct number {
	size_t start, end;
	size_t point; /* offset of the point, or end */
	bool real;
};

static bool is_digit(const struct json_reader *r, size_t at)
{
	return at < r->n && r->text[at] >= '0' && r->text[at] <= '9';
}

static size_t skip_digits(const struct json_reader *r, size_t at)
{
	while (is_digit(r, at))
		at++;
	return at;
}

static int no_digit(struct json_reader *r, size_t at, const char *where)
{
	char found[JSON_FOUND_MAX];
	int code = ward_json_fail(r, at, "expected a digit %s, found %s", where,
		ward_json_found(r, at, found));

	ward_fail_fix(r->err, "write a number such as 10, -2.5 or 1e3");
	return code;
}

/*
 * number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ( "e" / "E" ) [ "+" / "-" ] 1*digit
 * ]
 */
static int scan(struct json_reader *r, struct number *ret)
{
	size_t at = r->pos;
	int code;

	ret->start = at;
	if (r->text[at] == '-')
		at++;
	if (!is_digit(r, at))
		return no_digit(r, at, "after '-'");
	if (r->text[at] == '0' && is_digit(r, at + 1)) {
		code = ward_json_fail(r, at, "a number with a leading zero");
		ward_fail_fix(r->err, "take out the leading zeros; JSON has no octal numbers");
		return code;
	}
	at = skip_digits(r, at);
	ret->point = SIZE_MAX;
	if (at < r->n && r->text[at] == '.') {
		ret->point = at;
		if (!is_digit(r, at + 1))
			return no_digit(r, at + 1, "after '.'");
		at = skip_digits(r, at + 1);
	}
	ret->real = ret->point != SIZE_MAX;
	if (at < r->n && (r->text[at] == 'e' || r->text[at] == 'E')) {
		ret->real = true;
		at++;
		if (at < r->n && (r->text[at] == '+' || r->text[at] == '-'))
			at++;
		if (!is_digit(r, at))
			return no_digit(r, at, "in the exponent");
		at = skip_digits(r, at);
	}
	ret->end = at;
	return WARD_OK;
}

/* false: it does not fit. */
static bool to_int64(const struct json_reader *r, const struct number *num, int64_t *ret)
{
	bool negative = r->text[num->start] == '-';
	int64_t v = 0;

	for (size_t i = num->start + negative; i < num->end; i++) {
		int64_t digit = r->text[i] - '0';

		/* Downwards, as there is one number more on that side. */
		if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
			__builtin_sub_overflow(v, digit, &v))
			return false;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, v, &v))
		return false;
	*ret = v;
	return true;
}

/* strtod() reads the point of the caller's locale: give it that one. */
static int to_real(struct json_reader *r, const struct number *num, double *ret)
{
	const char *radix = nl_langinfo(RADIXCHAR);
	char text[WARD_JSON_NUMBER_MAX + 16];
	size_t whole = num->point < num->end ? num->point - num->start : num->end - num->start;
	size_t rest = num->point < num->end ? num->end - num->point - 1 : 0;
	int code;

	(void)snprintf(text, sizeof(text), "%.*s%s%.*s", (int)whole, r->text + num->start,
		rest > 0 ? radix : "", (int)rest, r->text + num->end - rest);
	*ret = strtod(text, NULL);
	if (isfinite(*ret))
		return WARD_OK;
	code = ward_json_fail(r, num->start, "a number too large to be held");
	ward_fail_fix(r->err, "the greatest is about 1.7e308");
	return code;
}

int ward_json_number(struct json_reader *r, struct ward_json *ret)
{
	struct number num = { 0 };
	int code = scan(r, &num);

	if (code < 0)
		return code;
	if (num.end - num.start > WARD_JSON_NUMBER_MAX) {
		code = ward_json_fail(r, num.start, "a number of more than %d characters",
			WARD_JSON_NUMBER_MAX);
		ward_fail_fix(r->err, "shorten it");
		return code;
	}
	r->pos = num.end;
	if (!num.real && to_int64(r, &num, &ret->i) &&
		!(r->wide_ok && ret->i == 0 && r->text[num.start] == '-')) {
		ret->type = WARD_JSON_INT;
		return WARD_OK;
	}
	if (num.real || r->wide_ok) {
		ret->type = WARD_JSON_REAL;
		return to_real(r, &num, &ret->d);
	}
	code = ward_json_fail(r, num.start, "an integer that does not fit into 64 bits");
	ward_fail_fix(r->err, "the range is %lld to %lld", (long long)INT64_MIN,
		(long long)INT64_MAX);
	return code;
}

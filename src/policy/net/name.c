/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of hosts have one form, and what has another is made into it where that is sure, or refused: two readers must never take one
 * text for two hosts. IDNA as a whole needs tables of all of Unicode; here a letter counts as sure where no version of IDNA maps it to
 * another, no normal form of Unicode changes it, and no rule about its neighbours exists. Nothing is looked up.
 */
#include <string.h>

#include "policy/net/own.h"

#define LABEL_MAX 63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_ldh(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
}

/* No host may be called so by the oldest rules (RFC 952); programs, resolvers and name servers take it as any other letter. */
static bool is_letter(char c)
{
	return is_ldh(c) || c == '_';
}

/* ---- letters outside of ASCII ---- */

enum script { SCRIPT_NONE = 0, SCRIPT_LATIN, SCRIPT_GREEK, SCRIPT_CYRILLIC, SCRIPT_EAST };

/* Lower case alone; without what a version of IDNA maps (sharp s, final sigma), and without "x" and "/" of Latin-1. */
static const struct {
	uint32_t first, last;
	enum script script;
	enum { EACH = 0, ODD, EVEN } lower; /* where upper and lower case take turns */
} sure[] = {
	{ 0xe0, 0xf6, SCRIPT_LATIN, EACH },
	{ 0xf8, 0xff, SCRIPT_LATIN, EACH },
	{ 0x101, 0x131, SCRIPT_LATIN, ODD },
	{ 0x13a, 0x13e, SCRIPT_LATIN, EVEN },
	{ 0x142, 0x148, SCRIPT_LATIN, EVEN },
	{ 0x14b, 0x177, SCRIPT_LATIN, ODD },
	{ 0x17a, 0x17e, SCRIPT_LATIN, EVEN },
	{ 0x3ac, 0x3af, SCRIPT_GREEK, EACH },
	{ 0x3b1, 0x3c1, SCRIPT_GREEK, EACH },
	{ 0x3c3, 0x3ce, SCRIPT_GREEK, EACH },
	{ 0x430, 0x45f, SCRIPT_CYRILLIC, EACH },
	{ 0x3041, 0x3096, SCRIPT_EAST, EACH },
	{ 0x30a1, 0x30fa, SCRIPT_EAST, EACH },
	{ 0x30fc, 0x30fc, SCRIPT_EAST, EACH },
	{ 0x4e00, 0x9fff, SCRIPT_EAST, EACH },
	{ 0xac00, 0xd7a3, SCRIPT_EAST, EACH },
};

static enum script script_of(uint32_t cp)
{
	if (cp >= 'a' && cp <= 'z')
		return SCRIPT_LATIN;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(sure); i++) {
		if (cp >= sure[i].first && cp <= sure[i].last &&
			(sure[i].lower == EACH || (cp & 1) == (sure[i].lower == ODD)))
			return sure[i].script;
	}
	return SCRIPT_NONE;
}

/* Of one script, with digits and "-" between; East Asian ones are written with Latin letters among them. */
static bool is_sure(const uint32_t *cps, size_t n)
{
	enum script all = SCRIPT_NONE;

	for (size_t i = 0; i < n; i++) {
		enum script s = script_of(cps[i]);

		if (cps[i] == '-' || (cps[i] >= '0' && cps[i] <= '9'))
			continue;
		if (s == SCRIPT_NONE)
			return false;
		if (all == SCRIPT_NONE || s == all || (all == SCRIPT_LATIN && s == SCRIPT_EAST))
			all = s;
		else if (all != SCRIPT_EAST || s != SCRIPT_LATIN)
			return false;
	}
	return !(n > 3 && cps[2] == '-' && cps[3] == '-');
}

/* ---- punycode (RFC 3492, 6.3) ---- */

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / 700 : delta / 2;
	delta += delta / points;
	for (; delta > 35 * 26 / 2; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

static char digit_of(uint32_t d)
{
	return (char)(d < 26 ? 'a' + d : '0' + (d - 26));
}

struct label {
	char *out;
	size_t n, max;
	bool full;
};

static void put(struct label *l, char c)
{
	if (l->n < l->max)
		l->out[l->n++] = c;
	else
		l->full = true;
}

static void put_number(struct label *l, uint32_t q, uint32_t bias)
{
	for (uint32_t k = 36;; k += 36) {
		uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;

		if (q < t)
			break;
		put(l, digit_of(t + (q - t) % (36 - t)));
		q = (q - t) / (36 - t);
	}
	put(l, digit_of(q));
}

/* n is at most LABEL_MAX: no sum here comes near 2^32. */
static void punycode(struct label *l, const uint32_t *cps, size_t n)
{
	uint32_t at = 128, delta = 0, bias = 72, basic = 0, done;

	for (size_t i = 0; i < n; i++) {
		if (cps[i] < 128) {
			put(l, (char)cps[i]);
			basic++;
		}
	}
	if (basic > 0)
		put(l, '-');
	for (done = basic; done < n; delta++, at++) {
		uint32_t least = UINT32_MAX;

		for (size_t i = 0; i < n; i++) {
			if (cps[i] >= at && cps[i] < least)
				least = cps[i];
		}
		delta += (least - at) * (done + 1);
		at = least;
		for (size_t i = 0; i < n; i++) {
			if (cps[i] < at)
				delta++;
			if (cps[i] != at)
				continue;
			put_number(l, delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
}

/* ---- labels ---- */

/* Of a text that is UTF-8: the character at its beginning, which is taken away from it. */
static uint32_t next(struct ward_str *s)
{
	const uint8_t *b = (const uint8_t *)s->s;
	size_t more = b[0] < 0x80 ? 0 : b[0] < 0xe0 ? 1 : b[0] < 0xf0 ? 2 : 3;
	uint32_t cp = more == 0 ? b[0] : b[0] & (0x3fu >> more);

	for (size_t i = 1; i <= more; i++)
		cp = cp << 6 | (b[i] & 0x3fu);
	*s = (struct ward_str){ s->s + more + 1, s->n - more - 1 };
	return cp;
}

/* How sure it is that a name means what it looks like. */
struct surety {
	bool sure, known; /* known: each letter by itself is one that has no other form */
};

/* Bytes of a label that is not ASCII, as an A-label. False: it cannot be one. */
static bool a_label(struct ward_str s, struct label *l, struct surety *how)
{
	uint32_t cps[LABEL_MAX];
	size_t n = 0;

	for (; s.n > 0; n++) {
		if (n == LABEL_MAX)
			return false;
		cps[n] = next(&s);
		if (cps[n] < 128 && !is_ldh(lower((char)cps[n])))
			return false;
		how->known = how->known && (cps[n] < 128 || script_of(cps[n]) != SCRIPT_NONE);
	}
	how->sure = how->sure && is_sure(cps, n);
	for (size_t i = 0; i < n; i++) {
		if (cps[i] < 128)
			cps[i] = (uint8_t)lower((char)cps[i]);
	}
	for (const char *p = "xn--"; *p != '\0'; p++)
		put(l, *p);
	punycode(l, cps, n);
	return true;
}

static bool label(struct ward_str s, struct label *l, struct surety *how)
{
	bool ascii = true;

	if (s.n == 0 || s.s[0] == '-' || s.s[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		ascii = ascii && (uint8_t)s.s[i] < 128;
	if (!ascii)
		return a_label(s, l, how) && !l->full;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_letter(lower(s.s[i])))
			return false;
		put(l, lower(s.s[i]));
	}
	return !l->full;
}

/* What readers of addresses may take for one: digits, or 0x and hexadecimal ones, if any. s: in lower case. */
static bool ends_in_number(struct ward_str s)
{
	size_t at = s.n;
	bool hex;

	while (at > 0 && s.s[at - 1] != '.')
		at--;
	hex = s.n - at >= 2 && s.s[at] == '0' && s.s[at + 1] == 'x';
	for (size_t i = at + (hex ? 2 : 0); i < s.n; i++) {
		if (!is_digit(s.s[i]) && !(hex && s.s[i] >= 'a' && s.s[i] <= 'f'))
			return false;
	}
	return true;
}

/* False: it is none. Without a dot at its end. */
static bool labels(struct ward_str name, char out[WARD_NAME_SIZE], struct surety *how)
{
	for (size_t n = 0;;) {
		const char *end = memchr(name.s, '.', name.n);
		struct ward_str one = { name.s, end != NULL ? (size_t)(end - name.s) : name.n };
		size_t left = WARD_NAME_SIZE - 1 - n;
		struct label l = { .out = out + n, .max = left < LABEL_MAX ? left : LABEL_MAX };

		if (!label(one, &l, how))
			return false;
		n += l.n;
		out[n] = '\0';
		if (end == NULL)
			return true;
		if (n + 1 >= WARD_NAME_SIZE)
			return false;
		out[n++] = '.';
		name = (struct ward_str){ end + 1, name.n - one.n - 1 };
	}
}

enum ward_name_fault ward_name_normalize(struct ward_str name, char out[WARD_NAME_SIZE])
{
	bool dot = name.n > 1 && name.s[name.n - 1] == '.';
	struct surety how = { true, true };

	name.n -= dot;
	if (!ward_utf8_valid(name.s, name.n) || !labels(name, out, &how)) {
		out[0] = '\0';
		return WARD_NAME_BAD;
	}
	if (ends_in_number(ward_str(out)))
		return WARD_NAME_NUMBER;
	if (!how.sure) {
		if (!how.known)
			out[0] = '\0';
		return WARD_NAME_LETTERS;
	}
	return dot ? WARD_NAME_DOT : WARD_NAME_OK;
}

bool ward_name_is_normal(struct ward_str name)
{
	char out[WARD_NAME_SIZE];

	return name.n > 0 && name.n < WARD_NAME_SIZE &&
		ward_name_normalize(name, out) == WARD_NAME_OK && ward_str_eq(name, ward_str(out));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipaddr: an IPv4 or IPv6 address with its prefix; host bits are kept. Strict: dotted quads without leading zeros, IPv6 in
 * hexadecimal groups alone, no zone, no brackets, no IPv4 inside. Nothing of the platform's resolver is asked.
 */
#include <string.h>

#include "cedar/value/ext.h"

#define TEXT_MAX 43 /* of eight groups and /128 */

enum why {
	FINE = 0,
	LENGTH,
	EMBEDDED,
	ADDRESS,
	PREFIX_LENGTH,
	PREFIX_DIGIT,
	PREFIX_ZERO,
	PREFIX_EMPTY,
	PREFIX_BYTE,
	PREFIX_LARGE
};

static bool v4(struct ward_str s, uint8_t out[16])
{
	size_t at = 0;

	memset(out, 0, 16);
	for (int i = 0; i < 4; i++) {
		size_t from;
		unsigned v = 0;

		if (i > 0 && (at >= s.n || s.s[at++] != '.'))
			return false;
		from = at;
		while (at < s.n && at - from < 3 && s.s[at] >= '0' && s.s[at] <= '9')
			v = v * 10 + (unsigned)(s.s[at++] - '0');
		if (at == from || v > 255 || (at - from > 1 && s.s[from] == '0'))
			return false;
		out[i] = (uint8_t)v;
	}
	return at == s.n;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to max groups from *at on, with ':' between; stops before what is none. */
static int groups(struct ward_str s, size_t *at, uint16_t *out, int max)
{
	int n = 0;

	while (n < max) {
		size_t i = *at;
		size_t from;
		unsigned v = 0;

		if (n > 0) {
			if (i >= s.n || s.s[i] != ':')
				break;
			i++;
		}
		for (from = i; i < s.n && i - from < 4 && hex(s.s[i]) >= 0; i++)
			v = v << 4 | (unsigned)hex(s.s[i]);
		if (i == from)
			break;
		out[n++] = (uint16_t)v;
		*at = i;
	}
	return n;
}

static bool v6(struct ward_str s, uint8_t out[16])
{
	uint16_t g[8] = { 0 }, tail[8];
	size_t at = 0;
	int n = groups(s, &at, g, 8);

	if (n < 8) {
		int m;

		if (s.n - at < 2 || s.s[at] != ':' || s.s[at + 1] != ':')
			return false;
		at += 2;
		m = groups(s, &at, tail, 7 - n);
		for (int i = 0; i < m; i++)
			g[8 - m + i] = tail[i];
	}
	for (int i = 0; i < 8; i++) {
		out[2 * i] = (uint8_t)(g[i] >> 8);
		out[2 * i + 1] = (uint8_t)g[i];
	}
	return at == s.n;
}

static bool has_two(struct ward_str s, char c)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.s[i] == c;
	return n >= 2;
}

/* Of the prefix; *ret_v is meaningful for PREFIX_LARGE as well. */
static enum why prefix(struct ward_str s, bool is_v6, unsigned *ret_v)
{
	unsigned v = 0;

	if (s.n > (is_v6 ? 3u : 2u))
		return PREFIX_LENGTH;
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return PREFIX_DIGIT;
		v = v * 10 + (unsigned)(s.s[i] - '0');
	}
	if (s.n == 0)
		return PREFIX_EMPTY;
	if (s.n > 1 && s.s[0] == '0')
		return PREFIX_ZERO;
	*ret_v = v;
	if (v > 255)
		return PREFIX_BYTE;
	return v > (is_v6 ? 128u : 32u) ? PREFIX_LARGE : FINE;
}

static struct ward_str before_slash(struct ward_str s)
{
	const char *slash = s.n > 0 ? memchr(s.s, '/', s.n) : NULL;

	return (struct ward_str){ s.s, slash != NULL ? (size_t)(slash - s.s) : s.n };
}

static enum why read_ip(struct ward_str s, struct cedar_ip *ret, unsigned *ret_prefix)
{
	struct ward_str addr = before_slash(s);
	enum why why = FINE;

	if (s.n > TEXT_MAX)
		return LENGTH;
	if (has_two(s, ':') && has_two(s, '.'))
		return EMBEDDED;
	ret->v6 = 0;
	if (!v4(addr, ret->addr)) {
		ret->v6 = 1;
		if (!v6(addr, ret->addr))
			return ADDRESS;
	}
	*ret_prefix = ret->v6 ? 128 : 32;
	if (addr.n < s.n)
		why = prefix((struct ward_str){ s.s + addr.n + 1, s.n - addr.n - 1 }, ret->v6,
			ret_prefix);
	ret->prefix = (uint8_t)*ret_prefix;
	return why;
}

bool ward_cedar_ip_parse(struct ward_str s, struct cedar_ip *ret)
{
	struct cedar_ip ip;
	unsigned n;

	if (read_ip(s, &ip, &n) != FINE)
		return false;
	*ret = ip;
	return true;
}

static void quoted(struct ward_buf *out, const char *before, struct ward_str s, const char *behind)
{
	ward_buf_adds(out, before);
	ward_buf_add(out, s.s, s.n);
	ward_buf_adds(out, behind);
}

void ward_cedar_ip_complain(struct ward_buf *out, struct ward_str s)
{
	struct ward_str addr = before_slash(s);
	struct ward_str rest = { s.s + addr.n, 0 };
	struct cedar_ip ip = { 0 };
	unsigned n = 0;
	enum why why = read_ip(s, &ip, &n);

	if (addr.n < s.n)
		rest = (struct ward_str){ s.s + addr.n + 1, s.n - addr.n - 1 };
	switch (why) {
	case LENGTH:
		quoted(out, "error parsing IP address from string `", s,
			"`: string length is too large");
		break;
	case EMBEDDED:
		quoted(out,
			"error parsing IP address from string: We do not accept IPv4 embedded in IPv6"
			" (e.g., ::ffff:127.0.0.1). Found: `",
			s, "`");
		break;
	case ADDRESS:
		if (addr.n < s.n)
			quoted(out, "error parsing IP address from the string `", addr,
				"`: invalid IP address syntax");
		else
			quoted(out, "invalid IP address: ", s, "");
		break;
	case PREFIX_LENGTH:
		ward_buf_addf(out, "error parsing prefix: string length %zu is too large", rest.n);
		break;
	case PREFIX_DIGIT:
		quoted(out, "error parsing prefix `", rest, "`: encountered non-digit");
		break;
	case PREFIX_ZERO: quoted(out, "error parsing prefix `", rest, "`: leading zero(s)"); break;
	case PREFIX_EMPTY:
		quoted(out, "error parsing prefix from the string `", rest,
			"`: cannot parse integer from empty string");
		break;
	case PREFIX_BYTE:
		quoted(out, "error parsing prefix from the string `", rest,
			"`: number too large to fit in target type");
		break;
	case PREFIX_LARGE:
		ward_buf_addf(out, "error parsing prefix: %u is larger than the limit %u", n,
			ip.v6 ? 128u : 32u);
		break;
	case FINE: break;
	}
}

/* Longest run of two or more zero groups, the first of equally long ones: *ret_n 0 if there is none. */
static int zero_run(const uint16_t g[8], int *ret_n)
{
	int at = 0;

	*ret_n = 0;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && g[i + n] == 0)
			n++;
		if (n > *ret_n) {
			*ret_n = n;
			at = i;
		}
		i += n;
	}
	if (*ret_n < 2)
		*ret_n = 0;
	return at;
}

/* RFC 5952, but IPv4-mapped ones in hexadecimal too: it is read again. */
static void print_v6(struct ward_buf *out, const uint8_t a[16])
{
	uint16_t g[8];
	int at, n;

	for (int i = 0; i < 8; i++)
		g[i] = (uint16_t)(a[2 * i] << 8 | a[2 * i + 1]);
	at = zero_run(g, &n);
	for (int i = 0; i < 8; i++) {
		if (n > 0 && i == at) {
			ward_buf_adds(out, "::");
			i += n - 1;
			continue;
		}
		ward_buf_addf(out, "%s%x", i > 0 && (n == 0 || i != at + n) ? ":" : "", g[i]);
	}
}

void ward_cedar_ip_print(struct ward_buf *out, const struct cedar_ip *ip)
{
	if (ip->v6)
		print_v6(out, ip->addr);
	else
		ward_buf_addf(out, "%u.%u.%u.%u", ip->addr[0], ip->addr[1], ip->addr[2],
			ip->addr[3]);
	ward_buf_addf(out, "/%u", ip->prefix);
}

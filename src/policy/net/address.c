/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an address is, by data/addresses. The strictest answer counts wherever more than one reading is possible, and what is not known
 * to be public is not: an IPv6 address outside of 2000::/3 that no line holds is never to be reached.
 */
#include <string.h>

#include "policy/net/own.h"

const char *ward_address_class_name(enum ward_address_class c)
{
	static const char *const names[WARD_ADDRESS_CLASS_MAX] = { "never", "loopback", "private",
		"public" };

	return (unsigned)c < WARD_ADDRESS_CLASS_MAX ? names[c] : "never";
}

bool ward_address_within(const uint8_t *a, const uint8_t *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, net, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

struct found {
	enum ward_address_class c;
	const char *what;
};

static void stricter(struct found *f, enum ward_address_class c, const char *what)
{
	if (f->what == NULL || c < f->c)
		*f = (struct found){ c, what };
}

static struct found classify4(const uint8_t a[4])
{
	uint32_t v = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
	struct found f = { WARD_ADDRESS_PUBLIC, NULL };

	for (size_t i = 0; i < ward_address_rows4_n; i++) {
		const struct ward_address_row4 *r = &ward_address_rows4[i];

		if (((v ^ r->net) >> (32 - r->bits)) != 0)
			continue;
		if (r->bits == 32)
			return (struct found){ r->c, r->what };
		stricter(&f, r->c, r->what);
	}
	if (f.what == NULL)
		f = (struct found){ WARD_ADDRESS_PUBLIC, "public" };
	return f;
}

static void carried(struct found *f, const uint8_t *v4)
{
	struct found in = classify4(v4);

	stricter(f, in.c, in.what);
}

static struct found classify6(const uint8_t a[16])
{
	static const uint8_t isatap[4] = { 0, 0, 0x5e, 0xfe };
	struct found f = { WARD_ADDRESS_PUBLIC, NULL };

	for (size_t i = 0; i < ward_address_rows6_n; i++) {
		const struct ward_address_row6 *r = &ward_address_rows6[i];
		uint8_t v4[4];

		if (!ward_address_within(a, r->net, r->bits))
			continue;
		if (r->bits == 128)
			return (struct found){ r->c, r->what };
		if (r->at < 0) {
			stricter(&f, r->c, r->what);
			continue;
		}
		for (size_t k = 0; k < 4; k++)
			v4[k] = (uint8_t)(a[(size_t)r->at + k] ^ (r->inverted ? 0xff : 0));
		carried(&f, v4);
	}
	if (f.what == NULL && (a[0] & 0xe0) != 0x20)
		f = (struct found){ WARD_ADDRESS_NEVER, "not assigned" };
	/* The bit that says "globally unique" may be set or not. */
	if ((a[8] & 0xfd) == 0 && memcmp(a + 9, isatap + 1, 3) == 0)
		stricter(&f, WARD_ADDRESS_NEVER, "ISATAP");
	if (f.what == NULL)
		f = (struct found){ WARD_ADDRESS_PUBLIC, "public" };
	return f;
}

enum ward_address_class ward_address_what(int family, const uint8_t *a, const char **ret_what)
{
	struct found f = { WARD_ADDRESS_NEVER, "no address" };

	if (a != NULL && family == 4)
		f = classify4(a);
	else if (a != NULL && family == 6)
		f = classify6(a);
	*ret_what = f.what;
	return f.c;
}

enum ward_address_class ward_address_classify(int family, const uint8_t *a)
{
	const char *what;

	return ward_address_what(family, a, &what);
}

unsigned ward_address_line(int family, const uint8_t *a)
{
	unsigned bits = 129;

	for (size_t i = 0; family == 4 && i < ward_address_rows4_n; i++) {
		const struct ward_address_row4 *r = &ward_address_rows4[i];
		const uint8_t net[4] = { (uint8_t)(r->net >> 24), (uint8_t)(r->net >> 16),
			(uint8_t)(r->net >> 8), (uint8_t)r->net };

		if (r->c != WARD_ADDRESS_NEVER && r->bits < bits &&
			ward_address_within(a, net, r->bits))
			bits = r->bits;
	}
	for (size_t i = 0; family == 6 && i < ward_address_rows6_n; i++) {
		const struct ward_address_row6 *r = &ward_address_rows6[i];

		if (r->c != WARD_ADDRESS_NEVER && r->bits < bits &&
			ward_address_within(a, r->net, r->bits))
			bits = r->bits;
	}
	return bits <= 128 ? bits : family == 4 ? 8 : 64;
}

const uint8_t *ward_address_nat64(int family, const uint8_t *a)
{
	static const uint8_t prefix[12] = { 0, 0x64, 0xff, 0x9b };

	return family == 6 && memcmp(a, prefix, sizeof(prefix)) == 0 ? a + 12 : NULL;
}

/* ---- ranges ---- */

/* What a row says of a range: 1 it holds it whole, -1 it lies inside and is smaller, 0 they have nothing in common. */
static int compare(const uint8_t *row, unsigned row_bits, const uint8_t *net, unsigned bits)
{
	if (row_bits <= bits)
		return ward_address_within(net, row, row_bits) ? 1 : 0;
	return ward_address_within(row, net, bits) ? -1 : 0;
}

static void say(struct ward_address_range_said *s, int how, enum ward_address_class c,
	const char *what)
{
	if (how == 0 || c != WARD_ADDRESS_NEVER)
		return;
	s->never = s->never || how > 0;
	s->some = s->some || how < 0;
	if (s->what == NULL || how > 0)
		s->what = what;
}

struct ward_address_range_said ward_address_range(int family, const uint8_t *net, unsigned bits)
{
	struct ward_address_range_said s = { 0 };

	if (bits == (family == 4 ? 32u : 128u)) {
		s.never = ward_address_what(family, net, &s.what) == WARD_ADDRESS_NEVER;
		if (!s.never)
			s.what = NULL;
		return s;
	}
	for (size_t i = 0; family == 4 && i < ward_address_rows4_n; i++) {
		const struct ward_address_row4 *r = &ward_address_rows4[i];
		const uint8_t a[4] = { (uint8_t)(r->net >> 24), (uint8_t)(r->net >> 16),
			(uint8_t)(r->net >> 8), (uint8_t)r->net };

		say(&s, compare(a, r->bits, net, bits), r->c, r->what);
	}
	for (size_t i = 0; family == 6 && i < ward_address_rows6_n; i++) {
		const struct ward_address_row6 *r = &ward_address_rows6[i];

		if (r->at < 0)
			say(&s, compare(r->net, r->bits, net, bits), r->c, r->what);
	}
	s.some = s.some && !s.never;
	return s;
}

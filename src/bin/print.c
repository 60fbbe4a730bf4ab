/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsnprintf() of the static ward, which prints some hundred short texts at each start: paths, names, numbers. musl's makes a stream of
 * the buffer, and goes through tables and three functions for each piece. What nearly all formats consist of is done here: text,
 * %s and %c, and whole numbers in decimal or hexadecimal, with leading zeros or without. Where there is anything else in it (a width, a
 * flag, a floating point), all of it is musl's, from the beginning.
 *
 * Linked by --wrap=vsnprintf: musl's own snprintf() comes here as well.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 20 /* of 64 bits, in decimal */

int __wrap_vsnprintf(char *restrict s, size_t n, const char *restrict format, va_list ap);
int __real_vsnprintf(char *restrict s, size_t n, const char *restrict format, va_list ap);

struct out {
	char *s;
	size_t room; /* without the NUL */
	size_t n; /* of all; what is over the room is counted alone */
};

/* One conversion: %[0WIDTH][.PRECISION][l|ll|z|j]x */
struct conversion {
	size_t zeros; /* width, where 0 is in front of it */
	bool precise;
	size_t precision; /* of %s */
	bool wide; /* 64 bits */
	char what;
};

static void put(struct out *o, const char *p, size_t n)
{
	if (o->n < o->room) {
		size_t fits = o->room - o->n < n ? o->room - o->n : n;

		memcpy(o->s + o->n, p, fits);
	}
	o->n += n;
}

static const char *number(const char *p, size_t *ret)
{
	for (*ret = 0; *p >= '0' && *p <= '9' && *ret < 1000; p++)
		*ret = *ret * 10 + (size_t)(*p - '0');
	return p;
}

/* Behind the %; NULL: it is none of ours. */
static const char *read_conversion(const char *p, struct conversion *c, va_list *ap)
{
	*c = (struct conversion){ 0 };
	if (*p == '0')
		p = number(p + 1, &c->zeros);
	if (*p == '.') {
		int given;

		c->precise = true;
		if (p[1] == '*') {
			given = va_arg(*ap, int);
			c->precise = given >= 0;
			c->precision = given >= 0 ? (size_t)given : 0;
			p += 2;
		} else {
			p = number(p + 1, &c->precision);
		}
	}
	if (*p == 'l' || *p == 'z' || *p == 'j') {
		c->wide = true;
		p += p[0] == 'l' && p[1] == 'l' ? 2 : 1;
	}
	c->what = *p;
	if (c->what == 's' && !c->wide && !c->zeros)
		return p + 1;
	if (c->what == 'c' && !c->wide && !c->zeros && !c->precise)
		return p + 1;
	if ((c->what == 'd' || c->what == 'i' || c->what == 'u' || c->what == 'x') && !c->precise &&
		c->zeros <= DIGITS_MAX)
		return p + 1;
	return NULL;
}

static void put_number(struct out *o, const struct conversion *c, va_list *ap)
{
	static const char digits[] = "0123456789abcdef";
	bool is_signed = c->what == 'd' || c->what == 'i', negative = false;
	char text[DIGITS_MAX + 1];
	size_t at = sizeof(text);
	uint64_t v;

	if (is_signed) {
		int64_t given = c->wide ? va_arg(*ap, long) : va_arg(*ap, int);

		negative = given < 0;
		v = negative ? 0 - (uint64_t)given : (uint64_t)given;
	} else {
		v = c->wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);
	}
	do {
		text[--at] = digits[c->what == 'x' ? v % 16 : v % 10];
		v /= c->what == 'x' ? 16 : 10;
	} while (v > 0);
	while (sizeof(text) - at + negative < c->zeros)
		text[--at] = '0';
	if (negative)
		text[--at] = '-';
	put(o, text + at, sizeof(text) - at);
}

/* False: there is something in it that is not ours. */
static bool print(struct out *o, const char *p, va_list *ap)
{
	while (*p) {
		size_t n = strcspn(p, "%");
		struct conversion c;
		const char *s;
		char one;

		put(o, p, n);
		p += n;
		if (!*p)
			return true;
		if (p[1] == '%') {
			put(o, p, 1);
			p += 2;
			continue;
		}
		p = read_conversion(p + 1, &c, ap);
		if (!p)
			return false;
		switch (c.what) {
		case 's':
			s = va_arg(*ap, const char *);
			if (!s)
				return false;
			put(o, s, c.precise ? strnlen(s, c.precision) : strlen(s));
			break;
		case 'c':
			one = (char)va_arg(*ap, int);
			put(o, &one, 1);
			break;
		default: put_number(o, &c, ap); break;
		}
	}
	return true;
}

int __wrap_vsnprintf(char *restrict s, size_t n, const char *restrict format, va_list ap)
{
	struct out o = { .s = s, .room = n > 0 ? n - 1 : 0 };
	bool ours;
	va_list copy;

	_Static_assert(sizeof(long) == sizeof(int64_t) && sizeof(long long) == sizeof(long) &&
			sizeof(size_t) == sizeof(long),
		"l, ll, z and j are of one size");
	if (n > INT_MAX)
		return __real_vsnprintf(s, n, format, ap);
	va_copy(copy, ap);
	ours = print(&o, format, &copy);
	va_end(copy);
	if (!ours || o.n > INT_MAX)
		return __real_vsnprintf(s, n, format, ap);
	if (n > 0)
		s[o.n < o.room ? o.n : o.room] = '\0';
	return (int)o.n;
}

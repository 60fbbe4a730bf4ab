/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units, for options and files. The accepted forms are exactly those that the messages
 * show: digits, at most one point where a fraction makes sense, one unit. No sign, no blank, no
 * exponent, no leading zero (which some would read as octal), nothing behind. Computed in integers:
 * a fraction that the unit cannot express is an error and is not rounded. The caller adds where the
 * number stood.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define DURATION_MAX_MS (UINT64_C(365) * 24 * 3600 * 1000)
#define CPUS_MIN 10u
#define CPUS_MAX 1024000u
#define SHOWN_MAX 64 /* characters of the wrong text that a message repeats */

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
};

static const struct unit duration_units[] = {
	{ "", 1000 },
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
};

/* Say that s is no WHAT because of why. */
static int refuse(struct ward_error *err, const char *s, const char *what, const char *why)
{
	bool cut = strlen(s) > SHOWN_MAX;

	return ward_fail(err, WARD_E_INVALID, "'%.*s%s' is not a %s: %s", SHOWN_MAX, s,
		cut ? "..." : "", what, why);
}

/* Digits at *io_s, at least one. NULL, or what is wrong with them. */
static const char *take_digits(const char **io_s, uint64_t *ret)
{
	const char *s = *io_s;
	uint64_t v = 0;

	if (*s == '\0')
		return "it is empty";
	if (*s == '-' || *s == '+')
		return "a sign is not accepted";
	if (*s < '0' || *s > '9')
		return "it does not start with a digit";
	if (s[0] == '0' && s[1] >= '0' && s[1] <= '9')
		return "a leading zero is not accepted";
	for (; *s >= '0' && *s <= '9'; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, digit, &v))
			return "it is too large";
	}
	*io_s = s;
	*ret = v;
	return NULL;
}

/* An optional ".digits" of at most places, as an integer of that many places. */
static const char *take_fraction(const char **io_s, unsigned places, uint64_t *ret)
{
	const char *s = *io_s;
	uint64_t v = 0;
	unsigned n = 0;

	*ret = 0;
	if (*s != '.')
		return NULL;
	for (s++; *s >= '0' && *s <= '9'; s++, n++) {
		if (n >= places)
			return "it has too many digits behind the point";
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (n == 0)
		return "there is no digit behind the point";
	for (; n < places; n++)
		v *= 10;
	*io_s = s;
	*ret = v;
	return NULL;
}

static const struct unit *find_unit(const struct unit *units, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

int ward_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct ward_error *err)
{
	const char *p = s;
	const char *why;
	char range[80];
	uint64_t v = 0;
	int r;

	why = take_digits(&p, &v);
	if (why == NULL && *p != '\0')
		why = "something stands behind the number";
	if (why == NULL && v < min)
		why = "it is too small";
	if (why == NULL && v > max)
		why = "it is too large";
	if (why == NULL) {
		*ret = v;
		return WARD_OK;
	}
	(void)snprintf(range, sizeof(range), "%llu to %llu", (unsigned long long)min,
		(unsigned long long)max);
	r = refuse(err, s, "number that is accepted here", why);
	ward_fail_fix(err, "write a whole number, %s", range);
	return r;
}

int ward_parse_size(const char *s, uint64_t *ret_bytes, struct ward_error *err)
{
	const char *p = s;
	const char *why;
	const struct unit *unit = NULL;
	uint64_t v = 0;
	int r;

	why = take_digits(&p, &v);
	if (why == NULL && *p == '.')
		why = "a fraction is not accepted";
	if (why == NULL) {
		unit = find_unit(size_units, WARD_ARRAY_SIZE(size_units), p);
		if (unit == NULL)
			why = "the unit is none of K, M, G, T";
		else if (v == 0)
			why = "it must be more than 0";
		else if (__builtin_mul_overflow(v, unit->factor, &v) || v > INT64_MAX)
			why = "it is too large";
	}
	if (why == NULL) {
		*ret_bytes = v;
		return WARD_OK;
	}
	r = refuse(err, s, "size", why);
	ward_fail_fix(err,
		"write bytes, or a whole number with K, M, G or T (powers of 1024), such as 256M");
	return r;
}

/* whole units and millionths of one, in ms. NULL, or what is wrong. */
static const char *to_ms(uint64_t whole, uint64_t millionths, uint64_t factor, uint64_t *ret)
{
	uint64_t ms;

	if (whole > DURATION_MAX_MS / factor)
		return "it is more than 365 days";
	if (millionths * factor % 1000000 != 0)
		return "it is finer than a millisecond";
	ms = whole * factor + millionths * factor / 1000000;
	if (ms == 0)
		return "it must be more than 0";
	if (ms > DURATION_MAX_MS)
		return "it is more than 365 days";
	*ret = ms;
	return NULL;
}

int ward_parse_duration(const char *s, uint64_t *ret_ms, struct ward_error *err)
{
	const char *p = s;
	const char *why;
	const struct unit *unit;
	uint64_t v = 0, fraction = 0;
	int r;

	why = take_digits(&p, &v);
	if (why == NULL)
		why = take_fraction(&p, 6, &fraction);
	if (why == NULL) {
		unit = find_unit(duration_units, WARD_ARRAY_SIZE(duration_units), p);
		if (unit != NULL)
			why = to_ms(v, fraction, unit->factor, ret_ms);
		else if ((p[0] | 0x20) == 'e')
			why = "an exponent is not accepted";
		else
			why = "the unit is none of ms, s, m, h";
	}
	if (why == NULL)
		return WARD_OK;
	r = refuse(err, s, "time span", why);
	ward_fail_fix(err,
		"write a number with ms, s, m or h (none: seconds), such as 200ms, 5s or 1.5m");
	return r;
}

int ward_parse_cpus(const char *s, uint32_t *ret_millicpus, struct ward_error *err)
{
	const char *p = s;
	const char *why;
	uint64_t v = 0, fraction = 0;
	int r;

	why = take_digits(&p, &v);
	if (why == NULL)
		why = take_fraction(&p, 3, &fraction);
	if (why == NULL && *p != '\0')
		why = "something stands behind the number";
	if (why == NULL && v > CPUS_MAX / 1000)
		why = "it is too large";
	v = why == NULL ? v * 1000 + fraction : 0;
	if (why == NULL && v > CPUS_MAX)
		why = "it is too large";
	if (why == NULL && v < CPUS_MIN)
		why = "it is too small";
	if (why == NULL) {
		*ret_millicpus = (uint32_t)v;
		return WARD_OK;
	}
	r = refuse(err, s, "number of cpus", why);
	ward_fail_fix(err, "write a number from 0.01 to 1024, such as 1, 0.5 or 2.25");
	return r;
}

void ward_format_size(uint64_t bytes, char *out, size_t size)
{
	const struct unit *exact = &size_units[0], *near = &size_units[0];
	uint64_t whole, tenth;

	for (size_t i = 1; i < WARD_ARRAY_SIZE(size_units); i++) {
		if (bytes >= size_units[i].factor)
			near = &size_units[i];
		if (bytes > 0 && bytes % size_units[i].factor == 0)
			exact = &size_units[i];
	}
	whole = bytes / near->factor;
	/* 50M, 1536K and 1025 are said exactly; what would be long is said to a tenth. */
	if (exact == near || bytes / exact->factor < 10000) {
		(void)snprintf(out, size, "%llu%s", (unsigned long long)(bytes / exact->factor),
			exact->name);
		return;
	}
	tenth = (bytes % near->factor) / (near->factor / 10);
	(void)snprintf(out, size, "%llu.%u%s", (unsigned long long)whole,
		(unsigned)(tenth > 9 ? 9 : tenth), near->name);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datetime and duration: milliseconds in 64 bits, from the epoch of Unix or between two moments. The calendar is the
 * proleptic Gregorian one, without leap seconds, years 0000 to 9999 in text. No time zone is looked up and no clock is read.
 */
#include <string.h>

#include "cedar/value/ext.h"

#define SECOND 1000ll
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum why { FINE = 0, DATE_FORM, DATE, CLOCK_FORM, CLOCK, END_FORM, OFFSET };

struct moment {
	unsigned year, month, day, hour, minute, second, milli;
	unsigned offset_hour, offset_minute;
	bool east;
};

/* n digits at at. */
static bool digits(struct ward_str s, size_t at, size_t n, unsigned *ret)
{
	unsigned v = 0;

	if (s.n < n || at > s.n - n)
		return false;
	for (size_t i = at; i < at + n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.s[i] - '0');
	}
	*ret = v;
	return true;
}

static bool at_char(struct ward_str s, size_t at, char c)
{
	return at < s.n && s.s[at] == c;
}

static bool valid_date(const struct moment *m)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = m->year % 4 == 0 && (m->year % 100 != 0 || m->year % 400 == 0);

	if (m->month < 1 || m->month > 12 || m->day < 1)
		return false;
	return m->day <= days[m->month - 1] + (unsigned)(leap && m->month == 2);
}

/* Days since 1970-01-01: years begin in March, so that the leap day is the last; eras have 400 years. */
static int64_t days_of(const struct moment *m)
{
	int64_t y = (int64_t)m->year - (m->month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year = y - era * 400;
	int64_t day = (153 * ((int64_t)m->month + (m->month > 2 ? -3 : 9)) + 2) / 5 + m->day - 1;

	return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* [.SSS](Z|+hhmm|-hhmm) from at to the end. */
static bool read_end(struct ward_str s, size_t at, struct moment *m)
{
	if (at_char(s, at, '.')) {
		if (!digits(s, at + 1, 3, &m->milli))
			return false;
		at += 4;
	}
	if (at_char(s, at, 'Z'))
		return at + 1 == s.n;
	m->east = at_char(s, at, '+');
	return (m->east || at_char(s, at, '-')) && s.n - at == 5 &&
		digits(s, at + 1, 2, &m->offset_hour) && digits(s, at + 3, 2, &m->offset_minute);
}

/* Form before meaning, left to right: it is what decides which reason is given. */
static enum why read_moment(struct ward_str s, struct moment *m)
{
	*m = (struct moment){ 0 };
	if (!digits(s, 0, 4, &m->year) || !at_char(s, 4, '-') || !digits(s, 5, 2, &m->month) ||
		!at_char(s, 7, '-') || !digits(s, 8, 2, &m->day))
		return DATE_FORM;
	if (s.n == 10)
		return valid_date(m) ? FINE : DATE;
	if (!at_char(s, 10, 'T') || !digits(s, 11, 2, &m->hour) || !at_char(s, 13, ':') ||
		!digits(s, 14, 2, &m->minute) || !at_char(s, 16, ':') ||
		!digits(s, 17, 2, &m->second))
		return CLOCK_FORM;
	if (!read_end(s, 19, m))
		return END_FORM;
	if (!valid_date(m))
		return DATE;
	if (m->hour > 23 || m->minute > 59 || m->second > 59)
		return CLOCK;
	return m->offset_hour > 23 || m->offset_minute > 59 ? OFFSET : FINE;
}

bool ward_cedar_datetime_parse(struct ward_str s, int64_t *ret_ms)
{
	struct moment m;
	int64_t offset;

	if (read_moment(s, &m) != FINE)
		return false;
	offset = m.offset_hour * HOUR + m.offset_minute * MINUTE;
	*ret_ms = days_of(&m) * DAY + m.hour * HOUR + m.minute * MINUTE + m.second * SECOND +
		m.milli - (m.east ? offset : -offset);
	return true;
}

void ward_cedar_datetime_complain(struct ward_buf *out, struct ward_str s)
{
	struct moment m;

	switch (read_moment(s, &m)) {
	case DATE_FORM: ward_buf_adds(out, "invalid date pattern"); break;
	case DATE:
		ward_buf_adds(out, "invalid date: ");
		ward_buf_add(out, s.s, 10);
		break;
	case CLOCK_FORM: ward_buf_adds(out, "invalid hour/minute/second pattern"); break;
	case CLOCK:
		ward_buf_adds(out, "invalid hour/minute/second: ");
		ward_buf_add(out, s.s + 11, 8);
		break;
	case END_FORM: ward_buf_adds(out, "invalid millisecond and/or offset pattern"); break;
	case OFFSET:
		ward_buf_addf(out, "invalid offset range: %u%u", m.offset_hour, m.offset_minute);
		break;
	case FINE: break;
	}
}

/* ---- durations ---- */

static const struct {
	const char *unit;
	int64_t ms;
} units[] = { { "d", DAY }, { "h", HOUR }, { "m", MINUTE }, { "s", SECOND }, { "ms", 1 } };
#define N_UNITS WARD_ARRAY_SIZE(units)

/* Which of the units from first on is at at; N_UNITS: none. */
static size_t unit_at(struct ward_str s, size_t at, size_t first)
{
	size_t n = 0;

	while (at + n < s.n && (s.s[at + n] < '0' || s.s[at + n] > '9'))
		n++;
	for (size_t u = first; u < N_UNITS; u++) {
		if (strlen(units[u].unit) == n && memcmp(units[u].unit, s.s + at, n) == 0)
			return u;
	}
	return N_UNITS;
}

/* Form first, then range. false with *ret_form: what is written is no duration at all. */
static bool read_duration(struct ward_str s, int64_t *ret, bool *ret_form)
{
	bool negative = s.n > 0 && s.s[0] == '-';
	bool fits = true;
	size_t at = negative, next = 0;
	int64_t sum = 0;

	*ret_form = true;
	if (at == s.n)
		return false;
	while (at < s.n) {
		size_t from = at, unit;
		int64_t v = 0, sign = negative ? -1 : 1;

		for (; at < s.n && s.s[at] >= '0' && s.s[at] <= '9'; at++)
			fits = fits && !__builtin_mul_overflow(v, (int64_t)10, &v) &&
				!__builtin_add_overflow(v, sign * (s.s[at] - '0'), &v);
		unit = unit_at(s, at, next);
		if (at == from || unit == N_UNITS)
			return false;
		at += strlen(units[unit].unit);
		next = unit + 1;
		fits = fits && !__builtin_mul_overflow(v, units[unit].ms, &v) &&
			!__builtin_add_overflow(sum, v, &sum);
	}
	*ret_form = false;
	*ret = sum;
	return fits;
}

bool ward_cedar_duration_parse(struct ward_str s, int64_t *ret_ms)
{
	int64_t ms;
	bool form;

	if (!read_duration(s, &ms, &form))
		return false;
	*ret_ms = ms;
	return true;
}

void ward_cedar_duration_complain(struct ward_buf *out, struct ward_str s)
{
	int64_t ms;
	bool form;

	(void)read_duration(s, &ms, &form);
	ward_buf_adds(out,
		form ? "invalid duration pattern" : "Duration overflows internal representation");
}

/* ---- canonical forms ---- */

void ward_cedar_duration_print(struct ward_buf *out, int64_t ms)
{
	ward_buf_addf(out, "%lldms", (long long)ms);
}

void ward_cedar_datetime_print(struct ward_buf *out, int64_t ms)
{
	ward_buf_adds(out, "datetime(\"1970-01-01\").offset(duration(\"");
	ward_cedar_duration_print(out, ms);
	ward_buf_adds(out, "\"))");
}

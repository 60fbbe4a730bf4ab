/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literal texts handed to the constructors of extension values: are they values, and if not, what is the advice? The
 * advice depends on how far the text went right.
 */
#include <string.h>

#include "cedar/validate/check.h"

static bool digits(struct ward_str s, size_t at, size_t n)
{
	if (at > s.n || n > s.n - at)
		return false;
	for (size_t i = at; i < at + n; i++)
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
	return true;
}

static size_t run_of_digits(struct ward_str s, size_t at)
{
	size_t n = 0;

	while (at + n < s.n && digits(s, at + n, 1))
		n++;
	return n;
}

static const char *decimal_help(struct ward_str s)
{
	size_t sign = s.n > 0 && s.s[0] == '-', whole = run_of_digits(s, sign), dot = sign + whole;
	size_t rest = run_of_digits(s, dot + 1);
	char probe[32];
	int64_t v;

	if (whole == 0 || rest == 0 || dot >= s.n || s.s[dot] != '.' || dot + 1 + rest != s.n)
		return "valid decimal strings look like `12.34`: digits are required on both sides of `.`, up to 4 fractional "
		       "digits are allowed, and the value must be in range -922337203685477.5808 to 922337203685477.5807";
	/* Too many digits matter only when the whole part has its place; zeros before it do not count. */
	while (whole > 1 && s.s[sign] == '0') {
		s.s++;
		s.n--;
		whole--;
	}
	if (rest > 4 && whole < 20) {
		memcpy(probe, s.s + sign, whole);
		memcpy(probe + whole, ".0", 2);
		if (ward_cedar_decimal_parse((struct ward_str){ probe, whole + 2 }, &v))
			return "at most 4 digits are supported";
	}
	return "the value must be in range -922337203685477.5808 to 922337203685477.5807";
}

/* Of (.ddd)?(Z|(+|-)dddd) at the end. */
static bool is_zone(struct ward_str s, size_t at, bool *ret_offset)
{
	if (at < s.n && s.s[at] == '.') {
		if (!digits(s, at + 1, 3))
			return false;
		at += 4;
	}
	*ret_offset = at < s.n && (s.s[at] == '+' || s.s[at] == '-');
	if (*ret_offset)
		return digits(s, at + 1, 4) && at + 5 == s.n;
	return at + 1 == s.n && s.s[at] == 'Z';
}

static const char *datetime_help(struct ward_str s)
{
	static const char general[] =
		"valid datetime strings start with `YYYY-MM-DD` and may optionally include `THH:MM:SS` plus "
		"`Z`, `.SSSZ`, or an offset like `+0700`";
	char probe[21];
	bool offset;
	int64_t v;

	if (!digits(s, 0, 4) || s.n < 10 || s.s[4] != '-' || !digits(s, 5, 2) || s.s[7] != '-' ||
		!digits(s, 8, 2))
		return "A valid datetime string should start with YYYY-MM-DD";
	if (s.n == 10)
		return general;
	if (s.n < 19 || s.s[10] != 'T' || !digits(s, 11, 2) || s.s[13] != ':' ||
		!digits(s, 14, 2) || s.s[16] != ':' || !digits(s, 17, 2))
		return "A valid datetime string should have HH:MM:SS after the date";
	if (!is_zone(s, 19, &offset))
		return "A valid datetime should end with Z|.SSSZ|(+|-)hhmm|.SSS(+|-)hhmm";
	memcpy(probe, s.s, 19);
	probe[19] = 'Z';
	if (offset && ward_cedar_datetime_parse((struct ward_str){ probe, 20 }, &v))
		return "A valid offset hour range should be [0,24) and minute range should be [0, 60)";
	return general;
}

static const char *duration_help(struct ward_str s)
{
	static const char *const units[] = { "d", "h", "m", "s", "ms" };
	size_t at = s.n > 0 && s.s[0] == '-', unit = 0;

	while (at < s.n && unit < WARD_ARRAY_SIZE(units)) {
		size_t n = run_of_digits(s, at), left = s.n - at - n;
		const char *u = units[unit++];

		/* "m" is no minute where "ms" stands. */
		if (n == 0 || left < strlen(u) || memcmp(s.s + at + n, u, strlen(u)) != 0 ||
			(strcmp(u, "m") == 0 && left > 1 && s.s[at + n + 1] == 's'))
			continue;
		at += n + strlen(u);
	}
	if (at < s.n || at == (size_t)(s.n > 0 && s.s[0] == '-'))
		return "A valid duration string is a concatenated sequence of quantity-unit pairs with an optional `-` at the "
		       "beginning";
	return "A duration in milliseconds must be representable by a signed 64 bit integer";
}

static bool is_value(enum cedar_fn fn, struct ward_str s)
{
	struct cedar_ip ip;
	int64_t v;

	switch (fn) {
	case CEDAR_FN_DECIMAL: return ward_cedar_decimal_parse(s, &v);
	case CEDAR_FN_IP: return ward_cedar_ip_parse(s, &ip);
	case CEDAR_FN_DATETIME: return ward_cedar_datetime_parse(s, &v);
	case CEDAR_FN_DURATION: return ward_cedar_duration_parse(s, &v);
	default: return true;
	}
}

static const char *help_for(enum cedar_fn fn, struct ward_str s)
{
	switch (fn) {
	case CEDAR_FN_DECIMAL: return decimal_help(s);
	case CEDAR_FN_DATETIME: return datetime_help(s);
	case CEDAR_FN_DURATION: return duration_help(s);
	default:
		return "valid IP strings are IPv4/IPv6 addresses or CIDR ranges like `127.0.0.1`, `127.0.0.1/24`, or "
		       "`ffee::/64`";
	}
}

bool ward_cedar_check_argument(struct checker *c, const struct node *call)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	enum cedar_fn fn = (enum cedar_fn)call->aux;
	struct ward_str s;

	if (call->n != 1 || call->v[0]->kind != CEDAR_X_STRING)
		return true;
	s = ward_cedar_text(call->v[0]->str);
	if (is_value(fn, s))
		return true;
	ward_buf_adds(&b,
		"error during extension function argument validation: failed to parse as ");
	ward_buf_adds(&b,
		fn == CEDAR_FN_IP                 ? "IP address"
			: fn == CEDAR_FN_DECIMAL  ? "a decimal value"
			: fn == CEDAR_FN_DATETIME ? "a datetime value"
						  : "a duration value");
	ward_buf_adds(&b, ": `");
	ward_cedar_quote(&b, s);
	ward_buf_adds(&b, "`");
	ward_cedar_find(c, CEDAR_FINDING_FUNCTION_ARGUMENT_VALIDATION, ward_cedar_node_at(call), &b,
		help_for(fn, s));
	return false;
}

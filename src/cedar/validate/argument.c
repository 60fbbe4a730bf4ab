/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literal texts handed to the constructors of extension values: are they values, and if not, what is the advice? For a
 * decimal it depends on how far the text went right.
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
		probe[whole] = '.';
		probe[whole + 1] = '0';
		if (ward_cedar_decimal_parse((struct ward_str){ probe, whole + 2 }, &v))
			return "at most 4 digits are supported";
	}
	return "the value must be in range -922337203685477.5808 to 922337203685477.5807";
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
	case CEDAR_FN_DATETIME:
		return "valid datetime strings start with `YYYY-MM-DD` and may optionally include `THH:MM:SS` plus `Z`, `.SSSZ`, "
		       "or an offset like `+0700`";
	case CEDAR_FN_DURATION:
		return "valid duration strings are concatenated quantity-unit pairs with an optional leading `-`, for example "
		       "`1d2h3m4s50ms`";
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "host:port" of NETWORK_CONNECT and NETWORK_LISTEN: a name of LDH labels (RFC 1123), one "*" as its first label, an
 * IPv4 address or an IPv6 address in brackets; a port 1..65535 or "*". Refuses everything that two readers could take
 * for two hosts: octal or short IPv4 forms, a colon too many, a trailing dot, a name that ends in a number. No name
 * is looked up here.
 */
#include <arpa/inet.h>
#include <string.h>

#include "policy/fail.h"

#define HOST_MAX 253
#define LABEL_MAX 63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_ldh(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* All digits, no leading zero, at most max. */
static bool is_number(struct ward_str s, unsigned min, unsigned max)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5 || (s.s[0] == '0' && s.n > 1))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.s[i]))
			return false;
		v = v * 10 + (unsigned)(s.s[i] - '0');
	}
	return v >= min && v <= max;
}

static bool is_label(struct ward_str s)
{
	if (s.n == 0 || s.n > LABEL_MAX || s.s[0] == '-' || s.s[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_ldh(s.s[i]))
			return false;
	}
	return true;
}

static struct ward_str until_dot(struct ward_str s)
{
	const char *dot = memchr(s.s, '.', s.n);

	return (struct ward_str){ s.s, dot != NULL ? (size_t)(dot - s.s) : s.n };
}

static bool is_ipv4(struct ward_str s)
{
	for (unsigned i = 0; i < 4; i++) {
		struct ward_str part = until_dot(s);

		if (!is_number(part, 0, 255) || (part.n == s.n) != (i == 3))
			return false;
		if (i < 3)
			s = (struct ward_str){ s.s + part.n + 1, s.n - part.n - 1 };
	}
	return true;
}

static bool is_ipv6(struct ward_str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (s.n >= sizeof(text))
		return false;
	memcpy(text, s.s, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* A name; with wild, its first label was a "*" that the caller took away. */
static bool is_name(struct ward_str s)
{
	struct ward_str label;

	if (s.n == 0 || s.n > HOST_MAX)
		return false;
	for (;;) {
		label = until_dot(s);
		if (!is_label(label))
			return false;
		if (label.n == s.n)
			break;
		s = (struct ward_str){ s.s + label.n + 1, s.n - label.n - 1 };
	}
	/* Some resolvers read a name that ends in a number as an address. */
	for (size_t i = 0; i < label.n; i++) {
		if (!is_digit(label.s[i]))
			return true;
	}
	return false;
}

static int check_host(const struct ward_cap *cap, struct ward_str host, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX];

	if (host.n > 1 && host.s[0] == '[' && host.s[host.n - 1] == ']') {
		if (is_ipv6((struct ward_str){ host.s + 1, host.n - 2 }))
			return WARD_OK;
	} else if (host.n > 2 && host.s[0] == '*' && host.s[1] == '.') {
		if (is_name((struct ward_str){ host.s + 2, host.n - 2 }))
			return WARD_OK;
	} else if (is_ipv4(host) || is_name(host)) {
		return WARD_OK;
	}
	ward_cap_shown(host, shown);
	(void)ward_cap_fail(err, cap, "%s is no host", shown);
	ward_fail_fix(err,
		"write a name (letters, digits, \"-\" and \".\"; \"*.\" may come first), an IPv4 address or [IPv6]");
	return WARD_E_CAPABILITY;
}

int ward_cap_check_endpoint(const struct ward_cap *cap, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX];
	const char *s = cap->resource;
	const char *colon = strrchr(s, ':');
	struct ward_str port;

	/* "::1" and "[::1]" have colons, but no port. */
	if (colon == NULL || strchr(colon, ']') != NULL) {
		(void)ward_cap_fail(err, cap, "has no port");
		ward_fail_fix(err,
			"write host:port, for example api.example.com:443, or host:* for every port");
		return WARD_E_CAPABILITY;
	}
	if (s[0] != '[' && memchr(s, ':', (size_t)(colon - s)) != NULL) {
		(void)ward_cap_fail(err, cap, "has more than one colon");
		ward_fail_fix(err, "write an IPv6 address in brackets: [::1]:443");
		return WARD_E_CAPABILITY;
	}
	port = ward_str(colon + 1);
	if (!ward_str_eq(port, WARD_STR("*")) && !is_number(port, 1, 65535)) {
		ward_cap_shown(port, shown);
		(void)ward_cap_fail(err, cap, "%s is no port", shown);
		ward_fail_fix(err, "a port is a number from 1 to 65535, or * for every port");
		return WARD_E_CAPABILITY;
	}
	return check_host(cap, (struct ward_str){ s, (size_t)(colon - s) }, err);
}

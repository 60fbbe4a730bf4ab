/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "HOST:PORTS" of NETWORK_CONNECT and NETWORK_LISTEN. HOST is a name (net/name.c), "*.NAME", "**.NAME", an IPv4 address or [IPv6], or a
 * range ADDRESS/BITS; PORTS is a number, a range 8000-8080, a list of those, or "*". Refuses everything that two readers could take for
 * two things: octal or short IPv4 forms, zones, a colon too many, a name that ends in a number, IPv6 forms of an IPv4 address, bits
 * behind a prefix, a port twice. No name is looked up here.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "policy/net/own.h"

#define PORT_MAX 65535u

/* All digits, no leading zero, at most five. */
static bool number(struct ward_str s, unsigned min, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5 || (s.s[0] == '0' && s.n > 1))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.s[i] - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static struct ward_str until(struct ward_str s, char c)
{
	const char *at = memchr(s.s, c, s.n);

	return (struct ward_str){ s.s, at != NULL ? (size_t)(at - s.s) : s.n };
}

static struct ward_str behind(struct ward_str s, struct ward_str part)
{
	size_t n = part.n < s.n ? part.n + 1 : s.n;

	return (struct ward_str){ s.s + n, s.n - n };
}

/* ---- complaints ---- */

static const char *shown(struct ward_str s, char out[64])
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_quote(&b, s.s, s.n > 24 ? 24 : s.n);
	(void)snprintf(out, 64, "%.58s%s", b.failed ? "?" : ward_buf_cstr(&b),
		s.n > 24 ? "..." : "");
	ward_buf_done(&b);
	return out;
}

static bool fault(struct ward_endpoint_fault *why, const char *what, const char *fix)
{
	(void)snprintf(why->what, sizeof(why->what), "%s", what);
	(void)snprintf(why->fix, sizeof(why->fix), "%s", fix);
	return false;
}

static bool no_host(struct ward_endpoint_fault *why, struct ward_str host)
{
	char text[64];

	(void)snprintf(why->what, sizeof(why->what), "%s is no host", shown(host, text));
	(void)snprintf(why->fix, sizeof(why->fix),
		"write a name, \"*.\" or \"**.\" and a name, an IPv4 address or [IPv6], or a range of them (10.0.0.0/8)");
	return false;
}

/* ---- ports ---- */

static bool no_port(struct ward_endpoint_fault *why, struct ward_str port)
{
	char text[64], what[96];

	(void)snprintf(what, sizeof(what), "%s is no port", shown(port, text));
	return fault(why, what,
		"a port is a number from 1 to 65535, a range 8000-8080, a list 80,443, or * for every port");
}

static bool one_range(struct ward_str s, struct ward_port_range *ret,
	struct ward_endpoint_fault *why)
{
	struct ward_str low = until(s, '-');
	struct ward_str high = low.n < s.n ? behind(s, low) : low;
	unsigned first, last;

	if (!number(low, 1, PORT_MAX, &first) || !number(high, 1, PORT_MAX, &last))
		return no_port(why, s);
	if (low.n < s.n && first >= last)
		return fault(why, "a range of ports begins with the lower one",
			"write it the other way round, or one port");
	*ret = (struct ward_port_range){ (uint16_t)first, (uint16_t)last };
	return true;
}

/* In order; false: it has ports in common with one that is there. */
static bool insert(struct ward_endpoint *e, struct ward_port_range r)
{
	size_t i = e->n_ports;

	for (; i > 0 && e->ports[i - 1].first > r.first; i--)
		e->ports[i] = e->ports[i - 1];
	e->ports[i] = r;
	e->n_ports++;
	return (i == 0 || e->ports[i - 1].last < r.first) &&
		(i + 1 == e->n_ports || r.last < e->ports[i + 1].first);
}

static bool ports(struct ward_str s, struct ward_endpoint *e, struct ward_endpoint_fault *why)
{
	if (ward_str_eq(s, WARD_STR("*"))) {
		e->ports[0] = (struct ward_port_range){ 1, PORT_MAX };
		e->n_ports = 1;
		return true;
	}
	for (;;) {
		struct ward_str one = until(s, ',');
		struct ward_port_range r = { 0 };

		if (!one_range(one, &r, why))
			return false;
		if (e->n_ports == WARD_PORT_RANGES_MAX)
			return fault(why, "too many ports and ranges of ports",
				"write more than one grant, or wider ranges");
		if (!insert(e, r))
			return fault(why, "a port stands there twice", "write each port once");
		if (one.n == s.n)
			return true;
		s = behind(s, one);
	}
}

/* ---- addresses ---- */

static bool ipv4(struct ward_str s, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		struct ward_str part = until(s, '.');
		unsigned v;

		if (!number(part, 0, 255, &v) || (part.n == s.n) != (i == 3))
			return false;
		out[i] = (uint8_t)v;
		s = behind(s, part);
	}
	return true;
}

static bool ipv6(struct ward_str s, uint8_t out[16])
{
	char text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.s, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.s, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET6, text, out) == 1;
}

static void cut(uint8_t *a, size_t n, unsigned bits)
{
	for (size_t i = 0; i < n; i++) {
		unsigned here = bits > 8 * i ? bits - 8 * (unsigned)i : 0;

		if (here < 8)
			a[i] &= (uint8_t)(0xff00u >> here);
	}
}

/* What is left of a range when the bits behind its prefix are gone must be what was written. */
static bool range(struct ward_endpoint *e, struct ward_str bits, struct ward_endpoint_fault *why)
{
	unsigned most = e->family == 4 ? 32 : 128, v = 0;
	uint8_t was[16];
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (!number(bits, 0, most, &v))
		return fault(why, "no length of a prefix",
			e->family == 4 ? "write 0 to 32, for example 10.0.0.0/8"
				       : "write 0 to 128, for example [fd00::/8]");
	e->kind = WARD_HOST_RANGE;
	e->bits = (uint8_t)v;
	memcpy(was, e->address, sizeof(was));
	cut(e->address, e->family == 4 ? 4 : 16, v);
	if (memcmp(was, e->address, sizeof(was)) == 0)
		return true;
	ward_endpoint_host(e, text);
	(void)snprintf(why->what, sizeof(why->what), "there are bits behind the prefix");
	(void)snprintf(why->fix, sizeof(why->fix), e->family == 4 ? "write %.64s" : "write [%.64s]",
		text);
	return false;
}

/* An IPv4 address in IPv6's clothes is the IPv4 address. */
static bool mapped(const struct ward_endpoint *e)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return e->family == 6 && memcmp(e->address, prefix, sizeof(prefix)) == 0;
}

/* "1.2.3.4", "10.0.0.0/8", or what stood in brackets. */
static bool literal(struct ward_str host, int family, struct ward_endpoint *e, bool *ret_is,
	struct ward_endpoint_fault *why)
{
	struct ward_str address = until(host, '/');
	unsigned bits;
	int n;

	*ret_is = false;
	if (family == 4 ? !ipv4(address, e->address) : !ipv6(address, e->address))
		return true;
	*ret_is = true;
	e->kind = WARD_HOST_ADDRESS;
	e->family = (uint8_t)family;
	e->bits = family == 4 ? 32 : 128;
	if (mapped(e)) {
		(void)snprintf(why->what, sizeof(why->what), "an IPv4 address in the form of IPv6");
		n = snprintf(why->fix, sizeof(why->fix), "write %u.%u.%u.%u", e->address[12],
			e->address[13], e->address[14], e->address[15]);
		if (address.n < host.n && number(behind(host, address), 96, 128, &bits))
			(void)snprintf(why->fix + n, sizeof(why->fix) - (size_t)n, "/%u",
				bits - 96);
		return false;
	}
	return address.n == host.n || range(e, behind(host, address), why);
}

/* ---- names ---- */

static bool name(struct ward_str s, struct ward_str whole, struct ward_endpoint *e,
	struct ward_endpoint_fault *why)
{
	static const char *const stars[] = {
		[WARD_HOST_NAME] = "", [WARD_HOST_CHILD] = "*.", [WARD_HOST_BELOW] = "**."
	};
	enum ward_name_fault f = ward_name_normalize(s, e->name);

	if (f == WARD_NAME_BAD || f == WARD_NAME_NUMBER)
		return no_host(why, whole);
	if (f == WARD_NAME_DOT || (f == WARD_NAME_LETTERS && e->name[0] != '\0')) {
		(void)snprintf(why->what, sizeof(why->what), "%s",
			f == WARD_NAME_DOT ? "a name has no dot at its end"
					   : "upper case, or letters of more than one script");
		(void)snprintf(why->fix, sizeof(why->fix), "write \"%s%.253s\"%s", stars[e->kind],
			e->name, f == WARD_NAME_DOT ? "" : ", if that is meant");
		return false;
	}
	if (f == WARD_NAME_LETTERS)
		return fault(why, "letters whose one form is not sure",
			"write the name with its A-labels (xn--...)");
	e->name_n = strlen(e->name);
	return true;
}

static bool host(struct ward_str s, struct ward_endpoint *e, struct ward_endpoint_fault *why)
{
	size_t stars = 0;
	bool is;

	if (s.n > 1 && s.s[0] == '[' && s.s[s.n - 1] == ']') {
		if (!literal((struct ward_str){ s.s + 1, s.n - 2 }, 6, e, &is, why))
			return false;
		return is || no_host(why, s);
	}
	if (!literal(s, 4, e, &is, why))
		return false;
	if (is)
		return true;
	if (ward_str_eq(s, WARD_STR("*")) || ward_str_eq(s, WARD_STR("**")))
		return fault(why,
			s.n == 1 ? "\"*\" is no host: every host is not granted by one star"
				 : "\"**\" is no host: every host is not granted by two stars",
			"name the hosts, or a domain: **.example.com; all that there is: a policy that permits net.connect for every resource");
	while (stars < 2 && stars < s.n && s.s[stars] == '*')
		stars++;
	e->kind = stars == 0 ? WARD_HOST_NAME : stars == 1 ? WARD_HOST_CHILD : WARD_HOST_BELOW;
	if (stars > 0 && (s.n <= stars || s.s[stars] != '.'))
		return no_host(why, s);
	stars += stars > 0;
	return name((struct ward_str){ s.s + stars, s.n - stars }, s, e, why);
}

/* ---- the whole ---- */

bool ward_endpoint_parse(struct ward_str text, struct ward_endpoint *ret,
	struct ward_endpoint_fault *why)
{
	const char *colon = text.n > 0 ? memrchr(text.s, ':', text.n) : NULL;
	struct ward_str h, p;
	unsigned port;

	*ret = (struct ward_endpoint){ 0 };
	*why = (struct ward_endpoint_fault){ 0 };
	if (memmem(text.s, text.n, "://", 3) != NULL)
		return fault(why, "is a URL, and a grant is of a host and a port",
			"write host:port alone, for example api.example.com:443");
	if (number(text, 1, PORT_MAX, &port))
		return fault(why, "is a port without a host",
			"write host:port, for example api.example.com:443 or 127.0.0.1:8080");
	/* "::1" and "[::1]" have colons, but no port. */
	if (colon == NULL || memchr(colon, ']', (size_t)(text.s + text.n - colon)) != NULL)
		return fault(why, "has no port",
			"write host:port, for example api.example.com:443, or host:* for every port");
	h = (struct ward_str){ text.s, (size_t)(colon - text.s) };
	p = (struct ward_str){ colon + 1, text.n - h.n - 1 };
	if (text.s[0] != '[' && memchr(h.s, ':', h.n) != NULL)
		return fault(why, "has more than one colon",
			"write an IPv6 address in brackets: [::1]:443");
	if (!ports(p, ret, why) || !host(h, ret, why)) {
		ret->kind = WARD_HOST_NONE;
		return false;
	}
	return true;
}

bool ward_endpoint_is_one(const struct ward_endpoint *e)
{
	return (e->kind == WARD_HOST_NAME || e->kind == WARD_HOST_ADDRESS) && e->n_ports == 1 &&
		e->ports[0].first == e->ports[0].last;
}

bool ward_endpoint_carried(const struct ward_endpoint *e, struct ward_endpoint *ret)
{
	const uint8_t *v4 =
		e->kind == WARD_HOST_ADDRESS ? ward_address_nat64(e->family, e->address) : NULL;

	if (v4 == NULL)
		return false;
	*ret = *e;
	ret->family = 4;
	ret->bits = 32;
	memset(ret->address, 0, sizeof(ret->address));
	memcpy(ret->address, v4, 4);
	return true;
}

void ward_endpoint_host(const struct ward_endpoint *e, char out[WARD_ENDPOINT_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN] = "";

	switch (e->kind) {
	case WARD_HOST_NONE: out[0] = '\0'; break;
	case WARD_HOST_NAME: (void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, "%s", e->name); break;
	case WARD_HOST_CHILD: (void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, "*.%s", e->name); break;
	case WARD_HOST_BELOW: (void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, "**.%s", e->name); break;
	case WARD_HOST_ADDRESS:
	case WARD_HOST_RANGE:
		if (inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->address, address,
			    sizeof(address)) == NULL)
			address[0] = '\0';
		if (e->kind == WARD_HOST_RANGE)
			(void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, "%s/%u", address, e->bits);
		else
			(void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, "%s", address);
		break;
	}
}

void ward_endpoint_text(const struct ward_endpoint *e, char out[WARD_ENDPOINT_TEXT_MAX])
{
	char h[WARD_ENDPOINT_TEXT_MAX];
	bool brackets = e->family == 6;
	size_t n;

	ward_endpoint_host(e, h);
	n = (size_t)snprintf(out, WARD_ENDPOINT_TEXT_MAX, brackets ? "[%.300s]" : "%.300s", h);
	if (e->n_ports == 1 && e->ports[0].first == 1 && e->ports[0].last == PORT_MAX) {
		(void)snprintf(out + n, WARD_ENDPOINT_TEXT_MAX - n, ":*");
		return;
	}
	/* 302 and 16 times 12 at the most. */
	for (size_t i = 0; i < e->n_ports; i++) {
		const struct ward_port_range *r = &e->ports[i];

		n += (size_t)snprintf(out + n, WARD_ENDPOINT_TEXT_MAX - n,
			r->first == r->last ? "%c%u" : "%c%u-%u", i == 0 ? ':' : ',', r->first,
			r->last);
	}
}

bool ward_endpoint_parse_asked(struct ward_str text, struct ward_endpoint *ret)
{
	struct ward_endpoint_fault why;
	char spelling[WARD_ENDPOINT_TEXT_MAX];

	if (text.n >= WARD_ENDPOINT_TEXT_MAX || !ward_endpoint_parse(text, ret, &why) ||
		!ward_endpoint_is_one(ret))
		return false;
	ward_endpoint_text(ret, spelling);
	return ward_str_eq(text, ward_str(spelling));
}

bool ward_endpoint_question(const char *h, uint16_t port, char out[WARD_ENDPOINT_TEXT_MAX])
{
	bool brackets = strchr(h, ':') != NULL;
	int n = snprintf(out, WARD_ENDPOINT_TEXT_MAX, brackets ? "[%s]:%u" : "%s:%u", h, port);

	return n > 0 && n < WARD_ENDPOINT_TEXT_MAX;
}

/* ---- does a rule hold what was asked? ---- */

/* s: ports in their one spelling. */
static bool port_among(const char *s, unsigned port)
{
	if (s[0] == '*')
		return true;
	for (;;) {
		unsigned first = 0, last;

		for (; *s >= '0' && *s <= '9'; s++)
			first = first * 10 + (unsigned)(*s - '0');
		last = first;
		if (*s == '-') {
			last = 0;
			for (s++; *s >= '0' && *s <= '9'; s++)
				last = last * 10 + (unsigned)(*s - '0');
		}
		if (port >= first && port <= last)
			return true;
		if (*s != ',')
			return false;
		s++;
	}
}

/* The ports of a rule that holds this name; NULL: it does not. */
static const char *ports_for_name(const char *rule, const struct ward_endpoint *asked)
{
	const char *n = asked->name, *base;
	size_t length, before;

	if (rule[0] != '*') {
		if (strncmp(rule, n, asked->name_n) != 0 || rule[asked->name_n] != ':')
			return NULL;
		return rule + asked->name_n + 1;
	}
	base = rule + (rule[1] == '*' ? 3 : 2);
	length = strcspn(base, ":");
	if (base[length] != ':' || length + 1 >= asked->name_n)
		return NULL;
	before = asked->name_n - length;
	if (n[before - 1] != '.' || memcmp(n + before, base, length) != 0)
		return NULL;
	if (rule[1] != '*' && memchr(n, '.', before - 1) != NULL)
		return NULL;
	return base + length + 1;
}

static const char *ports_for_address(const char *rule, const struct ward_endpoint *asked)
{
	struct ward_endpoint e = { 0 };
	struct ward_endpoint_fault why;
	size_t length = rule[0] == '[' ? strcspn(rule, "]") + 1 : strcspn(rule, ":");
	bool is = false;

	if ((rule[0] == '[') != (asked->family == 6) || length > strlen(rule) ||
		rule[length] != ':')
		return NULL;
	if (rule[0] == '[' ? !literal((struct ward_str){ rule + 1, length - 2 }, 6, &e, &is, &why)
			   : !literal((struct ward_str){ rule, length }, 4, &e, &is, &why))
		return NULL;
	if (!is || !ward_address_within(asked->address, e.address, e.bits))
		return NULL;
	return rule + length + 1;
}

static const char *ports_for(const char *rule, const struct ward_endpoint *asked)
{
	if (asked->kind == WARD_HOST_NAME)
		return ports_for_name(rule, asked);
	return asked->kind == WARD_HOST_ADDRESS ? ports_for_address(rule, asked) : NULL;
}

bool ward_endpoint_holds(const char *rule, const struct ward_endpoint *asked)
{
	const char *p = asked->n_ports == 1 ? ports_for(rule, asked) : NULL;

	return p != NULL && port_among(p, asked->ports[0].first);
}

bool ward_endpoint_holds_host(const char *rule, const struct ward_endpoint *asked)
{
	return ports_for(rule, asked) != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --publish [[ADDRESS:]PORT:]PORT, as people know it from container engines, with two differences: without an address it is the
 * host's loopback and nothing else, and there is no other protocol than TCP. It becomes a capability for each address, and beside it the
 * port inside.
 */
#include <stdio.h>
#include <string.h>

#include "run/request.h"

#define PORT_MAX 65535u

static int no(const char *value, const char *what, const char *fix, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_INVALID, "\"%.100s\": %s", value, what);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_INVALID;
}

static bool number(struct ward_str s, unsigned min, uint16_t *ret)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5 || (s.n > 1 && s.s[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.s[i] - '0');
	}
	*ret = (uint16_t)v;
	return v >= min && v <= PORT_MAX;
}

struct parts {
	struct ward_str address, outer, inner; /* n 0: not given, or empty */
	bool outer_given;
};

/* Up to the last part, which is the port inside; what is in front of it is an address, a port, or both. */
static bool split(struct ward_str s, struct parts *ret)
{
	const char *end = s.s + s.n, *colon;

	*ret = (struct parts){ 0 };
	if (s.n > 0 && s.s[0] == '[') {
		const char *close = memchr(s.s, ']', s.n);

		if (!close || close + 1 >= end || close[1] != ':')
			return false;
		ret->address = (struct ward_str){ s.s, (size_t)(close + 1 - s.s) };
		s = (struct ward_str){ close + 2, (size_t)(end - close - 2) };
	}
	colon = memchr(s.s, ':', s.n);
	if (!colon) {
		ret->inner = s;
		return true;
	}
	ret->outer = (struct ward_str){ s.s, (size_t)(colon - s.s) };
	ret->inner = (struct ward_str){ colon + 1, (size_t)(end - colon - 1) };
	ret->outer_given = true;
	if (ret->address.n > 0)
		return !memchr(ret->inner.s, ':', ret->inner.n);
	colon = memchr(ret->inner.s, ':', ret->inner.n);
	if (colon) {
		ret->address = ret->outer;
		ret->outer = (struct ward_str){ ret->inner.s, (size_t)(colon - ret->inner.s) };
		ret->inner = (struct ward_str){ colon + 1, (size_t)(end - colon - 1) };
		return ret->address.n > 0 && !memchr(ret->inner.s, ':', ret->inner.n);
	}
	/* ADDRESS:PORT: what has a letter or a dot is no port. */
	for (size_t i = 0; i < ret->outer.n && !ret->address.n; i++) {
		if (ret->outer.s[i] < '0' || ret->outer.s[i] > '9') {
			ret->address = ret->outer;
			ret->outer = (struct ward_str){ NULL, 0 };
			ret->outer_given = false;
		}
	}
	return true;
}

static int add(struct ward_request *r, struct ward_str address, const struct ward_publish *p,
	unsigned index, struct ward_error *err)
{
	struct ward_publish *v = ward_arena_alloc(r->arena, (r->n_publishes + 1) * sizeof(*v));
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX], spelling[WARD_ENDPOINT_TEXT_MAX];
	struct ward_cap cap = { .type = WARD_CAP_NETWORK_LISTEN,
		.resource = spelling,
		.origin = { .file = "--publish", .index = index } };
	int code;

	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	/* A port that is chosen later is one of all. */
	(void)snprintf(text, sizeof(text), p->port ? "%.*s:%u" : "%.*s:*", (int)address.n,
		address.s, p->port);
	if (!ward_endpoint_parse(ward_str(text), &e, &why) || e.kind != WARD_HOST_ADDRESS)
		return no(p->text, "no address in front of the ports",
			"write ADDRESS:PORT:PORT with an IPv4 address, or [IPv6]; without one it is the loopback",
			err);
	ward_endpoint_text(&e, spelling);
	code = ward_caps_add(&r->caps, &cap, err);
	if (code < 0)
		return code;
	if (r->n_publishes > 0)
		memcpy(v, r->publishes, r->n_publishes * sizeof(*v));
	v[r->n_publishes] = *p;
	v[r->n_publishes].cap = r->caps.n - 1;
	r->publishes = v;
	r->n_publishes++;
	return WARD_OK;
}

static int ports(struct ward_publish *p, const struct parts *parts, struct ward_error *err)
{
	static const char fix[] =
		"write PORT, PORT:PORT or ADDRESS:PORT:PORT: a port is a number from 1 to 65535, on the host 0 for one that the kernel chooses";

	if (ward_str_eq(parts->inner, WARD_STR("0")))
		return no(p->text, "no server listens at port 0", fix, err);
	if (!number(parts->inner, 1, &p->inner))
		return no(p->text,
			memchr(parts->inner.s, '-', parts->inner.n)
				? "a range of ports is not published; repeat the option"
				: "the port inside is none",
			fix, err);
	p->port = p->inner;
	if (parts->outer_given && parts->outer.n == 0)
		p->port = 0;
	else if (parts->outer_given && !number(parts->outer, 0, &p->port))
		return no(p->text, "the port on the host is none", fix, err);
	return WARD_OK;
}

int ward_apply_publish(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	struct ward_publish p = { .text = ward_arena_strdup(r->arena, value) };
	struct ward_str s = ward_str(value);
	struct parts parts;
	int code;

	if (!p.text)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (ward_has_suffix(value, "/udp") || ward_has_suffix(value, "/sctp"))
		return no(value, "only TCP is published", "take the protocol out", err);
	if (ward_has_suffix(value, "/tcp"))
		s.n -= strlen("/tcp");
	if (!split(s, &parts))
		return no(value, "not the form of what is published",
			"write PORT, PORT:PORT or ADDRESS:PORT:PORT; an IPv6 address in brackets",
			err);
	code = ports(&p, &parts, err);
	if (code < 0)
		return code;
	if (parts.address.n > 0 && !ward_str_eq(parts.address, WARD_STR("localhost")))
		return add(r, parts.address, &p, index, err);
	code = add(r, WARD_STR("127.0.0.1"), &p, index, err);
	p.spare = true;
	return code < 0 ? code : add(r, WARD_STR("[::1]"), &p, index, err);
}

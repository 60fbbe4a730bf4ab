/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run publishes: --publish, and NETWORK_LISTEN of one address and port, which is the same at one number on both sides. What is
 * judged is the place on the host (net.listen), since that is what others come to reach. Nothing is listened at here (run/net/listen.c).
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define INNER_MIN 1024 /* nobody inside has the right to the ports below */

static const struct ward_publish *option_of(const struct ward_request *r, size_t cap)
{
	for (size_t i = 0; i < r->n_publishes; i++) {
		if (r->publishes[i].cap == cap)
			return &r->publishes[i];
	}
	return NULL;
}

/* A kernel without IPv6, or one in which it is switched off, has no ::1. */
static bool has_six(void)
{
	const struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	WARD_FD fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (const void *)&a, sizeof(a)) == 0;
}

/* ---- what can be listened at ---- */

static int no_place(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
		"what is published is one address of this host and one port");
	ward_fail_fix(err, "write for example 127.0.0.1:8080, or --publish 8080");
	return WARD_E_CAPABILITY;
}

static int check_address(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_published *p, struct ward_error *err)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char *what = NULL, *fix = "name an address of this host";

	if (p->family == 4 ? p->address[0] >= 224 : p->address[0] == 0xff) {
		what = "nobody listens at a multicast or broadcast address";
	} else if (p->family == 6 && p->address[0] == 0xfe && (p->address[1] & 0xc0) == 0x80) {
		what = "a link-local address means nothing without its interface";
	} else if (p->family == 6 && memcmp(p->address, mapped, sizeof(mapped)) == 0) {
		what = "an IPv4 address in the form of IPv6";
		fix = "write it as the IPv4 address that it is";
	}
	if (!what)
		return WARD_OK;
	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s", what);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_CAPABILITY;
}

static int check_inner(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_published *p, struct ward_error *err)
{
	if (p->inner >= INNER_MIN)
		return WARD_OK;
	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
		"nothing inside can listen at port %u: those below %d need a right that no run has",
		p->inner, INNER_MIN);
	ward_fail_fix(err, "let the server listen at another, for example --publish %u:%u",
		p->port ? p->port : p->inner, 8000 + p->inner);
	return WARD_E_CAPABILITY;
}

static bool is_every(const struct ward_published *p)
{
	static const uint8_t none[16];

	return memcmp(p->address, none, p->family == 4 ? 4 : 16) == 0;
}

static bool same_place(const struct ward_published *a, const struct ward_published *b)
{
	return a->family == b->family && a->port == b->port && a->port &&
		(is_every(a) || is_every(b) || memcmp(a->address, b->address, 16) == 0);
}

static int check_twice(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_published *p, struct ward_error *err)
{
	for (size_t i = 0; i < rs->n_published; i++) {
		if (!same_place(&rs->published[i], p))
			continue;
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"that port of the host is published already: %s",
			rs->rules[rs->published[i].rule].text);
		ward_fail_fix(err, "publish one of them at another port");
		return WARD_E_CAPABILITY;
	}
	return WARD_OK;
}

/* ---- may it be ---- */

/* With policies: an option is a permit, and what forbids or narrows is said. rule: what a person said yes to. */
static int may(struct ward_resolver *rs, const struct ward_cap *cap, const struct ward_published *p,
	struct ward_rule *rule, bool *ret, struct ward_error *err)
{
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_LISTEN,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	const char *endpoint;
	struct ward_verdict v;
	int r;

	*ret = true;
	/* A port that is not chosen yet is judged when it is (run/net/listen.c). */
	if (!rs->book || !p->port)
		return WARD_OK;
	endpoint = ward_arena_strdup(rs->arena, ward_published_text(p, text));
	if (!endpoint)
		return ward_rs_nomem(err);
	q.resource = ward_str(endpoint);
	if (ward_judge(rs->book->book, rs->book->desk, &q, &v) < 0)
		return ward_rs_nomem(err);
	if (v.effect == WARD_ALLOW)
		return WARD_OK;
	if (v.effect == WARD_DENY)
		return ward_rules_forbidden(rs, cap, &v, err);
	r = ward_rules_yes(rs, &q, &v, ret, err);
	if (r < 0)
		return r;
	rule->said = *ret;
	rule->level = v.approval;
	if (*ret || ward_rules_still_open(rs, &v))
		return WARD_OK;
	(void)ward_rs_cap_fail(rs, cap, WARD_E_REFUSED, err,
		"a person would be asked, and nobody was");
	ward_fail_fix(err, "say so: --approve %s", ward_approval_name(v.approval));
	return WARD_E_REFUSED;
}

static size_t count(const struct ward_resolver *rs)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_published; i++)
		n += !rs->published[i].spare;
	return n;
}

static int publish(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_publish *o, struct ward_error *err)
{
	struct ward_rule rule = { .type = WARD_CAP_NETWORK_LISTEN, .origin = cap->origin };
	struct ward_published p = { 0 };
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	bool yes = false;
	int r;

	if (!ward_endpoint_parse(ward_str(cap->resource), &e, &why) ||
		e.kind != WARD_HOST_ADDRESS || (!o && !ward_endpoint_is_one(&e)))
		return no_place(rs, cap, err);
	p.family = e.family;
	memcpy(p.address, e.address, sizeof(p.address));
	p.port = o ? o->port : e.ports[0].first;
	p.inner = o ? o->inner : p.port;
	p.spare = o && o->spare;
	if (p.spare && !has_six())
		return WARD_OK;
	r = check_address(rs, cap, &p, err);
	if (r == WARD_OK)
		r = check_inner(rs, cap, &p, err);
	if (r == WARD_OK)
		r = check_twice(rs, cap, &p, err);
	if (r == WARD_OK)
		r = may(rs, cap, &p, &rule, &yes, err);
	if (r < 0 || !yes)
		return r;
	/* The second socket of an option may be granted where its first is not. */
	if ((!p.spare && count(rs) >= WARD_PUBLISH_MAX) ||
		rs->n_published >= WARD_PUBLISH_SOCKETS_MAX) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_LIMIT, err,
			"more published ports than a run may have (%d)", WARD_PUBLISH_MAX);
		ward_fail_fix(err, "take some out");
		return WARD_E_LIMIT;
	}
	ward_endpoint_text(&e, text);
	rule.pattern = ward_arena_strdup(rs->arena, text);
	rule.text = o ? ward_arena_printf(rs->arena, "--publish %s", o->text)
		      : ward_rs_rule_text(rs, cap);
	p.rule = ward_rs_rule(rs, &rule, err);
	if (p.rule < 0)
		return p.rule;
	rs->published[rs->n_published++] = p;
	return WARD_OK;
}

/* What a component asks for may be what an option names as well. */
static bool is_there(const struct ward_resolver *rs, const struct ward_cap *cap)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX], own[WARD_ENDPOINT_TEXT_MAX];

	if (!ward_endpoint_parse(ward_str(cap->resource), &e, &why))
		return false;
	ward_endpoint_text(&e, text);
	for (size_t i = 0; i < rs->n_published; i++) {
		if (ward_streq(ward_published_text(&rs->published[i], own), text))
			return true;
	}
	return false;
}

int ward_rs_publish(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *r = rs->r;
	int res = WARD_OK;

	for (size_t i = 0; res == WARD_OK && i < r->caps.n; i++) {
		if (r->caps.v[i].type == WARD_CAP_NETWORK_LISTEN)
			res = publish(rs, &r->caps.v[i], option_of(r, i), err);
	}
	/* With policies these are what a component asked for and was granted (rules/start.c). */
	for (size_t i = 0; res == WARD_OK && rs->book && i < rs->caps.n; i++) {
		if (rs->caps.v[i].type == WARD_CAP_NETWORK_LISTEN && !is_there(rs, &rs->caps.v[i]))
			res = publish(rs, &rs->caps.v[i], NULL, err);
	}
	return res;
}

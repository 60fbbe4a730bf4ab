/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of what a run publishes: sockets that are bound before anything of the run exists, so that a port that is taken is
 * an error and no surprise; and the question, at each connection, whether it may come in. A port that the kernel chose is judged
 * before it is listened at.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define BACKLOG 511
#define CHOICES 16 /* of a port that is free for both loopbacks */

union address {
	struct sockaddr sa;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* ---- the sockets ---- */

static socklen_t address_of(const struct ward_published *p, uint16_t port, union address *ret)
{
	*ret = (union address){ 0 };
	if (p->family == 4) {
		ret->four.sin_family = AF_INET;
		ret->four.sin_port = htons(port);
		memcpy(&ret->four.sin_addr, p->address, 4);
		return sizeof(ret->four);
	}
	ret->six.sin6_family = AF_INET6;
	ret->six.sin6_port = htons(port);
	memcpy(&ret->six.sin6_addr, p->address, 16);
	return sizeof(ret->six);
}

/* A descriptor, or -errno. *io_port: 0 becomes what the kernel chose. */
static int bind_one(const struct ward_published *p, uint16_t *io_port)
{
	const int one = 1;
	union address a;
	socklen_t n = address_of(p, *io_port, &a);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), e = 0;

	if (fd < 0)
		return -errno;
	/* What a run before has left in TIME_WAIT is no reason to refuse the port; a listener is, all the same. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		(p->family == 6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
		bind(fd, &a.sa, n) < 0 || getsockname(fd, &a.sa, &n) < 0)
		e = errno;
	if (e) {
		ward_close(fd);
		return -e;
	}
	*io_port = ntohs(p->family == 4 ? a.four.sin_port : a.six.sin6_port);
	return fd;
}

/* What the same address is in --publish: the loopback needs no word. */
static const char *in_front(const struct ward_published *p, char *out)
{
	char address[WARD_ENDPOINT_TEXT_MAX];

	out[0] = '\0';
	(void)ward_published_address(p, address);
	if (!ward_streq(address, "127.0.0.1") && !ward_streq(address, "::1"))
		(void)snprintf(out, WARD_ENDPOINT_TEXT_MAX + 4,
			p->family == 6 ? "[%s]:" : "%s:", address);
	return out;
}

static int not_bound(const struct life *l, const struct ward_published *p, uint16_t port, int e,
	struct ward_error *err)
{
	const struct ward_rule *rule = &l->plan->rules[p->rule];
	char address[WARD_ENDPOINT_TEXT_MAX], front[WARD_ENDPOINT_TEXT_MAX + 4];

	(void)ward_published_address(p, address);
	if (e == EADDRINUSE) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, e, "%.200s: port %u of %s is in use",
			rule->text, port, address);
		ward_fail_fix(err,
			"publish another port, or 0 for one that the kernel chooses: --publish %s0:%u",
			in_front(p, front), p->inner);
	} else if (e == EACCES || e == EPERM) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, e,
			"%.200s: port %u of the host needs a right that you do not have",
			rule->text, port);
		ward_fail_fix(err, "publish one from 1024 on, for example --publish %u:%u",
			p->inner, p->inner);
	} else if (e == EAFNOSUPPORT) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, e,
			"%.200s: there is no IPv%d on this host, or for who starts Ward",
			rule->text, p->family);
		ward_fail_fix(err,
			"publish at an address of IPv%d, or at none, which is the loopback that there is",
			p->family == 6 ? 4 : 6);
	} else if (e == EADDRNOTAVAIL) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, e,
			"%.200s: %s is no address of this host", rule->text, address);
		ward_fail_fix(err,
			"name one that it has (`ip address`), or none, which is the loopback");
	} else {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, e,
			"%.200s: port %u of %s cannot be listened at", rule->text, port, address);
	}
	if (rule->origin.line)
		ward_fail_at(err, rule->origin.file, rule->origin.line, rule->origin.column);
	return WARD_E_SYSTEM;
}

/* The other loopback has the port that was chosen for the first. */
static int bind_next(struct life *l, struct ward_error *err)
{
	const struct ward_published *p = &l->plan->published[l->n_listen];
	size_t i = l->n_listen;
	bool follows = p->spare && !p->port && i > 0;
	uint16_t port = follows ? l->listen_port[i - 1] : p->port;
	int fd = bind_one(p, &port);

	for (int k = 0; fd == -EADDRINUSE && follows && k < CHOICES; k++) {
		uint16_t other = 0;
		int first = bind_one(p - 1, &other);

		if (first < 0)
			break;
		port = other;
		fd = bind_one(p, &port);
		ward_close(l->listen[i - 1].fd);
		l->listen[i - 1].fd = first;
		l->listen_port[i - 1] = other;
	}
	if (fd < 0)
		return not_bound(l, p, port, -fd, err);
	l->listen[i] = (struct ward_egress_listener){ .fd = fd, .inner = p->inner };
	l->listen_port[i] = port;
	l->n_listen++;
	return WARD_OK;
}

/* Of those that the kernel chose the judge has not heard yet. A person is not asked about a number that nobody knew. */
static int judge_chosen(struct life *l, const struct ward_published *p, struct ward_error *err)
{
	const struct ward_rule *rule = &l->plan->rules[p->rule];
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_LISTEN,
		.resource = ward_str(ward_published_text(p, text)),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	const struct ward_book_rule *by;
	struct ward_verdict v;

	if (!l->book)
		return WARD_OK;
	if (ward_judge(l->book->book, l->book->desk, &q, &v) < 0)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	if (v.effect == WARD_ALLOW)
		return WARD_OK;
	by = v.why == WARD_WHY_NARROWED ? v.list : v.n_rules > 0 ? v.rules[0] : NULL;
	(void)ward_fail(err, WARD_E_REFUSED, "%.200s, which became %s: %s", rule->text, text,
		v.effect == WARD_ASK ? "a person would have to be asked" : v.text);
	if (by && by->line)
		ward_fail_at(err, by->file, by->line, by->column);
	ward_fail_fix(err, "publish a port that is permitted, by its number");
	return WARD_E_REFUSED;
}

int net_listen(struct life *l, struct ward_error *err)
{
	size_t n = l->plan->n_published;
	bool bound = l->n_listen > 0;
	int r = WARD_OK;

	if (bound && l->n_listen != n)
		return ward_fail(err, WARD_E_INTERNAL, "another number of ports is published now");
	while (r == WARD_OK && !bound && l->n_listen < n)
		r = bind_next(l, err);
	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		struct ward_published *p = &l->plan->published[i];
		bool chosen = p->port == 0;

		p->port = l->listen_port[i];
		l->chosen |= chosen ? UINT32_C(1) << i : 0;
		if (chosen)
			r = judge_chosen(l, p, err);
	}
	for (size_t i = 0; r == WARD_OK && !bound && i < n; i++)
		if (listen(l->listen[i].fd, BACKLOG) < 0)
			r = not_bound(l, &l->plan->published[i], l->listen_port[i], errno, err);
	if (r == WARD_OK && n)
		ward_outcome_set_published(l->o, l->plan);
	return r;
}

_Static_assert(WARD_PUBLISH_SOCKETS_MAX <= 32, "life has a bit for each");

void net_tell(struct life *l)
{
	char line[WARD_ENDPOINT_TEXT_MAX + 64], text[WARD_ENDPOINT_TEXT_MAX];

	for (size_t i = 0; l->r->on_line && i < l->plan->n_published; i++) {
		const struct ward_published *p = &l->plan->published[i];

		if (!(l->chosen & UINT32_C(1) << i))
			continue;
		(void)snprintf(line, sizeof(line), "published: %s -> %u",
			ward_published_text(p, text), p->inner);
		l->r->on_line(l->r->on_line_arg, line);
	}
}

void net_unlisten(struct life *l)
{
	for (size_t i = 0; i < l->n_listen; i++)
		ward_close(l->listen[i].fd);
	l->n_listen = 0;
}

/* ---- the question ---- */

static bool is_at(const struct ward_published *p, const uint8_t *a)
{
	return memcmp(p->address, a, p->family == 4 ? 4 : 16) == 0;
}

/* At that address, else at every address. */
static const struct ward_published *find(const struct life *l, const char *address, uint16_t port)
{
	static const uint8_t every[16];
	const struct ward_published *wide = NULL;
	uint8_t a[16] = { 0 };
	int family = inet_pton(AF_INET, address, a) == 1 ? 4
		: inet_pton(AF_INET6, address, a) == 1   ? 6
							 : 0;

	for (size_t i = 0; i < l->plan->n_published; i++) {
		const struct ward_published *p = &l->plan->published[i];

		if (p->family != family || p->port != port)
			continue;
		if (is_at(p, a))
			return p;
		if (is_at(p, every))
			wide = p;
	}
	return wide;
}

static int by_policies(struct life *l, const struct ward_published *p, const char *address,
	struct ward_decision *ret)
{
	const struct ward_rule *rule = &l->plan->rules[p->rule];
	char text[WARD_ENDPOINT_TEXT_MAX], own[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_LISTEN,
		.resource = ward_str(ward_published_text(p, text)),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;
	int r = ward_judge(l->book->book, l->book->desk, &q, &v);
	bool yes = v.effect == WARD_ALLOW || ward_ask_answered(rule, &v);

	/* What stands for every address is none of those that a rule forbids. */
	if (r == WARD_OK && yes && !ward_streq(ward_published_address(p, own), address)) {
		r = ward_judge_leads(l->book->book, l->book->desk, &q, address, &v);
		yes = v.effect == WARD_ALLOW;
	}
	if (r < 0)
		return r;
	ret->effect = yes ? WARD_ALLOW : WARD_DENY;
	ret->by = v.why == WARD_WHY_NARROWED ? v.list : v.n_rules > 0 ? v.rules[0] : NULL;
	(void)snprintf(ret->why, sizeof(ret->why), "%.180s%s%.180s",
		v.effect == WARD_ASK ? "a person would have to be asked" : v.text,
		ret->by && ret->by->reason ? ": " : "",
		ret->by && ret->by->reason ? ret->by->reason : "");
	return WARD_OK;
}

int ward_ask_listen(struct life *l, const char *address, uint16_t port, struct ward_decision *ret,
	struct ward_error *err)
{
	const struct ward_published *p = find(l, address, port);
	int r = WARD_OK;

	*ret = (struct ward_decision){ .effect = WARD_DENY };
	(void)snprintf(ret->why, sizeof(ret->why), "nothing is published there");
	if (p && l->book)
		r = by_policies(l, p, address, ret);
	else if (p)
		ret->effect = WARD_ALLOW;
	if (p && ret->effect == WARD_ALLOW)
		ret->rule = &l->plan->rules[p->rule];
	if (r >= 0)
		return WARD_OK;
	ret->effect = WARD_DENY;
	return ward_fail(err, r, "no memory for a decision");
}

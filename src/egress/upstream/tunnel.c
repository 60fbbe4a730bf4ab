/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow by way of the host's proxy: what was allowed is asked of it by CONNECT, and what it answers decides whether there is a
 * connection. From its head on the bytes are the server's, so not one behind it is read here. What the proxy says is shown to nobody
 * but as the number that it is; and what it is asked is a name in its normal form, or an address, and a port.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "egress/limits.h"
#include "egress/upstream/upstream.h"
#include "policy/policy.h"

#define HEAD_MAX 8192u /* of all that it answers before the connection, whatever is between (1xx) */
#define ASKED_MAX 2048u

struct ward_tunnel {
	size_t n, all; /* all: with the heads before this one */
	char head[HEAD_MAX];
};

/* ---- its answer ---- */

/* "HTTP/1.1 200 ..." */
static int number_of(const char *p, size_t n)
{
	static const char begins[] = "HTTP/1.";
	const size_t at = sizeof(begins) - 1;

	if (n < at + 5 || memcmp(p, begins, at) != 0 || (p[at] != '0' && p[at] != '1') ||
		p[at + 1] != ' ')
		return -1;
	p += at + 2;
	n -= at + 2;
	for (size_t i = 0; i < 3; i++)
		if (p[i] < '0' || p[i] > '9')
			return -1;
	if (p[0] == '0' || (n > 3 && p[3] != ' ' && p[3] != '\r' && p[3] != '\n'))
		return -1;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

/* Behind the empty line; 0: there is none. Lines may end with LF alone, as small proxies have it (RFC 9112, 2.2). */
static size_t head_end(const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);

	for (; lf; lf = memchr(lf + 1, '\n', n - (size_t)(lf + 1 - p))) {
		size_t left = n - (size_t)(lf + 1 - p);

		if (left > 0 && lf[1] == '\n')
			return n - left + 1;
		if (left > 1 && lf[1] == '\r' && lf[2] == '\n')
			return n - left + 2;
	}
	return 0;
}

int ward_tunnel_status(const char *p, size_t n, size_t *ret_end)
{
	static const char begins[] = "HTTP/1.";
	size_t end = head_end(p, n);

	*ret_end = 0;
	if (memcmp(p, begins, n < sizeof(begins) - 1 ? n : sizeof(begins) - 1) != 0 ||
		memchr(p, '\0', end ? end : n))
		return -1;
	*ret_end = end;
	return end ? number_of(p, end) : 0;
}

/* ---- it came to nothing ---- */

static void refuse(struct ward_flow *f, enum ward_egress_why why, const char *what)
{
	char text[480];

	(void)snprintf(text, sizeof(text), "the host's proxy %.300s %s", f->e->upstream->text,
		what);
	ward_flow_refuse_as(f, why, text);
}

static void refuse_number(struct ward_flow *f, int status)
{
	enum ward_egress_why why = WARD_EGRESS_WHY_UPSTREAM_REFUSED;
	const char *more = "";
	char what[120];

	if (status == 407) {
		why = WARD_EGRESS_WHY_UPSTREAM_LOGIN;
		more = f->e->upstream->login
			? ": it does not take the user and the password that it was given"
			: ": it wants a user and a password";
	} else if (status >= 500) {
		why = WARD_EGRESS_WHY_UPSTREAM_FAILED;
	}
	(void)snprintf(what, sizeof(what), "answered %d%s", status, more);
	refuse(f, why, what);
}

void ward_tunnel_failed(struct ward_flow *f, int err)
{
	bool asked = f->dial && f->dial->tunnel;
	char what[120];

	if (asked && err == ETIMEDOUT) {
		refuse(f, WARD_EGRESS_WHY_UPSTREAM_SILENT, "did not answer in time");
		return;
	}
	(void)snprintf(what, sizeof(what),
		asked ? "ended the connection: %s" : "could not be connected to: %s",
		strerror(err));
	refuse(f, asked ? WARD_EGRESS_WHY_UPSTREAM_BROKEN : WARD_EGRESS_WHY_UPSTREAM_UNREACHABLE,
		what);
}

/* ---- asking it ---- */

/* Bytes; 0: it does not fit. */
static size_t request(const struct ward_flow *f, char out[ASKED_MAX])
{
	const char *login = f->e->upstream->login;
	char host[WARD_ADDRESS_TEXT_MAX + 2], shown[WARD_ADDRESS_TEXT_MAX];
	const char *to = f->name ? f->name->name : host;
	int n;

	if (!f->name)
		(void)snprintf(host, sizeof(host), f->to.family == 6 ? "[%s]" : "%s",
			ward_address_text(&f->to, shown));
	n = snprintf(out, ASKED_MAX, "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n%s%s%s\r\n", to,
		f->to.port, to, f->to.port, login ? "Proxy-Authorization: Basic " : "",
		login ? login : "", login ? "\r\n" : "");
	return n > 0 && n < (int)ASKED_MAX ? (size_t)n : 0;
}

/* It is the server's from here on. */
static void through(struct ward_flow *f, struct ward_try *t)
{
	struct ward_relay_addr peer = f->dial->v[t->which];
	int fd = t->fd;

	t->fd = -1;
	ward_limits_gone();
	(void)epoll_ctl(f->e->epoll, EPOLL_CTL_DEL, fd, NULL);
	ward_dial_drop(f);
	ward_flow_dialed(f, fd, &peer);
}

/* What is in front of the head's end is taken out of the socket, and nothing behind it. False: not yet, or it is over. */
static bool take_head(struct ward_flow *f, struct ward_try *t, int *ret)
{
	struct ward_tunnel *u = f->dial->tunnel;
	size_t end;
	ssize_t n, take;

	n = recv(t->fd, u->head + u->n, HEAD_MAX - u->n, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		ward_tunnel_failed(f, n < 0 ? errno : ECONNRESET);
		return false;
	}
	*ret = ward_tunnel_status(u->head, u->n + (size_t)n, &end);
	take = end ? (ssize_t)(end - u->n) : n;
	if (recv(t->fd, u->head + u->n, (size_t)take, MSG_DONTWAIT) != take)
		*ret = -1;
	u->n += (size_t)take;
	u->all += (size_t)take;
	if (*ret == 0 && u->all < HEAD_MAX)
		return false;
	return true;
}

static void on_answer(struct ward_waiter *s, uint32_t events)
{
	struct ward_flow *f = s->arg;
	struct ward_try *t = (struct ward_try *)s;
	int status = 0;

	(void)events;
	if (!take_head(f, t, &status))
		return;
	if (status >= 200 && status < 300) {
		through(f, t);
	} else if (status >= 100 && status < 200 && status != 101 &&
		f->dial->tunnel->all < HEAD_MAX) {
		f->dial->tunnel->n = 0; /* the answer is still to come */
	} else if (status <= 0 || status < 200) {
		refuse(f, WARD_EGRESS_WHY_UPSTREAM_BROKEN, "answered what is no answer of HTTP");
	} else {
		refuse_number(f, status);
	}
}

void ward_tunnel_begin(struct ward_flow *f, struct ward_try *t)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &t->source };
	struct ward_dial *d = f->dial;
	char text[ASKED_MAX];
	size_t n = request(f, text);
	ssize_t sent;

	d->tunnel = calloc(1, sizeof(*d->tunnel));
	if (!d->tunnel || !n) {
		ward_flow_refuse(f, WARD_EGRESS_WHY_SYSTEM);
		return;
	}
	t->source.fn = on_answer;
	/* It has nothing in its buffer yet, which is larger than that. */
	sent = send(t->fd, text, n, MSG_NOSIGNAL);
	explicit_bzero(text, sizeof(text));
	if (sent != (ssize_t)n) {
		ward_tunnel_failed(f, sent < 0 ? errno : ENOBUFS);
		return;
	}
	if (epoll_ctl(f->e->epoll, t->waited ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, t->fd, &ev) < 0) {
		ward_tunnel_failed(f, errno);
		return;
	}
	t->waited = true;
	/* Without it the next wait, as they do for whoever is slow to be dialled. */
	(void)ward_dial_asks(f);
}

/* ---- the way to it ---- */

static bool add_name(struct ward_egress *e, const char *name, const char *domain)
{
	size_t n = strlen(name), m = domain[0] ? strlen(domain) + 1 : 0;
	struct ward_pinned **at = &e->upstream_pins;

	if (n + m >= WARD_NAME_SIZE)
		return true;
	while (*at)
		at = &(*at)->next;
	*at = calloc(1, sizeof(**at) + n + m + 1);
	if (*at)
		(void)snprintf((*at)->name, n + m + 1, "%s%s%s", name, m ? "." : "", domain);
	return *at;
}

bool ward_tunnel_names(struct ward_egress *e, const struct ward_resolv_conf *c)
{
	const char *name = e->upstream->host;
	unsigned dots = 0;
	bool done, first;

	for (const char *p = name; *p; p++)
		dots += *p == '.';
	first = e->upstream->whole || dots >= c->ndots;
	done = !first || add_name(e, name, "");
	for (size_t i = 0; done && !e->upstream->whole && i < c->n_search; i++)
		done = add_name(e, name, c->search[i]);
	return done && (first || add_name(e, name, ""));
}

void ward_tunnel_names_done(struct ward_egress *e)
{
	while (e->upstream_pins) {
		struct ward_pinned *p = e->upstream_pins;

		e->upstream_pins = p->next;
		free(p);
	}
	e->upstream_at = NULL;
}

/* Both families in turn, IPv4 first: where there is no IPv6 the next is tried at once. */
static void dial_found(struct ward_flow *f, const struct ward_pinned *p)
{
	struct ward_relay_addr v[2 * WARD_EGRESS_ADDRESSES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < WARD_EGRESS_ADDRESSES_MAX; i++) {
		if (i < p->out.n)
			v[n++] = p->out.v[i];
		if (i < p->out6.n)
			v[n++] = p->out6.v[i];
	}
	ward_flow_dial(f, v, n);
	if (f->dial)
		f->dial->part = p->part;
}

/* What has an address, the last that has none, or (*ret_wait) the one that is being looked up. Where no name server answers, none does for the next. */
static const struct ward_pinned *look(struct ward_egress *e, bool whole, bool *ret_wait)
{
	struct ward_pinned *p = e->upstream_pins;

	*ret_wait = false;
	for (;; p = p->next) {
		e->upstream_at = p;
		*ret_wait = !ward_resolver_begin(&e->resolver, p, whole) || p->lookup;
		if (*ret_wait || p->found != WARD_FOUND_NONE || !p->next)
			return p;
	}
}

void ward_tunnel_prefetch(struct ward_egress *e)
{
	bool ignored;

	if (e->upstream_pins)
		(void)look(e, false, &ignored);
}

void ward_tunnel_next(struct ward_flow *f)
{
	struct ward_egress *e = f->e;
	const struct ward_pinned *p;
	bool wait;

	if (!e->upstream_pins) {
		ward_flow_dial(f, &e->upstream->at, 1);
		return;
	}
	p = look(e, f->whole, &wait);
	if (wait)
		return;
	if (p->found == WARD_FOUND_SOME)
		dial_found(f, p);
	else
		refuse(f, WARD_EGRESS_WHY_UPSTREAM_UNREACHABLE,
			p->found == WARD_FOUND_SILENT
				? "could not be looked up: no name server answered"
				: "has no address");
}

bool ward_tunnel_may(struct ward_flow *f)
{
	const struct ward_egress_ask q = { .name = f->name->name,
		.port = f->to.port,
		.unseen = true,
		.program = ward_flow_program(f),
		.inspected = f->speaks };

	return ward_may(f->e, &q, NULL) == WARD_ALLOW;
}

void ward_tunnel_open(struct ward_flow *f)
{
	f->upstream = true;
	if (f->name && ward_upstream_is_own(f->name->name))
		ward_flow_refuse_as(f, WARD_EGRESS_WHY_UPSTREAM_INNER,
			"asked of the host's proxy that is the proxy's own host, or its cloud's metadata");
	else if (f->name && !ward_tunnel_may(f))
		ward_flow_refuse(f, WARD_EGRESS_WHY_UPSTREAM_ADDRESS);
	else
		ward_tunnel_next(f);
}

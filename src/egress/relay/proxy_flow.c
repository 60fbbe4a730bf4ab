/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the proxy, until it is as one that was captured: its request is read (at most 64 KiB, within 5 s of its beginning), the
 * gate is asked, and the answer is given in the client's own protocol. What it says behind its request is held and judged as ever.
 */
#include "relay.h"
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay_proxy {
	struct ward_proxy ask;
	char host[WARD_RELAY_NAME_MAX +
		2]; /* whom it asked for, as text; "" = nobody that can be said */
};

bool relay_proxy_new(struct relay *r, struct relay_flow *f)
{
	(void)r;
	f->proxy = calloc(1, sizeof(*f->proxy));
	return f->proxy != NULL;
}

/* ---- answers: they are short, and nothing stands before them in the socket's buffer ---- */

struct text {
	char p[1536];
	size_t n;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (n > sizeof(t->p) - t->n)
		n = sizeof(t->p) - t->n;
	memcpy(t->p + t->n, s, n);
	t->n += n;
}

static void add_number(struct text *t, unsigned v)
{
	char digits[12];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	add(t, digits + at);
}

static bool say(struct relay_flow *f, const void *p, size_t n)
{
	if (send(f->fd[RELAY_CLIENT], p, n, RELAY_SEND_FLAGS) == (ssize_t)n)
		return true;
	f->ending = WARD_END_CLIENT + 1;
	return false;
}

static const struct {
	uint16_t http;
	uint8_t socks;
} codes[WARD_REFUSAL_MAX] = {
	[WARD_REFUSAL_RULE] = { 403, 2 },
	[WARD_REFUSAL_GRANT] = { 403, 2 },
	[WARD_REFUSAL_BUSY] = { 503, 1 },
	[WARD_REFUSAL_NO_HOST] = { 502, 4 },
	[WARD_REFUSAL_NO_WAY] = { 502, 5 },
	[WARD_REFUSAL_SILENT] = { 504, 4 },
};

static void refuse_http(struct relay_flow *f, unsigned status, const char *why, bool grant)
{
	const struct relay_proxy *x = f->proxy;
	bool six = strchr(x->host, ':') != NULL;
	struct text body = { .n = 0 }, all = { .n = 0 };

	add(&body, "ward: ");
	if (x->host[0] != '\0') {
		add(&body, six ? "[" : "");
		add(&body, x->host);
		add(&body, six ? "]:" : ":");
		add_number(&body, x->ask.to.port);
		add(&body, " refused: ");
	}
	add(&body, why);
	if (grant) {
		add(&body, "; grant: --cap 'NETWORK_CONNECT:");
		add(&body, six ? "[" : "");
		add(&body, x->host);
		add(&body, six ? "]:" : ":");
		add_number(&body, x->ask.to.port);
		add(&body, "'");
	}
	add(&body, "\n");
	add(&all, "HTTP/1.1 ");
	add_number(&all, status);
	add(&all, " Refused by ward\r\nContent-Type: text/plain\r\nContent-Length: ");
	add_number(&all, (unsigned)body.n);
	add(&all, "\r\nConnection: close\r\n\r\n");
	if (body.n <= sizeof(all.p) - all.n) {
		memcpy(all.p + all.n, body.p, body.n);
		all.n += body.n;
	}
	(void)say(f, all.p, all.n);
}

static void refuse_socks(struct relay_flow *f, uint8_t code)
{
	const struct ward_proxy *s = &f->proxy->ask;
	const uint8_t old[8] = { 0, code }, reply[10] = { 5, code, 0, 1 };

	if (s->old)
		(void)say(f, old, sizeof(old));
	else
		(void)say(f, reply, s->greeted ? sizeof(reply) : 2);
}

/* A socket that is closed with something unread takes the answer with it: what comes is read, for a while. */
static void drain(struct relay *r, struct relay_flow *f)
{
	f->told = false;
	relay_drop(&f->way[RELAY_UP]);
	f->way[RELAY_UP].eof = false;
	f->drained = true;
	f->left = RELAY_DRAIN_MAX;
	f->last = r->now;
	relay_due(r, r->now + WARD_RELAY_FIRST_MS);
}

void relay_proxy_answered(struct relay *r, struct relay_flow *f)
{
	const struct ward_relay_msg closed = { .type = WARD_RELAY_CLOSED,
		.id = f->id,
		.value = WARD_END_DONE,
		.up = f->way[RELAY_UP].moved,
		.down = f->way[RELAY_DOWN].moved };

	relay_tell(r, &closed);
	relay_flow_forget(r, f, RELAY_SERVER);
	(void)close(f->fd[RELAY_SERVER]);
	f->fd[RELAY_SERVER] = -1;
	f->dialed = 0;
	f->bounded = false;
	drain(r, f);
}

void relay_proxy_refused(struct relay *r, struct relay_flow *f, const struct ward_relay_msg *m)
{
	const struct ward_relay_msg closed = {
		.type = WARD_RELAY_CLOSED, .id = f->id, .value = WARD_END_REFUSED
	};
	uint32_t which = m->value < WARD_REFUSAL_MAX ? m->value : WARD_REFUSAL_RULE;
	const struct ward_proxy *s = &f->proxy->ask;
	char why[sizeof(m->name)] = "";

	memcpy(why, m->name, strnlen(m->name, sizeof(why) - 1));
	relay_tell(r, &closed);
	if (s->why != NULL && s->status == 0)
		f->ending = WARD_END_REFUSED + 1;
	else if (s->how == WARD_HOW_SOCKS)
		refuse_socks(f, s->why != NULL ? (uint8_t)s->status : codes[which].socks);
	else if (s->why != NULL)
		refuse_http(f, s->status, s->why, false);
	else
		refuse_http(f, codes[which].http, why, which == WARD_REFUSAL_GRANT);
	free(f->proxy);
	f->proxy = NULL;
	drain(r, f);
	if (f->ending == 0 && shutdown(f->fd[RELAY_CLIENT], SHUT_WR) < 0)
		f->ending = WARD_END_CLIENT + 1;
	relay_flow_settle(r, f);
}

void relay_proxy_dialed(struct relay_flow *f)
{
	static const char http[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static const uint8_t socks[10] = { 5, 0, 0, 1 };

	if (f->proxy->ask.how == WARD_HOW_CONNECT)
		(void)say(f, http, sizeof(http) - 1);
	else if (f->proxy->ask.how == WARD_HOW_SOCKS)
		(void)say(f, socks, sizeof(socks));
	free(f->proxy);
	f->proxy = NULL;
}

/* ---- its request ---- */

static void tell(struct relay *r, struct relay_flow *f, bool bad)
{
	struct relay_proxy *x = f->proxy;
	struct ward_relay_msg m = { .type = WARD_RELAY_OPEN,
		.id = f->id,
		.value = x->ask.how | (bad ? WARD_OPEN_BAD : 0u),
		.to = bad ? f->to : x->ask.to,
		.from = f->from };

	if (!bad) {
		memcpy(m.name, x->ask.name, sizeof(m.name));
		memcpy(x->host, m.name, sizeof(x->host));
		if (m.name[0] == '\0')
			(void)inet_ntop(m.to.family == 4 ? AF_INET : AF_INET6, m.to.a, x->host,
				sizeof(x->host));
		f->to = m.to;
	}
	f->told = true;
	f->last = r->now;
	relay_due(r, r->now + WARD_RELAY_GATE_MS);
	relay_tell(r, &m);
}

/* The gate records it, and says no; then it is answered. Nothing more of it is read. */
static void bad(struct relay *r, struct relay_flow *f)
{
	relay_drop(&f->way[RELAY_UP]);
	f->way[RELAY_UP].eof = true;
	f->first = 0;
	tell(r, f, true);
}

static void taken(struct relay_way *w, size_t n)
{
	w->off += (uint32_t)n;
	w->len -= (uint32_t)n;
	if (w->len == 0)
		relay_drop(w);
}

/* The head is put as its server wants it, and what there is of the body behind it. false: it is no request that can go. */
static bool rewrite(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_UP];
	struct ward_proxy *s = &f->proxy->ask;
	size_t body = w->len - s->take, n;
	char *out = malloc(s->take + WARD_PROXY_MORE_MAX + body);

	n = out != NULL ? ward_proxy_rewrite(s, (const uint8_t *)w->kept + w->off, s->take, out)
			: 0;
	if (n + body > WARD_RELAY_HELD_MAX) {
		free(out);
		(void)ward_proxy_bad(s, 431, "a head that is too long for its server's form");
		bad(r, f);
		return false;
	}
	if (n > 0 && body > 0)
		memcpy(out + n, w->kept + w->off + s->take, body);
	relay_drop(w);
	if (n == 0)
		f->ending = WARD_END_MEMORY + 1;
	else
		(void)relay_keep_held(r, f, out, n + body);
	free(out);
	f->bounded = true;
	f->left = s->body - body;
	return f->ending == 0;
}

static void asked(struct relay *r, struct relay_flow *f)
{
	if (f->proxy->ask.how != WARD_HOW_PROXIED)
		taken(&f->way[RELAY_UP], f->proxy->ask.take);
	else if (!rewrite(r, f))
		return;
	f->first = 0;
	tell(r, f, false);
	/* What came behind it is looked at as what a captured connection begins with. */
	relay_pump(r, f, RELAY_UP);
}

static void look(struct relay *r, struct relay_flow *f)
{
	static const uint8_t no_authentication[2] = { 5, 0 };
	struct ward_proxy *s = &f->proxy->ask;
	struct relay_way *w = &f->way[RELAY_UP];

	while (f->ending == 0 && w->len > 0) {
		switch (ward_proxy_look(s, (const uint8_t *)w->kept + w->off, w->len)) {
		case WARD_PROXY_HELLO:
			taken(w, s->take);
			(void)say(f, no_authentication, sizeof(no_authentication));
			break;
		case WARD_PROXY_OPEN: asked(r, f); return;
		case WARD_PROXY_BAD: bad(r, f); return;
		default:
			if (w->len < WARD_RELAY_HELD_MAX)
				return;
			(void)ward_proxy_bad(s, 431, "a head that has no end within 64 KiB");
			bad(r, f);
			return;
		}
	}
}

static void read_more(struct relay *r, struct relay_flow *f)
{
	const struct relay_way *w = &f->way[RELAY_UP];
	char buf[16384];
	size_t left = f->drained ? f->left : WARD_RELAY_HELD_MAX - w->len;
	ssize_t n = recv(f->fd[RELAY_CLIENT], buf, left < sizeof(buf) ? left : sizeof(buf),
		MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && f->drained)
		f->left -= (uint64_t)n;
	if (n <= 0 || (f->drained && f->left == 0)) {
		f->ending = (uint8_t)((n == 0 && f->drained ? WARD_END_DONE : WARD_END_CLIENT) + 1);
	} else if (!f->drained && relay_keep_held(r, f, buf, (size_t)n)) {
		f->first = f->first != 0 ? f->first : r->now;
		look(r, f);
	}
}

void relay_proxy_event(struct relay *r, struct relay_flow *f, uint32_t events)
{
	if ((events & EPOLLERR) != 0)
		f->ending = WARD_END_CLIENT + 1;
	else
		read_more(r, f);
	relay_flow_settle(r, f);
}

/* From its first byte, or its beginning. Whoever said nothing at all is no news. */
uint64_t relay_proxy_deadline(const struct relay_flow *f)
{
	return (f->drained ? f->last : f->first != 0 ? f->first : f->opened) + WARD_RELAY_FIRST_MS;
}

void relay_proxy_late(struct relay *r, struct relay_flow *f)
{
	struct ward_proxy *s = &f->proxy->ask;

	if (f->first == 0) {
		relay_flow_end(r, f, WARD_END_IDLE);
		return;
	}
	(void)ward_proxy_bad(s,
		s->how != WARD_HOW_SOCKS ? 408
			: s->greeted     ? 1
					 : 0xff,
		"the request does not come to an end");
	bad(r, f);
	relay_flow_settle(r, f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting to one of the addresses that were looked at, and to no other: the next is tried when one fails, or takes long. The first
 * that connects wins. And the question whether an address is one of this host's own, which the kernel's routes answer.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "egress/flow.h"
#include "egress/limits.h"
#include "egress/upstream/upstream.h"

#define NEXT_MS 250u /* RFC 8305, 5 */
#define SLOW_MS 2000u /* with no place left: the oldest try gives its own up */
#define AGAIN_MS 100u /* there was no descriptor */
#define WAITED_MS 1000u /* a server that is there has answered by then, a lost packet aside */
#define SEQ 1u
#define WIDE_MAX 8 /* connections whose buffers are as the kernel likes them */
#define BUFFERS_BYTES (16u << 20) /* what more of them share, each way */
#define BUFFER_BYTES_MIN 32768 /* but each has that */

static void close_try(struct ward_try *t)
{
	const struct ward_flow *f = t->source.arg;

	/* By word: a child of the process that has not executed yet keeps a closed one where it is waited for. */
	if (t->fd >= 0 && t->waited)
		(void)epoll_ctl(f->e->epoll, EPOLL_CTL_DEL, t->fd, NULL);
	if (t->fd >= 0 && !f->inward)
		ward_limits_gone();
	ward_close(t->fd);
	t->fd = -1;
}

/* Of those that are under way the one that began first; NULL: none is. */
static struct ward_try *oldest_of(struct ward_dial *d)
{
	struct ward_try *oldest = NULL;

	for (size_t i = 0; i < WARD_TRIES_MAX; i++) {
		struct ward_try *t = &d->tries[i];

		if (t->source.fn && t->fd >= 0 && (!oldest || t->which < oldest->which))
			oldest = t;
	}
	return oldest;
}

/* The place of those that are being dialled. */
static void give_place_back(struct ward_flow *f)
{
	size_t *dials = f->inward ? &f->e->n_inward_dials : &f->e->n_dials;

	*dials -= f->dial->placed;
	f->e->n_slow -= f->dial->slow;
	f->dial->placed = f->dial->slow = false;
}

/*
 * Servers that do not answer would have all places for as long as they are tried, though their clients have gone: that one has closed his
 * side is no word that he wants no answer. Who comes next is not to wait for them. When it may be said of f; UINT64_MAX: never.
 */
static uint64_t slow_at(const struct ward_flow *f)
{
	const struct ward_egress *e = f->e;

	return f->state == WARD_FLOW_DIALING && !f->inward && f->dial->placed &&
			e->n_dials >= e->dials_max && e->n_slow < e->slow_max && oldest_of(f->dial)
		? f->dial->begun + WAITED_MS * WARD_MS
		: UINT64_MAX;
}

bool ward_dial_asks(struct ward_flow *f)
{
	if (f->e->n_tunnels >= WARD_EGRESS_TUNNELS_MAX)
		return false;
	f->e->n_tunnels++;
	f->dial->asks = true;
	give_place_back(f);
	return true;
}

void ward_dial_drop(struct ward_flow *f)
{
	if (!f->dial)
		return;
	for (size_t i = 0; i < WARD_TRIES_MAX; i++)
		if (f->dial->tries[i].source.fn)
			close_try(&f->dial->tries[i]);
	if (f->inward)
		ward_inward_drop(f->dial);
	give_place_back(f);
	f->e->n_tunnels -= f->dial->asks;
	free(f->dial->tunnel);
	free(f->dial);
	f->dial = NULL;
}

static void won(struct ward_flow *f, struct ward_try *t)
{
	struct ward_relay_addr peer = f->dial->v[t->which];
	int fd = t->fd;

	if (f->upstream) {
		for (size_t i = 0; i < WARD_TRIES_MAX; i++)
			if (f->dial->tries[i].source.fn && &f->dial->tries[i] != t)
				close_try(&f->dial->tries[i]);
		ward_tunnel_begin(f, t);
		return;
	}
	t->fd = -1;
	if (!f->inward)
		ward_limits_gone();
	if (t->waited)
		(void)epoll_ctl(f->e->epoll, EPOLL_CTL_DEL, fd, NULL);
	ward_dial_drop(f);
	ward_flow_dialed(f, fd, &peer);
}

static void on_try(struct ward_waiter *s, uint32_t events);

/*
 * What keeps an idle connection alive inside ends at the relay: outside it is asked for here, sooner than most translators of
 * addresses forget one.
 */
static void set_options(int fd)
{
	static const struct {
		int level, name, value;
	} rows[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 }, { SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 }, { IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ SOL_SOCKET, SO_OOBINLINE,
			1 }, /* or an urgent byte is gone, from the middle of what is said */
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++)
		(void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
			sizeof(rows[i].value));
}

/*
 * What a server sends and the command does not read, or the other way around, waits in the kernel, in memory that no limit of the run counts: the
 * kernel lets a buffer grow to some megabytes (net.ipv4.tcp_rmem, tcp_wmem), and thirty connections had 700 of them. So of many at a time each has
 * a part, of which the kernel takes twice. What waits at the end inside is bounded by tcp_wmem alone: less of it halves what one may have of a busy host.
 */
static void bound_buffers(const struct ward_egress *e, int fd)
{
	uint64_t part = BUFFERS_BYTES / (e->n_alive ? e->n_alive : 1);
	int room = part > BUFFER_BYTES_MIN ? (int)part : BUFFER_BYTES_MIN;

	if (e->n_alive <= WIDE_MAX)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

/* A server that is near has answered by now: 0, or what became of the connection; EINPROGRESS: it is under way. */
static int at_once(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int err = 0;
	socklen_t n = sizeof(err);

	if (poll(&p, 1, 0) <= 0)
		return EINPROGRESS;
	if (p.revents == POLLOUT)
		return 0;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 ? errno : err;
}

static uint16_t port_of(const struct ward_flow *f)
{
	if (f->upstream)
		return f->e->upstream->at.port;
	return f->inward ? f->inward->inner : f->to.port;
}

/*
 * A socket that is connected to itself: where nobody listens at a port of this host, or inside at one that is published, chance can give
 * a try that very port as its own.
 */
static bool is_self(const struct ward_flow *f, const struct ward_try *t)
{
	const struct ward_relay_addr *to = &f->dial->v[t->which];
	struct sockaddr_in6 a = { 0 }; /* the larger one */
	struct ward_relay_addr own;
	socklen_t n = sizeof(a);

	return getsockname(t->fd, (void *)&a, &n) < 0 || !ward_inside_address(&a, &own) ||
		(own.port == port_of(f) && own.family == to->family &&
			memcmp(own.a, to->a, own.family == 4 ? 4 : 16) == 0);
}

/* True: it is under way, or has come to its end well (then f is open). */
static bool start_try(struct ward_flow *f, struct ward_try *t, uint8_t which)
{
	const struct ward_relay_addr *a = &f->dial->v[which];
	uint16_t port = port_of(f);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = &t->source };
	int r;

	*t = (struct ward_try){ .source = { on_try, f }, .fd = -1, .which = which };
	t->fd = f->inward ? ward_inward_socket(f, a->family)
			  : ward_limits_socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM,
				    oldest_of(f->dial) != NULL);
	if (t->fd < 0) {
		f->dial->err = errno;
		return false;
	}
	set_options(t->fd);
	if (!f->inward)
		bound_buffers(f->e, t->fd);
	memcpy(&v4.sin_addr, a->a, 4);
	memcpy(&v6.sin6_addr, a->a, 16);
	do
		r = a->family == 4 ? connect(t->fd, (const struct sockaddr *)&v4, sizeof(v4))
				   : connect(t->fd, (const struct sockaddr *)&v6, sizeof(v6));
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EINPROGRESS)
		errno = r = at_once(t->fd);
	if (r == 0 && is_self(f, t)) {
		r = -1;
		errno = ECONNREFUSED;
	}
	if (r == 0) {
		won(f, t);
		return true;
	}
	t->waited = errno == EINPROGRESS && epoll_ctl(f->e->epoll, EPOLL_CTL_ADD, t->fd, &ev) == 0;
	if (t->waited)
		return true;
	f->dial->err = errno;
	close_try(t);
	return false;
}

static struct ward_try *free_place(struct ward_dial *d)
{
	if (d->one && oldest_of(d))
		return NULL;
	for (size_t i = 0; i < WARD_TRIES_MAX; i++)
		if (!d->tries[i].source.fn || d->tries[i].fd < 0)
			return &d->tries[i];
	return NULL;
}

/*
 * Where places or descriptors are scarce a connection has one try at a time, and those that were beside it come after it again. With none
 * under way it waits for a descriptor.
 */
static void keep_one(struct ward_dial *d)
{
	struct ward_try *first = oldest_of(d);

	d->one = true;
	for (size_t i = 0; i < WARD_TRIES_MAX; i++)
		if (d->tries[i].source.fn && &d->tries[i] != first)
			close_try(&d->tries[i]);
	if (first && !d->tunnel)
		d->at = first->which + 1u;
	d->next = ward_now_mono_ns() + (first ? SLOW_MS : AGAIN_MS) * WARD_MS;
}

/* This host has no such addresses, or none leads out. What somebody said of an address, or a silence, is no reason to ask for others. */
static bool is_no_way(int err)
{
	return err == ENETUNREACH || err == EAFNOSUPPORT || err == EADDRNOTAVAIL;
}

/* Go on to the first address that can be tried; with none left, and none under way, it has failed. */
static void advance(struct ward_flow *f)
{
	struct ward_dial *d = f->dial;
	struct ward_try *place = free_place(d);
	int err;

	while (place && d->at < d->n) {
		if (start_try(f, place, (uint8_t)d->at++)) {
			if (f->dial)
				d->next = ward_now_mono_ns() +
					(free_place(d) ? NEXT_MS : SLOW_MS) * WARD_MS;
			return;
		}
		if (ward_limits_is_lack(d->err)) {
			d->at--;
			keep_one(d);
			return;
		}
		d->part = d->part && is_no_way(d->err);
	}
	d->next = UINT64_MAX;
	if (oldest_of(d))
		return;
	if (ward_flow_again(f))
		return;
	err = d->err;
	ward_dial_drop(f);
	ward_flow_failed(f, err);
}

static void on_try(struct ward_waiter *s, uint32_t events)
{
	struct ward_flow *f = s->arg;
	struct ward_try *t = (struct ward_try *)s;
	int err = 0;
	socklen_t n = sizeof(err);

	(void)events;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
		err = errno;
	if (err == 0 && is_self(f, t))
		err = ECONNREFUSED;
	if (err == 0) {
		won(f, t);
		return;
	}
	f->dial->err = err;
	f->dial->part = f->dial->part && is_no_way(err);
	close_try(t);
	advance(f);
}

void ward_dial_begin(struct ward_flow *f)
{
	f->state = WARD_FLOW_DIALING;
	f->dial->placed = true;
	f->dial->begun = ward_now_mono_ns();
	++*(f->inward ? &f->e->n_inward_dials : &f->e->n_dials);
	advance(f);
}

void ward_dial_tick(struct ward_flow *f, uint64_t now)
{
	struct ward_dial *d = f->dial;

	if (now >= slow_at(f)) {
		give_place_back(f);
		f->e->n_slow++;
		d->slow = true;
		keep_one(d);
	}
	if (now < d->next || d->tunnel)
		return;
	/* Too many addresses that say nothing: the one that was tried first makes room. */
	if (d->at < d->n && !free_place(d))
		close_try(oldest_of(d));
	advance(f);
}

/* ---- those that are not open yet ---- */

/* At the end: who came first is served first. */
void ward_pending_add(struct ward_flow *f)
{
	f->before = f->e->pending_last;
	if (f->before)
		f->before->after = f;
	else
		f->e->pending = f;
	f->e->pending_last = f;
}

void ward_pending_remove(struct ward_flow *f)
{
	if (f->before)
		f->before->after = f->after;
	else if (f->e->pending == f)
		f->e->pending = f->after;
	if (f->after)
		f->after->before = f->before;
	else if (f->e->pending_last == f)
		f->e->pending_last = f->before;
	f->before = f->after = NULL;
}

/* When the first of those that are not open yet has something to wait for. */
uint64_t ward_flows_next(const struct ward_egress *e)
{
	uint64_t t = UINT64_MAX;

	for (const struct ward_flow *f = e->pending; f; f = f->after) {
		t = f->deadline < t ? f->deadline : t;
		if (f->state == WARD_FLOW_DIALING && !f->dial->tunnel && f->dial->next < t)
			t = f->dial->next;
		t = slow_at(f) < t ? slow_at(f) : t;
	}
	return t;
}

void ward_flow_overdue(struct ward_flow *f)
{
	enum ward_egress_why why = WARD_EGRESS_WHY_TOO_MANY;

	if (f->state == WARD_FLOW_DIALING) {
		ward_flow_failed(f, oldest_of(f->dial) ? ETIMEDOUT : f->dial->err);
		return;
	}
	if (f->state == WARD_FLOW_HELD)
		why = WARD_EGRESS_WHY_NO_RULE;
	else if (f->state == WARD_FLOW_FULL)
		why = WARD_EGRESS_WHY_BUDGET_CONNECTIONS;
	else if (f->state == WARD_FLOW_RESOLVING && f->upstream)
		why = WARD_EGRESS_WHY_UPSTREAM_UNREACHABLE;
	else if (f->state == WARD_FLOW_RESOLVING && f->name->lookup)
		why = WARD_EGRESS_WHY_RESOLVER_SILENT;
	ward_flow_refuse(f, why);
}

/* ---- what the kernel would do with a packet ---- */

int ward_route_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

struct route_request {
	struct nlmsghdr h;
	struct rtmsg r;
	struct rtattr a;
	uint8_t to[16];
};

bool ward_route_says_own(const char *buf, size_t n, uint32_t seq)
{
	struct nlmsghdr h;
	struct rtmsg r;
	int err;

	if (n < sizeof(h))
		return true;
	memcpy(&h, buf, sizeof(h));
	if (h.nlmsg_seq != seq || h.nlmsg_len > n)
		return true;
	if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_len >= sizeof(h) + sizeof(err)) {
		memcpy(&err, buf + sizeof(h), sizeof(err));
		/* No way there: then connect() fails, too. */
		return err != -ENETUNREACH && err != -EHOSTUNREACH && err != -EACCES &&
			err != -EINVAL;
	}
	if (h.nlmsg_type != RTM_NEWROUTE || h.nlmsg_len < sizeof(h) + sizeof(r))
		return true;
	memcpy(&r, buf + sizeof(h), sizeof(r));
	return r.rtm_type != RTN_UNICAST;
}

bool ward_route_is_own(int route, const struct ward_relay_addr *a)
{
	struct route_request q = { .h = { .nlmsg_type = RTM_GETROUTE,
					   .nlmsg_flags = NLM_F_REQUEST },
		.r = { .rtm_family = a->family == 4 ? AF_INET : AF_INET6,
			.rtm_dst_len = a->family == 4 ? 32 : 128 },
		.a = { .rta_type = RTA_DST } };
	size_t size = a->family == 4 ? 4 : 16;
	char buf[4096];
	ssize_t n;

	while (recv(route, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	q.a.rta_len = (unsigned short)RTA_LENGTH(size);
	q.h.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(q.r)) + q.a.rta_len);
	q.h.nlmsg_seq = SEQ;
	memcpy(q.to, a->a, size);
	do
		n = send(route, &q, q.h.nlmsg_len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return true;
	/* The kernel answers before send() returns. */
	n = recv(route, buf, sizeof(buf), MSG_DONTWAIT);
	return n < 0 || ward_route_says_own(buf, (size_t)n, SEQ);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow from its being accepted to its end: where it wanted to go, what the gate said, whose time is up. How a side ended the other one
 * learns: a FIN becomes a FIN, a reset a reset.
 */
#include "relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_MAX 64 /* at a time */
#define AGAIN_MS 100 /* after accept said that there is no room */
#define DNS_PORT 53
#define LATE_MS 50 /* an end that may wait is told by then */

static struct relay_flow *slots[WARD_RELAY_FLOWS_MAX];
static uint16_t unused[WARD_RELAY_FLOWS_MAX]; /* slots that were used before, as a stack */
static unsigned n_unused, n_used;
static struct relay_flow
	*gates[WARD_RELAY_FLOWS_MAX]; /* those that the gate accepted, by their ids */
#define SPARE_MAX 32
static struct relay_flow *spare[SPARE_MAX]; /* the heap would go to the kernel for each */
static unsigned n_spare;
_Static_assert(WARD_RELAY_FLOWS_MAX <= 1u << 16, "a slot has 16 bits");

static struct relay_flow **gates_at(uint32_t id)
{
	struct relay_flow **at = &gates[id % WARD_RELAY_FLOWS_MAX];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

struct relay_flow *relay_flow_get(struct relay *r, uint32_t id)
{
	uint32_t slot = id & 0xffff;
	struct relay_flow *f = slot < WARD_RELAY_FLOWS_MAX ? slots[slot] : NULL;

	(void)r;
	if ((id & WARD_GATE_FLOW) != 0)
		return *gates_at(id);
	return f != NULL && f->id == id ? f : NULL;
}

/* id: the gate's, or 0. */
static struct relay_flow *flow_new(struct relay *r, uint32_t id)
{
	struct relay_flow *f;
	uint32_t slot;

	if (r->flows >= r->flows_max)
		return NULL;
	f = n_spare > 0 ? spare[--n_spare] : malloc(sizeof(*f));
	if (f == NULL)
		return NULL;
	*f = (struct relay_flow){ .id = 0 };
	slot = n_unused > 0 ? unused[--n_unused] : n_used++;
	slots[slot] = f;
	r->flows++;
	f->slot = (uint16_t)slot;
	f->id = id;
	if (id != 0) {
		*gates_at(id) = f;
	} else {
		/* Never 0. */
		r->count = r->count % 0x7fff + 1;
		f->id = r->count << 16 | slot;
	}
	f->fd[RELAY_CLIENT] = f->fd[RELAY_SERVER] = -1;
	f->armed[RELAY_CLIENT] = f->armed[RELAY_SERVER] = RELAY_UNARMED;
	return f;
}

static void flow_free(struct relay *r, struct relay_flow *f)
{
	if ((f->id & WARD_GATE_FLOW) != 0)
		*gates_at(f->id) = f->next;
	relay_drop(&f->way[RELAY_UP]);
	relay_drop(&f->way[RELAY_DOWN]);
	free(f->proxy);
	free(f->meant);
	slots[f->slot] = NULL;
	unused[n_unused++] = f->slot;
	r->flows--;
	r->inward_flows -= f->inward;
	if (n_spare < SPARE_MAX)
		spare[n_spare++] = f;
	else
		free(f);
}

/* The other end sees a reset, and not an end. */
static void reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	(void)close(fd);
}

/*
 * By word: closed here, a socket is one of the gate's for as long as that has not closed its own, or a child that it had just then lives.
 * Until then epoll tells of it again and again, and the gate does not get to it for whoever looks.
 */
void relay_flow_forget(const struct relay *r, struct relay_flow *f, enum relay_side s)
{
	if (f->armed[s] != RELAY_UNARMED)
		(void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, f->fd[s], NULL);
	f->armed[s] = RELAY_UNARMED;
}

/* Behind what is owed of it. */
static void end_late(struct relay *r, const struct ward_relay_msg *m)
{
	relay_tell_owed(r);
	relay_tell_late(r, m);
	relay_due(r, r->now + LATE_MS);
}

void relay_flow_end(struct relay *r, struct relay_flow *f, enum ward_relay_end why)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_CLOSED,
		.id = f->id,
		.value = why,
		.up = f->way[RELAY_UP].moved,
		.down = f->way[RELAY_DOWN].moved };

	relay_flow_forget(r, f, RELAY_CLIENT);
	relay_flow_forget(r, f, RELAY_SERVER);
	if (why == WARD_END_DONE) {
		(void)close(f->fd[RELAY_CLIENT]);
		if (f->fd[RELAY_SERVER] >= 0)
			(void)close(f->fd[RELAY_SERVER]);
	} else {
		reset(f->fd[RELAY_CLIENT]);
		reset(f->fd[RELAY_SERVER]);
	}
	if (f->dns)
		relay_names_forget(r, f->id);
	else if (f->told && r->lazy && f->rule == 0 && why <= WARD_END_SERVER)
		end_late(r, &m);
	else if (f->told)
		relay_tell(r, &m);
	/* Who asked the proxy, and had to go before it was known for what. */
	else if (!f->drained && (why == WARD_END_HELD || why == WARD_END_MEMORY))
		relay_limited(r, WARD_RELAY_LIMIT_FLOWS);
	flow_free(r, f);
}

void relay_flow_end_all(struct relay *r)
{
	for (unsigned i = 0; i < n_used; i++)
		if (slots[i] != NULL)
			relay_flow_end(r, slots[i], WARD_END_REFUSED);
}

/* ---- what epoll waits for ---- */

static bool wants_in(const struct relay_flow *f, enum relay_side s)
{
	const struct relay_way *w = &f->way[s];

	if (w->eof)
		return false;
	if (f->dns)
		return s == RELAY_CLIENT && !f->asked && f->way[RELAY_DOWN].len == 0;
	if (!f->told)
		return s == RELAY_CLIENT;
	if (s == RELAY_CLIENT && !f->passed)
		return !f->seen && f->passable == 0 && !relay_asked_all(f);
	return f->dialed != 0 && w->len == 0;
}

static bool wants_out(const struct relay_flow *f, enum relay_side s)
{
	if (f->way[!s].len == 0)
		return false;
	return s == RELAY_CLIENT ||
		(f->dialed != 0 && !relay_go_waits(f) && (f->passed || f->passable > 0));
}

static void arm(struct relay *r, struct relay_flow *f, enum relay_side s)
{
	uint32_t want = (wants_in(f, s) ? EPOLLIN : 0u) | (wants_out(f, s) ? EPOLLOUT : 0u);
	struct epoll_event e = { .events = want,
		.data.u64 = (uint64_t)(RELAY_KIND_CLIENT + s) << 32 | f->id };
	int op = f->armed[s] == RELAY_UNARMED ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	/* A socket that is closed both ways is told again and again, whatever is waited for. */
	if (want == 0 && f->way[!s].shut) {
		if (op == EPOLL_CTL_MOD)
			(void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, f->fd[s], &e);
		f->armed[s] = RELAY_UNARMED;
		return;
	}
	if (f->armed[s] == want)
		return;
	if (epoll_ctl(r->epoll, op, f->fd[s], &e) < 0) {
		f->ending = WARD_END_MEMORY + 1;
		return;
	}
	f->armed[s] = want;
}

void relay_flow_settle(struct relay *r, struct relay_flow *f)
{
	if (f->ending == 0 && f->way[RELAY_UP].shut && f->way[RELAY_DOWN].shut)
		f->ending = WARD_END_DONE + 1;
	else if (f->ending == 0 && f->told && f->way[RELAY_DOWN].shut && relay_asked_all(f) &&
		f->way[RELAY_UP].len == 0)
		relay_proxy_answered(r, f);
	for (int s = RELAY_CLIENT; f->ending == 0 && s <= RELAY_SERVER; s++)
		if (f->fd[s] >= 0)
			arm(r, f, (enum relay_side)s);
	if (f->ending == 0)
		return;
	/* What the side that reset had sent before is its peer's, as it would be without us in between. */
	if (f->ending == WARD_END_SERVER + 1 && f->dialed != 0)
		relay_pump(r, f, RELAY_DOWN);
	if (f->ending == WARD_END_CLIENT + 1 && f->dialed != 0 && f->passed)
		relay_pump(r, f, RELAY_UP);
	relay_flow_end(r, f, (enum ward_relay_end)(f->ending - 1));
}

/* ---- it begins ---- */

static bool address(struct ward_relay_addr *ret, const struct sockaddr_storage *ss)
{
	*ret = (struct ward_relay_addr){ 0 };
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

		ret->family = 4;
		ret->port = ntohs(in->sin_port);
		memcpy(ret->a, &in->sin_addr, 4);
		return true;
	}
	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

		ret->family = 6;
		ret->port = ntohs(in6->sin6_port);
		memcpy(ret->a, &in6->sin6_addr, 16);
		return !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	}
	return false;
}

/* The listener's own address. */
static bool is_proxy(const struct ward_relay_addr *a)
{
#ifndef WARD_RELAY_TEST
	static const uint8_t loopback6[16] = { [15] = 1 };

	return a->family == 4 ? a->a[0] == 127 : memcmp(a->a, loopback6, sizeof(loopback6)) == 0;
#else
	(void)a;
	return false;
#endif
}

/*
 * Where the client wanted to go: what is captured keeps the address that was dialled (tproxy; confine/native/net). The listener's own,
 * which is loopback, is the proxy's. A listener of the host's (inward) has the host's addresses.
 */
static bool wanted(int fd, bool inward, struct ward_relay_addr *ret, bool *ret_proxy)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0 || !address(ret, &ss))
		return false;
	*ret_proxy = !inward && is_proxy(ret);
	return true;
}

/* Of a client that is here: m has its addresses, and says where it came. */
static void begin(struct relay *r, int fd, struct ward_relay_msg *m, bool proxy)
{
	uint32_t inward = m->inward;
	struct relay_flow *f = flow_new(r, 0);
	int one = 1;

	if (f == NULL) {
		relay_limited(r, WARD_RELAY_LIMIT_FLOWS);
		reset(fd);
		return;
	}
	if (inward != 0 && !relay_inward_begin(r, f)) {
		relay_limited(r, WARD_RELAY_LIMIT_INWARD);
		flow_free(r, f);
		reset(fd);
		return;
	}
	/* Of the others the listener had it already. */
	if (inward != 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	f->fd[RELAY_CLIENT] = fd;
	f->to = m->to;
	f->from = m->from;
	f->opened = f->last = r->now;
	f->dns = !proxy && inward == 0 && f->to.port == DNS_PORT;
	f->told = !proxy && !f->dns;
	m->type = WARD_RELAY_OPEN;
	m->id = f->id;
	if (f->told)
		relay_tell(r, m);
	if (proxy && !relay_proxy_new(r, f))
		f->ending = WARD_END_MEMORY + 1;
	relay_due(r, r->now + (f->told ? WARD_RELAY_GATE_MS : WARD_RELAY_FIRST_MS));
	relay_flow_settle(r, f);
}

void relay_accept(struct relay *r, int listener, uint32_t inward)
{
	for (int i = 0; i < ACCEPT_MAX && !r->ctl_full; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t n = sizeof(peer);
		int fd = accept4(listener, (struct sockaddr *)&peer, &n,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			struct ward_relay_msg m = { .inward = inward };
			bool proxy;

			if (wanted(fd, inward != 0, &m.to, &proxy) && address(&m.from, &peer))
				begin(r, fd, &m, proxy);
			else
				reset(fd);
			continue;
		}
		/* These would be told again at once, for as long as it lasts. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			relay_limited(r, WARD_RELAY_LIMIT_FLOWS);
			relay_pause(r, AGAIN_MS);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
	if (r->ctl_full)
		relay_pause(r, 0);
}

/* ---- the gate's word ---- */

static void dialed(struct relay *r, struct relay_flow *f, const struct ward_relay_msg *m,
	int server)
{
	f->fd[RELAY_SERVER] = server;
	f->dialed = f->last = r->now;
	f->idle_ms = m->idle_ms;
	f->total_ms = m->total_ms;
	f->rule = (uint8_t)m->inward;
	/* The one that was dialled: where connects are led to the listener's own port, nobody here knew it. */
	if (m->to.port != 0)
		f->to.port = m->to.port;
	f->way[RELAY_UP].max = m->up_max;
	f->way[RELAY_DOWN].max = m->down_max;
	if (f->idle_ms != 0)
		relay_due(r, r->now + f->idle_ms);
	if (f->total_ms != 0)
		relay_due(r, r->now + f->total_ms);
	if (f->proxy != NULL)
		relay_proxy_dialed(f);
	/* Without memory for it the gate is asked. */
	if (m->value == 1)
		f->meant = strdup(m->name);
	relay_seen_dialed(r, f);
	if (f->ending == 0)
		relay_pump(r, f, RELAY_UP);
	relay_flow_settle(r, f);
}

void relay_flow_dialed(struct relay *r, const struct ward_relay_msg *m, int server)
{
	struct relay_flow *f = relay_flow_get(r, m->id);

	/* Of a flow that ended meanwhile, or has its server: then what is said twice has an end here. */
	if (f == NULL || !f->told || f->dialed != 0)
		(void)close(server);
	else
		dialed(r, f, m, server);
}

/* There is no place for it. */
static void turn_away(struct relay *r, uint32_t id, const int fd[2])
{
	const struct ward_relay_msg m = {
		.type = WARD_RELAY_CLOSED, .id = id, .value = WARD_END_MEMORY
	};

	relay_limited(r, WARD_RELAY_LIMIT_FLOWS);
	reset(fd[RELAY_CLIENT]);
	reset(fd[RELAY_SERVER]);
	relay_tell(r, &m);
}

bool relay_flow_client(struct relay *r, const struct ward_relay_msg *m, const int fd[2])
{
	struct ward_relay_msg open = { .to = m->to, .from = m->from };
	struct relay_flow *f;

	if (m->id == 0 && fd[RELAY_SERVER] < 0) {
		begin(r, fd[RELAY_CLIENT], &open, is_proxy(&open.to));
		return true;
	}
	if ((m->id & WARD_GATE_FLOW) == 0 || relay_flow_get(r, m->id) != NULL) {
		reset(fd[RELAY_CLIENT]);
		reset(fd[RELAY_SERVER]);
		return false;
	}
	f = flow_new(r, m->id);
	if (f == NULL) {
		turn_away(r, m->id, fd);
		return true;
	}
	f->fd[RELAY_CLIENT] = fd[RELAY_CLIENT];
	f->to = m->to;
	f->from = m->from;
	f->opened = f->last = r->now;
	f->told = true;
	relay_due(r, r->now + WARD_RELAY_GATE_MS);
	if (fd[RELAY_SERVER] >= 0)
		dialed(r, f, m, fd[RELAY_SERVER]);
	else
		relay_flow_settle(r, f);
	return true;
}

void relay_flow_pass(struct relay *r, uint32_t id, bool some)
{
	struct relay_flow *f = relay_flow_get(r, id);

	if (f == NULL || (some ? f->go != RELAY_GO_ASKED : !f->seen || f->untold || f->passed))
		return;
	if (some)
		f->go = RELAY_GO_MAY;
	else
		relay_passes(r, f);
	relay_pump(r, f, RELAY_UP);
	relay_flow_settle(r, f);
}

/* ---- events ---- */

static void dns_event(struct relay *r, struct relay_flow *f, uint32_t events)
{
	if ((events & EPOLLERR) != 0)
		f->ending = WARD_END_CLIENT + 1;
	else
		relay_names_tcp(r, f);
	relay_flow_settle(r, f);
}

void relay_flow_event(struct relay *r, uint32_t id, enum relay_side side, uint32_t events)
{
	struct relay_flow *f = relay_flow_get(r, id);

	if (f == NULL)
		return; /* it ended by what happened just before */
	if (f->dns) {
		dns_event(r, f, events);
		return;
	}
	if (!f->told) {
		relay_proxy_event(r, f, events);
		return;
	}
	if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && !f->way[!side].shut))
		f->ending =
			(uint8_t)((side == RELAY_CLIENT ? WARD_END_CLIENT : WARD_END_SERVER) + 1);
	if (f->ending == 0 && (events & (EPOLLIN | EPOLLHUP)) != 0)
		relay_pump(r, f, side);
	if (f->ending == 0 && (events & EPOLLOUT) != 0)
		relay_pump(r, f, !side);
	relay_flow_settle(r, f);
}

/* ---- time ---- */

static uint64_t sooner(uint64_t a, uint64_t since, uint64_t ms)
{
	return ms != 0 && since + ms < a ? since + ms : a;
}

/* When its time is up, and what that is called. */
static uint64_t deadline(const struct relay_flow *f, enum ward_relay_end *ret)
{
	uint64_t at = UINT64_MAX, total;

	*ret = WARD_END_IDLE;
	if (!f->dns && !f->told) {
		*ret = f->drained ? WARD_END_DONE : WARD_END_IDLE;
		return relay_proxy_deadline(f);
	}
	if (f->dns)
		return sooner(at, f->last,
			WARD_RELAY_FIRST_MS + (f->asked ? WARD_RELAY_ANSWER_MS : 0));
	if (f->first != 0 && !f->seen)
		at = sooner(at, f->first, WARD_RELAY_FIRST_MS);
	if (f->dialed == 0 || (f->seen && !f->passed))
		at = sooner(at, f->last, WARD_RELAY_GATE_MS);
	if (f->dialed == 0)
		return at;
	at = sooner(at, f->last, f->idle_ms);
	/* The server is done, and who came from outside does not go: that must not hold a place for long. */
	if (f->inward && f->way[RELAY_DOWN].eof)
		at = sooner(at, f->last, WARD_INWARD_END_MS);
	total = sooner(UINT64_MAX, f->dialed, f->total_ms);
	if (total < at) {
		*ret = WARD_END_TIME;
		at = total;
	}
	return at;
}

/* By its first bytes alone: then the gate is told, as of any other beginning that is broken, and refuses it. */
static bool is_late(const struct relay_flow *f, uint64_t now)
{
	return f->told && f->first != 0 && !f->seen && f->first + WARD_RELAY_FIRST_MS <= now &&
		(f->idle_ms == 0 || f->dialed == 0 || f->last + f->idle_ms > now) &&
		(f->total_ms == 0 || f->dialed == 0 || f->dialed + f->total_ms > now);
}

void relay_flow_timers(struct relay *r)
{
	for (unsigned i = 0; i < n_used; i++) {
		enum ward_relay_end why;
		uint64_t at;

		if (slots[i] == NULL)
			continue;
		at = deadline(slots[i], &why);
		if (at <= r->now && is_late(slots[i], r->now))
			relay_flow_late(r, slots[i]);
		else if (at <= r->now && slots[i]->proxy != NULL && !slots[i]->told)
			relay_proxy_late(r, slots[i]);
		else if (at <= r->now)
			relay_flow_end(r, slots[i], why);
		else
			relay_due(r, at);
	}
}

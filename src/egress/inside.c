/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections from the inside. They are accepted here, in the turn of whoever made them: when the connect is done there is somebody to be taken,
 * and nobody has to be woken for it. What is accepted is looked at by its two addresses, which the kernel tells, and by nothing else: the
 * relay reads what it says. Who was not there in time is found by a look now and then, or when the listener says so.
 *
 * What the rest knows of such a connection: whose it is; and which port a flow meant, on a host without nf_tables: there it comes to the
 * listener's own port at the address that was dialled, and the rest knows who mediated the connect (plan->redirects). What is said there
 * is as good as an address that was dialled: it is judged.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/flow.h"
#include "egress/inside.h"
#include "policy/policy.h"

#define BATCH 64 /* taken in one turn */
#define LOOK_MS 100u
#define OUT_MAX 64u /* that the relay has not taken yet: whoever comes waits in the kernel */
#define DNS_PORT 53u
/*
 * Who has closed a connection has said no other word than who has only ended his side. His kernel forgets it after a minute
 * (tcp_fin_timeout), and says so when it is asked after that: else it was there until the server ended it, for an hour where that does not.
 */
#define GONE_S 75
#define WHO_SLOW_MS 5u
#define WHO_WAIT_MS 20u /* for all answers of a second */
#define WHO_AGAIN_MS 1000u
#define WAIT_MS 250u /* for all of a second: the run's time limits wait meanwhile */

/* ---- accepting ---- */

bool ward_inside_address(const struct sockaddr_in6 *a, struct ward_relay_addr *ret)
{
	struct sockaddr_in four;

	*ret = (struct ward_relay_addr){ 0 };
	if (a->sin6_family == AF_INET6) {
		ret->family = 6;
		ret->port = ntohs(a->sin6_port);
		memcpy(ret->a, &a->sin6_addr, sizeof(ret->a));
		return true;
	}
	memcpy(&four, a, sizeof(four));
	ret->family = 4;
	ret->port = ntohs(four.sin_port);
	memcpy(ret->a, &four.sin_addr, 4);
	return four.sin_family == AF_INET;
}

/* The other end sees a reset. */
static void reset(int fd)
{
	const struct linger l = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	ward_close(fd);
}

/* Such a number has no flow that is open. */
static uint32_t new_id(struct ward_egress *e)
{
	do
		e->inside.count = (e->inside.count + 1) & ~WARD_GATE_FLOW;
	while (ward_flow_find(e, e->inside.count | WARD_GATE_FLOW));
	return e->inside.count | WARD_GATE_FLOW;
}

/* What was accepted here is the relay's, which hears of it before it hears anything else of that flow. */
void ward_flow_hand(struct ward_flow *f)
{
	const struct ward_relay_msg m = {
		.type = WARD_GATE_CLIENT, .id = f->id, .to = f->to, .from = f->from
	};

	if (f->client < 0)
		return;
	ward_gate_send(f->e, &m, f->client);
	f->client = -1;
}

/* What is asked of the proxy, and questions for names, are for the relay to read before there is anything to judge. */
static bool is_for_relay(const struct ward_relay_addr *to)
{
	return ward_address_classify(to->family, to->a) == WARD_ADDRESS_LOOPBACK ||
		to->port == DNS_PORT;
}

static void take(struct ward_egress *e, int fd, const struct sockaddr_in6 *peer)
{
	struct ward_relay_msg m = { .type = WARD_GATE_CLIENT };
	struct sockaddr_in6 own = { 0 }; /* the larger one */
	socklen_t n = sizeof(own);

	if (getsockname(fd, (void *)&own, &n) < 0 || !ward_inside_address(&own, &m.to) ||
		!ward_inside_address(peer, &m.from)) {
		reset(fd);
	} else if (is_for_relay(&m.to)) {
		ward_gate_send(e, &m, fd);
	} else if (e->n_flows >= e->flows_max) {
		reset(fd);
		ward_gate_limit(e, WARD_RELAY_LIMIT_FLOWS, 1);
	} else {
		m.id = new_id(e);
		ward_flow_come(e, &m, fd);
	}
}

/* False: there is nobody, or none can be taken. */
static bool take_one(struct ward_egress *e, bool six)
{
	struct sockaddr_in6 peer = { 0 }; /* the larger one */
	socklen_t n = sizeof(peer);
	int fd = accept4(e->inside.listener[six], (void *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		take(e, fd, &peer);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		ward_gate_limit(e, WARD_RELAY_LIMIT_FLOWS, 1);
	return fd >= 0 || errno == ECONNABORTED || errno == EINTR;
}

static void take_all(struct ward_egress *e, bool six)
{
	bool more = true;

	/* One in any case, so that whoever waits gets on whatever else takes the turn. */
	for (int i = 0; i < BATCH && more && !e->lost && e->n_out < OUT_MAX &&
		(i == 0 || ward_now_mono_ns() < e->turn_until);
		i++)
		more = take_one(e, six);
	/* The rest in the next turn, or when the relay has taken what it is told. */
	e->inside.behind[six] = more;
	e->more = e->more || (more && e->n_out < OUT_MAX);
}

static void on_listener(struct ward_waiter *s, uint32_t events)
{
	struct ward_egress *e = s->arg;

	(void)events;
	take_all(e, s == &e->inside.source[1]);
}

/* The listener itself says when somebody is there, once. */
static void listen_once(struct ward_egress *e, bool six)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT,
		.data.ptr = &e->inside.source[six] };

	(void)epoll_ctl(e->epoll, EPOLL_CTL_MOD, e->inside.listener[six], &ev);
}

/* Sooner than it looks anyway. */
static bool has_to_look(const struct ward_egress *e)
{
	uint64_t soon = ward_now_mono_ns() + LOOK_MS * WARD_MS / 2;

	return e->lost || e->more || e->out_at || ward_flows_next(e) < soon ||
		ward_resolver_next(&e->resolver) < soon;
}

void ward_inside_judged(struct ward_egress *e)
{
	const struct ward_egress_caller *c = e->inside.caller;

	e->inside.caller = NULL;
	if (c)
		c->go_on(c->arg);
}

bool ward_egress_came(struct ward_egress *e, bool six, const struct ward_egress_caller *caller)
{
	bool taken;

	if (e->lost || e->stopping || e->inside.listener[six] < 0)
		return false;
	e->turn_until = ward_now_mono_ns() + WARD_TURN_MS * WARD_MS;
	if (e->inside.behind[six] || e->n_out >= OUT_MAX) {
		take_all(e, six);
		return has_to_look(e);
	}
	e->inside.caller = caller;
	taken = take_one(e, six);
	e->inside.caller = NULL;
	if (!taken) {
		/* It is on its way: so far each connect takes one. */
		e->inside.behind[six] = true;
		listen_once(e, six);
	}
	return has_to_look(e);
}

void ward_egress_ring(struct ward_egress *e)
{
	const uint64_t one = 1;

	if (write(e->inside.bell, &one, sizeof(one)) < 0)
		(void)0; /* a full counter is readable as well */
}

static void look(struct ward_egress *e)
{
	for (int six = 0; six < 2; six++)
		if (e->inside.listener[six] >= 0)
			take_all(e, six);
}

static void on_bell(struct ward_waiter *s, uint32_t events)
{
	struct ward_egress *e = s->arg;
	uint64_t count;

	(void)events;
	if (read(e->inside.bell, &count, sizeof(count)) < 0)
		(void)0; /* nobody rang */
	look(e);
}

void ward_inside_tick(struct ward_egress *e, uint64_t now)
{
	if (!e->inside.at || (now < e->inside.at && !e->inside.behind[0] && !e->inside.behind[1]))
		return;
	look(e);
	e->inside.at = now + LOOK_MS * WARD_MS;
}

void ward_inside_init(struct ward_egress *e)
{
	e->inside.listener[0] = e->inside.listener[1] = e->inside.bell = -1;
	e->inside.source[0] = e->inside.source[1] = (struct ward_waiter){ on_listener, e };
	e->inside.bell_source = (struct ward_waiter){ on_bell, e };
}

int ward_inside_begin(struct ward_egress *e, struct ward_error *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &e->inside.bell_source };

	e->inside.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->inside.bell < 0 || epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->inside.bell, &ev) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "the run's network");
	return WARD_OK;
}

int ward_inside_options(int fd)
{
	static const struct {
		int level, name, value;
	} rows[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, GONE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, GONE_S / 5 },
		/* What is urgent would be gone, from the middle of what is said. */
		{ SOL_SOCKET, SO_OOBINLINE, 1 },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++)
		if (setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
			    sizeof(rows[i].value)) < 0)
			return -1;
	return 0;
}

int ward_inside_listen(struct ward_egress *e, bool six, int fd, struct ward_error *err)
{
	/* Nothing is told of it before listen_once(). */
	struct epoll_event ev = { .events = EPOLLONESHOT, .data.ptr = &e->inside.source[six] };

	if (fd < 0)
		return WARD_OK;
	e->inside.listener[six] = fd;
	e->inside.at = ward_now_mono_ns();
	if (ward_inside_options(fd) < 0 || epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "the run's network");
	return WARD_OK;
}

void ward_inside_close(struct ward_egress *e)
{
	for (int six = 0; six < 2; six++) {
		if (e->inside.listener[six] >= 0)
			(void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, e->inside.listener[six], NULL);
		ward_close(e->inside.listener[six]);
		e->inside.listener[six] = -1;
	}
	e->inside.at = 0;
	e->inside.behind[0] = e->inside.behind[1] = false;
}

/* ---- what the rest knows ---- */

bool ward_flow_port(struct ward_flow *f)
{
	struct ward_egress *e = f->e;
	char address[WARD_ADDRESS_TEXT_MAX];
	uint64_t before;
	bool known;

	if (f->how != WARD_HOW_CAPTURED || f->to.port != WARD_NET_PROXY_PORT || !e->ops->meant)
		return true;
	before = ward_now_mono_ns();
	if (before - e->port_since > 1000 * WARD_MS) {
		e->port_since = before;
		e->port_waited = 0;
	}
	known = e->ops->meant(e->arg, ward_address_text(&f->from, address), f->from.port,
		e->port_waited < WAIT_MS * WARD_MS, &f->to.port);
	e->port_waited += ward_now_mono_ns() - before;
	return known;
}

/*
 * For the record alone, but where policies ask for it. Who answers may be held up by a caller inside, a little each time: after an answer
 * that took long nobody is asked for a while, since the run's time limits wait meanwhile; where policies ask it is waited for as for a port.
 * Without wait it may be known later: who connects is busy with others.
 */
void ward_flow_whose(struct ward_flow *f, bool wait)
{
	struct ward_egress *e = f->e;
	char address[WARD_ADDRESS_TEXT_MAX];
	uint64_t before = ward_now_mono_ns(), now;
	uint64_t most = e->by_program ? WAIT_MS : WHO_WAIT_MS;

	if (f->pid || f->inward || !e->ops->who || (before < e->no_who_until && !e->by_program))
		return;
	if (before - e->who_since > 1000 * WARD_MS) {
		e->who_since = before;
		e->who_waited = 0;
	}
	wait = wait && e->who_waited < most * WARD_MS;
	(void)e->ops->who(e->arg, ward_address_text(&f->from, address), f->from.port, wait, &f->pid,
		f->comm, f->program);
	now = ward_now_mono_ns();
	e->who_waited += wait ? now - before : 0;
	if (now - before > WHO_SLOW_MS * WARD_MS)
		e->no_who_until = now + WHO_AGAIN_MS * WARD_MS;
}

const char *ward_flow_program(const struct ward_flow *f)
{
	return f->program[0] ? f->program : NULL;
}

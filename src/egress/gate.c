/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's life and its side of the wire. The relay reads what the sandbox sends, so it counts as the sandbox's: the first message
 * that cannot be ends it, and with it every connection of the run. It is never waited for but at its start and its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/limits.h"
#include "egress/upstream/upstream.h"

#define READY_MS 5000
#define STOP_MS 500
#define TURN_MAX 256 /* events of one turn: the run has more to do, and WARD_TURN_MS for them */
#define AGAIN_MS 10
#define LAZY_MIN 1024u /* connections at a time */
#define QUEUE_MAX (2 * WARD_EGRESS_FLOWS_MAX)

/* What the relay has not taken yet. */
struct ward_out {
	struct ward_out *next;
	int fd[2];
	struct ward_relay_msg m;
};

void ward_gate_lost(struct ward_egress *e, const char *how)
{
	if (!e->lost)
		e->lost = how;
}

/* What the kernel said, or the relay, goes with it: the run goes on, and nothing else of it tells why its network is gone. */
static void lost_by(struct ward_egress *e, const char *how, int err, int status)
{
	if (err)
		(void)snprintf(e->lost_text, sizeof(e->lost_text), "%s: %s", how, strerror(err));
	else
		(void)snprintf(e->lost_text, sizeof(e->lost_text), "%s with exit code %d", how,
			status);
	e->lost_errno = err;
	e->lost = e->lost_text;
}

/* ---- to the relay ---- */

/*
 * 0: sent, or the relay is lost; 1: not now. What its socket has no room for goes when it has; what our user has too many of in flight
 * the socket says nothing about.
 */
static int put(struct ward_egress *e, const struct ward_relay_msg *m, const int fd[2])
{
	ssize_t n = ward_send_fds(e->ctl, m, sizeof(*m), fd,
		(size_t)(fd[0] >= 0) + (size_t)(fd[1] >= 0));
	bool later = n == -ENOBUFS || n == -ETOOMANYREFS;

	e->out_at = later ? ward_now_mono_ns() + AGAIN_MS * WARD_MS : 0;
	if (later || n == -EAGAIN)
		return 1;
	if (n < 0)
		ward_gate_lost(e, "it takes no messages");
	return 0;
}

static void watch_ctl(struct ward_egress *e)
{
	struct epoll_event ev = { .events = EPOLLIN |
			(e->out && !e->out_at ? (uint32_t)EPOLLOUT : 0u),
		.data.ptr = &e->ctl_source };

	if (epoll_ctl(e->epoll, EPOLL_CTL_MOD, e->ctl, &ev) < 0)
		ward_gate_lost(e, "it cannot be waited for");
}

void ward_gate_send(struct ward_egress *e, const struct ward_relay_msg *m, int fd)
{
	ward_gate_send_two(e, m, fd, -1);
}

static void relay_begin(struct ward_egress *e);

/* second: -1, or taken, behind fd. */
void ward_gate_send_two(struct ward_egress *e, const struct ward_relay_msg *m, int fd, int second)
{
	const int fds[2] = { fd, second };
	struct ward_out *o;

	if (!e->lost)
		relay_begin(e);
	if (e->lost || (!e->out && put(e, m, fds) == 0)) {
		ward_close(fd);
		ward_close(second);
		return;
	}
	o = e->n_out < QUEUE_MAX ? malloc(sizeof(*o)) : NULL;
	if (!o) {
		ward_close(fd);
		ward_close(second);
		ward_gate_lost(e, "it does not read what it is told");
		return;
	}
	*o = (struct ward_out){ .fd = { fd, second }, .m = *m };
	if (e->out)
		e->out_last->next = o;
	else
		e->out = o;
	e->out_last = o;
	if (e->n_out++ == 0)
		watch_ctl(e);
}

static void drop_first(struct ward_egress *e)
{
	struct ward_out *o = e->out;

	e->out = o->next;
	e->n_out--;
	ward_close(o->fd[0]);
	ward_close(o->fd[1]);
	free(o);
}

static void send_more(struct ward_egress *e)
{
	bool timed = e->out_at;

	while (e->out && !e->lost && put(e, &e->out->m, e->out->fd) == 0)
		drop_first(e);
	if (!e->out || timed || e->out_at)
		watch_ctl(e);
}

/* ---- from the relay ---- */

static void on_ready(struct ward_egress *e, const struct ward_relay_msg *m)
{
	if (e->ready || m->value != WARD_RELAY_VERSION)
		ward_gate_lost(e, "it is of another version");
	e->ready = true;
	ward_spawn_done(&e->relay);
	if (m->up && m->up < e->flows_max)
		e->flows_max = (size_t)m->up;
}

void ward_gate_limit(struct ward_egress *e, enum ward_relay_limit which, uint64_t count)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_LIMIT, .count = count };

	switch (which) {
	case WARD_RELAY_LIMIT_NO_HOST:
		v.kind = WARD_EGRESS_DNS_BLOCK;
		ward_tell_why(&v, WARD_EGRESS_WHY_NO_HOST, NULL);
		break;
	case WARD_RELAY_LIMIT_FLOWS:
		v.why = "egress.flows";
		v.text = "more connections at a time than one run may have";
		break;
	case WARD_RELAY_LIMIT_INWARD:
		v.why = "egress.inward";
		v.text = "more connections from the host at a time than one run takes";
		break;
	default:
		v.why = "egress.questions";
		v.text = "more questions for names at a time than one run may ask";
		break;
	}
	ward_tell(e, &v);
}

static void on_limit(struct ward_egress *e, const struct ward_relay_msg *m)
{
	if (m->value >= WARD_RELAY_LIMIT_MAX)
		ward_gate_lost(e, "it named a limit that there is not");
	else
		ward_gate_limit(e, (enum ward_relay_limit)m->value, m->up ? m->up : 1);
}

static void take(struct ward_egress *e, const struct ward_relay_msg *m)
{
	static const struct {
		uint32_t type;
		void (*fn)(struct ward_egress *e, const struct ward_relay_msg *m);
	} rows[] = {
		{ WARD_RELAY_READY, on_ready },
		{ WARD_RELAY_NAME, ward_gate_name },
		{ WARD_RELAY_OPEN, ward_flow_open },
		{ WARD_RELAY_SEEN, ward_flow_seen },
		{ WARD_RELAY_CLOSED, ward_flow_closed },
		{ WARD_RELAY_LIMIT, on_limit },
	};

	if (!memchr(m->name, '\0', sizeof(m->name)) || m->up > WARD_RELAY_NUMBER_MAX ||
		m->down > WARD_RELAY_NUMBER_MAX || (!e->ready && m->type != WARD_RELAY_READY)) {
		ward_gate_lost(e, "it sent what is no message");
		return;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++)
		if (rows[i].type == m->type) {
			rows[i].fn(e, m);
			return;
		}
	ward_gate_lost(e, "it sent a message that there is not");
}

static void on_ctl(struct ward_waiter *s, uint32_t events)
{
	struct ward_egress *e = s->arg;
	struct ward_relay_msg m[WARD_RELAY_TOLD_MAX];
	ssize_t n;

	if (events & EPOLLOUT)
		send_more(e);
	if (e->lost || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = ward_recv_fds(e->ctl, m, sizeof(m), NULL, NULL, MSG_DONTWAIT);
	if (n == -EAGAIN)
		return;
	/* The reset: it was told something that it did not read any more. */
	if (n == 0 || n == -ECONNRESET)
		ward_gate_lost(e, "it has ended");
	else if (n < 0 || (size_t)n % sizeof(*m) != 0)
		ward_gate_lost(e, "it sent what is no message");
	for (size_t i = 0; n > 0 && !e->lost && i < (size_t)n / sizeof(*m); i++)
		take(e, &m[i]);
}

/* ---- the relay's begin and end ---- */

static pthread_mutex_t image_lock = PTHREAD_MUTEX_INITIALIZER;
static int image_fd = -1;

/* One sealed memfd for the whole process. */
static int image(void)
{
	int fd;

	pthread_mutex_lock(&image_lock);
	if (image_fd < 0)
		image_fd = ward_memfd_exec("ward-relay", ward_relay_image, ward_relay_image_size);
	fd = image_fd;
	pthread_mutex_unlock(&image_lock);
	return fd;
}

/* 0 or -errno. */
static int spawn(struct ward_egress *e)
{
	char id[16];
	const char *const argv[] = { "ward-relay", id, NULL };
	WARD_FD end = ward_own_end();
	const int fds[] = { [WARD_RELAY_FD_CTL] = e->late.ctl, [WARD_RELAY_END] = end };
	struct ward_spawn what = { .exe_fd = image(),
		.argv = argv,
		.fds = fds,
		.n_fds = WARD_ARRAY_SIZE(fds),
		.cgroup = -1 };

	if (end < 0)
		return end;
	(void)snprintf(id, sizeof(id), "%u", WARD_RESERVED_ID);
	return what.exe_fd < 0 ? what.exe_fd : ward_spawn(&what, &e->relay);
}

static void send_limits(struct ward_egress *e)
{
	/* Where few are counted each end counts at once. */
	const struct ward_relay_msg limits = { .type = WARD_GATE_LIMITS,
		.id = e->limits.v[WARD_NET_CONNECTIONS] == 0 ||
			e->limits.v[WARD_NET_CONNECTIONS] >= LAZY_MIN,
		.up_max = e->limits.v[WARD_NET_BYTES_UP],
		.down_max = e->limits.v[WARD_NET_BYTES_DOWN] };

	ward_gate_send(e, &limits, -1);
}

static void send_socket(struct ward_egress *e, uint32_t which, int fd)
{
	const struct ward_relay_msg m = { .type = WARD_GATE_SOCKET,
		.value = WARD_RELAY_FD_TCP4 + which };

	if (fd >= 0)
		ward_gate_send(e, &m, fd);
}

static const char not_executed[] = "it cannot be executed";

/*
 * Somebody asked for a name, or connected, and nobody had before: most commands of a run that may use the network do not. What it is to
 * know first is on the wire before it is there. Where it cannot be executed it is as if it had ended.
 */
static void relay_begin(struct ward_egress *e)
{
	int ctl = e->late.ctl, r;

	if (ctl < 0)
		return;
	r = spawn(e);
	ward_close(ctl);
	e->late.ctl = -1;
	e->late.ready_by = ward_now_mono_ns() + READY_MS * WARD_MS;
	if (r < 0) {
		lost_by(e, not_executed, -r, 0);
		return;
	}
	send_limits(e);
	for (uint32_t i = 0; i < WARD_NET_DOOR; i++) {
		if (e->late.sockets[i] >= 0)
			(void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, e->late.sockets[i], NULL);
		send_socket(e, i, e->late.sockets[i]);
		e->late.sockets[i] = -1;
	}
}

static void on_first(struct ward_waiter *s, uint32_t events)
{
	(void)events;
	relay_begin(s->arg);
}

/* The relay's, when there is one. */
static int keep_socket(struct ward_egress *e, uint32_t which, int fd, struct ward_error *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &e->late.source };

	e->late.sockets[which] = fd;
	if (fd >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "the run's network");
	return WARD_OK;
}

static void close_late(struct ward_egress *e)
{
	ward_close(e->late.ctl);
	e->late.ctl = -1;
	for (uint32_t i = 0; i < WARD_NET_DOOR; i++) {
		ward_close(e->late.sockets[i]);
		e->late.sockets[i] = -1;
	}
}

/* It is over, and what it ended by is known. */
static void reap(struct ward_egress *e)
{
	int code = 0, status = 0, err, r;

	if (e->relay.pidfd < 0)
		return;
	(void)ward_pidfd_signal(e->relay.pidfd, SIGKILL);
	r = ward_pidfd_wait(e->relay.pidfd, &code, &status, false);
	close(e->relay.pidfd);
	e->relay.pidfd = -1;
	err = ward_spawn_error(&e->relay);
	if (err)
		lost_by(e, not_executed, err, 0);
	else if (r >= 0 && code == CLD_EXITED && status)
		lost_by(e, e->lost, 0, status);
}

static void bury(struct ward_egress *e)
{
	struct ward_egress_event v = {
		.kind = WARD_EGRESS_LIMIT, .why = "egress.relay", .count = 1
	};
	char text[sizeof(e->lost_text) + 64];

	e->buried = true;
	(void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, e->ctl, NULL);
	ward_close(e->ctl);
	e->ctl = -1;
	reap(e);
	ward_spawn_done(&e->relay);
	close_late(e);
	while (e->out)
		drop_first(e);
	ward_flows_end(e, e->stopping ? "run_end" : "relay_lost");
	ward_resolver_done(&e->resolver);
	ward_inward_done(e);
	ward_inside_close(e);
	(void)snprintf(text, sizeof(text), "the relay is gone, and with it the run's network: %s",
		e->lost);
	v.text = text;
	if (!e->stopping)
		ward_tell(e, &v);
}

/* ---- the face ---- */

/* The proxy's own name, which is looked up as those of the run are. */
static int set_upstream(struct ward_egress *e, const struct ward_upstream *u,
	struct ward_error *err)
{
	if (!ward_upstream_text(u))
		return WARD_OK;
	e->upstream = u;
	if (u->at.family || ward_tunnel_names(e, ward_resolver_conf(&e->resolver)))
		return WARD_OK;
	return ward_fail(err, WARD_E_NOMEM, "no memory for the gate");
}

int ward_gate_new(const struct ward_egress_options *o, int ctl, struct ward_egress **ret,
	struct ward_error *err)
{
	struct ward_egress *e = calloc(1, sizeof(*e));
	struct epoll_event ev = { .events = EPOLLIN };
	int r;

	if (!e) {
		ward_close(ctl);
		return ward_fail(err, WARD_E_NOMEM, "no memory for the gate");
	}
	e->ops = o->ops;
	e->arg = o->arg;
	e->ctl = ctl;
	e->door = -1;
	e->flows_max = WARD_EGRESS_FLOWS_MAX;
	/* With the lookups, of two sockets each, five eighths of all: see ward_limits_socket(). */
	e->dials_max = ward_limits_part(WARD_EGRESS_DIALS_MAX, 8);
	e->slow_max = ward_limits_part(WARD_EGRESS_SLOW_MAX, 4);
	ward_inside_init(e);
	e->late = (struct ward_late){ -1, { -1, -1, -1, -1 }, { on_first, e }, 0 };
	e->relay = (struct ward_spawned)WARD_SPAWNED_INIT;
	e->ctl_source = (struct ward_waiter){ on_ctl, e };
	e->limits = o->limits;
	e->by_program = o->by_program;
	e->rate = (struct ward_bucket){ .rate = o->limits.v[WARD_NET_RATE],
		.burst = o->limits.v[WARD_NET_RATE] };
	e->names = e->comes = (struct ward_bucket){ .rate = WARD_EGRESS_ASKED_RATE,
		.burst = 2 * WARD_EGRESS_ASKED_RATE };
	e->opens = (struct ward_bucket){ .rate = WARD_EGRESS_OPENED_RATE,
		.burst = 2 * WARD_EGRESS_OPENED_RATE };
	/* Without it things that are chosen to meet in the table make the record slower, and no more. */
	(void)ward_random(&e->told_seed, sizeof(e->told_seed));
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	e->route = ward_route_open();
	ev.data.ptr = &e->ctl_source;
	/* A relay that reads nothing holds nobody up. */
	r = e->epoll < 0 || e->route < 0 || fcntl(ctl, F_SETFL, O_NONBLOCK) < 0 ||
			epoll_ctl(e->epoll, EPOLL_CTL_ADD, ctl, &ev) < 0
		? ward_fail_errno(err, WARD_E_SYSTEM, e->route < 0 ? -e->route : errno,
			  "cannot set up the gate of the network")
		: ward_resolver_init(&e->resolver, e->epoll, o->resolver, err);
	if (r == WARD_OK)
		r = set_upstream(e, o->upstream, err);
	if (r < 0) {
		/* There is no relay whose last words are to be waited for. */
		ward_gate_lost(e, "it was not begun");
		ward_egress_stop(e);
		return r;
	}
	*ret = e;
	return WARD_OK;
}

static int wait_ready(struct ward_egress *e, struct ward_error *err)
{
	uint64_t end = ward_now_mono_ns() + READY_MS * WARD_MS, now;
	int failed;

	while (!e->ready && !e->lost && (now = ward_now_mono_ns()) < end) {
		struct pollfd p = { e->ctl, POLLIN, 0 };

		if (poll(&p, 1, (int)((end - now) / WARD_MS) + 1) > 0)
			on_ctl(&e->ctl_source, EPOLLIN);
	}
	if (e->ready && !e->lost)
		return WARD_OK;
	failed = e->lost_errno ? e->lost_errno : e->lost ? ward_spawn_error(&e->relay) : 0;
	if (failed)
		return ward_fail_errno(err, WARD_E_SYSTEM, failed, "cannot execute ward-relay");
	return ward_fail(err, WARD_E_SYSTEM, "ward-relay did not begin: %s",
		e->lost ? e->lost : "it said nothing in time");
}

int ward_egress_start(const struct ward_egress_options *o, struct ward_egress **ret,
	struct ward_error *err)
{
	struct ward_egress *e = NULL;
	int pair[2], r = image();

	/* What a relay of this run needs is there before the run is: later it would be a run without a network. */
	if (r >= 0)
		r = ward_socketpair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot prepare ward-relay");
	r = ward_gate_new(o, pair[0], &e, err);
	if (!e) {
		ward_close(pair[1]);
		return r;
	}
	e->late.ctl = pair[1];
	if (o->inward)
		relay_begin(e);
	*ret = e;
	return WARD_OK;
}

int ward_egress_attach(struct ward_egress *e, const int sockets[WARD_NET_SOCKET_MAX], bool accepts,
	struct ward_error *err)
{
	bool later = e->late.ctl >= 0;
	int r = later ? WARD_OK : wait_ready(e, err);

	if (r == WARD_OK && accepts)
		r = ward_inside_begin(e, err);
	if (r == WARD_OK && !later && !e->late.ready_by)
		send_limits(e);
	for (uint32_t i = 0; i < WARD_NET_DOOR; i++) {
		if (i <= WARD_NET_TCP6 && sockets[i] >= 0 && !accepts)
			(void)ward_inside_options(sockets[i]);
		if (r != WARD_OK)
			ward_close(sockets[i]);
		else if (i <= WARD_NET_TCP6 && accepts)
			r = ward_inside_listen(e, i == WARD_NET_TCP6, sockets[i], err);
		else if (later)
			r = keep_socket(e, i, sockets[i], err);
		else
			send_socket(e, i, sockets[i]);
	}
	if (r == WARD_OK && e->lost)
		r = ward_fail(err, WARD_E_SYSTEM, "ward-relay did not begin: %s", e->lost);
	return r;
}

int ward_egress_fd(const struct ward_egress *e)
{
	return e->epoll;
}

void ward_egress_answered(struct ward_egress *e)
{
	if (e && !e->lost)
		ward_flows_answered(e);
}

int ward_egress_timeout(const struct ward_egress *e)
{
	uint64_t t = ward_resolver_next(&e->resolver), f = ward_flows_next(e), now;

	t = e->more ? 0 : f < t ? f : t;
	if (e->out_at && e->out_at < t)
		t = e->out_at;
	if (e->inside.at && e->inside.at < t)
		t = e->inside.at;
	if (e->late.ready_by && !e->ready && e->late.ready_by < t)
		t = e->late.ready_by;
	if (t == UINT64_MAX)
		return -1;
	now = ward_now_mono_ns();
	return t <= now ? 0 : (int)((t - now) / WARD_MS) + 1;
}

static void tell_paced(struct ward_egress *e)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_LIMIT,
		.why = "egress.lookups",
		.text = "names are looked up outside more slowly than the run asks for them",
		.count = e->resolver.paced };

	if (v.count)
		ward_tell(e, &v);
	e->resolver.paced = 0;
}

int ward_egress_next(struct ward_egress *e, struct ward_error *err)
{
	struct epoll_event ev;
	uint64_t now;

	e->turn_until = ward_now_mono_ns() + WARD_TURN_MS * WARD_MS;
	/* One at a time: what the first does may take the second away. */
	for (int i = 0; i < TURN_MAX && !e->lost && ward_now_mono_ns() < e->turn_until; i++) {
		int n = epoll_wait(e->epoll, &ev, 1, 0);

		if (n < 0 && errno != EINTR)
			return ward_fail_errno(err, WARD_E_SYSTEM, errno, "epoll_wait");
		if (n <= 0)
			break;
		((struct ward_waiter *)ev.data.ptr)->fn(ev.data.ptr, ev.events);
	}
	now = ward_now_mono_ns();
	e->turn_until = now + WARD_TURN_MS * WARD_MS;
	e->more = false;
	if (e->late.ready_by && !e->ready && now >= e->late.ready_by)
		ward_gate_lost(e, "it said nothing in time");
	/* Of a relay that is lost nothing goes on; what it began may be half done. */
	if (!e->lost) {
		ward_resolver_tick(&e->resolver, now);
		ward_flows_tick(e, now);
		ward_services_tick(e);
		if (e->out_at && now >= e->out_at)
			send_more(e);
		ward_inside_tick(e, now);
	}
	tell_paced(e);
	if (e->lost && !e->buried)
		bury(e);
	return WARD_OK;
}

void ward_egress_end(struct ward_egress *e)
{
	if (!e || e->lost || e->late.ctl >= 0)
		return;
	e->stopping = true;
	(void)shutdown(e->ctl, SHUT_WR);
}

/* What is open ends, and its numbers come. The relay takes the end of the gate's side for the word to go. */
static void last_words(struct ward_egress *e)
{
	uint64_t end = ward_now_mono_ns() + STOP_MS * WARD_MS, now;

	if (e->lost || e->late.ctl >= 0)
		return;
	ward_egress_end(e);
	while (!e->lost && (now = ward_now_mono_ns()) < end) {
		struct pollfd p = { e->ctl, POLLIN, 0 };

		if (poll(&p, 1, (int)((end - now) / WARD_MS) + 1) > 0)
			on_ctl(&e->ctl_source, EPOLLIN);
	}
}

void ward_egress_stop(struct ward_egress *e)
{
	if (!e)
		return;
	e->stopping = true;
	last_words(e);
	ward_gate_lost(e, "the run is over");
	if (!e->buried)
		bury(e);
	ward_tell_end(e);
	ward_budgets_done(e);
	ward_services_done(e);
	ward_pins_table_done(&e->pins);
	ward_tunnel_names_done(e);
	ward_close(e->route);
	ward_close(e->inside.bell);
	ward_close(e->epoll);
	free(e);
}

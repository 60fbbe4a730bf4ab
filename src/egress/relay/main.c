/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-relay, as it is executed: ward-relay ID, the user and group that root becomes (a number; nobody else looks at it). It begins
 * while the run's network is still made: the sockets come from the gate afterwards. It ends when the gate does.
 */
#include "relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "os/crowd.h"
#include "os/missing.h"
#include <sys/syscall.h>

#define EVENTS 64
#define BATCH 64u /* packets of one descriptor, before the flows have their turn */
#define MUCH 3 /* events at once: more than the two sides of one flow have */
#define TELL_MS 1000 /* what was turned away is told at most so often */

static struct ward_crowd crowd = { .side = WARD_CROWD_HIGHER };
static uint64_t turns; /* of waiting for what happens */
static struct {
	uint64_t turn; /* the last in which packets came by it */
	unsigned share; /* so many were taken in it at most */
} comes[WARD_RELAY_FD_MAX];

static uint64_t clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void relay_due(struct relay *r, uint64_t at)
{
	if (at < r->next)
		r->next = at;
}

static int listen_to(struct relay *r, int op)
{
	for (int i = WARD_RELAY_FD_CTL + 1; i < WARD_RELAY_FD_MAX; i++) {
		struct epoll_event e = { .events = EPOLLIN,
			.data.u64 = (uint64_t)RELAY_KIND_FD << 32 | (uint32_t)i };

		if (r->fd[i] >= 0 && epoll_ctl(r->epoll, op, r->fd[i], &e) < 0)
			return -1;
	}
	return relay_inward_listen(r, op);
}

void relay_pause(struct relay *r, uint64_t ms)
{
	if (!r->paused)
		(void)listen_to(r, EPOLL_CTL_DEL);
	r->paused = true;
	r->paused_until = r->now + ms;
	relay_due(r, r->paused_until);
}

static void resume(struct relay *r)
{
	if (!r->paused || r->ctl_full || r->now < r->paused_until)
		return;
	r->paused = false;
	if (listen_to(r, EPOLL_CTL_ADD) < 0)
		r->gone = true;
}

void relay_limited(struct relay *r, enum ward_relay_limit what)
{
	r->limited[what]++;
	relay_due(r, r->limited_next);
}

static void tell_limited(struct relay *r)
{
	bool told = false;

	if (r->now < r->limited_next || r->ctl_full)
		return;
	for (uint32_t i = 0; i < WARD_RELAY_LIMIT_MAX; i++) {
		struct ward_relay_msg m = {
			.type = WARD_RELAY_LIMIT, .value = i, .up = r->limited[i]
		};

		if (r->limited[i] == 0)
			continue;
		r->limited[i] = 0;
		told = true;
		relay_tell(r, &m);
	}
	if (told)
		r->limited_next = r->now + TELL_MS;
}

static void timers(struct relay *r)
{
	if (r->now < r->next)
		return;
	r->next = UINT64_MAX;
	relay_tell_all(r);
	relay_flow_timers(r);
	relay_names_timers(r);
	tell_limited(r);
	for (int i = 0; i < WARD_RELAY_LIMIT_MAX; i++)
		if (r->limited[i] != 0)
			relay_due(r, r->limited_next > r->now ? r->limited_next : r->now + TELL_MS);
	if (r->paused && r->paused_until > r->now)
		relay_due(r, r->paused_until);
	if (r->ctl_full && r->now - r->ctl_since >= WARD_RELAY_GATE_MS)
		r->gone = true;
	if (r->ctl_full)
		relay_due(r, r->ctl_since + WARD_RELAY_GATE_MS);
}

/*
 * How many packets to take: one, as a rule there is no second, and to look for it is a call. Where there are some turn after turn, ever more:
 * then each turn is one.
 */
static unsigned share(enum ward_relay_fd which)
{
	bool again = comes[which].turn + 1 == turns;
	unsigned n = again ? 2 * comes[which].share + 1 : 1;

	comes[which].turn = turns;
	comes[which].share = n < BATCH ? n : BATCH;
	return comes[which].share;
}

static void fd_event(struct relay *r, enum ward_relay_fd which, uint32_t events)
{
	switch (which) {
	case WARD_RELAY_FD_CTL:
		if ((events & EPOLLOUT) != 0)
			relay_tell_more(r);
		if ((events & ~(uint32_t)EPOLLOUT) != 0)
			relay_hear(r, share(which));
		return;
	case WARD_RELAY_FD_TCP4:
	case WARD_RELAY_FD_TCP6: relay_accept(r, r->fd[which], 0); return;
	default: relay_names_udp(r, which, share(which)); return;
	}
}

static void event(struct relay *r, const struct epoll_event *e)
{
	uint32_t what = (uint32_t)e->data.u64;

	switch (e->data.u64 >> 32) {
	case RELAY_KIND_FD: fd_event(r, (enum ward_relay_fd)what, e->events); return;
	case RELAY_KIND_INWARD:
		/* Nothing new is taken on since this was told. */
		if (!r->paused)
			relay_accept(r, r->inward[what], what + 1);
		return;
	case RELAY_KIND_END: r->gone = true; return;
	case RELAY_KIND_CLIENT: relay_flow_event(r, what, RELAY_CLIENT, e->events); return;
	default: relay_flow_event(r, what, RELAY_SERVER, e->events); return;
	}
}

static bool begins(const struct epoll_event *e)
{
	uint64_t kind = e->data.u64 >> 32;

	return kind == RELAY_KIND_FD || kind == RELAY_KIND_INWARD;
}

static int wait_ms(const struct relay *r)
{
	if (r->next == UINT64_MAX)
		return -1;
	if (r->next <= r->now)
		return 0;
	return r->next - r->now < 1u << 30 ? (int)(r->next - r->now) : 1 << 30;
}

static void run(struct relay *r)
{
	while (!r->gone) {
		struct epoll_event e[EVENTS];
		int n = epoll_wait(r->epoll, e, EVENTS, wait_ms(r));

		if (n < 0 && errno != EINTR)
			return;
		r->now = clock_ms();
		turns++;
		(void)ward_crowd_turn(&crowd, n >= MUCH);
		ward_crowd_hold(&crowd, crowd.is);
		/* Who begins first: somebody waits for that, and taking a connection down may take longer. */
		for (int turn = 0; turn < 2; turn++)
			for (int i = 0; i < n && !r->gone; i++)
				if (begins(&e[i]) == (turn == 0))
					event(r, &e[i]);
		timers(r);
		resume(r);
	}
}

bool relay_socket(struct relay *r, uint32_t which, int fd)
{
	struct epoll_event e = { .events = EPOLLIN,
		.data.u64 = (uint64_t)RELAY_KIND_FD << 32 | which };
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);
	bool is6 = which == WARD_RELAY_FD_TCP6 || which == WARD_RELAY_FD_UDP6;
	int one = 1;

	if (which <= WARD_RELAY_FD_CTL || which >= WARD_RELAY_FD_MAX || r->fd[which] >= 0 ||
		getsockname(fd, (struct sockaddr *)&ss, &n) < 0 ||
		ss.ss_family != (is6 ? AF_INET6 : AF_INET) ||
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		(void)close(fd);
		return false;
	}
	/* What is accepted there has it, too. */
	if (which == WARD_RELAY_FD_TCP4 || which == WARD_RELAY_FD_TCP6)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	r->fd[which] = fd;
	return true;
}

/* The wire and the starter's end, which that does not tell if the starter has forked; no other descriptor of it comes along. */
static int set_up(struct relay *r)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = WARD_RELAY_FD_CTL };
	struct epoll_event end = { .events = EPOLLIN, .data.u64 = (uint64_t)RELAY_KIND_END << 32 };

	for (int i = 0; i < WARD_RELAY_FD_MAX; i++)
		r->fd[i] = i == WARD_RELAY_FD_CTL ? i : -1;
	if (syscall(WARD_NR_CLOSE_RANGE, (unsigned)WARD_RELAY_END + 1, ~0u, 0u) < 0)
		return RELAY_EXIT_CONFINE;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, WARD_RELAY_FD_CTL, &e) < 0 ||
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, WARD_RELAY_END, &end) < 0)
		return RELAY_EXIT_USAGE;
	return 0;
}

int main(int argc, char **argv)
{
	static struct relay r;
	struct ward_relay_msg ready = { .type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION };
	char *end;
	unsigned long id;
	int e;

	if (argc < 2)
		return RELAY_EXIT_USAGE;
	errno = 0;
	id = strtoul(argv[1], &end, 10);
	if (errno != 0 || *end != '\0' || end == argv[1] || id > INT32_MAX)
		return RELAY_EXIT_USAGE;
	e = set_up(&r);
	if (e == 0)
		e = relay_confine((unsigned)id, &r.flows_max);
	if (e != 0)
		return e;
	r.now = clock_ms();
	r.next = UINT64_MAX;
#ifdef WARD_RELAY_TEST
	if (argc > 2)
		return relay_try(argv[2]);
#endif
	ready.up = r.flows_max;
	relay_tell(&r, &ready);
	run(&r);
	relay_names_end(&r);
	relay_flow_end_all(&r);
	r.limited_next = 0;
	tell_limited(&r);
	relay_tell_all(&r);
	return r.gone ? RELAY_EXIT_GATE : RELAY_EXIT_DONE;
}

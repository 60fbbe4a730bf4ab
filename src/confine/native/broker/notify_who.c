/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made a connection that was captured: noted by the address that it comes from, while its caller still waits for the answer.
 * The other end may be accepted, and asked about, before we are back from the connect: the lock is held over both, so that
 * whoever asks waits for the note. What is noted is for the record and decides nothing; but for the port that was dialled, where
 * connects are redirected (notify_connect.c), which is judged as what it is: what the caller asked for.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#define WAIT_TICKS 200 /* of 0.1 ms: a connect on the loopback takes less */
#define WAIT_YIELDS 20 /* before the first of them: it is nearly done */
#define CONNECTING 16 /* turns: a name and a connection to it are three calls or four */

/* False: of no address. */
static bool take_address(const void *a, socklen_t n, struct ward_dialler *ret)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	sa_family_t family;

	if (n < sizeof(family))
		return false;
	memcpy(&family, a, sizeof(family));
	if (family == AF_INET && n >= sizeof(four)) {
		memcpy(&four, a, sizeof(four));
		memset(&ret->from, 0, sizeof(ret->from));
		memset(ret->from.s6_addr + 10, 0xff, 2);
		memcpy(ret->from.s6_addr + 12, &four.sin_addr, 4);
		ret->port = four.sin_port;
	} else if (family == AF_INET6 && n >= sizeof(six)) {
		memcpy(&six, a, sizeof(six));
		ret->from = six.sin6_addr;
		ret->port = six.sin6_port;
	} else {
		return false;
	}
	return ret->port != 0;
}

void ward_notify_who_begin(struct ward_notify *n, struct ward_ask *ask, struct ward_dialler *ret)
{
	struct ward_caller *c = ask->caller;

	*ret = (struct ward_dialler){ 0 };
	if (!n->who)
		return;
	/* Before the lock: reading takes longer than connecting. What number it has inside stays as it is. */
	if (!ward_refusals_testing(n->refusals)) {
		ward_peek_comm_again(ask->dir, c ? &c->comm : NULL, ret->is.comm);
		ward_peek_program(ask->dir, c ? &c->exe : NULL, ret->is.program);
		ret->is.pid = c && c->pid ? c->pid : ward_peek_status(ask->dir, "NSpid:");
		if (c)
			c->pid = ret->is.pid;
	}
	(void)pthread_mutex_lock(&n->who_lock);
}

void ward_notify_who_end(struct ward_notify *n, struct ward_dialler *who, int fd, bool made,
	uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (!n->who)
		return;
	if (made && !ward_refusals_testing(n->refusals) &&
		getsockname(fd, (struct sockaddr *)&a, &len) == 0 && take_address(&a, len, who)) {
		who->is.port = port;
		n->who[n->n_who++ % n->who_max] = *who;
	}
	(void)pthread_mutex_unlock(&n->who_lock);
}

/* ---- what was captured ---- */

void ward_notify_on_captured(struct ward_notify *n, ward_captured_fn *fn, void *arg)
{
	(void)pthread_mutex_lock(&n->captured_lock);
	n->captured.fn = fn;
	n->captured.arg = arg;
	(void)pthread_mutex_unlock(&n->captured_lock);
}

void ward_notify_captured(struct ward_notify *n, const struct ward_addr *to,
	struct ward_cage_caller *caller)
{
	struct sockaddr_in6 six;

	memcpy(&six, &to->a, sizeof(six));
	(void)pthread_mutex_lock(&n->captured_lock);
	if (n->captured.fn) {
		n->captured.fn(n->captured.arg,
			six.sin6_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr),
			caller);
		/* Not before: the first of them starts the relay, which is to be born free to run anywhere. */
		n->connecting = CONNECTING;
	}
	(void)pthread_mutex_unlock(&n->captured_lock);
}

/* ---- the caller ---- */

static void forget(struct ward_caller *c)
{
	if (c->tid) {
		ward_close(c->dir);
		ward_close(c->pidfd);
		ward_close(c->comm);
		ward_close(c->exe);
	}
	*c = (struct ward_caller){ .dir = -1, .pidfd = -1, .comm = -1, .exe = -1 };
}

bool ward_notify_forget_callers(struct ward_notify *n, const struct ward_caller *keep)
{
	bool any = false;

	/* All of them, so that those that were never used are what a forgotten one is. */
	for (size_t i = 0; i < WARD_NOTIFY_CALLERS_MAX; i++) {
		if (&n->callers[i] == keep)
			continue;
		any = any || n->callers[i].tid;
		forget(&n->callers[i]);
	}
	return any;
}

/* The place of that thread, or else the one that was used the longest ago. */
static struct ward_caller *place_of(struct ward_notify *n, int tid)
{
	struct ward_caller *oldest = &n->callers[0];

	for (size_t i = 0; i < n->n_callers; i++) {
		if (n->callers[i].tid == tid)
			return &n->callers[i];
		if (n->callers[i].used < oldest->used)
			oldest = &n->callers[i];
	}
	return oldest;
}

/* -EMFILE: we have too many open; what is of ask then is to be closed by who called. */
static int take_fd(struct ward_notify *n, struct ward_ask *ask, int fd)
{
	int tid = (int)ask->req->pid, r, pidfd;
	struct ward_caller *c = place_of(n, tid);
	bool own;

	if (c->tid == tid) {
		r = ward_pidfd_getfd(c->pidfd, fd);
		if (r != -ESRCH) {
			ask->dir = c->dir;
			ask->caller = c;
			c->used = ++n->n_calls;
			return r;
		}
	}
	forget(c);
	ask->dir = ward_peek_open(n->proc, tid);
	pidfd = ask->dir < 0 ? ask->dir : ward_peek_pidfd(tid, ask->dir, &own);
	if (pidfd == -EMFILE)
		return pidfd;
	if (pidfd < 0 || !ward_notify_valid(n, ask->req->id)) {
		ward_close(pidfd);
		return -ESRCH;
	}
	r = ward_pidfd_getfd(pidfd, fd);
	if (own && r != -EMFILE) {
		*c = (struct ward_caller){ .tid = tid,
			.used = ++n->n_calls,
			.dir = ask->dir,
			.pidfd = pidfd,
			.comm = -1,
			.exe = -1 };
		ask->caller = c;
	} else {
		ward_close(pidfd);
	}
	return r;
}

int ward_notify_take_fd(struct ward_notify *n, struct ward_ask *ask, int fd)
{
	int r = take_fd(n, ask, fd);

	/* What is kept only because it may be of use again is given up for what is needed now. */
	if (r == -EMFILE && ward_notify_forget_callers(n, ask->caller)) {
		if (!ask->caller)
			ward_close(ask->dir);
		ask->dir = -1;
		ask->caller = NULL;
		r = take_fd(n, ask, fd);
	}
	return r;
}

/*
 * Who asks may not be held up for long: a caller inside can make a connect of ours wait (notify_connect.c), and who asks is the thread
 * that could end it.
 */
static bool lock_soon(pthread_mutex_t *lock)
{
	static const struct timespec tick = { .tv_nsec = 100000 };

	for (int i = 0; i < WAIT_YIELDS + WAIT_TICKS; i++) {
		if (pthread_mutex_trylock(lock) == 0)
			return true;
		if (i < WAIT_YIELDS)
			(void)sched_yield();
		else
			(void)nanosleep(&tick, NULL);
	}
	return false;
}

bool ward_notify_who(struct ward_notify *n, const struct sockaddr *source, socklen_t len, bool wait,
	struct ward_cage_who *ret)
{
	struct ward_dialler w = { 0 };
	bool found = false;

	if (!n->who || !take_address(source, len, &w))
		return false;
	if (wait ? !lock_soon(&n->who_lock) : pthread_mutex_trylock(&n->who_lock) != 0)
		return false;
	/* The youngest counts: a port is used again. */
	for (uint64_t i = n->n_who; !found && i > 0 && n->n_who - i < n->who_max; i--) {
		const struct ward_dialler *v = &n->who[(i - 1) % n->who_max];

		found = v->port == w.port && memcmp(&v->from, &w.from, sizeof(w.from)) == 0;
		if (found)
			w = *v;
	}
	(void)pthread_mutex_unlock(&n->who_lock);
	if (found)
		*ret = w.is;
	return found;
}

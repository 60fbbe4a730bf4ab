/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing what is shared with a caller. Ours may be the last descriptor of it by now, and then the close waits for what the command
 * wants it to: for the peer of a TCP socket (SO_LINGER), or of one that lies unread in a Unix socket, behind which that peer itself
 * may lie. The first can be seen, and has a thread of its own, which holds nothing but the socket. The option is the socket's, which
 * the caller still has, so it stays as it is. The second cannot: the thread of the notifications waits there, the run's own calls
 * with it, but not the end of the run (ward_notify_join), which leaves it behind. It has nothing to look at any more then, and goes
 * up, call by call, to its end: pthread_exit() would lose what they hold, and wants to load a library, in whatever state the process is.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#define LEFT_AFTER_MS 1000
#define ASIDE_MS \
	20 /* how long a caller waits for his answer where the socket lingers: nearly always the close is over before */
#define ASIDE_MAX 32 /* threads of one run that only close */

/* What the thread is about when its end is waited for. */
enum closing { WORKING = 0, CLOSING, LEFT };

/* One close in a thread of its own. */
struct aside {
	struct ward_notify *n;
	int sock;
	bool alone, done; /* alone: nobody waits for it; under the lock */
};

void ward_notify_leave_init(struct ward_notify *n)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr); /* none of them can fail */
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&n->leave.moved, &attr);
	(void)pthread_condattr_destroy(&attr);
	atomic_init(&n->leave.owners, 1);
}

void ward_notify_disown(struct ward_notify *n)
{
	if (atomic_fetch_sub(&n->leave.owners, 1) != 1)
		return;
	(void)pthread_cond_destroy(&n->leave.moved);
	(void)pthread_mutex_destroy(&n->lock);
	(void)pthread_mutex_destroy(&n->who_lock);
	(void)pthread_mutex_destroy(&n->captured_lock);
	free(n->req);
	free(n->resp);
	free(n);
}

bool ward_notify_left(const struct ward_notify *n)
{
	return n->leave.left;
}

static struct timespec from_now(unsigned ms)
{
	uint64_t at = ward_now_mono_ns() + (uint64_t)ms * 1000000u;

	return (struct timespec){ (time_t)(at / 1000000000u), (long)(at % 1000000000u) };
}

/* Under the lock: until *done, or ms have passed. */
static void wait_for(struct ward_notify *n, const bool *done, unsigned ms)
{
	struct timespec end = from_now(ms);

	while (!*done && pthread_cond_timedwait(&n->leave.moved, &n->lock, &end) == 0)
		;
}

/* ---- the close ---- */

bool ward_notify_lingers(int sock)
{
	struct linger l = { 0 };
	socklen_t size = sizeof(l);

	/* With no time to wait it is a reset, at once. */
	return getsockopt(sock, SOL_SOCKET, SO_LINGER, &l, &size) == 0 && l.l_onoff && l.l_linger;
}

static void *run_aside(void *arg)
{
	struct aside *a = arg;
	struct ward_notify *n = a->n;

	close(a->sock);
	(void)pthread_mutex_lock(&n->lock);
	if (a->alone) {
		free(a);
	} else {
		a->done = true;
		(void)pthread_cond_broadcast(&n->leave.moved);
	}
	(void)pthread_mutex_unlock(&n->lock);
	ward_notify_disown(n);
	return NULL;
}

/* A thread closes it; ret: who waits for that, NULL = nobody. False: nothing has been done. */
static bool close_aside(struct ward_notify *n, int sock, struct aside **ret)
{
	struct aside *a = calloc(1, sizeof(*a));
	pthread_t thread;

	if (!a)
		return false;
	*a = (struct aside){ .n = n, .sock = sock, .alone = !ret };
	if (ret)
		*ret = a;
	(void)atomic_fetch_add(&n->leave.owners, 1);
	if (ward_thread_start(&thread, run_aside, a) < 0) {
		(void)atomic_fetch_sub(&n->leave.owners, 1);
		free(a);
		return false;
	}
	(void)pthread_detach(thread);
	return true;
}

/* The caller goes on after it, so that his own close is the last, and waits as he wants it to. But we do not, for whatever he does. */
static bool let_linger(struct ward_notify *n, int sock)
{
	bool alone = atomic_load(&n->stopping);
	struct aside *a = NULL;

	if (atomic_load(&n->leave.owners) > ASIDE_MAX || !close_aside(n, sock, alone ? NULL : &a))
		return false;
	if (alone)
		return true;
	(void)pthread_mutex_lock(&n->lock);
	wait_for(n, &a->done, ASIDE_MS);
	a->alone = !a->done;
	if (a->done)
		free(a);
	(void)pthread_mutex_unlock(&n->lock);
	return true;
}

void ward_notify_let_go(struct ward_notify *n, int sock)
{
	int was = CLOSING;

	if (sock < 0)
		return;
	if (n->leave.left) {
		close(sock);
		return;
	}
	if (ward_notify_lingers(sock) && let_linger(n, sock))
		return;
	atomic_store(&n->leave.closing, CLOSING);
	close(sock);
	n->leave.left = !atomic_compare_exchange_strong(&n->leave.closing, &was, WORKING);
}

/* ---- the end ---- */

/* What waits still, and nobody closed meanwhile: -1, or a socket that is the caller's of this now. */
static int next_pending(struct ward_notify *n)
{
	int sock = -1;

	(void)pthread_mutex_lock(&n->lock);
	for (unsigned i = 0; sock < 0 && i < WARD_NOTIFY_PENDING_MAX; i++)
		if (n->pending[i].used) {
			sock = n->pending[i].fd;
			n->pending[i].used = false;
		}
	(void)pthread_mutex_unlock(&n->lock);
	return sock;
}

void ward_notify_ended(struct ward_notify *n)
{
	int sock;

	if (n->leave.left) {
		while ((sock = next_pending(n)) >= 0)
			close(sock);
		ward_notify_disown(n);
		return;
	}
	(void)pthread_mutex_lock(&n->lock);
	n->leave.ended = true;
	(void)pthread_cond_broadcast(&n->leave.moved);
	(void)pthread_mutex_unlock(&n->lock);
}

/* Under the lock. What the thread waits for in its close may lie in one of these, or each in another: they do not wait for one another. */
static void close_pending(struct ward_notify *n)
{
	for (unsigned i = 0; i < WARD_NOTIFY_PENDING_MAX; i++) {
		struct ward_pending *p = &n->pending[i];

		if (!p->used)
			continue;
		ward_close(p->path);
		free(p->payload);
		p->path = -1;
		p->payload = NULL;
		/* Where it cannot be, the thread does so once it is through. */
		p->used = !close_aside(n, p->fd, NULL);
	}
}

void ward_notify_join(struct ward_notify *n)
{
	bool left = false;
	int was;

	(void)pthread_mutex_lock(&n->lock);
	while (!n->leave.ended && !left) {
		wait_for(n, &n->leave.ended, LEFT_AFTER_MS);
		if (n->leave.ended)
			break;
		/* Only in a close: there it looks at nothing of its owner's. */
		was = CLOSING;
		(void)atomic_fetch_add(&n->leave.owners, 1);
		left = atomic_compare_exchange_strong(&n->leave.closing, &was, LEFT);
		if (left)
			close_pending(n);
		else
			(void)atomic_fetch_sub(&n->leave.owners, 1);
	}
	(void)pthread_mutex_unlock(&n->lock);
	if (left)
		(void)pthread_detach(n->thread);
	else
		(void)pthread_join(n->thread, NULL);
}

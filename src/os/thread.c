/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a thread inside somebody else's process: a small stack (64 runs may live in one process) and every
 * signal blocked, so that the caller's handlers never run on it and none of its signals is taken away.
 * It refuses nothing and knows nothing of what the thread does. And what must not reach a thread of the caller's while it works for us.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "os/os.h"

#define DEEP_STACK_BYTES (4u << 20) /* of one that asks policies, and resolves paths */
/* The deepest path needs two path buffers (8 KiB) and libc's printf; the rest is headroom, untouched pages are free. */
#define STACK_BYTES (128u << 10)

static int start(pthread_t *ret, void *(*fn)(void *), void *arg, size_t stack)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	r = pthread_attr_setstacksize(&attr, stack);
	if (!r) {
		/* Blocked before the thread exists: it inherits the mask and has no moment without it. */
		sigfillset(&all);
		r = pthread_sigmask(SIG_SETMASK, &all, &old);
		if (!r) {
			r = pthread_create(ret, &attr, fn, arg);
			(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
		}
	}
	(void)pthread_attr_destroy(&attr);
	return -r;
}

int ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	return start(ret, fn, arg, STACK_BYTES);
}

int ward_thread_start_deep(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	return start(ret, fn, arg, DEEP_STACK_BYTES);
}

void ward_thread_shield(struct ward_shield *h)
{
	struct rlimit size;
	sigset_t set;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &h->cancel);
	h->was_pending = false;
	h->size = getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY;
	if (!h->size)
		return;
	sigemptyset(&set);
	if (sigpending(&set) == 0)
		h->was_pending = sigismember(&set, SIGXFSZ);
	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	(void)pthread_sigmask(SIG_BLOCK, &set, &h->mask);
}

void ward_thread_unshield(const struct ward_shield *h)
{
	static const struct timespec now = { 0, 0 };
	sigset_t set;

	if (h->size) {
		sigemptyset(&set);
		sigaddset(&set, SIGXFSZ);
		if (!h->was_pending)
			(void)sigtimedwait(&set, NULL, &now);
		(void)pthread_sigmask(SIG_SETMASK, &h->mask, NULL);
	}
	(void)pthread_setcancelstate(h->cancel, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a thread inside somebody else's process: a small stack (64 runs may live in one process) and every
 * signal blocked, so that the caller's handlers never run on it and none of its signals is taken away.
 * It refuses nothing and knows nothing of what the thread does.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "os/os.h"

/* The deepest path needs two path buffers (8 KiB) and libc's printf; the rest is headroom, untouched pages are free. */
#define STACK_BYTES (128u << 10)

int ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	r = pthread_attr_setstacksize(&attr, STACK_BYTES);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that does jobs one after the other, in the order in which they are given: a thread for each costs more than a short job is
 * worth. Between two of them it sleeps; behind the last one it is gone. It knows nothing of what the jobs do.
 */
#include <pthread.h>
#include <stdlib.h>

#include "os/os.h"

#define JOBS_MAX 8

struct ward_worker {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t given_one, done_one;
	unsigned refs, given, done;
	bool ended; /* nothing is given any more */
	struct {
		void (*fn)(void *arg);
		void *arg;
	} jobs[JOBS_MAX];
};

static void *work(void *arg)
{
	struct ward_worker *w = arg;

	pthread_mutex_lock(&w->lock);
	while (w->done < w->given || !w->ended) {
		if (w->done == w->given) {
			pthread_cond_wait(&w->given_one, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		/* Written before it was counted, and not changed again. */
		w->jobs[w->done].fn(w->jobs[w->done].arg);
		pthread_mutex_lock(&w->lock);
		w->done++;
		pthread_cond_broadcast(&w->done_one);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void destroy(struct ward_worker *w)
{
	(void)pthread_cond_destroy(&w->done_one);
	(void)pthread_cond_destroy(&w->given_one);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

struct ward_worker *ward_worker_new(void (*fn)(void *arg), void *arg)
{
	struct ward_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->given_one, NULL);
	(void)pthread_cond_init(&w->done_one, NULL);
	w->refs = 1;
	w->jobs[w->given].fn = fn;
	w->jobs[w->given++].arg = arg;
	if (ward_thread_start(&w->thread, work, w) == 0)
		return w;
	destroy(w);
	return NULL;
}

struct ward_worker *ward_worker_ref(struct ward_worker *w)
{
	if (w) {
		pthread_mutex_lock(&w->lock);
		w->refs++;
		pthread_mutex_unlock(&w->lock);
	}
	return w;
}

unsigned ward_worker_give(struct ward_worker *w, void (*fn)(void *arg), void *arg, bool last)
{
	unsigned job = 0;

	if (!w)
		return 0;
	pthread_mutex_lock(&w->lock);
	if (!w->ended && w->given < JOBS_MAX) {
		w->jobs[w->given].fn = fn;
		w->jobs[w->given].arg = arg;
		job = ++w->given;
		w->ended = last;
		pthread_cond_signal(&w->given_one);
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

void ward_worker_end(struct ward_worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	if (!w->ended)
		pthread_cond_signal(&w->given_one);
	w->ended = true;
	pthread_mutex_unlock(&w->lock);
}

void ward_worker_wait(struct ward_worker *w, unsigned job)
{
	pthread_mutex_lock(&w->lock);
	while (w->done < job)
		pthread_cond_wait(&w->done_one, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void ward_worker_unref(struct ward_worker *w)
{
	bool last;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	last = --w->refs == 0;
	w->ended = w->ended || last;
	if (last)
		pthread_cond_signal(&w->given_one);
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	(void)pthread_join(w->thread, NULL);
	destroy(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small things that need no order, by a few threads: what a file costs is mostly the kernel's work at it, which another processor does
 * beside this one's. Who calls works too, and waits for all; without threads it does everything. Each thread has a state of its own, and
 * nothing is lent to one of them that another might give back.
 */
#include <sched.h>
#include <stdatomic.h>

#include "workspace/commit/commit.h"

#define SHARE 16 /* taken at a time: neighbours lie in one directory */
#define ENOUGH_FOR_ONE 16

struct crew {
	ward_crew_fn *fn;
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
};

struct worker {
	struct crew *crew;
	void *state;
	pthread_t thread;
	size_t at; /* what failed */
	int code;
	struct ward_error err;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct crew *c = w->crew;
	size_t i;

	while (!atomic_load(&c->failed) && (i = atomic_fetch_add(&c->next, SHARE)) < c->n)
		for (size_t end = i + SHARE < c->n ? i + SHARE : c->n; i < end; i++) {
			w->code = c->fn(w->state, i, &w->err);
			if (w->code < 0) {
				w->at = i;
				atomic_store(&c->failed, true);
				return NULL;
			}
		}
	return NULL;
}

size_t ward_crew_size(size_t n)
{
	cpu_set_t set;
	size_t all = n / ENOUGH_FOR_ONE, processors;

	if (all < 2 || sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	processors = (size_t)CPU_COUNT(&set);
	all = all < WARD_CREW_MAX ? all : WARD_CREW_MAX;
	return processors == 0 ? 1 : all < processors ? all : processors;
}

int ward_crew_run(size_t n, ward_crew_fn *fn, void *const states[], size_t n_states,
	struct ward_error *err)
{
	struct crew c = { .fn = fn, .n = n };
	struct worker v[WARD_CREW_MAX] = { { .crew = &c, .state = states[0] } };
	const struct worker *first = NULL;
	size_t n_threads = 0;

	for (size_t i = 1; i < n_states; i++)
		v[i] = (struct worker){ .crew = &c, .state = states[i] };
	/* One that cannot be started is not needed. */
	while (n_threads + 1 < n_states &&
		ward_thread_start(&v[n_threads + 1].thread, work, &v[n_threads + 1]) == 0)
		n_threads++;
	(void)work(&v[0]);
	for (size_t i = 1; i <= n_threads; i++)
		(void)pthread_join(v[i].thread, NULL);
	/* The first in their order, so that the same is said each time, as far as it goes. */
	for (size_t i = 0; i <= n_threads; i++)
		if (v[i].code < 0 && (!first || v[i].at < first->at))
			first = &v[i];
	if (first && err)
		*err = first->err;
	return first ? first->code : WARD_OK;
}

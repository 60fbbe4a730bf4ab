/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name in memory changes while an open for writing is looked at: a file of the write grant, one of the read
 * grant.
 * alone: yes
 * class: races
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include <pthread.h>
#include <sched.h>

#include "attempt.h"

static char shared[4096];
static volatile int over, began;

static void *flip(void *p)
{
	const char *const *names = p;

	while (!over) {
		strcpy(shared, names[0]);
		strcpy(shared, names[1]);
		began = 1;
	}
	return NULL;
}

ATTEMPT(race_open_argument)
{
	const char *names[2] = { "own", arg("fixed") };
	pthread_t t;

	(void)pthread_create(&t, NULL, flip, names);
	while (!began)
		sched_yield();
	for (int i = 0; i < 3000; i++) {
		int fd = open(shared, O_WRONLY);

		(void)!write(fd, "spoiled\n", 8);
		close(fd);
		/* On a busy machine both may share a processor. */
		if (i % 64 == 0)
			sched_yield();
	}
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}

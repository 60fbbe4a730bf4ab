/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name in memory changes while a rename is looked at: a file of one's own, one that was granted alone.
 * alone: yes
 * class: races
 * args: granted
 * grants: --write {ws} --write {granted}
 * escaped: gone granted
 */
#include <pthread.h>

#include "attempt.h"

static char shared[4096];
static volatile int over;

static void *flip(void *p)
{
	const char *const *names = p;

	while (!over) {
		strcpy(shared, names[0]);
		strcpy(shared, names[1]);
	}
	return NULL;
}

ATTEMPT(race_rename_argument)
{
	const char *names[2] = { "no-such", arg("granted") };
	pthread_t t;

	(void)pthread_create(&t, NULL, flip, names);
	for (int i = 0; i < 20000; i++)
		if (rename(shared, "moved") == 0)
			break;
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}

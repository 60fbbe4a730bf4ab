/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Five hundred threads where 64 processes and threads are allowed.
 * class: limits
 * args: count
 * grants: --write {ws} --pids 64
 * escaped: more 64
 */
#include <pthread.h>

#include "attempt.h"

static int fd;

static void *stay(void *p)
{
	count_one(fd);
	sleep(1);
	return p;
}

ATTEMPT(limit_threads)
{
	pthread_attr_t small;
	pthread_t t;
	int n = 0;

	fd = open_count();
	(void)pthread_attr_init(&small);
	(void)pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < 500; i++)
		n += pthread_create(&t, &small, stay, NULL) == 0;
	usleep(300 * 1000);
	return n > 64 ? ESCAPED : REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of a start run. They are short and wait for each other, which is where a scheduler guesses worst: it starts
 * a child on the processor of its parent, behind it, while another is idle, and wakes an idle processor, which can take
 * longer than the work, for what the one at hand could do. So the init gets another processor than the supervisor, the FUSE
 * thread sits on the init's while the view is built and on the command's during the self-test, and before the command
 * executes all of it is undone: what may be used is then what the caller might use when it began. Only for speed: what cannot be placed is left alone. The caller's own thread is never moved.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "confine/native/cage.h"

_Static_assert(sizeof(cpu_set_t) == sizeof(((struct ward_launch *)0)->cpus), "cpus of the blob");

void ward_place_look(struct ward_place *p)
{
	int here = sched_getcpu();

	*p = (struct ward_place){ .here = -1 };
	if (sched_getaffinity(0, sizeof(p->all), &p->all) < 0 || CPU_COUNT(&p->all) < 2 ||
		here < 0 || here >= CPU_SETSIZE)
		return;
	p->there = p->all;
	CPU_CLR(here, &p->there);
	p->here = here;
}

void ward_place_away(struct ward_place *p, pid_t pid)
{
	/* Where it may not be done nothing is to be undone. */
	if (p->here >= 0 && sched_setaffinity(pid, sizeof(p->there), &p->there) < 0)
		p->here = -1;
}

void ward_place_thread(const struct ward_place *p, pthread_t thread, int cpu)
{
	cpu_set_t one;

	if (p->here < 0)
		return;
	CPU_ZERO(&one);
	if (cpu >= 0 && cpu < CPU_SETSIZE)
		CPU_SET((unsigned)cpu, &one);
	else
		one = cpu == WARD_PLACE_AWAY ? p->there : p->all;
	(void)pthread_setaffinity_np(thread, sizeof(one), &one);
}

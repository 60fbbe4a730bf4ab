/* SPDX-License-Identifier: Apache-2.0 */
/* See crowd.h. Nothing here can fail in a way that matters: a thread that may not choose stays where the scheduler puts it. */
#include "os/crowd.h"

#include <string.h>

/* A turn with much to do counts for eight without: a crowd is where one in eight has, for a while. */
#define MUCH 8
#define MOST 32
#define FROM 16

static cpu_set_t only(const cpu_set_t *all, bool higher)
{
	cpu_set_t one;
	int cpu = higher ? CPU_SETSIZE - 1 : 0;

	while (!CPU_ISSET(cpu, all))
		cpu += higher ? -1 : 1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return one;
}

static void hold(struct ward_crowd *c)
{
	cpu_set_t one;

	if (sched_getaffinity(0, sizeof(c->all), &c->all) < 0 || CPU_COUNT(&c->all) != 2)
		return;
	one = only(&c->all, c->side == WARD_CROWD_HIGHER);
	c->held = sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void let_go(struct ward_crowd *c)
{
	cpu_set_t now, one = only(&c->all, c->side == WARD_CROWD_HIGHER);

	if (sched_getaffinity(0, sizeof(now), &now) < 0)
		return;
	/* Whoever has put it elsewhere meanwhile meant that. */
	c->held = CPU_EQUAL(&now, &one) && sched_setaffinity(0, sizeof(c->all), &c->all) < 0;
}

bool ward_crowd_turn(struct ward_crowd *c, bool much)
{
	if (much)
		c->count = c->count + MUCH < MOST ? c->count + MUCH : MOST;
	else if (c->count > 0)
		c->count--;
	if (c->is ? c->count > 0 : c->count < FROM)
		return false;
	c->is = !c->is;
	return true;
}

void ward_crowd_hold(struct ward_crowd *c, bool yes)
{
	if (yes && !c->wanted && !c->held)
		hold(c);
	else if (!yes && c->held)
		let_go(c);
	c->wanted = yes;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads that serve the same callers, and where they run while many ask at once. A scheduler that finds both processors busy looks
 * for no idle one at waking: the two then stand one behind the other while a processor sleeps, and of two processors a quarter is lost.
 * So where a thread may run on two and no more, one takes the lower, the other the higher, while the crowd is there.
 * With more there is nearly always an idle one, and a lone caller waits for one of them at a time: both are left to the scheduler.
 *
 * A thread that was let go may run where it did before; processors that come after the kernel was asked for these are not among them.
 *
 * Compiles with glibc and with musl, and includes nothing of Ward. Each function is for the thread that it is about. What a thread
 * starts while it is held is held with it, so it starts nothing that computes.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>

enum ward_crowd_side { WARD_CROWD_LOWER = 0, WARD_CROWD_HIGHER };

/* All zero but the side is a thread that was told of no turn yet. */
struct ward_crowd {
	enum ward_crowd_side side;
	unsigned count;          /* what the last turns had to do */
	bool is;                 /* many are at work */
	bool wanted, held;       /* to be held on one processor; it is */
	cpu_set_t all;           /* where it may run otherwise, if it is held */
};

/* One more turn, and whether it found more to do than a lone caller makes. Returns whether the crowd came or went by it. */
bool ward_crowd_turn(struct ward_crowd *c, bool much);

/* Hold the thread, or let it go. What fails is as if there were not two: nothing but speed hangs on it. Once a turn. */
void ward_crowd_hold(struct ward_crowd *c, bool yes);

/* SPDX-License-Identifier: Apache-2.0 */
/* How the notification thread lets go of what it shares with a caller, and how its end is waited for. Private to notify*.c. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ward_notify;

struct ward_leave {
	pthread_cond_t moved;        /* of the next, and of a close that was waited for; monotonic, under the lock of ward_notify */
	bool ended;                  /* the thread has nothing more to do */
	bool left;                   /* it was left behind: its own, nobody else looks */
	atomic_int closing;          /* enum closing */
	atomic_int owners;           /* who may look at ward_notify: its owner, a thread left behind, and those that close */
};

void ward_notify_leave_init(struct ward_notify *n);
/*
 * Close what the caller shares; -1 ok. What lingers does so elsewhere, as long as there are not many of them. Hold nothing else
 * that the run would miss: afterwards the thread may have been left behind (ward_notify_left()).
 */
void ward_notify_let_go(struct ward_notify *n, int sock);
bool ward_notify_lingers(int sock); /* its last close waits */
/* True: the end did not wait for this thread. The owner's things are gone; go up, close what you hold, and look at nothing. */
bool ward_notify_left(const struct ward_notify *n);
/* The last words of the thread: afterwards it looks at nothing. */
void ward_notify_ended(struct ward_notify *n);
/* Until the thread has ended, or is in a close after a second: then it is left behind, and what waits is closed elsewhere. */
void ward_notify_join(struct ward_notify *n);
void ward_notify_disown(struct ward_notify *n);

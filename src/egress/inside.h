/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to egress: connections from the inside (inside.c): accepted, where the run's own network ends at the gate; whose they
 * are; and which port was dialled, where nothing captures (plan->redirects).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "egress/egress.h"

struct sockaddr_in6;
struct ward_flow;
struct ward_relay_addr;

/* Whoever waits for a descriptor: data.ptr of the epoll descriptor. It may free itself in fn. */
struct ward_waiter {
	void (*fn)(struct ward_waiter *s, uint32_t events);
	void *arg;
};
#define WARD_MS 1000000ull
#define WARD_TURN_MS 20 /* for what comes, and again for what goes on after that: the run's time limits wait meanwhile */

/* gate.c: the relay is executed when there is something for it to read. */
struct ward_late {
	int ctl;                     /* its end of the wire until then; -1 */
	int sockets[WARD_NET_DOOR];  /* what is to be its, until then; -1: none */
	struct ward_waiter source;
	uint64_t ready_by;           /* ns: it has to have begun; 0: it was not executed */
};

struct ward_inside {
	int listener[2];             /* IPv4, IPv6; -1: none */
	struct ward_waiter source[2];
	bool behind[2];              /* somebody may wait there who was not taken yet */
	const struct ward_egress_caller *caller; /* who waits to be judged, and has not gone on; NULL: nobody */
	int bell;                    /* an eventfd: the run's own thread is to look */
	struct ward_waiter bell_source;
	uint64_t at;                 /* ns: it looks by then, whoever told it; 0: never */
	uint32_t count;              /* of ids */
};
void ward_inside_init(struct ward_egress *e);
int ward_inside_begin(struct ward_egress *e, struct ward_error *err); /* it accepts */
int ward_inside_options(int fd); /* of a listener of the run's, and of all that is accepted there; -1 */
int ward_inside_listen(struct ward_egress *e, bool six, int fd, struct ward_error *err); /* fd: -1, or taken */
void ward_inside_tick(struct ward_egress *e, uint64_t now);
void ward_inside_judged(struct ward_egress *e); /* whoever made what was accepted goes on */
void ward_inside_close(struct ward_egress *e); /* who waits is reset, and nobody comes any more */
/* a: a sockaddr_in, by its family, or itself. False: it is neither. */
bool ward_inside_address(const struct sockaddr_in6 *a, struct ward_relay_addr *ret);

/*
 * f->to gets it, if f came by the listener's own port. False: it came there by a way on which that is not known, and is to be refused.
 */
bool ward_flow_port(struct ward_flow *f);

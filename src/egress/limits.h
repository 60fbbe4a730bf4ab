/* SPDX-License-Identifier: Apache-2.0 */
/* Private to egress (limits.c): what a run may use in all, and the limits of a rule (@net_limit) beside that. */
#pragma once

#include "egress/event.h"
#include "egress/gate.h"

/* ---- the run's own. One more connection; false: *ret says which limit is over ---- */
bool ward_limits_bytes(const struct ward_egress *e, enum ward_net_limit *ret); /* of bytes alone */
bool ward_limits_take(struct ward_egress *e, enum ward_net_limit *ret);

/*
 * ---- of the process, whose descriptors all runs in it share: what the sandbox makes the gate open is a part of them ----
 * most, or that part of what the process may have open, if that is less; at least 1.
 */
size_t ward_limits_part(size_t most, size_t part);
/*
 * A non-blocking socket to the outside, counted until it is said to be gone. -1 and errno; EMFILE: there are too many.
 * spare: one more of its kind, which is not needed.
 */
int ward_limits_socket(int family, int type, bool spare);
void ward_limits_gone(void);
bool ward_limits_is_lack(int err); /* of descriptors: it may go a moment later */

/* ---- a rule's ---- */
struct ward_budget {
	struct ward_budget *next;
	struct ward_egress_limit of;
	struct ward_bucket rate;
	uint64_t n_made, n_alive;
	uint32_t number;             /* of the relay's, which counts its bytes: from 1 on */
	bool spent[WARD_NET_LIMIT_MAX]; /* of bytes */
};
/*
 * One more connection, by the run's limits and by those of one of the rules that let it through, q being what was allowed. False: *ret
 * says
 * which is over, and f->budget whose: NULL: the run's, or there was no answer (WARD_NET_LIMIT_MAX).
 */
bool ward_flow_take(struct ward_flow *f, const struct ward_egress_ask *q, enum ward_net_limit *ret);
void ward_flow_give_back(struct ward_flow *f); /* it has ended */
/*
 * As many as there may be at a time. What its client has closed counts until its server has ended it, too, so that whoever makes
 * one after another comes before the last one's end is known: he waits a moment. False: he has.
 */
bool ward_room_wait(struct ward_flow *f);
bool ward_room_is(const struct ward_flow *f); /* one of those that it waits for has ended */
/* The least of the run's and of its rule's; 0: none. *ret_of_rule: it is the rule's. */
uint64_t ward_flow_limit(const struct ward_flow *f, enum ward_net_limit which, bool *ret_of_rule);
/* Is this why of a refusal a limit of its rule's? Then text says so. */
bool ward_flow_over_rule(const struct ward_flow *f, enum ward_egress_why why, char *text, size_t size);
void ward_budgets_done(struct ward_egress *e);

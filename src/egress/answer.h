/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c: what the inside hears of a flow that is refused, and of its first bytes; and what of flow.c that takes. */
#pragma once

#include "egress/gate.h"

/* Of the proxy, for localhost. */
#define WARD_ANSWER_LOOPBACK \
	"the run's own loopback: connect to it without the proxy (NO_PROXY=localhost,127.0.0.1,::1)"

/* The relay is told, and so is the client, if it asked the proxy. */
void ward_answer_refused(struct ward_flow *f, enum ward_egress_why why);

/* flow.c */
struct ward_flow *ward_flow_find(struct ward_egress *e, uint32_t id); /* NULL: there is none */
void ward_flow_whose(struct ward_flow *f, bool wait); /* into f->pid, f->comm and f->program. wait: a little */
const char *ward_flow_program(const struct ward_flow *f); /* NULL: not known */
void ward_flow_hand(struct ward_flow *f); /* to the relay, if it does not have it yet */
void ward_flow_refuse_as(struct ward_flow *f, enum ward_egress_why why, const char *text); /* text: NULL = as ever */

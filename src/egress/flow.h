/* SPDX-License-Identifier: Apache-2.0 */
/* Private to egress: a flow. flow.c has its life, may.c what is asked about it, answer.c what the inside hears and says. */
#pragma once

#include "egress/gate.h"

/*
 * ---- may.c: what its client has said counts where ward_may_speak() asks, and nowhere else. rule: NULL, or room for the text of the
 * rule, WARD_RULE_TEXT_MAX. Any failure is a no. ----
 */
/* ASK only where q->hold is set. */
enum ward_effect ward_may(struct ward_egress *e, const struct ward_egress_ask *q, char *rule);
bool ward_may_name(struct ward_flow *f, const char *name, bool meant, char *rule);
bool ward_may_address(struct ward_flow *f, const struct ward_relay_addr *a, bool meant, char *rule);
/* Is it not forbidden that from leads there: the name, or the address that carries this one, as text? */
bool ward_may_lead(struct ward_flow *f, const char *from, const struct ward_relay_addr *a);
/* What a real address is, with what it is in words: this host's own ones count as its loopback, whatever else they are. */
enum ward_address_class ward_may_class(struct ward_egress *e, const struct ward_relay_addr *a, const char **ret_what);
/* The IPv4 address that a carries, if it does. */
bool ward_may_carry(struct ward_flow *f, const char *from, const struct ward_relay_addr *a, enum ward_egress_why *why,
	const char **ret_what);
/* An address that f's name leads to. */
bool ward_may_dial(struct ward_flow *f, const struct ward_relay_addr *a, enum ward_egress_why *why, const char **ret_what);
/*
 * What is spoken is known (f->inspected): may the connection be still, by all that was asked before it was dialled, if policies look
 * at that? Before it is dialled (no peer) only as far as that is known.
 */
bool ward_may_speak(struct ward_flow *f);
bool ward_may_inspects(const struct ward_egress *e); /* do policies look at that, now? */

/* ---- answer.c ---- */
/* Of the proxy, for localhost. */
#define WARD_ANSWER_LOOPBACK \
	"the run's own loopback: connect to it without the proxy (NO_PROXY=localhost,127.0.0.1,::1)"

/* The relay is told, and so is the client, if it asked the proxy. */
void ward_answer_refused(struct ward_flow *f, enum ward_egress_why why);

/* What it speaks (f->inspected) is forbidden: it is refused. */
void ward_answer_spoken(struct ward_flow *f);

/* ---- names.c: questions for services that wait for an answer from outside ---- */
void ward_services_tick(struct ward_egress *e);
void ward_services_done(struct ward_egress *e); /* behind the resolver's end */

/* ---- dial.c: it has waited for as long as it may ---- */
void ward_flow_overdue(struct ward_flow *f);

/* ---- flow.c ---- */
struct ward_flow *ward_flow_find(struct ward_egress *e, uint32_t id); /* NULL: there is none */
void ward_flow_whose(struct ward_flow *f, bool wait); /* into f->pid, f->comm and f->program. wait: a little */
const char *ward_flow_program(const struct ward_flow *f); /* NULL: not known */
void ward_flow_dial(struct ward_flow *f, const struct ward_relay_addr *v, size_t n); /* these, when it is its turn */
/* What was dialled is a part of what its name may have, and no way leads there: the whole is looked up, and dialled. False: no. */
bool ward_flow_again(struct ward_flow *f);
void ward_flow_hand(struct ward_flow *f); /* to the relay, if it does not have it yet */
void ward_flow_refuse_as(struct ward_flow *f, enum ward_egress_why why, const char *text); /* text: NULL = as ever */

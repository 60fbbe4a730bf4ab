/* SPDX-License-Identifier: Apache-2.0 */
/* Private to egress: from the host to a server inside (inward.c). */
#pragma once

#include "egress/dns.h"
#include "egress/event.h"

struct ward_dial;
struct ward_egress;
struct ward_flow;

/* A socket of the host's at which a run is reached. */
struct ward_inward {
	struct ward_relay_addr at;
	uint16_t inner;              /* the port inside */
};

/* OPEN: either it goes out, or it came to a listener that there is. */
bool ward_inward_can_be(const struct ward_egress *e, const struct ward_relay_msg *m);
void ward_inward_open(struct ward_flow *f);
/* May it be dialled now? False: not yet, or it was refused. */
bool ward_inward_ready(struct ward_flow *f);
int ward_inward_socket(struct ward_flow *f, int family); /* 4, 6: that one; -1, and errno */
void ward_inward_tell(const struct ward_flow *f, struct ward_egress_event *v, char peer[WARD_ADDRESS_TEXT_MAX]);
void ward_inward_drop(struct ward_dial *d);
void ward_inward_done(struct ward_egress *e);

/* flow.c, for inward.c: it is judged; it is refused, and that is told. */
bool ward_flow_may(struct ward_flow *f, const struct ward_egress_ask *q); /* f->rule: who says so */
void ward_flow_refuse(struct ward_flow *f, enum ward_egress_why why);

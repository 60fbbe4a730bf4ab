/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of plan share. Private to plan. */
#pragma once

#include "plan/plan.h"

/* axes.c: p->egress; WARD_E_AXIS where something may be connected to and this host cannot hold it. */
int ward_plan_egress(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);

/* axes.c: is there a network to publish ports of? */
int ward_plan_published(const struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);

/* axes.c: fill p->axes from the facts; WARD_E_AXIS where one falls short of what is required. */
int ward_plan_axes(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);

/*
 * view.c: copy the nodes into the plan: normalised and sorted, one a dest, every parent there, nothing that a
 * wider one already says.
 */
int ward_plan_view(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);

/* json.c: names as in the JSON form; NULL behind the last switch. */
const char *ward_node_kind_name(enum ward_node_kind k);
const char *ward_seccomp_switch_name(unsigned bit);

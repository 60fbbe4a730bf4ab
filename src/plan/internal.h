/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of plan share. Private to plan. */
#pragma once

#include "plan/plan.h"

/* axes.c: p->egress; WARD_E_AXIS where something may be connected to and this host cannot hold it. */
int ward_plan_egress(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);

/* axes.c: why this host has no user namespaces to be used, and what would mend that. */
const char *ward_plan_fix_userns(const struct ward_host *h);
/* The same for FUSE. */
const char *ward_plan_fix_fuse(const struct ward_host *h);

/* review.c: p->review; WARD_E_AXIS and others where nothing can be put under review. */
int ward_plan_review(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err);
/*
 * review.c: among n nodes, for which there is room for two more, the root of what is under review is its overlay, and of what lies
 * below
 * only what a policy decides stays. Programs that could be executed there still can: p->exec_paths.
 */
int ward_plan_review_nodes(struct ward_plan *p, struct ward_node *v, size_t *io_n, struct ward_error *err);
/* review.c: what may be executed in a grant that goes, as a place of its own. */
int ward_plan_keep_exec(struct ward_plan *p, const struct ward_node *n, struct ward_error *err);
/*
 * caches.c: among n nodes what lies in a package cache goes, but for what a policy takes away; each has its bound. WARD_E_AXIS
 * where one cannot be had, or would let the host's own be written.
 */
int ward_plan_caches(struct ward_plan *p, const struct ward_plan_input *in, struct ward_node *v, size_t *io_n, struct ward_error *err);
/* review.c: the overlay is in the view, whatever the policies say. */
int ward_plan_review_shown(const struct ward_plan *p, struct ward_error *err);

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

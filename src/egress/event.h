/* SPDX-License-Identifier: Apache-2.0 */
/* Private to egress: telling what happened (event.c). */
#pragma once

#include "egress/egress.h"

#define WARD_TOLD_BUCKETS 1024
/* Of each kind of event so much is kept apart; of what came in by itself, where a kind has both. */
enum { WARD_TOLD_BLOCK_INWARD = WARD_EGRESS_KIND_MAX, WARD_TOLD_OPEN_INWARD, WARD_TOLD_LANES };

enum ward_egress_why {
#define WARD_X(id, word, violation, text) WARD_EGRESS_WHY_##id,
#include "egress/why.def"
#undef WARD_X
	WARD_EGRESS_WHY_MAX
};
/* e is told, or only counted: the first of its kind at once, then each time that as many again have come, and at the end. */
void ward_tell(struct ward_egress *g, const struct ward_egress_event *e);
void ward_tell_end(struct ward_egress *g);
/* Fill in the two texts of a reason. text NULL: that of the table. */
void ward_tell_why(struct ward_egress_event *e, enum ward_egress_why why, const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
/* run/review, what one change takes away, and another has. Private to run. */
#pragma once

#include "run/review/judge.h"

/* After the sides are known: what forgets the one forgets the other, or waits for a word about both. */
void ward_review_moved_sides(struct ward_arena *a, struct ward_review_decisions *d);
struct ward_review_moved {           /* NULL: nothing moved. In the arena */
	uint32_t *first, *next;      /* whose content each has: indices and 1; 0: the last */
	uint32_t *todo;
};
int ward_review_moved_new(struct ward_arena *a, const struct ward_review_decisions *d, struct ward_review_moved *ret,
	struct ward_error *err);
/* What has to wait since that which has its content does. True: something has to. */
bool ward_review_moved_wait(const struct ward_review_moved *m, struct ward_arena *a, struct ward_review_decisions *d);

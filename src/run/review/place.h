/* SPDX-License-Identifier: Apache-2.0 */
/* run/review, what a start looks up of it: steps of resolve. Private to run. */
#pragma once

#include "run/resolve/resolve.h"

/* What is under review, if anything is; its layer is made later. */
int ward_rs_review(struct ward_resolver *rs, struct ward_error *err);
/* No view shows the store of such layers. */
int ward_rs_review_store(struct ward_resolver *rs, struct ward_error *err);
/* What is written there is not real. */
bool ward_rs_reviewed(const struct ward_resolver *rs, const char *path);

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
/* Can the store of such layers (that need not be there) carry one? Not on an overlay, as a container's own tree is. */
bool ward_review_store_fits(const char *store);
#define WARD_REVIEW_STORE_WHY "the store of such layers lies on an overlay (a container's), which can carry none"
#define WARD_REVIEW_STORE_FIX \
	"set XDG_STATE_HOME to a directory on another file system (ext4, xfs, btrfs, tmpfs): docker run -v VOLUME:DIR ..."

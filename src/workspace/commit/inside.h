/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace/commit: what lies in a new directory is made in it, and comes to its name with it (inside.c); moved.c too.
 */
#pragma once

#include "workspace/commit/commit.h"

#define WARD_COMMIT_MADE_MAX (WARD_PATH_MAX + WARD_COMMIT_NAME_MAX)

/* Of steps in the order of paths (backwards: the last first), from begin to end, that of a path's first n bytes; end: none is. */
size_t ward_commit_find_step(const struct ward_commit *c, size_t begin, size_t end, bool backwards, const char *path, size_t n);
/* The step that makes what has a path's first n bytes as its name; put_end, NULL: none does. */
size_t ward_commit_step_of(const struct ward_commit *c, const char *path, size_t n);
const struct ward_step *ward_commit_put_of(const struct ward_commit *c, const char *path, size_t n);
/* Is step i's made in the directory that it lies in? When those that it lies in are made. */
void ward_commit_choose(const struct ward_commit *c, size_t i);
/* Where the new object of step i is made, below the staging directory. */
void ward_commit_made(const struct ward_commit *c, size_t i, char out[WARD_COMMIT_MADE_MAX]);
/* Before the directory of step top leaves the staging directory: what comes with it is what was made. 0 or -errno. */
int ward_commit_come(struct ward_commit *c, size_t top);
bool ward_commit_brings(const struct ward_commit *c, size_t top); /* something does */
/* *ret: what is so of a step that was made inside, since its directory is done or left. */
bool ward_commit_came(const struct ward_commit *c, const struct ward_step *s, enum ward_step_result *ret);
/* The staging directory is to go: directories in it that did not become real are empty then, but for what is not ours. */
void ward_commit_empty_made(const struct ward_commit *c);
/* order.c: the steps as they are done, malloc'ed; NULL: as they stand. Back they are done the other way round. */
size_t *ward_commit_order(const struct ward_commit *c);
/* After the steps, forward: what did not come to its new name has its old one again. */
int ward_commit_take_back_moved(struct ward_commit *c, struct ward_error *err);
/* step.c: what step i took has its name again, and it is left for why. 0 or -errno. */
int ward_commit_take_back(struct ward_commit *c, size_t i, const char *why);
/* forget.c: the staging directory has something old that could be given back to no name, and stays beside. */
bool ward_commit_keeps(struct ward_commit *c);

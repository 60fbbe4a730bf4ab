/* SPDX-License-Identifier: Apache-2.0 */
/* run/review, which directories are git's, before and after a layer's changes. Private to run. */
#pragma once

#include "run/review/judge.h"

/* What the changes do to what makes a directory git's. */
struct ward_git_mark {
	const char *dir;             /* below the root, not ended; a change's */
	size_t n;
	unsigned added, gone;
};
struct ward_git_marks {
	int root;                    /* the project, as it is; the caller's */
	struct ward_git_mark *v;     /* in the arena, sorted */
	size_t n;
};
int ward_git_marks_read(struct ward_arena *a, const struct ward_changes *all, int root, struct ward_git_marks *m,
	struct ward_error *err);
/* The first n bytes of dir, below the root: there is, or will be, a .git in it. */
bool ward_git_marks_beside(const struct ward_git_marks *m, const char *dir, size_t n);
bool ward_git_marks_is(const struct ward_git_marks *all, const char *dir, size_t n); /* it is one, in the project as that is */
extern const char ward_by_git[];
/* Why name, in the directory that is the first dir bytes of path, is asked about: ward_by_git where git obeys it. NULL: it is not. */
const char *ward_git_marks_name(const struct ward_git_marks *all, const char *path, size_t dir, const char *name);
/* The same of a directory, the first n bytes of path, that is or was one of git's itself. */
const char *ward_git_marks_dir(const struct ward_git_marks *all, const char *path, size_t n);

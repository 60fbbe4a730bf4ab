/* SPDX-License-Identifier: Apache-2.0 */
/* run/review, what a version control keeps of one repository, which becomes real together. Private to run. */
#pragma once

#include "run/review/judge.h"

enum {
	WARD_REPO_HOLDS = 1,         /* others wait for it */
	WARD_REPO_WAITS = 2,         /* it waits for others */
	WARD_REPO_NAMED = 4,         /* an object: what names it waits for it alone, too */
	WARD_REPO_NAMES = 8,         /* it waits for those, and for nothing else */
	WARD_REPO_GOES = 16,         /* an object that is gone: it waits for all that is none, asked for or not */
	WARD_REPO_MADE = 32,         /* of all packs: it is nothing without them */
};
struct ward_review_repo {            /* NULL in a decision: it is no such part of one. In the arena */
	const char *git, *dir;       /* its path; quoted */
	const char *why, *cure;      /* of the first part that does not become real; NULL: no such is known */
	const char *kept, *kept_cure; /* the same of what its objects may not go without */
	bool lacks;                  /* such a part is an object */
	bool rest;                   /* a part of it waits for others, and is not forgotten */
	bool names;                  /* the same, or for objects alone */
	const char *stays;           /* why its objects do not go; NULL: they may */
};
/* Before any of them is settled: which are parts of which. What is forgotten of one alone is a conflict from then on. */
int ward_review_repos(const struct ward_review_terms *t, const struct ward_git_marks *marks, struct ward_review_decisions *d,
	struct ward_error *err);
/* After a person was asked, which takes its time: what the project names by now stays, too. */
void ward_review_repos_again(const struct ward_review_terms *t, struct ward_review_decisions *d);
/* The repository of an object that goes unless something may name it; or NULL. */
const char *ward_review_repos_goes(const struct ward_review_decision *d);
/* What has to wait since a part that it has to fit to does. True: something changed by it. */
bool ward_review_repos_wait(struct ward_arena *a, struct ward_review_decisions *d);
bool ward_review_repos_held_by(const struct ward_review_decision *d); /* it becomes real, and others wait for it where it does not */
bool ward_review_repos_any(const struct ward_review_decisions *d);    /* such a one is among them */
void ward_review_repos_none(struct ward_review_decisions *d);         /* all of them wait */

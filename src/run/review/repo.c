/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a version control keeps of one repository is one thing. An index without the HEAD that it was made for shows the last commit undone,
 * and the next one does undo it; references that went into a file which waits are gone. So where a part of it does not become real, what
 * has to fit to that waits. Objects do not: without a name nobody finds them, and they do no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "run/review/marks.h"
#include "run/review/repo.h"

#define HOLDS WARD_REPO_HOLDS
#define WAITS WARD_REPO_WAITS

/* Of git: the first part below its directory, or all that begins, or ends, so. */
static const struct {
	const char *name;
	unsigned what;
} of_git[] = {
	{ "HEAD", HOLDS | WAITS },
	{ "index", HOLDS | WAITS },
	{ "packed-refs", HOLDS | WAITS },
	{ "reftable", HOLDS | WAITS },
	{ "rebase-merge", HOLDS | WAITS },
	{ "rebase-apply", HOLDS | WAITS },
	{ "sequencer", HOLDS | WAITS },
	{ "MERGE_HEAD", HOLDS | WAITS },
	{ "CHERRY_PICK_HEAD", HOLDS | WAITS },
	{ "REVERT_HEAD", HOLDS | WAITS },
	{ "ORIG_HEAD", WAITS },
	{ "REBASE_HEAD", WAITS },
	{ "AUTO_MERGE", WAITS },
	{ "MERGE_MSG", WAITS },
	{ "MERGE_MODE", WAITS },
};

/* Others are known by the name of their directory. NULL ends them. */
static const struct {
	const char *dir;
	const char *parts[8];
} others[] = {
	{ ".hg", { "store", "dirstate", "branch", "bookmarks", "bookmarks.current", "merge" } },
	{ ".jj", { "working_copy" } },
};

static bool starts(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_branch(const char *ref)
{
	return starts(ref, "refs/heads") || ward_streq(ref, "refs");
}

/* at: below what may be a directory of git's. 0: nothing that has to fit. */
static unsigned git_part(const char *at, const struct ward_change *c)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(of_git); i++) {
		if (starts(at, of_git[i].name))
			return of_git[i].what;
	}
	/* A log is of its reference; that of the stash is the stash. */
	if (starts(at, "logs"))
		return ward_streq(at, "logs/HEAD") || starts(at, "logs/refs/heads") ? WAITS : 0;
	if (!starts(at, "refs"))
		return 0;
	/* One that is gone may be in packed-refs by now. One that is new stands in nobody's way. */
	if (c->mode == 0)
		return is_branch(at) ? HOLDS | WAITS : WAITS;
	if (S_ISDIR(c->mode) || !is_branch(at))
		return 0;
	return c->kind == WARD_CHANGE_ADDED ? HOLDS : HOLDS | WAITS;
}

struct member {
	const char *dir; /* of the repository: a change's path, not ended */
	size_t n;
	struct ward_review_decision *d;
};

struct finding {
	const struct ward_git_marks *marks;
	const char *dir; /* the last one that was looked at, and what it was */
	size_t n;
	bool git;
};

static bool is_git(struct finding *f, const char *dir, size_t n)
{
	if (!f->dir || f->n != n || memcmp(f->dir, dir, n) != 0) {
		f->dir = dir;
		f->n = n;
		f->git = ward_git_marks_is(f->marks, dir, n);
	}
	return f->git;
}

/* The directory of a worktree belongs to that of its repository: DIR/worktrees/NAME. */
static size_t common(struct finding *f, const char *dir, size_t n)
{
	static const char worktrees[] = "/worktrees";
	const size_t n_worktrees = sizeof(worktrees) - 1;
	size_t at = n;

	while (at > 0 && dir[at - 1] != '/')
		at--;
	if (at < n_worktrees + 1 || memcmp(dir + at - 1 - n_worktrees, worktrees, n_worktrees) != 0)
		return n;
	at -= 1 + n_worktrees;
	return is_git(f, dir, at) ? at : n;
}

static unsigned other_part(const char *name, size_t n, const char *rest)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		if (strlen(others[i].dir) != n || memcmp(others[i].dir, name, n) != 0)
			continue;
		for (size_t k = 0; others[i].parts[k]; k++) {
			if (starts(rest, others[i].parts[k]))
				return HOLDS | WAITS;
		}
	}
	return 0;
}

static unsigned find(struct finding *f, const struct ward_change *c, struct member *m)
{
	const char *path = c->path;

	for (size_t at = 0, n; path[at]; at += n + (path[at + n] == '/')) {
		unsigned part = git_part(path + at, c);

		n = strcspn(path + at, "/");
		m->dir = path;
		m->n = at > 0 ? at - 1 : 0;
		if (part && is_git(f, path, m->n)) {
			m->n = common(f, path, m->n);
			return part;
		}
		part = path[at + n] ? other_part(path + at, n, path + at + n + 1) : 0;
		m->n = at + n;
		if (part)
			return part;
	}
	return 0;
}

static int by_dir(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = memcmp(x->dir, y->dir, x->n < y->n ? x->n : y->n);

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

int ward_review_repos(struct ward_arena *a, const struct ward_git_marks *marks,
	struct ward_review_decisions *d, struct ward_error *err)
{
	struct finding f = { .marks = marks };
	struct member *v = ward_arena_alloc(a, (d->n + 1) * sizeof(*v));
	struct ward_review_repo *repo = NULL;
	size_t n = 0;

	if (!v)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < d->n; i++) {
		d->v[i].repo_part = find(&f, d->v[i].change, &v[n]);
		if (d->v[i].repo_part)
			v[n++].d = &d->v[i];
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_dir);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_dir(&v[i - 1], &v[i]) != 0) {
			repo = ward_arena_alloc(a, sizeof(*repo));
			if (!repo)
				return ward_rs_nomem(err);
			*repo = (struct ward_review_repo){ 0 };
		}
		v[i].d->repo = repo;
	}
	return WARD_OK;
}

/* ---- what waits ---- */

/*
 * While the run lives a part that was told before is no more asked for, and what was not quiet is not yet: both are of the repository all the same.
 * Who names parts of it by himself knows which.
 */
static bool stops(const struct ward_review_decision *d, bool lives)
{
	if (d->effect != WARD_REVIEW_APPLY)
		return d->wanted || lives;
	return lives && !d->wanted && !d->told;
}

static const char *words(struct ward_arena *a, const char *path)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *said;

	ward_buf_adds(&b, "it belongs to ");
	ward_quote(&b, path, strlen(path));
	ward_buf_adds(&b, " in its repository, which does not become real");
	said = b.failed ? NULL : ward_arena_strdup(a, ward_buf_cstr(&b));
	return said ? said : "it belongs to another part of its repository";
}

static bool becomes_real(const struct ward_review_decision *d)
{
	return ward_review_is_real(d) && d->side != WARD_COMMIT_THEIRS;
}

bool ward_review_repos_wait(struct ward_arena *a, struct ward_review_decisions *d)
{
	bool again = false;

	for (size_t i = 0; i < d->n; i++) {
		struct ward_review_decision *one = &d->v[i];

		if (one->repo && (one->repo_part & HOLDS) && !one->repo->by &&
			stops(one, d->lives)) {
			one->repo->by = one->change->path;
			one->repo->why = words(a, one->change->path);
		}
	}
	for (size_t i = 0; i < d->n; i++) {
		struct ward_review_decision *one = &d->v[i];
		const struct ward_review_repo *r = one->repo;

		if (!r || !(one->repo_part & WAITS))
			continue;
		if (!r->by && one->told && one->effect == WARD_REVIEW_APPLY && !one->wanted) {
			one->wanted = true;
			again = true;
		}
		if (!r->by || !becomes_real(one) || one->by_name)
			continue;
		one->effect = WARD_REVIEW_BEHIND;
		one->why = r->why;
		one->rule = one->cure = NULL;
		again = true;
	}
	return again;
}

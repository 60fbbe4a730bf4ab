/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run moved, and what could not come to its new name: where it was it is put again, and with it whatever had waited for that place. By
 * the number of each step that another goes with, so that a chain of any length is gone through once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "workspace/commit/inside.h"

struct waits {
	size_t takes; /* the first steps: what goes, the last path first */
	uint32_t *first, *next; /* of each step, less one: who gives up what it brings */
	uint32_t *todo;
};

static void waits_done(struct waits *w)
{
	free(w->first);
	free(w->next);
	free(w->todo);
}

/* The directories that it lies in, if they went too: the outermost was the last. */
static int take_back(struct ward_commit *c, const struct waits *w, size_t i)
{
	const char *path = c->j.v[i].path;
	int r = 0;

	for (const char *p = strchr(path, '/'); p && r == 0; p = strchr(p + 1, '/')) {
		size_t k = ward_commit_find_step(c, 0, w->takes, true, path, (size_t)(p - path));

		if (k < w->takes && c->j.v[k].kind == WARD_STEP_TAKE &&
			c->j.v[k].result == WARD_RESULT_DONE && S_ISDIR(c->j.v[k].old.mode))
			r = ward_commit_take_back(c, k, "something in it stays");
	}
	return r == 0 ? ward_commit_take_back(c, i,
				"stays, since what it had did not come to its other name")
		      : r;
}

static int waits_new(const struct ward_commit *c, struct waits *w, struct ward_error *err)
{
	w->first = calloc(c->j.n + 1, sizeof(*w->first));
	w->next = calloc(c->j.n + 1, sizeof(*w->next));
	w->todo = calloc(c->j.n + 1, sizeof(*w->todo));
	if (!w->first || !w->next || !w->todo)
		return ward_fail(err, WARD_E_NOMEM,
			"no memory to put back what did not come to its new name");
	while (w->takes < c->j.n &&
		(c->j.v[w->takes].kind == WARD_STEP_TAKE ||
			c->j.v[w->takes].kind == WARD_STEP_DROP))
		w->takes++;
	for (size_t i = 0; i < c->j.n; i++) {
		size_t with = c->j.v[i].with;

		if (with == 0)
			continue;
		w->next[i] = w->first[with - 1];
		w->first[with - 1] = (uint32_t)i + 1;
	}
	return WARD_OK;
}

/* Those that gave up what the k-th was to bring, which it did not. */
static int take_back_to(struct ward_commit *c, struct waits *w, size_t k, size_t *n)
{
	int r = 0;

	for (uint32_t i = w->first[k]; i != 0 && r == 0; i = w->next[i - 1]) {
		if (c->j.v[i - 1].result != WARD_RESULT_DONE)
			continue;
		r = take_back(c, w, i - 1);
		if (r == 0 && c->j.v[i - 1].result == WARD_RESULT_LEFT)
			w->todo[(*n)++] = i - 1;
	}
	return r;
}

static bool some_did_not_come(const struct ward_commit *c)
{
	for (size_t i = 0; i < c->j.n; i++)
		if (c->j.v[i].with > 0 && c->j.v[c->j.v[i].with - 1].result == WARD_RESULT_LEFT)
			return true;
	return false;
}

/* What was to come elsewhere, and did not, may be the only copy of what went: that is where it was again, and waits as well. */
int ward_commit_take_back_moved(struct ward_commit *c, struct ward_error *err)
{
	WARD_CLEANUP(waits_done) struct waits w = { 0 };
	size_t n = 0;
	int r;

	if (!some_did_not_come(c))
		return WARD_OK;
	r = waits_new(c, &w, err);
	if (r < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return r;
	r = 0;
	for (size_t k = 0; k < c->j.n; k++)
		if (w.first[k] != 0 && c->j.v[k].result == WARD_RESULT_LEFT)
			w.todo[n++] = (uint32_t)k;
	while (n > 0 && r == 0) {
		size_t k = w.todo[--n];

		r = take_back_to(c, &w, k, &n);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
			       "cannot put back what did not come to its new name")
		     : WARD_OK;
}

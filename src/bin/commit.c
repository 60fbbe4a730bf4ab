/* SPDX-License-Identifier: Apache-2.0 */
/* ward commit: what a run under review changed, made real. The library does it; this is words in, lines out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cli.h"
#include "ward/review.h"

struct given {
	struct ward_review_commit what;
	const char **paths, **theirs, **ours;
	bool yes, only_paths, first;
};

static int approve(struct given *g, const char *value, struct ward_error *err)
{
	if (g->yes)
		return ward_fail(err, WARD_E_INVALID, "--approve is given twice");
	g->yes = true;
	if (ward_streq(value, "risky"))
		g->what.yes = WARD_REVIEW_YES_RISKY;
	else if (ward_streq(value, "critical"))
		g->what.yes = WARD_REVIEW_YES_CRITICAL;
	else
		return ward_fail(err, WARD_E_INVALID, "--approve takes risky or critical");
	return WARD_OK;
}

static int step(struct given *g, enum ward_review_step s, struct ward_error *err)
{
	if (g->what.step != WARD_REVIEW_COMMIT)
		return ward_fail(err, WARD_E_INVALID, "--continue and --abort: one of them, once");
	g->what.step = s;
	return WARD_OK;
}

static int take(struct given *g, struct words *w, struct ward_error *err)
{
	const char *word = w->v[0], *value = NULL;

	if (!g->only_paths) {
		if (take_word(w, "--")) {
			g->only_paths = true;
			return WARD_OK;
		}
		if (take_word(w, "--json")) {
			g->what.json = true;
			return WARD_OK;
		}
		if (take_word(w, "--dry-run")) {
			g->what.dry_run = true;
			return WARD_OK;
		}
		if (take_word(w, "--incomplete")) {
			g->what.incomplete = true;
			return WARD_OK;
		}
		if (take_word(w, "--continue"))
			return step(g, WARD_REVIEW_CONTINUE, err);
		if (take_word(w, "--abort"))
			return step(g, WARD_REVIEW_ABORT, err);
		if (take_value(w, "--approve", &value))
			return value ? approve(g, value, err)
				     : ward_fail(err, WARD_E_INVALID, "--approve wants a value");
		if (take_value(w, "--theirs", &value)) {
			if (!value || !value[0])
				return ward_fail(err, WARD_E_INVALID, "--theirs wants a path");
			g->theirs[g->what.n_theirs++] = value;
			return WARD_OK;
		}
		if (take_value(w, "--ours", &value)) {
			if (!value || !value[0])
				return ward_fail(err, WARD_E_INVALID, "--ours wants a path");
			g->ours[g->what.n_ours++] = value;
			return WARD_OK;
		}
		if (word[0] == '-' || !word[0])
			return misunderstood(word, "commit", err);
	}
	take_run_or_path(w, !g->only_paths && !g->first, &g->what.run, g->paths, &g->what.n_paths);
	g->first = true;
	return WARD_OK;
}

/* A commit that did not end has its decisions already. */
static int check(const struct given *g, struct ward_error *err)
{
	const struct ward_review_commit *q = &g->what;

	if (q->step != WARD_REVIEW_COMMIT &&
		(q->n_paths + q->n_theirs + q->n_ours > 0 || g->yes || q->dry_run ||
			q->incomplete || q->json))
		return ward_fail(err, WARD_E_INVALID,
			"--continue and --abort are about all of a commit, and take nothing else");
	return WARD_OK;
}

static int commit(const struct ward_review_commit *what)
{
	struct ward_error err = WARD_ERROR_INIT;
	size_t left = 0;
	char *text = NULL;
	int r = ward_review_commit(what, &text, &left, &err);

	if (text)
		(void)fputs(text, stdout);
	free(text);
	if (r < 0) {
		say_error(&err);
		return err.code == WARD_E_NOTFOUND ? EXIT_REFUSED : EXIT_USAGE;
	}
	if (fflush(stdout) != 0)
		return EXIT_USAGE;
	return left > 0 ? EXIT_REFUSED : EXIT_OK;
}

int cmd_commit(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct given g = { .what = { .ask = true } };
	size_t n = (size_t)w.n + 1;
	int code = WARD_OK, exit_code;

	g.paths = calloc(n, sizeof(*g.paths));
	g.theirs = calloc(n, sizeof(*g.theirs));
	g.ours = calloc(n, sizeof(*g.ours));
	if (!g.paths || !g.theirs || !g.ours)
		code = ward_fail(&err, WARD_E_NOMEM, "out of memory");
	while (g.paths && g.theirs && g.ours && code == WARD_OK && w.n > 0)
		code = take(&g, &w, &err);
	if (code == WARD_OK)
		code = check(&g, &err);
	g.what.paths = g.paths;
	g.what.theirs = g.theirs;
	g.what.ours = g.ours;
	if (code < 0 && !err.fix[0])
		ward_fail_fix(&err, "see ward help commit");
	raise_files(); /* directories that lie in one another are held open */
	exit_code = code < 0 ? usage_error(&err, NULL) : commit(&g.what);
	free(g.paths);
	free(g.theirs);
	free(g.ours);
	return exit_code;
}

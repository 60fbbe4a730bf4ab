/* SPDX-License-Identifier: Apache-2.0 */
/* ward diff: what a run under review changed. The library reads it; this is words in, and what a terminal may have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/cli.h"
#include "ward/review.h"

struct given {
	struct ward_review_diff what;
	const char **paths;
	bool form, only_paths, first;
};

static int take(struct given *g, struct words *w, struct ward_error *err)
{
	static const struct {
		const char *name;
		enum ward_review_form form;
	} forms[] = {
		{ "--patch", WARD_REVIEW_PATCH },
		{ "--stat", WARD_REVIEW_STAT },
		{ "--name-only", WARD_REVIEW_NAMES },
		{ "--name-status", WARD_REVIEW_STATUS },
		{ "--json", WARD_REVIEW_JSON },
	};
	const char *word = w->v[0];

	if (!g->only_paths && take_word(w, "--")) {
		g->only_paths = true;
		return WARD_OK;
	}
	for (size_t i = 0; !g->only_paths && i < WARD_ARRAY_SIZE(forms); i++) {
		if (!take_word(w, forms[i].name))
			continue;
		if (g->form)
			return ward_fail(err, WARD_E_INVALID,
				"--patch, --stat, --name-only, --name-status, --json: one of them, once");
		g->form = true;
		g->what.form = forms[i].form;
		return WARD_OK;
	}
	if (!word[0] || (!g->only_paths && word[0] == '-'))
		return misunderstood(word, "diff", err);
	take_run_or_path(w, !g->only_paths && !g->first, &g->what.run, g->paths, &g->what.n_paths);
	g->first = true;
	return WARD_OK;
}

static int put(void *arg, const char *s, size_t n)
{
	(void)arg;
	return fwrite(s, 1, n, stdout) == n ? 0 : -1;
}

static bool coloured(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (!no || !no[0]) && term && !ward_streq(term, "dumb");
}

static int diff(struct ward_review_diff *what)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool incomplete = false;

	what->terminal = isatty(STDOUT_FILENO) == 1;
	what->colour = what->terminal && coloured();
	what->write = put;
	what->ret_incomplete = &incomplete;
	if (ward_review_diff(what, &err) < 0) {
		(void)fflush(stdout);
		if (ferror(stdout))
			return EXIT_USAGE; /* which is said in the end */
		say_error(&err);
		return err.code == WARD_E_INVALID ? EXIT_USAGE : EXIT_REFUSED;
	}
	if (incomplete)
		fprintf(stderr,
			"ward: not all that the run wrote could be kept, or the machine went down meanwhile: "
			"what is missing may look deleted, or empty\n");
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_diff(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct given g = { .form = false };
	int code = WARD_OK, exit_code;

	g.paths = calloc((size_t)w.n + 1, sizeof(*g.paths));
	if (!g.paths)
		code = ward_fail(&err, WARD_E_NOMEM, "out of memory");
	while (code == WARD_OK && w.n > 0)
		code = take(&g, &w, &err);
	g.what.paths = g.paths;
	if (code < 0 && !err.fix[0])
		ward_fail_fix(&err, "see ward help diff");
	exit_code = code < 0 ? usage_error(&err, NULL) : diff(&g.what);
	free(g.paths);
	return exit_code;
}

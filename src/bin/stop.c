/* SPDX-License-Identifier: Apache-2.0 */
/* ward stop: runs that are alive, ended from outside. The library does it; this is words in, lines out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cli.h"
#include "ward/live.h"

struct asked {
	struct ward_stop what;
	const char **runs, **match;
};

/* One word, or two. */
static int take(struct asked *a, struct words *w, struct ward_error *err)
{
	static const char *const valued[] = { "--match", "--reason", "--wait" };
	const struct {
		const char *name;
		bool *set;
	} flags[] = {
		{ "--all", &a->what.all },
		{ "--now", &a->what.now },
		{ "--dry-run", &a->what.dry_run },
		{ "--json", &a->what.json },
	};
	const char *word = w->v[0], *value = NULL;
	size_t i = 0;

	for (size_t k = 0; k < WARD_ARRAY_SIZE(flags); k++) {
		if (take_word(w, flags[k].name)) {
			*flags[k].set = true;
			return WARD_OK;
		}
	}
	while (i < WARD_ARRAY_SIZE(valued) && !take_value(w, valued[i], &value))
		i++;
	if (i < WARD_ARRAY_SIZE(valued) && !value)
		return ward_fail(err, WARD_E_INVALID, "%s wants a value", valued[i]);
	switch (i) {
	case 0: a->match[a->what.n_match++] = value; return WARD_OK;
	case 1: a->what.reason = value; return WARD_OK;
	case 2: return ward_parse_duration(value, &a->what.wait_ms, err);
	default: break;
	}
	if (word[0] == '-' || !word[0])
		return misunderstood(word, "stop", err);
	a->runs[a->what.n_runs++] = word;
	w->n--;
	w->v++;
	return WARD_OK;
}

static int stop(const struct ward_stop *what)
{
	struct ward_error err = WARD_ERROR_INIT;
	size_t n = 0, left = 0;
	char *text = NULL;

	if (ward_live_stop(what, &text, &n, &left, &err) < 0) {
		say_error(&err);
		return err.code == WARD_E_REFUSED ? EXIT_REFUSED : EXIT_USAGE;
	}
	(void)fputs(text, stdout);
	free(text);
	if (fflush(stdout) != 0)
		return EXIT_USAGE;
	if (n == 0)
		(void)fputs(what->all
				? "ward: no run is alive\n"
				: "ward: no such run is alive; ward stop --all --dry-run --json "
				  "shows those that are, with their labels\n",
			stderr);
	return n == 0 || left > 0 ? EXIT_REFUSED : EXIT_OK;
}

int cmd_stop(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct asked a = { 0 };
	int code = WARD_OK, exit_code;

	a.runs = calloc((size_t)w.n + 1, sizeof(*a.runs));
	a.match = calloc((size_t)w.n + 1, sizeof(*a.match));
	if (!a.runs || !a.match)
		code = ward_fail(&err, WARD_E_NOMEM, "out of memory");
	a.what.runs = a.runs;
	a.what.match = a.match;
	while (code == WARD_OK && w.n > 0)
		code = take(&a, &w, &err);
	if (code < 0 && !err.fix[0])
		ward_fail_fix(&err, "see ward help stop");
	raise_files(); /* one for each run that is met */
	exit_code = code < 0 ? usage_error(&err, NULL) : stop(&a.what);
	free(a.runs);
	free(a.match);
	return exit_code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ward runs, ward discard: what runs under review changed, listed and forgotten. The library does it; this is words in, lines out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cli.h"
#include "ward/review.h"

static int print(int code, char *text, const struct ward_error *err)
{
	bool written = !text || (fputs(text, stdout) >= 0 && fflush(stdout) == 0);

	free(text);
	if (code < 0)
		say_error(err);
	if (code < 0)
		return code == WARD_E_INVALID ? EXIT_USAGE : EXIT_REFUSED;
	return written ? EXIT_OK : EXIT_USAGE;
}

static int misused(const char *command, const char *word)
{
	struct ward_error err = WARD_ERROR_INIT;

	if (word)
		(void)misunderstood(word, command, &err);
	else
		ward_fail(&err, WARD_E_INVALID, "no RUN is given");
	return usage_error(&err, command);
}

static int runs_ls(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool json = take_word(&w, "--json");
	char *text = NULL;
	int code;

	if (w.n > 0)
		return misused("runs ls", w.v[0]);
	code = ward_review_list(json, &text, NULL, &err);
	return print(code, text, &err);
}

int cmd_runs_ls(struct words w)
{
	return runs_ls(w);
}

int cmd_runs_show(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool json = take_word(&w, "--json");
	const char *run = w.n > 0 ? w.v[0] : NULL;
	char *text = NULL;
	int code;

	if (!run || run[0] == '-')
		return misused("runs show", run);
	w.n--;
	w.v++;
	json = take_word(&w, "--json") || json;
	if (w.n > 0)
		return misused("runs show", w.v[0]);
	code = ward_review_show(run, json, &text, &err);
	return print(code, text, &err);
}

int cmd_runs_rm(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	char *text = NULL;
	int code;

	for (int i = 0; i < w.n; i++)
		if (w.v[i][0] == '-')
			return misused("runs rm", w.v[i]);
	if (w.n < 1)
		return misused("runs rm", NULL);
	code = ward_review_remove((const char *const *)w.v, (size_t)w.n, &text, &err);
	return print(code, text, &err);
}

int cmd_runs_gc(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_review_gc what = { 0 };
	char *text = NULL;
	int code;

	while (w.n > 0) {
		const char *time = NULL;

		if (take_word(&w, "--dry-run")) {
			what.dry_run = true;
			continue;
		}
		if (take_word(&w, "--json")) {
			what.json = true;
			continue;
		}
		if (ward_has_prefix(w.v[0], "--older-than="))
			time = w.v[0] + strlen("--older-than=");
		else if (!take_word(&w, "--older-than"))
			return misused("runs gc", w.v[0]);
		else if (w.n > 0)
			time = w.v[0];
		code = time ? ward_parse_duration(time, &what.older_than_ms, &err)
			    : ward_fail(&err, WARD_E_INVALID, "its time is missing, as in 48h");
		if (code < 0) {
			if (!err.file[0])
				ward_fail_at(&err, "--older-than", 0, 0);
			return usage_error(&err, "runs gc");
		}
		w.n--;
		w.v++;
	}
	code = ward_review_gc(&what, &text, NULL, &err);
	return print(code, text, &err);
}

/* What has no second word. */
int cmd_runs(struct words w)
{
	if (wants_help(&w)) {
		print_help_group("runs");
		return EXIT_OK;
	}
	return runs_ls(w);
}

int cmd_discard(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	const char *run = w.n > 0 ? w.v[0] : NULL;
	char *text = NULL;
	int code;

	if (run && run[0] == '-')
		return misused("discard", run);
	if (w.n > 1)
		return misused("discard", w.v[1]);
	code = ward_review_discard(run, &text, &err);
	return print(code, text, &err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ward policy test, diff, fmt and snapshot: expectations, what changes, layout, what is kept. The library does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"
#include "bin/policy.h"

/* ---- test ---- */

static int test(struct ward_request *r, struct own *o, struct ward_error *err)
{
	char *text = NULL;
	size_t n_failed = 0;
	int code;

	(void)r;
	if (o->n_files == 0)
		return (void)policy_fail(err, "ward policy test", "what is expected is missing",
			       "name a file of expectations: docs/spec/policy-test.md"),
		       policy_failed(err);
	if (ward_policy_test(o->settings, o->n_settings, o->files, o->n_files, o->json, &text,
		    &n_failed, err) < 0)
		return policy_failed(err);
	code = policy_print(text);
	return code == EXIT_OK && n_failed > 0 ? EXIT_REFUSED : code;
}

int cmd_policy_test(struct words w)
{
	static const struct own_option options[] = { { NULL, 0 } };

	return policy_command(w, "policy test", options, true, test);
}

/* ---- diff ---- */

static int diff(struct ward_request *r, struct own *o, struct ward_error *err)
{
	struct ward_policy_sides sides = { .requests = o->requests };
	struct ward_policy_run of = { o->run, o->audit };
	char *text = NULL;
	size_t n_changed = 0;
	int code;

	(void)r;
	if (o->n_files != (o->run != NULL ? 0 : 2) || (o->run == NULL && o->audit != NULL))
		return (void)policy_fail(err, "ward policy diff",
			       "compares two: a mode, a file or a directory each; or what a run had "
			       "and what the options say",
			       "ward policy diff OLD NEW, or ward policy diff --run RUN [--audit LOG] OPTION..."),
		       policy_failed(err);
	sides.a = o->files[0];
	sides.b = o->files[1];
	code = o->run != NULL ? ward_policy_run_diff(&of, o->settings, o->n_settings, o->requests,
					o->json, &text, &n_changed, err)
			      : ward_policy_diff(o->settings, o->n_settings, &sides, o->json, &text,
					&n_changed, err);
	if (code < 0)
		return policy_failed(err);
	code = policy_print(text);
	return code == EXIT_OK && n_changed > 0 ? EXIT_REFUSED : code;
}

int cmd_policy_diff(struct words w)
{
	static const struct own_option options[] = { { "requests", offsetof(struct own, requests) },
		{ "run", offsetof(struct own, run) }, { "audit", offsetof(struct own, audit) },
		{ NULL, 0 } };

	return policy_command(w, "policy diff", options, true, diff);
}

/* ---- snapshot ---- */

static int snapshot(struct ward_request *r, struct own *o, struct ward_error *err)
{
	struct ward_policy_run of;
	char *text = NULL, *line;
	int code;

	code = policy_of_run(o, &of, err);
	if (code > 0 && o->store != NULL)
		code = policy_fail(err, "--store",
			"is for policies of now: those of a run are kept", "redirect the output");
	else if (code > 0)
		code = ward_policy_run_text(&of, WARD_POLICY_AS_SNAPSHOT, &text, err);
	if (code < 0)
		return policy_failed(err);
	if (text != NULL)
		return policy_print(text);
	if (o->store == NULL) {
		if (ward_request_policy(r, WARD_POLICY_AS_SNAPSHOT, &text, err) < 0)
			return policy_failed(err);
		return policy_print(text);
	}
	if (ward_request_snapshot(r, o->store, &text, err) < 0)
		return policy_failed(err);
	line = malloc(strlen(text) + 2);
	code = line != NULL ? EXIT_OK : EXIT_USAGE;
	if (line != NULL) {
		(void)snprintf(line, strlen(text) + 2, "%s\n", text);
		code = policy_print(line);
	}
	free(text);
	return code;
}

int cmd_policy_snapshot(struct words w)
{
	static const struct own_option options[] = { { "store", offsetof(struct own, store) },
		{ "run", offsetof(struct own, run) }, { "audit", offsetof(struct own, audit) },
		{ NULL, 0 } };

	return policy_command(w, "policy snapshot", options, false, snapshot);
}

/* ---- fmt ---- */

static int not_cedar(const char *name)
{
	struct ward_error err = WARD_ERROR_INIT;

	(void)policy_fail(&err, name, "is no Cedar text: documents stay as they were written",
		"name files that end in .cedar");
	return policy_failed(&err);
}

/* What ward policy check says of this file: it knows what people mean who write Ward's policies. false: it says nothing of it. */
static bool checked(const char *name, struct ward_error *err)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error found = WARD_ERROR_INIT;
	char *text = NULL;
	bool said = r != NULL &&
		(ward_request_set(r, "policy", name, &found) < 0 ||
			ward_request_check(r, false, &text, &found) < 0) &&
		ward_streq(found.file, name);

	if (said)
		*err = found;
	free(text);
	ward_request_free(r);
	return said;
}

/* A line of the first thing that is wrong, not the block of ward cedar format. */
static int not_laid_out(const char *name, const struct ward_policy_diags *d)
{
	struct ward_error err = WARD_ERROR_INIT, better = WARD_ERROR_INIT;
	struct ward_policy_diag g;

	if (ward_policy_diags_at(d, 0, &g) < 0)
		return policy_fail(&err, name, "cannot be laid out", "see ward policy check"),
		       policy_failed(&err);
	(void)ward_fail(&err, WARD_E_INVALID, "%s", g.message);
	ward_fail_at(&err, name, g.line, g.column);
	ward_fail_fix(&err, "%s", g.help != NULL ? g.help : "the file is as it was");
	if (checked(name, &better) && better.line == g.line)
		err = better;
	return policy_failed(&err);
}

/* EXIT_OK; EXIT_REFUSED: it would change; EXIT_USAGE: it cannot be read, and that has been said. */
static int format_file(char *name, bool check)
{
	char policies[] = "--policies";
	char *words[] = { policies, name, NULL };
	WARD_CLEANUP(text_done) struct text t = { 0 };
	WARD_CLEANUP(free_string) char *out = NULL;
	struct args a;
	size_t n = 0;
	int code = 0;
	bool same;

	if (!take_args((struct words){ 2, words }, C_FORMAT, 0, &a, &code))
		return code;
	code = EXIT_USAGE;
	if (!read_text(&a, name, "policy set", WARD_CEDAR_TEXT_MAX, &t))
		goto done;
	if (ward_policy_format(name, t.s, t.n, 0, 0, &out, &n, a.d) < 0) {
		(void)not_laid_out(name, a.d);
		goto done;
	}
	same = n == t.n && (n == 0 || memcmp(out, t.s, n) == 0);
	if (check && !same)
		printf("%s\n", name);
	if (same || check || write_text(&a, name, out, n))
		code = check && !same ? EXIT_REFUSED : EXIT_OK;
done:
	args_done(&a);
	return code;
}

int cmd_policy_fmt(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool check = false, options = true;
	int worst = EXIT_OK, n = 0;

	/* All words are looked at before a file is touched. */
	for (int i = 0; i < w.n; i++) {
		if (options && ward_streq(w.v[i], "--")) {
			options = false;
		} else if (options && ward_streq(w.v[i], "--check")) {
			check = true;
		} else if (options && w.v[i][0] == '-') {
			(void)policy_fail(&err, w.v[i], "is no option of ward policy fmt",
				"it takes --check, and files");
			return policy_failed(&err);
		} else if (!ward_has_suffix(w.v[i], ".cedar")) {
			return not_cedar(w.v[i]);
		} else {
			w.v[n++] = w.v[i];
		}
	}
	if (n == 0) {
		(void)policy_fail(&err, "ward policy fmt", "what is to be laid out is missing",
			"name files that end in .cedar");
		return policy_failed(&err);
	}
	for (int i = 0; i < n; i++) {
		int code = format_file(w.v[i], check);

		worst = code > worst ? code : worst;
	}
	return fflush(stdout) == 0 ? worst : EXIT_USAGE;
}

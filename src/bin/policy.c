/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward policy: look at the policies of a run without running anything. The options are those of `ward run` that policies
 * depend on, and a few of each command's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/policy.h"

/* Of `ward run`, those that policies depend on. */
static const char *const shared[] = { "cap", "capabilities", "read", "write", "env", "mode",
	"profile", "policy", "component", "trust", "backend", "repo-root", "environment", "label",
	"caches", "workspace", "i-know", "json" };

/* And of those that plan a run: what it may be held by. */
static const char *const planned[] = { "accept" };

/* And of those that say what a connection of a run would meet. */
static const char *const connected[] = { "upstream-proxy", "upstream-direct" };

int policy_fail(struct ward_error *err, const char *place, const char *what, const char *fix)
{
	char shown[64];
	int code = ward_fail(err, WARD_E_INVALID, "%s", what);

	(void)snprintf(shown, sizeof(shown), "%s", place[0] ? place : "\"\"");
	ward_fail_at(err, shown, 0, 0);
	ward_fail_fix(err, "%s", fix);
	return code;
}

/* --name VALUE or --name=VALUE of the command's own. 1: it was one; 0: it is none. */
static int own_word(struct own *o, const struct own_option *options, struct words *w,
	struct ward_error *err)
{
	const char *name = w->v[0] + 2, *eq = strchr(name, '=');
	size_t n = eq != NULL ? (size_t)(eq - name) : strlen(name);

	for (; options->name != NULL; options++) {
		const char **to = (const char **)(void *)((char *)o + options->at);

		if (strlen(options->name) != n || memcmp(options->name, name, n) != 0)
			continue;
		if (*to != NULL)
			return policy_fail(err, w->v[0], "is given twice", "give it once");
		if (eq == NULL && w->n < 2)
			return policy_fail(err, w->v[0], "its value is missing",
				"see ward help policy");
		*to = eq != NULL ? eq + 1 : w->v[1];
		w->v += eq != NULL ? 1 : 2;
		w->n -= eq != NULL ? 1 : 2;
		return 1;
	}
	return 0;
}

static int no_option(const char *name, const struct own *o, const struct own_option *options,
	struct ward_error *err)
{
	const char *names[WARD_ARRAY_SIZE(shared) + WARD_ARRAY_SIZE(connected) + 8], *near;
	char place[64], fix[128];
	size_t n = 0;

	for (; n < WARD_ARRAY_SIZE(shared); n++)
		names[n] = shared[n];
	for (size_t i = 0; o->connects && i < WARD_ARRAY_SIZE(connected); i++)
		names[n++] = connected[i];
	for (; options->name != NULL && n < WARD_ARRAY_SIZE(names); options++)
		names[n++] = options->name;
	near = ward_nearest(name, names, n);
	(void)snprintf(place, sizeof(place), "--%s", name);
	(void)snprintf(fix, sizeof(fix), "%s%s%s",
		near != NULL ? "did you mean --"
			     : "those of ward run that policies depend on, and the command's own: "
			       "see ward help policy",
		near != NULL ? near : "", near != NULL ? "?" : "");
	return policy_fail(err, place, "is no option of ward policy", fix);
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ward_streq(names[i], name))
			return true;
	}
	return false;
}

static int shared_word(struct ward_request *r, struct own *o, const struct own_option *options,
	struct words *w, struct ward_error *err)
{
	char *value;
	const char *name = take_option(w, &value);

	if (!is_one_of(name, shared, WARD_ARRAY_SIZE(shared)) &&
		!(o->plans && is_one_of(name, planned, WARD_ARRAY_SIZE(planned))) &&
		!(o->connects && is_one_of(name, connected, WARD_ARRAY_SIZE(connected))))
		return no_option(name, o, options, err);
	if (o->n_settings == POLICY_WORDS_MAX)
		return policy_fail(err, name, "is an option too many", "give fewer");
	if (!ward_streq(name, "json"))
		o->settings[o->n_settings++] = (struct ward_policy_setting){ name, value };
	return ward_request_set(r, name, value, err);
}

/* 1: help was asked for. */
static int take(struct ward_request *r, struct own *o, const struct own_option *options,
	struct words *w, struct ward_error *err)
{
	while (w->n > 0) {
		int code;

		if (wants_help(w))
			return 1;
		if (!ward_has_prefix(w->v[0], "--")) {
			if (!o->takes_files)
				return policy_fail(err, w->v[0], "is a word too many",
					"see ward help policy");
			if (o->n_files == POLICY_WORDS_MAX)
				return policy_fail(err, w->v[0], "are too many files",
					"give fewer");
			o->files[o->n_files++] = w->v[0];
			w->v++;
			w->n--;
			continue;
		}
		code = own_word(o, options, w, err);
		if (code == 0)
			code = shared_word(r, o, options, w, err);
		if (code < 0)
			return code;
	}
	o->json = ward_request_given(r, "json");
	return WARD_OK;
}

/* What is wrong with words is usage; what is wrong with policies is a refusal. */
int policy_failed(const struct ward_error *err)
{
	say_error(err);
	return EXIT_USAGE;
}

int policy_print(char *text)
{
	bool ok = fputs(text, stdout) >= 0 && fflush(stdout) == 0;

	free(text);
	return ok ? EXIT_OK : EXIT_USAGE;
}

static policy_fn explain; /* whether a run holds what is asked is seen in the plan of one */
static policy_fn net_check; /* and by which way it connects */
static policy_fn check; /* a file that an option names is what it is asked about, too */

/* With a line it is about the text of a file. */
static int option_failed(policy_fn *fn, const struct ward_error *err)
{
	int code = policy_failed(err);

	return fn == check && err->line > 0 ? EXIT_REFUSED : code;
}

int policy_command(struct words w, const char *name, const struct own_option *options, bool files,
	policy_fn *fn)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct own *o = calloc(1, sizeof(*o));
	int code;

	if (r == NULL || o == NULL) {
		fprintf(stderr,
			"ward: out of memory, or of descriptors; raise the limit of open files (ulimit -n): a run needs 64\n");
		code = EXIT_USAGE;
	} else {
		o->takes_files = files;
		o->plans = fn == explain;
		o->connects = fn == explain || fn == net_check;
		code = take(r, o, options, &w, &err);
		if (code > 0)
			code = print_help(command_named(name));
		else if (code < 0)
			code = option_failed(fn, &err);
		else
			code = fn(r, o, &err);
	}
	ward_request_free(r);
	free(o);
	return code;
}

int policy_of_run(const struct own *o, struct ward_policy_run *of, struct ward_error *err)
{
	*of = (struct ward_policy_run){ o->run, o->audit };
	if (o->run == NULL && o->audit != NULL)
		return policy_fail(err, "--audit", "is the log of a run that was",
			"name the run: --run RUN");
	if (o->run != NULL && o->n_settings > 0)
		return policy_fail(err, "--run", "is a run with options of its own",
			"give no other option of a run beside it");
	return o->run != NULL;
}

/* ---- explain ---- */

static const int answer_exits[] = { [WARD_ANSWER_DENY] = EXIT_REFUSED,
	[WARD_ANSWER_ASK] = EXIT_REFUSED,
	[WARD_ANSWER_ALLOW] = EXIT_OK };

static int explain(struct ward_request *r, struct own *o, struct ward_error *err)
{
	enum ward_answer answer;
	struct ward_policy_run of;
	char *text = NULL;
	int code;

	if (o->op != NULL && o->action == NULL) {
		if (ward_streq(o->op, "read"))
			o->action = "fs.read";
		else if (ward_streq(o->op, "modify") || ward_streq(o->op, "write"))
			o->action = "fs.write";
		else
			return (void)policy_fail(err, "--op", "is read or modify",
				       "for everything else: --action A --resource R"),
			       policy_failed(err);
	}
	if (o->path != NULL && o->resource == NULL)
		o->resource = o->path;
	else if (o->path != NULL)
		return (void)policy_fail(err, "--path", "is --resource by another name",
			       "give one of them"),
		       policy_failed(err);
	if (o->action == NULL || o->resource == NULL)
		return (void)policy_fail(err, "ward policy explain", "what is asked is missing",
			       "--op read --path FILE, or --action net.connect --resource example.com:443"),
		       policy_failed(err);
	code = policy_of_run(o, &of, err);
	if (code == 0)
		code = ward_request_explain(r, o->action, o->resource, o->json, &text, &answer,
			err);
	else if (code > 0)
		code = ward_policy_run_explain(&of, o->action, o->resource, o->json, &text, &answer,
			err);
	if (code < 0)
		return policy_failed(err);
	return policy_print(text) == EXIT_OK ? answer_exits[answer] : EXIT_USAGE;
}

int cmd_policy_explain(struct words w)
{
	static const struct own_option options[] = { { "op", offsetof(struct own, op) },
		{ "path", offsetof(struct own, path) }, { "action", offsetof(struct own, action) },
		{ "resource", offsetof(struct own, resource) },
		{ "run", offsetof(struct own, run) }, { "audit", offsetof(struct own, audit) },
		{ NULL, 0 } };

	return policy_command(w, "policy explain", options, false, explain);
}

/* ---- net check: the same about one endpoint ---- */

/* Behind the last colon, which is in no brackets, and the only one outside of them. */
static bool has_one_port(const char *endpoint)
{
	const char *colon = strrchr(endpoint, ':'), *digit = colon;
	unsigned long port = 0;

	if (!colon || colon == endpoint ||
		(colon[-1] != ']' && memchr(endpoint, ':', (size_t)(colon - endpoint))))
		return false;
	while (*++digit >= '0' && *digit <= '9' && port <= 65535)
		port = port * 10 + (unsigned long)(*digit - '0');
	return *digit == '\0' && port > 0 && port <= 65535;
}

static int net_check(struct ward_request *r, struct own *o, struct ward_error *err)
{
	enum ward_answer answer;
	char *text = NULL;

	if (o->n_files != 1)
		return (void)policy_fail(err, "ward net check", "one endpoint is asked about",
			       "ward net check api.example.com:443"),
		       policy_failed(err);
	if (!has_one_port(o->files[0]))
		return (void)policy_fail(err, "ward net check",
			       "what is asked about is no HOST:PORT, with one port from 1 to 65535",
			       "ward net check api.example.com:443, or [2600::1]:443"),
		       policy_failed(err);
	if (ward_request_explain(r, "net.connect", o->files[0], o->json, &text, &answer, err) < 0)
		return policy_failed(err);
	return policy_print(text) == EXIT_OK ? answer_exits[answer] : EXIT_USAGE;
}

int cmd_net_check(struct words w)
{
	static const struct own_option options[] = { { NULL, 0 } };

	return policy_command(w, "net check", options, true, net_check);
}

/* ---- show, check ---- */

static int show(struct ward_request *r, struct own *o, struct ward_error *err)
{
	enum ward_policy_form form = WARD_POLICY_AS_CEDAR;
	struct ward_policy_run of;
	char *text = NULL;
	int code;

	if (o->as != NULL && ward_streq(o->as, "snapshot"))
		form = WARD_POLICY_AS_SNAPSHOT;
	else if (o->as != NULL && !ward_streq(o->as, "cedar"))
		return (void)policy_fail(err, "--as", "is cedar or snapshot",
			       "leave it out for cedar"),
		       policy_failed(err);
	if (o->json)
		return (void)policy_fail(err, "--json", "is no form of ward policy show",
			       "--as snapshot is JSON; ward policy check --json has the warnings"),
		       policy_failed(err);
	code = policy_of_run(o, &of, err);
	if (code == 0)
		code = ward_request_policy(r, form, &text, err);
	else if (code > 0)
		code = ward_policy_run_text(&of, form, &text, err);
	return code < 0 ? policy_failed(err) : policy_print(text);
}

int cmd_policy_show(struct words w)
{
	static const struct own_option options[] = { { "as", offsetof(struct own, as) },
		{ "run", offsetof(struct own, run) }, { "audit", offsetof(struct own, audit) },
		{ NULL, 0 } };

	return policy_command(w, "policy show", options, false, show);
}

static int check(struct ward_request *r, struct own *o, struct ward_error *err)
{
	char *text = NULL;

	for (size_t i = 0; i < o->n_files; i++) {
		if (ward_request_set(r, "policy", o->files[i], err) < 0)
			return policy_failed(err);
	}
	if (ward_request_check(r, o->json, &text, err) < 0) {
		/*
		 * A file that is not there is nothing to say yes or no about: opening it failed, and the errno says so. A profile or
		 * a program that a policy names, and that is not there, is what is wrong with it. Where memory or Ward itself failed
		 * nothing was said of the policies at all.
		 */
		say_error(err);
		return err->code == WARD_E_NOMEM || err->code == WARD_E_INTERNAL ||
				(err->code == WARD_E_NOTFOUND && err->sys_errno != 0)
			? EXIT_USAGE
			: EXIT_REFUSED;
	}
	return policy_print(text);
}

int cmd_policy_check(struct words w)
{
	static const struct own_option options[] = { { NULL, 0 } };

	return policy_command(w, "policy check", options, true, check);
}

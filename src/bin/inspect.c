/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that only look: doctor, audit, version, help, and the dump of the option table. Nothing here
 * starts a command or changes a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"

/* The few arguments of these commands: --json, --head HASH, one FILE. */
struct look {
	bool json;
	const char *head, *file;
};

static int take_look(struct words w, const char *command, bool head, bool file, struct look *ret)
{
	struct ward_error err = WARD_ERROR_INIT;

	memset(ret, 0, sizeof(*ret));
	while (w.n > 0) {
		const char *word = w.v[0];

		w.n--;
		w.v++;
		if (ward_streq(word, "--json")) {
			ret->json = true;
		} else if (ret->head &&
			(ward_streq(word, "--head") || ward_has_prefix(word, "--head="))) {
			ward_fail(&err, WARD_E_INVALID, "it is given twice");
			ward_fail_at(&err, "--head", 0, 0);
			ward_fail_fix(&err,
				"ask about one head at a time: only one of them would be looked for");
			return usage_error(&err, NULL);
		} else if (head && ward_has_prefix(word, "--head=")) {
			ret->head = word + strlen("--head=");
		} else if (head && ward_streq(word, "--head") && w.n < 1) {
			ward_fail(&err, WARD_E_INVALID, "an argument is missing");
			ward_fail_at(&err, "--head", 0, 0);
			ward_fail_fix(&err, "give --head HASH, the hash that --head-to wrote");
			return usage_error(&err, NULL);
		} else if (head && ward_streq(word, "--head")) {
			ret->head = w.v[0];
			w.n--;
			w.v++;
		} else if (file && word[0] != '-' && !ret->file) {
			ret->file = word;
		} else {
			(void)misunderstood(word, command, &err);
			return usage_error(&err, NULL);
		}
	}
	return EXIT_OK;
}

static int put(const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (n)
		(void)fputs(text, stdout);
	if (n && text[n - 1] != '\n')
		(void)putchar('\n');
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_doctor(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct look look;
	char *text = NULL;
	int worst = 2, code = take_look(w, "doctor", false, false, &look);

	if (code != EXIT_OK)
		return code;
	code = ward_doctor(look.json, &text, &worst, &err);
	if (code < 0) {
		free(text);
		return usage_error(&err, NULL);
	}
	code = put(text);
	free(text);
	return code != EXIT_OK ? code : worst >= 2 ? EXIT_REFUSED : EXIT_OK;
}

int cmd_audit_verify(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct look look;
	char *text = NULL;
	int r, code = take_look(w, "audit verify", true, true, &look);

	if (code != EXIT_OK)
		return code;
	r = ward_audit_verify_text(look.file, look.head, look.json, &text, &err);
	if (text)
		code = put(text);
	else if (r < 0)
		say_error(&err);
	/* Without a verdict nothing is said to be damaged. */
	if (r == WARD_E_AUDIT && text)
		code = EXIT_REFUSED;
	else if (r < 0)
		code = EXIT_USAGE;
	free(text);
	return code;
}

static void show_line(void *arg, const char *line)
{
	(void)arg;
	(void)puts(line);
}

int cmd_audit_show(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct look look;
	int code = take_look(w, "audit show", false, true, &look);

	if (code != EXIT_OK)
		return code;
	if (ward_audit_show(look.file, look.json, show_line, NULL, &err) < 0) {
		(void)fflush(stdout);
		return usage_error(&err, NULL);
	}
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_net_log(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	const char *file = NULL, *run = NULL;
	bool json = false;

	for (int i = 0; i < w.n; i++) {
		if (ward_streq(w.v[i], "--json")) {
			json = true;
		} else if (ward_has_prefix(w.v[i], "--audit=")) {
			file = w.v[i] + strlen("--audit=");
		} else if (ward_streq(w.v[i], "--audit") && i + 1 < w.n) {
			file = w.v[++i];
		} else if (w.v[i][0] != '-' && !run) {
			run = w.v[i];
		} else {
			(void)misunderstood(w.v[i], "net log", &err);
			return usage_error(&err, NULL);
		}
	}
	if (!run) {
		ward_fail(&err, WARD_E_INVALID, "ward net log without a run");
		ward_fail_fix(&err, "name the run as its outcome and the log do");
		return usage_error(&err, NULL);
	}
	if (ward_net_log(file, run, json, show_line, NULL, &err) < 0) {
		(void)fflush(stdout);
		return usage_error(&err, NULL);
	}
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_version(struct words w)
{
	struct look look;
	int code = take_look(w, "version", false, false, &look);

	if (code != EXIT_OK)
		return code;
	if (look.json)
		printf("{\"name\":\"ward\",\"version\":\"%s\",\"formats\":{\"outcome\":1,\"audit\":1,\"plan\":1},"
		       "\"backends\":[\"native\",\"direct\"]}\n",
			ward_version());
	else
		printf("ward %s\n", ward_version());
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

static void put_option(struct ward_buf *b, const struct ward_option *o)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "name", o->name);
	ward_jw_kstr(b, "arg", o->arg);
	ward_jw_kbool(b, "repeat", o->repeat);
	ward_jw_kstr(b, "group", o->group);
	ward_jw_kstr(b, "help", o->help);
	ward_jw_kstr(b, "text", o->text);
	ward_jw_kstr(b, "choices", o->choices);
	ward_jw_close(b, '}');
}

static void put_command(struct ward_buf *b, const struct command *c)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "name", c->name);
	ward_jw_kstr(b, "usage", c->usage);
	ward_jw_kstr(b, "summary", c->summary);
	ward_jw_kstr(b, "text", c->text);
	ward_jw_kstr(b, "examples", c->examples);
	ward_jw_kstr(b, "exits", c->exits);
	ward_jw_kbool(b, "options", c->options);
	ward_jw_ki64(b, "cedar", c->cedar);
	ward_jw_kbool(b, "hidden", c->hidden);
	ward_jw_close(b, '}');
}

int cmd_options(struct words w)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct look look;
	size_t n = 0;
	const struct ward_option *o = ward_options(&n);
	int code = take_look(w, "options", false, false, &look);

	if (code != EXIT_OK)
		return code;
	ward_jw_open(&b, '{');
	ward_jw_key(&b, "options");
	ward_jw_open(&b, '[');
	for (size_t i = 0; i < n; i++)
		put_option(&b, &o[i]);
	ward_jw_close(&b, ']');
	ward_jw_key(&b, "cedar_options");
	put_cedar_options(&b);
	ward_jw_key(&b, "commands");
	ward_jw_open(&b, '[');
	for (size_t i = 0; command_at(i); i++)
		put_command(&b, command_at(i));
	ward_jw_close(&b, ']');
	ward_jw_close(&b, '}');
	return put(ward_buf_cstr(&b));
}

int cmd_help(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	const struct command *c;
	const char *near;
	int taken = 0;

	if (w.n < 1)
		return print_help(NULL);
	c = command_find(w.v[0], w.n > 1 ? w.v[1] : NULL, &taken);
	if (c && taken == w.n)
		return print_help(c);
	if (w.n == 1 && print_help_group(w.v[0]))
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
	/* The word behind a command is none of its name; its options are explained where it is. */
	if (c) {
		ward_fail(&err, WARD_E_INVALID, "\"%s\" is no command", w.v[taken]);
		ward_fail_fix(&err, "ward help %s", c->name);
		return usage_error(&err, NULL);
	}
	near = command_near(w.v[0], w.n > 1 ? w.v[1] : NULL);
	ward_fail(&err, WARD_E_INVALID, "no help for \"%s%s%s\"", w.v[0], w.n > 1 ? " " : "",
		w.n > 1 ? w.v[1] : "");
	if (near)
		ward_fail_fix(&err, "did you mean ward help %s?", near);
	else
		ward_fail_fix(&err, "ward help lists the commands");
	return usage_error(&err, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run, sandbox run, plan: words to a request, the request to the library, what comes back to the caller. This
 * file prints and passes signals on; it decides nothing. An outcome is written for every end, also when an
 * option before or behind --outcome was wrong.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bin/cli.h"

#define ROOM_MS 5000 /* for a reader of standard error to take something */

/* ---- words to a request ---- */

static const struct ward_option *find_option(const char *name)
{
	size_t n = 0;
	const struct ward_option *o = ward_options(&n);

	for (size_t i = 0; i < n; i++)
		if (ward_streq(o[i].name, name))
			return &o[i];
	return NULL;
}

/* The end of the options, or another one: who forgot an argument meant no file of that name, which --OPTION=ARG still names. */
static bool is_no_argument(const char *word)
{
	char name[32];
	size_t n = strcspn(word, "=");

	if (ward_streq(word, "--"))
		return true;
	if (!ward_has_prefix(word, "--") || n - 2 >= sizeof(name))
		return false;
	memcpy(name, word + 2, n - 2);
	name[n - 2] = '\0';
	return find_option(name);
}

const char *take_option(struct words *w, char **ret_value)
{
	char *name = w->v[0] + 2, *eq = strchr(name, '=');
	const struct ward_option *o;

	w->n--;
	w->v++;
	*ret_value = NULL;
	if (eq) {
		*eq = '\0';
		*ret_value = eq + 1;
		return name;
	}
	o = find_option(name);
	if (o && o->arg && !ward_has_prefix(o->arg, "[=") && w->n > 0 && !is_no_argument(w->v[0])) {
		*ret_value = w->v[0];
		w->n--;
		w->v++;
	}
	return name;
}

/* After an error: of what is left only that which says where to report it. */
static void salvage(struct ward_request *r, struct words w)
{
	static const char *const kept[] = { "outcome", "report", "json", "quiet", "dry-run" };

	while (w.n > 0 && ward_has_prefix(w.v[0], "--") && w.v[0][2]) {
		char *value;
		const char *name = take_option(&w, &value);

		for (size_t i = 0; i < WARD_ARRAY_SIZE(kept); i++)
			if (ward_streq(name, kept[i]) && !ward_request_given(r, name))
				(void)ward_request_set(r, name, value,
					NULL); /* the first error stands */
	}
}

static int fail_word(const char *word, struct ward_error *err)
{
	char place[64];
	int code = ward_fail(err, WARD_E_INVALID, "unknown option");

	(void)snprintf(place, sizeof(place), "%s", word);
	ward_fail_at(err, place, 0, 0);
	ward_fail_fix(err,
		"options are long ones, as in --read PATH; write -- before a command that starts with -");
	return code;
}

/*
 * Options up to the first word that is none. 1 = help was asked for. *ret_end: "--" was met, what follows is no
 * option whatever it looks like.
 */
static int take_options(struct ward_request *r, struct words *w, bool *ret_end,
	struct ward_error *err)
{
	*ret_end = false;
	while (w->n > 0 && w->v[0][0] == '-' && w->v[0][1]) {
		char *value;
		const char *name;
		int code;

		if (wants_help(w))
			return 1;
		if (take_word(w, "--")) {
			*ret_end = true;
			return WARD_OK;
		}
		if (w->v[0][1] != '-') {
			code = fail_word(w->v[0], err);
		} else {
			name = take_option(w, &value);
			code = ward_request_set(r, name, value, err);
		}
		if (code < 0) {
			salvage(r, *w);
			return code;
		}
	}
	return WARD_OK;
}

/* SCRIPT, more options, and behind "--" (or the next plain word) the script's own arguments. */
static int take_script(struct ward_request *r, struct words *w, struct ward_error *err)
{
	char *script, **argv;
	bool end;
	int code;

	if (w->n < 1)
		return ward_request_command(r, 0, NULL, err);
	script = w->v[0];
	w->n--;
	w->v++;
	code = take_options(r, w, &end, err);
	if (code != WARD_OK)
		return code;
	argv = calloc((size_t)w->n + 2, sizeof(*argv));
	if (!argv)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	argv[0] = script;
	memcpy(argv + 1, w->v, (size_t)w->n * sizeof(*argv));
	code = ward_request_command(r, w->n + 1, argv, err);
	free(argv);
	return code;
}

/* Everything. 1 = help was asked for. */
static int take_all(struct ward_request *r, enum ward_command_kind kind, struct words *w,
	struct ward_error *err)
{
	bool end;
	int code = take_options(r, w, &end, err);

	if (code != WARD_OK)
		return code;
	if (kind == WARD_COMMAND_SCRIPT)
		return take_script(r, w, err);
	return ward_request_command(r, w->n, w->v, err);
}

/* ---- signals ---- */

static const int passed[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGWINCH,
	SIGCONT };
static struct ward_request *running;
static volatile sig_atomic_t asked_to_end;

static void on_signal(int sig)
{
	if ((sig == SIGINT || sig == SIGTERM) && asked_to_end++)
		sig = SIGKILL; /* asked twice: now */
	ward_request_signal(running, sig);
}

/* What the caller has ignored (nohup, a background job) stays ignored. */
static void pass_signals_on(struct ward_request *r)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t set;

	running = r;
	sigemptyset(&set);
	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(passed); i++) {
		struct sigaction old;

		if (sigaction(passed[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		(void)sigaction(passed[i], &sa, NULL);
		(void)sigaddset(&set, passed[i]);
	}
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void drop_signals(void)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(passed); i++)
		(void)signal(passed[i],
			SIG_IGN); /* the request is gone soon, and only the exit code is left */
}

/* ---- what comes back ---- */

static int write_stdout(const char *p, size_t n)
{
	struct ward_error err = WARD_ERROR_INIT;

	if (fwrite(p, 1, n, stdout) == n && fflush(stdout) == 0)
		return WARD_OK;
	ward_fail(&err, WARD_E_SYSTEM, "cannot write to standard output");
	say_error(&err);
	clearerr(stdout); /* it is said */
	return WARD_E_SYSTEM;
}

/* Nothing of it is lost because the pipe is full and was made not to wait; where nobody reads at all, nobody waits. */
static void say_text(const char *p)
{
	struct pollfd room = { STDERR_FILENO, POLLOUT, 0 };
	size_t n = strlen(p);

	(void)fflush(stderr);
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EAGAIN) {
			if (poll(&room, 1, ROOM_MS) == 0)
				return;
		} else if (done == 0 || (done < 0 && errno != EINTR)) {
			return;
		}
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

/* Before anything is said of a run: whatever the command told the terminal, what is said is seen. */
static void calm(const struct ward_outcome *o)
{
	if (isatty(STDERR_FILENO))
		say_text(ward_outcome_calm(o));
}

static void say_report(const struct ward_request *r, const struct ward_outcome *o)
{
	const char *report = ward_outcome_report(o);

	if (!report[0] || ward_request_given(r, "quiet") || ward_request_given(r, "report"))
		return;
	calm(o);
	say_text(report);
}

/* Print and write the outcome; the exit code. */
static int give_out(struct ward_request *r, struct ward_outcome *o)
{
	struct ward_error err = WARD_ERROR_INIT;
	int code = ward_outcome_exit_code(o);
	size_t n = 0;
	const char *json = ward_outcome_json(o, &n);

	if (ward_outcome_error(o)) {
		calm(o);
		say_error(ward_outcome_error(o));
	}
	say_report(r, o);
	if (ward_outcome_deliver(r, o, &err) < 0) {
		calm(o);
		say_error(&err);
		code = EXIT_WARD;
	}
	if (ward_request_given(r, "json") && write_stdout(json, n) < 0)
		code = EXIT_WARD;
	return code;
}

/* A run that never was: the error, and its outcome where one was asked for. */
static int refuse(struct ward_request *r, const struct ward_error *err)
{
	struct ward_outcome *o = ward_outcome_refused(r, err);
	int code = EXIT_WARD;

	if (o)
		code = give_out(r, o);
	else
		say_error(err);
	ward_outcome_free(o);
	return code;
}

static bool is_usage(int code)
{
	return code == WARD_E_INVALID || code == WARD_E_PARSE || code == WARD_E_NOMEM ||
		code == WARD_E_SYSTEM || code == WARD_E_INTERNAL;
}

static int plan(struct ward_request *r)
{
	struct ward_error err = WARD_ERROR_INIT;
	char *text = NULL;
	int code = ward_request_plan(r, ward_request_given(r, "json"), &text, &err);

	if (code < 0) {
		say_error(&err);
		free(text);
		return is_usage(code) ? EXIT_USAGE : EXIT_REFUSED;
	}
	code = write_stdout(text, strlen(text));
	free(text);
	return code < 0 ? EXIT_USAGE : EXIT_OK;
}

static void say_line(void *arg, const char *line)
{
	(void)arg;
	(void)fprintf(stderr, "ward: %s\n", line);
}

static int run(struct ward_request *r)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_outcome *o = NULL;
	int code;

	if (!ward_request_given(r, "quiet"))
		ward_request_on_line(r, say_line, NULL);
	pass_signals_on(r);
	code = ward_run(r, &o, &err);
	drop_signals();
	if (code < 0 && !(o && ward_outcome_error(o))) {
		if (o)
			calm(o);
		say_error(&err);
	}
	code = o ? give_out(r, o) : EXIT_WARD;
	ward_outcome_free(o);
	return code;
}

/* The library knows of runs alone: who asked for a plan is told how to ask for one. */
static void fix_for_plan(enum ward_command_kind kind, struct ward_error *err)
{
	if (ward_has_prefix(err->fix, "see ward help "))
		ward_fail_fix(err, "see ward help plan");
	else if (ward_has_prefix(err->fix, "ward run [options]") ||
		ward_has_prefix(err->fix, "ward sandbox run SCRIPT"))
		ward_fail_fix(err,
			kind == WARD_COMMAND_SCRIPT
				? "ward plan sandbox run SCRIPT [options] [-- ARG...]"
				: "ward plan [run] [options] [--] CMD [ARG...]");
}

/* What is handed to ward-init counts against it, together with what all processes of the user have on their way. */
void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int go(enum ward_command_kind kind, struct words w, bool plan_only)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(kind);
	int code, words = 0;

	if (!r) {
		fprintf(stderr,
			"ward: out of memory, or of descriptors; raise the limit of open files (ulimit -n): a run needs 64\n");
		return plan_only ? EXIT_USAGE : EXIT_WARD;
	}
	code = take_all(r, kind, &w, &err);
	/* A library asks nobody by itself; this is a command, and may have a person before it. */
	if (code == WARD_OK && !ward_request_given(r, "ask"))
		code = ward_request_set(r, "ask", "auto", &err);
	if (code < 0 && plan_only)
		fix_for_plan(kind, &err);
	plan_only = plan_only || ward_request_given(r, "dry-run");
	if (code > 0)
		code = print_help(kind == WARD_COMMAND_SCRIPT
				? command_find("sandbox", "run", &words)
				: command_find("run", NULL, &words));
	else if (code < 0 && plan_only)
		/* What is well formed and never granted would be refused; all else is misuse. */
		code = usage_error(&err, NULL) != EXIT_OK && err.code == WARD_E_REFUSED
			? EXIT_REFUSED
			: EXIT_USAGE;
	else if (code < 0)
		code = refuse(r, &err);
	else
		code = plan_only ? plan(r) : (raise_files(), run(r));
	ward_request_free(r);
	return code;
}

int cmd_run(struct words w)
{
	return go(WARD_COMMAND_RUN, w, false);
}

int cmd_sandbox_run(struct words w)
{
	return go(WARD_COMMAND_SCRIPT, w, false);
}

/* "run" and "sandbox run" right behind plan name the kind; a command of that name goes behind "--". */
int cmd_plan(struct words w)
{
	if (w.n > 1 && ward_streq(w.v[0], "sandbox") && ward_streq(w.v[1], "run"))
		return go(WARD_COMMAND_SCRIPT, (struct words){ w.n - 2, w.v + 2 }, true);
	(void)take_word(&w, "run");
	return go(WARD_COMMAND_RUN, w, true);
}

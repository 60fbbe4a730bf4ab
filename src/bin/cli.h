/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of ward(1) share. The command uses the public library (include/ward) and base, nothing else:
 * what it can do, any program can do.
 */
#pragma once

#include "base/base.h"
#include "ward/ward.h"

/* Exit codes of the commands that run nothing; those of `run` are ward_outcome_exit_code(). */
enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_WARD = 125 };

/* The words of a command line that are not taken yet. */
struct words {
	int n;
	char **v;
};

struct command {
	const char *name;            /* one word, or two: "sandbox run" */
	int (*fn)(struct words w);
	const char *usage;           /* behind "ward ", lines divided by \n */
	const char *summary;         /* one line for `ward help` */
	const char *text;            /* paragraph for `ward help COMMAND` */
	const char *examples;        /* lines; may be NULL */
	const char *exits;           /* exit codes, lines; may be NULL */
	bool options;                /* takes the option table */
	uint16_t cedar;              /* bit of its rows in the option table of `ward cedar`; 0: it is none of those */
	bool hidden;                 /* for the build and the tests */
};

/* ward.c */
const struct command *command_find(const char *first, const char *second, int *ret_words);
const struct command *command_at(size_t i);              /* NULL at the end */
const struct command *command_named(const char *name);   /* "runs ls"; NULL: there is none */
/* What an unknown command may have been meant for, "runs ls", or the first word of one, "runs"; second may be NULL. NULL: nothing. */
const char *command_near(const char *first, const char *second);
void say_error(const struct ward_error *err);            /* "ward: ..." on stderr */
bool wants_help(const struct words *w);                  /* -h or --help is next */

/* words.c */
/* What a command makes nothing of: an option of it that is spelt nearly so, or where to read on. WARD_E_INVALID. */
int misunderstood(const char *word, const char *command, struct ward_error *err);
bool take_word(struct words *w, const char *word);       /* is it next? then take it */
/* "--name VALUE" or "--name=VALUE", if it is next; it is taken, and a value that is missing is NULL. */
bool take_value(struct words *w, const char *name, const char **ret);
/* The next word: a run, where there may be one and it looks like it (a path of such a name is written ./NAME), else one more path. */
void take_run_or_path(struct words *w, bool may_be_run, const char **run, const char **paths, size_t *io_n);

/* help.c */
int print_help(const struct command *c);                 /* NULL: the overview */
bool print_help_group(const char *first);                /* of commands of two words; false: none begins so */
void print_row(const char *left, const char *text);      /* "  --read PATH   let PATH ..." */
int usage_error(const struct ward_error *err, const char *command);   /* says so; EXIT_USAGE */

/* confine.c: run, sandbox run, plan */
int cmd_run(struct words w);
int cmd_sandbox_run(struct words w);
int cmd_plan(struct words w);
void raise_files(void);                                  /* as many descriptors as may be had */

/* Take "--name value", "--name=value" or "--name" of the option table; the name is cut out of the word. */
const char *take_option(struct words *w, char **ret_value);

/* policy.c */
int cmd_policy_explain(struct words w);
int cmd_policy_show(struct words w);
int cmd_policy_check(struct words w);
int cmd_net_check(struct words w);

/* policy_tools.c */
int cmd_policy_test(struct words w);
int cmd_policy_diff(struct words w);
int cmd_policy_fmt(struct words w);
int cmd_policy_snapshot(struct words w);

/* inspect.c: the commands that only look */
int cmd_doctor(struct words w);
int cmd_audit_verify(struct words w);
int cmd_audit_show(struct words w);
int cmd_net_log(struct words w);
int cmd_version(struct words w);
int cmd_options(struct words w);
int cmd_help(struct words w);

/* approve.c */
int cmd_pending(struct words w);
int cmd_approve(struct words w);
int cmd_deny(struct words w);
int cmd_allow(struct words w);

/* stop.c */
int cmd_stop(struct words w);

/* runs.c */
int cmd_runs(struct words w);
int cmd_runs_ls(struct words w);
int cmd_runs_show(struct words w);
int cmd_runs_rm(struct words w);
int cmd_runs_gc(struct words w);
int cmd_discard(struct words w);

/* commit.c */
int cmd_commit(struct words w);

/* diff.c */
int cmd_diff(struct words w);

/* trust.c */
int cmd_trust(struct words w);

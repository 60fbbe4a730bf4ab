/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of `ward cedar` share: options, files, findings, the objects that are made of them. It uses
 * include/ward/cedar.h and base, nothing else.
 */
#pragma once

#include "bin/cli.h"
#include "ward/cedar.h"

/* As the official command ends. Wrong words on the command line: EXIT_USAGE, which is 2 as well. */
enum { CEDAR_SUCCESS = 0, CEDAR_FAILURE = 1, CEDAR_DENIED = 2, CEDAR_INVALID = 3, CEDAR_UNKNOWN = 4 };

/* ---- commands.c ---- */
size_t cedar_command_count(void);
const struct command *cedar_command_at(size_t i);        /* NULL at the end */
int cedar_command_run(unsigned bit, struct words w);     /* of the command with this bit */
int cmd_cedar_authorize(struct words w);
int cmd_cedar_evaluate(struct words w);
int cmd_cedar_validate(struct words w);
int cmd_cedar_check_parse(struct words w);
int cmd_cedar_check_entities(struct words w);
int cmd_cedar_format(struct words w);
int cmd_cedar_translate_policy(struct words w);
int cmd_cedar_translate_schema(struct words w);
int cmd_cedar_link(struct words w);
int cmd_cedar_partially_authorize(struct words w);
int cmd_cedar_conformance(struct words w);

/* ---- options.c ---- */
enum {
	C_AUTHORIZE = 1 << 0,
	C_EVALUATE = 1 << 1,
	C_VALIDATE = 1 << 2,
	C_CHECK_PARSE = 1 << 3,
	C_FORMAT = 1 << 4,
	C_TRANSLATE_POLICY = 1 << 5,
	C_TRANSLATE_SCHEMA = 1 << 6,
	C_LINK = 1 << 7,
	C_PARTIAL = 1 << 8,
	C_ENTITIES = 1 << 9,
	C_CONFORMANCE = 1 << 10
};
enum option {
#define CEDAR_OPT(id, letter, name, arg, commands, required, help, text, choices) O_##id,
#include "bin/cedar/options_table.h"
#undef CEDAR_OPT
	O_MAX
};
struct args {
	unsigned command;
	const char *v[O_MAX];        /* NULL: not given; "" for a flag */
	struct words rest;           /* what is no option */
	struct ward_policy_diags *d; /* findings of this run */
	bool said;                   /* with --json: the failure is printed */
};
/* False: the exit code is in *ret (a usage error, which has been said, or help). rest_max: words that are no options. */
bool take_args(struct words w, unsigned command, int rest_max, struct args *a, int *ret);
void args_done(struct args *a);
/* The options of a command as lines of its help; all of them as JSON, for generators. */
void print_cedar_options(unsigned command);
void put_cedar_options(struct ward_buf *b);

/* ---- input.c: bounded reading; say.c: findings ---- */
struct text {
	char *s;
	size_t n;
};
void text_done(struct text *t);
/* name NULL or "-": standard input. False: it has been said. what: "policies", for the message. */
bool read_text(struct args *a, const char *name, const char *what, size_t max, struct text *ret);
const char *shown_name(const char *name);                /* "<stdin>" for NULL and "-" */
/* The whole of a file, by rename. */
bool write_text(struct args *a, const char *name, const char *text, size_t n);

bool load_policies(struct args *a, unsigned flags, bool links_may_miss, struct ward_policy_set **ret);
bool load_schema(struct args *a, struct ward_policy_schema **ret);        /* *ret NULL where none is named */
bool load_entities(struct args *a, const struct ward_policy_schema *schema, struct ward_policy_entities **ret);
bool load_links(struct args *a, const char *file, bool may_miss, struct ward_policy_set *s);
/* The file as it is, checked to be a list; *ret NULL: it is empty or missing. */
bool read_links(struct args *a, const char *file, bool may_miss, struct ward_arena *arena, struct ward_json **ret);
/* {"?principal": TEXT, "?resource": TEXT}: borrowed from j. */
bool take_slots(struct args *a, const char *file, const struct ward_json *j, const char *slots[2]);
/* The finding of a link that could not be made, at the place where it stands. False. */
bool fail_link(struct args *a, const char *file, const struct ward_json *at);
/* Of --principal ... or --request-json. partial: what is not given is unknown. */
bool load_request(struct args *a, const struct ward_policy_schema *schema, bool partial, struct ward_policy_request **ret);
/*
 * From JSON: members principal, action, resource (text or {type, id}), context. Members that are missing or null stay
 * unknown. j is the tree of t. whole: t may be changed, so that places in it are right. False: there are findings, or *why.
 */
bool fill_request(struct ward_policy_request *r, const struct ward_json *j, struct text *t, bool whole, const char *file,
	const struct ward_policy_schema *schema, struct ward_policy_diags *d, const char **why);
bool parse_json(struct ward_arena *arena, const struct text *t, const char *name, struct ward_json **ret,
	struct ward_error *err);

/* What went wrong before there was a finding; what: "failed to ...". Returns CEDAR_FAILURE. */
int fail_error(struct args *a, const struct ward_error *err);
/* The findings, if there are any, and what = what failed. Returns CEDAR_FAILURE. Cleared afterwards. */
int fail_diags(struct args *a, const char *what);
void say_warnings(struct args *a);                       /* of an operation that went well */
/* One line of JSON, or text, to standard output, flushed; code, or CEDAR_FAILURE where it cannot be written. */
int put_buf(struct args *a, struct ward_buf *b, int code);
int put_text(const char *text, size_t n, bool newline, int code);
int out_of_memory(struct args *a);
/* What is not ours, on one line that steers no terminal. */
void show_text(struct ward_buf *out, const char *s, size_t n);

void free_set(struct ward_policy_set **s);
void free_schema(struct ward_policy_schema **s);
void free_entities(struct ward_policy_entities **e);
void free_request(struct ward_policy_request **r);
void free_compiled(struct ward_policy_compiled **c);
void free_scratch(struct ward_policy_scratch **s);
void free_string(char **s);

/* ---- authorize.c, batch.c ---- */
int authorize_many(struct args *a, const struct ward_policy_compiled *c, const struct ward_policy_schema *schema,
	const struct ward_policy_entities *e);
/* One answer as JSON; messages: why policies failed, too. */
void put_answer(struct ward_buf *b, const struct ward_policy_compiled *c, const struct ward_policy_answer *answer,
	struct ward_policy_scratch *s, bool messages);

/* SPDX-License-Identifier: Apache-2.0 */
/* Sugar's own: how a rule becomes text. */
#pragma once

#include "policy/pattern/pattern.h"
#include "policy/policy.h"
#include "policy/sugar/sugar.h"

/* ---- text.c ---- */
/* @source("file:line:column") @text("...") as an option or a document's rule. */
void ward_sugar_head(struct ward_buf *out, const struct ward_origin *origin, const char *text);
/* Type::"id" of Ward's, quoted. */
void ward_sugar_uid(struct ward_buf *out, const char *type, const char *id);
/*
 * What a pattern of that grammar is about: a directory with everything below it and a plain path are paths; everything else is a
 * pattern of grammar 2. Relative ones are relative to the workspace. False: no memory.
 */
bool ward_sugar_place(struct ward_arena *a, const struct ward_pattern *p, enum ward_grammar grammar, struct ward_source_place *ret);
/* No id has so many bytes: what was escaped may be longer than what was written. */
bool ward_sugar_is_long(const struct ward_source_place *place);
/* `resource in ...` or `resource == ...` */
void ward_sugar_resource(struct ward_buf *out, const struct ward_source_place *place);
/* The same of a program: "/abs/path", "/abs/dir" and two stars. */
void ward_sugar_program(struct ward_buf *out, const char *resource);

/* ---- caps.c ---- */
struct ward_sugar_grant {
	const char *component;           /* whose it is: a UUID */
	bool denies;
};
/* One capability as policies: what is granted is permitted, what is denied forbidden. The capability was checked. */
int ward_sugar_cap(struct ward_buf *out, struct ward_arena *a, const struct ward_cap *cap, const struct ward_sugar_grant *grant,
	const struct ward_sugar_host *host, struct ward_error *err);

/* ---- exec.c ---- */
/* The first word of a name with a blank in it, where that is a program: then the others are its arguments. NULL: no. */
const char *ward_sugar_program_word(const struct ward_sugar_host *host, struct ward_arena *a, const char *name);
/* The program that a rule names, as ward_sugar_program() wants it, or "*"; NULL: err says that there is none. */
const char *ward_sugar_find(const struct ward_sugar_host *host, struct ward_arena *a, const char *name,
	const struct ward_origin *origin, struct ward_error *err);
/* The same of a rule that takes away: all that a run could find by the name, NULL at the end; there may be none. */
int ward_sugar_find_all(const struct ward_sugar_host *host, struct ward_arena *a, const char *name, const char *const **ret,
	struct ward_error *err);

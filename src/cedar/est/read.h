/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the JSON form, for those who read it and those who write it, and what the readers owe each other. */
#pragma once

#include "cedar/est/est.h"

extern const char *const ward_cedar_est_names[CEDAR_X_KIND_MAX];         /* operators; NULL: it is none */
extern const char *const ward_cedar_est_ops[CEDAR_SCOPE_IS_IN + 1];      /* of scopes */
extern const char *const ward_cedar_est_vars[CEDAR_CONTEXT + 1];
extern const char *const ward_cedar_est_slots[CEDAR_SLOT_MAX];

/* One run. Functions return WARD_OK, WARD_E_PARSE (a finding says why) or WARD_E_NOMEM. */
struct cedar_est_reader {
	struct cedar_pool *pool;
	struct ward_arena *arena;
	struct cedar_diags *diags;
	const struct cedar_str *id;      /* of the policy that is read; NULL: none yet */
	bool unknowns;
	uint32_t level;                  /* nesting at this place */
};

/* ---- read.c ---- */
/* A finding about j. WARD_E_PARSE, always. */
int ward_cedar_est_fail(struct cedar_est_reader *r, const struct ward_json *j, const char *fmt, ...) WARD_PRINTF(3, 4);
int ward_cedar_est_no_memory(struct cedar_est_reader *r);        /* WARD_E_NOMEM */
int ward_cedar_est_too_deep(struct cedar_est_reader *r, const struct ward_json *j);
int ward_cedar_est_shown(struct ward_str s);                     /* how many bytes of it are shown, for "%.*s" */
/* One member of an object that is read. */
struct cedar_est_field {
	const char *name;
	bool optional;
	const struct ward_json *j;       /* filled; NULL: not there */
};
/* j must be an object of these members; loose: and of any others. */
int ward_cedar_est_object(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_est_field *f, size_t n,
	bool loose);
int ward_cedar_est_map(struct cedar_est_reader *r, const struct ward_json *j);
int ward_cedar_est_list(struct cedar_est_reader *r, const struct ward_json *j);
const struct cedar_str *ward_cedar_est_intern(struct cedar_est_reader *r, struct ward_str s);    /* NULL: no memory */
int ward_cedar_est_text(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_str **ret);
/* The name of a type in its normal form. */
int ward_cedar_est_type(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_str **ret);
/* One of n words; *ret: which. */
int ward_cedar_est_word(struct cedar_est_reader *r, const struct ward_json *j, const char *const *words, size_t n,
	size_t *ret);
bool ward_cedar_est_is_uid(const struct ward_json *j);           /* an object with the texts type and id; j may be NULL */
int ward_cedar_est_typed(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_uid **ret); /* of such */
int ward_cedar_est_no_expr(struct cedar_est_reader *r, const struct ward_json *j);       /* j is an __expr: WARD_E_PARSE */
/* {type, id} or {"__entity": {type, id}} */
int ward_cedar_est_uid(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_uid **ret);

/* ---- read_value.c, read_expr.c, read_policy.c ---- */
struct cedar_expr *ward_cedar_est_new(struct cedar_est_reader *r, enum cedar_expr_kind kind, const struct ward_json *j);
int ward_cedar_est_value(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_expr **ret);
int ward_cedar_est_expr(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_expr **ret);
int ward_cedar_est_policy(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_policy **ret);
/* All places of p, whose text is in the string j. */
void ward_cedar_est_place(const struct cedar_policy *p, const struct ward_json *j);
/* Elements of a list or members of an object, read by f into an array of pointers. *ret is NULL for none. */
int ward_cedar_est_children(struct cedar_est_reader *r, const struct ward_json *j,
	int (*f)(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_expr **ret),
	const struct cedar_expr *const **ret);
int ward_cedar_est_fields(struct cedar_est_reader *r, const struct ward_json *j,
	int (*f)(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_expr **ret),
	const struct cedar_field **ret);
enum cedar_fn ward_cedar_est_function(const struct cedar_est_reader *r, struct ward_str name);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluators' own: what each operator makes of values, the same for the tree-walking evaluator and the compiled one.
 * False: *f says why there is no value.
 */
#pragma once

#include "cedar/eval/eval.h"

#define BIT(tag) (1u << CEDAR_V_##tag)

/* Entities as a request sees them. Those of the request itself are looked up once, and only when somebody asks. */
struct cedar_world {
	const struct cedar_entities *entities;           /* NULL: there are none */
	const struct cedar_uid *own[3];                  /* enum cedar_var; NULL: unknown, or nothing to remember */
	const struct cedar_entity *found[3];
	bool asked[3];
	bool given;                                      /* the caller's own are among them */
};
/* r NULL: all unknown. */
void ward_cedar_world_init(struct cedar_world *w, const struct cedar_entities *e, const struct cedar_request *r);
const struct cedar_entity *ward_cedar_world_get(struct cedar_world *w, const struct cedar_uid *uid);
/* Is a the same as b, or in it? */
bool ward_cedar_world_in(struct cedar_world *w, const struct cedar_uid *a, const struct cedar_uid *b);

/* These return false, for callers to return it. */
bool ward_cedar_wrong_type(struct cedar_fault *f, unsigned want, const struct cedar_value *v);
bool ward_cedar_no_value(struct cedar_fault *f, enum cedar_fault_kind kind);
bool ward_cedar_no_slot(struct cedar_fault *f, unsigned slot);
bool ward_cedar_unknown(struct cedar_fault *f, const struct cedar_str *name);    /* name may be NULL */

/* Of UNKNOWN and of unknown("..."); NULL: it has none. */
const struct cedar_str *ward_cedar_unknown_name(const struct cedar_expr *x);

static inline struct cedar_value ward_cedar_truth(bool b)
{
	return (struct cedar_value){ .tag = CEDAR_V_BOOL, .truth = b };
}
bool ward_cedar_as_bool(const struct cedar_value *v, bool *ret, struct cedar_fault *f);
/* NOT, NEG, IS_EMPTY */
bool ward_cedar_apply_unary(enum cedar_expr_kind op, const struct cedar_value *a, struct cedar_value *ret, struct cedar_fault *f);
/* EQ to HAS_TAG */
bool ward_cedar_apply_binary(struct cedar_world *w, enum cedar_expr_kind op, const struct cedar_value *a, const struct cedar_value *b,
	struct cedar_value *ret, struct cedar_fault *f);
bool ward_cedar_attr(struct cedar_world *w, const struct cedar_value *a, const struct cedar_str *name, struct cedar_value *ret,
	struct cedar_fault *f);
/* *ret: the attribute, or NULL where there is none. */
bool ward_cedar_has(struct cedar_world *w, const struct cedar_value *a, const struct cedar_str *name,
	const struct cedar_value **ret, struct cedar_fault *f);
bool ward_cedar_is(const struct cedar_value *a, const struct cedar_str *type, bool *ret, struct cedar_fault *f);
bool ward_cedar_is_like(const struct cedar_value *a, const struct cedar_str *pattern, bool *ret, struct cedar_fault *f);
/* The fields of a record literal in the order in which they are evaluated: by name. order[n] is filled. */
void ward_cedar_field_order(const struct cedar_expr *record, uint32_t *order);
/* Both take v apart. */
bool ward_cedar_make_set(struct ward_arena *a, struct cedar_value *v, size_t n, struct cedar_value *ret, struct cedar_fault *f);
bool ward_cedar_make_record(struct ward_arena *a, struct cedar_member *v, size_t n, struct cedar_value *ret,
	struct cedar_fault *f);

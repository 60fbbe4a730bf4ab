/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partial evaluation's own. An evaluation gives a value or, where something is not known, a tree of what is left: of the
 * core of the language, as the official engine has it (a != b is !(a == b), a > b is !(a <= b), x is T in y is
 * x is T && x in y unless x is large).
 */
#pragma once

#include "cedar/eval/operate.h"
#include "cedar/partial/partial.h"

struct cedar_part {
	const struct cedar_expr *x;              /* what is left; NULL: it is a value */
	struct cedar_value v;
};
/* One run. False: *fault says why there is nothing; CEDAR_FAULT_MEMORY is not the policy's own. */
struct cedar_pe {
	struct cedar_pool *pool;                 /* for trees; NULL: nothing may stay unknown, that is a fault */
	struct ward_arena *arena;                /* for values on the way */
	struct cedar_world world;
	const struct cedar_request *request;
	const struct cedar_uid *const *slots;
	struct cedar_fault *fault;
};

/* ---- evaluate.c ---- */
bool ward_cedar_pe(struct cedar_pe *r, const struct cedar_expr *x, struct cedar_part *ret);
/* The same as a tree; what fails stays as it is. NULL: no memory. */
const struct cedar_expr *ward_cedar_pe_attempt(struct cedar_pe *r, const struct cedar_expr *x);

/* ---- build.c ---- NULL: no memory, and *r->fault says so */
struct cedar_expr *ward_cedar_pe_node(struct cedar_pe *r, enum cedar_expr_kind kind, const struct cedar_expr *at);
const struct cedar_expr *ward_cedar_pe_one(struct cedar_pe *r, enum cedar_expr_kind kind, const struct cedar_expr *a);
/* Also NE, GT and GE, in core forms. */
const struct cedar_expr *ward_cedar_pe_two(struct cedar_pe *r, enum cedar_expr_kind kind, const struct cedar_expr *a,
	const struct cedar_expr *b);
const struct cedar_expr *ward_cedar_pe_truth(struct cedar_pe *r, bool truth);
const struct cedar_expr *ward_cedar_pe_is(struct cedar_pe *r, const struct cedar_expr *a, const struct cedar_str *type);
/*
 * a is T in b, as a is T && again in b (again means the same as a) where both are small: what is left must not double
 * with every such a in an a.
 */
const struct cedar_expr *ward_cedar_pe_is_in(struct cedar_pe *r, const struct cedar_expr *a, const struct cedar_str *type,
	const struct cedar_expr *again, const struct cedar_expr *b);
const struct cedar_expr *ward_cedar_pe_and(struct cedar_pe *r, const struct cedar_expr *a, const struct cedar_expr *b);
const struct cedar_expr *ward_cedar_pe_expr(struct cedar_pe *r, const struct cedar_part *p);
/* x in core forms, slots filled, nothing evaluated. */
const struct cedar_expr *ward_cedar_pe_plain(struct cedar_pe *r, const struct cedar_expr *x);
static inline bool ward_cedar_is_bool(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_BOOL;
}

/* ---- policy.c ---- */
bool ward_cedar_pe_policy(struct cedar_pe *r, const struct cedar_policy *p, struct cedar_part *ret);
/* The condition of p in core forms, scope included. */
const struct cedar_expr *ward_cedar_pe_condition(struct cedar_pe *r, const struct cedar_policy *p);

struct cedar_partial {
	struct cedar_pool *pool;                 /* what is left */
	struct cedar_pool *policies;             /* the set's, where origins live */
	struct cedar_residual *v;
	size_t n;
};

/* ---- simplify.c ---- */
/* Of a policy, where only a Bool may be; with the variables for what was not known. */
const struct cedar_expr *ward_cedar_simplify_condition(struct cedar_pool *pool, const struct cedar_expr *x);

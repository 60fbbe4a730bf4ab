/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/partial: classic partial evaluation: principal, action, resource or context (or unknown("x")) are not known, and
 * what is left of each policy is a policy again. Residuals are trees, so that they can be printed as text and JSON, asked
 * about, and evaluated when the rest is known.
 */
#pragma once

#include "cedar/eval/eval.h"

enum cedar_residual_state {
	CEDAR_RESIDUAL_ERROR = 0,        /* evaluation fails whatever the unknowns are */
	CEDAR_RESIDUAL_FALSE, CEDAR_RESIDUAL_TRUE, CEDAR_RESIDUAL_OPEN
};
struct cedar_residual {
	const struct cedar_str *id;
	const struct cedar_policy *origin;       /* the static policy, or the template of a link */
	uint8_t effect, state;
	const struct cedar_expr *condition;      /* OPEN: what must hold; ERROR: what fails; never NULL */
	struct cedar_fault fault;                /* ERROR */
};
struct cedar_partial;                            /* owns its pool */
int ward_cedar_partial(const struct cedar_policies *s, const struct cedar_entities *e, const struct cedar_request *r,
	struct cedar_partial **ret, struct cedar_diags *d);
void ward_cedar_partial_free(struct cedar_partial *p);
void ward_cedar_partial_freep(struct cedar_partial **p);
size_t ward_cedar_partial_count(const struct cedar_partial *p);
const struct cedar_residual *ward_cedar_partial_at(const struct cedar_partial *p, size_t i);   /* in the order of the set */
/* Decision that holds whatever the unknowns are: 1 allow, 0 deny, -1 open. */
int ward_cedar_partial_decision(const struct cedar_partial *p);
/*
 * The answer in the official engine's layout: decision, satisfied, errored, mayBeDetermining, mustBeDetermining, residuals,
 * nontrivialResiduals.
 */
void ward_cedar_partial_json(const struct cedar_partial *p, struct ward_buf *out);
void ward_cedar_partial_text(const struct cedar_partial *p, struct ward_buf *out);
/* Small: neutral elements, constant branches, repetitions dropped, where no error and no value changes. */
const struct cedar_expr *ward_cedar_simplify(struct cedar_pool *pool, const struct cedar_expr *x);
/* What the residuals say when the rest is known: must equal the answer of the whole. Ids are in the order of the set. */
int ward_cedar_partial_resume(const struct cedar_partial *p, const struct cedar_entities *e, const struct cedar_request *r,
	struct cedar_scratch *s, struct cedar_answer *answer);

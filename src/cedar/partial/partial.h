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
	/*
	 * OPEN: what must hold, UNKNOWN standing for what is not known: aux is 1 + enum cedar_var, or 0 for unknown("x").
	 * ERROR: the whole that fails. Never NULL.
	 */
	const struct cedar_expr *condition;
	struct cedar_fault fault;                /* ERROR */
};
/*
 * Owns what is left; shares the set's pool, where origins live. Needs neither the set, nor the entities, nor the request
 * afterwards. Read by any thread.
 */
struct cedar_partial;
/* WARD_E_NOMEM. e NULL: no entities. */
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
/* For people: each policy as a comment on what became of it, and what is left, simplified, as text of the language. */
void ward_cedar_partial_text(const struct cedar_partial *p, struct ward_buf *out);
/*
 * Small: neutral elements, constant branches, repetitions dropped, where no error and no value changes, given a whole
 * request. NULL: no memory.
 */
const struct cedar_expr *ward_cedar_simplify(struct cedar_pool *pool, const struct cedar_expr *x);
/*
 * What is left as a policy of the language again, simplified: with variables for what is not known, and what a scope can
 * say in the scope. A residual that is false or fails has the condition false. Its parts are the residual's and live in
 * pool. NULL: no memory.
 */
const struct cedar_policy *ward_cedar_residual_policy(struct cedar_pool *pool, const struct cedar_residual *v);
/*
 * What the residuals say when the rest is known, with the same entities: the answer of the whole set, whose order the
 * numbers are in (static policies, then links); which error a policy has may be another one. answer is set to deny first.
 * WARD_E_INVALID: something of the request is still unknown; WARD_E_NOMEM.
 */
int ward_cedar_partial_resume(const struct cedar_partial *p, const struct cedar_entities *e, const struct cedar_request *r,
	struct cedar_scratch *s, struct cedar_answer *answer);

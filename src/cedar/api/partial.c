/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partial authorization: residuals as objects, text and JSON.
 */
#include <stdlib.h>

#include "cedar/api/api.h"

static const struct cedar_partial *partial_of(const struct ward_policy_partial *p)
{
	return (const struct cedar_partial *)p;
}

int ward_policy_partial_new(const struct ward_policy_set *s,
	const struct ward_policy_entities *entities, const struct ward_policy_request *r,
	struct ward_policy_partial **ret, struct ward_policy_diags *d)
{
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *none = NULL;
	const struct cedar_entities *e = entities != NULL ? ward_entities_of(entities) : NULL;
	struct cedar_partial *p = NULL;
	struct cedar_diags found;
	int code = ward_set_usable(s, d);

	if (code == WARD_OK && r == NULL)
		code = WARD_E_INVALID;
	if (code < 0)
		return code;
	code = ward_cedar_diags_init(&found);
	if (code == WARD_OK && e == NULL) {
		e = none = ward_cedar_entities_new();
		code = none != NULL ? ward_cedar_entities_finish(none, &found) : WARD_E_NOMEM;
	}
	if (code == WARD_OK)
		code = ward_cedar_partial(&s->p, e, &r->r, &p, &found);
	code = ward_diags_move_of(d, &found, ward_set_source, s, code);
	if (code < 0) {
		ward_cedar_partial_free(p);
		return code;
	}
	*ret = (struct ward_policy_partial *)p;
	return WARD_OK;
}

void ward_policy_partial_free(struct ward_policy_partial *p)
{
	if (p != NULL)
		ward_cedar_partial_free((struct cedar_partial *)p);
}

int ward_policy_partial_decision(const struct ward_policy_partial *p)
{
	return ward_cedar_partial_decision(partial_of(p));
}

size_t ward_policy_partial_count(const struct ward_policy_partial *p)
{
	return ward_cedar_partial_count(partial_of(p));
}

int ward_policy_partial_at(const struct ward_policy_partial *p, size_t i,
	struct ward_policy_residual *ret)
{
	static const enum ward_policy_residual_state states[] = {
		[CEDAR_RESIDUAL_ERROR] = WARD_POLICY_RESIDUAL_ERROR,
		[CEDAR_RESIDUAL_FALSE] = WARD_POLICY_RESIDUAL_FALSE,
		[CEDAR_RESIDUAL_TRUE] = WARD_POLICY_RESIDUAL_TRUE,
		[CEDAR_RESIDUAL_OPEN] = WARD_POLICY_RESIDUAL_OPEN,
	};
	const struct cedar_residual *r;

	if (i >= ward_policy_partial_count(p))
		return WARD_E_NOTFOUND;
	r = ward_cedar_partial_at(partial_of(p), i);
	ret->state = states[r->state];
	ret->permit = r->effect == CEDAR_PERMIT;
	ret->id = r->id->s;
	ret->id_n = r->id->n;
	return WARD_OK;
}

int ward_policy_partial_print(const struct ward_policy_partial *p, size_t i,
	enum ward_policy_syntax syntax, char **ret, size_t *ret_n)
{
	const struct cedar_residual *r;
	struct cedar_condition condition = { 0 };
	struct cedar_policy policy = { 0 };
	struct ward_buf b = GIVE_BUF;

	if (i >= ward_policy_partial_count(p))
		return WARD_E_NOTFOUND;
	r = ward_cedar_partial_at(partial_of(p), i);
	condition.body = r->condition;
	policy.id = r->id;
	policy.effect = r->effect;
	policy.n_annotations = r->origin->n_annotations;
	policy.annotations = r->origin->annotations;
	policy.n_conditions = 1;
	policy.conditions = &condition;
	if (syntax == WARD_POLICY_CEDAR)
		ward_cedar_print_policy(&b, &policy);
	else
		ward_cedar_policy_json(&b, &policy);
	return ward_give(&b, ret, ret_n);
}

int ward_policy_partial_json(const struct ward_policy_partial *p, char **ret, size_t *ret_n)
{
	struct ward_buf b = GIVE_BUF;

	ward_cedar_partial_json(partial_of(p), &b);
	return ward_give(&b, ret, ret_n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled sets, and requests held against them. The answer is deny before anything else happens; an error is no answer.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/api/api.h"

int ward_policy_compile(const struct ward_policy_set *s, struct ward_policy_compiled **ret,
	struct ward_policy_diags *d)
{
	struct cedar_compiled *c = NULL;
	struct cedar_diags found;
	int r = ward_set_usable(s, d);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = ward_cedar_compile(&s->p, &c, &found);
	r = ward_diags_move_of(d, &found, ward_set_source, s, r);
	if (r < 0) {
		ward_cedar_compiled_unref(c);
		return r;
	}
	*ret = (struct ward_policy_compiled *)c;
	return WARD_OK;
}

struct ward_policy_compiled *ward_policy_compiled_ref(struct ward_policy_compiled *c)
{
	if (c != NULL)
		(void)ward_cedar_compiled_ref(ward_compiled_of(c));
	return c;
}

void ward_policy_compiled_unref(struct ward_policy_compiled *c)
{
	if (c != NULL)
		ward_cedar_compiled_unref(ward_compiled_of(c));
}

size_t ward_policy_compiled_count(const struct ward_policy_compiled *c)
{
	return ward_cedar_compiled_count(ward_compiled_of(c));
}

const char *ward_policy_compiled_id(const struct ward_policy_compiled *c, size_t i, size_t *ret_n)
{
	const struct cedar_str *id;

	if (i >= ward_policy_compiled_count(c))
		return NULL;
	id = ward_cedar_compiled_id(ward_compiled_of(c), i);
	if (ret_n != NULL)
		*ret_n = id->n;
	return id->s;
}

size_t ward_policy_compiled_bytes(const struct ward_policy_compiled *c)
{
	return ward_cedar_compiled_bytes(ward_compiled_of(c));
}

struct ward_policy_scratch *ward_policy_scratch_new(void)
{
	struct ward_policy_scratch *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->scratch = ward_cedar_scratch_new();
	s->none = ward_cedar_entities_new();
	if (s->scratch == NULL || s->none == NULL ||
		ward_cedar_entities_finish(s->none, NULL) < 0) {
		ward_policy_scratch_free(s);
		return NULL;
	}
	return s;
}

void ward_policy_scratch_free(struct ward_policy_scratch *s)
{
	if (s == NULL)
		return;
	ward_cedar_scratch_free(s->scratch);
	ward_cedar_entities_unref(s->none);
	ward_buf_done(&s->text);
	free(s);
}

int ward_policy_authorize(const struct ward_policy_compiled *c,
	const struct ward_policy_entities *entities, const struct ward_policy_request *r,
	struct ward_policy_scratch *s, struct ward_policy_answer *ret)
{
	const struct cedar_entities *e;
	int code;

	*ret = (struct ward_policy_answer){ .decision = WARD_POLICY_DENY };
	if (s == NULL)
		return WARD_E_INVALID;
	e = entities != NULL ? ward_entities_of(entities) : s->none;
	s->answer = (struct cedar_answer){ 0 };
	if (c == NULL || r == NULL || r->r.principal == NULL || r->r.action == NULL ||
		r->r.resource == NULL || r->r.context == NULL)
		return WARD_E_INVALID;
	code = ward_cedar_authorize(ward_compiled_of(c), e, &r->r, s->scratch, false, &s->answer);
	if (code < 0) {
		s->answer = (struct cedar_answer){ 0 };
		return code;
	}
	ret->n_reasons = s->answer.n_reasons;
	ret->n_errors = s->answer.n_errors;
	ret->reasons = s->answer.reasons;
	ret->errors = s->answer.errors;
	if (s->answer.decision == CEDAR_ALLOW)
		ret->decision = WARD_POLICY_ALLOW;
	return WARD_OK;
}

const char *ward_policy_answer_error(struct ward_policy_scratch *s, size_t i)
{
	if (i >= s->answer.n_errors)
		return NULL;
	ward_buf_clear(&s->text);
	ward_cedar_fault_print(&s->text, &s->answer.faults[i]);
	return ward_buf_cstr(&s->text);
}

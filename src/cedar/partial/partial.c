/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every policy of a set, partially evaluated: satisfied, false, failed, or open with what is left of it; and the same asked
 * again when the rest is known.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"
#include "cedar/partial/residual.h"

void ward_cedar_partial_free(struct cedar_partial *p)
{
	if (p == NULL)
		return;
	free(p->v);
	ward_cedar_pool_free(p->pool);
	ward_cedar_pool_free(p->policies);
	free(p);
}

void ward_cedar_partial_freep(struct cedar_partial **p)
{
	ward_cedar_partial_free(*p);
	*p = NULL;
}

size_t ward_cedar_partial_count(const struct cedar_partial *p)
{
	return p->n;
}

const struct cedar_residual *ward_cedar_partial_at(const struct cedar_partial *p, size_t i)
{
	return &p->v[i];
}

/* ---- evaluation ---- */

/* What the fault speaks of outlives the run. */
static bool keep_fault(struct cedar_pool *pool, struct cedar_fault *f)
{
	struct cedar_value *values[] = { &f->value, &f->value2 };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(values); i++) {
		/* Of a record without the attribute only the names are told, and there may be no more. */
		if (f->kind == CEDAR_FAULT_ATTR && values[i]->tag == CEDAR_V_RECORD) {
			const struct cedar_record *r = values[i]->record;
			struct cedar_record *names = ward_arena_alloc(ward_cedar_pool_arena(pool),
				sizeof(*names) + r->n * sizeof(names->v[0]));

			if (names == NULL)
				return false;
			names->n = r->n;
			for (uint32_t k = 0; k < r->n; k++) {
				names->v[k].name =
					ward_cedar_intern(pool, r->v[k].name->s, r->v[k].name->n);
				if (names->v[k].name == NULL)
					return false;
			}
			values[i]->record = names;
		} else if (values[i]->tag != CEDAR_V_NONE &&
			ward_cedar_value_adopt(pool, values[i], values[i]) < 0) {
			return false;
		}
	}
	if (f->uid != NULL && (f->uid = ward_cedar_adopt_uid(pool, f->uid)) == NULL)
		return false;
	if (f->name != NULL && (f->name = ward_cedar_intern(pool, f->name->s, f->name->n)) == NULL)
		return false;
	return true;
}

static bool judge(struct cedar_pe *r, const struct cedar_policy *p, struct cedar_residual *ret)
{
	struct cedar_fault fault = { 0 }, later = { 0 };
	struct cedar_part part;

	r->fault = &fault;
	ret->effect = p->effect;
	if (ward_cedar_pe_policy(r, p, &part)) {
		ret->state = part.x != NULL ? CEDAR_RESIDUAL_OPEN
			: part.v.truth      ? CEDAR_RESIDUAL_TRUE
					    : CEDAR_RESIDUAL_FALSE;
		ret->condition = ward_cedar_pe_expr(r, &part);
		return ret->condition != NULL;
	}
	if (fault.kind == CEDAR_FAULT_MEMORY || !keep_fault(r->pool, &fault))
		return false;
	ret->state = CEDAR_RESIDUAL_ERROR;
	ret->fault = fault;
	r->fault = &later;
	ret->condition = ward_cedar_pe_condition(r, p);
	return ret->condition != NULL;
}

static bool run(struct cedar_partial *p, const struct cedar_policies *s, struct cedar_pe *r)
{
	for (size_t i = 0; i < s->statics.n; i++) {
		struct cedar_residual *v = &p->v[p->n++];

		v->id = s->statics.v[i]->id;
		v->origin = s->statics.v[i];
		r->slots = NULL;
		if (!judge(r, v->origin, v))
			return false;
		ward_arena_reset(r->arena);
	}
	for (size_t i = 0; i < s->n_links; i++) {
		struct cedar_residual *v = &p->v[p->n++];

		v->id = s->links[i].id;
		v->origin = s->links[i].tmpl;
		r->slots = s->links[i].slots;
		if (!judge(r, v->origin, v))
			return false;
		ward_arena_reset(r->arena);
	}
	return true;
}

int ward_cedar_partial(const struct cedar_policies *s, const struct cedar_entities *e,
	const struct cedar_request *q, struct cedar_partial **ret, struct cedar_diags *d)
{
	struct cedar_partial *p = calloc(1, sizeof(*p));
	struct cedar_pe r = { .request = q, .world.entities = e };
	bool ok = p != NULL;

	if (ok) {
		p->pool = r.pool = ward_cedar_pool_new(0);
		p->policies = ward_cedar_pool_ref(s->pool);
		p->v = calloc(s->statics.n + s->n_links + 1, sizeof(*p->v));
		r.arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
		ok = p->pool != NULL && p->v != NULL && r.arena != NULL && run(p, s, &r);
		ward_arena_free(r.arena);
	}
	if (ok) {
		*ret = p;
		return WARD_OK;
	}
	ward_cedar_partial_free(p);
	if (d != NULL)
		d->failed = true;
	return WARD_E_NOMEM;
}

/* ---- when the rest is known ---- */

static bool add_fault(struct cedar_scratch *s, const struct cedar_fault *f)
{
	if (s->errors.n == s->cap_faults) {
		size_t cap = s->cap_faults > 0 ? s->cap_faults * 2 : 16;
		struct cedar_fault *v = realloc(s->faults, cap * sizeof(*v));

		if (v == NULL)
			return false;
		s->faults = v;
		s->cap_faults = cap;
	}
	s->faults[s->errors.n] = *f;
	return true;
}

static bool resume(struct cedar_pe *r, const struct cedar_residual *v, uint32_t i,
	struct cedar_scratch *s)
{
	struct cedar_fault fault = v->fault;
	struct cedar_part part = { 0 };
	bool truth = v->state == CEDAR_RESIDUAL_TRUE, ok = v->state != CEDAR_RESIDUAL_ERROR;

	if (v->state == CEDAR_RESIDUAL_OPEN) {
		r->fault = &fault;
		ok = ward_cedar_pe(r, v->condition, &part) &&
			ward_cedar_as_bool(&part.v, &truth, &fault);
	}
	if (!ok)
		return fault.kind != CEDAR_FAULT_MEMORY && add_fault(s, &fault) &&
			ward_cedar_list_add(&s->errors, i);
	if (!truth)
		return true;
	return ward_cedar_list_add(v->effect == CEDAR_PERMIT ? &s->permits : &s->forbids, i);
}

int ward_cedar_partial_resume(const struct cedar_partial *p, const struct cedar_entities *e,
	const struct cedar_request *q, struct cedar_scratch *s, struct cedar_answer *answer)
{
	struct cedar_pe r = { .request = q, .world.entities = e, .arena = s->arena };
	const struct cedar_list *reasons;

	*answer = (struct cedar_answer){ .decision = CEDAR_DENY };
	if (q->principal == NULL || q->action == NULL || q->resource == NULL || q->context == NULL)
		return WARD_E_INVALID;
	ward_arena_reset(s->arena);
	s->permits.n = s->forbids.n = s->errors.n = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (!resume(&r, &p->v[i], (uint32_t)i, s))
			return WARD_E_NOMEM;
		if (s->errors.n == 0) /* faults speak of what is in it */
			ward_arena_reset(s->arena);
	}
	reasons = s->forbids.n > 0 ? &s->forbids : &s->permits;
	if (s->forbids.n == 0 && s->permits.n > 0)
		answer->decision = CEDAR_ALLOW;
	answer->n_reasons = (uint32_t)reasons->n;
	answer->reasons = reasons->v;
	answer->n_errors = (uint32_t)s->errors.n;
	answer->errors = s->errors.v;
	answer->faults = s->faults;
	return WARD_OK;
}

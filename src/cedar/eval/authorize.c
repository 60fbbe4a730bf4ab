/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: allow if a permit is satisfied and no forbid is; a policy that fails is left out and named among the
 * errors. Whatever goes wrong besides that is no decision, and deny. All that a request needs is in its scratch, which
 * keeps its memory for the next one; what one policy makes is dropped before the next is looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"

#define SCAN_MAX 4 /* so few policies are looked at one by one */

struct cedar_scratch *ward_cedar_scratch_new(void)
{
	struct cedar_scratch *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->arena = ward_arena_new(WARD_BUF_MAX);
	s->kept = ward_arena_new(WARD_BUF_MAX);
	if (s->arena == NULL || s->kept == NULL)
		ward_cedar_scratch_freep(&s);
	return s;
}

void ward_cedar_scratch_free(struct cedar_scratch *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < DIM_MAX; i++)
		free(s->keys[i].v);
	free(s->picked.v);
	free(s->permits.v);
	free(s->forbids.v);
	free(s->errors.v);
	free(s->faults);
	free(s->marks);
	free(s->stack);
	ward_arena_free(s->arena);
	ward_arena_free(s->kept);
	free(s);
}

void ward_cedar_scratch_freep(struct cedar_scratch **s)
{
	ward_cedar_scratch_free(*s);
	*s = NULL;
}

/* One value below the bottom, so that an empty stack has a top. */
static bool make_room(struct cedar_scratch *s, size_t n)
{
	struct cedar_value *v;

	n += 2;
	if (n <= s->cap_stack)
		return true;
	if (n > WARD_BUF_MAX / sizeof(*v))
		return false;
	v = calloc(n, sizeof(*v));
	if (v == NULL)
		return false;
	free(s->stack);
	s->stack = v;
	s->cap_stack = n;
	return true;
}

/* ---- one policy ---- */

struct judge {
	struct cedar_run run;
	struct cedar_scratch *s;
};

/*
 * A fault outlives what was made for its policy. Of a value of the wrong type only the type is told, of a record without
 * the attribute only the names it has.
 */
static bool detach(struct cedar_scratch *s, struct cedar_fault *f)
{
	static const struct cedar_set no_elements = { .entities = true };
	static const struct cedar_ip no_address;
	const struct cedar_record *r = f->value.record;
	struct cedar_record *names;
	uint32_t n;

	if (f->value.tag == CEDAR_V_SET)
		f->value.set = &no_elements;
	if (f->value.tag == CEDAR_V_IP)
		f->value.ip = &no_address;
	if (f->value.tag != CEDAR_V_RECORD || f->uid != NULL) /* an entity's own */
		return true;
	n = f->kind == CEDAR_FAULT_ATTR ? r->n : 0;
	names = ward_arena_alloc(s->kept, sizeof(*names) + n * sizeof(names->v[0]));
	if (names == NULL)
		return false;
	names->n = n;
	for (uint32_t i = 0; i < n; i++)
		names->v[i].name = r->v[i].name;
	f->value.record = names;
	return true;
}

static bool add_fault(struct judge *j, uint32_t number, struct cedar_fault *f)
{
	struct cedar_scratch *s = j->s;

	if (s->errors.n == s->cap_faults) {
		size_t cap = s->cap_faults > 0 ? s->cap_faults * 2 : 16;
		struct cedar_fault *v = realloc(s->faults, cap * sizeof(*v));

		if (v == NULL)
			return false;
		s->faults = v;
		s->cap_faults = cap;
	}
	if (j->run.dirty && !detach(s, f))
		return false;
	s->faults[s->errors.n] = *f;
	return ward_cedar_list_add(&s->errors, number);
}

/* The scope matches. */
static int judge(struct judge *j, uint32_t number)
{
	const struct cedar_unit *u = &j->run.compiled->units[number];
	struct cedar_fault f = { 0 };
	bool satisfied = u->code == 0, ok = true; /* without conditions: the scope was all */

	if (u->code != 0) {
		j->run.dirty = false;
		ok = ward_cedar_run(&j->run, u, &satisfied, &f);
		if (!ok && f.kind == CEDAR_FAULT_MEMORY)
			return WARD_E_NOMEM;
		if (!ok) {
			satisfied = false;
			ok = add_fault(j, number, &f);
		}
		if (j->run.dirty)
			ward_arena_reset(j->run.arena);
	}
	if (ok && satisfied)
		ok = ward_cedar_list_add(u->effect == CEDAR_PERMIT ? &j->s->permits
								   : &j->s->forbids,
			number);
	return ok ? WARD_OK : WARD_E_NOMEM;
}

/* ---- all of them ---- */

static int judge_all(struct judge *j)
{
	for (uint32_t i = 0; i < j->run.compiled->n; i++) {
		int r = WARD_OK;

		if (ward_cedar_scope_matches(&j->run, &j->run.compiled->units[i]))
			r = judge(j, i);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static int judge_picked(struct judge *j)
{
	int r = ward_cedar_pick(&j->run, j->s);

	if (r < 0)
		return r;
	if (r == 0)
		return judge_all(j);
	for (size_t i = 0; i < j->s->picked.n; i++) {
		r = judge(j, j->s->picked.v[i]);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static void answer_with(const struct cedar_scratch *s, struct cedar_answer *a)
{
	const struct cedar_list *reasons = s->forbids.n > 0 ? &s->forbids : &s->permits;

	if (s->forbids.n == 0 && s->permits.n > 0)
		a->decision = CEDAR_ALLOW;
	a->n_reasons = (uint32_t)reasons->n;
	a->reasons = reasons->v;
	a->n_errors = (uint32_t)s->errors.n;
	a->errors = s->errors.v;
	a->faults = s->faults;
}

int ward_cedar_authorize(const struct cedar_compiled *c, const struct cedar_entities *e,
	const struct cedar_request *r, struct cedar_scratch *s, bool unindexed,
	struct cedar_answer *answer)
{
	struct judge j = { .s = s };
	int result;

	*answer = (struct cedar_answer){ .decision = CEDAR_DENY };
	if (c == NULL || r == NULL || s == NULL || r->principal == NULL || r->action == NULL ||
		r->resource == NULL || r->context == NULL)
		return WARD_E_INVALID;
	s->permits.n = s->forbids.n = s->errors.n = 0;
	ward_arena_reset(s->arena);
	ward_arena_reset(s->kept);
	if (!make_room(s, c->stack))
		return WARD_E_NOMEM;
	j.run = (struct cedar_run){
		.compiled = c,
		.request = r,
		.stack = s->stack + 1,
		.arena = s->arena,
	};
	ward_cedar_world_init(&j.run.world, e, r);
	result = unindexed || c->n <= SCAN_MAX ? judge_all(&j) : judge_picked(&j);
	if (result < 0)
		return result;
	answer_with(s, answer);
	return WARD_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the residuals of a set say together: a decision where there is one, which policies may or must be what determines
 * it, and all of it as JSON in the official engine's layout and as text.
 */
#include <stdlib.h>

#include "cedar/est/est.h"
#include "cedar/partial/residual.h"

/* Is there one of this effect and state? */
static bool any(const struct cedar_partial *p, enum cedar_effect effect,
	enum cedar_residual_state state)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].effect == effect && p->v[i].state == state)
			return true;
	}
	return false;
}

int ward_cedar_partial_decision(const struct cedar_partial *p)
{
	bool permit = any(p, CEDAR_PERMIT, CEDAR_RESIDUAL_TRUE);

	if (any(p, CEDAR_FORBID, CEDAR_RESIDUAL_TRUE))
		return 0;
	if (!permit && !any(p, CEDAR_PERMIT, CEDAR_RESIDUAL_OPEN))
		return 0;
	if (any(p, CEDAR_FORBID, CEDAR_RESIDUAL_OPEN) || !permit)
		return -1;
	return 1;
}

/* ---- JSON ---- */

/* Bits 1 << state of those that are listed, by effect. */
struct list {
	const char *key;
	unsigned permits, forbids;
};

#define TRUE_BIT (1u << CEDAR_RESIDUAL_TRUE)
#define OPEN_BIT (1u << CEDAR_RESIDUAL_OPEN)
#define ERROR_BIT (1u << CEDAR_RESIDUAL_ERROR)

static void add_ids(struct ward_buf *out, const struct cedar_partial *p, const struct list *l)
{
	ward_jw_key(out, l->key);
	ward_jw_open(out, '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct cedar_residual *v = &p->v[i];
		unsigned bits = v->effect == CEDAR_PERMIT ? l->permits : l->forbids;

		if ((bits & 1u << v->state) != 0)
			ward_jw_str(out, v->id->s, v->id->n);
	}
	ward_jw_close(out, ']');
}

/* An annotation without a value has the empty one, in the core. */
static struct cedar_annotation *annotations(const struct cedar_policy *origin)
{
	static const struct cedar_str empty;
	struct cedar_annotation *v = calloc(origin->n_annotations + 1u, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < origin->n_annotations; i++) {
		v[i] = origin->annotations[i];
		if (v[i].value == NULL)
			v[i].value = &empty;
	}
	return v;
}

static void add_residual(struct ward_buf *out, const struct cedar_residual *v)
{
	struct cedar_annotation *notes = annotations(v->origin);
	struct cedar_expr literal = { .kind = CEDAR_X_BOOL,
		.truth = v->state == CEDAR_RESIDUAL_TRUE };
	struct cedar_condition c = { .body = v->state == CEDAR_RESIDUAL_OPEN ? v->condition
									     : &literal };
	struct cedar_policy policy = { .id = v->id,
		.effect = v->effect,
		.n_conditions = 1,
		.conditions = &c,
		.n_annotations = v->origin->n_annotations,
		.annotations = notes };

	if (notes == NULL)
		out->failed = true;
	else
		ward_cedar_policy_json(out, &policy);
	free(notes);
}

void ward_cedar_partial_json(const struct cedar_partial *p, struct ward_buf *out)
{
	bool denied = any(p, CEDAR_FORBID, CEDAR_RESIDUAL_TRUE);
	bool open_forbid = any(p, CEDAR_FORBID, CEDAR_RESIDUAL_OPEN);
	const struct list lists[] = {
		{ "satisfied", TRUE_BIT, TRUE_BIT },
		{ "errored", ERROR_BIT, ERROR_BIT },
		{ "mayBeDetermining", denied ? 0 : TRUE_BIT | OPEN_BIT,
			denied ? TRUE_BIT | OPEN_BIT : OPEN_BIT },
		{ "mustBeDetermining", denied || open_forbid ? 0 : TRUE_BIT, TRUE_BIT },
		{ "nontrivialResiduals", OPEN_BIT, OPEN_BIT },
	};
	int decision = ward_cedar_partial_decision(p);

	ward_jw_open(out, '{');
	ward_jw_key(out, "decision");
	ward_jw_cstr(out, decision < 0 ? NULL : decision > 0 ? "allow" : "deny");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(lists); i++) {
		if (i + 1 == WARD_ARRAY_SIZE(lists)) {
			ward_jw_key(out, "residuals");
			ward_jw_open(out, '{');
			for (size_t k = 0; k < p->n; k++) {
				ward_jw_str(out, p->v[k].id->s, p->v[k].id->n);
				ward_buf_addc(out, ':');
				add_residual(out, &p->v[k]);
			}
			ward_jw_close(out, '}');
		}
		add_ids(out, p, &lists[i]);
	}
	ward_jw_close(out, '}');
}

/* ---- text ---- */

static void add_policy(struct ward_buf *out, const struct cedar_residual *v)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	const struct cedar_policy *q = pool != NULL ? ward_cedar_residual_policy(pool, v) : NULL;

	if (q == NULL)
		out->failed = true;
	else
		ward_cedar_print_policy(out, q);
	ward_cedar_pool_free(pool);
	ward_buf_addc(out, '\n');
}

void ward_cedar_partial_text(const struct cedar_partial *p, struct ward_buf *out)
{
	static const char *const states[] = { ": fails: ", ": false", ": satisfied", "" };

	for (size_t i = 0; i < p->n; i++) {
		const struct cedar_residual *v = &p->v[i];

		ward_buf_adds(out, "// ");
		ward_cedar_escape(out, ward_cedar_text(v->id));
		ward_buf_adds(out, states[v->state]);
		if (v->state == CEDAR_RESIDUAL_ERROR) {
			struct ward_buf why = { .max = WARD_CEDAR_JSON_BYTES_MAX };

			ward_cedar_fault_print(&why, &v->fault);
			ward_cedar_escape(out, ward_buf_str(&why));
			out->failed |= why.failed;
			ward_buf_done(&why);
		}
		ward_buf_addc(out, '\n');
		if (v->state == CEDAR_RESIDUAL_TRUE || v->state == CEDAR_RESIDUAL_OPEN)
			add_policy(out, v);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and templates: effect, scope, conditions, annotations. */
#include <stdlib.h>

#include "cedar/est/read.h"

/* ---- scope ---- */

/* "entity" or "slot" of f; the entity counts where there are both. */
static int target(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_est_field *f, unsigned slot, struct cedar_scope *s)
{
	const struct ward_json *at = f[0].j != NULL ? f[0].j : f[1].j;
	size_t which;
	int code;

	if (at == NULL)
		return ward_cedar_est_fail(r, j, "missing field `entity` or `slot`");
	s->uid_at = (struct cedar_span){ at->start, at->end };
	if (f[0].j != NULL)
		return ward_cedar_est_uid(r, at, &s->uid);
	code = ward_cedar_est_word(r, at, ward_cedar_est_slots, CEDAR_SLOT_MAX, &which);
	if (code != WARD_OK)
		return code;
	s->slot = true;
	if (which == slot)
		return WARD_OK;
	code = ward_cedar_est_fail(r, at, "invalid slot name or slot used in wrong position");
	ward_cedar_diag_help(r->diags,
		"principal slots must be named `?principal` and resource slots must be named "
		"`?resource`");
	return code;
}

static int is_scope(struct cedar_est_reader *r, const struct ward_json *j, unsigned slot,
	struct cedar_scope *s)
{
	struct cedar_est_field f[] = { { .name = "op" }, { .name = "entity_type" },
		{ .name = "in", .optional = true } };
	struct cedar_est_field in[] = { { .name = "entity", .optional = true },
		{ .name = "slot", .optional = true } };
	int code = ward_cedar_est_object(r, j, f, 3, false);

	if (code == WARD_OK)
		code = ward_cedar_est_type(r, f[1].j, &s->type);
	if (code != WARD_OK)
		return code;
	s->op = CEDAR_SCOPE_IS;
	s->type_at = (struct cedar_span){ f[1].j->start, f[1].j->end };
	if (f[2].j == NULL || f[2].j->type == WARD_JSON_NULL)
		return WARD_OK;
	s->op = CEDAR_SCOPE_IS_IN;
	code = ward_cedar_est_object(r, f[2].j, in, 2, true);
	return code == WARD_OK ? target(r, f[2].j, in, slot, s) : code;
}

static int scope(struct cedar_est_reader *r, const struct ward_json *j, unsigned slot,
	struct cedar_scope *s)
{
	static const char *const words[] = { "All", "all", "==", "in", "is" };
	static const uint8_t ops[] = { CEDAR_SCOPE_ANY, CEDAR_SCOPE_ANY, CEDAR_SCOPE_EQ,
		CEDAR_SCOPE_IN, CEDAR_SCOPE_IS };
	struct cedar_est_field f[] = { { .name = "entity", .optional = true },
		{ .name = "slot", .optional = true }, { .name = "op" } };
	size_t which;
	int code = ward_cedar_est_object(r, j, f, 3, true);

	if (code == WARD_OK)
		code = ward_cedar_est_word(r, f[2].j, words, WARD_ARRAY_SIZE(words), &which);
	if (code != WARD_OK)
		return code;
	s->op = ops[which];
	s->start = j->start;
	s->end = j->end;
	if (s->op == CEDAR_SCOPE_ANY)
		return WARD_OK;
	return s->op == CEDAR_SCOPE_IS ? is_scope(r, j, slot, s) : target(r, j, f, slot, s);
}

static int action_uid(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_uid **ret)
{
	struct ward_buf b = { .max = 1024 };
	int code = ward_cedar_est_uid(r, j, ret);

	if (code != WARD_OK ||
		ward_str_eq(ward_cedar_basename(ward_cedar_text((*ret)->type)), WARD_STR("Action")))
		return code;
	ward_cedar_print_uid(&b, *ret);
	code = ward_cedar_est_fail(r, j, "expected an entity uid with type `Action` but got `%s`",
		b.failed ? ".." : ward_buf_cstr(&b));
	ward_cedar_diag_help(r->diags,
		"action entities must have type `Action`, optionally in a namespace");
	ward_buf_done(&b);
	return code;
}

static int action_uids(struct cedar_est_reader *r, const struct ward_json *j, bool list,
	struct cedar_action_scope *a)
{
	const struct ward_json *m = list ? j->child : j;
	const struct cedar_uid **v;
	int code = list ? ward_cedar_est_list(r, j) : WARD_OK;

	a->list = list;
	a->n = list ? (uint32_t)j->count : 1;
	if (code != WARD_OK || a->n == 0)
		return code;
	v = ward_arena_alloc(r->arena, a->n * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (uint32_t i = 0; code == WARD_OK && i < a->n; i++, m = m->next)
		code = action_uid(r, m, &v[i]);
	a->uids = v;
	return code;
}

static int action(struct cedar_est_reader *r, const struct ward_json *j,
	struct cedar_action_scope *a)
{
	static const char *const words[] = { "All", "all", "==", "in" };
	static const uint8_t ops[] = { CEDAR_SCOPE_ANY, CEDAR_SCOPE_ANY, CEDAR_SCOPE_EQ,
		CEDAR_SCOPE_IN };
	struct cedar_est_field f[] = { { .name = "op" }, { .name = "entity", .optional = true },
		{ .name = "entities", .optional = true }, { .name = "slot", .optional = true } };
	size_t which;
	int code = ward_cedar_est_object(r, j, f, 4, true);

	if (code == WARD_OK)
		code = ward_cedar_est_word(r, f[0].j, words, WARD_ARRAY_SIZE(words), &which);
	if (code != WARD_OK)
		return code;
	a->op = ops[which];
	a->start = j->start;
	a->end = j->end;
	if (a->op == CEDAR_SCOPE_ANY)
		return WARD_OK;
	if (f[1].j != NULL)
		return action_uids(r, f[1].j, false, a);
	if (a->op == CEDAR_SCOPE_IN && f[2].j != NULL)
		return action_uids(r, f[2].j, true, a);
	if (f[3].j != NULL)
		return ward_cedar_est_fail(r, j, "slots are not allowed for actions");
	return ward_cedar_est_fail(r, j, "missing field `entity`%s",
		a->op == CEDAR_SCOPE_IN ? " or `entities`" : "");
}

/* ---- conditions and annotations ---- */

static int conditions(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_policy *p)
{
	static const char *const words[] = { "when", "unless" };
	struct cedar_condition *v;
	size_t i = 0;
	int code = ward_cedar_est_list(r, j);

	if (code != WARD_OK || j->count == 0)
		return code;
	v = ward_arena_alloc(r->arena, j->count * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next, i++) {
		struct cedar_est_field f[] = { { .name = "kind" }, { .name = "body" } };
		size_t which = 0;

		code = ward_cedar_est_object(r, m, f, 2, false);
		if (code == WARD_OK)
			code = ward_cedar_est_word(r, f[0].j, words, 2, &which);
		if (code == WARD_OK)
			code = ward_cedar_est_expr(r, f[1].j, &v[i].body);
		v[i].unless = which == 1;
		v[i].start = m->start;
		v[i].end = m->end;
	}
	p->n_conditions = (uint32_t)j->count;
	p->conditions = v;
	return code;
}

static int by_key(const void *a, const void *b)
{
	const struct cedar_annotation *x = a, *y = b;

	return ward_cedar_str_cmp(x->key, y->key);
}

static int annotation(struct cedar_est_reader *r, const struct ward_json *j,
	struct cedar_annotation *a)
{
	if (!ward_cedar_is_ident(j->key) && !ward_cedar_is_reserved(j->key))
		return ward_cedar_est_fail(r, j, "invalid id `%.*s`: annotations are identifiers",
			ward_cedar_est_shown(j->key), j->key.s);
	a->key = ward_cedar_est_intern(r, j->key);
	a->start = j->start;
	a->end = j->end;
	if (a->key == NULL)
		return WARD_E_NOMEM;
	return j->type == WARD_JSON_NULL ? WARD_OK : ward_cedar_est_text(r, j, &a->value);
}

static int annotations(struct cedar_est_reader *r, const struct ward_json *j,
	struct cedar_policy *p)
{
	struct cedar_annotation *v;
	size_t i = 0;
	int code = ward_cedar_est_map(r, j);

	if (code != WARD_OK || j->count == 0)
		return code;
	v = ward_arena_alloc(r->arena, j->count * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next)
		code = annotation(r, m, &v[i++]);
	if (code != WARD_OK)
		return code;
	qsort(v, i, sizeof(*v), by_key);
	p->n_annotations = (uint32_t)i;
	p->annotations = v;
	return WARD_OK;
}

/* ---- policies ---- */

int ward_cedar_est_policy(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_policy **ret)
{
	static const char *const effects[] = { "forbid", "permit" };
	struct cedar_est_field f[] = { { .name = "effect" }, { .name = "principal" },
		{ .name = "action" }, { .name = "resource" }, { .name = "conditions" },
		{ .name = "annotations", .optional = true } };
	struct cedar_policy *p;
	size_t effect = 0;
	int code = ward_cedar_est_object(r, j, f, WARD_ARRAY_SIZE(f), false);

	if (code == WARD_OK)
		code = ward_cedar_est_word(r, f[0].j, effects, 2, &effect);
	if (code != WARD_OK)
		return code;
	p = ward_arena_alloc(r->arena, sizeof(*p));
	if (p == NULL)
		return ward_cedar_est_no_memory(r);
	p->id = r->id;
	p->effect = effect == 1 ? CEDAR_PERMIT : CEDAR_FORBID;
	p->start = j->start;
	p->end = j->end;
	code = scope(r, f[1].j, CEDAR_SLOT_PRINCIPAL, &p->principal);
	if (code == WARD_OK)
		code = action(r, f[2].j, &p->action);
	if (code == WARD_OK)
		code = scope(r, f[3].j, CEDAR_SLOT_RESOURCE, &p->resource);
	if (code == WARD_OK)
		code = conditions(r, f[4].j, p);
	if (code == WARD_OK && f[5].j != NULL)
		code = annotations(r, f[5].j, p);
	p->is_template = p->principal.slot || p->resource.slot;
	*ret = p;
	return code;
}

int ward_cedar_policy_from_json(struct cedar_pool *pool, const struct ward_json *j,
	const struct cedar_str *id, bool unknowns, const struct cedar_policy **ret,
	struct cedar_diags *d)
{
	struct cedar_est_reader r = { .pool = pool,
		.arena = ward_cedar_pool_arena(pool),
		.diags = d,
		.id = id,
		.unknowns = unknowns };
	const struct cedar_policy *p = NULL;
	int code = ward_cedar_est_policy(&r, j, &p);

	if (code == WARD_OK)
		*ret = p;
	return code;
}

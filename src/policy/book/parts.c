/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that sugar hands over in parts, as the trees that the parser would make of their text: what is printed only to be read back is
 * most of the work of a start. Places and wording are the rules' own, so that nothing has to be annotated.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/fail.h"

struct planting {
	struct ward_book *b;
	const struct ward_source *src;
	struct ward_book_set *set;
	size_t number;
	bool stay;
	const struct cedar_expr *resource;
	const char *file, *file_copy; /* the last one: a document has many rules */
	struct cedar_refusal why;
	struct ward_error *err;
};

static int no_memory(struct planting *p)
{
	return ward_fail(p->err, WARD_E_NOMEM, "no memory left for the policies");
}

static int refuse(struct planting *p, const struct ward_source_rule *r)
{
	if (p->why.no_memory)
		return no_memory(p);
	(void)ward_fail(p->err, WARD_E_PARSE, "%s", p->why.what);
	ward_fail_at(p->err, r->file, r->line, r->column);
	if (p->why.help[0] != '\0')
		ward_fail_fix(p->err, "%s", p->why.help);
	return WARD_E_PARSE;
}

static int uid_of(struct planting *p, const struct ward_source_rule *r,
	const struct ward_source_place *at, const struct cedar_uid **ret)
{
	const struct cedar_uid *uid = ward_book_uid(p->b,
		at->pattern ? WARD_TYPE_GLOB : WARD_TYPE_PATH, at->id, strlen(at->id));

	if (uid == NULL)
		return no_memory(p);
	p->b->ready = p->stay ? at->compiled : NULL;
	*ret = ward_book_id(p->b->pool, uid, &p->why, p->b);
	p->b->ready = NULL;
	return *ret != NULL ? WARD_OK : refuse(p, r);
}

/* `resource in X`, `resource == X` */
static int test_of(struct planting *p, const struct ward_source_rule *r,
	const struct ward_source_place *at, const struct cedar_expr **ret)
{
	struct cedar_expr *x =
		ward_cedar_expr_new(p->b->pool, at->in ? CEDAR_X_IN : CEDAR_X_EQ, NULL);
	struct cedar_expr *entity = ward_cedar_expr_new(p->b->pool, CEDAR_X_ENTITY, NULL);

	if (x == NULL || entity == NULL)
		return no_memory(p);
	x->a = p->resource;
	x->b = entity;
	*ret = x;
	return uid_of(p, r, at, &entity->uid);
}

static int spared(struct planting *p, const struct ward_source_rule *r,
	const struct cedar_expr **ret)
{
	struct cedar_expr *any;
	const struct cedar_expr **v;
	int code = WARD_OK;

	if (r->n_spared == 1)
		return test_of(p, r, r->spared, ret);
	any = ward_cedar_expr_new(p->b->pool, CEDAR_X_OR, NULL);
	v = ward_arena_alloc(p->b->arena, r->n_spared * sizeof(*v));
	if (any == NULL || v == NULL || r->n_spared > UINT32_MAX)
		return no_memory(p);
	for (size_t i = 0; code == WARD_OK && i < r->n_spared; i++)
		code = test_of(p, r, &r->spared[i], &v[i]);
	any->n = (uint32_t)r->n_spared;
	any->v = v;
	*ret = any;
	return code;
}

static const struct cedar_str *id_of(struct planting *p, size_t i)
{
	char text[48];
	size_t at = sizeof(text);

	for (size_t n = i, more = 1; more; n /= 10, more = n > 0)
		text[--at] = (char)('0' + n % 10);
	text[--at] = '.';
	for (size_t n = p->number, more = 1; more; n /= 10, more = n > 0)
		text[--at] = (char)('0' + n % 10);
	return ward_cedar_intern(p->set->policies.pool, text + at, sizeof(text) - at);
}

static int policy(struct planting *p, const struct ward_source_rule *r, size_t i)
{
	struct cedar_policy *new = ward_arena_alloc(p->b->arena, sizeof(*new));
	struct cedar_condition *c = NULL;
	int code = WARD_OK;

	if (new == NULL)
		return no_memory(p);
	*new = (struct cedar_policy){ .id = id_of(p, i),
		.effect = r->forbids ? CEDAR_FORBID : CEDAR_PERMIT };
	new->action.op = CEDAR_SCOPE_EQ;
	new->action.n = 1;
	new->action.uids = &p->b->actions[r->action];
	if (r->place != NULL) {
		new->resource.op = r->place->in ? CEDAR_SCOPE_IN : CEDAR_SCOPE_EQ;
		code = uid_of(p, r, r->place, &new->resource.uid);
	}
	if (code == WARD_OK && r->n_spared > 0) {
		c = ward_arena_alloc(p->b->arena, sizeof(*c));
		if (c == NULL)
			return no_memory(p);
		*c = (struct cedar_condition){ .unless = true };
		code = spared(p, r, &c->body);
		new->conditions = c;
		new->n_conditions = 1;
	}
	if (code != WARD_OK)
		return code;
	if (new->id == NULL || ward_cedar_policies_add(&p->set->policies, new, NULL) != WARD_OK)
		return no_memory(p);
	return WARD_OK;
}

static int provenance(struct planting *p, const struct ward_source_rule *r, size_t i)
{
	struct ward_book_rule *to = &p->set->rules[i];

	if (p->file != r->file) {
		p->file = r->file;
		p->file_copy = p->stay ? p->file : ward_arena_strdup(p->b->arena, p->file);
	}
	*to = (struct ward_book_rule){ .file = p->file_copy,
		.line = r->line,
		.column = r->line > 0 ? r->column : 0,
		.text = p->stay ? r->text : ward_arena_strdup(p->b->arena, r->text),
		.layer = p->src->layer,
		.approval = WARD_APPROVAL_NONE,
		.forbids = r->forbids,
		.inside = p->src->inside };
	return to->file != NULL && to->text != NULL ? WARD_OK : no_memory(p);
}

int ward_book_parts(struct ward_book *b, const struct ward_source *src, size_t number, bool stay,
	struct ward_book_set *set, struct ward_error *err)
{
	struct planting p = {
		.b = b, .src = src, .set = set, .number = number, .stay = stay, .err = err
	};
	struct cedar_expr *resource = ward_cedar_expr_new(b->pool, CEDAR_X_VAR, NULL);
	int code = WARD_OK;

	set->rules = calloc(src->n_rules + 1, sizeof(*set->rules));
	if (resource == NULL || set->rules == NULL ||
		ward_cedar_policies_reserve(&set->policies, src->n_rules) != WARD_OK)
		return no_memory(&p);
	resource->aux = CEDAR_RESOURCE;
	p.resource = resource;
	/* What is none after all is refused with the set that it goes into. */
	b->sure = true;
	for (size_t i = 0; code == WARD_OK && i < src->n_rules; i++) {
		code = policy(&p, &src->rules[i], i);
		if (code == WARD_OK)
			code = provenance(&p, &src->rules[i], i);
	}
	b->sure = false;
	return code;
}

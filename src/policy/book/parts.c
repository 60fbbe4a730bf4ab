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

/* ---- what was met before ---- */

void ward_planted_done(struct ward_planted *p)
{
	free(p->v);
	*p = (struct ward_planted){ 0 };
}

static struct ward_planted_test *find(struct ward_planted_test *v, size_t cap,
	const struct ward_planted_test *key)
{
	size_t i = (size_t)(((uint64_t)(uintptr_t)key->of * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (i &= cap - 1; v[i].of != NULL; i = (i + 1) & (cap - 1)) {
		if (v[i].of == key->of && v[i].n == key->n && v[i].in == key->in &&
			v[i].pattern == key->pattern)
			break;
	}
	return &v[i];
}

/* NULL: no memory. Where it is new, it has the key and nothing else. */
static struct ward_planted_test *known(struct ward_planted *p, const struct ward_planted_test *key)
{
	size_t cap = p->cap > 0 ? p->cap * 2 : 128;
	struct ward_planted_test *v, *t;

	if (p->n >= p->cap / 2) {
		v = calloc(cap, sizeof(*v));
		if (v == NULL)
			return NULL;
		for (size_t i = 0; i < p->cap; i++) {
			if (p->v[i].of != NULL)
				*find(v, cap, &p->v[i]) = p->v[i];
		}
		free(p->v);
		p->v = v;
		p->cap = cap;
	}
	t = find(p->v, p->cap, key);
	if (t->of == NULL) {
		*t = *key;
		p->n++;
	}
	return t;
}

/* ---- from rules to trees ---- */

static int planted(struct planting *p, const struct ward_source_rule *r,
	const struct ward_source_place *at, struct ward_planted_test **ret)
{
	const struct ward_planted_test key = { .of = at->id, .in = at->in, .pattern = at->pattern };
	struct ward_planted_test *t = *ret = known(&p->b->planted, &key);
	const struct cedar_uid *uid;

	if (t == NULL)
		return no_memory(p);
	if (t->uid != NULL)
		return WARD_OK;
	uid = ward_book_uid(p->b, at->pattern ? WARD_TYPE_GLOB : WARD_TYPE_PATH, at->id,
		strlen(at->id));
	if (uid == NULL)
		return no_memory(p);
	p->b->ready = p->stay ? at->compiled : NULL;
	t->uid = ward_book_id(p->b->pool, uid, &p->why, p->b);
	p->b->ready = NULL;
	return t->uid != NULL ? WARD_OK : refuse(p, r);
}

/* `resource in X`, `resource == X` */
static int test_of(struct planting *p, const struct ward_source_rule *r,
	const struct ward_source_place *at, const struct cedar_expr **ret)
{
	struct ward_planted_test *t;
	struct cedar_expr *x, *entity;
	int code = planted(p, r, at, &t);

	if (code == WARD_OK && t->test == NULL) {
		x = ward_cedar_expr_new(p->b->pool, at->in ? CEDAR_X_IN : CEDAR_X_EQ, NULL);
		entity = ward_cedar_expr_new(p->b->pool, CEDAR_X_ENTITY, NULL);
		if (x == NULL || entity == NULL)
			return no_memory(p);
		entity->uid = t->uid;
		x->a = p->b->planted.resource;
		x->b = entity;
		t->test = x;
	}
	if (code == WARD_OK)
		*ret = t->test;
	return code;
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

static int unless(struct planting *p, const struct ward_source_rule *r,
	const struct cedar_condition **ret)
{
	const struct ward_planted_test key = { .of = r->spared, .n = r->n_spared };
	struct ward_planted_test *t = known(&p->b->planted, &key);
	struct cedar_condition *c;
	int code;

	if (t == NULL)
		return no_memory(p);
	*ret = t->unless;
	if (*ret != NULL)
		return WARD_OK;
	*ret = c = ward_arena_alloc(p->b->arena, sizeof(*c));
	if (c == NULL)
		return no_memory(p);
	*c = (struct cedar_condition){ .unless = true };
	code = spared(p, r, &c->body);
	/* The table may have moved meanwhile. */
	t = code == WARD_OK ? known(&p->b->planted, &key) : NULL;
	if (t != NULL)
		t->unless = c;
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
	struct ward_planted_test *t;
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
		code = planted(p, r, r->place, &t);
		new->resource.uid = code == WARD_OK ? t->uid : NULL;
	}
	if (code == WARD_OK && r->n_spared > 0) {
		code = unless(p, r, &new->conditions);
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

/* The variable, once for all of them. */
static bool resource(struct ward_book *b)
{
	struct cedar_expr *x;

	if (b->planted.resource != NULL)
		return true;
	x = ward_cedar_expr_new(b->pool, CEDAR_X_VAR, NULL);
	if (x != NULL)
		x->aux = CEDAR_RESOURCE;
	b->planted.resource = x;
	return x != NULL;
}

int ward_book_parts(struct ward_book *b, const struct ward_source *src, size_t number, bool stay,
	struct ward_book_set *set, struct ward_error *err)
{
	struct planting p = {
		.b = b, .src = src, .set = set, .number = number, .stay = stay, .err = err
	};
	int code = WARD_OK;

	set->rules = calloc(src->n_rules + 1, sizeof(*set->rules));
	if (!resource(b) || set->rules == NULL ||
		ward_cedar_policies_reserve(&set->policies, src->n_rules) != WARD_OK)
		return no_memory(&p);
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

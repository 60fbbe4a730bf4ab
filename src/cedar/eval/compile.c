/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy set is compiled: static policies first, then links, in the order of the set. A link has its template's
 * instructions. Names, entities and scopes stay where they are, in the pool of the set, of which this is an owner too.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"

/* Where conditions begin: links share those of their template, and policies may be made that share theirs. Open-addressed by their place. */
struct known {
	const struct cedar_policy *of;
	uint32_t code;
};
struct conditions {
	struct known *v;
	size_t cap; /* more than twice what has any */
};

static struct known *look(const struct conditions *t, const struct cedar_policy *p)
{
	size_t at = ((uintptr_t)p->conditions * 0x9e3779b97f4a7c15ull >> 32) & (t->cap - 1);

	while (t->v[at].of != NULL &&
		(t->v[at].of->conditions != p->conditions ||
			t->v[at].of->n_conditions != p->n_conditions))
		at = (at + 1) & (t->cap - 1);
	return &t->v[at];
}

static bool room(struct conditions *t, const struct cedar_policies *s)
{
	size_t n = s->n_links;

	for (size_t i = 0; i < s->statics.n; i++)
		n += s->statics.v[i]->n_conditions > 0;
	t->cap = 16;
	while (t->cap / 2 < n)
		t->cap *= 2;
	t->v = calloc(t->cap, sizeof(*t->v));
	return t->v != NULL;
}

static int out_of_memory(struct cedar_diags *d, int code)
{
	if (code == WARD_E_NOMEM && d != NULL)
		d->failed = true;
	return code;
}

/* What was too much: a tree that no parser made, or more than four thousand million of something. */
static int refused(struct cedar_build *b, const struct cedar_policy *p, struct cedar_diags *d)
{
	if (b->code_of_error != WARD_E_LIMIT)
		return out_of_memory(d, b->code_of_error);
	(void)ward_cedar_diag(d, CEDAR_ERROR, 0, p->start, p->end,
		"the policy is too large to be compiled, or nested deeper than %d",
		WARD_CEDAR_DEPTH_MAX);
	if (d != NULL)
		ward_cedar_diag_policy(d, p->id);
	return WARD_E_LIMIT;
}

static int build_one(struct cedar_build *b, const struct cedar_policy *p, struct conditions *t,
	struct cedar_diags *d, uint32_t *ret)
{
	struct known *k;

	if (p->n_conditions == 0)
		return ward_cedar_build_policy(b, p, ret) ? WARD_OK : refused(b, p, d);
	k = look(t, p);
	if (k->of == NULL) {
		if (!ward_cedar_build_policy(b, p, &k->code))
			return refused(b, p, d);
		k->of = p;
	}
	*ret = k->code;
	return WARD_OK;
}

static int build_statics(struct cedar_build *b, const struct cedar_policies *s,
	struct conditions *t, struct cedar_diags *d)
{
	for (size_t i = 0; i < s->statics.n; i++) {
		const struct cedar_policy *p = s->statics.v[i];
		struct cedar_unit *u = &b->c->units[i];
		int r;

		*u = (struct cedar_unit){ .id = p->id, .tree = p, .effect = p->effect };
		r = build_one(b, p, t, d, &u->code);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static int build_links(struct cedar_build *b, const struct cedar_policies *s, struct conditions *t,
	struct cedar_diags *d)
{
	for (size_t i = 0; i < s->n_links; i++) {
		const struct cedar_link *l = &s->links[i];
		struct cedar_unit *u = &b->c->units[s->statics.n + i];
		int r;

		*u = (struct cedar_unit){ .id = l->id, .tree = l->tmpl, .effect = l->tmpl->effect };
		r = build_one(b, l->tmpl, t, d, &u->code);
		if (r < 0)
			return r;
		memcpy(u->slots, l->slots, sizeof(u->slots));
		if ((l->tmpl->principal.slot && u->slots[CEDAR_SLOT_PRINCIPAL] == NULL) ||
			(l->tmpl->resource.slot && u->slots[CEDAR_SLOT_RESOURCE] == NULL))
			return WARD_E_INVALID;
	}
	return WARD_OK;
}

/* No more room than is used. */
static bool fit(void **v, size_t n, size_t size)
{
	void *p = realloc(*v, (n + 1) * size);

	if (p != NULL)
		*v = p;
	return p != NULL;
}

/* What was built becomes the set's. */
static bool move(struct cedar_compiled *c, struct cedar_build *b)
{
	void *code = b->code, *values = b->values, *names = b->names;
	bool ok = fit(&code, b->n_code, sizeof(*b->code)) &&
		fit(&values, b->n_values, sizeof(*b->values)) &&
		fit(&names, b->n_names, sizeof(*b->names));

	c->code = code;
	c->values = values;
	c->names = names;
	c->n_code = (uint32_t)b->n_code;
	c->n_values = (uint32_t)b->n_values;
	c->n_names = (uint32_t)b->n_names;
	c->stack = (uint32_t)b->max_top;
	b->code = NULL;
	b->values = NULL;
	b->names = NULL;
	return ok;
}

static int build_all(struct cedar_compiled *c, const struct cedar_policies *s,
	struct cedar_diags *d)
{
	struct cedar_build b = { .c = c };
	struct conditions t = { 0 };
	int r = room(&t, s) ? build_statics(&b, s, &t, d) : out_of_memory(d, WARD_E_NOMEM);

	if (r >= 0)
		r = build_links(&b, s, &t, d);
	free(t.v);
	if (r >= 0 && !move(c, &b))
		r = WARD_E_NOMEM;
	ward_cedar_build_done(&b);
	return r < 0 ? out_of_memory(d, r) : out_of_memory(d, ward_cedar_index_build(c));
}

int ward_cedar_compile(const struct cedar_policies *s, struct cedar_compiled **ret,
	struct cedar_diags *d)
{
	size_t n = s->statics.n + s->n_links;
	struct cedar_compiled *c;
	int r;

	*ret = NULL;
	if (n >= UINT32_MAX / 8)
		return WARD_E_LIMIT;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return out_of_memory(d, WARD_E_NOMEM);
	c->refs = 1;
	c->n = (uint32_t)n;
	c->pool = ward_cedar_pool_ref(s->pool);
	c->arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	c->units = calloc(n + 1, sizeof(*c->units));
	r = c->arena != NULL && c->units != NULL ? build_all(c, s, d)
						 : out_of_memory(d, WARD_E_NOMEM);
	if (r < 0) {
		ward_cedar_compiled_unref(c);
		return r;
	}
	*ret = c;
	return WARD_OK;
}

struct cedar_compiled *ward_cedar_compiled_ref(struct cedar_compiled *c)
{
	(void)__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void ward_cedar_compiled_unref(struct cedar_compiled *c)
{
	if (c == NULL || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	ward_cedar_index_done(&c->index);
	free(c->units);
	free(c->code);
	free(c->values);
	free(c->names);
	ward_arena_free(c->arena);
	ward_cedar_pool_free(c->pool);
	free(c);
}

void ward_cedar_compiled_unrefp(struct cedar_compiled **c)
{
	ward_cedar_compiled_unref(*c);
	*c = NULL;
}

size_t ward_cedar_compiled_bytes(const struct cedar_compiled *c)
{
	return sizeof(*c) + c->n * sizeof(*c->units) + c->n_code * sizeof(*c->code) +
		c->n_values * sizeof(*c->values) + c->n_names * sizeof(*c->names) +
		ward_arena_bytes(c->arena) + c->index.bytes;
}

size_t ward_cedar_compiled_count(const struct cedar_compiled *c)
{
	return c->n;
}

const struct cedar_str *ward_cedar_compiled_id(const struct cedar_compiled *c, size_t i)
{
	return i < c->n ? c->units[i].id : NULL;
}

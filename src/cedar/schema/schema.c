/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolved schema: its life, and what is asked of it. Names are found by their hash, which is the same in all pools.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/index.h"
#include "cedar/schema/tree.h"

static int read_tree(struct ward_str text, enum cedar_schema_syntax syntax, struct cedar_pool *pool,
	struct cedar_schema_tree *tree, struct cedar_diags *d)
{
	struct reader r = { .text = text, .pool = pool, .diags = d, .tree = tree };
	bool json = syntax == CEDAR_SCHEMA_JSON;
	size_t valid;

	if (text.n > (json ? WARD_CEDAR_JSON_BYTES_MAX : WARD_CEDAR_TEXT_MAX)) {
		(void)ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "the schema is larger than %u bytes",
			json ? WARD_CEDAR_JSON_BYTES_MAX : WARD_CEDAR_TEXT_MAX);
		return WARD_E_LIMIT;
	}
	valid = ward_cedar_utf8_end(text.s, text.n);
	if (valid < text.n)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, (uint32_t)valid, (uint32_t)valid + 1,
			"the text is not valid UTF-8");
	r.arena = ward_cedar_pool_arena(pool);
	if (json ? ward_schema_read_json(&r) : ward_schema_read_text(&r))
		(void)ward_schema_tree_finish(&r);
	free(r.stack);
	ward_buf_done(&r.shown);
	if (r.code < 0)
		return r.code;
	if (d != NULL && d->failed)
		return WARD_E_NOMEM;
	return r.errors > 0 ? WARD_E_PARSE : WARD_OK;
}

/* Half built: a pool and an empty tree. */
static struct cedar_schema *schema_new(void)
{
	struct cedar_schema *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->pool = ward_cedar_pool_new(0);
	if (s->pool != NULL)
		s->tree = ward_arena_alloc(ward_cedar_pool_arena(s->pool), sizeof(*s->tree));
	if (s->tree != NULL)
		return s;
	ward_cedar_schema_free(s);
	return NULL;
}

static int fill(struct cedar_schema *s, struct ward_str text, enum cedar_schema_syntax syntax,
	struct cedar_diags *d)
{
	int code = read_tree(text, syntax, s->pool, s->tree, d);

	if (code < 0)
		return code;
	if (syntax == CEDAR_SCHEMA_TEXT)
		ward_schema_warn(s->tree, d);
	return ward_schema_resolve(s, false, d);
}

int ward_cedar_schema_parse(struct ward_str text, enum cedar_schema_syntax syntax,
	struct cedar_schema **ret, struct cedar_diags *d)
{
	struct cedar_schema *s = schema_new();
	int code;

	*ret = NULL;
	if (s == NULL)
		return WARD_E_NOMEM;
	code = fill(s, text, syntax, d);
	if (code < 0) {
		ward_cedar_schema_free(s);
		return code;
	}
	*ret = s;
	return WARD_OK;
}

int ward_cedar_schema_to_text(const struct cedar_schema *s, struct ward_buf *out,
	struct cedar_diags *d)
{
	return ward_schema_print(s->tree, out, d);
}

int ward_cedar_schema_to_json(const struct cedar_schema *s, struct ward_buf *out,
	struct cedar_diags *d)
{
	return ward_schema_write(s->tree, false, out, d);
}

int ward_cedar_schema_to_resolved_json(const struct cedar_schema *s, struct ward_buf *out,
	struct cedar_diags *d)
{
	return ward_schema_write(s->tree, true, out, d);
}

int ward_cedar_schema_translate(struct ward_str text, enum cedar_schema_syntax from,
	enum cedar_schema_syntax to, struct ward_buf *out, struct cedar_diags *d)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_schema_tree tree = { 0 };
	struct cedar_schema s = { .pool = pool, .tree = &tree };
	int code;

	if (pool == NULL)
		return WARD_E_NOMEM;
	code = read_tree(text, from, pool, &tree, d);
	if (code == WARD_OK && to == CEDAR_SCHEMA_RESOLVED_JSON)
		code = ward_schema_resolve(&s, true, d);
	if (code < 0)
		return code;
	if (from == CEDAR_SCHEMA_TEXT)
		ward_schema_warn(&tree, d);
	return to == CEDAR_SCHEMA_TEXT ? ward_schema_print(&tree, out, d)
				       : ward_schema_write(&tree, to != CEDAR_SCHEMA_JSON, out, d);
}

void ward_cedar_schema_free(struct cedar_schema *s)
{
	if (s == NULL)
		return;
	ward_cedar_pool_free(s->pool);
	free(s);
}

void ward_cedar_schema_freep(struct cedar_schema **s)
{
	ward_cedar_schema_free(*s);
	*s = NULL;
}

const struct cedar_entity_type *ward_cedar_schema_entity(const struct cedar_schema *s,
	const struct cedar_str *name)
{
	const struct schema_slots *t = &s->index->entities;
	const struct cedar_entity_type *e;

	if (t->mask == 0)
		return NULL;
	for (size_t i = name->hash & t->mask; t->v[i] != 0; i = (i + 1) & t->mask) {
		e = s->entities[t->v[i] - 1];
		if (ward_cedar_str_eq(e->name, name))
			return e;
	}
	return NULL;
}

const struct cedar_action_type *ward_cedar_schema_action(const struct cedar_schema *s,
	const struct cedar_uid *uid)
{
	const struct schema_slots *t = &s->index->actions;
	const struct cedar_action_type *a;

	if (t->mask == 0)
		return NULL;
	for (size_t i = uid->hash & t->mask; t->v[i] != 0; i = (i + 1) & t->mask) {
		a = s->actions[t->v[i] - 1];
		if (ward_cedar_uid_eq(a->uid, uid))
			return a;
	}
	return NULL;
}

bool ward_cedar_schema_is_action_type(const struct cedar_schema *s, const struct cedar_str *name)
{
	if (!ward_str_eq(ward_cedar_basename(ward_cedar_text(name)), WARD_STR("Action")))
		return false;
	for (uint32_t i = 0; i < s->n_action_types; i++) {
		if (ward_cedar_str_eq(s->action_types[i], name))
			return true;
	}
	return false;
}

/* Both are ordered by address: the types lie in one array, in the order of their names. */
static bool has(const void *const *v, uint32_t n, const void *e)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if ((uintptr_t)v[mid] < (uintptr_t)e)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && v[low] == e;
}

bool ward_cedar_entity_type_in(const struct cedar_entity_type *a, const struct cedar_entity_type *b)
{
	return a == b || ward_cedar_entity_type_below(a, b);
}

bool ward_cedar_entity_type_below(const struct cedar_entity_type *a,
	const struct cedar_entity_type *b)
{
	return has((const void *const *)a->ancestors, a->n_ancestors, b);
}

bool ward_cedar_action_in(const struct cedar_action_type *a, const struct cedar_action_type *b)
{
	return a == b || has((const void *const *)a->ancestors, a->n_ancestors, b);
}

bool ward_cedar_entity_type_has_id(const struct cedar_entity_type *t, const struct cedar_str *id)
{
	uint32_t low = 0, high = t->n_ids;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = ward_cedar_str_cmp(t->sorted_ids[mid], id);

		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return !t->is_enum;
}

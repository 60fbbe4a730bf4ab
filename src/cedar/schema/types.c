/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types with common types put in for their names. Equal types of a schema are one object, so that a schema never is larger
 * than its text, and comparing two of its types never takes long.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/resolve.h"

static uint64_t hash_of(const struct cedar_type *t)
{
	uint64_t h = ward_cedar_hash_mix(t->kind, t->ext);

	switch ((enum cedar_type_kind)t->kind) {
	case CEDAR_TYPE_SET: return ward_cedar_hash_mix(h, (uintptr_t)t->element);
	case CEDAR_TYPE_ENTITY: return ward_cedar_hash_mix(h, t->name->hash);
	case CEDAR_TYPE_RECORD:
		for (uint32_t i = 0; i < t->n; i++) {
			h = ward_cedar_hash_mix(h, t->attrs[i].name->hash);
			h = ward_cedar_hash_mix(h, (uintptr_t)t->attrs[i].type);
			h = ward_cedar_hash_mix(h, t->attrs[i].required);
		}
		return h;
	case CEDAR_TYPE_NONE:
	case CEDAR_TYPE_BOOL:
	case CEDAR_TYPE_LONG:
	case CEDAR_TYPE_STRING:
	case CEDAR_TYPE_EXT: break;
	}
	return h;
}

/* Of types whose parts are one object where they are equal, as names of one pool are. */
static bool equal(const struct cedar_type *a, const struct cedar_type *b)
{
	if (a->kind != b->kind || a->ext != b->ext || a->n != b->n)
		return false;
	if (a->kind == CEDAR_TYPE_SET)
		return a->element == b->element;
	if (a->kind == CEDAR_TYPE_ENTITY)
		return a->name == b->name;
	for (uint32_t i = 0; i < a->n; i++) {
		if (a->attrs[i].name != b->attrs[i].name || a->attrs[i].type != b->attrs[i].type ||
			a->attrs[i].required != b->attrs[i].required)
			return false;
	}
	return true;
}

static bool grow(struct resolver *r)
{
	size_t cap = r->types_mask > 0 ? (r->types_mask + 1) * 2 : 64;
	struct typed **v = calloc(cap, sizeof(struct typed *));

	if (v == NULL)
		return ward_schema_out_of_memory(r);
	for (size_t i = 0; r->types != NULL && i <= r->types_mask; i++) {
		size_t at;

		if (r->types[i] == NULL)
			continue;
		at = r->types[i]->hash & (cap - 1);
		while (v[at] != NULL)
			at = (at + 1) & (cap - 1);
		v[at] = r->types[i];
	}
	free(r->types);
	r->types = v;
	r->types_mask = cap - 1;
	return true;
}

/* The one object that is equal to t; depth: how deep it is. */
static const struct typed *unique(struct resolver *r, const struct cedar_type *t, uint32_t depth)
{
	uint64_t hash = hash_of(t);
	struct typed *new;
	size_t at;

	if (r->n_types >= r->types_mask / 2 && !grow(r))
		return NULL;
	at = hash & r->types_mask;
	for (; r->types[at] != NULL; at = (at + 1) & r->types_mask) {
		if (r->types[at]->hash == hash && equal(&r->types[at]->type, t))
			return r->types[at];
	}
	new = ward_arena_alloc(r->arena, sizeof(*new));
	if (new == NULL) {
		ward_schema_out_of_memory(r);
		return NULL;
	}
	*new = (struct typed){ .type = *t, .hash = hash, .depth = depth };
	r->types[at] = new;
	r->n_types++;
	return new;
}

const struct typed *ward_schema_builtin(struct resolver *r, enum cedar_type_kind kind,
	enum cedar_ext ext)
{
	return unique(r, &(struct cedar_type){ .kind = (uint8_t)kind, .ext = (uint8_t)ext }, 1);
}

const struct typed *ward_schema_empty_record(struct resolver *r)
{
	return ward_schema_builtin(r, CEDAR_TYPE_RECORD, CEDAR_EXT_NONE);
}

static const struct typed *too_deep(struct resolver *r, struct place at)
{
	FIND(r, at, "the type is nested more than %d levels deep, with the common types in it",
		WARD_CEDAR_DEPTH_MAX);
	r->code = WARD_E_LIMIT;
	return NULL;
}

static const struct typed *set(struct resolver *r, const struct schema_type *t)
{
	const struct typed *e = ward_schema_typed(r, t->element);

	if (e == NULL)
		return NULL;
	if (e->depth >= WARD_CEDAR_DEPTH_MAX)
		return too_deep(r, t->at);
	return unique(r, &(struct cedar_type){ .kind = CEDAR_TYPE_SET, .element = &e->type },
		e->depth + 1);
}

static const struct typed *record(struct resolver *r, const struct schema_type *t)
{
	struct cedar_attr_type *attrs = NULL;
	uint32_t depth = 0;

	if (t->open) {
		FIND(r, t->at,
			"unsupported feature used in schema: records and entities with "
			"`additionalAttributes` are experimental, but the experimental "
			"`partial-validate` feature is not enabled");
		return NULL;
	}
	if (t->n > 0) {
		attrs = ward_arena_alloc(r->arena, t->n * sizeof(*attrs));
		if (attrs == NULL) {
			ward_schema_out_of_memory(r);
			return NULL;
		}
	}
	for (uint32_t i = 0; i < t->n; i++) {
		const struct typed *e = ward_schema_typed(r, t->attrs[i].type);

		if (e == NULL)
			return NULL;
		if (e->depth >= WARD_CEDAR_DEPTH_MAX)
			return too_deep(r, t->attrs[i].at);
		depth = e->depth > depth ? e->depth : depth;
		attrs[i] = (struct cedar_attr_type){
			.name = t->attrs[i].name, .type = &e->type, .required = t->attrs[i].required
		};
	}
	return unique(r,
		&(struct cedar_type){ .kind = CEDAR_TYPE_RECORD, .n = t->n, .attrs = attrs },
		depth + 1);
}

static const struct typed *extension(struct resolver *r, const struct schema_type *t)
{
	for (unsigned e = CEDAR_EXT_NONE + 1; e < CEDAR_EXT_MAX; e++) {
		if (ward_cedar_str_is(t->ref.name, ward_cedar_ext_name((enum cedar_ext)e)))
			return ward_schema_builtin(r, CEDAR_TYPE_EXT, (enum cedar_ext)e);
	}
	FIND(r, t->at, "unknown extension type `%s`", t->ref.name->s);
	return NULL;
}

/* A name. Common types have been done before whoever speaks of them; NULL without a finding where that one was wrong. */
static const struct typed *named(struct resolver *r, const struct schema_type *t)
{
	const struct definition *def = t->ref.def;

	if (def == NULL)
		return NULL;
	if (t->kind != SCHEMA_ENTITY && ward_schema_def_is_common(def))
		return def->type;
	return unique(r, &(struct cedar_type){ .kind = CEDAR_TYPE_ENTITY, .name = def->name }, 1);
}

static const struct typed *make(struct resolver *r, struct schema_type *t)
{
	switch ((enum schema_kind)t->kind) {
	case SCHEMA_BOOL: return ward_schema_builtin(r, CEDAR_TYPE_BOOL, CEDAR_EXT_NONE);
	case SCHEMA_LONG: return ward_schema_builtin(r, CEDAR_TYPE_LONG, CEDAR_EXT_NONE);
	case SCHEMA_STRING: return ward_schema_builtin(r, CEDAR_TYPE_STRING, CEDAR_EXT_NONE);
	case SCHEMA_SET: return set(r, t);
	case SCHEMA_RECORD: return record(r, t);
	case SCHEMA_EXTENSION: return extension(r, t);
	case SCHEMA_ENTITY:
	case SCHEMA_ENTITY_OR_COMMON:
	case SCHEMA_COMMON: return named(r, t);
	case SCHEMA_NONE: break;
	}
	return NULL;
}

const struct typed *ward_schema_typed(struct resolver *r, struct schema_type *t)
{
	if (t->resolved == NULL && r->code == 0)
		t->resolved = make(r, t);
	return t->resolved;
}

/* One of those that wait for each other: from any that waits, on to one it waits for, until one is met again. */
static void cycle(struct resolver *r, const struct closure *needs, uint32_t *waiting)
{
	uint32_t at = 0;

	while (waiting[at] == 0)
		at++;
	while (waiting[at] != UINT32_MAX) {
		size_t e = needs->start[at];

		waiting[at] = UINT32_MAX;
		while (waiting[needs->v[e]] == 0)
			e++;
		at = needs->v[e];
	}
	FIND(r, r->commons[at]->decl.at, "cycle in common type references containing `%s`",
		r->commons[at]->decl.full->s);
}

/* Each after those that it speaks of. */
static bool in_order(struct resolver *r, const struct closure *needs, const struct closure *users,
	uint32_t *waiting, uint32_t *order)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_commons; i++) {
		waiting[i] = (uint32_t)(needs->start[i + 1] - needs->start[i]);
		if (waiting[i] == 0)
			order[n++] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct schema_common *c = r->commons[order[i]];
		struct definition *def = ward_schema_find(r, ward_cedar_text(c->decl.full));

		def->type = ward_schema_typed(r, c->type);
		if (r->code < 0)
			return false;
		for (size_t e = users->start[order[i]]; e < users->start[order[i] + 1]; e++) {
			if (--waiting[users->v[e]] == 0)
				order[n++] = users->v[e];
		}
	}
	if (n < r->n_commons)
		cycle(r, needs, waiting);
	return true;
}

/* The edges, which are grouped by where they begin, but in the order in which the groups were made. */
static bool graph(struct resolver *r, struct closure *ret)
{
	ret->start = calloc((size_t)r->n_commons + 1, sizeof(*ret->start));
	ret->v = calloc(r->n_edges + 1, sizeof(*ret->v));
	if (ret->start == NULL || ret->v == NULL)
		return ward_schema_out_of_memory(r);
	for (size_t i = 0; i < r->n_edges; i++) {
		ret->start[(size_t)r->edges[i].from + 1]++;
		ret->v[i] = r->edges[i].to;
	}
	for (uint32_t i = 0; i < r->n_commons; i++)
		ret->start[i + 1] += ret->start[i];
	return true;
}

bool ward_schema_types(struct resolver *r)
{
	struct closure needs = { 0 }, users = { 0 };
	uint32_t *waiting = calloc((size_t)r->n_commons + 1, sizeof(*waiting));
	uint32_t *order = calloc((size_t)r->n_commons + 1, sizeof(*order));
	bool ok = waiting != NULL && order != NULL && graph(r, &needs);

	if (ok && ward_schema_invert(r->n_commons, &needs, &users) < 0)
		ok = false;
	if (!ok)
		ward_schema_out_of_memory(r);
	ok = ok && in_order(r, &needs, &users, waiting, order);
	ward_schema_closure_done(&needs);
	ward_schema_closure_done(&users);
	free(waiting);
	free(order);
	return ok;
}

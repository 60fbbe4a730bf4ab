/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities and requests that fit a schema, drawn from a seed: a few of each type, some of them missing, attributes and
 * tags of the declared types, parents of the declared ones without cycles.
 */
#pragma once

#include "cedar/cedar.h"
#include "tap.h"

struct world {
	uint64_t seed;
	const struct cedar_schema *schema;
	struct cedar_pool *pool; /* of what is made: that of the store while it is built */
	bool failed;
};

#define WORLD_IDS 3

static TAP_UNUSED uint32_t draw(struct world *w, uint32_t n)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(w->seed >> 33) % n;
}

static TAP_UNUSED const struct cedar_str *world_text(struct world *w, const char *s)
{
	const struct cedar_str *r = ward_cedar_intern(w->pool, s, strlen(s));

	w->failed = w->failed || r == NULL;
	return r;
}

static TAP_UNUSED const struct cedar_uid *world_uid(struct world *w, const struct cedar_entity_type *t,
	uint32_t i)
{
	static const char *const ids[WORLD_IDS] = { "a", "b", "c" };
	const struct cedar_str *type = ward_cedar_intern(w->pool, t->name->s, t->name->n);
	const struct cedar_str *id = t->is_enum ? ward_cedar_intern(w->pool, t->ids[i % t->n_ids]->s,
							  t->ids[i % t->n_ids]->n) :
						  world_text(w, ids[i]);
	const struct cedar_uid *r = type != NULL && id != NULL ?
		ward_cedar_intern_uid(w->pool, type, id) :
		NULL;

	w->failed = w->failed || r == NULL;
	return r;
}

static struct cedar_value world_value(struct world *w, const struct cedar_type *t);

static TAP_UNUSED const struct cedar_record *world_record(struct world *w, const struct cedar_type *t)
{
	struct cedar_member *m = ward_arena_alloc(ward_cedar_pool_arena(w->pool),
		(t->n + 1) * sizeof(*m));
	const struct cedar_record *r;
	size_t n = 0;

	for (uint32_t i = 0; m != NULL && i < t->n; i++) {
		const struct cedar_attr_type *a = &t->attrs[i];

		if (!a->required && draw(w, 2) == 0)
			continue;
		m[n++] = (struct cedar_member){ ward_cedar_intern(w->pool, a->name->s, a->name->n),
			world_value(w, a->type) };
	}
	r = m != NULL ? ward_cedar_record_new(ward_cedar_pool_arena(w->pool), m, n, NULL) : NULL;
	w->failed = w->failed || r == NULL;
	return r;
}

static TAP_UNUSED struct cedar_value world_ext(struct world *w, unsigned ext)
{
	static const int64_t numbers[] = { 0, 1, -1, 86400000, INT64_MAX, INT64_MIN };
	struct cedar_value v = { .number = numbers[draw(w, 6)] };

	if (ext == CEDAR_EXT_IPADDR) {
		struct cedar_ip *ip = ward_arena_alloc(ward_cedar_pool_arena(w->pool), sizeof(*ip));

		v = (struct cedar_value){ .tag = CEDAR_V_IP, .ip = ip };
		w->failed = w->failed || ip == NULL ||
			!ward_cedar_ip_parse(ward_str(draw(w, 2) ? "10.0.0.1" : "::1/64"), ip);
		return v;
	}
	v.tag = ext == CEDAR_EXT_DECIMAL ? CEDAR_V_DECIMAL :
		ext == CEDAR_EXT_DATETIME ? CEDAR_V_DATETIME :
					    CEDAR_V_DURATION;
	return v;
}

static TAP_UNUSED const struct cedar_set *world_set(struct world *w, const struct cedar_type *element)
{
	struct cedar_value v[3];
	size_t n = draw(w, 4);
	const struct cedar_set *r;

	for (size_t i = 0; i < n; i++)
		v[i] = world_value(w, element);
	r = ward_cedar_set_new(ward_cedar_pool_arena(w->pool), v, n);
	w->failed = w->failed || r == NULL;
	return r;
}

static struct cedar_value world_value(struct world *w, const struct cedar_type *t)
{
	static const int64_t longs[] = { 0, 1, 2, -1, 42, INT64_MAX };
	static const char *const texts[] = { "", "a", "x", "ab" };
	const struct cedar_entity_type *e;

	switch (t->kind) {
	case CEDAR_TYPE_BOOL: return (struct cedar_value){ .tag = CEDAR_V_BOOL, .truth = draw(w, 2) };
	case CEDAR_TYPE_LONG:
		return (struct cedar_value){ .tag = CEDAR_V_LONG, .number = longs[draw(w, 6)] };
	case CEDAR_TYPE_STRING:
		return (struct cedar_value){ .tag = CEDAR_V_STRING,
			.str = world_text(w, texts[draw(w, 4)]) };
	case CEDAR_TYPE_SET:
		return (struct cedar_value){ .tag = CEDAR_V_SET, .set = world_set(w, t->element) };
	case CEDAR_TYPE_RECORD:
		return (struct cedar_value){ .tag = CEDAR_V_RECORD, .record = world_record(w, t) };
	case CEDAR_TYPE_EXT: return world_ext(w, t->ext);
	default:
		e = ward_cedar_schema_entity(w->schema, t->name);
		return (struct cedar_value){ .tag = CEDAR_V_ENTITY,
			.uid = world_uid(w, e, draw(w, WORLD_IDS)) };
	}
}

static TAP_UNUSED const struct cedar_record *world_tags(struct world *w, const struct cedar_type *t)
{
	struct cedar_member m[2];
	const struct cedar_record *r;
	size_t n = 0;

	if (t == NULL)
		return NULL;
	if (draw(w, 2))
		m[n++] = (struct cedar_member){ world_text(w, "a"), world_value(w, t) };
	if (draw(w, 2))
		m[n++] = (struct cedar_member){ world_text(w, "x"), world_value(w, t) };
	r = ward_cedar_record_new(ward_cedar_pool_arena(w->pool), m, n, NULL);
	w->failed = w->failed || r == NULL;
	return r;
}

/* Parents have a later number, so that there is no cycle. */
static TAP_UNUSED void world_entity(struct world *w, struct cedar_entities *s,
	const struct cedar_entity_type *t, uint32_t i)
{
	const struct cedar_uid *parents[8];
	struct cedar_entity_input e = { .uid = world_uid(w, t, i), .parents = parents };

	for (uint32_t k = 0; k < t->n_parents && k < 8; k++)
		if (i + 1 < WORLD_IDS && draw(w, 2))
			parents[e.n_parents++] = world_uid(w, t->parents[k], i + 1);
	e.attrs = t->is_enum ? NULL : world_record(w, t->attrs);
	e.tags = world_tags(w, t->tags);
	if (!w->failed && ward_cedar_entities_add(s, &e, NULL) < 0)
		w->failed = true;
}

/* Some entities are missing. NULL: w->failed. */
static TAP_UNUSED struct cedar_entities *world_entities(struct world *w)
{
	struct cedar_entities *s = ward_cedar_entities_new();

	if (s == NULL)
		return NULL;
	w->pool = ward_cedar_entities_pool(s);
	for (uint32_t i = 0; i < w->schema->n_entities; i++) {
		const struct cedar_entity_type *t = w->schema->entities[i];

		for (uint32_t k = 0; k < (t->is_enum ? t->n_ids : WORLD_IDS); k++)
			if (draw(w, 6) > 0)
				world_entity(w, s, t, k);
	}
	if (w->failed || ward_cedar_entities_add_actions(s, w->schema, NULL) < 0 ||
		ward_cedar_entities_finish(s, NULL) < 0) {
		w->failed = true;
		ward_cedar_entities_unref(s);
		return NULL;
	}
	return s;
}

/* What is in it lives in pool. */
static TAP_UNUSED struct cedar_request world_request(struct world *w, struct cedar_pool *pool)
{
	const struct cedar_action_type *a;

	w->pool = pool;
	do
		a = w->schema->actions[draw(w, w->schema->n_actions)];
	while (!a->applies);
	return (struct cedar_request){
		.principal = world_uid(w, a->principals[draw(w, a->n_principals)], draw(w, WORLD_IDS)),
		.action = ward_cedar_adopt_uid(pool, a->uid),
		.resource = world_uid(w, a->resources[draw(w, a->n_resources)], draw(w, WORLD_IDS)),
		.context = world_record(w, a->context),
	};
}

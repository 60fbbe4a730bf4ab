/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/entity: the store: entities by identifier, each with its attributes, tags and all its ancestors. Built once,
 * immutable, reference-counted (atomically), shared between threads.
 */
#pragma once

#include "cedar/schema/schema.h"

struct cedar_entity {
	const struct cedar_uid *uid;
	const struct cedar_record *attrs;                /* never NULL */
	const struct cedar_record *tags;                 /* never NULL */
	uint32_t n_parents, n_ancestors;
	const struct cedar_uid *const *parents;          /* direct, without repetition, ordered by uid_cmp */
	const struct cedar_uid *const *ancestors;        /* closed, ordered by hash; not itself; a part of each hash behind them */
};
/*
 * For an entity that is not of a store (struct cedar_request, own): v, which holds n, is ordered and becomes e's ancestors;
 * behind them there is room for n numbers of 32 bits. Allocates nothing up to 64, where qsort() may.
 */
#define CEDAR_ANCESTORS_BYTES(n) ((n) * (sizeof(const struct cedar_uid *) + sizeof(uint32_t)))
void ward_cedar_entity_ancestors(struct cedar_entity *e, const struct cedar_uid **v, uint32_t n);
struct cedar_entities;

/* Entities to be: add, then finish, which closes the hierarchy and refuses cycles. */
struct cedar_entity_input {
	const struct cedar_uid *uid;
	const struct cedar_record *attrs, *tags;         /* NULL: empty */
	const struct cedar_uid *const *parents;
	size_t n_parents;
};
struct cedar_entities *ward_cedar_entities_new(void);    /* one reference; NULL: no memory */
struct cedar_pool *ward_cedar_entities_pool(struct cedar_entities *s);
/* An equal one twice is fine, a different one is an error. Everything in e lives in the store's pool. */
int ward_cedar_entities_add(struct cedar_entities *s, const struct cedar_entity_input *e, struct cedar_diags *d);
/* The declared actions with their ancestors. */
int ward_cedar_entities_add_actions(struct cedar_entities *s, const struct cedar_schema *schema, struct cedar_diags *d);
int ward_cedar_entities_finish(struct cedar_entities *s, struct cedar_diags *d);
struct cedar_entities *ward_cedar_entities_ref(struct cedar_entities *s);
void ward_cedar_entities_unref(struct cedar_entities *s);    /* NULL ok */
void ward_cedar_entities_unrefp(struct cedar_entities **s);

/* The whole way: a JSON list; with a schema: guided by it, checked against it, its actions added. */
int ward_cedar_entities_parse(struct ward_str text, const struct cedar_schema *schema, struct cedar_entities **ret,
	struct cedar_diags *d);
/* JSON list, ordered by uid; parents, not ancestors. */
void ward_cedar_entities_json(const struct cedar_entities *s, struct ward_buf *out);
/* Is what is there what the schema says (entity validation)? Every finding is a diagnostic. */
int ward_cedar_entities_validate(const struct cedar_entities *s, const struct cedar_schema *schema, struct cedar_diags *d);

/* Reading: any thread, after finish. */
const struct cedar_entity *ward_cedar_entities_get(const struct cedar_entities *s, const struct cedar_uid *uid);
bool ward_cedar_entity_in(const struct cedar_entity *e, const struct cedar_uid *ancestor);   /* proper ancestors only */
size_t ward_cedar_entities_count(const struct cedar_entities *s);
const struct cedar_entity *ward_cedar_entities_at(const struct cedar_entities *s, size_t i);  /* ordered by uid_cmp */

/* ---- request.c ---- */
struct cedar_request {
	const struct cedar_uid *principal, *action, *resource;   /* NULL: unknown (partial evaluation) */
	const struct cedar_record *context;                      /* NULL: unknown */
	/*
	 * Of principal, action and resource, where the caller knows more of them than the store, which then is not asked; NULL:
	 * the store's. Only authorize and interpret look at them.
	 */
	const struct cedar_entity *own[3];
};
/* Context from JSON; with schema and action: guided by the action's context type, unknown action is an error. */
int ward_cedar_context_parse(struct cedar_pool *pool, struct ward_str json, const struct cedar_schema *schema,
	const struct cedar_uid *action, const struct cedar_record **ret, struct cedar_diags *d);
int ward_cedar_request_validate(const struct cedar_request *r, const struct cedar_schema *schema, struct cedar_diags *d);
/* Does v fit t? false: a diagnostic says where not. */
bool ward_cedar_value_fits(const struct cedar_value *v, const struct cedar_type *t, const struct cedar_schema *schema,
	const char *what, struct cedar_diags *d);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/schema: both syntaxes of a schema become one syntactic tree (tree.h, private), which is converted to either
 * syntax again, or resolved: names looked up, common types inlined, hierarchies closed. What is resolved is immutable.
 */
#pragma once

#include "cedar/value/value.h"

struct cedar_entity_type {
	const struct cedar_str *name;
	const struct cedar_type *attrs;                  /* RECORD, never NULL */
	const struct cedar_type *tags;                   /* NULL: none */
	bool is_enum;
	const struct cedar_str *const *ids;              /* of an enum, as declared */
	const struct cedar_str *const *sorted_ids;       /* by ward_cedar_str_cmp() */
	uint32_t n_ids;
	uint32_t n_parents, n_ancestors, n_descendants;
	const struct cedar_entity_type *const *parents;      /* memberOfTypes, as declared */
	const struct cedar_entity_type *const *ancestors;    /* closed; itself only where a cycle says so */
	const struct cedar_entity_type *const *descendants;  /* closed */
};
struct cedar_action_type {
	const struct cedar_uid *uid;
	const struct cedar_type *context;                /* RECORD, never NULL */
	bool applies;                                    /* has appliesTo: else a group only */
	uint32_t n_principals, n_resources, n_parents, n_ancestors, n_descendants;
	const struct cedar_entity_type *const *principals, *const *resources;
	const struct cedar_action_type *const *parents, *const *ancestors, *const *descendants;
};
/* Equal types of one schema are one object: address tells, and what a text doubles again and again stays small. */
struct cedar_schema {
	struct cedar_pool *pool;
	uint32_t n_entities, n_actions;
	const struct cedar_entity_type *const *entities; /* ordered by name */
	const struct cedar_action_type *const *actions;  /* ordered by ward_cedar_uid_cmp() */
	const struct cedar_str *const *action_types;     /* "Action", "NS::Action": those that actions have */
	uint32_t n_action_types;
	struct cedar_schema_tree *tree;                  /* private: for conversions */
	const struct cedar_schema_index *index;          /* private: for lookups */
};
enum cedar_schema_syntax { CEDAR_SCHEMA_TEXT = 0, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_RESOLVED_JSON /* to be written alone */ };
/* Warnings (shadowed names) go to d as well. *ret owns everything it needs. Any error: WARD_E_PARSE or NOMEM or LIMIT. */
int ward_cedar_schema_parse(struct ward_str text, enum cedar_schema_syntax syntax, struct cedar_schema **ret,
	struct cedar_diags *d);
void ward_cedar_schema_free(struct cedar_schema *s);
void ward_cedar_schema_freep(struct cedar_schema **s);
const struct cedar_entity_type *ward_cedar_schema_entity(const struct cedar_schema *s, const struct cedar_str *name);
const struct cedar_action_type *ward_cedar_schema_action(const struct cedar_schema *s, const struct cedar_uid *uid);
bool ward_cedar_schema_is_action_type(const struct cedar_schema *s, const struct cedar_str *name);
/* May an entity of type a be in one of type b? Itself counts. */
bool ward_cedar_entity_type_in(const struct cedar_entity_type *a, const struct cedar_entity_type *b);
/* The same of proper ancestors: itself only where the schema says so. */
bool ward_cedar_entity_type_below(const struct cedar_entity_type *a, const struct cedar_entity_type *b);
bool ward_cedar_action_in(const struct cedar_action_type *a, const struct cedar_action_type *b);
bool ward_cedar_entity_type_has_id(const struct cedar_entity_type *t, const struct cedar_str *id); /* not an enum: true */

/* Conversions. What cannot be said in the other syntax: WARD_E_UNSUPPORTED with a diagnostic. */
int ward_cedar_schema_to_text(const struct cedar_schema *s, struct ward_buf *out, struct cedar_diags *d);
int ward_cedar_schema_to_json(const struct cedar_schema *s, struct ward_buf *out, struct cedar_diags *d);
/* JSON with every name resolved: EntityOrCommon is no more, common types keep their names. */
int ward_cedar_schema_to_resolved_json(const struct cedar_schema *s, struct ward_buf *out, struct cedar_diags *d);
/*
 * The same for a text that need not be a whole schema: names are looked up for CEDAR_SCHEMA_RESOLVED_JSON alone, and nothing
 * else that resolving looks at is: cycles, shadowing, what contexts are.
 */
int ward_cedar_schema_translate(struct ward_str text, enum cedar_schema_syntax from, enum cedar_schema_syntax to,
	struct ward_buf *out, struct cedar_diags *d);

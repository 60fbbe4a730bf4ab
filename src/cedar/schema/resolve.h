/* SPDX-License-Identifier: Apache-2.0 */
/* The steps from a tree to a schema: names (names.c), types (types.c), hierarchies (closure.c), and all of it (resolve.c). */
#pragma once

#include "cedar/schema/index.h"
#include "cedar/schema/tree.h"

/* A resolved type. Equal ones of a schema are one: what is doubled in each of a hundred steps stays a hundred types. */
struct typed {
	struct cedar_type type;          /* first */
	uint64_t hash;
	uint32_t depth;
};

/* What a name means. One name may be a common type and an entity type at once: then the common type is meant. */
struct definition {
	const struct cedar_str *name;    /* with its namespace */
	struct schema_common *common;
	struct schema_entity *entity;
	bool builtin;                    /* a common type of the language */
	bool action_type;                /* the type of declared actions */
	uint32_t index;                  /* of the common type among those */
	const struct typed *type;        /* of the common type, when it is known */
};
static inline bool ward_schema_def_is_common(const struct definition *d)
{
	return d->common != NULL || d->builtin;
}

struct edge {                            /* a common type speaks of another */
	uint32_t from, to;
};
struct resolver {
	struct cedar_schema *s;
	struct cedar_schema_tree *tree;
	struct cedar_pool *pool;
	struct ward_arena *arena;
	struct cedar_diags *diags;
	int code;
	bool names_only;
	size_t errors;
	struct definition **defs;        /* open-addressed by name */
	size_t n_defs, defs_mask;
	struct typed **types;            /* open-addressed by hash */
	size_t n_types, types_mask;
	struct schema_common **commons;
	uint32_t n_commons;
	struct edge *edges;              /* grouped by from, in order */
	size_t n_edges, cap_edges;
	size_t links;                    /* elements of lists of types and actions so far */
	struct ward_buf name;            /* scratch */
};
bool ward_schema_out_of_memory(struct resolver *r);      /* false, always */
/* Type::"id", for messages; in r->name. */
const char *ward_schema_uid_text(struct resolver *r, const struct cedar_uid *uid);
#define FIND(r, place, ...) \
	((r)->errors++, (void)ward_cedar_diag((r)->diags, CEDAR_ERROR, 0, (place).start, (place).end, __VA_ARGS__))

/* ---- names.c. False: r->code, or more findings than are kept; what is wrong with the schema is counted in r->errors ---- */
bool ward_schema_define(struct resolver *r);                     /* the table of names */
struct definition *ward_schema_find(const struct resolver *r, struct ward_str name);
bool ward_schema_names(struct resolver *r);                      /* every reference to a type */
/* n more elements of lists; false: they are too many. Before anything goes through them: names may share one list. */
bool ward_schema_links(struct resolver *r, struct place at, uint32_t n);
/* "NS::name" in r->name. */
bool ward_schema_qualified(struct resolver *r, const struct cedar_str *ns, const struct cedar_str *name,
	struct ward_str *ret);

/* ---- types.c ---- */
bool ward_schema_types(struct resolver *r);                      /* every common type */
/* NULL: noted, or no memory. */
const struct typed *ward_schema_typed(struct resolver *r, struct schema_type *t);
const struct typed *ward_schema_empty_record(struct resolver *r);
const struct typed *ward_schema_builtin(struct resolver *r, enum cedar_type_kind kind, enum cedar_ext ext);

/* ---- closure.c ---- */
struct closure {                         /* of node i: v[start[i]] .. v[start[i + 1]], ascending */
	size_t *start;
	uint32_t *v;
};
void ward_schema_closure_done(struct closure *c);
/* What can be reached from each of n nodes over the edges in to: itself only where a cycle leads back. */
int ward_schema_close(uint32_t n, const struct closure *to, struct closure *ret);
int ward_schema_invert(uint32_t n, const struct closure *to, struct closure *ret);

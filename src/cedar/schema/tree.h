/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a schema says, before names are looked up: namespaces, and in each common types, entity types and actions, with
 * their annotations, as either syntax can say it. Both parsers make it, both printers read it; the resolver looks names up
 * in it and keeps what it found in the nodes. All of it lives in the schema's pool.
 */
#pragma once

#include "cedar/schema/schema.h"

struct place {
	uint32_t start, end;             /* in the text; both 0: no place known */
};

/* An annotation; value NULL: it has none (JSON's null). Ordered by key. */
struct note {
	const struct cedar_str *key, *value;
};
struct notes {
	uint32_t n;
	const struct note *v;
};

struct definition;
/* A type's name as it is written, in normal form, and what it was found to mean. */
struct ref {
	const struct cedar_str *name;
	struct place at;
	struct definition *def;          /* NULL: not looked up, or not found */
};

enum schema_kind {
	SCHEMA_NONE = 0, SCHEMA_BOOL, SCHEMA_LONG, SCHEMA_STRING, SCHEMA_SET, SCHEMA_RECORD,
	SCHEMA_ENTITY,                   /* an entity type and nothing else */
	SCHEMA_ENTITY_OR_COMMON,         /* what a name is in the text syntax */
	SCHEMA_EXTENSION,
	SCHEMA_COMMON,                   /* a common type and nothing else */
};
struct typed;
struct schema_type {
	uint8_t kind;
	bool open;                       /* RECORD: additionalAttributes */
	bool seen;                       /* its names have been looked up: declarations of several names share it */
	uint32_t n;
	struct place at;
	union {
		struct schema_type *element;
		struct schema_attr *attrs;       /* ordered by name, which are distinct */
		struct ref ref;                  /* ENTITY, ENTITY_OR_COMMON, COMMON; EXTENSION: its name */
	};
	const struct typed *resolved;
};
struct schema_attr {
	const struct cedar_str *name;
	struct schema_type *type;
	struct place at;
	bool required;
	struct notes notes;
};

struct decl {                            /* what the three kinds of declarations have in common */
	const struct cedar_str *name;    /* without the namespace */
	const struct cedar_str *full;    /* with it; the resolver's, of types alone */
	struct place at;                 /* of the name */
	struct notes notes;
	struct decl *next;               /* while reading */
};
struct schema_common {
	struct decl decl;
	struct schema_type *type;
};
struct schema_entity {
	struct decl decl;
	bool is_enum;
	uint32_t n_ids, n_parents;
	const struct cedar_str *const *ids, *const *sorted_ids;
	struct ref *parents;
	struct schema_type *shape, *tags;        /* NULL: none */
	uint32_t index;                          /* in the resolved schema */
};
struct schema_group {                            /* a parent of an action */
	const struct cedar_str *type;            /* NULL: not said */
	const struct cedar_str *id;
	struct place at;
	const struct schema_action *action;      /* what it was found to be */
};
struct schema_action {
	struct decl decl;
	bool has_applies, has_parents;
	uint32_t n_principals, n_resources, n_parents;
	struct ref *principals, *resources;
	struct schema_group *parents;
	struct schema_type *context;             /* NULL: none */
	const struct cedar_uid *uid;
	uint32_t index;                          /* in the resolved schema */
};

enum decl_kind { DECL_COMMON = 0, DECL_ENTITY, DECL_ACTION, DECL_MAX };
struct decls {
	uint32_t n;
	struct decl **v;                 /* ordered by name, which are distinct */
	struct decl *first;              /* while reading, the newest first */
};
struct schema_namespace {
	const struct cedar_str *name;    /* NULL: the empty one */
	struct place at;
	struct notes notes;
	struct decls decls[DECL_MAX];
	struct schema_namespace *next;   /* while reading */
};
struct cedar_schema_tree {
	uint32_t n;
	struct schema_namespace **v;     /* the empty one first, then by last identifier, then by what is before it */
	struct schema_namespace *first;  /* while reading, the newest first */
};

/* ---- what both parsers stand on (reader.c) ---- */
struct token {
	uint32_t start, end;
	uint8_t kind;
	bool escaped;                    /* a string with escapes or carriage returns in it */
};
struct reader {
	struct ward_str text;
	struct token tok;
	uint32_t last_end;               /* of the token before */
	unsigned level;                  /* nesting of the type that is being read */
	unsigned braces;                 /* open at this place */
	struct cedar_pool *pool;
	struct ward_arena *arena;
	struct cedar_diags *diags;
	struct cedar_schema_tree *tree;
	int code;                        /* 0, or what ends everything */
	size_t errors;
	char *stack;                     /* elements of lists under way */
	size_t top, cap;
	struct ward_buf shown;
};
#define NOTE(r, place, ...) \
	((r)->errors++, (void)ward_cedar_diag((r)->diags, CEDAR_ERROR, 0, (place).start, (place).end, __VA_ARGS__))
#define HELP(r, ...) ward_cedar_diag_help((r)->diags, __VA_ARGS__)
bool ward_schema_no_memory(struct reader *r);                    /* false, always */
const char *ward_schema_shown(struct reader *r, const char *s, size_t n);    /* on one line, until the next call */
bool ward_schema_push(struct reader *r, const void *e, size_t size);
/* What was pushed since from, as an array of elements of that size; *ret NULL where there is nothing. */
bool ward_schema_pop(struct reader *r, size_t from, size_t size, void *ret_array, uint32_t *ret_n);
void *ward_schema_new(struct reader *r, size_t size);            /* zeroed; NULL: no memory, said */
struct schema_type *ward_schema_type_new(struct reader *r, enum schema_kind kind, struct place at);
/* One level deeper into a type; r->level-- is the way out. False: too deep. */
bool ward_schema_enter(struct reader *r, struct place at);
/* Annotations pushed since from; a key twice is an error. */
bool ward_schema_notes(struct reader *r, size_t from, const struct place *at, struct notes *ret);
/* Attributes pushed since from become those of a record: ordered; the last of those of one name. */
bool ward_schema_attrs(struct reader *r, size_t from, struct schema_type *record);
/* Identifiers pushed since from become those of an enumerated type. */
bool ward_schema_ids(struct reader *r, size_t from, struct schema_entity *e);
void ward_schema_declare(struct schema_namespace *ns, enum decl_kind kind, struct decl *d);
/* Order everything, refuse what is there twice or has a name that it may not have. */
bool ward_schema_tree_finish(struct reader *r);
/* "N::name" of a namespace that may be NULL. */
const struct cedar_str *ward_schema_qualify(struct cedar_pool *pool, const struct cedar_str *ns, const struct cedar_str *name);
/* The types that have names of their own in JSON; no common type may be called so. */
bool ward_schema_is_keyword(struct ward_str s);
/* Common types and entity types that hide what is built in, or each other. */
void ward_schema_warn(const struct cedar_schema_tree *t, struct cedar_diags *d);

/* ---- parse.c, json.c: r->tree is filled; false: r->code or r->errors says why ---- */
bool ward_schema_read_text(struct reader *r);
bool ward_schema_read_json(struct reader *r);

/* ---- resolve.c: the tree becomes a schema; names_only: names are looked up in it, and that is all ---- */
int ward_schema_resolve(struct cedar_schema *s, bool names_only, struct cedar_diags *d);

/* ---- print.c, write.c ---- */
int ward_schema_written(const struct ward_buf *out, struct cedar_diags *d);      /* is it whole? */
int ward_schema_print(const struct cedar_schema_tree *t, struct ward_buf *out, struct cedar_diags *d);
int ward_schema_write(const struct cedar_schema_tree *t, bool resolved, struct ward_buf *out, struct cedar_diags *d);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to cedar/validate: the lattice of types (types.c).
 */
#pragma once

#include "cedar/validate/validate.h"

/* The types of a schema and those that only type-checking knows; both are struct cedar_type. */
enum {
	VT_NEVER = 64,                   /* of the elements of [] */
	VT_TRUE, VT_FALSE,
	VT_ANY_SET, VT_ANY_ENTITY,       /* only as what is expected */
	VT_UNION,                        /* struct union_type: one of several entity types */
	VT_OPEN,                         /* a record that may have more attributes */
};
struct union_type {
	struct cedar_type t;             /* t.n: how many, at least 2 */
	const struct cedar_str *const *names; /* distinct, in the language's order of names */
};
extern const struct cedar_type ward_vt_bool, ward_vt_true, ward_vt_false, ward_vt_long, ward_vt_string, ward_vt_never,
	ward_vt_any_set, ward_vt_any_entity, ward_vt_any_record, ward_vt_set_of_any_entity, ward_vt_ext[CEDAR_EXT_MAX];

/* Why two types have no least upper bound; texts are in message.c. */
enum lub_why { LUB_NONE = 0, LUB_QUALIFIER, LUB_WIDTH, LUB_ENTITY, LUB_ENTITY_RECORD };
/* Where they should have had one. */
enum lub_where { LUB_SET = 0, LUB_IF, LUB_EQUALITY, LUB_CONTAINS, LUB_CONTAINS_ANY_ALL, LUB_TAG };

struct checker;
static inline bool ward_vt_is_bool(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_BOOL || t->kind == VT_TRUE || t->kind == VT_FALSE;
}
static inline bool ward_vt_is_record(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_RECORD || t->kind == VT_OPEN;
}
static inline bool ward_vt_is_set(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_SET || t->kind == VT_ANY_SET;
}
static inline bool ward_vt_is_entity(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_ENTITY || t->kind == VT_UNION || t->kind == VT_ANY_ENTITY;
}
/* The entity types that t may be; 0 if t is none or any. */
uint32_t ward_vt_names(const struct cedar_type *t, const struct cedar_str *const **ret);
bool ward_vt_has_name(const struct cedar_type *t, const struct cedar_str *name);
bool ward_vt_subtype(struct checker *c, const struct cedar_type *a, const struct cedar_type *b, bool strict);
/* NULL: there is none, for *why; or no memory, which c knows. */
const struct cedar_type *ward_vt_lub(struct checker *c, const struct cedar_type *a, const struct cedar_type *b, bool strict,
	enum lub_why *why);
/* The same of entity types that are known, without being strict. NULL: no memory, or too much of it. */
const struct cedar_type *ward_vt_union(struct checker *c, const struct cedar_type *const *types, size_t n);
int ward_vt_cmp(struct checker *c, const struct cedar_type *a, const struct cedar_type *b); /* a total order, for messages */
bool ward_vt_disjoint(struct checker *c, const struct cedar_type *a, const struct cedar_type *b);
void ward_vt_print(struct ward_buf *out, const struct cedar_type *t);
/* As it is, but for NUL, which a message cannot hold: \0. */
void ward_vt_print_name(struct ward_buf *out, const struct cedar_str *name);
int ward_vt_name_cmp(const struct cedar_str *a, const struct cedar_str *b); /* the last part, then the namespace */
bool ward_vt_is_action(const struct cedar_str *type);         /* Action, NS::Action */
const struct cedar_attr_type *ward_vt_attr(const struct cedar_type *record, const struct cedar_str *name);
/* The record of what is known of t's attributes; empty if nothing is. NULL: no memory. */
const struct cedar_type *ward_vt_attrs(struct checker *c, const struct cedar_type *t);
bool ward_vt_may_have(struct checker *c, const struct cedar_type *t, const struct cedar_str *name);

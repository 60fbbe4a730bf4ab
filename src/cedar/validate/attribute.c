/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes and tags: what is there for certain, what is there once somebody has looked, and what looking teaches.
 */
#include "cedar/validate/check.h"

static const struct cedar_type *const holders[] = { &ward_vt_any_entity, &ward_vt_any_record };
static const struct cedar_type *const entities[] = { &ward_vt_any_entity };
static const struct cedar_type *const strings[] = { &ward_vt_string };
static const struct expectation an_entity = { entities, 1, NULL }, a_string = { strings, 1, NULL };

static enum type_help help_has(const struct cedar_type *t)
{
	if (ward_vt_is_set(t))
		return HELP_CONTAINS;
	return t->kind == CEDAR_TYPE_STRING ? HELP_LIKE : HELP_NONE;
}

static const struct expectation has_holder = { holders, 2, help_has };
static const struct expectation dot_holder = { holders, 2, NULL };

static const struct cedar_attr_type *lookup(struct checker *c, const struct cedar_type *t,
	const struct cedar_str *name)
{
	const struct cedar_type *attrs = ward_vt_attrs(c, t);

	return attrs != NULL ? ward_vt_attr(attrs, name) : NULL;
}

/* The type of what.name, and what is found wrong with it at `at`; NULL: there is none. */
static const struct cedar_type *get(struct checker *c, const struct node *what,
	const struct cedar_str *name, uint32_t cap, struct cedar_span at, bool *ret_ok)
{
	const struct cedar_attr_type *a = lookup(c, what->type, name);

	*ret_ok = a != NULL && (a->required || ward_cedar_cap_known(c, cap));
	if (!*ret_ok && !c->failed)
		ward_cedar_find_attr(c, at, what, name, a != NULL);
	return a != NULL ? a->type : NULL;
}

APART static struct answer check_attr(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &dot_holder);
	const struct cedar_type *t;
	bool ok;

	if (a.type == NULL)
		return ward_cedar_answer(NULL, false);
	t = get(c, n->v[0], n->str, n->cap, ward_cedar_node_at(n), &ok);
	return ward_cedar_answer(t, ok && a.ok);
}

APART static struct answer check_has_one(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &has_holder), r;
	const struct cedar_attr_type *found;
	bool certain;

	if (a.type == NULL)
		return ward_cedar_answer(&ward_vt_bool, false);
	found = lookup(c, a.type, n->names[0]);
	if (found == NULL)
		return ward_cedar_answer(ward_vt_may_have(c, a.type, n->names[0]) ? &ward_vt_bool
										  : &ward_vt_false,
			a.ok);
	/* An entity need not be there, so that even what it must have it may not have. */
	certain = ward_cedar_cap_known(c, n->cap) || (found->required && ward_vt_is_record(a.type));
	r = ward_cedar_answer(certain ? &ward_vt_true : &ward_vt_bool, a.ok);
	if (r.ok)
		r.caps = ward_cedar_cap_one(c, n->cap);
	return r;
}

/* One step of a has x.y.z; NULL: found wrong. */
static const struct cedar_type *has_step(struct checker *c, const struct node *n, uint32_t i,
	const struct capability **ret_cap)
{
	const struct node *what = n->v[i];
	const struct cedar_str *name = n->names[i];
	const struct cedar_attr_type *found;

	*ret_cap = NULL;
	if (!ward_vt_is_record(what->type) && !ward_vt_is_entity(what->type)) {
		ward_cedar_find_type(c, ward_cedar_node_at(what), holders, 2, what->type,
			help_has(what->type));
		return NULL;
	}
	found = lookup(c, what->type, name);
	if (found == NULL)
		return ward_vt_may_have(c, what->type, name) ? &ward_vt_bool : &ward_vt_false;
	if (ward_cedar_cap_known(c, n->caps[i]) ||
		(found->required && ward_vt_is_record(what->type)))
		return &ward_vt_true;
	*ret_cap = ward_cedar_cap_one(c, n->caps[i]);
	return &ward_vt_bool;
}

struct has_result {
	const struct cedar_type *type; /* NULL: found wrong */
	const struct capability *caps;
};

/* From the left until a step is false or the last; what each teaches is known to those behind it. */
APART static struct has_result has_chain(struct checker *c, const struct node *n)
{
	const struct capability *cap, *all = NULL;
	struct has_result r = { &ward_vt_true, NULL };
	const struct cedar_type *t = NULL;
	bool ok = true;

	for (uint32_t i = 0; i < n->n_names; i++) {
		t = has_step(c, n, i, &cap);
		if (t == NULL || t->kind == VT_FALSE)
			break;
		if (t->kind == CEDAR_TYPE_BOOL)
			r.type = t;
		ward_cedar_cap_learn(c, cap);
		all = ward_cedar_cap_union(c, all, cap);
		if (i + 1 == n->n_names)
			break;
		n->v[i + 1]->type =
			get(c, n->v[i], n->names[i], n->caps[i], ward_cedar_node_at(n->v[i]), &ok);
		if (n->v[i + 1]->type == NULL || !ok)
			break;
	}
	ward_cedar_cap_forget(c, all);
	r.caps = all;
	if (t == NULL || !ok)
		r = (struct has_result){ NULL, NULL };
	else if (t->kind == VT_FALSE)
		r = (struct has_result){ t, NULL };
	return r;
}

APART static struct answer check_has(struct checker *c, struct node *n)
{
	struct answer a;
	struct has_result r;

	if (n->n_names == 1)
		return check_has_one(c, n);
	a = ward_cedar_type_expect(c, n->v[0], &has_holder);
	if (a.type == NULL)
		return ward_cedar_answer(&ward_vt_bool, false);
	r = has_chain(c, n);
	if (r.type == NULL)
		return ward_cedar_answer(&ward_vt_bool, false);
	return (struct answer){ r.type, a.ok ? r.caps : NULL, a.ok };
}

/* ---- tags ---- */

/* Tag types of what may be had by t, each once; *ret is NULL when there is no memory. */
APART static uint32_t tag_types(struct checker *c, const struct cedar_type *t,
	const struct cedar_type ***ret)
{
	const struct cedar_str *const *names;
	uint32_t n = ward_vt_names(t, &names), kept = 0;
	uint32_t all = n > 0 ? n : c->schema->n_entities;
	const struct cedar_type **v = ward_cedar_check_alloc(c, c->per_env, all, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < all; i++) {
		const struct cedar_entity_type *e = n > 0
			? ward_cedar_schema_entity(c->schema, names[i])
			: c->schema->entities[i];

		if (e != NULL && e->tags != NULL)
			v[kept++] = e->tags;
	}
	*ret = v;
	return kept;
}

APART static struct answer check_has_tag(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &an_entity);
	struct answer b = ward_cedar_type_expect(c, n->v[1], &a_string), r;
	const struct cedar_type **types;
	const struct cedar_type *t = &ward_vt_bool;

	if (a.type == NULL)
		return ward_cedar_answer(NULL, false);
	if (tag_types(c, a.type, &types) == 0)
		t = &ward_vt_false;
	else if (ward_cedar_cap_known(c, n->cap))
		t = &ward_vt_true;
	r = ward_cedar_answer(t, a.ok && b.ok);
	if (r.ok)
		r.caps = ward_cedar_cap_one(c, n->cap);
	return r;
}

APART static struct answer check_get_tag(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &an_entity);
	struct answer b = ward_cedar_type_expect(c, n->v[1], &a_string);
	const struct cedar_type **types, *t;
	uint32_t count;

	if (a.type == NULL)
		return ward_cedar_answer(NULL, false);
	if (!ward_cedar_cap_known(c, n->cap)) {
		ward_cedar_find_tag(c, n);
		return ward_cedar_answer(NULL, false);
	}
	count = tag_types(c, a.type, &types);
	if (count == 0) {
		if (types != NULL)
			ward_cedar_find_no_tags(c, n);
		return ward_cedar_answer(NULL, false);
	}
	t = ward_cedar_type_lub(c, ward_cedar_node_at(n), types, count, LUB_TAG);
	return ward_cedar_answer(t, t != NULL && a.ok && b.ok);
}

struct answer ward_cedar_type_attribute(struct checker *c, struct node *n)
{
	switch (n->kind) {
	case CEDAR_X_ATTR: return check_attr(c, n);
	case CEDAR_X_HAS: return check_has(c, n);
	case CEDAR_X_HAS_TAG: return check_has_tag(c, n);
	default: return check_get_tag(c, n);
	}
}

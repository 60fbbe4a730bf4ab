/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a policy reaches from its request: entities may be looked into only so many steps away from it. It reads what
 * type-checking wrote into the tree for this environment, so that operands that are never evaluated do not count.
 */
#include "cedar/validate/check.h"

/* Attributes that are taken of the value of an expression, the next one first. */
struct path {
	const struct cedar_str *name;
	const struct path *next;
};

static void look(struct checker *c, struct node *n);

static const struct cedar_type *type_of(const struct node *n)
{
	return n->unexpected ? NULL : n->type;
}

static bool is_entity(const struct cedar_type *t)
{
	return t != NULL && (t->kind == CEDAR_TYPE_ENTITY || t->kind == VT_UNION);
}

static bool is_record(const struct cedar_type *t)
{
	return t != NULL && ward_vt_is_record(t);
}

APART static uint32_t invariant(struct checker *c, const struct node *n)
{
	ward_cedar_find_text(c, CEDAR_FINDING_INTERNAL_INVARIANT_VIOLATION,
		ward_cedar_node_at(n->place), "internal invariant violated",
		"please file an issue at <https://github.com/cedar-policy/cedar/issues> including the schema and policy for "
		"which you observed the issue");
	return 0;
}

APART static uint32_t literal(struct checker *c, const struct node *n)
{
	ward_cedar_find_text(c, CEDAR_FINDING_ENTITY_DEREF_LEVEL_VIOLATION,
		ward_cedar_node_at(n->place), "entity literals cannot be dereferenced at any level",
		NULL);
	return 0;
}

APART static void exceeded(struct checker *c, const struct node *n, uint64_t needed)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_addf(&b,
		"this policy requires level %llu, which exceeds the maximum allowed level (%d)",
		(unsigned long long)needed, c->o->level);
	ward_cedar_find(c, CEDAR_FINDING_ENTITY_DEREF_LEVEL_VIOLATION, ward_cedar_node_at(n->place),
		&b, NULL);
}

static uint32_t reach(struct checker *c, const struct node *n, const struct path *path);

/* Of a record literal, one attribute is looked into; the others are looked at. */
APART static uint32_t reach_record(struct checker *c, const struct node *n, const struct path *path)
{
	const struct node *taken = NULL;

	for (uint32_t i = 0; path != NULL && i < n->n; i++)
		if (ward_cedar_str_eq(n->names[i], path->name))
			taken = n->v[i];
	if (taken == NULL)
		return invariant(c, n);
	for (uint32_t i = 0; i < n->n; i++)
		if (n->v[i] != taken)
			look(c, n->v[i]);
	return reach(c, taken, path->next);
}

APART static uint32_t reach_if(struct checker *c, const struct node *n, const struct path *path)
{
	uint32_t a = 0, b = 0;

	look(c, n->v[0]);
	if (n->alive != ALIVE_ELSE)
		a = reach(c, n->v[1], path);
	if (n->alive != ALIVE_THEN)
		b = reach(c, n->v[2], path);
	return a > b ? a : b;
}

/* How many entities were looked into for the value of n, of which path is taken and then looked into. */
static uint32_t reach(struct checker *c, const struct node *n, const struct path *path)
{
	uint32_t r;

	switch (n->kind) {
	case CEDAR_X_VAR: return 0;
	case CEDAR_X_SLOT: return literal(c, n);
	case CEDAR_X_ENTITY:
		return ward_cedar_uid_eq(n->uid, c->env->action->uid) ? 0 : literal(c, n);
	case CEDAR_X_IF: return reach_if(c, n, path);
	case CEDAR_X_ATTR:
		if (is_entity(type_of(n->v[0])))
			return reach(c, n->v[0], path) + 1;
		if (is_record(type_of(n->v[0]))) {
			const struct path longer = { n->str, path };

			return reach(c, n->v[0], &longer);
		}
		return invariant(c, n);
	case CEDAR_X_GET_TAG:
		r = reach(c, n->v[0], path);
		look(c, n->v[1]);
		return r + 1;
	case CEDAR_X_RECORD: return reach_record(c, n, path);
	default: return invariant(c, n);
	}
}

APART static void look_into(struct checker *c, const struct node *n)
{
	uint32_t r = reach(c, n->v[0], NULL);

	if (r >= (uint32_t)c->o->level)
		exceeded(c, n, (uint64_t)r + 1);
}

static const struct cedar_type *attr_of(struct checker *c, const struct cedar_type *t,
	const struct cedar_str *name)
{
	const struct cedar_type *attrs = ward_vt_attrs(c, t);
	const struct cedar_attr_type *a = attrs != NULL ? ward_vt_attr(attrs, name) : NULL;

	return a != NULL ? a->type : NULL;
}

/* What a chain looks into by itself, and how many of its names lead to the first entity; 0: none. */
static uint32_t chain_cost(struct checker *c, const struct node *n, uint32_t *ret_first)
{
	const struct cedar_type *t = n->v[0]->type;
	uint32_t cost = is_entity(t);

	*ret_first = 0;
	for (uint32_t i = 0; i + 1 < n->n_names && t != NULL; i++) {
		t = attr_of(c, t, n->names[i]);
		if (!is_entity(t))
			continue;
		cost++;
		if (*ret_first == 0)
			*ret_first = i + 1;
	}
	return cost;
}

/* The first count names of a chain as a path; NULL with count > 0: no memory. */
static const struct path *chain_path(struct checker *c, const struct node *n, uint32_t count)
{
	struct path *v = ward_cedar_check_alloc(c, c->per_env, count, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < count; i++)
		v[i] = (struct path){ n->names[i], i + 1 < count ? &v[i + 1] : NULL };
	return v;
}

/* a has x.y.z */
APART static void look_chain(struct checker *c, const struct node *n)
{
	bool record = is_record(type_of(n->v[0]));
	uint32_t first, cost, level = (uint32_t)c->o->level, r;
	const struct path *path = NULL;

	if (!record && !is_entity(type_of(n->v[0]))) {
		look(c, n->v[0]);
		return;
	}
	cost = chain_cost(c, n, &first);
	if (cost > level) {
		exceeded(c, n, cost);
		return;
	}
	if (record) {
		look(c, n->v[0]);
		if (first == 0)
			return;
		path = chain_path(c, n, first);
		if (path == NULL)
			return;
	}
	r = reach(c, n->v[0], path);
	if (r > level - cost)
		exceeded(c, n, (uint64_t)r + cost);
}

static void look_all(struct checker *c, const struct node *n, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		look(c, n->v[i]);
}

APART static void look_at_attribute(struct checker *c, const struct node *n)
{
	if (n->kind == CEDAR_X_HAS && n->n_names > 1)
		look_chain(c, n);
	else if (is_entity(type_of(n->v[0])))
		look_into(c, n);
	else if (is_record(type_of(n->v[0])))
		look(c, n->v[0]);
	else
		(void)invariant(c, n);
}

static void look(struct checker *c, struct node *n)
{
	if (n->leveled == c->env_number)
		return;
	n->leveled = c->env_number;
	switch (n->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR:
	case X_ALL: look_all(c, n, n->alive); break;
	case CEDAR_X_IF:
		look(c, n->v[0]);
		if (n->alive != ALIVE_ELSE)
			look(c, n->v[1]);
		if (n->alive != ALIVE_THEN)
			look(c, n->v[2]);
		break;
	case CEDAR_X_IN:
	case CEDAR_X_HAS_TAG:
	case CEDAR_X_GET_TAG:
		look_into(c, n);
		look(c, n->v[1]);
		break;
	case CEDAR_X_HAS:
	case CEDAR_X_ATTR: look_at_attribute(c, n); break;
	case CEDAR_X_SET: look_all(c, n, n->fixed ? 0 : n->n); break;
	default: look_all(c, n, n->n);
	}
}

void ward_cedar_check_level(struct checker *c, struct node *n)
{
	look(c, n);
}

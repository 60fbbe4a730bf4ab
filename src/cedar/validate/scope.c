/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be said of a policy without types: names that the schema does not know, and whether any action applies to
 * what its scope lets through.
 */
#include "cedar/validate/check.h"

/* ---- names ---- */

APART static void find_type(struct checker *c, const struct cedar_str *type, struct cedar_span at)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_str *best = NULL;
	struct nearest s;

	ward_buf_adds(&b, "unrecognized entity type `");
	ward_buf_add(&b, type->s, type->n);
	ward_buf_adds(&b, "`");
	if (c->found.n < c->found.max && ward_cedar_nearest_begin(c, &s, ward_cedar_text(type))) {
		for (uint32_t i = 0; i < c->schema->n_entities; i++) {
			const struct cedar_str *name = c->schema->entities[i]->name;

			if (ward_cedar_nearest_try(&s, ward_cedar_text(name)))
				best = name;
		}
	}
	if (best != NULL) {
		ward_buf_adds(&help, "did you mean `");
		ward_buf_add(&help, best->s, best->n);
		ward_buf_adds(&help, "`?");
	}
	c->failed = c->failed || help.failed;
	ward_cedar_find(c, CEDAR_FINDING_UNRECOGNIZED_ENTITY_TYPE, at, &b,
		best != NULL ? ward_buf_cstr(&help) : NULL);
}

static void check_type(struct checker *c, const struct cedar_str *type, struct cedar_span at)
{
	if (!ward_vt_is_action(type) && ward_cedar_schema_entity(c->schema, type) == NULL)
		find_type(c, type, at);
}

static bool holds(const struct cedar_str *text, struct ward_str part)
{
	for (size_t i = 0; i + part.n <= text->n; i++)
		if (__builtin_memcmp(text->s + i, part.s, part.n) == 0)
			return true;
	return false;
}

/* An action whose identifier begins with the type of the one that is meant, as in Action::"Action::view". */
static const struct cedar_uid *action_with_type(struct checker *c, const struct cedar_uid *uid)
{
	struct ward_buf plain WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf quoted WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_str p, q;

	ward_buf_adds(&plain, "Action::");
	ward_buf_add(&plain, uid->id->s, uid->id->n);
	ward_buf_adds(&quoted, "Action::\"");
	ward_buf_add(&quoted, uid->id->s, uid->id->n);
	ward_buf_adds(&quoted, "\"");
	c->failed = c->failed || plain.failed || quoted.failed;
	if (plain.failed || quoted.failed)
		return NULL;
	p = (struct ward_str){ plain.s, plain.n };
	q = (struct ward_str){ quoted.s, quoted.n };
	for (uint32_t i = 0; i < c->schema->n_actions; i++) {
		const struct cedar_uid *a = c->schema->actions[i]->uid;

		if (holds(a->id, p) || holds(a->id, q))
			return a;
	}
	return NULL;
}

static const struct cedar_uid *nearest_action(struct checker *c, const struct cedar_uid *uid)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_uid *best = NULL;
	struct nearest s;

	if (!ward_cedar_nearest_begin(c, &s, ward_cedar_text(uid->id)))
		return NULL;
	for (uint32_t i = 0; i < c->schema->n_actions; i++) {
		const struct cedar_uid *a = c->schema->actions[i]->uid;

		ward_buf_clear(&b);
		ward_cedar_print_uid(&b, a);
		c->failed = c->failed || b.failed;
		if (!b.failed && ward_cedar_nearest_try(&s, (struct ward_str){ b.s, b.n }))
			best = a;
	}
	return best;
}

static void find_action(struct checker *c, const struct cedar_uid *uid, struct cedar_span at)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_uid *with_type = NULL, *best = NULL;

	ward_buf_adds(&b, "unrecognized action `");
	ward_cedar_print_uid(&b, uid);
	ward_buf_adds(&b, "`");
	if (c->found.n < c->found.max) {
		with_type = action_with_type(c, uid);
		best = with_type != NULL ? with_type : nearest_action(c, uid);
	}
	if (best != NULL) {
		ward_buf_adds(&help,
			with_type != NULL ? "did you intend to include the type in action `"
					  : "did you mean `");
		ward_cedar_print_uid(&help, best);
		ward_buf_adds(&help, "`?");
	}
	c->failed = c->failed || help.failed;
	ward_cedar_find(c, CEDAR_FINDING_UNRECOGNIZED_ACTION_ID, at, &b,
		best != NULL ? ward_buf_cstr(&help) : NULL);
}

static void find_enum(struct checker *c, const struct cedar_uid *uid, struct cedar_span at,
	const struct cedar_entity_type *e)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&b, "entity `");
	ward_cedar_print_uid(&b, uid);
	ward_buf_adds(&b, "` is of an enumerated entity type, but `");
	ward_cedar_quote(&b, ward_cedar_text(uid->id));
	ward_buf_adds(&b, "` is not declared as a valid eid");
	ward_buf_adds(&help, "valid entity eids: ");
	for (uint32_t i = 0; i < e->n_ids; i++) {
		if (i > 0)
			ward_buf_adds(&help, ", ");
		if (help.n >= PRINTED_MAX) {
			ward_buf_adds(&help, "..");
			break;
		}
		ward_cedar_quote(&help, ward_cedar_text(e->ids[i]));
	}
	c->failed = c->failed || help.failed;
	ward_cedar_find(c, CEDAR_FINDING_INVALID_ENUM_ENTITY, at, &b, ward_buf_cstr(&help));
}

APART static void check_entity(struct checker *c, const struct cedar_uid *uid, struct cedar_span at)
{
	struct cedar_span type_at = at;
	const struct cedar_entity_type *e;

	if (ward_vt_is_action(uid->type)) {
		if (ward_cedar_schema_action(c->schema, uid) == NULL)
			find_action(c, uid, at);
		return;
	}
	e = ward_cedar_schema_entity(c->schema, uid->type);
	if (e != NULL) {
		if (e->is_enum && !ward_cedar_entity_type_has_id(e, uid->id))
			find_enum(c, uid, at, e);
		return;
	}
	if (at.end - at.start > uid->type->n)
		type_at.end = at.start + uid->type->n;
	find_type(c, uid->type, type_at);
}

static void check_node(struct checker *c, const struct node *n)
{
	uint32_t count = n->kind == CEDAR_X_HAS ? 1 : n->n;

	if (n->kind == CEDAR_X_ENTITY)
		check_entity(c, n->uid, ward_cedar_node_at(n));
	else if (n->kind == CEDAR_X_IS)
		check_type(c, n->str, n->type_at);
	for (uint32_t i = n->again ? 1 : 0; i < count; i++)
		check_node(c, n->v[i]);
}

static void check_scope(struct checker *c, const struct cedar_scope *s)
{
	if (s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN)
		check_type(c, s->type, s->type_at);
	if (s->op != CEDAR_SCOPE_ANY && s->op != CEDAR_SCOPE_IS && !s->slot)
		check_entity(c, s->uid, s->uid_at);
}

void ward_cedar_check_names(struct checker *c, const struct node *whole)
{
	const struct cedar_action_scope *a = &c->policy->action;

	check_scope(c, &c->policy->principal);
	for (uint32_t i = 0; a->op != CEDAR_SCOPE_ANY && i < a->n; i++)
		check_entity(c, a->uids[i], a->at != NULL ? a->at[i] : (struct cedar_span){ 0, 0 });
	check_scope(c, &c->policy->resource);
	for (uint32_t i = 3; i < whole->n; i++)
		check_node(c, whole->v[i]);
}

void ward_cedar_check_link_names(struct checker *c, const struct cedar_link *link)
{
	for (size_t i = 0; i < CEDAR_SLOT_MAX; i++)
		if (link->slots[i] != NULL)
			check_type(c, link->slots[i]->type, (struct cedar_span){ 0, 0 });
}

/* ---- is there an action? ---- */

/* What stands in a scope: its entity, or that which the link puts there; NULL: a slot that is open. */
static const struct cedar_uid *scope_uid(const struct cedar_scope *s, const struct cedar_uid *slot)
{
	return s->slot ? slot : s->uid;
}

static bool is_below(const struct cedar_schema *s, const struct cedar_entity_type *t,
	const struct cedar_str *name)
{
	const struct cedar_entity_type *e = ward_cedar_schema_entity(s, name);

	return ward_cedar_str_eq(t->name, name) || (e != NULL && ward_cedar_entity_type_in(t, e));
}

static bool scope_takes(const struct cedar_schema *s, const struct cedar_scope *scope,
	const struct cedar_uid *slot, const struct cedar_entity_type *t)
{
	const struct cedar_uid *uid = scope_uid(scope, slot);

	switch (scope->op) {
	case CEDAR_SCOPE_ANY: return true;
	case CEDAR_SCOPE_EQ: return uid == NULL || ward_cedar_str_eq(t->name, uid->type);
	case CEDAR_SCOPE_IN: return uid == NULL || is_below(s, t, uid->type);
	case CEDAR_SCOPE_IS: return ward_cedar_str_eq(t->name, scope->type);
	default:
		return ward_cedar_str_eq(t->name, scope->type) &&
			(uid == NULL || is_below(s, t, uid->type));
	}
}

static bool scope_takes_any(const struct cedar_schema *s, const struct cedar_scope *scope,
	const struct cedar_uid *slot, const struct cedar_entity_type *const *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (scope_takes(s, scope, slot, v[i]))
			return true;
	return false;
}

/*
 * What the schema says of the actions that are named. One that is not known, and the list lets none through, as the
 * language's own tools have it: false.
 */
static bool look_up_actions(struct checker *c)
{
	const struct cedar_action_scope *scope = &c->policy->action;
	const struct cedar_action_type **v;

	if (scope->op == CEDAR_SCOPE_ANY)
		return true;
	v = ward_cedar_check_alloc(c, c->per_policy, scope->n, sizeof(*v));
	for (uint32_t i = 0; v != NULL && i < scope->n; i++) {
		v[i] = ward_cedar_schema_action(c->schema, scope->uids[i]);
		if (v[i] == NULL)
			return false;
	}
	c->scope_actions = v;
	return v != NULL;
}

/* After look_up_actions(), if that was true. */
static bool action_fits(const struct checker *c, const struct cedar_action_type *a)
{
	const struct cedar_action_scope *scope = &c->policy->action;

	if (scope->op == CEDAR_SCOPE_ANY)
		return true;
	if (scope->op == CEDAR_SCOPE_EQ)
		return a == c->scope_actions[0];
	for (uint32_t i = 0; i < scope->n; i++)
		if (ward_cedar_action_in(a, c->scope_actions[i]))
			return true;
	return false;
}

bool ward_cedar_scope_excludes(const struct checker *c, const struct cedar_action_type *a)
{
	const struct cedar_action_scope *scope = &c->policy->action;

	if (!c->scope_known || c->policy->principal.op != CEDAR_SCOPE_ANY ||
		scope->op == CEDAR_SCOPE_ANY || scope->n == 0)
		return false;
	for (uint32_t i = 1; i < scope->n; i++) {
		if (!ward_cedar_str_eq(scope->uids[i]->type, scope->uids[0]->type))
			return false;
	}
	return !action_fits(c, a);
}

/* Would `in` for `==` let something through where nothing is now? */
static bool in_would_do(const struct checker *c, const struct cedar_scope *scope,
	const struct cedar_uid *slot, bool principal)
{
	const struct cedar_schema *s = c->schema;
	const struct cedar_uid *uid = scope->op == CEDAR_SCOPE_EQ ? scope_uid(scope, slot) : NULL;
	const struct cedar_entity_type *e =
		uid != NULL ? ward_cedar_schema_entity(s, uid->type) : NULL;
	bool below = false;

	if (e == NULL)
		return false;
	for (uint32_t i = 0; i < s->n_actions; i++) {
		const struct cedar_action_type *a = s->actions[i];
		uint32_t n = principal ? a->n_principals : a->n_resources;
		const struct cedar_entity_type *const *v = principal ? a->principals : a->resources;

		if (!action_fits(c, a))
			continue;
		for (uint32_t j = 0; j < n; j++) {
			if (ward_cedar_str_eq(v[j]->name, e->name))
				return false;
			below = below || ward_cedar_entity_type_in(v[j], e);
		}
	}
	return below;
}

static void find_inapplicable(struct checker *c, const struct cedar_uid *const *slots, bool known)
{
	static const char *const helps[] = { NULL,
		"try replacing `==` with `in` in the principal clause",
		"try replacing `==` with `in` in the resource clause",
		"try replacing `==` with `in` in the principal clause and the resource clause" };
	const struct cedar_policy *p = c->policy;
	unsigned help = 0;

	if (known && in_would_do(c, &p->principal, slots[CEDAR_SLOT_PRINCIPAL], true))
		help |= 1;
	if (known && in_would_do(c, &p->resource, slots[CEDAR_SLOT_RESOURCE], false))
		help |= 2;
	ward_cedar_find_text(c,
		c->o->inapplicable_is_error ? CEDAR_FINDING_INVALID_ACTION_APPLICATION
					    : CEDAR_FINDING_UNRECOGNIZED_ACTION_APPLICATION,
		(struct cedar_span){ p->start, p->end },
		"unable to find an applicable action given the policy scope constraints",
		helps[help]);
}

void ward_cedar_check_applicable(struct checker *c, const struct cedar_link *link)
{
	static const struct cedar_uid *const open[CEDAR_SLOT_MAX];
	const struct cedar_uid *const *slots = link != NULL ? link->slots : open;
	const struct cedar_schema *s = c->schema;
	const struct cedar_policy *p = c->policy;
	bool known = look_up_actions(c);

	c->scope_known = known;
	for (uint32_t i = 0; known && i < s->n_actions; i++) {
		const struct cedar_action_type *a = s->actions[i];

		if (action_fits(c, a) &&
			scope_takes_any(s, &p->principal, slots[CEDAR_SLOT_PRINCIPAL],
				a->principals, a->n_principals) &&
			scope_takes_any(s, &p->resource, slots[CEDAR_SLOT_RESOURCE], a->resources,
				a->n_resources))
			return;
	}
	find_inapplicable(c, slots, known);
}

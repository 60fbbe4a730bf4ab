/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type of an expression in one request environment. An operand that fails may still have a type, and checking goes
 * on with it, so that one mistake does not hide the next; what fails has learnt nothing. Operands that constants decide
 * against are not looked at.
 */
#include "cedar/validate/check.h"

static const struct cedar_type *const bool_types[] = { &ward_vt_bool };
const struct expectation ward_cedar_expect_bool = { bool_types, 1, NULL };

struct answer ward_cedar_type_expect(struct checker *c, struct node *n, const struct expectation *e)
{
	return ward_cedar_type_expected(c, n, ward_cedar_type_check(c, n), e);
}

struct answer ward_cedar_type_expected(struct checker *c, struct node *n, struct answer a,
	const struct expectation *e)
{
	if (a.type == NULL)
		return ward_cedar_answer(NULL, false);
	for (size_t i = 0; i < e->n; i++)
		if (ward_vt_subtype(c, a.type, e->types[i], false))
			return a;
	ward_cedar_find_type(c, ward_cedar_node_at(n), e->types, e->n, a.type,
		e->help != NULL ? e->help(a.type) : HELP_NONE);
	n->unexpected = true;
	return ward_cedar_answer(NULL, false);
}

const struct cedar_type *ward_cedar_type_lub(struct checker *c, struct cedar_span at,
	const struct cedar_type **types, size_t n, enum lub_where where)
{
	const struct cedar_type *r = &ward_vt_never;
	enum lub_why why;

	bool entities = !c->strict && n > 2;

	for (size_t i = 0; i < n; i++) {
		if (types[i] == NULL)
			return NULL;
		entities = entities &&
			(types[i]->kind == CEDAR_TYPE_ENTITY || types[i]->kind == VT_UNION);
	}
	if (entities)
		return ward_vt_union(c, types, n);
	for (size_t i = 0; i < n; i++) {
		r = ward_vt_lub(c, r, types[i], c->strict, &why);
		if (r == NULL) {
			if (!c->failed && c->exhausted == NULL)
				ward_cedar_find_lub(c, at, types, n, why, where);
			return NULL;
		}
	}
	return r;
}

/* What n is in this environment, where && and || may be their first operand alone: it has their place. */
static void place(struct node *n, const struct node *at)
{
	while ((n->kind == CEDAR_X_AND || n->kind == CEDAR_X_OR) && n->alive == 1)
		n = n->v[0];
	n->place = at;
}

/* left && right, of which neither is without a look. */
static struct answer conjoin(struct checker *c, struct answer left, struct answer right)
{
	struct answer r = { &ward_vt_bool, NULL, left.ok && right.ok };

	if (left.type == NULL || right.type == NULL) {
		r.ok = false;
	} else if (right.type->kind == VT_FALSE) {
		r.type = &ward_vt_false;
	} else if (right.type->kind == VT_TRUE) {
		r.type = left.type;
		r.caps = ward_cedar_cap_union(c, left.caps, right.caps);
	} else if (left.type->kind == VT_TRUE) {
		/* What the left taught is lost here, as the language's own checker loses it. */
		r.type = right.type;
		r.caps = right.caps;
	} else {
		r.caps = ward_cedar_cap_union(c, left.caps, right.caps);
	}
	if (!r.ok)
		r.caps = NULL;
	return r;
}

static bool is_false(struct answer a)
{
	return a.type != NULL && a.type->kind == VT_FALSE;
}

APART static struct answer check_and(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &ward_cedar_expect_bool);
	uint32_t i;

	ward_cedar_cap_learn(c, a.caps);
	for (i = 1; i < n->n && !is_false(a); i++) {
		struct answer right = ward_cedar_type_expect(c, n->v[i], &ward_cedar_expect_bool);
		struct answer both = conjoin(c, a, right);

		/* From the left's knowledge to that of both. */
		if (both.caps == NULL || (both.caps == right.caps && a.caps != NULL)) {
			ward_cedar_cap_forget(c, a.caps);
			ward_cedar_cap_learn(c, both.caps);
		} else if (both.caps != a.caps) {
			ward_cedar_cap_learn(c, right.caps);
		}
		a = both;
	}
	ward_cedar_cap_forget(c, a.caps);
	n->alive = i;
	if (i == 1) {
		place(n->v[0], n);
		a.caps = NULL;
	}
	return a;
}

static struct answer disjoin(struct checker *c, struct answer left, struct answer right)
{
	struct answer r = { &ward_vt_bool, NULL, left.ok && right.ok };

	if (left.type == NULL || right.type == NULL) {
		r.ok = false;
	} else if (right.type->kind == VT_TRUE) {
		r.type = &ward_vt_true;
		r.caps = right.caps;
	} else if (right.type->kind == VT_FALSE) {
		r.type = left.type;
		r.caps = left.caps;
	} else if (left.type->kind == VT_FALSE) {
		r.type = right.type;
		r.caps = right.caps;
	} else {
		r.caps = ward_cedar_cap_both(c, right.caps, left.caps);
	}
	if (!r.ok)
		r.caps = NULL;
	return r;
}

APART static struct answer check_or(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &ward_cedar_expect_bool);
	uint32_t i;

	for (i = 1; i < n->n && !(a.type != NULL && a.type->kind == VT_TRUE); i++)
		a = disjoin(c, a, ward_cedar_type_expect(c, n->v[i], &ward_cedar_expect_bool));
	n->alive = i;
	if (i == 1)
		place(n->v[0], n);
	return a;
}

/* a && (b && (c && ..)): each knows what all before it taught. */
APART static struct answer check_all(struct checker *c, struct node *n)
{
	struct answer *v = ward_cedar_check_alloc(c, c->per_env, n->n, sizeof(*v)), r;
	uint32_t i = 0, known;

	if (v == NULL)
		return ward_cedar_answer(NULL, false);
	do {
		v[i] = ward_cedar_type_expect(c, n->v[i], &ward_cedar_expect_bool);
		ward_cedar_cap_learn(c, v[i].caps);
	} while (!is_false(v[i++]) && i < n->n);
	n->alive = known = i;
	if (i < n->n)
		place(n->v[i - 1], n);
	r = v[--i];
	if (known < n->n)
		r.caps = NULL;
	while (i-- > 0)
		r = conjoin(c, v[i], r);
	for (i = 0; i < known; i++)
		ward_cedar_cap_forget(c, v[i].caps);
	return r;
}

/* One branch alone: the test is constant. */
APART static struct answer check_branch(struct checker *c, struct node *n, struct answer test)
{
	bool then = test.type->kind == VT_TRUE;
	struct answer r;

	n->alive = then ? ALIVE_THEN : ALIVE_ELSE;
	if (!then) {
		r = ward_cedar_type_check(c, n->v[2]);
	} else {
		ward_cedar_cap_learn(c, test.caps);
		r = ward_cedar_type_check(c, n->v[1]);
		ward_cedar_cap_forget(c, test.caps);
		r.caps = ward_cedar_cap_union(c, r.caps, test.caps);
	}
	r.ok = r.ok && test.ok;
	if (!r.ok)
		r.caps = NULL;
	return r;
}

APART static struct answer check_if(struct checker *c, struct node *n)
{
	struct answer test = ward_cedar_type_expect(c, n->v[0], &ward_cedar_expect_bool);
	struct answer yes, no, r;
	const struct cedar_type *types[2];

	if (test.type != NULL && (test.type->kind == VT_TRUE || test.type->kind == VT_FALSE))
		return check_branch(c, n, test);
	n->alive = ALIVE_BOTH;
	ward_cedar_cap_learn(c, test.caps);
	yes = ward_cedar_type_check(c, n->v[1]);
	ward_cedar_cap_forget(c, test.caps);
	no = ward_cedar_type_check(c, n->v[2]);
	types[0] = yes.type;
	types[1] = no.type;
	r.type = ward_cedar_type_lub(c, ward_cedar_node_at(n), types, 2, LUB_IF);
	r.ok = r.type != NULL && test.ok && yes.ok && no.ok;
	r.caps = NULL;
	if (r.ok)
		r.caps = ward_cedar_cap_both(c, no.caps,
			ward_cedar_cap_union(c, yes.caps, test.caps));
	return r;
}

APART static struct answer check_not(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_expect(c, n->v[0], &ward_cedar_expect_bool);
	const struct cedar_type *t = &ward_vt_bool;

	if (a.type != NULL && a.type->kind == VT_TRUE)
		t = &ward_vt_false;
	else if (a.type != NULL && a.type->kind == VT_FALSE)
		t = &ward_vt_true;
	return ward_cedar_answer(t, a.ok);
}

static struct answer check_var(struct checker *c, const struct node *n)
{
	switch (n->aux) {
	case CEDAR_PRINCIPAL: return ward_cedar_answer(&c->env->principal, true);
	case CEDAR_ACTION: return ward_cedar_answer(&c->env->action_type, true);
	case CEDAR_RESOURCE: return ward_cedar_answer(&c->env->resource, true);
	default: return ward_cedar_answer(c->env->action->context, true);
	}
}

APART static struct answer check_set(struct checker *c, struct node *n)
{
	const struct cedar_type **types =
		ward_cedar_check_alloc(c, c->per_env, n->n, sizeof(*types));
	const struct cedar_type *lub;
	struct cedar_type *t;
	bool ok = true, keep;

	if (types == NULL)
		return ward_cedar_answer(NULL, false);
	for (uint32_t i = 0; i < n->n; i++) {
		struct answer a = ward_cedar_type_check(c, n->v[i]);

		types[i] = a.type;
		ok = ok && a.ok;
	}
	if (c->strict && n->n == 0) {
		ward_cedar_find_text(c, CEDAR_FINDING_EMPTY_SET_FORBIDDEN, ward_cedar_node_at(n),
			"empty set literals are forbidden in policies", NULL);
		return ward_cedar_answer(NULL, false);
	}
	lub = ward_cedar_type_lub(c, ward_cedar_node_at(n), types, n->n, LUB_SET);
	/* A union is of this environment. */
	keep = lub != NULL && n->fixed && ok && lub->kind != VT_UNION;
	t = lub != NULL
		? ward_cedar_check_alloc(c, keep ? c->per_policy : c->per_env, 1, sizeof(*t))
		: NULL;
	if (t == NULL)
		return ward_cedar_answer(NULL, false);
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_SET, .element = lub };
	if (keep)
		n->kept = t;
	return ward_cedar_answer(t, ok);
}

APART static struct answer check_record(struct checker *c, struct node *n)
{
	struct cedar_attr_type *attrs = ward_cedar_check_alloc(c, c->per_env, n->n, sizeof(*attrs));
	struct cedar_type *t = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*t));
	bool ok = true, whole = true;

	if (attrs == NULL || t == NULL)
		return ward_cedar_answer(NULL, false);
	for (uint32_t i = 0; i < n->n; i++) {
		struct answer a = ward_cedar_type_check(c, n->v[i]);

		attrs[i] = (struct cedar_attr_type){ n->names[i], a.type, true };
		ok = ok && a.ok;
		whole = whole && a.type != NULL;
	}
	if (!whole)
		return ward_cedar_answer(NULL, false);
	*t = (struct cedar_type){ .kind = CEDAR_TYPE_RECORD, .n = n->n, .attrs = attrs };
	return ward_cedar_answer(t, ok);
}

static struct answer check(struct checker *c, struct node *n)
{
	switch (n->kind) {
	case CEDAR_X_BOOL:
		return ward_cedar_answer(n->truth ? &ward_vt_true : &ward_vt_false, true);
	case CEDAR_X_LONG: return ward_cedar_answer(&ward_vt_long, true);
	case CEDAR_X_STRING: return ward_cedar_answer(&ward_vt_string, true);
	/* What the schema does not know is found once for the policy, in scope.c. */
	case CEDAR_X_ENTITY: return ward_cedar_answer(n->given, n->given != NULL);
	case CEDAR_X_VAR: return check_var(c, n);
	case CEDAR_X_SLOT: return ward_cedar_answer(&c->env->slots[n->aux], true);
	case CEDAR_X_UNKNOWN: return ward_cedar_answer(NULL, false);
	case CEDAR_X_IF: return check_if(c, n);
	case CEDAR_X_AND: return check_and(c, n);
	case CEDAR_X_OR: return check_or(c, n);
	case X_ALL: return check_all(c, n);
	case CEDAR_X_NOT: return check_not(c, n);
	case CEDAR_X_SET:
		return n->fixed && n->kept != NULL ? ward_cedar_answer(n->kept, true)
						   : check_set(c, n);
	case CEDAR_X_RECORD: return check_record(c, n);
	case CEDAR_X_ATTR:
	case CEDAR_X_HAS:
	case CEDAR_X_GET_TAG:
	case CEDAR_X_HAS_TAG: return ward_cedar_type_attribute(c, n);
	default: return ward_cedar_type_operator(c, n);
	}
}

struct answer ward_cedar_type_check(struct checker *c, struct node *n)
{
	struct answer a;

	n->place = n;
	n->unexpected = false;
	a = ward_cedar_check_spend(c, VISIT_COST, "too many expressions and kinds of requests")
		? check(c, n)
		: ward_cedar_answer(NULL, false);
	n->type = a.type;
	n->ok = a.ok;
	return a;
}

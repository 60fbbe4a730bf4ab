/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators and calls: what their operands must be, and what can be said of the result beyond its type: == and `in` of
 * things that can never be equal or related are false.
 */
#include "cedar/validate/check.h"

static const struct cedar_type *const longs[] = { &ward_vt_long };
static const struct cedar_type *const strings[] = { &ward_vt_string };
static const struct cedar_type *const sets[] = { &ward_vt_any_set };
static const struct cedar_type *const entities[] = { &ward_vt_any_entity };
static const struct cedar_type *const groups[] = { &ward_vt_set_of_any_entity,
	&ward_vt_any_entity };
static const struct cedar_type *const comparable[] = { &ward_vt_ext[CEDAR_EXT_DATETIME],
	&ward_vt_ext[CEDAR_EXT_DURATION], &ward_vt_long };

/* ---- advice ---- */

static enum type_help help_add(const struct cedar_type *t)
{
	if (t->kind == CEDAR_TYPE_STRING)
		return HELP_CONCATENATION;
	return ward_vt_is_set(t) ? HELP_SET_OPERATIONS : HELP_NONE;
}

static enum type_help help_arithmetic(const struct cedar_type *t)
{
	return ward_vt_is_set(t) ? HELP_SET_OPERATIONS : HELP_NONE;
}

static enum type_help help_contains(const struct cedar_type *t)
{
	if (ward_vt_is_entity(t))
		return HELP_IN;
	if (ward_vt_is_record(t))
		return HELP_HAS;
	return t->kind == CEDAR_TYPE_STRING ? HELP_LIKE : HELP_NONE;
}

static enum type_help help_element(const struct cedar_type *t)
{
	(void)t;
	return HELP_SINGLE_CONTAINS;
}

static enum type_help help_in_left(const struct cedar_type *t)
{
	(void)t;
	return HELP_CONTAINS;
}

static enum type_help help_in_right(const struct cedar_type *t)
{
	if (ward_vt_is_set(t))
		return HELP_CONTAINS;
	return t->kind == CEDAR_TYPE_STRING ? HELP_LIKE : HELP_NONE;
}

static enum type_help help_empty(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_STRING ? HELP_EMPTY_STRING : HELP_NONE;
}

static enum type_help help_like(const struct cedar_type *t)
{
	return ward_vt_is_entity(t) ? HELP_IS : HELP_NONE;
}

static enum type_help help_is(const struct cedar_type *t)
{
	(void)t;
	return HELP_TYPE_TEST;
}

/* ---- == and its kin ---- */

/* The entity that n is: a literal, or the action of this environment. */
static const struct cedar_uid *known_entity(const struct checker *c, const struct node *n)
{
	if (n->kind == CEDAR_X_ENTITY)
		return n->uid;
	return n->kind == CEDAR_X_VAR && n->aux == CEDAR_ACTION ? c->env->action->uid : NULL;
}

static bool is_literal(const struct node *n)
{
	return n->kind == CEDAR_X_BOOL || n->kind == CEDAR_X_LONG || n->kind == CEDAR_X_STRING ||
		n->kind == CEDAR_X_ENTITY;
}

static bool literals_equal(const struct checker *c, const struct node *a, const struct node *b)
{
	const struct cedar_uid *x = known_entity(c, a), *y = known_entity(c, b);

	if (x != NULL || y != NULL)
		return x != NULL && y != NULL && ward_cedar_uid_eq(x, y);
	return a->shape == b->shape;
}

static const struct cedar_type *type_of_equality(struct checker *c, const struct node *a,
	const struct cedar_type *ta, const struct node *b, const struct cedar_type *tb)
{
	if (ta != NULL && tb != NULL && ward_vt_disjoint(c, ta, tb))
		return &ward_vt_false;
	if ((is_literal(a) || known_entity(c, a) != NULL) &&
		(is_literal(b) || known_entity(c, b) != NULL))
		return literals_equal(c, a, b) ? &ward_vt_true : &ward_vt_false;
	return &ward_vt_bool;
}

/* Strictly, what is compared must have a common type, unless the answer is known. */
APART static bool comparable_strictly(struct checker *c, const struct node *n,
	const struct cedar_type *a, const struct cedar_type *b, enum lub_where where)
{
	const struct cedar_type *types[2] = { a, b };
	enum lub_why why;

	if (!c->strict || a == NULL || b == NULL || ward_vt_lub(c, a, b, true, &why) != NULL)
		return true;
	if (!c->failed && c->exhausted == NULL)
		ward_cedar_find_lub(c, ward_cedar_node_at(n), types, 2, why, where);
	return false;
}

APART static struct answer check_eq(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_check(c, n->v[0]), b = ward_cedar_type_check(c, n->v[1]);
	const struct cedar_type *t = type_of_equality(c, n->v[0], a.type, n->v[1], b.type);
	bool ok = a.ok && b.ok;

	if (t->kind == CEDAR_TYPE_BOOL)
		ok = comparable_strictly(c, n, a.type, b.type, LUB_EQUALITY) && ok;
	return ward_cedar_answer(t, ok);
}

APART static struct answer check_contains(struct checker *c, struct node *n)
{
	static const struct expectation first = { sets, 1, help_contains };
	static const struct expectation second = { sets, 1, help_element };
	struct answer a = ward_cedar_type_expect(c, n->v[0], &first), b;
	const struct cedar_type *t = a.type;
	bool ok;

	if (n->kind != CEDAR_X_CONTAINS) {
		b = ward_cedar_type_expect(c, n->v[1], &second);
		ok = comparable_strictly(c, n, t, b.type, LUB_CONTAINS_ANY_ALL);
	} else {
		b = ward_cedar_type_check(c, n->v[1]);
		t = t != NULL && t->kind == CEDAR_TYPE_SET ? t->element : NULL;
		ok = comparable_strictly(c, n, t, b.type, LUB_CONTAINS);
	}
	return ward_cedar_answer(&ward_vt_bool, ok && a.ok && b.ok);
}

/* ---- < and <= ---- */

static bool is_comparable(const struct cedar_type *t)
{
	return t->kind == CEDAR_TYPE_LONG ||
		(t->kind == CEDAR_TYPE_EXT &&
			(t->ext == CEDAR_EXT_DATETIME || t->ext == CEDAR_EXT_DURATION));
}

static bool same_comparable(const struct cedar_type *a, const struct cedar_type *b)
{
	return is_comparable(a) && a->kind == b->kind &&
		(a->kind == CEDAR_TYPE_LONG || a->ext == b->ext);
}

static void find_incomparable(struct checker *c, const struct node *n, const struct cedar_type *t,
	const struct cedar_type *want)
{
	if (want != NULL)
		ward_cedar_find_type(c, ward_cedar_node_at(n), &want, 1, t, HELP_NONE);
	else
		ward_cedar_find_type(c, ward_cedar_node_at(n), comparable,
			WARD_ARRAY_SIZE(comparable), t, HELP_NONE);
}

APART static bool compare(struct checker *c, const struct node *n, const struct cedar_type *a,
	const struct cedar_type *b)
{
	const struct node *x = n->v[0], *y = n->v[1];

	if (a == NULL || b == NULL || (a->kind == VT_NEVER && b->kind == VT_NEVER))
		return false;
	if (same_comparable(a, b))
		return true;
	if (a->kind == VT_NEVER || b->kind == VT_NEVER) {
		const struct cedar_type *t = a->kind == VT_NEVER ? b : a;

		if (!is_comparable(t))
			find_incomparable(c, a->kind == VT_NEVER ? y : x, t, NULL);
		return is_comparable(t);
	}
	if (a->kind == CEDAR_TYPE_LONG) {
		find_incomparable(c, y, b, &ward_vt_long);
	} else if (b->kind == CEDAR_TYPE_LONG) {
		find_incomparable(c, x, a, &ward_vt_long);
	} else if (is_comparable(a)) {
		find_incomparable(c, y, b, a);
	} else if (is_comparable(b)) {
		find_incomparable(c, x, a, b);
	} else {
		find_incomparable(c, x, a, NULL);
		find_incomparable(c, y, b, NULL);
	}
	return false;
}

APART static struct answer check_less(struct checker *c, struct node *n)
{
	struct answer a = ward_cedar_type_check(c, n->v[0]), b = ward_cedar_type_check(c, n->v[1]);
	bool ok = compare(c, n, a.type, b.type);

	return ward_cedar_answer(&ward_vt_bool, ok && a.ok && b.ok);
}

APART static struct answer check_arithmetic(struct checker *c, struct node *n)
{
	const struct expectation e = { longs, 1,
		n->kind == CEDAR_X_ADD           ? help_add
			: n->kind == CEDAR_X_NEG ? NULL
						 : help_arithmetic };
	bool ok = true;

	for (uint32_t i = 0; i < n->n; i++)
		ok = ward_cedar_type_expect(c, n->v[i], &e).ok && ok;
	return ward_cedar_answer(&ward_vt_long, ok);
}

/* ---- in ---- */

/* The action that n is; NULL: none of the schema. */
static const struct cedar_action_type *known_action(const struct checker *c, const struct node *n)
{
	return n->kind == CEDAR_X_ENTITY ? n->action : c->env->action;
}

/* Is n a known entity or a literal set of them? Then whether one is above a, which may be NULL. */
APART static bool known_entities(const struct checker *c, const struct node *n,
	const struct cedar_action_type *a, bool *ret_in)
{
	bool set = n->kind == CEDAR_X_SET;
	uint32_t count = set ? n->n : 1;

	*ret_in = false;
	for (uint32_t i = 0; i < count; i++) {
		const struct node *x = set ? n->v[i] : n;
		const struct cedar_action_type *b;

		if (known_entity(c, x) == NULL)
			return false;
		b = known_action(c, x);
		if (a != NULL && b != NULL && ward_cedar_action_in(a, b))
			*ret_in = true;
	}
	return true;
}

/* May an action of type a be below one of type b? */
static bool action_type_in(const struct cedar_schema *s, const struct cedar_str *a,
	const struct cedar_str *b)
{
	if (!ward_vt_is_action(a) || !ward_vt_is_action(b))
		return false;
	for (uint32_t i = 0; i < s->n_actions; i++) {
		const struct cedar_action_type *x = s->actions[i];

		if (!ward_cedar_str_eq(x->uid->type, a))
			continue;
		for (uint32_t j = 0; j < x->n_ancestors; j++)
			if (ward_cedar_str_eq(x->ancestors[j]->uid->type, b))
				return true;
	}
	return false;
}

static bool name_in(const struct cedar_schema *s, const struct cedar_str *a,
	const struct cedar_str *b)
{
	const struct cedar_entity_type *x, *y;

	if (ward_cedar_str_eq(a, b))
		return true;
	x = ward_cedar_schema_entity(s, a);
	y = ward_cedar_schema_entity(s, b);
	return (x != NULL && y != NULL && ward_cedar_entity_type_in(x, y)) ||
		action_type_in(s, a, b);
}

APART static bool may_be_in(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b)
{
	const struct cedar_schema *s = c->schema;
	const struct cedar_str *const *na, *const *nb;
	uint32_t la = ward_vt_names(a, &na), lb;

	if (b->kind == CEDAR_TYPE_SET)
		b = b->element;
	lb = ward_vt_names(b, &nb);
	if (la == 0 || lb == 0)
		return true;
	if (!ward_cedar_check_spend(c, (uint64_t)la * lb * NAME_COST,
		    "too many entity types to compare"))
		return true;
	for (uint32_t i = 0; i < la; i++)
		for (uint32_t j = 0; j < lb; j++)
			if (name_in(s, na[i], nb[j]))
				return true;
	return false;
}

APART static struct answer check_in(struct checker *c, struct node *n)
{
	static const struct expectation left = { entities, 1, help_in_left };
	static const struct expectation right = { groups, 2, help_in_right };
	struct answer a, b;
	const struct cedar_uid *what;
	bool in;

	if (n->again)
		a = ward_cedar_answer(n->v[0]->type, n->v[0]->ok);
	else
		a = ward_cedar_type_check(c, n->v[0]);
	a = ward_cedar_type_expected(c, n->v[0], a, &left);
	b = ward_cedar_type_expect(c, n->v[1], &right);
	if (!a.ok || !b.ok)
		return ward_cedar_answer(&ward_vt_bool, false);
	what = known_entity(c, n->v[0]);
	if (what != NULL && ward_vt_is_action(what->type) &&
		known_entities(c, n->v[1], known_action(c, n->v[0]), &in))
		return ward_cedar_answer(in ? &ward_vt_true : &ward_vt_false, true);
	return ward_cedar_answer(may_be_in(c, a.type, b.type) ? &ward_vt_bool : &ward_vt_false,
		true);
}

/* ---- the rest ---- */

APART static struct answer check_is(struct checker *c, struct node *n)
{
	static const struct expectation e = { entities, 1, help_is };
	struct answer a = ward_cedar_type_expect(c, n->v[0], &e);
	const struct cedar_type *t = &ward_vt_bool;

	if (a.type == NULL || a.type->kind == VT_NEVER)
		return ward_cedar_answer(t, false);
	if (a.type->kind != VT_ANY_ENTITY && !ward_vt_has_name(a.type, n->str))
		t = &ward_vt_false;
	else if (a.type->kind == CEDAR_TYPE_ENTITY)
		t = &ward_vt_true;
	return ward_cedar_answer(t, a.ok);
}

APART static struct answer check_like(struct checker *c, struct node *n)
{
	static const struct expectation e = { strings, 1, help_like };

	return ward_cedar_answer(&ward_vt_bool, ward_cedar_type_expect(c, n->v[0], &e).ok);
}

APART static struct answer check_empty(struct checker *c, struct node *n)
{
	static const struct expectation e = { sets, 1, help_empty };

	return ward_cedar_answer(&ward_vt_bool, ward_cedar_type_expect(c, n->v[0], &e).ok);
}

static const struct cedar_type *function_type(uint8_t t)
{
	switch (t) {
	case CEDAR_T_BOOL: return &ward_vt_bool;
	case CEDAR_T_LONG: return &ward_vt_long;
	case CEDAR_T_STRING: return &ward_vt_string;
	case CEDAR_T_DECIMAL: return &ward_vt_ext[CEDAR_EXT_DECIMAL];
	case CEDAR_T_IPADDR: return &ward_vt_ext[CEDAR_EXT_IPADDR];
	case CEDAR_T_DATETIME: return &ward_vt_ext[CEDAR_EXT_DATETIME];
	case CEDAR_T_DURATION: return &ward_vt_ext[CEDAR_EXT_DURATION];
	default: return &ward_vt_never; /* unknown() */
	}
}

/* Number of arguments, and what a constructor is given. false: found. */
APART static bool call_is_well_formed(struct checker *c, const struct node *n,
	const struct cedar_function *f)
{
	struct cedar_span at = ward_cedar_node_at(n);
	bool ok = true, literal = true;

	if (n->n != f->n_args) {
		struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

		ward_buf_addf(&b,
			"wrong number of arguments in extension function application. Expected %u, got %u",
			f->n_args, n->n);
		ward_cedar_find(c, CEDAR_FINDING_WRONG_NUMBER_ARGUMENTS, at, &b, NULL);
		ok = false;
	}
	if (!f->constructor)
		return ok;
	ok = ward_cedar_check_argument(c, n) && ok;
	for (uint32_t i = 0; i < n->n; i++)
		literal = literal && is_literal(n->v[i]);
	if (c->strict && !literal) {
		ward_cedar_find_text(c, CEDAR_FINDING_NON_LIT_EXT_CONSTRUCTOR, at,
			"extension constructors may not be called with non-literal expressions",
			"consider applying extension constructors inside attribute values when constructing entity or context data");
		ok = false;
	}
	return ok;
}

APART static struct answer check_call(struct checker *c, struct node *n)
{
	const struct cedar_function *f = &ward_cedar_functions[n->aux];
	bool formed = call_is_well_formed(c, n, f), ok = formed;

	for (uint32_t i = 0; i < n->n; i++) {
		const struct cedar_type *want = formed ? function_type(f->args[i]) : NULL;
		const struct expectation e = { &want, 1, NULL };

		if (want != NULL)
			ok = ward_cedar_type_expect(c, n->v[i], &e).ok && ok;
		else
			(void)ward_cedar_type_check(c, n->v[i]);
	}
	return ward_cedar_answer(function_type(f->result), ok);
}

struct answer ward_cedar_type_operator(struct checker *c, struct node *n)
{
	switch (n->kind) {
	case CEDAR_X_EQ: return check_eq(c, n);
	case CEDAR_X_LT:
	case CEDAR_X_LE: return check_less(c, n);
	case CEDAR_X_ADD:
	case CEDAR_X_SUB:
	case CEDAR_X_MUL:
	case CEDAR_X_NEG: return check_arithmetic(c, n);
	case CEDAR_X_IN: return check_in(c, n);
	case CEDAR_X_IS: return check_is(c, n);
	case CEDAR_X_CONTAINS:
	case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY: return check_contains(c, n);
	case CEDAR_X_IS_EMPTY: return check_empty(c, n);
	case CEDAR_X_LIKE: return check_like(c, n);
	case CEDAR_X_CALL: return check_call(c, n);
	default: /* a kind that desugar.c does not make */
		ward_cedar_find_text(c, CEDAR_FINDING_INTERNAL_INVARIANT_VIOLATION,
			ward_cedar_node_at(n), "internal invariant violated", NULL);
		return ward_cedar_answer(NULL, false);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions become instructions. What has no variable in it and does not ask the entities is evaluated here, once; what
 * of it has no value is left as it is, so that it fails when, and only if, evaluation comes to it. Nothing is reordered.
 * What cannot be had here is memory, or a number for so many instructions: then there is no compiled set.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/program.h"

#define COUNT_MAX (UINT32_MAX / 2) /* of instructions, values, names */

static bool build(struct cedar_build *b, const struct cedar_expr *x);

void ward_cedar_build_done(struct cedar_build *b)
{
	free(b->code);
	free(b->values);
	free(b->names);
	free(b->seen);
	*b = (struct cedar_build){ 0 };
}

static bool fail(struct cedar_build *b, int code)
{
	b->code_of_error = code;
	return false;
}

/* Room for one more of size bytes each in *v. */
static bool room(struct cedar_build *b, void **v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap > 0 ? *cap + *cap / 2 : 64;
	void *p;

	if (n < *cap)
		return true;
	if (n >= COUNT_MAX)
		return fail(b, WARD_E_LIMIT);
	p = realloc(*v, more * size);
	if (p == NULL)
		return fail(b, WARD_E_NOMEM);
	*v = p;
	*cap = more;
	return true;
}

static bool emit(struct cedar_build *b, enum cedar_op op, unsigned aux, size_t arg)
{
	void *v = b->code;

	if (!room(b, &v, b->n_code, &b->cap_code, sizeof(*b->code)))
		return false;
	b->code = v;
	b->code[b->n_code++] = (struct cedar_insn){ (uint8_t)op, (uint8_t)aux, 0, (uint32_t)arg };
	return true;
}

/* The stack holds n values now. */
static void height(struct cedar_build *b, size_t n)
{
	b->top = n;
	b->max_top = n > b->max_top ? n : b->max_top;
}

static bool emit_value(struct cedar_build *b, const struct cedar_value *value)
{
	void *v = b->values;

	if (!room(b, &v, b->n_values, &b->cap_values, sizeof(*b->values)))
		return false;
	b->values = v;
	b->values[b->n_values++] = *value;
	height(b, b->top + 1);
	return emit(b, OP_CONST, 0, b->n_values - 1);
}

/* ---- names, each once ---- */

static bool rehash(struct cedar_build *b)
{
	size_t cap = 64;
	uint32_t *seen;

	while (b->n_names >= cap / 4)
		cap *= 2;
	seen = calloc(cap, sizeof(*seen));
	if (seen == NULL)
		return fail(b, WARD_E_NOMEM);
	for (size_t i = 0; i < b->n_names; i++) {
		size_t at = b->names[i]->hash & (cap - 1);

		while (seen[at] != 0)
			at = (at + 1) & (cap - 1);
		seen[at] = (uint32_t)i + 1;
	}
	free(b->seen);
	b->seen = seen;
	b->cap_seen = cap;
	return true;
}

static bool add_name(struct cedar_build *b, const struct cedar_str *s)
{
	void *v = b->names;

	if (!room(b, &v, b->n_names, &b->cap_names, sizeof(*b->names)))
		return false;
	b->names = v;
	b->names[b->n_names++] = s;
	return true;
}

static bool name(struct cedar_build *b, const struct cedar_str *s, size_t *ret)
{
	size_t at;

	if (b->n_names >= b->cap_seen / 2 && !rehash(b))
		return false;
	at = s->hash & (b->cap_seen - 1);
	for (; b->seen[at] != 0; at = (at + 1) & (b->cap_seen - 1)) {
		if (ward_cedar_str_eq(b->names[b->seen[at] - 1], s)) {
			*ret = b->seen[at] - 1;
			return true;
		}
	}
	*ret = b->n_names;
	if (!add_name(b, s))
		return false;
	b->seen[at] = (uint32_t)b->n_names;
	return true;
}

/* The names of a record's fields, in a row. */
static bool names_of(struct cedar_build *b, const struct cedar_expr *x, const uint32_t *order,
	size_t *ret)
{
	*ret = b->n_names;
	for (uint32_t i = 0; i < x->n; i++) {
		if (!add_name(b, x->fields[order[i]].name))
			return false;
	}
	return true;
}

static bool emit_name(struct cedar_build *b, enum cedar_op op, unsigned aux,
	const struct cedar_str *s)
{
	size_t at;

	return name(b, s, &at) && emit(b, op, aux, at);
}

/* ---- constants ---- */

/* A place in the program to come back to. */
struct mark {
	size_t code, top;
};

static struct mark here(const struct cedar_build *b)
{
	return (struct mark){ b->n_code, b->top };
}

/* What was built since m, if it is n constants; they are the last values, in a row. */
static struct cedar_value *constants(const struct cedar_build *b, struct mark m, size_t n)
{
	if (b->n_code - m.code != n)
		return NULL;
	for (size_t i = m.code; i < b->n_code; i++) {
		if (b->code[i].op != OP_CONST || b->code[i].arg - b->code[m.code].arg != i - m.code)
			return NULL;
	}
	return n > 0 ? &b->values[b->code[m.code].arg] : b->values;
}

/* Forgets what was built since m. */
static void back(struct cedar_build *b, struct mark m)
{
	if (b->n_code > m.code && b->code[m.code].op == OP_CONST)
		b->n_values = b->code[m.code].arg;
	b->n_code = m.code;
	b->top = m.top;
}

static bool replace(struct cedar_build *b, struct mark m, const struct cedar_value *v)
{
	struct cedar_value copy = *v;

	back(b, m);
	return emit_value(b, &copy);
}

/* Folding failed: for want of memory, or because there is no value. */
static bool unfolded(struct cedar_build *b, const struct cedar_fault *f)
{
	return f->kind != CEDAR_FAULT_MEMORY || fail(b, WARD_E_NOMEM);
}

/* ---- operators ---- */

/* x, which is one operand less what is on the stack now. */
static bool done(struct cedar_build *b, struct mark m)
{
	height(b, m.top + 1);
	return true;
}

static bool build_unary(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	struct cedar_value r;
	struct cedar_fault f;

	if (!build(b, x->a))
		return false;
	v = constants(b, m, 1);
	if (v != NULL && ward_cedar_apply_unary((enum cedar_expr_kind)x->kind, v, &r, &f))
		return replace(b, m, &r);
	return emit(b, OP_UNARY, x->kind, 0);
}

static bool build_binary(struct cedar_build *b, const struct cedar_expr *x)
{
	enum cedar_expr_kind kind = (enum cedar_expr_kind)x->kind;
	bool asks = kind == CEDAR_X_IN || kind == CEDAR_X_GET_TAG || kind == CEDAR_X_HAS_TAG;
	bool equals = kind == CEDAR_X_EQ || kind == CEDAR_X_NE;
	struct mark m = here(b), right;
	const struct cedar_value *v;
	struct cedar_world none = { 0 };
	struct cedar_value r;
	struct cedar_fault f;

	if (!build(b, x->a))
		return false;
	right = here(b);
	if (!build(b, x->b))
		return false;
	v = asks ? NULL : constants(b, m, 2);
	if (v != NULL && ward_cedar_apply_binary(&none, kind, &v[0], &v[1], &r, &f))
		return replace(b, m, &r);
	if (equals && constants(b, right, 1) != NULL) {
		b->code[right.code].op = OP_EQ_CONST;
		b->code[right.code].aux = kind == CEDAR_X_EQ;
		return done(b, m);
	}
	return emit(b, equals ? OP_EQ : OP_BINARY, equals ? kind == CEDAR_X_EQ : kind, 0) &&
		done(b, m);
}

/* One instruction that puts a variable: it and an access to an attribute become one. */
static bool is_variable(const struct cedar_build *b, struct mark m)
{
	return b->n_code == m.code + 1 && b->code[m.code].op == OP_VAR;
}

static bool build_attr(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	struct cedar_world none = { 0 };
	struct cedar_value r;
	struct cedar_fault f;

	if (!build(b, x->a))
		return false;
	v = constants(b, m, 1);
	if (v != NULL && v->tag == CEDAR_V_RECORD && ward_cedar_attr(&none, v, x->name, &r, &f))
		return replace(b, m, &r);
	if (is_variable(b, m)) {
		b->n_code--;
		return emit_name(b, OP_VAR_ATTR, b->code[m.code].aux, x->name);
	}
	return emit_name(b, OP_ATTR, 0, x->name);
}

static bool build_has(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	size_t steps;

	if (!build(b, x->a))
		return false;
	if (x->n == 1 && is_variable(b, m)) {
		b->n_code--;
		return emit_name(b, OP_VAR_HAS, b->code[m.code].aux, x->names[0]);
	}
	steps = b->n_code;
	for (uint32_t i = 0; i + 1 < x->n; i++) {
		if (!emit_name(b, OP_HAS_STEP, 0, x->names[i]) || !emit(b, OP_JUMP, 0, 0))
			return false;
	}
	if (x->n > 0 && !emit_name(b, OP_HAS, 0, x->names[x->n - 1]))
		return false;
	for (; steps + 1 < b->n_code; steps += 2)
		b->code[steps + 1].arg = (uint32_t)b->n_code;
	return true;
}

static bool build_is(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	struct cedar_fault f;
	size_t jump;
	bool truth;

	if (!build(b, x->a))
		return false;
	v = constants(b, m, 1);
	if (x->is->in == NULL) {
		if (v != NULL && ward_cedar_is(v, x->is->type, &truth, &f)) {
			struct cedar_value r = ward_cedar_truth(truth);

			return replace(b, m, &r);
		}
		return emit_name(b, OP_IS, 0, x->is->type);
	}
	if (!emit_name(b, OP_IS_STEP, 0, x->is->type))
		return false;
	jump = b->n_code;
	if (!emit(b, OP_JUMP, 0, 0) || !build(b, x->is->in) || !emit(b, OP_BINARY, CEDAR_X_IN, 0))
		return false;
	b->code[jump].arg = (uint32_t)b->n_code;
	return done(b, m);
}

static bool build_like(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	struct cedar_fault f;
	bool truth;

	if (!build(b, x->a))
		return false;
	v = constants(b, m, 1);
	if (v != NULL && ward_cedar_is_like(v, x->pattern, &truth, &f)) {
		struct cedar_value r = ward_cedar_truth(truth);

		return replace(b, m, &r);
	}
	return emit_name(b, OP_LIKE, 0, x->pattern);
}

/* ---- what evaluates a part of its operands ---- */

/*
 * A known operand that lets the chain go on is left out, unless it is the last; one that ends it is the last. What is
 * behind it is never evaluated, so it need not be built.
 */
static bool build_chain(struct cedar_build *b, const struct cedar_expr *x)
{
	bool or = x->kind == CEDAR_X_OR, settled = false;
	struct mark m = here(b);
	size_t jumps = SIZE_MAX; /* those to the end are chained through arg */

	for (uint32_t i = 0; i < x->n && !settled; i++) {
		struct mark at = here(b);
		const struct cedar_value *v;
		bool last = i + 1 == x->n;

		if (!build(b, x->v[i]))
			return false;
		v = constants(b, at, 1);
		if (v != NULL && v->tag == CEDAR_V_BOOL) {
			settled = v->truth == or ;
			if (!settled && !last)
				back(b, at);
			continue;
		}
		if (!emit(b, last ? OP_BOOL : or ? OP_OR : OP_AND, 0, jumps))
			return false;
		if (!last) {
			jumps = b->n_code - 1;
			b->top = m.top;
		}
	}
	while (jumps != SIZE_MAX) {
		uint32_t next = b->code[jumps].arg;

		b->code[jumps].arg = (uint32_t)b->n_code;
		jumps = next == UINT32_MAX ? SIZE_MAX : next;
	}
	return done(b, m);
}

static bool build_if(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	size_t branch, jump;

	if (!build(b, x->v[0]))
		return false;
	v = constants(b, m, 1);
	if (v != NULL && v->tag == CEDAR_V_BOOL) {
		bool truth = v->truth;

		back(b, m);
		return build(b, x->v[truth ? 1 : 2]);
	}
	branch = b->n_code;
	if (!emit(b, OP_BRANCH, 0, 0))
		return false;
	b->top = m.top;
	if (!build(b, x->v[1]))
		return false;
	jump = b->n_code;
	if (!emit(b, OP_JUMP, 0, 0))
		return false;
	b->code[branch].arg = (uint32_t)b->n_code;
	b->top = m.top;
	if (!build(b, x->v[2]))
		return false;
	b->code[jump].arg = (uint32_t)b->n_code;
	return done(b, m);
}

/* ---- lists ---- */

static bool build_unknown(struct cedar_build *b, const struct cedar_expr *x)
{
	const struct cedar_str *s = ward_cedar_unknown_name(x);

	return s != NULL ? emit_name(b, OP_UNKNOWN, 1, s) : emit(b, OP_UNKNOWN, 0, 0);
}

static bool build_list(struct cedar_build *b, const struct cedar_expr *x)
{
	struct mark m = here(b);
	bool set = x->kind == CEDAR_X_SET, ok;
	struct cedar_value *v, r;
	struct cedar_fault f;

	if (!set && x->aux == CEDAR_FN_UNKNOWN) {
		height(b, b->top + 1);
		return build_unknown(b, x);
	}
	for (uint32_t i = 0; i < x->n; i++) {
		if (!build(b, x->v[i]))
			return false;
	}
	v = constants(b, m, x->n);
	if (v != NULL || x->n == 0) {
		ok = set ? ward_cedar_make_set(b->c->arena, v, x->n, &r, &f)
			 : ward_cedar_call(b->c->arena, (enum cedar_fn)x->aux, v, x->n, &r, &f);
		if (ok)
			return replace(b, m, &r);
		if (!unfolded(b, &f))
			return false;
	}
	return emit(b, set ? OP_SET : OP_CALL, x->aux, x->n) && done(b, m);
}

static bool fold_record(struct cedar_build *b, const struct cedar_expr *x, const uint32_t *order,
	struct mark m)
{
	const struct cedar_value *v = constants(b, m, x->n);
	struct cedar_member *members = calloc(x->n + 1u, sizeof(*members));
	struct cedar_value r;
	struct cedar_fault f;
	bool ok;

	if (members == NULL)
		return fail(b, WARD_E_NOMEM);
	for (uint32_t i = 0; i < x->n; i++)
		members[i] = (struct cedar_member){ x->fields[order[i]].name, v[i] };
	ok = ward_cedar_make_record(b->c->arena, members, x->n, &r, &f);
	free(members);
	return ok ? replace(b, m, &r) : fail(b, WARD_E_NOMEM);
}

static bool build_fields(struct cedar_build *b, const struct cedar_expr *x, const uint32_t *order)
{
	struct mark m = here(b);
	size_t names;

	for (uint32_t i = 0; i < x->n; i++) {
		if (!build(b, x->fields[order[i]].x))
			return false;
	}
	if (x->n == 0 || constants(b, m, x->n) != NULL)
		return fold_record(b, x, order, m);
	return names_of(b, x, order, &names) && emit(b, OP_RECORD, 0, names) &&
		emit(b, OP_COUNT, 0, x->n) && done(b, m);
}

static bool build_record(struct cedar_build *b, const struct cedar_expr *x)
{
	uint32_t *order = calloc(x->n + 1u, sizeof(*order));
	bool ok;

	if (order == NULL)
		return fail(b, WARD_E_NOMEM);
	ward_cedar_field_order(x, order);
	ok = build_fields(b, x, order);
	free(order);
	return ok;
}

/* ---- leaves ---- */

static bool build_leaf(struct cedar_build *b, const struct cedar_expr *x)
{
	struct cedar_value v = { 0 };

	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: v = ward_cedar_truth(x->truth); break;
	case CEDAR_X_LONG:
		v.tag = CEDAR_V_LONG;
		v.number = x->number;
		break;
	case CEDAR_X_STRING:
		v.tag = CEDAR_V_STRING;
		v.str = x->str;
		break;
	case CEDAR_X_ENTITY:
		v.tag = CEDAR_V_ENTITY;
		v.uid = x->uid;
		break;
	case CEDAR_X_VALUE: v = *x->value; break;
	default:
		height(b, b->top + 1);
		if (x->kind == CEDAR_X_VAR)
			return emit(b, OP_VAR, x->aux, 0);
		if (x->kind == CEDAR_X_SLOT)
			return emit(b, OP_SLOT, x->aux, 0);
		return build_unknown(b, x);
	}
	return emit_value(b, &v);
}

static bool build_node(struct cedar_build *b, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR: return build_chain(b, x);
	case CEDAR_X_IF: return build_if(b, x);
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY: return build_unary(b, x);
	case CEDAR_X_ATTR: return build_attr(b, x);
	case CEDAR_X_HAS: return build_has(b, x);
	case CEDAR_X_LIKE: return build_like(b, x);
	case CEDAR_X_IS: return build_is(b, x);
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return build_list(b, x);
	case CEDAR_X_RECORD: return build_record(b, x);
	default: break;
	}
	if (x->kind >= CEDAR_X_EQ && x->kind <= CEDAR_X_HAS_TAG)
		return build_binary(b, x);
	return build_leaf(b, x);
}

static bool build(struct cedar_build *b, const struct cedar_expr *x)
{
	bool ok;

	if (b->depth > WARD_CEDAR_DEPTH_MAX)
		return fail(b, WARD_E_LIMIT);
	b->depth++;
	ok = build_node(b, x);
	b->depth--;
	return ok;
}

/* ---- policies ---- */

/*
 * x must be a Bool and equal to want, or the policy is not satisfied. A chain that must be true as a whole (or false, of
 * ||) is as many tests; a ! turns what is wanted. *ret_never: it never is satisfied, and what is behind need not be built.
 */
static bool build_test(struct cedar_build *b, const struct cedar_expr *x, bool want,
	bool *ret_never)
{
	struct mark m = here(b);
	const struct cedar_value *v;
	bool ok = true;

	if (b->depth > WARD_CEDAR_DEPTH_MAX)
		return fail(b, WARD_E_LIMIT);
	if (x->kind == CEDAR_X_NOT || x->kind == (want ? CEDAR_X_AND : CEDAR_X_OR)) {
		b->depth++;
		if (x->kind == CEDAR_X_NOT)
			ok = build_test(b, x->a, !want, ret_never);
		else
			for (uint32_t i = 0; ok && !*ret_never && i < x->n; i++)
				ok = build_test(b, x->v[i], want, ret_never);
		b->depth--;
		return ok;
	}
	if (!build(b, x))
		return false;
	v = constants(b, m, 1);
	if (v != NULL && v->tag == CEDAR_V_BOOL && v->truth == want) {
		back(b, m);
		return true;
	}
	*ret_never = v != NULL;
	b->top = m.top;
	return emit(b, OP_TEST, want, 0);
}

bool ward_cedar_build_policy(struct cedar_build *b, const struct cedar_policy *p, uint32_t *ret)
{
	bool never = false;
	size_t start;

	if (b->n_code == 0 && !emit(b, OP_END, 0, 0))
		return false;
	start = b->n_code;
	for (uint32_t i = 0; !never && i < p->n_conditions; i++) {
		if (!build_test(b, p->conditions[i].body, !p->conditions[i].unless, &never))
			return false;
	}
	*ret = 0;
	if (b->n_code == start)
		return true;
	*ret = (uint32_t)start;
	return emit(b, OP_END, 0, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree is evaluated by walking it: no preparation, nothing remembered. This is the plain reading of the language, which
 * the compiled form is held against. Operands are evaluated from left to right, all of them, but for && || if, which
 * evaluate what they need; the fields of a record literal are evaluated in the order of their names.
 */
#include "cedar/eval/operate.h"

struct walk {
	const struct cedar_env *env;
	struct cedar_world world;
	struct cedar_fault *fault;
	unsigned depth;
};

static bool walk(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret);

static bool no_value(struct walk *w, enum cedar_fault_kind kind)
{
	return ward_cedar_no_value(w->fault, kind);
}

static bool variable(struct walk *w, enum cedar_var var, struct cedar_value *ret)
{
	const struct cedar_request *r = w->env->request;
	const struct cedar_uid *uid;

	if (r == NULL)
		return no_value(w, CEDAR_FAULT_UNKNOWN);
	if (var == CEDAR_CONTEXT) {
		if (r->context == NULL)
			return no_value(w, CEDAR_FAULT_UNKNOWN);
		*ret = (struct cedar_value){ .tag = CEDAR_V_RECORD, .record = r->context };
		return true;
	}
	uid = var == CEDAR_PRINCIPAL ? r->principal : var == CEDAR_ACTION ? r->action : r->resource;
	if (uid == NULL)
		return no_value(w, CEDAR_FAULT_UNKNOWN);
	*ret = (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = uid };
	return true;
}

static bool leaf(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	const struct cedar_uid *uid = NULL;

	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: *ret = ward_cedar_truth(x->truth); return true;
	case CEDAR_X_LONG:
		*ret = (struct cedar_value){ .tag = CEDAR_V_LONG, .number = x->number };
		return true;
	case CEDAR_X_STRING:
		*ret = (struct cedar_value){ .tag = CEDAR_V_STRING, .str = x->str };
		return true;
	case CEDAR_X_ENTITY: uid = x->uid; break;
	case CEDAR_X_VALUE: *ret = *x->value; return true;
	case CEDAR_X_VAR: return variable(w, (enum cedar_var)x->aux, ret);
	case CEDAR_X_SLOT:
		if (x->aux < CEDAR_SLOT_MAX)
			uid = w->env->slots[x->aux];
		if (uid == NULL)
			return ward_cedar_no_slot(w->fault, x->aux);
		break;
	default: return ward_cedar_unknown(w->fault, ward_cedar_unknown_name(x));
	}
	*ret = (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = uid };
	return true;
}

static bool boolean(struct walk *w, const struct cedar_expr *x, bool *ret)
{
	struct cedar_value v;

	return walk(w, x, &v) && ward_cedar_as_bool(&v, ret, w->fault);
}

/* && stops at the first false, || at the first true. */
static bool chain(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	bool stop = x->kind == CEDAR_X_OR, truth = !stop;

	for (uint32_t i = 0; truth != stop && i < x->n; i++) {
		if (!boolean(w, x->v[i], &truth))
			return false;
	}
	*ret = ward_cedar_truth(truth);
	return true;
}

static bool choice(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	bool truth;

	return boolean(w, x->v[0], &truth) && walk(w, x->v[truth ? 1 : 2], ret);
}

/* x has a.b.c is x has a && x.a has b && x.a.b has c */
static bool has(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	const struct cedar_value *v;
	struct cedar_value at;

	if (!walk(w, x->a, &at))
		return false;
	for (uint32_t i = 0; i < x->n; i++) {
		if (!ward_cedar_has(&w->world, &at, x->names[i], &v, w->fault))
			return false;
		if (v == NULL) {
			*ret = ward_cedar_truth(false);
			return true;
		}
		at = *v;
	}
	*ret = ward_cedar_truth(true);
	return true;
}

/* x is T in y is x is T && x in y */
static bool is(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	struct cedar_value a, b;
	bool truth;

	if (!walk(w, x->a, &a) || !ward_cedar_is(&a, x->is->type, &truth, w->fault))
		return false;
	*ret = ward_cedar_truth(truth);
	if (!truth || x->is->in == NULL)
		return true;
	return walk(w, x->is->in, &b) &&
		ward_cedar_apply_binary(&w->world, CEDAR_X_IN, &a, &b, ret, w->fault);
}

/* The elements of a set, the arguments of a call. */
static bool list(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	struct cedar_value few[3], *v = few;

	if (x->kind == CEDAR_X_CALL && x->aux == CEDAR_FN_UNKNOWN)
		return ward_cedar_unknown(w->fault, ward_cedar_unknown_name(x));
	if (x->n > WARD_ARRAY_SIZE(few))
		v = ward_arena_alloc(w->env->arena, x->n * sizeof(*v));
	if (v == NULL)
		return no_value(w, CEDAR_FAULT_MEMORY);
	for (uint32_t i = 0; i < x->n; i++) {
		if (!walk(w, x->v[i], &v[i]))
			return false;
	}
	if (x->kind == CEDAR_X_SET)
		return ward_cedar_make_set(w->env->arena, v, x->n, ret, w->fault);
	return ward_cedar_call(w->env->arena, (enum cedar_fn)x->aux, v, x->n, ret, w->fault);
}

static bool record(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	struct cedar_member *v = ward_arena_alloc(w->env->arena, x->n * sizeof(*v));
	uint32_t *order = ward_arena_alloc(w->env->arena, x->n * sizeof(*order));

	if (v == NULL || order == NULL)
		return no_value(w, CEDAR_FAULT_MEMORY);
	ward_cedar_field_order(x, order);
	for (uint32_t i = 0; i < x->n; i++) {
		v[i].name = x->fields[order[i]].name;
		if (!walk(w, x->fields[order[i]].x, &v[i].value))
			return false;
	}
	return ward_cedar_make_record(w->env->arena, v, x->n, ret, w->fault);
}

static bool two(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	struct cedar_value a, b;

	return walk(w, x->a, &a) && walk(w, x->b, &b) &&
		ward_cedar_apply_binary(&w->world, (enum cedar_expr_kind)x->kind, &a, &b, ret,
			w->fault);
}

static bool one(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	struct cedar_value a;
	bool truth;

	if (!walk(w, x->a, &a))
		return false;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_ATTR: return ward_cedar_attr(&w->world, &a, x->name, ret, w->fault);
	case CEDAR_X_LIKE:
		if (!ward_cedar_is_like(&a, x->pattern, &truth, w->fault))
			return false;
		*ret = ward_cedar_truth(truth);
		return true;
	default: return ward_cedar_apply_unary((enum cedar_expr_kind)x->kind, &a, ret, w->fault);
	}
}

static bool node(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_AND:
	case CEDAR_X_OR: return chain(w, x, ret);
	case CEDAR_X_IF: return choice(w, x, ret);
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY:
	case CEDAR_X_ATTR:
	case CEDAR_X_LIKE: return one(w, x, ret);
	case CEDAR_X_HAS: return has(w, x, ret);
	case CEDAR_X_IS: return is(w, x, ret);
	case CEDAR_X_SET:
	case CEDAR_X_CALL: return list(w, x, ret);
	case CEDAR_X_RECORD: return record(w, x, ret);
	default: break;
	}
	if (x->kind >= CEDAR_X_EQ && x->kind <= CEDAR_X_HAS_TAG)
		return two(w, x, ret);
	return leaf(w, x, ret);
}

static bool walk(struct walk *w, const struct cedar_expr *x, struct cedar_value *ret)
{
	bool ok;

	if (w->depth > WARD_CEDAR_DEPTH_MAX)
		return no_value(w, CEDAR_FAULT_DEPTH);
	w->depth++;
	ok = node(w, x, ret);
	w->depth--;
	return ok;
}

bool ward_cedar_interpret(const struct cedar_env *env, const struct cedar_expr *x,
	struct cedar_value *ret, struct cedar_fault *fault)
{
	struct walk w = { .env = env, .fault = fault };

	ward_cedar_world_init(&w.world, env->entities, env->request);
	*fault = (struct cedar_fault){ 0 };
	return walk(&w, x, ret);
}

/* ---- a policy ---- */

static bool scope_matches(struct cedar_world *w, const struct cedar_scope *s,
	const struct cedar_uid *slot, const struct cedar_uid *uid)
{
	const struct cedar_uid *wanted = s->slot ? slot : s->uid;

	switch ((enum cedar_scope_op)s->op) {
	case CEDAR_SCOPE_ANY: return true;
	case CEDAR_SCOPE_EQ: return ward_cedar_uid_eq(uid, wanted);
	case CEDAR_SCOPE_IN: return ward_cedar_world_in(w, uid, wanted);
	case CEDAR_SCOPE_IS: return ward_cedar_str_eq(uid->type, s->type);
	case CEDAR_SCOPE_IS_IN:
		return ward_cedar_str_eq(uid->type, s->type) && ward_cedar_world_in(w, uid, wanted);
	}
	return false;
}

static bool action_matches(struct cedar_world *w, const struct cedar_action_scope *s,
	const struct cedar_uid *uid)
{
	if (s->op == CEDAR_SCOPE_ANY)
		return true;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->op == CEDAR_SCOPE_EQ ? ward_cedar_uid_eq(uid, s->uids[i])
					    : ward_cedar_world_in(w, uid, s->uids[i]))
			return true;
	}
	return false;
}

bool ward_cedar_interpret_policy(const struct cedar_env *env, const struct cedar_policy *p,
	bool *ret_satisfied, struct cedar_fault *fault)
{
	struct walk w = { .env = env, .fault = fault };
	const struct cedar_request *r = env->request;

	ward_cedar_world_init(&w.world, env->entities, r);
	*ret_satisfied = false;
	*fault = (struct cedar_fault){ 0 };
	if (r == NULL || r->principal == NULL || r->action == NULL || r->resource == NULL)
		return no_value(&w, CEDAR_FAULT_UNKNOWN);
	if (p->principal.slot && env->slots[CEDAR_SLOT_PRINCIPAL] == NULL)
		return ward_cedar_no_slot(fault, CEDAR_SLOT_PRINCIPAL);
	if (p->resource.slot && env->slots[CEDAR_SLOT_RESOURCE] == NULL)
		return ward_cedar_no_slot(fault, CEDAR_SLOT_RESOURCE);
	if (!scope_matches(&w.world, &p->principal, env->slots[CEDAR_SLOT_PRINCIPAL],
		    r->principal) ||
		!action_matches(&w.world, &p->action, r->action) ||
		!scope_matches(&w.world, &p->resource, env->slots[CEDAR_SLOT_RESOURCE],
			r->resource))
		return true;
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		bool truth;

		if (!boolean(&w, p->conditions[i].body, &truth))
			return false;
		if (truth == p->conditions[i].unless)
			return true;
	}
	*ret_satisfied = true;
	return true;
}

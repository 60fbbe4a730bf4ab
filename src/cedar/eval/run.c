/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: instructions run over a stack whose height is known beforehand, so that nothing here recurses or grows but
 * the arena, for sets and records that are made. Jumps go forward only: a run ends.
 */
#include "cedar/eval/program.h"

/* ---- scopes ---- */

static bool scope_matches(struct cedar_run *r, const struct cedar_scope *s,
	const struct cedar_uid *slot, const struct cedar_uid *uid)
{
	if (s->op == CEDAR_SCOPE_ANY)
		return true;
	if (s->op >= CEDAR_SCOPE_IS && !ward_cedar_str_eq(uid->type, s->type))
		return false;
	if (s->op == CEDAR_SCOPE_IS)
		return true;
	if (s->op == CEDAR_SCOPE_EQ)
		return ward_cedar_uid_eq(uid, s->slot ? slot : s->uid);
	return ward_cedar_world_in(&r->world, uid, s->slot ? slot : s->uid);
}

bool ward_cedar_scope_matches(struct cedar_run *r, const struct cedar_unit *u)
{
	const struct cedar_action_scope *a = &u->tree->action;
	bool found = a->op == CEDAR_SCOPE_ANY;

	if (!scope_matches(r, &u->tree->principal, u->slots[CEDAR_SLOT_PRINCIPAL],
		    r->request->principal) ||
		!scope_matches(r, &u->tree->resource, u->slots[CEDAR_SLOT_RESOURCE],
			r->request->resource))
		return false;
	for (uint32_t i = 0; !found && i < a->n; i++)
		found = a->op == CEDAR_SCOPE_EQ
			? ward_cedar_uid_eq(r->request->action, a->uids[i])
			: ward_cedar_world_in(&r->world, r->request->action, a->uids[i]);
	return found;
}

/* ---- operands ---- */

static struct cedar_value variable(const struct cedar_run *r, unsigned var)
{
	if (var == CEDAR_CONTEXT)
		return (struct cedar_value){
			.tag = CEDAR_V_RECORD,
			.record = r->request->context,
		};
	return (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = r->world.own[var] };
}

static bool var_attr(struct cedar_run *r, struct cedar_insn i, struct cedar_value *ret,
	struct cedar_fault *f)
{
	struct cedar_value v = variable(r, i.aux);

	return ward_cedar_attr(&r->world, &v, r->compiled->names[i.arg], ret, f);
}

static bool has(struct cedar_run *r, struct cedar_insn i, const struct cedar_value *a,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_value *v;

	if (!ward_cedar_has(&r->world, a, r->compiled->names[i.arg], &v, f))
		return false;
	*ret = ward_cedar_truth(v != NULL);
	return true;
}

static bool slot(const struct cedar_unit *u, unsigned which, struct cedar_value *ret,
	struct cedar_fault *f)
{
	if (which >= CEDAR_SLOT_MAX || u->slots[which] == NULL)
		return ward_cedar_no_slot(f, which);
	*ret = (struct cedar_value){ .tag = CEDAR_V_ENTITY, .uid = u->slots[which] };
	return true;
}

/* ---- steps: true: the next instruction is left out ---- */

static bool has_step(struct cedar_run *r, struct cedar_insn i, struct cedar_value *top,
	bool *ret_skip, struct cedar_fault *f)
{
	const struct cedar_value *v;

	if (!ward_cedar_has(&r->world, top, r->compiled->names[i.arg], &v, f))
		return false;
	*ret_skip = v != NULL;
	*top = v != NULL ? *v : ward_cedar_truth(false);
	return true;
}

static bool is_step(struct cedar_run *r, struct cedar_insn i, struct cedar_value *top,
	bool *ret_skip, struct cedar_fault *f)
{
	if (!ward_cedar_is(top, r->compiled->names[i.arg], ret_skip, f))
		return false;
	if (!*ret_skip)
		*top = ward_cedar_truth(false);
	return true;
}

/* ---- what is made ---- */

static bool record(struct cedar_run *r, const struct cedar_insn *i, struct cedar_value *v,
	struct cedar_fault *f)
{
	uint32_t n = i[1].arg;
	struct cedar_member *m = ward_arena_alloc(r->arena, n * sizeof(*m));

	r->dirty = true;
	if (m == NULL)
		return ward_cedar_no_value(f, CEDAR_FAULT_MEMORY);
	for (uint32_t k = 0; k < n; k++)
		m[k] = (struct cedar_member){ r->compiled->names[i->arg + k], v[k] };
	return ward_cedar_make_record(r->arena, m, n, v, f);
}

static bool set(struct cedar_run *r, struct cedar_insn i, struct cedar_value *v,
	struct cedar_fault *f)
{
	r->dirty = true;
	return ward_cedar_make_set(r->arena, v, i.arg, v, f);
}

static bool call(struct cedar_run *r, struct cedar_insn i, struct cedar_value *v,
	struct cedar_fault *f)
{
	struct cedar_value result;

	r->dirty = r->dirty || i.aux == CEDAR_FN_IP;
	if (!ward_cedar_call(r->arena, (enum cedar_fn)i.aux, v, i.arg, &result, f))
		return false;
	*v = result;
	return true;
}

bool ward_cedar_run(struct cedar_run *r, const struct cedar_unit *u, bool *ret_satisfied,
	struct cedar_fault *f)
{
	const struct cedar_compiled *c = r->compiled;
	const struct cedar_insn *i = &c->code[u->code];
	struct cedar_value *top = r->stack - 1; /* the stack has one below its bottom */
	bool ok = true, truth = false;

	*ret_satisfied = false;
	for (; ok; i++) {
		switch ((enum cedar_op)i->op) {
		case OP_END: *ret_satisfied = true; return true;
		case OP_TEST:
			ok = ward_cedar_as_bool(top--, &truth, f);
			if (ok && truth != i->aux)
				return true;
			break;
		case OP_CONST: *++top = c->values[i->arg]; break;
		case OP_VAR: *++top = variable(r, i->aux); break;
		case OP_SLOT: ok = slot(u, i->aux, ++top, f); break;
		case OP_AND:
		case OP_OR:
			ok = ward_cedar_as_bool(top, &truth, f);
			if (ok && truth == (i->op == OP_OR))
				i = &c->code[i->arg] - 1;
			else
				top--;
			break;
		case OP_BOOL: ok = ward_cedar_as_bool(top, &truth, f); break;
		case OP_BRANCH:
			ok = ward_cedar_as_bool(top--, &truth, f);
			if (ok && !truth)
				i = &c->code[i->arg] - 1;
			break;
		case OP_JUMP: i = &c->code[i->arg] - 1; break;
		case OP_UNARY:
			ok = ward_cedar_apply_unary((enum cedar_expr_kind)i->aux, top, top, f);
			break;
		case OP_BINARY:
			top--;
			ok = ward_cedar_apply_binary(&r->world, (enum cedar_expr_kind)i->aux, top,
				top + 1, top, f);
			break;
		case OP_EQ:
			top--;
			*top = ward_cedar_truth(ward_cedar_value_eq(top, top + 1) == i->aux);
			break;
		case OP_EQ_CONST:
			*top = ward_cedar_truth(ward_cedar_value_eq(top, &c->values[i->arg]) ==
				i->aux);
			break;
		case OP_ATTR: ok = ward_cedar_attr(&r->world, top, c->names[i->arg], top, f); break;
		case OP_VAR_ATTR: ok = var_attr(r, *i, ++top, f); break;
		case OP_HAS: ok = has(r, *i, top, top, f); break;
		case OP_VAR_HAS:
			*++top = variable(r, i->aux);
			ok = has(r, *i, top, top, f);
			break;
		case OP_HAS_STEP:
			ok = has_step(r, *i, top, &truth, f);
			i += ok && truth;
			break;
		case OP_IS:
			ok = ward_cedar_is(top, c->names[i->arg], &truth, f);
			*top = ward_cedar_truth(truth);
			break;
		case OP_IS_STEP:
			ok = is_step(r, *i, top, &truth, f);
			i += ok && truth;
			break;
		case OP_LIKE:
			ok = ward_cedar_is_like(top, c->names[i->arg], &truth, f);
			*top = ward_cedar_truth(truth);
			break;
		case OP_SET:
			top -= (ptrdiff_t)i->arg - 1;
			ok = set(r, *i, top, f);
			break;
		case OP_CALL:
			top -= (ptrdiff_t)i->arg - 1;
			ok = call(r, *i, top, f);
			break;
		case OP_RECORD:
			top -= (ptrdiff_t)i[1].arg - 1;
			ok = record(r, i, top, f);
			i++;
			break;
		case OP_COUNT:
		case OP_UNKNOWN: return ward_cedar_unknown(f, i->aux ? c->names[i->arg] : NULL);
		}
	}
	return false;
}

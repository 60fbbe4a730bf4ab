/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scope of a policy: principal, action and resource with what limits them. What is common (an entity, a list of
 * entities, a slot) is read without a tree; anything else is read as the expression that the grammar lets stand there, and
 * then told what it is.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cedar/syntax/parser.h"

#define SCOPE_HELP \
	"policy scopes must contain a `principal`, `action`, and `resource` element in that order"

enum want {
	WANT_REF = 0,
	WANT_ONE,
	WANT_MANY
}; /* entity or slot; entity; entity or list of them */
static const struct {
	const char *one, *set, *slot;
} wanted[] = {
	[WANT_REF] = { "an entity uid or matching template slot",
		"single entity uid or template slot", NULL },
	[WANT_ONE] = { "an entity uid", "single entity uid", "single entity uid" },
	[WANT_MANY] = { "an entity uid or set of entity uids", NULL,
		"single entity uid or set of entity uids" },
};

struct target {
	const struct cedar_uid *uid;
	struct cedar_span at;
};
/* What stands behind the operator: targets, on the parser's stack; or a slot. */
struct right {
	uint32_t n;
	size_t from;
	bool list, slot, wrong; /* wrong: noted */
	uint32_t start, end;
};
struct variable {
	unsigned which; /* kind of its token */
	uint32_t start, length, end; /* length: of the variable alone */
	uint32_t sign_at;
	unsigned sign; /* kind of the token; T_END: none */
	bool is;
	struct operand type;
};

static const char *variable_name(unsigned kind)
{
	return kind == T_PRINCIPAL ? "principal" : kind == T_ACTION ? "action" : "resource";
}

/* ---- entities ---- */

/* Name::"id", pushed. *ret_ok false: it is something else, and nothing was noted. */
static bool plain_entity(struct parser *p, bool *ret_ok)
{
	struct target t;
	struct name n;

	if (!is_ident(p->tok.kind)) {
		*ret_ok = false;
		return true;
	}
	if (!ward_cedar_scan_name(p, &n, ret_ok))
		return false;
	*ret_ok = *ret_ok && p->tok.kind == T_STRING;
	if (!*ret_ok)
		return true;
	t.at = (struct cedar_span){ n.start, p->tok.end };
	return ward_cedar_entity(p, &n, &t.uid) && ward_cedar_push(p, &t, sizeof(t));
}

static bool plain_list(struct parser *p, struct right *r, bool *ret_ok)
{
	ward_cedar_next(p);
	*ret_ok = true;
	while (p->tok.kind != T_RBRACKET) {
		if (!plain_entity(p, ret_ok))
			return false;
		*ret_ok = *ret_ok && (p->tok.kind == T_COMMA || p->tok.kind == T_RBRACKET);
		if (!*ret_ok)
			return true;
		r->n++;
		if (p->tok.kind == T_COMMA)
			ward_cedar_next(p);
	}
	ward_cedar_next(p);
	r->list = true;
	return true;
}

/* What the tree is, as the messages call it; NULL: nothing to say, it is poisoned. */
static const char *described(const struct parser *p, const struct operand *op, char out[])
{
	char part[SNIPPET_MAX];
	bool name = op->form == FORM_NAME || op->form == FORM_VAR;

	assert(op->form != FORM_EXPR || op->x != NULL);
	if (op->form != FORM_EXPR || op->x->kind == CEDAR_X_VAR || op->x->kind <= CEDAR_X_STRING) {
		if (op->form == FORM_EXPR && op->x->kind == CEDAR_X_NONE)
			return NULL;
		name = name || (op->form == FORM_EXPR && op->x->kind == CEDAR_X_VAR);
		snprintf(out, SNIPPET_MAX + 16, "%s `%s`", name ? "name" : "literal",
			ward_cedar_display(p, op, part));
		return out;
	}
	switch ((enum cedar_expr_kind)op->x->kind) {
	case CEDAR_X_AND: return "a `&&` expression";
	case CEDAR_X_OR: return "a `||` expression";
	case CEDAR_X_IF: return "an `if` expression";
	case CEDAR_X_HAS: return "a `has` expression";
	case CEDAR_X_LIKE: return "a `like` expression";
	case CEDAR_X_IS: return "an `is` expression";
	case CEDAR_X_ADD:
	case CEDAR_X_SUB: return "a `+/-` expression";
	case CEDAR_X_MUL: return "a `*` expression";
	case CEDAR_X_NOT: return "a `!` expression";
	case CEDAR_X_NEG: return "a `-` expression";
	case CEDAR_X_RECORD: return "record initializer";
	case CEDAR_X_EQ:
	case CEDAR_X_NE:
	case CEDAR_X_LT:
	case CEDAR_X_LE:
	case CEDAR_X_GT:
	case CEDAR_X_GE:
	case CEDAR_X_IN: return "a binary operator";
	default: return "a `.` expression";
	}
}

static void advise(struct parser *p, unsigned kind, const struct operand *op)
{
	unsigned x = op->form == FORM_EXPR ? op->x->kind : CEDAR_X_NONE;

	if (op->form == FORM_STRING)
		HELP(p,
			"try including the entity type if you intended this string to be an "
			"entity uid");
	else if (op->form == FORM_NAME || op->form == FORM_VAR)
		HELP(p,
			"try %sincluding an identifier string if you intended this name to be an "
			"entity uid",
			kind == T_ACTION ? "" : "using `is` to test for an entity type or ");
	else if (x == CEDAR_X_AND || x == CEDAR_X_OR)
		HELP(p,
			"the policy scope can only contain one constraint per variable. Consider "
			"moving the second operand of this `%s` into a %s",
			x == CEDAR_X_AND ? "&&" : "||",
			x == CEDAR_X_AND ? "`when` condition" : "new policy");
	else if (x >= CEDAR_X_CONTAINS && x <= CEDAR_X_ATTR)
		HELP(p,
			"entity types and namespaces cannot use `.` characters -- perhaps try `_` "
			"or `::` instead?");
}

/* One expression as a target, pushed, or noted. */
static bool tell(struct parser *p, const struct variable *v, enum want want,
	const struct operand *op, struct right *r)
{
	const struct cedar_expr *x = op->form == FORM_EXPR ? op->x : NULL;
	char text[SNIPPET_MAX + 16];
	const char *found;

	if (x != NULL && x->kind == CEDAR_X_ENTITY) {
		struct target t = { x->uid, { x->start, x->end } };

		r->n++;
		return ward_cedar_push(p, &t, sizeof(t));
	}
	if (x != NULL && x->kind == CEDAR_X_SLOT && want == WANT_REF) {
		bool same = x->aux ==
			(v->which == T_PRINCIPAL ? CEDAR_SLOT_PRINCIPAL : CEDAR_SLOT_RESOURCE);

		r->slot = true;
		r->start = x->start;
		r->end = x->end;
		if (same)
			return true;
		NOTE(p, x->start, x->end, "expected %s, found %s instead of ?%s", wanted[want].one,
			ward_cedar_verbatim(p, x->start, x->end, text), variable_name(v->which));
	} else if (x != NULL && x->kind == CEDAR_X_SLOT) {
		NOTE(p, x->start, x->end, "expected %s, found template slot", wanted[want].slot);
	} else if (x != NULL && x->kind == CEDAR_X_SET) {
		NOTE(p, x->start, x->end, "expected %s, found set of entity uids",
			wanted[want].set);
	} else if ((found = described(p, op, text)) != NULL) {
		NOTE(p, op->start, op->end, "expected %s, found %s", wanted[want].one, found);
		advise(p, v->which, op);
	}
	r->wrong = true;
	return true;
}

/* A member of a list, as an operand again. */
static struct operand member_of(const struct cedar_expr *x)
{
	struct operand op = { .form = FORM_EXPR, .start = x->start, .end = x->end };

	memcpy(&op.x, &x, sizeof(x)); /* the parser's own */
	return op;
}

static bool any_expression(struct parser *p, const struct variable *v, enum want want,
	struct right *r)
{
	struct mark before = ward_cedar_mark(p);
	struct operand op;
	bool poisoned, is;

	if (!ward_cedar_expression(p, &op))
		return false;
	poisoned = op.form == FORM_EXPR && op.x->kind == CEDAR_X_NONE;
	is = op.form == FORM_EXPR && op.x->kind == CEDAR_X_IS && op.x->parens == 0;
	if (is && p->errors == before.mine && v->sign == T_IN) {
		if (v->which == T_ACTION) {
			NOTE(p, op.start, op.end, "`is` cannot appear in the action scope");
			HELP(p, "try moving `action is ..` into a `when` condition");
		} else {
			NOTE(p, op.start, op.end,
				"when `is` and `in` are used together, `is` must come first");
			HELP(p, "try `_ is _ in _`");
		}
		r->wrong = true;
		return true;
	}
	if (poisoned || p->errors > before.mine) {
		if (poisoned || op.form != FORM_EXPR || op.x->kind == CEDAR_X_SET) {
			r->wrong = true;
			return true;
		}
		ward_cedar_forget(p, before); /* what it is says more than what is wrong in it */
	}
	if (want != WANT_MANY || op.form != FORM_EXPR || op.x->kind != CEDAR_X_SET)
		return tell(p, v, want, &op, r);
	r->list = true;
	for (uint32_t i = 0; i < op.x->n; i++) {
		struct operand m = member_of(op.x->v[i]);

		if (!tell(p, v, WANT_ONE, &m, r))
			return false;
	}
	return true;
}

static bool right_side(struct parser *p, const struct variable *v, enum want want, struct right *r)
{
	struct token first = p->tok;
	struct mark before = ward_cedar_mark(p);
	size_t errors = p->errors;
	bool ok;

	*r = (struct right){ .from = p->top, .start = first.start };
	if (want == WANT_MANY && first.kind == T_LBRACKET) {
		if (!plain_list(p, r, &ok))
			return false;
	} else {
		if (!plain_entity(p, &ok))
			return false;
		r->n = 1;
	}
	if (ok && (p->tok.kind == T_COMMA || p->tok.kind == T_RPAREN)) {
		r->wrong = p->errors > errors;
		r->end = p->last_end;
		return true;
	}
	ward_cedar_forget(p, before);
	p->tok = first;
	p->top = r->from;
	*r = (struct right){ .from = p->top, .start = first.start };
	return any_expression(p, v, want, r);
}

/* ---- variables ---- */

static bool type_of(struct parser *p, const struct variable *v, const struct cedar_str **ret)
{
	const struct operand *t = &v->type;
	char part[SNIPPET_MAX];

	*ret = NULL;
	if (t->form == FORM_NAME || t->form == FORM_VAR)
		return ward_cedar_operand_name(p, t, ret);
	if (t->form == FORM_EXPR && t->x->kind == CEDAR_X_NONE)
		return true;
	NOTE(p, t->start, t->end,
		"right hand side of an `is` expression must be an entity type name, but got `%s`",
		ward_cedar_verbatim(p, t->start, t->end, part));
	if (t->form == FORM_STRING)
		HELP(p, "try removing the quotes");
	else
		HELP(p, "try using `==` to test for equality: `%s == %s`", variable_name(v->which),
			part);
	return true;
}

static void bad_operator(struct parser *p, const struct variable *v)
{
	static const char *const signs[] = { "==", "!=", "<", "<=", ">", ">=" };
	uint32_t at = v->sign_at;

	if (v->sign == T_ASSIGN) {
		NOTE(p, at, at + 1, "'=' is not a valid operator in Cedar");
		HELP(p, "try using '==' instead");
		return;
	}
	NOTE(p, at, at + (uint32_t)strlen(signs[v->sign - T_EQ]),
		"invalid operator in the %s scope: %s", v->which == T_ACTION ? "action" : "policy",
		signs[v->sign - T_EQ]);
	HELP(p,
		v->which == T_ACTION
			? "action scope clauses can only use `==` or `in`"
			: "policy scope clauses can only use `==`, `in`, `is`, or `_ is _ in _`");
}

static bool entity_scope(struct parser *p, struct variable *v, struct cedar_scope *ret)
{
	struct right r = { 0 };
	struct target t = { NULL, { 0, 0 } };

	ret->start = v->start;
	if (v->sign != T_END && !right_side(p, v, WANT_REF, &r))
		return false;
	ret->end = v->end = p->last_end;
	if (v->sign != T_END && v->sign != T_EQ && v->sign != T_IN) {
		if (!r.wrong)
			bad_operator(p, v);
		return true;
	}
	if (v->is && v->sign == T_EQ && !r.wrong) {
		NOTE(p, v->start, v->end, "`is` cannot be used together with `==`");
		HELP(p, "try using `_ is _ in _`");
		return true;
	}
	if (v->is && !type_of(p, v, &ret->type))
		return false;
	if (v->is)
		ret->type_at = (struct cedar_span){ v->type.start, v->type.end };
	ret->op = v->is            ? (v->sign == T_IN ? CEDAR_SCOPE_IS_IN : CEDAR_SCOPE_IS)
		: v->sign == T_END ? CEDAR_SCOPE_ANY
		: v->sign == T_EQ  ? CEDAR_SCOPE_EQ
				   : CEDAR_SCOPE_IN;
	ret->slot = r.slot;
	ret->uid_at = r.slot ? (struct cedar_span){ r.start, r.end } : t.at;
	if (r.n == 1 && !r.wrong) {
		memcpy(&t, p->stack + r.from, sizeof(t));
		ret->uid = t.uid;
		ret->uid_at = t.at;
	}
	p->top = v->sign != T_END ? r.from : p->top;
	return true;
}

#define ACTIONS_SHOWN 16

/* Their types are called Action, in any namespace. */
static void check_actions(struct parser *p, const struct cedar_action_scope *a)
{
	struct ward_buf b = { .max = 1u << 14 };
	uint32_t bad = 0, said = 0, first = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		if (ward_str_eq(ward_cedar_basename(ward_cedar_text(a->uids[i]->type)),
			    WARD_STR("Action")))
			continue;
		first = bad++ == 0 ? i : first;
	}
	if (bad == 0)
		return;
	for (uint32_t i = first; i < a->n; i++) {
		char part[SNIPPET_MAX];

		if (ward_str_eq(ward_cedar_basename(ward_cedar_text(a->uids[i]->type)),
			    WARD_STR("Action")))
			continue;
		if (said == ACTIONS_SHOWN) {
			ward_buf_adds(&b, ", ..");
			break;
		}
		if (said > 0)
			ward_buf_adds(&b, said + 1 < bad ? ", " : bad > 2 ? ", and " : " and ");
		said++;
		ward_buf_addf(&b, "`%s`",
			ward_cedar_snippet(p, a->at[i].start, a->at[i].end, part));
	}
	NOTE(p, a->at[first].start, a->at[first].end, "expected %s with type `Action` but got %s",
		bad > 1 ? "entity uids" : "an entity uid", b.failed ? ".." : ward_buf_cstr(&b));
	HELP(p, "action entities must have type `Action`, optionally in a namespace");
	ward_buf_done(&b);
}

static bool action_list(struct parser *p, const struct right *r, struct cedar_action_scope *ret)
{
	const struct cedar_uid **uids;
	struct cedar_span *at;
	char *both;

	p->top = r->from;
	ret->list = r->list;
	ret->n = r->n;
	if (r->n == 0)
		return true;
	both = ward_arena_alloc(p->arena, r->n * (sizeof(*uids) + sizeof(*at)));
	if (both == NULL)
		return ward_cedar_no_memory(p);
	uids = (const struct cedar_uid **)(void *)both;
	at = (struct cedar_span *)(void *)(both + r->n * sizeof(*uids));
	for (uint32_t i = 0; i < r->n; i++) {
		struct target t;

		memcpy(&t, p->stack + r->from + i * sizeof(t), sizeof(t));
		uids[i] = t.uid;
		at[i] = t.at;
	}
	ret->uids = uids;
	ret->at = at;
	check_actions(p, ret);
	return true;
}

static bool action_scope(struct parser *p, struct variable *v, struct cedar_action_scope *ret)
{
	struct right r;
	bool is = v->is;

	ret->start = v->start;
	ret->end = p->last_end;
	if (v->sign == T_END && !is)
		return true;
	if (is) {
		NOTE(p, v->start, v->type.end, "`is` cannot appear in the action scope");
		HELP(p, "try moving `action is ..` into a `when` condition");
	}
	if (v->sign == T_END)
		return true;
	if (!right_side(p, v, v->sign == T_IN ? WANT_MANY : WANT_ONE, &r))
		return false;
	ret->end = v->end = p->last_end;
	if (v->sign != T_EQ && v->sign != T_IN) {
		if (!r.wrong)
			bad_operator(p, v);
		r.wrong = true;
	}
	ret->op = v->sign == T_EQ ? CEDAR_SCOPE_EQ : CEDAR_SCOPE_IN;
	if (!is && !r.wrong)
		return action_list(p, &r, ret);
	p->top = r.from;
	return true;
}

/* VARIABLE [":" NAME] ["is" TYPE] [OPERATOR ...]: up to the operator, which is read. */
static bool head(struct parser *p, struct variable *v)
{
	struct name n;
	bool open;

	*v = (struct variable){
		.which = p->tok.kind, .start = p->tok.start, .length = p->tok.end - p->tok.start
	};
	if (!is_ident(p->tok.kind))
		return ward_cedar_unexpected(p, "a variable");
	ward_cedar_next(p);
	if (p->tok.kind == T_COLON) {
		ward_cedar_next(p);
		if (!is_ident(p->tok.kind) ||
			(p->tok.kind >= T_IF && ward_cedar_peek(p) != T_COLONS))
			return ward_cedar_unexpected(p, "a type");
		if (!ward_cedar_scan_name(p, &n, &open))
			return false;
		if (open)
			return ward_cedar_unexpected(p, "an identifier");
		NOTE(p, n.start, n.end, "type constraints using `:` are not supported");
		HELP(p, "try using `is` instead");
	}
	if (p->tok.kind == T_IS) {
		v->is = true;
		ward_cedar_next(p);
		if (!ward_cedar_binary(p, LEVEL_ADD, &v->type))
			return false;
	}
	if ((p->tok.kind >= T_EQ && p->tok.kind <= T_ASSIGN) || p->tok.kind == T_IN) {
		v->sign = p->tok.kind;
		v->sign_at = p->tok.start;
		ward_cedar_next(p);
	}
	v->end = p->last_end;
	return true;
}

/* A further or unknown element: read, and refused. */
static bool refused(struct parser *p, struct variable *v, unsigned place)
{
	char part[SNIPPET_MAX];
	struct mark before = ward_cedar_mark(p);
	size_t from = p->top;
	struct right r;

	if (v->sign != T_END && !right_side(p, v, WANT_REF, &r))
		return false;
	v->end = p->last_end;
	p->top = from;
	ward_cedar_forget(p, before);
	if (place > 2)
		NOTE(p, v->start, v->end, "this policy has an extra element in the scope: %s",
			ward_cedar_snippet(p, v->start, v->end, part));
	else
		NOTE(p, v->start, v->start + v->length,
			"found an invalid variable in the policy scope: %s",
			ward_cedar_verbatim(p, v->start, v->start + v->length, part));
	HELP(p, SCOPE_HELP);
	return true;
}

static bool variable(struct parser *p, struct cedar_policy *policy, unsigned place)
{
	static const unsigned due[] = { T_PRINCIPAL, T_ACTION, T_RESOURCE };
	struct cedar_action_scope *action = &policy->action, other_action;
	struct cedar_scope *scope = place == 0 ? &policy->principal : &policy->resource, other;
	struct variable v;
	size_t errors = p->errors;
	bool here;

	if (!head(p, &v))
		return false;
	if (place > 2 || v.which < T_PRINCIPAL || v.which > T_RESOURCE)
		return refused(p, &v, place);
	here = v.which == due[place];
	if (v.which == T_ACTION) {
		if (!action_scope(p, &v, here ? action : &other_action))
			return false;
	} else if (!entity_scope(p, &v, here ? scope : &other)) {
		return false;
	}
	if (!here && p->errors == errors) {
		NOTE(p, v.start, v.end,
			"found the variable `%s` where the variable `%s` must be used",
			variable_name(v.which), variable_name(due[place]));
		HELP(p, SCOPE_HELP);
	}
	return true;
}

bool ward_cedar_scope(struct parser *p, struct cedar_policy *policy, struct token effect)
{
	static const char *const names[] = { "principal", "action", "resource" };
	uint32_t last = effect.end;
	unsigned n = 0;

	if (p->tok.kind != T_LPAREN)
		return ward_cedar_unexpected(p, "`(`");
	ward_cedar_next(p);
	p->clause = NULL;
	for (; p->tok.kind != T_RPAREN; n++) {
		if (!variable(p, policy, n))
			return false;
		last = p->last_end;
		if (p->tok.kind == T_COMMA)
			ward_cedar_next(p);
		else if (p->tok.kind != T_RPAREN)
			return ward_cedar_unexpected(p, "`,` or `)`");
	}
	ward_cedar_next(p);
	for (; n < WARD_ARRAY_SIZE(names); n++) {
		NOTE(p, last, last, "this policy is missing the `%s` variable in the scope",
			names[n]);
		HELP(p, SCOPE_HELP);
	}
	policy->is_template = policy->principal.slot || policy->resource.slot;
	return true;
}

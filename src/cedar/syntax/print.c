/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of trees as the language's own printer writes it: blanks around binary operators, parentheses around every operand
 * that is more than a primary or a chain of accesses, no more and no less. Fields of records are ordered by name.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/value/value.h"

static const struct {
	const char *text;
	bool chain; /* to the left without parentheses */
} infix[CEDAR_X_KIND_MAX] = {
	[CEDAR_X_AND] = { " && ", true },
	[CEDAR_X_OR] = { " || ", true },
	[CEDAR_X_EQ] = { " == ", false },
	[CEDAR_X_NE] = { " != ", false },
	[CEDAR_X_LT] = { " < ", false },
	[CEDAR_X_LE] = { " <= ", false },
	[CEDAR_X_GT] = { " > ", false },
	[CEDAR_X_GE] = { " >= ", false },
	[CEDAR_X_IN] = { " in ", false },
	[CEDAR_X_ADD] = { " + ", true },
	[CEDAR_X_SUB] = { " - ", true },
	[CEDAR_X_MUL] = { " * ", true },
};
static const char *const methods[CEDAR_X_KIND_MAX] = {
	[CEDAR_X_IS_EMPTY] = ".isEmpty(",
	[CEDAR_X_CONTAINS] = ".contains(",
	[CEDAR_X_CONTAINS_ALL] = ".containsAll(",
	[CEDAR_X_CONTAINS_ANY] = ".containsAny(",
	[CEDAR_X_GET_TAG] = ".getTag(",
	[CEDAR_X_HAS_TAG] = ".hasTag(",
};
static const char *const variables[] = { "principal", "action", "resource", "context" };

static void add_str(struct ward_buf *out, const struct cedar_str *s)
{
	ward_buf_add(out, s->s, s->n);
}

static void name(struct ward_buf *out, const struct cedar_str *s)
{
	if (ward_cedar_is_ident(ward_cedar_text(s)))
		add_str(out, s);
	else
		ward_cedar_quote(out, ward_cedar_text(s));
}

static bool needs_parens(const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_HAS:
	case CEDAR_X_LIKE:
	case CEDAR_X_IS:
	case CEDAR_X_IF: return true;
	default: return infix[x->kind].text != NULL;
	}
}

static void operand(struct ward_buf *out, const struct cedar_expr *x)
{
	bool parens = needs_parens(x);

	if (parens)
		ward_buf_addc(out, '(');
	ward_cedar_print_expr(out, x);
	if (parens)
		ward_buf_addc(out, ')');
}

/* Of a chain, the first stands bare where it is one of the same. */
static void left(struct ward_buf *out, const struct cedar_expr *x, const struct cedar_expr *first)
{
	if (infix[x->kind].chain && first->kind == x->kind)
		ward_cedar_print_expr(out, first);
	else
		operand(out, first);
}

static void binary(struct ward_buf *out, const struct cedar_expr *x)
{
	bool nary = x->kind == CEDAR_X_AND || x->kind == CEDAR_X_OR;

	left(out, x, nary ? x->v[0] : x->a);
	for (uint32_t i = 1; i < (nary ? x->n : 2); i++) {
		ward_buf_adds(out, infix[x->kind].text);
		operand(out, nary ? x->v[i] : x->b);
	}
}

static void list(struct ward_buf *out, const struct cedar_expr *const *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			ward_buf_adds(out, ", ");
		ward_cedar_print_expr(out, v[i]);
	}
}

static void call(struct ward_buf *out, const struct cedar_expr *x)
{
	const struct cedar_function *f = &ward_cedar_functions[x->aux];
	uint32_t first = f->method && x->n > 0 ? 1 : 0;

	if (first > 0) {
		operand(out, x->v[0]);
		ward_buf_addc(out, '.');
	}
	ward_buf_adds(out, f->name);
	ward_buf_addc(out, '(');
	list(out, x->v + first, x->n - first);
	ward_buf_addc(out, ')');
}

static void record(struct ward_buf *out, const struct cedar_expr *x)
{
	const struct cedar_field **v = ward_cedar_fields_sorted(x);

	if (v == NULL) {
		out->failed = true;
		return;
	}
	ward_buf_addc(out, '{');
	for (uint32_t i = 0; i < x->n; i++) {
		if (i > 0)
			ward_buf_adds(out, ", ");
		if ((x->flags & CEDAR_AS_VALUE) != 0)
			ward_cedar_quote(out, ward_cedar_text(v[i]->name));
		else
			name(out, v[i]->name);
		ward_buf_adds(out, ": ");
		ward_cedar_print_expr(out, v[i]->x);
	}
	ward_buf_addc(out, '}');
	free(v);
}

static void attribute(struct ward_buf *out, const struct cedar_expr *x)
{
	operand(out, x->a);
	if (ward_cedar_is_ident(ward_cedar_text(x->name))) {
		ward_buf_addc(out, '.');
		add_str(out, x->name);
		return;
	}
	ward_buf_addc(out, '[');
	ward_cedar_quote(out, ward_cedar_text(x->name));
	ward_buf_addc(out, ']');
}

static void has(struct ward_buf *out, const struct cedar_expr *x)
{
	operand(out, x->a);
	ward_buf_adds(out, " has ");
	for (uint32_t i = 0; i < x->n; i++) {
		if (i > 0)
			ward_buf_addc(out, '.');
		name(out, x->names[i]);
	}
}

static void is(struct ward_buf *out, const struct cedar_expr *x)
{
	operand(out, x->a);
	ward_buf_adds(out, " is ");
	add_str(out, x->is->type);
	if (x->is->in == NULL)
		return;
	ward_buf_adds(out, " in ");
	operand(out, x->is->in);
}

/* In parentheses where it has a sign, which would be taken for an operator of what surrounds it. */
static void number(struct ward_buf *out, int64_t n)
{
	ward_buf_addf(out, n < 0 ? "(%lld)" : "%lld", (long long)n);
}

static void value(struct ward_buf *out, const struct cedar_value *v)
{
	if (v->tag == CEDAR_V_LONG)
		number(out, v->number);
	else
		ward_cedar_value_print(out, v);
}

static void leaf(struct ward_buf *out, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: ward_buf_adds(out, x->truth ? "true" : "false"); break;
	case CEDAR_X_LONG: number(out, x->number); break;
	case CEDAR_X_STRING: ward_cedar_quote(out, ward_cedar_text(x->str)); break;
	case CEDAR_X_ENTITY: ward_cedar_print_uid(out, x->uid); break;
	case CEDAR_X_VAR: ward_buf_adds(out, variables[x->aux]); break;
	case CEDAR_X_SLOT:
		ward_buf_adds(out,
			x->aux == CEDAR_SLOT_PRINCIPAL          ? "?principal"
				: x->aux == CEDAR_SLOT_RESOURCE ? "?resource"
								: "?");
		break;
	case CEDAR_X_UNKNOWN:
		ward_buf_adds(out, "unknown(");
		ward_cedar_quote(out, ward_cedar_text(x->str));
		ward_buf_addc(out, ')');
		break;
	case CEDAR_X_VALUE: value(out, x->value); break;
	default: ward_buf_adds(out, "<invalid>"); break;
	}
}

void ward_cedar_print_expr(struct ward_buf *out, const struct cedar_expr *x)
{
	if (out->failed)
		return;
	if (infix[x->kind].text != NULL) {
		binary(out, x);
		return;
	}
	if (methods[x->kind] != NULL) {
		operand(out, x->a);
		ward_buf_adds(out, methods[x->kind]);
		if (x->kind != CEDAR_X_IS_EMPTY)
			ward_cedar_print_expr(out, x->b);
		ward_buf_addc(out, ')');
		return;
	}
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_IF:
		ward_buf_adds(out, "if ");
		ward_cedar_print_expr(out, x->v[0]);
		ward_buf_adds(out, " then ");
		ward_cedar_print_expr(out, x->v[1]);
		ward_buf_adds(out, " else ");
		ward_cedar_print_expr(out, x->v[2]);
		break;
	case CEDAR_X_NOT:
		ward_buf_addc(out, '!');
		operand(out, x->a);
		break;
	case CEDAR_X_NEG:
		ward_buf_adds(out, "-(");
		ward_cedar_print_expr(out, x->a);
		ward_buf_addc(out, ')');
		break;
	case CEDAR_X_ATTR: attribute(out, x); break;
	case CEDAR_X_HAS: has(out, x); break;
	case CEDAR_X_LIKE:
		operand(out, x->a);
		ward_buf_adds(out, " like ");
		ward_cedar_print_pattern(out, x->pattern);
		break;
	case CEDAR_X_IS: is(out, x); break;
	case CEDAR_X_SET:
		ward_buf_addc(out, '[');
		list(out, x->v, x->n);
		ward_buf_addc(out, ']');
		break;
	case CEDAR_X_RECORD: record(out, x); break;
	case CEDAR_X_CALL: call(out, x); break;
	default: leaf(out, x); break;
	}
}

/* Each character by itself: a mark that would extend the one before it is escaped here, in texts it is not. */
void ward_cedar_print_pattern(struct ward_buf *out, const struct cedar_str *pattern)
{
	ward_buf_addc(out, '"');
	for (uint32_t i = 0; i < pattern->n;) {
		unsigned char c = (unsigned char)pattern->s[i];
		size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (c == 0xff) {
			ward_buf_addc(out, '*');
			n = 1;
		} else if (c == '*') {
			ward_buf_adds(out, "\\*");
		} else {
			ward_cedar_escape(out, (struct ward_str){ pattern->s + i, n });
		}
		i += (uint32_t)n;
	}
	ward_buf_addc(out, '"');
}

static void target(struct ward_buf *out, const struct cedar_scope *s, const char *variable)
{
	if (s->slot)
		ward_buf_addf(out, "?%s", variable);
	else
		ward_cedar_print_uid(out, s->uid);
}

static void scope(struct ward_buf *out, const struct cedar_scope *s, const char *variable)
{
	ward_buf_adds(out, variable);
	if (s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN) {
		ward_buf_adds(out, " is ");
		add_str(out, s->type);
	}
	if (s->op == CEDAR_SCOPE_EQ || s->op == CEDAR_SCOPE_IN || s->op == CEDAR_SCOPE_IS_IN) {
		ward_buf_adds(out, s->op == CEDAR_SCOPE_EQ ? " == " : " in ");
		target(out, s, variable);
	}
}

/* A list of one is printed as the one, unless it came as a list of JSON. */
static void action(struct ward_buf *out, const struct cedar_action_scope *a)
{
	bool list = a->n != 1 || (a->list && a->at == NULL);

	ward_buf_adds(out, "action");
	if (a->op == CEDAR_SCOPE_ANY)
		return;
	ward_buf_adds(out, a->op == CEDAR_SCOPE_EQ ? " == " : " in ");
	if (list)
		ward_buf_addc(out, '[');
	for (uint32_t i = 0; i < a->n; i++) {
		if (i > 0)
			ward_buf_adds(out, ", ");
		ward_cedar_print_uid(out, a->uids[i]);
	}
	if (list)
		ward_buf_addc(out, ']');
}

void ward_cedar_print_policy(struct ward_buf *out, const struct cedar_policy *p)
{
	for (uint32_t i = 0; i < p->n_annotations; i++) {
		const struct cedar_annotation *a = &p->annotations[i];

		ward_buf_addc(out, '@');
		add_str(out, a->key);
		if (a->value != NULL) {
			ward_buf_addc(out, '(');
			ward_cedar_quote(out, ward_cedar_text(a->value));
			ward_buf_addc(out, ')');
		}
		ward_buf_addc(out, '\n');
	}
	ward_buf_adds(out, p->effect == CEDAR_PERMIT ? "permit(" : "forbid(");
	scope(out, &p->principal, "principal");
	ward_buf_adds(out, ", ");
	action(out, &p->action);
	ward_buf_adds(out, ", ");
	scope(out, &p->resource, "resource");
	ward_buf_addc(out, ')');
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		ward_buf_adds(out, p->conditions[i].unless ? " unless { " : " when { ");
		ward_cedar_print_expr(out, p->conditions[i].body);
		ward_buf_adds(out, " }");
	}
	ward_buf_addc(out, ';');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions from `if` down to the signs before an operand: one function for all binary operators, so that nesting costs
 * few frames; chains of && and of || are one node and no nesting at all.
 */
#include <string.h>

#include "cedar/syntax/parser.h"

static const uint8_t levels[T_KIND_MAX] = {
	[T_OR] = LEVEL_OR,
	[T_AND] = LEVEL_AND,
	[T_EQ] = LEVEL_RELATION,
	[T_NE] = LEVEL_RELATION,
	[T_LT] = LEVEL_RELATION,
	[T_LE] = LEVEL_RELATION,
	[T_GT] = LEVEL_RELATION,
	[T_GE] = LEVEL_RELATION,
	[T_ASSIGN] = LEVEL_RELATION,
	[T_IN] = LEVEL_RELATION,
	[T_HAS] = LEVEL_RELATION,
	[T_LIKE] = LEVEL_RELATION,
	[T_IS] = LEVEL_RELATION,
	[T_PLUS] = LEVEL_ADD,
	[T_MINUS] = LEVEL_ADD,
	[T_STAR] = LEVEL_MUL,
	[T_SLASH] = LEVEL_MUL,
	[T_PERCENT] = LEVEL_MUL,
};
static const uint8_t relations[T_KIND_MAX] = {
	[T_EQ] = CEDAR_X_EQ,
	[T_NE] = CEDAR_X_NE,
	[T_LT] = CEDAR_X_LT,
	[T_LE] = CEDAR_X_LE,
	[T_GT] = CEDAR_X_GT,
	[T_GE] = CEDAR_X_GE,
	[T_IN] = CEDAR_X_IN,
	[T_ASSIGN] = CEDAR_X_EQ, /* noted */
};

static uint32_t deeper(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* ---- nodes ---- */

void ward_cedar_poisoned(struct parser *p, struct operand *op)
{
	op->form = FORM_EXPR;
	op->depth = 1;
	op->x = &p->poison;
}

bool ward_cedar_make(struct parser *p, struct operand *op, enum cedar_expr_kind kind,
	uint32_t depth)
{
	struct cedar_expr *x;

	if (depth >= WARD_CEDAR_DEPTH_MAX)
		return ward_cedar_too_deep(p, op->start, p->last_end);
	x = ward_arena_alloc(p->arena, sizeof(*x));
	if (x == NULL)
		return ward_cedar_no_memory(p);
	x->kind = (uint8_t)kind;
	x->start = op->start;
	x->end = p->last_end;
	op->form = FORM_EXPR;
	op->end = p->last_end;
	op->depth = depth + 1;
	op->x = x;
	return true;
}

/* A leaf: its place is the operand's own, whatever has been read behind it. */
static bool leaf(struct parser *p, struct operand *op, enum cedar_expr_kind kind)
{
	uint32_t end = op->end;

	if (!ward_cedar_make(p, op, kind, 0))
		return false;
	op->end = op->x->end = end;
	return true;
}

REPORTS static void no_variable(struct parser *p, struct operand *op)
{
	char part[SNIPPET_MAX];

	NOTE(p, op->start, op->end, "invalid variable: %s",
		ward_cedar_snippet(p, op->start, op->end, part));
	HELP(p,
		"the valid Cedar variables are `principal`, `action`, `resource`, and `context`; "
		"did you mean to enclose `%s` in quotes to make a string?",
		part);
	ward_cedar_poisoned(p, op);
}

static bool literal(struct parser *p, struct operand *op, bool negative)
{
	uint64_t number = op->number;

	if (number > (uint64_t)INT64_MAX + negative) {
		NOTE(p, op->start, op->end, "integer literal `%llu` is too large",
			(unsigned long long)number);
		HELP(p, "maximum allowed integer literal is `%lld`", (long long)INT64_MAX);
		ward_cedar_poisoned(p, op);
		return true;
	}
	if (!leaf(p, op, CEDAR_X_LONG))
		return false;
	op->x->number = negative ? (int64_t)-number : (int64_t)number;
	return true;
}

bool ward_cedar_as_expr(struct parser *p, struct operand *op)
{
	const struct cedar_str *str;
	unsigned aux = op->aux;

	switch (op->form) {
	case FORM_NUMBER: return literal(p, op, false);
	case FORM_STRING:
		if (!ward_cedar_string(p, op->start, op->end, op->escaped, &str))
			return false;
		if (str == NULL) {
			ward_cedar_poisoned(p, op);
			return true;
		}
		if (!leaf(p, op, CEDAR_X_STRING))
			return false;
		op->x->str = str;
		return true;
	case FORM_VAR:
		if (!leaf(p, op, CEDAR_X_VAR))
			return false;
		op->x->aux = (uint8_t)aux;
		return true;
	case FORM_BOOL:
		if (!leaf(p, op, CEDAR_X_BOOL))
			return false;
		op->x->truth = aux != 0;
		return true;
	case FORM_NAME: no_variable(p, op); return true;
	}
	return true;
}

bool ward_cedar_list(struct parser *p, unsigned close, uint32_t *ret_n, uint32_t *ret_depth)
{
	struct operand op = { 0 };

	*ret_n = 0;
	*ret_depth = 0;
	while (p->tok.kind != close) {
		if (!ward_cedar_expression(p, &op) || !ward_cedar_as_expr(p, &op) ||
			!ward_cedar_push(p, &op.x, sizeof(op.x)))
			return false;
		++*ret_n;
		*ret_depth = deeper(*ret_depth, op.depth);
		if (p->tok.kind == T_COMMA)
			ward_cedar_next(p);
		else if (p->tok.kind != close)
			return ward_cedar_unexpected(p,
				close == T_RPAREN ? "`,` or `)`" : "`,` or `]`");
	}
	ward_cedar_next(p);
	return true;
}

/* ---- signs ---- */

/* "-" before a number without anything behind it belongs to it. */
RECURSES static bool signs(struct parser *p, struct operand *op)
{
	unsigned sign = p->tok.kind, n = 0;
	uint32_t start = p->tok.start;

	for (; p->tok.kind == sign; n++)
		ward_cedar_next(p);
	if (!ward_cedar_member(p, op))
		return false;
	if (n > 4) {
		NOTE(p, start, op->end, "too many occurrences of `%c`", sign == T_NOT ? '!' : '-');
		HELP(p, "cannot chain more the 4 applications of a unary operator");
		ward_cedar_poisoned(p, op);
	} else if (sign == T_MINUS && op->form == FORM_NUMBER) {
		n--;
		if (!literal(p, op, true))
			return false;
	} else if (!ward_cedar_as_expr(p, op)) {
		return false;
	}
	op->start = start;
	while (n-- > 0 && op->x->kind != CEDAR_X_NONE) {
		const struct cedar_expr *a = op->x;

		if (!ward_cedar_make(p, op, sign == T_NOT ? CEDAR_X_NOT : CEDAR_X_NEG, op->depth))
			return false;
		op->x->a = a;
	}
	return true;
}

/* ---- relations ---- */

/* Could what has just been read go on, as an operand of a sum? */
static bool goes_on(const struct parser *p)
{
	unsigned k = p->tok.kind;

	return k == T_DOT || k == T_LPAREN || k == T_LBRACKET || k == T_COLONS ||
		levels[k] >= LEVEL_ADD;
}

/* a.b.c or "a b", pushed. False in *ret_ok: it is none of the two, and nothing has been noted about it. */
static bool has_names(struct parser *p, uint32_t *ret_n, bool *ret_ok)
{
	const struct cedar_str *name;
	struct mark before = ward_cedar_mark(p);

	*ret_n = 1;
	if (p->tok.kind == T_STRING) {
		struct token t = p->tok;

		ward_cedar_next(p);
		*ret_ok = !goes_on(p);
		return !*ret_ok ||
			(ward_cedar_string(p, t.start, t.end, t.escaped, &name) &&
				ward_cedar_push(p, &name, sizeof(name)));
	}
	*ret_ok = is_ident(p->tok.kind) && p->tok.kind < T_IF;
	if (!*ret_ok)
		return true;
	for (;; ++*ret_n) {
		if (!ward_cedar_attribute(p, &name) || !ward_cedar_push(p, &name, sizeof(name)))
			return false;
		if (p->tok.kind != T_DOT)
			break;
		ward_cedar_next(p);
		if (!is_ident(p->tok.kind))
			return ward_cedar_unexpected(p, "the name of an attribute");
	}
	*ret_ok = !goes_on(p);
	if (!*ret_ok)
		ward_cedar_forget(p, before);
	return true;
}

/* What else may stand there by the grammar: read, and refused. */
REPORTS static bool has_other(struct parser *p, struct token first)
{
	struct mark before = ward_cedar_mark(p);
	struct operand op = { .start = first.start };
	char part[SNIPPET_MAX];

	p->tok = first;
	if (first.kind == T_IF && ward_cedar_peek(p) != T_COLONS) {
		ward_cedar_next(p);
		ward_cedar_poisoned(p, &op);
		if (!ward_cedar_accesses(p, &op))
			return false;
	} else if (!ward_cedar_binary(p, LEVEL_ADD, &op)) {
		return false;
	}
	ward_cedar_forget(p, before);
	if (first.kind >= T_IF && first.kind <= T_FALSE) {
		NOTE(p, first.start, first.end,
			"this identifier is reserved and cannot be used: %s",
			ward_cedar_verbatim(p, first.start, first.end, part));
		return true;
	}
	NOTE(p, op.start, p->last_end, "invalid RHS of a `has` operation: %s",
		ward_cedar_snippet(p, op.start, p->last_end, part));
	HELP(p,
		"valid RHS of a `has` operation is either a sequence of identifiers separated by "
		"`.` or a string literal");
	return true;
}

RECURSES static bool has(struct parser *p, struct operand *op)
{
	const struct cedar_expr *a = op->x;
	struct token first = p->tok;
	size_t from = p->top, before = p->errors;
	const void *names;
	uint32_t n;
	bool ok;

	if (!has_names(p, &n, &ok))
		return false;
	if (!ok) {
		p->top = from;
		ward_cedar_poisoned(p, op);
		return has_other(p, first);
	}
	if (!ward_cedar_pop(p, from, &names) || !ward_cedar_make(p, op, CEDAR_X_HAS, op->depth))
		return false;
	op->x->a = a;
	op->x->n = n;
	op->x->names = names;
	op->x->flags = first.kind == T_STRING ? CEDAR_QUOTED : 0;
	if (p->errors > before)
		ward_cedar_poisoned(p, op);
	return true;
}

REPORTS static void no_pattern(struct parser *p, const struct operand *right)
{
	char part[SNIPPET_MAX];

	if (right->form == FORM_EXPR && right->x->kind == CEDAR_X_NONE)
		return;
	NOTE(p, right->start, right->end,
		"right hand side of a `like` expression must be a pattern literal, but got `%s`",
		ward_cedar_display(p, right, part));
}

RECURSES static bool like(struct parser *p, struct operand *op)
{
	const struct cedar_expr *a = op->x;
	const struct cedar_str *pattern = NULL;
	struct operand right;

	if (!ward_cedar_binary(p, LEVEL_ADD, &right))
		return false;
	if (right.form == FORM_STRING) {
		if (!ward_cedar_pattern(p, right.start, right.end, right.escaped, &pattern))
			return false;
	} else {
		no_pattern(p, &right);
	}
	if (pattern == NULL) {
		ward_cedar_poisoned(p, op);
		return true;
	}
	if (!ward_cedar_make(p, op, CEDAR_X_LIKE, op->depth))
		return false;
	op->x->a = a;
	op->x->pattern = pattern;
	return true;
}

REPORTS static void no_type(struct parser *p, const struct operand *left,
	const struct operand *right)
{
	char lhs[SNIPPET_MAX], rhs[SNIPPET_MAX];

	if (right->form == FORM_EXPR && right->x->kind == CEDAR_X_NONE)
		return;
	NOTE(p, right->start, right->end,
		"right hand side of an `is` expression must be an entity type name, but got `%s`",
		ward_cedar_verbatim(p, right->start, right->end, rhs));
	ward_cedar_display(p, left, lhs);
	if (right->form == FORM_STRING && !right->escaped &&
		ward_cedar_is_ident((struct ward_str){
			p->text.s + right->start + 1, right->end - right->start - 2 }))
		HELP(p, "try removing the quotes: `%s is %.*s`", lhs, (int)strlen(rhs) - 2,
			rhs + 1);
	else
		HELP(p, "try using `==` to test for equality: `%s == %s`", lhs, rhs);
}

RECURSES static bool is(struct parser *p, struct operand *op)
{
	const struct cedar_expr *a = op->x;
	struct cedar_is *is;
	struct operand right, in = { .depth = 0 };
	const struct cedar_str *type = NULL;

	if (!ward_cedar_binary(p, LEVEL_ADD, &right))
		return false;
	if (right.form != FORM_NAME && right.form != FORM_VAR)
		no_type(p, op, &right);
	else if (!ward_cedar_operand_name(p, &right, &type))
		return false;
	if (p->tok.kind == T_IN) {
		ward_cedar_next(p);
		if (!ward_cedar_binary(p, LEVEL_ADD, &in) || !ward_cedar_as_expr(p, &in))
			return false;
	}
	if (type == NULL) {
		ward_cedar_poisoned(p, op);
		return true;
	}
	is = ward_arena_alloc(p->arena, sizeof(*is));
	if (is == NULL)
		return ward_cedar_no_memory(p);
	is->type = type;
	is->in = in.x;
	is->type_at = (struct cedar_span){ right.start, right.end };
	if (!ward_cedar_make(p, op, CEDAR_X_IS, deeper(op->depth, in.depth)))
		return false;
	op->x->a = a;
	op->x->is = is;
	return true;
}

RECURSES static bool compare(struct parser *p, struct operand *op, struct token sign)
{
	const struct cedar_expr *a = op->x;
	struct operand right, more;
	unsigned extra = 0;

	if (!ward_cedar_binary(p, LEVEL_ADD, &right) || !ward_cedar_as_expr(p, &right))
		return false;
	if (sign.kind == T_ASSIGN) {
		NOTE(p, sign.start, sign.end, "'=' is not a valid operator in Cedar");
		HELP(p, "try using '==' instead");
	}
	for (; relations[p->tok.kind] != 0; extra++) {
		ward_cedar_next(p);
		if (!ward_cedar_binary(p, LEVEL_ADD, &more) || !ward_cedar_as_expr(p, &more))
			return false;
	}
	if (extra > 0)
		NOTE(p, op->start, p->last_end,
			"multiple relational operators (>, ==, in, etc.) must be used with "
			"parentheses to make ordering explicit");
	if (!ward_cedar_make(p, op, (enum cedar_expr_kind)relations[sign.kind],
		    deeper(op->depth, right.depth)))
		return false;
	op->x->a = a;
	op->x->b = right.x;
	return true;
}

/* One of a level: no operator of it may follow. */
static bool relation(struct parser *p, struct operand *op)
{
	struct token sign = p->tok;
	bool ok;

	ward_cedar_next(p);
	ok = sign.kind == T_HAS       ? has(p, op)
		: sign.kind == T_LIKE ? like(p, op)
		: sign.kind == T_IS   ? is(p, op)
				      : compare(p, op, sign);
	if (ok && levels[p->tok.kind] == LEVEL_RELATION)
		return ward_cedar_unexpected(p, "the end of the comparison; use parentheses");
	return ok;
}

/* ---- the other binary operators ---- */

/* a && b && c, or the same with ||, from the first operator on. */
RECURSES static bool chain(struct parser *p, struct operand *op, unsigned level)
{
	unsigned sign = p->tok.kind;
	size_t from = p->top;
	uint32_t n = 1, depth = op->depth;
	const void *v;

	if (!ward_cedar_push(p, &op->x, sizeof(op->x)))
		return false;
	for (; p->tok.kind == sign; n++) {
		struct operand right;

		ward_cedar_next(p);
		if (!ward_cedar_binary(p, level + 1, &right) || !ward_cedar_as_expr(p, &right) ||
			!ward_cedar_push(p, &right.x, sizeof(right.x)))
			return false;
		depth = deeper(depth, right.depth);
	}
	if (!ward_cedar_pop(p, from, &v) ||
		!ward_cedar_make(p, op, sign == T_AND ? CEDAR_X_AND : CEDAR_X_OR, depth))
		return false;
	op->x->n = n;
	op->x->v = v;
	return true;
}

static enum cedar_expr_kind arithmetic_kind(struct parser *p, struct token sign)
{
	switch (sign.kind) {
	case T_PLUS: return CEDAR_X_ADD;
	case T_MINUS: return CEDAR_X_SUB;
	case T_SLASH: NOTE(p, sign.start, sign.end, "division is not supported"); break;
	case T_PERCENT: NOTE(p, sign.start, sign.end, "remainder/modulo is not supported"); break;
	}
	return CEDAR_X_MUL;
}

/* a + b - c, nested to the left; each has the place of the whole. */
RECURSES static bool arithmetic(struct parser *p, struct operand *op, unsigned level)
{
	struct operand right;
	uint32_t links = 0;
	struct cedar_expr *x;

	for (; levels[p->tok.kind] == level; links++) {
		const struct cedar_expr *a = op->x;
		struct token sign = p->tok;

		ward_cedar_next(p);
		if (!ward_cedar_binary(p, level + 1, &right) || !ward_cedar_as_expr(p, &right) ||
			!ward_cedar_make(p, op, arithmetic_kind(p, sign),
				deeper(op->depth, right.depth)))
			return false;
		op->x->a = a;
		op->x->b = right.x;
	}
	for (x = op->x; links-- > 1;) {
		memcpy(&x, &x->a, sizeof(x)); /* the parser's own, not yet handed out */
		x->end = op->end;
	}
	return true;
}

bool ward_cedar_binary(struct parser *p, unsigned least, struct operand *op)
{
	bool ok = p->tok.kind == T_NOT || p->tok.kind == T_MINUS ? signs(p, op)
								 : ward_cedar_member(p, op);

	while (ok) {
		unsigned level = levels[p->tok.kind];

		if (level == LEVEL_NONE || level < least)
			return true;
		if (!ward_cedar_as_expr(p, op))
			return false;
		ok = level <= LEVEL_AND           ? chain(p, op, level)
			: level == LEVEL_RELATION ? relation(p, op)
						  : arithmetic(p, op, level);
	}
	return false;
}

static bool branch(struct parser *p, unsigned before, uint32_t *depth)
{
	struct operand op = { 0 };

	if (p->tok.kind != before)
		return ward_cedar_unexpected(p, before == T_THEN ? "`then`" : "`else`");
	ward_cedar_next(p);
	if (!ward_cedar_expression(p, &op) || !ward_cedar_as_expr(p, &op) ||
		!ward_cedar_push(p, &op.x, sizeof(op.x)))
		return false;
	*depth = deeper(*depth, op.depth);
	return true;
}

RECURSES static bool conditional(struct parser *p, struct operand *op)
{
	size_t from = p->top;
	uint32_t depth = 0;
	const void *v;

	*op = (struct operand){ .start = p->tok.start };
	if (!branch(p, T_IF, &depth) || !branch(p, T_THEN, &depth) || !branch(p, T_ELSE, &depth) ||
		!ward_cedar_pop(p, from, &v) || !ward_cedar_make(p, op, CEDAR_X_IF, depth))
		return false;
	op->x->n = 3;
	op->x->v = v;
	return true;
}

bool ward_cedar_expression(struct parser *p, struct operand *op)
{
	bool ok;

	if (p->level >= WARD_CEDAR_DEPTH_MAX)
		return ward_cedar_too_deep(p, p->tok.start, p->tok.end);
	p->level++;
	ok = p->tok.kind == T_IF && ward_cedar_peek(p) != T_COLONS
		? conditional(p, op)
		: ward_cedar_binary(p, LEVEL_OR, op);
	p->level--;
	return ok;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The concrete tree of a policy: every token of it is somewhere, parentheses are nodes. The text has been parsed before,
 * and is not deeper than WARD_CEDAR_DEPTH_MAX; whoever comes here with something else is told that it is bad.
 */
#include "cedar/format/layout.h"

struct builder {
	struct ward_arena *arena;
	const struct tokens *t;
	uint32_t i; /* the token to look at */
	uint32_t depth;
	bool bad, failed;
	struct node nothing; /* after a failure */
};

static unsigned kind(const struct builder *b)
{
	return b->i < b->t->n ? b->t->v[b->i].kind : T_END;
}

static struct node *fail(struct builder *b)
{
	b->bad = true;
	b->i = b->t->n;
	return &b->nothing;
}

static bool eat(struct builder *b, unsigned want)
{
	bool is = kind(b) == want;

	if (is)
		b->i++;
	return is;
}

static void need(struct builder *b, unsigned want)
{
	if (!eat(b, want))
		(void)fail(b);
}

static struct node *new (struct builder *b, enum node_kind k, uint32_t first)
{
	struct node *x = ward_arena_alloc(b->arena, sizeof(*x));

	if (x == NULL) {
		b->failed = true;
		return fail(b);
	}
	x->kind = (uint8_t)k;
	x->first = first;
	return x;
}

/* To the end of x's children, the last of which is *last (NULL: there is none yet). */
static void join(struct node *x, struct node **last, struct node *child)
{
	if (*last == NULL)
		x->child = child;
	else
		(*last)->next = child;
	*last = child;
	x->n++;
}

static struct node *end(struct builder *b, struct node *x)
{
	x->last = b->i > 0 ? b->i - 1 : 0;
	return x;
}

static struct node *expr(struct builder *b);

/* Elements up to close, with commas between them and perhaps behind the last. */
static void elements(struct builder *b, struct node *x, struct node *last, unsigned close)
{
	while (!b->bad && kind(b) != close) {
		join(x, &last, expr(b));
		if (!eat(b, T_COMMA))
			break;
	}
	need(b, close);
}

static struct node *field(struct builder *b)
{
	struct node *x = new (b, N_FIELD, b->i), *last = NULL;

	join(x, &last, expr(b));
	need(b, T_COLON);
	join(x, &last, expr(b));
	return end(b, x);
}

static struct node *record(struct builder *b)
{
	struct node *x = new (b, N_RECORD, b->i), *last = NULL;

	need(b, T_LBRACE);
	while (!b->bad && kind(b) != T_RBRACE) {
		join(x, &last, field(b));
		if (!eat(b, T_COMMA))
			break;
	}
	need(b, T_RBRACE);
	return end(b, x);
}

/* A::B, whose parts are the tokens first, first + 2, ...; with ::"x" behind it the name of an entity, whose child it is. */
static struct node *name(struct builder *b)
{
	struct node *x = new (b, N_NAME, b->i), *uid, *last = NULL;

	b->i++;
	while (kind(b) == T_COLONS && b->i + 1 < b->t->n && is_ident(b->t->v[b->i + 1].kind))
		b->i += 2;
	end(b, x);
	if (kind(b) != T_COLONS)
		return x;
	uid = new (b, N_UID, x->first);
	join(uid, &last, x);
	b->i++;
	need(b, T_STRING);
	return end(b, uid);
}

static struct node *token(struct builder *b, enum node_kind k)
{
	struct node *x = new (b, k, b->i);

	b->i++;
	return end(b, x);
}

static struct node *bracketed(struct builder *b, enum node_kind k, unsigned close)
{
	struct node *x = new (b, k, b->i), *last = NULL;

	b->i++;
	if (k == N_PARENS || k == N_INDEX) {
		join(x, &last, expr(b));
		need(b, close);
	} else {
		elements(b, x, last, close);
	}
	return end(b, x);
}

static struct node *primary(struct builder *b)
{
	switch (kind(b)) {
	case T_TRUE:
	case T_FALSE:
	case T_NUMBER:
	case T_STRING: return token(b, N_LITERAL);
	case T_SLOT: return token(b, N_SLOT);
	case T_LPAREN: return bracketed(b, N_PARENS, T_RPAREN);
	case T_LBRACKET: return bracketed(b, N_LIST, T_RBRACKET);
	case T_LBRACE: return record(b);
	default: return is_ident(kind(b)) ? name(b) : fail(b);
	}
}

static struct node *dot(struct builder *b)
{
	struct node *x = new (b, N_DOT, b->i);

	b->i++;
	if (!is_ident(kind(b)))
		return fail(b);
	b->i++;
	return end(b, x);
}

static struct node *member(struct builder *b)
{
	struct node *x = new (b, N_MEMBER, b->i), *last = NULL;

	join(x, &last, primary(b));
	for (;;) {
		if (kind(b) == T_DOT)
			join(x, &last, dot(b));
		else if (kind(b) == T_LPAREN)
			join(x, &last, bracketed(b, N_CALL, T_RPAREN));
		else if (kind(b) == T_LBRACKET)
			join(x, &last, bracketed(b, N_INDEX, T_RBRACKET));
		else
			return end(b, x);
	}
}

static struct node *unary(struct builder *b)
{
	struct node *x, *last = NULL;

	if (kind(b) != T_NOT && kind(b) != T_MINUS)
		return member(b);
	x = new (b, N_UNARY, b->i);
	while (kind(b) == T_NOT || kind(b) == T_MINUS)
		b->i++;
	join(x, &last, member(b));
	return end(b, x);
}

/* How tight an operator binds, and the node of what it makes; 0: it is none. */
enum { NONE = 0, OR, AND, RELATION, ADD, MUL };
static unsigned binding(unsigned token, enum node_kind *ret)
{
	switch (token) {
	case T_OR: *ret = N_OR; return OR;
	case T_AND: *ret = N_AND; return AND;
	case T_EQ:
	case T_NE:
	case T_LT:
	case T_LE:
	case T_GT:
	case T_GE:
	case T_IN: *ret = N_RELATION; return RELATION;
	case T_HAS: *ret = N_HAS; return RELATION;
	case T_LIKE: *ret = N_LIKE; return RELATION;
	case T_IS: *ret = N_IS; return RELATION;
	case T_PLUS:
	case T_MINUS: *ret = N_ADD; return ADD;
	case T_STAR: *ret = N_MUL; return MUL;
	default: *ret = N_NONE; return NONE;
	}
}

/* Operands and operators that bind at least as tight as least. Those of one kind are the children of one node. */
static struct node *operation(struct builder *b, unsigned least)
{
	struct node *left = unary(b);
	enum node_kind k;
	unsigned how;

	while ((how = binding(kind(b), &k)) >= least && how != NONE && !b->bad) {
		struct node *x = new (b, k, left->first), *last = NULL;
		enum node_kind again;

		join(x, &last, left);
		do {
			b->i++;
			join(x, &last, operation(b, how + 1));
		} while (!b->bad && how != RELATION && binding(kind(b), &again) == how);
		if (k == N_IS && eat(b, T_IN))
			join(x, &last, operation(b, ADD));
		left = end(b, x);
	}
	return left;
}

static struct node *choice(struct builder *b)
{
	struct node *x = new (b, N_IF, b->i), *last = NULL;

	b->i++;
	join(x, &last, expr(b));
	need(b, T_THEN);
	join(x, &last, expr(b));
	need(b, T_ELSE);
	join(x, &last, expr(b));
	return end(b, x);
}

/* Each pair of brackets and each branch goes through here, and the parser has counted them as well. */
static struct node *expr(struct builder *b)
{
	struct node *x;

	if (++b->depth > 2 * WARD_CEDAR_DEPTH_MAX)
		return fail(b);
	x = kind(b) == T_IF ? choice(b) : operation(b, OR);
	b->depth--;
	return x;
}

/* ---- around expressions ---- */

static struct node *annotation(struct builder *b)
{
	struct node *x = new (b, N_ANNOTATION, b->i);

	need(b, T_AT);
	b->i++;
	if (eat(b, T_LPAREN)) {
		x->flags |= NODE_COMPARED; /* it has a value */
		need(b, T_STRING);
		need(b, T_RPAREN);
	}
	return end(b, x);
}

static struct node *variable(struct builder *b)
{
	struct node *x = new (b, N_VARIABLE, b->i), *last = NULL;

	b->i++;
	if (eat(b, T_IS)) {
		x->flags |= NODE_IS;
		join(x, &last, operation(b, ADD));
	}
	if (kind(b) == T_EQ || kind(b) == T_IN) {
		x->flags |= NODE_COMPARED;
		b->i++;
		join(x, &last, expr(b));
	}
	return end(b, x);
}

static struct node *condition(struct builder *b)
{
	struct node *x = new (b, N_CONDITION, b->i), *last = NULL;

	b->i++;
	need(b, T_LBRACE);
	join(x, &last, expr(b));
	need(b, T_RBRACE);
	return end(b, x);
}

struct node *ward_cedar_tree(struct ward_arena *a, const struct tokens *t, bool *bad)
{
	struct builder b = { .arena = a, .t = t };
	struct node *x = ward_arena_alloc(a, sizeof(*x)), *last = NULL;

	*bad = false;
	if (x == NULL)
		return NULL;
	x->kind = N_POLICY;
	while (kind(&b) == T_AT && !b.bad)
		join(x, &last, annotation(&b));
	b.i++; /* the effect */
	need(&b, T_LPAREN);
	for (unsigned i = 0; i < 3 && !b.bad; i++) {
		join(x, &last, variable(&b));
		if (i < 2)
			need(&b, T_COMMA);
		else
			(void)eat(&b, T_COMMA);
	}
	need(&b, T_RPAREN);
	while (is_ident(kind(&b)) && !b.bad)
		join(x, &last, condition(&b));
	need(&b, T_SEMICOLON);
	*bad = !b.failed && (b.bad || b.i != t->n);
	x->last = t->n - 1;
	return b.failed || *bad ? NULL : x;
}

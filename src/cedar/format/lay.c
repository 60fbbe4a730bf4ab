/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each construct is laid out, in the way of the language's own formatter, and where it shows which comments: mostly
 * around the token whose they are. Taken once, they are not shown again.
 */
#include <string.h>

#include "cedar/format/layout.h"

struct layout {
	struct doc *d;
	struct ward_str text;
	struct tokens *t;
	unsigned indent;
};

/* ---- comments ---- */

/* What a token had around it; the second asking gets nothing. */
struct comments {
	const struct gap *lost;
	struct gap lead;
	uint32_t trail, trail_end;
};

static struct comments take_lead(struct layout *l, uint32_t i)
{
	struct comments c = { 0 };
	struct ftoken *t;

	if (i >= l->t->n)
		return c;
	t = &l->t->v[i];
	c.lost = t->lost;
	c.lead = t->lead;
	t->lost = NULL;
	t->lead.end = t->lead.start;
	return c;
}

static struct comments take(struct layout *l, uint32_t i)
{
	struct comments c = take_lead(l, i);
	struct ftoken *t;

	if (i >= l->t->n)
		return c;
	t = &l->t->v[i];
	c.trail = t->trail;
	c.trail_end = t->trail_end;
	t->trail_end = t->trail;
	t->shown = true;
	return c;
}

static void op(struct layout *l, enum doc_kind kind)
{
	ward_cedar_doc_op(l->d, kind, 0);
}

static void nest(struct layout *l, unsigned by)
{
	ward_cedar_doc_op(l->d, D_NEST, by);
}

static void unnest(struct layout *l, unsigned by)
{
	ward_cedar_doc_op(l->d, D_NEST_END, by);
}

static void say(struct layout *l, const char *s)
{
	ward_cedar_doc_text(l->d, s, strlen(s));
}

static bool lead_gap(struct layout *l, const struct gap *g, bool some)
{
	uint32_t i = g->start;
	struct ward_str s;

	while (ward_cedar_comment(l->text, &i, g->end, &s)) {
		op(l, D_HARD);
		ward_cedar_doc_text(l->d, s.s, s.n);
		some = true;
	}
	return some;
}

/* Comments before something: on lines of their own. */
static void lead(struct layout *l, const struct comments *c)
{
	bool some = false;

	for (const struct gap *g = c->lost; g != NULL; g = g->next)
		some = lead_gap(l, g, some);
	some = lead_gap(l, &c->lead, some);
	if (some)
		op(l, D_HARD);
}

/* NEXT_*: what follows if no comment ends the line. */
enum next { NEXT_NIL, NEXT_SPACE, NEXT_LINE, NEXT_HARD };

static void trail(struct layout *l, const struct comments *c, enum next next)
{
	if (c->trail < c->trail_end) {
		say(l, " ");
		ward_cedar_doc_text(l->d, l->text.s + c->trail, c->trail_end - c->trail);
		next = NEXT_HARD;
	}
	switch (next) {
	case NEXT_NIL: break;
	case NEXT_SPACE: say(l, " "); break;
	case NEXT_LINE: op(l, D_LINE); break;
	case NEXT_HARD: op(l, D_HARD); break;
	}
}

static void with(struct layout *l, const char *s, const struct comments *c, enum next next)
{
	lead(l, c);
	say(l, s);
	trail(l, c, next);
}

/* ---- tokens ---- */

static const char *spelling(unsigned kind)
{
	static const char *const all[T_KIND_MAX] = { [T_EQ] = "==",
		[T_NE] = "!=",
		[T_LT] = "<",
		[T_LE] = "<=",
		[T_GT] = ">",
		[T_GE] = ">=",
		[T_IN] = "in",
		[T_OR] = "||",
		[T_AND] = "&&",
		[T_PLUS] = "+",
		[T_MINUS] = "-",
		[T_STAR] = "*",
		[T_NOT] = "!",
		[T_COLON] = ":",
		[T_COLONS] = "::",
		[T_COMMA] = ",",
		[T_DOT] = ".",
		[T_LPAREN] = "(",
		[T_RPAREN] = ")",
		[T_LBRACE] = "{",
		[T_RBRACE] = "}",
		[T_LBRACKET] = "[",
		[T_RBRACKET] = "]",
		[T_AT] = "@",
		[T_SEMICOLON] = ";",
		[T_HAS] = "has",
		[T_LIKE] = "like",
		[T_IS] = "is",
		[T_IF] = "if",
		[T_THEN] = "then",
		[T_ELSE] = "else" };

	return all[kind];
}

/* A token whose spelling is always the same, with its comments. */
static void sign(struct layout *l, uint32_t i, enum next next)
{
	struct comments c = take(l, i);

	with(l, spelling(l->t->v[i].kind), &c, next);
}

/* One that is as it was written, but for zeros before a number. */
static void word(struct layout *l, uint32_t i)
{
	const struct ftoken *t = &l->t->v[i];
	struct comments c = take(l, i);
	uint32_t start = t->start;

	while (t->kind == T_NUMBER && start + 1 < t->end && l->text.s[start] == '0')
		start++;
	lead(l, &c);
	ward_cedar_doc_text(l->d, l->text.s + start, t->end - start);
	trail(l, &c, NEXT_NIL);
}

/* ---- expressions ---- */

static void lay(struct layout *l, const struct node *x);

static void name(struct layout *l, const struct node *x)
{
	word(l, x->first);
	for (uint32_t i = x->first + 1; i < x->last; i += 2) {
		sign(l, i, NEXT_NIL);
		word(l, i + 1);
	}
}

static void branch(struct layout *l, const char *what, const struct comments *c,
	const struct node *x)
{
	with(l, what, c, NEXT_NIL);
	nest(l, l->indent);
	op(l, D_LINE);
	lay(l, x);
	unnest(l, l->indent);
}

static void choice(struct layout *l, const struct node *x)
{
	const struct node *then = x->child->next;
	struct comments c_if = take(l, x->first), c_then = take(l, x->child->last + 1),
			c_else = take(l, then->last + 1);

	op(l, D_GROUP);
	branch(l, "if", &c_if, x->child);
	op(l, D_LINE);
	branch(l, "then", &c_then, then);
	op(l, D_LINE);
	branch(l, "else", &c_else, then->next);
	op(l, D_GROUP_END);
}

/* && and ||: the operator ends the line. No group: they break with what is around them. */
static void logic(struct layout *l, const struct node *x)
{
	for (const struct node *e = x->child; e != NULL; e = e->next) {
		struct comments c;

		if (e->next == NULL) {
			lay(l, e);
			break;
		}
		c = take(l, e->last + 1);
		lay(l, e);
		say(l, " ");
		with(l, spelling(l->t->v[e->last + 1].kind), &c, NEXT_LINE);
	}
}

static void arithmetic(struct layout *l, const struct node *x)
{
	op(l, D_GROUP);
	lay(l, x->child);
	for (const struct node *e = x->child; e->next != NULL; e = e->next) {
		say(l, " ");
		sign(l, e->last + 1, NEXT_NIL);
		op(l, D_LINE);
		lay(l, e->next);
	}
	op(l, D_GROUP_END);
}

static void relation(struct layout *l, const struct node *x)
{
	lay(l, x->child);
	say(l, " ");
	sign(l, x->child->last + 1, NEXT_NIL);
	say(l, " ");
	lay(l, x->child->next);
}

/* has, like */
static void property(struct layout *l, const struct node *x)
{
	op(l, D_GROUP);
	lay(l, x->child);
	op(l, D_LINE);
	sign(l, x->child->last + 1, NEXT_NIL);
	op(l, D_LINE);
	nest(l, l->indent);
	lay(l, x->child->next);
	unnest(l, l->indent);
	op(l, D_GROUP_END);
}

static void is(struct layout *l, const struct node *x)
{
	const struct node *type = x->child->next;

	op(l, D_GROUP);
	lay(l, x->child);
	say(l, " ");
	sign(l, x->child->last + 1, NEXT_NIL);
	say(l, " ");
	nest(l, l->indent);
	lay(l, type);
	unnest(l, l->indent);
	if (type->next != NULL) {
		op(l, D_LINE);
		sign(l, type->last + 1, NEXT_NIL);
		say(l, " ");
		nest(l, l->indent);
		lay(l, type->next);
		unnest(l, l->indent);
	}
	op(l, D_GROUP_END);
}

static void unary(struct layout *l, const struct node *x)
{
	for (uint32_t i = x->first; i < x->child->first; i++)
		sign(l, i, NEXT_NIL);
	lay(l, x->child);
}

static void member(struct layout *l, const struct node *x)
{
	op(l, D_GROUP);
	lay(l, x->child);
	nest(l, l->indent);
	for (const struct node *e = x->child->next; e != NULL; e = e->next) {
		if (e != x->child->next)
			op(l, D_SOFT);
		lay(l, e);
	}
	unnest(l, l->indent);
	op(l, D_GROUP_END);
}

static void elements(struct layout *l, const struct node *x)
{
	for (const struct node *e = x->child; e != NULL; e = e->next) {
		lay(l, e);
		if (e->next != NULL) {
			sign(l, e->last + 1, NEXT_NIL);
			op(l, D_LINE);
		}
	}
}

static void parens(struct layout *l, const struct node *x)
{
	op(l, D_GROUP);
	sign(l, x->first, NEXT_NIL);
	nest(l, 1);
	lay(l, x->child);
	unnest(l, 1);
	sign(l, x->last, NEXT_NIL);
	op(l, D_GROUP_END);
}

static void list(struct layout *l, const struct node *x)
{
	sign(l, x->first, NEXT_NIL);
	nest(l, 1);
	elements(l, x);
	unnest(l, 1);
	sign(l, x->last, NEXT_NIL);
}

static void record(struct layout *l, const struct node *x)
{
	sign(l, x->first, NEXT_NIL);
	if (x->n > 0) {
		nest(l, l->indent);
		op(l, D_GROUP);
		op(l, D_LINE);
		elements(l, x);
		op(l, D_LINE);
		op(l, D_GROUP_END);
		unnest(l, l->indent);
	}
	sign(l, x->last, NEXT_NIL);
}

static void call(struct layout *l, const struct node *x)
{
	sign(l, x->first, NEXT_NIL);
	if (x->n > 0) {
		nest(l, l->indent);
		op(l, D_SOFT);
		elements(l, x);
		unnest(l, l->indent);
		op(l, D_SOFT);
	}
	sign(l, x->last, NEXT_NIL);
}

static void field(struct layout *l, const struct node *x)
{
	lay(l, x->child);
	sign(l, x->child->last + 1, NEXT_NIL);
	say(l, " ");
	lay(l, x->child->next);
}

static void lay(struct layout *l, const struct node *x)
{
	switch ((enum node_kind)x->kind) {
	case N_IF: choice(l, x); break;
	case N_OR:
	case N_AND: logic(l, x); break;
	case N_RELATION: relation(l, x); break;
	case N_HAS:
	case N_LIKE: property(l, x); break;
	case N_IS: is(l, x); break;
	case N_ADD:
	case N_MUL: arithmetic(l, x); break;
	case N_UNARY: unary(l, x); break;
	case N_MEMBER: member(l, x); break;
	case N_LITERAL:
	case N_SLOT: word(l, x->first); break;
	case N_NAME: name(l, x); break;
	case N_UID:
		name(l, x->child);
		sign(l, x->child->last + 1, NEXT_NIL);
		word(l, x->last);
		break;
	case N_PARENS: parens(l, x); break;
	case N_LIST: list(l, x); break;
	case N_RECORD: record(l, x); break;
	case N_FIELD: field(l, x); break;
	case N_DOT:
		sign(l, x->first, NEXT_NIL);
		word(l, x->last);
		break;
	case N_CALL: call(l, x); break;
	case N_INDEX:
		sign(l, x->first, NEXT_NIL);
		lay(l, x->child);
		sign(l, x->last, NEXT_NIL);
		break;
	case N_NONE:
	case N_VARIABLE:
	case N_ANNOTATION:
	case N_CONDITION:
	case N_POLICY: break;
	}
}

/* ---- policies ---- */

static void annotation(struct layout *l, const struct node *x)
{
	sign(l, x->first, NEXT_NIL);
	word(l, x->first + 1);
	if ((x->flags & NODE_COMPARED) == 0) {
		op(l, D_HARD);
		return;
	}
	sign(l, x->first + 2, NEXT_NIL);
	word(l, x->first + 3);
	sign(l, x->last, NEXT_HARD);
}

static void plain_word(struct layout *l, uint32_t i)
{
	const struct ftoken *t = &l->t->v[i];

	ward_cedar_doc_text(l->d, l->text.s + t->start, t->end - t->start);
}

static void is_type(struct layout *l, const struct node *x)
{
	op(l, D_GROUP);
	nest(l, l->indent);
	op(l, D_GROUP);
	op(l, D_LINE);
	sign(l, x->first + 1, NEXT_NIL);
	op(l, D_GROUP_END);
	op(l, D_LINE);
	lay(l, x->child);
	unnest(l, l->indent);
	op(l, D_GROUP_END);
}

static void variable(struct layout *l, const struct node *x)
{
	struct comments c = take(l, x->first);
	bool compared = (x->flags & NODE_COMPARED) != 0;
	const struct node *type = (x->flags & NODE_IS) != 0 ? x->child : NULL;

	lead(l, &c);
	if (compared) {
		op(l, D_GROUP);
		op(l, D_GROUP);
	}
	plain_word(l, x->first);
	trail(l, &c, NEXT_NIL);
	if (type != NULL)
		is_type(l, x);
	if (!compared)
		return;
	op(l, D_LINE);
	sign(l, type != NULL ? type->last + 1 : x->first + 1, NEXT_NIL);
	op(l, D_GROUP_END);
	nest(l, l->indent);
	op(l, D_LINE);
	lay(l, type != NULL ? type->next : x->child);
	unnest(l, l->indent);
	op(l, D_GROUP_END);
}

static void condition(struct layout *l, const struct node *x)
{
	struct comments open = take(l, x->first + 1), close = take(l, x->last),
			cond = take(l, x->first), body = take_lead(l, x->first + 2);

	lead(l, &cond);
	op(l, D_GROUP);
	plain_word(l, x->first);
	trail(l, &cond, NEXT_LINE);
	lead(l, &open);
	say(l, "{");
	op(l, D_GROUP);
	nest(l, l->indent);
	trail(l, &open, NEXT_LINE);
	lead(l, &body);
	op(l, D_GROUP);
	lay(l, x->child);
	op(l, D_GROUP_END);
	unnest(l, l->indent);
	op(l, D_LINE);
	with(l, "}", &close, NEXT_NIL);
	op(l, D_GROUP_END);
	op(l, D_GROUP_END);
}

/* All on one line if nothing is asked of any of the three, else each on its own. */
static void scope(struct layout *l, const struct node *v)
{
	bool bare = (v->flags | v->next->flags | v->next->next->flags) == 0;

	if (bare)
		op(l, D_GROUP);
	nest(l, l->indent);
	if (!bare)
		op(l, D_HARD);
	for (unsigned i = 0; i < 3; i++, v = v->next) {
		variable(l, v);
		if (i < 2)
			sign(l, v->last + 1, bare ? NEXT_SPACE : NEXT_HARD);
	}
	unnest(l, l->indent);
	op(l, bare ? D_GROUP_END : D_HARD);
}

/* effect: the token of permit or forbid. */
static void effect(struct layout *l, uint32_t i)
{
	struct comments c = take(l, i);

	lead(l, &c);
	op(l, D_GROUP);
	plain_word(l, i);
	trail(l, &c, NEXT_NIL);
	op(l, D_LINE);
	sign(l, i + 1, NEXT_NIL);
	op(l, D_GROUP_END);
}

void ward_cedar_lay(struct doc *d, struct ward_str text, struct tokens *t,
	const struct node *policy, unsigned indent)
{
	struct layout l = { .d = d, .text = text, .t = t, .indent = indent };
	const struct node *v = policy->child, *last;
	struct comments c;

	for (; v->kind == N_ANNOTATION; v = v->next)
		annotation(&l, v);
	effect(&l, v->first - 2);
	scope(&l, v);
	last = v->next->next;
	c = take(&l, last->last + 1);
	with(&l, ")", &c, last->next != NULL ? NEXT_HARD : NEXT_NIL);
	for (v = last->next; v != NULL; v = v->next) {
		condition(&l, v);
		if (v->next != NULL)
			op(&l, D_HARD);
	}
	sign(&l, policy->last, NEXT_NIL);
}

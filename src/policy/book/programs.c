/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who connects, as policies see it: context.program. Whatever a run executes can act as any program that it may execute, so that a rule about
 * it is advice: a permit that looks at it has to say so (@advisory), since what it gives anybody inside can take. A forbid only takes away.
 * Between the programs that policies name, one that none names and none at all the answers are the same, unless a policy compares parts of
 * them; then a name may be refused that could be reached: the safe side.
 */
#include <string.h>

#include "policy/book/own.h"
#include "policy/policy.h"

struct looking {
	struct ward_book *b;
	const struct cedar_str *word;
	bool found, no_memory, too_many;
};

static int look(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;
	bool of_context = (x->kind == CEDAR_X_ATTR || x->kind == CEDAR_X_HAS) &&
		x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT;

	if (x->kind == CEDAR_X_VAR && x->aux == CEDAR_CONTEXT)
		l->found = true; /* as a whole, the word in it */
	else if (!of_context)
		return ward_cedar_expr_children(x, look, arg);
	else if (x->kind == CEDAR_X_ATTR)
		l->found = l->found || ward_cedar_str_eq(x->name, l->word);
	else
		l->found = l->found || (x->n > 0 && ward_cedar_str_eq(x->names[0], l->word));
	return 0;
}

bool ward_book_looks_at(const struct ward_book *b, const struct cedar_policy *p,
	enum ward_word word)
{
	struct looking l = { .word = b->words[word] };

	for (uint32_t i = 0; !l.found && i < p->n_conditions; i++)
		(void)look(p->conditions[i].body, &l);
	return l.found;
}

static bool is_program(const struct ward_book *b, const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_ATTR && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT &&
		ward_cedar_str_eq(x->name, b->words[WARD_WORD_PROGRAM]);
}

static bool is_text(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_STRING;
}

static bool is_texts(const struct cedar_expr *x)
{
	if (x->kind != CEDAR_X_SET)
		return false;
	for (uint32_t i = 0; i < x->n; i++)
		if (!is_text(x->v[i]))
			return false;
	return true;
}

/* Is it compared with whole texts, which are collected, and with nothing else? Else there are programs that no text names. */
static int look_unsure(const struct cedar_expr *x, void *arg)
{
	struct looking *l = arg;
	const struct ward_book *b = l->b;
	bool equal = x->kind == CEDAR_X_EQ || x->kind == CEDAR_X_NE;

	if ((equal && is_program(b, x->a) && is_text(x->b)) ||
		(equal && is_text(x->a) && is_program(b, x->b)) ||
		(x->kind == CEDAR_X_CONTAINS && is_texts(x->a) && is_program(b, x->b)))
		return 0;
	if (is_program(b, x) || (x->kind == CEDAR_X_VAR && x->aux == CEDAR_CONTEXT))
		l->found = true;
	else if ((x->kind != CEDAR_X_ATTR && x->kind != CEDAR_X_HAS) || x->a->kind != CEDAR_X_VAR ||
		x->a->aux != CEDAR_CONTEXT)
		return ward_cedar_expr_children(x, look_unsure, arg);
	return 0;
}

static void add(struct looking *l, const char *text)
{
	struct ward_book *b = l->b;
	const char **v = b->programs;
	size_t cap = b->cap_programs ? 2 * b->cap_programs : 16;

	for (size_t i = 0; i < b->n_programs; i++)
		if (ward_streq(v[i], text))
			return;
	if (b->n_programs == WARD_BOOK_PROGRAMS_MAX) {
		l->too_many = true;
		return;
	}
	if (b->n_programs == b->cap_programs) {
		v = ward_arena_alloc(b->arena, cap * sizeof(*v));
		if (v == NULL) {
			l->no_memory = true;
			return;
		}
		if (b->n_programs > 0)
			memcpy(v, b->programs, b->n_programs * sizeof(*v));
		b->programs = v;
		b->cap_programs = cap;
	}
	v[b->n_programs++] = text;
}

/* Every text that looks like a path: what it is compared with is not worked out. */
static int strings(const struct cedar_expr *x, void *arg)
{
	if (x->kind == CEDAR_X_STRING && x->str->n > 0 && x->str->s[0] == '/')
		add(arg, x->str->s);
	return ward_cedar_expr_children(x, strings, arg);
}

static bool add_rule(struct ward_book *b, const struct ward_book_rule *r)
{
	const struct ward_book_rule **v = b->by_program;
	size_t cap = b->cap_by_program ? 2 * b->cap_by_program : 4;

	if (b->n_by_program == b->cap_by_program) {
		v = ward_arena_alloc(b->arena, cap * sizeof(*v));
		if (v == NULL)
			return false;
		if (b->n_by_program > 0)
			memcpy(v, b->by_program, b->n_by_program * sizeof(*v));
		b->by_program = v;
		b->cap_by_program = cap;
	}
	v[b->n_by_program++] = r;
	return true;
}

static int refuse(const struct ward_book_rule *r, const char *what, const char *fix,
	struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_INVALID, "%s", what);
	ward_fail_at(err, r->file, r->line, r->column);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_INVALID;
}

static int one(struct ward_book *b, const struct ward_book_rule *r, const struct cedar_policy *p,
	bool gives, struct ward_error *err)
{
	struct looking l = { .b = b };
	bool connects = (ward_book_actions_of(b, p) & UINT32_C(1) << WARD_ACT_NET_CONNECT) != 0;
	bool looks = connects && ward_book_looks_at(b, p, WARD_WORD_PROGRAM);

	if (r->advisory && !looks)
		return refuse(r, "@advisory: nothing in this rule asks which program connects",
			"take it out, or write it on a permit of net.connect that asks for context.program",
			err);
	if (!looks)
		return WARD_OK;
	if (gives && !r->advisory)
		return refuse(r,
			"this rule lets a connection be made because of the program that makes it, which any code in the run can act as",
			"say that this is known: @advisory(\"program\") before it; or take context.program out",
			err);
	b->asks_program = true;
	if (!add_rule(b, r))
		return WARD_E_NOMEM;
	for (uint32_t i = 0; i < p->n_conditions; i++)
		(void)strings(p->conditions[i].body, &l);
	for (uint32_t i = 0; i < p->n_conditions; i++)
		(void)look_unsure(p->conditions[i].body, &l);
	b->programs_unsure = b->programs_unsure || l.found;
	if (l.no_memory)
		return WARD_E_NOMEM;
	return l.too_many
		? refuse(r, "rules about connecting name more programs than one run may have",
			  "name fewer", err)
		: WARD_OK;
}

static int of_set(struct ward_book *b, const struct ward_book_set *s, bool grants,
	struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < s->policies.statics.n; i++) {
		const struct cedar_policy *p = s->policies.statics.v[i];

		r = one(b, &s->rules[i], p, grants && p->effect == CEDAR_PERMIT, err);
	}
	return r;
}

int ward_book_find_programs(struct ward_book *b, struct ward_error *err)
{
	int r = of_set(b, &b->grants, true, err);

	for (size_t i = 0; r == WARD_OK && i < b->n_bounds; i++)
		r = of_set(b, &b->bounds[i], false, err);
	return r;
}

const struct ward_book_rule *ward_book_by_program(const struct ward_book *b, size_t *io_at)
{
	return *io_at < b->n_by_program ? b->by_program[(*io_at)++] : NULL;
}

bool ward_book_asks_program(const struct ward_book *b)
{
	return b->asks_program;
}

bool ward_book_programs_unsure(const struct ward_book *b)
{
	return b->programs_unsure;
}

const char *ward_book_program(const struct ward_book *b, size_t *io_at)
{
	/* One that nobody names, and each that is. */
	if (!b->asks_program || *io_at > b->n_programs)
		return NULL;
	return (*io_at)++ == 0 ? "/no such program" : b->programs[*io_at - 2];
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parser has to say about a text, and the parts of the text that it shows while doing so: on one line, controls
 * written as escapes, never longer than a buffer.
 */
#include <stdio.h>
#include <string.h>

#include "cedar/syntax/parser.h"

struct mark ward_cedar_mark(const struct parser *p)
{
	const struct cedar_diags *d = p->diags;

	if (d == NULL)
		return (struct mark){ .mine = p->errors };
	return (struct mark){ d->n, d->errors, d->dropped, p->errors };
}

void ward_cedar_forget(struct parser *p, struct mark m)
{
	p->errors = m.mine;
	if (p->diags == NULL)
		return;
	p->diags->n = m.n;
	p->diags->errors = m.errors;
	p->diags->dropped = m.dropped;
}

struct line {
	char *s;
	size_t n;
	bool full;
};

/* Whole characters or nothing; what does not fit ends it. */
static void add(struct line *l, const char *s, size_t n)
{
	if (l->full || n > SNIPPET_MAX - 4 - l->n) {
		if (!l->full)
			memcpy(l->s + l->n, "..", 2);
		l->n += l->full ? 0 : 2;
		l->full = true;
		return;
	}
	memcpy(l->s + l->n, s, n);
	l->n += n;
}

static void add_text(struct line *l, const char *s, size_t n)
{
	char code[12];

	for (size_t i = 0; i < n && !l->full;) {
		unsigned char c = (unsigned char)s[i];
		size_t width = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (width > n - i)
			width = n - i;
		if (c == '\n' || c == '\r' || c == '\t')
			add(l, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", 2);
		else if (c < ' ' || c == 0x7f)
			add(l, code, (size_t)snprintf(code, sizeof(code), "\\u{%x}", c));
		else
			add(l, s + i, width);
		i += width;
	}
}

const char *ward_cedar_verbatim(const struct parser *p, uint32_t start, uint32_t end,
	char out[SNIPPET_MAX])
{
	struct line l = { .s = out };

	add_text(&l, p->text.s + start, end - start);
	out[l.n] = '\0';
	return out;
}

/* How the token stands between others: alone, with blanks around it. A minus or a negation may belong to what follows. */
static bool is_alone(unsigned kind, unsigned before)
{
	bool operand = is_ident(before)
		? !is_reserved(before) || before >= T_TRUE
		: before == T_NUMBER || before == T_STRING || before == T_SLOT ||
			before == T_RPAREN || before == T_RBRACKET || before == T_RBRACE;

	if (kind == T_MINUS)
		return operand;
	return (kind >= T_EQ && kind <= T_PERCENT) || (kind >= T_THEN && kind <= T_IS);
}

const char *ward_cedar_snippet(const struct parser *p, uint32_t start, uint32_t end,
	char out[SNIPPET_MAX])
{
	struct line l = { .s = out };
	unsigned before = T_END;
	bool blank = false;
	struct token t;

	for (ward_cedar_lex(p->text, start, &t); t.kind != T_END && t.start < end && !l.full;
		ward_cedar_lex(p->text, t.end, &t)) {
		bool alone = is_alone(t.kind, before);

		if (l.n > 0 && (blank || alone))
			add(&l, " ", 1);
		add_text(&l, p->text.s + t.start, t.end - t.start);
		blank = alone || t.kind == T_COMMA || t.kind == T_COLON || t.kind == T_IF;
		before = t.kind;
	}
	out[l.n] = '\0';
	return out;
}

const char *ward_cedar_display(const struct parser *p, const struct operand *op,
	char out[SNIPPET_MAX])
{
	bool node = op->form == FORM_EXPR && op->x->kind != CEDAR_X_NONE;

	return ward_cedar_snippet(p, node ? op->x->start : op->start, node ? op->x->end : op->end,
		out);
}

bool ward_cedar_unexpected(struct parser *p, const char *expected)
{
	const struct token *t = &p->tok;
	char part[SNIPPET_MAX];

	if (t->kind == T_END) {
		NOTE(p, p->last_end, p->last_end, "unexpected end of input");
	} else if (t->kind == T_BAD) {
		NOTE(p, t->start, t->end, "invalid token");
		if (p->text.s[t->start] == '"') {
			HELP(p, "try checking that all strings are closed properly");
			return false;
		}
		if (p->text.s[t->start] == '\'') {
			HELP(p, "strings must use double quotes, not single quotes");
			return false;
		}
	} else {
		NOTE(p, t->start, t->end, "unexpected token `%s`",
			ward_cedar_verbatim(p, t->start, t->end, part));
	}
	if (expected != NULL)
		HELP(p, "expected %s", expected);
	return false;
}

bool ward_cedar_too_deep(struct parser *p, uint32_t start, uint32_t end)
{
	NOTE(p, start, end, "the expression is nested more than %d levels deep",
		WARD_CEDAR_DEPTH_MAX);
	HELP(p, "split it into several conditions or policies");
	return false;
}

bool ward_cedar_no_memory(struct parser *p)
{
	p->code = WARD_E_NOMEM;
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What binds tightest: literals, names, lists, records, and the chains of .attribute ["attribute"] .method(...) and
 * function(...) behind them. Names of functions and how they are called are checked here, and how many arguments the
 * methods of the language take; those of extension functions are the business of evaluation.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/syntax/parser.h"

/* The methods of the language itself: all take the receiver and so many arguments. */
static const struct builtin {
	const char *name;
	uint8_t kind, n;
} builtins[] = {
	{ "contains", CEDAR_X_CONTAINS, 1 },
	{ "containsAll", CEDAR_X_CONTAINS_ALL, 1 },
	{ "containsAny", CEDAR_X_CONTAINS_ANY, 1 },
	{ "isEmpty", CEDAR_X_IS_EMPTY, 0 },
	{ "getTag", CEDAR_X_GET_TAG, 1 },
	{ "hasTag", CEDAR_X_HAS_TAG, 1 },
};

static const struct builtin *builtin(struct ward_str name)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(builtins); i++) {
		if (strlen(builtins[i].name) == name.n &&
			memcmp(builtins[i].name, name.s, name.n) == 0)
			return &builtins[i];
	}
	return NULL;
}

static enum cedar_fn function(const struct parser *p, struct ward_str name)
{
	enum cedar_fn fn = ward_cedar_function(name);

	return fn == CEDAR_FN_UNKNOWN && !p->unknowns ? CEDAR_FN_NONE : fn;
}

/* ---- accesses ---- */

REPORTS static void no_fields(struct parser *p, const struct operand *op, struct token field)
{
	char lhs[SNIPPET_MAX], rhs[SNIPPET_MAX];

	NOTE(p, op->start, p->last_end,
		"invalid member access `%s.%s`, `%s` has no fields or methods",
		ward_cedar_snippet(p, op->start, op->end, lhs),
		ward_cedar_verbatim(p, field.start, field.end, rhs), lhs);
}

static bool attribute(struct parser *p, struct operand *op, struct token field,
	const struct cedar_str *name)
{
	const struct cedar_expr *a;

	if (op->form == FORM_NAME && name != NULL)
		no_fields(p, op, field);
	if (op->form != FORM_NAME && !ward_cedar_as_expr(p, op))
		return false;
	if (op->form == FORM_NAME || name == NULL) {
		ward_cedar_poisoned(p, op);
		return true;
	}
	a = op->x;
	if (!ward_cedar_make(p, op, CEDAR_X_ATTR, op->depth))
		return false;
	op->x->a = a;
	op->x->name = name;
	return true;
}

REPORTS static void no_elements(struct parser *p, const struct operand *op,
	const struct operand *at)
{
	char lhs[SNIPPET_MAX], rhs[SNIPPET_MAX];

	NOTE(p, op->start, p->last_end, "invalid indexing expression `%s[%s]`, `%s` has no fields",
		ward_cedar_snippet(p, op->start, op->end, lhs),
		ward_cedar_verbatim(p, at->start, at->end, rhs), lhs);
}

REPORTS static void no_subscript(struct parser *p, const struct operand *at)
{
	char part[SNIPPET_MAX];

	if (at->form == FORM_EXPR && at->x->kind == CEDAR_X_NONE)
		return;
	NOTE(p, at->start, at->end, "invalid string literal: %s", ward_cedar_display(p, at, part));
	HELP(p, "an index is a text in double quotes; attributes cannot be computed");
}

static bool subscript(struct parser *p, struct operand *op)
{
	const struct cedar_expr *a;
	const struct cedar_str *name = NULL;
	struct operand at;
	bool is_name = op->form == FORM_NAME;

	if (!is_name && !ward_cedar_as_expr(p, op))
		return false;
	ward_cedar_next(p);
	if (!ward_cedar_expression(p, &at))
		return false;
	if (p->tok.kind != T_RBRACKET)
		return ward_cedar_unexpected(p, "`]`");
	ward_cedar_next(p);
	if (at.form != FORM_STRING)
		no_subscript(p, &at);
	else if (!ward_cedar_string(p, at.start, at.end, at.escaped, &name))
		return false;
	if (is_name && at.form == FORM_STRING)
		no_elements(p, op, &at);
	if (is_name || name == NULL) {
		ward_cedar_poisoned(p, op);
		return true;
	}
	a = op->x;
	if (!ward_cedar_make(p, op, CEDAR_X_ATTR, op->depth))
		return false;
	op->x->a = a;
	op->x->name = name;
	op->x->flags = CEDAR_QUOTED;
	return true;
}

static bool call_builtin(struct parser *p, struct operand *op, const struct builtin *b, size_t from,
	uint32_t n, uint32_t depth)
{
	const struct cedar_expr *receiver = op->x, *argument = NULL;

	if (n == 1)
		memcpy(&argument, p->stack + from, sizeof(argument));
	p->top = from;
	if (n != b->n) {
		NOTE(p, op->start, p->last_end,
			"call to `%s` requires exactly %u argument%s, but got %u argument%s",
			b->name, (unsigned)b->n, b->n == 1 ? "" : "s", (unsigned)n,
			n == 1 ? "" : "s");
		ward_cedar_poisoned(p, op);
		return true;
	}
	if (!ward_cedar_make(p, op, (enum cedar_expr_kind)b->kind, depth))
		return false;
	op->x->a = receiver;
	if (b->n == 1)
		op->x->b = argument;
	return true;
}

/* The arguments, a receiver included, lie on the stack from from on. */
static bool call_function(struct parser *p, struct operand *op, enum cedar_fn fn, size_t from,
	uint32_t n, uint32_t depth)
{
	const void *v;

	if (!ward_cedar_pop(p, from, &v) || !ward_cedar_make(p, op, CEDAR_X_CALL, depth))
		return false;
	op->x->aux = (uint8_t)fn;
	op->x->n = n;
	op->x->v = v;
	return true;
}

/* Nearest of the names that are called this way. */
REPORTS static void suggest(struct parser *p, struct ward_str name, bool method)
{
	const char *names[CEDAR_FN_MAX + WARD_ARRAY_SIZE(builtins)];
	char word[64];
	size_t n = 0;

	for (int i = 1; i < CEDAR_FN_MAX; i++) {
		if (ward_cedar_functions[i].method == method &&
			(i != CEDAR_FN_UNKNOWN || p->unknowns))
			names[n++] = ward_cedar_functions[i].name;
	}
	for (size_t i = 0; method && i < WARD_ARRAY_SIZE(builtins); i++)
		names[n++] = builtins[i].name;
	if (name.n >= sizeof(word))
		return;
	memcpy(word, name.s, name.n);
	word[name.n] = '\0';
	if (ward_nearest(word, names, n) != NULL)
		HELP(p, "did you mean `%s`?", ward_nearest(word, names, n));
}

REPORTS static void no_method(struct parser *p, const struct operand *op, struct token field)
{
	struct ward_str name = { p->text.s + field.start, field.end - field.start };
	char lhs[SNIPPET_MAX], part[SNIPPET_MAX];

	ward_cedar_verbatim(p, field.start, field.end, part);
	if (op->form == FORM_NAME) {
		NOTE(p, op->start, p->last_end,
			"attempted to call `%s.%s(...)`, but `%s` does not have any methods",
			ward_cedar_snippet(p, op->start, op->end, lhs), part, lhs);
	} else if (function(p, name) != CEDAR_FN_NONE) {
		NOTE(p, field.start, field.end, "`%s` is a function, not a method", part);
		HELP(p, "use a function-style call `%s(..)`", part);
	} else {
		NOTE(p, field.start, field.end, "`%s` is not a valid method", part);
		suggest(p, name, true);
	}
}

/* p->tok is the "(" behind .field */
static bool method(struct parser *p, struct operand *op, struct token field, bool ok)
{
	struct ward_str name = { p->text.s + field.start, field.end - field.start };
	const struct builtin *b = builtin(name);
	enum cedar_fn fn = b == NULL ? function(p, name) : CEDAR_FN_NONE;
	uint32_t n, depth = 0;
	size_t from = p->top;
	bool is_name = op->form == FORM_NAME;

	if (!is_name && !ward_cedar_as_expr(p, op))
		return false;
	if (b == NULL && !is_name && !ward_cedar_push(p, &op->x, sizeof(op->x)))
		return false;
	ward_cedar_next(p);
	if (!ward_cedar_list(p, T_RPAREN, &n, &depth))
		return false;
	depth = !is_name && op->depth > depth ? op->depth : depth;
	if (ok && !is_name && b != NULL)
		return call_builtin(p, op, b, from, n, depth);
	if (ok && !is_name && ward_cedar_functions[fn].method)
		return call_function(p, op, fn, from, n + 1, depth);
	p->top = from;
	if (ok)
		no_method(p, op, field);
	ward_cedar_poisoned(p, op);
	return true;
}

static bool dot(struct parser *p, struct operand *op)
{
	const struct cedar_str *name;
	struct token field;

	ward_cedar_next(p);
	field = p->tok;
	if (!is_ident(field.kind))
		return ward_cedar_unexpected(p, "the name of an attribute or method");
	if (ward_cedar_peek(p) == T_LPAREN) {
		struct name n = { field.start, field.end, 1, true, is_reserved(field.kind), false };

		ward_cedar_next(p);
		return method(p, op, field, ward_cedar_check_name(p, &n));
	}
	return ward_cedar_attribute(p, &name) && attribute(p, op, field, name);
}

REPORTS static void no_function(struct parser *p, const struct operand *op)
{
	struct ward_str name = { p->text.s + op->start, op->end - op->start };
	bool is_name = op->form == FORM_NAME;
	char part[SNIPPET_MAX];

	ward_cedar_snippet(p, op->start, op->end, part);
	if (op->form == FORM_VAR) {
		NOTE(p, op->start, p->last_end, "`%s(...)` is not a valid function call", part);
		HELP(p, "variables cannot be called as functions");
	} else if (!is_name && op->x->kind != CEDAR_X_NONE) {
		NOTE(p, op->start, p->last_end,
			"function calls must be of the form `<name>(arg1, arg2, ...)`");
	} else if (is_name && (function(p, name) != CEDAR_FN_NONE || builtin(name) != NULL)) {
		NOTE(p, op->start, op->end, "`%s` is a method, not a function", part);
		HELP(p, "use a method-style call `e.%s(..)`", part);
	} else if (is_name) {
		NOTE(p, op->start, op->end, "`%s` is not a valid function", part);
		suggest(p, name, false);
	}
}

/* A name, or anything else, with "(" behind it. */
static bool call(struct parser *p, struct operand *op)
{
	struct ward_str name = { p->text.s + op->start, op->end - op->start };
	enum cedar_fn fn = CEDAR_FN_NONE;
	uint32_t n, depth;
	size_t from = p->top;

	if (op->form == FORM_NAME && op->plain)
		fn = function(p, name);
	if (op->form >= FORM_STRING && !ward_cedar_as_expr(p, op))
		return false;
	ward_cedar_next(p);
	if (!ward_cedar_list(p, T_RPAREN, &n, &depth))
		return false;
	if (fn != CEDAR_FN_NONE && !ward_cedar_functions[fn].method)
		return call_function(p, op, fn, from, n, depth);
	p->top = from;
	no_function(p, op);
	ward_cedar_poisoned(p, op);
	return true;
}

/* Each link of a chain has the place of the whole. */
static void place_links(struct parser *p, struct operand *op, uint32_t links)
{
	struct cedar_expr *x = op->x;

	while (links-- > 0 && x->kind != CEDAR_X_NONE) {
		const struct cedar_expr *below =
			x->kind == CEDAR_X_CALL ? (x->n > 0 ? x->v[0] : NULL) : x->a;

		x->end = p->last_end;
		if (links == 0 || below == NULL)
			break;
		memcpy(&x, &below, sizeof(x)); /* the parser's own, not yet handed out */
	}
}

bool ward_cedar_accesses(struct parser *p, struct operand *op)
{
	uint32_t links = 0;

	for (;; links++) {
		bool ok;

		switch (p->tok.kind) {
		case T_DOT: ok = dot(p, op); break;
		case T_LPAREN: ok = call(p, op); break;
		case T_LBRACKET: ok = subscript(p, op); break;
		default:
			if (links > 1)
				place_links(p, op, links);
			if (links > 0)
				op->end = p->last_end;
			return true;
		}
		if (!ok)
			return false;
	}
}

/* ---- primaries ---- */

REPORTS static void no_slot(struct parser *p, struct token t, unsigned which)
{
	char part[SNIPPET_MAX];

	ward_cedar_verbatim(p, t.start, t.end, part);
	if (which == CEDAR_SLOT_MAX) {
		NOTE(p, t.start, t.end, "`%s` is not a valid template slot", part);
		HELP(p, "a template slot may only be `?principal` or `?resource`");
	} else {
		NOTE(p, t.start, t.end, "found template slot %s in a `%s` clause", part, p->clause);
		HELP(p, "slots are currently unsupported in `%s` clauses", p->clause);
	}
}

static bool slot(struct parser *p, struct operand *op)
{
	struct token t = p->tok;
	struct ward_str name = { p->text.s + t.start, t.end - t.start };
	unsigned which = ward_str_eq(name, WARD_STR("?principal")) ? CEDAR_SLOT_PRINCIPAL
		: ward_str_eq(name, WARD_STR("?resource"))         ? CEDAR_SLOT_RESOURCE
								   : CEDAR_SLOT_MAX;

	ward_cedar_next(p);
	if (!ward_cedar_make(p, op, CEDAR_X_SLOT, 0))
		return false;
	op->x->aux = (uint8_t)which;
	if (p->clause != NULL)
		no_slot(p, t, which);
	return true;
}

/* Type::{...}: of the grammar, and of nothing else. */
REPORTS static bool reference(struct parser *p, struct operand *op)
{
	char part[SNIPPET_MAX];

	ward_cedar_next(p);
	while (p->tok.kind != T_RBRACE) {
		if (!is_ident(p->tok.kind))
			return ward_cedar_unexpected(p, "an identifier or `}`");
		ward_cedar_next(p);
		if (p->tok.kind != T_COLON)
			return ward_cedar_unexpected(p, "`:`");
		ward_cedar_next(p);
		if (p->tok.kind < T_TRUE || p->tok.kind > T_STRING)
			return ward_cedar_unexpected(p, "a literal");
		ward_cedar_next(p);
		if (p->tok.kind == T_COMMA)
			ward_cedar_next(p);
		else if (p->tok.kind != T_RBRACE)
			return ward_cedar_unexpected(p, "`,` or `}`");
	}
	ward_cedar_next(p);
	NOTE(p, op->start, p->last_end, "invalid entity literal: %s",
		ward_cedar_snippet(p, op->start, p->last_end, part));
	HELP(p, "entity literals should have a form like `Namespace::User::\"alice\"`");
	ward_cedar_poisoned(p, op);
	return true;
}

static bool name(struct parser *p, struct operand *op)
{
	unsigned first = p->tok.kind;
	const struct cedar_uid *uid;
	struct name n;
	bool open;

	if (!ward_cedar_scan_name(p, &n, &open))
		return false;
	if (open && p->tok.kind == T_LBRACE)
		return reference(p, op);
	if (open) {
		if (!ward_cedar_entity(p, &n, &uid))
			return false;
		ward_cedar_poisoned(p, op);
		if (uid == NULL)
			return true;
		if (!ward_cedar_make(p, op, CEDAR_X_ENTITY, 0))
			return false;
		op->x->uid = uid;
		return true;
	}
	op->end = n.end;
	if (n.parts == 1 && first >= T_PRINCIPAL && first <= T_CONTEXT) {
		op->form = FORM_VAR;
		op->aux = (uint8_t)(first - T_PRINCIPAL);
	} else if (ward_cedar_check_name(p, &n)) {
		op->form = FORM_NAME;
		op->plain = n.plain;
	} else {
		ward_cedar_poisoned(p, op);
	}
	return true;
}

static bool number(struct parser *p, struct operand *op)
{
	uint64_t value = 0;

	for (uint32_t i = p->tok.start; i < p->tok.end; i++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (unsigned)(p->text.s[i] - '0'), &value)) {
			NOTE(p, p->tok.start, p->tok.end,
				"integer parse error: number too large to fit in target type");
			return false;
		}
	}
	op->form = FORM_NUMBER;
	op->number = value;
	ward_cedar_next(p);
	return true;
}

REPORTS static void no_key(struct parser *p, const struct operand *op)
{
	char part[SNIPPET_MAX];

	if (op->form == FORM_NAME) {
		NOTE(p, op->start, op->end,
			"`%s` cannot be used as an attribute as it contains a namespace",
			ward_cedar_snippet(p, op->start, op->end, part));
	} else if (op->form == FORM_BOOL) {
		NOTE(p, op->start, op->end, "this identifier is reserved and cannot be used: %s",
			op->aux ? "true" : "false");
	} else if (op->form != FORM_EXPR || op->x->kind != CEDAR_X_NONE) {
		NOTE(p, op->start, op->end, "invalid attribute name: %s",
			ward_cedar_display(p, op, part));
		HELP(p, "attribute names can either be identifiers or string literals");
	}
}

/* What may be the name of a field. */
static bool key(struct parser *p, const struct operand *op, const struct cedar_str **ret)
{
	bool qualified = op->form == FORM_NAME &&
		memchr(p->text.s + op->start, ':', op->end - op->start) != NULL;

	*ret = NULL;
	if (op->form == FORM_STRING)
		return ward_cedar_string(p, op->start, op->end, op->escaped, ret);
	if (op->form == FORM_VAR || (op->form == FORM_NAME && !qualified))
		return ward_cedar_operand_name(p, op, ret);
	no_key(p, op);
	return true;
}

struct place {
	const struct cedar_str *name;
	size_t i;
};

static int by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int r = ward_cedar_str_cmp(x->name, y->name);

	return r != 0 ? r : (x->i > y->i) - (x->i < y->i);
}

/* A name that is there twice, among few. */
static const struct cedar_str *repeated_of_few(const struct cedar_field *f, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (f[i].name == f[k].name)
				return f[i].name;
		}
	}
	return NULL;
}

/* A name that is there twice: the earliest that comes again. Interned names are equal where their pointers are. */
static bool repeated(struct parser *p, const struct cedar_field *f, size_t n,
	const struct cedar_str **ret)
{
	struct place *v;
	size_t first = SIZE_MAX;

	*ret = NULL;
	if (n <= 16) {
		*ret = repeated_of_few(f, n);
		return true;
	}
	v = calloc(n, sizeof(*v));
	if (v == NULL)
		return ward_cedar_no_memory(p);
	for (size_t i = 0; i < n; i++)
		v[i] = (struct place){ f[i].name, i };
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++) {
		if (v[i].name == v[i - 1].name && v[i].i < first) {
			first = v[i].i;
			*ret = v[i].name;
		}
	}
	free(v);
	return true;
}

/* One NAME: VALUE, pushed; *ok turns false where something was wrong with it. */
static bool field(struct parser *p, uint32_t *depth, bool *ok)
{
	struct cedar_field f = { 0 };
	struct operand op;

	if (p->tok.kind == T_IF && ward_cedar_peek(p) == T_COLON) {
		NOTE(p, p->tok.start, p->tok.end,
			"this identifier is reserved and cannot be used: if");
		ward_cedar_next(p);
	} else {
		if (!ward_cedar_expression(p, &op) || !key(p, &op, &f.name))
			return false;
		f.quoted = op.form == FORM_STRING;
	}
	*ok = *ok && f.name != NULL;
	if (p->tok.kind != T_COLON)
		return ward_cedar_unexpected(p, "`:`");
	ward_cedar_next(p);
	if (!ward_cedar_expression(p, &op) || !ward_cedar_as_expr(p, &op))
		return false;
	f.x = op.x;
	*depth = op.depth > *depth ? op.depth : *depth;
	return ward_cedar_push(p, &f, sizeof(f));
}

REPORTS static void said_twice(struct parser *p, uint32_t start, const struct cedar_str *name)
{
	struct ward_buf b = { .max = 1u << 16 };

	ward_quote(&b, name->s, name->n < SNIPPET_MAX ? name->n : SNIPPET_MAX);
	NOTE(p, start, p->last_end, "duplicate key `%.*s` in record literal",
		b.n >= 2 ? (int)b.n - 2 : 0, b.n >= 2 ? b.s + 1 : "");
	ward_buf_done(&b);
}

static bool record(struct parser *p, struct operand *op)
{
	const struct cedar_str *twice = NULL;
	uint32_t n = 0, depth = 0;
	size_t from = p->top;
	const void *v;
	bool ok = true;

	ward_cedar_next(p);
	while (p->tok.kind != T_RBRACE) {
		if (!field(p, &depth, &ok))
			return false;
		n++;
		if (p->tok.kind == T_COMMA)
			ward_cedar_next(p);
		else if (p->tok.kind != T_RBRACE)
			return ward_cedar_unexpected(p, "`,` or `}`");
	}
	ward_cedar_next(p);
	if (!ward_cedar_pop(p, from, &v) || !ward_cedar_make(p, op, CEDAR_X_RECORD, depth))
		return false;
	op->x->n = n;
	op->x->fields = v;
	if (!ok) {
		ward_cedar_poisoned(p, op);
		return true;
	}
	if (!repeated(p, v, n, &twice))
		return false;
	if (twice != NULL)
		said_twice(p, op->start, twice);
	return true;
}

static bool set(struct parser *p, struct operand *op)
{
	uint32_t n, depth;
	size_t from = p->top;
	const void *v;

	ward_cedar_next(p);
	if (!ward_cedar_list(p, T_RBRACKET, &n, &depth) || !ward_cedar_pop(p, from, &v) ||
		!ward_cedar_make(p, op, CEDAR_X_SET, depth))
		return false;
	op->x->n = n;
	op->x->v = v;
	return true;
}

static bool parenthesised(struct parser *p, struct operand *op)
{
	uint32_t start = p->tok.start;

	ward_cedar_next(p);
	if (!ward_cedar_expression(p, op) || !ward_cedar_as_expr(p, op))
		return false;
	if (p->tok.kind != T_RPAREN)
		return ward_cedar_unexpected(p, "`)`");
	ward_cedar_next(p);
	if (op->x->parens < UINT8_MAX)
		op->x->parens++;
	op->start = start;
	op->end = p->last_end;
	return true;
}

static bool primary(struct parser *p, struct operand *op)
{
	unsigned kind = p->tok.kind;

	*op = (struct operand){ .start = p->tok.start, .end = p->tok.end };
	if ((kind == T_TRUE || kind == T_FALSE) && ward_cedar_peek(p) != T_COLONS) {
		op->form = FORM_BOOL;
		op->aux = kind == T_TRUE;
		ward_cedar_next(p);
		return true;
	}
	if (kind == T_IF && ward_cedar_peek(p) != T_COLONS) {
		ward_cedar_next(p);
		return ward_cedar_unexpected(p, "`::`; put `if` into parentheses here");
	}
	if (is_ident(kind))
		return name(p, op);
	switch (kind) {
	case T_STRING:
		op->form = FORM_STRING;
		op->escaped = p->tok.escaped;
		ward_cedar_next(p);
		return true;
	case T_NUMBER: return number(p, op);
	case T_SLOT: return slot(p, op);
	case T_LPAREN: return parenthesised(p, op);
	case T_LBRACKET: return set(p, op);
	case T_LBRACE: return record(p, op);
	}
	return ward_cedar_unexpected(p, "an expression");
}

bool ward_cedar_member(struct parser *p, struct operand *op)
{
	return primary(p, op) && ward_cedar_accesses(p, op);
}

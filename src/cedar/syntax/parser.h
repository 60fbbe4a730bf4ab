/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's own: tokens, the state of one run, and what its files owe each other. Two kinds of findings: a text that is
 * no sentence of the grammar ends the policy (functions return false), and what is wrong with a sentence is noted while
 * parsing goes on with p->poison in its place. Functions also return false where memory or a limit ends everything.
 */
#pragma once

#include "cedar/syntax/syntax.h"

/* The order matters: see the ranges below. */
enum token_kind {
	T_END = 0,
	T_BAD,                           /* no token; reported by whoever meets it */
	/* identifiers; variables are in the order of enum cedar_var */
	T_IDENT, T_PERMIT, T_FORBID, T_WHEN, T_UNLESS, T_PRINCIPAL, T_ACTION, T_RESOURCE, T_CONTEXT,
	/* reserved ones, which are identifiers of the grammar all the same */
	T_THEN, T_ELSE, T_IN, T_HAS, T_LIKE, T_IS,
	/* and those that begin expressions */
	T_IF, T_TRUE, T_FALSE,
	T_NUMBER, T_STRING, T_SLOT,
	T_AT, T_DOT, T_COMMA, T_SEMICOLON, T_COLON, T_COLONS,
	T_LPAREN, T_RPAREN, T_LBRACE, T_RBRACE, T_LBRACKET, T_RBRACKET,
	T_EQ, T_NE, T_LT, T_LE, T_GT, T_GE, T_ASSIGN, T_OR, T_AND, T_PLUS, T_MINUS, T_STAR, T_SLASH, T_PERCENT, T_NOT,
	T_KIND_MAX
};
struct token {
	uint32_t start, end;
	uint8_t kind;
	bool escaped;                    /* a string with a backslash or a carriage return in it */
};
static inline bool is_ident(unsigned kind)
{
	return kind >= T_IDENT && kind <= T_FALSE;
}
static inline bool is_reserved(unsigned kind)
{
	return kind >= T_THEN && kind <= T_FALSE;
}

struct parser {
	struct ward_str text;
	struct token tok;                /* the one to look at */
	uint32_t last_end;               /* of the one before it */
	uint32_t level;                  /* nesting at this place */
	struct cedar_pool *pool;
	struct ward_arena *arena;
	struct cedar_diags *diags;
	const char *clause;              /* where slots are refused, for the message; NULL: they are taken */
	bool unknowns;
	const struct cedar_parse_options *options;       /* NULL: none */
	int code;                        /* 0, or what ended everything */
	size_t errors;
	char *stack;                     /* elements of lists under way */
	size_t top, cap;
	struct cedar_expr poison;        /* stands where something is wrong */
};

/* An operand before it is known what it is: a text, a name and the like become expressions only where one is meant. */
enum operand_form { FORM_EXPR = 0, FORM_NAME, FORM_VAR, FORM_STRING, FORM_BOOL, FORM_NUMBER };
struct operand {
	uint8_t form, aux;               /* aux: enum cedar_var, or the truth */
	bool escaped;
	bool plain;                      /* a name without blanks */
	uint32_t start, end, depth;
	union {
		struct cedar_expr *x;
		uint64_t number;
	};
};
/* Findings so far, to go back to. */
struct mark {
	size_t n, errors, dropped, mine;
};

/* What reports has buffers, which have no business in the frames of what recurses. */
/* And what recurses by several ways does not carry the frames of all of them. */
#define RECURSES __attribute__((noinline))
#define REPORTS __attribute__((cold, noinline))

/* ---- lex.c ---- */
void ward_cedar_lex(struct ward_str text, uint32_t at, struct token *ret);
void ward_cedar_next(struct parser *p);
unsigned ward_cedar_peek(const struct parser *p);                /* kind of the token behind p->tok */

/* ---- text.c: texts of tokens ---- */
/* False: out of memory. *ret is NULL where escapes were wrong, which has been said. */
bool ward_cedar_string(struct parser *p, uint32_t start, uint32_t end, bool escaped, const struct cedar_str **ret);
bool ward_cedar_pattern(struct parser *p, uint32_t start, uint32_t end, bool escaped, const struct cedar_str **ret);

/* ---- note.c: what is wrong ---- */
struct mark ward_cedar_mark(const struct parser *p);
void ward_cedar_forget(struct parser *p, struct mark m);         /* what was found since */
#define NOTE(p, start, end, ...) \
	((p)->errors++, (void)ward_cedar_diag((p)->diags, CEDAR_ERROR, 0, start, end, __VA_ARGS__))
#define HELP(p, ...) ward_cedar_diag_help((p)->diags, __VA_ARGS__)
/* False, always. expected: what would have been right, or NULL. */
bool ward_cedar_unexpected(struct parser *p, const char *expected);
bool ward_cedar_too_deep(struct parser *p, uint32_t start, uint32_t end);
bool ward_cedar_no_memory(struct parser *p);
/* The tokens of a part of the text, evenly spaced, on one line, cut where it is long. */
#define SNIPPET_MAX 256
const char *ward_cedar_snippet(const struct parser *p, uint32_t start, uint32_t end, char out[SNIPPET_MAX]);
/* The same as it stands there. */
const char *ward_cedar_verbatim(const struct parser *p, uint32_t start, uint32_t end, char out[SNIPPET_MAX]);
/* The operand's, without the parentheses around it. */
const char *ward_cedar_display(const struct parser *p, const struct operand *op, char out[SNIPPET_MAX]);

/* ---- stack.c ---- */
bool ward_cedar_push(struct parser *p, const void *e, size_t size);
/* What was pushed since from, as an array in the pool; NULL in *ret when there is nothing. */
bool ward_cedar_pop(struct parser *p, size_t from, const void **ret);

/* ---- name.c: names and entities ---- */
struct name {
	uint32_t start, end, parts;
	bool plain, reserved, internal;  /* no blanks in it; has a reserved word; has __cedar */
};
/*
 * Reads IDENT {:: IDENT}. Then, p->tok is what follows: after a last "::" (*ret_open) a string or a brace, else anything.
 */
bool ward_cedar_scan_name(struct parser *p, struct name *ret, bool *ret_open);
bool ward_cedar_bad_name(struct parser *p, const struct name *n);            /* false, always */
/* False: noted. */
static inline bool ward_cedar_check_name(struct parser *p, const struct name *n)
{
	return (!n->reserved && !n->internal) || ward_cedar_bad_name(p, n);
}
bool ward_cedar_intern_name(struct parser *p, const struct name *n, const struct cedar_str **ret);
/* p->tok is the string. *ret NULL: noted. */
bool ward_cedar_entity(struct parser *p, const struct name *n, const struct cedar_uid **ret);
/* An identifier as the name of an attribute; p->tok is behind it afterwards. *ret NULL: noted. */
bool ward_cedar_attribute(struct parser *p, const struct cedar_str **ret);
/* The text of an operand that is a name or a variable. */
bool ward_cedar_operand_name(struct parser *p, const struct operand *op, const struct cedar_str **ret);

/* ---- expr.c, member.c ---- */
/* Precedence, loose to tight. */
enum level { LEVEL_NONE = 0, LEVEL_OR, LEVEL_AND, LEVEL_RELATION, LEVEL_ADD, LEVEL_MUL };
bool ward_cedar_expression(struct parser *p, struct operand *op);
bool ward_cedar_binary(struct parser *p, unsigned least, struct operand *op);
bool ward_cedar_member(struct parser *p, struct operand *op);
bool ward_cedar_accesses(struct parser *p, struct operand *op);
/* Expressions up to close, which is read too: pushed. */
bool ward_cedar_list(struct parser *p, unsigned close, uint32_t *ret_n, uint32_t *ret_depth);
bool ward_cedar_as_expr(struct parser *p, struct operand *op);
void ward_cedar_poisoned(struct parser *p, struct operand *op);
/* A node from op->start to the last token, one deeper than depth, as the new operand. */
bool ward_cedar_make(struct parser *p, struct operand *op, enum cedar_expr_kind kind, uint32_t depth);

/* ---- scope.c ---- */
/* "(" ... ")" of a policy; effect: its token. */
bool ward_cedar_scope(struct parser *p, struct cedar_policy *policy, struct token effect);

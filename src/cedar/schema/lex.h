/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of the schema's text. Words are told apart by who reads them: none is reserved everywhere. */
#pragma once

#include "cedar/schema/tree.h"

enum token_kind {
	T_END = 0, T_BAD, T_WORD, T_NUMBER, T_STRING,
	T_COMMA, T_SEMICOLON, T_COLON, T_COLONS, T_LBRACE, T_RBRACE, T_LBRACKET, T_RBRACKET, T_LPAREN, T_RPAREN,
	T_LT, T_GT, T_ASSIGN, T_QUESTION, T_AT,
};
void ward_schema_lex(struct ward_str text, uint32_t at, struct token *ret);
void ward_schema_next(struct reader *r);
bool ward_schema_is_word(const struct reader *r, const char *word);
static inline struct place ward_schema_here(const struct reader *r)
{
	return (struct place){ r->tok.start, r->tok.end };
}
/* False, always. expected: what would have been right. */
bool ward_schema_unexpected(struct reader *r, const char *expected);
/* The token of that kind, and the next; what: for the message. */
bool ward_schema_take(struct reader *r, enum token_kind kind, const char *what);
/* What the string token means; p->tok is behind it afterwards. */
bool ward_schema_string(struct reader *r, const struct cedar_str **ret);
/* An identifier; any: reserved words too. */
bool ward_schema_ident(struct reader *r, bool any, const struct cedar_str **ret);
/* An identifier or a string. */
bool ward_schema_name(struct reader *r, const struct cedar_str **ret);
/* IDENT {:: IDENT}. Where string is not NULL, a string may be the last, which is what it becomes, NULL otherwise. */
bool ward_schema_path(struct reader *r, struct ref *ret, const struct cedar_str **ret_string);

/* ---- parse_type.c ---- */
bool ward_schema_parse_notes(struct reader *r, struct notes *ret);
bool ward_schema_parse_type(struct reader *r, struct schema_type **ret);
bool ward_schema_parse_record(struct reader *r, struct schema_type **ret);

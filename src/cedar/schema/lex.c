/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of the schema's text, one at a time, and the names and strings that they make. Blanks are those of Unicode; a
 * comment ends at a line feed or a carriage return. The text has been found to be UTF-8 before.
 */
#include <stdio.h>
#include <string.h>

#include "cedar/schema/lex.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint32_t width(char first)
{
	unsigned char c = (unsigned char)first;

	return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Where the next token begins. */
static size_t skip(struct ward_str text, size_t i)
{
	while (i < text.n) {
		char c = text.s[i];
		uint32_t n = (c >= '\t' && c <= '\r') || c == ' ' ? 1
			: (c & 0x80) != 0                         ? ward_cedar_blank(text, i)
								  : 0;

		if (n > 0) {
			i += n;
		} else if (c == '/' && i + 1 < text.n && text.s[i + 1] == '/') {
			while (i < text.n && text.s[i] != '\n' && text.s[i] != '\r')
				i++;
		} else {
			break;
		}
	}
	return i;
}

static void string(struct ward_str text, struct token *t)
{
	size_t end = ward_cedar_string_end(text, t->start, &t->escaped);

	if (end != 0) {
		t->kind = T_STRING;
		t->end = (uint32_t)end;
	}
}

static uint8_t sign(char c)
{
	switch (c) {
	case ',': return T_COMMA;
	case ';': return T_SEMICOLON;
	case ':': return T_COLON;
	case '{': return T_LBRACE;
	case '}': return T_RBRACE;
	case '[': return T_LBRACKET;
	case ']': return T_RBRACKET;
	case '(': return T_LPAREN;
	case ')': return T_RPAREN;
	case '<': return T_LT;
	case '>': return T_GT;
	case '=': return T_ASSIGN;
	case '?': return T_QUESTION;
	case '@': return T_AT;
	}
	return T_BAD;
}

void ward_schema_lex(struct ward_str text, uint32_t at, struct token *ret)
{
	size_t i = skip(text, at);

	*ret = (struct token){ .start = (uint32_t)i, .end = (uint32_t)i, .kind = T_END };
	if (i >= text.n)
		return;
	ret->kind = sign(text.s[i]);
	ret->end += width(text.s[i]);
	if (is_letter(text.s[i])) {
		ret->kind = T_WORD;
		while (ret->end < text.n &&
			(is_letter(text.s[ret->end]) || is_digit(text.s[ret->end])))
			ret->end++;
	} else if (is_digit(text.s[i])) {
		ret->kind = T_NUMBER;
		while (ret->end < text.n && is_digit(text.s[ret->end]))
			ret->end++;
	} else if (text.s[i] == '"') {
		string(text, ret);
	} else if (ret->kind == T_COLON && i + 1 < text.n && text.s[i + 1] == ':') {
		ret->kind = T_COLONS;
		ret->end++;
	}
}

void ward_schema_next(struct reader *r)
{
	r->last_end = r->tok.end;
	r->braces += r->tok.kind == T_LBRACE;
	r->braces -= r->tok.kind == T_RBRACE && r->braces > 0;
	ward_schema_lex(r->text, r->tok.end, &r->tok);
}

bool ward_schema_is_word(const struct reader *r, const char *word)
{
	size_t n = strlen(word);

	return r->tok.kind == T_WORD && r->tok.end - r->tok.start == n &&
		memcmp(r->text.s + r->tok.start, word, n) == 0;
}

/* Some of the text, on one line. */
#define SNIPPET_MAX 80
static const char *snippet(const struct reader *r, uint32_t start, uint32_t end,
	char out[SNIPPET_MAX + 4])
{
	const char *s = r->text.s + start;
	uint32_t n = end - start;

	if (n > SNIPPET_MAX)
		n = SNIPPET_MAX;
	while (n > 0 && n < end - start && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	for (uint32_t i = 0; i < n; i++)
		out[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? ' ' : s[i];
	memcpy(out + n, n < end - start ? ".." : "", n < end - start ? 3 : 1);
	return out;
}

bool ward_schema_unexpected(struct reader *r, const char *expected)
{
	char part[SNIPPET_MAX + 4];

	if (r->tok.kind == T_END) {
		NOTE(r, ward_schema_here(r), "unexpected end of input");
	} else if (r->tok.kind == T_BAD) {
		NOTE(r, ward_schema_here(r), "invalid token");
		if (r->text.s[r->tok.start] == '"') {
			HELP(r, "try checking that all strings are closed properly");
			return false;
		}
	} else {
		NOTE(r, ward_schema_here(r), "unexpected token `%s`",
			snippet(r, r->tok.start, r->tok.end, part));
	}
	if (r->tok.kind == T_LBRACE && r->last_end == 0)
		HELP(r, "this is read as a schema in the Cedar syntax; is it in the JSON syntax?");
	else
		HELP(r, "expected %s", expected);
	return false;
}

bool ward_schema_take(struct reader *r, enum token_kind kind, const char *what)
{
	if (r->tok.kind != kind)
		return ward_schema_unexpected(r, what);
	ward_schema_next(r);
	return true;
}

static void wrong(struct reader *r, uint32_t start, uint32_t end)
{
	char part[SNIPPET_MAX + 4];

	NOTE(r, ((struct place){ start, end }), "the input `%s` is not a valid escape",
		r->text.s[start] == '\r' ? "\\r" : snippet(r, start, end, part));
	HELP(r, "escapes are \\n \\r \\t \\0 \\\\ \\\" \\' \\x41 \\u{1F600}");
}

/* Nothing gets longer by being read, so there is room for all of it. */
static bool decode(struct reader *r, uint32_t start, uint32_t end, const struct cedar_str **ret)
{
	size_t from = r->top, n = 0, before = r->errors;
	char *out;

	if (!ward_schema_push(r, NULL, end - start))
		return false;
	out = r->stack + from;
	for (uint32_t i = start; i < end;) {
		size_t length = 1;
		uint32_t c = CEDAR_NO_CHARACTER;

		if (r->text.s[i] == '\\')
			length = ward_cedar_unescape(r->text.s + i, end - i, &c);
		if (c != CEDAR_NO_CHARACTER)
			n += ward_cedar_utf8_put(c, out + n);
		else if (r->text.s[i] == '\\' || r->text.s[i] == '\r')
			wrong(r, i, (uint32_t)(i + length));
		else
			out[n++] = r->text.s[i];
		i += (uint32_t)length;
	}
	r->top = from;
	if (r->errors > before)
		return false;
	*ret = ward_cedar_intern(r->pool, out, n);
	return *ret != NULL || ward_schema_no_memory(r);
}

bool ward_schema_string(struct reader *r, const struct cedar_str **ret)
{
	struct token t = r->tok;

	if (t.kind != T_STRING)
		return ward_schema_unexpected(r, "a string");
	ward_schema_next(r);
	if (t.escaped)
		return decode(r, t.start + 1, t.end - 1, ret);
	*ret = ward_cedar_intern(r->pool, r->text.s + t.start + 1, t.end - t.start - 2);
	return *ret != NULL || ward_schema_no_memory(r);
}

bool ward_schema_ident(struct reader *r, bool any, const struct cedar_str **ret)
{
	struct ward_str s = { r->text.s + r->tok.start, r->tok.end - r->tok.start };

	if (r->tok.kind != T_WORD)
		return ward_schema_unexpected(r, "an identifier");
	if (!any && ward_cedar_is_reserved(s) && !ward_schema_is_word(r, "__cedar")) {
		NOTE(r, ward_schema_here(r), "`%.*s` is a reserved identifier", (int)s.n, s.s);
		return false;
	}
	*ret = ward_cedar_intern(r->pool, s.s, s.n);
	ward_schema_next(r);
	return *ret != NULL || ward_schema_no_memory(r);
}

bool ward_schema_name(struct reader *r, const struct cedar_str **ret)
{
	if (r->tok.kind == T_STRING)
		return ward_schema_string(r, ret);
	if (r->tok.kind != T_WORD)
		return ward_schema_unexpected(r, "an identifier or a string");
	return ward_schema_ident(r, false, ret);
}

bool ward_schema_path(struct reader *r, struct ref *ret, const struct cedar_str **ret_string)
{
	size_t from = r->top;
	const struct cedar_str *id;

	*ret = (struct ref){ .at = ward_schema_here(r) };
	if (ret_string != NULL)
		*ret_string = NULL;
	for (;;) {
		if (!ward_schema_ident(r, false, &id) || !ward_schema_push(r, id->s, id->n))
			return false;
		ret->at.end = r->last_end;
		if (r->tok.kind != T_COLONS)
			break;
		ward_schema_next(r);
		if (ret_string != NULL && r->tok.kind == T_STRING) {
			if (!ward_schema_string(r, ret_string))
				return false;
			ret->at.end = r->last_end;
			break;
		}
		if (!ward_schema_push(r, "::", 2))
			return false;
	}
	ret->name = ward_cedar_intern(r->pool, r->stack + from, r->top - from);
	r->top = from;
	return ret->name != NULL || ward_schema_no_memory(r);
}

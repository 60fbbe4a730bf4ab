/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of policy text, one at a time. What is no token is T_BAD with the place; nothing is reported here. Blanks are
 * those of Unicode; a comment ends at a line feed or a carriage return. The text has been found to be UTF-8 before.
 */
#include <string.h>

#include "cedar/syntax/parser.h"

enum class {
	BAD = 0,
	WORD,
	DIGIT,
	BLANK,
	ONE,
	COLON,
	EQUAL,
	ANGLE,
	BANG,
	DOUBLE,
	SLASH,
	QUOTE,
	SLOT,
	HIGH
};

/* clang-format off */
static const uint8_t classes[256] = {
	['a' ... 'z'] = WORD, ['A' ... 'Z'] = WORD, ['_'] = WORD, ['0' ... '9'] = DIGIT,
	['\t' ... '\r'] = BLANK, [' '] = BLANK,
	['@'] = ONE, ['.'] = ONE, [','] = ONE, [';'] = ONE, ['('] = ONE, [')'] = ONE, ['{'] = ONE, ['}'] = ONE,
	['['] = ONE, [']'] = ONE, ['+'] = ONE, ['-'] = ONE, ['*'] = ONE, ['%'] = ONE,
	[':'] = COLON, ['='] = EQUAL, ['<'] = ANGLE, ['>'] = ANGLE, ['!'] = BANG, ['&'] = DOUBLE, ['|'] = DOUBLE,
	['/'] = SLASH, ['"'] = QUOTE, ['?'] = SLOT, [0x80 ... 0xff] = HIGH,
};
static const uint8_t ones[128] = {
	['@'] = T_AT, ['.'] = T_DOT, [','] = T_COMMA, [';'] = T_SEMICOLON, ['('] = T_LPAREN, [')'] = T_RPAREN,
	['{'] = T_LBRACE, ['}'] = T_RBRACE, ['['] = T_LBRACKET, [']'] = T_RBRACKET, ['+'] = T_PLUS, ['-'] = T_MINUS,
	['*'] = T_STAR, ['%'] = T_PERCENT, ['&'] = T_AND, ['|'] = T_OR,
};
/* clang-format on */

static unsigned char at_byte(struct ward_str text, size_t i)
{
	return i < text.n ? (unsigned char)text.s[i] : 0;
}

/* Length of a character by its first byte. */
static uint32_t width(unsigned char c)
{
	return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

#define IS(word) (memcmp(s, word, sizeof(word) - 1) == 0)

/* By length first: most identifiers are of no word's length and first letter. */
static uint8_t keyword(const char *s, uint32_t n)
{
	switch (n) {
	case 2:
		if (s[0] != 'i')
			break;
		return s[1] == 'f' ? T_IF : s[1] == 'n' ? T_IN : s[1] == 's' ? T_IS : T_IDENT;
	case 3: return IS("has") ? T_HAS : T_IDENT;
	case 4:
		return IS("when")    ? T_WHEN
			: IS("true") ? T_TRUE
			: IS("like") ? T_LIKE
			: IS("then") ? T_THEN
			: IS("else") ? T_ELSE
				     : T_IDENT;
	case 5: return IS("false") ? T_FALSE : T_IDENT;
	case 6:
		return IS("permit")    ? T_PERMIT
			: IS("forbid") ? T_FORBID
			: IS("action") ? T_ACTION
			: IS("unless") ? T_UNLESS
				       : T_IDENT;
	case 7: return IS("context") ? T_CONTEXT : T_IDENT;
	case 8: return IS("resource") ? T_RESOURCE : T_IDENT;
	case 9: return IS("principal") ? T_PRINCIPAL : T_IDENT;
	}
	return T_IDENT;
}

static uint32_t word_end(struct ward_str text, size_t i)
{
	while (i < text.n && (unsigned)(classes[(unsigned char)text.s[i]] - WORD) <= DIGIT - WORD)
		i++;
	return (uint32_t)i;
}

static void string(struct ward_str text, struct token *t)
{
	size_t end = ward_cedar_string_end(text, t->start, &t->escaped);

	if (end != 0) {
		t->kind = T_STRING;
		t->end = (uint32_t)end;
	}
}

/* Signs that may be of two characters. */
static void sign(struct ward_str text, enum class class, struct token *t)
{
	unsigned char c = at_byte(text, t->start), d = at_byte(text, t->start + 1);
	bool two = class == COLON ? d == ':' : class == DOUBLE ? d == c : d == '=';

	switch (class) {
	case COLON: t->kind = two ? T_COLONS : T_COLON; break;
	case EQUAL: t->kind = two ? T_EQ : T_ASSIGN; break;
	case BANG: t->kind = two ? T_NE : T_NOT; break;
	case DOUBLE: t->kind = two ? ones[c] : T_BAD; break;
	case ANGLE: t->kind = c == '<' ? (two ? T_LE : T_LT) : (two ? T_GE : T_GT); break;
	default: t->kind = ones[c]; break;
	}
	if (t->kind != T_BAD)
		t->end = t->start + 1 + two;
}

/* Where the next token begins. */
static size_t skip(struct ward_str text, size_t i)
{
	for (;;) {
		unsigned class;
		uint32_t n;

		while (i < text.n && (class = classes[(unsigned char)text.s[i]]) == BLANK)
			i++;
		if (i >= text.n)
			return text.n;
		if (class == SLASH && at_byte(text, i + 1) == '/') {
			while (i < text.n && text.s[i] != '\n' && text.s[i] != '\r')
				i++;
		} else if (class == HIGH && (n = ward_cedar_blank(text, i)) > 0) {
			i += n;
		} else {
			return i;
		}
	}
}

void ward_cedar_lex(struct ward_str text, uint32_t at, struct token *ret)
{
	size_t i = skip(text, at);
	enum class class;

	*ret = (struct token){ .start = (uint32_t)i, .end = (uint32_t)i, .kind = T_END };
	if (i >= text.n)
		return;
	ret->kind = T_BAD;
	ret->end += width(at_byte(text, i));
	class = (enum class)classes[(unsigned char)text.s[i]];
	switch (class) {
	case WORD:
		ret->end = word_end(text, i + 1);
		ret->kind = keyword(text.s + i, ret->end - ret->start);
		break;
	case DIGIT:
		while (ret->end < text.n && classes[(unsigned char)text.s[ret->end]] == DIGIT)
			ret->end++;
		ret->kind = T_NUMBER;
		break;
	case ONE: ret->kind = ones[(unsigned char)text.s[i]]; break;
	case SLASH: ret->kind = T_SLASH; break;
	case QUOTE: string(text, ret); break;
	case SLOT:
		if (classes[at_byte(text, i + 1)] == WORD) {
			ret->end = word_end(text, i + 1);
			ret->kind = T_SLOT;
		}
		break;
	case COLON:
	case EQUAL:
	case ANGLE:
	case BANG:
	case DOUBLE: sign(text, class, ret); break;
	case BAD:
	case BLANK:
	case HIGH: break;
	}
	if (ret->end > text.n)
		ret->end = (uint32_t)text.n;
}

void ward_cedar_next(struct parser *p)
{
	p->last_end = p->tok.end;
	ward_cedar_lex(p->text, p->tok.end, &p->tok);
}

unsigned ward_cedar_peek(const struct parser *p)
{
	struct token t;

	ward_cedar_lex(p->text, p->tok.end, &t);
	return t.kind;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redaction: one walk over a word. At the beginning of each name in it three things are looked for, in this order: a value of a known
 * shape, an address with a password, and NAME=VALUE of a name that says what its value is. All else is copied. Pure.
 */
#include <string.h>

#include "policy/redact.h"

#define NAME_MAX_BYTES 128 /* longer names are compared by their end */
#define VALUE_MIN 8 /* behind a known beginning: "sk-" alone is no secret */

struct scan {
	const char *s;
	size_t n, at;
	struct ward_buf *out;
	bool next; /* the word is an option whose value is the next one */
};

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* "authHeader", "auth-header" -> "AUTH_HEADER"; joined: "AUTHHEADER". Size NAME_MAX_BYTES * 2. */
static void spell(struct ward_str name, bool joined, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (is_upper(c) && i > 0 && !is_upper(name.s[i - 1]) && is_alnum(name.s[i - 1]) &&
			!joined)
			out[n++] = '_';
		if (is_alnum(c))
			out[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		else if (!joined)
			out[n++] = '_';
	}
	out[n] = '\0';
}

static bool has_word(const char *words, const struct ward_sensitive *t, bool last)
{
	for (const char *at = words; (at = strstr(at, t->text)) != NULL; at++) {
		bool begins = at == words || at[-1] == '_';

		if (begins && (at[t->n] == '\0' || (at[t->n] == '_' && !last)))
			return true;
	}
	return false;
}

bool ward_name_is_sensitive(struct ward_str name)
{
	char words[NAME_MAX_BYTES * 2 + 1], joined[NAME_MAX_BYTES * 2 + 1];
	bool found = false;

	if (name.n > NAME_MAX_BYTES) {
		name.s += name.n - NAME_MAX_BYTES;
		name.n = NAME_MAX_BYTES;
	}
	spell(name, false, words);
	spell(name, true, joined);
	for (size_t i = 0; i < ward_sensitives_n && !found; i++) {
		const struct ward_sensitive *t = &ward_sensitives[i];

		found = t->kind == WARD_SENSITIVE_PART ? strstr(joined, t->text) != NULL
			: t->kind == WARD_SENSITIVE_WORD
			? has_word(words, t, false)
			: t->kind == WARD_SENSITIVE_LAST && has_word(words, t, true);
	}
	return found;
}

static void hide(struct scan *c)
{
	ward_buf_adds(c->out, WARD_REDACTED);
}

static void copy_to(struct scan *c, size_t end)
{
	ward_buf_add(c->out, c->s + c->at, end - c->at);
	c->at = end;
}

/* ---- values that give themselves away ---- */

static bool value(struct scan *c)
{
	for (size_t i = 0; i < ward_sensitives_n; i++) {
		const struct ward_sensitive *t = &ward_sensitives[i];
		size_t end = c->at + t->n;

		if ((t->kind != WARD_SENSITIVE_VALUE && t->kind != WARD_SENSITIVE_BLOCK) ||
			c->n - c->at < t->n || memcmp(c->s + c->at, t->text, t->n) != 0)
			continue;
		while (t->kind == WARD_SENSITIVE_VALUE && end < c->n &&
			(is_name(c->s[end]) || c->s[end] == '/' || c->s[end] == '+' ||
				c->s[end] == '='))
			end++;
		if (t->kind == WARD_SENSITIVE_BLOCK)
			end = c->n;
		else if (end - c->at < t->n + VALUE_MIN)
			continue;
		copy_to(c, c->at + t->n);
		hide(c);
		c->at = end;
		return true;
	}
	return false;
}

/* "//user:secret@host", at the slashes; "https://secret@host" has no colon and is one all the same. */
static bool address(struct scan *c)
{
	const char *from = c->s + c->at + 2, *end = c->s + c->n, *colon = NULL, *p;
	bool web;

	if (c->n - c->at < 3 || memcmp(c->s + c->at, "//", 2) != 0)
		return false;
	for (p = from; p < end && *p != '@'; p++) {
		if (strchr("/?#", *p) != NULL || is_space(*p) || is_quote(*p))
			return false;
		if (*p == ':' && colon == NULL)
			colon = p;
	}
	web = c->at >= 5 &&
		(memcmp(c->s + c->at - 5, "http:", 5) == 0 ||
			memcmp(c->s + c->at - 5, "ttps:", 5) == 0);
	if (p == end || (colon == NULL && !web))
		return false;
	copy_to(c, (size_t)((colon != NULL ? colon + 1 : from) - c->s));
	hide(c);
	c->at = (size_t)(p - c->s);
	return true;
}

/* ---- names that say what follows ---- */

/* Where the value that begins at from ends. whole: the name stood first, so that all of the rest is its value. */
static size_t value_end(const struct scan *c, size_t from, char sign, bool whole)
{
	char quote = from < c->n && is_quote(c->s[from]) ? c->s[from] : '\0';
	size_t end = from;

	if (whole)
		return c->n;
	if (quote != '\0') {
		for (end = from + 1; end < c->n && c->s[end] != quote; end++)
			end += c->s[end] == '\\' && end + 1 < c->n;
		return end;
	}
	while (end < c->n && !is_quote(c->s[end]) && c->s[end] != '\n' &&
		(sign == ':' || (!is_space(c->s[end]) && strchr(";&|)", c->s[end]) == NULL)))
		end++;
	return end;
}

/* A name begins here: it is copied, and its value hidden. */
static void name(struct scan *c)
{
	size_t begin = c->at, end, dashes = 0, from;
	bool option;
	char sign;

	while (begin + dashes < c->n && c->s[begin + dashes] == '-')
		dashes++;
	option = dashes > 0;
	end = begin + dashes;
	while (end < c->n && is_name(c->s[end]))
		end++;
	copy_to(c, end);
	if (!ward_name_is_sensitive((struct ward_str){
		    c->s + begin + dashes, end - begin - dashes }))
		return;
	if (end == c->n) {
		c->next = c->next || (option && begin == 0);
		return;
	}
	from = end;
	while (from < c->n && (is_quote(c->s[from]) || c->s[from] == ' '))
		from++;
	sign = from < c->n ? c->s[from] : '\0';
	if (sign == '=' || (sign == ':' && (from + 1 >= c->n || c->s[from + 1] != '/')))
		from++;
	else if (!option || !is_space(c->s[end]))
		return;
	else
		sign = '=', from = end;
	while (from < c->n && is_space(c->s[from]))
		from++;
	end = value_end(c, from, sign, begin == 0);
	if (end == from)
		return;
	copy_to(c, from + (begin > 0 && is_quote(c->s[from])));
	hide(c);
	c->at = end;
}

static bool is_pair(struct ward_str word)
{
	for (size_t i = 0; i < ward_sensitives_n; i++) {
		const struct ward_sensitive *t = &ward_sensitives[i];

		if (t->kind == WARD_SENSITIVE_PAIR && word.n == t->n &&
			memcmp(word.s, t->text, t->n) == 0)
			return true;
	}
	return false;
}

/* What was announced by the option before. */
static bool announced(const struct ward_redactor *r, struct ward_str word, struct ward_buf *out)
{
	const char *colon = r->pair && word.n > 0 ? memchr(word.s, ':', word.n) : NULL;

	if (!r->whole && colon == NULL)
		return false;
	if (!r->whole)
		ward_buf_add(out, word.s, (size_t)(colon - word.s) + 1);
	ward_buf_adds(out, WARD_REDACTED);
	return true;
}

void ward_redact_word(struct ward_redactor *r, struct ward_str word, size_t max,
	struct ward_buf *out)
{
	struct scan c = { .s = word.s, .n = word.n, .out = out };
	size_t before = out->n;
	bool done = announced(r, word, out);

	*r = (struct ward_redactor){ 0 };
	if (done)
		return;
	while (c.at < c.n && out->n - before < max) {
		bool begins = c.at == 0 || !is_name(c.s[c.at - 1]);

		if ((begins && value(&c)) || address(&c))
			continue;
		if (begins && is_name(c.s[c.at]))
			name(&c);
		else
			copy_to(&c, c.at + 1);
	}
	r->whole = c.next;
	r->pair = is_pair(word);
}

void ward_redact_argv(char *const *argv, size_t max, size_t text_max, struct ward_buf *json)
{
	struct ward_redactor r = { 0 };
	struct ward_buf word = WARD_BUF_INIT;

	ward_jw_open(json, '[');
	for (size_t i = 0; argv[i] != NULL && i < max; i++) {
		ward_buf_clear(&word);
		ward_redact_word(&r, ward_str(argv[i]), text_max, &word);
		json->failed = json->failed || word.failed;
		ward_jw_str(json, ward_buf_cstr(&word),
			word.failed                 ? 0
				: word.n < text_max ? word.n
						    : text_max);
	}
	ward_jw_close(json, ']');
	ward_buf_done(&word);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as text: what was wrong with one, one grammar in the other, alternatives without their braces. */
#include <string.h>

#include "policy/fail.h"
#include "policy/pattern/own.h"

int ward_pattern_bad(struct ward_pattern_error *bad, int code, size_t offset, const char *what,
	const char *fix)
{
	*bad = (struct ward_pattern_error){
		.code = code, .offset = offset, .what = what, .fix = fix
	};
	return code;
}

int ward_pattern_fail(const struct ward_pattern_error *bad, struct ward_str text,
	struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX];

	if (bad->code == WARD_E_NOMEM)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for a pattern");
	ward_cap_shown(text, shown);
	(void)ward_fail(err, bad->code, "pattern %s, column %u: %s", shown, bad->column, bad->what);
	ward_fail_fix(err, "%s", bad->fix);
	return bad->code;
}

struct ward_str ward_pattern_text(const struct ward_pattern *p)
{
	return p->text;
}

bool ward_pattern_is_absolute(const struct ward_pattern *p)
{
	return p->absolute;
}

static void escape(struct ward_buf *out, struct ward_str text, const char *special)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] != '\0' && strchr(special, text.s[i]) != NULL)
			ward_buf_addc(out, '\\');
		ward_buf_addc(out, text.s[i]);
	}
}

void ward_pattern_escape1(struct ward_buf *out, struct ward_str text)
{
	escape(out, text, "[]{}\\");
}

void ward_pattern_escape(struct ward_buf *out, struct ward_str path)
{
	escape(out, path, "[]{}\\*?");
}

static void put_char(struct ward_buf *out, uint32_t c, const char *special)
{
	char s[4];
	size_t n = ward_char_put(c, s);

	escape(out, (struct ward_str){ s, n }, special);
}

/*
 * One that holds the bytes which are no characters was "all but" something. All is 1 to the last code point, and the text is
 * what is missing in it.
 */
static void put_class(struct ward_buf *out, const struct ward_ranges *r)
{
	static const char special[] = "[]\\-!^";
	bool negated = ward_ranges_hold(r, WARD_CHAR_BYTE);
	uint32_t from = 1;

	ward_buf_adds(out, negated ? "[!" : "[");
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t first = r->v[i].first, last = r->v[i].last;

		if (negated) {
			uint32_t begins = r->v[i].first;

			first = from;
			last = begins - 1;
			from = r->v[i].last + 1;
			/* The holes of every set are in none. */
			if (last == 0 || (first == '/' && last == '/') ||
				(first == 0xd800 && last == 0xdfff) || begins <= first)
				continue;
			first += first == '/' ? 1 : 0;
			last -= last == '/' ? 1 : 0;
			first = first == 0xd800 ? 0xe000 : first;
			last = last == 0xdfff ? 0xd7ff : last;
		}
		put_char(out, first, special);
		if (last > first + 1)
			ward_buf_addc(out, '-');
		if (last > first)
			put_char(out, last, special);
	}
	ward_buf_addc(out, ']');
}

static void put_token(struct ward_buf *out, const struct ward_token *t)
{
	switch (t->kind) {
	case WARD_TOKEN_CHAR: put_char(out, t->c, "[]{}\\*?"); break;
	case WARD_TOKEN_CLASS: put_class(out, t->ranges); break;
	case WARD_TOKEN_ANY: ward_buf_addc(out, '?'); break;
	case WARD_TOKEN_STAR: ward_buf_addc(out, '*'); break;
	}
}

size_t ward_pattern_alternatives(const struct ward_pattern *p)
{
	return p->n;
}

void ward_pattern_alternative(const struct ward_pattern *p, size_t i, struct ward_buf *out)
{
	const struct ward_alternative *v = &p->v[i];

	if (v->n == 0)
		ward_buf_addc(out, p->absolute ? '/' : '.');
	for (uint32_t k = 0; k < v->n; k++) {
		const struct ward_component *c = &v->v[k];

		if (k > 0 || p->absolute)
			ward_buf_addc(out, '/');
		if (c->kind == WARD_COMPONENT_LITERAL)
			ward_pattern_escape(out, c->prefix);
		else if (c->kind == WARD_COMPONENT_DEEP)
			ward_buf_adds(out, "**");
		for (uint32_t t = 0; t < c->n; t++)
			put_token(out, &c->v[t]);
	}
}

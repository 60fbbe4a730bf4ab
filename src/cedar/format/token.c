/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as the parser reads them, and the comments between them. */
#include <stdlib.h>
#include <string.h>

#include "cedar/format/layout.h"

void ward_cedar_tokens_done(struct tokens *t)
{
	free(t->v);
	*t = (struct tokens){ 0 };
}

static struct ftoken *add(struct tokens *t)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap > 0 ? t->cap * 2 : 64;
		struct ftoken *v;

		if (cap < t->cap)
			return NULL;
		v = realloc(t->v, cap * sizeof(*v));
		if (v == NULL)
			return NULL;
		t->v = v;
		t->cap = cap;
	}
	return &t->v[t->n++];
}

/* Length of the blank at i, in text of n bytes; 0: there is none. */
static size_t blank(struct ward_str s, size_t i)
{
	unsigned char c = (unsigned char)s.s[i];

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return 1;
	return c >= 0x80 ? ward_cedar_blank(s, i) : 0;
}

struct ward_str ward_cedar_trim(struct ward_str s)
{
	size_t from = 0, end = s.n;

	while (from < end) {
		size_t n = blank(s, from);

		if (n == 0)
			break;
		from += n;
	}
	while (end > from) {
		size_t at = end - 1, n;

		while (at > from && ((unsigned char)s.s[at] & 0xc0) == 0x80)
			at--;
		n = blank((struct ward_str){ s.s, end }, at);
		if (n == 0 || at + n != end)
			break;
		end = at;
	}
	return (struct ward_str){ s.s + from, end - from };
}

bool ward_cedar_comment(struct ward_str text, uint32_t *i, uint32_t end, struct ward_str *ret)
{
	uint32_t at = *i, stop;

	while (at + 1 < end && (text.s[at] != '/' || text.s[at + 1] != '/'))
		at++;
	if (at + 1 >= end)
		return false;
	stop = at;
	while (stop < end && text.s[stop] != '\n' && text.s[stop] != '\r')
		stop++;
	*i = stop;
	*ret = ward_cedar_trim((struct ward_str){ text.s + at, stop - at });
	return true;
}

void ward_cedar_tokens_count(struct ward_str text, uint32_t start, uint32_t end, struct tokens *t)
{
	struct ward_str comment;

	while (ward_cedar_comment(text, &start, end, &comment)) {
		t->comments = true;
		t->sum += ward_cedar_hash(comment.s, comment.n);
	}
}

/* The gap behind t up to the token at end: what stays with t; the rest becomes the lead of the next. */
static void divide(struct ward_str text, struct ftoken *t, uint32_t end, struct gap *ret_lead)
{
	const char *line = memchr(text.s + t->end, '\n', end - t->end);
	uint32_t stop = line != NULL ? (uint32_t)(line - text.s) : end;
	struct ward_str s = { text.s + t->end, stop - t->end };

	s = ward_cedar_trim(s);
	t->trail = (uint32_t)(s.s - text.s);
	t->trail_end = t->trail + (uint32_t)s.n;
	*ret_lead = (struct gap){ .start = line != NULL ? stop + 1 : end, .end = end };
}

bool ward_cedar_tokens_read(struct ward_str text, uint32_t *at, struct gap *lead, struct tokens *t)
{
	struct token next;

	t->n = 0;
	ward_cedar_lex(text, *at, &next);
	if (*at == 0)
		*lead = (struct gap){ .start = 0, .end = next.start };
	while (next.kind != T_END) {
		struct ftoken *f = add(t);

		if (f == NULL)
			return false;
		*f = (struct ftoken){
			.start = next.start, .end = next.end, .kind = next.kind, .lead = *lead
		};
		*at = next.end;
		ward_cedar_lex(text, *at, &next);
		divide(text, f, next.start, lead);
		ward_cedar_tokens_count(text, f->lead.start, f->lead.end, t);
		ward_cedar_tokens_count(text, f->trail, f->trail_end, t);
		if (f->kind == T_SEMICOLON || f->end == f->start)
			break;
	}
	return true;
}

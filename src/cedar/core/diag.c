/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about a text: collected, several a text, up to a maximum; printed with the line and carets under what is meant.
 * A finding for which there is no memory makes the whole failed, which is an error as well. Messages and lines hold what
 * somebody else wrote: when they are printed, what would drive a terminal or mislead the eye is not printed as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/core/unicode.h"

#define MESSAGE_MAX (1 << 18) /* so that as many as are kept fit, with their help */

int ward_cedar_diags_init(struct cedar_diags *d)
{
	*d = (struct cedar_diags){ .max = WARD_CEDAR_DIAGS_MAX };
	d->arena = ward_arena_new(0);
	d->failed = d->arena == NULL;
	return d->failed ? WARD_E_NOMEM : WARD_OK;
}

void ward_cedar_diags_done(struct cedar_diags *d)
{
	if (d == NULL)
		return;
	ward_arena_free(d->arena);
	free(d->v);
	*d = (struct cedar_diags){ 0 };
}

static bool room(struct cedar_diags *d)
{
	struct cedar_diag *v;
	size_t cap;

	if (d->n < d->cap)
		return true;
	cap = d->cap > 0 ? d->cap * 2 : 8;
	v = realloc(d->v, cap * sizeof(*v));
	if (v == NULL)
		return false;
	d->v = v;
	d->cap = cap;
	return true;
}

/* In d's arena; NULL: no memory. Most are short; what names a large type may be long. */
WARD_PRINTF(2, 0) static char *text_of(struct cedar_diags *d, const char *fmt, va_list ap)
{
	char text[512], *copy;
	va_list again;
	int n;

	if (d->arena == NULL)
		return NULL;
	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		n = 0;
	if (n > MESSAGE_MAX)
		n = MESSAGE_MAX;
	if ((size_t)n < sizeof(text)) {
		copy = ward_arena_dup(d->arena, text, (size_t)n);
	} else {
		copy = ward_arena_alloc(d->arena, (size_t)n + 1);
		if (copy != NULL)
			(void)vsnprintf(copy, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	return copy;
}

int ward_cedar_diag(struct cedar_diags *d, enum cedar_severity s, unsigned kind, uint32_t start,
	uint32_t end, const char *fmt, ...)
{
	char *copy;
	va_list ap;

	if (d == NULL)
		return WARD_E_PARSE;
	d->errors += s == CEDAR_ERROR;
	if (d->n >= d->max) {
		d->dropped++;
		return WARD_E_PARSE;
	}
	va_start(ap, fmt);
	copy = text_of(d, fmt, ap);
	va_end(ap);
	if (copy == NULL || !room(d)) {
		d->failed = true;
		return WARD_E_PARSE;
	}
	d->v[d->n++] = (struct cedar_diag){ .severity = (uint8_t)s,
		.kind = (uint16_t)kind,
		.message = copy,
		.start = start,
		.end = end };
	return WARD_E_PARSE;
}

void ward_cedar_diag_help(struct cedar_diags *d, const char *fmt, ...)
{
	va_list ap;

	if (d == NULL || d->n == 0 || d->failed || d->dropped > 0)
		return;
	va_start(ap, fmt);
	d->v[d->n - 1].help = text_of(d, fmt, ap);
	va_end(ap);
	d->failed = d->v[d->n - 1].help == NULL;
}

void ward_cedar_diag_policy(struct cedar_diags *d, const struct cedar_str *id)
{
	if (d == NULL || d->n == 0 || d->failed || d->dropped > 0)
		return;
	d->v[d->n - 1].policy = ward_arena_dup(d->arena, id->s, id->n);
	d->failed = d->v[d->n - 1].policy == NULL;
}

/* Start of the line that at is in, and its number. */
static uint32_t line_of(struct ward_str text, uint32_t at, uint32_t *ret_line)
{
	uint32_t start = 0, line = 1;
	const char *end;

	if (at > text.n)
		at = (uint32_t)text.n;
	while (start < at && (end = memchr(text.s + start, '\n', at - start)) != NULL) {
		line++;
		start = (uint32_t)(end - text.s) + 1;
	}
	*ret_line = line;
	return start;
}

static uint32_t characters(const char *s, size_t n)
{
	uint32_t c = 0;

	for (size_t i = 0; i < n; i++)
		c += ((unsigned char)s[i] & 0xc0) != 0x80;
	return c;
}

void ward_cedar_place(struct ward_str text, uint32_t at, uint32_t *ret_line, uint32_t *ret_column)
{
	uint32_t start = line_of(text, at, ret_line);

	if (at > text.n)
		at = (uint32_t)text.n;
	*ret_column = characters(text.s + start, at - start) + 1;
}

#define SHOWN_MAX 120 /* bytes of a line that are shown */

/* Of the character at s, which has n bytes at most: its length, and whether it may be shown as it is. */
static size_t look(const char *s, size_t n, uint32_t *ret_c, bool *ret_shown)
{
	size_t length = ward_cedar_decode(s, n, ret_c);

	if (ward_cedar_utf8_end(s, length) < length) {
		*ret_c = (unsigned char)*s;
		*ret_shown = false;
		return 1;
	}
	/* 1 of the table: never shown, wherever it stands. */
	*ret_shown = *ret_c >= ' ' &&
		ward_cedar_table_find(ward_cedar_escape_table, ward_cedar_escape_table_n, *ret_c) !=
			1;
	return length;
}

/* What may not be shown is written as an escape. */
static void add_message(struct ward_buf *out, const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n;) {
		uint32_t c;
		bool shown;
		size_t length = look(s + i, n - i, &c, &shown);

		if (shown)
			ward_buf_add(out, s + i, length);
		else
			ward_buf_addf(out, "\\u{%x}", (unsigned)c);
		i += length;
	}
}

/* What may not be shown is written as one blank, since what is meant is underlined. */
static void add_line(struct ward_buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t c;
		bool shown;
		size_t length = look(s + i, n - i, &c, &shown);

		if (shown)
			ward_buf_add(out, s + i, length);
		else if (((unsigned char)s[i] & 0xc0) != 0x80) /* as characters() counts */
			ward_buf_addc(out, ' ');
		i += length;
	}
}

/* The line with what is meant underlined; long lines from near it on. */
static void print_line(struct ward_buf *out, const struct cedar_diag *g, struct ward_str text)
{
	uint32_t line;
	uint32_t at = g->start < text.n ? g->start : (uint32_t)text.n;
	uint32_t start = line_of(text, at, &line);
	uint32_t from = start, end, last;

	if (at > from + SHOWN_MAX / 2)
		from = at - SHOWN_MAX / 2;
	while (from > start && ((unsigned char)text.s[from] & 0xc0) == 0x80)
		from--;
	end = from;
	while (end < text.n && end - from < SHOWN_MAX && text.s[end] != '\n' && text.s[end] != '\r')
		end++;
	while (end > from && end < text.n && ((unsigned char)text.s[end] & 0xc0) == 0x80)
		end--;
	ward_buf_addf(out, " %5u | ", line);
	add_line(out, text.s + from, end - from);
	ward_buf_adds(out, "\n       | ");
	for (uint32_t i = characters(text.s + from, at > from ? at - from : 0); i > 0; i--)
		ward_buf_addc(out, ' ');
	last = g->end < end ? g->end : end;
	for (uint32_t i = last > at ? characters(text.s + at, last - at) : 1; i > 0; i--)
		ward_buf_addc(out, '^');
	ward_buf_addc(out, '\n');
}

void ward_cedar_diag_print(struct ward_buf *out, const struct cedar_diag *g, const char *file,
	struct ward_str text)
{
	uint32_t line, column;
	bool placed = text.n > 0 && (g->start != 0 || g->end != 0);

	if (file != NULL)
		ward_buf_addf(out, "%s:", file);
	if (placed) {
		ward_cedar_place(text, g->start, &line, &column);
		ward_buf_addf(out, "%u:%u:", line, column);
	}
	if (file != NULL || placed)
		ward_buf_addc(out, ' ');
	ward_buf_addf(out, "%s: ", g->severity == CEDAR_WARNING ? "warning" : "error");
	if (g->policy != NULL) {
		ward_buf_adds(out, "for policy `");
		add_message(out, g->policy);
		ward_buf_adds(out, "`, ");
	}
	add_message(out, g->message);
	ward_buf_addc(out, '\n');
	if (placed)
		print_line(out, g, text);
	if (g->help != NULL) {
		ward_buf_adds(out, "       = help: ");
		add_message(out, g->help);
		ward_buf_addc(out, '\n');
	}
}

int ward_cedar_diags_error(const struct cedar_diags *d, const char *file, struct ward_str text,
	struct ward_error *err)
{
	uint32_t line = 0, column = 0;

	if (d->failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory left");
	for (size_t i = 0; i < d->n; i++) {
		const struct cedar_diag *g = &d->v[i];
		int code;

		if (g->severity != CEDAR_ERROR)
			continue;
		code = ward_fail(err, WARD_E_PARSE, "%s", g->message);
		if (text.n > 0 && (g->start != 0 || g->end != 0))
			ward_cedar_place(text, g->start, &line, &column);
		ward_fail_at(err, file, line, column);
		if (err != NULL) {
			err->start = g->start;
			err->end = g->end;
		}
		if (g->help != NULL)
			ward_fail_fix(err, "%s", g->help);
		return code;
	}
	return ward_fail(err, WARD_E_INTERNAL, "an error without a finding");
}

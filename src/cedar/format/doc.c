/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: where lines break. Whether a group fits is read off sums that are made beforehand, so that every operation is
 * looked at a fixed number of times and nesting costs nothing. A line is indented as what stands first on it, not as the
 * break before it.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/format/layout.h"

void ward_cedar_doc_done(struct doc *d)
{
	free(d->v);
	*d = (struct doc){ 0 };
}

static struct doc_op *add(struct doc *d)
{
	if (d->n == d->cap) {
		uint32_t cap = d->cap > 0 ? d->cap * 2 : 256;
		struct doc_op *v = cap > d->cap ? realloc(d->v, cap * sizeof(*v)) : NULL;

		if (v == NULL) {
			d->failed = true;
			return NULL;
		}
		d->v = v;
		d->cap = cap;
	}
	return &d->v[d->n++];
}

void ward_cedar_doc_text(struct doc *d, const char *s, size_t n)
{
	struct doc_op *op = add(d);

	if (op != NULL)
		*op = (struct doc_op){ .kind = D_TEXT,
			.s = s,
			.n = (uint32_t)n,
			.width = (uint32_t)ward_cedar_width((struct ward_str){ s, n }) };
}

/* What is opened and closed with nothing in between was never there. */
void ward_cedar_doc_op(struct doc *d, enum doc_kind kind, uint32_t n)
{
	struct doc_op *op;

	if (d->n > 0 &&
		((kind == D_NEST_END && d->v[d->n - 1].kind == D_NEST) ||
			(kind == D_GROUP_END && d->v[d->n - 1].kind == D_GROUP))) {
		d->n--;
		return;
	}
	op = add(d);
	if (op != NULL)
		*op = (struct doc_op){ .kind = (uint8_t)kind, .n = n };
}

/* For each place: the columns of all before it, laid out flat; hard breaks before it; the next place to break. */
struct sums {
	uint64_t *columns;
	uint32_t *hard, *next, *end; /* end: of a group, where it ends */
};

static void sums_done(struct sums *s)
{
	free(s->columns);
	free(s->hard);
	free(s->next);
	free(s->end);
}

static void sum(struct sums *s, const struct doc *d)
{
	uint32_t open = UINT32_MAX, next = d->n;

	s->columns[0] = 0;
	s->hard[0] = 0;
	for (uint32_t i = 0; i < d->n; i++) {
		const struct doc_op *op = &d->v[i];

		s->columns[i + 1] = s->columns[i] +
			(op->kind == D_TEXT                  ? op->width
					: op->kind == D_LINE ? 1
							     : 0);
		s->hard[i + 1] = s->hard[i] + (op->kind == D_HARD);
		s->end[i] = d->n;
		/* Open groups are a chain through the places that their ends will have. */
		if (op->kind == D_GROUP) {
			s->end[i] = open;
			open = i;
		} else if (op->kind == D_GROUP_END && open != UINT32_MAX) {
			uint32_t outer = s->end[open];

			s->end[open] = i;
			open = outer;
		}
	}
	s->next[d->n] = d->n;
	for (uint32_t i = d->n; i-- > 0;) {
		unsigned kind = d->v[i].kind;

		if (kind == D_HARD || kind == D_LINE || kind == D_SOFT)
			next = i;
		s->next[i] = next;
	}
}

static bool sums_init(struct sums *s, const struct doc *d)
{
	size_t n = (size_t)d->n + 1;

	s->columns = calloc(n, sizeof(*s->columns));
	s->hard = calloc(n, sizeof(*s->hard));
	s->next = calloc(n, sizeof(*s->next));
	s->end = calloc(n, sizeof(*s->end));
	if (s->columns == NULL || s->hard == NULL || s->next == NULL || s->end == NULL)
		return false;
	sum(s, d);
	return true;
}

static bool fits(const struct sums *s, uint32_t group, uint64_t column, size_t width)
{
	uint32_t end = s->end[group];

	return s->hard[end] == s->hard[group] &&
		column + (s->columns[s->next[end]] - s->columns[group]) <= width;
}

struct renderer {
	struct ward_buf *out;
	uint64_t column, indent;
	bool broken; /* a line has ended; how far the next is indented is not known yet */
};

static void start_line(struct renderer *r)
{
	static const char blanks[] = "                                ";

	if (!r->broken)
		return;
	r->broken = false;
	ward_buf_addc(r->out, '\n');
	for (uint64_t n = r->indent; n > 0 && !r->out->failed;) {
		size_t some = n < sizeof(blanks) - 1 ? (size_t)n : sizeof(blanks) - 1;

		ward_buf_add(r->out, blanks, some);
		n -= some;
	}
	r->column = r->indent;
}

static void render(struct renderer *r, const struct doc *d, const struct sums *s, size_t width)
{
	uint32_t flat = 0; /* up to where lines do not break */

	for (uint32_t i = 0; i < d->n && !r->out->failed; i++) {
		const struct doc_op *op = &d->v[i];

		if (op->kind != D_NEST_END && op->kind != D_GROUP_END)
			start_line(r);
		switch ((enum doc_kind)op->kind) {
		case D_TEXT:
			ward_buf_add(r->out, op->s, op->n);
			r->column += op->width;
			break;
		case D_LINE:
		case D_SOFT:
			if (i >= flat) {
				r->broken = true;
			} else if (op->kind == D_LINE) {
				ward_buf_addc(r->out, ' ');
				r->column++;
			}
			break;
		case D_HARD: r->broken = true; break;
		case D_GROUP:
			if (i >= flat && fits(s, i, r->column, width))
				flat = s->end[i];
			break;
		case D_GROUP_END: break;
		case D_NEST: r->indent += op->n; break;
		case D_NEST_END: r->indent -= op->n; break;
		}
	}
	start_line(r);
}

bool ward_cedar_doc_render(const struct doc *d, size_t width, struct ward_buf *out)
{
	struct renderer r = { .out = out };
	struct sums s = { 0 };
	bool ok = !d->failed && sums_init(&s, d);

	if (ok)
		render(&r, d, &s, width);
	sums_done(&s);
	return ok && !out->failed;
}

/* ---- the lines of it ---- */

/* All of s that is no text and no comment: lines of blanks alone go, but for the break that begins it. */
static void tidy_lines(struct ward_buf *out, struct ward_str s)
{
	if (s.n > 0 && s.s[0] == '\n')
		ward_buf_addc(out, '\n');
	for (size_t i = 0; i < s.n;) {
		const char *line = memchr(s.s + i, '\n', s.n - i);
		size_t n = line != NULL ? (size_t)(line - s.s) + 1 - i : s.n - i;
		struct ward_str part = { s.s + i, n };

		if (line == NULL || ward_cedar_trim(part).n > 0)
			ward_buf_add(out, part.s, part.n);
		i += n;
	}
}

/* Behind the text or comment that begins at i; i: none does. */
static size_t opaque(struct ward_str s, size_t i)
{
	size_t end = i;

	if (s.s[i] == '/' && i + 1 < s.n && s.s[i + 1] == '/') {
		while (end < s.n && s.s[end] != '\n' && s.s[end] != '\r')
			end++;
	} else if (s.s[i] == '"') {
		for (end++; end < s.n && s.s[end] != '"'; end++)
			end += s.s[end] == '\\';
		end = end < s.n ? end + 1 : s.n;
	}
	return end;
}

void ward_cedar_tidy(struct ward_buf *out, struct ward_str s)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = { .max = out->max };
	size_t from = 0;
	struct ward_str whole;

	for (size_t i = 0; i < s.n;) {
		size_t end = opaque(s, i);

		if (end == i) {
			i++;
			continue;
		}
		tidy_lines(&b, (struct ward_str){ s.s + from, i - from });
		ward_buf_add(&b, s.s + i, end - i);
		from = i = end;
	}
	tidy_lines(&b, (struct ward_str){ s.s + from, s.n - from });
	out->failed = out->failed || b.failed;
	whole = ward_cedar_trim(ward_buf_str(&b));
	ward_buf_add(out, whole.s, whole.n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a maximum and sticky failure: the first failure (no memory, over the maximum)
 * is remembered, every later addition is ignored, and the caller looks once, at the end. What was
 * added before the failure is not handed out as text: ward_buf_cstr() says "" and ward_buf_take()
 * NULL, so that half a document is never taken for a whole one. Text that lies inside the buffer
 * itself must not be added to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

#define BUF_FIRST 64u

static bool grow(struct ward_buf *b, size_t extra)
{
	size_t limit = b->max > 0 ? b->max : WARD_BUF_MAX;
	size_t cap = b->cap;
	char *s;

	if (b->failed)
		return false;
	if (limit > SIZE_MAX / 4)
		limit = SIZE_MAX / 4;
	if (b->n > limit || extra > limit - b->n)
		goto fail;
	if (b->n + extra < cap)
		return true;
	cap = cap < BUF_FIRST ? BUF_FIRST : cap * 2;
	if (cap > limit + 1)
		cap = limit + 1;
	if (cap < b->n + extra + 1)
		cap = b->n + extra + 1;
	s = realloc(b->s, cap);
	if (s == NULL)
		goto fail;
	b->s = s;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

/*
 * Room for extra more bytes and a NUL; false (and sticky) when there is none. Most additions find it there, and
 * there are thousands of them in a start. What there is of it is never more than the maximum allows, unless that was
 * lowered since.
 */
static inline bool reserve(struct ward_buf *b, size_t extra)
{
	if (!b->failed && extra < b->cap - b->n && (b->max == 0 || b->cap <= b->max))
		return true;
	return grow(b, extra);
}

char *ward_buf_room(struct ward_buf *b, size_t n)
{
	return reserve(b, n) ? b->s + b->n : NULL;
}

void ward_buf_expect(struct ward_buf *b, size_t n)
{
	size_t limit = b->max > 0 ? b->max : WARD_BUF_MAX;
	char *s;

	if (b->failed || b->n > limit || n > limit - b->n || n < b->cap - b->n)
		return;
	s = realloc(b->s, b->n + n + 1);
	if (s == NULL)
		return;
	b->s = s;
	b->cap = b->n + n + 1;
}

void ward_buf_done(struct ward_buf *b)
{
	if (b == NULL)
		return;
	free(b->s);
	*b = (struct ward_buf){ .max = b->max };
}

void ward_buf_clear(struct ward_buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->cap > 0)
		b->s[0] = '\0';
}

void ward_buf_add(struct ward_buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->s + b->n, p, n);
	b->n += n;
	b->s[b->n] = '\0';
}

void ward_buf_adds(struct ward_buf *b, const char *s)
{
	if (s != NULL)
		ward_buf_add(b, s, strlen(s));
}

void ward_buf_addc(struct ward_buf *b, char c)
{
	if (!reserve(b, 1))
		return;
	b->s[b->n++] = c;
	b->s[b->n] = '\0';
}

/*
 * Returns the length of the text, or a negative number; stores as much of it as there is room for.
 */
WARD_PRINTF(2, 0) static int try_format(struct ward_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(b->cap > 0 ? b->s + b->n : NULL, b->cap - b->n, fmt, again);
	va_end(again);
	return len;
}

void ward_buf_addf(struct ward_buf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (b->failed)
		return;
	va_start(ap, fmt);
	len = try_format(b, fmt, ap);
	if (len >= 0 && (size_t)len >= b->cap - b->n && reserve(b, (size_t)len))
		len = try_format(b, fmt, ap);
	va_end(ap);
	/* Over the maximum counts even where the memory would have been there already. */
	if (len < 0)
		b->failed = true;
	if (!reserve(b, len < 0 ? 0 : (size_t)len)) {
		if (b->cap > 0)
			b->s[b->n] = '\0';
		return;
	}
	b->n += (size_t)len;
}

const char *ward_buf_cstr(struct ward_buf *b)
{
	if (b->failed || b->n == 0)
		return "";
	return b->s;
}

struct ward_str ward_buf_str(struct ward_buf *b)
{
	return (struct ward_str){ ward_buf_cstr(b), b->failed ? 0 : b->n };
}

char *ward_buf_take(struct ward_buf *b)
{
	char *s = NULL;

	/* An empty text is text too: it needs its NUL. */
	if (reserve(b, 0)) {
		s = b->s;
		s[b->n] = '\0';
		b->s = NULL;
	}
	ward_buf_done(b);
	return s;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compact JSON writer onto a buffer. Whether a comma is needed is read off the last byte: behind
 * '{', '[' and ':', at the start of the buffer or of a line, there is none. The caller keeps the
 * nesting right. Text is always written as valid UTF-8: a byte that is none becomes U+FFFD (a path
 * that has one is its bytes in hexadecimal, so that it is read back as it was), and whatever could drive a terminal or hide itself is written as \uXXXX, which means the same to a
 * parser.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

/* Whose text was handed on meanwhile sets the comma himself. */
static bool comma_due(const struct ward_buf *b)
{
	char last = b->n > 0 ? b->s[b->n - 1] : '\n';

	return last != '{' && last != '[' && last != ':' && last != ',' && last != '\n';
}

static void separate(struct ward_buf *b)
{
	if (comma_due(b))
		ward_buf_addc(b, ',');
}

static void add_u16(struct ward_buf *b, uint32_t unit)
{
	ward_buf_addf(b, "\\u%04x", (unsigned)unit);
}

/* A character that may not stand as it is. */
static void add_escaped(struct ward_buf *b, uint32_t cp)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
		if (cp == (uint32_t)letters[i]) {
			ward_buf_addc(b, '\\');
			ward_buf_addc(b, letters[i + 1]);
			return;
		}
	}
	if (cp > 0xffff) {
		add_u16(b, 0xd7c0u + (cp >> 10));
		add_u16(b, 0xdc00u + (cp & 0x3ffu));
	} else {
		add_u16(b, cp);
	}
}

/* Nearly all that is ever written, and nothing in it to look at twice. */
static size_t plain_run(const char *s, size_t n)
{
	static const bool plain[256] = {
		[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true
	};
	size_t i = 0;

	while (i < n && plain[(unsigned char)s[i]])
		i++;
	return i;
}

static void add_text(struct ward_buf *b, const char *s, size_t n)
{
	size_t start = 0, i = 0;

	while ((i += plain_run(s + i, n - i)) < n) {
		uint32_t cp = 0;
		size_t length = ward_utf8_decode(s + i, n - i, &cp);

		if (length > 0 && cp != '"' && cp != '\\' && ward_cp_printable(cp)) {
			i += length;
			continue;
		}
		ward_buf_add(b, s + start, i - start);
		if (length > 0)
			add_escaped(b, cp);
		else
			ward_buf_adds(b, "\xef\xbf\xbd");
		i += length > 0 ? length : 1;
		start = i;
	}
	ward_buf_add(b, s + start, n - start);
}

static void add_string(struct ward_buf *b, const char *s, size_t n)
{
	ward_buf_addc(b, '"');
	add_text(b, s, n);
	ward_buf_addc(b, '"');
}

/* A comma where one is due, the string, and what stands behind it (NUL: nothing). Plain ones in one piece. */
static void put_string(struct ward_buf *b, const char *s, size_t n, char behind)
{
	size_t extra = 2 + (comma_due(b) ? 1u : 0) + (behind != '\0' ? 1u : 0);
	char *p;

	if (plain_run(s, n) < n) {
		separate(b);
		add_string(b, s, n);
		if (behind != '\0')
			ward_buf_addc(b, behind);
		return;
	}
	p = n < SIZE_MAX - extra ? ward_buf_room(b, n + extra) : NULL;
	if (p == NULL)
		return;
	if (comma_due(b))
		*p++ = ',';
	*p++ = '"';
	if (n > 0)
		memcpy(p, s, n);
	p += n;
	*p++ = '"';
	if (behind != '\0')
		*p++ = behind;
	*p = '\0';
	b->n += n + extra;
}

void ward_jw_key(struct ward_buf *b, const char *key)
{
	put_string(b, key, strlen(key), ':');
}

void ward_jw_str(struct ward_buf *b, const char *s, size_t n)
{
	put_string(b, s, n, '\0');
}

void ward_jw_more(struct ward_buf *b, const char *s, size_t n)
{
	if (b->failed || b->n == 0)
		return;
	b->s[--b->n] = '\0';
	add_text(b, s, n);
	ward_buf_addc(b, '"');
}

void ward_jw_cstr(struct ward_buf *b, const char *s)
{
	if (s == NULL)
		ward_jw_null(b);
	else
		ward_jw_str(b, s, strlen(s));
}

void ward_jw_path(struct ward_buf *b, const char *s)
{
	char hex[3];

	if (s == NULL || ward_utf8_valid(s, strlen(s))) {
		ward_jw_cstr(b, s);
		return;
	}
	ward_jw_open(b, '{');
	ward_jw_key(b, "hex");
	ward_buf_addc(b, '"');
	for (; *s != '\0'; s++) {
		ward_hex((const uint8_t *)s, 1, hex);
		ward_buf_adds(b, hex);
	}
	ward_buf_addc(b, '"');
	ward_jw_close(b, '}');
}

static void put_decimal(struct ward_buf *b, uint64_t v, bool negative)
{
	char text[20 + 1], *p = text + sizeof(text);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	if (negative)
		*--p = '-';
	separate(b);
	ward_buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

void ward_jw_i64(struct ward_buf *b, int64_t v)
{
	put_decimal(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void ward_jw_u64(struct ward_buf *b, uint64_t v)
{
	put_decimal(b, v, false);
}

void ward_jw_f64(struct ward_buf *b, double v)
{
	char text[40];
	bool real = false;

	separate(b);
	/* JSON has no word for these two. */
	if (!isfinite(v)) {
		ward_buf_adds(b, "null");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.17g", v);
	for (const char *p = text; *p != '\0'; p++) {
		if ((*p >= '0' && *p <= '9') || strchr("+-e", *p) != NULL) {
			ward_buf_addc(b, *p);
			real = real || *p == 'e';
		} else if (!real) {
			/*
			 * The point of the caller's locale, which may be a comma or several bytes.
			 */
			ward_buf_addc(b, '.');
			real = true;
		}
	}
	/* So that it is read back as a real. */
	if (!real)
		ward_buf_adds(b, ".0");
}

void ward_jw_bool(struct ward_buf *b, bool v)
{
	separate(b);
	ward_buf_adds(b, v ? "true" : "false");
}

void ward_jw_null(struct ward_buf *b)
{
	separate(b);
	ward_buf_adds(b, "null");
}

void ward_jw_open(struct ward_buf *b, char c)
{
	separate(b);
	ward_buf_addc(b, c);
}

void ward_jw_close(struct ward_buf *b, char c)
{
	ward_buf_addc(b, c);
}

void ward_jw_raw(struct ward_buf *b, const char *json, size_t n)
{
	separate(b);
	ward_buf_add(b, json, n);
}

static void open_value(struct ward_buf *b, const struct ward_json *v)
{
	switch (v->type) {
	case WARD_JSON_NULL: ward_jw_null(b); return;
	case WARD_JSON_BOOL: ward_jw_bool(b, v->b); return;
	case WARD_JSON_INT: ward_jw_i64(b, v->i); return;
	case WARD_JSON_REAL: ward_jw_f64(b, v->d); return;
	case WARD_JSON_STRING: ward_jw_str(b, v->str.s, v->str.n); return;
	case WARD_JSON_ARRAY: ward_jw_open(b, '['); return;
	case WARD_JSON_OBJECT: ward_jw_open(b, '{'); return;
	}
	/* No type at all: not a document that anybody should take for one. */
	b->failed = true;
}

/* As deep as what the reader let through: WARD_JSON_DEPTH_MAX. */
void ward_jw_value(struct ward_buf *b, const struct ward_json *v)
{
	if (v == NULL) {
		ward_jw_null(b);
		return;
	}
	open_value(b, v);
	for (const struct ward_json *e = v->child; e != NULL; e = e->next) {
		if (v->type == WARD_JSON_OBJECT)
			put_string(b, e->key.s, e->key.n, ':');
		ward_jw_value(b, e);
	}
	if (v->type == WARD_JSON_ARRAY)
		ward_jw_close(b, ']');
	else if (v->type == WARD_JSON_OBJECT)
		ward_jw_close(b, '}');
}

void ward_jw_kstr(struct ward_buf *b, const char *key, const char *s)
{
	ward_jw_key(b, key);
	ward_jw_cstr(b, s);
}

void ward_jw_ki64(struct ward_buf *b, const char *key, int64_t v)
{
	ward_jw_key(b, key);
	ward_jw_i64(b, v);
}

void ward_jw_ku64(struct ward_buf *b, const char *key, uint64_t v)
{
	ward_jw_key(b, key);
	ward_jw_u64(b, v);
}

void ward_jw_kbool(struct ward_buf *b, const char *key, bool v)
{
	ward_jw_key(b, key);
	ward_jw_bool(b, v);
}

void ward_jw_kstrs(struct ward_buf *b, const char *key, const char *const *v, size_t n)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '[');
	for (size_t i = 0; i < n; i++)
		ward_jw_cstr(b, v[i]);
	ward_jw_close(b, ']');
}

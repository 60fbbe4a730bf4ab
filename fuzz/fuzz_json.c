/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader under arbitrary bytes. What it accepts is written back and read again: the second
 * tree must be equal to the first and its text to the second text. What it refuses must say why, in
 * one printable line, with a place that lies in the text. The writer is also given the bytes as a
 * string: whatever they are, the reader must take them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define ARENA_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_json.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static bool same(const struct ward_json *a, const struct ward_json *b)
{
	const struct ward_json *x = a->child, *y = b->child;

	if (a->type != b->type || a->count != b->count || a->b != b->b || a->i != b->i ||
		memcmp(&a->d, &b->d, sizeof(a->d)) != 0 || !ward_str_eq(a->str, b->str) ||
		!ward_str_eq(a->key, b->key))
		return false;
	for (; x != NULL && y != NULL; x = x->next, y = y->next) {
		if (!same(x, y))
			return false;
	}
	return x == y;
}

/* Spans lie in each other, in order, and texts hold neither NUL nor bad UTF-8. */
static void check_tree(const struct ward_json *v, size_t size)
{
	uint32_t last = v->start;
	size_t count = 0;

	MUST(v->start < v->end && v->end <= size && v->line > 0 && v->column > 0);
	MUST(v->str.n == 0 ||
		(ward_utf8_valid(v->str.s, v->str.n) && strlen(v->str.s) == v->str.n));
	for (const struct ward_json *e = v->child; e != NULL; e = e->next) {
		MUST(e->start > last && e->end < v->end);
		MUST(v->type != WARD_JSON_OBJECT || ward_json_get(v, e->key.s) == e ||
			count > 1000);
		last = e->end - 1;
		count++;
		check_tree(e, size);
	}
	MUST(count == v->count);
}

static void check_error(const struct ward_error *err, size_t size)
{
	char line[2048];
	size_t n = ward_error_format(err, line, sizeof(line));

	MUST(n > 0 && n < sizeof(line));
	MUST(err->line > 0 && err->column > 0 && err->start <= err->end && err->end <= size);
	MUST(err->message[0] != '\0' && err->fix[0] != '\0');
	MUST(ward_utf8_valid(line, n));
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
}

static void check_round_trip(struct ward_arena *a, const struct ward_json *v)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf once = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf twice = WARD_BUF_INIT;
	struct ward_json *again = NULL;
	struct ward_error err = WARD_ERROR_INIT;

	ward_jw_value(&once, v);
	MUST(!once.failed);
	MUST(ward_json_parse(a, once.s, once.n, "again", &again, &err) == WARD_OK);
	MUST(same(v, again));
	ward_jw_value(&twice, again);
	MUST(once.n == twice.n && memcmp(once.s, twice.s, once.n) == 0);
}

static void check_writer(struct ward_arena *a, const char *text, size_t size)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *v = NULL;
	/* A NUL is written as \u0000, which the reader refuses by design. */
	bool nul = size > 0 && memchr(text, '\0', size) != NULL;
	int r;

	ward_jw_str(&b, text, size);
	MUST(!b.failed && ward_utf8_valid(b.s, b.n));
	r = ward_json_parse(a, b.s, b.n, "written", &v, NULL);
	MUST(r == (nul ? WARD_E_PARSE : WARD_OK));
	if (r == WARD_OK && ward_utf8_valid(text, size))
		MUST(v->str.n == size && (size == 0 || memcmp(v->str.s, text, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(ARENA_MAX);
	struct ward_error err = WARD_ERROR_INIT;
	const char *text = (const char *)data;
	struct ward_json *v = NULL;

	if (a == NULL || size > 1u << 20)
		return 0;
	if (ward_json_parse(a, text, size, "input", &v, &err) == WARD_OK) {
		MUST(v != NULL);
		check_tree(v, size);
		check_round_trip(a, v);
	} else {
		MUST(v == NULL);
		check_error(&err, size);
	}
	check_writer(a, text, size);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader and writer: documents and what they mean, refusals with their place and words,
 * spans, limits, and that big objects cost no quadratic time.
 */
#include <locale.h>
#include <time.h>

#include "base/base.h"
#include "base_json_cases.h"
#include "tap.h"

/* A copy of exactly n bytes, so that reading behind the text is seen by ASan. */
static int parse(struct ward_arena *a, const char *text, size_t n, struct ward_json **ret,
	struct ward_error *err)
{
	char *copy = malloc(n > 0 ? n : 1);
	int r;

	REQUIRE(copy != NULL);
	memcpy(copy, text, n);
	r = ward_json_parse(a, n > 0 ? copy : NULL, n, "doc.json", ret, err);
	/* The tree must live on without the text. */
	memset(copy, 'X', n);
	free(copy);
	return r;
}

TEST(valid)
{
	TABLE(row, json_valid) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_json *v = NULL;

		CASE("%s", row->text);
		CHECK_EQ_INT(parse(a, row->text, row->n, &v, &err), WARD_OK);
		CHECK_STR_EQ(err.message, "");
		if (v == NULL)
			continue;
		ward_jw_value(&b, v);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->compact);
	}
}

TEST(invalid)
{
	TABLE(row, json_invalid) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_json before, *v = &before;
		char line[1200], place[40];

		CASE("%s", row->text);
		CHECK_EQ_INT(parse(a, row->text, row->n, &v, &err), WARD_E_PARSE);
		CHECK_NULL(v);
		CHECK_EQ_INT(err.code, WARD_E_PARSE);
		CHECK_EQ_UINT(err.line, row->line);
		CHECK_EQ_UINT(err.column, row->column);
		CHECK_STR_CONTAINS(err.message, row->message);
		CHECK_STR_CONTAINS(err.fix, row->fix);
		CHECK(err.fix[0] != '\0');
		CHECK(err.start <= err.end && err.end <= row->n);
		(void)ward_error_format(&err, line, sizeof(line));
		(void)snprintf(place, sizeof(place), "doc.json:%u:%u: ", row->line, row->column);
		CHECK(ward_has_prefix(line, place));
		/* Without an error object the answer is the same. */
		CHECK_EQ_INT(parse(a, row->text, row->n, &v, NULL), WARD_E_PARSE);
	}
}

/* No prefix of a document is a document, and none is read beyond its end (ASan). */
TEST(prefixes)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",true,false,"
		"null,{}],\"b\":{\"c\":[]}}";

	for (size_t n = 0; n < sizeof(text); n++) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_json *v;

		CASE("%zu bytes", n);
		CHECK_EQ_INT(parse(a, text, n, &v, &err),
			n == sizeof(text) - 1 ? WARD_OK : WARD_E_PARSE);
	}
}

TEST(spans)
{
	static const char text[] =
		"\n {\"a\" :\n\t[10, \"\xc3\xa4\" ,{}],\r\n  \"b\\u0062\": -1.5}\n";
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v = NULL;
	const struct ward_json *list, *bb, *e;

	REQUIRE(parse(a, text, sizeof(text) - 1, &v, &err) == WARD_OK);
	CHECK_EQ_INT(v->type, WARD_JSON_OBJECT);
	CHECK_EQ_SIZE(v->count, 2);
	CHECK_EQ_UINT(v->line, 2);
	CHECK_EQ_UINT(v->column, 2);
	CHECK_EQ_UINT(v->start, 2);
	CHECK_EQ_UINT(v->end, sizeof(text) - 2);
	list = ward_json_get(v, "a");
	REQUIRE(list != NULL);
	CHECK_EQ_UINT(list->key_line, 2);
	CHECK_EQ_UINT(list->key_column, 3);
	CHECK_EQ_UINT(list->line, 3);
	CHECK_EQ_UINT(list->column, 2);
	CHECK_EQ_SIZE(list->count, 3);
	e = list->child;
	CHECK_EQ_INT(e->i, 10);
	CHECK_MEM_EQ(text + e->start, "10", e->end - e->start);
	e = e->next;
	/* Columns count bytes. */
	CHECK_EQ_UINT(e->column, 7);
	CHECK_EQ_UINT(e->end - e->start, 4);
	e = e->next;
	CHECK_EQ_UINT(e->column, 13);
	CHECK_NULL(e->next);
	bb = ward_json_get(v, "bb");
	REQUIRE(bb != NULL);
	CHECK_EQ_UINT(bb->key_line, 4);
	CHECK_EQ_UINT(bb->key_column, 3);
	CHECK_EQ_UINT(bb->column, 14);
	CHECK(bb->d == -1.5);
	CHECK_STR_EQ(bb->key.s, "bb");
}

TEST(get)
{
	static const char text[] = "{\"a\":null,\"ab\":2}";
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_json *v = NULL;

	REQUIRE(parse(a, text, sizeof(text) - 1, &v, NULL) == WARD_OK);
	CHECK(ward_json_get(v, "a") == v->child);
	CHECK(ward_json_get(v, "ab") == v->child->next);
	CHECK_NULL(ward_json_get(v, "abc"));
	CHECK_NULL(ward_json_get(v, ""));
	CHECK_NULL(ward_json_get(v->child, "a"));
	CHECK_NULL(ward_json_get(NULL, "a"));
}

TEST(type_names)
{
	CHECK_STR_EQ(ward_json_type_name(WARD_JSON_OBJECT), "an object");
	CHECK_STR_EQ(ward_json_type_name(WARD_JSON_NULL), "null");
	CHECK_STR_EQ(ward_json_type_name((enum ward_json_type)77), "unknown");
}

static void check_depth(const char *open, const char *close, unsigned depth, bool ok)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v;

	CASE("%u times %s", depth, open);
	for (unsigned i = 0; i < depth; i++)
		ward_buf_adds(&b, open);
	ward_buf_adds(&b, "0");
	for (unsigned i = 0; i < depth; i++)
		ward_buf_adds(&b, close);
	CHECK_EQ_INT(parse(a, b.s, b.n, &v, &err), ok ? WARD_OK : WARD_E_PARSE);
	if (!ok) {
		CHECK_STR_CONTAINS(err.message, "nested deeper than 64");
		CHECK_EQ_UINT(err.column, WARD_JSON_DEPTH_MAX * strlen(open) + 1);
	}
}

TEST(depth)
{
	check_depth("[", "]", WARD_JSON_DEPTH_MAX, true);
	check_depth("[", "]", WARD_JSON_DEPTH_MAX + 1, false);
	check_depth("{\"a\":", "}", WARD_JSON_DEPTH_MAX, true);
	check_depth("{\"a\":", "}", WARD_JSON_DEPTH_MAX + 1, false);
	check_depth("[", "", 1000000, false);
}

/* Siblings are not depth. */
TEST(depth_counts_nesting_only)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *v;

	ward_buf_adds(&b, "[0");
	for (int i = 0; i < 500; i++)
		ward_buf_adds(&b, ",[],{\"a\":[]}");
	ward_buf_adds(&b, "]");
	CHECK_EQ_INT(parse(a, b.s, b.n, &v, NULL), WARD_OK);
}

TEST(bytes_max)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v;
	char *text = malloc(WARD_JSON_BYTES_MAX + 1u);

	REQUIRE(text != NULL);
	memset(text, ' ', WARD_JSON_BYTES_MAX + 1u);
	text[0] = '1';
	CHECK_EQ_INT(ward_json_parse(a, text, WARD_JSON_BYTES_MAX, "big", &v, &err), WARD_OK);
	CHECK_EQ_INT(ward_json_parse(a, text, WARD_JSON_BYTES_MAX + 1u, "big", &v, &err),
		WARD_E_PARSE);
	CHECK_STR_CONTAINS(err.message, "16777217 bytes, more than 16777216");
	CHECK_STR_EQ(err.file, "big");
	free(text);
}

TEST(number_max)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v = NULL;
	char text[WARD_JSON_NUMBER_MAX + 1];

	memset(text, '3', sizeof(text));
	text[1] = '.';
	CHECK_EQ_INT(parse(a, text, WARD_JSON_NUMBER_MAX, &v, &err), WARD_OK);
	CHECK(v != NULL && v->d > 3.33 && v->d < 3.34);
	CHECK_EQ_INT(parse(a, text, WARD_JSON_NUMBER_MAX + 1, &v, &err), WARD_E_PARSE);
	CHECK_STR_CONTAINS(err.message, "a number of more than 400 characters");
}

TEST(arena_too_small)
{
	static const char text[] = "{\"a\":[1,2,3],\"b\":\"text\"}";
	struct ward_json *v;

	for (size_t max = 16; max < 2048; max += 16) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(max);
		struct ward_error err = WARD_ERROR_INIT;
		int r = parse(a, text, sizeof(text) - 1, &v, &err);

		CASE("%zu bytes", max);
		CHECK(r == WARD_OK || r == WARD_E_NOMEM);
		CHECK((r == WARD_OK) == (v != NULL));
		if (r < 0) {
			CHECK_STR_CONTAINS(err.message, "no memory left");
			CHECK_EQ_UINT(err.line, 1);
		}
	}
	CHECK(v != NULL);
}

/*
 * 100,000 keys, in order, in disorder and with long equal starts: a quadratic search would take
 * minutes.
 */
TEST(many_keys)
{
	static const struct {
		const char *start;
		unsigned step; /* prime to 100000: each number comes once */
	} forms[] = { { "", 1 }, { "a", 99999 }, { "a-rather-long-common-start-of-a-key-", 7919 } };

	TABLE(form, forms) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(64u << 20);
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_json *v = NULL;
		clock_t start = clock();

		CASE("%s", form->start);
		ward_jw_open(&b, '{');
		for (unsigned i = 0; i < 100000; i++) {
			char key[80];

			(void)snprintf(key, sizeof(key), "%s%06u", form->start,
				(unsigned)((uint64_t)i * form->step % 100000));
			ward_jw_ki64(&b, key, (int64_t)i);
		}
		ward_jw_close(&b, '}');
		CHECK_EQ_INT(parse(a, b.s, b.n, &v, &err), WARD_OK);
		CHECK_STR_EQ(err.message, "");
		CHECK(v != NULL && v->count == 100000);
		CHECK(clock() - start < 20 * CLOCKS_PER_SEC);
	}
}

/*
 * In each size around the powers of two, a pair of equal keys in any place is found, and the later
 * one is named.
 */
static void check_duplicate(unsigned n, unsigned first, unsigned second)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v;

	CASE("%u and %u of %u", first, second, n);
	ward_buf_adds(&b, "{");
	for (unsigned i = 0; i < n; i++)
		ward_buf_addf(&b, "%s\"k%u\":%u", i > 0 ? ",\n" : "", i == second ? first : i, i);
	ward_buf_adds(&b, "}");
	CHECK_EQ_INT(parse(a, b.s, b.n, &v, &err), WARD_E_PARSE);
	CHECK_STR_CONTAINS(err.message, "appears twice");
	CHECK_EQ_UINT(err.line, second + 1);
}

TEST(duplicates_in_any_place)
{
	for (unsigned n = 2; n <= 33; n++) {
		for (unsigned first = 0; first < n; first++) {
			for (unsigned second = first + 1; second < n; second++)
				check_duplicate(n, first, second);
		}
	}
}

TEST(no_file_name)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v;
	char line[600];

	CHECK_EQ_INT(ward_json_parse(a, "[1,\n]", 5, NULL, &v, &err), WARD_E_PARSE);
	(void)ward_error_format(&err, line, sizeof(line));
	CHECK_STR_EQ(line,
		"line 2:1: expected a list element after ',', found ']'; take out the last comma");
}

/* A program that uses the library may have set a locale whose point is a comma. */
TEST(locale_does_not_matter)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
	bool set = false;

	TABLE(name, names) {
		set = set || setlocale(LC_NUMERIC, *name) != NULL;
	}
	if (!set)
		SKIP("no locale with a decimal comma is installed");

	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *v = NULL;

	CHECK_EQ_INT(parse(a, "[1.5,25e-2]", 11, &v, NULL), WARD_OK);
	if (v != NULL) {
		CHECK(v->child->d == 1.5);
		ward_jw_value(&b, v);
		CHECK_STR_EQ(ward_buf_cstr(&b), "[1.5,0.25]");
	}
	(void)setlocale(LC_NUMERIC, "C");
}

/* ---- lists, an element at a time ---- */

struct seen {
	struct ward_buf text;
	struct ward_arena *arena;
	size_t n, stop, bytes; /* stop: refuse the one of that number, from 1 */
};

static int see(const struct ward_json *element, void *arg)
{
	struct seen *s = arg;

	if (++s->n == s->stop)
		return WARD_E_REFUSED;
	ward_jw_value(&s->text, element);
	if (ward_arena_bytes(s->arena) > s->bytes)
		s->bytes = ward_arena_bytes(s->arena);
	return WARD_OK;
}

TEST(each)
{
	static const struct {
		const char *text, *seen, *message; /* message NULL: fine */
		size_t stop;
	} rows[] = {
		{ "[]", "", NULL, 0 },
		{ " [ ] ", "", NULL, 0 },
		{ "[1]", "1", NULL, 0 },
		{ "[1, [2,3] ,{\"a\":[]}, \"x\"]", "1,[2,3],{\"a\":[]},\"x\"", NULL, 0 },
		{ "[1,2,3]", "1,2", "", 3 },
		{ "[1,2,3", "1,2,3",
			"expected ',' or ']' after a list element, found the end of the text", 0 },
		{ "[1,", "1", "expected a value, found the end of the text", 0 },
		{ "[1,]", "1", "expected a list element after ',', found ']'", 0 },
		{ "[1] 2", "1", "expected the end of the document, found '2'", 0 },
		{ "[1,{\"a\":1,\"a\":2}]", "1",
			"the name \"a\" appears twice: in line 1 and first in line 1", 0 },
		{ "{}", "", "expected a list, found '{'", 0 },
		{ "1", "", "expected a list, found '1'", 0 },
		{ "", "", "the document is empty", 0 },
		{ "[[[[[1]]]]]", "", "nested deeper than 4", 0 },
	};
	static const struct ward_json_options o = { .bytes_max = 1000, .depth_max = 4 };

	TABLE(row, rows) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
		struct seen s = { .arena = a, .stop = row->stop };
		struct ward_error err = WARD_ERROR_INIT;
		int code;

		CASE("%s", row->text);
		code = ward_json_each(a, row->text, strlen(row->text), NULL, &o, see, &s, &err);
		CHECK_EQ_INT(code,
			row->message == NULL    ? WARD_OK
				: row->stop > 0 ? WARD_E_REFUSED
						: WARD_E_PARSE);
		CHECK_STR_EQ(err.message, row->message != NULL ? row->message : "");
		CHECK_STR_EQ(ward_buf_cstr(&s.text), row->seen);
		ward_buf_done(&s.text);
	}
}

/* A long list takes the memory of its elements, not that of the whole. */
TEST(each_memory)
{
	static const struct ward_json_options o = { .bytes_max = WARD_JSON_BYTES_MAX,
		.depth_max = 4 };
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_buf text = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct seen s = { .arena = a };

	ward_buf_addc(&text, '[');
	for (int i = 0; i < 100000; i++)
		ward_buf_addf(&text, "%s[%d,\"%d\"]", i > 0 ? "," : "", i, i);
	ward_buf_addc(&text, ']');
	REQUIRE(!text.failed);
	CHECK_EQ_INT(ward_json_each(a, text.s, text.n, NULL, &o, see, &s, &err), WARD_OK);
	CHECK_EQ_SIZE(s.n, 100000);
	CHECK(s.bytes < 10000);
	ward_buf_done(&text);
	ward_buf_done(&s.text);
}

TEST(wide_numbers)
{
	static const struct {
		const char *text;
		enum ward_json_type type;
	} rows[] = { { "0", WARD_JSON_INT }, { "-0", WARD_JSON_REAL }, { "-1", WARD_JSON_INT },
		{ "9223372036854775807", WARD_JSON_INT }, { "9223372036854775808", WARD_JSON_REAL },
		{ "-9223372036854775808", WARD_JSON_INT },
		{ "-9223372036854775809", WARD_JSON_REAL }, { "1.0", WARD_JSON_REAL } };
	static const struct ward_json_options o = {
		.bytes_max = 1000, .depth_max = 4, .wide_ok = true
	};

	TABLE(row, rows) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
		struct ward_json *v = NULL;

		CASE("%s", row->text);
		CHECK_EQ_INT(ward_json_parse_with(a, row->text, strlen(row->text), NULL, &o, &v,
				     NULL),
			WARD_OK);
		CHECK(v != NULL && v->type == row->type);
	}
}

/* A string that is written in pieces is the string. */
TEST(writer_more)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT, small = { .max = 4 };

	ward_jw_more(&b, "x", 1);
	CHECK_EQ_SIZE(b.n, 0);
	ward_jw_open(&b, '[');
	ward_jw_str(&b, "", 0);
	ward_jw_more(&b, "a\n\"", 3);
	ward_jw_more(&b, "", 0);
	ward_jw_more(&b, "\xc3\xa4\xff,", 4);
	ward_jw_str(&b, "b", 1);
	ward_jw_close(&b, ']');
	CHECK_STR_EQ(ward_buf_cstr(&b), "[\"a\\n\\\"\xc3\xa4\xef\xbf\xbd,\",\"b\"]");
	ward_jw_str(&small, "ab", 2);
	ward_jw_more(&small, "c", 1);
	CHECK(small.failed);
}

TEST(writer_commas)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "s", "a,b:");
	ward_jw_kstr(&b, "n", NULL);
	ward_jw_ki64(&b, "i", INT64_MIN);
	ward_jw_ku64(&b, "u", UINT64_MAX);
	ward_jw_kbool(&b, "t", true);
	ward_jw_key(&b, "l");
	ward_jw_open(&b, '[');
	ward_jw_str(&b, "{", 1);
	ward_jw_str(&b, NULL, 0);
	ward_jw_null(&b);
	ward_jw_bool(&b, false);
	ward_jw_open(&b, '[');
	ward_jw_close(&b, ']');
	ward_jw_raw(&b, "{\"x\":1}", 7);
	ward_jw_cstr(&b, "[");
	ward_jw_i64(&b, 0);
	ward_jw_close(&b, ']');
	ward_jw_key(&b, "o");
	ward_jw_open(&b, '{');
	ward_jw_close(&b, '}');
	ward_jw_close(&b, '}');
	ward_buf_addc(&b, '\n');
	ward_jw_open(&b, '[');
	ward_jw_close(&b, ']');
	CHECK_STR_EQ(ward_buf_cstr(&b),
		"{\"s\":\"a,b:\",\"n\":null,\"i\":-9223372036854775808,\"u\":18446744073709551615,"
		"\"t\":true,"
		"\"l\":[\"{\",\"\",null,false,[],{\"x\":1},\"[\",0],\"o\":{}}\n[]");
}

TEST(writer_strings)
{
	static const struct {
		const char *text;
		size_t n;
		const char *want;
	} rows[] = {
		{ DOC("a\0b"), "\"a\\u0000b\"" },
		{ DOC("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\"" },
		{ DOC("\b\f\n\r\t\"\\/"), "\"\\b\\f\\n\\r\\t\\\"\\\\/\"" },
		{ DOC("\xff"), "\"\xef\xbf\xbd\"" },
		{ DOC("a\xc3"), "\"a\xef\xbf\xbd\"" },
		{ DOC("\xe2\x82"
		      "z"),
			"\"\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ DOC("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ DOC("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\"" },
		{ DOC("\xe2\x80\xae\xc2\x9b"), "\"\\u202e\\u009b\"" },
		{ DOC("\xf3\xa0\x80\x81"), "\"\\udb40\\udc01\"" },
		{ DOC("\xf4\x8f\xbf\xbf"), "\"\\udbff\\udfff\"" },
	};

	TABLE(row, rows) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("row %zu", (size_t)(row - rows));
		ward_jw_str(&b, row->text, row->n);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->want);
	}
}

TEST(writer_reals)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '[');
	ward_jw_f64(&b, 1);
	ward_jw_f64(&b, -0.0);
	ward_jw_f64(&b, 0.1);
	ward_jw_f64(&b, 1e300);
	ward_jw_f64(&b, 1.0 / 0.0);
	ward_jw_f64(&b, 0.0 / 0.0);
	ward_jw_close(&b, ']');
	CHECK_STR_EQ(ward_buf_cstr(&b),
		"[1.0,-0.0,0.10000000000000001,1.0000000000000001e+300,null,null]");
}

TEST(writer_values)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_json odd = { .type = (enum ward_json_type)99 };

	ward_jw_value(&b, NULL);
	CHECK_STR_EQ(ward_buf_cstr(&b), "null");
	ward_jw_value(&b, &odd);
	CHECK(b.failed);
}

TAP_MAIN();

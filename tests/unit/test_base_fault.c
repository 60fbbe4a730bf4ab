/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory, at every place: the n-th allocation fails, for n from the first to the one behind
 * the last. The result must be a proper error or, where a buffer remembers it, a failed buffer: no
 * crash, no half a result, and every block given back. Linked with --wrap, so that base's own calls
 * of the allocator come here.
 */
#include "base/base.h"
#include "tap.h"
#include "alloc_wrap.h"

/*
 * run returns true when it worked and false after a proper failure, having checked by itself that
 * it is one of the two.
 */
static void each_failure(bool (*run)(void), long at_least)
{
	long n;

	for (n = 0; n < 10000; n++) {
		bool worked;

		CASE("allocation %ld fails", n);
		fired = false;
		live = 0;
		countdown = n;
		worked = run();
		countdown = -1;
		CHECK_EQ_INT(live, 0);
		CHECK_EQ_INT(worked, !fired);
		if (!fired)
			break;
	}
	/* The wrapping itself is alive: this many allocations were seen. */
	CHECK_GE_INT(n, at_least);
}

static bool buf_scenario(void)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char *s;

	for (int i = 0; i < 200; i++) {
		ward_buf_adds(&b, "text ");
		ward_buf_addf(&b, "%d", i);
		ward_quote(&b, "a\nb", 3);
		ward_quote_shell(&b, "a'b\x01", 4);
		ward_base64(&b, "abcd", 4);
	}
	if (b.failed) {
		CHECK_STR_EQ(ward_buf_cstr(&b), "");
		CHECK_NULL(ward_buf_take(&b));
		return false;
	}
	s = ward_buf_take(&b);
	CHECK(s != NULL && strlen(s) > 3000);
	free(s);
	return true;
}

static bool empty_take_scenario(void)
{
	struct ward_buf b = WARD_BUF_INIT;
	char *s = ward_buf_take(&b);
	bool worked = s != NULL;

	free(s);
	return worked;
}

static bool arena_scenario(void)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	bool worked = a != NULL;

	for (size_t i = 0; i < 100 && worked; i++)
		worked = ward_arena_alloc(a, i * 97) != NULL;
	for (int i = 0; i < 1000 && worked; i++)
		worked = ward_arena_printf(a, "%d-%s", i, "text") != NULL;
	return worked && ward_arena_strdup(a, "x") != NULL;
}

static bool parse_scenario(void)
{
	static const char text[] = "{\"a\":[1,2.5,\"x\\u00e9\",{\"b\":{}}],\"c\":null,\"d\":true}";
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v = NULL;
	int r;

	if (a == NULL)
		return false;
	ward_jw_open(&b, '[');
	for (int i = 0; i < 100; i++)
		ward_jw_raw(&b, text, sizeof(text) - 1);
	ward_jw_close(&b, ']');
	if (b.failed)
		return false;
	r = ward_json_parse(a, b.s, b.n, "doc", &v, &err);
	if (r < 0) {
		CHECK_EQ_INT(r, WARD_E_NOMEM);
		CHECK_EQ_INT(err.code, WARD_E_NOMEM);
		CHECK_STR_EQ(err.file, "doc");
		CHECK(err.line > 0 && err.message[0] != '\0');
		CHECK_NULL(v);
		return false;
	}
	ward_buf_clear(&b);
	ward_jw_value(&b, v);
	return !b.failed;
}

/* An error is said without any memory at all. */
static bool error_scenario(void)
{
	static const char *const bad[] = { "[1,]", "{\"a\":1,\"a\":2}", "\"\\ud800\"", "1e999",
		"" };
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	bool worked = a != NULL;
	char line[1200];
	uint64_t size;

	TABLE(text, bad) {
		struct ward_json *v;
		int r;

		if (!worked)
			break;
		r = ward_json_parse(a, *text, strlen(*text), "doc", &v, &err);
		CHECK(r == WARD_E_PARSE || r == WARD_E_NOMEM);
		CHECK(ward_error_format(&err, line, sizeof(line)) > 0);
		worked = r == WARD_E_PARSE;
	}
	/* These never allocate: they answer in any case. */
	CHECK_EQ_INT(ward_parse_size("50Q", &size, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "50Q");
	CHECK_EQ_INT(ward_fail_errno(&err, WARD_E_SYSTEM, 12, "x"), WARD_E_SYSTEM);
	CHECK_STR_CONTAINS(err.message, "x: ");
	return worked;
}

TEST(buffers)
{
	each_failure(buf_scenario, 5);
}

TEST(empty_text)
{
	each_failure(empty_take_scenario, 1);
}

TEST(arenas)
{
	each_failure(arena_scenario, 5);
}

TEST(json)
{
	each_failure(parse_scenario, 8);
}

TEST(errors)
{
	each_failure(error_scenario, 2);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes and arenas: growth, the maximum, sticky failure, alignment, zeroed memory. */
#include "base/base.h"
#include "tap.h"

TEST(buf_grows)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char want[5001];

	CHECK_STR_EQ(ward_buf_cstr(&b), "");
	for (int i = 0; i < 5000; i++) {
		want[i] = (char)('a' + i % 26);
		ward_buf_addc(&b, want[i]);
	}
	want[5000] = '\0';
	CHECK(!b.failed);
	CHECK_EQ_SIZE(b.n, 5000);
	CHECK_STR_EQ(ward_buf_cstr(&b), want);
}

TEST(buf_holds_nul_bytes)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_buf_add(&b, "a\0b", 3);
	ward_buf_add(&b, NULL, 0);
	ward_buf_adds(&b, NULL);
	CHECK_EQ_SIZE(b.n, 3);
	CHECK_MEM_EQ(ward_buf_cstr(&b), "a\0b", 4);
}

TEST(buf_expects)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 5000 };
	const char *at;

	ward_buf_expect(&b, 5001);
	CHECK_EQ_SIZE(b.cap, 0);
	CHECK(!b.failed);
	ward_buf_adds(&b, "ab");
	ward_buf_expect(&b, 4998);
	at = b.s;
	for (int i = 0; i < 4998; i++)
		ward_buf_addc(&b, 'c');
	CHECK(!b.failed && b.s == at);
	CHECK_EQ_SIZE(b.n, 5000);
	CHECK(b.s[0] == 'a' && b.s[1] == 'b' && b.s[4999] == 'c');
	ward_buf_expect(&b, 1);
	CHECK(!b.failed);
	ward_buf_addc(&b, 'd');
	CHECK(b.failed);
}

TEST(buf_max_is_exact)
{
	for (size_t max = 1; max < 300; max++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = max };

		CASE("max %zu", max);
		for (size_t i = 0; i < max; i++)
			ward_buf_addc(&b, 'x');
		CHECK(!b.failed);
		CHECK_EQ_SIZE(strlen(ward_buf_cstr(&b)), max);
		ward_buf_addc(&b, 'x');
		CHECK(b.failed);
		CHECK_EQ_SIZE(b.n, max);
	}
}

TEST(buf_failure_is_sticky)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 8 };

	ward_buf_adds(&b, "12345");
	ward_buf_adds(&b, "6789");
	CHECK(b.failed);
	/* It would fit, but a text with a hole is none. */
	ward_buf_adds(&b, "6");
	ward_buf_addf(&b, "%d", 7);
	CHECK_EQ_SIZE(b.n, 5);
	CHECK_STR_EQ(ward_buf_cstr(&b), "");
	CHECK_EQ_SIZE(ward_buf_str(&b).n, 0);
	CHECK_STR_EQ(ward_buf_str(&b).s, "");
	CHECK_NULL(ward_buf_take(&b));
	/* take() has emptied it; the maximum stays. */
	CHECK(!b.failed);
	ward_buf_adds(&b, "123456789");
	CHECK(b.failed);
}

TEST(buf_clear_starts_again)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 4 };

	ward_buf_adds(&b, "12345");
	CHECK(b.failed);
	ward_buf_clear(&b);
	CHECK_STR_EQ(ward_buf_cstr(&b), "");
	ward_buf_adds(&b, "1234");
	CHECK_STR_EQ(ward_buf_cstr(&b), "1234");
	ward_buf_clear(&b);
	ward_buf_adds(&b, "5");
	CHECK_STR_EQ(ward_buf_cstr(&b), "5");
}

TEST(buf_addf)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char want[4096] = "";
	size_t n = 0;

	for (int i = 0; i < 300; i++) {
		ward_buf_addf(&b, "%d-%s,", i, "ab");
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%d-%s,", i, "ab");
	}
	ward_buf_addf(&b, "%s", "");
	CHECK_STR_EQ(ward_buf_cstr(&b), want);
}

/*
 * A format that does not fit leaves what was there, also when the memory itself would have
 * sufficed.
 */
TEST(buf_addf_max)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 10 };

	ward_buf_addf(&b, "%s", "0123456789");
	CHECK_STR_EQ(ward_buf_cstr(&b), "0123456789");
	ward_buf_addf(&b, "%s", "");
	CHECK(!b.failed);
	ward_buf_addf(&b, "%s", "x");
	CHECK(b.failed);
	CHECK_EQ_SIZE(b.n, 10);
	CHECK_MEM_EQ(b.s, "0123456789", 11);

	WARD_CLEANUP(ward_buf_done) struct ward_buf wide = WARD_BUF_INIT;

	ward_buf_adds(&wide, "123456");
	wide.max = 8;
	ward_buf_addf(&wide, "%s", "789");
	CHECK(wide.failed);
	CHECK_MEM_EQ(wide.s, "123456", 7);
}

TEST(buf_huge_is_refused)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char byte = 'x';

	ward_buf_addc(&b, byte);
	/* Refused by the maximum before the bytes are looked at. */
	ward_buf_add(&b, &byte, (size_t)WARD_BUF_MAX);
	CHECK(b.failed);
	ward_buf_clear(&b);
	ward_buf_add(&b, &byte, SIZE_MAX);
	CHECK(b.failed);
	ward_buf_clear(&b);
	b.max = SIZE_MAX;
	ward_buf_add(&b, &byte, SIZE_MAX);
	CHECK(b.failed);
}

TEST(buf_take)
{
	struct ward_buf b = WARD_BUF_INIT;
	char *s = ward_buf_take(&b);

	CHECK_STR_EQ(s, "");
	free(s);
	ward_buf_adds(&b, "text");
	s = ward_buf_take(&b);
	CHECK_STR_EQ(s, "text");
	free(s);
	CHECK_NULL(b.s);
	CHECK_EQ_SIZE(b.n, 0);
	ward_buf_done(&b);
	ward_buf_done(NULL);
}

TEST(arena_aligned_zeroed_apart)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	unsigned char *last = NULL;
	size_t last_n = 0;

	REQUIRE(a != NULL);
	for (size_t n = 0; n < 2000; n = n * 2 + 1) {
		for (int k = 0; k < 20; k++) {
			unsigned char *p = ward_arena_alloc(a, n);
			bool zero = true;

			REQUIRE(p != NULL);
			CHECK_EQ_UINT((uintptr_t)p % 16, 0);
			for (size_t i = 0; i < n; i++)
				zero = zero && p[i] == 0;
			CHECK(zero);
			if (n > 0)
				memset(p, 0xee, n);
			CHECK(last == NULL || p >= last + last_n || p + n <= last);
			last = p;
			last_n = n;
		}
	}
}

TEST(arena_max)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(1024);

	REQUIRE(a != NULL);
	CHECK_NULL(ward_arena_alloc(a, 1025));
	CHECK_NULL(ward_arena_alloc(a, SIZE_MAX));
	CHECK_NULL(ward_arena_alloc(a, SIZE_MAX - 8));
	CHECK(ward_arena_alloc(a, 1000) != NULL);
	CHECK(ward_arena_alloc(a, 16) != NULL);
	CHECK_NULL(ward_arena_alloc(a, 1));
	CHECK_NULL(ward_arena_alloc(a, 0));
	CHECK_NULL(ward_arena_strdup(a, ""));
	CHECK_NULL(ward_arena_printf(a, "%d", 1));
	CHECK_NULL(ward_arena_dup(a, "x", SIZE_MAX));
}

TEST(arena_large)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(SIZE_MAX);
	char *big;

	REQUIRE(a != NULL);
	big = ward_arena_alloc(a, 3u << 20);
	REQUIRE(big != NULL);
	memset(big, 1, 3u << 20);
	CHECK(ward_arena_alloc(a, 10) != NULL);
	CHECK_NULL(ward_arena_alloc(a, SIZE_MAX / 2));
}

TEST(arena_texts)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	char *s;

	REQUIRE(a != NULL);
	CHECK_STR_EQ(ward_arena_strdup(a, "abc"), "abc");
	CHECK_STR_EQ(ward_arena_dup(a, "abcdef", 2), "ab");
	CHECK_STR_EQ(ward_arena_dup(a, NULL, 0), "");
	s = ward_arena_printf(a, "%s-%03d", "x", 7);
	CHECK_STR_EQ(s, "x-007");
	s = ward_arena_printf(a, "%5000d", 7);
	REQUIRE(s != NULL);
	CHECK_EQ_SIZE(strlen(s), 5000);
}

TEST(arena_free_null)
{
	struct ward_arena *a = NULL;

	ward_arena_free(NULL);
	ward_arena_freep(&a);
	CHECK_NULL(a);
	a = ward_arena_new(0);
	REQUIRE(a != NULL);
	ward_arena_freep(&a);
	CHECK_NULL(a);
}

TAP_MAIN();

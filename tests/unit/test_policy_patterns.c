/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of patterns: what a set finds is what its patterns match one by one, in order, for sets of every shape that the tree
 * treats apart; and without memory a set is refused, never smaller.
 */
#include "alloc_fail.h"
#include "pattern_util.h"

#define SET_MAX 1200

static uint32_t out[SET_MAX];
static void *scratch;

static struct ward_patterns *build(struct ward_patterns *s)
{
	REQUIRE(ward_patterns_build(s, NULL) == WARD_OK);
	free(scratch);
	scratch = malloc(ward_patterns_scratch_size(s));
	REQUIRE(scratch != NULL);
	/* What is in it does not matter. */
	memset(scratch, 0xa5, ward_patterns_scratch_size(s));
	return s;
}

static bool add(struct ward_patterns *s, const char *text)
{
	return ward_patterns_add(s, ward_str(text), WARD_GRAMMAR_2, NULL) == WARD_OK;
}

/* As one by one. Returns how many match. */
static size_t compare(const struct ward_patterns *s, const char *path)
{
	size_t n = ward_patterns_match(s, ward_str(path), scratch, out), k = 0;
	size_t count = ward_patterns_count(s);

	for (size_t i = 0; i < count; i++) {
		bool want = ward_pattern_match(ward_patterns_get(s, i), ward_str(path));
		bool got = k < n && out[k] == i;

		k += got;
		if (got != want) {
			struct ward_str text = ward_pattern_text(ward_patterns_get(s, i));

			FAIL("%s of %zu patterns, %s: %.*s (%zu)", path, count,
				got ? "too many" : "missing", (int)text.n, text.s, i);
			REQUIRE(false);
		}
	}
	REQUIRE(k == n);
	return n;
}

TEST(random_sets)
{
	size_t matched = 0, pairs = 0;
	char text[MADE_MAX], path[256];

	seed = 815;
	for (unsigned round = 0; round < 600; round++) {
		struct ward_patterns *s = ward_patterns_new();
		size_t n = draw(10) ? draw(40) : draw(SET_MAX);

		while (ward_patterns_count(s) < n) {
			(void)make_pattern(text, 4, round % 3 == 0);
			(void)add(s, text);
		}
		build(s);
		for (unsigned i = 0; i < 60; i++) {
			(void)make_path(path, 5);
			matched += compare(s, path);
			pairs += n;
		}
		ward_patterns_free(s);
	}
	printf("# %zu pairs, %zu matches\n", pairs, matched);
	CHECK(pairs > 1000000 && matched > 50000);
}

/* Many names with wildcards at one place: by what they begin or end with, of all lengths; and many that share it. */
TEST(indexed_sets)
{
	static const char *const names[] = { "", "a", "b", "ab", "ba", "abc", "service_1",
		"service_12", "service_", "service_17x.py", "12345678", "123456789", ".py", ".pyc",
		"a.tar.gz", "x\xe2\x82\xac", "\xe2\x82\xac", "\xff\xac", "aXb", "aXXb",
		"service_1234567.py" };
	size_t matched = 0;

	seed = 4;
	for (unsigned round = 0; round < 200; round++) {
		struct ward_patterns *s = ward_patterns_new();
		size_t n = 5 + draw(60);

		while (ward_patterns_count(s) < n) {
			char text[256], *p = text;

			p = stpcpy(p, draw(3) ? "" : draw(2) ? "**/" : "d/");
			p = stpcpy(p, names[draw(WARD_ARRAY_SIZE(names))]);
			p = stpcpy(p, draw(4) ? "*" : draw(2) ? "?" : "[!a]*[a-z]");
			p = stpcpy(p, names[draw(WARD_ARRAY_SIZE(names))]);
			(void)stpcpy(p, draw(3) ? "" : draw(2) ? "/x" : "/**");
			(void)add(s, text);
		}
		build(s);
		for (unsigned i = 0; i < 200; i++) {
			char path[256], *p = path;

			p = stpcpy(p, draw(3) ? "" : "d/");
			p = stpcpy(p, names[draw(WARD_ARRAY_SIZE(names))]);
			p = stpcpy(p, names[draw(WARD_ARRAY_SIZE(names))]);
			p = stpcpy(p, names[draw(WARD_ARRAY_SIZE(names))]);
			(void)stpcpy(p, draw(3) ? "" : "/x");
			matched += compare(s, path);
		}
		ward_patterns_free(s);
	}
	printf("# %zu matches\n", matched);
	CHECK(matched > 2000);
}

TEST(roots_and_repeats)
{
	static const char *const texts[] = { ".", "/", "**", "/**", "a", "a", "{a,a}", "[.]",
		"a/**", "**/a", "/a/**", "**/a/**", "a/**/**/b", "*", "/*" };
	static const char *const paths[] = { ".", "/", "a", "/a", "a/", "./a", "a/b", "/a/b",
		"b/a/c/b", "..", "a/..", "a/../a", "/..", "", "//", "a//b" };
	struct ward_patterns *s = ward_patterns_new();

	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++)
		REQUIRE(add(s, texts[i]));
	build(s);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(paths); i++)
		(void)compare(s, paths[i]);
	(void)compare(s, WARD_ANY_NAME);
	(void)compare(s, "a/" WARD_ANY_NAME "/" WARD_ANY_NAME);
	(void)compare(s, "a/\001\377");
	CHECK_EQ_SIZE(compare(s, "a/.."), 0);
	CHECK_EQ_SIZE(compare(s, "a"), 8);
	CHECK_EQ_UINT(out[0], 2);
	CHECK_EQ_UINT(out[7], 13);
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("a\0b"), scratch, out), 0);
	ward_patterns_free(s);
}

TEST(states)
{
	struct ward_patterns *s = ward_patterns_new();
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t room[8];

	CHECK_EQ_SIZE(ward_patterns_count(s), 0);
	CHECK_NULL(ward_patterns_get(s, 0));
	CHECK_EQ_INT(ward_patterns_add(s, WARD_STR("a["), WARD_GRAMMAR_2, &err), WARD_E_PARSE);
	CHECK_STR_CONTAINS(err.message, "column 2");
	CHECK_EQ_SIZE(ward_patterns_count(s), 0);
	CHECK(add(s, "a"));
	/* Not built: nothing. */
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("a"), room, out), 0);
	build(s);
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("a"), scratch, out), 1);
	CHECK_EQ_INT(ward_patterns_add(s, WARD_STR("b"), WARD_GRAMMAR_2, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_patterns_build(s, &err), WARD_E_INVALID);
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("a"), scratch, out), 1);
	ward_patterns_free(s);
	ward_patterns_free(NULL);

	s = build(ward_patterns_new()); /* empty */
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("a"), scratch, out), 0);
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("/"), scratch, out), 0);
	ward_patterns_free(s);
}

/* One that is compiled already is as one that is added, and not the set's to free. */
TEST(taken)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_patterns *s = ward_patterns_new();
	const struct ward_pattern *p = NULL;

	REQUIRE(ward_pattern_compile(a, WARD_STR("src/*.{c,h}"), WARD_GRAMMAR_2, &p, NULL) ==
		WARD_OK);
	CHECK(add(s, "src/**"));
	CHECK_EQ_INT(ward_patterns_take(s, p, NULL), WARD_OK);
	CHECK(add(s, "b"));
	CHECK(ward_patterns_get(s, 1) == p);
	build(s);
	CHECK_EQ_SIZE(compare(s, "src/a.c"), 2);
	CHECK_EQ_SIZE(compare(s, "src/a.d"), 1);
	CHECK_EQ_SIZE(compare(s, "b"), 1);
	CHECK_EQ_INT(ward_patterns_take(s, p, NULL), WARD_E_INVALID);
	ward_patterns_free(s);
	CHECK(ward_pattern_match(p, WARD_STR("src/x.h")));
}

TEST(limits)
{
	static char text[WARD_PATTERN_BYTES_MAX + 1];
	struct ward_patterns *s = ward_patterns_new();
	struct ward_error err = WARD_ERROR_INIT;
	int r = WARD_OK;

	for (unsigned i = 0; i < WARD_PATTERNS_MAX; i++)
		r = r < 0 ? r : ward_patterns_add(s, WARD_STR("a"), WARD_GRAMMAR_1, &err);
	CHECK_EQ_INT(r, WARD_OK);
	CHECK_EQ_INT(ward_patterns_add(s, WARD_STR("a"), WARD_GRAMMAR_1, &err), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(err.message, "too many patterns in one set");
	ward_patterns_free(s);

	/* 256 alternatives of 40 components and more, all apart: too many places. */
	s = ward_patterns_new();
	strcpy(text, "1234/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}");
	for (unsigned i = 0; i < 60; i++)
		strcat(text, "/x");
	for (unsigned i = 0; r == WARD_OK && i < 100; i++) {
		char digits[5];

		snprintf(digits, sizeof(digits), "%04u", i);
		memcpy(text, digits, 4);
		r = ward_patterns_add(s, ward_str(text), WARD_GRAMMAR_2, &err);
	}
	if (r == WARD_OK)
		r = ward_patterns_build(s, &err);
	CHECK_EQ_INT(r, WARD_E_LIMIT);
	CHECK_EQ_SIZE(ward_patterns_match(s, WARD_STR("0001/aaaaaaaa"), NULL, out), 0);
	ward_patterns_free(s);
}

/* What sends an eager set away: hundreds of places alive at once, and one begin for all. The time limit is the check. */
TEST(worst_case)
{
	static char text[4096], path[4000];
	struct ward_patterns *s = ward_patterns_new();

	for (unsigned i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "**/*a*/**/a*%u*/**/?a*b*%u", i % 17, i);
		REQUIRE(add(s, text));
	}
	build(s);
	for (unsigned i = 0; i < 300; i++)
		strcat(path, "aaa1aaab/");
	strcat(path, "aaba1");
	for (unsigned i = 0; i < 3; i++)
		CHECK(compare(s, path) > 0);
	ward_patterns_free(s);
}

/* ---- the n-th allocation fails ---- */

static int make(void)
{
	static const char *const texts[] = { "src/**", "{a,b}/*.[ch]", "**/.env", "a\\*b",
		"x{,/**}" };
	struct ward_patterns *s = ward_patterns_new();
	char text[32];
	int r = s != NULL ? WARD_OK : WARD_E_NOMEM;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts) && r == WARD_OK; i++)
		r = ward_patterns_add(s, ward_str(texts[i]), WARD_GRAMMAR_2, NULL);
	for (unsigned i = 0; i < 200 && r == WARD_OK; i++) {
		snprintf(text, sizeof(text), i % 2 ? "**/*.%u" : "d%u/*/x", i);
		r = ward_patterns_add(s, ward_str(text), WARD_GRAMMAR_2, NULL);
	}
	if (r == WARD_OK)
		r = ward_patterns_build(s, NULL);
	ward_patterns_free(s);
	return r;
}

TEST(nth_allocation)
{
	unsigned n = 0;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	for (;;) {
		int r;

		alloc_fail_hit = false;
		alloc_fail_at = ++n;
		r = make();
		alloc_fail_at = 0;
		if (!alloc_fail_hit) {
			CHECK_EQ_INT(r, WARD_OK);
			break;
		}
		/* qsort does without its buffer. */
		CHECK(r == WARD_E_NOMEM || r == WARD_OK);
		if (n < 20)
			CHECK_EQ_INT(r, WARD_E_NOMEM);
	}
	CHECK(n > 200);
	alloc_fail_at = 1;
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a"), WARD_GRAMMAR_2, NULL), WARD_E_NOMEM);
	alloc_fail_at = 0;
}

TAP_MAIN();

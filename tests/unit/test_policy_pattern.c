/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pattern, and two. Against second implementations: the reference matcher, grammar 1's own matcher, and all paths over a
 * small alphabet for what two patterns have in common.
 */
#include "pattern_util.h"
#include "ref_pattern.h"

static struct ward_arena *arena;

static bool matches(const char *pattern, const char *path)
{
	const struct ward_pattern *p = compile(arena, pattern);

	return p != NULL && ward_pattern_match(p, ward_str(path));
}

TEST(reference)
{
	unsigned pairs = 0, patterns = 0, matched = 0, differ = 0;
	char text[MADE_MAX], path[256];

	seed = 20261126;
	arena = ward_arena_new(0);
	while (pairs < 1200000) {
		const struct ward_pattern *p;

		(void)make_pattern(text, 4, false);
		ward_arena_reset(arena);
		p = ref_pattern_small(text, "") ? compile(arena, text) : NULL;
		if (p == NULL)
			continue;
		patterns++;
		for (unsigned i = 0; i < 12; i++) {
			struct ward_str s = { path, make_path(path, 4) };
			bool want;

			if (!ref_pattern_small(text, path))
				continue;
			pairs++;
			want = ref_pattern_match(text, path);
			matched += want;
			if (ward_pattern_match(p, s) != want && differ++ < 5)
				FAIL("%s against %s: should be %d", text, path, want);
			if (want && ward_pattern_never(p) && differ++ < 5)
				FAIL("%s never matches, and does", text);
		}
	}
	ward_arena_free(arena);
	CHECK_EQ_UINT(differ, 0);
	/* Else the generator lost its point. */
	printf("# %u pairs, %u patterns, %u matches\n", pairs, patterns, matched);
	CHECK(matched > 25000);
	CHECK(patterns > 50000);
}

/* One component, few letters, wide characters: where a star could take half of one. */
TEST(reference_characters)
{
	static const char *const letters[] = { "a", "z", "\xe2\x82\xac", "\xc3\xa9", "\xc3" };
	static const char *const wild[] = { "a", "z", "*", "?", "?", "[!a]", "[!z]",
		"[\xc3\xa9-\xe2\x82\xac]" };
	unsigned matched = 0, differ = 0;

	seed = 99;
	arena = ward_arena_new(0);
	for (unsigned i = 0; i < 300000; i++) {
		char text[64] = "", pattern[128] = "";
		const struct ward_pattern *p;
		bool want;

		for (unsigned k = 1 + draw(6); k > 0; k--)
			strcat(text, letters[draw(WARD_ARRAY_SIZE(letters))]);
		for (unsigned k = 1 + draw(8); k > 0; k--)
			strcat(pattern, wild[draw(WARD_ARRAY_SIZE(wild))]);
		ward_arena_reset(arena);
		p = compile(arena, pattern);
		if (p == NULL)
			continue;
		want = ref_pattern_match(pattern, text);
		matched += want;
		if (ward_pattern_match(p, ward_str(text)) != want && differ++ < 5)
			FAIL("%s against %s: should be %d", pattern, text, want);
	}
	ward_arena_free(arena);
	printf("# %u matches\n", matched);
	CHECK_EQ_UINT(differ, 0);
	CHECK(matched > 5000);
}

/* Grammar 1 as it is compiled here, and as grammar 2 writes it, is what src/policy/glob.c matches. */
TEST(grammar_1)
{
	static const char *const pieces[] = { "a", "b", "*", "?", "[", "]", "{", "}", "\\", ",",
		".", "[a]", "{a,b}", "\\*", "!" };
	unsigned matched = 0, differ = 0;

	seed = 1;
	arena = ward_arena_new(0);
	for (unsigned i = 0; i < 150000; i++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf two = WARD_BUF_INIT;
		const struct ward_pattern *p1 = NULL, *p2 = NULL;
		char text[128] = "", path[128] = "";
		bool want;

		for (unsigned k = draw(6); k > 0; k--)
			strcat(text,
				draw(4)           ? pieces[draw(WARD_ARRAY_SIZE(pieces))]
					: draw(3) ? "/"
						  : "/**");
		for (unsigned k = draw(6); k > 0; k--) {
			strcat(path, draw(4) ? pieces[draw(WARD_ARRAY_SIZE(pieces))] : "/");
			if (draw(2) == 0 && strchr(path, '*') == NULL)
				break;
		}
		ward_arena_reset(arena);
		ward_pattern_escape1(&two, ward_str(text));
		if (ward_pattern_compile(arena, ward_str(text), WARD_GRAMMAR_1, &p1, NULL) < 0) {
			CHECK(ward_pattern_compile(arena, ward_str(ward_buf_cstr(&two)),
				      WARD_GRAMMAR_2, &p2, NULL) < 0);
			continue;
		}
		REQUIRE(ward_pattern_compile(arena, ward_str(ward_buf_cstr(&two)), WARD_GRAMMAR_2,
				&p2, NULL) == WARD_OK);
		want = ward_glob_match(text, path);
		matched += want;
		if ((ward_pattern_match(p1, ward_str(path)) != want ||
			    ward_pattern_match(p2, ward_str(path)) != want) &&
			differ++ < 5)
			FAIL("%s against %s: should be %d", text, path, want);
		CHECK(ward_pattern_overlap(p1, p2) || ward_pattern_never(p1));
		CHECK(ward_pattern_covers(p1, p2) && ward_pattern_covers(p2, p1));
	}
	ward_arena_free(arena);
	CHECK_EQ_UINT(differ, 0);
	CHECK(matched > 3000);
}

/* ---- two patterns: all paths of up to four names ---- */

/* "z" and "zz" are in no pattern: they stand for all names that none names. */
static const char *const names[] = { "a", "b", "z", "aa", "ab", "ba", "bb", "az", "za", "bz", "zb",
	"zz", "aba", "aab", "bab", "abz" };
#define PATHS_MAX 6000

static char paths[PATHS_MAX][24];
static size_t n_paths;

static void all_paths(void)
{
	n_paths = 0;
	strcpy(paths[n_paths++], ".");
	for (size_t from = 0, level = 0; level < 3; level++) {
		size_t to = n_paths;

		for (size_t i = from; i < to; i++)
			for (size_t k = 0; k < WARD_ARRAY_SIZE(names); k++)
				snprintf(paths[n_paths++], sizeof(paths[0]), "%s%s%s",
					i > 0 ? paths[i] : "", i > 0 ? "/" : "", names[k]);
		from = to;
	}
}

TEST(two_against_all_paths)
{
	unsigned wrong = 0, overlaps = 0, covers = 0, cautious = 0, missed = 0, endings = 0;
	char a_text[MADE_MAX], b_text[MADE_MAX];

	seed = 77;
	all_paths();
	arena = ward_arena_new(0);
	for (unsigned i = 0; i < 4000; i++) {
		const struct ward_pattern *a, *b;
		bool both = false, only_b = false, overlap, cover;

		do {
			ward_arena_reset(arena);
			(void)make_pattern(a_text, 2, true);
			(void)make_pattern(b_text, 2, true);
			a = compile(arena, a_text[0] == '/' ? a_text + 1 : a_text);
			b = compile(arena, b_text[0] == '/' ? b_text + 1 : b_text);
		} while (a == NULL || b == NULL);
		for (size_t k = 0; k < n_paths; k++) {
			bool in_a = ward_pattern_match(a, ward_str(paths[k]));
			bool in_b = ward_pattern_match(b, ward_str(paths[k]));

			CHECK(!in_a || ward_pattern_ending(a) == '\0' ||
				ward_pattern_ending(a) == paths[k][strlen(paths[k]) - 1]);
			endings += in_a && ward_pattern_ending(a) != '\0';
			both = both || (in_a && in_b);
			only_b = only_b || (in_b && !in_a);
		}
		overlap = ward_pattern_overlap(a, b);
		cover = ward_pattern_covers(a, b);
		overlaps += overlap;
		covers += cover;
		CHECK_EQ_INT(ward_pattern_overlap(b, a), overlap);
		if ((both && !overlap) || (cover && only_b)) {
			if (wrong++ < 5)
				FAIL("%s and %s: overlap %d, covers %d", a_text, b_text, overlap,
					cover);
		}
		/* What they share, or what only b matches, may be longer than the paths here. */
		missed += overlap && !both;
		cautious += !cover && !only_b;
	}
	ward_arena_free(arena);
	printf("# %u overlap (%u in longer paths), %u covered (%u more by these paths)\n", overlaps,
		missed, covers, cautious);
	CHECK_EQ_UINT(wrong, 0);
	CHECK(overlaps > 500 && covers > 200 && endings > 10000);
	CHECK(missed < 60 && cautious < 200);
}

TEST(overlap)
{
	static const struct {
		const char *a, *b;
		bool want;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "/a", false },
		{ ".", ".", true },
		{ ".", "**", true },
		{ ".", "*", false },
		{ "**", "a/b/c", true },
		{ "src/**", "src", true },
		{ "src/**", "srcs/**", false },
		{ "src/**", "**/*.c", true },
		{ "src/*.c", "src/*.h", false },
		{ "src/a*", "src/*b", true },
		{ "src/a*", "src/b*", false },
		{ "*/x/*", "*/y/*", false },
		{ "**/x/*", "**/y/*", false },
		{ "**/x/**", "**/y/**", true },
		{ "**/x", "**/y", false },
		{ "a?c", "a[b-d]c", true },
		{ "a?c", "a[b-d]d", false },
		{ "[a-m]", "[n-z]", false },
		{ "[a-n]", "[n-z]", true },
		{ "[!a]", "a", false },
		{ "[!a]", "[a]", false },
		{ "[!a]", "[!b]", true },
		{ "*a*b*", "*b*a*", true },
		{ "a*a", "a", false },
		{ "{a,b}/c", "{b,d}/c", true },
		{ "{a,b}/c", "{d,e}/c", false },
		/* all that both could match is no name */
		{ "[.]", "?", false },
		{ "[.a]", "[.b]", false },
		{ "[.a]?", "?[.b]", true },
		{ "[.a][.a]", "[.b][.b]", false },
		{ "[.]*", "*[.]", true },
		{ "[.]?", "?[.]", false },
		{ "[.]??", "??[.]", true },
		{ "a/[.]", "**", false },
		{ "?", "??", false },
		{ "?", "\xe2\x82\xac", true },
		{ "[!\x01-\xf4\x8f\xbf\xbf]", "?", true },
		{ "[!\x01-\xf4\x8f\xbf\xbf]", "[!a]", true },
	};

	arena = ward_arena_new(0);
	TABLE(row, rows) {
		const struct ward_pattern *a = compile(arena, row->a), *b = compile(arena, row->b);

		CASE("%s and %s", row->a, row->b);
		REQUIRE(a != NULL && b != NULL);
		CHECK_EQ_INT(ward_pattern_overlap(a, b), row->want);
		CHECK_EQ_INT(ward_pattern_overlap(b, a), row->want);
	}
	ward_arena_free(arena);
}

TEST(covers)
{
	static const struct {
		const char *a, *b;
		bool want;
	} rows[] = {
		{ "**", "src/*.c", true },
		{ "**", "**", true },
		{ "**", ".", true },
		{ "*", "**", false },
		{ "src/**", "src", true },
		{ "src/**", "src/**/*.c", true },
		{ "src/**", "**/*.c", false },
		{ "src/*", "src/**", false },
		{ "**/.env*", "**/.env.local", true },
		{ "**/.env*", "a/b/.env", true },
		{ "**/*.env*", "**/{.env,a.env.b}", true },
		{ "{a,b}/**", "{b/c,a}", true },
		{ "{a,b}/**", "{b/c,d}", false },
		{ "a/{*,b/**}", "a/{c,b/d}", true },
		{ "?*", "*", true },
		{ "?*", "**", false },
		{ "{.,?*/**}", "**", true },
		{ "*?*", "[ab]?", true },
		{ "[a-z]", "[b-y]", true },
		{ "[a-z]", "[b-{]", false },
		{ "[!a]", "[!ab]", true },
		{ "[!ab]", "[!a]", false },
		{ "a", "[.a]", true },
		{ "[.a]", "a", true },
		{ "?", "[!x]", true },
		{ "*[ab]*", "*ba*", true },
		{ "*a*a*", "*aa*", true },
		{ "*aa*", "*a*a*", false },
		{ "*a", "**/a", false },
		{ "**/a", "*/a", true },
		{ "**/a/**", "a/*", true },
		{ "*/*/**", "a/**/b", true },
		{ "*/*/*/**", "a/**/b", false },
		{ "*/**", "a/**/b", true },
		{ "*/**/*", "a/**/b", true },
		{ "/a", "a", false },
		{ "b", "[.]", true },
		{ "/b", "a/[.]", true },
		/* by two components together: not seen */
		{ "{[a-m]*,[!a-m]*}/x", "*/x", false },
	};

	arena = ward_arena_new(0);
	TABLE(row, rows) {
		const struct ward_pattern *a = compile(arena, row->a), *b = compile(arena, row->b);

		CASE("%s covers %s", row->a, row->b);
		REQUIRE(a != NULL && b != NULL);
		CHECK_EQ_INT(ward_pattern_covers(a, b), row->want);
	}
	ward_arena_free(arena);
}

TEST(never)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "[.]", true },
		{ "a/[.]/b", true },
		{ "**/[.]", true },
		{ "[.][.]", true },
		{ ".[.]", true },
		{ "[.].", true },
		{ "{[.],[.][.]}", true },
		{ "{[.],a}", false },
		{ "[.][.][.]", false },
		{ "[.]*", false },
		{ "[!.]", false },
		{ "[.a]", false },
		{ ".?", false },
		{ ".", false },
		{ "/", false },
		{ "**", false },
		{ "[!\x01-\xf4\x8f\xbf\xbf]", false },
	};

	arena = ward_arena_new(0);
	TABLE(row, rows) {
		const struct ward_pattern *p = compile(arena, row->text);

		CASE("%s", row->text);
		REQUIRE(p != NULL);
		CHECK_EQ_INT(ward_pattern_never(p), row->want);
	}
	/* The one character that is no code point. */
	CHECK(matches("[!\x01-\xf4\x8f\xbf\xbf]", "\xff"));
	CHECK(!matches("[!\x01-\xf4\x8f\xbf\xbf]", "a"));
	ward_arena_free(arena);
}

/* ---- shape ---- */

TEST(shape)
{
	static const struct {
		const char *text, *prefix, *subtree, *literal;
	} rows[] = {
		{ "/a/b/*.c", "/a/b", NULL, NULL },
		{ "/a/b/**", "/a/b", "/a/b", NULL },
		{ "/a/b", "/a", NULL, "/a/b" },
		{ "a", ".", NULL, "a" },
		{ "a/", ".", NULL, "a" },
		{ "**", ".", ".", NULL },
		{ "/**", "/", "/", NULL },
		{ "/**/**", "/", "/", NULL },
		{ "/", "/", NULL, "/" },
		{ ".", ".", NULL, "." },
		{ "./a//b/./c", "a/b", NULL, "a/b/c" },
		{ "a/**/b", "a", NULL, NULL },
		{ "a/{b,c}/d", "a", NULL, NULL },
		{ "a/b{/c,/d}/**", "a/b", NULL, NULL },
		{ "{a/b/*,a/b/c/d}", "a/b", NULL, NULL },
		{ "{a/b,a}", ".", NULL, NULL },
		{ "a\\*/b", "a*", NULL, "a*/b" },
		{ "a\\[b]/**", NULL, NULL, NULL },
		{ "a\\[b\\]/**", "a[b]", "a[b]", NULL },
		{ "[a]/b", "a", NULL, "a/b" },
		{ "\\./b", ".", NULL, "b" },
	};
	char out[WARD_PATH_MAX];

	arena = ward_arena_new(0);
	TABLE(row, rows) {
		const struct ward_pattern *p = compile(arena, row->text);

		CASE("%s", row->text);
		CHECK_EQ_INT(p != NULL, row->prefix != NULL);
		if (p == NULL)
			continue;
		CHECK_EQ_INT(ward_pattern_prefix(p, out, sizeof(out)), WARD_OK);
		CHECK_STR_EQ(out, row->prefix);
		CHECK_EQ_INT(ward_pattern_is_subtree(p, out, sizeof(out)), row->subtree != NULL);
		if (row->subtree != NULL)
			CHECK_STR_EQ(out, row->subtree);
		CHECK_EQ_INT(ward_pattern_is_literal(p, out, sizeof(out)), row->literal != NULL);
		if (row->literal != NULL)
			CHECK_STR_EQ(out, row->literal);
		CHECK_EQ_INT(ward_pattern_prefix(p, out, 1), WARD_E_LIMIT);
	}
	ward_arena_free(arena);
}

/* A match lies in the prefix, every directory above it may match below, and the alternatives are the pattern. */
TEST(questions_agree)
{
	unsigned wrong = 0, matched = 0;

	seed = 4711;
	arena = ward_arena_new(0);
	for (unsigned i = 0; i < 40000; i++) {
		char text[MADE_MAX], path[256], prefix[WARD_PATH_MAX], clean[WARD_PATH_MAX];
		struct ward_str s = make_pattern(text, 3, false);
		const struct ward_pattern *p, *one[WARD_PATTERN_ALTERNATIVES_MAX];
		size_t n;

		ward_arena_reset(arena);
		p = compile(arena, text);
		if (p == NULL)
			continue;
		CHECK(ward_str_eq(ward_pattern_text(p), s));
		CHECK_EQ_INT(ward_pattern_is_absolute(p), text[0] == '/');
		n = ward_pattern_alternatives(p);
		for (size_t k = 0; k < n; k++) {
			WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

			ward_pattern_alternative(p, k, &b);
			one[k] = compile(arena, ward_buf_cstr(&b));
			if (one[k] == NULL)
				FAIL("%s has the alternative %s", text, ward_buf_cstr(&b));
			REQUIRE(one[k] != NULL && ward_pattern_alternatives(one[k]) == 1);
			CHECK(ward_pattern_covers(p, one[k]));
		}
		for (unsigned k = 0; k < 20; k++) {
			bool match, any = false;

			(void)make_path(path, 4);
			match = ward_pattern_match(p, ward_str(path));
			for (size_t m = 0; m < n; m++)
				any = any || ward_pattern_match(one[m], ward_str(path));
			wrong += any != match;
			if (!match || path[0] != '/')
				continue;
			matched++;
			REQUIRE(ward_path_normalize(path, clean, sizeof(clean)) == WARD_OK);
			wrong += !ward_pattern_match(p, ward_str(clean));
			REQUIRE(ward_pattern_prefix(p, prefix, sizeof(prefix)) == WARD_OK);
			wrong += !ward_path_within(clean, prefix);
			while (strcmp(clean, "/") != 0) {
				char *slash = strrchr(clean, '/');

				slash[slash == clean ? 1 : 0] = '\0';
				wrong += !ward_pattern_may_match_below(p, ward_str(clean));
			}
		}
	}
	ward_arena_free(arena);
	CHECK_EQ_UINT(wrong, 0);
	CHECK(matched > 3000);
}

TEST(may_match_below)
{
	static const struct {
		const char *pattern, *dir;
		bool want;
	} rows[] = {
		{ "/a/b/*.c", "/", true },
		{ "/a/b/*.c", "/a/b", true },
		{ "/a/b/*.c", "/a/b/c", false },
		{ "/a/b/*.c", "/a/x", false },
		{ "/a/**/c", "/a/x/y/z", true },
		{ "/a/**/c", "/b", false },
		{ "/a", "/a", false },
		{ "/", "/", false },
		{ "**", ".", true },
		{ "*", "a", false },
		{ ".", ".", false },
		{ "a/b", "/a", false },
		{ "/a/**", "/a/..", false },
		{ "/a/**", "", false },
		{ "/{a,b/c}/d", "/b/c", true },
		{ "/{a,b/c}/d", "/a/d", false },
		{ "/a/[.]", "/a", false },
	};

	arena = ward_arena_new(0);
	TABLE(row, rows) {
		CASE("%s below %s", row->pattern, row->dir);
		CHECK_EQ_INT(ward_pattern_may_match_below(compile(arena, row->pattern),
				     ward_str(row->dir)),
			row->want);
	}
	ward_arena_free(arena);
}

/* What sends a backtracking matcher, or an eager comparison, away for years; the test's time limit is the check. */
TEST(no_exponential_time)
{
	static char text[4000], pattern[WARD_PATTERN_BYTES_MAX + 1], path[4000];
	const struct ward_pattern *a, *b;

	arena = ward_arena_new(0);
	memset(text, 'a', sizeof(text) - 1);
	for (unsigned i = 0; i + 2 < 400; i += 2)
		memcpy(pattern + i, "a*", 2);
	strcat(pattern, "b");
	CHECK(!matches(pattern, text));
	text[sizeof(text) - 2] = 'b';
	CHECK(matches(pattern, text));

	pattern[0] = '\0';
	for (unsigned i = 0; i < 150; i++)
		strcat(pattern, "**/a*a/");
	strcat(pattern, "b");
	for (unsigned i = 0; i < 700; i++)
		strcat(path, "aaaa/");
	strcat(path, "c");
	CHECK(!matches(pattern, path));
	path[strlen(path) - 1] = 'b';
	CHECK(matches(pattern, path));

	/* Two that hold much against each other: over the bound, the safe answers. */
	memset(pattern, 0, sizeof(pattern));
	for (unsigned i = 0; i + 8 < 8000; i += 8)
		memcpy(pattern + i, "*a[a-c]?", 8);
	a = compile(arena, pattern);
	pattern[0] = '?';
	b = compile(arena, pattern);
	REQUIRE(a != NULL && b != NULL);
	CHECK(ward_pattern_overlap(a, b));
	CHECK(!ward_pattern_covers(a, b));
	CHECK(ward_pattern_covers(a, a));
	memset(pattern, 0, sizeof(pattern));
	for (unsigned i = 0; i + 8 < 8000; i += 8)
		memcpy(pattern + i, "**/a*a?/", 8);
	a = compile(arena, pattern);
	for (unsigned i = 0; i + 8 < 8000; i += 8)
		memcpy(pattern + i, "**/a?*b/", 8);
	b = compile(arena, pattern);
	REQUIRE(a != NULL && b != NULL);
	CHECK(ward_pattern_overlap(a, b));
	CHECK(!ward_pattern_covers(a, b));
	ward_arena_free(arena);
}

TEST(nothing_matches_nothing)
{
	const struct ward_pattern *p;

	arena = ward_arena_new(0);
	p = compile(arena, "**");
	CHECK(ward_pattern_match(p, WARD_STR("a")));
	CHECK(!ward_pattern_match(p, WARD_STR("")));
	CHECK(!ward_pattern_match(p, WARD_STR("a\0b")));
	CHECK(!ward_pattern_match(p, WARD_STR("a/../b")));
	CHECK(!ward_pattern_match(p, WARD_STR("/a")));
	CHECK(ward_pattern_match(p, WARD_STR("a/...")));
	ward_arena_free(arena);
}

TEST(escape)
{
	static const char *const paths_as_they_are[] = { "/a*b/?{x,y}/[z]\\", "/w/~/a,b", ".", "/",
		"a/b" };

	arena = ward_arena_new(0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(paths_as_they_are); i++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		char out[WARD_PATH_MAX];
		const struct ward_pattern *p;

		ward_pattern_escape(&b, ward_str(paths_as_they_are[i]));
		p = compile(arena, ward_buf_cstr(&b));
		CASE("%s", paths_as_they_are[i]);
		REQUIRE(p != NULL);
		CHECK(ward_pattern_is_literal(p, out, sizeof(out)));
		CHECK_STR_EQ(out, paths_as_they_are[i]);
	}
	ward_arena_free(arena);
}

/* ---- bad texts that a line of the table cannot hold ---- */

TEST(limits)
{
	static char text[WARD_PATTERN_BYTES_MAX + 8];
	struct ward_pattern_error bad;

	memset(text, 'a', WARD_PATTERN_BYTES_MAX);
	CHECK_EQ_INT(ward_pattern_check(ward_str(text), WARD_GRAMMAR_2, &bad), WARD_OK);
	memset(text, 'a', WARD_PATTERN_BYTES_MAX + 1);
	CHECK_EQ_INT(ward_pattern_check(ward_str(text), WARD_GRAMMAR_2, &bad), WARD_E_LIMIT);
	CHECK_STR_EQ(bad.what, "the pattern is too long");
	/* 256 alternatives of 2000 characters. */
	memset(text, 0, sizeof(text));
	strcpy(text, "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}");
	CHECK_EQ_INT(ward_pattern_check(ward_str(text), WARD_GRAMMAR_2, &bad), WARD_OK);
	memset(text + strlen(text), 'a', 2000);
	CHECK_EQ_INT(ward_pattern_check(ward_str(text), WARD_GRAMMAR_2, &bad), WARD_E_LIMIT);
	CHECK_STR_EQ(bad.what, "what the braces stand for is too long in all");
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a\0b"), WARD_GRAMMAR_2, &bad), WARD_E_PARSE);
	CHECK_EQ_SIZE(bad.offset, 1);
	CHECK_EQ_INT(ward_pattern_check(WARD_STR(""), WARD_GRAMMAR_2, &bad), WARD_E_PARSE);
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a"), WARD_GRAMMAR_NONE, &bad), WARD_E_INVALID);
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a"), (enum ward_grammar)3, &bad), WARD_E_INVALID);
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a["), WARD_GRAMMAR_2, NULL), WARD_E_PARSE);
	CHECK_EQ_INT(ward_pattern_check(WARD_STR("a["), WARD_GRAMMAR_1, NULL), WARD_OK);
}

/* The name that stands for all that no pattern tells apart. */
TEST(any_name)
{
	static const char *const yes[] = { "d/*", "d/**", "d/?*", "d/*?", "**/*", "d/{a,*}", "*/?*",
		"**" };
	static const char *const no[] = { "d/??", "d/?", "d/??*", "d/[!a]*", "d/*[!a]",
		"d/[!a][!a]", "d/*[!a]*", "[!a]/*/*", "d/{[!a],a}*" };
	const struct ward_pattern *p;
	struct ward_arena *a = ward_arena_new(0);

	REQUIRE(a != NULL);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(yes); i++) {
		REQUIRE(ward_pattern_compile(a, ward_str(yes[i]), WARD_GRAMMAR_2, &p, NULL) ==
			WARD_OK);
		CHECK(ward_pattern_match(p, WARD_STR("d/" WARD_ANY_NAME)));
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(no); i++) {
		REQUIRE(ward_pattern_compile(a, ward_str(no[i]), WARD_GRAMMAR_2, &p, NULL) ==
			WARD_OK);
		CHECK(!ward_pattern_match(p, WARD_STR("d/" WARD_ANY_NAME)));
	}
	ward_arena_free(a);
}

/* Of no normalised path: a file may have each name that there is, and is matched by what matches that name. */
TEST(any_name_is_no_file)
{
	static const char *const files[] = { "\001\001", "\001\377", "\001ward\001" };
	static const char *const yes[] = { "d/[!a]*", "d/??*", "[!a]/[!a]*", "d/[!a]*/**",
		"d/*[!a]*", "d/*" };
	const struct ward_pattern *p;
	struct ward_arena *a = ward_arena_new(0);
	char path[64];

	REQUIRE(a != NULL);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "d/%s", files[i]);
		CHECK_EQ_SIZE(ward_path_known(ward_str(path)), strlen(path));
		for (size_t k = 0; k < WARD_ARRAY_SIZE(yes); k++) {
			CASE("%s of %zu", yes[k], i);
			REQUIRE(ward_pattern_compile(a, ward_str(yes[k]), WARD_GRAMMAR_2, &p,
					NULL) == WARD_OK);
			CHECK(ward_pattern_match(p, ward_str(path)));
		}
		/* As a directory of the path, too. */
		snprintf(path, sizeof(path), "/%s/x", files[i]);
		REQUIRE(ward_pattern_compile(a, WARD_STR("/[!a]*/**"), WARD_GRAMMAR_2, &p, NULL) ==
			WARD_OK);
		CHECK(ward_pattern_match(p, ward_str(path)));
		/* What stands for any is no name that a pattern writes. */
		if (ward_pattern_compile(a, ward_str(files[i]), WARD_GRAMMAR_2, &p, NULL) ==
			WARD_OK)
			CHECK(!ward_pattern_match(p, WARD_STR(WARD_ANY_NAME)));
	}
	CHECK_EQ_SIZE(ward_path_known(WARD_STR("/d/" WARD_ANY_NAME)), 2);
	CHECK_EQ_SIZE(ward_path_known(WARD_STR("/d/" WARD_ANY_NAME "/" WARD_ANY_NAME)), 2);
	CHECK_EQ_SIZE(ward_path_known(WARD_STR("/" WARD_ANY_NAME)), 0);
	ward_arena_free(a);
}

TEST(fail)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_pattern_error bad;
	struct ward_str text = WARD_STR("\xe2\x82\xac/a**b\n");

	REQUIRE(ward_pattern_check(text, WARD_GRAMMAR_2, &bad) == WARD_E_PARSE);
	CHECK_EQ_SIZE(bad.offset, 5);
	CHECK_EQ_UINT(bad.column, 4);
	CHECK_EQ_INT(ward_pattern_fail(&bad, text, &err), WARD_E_PARSE);
	CHECK_STR_EQ(err.message,
		"pattern \"\xe2\x82\xac/a**b\\n\", column 4: \"**\" must stand alone between slashes");
	CHECK_STR_EQ(err.fix, "write \"*\" for a part of one name, or \"/**/\" for any depth");
	CHECK_EQ_INT(ward_pattern_fail(&bad, text, NULL), WARD_E_PARSE);
}

TAP_MAIN();

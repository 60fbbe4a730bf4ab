/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns against a second matcher that was written to be obvious: it decodes into characters and recurses through
 * every way a star can go. It is exponential and trusted; ward_glob_match is neither. Random patterns and paths come
 * from a small alphabet, so that they meet often, and from a fixed seed, so that a failure comes again.
 */
#include "base/base.h"
#include "policy/policy.h"
#include "ref_glob.h"
#include "tap.h"

static uint64_t seed;

static unsigned draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* A random path or pattern of up to max components, out of pieces. */
static void make(char *out, const char *const *pieces, unsigned n_pieces, unsigned max, bool deep)
{
	unsigned n = draw(max + 1);

	out[0] = '\0';
	if (draw(2))
		strcpy(out, "/");
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			strcat(out, "/");
		if (deep && draw(4) == 0) {
			strcat(out, "**");
			continue;
		}
		for (unsigned k = 1 + draw(5); k > 0; k--)
			strcat(out, pieces[draw(n_pieces)]);
	}
	if (out[0] == '\0')
		strcpy(out, ".");
}

static const char *const path_pieces[] = { "a", "b", "ab", "\xe2\x82\xac", "\xff", ".x" };
static const char *const pattern_pieces[] = { "a", "b", "*", "?", "?", "\xe2\x82\xac", "\xff", ".x",
	"*" };

TEST(differential)
{
	unsigned matched = 0, differ = 0;

	seed = 20261123;
	for (unsigned i = 0; i < 200000; i++) {
		char path[128], pattern[128];

		make(path, path_pieces, WARD_ARRAY_SIZE(path_pieces), 4, false);
		make(pattern, pattern_pieces, WARD_ARRAY_SIZE(pattern_pieces), 4, true);
		bool want = ref_glob_match(pattern, path);
		/* Each grant is asked about itself before a start. */
		if (!ward_glob_match(pattern, pattern) && differ++ < 5)
			FAIL("%s does not match itself", pattern);
		matched += want;
		if (ward_glob_match(pattern, path) == want)
			continue;
		if (differ++ < 5)
			FAIL("%s against %s: should be %d", pattern, path, want);
	}
	CHECK_EQ_UINT(differ, 0);
	CHECK(matched > 5000); /* else the generator lost its point */
}

/* One component, few letters, wide characters: where a star could take half of one. */
TEST(differential_characters)
{
	static const char *const letters[] = { "a", "z", "\xe2\x82\xac" };
	static const char *const wild[] = { "a", "z", "*", "?", "?" };
	unsigned matched = 0, differ = 0;

	seed = 99;
	for (unsigned i = 0; i < 200000; i++) {
		char text[32] = "", pattern[32] = "";

		for (unsigned k = 1 + draw(6); k > 0; k--)
			strcat(text, letters[draw(WARD_ARRAY_SIZE(letters))]);
		for (unsigned k = 1 + draw(8); k > 0; k--)
			strcat(pattern, wild[draw(WARD_ARRAY_SIZE(wild))]);
		if (strstr(pattern, "**"))
			continue;
		bool want = ref_glob_match(pattern, text);
		matched += want;
		if (ward_glob_match(pattern, text) != want && differ++ < 5)
			FAIL("%s against %s: should be %d", pattern, text, want);
	}
	CHECK_EQ_UINT(differ, 0);
	CHECK(matched > 5000);
}

/* Below dir lies something that matches => may_match_below says so; and it says no more than the truth. */
TEST(may_match_below_has_no_false_negative)
{
	unsigned positive = 0, wrong = 0;

	seed = 4711;
	for (unsigned i = 0; i < 200000; i++) {
		char path[128], pattern[128], dir[128];

		make(path, path_pieces, WARD_ARRAY_SIZE(path_pieces), 5, false);
		make(pattern, pattern_pieces, WARD_ARRAY_SIZE(pattern_pieces), 4, true);
		if (!ward_glob_match(pattern, path))
			continue;
		/* Every directory above a match must be walked into. */
		strcpy(dir, path);
		for (char *slash; (slash = strrchr(dir, '/')) != NULL;) {
			slash[slash == dir ? 1 : 0] = '\0';
			if (strcmp(dir, path) == 0)
				break;
			positive++;
			if (!ward_glob_may_match_below(pattern, dir) && wrong++ < 5)
				FAIL("%s matches %s, but nothing below %s", pattern, path, dir);
			if (strcmp(dir, "/") == 0)
				break;
		}
		if (path[0] != '/' && strcmp(path, ".") != 0)
			CHECK(ward_glob_may_match_below(pattern, "."));
	}
	CHECK_EQ_UINT(wrong, 0);
	CHECK(positive > 5000);
}

TEST(may_match_below)
{
	static const struct {
		const char *pattern, *dir;
		bool want;
	} rows[] = {
		{ "/a/b/*.c", "/", true },
		{ "/a/b/*.c", "/a", true },
		{ "/a/b/*.c", "/a/b", true },
		{ "/a/b/*.c", "/a/b/c", false },
		{ "/a/b/*.c", "/a/x", false },
		{ "/a/b/*.c", "/b", false },
		{ "/a/**/c", "/a/x/y/z", true },
		{ "/a/**/c", "/b", false },
		{ "/a/**", "/a", true },
		{ "/a/**", "/a/b/c", true },
		{ "/a/**", "/", true },
		{ "/a", "/a", false },
		{ "/a", "/", true },
		{ "/", "/", false },
		{ "**", ".", true },
		{ "**", "a/b", true },
		{ "*", ".", true },
		{ "*", "a", false },
		{ "*/x", "a", true },
		{ ".", ".", false },
		{ "a/b", "/a", false },
		{ "/a/**", "/a/..", false },
	};

	TABLE(row, rows) {
		CASE("%s below %s", row->pattern, row->dir);
		CHECK_EQ_INT(ward_glob_may_match_below(row->pattern, row->dir), row->want);
	}
}

/* Patterns that send a backtracking matcher away for years; the test's time limit is the check. */
TEST(no_exponential_time)
{
	static char text[4000], pattern[4000], path[4000];

	memset(text, 'a', sizeof(text) - 1);
	for (unsigned i = 0; i + 2 < 400; i += 2)
		memcpy(pattern + i, "a*", 2);
	strcat(pattern, "b");
	CHECK(!ward_glob_match(pattern, text));
	text[sizeof(text) - 2] = 'b';
	CHECK(ward_glob_match(pattern, text));

	pattern[0] = path[0] = '\0';
	for (unsigned i = 0; i < 150; i++)
		strcat(pattern, "**/a*a/");
	strcat(pattern, "b");
	for (unsigned i = 0; i < 700; i++)
		strcat(path, "aaaa/");
	strcat(path, "c");
	CHECK(!ward_glob_match(pattern, path));
	CHECK(ward_glob_may_match_below(pattern, path));
	path[strlen(path) - 1] = 'b';
	CHECK(ward_glob_match(pattern, path));
}

TEST(nothing_matches_nothing)
{
	CHECK(!ward_glob_match("", ""));
	CHECK(!ward_glob_match("", "a"));
	CHECK(!ward_glob_match("**", ""));
	CHECK(!ward_glob_match(NULL, "a"));
	CHECK(!ward_glob_match("a", NULL));
	CHECK(!ward_glob_match("../a", "../a"));
	CHECK(!ward_glob_may_match_below(NULL, "/"));
	CHECK(!ward_glob_may_match_below("/**", ""));
	CHECK(!ward_glob_is_pattern(NULL));
	CHECK(!ward_glob_is_pattern("a[b]{c}\\d"));
	CHECK(ward_glob_is_pattern("a*"));
	CHECK(ward_glob_is_pattern("a?"));
}

TEST(prefix)
{
	static const struct {
		const char *pattern, *want;
	} rows[] = {
		{ "/a/b/*.c", "/a/b" },
		{ "/a/b/**", "/a/b" },
		{ "/a/b", "/a" },
		{ "/a", "/" },
		{ "/", "/" },
		{ "/*", "/" },
		{ "/**", "/" },
		{ "/a/*/c", "/a" },
		{ "/a/b?/c", "/a" },
		{ "a/b/**", "a/b" },
		{ "a", "." },
		{ "*", "." },
		{ "**", "." },
		{ ".", "." },
		{ "./a//b/./*", "a/b" },
	};

	TABLE(row, rows) {
		char out[WARD_PATH_MAX];

		CASE("%s", row->pattern);
		CHECK_EQ_INT(ward_glob_prefix(row->pattern, out, sizeof(out)), WARD_OK);
		CHECK_STR_EQ(out, row->want);
		CHECK_EQ_INT(ward_glob_prefix(row->pattern, out, strlen(row->want)), WARD_E_LIMIT);
	}
	CASE("%s", "bad");
	char out[8];
	CHECK_EQ_INT(ward_glob_prefix("/a/b*", out, 3), WARD_OK);
	CHECK_STR_EQ(out, "/a");
	CHECK_EQ_INT(ward_glob_prefix("", out, sizeof(out)), WARD_E_INVALID);
	CHECK_EQ_INT(ward_glob_prefix(NULL, out, sizeof(out)), WARD_E_INVALID);
	CHECK_EQ_INT(ward_glob_prefix("/a", out, 0), WARD_E_LIMIT);
}

TEST(subtree)
{
	static const struct {
		const char *pattern, *want;
	} rows[] = {
		{ "/a/b/**", "/a/b" },
		{ "/**", "/" },
		{ "**", "." },
		{ "./**", "." },
		{ "a/**", "a" },
		{ "a/**/**", "a" },
		{ "a/./b//**", "a/b" },
		{ "/a", NULL },
		{ "/a/*", NULL },
		{ "/a/*/**", NULL },
		{ "/a?/**", NULL },
		{ "/a/**/b", NULL },
		{ "/**/b/**", NULL },
		{ "/a/b**", NULL },
		{ ".", NULL },
		{ "", NULL },
	};

	TABLE(row, rows) {
		char out[WARD_PATH_MAX] = "";

		CASE("%s", row->pattern);
		CHECK_EQ_INT(ward_glob_is_subtree(row->pattern, out, sizeof(out)),
			row->want != NULL);
		if (row->want == NULL)
			continue;
		CHECK_STR_EQ(out, row->want);
		CHECK(!ward_glob_is_subtree(row->pattern, out, strlen(row->want)));
		CHECK(ward_glob_is_subtree(row->pattern, out, strlen(row->want) + 1));
	}
	CASE("%s", "bad");
	CHECK(!ward_glob_is_subtree(NULL, NULL, 0));
}

TAP_MAIN();

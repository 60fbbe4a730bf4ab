/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: comparing, "did you mean", UTF-8 at its borders, and what a person or a shell may be shown.
 */
#include "base/base.h"
#include "tap.h"

TEST(str_compare)
{
	CHECK(ward_str_eq(ward_str("abc"), WARD_STR("abc")));
	CHECK(!ward_str_eq(ward_str("abc"), WARD_STR("abd")));
	CHECK(!ward_str_eq(ward_str("ab"), WARD_STR("abc")));
	CHECK(ward_str_eq(ward_str(NULL), WARD_STR("")));
	CHECK_EQ_SIZE(ward_str("abc").n, 3);
	CHECK(ward_streq("a", "a"));
	CHECK(!ward_streq("a", "b"));
	CHECK(!ward_streq("a", NULL));
	CHECK(!ward_streq(NULL, "a"));
	CHECK(ward_streq(NULL, NULL));
}

TEST(str_prefix_suffix)
{
	CHECK(ward_has_prefix("--cap", "--"));
	CHECK(ward_has_prefix("x", ""));
	CHECK(!ward_has_prefix("-", "--"));
	CHECK(!ward_has_prefix(NULL, "x"));
	CHECK(!ward_has_prefix("x", NULL));
	CHECK(ward_has_suffix("a.py", ".py"));
	CHECK(ward_has_suffix(".py", ".py"));
	CHECK(!ward_has_suffix("py", ".py"));
	CHECK(!ward_has_suffix("a.pyc", ".py"));
	CHECK(!ward_has_suffix(NULL, ""));
	CHECK(!ward_has_suffix("x", NULL));
}

TEST(nearest)
{
	static const char *const names[] = { "FILE_READ", "FILE_WRITE", "ENV", "memory", "pids",
		"NETWORK_CONNECT" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "FILE_READ", "FILE_READ" },
		{ "FILE_REED", "FILE_READ" },
		{ "FILEREAD", "FILE_READ" },
		{ "file_read", "FILE_READ" },
		{ "File_Raed", "FILE_READ" },
		{ "FILE_WRIT", "FILE_WRITE" },
		{ "EVN", "ENV" },
		{ "pid", "pids" },
		{ "mem", "memory" },
		{ "memmory", "memory" },
		{ "NETWORK_CONECT", "NETWORK_CONNECT" },
		{ "NET_CONNECT", NULL },
		{ "xyz", NULL },
		{ "q", NULL },
		{ "", NULL },
		{ NULL, NULL },
		{ "a_very_long_word_that_is_longer_than_anything_that_anybody_would_call_a_name",
			NULL },
	};

	TABLE(row, rows) {
		CASE("%s", row->word != NULL ? row->word : "NULL");
		CHECK_STR_EQ(ward_nearest(row->word, names, WARD_ARRAY_SIZE(names)), row->want);
	}
	CHECK_NULL(ward_nearest("x", NULL, 0));
}

TEST(nearest_takes_the_closest)
{
	static const char *const names[] = { "abcd", "abcx", "abc" };
	static const char *const swapped[] = { "abxd", "bacd" };
	static const char *const levels[] = { "none", "advisory" };
	char huge[200];
	const char *const too_long[] = { huge };

	CHECK_STR_EQ(ward_nearest("abc", names, 3), "abc");
	CHECK_STR_EQ(ward_nearest("abcy", names, 3), "abcd");
	CHECK_STR_EQ(ward_nearest("abdc", swapped, 2), "abxd");
	CHECK_NULL(ward_nearest("foo", levels, 2));
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	CHECK_NULL(ward_nearest("aaaa", too_long, 1));
}

TEST(utf8_borders)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "", true },
		{ "plain", true },
		{ "\x7f", true },
		{ "\xc2\x80", true }, /* U+0080, the first of two bytes */
		{ "\xdf\xbf", true }, /* U+07FF */
		{ "\xe0\xa0\x80", true }, /* U+0800 */
		{ "\xed\x9f\xbf", true }, /* U+D7FF, before the surrogates */
		{ "\xee\x80\x80", true }, /* U+E000, behind them */
		{ "\xef\xbf\xbf", true }, /* U+FFFF */
		{ "\xf0\x90\x80\x80", true }, /* U+10000 */
		{ "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF, the last */
		{ "a\xc3\xa4z", true },
		{ "\x80", false }, /* continuation alone */
		{ "\xbf", false },
		{ "\xc0\x80", false }, /* NUL, overlong */
		{ "\xc0\xaf", false }, /* '/', overlong */
		{ "\xc1\xbf", false },
		{ "\xe0\x80\xaf", false }, /* '/', overlong in three */
		{ "\xe0\x9f\xbf", false }, /* U+07FF in three */
		{ "\xf0\x8f\xbf\xbf", false }, /* U+FFFF in four */
		{ "\xf0\x80\x80\xaf", false },
		{ "\xed\xa0\x80", false }, /* U+D800 */
		{ "\xed\xbf\xbf", false }, /* U+DFFF */
		{ "\xed\xa0\x80\xed\xb0\x80", false }, /* CESU-8 */
		{ "\xf4\x90\x80\x80", false }, /* U+110000 */
		{ "\xf5\x80\x80\x80", false },
		{ "\xf8\x88\x80\x80\x80", false },
		{ "\xfe", false },
		{ "\xff", false },
		{ "\xc3", false }, /* cut off */
		{ "\xe2\x82", false },
		{ "\xf0\x9f\x98", false },
		{ "\xc3(", false }, /* continuation missing */
		{ "\xe2\x28\xa1", false },
		{ "\xe2\x82\x28", false },
		{ "\xf0\x9f\x28\x80", false },
		{ "\xf0\x9f\x98\x28", false },
		{ "ok\xc3\xa4\xa4", false },
	};

	TABLE(row, rows) {
		CASE("row %zu", (size_t)(row - rows));
		CHECK_EQ_INT(ward_utf8_valid(row->text, strlen(row->text)), row->valid);
	}
	CHECK(ward_utf8_valid("a\0b", 3));
	/* The length counts, and not what lies behind. */
	CHECK(!ward_utf8_valid("\xc3\xa4", 1));
}

/* Each code point, encoded by hand here, is accepted exactly if it is a scalar value. */
TEST(utf8_every_code_point)
{
	uint32_t wrong = 0;

	for (uint32_t cp = 0; cp <= 0x1fffff; cp++) {
		char s[4];
		size_t n;
		bool want = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);

		if (cp < 0x80) {
			s[0] = (char)cp;
			n = 1;
		} else if (cp < 0x800) {
			s[0] = (char)(0xc0 + cp / 64);
			s[1] = (char)(0x80 + cp % 64);
			n = 2;
		} else if (cp < 0x10000) {
			s[0] = (char)(0xe0 + cp / 4096);
			s[1] = (char)(0x80 + cp / 64 % 64);
			s[2] = (char)(0x80 + cp % 64);
			n = 3;
		} else {
			s[0] = (char)(0xf0 + cp / 262144);
			s[1] = (char)(0x80 + cp / 4096 % 64);
			s[2] = (char)(0x80 + cp / 64 % 64);
			s[3] = (char)(0x80 + cp % 64);
			n = 4;
		}
		wrong += ward_utf8_valid(s, n) != want;
		wrong += n > 1 && ward_utf8_valid(s, n - 1);
	}
	CHECK_EQ_UINT(wrong, 0);
}

static const struct {
	const char *text;
	size_t n;
	const char *quoted, *shell;
} quote_rows[] = {
	{ "", 0, "\"\"", "''" },
	{ "/etc/passwd", 11, "\"/etc/passwd\"", "'/etc/passwd'" },
	{ "a b", 3, "\"a b\"", "'a b'" },
	/* A backslash stands outside of the quotes: fish takes one before a quote for the quote itself. */
	{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"", "'a\"b'\\\\'c'" },
	{ "\\'", 2, "\"\\\\'\"", "''\\\\''\\'''" },
	{ "it's", 4, "\"it's\"", "'it'\\''s'" },
	{ "$(x)`y`!", 8, "\"$(x)`y`!\"", "'$(x)`y`!'" },
	{ "a\nb\tc\rd", 7, "\"a\\nb\\tc\\rd\"", "$'a\\nb\\tc\\rd'" },
	{ "\x1b[31m'\\", 7, "\"\\x1b[31m'\\\\\"", "$'\\x1b[31m\\047\\\\'" },
	{ "a\0b", 3, "\"a\\x00b\"", "$'a\\x00b'" },
	{ "\x7f", 1, "\"\\x7f\"", "$'\\x7f'" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"'\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'" },
	{ "\xff\xc3", 2, "\"\\xff\\xc3\"", "$'\\xff\\xc3'" },
	{ "\xc2\x9b", 2, "\"\\xc2\\x9b\"", "$'\\xc2\\x9b'" },
	/*
	 * Bidi: RLO, LRI, ALM, LRM; line separator; zero-width space; tag space; byte order mark.
	 */
	{ "\xe2\x80\xae", 3, "\"\\xe2\\x80\\xae\"", "$'\\xe2\\x80\\xae'" },
	{ "\xe2\x81\xa6", 3, "\"\\xe2\\x81\\xa6\"", "$'\\xe2\\x81\\xa6'" },
	{ "\xd8\x9c", 2, "\"\\xd8\\x9c\"", "$'\\xd8\\x9c'" },
	{ "\xe2\x80\x8e", 3, "\"\\xe2\\x80\\x8e\"", "$'\\xe2\\x80\\x8e'" },
	{ "\xe2\x80\xa8", 3, "\"\\xe2\\x80\\xa8\"", "$'\\xe2\\x80\\xa8'" },
	{ "\xe2\x80\x8b", 3, "\"\\xe2\\x80\\x8b\"", "$'\\xe2\\x80\\x8b'" },
	/* Format controls of shorthand, music and hieroglyphs. */
	{ "\xf0\x9b\xb2\xa0", 4, "\"\\xf0\\x9b\\xb2\\xa0\"", "$'\\xf0\\x9b\\xb2\\xa0'" },
	{ "\xf0\x9d\x85\xb3", 4, "\"\\xf0\\x9d\\x85\\xb3\"", "$'\\xf0\\x9d\\x85\\xb3'" },
	{ "\xf0\x93\x90\xb7", 4, "\"\\xf0\\x93\\x90\\xb7\"", "$'\\xf0\\x93\\x90\\xb7'" },
	{ "\xf3\xa0\x80\xa0", 4, "\"\\xf3\\xa0\\x80\\xa0\"", "$'\\xf3\\xa0\\x80\\xa0'" },
	{ "\xef\xbb\xbf", 3, "\"\\xef\\xbb\\xbf\"", "$'\\xef\\xbb\\xbf'" },
};

TEST(quote_for_people)
{
	TABLE(row, quote_rows) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("row %zu", (size_t)(row - quote_rows));
		ward_quote(&b, row->text, row->n);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->quoted);
	}
}

TEST(quote_for_a_shell)
{
	TABLE(row, quote_rows) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("row %zu", (size_t)(row - quote_rows));
		ward_quote_shell(&b, row->text, row->n);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->shell);
	}
}

/* Whole or not at all: a part of a name is another name. */
TEST(paste_is_whole)
{
	char text[WARD_PASTE_MAX], out[WARD_PASTE_MAX];

	CHECK_STR_EQ(ward_paste(out, "/a $(b)", "FILE"), "'/a $(b)'");
	CHECK_STR_EQ(ward_paste(out, "a\nb", "FILE"), "$'a\\nb'");
	CHECK_STR_EQ(ward_paste(out, NULL, "FILE"), "FILE");
	CHECK_STR_EQ(ward_paste(out, "", "FILE"), "''");
	memset(text, 'x', sizeof(text));
	text[WARD_PASTE_MAX - 3] = '\0';
	CHECK_EQ_UINT(strlen(ward_paste(out, text, "FILE")), WARD_PASTE_MAX - 1);
	text[WARD_PASTE_MAX - 3] = 'x';
	text[WARD_PASTE_MAX - 2] = '\0';
	CHECK_STR_EQ(ward_paste(out, text, "FILE"), "FILE");
}

/*
 * Whatever goes in, nothing comes out that a terminal obeys: only printable ASCII and valid UTF-8.
 */
TEST(quote_is_printable)
{
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
			const char text[2] = { (char)first, (char)second };
			bool good = true;

			ward_quote(&b, text, 2);
			ward_quote_shell(&b, text, 2);
			for (size_t i = 0; i < b.n; i++)
				good = good && (unsigned char)b.s[i] >= 0x20 && b.s[i] != 0x7f;
			good = good && ward_utf8_valid(b.s, b.n);
			if (!good)
				FAIL("bytes %02x %02x are shown as '%s'", first, second,
					ward_buf_cstr(&b));
		}
	}
	CHECK(true);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/* How texts are printed: short escapes, what is written as a number, marks at the start and inside, identifiers. */
#include "cedar/core/core.h"
#include "tap.h"

struct row {
	const char *name;
	struct ward_str text;
	const char *expected;
};

static const struct row rows[] = {
	{ "empty", WARD_STR(""), "\"\"" },
	{ "letters", WARD_STR("a b*c"), "\"a b*c\"" },
	{ "short", WARD_STR("\t\n\r\\\"'"), "\"\\t\\n\\r\\\\\\\"\\'\"" },
	{ "nul", WARD_STR("a\0b\0"), "\"a\\0b\\0\"" },
	{ "controls", WARD_STR("\x01\x1f\x7f"), "\"\\u{1}\\u{1f}\\u{7f}\"" },
	{ "bell and escape", WARD_STR("\a\x1b"), "\"\\u{7}\\u{1b}\"" },
	{ "latin", WARD_STR("\xc3\xa4\xc3\x9f"), "\"\xc3\xa4\xc3\x9f\"" },
	{ "no-break space", WARD_STR("a\xc2\xa0"), "\"a\\u{a0}\"" },
	{ "soft hyphen", WARD_STR("a\xc2\xad"), "\"a\\u{ad}\"" },
	{ "mark first", WARD_STR("\xcc\x80"), "\"\\u{300}\"" },
	{ "mark inside", WARD_STR("a\xcc\x80"), "\"a\xcc\x80\"" },
	{ "two marks first", WARD_STR("\xcc\x80\xcc\x81"), "\"\\u{300}\xcc\x81\"" },
	{ "mark behind an escape", WARD_STR("\n\xcc\x80"), "\"\\n\xcc\x80\"" },
	{ "joiner", WARD_STR("a\xcd\x8f"), "\"a\\u{34f}\"" },
	{ "hangul filler", WARD_STR("\xe1\x85\x9f"), "\"\\u{115f}\"" },
	{ "right to left", WARD_STR("a\xe2\x80\xae"), "\"a\\u{202e}\"" },
	{ "line separator", WARD_STR("\xe2\x80\xa8"), "\"\\u{2028}\"" },
	{ "ideographic space", WARD_STR("\xe3\x80\x80"), "\"\\u{3000}\"" },
	{ "private", WARD_STR("\xee\x80\x80"), "\"\\u{e000}\"" },
	{ "byte order mark", WARD_STR("\xef\xbb\xbf"), "\"\\u{feff}\"" },
	{ "variation selector", WARD_STR("a\xef\xb8\x8f"), "\"a\\u{fe0f}\"" },
	{ "replacement", WARD_STR("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"" },
	{ "emoji", WARD_STR("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"" },
	{ "tag", WARD_STR("\xf3\xa0\x81\x81"), "\"\\u{e0041}\"" },
	{ "the last", WARD_STR("\xf4\x8f\xbf\xbf"), "\"\\u{10ffff}\"" },
};

TEST(table)
{
	TABLE(row, rows) {
		struct ward_buf out = WARD_BUF_INIT;

		CASE("%s", row->name);
		ward_cedar_quote(&out, row->text);
		CHECK_STR_EQ(ward_buf_cstr(&out), row->expected);
		ward_buf_done(&out);
	}
}

/* What is cut off inside a character is no way over the end. */
TEST(cut)
{
	struct ward_buf out = WARD_BUF_INIT;
	char *text = malloc(2);

	REQUIRE(text != NULL);
	text[0] = 'a';
	text[1] = '\xf0';
	ward_cedar_escape(&out, (struct ward_str){ text, 2 });
	CHECK(!out.failed && out.n >= 1 && out.s[0] == 'a');
	free(text);
	ward_buf_done(&out);
}

TEST(uid)
{
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_pool *p = ward_cedar_pool_new(0);

	REQUIRE(p != NULL);
	ward_cedar_print_uid(&out,
		ward_cedar_intern_uid(p, ward_cedar_intern(p, "A::B", 4),
			ward_cedar_intern(p, "\"x'", 3)));
	CHECK_STR_EQ(ward_buf_cstr(&out), "A::B::\"\\\"x\\'\"");
	ward_buf_done(&out);
	ward_cedar_pool_free(p);
}

/* data/unicode/escape says it of each character; c = 'a' (always), 's' (start) or 'n' (never). */
static char *classes(void)
{
	FILE *f = fopen(WARD_SOURCE_ROOT "/data/unicode/escape", "r");
	char *class = malloc(0x110000), line[256], word[16];

	if (f == NULL || class == NULL)
		return NULL;
	memset(class, 'n', 0x110000);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned first, last;

		if (sscanf(line, "%x-%x %15s", &first, &last, word) != 3) {
			if (sscanf(line, "%x %15s", &first, word) != 2)
				continue;
			last = first;
		}
		memset(class + first, word[0], last - first + 1);
	}
	fclose(f);
	return class;
}

static bool shown(const char *text, size_t n, size_t from)
{
	struct ward_buf out = WARD_BUF_INIT;
	bool same;

	ward_cedar_escape(&out, (struct ward_str){ text, n });
	same = out.n == n && memcmp(out.s, text, n) == 0;
	if (!same && (out.n < from + 4 || memcmp(out.s + from, "\\u{", 3) != 0))
		CHECK(false && "neither as it is nor as a number");
	ward_buf_done(&out);
	return same;
}

/* An empty text may be NULL. */
TEST(empty_text)
{
	struct cedar_pool *p = ward_cedar_pool_new(0);
	const struct cedar_str *none;

	REQUIRE(p != NULL);
	none = ward_cedar_intern(p, NULL, 0);
	CHECK(none != NULL && none->n == 0 && none->s[0] == '\0');
	CHECK(none == ward_cedar_intern(p, "", 0));
	ward_cedar_pool_free(p);
}

TEST(every_character)
{
	char *class = classes();
	unsigned wrong = 0;

	REQUIRE(class != NULL);
	for (uint32_t c = 0x80; c < 0x110000; c++) {
		char text[8] = "a";
		size_t n;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = ward_cedar_utf8_put(c, text + 1);
		wrong += shown(text, n + 1, 1) != (class[c] != 'a');
		wrong += shown(text + 1, n, 0) != (class[c] == 'n');
	}
	CHECK_EQ_INT(wrong, 0);
	free(class);
}

TAP_MAIN();

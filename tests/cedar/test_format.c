/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter: format.cases says how texts are laid out. Besides: comments anywhere stay, the layout of a layout is the
 * same, the policies are the same; what cannot be parsed, or for which there is no memory, gives nothing.
 */
#include <dirent.h>

#include "cedar/format/layout.h"

/* The allocator is the test's own from here on. */
#include "../unit/alloc_fail.h"
#include "cedar_data.h"

/* r = the result; *ret is "" after a failure. The caller frees. */
static int format(struct ward_str text, unsigned width, unsigned indent, char **ret)
{
	struct cedar_format_options o = { .width = width, .indent = indent };
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_diags d;
	int r;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
	r = ward_cedar_format(text, &o, &out, &d);
	CHECK_EQ_INT(r == WARD_OK, d.errors == 0);
	if (r != WARD_OK)
		CHECK_EQ_SIZE(out.n, 0);
	ward_cedar_diags_done(&d);
	ward_buf_addc(&out, '\0');
	*ret = out.s;
	return r;
}

/* The texts of the file between two lines that begin with '#'. */
static char *section(char **at)
{
	char *text = strchr(*at, '\n') + 1, *end = text;

	while (*end != '\0' && *end != '#')
		end = strchr(end, '\n') + 1;
	*at = end;
	return text;
}

TEST(cases)
{
	struct ward_buf b = WARD_BUF_INIT;
	FILE *f = fopen(WARD_SOURCE_ROOT "/tests/cedar/format.cases", "rb");
	char part[4096], *at, *got, *again;
	size_t n, cases = 0;

	REQUIRE(f != NULL);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		ward_buf_add(&b, part, n);
	fclose(f);
	ward_buf_addc(&b, '\0');
	at = strstr(b.s, "\n#case ");
	at += at != NULL;
	while (at != NULL && *at != '\0') {
		unsigned width, indent;
		char name[80] = "", *text, *want, *end;

		CHECK_EQ_INT(sscanf(at, "#case %u %u %79[^\n]", &width, &indent, name), 3);
		CASE("%s", name);
		text = section(&at);
		end = at;
		want = section(&at);
		n = (size_t)(at - want);
		/* The text's last line feed is the file's. */
		CHECK_EQ_INT(format((struct ward_str){ text, (size_t)(end - text) - 1 }, width,
				     indent, &got),
			WARD_OK);
		if (strlen(got) != n || memcmp(got, want, n) != 0)
			FAIL("is not laid out as it should be, but so:\n%s", got);
		CHECK_EQ_INT(format(ward_str(got), width, indent, &again), WARD_OK);
		CHECK_STR_EQ(again, got);
		free(got);
		free(again);
		cases++;
	}
	CHECK_GE_INT(cases, 30);
	ward_buf_done(&b);
}

/* Tokens of a policy that has everything, one comment behind each of them in turn. */
static const char *const tokens[] = { "@", "a", "(", "\"x\"", ")", "@", "b", "permit", "(",
	"principal", "is", "A", "::", "B", "in", "A", "::", "B", "::", "\"x\"", ",", "action", "in",
	"[", "Action", "::", "\"x\"", ",", "A", "::", "Action", "::", "\"y\"", ",", "]", ",",
	"resource", "==", "?resource", ",", ")", "when", "{", "ip", "(", "\"y\"", ",", ")", ".",
	"isInRange", "(", "ip", "(", "\"y\"", ")", ",", ")", "&&", "principal", "has", "a", ".",
	"b", "||", "-", "1", "*", "2", "+", "007", "<", "4", "&&", "!", "context", ".", "x", "[",
	"\"y z\"", "]", ".", "contains", "(", "[", "1", ",", "{", "a", ":", "1", ",", "\"b c\"",
	":", "[", "]", ",", "}", ",", "]", ")", "&&", "context", ".", "x", "like", "\"a*b\"", "&&",
	"principal", "is", "A", "::", "B", "in", "[", "A", "::", "\"x\"", ",", "]", "}", "unless",
	"{", "if", "context", ".", "a", "then", "\"b\"", "else", "if", "[", "1", "]", "==", "2",
	"then", "(", "3", ")", "else", "{", "}", "}", ";" };

static void spell(struct ward_buf *out, size_t behind, const char *comment)
{
	ward_buf_clear(out);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(tokens); i++) {
		ward_buf_adds(out, tokens[i]);
		ward_buf_adds(out, i == behind ? comment : " ");
	}
	REQUIRE(!out->failed);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part)) != NULL) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* (The layout itself compares the policies before it hands them out.) */
TEST(comments_anywhere)
{
	static const char *const forms[] = { " // zz\n", "\n// zz\n", "\n// zz\n\n  // zz \n",
		"//zz\n//zz\n", "\n\n//zz\r", "//zz\r//zz\n" };
	static const unsigned widths[] = { 200, 80, 30, 1 };
	struct ward_buf b = WARD_BUF_INIT;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(tokens); i++) {
		for (size_t k = 0; k < WARD_ARRAY_SIZE(forms) * WARD_ARRAY_SIZE(widths); k++) {
			const char *form = forms[k / WARD_ARRAY_SIZE(widths)];
			unsigned width = widths[k % WARD_ARRAY_SIZE(widths)];
			char *got, *again;

			CASE("behind %zu (%s), form %zu, width %u", i, tokens[i], k, width);
			spell(&b, i, form);
			CHECK_EQ_INT(format((struct ward_str){ b.s, b.n }, width, 2, &got),
				WARD_OK);
			CHECK_EQ_SIZE(count(got, "zz"), count(form, "zz"));
			CHECK_EQ_INT(format(ward_str(got), width, 2, &again), WARD_OK);
			CHECK_STR_EQ(again, got);
			free(got);
			free(again);
		}
	}
	ward_buf_done(&b);
}

TEST(comments_everywhere)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *at;
	char *got, *again;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(tokens); i++) {
		ward_buf_adds(&b, tokens[i]);
		ward_buf_addf(&b, " // a%zu;\n\n// b%zu;\n", i, i);
	}
	CHECK_EQ_INT(format((struct ward_str){ b.s, b.n }, 0, 0, &got), WARD_OK);
	at = got;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(tokens); i++) {
		char part[32];

		/* In the order in which they came. */
		snprintf(part, sizeof(part), "// a%zu;\n", i);
		CHECK_EQ_SIZE(count(got, part), 1);
		CHECK_EQ_SIZE(count(at, part), 1);
		at = strstr(at, part);
		REQUIRE(at != NULL);
		part[3] = 'b';
		CHECK_EQ_SIZE(count(got, part), 1);
		CHECK_EQ_SIZE(count(at, part), 1);
		at = strstr(at, part);
		REQUIRE(at != NULL);
	}
	CHECK_EQ_INT(format(ward_str(got), 0, 0, &again), WARD_OK);
	CHECK_STR_EQ(again, got);
	free(got);
	free(again);
	ward_buf_done(&b);
}

static uint32_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* In each gap none, one or some comments, numbered, in any of the ways in which they can stand there. */
static unsigned strew(struct ward_buf *b, unsigned density)
{
	static const char *const before[] = { " ", "\n", "\r", "\n\n\t", "\xc2\xa0" };
	static const char *const behind[] = { "\n", "\r\n", " \"\n", " // \n", "/* \r\n",
		"\xe3\x80\x80\n\n\n" };
	unsigned n = 0;

	ward_buf_clear(b);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(tokens); i++) {
		ward_buf_adds(b, tokens[i]);
		ward_buf_addc(b, ' ');
		while (below(100) < density)
			ward_buf_addf(b, "%s//<%u>%s", before[below(WARD_ARRAY_SIZE(before))], n++,
				behind[below(WARD_ARRAY_SIZE(behind))]);
	}
	REQUIRE(!b->failed);
	return n;
}

TEST(comments_at_random)
{
	static const unsigned widths[] = { 1, 20, 40, 80, 200 };
	struct ward_buf b = WARD_BUF_INIT;

	for (uint32_t start = 1; start <= 600; start++) {
		uint32_t width, indent;
		char *got, *again, *at, part[32];
		unsigned n;

		seed = start;
		n = strew(&b, 1 + below(60));
		width = widths[below(WARD_ARRAY_SIZE(widths))];
		indent = 1 + below(8);
		CASE("seed %u, width %u, indent %u", start, width, indent);
		CHECK_EQ_INT(format((struct ward_str){ b.s, b.n }, width, indent, &got), WARD_OK);
		CHECK_EQ_SIZE(count(got, "//<"), n);
		at = got;
		for (unsigned i = 0; i < n && at != NULL; i++) {
			snprintf(part, sizeof(part), "//<%u>", i);
			at = strstr(at, part);
		}
		CHECK(at != NULL);
		CHECK_EQ_INT(format(ward_str(got), width, indent, &again), WARD_OK);
		CHECK_STR_EQ(again, got);
		free(got);
		free(again);
	}
	ward_buf_done(&b);
}

TEST(columns)
{
	static const struct {
		const char *name, *text;
		unsigned width;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "ascii", "a b\n\t", 5 },
		{ "accents", "\xc3\xa9\xc3\xa9", 2 },
		{ "a mark", "\xc3\xa9\xcc\x81", 1 },
		{ "han", "\xe6\xbc\xa2x", 3 },
		{ "hangul of parts", "\xe1\x84\x80\xe1\x85\xa1", 2 },
		{ "two ends of a line in one", "\xc3\xa9\r\n", 2 },
		{ "carriage return alone", "\xc3\xa9\r", 2 },
		{ "emoji", "\xf0\x9f\x98\x80", 2 },
		{ "emoji with a modifier", "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2 },
		{ "modifier alone", "x\xf0\x9f\x8f\xbd", 3 },
		{ "heart as text", "\xe2\x9d\xa4", 1 },
		{ "heart as emoji", "\xe2\x9d\xa4\xef\xb8\x8f", 2 },
		{ "emoji as text", "\xe2\x98\x94\xef\xb8\x8e", 1 },
		{ "family",
			"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6",
			2 },
		{ "heart in the middle",
			"\xf0\x9f\x91\xa9\xe2\x80\x8d\xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x91\xa8",
			2 },
		{ "modifier in a family",
			"\xf0\x9f\x91\xa9\xf0\x9f\x8f\xbd\xe2\x80\x8d\xf0\x9f\x92\xbb", 2 },
		{ "flag", "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 2 },
		{ "keycap", "1\xef\xb8\x8f\xe2\x83\xa3", 2 },
		{ "selector of a letter", "a\xef\xb8\x8f", 1 },
		{ "wide quote", "\xe2\x80\x9c\xef\xb8\x81", 2 },
		{ "lam-alef", "\xd9\x84\xd8\xa7", 1 },
		{ "lam-alef with a mark", "\xd9\x84\xd9\x8b\xd8\xa7", 1 },
		{ "alef alone", "\xd8\xa7", 1 },
		{ "khmer sign below", "\xe1\x9e\x80\xe1\x9f\x92\xe1\x9e\x80", 1 },
		{ "khmer letters", "\xe1\x9e\x80\xe1\x9e\x80", 2 },
	};

	TABLE(row, rows) {
		CASE("%s", row->name);
		CHECK_EQ_UINT(ward_cedar_width(ward_str(row->text)), row->width);
	}
}

TEST(refused)
{
	static const char *const bad[] = { "permit", "permit(principal,action,resource)", "// x\n;",
		"permit(principal,action,resource) when { 1 < 2 < 3 };", "\xff",
		"permit(principal,action,resource);;",
		"permit(principal,action,resource) when { \"\\q\" };",
		"@a@a permit(principal,action,resource);",
		"permit(principal,action,resource) when { {a:1, a:2} };" };
	char *got;

	TABLE(text, bad) {
		CASE("%s", *text);
		CHECK_EQ_INT(format(ward_str(*text), 80, 2, &got), WARD_E_PARSE);
		free(got);
	}
}

static void nested(struct ward_buf *b, const char *open, const char *middle, const char *close,
	size_t n)
{
	ward_buf_clear(b);
	ward_buf_adds(b, "permit(principal,action,resource)when{");
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(b, open);
	ward_buf_adds(b, middle);
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(b, close);
	ward_buf_adds(b, "};");
	REQUIRE(!b->failed);
}

TEST(deep)
{
	static const struct {
		const char *open, *middle, *close;
	} rows[] = { { "(", "true", ")" }, { "[", "1", "]" }, { "{a:", "1", "}" },
		{ "(", "1 // c\n", ")" }, { "if ", "true", " then 1 else 2" },
		{ "1==1&&(", "1", ")" }, { "2*(1+", "1", ")" } };
	struct ward_buf b = WARD_BUF_INIT;
	char *got;

	TABLE(row, rows) {
		CASE("%s", row->open);
		nested(&b, row->open, row->middle, row->close, 400);
		CHECK_EQ_INT(format((struct ward_str){ b.s, b.n }, 80, 2, &got), WARD_OK);
		free(got);
		nested(&b, row->open, row->middle, row->close, 10000);
		CHECK_NE_INT(format((struct ward_str){ b.s, b.n }, 80, 2, &got), WARD_OK);
		free(got);
	}
	ward_buf_done(&b);
}

/* A layout is never larger than the buffer may be, and a buffer that was too small holds nothing of it. */
TEST(too_large)
{
	struct ward_buf out = { .max = 40 };

	CHECK_EQ_INT(ward_cedar_format(WARD_STR("permit(principal,action,resource)when{true};"),
			     NULL, &out, NULL),
		WARD_E_NOMEM);
	ward_buf_done(&out);
}

TEST(allocations)
{
	struct ward_buf text = WARD_BUF_INIT;
	int r = WARD_E_NOMEM;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the allocator is the sanitizer's");
	spell(&text, 20, " // c\n");
	ward_buf_adds(&text, "// end\n");
	for (unsigned long n = 1; r != WARD_OK && n < 10000; n++) {
		struct ward_buf out = WARD_BUF_INIT;

		alloc_fail_at = n;
		alloc_fail_hit = false;
		r = ward_cedar_format((struct ward_str){ text.s, text.n }, NULL, &out, NULL);
		alloc_fail_at = 0;
		CHECK_EQ_INT(r, alloc_fail_hit ? WARD_E_NOMEM : WARD_OK);
		ward_buf_done(&out);
	}
	CHECK_EQ_INT(r, WARD_OK);
	ward_buf_done(&text);
}

/* ---- the conformance data ---- */

static size_t stable(const char *folder)
{
	char path[2048];
	const struct dirent *e;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", data_folder(), folder);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		struct ward_buf text = WARD_BUF_INIT;
		char name[2400], *got, *again;
		const char *end = strrchr(e->d_name, '.');

		snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		if (end == NULL || strcmp(end, ".cedar") != 0 || !data_read(&text, name))
			continue;
		CASE("%.200s", name);
		CHECK_EQ_INT(format((struct ward_str){ text.s, text.n }, 80, 2, &got), WARD_OK);
		CHECK_EQ_INT(format(ward_str(got), 80, 2, &again), WARD_OK);
		CHECK_STR_EQ(again, got);
		free(got);
		free(again);
		ward_buf_done(&text);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

TEST(corpus)
{
	size_t n = stable("corpus-tests");

	if (n == 0)
		SKIP("the conformance data is not there: set WARD_CEDAR_DATA");
	CHECK_GE_INT(n, 300);
}

TAP_MAIN();

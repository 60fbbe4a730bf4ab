/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader against jansson, an independent one: over the documents of base_json_cases.h,
 * over the fuzz corpus and over seeded mutations of both, the two accept and refuse the same texts,
 * and what they accept means the same. The differences that are meant are listed in
 * known_difference() and nowhere else.
 */
#include <dirent.h>
#include <jansson.h>

#include "base/base.h"
#include "base_json_cases.h"
#include "tap.h"

#define MUTANTS_PER_SEED 400
#define SEED_MAX 4096

static uint64_t prng_state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64*: the same mutants on every machine. */
static uint32_t prng(uint32_t below)
{
	prng_state ^= prng_state >> 12;
	prng_state ^= prng_state << 25;
	prng_state ^= prng_state >> 27;
	return (uint32_t)((prng_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static bool same(const struct ward_json *w, json_t *j)
{
	size_t i = 0;

	switch (w->type) {
	case WARD_JSON_NULL: return json_is_null(j);
	case WARD_JSON_BOOL: return json_is_boolean(j) && json_is_true(j) == w->b;
	case WARD_JSON_INT: return json_is_integer(j) && json_integer_value(j) == w->i;
	case WARD_JSON_REAL: return json_is_real(j) && json_real_value(j) == w->d;
	case WARD_JSON_STRING:
		return json_is_string(j) && json_string_length(j) == w->str.n &&
			memcmp(json_string_value(j), w->str.s, w->str.n) == 0;
	case WARD_JSON_ARRAY:
		if (!json_is_array(j) || json_array_size(j) != w->count)
			return false;
		for (const struct ward_json *e = w->child; e != NULL; e = e->next, i++) {
			if (!same(e, json_array_get(j, i)))
				return false;
		}
		return true;
	case WARD_JSON_OBJECT:
		if (!json_is_object(j) || json_object_size(j) != w->count)
			return false;
		for (const struct ward_json *e = w->child; e != NULL; e = e->next) {
			json_t *member = json_object_get(j, e->key.s);

			if (member == NULL || !same(e, member))
				return false;
		}
		return true;
	}
	return false;
}

/*
 * Where Ward refuses on purpose what jansson takes; each by Ward's own words. There is no case of
 * the other direction.
 *  - nesting: jansson goes to 2048, Ward to WARD_JSON_DEPTH_MAX;
 *  - the length of one number: jansson has no limit, Ward WARD_JSON_NUMBER_MAX;
 *  - a NUL byte as the last of the text, right behind a word or number that is the whole document:
 *    jansson takes it for the end, though it was told the length.
 */
static bool known_difference(const struct ward_error *err, const char *text, size_t n)
{
	if (err->start + 1 == n && text[n - 1] == '\0')
		return strstr(err->message, "expected the end of the document") != NULL;
	return strstr(err->message, "nested deeper than") != NULL ||
		strstr(err->message, "a number of more than") != NULL;
}

static unsigned n_accepted, n_refused;

static void compare(const char *text, size_t n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v = NULL;
	json_error_t jerr;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &jerr);
	int r = ward_json_parse(a, text, n, "text", &v, &err);
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;

	n_accepted += r == WARD_OK;
	n_refused += r != WARD_OK;
	ward_quote(&shown, text, n);
	if (r == WARD_OK && j == NULL)
		FAIL("Ward takes, jansson refuses (%s): %s", jerr.text, ward_buf_cstr(&shown));
	else if (r != WARD_OK && j != NULL && !known_difference(&err, text, n))
		FAIL("jansson takes, Ward refuses (%s): %s", err.message, ward_buf_cstr(&shown));
	else if (r == WARD_OK && !same(v, j))
		FAIL("Ward and jansson read different things: %s", ward_buf_cstr(&shown));
	json_decref(j);
}

/* One to four small changes: what a hostile or a careless hand would do. */
static size_t mutate(const char *from, size_t n, char *to)
{
	static const char *const pieces[] = { "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000",
		"\\ud83d", "\\ude00", "\\u0041", "\"a\":1,", "\"a\":1", "[]", "{}", "null", "true",
		"-", "0", "1", ".", "e", "E+", "1e308", "9223372036854775808", " ", "\n", "\t",
		"\r", "\x01", "\x7f", "\x80", "\xc3", "\xc3\xa4", "\xed\xa0\x80",
		"\xf0\x9f\x98\x80", "\xef\xbb\xbf" };

	memcpy(to, from, n);
	for (uint32_t k = prng(4) + 1; k > 0; k--) {
		size_t at = prng((uint32_t)n + 1);
		const char *piece = pieces[prng(WARD_ARRAY_SIZE(pieces))];
		size_t m = strlen(piece);
		uint32_t what = prng(4);

		if (what == 0 && n + m <= SEED_MAX) {
			memmove(to + at + m, to + at, n - at);
			memcpy(to + at, piece, m);
			n += m;
		} else if (what == 1 && at < n) {
			memmove(to + at, to + at + 1, n - at - 1);
			n--;
		} else if (what == 2 && at < n) {
			to[at] = (char)prng(256);
		} else if (what == 3 && at + m <= n) {
			memcpy(to + at, piece, m);
		}
	}
	return n;
}

static void compare_mutants(const char *text, size_t n)
{
	char mutant[SEED_MAX];

	compare(text, n);
	for (int i = 0; i < MUTANTS_PER_SEED && n <= SEED_MAX; i++) {
		size_t m = mutate(text, n, mutant);

		compare(mutant, m);
	}
}

/* A comparison in which nearly all is refused, or nearly nothing, would compare little. */
static void check_balance(void)
{
	CHECK(n_accepted > 500);
	CHECK(n_refused > 500);
	n_accepted = n_refused = 0;
}

TEST(cases)
{
	TABLE(row, json_valid) {
		compare_mutants(row->text, row->n);
	}
	TABLE(row, json_invalid) {
		compare_mutants(row->text, row->n);
	}
	check_balance();
}

/* Documents built from the grammar, so that deep and wide ones come up too. */
static void generate(struct ward_buf *b, unsigned depth)
{
	static const char *const scalars[] = { "null", "true", "false", "0", "-1", "3.25", "1e5",
		"\"\"", "\"x\"", "\"\\u00e9\\n\"", "\"\xc3\xa4\"", "1234567890123", "-0.0",
		"\"\\\\\"" };
	uint32_t kind = depth >= 8 ? 0 : prng(3);
	uint32_t n = prng(5);

	if (kind == 0) {
		uint32_t pick = prng(WARD_ARRAY_SIZE(scalars));

		ward_jw_raw(b, scalars[pick], strlen(scalars[pick]));
		return;
	}
	ward_jw_open(b, kind == 1 ? '[' : '{');
	for (uint32_t i = 0; i < n; i++) {
		char key[16];

		/* Now and then the same twice. */
		(void)snprintf(key, sizeof(key), "k%u", prng(12));
		if (kind == 2)
			ward_jw_key(b, key);
		generate(b, depth + 1);
	}
	ward_jw_close(b, kind == 1 ? ']' : '}');
}

TEST(generated)
{
	for (int i = 0; i < 4000; i++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		char mutant[SEED_MAX];

		generate(&b, 0);
		compare(ward_buf_cstr(&b), b.n);
		if (b.n <= SEED_MAX)
			compare(mutant, mutate(ward_buf_cstr(&b), b.n, mutant));
	}
	check_balance();
}

TEST(corpus)
{
	const char *dir = getenv("WARD_FUZZ_CORPUS");
	struct dirent *entry;
	unsigned files = 0;
	DIR *d;

	if (dir == NULL)
		SKIP("WARD_FUZZ_CORPUS does not name the corpus (meson test sets it)");
	d = opendir(dir);
	REQUIRE(d != NULL);
	while ((entry = readdir(d)) != NULL) {
		char path[4096], text[65536];
		size_t n;
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		f = fopen(path, "rbe");
		if (f == NULL) {
			FAIL("cannot open %s", path);
			continue;
		}
		n = fread(text, 1, sizeof(text), f);
		(void)fclose(f);
		CASE("%s", entry->d_name);
		compare_mutants(text, n);
		files++;
	}
	(void)closedir(d);
	CHECK(files >= 20);
	check_balance();
}

/* The known differences are there, and in the direction that is claimed. */
TEST(known_differences)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v;
	char text[1024];
	json_t *j;

	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	j = json_loadb(text, 130, JSON_REJECT_DUPLICATES, NULL);
	CHECK(j != NULL);
	json_decref(j);
	CHECK_EQ_INT(ward_json_parse(a, text, 130, NULL, &v, &err), WARD_E_PARSE);
	CHECK(known_difference(&err, text, 130));
	memset(text, '1', 500);
	text[1] = '.';
	j = json_loadb(text, 500, JSON_DECODE_ANY, NULL);
	CHECK(j != NULL);
	json_decref(j);
	CHECK_EQ_INT(ward_json_parse(a, text, 500, NULL, &v, &err), WARD_E_PARSE);
	CHECK(known_difference(&err, text, 500));
	j = json_loadb("true", 5, JSON_DECODE_ANY, NULL);
	CHECK(j != NULL);
	json_decref(j);
	CHECK_EQ_INT(ward_json_parse(a, "true", 5, NULL, &v, &err), WARD_E_PARSE);
	CHECK(known_difference(&err, "true", 5));
}

TAP_MAIN();

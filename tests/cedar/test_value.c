/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: equality and hash, sets and records, the order of output, printing, JSON, copies, like, and what faults say.
 */
#include "cedar/value/value.h"
#include "tap.h"

static struct cedar_pool *pool;
static struct ward_arena *arena;

__attribute__((constructor)) static void begin(void)
{
	pool = ward_cedar_pool_new(0);
	arena = ward_cedar_pool_arena(pool);
}

__attribute__((destructor)) static void end(void)
{
	ward_cedar_pool_free(pool);
}

static const struct cedar_str *str(const char *s)
{
	return ward_cedar_intern(pool, s, strlen(s));
}

/* A value from its entity-JSON, in pool p. */
static struct cedar_value from_json_in(struct cedar_pool *p, const char *json)
{
	struct ward_arena *a = ward_arena_new(0);
	struct cedar_json_context c = { .pool = p, .scratch = a };
	struct cedar_value v = { 0 };
	struct ward_json *j = NULL;

	REQUIRE(ward_cedar_json_parse(a, ward_str(json), &j, NULL) == WARD_OK);
	REQUIRE(ward_cedar_json_value(&c, j, NULL, &v) == WARD_OK);
	ward_arena_free(a);
	return v;
}

static struct cedar_value from_json(const char *json)
{
	return from_json_in(pool, json);
}

#define UID(t, i) "{\"__entity\":{\"type\":\"" t "\",\"id\":\"" i "\"}}"
#define EXT(f, a) "{\"__extn\":{\"fn\":\"" f "\",\"arg\":\"" a "\"}}"

/* ---- equality ---- */

TEST(equality)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "1", "1", true },
		{ "1", "2", false },
		{ "1", "\"1\"", false },
		{ "1", "true", false },
		{ "true", "true", true },
		{ "\"a\"", "\"a\"", true },
		{ "\"\xc3\xa9\"", "\"e\xcc\x81\"", false }, /* no normalisation */
		{ "[1,2]", "[2,1,1]", true },
		{ "[1,2]", "[1,2,3]", false },
		{ "[]", "{}", false },
		{ "[[1,2],[3]]", "[[3],[2,1],[2,1]]", true },
		{ "[[]]", "[]", false },
		{ "{\"a\":1,\"b\":[1,2]}", "{\"b\":[2,1],\"a\":1}", true },
		{ "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
		{ "{\"a\":1}", "{\"b\":1}", false },
		{ UID("U", "a"), UID("U", "a"), true },
		{ UID("U", "a"), UID("A::U", "a"), false },
		{ UID("U", "a"), UID("U", "b"), false },
		{ UID("U", "a"), "\"a\"", false },
		{ EXT("decimal", "1.0"), EXT("decimal", "1.00"), true },
		{ EXT("decimal", "1.0"), EXT("decimal", "1.01"), false },
		{ EXT("decimal", "-0.5"), EXT("decimal", "0.5"), false },
		{ EXT("duration", "1d"), EXT("duration", "24h"), true },
		{ EXT("duration", "0ms"), EXT("datetime", "1970-01-01"), false },
		{ EXT("datetime", "1970-01-01"), EXT("datetime", "1970-01-01T01:00:00+0100"),
			true },
		{ EXT("ip", "1.1.1.1"), EXT("ip", "1.1.1.1/32"), true },
		{ EXT("ip", "1.1.1.1/24"), EXT("ip", "1.1.1.0/24"), false },
		{ EXT("ip", "::ffff:101:101"), EXT("ip", "1.1.1.1"), false },
		{ EXT("ip", "::1"), EXT("ip", "0:0:0:0::1/128"), true },
		{ "[" EXT("decimal", "1.0") "," EXT("decimal", "1.00") "]",
			"[" EXT("decimal", "1.000") "]", true },
	};
	struct cedar_pool *other = ward_cedar_pool_new(0);

	REQUIRE(other != NULL);
	TABLE(row, rows) {
		/* of two pools: nothing is equal because it is in one place */
		struct cedar_value a = from_json(row->a), b = from_json_in(other, row->b);

		CASE("%s %s", row->a, row->b);
		CHECK_EQ_INT(ward_cedar_value_eq(&a, &b), row->equal);
		CHECK_EQ_INT(ward_cedar_value_eq(&b, &a), row->equal);
		CHECK_EQ_INT(ward_cedar_value_cmp(&a, &b) == 0, row->equal);
		if (row->equal)
			CHECK_EQ_UINT(ward_cedar_value_hash(&a), ward_cedar_value_hash(&b));
		else
			CHECK(ward_cedar_value_hash(&a) != ward_cedar_value_hash(&b));
	}
	ward_cedar_pool_free(other);
}

/* ---- order and text ---- */

/* Each is less than the next, and printed so. */
TEST(order)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{ "false", "false" },
		{ "true", "true" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "-1", "-1" },
		{ "0", "0" },
		{ "2", "2" },
		{ "10", "10" },
		{ "\"\"", "\"\"" },
		{ "\"A\"", "\"A\"" },
		{ "\"a\"", "\"a\"" },
		{ "\"a'\\u0000\\n\"", "\"a\\'\\0\\n\"" },
		{ "\"ab\"", "\"ab\"" },
		{ "\"\xc3\xa9\"", "\"\xc3\xa9\"" },
		/* types by their last part, then their namespaces part by part */
		{ UID("A", "b"), "A::\"b\"" },
		{ UID("B::A", "a"), "B::A::\"a\"" },
		{ UID("B::A", "b"), "B::A::\"b\"" },
		{ UID("B::A::A", "a"), "B::A::A::\"a\"" },
		{ UID("BA::A", "a"), "BA::A::\"a\"" },
		{ UID("AA", "a"), "AA::\"a\"" },
		{ UID("A::B", "a"), "A::B::\"a\"" },
		{ "[]", "[]" },
		{ "[1]", "[1]" },
		{ "[2,1]", "[1, 2]" },
		{ "[2]", "[2]" },
		{ "[[1]]", "[[1]]" },
		{ "{}", "{}" },
		{ "{\"a\":1}", "{a: 1}" },
		{ "{\"a\":1,\"b\":2}", "{a: 1, b: 2}" },
		{ "{\"a\":2}", "{a: 2}" },
		{ "{\"b\":1}", "{b: 1}" },
		{ "{\"if\":1,\"x y\":{\"z\":[3,2]}}", "{\"if\": 1, \"x y\": {z: [2, 3]}}" },
		{ EXT("datetime", "1969-01-01"), "datetime(\"1969-01-01\")" },
		{ EXT("datetime", "2024-01-01T00:00:00Z"), "datetime(\"2024-01-01T00:00:00Z\")" },
		{ EXT("decimal", "-1.0"), "decimal(\"-1.0\")" },
		{ EXT("decimal", "1.500"), "decimal(\"1.500\")" },
		{ EXT("duration", "-1d"), "duration(\"-1d\")" },
		{ EXT("duration", "1d2h"), "duration(\"1d2h\")" },
		{ EXT("ip", "9.0.0.0"), "ip(\"9.0.0.0\")" },
		{ EXT("ip", "10.0.0.0/8"), "ip(\"10.0.0.0/8\")" },
		{ EXT("ip", "10.0.0.0"), "ip(\"10.0.0.0\")" },
		{ EXT("ip", "::1"), "ip(\"::1\")" },
	};
	enum { N = WARD_ARRAY_SIZE(rows) };
	struct cedar_value v[N], set = { .tag = CEDAR_V_SET }, copy[N];
	struct ward_buf b = WARD_BUF_INIT, want = WARD_BUF_INIT;

	for (size_t i = 0; i < N; i++) {
		v[i] = from_json(rows[i].json);
		CASE("%s", rows[i].json);
		ward_buf_clear(&b);
		ward_cedar_value_print(&b, &v[i]);
		CHECK_STR_EQ(ward_buf_cstr(&b), rows[i].text);
		ward_buf_adds(&want, i > 0 ? ", " : "[");
		ward_buf_adds(&want, rows[i].text);
		for (size_t k = 0; k <= i; k++) {
			int r = ward_cedar_value_cmp(&v[k], &v[i]);

			CHECK_MSG(k == i ? r == 0 : r < 0, "%s < %s", rows[k].json, rows[i].json);
			CHECK(ward_cedar_value_cmp(&v[i], &v[k]) == 0 - r || (r < 0 && k != i));
		}
	}
	ward_buf_addc(&want, ']');
	/* all together, handed over backwards */
	for (size_t i = 0; i < N; i++)
		copy[i] = v[N - 1 - i];
	set.set = ward_cedar_set_new(arena, copy, N);
	REQUIRE(set.set != NULL);
	CHECK_EQ_UINT(set.set->n, N);
	ward_buf_clear(&b);
	ward_cedar_value_print(&b, &set);
	CHECK_STR_EQ(ward_buf_cstr(&b), ward_buf_cstr(&want));
	ward_buf_done(&b);
	ward_buf_done(&want);
}

TEST(computed)
{
	static const struct cedar_ip ten = { 0, 8, { 10, 1 } };
	static const struct {
		struct cedar_value v;
		const char *text, *json;
	} rows[] = {
		{ { .tag = CEDAR_V_DECIMAL, .number = -15 }, "decimal(\"-0.0015\")",
			"{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"-0.0015\"}}" },
		{ { .tag = CEDAR_V_DURATION, .number = INT64_MIN },
			"duration(\"-9223372036854775808ms\")",
			"{\"__extn\":{\"fn\":\"duration\",\"arg\":\"-9223372036854775808ms\"}}" },
		{ { .tag = CEDAR_V_DATETIME, .number = 5 },
			"datetime(\"1970-01-01\").offset(duration(\"5ms\"))",
			"{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},"
			"{\"__extn\":{\"fn\":\"duration\",\"arg\":\"5ms\"}}]}}" },
		{ { .tag = CEDAR_V_IP, .ip = &ten }, "ip(\"10.1.0.0/8\")",
			"{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.1.0.0/8\"}}" },
	};

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT;
		const struct cedar_expr *x;
		struct cedar_value back;

		CASE("%s", row->text);
		ward_cedar_value_print(&b, &row->v);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->text);
		ward_buf_clear(&b);
		ward_cedar_value_json(&b, &row->v);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->json);
		back = from_json(row->json);
		CHECK(ward_cedar_value_eq(&back, &row->v));
		x = ward_cedar_value_expr(pool, &row->v);
		REQUIRE(x != NULL);
		ward_buf_clear(&b);
		ward_cedar_print_expr(&b, x);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->text);
		ward_buf_done(&b);
	}
}

TEST(both_ways)
{
	static const char *const rows[] = { "true", "-5", "\"a\\u0000\\\"\xf0\x9f\x98\x80\"", "[]",
		"{}", "[1,\"a\",[2]]", "{\"\":1,\"a b\":{\"c\":[true]}}", UID("A::B", "x\\ny"),
		EXT("ip", "::FFFF:0:1"), EXT("decimal", "01.50"), "{\"__entity\":{\"type\":1}}" };

	TABLE(row, rows) {
		struct cedar_value v = from_json(*row), copy;
		struct cedar_pool *other = ward_cedar_pool_new(0);
		struct ward_buf b = WARD_BUF_INIT, c = WARD_BUF_INIT;

		CASE("%s", *row);
		ward_cedar_value_json(&b, &v);
		CHECK_STR_EQ(ward_buf_cstr(&b), *row);
		REQUIRE(other != NULL && ward_cedar_value_adopt(other, &v, &copy) == WARD_OK);
		CHECK(ward_cedar_value_eq(&v, &copy));
		CHECK_EQ_UINT(ward_cedar_value_hash(&v), ward_cedar_value_hash(&copy));
		ward_cedar_value_json(&c, &copy);
		CHECK_STR_EQ(ward_buf_cstr(&c), *row);
		ward_cedar_pool_free(other);
		ward_buf_done(&b);
		ward_buf_done(&c);
	}
}

TEST(expressions)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{ "true", "true" },
		{ "-5", "(-5)" },
		{ "\"a\\n\"", "\"a\\n\"" },
		{ "[2,1,[]]", "[1, 2, []]" },
		{ "{\"if\":1,\"b\":[{}]}", "{b: [{}], \"if\": 1}" },
		{ UID("A::B", "x"), "A::B::\"x\"" },
		{ EXT("decimal", "1.50"), "decimal(\"1.50\")" },
		{ "[" EXT("ip", "::1") ",1]", "[1, ip(\"::1\")]" },
	};

	TABLE(row, rows) {
		struct cedar_value v = from_json(row->json);
		struct ward_buf b = WARD_BUF_INIT;
		const struct cedar_expr *x = ward_cedar_value_expr(pool, &v);

		CASE("%s", row->json);
		REQUIRE(x != NULL);
		ward_cedar_print_expr(&b, x);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->text);
		ward_buf_done(&b);
	}
}

TEST(short_text)
{
	struct cedar_value v = from_json(
		"{\"a\":[1,2,3,4,5,6],\"b\":[1,2,3,4,5],\"c\":1,\"d\":1,\"e\":{},\"f\":1}");
	struct ward_buf b = WARD_BUF_INIT;

	ward_cedar_value_print_short(&b, &v);
	CHECK_STR_EQ(ward_buf_cstr(&b),
		"{a: [1, 2, 3, 4, 5, .. ], b: [1, 2, 3, 4, 5], c: 1, d: 1, e: {}, .. }");
	ward_buf_done(&b);
}

/* A full tree of sets: what is nested is put in order once, not once for each comparison around it. */
TEST(nested_sets)
{
	enum { DEPTH = 14 };
	struct cedar_value level[1 << DEPTH], copy;
	struct ward_buf b = { .max = 1u << 20 };

	for (int i = 0; i < 1 << DEPTH; i++)
		level[i] = (struct cedar_value){ .tag = CEDAR_V_LONG, .number = i };
	for (int n = 1 << DEPTH; n > 1; n /= 2) {
		for (int i = 0; i < n / 2; i++) {
			struct cedar_value two[2] = { level[2 * i], level[2 * i + 1] };

			level[i] = (struct cedar_value){ .tag = CEDAR_V_SET,
				.set = ward_cedar_set_new(arena, two, 2) };
			REQUIRE(level[i].set != NULL);
		}
	}
	ward_cedar_value_json(&b, &level[0]);
	CHECK(!b.failed);
	copy = from_json(ward_buf_cstr(&b));
	CHECK(ward_cedar_value_eq(&copy, &level[0]));
	CHECK_EQ_INT(ward_cedar_value_cmp(&copy, &level[0]), 0);
	ward_buf_done(&b);
}

/* ---- sets and records ---- */

TEST(sets)
{
	enum { N = 3000 };
	static struct cedar_value v[N];
	unsigned seed = 3;

	for (size_t n = 0; n < N; n = n < 70 ? n + 1 : n * 2) {
		const struct cedar_set *s;
		bool in[5000] = { false };
		unsigned wrong = 0, count = 0;

		CASE("%zu", n);
		for (size_t i = 0; i < n; i++) {
			int64_t x = rand_r(&seed) % 5000;

			v[i] = (struct cedar_value){ .tag = CEDAR_V_LONG, .number = x };
			count += !in[x];
			in[x] = true;
		}
		s = ward_cedar_set_new(arena, v, n);
		REQUIRE(s != NULL);
		CHECK_EQ_UINT(s->n, count);
		for (int64_t x = 0; x < 5000; x++) {
			struct cedar_value q = { .tag = CEDAR_V_LONG, .number = x };
			struct cedar_value d = { .tag = CEDAR_V_DURATION, .number = x };

			wrong += ward_cedar_set_has(s, &q) != in[x];
			wrong += ward_cedar_set_has(s, &d);
		}
		for (uint32_t i = 1; i < s->n; i++)
			wrong += ward_cedar_value_hash(&s->v[i - 1]) >
				ward_cedar_value_hash(&s->v[i]);
		CHECK_EQ_INT(wrong, 0);
	}
}

/* Of equal elements that were written differently the last stays, as in the language's own engine. */
TEST(last_of_equals)
{
	enum { N = 40 };
	struct cedar_value v[N];
	const struct cedar_set *s;

	for (int i = 0; i < N; i++) {
		char text[40];

		snprintf(text, sizeof(text), "%0*d.0", i / 4 + 1, i % 4);
		v[i] = (struct cedar_value){
			.tag = CEDAR_V_DECIMAL, .number = i % 4 * 10000, .text = str(text)
		};
	}
	s = ward_cedar_set_new(arena, v, N);
	REQUIRE(s != NULL && s->n == 4);
	for (uint32_t i = 0; i < 4; i++)
		CHECK_EQ_INT(s->v[i].text->n, N / 4 + 2);
}

TEST(records)
{
	for (size_t n = 0; n < 100; n++) {
		struct cedar_member m[100];
		const struct cedar_record *r;
		const struct cedar_str *twice = str("none");
		char name[20];

		CASE("%zu", n);
		for (size_t i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "k%zu", i * 37 % n);
			m[i].name = str(name);
			m[i].value = (struct cedar_value){ .tag = CEDAR_V_LONG,
				.number = (int64_t)(i * 37 % n) };
		}
		r = ward_cedar_record_new(arena, m, n, &twice);
		if (n > 0 && n % 37 == 0) {
			CHECK_NULL(r);
			CHECK(twice != NULL && ward_cedar_str_is(twice, "k0"));
			continue;
		}
		REQUIRE(r != NULL && r->n == n);
		CHECK_NULL(twice);
		for (size_t i = 0; i < n; i++) {
			const struct cedar_value *v;

			snprintf(name, sizeof(name), "k%zu", i);
			v = ward_cedar_record_get(r, str(name));
			CHECK(v != NULL && v->number == (int64_t)i);
		}
		for (uint32_t i = 1; i < r->n; i++)
			CHECK(ward_cedar_str_cmp(r->v[i - 1].name, r->v[i].name) < 0);
		CHECK_NULL(ward_cedar_record_get(r, str("k")));
		CHECK_NULL(ward_cedar_record_get(r, str("zzz")));
	}
}

/* ---- like ---- */

#define W "\xff"

TEST(like)
{
	static const struct {
		const char *text, *pattern;
		bool match;
	} rows[] = {
		{ "", "", true },
		{ "a", "", false },
		{ "", W, true },
		{ "", W W, true },
		{ "abc", W, true },
		{ "abc", "abc", true },
		{ "abc", "ab", false },
		{ "ab", "abc", false },
		{ "abc", "a" W, true },
		{ "abc", W "c", true },
		{ "abc", W "b" W, true },
		{ "abc", "a" W "c", true },
		{ "ac", "a" W "c", true },
		{ "abc", W "d" W, false },
		{ "aXbXc", "a" W "b" W "c", true },
		{ "aab", W "ab", true },
		{ "aaa", W "a" W "a" W "a" W "a", false },
		{ "a*c", "a*c", true },
		{ "abc", "a*c", false },
		{ "\xc3\xa9x", W "x", true },
		{ "\xc3\xa9", "\xc3" W, true }, /* never in a pattern: not UTF-8 */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true },
		{ "mississippi", "m" W "issip" W, true },
		{ "mississippi", "m" W "issx" W, false },
	};

	TABLE(row, rows) {
		CASE("%s %s", row->text, row->pattern);
		CHECK_EQ_INT(ward_cedar_like(ward_str(row->text), str(row->pattern)), row->match);
	}
}

static bool naive(const char *t, const char *p)
{
	if (*p == '\0')
		return *t == '\0';
	if (*p == CEDAR_WILDCARD)
		return naive(t, p + 1) || (*t != '\0' && naive(t + 1, p));
	return *t == *p && naive(t + 1, p + 1);
}

TEST(like_against_a_simple_matcher)
{
	unsigned seed = 5, wrong = 0, matches = 0;

	for (int i = 0; i < 200000; i++) {
		char t[12], p[8];
		int n = rand_r(&seed) % 11, m = rand_r(&seed) % 7;

		for (int k = 0; k < n; k++)
			t[k] = (char)('a' + rand_r(&seed) % 2);
		for (int k = 0; k < m; k++)
			p[k] = rand_r(&seed) % 3 == 0 ? CEDAR_WILDCARD
						      : (char)('a' + rand_r(&seed) % 2);
		t[n] = p[m] = '\0';
		wrong += ward_cedar_like((struct ward_str){ t, (size_t)n }, str(p)) != naive(t, p);
		matches += naive(t, p);
	}
	CHECK_EQ_INT(wrong, 0);
	CHECK(matches > 10000 && matches < 190000);
}

/* What makes backtracking matchers explode takes no time. */
TEST(like_does_not_explode)
{
	struct ward_buf t = WARD_BUF_INIT, p = WARD_BUF_INIT;

	for (int i = 0; i < 10000; i++)
		ward_buf_addc(&t, 'a');
	for (int i = 0; i < 200; i++)
		ward_buf_adds(&p, W "a");
	ward_buf_addc(&p, 'b');
	CHECK(!ward_cedar_like((struct ward_str){ t.s, t.n }, ward_cedar_intern(pool, p.s, p.n)));
	ward_buf_done(&t);
	ward_buf_done(&p);
}

/* ---- faults ---- */

/* Two texts and patterns for which going back to the latest wildcard takes the product of their lengths. */
TEST(like_is_linear)
{
	enum { TEXT = 1 << 20, PATTERN = 1 << 19 };
	char *text = malloc(TEXT), *pattern = malloc(PATTERN);
	const struct cedar_str *p;

	REQUIRE(text != NULL && pattern != NULL);
	memset(text, 'a', TEXT);
	memset(pattern, 'a', PATTERN);
	pattern[0] = pattern[PATTERN - 1] = W[0];
	pattern[PATTERN / 2] = 'b';
	p = ward_cedar_intern(pool, pattern, PATTERN);
	REQUIRE(p != NULL);
	CHECK(!ward_cedar_like((struct ward_str){ text, TEXT }, p));
	text[TEXT - PATTERN / 2] = 'b';
	CHECK(ward_cedar_like((struct ward_str){ text, TEXT }, p));
	free(text);
	free(pattern);
}

/* What holds no text has a hash that nobody can foretell all the same. */
TEST(hashes_are_seeded)
{
	struct cedar_value truth = { .tag = CEDAR_V_BOOL, .truth = true };
	const struct cedar_set *none = ward_cedar_set_new(arena, NULL, 0);
	const struct cedar_record *empty = ward_cedar_record_new(arena, NULL, 0, NULL);

	REQUIRE(none != NULL && empty != NULL);
	CHECK(none->hash != CEDAR_V_SET);
	CHECK(empty->hash != CEDAR_V_RECORD);
	CHECK(none->hash != empty->hash);
	CHECK(ward_cedar_value_hash(&truth) != ward_cedar_hash_mix(CEDAR_V_BOOL, 1));
}

TEST(faults)
{
	struct cedar_value five = from_json("{\"a\":1,\"b\":1,\"c c\":1,\"d\":1,\"e\":1}");
	struct cedar_value six = from_json("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}");
	struct cedar_value none = from_json("{}");
	struct cedar_value user = from_json(UID("A::U", "x\\n"));
	struct cedar_value one = { .tag = CEDAR_V_LONG, .number = 1 };
	struct cedar_value max = { .tag = CEDAR_V_LONG, .number = INT64_MAX };
	struct cedar_value text = from_json("\"x\"");
	struct cedar_value moment = { .tag = CEDAR_V_DATETIME };
	const struct {
		struct cedar_fault f;
		const char *words, *help;
	} rows[] = {
		{ { .kind = CEDAR_FAULT_TYPE, .want = 1 << CEDAR_V_BOOL, .value = one },
			"type error: expected bool, got long", "" },
		{ { .kind = CEDAR_FAULT_TYPE, .want = 1 << CEDAR_V_ENTITY, .value = one },
			"type error: expected (entity of type `any_entity_type`), got long", "" },
		{ { .kind = CEDAR_FAULT_TYPE,
			  .want = 1 << CEDAR_V_SET | 1 << CEDAR_V_ENTITY,
			  .value = one },
			"type error: expected one of [set, (entity of type `any_entity_type`)], got long",
			"" },
		{ { .kind = CEDAR_FAULT_TYPE,
			  .want = 1 << CEDAR_V_RECORD | 1 << CEDAR_V_ENTITY,
			  .value = text },
			"type error: expected one of [record, (entity of type `any_entity_type`)], got string",
			"" },
		{ { .kind = CEDAR_FAULT_TYPE,
			  .want = 1 << CEDAR_V_LONG | 1 << CEDAR_V_DATETIME | 1 << CEDAR_V_DURATION,
			  .value = user },
			"type error: expected one of [long, datetime, duration], got (entity of type `A::U`)",
			"" },
		{ { .kind = CEDAR_FAULT_TYPE, .want = 1 << CEDAR_V_STRING, .value = none },
			"type error: expected string, got record", "" },
		{ { .kind = CEDAR_FAULT_TYPE, .want = 1 << CEDAR_V_LONG, .value = moment },
			"type error: expected long, got datetime", "" },
		{ { .kind = CEDAR_FAULT_ENTITY, .uid = user.uid },
			"entity `A::U::\"x\\n\"` does not exist", "" },
		{ { .kind = CEDAR_FAULT_ATTR, .uid = user.uid, .name = str("q"), .value = five },
			"`A::U::\"x\\n\"` does not have the attribute `q`",
			"available attributes: [a,b,c c,d,e]" },
		{ { .kind = CEDAR_FAULT_ATTR,
			  .uid = user.uid,
			  .name = str("f"),
			  .value = none,
			  .value2 = six },
			"`A::U::\"x\\n\"` does not have the attribute `f`",
			"`A::U::\"x\\n\"` does not have any attributes; note that a tag (not an attribute) named `f` does exist" },
		{ { .kind = CEDAR_FAULT_TAG,
			  .uid = user.uid,
			  .name = str("q"),
			  .value = six,
			  .value2 = none },
			"`A::U::\"x\\n\"` does not have the tag `q`",
			"available tags: [a,b,c,d,e, ... (1 more attributes) ]" },
		{ { .kind = CEDAR_FAULT_TAG,
			  .uid = user.uid,
			  .name = str("a"),
			  .value = none,
			  .value2 = six },
			"`A::U::\"x\\n\"` does not have the tag `a`",
			"`A::U::\"x\\n\"` does not have any tags; note that an attribute (not a tag) named `a` does exist" },
		{ { .kind = CEDAR_FAULT_TAG, .uid = user.uid, .name = str("a") },
			"`A::U::\"x\\n\"` does not have the tag `a`", "" },
		{ { .kind = CEDAR_FAULT_ATTR, .name = str("q"), .value = five },
			"record does not have the attribute `q`",
			"available attributes: [\"a\", \"b\", \"c c\", \"d\", \"e\"]" },
		{ { .kind = CEDAR_FAULT_ATTR, .name = str("q"), .value = six },
			"record does not have the attribute `q`",
			"available attributes: [a,b,c,d,e, ... (1 more attributes) ]" },
		{ { .kind = CEDAR_FAULT_ATTR, .name = str("q"), .value = none },
			"record does not have the attribute `q`",
			"record does not have any attributes" },
		{ { .kind = CEDAR_FAULT_OVERFLOW, .op = CEDAR_X_ADD, .value = max, .value2 = one },
			"integer overflow while attempting to add the values `9223372036854775807` and `1`",
			"" },
		{ { .kind = CEDAR_FAULT_OVERFLOW, .op = CEDAR_X_SUB, .value = max, .value2 = one },
			"integer overflow while attempting to subtract the values `9223372036854775807` and `1`",
			"" },
		{ { .kind = CEDAR_FAULT_OVERFLOW, .op = CEDAR_X_MUL, .value = max, .value2 = max },
			"integer overflow while attempting to multiply the values `9223372036854775807` and `9223372036854775807`",
			"" },
		{ { .kind = CEDAR_FAULT_OVERFLOW, .op = CEDAR_X_NEG, .value = one },
			"integer overflow while attempting to negate the value `1`", "" },
		{ { .kind = CEDAR_FAULT_SLOT, .op = CEDAR_SLOT_RESOURCE },
			"template slot `?resource` was not linked", "" },
		{ { .kind = CEDAR_FAULT_UNKNOWN, .name = str("n") },
			"the expression contains unknown(s): `unknown(\"n\")`",
			"consider using the partial evaluation APIs" },
		{ { .kind = CEDAR_FAULT_DEPTH }, "recursion limit reached", "" },
		{ { .kind = CEDAR_FAULT_MEMORY }, "no memory left", "" },
		{ { .kind = CEDAR_FAULT_NONE }, "", "" },
	};

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT, h = WARD_BUF_INIT;

		CASE("%s", row->words);
		ward_cedar_fault_print(&b, &row->f);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->words);
		ward_cedar_fault_help(&h, &row->f);
		CHECK_STR_EQ(ward_buf_cstr(&h), row->help);
		ward_buf_done(&b);
		ward_buf_done(&h);
	}
}

TEST(types)
{
	static const struct cedar_type b = { .kind = CEDAR_TYPE_BOOL },
				       s = { .kind = CEDAR_TYPE_STRING };
	static const struct cedar_type ip = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_IPADDR };
	static const struct cedar_type n = { .kind = CEDAR_TYPE_LONG };
	static const struct cedar_type set = { .kind = CEDAR_TYPE_SET, .element = &ip };
	struct cedar_type e = { .kind = CEDAR_TYPE_ENTITY, .name = str("A::B") };
	struct cedar_attr_type attrs[] = { { str("a b"), &b, true }, { str("e"), &e, false },
		{ str("n"), &n, true }, { str("s"), &s, false }, { str("v"), &set, true } };
	struct cedar_type r = { .kind = CEDAR_TYPE_RECORD, .n = 5, .attrs = attrs };
	struct ward_buf out = WARD_BUF_INIT;

	ward_cedar_type_print(&out, &r);
	CHECK_STR_EQ(ward_buf_cstr(&out),
		"{\"a b\": Bool, e?: A::B, n: Long, s?: String, v: Set<ipaddr>}");
	for (int i = 0; i < 5; i++)
		CHECK_EQ_PTR(ward_cedar_type_attr(&r, attrs[i].name), &attrs[i]);
	CHECK_NULL(ward_cedar_type_attr(&r, str("a")));
	CHECK_NULL(ward_cedar_type_attr(&r, str("z")));
	ward_buf_done(&out);
}

TAP_MAIN();

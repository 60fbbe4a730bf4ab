/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas and entities that were made to cost much: each is read or refused, with words, in a time that grows with its
 * length and hardly more.
 */
#include <time.h>

#include "entity_util.h"

/* Processor time that each of these may take, under a sanitizer too: some thousand times less than it took once. */
#define SECONDS_MAX 10

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void times(struct ward_buf *b, size_t n, const char *first, const char *rest)
{
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(b, i == 0 ? first : rest);
}

/* first, N, between, N + 1, ... */
static void numbered(struct ward_buf *b, size_t n, const char *before, const char *between)
{
	for (size_t i = 0; i < n; i++)
		ward_buf_addf(b, "%s%s%zu", i == 0 ? "" : between, before, i);
}

static void check_schema(struct ward_buf *text, enum cedar_schema_syntax syntax, int expected,
	const char *message)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;
	double from = now();

	REQUIRE(!text->failed && ward_cedar_diags_init(&d) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_schema_parse(data_text(text), syntax, &s, &d), expected);
	CHECK(now() - from < SECONDS_MAX);
	CHECK_EQ_INT(d.n > 0, message != NULL);
	if (message != NULL && d.n > 0)
		CHECK_STR_EQ(d.v[0].message, message);
	ward_cedar_schema_free(s);
	ward_cedar_diags_done(&d);
	ward_buf_done(text);
}

/* The place of a name in JSON is looked for backwards. */
TEST(names_of_backslashes)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b,
		"{\"\":{\"actions\":{},\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\","
		"\"attributes\":{\"");
	times(&b, 500000, "\\\\", "\\\\");
	ward_buf_adds(&b, "\":{\"type\":\"Long\"},\"");
	times(&b, 500000, "\\\"", "\\\\\\\"");
	ward_buf_adds(&b, "\":{\"type\":\"Long\"}}}}}}}");
	check_schema(&b, CEDAR_SCHEMA_JSON, WARD_OK, NULL);
}

#define TOO_LONG "the lists of parents, principals and resources are too long: more than 67108864"

/* A declaration of many names with a long list: the list is there for each of them, and nobody goes through it so often. */
TEST(shared_lists)
{
	enum { N = 300000 };
	struct ward_buf b = WARD_BUF_INIT;

	CASE("parents of entity types");
	ward_buf_adds(&b, "entity ");
	numbered(&b, N, "e", ",");
	ward_buf_adds(&b, " in [");
	times(&b, N, "e0", ",e0");
	ward_buf_adds(&b, "];");
	check_schema(&b, CEDAR_SCHEMA_TEXT, WARD_E_LIMIT, TOO_LONG);
	CASE("groups of actions");
	ward_buf_adds(&b, "action x; action ");
	numbered(&b, N, "a", ",");
	ward_buf_adds(&b, " in [");
	times(&b, N, "x", ",x");
	ward_buf_adds(&b, "];");
	check_schema(&b, CEDAR_SCHEMA_TEXT, WARD_E_LIMIT, TOO_LONG);
	CASE("principals");
	ward_buf_adds(&b, "entity E; action ");
	numbered(&b, N, "a", ",");
	ward_buf_adds(&b, " appliesTo {resource: E, principal: [");
	times(&b, N, "E", ",E");
	ward_buf_adds(&b, "]};");
	check_schema(&b, CEDAR_SCHEMA_TEXT, WARD_E_LIMIT, TOO_LONG);
}

static struct cedar_entities *timed(struct ward_buf *json, const struct cedar_schema *schema,
	int expected, struct cedar_diags *d)
{
	struct cedar_entities *e = NULL;
	double from = now();

	REQUIRE(!json->failed && ward_cedar_diags_init(d) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_parse(data_text(json), schema, &e, d), expected);
	CHECK(now() - from < SECONDS_MAX);
	CHECK(!d->failed);
	ward_buf_done(json);
	return e;
}

/* Many identifiers of an enumerated type, and as many that are one of them. */
TEST(large_enums)
{
	enum { N = 100000 };
	struct ward_buf schema = WARD_BUF_INIT, json = WARD_BUF_INIT;
	struct cedar_schema *s;
	struct cedar_entities *e;
	struct cedar_diags d;

	ward_buf_adds(&schema, "entity V enum [\"");
	numbered(&schema, N, "v", "\",\"");
	ward_buf_adds(&schema, "\"]; entity E {v: V};");
	s = schema_of(ward_buf_cstr(&schema));
	CHECK_STR_EQ(s->entities[1]->ids[7]->s, "v7"); /* as declared */
	for (size_t i = 0; i < N; i++)
		ward_buf_addf(&json,
			"%s{\"uid\":[\"E\",\"%zu\"],\"attrs\":{\"v\":[\"V\",\"v%zu\"]},\"parents\":[]}",
			i == 0 ? "[" : ",", i, N - 1 - i);
	ward_buf_adds(&json, "]");
	e = timed(&json, s, WARD_OK, &d);
	CHECK_EQ_INT(ward_cedar_entities_count(e), N);
	ward_cedar_entities_unref(e);
	ward_cedar_diags_done(&d);
	ward_cedar_schema_free(s);
	ward_buf_done(&schema);
}

/* One entity in many groups, some of which are in others. */
TEST(many_parents)
{
	enum { N = 100000 };
	struct ward_buf json = WARD_BUF_INIT;
	struct cedar_entities *e;
	struct cedar_diags d;
	const struct cedar_entity *one;
	struct cedar_pool *p = ward_cedar_pool_new(0);

	REQUIRE(p != NULL);
	for (size_t i = 0; i < N; i += 2)
		ward_buf_addf(&json,
			"%s{\"uid\":[\"G\",\"%zu\"],\"attrs\":{},\"parents\":[[\"H\",\"%zu\"],[\"G\",\"%zu\"]]}",
			i == 0 ? "[" : ",", i, i / 2, i + 1);
	ward_buf_adds(&json, ",{\"uid\":[\"E\",\"x\"],\"attrs\":{},\"parents\":[[\"G\",\"");
	numbered(&json, N, "", "\"],[\"G\",\"");
	ward_buf_adds(&json, "\"]]}]");
	e = timed(&json, NULL, WARD_OK, &d);
	one = ward_cedar_entities_get(e, uid(p, "E", "x"));
	REQUIRE(one != NULL);
	CHECK_EQ_INT(one->n_ancestors, N + N / 2);
	for (size_t i = 0; i < N; i += 997) {
		char id[32];

		snprintf(id, sizeof(id), "%zu", i);
		CHECK(ward_cedar_entity_in(one, uid(p, "G", id)));
		CHECK_EQ_INT(ward_cedar_entity_in(one, uid(p, "H", id)), i < N / 2);
	}
	ward_cedar_entities_unref(e);
	ward_cedar_diags_done(&d);
	ward_cedar_pool_free(p);
}

/* A type that is two of another, which is two of another...: whatever does not fit it, it is not written out. */
TEST(types_of_types)
{
	struct ward_buf schema = WARD_BUF_INIT, json = WARD_BUF_INIT;
	struct cedar_schema *s;
	struct cedar_entities *e;
	struct cedar_diags d;
	double from;

	ward_buf_adds(&schema, "type T0 = {a: Long, b: Long};");
	for (int i = 1; i < 60; i++)
		ward_buf_addf(&schema, "type T%d = {a: T%d, b: T%d};", i, i - 1, i - 1);
	ward_buf_adds(&schema, "entity E {t: Set<T59>};");
	s = schema_of(ward_buf_cstr(&schema));
	ward_buf_adds(&json, "[{\"uid\":[\"E\",\"x\"],\"attrs\":{\"t\":[1]},\"parents\":[]}]");
	CHECK_NULL(timed(&json, s, WARD_E_PARSE, &d));
	CHECK(d.n == 1 && strstr(d.v[0].message, "too large to be shown, but it is an integer"));
	ward_cedar_diags_done(&d);
	ward_buf_adds(&json, "[{\"uid\":[\"E\",\"x\"],\"attrs\":{\"t\":[1]},\"parents\":[]}]");
	e = timed(&json, NULL, WARD_OK, &d);
	from = now();
	CHECK_EQ_INT(ward_cedar_entities_validate(e, s, &d), WARD_E_PARSE);
	CHECK(now() - from < SECONDS_MAX);
	CHECK(d.n == 1 && strstr(d.v[0].message, "too large to be shown, but it actually has"));
	ward_cedar_entities_unref(e);
	ward_cedar_diags_done(&d);
	ward_cedar_schema_free(s);
	ward_buf_done(&schema);
}

/* Findings as many as the document is long, each with a name that is as long. */
TEST(long_names_in_findings)
{
	struct ward_buf json = WARD_BUF_INIT;
	struct cedar_schema *s = schema_of("entity E tags Long;");
	struct cedar_diags d;

	ward_buf_adds(&json, "[{\"uid\":[\"E\",\"");
	times(&json, 500000, "x", "x");
	ward_buf_adds(&json, "\"],\"attrs\":{},\"parents\":[],\"tags\":{\"");
	numbered(&json, 20000, "", "\":\"\",\"");
	ward_buf_adds(&json, "\":\"\"}}]");
	CHECK_NULL(timed(&json, s, WARD_E_PARSE, &d));
	CHECK_EQ_INT(d.n, d.max);
	CHECK_EQ_INT(d.dropped, 20000 - d.max);
	ward_cedar_diags_done(&d);
	ward_cedar_schema_free(s);
}

/* An entity that takes fifty times the memory of its text is refused before it takes all there is. */
TEST(large_entities)
{
	struct ward_buf json = WARD_BUF_INIT;
	struct cedar_diags d;

#ifdef __SANITIZE_ADDRESS__
	SKIP("takes a gigabyte, and a sanitizer's share besides");
#endif
	ward_buf_adds(&json, "[{\"uid\":[\"E\",\"x\"],\"attrs\":{},\"parents\":[],\"else\":[");
	times(&json, 12000000, "0", ",0");
	ward_buf_adds(&json, "]}]");
	CHECK_NULL(timed(&json, NULL, WARD_E_NOMEM, &d));
	CHECK(d.n == 1 && strstr(d.v[0].message, "more than is allowed for one"));
	CHECK(d.n == 1 && d.v[0].start > 0);
	ward_cedar_diags_done(&d);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas against what the official engine said: the probe vectors, and the schemas of the corpus, whose twins in JSON must
 * mean the same. The data lies in $WARD_CEDAR_DATA or beside the project; without it the tests are skipped.
 */
#include "cedar_data.h"
#include "schema_util.h"

static struct cedar_diags diags;

TEST(probes)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *j = NULL;
	struct ward_arena *a;

	data_or_skip();
	a = ward_arena_new(1u << 28);
	REQUIRE(a != NULL && data_read(&b, "probes/schema.json"));
	REQUIRE(ward_cedar_json_parse(a, data_text(&b), &j, NULL) == WARD_OK);
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		const struct ward_json *in = ward_json_get(v, "input");
		bool is_text = in->type == WARD_JSON_STRING;
		struct ward_str input = is_text
			? in->str
			: (struct ward_str){ b.s + in->start, in->end - in->start };
		struct cedar_schema *s;

		CASE("%.*s", (int)input.n, input.s);
		s = schema_of(input, is_text ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON, &diags);
		CHECK_MSG((s != NULL) == data_bool(v, "ok"), "%s", first_error(&diags));
		ward_cedar_schema_freep(&s);
	}
	ward_buf_done(&b);
	ward_arena_free(a);
	ward_cedar_diags_done(&diags);
}

/* The same through the other syntax and back. */
static void check_round_trip(const struct cedar_schema *s, struct ward_str meaning)
{
	struct ward_buf json = WARD_BUF_INIT, text = WARD_BUF_INIT, other = WARD_BUF_INIT;
	struct cedar_schema *again;

	REQUIRE(ward_cedar_schema_to_json(s, &json, &diags) == WARD_OK);
	again = schema_of((struct ward_str){ json.s, json.n }, CEDAR_SCHEMA_JSON, &diags);
	REQUIRE(again != NULL);
	describe(&other, again);
	CHECK(ward_str_eq((struct ward_str){ other.s, other.n }, meaning));
	REQUIRE(ward_cedar_schema_to_text(again, &text, &diags) == WARD_OK);
	ward_cedar_schema_freep(&again);
	again = schema_of((struct ward_str){ text.s, text.n }, CEDAR_SCHEMA_TEXT, &diags);
	REQUIRE(again != NULL);
	ward_buf_clear(&other);
	describe(&other, again);
	CHECK(ward_str_eq((struct ward_str){ other.s, other.n }, meaning));
	ward_cedar_schema_freep(&again);
	ward_buf_done(&json);
	ward_buf_done(&text);
	ward_buf_done(&other);
}

static void check_twins(const char *folder, const char *name)
{
	struct ward_buf text = WARD_BUF_INIT, json = WARD_BUF_INIT;
	struct ward_buf meaning = WARD_BUF_INIT, other = WARD_BUF_INIT;
	struct cedar_schema *s;
	char path[1024];

	CASE("%s", name);
	snprintf(path, sizeof(path), "%s/%s.cedarschema", folder, name);
	REQUIRE(data_read(&text, path));
	s = schema_of(data_text(&text), CEDAR_SCHEMA_TEXT, &diags);
	CHECK_MSG(s != NULL, "%s", first_error(&diags));
	REQUIRE(s != NULL);
	describe(&meaning, s);
	check_round_trip(s, data_text(&meaning));
	ward_cedar_schema_freep(&s);
	snprintf(path, sizeof(path), "corpus-tests-json-schemas/%s.cedarschema.json", name);
	if (data_read(&json, path)) {
		s = schema_of(data_text(&json), CEDAR_SCHEMA_JSON, &diags);
		CHECK_MSG(s != NULL, "%s", first_error(&diags));
		REQUIRE(s != NULL);
		describe(&other, s);
		CHECK_STR_EQ(ward_buf_cstr(&other), ward_buf_cstr(&meaning));
		ward_cedar_schema_freep(&s);
	}
	ward_buf_done(&text);
	ward_buf_done(&json);
	ward_buf_done(&meaning);
	ward_buf_done(&other);
}

TEST(corpus)
{
	size_t n;

	data_or_skip();
	n = data_each("corpus-tests", ".cedarschema", check_twins);
	CHECK_GE_INT(n, 100);
	ward_cedar_diags_done(&diags);
}

TAP_MAIN();

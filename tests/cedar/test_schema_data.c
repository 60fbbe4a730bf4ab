/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas against what the official engine said: the probe vectors, and the schemas of the corpus, whose twins in JSON must
 * mean the same. The data lies in $WARD_CEDAR_DATA or beside the project; without it the tests are skipped.
 */
#include <dirent.h>

#include "schema_util.h"

static struct cedar_diags diags;

static const char *data_file(char path[4096], const char *folder, const char *name)
{
	const char *dir = getenv("WARD_CEDAR_DATA");

	snprintf(path, 4096, "%s/%s/%s",
		dir != NULL ? dir : WARD_SOURCE_ROOT "/../shared/cedar-conformance", folder, name);
	return path;
}

TEST(probes)
{
	const struct ward_json_options o = {
		.bytes_max = 1u << 26, .depth_max = 200, .nul_ok = true
	};
	struct ward_arena *a = ward_arena_new(1u << 28);
	struct ward_json *j = NULL;
	struct ward_error err;
	char path[4096];
	size_t n = 0;
	char *text = read_file(data_file(path, "probes", "schema.json"), &n);

	if (text == NULL || a == NULL) {
		ward_arena_free(a);
		SKIP("the conformance data is not there: set WARD_CEDAR_DATA");
	}
	REQUIRE(ward_json_parse_with(a, text, n, path, &o, &j, &err) == WARD_OK);
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		const struct ward_json *in = ward_json_get(v, "input");
		bool is_text = in->type == WARD_JSON_STRING;
		struct ward_str input = is_text
			? in->str
			: (struct ward_str){ text + in->start, in->end - in->start };
		struct cedar_schema *s;

		CASE("%.*s", (int)input.n, input.s);
		s = schema_of(input, is_text ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON, &diags);
		CHECK_MSG((s != NULL) == ward_json_get(v, "ok")->b, "%s", first_error(&diags));
		ward_cedar_schema_freep(&s);
	}
	free(text);
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

static void check_twins(const char *name)
{
	char path[4096], twin[512];
	size_t n = 0, m = 0;
	char *text = read_file(data_file(path, "corpus-tests", name), &n), *json;
	struct ward_buf meaning = WARD_BUF_INIT, other = WARD_BUF_INIT;
	struct cedar_schema *s;

	snprintf(twin, sizeof(twin), "%s.json", name);
	json = read_file(data_file(path, "corpus-tests-json-schemas", twin), &m);
	REQUIRE(text != NULL);
	s = schema_of((struct ward_str){ text, n }, CEDAR_SCHEMA_TEXT, &diags);
	CHECK_MSG(s != NULL, "%s", first_error(&diags));
	REQUIRE(s != NULL);
	describe(&meaning, s);
	check_round_trip(s, (struct ward_str){ meaning.s, meaning.n });
	ward_cedar_schema_freep(&s);
	if (json != NULL) {
		s = schema_of((struct ward_str){ json, m }, CEDAR_SCHEMA_JSON, &diags);
		CHECK_MSG(s != NULL, "%s", first_error(&diags));
		REQUIRE(s != NULL);
		describe(&other, s);
		CHECK_STR_EQ(ward_buf_cstr(&other), ward_buf_cstr(&meaning));
		ward_cedar_schema_freep(&s);
	}
	free(text);
	free(json);
	ward_buf_done(&meaning);
	ward_buf_done(&other);
}

TEST(corpus)
{
	char path[4096];
	DIR *dir = opendir(data_file(path, "corpus-tests", "."));
	size_t n = 0;

	if (dir == NULL)
		SKIP("the conformance data is not there: set WARD_CEDAR_DATA");
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.' || !ward_has_suffix(e->d_name, ".cedarschema"))
			continue;
		CASE("%s", e->d_name);
		check_twins(e->d_name);
		n++;
	}
	closedir(dir);
	CHECK_GE_INT(n, 100);
	ward_cedar_diags_done(&diags);
}

TAP_MAIN();

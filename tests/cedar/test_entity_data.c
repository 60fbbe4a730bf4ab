/* SPDX-License-Identifier: Apache-2.0 */
/* Entities as recorded: the probe vectors, and the lists that other engines took or refused, where that data is there. */
#include "entity_util.h"

static void check_probes(void)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	const struct ward_json *j, *v;
	size_t n = 0;

	REQUIRE(a != NULL);
	j = data_json(a, "probes/entities.json");
	REQUIRE(j != NULL);
	schema = schema_of(data_str(j, "schema"));
	for (v = ward_json_get(j, "vectors")->child; v != NULL; v = v->next, n++) {
		struct cedar_entities *e;
		struct cedar_diags d;

		CASE("%s", data_str(v, "input"));
		e = read_entities(data_str(v, "input"), data_bool(v, "withSchema") ? schema : NULL,
			&d);
		if ((e != NULL) != data_bool(v, "ok"))
			FAIL("%s: %s", e != NULL ? "taken" : "refused",
				d.n > 0 ? d.v[0].message : "");
		ward_cedar_entities_unref(e);
		ward_cedar_diags_done(&d);
	}
	CHECK(n > 0);
}

TEST(probes)
{
	data_or_skip();
	check_probes();
}

static unsigned cases;

/* text of element j of the document, as a document of itself. */
static bool element_is_taken(struct ward_str text, const struct ward_json *j,
	const struct cedar_schema *schema)
{
	struct ward_buf b = { .max = 64u << 20 };
	struct cedar_entities *e = NULL;
	int code;

	ward_buf_addc(&b, '[');
	ward_buf_add(&b, text.s + j->start, j->end - j->start);
	ward_buf_addc(&b, ']');
	code = ward_cedar_entities_parse((struct ward_str){ b.s, b.n }, schema, &e, NULL);
	ward_cedar_entities_unref(e);
	ward_buf_done(&b);
	return code == WARD_OK;
}

/* "Type::id" of an entity of a document, which is how the verdicts name it. */
static void short_name(char *out, size_t size, const struct ward_json *e)
{
	const struct ward_json *u = ward_json_get(e, "uid");
	const struct ward_json *escape = ward_json_get(u, "__entity");

	u = escape != NULL ? escape : u;
	snprintf(out, size, "%s::%s", data_str(u, "type") ? data_str(u, "type") : "",
		data_str(u, "id") ? data_str(u, "id") : "");
}

static void parsing_case(const char *folder, const char *name)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf schema_text = WARD_BUF_INIT;
	struct cedar_entities *all = NULL;
	const struct ward_json *j, *verdict, *per;
	struct ward_json *doc = NULL;
	char path[600];

	CASE("%s", name);
	snprintf(path, sizeof(path), "%s/%s.parsing.json", folder, name);
	verdict = data_json(a, path);
	snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	j = data_json(a, path);
	snprintf(path, sizeof(path), "%s/%s", folder, data_str(j, "schema"));
	REQUIRE(data_read(&schema_text, path));
	snprintf(path, sizeof(path), "%s/%s", folder, data_str(j, "entities"));
	REQUIRE(data_read(&text, path));
	schema = schema_of(ward_buf_cstr(&schema_text));
	(void)ward_cedar_entities_parse(data_text(&text), schema, &all, NULL);
	CHECK((all != NULL) == data_bool(ward_json_get(verdict, "allEntities"), "success"));
	ward_cedar_entities_unref(all);
	REQUIRE(ward_cedar_json_parse(a, data_text(&text), &doc, NULL) == WARD_OK);
	per = ward_json_get(verdict, "perEntity");
	for (const struct ward_json *e = doc->child; e != NULL; e = e->next) {
		char id[200];

		short_name(id, sizeof(id), e);
		if (ward_json_get(per, id) != NULL)
			CHECK(element_is_taken(data_text(&text), e, schema) ==
				data_bool(ward_json_get(per, id), "success"));
	}
	cases++;
}

TEST(parsing_cases)
{
	data_or_skip();
	cases = 0;
	CHECK(data_each("entity-cases/testdata", ".parsing.json", parsing_case) > 0);
	CHECK(cases > 0);
}

TAP_MAIN();

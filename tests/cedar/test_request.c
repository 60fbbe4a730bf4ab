/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts from JSON, and requests against a schema; the recorded verdicts about entities and requests. */
#include "cedar_data.h"

#define SCHEMA \
	"entity U; entity R; entity V enum [\"x\", \"y y\"];" \
	"action act, \"a b\" appliesTo {principal: [U, V], resource: R, context: {ip?: ipaddr, who?: U, n: Long, s?: Set<V>, a?: {b: String}}};" \
	"action none appliesTo {principal: U, resource: V}; action grp;"

static struct cedar_schema *schema_of(const char *text, size_t n)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_schema_parse((struct ward_str){ text, n }, CEDAR_SCHEMA_TEXT, &s, &d) < 0)
		FAIL("schema: %s", d.n > 0 ? d.v[0].message : "no words");
	ward_cedar_diags_done(&d);
	REQUIRE(s != NULL);
	return s;
}

static const struct cedar_uid *uid(struct cedar_pool *p, const char *type, const char *id)
{
	if (type == NULL)
		return NULL;
	return ward_cedar_intern_uid(p, ward_cedar_intern(p, type, strlen(type)),
		ward_cedar_intern(p, id, strlen(id)));
}

/* ---- contexts ---- */

static const struct context_row {
	const char *action; /* NULL: no schema */
	const char *json, *words, *printed;
} contexts[] = {
	{ NULL, "{}", NULL, "{}" },
	{ NULL, "{\"b\":[1],\"a\":{\"__entity\":{\"type\":\"U\",\"id\":\"q\"}}}", NULL,
		"{a: U::\"q\", b: [1]}" },
	{ NULL, "{\"a\":1,\"a\":2}", "appears twice", NULL },
	{ NULL, "[1]", "expression is not a record: [1]", NULL },
	{ NULL, "1", "expression is not a record: 1", NULL },
	{ NULL, "\"x\"", "expression is not a record: \"x\"", NULL },
	{ NULL, "null",
		"while parsing context, found a `null`; JSON `null`s are not allowed in Cedar",
		NULL },
	{ NULL, "{\"a\":null}", "while parsing context, found a `null`", NULL },
	{ NULL, "{\"a\":1.5}", "while parsing context, found a number", NULL },
	{ NULL, "{\"a\":{\"__expr\":\"1\"}}",
		"while parsing context, the `__expr` escape is no longer supported", NULL },
	{ NULL, "{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}",
		"expression is not a record: U::\"a\"", NULL },
	{ NULL, "{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}}",
		"error while evaluating `ipaddr` extension function: invalid IP address: x", NULL },
	{ NULL, "{", "the text is cut off", NULL },
	{ NULL, "", "the document is empty", NULL },
	{ NULL, "{} {}", "expected the end of the document", NULL },
	{ "act", "{\"n\":1}", NULL, "{n: 1}" },
	{ "a b", "{\"n\":1,\"ip\":\"1.1.1.1\",\"who\":{\"type\":\"U\",\"id\":\"q\"}}", NULL,
		"{ip: ip(\"1.1.1.1\"), n: 1, who: U::\"q\"}" },
	{ "act", "{\"n\":1,\"s\":[{\"type\":\"V\",\"id\":\"x\"},[\"V\",\"z\"]]}", NULL,
		"{n: 1, s: [V::\"x\", V::\"z\"]}" },
	{ "act", "{}",
		"while parsing context, expected the record to have an attribute `n`, but it does not",
		NULL },
	{ "act", "{\"n\":1,\"x\":1}",
		"while parsing context, record attribute `x` should not exist according to the schema",
		NULL },
	{ "act", "{\"n\":1,\"a\":{}}", "expected the record to have an attribute `b`", NULL },
	{ "act", "{\"n\":1,\"a\":{\"b\":\"\",\"c\":1}}", "record attribute `c` should not exist",
		NULL },
	{ "act", "{\"n\":1,\"a\":3}", "type mismatch", NULL },
	{ "act", "{\"n\":1,\"s\":3}", "type mismatch", NULL },
	{ "act", "{\"n\":\"one\"}", NULL,
		"{n: \"one\"}" }, /* what is no set or record is validation's */
	{ "act", "[]", "type mismatch", NULL },
	{ "none", "{}", NULL, "{}" },
	{ "none", "{\"a\":1}", "record attribute `a` should not exist", NULL },
	{ "grp", "{}", NULL, "{}" },
	{ "nope", "{}", "action `Action::\"nope\"` does not exist in the supplied schema", NULL },
};

TEST(context)
{
	WARD_CLEANUP(ward_cedar_schema_freep)
	struct cedar_schema *schema = schema_of(SCHEMA, strlen(SCHEMA));

	TABLE(row, contexts) {
		WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *p = ward_cedar_pool_new(0);
		const struct cedar_record *r = NULL;
		struct cedar_diags d;
		struct ward_buf b = WARD_BUF_INIT;
		int code;

		CASE("%s %s", row->action ? row->action : "", row->json);
		REQUIRE(p != NULL && ward_cedar_diags_init(&d) == WARD_OK);
		code = ward_cedar_context_parse(p, ward_str(row->json),
			row->action != NULL ? schema : NULL,
			uid(p, row->action != NULL ? "Action" : NULL, row->action), &r, &d);
		CHECK((code == WARD_OK) == (r != NULL));
		CHECK((code == WARD_OK) == (d.errors == 0));
		if (r != NULL && row->words == NULL) {
			struct cedar_value v = { .tag = CEDAR_V_RECORD, .record = r };

			ward_cedar_value_print(&b, &v);
			CHECK_STR_EQ(ward_buf_cstr(&b), row->printed);
		} else if (r == NULL && row->words != NULL) {
			ward_buf_adds(&b, d.v[0].message);
			ward_buf_adds(&b, d.v[0].help != NULL ? d.v[0].help : "");
			CHECK_STR_CONTAINS(ward_buf_cstr(&b), row->words);
		} else {
			FAIL("%s: %s", r != NULL ? "taken" : "refused",
				d.n > 0 ? d.v[0].message : "");
		}
		ward_buf_done(&b);
		ward_cedar_diags_done(&d);
	}
}

/* ---- requests ---- */

static const struct request_row {
	const char *principal[2], *action, *resource[2], *context; /* NULL: unknown */
	const char *words, *help;
} requests[] = {
	{ { "U", "a" }, "act", { "R", "r" }, "{\"n\":1}", NULL, NULL },
	{ { "V", "x" }, "a b", { "R", "r" }, "{\"n\":1}", NULL, NULL },
	{ { NULL }, "act", { "R", "r" }, "{\"n\":1}", NULL, NULL },
	{ { "U", "a" }, NULL, { "R", "r" }, "{\"anything\":1}", NULL, NULL },
	{ { "U", "a" }, "act", { NULL }, NULL, NULL, NULL },
	{ { "Z", "a" }, "act", { "R", "r" }, "{\"n\":1}",
		"principal type `Z` is not declared in the schema", NULL },
	{ { "Action", "act" }, "act", { "R", "r" }, "{\"n\":1}",
		"principal type `Action` is not declared in the schema", NULL },
	{ { "U", "a" }, "act", { "Z", "r" }, "{\"n\":1}",
		"resource type `Z` is not declared in the schema", NULL },
	{ { "Z", "a" }, NULL, { NULL }, NULL, "principal type `Z` is not declared in the schema",
		NULL },
	{ { "V", "z" }, "act", { "R", "r" }, "{\"n\":1}",
		"entity `V::\"z\"` is of an enumerated entity type, but `\"z\"` is not declared as a valid eid",
		"valid entity eids: \"x\", \"y y\"" },
	{ { "U", "a" }, "none", { "V", "z" }, "{}", "entity `V::\"z\"` is of an enumerated", NULL },
	{ { "U", "a" }, "none", { "V", "y y" }, "{}", NULL, NULL },
	{ { "U", "a" }, "nope", { "R", "r" }, "{\"n\":1}",
		"request's action `Action::\"nope\"` is not declared in the schema", NULL },
	{ { "R", "a" }, "act", { "R", "r" }, "{\"n\":1}",
		"principal type `R` is not valid for `Action::\"act\"`",
		"valid principal types for `Action::\"act\"`: `U`, `V`" },
	{ { "U", "a" }, "act", { "U", "r" }, "{\"n\":1}",
		"resource type `U` is not valid for `Action::\"act\"`",
		"valid resource types for `Action::\"act\"`: `R`" },
	{ { "U", "a" }, "grp", { "R", "r" }, "{}",
		"principal type `U` is not valid for `Action::\"grp\"`",
		"no principal types are valid for `Action::\"grp\"`" },
	{ { "U", "a" }, "act", { "R", "r" }, "{}",
		"context `{}` is not valid for `Action::\"act\"`",
		"is missing the required attribute `n`" },
	{ { "U", "a" }, "act", { "R", "r" }, "{\"n\":1,\"q\":[1,2,3,4,5,6]}",
		"context `{n: 1, q: [1, 2, 3, 4, 5, .. ]}` is not valid for `Action::\"act\"`",
		"contains an unexpected attribute `q`" },
	{ { "U", "a" }, "act", { "R", "r" }, "{\"n\":\"1\"}", "context `{n: \"1\"}` is not valid",
		"expected to have type long, but it actually has type string" },
	{ { "U", "a" }, "act", { "R", "r" }, "{\"n\":1,\"ip\":\"1.1.1.1\"}", "is not valid",
		"type ipaddr" },
	{ { "U", "a" }, "act", { "R", "r" },
		"{\"n\":1,\"s\":[{\"__entity\":{\"type\":\"V\",\"id\":\"q\"}}]}",
		"entity `V::\"q\"` is of an enumerated", NULL },
	{ { "U", "a" }, "act", { "R", "r" },
		"{\"n\":1,\"who\":{\"__entity\":{\"type\":\"R\",\"id\":\"q\"}}}", "is not valid",
		"expected to have type `U`" },
	{ { "U", "a" }, "act", { "R", "r" },
		"{\"n\":{\"__entity\":{\"type\":\"Action\",\"id\":\"q\"}}}",
		"request's action `Action::\"q\"` is not declared in the schema", NULL },
};

TEST(request)
{
	WARD_CLEANUP(ward_cedar_schema_freep)
	struct cedar_schema *schema = schema_of(SCHEMA, strlen(SCHEMA));

	TABLE(row, requests) {
		WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *p = ward_cedar_pool_new(0);
		struct cedar_request r = { 0 };
		struct cedar_diags d;
		int code;

		CASE("%s %s %s %s", row->principal[0] ? row->principal[0] : "?",
			row->action ? row->action : "?", row->resource[0] ? row->resource[0] : "?",
			row->context ? row->context : "?");
		REQUIRE(p != NULL && ward_cedar_diags_init(&d) == WARD_OK);
		r.principal = uid(p, row->principal[0], row->principal[1]);
		r.action = uid(p, row->action != NULL ? "Action" : NULL, row->action);
		r.resource = uid(p, row->resource[0], row->resource[1]);
		REQUIRE(row->context == NULL ||
			ward_cedar_context_parse(p, ward_str(row->context), NULL, NULL, &r.context,
				&d) == WARD_OK);
		code = ward_cedar_request_validate(&r, schema, &d);
		CHECK((code == WARD_OK) == (d.errors == 0));
		if (code == WARD_OK)
			CHECK_MSG(row->words == NULL, "taken");
		else if (row->words == NULL)
			FAIL("refused: %s", d.v[0].message);
		else
			CHECK_STR_CONTAINS(d.v[0].message, row->words);
		if (code < 0 && row->help != NULL)
			CHECK_STR_CONTAINS(d.v[0].help, row->help);
		ward_cedar_diags_done(&d);
	}
}

TEST(fits)
{
	WARD_CLEANUP(ward_cedar_schema_freep)
	struct cedar_schema *schema = schema_of(SCHEMA, strlen(SCHEMA));
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *p = ward_cedar_pool_new(0);
	const struct cedar_action_type *a =
		ward_cedar_schema_action(schema, uid(p, "Action", "act"));
	struct cedar_value v = { .tag = CEDAR_V_RECORD };
	struct cedar_diags d;

	REQUIRE(a != NULL && ward_cedar_diags_init(&d) == WARD_OK);
	REQUIRE(ward_cedar_context_parse(p, ward_str("{\"n\":1}"), NULL, NULL, &v.record, &d) ==
		WARD_OK);
	CHECK(ward_cedar_value_fits(&v, a->context, schema, "here", &d));
	REQUIRE(ward_cedar_context_parse(p, ward_str("{}"), NULL, NULL, &v.record, &d) == WARD_OK);
	CHECK(!ward_cedar_value_fits(&v, a->context, schema, "here", &d));
	CHECK_STR_CONTAINS(d.v[0].message,
		"here, type mismatch: value was expected to have type { \"a\" => (optional) { \"b\" => (required) string }");
	ward_cedar_diags_done(&d);
}

/* ---- the conformance data ---- */

static void check_probes(void)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	const struct ward_json *j = data_json(a, "probes/context.json"), *v;
	size_t n = 0;

	REQUIRE(j != NULL);
	schema = schema_of(data_str(j, "schema"), strlen(data_str(j, "schema")));
	for (v = ward_json_get(j, "vectors")->child; v != NULL; v = v->next, n++) {
		WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *p = ward_cedar_pool_new(0);
		const struct ward_json *action = ward_json_get(v, "action");
		const struct cedar_record *r = NULL;
		const struct cedar_uid *u = NULL;
		int code;

		CASE("%s", data_str(v, "input"));
		if (action->type == WARD_JSON_OBJECT)
			u = uid(p, data_str(action, "type"), data_str(action, "id"));
		code = ward_cedar_context_parse(p, ward_str(data_str(v, "input")),
			u != NULL ? schema : NULL, u, &r, NULL);
		CHECK((code == WARD_OK) == data_bool(v, "ok"));
	}
	CHECK(n > 0);
}

TEST(probes)
{
	data_or_skip();
	check_probes();
}

static unsigned entities_seen, requests_seen;

static bool request_is_valid(struct ward_str text, const struct ward_json *j,
	const struct cedar_schema *schema)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *p = ward_cedar_pool_new(0);
	struct cedar_json_context c = { .pool = p };
	const struct ward_json *context = ward_json_get(j, "context");
	struct cedar_request r = { 0 };

	REQUIRE(p != NULL);
	return ward_cedar_json_uid(&c, ward_json_get(j, "principal"), &r.principal) == WARD_OK &&
		ward_cedar_json_uid(&c, ward_json_get(j, "action"), &r.action) == WARD_OK &&
		ward_cedar_json_uid(&c, ward_json_get(j, "resource"), &r.resource) == WARD_OK &&
		ward_cedar_context_parse(p,
			(struct ward_str){ text.s + context->start, context->end - context->start },
			schema, r.action, &r.context, NULL) == WARD_OK &&
		ward_cedar_request_validate(&r, schema, NULL) == WARD_OK;
}

static void check_entities(struct ward_str text, const struct ward_json *doc,
	const struct ward_json *per, const struct cedar_schema *schema)
{
	for (const struct ward_json *e = doc->child; e != NULL; e = e->next) {
		const struct ward_json *u = ward_json_get(e, "uid"), *verdict = NULL;
		const struct ward_json *escape = ward_json_get(u, "__entity");
		struct cedar_entities *s = NULL;
		struct ward_buf b = { .max = 64u << 20 };
		struct ward_str type, id;
		int code;

		u = escape != NULL ? escape : u;
		type = ward_json_get(u, "type")->str;
		id = ward_json_get(u, "id")->str;
		for (verdict = per->child; verdict != NULL; verdict = verdict->next) {
			if (verdict->key.n == type.n + 2 + id.n &&
				memcmp(verdict->key.s, type.s, type.n) == 0 &&
				memcmp(verdict->key.s + type.n + 2, id.s, id.n) == 0)
				break;
		}
		if (verdict == NULL)
			continue;
		ward_buf_addc(&b, '[');
		ward_buf_add(&b, text.s + e->start, e->end - e->start);
		ward_buf_addc(&b, ']');
		code = ward_cedar_entities_parse((struct ward_str){ b.s, b.n }, schema, &s, NULL);
		if ((code == WARD_OK) != (ward_json_get(verdict, "errors") == NULL))
			FAIL("entity %s: %s", verdict->key.s,
				code == WARD_OK ? "taken" : "refused");
		ward_cedar_entities_unref(s);
		ward_buf_done(&b);
		entities_seen++;
	}
}

/* A verdict file, beside the case or in a folder of its own. */
static void validation_case(const char *folder, const char *name)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(256u << 20);
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf entities = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf schema_text = WARD_BUF_INIT;
	const char *home = strcmp(folder, "corpus-tests-validation") == 0 ? "corpus-tests" : folder;
	const struct ward_json *verdict, *v, *j;
	struct ward_json *doc = NULL, *c = NULL;
	char path[600];

	CASE("%s", name);
	snprintf(path, sizeof(path), "%s/%s.validation.json", folder, name);
	verdict = data_json(a, path);
	snprintf(path, sizeof(path), "%s/%s.json", home, name);
	REQUIRE(verdict != NULL && data_read(&text, path));
	snprintf(path, sizeof(path), "%s/%s.cedarschema", home, name);
	REQUIRE(data_read(&schema_text, path));
	snprintf(path, sizeof(path), "%s/%s.entities.json", home, name);
	REQUIRE(data_read(&entities, path));
	schema = schema_of(schema_text.s, schema_text.n);
	REQUIRE(ward_cedar_json_parse(a, data_text(&text), &c, NULL) == WARD_OK);
	REQUIRE(ward_cedar_json_parse(a, data_text(&entities), &doc, NULL) == WARD_OK);
	check_entities(data_text(&entities), doc,
		ward_json_get(ward_json_get(verdict, "entityValidation"), "perEntity"), schema);
	j = ward_json_get(c, "requests")->child;
	v = ward_json_get(verdict, "requestValidation")->child;
	for (; j != NULL && v != NULL; j = j->next, v = v->next, requests_seen++) {
		bool valid = request_is_valid(data_text(&text), j, schema);

		if (valid != data_bool(v, "strict"))
			FAIL("request %s: %s", data_str(j, "description"),
				valid ? "taken" : "refused");
	}
	CHECK(j == NULL && v == NULL);
}

TEST(recorded_verdicts)
{
	data_or_skip();
	CHECK(data_each("validator-cases/testdata", ".validation.json", validation_case) > 0);
	CHECK(data_each("corpus-tests-validation", ".validation.json", validation_case) > 0);
	CASE("%s", "");
	CHECK(entities_seen > 100);
	CHECK(requests_seen > 1000);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas from one syntax to the other and back: what is written, word for word, that nothing is lost on the way, and what
 * cannot be said.
 */
#include "schema_util.h"

static struct cedar_diags diags;

static const char *translate(const char *text, enum cedar_schema_syntax from,
	enum cedar_schema_syntax to, struct ward_buf *out)
{
	int code;

	ward_cedar_diags_done(&diags);
	REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
	ward_buf_clear(out);
	code = ward_cedar_schema_translate(ward_str(text), from, to, out, &diags);
	CHECK_EQ_INT(code != WARD_OK, diags.errors > 0);
	return code == WARD_OK ? ward_buf_cstr(out) : first_error(&diags);
}

#define NONE "{\"entityTypes\":{},\"actions\":{}}"
#define GROUP "{\"appliesTo\":{\"resourceTypes\":[],\"principalTypes\":[]"

static const struct row {
	const char *text, *json, *resolved, *again; /* again: NULL: as text */
} rows[] = {
	{ "", "{}", "{}", NULL },
	{ "entity A;\n", "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{}}}",
		"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{}}}", NULL },
	{ "namespace N {\n}\n", "{\"N\":" NONE "}", "{\"N\":" NONE "}", NULL },
	{ "entity B enum [\"x\", \"y\\n\"];\n\nentity A in [B, B] = {x?: Long} tags String;",
		"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"B\",\"B\"],\"shape\":{\"type\":"
		"\"Record\",\"attributes\":{\"x\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\","
		"\"required\":false}}},\"tags\":{\"type\":\"EntityOrCommon\",\"name\":\"String\"}},"
		"\"B\":{\"enum\":[\"x\",\"y\\n\"]}},\"actions\":{}}}",
		"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"B\",\"B\"],\"shape\":{\"type\":"
		"\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"required\":false}}},"
		"\"tags\":{\"type\":\"String\"}},\"B\":{\"enum\":[\"x\",\"y\\n\"]}},\"actions\":{}}}",
		"entity A in [B, B] = {\n  x?: Long\n} tags String;\n\n"
		"entity B enum [\"x\", \"y\\n\"];\n" },
	{ "namespace N { type T = Set<{\"a b\": U, \"if\": Long, c: {}}>; type U = A; entity A; }",
		"{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"Set\",\"element\":{\"type\":\"Record\","
		"\"attributes\":{\"a b\":{\"type\":\"EntityOrCommon\",\"name\":\"U\"},\"c\":{\"type\":"
		"\"Record\",\"attributes\":{}},\"if\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"}"
		"}}},\"U\":{\"type\":\"EntityOrCommon\",\"name\":\"A\"}},\"entityTypes\":{\"A\":{}},"
		"\"actions\":{}}}",
		"{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"Set\",\"element\":{\"type\":\"Record\","
		"\"attributes\":{\"a b\":{\"type\":\"N::U\"},\"c\":{\"type\":\"Record\","
		"\"attributes\":{}},\"if\":{\"type\":\"Long\"}}}},\"U\":{\"type\":\"Entity\",\"name\":"
		"\"N::A\"}},\"entityTypes\":{\"A\":{}},\"actions\":{}}}",
		"namespace N {\n  type T = Set<{\n    \"a b\": U,\n    c: {    },\n    \"if\": Long\n"
		"  }>;\n\n  type U = A;\n\n  entity A;\n}\n" },
	{ "action a, \"\" in [b, N::Action::\"c\"] appliesTo {context: T, resource: A, "
	  "principal: [A, N::B]}; action b; entity A; type T = {}; "
	  "namespace N { entity B; action c in [\"d\\0\"]; action \"d\\0\"; }",
		"{\"\":{\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}},"
		"\"entityTypes\":{\"A\":{}},\"actions\":{\"\":{\"appliesTo\":{\"resourceTypes\":["
		"\"A\"],\"principalTypes\":[\"A\",\"N::B\"],\"context\":{\"type\":\"T\"}},"
		"\"memberOf\":[{\"id\":\"b\"},{\"id\":\"c\",\"type\":\"N::Action\"}]},\"a\":{"
		"\"appliesTo\":{\"resourceTypes\":[\"A\"],\"principalTypes\":[\"A\",\"N::B\"],"
		"\"context\":{\"type\":\"T\"}},\"memberOf\":[{\"id\":\"b\"},{\"id\":\"c\",\"type\":"
		"\"N::Action\"}]},\"b\":" GROUP
		"}}}},\"N\":{\"entityTypes\":{\"B\":{}},\"actions\":{"
		"\"c\":" GROUP "},\"memberOf\":[{\"id\":\"d\\u0000\"}]},\"d\\u0000\":" GROUP
		"}}}}}",
		"{\"\":{\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}},"
		"\"entityTypes\":{\"A\":{}},\"actions\":{\"\":{\"appliesTo\":{\"resourceTypes\":["
		"\"A\"],\"principalTypes\":[\"A\",\"N::B\"],\"context\":{\"type\":\"T\"}},"
		"\"memberOf\":[{\"id\":\"b\",\"type\":\"Action\"},{\"id\":\"c\",\"type\":"
		"\"N::Action\"}]},\"a\":{\"appliesTo\":{\"resourceTypes\":[\"A\"],\"principalTypes\":["
		"\"A\",\"N::B\"],\"context\":{\"type\":\"T\"}},\"memberOf\":[{\"id\":\"b\",\"type\":"
		"\"Action\"},{\"id\":\"c\",\"type\":\"N::Action\"}]},\"b\":" GROUP "}}}},\"N\":{"
		"\"entityTypes\":{\"B\":{}},\"actions\":{\"c\":" GROUP "},\"memberOf\":[{\"id\":"
		"\"d\\u0000\",\"type\":\"N::Action\"}]},\"d\\u0000\":" GROUP "}}}}}",
		"type T = {};\n\nentity A;\n\n"
		"action \"\" in [Action::\"b\", N::Action::\"c\"] appliesTo {\n"
		"  principal: [A, N::B],\n  resource: [A],\n  context: T\n};\n\n"
		"action \"a\" in [Action::\"b\", N::Action::\"c\"] appliesTo {\n"
		"  principal: [A, N::B],\n  resource: [A],\n  context: T\n};\n\n"
		"action \"b\";\n\nnamespace N {\n  entity B;\n\n"
		"  action \"c\" in [Action::\"d\\0\"];\n\n  action \"d\\0\";\n}\n" },
	{ "@b @a(\"x\\u{200b}\") namespace N { @c(\"\") entity A {@d x: Long} tags {y: Long}; "
	  "@e type T = __cedar::Long; @f action a appliesTo {principal: A, resource: A, "
	  "context: {z: T}}; }",
		"{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"EntityOrCommon\",\"name\":"
		"\"__cedar::Long\",\"annotations\":{\"e\":\"\"}}},\"entityTypes\":{\"A\":{\"shape\":{"
		"\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"EntityOrCommon\",\"name\":"
		"\"Long\",\"annotations\":{\"d\":\"\"}}}},\"tags\":{\"type\":\"Record\","
		"\"attributes\":{\"y\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"}}},"
		"\"annotations\":{\"c\":\"\"}}},\"actions\":{\"a\":{\"appliesTo\":{\"resourceTypes\":["
		"\"A\"],\"principalTypes\":[\"A\"],\"context\":{\"type\":\"Record\",\"attributes\":{"
		"\"z\":{\"type\":\"EntityOrCommon\",\"name\":\"T\"}}}},\"annotations\":{\"f\":\"\"}}},"
		"\"annotations\":{\"a\":\"x\\u200b\",\"b\":\"\"}}}",
		"{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"__cedar::Long\",\"annotations\":{\"e\":"
		"\"\"}}},\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{"
		"\"x\":{\"type\":\"Long\",\"annotations\":{\"d\":\"\"}}}},\"tags\":{\"type\":"
		"\"Record\",\"attributes\":{\"y\":{\"type\":\"Long\"}}},\"annotations\":{\"c\":"
		"\"\"}}},\"actions\":{\"a\":{\"appliesTo\":{\"resourceTypes\":[\"N::A\"],"
		"\"principalTypes\":[\"N::A\"],\"context\":{\"type\":\"Record\",\"attributes\":{"
		"\"z\":{\"type\":\"N::T\"}}}},\"annotations\":{\"f\":\"\"}}},\"annotations\":{\"a\":"
		"\"x\\u200b\",\"b\":\"\"}}}",
		"@a(\"x\\u{200b}\")\n@b(\"\")\nnamespace N {\n  @e(\"\")\n  type T = __cedar::Long;\n\n"
		"  @c(\"\")\n  entity A = {\n    @d(\"\")\n    x: Long\n  } tags {\n  y: Long\n};\n\n"
		"  @f(\"\")\n  action \"a\" appliesTo {\n    principal: [A],\n    resource: [A],\n"
		"    context: {\n      z: T\n    }\n  };\n}\n" },
	/* The empty namespace first, then by the last identifier, then by those before it. */
	{ "namespace B::A {} namespace A::B {} entity X; namespace A1::B {} namespace A::A::B {} "
	  "namespace B {}",
		"{\"\":{\"entityTypes\":{\"X\":{}},\"actions\":{}},\"B::A\":" NONE ",\"B\":" NONE
		",\"A::B\":" NONE ",\"A::A::B\":" NONE ",\"A1::B\":" NONE "}",
		"{\"\":{\"entityTypes\":{\"X\":{}},\"actions\":{}},\"B::A\":" NONE ",\"B\":" NONE
		",\"A::B\":" NONE ",\"A::A::B\":" NONE ",\"A1::B\":" NONE "}",
		"entity X;\n\nnamespace B::A {\n}\n\nnamespace B {\n}\n\nnamespace A::B {\n}\n\n"
		"namespace A::A::B {\n}\n\nnamespace A1::B {\n}\n" },
};

TEST(from_text)
{
	struct ward_buf b = WARD_BUF_INIT;

	TABLE(row, rows) {
		CASE("%s", row->text);
		CHECK_STR_EQ(translate(row->text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON, &b),
			row->json);
		CHECK_STR_EQ(translate(row->text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON,
				     &b),
			row->resolved);
		CHECK_STR_EQ(translate(row->text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_TEXT, &b),
			row->again != NULL ? row->again : row->text);
	}
	ward_buf_done(&b);
	ward_cedar_diags_done(&diags);
}

/* Text to JSON to text to JSON: from the second text on, nothing changes; the meaning never does. */
TEST(there_and_back)
{
	TABLE(row, rows) {
		struct ward_buf json = WARD_BUF_INIT, text = WARD_BUF_INIT, again = WARD_BUF_INIT;
		struct ward_buf meaning = WARD_BUF_INIT, other = WARD_BUF_INIT;
		struct cedar_schema *s;

		CASE("%s", row->text);
		(void)translate(row->text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON, &json);
		(void)translate(json.s, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON, &again);
		CHECK_STR_EQ(again.s, json.s);
		(void)translate(json.s, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_TEXT, &text);
		CHECK_STR_EQ(ward_buf_cstr(&text), row->again != NULL ? row->again : row->text);
		(void)translate(ward_buf_cstr(&text), CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_TEXT, &again);
		CHECK_STR_EQ(ward_buf_cstr(&again), ward_buf_cstr(&text));
		s = schema_of(ward_str(row->text), CEDAR_SCHEMA_TEXT, &diags);
		REQUIRE(s != NULL);
		describe(&meaning, s);
		ward_cedar_schema_freep(&s);
		s = schema_of((struct ward_str){ json.s, json.n }, CEDAR_SCHEMA_JSON, &diags);
		REQUIRE(s != NULL);
		describe(&other, s);
		CHECK_STR_EQ(ward_buf_cstr(&other), ward_buf_cstr(&meaning));
		ward_buf_clear(&text);
		CHECK_EQ_INT(ward_cedar_schema_to_text(s, &text, &diags), WARD_OK);
		CHECK_STR_EQ(ward_buf_cstr(&text), row->again != NULL ? row->again : row->text);
		ward_buf_clear(&again);
		CHECK_EQ_INT(ward_cedar_schema_to_json(s, &again, &diags), WARD_OK);
		CHECK_STR_EQ(again.s, json.s);
		ward_cedar_schema_freep(&s);
		ward_buf_done(&json);
		ward_buf_done(&text);
		ward_buf_done(&again);
		ward_buf_done(&meaning);
		ward_buf_done(&other);
	}
	ward_cedar_diags_done(&diags);
}

#define TYPE(json) "{\"\":{\"commonTypes\":{\"T\":" json "},\"entityTypes\":{},\"actions\":{}}}"

TEST(from_json)
{
	static const struct {
		const char *json, *text;
	} types[] = {
		{ TYPE("{\"type\":\"Boolean\"}"), "type T = __cedar::Bool;\n" },
		{ TYPE("{\"type\":\"Long\"}"), "type T = __cedar::Long;\n" },
		{ TYPE("{\"type\":\"String\"}"), "type T = __cedar::String;\n" },
		{ TYPE("{\"type\":\"Bool\"}"), "type T = Bool;\n" },
		{ TYPE("{\"type\":\"Extension\",\"name\":\"ipaddr\"}"),
			"type T = __cedar::ipaddr;\n" },
		{ TYPE("{\"type\":\"Entity\",\"name\":\"N::A\"}"), "type T = N::A;\n" },
		{ TYPE("{\"type\":\"Set\",\"element\":{\"type\":\"N::A\"}}"),
			"type T = Set<N::A>;\n" },
		{ TYPE("{\"type\":\"Record\",\"attributes\":{},\"additionalAttributes\":true}"),
			"type T = {};\n" },
		{ TYPE("{\"type\":\"Long\",\"annotations\":{\"a\":null,\"if\":\"b\"}}"),
			"@a\n@if(\"b\")\ntype T = __cedar::Long;\n" },
		{ TYPE("{\"type\":\"Record\",\"attributes\":{\"__cedar\":{\"type\":\"Long\"}}}"),
			"type T = {\n  \"__cedar\": __cedar::Long\n};\n" },
		{ "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"appliesTo\":{\"resourceTypes\":[],"
		  "\"principalTypes\":[\"A\"]},\"memberOf\":[]}}}}",
			"action \"a\";\n" },
		{ "{\"\":" NONE ",\"N\":" NONE "}", "\nnamespace N {\n}\n" },
		{ "{\"N\":{\"commonTypes\":{\"A\":{\"type\":\"Long\"},\"B\":{\"type\":\"Long\"}},"
		  "\"entityTypes\":{\"A\":{},\"C\":{}},\"actions\":{}}}",
			"There are name collisions: [N::A]" },
		{ "{\"\":{\"commonTypes\":{\"A\":{\"type\":\"Long\"}},\"entityTypes\":{\"A\":{}},"
		  "\"actions\":{}}}",
			"type A = __cedar::Long;\n\nentity A;\n" },
		{ "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"T\"}},\"B\":{}},\"actions\":{}},"
		  "\"N\":{\"entityTypes\":{\"C\":{\"shape\":{\"type\":\"Long\"}}},\"actions\":{}}}",
			"The following entities have shapes that cannot be converted to Cedar "
			"schema syntax: [A, N::C]" },
	};
	struct ward_buf b = WARD_BUF_INIT;

	TABLE(row, types) {
		CASE("%s", row->json);
		CHECK_STR_EQ(translate(row->json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_TEXT, &b),
			row->text);
		CHECK_STR_EQ(translate(row->json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON, &b),
			row->json);
	}
	CHECK_STR_EQ(
		translate("{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{"
			  "\"a\":{\"type\":\"Entity\",\"name\":\"A\"},\"b\":{\"type\":\"U\"},"
			  "\"c\":{\"type\":\"EntityOrCommon\",\"name\":\"A\"},\"d\":{\"type\":"
			  "\"Boolean\"}}},\"U\":{\"type\":\"Long\"}},\"entityTypes\":{\"A\":{}},"
			  "\"actions\":{}}}",
			CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_RESOLVED_JSON, &b),
		"{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{\"a\":{\"type\":"
		"\"Entity\",\"name\":\"N::A\"},\"b\":{\"type\":\"N::U\"},\"c\":{\"type\":\"Entity\","
		"\"name\":\"N::A\"},\"d\":{\"type\":\"Boolean\"}}},\"U\":{\"type\":\"Long\"}},"
		"\"entityTypes\":{\"A\":{}},\"actions\":{}}}");
	CHECK_EQ_INT(ward_cedar_schema_translate(ward_str(types[12].json), CEDAR_SCHEMA_JSON,
			     CEDAR_SCHEMA_TEXT, &b, NULL),
		WARD_E_UNSUPPORTED);
	ward_buf_done(&b);
	ward_cedar_diags_done(&diags);
}

/* What is no whole schema can be translated all the same; names are looked up only where they are asked for. */
TEST(parts)
{
	static const char cyclic[] =
		"type T = T; action a in a; namespace N { entity A; } entity A;";
	struct ward_buf b = WARD_BUF_INIT;

	CHECK_STR_EQ(translate("entity A in B;", CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_TEXT, &b),
		"entity A in [B];\n");
	CHECK_STR_EQ(translate("entity A in B;", CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON, &b),
		"failed to resolve type: B");
	CHECK_STR_EQ(translate("action a in b;", CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON, &b),
		"undeclared action: Action::\"b\"");
	CHECK_STR_EQ(translate(cyclic, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON, &b),
		"{\"\":{\"commonTypes\":{\"T\":{\"type\":\"T\"}},\"entityTypes\":{\"A\":{}},"
		"\"actions\":{\"a\":" GROUP
		"},\"memberOf\":[{\"id\":\"a\",\"type\":\"Action\"}]}}},"
		"\"N\":{\"entityTypes\":{\"A\":{}},\"actions\":{}}}");
	CHECK_STR_EQ(translate("entity A; entity A;", CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON, &b),
		"`A` is declared twice");
	ward_buf_done(&b);
	ward_cedar_diags_done(&diags);
}

TEST(results_have_a_maximum)
{
	static const enum cedar_schema_syntax syntaxes[] = { CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON,
		CEDAR_SCHEMA_RESOLVED_JSON };
	static const char text[] =
		"@a(\"b\") namespace N { type T = {x: {y: Set<Long>}}; entity A, B in [A, B] enum1 "
		"enum [\"a\", \"b\"]; }";
	static const char fine[] =
		"@a(\"b\") namespace N { type T = {x: {y: Set<Long>}}; entity A, B in [A, B] {x: T}; "
		"entity E enum [\"a\", \"b\"]; action a, b in [c] appliesTo {principal: A, "
		"resource: B, context: {z: Long}}; action c; }";

	for (size_t s = 0; s < WARD_ARRAY_SIZE(syntaxes); s++) {
		struct ward_buf b = { .max = 1 };
		int code = WARD_E_LIMIT;
		size_t max;

		CHECK_STR_EQ(translate(text, CEDAR_SCHEMA_TEXT, syntaxes[s], &b),
			"unexpected token `enum1`");
		for (max = 1; max < 4096 && code == WARD_E_LIMIT; max += 7) {
			ward_buf_done(&b);
			b.max = max;
			code = ward_cedar_schema_translate(ward_str(fine), CEDAR_SCHEMA_TEXT,
				syntaxes[s], &b, NULL);
			CHECK_EQ_INT(code == WARD_OK, !b.failed);
		}
		CHECK_EQ_INT(code, WARD_OK);
		CHECK_GE_INT(max, 300);
		b.max = 10;
		ward_buf_done(&b);
		CHECK_STR_CONTAINS(translate(fine, CEDAR_SCHEMA_TEXT, syntaxes[s], &b),
			"larger than 10 bytes");
		ward_buf_done(&b);
	}
	ward_cedar_diags_done(&diags);
}

TAP_MAIN();

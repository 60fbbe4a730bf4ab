/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas: what is taken and refused in both syntaxes (schema.cases), what names come to mean, hierarchies, lookups,
 * limits, warnings.
 */
#include "schema_util.h"

static struct cedar_diags diags;
static struct cedar_schema *schema;

static struct cedar_schema *fresh(const char *text)
{
	ward_cedar_schema_freep(&schema);
	schema = schema_of(ward_str(text), CEDAR_SCHEMA_TEXT, &diags);
	return schema;
}

static void finish(void)
{
	ward_cedar_schema_freep(&schema);
	ward_cedar_diags_done(&diags);
}

/* ---- taken or refused ---- */

/* Places lie in the text and can be shown. */
static void check_places(struct ward_str text)
{
	struct ward_buf b = WARD_BUF_INIT;

	for (size_t i = 0; i < diags.n; i++) {
		CHECK(diags.v[i].start <= diags.v[i].end && diags.v[i].end <= text.n);
		ward_cedar_diag_print(&b, &diags.v[i], "f", text);
	}
	CHECK(!b.failed);
	ward_buf_done(&b);
}

TEST(cases)
{
	size_t n, count = 0;
	char *text = read_file(WARD_SOURCE_ROOT "/tests/cedar/schema.cases", &n);
	struct ward_str input = { 0 };
	enum cedar_schema_syntax syntax = CEDAR_SCHEMA_TEXT;

	REQUIRE(text != NULL);
	for (char *line = text, *end; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		REQUIRE(end != NULL);
		*end = '\0';
		if (line[0] == '#')
			continue;
		CASE("%s", line);
		if (line[0] == 'T' || line[0] == 'J') {
			syntax = line[0] == 'J' ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_TEXT;
			input = ward_str(line + 2);
			continue;
		}
		REQUIRE(line[0] == '=');
		ward_cedar_schema_freep(&schema);
		CASE("%s", input.s);
		schema = schema_of(input, syntax, &diags);
		CHECK_STR_EQ(first_error(&diags), line + 2);
		check_places(input);
		count++;
	}
	CHECK_GE_INT(count, 280);
	free(text);
	finish();
}

TEST(texts_that_no_line_can_hold)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "entity A{\"x\\ny\\x41\\u{1F600}\\'\\0\": Long};", "ok" },
		{ "entity A{\"\\q\": Long};", "the input `\\q` is not a valid escape" },
		{ "entity A{\"a\nb\": Long};", "ok" },
		{ "entity A{\"a\rb\": Long};", "the input `\\r` is not a valid escape" },
		{ "entity A{\"a\\\nb\": Long};", "invalid token" },
		{ "entity A{\"a: Long};", "invalid token" },
		{ "\xef\xbb\xbf"
		  "entity A;",
			"invalid token" },
		{ "entity\xc2\xa0"
		  "A\xe2\x80\x83;",
			"ok" },
		{ "entity A;//x\rentity B;", "ok" },
		{ "entity A;//x\xe2\x80\xa8"
		  "entity A;",
			"ok" },
		{ "entity A enum [\"\\u{1_0}\"];", "ok" },
		{ "entity A;\n\x80", "the text is not valid UTF-8" },
		{ "entity A;\xed\xa0\x80", "the text is not valid UTF-8" },
		{ "entity A;\xc0\x80", "the text is not valid UTF-8" },
	};

	TABLE(row, rows) {
		CASE("%s", row->text);
		fresh(row->text);
		CHECK_STR_EQ(first_error(&diags), row->error);
		check_places(ward_str(row->text));
	}
	ward_cedar_schema_freep(&schema);
	schema = schema_of(WARD_STR("entity A;\0"), CEDAR_SCHEMA_TEXT, &diags);
	CHECK_STR_EQ(first_error(&diags), "invalid token");
	CHECK_EQ_INT(diags.v[0].start, 9);
	finish();
}

TEST(places)
{
	static const struct {
		const char *text, *what;
		uint8_t syntax;
	} rows[] = {
		{ "entity A; entity  A ;", "A ;", CEDAR_SCHEMA_TEXT },
		{ "entity A {x: N :: B};", "N :: B", CEDAR_SCHEMA_TEXT },
		{ "entity A in [A, C];", "C", CEDAR_SCHEMA_TEXT },
		{ "action a in [Action::\"b\"];", "Action::\"b\"", CEDAR_SCHEMA_TEXT },
		{ "action a appliesTo {resource: A, principal: []}; entity A;", "principal",
			CEDAR_SCHEMA_TEXT },
		{ "namespace N { entity T; } type T = Long;", "T; }", CEDAR_SCHEMA_TEXT },
		{ "entity A { \"x\\q\": Long };", "\\q", CEDAR_SCHEMA_TEXT },
		{ "{\"\": {\"entityTypes\": {\"A\\\"\" : {}}, \"actions\": {}}}", "\"A\\\"\"",
			CEDAR_SCHEMA_JSON },
		{ "{\"\": {\"entityTypes\": {\"A\": {\"memberOfTypes\": [\"B\"]}}, "
		  "\"actions\": {}}}",
			"\"B\"]", CEDAR_SCHEMA_JSON },
		{ "{\"\": {\"entityTypes\": {\"A\": {}}, \"actions\": {}, \"x\": 1}}", "\"x\"",
			CEDAR_SCHEMA_JSON },
	};

	TABLE(row, rows) {
		const char *at = strstr(row->text, row->what);

		CASE("%s", row->text);
		REQUIRE(at != NULL);
		ward_cedar_schema_freep(&schema);
		schema = schema_of(ward_str(row->text), row->syntax, &diags);
		REQUIRE(diags.n == 1);
		CHECK_EQ_UINT(diags.v[0].start, at - row->text);
	}
	finish();
}

TEST(several_findings)
{
	static const struct {
		const char *text;
		unsigned errors;
	} rows[] = {
		{ "entity A {x: }; entity B; type T = ; entity if; action b {}; entity C in [;",
			5 },
		{ "namespace N { action a in; entity C {y: }; type T = ; } entity if;", 4 },
		{ "namespace N { action a in } entity if;", 2 },
		{ "entity A {x: {y: }}; entity if;", 2 },
		{ "entity A {x: {y: }} tags Long; entity if;", 2 },
		{ "entity A {x: Long, ; entity if; entity then;", 3 },
		{ "namespace \"N\" {} entity if;", 2 },
		{ "namespace N {}; entity if;", 2 },
		{ "namespace N { entity A } @a entity if;", 2 },
		{ "entity A {x: B, y: C} tags D; action a in b appliesTo {principal: E, resource: "
		  "F};",
			6 },
		{ "}}} entity A;", 1 },
	};

	TABLE(row, rows) {
		CASE("%s", row->text);
		fresh(row->text);
		CHECK_EQ_UINT(diags.errors, row->errors);
	}
	fresh("namespace N {}; entity A;");
	CHECK_STR_CONTAINS(diags.v[0].help, "not followed by `;`");
	fresh("action a {};");
	CHECK_STR_CONTAINS(diags.v[0].help, "require `appliesTo`");
	fresh("{\"\": {}}");
	CHECK_STR_CONTAINS(diags.v[0].help, "is it in the JSON syntax?");
	schema = schema_of(WARD_STR("{\"entityTypes\": {}, \"actions\": {}}"), CEDAR_SCHEMA_JSON,
		&diags);
	CHECK_STR_CONTAINS(diags.v[0].help, "must specify a namespace");
	/* Names are shown on one line. */
	fresh("action \"a\\nb\", \"a\\nb\";");
	CHECK_STR_EQ(first_error(&diags), "`a\\nb` is declared twice");
	fresh("action \"a\\nb\" in \"a\\nb\";");
	CHECK_STR_EQ(first_error(&diags),
		"cycle in action hierarchy containing `Action::\"a\\nb\"`");
	fresh("action a; namespace Action::N { action a; }");
	CHECK_STR_EQ(first_error(&diags),
		"definition of `Action::N::Action::\"a\"` illegally shadows the "
		"existing definition of `Action::\"a\"`");
	finish();
}

/* ---- what it means ---- */

TEST(meaning)
{
	static const struct {
		const char *text, *meaning;
	} rows[] = {
		{ "", "" },
		{ "entity A {x: Long, y?: Set<String>, z: {b: Bool}};",
			"A {x: Long, y?: Set<String>, z: {b: Bool}} < << >>\n" },
		{ "entity A {x: Long, x: String};", "A {x: String} < << >>\n" },
		{ "entity A {x: ipaddr, y: decimal, z: __cedar::datetime, w: duration} tags A;",
			"A {w: duration, x: ipaddr, y: decimal, z: datetime} tags A < << >>\n" },
		{ "entity Long; entity A {x: Long, y: __cedar::Long};",
			"A {x: Long, y: Long} < << >>\nLong {} < << >>\n" },
		{ "type ipaddr = Long; entity A {x: ipaddr};", "A {x: Long} < << >>\n" },
		/* A common type hides an entity type of the same name, but not where an entity type must stand. */
		{ "entity B; type B = Long; entity A in B {x: B};",
			"A {x: Long} < B << B >>\nB {} < << >> A\n" },
		{ "type T = {x: U}; type U = Set<V>; type V = N::W; namespace N { type W = Bool; "
		  "entity A { t: T, w: W }; }",
			"N::A {t: {x: Set<Bool>}, w: Bool} < << >>\n" },
		/* The namespace comes before the empty one, and that before what is built in. */
		{ "namespace N { type Long1 = String; entity A {x: Long1, y: T}; } type T = Bool;",
			"N::A {x: String, y: Bool} < << >>\n" },
		{ "namespace N { entity String; entity A {x: String}; }",
			"N::A {x: N::String} < << >>\nN::String {} < << >>\n" },
		{ "entity A in [B, B, C]; entity B in C; entity C; entity D enum [\"x\", \"x\"];",
			"A {} < B C << B C >>\nB {} < C << C >> A\nC {} < << >> A B\n"
			"D {} enum \"x\", \"x\" < << >>\n" },
		{ "entity A in B; entity B in C; entity C in A; entity D in D;",
			"A {} < B << A B C >> A B C\nB {} < C << A B C >> A B C\n"
			"C {} < A << A B C >> A B C\nD {} < D << D >> D\n" },
		{ "entity E enum [\"x\"]; entity A in E;",
			"A {} < E << E >>\nE {} enum \"x\" < << >> A\n" },
		{ "action a, \"b c\" appliesTo {principal: [A, B, A], resource: A, context: T}; "
		  "entity A, B; type T = {x?: A};",
			"A {} < << >>\nB {} < << >>\n"
			"Action::\"a\" {x?: A} applies principal A B resource A < << >>\n"
			"Action::\"b c\" {x?: A} applies principal A B resource A < << >>\nAction\n" },
		{ "action a in [b, Action::\"c\", N::Action::\"d\"]; action b in c; action c; "
		  "namespace N { action d, e in [Action::\"c\", d2]; action d2; }",
			"Action::\"a\" {} principal resource < Action::\"b\" Action::\"c\" "
			"N::Action::\"d\" << Action::\"b\" Action::\"c\" N::Action::\"d\" "
			"N::Action::\"d2\" >>\n"
			"Action::\"b\" {} principal resource < Action::\"c\" << Action::\"c\" >> "
			"Action::\"a\"\n"
			"Action::\"c\" {} principal resource < << >> Action::\"a\" Action::\"b\" "
			"N::Action::\"d\" N::Action::\"e\"\n"
			"N::Action::\"d\" {} principal resource < Action::\"c\" N::Action::\"d2\" << "
			"Action::\"c\" N::Action::\"d2\" >> Action::\"a\"\n"
			"N::Action::\"d2\" {} principal resource < << >> Action::\"a\" "
			"N::Action::\"d\" N::Action::\"e\"\n"
			"N::Action::\"e\" {} principal resource < Action::\"c\" N::Action::\"d2\" << "
			"Action::\"c\" N::Action::\"d2\" >>\n"
			"Action\nN::Action\n" },
		{ "entity A {x: Action, y: N::Action}; action a; namespace N { action b; }",
			"A {x: Action, y: N::Action} < << >>\n"
			"Action::\"a\" {} principal resource < << >>\n"
			"N::Action::\"b\" {} principal resource < << >>\nAction\nN::Action\n" },
	};

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->text);
		REQUIRE(fresh(row->text) != NULL);
		describe(&b, schema);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->meaning);
		ward_buf_done(&b);
	}
	finish();
}

TEST(lookups)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	const struct cedar_entity_type *a, *b, *e;
	const struct cedar_action_type *x, *y;
	struct cedar_diags d = { 0 };
	const struct cedar_uid *uid;

	REQUIRE(pool != NULL);
	REQUIRE(fresh("namespace N { entity A in B; entity B; entity E enum [\"i\", \"j\"]; "
		      "action x in y; action y; }") != NULL);
	a = ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "N::A", 4));
	b = ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "N::B", 4));
	e = ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "N::E", 4));
	REQUIRE(a != NULL && b != NULL && e != NULL);
	CHECK_NULL(ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "A", 1)));
	CHECK_NULL(ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "N::Action", 9)));
	CHECK(ward_cedar_entity_type_in(a, b) && ward_cedar_entity_type_in(a, a));
	CHECK(!ward_cedar_entity_type_in(b, a) && !ward_cedar_entity_type_in(a, e));
	CHECK(ward_cedar_entity_type_has_id(e, ward_cedar_intern(pool, "j", 1)));
	CHECK(!ward_cedar_entity_type_has_id(e, ward_cedar_intern(pool, "k", 1)));
	CHECK(ward_cedar_entity_type_has_id(a, ward_cedar_intern(pool, "k", 1)));
	REQUIRE(ward_cedar_parse_uid(pool, WARD_STR("N::Action::\"x\""), &uid, &d) == WARD_OK);
	x = ward_cedar_schema_action(schema, uid);
	REQUIRE(ward_cedar_parse_uid(pool, WARD_STR("N::Action::\"y\""), &uid, &d) == WARD_OK);
	y = ward_cedar_schema_action(schema, uid);
	REQUIRE(x != NULL && y != NULL);
	CHECK(ward_cedar_action_in(x, y) && ward_cedar_action_in(x, x));
	CHECK(!ward_cedar_action_in(y, x));
	REQUIRE(ward_cedar_parse_uid(pool, WARD_STR("Action::\"x\""), &uid, &d) == WARD_OK);
	CHECK_NULL(ward_cedar_schema_action(schema, uid));
	CHECK(ward_cedar_schema_is_action_type(schema, ward_cedar_intern(pool, "N::Action", 9)));
	CHECK(!ward_cedar_schema_is_action_type(schema, ward_cedar_intern(pool, "Action", 6)));
	CHECK(!ward_cedar_schema_is_action_type(schema, ward_cedar_intern(pool, "N::A", 4)));
	/* An empty schema is asked the same. */
	REQUIRE(fresh("") != NULL);
	CHECK_NULL(ward_cedar_schema_entity(schema, ward_cedar_intern(pool, "N::A", 4)));
	CHECK_NULL(ward_cedar_schema_action(schema, uid));
	ward_cedar_schema_free(NULL);
	finish();
}

TEST(equal_types_are_one)
{
	REQUIRE(fresh("entity A {x: {p: Set<Long>, q?: B}}; entity B {x: T}; entity C {y: T};"
		      "type T = {q?: B, p: U}; type U = Set<Long>;") != NULL);
	CHECK_EQ_PTR(schema->entities[0]->attrs, schema->entities[1]->attrs);
	CHECK_EQ_PTR(schema->entities[0]->attrs->attrs[0].type,
		schema->entities[2]->attrs->attrs[0].type);
	finish();
}

TEST(warnings)
{
	static const struct {
		const char *text, *warnings;
	} rows[] = {
		{ "entity A;", "" },
		{ "entity Long;",
			"The name `Long` shadows a builtin Cedar name. You'll have to refer to the "
			"builtin as `__cedar::Long`.\n" },
		{ "namespace N { type ipaddr = Long; entity decimal, B; }",
			"The name `ipaddr` shadows a builtin Cedar name. You'll have to refer to the "
			"builtin as `__cedar::ipaddr`.\n"
			"The name `decimal` shadows a builtin Cedar name. You'll have to refer to "
			"the builtin as `__cedar::decimal`.\n" },
		{ "namespace N { type A = Long; entity A; type B = Long; } entity C; "
		  "namespace M { type D = Long; } namespace O { entity D; }",
			"The common type name A shadows an entity name\n" },
	};

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->text);
		REQUIRE(fresh(row->text) != NULL);
		for (size_t i = 0; i < diags.n; i++) {
			CHECK_EQ_INT(diags.v[i].severity, CEDAR_WARNING);
			ward_buf_addf(&b, "%s\n", diags.v[i].message);
		}
		CHECK_STR_EQ(ward_buf_cstr(&b), row->warnings);
		ward_buf_done(&b);
	}
	/* The engine warns of texts alone. */
	ward_cedar_schema_freep(&schema);
	schema = schema_of(WARD_STR("{\"\": {\"entityTypes\": {\"Long\": {}}, \"actions\": {}}}"),
		CEDAR_SCHEMA_JSON, &diags);
	CHECK(schema != NULL && diags.n == 0);
	finish();
}

/* ---- limits ---- */

static void repeat(struct ward_buf *b, const char *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ward_buf_adds(b, s);
}

/* before and after n times around what is inside. */
static int nested(enum cedar_schema_syntax syntax, const char *start, const char *before,
	const char *inside, const char *after, const char *end, unsigned n)
{
	struct ward_buf b = { .max = 1u << 28 };
	int code;

	ward_buf_adds(&b, start);
	repeat(&b, before, n);
	ward_buf_adds(&b, inside);
	repeat(&b, after, n);
	ward_buf_adds(&b, end);
	ward_cedar_schema_freep(&schema);
	ward_cedar_diags_done(&diags);
	REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
	code = ward_cedar_schema_parse((struct ward_str){ b.s, b.n }, syntax, &schema, &diags);
	ward_buf_done(&b);
	return code;
}

#define TEXT(n) nested(CEDAR_SCHEMA_TEXT, "entity A {x: ", "{x: ", "Long", "}", "};", n)
#define SETS(n) nested(CEDAR_SCHEMA_TEXT, "type T = ", "Set<", "Long", ">", ";", n)
#define JSON(n) \
	nested(CEDAR_SCHEMA_JSON, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":", \
		"{\"type\":\"Record\",\"attributes\":{\"x\":", "{\"type\":\"Long\"}", "}}", \
		"}},\"actions\":{}}}", n)

TEST(nesting)
{
	CHECK_EQ_INT(TEXT(WARD_CEDAR_DEPTH_MAX - 2), WARD_OK);
	CHECK_EQ_INT(TEXT(WARD_CEDAR_DEPTH_MAX), WARD_E_LIMIT);
	CHECK_EQ_INT(TEXT(100000), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(first_error(&diags), "nested more than 1000 levels deep");
	CHECK_EQ_INT(SETS(WARD_CEDAR_DEPTH_MAX - 1), WARD_OK);
	CHECK_EQ_INT(SETS(WARD_CEDAR_DEPTH_MAX), WARD_E_LIMIT);
	CHECK_EQ_INT(SETS(1000000), WARD_E_LIMIT);
	CHECK_EQ_INT(JSON(WARD_CEDAR_DEPTH_MAX - 1), WARD_OK);
	CHECK_EQ_INT(JSON(WARD_CEDAR_DEPTH_MAX), WARD_E_LIMIT);
	CHECK_NE_INT(JSON(100000), WARD_OK);
	CHECK_GE_INT(diags.errors, 1);
	finish();
}

/* type T0 = LAST; type T1 = FORMAT of T0; ... */
static int chain(const char *last, const char *format, unsigned n)
{
	struct ward_buf b = { .max = 1u << 28 };
	int code;

	ward_buf_addf(&b, "type T0 = %s;\n", last);
	for (unsigned i = 1; i <= n; i++) {
		ward_buf_addf(&b, "type T%u = ", i);
		for (const char *p = format; *p != '\0'; p++) {
			if (*p == '$')
				ward_buf_addf(&b, "T%u", i - 1);
			else
				ward_buf_addc(&b, *p);
		}
		ward_buf_adds(&b, ";\n");
	}
	ward_cedar_schema_freep(&schema);
	ward_cedar_diags_done(&diags);
	REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
	code = ward_cedar_schema_parse((struct ward_str){ b.s, b.n }, CEDAR_SCHEMA_TEXT, &schema,
		&diags);
	ward_buf_done(&b);
	return code;
}

TEST(common_types_in_common_types)
{
	struct ward_buf b = { .max = 1u << 16 };

	CHECK_EQ_INT(chain("Long", "$", 100000), WARD_OK);
	CHECK_EQ_INT(chain("T100000", "$", 100000), WARD_E_PARSE);
	CHECK_STR_CONTAINS(first_error(&diags), "cycle in common type references");
	CHECK_EQ_INT(chain("Long", "Set<$>", 900), WARD_OK);
	CHECK_EQ_INT(chain("Long", "Set<$>", 100000), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(first_error(&diags), "with the common types in it");
	/* Doubled 900 times: that many types, and JSON that keeps the names. */
	CHECK_EQ_INT(chain("{l: Long}", "{x: $, y: $}", 900), WARD_OK);
	CHECK(ward_cedar_pool_bytes(schema->pool) < 8u << 20);
	b.max = 1u << 20;
	CHECK_EQ_INT(ward_cedar_schema_to_resolved_json(schema, &b, &diags), WARD_OK);
	CHECK_GE_INT(b.n, 900 * 40);
	ward_buf_done(&b);
	finish();
}

/* entity A0 in A1; entity A1 in A2; ... */
static int hierarchy(unsigned n)
{
	struct ward_buf b = { .max = 1u << 28 };
	int code;

	for (unsigned i = 0; i < n; i++)
		ward_buf_addf(&b, "entity A%u in A%u;\n", i, i + 1);
	ward_buf_addf(&b, "entity A%u;\n", n);
	ward_cedar_schema_freep(&schema);
	ward_cedar_diags_done(&diags);
	REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
	code = ward_cedar_schema_parse((struct ward_str){ b.s, b.n }, CEDAR_SCHEMA_TEXT, &schema,
		&diags);
	ward_buf_done(&b);
	return code;
}

TEST(hierarchies)
{
	CHECK_EQ_INT(hierarchy(2000), WARD_OK);
	CHECK_EQ_UINT(schema->entities[0]->n_ancestors, 2000);
	CHECK_EQ_INT(hierarchy(12000), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(first_error(&diags), "the hierarchy of entity types is too large");
	finish();
}

/* One declaration of many names, in many parents. */
TEST(many_names)
{
	struct ward_buf b = { .max = 1u << 28 };

	for (unsigned i = 0; i < 10000; i++)
		ward_buf_addf(&b, "%sA%u", i == 0 ? "entity " : ", ", i);
	for (unsigned i = 0; i < 10000; i++)
		ward_buf_addf(&b, "%sB%u", i == 0 ? " in [" : ", ", i);
	ward_buf_adds(&b, "] {x: C};\n");
	ward_cedar_schema_freep(&schema);
	schema = schema_of((struct ward_str){ b.s, b.n }, CEDAR_SCHEMA_TEXT, &diags);
	CHECK_NULL(schema);
	CHECK_GE_INT(diags.dropped, 1);
	for (unsigned i = 0; i < 10000; i++)
		ward_buf_addf(&b, "%sB%u", i == 0 ? "entity C, " : ", ", i);
	ward_buf_adds(&b, ";\n");
	schema = schema_of((struct ward_str){ b.s, b.n }, CEDAR_SCHEMA_TEXT, &diags);
	CHECK_NULL(schema);
	CHECK_STR_CONTAINS(first_error(&diags), "are too long");
	ward_buf_done(&b);
	finish();
}

TEST(size)
{
	struct cedar_schema *s = NULL;
	const struct ward_str text = { "", (size_t)WARD_CEDAR_TEXT_MAX + 1 };
	const struct ward_str json = { "", (size_t)WARD_CEDAR_JSON_BYTES_MAX + 1 };

	REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_schema_parse(text, CEDAR_SCHEMA_TEXT, &s, &diags), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_cedar_schema_parse(json, CEDAR_SCHEMA_JSON, &s, &diags), WARD_E_LIMIT);
	CHECK_EQ_UINT(diags.errors, 2);
	CHECK_NULL(s);
	/* Nobody has to want to know. */
	CHECK_EQ_INT(ward_cedar_schema_parse(WARD_STR("entity A; entity A;"), CEDAR_SCHEMA_TEXT, &s,
			     NULL),
		WARD_E_PARSE);
	finish();
}

TAP_MAIN();

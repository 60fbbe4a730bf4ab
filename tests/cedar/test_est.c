/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of policies: what is read, what is refused and where, what is printed; that text and JSON say the same both ways;
 * and that running out of memory is an error at every place.
 */
#include "../unit/alloc_fail.h"
#include "est_util.h"

/* ---- text to JSON ---- */

static const struct {
	const char *text, *json; /* a condition */
} exprs[] = {
	{ "true", "{\"Value\":true}" },
	{ "-9223372036854775808", "{\"Value\":-9223372036854775808}" },
	{ "\"a\\\"\\u{e9}\\0\"", "{\"Value\":\"a\\\"\xc3\xa9\\u0000\"}" },
	{ "A::B::\"x\"", "{\"Value\":{\"__entity\":{\"type\":\"A::B\",\"id\":\"x\"}}}" },
	{ "principal", "{\"Var\":\"principal\"}" },
	{ "context", "{\"Var\":\"context\"}" },
	{ "!(!true)", "{\"!\":{\"arg\":{\"!\":{\"arg\":{\"Value\":true}}}}}" },
	{ "-(1)", "{\"neg\":{\"arg\":{\"Value\":1}}}" },
	{ "true && false && true",
		"{\"&&\":{\"left\":{\"&&\":{\"left\":{\"Value\":true},\"right\":{\"Value\":false}}},"
		"\"right\":{\"Value\":true}}}" },
	{ "true && (false && true)",
		"{\"&&\":{\"left\":{\"Value\":true},\"right\":{\"&&\":{\"left\":{\"Value\":false},"
		"\"right\":{\"Value\":true}}}}}" },
	{ "(true || false) && true || 1",
		"{\"||\":{\"left\":{\"&&\":{\"left\":{\"||\":{\"left\":{\"Value\":true},\"right\":{"
		"\"Value\":false}}},\"right\":{\"Value\":true}}},\"right\":{\"Value\":1}}}" },
	{ "1 >= 2", "{\">=\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}}" },
	{ "1 != 2", "{\"!=\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}}" },
	{ "1 - 2 - 3",
		"{\"-\":{\"left\":{\"-\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}},"
		"\"right\":{\"Value\":3}}}" },
	{ "if 1 then 2 else 3",
		"{\"if-then-else\":{\"if\":{\"Value\":1},\"then\":{\"Value\":2},\"else\":{\"Value\":"
		"3}}}" },
	{ "context[\"a b\"].c",
		"{\".\":{\"left\":{\".\":{\"left\":{\"Var\":\"context\"},\"attr\":\"a b\"}},\"attr\":"
		"\"c\"}}" },
	{ "principal has a", "{\"has\":{\"left\":{\"Var\":\"principal\"},\"attr\":\"a\"}}" },
	{ "principal has \"if\"", "{\"has\":{\"left\":{\"Var\":\"principal\"},\"attr\":\"if\"}}" },
	{ "principal has a.b",
		"{\"has\":{\"left\":{\"Var\":\"principal\"},\"attr\":[\"a\",\"b\"]}}" },
	{ "\"x\" like \"a*\\*\\u{1f600}\"",
		"{\"like\":{\"left\":{\"Value\":\"x\"},\"pattern\":[{\"Literal\":\"a\"},\"Wildcard\","
		"{\"Literal\":\"*\"},{\"Literal\":\"\xf0\x9f\x98\x80\"}]}}" },
	{ "principal is A::B",
		"{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A::B\"}}" },
	{ "principal is A in resource",
		"{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A\",\"in\":{\"Var\":"
		"\"resource\"}}}" },
	{ "[]", "{\"Set\":[]}" },
	{ "[1, [2]]", "{\"Set\":[{\"Value\":1},{\"Set\":[{\"Value\":2}]}]}" },
	{ "{\"b c\": 1, a: {}}", "{\"Record\":{\"a\":{\"Record\":{}},\"b c\":{\"Value\":1}}}" },
	{ "[1].contains(2)",
		"{\"contains\":{\"left\":{\"Set\":[{\"Value\":1}]},\"right\":{\"Value\":2}}}" },
	{ "[].isEmpty()", "{\"isEmpty\":{\"arg\":{\"Set\":[]}}}" },
	{ "principal.getTag(\"a\")",
		"{\"getTag\":{\"left\":{\"Var\":\"principal\"},\"right\":{\"Value\":\"a\"}}}" },
	{ "ip(\"::1\").isInRange(ip(\"x\"), 1)",
		"{\"isInRange\":[{\"ip\":[{\"Value\":\"::1\"}]},{\"ip\":[{\"Value\":\"x\"}]},{"
		"\"Value\":1}]}" },
	{ "ip()", "{\"ip\":[]}" },
	{ "unknown(\"x\")", "{\"unknown\":[{\"Value\":\"x\"}]}" },
};

TEST(expressions)
{
	TABLE(row, exprs) {
		struct ward_buf text = WARD_BUF_INIT, json = WARD_BUF_INIT;
		const struct cedar_policy *p;
		struct fixture f;
		char want[1024];

		CASE("%s", row->text);
		begin(&f);
		ward_buf_addf(&text, "forbid(principal, action, resource) unless { %s };",
			row->text);
		snprintf(want, sizeof(want),
			"{\"effect\":\"forbid\"," SCOPE
			",\"conditions\":[{\"kind\":\"unless\",\"body\":%s}]}",
			row->json);
		p = from_text(&f, (struct ward_str){ text.s, text.n });
		REQUIRE(p != NULL);
		ward_cedar_policy_json(&json, p);
		CHECK_STR_EQ(ward_buf_cstr(&json), want);
		round_trip(&f, p);
		ward_buf_done(&text);
		ward_buf_done(&json);
		end(&f);
	}
}

static const struct {
	const char *text, *json;
} policies[] = {
	{ "permit(principal, action, resource);",
		"{\"effect\":\"permit\"," SCOPE ",\"conditions\":[]}" },
	{ "@z @a(\"x\") @if(\"\") permit(principal == U::\"a\", action == N::Action::\"b\", "
	  "resource in R::\"c\");",
		"{\"effect\":\"permit\",\"principal\":{\"op\":\"==\",\"entity\":{\"type\":\"U\","
		"\"id\":\"a\"}},\"action\":{\"op\":\"==\",\"entity\":{\"type\":\"N::Action\","
		"\"id\":\"b\"}},\"resource\":{\"op\":\"in\",\"entity\":{\"type\":\"R\",\"id\":\"c\"}"
		"},\"conditions\":[],\"annotations\":{\"a\":\"x\",\"if\":\"\",\"z\":null}}" },
	{ "permit(principal is U, action in [], resource is R in R::\"c\");",
		"{\"effect\":\"permit\",\"principal\":{\"op\":\"is\",\"entity_type\":\"U\"},"
		"\"action\":{\"op\":\"in\",\"entities\":[]},\"resource\":{\"op\":\"is\","
		"\"entity_type\":\"R\",\"in\":{\"entity\":{\"type\":\"R\",\"id\":\"c\"}}},"
		"\"conditions\":[]}" },
	{ "permit(principal, action in [Action::\"a\"], resource);",
		"{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"in\","
		"\"entity\":{\"type\":\"Action\",\"id\":\"a\"}},\"resource\":{\"op\":\"All\"},"
		"\"conditions\":[]}" },
	{ "permit(principal, action in [Action::\"a\", Action::\"b\"], resource) when {true} "
	  "unless {false};",
		"{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"in\","
		"\"entities\":[{\"type\":\"Action\",\"id\":\"a\"},{\"type\":\"Action\",\"id\":"
		"\"b\"}]},\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\","
		"\"body\":{\"Value\":true}},{\"kind\":\"unless\",\"body\":{\"Value\":false}}]}" },
	{ "forbid(principal in ?principal, action, resource is R in ?resource);",
		"{\"effect\":\"forbid\",\"principal\":{\"op\":\"in\",\"slot\":\"?principal\"},"
		"\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"is\",\"entity_type\":\"R\","
		"\"in\":{\"slot\":\"?resource\"}},\"conditions\":[]}" },
};

TEST(whole_policies)
{
	TABLE(row, policies) {
		struct ward_buf json = WARD_BUF_INIT;
		const struct cedar_policy *p;
		struct fixture f;

		CASE("%s", row->text);
		begin(&f);
		p = from_text(&f, ward_str(row->text));
		REQUIRE(p != NULL);
		ward_cedar_policy_json(&json, p);
		CHECK_STR_EQ(ward_buf_cstr(&json), row->json);
		round_trip(&f, p);
		ward_buf_done(&json);
		end(&f);
	}
}

/* ---- JSON as it may be written ---- */

static const struct {
	const char *body, *again, *text; /* again NULL: the same */
} values[] = {
	{ "{\"Value\":[1,2,1]}", NULL, "[1, 2, 1]" },
	{ "{\"Value\":{\"b\":[true],\"a\":-1}}", "{\"Value\":{\"a\":-1,\"b\":[true]}}",
		"{\"a\": (-1), \"b\": [true]}" },
	{ "{\"Value\":{}}", NULL, "{}" },
	{ "{\"Value\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":1}}}",
		"{\"Value\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}}", "U::\"a\"" },
	/* No escapes: records. */
	{ "{\"Value\":{\"__entity\":{\"type\":\"U\"}}}", NULL,
		"{\"__entity\": {\"type\": \"U\"}}" },
	{ "{\"Value\":{\"__entity\":{\"id\":\"a\",\"type\":\"U\"},\"z\":1}}", NULL,
		"{\"__entity\": {\"id\": \"a\", \"type\": \"U\"}, \"z\": 1}" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"ip\"}}}", NULL, "{\"__extn\": {\"fn\": \"ip\"}}" },
	{ "{\"Value\":{\"id\":\"a\",\"type\":\"U\"}}", NULL, "{\"id\": \"a\", \"type\": \"U\"}" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"bad\"}}}", NULL, "ip(\"bad\")" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"isIpv4\",\"arg\":\"x\"}}}", NULL, "\"x\".isIpv4()" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"ip\",\"args\":[]}}}", NULL, "ip()" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"offset\",\"args\":[1,{\"__extn\":{\"fn\":\"duration\","
	  "\"arg\":\"1d\"}}]}}}",
		NULL, "1.offset(duration(\"1d\"))" },
	{ "{\"Value\":[{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}]}", NULL,
		"[unknown(\"x\")]" },
	/* Forms that are said another way. */
	{ "{\"has\":{\"attr\":[\"a b\"],\"left\":{\"Value\":1},\"more\":2}}",
		"{\"has\":{\"left\":{\"Value\":1},\"attr\":\"a b\"}}", "1 has \"a b\"" },
	{ "{\"like\":{\"left\":{\"Value\":1},\"pattern\":[{\"Literal\":\"ab\"},{\"Wildcard\":null},{"
	  "\"Literal\":\"\"}]}}",
		"{\"like\":{\"left\":{\"Value\":1},\"pattern\":[{\"Literal\":\"a\"},{\"Literal\":"
		"\"b\"},\"Wildcard\"]}}",
		"1 like \"ab*\"" },
	{ "{\"is\":{\"left\":{\"Value\":1},\"entity_type\":\"U\",\"in\":null}}",
		"{\"is\":{\"left\":{\"Value\":1},\"entity_type\":\"U\"}}", "1 is U" },
	{ "{\"Record\":{\"b\":{\"Value\":1},\"a\":{\"Value\":[{\"x\":1}]}}}",
		"{\"Record\":{\"a\":{\"Value\":[{\"x\":1}]},\"b\":{\"Value\":1}}}",
		"{a: [{\"x\": 1}], b: 1}" },
	{ "{\">\":{\"right\":{\"Value\":2},\"left\":{\"Value\":1}}}",
		"{\">\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}}", "1 > 2" },
};

TEST(what_json_may_say)
{
	TABLE(row, values) {
		struct ward_buf in = WARD_BUF_INIT, out = WARD_BUF_INIT, text = WARD_BUF_INIT;
		const struct cedar_policy *p = NULL;
		struct fixture f;

		CASE("%s", row->body);
		begin(&f);
		ward_buf_addf(&in,
			"{\"effect\":\"permit\"," SCOPE
			",\"conditions\":[{\"kind\":\"when\",\"body\":%s}]}",
			row->body);
		CHECK_EQ_INT(read_policy(&f, (struct ward_str){ in.s, in.n }, &p), WARD_OK);
		REQUIRE(p != NULL);
		ward_cedar_expr_json(&out, p->conditions[0].body);
		CHECK_STR_EQ(ward_buf_cstr(&out), row->again != NULL ? row->again : row->body);
		ward_cedar_print_expr(&text, p->conditions[0].body);
		CHECK_STR_EQ(ward_buf_cstr(&text), row->text);
		ward_buf_done(&in);
		ward_buf_done(&out);
		ward_buf_done(&text);
		end(&f);
	}
}

/* ---- what is refused ---- */

#define X "{\"Var\":\"principal\"}"

static const struct {
	const char *body, *message;
} bad_exprs[] = {
	{ "{}", "empty map is not a valid expression" },
	{ "1", "found an integer, expected an object that is an expression" },
	{ "null", "found null, expected an object that is an expression" },
	{ "{\"Value\":1,\"Var\":\"principal\"}",
		"JSON object representing an `Expr` should have only one key, but found two keys: "
		"`Value` and `Var`" },
	{ "{\"Foo\":1}", "unknown variant `Foo`, expected an operator or an extension function" },
	{ "{\"N::ip\":[]}",
		"unknown variant `N::ip`, expected an operator or an extension function" },
	{ "{\"Var\":\"foo\"}",
		"unknown variant `foo`, expected one of `principal`, `action`, `resource`, `context`" },
	{ "{\"Var\":1}", "invalid type: integer `1`, expected a string" },
	{ "{\"Slot\":\"?principal\"}", "found template slot ?principal in a condition" },
	{ "{\"Slot\":\"?x\"}", "unknown variant `?x`, expected `?principal` or `?resource`" },
	{ "{\"!\":" X "}", "unknown field `Var`, expected `arg`" },
	{ "{\"!\":{}}", "missing field `arg`" },
	{ "{\"!\":{\"arg\":" X ",\"x\":1}}", "unknown field `x`, expected `arg`" },
	{ "{\"==\":{\"left\":" X "}}", "missing field `right`" },
	{ "{\"==\":{\"left\":" X ",\"right\":" X ",\"x\":1}}",
		"unknown field `x`, expected `left` or `right`" },
	{ "{\"==\":[" X "," X "]}", "invalid type: sequence, expected an object" },
	{ "{\"&&\":{\"left\":{\"&&\":{\"left\":" X "}},\"right\":" X "}}",
		"missing field `right`" },
	{ "{\"&&\":{\"left\":{\"&&\":{\"left\":" X ",\"right\":{\"Foo\":1}}},\"right\":" X "}}",
		"unknown variant `Foo`, expected an operator or an extension function" },
	{ "{\"contains\":[" X "]}", "invalid type: sequence, expected an object" },
	{ "{\"ip\":{\"Value\":1}}", "invalid type: map, expected a sequence" },
	{ "{\".\":{\"left\":" X ",\"attr\":[\"a\"]}}",
		"invalid type: sequence, expected a string" },
	{ "{\"has\":{\"left\":" X "}}", "missing field `attr`" },
	{ "{\"has\":{\"left\":" X ",\"attr\":[]}}",
		"expected the name of an attribute, or a list of them, found an empty list" },
	{ "{\"has\":{\"left\":" X ",\"attr\":[\"a\",1]}}",
		"invalid type: integer `1`, expected a string" },
	{ "{\"like\":{\"left\":" X ",\"pattern\":\"a*\"}}",
		"invalid type: string \"a*\", expected a sequence" },
	{ "{\"like\":{\"left\":" X ",\"pattern\":[\"wildcard\"]}}",
		"unknown variant `wildcard`, expected `Wildcard` or `Literal`" },
	{ "{\"like\":{\"left\":" X ",\"pattern\":[\"Literal\"]}}",
		"expected {\"Literal\": TEXT} or \"Wildcard\"" },
	{ "{\"like\":{\"left\":" X ",\"pattern\":[{\"Literal\":\"a\",\"x\":1}]}}",
		"expected \"Wildcard\" or an object with the one member `Literal`" },
	{ "{\"like\":{\"left\":" X ",\"pattern\":[{\"Wildcard\":1}]}}",
		"expected {\"Literal\": TEXT} or \"Wildcard\"" },
	{ "{\"is\":{\"left\":" X ",\"entity_type\":\"A :: B\"}}", "invalid entity type: `A :: B`" },
	{ "{\"is\":{\"left\":" X ",\"entity_type\":\"__cedar::B\"}}",
		"invalid entity type: `__cedar::B`" },
	{ "{\"if-then-else\":{\"if\":" X ",\"then\":" X "}}", "missing field `else`" },
	{ "{\"Set\":{}}", "invalid type: map, expected a sequence" },
	{ "{\"Set\":[1]}", "found an integer, expected an object that is an expression" },
	{ "{\"Record\":[]}", "invalid type: sequence, expected a map" },
	{ "{\"Record\":{\"a\":true}}",
		"found a boolean, expected an object that is an expression" },
	{ "{\"Value\":null}", "found a `null`; JSON `null`s are not allowed in Cedar" },
	{ "{\"Value\":[{\"a\":null}]}", "found a `null`; JSON `null`s are not allowed in Cedar" },
	{ "{\"Value\":1.0}", "found a number that is no integer" },
	{ "{\"Value\":9223372036854775808}", "found a number that is no integer" },
	{ "{\"Value\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":-0}}}",
		"found a number that is no integer" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"a\",\"args\":[[1.5]]}}}",
		"found a number that is no integer" },
	{ "{\"Value\":{\"__expr\":\"1\"}}", "the `__expr` escape is no longer supported" },
	{ "{\"Value\":{\"__entity\":{\"type\":\"A :: B\",\"id\":\"a\"}}}",
		"invalid entity type: `A :: B`" },
	{ "{\"Value\":{\"__extn\":{\"fn\":\"nope\",\"arg\":\"a\"}}}",
		"invalid extension function: `nope`" },
};

TEST(expressions_refused)
{
	TABLE(row, bad_exprs) {
		struct ward_buf in = WARD_BUF_INIT;
		const struct cedar_policy *p = NULL;
		struct fixture f;

		CASE("%s", row->body);
		begin(&f);
		ward_buf_addf(&in,
			"{\"effect\":\"permit\"," SCOPE
			",\"conditions\":[{\"kind\":\"when\",\"body\":%s}]}",
			row->body);
		CHECK_EQ_INT(read_policy(&f, (struct ward_str){ in.s, in.n }, &p), WARD_E_PARSE);
		CHECK_STR_EQ(last(&f), row->message);
		CHECK(f.d.n == 1 && f.d.v[0].start > 100 && f.d.v[0].end > f.d.v[0].start);
		CHECK_STR_EQ(f.d.v[0].policy, "id");
		CHECK_NULL(p);
		ward_buf_done(&in);
		end(&f);
	}
}

static const struct {
	const char *principal, *action, *rest;
	const char *message; /* NULL: it is taken */
} scopes[] = {
	{ "{\"op\":\"all\",\"x\":1}", ALL, ",\"conditions\":[]", NULL },
	{ "{\"op\":\"ALL\"}", ALL, ",\"conditions\":[]",
		"unknown variant `ALL`, expected one of `All`, `all`, `==`, `in`, `is`" },
	{ "{}", ALL, ",\"conditions\":[]", "missing field `op`" },
	{ "{\"op\":\"==\"}", ALL, ",\"conditions\":[]", "missing field `entity` or `slot`" },
	{ "{\"op\":\"==\",\"entity\":" U ",\"x\":1}", ALL, ",\"conditions\":[]", NULL },
	{ "{\"op\":\"==\",\"entity\":{\"__entity\":" U "}}", ALL, ",\"conditions\":[]", NULL },
	{ "{\"op\":\"==\",\"entity\":{\"__entity\":" U ",\"__expr\":\"a\"}}", ALL,
		",\"conditions\":[]", "the `__expr` escape is no longer supported" },
	{ "{\"op\":\"==\",\"entity\":{\"__entity\":" U ",\"__expr\":1}}", ALL, ",\"conditions\":[]",
		NULL },
	{ "{\"op\":\"==\",\"entity\":\"U::\\\"a\\\"\"}", ALL, ",\"conditions\":[]",
		"expected a literal entity reference" },
	{ "{\"op\":\"==\",\"slot\":\"?resource\"}", ALL, ",\"conditions\":[]",
		"invalid slot name or slot used in wrong position" },
	{ "{\"op\":\"in\",\"slot\":\"?x\"}", ALL, ",\"conditions\":[]",
		"unknown variant `?x`, expected `?principal` or `?resource`" },
	{ "{\"op\":\"is\",\"entity_type\":\"U\",\"in\":null}", ALL, ",\"conditions\":[]", NULL },
	{ "{\"op\":\"is\",\"entity_type\":\"if\"}", ALL, ",\"conditions\":[]",
		"invalid entity type: `if`" },
	{ "{\"op\":\"is\",\"entity_type\":\"U\",\"entity\":" U "}", ALL, ",\"conditions\":[]",
		"unknown field `entity`, expected one of `op`, `entity_type`, `in`" },
	{ "{\"op\":\"is\",\"entity_type\":\"U\",\"in\":" U "}", ALL, ",\"conditions\":[]",
		"missing field `entity` or `slot`" },
	{ "{\"op\":\"is\",\"entity_type\":\"U\",\"in\":{\"slot\":\"?resource\"}}", ALL,
		",\"conditions\":[]", "invalid slot name or slot used in wrong position" },
	{ ALL, "{\"op\":\"==\",\"entity\":" U "}", ",\"conditions\":[]",
		"expected an entity uid with type `Action` but got `U::\"a\"`" },
	{ ALL, "{\"op\":\"in\",\"entities\":[" A "," U "]}", ",\"conditions\":[]",
		"expected an entity uid with type `Action` but got `U::\"a\"`" },
	{ ALL, "{\"op\":\"in\",\"entities\":[" A ",{\"__entity\":" A "}]}", ",\"conditions\":[]",
		NULL },
	{ ALL, "{\"op\":\"==\",\"slot\":\"?principal\"}", ",\"conditions\":[]",
		"slots are not allowed for actions" },
	{ ALL, "{\"op\":\"is\",\"entity_type\":\"Action\"}", ",\"conditions\":[]",
		"unknown variant `is`, expected one of `All`, `all`, `==`, `in`" },
	{ ALL, "{\"op\":\"in\"}", ",\"conditions\":[]", "missing field `entity` or `entities`" },
	{ ALL, "{\"op\":\"==\",\"entities\":[]}", ",\"conditions\":[]", "missing field `entity`" },
	{ ALL, ALL, "", "missing field `conditions`" },
	{ ALL, ALL, ",\"conditions\":[],\"foo\":1",
		"unknown field `foo`, expected one of `effect`, `principal`, `action`, `resource`, "
		"`conditions`, `annotations`" },
	{ ALL, ALL, ",\"conditions\":null", "invalid type: null, expected a sequence" },
	{ ALL, ALL, ",\"conditions\":[{\"kind\":\"When\",\"body\":" X "}]",
		"unknown variant `When`, expected `when` or `unless`" },
	{ ALL, ALL, ",\"conditions\":[{\"kind\":\"when\"}]", "missing field `body`" },
	{ ALL, ALL, ",\"conditions\":[],\"annotations\":{}", NULL },
	{ ALL, ALL, ",\"conditions\":[],\"annotations\":{\"a b\":\"\"}",
		"invalid id `a b`: annotations are identifiers" },
	{ ALL, ALL, ",\"conditions\":[],\"annotations\":{\"a\":1}",
		"invalid type: integer `1`, expected a string" },
	{ ALL, ALL, ",\"conditions\":[],\"annotations\":null",
		"invalid type: null, expected a map" },
};

TEST(policies_refused)
{
	TABLE(row, scopes) {
		struct ward_buf in = WARD_BUF_INIT;
		const struct cedar_policy *p = NULL;
		struct fixture f;
		int r;

		CASE("%s %s %s", row->principal, row->action, row->rest);
		begin(&f);
		ward_buf_addf(&in,
			"{\"effect\":\"permit\",\"principal\":%s,\"action\":%s,\"resource\":" ALL
			"%s}",
			row->principal, row->action, row->rest);
		r = read_policy(&f, (struct ward_str){ in.s, in.n }, &p);
		CHECK_EQ_INT(r, row->message == NULL ? WARD_OK : WARD_E_PARSE);
		CHECK_STR_EQ(last(&f), row->message == NULL ? "" : row->message);
		if (p != NULL)
			round_trip(&f, p);
		ward_buf_done(&in);
		end(&f);
	}
}

/* ---- large and deep ---- */

/* n times open, then middle, then n times close, as the body of a policy. */
static int nested(struct fixture *f, size_t n, const char *open, const char *middle,
	const char *close, const struct cedar_policy **ret)
{
	struct ward_buf b = WARD_BUF_INIT;
	int r;

	ward_buf_adds(&b,
		"{\"effect\":\"permit\"," SCOPE ",\"conditions\":[{\"kind\":\"when\",\"body\":");
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(&b, open);
	ward_buf_adds(&b, middle);
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(&b, close);
	ward_buf_adds(&b, "}]}");
	r = read_policy(f, (struct ward_str){ b.s, b.n }, ret);
	ward_buf_done(&b);
	return r;
}

TEST(depth)
{
	static const struct {
		const char *open, *middle, *close;
		size_t n;
		bool ok;
	} rows[] = {
		{ "{\"!\":{\"arg\":", X, "}}", WARD_CEDAR_DEPTH_MAX - 1, true },
		{ "{\"!\":{\"arg\":", X, "}}", WARD_CEDAR_DEPTH_MAX, false },
		{ "{\"Set\":[", X, "]}", WARD_CEDAR_DEPTH_MAX, false },
		{ "{\"ip\":[", X, "]}", 100000, false },
		{ "{\"&&\":{\"right\":" X ",\"left\":", X, "}}", WARD_CEDAR_DEPTH_MAX, true },
		{ "{\"||\":{\"left\":" X ",\"right\":", X, "}}", WARD_CEDAR_DEPTH_MAX - 1, true },
		{ "{\"||\":{\"left\":" X ",\"right\":", X, "}}", WARD_CEDAR_DEPTH_MAX, false },
	};

	TABLE(row, rows) {
		struct ward_buf json = WARD_BUF_INIT;
		const struct cedar_policy *p = NULL;
		struct fixture f;
		int r;

		CASE("%zu %s", row->n, row->open);
		begin(&f);
		r = nested(&f, row->n, row->open, row->middle, row->close, &p);
		CHECK_EQ_INT(r, row->ok ? WARD_OK : WARD_E_PARSE);
		if (row->ok) {
			CHECK_LE_INT(ward_cedar_expr_depth(p->conditions[0].body),
				WARD_CEDAR_DEPTH_MAX);
			ward_cedar_policy_json(&json, p);
			CHECK(!json.failed && json.n > row->n * strlen(row->open));
		} else {
			CHECK(strstr(last(&f), "nested") != NULL);
		}
		ward_buf_done(&json);
		end(&f);
	}
	{
		const struct cedar_policy *p = NULL;
		struct ward_buf open = WARD_BUF_INIT;
		struct fixture f;

		CASE("values");
		begin(&f);
		ward_buf_adds(&open, "{\"Value\":");
		for (size_t i = 0; i < WARD_CEDAR_DEPTH_MAX; i++)
			ward_buf_adds(&open, "[");
		for (size_t i = 0; i < WARD_CEDAR_DEPTH_MAX; i++)
			ward_buf_adds(&open, "]");
		ward_buf_adds(&open, "}");
		CHECK_EQ_INT(nested(&f, 0, "", ward_buf_cstr(&open), "", &p), WARD_OK);
		CHECK_EQ_INT(nested(&f, 1, "{\"!\":{\"arg\":", ward_buf_cstr(&open), "}}", &p),
			WARD_E_PARSE);
		ward_buf_done(&open);
		end(&f);
	}
}

/* However long, a chain is written without recursion; as much of it as JSON may nest is read again. */
TEST(chains)
{
	static const struct {
		size_t n;
		bool again;
	} rows[] = { { 1000, true }, { 10000, false } };

	TABLE(row, rows) {
		struct ward_buf text = WARD_BUF_INIT, json = WARD_BUF_INIT;
		const struct cedar_policy *p, *q = NULL;
		struct fixture f;
		int r;

		CASE("%zu", row->n);
		begin(&f);
		ward_buf_adds(&text, "permit(principal, action, resource) when { true");
		for (size_t i = 1; i < row->n; i++)
			ward_buf_adds(&text, i % 2 ? " && false" : " && 1 == 1");
		ward_buf_adds(&text, " };");
		p = from_text(&f, (struct ward_str){ text.s, text.n });
		REQUIRE(p != NULL);
		ward_cedar_policy_json(&json, p);
		CHECK(!json.failed);
		r = read_policy(&f, (struct ward_str){ json.s, json.n }, &q);
		CHECK_EQ_INT(r, row->again ? WARD_OK : WARD_E_PARSE);
		CHECK(!row->again || ward_cedar_policy_eq(p, q));
		ward_buf_done(&text);
		ward_buf_done(&json);
		end(&f);
	}
}

/* ---- the recorded vectors ---- */

static bool json_same(const struct ward_json *a, const struct ward_json *b)
{
	const struct ward_json *x, *y;

	if (a->type != b->type || a->count != b->count)
		return false;
	switch (a->type) {
	case WARD_JSON_NULL: return true;
	case WARD_JSON_BOOL: return a->b == b->b;
	case WARD_JSON_INT: return a->i == b->i;
	case WARD_JSON_REAL: return a->d == b->d;
	case WARD_JSON_STRING: return ward_str_eq(a->str, b->str);
	case WARD_JSON_ARRAY:
		for (x = a->child, y = b->child; x != NULL; x = x->next, y = y->next) {
			if (!json_same(x, y))
				return false;
		}
		return true;
	case WARD_JSON_OBJECT: break;
	}
	for (x = a->child; x != NULL; x = x->next) {
		for (y = b->child; y != NULL && !ward_str_eq(x->key, y->key);)
			y = y->next;
		if (y == NULL || !json_same(x, y))
			return false;
	}
	return true;
}

/* Two texts of JSON that say the same, whatever the order of members. */
static bool json_text_same(struct ward_str a, struct ward_str b)
{
	struct ward_arena *arena = ward_arena_new(0);
	struct ward_json *x, *y;
	bool same = ward_cedar_json_parse(arena, a, &x, NULL) == WARD_OK &&
		ward_cedar_json_parse(arena, b, &y, NULL) == WARD_OK && json_same(x, y);

	ward_arena_free(arena);
	return same;
}

static void vector(struct fixture *f, const struct ward_json *v)
{
	struct ward_buf out = WARD_BUF_INIT;
	const struct cedar_policy *p, *q = NULL;
	struct ward_str want = ward_json_get(v, "json_text")->str;

	CASE("%s", ward_json_get(v, "cedar")->str.s);
	p = from_text(f, ward_json_get(v, "cedar")->str);
	REQUIRE(p != NULL);
	ward_cedar_policy_json(&out, p);
	CHECK_STR_EQ(ward_buf_cstr(&out), want.s);
	CHECK(json_text_same((struct ward_str){ out.s, out.n }, want));
	CHECK_EQ_INT(read_policy(f, want, &q), WARD_OK);
	REQUIRE(q != NULL);
	ward_buf_clear(&out);
	ward_cedar_print_policy(&out, q);
	CHECK_STR_EQ(ward_buf_cstr(&out), ward_json_get(v, "cedar_again")->str.s);
	round_trip(f, p);
	ward_buf_done(&out);
}

TEST(recorded_vectors)
{
	struct ward_buf text = WARD_BUF_INIT;
	struct ward_json *j;
	struct fixture f;
	size_t n = 0;

	if (!data_read(&text, "probes/policy-json.json"))
		SKIP("no conformance data in %s", data_folder());
	begin(&f);
	REQUIRE(ward_cedar_json_parse(f.arena, (struct ward_str){ text.s, text.n }, &j, &f.d) ==
		WARD_OK);
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		vector(&f, v);
		n++;
	}
	CHECK_GE_INT(n, 29);
	ward_buf_done(&text);
	end(&f);
}

/* ---- out of memory ---- */

/* False: the n-th allocation failed and that was said. */
static bool build(const char *json)
{
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_policies s = { 0 };
	struct cedar_diags d = { 0 };
	int r = ward_cedar_diags_init(&d);

	if (r == WARD_OK)
		r = ward_cedar_policies_init(&s);
	if (r == WARD_OK)
		r = ward_cedar_policies_parse_json(&s, ward_str(json), &d);
	if (r == WARD_OK) {
		ward_cedar_policies_json(&out, &s);
		r = out.failed ? WARD_E_NOMEM : WARD_OK;
	}
	CHECK_MSG(r == WARD_OK || (alloc_fail_hit && (r == WARD_E_NOMEM || d.failed)),
		"code %d: %s", r, d.n > 0 ? d.v[0].message : "");
	ward_buf_done(&out);
	ward_cedar_policies_done(&s);
	ward_cedar_diags_done(&d);
	return r == WARD_OK;
}

TEST(out_of_memory)
{
	struct ward_buf json = WARD_BUF_INIT;
	unsigned long n = 0;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	ward_buf_adds(&json, "{\"staticPolicies\":{");
	for (int i = 0; i < 40; i++)
		ward_buf_addf(&json,
			"%s\"p%d\":{\"effect\":\"permit\"," SCOPE
			",\"conditions\":[{\"kind\":\"when\",\"body\":{\"==\":{\"left\":{\"like\":{"
			"\"left\":{\"Value\":{\"k%d\":[1]}},\"pattern\":[\"Wildcard\"]}},\"right\":"
			"{\"Set\":[{\"Record\":{\"a\":" X
			"}}]}}}}],\"annotations\":{\"a%d\":null}}",
			i > 0 ? "," : "", i, i, i);
	ward_buf_adds(&json,
		"},\"templates\":{\"t\":" T
		"},\"templateLinks\":[" LINK("l", "{\"?principal\":" U "}") "]}");
	do {
		alloc_fail_hit = false;
		alloc_fail_at = ++n;
		(void)build(ward_buf_cstr(&json));
		alloc_fail_at = 0;
	} while (alloc_fail_hit && n < 100000);
	CHECK_GE_INT(n, 30);
	CHECK(build(ward_buf_cstr(&json)));
	ward_buf_done(&json);
}

TAP_MAIN();

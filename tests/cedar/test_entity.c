/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities: what is read and what is refused, with the words; with a schema and without; the hierarchy closed, cycles and
 * size; JSON both ways.
 */
#include <time.h>

#include "entity_util.h"

#define SCHEMA \
	"entity U in [G] { n: Long, o?: ipaddr, d?: decimal, s: Set<U>, r?: {a: Long, b?: String}, m?: datetime, v?: V }" \
	" tags String;" \
	" entity G in [G]; entity H; entity V enum [\"x\", \"y\"];" \
	" action top; action grp in top; action act in grp appliesTo {principal: U, resource: G};" \
	" namespace N { action a appliesTo {principal: [U], resource: [U]}; }"

/* ---- what is taken, and what is not ---- */

#define UID "\"uid\":{\"type\":\"U\",\"id\":\"a\"}"
#define E(rest) "[{" UID "," rest "}]"
#define ATTR(v) E("\"attrs\":{\"x\":" v "},\"parents\":[]")
#define PARENT(v) E("\"attrs\":{},\"parents\":[" v "]")
#define UIDED(v) "[{\"uid\":" v ",\"attrs\":{},\"parents\":[]}]"
#define REF "literal entity references"
#define IP "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}"

struct row {
	const char *json;
	const char *words; /* NULL: it is taken; else a part of the first message */
	const char *printed; /* of attribute x; NULL: not looked at */
};

static const struct row plain_rows[] = {
	{ "[]", NULL, NULL },
	{ "", "the document is empty", NULL },
	{ "{}", "expected a list", NULL },
	{ "null", "expected a list", NULL },
	{ "[1]", "an entity is an object, not an integer", NULL },
	{ "[null]", "an entity is an object, not null", NULL },
	{ "[{}]", "missing field `uid`", NULL },
	{ E("\"attrs\":{}"), "missing field `parents`", NULL },
	{ E("\"parents\":[]"), "missing field `attrs`", NULL },
	{ "[{\"attrs\":{},\"parents\":[]}]", "missing field `uid`", NULL },
	{ E("\"attrs\":[],\"parents\":[]"), "`attrs` of an entity must be an object, not a list",
		NULL },
	{ E("\"attrs\":null,\"parents\":[]"), "`attrs` of an entity must be an object, not null",
		NULL },
	{ E("\"attrs\":{},\"parents\":{}"), "`parents` of an entity must be a list, not an object",
		NULL },
	{ E("\"attrs\":{},\"parents\":[],\"tags\":null"),
		"`tags` of an entity must be an object, not null", NULL },
	{ E("\"attrs\":{},\"parents\":[],\"tags\":{}"), NULL, NULL },
	{ E("\"attrs\":{},\"parents\":[],\"more\":null,\"big\":18446744073709551616,\"real\":1.5"),
		NULL, NULL },
	{ E("\"attrs\":{},\"parents\":[],\"more\":{\"a\":1,\"a\":2}"), "appears twice", NULL },
	{ E("\"attrs\":{},\"parents\":[]") "x", "expected the end", NULL },
	{ "[{" UID ",\"attrs\":{},\"parents\":[]},]", "after ','", NULL },
	/* an entity, and an identifier, may be lists of their parts */
	{ "[[{\"type\":\"U\",\"id\":\"a\"},{},[]]]", NULL, NULL },
	{ "[[[\"U\",\"a\"],{\"x\":1},[[\"U\",\"b\"]],{\"t\":1}]]", NULL, "1" },
	{ "[[{\"type\":\"U\",\"id\":\"a\"},{},[],{},1]]", "an entity is an object, not a list",
		NULL },
	{ "[[{\"type\":\"U\",\"id\":\"a\"},{}]]", "missing field `parents`", NULL },
	/* identifiers */
	{ UIDED("{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}"), NULL, NULL },
	{ UIDED("{\"__entity\":{\"type\":\"U\",\"id\":\"a\"},\"more\":1}"), NULL, NULL },
	{ UIDED("{\"__entity\":[\"U\",\"a\"]}"), NULL, NULL },
	{ UIDED("{\"__entity\":1,\"type\":\"U\",\"id\":\"a\"}"), NULL, NULL },
	{ UIDED("{\"type\":\"U\",\"id\":\"a\",\"z\":null}"), NULL, NULL },
	{ UIDED("{\"type\":\"A::B::C\",\"id\":\"\"}"), NULL, NULL },
	{ UIDED("{\"__expr\":1,\"type\":\"U\",\"id\":\"a\"}"), NULL, NULL },
	{ UIDED("{\"__expr\":\"x\",\"type\":\"U\",\"id\":\"a\"}"),
		"in uid field of <unknown entity>, the `__expr` escape is no longer supported",
		NULL },
	{ UIDED("\"U::\\\"a\\\"\""),
		"in uid field of <unknown entity>, expected a literal entity reference, but got `\"U::\\\"a\\\"\"`",
		NULL },
	{ UIDED("{\"type\":\"U\",\"id\":1}"), "expected a literal entity reference", NULL },
	{ UIDED("{\"type\":\"U\"}"), "expected a literal entity reference", NULL },
	{ UIDED("[\"U\"]"), "expected a literal entity reference", NULL },
	{ UIDED("[\"U\",\"a\",\"b\"]"), "expected a literal entity reference", NULL },
	{ UIDED("[[\"U\",\"a\"]]"), "expected a literal entity reference", NULL },
	{ UIDED("null"), "expected a literal entity reference", NULL },
	{ UIDED("{\"type\":\"A :: B\",\"id\":\"a\"}"), "`A :: B` is not a name of an entity type",
		NULL },
	{ UIDED("{\"type\":\" U\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"if\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"__cedar::U\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"U::\\\"a\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"U\\u0000\",\"id\":\"a\"}"), "is not a name", NULL },
	{ UIDED("{\"type\":\"U\",\"id\":\"\\u0000\"}"), NULL, NULL },
	{ UIDED("{\"type\":\"U\",\"id\":\"\\ud800\"}"), "half of a surrogate pair", NULL },
	{ UIDED("{\"type\":\"U\",\"id\":\"\xc0\x80\"}"), "is not UTF-8", NULL },
	/* values */
	{ ATTR("true"), NULL, "true" },
	{ ATTR("-9223372036854775808"), NULL, "-9223372036854775808" },
	{ ATTR("9223372036854775807"), NULL, "9223372036854775807" },
	{ ATTR("9223372036854775808"),
		"in attribute `x` on `U::\"a\"`, found a number that is not a 64-bit integer",
		NULL },
	{ ATTR("-9223372036854775809"), "found a number", NULL },
	{ ATTR("1.0"), "found a number", NULL },
	{ ATTR("1e3"), "found a number", NULL },
	{ ATTR("-0"), "found a number", NULL },
	{ ATTR("0"), NULL, "0" },
	/* where nothing is read, too */
	{ ATTR("{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":1.0}}"), "found a number", NULL },
	{ ATTR("{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":[null]}}"), NULL, "U::\"a\"" },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\",\"x\":{\"y\":[-0]}}}"), "found a number",
		NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\",\"args\":1e3}}"), "found a number",
		NULL },
	{ ATTR("null"),
		"in attribute `x` on `U::\"a\"`, found a `null`; JSON `null`s are not allowed in Cedar",
		NULL },
	{ ATTR("[[[null]]]"), "found a `null`", NULL },
	{ ATTR("{\"a\":{\"b\":null}}"), "found a `null`", NULL },
	{ ATTR("\"a\\n\\u0000\""), NULL, "\"a\\n\\0\"" },
	{ ATTR("[3,1,2,1]"), NULL, "[1, 2, 3]" },
	{ ATTR("[]"), NULL, "[]" },
	{ ATTR("{}"), NULL, "{}" },
	{ ATTR("{\"b\":1,\"a a\":[2]}"), NULL, "{\"a a\": [2], b: 1}" },
	{ ATTR("{\"a\":1,\"a\":2}"), "appears twice", NULL },
	{ E("\"attrs\":{\"x\":1,\"x\":1},\"parents\":[]"), "appears twice", NULL },
	{ ATTR("[\"a\",true,1,{\"__entity\":{\"type\":\"B::U\",\"id\":\"a\"}},{\"__entity\":{\"type\":\"A::V\",\"id\":\"a\"}},[1],{}," IP
	       ",{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}}]"),
		NULL,
		"[true, 1, \"a\", B::U::\"a\", A::V::\"a\", [1], {}, decimal(\"1.0\"), ip(\"1.1.1.1\")]" },
	/* escapes are escapes only when they are whole */
	{ ATTR("{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}"), NULL, "U::\"a\"" },
	{ ATTR("{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"x\":1}}"), NULL, "U::\"a\"" },
	{ ATTR("{\"__entity\":{\"type\":\"U\",\"id\":\"a\"},\"z\":1}"), NULL,
		"{__entity: {id: \"a\", type: \"U\"}, z: 1}" },
	{ ATTR("{\"__entity\":{\"type\":\"U\"}}"), NULL, "{__entity: {type: \"U\"}}" },
	{ ATTR("{\"__entity\":[\"U\",\"a\"]}"), NULL, "{__entity: [\"U\", \"a\"]}" },
	{ ATTR("{\"__entity\":{\"type\":\"U U\",\"id\":\"a\"}}"), "is not a name", NULL },
	{ ATTR("{\"type\":\"U\",\"id\":\"a\"}"), NULL, "{id: \"a\", type: \"U\"}" },
	{ ATTR("{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}"), NULL, "{arg: \"1.1.1.1\", fn: \"ip\"}" },
	{ ATTR("{\"__expr\":\"1\"}"),
		"in attribute `x` on `U::\"a\"`, the `__expr` escape is no longer supported",
		NULL },
	{ ATTR("{\"__expr\":1}"), NULL, "{__expr: 1}" },
	{ ATTR(IP), NULL, "ip(\"1.1.1.1\")" },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"args\":[\"1.1.1.1\"]}}"), NULL, "ip(\"1.1.1.1\")" },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\",\"args\":[1,2]}}"), NULL,
		"ip(\"1.1.1.1\")" },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"},\"more\":1}"), NULL, NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\"}}"), NULL, "{__extn: {fn: \"ip\"}}" },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"args\":[]}}"),
		"failed to evaluate attribute `x` of `U::\"a\"`: wrong number of arguments provided to extension function `ip`: expected 1, got 0",
		NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":1}}"),
		"failed to evaluate attribute `x` of `U::\"a\"`: type error: expected string, got long",
		NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":null}}"), "found a `null`", NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"zz\"}}"),
		"failed to evaluate attribute `x` of `U::\"a\"`: error while evaluating `ipaddr` extension function: invalid IP address: zz",
		NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"foo\",\"arg\":1}}"),
		"failed to evaluate attribute `x` of `U::\"a\"`: extension function `foo` does not exist",
		NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}"),
		"the expression contains unknown(s)", NULL },
	{ ATTR("{\"__extn\":{\"fn\":\"isIpv4\",\"arg\":" IP "}}"), NULL, "true" },
	{ ATTR("{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d2h\"}}"), NULL, "duration(\"1d2h\")" },
	{ ATTR("{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"}},"
	       "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d\"}}]}}"),
		NULL, "datetime(\"1970-01-01\").offset(duration(\"1704153600000ms\"))" },
	{ ATTR("[{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}},{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.00\"}}]"),
		NULL, "[decimal(\"1.00\")]" }, /* equal: the last one stays */
	/* parents */
	{ PARENT("{\"type\":\"U\",\"id\":\"b\"},{\"type\":\"U\",\"id\":\"b\"}"), NULL, NULL },
	{ PARENT("{\"type\":\"Action\",\"id\":\"b\"}"), NULL, NULL },
	{ PARENT("\"x\""),
		"in parents field of `U::\"a\"`, expected a literal entity reference, but got `\"x\"`",
		NULL },
	{ PARENT("{\"type\":\"U\",\"id\":\"a\"}"),
		"input graph has a cycle containing vertex `U::\"a\"`", NULL },
	{ "[{\"uid\":{\"type\":\"Action\",\"id\":\"a\"},\"attrs\":{\"a\":1},\"parents\":[{\"type\":\"N::Action\",\"id\":\"b\"}]}]",
		NULL, NULL },
	{ "[{\"uid\":{\"type\":\"N::Action\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":\"b\"}]}]",
		"action `N::Action::\"a\"` has a non-action parent `U::\"b\"`", NULL },
	/* twice */
	{ "[{" UID
	  ",\"attrs\":{\"x\":[1,2]},\"parents\":[[\"U\",\"b\"],[\"U\",\"c\"]],\"tags\":{}},"
	  "{" UID
	  ",\"attrs\":{\"x\":[2,1,1]},\"parents\":[[\"U\",\"c\"],[\"U\",\"b\"],[\"U\",\"c\"]]}]",
		NULL, "[1, 2]" },
	{ "[{" UID ",\"attrs\":{},\"parents\":[]},{" UID ",\"attrs\":{\"x\":1},\"parents\":[]}]",
		"duplicate entity entry `U::\"a\"`", NULL },
	{ "[{" UID ",\"attrs\":{},\"parents\":[]},{" UID
	  ",\"attrs\":{},\"parents\":[],\"tags\":{\"t\":1}}]",
		"duplicate entity entry `U::\"a\"`", NULL },
	{ "[{" UID ",\"attrs\":{},\"parents\":[]},{" UID
	  ",\"attrs\":{},\"parents\":[[\"U\",\"b\"]]}]",
		"duplicate entity entry `U::\"a\"`", NULL },
};

static const struct row schema_rows[] = {
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[]"), NULL, NULL },
	{ E("\"attrs\":{\"s\":[]},\"parents\":[]"),
		"expected entity `U::\"a\"` to have attribute `n`, but it does not", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"q\":1},\"parents\":[]"),
		"attribute `q` on `U::\"a\"` should not exist according to the schema", NULL },
	{ E("\"attrs\":{\"n\":\"1\",\"s\":[]},\"parents\":[]"),
		"in attribute `n` on `U::\"a\"`, type mismatch: value was expected to have type long, but it actually has type string: `\"1\"`",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[{\"type\":\"U\",\"id\":\"b\"},[\"U\",\"c\"]],\"o\":\"1.1.1.1\",\"d\":{\"fn\":\"decimal\",\"arg\":\"1.0\"}},\"parents\":[]"),
		NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":\"zz\"},\"parents\":[]"),
		"failed to evaluate attribute `o` of `U::\"a\"`: error while evaluating `ipaddr`",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":{\"fn\":\"isIpv4\",\"arg\":\"1.1.1.1\"}},\"parents\":[]"),
		"in attribute `o` on `U::\"a\"`, type mismatch: value was expected to have type ipaddr, but it actually has type bool: `true`",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"},\"x\":1}},\"parents\":[]"),
		NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":{\"__expr\":\"x\",\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}},\"parents\":[]"),
		"__expr", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":[\"1.1.1.1\"]},\"parents\":[]"),
		"type error: expected string, got set", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"o\":null},\"parents\":[]"), "found a `null`", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"m\":{\"fn\":\"offset\",\"args\":[\"2024-01-01\",\"1d\"]}},\"parents\":[]"),
		NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"m\":{\"fn\":\"offset\",\"args\":[{\"fn\":\"toDate\",\"arg\":\"2024-01-01\"},{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d\"}}]}},\"parents\":[]"),
		NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"m\":{\"fn\":\"offset\",\"args\":[\"2024-01-01\"]}},\"parents\":[]"),
		"expected 2, got 1", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":\"x\"},\"parents\":[]"),
		"in attribute `s` on `U::\"a\"`, type mismatch", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[{\"type\":\"G\",\"id\":\"b\"}]},\"parents\":[]"),
		"in attribute `s` on `U::\"a\"`, type mismatch: value was expected to have type `U`, but it actually has type (entity of type `G`): `G::\"b\"`",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"a\":1,\"c\":2}},\"parents\":[]"),
		"in attribute `r` on `U::\"a\"`, record attribute `c` should not exist", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"b\":\"x\"}},\"parents\":[]"),
		"in attribute `r` on `U::\"a\"`, expected the record to have an attribute `a`",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"a\":1,\"b\":2}},\"parents\":[]"),
		"expected to have type string, but it actually has type long", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":1},\"parents\":[]"), "type mismatch", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"v\":{\"type\":\"V\",\"id\":\"x\"}},\"parents\":[]"),
		NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[],\"v\":{\"type\":\"V\",\"id\":\"z\"}},\"parents\":[]"),
		"entity `V::\"z\"` is of an enumerated entity type, but `\"z\"` is not declared as a valid eid",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[{\"type\":\"G\",\"id\":\"b\"}]"), NULL,
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[{\"type\":\"H\",\"id\":\"b\"}]"),
		"`U::\"a\"` is not allowed to have an ancestor of type `H` according to the schema",
		NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[{\"type\":\"U\",\"id\":\"b\"}]"),
		"not allowed to have an ancestor of type `U`", NULL },
	{ "[{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[[\"G\",\"b\"]]}]", NULL, NULL },
	{ "[{\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[[\"H\",\"b\"]]}]",
		"not allowed to have an ancestor of type `H`", NULL },
	{ "[{\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[[\"Action\",\"act\"]]}]",
		"not allowed to have an ancestor of type `Action`", NULL },
	{ "[{\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[[\"V\",\"q\"]]}]",
		"`\"q\"` is not declared as a valid eid", NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[],\"tags\":{\"k\":\"v\"}"), NULL, NULL },
	{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[],\"tags\":{\"k\":1}"),
		"in tag `k` on `U::\"a\"`, type mismatch", NULL },
	{ "[{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[],\"tags\":{}}]", NULL, NULL },
	{ "[{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[],\"tags\":{\"k\":\"v\"}}]",
		"found a tag `k` on `G::\"a\"`", NULL },
	{ "[{\"uid\":[\"V\",\"x\"],\"attrs\":{},\"parents\":[]}]", NULL, NULL },
	{ "[{\"uid\":[\"V\",\"z\"],\"attrs\":{},\"parents\":[]}]",
		"`\"z\"` is not declared as a valid eid", NULL },
	{ "[{\"uid\":[\"ZZ\",\"z\"],\"attrs\":{},\"parents\":[]}]",
		"entity `ZZ::\"z\"` has type `ZZ` which is not declared in the schema", NULL },
	/* actions */
	{ "[{\"uid\":[\"Action\",\"grp\"],\"attrs\":{},\"parents\":[[\"Action\",\"top\"]]}]", NULL,
		NULL },
	{ "[{\"uid\":[\"Action\",\"grp\"],\"attrs\":{},\"parents\":[]}]",
		"definition of action `Action::\"grp\"` does not match its schema declaration",
		NULL },
	{ "[{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[[\"Action\",\"grp\"]]}]",
		"does not match", NULL }, /* top is missing */
	{ "[{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[[\"Action\",\"grp\"],[\"Action\",\"top\"]]}]",
		NULL, NULL },
	{ "[{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[[\"Action\",\"grp\"]]},"
	  "{\"uid\":[\"Action\",\"grp\"],\"attrs\":{},\"parents\":[[\"Action\",\"top\"]]}]",
		NULL, NULL },
	{ "[{\"uid\":[\"Action\",\"top\"],\"attrs\":{\"x\":1},\"parents\":[]}]", "does not match",
		NULL },
	{ "[{\"uid\":[\"Action\",\"top\"],\"attrs\":{},\"parents\":[],\"tags\":{\"x\":1}}]",
		"does not match", NULL },
	{ "[{\"uid\":[\"Action\",\"no\"],\"attrs\":{},\"parents\":[]}]",
		"found action entity `Action::\"no\"`, but it was not declared as an action in the schema",
		NULL },
};

static void check_rows(const struct row *rows, size_t n, const struct cedar_schema *schema)
{
	for (size_t i = 0; i < n; i++) {
		WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
		struct ward_buf b = WARD_BUF_INIT;
		struct cedar_diags d;

		CASE("%s", rows[i].json);
		e = read_entities(rows[i].json, schema, &d);
		if (e != NULL)
			CHECK_MSG(rows[i].words == NULL, "taken, but should not: %s",
				rows[i].words);
		else if (rows[i].words == NULL)
			FAIL("refused: %s", d.n > 0 ? d.v[0].message : "no words");
		else
			CHECK_STR_CONTAINS(d.v[0].message, rows[i].words);
		if (e != NULL && rows[i].printed != NULL) {
			struct cedar_pool *p = ward_cedar_entities_pool(e);
			const struct cedar_entity *a = ward_cedar_entities_get(e, uid(p, "U", "a"));
			const struct cedar_value *x;

			REQUIRE(a != NULL);
			x = ward_cedar_record_get(a->attrs, ward_cedar_intern(p, "x", 1));
			REQUIRE(x != NULL);
			ward_cedar_value_print(&b, x);
			CHECK_STR_EQ(ward_buf_cstr(&b), rows[i].printed);
		}
		ward_buf_done(&b);
		ward_cedar_diags_done(&d);
	}
}

TEST(without_schema)
{
	check_rows(plain_rows, WARD_ARRAY_SIZE(plain_rows), NULL);
}

TEST(with_schema)
{
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = schema_of(SCHEMA);

	check_rows(schema_rows, WARD_ARRAY_SIZE(schema_rows), schema);
}

/* What is wrong is pointed at. */
TEST(places)
{
	const char *text = "[\n{" UID ",\"attrs\":{\"x\":[1, null]},\"parents\":[]}]";
	struct cedar_diags d;
	struct ward_error err = WARD_ERROR_INIT;

	CHECK_NULL(read_entities(text, NULL, &d));
	CHECK_EQ_INT(ward_cedar_diags_error(&d, "e.json", ward_str(text), &err), WARD_E_PARSE);
	CHECK_EQ_INT(err.line, 2);
	CHECK_EQ_INT(err.column, strstr(text, "null") - strchr(text, '{') + 1);
	ward_cedar_diags_done(&d);
	/* of what is found when all has been read: the entity */
	static const struct {
		const char *json;
		bool schema;
		size_t start;
	} rows[] = {
		{ "[ {\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[]},{\"uid\":[\"H\",\"a\"],\"attrs\":{\"x\":1},\"parents\":[]}]",
			false, 44 },
		{ "[ {\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[[\"H\",\"a\"]]}]", false, 2 },
		{ "[ {\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[]},{\"uid\":[\"V\",\"a\"],\"attrs\":{},\"parents\":[]}]",
			true, 44 },
		{ "[ {\"uid\":[\"H\",\"a\"],\"attrs\":{},\"parents\":[]},{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[]}]",
			true, 44 },
	};
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = schema_of(SCHEMA);

	TABLE(row, rows) {
		CASE("%s", row->json);
		CHECK_NULL(read_entities(row->json, row->schema ? schema : NULL, &d));
		CHECK_EQ_SIZE(d.v[0].start, row->start);
		CHECK(d.v[0].end > d.v[0].start && row->json[d.v[0].end - 1] == '}');
		ward_cedar_diags_done(&d);
	}
	CASE("%s", "");
	CHECK_NULL(read_entities("[1,\n 2 3]", NULL, &d));
	CHECK_STR_CONTAINS(d.v[0].message, "an entity is an object");
	ward_cedar_diags_done(&d);
}

/* ---- the hierarchy ---- */

static void entity(struct ward_buf *b, const char *id, const char *const *parents)
{
	ward_buf_addf(b, "%s{\"uid\":{\"type\":\"U\",\"id\":\"%s\"},\"attrs\":{},\"parents\":[",
		b->n > 1 ? "," : "", id);
	for (size_t i = 0; parents[i] != NULL; i++)
		ward_buf_addf(b, "%s{\"type\":\"U\",\"id\":\"%s\"}", i > 0 ? "," : "", parents[i]);
	ward_buf_adds(b, "]}");
}

/* All pairs of a random hierarchy against walking it. */
TEST(closure)
{
	enum { N = 60 };
	static bool direct[N][N], closed[N][N];
	unsigned seed = 7;

	for (int round = 0; round < 50; round++) {
		WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
		struct ward_buf b = WARD_BUF_INIT;
		struct cedar_diags d;
		unsigned wrong = 0, sum = 0;
		bool there[N];

		memset(direct, 0, sizeof(direct));
		ward_buf_addc(&b, '[');
		for (int i = 0; i < N; i++) {
			char ids[N + 1][8], own[8];
			const char *parents[N + 1];
			size_t n = 0;

			there[i] = rand_r(&seed) % 8 != 0;
			for (int k = 0; there[i] && k < i; k++) {
				direct[i][k] = rand_r(&seed) % (2u + (unsigned)round) == 0;
				if (!direct[i][k])
					continue;
				snprintf(ids[n], sizeof(ids[n]), "%d", k);
				parents[n] = ids[n];
				n++;
			}
			parents[n] = NULL;
			snprintf(own, sizeof(own), "%d", i);
			if (there[i])
				entity(&b, own, parents);
		}
		ward_buf_addc(&b, ']');
		memcpy(closed, direct, sizeof(closed));
		for (int i = 0; i < N; i++)
			for (int k = i - 1; k >= 0; k--)
				for (int m = 0; closed[i][k] && m < k; m++)
					closed[i][m] |= closed[k][m];
		e = read_entities(ward_buf_cstr(&b), NULL, &d);
		REQUIRE(e != NULL);
		for (int i = 0; i < N; i++) {
			char id[8];
			const struct cedar_entity *a;
			uint32_t n = 0;

			snprintf(id, sizeof(id), "%d", i);
			a = ward_cedar_entities_get(e, uid(ward_cedar_entities_pool(e), "U", id));
			wrong += (a != NULL) != there[i];
			for (int k = 0; a != NULL && k < N; k++) {
				snprintf(id, sizeof(id), "%d", k);
				wrong += ward_cedar_entity_in(a,
						 uid(ward_cedar_entities_pool(e), "U", id)) !=
					closed[i][k];
				n += closed[i][k];
			}
			wrong += a != NULL && a->n_ancestors != n;
			sum += n;
		}
		CHECK_EQ_INT(wrong, 0);
		CHECK(sum > 0);
		ward_buf_done(&b);
		ward_cedar_diags_done(&d);
	}
}

TEST(cycles)
{
	static const struct {
		const char *edges; /* "ab": a is in b */
		bool cycle;
	} rows[] = { { "aa", true }, { "ab ba", true }, { "ab bc ca", true },
		{ "ab bc cd de ea", true }, { "ab bc cb", true }, { "ab ac bd cd", false },
		{ "ab ac bd cd da", true }, { "ab bc xy yz zx", true }, { "ab bc ac", false },
		{ "cb ba ca", false }, { "ax bx cx xa", true }, { "ax bx cx xy", false } };

	TABLE(row, rows) {
		struct cedar_entities *e;
		struct ward_buf b = WARD_BUF_INIT;
		struct cedar_diags d;

		CASE("%s", row->edges);
		ward_buf_addc(&b, '[');
		for (char c = 'a'; c <= 'z'; c++) {
			char id[2] = { c, 0 }, ids[8][2];
			const char *parents[8] = { NULL };
			size_t n = 0;

			for (const char *p = row->edges; *p; p += p[2] ? 3 : 2) {
				if (p[0] != c)
					continue;
				ids[n][0] = p[1];
				ids[n][1] = '\0';
				parents[n] = ids[n];
				n++;
			}
			if (n > 0)
				entity(&b, id, parents);
		}
		ward_buf_addc(&b, ']');
		e = read_entities(ward_buf_cstr(&b), NULL, &d);
		CHECK((e == NULL) == row->cycle);
		if (e == NULL)
			CHECK_STR_CONTAINS(d.v[0].message, "cycle");
		ward_cedar_entities_unref(e);
		ward_cedar_diags_done(&d);
		ward_buf_done(&b);
	}
}

static struct cedar_entities *chain(size_t n, struct cedar_diags *d, double *ret_seconds)
{
	struct ward_buf b = { .max = 64u << 20 };
	struct cedar_entities *e = NULL;
	struct timespec from, to;

	ward_buf_addc(&b, '[');
	for (size_t i = 0; i < n; i++)
		ward_buf_addf(&b,
			"%s{\"uid\":[\"U\",\"%zu\"],\"attrs\":{},\"parents\":[[\"U\",\"%zu\"]]}",
			i > 0 ? "," : "", i, i + 1);
	ward_buf_addc(&b, ']');
	REQUIRE(!b.failed && ward_cedar_diags_init(d) == WARD_OK);
	clock_gettime(CLOCK_MONOTONIC, &from);
	(void)ward_cedar_entities_parse((struct ward_str){ b.s, b.n }, NULL, &e, d);
	clock_gettime(CLOCK_MONOTONIC, &to);
	*ret_seconds =
		(double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
	ward_buf_done(&b);
	return e;
}

/* The first is the deepest: nothing recurses, and what is too much is said. */
TEST(deep_chains)
{
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
	struct cedar_diags d;
	double seconds;

	e = chain(3000, &d, &seconds);
	REQUIRE(e != NULL);
	CHECK_EQ_INT(ward_cedar_entities_get(e, uid(ward_cedar_entities_pool(e), "U", "0"))
			     ->n_ancestors,
		3000);
	CHECK(ward_cedar_entity_in(ward_cedar_entities_get(e,
					   uid(ward_cedar_entities_pool(e), "U", "0")),
		uid(ward_cedar_entities_pool(e), "U", "3000")));
	ward_cedar_diags_done(&d);
	CHECK_NULL(chain(100000, &d, &seconds));
	REQUIRE(d.n == 1);
	CHECK_STR_CONTAINS(d.v[0].message, "the hierarchy of the entities is too large");
	CHECK(seconds < 60);
	ward_cedar_diags_done(&d);
}

/* Members of one group share what they have: the memory is that of their names. */
TEST(many_members)
{
	enum { N = 200000 };
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
	struct ward_buf b = { .max = 64u << 20 };
	struct cedar_diags d;

	ward_buf_addc(&b, '[');
	for (int i = 0; i < 500; i++)
		ward_buf_addf(&b,
			"{\"uid\":[\"G\",\"%d\"],\"attrs\":{},\"parents\":[[\"G\",\"%d\"]]},", i,
			i + 1);
	for (int i = 0; i < N; i++)
		ward_buf_addf(&b,
			"%s{\"uid\":[\"U\",\"%d\"],\"attrs\":{},\"parents\":[[\"G\",\"0\"]]}",
			i > 0 ? "," : "", i);
	ward_buf_addc(&b, ']');
	REQUIRE(!b.failed);
	e = read_entities(ward_buf_cstr(&b), NULL, &d);
	REQUIRE(e != NULL);
	CHECK_EQ_SIZE(ward_cedar_entities_count(e), N + 500);
	CHECK(ward_cedar_pool_bytes(ward_cedar_entities_pool(e)) < N * 200ull);
	CHECK_EQ_INT(ward_cedar_entities_get(e, uid(ward_cedar_entities_pool(e), "U", "77"))
			     ->n_ancestors,
		501);
	ward_buf_done(&b);
	ward_cedar_diags_done(&d);
}

/* ---- values of any depth ---- */

TEST(depth)
{
	static const struct {
		size_t depth;
		bool ok;
	} rows[] = { { 900, true }, { 1000, true }, { 1001, false }, { 2100, false },
		{ 100000, false } };

	TABLE(row, rows) {
		struct ward_buf b = { .max = 1u << 20 }, out = { .max = 1u << 20 };
		struct cedar_entities *e;
		struct cedar_diags d;

		CASE("%zu", row->depth);
		ward_buf_adds(&b, "[{" UID ",\"attrs\":{\"x\":");
		for (size_t i = 0; i < row->depth; i++)
			ward_buf_addc(&b, '[');
		ward_buf_addc(&b, '1');
		for (size_t i = 0; i < row->depth; i++)
			ward_buf_addc(&b, ']');
		ward_buf_adds(&b, "},\"parents\":[]}]");
		e = read_entities(ward_buf_cstr(&b), NULL, &d);
		CHECK((e != NULL) == row->ok);
		if (e == NULL)
			CHECK_STR_CONTAINS(d.v[0].message, "nested deeper than");
		else
			ward_cedar_entities_json(e, &out);
		CHECK(!out.failed);
		ward_cedar_entities_unref(e);
		ward_cedar_diags_done(&d);
		ward_buf_done(&b);
		ward_buf_done(&out);
	}
}

/* ---- JSON both ways ---- */

TEST(json_both_ways)
{
	static const char text[] =
		"[{\"uid\":{\"type\":\"A::U\",\"id\":\"\\u0000\\\"\\n\xc3\xa9\"},\"attrs\":{\"a\":[true,1,{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}],"
		"\"d\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.50\"}},\"e\":{},"
		"\"i\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::FFFF:7f00:1\"}},"
		"\"m\":{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01T00:00:00Z\"}},"
		"\"o\":{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},"
		"{\"__extn\":{\"fn\":\"duration\",\"arg\":\"-5ms\"}}]}},"
		"\"u\":{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d\"}}},"
		"\"parents\":[{\"type\":\"B\",\"id\":\"1\"},{\"type\":\"B\",\"id\":\"2\"}],\"tags\":{\"k\":\"v\"}},"
		"{\"uid\":{\"type\":\"B\",\"id\":\"1\"},\"attrs\":{},\"parents\":[{\"type\":\"B\",\"id\":\"0\"}]}]";
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *again = NULL;
	struct ward_buf b = WARD_BUF_INIT, c = WARD_BUF_INIT;
	struct cedar_diags d;

	e = read_entities(text, NULL, &d);
	REQUIRE(e != NULL);
	ward_cedar_diags_done(&d);
	ward_cedar_entities_json(e, &b);
	CHECK_STR_EQ(ward_buf_cstr(&b), text);
	again = read_entities(ward_buf_cstr(&b), NULL, &d);
	REQUIRE(again != NULL);
	ward_cedar_diags_done(&d);
	ward_cedar_entities_json(again, &c);
	CHECK_STR_EQ(ward_buf_cstr(&c), ward_buf_cstr(&b));
	CHECK_NULL(ward_cedar_entities_at(e, 2));
	ward_buf_done(&b);
	ward_buf_done(&c);
}

/* ---- the store by hand ---- */

TEST(by_hand)
{
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = schema_of(SCHEMA);
	WARD_CLEANUP(ward_cedar_entities_unrefp)
	struct cedar_entities *s = ward_cedar_entities_new();
	struct cedar_pool *p;
	struct cedar_entity_input e = { 0 };
	const struct cedar_uid *parents[2];
	struct cedar_diags d;

	REQUIRE(s != NULL && ward_cedar_diags_init(&d) == WARD_OK);
	p = ward_cedar_entities_pool(s);
	parents[0] = uid(p, "G", "b");
	parents[1] = uid(p, "G", "a");
	e = (struct cedar_entity_input){
		.uid = uid(p, "U", "u"), .parents = parents, .n_parents = 2
	};
	CHECK_EQ_INT(ward_cedar_entities_add(s, &e, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_add(s, &e, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_add_actions(s, schema, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_finish(s, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_finish(s, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_entities_add(s, &e, &d), WARD_E_INTERNAL);
	CHECK_EQ_SIZE(ward_cedar_entities_count(s), 5);
	CHECK_EQ_INT(ward_cedar_entities_get(s, uid(p, "Action", "act"))->n_ancestors, 2);
	CHECK(ward_cedar_entity_in(ward_cedar_entities_get(s, uid(p, "Action", "act")),
		uid(p, "Action", "top")));
	CHECK(!ward_cedar_entity_in(ward_cedar_entities_get(s, uid(p, "Action", "top")),
		uid(p, "Action", "top")));
	CHECK_NULL(ward_cedar_entities_get(s, uid(p, "Action", "none")));
	CHECK_STR_EQ(ward_cedar_entities_at(s, 4)->uid->id->s, "u");
	CHECK_STR_EQ(ward_cedar_entities_at(s, 4)->parents[0]->id->s, "a");
	/* u has none of its attributes */
	CHECK_EQ_INT(ward_cedar_entities_validate(s, schema, &d), WARD_E_PARSE);
	CHECK_EQ_SIZE(d.errors, 2);
	ward_cedar_entities_unref(ward_cedar_entities_ref(s));
	ward_cedar_entities_unref(NULL);
	ward_cedar_diags_done(&d);
}

/* What was read without a schema is checked against one later: every finding, not only the first. */
TEST(validated_later)
{
	static const struct {
		const char *json;
		size_t findings;
		const char *words; /* of the first */
	} rows[] = {
		{ "[]", 0, NULL },
		{ E("\"attrs\":{\"n\":1,\"s\":[]},\"parents\":[[\"G\",\"g\"]],\"tags\":{\"k\":\"v\"}"),
			0, NULL },
		{ E("\"attrs\":{\"n\":1,\"s\":[],\"q\":1,\"w\":1},\"parents\":[]"), 2,
			"attribute `q` on `U::\"a\"` should not exist" },
		{ E("\"attrs\":{},\"parents\":[[\"H\",\"x\"],[\"V\",\"q\"]],\"tags\":{\"k\":1,\"l\":2}"),
			6, "to have attribute `n`" },
		{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"b\":\"x\"},\"o\":\"1.1.1.1\"},\"parents\":[]"),
			2,
			"in attribute `o` on `U::\"a\"`, type mismatch: value was expected to have type ipaddr" },
		{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"b\":\"x\"}},\"parents\":[]"), 1,
			"but it is missing the required attribute `a`: `{b: \"x\"}`" },
		{ E("\"attrs\":{\"n\":1,\"s\":[],\"r\":{\"a\":1,\"x y\":2}},\"parents\":[]"), 1,
			"but it contains an unexpected attribute `x y`" },
		{ "[{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[],\"tags\":{\"k\":1}}]", 1,
			"found a tag `k` on `G::\"a\"`, but no tags should exist on `G::\"a\"` according to the schema" },
		{ "[{\"uid\":[\"ZZ\",\"a\"],\"attrs\":{},\"parents\":[]},{\"uid\":[\"YY\",\"a\"],\"attrs\":{},\"parents\":[]}]",
			2, "which is not declared in the schema" },
		{ "[{\"uid\":[\"Action\",\"grp\"],\"attrs\":{},\"parents\":[[\"Action\",\"top\"]]},"
		  "{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[[\"Action\",\"grp\"]]}]",
			0, NULL },
		{ "[{\"uid\":[\"Action\",\"act\"],\"attrs\":{},\"parents\":[[\"Action\",\"grp\"]]}]",
			1, "does not match its schema declaration" },
	};
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = schema_of(SCHEMA);

	TABLE(row, rows) {
		WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
		struct cedar_diags d;

		CASE("%s", row->json);
		e = read_entities(row->json, NULL, &d);
		REQUIRE(e != NULL);
		CHECK_EQ_INT(ward_cedar_entities_validate(e, schema, &d),
			row->findings > 0 ? WARD_E_PARSE : WARD_OK);
		CHECK_EQ_INT(ward_cedar_entities_validate(e, schema, NULL),
			row->findings > 0 ? WARD_E_PARSE : WARD_OK);
		CHECK_EQ_SIZE(d.errors, row->findings);
		if (row->findings > 0 && d.n > 0)
			CHECK_STR_CONTAINS(d.v[0].message, row->words);
		ward_cedar_diags_done(&d);
	}
}

/* A value that is too long for a message is cut. */
TEST(long_values)
{
	struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(ward_cedar_schema_freep)
	struct cedar_schema *schema = schema_of("entity U { n: Long };");
	struct cedar_diags d;

	ward_buf_adds(&b, "[{" UID ",\"parents\":[],\"attrs\":{\"n\":[");
	for (int i = 0; i < 2000; i++)
		ward_buf_addf(&b, "%s%d", i > 0 ? "," : "", i);
	ward_buf_adds(&b, "]}}]");
	CHECK_NULL(read_entities(ward_buf_cstr(&b), schema, &d));
	CHECK_STR_CONTAINS(d.v[0].message, "actually has type set: `[0, 1, 2, 3, 4, .. ]`");
	ward_cedar_diags_done(&d);
	ward_buf_done(&b);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas out of memory, at every place: the n-th allocation and all behind it fail. The result is an error and no schema,
 * every block is given back, and nothing crashes. Linked with --wrap, so that the language's calls of the allocator come
 * here.
 */
#include "cedar/schema/schema.h"
#include "tap.h"
#include "alloc_wrap.h"

static const char text[] =
	"@a(\"b\\n\") type T = {x: U, \"y z\"?: Set<U>}; type U = {d: decimal, l: Long}; entity Long1, "
	"E in [F, G] = {t: T} tags Set<String>; entity F in G; entity G; entity V enum [\"a\", \"b\"]; "
	"action a, b in [c, N::Action::\"d\"] appliesTo {principal: [E, F], resource: G, context: T}; "
	"action c; namespace N { @q @p entity X {y: T, e: E}; action d in e; action e; "
	"type ipaddr = Long; } namespace N::M { entity X2 in N::X; }";
static const char wrong[] =
	"entity A {x: B, y: \"\", z: Long}; entity A in C; action a in b; action c {}; entity \"x\\q\"; "
	"namespace N { entity A; type T = T; } namespace N {}";
static const char wrong_names[] =
	"entity A {x: B, y: {z: N::C}} in1 tags D; entity A in C; action a in b; namespace N {type T = T;}";
static const char cyclic[] = "type T = Set<U>; type U = {x: T}; action a in a; entity A;";
static const char json[] =
	"{\"\":{\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Set\","
	"\"element\":{\"type\":\"EntityOrCommon\",\"name\":\"N::E\"},\"required\":false,"
	"\"annotations\":{\"a\":null,\"b\":\"c\"}},\"y\":{\"type\":\"Extension\",\"name\":"
	"\"ipaddr\"}}}},\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"N::E\"],\"shape\":{\"type\":\"T\"},"
	"\"tags\":{\"type\":\"Boolean\"}},\"B\":{\"enum\":[\"x\",\"y\"]}},\"actions\":{\"a\":{"
	"\"memberOf\":[{\"id\":\"b\"},{\"type\":\"Action\",\"id\":\"c\"}],\"appliesTo\":{"
	"\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\",\"B\"],\"context\":{\"type\":\"T\"}}},"
	"\"b\":{},\"c\":{}}},\"N\":{\"entityTypes\":{\"E\":{}},\"actions\":{}}}";
static const char wrong_json[] =
	"{\"A B\":{},\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{"
	"\"x\":{\"type\":\"Long\",\"name\":\"q\"}}}},\"if\":{},\"B\":{\"foo\":1},\"C\":{\"enum\":[]}},"
	"\"actions\":{\"a\":{\"memberOf\":[1],\"attributes\":{}}}},\"M\":[1,2,3,4,5,6]}";

/* Succeeds, fails for want of memory, or finds the text wrong: never half of one of these. */
static bool parse(const char *s, enum cedar_schema_syntax syntax, bool right)
{
	struct cedar_schema *schema = NULL;
	struct cedar_diags d;
	int code = ward_cedar_diags_init(&d);

	if (code == WARD_OK)
		code = ward_cedar_schema_parse(ward_str(s), syntax, &schema, &d);
	CHECK_EQ_INT(code == WARD_OK, schema != NULL);
	if (!fired)
		CHECK_EQ_INT(code, right ? WARD_OK : WARD_E_PARSE);
	else
		CHECK(code == WARD_E_NOMEM || code == WARD_E_PARSE);
	/* What was found wrong before memory ended may stand; what is right is never called wrong. */
	if (fired && right)
		CHECK_EQ_INT(code, WARD_E_NOMEM);
	ward_cedar_schema_free(schema);
	ward_cedar_diags_done(&d);
	return !fired;
}

static bool convert(const char *s, enum cedar_schema_syntax from, enum cedar_schema_syntax to)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code = ward_cedar_schema_translate(ward_str(s), from, to, &b, NULL);

	CHECK(code == WARD_OK || code == WARD_E_NOMEM || code == WARD_E_LIMIT);
	CHECK_EQ_INT(code != WARD_OK, fired);
	ward_buf_done(&b);
	return !fired;
}

static const struct {
	const char *name, *text;
	uint8_t syntax, to; /* to: what it is converted to; 9: it is parsed */
	bool right;
} rows[] = {
	{ "text", text, CEDAR_SCHEMA_TEXT, 9, true },
	{ "wrong text", wrong, CEDAR_SCHEMA_TEXT, 9, false },
	{ "wrong names", wrong_names, CEDAR_SCHEMA_TEXT, 9, false },
	{ "cycles", cyclic, CEDAR_SCHEMA_TEXT, 9, false },
	{ "json", json, CEDAR_SCHEMA_JSON, 9, true },
	{ "wrong json", wrong_json, CEDAR_SCHEMA_JSON, 9, false },
	{ "text to json", text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON, true },
	{ "text to text", text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_TEXT, true },
	{ "text to resolved", text, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON, true },
	{ "json to json", json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON, true },
};

static long each_failure(const char *name, const char *s, enum cedar_schema_syntax from,
	unsigned to, bool right)
{
	long n;

	for (n = 0; n < 10000; n++) {
		bool done;

		CASE("%s: allocation %ld fails", name, n);
		fired = false;
		live = 0;
		countdown = n;
		done = to == 9 ? parse(s, from, right)
			       : convert(s, from, (enum cedar_schema_syntax)to);
		countdown = -1;
		CHECK_EQ_INT(live, 0);
		if (done)
			break;
	}
	return n;
}

TEST(each_allocation)
{
	TABLE(row, rows) {
		long n = each_failure(row->name, row->text, row->syntax, row->to, row->right);

		CHECK_GE_INT(n, 8);
	}
}

/* Arenas take memory in pieces: only with many of them do all steps meet the end of one. */
TEST(each_allocation_of_many)
{
	struct ward_buf b = WARD_BUF_INIT;
	long n;

	for (unsigned i = 0; i < 150; i++)
		ward_buf_addf(&b,
			"namespace M%u { @a(\"%u\") type T%u = {x%u: Set<U%u>, y%u: E%u}; "
			"type U%u = {z%u: Long}; entity E%u, F%u in [E%u] {t%u: T%u} tags U%u; "
			"action a%u in b%u appliesTo {principal: E%u, resource: F%u, "
			"context: {c%u: T%u}}; action b%u; }\n",
			i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i);
	n = each_failure("parsed", b.s, CEDAR_SCHEMA_TEXT, 9, true);
	CHECK_GE_INT(n, 30);
	n = each_failure("resolved", b.s, CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_RESOLVED_JSON, true);
	CHECK_GE_INT(n, 30);
	ward_buf_done(&b);
}

TAP_MAIN();

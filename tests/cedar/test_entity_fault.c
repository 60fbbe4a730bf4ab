/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities, contexts and values without memory: the n-th allocation fails, for each n. The result is an error and nothing
 * is left behind; what could not be read is never half there.
 */
#include "cedar/cedar.h"
#include "tap.h"
#include "alloc_wrap.h"

#define SCHEMA \
	"entity U in [G] { n: Long, o?: ipaddr, d?: decimal, s: Set<U>, r?: {a: Long}, m?: datetime } tags String;" \
	"entity G in [G]; entity V enum [\"x\"]; action top; action act in top appliesTo {principal: U, resource: G," \
	" context: {ip?: ipaddr, s?: Set<String>, v?: V}};"

static struct cedar_schema *schema;
static struct ward_buf text;

static void prepare(void)
{
	if (schema != NULL)
		return;
	REQUIRE(ward_cedar_schema_parse(ward_str(SCHEMA), CEDAR_SCHEMA_TEXT, &schema, NULL) ==
		WARD_OK);
	ward_buf_addc(&text, '[');
	for (int i = 0; i < 100; i++)
		ward_buf_addf(&text,
			"{\"uid\":{\"type\":\"U\",\"id\":\"%d\"},\"attrs\":{\"n\":%d,\"s\":[{\"type\":\"U\",\"id\":\"s%d\"},[\"U\",\"x\"]],"
			"\"o\":\"10.0.0.%d\",\"d\":{\"fn\":\"decimal\",\"arg\":\"%d.5\"},\"r\":{\"a\":1},"
			"\"m\":{\"fn\":\"offset\",\"args\":[\"2024-01-01\",\"1d\"]}},"
			"\"parents\":[[\"G\",\"%d\"],[\"G\",\"%d\"]],\"tags\":{\"t%d\":\"%d\"}},",
			i, i, i, i, i, i % 7, i % 13, i, i);
	for (int i = 0; i < 40; i++)
		ward_buf_addf(&text,
			"%s{\"uid\":[\"G\",\"%d\"],\"attrs\":{},\"parents\":[[\"G\",\"%d\"],[\"G\",\"%d\"]]}",
			i > 0 ? "," : "", i, i + 1, i + 2);
	ward_buf_addc(&text, ']');
	REQUIRE(!text.failed);
}

static void each_failure(bool (*run)(void), long at_least)
{
	long n, step;

	prepare();
	for (n = 0; n < 100000; n += step) {
		bool worked;

		CASE("allocation %ld fails", n);
		fired = false;
		live = 0;
		countdown = n;
		worked = run();
		countdown = -1;
		CHECK_EQ_INT(live, 0);
		CHECK_EQ_INT(worked, !fired);
		if (!fired)
			break;
		step = n < 500 ? 1 : 7;
	}
	CHECK_GE_INT(n, at_least);
}

static bool run_entities(const struct cedar_schema *s, const char *doc, size_t n, int bad)
{
	struct cedar_entities *e = NULL;
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_diags d;
	int code = ward_cedar_diags_init(&d);

	if (code == WARD_OK)
		code = ward_cedar_entities_parse((struct ward_str){ doc, n }, s, &e, &d);
	CHECK((code == WARD_OK) == (e != NULL));
	CHECK(code == WARD_OK || code == WARD_E_NOMEM || code == bad);
	if (e != NULL) {
		ward_cedar_entities_json(e, &out);
		code = out.failed ? WARD_E_NOMEM : code;
	}
	ward_cedar_entities_unref(e);
	ward_cedar_diags_done(&d);
	ward_buf_done(&out);
	return code == WARD_OK;
}

static bool guided(void)
{
	return run_entities(schema, text.s, text.n, WARD_OK);
}

static bool plain(void)
{
	return run_entities(NULL, text.s, text.n, WARD_OK);
}

TEST(entities)
{
	each_failure(guided, 60);
	each_failure(plain, 60);
}

/* What is wrong stays wrong: no allocation that fails makes it right. */
TEST(bad_entities)
{
	static const char *const rows[] = {
		"[{\"uid\":[\"U\",\"a\"],\"attrs\":{\"x\":null},\"parents\":[]}]",
		"[{\"uid\":[\"U\",\"a\"],\"attrs\":{\"n\":\"1\",\"s\":[]},\"parents\":[]}]",
		"[{\"uid\":[\"U\",\"a\"],\"attrs\":{},\"parents\":[[\"U\",\"a\"]]}]",
		"[{\"uid\":[\"Action\",\"act\"],\"attrs\":{\"a\":1},\"parents\":[[\"U\",\"a\"]]}]",
		"[{\"uid\":[\"G\",\"a\"],\"attrs\":{\"i\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}},\"parents\":[]}]",
		"[{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[]},{\"uid\":[\"G\",\"a\"],\"attrs\":{},\"parents\":[[\"G\",\"b\"]]}]",
		"[{\"uid\":\"x\"",
		"{}",
		"[1]",
	};

	prepare();
	TABLE(row, rows) {
		for (long n = 0; n < 1000; n++) {
			CASE("%s, allocation %ld fails", *row, n);
			fired = false;
			live = 0;
			countdown = n;
			CHECK(!run_entities(schema, *row, strlen(*row), WARD_E_PARSE));
			countdown = -1;
			CHECK_EQ_INT(live, 0);
			if (!fired)
				break;
		}
	}
}

static bool context(void)
{
	static const char json[] =
		"{\"ip\":\"::1\",\"s\":[\"a\",\"b\",\"c\"],\"v\":{\"type\":\"V\",\"id\":\"x\"}}";
	struct cedar_pool *p = ward_cedar_pool_new(0), *q = ward_cedar_pool_new(0);
	struct cedar_request r = { 0 };
	struct cedar_value v = { .tag = CEDAR_V_RECORD }, copy;
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_diags d = { 0 };
	int code = p != NULL && q != NULL ? ward_cedar_diags_init(&d) : WARD_E_NOMEM;

	if (code == WARD_OK) {
		r.action = ward_cedar_adopt_uid(p, schema->actions[0]->uid);
		code = r.action != NULL ? WARD_OK : WARD_E_NOMEM;
	}
	if (code == WARD_OK)
		code = ward_cedar_context_parse(p, ward_str(json), schema, r.action, &r.context,
			&d);
	if (code == WARD_OK)
		code = ward_cedar_request_validate(&r, schema, &d);
	v.record = r.context;
	if (code == WARD_OK)
		code = ward_cedar_value_adopt(q, &v, &copy);
	if (code == WARD_OK && ward_cedar_value_expr(q, &copy) == NULL)
		code = WARD_E_NOMEM;
	if (code == WARD_OK) {
		ward_cedar_value_print(&out, &copy);
		ward_cedar_value_json(&out, &copy);
		code = out.failed ? WARD_E_NOMEM : WARD_OK;
	}
	CHECK(code == WARD_OK || code == WARD_E_NOMEM);
	ward_cedar_pool_free(p);
	ward_cedar_pool_free(q);
	ward_cedar_diags_done(&d);
	ward_buf_done(&out);
	return code == WARD_OK;
}

TEST(contexts)
{
	each_failure(context, 15);
}

static bool by_hand(void)
{
	struct cedar_entities *s = ward_cedar_entities_new();
	int code = s != NULL ? ward_cedar_entities_add_actions(s, schema, NULL) : WARD_E_NOMEM;

	if (code == WARD_OK)
		code = ward_cedar_entities_finish(s, NULL);
	if (code == WARD_OK && ward_cedar_entities_at(s, 0) == NULL)
		code = WARD_E_NOMEM;
	ward_cedar_entities_unref(s);
	return code == WARD_OK;
}

TEST(actions)
{
	each_failure(by_hand, 10);
	ward_cedar_schema_freep(&schema);
	ward_buf_done(&text);
}

TAP_MAIN();

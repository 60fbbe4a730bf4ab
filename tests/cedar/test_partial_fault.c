/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies in JSON and partial evaluation out of memory, at every place: each allocation in turn fails, of the system's and
 * of what arenas hand out, alone and with all that follow. What comes out is the whole answer, or is marked as none; a
 * decision is never more than deny then; and nothing leaks.
 */
#include <stdio.h>
#include <string.h>

#include "arena_wrap.h"
#include "cedar/cedar.h"
#include "est_util.h"

static const char *const documents[] = {
	"{\"staticPolicies\":{\"a\":" S
	",\"b\":{\"effect\":\"forbid\",\"principal\":{\"op\":\"is\",\"entity_type\":\"U\","
	"\"in\":{\"entity\":" U "}},\"action\":{\"op\":\"in\",\"entities\":[" A
	"]},\"resource\":" ALL
	",\"conditions\":[{\"kind\":\"unless\",\"body\":{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"U\","
	"\"in\":{\"Set\":[{\"Var\":\"principal\"},{\"Value\":{\"__entity\":" U "}}]}}}}],"
	"\"annotations\":{\"x\":null,\"y\":\"z\"}}},\"templates\":{\"t\":" T
	"},\"templateLinks\":[" LINK("l", "{\"?principal\":" U "}") "]}",
	/* What is open, what fails behind it, and what can be made smaller. */
	"{\"staticPolicies\":\"permit(principal, action, resource) when { if principal.a then [1, context.n] == [] else "
	"resource.nope } when { principal like \\\"a*b\\\" && {x: principal, y: ip(\\\"::1\\\")}.y.isLoopback() || true };"
	"permit(principal, action, resource) when { {x: principal.a, \\\"y z\\\": 1}.x has a.b.c && !(principal != resource) "
	"&& context.n.nope };"
	"forbid(principal is U, action in [Action::\\\"a\\\"], resource) when { principal.getTag(\\\"x\\\") > -(1) };"
	"permit(principal, action, resource) when { {a: 1, b: 2}.c };"
	"permit(principal, action, resource) when { U::\\\"a\\\".x }; permit(principal, action, resource) when { [1] + 1 };\"}",
	/* Findings. */
	"{\"staticPolicies\":{\"p\":{\"effect\":\"allow\"," SCOPE ",\"conditions\":[]}}}",
	"{\"staticPolicies\":\"permit(principal, action, resource) when { 1 +\"}",
	"{\"templates\":{\"t\":" T "},\"templateLinks\":[" LINK("l", "{\"?resource\":" U "}") "]}",
};

/* Of one run: all that there is to know, and whether something says that it is not all. */
struct outcome {
	struct ward_buf out;
	bool none;
};

/* What the test writes down itself does not fail. */
static void note(struct outcome *o, const char *text)
{
	long n = countdown;

	countdown = -1;
	ward_buf_addf(&o->out, "%s\n", text);
	countdown = n;
}

static void note_number(struct outcome *o, long i)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", i);
	note(o, text);
}

static void add_buf(struct outcome *o, struct ward_buf *b)
{
	o->none = o->none || b->failed;
	note(o, ward_buf_cstr(b));
	ward_buf_done(b);
}

static int code(struct outcome *o, int r, const struct cedar_diags *d)
{
	o->none = o->none || r == WARD_E_NOMEM || d->failed;
	note_number(o, r);
	return r;
}

static void look(struct outcome *o, const struct cedar_partial *p, const struct cedar_entities *e,
	const struct cedar_request *full, struct cedar_scratch *scratch,
	const struct cedar_diags *d)
{
	struct ward_buf json = WARD_BUF_INIT, text = WARD_BUF_INIT;
	struct cedar_answer a;
	int r;

	ward_cedar_partial_json(p, &json);
	add_buf(o, &json);
	ward_cedar_partial_text(p, &text);
	add_buf(o, &text);
	r = code(o, ward_cedar_partial_resume(p, e, full, scratch, &a), d);
	CHECK(r == WARD_OK || a.decision == CEDAR_DENY);
	note_number(o, a.decision);
	note_number(o, a.n_reasons);
	note_number(o, a.n_errors);
}

static void attempt(struct outcome *o, const struct ward_json *j, const struct cedar_request *full,
	struct cedar_scratch *scratch, struct cedar_entities *e, long n)
{
	struct cedar_request q = { .resource = full->resource, .context = full->context };
	struct ward_buf json = WARD_BUF_INIT;
	struct cedar_partial *p = NULL;
	struct cedar_policies s;
	struct cedar_diags d;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK && ward_cedar_policies_init(&s) == WARD_OK);
	fired = false;
	countdown = n;
	if (code(o, ward_cedar_policies_from_json(&s, j, false, &d), &d) == WARD_OK) {
		ward_cedar_policies_json(&json, &s);
		add_buf(o, &json);
		if (code(o, ward_cedar_partial(&s, e, &q, &p, &d), &d) == WARD_OK)
			look(o, p, e, full, scratch, &d);
	}
	countdown = -1;
	for (size_t i = 0; i < d.n; i++)
		ward_buf_addf(&o->out, "%s %s %s", d.v[i].message, d.v[i].help, d.v[i].policy);
	ward_cedar_partial_free(p);
	ward_cedar_policies_done(&s);
	ward_cedar_diags_done(&d);
}

static void each_failure(const struct ward_json *j, const struct cedar_request *full,
	struct cedar_scratch *scratch, struct cedar_entities *e)
{
	struct outcome whole = { 0 };

	attempt(&whole, j, full, scratch, e, -1);
	REQUIRE(!whole.none && !whole.out.failed);
	for (int alone = 0; alone < 2; alone++) {
		once = alone != 0;
		for (long n = 0; fired || n == 0; n++) {
			struct outcome o = { 0 };

			CASE("allocation %ld%s", n, once ? " alone" : "");
			attempt(&o, j, full, scratch, e, n);
			if (!o.none)
				CHECK_STR_EQ(ward_buf_cstr(&o.out), ward_buf_cstr(&whole.out));
			ward_buf_done(&o.out);
		}
	}
	once = false;
	ward_buf_done(&whole.out);
}

TEST(out_of_memory)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_entities *e = ward_cedar_entities_new();
	struct cedar_scratch *scratch = ward_cedar_scratch_new();
	struct ward_arena *arena = ward_arena_new(0);
	struct cedar_request full = { 0 };
	struct cedar_diags d;
	long before;

	REQUIRE(pool != NULL && e != NULL && scratch != NULL && arena != NULL);
	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
	REQUIRE(ward_cedar_entities_finish(e, &d) == WARD_OK);
	REQUIRE(ward_cedar_parse_uid(pool, WARD_STR("U::\"a\""), &full.principal, &d) == WARD_OK);
	REQUIRE(ward_cedar_parse_uid(pool, WARD_STR("Action::\"a\""), &full.action, &d) == WARD_OK);
	full.resource = full.principal;
	REQUIRE(ward_cedar_context_parse(pool, WARD_STR("{\"n\":{\"a\":[1]}}"), NULL, NULL,
			&full.context, &d) == WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(documents); i++) {
		struct ward_json *j;

		REQUIRE(ward_cedar_json_parse(arena, ward_str(documents[i]), &j, &d) == WARD_OK);
		each_failure(j, &full, scratch, e);
		before = live;
		each_failure(j, &full, scratch, e);
		CHECK_EQ_INT(live, before);
	}
	ward_cedar_diags_done(&d);
	ward_arena_free(arena);
	ward_cedar_scratch_free(scratch);
	ward_cedar_entities_unref(e);
	ward_cedar_pool_free(pool);
}

TAP_MAIN();

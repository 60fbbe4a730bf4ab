/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public library out of memory, at every place: the n-th allocation and all behind it fail, through all that can be
 * done with a set. What comes back is right or an error; an error is never an allow; every block is given back. Linked with
 * --wrap, so that the language's calls of the allocator come here.
 */
#include "api_world.h"
#include "alloc_wrap.h"

struct objects {
	struct ward_policy_diags *d;
	struct ward_policy_set *set;
	struct ward_policy_schema *schema;
	struct ward_policy_entities *e;
	struct ward_policy_compiled *c;
	struct ward_policy_request *r;
	struct ward_policy_scratch *s;
	struct ward_policy_partial *p;
};

static void done(struct objects *o)
{
	ward_policy_partial_free(o->p);
	ward_policy_scratch_free(o->s);
	ward_policy_request_free(o->r);
	ward_policy_compiled_unref(o->c);
	ward_policy_entities_unref(o->e);
	ward_policy_schema_unref(o->schema);
	ward_policy_set_free(o->set);
	ward_policy_diags_free(o->d);
}

/* A text that was made must be this one. */
static int same(int code, char *text, const char *part)
{
	if (code == WARD_OK)
		CHECK_STR_CONTAINS(text, part);
	else
		CHECK(text == NULL);
	free(text);
	return code;
}

static int texts(struct objects *o)
{
	char *t = NULL;
	size_t warnings;
	int code = ward_policy_set_print_all(o->set, WARD_POLICY_JSON, &t, NULL);

	if (same(code, t, "\"templateLinks\":[{") < 0)
		return code;
	t = NULL;
	code = ward_policy_set_print(o->set, 3, WARD_POLICY_CEDAR, &t, NULL);
	if (same(code, t, "principal == User::\"b\"") < 0)
		return code;
	t = NULL;
	code = ward_policy_entities_print(o->e, &t, NULL);
	if (same(code, t, "\"id\":\"staff\"") < 0)
		return code;
	t = NULL;
	code = ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON, "s",
		TEXT(world_schema), &t, NULL, o->d);
	if (same(code, t, "\"entityTypes\"") < 0)
		return code;
	t = NULL;
	warnings = ward_policy_diags_count(o->d);
	code = ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON, "s",
		TEXT("entity ipaddr; entity A;"), &t, NULL, o->d);
	/* A warning for which there was no memory is not silence. */
	CHECK(code < 0 || ward_policy_diags_count(o->d) == warnings + 1);
	if (same(code, t, "\"ipaddr\"") < 0)
		return code;
	t = NULL;
	code = ward_policy_format("p", TEXT(world_policies), 0, 0, &t, NULL, o->d);
	if (same(code, t, "principal == ?principal") < 0)
		return code;
	t = NULL;
	code = ward_policy_evaluate("x", TEXT("[{a: 1 + 1, b: \"x\"}, ip(\"1.1.1.1\")]"), o->e,
		o->r, WARD_POLICY_CEDAR, &t, NULL, o->d);
	if (same(code, t, "{\"a\": 2, \"b\": \"x\"}") < 0)
		return code;
	t = NULL;
	code = ward_policy_partial_json(o->p, &t, NULL);
	return same(code, t, "\"residuals\"");
}

/* Findings are errors too, of which there may be none for want of memory. */
static int findings(struct objects *o)
{
	struct ward_error err = WARD_ERROR_INIT;
	char *t = NULL;
	int code;

	CHECK(ward_policy_expression_check("x", TEXT("1 + + 2 \"\""), o->d) < 0);
	CHECK(ward_policy_diags_error(o->d, &err) < 0);
	code = ward_policy_diags_print(o->d, true, &t, NULL);
	if (code == WARD_OK)
		CHECK_STR_CONTAINS(t, "error: ");
	free(t);
	t = NULL;
	if (code == WARD_OK)
		code = ward_policy_diags_json(o->d, &t, NULL);
	free(t);
	ward_policy_diags_clear(o->d);
	return code;
}

static int decide(struct objects *o, const char *doc, enum ward_policy_decision want)
{
	struct ward_policy_answer got = { .decision = WARD_POLICY_ALLOW };
	int code = set_request(o->r, "User::\"a\"", "Action::\"view\"", doc, "{\"hour\":9}",
		o->schema, o->d);

	if (code == WARD_OK)
		code = ward_policy_request_validate(o->r, o->schema, o->d);
	if (code < 0)
		return code;
	code = ward_policy_authorize(o->c, o->e, o->r, o->s, &got);
	CHECK_EQ_INT(got.decision, code < 0 ? WARD_POLICY_DENY : want);
	return code;
}

static int all(struct objects *o)
{
	int code = WARD_E_NOMEM;

	o->d = ward_policy_diags_new();
	o->set = ward_policy_set_new();
	o->r = ward_policy_request_new();
	o->s = ward_policy_scratch_new();
	if (!o->d || !o->set || !o->r || !o->s)
		return code;
	code = ward_policy_set_parse(o->set, WARD_POLICY_CEDAR, WARD_POLICY_IDS_FROM_ANNOTATION,
		"p", TEXT(world_policies), o->d);
	if (code == WARD_OK)
		code = ward_policy_schema_parse(WARD_POLICY_CEDAR, "s", TEXT(world_schema),
			&o->schema, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_parse(o->schema, "e", TEXT(world_entities), &o->e,
			o->d);
	if (code == WARD_OK)
		code = ward_policy_set_link(o->set, "share", "l", "User::\"b\"", "Doc::\"1\"",
			o->d);
	if (code == WARD_OK)
		code = ward_policy_compile(o->set, &o->c, o->d);
	if (code == WARD_OK)
		code = ward_policy_validate(o->set, o->schema, NULL, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_validate(o->e, o->schema, o->d);
	if (code == WARD_OK)
		code = decide(o, "Doc::\"1\"", WARD_POLICY_ALLOW);
	if (code == WARD_OK)
		code = decide(o, "Doc::\"2\"", WARD_POLICY_DENY);
	if (code == WARD_OK)
		code = ward_policy_partial_new(o->set, o->e, o->r, &o->p, o->d);
	if (code == WARD_OK)
		code = texts(o);
	return code == WARD_OK ? findings(o) : code;
}

static void run(bool only_one)
{
	unsigned n = 0;

	once = only_one;
	do {
		struct objects o = { 0 };
		long before = live;
		int code;

		CASE("allocation %u", n);
		fired = false;
		countdown = (long)n++;
		code = all(&o);
		countdown = -1;
		CHECK(fired || code == WARD_OK);
		if (fired && !only_one)
			CHECK(code < 0);
		if (code < 0 && o.d) {
			struct ward_error err = WARD_ERROR_INIT;

			/* Whoever asks is told, even where there was no memory for a finding. */
			CHECK(ward_policy_diags_error(o.d, &err) < 0 || code == WARD_E_NOMEM);
		}
		done(&o);
		CHECK_EQ_INT(live, before);
	} while (fired && n < 20000);
	CHECK(n > 100 && n < 20000);
}

/* A policy that is valid with a warning: never one without it. */
static bool warned(long n)
{
	static const char text[] = "permit(principal, action, resource) when { false };";
	struct objects o = { 0 };
	int code = WARD_E_NOMEM;

	o.d = ward_policy_diags_new();
	o.set = ward_policy_set_new();
	if (o.d && o.set &&
		ward_policy_set_parse(o.set, WARD_POLICY_CEDAR, 0, "p", TEXT(text), o.d) ==
			WARD_OK &&
		ward_policy_schema_parse(WARD_POLICY_CEDAR, "s", TEXT(world_schema), &o.schema,
			o.d) == WARD_OK) {
		fired = false;
		countdown = n;
		code = ward_policy_validate(o.set, o.schema, NULL, o.d);
		countdown = -1;
		CHECK_EQ_INT(code, fired && code != WARD_OK ? WARD_E_NOMEM : WARD_OK);
		CHECK(code != WARD_OK || ward_policy_diags_count(o.d) == 1);
	} else {
		FAIL("not read");
		fired = false;
	}
	done(&o);
	return !fired;
}

TEST(a_warning_is_not_lost)
{
	for (int alone = 0; alone < 2; alone++) {
		long n = 0;

		once = alone != 0;
		for (; !warned(n); n++)
			REQUIRE(n < 1000);
		CHECK(n > 5);
	}
}

TEST(all_allocations_from_the_nth_fail)
{
	run(false);
}

TEST(the_nth_allocation_fails)
{
	run(true);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/ward/cedar.h as its users meet it: what each function does, what it leaves as it was, what it says, and that
 * several threads may share what they may share.
 */
#include <pthread.h>

#include "api_world.h"

struct world {
	struct ward_policy_diags *d;
	struct ward_policy_set *set;
	struct ward_policy_schema *schema;
	struct ward_policy_entities *e;
	struct ward_policy_compiled *c;
	struct ward_policy_request *r;
	struct ward_policy_scratch *s;
};

static void world_open(struct world *w)
{
	*w = (struct world){ .d = ward_policy_diags_new(),
		.set = ward_policy_set_new(),
		.r = ward_policy_request_new(),
		.s = ward_policy_scratch_new() };
	REQUIRE(w->d && w->set && w->r && w->s);
	CHECK_EQ_INT(ward_policy_set_parse(w->set, WARD_POLICY_CEDAR,
			     WARD_POLICY_IDS_FROM_ANNOTATION, "p.cedar", TEXT(world_policies),
			     w->d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_schema_parse(WARD_POLICY_CEDAR, "s", TEXT(world_schema),
			     &w->schema, w->d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_entities_parse(w->schema, "e", TEXT(world_entities), &w->e, w->d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_set_link(w->set, "share", "l", "User::\"b\"", "Doc::\"1\"", w->d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_compile(w->set, &w->c, w->d), WARD_OK);
	CHECK_EQ_INT((int)ward_policy_diags_count(w->d), 0);
}

static void world_close(struct world *w)
{
	ward_policy_diags_free(w->d);
	ward_policy_set_free(w->set);
	ward_policy_schema_unref(w->schema);
	ward_policy_entities_unref(w->e);
	ward_policy_compiled_unref(w->c);
	ward_policy_request_free(w->r);
	ward_policy_scratch_free(w->s);
}

static const char *first(struct world *w, const char **ret_file, uint32_t *ret_line,
	uint32_t *ret_column)
{
	static char message[WARD_ERROR_MESSAGE_MAX];
	static char file[WARD_ERROR_FILE_MAX];
	struct ward_error err = WARD_ERROR_INIT;

	(void)ward_policy_diags_error(w->d, &err);
	(void)snprintf(message, sizeof(message), "%s", err.message);
	(void)snprintf(file, sizeof(file), "%s", err.file);
	if (ret_file)
		*ret_file = file;
	if (ret_line)
		*ret_line = err.line;
	if (ret_column)
		*ret_column = err.column;
	ward_policy_diags_clear(w->d);
	return message;
}

/* ---- sets ---- */

TEST(a_set_lists_what_is_in_it)
{
	static const struct {
		enum ward_policy_kind kind;
		bool permit;
		const char *id, *of;
	} want[] = { { WARD_POLICY_STATIC, true, "view", NULL },
		{ WARD_POLICY_STATIC, false, "never", NULL },
		{ WARD_POLICY_TEMPLATE, true, "share", NULL },
		{ WARD_POLICY_LINK, true, "l", "share" } };
	struct ward_policy_info info;
	struct world w;
	size_t at = 9;

	world_open(&w);
	CHECK_EQ_INT((int)ward_policy_set_count(w.set), 4);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ_INT(ward_policy_set_at(w.set, i, &info), WARD_OK);
		CHECK_EQ_INT(info.kind, want[i].kind);
		CHECK_EQ_INT(info.permit, want[i].permit);
		CHECK_STR_EQ(info.id, want[i].id);
		CHECK_EQ_INT((int)info.id_n, (int)strlen(want[i].id));
		CHECK_STR_EQ(info.template_id ? info.template_id : "-",
			want[i].of ? want[i].of : "-");
		CHECK_EQ_INT(ward_policy_set_find(w.set, TEXT(want[i].id), &at), WARD_OK);
		CHECK_EQ_INT((int)at, (int)i);
	}
	CHECK_EQ_INT(ward_policy_set_at(w.set, 4, &info), WARD_E_NOTFOUND);
	CHECK_EQ_INT(ward_policy_set_find(w.set, TEXT("nope"), &at), WARD_E_NOTFOUND);
	CHECK_STR_EQ(ward_policy_set_annotation(w.set, 1, "why"), "");
	CHECK_STR_EQ(ward_policy_set_annotation(w.set, 2, "why"), "asked");
	CHECK_STR_EQ(ward_policy_set_annotation(w.set, 3, "why"), "asked");
	CHECK(ward_policy_set_annotation(w.set, 0, "why") == NULL);
	CHECK(ward_policy_set_annotation(w.set, 9, "why") == NULL);
	world_close(&w);
}

TEST(ids_go_on_counting_and_can_be_chosen)
{
	struct ward_policy_info info;
	struct world w;
	static const char two[] =
		"permit(principal, action, resource); forbid(principal, action, resource);";

	world_open(&w);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, NULL, TEXT(two), w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_set_at(w.set, 2, &info), WARD_OK);
	CHECK_STR_EQ(info.id, "policy3");
	CHECK_EQ_INT(ward_policy_set_add(w.set, "mine", WARD_POLICY_CEDAR, 0, NULL, two, 36, w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_set_at(w.set, 4, &info), WARD_OK);
	CHECK_STR_EQ(info.id, "mine");
	CHECK_EQ_INT(ward_policy_set_add(w.set, "more", WARD_POLICY_CEDAR, 0, "f", TEXT(two), w.d),
		WARD_E_PARSE);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "exactly one"));
	CHECK_EQ_INT(ward_policy_set_add(w.set, "none", WARD_POLICY_CEDAR, 0, "f", NULL, 0, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_set_add(w.set, "\xff", WARD_POLICY_CEDAR, 0, "f", two, 36, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT((int)ward_policy_set_count(w.set), 7);
	world_close(&w);
}

TEST(a_text_that_is_refused_leaves_the_set_as_it_was)
{
	static const struct {
		const char *text;
		unsigned flags;
	} rows[] = { { "permit(principal, action, resource); permit(", 0 },
		{ "permit(principal, action, resource); permit(principal == ?principal, action, resource);",
			WARD_POLICY_STATIC_ONLY },
		{ "permit(principal, action, resource); @id(\"view\") permit(principal, action, resource);",
			WARD_POLICY_IDS_FROM_ANNOTATION },
		{ "permit(principal, action, resource) when { unknown(\"x\") };", 0 },
		{ "\xff", 0 } };
	struct ward_policy_compiled *c = NULL;
	struct world w;

	world_open(&w);
	TABLE(row, rows) {
		CASE("%s", row->text);
		CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, row->flags, "f",
				     TEXT(row->text), w.d),
			WARD_E_PARSE);
		CHECK(ward_policy_diags_errors(w.d) > 0);
		ward_policy_diags_clear(w.d);
		CHECK_EQ_INT((int)ward_policy_set_count(w.set), 4);
	}
	CHECK_EQ_INT(ward_policy_compile(w.set, &c, w.d), WARD_OK);
	ward_policy_compiled_unref(c);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, WARD_POLICY_UNKNOWNS, "f",
			     TEXT(rows[3].text), w.d),
		WARD_OK);
	world_close(&w);
}

TEST(a_set_that_was_filled_half_way_is_good_for_nothing)
{
	static const char text[] = "@id(\"x\") permit(principal, action, resource); "
				   "@id(\"x\") forbid(principal, action, resource);";
	struct ward_policy_compiled *c = NULL;
	struct ward_policy_partial *p = NULL;
	struct world w;
	char *out = NULL;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR,
			     WARD_POLICY_IDS_FROM_ANNOTATION, "f", TEXT(text), w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_compile(w.set, &c, w.d), WARD_E_INVALID);
	CHECK(c == NULL);
	CHECK_EQ_INT(ward_policy_validate(w.set, w.schema, NULL, w.d), WARD_E_INVALID);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, "f", "", 0, w.d),
		WARD_E_INVALID);
	CHECK_EQ_INT(ward_policy_set_link(w.set, "share", "m", "U::\"b\"", "D::\"1\"", w.d),
		WARD_E_INVALID);
	CHECK_EQ_INT(ward_policy_partial_new(w.set, NULL, w.r, &p, w.d), WARD_E_INVALID);
	CHECK_EQ_INT(ward_policy_set_print_all(w.set, WARD_POLICY_JSON, &out, NULL),
		WARD_E_INVALID);
	CHECK(out == NULL && p == NULL);
	world_close(&w);
}

TEST(links)
{
	static const struct {
		const char *template_id, *id, *p, *r;
	} bad[] = { { "nope", "m", "U::\"b\"", "D::\"1\"" },
		{ "share", "view", "U::\"b\"", "D::\"1\"" },
		{ "share", "l", "U::\"b\"", "D::\"1\"" }, { "share", "m", "U::\"b\"", NULL },
		{ "share", "m", NULL, NULL }, { "share", "m", "U", "D::\"1\"" },
		{ "view", "m", NULL, NULL } };
	struct world w;
	char *out = NULL;
	size_t n = 0;

	world_open(&w);
	TABLE(row, bad) {
		CASE("%s %s", row->template_id, row->id);
		CHECK_EQ_INT(ward_policy_set_link(w.set, row->template_id, row->id, row->p, row->r,
				     w.d),
			WARD_E_PARSE);
		CHECK(ward_policy_diags_errors(w.d) > 0);
		ward_policy_diags_clear(w.d);
	}
	CHECK_EQ_INT((int)ward_policy_set_count(w.set), 4);
	CHECK_EQ_INT(ward_policy_set_print(w.set, 3, WARD_POLICY_CEDAR, &out, &n), WARD_OK);
	CHECK_STR_EQ(out,
		"@id(\"share\")\n@why(\"asked\")\npermit(principal == User::\"b\", action == Action::\"edit\", "
		"resource in Doc::\"1\");");
	CHECK_EQ_INT((int)n, (int)strlen(out));
	free(out);
	CHECK_EQ_INT(ward_policy_set_print_all(w.set, WARD_POLICY_CEDAR, &out, &n),
		WARD_E_UNSUPPORTED);
	CHECK_EQ_INT(ward_policy_set_print(w.set, 9, WARD_POLICY_CEDAR, &out, &n), WARD_E_NOTFOUND);
	world_close(&w);
}

TEST(a_set_in_json_and_back)
{
	struct ward_policy_set *again = ward_policy_set_new();
	struct world w;
	char *json = NULL, *second = NULL;
	size_t n = 0, m = 0;

	world_open(&w);
	REQUIRE(again);
	REQUIRE(ward_policy_set_print_all(w.set, WARD_POLICY_JSON, &json, &n) == WARD_OK);
	CHECK_EQ_INT(ward_policy_set_parse(again, WARD_POLICY_JSON, 0, "j", json, n, w.d), WARD_OK);
	CHECK_EQ_INT((int)ward_policy_set_count(again), 4);
	CHECK_EQ_INT(ward_policy_set_print_all(again, WARD_POLICY_JSON, &second, &m), WARD_OK);
	CHECK_STR_EQ(second, json);
	free(second);
	free(json);
	ward_policy_set_free(again);
	again = ward_policy_set_new();
	REQUIRE(again && ward_policy_set_print(w.set, 0, WARD_POLICY_JSON, &json, &n) == WARD_OK);
	CHECK_EQ_INT(ward_policy_set_parse(again, WARD_POLICY_JSON, 0, "j", json, n, w.d), WARD_OK);
	CHECK_EQ_INT(ward_policy_set_add(again, "x", WARD_POLICY_JSON, 0, "j", json, n, w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_set_find(again, TEXT("JSON policy"), &n), WARD_OK);
	CHECK_EQ_INT(ward_policy_set_find(again, TEXT("x"), &n), WARD_OK);
	CHECK_EQ_INT(ward_policy_set_print_all(again, WARD_POLICY_CEDAR, &second, &m), WARD_OK);
	CHECK(strstr(second, ";\n\n@id(\"view\")"));
	free(second);
	free(json);
	ward_policy_set_free(again);
	world_close(&w);
}

TEST(json_that_is_no_policy)
{
	static const char *const rows[] = { "", "{", "[]", "1", "{}",
		"{\"effect\":\"permit\",\"templates\":{}}", "{\"effect\":\"permit\"}",
		"{\"staticPolicies\":1}", "{\"a\":1,\"a\":2}", "\xff" };
	struct world w;

	world_open(&w);
	TABLE(row, rows) {
		struct ward_policy_set *s = ward_policy_set_new();
		const char *file = NULL;

		CASE("%s", *row);
		REQUIRE(s);
		CHECK_EQ_INT(ward_policy_set_parse(s, WARD_POLICY_JSON, 0, "j", TEXT(*row), w.d),
			WARD_E_PARSE);
		CHECK(*first(&w, &file, NULL, NULL));
		CHECK_STR_EQ(file, "j");
		CHECK_EQ_INT((int)ward_policy_set_count(s), 0);
		ward_policy_set_free(s);
	}
	world_close(&w);
}

TEST(texts_that_are_too_long)
{
	size_t n = ((size_t)64 << 20) + 1;
	char *text = calloc(1, n), *out = NULL;
	struct ward_policy_schema *s = NULL;
	struct world w;

	world_open(&w);
	REQUIRE(text);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, "f", text, n, w.d),
		WARD_E_LIMIT);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "longer than 64M"));
	CHECK_EQ_INT(ward_policy_schema_parse(WARD_POLICY_CEDAR, "f", text, n, &s, w.d),
		WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON, "f", text, n,
			     &out, NULL, w.d),
		WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_format("f", text, n, 0, 0, &out, NULL, w.d), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_expression_check("f", text, n, w.d), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_evaluate("f", text, n, NULL, NULL, WARD_POLICY_CEDAR, &out, NULL,
			     w.d),
		WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_request_set_text(w.r, WARD_POLICY_ACTION, "f", text, n, w.d),
		WARD_E_LIMIT);
	CHECK_EQ_INT(ward_policy_request_set_uid(w.r, WARD_POLICY_ACTION, "A", 1, text, n, w.d),
		WARD_E_LIMIT);
	CHECK(s == NULL && out == NULL);
	free(text);
	world_close(&w);
}

/* ---- authorization ---- */

static void check_answer(struct world *w, const char *doc, enum ward_policy_decision want,
	const char *reason, const char *error)
{
	struct ward_policy_answer got;
	size_t n = 0;

	CHECK_EQ_INT(set_request(w->r, "User::\"a\"", "Action::\"view\"", doc, "{\"hour\":9}",
			     w->schema, w->d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_authorize(w->c, w->e, w->r, w->s, &got), WARD_OK);
	CHECK_EQ_INT(got.decision, want);
	CHECK_EQ_INT((int)got.n_reasons, reason != NULL);
	if (reason && got.n_reasons == 1) {
		CHECK_STR_EQ(ward_policy_compiled_id(w->c, got.reasons[0], &n), reason);
		CHECK_EQ_INT((int)n, (int)strlen(reason));
	}
	CHECK_EQ_INT((int)got.n_errors, error != NULL);
	if (error && got.n_errors == 1)
		CHECK_STR_EQ(ward_policy_answer_error(w->s, 0), error);
	CHECK(ward_policy_answer_error(w->s, got.n_errors) == NULL);
}

TEST(decisions)
{
	struct world w;

	world_open(&w);
	CHECK_EQ_INT((int)ward_policy_compiled_count(w.c), 3);
	CHECK(ward_policy_compiled_bytes(w.c) > 0);
	CHECK(ward_policy_compiled_id(w.c, 3, NULL) == NULL);
	check_answer(&w, "Doc::\"1\"", WARD_POLICY_ALLOW, "view", NULL);
	check_answer(&w, "Doc::\"2\"", WARD_POLICY_DENY, "never", NULL);
	check_answer(&w, "Doc::\"9\"", WARD_POLICY_ALLOW, "view",
		"entity `Doc::\"9\"` does not exist");
	world_close(&w);
}

TEST(a_compiled_set_outlives_what_it_was_made_of)
{
	struct ward_policy_entities *e;
	struct ward_policy_schema *s;
	struct world w;

	world_open(&w);
	ward_policy_set_free(w.set);
	w.set = NULL;
	e = ward_policy_entities_ref(w.e);
	s = ward_policy_schema_ref(w.schema);
	(void)ward_policy_compiled_ref(w.c);
	ward_policy_entities_unref(e);
	ward_policy_schema_unref(s);
	ward_policy_compiled_unref(w.c);
	check_answer(&w, "Doc::\"1\"", WARD_POLICY_ALLOW, "view", NULL);
	world_close(&w);
}

TEST(an_unknown_part_is_no_decision)
{
	struct ward_policy_answer got;
	struct world w;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_authorize(w.c, w.e, w.r, w.s, &got), WARD_E_INVALID);
	CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
	check_answer(&w, "Doc::\"1\"", WARD_POLICY_ALLOW, "view", NULL);
	ward_policy_request_clear(w.r);
	CHECK_EQ_INT(ward_policy_request_set_context(w.r, NULL, NULL, "{}", 2, w.d), WARD_OK);
	CHECK_EQ_INT(ward_policy_authorize(w.c, w.e, w.r, w.s, &got), WARD_E_INVALID);
	CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
	CHECK_EQ_INT((int)(got.n_reasons + got.n_errors), 0);
	world_close(&w);
}

TEST(what_is_not_there_is_no_decision)
{
	struct ward_policy_answer got = { .decision = WARD_POLICY_ALLOW };
	struct world w;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_authorize(NULL, w.e, w.r, w.s, &got), WARD_E_INVALID);
	CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
	got.decision = WARD_POLICY_ALLOW;
	CHECK_EQ_INT(ward_policy_authorize(w.c, w.e, NULL, w.s, &got), WARD_E_INVALID);
	CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
	got.decision = WARD_POLICY_ALLOW;
	CHECK_EQ_INT(ward_policy_authorize(w.c, w.e, w.r, NULL, &got), WARD_E_INVALID);
	CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
	world_close(&w);
}

TEST(without_entities)
{
	struct ward_policy_answer got;
	struct world w;

	world_open(&w);
	CHECK_EQ_INT(set_request(w.r, "User::\"b\"", "Action::\"edit\"", "Doc::\"1\"", "{}", NULL,
			     w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_authorize(w.c, NULL, w.r, w.s, &got), WARD_OK);
	CHECK_EQ_INT(got.decision, WARD_POLICY_ALLOW);
	CHECK_EQ_INT((int)got.n_errors, 1);
	world_close(&w);
}

TEST(requests_that_are_none)
{
	struct world w;
	const char *file = NULL;

	world_open(&w);
	CHECK_EQ_INT(set_request(w.r, "User::\"a", "", "", "", NULL, w.d), WARD_E_PARSE);
	CHECK(*first(&w, &file, NULL, NULL));
	CHECK_STR_EQ(file, "p");
	CHECK_EQ_INT(ward_policy_request_set_uid(w.r, WARD_POLICY_ACTION, "A b", 3, "x", 1, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_request_set_uid(w.r, WARD_POLICY_ACTION, "A", 1, "\xff", 1, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_request_set_uid(w.r, WARD_POLICY_ACTION, "", 0, "x", 1, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_request_set_uid(w.r, WARD_POLICY_ACTION, "A", 1, NULL, 0, w.d),
		WARD_OK);
	ward_policy_diags_clear(w.d);
	ward_policy_request_clear(w.r);
	CHECK_EQ_INT(ward_policy_request_set_context(w.r, w.schema, "c", "{}", 2, w.d),
		WARD_E_INVALID);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "action is not known"));
	CHECK_EQ_INT(ward_policy_request_set_context(w.r, NULL, "c", TEXT("{\"a\":\n null}"), w.d),
		WARD_E_PARSE);
	CHECK(*first(&w, &file, NULL, NULL));
	CHECK_STR_EQ(file, "c");
	CHECK_EQ_INT(set_request(w.r, "User::\"a\"", "Action::\"view\"", "User::\"a\"",
			     "{\"hour\":1}", w.schema, w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_request_validate(w.r, w.schema, w.d), WARD_E_PARSE);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "resource type `User` is not valid"));
	CHECK_EQ_INT(set_request(w.r, "User::\"a\"", "Action::\"view\"", "Doc::\"a\"",
			     "{\"hour\":1}", w.schema, w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_request_validate(w.r, w.schema, NULL), WARD_OK);
	world_close(&w);
}

/* ---- findings ---- */

TEST(findings_have_places)
{
	struct ward_policy_diag g = { 0 };
	struct world w;
	char *text = NULL;
	size_t n = 0;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, "a\nb",
			     TEXT("permit(principal, action, resource)\nwhen { \"\xc3\xa4\" + };"),
			     w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_diags_at(w.d, 0, &g), WARD_OK);
	CHECK_EQ_INT(ward_policy_diags_at(w.d, 1, &g), WARD_E_NOTFOUND);
	CHECK_STR_EQ(g.file, "a\nb");
	CHECK_EQ_INT((int)g.line, 2);
	CHECK_EQ_INT((int)g.column, 14);
	CHECK_EQ_INT((int)g.start, 50);
	CHECK(!g.warning && !*g.kind && g.help && !g.policy);
	CHECK_EQ_INT(ward_policy_diags_print(w.d, true, &text, &n), WARD_OK);
	CHECK(strstr(text, "a\\nb:2:14: error: ") == text);
	CHECK(strstr(text, "\n     2 | when { \"\xc3\xa4\" + };\n       |              ^\n"));
	CHECK_EQ_INT((int)n, (int)strlen(text));
	free(text);
	CHECK_EQ_INT(ward_policy_diags_print(w.d, false, &text, NULL), WARD_OK);
	CHECK(strstr(text, "a\\nb:2:14: error: ") == text && !strchr(text, '^'));
	free(text);
	CHECK_EQ_INT(ward_policy_diags_json(w.d, &text, NULL), WARD_OK);
	CHECK(strstr(text, "\"file\":\"a\\nb\",\"line\":2,\"column\":14,\"start\":50,"));
	free(text);
	world_close(&w);
}

TEST(findings_of_validation_are_of_their_text)
{
	struct ward_policy_diag g = { 0 };
	struct ward_policy_validate_options o = { .levels = true, .level = UINT32_MAX };
	struct world w;
	char *text = NULL;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_validate(w.set, w.schema, NULL, w.d), WARD_OK);
	CHECK_EQ_INT(ward_policy_validate(w.set, w.schema, &o, w.d), WARD_OK);
	o.level = 0;
	CHECK_EQ_INT(ward_policy_validate(w.set, w.schema, &o, w.d), WARD_E_REFUSED);
	CHECK_EQ_INT(ward_policy_diags_at(w.d, 0, &g), WARD_OK);
	CHECK_STR_EQ(g.kind, "EntityDerefLevelViolation");
	CHECK_STR_EQ(g.file, "p.cedar");
	CHECK_EQ_INT(ward_policy_diags_at(w.d, 1, &g), WARD_OK);
	CHECK_STR_EQ(g.policy, "never");
	CHECK_EQ_INT((int)g.line, 4);
	ward_policy_diags_clear(w.d);
	CHECK_EQ_INT(
		ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, "second",
			TEXT("\n\npermit(principal, action, resource) when { resource.x || [] == [] };"),
			w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_validate(w.set, w.schema, NULL, w.d), WARD_E_REFUSED);
	CHECK_EQ_INT(ward_policy_diags_at(w.d, 0, &g), WARD_OK);
	CHECK_STR_EQ(g.kind, "UnsafeAttributeAccess");
	CHECK_STR_EQ(g.policy, "policy3");
	CHECK_STR_EQ(g.file, "second");
	CHECK_EQ_INT((int)g.line, 3);
	/* The set may be gone when its findings are printed. */
	ward_policy_set_free(w.set);
	w.set = NULL;
	CHECK_EQ_INT(ward_policy_diags_print(w.d, true, &text, NULL), WARD_OK);
	CHECK(strstr(text, "second:3:44: error: for policy `policy3`, attribute `x`"));
	CHECK(strstr(text, "     3 | permit(principal, action, resource) when { resource.x ||"));
	free(text);
	world_close(&w);
}

TEST(findings_are_counted_where_they_are_not_kept)
{
	struct world w;
	char *many = malloc(200 * 64), *text = NULL;
	size_t n = 0;

	world_open(&w);
	REQUIRE(many);
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(many + n, 64,
			"permit(principal, action, resource) when { ! };\n");
	CHECK_EQ_INT(ward_policy_set_parse(w.set, WARD_POLICY_CEDAR, 0, "m", many, n, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT((int)ward_policy_diags_count(w.d), 100);
	CHECK_EQ_INT((int)ward_policy_diags_errors(w.d), 200);
	CHECK_EQ_INT((int)ward_policy_diags_dropped(w.d), 100);
	CHECK_EQ_INT(ward_policy_diags_print(w.d, false, &text, NULL), WARD_OK);
	CHECK(strstr(text, "and 100 more\n"));
	free(text);
	free(many);
	world_close(&w);
}

/* ---- the rest ---- */

TEST(expressions)
{
	struct world w;
	char *out = NULL;
	size_t n = 0;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_evaluate("x", TEXT("{b: [2, 1], a: {c: \"d\"}}"), NULL, NULL,
			     WARD_POLICY_CEDAR, &out, &n, w.d),
		WARD_OK);
	CHECK_STR_EQ(out, "{\"a\": {\"c\": \"d\"}, \"b\": [1, 2]}");
	free(out);
	CHECK_EQ_INT(ward_policy_evaluate("x", TEXT("[]"), NULL, NULL, WARD_POLICY_CEDAR, &out, &n,
			     w.d),
		WARD_OK);
	CHECK_STR_EQ(out, "[]");
	free(out);
	CHECK_EQ_INT(set_request(w.r, "User::\"a\"", "Action::\"view\"", "Doc::\"1\"",
			     "{\"hour\":9}", NULL, w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_evaluate("x",
			     TEXT("principal in Group::\"staff\" && context.hour == 9"), w.e, w.r,
			     WARD_POLICY_JSON, &out, &n, w.d),
		WARD_OK);
	CHECK_STR_EQ(out, "true");
	free(out);
	out = NULL;
	CHECK_EQ_INT(ward_policy_evaluate("x", TEXT("principal.x"), w.e, w.r, WARD_POLICY_CEDAR,
			     &out, &n, w.d),
		WARD_E_PARSE);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "does not have the attribute"));
	CHECK_EQ_INT(ward_policy_evaluate("x", TEXT("principal == principal"), NULL, NULL,
			     WARD_POLICY_CEDAR, &out, &n, w.d),
		WARD_E_PARSE);
	ward_policy_diags_clear(w.d);
	CHECK(out == NULL);
	CHECK_EQ_INT(ward_policy_expression_check("x", TEXT("1 + 1"), NULL), WARD_OK);
	CHECK_EQ_INT(ward_policy_expression_check("x", TEXT("1 +"), NULL), WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_expression_json("x", TEXT("1 > 2"), &out, &n, w.d), WARD_OK);
	CHECK_STR_EQ(out, "{\">\":{\"left\":{\"Value\":1},\"right\":{\"Value\":2}}}");
	free(out);
	world_close(&w);
}

TEST(schemas)
{
	struct ward_policy_schema *s = NULL;
	struct world w;
	char *json = NULL, *text = NULL;
	size_t n = 0;

	world_open(&w);
	REQUIRE(ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON, "s",
			TEXT(world_schema), &json, &n, w.d) == WARD_OK);
	CHECK_EQ_INT(ward_policy_schema_parse(WARD_POLICY_JSON, "s", json, n, &s, w.d), WARD_OK);
	CHECK_EQ_INT(ward_policy_schema_translate(WARD_POLICY_JSON, WARD_POLICY_CEDAR, "s", json, n,
			     &text, NULL, w.d),
		WARD_OK);
	CHECK(strstr(text, "entity User in [Group];"));
	free(text);
	free(json);
	CHECK_EQ_INT(ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON_RESOLVED, "s",
			     TEXT(world_schema), &json, &n, w.d),
		WARD_OK);
	CHECK(!strstr(json, "EntityOrCommon"));
	free(json);
	json = NULL;
	CHECK_EQ_INT(ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON_RESOLVED, "s",
			     TEXT("entity A in B;"), &json, &n, w.d),
		WARD_E_PARSE);
	CHECK_EQ_INT(ward_policy_schema_parse(WARD_POLICY_CEDAR, "s", TEXT("entity"), &s, NULL),
		WARD_E_PARSE);
	CHECK(json == NULL);
	ward_policy_schema_unref(s);
	world_close(&w);
}

TEST(entities)
{
	static const char bad[] =
		"[{\"uid\":{\"type\":\"Doc\",\"id\":\"1\"},\"attrs\":{},\"parents\":[]}]";
	struct ward_policy_entities *e = NULL;
	struct world w;
	char *text = NULL;
	size_t n = 0;

	world_open(&w);
	CHECK_EQ_INT((int)ward_policy_entities_count(w.e), 5); /* with two actions */
	CHECK_EQ_INT(ward_policy_entities_validate(w.e, w.schema, w.d), WARD_OK);
	REQUIRE(ward_policy_entities_print(w.e, &text, &n) == WARD_OK);
	CHECK_EQ_INT(ward_policy_entities_parse(NULL, "e", text, n, &e, w.d), WARD_OK);
	CHECK_EQ_INT((int)ward_policy_entities_count(e), 5);
	free(text);
	ward_policy_entities_unref(e);
	e = NULL;
	CHECK_EQ_INT(ward_policy_entities_parse(w.schema, "e", TEXT(bad), &e, w.d), WARD_E_PARSE);
	CHECK(e == NULL);
	ward_policy_diags_clear(w.d);
	CHECK_EQ_INT(ward_policy_entities_parse(NULL, "e", TEXT(bad), &e, w.d), WARD_OK);
	CHECK_EQ_INT(ward_policy_entities_validate(e, w.schema, w.d), WARD_E_PARSE);
	CHECK(strstr(first(&w, NULL, NULL, NULL), "secret"));
	ward_policy_entities_unref(e);
	ward_policy_entities_unref(NULL);
	world_close(&w);
}

TEST(formatting)
{
	struct world w;
	char *text = NULL;
	size_t n = 0;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_format("f", TEXT("permit(principal,action,resource);// x\n"), 0, 0,
			     &text, &n, w.d),
		WARD_OK);
	CHECK_STR_EQ(text, "permit (principal, action, resource); // x\n");
	free(text);
	text = NULL;
	CHECK_EQ_INT(ward_policy_format("f", TEXT("permit("), 0, 0, &text, &n, w.d), WARD_E_PARSE);
	CHECK(text == NULL);
	CHECK_STR_EQ(ward_policy_language_version(), "4.5");
	world_close(&w);
}

TEST(partial_answers)
{
	struct ward_policy_partial *p = NULL;
	struct ward_policy_residual res = { 0 };
	struct world w;
	char *text = NULL;
	size_t n = 0;

	world_open(&w);
	CHECK_EQ_INT(ward_policy_request_set_text(w.r, WARD_POLICY_PRINCIPAL, NULL,
			     TEXT("User::\"a\""), w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_policy_request_set_text(w.r, WARD_POLICY_ACTION, NULL,
			     TEXT("Action::\"view\""), w.d),
		WARD_OK);
	REQUIRE(ward_policy_partial_new(w.set, w.e, w.r, &p, w.d) == WARD_OK);
	CHECK_EQ_INT(ward_policy_partial_decision(p), -1);
	CHECK_EQ_INT((int)ward_policy_partial_count(p), 3);
	CHECK_EQ_INT(ward_policy_partial_at(p, 0, &res), WARD_OK);
	CHECK_STR_EQ(res.id, "view");
	CHECK(res.permit && res.state == WARD_POLICY_RESIDUAL_OPEN);
	CHECK_EQ_INT(ward_policy_partial_at(p, 2, &res), WARD_OK);
	CHECK_STR_EQ(res.id, "l");
	CHECK_EQ_INT(res.state, WARD_POLICY_RESIDUAL_FALSE);
	CHECK_EQ_INT(ward_policy_partial_at(p, 3, &res), WARD_E_NOTFOUND);
	CHECK_EQ_INT(ward_policy_partial_print(p, 1, WARD_POLICY_CEDAR, &text, &n), WARD_OK);
	CHECK(strstr(text, "forbid(principal, action, resource) when { ") &&
		strstr(text, "unknown(\"resource\").secret"));
	free(text);
	CHECK_EQ_INT(ward_policy_partial_print(p, 1, WARD_POLICY_JSON, &text, &n), WARD_OK);
	CHECK(strstr(text, "{\"effect\":\"forbid\","));
	free(text);
	CHECK_EQ_INT(ward_policy_partial_print(p, 3, WARD_POLICY_JSON, &text, &n), WARD_E_NOTFOUND);
	CHECK_EQ_INT(ward_policy_partial_json(p, &text, &n), WARD_OK);
	CHECK(strstr(text, "\"residuals\":"));
	free(text);
	ward_policy_partial_free(p);
	CHECK_EQ_INT(ward_policy_partial_new(w.set, NULL, NULL, &p, w.d), WARD_E_INVALID);
	CHECK_EQ_INT(ward_policy_partial_new(w.set, NULL, w.r, &p, w.d), WARD_OK);
	ward_policy_partial_free(p);
	ward_policy_partial_free(NULL);
	world_close(&w);
}

/* ---- threads ---- */

struct worker {
	const struct world *w;
	unsigned wrong;
};

static void *work(void *arg)
{
	struct worker *k = arg;
	struct ward_policy_compiled *c = ward_policy_compiled_ref(k->w->c);
	struct ward_policy_entities *e = ward_policy_entities_ref(k->w->e);
	struct ward_policy_schema *schema = ward_policy_schema_ref(k->w->schema);
	struct ward_policy_request *r = ward_policy_request_new();
	struct ward_policy_scratch *s = ward_policy_scratch_new();

	for (int i = 0; r && s && i < 2000; i++) {
		struct ward_policy_answer got;
		bool second = i % 2;

		if (set_request(r, "User::\"a\"", "Action::\"view\"",
			    second ? "Doc::\"2\"" : "Doc::\"1\"", "{\"hour\":9}", schema,
			    NULL) < 0 ||
			ward_policy_request_validate(r, schema, NULL) < 0 ||
			ward_policy_authorize(c, e, r, s, &got) < 0 ||
			(got.decision == WARD_POLICY_ALLOW) == second)
			k->wrong++;
	}
	ward_policy_request_free(r);
	ward_policy_scratch_free(s);
	ward_policy_schema_unref(schema);
	ward_policy_entities_unref(e);
	ward_policy_compiled_unref(c);
	return NULL;
}

TEST(threads_share_what_is_immutable)
{
	struct worker workers[4];
	pthread_t threads[4];
	struct world w;

	world_open(&w);
	for (size_t i = 0; i < 4; i++) {
		workers[i] = (struct worker){ &w, 0 };
		REQUIRE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
	}
	for (size_t i = 0; i < 4; i++) {
		REQUIRE(pthread_join(threads[i], NULL) == 0);
		CHECK_EQ_INT((int)workers[i].wrong, 0);
	}
	world_close(&w);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of policies in JSON: a set with its findings, and policies in and out of it. */
#pragma once

#include "cedar/est/est.h"
#include "cedar_data.h"

/* Pieces of JSON. */
#define SCOPE \
	"\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"}"
#define ALL "{\"op\":\"All\"}"
#define A "{\"type\":\"Action\",\"id\":\"a\"}"
#define U "{\"type\":\"U\",\"id\":\"a\"}"
#define S "\"permit(principal, action, resource);\""
#define T "\"permit(principal == ?principal, action, resource);\""
#define SJ "{\"effect\":\"permit\"," SCOPE ",\"conditions\":[]}"
#define LINK(id, values) "{\"templateId\":\"t\",\"newId\":\"" id "\",\"values\":" values "}"

struct fixture {
	struct cedar_policies s;
	struct cedar_diags d;
	struct ward_arena *arena;
};

static TAP_UNUSED void begin(struct fixture *f)
{
	REQUIRE(ward_cedar_diags_init(&f->d) == WARD_OK);
	REQUIRE(ward_cedar_policies_init(&f->s) == WARD_OK);
	f->arena = ward_arena_new(0);
	REQUIRE(f->arena != NULL);
}

static TAP_UNUSED void end(struct fixture *f)
{
	ward_cedar_policies_done(&f->s);
	ward_cedar_diags_done(&f->d);
	ward_arena_free(f->arena);
}

static TAP_UNUSED const char *last(const struct fixture *f)
{
	return f->d.n > 0 ? f->d.v[f->d.n - 1].message : "";
}

/* One policy of JSON text. */
static TAP_UNUSED int read_policy(struct fixture *f, struct ward_str text, const struct cedar_policy **ret)
{
	const struct cedar_str *id = ward_cedar_intern(f->s.pool, "id", 2);
	struct ward_json *j;
	int r = ward_cedar_json_parse(f->arena, text, &j, &f->d);

	return r == WARD_OK ? ward_cedar_policy_from_json(f->s.pool, j, id, true, ret, &f->d) : r;
}

static TAP_UNUSED const struct cedar_policy *from_text(struct fixture *f, struct ward_str text)
{
	struct cedar_parse_options o = { .unknowns = true };
	struct cedar_policy_list list = { 0 };
	const struct cedar_policy *p = NULL;

	CHECK_EQ_INT(ward_cedar_parse_policies(f->s.pool, text, &o, &list, &f->d), WARD_OK);
	if (list.n == 1)
		p = list.v[0];
	ward_cedar_policy_list_done(&list);
	return p;
}

/* p says the same as JSON and as text, and so do these. */
static TAP_UNUSED void round_trip(struct fixture *f, const struct cedar_policy *p)
{
	struct ward_buf json = WARD_BUF_INIT, again = WARD_BUF_INIT, text = WARD_BUF_INIT;
	const struct cedar_policy *q = NULL, *r;

	ward_cedar_policy_json(&json, p);
	CHECK_EQ_INT(read_policy(f, (struct ward_str){ json.s, json.n }, &q), WARD_OK);
	if (q != NULL) {
		CHECK_MSG(ward_cedar_policy_eq(p, q), "not the same tree: %s",
			ward_buf_cstr(&json));
		CHECK_EQ_INT(p->is_template, q->is_template);
		ward_cedar_policy_json(&again, q);
		CHECK_STR_EQ(ward_buf_cstr(&again), ward_buf_cstr(&json));
		ward_cedar_print_policy(&text, q);
		r = from_text(f, (struct ward_str){ text.s, text.n });
		CHECK_MSG(r != NULL && ward_cedar_policy_eq(q, r), "not the same tree: %s",
			ward_buf_cstr(&text));
	}
	ward_buf_done(&json);
	ward_buf_done(&again);
	ward_buf_done(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Policy sets in JSON: what is read and refused, printed and read again, and where findings are placed. */
#include "est_util.h"

static const struct {
	const char *json;
	size_t statics, templates, links;
	const char *message; /* NULL: it is taken */
} sets[] = {
	{ "{}", 0, 0, 0, NULL },
	{ "{\"staticPolicies\":" S ",\"templates\":{},\"templateLinks\":[]}", 1, 0, 0, NULL },
	{ "{\"staticPolicies\":{\"a\":" S ",\"b\":" SJ "}}", 2, 0, 0, NULL },
	{ "{\"staticPolicies\":[" S "," SJ "]}", 2, 0, 0, NULL },
	{ "{\"staticPolicies\":[" S "," S "]}", 0, 0, 0,
		"duplicate template or policy id `policy0`" },
	{ "{\"staticPolicies\":{\"a\":" T "}}", 0, 0, 0,
		"expected a static policy, got a template containing the slot ?principal" },
	{ "{\"staticPolicies\":" T "}", 0, 0, 0,
		"line 1, column 21 of this text: static policy set includes a template" },
	{ "{\"staticPolicies\":{\"a\":\"permit(principal, action, resource)\"}}", 0, 0, 0,
		"line 1, column 36 of this text: unexpected end of input" },
	{ "{\"staticPolicies\":{\"a\":\"\"}}", 0, 0, 0, "expected one policy, found 0" },
	{ "{\"staticPolicies\":{\"a\":1}}", 0, 0, 0,
		"invalid type: integer `1`, expected an object" },
	{ "{\"staticPolicies\":null}", 0, 0, 0,
		"expected a static policy set represented by a string, JSON array, or JSON object "
		"(with no duplicate keys)" },
	{ "{\"templates\":{\"t\":" S "}}", 0, 0, 0, "expected a template, got a static policy" },
	{ "{\"templates\":[]}", 0, 0, 0, "invalid type: sequence, expected a map" },
	{ "{\"foo\":1}", 0, 0, 0,
		"unknown field `foo`, expected one of `staticPolicies`, `templates`, "
		"`templateLinks`" },
	{ "[]", 0, 0, 0, "invalid type: sequence, expected an object" },
	{ "{\"staticPolicies\":{\"t\":" S "},\"templates\":{\"t\":" T "}}", 0, 0, 0,
		"duplicate template or policy id `t`" },
	{ "{\"templates\":{\"t\":" T
	  "},\"templateLinks\":[" LINK("l", "{\"?principal\":" U "}") "," LINK("m",
		  "{\"?principal\":{\"__entity\":" U "}}") "]}",
		0, 1, 2, NULL },
	{ "{\"templates\":{\"t\":" T
	  "},\"templateLinks\":[" LINK("t", "{\"?principal\":" U "}") "]}",
		0, 0, 0,
		"unable to link template: template-linked policy id `t` conflicts with an existing "
		"policy id" },
	{ "{\"templates\":{\"t\":" T "},\"templateLinks\":[" LINK("l", "{}") "]}", 0, 0, 0,
		"unable to link template: the following slots were not provided as arguments: "
		"?principal" },
	{ "{\"templates\":{\"t\":" T "},\"templateLinks\":[" LINK("l", "{\"?foo\":" U "}") "]}", 0,
		0, 0, "unknown variant `?foo`, expected `?principal` or `?resource`" },
	{ "{\"templates\":{\"t\":" T
	  "},\"templateLinks\":[" LINK("l", "{\"?principal\":null}") "]}",
		0, 0, 0, "expected a literal entity reference" },
	{ "{\"templateLinks\":[" LINK("l", "{\"?principal\":" U "}") "]}", 0, 0, 0,
		"unable to link template: failed to find a template with id `t`" },
	{ "{\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\"}]}", 0, 0, 0,
		"missing field `values`" },
	{ "{\"staticPolicies\":{\"a\":" S ",\"a\":" S "}}", 0, 0, 0, NULL },
};

TEST(policy_sets)
{
	TABLE(row, sets) {
		bool twice = strstr(row->json, "\"a\":" S ",\"a\":") != NULL;
		struct fixture f;
		int r;

		CASE("%s", row->json);
		begin(&f);
		CHECK_EQ_INT(ward_cedar_policies_parse(&f.s,
				     ward_str("forbid(principal, action, resource);"),
				     &(struct cedar_parse_options){ .id_prefix = "x" }, true, &f.d),
			WARD_OK);
		r = ward_cedar_policies_parse_json(&f.s, ward_str(row->json), &f.d);
		CHECK_EQ_INT(r, row->message == NULL && !twice ? WARD_OK : WARD_E_PARSE);
		if (!twice)
			CHECK_STR_EQ(last(&f), row->message == NULL ? "" : row->message);
		/* An error leaves what was there, and nothing else. */
		CHECK_EQ_SIZE(f.s.statics.n, row->statics + 1);
		CHECK_EQ_SIZE(f.s.templates.n, row->templates);
		CHECK_EQ_SIZE(f.s.n_links, row->links);
		CHECK(ward_cedar_policies_get(&f.s, ward_str("x0")) != NULL);
		CHECK_EQ_INT(ward_cedar_policies_get(&f.s, ward_str("a")) != NULL,
			r == WARD_OK && strstr(row->json, "\"a\":") != NULL);
		if (row->message != NULL)
			CHECK(f.d.v[0].end > f.d.v[0].start || row->json[0] == '[');
		end(&f);
	}
}

TEST(sets_are_printed_and_read_again)
{
	const char *want =
		"{\"staticPolicies\":{\"a\":" SJ ",\"b\":{\"effect\":\"forbid\"," SCOPE
		",\"conditions\":[]}},\"templates\":{\"t\":{\"effect\":\"permit\",\"principal\":{"
		"\"op\":\"==\",\"slot\":\"?principal\"},\"action\":" ALL ",\"resource\":" ALL
		",\"conditions\":[]}},\"templateLinks\":[" LINK("k",
			"{\"?principal\":" U "}") "," LINK("l", "{\"?principal\":" U "}") "]}";
	struct ward_buf out = WARD_BUF_INIT, again = WARD_BUF_INIT;
	struct fixture f, g;

	begin(&f);
	begin(&g);
	CHECK_EQ_INT(ward_cedar_policies_parse_json(&f.s,
			     ward_str("{\"templateLinks\":[" LINK("l",
				     "{\"?principal\":" U "}") "," LINK("k",
				     "{\"?principal\":" U
				     "}") "],\"templates\":{\"t\":" T
					  "},\"staticPolicies\":{\"b\":\"forbid(principal, action, "
					  "resource);\",\"a\":" S "}}"),
			     &f.d),
		WARD_OK);
	ward_cedar_policies_json(&out, &f.s);
	CHECK_STR_EQ(ward_buf_cstr(&out), want);
	CHECK_EQ_INT(ward_cedar_policies_parse_json(&g.s, (struct ward_str){ out.s, out.n }, &g.d),
		WARD_OK);
	ward_cedar_policies_json(&again, &g.s);
	CHECK_STR_EQ(ward_buf_cstr(&again), want);
	ward_buf_done(&out);
	ward_buf_done(&again);
	end(&f);
	end(&g);
}

/* Places are those in the document, also of what stands in a text within it. */
TEST(places)
{
	const char *json =
		"{\"staticPolicies\":{\"a\":\"@x(\\\"y\\\") permit(principal is U, action in "
		"[Action::\\\"a\\\"], resource) when { principal is U in [1, {b: !true}] };\",\"b\":" SJ
		"}}";
	const char *text = strstr(json, "\"@x"), *object = strstr(json, "{\"effect");
	const struct cedar_policy *p;
	const struct cedar_expr *x;
	struct cedar_span at;
	struct fixture f;

	begin(&f);
	CHECK_EQ_INT(ward_cedar_policies_parse_json(&f.s, ward_str(json), &f.d), WARD_OK);
	p = ward_cedar_policies_get(&f.s, ward_str("a"));
	REQUIRE(p != NULL);
	at = (struct cedar_span){ p->start, p->end };
	CHECK_EQ_INT(at.start, text - json);
	CHECK(json[at.end - 1] == '"' && json[at.end] == ',');
	CHECK(memcmp(&p->principal.type_at, &at, sizeof(at)) == 0);
	CHECK(memcmp(&p->action.at[0], &at, sizeof(at)) == 0);
	CHECK_EQ_INT(p->annotations[0].start, at.start);
	CHECK_EQ_INT(p->conditions[0].end, at.end);
	x = p->conditions[0].body;
	CHECK(memcmp(&x->is->type_at, &at, sizeof(at)) == 0);
	CHECK_EQ_INT(x->is->in->v[1]->fields[0].x->a->start, at.start);
	p = ward_cedar_policies_get(&f.s, ward_str("b"));
	REQUIRE(p != NULL);
	CHECK_EQ_INT(p->start, object - json);
	CHECK_EQ_INT(p->end, p->start + strlen(SJ));
	end(&f);
}

TAP_MAIN();

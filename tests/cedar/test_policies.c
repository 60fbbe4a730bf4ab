/* SPDX-License-Identifier: Apache-2.0 */
/* Policy sets: what is added is found under its id, what collides is refused and changes nothing, links fill slots. */
#include "cedar/eval/eval.h"
#include "tap.h"

#define BODY "(principal, action, resource)"

struct fixture {
	struct cedar_policies s;
	struct cedar_diags d;
};

static void begin(struct fixture *f)
{
	REQUIRE(ward_cedar_diags_init(&f->d) == WARD_OK);
	REQUIRE(ward_cedar_policies_init(&f->s) == WARD_OK);
}

static void end(struct fixture *f)
{
	ward_cedar_policies_done(&f->s);
	ward_cedar_diags_done(&f->d);
}

static int parse(struct fixture *f, const char *text, const char *prefix, bool static_only)
{
	struct cedar_parse_options o = { .id_prefix = prefix };

	return ward_cedar_policies_parse(&f->s, ward_str(text), &o, static_only, &f->d);
}

static const char *last(const struct fixture *f)
{
	return f->d.n > 0 ? f->d.v[f->d.n - 1].message : "";
}

static const struct cedar_uid *uid(struct fixture *f, const char *text)
{
	const struct cedar_uid *u = NULL;

	CHECK_EQ_INT(ward_cedar_parse_uid(f->s.pool, ward_str(text), &u, &f->d), WARD_OK);
	return u;
}

TEST(found_under_their_ids)
{
	struct fixture f;
	char id[32];

	begin(&f);
	CHECK_EQ_INT(parse(&f,
			     "permit" BODY "; forbid" BODY ";"
			     "permit(principal == ?principal, action, resource in ?resource);",
			     NULL, false),
		WARD_OK);
	CHECK_EQ_SIZE(f.s.statics.n, 2);
	CHECK_EQ_SIZE(f.s.templates.n, 1);
	for (int i = 0; i < 3; i++) {
		const struct cedar_policy *p;

		snprintf(id, sizeof(id), "policy%d", i);
		CASE("%s", id);
		p = ward_cedar_policies_get(&f.s, ward_str(id));
		REQUIRE(p != NULL);
		CHECK_STR_EQ(p->id->s, id);
		CHECK_EQ_INT(p->is_template, i == 2);
		CHECK_EQ_INT(p->effect, i == 1 ? CEDAR_FORBID : CEDAR_PERMIT);
		CHECK_NULL(ward_cedar_policies_get_link(&f.s, ward_str(id)));
	}
	CHECK_NULL(ward_cedar_policies_get(&f.s, ward_str("policy3")));
	CHECK_NULL(ward_cedar_policies_get(&f.s, ward_str("")));
	end(&f);
}

TEST(many)
{
	struct fixture f;
	struct ward_buf text = WARD_BUF_INIT;
	char id[32];

	begin(&f);
	for (int i = 0; i < 3000; i++)
		ward_buf_adds(&text, "permit" BODY ";");
	CHECK_EQ_INT(parse(&f, ward_buf_cstr(&text), "p", true), WARD_OK);
	CHECK_EQ_INT(parse(&f, ward_buf_cstr(&text), "q", true), WARD_OK);
	ward_buf_done(&text);
	CHECK_EQ_SIZE(f.s.statics.n, 6000);
	for (int i = 0; i < 3000; i++) {
		for (int k = 0; k < 2; k++) {
			snprintf(id, sizeof(id), "%c%d", k > 0 ? 'q' : 'p', i);
			CASE("%s", id);
			CHECK_EQ_PTR(ward_cedar_policies_get(&f.s, ward_str(id)),
				f.s.statics.v[k * 3000 + i]);
		}
	}
	end(&f);
}

TEST(an_error_changes_nothing)
{
	static const struct {
		const char *text, *prefix;
		bool static_only;
		const char *message;
	} rows[] = {
		{ "permit" BODY "; permit" BODY ";", NULL, false,
			"duplicate template or policy id `policy0`" },
		{ "permit" BODY "; permit(principal in ?principal, action, resource);", "x", true,
			"static policy set includes a template" },
		{ "permit" BODY "; permit(principal, action, resource == ?resource);", "x", true,
			"static policy set includes a template" },
		{ "permit" BODY "; permit;", "x", false, "unexpected token `;`" },
	};

	TABLE(row, rows) {
		struct fixture f;

		CASE("%s", row->text);
		begin(&f);
		CHECK_EQ_INT(parse(&f, "forbid" BODY ";", NULL, false), WARD_OK);
		CHECK_EQ_INT(parse(&f, row->text, row->prefix, row->static_only), WARD_E_PARSE);
		CHECK_STR_EQ(last(&f), row->message);
		CHECK_EQ_SIZE(f.s.statics.n, 1);
		CHECK_EQ_SIZE(f.s.templates.n, 0);
		CHECK_NULL(ward_cedar_policies_get(&f.s, ward_str("x0")));
		CHECK(ward_cedar_policies_get(&f.s, ward_str("policy0"))->effect == CEDAR_FORBID);
		end(&f);
	}
}

TEST(added_one_by_one)
{
	struct fixture f;
	struct cedar_policy_list list = { 0 };
	const struct cedar_policy *p;

	begin(&f);
	CHECK_EQ_INT(ward_cedar_parse_policies(f.s.pool,
			     ward_str("permit" BODY ";"
				      "permit(principal is U in ?principal, action, resource);"),
			     NULL, &list, &f.d),
		WARD_OK);
	for (size_t i = 0; i < list.n; i++) {
		CHECK_EQ_INT(ward_cedar_policies_add(&f.s, list.v[i], &f.d), WARD_OK);
		CHECK_EQ_INT(ward_cedar_policies_add(&f.s, list.v[i], &f.d), WARD_E_PARSE);
		p = ward_cedar_policies_get(&f.s, ward_cedar_text(list.v[i]->id));
		CHECK_EQ_PTR(p, list.v[i]);
	}
	CHECK_EQ_SIZE(f.d.errors, 2);
	CHECK_EQ_SIZE(f.s.statics.n, 1);
	CHECK_EQ_SIZE(f.s.templates.n, 1);
	ward_cedar_policy_list_done(&list);
	end(&f);
}

TEST(links)
{
	static const struct {
		const char *tmpl, *id, *principal, *resource;
		const char *message; /* NULL: it works */
	} rows[] = {
		{ "t0", "a", "U::\"a\"", NULL, NULL },
		{ "t1", "b", NULL, "R::\"a\"", NULL },
		{ "t2", "c", "U::\"a\"", "R::\"a\"", NULL },
		{ "t2", "d", "U::\"b\"", "R::\"a\"", NULL },
		{ "t0", "a", "U::\"a\"", NULL,
			"unable to link template: template-linked policy id `a` conflicts with an "
			"existing policy id" },
		{ "t0", "t0", "U::\"a\"", NULL,
			"unable to link template: template-linked policy id `t0` conflicts with an "
			"existing policy id" },
		{ "t0", "s0", "U::\"a\"", NULL,
			"unable to link template: template-linked policy id `s0` conflicts with an "
			"existing policy id" },
		{ "t0", "e", NULL, NULL,
			"unable to link template: the following slots were not provided as "
			"arguments: ?principal" },
		{ "t2", "e", NULL, NULL,
			"unable to link template: the following slots were not provided as "
			"arguments: ?principal,?resource" },
		{ "t1", "e", "U::\"a\"", "R::\"a\"",
			"unable to link template: the following slots were provided as arguments, "
			"but did not exist in the template: ?principal" },
		{ "t9", "e", "U::\"a\"", NULL,
			"unable to link template: failed to find a template with id `t9`" },
		{ "s0", "e", NULL, NULL, "expected a template, but a static policy was provided" },
		{ "a", "e", "U::\"a\"", NULL,
			"expected a template, but a static policy was provided" },
	};
	struct fixture f;
	size_t made = 0;

	begin(&f);
	CHECK_EQ_INT(parse(&f,
			     "permit(principal == ?principal, action, resource);"
			     "permit(principal, action, resource is R in ?resource);"
			     "forbid(principal in ?principal, action, resource == ?resource);",
			     "t", false),
		WARD_OK);
	CHECK_EQ_INT(parse(&f, "permit" BODY ";", "s", true), WARD_OK);
	TABLE(row, rows) {
		const struct cedar_uid *slots[CEDAR_SLOT_MAX] = { NULL, NULL };
		int r;

		CASE("%s as %s", row->tmpl, row->id);
		if (row->principal != NULL)
			slots[CEDAR_SLOT_PRINCIPAL] = uid(&f, row->principal);
		if (row->resource != NULL)
			slots[CEDAR_SLOT_RESOURCE] = uid(&f, row->resource);
		r = ward_cedar_policies_link(&f.s, ward_str(row->tmpl), ward_str(row->id), slots,
			&f.d);
		CHECK_EQ_INT(r, row->message == NULL ? WARD_OK : WARD_E_PARSE);
		if (row->message != NULL)
			CHECK_STR_EQ(last(&f), row->message);
		made += row->message == NULL;
		CHECK_EQ_SIZE(f.s.n_links, made);
		if (row->message == NULL)
			CHECK_STR_EQ(ward_cedar_policies_get_link(&f.s, ward_str(row->id))
					     ->tmpl->id->s,
				row->tmpl);
	}
	CHECK_NULL(ward_cedar_policies_get(&f.s, ward_str("a")));
	/* An id that a link has is taken for policies, too. */
	CHECK_EQ_INT(parse(&f, "permit" BODY ";", "e", true), WARD_OK);
	end(&f);
}

TEST(a_linked_policy_is_a_static_one)
{
	struct fixture f;
	const struct cedar_policy *p;
	const struct cedar_uid *slots[CEDAR_SLOT_MAX];

	begin(&f);
	CHECK_EQ_INT(parse(&f,
			     "@a forbid(principal in ?principal, action, resource is R in "
			     "?resource) when { context.x };",
			     "t", false),
		WARD_OK);
	slots[CEDAR_SLOT_PRINCIPAL] = uid(&f, "U::\"a\"");
	slots[CEDAR_SLOT_RESOURCE] = uid(&f, "R::\"b\"");
	CHECK_EQ_INT(ward_cedar_policies_link(&f.s, ward_str("t0"), ward_str("l"), slots, &f.d),
		WARD_OK);
	p = ward_cedar_link_policy(f.s.pool, ward_cedar_policies_get_link(&f.s, ward_str("l")));
	REQUIRE(p != NULL);
	CHECK_STR_EQ(p->id->s, "l");
	CHECK(!p->is_template && !p->principal.slot && !p->resource.slot);
	CHECK_EQ_INT(p->effect, CEDAR_FORBID);
	CHECK_EQ_INT(p->principal.op, CEDAR_SCOPE_IN);
	CHECK_EQ_INT(p->resource.op, CEDAR_SCOPE_IS_IN);
	CHECK(ward_cedar_uid_eq(p->principal.uid, slots[CEDAR_SLOT_PRINCIPAL]));
	CHECK(ward_cedar_uid_eq(p->resource.uid, slots[CEDAR_SLOT_RESOURCE]));
	CHECK_EQ_INT(p->n_conditions, 1);
	CHECK_EQ_INT(p->n_annotations, 1);
	CHECK(f.s.templates.v[0]->principal.slot);
	end(&f);
}

TEST(nothing_and_half_built)
{
	struct cedar_policies s = { 0 };

	ward_cedar_policies_done(&s);
	ward_cedar_policies_done(NULL);
	CHECK_NULL(ward_cedar_policies_get(&s, ward_str("a")));
	CHECK_NULL(ward_cedar_policies_get_link(&s, ward_str("a")));
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator: what it finds in small policies, word for word and with its places (validate.cases), and what those
 * cannot say: links, the old rule of applicable actions, several policies, failing memory, size.
 */
#include "../unit/alloc_fail.h"
#include "validate_cases.h"

/* ---- validate.cases ---- */

static void check_cases(uint8_t mode)
{
	const struct cedar_validate_options o = { .mode = mode, .level = -1 };
	struct cases s;
	struct one one;
	size_t n = 0;

	REQUIRE(cases_open(&s));
	for (; cases_next(&s, &one); n++) {
		struct check c;

		if (check_read(&c, ward_buf_cstr(&s.schema), ward_buf_cstr(&one.policy))) {
			check_run(&c, &o);
			check_lines(&c,
				ward_buf_cstr(mode == CEDAR_STRICT ? &one.strict : &one.permissive),
				mode == CEDAR_STRICT);
		}
		check_done(&c);
		one_done(&one);
	}
	CHECK(n > 300);
	cases_done(&s);
}

TEST(strict)
{
	check_cases(CEDAR_STRICT);
}

TEST(permissive)
{
	check_cases(CEDAR_PERMISSIVE);
}

/* ---- what cases cannot say ---- */

static const char small[] =
	"entity G; entity U in [G] {a: Long, b?: Long}; entity D in [F]; entity F;"
	"entity E enum [\"x\"]; action v appliesTo {principal: U, resource: D};";

static const struct cedar_uid *uid(struct check *c, const char *text)
{
	const struct cedar_uid *r = NULL;

	if (text != NULL)
		(void)ward_cedar_parse_uid(c->set.pool, ward_str(text), &r, NULL);
	return r;
}

/* What a slot is filled with is looked at with the link, under its name; the template by itself is sound. */
TEST(links)
{
	static const struct {
		const char *tmpl, *principal, *resource, *want;
	} links[] = {
		{ "permit(principal == ?principal, action, resource);", "U::\"a\"", NULL, "" },
		{ "permit(principal == ?principal, action, resource);", "Who::\"a\"", NULL,
			"UnrecognizedEntityType\t\tunrecognized entity type `Who`\tdid you mean `D`?\n"
			"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t\n" },
		{ "permit(principal == ?principal, action, resource);", "G::\"a\"", NULL,
			"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t"
			"try replacing `==` with `in` in the principal clause\n" },
		{ "permit(principal in ?principal, action, resource);", "G::\"a\"", NULL, "" },
		{ "permit(principal in ?principal, action, resource);", "D::\"a\"", NULL,
			"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t\n" },
		{ "permit(principal is U in ?principal, action, resource == ?resource);",
			"G::\"a\"", "F::\"a\"",
			"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t"
			"try replacing `==` with `in` in the resource clause\n" },
		{ "permit(principal, action, resource in ?resource);", NULL, "F::\"a\"", "" },
		{ "permit(principal, action, resource in ?resource);", NULL, "E::\"y\"",
			"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t\n" },
	};

	TABLE(l, links) {
		const struct cedar_uid *slots[CEDAR_SLOT_MAX];
		struct check c;

		CASE("%s %s %s", l->tmpl, l->principal, l->resource);
		if (check_read(&c, small, l->tmpl)) {
			slots[CEDAR_SLOT_PRINCIPAL] = uid(&c, l->principal);
			slots[CEDAR_SLOT_RESOURCE] = uid(&c, l->resource);
			CHECK_EQ_INT(ward_cedar_policies_link(&c.set, WARD_STR("policy0"),
					     WARD_STR("linked"), slots, &c.d),
				WARD_OK);
			check_run(&c, NULL);
			check_lines(&c, l->want, true);
			for (size_t i = 0; i < c.d.n; i++)
				CHECK_STR_EQ(c.d.v[i].policy, "linked");
		}
		check_done(&c);
	}
}

/* Until 4.10 a scope without an action was an error; now it is a warning. */
/* What is no mode is not the lenient one. */
TEST(no_mode)
{
	static const struct {
		uint8_t mode;
		int want;
	} rows[] = { { CEDAR_STRICT, WARD_E_REFUSED }, { CEDAR_PERMISSIVE, WARD_OK },
		{ CEDAR_PERMISSIVE + 1, WARD_E_REFUSED }, { 255, WARD_E_REFUSED } };

	TABLE(row, rows) {
		struct cedar_validate_options o = { .mode = row->mode, .level = -1 };
		struct check c;

		CASE("mode %u", row->mode);
		if (check_read(&c, small,
			    "permit(principal, action, resource) when { [] == [1] };")) {
			check_run(&c, &o);
			CHECK_EQ_INT(c.result, row->want);
		}
		check_done(&c);
	}
}

TEST(inapplicable)
{
	static const char text[] = "permit(principal == D::\"x\", action, resource);";
	struct cedar_validate_options o = { .level = -1, .inapplicable_is_error = true };
	struct check c;

	REQUIRE(check_read(&c, small, text));
	check_run(&c, &o);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	CHECK_EQ_SIZE(c.d.errors, 1);
	check_done(&c);
	REQUIRE(check_read(&c, small, text));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_OK);
	CHECK_EQ_SIZE(c.d.errors, 0);
	CHECK_EQ_SIZE(c.d.n, 2);
	check_done(&c);
}

/* Each policy's findings bear its name and come in the order of its text. */
TEST(several)
{
	static const char text[] =
		"permit(principal, action, resource) when { principal.b == 1 && principal.c == 1 };\n"
		"permit(principal, action, resource);\n"
		"permit(principal, action, resource) when { [].contains(1) };\n"
		"permit(principal == ?principal, action, resource) when { 1 };";
	static const char *const names[] = { "policy0", "policy0", "policy2", "policy3" };
	struct check c;

	REQUIRE(check_read(&c, small, text));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	CHECK_EQ_SIZE(c.d.n, 4);
	for (size_t i = 0; i < c.d.n && i < 4; i++) {
		CHECK_STR_EQ(c.d.v[i].policy, names[i]);
		CHECK(i == 0 || c.d.v[i].start > c.d.v[i - 1].start);
		CHECK(strstr(c.d.v[i].message, names[i]) != NULL);
	}
	check_done(&c);
}

/* A schema without an applicable action: nothing is possible, nothing is type-checked. */
TEST(no_environment)
{
	struct check c;

	REQUIRE(check_read(&c, "entity U; action a;",
		"permit(principal, action, resource) when { 1 };"));
	check_run(&c, NULL);
	check_lines(&c,
		"ImpossiblePolicy\t*\tpolicy is impossible: the policy expression evaluates to false for all valid requests\t\n"
		"InvalidActionApplication\t*\tunable to find an applicable action given the policy scope constraints\t\n",
		true);
	check_done(&c);
}

/* Values in JSON policies are checked as what they would be written as. */
TEST(values)
{
	static const struct {
		const char *value, *want;
	} values[] = {
		{ "1", "UnexpectedType\tunexpected type: expected Bool but saw Long\n" },
		{ "[1, 2]", "UnexpectedType\tunexpected type: expected Bool but saw Set<Long>\n" },
		{ "[]", "EmptySetForbidden\tempty set literals are forbidden in policies\n" },
		{ "[1, \"a\"]",
			"IncompatibleTypes\tthe types Long and String are not compatible\n" },
		{ "{\"b\": {\"a\": true}, \"a\": {\"__extn\": {\"fn\": \"ip\", \"arg\": \"::1\"}}}",
			"UnexpectedType\tunexpected type: expected Bool but saw {a: ipaddr,b: {a: __cedar::internal::True,},}\n" },
		{ "{\"__entity\": {\"type\": \"Who\", \"id\": \"x\"}}",
			"UnrecognizedEntityType\tunrecognized entity type `Who`\n" },
		{ "[{\"__entity\": {\"type\": \"E\", \"id\": \"y\"}}]",
			"InvalidEnumEntity\tentity `E::\"y\"` is of an enumerated entity type, but `\"y\"` is not declared as a valid eid\n"
			"UnexpectedType\tunexpected type: expected Bool but saw Set<E>\n" },
		{ "true", "" },
	};

	TABLE(v, values) {
		struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
		struct check c;

		CASE("%s", v->value);
		ward_buf_addf(&text,
			"{\"staticPolicies\": {\"policy0\": {\"effect\": \"permit\", \"principal\": {\"op\": \"All\"},"
			"\"action\": {\"op\": \"All\"}, \"resource\": {\"op\": \"All\"}, \"conditions\": [{\"kind\": \"when\","
			"\"body\": {\"Value\": %s}}]}}, \"templates\": {}, \"templateLinks\": []}",
			v->value);
		if (check_read(&c, small, "")) {
			CHECK_EQ_INT(ward_cedar_policies_parse_json(&c.set,
					     (struct ward_str){ text.s, text.n }, &c.d),
				WARD_OK);
			check_run(&c, NULL);
			check_lines(&c, v->want, false);
		}
		check_done(&c);
	}
}

/* Trees of partial evaluation hold whole values. */
TEST(value_nodes)
{
	struct cedar_value v[2] = { { .tag = CEDAR_V_LONG, .number = 1 }, { .tag = CEDAR_V_BOOL } };
	struct cedar_value set = { .tag = CEDAR_V_SET };
	struct cedar_condition body = { 0 };
	struct cedar_policy policy;
	struct cedar_expr x = { .kind = CEDAR_X_VALUE, .value = &set };
	struct check c;

	REQUIRE(check_read(&c, small, "permit(principal, action, resource) when { true };"));
	set.set = ward_cedar_set_new(ward_cedar_pool_arena(c.set.pool), v, 2);
	body.body = &x;
	policy = *c.set.statics.v[0];
	policy.conditions = &body;
	policy.id = ward_cedar_intern(c.set.pool, "p", 1);
	CHECK_EQ_INT(ward_cedar_policies_add(&c.set, &policy, &c.d), WARD_OK);
	check_run(&c, NULL);
	check_lines(&c,
		"IncompatibleTypes\tthe types __cedar::internal::False and Long are not compatible\n",
		false);
	check_done(&c);
}

/* Of a name that nobody misspelt there is no suggestion, and a long one costs nothing. */
TEST(suggestions)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&text, "permit(principal is A");
	for (int i = 0; i < 5000; i++)
		ward_buf_adds(&text, "b");
	ward_buf_adds(&text,
		", action, resource) when { principal[\"\"] || principal[\"\\u{e4}\"] };");
	REQUIRE(check_read(&c, small, ward_buf_cstr(&text)));
	check_run(&c, NULL);
	CHECK_EQ_SIZE(c.d.errors, 1);
	CHECK_NULL(c.d.v[0].help);
	check_done(&c);
	REQUIRE(check_read(&c, small,
		"permit(principal, action, resource) when { principal[\"\"] || principal[\"\\u{e4}\"] };"));
	check_run(&c, NULL);
	check_lines(&c,
		"UnsafeAttributeAccess\tprincipal[\"\"]\tattribute `[\"\"]` on entity type `U` not found\t\n"
		"UnsafeAttributeAccess\tprincipal[\"\\u{e4}\"]\tattribute `[\"\xc3\xa4\"]` on entity type `U` "
		"not found\tdid you mean `a`?\n",
		true);
	check_done(&c);
}

/* More findings than are kept are counted, and without anywhere to put them there is still an answer. */
TEST(many_findings)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&text, "permit(principal, action, resource) when { 1");
	for (int i = 0; i < 500; i++)
		ward_buf_addf(&text, " && %d", i);
	ward_buf_adds(&text, " };");
	REQUIRE(check_read(&c, small, ward_buf_cstr(&text)));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	CHECK_EQ_SIZE(c.d.n, WARD_CEDAR_DIAGS_MAX);
	CHECK_EQ_SIZE(c.d.errors, 501);
	CHECK_EQ_SIZE(c.d.dropped, 501 - WARD_CEDAR_DIAGS_MAX);
	CHECK_EQ_INT(ward_cedar_validate(c.schema, &c.set, NULL, NULL), WARD_E_REFUSED);
	check_done(&c);
}

/* Long chains and nested `is .. in`, `if` and records cost what their size does. */
TEST(no_blow_up)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_validate_options o = { .level = 3 };
	struct check c;

	ward_buf_adds(&text, "permit(principal, action, resource) when { true");
	for (int i = 0; i < 20000; i++)
		ward_buf_addf(&text, " && principal has b && principal.b > %d", i);
	ward_buf_adds(&text, " } when {");
	for (int i = 0; i < 300; i++)
		ward_buf_adds(&text, "(if ");
	ward_buf_adds(&text, "principal");
	for (int i = 0; i < 300; i++)
		ward_buf_adds(&text, " is U in G::\"g\" then principal else principal)");
	ward_buf_adds(&text, " has b || (");
	for (int i = 0; i < 20000; i++)
		ward_buf_adds(&text, "principal has b || ");
	ward_buf_adds(&text, "principal has b) && principal.b == 1 }");
	for (int i = 0; i < 20000; i++)
		ward_buf_adds(&text, " when { principal has b } unless { principal.b == 1 }");
	ward_buf_adds(&text, ";");
	REQUIRE(!text.failed && check_read(&c, small, ward_buf_cstr(&text)));
	check_run(&c, &o);
	CHECK_EQ_INT(c.result, WARD_OK);
	check_done(&c);
}

/* Types that share their parts are small in memory and endless on paper. */
TEST(shared_types)
{
	struct ward_buf schema WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&schema, "type A0 = {x: Long}; type B0 = {x: Long};\n");
	for (int i = 1; i < 60; i++)
		ward_buf_addf(&schema,
			"type A%d = {x: A%d, y: A%d}; type B%d = {x: B%d, y: B%d};\n", i, i - 1,
			i - 1, i, i - 1, i - 1);
	ward_buf_adds(&schema,
		"entity U {a: A59, b: B59, c: B58}; action v appliesTo {principal: U, resource: U};");
	c.result = WARD_OK;
	REQUIRE(!schema.failed);
	if (!check_read(&c, ward_buf_cstr(&schema),
		    "permit(principal, action, resource) when { principal.a == principal.b };")) {
		check_done(&c);
		return;
	}
	check_run(&c, NULL);
	CHECK(c.result == WARD_E_LIMIT || c.result == WARD_OK);
	check_done(&c);
	REQUIRE(check_read(&c, ward_buf_cstr(&schema),
		"permit(principal, action, resource) when { principal.a == 1 };"));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	check_done(&c);
}

/* Whichever allocation fails: an error, and no verdict. */
static void check_memory(const char *schema, const char *policy)
{
	CASE("%.200s", policy);
	for (unsigned long n = 1; n < 100000; n++) {
		const struct cedar_validate_options o = { .level = 1 };
		struct check c;

		REQUIRE(check_read(&c, schema, policy));
		alloc_fail_hit = false;
		alloc_fail_at = n;
		check_run(&c, &o);
		alloc_fail_at = 0;
		if (alloc_fail_hit)
			CHECK(c.result == WARD_E_NOMEM || c.result == WARD_E_REFUSED);
		if (alloc_fail_hit && c.result == WARD_E_REFUSED)
			CHECK(c.d.errors > 0);
		check_done(&c);
		if (!alloc_fail_hit)
			return;
	}
	FAIL("never enough memory");
}

TEST(memory)
{
	static const char *const texts[] = {
		"permit(principal, action, resource) when { principal.b == 1 && [1, \"a\"].isEmpty() };",
		"permit(principal is U, action, resource) when { principal has b && principal.b == 1 };",
		"permit(principal == Who::\"x\", action == Action::\"w\", resource == E::\"y\") when { resource.getTag(\"a\" "
		"+ 1) == decimal(\"x\") || principal has a.b.c };",
		"permit(principal in ?principal, action, resource) when { {a: principal, c: [principal]}.a == "
		"(if principal has b then principal else U::\"x\") };",
	};

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer has its own allocator");
	TABLE(text, texts) {
		check_memory(small, *text);
	}
}

/* The same where a policy is as long as all cases together: there is more to be had in the middle of things. */
TEST(memory_long)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf schema WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct cases s;
	struct one one;

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer has its own allocator");
	REQUIRE(cases_open(&s));
	ward_buf_adds(&text, "permit(principal, action, resource) when { true }");
	for (bool more = true; more && cases_next(&s, &one); one_done(&one)) {
		more = strncmp(one.how, "policy", 6) != 0;
		if (more)
			ward_buf_addf(&text, " when { %s }", one.body);
		if (schema.n == 0)
			ward_buf_add(&schema, s.schema.s, s.schema.n);
	}
	ward_buf_adds(&text, ";");
	check_memory(ward_buf_cstr(&schema), ward_buf_cstr(&text));
	cases_done(&s);
}

TAP_MAIN();

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile policy or schema may cost the validator. Costs are counted in steps, so that a test of them does not
 * depend on the machine: each has enough of them for work that grows with what is written, and none for its square.
 */
#include "validate_util.h"

static const char small[] =
	"entity U {a?: Long} tags String; action v, w appliesTo {principal: U, resource: U, context: {k?: Long}};";

struct row {
	const char *name;
	void (*make)(struct ward_buf *schema, struct ward_buf *policy);
	struct cedar_validate_options o;
	int want;
};

/* before0after, before1after, .. */
static void numbered(struct ward_buf *out, const char *before, const char *after, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ward_buf_addf(out, "%s%u%s%s", before, i, after, i + 1 < n ? ", " : "");
}

/* ---- environments ---- */

static void many_environments(struct ward_buf *schema, struct ward_buf *policy)
{
	ward_buf_adds(schema, "entity ");
	numbered(schema, "T", "", 40);
	ward_buf_adds(schema, " {a?: Long}; action ");
	numbered(schema, "a", "", 40);
	ward_buf_adds(schema, " appliesTo {principal: [");
	numbered(schema, "T", "", 40);
	ward_buf_adds(schema, "], resource: [");
	numbered(schema, "T", "", 40);
	ward_buf_adds(schema, "]};");
	ward_buf_adds(policy,
		"permit(principal, action, resource) when { principal has a && principal.a > 1 };");
}

/* ---- lists ---- */

static void long_list(struct ward_buf *schema, struct ward_buf *policy)
{
	ward_buf_adds(schema, "entity U; action ");
	numbered(schema, "a", "", 2000);
	ward_buf_adds(schema, " appliesTo {principal: U, resource: U};");
	ward_buf_adds(policy, "permit(principal, action in [");
	numbered(policy, "Action::\"a", "\"", 2000);
	ward_buf_adds(policy, "], resource) when { [");
	numbered(policy, "U::\"", "\"", 2000);
	ward_buf_adds(policy, "].contains(principal) };");
}

static void types(struct ward_buf *schema, unsigned n)
{
	ward_buf_adds(schema, "entity U; entity ");
	numbered(schema, "T", "", n);
	ward_buf_adds(schema, " {b: Long}; action v appliesTo {principal: U, resource: U};");
}

static void many_types(struct ward_buf *schema, struct ward_buf *policy)
{
	types(schema, 5000);
	ward_buf_adds(policy, "permit(principal, action, resource) when { [");
	numbered(policy, "T", "::\"x\"", 5000);
	ward_buf_adds(policy, "].containsAny([");
	numbered(policy, "T", "::\"x\"", 5000);
	ward_buf_adds(policy, ", principal]) };");
}

/* One of T<from> to T<to - 1>. */
static void one_of(struct ward_buf *policy, unsigned from, unsigned to)
{
	if (to - from == 1) {
		ward_buf_addf(policy, "T%u::\"x\"", from);
		return;
	}
	ward_buf_adds(policy, "(if principal == resource then ");
	one_of(policy, from, (from + to) / 2);
	ward_buf_adds(policy, " else ");
	one_of(policy, (from + to) / 2, to);
	ward_buf_adds(policy, ")");
}

static void two_unions(struct ward_buf *schema, struct ward_buf *policy)
{
	types(schema, 4000);
	ward_buf_adds(policy, "permit(principal, action, resource) when { ");
	one_of(policy, 0, 2000);
	ward_buf_adds(policy, " in ");
	one_of(policy, 2000, 4000);
	ward_buf_adds(policy, " };");
}

static const struct row rows[] = {
	{ "environments", many_environments, { .level = -1, .steps_max = 100000000 }, WARD_OK },
	{ "environments", many_environments, { .level = -1, .steps_max = 1000000 }, WARD_E_LIMIT },
	{ "actions", long_list, { .level = -1, .steps_max = 1000000 }, WARD_OK },
	{ "actions", long_list, { .level = 1, .steps_max = 1000000 }, WARD_OK },
	{ "types", many_types, { .mode = CEDAR_PERMISSIVE, .level = -1, .steps_max = 1000000 },
		WARD_OK },
	{ "unions", two_unions, { .mode = CEDAR_PERMISSIVE, .level = -1, .steps_max = 40000000 },
		WARD_OK },
	{ "unions", two_unions, { .mode = CEDAR_PERMISSIVE, .level = -1, .steps_max = 30000000 },
		WARD_E_LIMIT },
};

TEST(costs)
{
	TABLE(row, rows) {
		struct ward_buf schema WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
		struct ward_buf policy WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
		struct check c;

		CASE("%s", row->name);
		row->make(&schema, &policy);
		REQUIRE(!schema.failed && !policy.failed);
		if (check_read(&c, ward_buf_cstr(&schema), ward_buf_cstr(&policy))) {
			check_run(&c, &row->o);
			CHECK_EQ_INT(c.result, row->want);
			CHECK_EQ_SIZE(c.d.errors, row->want == WARD_E_LIMIT);
		}
		if (c.result == WARD_E_LIMIT) {
			CHECK_STR_CONTAINS(c.d.v[0].message,
				"policy `policy0` is not validated to the end: too many ");
			CHECK_STR_EQ(c.d.v[0].policy, "policy0");
			CHECK_EQ_INT(ward_cedar_validate(c.schema, &c.set, &row->o, NULL),
				WARD_E_LIMIT);
		}
		check_done(&c);
	}
}

/* What there is no room for is counted once, however many environments find it, and what is given up is said first. */
TEST(findings_without_room)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_validate_options few = { .level = -1, .steps_max = 30000 };
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
	ward_cedar_diags_done(&c.d);
	REQUIRE(ward_cedar_diags_init(&c.d) == WARD_OK);
	check_run(&c, &few);
	CHECK_EQ_INT(c.result, WARD_E_LIMIT);
	CHECK_STR_CONTAINS(c.d.v[0].message, "not validated to the end");
	check_done(&c);
}

/* Texts of findings that hold each other, types or ids: none is longer than can be read. */
TEST(long_texts)
{
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&text, "permit(principal, action, resource) when { ");
	for (int i = 0; i < 900; i++)
		ward_buf_adds(&text, "principal.getTag(");
	ward_buf_addc(&text, '"');
	for (int i = 0; i < 1000000; i++)
		ward_buf_addc(&text, 'x');
	ward_buf_addc(&text, '"');
	for (int i = 0; i < 900; i++)
		ward_buf_addc(&text, ')');
	ward_buf_adds(&text, " like \"x\" };");
	REQUIRE(!text.failed && check_read(&c, small, ward_buf_cstr(&text)));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	CHECK_EQ_SIZE(c.d.errors, 900);
	for (size_t i = 0; i < c.d.n; i++)
		CHECK(strlen(c.d.v[i].message) < 70000 && strlen(c.d.v[i].help) < 70000);
	check_done(&c);
}

TEST(long_list_of_ids)
{
	struct ward_buf schema WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&schema,
		"entity U; action v appliesTo {principal: U, resource: U}; entity E enum [");
	numbered(&schema, "\"id ", "\"", 20000);
	ward_buf_adds(&schema, "];");
	REQUIRE(check_read(&c, ward_buf_cstr(&schema),
		"permit(principal, action, resource) when { E::\"x\" == E::\"id 7\" };"));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	REQUIRE(c.d.n == 2); /* and a warning */
	CHECK_STR_CONTAINS(c.d.v[1].help, "valid entity eids: \"id 0\", \"id 1\", ");
	CHECK(strlen(c.d.v[1].help) < 70000);
	check_done(&c);
}

/* Looking for what was meant ends after so many long names; what is wrong is found all the same. */
TEST(long_suggestions)
{
	struct ward_buf schema WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct check c;

	ward_buf_adds(&schema, "entity U {");
	for (unsigned i = 0; i < 100; i++)
		ward_buf_addf(&schema, "\"%0250u\": Long,", i);
	ward_buf_adds(&schema, "}; action v appliesTo {principal: U, resource: U};");
	ward_buf_adds(&text, "permit(principal, action, resource) when { true");
	for (unsigned i = 0; i < 90; i++)
		ward_buf_addf(&text, " && principal[\"x%0248u\"] == 1", i);
	ward_buf_adds(&text, " };");
	REQUIRE(check_read(&c, ward_buf_cstr(&schema), ward_buf_cstr(&text)));
	check_run(&c, NULL);
	CHECK_EQ_INT(c.result, WARD_E_REFUSED);
	CHECK_EQ_SIZE(c.d.n, 90);
	CHECK(c.d.v[0].help != NULL);
	CHECK_NULL(c.d.v[89].help);
	check_done(&c);
}

TAP_MAIN();
